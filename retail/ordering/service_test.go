package ordering_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/ordering"
)

// bubble runs a test on a journey's world with a guest who bought two A and one B at S-1 and paid.
func bubble(t *testing.T, test func(t *testing.T, j *trip)) {
	synctest.Test(t, func(t *testing.T) {
		j := journey{actor: guest, lines: []string{"A×2@S-1", "B×1@S-1"}}.start(t)
		j.checkout()
		j.pay("wallet")
		j.settle(soon)
		test(t, j)
	})
}

func ready(t *testing.T, test func(t *testing.T, j *trip)) {
	bubble(t, func(t *testing.T, j *trip) {
		j.pick(j.ref("f1"), nil)
		j.settle(soon)
		test(t, j)
	})
}

func wantWhy(t *testing.T, err error, why retail.Why) {
	t.Helper()
	if !retail.Refused(err, why) {
		t.Errorf("got %v, want a refusal with %s", err, why)
	}
}

func TestAnOrderIsShownToThoseWhomItConcerns(t *testing.T) {
	bubble(t, func(t *testing.T, j *trip) {
		ctx := context.Background()
		for name, c := range map[string]struct {
			actor retail.Actor
			sees  bool
		}{
			"the owner":                  {guest, true},
			"an associate of the place":  {associate, true},
			"an operator":                {operator, true},
			"another guest":              {retail.Actor{Role: "guest", Subject: "g-2"}, false},
			"a member":                   {member, false},
			"an associate of elsewhere":  {retail.Actor{Role: "associate", Subject: "e-2", Locations: []string{"S-2"}}, false},
			"somebody without a session": {retail.Actor{}, false},
			"a member at the place":      {retail.Actor{Role: "member", Subject: "x", Locations: []string{"S-1"}}, false},
		} {
			o, err := j.service.Get(ctx, c.actor, j.id)
			if c.sees != (err == nil && o.ID == j.id) || !c.sees && retail.CodeOf(err) != retail.CodeNotFound {
				t.Errorf("%s: got %v", name, err)
			}
			if c.actor.Key() == guest.Key() {
				continue
			}
			_, err = j.service.Cancel(ctx, c.actor, j.id)
			wantWhy(t, err, retail.WhyNotFound)
			_, err = j.service.PickupCode(ctx, c.actor, j.id, "f1")
			wantWhy(t, err, retail.WhyNotFound)
			_, err = j.service.Pay(ctx, ordering.PayRequest{Actor: c.actor, Key: "k", OrderID: j.id, Method: "wallet"})
			wantWhy(t, err, retail.WhyNotFound)
		}
		if _, err := j.service.Get(ctx, guest, "o-none"); retail.CodeOf(err) != retail.CodeNotFound {
			t.Errorf("an unknown order: %v", err)
		}
	})
}

func TestACodeOpensOnePartAtOnePlace(t *testing.T) {
	ready(t, func(t *testing.T, j *trip) {
		ctx := context.Background()
		code, err := j.service.PickupCode(ctx, guest, j.id, "f1")
		if err != nil || len(code) != 8 || strings.ContainsAny(code, "01OIL") {
			t.Fatalf("code %q, %v", code, err)
		}
		for _, typed := range []string{code, strings.ToLower(code), code[:4] + "-" + code[4:], " " + code + " ", ordering.CodePrefix + code} {
			o, f, err := j.service.VerifyCode(ctx, associate, "S-1", typed)
			if err != nil || o.ID != j.id || f.ID != "f1" {
				t.Errorf("%q: %v", typed, err)
			}
		}
		for _, wrong := range []string{"", "AAAAAAAA", code[:7], code + "A", strings.Repeat("A", 1000), "ÄÄÄÄ"} {
			_, _, err := j.service.VerifyCode(ctx, associate, "S-1", wrong)
			wantWhy(t, err, retail.WhyCodeRejected)
			_, err = j.service.HandOver(ctx, associate, "k", j.id, "f1", wrong)
			wantWhy(t, err, retail.WhyCodeRejected)
		}
		_, _, err = j.service.VerifyCode(ctx, associate, "S-2", code)
		wantWhy(t, err, retail.WhyCodeRejected)
		_, _, err = j.service.VerifyCode(ctx, retail.Actor{Role: "associate", Subject: "e", Locations: []string{"S-2"}}, "S-1", code)
		wantWhy(t, err, retail.WhyNotAllowed)
		_, _, err = j.service.VerifyCode(ctx, guest, "S-1", code)
		wantWhy(t, err, retail.WhyNotAllowed)
		_, _, err = j.service.VerifyCode(ctx, associate, "nowhere", code)
		wantWhy(t, err, retail.WhyNotFound)
	})
}

