package ordering

import (
	"context"
	"errors"
	"time"

	"github.com/portico-retail/portico/retail"
)

// placing reports whether the order is on its way to be acknowledged.
func placing(o *retail.Order) bool { return o.Status == retail.OrderPlacing && o.Saga.Cancelling == "" }

func (s *Service) placingOverdue(o *retail.Order, now time.Time) []string {
	return whole(placing(o) && !now.Before(o.PlacedAt.Add(s.config.PlaceWithin)))
}

// giveUpPlacing ends an order that some system did not let come about.
func (s *Service) giveUpPlacing(ctx context.Context, o *retail.Order, _ string, _ *run) (*retail.Order, error) {
	return s.fail(ctx, o, retail.CancelNotPlaced, nil)
}

// fail cancels an order that is being placed; err is its refusals, nil when there is none.
func (s *Service) fail(ctx context.Context, o *retail.Order, reason retail.CancelReason, err error) (*retail.Order, error) {
	claims := o.Fulfillments
	return s.record(ctx, o.ID, func(tx retail.Tx, o *retail.Order, now time.Time) error {
		if !placing(o) {
			return retail.ErrUnchanged
		}
		for i := range claims { // a hold that was taken over is not on record yet
			o.Fulfillments[i].ClaimID = claims[i].ClaimID
		}
		return abandon(tx, o, reason, err, now)
	})
}

func toRedeem(o *retail.Order, _ time.Time) []string {
	return whole(placing(o) && o.Saga.Claimed && !o.Saga.CouponsRedeemed && len(o.Coupons) > 0)
}

// redeemCoupons uses the coupons up for this order. One that is refused ends the order. When the order was cancelled meanwhile,
// its coupons are released once more, whatever became of redeeming them: they may have been released before.
func (s *Service) redeemCoupons(ctx context.Context, o *retail.Order, _ string, _ *run) (*retail.Order, error) {
	var err error
	for i := 0; i < len(o.Coupons) && err == nil; i++ {
		err = s.deps.Coupons.Redeem(ctx, o.Coupons[i], o.CustomerNo, o.Number, o.PlacedAt)
	}
	after, err2 := s.record(context.WithoutCancel(ctx), o.ID, func(_ retail.Tx, o *retail.Order, _ time.Time) error {
		switch {
		case !placing(o) && o.Saga.CouponsReleased:
			o.Saga.CouponsReleased = false
		case !placing(o), err != nil, o.Saga.CouponsRedeemed:
			return retail.ErrUnchanged
		}
		o.Saga.CouponsRedeemed = o.Saga.CouponsRedeemed || err == nil
		return nil
	})
	if _, refused := retail.RefusalsOf(err); refused && err2 == nil {
		return s.fail(ctx, o, retail.CancelNotPlaced, err)
	}
	return after, errors.Join(err, err2)
}

func toRelease(o *retail.Order, _ time.Time) []string {
	return whole(o.Status == retail.OrderCancelled && len(o.Coupons) > 0 && !o.Saga.CouponsReleased)
}

// releaseCoupons makes the coupons of a cancelled order usable again, redeemed or not: the record may not know.
func (s *Service) releaseCoupons(ctx context.Context, o *retail.Order, _ string, _ *run) (*retail.Order, error) {
	for _, number := range o.Coupons {
		err := s.deps.Coupons.Release(ctx, number, o.Number)
		if _, refused := retail.RefusalsOf(err); err != nil && !refused && !retailCode(err, retail.CodeNotFound) {
			return nil, err
		}
	}
	return s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, _ time.Time) error {
		o.Saga.CouponsReleased = true
		return nil
	})
}

// repeatable are orders that were cancelled while they were being placed. A call of a process that died may reach ERP or shop after
// they were told of the cancellation.
func repeatable(o *retail.Order) bool {
	return o.Status == retail.OrderCancelled && o.Cancel != nil && o.Saga.Claimed && !o.Saga.Placed && !o.Saga.CancelRepeated
}

func (s *Service) repeatAt(o *retail.Order) time.Time { return o.Cancel.At.Add(s.config.CallsEnd) }

func (s *Service) toRepeat(o *retail.Order, now time.Time) []string {
	return whole(repeatable(o) && !now.Before(s.repeatAt(o)))
}

// repeatCancellation lets ERP and shop hear once more that the order is cancelled.
func (s *Service) repeatCancellation(ctx context.Context, o *retail.Order, _ string, _ *run) (*retail.Order, error) {
	return s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, _ time.Time) error {
		if !repeatable(o) {
			return retail.ErrUnchanged
		}
		o.Saga.CancelRepeated, o.Saga.CouponsReleased, o.Saga.Reported = true, false, ""
		return nil
	})
}

func toPlace(o *retail.Order, _ time.Time) []string {
	return whole(placing(o) && o.Saga.Claimed && (o.Saga.CouponsRedeemed || len(o.Coupons) == 0))
}

// placeInShop makes the order known to the shop, and is the moment from which it is acknowledged.
func (s *Service) placeInShop(ctx context.Context, o *retail.Order, _ string, _ *run) (*retail.Order, error) {
	said := *o
	said.Status = retail.OrderPendingPayment
	err := s.deps.Shop.PlaceOrder(ctx, &said)
	if _, refused := retail.RefusalsOf(err); refused {
		return s.fail(ctx, o, retail.CancelNotPlaced, err)
	}
	if err != nil {
		return nil, err
	}
	return s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		if !placing(o) {
			o.Saga.Reported = "" // cancelled meanwhile: the shop, which has the order now, must hear of it again
			return nil
		}
		o.Status, o.Saga.Placed, o.Saga.Reported = retail.OrderPendingPayment, true, retail.OrderPendingPayment
		tell(o, now, retail.TimelinePlaced, "", "")
		return nil
	})
}

func toReport(o *retail.Order, _ time.Time) []string {
	return whole(o.Status != retail.OrderPlacing && o.Saga.Reported != o.Status)
}

// reportStatus tells the shop where the order stands. An order that the shop never got is nothing that it must hear of.
func (s *Service) reportStatus(ctx context.Context, o *retail.Order, _ string, _ *run) (*retail.Order, error) {
	status := o.Status
	err := s.deps.Shop.ReportStatus(ctx, o.Number, status, s.deps.Now())
	if err != nil && (o.Saga.Placed || !retailCode(err, retail.CodeNotFound)) {
		return nil, err
	}
	return s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, _ time.Time) error {
		o.Saga.Reported = status
		return nil
	})
}

func toClose(o *retail.Order, _ time.Time) []string {
	return whole(o.Saga.Placed && !o.Saga.CartClosed)
}

// closeCart marks the cart as ordered, so that it is not ordered twice.
func (s *Service) closeCart(ctx context.Context, o *retail.Order, _ string, _ *run) (*retail.Order, error) {
	if err := s.deps.Carts.Close(ctx, o.CartID, o.ID); err != nil && !retailCode(err, retail.CodeNotFound) &&
		!retailCode(err, retail.CodeConflict) { // closed for an order that was quicker
		return nil, err
	}
	return s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, _ time.Time) error {
		o.Saga.CartClosed = true
		return nil
	})
}
