package ordering

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// PayRequest asks to pay an order.
type PayRequest struct {
	Actor   retail.Actor
	Key     string // idempotency key; the same key meets the same payment
	OrderID string
	Method  string // code of the shop's payment method
}

// Pay starts a payment. The stock is allocated before the payment service is asked, so nothing is ever charged that cannot be
// given. A payment whose outcome is open, also because the reply was lost, is no error: it is PENDING in the order, and the
// order learns by itself what became of it. A declined payment is refused with WhyPaymentDeclined and the order comes with
// it; another attempt may follow until PayBy. WhyInsufficientStock means that the order was cancelled and nothing charged.
func (s *Service) Pay(ctx context.Context, req PayRequest) (*retail.Order, error) {
	if req.Key == "" || len(req.Key) > maxKeyLength {
		return nil, retail.Refuse(retail.WhyInvalid, "idempotencyKey", "The key must have 1 to 200 characters.")
	}
	if !plain(req.Method, 40) || req.Method == "" {
		return nil, retail.Refuse(retail.WhyInvalid, "method", "There is no such payment method.")
	}
	o, err := s.owned(ctx, req.Actor, req.OrderID)
	if err != nil {
		return nil, err
	}
	reference := "p-" + digest("payment", o.ID, req.Key)
	if o.Cancel != nil && o.Cancel.Reason == retail.CancelOutOfStock {
		return o, refused(o) // as the first time
	}
	if payment(o, reference) == nil {
		if err := s.payableBy(ctx, req.Method); err != nil {
			return o, err
		}
		if o, err = s.startPayment(ctx, o, reference, req.Method); err != nil {
			return o, err
		}
	}
	if after, err := s.drive(ctx, o.ID, &run{pay: reference}); after != nil {
		o = after
	} else if err != nil {
		return nil, err
	}
	if p := payment(o, reference); p.Status == retail.PaymentFailed {
		return o, retail.Refuse(retail.WhyPaymentDeclined, "method", "The payment was declined.")
	} else if p.Status == retail.PaymentVoided {
		return o, retail.Refuse(retail.WhyOrderClosed, "orderId", "The order was closed before it was paid. Nothing was charged.")
	}
	return o, nil
}

// payable refuses a payment that the order's state does not allow.
func (s *Service) payable(o *retail.Order, now time.Time) error {
	switch {
	case o.Status != retail.OrderPendingPayment || o.Saga.Cancelling != "" || o.Totals.Total.Minor == 0:
		return retail.Refuse(retail.WhyOrderClosed, "orderId", "The order is not waiting for a payment.")
	case slices.ContainsFunc(o.Payments, func(p retail.Payment) bool { return p.Status == retail.PaymentPending }):
		return retail.Refuse(retail.WhyPaymentPending, "orderId", "An earlier payment is still open.")
	case !now.Before(o.PayBy):
		return retail.Refuse(retail.WhyHoldExpired, "orderId", "The time to pay is over.")
	case len(o.Payments) >= s.config.PaymentAttempts:
		return tooMany("orderId", s.config.PaymentAttempts)
	}
	return nil
}

// startPayment allocates what the order claims and records the payment, in one transaction.
func (s *Service) startPayment(ctx context.Context, o *retail.Order, reference, method string) (*retail.Order, error) {
	if err := s.payable(o, s.deps.Now()); err != nil {
		return nil, err
	}
	parts := held(o)
	if err := s.pin(ctx, parts); err != nil {
		return nil, err
	}
	after, err := s.allocate(ctx, o.ID, parts, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		if payment(o, reference) != nil {
			return retail.ErrUnchanged
		}
		if err := s.payable(o, now); err != nil {
			return err
		}
		o.Payments = append(o.Payments, retail.Payment{
			Reference: reference, Method: method, Amount: o.Totals.Total, Status: retail.PaymentPending, StartedAt: now,
		})
		tell(o, now, retail.TimelinePaymentStarted, "", method)
		return nil
	})
	if retail.Refused(err, retail.WhyInsufficientStock) {
		return s.soldOut(ctx, o, err)
	}
	return after, err
}

// soldOut cancels an order whose stock the ledger did not grant, unless somebody was quicker.
func (s *Service) soldOut(ctx context.Context, o *retail.Order, refusal error) (*retail.Order, error) {
	after, err := s.record(ctx, o.ID, func(tx retail.Tx, o *retail.Order, now time.Time) error {
		if o.Status != retail.OrderPendingPayment || len(held(o)) == 0 || o.Saga.Cancelling != "" {
			return retail.ErrUnchanged
		}
		return abandon(tx, o, retail.CancelOutOfStock, refusal, now)
	})
	if err != nil {
		return nil, err
	}
	if done, _ := s.drive(ctx, o.ID, &run{}); done != nil {
		after = done
	}
	return after, refusal
}

func free(o *retail.Order, _ time.Time) []string {
	return whole(o.Status == retail.OrderPendingPayment && o.Totals.Total.Minor == 0 && o.Saga.Cancelling == "")
}

// sellForNothing sells an order that costs nothing, as a payment would.
func (s *Service) sellForNothing(ctx context.Context, o *retail.Order, _ string, _ *run) (*retail.Order, error) {
	parts := held(o)
	if err := s.pin(ctx, parts); err != nil {
		return nil, err
	}
	secret := s.deps.Random()
	after, err := s.allocate(ctx, o.ID, parts, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		if len(free(o, now)) == 0 {
			return retail.ErrUnchanged
		}
		paid(o, secret, now)
		return nil
	})
	if retail.Refused(err, retail.WhyInsufficientStock) {
		if after, err = s.soldOut(ctx, o, err); after != nil {
			err = nil
		}
	}
	return after, err
}

