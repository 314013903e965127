package upstream_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("connection refused")

func newGuard(cfg upstream.Config) (*upstream.Guard, *prometheus.Registry) {
	reg := prometheus.NewRegistry()
	g := upstream.New(cfg, retail.SourcePOS, "live", upstream.NewMetrics(reg))
	g.Random = func() float64 { return 0.5 }
	return g, reg
}

// wait lets the fake time of synctest pass.
func wait(d time.Duration) { <-time.After(d) }

func fail(context.Context) (int, error)    { return 0, errDown }
func succeed(context.Context) (int, error) { return 7, nil }

func TestACallerNeverWaitsPastItsTime(t *testing.T) {
	for name, tc := range map[string]struct {
		callerTime time.Duration
		want       time.Duration
		code       retail.Code
	}{
		"a caller without deadline waits for the timeout":         {0, 2 * time.Second, retail.CodeUpstreamUnavailable},
		"a nearer deadline leaves a quarter":                      {300 * time.Millisecond, 225 * time.Millisecond, retail.CodeTimeout},
		"a caller in a hurry is left the reserve":                 {20 * time.Millisecond, 10 * time.Millisecond, retail.CodeTimeout},
		"a farther deadline does not stretch the timeout":         {time.Minute, 2 * time.Second, retail.CodeUpstreamUnavailable},
		"a caller with less time than the reserve is not started": {5 * time.Millisecond, 0, retail.CodeTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, _ := newGuard(upstream.Config{})
				ctx := context.Background()
				if tc.callerTime > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.callerTime)
					defer cancel()
				}
				release := make(chan struct{})
				defer close(release)
				start := time.Now()
				_, err := upstream.Do(ctx, g, "deaf", func(context.Context) (int, error) {
					<-release // ignores its context
					return 0, nil
				})
				if got := time.Since(start); got != tc.want {
					t.Errorf("waited %v, want %v", got, tc.want)
				}
				if got := retail.CodeOf(err); got != tc.code {
					t.Errorf("code %s, want %s", got, tc.code)
				}
			})
		})
	}
}

func TestRetries(t *testing.T) {
	flaky := func() func(context.Context) (int, error) {
		n := 0
		return func(ctx context.Context) (int, error) {
			if n++; n == 1 {
				return fail(ctx)
			}
			return succeed(ctx)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGuard(upstream.Config{RetryPause: 40 * time.Millisecond})
		log := &retail.SourceLog{}
		start := time.Now()
		got, err := upstream.Do(retail.WithSourceLog(t.Context(), log), g, "read", flaky())
		if got != 7 || err != nil {
			t.Fatalf("Do = %d, %v, want 7 from the second attempt", got, err)
		}
		took := time.Since(start)
		if took != 20*time.Millisecond {
			t.Errorf("paused %v, want half of the longest pause", took)
		}
		want := []retail.SourceReport{{Source: retail.SourcePOS, Status: retail.StatusOK, Calls: 2, Took: took}}
		if diff := cmp.Diff(want, log.Reports()); diff != "" {
			t.Errorf("source log (-want +got):\n%s", diff)
		}
		if _, err := upstream.Once(t.Context(), g, "write", flaky()); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
			t.Errorf("Once = %v, want the failure of the only attempt", err)
		}
	})
}

func TestWhatTheCallerDidWrongIsNotRepeated(t *testing.T) {
	g, _ := newGuard(upstream.Config{})
	calls := 0
	for range 20 {
		_, err := upstream.Do(t.Context(), g, "read", func(context.Context) (int, error) {
			calls++
			return 0, retail.BadInput("no")
		})
		var e *retail.Error
		if !errors.As(err, &e) || e.Code != retail.CodeBadInput || e.Source != retail.SourcePOS {
			t.Fatalf("err = %v, want BAD_INPUT of the POS", err)
		}
	}
	if calls != 20 || g.Status() != retail.StatusOK {
		t.Errorf("%d attempts and %s, want 20 and OK", calls, g.Status())
	}
}

func TestRetriesStayInsideTheirBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGuard(upstream.Config{OpenAfter: 1000, MaxAttempts: 5})
		attempts, calls := 0, 150
		for range calls {
			_, _ = upstream.Do(t.Context(), g, "read", func(ctx context.Context) (int, error) {
				attempts++
				return fail(ctx)
			})
		}
		if retries := attempts - calls; retries < 10 || retries > calls/10+1 {
			t.Errorf("%d retries for %d calls, want about a tenth and one to begin with", retries, calls)
		}
	})
}

func TestTheBreakerOpensAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGuard(upstream.Config{MaxAttempts: 1})
		for range 5 {
			_, _ = upstream.Do(t.Context(), g, "read", fail)
		}
		if g.Status() != retail.StatusDown {
			t.Fatal("5 failures in a row did not open the breaker")
		}
		log := &retail.SourceLog{}
		_, err := upstream.Do(retail.WithSourceLog(t.Context(), log), g, "read", succeed)
		want := []retail.SourceReport{
			{Source: retail.SourcePOS, Status: retail.StatusDown, Code: retail.CodeUpstreamUnavailable},
		}
		if diff := cmp.Diff(want, log.Reports()); diff != "" || err == nil {
			t.Fatalf("an open breaker let a call through: err %v, log (-want +got):\n%s", err, diff)
		}

		wait(500 * time.Millisecond)
		var made atomic.Int32
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, _ = upstream.Do(t.Context(), g, "read", func(context.Context) (int, error) {
					made.Add(1)
					wait(10 * time.Millisecond)
					return 7, nil
				})
			})
		}
		wg.Wait()
		if made.Load() != 1 {
			t.Errorf("%d probes at a time, want 1", made.Load())
		}
		if _, err := upstream.Do(t.Context(), g, "read", succeed); err != nil || g.Status() != retail.StatusOK {
			t.Errorf("one good probe did not close the breaker: %v", err)
		}
	})
}

func TestAProbeThatFailsOrIsAbandonedKeepsTheBreakerOpen(t *testing.T) {
	for name, probe := range map[string]func(context.Context, *upstream.Guard){
		"fails":        func(ctx context.Context, g *upstream.Guard) { _, _ = upstream.Do(ctx, g, "read", fail) },
		"is abandoned": abandon,
		"panics": func(ctx context.Context, g *upstream.Guard) {
			_, _ = upstream.Do(ctx, g, "read", func(context.Context) (int, error) { panic("boom") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, _ := newGuard(upstream.Config{MaxAttempts: 1})
				for range 5 {
					_, _ = upstream.Do(t.Context(), g, "read", fail)
				}
				for range 3 {
					wait(500 * time.Millisecond)
					probe(t.Context(), g)
					if g.Status() != retail.StatusDown {
						t.Fatal("the breaker closed")
					}
				}
				wait(500 * time.Millisecond)
				if _, err := upstream.Do(t.Context(), g, "read", succeed); err != nil {
					t.Errorf("the next probe was not let through: %v", err)
				}
			})
		})
	}
}

// abandon makes a call whose caller goes away at once.
func abandon(ctx context.Context, g *upstream.Guard) {
	ctx, cancel := context.WithCancel(ctx)
	_, _ = upstream.Do(ctx, g, "read", func(ctx context.Context) (int, error) {
		cancel()
		<-ctx.Done()
		return 0, ctx.Err()
	})
}

func TestCallersWhoGiveUpAreNotTheBackendsFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGuard(upstream.Config{})
		for range 20 {
			abandon(t.Context(), g)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // no fair chance
			_, err := upstream.Do(ctx, g, "read", func(ctx context.Context) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			})
			cancel()
			if retail.CodeOf(err) != retail.CodeTimeout {
				t.Fatalf("err = %v, want TIMEOUT", err)
			}
		}
		if g.Status() != retail.StatusOK {
			t.Error("the breaker opened")
		}
	})
}

