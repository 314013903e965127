package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func TestACallerWhoLeavesBeforeTheCommitChangesNothing(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		mustCreate(t, l, &retail.Order{ID: "o1", Number: "N1", Owner: "guest:a"})
		ctx, cancel := context.WithCancel(t.Context())
		_, err := l.UpdateOrder(ctx, "o1", func(_ retail.Tx, o *retail.Order) error {
			o.Note = "changed"
			cancel()
			return nil
		})
		wantCode(t, err, retail.CodeTimeout, true)
		// The connection is as good as before.
		must(l.UpdateOrder(t.Context(), "o1", func(_ retail.Tx, o *retail.Order) error {
			if o.Note != "" || o.Version != 1 {
				t.Errorf("got %+v", o)
			}
			return nil
		}))(t)
	})
}

func TestAChangeThatPanicsChangesNothing(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		mustCreate(t, l, &retail.Order{ID: "o1", Number: "N1", Owner: "guest:a"})
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, _ = l.UpdateOrder(t.Context(), "o1", func(tx retail.Tx, _ *retail.Order) error {
				mustDo(t, tx.Enqueue(order("o1")))
				panic("no")
			})
		}()
		if n := waiting(t, l); n != 0 {
			t.Errorf("%d jobs wait", n)
		}
		must(l.UpdateOrder(t.Context(), "o1", func(retail.Tx, *retail.Order) error { return nil }))(t)
	})
}

// TestDeadlocksAreSolvedByTryingAgain makes two transactions lock two places in opposite order.
func TestDeadlocksAreSolvedByTryingAgain(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		for _, id := range []string{"a1", "a2"} {
			mustHold(t, l, hold(id, "guest:a", "S001", units("A", 1)))
		}
		for _, id := range []string{"b1", "b2"} {
			mustHold(t, l, hold(id, "guest:a", "S002", units("A", 1)))
		}
		supply := map[string]retail.Supply{"A": {Units: 10}}
		mustHold(t, l, hold("a0", "guest:a", "S001", units("A", 1)))
		mustHold(t, l, hold("b0", "guest:a", "S002", units("A", 1)))
		mustAllocate(t, l, "a0", supply)
		mustAllocate(t, l, "b0", supply)
		var met atomic.Int64
		both := make(chan struct{})
		for _, err := range parallel(2, func(i int) error {
			claims := [][]string{{"a1", "b1"}, {"b2", "a2"}}[i]
			id := claims[0]
			_, _, err := l.CreateOrder(ctx, &retail.Order{ID: id, Number: id, Owner: "guest:" + id}, func(tx retail.Tx) error {
				if err := tx.Allocate(claims[0], supply); err != nil {
					return err
				}
				if l.Postgres() { // on SQLite the other one waits at the door
					if met.Add(1) == 2 {
						close(both)
					}
					<-both
				}
				return tx.Allocate(claims[1], supply)
			})
			return err
		}) {
			mustDo(t, err)
		}
		if open := l.Int(t, `SELECT CAST(SUM(open) AS BIGINT) FROM allocations`); open != 6 {
			t.Errorf("%d units are open, want 6", open)
		}
	})
}

