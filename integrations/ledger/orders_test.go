package ledger_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
)

func mustCreate(t testing.TB, l *ledger.Ledger, o *retail.Order) *retail.Order {
	t.Helper()
	stored, created, err := l.CreateOrder(t.Context(), o, nil)
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	return stored
}

func ids(orders []*retail.Order) []string {
	list := []string{}
	for _, o := range orders {
		list = append(list, o.ID)
	}
	return list
}

func TestAnOrderIsCreatedOnceHoweverManyTry(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		created := make([]bool, 32)
		for _, err := range parallel(32, func(i int) (err error) {
			var o *retail.Order
			o, created[i], err = l.CreateOrder(t.Context(), &retail.Order{ID: "o1", Number: "N1", Owner: "guest:a", PlacedAt: noon},
				func(tx retail.Tx) error {
					return tx.Emit(retail.Event{Kind: retail.EventOrderStatus, Subject: "o1", At: noon})
				})
			if err == nil && (o.ID != "o1" || o.Version != 1 || !o.PlacedAt.Equal(noon)) {
				err = fmt.Errorf("got %+v", o)
			}
			return err
		}) {
			mustDo(t, err)
		}
		n := 0
		for _, c := range created {
			if c {
				n++
			}
		}
		if events := must(l.Events(t.Context(), 0, 100))(t); n != 1 || len(events) != 1 {
			t.Errorf("created %d times with %d events", n, len(events))
		}
		_, _, err := l.CreateOrder(t.Context(), &retail.Order{ID: "o2", Number: "N1", Owner: "guest:a"}, nil)
		wantCode(t, err, retail.CodeConflict, true)
	})
}

func TestNoChangeOfAnOrderIsLost(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		mustCreate(t, l, &retail.Order{ID: "o1", Number: "N1", Owner: "guest:a"})
		const writers, each = 16, 5
		for _, err := range parallel(writers, func(int) error {
			for range each {
				if _, err := l.UpdateOrder(t.Context(), "o1", func(_ retail.Tx, o *retail.Order) error {
					o.Totals.Total.Minor++
					return nil
				}); err != nil {
					return err
				}
			}
			return nil
		}) {
			mustDo(t, err)
		}
		o := must(l.Order(t.Context(), "o1"))(t)
		if o.Totals.Total.Minor != writers*each || o.Version != writers*each+1 {
			t.Errorf("got %d changes and version %d, want %d", o.Totals.Total.Minor, o.Version, writers*each)
		}
	})
}

func TestAChangeThatFailsChangesNothing(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx, no := r.open(t), t.Context(), errors.New("no")
		mustCreate(t, l, &retail.Order{ID: "o1", Number: "N1", Owner: "guest:a", Note: "as it was"})
		for name, end := range map[string]error{"an error": no, "a refusal": retail.Refuse(retail.WhyOrderClosed, "", "no"), "unchanged": retail.ErrUnchanged} {
			o, err := l.UpdateOrder(ctx, "o1", func(tx retail.Tx, o *retail.Order) error {
				o.Note = "changed"
				mustDo(t, tx.BookSlot("r1", "S001", noon, 1))
				mustDo(t, tx.Enqueue(order("o1")))
				mustDo(t, tx.RaiseAlert(retail.Alert{ID: "a1", Kind: retail.AlertLate, RaisedAt: noon}))
				return end
			})
			switch {
			case errors.Is(end, retail.ErrUnchanged):
				if err != nil || o.Note != "as it was" || o.Version != 1 {
					t.Errorf("%s: got %+v, %v", name, o, err)
				}
			case err != end: //nolint:errorlint // it must come back as it is
				t.Errorf("%s: got %v", name, err)
			}
		}
		if o := must(l.Order(ctx, "o1"))(t); o.Note != "as it was" || o.Version != 1 {
			t.Errorf("got %+v", o)
		}
		for _, table := range []string{"slots", "slot_bookings", "river_job", "alerts", "events"} {
			if n := l.Int(t, `SELECT COUNT(*) FROM `+table); n != 0 {
				t.Errorf("%d rows in %s", n, table)
			}
		}
		_, err := l.UpdateOrder(ctx, "o2", func(retail.Tx, *retail.Order) error { return nil })
		wantCode(t, err, retail.CodeNotFound, false)
	})
}

