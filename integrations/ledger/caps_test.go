package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// passing counts the calls that were not refused; all others were for being too many.
func passing(t *testing.T, errs []error) (n int) {
	t.Helper()
	for _, err := range errs {
		if err == nil {
			n++
			continue
		}
		wantRefusal(t, err, retail.WhyLimitReached)
	}
	return n
}

// home is a household of two guests' worth.
var home = retail.Household{Name: "home", Guests: 2}

// householdHolds makes holds of guests of a household, each of whom may have 3 holds with 5 units of a product, and make 6 a minute.
func householdHolds(t *testing.T, l *ledger.Ledger) func(guest int, id string, line retail.ClaimLine, at time.Time) error {
	caps := stock.HoldCaps{Holds: 3, UnitsPerSKU: 5, PerMinute: 6, Household: home}
	return func(guest int, id string, line retail.ClaimLine, at time.Time) error {
		c := hold(id, fmt.Sprint("guest:", guest), "S001", line)
		c.CreatedAt, c.ExpiresAt = at, at.Add(5*time.Minute)
		_, err := l.AddClaim(t.Context(), c, caps, at)
		return err
	}
}

func TestAHouseholdHoldsSoMuchAtOnceHoweverManyItsGuests(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		add := householdHolds(t, l)
		if n := passing(t, parallel(16, func(i int) error { return add(i, fmt.Sprint("a", i), units("A", 4), noon) })); n != 2 {
			t.Errorf("16 guests took 4 of a product each: %d were admitted, want 2", n)
		}
		refusal := wantRefusal(t, add(99, "a99", units("A", 3), noon), retail.WhyLimitReached)
		if refusal.SKU != "A" || *refusal.Limit != 10 {
			t.Errorf("got %+v", refusal)
		}
		if n := passing(t, parallel(16, func(i int) error { return add(100+i, fmt.Sprint("b", i), units(fmt.Sprint("B", i), 1), noon) })); n != 4 {
			t.Errorf("and %d holds of other products, want 4", n)
		}
		if _, err := l.AddClaim(t.Context(), hold("next", "guest:x", "S001", units("A", 5)), stock.HoldCaps{
			Holds: 3, UnitsPerSKU: 5, Household: retail.Household{Name: "next door", Guests: 2},
		}, noon); err != nil {
			t.Errorf("the household next door: %v", err)
		}
	})
}

// A release, an expiry and an order give back what a household may hold; signing in does not: it takes nothing and is for nothing.
func TestAHouseholdGetsBackWhatItHoldsNoMore(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx, at := r.open(t), t.Context(), noon
		add := householdHolds(t, l)
		n := 0
		fill := func() (ids []string) {
			t.Helper()
			for range 2 {
				n++
				ids = append(ids, fmt.Sprint("c", n))
				mustDo(t, add(n, ids[len(ids)-1], units("A", 5), at))
			}
			wantRefusal(t, add(n+1, "more", units("A", 1), at), retail.WhyLimitReached)
			at = at.Add(time.Minute)
			return ids
		}
		for _, id := range fill() {
			must(l.EndClaim(ctx, id, retail.ClaimReleased))(t)
		}
		fill()
		at = at.Add(5 * time.Minute) // they expire
		for _, id := range fill() {
			must(l.ExtendClaim(ctx, id, "o1", at.Add(time.Hour)))(t)
		}
		for _, id := range fill() {
			must(l.ExtendClaim(ctx, id, "", at.Add(time.Hour)))(t)
		}
		mustDo(t, l.GiveHolds(ctx, fmt.Sprint("guest:", n), "member:m"))
		wantRefusal(t, add(n+2, "more", units("A", 1), at), retail.WhyLimitReached)
		if left := l.Int(t, `SELECT COUNT(*) FROM claims WHERE order_id <> '' AND household IS NOT NULL`); left != 0 {
			t.Errorf("%d claims of orders say whose guest made them", left)
		}
	})
}