func TestALostServerIsAFaultThatMayBeTriedAgain(t *testing.T) {
	r := newRig(t, "postgres")
	l := r.open(t)
	mustCreate(t, l, &retail.Order{ID: "o1", Number: "N1", Owner: "guest:a"})
	_, err := l.UpdateOrder(t.Context(), "o1", func(_ retail.Tx, o *retail.Order) error {
		o.Note = "changed"
		// End the session that holds the order.
		l.Exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'
			AND query LIKE '%FROM orders WHERE id =%' AND query NOT LIKE '%pg_stat_activity%'`)
		return nil
	})
	wantCode(t, err, retail.CodeUpstreamUnavailable, true)
	var e *retail.Error
	if errors.As(err, &e); e.Source != "" || e.Message != "the ledger is not available" {
		t.Errorf("a caller reads %q of %q", e.Message, e.Source)
	}
	if o := must(l.Order(t.Context(), "o1"))(t); o.Note != "" {
		t.Errorf("got %+v", o)
	}
}

// onCommit makes PostgreSQL run a statement when a transaction that stored an order commits.
func onCommit(t *testing.T, l *ledger.Ledger, statement string) {
	t.Helper()
	l.Exec(t, `CREATE SEQUENCE commits`)
	l.Exec(t, `CREATE FUNCTION on_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN `+statement+`; RETURN NULL; END $$`)
	l.Exec(t, `CREATE CONSTRAINT TRIGGER on_commit AFTER INSERT OR UPDATE ON orders DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION on_commit()`)
}

func TestACommitThatNobodyAnswersIsReportedAsUnknown(t *testing.T) {
	r := newRig(t, "postgres")
	reg := prometheus.NewRegistry()
	l, err := ledger.Open(t.Context(), ledger.Config{DSN: r.dsn, Registerer: reg})
	mustDo(t, err)
	defer l.Close()
	onCommit(t, l, `PERFORM pg_terminate_backend(pg_backend_pid())`)
	runs := 0
	_, _, err = l.CreateOrder(t.Context(), &retail.Order{ID: "o1", Number: "N1", Owner: "guest:a"}, func(retail.Tx) error { runs++; return nil })
	wantCode(t, err, retail.CodeUpstreamUnavailable, true)
	if err := testutil.GatherAndCompare(reg, strings.NewReader(`
		# HELP portico_ledger_unknown_commits_total Commits of which the database did not say whether they happened.
		# TYPE portico_ledger_unknown_commits_total counter
		portico_ledger_unknown_commits_total 1
	`), "portico_ledger_unknown_commits_total"); err != nil {
		t.Error(err)
	}
	if runs != 1 {
		t.Errorf("it ran %d times: what may have happened must not be done again", runs)
	}
}

func TestACommitThatLostARaceIsTriedAgain(t *testing.T) {
	r := newRig(t, "postgres")
	l := r.open(t)
	onCommit(t, l, `IF nextval('commits') < 3 THEN RAISE EXCEPTION 'race' USING ERRCODE = '40001'; END IF`)
	runs := 0
	_, created, err := l.CreateOrder(t.Context(), &retail.Order{ID: "o1", Number: "N1", Owner: "guest:a"}, func(tx retail.Tx) error {
		runs++
		return tx.Enqueue(order("o1"))
	})
	if err != nil || !created || runs != 3 || waiting(t, l) != 1 {
		t.Errorf("created %v, ran %d times, %d jobs, %v", created, runs, waiting(t, l), err)
	}
}

func TestTheServersIsolationDoesNotMatter(t *testing.T) {
	r := newRig(t, "postgres")
	r.dsn += "&default_transaction_isolation=serializable"
	l, n := r.open(t), 0
	for _, err := range parallel(16, func(i int) error {
		_, err := l.AddClaim(t.Context(), hold(fmt.Sprint("c", i), "guest:a", "S001", units("A", 1)), stock.HoldCaps{UnitsPerSKU: 3}, noon)
		return err
	}) {
		if err == nil {
			n++
			continue
		}
		wantRefusal(t, err, retail.WhyLimitReached)
	}
	if n != 3 {
		t.Errorf("admitted %d units, want 3", n)
	}
}

func TestAClosedLedgerIsNotAvailable(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, closeIt := r.openFor(t)
		closeIt()
		wantCode(t, l.Check(t.Context()), retail.CodeUpstreamUnavailable, true)
		wantCode(t, l.Enqueue(t.Context(), order("o1")), retail.CodeUpstreamUnavailable, true)
	})
}

func TestALedgerOfAnotherProgramIsNotTouched(t *testing.T) {
	r := newRig(t, "sqlite")
	l := r.open(t)
	l.Exec(t, `DROP TABLE ledger_version`)
	if _, err := ledger.Open(t.Context(), ledger.Config{DSN: r.dsn}); err == nil {
		t.Error("tables that somebody else made were taken for ours")
	}
}

func TestSlotsNeverHoldMoreThanTheyCan(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		booked := 0
		for i, err := range parallel(24, func(i int) error {
			id := string(rune('a' + i))
			_, _, err := l.CreateOrder(ctx, &retail.Order{ID: id, Number: id, Owner: "guest:a"}, func(tx retail.Tx) error {
				if err := tx.BookSlot(id+"/1", "S001", noon, 7); err != nil {
					return err
				}
				return tx.BookSlot(id+"/1", "S001", noon, 7) // again: takes nothing
			})
			return err
		}) {
			if err == nil {
				booked++
				continue
			}
			if r := wantRefusal(t, err, retail.WhySlotUnavailable); r.LocationCode != "S001" {
				t.Errorf("shopper %d: %+v", i, r)
			}
		}
		loads := must(l.SlotLoads(ctx, "S001", noon, noon.Add(time.Second)))(t)
		if booked != 7 || loads[noon] != 7 {
			t.Errorf("booked %d, loads %v", booked, loads)
		}
	})
}

func TestAReferenceHasOneBooking(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		next := noon.Add(30 * time.Minute)
		book := func(ref string, place string) {
			t.Helper()
			mustDo(t, inTx(ctx, l, func(tx retail.Tx) error { return tx.BookSlot(ref, place, noon, 2) }))
		}
		book("o1/1", "S001")
		book("o2/1", "S001")
		mustDo(t, inTx(ctx, l, func(tx retail.Tx) error { return tx.BookSlot("o1/1", "S001", next, 1) })) // moves
		// A move that is refused leaves the booking where it was, even if the change goes on.
		mustDo(t, inTx(ctx, l, func(tx retail.Tx) error {
			wantRefusal(t, tx.BookSlot("o2/1", "S001", next, 1), retail.WhySlotUnavailable)
			return nil
		}))
		loads := must(l.SlotLoads(ctx, "S001", noon, next.Add(time.Second)))(t)
		if loads[noon] != 1 || loads[next] != 1 || len(loads) != 2 {
			t.Errorf("got %v", loads)
		}
		for range 2 {
			mustDo(t, inTx(ctx, l, func(tx retail.Tx) error { return tx.FreeSlot("o1/1") }))
		}
		if loads := must(l.SlotLoads(ctx, "S001", noon, next))(t); loads[noon] != 1 {
			t.Errorf("got %v", loads)
		}
		if diff := cmp.Diff(1, len(must(l.SlotLoads(ctx, "S001", noon, next.Add(time.Second)))(t))); diff != "" {
			t.Error(diff)
		}
	})
}
