package ordering_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/ordering"
)

// unlike starts a paid order in review.
func unlike(t *testing.T, lines ...string) *trip {
	t.Helper()
	j := journey{actor: guest, lines: lines, prepare: unlikeFrom4}.start(t)
	j.checkout()
	j.pay("wallet")
	j.settle(soon)
	if r := j.order().Review; r == nil || r.Status != retail.ReviewOpen {
		t.Fatalf("the review is %+v", r)
	}
	return j
}

func kinds(o *retail.Order) (list []retail.TimelineKind) {
	for _, e := range o.Timeline {
		list = append(list, e.Kind)
	}
	return list
}

func TestAnOrderInReviewKeepsItsGoodsAndNobodyPreparesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := unlike(t, "A×4@S-1", "B×1")
		o := j.order()
		if want := (retail.Review{
			Status: retail.ReviewOpen, Since: o.Review.Since, DecideBy: o.Review.Since.Add(24 * time.Hour), Flags: []retail.RiskFlag{retail.RiskManyUnits},
		}); o.Status != retail.OrderPaid || fmt.Sprint(*o.Review) != fmt.Sprint(want) {
			t.Errorf("the order is %s with review %+v", o.Status, o.Review)
		}
		j.settle(10 * time.Hour)
		o = j.order()
		for _, f := range o.Fulfillments {
			if f.TaskAt != nil || f.Status != retail.FulfillmentPending || f.Claim.State != retail.ClaimAllocated || !f.Claim.Committed {
				t.Errorf("part %s: %+v", f.ID, f)
			}
		}
		if len(j.stores.sent)+len(j.parcels) > 0 {
			t.Errorf("somebody heard of it: %v %v", j.stores.sent, j.parcels)
		}
		if len(j.books.alerts) != 1 { // neither late nor not accepted: it waits for nobody's hands
			t.Errorf("alerts: %v", j.books.alerts)
		}
		for id, a := range j.books.alerts {
			if a.Kind != retail.AlertOrderInReview || a.OrderID != j.id || a.LocationCode != "" || a.ClearedAt != nil {
				t.Errorf("alert %s: %+v", id, a)
			}
		}
	})
}

func TestAReleasedOrderGoesOnAtOnceAndPromisesWhatCanBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := unlike(t, "A×4@S-1", "B×1")
		before := j.order()
		j.settle(30 * time.Minute)
		o, err := j.service.Decide(context.Background(), operator, j.id, retail.ReviewRelease)
		if err != nil {
			t.Fatal(err)
		}
		if r := o.Review; r.Status != retail.ReviewReleased || r.DecidedBy != operator.Key() || r.DecidedAt == nil || !r.DecidedAt.Equal(time.Now()) {
			t.Errorf("review %+v", r)
		}
		if !slices.Contains(kinds(o), retail.TimelineReviewReleased) {
			t.Errorf("timeline %v", kinds(o))
		}
		if len(j.stores.sent) != 1 || len(j.parcels) != 1 {
			t.Errorf("tasks %v, deliveries %v", j.stores.sent, j.parcels)
		}
		waited := time.Since(before.Review.Since)
		for i, f := range o.Fulfillments {
			at := before.Fulfillments[i].Promise.Add(waited)
			if f.Method.Visits() { // bubbles begin at midnight UTC, 8 in Shanghai
				place, _ := fakePlaces{}.ByCode(f.LocationCode)
				if w := place.Windows(at, 14); w[0].Opens.After(at) {
					at = w[0].Opens
				}
			}
			if !f.Promise.Equal(at) || f.TaskAt == nil {
				t.Errorf("part %s is promised for %s, want %s, told %v", f.ID, f.Promise, at, f.TaskAt)
			}
		}
		version := o.Version
		if again, err := j.service.Decide(context.Background(), operator, j.id, retail.ReviewRelease); err != nil || again.Version != version {
			t.Errorf("again: %v", err)
		}
		_, err = j.service.Decide(context.Background(), operator, j.id, retail.ReviewCancel)
		wantWhy(t, err, retail.WhyOrderClosed)
	})
}

func TestAPromiseDoesNotMoveToTheNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := unlike(t, "A×4@S-1")
		j.settle(12 * time.Hour) // the promise of 10 o'clock becomes one of 22 o'clock, when the store is closed
		o, err := j.service.Decide(context.Background(), operator, j.id, retail.ReviewRelease)
		if err != nil {
			t.Fatal(err)
		}
		if at := o.Fulfillments[0].Promise.In(shanghai); at.Hour() != 9 || at.Minute() != 0 || !at.After(time.Now()) {
			t.Errorf("promised for %s", at)
		}
	})
}

func TestAnAgreedSlotStaysWhatItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journey{actor: guest, lines: []string{"A×4@S-1"}, prepare: unlikeFrom4}.start(t)
		j.checkout(func(r *ordering.CheckoutRequest) {
			r.Slots = []retail.PlanSlot{{
				Method: retail.MethodPickup, LocationCode: "S-1", StartsAt: time.Now().Add(30 * time.Hour).Truncate(time.Hour),
			}}
		})
		j.pay("wallet")
		j.settle(soon)
		before := j.order().Fulfillments[0]
		o, err := j.service.Decide(context.Background(), operator, j.id, retail.ReviewRelease)
		if err != nil {
			t.Fatal(err)
		}
		if f := o.Fulfillments[0]; f.Slot == nil || *f.Slot != *before.Slot || !f.Promise.Equal(before.Promise) {
			t.Errorf("got %+v, was %+v", f, before)
		}
	})
}

func TestNobodyDecidingIsAYes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := unlike(t, "A×4@S-1")
		j.settle(time.Until(j.order().Review.DecideBy) - time.Second)
		if r := j.order().Review; r.Status != retail.ReviewOpen {
			t.Fatalf("too early: %+v", r)
		}
		j.settle(2 * time.Second)
		o := j.order()
		if r := o.Review; r.Status != retail.ReviewReleased || r.DecidedBy != "" || !r.DecidedAt.Equal(r.DecideBy) || o.Fulfillments[0].TaskAt == nil {
			t.Errorf("review %+v", r)
		}
		_, err := j.service.Decide(context.Background(), operator, j.id, retail.ReviewCancel) // too late
		wantWhy(t, err, retail.WhyOrderClosed)
	})
}

func TestWhoMayDecideAndAboutWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := unlike(t, "A×4@S-1")
		ctx := context.Background()
		for name, actor := range map[string]retail.Actor{
			"the owner": guest, "an associate": associate, "a partner": {Role: "partner", Subject: "p"}, "nobody": {}, "an operator without a name": {Role: "operator"},
		} {
			_, err := j.service.Decide(ctx, actor, j.id, retail.ReviewRelease)
			wantWhy(t, err, retail.WhyNotAllowed)
			if _, err := j.service.InReview(ctx, actor, 10); retail.CodeOf(err) != retail.CodeForbidden {
				t.Errorf("%s lists reviews: %v", name, err)
			}
		}
		_, err := j.service.Decide(ctx, operator, "o-none", retail.ReviewRelease)
		wantWhy(t, err, retail.WhyNotFound)
		_, err = j.service.Decide(ctx, operator, j.id, "MAYBE")
		wantWhy(t, err, retail.WhyInvalid)
		for _, n := range []int{0, -1, 101} {
			if _, err := j.service.InReview(ctx, operator, n); retail.CodeOf(err) != retail.CodeBadInput {
				t.Errorf("a list of %d: %v", n, err)
			}
		}
		list, err := j.service.InReview(ctx, operator, 1)
		if err != nil || len(list) != 1 || list[0].ID != j.id {
			t.Errorf("in review: %v, %v", list, err)
		}
	})
	bubble(t, func(t *testing.T, j *trip) {
		_, err := j.service.Decide(context.Background(), operator, j.id, retail.ReviewCancel)
		wantWhy(t, err, retail.WhyOrderClosed) // it is an order like others
	})
}

