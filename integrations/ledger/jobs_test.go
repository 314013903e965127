package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
)

// patience is how long a test waits for something that will happen; it asserts nothing about speed.
const patience = time.Minute

// run runs the ledger's jobs until the test, or stop, ends them.
func run(t testing.TB, l *ledger.Ledger) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// await returns the next value, or fails when none comes.
func await[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		t.Fatal("nothing happened")
	}
	panic("unreachable")
}

func order(key string) retail.Job { return retail.Job{Kind: retail.JobOrder, Key: key} }

// waiting counts jobs that will run.
func waiting(t testing.TB, l *ledger.Ledger) int {
	t.Helper()
	return l.Int(t, `SELECT COUNT(*) FROM river_job WHERE finalized_at IS NULL`)
}

func TestAJobRunsAfterTheTransactionThatCausedIt(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		ran := make(chan string, 10)
		l.Handle(retail.JobOrder, func(ctx context.Context, key string) error {
			o, err := l.Order(ctx, key)
			if err == nil {
				ran <- o.Number
			}
			return err
		})
		l.Handle(retail.JobMember, func(_ context.Context, key string) error {
			ran <- "member " + key
			return nil
		})
		run(t, l)
		if _, _, err := l.CreateOrder(ctx, &retail.Order{ID: "o1", Number: "N1", Owner: "guest:a"}, func(tx retail.Tx) error {
			return tx.Enqueue(order("o1"))
		}); err != nil {
			t.Fatal(err)
		}
		if got := await(t, ran); got != "N1" {
			t.Errorf("got %q", got)
		}
		mustDo(t, l.Enqueue(ctx, retail.Job{Kind: retail.JobMember, Key: "m1", At: r.clock.now().Add(50 * time.Millisecond)}))
		if got := await(t, ran); got != "member m1" {
			t.Errorf("got %q", got)
		}
	})
}

func TestAJobOfAnUndoneTransactionDoesNotExist(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx, no := r.open(t), t.Context(), errors.New("no")
		if _, _, err := l.CreateOrder(ctx, &retail.Order{ID: "o1", Number: "N1", Owner: "guest:a"}, func(tx retail.Tx) error {
			return errors.Join(tx.Enqueue(order("o1"), order("o2")), no)
		}); !errors.Is(err, no) {
			t.Fatal(err)
		}
		if n := waiting(t, l); n != 0 {
			t.Errorf("%d jobs wait", n)
		}
		if n := l.Int(t, `SELECT COUNT(*) FROM orders`); n != 0 {
			t.Errorf("%d orders are stored", n)
		}
	})
}

func TestAJobOutlivesTheProcessThatStoredIt(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, closeIt := r.openFor(t)
		mustDo(t, l.SaveCursor(t.Context(), "tasks", "17", order("o1")))
		closeIt()
		l = r.open(t)
		if cursor := must(l.Cursor(t.Context(), "tasks"))(t); cursor != "17" {
			t.Errorf("the cursor is %q", cursor)
		}
		ran := make(chan string, 1)
		l.Handle(retail.JobOrder, func(_ context.Context, key string) error { ran <- key; return nil })
		run(t, l)
		if got := await(t, ran); got != "o1" {
			t.Errorf("got %q", got)
		}
	})
}

// leave makes a gateway of this name have begun all jobs, and be the one that wakes scheduled ones.
func leave(t testing.TB, l *ledger.Ledger, name string) {
	t.Helper()
	names, later := `json_array(?)`, `datetime('now', '+1 hour')`
	if l.Postgres() {
		names, later = `ARRAY[CAST(? AS TEXT)]`, `now() + interval '1 hour'`
	}
	l.Exec(t, `UPDATE river_job SET state = 'running', attempt = 1, attempted_at = CURRENT_TIMESTAMP, attempted_by = `+names, name)
	l.Exec(t, `INSERT INTO river_leader (leader_id, elected_at, expires_at) VALUES (?, CURRENT_TIMESTAMP, `+later+`)`, name)
}

func running(t testing.TB, l *ledger.Ledger) int {
	t.Helper()
	return l.Int(t, `SELECT COUNT(*) FROM river_job WHERE state = 'running'`)
}

