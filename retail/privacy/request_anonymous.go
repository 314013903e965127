package privacy

import (
	"fmt"

	"github.com/portico-retail/portico/retail"
)

// OpenBecause says in a sentence why an order keeps its shopper from being forgotten; empty when it does not.
func OpenBecause(o *retail.Order) string {
	switch o.Status {
	case retail.OrderCompleted, retail.OrderCancelled, retail.OrderReturned, retail.OrderRefunded:
	case retail.OrderReturnRequested:
		return fmt.Sprintf("A return of order %s is open.", o.Number)
	default:
		return fmt.Sprintf("Order %s is not finished.", o.Number)
	}
	if o.Review != nil && o.Review.Status == retail.ReviewOpen {
		return fmt.Sprintf("Order %s is being looked at.", o.Number)
	}
	for i := range o.Fulfillments {
		if !o.Fulfillments[i].Status.Final() {
			return fmt.Sprintf("Order %s is not finished.", o.Number)
		}
	}
	for i := range o.Returns {
		if s := o.Returns[i].Status; s == retail.ReturnRequested || s == retail.ReturnReceived {
			return fmt.Sprintf("A return of order %s is open.", o.Number)
		}
	}
	for i := range o.Refunds {
		if o.Refunds[i].Status == retail.RefundPending {
			return fmt.Sprintf("A refund of order %s is on its way.", o.Number)
		}
	}
	for i := range o.Payments {
		if o.Payments[i].Status == retail.PaymentPending {
			return fmt.Sprintf("A payment of order %s is open.", o.Number)
		}
	}
	if !o.Saga.WakeAt.IsZero() {
		return fmt.Sprintf("Order %s is being booked.", o.Number)
	}
	return ""
}

// Anonymise takes the person out of a finished order and gives it to owner. What bookkeeping needs stays: what was sold, where,
// when, for how much, and the references under which other systems have booked it. Numbers of coupons stay among them: they say
// why less was paid, and lead to a customer of the ERP of whom nothing is known any more.
func Anonymise(o *retail.Order, owner string) {
	o.Owner, o.MemberID, o.AccountID, o.CustomerNo, o.CardNumber, o.CartID = owner, "", "", "", "", ""
	o.Contact, o.Address, o.Note = retail.Contact{}, nil, ""
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		f.Collector, f.CodeSecret, f.ArrivedSpot, f.Why = nil, "", "", nil
		if f.Courier != nil {
			courier := *f.Courier
			courier.Name, courier.Phone, courier.TrackingNo = "", "", ""
			f.Courier = &courier
		}
	}
	for i := range o.Payments {
		o.Payments[i].RedirectURL, o.Payments[i].Reason = "", ""
	}
	for i := range o.Returns {
		o.Returns[i].Reason = ""
	}
	for i := range o.Timeline {
		o.Timeline[i].Note = ""
	}
	if o.Cancel != nil {
		o.Cancel.Refusals = nil
	}
}
