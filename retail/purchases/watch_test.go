package purchases_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/purchases"
)

// outbox is a feed in memory.
type outbox struct {
	mu     sync.Mutex
	events []retail.Event
	broken error
	calls  int
}

func (o *outbox) add(subjects ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range subjects {
		o.events = append(o.events, retail.Event{Seq: int64(len(o.events) + 1), Kind: retail.EventOrderStatus, Subject: s})
	}
}

func (o *outbox) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broken = err
}

func (o *outbox) asked() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls
}

func (o *outbox) Events(_ context.Context, after int64, limit int) ([]retail.Event, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls++
	if o.broken != nil {
		return nil, o.broken
	}
	rest := o.events[min(int(after), len(o.events)):]
	return append([]retail.Event(nil), rest[:min(limit, len(rest))]...), nil
}

func (o *outbox) LastEvent(context.Context) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls++
	return int64(len(o.events)), o.broken
}

// watching runs a watch while test runs, in a bubble of its own time.
func watching(t *testing.T, test func(t *testing.T, w *purchases.Watch, o *outbox, log *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o, log := new(outbox), new(bytes.Buffer)
		o.add("before", "a")
		config := purchases.DefaultWatchConfig()
		config.Most = 3
		w := purchases.NewWatch(config, o, slog.New(slog.NewTextHandler(log, nil)))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); w.Run(ctx) }()
		test(t, w, o, log)
		stop()
		<-ended
	})
}

// hinted takes the hint that is there, if any, after some time.
func hinted(hints <-chan struct{}) bool {
	time.Sleep(2 * purchases.DefaultWatchConfig().Every) //nolint:forbidigo // the time of a bubble
	synctest.Wait()
	select {
	case <-hints:
		return true
	default:
		return false
	}
}

func mustFollow(t *testing.T, w *purchases.Watch, order string) (hints <-chan struct{}, leave context.CancelFunc) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	hints, err := w.Follow(ctx, "somebody", order)
	if err != nil {
		t.Fatal(err)
	}
	return hints, leave
}

func TestFollowersLearnOfTheirOrdersOnly(t *testing.T) {
	watching(t, func(t *testing.T, w *purchases.Watch, o *outbox, _ *bytes.Buffer) {
		a, leaveA := mustFollow(t, w, "a")
		again, leaveAgain := mustFollow(t, w, "a")
		b, leaveB := mustFollow(t, w, "b")
		if !hinted(a) || !hinted(again) || !hinted(b) {
			t.Error("what happened before the reader was there is not looked at")
		}
		if hinted(a) || hinted(b) {
			t.Error("nothing happened, and there is a hint")
		}
		o.add("a", "a", "c", "a")
		if !hinted(a) || !hinted(again) || hinted(b) {
			t.Error("a change of a is not told to its followers alone")
		}
		if hinted(a) {
			t.Error("three events of one look are more than one hint")
		}
		leaveA()
		o.add("a", "b")
		if hinted(a) || !hinted(again) || !hinted(b) {
			t.Error("who has left is told, or others are not")
		}
		leaveAgain()
		leaveB()
		hinted(a)
		rest := o.asked()
		hinted(a)
		if o.asked() != rest {
			t.Error("the feed is read though nobody follows anything")
		}
		o.add("b")
		b, leaveB = mustFollow(t, w, "b")
		defer leaveB()
		if !hinted(b) {
			t.Error("after a rest nobody looks")
		}
		if o.add("b"); !hinted(b) {
			t.Error("after a rest nothing is told")
		}
	})
}

func TestFollowersAreBounded(t *testing.T) {
	watching(t, func(t *testing.T, w *purchases.Watch, _ *outbox, _ *bytes.Buffer) {
		var leaves []context.CancelFunc
		for range 3 {
			_, leave := mustFollow(t, w, "a")
			leaves = append(leaves, leave)
		}
		if _, err := w.Follow(t.Context(), "else", "b"); retail.CodeOf(err) != retail.CodeLimitExceeded {
			t.Errorf("a fourth follower: %v", err)
		}
		leaves[0]()
		synctest.Wait()
		_, leave := mustFollow(t, w, "b")
		for _, leave := range append(leaves, leave) {
			leave()
		}
	})
}

