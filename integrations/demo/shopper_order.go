package demo

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// pollEvery is how many steps lie between two looks at an order.
const pollEvery = 2

// How often a shopper tries to pay, and to collect what the counter refused.
const (
	attemptsToPay  = 3
	triesToCollect = 5
)

func (v *visit) checkout(ctx context.Context) error {
	p, refused, err := v.change(ctx, v.token, "checkout", orderPlace, map[string]any{
		"id": v.cart.ID, "version": v.cart.Version, "total": v.cart.Totals.Total.Amount,
	})
	if err != nil {
		return err
	}
	if refused != "" || p.Order == nil {
		v.leave()
		return nil
	}
	v.order, v.parts = *p.Order, map[string]*partNotes{}
	v.shoppers.count(func(st *ShopperStats) { st.Orders++ })
	v.next = (*visit).pay
	return nil
}

// orderChange sends a change of the order and keeps what became of it; ok is false when it was refused.
func (v *visit) orderChange(ctx context.Context, what, document string, variables map[string]any) (ok bool, err error) {
	variables["id"] = v.order.ID
	p, refused, err := v.change(ctx, v.token, what, document, variables)
	if err != nil {
		return false, err
	}
	if refused != "" || p.Order == nil {
		return false, nil
	}
	v.order = *p.Order
	return true, nil
}

// pay waits until the order can be paid and pays it, or walks away.
func (v *visit) pay(ctx context.Context) error {
	switch v.order.Status {
	case "PLACING":
		return v.look(ctx)
	case "PENDING_PAYMENT":
	default:
		v.next = (*visit).wait
		return nil
	}
	if v.mood == abandons {
		v.next = nil
		v.shoppers.count(func(st *ShopperStats) { st.Abandoned++ })
		return nil
	}
	method := v.method
	if v.attempts > 0 {
		method = "wallet"
	}
	ok, err := v.orderChange(ctx, fmt.Sprintf("pay %d", v.attempts+1), orderPay, map[string]any{"method": method})
	if err != nil {
		return err
	}
	v.attempts++
	failed := !ok
	if n := len(v.order.Payments); ok && n > 0 {
		last := v.order.Payments[n-1]
		failed = last.Status == "FAILED"
		if last.Status == "PENDING" && last.RedirectURL != "" {
			if err := v.confirm(ctx, last.RedirectURL); err != nil {
				return err
			}
		}
	}
	if !failed {
		v.next = (*visit).wait
		return nil
	}
	v.shoppers.count(func(st *ShopperStats) { st.Declined++ })
	if v.attempts >= attemptsToPay {
		v.next = (*visit).wait // paid after all, or cancelled by itself
	}
	return v.look(ctx)
}

// look reads the order again, not in every step.
func (v *visit) look(ctx context.Context) error {
	if v.waited++; v.waited > v.shoppers.options.Pace.Patience {
		v.leave()
		return nil
	}
	if v.waited%pollEvery != 0 {
		return nil
	}
	var order *sentOrder
	if err := v.read(ctx, askOrder, map[string]any{"id": v.order.ID}, &order); err != nil {
		return err
	}
	if order == nil {
		return &fault{"ORDER_GONE"}
	}
	v.order = *order
	return nil
}

// wait follows the order until it comes to an end, and does what it asks for.
func (v *visit) wait(ctx context.Context) error {
	v.noteAccepted()
	if v.mood == cancels && v.paid() != nil {
		v.mood = buys // whatever comes of it
		_, err := v.orderChange(ctx, "cancel", orderCancel, map[string]any{})
		if err != nil {
			v.mood = cancels
		}
		return err
	}
	switch v.order.Status {
	case "COMPLETED":
		v.finished(func(st *ShopperStats) { st.Completed++ })
		v.next = (*visit).afterwards
		return nil
	case "CANCELLED", "RETURNED", "REFUNDED":
		v.finished(func(st *ShopperStats) { st.Cancelled++ })
		v.next = nil
		return nil
	}
	for _, part := range v.order.Fulfillments {
		if did, err := v.serve(ctx, part); did || err != nil {
			return err
		}
	}
	return v.look(ctx)
}

// finished counts what became of the order.
func (v *visit) finished(outcome func(*ShopperStats)) {
	v.shoppers.count(func(st *ShopperStats) {
		outcome(st)
		for _, part := range v.order.Fulfillments {
			if part.Status == "DELIVERED" {
				st.Delivered++
			}
		}
	})
}