func TestAJobThatWasRunningWhenItsProcessDiedRunsAgainAtOnce(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		mustDo(t, l.Enqueue(t.Context(), order("o1")))
		leave(t, l, "dead")
		ran := make(chan string, 1)
		l.Handle(retail.JobOrder, func(_ context.Context, key string) error { ran <- key; return nil })
		run(t, l)
		if got := await(t, ran); got != "o1" {
			t.Errorf("got %q", got)
		}
		if n := l.Int(t, `SELECT COUNT(*) FROM river_leader WHERE leader_id = 'dead'`); n != 0 {
			t.Error("the dead gateway is still the one that wakes scheduled jobs")
		}
	})
}

func TestJobsOfAnotherGatewayAreItsOwnUntilItIsGone(t *testing.T) {
	r := newRig(t, "postgres")
	l, ctx := r.open(t), t.Context()
	other, die := r.openFor(t)
	mustDo(t, l.Enqueue(ctx, order("o1"), order("o2")))
	leave(t, l, other.ID())
	mustDo(t, other.Check(ctx)) // it may have been without a connection
	mustDo(t, l.Adopt(ctx))
	if n := running(t, l); n != 2 {
		t.Errorf("%d jobs are left to a gateway that lives, want 2", n)
	}
	die()
	for deadline := time.Now().Add(patience); running(t, l) > 0; { // the server may take a moment to notice
		mustDo(t, l.Adopt(ctx))
		if time.Now().After(deadline) {
			t.Fatal("the jobs of a gateway that is gone are not freed")
		}
	}
}

func TestWhatThisGatewayLeftBehindIsItsOwnAgain(t *testing.T) {
	r := newRig(t, "postgres")
	l, ctx := r.open(t), t.Context()
	mustDo(t, l.Enqueue(ctx, order("o1")))
	leave(t, l, l.ID())
	mustDo(t, l.AdoptOthers(ctx))
	if n := running(t, l); n != 1 {
		t.Error("a gateway at work took its own job away from itself")
	}
	mustDo(t, l.Adopt(ctx))
	if n := running(t, l); n != 0 {
		t.Error("a gateway that begins leaves its former jobs to nobody")
	}
}

func TestAJobThatFailsOrPanicsComesBack(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		ran := make(chan int, 10)
		tries := 0
		l.Handle(retail.JobOrder, func(context.Context, string) error {
			tries++ // never at the same time
			ran <- tries
			switch tries {
			case 1:
				return errors.New("no")
			case 2:
				panic("no")
			}
			return nil
		})
		run(t, l)
		mustDo(t, l.Enqueue(t.Context(), order("o1")))
		for want := 1; want <= 3; want++ {
			if got := await(t, ran); got != want {
				t.Fatalf("got try %d, want %d", got, want)
			}
		}
	})
}

func TestWaitingJobsDoNotPileUp(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, err := ledger.Open(t.Context(), ledger.Config{DSN: r.dsn}) // the system's clock, by which jobs run
		mustDo(t, err)
		defer l.Close()
		ctx, now := t.Context(), time.Now()
		later := retail.Job{Kind: retail.JobOrder, Key: "o1", At: now.Add(time.Hour)}
		for range 5 {
			mustDo(t, l.Enqueue(ctx, order("o1"), order("o1"), order("o2"), later))
		}
		if n := waiting(t, l); n != 3 {
			t.Errorf("%d jobs wait, want 3", n)
		}
		// Neither a later nor an earlier one stands for a job of another time.
		mustDo(t, l.Enqueue(ctx, retail.Job{Kind: retail.JobOrder, Key: "o1", At: now.Add(30 * time.Minute)}))
		mustDo(t, l.Enqueue(ctx, retail.Job{Kind: retail.JobOrder, Key: "o1", At: now.Add(2 * time.Hour)}))
		mustDo(t, l.Enqueue(ctx, retail.Job{Kind: retail.JobReturn, Key: "o1"}))
		if n := waiting(t, l); n != 6 {
			t.Errorf("%d jobs wait, want 6", n)
		}
	})
}

