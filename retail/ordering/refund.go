package ordering

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

// givenUp counts the units of an order line whose money goes back without a return.
func givenUp(o *retail.Order, lineID string) (units int) {
	for i := range o.Fulfillments {
		for j := range o.Fulfillments[i].Lines {
			if l := &o.Fulfillments[i].Lines[j]; l.LineID == lineID {
				units += l.Refunded
			}
		}
	}
	return units
}

// owed is what the shopper must get back of what paid the order: the share of the units that were given up, and the delivery
// fee too when nothing is left.
func owed(o *retail.Order) int64 {
	var sum int64
	all := true
	for i := range o.Lines {
		l := &o.Lines[i]
		n := givenUp(o, l.ID)
		all = all && n >= l.Quantity
		sum += l.Price.Share(n, l.Quantity).Minor
	}
	if all {
		return o.Totals.Total.Minor
	}
	return min(sum, o.Totals.Total.Minor)
}

// refundPrefix begins the references of refunds that are not for a return.
func refundPrefix(orderID string) string { return orderID + "/refund-" }

func ours(o *retail.Order, r *retail.Refund) bool {
	return strings.HasPrefix(r.Reference, refundPrefix(o.ID))
}

// oweRefunds writes down refunds until they come to what is owed. It looks at the order alone, so that however a fact was told,
// and how often, its money goes back once; and never more of a payment than was paid.
func oweRefunds(o *retail.Order, now time.Time) {
	for i := range o.Payments {
		p := &o.Payments[i]
		if p.Status != retail.PaymentSucceeded {
			continue
		}
		want := p.Amount.Minor
		if p.Reference == o.Saga.PaidBy {
			want = owed(o)
		}
		var have, of int64
		number := 1
		for j := range o.Refunds {
			r := &o.Refunds[j]
			if ours(o, r) {
				number++
			}
			if r.PaymentReference != p.Reference {
				continue
			}
			of += r.Amount.Minor
			if ours(o, r) {
				have += r.Amount.Minor
			}
		}
		amount := min(want-have, p.Amount.Minor-of)
		if amount <= 0 {
			continue
		}
		o.Refunds = append(o.Refunds, retail.Refund{
			Reference: fmt.Sprintf("%s%d", refundPrefix(o.ID), number), PaymentReference: p.Reference,
			Amount: retail.Money{Minor: amount, CurrencyCode: p.Amount.CurrencyCode},
			Reason: refundReason(o, p), Status: retail.RefundPending, AskedAt: now,
		})
		tell(o, now, retail.TimelineRefundStarted, "", "")
	}
}

func refundReason(o *retail.Order, p *retail.Payment) string {
	switch {
	case p.Reference != o.Saga.PaidBy:
		return "paid too late or twice"
	case slices.ContainsFunc(o.Fulfillments, func(f retail.Fulfillment) bool { return f.Status == retail.FulfillmentExpired }):
		return "not collected in time"
	case o.Cancel != nil, anyStopped(o):
		return "order cancelled"
	}
	return "units that could not be given"
}

func openRefunds(o *retail.Order, _ time.Time) (references []string) {
	for i := range o.Refunds {
		if r := &o.Refunds[i]; ours(o, r) && r.Status == retail.RefundPending {
			references = append(references, r.Reference)
		}
	}
	return references
}

// refund asks for a refund, or how it stands: the shop pays each reference back once.
func (s *Service) refund(ctx context.Context, o *retail.Order, reference string, _ *run) (*retail.Order, error) {
	got, err := s.deps.Shop.Refund(ctx, *refundOf(o, reference))
	if err != nil {
		return nil, err
	}
	if got.Status != retail.RefundSucceeded {
		return o, nil
	}
	return s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		r := refundOf(o, reference)
		if r.Status == retail.RefundSucceeded {
			return retail.ErrUnchanged
		}
		r.Status, r.SettledAt = retail.RefundSucceeded, &now
		tell(o, now, retail.TimelineRefunded, "", "")
		return nil
	})
}

func refundOf(o *retail.Order, reference string) *retail.Refund {
	for i := range o.Refunds {
		if o.Refunds[i].Reference == reference {
			return &o.Refunds[i]
		}
	}
	return nil
}
