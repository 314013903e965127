// One place's tills: the numbered log, the counters, the last report. A frozen lane goes on booking but shows what it
// was when it froze: the head office does not know yet.

package pos

import (
	"maps"
	"slices"
	"time"
)

// lateShare is the share of transactions that arrive late while delayMs is set; the others overtake them.
const lateShare = 0.5

type lane struct {
	location string
	keep     int
	seen     recent

	log       []transaction // numbers without holes up to seq; entries never change, so that readers may share them
	seq       uint64
	counters  map[string]counter
	reported  time.Time
	pickQueue int // as SetPickQueue says
	openTasks int // tasks of the gateway that are not picked yet

	silenced bool
	frozen   *frozenLane
}

type counter struct {
	sku string
	net int64
	seq uint64 // last transaction in it
}

type transaction struct {
	seq     uint64
	at      time.Time
	kind    string
	lines   []line
	arrived time.Time
	late    bool
}

type line struct {
	sku      string
	quantity int
	net      int64
}

type heartbeat struct {
	location  string
	at        time.Time
	seq       uint64
	pickQueue int
}

// frozenLane is what the head office shows meanwhile; changed holds the counters that moved since, as they were.
type frozenLane struct {
	beat    heartbeat
	changed map[string]counter
}

func newLane(location string, keep int, now time.Time) *lane {
	return &lane{
		location: location, keep: keep, seen: recent{limit: keep},
		counters: map[string]counter{}, reported: now,
	}
}

func (l *lane) freeze(on bool) {
	switch {
	case !on:
		l.frozen = nil
	case l.frozen == nil:
		l.frozen = &frozenLane{beat: l.heartbeat(), changed: map[string]counter{}}
	}
}

// heartbeat is the last report that the head office knows.
func (l *lane) heartbeat() heartbeat {
	if l.frozen != nil {
		return l.frozen.beat
	}
	return heartbeat{location: l.location, at: l.reported, seq: l.seq, pickQueue: l.pickQueue + l.openTasks}
}

// counter is what the head office knows of one SKU; zero when it was never sold.
func (l *lane) counter(sku string) counter {
	if l.frozen != nil {
		if was, changed := l.frozen.changed[sku]; changed {
			return was
		}
	}
	return l.counters[sku]
}

// snapshot lists every counter that ever moved, as far as the head office knows; one back at zero too, for a reader that
// missed the way back.
func (l *lane) snapshot() []counter {
	out := make([]counter, 0, len(l.counters))
	for sku := range l.counters {
		if c := l.counter(sku); c.seq != 0 {
			out = append(out, c)
		}
	}
	return out
}

// totals are the counters as the tills know them.
func (l *lane) totals() map[string]int64 {
	out := make(map[string]int64, len(l.counters))
	for sku, c := range l.counters {
		out[sku] = c.net
	}
	return out
}

// book records a transaction, unless its reference was booked before.
func (l *lane) book(t upload, now time.Time, late bool) (booked transaction, fresh bool) {
	l.reported = now
	if !l.seen.add(t.reference) {
		return transaction{}, false
	}
	return l.record(t, now, late), true
}

// record gives a transaction the next number.
func (l *lane) record(t upload, now time.Time, late bool) transaction {
	l.seq++
	booked := transaction{
		seq: l.seq, at: t.at, kind: t.kind, arrived: now, late: late,
		lines: make([]line, len(t.lines)),
	}
	for i, sold := range t.lines {
		c := l.count(sold)
		booked.lines[i] = line{sku: c.sku, quantity: sold.quantity, net: c.net}
	}
	if len(l.log) >= l.keep+l.keep/4+1 {
		l.log = slices.Clone(l.log[len(l.log)-l.keep+1:])
	}
	l.log = append(l.log, booked)
	return booked
}

func (l *lane) count(sold uploadLine) counter {
	c, known := l.counters[sold.sku]
	if l.frozen != nil {
		if _, noted := l.frozen.changed[sold.sku]; !noted {
			l.frozen.changed[sold.sku] = c
		}
	}
	if !known {
		c.sku = sold.sku
	}
	c.net += int64(sold.quantity)
	c.seq = l.seq
	l.counters[c.sku] = c
	return c
}

// after returns the kept transactions beyond a number, as far as the head office knows them.
func (l *lane) after(seq uint64) []transaction {
	known := l.heartbeat().seq
	if len(l.log) == 0 || seq >= known {
		return nil
	}
	first := l.log[0].seq
	if known < first { // all that was known has left the log
		return nil
	}
	return l.log[max(seq+1, first)-first : known+1-first]
}

// visible reports whether the transaction has arrived, when late ones take delay.
func (t *transaction) visible(now time.Time, delay time.Duration) bool {
	return !t.late || now.Sub(t.arrived) >= delay
}

// recent remembers at least the last limit references, and at most twice as many.
type recent struct {
	limit      int
	young, old map[string]struct{}
}

// add reports whether the reference is new.
func (r *recent) add(reference string) bool {
	if _, known := r.young[reference]; known {
		return false
	}
	if _, known := r.old[reference]; known {
		return false
	}
	if r.young == nil || len(r.young) >= r.limit {
		r.old, r.young = r.young, map[string]struct{}{}
	}
	r.young[reference] = struct{}{}
	return true
}

// Totals returns the net units sold per SKU at a place as its tills know them, whatever the head office shows while it
// is stale or the place silent. It is nil for a place without tills.
func (s *Server) Totals(location string) map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.lanes[location]
	if !ok {
		return nil
	}
	return l.totals()
}

// SetPrice programs a shelf price, in major units, into every till.
func (s *Server) SetPrice(sku, amount string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prices[sku] = amount
}

// Locations lists the places with tills, sorted.
func (s *Server) Locations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.lanes))
}
