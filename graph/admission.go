package graph

import (
	"context"
	"sync/atomic"
	"time"
)

// admission bounds the requests that are worked on at once. A few more may wait a moment, which smooths bursts; the rest
// is shed at once, while shedding is still cheap.
type admission struct {
	slots    chan struct{}
	waiting  atomic.Int64
	queue    int64         // requests that may wait
	patience time.Duration // how long one waits
}

// patience is short against the time that a client waits for an answer anyway.
const patience = 100 * time.Millisecond

func newAdmission(slots int) *admission {
	return &admission{slots: make(chan struct{}, slots), queue: 2 * int64(slots), patience: patience}
}

// enter takes a slot, which the caller gives back with leave, or reports false.
func (a *admission) enter(ctx context.Context) bool {
	select {
	case a.slots <- struct{}{}:
		return true
	default:
	}
	defer a.waiting.Add(-1)
	if a.waiting.Add(1) > a.queue {
		return false
	}
	over := time.NewTimer(a.patience)
	defer over.Stop()
	select {
	case a.slots <- struct{}{}:
		return true
	case <-over.C:
	case <-ctx.Done():
	}
	return false
}

func (a *admission) leave() { <-a.slots }