func TestOneClientLeavesRoomForOthers(t *testing.T) {
	config := purchases.DefaultWatchConfig()
	config.PerClient = 2
	w := purchases.NewWatch(config, new(outbox), slog.New(slog.DiscardHandler))
	synctest.Test(t, func(t *testing.T) {
		follow := func(client, order string) (leave context.CancelFunc, code retail.Code) {
			ctx, leave := context.WithCancel(t.Context())
			_, err := w.Follow(ctx, client, order)
			if err != nil {
				code = retail.CodeOf(err)
			}
			return leave, code
		}
		one, _ := follow("member:a", "1")
		two, _ := follow("member:a", "2")
		defer two()
		three, code := follow("member:a", "1")
		defer three()
		if code != retail.CodeLimitExceeded {
			t.Errorf("a third order of one client: %q", code)
		}
		other, code := follow("member:b", "1")
		defer other()
		if code != "" {
			t.Errorf("another client is refused: %q", code)
		}
		one()
		synctest.Wait()
		again, code := follow("member:a", "3")
		defer again()
		if code != "" {
			t.Errorf("who has left counts on: %q", code)
		}
	})
}

func TestASilentFeedIsLoggedOnce(t *testing.T) {
	watching(t, func(t *testing.T, w *purchases.Watch, o *outbox, log *bytes.Buffer) {
		a, leave := mustFollow(t, w, "a")
		defer leave()
		hinted(a)
		o.fail(errors.New("the ledger is away"))
		o.add("a")
		for range 5 {
			if hinted(a) {
				t.Error("a hint out of nowhere")
			}
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 {
			t.Errorf("%d lines: %s", n, log)
		}
		if o.fail(nil); !hinted(a) {
			t.Error("what happened meanwhile is not told")
		}
	})
}

func TestAFeedThatRanFarAheadIsJumped(t *testing.T) {
	watching(t, func(t *testing.T, w *purchases.Watch, o *outbox, _ *bytes.Buffer) {
		a, leave := mustFollow(t, w, "a")
		defer leave()
		hinted(a)
		o.add(make([]string, 50_000)...) // none of a, but who would read all that to know
		if !hinted(a) {
			t.Error("nobody looks after a jump")
		}
		if o.add("a"); !hinted(a) {
			t.Error("nothing is told after a jump")
		}
	})
}

// TestNoChangeIsMissed: whatever happens in whatever order, in the end a follower has looked after the last change.
func TestNoChangeIsMissed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"change", "other", "look", "wait", "break", "mend", "leave", "follow"}), 1, 40).Draw(rt, "steps")
		watching(t, func(t *testing.T, w *purchases.Watch, o *outbox, _ *bytes.Buffer) {
			state, seen, following := 0, 0, true
			hints, leave := mustFollow(t, w, "a")
			for _, step := range steps {
				switch step {
				case "change":
					state++
					o.add("a")
				case "other":
					o.add("x", "y")
				case "look":
					select {
					case <-hints:
						seen = state
					default:
					}
				case "wait":
					time.Sleep(time.Second) //nolint:forbidigo // the time of a bubble
				case "break":
					o.fail(errors.New("away"))
				case "mend":
					o.fail(nil)
				case "leave", "follow":
					leave()
					synctest.Wait()
					if following = step == "follow"; following { // as a new socket: the state is read after the watch has begun
						hints, leave = mustFollow(t, w, "a")
						seen = state
					}
				}
			}
			o.fail(nil)
			if hinted(hints) {
				seen = state
			}
			if following && seen != state {
				rt.Errorf("%v: the follower saw %d of %d", steps, seen, state)
			}
			leave()
		})
	})
}