func (v *visit) paid() *time.Time {
	for _, e := range v.order.Timeline {
		if e.Kind == "PAID" {
			return &e.At
		}
	}
	return nil
}

func (v *visit) notes(part string) *partNotes {
	if v.parts[part] == nil {
		v.parts[part] = &partNotes{}
	}
	return v.parts[part]
}

// noteAccepted measures how soon after the payment the places had their tasks.
func (v *visit) noteAccepted() {
	paid := v.paid()
	if paid != nil && !v.hasPaid {
		v.hasPaid = true
		v.shoppers.count(func(st *ShopperStats) { st.Paid++ })
	}
	for _, part := range v.order.Fulfillments {
		if n := v.notes(part.ID); paid != nil && part.AcceptedAt != nil && !n.accepted {
			n.accepted = true
			v.shoppers.count(func(st *ShopperStats) { st.Accepted.Add(part.AcceptedAt.Sub(*paid)) })
		}
	}
}

// serve does what one part of the order asks for now; did says that there was something.
func (v *visit) serve(ctx context.Context, part sentPart) (did bool, err error) {
	n := v.notes(part.ID)
	ready := part.PickupCode != nil && part.Location != nil
	switch {
	case part.Decision != nil && !n.answered:
		_, err := v.orderChange(ctx, "answer "+part.ID, orderAnswer, map[string]any{"part": part.ID})
		if err == nil {
			n.answered = true
			v.shoppers.count(func(st *ShopperStats) { st.Decisions++ })
		}
		return true, err
	case ready && part.Method == "CURBSIDE" && !n.arrived:
		_, err := v.orderChange(ctx, "car "+part.ID, orderArrive, map[string]any{"part": part.ID})
		n.arrived = err == nil
		return true, err
	case ready && !n.done && v.shoppers.options.Associate != nil:
		return true, v.collect(ctx, part, n)
	}
	return false, nil
}

// collect shows the code at the counter; an associate looks it up and hands over.
func (v *visit) collect(ctx context.Context, part sentPart, n *partNotes) error {
	token := v.shoppers.options.Associate(part.Location.Code)
	try := fmt.Sprintf(" %s %d", part.ID, n.tries) // the answer to a key stays what it was
	var refused string
	var err error
	if !n.shown {
		_, refused, err = v.change(ctx, token, "verify"+try, counterVerify, map[string]any{
			"place": part.Location.Code, "code": part.PickupCode.Code,
		})
		n.shown = err == nil && refused == ""
	} else {
		_, refused, err = v.change(ctx, token, "handover"+try, counterHandOver, map[string]any{
			"id": v.order.ID, "part": part.ID, "code": part.PickupCode.Code,
		})
		n.done = err == nil && refused == ""
	}
	switch {
	case err != nil:
		return err
	case refused != "":
		n.tries++
		n.done = n.tries == triesToCollect
	case n.done:
		v.shoppers.count(func(st *ShopperStats) { st.HandedOver++ })
	}
	return v.look(ctx)
}

// afterwards says how it was, and brings something back.
func (v *visit) afterwards(ctx context.Context) error {
	line := v.order.Lines[v.n%len(v.order.Lines)]
	if v.n%3 == 0 {
		_, refused, err := v.change(ctx, v.token, "review", orderReview, map[string]any{"id": v.order.ID, "sku": line.SKU, "score": 1 + v.n%5})
		if err != nil {
			return err
		}
		if refused == "" {
			v.shoppers.count(func(st *ShopperStats) { st.Reviewed++ })
		}
	}
	v.next = nil
	if v.n%7 == 0 && v.shoppers.options.Associate != nil {
		v.next = (*visit).bringBack
	}
	return nil
}

// bringBack takes one unit back to the store that it came from, or to the one at home.
func (v *visit) bringBack(ctx context.Context) error {
	place := v.home.code
	if i := slices.IndexFunc(v.order.Fulfillments, func(p sentPart) bool { return p.Status == "COLLECTED" && p.Location != nil }); i >= 0 {
		place = v.order.Fulfillments[i].Location.Code
	}
	line := v.order.Lines[v.n%len(v.order.Lines)]
	_, refused, err := v.change(ctx, v.shoppers.options.Associate(place), "return", counterReturn, map[string]any{
		"id": v.order.ID, "place": place, "lines": []map[string]any{{"lineId": line.ID, "quantity": 1}},
	})
	if err != nil {
		return err
	}
	if refused == "" {
		v.shoppers.count(func(st *ShopperStats) { st.Returned++ })
	}
	v.next = nil
	return nil
}