func TestACodeExistsWhileGoodsLieReady(t *testing.T) {
	bubble(t, func(t *testing.T, j *trip) {
		ctx := context.Background()
		_, err := j.service.PickupCode(ctx, guest, j.id, "f1")
		wantWhy(t, err, retail.WhyOrderClosed)
		_, err = j.service.PickupCode(ctx, guest, j.id, "f9")
		wantWhy(t, err, retail.WhyNotFound)
		j.pick(j.ref("f1"), nil)
		j.settle(soon)
		code, err := j.service.PickupCode(ctx, guest, j.id, "f1")
		if err != nil {
			t.Fatal(err)
		}
		first, err := j.service.HandOver(ctx, associate, "till 1", j.id, "f1", code)
		if err != nil || first.Fulfillments[0].Status != retail.FulfillmentCollected || first.Fulfillments[0].ReceiptNo == "" {
			t.Fatalf("hand-over: %+v, %v", first, err)
		}
		if again, err := j.service.HandOver(ctx, associate, "till 1", j.id, "f1", code); err != nil || again.Version != first.Version {
			t.Errorf("the same hand-over again: %v", err)
		}
		_, err = j.service.HandOver(ctx, associate, "till 2", j.id, "f1", code) // somebody shows a picture of the code
		wantWhy(t, err, retail.WhyOrderClosed)
		_, err = j.service.PickupCode(ctx, guest, j.id, "f1")
		wantWhy(t, err, retail.WhyOrderClosed)
		_, _, err = j.service.VerifyCode(ctx, associate, "S-1", code)
		wantWhy(t, err, retail.WhyCodeRejected)
		j.finishQuietly()
	})
}

func (j *trip) finishQuietly() {
	j.settle(24 * time.Hour)
	j.check()
}

func TestCodesCannotBeGuessedAtLength(t *testing.T) {
	ready(t, func(t *testing.T, j *trip) {
		ctx := context.Background()
		for n := range j.config.CodeTries {
			_, _, err := j.service.VerifyCode(ctx, associate, "S-1", fmt.Sprintf("AAAAAA%02d", n))
			wantWhy(t, err, retail.WhyCodeRejected)
		}
		code, _ := j.service.PickupCode(ctx, guest, j.id, "f1")
		_, _, err := j.service.VerifyCode(ctx, associate, "S-1", code)
		wantWhy(t, err, retail.WhyLimitReached)
		_, err = j.service.HandOver(ctx, associate, "k", j.id, "f1", code)
		wantWhy(t, err, retail.WhyLimitReached)
	})
}

func TestWhoCollectsAndWhereTheyWait(t *testing.T) {
	ready(t, func(t *testing.T, j *trip) {
		ctx := context.Background()
		who := retail.Contact{Name: "李雷", Phone: "+8613900000002"}
		o, err := j.service.SetCollector(ctx, guest, j.id, "f1", &who)
		if err != nil || o.Fulfillments[0].Collector == nil || *o.Fulfillments[0].Collector != who {
			t.Errorf("collector: %v", err)
		}
		_, err = j.service.SetCollector(ctx, guest, j.id, "f1", &retail.Contact{Name: "x", Phone: "12345"})
		wantWhy(t, err, retail.WhyInvalid)
		_, err = j.service.SetCollector(ctx, member, j.id, "f1", &who)
		wantWhy(t, err, retail.WhyNotFound)
		_, err = j.service.CurbsideArrived(ctx, guest, j.id, "f1", "bay 3") // collected inside
		wantWhy(t, err, retail.WhyOrderClosed)
		_, err = j.service.CurbsideArrived(ctx, guest, j.id, "f1", strings.Repeat("x", 101))
		wantWhy(t, err, retail.WhyInvalid)
	})
}