func TestAJobStoredWhileTheSameOneRunsIsNotLostAndDoesNotRunBesideIt(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		began, goOn := make(chan int, 10), make(chan struct{})
		runs := 0
		l.Handle(retail.JobOrder, func(context.Context, string) error {
			runs++ // the race detector sees two at the same time
			began <- runs
			<-goOn
			return nil
		})
		run(t, l)
		mustDo(t, l.Enqueue(ctx, order("o1")))
		await(t, began)
		mustDo(t, l.Enqueue(ctx, order("o1"), order("o1")))
		if n := waiting(t, l); n != 2 {
			t.Errorf("%d jobs run or wait, want 2", n)
		}
		goOn <- struct{}{}
		if got := await(t, began); got != 2 {
			t.Errorf("got run %d", got)
		}
		goOn <- struct{}{}
	})
}

func TestAJobThatWaitsIsNotRunBeforeTheTransactionThatCountsOnIt(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		must(first(l.CreateOrder(ctx, &retail.Order{ID: "o1", Number: "N1", Owner: "guest:a"}, nil)))(t)
		mustDo(t, l.Enqueue(ctx, order("o1"))) // nobody runs it yet
		saw := make(chan retail.OrderStatus, 10)
		l.Handle(retail.JobOrder, func(ctx context.Context, key string) error {
			o, err := l.Order(ctx, key)
			if err == nil {
				saw <- o.Status
			}
			return err
		})
		looked := make(chan string, 1)
		l.Handle(retail.JobMember, func(_ context.Context, key string) error { looked <- key; return nil })
		mustDo(t, l.Enqueue(ctx, retail.Job{Kind: retail.JobMember, Key: "m1"}))
		must(l.UpdateOrder(ctx, "o1", func(tx retail.Tx, o *retail.Order) error {
			if err := tx.Enqueue(order("o1")); err != nil {
				return err
			}
			run(t, l)
			if l.Postgres() { // on SQLite nobody looks for jobs while a transaction is open
				await(t, looked)
				// It was due before the other one.
				if n := l.Int(t, `SELECT attempt FROM river_job WHERE kind = 'order'`); n != 0 {
					t.Error("a worker took the job while the transaction was open")
				}
			}
			o.Status = retail.OrderPaid
			return nil
		}))(t)
		if got := await(t, saw); got != retail.OrderPaid {
			t.Errorf("the job saw the order %q, before the change that it waited for", got)
		}
	})
}

func first[T, U any](v T, _ U, err error) (T, error) { return v, err }

func TestAJobThatNeverSucceedsIsLaidAsideForAFreshOne(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		mustDo(t, l.Enqueue(t.Context(), order("o1")))
		l.Exec(t, `UPDATE river_job SET attempt = ?`, ledger.JobTries-1)
		ran := make(chan struct{}, 10)
		l.Handle(retail.JobOrder, func(context.Context, string) error {
			ran <- struct{}{}
			return errors.New("never")
		})
		stop := run(t, l)
		await(t, ran)
		stop()
		got := fmt.Sprint(l.Int(t, `SELECT COUNT(*) FROM river_job WHERE state = 'cancelled'`), waiting(t, l))
		if got != "1 1" {
			t.Errorf("got %s jobs laid aside and waiting, want one each", got)
		}
	})
}

func TestRunEndsWithItsContextAlsoWithoutADatabase(t *testing.T) {
	l := newRig(t, "sqlite").open(t)
	l.Handle(retail.JobOrder, func(context.Context, string) error { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	mustDo(t, l.Run(ctx))
	l = newRig(t, "sqlite").open(t)
	if err := l.Run(t.Context()); err == nil {
		t.Error("Run without a handler is no error")
	}
}

func TestBackoffGrowsToItsBound(t *testing.T) {
	for try := 1; try < 100; try++ {
		full := min(30*time.Second, 500*time.Millisecond<<min(try-1, 10))
		for salt := int64(-3); salt < 1000; salt += 7 {
			if d := ledger.Backoff(try, salt); d > full || d < full*3/4 {
				t.Fatalf("try %d of job %d waits %v, want %v less a quarter at most", try, salt, d, full)
			}
		}
	}
}
