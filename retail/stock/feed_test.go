package stock_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// running runs a feed until the test ends or stop is called; stop returns once Run has returned.
func running(t *testing.T, f *stock.Feed) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v, want nil when its context ends", err)
		}
		done <- nil
	}
	t.Cleanup(stop)
	return stop
}

func mustCatchUp(t *testing.T, f *stock.Feed) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	if err := f.CaughtUp(ctx); err != nil {
		t.Fatalf("the feed does not catch up: %v; %+v", err, f.Health())
	}
	synctest.Wait()
}

// pass lets the bubble's time pass and waits until the feed has done what it does then.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestFeedWritesFactsThenWatermarksThenTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFeedWorld("S-1")
		w.page = 10
		w.say("S-1", "A", 1)
		w.say("S-1", "A", 2)
		f := w.feed()
		stop := running(t, f)
		mustCatchUp(t, f)
		stop()
		want := []string{"cursor", "save", "begin", "apply", "advance", "save"}
		if diff := cmp.Diff(want, w.seen().calls[:len(want)]); diff != "" {
			t.Errorf("calls of the projection (-want +got):\n%s", diff)
		}
		if w.missing() != "" || w.seen().cursor != "2" || f.Queue("S-1") != 2 {
			t.Errorf("missing %q, cursor %q, queue %d", w.missing(), w.seen().cursor, f.Queue("S-1"))
		}
		if h := f.Health(); h.Applied != 1 {
			t.Errorf("%d facts written, want 1: the later fact about a pair replaces the earlier", h.Applied)
		}
	})
}

func TestFeedGoesOnFromTheSavedCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFeedWorld("S-1")
		w.say("S-1", "A", 1)
		f := w.feed()
		stop := running(t, f)
		mustCatchUp(t, f)
		stop()
		var from []string
		w.onPoll = func(cursor string) error { from = append(from, cursor); return nil }
		w.say("S-1", "A", 2)
		f = w.feed()
		stop = running(t, f)
		mustCatchUp(t, f)
		stop()
		if from[0] != "1" || w.missing() != "" {
			t.Errorf("first poll from %q, want %q; missing %q", from[0], "1", w.missing())
		}
	})
}

func TestFeedIsReadyWhenTheWholeSnapshotIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFeedWorld("S-1")
		for i := range 5 {
			w.say("S-1", fmt.Sprintf("SKU-%d", i), 1)
		}
		w.onPoll = func(string) error { <-time.After(time.Minute); return nil }
		f := w.feed(func(c *stock.FeedConfig) { c.PollTimeout = time.Hour })
		running(t, f)
		for minute := range 5 {
			pass(time.Minute)
			if ready := len(w.seen().cells) == 5; f.Ready() != ready || f.Health().SnapshotComplete != ready || (w.seen().cursor != "") != ready {
				t.Errorf("after minute %d with %d of 5 facts: ready %v, cursor %q", minute, len(w.seen().cells), f.Ready(), w.seen().cursor)
			}
		}
		if !f.Ready() {
			t.Error("not ready in the end")
		}
	})
}

func TestFeedOfALostProjectionStartsAgainFromTheSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFeedWorld("S-1", "S-2")
		for i := range 9 {
			w.say(fmt.Sprintf("S-%d", 1+i%2), fmt.Sprintf("SKU-%d", i), int32(i))
		}
		f := w.feed()
		running(t, f)
		if f.Ready() {
			t.Error("ready before anything was read")
		}
		mustCatchUp(t, f)
		w.wipe()
		w.say("S-1", "NEW", 1)
		mustCatchUp(t, f)
		if w.missing() != "" || !f.Ready() || !f.Health().SnapshotComplete {
			t.Errorf("missing %q, ready %v, %+v", w.missing(), f.Ready(), f.Health())
		}
	})
}

func TestFeedStaysReadyWhileItRefillsALostProjection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFeedWorld("S-1")
		w.say("S-1", "A", 1)
		f := w.feed()
		running(t, f)
		mustCatchUp(t, f)
		w.wipe()
		w.failing(func(call string, _ uint16) error {
			if call == "begin" {
				return errInjected
			}
			return nil
		})
		pass(5 * time.Second)
		if h := f.Health(); !f.Ready() || h.SnapshotComplete || !errors.Is(h.LastError, errInjected) {
			t.Errorf("ready %v, %+v; want ready, an incomplete snapshot and the error", f.Ready(), h)
		}
		w.failing(nil)
		mustCatchUp(t, f)
		if w.missing() != "" || !f.Health().SnapshotComplete {
			t.Errorf("missing %q, %+v", w.missing(), f.Health())
		}
	})
}