func TestTheKerb(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		j := journey{actor: guest, lines: []string{"A×1@S-1"}}.start(t)
		j.carts["cart"].Lines[0].Method = retail.MethodCurbside
		j.checkout()
		j.pay("wallet")
		j.settle(soon)
		_, err := j.service.CurbsideArrived(ctx, guest, j.id, "f1", "bay 3")
		wantWhy(t, err, retail.WhyOrderClosed)
		j.pick(j.ref("f1"), nil)
		j.settle(soon)
		var version int
		for range 2 {
			o, err := j.service.CurbsideArrived(ctx, guest, j.id, "f1", "bay 3")
			if err != nil || o.Fulfillments[0].ArrivedSpot != "bay 3" || o.Fulfillments[0].ArrivedAt == nil || version != 0 && o.Version != version {
				t.Errorf("arrived: %+v, %v", o, err)
			}
			version = o.Version
		}
	})
}

func TestACheckoutThatCanNeverWork(t *testing.T) {
	good := ordering.CheckoutRequest{
		Actor: guest, Key: "k", CartID: "cart", Contact: contact, Channel: retail.ChannelApp,
	}
	for name, c := range map[string]struct {
		spoil func(r *ordering.CheckoutRequest)
		why   retail.Why
		field string
	}{
		"no session":          {func(r *ordering.CheckoutRequest) { r.Actor = retail.Actor{Role: "guest"} }, retail.WhyNotAllowed, ""},
		"no key":              {func(r *ordering.CheckoutRequest) { r.Key = "" }, retail.WhyInvalid, "idempotencyKey"},
		"a huge key":          {func(r *ordering.CheckoutRequest) { r.Key = strings.Repeat("k", 201) }, retail.WhyInvalid, "idempotencyKey"},
		"an unknown channel":  {func(r *ordering.CheckoutRequest) { r.Channel = "FAX" }, retail.WhyInvalid, "channel"},
		"no name":             {func(r *ordering.CheckoutRequest) { r.Contact.Name = " " }, retail.WhyInvalid, "contact.name"},
		"a line break":        {func(r *ordering.CheckoutRequest) { r.Contact.Name = "a\nb" }, retail.WhyInvalid, "contact.name"},
		"broken UTF-8":        {func(r *ordering.CheckoutRequest) { r.Contact.Name = "\xff" }, retail.WhyInvalid, "contact.name"},
		"a local number":      {func(r *ordering.CheckoutRequest) { r.Contact.Phone = "13800000001" }, retail.WhyInvalid, "contact.phone"},
		"a proxy of nowhere":  {func(r *ordering.CheckoutRequest) { r.Collector = &retail.Contact{Name: "x"} }, retail.WhyInvalid, "collector.phone"},
		"too many holds":      {func(r *ordering.CheckoutRequest) { r.HoldIDs = make([]string, 21) }, retail.WhyLimitReached, "holdIds"},
		"too many slots":      {func(r *ordering.CheckoutRequest) { r.Slots = make([]retail.PlanSlot, 21) }, retail.WhyLimitReached, "slots"},
		"another cart":        {func(r *ordering.CheckoutRequest) { r.CartID = "other" }, retail.WhyNotFound, "cartId"},
		"another total":       {func(r *ordering.CheckoutRequest) { m := yuan(1); r.ExpectedTotal = &m }, retail.WhyPriceChanged, "expectedTotal"},
		"a hold of somebody":  {func(r *ordering.CheckoutRequest) { r.HoldIDs = []string{"none"} }, retail.WhyNotFound, ""},
		"a guest with coupon": {func(r *ordering.CheckoutRequest) { r.CartID = "coupon" }, retail.WhyCouponRejected, ""},
		"no address":          {func(r *ordering.CheckoutRequest) { r.CartID = "ship" }, retail.WhyAddressMissing, ""},
		"an unknown price":    {func(r *ordering.CheckoutRequest) { r.CartID = "price" }, retail.WhyCartProblem, ""},
		"nothing":             {func(r *ordering.CheckoutRequest) { r.CartID = "empty" }, retail.WhyCartEmpty, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.cart("cart", guest, nil, "A×1@S-1")
				w.cart("coupon", guest, []string{"K"}, "A×1@S-1")
				w.cart("ship", guest, nil, "A×1")
				w.carts["ship"].Address = nil
				w.cart("price", guest, nil, "A×1@S-1")
				delete(w.carts["price"].Prices, "l1")
				w.cart("empty", guest, nil)
				req := good
				c.spoil(&req)
				for range 2 { // the same answer again
					_, err := w.service.Checkout(context.Background(), req)
					wantWhy(t, err, c.why)
					if list, _ := retail.RefusalsOf(err); len(list) > 0 && strings.Join(list[0].Field, ".") != c.field && c.field != "" {
						t.Errorf("field %v, want %s", list[0].Field, c.field)
					}
				}
				w.settle(24 * time.Hour)
				w.check()
			})
		})
	}
}

func TestARepeatedCheckoutMeetsTheSameOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journey{actor: guest, lines: []string{"A×1@S-1"}}.start(t)
		req := ordering.CheckoutRequest{Actor: guest, Key: "k", CartID: "cart", Contact: contact, Channel: retail.ChannelApp}
		want := yuan(1001)
		req.ExpectedTotal = &want
		first, err := j.service.Checkout(t.Context(), req)
		if err != nil || first.Status != retail.OrderPendingPayment || !ordering.ValidNumber(first.Number) {
			t.Fatalf("%+v, %v", first, err)
		}
		again, err := j.service.Checkout(t.Context(), req)
		if err != nil || again.ID != first.ID || again.Version != first.Version {
			t.Errorf("again: %v", err)
		}
		if j.closed["cart"] != first.ID {
			t.Errorf("the cart is still open")
		}
		req.Key = "another"
		_, err = j.service.Checkout(t.Context(), req)
		wantWhy(t, err, retail.WhyCartEmpty)
	})
}

// What nobody has paid holds goods: of one shopper and of a household's guests a few orders do at the same time.
func TestAFewOrdersWaitForTheirPayment(t *testing.T) {
	guests := func(n int) retail.Actor { return retail.Actor{Role: "guest", Subject: fmt.Sprint("g-", n)} }
	home := retail.Household{Name: "home", Guests: 2}
	for name, c := range map[string]struct {
		who  func(n int) retail.Actor
		home retail.Household
		want int
	}{
		"of a guest":             {func(int) retail.Actor { return guest }, retail.Household{}, 3},
		"of a member":            {func(int) retail.Actor { return member }, retail.Household{}, 10},
		"of a household":         {guests, home, 6},
		"of an unknown role":     {func(int) retail.Actor { return retail.Actor{Role: "other", Subject: "o"} }, retail.Household{}, 3},
		"of guests without home": {guests, retail.Household{}, 12},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.onHand[pair("S-1", "A")] = 100
				ctx := retail.WithHousehold(context.Background(), c.home)
				checkout := func(n int) error {
					cart := fmt.Sprint("cart ", n)
					w.cart(cart, c.who(n), nil, "A×1@S-1")
					_, err := w.service.Checkout(ctx, ordering.CheckoutRequest{
						Actor: c.who(n), Key: cart, CartID: cart, Contact: contact, Channel: retail.ChannelApp,
					})
					return err
				}
				placed := 0
				for n := range 12 {
					if err := checkout(n); err == nil {
						placed++
					} else {
						wantWhy(t, err, retail.WhyLimitReached)
					}
				}
				if placed != c.want || len(w.books.orders) != c.want {
					t.Errorf("%d orders were placed and %d stored, want %d", placed, len(w.books.orders), c.want)
				}
				w.settle(20 * time.Minute) // nobody pays: they are cancelled, and there is room again
				if err := checkout(99); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// silent is a system that does not answer one kind of call.
func silent(system retail.Source, call string) func(n int, name string, after bool) error {
	return func(_ int, name string, _ bool) error {
		if name == call {
			return retail.Unavailable(system, errBroken)
		}
		return nil
	}
}

func TestAShopThatStaysSilentCostsTheOrderNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journey{actor: member, coupons: []string{"K1"}, lines: []string{"A×1@S-1"}}.start(t)
		j.fault = silent(retail.SourceShop, "shop.PlaceOrder")
		req := ordering.CheckoutRequest{Actor: member, Key: "k", CartID: "cart", Contact: contact, Channel: retail.ChannelApp}
		j.id = ordering.OrderID(member.Key(), "k")
		_, err := j.service.Checkout(t.Context(), req)
		var e *retail.Error
		if !errors.As(err, &e) || e.Code != retail.CodeUpstreamUnavailable || !e.Retryable {
			t.Fatalf("got %v, want a retryable failure", err)
		}
		if o := j.order(); o.Status != retail.OrderPlacing {
			t.Errorf("the order is %s", o.Status)
		}
		j.settle(5 * time.Minute)
		_, err = j.service.Checkout(t.Context(), req)
		wantWhy(t, err, retail.WhyOrderClosed)
		j.fault = nil
		j.settle(time.Hour)
		if got, want := j.ending(), "CANCELLED NOT_PLACED; f1 S-1 CANCELLED claim RELEASED; coupon K1 used false"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		j.check()
	})
}

