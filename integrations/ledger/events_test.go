package ledger_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
)

func emit(ctx context.Context, l *ledger.Ledger, id string, during func()) error {
	_, _, err := l.CreateOrder(ctx, &retail.Order{ID: id, Number: id, Owner: "guest:" + id}, func(tx retail.Tx) error {
		err := tx.Emit(retail.Event{Kind: retail.EventOrderStatus, Subject: id, At: noon, Data: map[string]string{"status": "PAID"}})
		during()
		return err
	})
	return err
}

func TestAReaderOfEventsMissesNone(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		const writers, each = 8, 12
		stop := make(chan struct{})
		read := make(chan []string)
		go func() {
			var seen []string
			var last int64
			for done := false; ; {
				events, err := l.Events(ctx, last, 7)
				if err != nil {
					seen = append(seen, err.Error())
				}
				for _, e := range events {
					if e.Seq != last+1 {
						seen = append(seen, fmt.Sprintf("%d follows %d", e.Seq, last))
					}
					last = e.Seq
					seen = append(seen, e.Subject)
				}
				if done && len(events) == 0 {
					read <- seen
					return
				}
				select {
				case <-stop:
					done = true
				default:
				}
			}
		}()
		for _, err := range parallel(writers, func(w int) error {
			for i := range each {
				if err := emit(ctx, l, fmt.Sprintf("%d-%d", w, i), func() {}); err != nil {
					return err
				}
			}
			return nil
		}) {
			mustDo(t, err)
		}
		close(stop)
		seen := <-read
		var want []string
		for w := range writers {
			for i := range each {
				want = append(want, fmt.Sprintf("%d-%d", w, i))
			}
		}
		// Each writer's events come in its order.
		slices.SortStableFunc(seen, func(a, b string) int { return strings.Compare(a[:1], b[:1]) })
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Error(diff)
		}
	})
}

// TestALateTransactionGetsALateNumber has a reader look between two transactions of which the first to write ends last.
func TestALateTransactionGetsALateNumber(t *testing.T) {
	r := newRig(t, "postgres") // SQLite has one writer at a time
	l, ctx := r.open(t), t.Context()
	mustDo(t, emit(ctx, l, "slow", func() {
		mustDo(t, emit(ctx, l, "fast", func() {}))
		if events := must(l.Events(ctx, 0, 10))(t); len(events) != 1 || events[0].Subject != "fast" {
			t.Errorf("got %+v", events)
		}
	}))
	events := must(l.Events(ctx, 1, 10))(t)
	want := []retail.Event{{Seq: 2, Kind: retail.EventOrderStatus, Subject: "slow", At: noon, Data: map[string]string{"status": "PAID"}}}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Error(diff)
	}
}