func TestTheLedgerIsAskedBeforeAnythingIsPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journey{actor: guest, lines: []string{"A×1@S-1"}}.start(t)
		j.fault = func(_ int, name string, _ bool) error {
			if name == "ledger.CountOrders" {
				return retail.Unavailable("", errBroken)
			}
			return nil
		}
		j.checkout()
		j.pay("wallet")
		j.settle(10 * time.Minute)
		if o := j.order(); o.Status != retail.OrderPaid || o.Saga.Assessed || len(j.stores.sent) > 0 {
			t.Errorf("%s, assessed %v, told %v", o.Status, o.Saga.Assessed, j.stores.sent)
		}
		if a := j.books.alerts[j.id+"/f1/"+string(retail.AlertTaskNotAccepted)]; a.ID == "" {
			t.Error("nobody is told that it does not go on")
		}
		j.fault = nil
		j.settle(time.Hour) // the pause between two tries has grown
		if len(j.stores.sent) != 1 {
			t.Error("it does not go on when the ledger answers again")
		}
	})
}

// Whoever tries cards and then places and cancels orders does not push the failed payments out of sight.
func TestFailedPaymentsAreNotHiddenBehindCancelledOrders(t *testing.T) {
	for cancelled, want := range map[int][]retail.RiskFlag{
		0: {retail.RiskFailedPayments}, 60: {retail.RiskFailedPayments}, 500: {retail.RiskFailedPayments},
	} {
		for _, failures := range []int{4, 0} {
			synctest.Test(t, func(t *testing.T) {
				j := journey{actor: guest, lines: []string{"A×1@S-1"}}.start(t)
				put := func(n int, failed int) {
					o := &retail.Order{
						ID: fmt.Sprint("o-earlier-", n), Number: fmt.Sprint("N", n), Owner: guest.Key(), Status: retail.OrderCancelled,
						PlacedAt: time.Now().Add(-time.Minute + time.Duration(n)*time.Millisecond), Cancel: &retail.Cancellation{}, Version: 1,
					}
					for range failed {
						o.Payments = append(o.Payments, retail.Payment{
							Method: "card", Status: retail.PaymentFailed, StartedAt: o.PlacedAt,
						})
					}
					j.books.orders[o.ID] = o
				}
				put(0, failures)
				for n := range cancelled {
					put(n+1, 0)
				}
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				flags := want
				if failures == 0 && cancelled < 500 { // more than can be looked at are not believed
					flags = nil
				}
				var got []retail.RiskFlag
				if r := j.order().Review; r != nil {
					got = r.Flags
				}
				if !slices.Equal(got, flags) {
					t.Errorf("%d failed payments behind %d orders: %v, want %v", failures, cancelled, got, flags)
				}
			})
		}
	}
}

func TestManyOrdersOfOneShopperAreHeldAndTheFirstAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		held := 0
		for n := range 6 {
			cart := fmt.Sprint("cart ", n)
			actor := retail.Actor{Role: "guest", Subject: fmt.Sprint("g-", n)} // under six names, for one phone
			w.cart(cart, actor, nil, "C×1@S-1")
			w.onHand[pair("S-1", "C")] = 10
			o, err := w.service.Checkout(context.Background(), ordering.CheckoutRequest{
				Actor: actor, Key: "k", CartID: cart, Contact: contact, Channel: retail.ChannelApp,
			})
			if err != nil {
				t.Fatal(err)
			}
			if o.Review != nil {
				held++
				if !slices.Equal(o.Review.Flags, []retail.RiskFlag{retail.RiskManyOrders}) || n < 4 {
					t.Errorf("order %d: %v", n, o.Review.Flags)
				}
			}
		}
		if held != 2 {
			t.Errorf("%d are held", held)
		}
	})
}

func TestACartBecomesOneOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journey{actor: guest, lines: []string{"A×1@S-1"}}.start(t)
		checkout := func(key string) (*retail.Order, error) {
			return j.service.Checkout(context.Background(), ordering.CheckoutRequest{
				Actor: guest, Key: key, CartID: "cart", CartVersion: 1, Contact: contact, Channel: retail.ChannelApp,
			})
		}
		j.hook = func(name string) { // another device, while the first order is between being stored and being placed
			if name == "shop.PlaceOrder" {
				j.hook = nil
				_, err := checkout("k-2")
				wantWhy(t, err, retail.WhyNotAllowed)
			}
		}
		j.checkout()
		if len(j.books.orders) != 1 || len(j.shop.orders) != 1 {
			t.Errorf("%d orders, %d in the shop", len(j.books.orders), len(j.shop.orders))
		}
		j.settle(20 * time.Minute) // unpaid: the cart was used for it all the same
		_, err := checkout("k-3")
		wantWhy(t, err, retail.WhyCartEmpty)
	})
}