func TestFeedWritesTheOtherPartitionsWhileOneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFeedWorld("S-1", "S-2")
		f := w.feed()
		running(t, f)
		mustCatchUp(t, f)
		saved := w.seen().cursor
		attempts := 0
		w.failing(func(_ string, partition uint16) error {
			if partition == 1 {
				attempts++
				return errInjected
			}
			return nil
		})
		for i := range 60 {
			w.say("S-1", "A", int32(i))
			w.say("S-2", "B", int32(i))
			pass(time.Second)
		}
		good := w.seen().cells[stock.Pair{Location: "S-1", SKU: "A"}]
		if good.Value < 55 || attempts > 40 || w.seen().cursor != saved || !errors.Is(f.Health().LastError, errInjected) {
			t.Errorf("the good partition is at %d of 59, %d attempts at the bad one, cursor %q, want %q; %v",
				good.Value, attempts, w.seen().cursor, saved, f.Health().LastError)
		}
		if f.Status() != retail.StatusOK {
			t.Errorf("source is %v, want OK: the projection fails, not the source", f.Status())
		}
		w.failing(nil)
		mustCatchUp(t, f)
		pass(time.Second)
		if w.missing() != "" || w.seen().cursor != "120" || f.Health().LastError != nil {
			t.Errorf("missing %q, cursor %q, error %v", w.missing(), w.seen().cursor, f.Health().LastError)
		}
	})
}

func TestFactsOfALocationWithoutAPlaceWaitForIt(t *testing.T) {
	cases := map[string]struct {
		room    int
		restart bool
		place   stock.Place
		again   bool // the snapshot must be read again
	}{
		"in memory":                             {room: 100, place: stock.Place{Partition: 0, Slot: 1}},
		"in memory, for a partition of its own": {room: 100, place: stock.Place{Partition: 9, Slot: 0}, again: true},
		"but not without room":                  {room: 1, place: stock.Place{Partition: 0, Slot: 1}, again: true},
		"but not beyond the process":            {room: 100, place: stock.Place{Partition: 0, Slot: 1}, restart: true, again: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFeedWorld("S-1")
				small := func(cfg *stock.FeedConfig) { cfg.MaxWaiting = c.room }
				f := w.feed(small)
				stop := running(t, f)
				for _, sku := range []string{"A", "B", "C"} {
					w.say("NEW", sku, 1)
				}
				mustCatchUp(t, f)
				if waits := f.Health().Waiting; (waits == 3) != (c.room > 1) {
					t.Errorf("%d facts wait", waits)
				}
				if c.restart {
					stop()
					f = w.feed(small)
					running(t, f)
					mustCatchUp(t, f)
				}
				before := strings.Count(strings.Join(w.seen().calls, " "), "begin")
				w.place("NEW", c.place)
				mustCatchUp(t, f)
				again := strings.Count(strings.Join(w.seen().calls, " "), "begin") > before
				if w.missing() != "" || f.Health().Waiting != 0 || again != c.again {
					t.Errorf("missing %q, %d wait, began again %v, want %v", w.missing(), f.Health().Waiting, again, c.again)
				}
			})
		})
	}
}

func TestFeedBacksOffWhenTheSourceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFeedWorld("S-1")
		var recovered atomic.Bool
		w.onPoll = func(string) error {
			if !recovered.Load() {
				return errInjected
			}
			return nil
		}
		f := w.feed()
		running(t, f)
		pass(2 * time.Minute)
		if f.Status() != retail.StatusDown {
			t.Errorf("source is %v, want DOWN", f.Status())
		}
		for i := 2; i < len(w.seen().polls); i++ {
			last, this := w.seen().polls[i-1].Sub(w.seen().polls[i-2]), w.seen().polls[i].Sub(w.seen().polls[i-1])
			if this < last || this > 2*time.Second {
				t.Errorf("pause %d is %v after %v", i, this, last)
			}
		}
		if n := len(w.seen().polls); n < 60 || n > 120 {
			t.Errorf("%d polls in two minutes", n)
		}
		recovered.Store(true)
		pass(2 * time.Second)
		if f.Status() != retail.StatusOK || f.Health().LastSuccess.IsZero() {
			t.Errorf("source is %v after it came back", f.Status())
		}
	})
}