func TestAnAlertIsRaisedAndClearedOnce(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		late := retail.Alert{
			ID: "o1/1/LATE", Kind: retail.AlertLate, OrderID: "o1", OrderNumber: "N1", FulfillmentID: "1", LocationCode: "S001",
			DueAt: noon.Add(-time.Hour), RaisedAt: noon,
		}
		raise := func(tx retail.Tx) error { return tx.RaiseAlert(late) }
		clear := func(tx retail.Tx) error { return tx.ClearAlert(late.ID, noon.Add(time.Minute)) }
		for _, do := range []func(retail.Tx) error{clear, raise, raise} {
			mustDo(t, inTx(ctx, l, do))
		}
		if diff := cmp.Diff([]retail.Alert{late}, must(l.Alerts(ctx, retail.AlertQuery{Limit: 10}))(t)); diff != "" {
			t.Error(diff)
		}
		for _, do := range []func(retail.Tx) error{clear, clear, raise} {
			mustDo(t, inTx(ctx, l, do))
		}
		cleared := noon.Add(time.Minute)
		late.ClearedAt = &cleared
		if diff := cmp.Diff([]retail.Alert{late}, must(l.Alerts(ctx, retail.AlertQuery{Limit: 10}))(t)); diff != "" {
			t.Error(diff)
		}
		var kinds []retail.EventKind
		for _, e := range must(l.Events(ctx, 0, 10))(t) {
			kinds = append(kinds, e.Kind)
			if e.Subject != late.ID || e.Data["locationCode"] != "S001" || e.Data["orderNumber"] != "N1" {
				t.Errorf("got %+v", e)
			}
		}
		if diff := cmp.Diff([]retail.EventKind{retail.EventAlertRaised, retail.EventAlertCleared}, kinds); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAlertsArePagedNewestFirst(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		mustDo(t, inTx(ctx, l, func(tx retail.Tx) error {
			for i := range 12 {
				a := retail.Alert{
					ID: fmt.Sprintf("a%02d", i), Kind: retail.AlertLate, LocationCode: fmt.Sprint("S00", i%2),
					RaisedAt: noon.Add(time.Duration(i/3) * time.Minute),
				}
				if err := tx.RaiseAlert(a); err != nil {
					return err
				}
			}
			return tx.ClearAlert("a04", noon)
		}))
		list := func(q retail.AlertQuery) (ids []string) {
			q.Limit = 4
			for {
				page := must(l.Alerts(ctx, q))(t)
				for _, a := range page {
					ids = append(ids, a.ID)
				}
				if len(page) < q.Limit {
					return ids
				}
				last := page[len(page)-1]
				q.Before = &retail.AlertKey{At: last.RaisedAt, ID: last.ID}
			}
		}
		open, cleared := true, false
		for name, c := range map[string]struct {
			q    retail.AlertQuery
			want string
		}{
			"all":                  {retail.AlertQuery{}, "a11 a10 a09 a08 a07 a06 a05 a04 a03 a02 a01 a00"},
			"open ones of a place": {retail.AlertQuery{LocationCodes: []string{"S000"}, Open: &open}, "a10 a08 a06 a02 a00"},
			"cleared ones":         {retail.AlertQuery{Open: &cleared}, "a04"},
			"of no place":          {retail.AlertQuery{LocationCodes: []string{}}, ""},
		} {
			if got := strings.Join(list(c.q), " "); got != c.want {
				t.Errorf("%s: got %s, want %s", name, got, c.want)
			}
		}
	})
}

func TestAnOutsideEventCountsOnce(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		fresh := make([]bool, 16)
		for _, err := range parallel(16, func(i int) (err error) {
			fresh[i], err = l.Notify(t.Context(), "pay-1", retail.Job{Kind: retail.JobOrder, Key: fmt.Sprint("o", i)})
			return err
		}) {
			mustDo(t, err)
		}
		n := 0
		for _, f := range fresh {
			if f {
				n++
			}
		}
		if jobs := waiting(t, l); n != 1 || jobs != 1 {
			t.Errorf("fresh %d times, %d jobs", n, jobs)
		}
	})
}

func TestAttemptsAreCountedExactly(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		try := func(key string, most int) bool {
			t.Helper()
			allowed, _, err := l.Try(ctx, key, retail.Limit{Most: most, Per: time.Minute})
			mustDo(t, err)
			return allowed
		}
		for window := range 3 {
			allowed := make([]bool, 24)
			for _, err := range parallel(24, func(i int) (err error) {
				allowed[i], _, err = l.Try(ctx, "pin:+8613800138000", retail.Limit{Most: 5, Per: time.Minute})
				return err
			}) {
				mustDo(t, err)
			}
			n := 0
			for _, a := range allowed {
				if a {
					n++
				}
			}
			if n != 5 {
				t.Errorf("window %d allowed %d tries, want 5", window, n)
			}
			r.clock.pass(time.Minute - time.Microsecond)
			if try("pin:+8613800138000", 5) {
				t.Error("allowed before the window ended")
			}
			r.clock.pass(time.Microsecond)
		}
		if !try("another", 1) || try("none", 0) {
			t.Error("keys count for each other")
		}
		if n := l.Int(t, `SELECT COUNT(*) FROM attempts WHERE key LIKE '%138%' AND length(key) < 64`); n != 0 {
			t.Error("a phone number is stored")
		}
	})
}

