package ordering

import (
	"context"
	"errors"
	"time"

	"github.com/portico-retail/portico/retail"
)

func toRequest(o *retail.Order, _ time.Time) []string {
	return each(o, func(f *retail.Fulfillment) bool { return !f.Method.Visits() && toTell(o, f) })
}

// requestDelivery asks a courier to fetch the goods.
func (s *Service) requestDelivery(ctx context.Context, o *retail.Order, id string, _ *run) (*retail.Order, error) {
	f := part(o, id)
	if o.Address == nil {
		return nil, retail.Errorf(retail.CodeInternal, "the order has no address")
	}
	state, err := s.deps.Shop.RequestDelivery(ctx, retail.DeliveryRequest{
		Reference: f.Reference(o.ID), OrderNumber: o.Number, Method: f.Method, LocationCode: f.LocationCode,
		Lines: claimLines(f, promised), Address: *o.Address, Promise: f.Promise,
	})
	if err != nil {
		return nil, err
	}
	return s.accepted(ctx, o.ID, id, &state)
}

func openDeliveries(o *retail.Order, _ time.Time) []string {
	return each(o, func(f *retail.Fulfillment) bool {
		return !f.Method.Visits() && f.TaskAt != nil && !f.Status.Final() && f.Stop == ""
	})
}

// askDelivery learns how far a delivery has come.
func (s *Service) askDelivery(ctx context.Context, o *retail.Order, id string, _ *run) (*retail.Order, error) {
	state, err := s.deps.Shop.Delivery(ctx, part(o, id).Reference(o.ID))
	if err != nil {
		return nil, err
	}
	return s.record(ctx, o.ID, func(tx retail.Tx, o *retail.Order, now time.Time) error {
		f := part(o, id)
		if f.Status.Final() || f.Stop != "" {
			return retail.ErrUnchanged
		}
		return s.applyDelivery(tx, o, f, state, now)
	})
}

// applyDelivery records how far a delivery has come. States may be told again and out of order; a part never goes back.
func (s *Service) applyDelivery(
	tx retail.Tx, o *retail.Order, f *retail.Fulfillment, state retail.CourierState, now time.Time,
) error {
	if f.Courier != nil && same(*f.Courier, state) {
		return retail.ErrUnchanged
	}
	shipped := f.Status == retail.FulfillmentShipped
	switch state.Status {
	case retail.CourierRequested, retail.CourierAssigned:
		if shipped {
			return retail.ErrUnchanged
		}
		if state.Status == retail.CourierAssigned && f.Status != retail.FulfillmentPreparing {
			f.Status = retail.FulfillmentPreparing
			tell(o, now, retail.TimelinePreparing, f.ID, "")
		}
	case retail.CourierPickedUp, retail.CourierDelivered:
		if !shipped {
			at := state.At
			f.Status, f.DepartedAt = retail.FulfillmentShipped, &at
			tell(o, now, retail.TimelineShipped, f.ID, state.TrackingNo)
		}
		if state.Status == retail.CourierDelivered {
			f.Status, f.LeftAt = retail.FulfillmentDelivered, &now
			tell(o, now, retail.TimelineDelivered, f.ID, "")
		}
	case retail.CourierFailed, retail.CourierCancelled: // the goods are at the place, and so are the books
		f.Courier = &state
		return s.reject(tx, o, f, everything(f), now)
	}
	f.Courier = &state
	return nil
}

func same(a, b retail.CourierState) bool {
	estimates := (a.EstimateAt == nil) == (b.EstimateAt == nil)
	if estimates && a.EstimateAt != nil {
		estimates = a.EstimateAt.Equal(*b.EstimateAt)
	}
	return estimates && a.Status == b.Status && a.Name == b.Name && a.Phone == b.Phone && a.TrackingNo == b.TrackingNo
}

func toDepart(o *retail.Order, _ time.Time) []string {
	return each(o, func(f *retail.Fulfillment) bool {
		switch f.Status {
		case retail.FulfillmentCollected, retail.FulfillmentShipped, retail.FulfillmentDelivered:
			return f.Claim.State == retail.ClaimAllocated
		}
		return false
	})
}

// depart lets go of a claim whose goods left, once readers can see that they did: in the till's counters, or in the ERP's books.
func (s *Service) depart(ctx context.Context, o *retail.Order, id string, r *run) (*retail.Order, error) {
	f := part(o, id)
	var d retail.Departure
	switch {
	case f.Method.Visits():
		receipt, known := r.receipts[id]
		if !known {
			var err error // the same hand-over again: the till answers what it booked
			if receipt, err = s.deps.Stores.HandOver(ctx, s.handOver(o, f)); err != nil {
				return nil, err
			}
		}
		d.Counts = receipt.Counts
	case f.DepartedAt != nil:
		d.BookedBy = *f.DepartedAt
	}
	if err := s.deps.Claims.Depart(ctx, f.ClaimID, d); err != nil {
		return nil, err
	}
	return s.record(ctx, o.ID, func(tx retail.Tx, o *retail.Order, _ time.Time) error {
		f := part(o, id)
		if f.Claim.State.Final() {
			return retail.ErrUnchanged
		}
		return closeClaim(tx, f, retail.ClaimDone)
	})
}

func unchanged(err error) bool { return errors.Is(err, retail.ErrUnchanged) }
