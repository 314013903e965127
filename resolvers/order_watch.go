package resolvers

import (
	"context"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

const (
	// watchPatience is how often in a row an order may fail to be read before those who follow it are let go.
	watchPatience = 5
	// watchPause is how long a follower waits after that failed.
	watchPause = time.Second
)

// follow tells an order as it is, and again whenever it may have changed, until ctx ends. Whoever asks is looked at each time: one
// who may not see the order, or not any more, reads null and nothing else.
func (r *Resolver) follow(ctx context.Context, id string) (<-chan *retail.Order, error) {
	o, err := r.order(ctx, &id, nil)
	if err != nil {
		return nil, err
	}
	out := make(chan *retail.Order, 1)
	if o != nil {
		auth.TellEventSubject(ctx, o.Subject())
	}
	out <- o
	if o == nil {
		close(out)
		return out, nil
	}
	hints, err := r.Watch.Follow(ctx, auth.PrincipalOf(ctx).ClientKey(), o.ID)
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(out)
		defer func() {
			if v := recover(); v != nil {
				r.Watch.Recovered(ctx, v)
			}
		}()
		r.tell(ctx, id, o.Version, hints, out)
	}()
	return out, nil
}

// tell sends the order whenever a hint turns out to be true.
func (r *Resolver) tell(ctx context.Context, id string, version int, hints <-chan struct{}, out chan<- *retail.Order) {
	pause := time.NewTimer(0) // the order may have changed since it was read first
	defer pause.Stop()
	for failures := 0; failures < watchPatience; {
		select {
		case <-ctx.Done():
			return
		case <-hints:
		case <-pause.C:
		}
		o, err := r.order(ctx, &id, nil)
		if err != nil {
			failures++
			pause.Reset(watchPause)
			continue
		}
		failures = 0
		if o != nil && o.Version == version {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case out <- o:
		}
		if o == nil {
			return
		}
		version = o.Version
	}
}