func TestACartWhoseOrderWasNeverPlacedMayBeOrderedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journey{actor: guest, lines: []string{"A×1@S-1"}}.start(t)
		j.onHand[pair("S-1", "A")] = 0
		j.checkout()
		if !slices.Equal(j.said, []string{"checkout INSUFFICIENT_STOCK"}) {
			t.Fatalf("said %v", j.said)
		}
		j.onHand[pair("S-1", "A")] = 1
		o, err := j.service.Checkout(context.Background(), ordering.CheckoutRequest{
			Actor: guest, Key: "k-2", CartID: "cart", CartVersion: 1, Contact: contact, Channel: retail.ChannelApp,
		})
		if err != nil || o.Status != retail.OrderPendingPayment {
			t.Errorf("got %v, %v", o, err)
		}
	})
}

func TestAnUnknownPaymentMethodLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journey{actor: guest, lines: []string{"A×1@S-1"}}.start(t)
		j.checkout()
		pay := func(method string) (*retail.Order, error) {
			return j.service.Pay(context.Background(), ordering.PayRequest{Actor: guest, Key: "k " + method, OrderID: j.id, Method: method})
		}
		version := j.order().Version
		for _, method := range []string{"shells", "WALLET", "wallet ", "wallet\x00", strings.Repeat("w", 41)} {
			_, err := pay(method)
			wantWhy(t, err, retail.WhyInvalid)
		}
		if o := j.order(); o.Version != version || len(o.Payments) > 0 {
			t.Errorf("version %d became %d, payments %v", version, o.Version, o.Payments)
		}
		j.fault = func(_ int, name string, _ bool) error {
			if name == "shop.PaymentMethods" {
				return retail.Unavailable(retail.SourceShop, errBroken)
			}
			return nil
		}
		<-time.After(2 * time.Minute) // the list has grown old, and the shop does not tell
		if _, err := pay("shells"); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
			t.Errorf("an unknown one while the shop is silent: %v", err)
		}
		if o, err := pay("wallet"); err != nil || o.Status != retail.OrderPaid {
			t.Errorf("a known one while the shop is silent: %v", err)
		}
	})
}

func TestPickupCodesAreCountedByWhoTriesByPlaceAndByCode(t *testing.T) {
	ready(t, func(t *testing.T, j *trip) {
		ctx := context.Background()
		at := func(n int) retail.Actor {
			return retail.Actor{Role: "associate", Subject: fmt.Sprint("e-", n), Locations: []string{"S-1", "S-2"}}
		}
		for n := range j.config.SameTries { // a code that somebody overheard, tried by everybody everywhere
			_, _, err := j.service.VerifyCode(ctx, at(n), "S-2", "AAAA-AAAA")
			wantWhy(t, err, retail.WhyCodeRejected)
		}
		_, _, err := j.service.VerifyCode(ctx, at(99), "S-1", " aaaaaaaa ")
		wantWhy(t, err, retail.WhyLimitReached)
		if list, _ := retail.RefusalsOf(err); *list[0].Limit != j.config.SameTries || !strings.Contains(list[0].Message, "try again in") {
			t.Errorf("refused with %+v", list[0])
		}
		for n := range j.config.PlaceTries - 1 { // one place, by many with a few tries each
			_, _, err := j.service.VerifyCode(ctx, at(n), "S-1", fmt.Sprintf("AAAAA%03d", n))
			wantWhy(t, err, retail.WhyCodeRejected)
		}
		code, _ := j.service.PickupCode(ctx, guest, j.id, "f1")
		_, _, err = j.service.VerifyCode(ctx, at(1000), "S-1", code)
		wantWhy(t, err, retail.WhyLimitReached)
		_, _, err = j.service.VerifyCode(ctx, at(1000), "S-2", code) // the other store works on
		wantWhy(t, err, retail.WhyCodeRejected)
	})
}