func TestFeedPollsOnceAnIntervalWhenIdleAndAtOnceWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFeedWorld("S-1")
		f := w.feed()
		running(t, f)
		pass(10*time.Second + time.Millisecond)
		if n := len(w.seen().polls); n != 11 {
			t.Errorf("%d polls in ten seconds, want 11", n)
		}
		pass(300 * time.Millisecond)
		at := time.Now()
		mustCatchUp(t, f)
		if waited := time.Since(at); waited != 0 {
			t.Errorf("catching up took %v, want no wait", waited)
		}
	})
}

func TestCatchingUpNeedsAPollThatBeganLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFeedWorld("S-1")
		release := make(chan struct{})
		w.onPoll = func(string) error { <-release; return nil }
		f := w.feed()
		running(t, f)
		synctest.Wait() // the first poll is under way
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := f.CaughtUp(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		release <- struct{}{}
		synctest.Wait()
		select {
		case <-done:
			t.Error("caught up by a poll that began before")
		default:
		}
		close(release)
		<-done
	})
}

func TestFeedSurvivesAPanicOfTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFeedWorld("S-1")
		first := true
		w.onPoll = func(string) error {
			if first {
				first = false
				panic("boom")
			}
			return nil
		}
		f := w.feed()
		running(t, f)
		mustCatchUp(t, f)
	})
}

func TestFeedWaitsForTheFirstLocations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFeedWorld()
		w.say("S-1", "A", 1)
		f := w.feed()
		running(t, f)
		pass(time.Minute)
		if len(w.seen().polls) > 0 || f.Ready() || f.Status() != retail.StatusStale {
			t.Errorf("%d polls without a location, ready %v, status %v", len(w.seen().polls), f.Ready(), f.Status())
		}
		w.place("S-1", stock.Place{})
		mustCatchUp(t, f)
		if w.missing() != "" {
			t.Error(w.missing())
		}
	})
}

// TestFeedSurvivesEverything replays seeded histories in which calls fail, processes end anywhere, rows are lost and
// locations appear. At no time may a watermark promise more than there is, and in the end everything must be there.
func TestFeedSurvivesEverything(t *testing.T) {
	for seed := range uint64(150) {
		synctest.Test(t, func(t *testing.T) {
			random, faults := rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 1))
			w := newFeedWorld("S-1", "S-2", "S-3")
			restless := func(string, uint16) error {
				if faults.IntN(5) == 0 {
					return errInjected
				}
				return nil
			}
			f := w.feed()
			stop := running(t, f)
			for range 60 {
				switch random.IntN(12) {
				case 0:
					w.failing(restless)
				case 1:
					w.failing(nil)
				case 2:
					stop()
					f = w.feed()
					stop = running(t, f)
				case 3:
					w.wipe()
				case 4:
					code := fmt.Sprintf("S-%d", 4+random.IntN(4))
					if _, placed := w.places()[code]; !placed {
						w.place(code, stock.Place{Partition: uint16(random.IntN(5)), Slot: uint8(10 + len(w.places()))})
					}
				default:
					for range random.IntN(5) {
						w.say(fmt.Sprintf("S-%d", 1+random.IntN(7)), fmt.Sprintf("SKU-%d", random.IntN(4)), int32(random.IntN(100)))
					}
				}
				pass(time.Duration(random.IntN(2000)) * time.Millisecond)
				if lie := w.promised(); lie != "" {
					t.Fatalf("seed %d: %s", seed, lie)
				}
			}
			w.failing(nil)
			mustCatchUp(t, f)
			if w.missing() != "" {
				t.Fatalf("seed %d: %s", seed, w.missing())
			}
		})
	}
}

func TestFeedMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, reg := newFeedWorld("S-1"), prometheus.NewRegistry()
		w.say("S-1", "A", 1)
		w.say("S-1", "no such SKU", 1)
		f := w.feedWith(reg)
		stop := running(t, f)
		mustCatchUp(t, f)
		stop()
		want := `
# HELP portico_feed_facts_total Facts written to the projection.
# TYPE portico_feed_facts_total counter
portico_feed_facts_total{source="POS"} 1
# HELP portico_feed_lag_seconds Age of the newest watermark.
# TYPE portico_feed_lag_seconds gauge
portico_feed_lag_seconds{source="POS"} -6.31584e+07
# HELP portico_feed_quarantined_total Items of a source that were unreadable and left out.
# TYPE portico_feed_quarantined_total counter
portico_feed_quarantined_total{source="POS"} 2
`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "portico_feed_facts_total",
			"portico_feed_lag_seconds", "portico_feed_quarantined_total"); err != nil {
			t.Error(err)
		}
	})
}
