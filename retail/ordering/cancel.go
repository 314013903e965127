package ordering

import (
	"context"
	"errors"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Cancel takes an order back for its owner. Before it is paid, the whole order ends once no payment can succeed any more.
// Afterwards every part stops that is not ready, on its way or over, and is refunded; the others go on. When nothing can be
// stopped it is refused with WhyOrderClosed. Repeating it changes nothing more. What a silent system holds up is done later
// by itself: the order then comes back as it stands.
func (s *Service) Cancel(ctx context.Context, actor retail.Actor, orderID string) (*retail.Order, error) {
	o, err := s.owned(ctx, actor, orderID)
	if err != nil {
		return nil, err
	}
	o, err = s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		switch {
		case o.Cancel != nil && o.Cancel.Reason == retail.CancelByShopper, o.Saga.Cancelling == retail.CancelByShopper:
			return retail.ErrUnchanged
		case o.Status == retail.OrderPlacing || o.Status == retail.OrderPendingPayment:
			o.Saga.Cancelling = retail.CancelByShopper
			return nil
		case serving(o):
			already := anyStopped(o)
			if stopAll(o, retail.CancelByShopper) {
				if inReview(o) {
					decide(o, retail.ReviewCancelled, "", now)
				}
				return nil
			}
			if already {
				return retail.ErrUnchanged
			}
		}
		return errTooLate()
	})
	if err != nil {
		return nil, err
	}
	if after, _ := s.drive(ctx, o.ID, &run{}); after != nil {
		o = after
	}
	if serving(o) && !anyStopped(o) {
		return o, errTooLate()
	}
	return o, nil
}

func errTooLate() error {
	return retail.Refuse(retail.WhyOrderClosed, "orderId", "Nothing of the order can be cancelled any more.")
}

// stopAll marks every part that can still be stopped, and reports whether there was one. A part that waits for the shopper's
// decision is given up.
func stopAll(o *retail.Order, reason retail.CancelReason) (stopped bool) {
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		switch {
		case f.Status == retail.FulfillmentRejected && f.Decision != nil:
			giveUp(f)
			f.Status = retail.FulfillmentCancelled
			stopped = true
		case f.Stop != "":
		case f.Status == retail.FulfillmentPending, f.Status == retail.FulfillmentAccepted, f.Status == retail.FulfillmentPreparing:
			f.Stop = reason
			stopped = true
		}
	}
	return stopped
}

func anyStopped(o *retail.Order) bool {
	for i := range o.Fulfillments {
		if f := &o.Fulfillments[i]; f.Stop != "" || f.Status == retail.FulfillmentCancelled {
			return true
		}
	}
	return false
}

func uncollected(o *retail.Order, now time.Time) []string {
	return each(o, func(f *retail.Fulfillment) bool {
		return collectable(f) && f.Stop == "" && f.CollectBy != nil && !now.Before(*f.CollectBy)
	})
}

// giveUpCollection begins to take back what nobody fetched: nothing is handed over from here on.
func (s *Service) giveUpCollection(ctx context.Context, o *retail.Order, id string, _ *run) (*retail.Order, error) {
	return s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		f := part(o, id)
		if !collectable(f) || f.Stop != "" || now.Before(*f.CollectBy) {
			return retail.ErrUnchanged
		}
		f.Stop = retail.CancelNotCollected
		return nil
	})
}

func toStop(o *retail.Order, _ time.Time) []string {
	return each(o, func(f *retail.Fulfillment) bool { return f.Stop != "" && !f.Status.Final() })
}

// stop stops a part at its place. The place has the last word: what it has handed over, or a courier has taken, goes on.
func (s *Service) stop(ctx context.Context, o *retail.Order, id string, _ *run) (*retail.Order, error) {
	f := part(o, id)
	if f.Method.Visits() {
		return s.stopTask(ctx, o, f)
	}
	return s.stopDelivery(ctx, o, f)
}

func (s *Service) stopTask(ctx context.Context, o *retail.Order, f *retail.Fulfillment) (*retail.Order, error) {
	state, err := s.deps.Stores.CancelTask(ctx, f.Reference(o.ID))
	if err != nil {
		return nil, err
	}
	return s.recordStop(ctx, o.ID, f.ID, func(tx retail.Tx, o *retail.Order, f *retail.Fulfillment, now time.Time) error {
		switch state.Status {
		case retail.TaskCancelled, retail.TaskRejected:
			return stopped(tx, o, f, now)
		case retail.TaskHandedOver:
			return s.applyTask(tx, o, f, state, now)
		}
		return retail.BadUpstream(retail.SourcePOS, errors.New("a cancelled task is "+string(state.Status)))
	})
}

func (s *Service) stopDelivery(ctx context.Context, o *retail.Order, f *retail.Fulfillment) (*retail.Order, error) {
	state, err := s.deps.Shop.CancelDelivery(ctx, f.Reference(o.ID))
	if err != nil {
		return nil, err
	}
	return s.recordStop(ctx, o.ID, f.ID, func(tx retail.Tx, o *retail.Order, f *retail.Fulfillment, now time.Time) error {
		switch state.Status {
		case retail.CourierCancelled, retail.CourierFailed:
			f.Courier = &state
			return stopped(tx, o, f, now)
		case retail.CourierPickedUp, retail.CourierDelivered:
			f.Stop = ""
			if f.TaskAt == nil {
				f.TaskAt = &now
			}
			err := s.applyDelivery(tx, o, f, state, now)
			if unchanged(err) {
				return nil
			}
			return err
		}
		return retail.BadUpstream(retail.SourceShop, errors.New("a cancelled delivery is "+string(state.Status)))
	})
}

func (s *Service) recordStop(
	ctx context.Context, orderID, id string,
	change func(tx retail.Tx, o *retail.Order, f *retail.Fulfillment, now time.Time) error,
) (*retail.Order, error) {
	return s.record(ctx, orderID, func(tx retail.Tx, o *retail.Order, now time.Time) error {
		f := part(o, id)
		if f.Stop == "" || f.Status.Final() {
			return retail.ErrUnchanged
		}
		return change(tx, o, f, now)
	})
}

// stopped ends a part that will not be fulfilled: everything of it that is not served elsewhere is given up.
func stopped(tx retail.Tx, o *retail.Order, f *retail.Fulfillment, now time.Time) error {
	f.Status = retail.FulfillmentCancelled
	if f.Stop == retail.CancelNotCollected {
		f.Status = retail.FulfillmentExpired
		tell(o, now, retail.TimelineNotCollected, f.ID, "")
	}
	f.Stop, f.Decision = "", nil
	for i := range f.Lines {
		f.Lines[i].Refunded = f.Lines[i].Quantity - f.Lines[i].Moved
	}
	return release(tx, o, f)
}