func TestAHouseholdMakesSoManyHoldsAMinuteGivenBackOrNot(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		add := householdHolds(t, l)
		make := func(n int, at time.Time) error {
			id := fmt.Sprint("c", n)
			if err := add(n, id, units("A", 1), at); err != nil {
				return err
			}
			_, err := l.EndClaim(t.Context(), id, retail.ClaimReleased)
			return err
		}
		for n := range 12 {
			mustDo(t, make(n, noon.Add(time.Duration(n)*time.Second)))
		}
		no := wantRefusal(t, make(12, noon.Add(20*time.Second)), retail.WhyLimitReached)
		if *no.Limit != 12 || no.Message != "Too many tries: try again in 40 seconds." {
			t.Errorf("refused with %+v", no)
		}
		mustDo(t, make(12, noon.Add(time.Minute)))
	})
}

// placeUnpaid places an order that nobody has paid.
func placeUnpaid(t *testing.T, l *ledger.Ledger, id, owner string, limit retail.UnpaidLimit) error {
	o := &retail.Order{ID: id, Number: id, Owner: owner, Status: retail.OrderPlacing, PlacedAt: noon}
	_, _, err := l.CreateOrder(t.Context(), o, func(tx retail.Tx) error { return tx.LimitUnpaid(o, limit) })
	return err
}

func TestSoManyOrdersAreUnpaidAtOnce(t *testing.T) {
	limit := retail.UnpaidLimit{Orders: 3}
	shared := retail.UnpaidLimit{Orders: 3, Household: home}
	for name, c := range map[string]struct {
		limit retail.UnpaidLimit
		owner func(i int) string
		want  int
	}{
		"of one owner":              {limit, func(int) string { return "guest:a" }, 3},
		"of a guest at home":        {shared, func(int) string { return "guest:a" }, 3},
		"of a household":            {shared, func(i int) string { return fmt.Sprint("guest:", i) }, 6},
		"of many without a limit":   {limit, func(i int) string { return fmt.Sprint("guest:", i) }, 16},
		"of an owner whom it suits": {retail.UnpaidLimit{Household: home}, func(int) string { return "associate:a" }, 16},
	} {
		t.Run(name, func(t *testing.T) {
			onEveryDatabase(t, func(t *testing.T, r rig) {
				l := r.open(t)
				place := func(i int) error { return placeUnpaid(t, l, fmt.Sprint("o", i), c.owner(i), c.limit) }
				errs := parallel(16, place)
				if n, stored := passing(t, errs), l.Int(t, `SELECT COUNT(*) FROM orders`); n != c.want || stored != c.want {
					t.Errorf("%d were placed and %d stored, want %d", n, stored, c.want)
				}
				for i, err := range errs { // a repetition is no other order
					if err == nil {
						mustDo(t, place(i))
					}
				}
			})
		})
	}
}

// An order that is paid or cancelled makes room for another, and whose guest placed it is known no more.
func TestAnOrderThatIsPaidOrCancelledIsNotUnpaid(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		limit := retail.UnpaidLimit{Orders: 1, Household: retail.Household{Name: "home", Guests: 1}}
		for n, to := range []retail.OrderStatus{retail.OrderPaid, retail.OrderCancelled} {
			id := fmt.Sprint("o", n)
			mustDo(t, placeUnpaid(t, l, id, fmt.Sprint("guest:", n), limit))
			for _, status := range []retail.OrderStatus{retail.OrderPendingPayment, to} {
				wantRefusal(t, placeUnpaid(t, l, "more", "guest:other", limit), retail.WhyLimitReached)
				must(l.UpdateOrder(t.Context(), id, func(_ retail.Tx, o *retail.Order) error { o.Status = status; return nil }))(t)
			}
		}
		if left := l.Int(t, `SELECT COUNT(*) FROM orders WHERE unpaid_household IS NOT NULL`); left != 0 {
			t.Errorf("%d orders say whose guest placed them", left)
		}
		mustDo(t, placeUnpaid(t, l, "more", "guest:other", limit))
	})
}
