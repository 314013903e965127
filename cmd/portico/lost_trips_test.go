package main

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/retail"
)

// Shop, tills and ERP carry out what they are asked and then, often, do not say so. Members buy, collect and cancel meanwhile:
// every order, payment, refund, task, delivery, redemption and booking of points is there once.
func TestLostRepliesDoNothingTwice(t *testing.T) {
	onEveryStore(t, func(t *testing.T, kind string) {
		const people = 12
		retailer := shoppers(stocked(9000), people)
		s := &sale{refusal: map[string]int{}, stocked: 9000}
		s.rig = newRigOf(t, kind, retailer, patiently, withBackends(func(r *rig, b *backends) {
			s.tap = newTap(t, r.stand.ShopURL)
			b.ShopURL, b.FeedTimeout = s.tap.URL, 5*time.Second
		}), withTerms(func(terms *terms) {
			terms.Ordering.PayAgainAfter, terms.Ordering.TakeOver, terms.Ordering.PollMost = time.Second, time.Second, time.Second
		}))
		s.entry = newEntry(t, s.rig.url, crowd)
		collect, sent := onSale(t, retailer, rushPlace, 0), onSale(t, retailer, rushPlace, 1)
		for i := range people { // whom the ERP has not been heard about has no coupons yet
			if a := s.rig.ask(t, s.shopper(t, i), `{ cart { id } }`, nil); len(a.Errors) > 0 {
				t.Fatal(a.Errors)
			}
		}
		boards := []*faults.Board{s.stand.ShopFaults, s.stand.POSFaults, s.stand.ERPFaults}
		for _, board := range boards {
			must(t, board.Set(faults.State{LoseReplies: 0.25}))
		}
		ids := make([]string, people)
		var group sync.WaitGroup
		for i := range people {
			group.Go(func() {
				var err error
				if ids[i], err = s.lossyTrip(t, i, collect, sent); err != nil {
					t.Errorf("member %d: %v", i, err)
				}
			})
		}
		group.Wait()
		for _, board := range boards {
			must(t, board.Set(faults.State{}))
		}
		if t.Failed() {
			return
		}
		orders := make([]*retail.Order, people)
		for i, id := range ids {
			eventually(t, func() (err error) {
				if orders[i], err = s.ledger.Order(t.Context(), id); err == nil && !orders[i].Saga.WakeAt.IsZero() {
					err = fmt.Errorf("order %s is not at rest: %s", id, orders[i].Status)
				}
				return err
			})
		}
		s.onceEach(t, orders, collect)
		t.Logf("the gateway asked the shop %d times again", s.tap.repeated())
		if s.tap.repeated() == 0 {
			t.Error("no reply was lost")
		}
	})
}

func (s *sale) shopper(t *testing.T, i int) (token string) {
	t.Helper()
	return s.token(t, auth.Principal{Role: auth.RoleMember, Subject: fmt.Sprintf("a-k%d", i)})
}

