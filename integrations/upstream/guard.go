// Package upstream makes calls to backends safe: a deadline taken from the request, few retries inside a budget, a
// circuit breaker, a bulkhead, size caps, and one place that measures and reports. Adapters make every call through Do.
//
// A backend has two guards, one for the calls that a shopper waits for and one for the background feed. A snapshot that
// takes too long must not shut the door to live calls, and a rush of live calls must not starve the feed, which is what
// makes them unnecessary. The price is that each guard learns of an outage by itself, within a handful of calls.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/portico-retail/portico/retail"
)

// Guard stands before one backend.
type Guard struct {
	// Random draws the share of a retry's longest pause, 0 to below 1; math/rand/v2 by default. Set it before the first call.
	Random func() float64

	source   retail.Source
	name     string
	cfg      Config
	metrics  *Metrics
	breaker  *breaker
	bulkhead bulkhead.Bulkhead[any]
	budget   *budget
}

// New returns a guard; name tells the guards of one source apart in metrics. It panics when cfg is not valid.
func New(cfg Config, source retail.Source, name string, m *Metrics) *Guard {
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	cfg = cfg.withDefaults()
	m.stateChanged(source, name, circuitbreaker.ClosedState)
	return &Guard{
		Random: rand.Float64,
		source: source, name: name, cfg: cfg, metrics: m,
		breaker: newBreaker(cfg, func(s circuitbreaker.State) { m.stateChanged(source, name, s) }),
		// The zero wait is what makes a full bulkhead refuse instead of queueing.
		bulkhead: bulkhead.New[any](uint(cfg.MaxConcurrent)),
		budget:   newBudget(cfg.RetryShare),
	}
}

// Status is DOWN while the breaker is not closed, else OK.
func (g *Guard) Status() retail.Status {
	if g.breaker.closed() {
		return retail.StatusOK
	}
	return retail.StatusDown
}

// Do makes a call that is safe to repeat. It returns by the caller's deadline less the reserve, or within
// Config.Timeout, even if fn ignores its context; fn then runs on by itself and keeps its place in the bulkhead.
//
// Errors are retail errors: what fn returned if it is one, CodeTimeout when the caller's time is used up, else
// CodeUpstreamUnavailable; CodeInternal when fn panics.
func Do[T any](ctx context.Context, g *Guard, op string, fn func(context.Context) (T, error)) (T, error) {
	return call(ctx, g, op, g.cfg.MaxAttempts, fn)
}

// Once is Do without retries, for a call that must not be repeated.
func Once[T any](ctx context.Context, g *Guard, op string, fn func(context.Context) (T, error)) (T, error) {
	return call(ctx, g, op, 1, fn)
}

func call[T any](
	ctx context.Context, g *Guard, op string, maxAttempts int, fn func(context.Context) (T, error),
) (T, error) {
	start := time.Now()
	limit, hurried := g.limit(ctx, start)
	callCtx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	value, attempts, err := try(callCtx, g, maxAttempts, fn)
	if err != nil {
		usedUp := ctx.Err() != nil || (hurried && callCtx.Err() != nil)
		err = g.explain(err, usedUp)
	}
	g.report(ctx, op, attempts, time.Since(start), err)
	return value, err
}

// limit is when a call must be over; hurried says that the caller's deadline is what limits it. A quarter of the caller's
// time is left to it, so that it can answer without this backend.
func (g *Guard) limit(ctx context.Context, start time.Time) (limit time.Time, hurried bool) {
	limit = start.Add(g.cfg.Timeout)
	deadline, ok := ctx.Deadline()
	if !ok {
		return limit, false
	}
	if soonest := deadline.Add(-max(g.cfg.Reserve, deadline.Sub(start)/4)); soonest.Before(limit) {
		return soonest, true
	}
	return limit, false
}

// try makes attempts until one succeeds or another would not help.
func try[T any](
	ctx context.Context, g *Guard, maxAttempts int, fn func(context.Context) (T, error),
) (value T, attempts int, err error) {
	g.budget.earn()
	for {
		if ctx.Err() != nil {
			return value, attempts, errors.Join(ctx.Err(), err)
		}
		var made bool
		value, made, err = attempt(ctx, g, fn)
		if !made {
			return value, attempts, err
		}
		attempts++
		if err == nil || attempts >= maxAttempts || !repeatable(err) || !g.budget.spend() {
			return value, attempts, err
		}
		g.pause(ctx, attempts)
	}
}

