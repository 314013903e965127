package stock

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/retail"
)

// watch is when each partition is to be looked at, and how it was when it last was.
type watch struct {
	wake chan struct{} // ends the pause

	mu   sync.Mutex
	next map[uint16]time.Time
	open map[uint16]bool
	live map[uint16]int
	// gone are partitions that a call found closed after they were last listed as due.
	gone map[uint16]bool
}

func newWatch() *watch {
	return &watch{
		wake: make(chan struct{}, 1), next: map[uint16]time.Time{}, open: map[uint16]bool{}, live: map[uint16]int{},
		gone: map[uint16]bool{},
	}
}

// dueIn notes that a claim of the partition is due a while from now. A partition that was never looked at stays due at once.
func (w *watch) dueIn(partition uint16, now time.Time, in time.Duration) {
	at := now.Add(in + time.Millisecond)
	w.mu.Lock()
	next, known := w.next[partition]
	sooner := known && at.Before(next)
	if sooner {
		w.next[partition] = at
	}
	w.mu.Unlock()
	if sooner {
		w.stir()
	}
}

func (w *watch) stir() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// lost has the partition rebuilt.
func (w *watch) lost(partition uint16) {
	w.mu.Lock()
	w.open[partition], w.gone[partition], w.next[partition] = false, true, time.Time{}
	w.mu.Unlock()
	w.stir()
}

func (w *watch) closed(partition uint16) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[partition] = false
}

// reopened notes that a partition was rebuilt; the next look tells what is due.
func (w *watch) reopened(partition uint16, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[partition], w.next[partition] = !w.gone[partition], now
}

func (w *watch) at(partition uint16, next time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next[partition] = next
}

// reaped notes how a partition is. A claim that was made meanwhile may be due sooner than the answer knows.
func (w *watch) reaped(partition uint16, r Reaped, asked time.Time) {
	wait := watchIdle
	if r.Next >= 0 {
		wait = min(wait, r.Next+time.Millisecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone[partition] { // after the projection answered
		return
	}
	w.open[partition], w.live[partition] = true, r.Live
	at := asked.Add(wait)
	if old := w.next[partition]; old.After(asked) && old.Before(at) {
		at = old
	}
	w.next[partition] = at
}

// due lists the partitions to look at now; one that is new is due.
func (w *watch) due(partitions map[uint16][]string, now time.Time) []uint16 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []uint16
	for p := range partitions {
		if !w.next[p].After(now) {
			list = append(list, p)
			delete(w.gone, p)
		}
	}
	slices.Sort(list)
	return list
}

// wait is how long nothing is due; a layout that grows is looked at soon.
func (w *watch) wait(now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	wait := watchBackoff
	for _, at := range w.next {
		wait = min(wait, at.Sub(now))
	}
	return max(time.Millisecond, wait)
}

func (w *watch) allOpen(partitions map[uint16][]string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range partitions {
		if !w.open[p] {
			return false
		}
	}
	return true
}

func (w *watch) counted() (sum float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.live {
		sum += float64(n)
	}
	return sum
}

type holdMetrics struct {
	calls    *prometheus.CounterVec
	lapsed   prometheus.Counter
	rebuilds *prometheus.CounterVec
}

func newHoldMetrics(reg prometheus.Registerer, w *watch) *holdMetrics {
	m := &holdMetrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_claim_calls_total", Help: "Calls about holds and claims by outcome.",
		}, []string{"call", "outcome"}),
		lapsed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "portico_claims_expired_total", Help: "Claims that this process ended because their time was over.",
		}),
		rebuilds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_claim_rebuilds_total", Help: "Times that the claims of a partition were counted anew from the ledger.",
		}, []string{"outcome"}),
	}
	if reg != nil {
		reg.MustRegister(m.calls, m.lapsed, m.rebuilds, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "portico_claims_live", Help: "Claims that are counted, as of the last look at each partition.",
		}, w.counted))
	}
	return m
}

// count counts a call and returns its error.
func (m *holdMetrics) count(call string, err error) error {
	outcome := "ok"
	if err != nil {
		outcome = "error"
		if list, ok := retail.RefusalsOf(err); ok {
			outcome = string(list[0].Why)
		}
	}
	m.calls.WithLabelValues(call, outcome).Inc()
	return err
}

func (m *holdMetrics) rebuilt(err error) {
	switch {
	case err == nil:
		m.rebuilds.WithLabelValues("ok").Inc()
	case !errors.Is(err, ErrRebuildLost):
		m.rebuilds.WithLabelValues("error").Inc()
	}
}
