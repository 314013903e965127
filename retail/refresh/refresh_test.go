package refresh_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/portico-retail/portico/retail/refresh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run lets the loop go for d of fake time and returns when each load began, since the start.
func run(t *testing.T, loop refresh.Loop, d time.Duration, load func(ctx context.Context, n int) error) []time.Duration {
	t.Helper()
	var began []time.Duration
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		start, failures := time.Now(), 0
		loop.Run(ctx, func(ctx context.Context) error {
			began = append(began, time.Since(start))
			err := load(ctx, len(began))
			// What fails in the instant of the end may or may not be told: the loop has a right to see its end first.
			if err != nil && time.Since(start) < d {
				failures++
			}
			return err
		}, func(error, time.Duration) { failures-- })
		if failures > 0 {
			t.Errorf("%d failures were not told", failures)
		}
	})
	return began
}

func TestTheLoopLoadsAtOnceAndThenAtItsInterval(t *testing.T) {
	loop := refresh.Default(time.Minute, func() float64 { return 0.5 })
	got := run(t, loop, 150*time.Second, func(context.Context, int) error { return nil })
	if diff := cmp.Diff([]time.Duration{0, time.Minute, 2 * time.Minute}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheLoopRetriesWithGrowingPausesUntilItSucceeds(t *testing.T) {
	loop := refresh.Loop{
		Every: time.Minute, Timeout: time.Minute, RetryMin: time.Second, RetryMax: 4 * time.Second,
		Rand: func() float64 { return 1 },
	}
	got := run(t, loop, 76*time.Second, func(_ context.Context, n int) error {
		if n < 6 {
			return errors.New("down")
		}
		return nil
	})
	// 1, 2, 4, 4 and 4 seconds of pause, then the interval and a tenth.
	want := []time.Duration{0, 1, 3, 7, 11, 15}
	for i := range want {
		want[i] *= time.Second
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatFailedIsLoadedWithinSecondsOfItsRecovery(t *testing.T) {
	for _, every := range []time.Duration{100 * time.Millisecond, 30 * time.Second, 10 * time.Minute} {
		loop := refresh.Default(every, func() float64 { return 1 })
		const back = time.Hour
		began := run(t, loop, back+10*time.Second, func(_ context.Context, _ int) error { return errors.New("down") })
		next := began[slices.IndexFunc(began, func(at time.Duration) bool { return at >= back })]
		if next > back+3*time.Second {
			t.Errorf("every %v: back after an hour, loaded %v later", every, next-back)
		}
	}
}

func TestALoadOfManyPagesIsLetFinish(t *testing.T) {
	loop, finished := refresh.Default(time.Second, func() float64 { return 0.5 }), 0
	run(t, loop, 10*time.Minute, func(ctx context.Context, _ int) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(4 * time.Minute):
			finished++
			return nil
		}
	})
	if finished != 2 {
		t.Errorf("%d of 2 long loads finished", finished)
	}
}

func TestALoadHasATimeoutAndMayPanic(t *testing.T) {
	loop := refresh.Loop{
		Every: time.Minute, Timeout: 5 * time.Second, RetryMin: time.Second, RetryMax: time.Second,
		Rand: func() float64 { return 1 },
	}
	got := run(t, loop, 10*time.Second, func(ctx context.Context, n int) error {
		switch n {
		case 1:
			panic("a bug in an adapter")
		case 2:
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	if diff := cmp.Diff([]time.Duration{0, time.Second, 7 * time.Second}, got); diff != "" {
		t.Error(diff)
	}
}