func TestAStatementThatFailedCannotBeSwallowed(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		mustCreate(t, l, &retail.Order{ID: "o1", Number: "N1", Owner: "guest:a"})
		l.Exec(t, `DROP TABLE slots`)
		_, err := l.UpdateOrder(ctx, "o1", func(tx retail.Tx, o *retail.Order) error {
			o.Note = "changed"
			if tx.BookSlot("r1", "S001", noon, 1) == nil {
				t.Error("booked without a table")
			}
			return nil
		})
		wantCode(t, err, retail.CodeInternal, false)
		if o := must(l.Order(ctx, "o1"))(t); o.Note != "" {
			t.Error("the change was stored")
		}
	})
}

func TestOrdersAreFoundByWhatTheyAreServedAt(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		at := func(id, place string, status retail.FulfillmentStatus, promise time.Time) retail.Fulfillment {
			return retail.Fulfillment{ID: id, LocationCode: place, Status: status, Promise: promise}
		}
		for id, parts := range map[string][]retail.Fulfillment{
			"late":    {at("1", "S001", retail.FulfillmentAccepted, noon.Add(-time.Hour)), at("2", "S001", retail.FulfillmentPending, noon)},
			"soon":    {at("1", "S001", retail.FulfillmentReady, noon.Add(time.Hour))},
			"done":    {at("1", "S001", retail.FulfillmentCollected, noon.Add(-time.Hour))},
			"split":   {at("1", "S002", retail.FulfillmentAccepted, noon.Add(-2*time.Hour)), at("2", "S001", retail.FulfillmentAccepted, noon.Add(time.Minute))},
			"someday": {at("1", "S001", retail.FulfillmentPending, time.Time{})},
		} {
			mustCreate(t, l, &retail.Order{ID: id, Number: "N-" + id, Owner: "guest:a", Fulfillments: parts, Saga: retail.Saga{WakeAt: parts[0].Promise}})
		}
		check := func(what string, got []string, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", what, diff)
			}
		}
		check("S001", ids(must(l.OrdersAt(ctx, "S001", 10))(t)), "late", "split", "soon", "someday")
		check("S001, two", ids(must(l.OrdersAt(ctx, "S001", 2))(t)), "late", "split")
		check("overdue", must(l.Overdue(ctx, noon))(t), "split", "late")
		check("stalled", must(l.Stalled(ctx, noon))(t), "split", "done", "late")
		must(l.UpdateOrder(ctx, "split", func(_ retail.Tx, o *retail.Order) error {
			o.Fulfillments[0].Status, o.Fulfillments[1].LocationCode = retail.FulfillmentDelivered, "S003"
			o.Saga.WakeAt = time.Time{}
			return nil
		}))(t)
		check("S001 after", ids(must(l.OrdersAt(ctx, "S001", 10))(t)), "late", "soon", "someday")
		check("S003 after", ids(must(l.OrdersAt(ctx, "S003", 10))(t)), "split")
		check("overdue after", must(l.Overdue(ctx, noon))(t), "late")
		check("stalled after", must(l.Stalled(ctx, noon))(t), "done", "late")
	})
}

