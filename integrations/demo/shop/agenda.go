// The agenda is what the shop does by itself later: a payment settles, a courier moves, a parcel arrives. It goes by the
// shop's own clock.

package shop

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// longestNap bounds how long a loop trusts the distance to the next thing due: clocks can be moved.
const longestNap = time.Second

type agenda struct {
	mu    sync.Mutex
	tasks taskHeap
	seq   int
	woken chan struct{} // holds one
}

// task does something once it is due and returns the pause until it wants to be done again, 0 for never.
type task struct {
	due time.Time
	seq int // what is due at the same instant goes in the order of planning
	do  func(context.Context) (again time.Duration)
}

func (a *agenda) plan(due time.Time, do func(context.Context) time.Duration) {
	a.mu.Lock()
	a.seq++
	heap.Push(&a.tasks, task{due, a.seq, do})
	a.mu.Unlock()
	wake(a.woken)
}

// work does what is due by now.
func (a *agenda) work(ctx context.Context, now time.Time) {
	for ctx.Err() == nil {
		t, ok := a.take(now)
		if !ok {
			return
		}
		if again := t.do(ctx); again > 0 {
			a.plan(now.Add(again), t.do)
		}
	}
}

func (a *agenda) take(now time.Time) (task, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.tasks) == 0 || a.tasks[0].due.After(now) {
		return task{}, false
	}
	return heap.Pop(&a.tasks).(task), true
}

// nap is how long there is nothing to do.
func (a *agenda) nap(now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.tasks) == 0 {
		return longestNap
	}
	return min(longestNap, a.tasks[0].due.Sub(now))
}

// wake lets the loop that listens look again.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

type taskHeap []task

func (h taskHeap) Len() int { return len(h) }
func (h taskHeap) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].seq < h[j].seq
	}
	return h[i].due.Before(h[j].due)
}
func (h taskHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *taskHeap) Push(x any)   { *h = append(*h, x.(task)) }
func (h *taskHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = task{}
	*h = old[:len(old)-1]
	return last
}

// Run lets the shop do its own work, and send its events, until ctx ends; then it returns nil.
func (s *Server) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	loops.Go(func() { s.loop(ctx, s.agenda.woken, s.agenda.nap, s.workAgenda) })
	loops.Go(func() { s.loop(ctx, s.events.woken, s.events.nap, s.sendEvents) })
	loops.Wait()
	return nil
}

// Work does once what is due by now: the shop's own work, then its events.
func (s *Server) Work(ctx context.Context) {
	s.workAgenda(ctx)
	s.sendEvents(ctx)
}

func (s *Server) loop(
	ctx context.Context, woken <-chan struct{}, nap func(now time.Time) time.Duration, work func(context.Context),
) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-woken:
		case <-timer.C:
		}
		pause := longestNap
		if !s.standsStill() {
			work(ctx)
			pause = max(time.Millisecond, nap(s.now()))
		}
		timer.Reset(pause)
	}
}

func (s *Server) workAgenda(ctx context.Context) {
	if !s.standsStill() {
		s.agenda.work(ctx, s.now())
	}
}

func (s *Server) sendEvents(ctx context.Context) {
	if !s.standsStill() {
		s.events.send(ctx, s.now)
	}
}

// standsStill reports whether the shop is stale.
func (s *Server) standsStill() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frozen != nil
}
