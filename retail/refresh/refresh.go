// Package refresh keeps a snapshot of somebody else's data up to date: it repeats a load at an interval, and sooner with
// growing pauses while the load fails. Jitter keeps a fleet of gateways from asking in step.
package refresh

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Loop says how often to load. The zero value of no field is useful; see Default.
type Loop struct {
	Every    time.Duration  // pause after a success, varied by a tenth either way
	Timeout  time.Duration  // for one load
	RetryMin time.Duration  // pause after the first failure, doubled with each further one
	RetryMax time.Duration  // longest pause after a failure
	Rand     func() float64 // uniform in [0, 1)
}

// Default is a loop that loads at this interval, and at most three seconds after a failure: what was never loaded keeps the
// gateway from being ready, and one load every few seconds hurts nobody. A load may take five minutes, because a large
// catalog has hundreds of pages; each call in it has a bound of its own.
func Default(every time.Duration, rand func() float64) Loop {
	return Loop{
		Every: every, Timeout: max(every, 5*time.Minute),
		RetryMin: min(every, time.Second), RetryMax: min(every, 3*time.Second), Rand: rand,
	}
}

// Run loads at once and then again and again until ctx ends. It tells failed about every failure and the pause that
// follows.
func (l Loop) Run(ctx context.Context, load func(context.Context) error, failed func(err error, pause time.Duration)) {
	for failures := 0; ; {
		err := l.once(ctx, load)
		if ctx.Err() != nil {
			return
		}
		pause := l.vary(l.Every, 0.9, 0.2)
		if err == nil {
			failures = 0
		} else {
			failures++
			pause = l.vary(l.backOff(failures), 0.5, 0.5)
			failed(err, pause)
		}
		if !wait(ctx, pause) {
			return
		}
	}
}

// once contains a panic of the load, so that the last snapshot outlives it.
func (l Loop) once(ctx context.Context, load func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("refresh: panic: %v\n%s", retail.PanicText(r), debug.Stack())
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, l.Timeout)
	defer cancel()
	return load(ctx)
}

func (l Loop) backOff(failures int) time.Duration {
	pause := l.RetryMin
	for range failures - 1 {
		if pause >= l.RetryMax {
			break
		}
		pause *= 2
	}
	return min(pause, l.RetryMax)
}

// vary returns d times a factor between from and from+span.
func (l Loop) vary(d time.Duration, from, span float64) time.Duration {
	return time.Duration(float64(d) * (from + span*l.Rand()))
}

func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