// payment finds a payment by reference; nil when there is none.
func payment(o *retail.Order, reference string) *retail.Payment {
	for i := range o.Payments {
		if o.Payments[i].Reference == reference {
			return &o.Payments[i]
		}
	}
	return nil
}

// askable lists payments whose outcome may change: pending ones, and those that did not succeed, because a late success must be
// given back.
func askable(o *retail.Order, _ time.Time) (references []string) {
	if len(toVoid(o, time.Time{})) > 0 {
		return nil // voiding asks, too
	}
	for i := range o.Payments {
		if o.Payments[i].Status != retail.PaymentSucceeded {
			references = append(references, o.Payments[i].Reference)
		}
	}
	return references
}

// askPayment learns how a payment stands, and starts one that the service does not know.
func (s *Service) askPayment(ctx context.Context, o *retail.Order, reference string, r *run) (*retail.Order, error) {
	p := *payment(o, reference)
	got, err := p, error(nil)
	start := r.pay == reference && p.Status == retail.PaymentPending
	if !start {
		got, err = s.deps.Shop.Payment(ctx, reference)
		if retailCode(err, retail.CodeNotFound) {
			if p.Status != retail.PaymentPending || s.deps.Now().Before(p.StartedAt.Add(s.config.PayAgainAfter)) {
				return o, nil // the request that started it may be under way
			}
			start = true
		}
	}
	if start {
		got, err = s.deps.Shop.Pay(ctx, o.Number, p)
	}
	if err != nil {
		return nil, err
	}
	return s.settlePayment(ctx, o.ID, reference, got)
}

// settlePayment records how a payment stands, however often it is told.
func (s *Service) settlePayment(ctx context.Context, id, reference string, got retail.Payment) (*retail.Order, error) {
	secret := s.deps.Random()
	return s.record(ctx, id, func(tx retail.Tx, o *retail.Order, now time.Time) error {
		p := payment(o, reference)
		same := p.Status == got.Status && (p.Status != retail.PaymentPending || p.RedirectURL == got.RedirectURL)
		over := p.Status != retail.PaymentPending && got.Status != retail.PaymentSucceeded // a late success is all that counts
		if same || over || p.Status == retail.PaymentSucceeded {
			return retail.ErrUnchanged
		}
		p.Status, p.RedirectURL, p.Reason = got.Status, got.RedirectURL, got.Reason
		if p.Status != retail.PaymentPending {
			p.SettledAt = &now
		}
		switch p.Status {
		case retail.PaymentFailed:
			tell(o, now, retail.TimelinePaymentFailed, "", p.Reason)
		case retail.PaymentSucceeded:
			if o.Status != retail.OrderPendingPayment {
				return nil // too late, or once too often: it is given back
			}
			o.Saga.PaidBy = reference
			stop := o.Saga.Cancelling == retail.CancelByShopper
			paid(o, secret, now)
			if stop {
				stopAll(o, retail.CancelByShopper)
			}
		}
		return nil
	})
}

// paid is the fact that everything after it waits for.
func paid(o *retail.Order, secret string, now time.Time) {
	o.Status, o.Saga.Cancelling = retail.OrderPaid, ""
	tell(o, now, retail.TimelinePaid, "", "")
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		f.AskedAt = &now
		if f.Method.Visits() {
			f.CodeSecret = digest("code secret", secret, f.ID)
		}
	}
}

func unpaid(o *retail.Order, now time.Time) []string {
	return whole(o.Status == retail.OrderPendingPayment && o.Saga.Cancelling == "" && !now.Before(o.PayBy))
}

// giveUpWaiting begins to cancel an order that was not paid in time: no payment starts from here on.
func (s *Service) giveUpWaiting(ctx context.Context, o *retail.Order, _ string, _ *run) (*retail.Order, error) {
	return s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		if len(unpaid(o, now)) == 0 {
			return retail.ErrUnchanged
		}
		o.Saga.Cancelling = retail.CancelUnpaid
		return nil
	})
}

func toVoid(o *retail.Order, _ time.Time) (references []string) {
	if o.Saga.Cancelling == "" {
		return nil
	}
	for i := range o.Payments {
		if o.Payments[i].Status == retail.PaymentPending {
			references = append(references, o.Payments[i].Reference)
		}
	}
	return references
}

// voidPayment makes sure that a payment can succeed no more before the stock is given back. It may have succeeded already.
func (s *Service) voidPayment(ctx context.Context, o *retail.Order, reference string, _ *run) (*retail.Order, error) {
	got, err := s.deps.Shop.VoidPayment(ctx, reference)
	if err != nil {
		return nil, err
	}
	if got.Status == retail.PaymentPending {
		return nil, retail.BadUpstream(retail.SourceShop, errors.New("a voided payment is pending"))
	}
	return s.settlePayment(ctx, o.ID, reference, got)
}

func toCancel(o *retail.Order, now time.Time) []string {
	before := o.Status == retail.OrderPlacing || o.Status == retail.OrderPendingPayment
	return whole(before && o.Saga.Cancelling != "" && len(toVoid(o, now)) == 0)
}

// cancelUnpaid cancels an order that nobody can pay any more.
func (s *Service) cancelUnpaid(ctx context.Context, o *retail.Order, _ string, _ *run) (*retail.Order, error) {
	return s.record(ctx, o.ID, func(tx retail.Tx, o *retail.Order, now time.Time) error {
		if len(toCancel(o, now)) == 0 {
			return retail.ErrUnchanged
		}
		return abandon(tx, o, o.Saga.Cancelling, nil, now)
	})
}
