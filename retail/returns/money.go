package returns

import (
	"strconv"
	"time"

	"github.com/portico-retail/portico/retail"
)

// net is what a return costs the seller: what was paid for it less what the shopper took instead.
func net(r *retail.Return) retail.Money {
	m := r.Amount
	if r.Exchange != nil && r.Exchange.TakenAt != nil {
		m.Minor = max(0, m.Minor-worthOf(r.Exchange.Lines))
	}
	return m
}

func worthOf(lines []retail.ExchangeLine) int64 {
	var sum int64
	for _, l := range lines {
		sum += l.Price.Minor * int64(l.Quantity)
	}
	return sum
}

// settled reports whether it is known what becomes of the replacements, if there are any.
func settled(r *retail.Return) bool {
	return r.Exchange == nil || r.Exchange.GivenUpAt != nil || r.Exchange.TakenAt != nil
}

// owe writes down what is owed for a return that is back: refunds to the payments that the order was paid with, in their
// order, never more than is left of each; and the points to take back. A return with nothing to refund ends here.
func owe(o *retail.Order, r *retail.Return, now time.Time) {
	if r.Status != retail.ReturnReceived || !settled(r) || r.RefundRef != "" {
		return
	}
	r.Saga.Points = points(o, r)
	due := net(r).Minor
	for i, p := range o.Payments {
		part := min(due, left(o, &p))
		if part <= 0 {
			continue
		}
		ref := reference(o.ID, r.ID) + ":REFUND:" + strconv.Itoa(i+1)
		o.Refunds = append(o.Refunds, retail.Refund{
			Reference: ref, PaymentReference: p.Reference, ReturnID: r.ID,
			Amount: retail.Money{Minor: part, CurrencyCode: p.Amount.CurrencyCode},
			Reason: "returned goods", Status: retail.RefundPending, AskedAt: now,
		})
		if r.RefundRef == "" {
			r.RefundRef = ref
		}
		due -= part
	}
	if r.RefundRef == "" {
		r.Status = retail.ReturnRefunded
		return
	}
	note(o, now, retail.TimelineRefundStarted, "")
}

// openRefunds counts the refunds that have not been paid.
func openRefunds(o *retail.Order) (n int) {
	for i := range o.Refunds {
		if o.Refunds[i].Status == retail.RefundPending {
			n++
		}
	}
	return n
}

// left is how much of a payment has not been given back, nor is about to be.
func left(o *retail.Order, p *retail.Payment) int64 {
	if p.Status != retail.PaymentSucceeded {
		return 0
	}
	rest := p.Amount.Minor
	for _, r := range o.Refunds {
		if r.PaymentReference == p.Reference {
			rest -= r.Amount.Minor
		}
	}
	return rest
}

// points are those that the goods of a return earned: what the order earned with them less what it earns without. So the
// returns of an order take back together what it earned, however they are cut.
func points(o *retail.Order, r *retail.Return) int {
	kept := retail.Money{CurrencyCode: r.Amount.CurrencyCode}
	for i := range o.Lines {
		line := &o.Lines[i]
		came := 0
		for _, b := range batches(o, line.ID) {
			came += b.units
		}
		gone := lost(o, line.ID)
		kept.Minor += line.Price.Share(gone+came, line.Quantity).Minor - line.Price.Share(gone, line.Quantity).Minor
	}
	for i := range o.Returns {
		other := &o.Returns[i]
		if other.ID != r.ID && (other.RefundRef != "" || other.Status == retail.ReturnRefunded) {
			kept.Minor -= net(other).Minor
		}
	}
	before := kept.Whole()
	kept.Minor -= net(r).Minor
	return int(max(0, before-max(0, kept.Whole())))
}
