package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func placed(l *ledger.Ledger, t *testing.T, change func(o *retail.Order)) (*retail.Order, error) {
	t.Helper()
	o := &retail.Order{ID: "o1", Number: "N1", Owner: "guest:a", Status: retail.OrderPaid, PlacedAt: noon}
	change(o)
	stored, _, err := l.CreateOrder(t.Context(), o, nil)
	return stored, err
}

func TestACartBecomesOneOrderHoweverManyAskAtOnce(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		for round := range 5 {
			won := 0
			for _, err := range parallel(8, func(i int) error {
				_, err := placed(l, t, func(o *retail.Order) {
					o.ID, o.Number, o.CartID = fmt.Sprint("o", round, "/", i), fmt.Sprint("N", round, "/", i), fmt.Sprint("cart", round)
				})
				return err
			}) {
				if err == nil {
					won++
					continue
				}
				if no := wantRefusal(t, err, retail.WhyNotAllowed); !slices.Equal(no.Field, []string{"cartId"}) {
					t.Errorf("refused for %v", no.Field)
				}
			}
			if n := l.Int(t, `SELECT COUNT(*) FROM orders WHERE cart_id = ?`, fmt.Sprint("cart", round)); won != 1 || n != 1 {
				t.Errorf("%d orders came about, %d are stored", won, n)
			}
		}
	})
}

func TestACartIsFreeOnceItsOrderIsGivenUpBeforeItWasPlaced(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		order := func(id string) error {
			_, err := placed(l, t, func(o *retail.Order) { o.ID, o.Number, o.CartID, o.Status = id, "N"+id, "cart", retail.OrderPlacing })
			return err
		}
		end := func(id string, was bool) {
			must(l.UpdateOrder(ctx, id, func(_ retail.Tx, o *retail.Order) error {
				o.Status, o.Saga.Placed = retail.OrderCancelled, was
				return nil
			}))(t)
		}
		mustDo(t, order("1"))
		wantRefusal(t, order("2"), retail.WhyNotAllowed)
		mustDo(t, order("1")) // known: the same order
		end("1", false)
		mustDo(t, order("2"))
		wantRefusal(t, order("3"), retail.WhyNotAllowed)
		end("2", true) // the shop had it: the cart is used
		wantRefusal(t, order("3"), retail.WhyNotAllowed)
		for _, id := range []string{"8", "9"} { // orders without a cart do not get in each other's way
			if _, err := placed(l, t, func(o *retail.Order) { o.ID, o.Number = id, "N"+id }); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestOrdersAreCountedByOwnerAndByPhone(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		phone := "+8613800138000"
		for i, o := range []struct {
			owner, phone string
			age          time.Duration
			status       retail.OrderStatus
		}{
			{"guest:a", phone, 0, retail.OrderPaid},
			{"guest:a", "", time.Minute, retail.OrderPlacing},
			{"guest:a", phone, 2 * time.Minute, retail.OrderCancelled},
			{"guest:b", phone, time.Minute, retail.OrderPaid},
			{"guest:c", phone, 5 * time.Minute, retail.OrderCompleted},
			{"guest:c", phone, time.Hour, retail.OrderPaid},
			{"guest:d", "+8613900139000", 0, retail.OrderPaid},
		} {
			if _, err := placed(l, t, func(to *retail.Order) {
				to.ID, to.Number, to.Owner, to.Status = fmt.Sprint("o", i), fmt.Sprint("N", i), o.owner, o.status
				to.Contact.Phone, to.PlacedAt = o.phone, noon.Add(-o.age)
			}); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]struct {
			owner, phone string
			since        time.Duration
			most, want   int
		}{
			"the phone has more":    {"guest:a", phone, 10 * time.Minute, 100, 3},
			"the owner has more":    {"guest:a", "+8613900139000", 10 * time.Minute, 100, 2},
			"nobody":                {"guest:z", "+1", 10 * time.Minute, 100, 0},
			"no phone":              {"guest:c", "", 10 * time.Minute, 100, 1},
			"lately":                {"guest:z", phone, time.Minute, 100, 2},
			"no more than asked":    {"guest:a", phone, 10 * time.Minute, 2, 2},
			"an owner with a NUL":   {"a\x00", phone, 10 * time.Minute, 100, 0},
			"a phone with anything": {"guest:z", "%' OR 1=1 --", 10 * time.Minute, 100, 0},
		} {
			if got := must(l.CountOrders(ctx, c.owner, c.phone, noon.Add(-c.since), c.most))(t); got != c.want {
				t.Errorf("%s: %d, want %d", name, got, c.want)
			}
		}
		if n := l.Int(t, `SELECT COUNT(*) FROM recent_contacts WHERE digest LIKE '%138%' AND length(digest) < 64`); n != 0 {
			t.Error("a phone number is stored")
		}
		r.clock.pass(25 * time.Hour)
		must(l.Purge(ctx))(t)
		if n := l.Int(t, `SELECT COUNT(*) FROM recent_contacts`); n != 0 {
			t.Errorf("%d phones are known after a day", n)
		}
	})
}