// Phones are few: who reads the tables could hash them all, but not under a key.
func TestDigestsNeedTheKey(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		const phone = "+8613800138000"
		ctx, rows := t.Context(), map[string]int{}
		for i, key := range [][]byte{nil, bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32), bytes.Repeat([]byte{1}, 32)} {
			l := must(ledger.Open(ctx, ledger.Config{DSN: r.dsn, Now: r.clock.now, DataKey: key}))(t)
			id := fmt.Sprint("o", i)
			_, _, err := l.CreateOrder(ctx, &retail.Order{
				ID: id, Number: id, Owner: "guest:" + id, Contact: retail.Contact{Phone: phone}, PlacedAt: r.clock.now(),
			}, nil)
			mustDo(t, err)
			_, _, err = l.Try(ctx, phone, retail.Limit{Most: 9, Per: time.Minute})
			mustDo(t, err)
			n := must(l.CountOrders(ctx, "guest:nobody", phone, noon, 9))(t)
			if want := 1 + i/3; n != want {
				t.Errorf("under key %d there are %d orders for the phone, want %d", i, n, want)
			}
			rows["attempts"] = l.Int(t, `SELECT COUNT(*) FROM attempts`)
			rows["recent_contacts"] = l.Int(t, `SELECT COUNT(DISTINCT digest) FROM recent_contacts`)
			mustDo(t, l.Close())
		}
		if rows["attempts"] != 3 || rows["recent_contacts"] != 3 {
			t.Errorf("of three keys, and none, there are %v", rows)
		}
	})
}

func TestWhatIsOldIsRemoved(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		fill := func(id string) {
			must(l.Notify(ctx, id))(t)
			_, _, err := l.Try(ctx, id, retail.Limit{Most: 1, Per: time.Minute})
			mustDo(t, err)
			_, _, err = l.Begin(ctx, "guest:a", id, nil, time.Minute)
			mustDo(t, err)
			claim := hold("free-"+id, "guest:a", "S001", units("A", 1))
			claim.ExpiresAt = r.clock.now()
			mustHold(t, l, claim)
			claim.ID, claim.OrderID = "sold-"+id, "o1"
			mustHold(t, l, claim)
			claim.ID, claim.OrderID = "lapsed-"+id, ""
			mustHold(t, l, claim)
			must(l.EndClaim(ctx, "free-"+id, retail.ClaimExpired))(t)
			must(l.EndClaim(ctx, "sold-"+id, retail.ClaimReleased))(t)
			mustDo(t, inTx(ctx, l, func(tx retail.Tx) error {
				if err := tx.BookSlot(id, "S001", r.clock.now(), 9); err != nil {
					return err
				}
				return tx.Emit(retail.Event{Kind: retail.EventOrderStatus, Subject: id, At: r.clock.now()})
			}))
		}
		count := func() string {
			var s []string
			for _, table := range []string{"answers", "attempts", "notices", "events", "slot_bookings", "slots", "claims", "orders"} {
				s = append(s, fmt.Sprint(table, l.Int(t, `SELECT COUNT(*) FROM `+table)))
			}
			return strings.Join(s, " ")
		}
		fill("old")
		r.clock.pass(31 * 24 * time.Hour)
		fill("new")
		if n := must(l.Purge(ctx))(t); n != 8 {
			t.Errorf("%d rows went, want 8", n)
		}
		if got, want := count(), "answers1 attempts1 notices1 events1 slot_bookings1 slots1 claims4 orders1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		// Numbers go on where they were.
		if events := must(l.Events(ctx, 1, 10))(t); len(events) != 1 || events[0].Seq != 2 || events[0].Subject != "new" {
			t.Errorf("got %+v", events)
		}
		r.clock.pass(49 * time.Hour)
		must(l.Purge(ctx))(t)
		if got, want := count(), "answers0 attempts0 notices1 events1 slot_bookings1 slots1 claims4 orders1"; got != want {
			t.Errorf("after two days: got %s, want %s", got, want)
		}
	})
}
