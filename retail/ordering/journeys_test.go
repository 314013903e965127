package ordering_test

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/ordering"
)

const (
	soon = 2 * time.Minute
)

func (j *trip) ref(part string) string { return j.id + "/" + part }

// journeys are the ways that a purchase can go.
func journeys() []journey {
	return []journey{
		{
			name: "a guest collects what they paid for", actor: guest, lines: []string{"A×2@S-1", "B×1@S-1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				j.pick(j.ref("f1"), nil)
				j.settle(soon)
				j.collect("f1")
			},
			want: "COMPLETED; f1 S-1 COLLECTED claim DONE; paid 4002 back 0",
		},
		{
			name: "a member collects at two stores and gets a parcel", actor: member, coupons: []string{"K1"},
			lines: []string{"A×2@S-1", "A×1@S-2", "B×2"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				j.pick(j.ref("f1"), nil)
				j.courier(j.ref("f3"), retail.CourierAssigned)
				j.settle(soon)
				j.courier(j.ref("f3"), retail.CourierPickedUp)
				j.notify("e-1")
				j.settle(soon)
				j.collect("f1")
				j.courier(j.ref("f3"), retail.CourierDelivered)
				j.pick(j.ref("f2"), nil)
				j.settle(soon)
				j.collect("f2")
			},
			want: "COMPLETED; f1 S-1 COLLECTED claim DONE; f2 S-2 COLLECTED claim DONE; f3 W-1 DELIVERED claim DONE; " +
				"paid 8003 back 0; coupon K1 used true; points 70",
		},
		{
			name: "holds become claims", actor: guest, lines: []string{"A×5@S-1", "A×5@S-2"},
			prepare: func(w *world) {
				for _, place := range []string{"S-2", "S-1"} { // the same lines: only the place tells them apart
					id := "hold " + place
					w.books.claims[id] = retail.Claim{
						ID: id, Owner: guest.Key(), LocationCode: place, Lines: []retail.ClaimLine{{SKU: "A", Quantity: 5}},
						State: retail.ClaimHeld, ExpiresAt: time.Now().Add(time.Minute),
					}
					w.shown[id], w.units[id] = retail.ClaimHeld, w.books.claims[id].Lines
				}
			},
			acts: func(j *trip) {
				j.checkout(func(r *ordering.CheckoutRequest) { r.HoldIDs = []string{"hold S-2", "hold S-1"} })
				j.settle(soon)
				j.pay("wallet")
				j.settle(soon)
				for _, part := range []string{"f1", "f2"} {
					j.pick(j.ref(part), nil)
					j.settle(soon)
					j.collect(part)
				}
			},
			want: "COMPLETED; f1 S-1 COLLECTED claim DONE; f2 S-2 COLLECTED claim DONE; paid 10010 back 0",
		},
		{
			name: "nobody pays", actor: member, coupons: []string{"K1"}, lines: []string{"A×2@S-1", "B×1"},
			acts: func(j *trip) { j.checkout() },
			want: "CANCELLED UNPAID; f1 S-1 CANCELLED claim RELEASED; f2 W-1 CANCELLED claim RELEASED; coupon K1 used false",
		},
		{
			name: "one place cannot give it", actor: guest, lines: []string{"A×2@S-1", "B×6@S-2"},
			acts: func(j *trip) { j.checkout() },
			want: "checkout INSUFFICIENT_STOCK; CANCELLED OUT_OF_STOCK; f1 S-1 CANCELLED claim RELEASED; f2 S-2 CANCELLED claim RELEASED",
		},
		{
			name: "a coupon is used elsewhere", actor: member, coupons: []string{"K1", "K2"}, lines: []string{"A×2@S-1"},
			prepare: func(w *world) { w.erp.coupons["K2"] = "another order"; delete(w.erp.coupons, "K1") },
			acts: func(j *trip) {
				j.checkout()
				delete(j.erp.coupons, "K2")
			},
			want: "checkout COUPON_REJECTED; CANCELLED NOT_PLACED; f1 S-1 CANCELLED claim RELEASED; coupon K1 used false",
		},
		{
			name: "the stock is gone when they pay", actor: guest, lines: []string{"A×2@S-1"},
			acts: func(j *trip) {
				j.checkout()
				j.onHand[pair("S-1", "A")] = 1
				j.pay("wallet")
			},
			want: "pay INSUFFICIENT_STOCK; CANCELLED OUT_OF_STOCK; f1 S-1 CANCELLED claim RELEASED",
		},
		{
			name: "a declined payment may be tried again", actor: guest, lines: []string{"A×1@S-1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("decline")
				j.settle(soon)
				j.pay("wallet")
				j.settle(soon)
				j.pick(j.ref("f1"), nil)
				j.settle(soon)
				j.collect("f1")
			},
			want: "pay PAYMENT_DECLINED; COMPLETED; f1 S-1 COLLECTED claim DONE; paid 1001 back 0",
		},
		{
			name: "the reply to a payment is lost", actor: guest, lines: []string{"A×1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("silent")
				j.settle(soon)
				j.courier(j.ref("f1"), retail.CourierPickedUp)
				j.courier(j.ref("f1"), retail.CourierDelivered)
			},
			want: "COMPLETED; f1 W-1 DELIVERED claim DONE; paid 2001 back 0",
		},
		{
			name: "the payment is confirmed in the wallet app while the order runs out", actor: guest, lines: []string{"A×1@S-1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("redirect")
				j.settle(soon)
				j.confirm()
				j.books.jobs = nil // nobody tells, nobody asks: the order learns of it from voiding
				<-time.After(14 * time.Minute)
				for range 6 {
					j.settle(soon) // ends with a look for forgotten orders
				}
				j.pick(j.ref("f1"), nil)
				j.settle(soon)
				j.collect("f1")
			},
			want: "COMPLETED; f1 S-1 COLLECTED claim DONE; paid 1001 back 0",
		},
		{
			name: "a payment succeeds after all though it was void", actor: guest, lines: []string{"A×1@S-1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("redirect")
				j.settle(20 * time.Minute)
				j.shop.succeed(j.only())
				j.notify("e-1")
			},
			want: "CANCELLED UNPAID; f1 S-1 CANCELLED claim RELEASED; paid 1001 back 1001",
		},
		{
			name: "the shopper cancels while the payment is open", actor: guest, lines: []string{"A×1@S-1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("redirect")
				j.cancel()
			},
			want: "CANCELLED BY_SHOPPER; f1 S-1 CANCELLED claim RELEASED",
		},
		{
			name: "the shopper cancels, but the payment was through", actor: guest, lines: []string{"A×1@S-1"},
			or: "CANCELLED BY_SHOPPER; f1 S-1 CANCELLED claim RELEASED", // it did not even start
			acts: func(j *trip) {
				j.checkout()
				j.pay("silent")
				j.cancel()
			},
			want: "CANCELLED BY_SHOPPER; f1 S-1 CANCELLED claim RELEASED; paid 1001 back 1001",
		},
		{
			name: "the shopper cancels what is paid", actor: member, coupons: []string{"K1"}, lines: []string{"A×2@S-1", "B×1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				j.cancel()
			},
			want: "CANCELLED BY_SHOPPER; f1 S-1 CANCELLED claim RELEASED; f2 W-1 CANCELLED claim RELEASED; " +
				"paid 5002 back 5002; coupon K1 used false",
		},
		{
			name: "the shopper cancels while one part is ready and another on its way", actor: guest,
			lines: []string{"A×1@S-1", "A×1@S-2", "B×1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				j.pick(j.ref("f1"), nil)
				j.courier(j.ref("f3"), retail.CourierPickedUp)
				j.settle(soon)
				j.cancel()
				j.settle(soon)
				j.collect("f1")
				j.courier(j.ref("f3"), retail.CourierDelivered)
			},
			want: "COMPLETED; f1 S-1 COLLECTED claim DONE; f2 S-2 CANCELLED claim RELEASED; f3 W-1 DELIVERED claim DONE; paid 5002 back 1001",
		},
		{
			name: "the store finds less and the shopper takes the money", actor: member, lines: []string{"A×3@S-1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				j.pick(j.ref("f1"), map[string]int{"A": 1})
				j.settle(soon)
				j.answer("f1", ordering.ChoiceRefund, "")
				j.settle(soon)
				j.collect("f1")
			},
			want: "COMPLETED; f1 S-1 COLLECTED claim DONE; paid 3003 back 1001; points 20",
		},
		{
			name: "the store finds less and the shopper fetches the rest elsewhere", actor: guest, lines: []string{"A×3@S-1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				j.pick(j.ref("f1"), map[string]int{"A": 2})
				j.settle(soon)
				j.answer("f1", ordering.ChoiceMove, "S-2")
				j.settle(soon)
				j.collect("f1")
				j.pick(j.ref("f2"), nil)
				j.settle(soon)
				j.collect("f2")
			},
			want: "COMPLETED; f1 S-1 COLLECTED claim DONE; f2 S-2 COLLECTED claim DONE; paid 3003 back 0",
		},
		{
			name: "the store finds nothing, the other one has nothing, and nobody answers", actor: guest, lines: []string{"A×2@S-1"},
			prepare: func(w *world) { w.onHand[pair("S-2", "A")] = 1 },
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				j.pick(j.ref("f1"), map[string]int{"A": 2})
				j.settle(soon)
				j.answer("f1", ordering.ChoiceMove, "S-2")
			},
			want: "answer INSUFFICIENT_STOCK; CANCELLED REJECTED_BY_STORE; f1 S-1 REJECTED_BY_STORE claim RELEASED; paid 2002 back 2002",
		},
		{
			name: "the other store sells its last ones while the shopper chooses", actor: guest, lines: []string{"A×2@S-1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				j.pick(j.ref("f1"), map[string]int{"A": 1})
				j.settle(soon)
				j.hook = func(name string) {
					if name == "claims.Supply" { // after the hold
						j.onHand[pair("S-2", "A")] = 0
					}
				}
				j.answer("f1", ordering.ChoiceMove, "S-2")
				j.hook = nil
				j.settle(soon)
				j.collect("f1")
			},
			want: "answer INSUFFICIENT_STOCK; COMPLETED; f1 S-1 COLLECTED claim DONE; paid 2002 back 1001",
		},
		{
			name: "the till is quicker than the shopper's cancellation", actor: guest, lines: []string{"A×2@S-1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				j.pick(j.ref("f1"), map[string]int{"A": 1})
				j.till("f1")
				j.cancel()
				j.settle(soon)
				j.answer("f1", ordering.ChoiceRefund, "")
			},
			want: "cancel ORDER_CLOSED; COMPLETED; f1 S-1 COLLECTED claim DONE; paid 2002 back 1001",
		},
		{
			name: "nobody collects", actor: guest, lines: []string{"A×1@S-1", "B×1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				j.pick(j.ref("f1"), nil)
				j.courier(j.ref("f2"), retail.CourierPickedUp)
				j.courier(j.ref("f2"), retail.CourierDelivered)
			},
			want: "COMPLETED; f1 S-1 EXPIRED claim RELEASED; f2 W-1 DELIVERED claim DONE; paid 4001 back 1001",
		},
		{
			name: "the courier fails and comes back", actor: guest, lines: []string{"A×1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				j.courier(j.ref("f1"), retail.CourierPickedUp)
				j.settle(soon)
				j.courier(j.ref("f1"), retail.CourierFailed)
				j.settle(soon)
				j.answer("f1", ordering.ChoiceRefund, "")
			},
			want: "CANCELLED REJECTED_BY_STORE; f1 W-1 REJECTED_BY_STORE claim DONE; paid 2001 back 2001",
		},
		{
			name: "what costs nothing is sold at once", actor: guest, lines: []string{"C×2@S-1"},
			acts: func(j *trip) {
				j.checkout()
				j.settle(soon)
				j.pick(j.ref("f1"), nil)
				j.settle(soon)
				j.collect("f1")
			},
			want: "COMPLETED; f1 S-1 COLLECTED claim DONE",
		},
		{
			name: "a slot is taken and given back, and refunds take their time", actor: guest, lines: []string{"A×1@S-1"},
			prepare: func(w *world) { w.shop.slow = true },
			acts: func(j *trip) {
				j.checkout(func(r *ordering.CheckoutRequest) {
					r.Slots = []retail.PlanSlot{{Method: retail.MethodPickup, LocationCode: "S-1", StartsAt: time.Now().Add(3 * time.Hour).Truncate(time.Hour)}}
				})
				j.pay("wallet")
				j.settle(soon)
				j.cancel()
			},
			want: "CANCELLED BY_SHOPPER; f1 S-1 CANCELLED claim RELEASED; paid 1001 back 1001",
		},
		{
			name: "an unlike order waits for somebody", actor: guest, lines: []string{"A×4@S-1", "B×1"}, prepare: unlikeFrom4,
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(3 * time.Hour)
				j.decide(retail.ReviewRelease)
				j.settle(soon)
				j.pick(j.ref("f1"), nil)
				j.courier(j.ref("f2"), retail.CourierPickedUp)
				j.courier(j.ref("f2"), retail.CourierDelivered)
				j.settle(soon)
				j.collect("f1")
			},
			want: "COMPLETED; f1 S-1 COLLECTED claim DONE; f2 W-1 DELIVERED claim DONE; paid 7004 back 0",
		},
		{
			name: "an unlike order is cancelled on review", actor: member, coupons: []string{"K1"}, lines: []string{"A×4@S-1", "B×1"},
			prepare: unlikeFrom4,
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				j.decide(retail.ReviewCancel)
			},
			want: "CANCELLED REVIEWED; f1 S-1 CANCELLED claim RELEASED; f2 W-1 CANCELLED claim RELEASED; " +
				"paid 7004 back 7004; coupon K1 used false",
		},
		{
			name: "nobody looks at an unlike order", actor: guest, lines: []string{"C×4@S-1"}, prepare: unlikeFrom4,
			acts: func(j *trip) {
				j.checkout()
				j.settle(25 * time.Hour)
				j.pick(j.ref("f1"), nil)
				j.settle(soon)
				j.collect("f1")
			},
			want: "COMPLETED; f1 S-1 COLLECTED claim DONE",
		},
		{
			name: "the shopper cancels what is in review", actor: guest, lines: []string{"A×4@S-1"}, prepare: unlikeFrom4,
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				j.cancel()
				j.decide(retail.ReviewRelease)
			},
			want: "decide ORDER_CLOSED; CANCELLED BY_SHOPPER; f1 S-1 CANCELLED claim RELEASED; paid 4004 back 4004",
		},
		{
			name: "the till hands over by itself", actor: guest, lines: []string{"A×1@S-1"},
			acts: func(j *trip) {
				j.checkout()
				j.pay("wallet")
				j.settle(soon)
				j.pick(j.ref("f1"), nil)
				j.settle(soon)
				j.till("f1")
			},
			want: "COMPLETED; f1 S-1 COLLECTED claim DONE; paid 1001 back 0",
		},
	}
}