// pause waits for a random part of the longest pause (full jitter), or until ctx is done.
func (g *Guard) pause(ctx context.Context, attempts int) {
	longest := g.cfg.RetryPause << (attempts - 1)
	timer := time.NewTimer(time.Duration(g.Random() * float64(longest)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

type outcomeOf[T any] struct {
	value T
	err   error
}

// attempt runs fn once if breaker and bulkhead allow; made is false when they do not.
func attempt[T any](
	ctx context.Context, g *Guard, fn func(context.Context) (T, error),
) (value T, made bool, err error) {
	if !g.bulkhead.TryAcquirePermit() {
		return value, false, bulkhead.ErrFull
	}
	era, ok := g.breaker.allow()
	if !ok {
		g.bulkhead.ReleasePermit()
		return value, false, circuitbreaker.ErrOpen
	}
	start := time.Now()
	done := make(chan outcomeOf[T], 1)
	go func() {
		defer g.bulkhead.ReleasePermit()
		done <- protect(ctx, fn)
	}()
	var out outcomeOf[T]
	select {
	case out = <-done:
	case <-ctx.Done():
		out.err = ctx.Err()
	}
	g.breaker.settle(era, g.judge(ctx, out.err, time.Since(start)))
	return out.value, true, out.err
}

// protect turns a panic into an error: fn runs on its own goroutine, where a panic would end the process.
func protect[T any](ctx context.Context, fn func(context.Context) (T, error)) (out outcomeOf[T]) {
	defer func() {
		if r := recover(); r != nil {
			out.err = &retail.Error{
				Code: retail.CodeInternal, Message: "internal error", Err: fmt.Errorf("panic: %v\n%s", retail.PanicText(r), debug.Stack()),
			}
		}
	}()
	out.value, out.err = fn(ctx)
	return out
}

// fairTime is how long a backend may take before a caller who gives up counts as its failure.
const fairTime = 100 * time.Millisecond

func (g *Guard) judge(ctx context.Context, err error, took time.Duration) verdict {
	switch {
	case err == nil:
		return healthy
	case ctx.Err() != nil:
		if took < min(fairTime, g.cfg.Timeout) || errors.Is(ctx.Err(), context.Canceled) {
			return unclear
		}
		return ill
	}
	switch retail.CodeOf(err) {
	case retail.CodeBadInput, retail.CodeNotFound, retail.CodeConflict, retail.CodeForbidden, retail.CodeLimitExceeded:
		return healthy // it answered
	}
	return ill
}

// repeatable says that a second attempt may go better.
func repeatable(err error) bool {
	var e *retail.Error
	return !errors.As(err, &e) || e.Retryable
}

// explain makes a retail error of err; usedUp says that the caller's time is over.
func (g *Guard) explain(err error, usedUp bool) error {
	var e *retail.Error
	known := errors.As(err, &e)
	switch {
	case usedUp && (!known || e.Code == retail.CodeUpstreamUnavailable):
		return &retail.Error{
			Code: retail.CodeTimeout, Source: g.source, Retryable: true, Err: err,
			Message: "the time of the request is used up",
		}
	case !known:
		return retail.Unavailable(g.source, err)
	case e.Source == "":
		named := *e
		named.Source = g.source
		return &named
	}
	return err
}

// report counts the call and adds it to the source log of the response.
func (g *Guard) report(ctx context.Context, op string, attempts int, took time.Duration, err error) {
	g.metrics.called(g, op, attempts, took, err)
	r := retail.SourceReport{Source: g.source, Status: retail.StatusOK, Calls: attempts, Took: took}
	if err != nil {
		r.Code = retail.CodeOf(err)
		switch r.Code {
		case retail.CodeUpstreamUnavailable, retail.CodeBadUpstream, retail.CodeTimeout, retail.CodeInternal:
			r.Status = retail.StatusDown
		}
	}
	retail.SourceLogOf(ctx).Record(r)
}

// MaxConcurrent is the size of the bulkhead.
func (g *Guard) MaxConcurrent() int { return g.cfg.MaxConcurrent }