func TestOrdersInReviewAreListedTheLongestFirst(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		list := func(limit int) string {
			var ids []string
			for _, o := range must(l.OrdersInReview(ctx, limit))(t) {
				ids = append(ids, o.ID)
			}
			return strings.Join(ids, " ")
		}
		set := func(id string, status retail.ReviewStatus, since time.Time) {
			must(l.UpdateOrder(ctx, id, func(_ retail.Tx, o *retail.Order) error {
				o.Review = &retail.Review{Status: status, Since: since, Flags: []retail.RiskFlag{retail.RiskManyUnits}}
				return nil
			}))(t)
		}
		for i := range 5 {
			id := fmt.Sprint("o", i)
			if _, err := placed(l, t, func(o *retail.Order) { o.ID, o.Number = id, "N"+id }); err != nil {
				t.Fatal(err)
			}
			if i > 0 {
				set(id, retail.ReviewOpen, noon.Add(-time.Duration(i%4)*time.Minute))
			}
		}
		if got := list(100); got != "o3 o2 o1 o4" {
			t.Errorf("got %s", got)
		}
		if got := list(2); got != "o3 o2" {
			t.Errorf("got %s", got)
		}
		set("o3", retail.ReviewReleased, noon)
		set("o4", retail.ReviewCancelled, noon)
		if got := list(100); got != "o2 o1" {
			t.Errorf("got %s", got)
		}
	})
}

func TestTriesTellHowLongToWaitAndAreForgiven(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		limit := retail.Limit{Most: 2, Per: time.Hour}
		try := func(want bool, wantWait time.Duration) {
			t.Helper()
			allowed, wait, err := l.Try(ctx, "k", limit)
			if err != nil || allowed != want || wait != wantWait {
				t.Errorf("allowed %v, wait %v, %v; want %v, %v", allowed, wait, err, want, wantWait)
			}
		}
		mustDo(t, l.Forgive(ctx, "k")) // nothing to forgive
		try(true, time.Hour)
		r.clock.pass(10 * time.Minute)
		try(true, 50*time.Minute)
		mustDo(t, l.Forgive(ctx, "k"))
		try(true, 50*time.Minute)
		try(false, 50*time.Minute)
		r.clock.pass(50 * time.Minute)
		mustDo(t, l.Forgive(ctx, "k")) // of a window that is over
		try(true, time.Hour)
		for range 5 { // never below none: nobody saves tries up
			mustDo(t, l.Forgive(ctx, "k"))
		}
		try(true, time.Hour)
		try(true, time.Hour)
		try(false, time.Hour)
	})
}

func TestHoldsOfAMinuteAreCountedGivenBackOrNot(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		caps := stock.HoldCaps{Holds: 100, UnitsPerSKU: 100, PerMinute: 3}
		add := func(id, owner string, at time.Time) error {
			c := hold(id, owner, "S001", units("A", 1))
			c.CreatedAt = at
			_, err := l.AddClaim(ctx, c, caps, at)
			return err
		}
		for i := range 3 {
			mustDo(t, add(fmt.Sprint("c", i), "guest:a", noon.Add(time.Duration(i)*10*time.Second)))
			must(l.EndClaim(ctx, fmt.Sprint("c", i), retail.ClaimReleased))(t)
		}
		mustDo(t, add("c2", "guest:a", noon.Add(30*time.Second))) // known: counts once
		no := wantRefusal(t, add("c3", "guest:a", noon.Add(30*time.Second)), retail.WhyLimitReached)
		if *no.Limit != 3 || no.Message != "Too many tries: try again in 30 seconds." {
			t.Errorf("refused with %+v", no)
		}
		mustDo(t, add("d1", "guest:b", noon.Add(30*time.Second)))
		mustDo(t, add("c3", "guest:a", noon.Add(time.Minute)))
		wantRefusal(t, add("c4", "guest:a", noon.Add(time.Minute+time.Second)), retail.WhyLimitReached)
	})
}