// unlikeFrom4 puts an order of four units of one SKU in review.
func unlikeFrom4(w *world) {
	w.config.Risk.Units = 4
	w.restart()
}

// confirm is the shopper's "yes" in the wallet app.
func (j *trip) confirm() {
	if p := j.only(); p.Status == retail.PaymentPending {
		j.shop.succeed(p)
	}
}

// only is the only payment there is.
func (j *trip) only() *fakePayment {
	for _, p := range j.shop.payments {
		if p.order != "" { // one that was void before it was met never happens
			return p
		}
	}
	if !j.disturbed() {
		j.t.Fatalf("there is no payment")
	}
	return new(fakePayment)
}

// till books a hand-over that the gateway did not ask for; the body is what the task says.
func (j *trip) till(part string) {
	fault := j.fault
	j.fault = nil
	t := j.stores.tasks[j.ref(part)]
	if t == nil || t.Status != retail.TaskPicked {
		return
	}
	h := retail.HandOver{Reference: t.Reference, LocationCode: j.stores.places[t.Reference]}
	for _, l := range t.Lines {
		l.Paid.Minor = l.Paid.Minor / int64(l.Quantity) * int64(l.Picked)
		l.Quantity, l.Rejected = l.Picked, 0
		h.Lines = append(h.Lines, l)
	}
	if _, err := j.stores.HandOver(context.Background(), h); err != nil {
		j.t.Fatalf("till: %v", err)
	}
	j.fault = fault
}
