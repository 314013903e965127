package ordering

import (
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// rank orders the statuses that a paid order goes through; 0 for those before and after.
func rank(s retail.OrderStatus) int {
	return 1 + slices.Index([]retail.OrderStatus{
		retail.OrderPaid, retail.OrderPreparing, retail.OrderReady, retail.OrderShipped,
	}, s)
}

// serving reports whether the order is paid and its parts are under way.
func serving(o *retail.Order) bool { return rank(o.Status) > 0 }

// progress makes the order's status follow its parts. It never goes back: a part that is moved to another place does not make
// the order unready again.
func (s *Service) progress(o *retail.Order, now time.Time) {
	if !serving(o) {
		return
	}
	best, kept, open := retail.OrderPaid, false, false
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		open = open || !f.Status.Final() || f.Decision != nil
		kept = kept || f.Status == retail.FulfillmentCollected || f.Status == retail.FulfillmentDelivered
		if at := reached(f.Status); rank(at) > rank(best) {
			best = at
		}
	}
	switch {
	case open && rank(best) > rank(o.Status):
		o.Status = best
	case open:
	case kept:
		o.Status = retail.OrderCompleted
		tell(o, now, retail.TimelineCompleted, "", "")
	default:
		closeOrder(o, lossReason(o), nil, now)
	}
}

// reached is how far a part brings its order.
func reached(s retail.FulfillmentStatus) retail.OrderStatus {
	switch s {
	case retail.FulfillmentPreparing:
		return retail.OrderPreparing
	case retail.FulfillmentReady, retail.FulfillmentPartial, retail.FulfillmentCollected:
		return retail.OrderReady
	case retail.FulfillmentShipped, retail.FulfillmentDelivered:
		return retail.OrderShipped
	}
	return retail.OrderPaid
}

// lossReason is why nothing of a paid order was kept: what the shopper did comes first.
func lossReason(o *retail.Order) retail.CancelReason {
	reason := retail.CancelRejected
	if r := o.Review; r != nil && r.Status == retail.ReviewCancelled && r.DecidedBy != "" {
		return retail.CancelReviewed
	}
	for i := range o.Fulfillments {
		switch o.Fulfillments[i].Status {
		case retail.FulfillmentCancelled:
			return retail.CancelByShopper
		case retail.FulfillmentExpired:
			reason = retail.CancelNotCollected
		}
	}
	return reason
}

// closeOrder cancels an order; err is what it was refused for, nil when it was not.
func closeOrder(o *retail.Order, reason retail.CancelReason, err error, now time.Time) {
	o.Status = retail.OrderCancelled
	o.Cancel = &retail.Cancellation{Reason: reason, At: now}
	list, _ := retail.RefusalsOf(err)
	for _, r := range list {
		o.Cancel.Refusals = append(o.Cancel.Refusals, *r)
	}
	o.Saga.Cancelling = ""
	tell(o, now, retail.TimelineCancelled, "", string(reason))
}

// abandon cancels an order that nobody paid: what it claimed goes back to where it came from.
func abandon(tx retail.Tx, o *retail.Order, reason retail.CancelReason, refusal error, now time.Time) error {
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		if err := release(tx, o, f); err != nil {
			return err
		}
		f.Status = retail.FulfillmentCancelled
	}
	closeOrder(o, reason, refusal, now)
	return nil
}

// release gives back a part's claim and slot.
func release(tx retail.Tx, o *retail.Order, f *retail.Fulfillment) error {
	if err := closeClaim(tx, f, retail.ClaimReleased); err != nil {
		return err
	}
	if f.Slot == nil {
		return nil
	}
	return tx.FreeSlot(f.Reference(o.ID))
}

// closeClaim ends a part's claim in the ledger. The claim may not be there: it is held outside before it is recorded.
func closeClaim(tx retail.Tx, f *retail.Fulfillment, to retail.ClaimState) error {
	if f.Claim.State != "" && f.Claim.State.Final() {
		return nil
	}
	if err := tx.CloseClaim(f.ClaimID, to); err != nil && !retailCode(err, retail.CodeNotFound) {
		return err
	}
	f.Claim.State = to
	if to != retail.ClaimDone { // the projection let a departure go before
		f.Claim.Changes++
	}
	return nil
}
