package stock

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/retail"
)

// Health is how a feed does.
type Health struct {
	Source retail.Source
	// Status is of the source: down when its last two polls failed, or the first ones; stale before the first poll.
	Status retail.Status
	// LastSuccess is when the source last answered; zero when it never did.
	LastSuccess time.Time
	// LastError is the last failure of the source or of the projection; nil when all is well now.
	LastError error
	// SnapshotComplete says that everything of the source's snapshot is in the projection.
	SnapshotComplete bool
	// Applied counts facts written since the process began; Quarantined counts unreadable ones left out.
	Applied, Quarantined uint64
	// Waiting is how many facts wait in memory for a place or for a partition that fails.
	Waiting int
	// Newest is the latest watermark written by this process; zero when none.
	Newest time.Time
	// Oldest is the watermark of the location furthest behind, OldestLocation.
	Oldest         time.Time
	OldestLocation string
}

// Health is how the feed does now.
func (f *Feed) Health() Health { return f.status.health(f.deps.Layout()) }

// Status is Health.Status alone, for the hot path.
func (f *Feed) Status() retail.Status {
	f.status.mu.Lock()
	defer f.status.mu.Unlock()
	return f.status.source()
}

// Queue is the number of open pick tasks at a location; 0 when nobody told.
func (f *Feed) Queue(location string) int {
	f.status.mu.Lock()
	defer f.status.mu.Unlock()
	return f.status.queues[location]
}

// Ready reports whether the source's snapshot was complete once. It stays true when a lost projection is filled again.
func (f *Feed) Ready() bool {
	f.status.mu.Lock()
	defer f.status.mu.Unlock()
	return f.status.ready
}

// CaughtUp waits until a poll that begins after this call has told everything and all of it is in the projection, except
// for locations without a place. It polls at once when the feed is idle.
func (f *Feed) CaughtUp(ctx context.Context) error {
	s := f.status
	s.mu.Lock()
	want := s.begun + 1
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	for {
		s.mu.Lock()
		settled, changed := s.settled, s.changed
		s.mu.Unlock()
		if settled >= want {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// feedStatus is what others may ask while the feed runs.
type feedStatus struct {
	wake chan struct{} // ends an idle pause

	mu       sync.Mutex
	state    Health
	ready    bool
	polls    int // answered or failed
	failures int // of the source, in a row
	marks    map[string]time.Time
	queues   map[string]int
	begun    uint64 // polls begun
	settled  uint64 // the last poll that told everything
	changed  chan struct{}
}

func newFeedStatus(name retail.Source) *feedStatus {
	return &feedStatus{
		wake: make(chan struct{}, 1), state: Health{Source: name}, marks: map[string]time.Time{}, queues: map[string]int{},
		changed: make(chan struct{}),
	}
}

func (s *feedStatus) health(layout Layout) Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.state
	h.Status = s.source()
	for code, at := range s.marks {
		if _, placed := layout[code]; !placed {
			continue
		}
		if at.After(h.Newest) {
			h.Newest = at
		}
		if h.OldestLocation == "" || at.Before(h.Oldest) || (at.Equal(h.Oldest) && code < h.OldestLocation) {
			h.Oldest, h.OldestLocation = at, code
		}
	}
	return h
}

// source is the source's status; the caller holds the lock.
func (s *feedStatus) source() retail.Status {
	switch {
	case s.polls == 0:
		return retail.StatusStale
	case s.failures >= 2 || (s.failures > 0 && s.state.LastSuccess.IsZero()):
		return retail.StatusDown
	}
	return retail.StatusOK
}

// begin counts a poll that begins.
func (s *feedStatus) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun++
}

func (s *feedStatus) polled(now time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.polls++
	if err != nil {
		s.failures++
		return
	}
	s.failures, s.state.LastSuccess = 0, now
}

func (s *feedStatus) heard(queues []Queue, bad int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range queues {
		s.queues[q.Location] = q.Open
	}
	s.state.Quarantined += uint64(bad)
}

func (s *feedStatus) applied(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Applied += uint64(n)
}

func (s *feedStatus) waits(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Waiting = n
}

func (s *feedStatus) advanced(location string, asOf time.Time) {
	if asOf.IsZero() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marks[location] = asOf
}

// fail sets the error of the last step and returns the one before.
func (s *feedStatus) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.state.LastError
	s.state.LastError = err
	return was
}

func (s *feedStatus) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.SnapshotComplete = false
	clear(s.marks)
}

// complete notes that the snapshot is in the projection and reports whether that is news.
func (s *feedStatus) complete() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.state.SnapshotComplete
	s.state.SnapshotComplete, s.ready = true, true
	return !was
}

// settle tells those who wait that the last poll told everything and all of it is written.
func (s *feedStatus) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = s.begun
	close(s.changed)
	s.changed = make(chan struct{})
}

type feedMetrics struct {
	facts, quarantined, restarts prometheus.Counter
	polls                        *prometheus.CounterVec
}

func newFeedMetrics(name retail.Source, reg prometheus.Registerer, health func() Health, now func() time.Time) *feedMetrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &feedMetrics{
		facts:       counter("portico_feed_facts_total", "Facts written to the projection."),
		quarantined: counter("portico_feed_quarantined_total", "Items of a source that were unreadable and left out."),
		restarts:    counter("portico_feed_restarts_total", "Times the projection had lost rows and the source began again."),
		polls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_feed_polls_total", Help: "Polls of a source by outcome.",
		}, []string{"outcome"}),
	}
	if reg == nil {
		return m
	}
	gauge := func(name, help string, value func(Health) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(health()) })
	}
	age := func(at time.Time) float64 {
		if at.IsZero() {
			return math.NaN()
		}
		return now().Sub(at).Seconds()
	}
	prometheus.WrapRegistererWith(prometheus.Labels{"source": string(name)}, reg).MustRegister(
		m.facts, m.quarantined, m.restarts, m.polls,
		gauge("portico_feed_lag_seconds", "Age of the newest watermark.", func(h Health) float64 { return age(h.Newest) }),
		gauge("portico_feed_oldest_lag_seconds", "Age of the watermark of the location furthest behind.",
			func(h Health) float64 { return age(h.Oldest) }),
		gauge("portico_feed_waiting_facts", "Facts that wait for a place or for a partition that fails.",
			func(h Health) float64 { return float64(h.Waiting) }),
	)
	return m
}
