package pos

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// A lane is the transaction log of one place. Its position is the end of the run of transactions read without a hole;
// what lies beyond a hole is delivered too, since facts are absolute, but the place gets no mark while the hole is open.
// A lane that makes no progress for GapPatience is due: its counters are read instead and it goes on from their
// position. So what is read again beyond a hole is bounded by GapPatience and by the size of a reply.

// lane is one place in the cursor.
type lane struct {
	Seq   uint32 `json:"s"`           // last transaction of the run without holes
	Since int64  `json:"h,omitempty"` // ms since 1970: stuck behind its end since then; 0 when it is not behind
}

// cursor is where the feed stands.
type cursor struct {
	Lanes  map[string]lane `json:"l"`           // lanes that are read from the log
	Due    []string        `json:"d,omitempty"` // places whose counters are to be read
	Listed int64           `json:"t"`           // ms since 1970 of the last lane list
}

// parseCursor reads a cursor; one that cannot be read starts from a snapshot, which is always safe.
func parseCursor(text string) cursor {
	var cur cursor
	if err := json.Unmarshal([]byte(text), &cur); err != nil || cur.Lanes == nil {
		return cursor{Lanes: map[string]lane{}}
	}
	return cur
}

// String is the cursor for the next poll.
func (cur cursor) String() string {
	text, err := json.Marshal(cur)
	if err != nil {
		panic(err) // numbers and strings always marshal
	}
	return string(text)
}

// list takes over the places that have tills: new ones are due, those without tills any more are dropped.
func (cur *cursor) list(beats []heartbeat, now time.Time) {
	listed := make(map[string]bool, len(beats))
	for _, beat := range beats {
		listed[beat.location] = true
	}
	maps.DeleteFunc(cur.Lanes, func(location string, _ lane) bool { return !listed[location] })
	cur.Due = slices.DeleteFunc(cur.Due, func(location string) bool { return !listed[location] })
	for _, location := range slices.Sorted(maps.Keys(listed)) {
		if _, known := cur.Lanes[location]; !known && !slices.Contains(cur.Due, location) {
			cur.Due = append(cur.Due, location)
		}
	}
	cur.Listed = now.UnixMilli()
}

// readable lists the lanes to read from the log.
func (cur *cursor) readable() []string {
	var list []string
	for _, location := range slices.Sorted(maps.Keys(cur.Lanes)) {
		if !slices.Contains(cur.Due, location) {
			list = append(list, location)
		}
	}
	return list
}

// jump takes a lane to the position of its counters, never back.
func (cur *cursor) jump(location string, seq uint32) {
	cur.Lanes[location] = lane{Seq: max(cur.Lanes[location].Seq, seq)}
	cur.Due = slices.DeleteFunc(cur.Due, func(due string) bool { return due == location })
}

// readAt is the clock around a LogRead.
type readAt struct {
	start, now time.Time
	patience   time.Duration
}

// advance moves the lanes over the transactions of a reply, and adds marks and queues to b. It reports whether the log
// has more to tell at once.
func (cur *cursor) advance(asked []string, reply *logReply, at readAt, b *stock.Batch) (more bool) {
	seen := make(map[string][]uint32, len(asked))
	for _, t := range reply.transactions {
		if t.whole { // one that is not stays a hole, which the counters will fill
			seen[t.location] = append(seen[t.location], t.seq)
		}
	}
	beats := make(map[string]heartbeat, len(asked))
	for _, beat := range reply.heartbeats {
		if _, twice := beats[beat.location]; !twice {
			beats[beat.location] = beat
		}
	}
	for _, location := range asked {
		was := cur.Lanes[location]
		seqs := seen[location]
		slices.Sort(seqs)
		is := lane{Seq: runFrom(was.Seq, seqs), Since: was.Since}
		beat, alive := beats[location]
		end := beat.lastSeq
		if len(seqs) > 0 {
			end = max(end, seqs[len(seqs)-1])
		}
		switch {
		case is.Seq >= end:
			is.Since = 0
		case is.Seq > was.Seq:
			is.Since = at.now.UnixMilli()
			more = true
		case is.Since == 0, is.Since > at.now.UnixMilli(): // or our clock was set back
			is.Since = at.now.UnixMilli()
		case at.now.UnixMilli()-is.Since >= at.patience.Milliseconds():
			cur.Due = append(cur.Due, location)
			is.Since = 0
			more = true
		}
		cur.Lanes[location] = is
		if !alive {
			continue
		}
		b.Queues = append(b.Queues, stock.Queue{Location: location, Open: beat.pickQueue})
		// A head office that knows less than we have read has lost data: its date is worth nothing.
		if is.Seq >= end && beat.lastSeq >= was.Seq {
			b.Marks = append(b.Marks, mark(location, at.start, beat.at))
		}
	}
	return more
}

// runFrom is the end of the run of numbers that follows seq without a hole; seqs is sorted and may repeat.
func runFrom(seq uint32, seqs []uint32) uint32 {
	for _, next := range seqs {
		if next == seq+1 {
			seq = next
		}
	}
	return seq
}

// mark dates a place: as of the tills' last report, but not later than when we asked.
func mark(location string, start, reported time.Time) stock.Mark {
	if reported.After(start) {
		reported = start
	}
	return stock.Mark{Location: location, Source: retail.SourcePOS, AsOf: reported.UTC()}
}

// fold adds the facts of a log to b, the highest number of each pair, and counts entries of lanes that were not asked.
func (cur *cursor) fold(asked []string, reply *logReply, b *stock.Batch) {
	lanes := make(map[string]uint32, len(asked))
	for _, location := range asked {
		lanes[location] = cur.Lanes[location].Seq
	}
	at := make(map[stock.Pair]int, len(reply.lines))
	for _, t := range reply.transactions {
		after, ours := lanes[t.location]
		if !ours {
			reply.unreadable++
			continue
		}
		if t.seq <= after {
			continue // repeated
		}
		for _, l := range reply.lines[t.from:t.to] {
			pair := stock.Pair{Location: t.location, SKU: l.sku}
			i, known := at[pair]
			if !known {
				i = len(b.Facts)
				at[pair] = i
				b.Facts = append(b.Facts, fact(pair, 0, 0))
			}
			if f := &b.Facts[i]; t.seq >= f.Version {
				f.Version, f.Value = t.seq, l.net
			}
		}
	}
}

func fact(pair stock.Pair, seq uint32, net int32) stock.Fact {
	return stock.Fact{Location: pair.Location, SKU: pair.SKU, Source: retail.SourcePOS, Version: seq, Value: net}
}