func TestWhatADeadProcessAskedForMayArriveAfterTheCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journey{actor: member, coupons: []string{"K1"}, lines: []string{"A×1@S-1"}}.start(t)
		j.fault = silent(retail.SourceERP, "erp.Redeem")
		j.id = ordering.OrderID(member.Key(), "k")
		_, err := j.service.Checkout(t.Context(), ordering.CheckoutRequest{
			Actor: member, Key: "k", CartID: "cart", Contact: contact, Channel: retail.ChannelApp,
		})
		if retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
			t.Fatalf("got %v, want a system that is silent", err)
		}
		j.settle(j.config.PlaceWithin + j.config.CallsEnd/2)
		o := j.order()
		if o.Status != retail.OrderCancelled || !o.Saga.CouponsReleased {
			t.Fatalf("the order is %s, its coupons are released: %v", o.Status, o.Saga.CouponsReleased)
		}
		j.fault = nil
		late := *o
		late.Status = retail.OrderPendingPayment
		if err := errors.Join(j.erp.Redeem(t.Context(), "K1", "c-1", o.Number, o.PlacedAt), j.shop.PlaceOrder(t.Context(), &late)); err != nil {
			t.Fatal(err)
		}
		j.settle(j.config.CallsEnd)
		if got, want := j.ending(), "CANCELLED NOT_PLACED; f1 S-1 CANCELLED claim RELEASED; coupon K1 used false"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := j.shop.statuses[o.Number]; got != retail.OrderCancelled {
			t.Errorf("the shop has the order as %s", got)
		}
		j.check()
	})
}

func TestPaymentsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journey{actor: guest, lines: []string{"A×1@S-1"}}.start(t)
		j.checkout()
		pay := func(key, method string) error {
			_, err := j.service.Pay(t.Context(), ordering.PayRequest{Actor: guest, Key: key, OrderID: j.id, Method: method})
			return err
		}
		wantWhy(t, pay("", "wallet"), retail.WhyInvalid)
		wantWhy(t, pay("k", ""), retail.WhyInvalid)
		for i := range j.config.PaymentAttempts - 1 {
			wantWhy(t, pay(fmt.Sprint(i), "decline"), retail.WhyPaymentDeclined)
			wantWhy(t, pay(fmt.Sprint(i), "wallet"), retail.WhyPaymentDeclined) // the same payment
		}
		if err := pay("last", "redirect"); err != nil {
			t.Errorf("redirect: %v", err)
		}
		if o := j.order(); o.Payments[len(o.Payments)-1].RedirectURL == "" {
			t.Errorf("no redirect: %+v", o.Payments)
		}
		wantWhy(t, pay("more", "wallet"), retail.WhyPaymentPending)
		for _, p := range j.shop.payments {
			if p.Status == retail.PaymentPending {
				p.Status = retail.PaymentFailed
			}
		}
		wantWhy(t, pay("last", "wallet"), retail.WhyPaymentDeclined)
		wantWhy(t, pay("more", "wallet"), retail.WhyLimitReached)
		j.settle(time.Hour)
		wantWhy(t, pay("late", "wallet"), retail.WhyOrderClosed)
		j.check()
	})
}