func TestAFailureFromBeforeAnOutageDoesNotReopenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGuard(upstream.Config{MaxAttempts: 1})
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				_, _ = upstream.Do(t.Context(), g, "slow", func(context.Context) (int, error) {
					wait(time.Second)
					return 0, errDown
				})
			})
		}
		synctest.Wait()
		for range 5 {
			_, _ = upstream.Do(t.Context(), g, "read", fail)
		}
		wait(500 * time.Millisecond)
		if _, err := upstream.Do(t.Context(), g, "read", succeed); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if g.Status() != retail.StatusOK {
			t.Error("old failures reopened the breaker")
		}
	})
}

func TestTheBulkheadRefusesFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGuard(upstream.Config{MaxConcurrent: 2, Timeout: 100 * time.Millisecond, MaxAttempts: 1})
		release := make(chan struct{})
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				_, _ = upstream.Do(t.Context(), g, "deaf", func(context.Context) (int, error) {
					<-release
					return 0, nil
				})
			})
		}
		synctest.Wait()
		for _, when := range []string{"while the calls run", "after their callers gave up"} {
			start := time.Now()
			_, err := upstream.Do(t.Context(), g, "read", succeed)
			if retail.CodeOf(err) != retail.CodeUpstreamUnavailable || time.Since(start) != 0 {
				t.Errorf("%s: err %v after %v, want a refusal at once", when, err, time.Since(start))
			}
			wg.Wait()
		}
		close(release)
		synctest.Wait()
		if _, err := upstream.Do(t.Context(), g, "read", succeed); err != nil {
			t.Errorf("after the callees ended: %v", err)
		}
	})
}

func TestAPanicIsAnError(t *testing.T) {
	g, _ := newGuard(upstream.Config{})
	_, err := upstream.Do(t.Context(), g, "read", func(context.Context) (int, error) { panic("boom") })
	if retail.CodeOf(err) != retail.CodeInternal {
		t.Errorf("err = %v, want INTERNAL", err)
	}
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, reg := newGuard(upstream.Config{MaxAttempts: 1})
		_, _ = upstream.Do(t.Context(), g, "read", succeed)
		for range 6 {
			_, _ = upstream.Do(t.Context(), g, "read", fail)
		}
		for query, want := range map[string]float64{"ok": 1, "UPSTREAM_UNAVAILABLE": 5, "refused_open": 1} {
			if got := callsWithOutcome(t, reg, query); got != want {
				t.Errorf("%v calls with outcome %s, want %v", got, query, want)
			}
		}
		if n, err := testutil.GatherAndCount(reg, "portico_upstream_breaker_state"); n != 1 || err != nil {
			t.Errorf("%d breaker states, %v", n, err)
		}
	})
}

func callsWithOutcome(t *testing.T, reg *prometheus.Registry, outcome string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "portico_upstream_calls_total" && l.GetName() == "outcome" && l.GetValue() == outcome {
					return m.GetCounter().GetValue()
				}
			}
		}
	}
	return 0
}

func TestConfig(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg upstream.Config
		ok  bool
	}{
		"zero is the default":                {upstream.Config{}, true},
		"a negative timeout":                 {upstream.Config{Timeout: -1}, false},
		"a reserve that leaves nothing":      {upstream.Config{Timeout: time.Second, Reserve: time.Second}, false},
		"no place in the bulkhead":           {upstream.Config{MaxConcurrent: -1}, false},
		"too many attempts":                  {upstream.Config{MaxAttempts: 6}, false},
		"a pause longer than the timeout":    {upstream.Config{Timeout: time.Second, RetryPause: time.Minute}, false},
		"a budget above every call":          {upstream.Config{RetryShare: 1.1}, false},
		"a breaker that never opens":         {upstream.Config{OpenAfter: -1}, false},
		"a breaker that stays open for long": {upstream.Config{OpenFor: time.Minute}, false},
	} {
		if err := tc.cfg.Validate(); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