// lossyTrip buys two to collect and one to be sent. Every third member cancels what is paid; the others collect and receive it.
func (s *sale) lossyTrip(t *testing.T, i int, collect, sent string) (id string, err error) {
	ctx := t.Context()
	b := &buyer{entry: s.entry, keys: "lossy-", token: s.shopper(t, i)}
	// A shop that is asked too often in vain is left alone for a moment: people come back.
	again := func(do func() error) {
		for end := time.Now().Add(2 * longest); err == nil; {
			if err = do(); err == nil || !errors.Is(err, errAgain) || time.Now().After(end) {
				return
			}
			err = nil
		}
	}
	again(func() error { return b.fill(ctx, cartLine{collect, rushPlace, 2}, cartLine{sent, "", 1}) })
	again(func() error {
		return b.change(ctx, "address", setAddress, map[string]any{"address": map[string]any{
			"recipient": "王芳", "phone": "13800138000", "city": "上海市", "line": "南京东路1号",
			"position": map[string]any{"latitude": 31.2304, "longitude": 121.4737},
		}})
	})
	again(func() error { return b.change(ctx, "coupon", applyCoupon, map[string]any{"coupon": coupon(i)}) })
	var o *orderAnswer
	again(func() error {
		var codes string
		var err error
		if o, codes, err = b.buy(ctx); err == nil && o == nil {
			err = fmt.Errorf("refused: %s", codes)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	_, id, _ = retail.ParseGlobalID(o.ID)
	if i%3 == 0 {
		again(func() error {
			p, err := b.cancel(ctx, o.ID)
			if err == nil && len(p.UserErrors) > 0 {
				err = fmt.Errorf("not cancelled: %+v", p.UserErrors)
			}
			return err
		})
		return id, err
	}
	staff := s.stand.Backends(s.rig.client, time.Now)
	var pickup, parcel string
	for _, f := range o.Fulfillments {
		if f.Method == "PICKUP" {
			pickup = f.ID
		} else {
			parcel = f.ID
		}
	}
	eventually(t, func() error { return staff.Pick(ctx, id+"/"+pickup, nil) })
	code := ""
	eventually(t, func() error {
		o, err := b.order(ctx, o.ID)
		if err != nil {
			return err
		}
		for _, f := range o.Fulfillments {
			if f.PickupCode != nil {
				code = f.PickupCode.Code
				return nil
			}
		}
		return fmt.Errorf("order is %s: %+v", o.Status, o.Fulfillments)
	})
	associate := s.token(t, auth.Principal{
		Role: auth.RoleAssociate, Subject: fmt.Sprint("e-", i), Locations: []string{rushPlace}, Scopes: []auth.Scope{auth.ScopeOrderServe},
	})
	again(func() error {
		var a struct{ PickupHandOver orderPayload }
		input := map[string]any{"orderId": o.ID, "fulfillmentId": pickup, "code": code}
		err := b.ask(ctx, "hand over", associate, handOver, map[string]any{"input": input, "key": "give-" + o.Number}, &a)
		if err == nil && len(a.PickupHandOver.UserErrors) > 0 {
			err = fmt.Errorf("not handed over: %+v", a.PickupHandOver.UserErrors)
		}
		return err
	})
	for range 3 { // assigned, picked up, delivered
		eventually(t, func() error { return staff.AdvanceDelivery(ctx, id+"/"+parcel) })
	}
	return id, err
}

// onceEach counts in every system what the orders caused there.
func (s *sale) onceEach(t *testing.T, orders []*retail.Order, collect string) {
	t.Helper()
	collected, cancelled := 0, 0
	given := map[string]int{} // units that were sent, by place
	db := s.stand.ERP.Gateway()
	staff := s.stand.Backends(s.rig.client, time.Now)
	for i, o := range orders {
		var state, used string
		must(t, db.QueryRowContext(t.Context(), `SELECT stat_cd, COALESCE(used_ref, '') FROM cpn_mst WHERE cpn_no = '`+coupon(i)+`'`).
			Scan(&state, &used))
		var entries, points int
		must(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*), COALESCE(SUM(pts), 0) FROM pts_led WHERE cust_no = '`+o.CustomerNo+`'`).
			Scan(&entries, &points))
		paid := 0
		for _, p := range o.Payments {
			if p.Status == retail.PaymentSucceeded {
				paid++
			}
		}
		back := int64(0)
		for _, r := range o.Refunds {
			back += r.Amount.Minor
		}
		var task string
		for n := range o.Fulfillments {
			f := &o.Fulfillments[n]
			if f.Method == retail.MethodPickup {
				stands, err := staff.Task(t.Context(), f.Reference(o.ID))
				must(t, err)
				task = stands.Status
			} else if o.Status == retail.OrderCompleted {
				given[f.LocationCode]++
			}
		}
		got := fmt.Sprint(o.Status, " paid ", paid, " refunded ", back == o.Totals.Total.Minor, " by ", len(o.Refunds), " coupon ", state, " ", used == o.Number, " points ", entries, " ",
			points > 0, " task ", task)
		want := "COMPLETED paid 1 refunded false by 0 coupon U true points 1 true task " + demo.TaskHandedOver
		if i%3 == 0 {
			// Each of the two parts is refunded when it has been stopped.
			want = "CANCELLED paid 1 refunded true by 2 coupon O false points 0 false task " + demo.TaskCancelled
			cancelled++
		} else {
			collected++
		}
		if got != want {
			t.Errorf("order %s is\n%s, want\n%s", o.Number, got, want)
		}
	}
	counts := fmt.Sprint("orders ", len(s.tap.names("orders")), " payments ", len(s.tap.succeeded(t, s.stand.ShopURL, s.stand.ShopKey)),
		" refunds ", len(s.tap.names("refunds")))
	if want := fmt.Sprint("orders ", len(orders), " payments ", len(orders), " refunds ", 2*cancelled); counts != want {
		t.Errorf("the shop has %s, want %s", counts, want)
	}
	if got := s.stand.POS.Totals(rushPlace)[collect]; got != int64(2*collected) {
		t.Errorf("the tills sold %d, want %d", got, 2*collected)
	}
	for place, units := range given {
		sku := sentSKU(orders)
		eventually(t, func() error {
			got, _, err := books(s.entry, s.operator, place, sku)
			if want := (breakdown{OnHand: s.stocked - units, AvailableToPromise: s.stocked - units}); err != nil || got != want {
				return fmt.Errorf("%s shows %+v, want %+v %w", place, got, want, err)
			}
			return nil
		})
	}
	eventually(t, func() error {
		got, _, err := books(s.entry, s.operator, rushPlace, collect)
		sold := 2 * collected
		if want := (breakdown{OnHand: s.stocked, UnsyncedSales: sold, AvailableToPromise: s.stocked - sold}); err != nil || got != want {
			return fmt.Errorf("the store shows %+v, want %+v %w", got, want, err)
		}
		return nil
	})
}

// sentSKU is what was sent.
func sentSKU(orders []*retail.Order) string {
	for _, o := range orders {
		for i := range o.Fulfillments {
			if f := &o.Fulfillments[i]; f.Method == retail.MethodShipping {
				return f.Lines[0].SKU
			}
		}
	}
	return ""
}