func TestStaffIsAlertedOnceAndTheAlertEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journey{actor: guest, lines: []string{"A×1@S-1"}}.start(t)
		silent := true
		j.fault = func(_ int, name string, _ bool) error {
			if silent && name == "stores.SendTask" {
				return retail.Unavailable(retail.SourcePOS, errBroken)
			}
			return nil
		}
		j.checkout()
		j.pay("wallet")
		open := func() string {
			var list []string
			for _, kind := range []retail.AlertKind{retail.AlertTaskNotAccepted, retail.AlertLate, retail.AlertRefundStuck} {
				for _, a := range j.books.alerts {
					if a.Kind == kind && a.ClearedAt == nil {
						list = append(list, string(kind))
						if a.RaisedAt.Before(a.DueAt) || a.OrderNumber == "" || a.LocationCode != "S-1" && kind != retail.AlertRefundStuck {
							t.Errorf("alert %+v", a)
						}
					}
				}
			}
			return strings.Join(list, " ")
		}
		for _, c := range []struct {
			after time.Duration
			act   func()
			want  string
		}{
			{4 * time.Minute, nil, ""},
			{4 * time.Minute, nil, "TASK_NOT_ACCEPTED"},
			{2 * time.Hour, nil, "TASK_NOT_ACCEPTED LATE"},
			{2 * time.Hour, func() { silent = false }, "LATE"},
			{10 * time.Minute, func() { j.pick(j.ref("f1"), nil) }, ""},
			{5 * 24 * time.Hour, func() { j.shop.slow = true }, ""},
		} {
			if c.act != nil {
				c.act()
			}
			j.settle(c.after)
			if got := open(); got != c.want {
				t.Errorf("alerts %q, want %q", got, c.want)
			}
		}
		if kinds := len(j.books.alerts); kinds != 3 { // the refund of what was not collected took its time as well
			t.Errorf("%d alerts were raised: %v", kinds, j.books.alerts)
		}
		j.check()
	})
}

func TestEventsTellHowAnOrderGoesOn(t *testing.T) {
	ready(t, func(t *testing.T, j *trip) {
		j.collect("f1")
		j.finishQuietly()
		var got []string
		for _, e := range j.books.events {
			if e.Data["fulfillmentId"] == "" {
				got = append(got, e.Data["status"])
			}
			if e.Subject != j.id || e.Data["number"] != j.order().Number {
				t.Errorf("event %+v", e)
			}
		}
		if want := "PENDING_PAYMENT PAID READY_FOR_PICKUP COMPLETED"; strings.Join(got, " ") != want {
			t.Errorf("got %v, want %s", got, want)
		}
	})
}

func TestGoodsWaitUntilTheStoreCloses(t *testing.T) {
	ready(t, func(t *testing.T, j *trip) {
		f := j.order().Fulfillments[0]
		by := f.CollectBy.In(shanghai)
		if by.Hour() != 21 || by.Sub(*f.ReadyAt) < j.config.CollectWithin || by.Sub(*f.ReadyAt) > j.config.CollectWithin+24*time.Hour {
			t.Errorf("ready at %s, kept until %s", f.ReadyAt, by)
		}
	})
}

func TestRunReadsTheFeedAndLooksAfterForgottenOrders(t *testing.T) {
	ready(t, func(t *testing.T, j *trip) {
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		j.loseJobs()
		j.till("f1")
		go func() { done <- j.service.Run(ctx) }()
		<-time.After(time.Second)
		if j.loseJobs() == 0 {
			t.Errorf("a change of a task caused no job")
		}
		<-time.After(13 * time.Hour)
		stop()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if len(j.books.jobs) == 0 {
			t.Errorf("a forgotten order got no job")
		}
		j.finishQuietly()
		if got := j.ending(); !strings.HasPrefix(got, "COMPLETED") {
			t.Errorf("got %s", got)
		}
	})
}