func TestOrdersOfAnOwnerArePagedNewestFirst(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		var all []retail.PurchaseKey
		for i := range 20 {
			placed := noon.Add(time.Duration(i/3) * time.Minute).Add(123 * time.Nanosecond) // three at each instant
			o := mustCreate(t, l, &retail.Order{ID: fmt.Sprint("o", i), Number: fmt.Sprintf("N%02d", i), Owner: "guest:a", PlacedAt: placed})
			all = append(all, retail.PurchaseKey{At: o.PlacedAt, Source: retail.SourceShop, Number: o.Number})
		}
		mustCreate(t, l, &retail.Order{ID: "other", Number: "X", Owner: "guest:b", PlacedAt: noon})
		slices.SortFunc(all, func(a, b retail.PurchaseKey) int {
			if a.Before(b) { // comes after it in the list
				return 1
			}
			return -1
		})
		// From every key, of every source, the next page is what comes after it.
		for _, key := range all {
			for _, source := range []retail.Source{retail.SourcePOS, retail.SourceShop, "ZZZ"} {
				for _, more := range []time.Duration{0, 500 * time.Nanosecond} {
					before := retail.PurchaseKey{At: key.At.Add(more), Source: source, Number: key.Number}
					var want, got []string
					for _, k := range all {
						if k.Before(before) && len(want) < 7 {
							want = append(want, k.Number)
						}
					}
					for _, o := range must(l.OrdersOf(ctx, "guest:a", &before, 7))(t) {
						got = append(got, o.Number)
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Fatalf("after %+v: %s", before, diff)
					}
				}
			}
		}
		if got := must(l.OrdersOf(ctx, "guest:a", nil, 1000))(t); len(got) != 20 {
			t.Errorf("got %d orders", len(got))
		}
	})
}

func TestOrdersAreFoundByNumber(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		for i := range 3 {
			mustCreate(t, l, &retail.Order{ID: fmt.Sprint("o", i), Number: fmt.Sprint("N", i), Owner: "guest:a"})
		}
		found := must(l.OrdersByNumber(ctx, []string{"N2", "", "N9", "N0", "N0", "\x00"}))(t)
		if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, []string{"N0", "N2"}) || found["N2"].ID != "o2" {
			t.Errorf("got %v", got)
		}
		if o := must(l.OrderByNumber(ctx, "N1"))(t); o.ID != "o1" {
			t.Errorf("got %+v", o)
		}
		for _, number := range []string{"N9", "", "\x00", "\xff"} {
			_, err := l.OrderByNumber(ctx, number)
			wantCode(t, err, retail.CodeNotFound, false)
		}
		_, err := l.OrdersByNumber(ctx, slices.Collect(func(yield func(string) bool) {
			for i := range 1001 {
				if !yield(fmt.Sprint(i)) {
					return
				}
			}
		}))
		wantCode(t, err, retail.CodeBadInput, false)
	})
}

// anyOrder makes orders with anything in them that Go can hold and JSON can say.
func anyOrder() *rapid.Generator[*retail.Order] {
	instant := rapid.Custom(func(t *rapid.T) time.Time {
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		return at.In(time.FixedZone("", rapid.IntRange(-12, 14).Draw(t, "zone")*3600))
	})
	return rapid.MakeCustom[*retail.Order](rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{reflect.TypeFor[time.Time](): instant.AsAny()},
	}).Filter(func(o *retail.Order) bool { return o != nil })
}

func TestAnOrderComesBackAsItWent(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, n := r.open(t), 0
		rapid.Check(t, func(rt *rapid.T) {
			n++
			o := anyOrder().Draw(rt, "order")
			o.ID, o.Number, o.Owner, o.MemberID = fmt.Sprint("o", n), fmt.Sprint("N", n), "guest:a", "m1"
			o.Status, o.CartID = retail.OrderPaid, fmt.Sprint("c", n) // a cart becomes one order
			for i := range o.Fulfillments {
				o.Fulfillments[i].ID, o.Fulfillments[i].LocationCode = fmt.Sprint(i), "S001"
				if c := o.Fulfillments[i].Collector; c != nil {
					c.Other = false // nobody stores it
				}
			}
			o.Contact.Other = false
			if _, _, err := l.CreateOrder(t.Context(), o, nil); err != nil {
				rt.Fatal(err)
			}
			want := *o
			want.Version, want.PlacedAt = 1, o.PlacedAt.Truncate(time.Microsecond)
			got, err := l.Order(t.Context(), o.ID)
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(&want, got); diff != "" {
				rt.Fatal(diff)
			}
		})
	})
}