// loseJobs drops all jobs and tells how many there were.
func (w *world) loseJobs() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.books.jobs)
	w.books.jobs = nil
	return n
}

func TestEventsOfOtherOrdersAreNobodysBusiness(t *testing.T) {
	bubble(t, func(t *testing.T, j *trip) {
		j.settle(time.Hour)
		before := len(j.books.jobs)
		if err := j.service.Notified(t.Context(), "e", "W-123"); err != nil || len(j.books.jobs) != before {
			t.Errorf("an unknown number: %v", err)
		}
		if err := j.service.RunJob(t.Context(), "o-unknown"); err != nil {
			t.Errorf("an unknown order: %v", err)
		}
	})
}

func TestMetricsAreRegisteredOnce(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := ordering.New(ordering.DefaultConfig(), ordering.Deps{Registerer: reg})
	if families, err := reg.Gather(); s == nil || err != nil || len(families) != 0 {
		t.Errorf("%v, %v", families, err)
	}
}

func TestEverySingleSlipInANumberShows(t *testing.T) {
	const alphabet = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
	synctest.Test(t, func(t *testing.T) {
		j := journey{actor: guest, lines: []string{"A×1@S-1"}}.start(t)
		j.checkout()
		number := j.order().Number
		if !ordering.ValidNumber(number) {
			t.Fatalf("%s is not valid", number)
		}
		for i := 1; i < len(number); i++ {
			for _, c := range alphabet {
				if wrong := number[:i] + string(c) + number[i+1:]; wrong != number && ordering.ValidNumber(wrong) {
					t.Errorf("%s for %s is valid", wrong, number)
				}
			}
			if i+1 < len(number) && number[i] != number[i+1] {
				if swapped := number[:i] + number[i+1:i+2] + number[i:i+1] + number[i+2:]; ordering.ValidNumber(swapped) {
					t.Errorf("%s for %s is valid", swapped, number)
				}
			}
		}
		for _, bad := range []string{"", "P", number + "2", strings.ToLower(number), "Q" + number[1:]} {
			if ordering.ValidNumber(bad) {
				t.Errorf("%q is valid", bad)
			}
		}
	})
}

func TestSharesOfALineAddUpToIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, retail.MaxLineQuantity).Draw(t, "quantity")
		p := retail.LinePrice{Total: yuan(rapid.Int64Range(0, 1<<52).Draw(t, "total"))}
		var sum, before int64
		for i := 1; i <= n; i++ {
			share := p.Share(i, n).Minor - before
			if share < p.Total.Minor/int64(n) || share > p.Total.Minor/int64(n)+1 {
				t.Fatalf("unit %d costs %d of %d", i, share, p.Total.Minor)
			}
			sum, before = sum+share, p.Share(i, n).Minor
		}
		if sum != p.Total.Minor {
			t.Fatalf("%d units come to %d of %d", n, sum, p.Total.Minor)
		}
	})
}

func TestAConfigMustMakeSense(t *testing.T) {
	if err := ordering.DefaultConfig().Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
	for name, spoil := range map[string]func(c *ordering.Config){
		"no time to pay":                   func(c *ordering.Config) { c.PayWithin = 0 },
		"placing for longer than paying":   func(c *ordering.Config) { c.PlaceWithin = time.Hour },
		"patience that ends before":        func(c *ordering.Config) { c.PollMost = time.Millisecond },
		"calls that end at once":           func(c *ordering.Config) { c.CallsEnd = 0 },
		"no try":                           func(c *ordering.Config) { c.CodeTries = 0 },
		"no payment":                       func(c *ordering.Config) { c.PaymentAttempts = 0 },
		"a feed that is read all the time": func(c *ordering.Config) { c.TaskPoll = -1 },
	} {
		c := ordering.DefaultConfig()
		if spoil(&c); c.Validate() == nil {
			t.Errorf("%s is valid", name)
		}
	}
}
