package ordering

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// cleared reports whether places may prepare an order: it was assessed, and nobody has to look at it.
func cleared(o *retail.Order) bool { return o.Saga.Assessed && !inReview(o) }

func inReview(o *retail.Order) bool { return o.Review != nil && o.Review.Status == retail.ReviewOpen }

func toAssess(o *retail.Order, _ time.Time) []string {
	return whole(!o.Saga.Assessed && len(unprepared(o)) > 0)
}

// unprepared lists the parts that a review holds up.
func unprepared(o *retail.Order) []string {
	return each(o, func(f *retail.Fulfillment) bool { return untold(o, f) })
}

// assess compares a paid order with what the shopper did before. One that is unlike others waits for somebody to look at it: it
// keeps its goods, and no place hears of it.
func (s *Service) assess(ctx context.Context, o *retail.Order, _ string, _ *run) (*retail.Order, error) {
	known, err := s.historyOf(ctx, o)
	if err != nil {
		return nil, err
	}
	return s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		if len(toAssess(o, now)) == 0 {
			return retail.ErrUnchanged
		}
		o.Saga.Assessed = true
		if flags := assess(s.config.Risk, o, known); len(flags) > 0 {
			o.Review = &retail.Review{Status: retail.ReviewOpen, Since: now, DecideBy: now.Add(s.config.ReviewWithin), Flags: flags}
			tell(o, now, retail.TimelineReviewStarted, "", "")
		}
		return nil
	})
}

// historyOf reads what the order is compared with.
func (s *Service) historyOf(ctx context.Context, o *retail.Order) (h history, err error) {
	c := s.config.Risk
	if c.Orders > 0 {
		h.recent, err = s.deps.Ledger.CountOrders(ctx, o.Owner, o.Contact.Phone, o.PlacedAt.Add(-c.Window), c.Orders)
	}
	if err == nil && max(c.Failures, c.Methods, c.Times, c.Earlier) > 0 {
		few := maxLately
		if o.Totals.Total.Minor >= c.Amount {
			few = maxEarlier
		}
		h.earlier, h.endless, err = s.earlier(ctx, o, few)
	}
	return h, err
}

// earlier lists the shopper's latest orders, few or more: all that may have a payment within the window are among them, the
// cancelled ones, too, or whoever places and cancels orders would push failed payments out of sight. With endless there are more
// than are read.
func (s *Service) earlier(ctx context.Context, o *retail.Order, few int) (list []*retail.Order, endless bool, err error) {
	since := o.PlacedAt.Add(-s.config.Risk.Window - s.config.PayWithin)
	var before *retail.PurchaseKey
	for len(list) < maxWithin {
		page, err := s.deps.Ledger.OrdersOf(ctx, o.Owner, before, few)
		if err != nil {
			return nil, false, err
		}
		list = append(list, page...)
		if len(page) < few || page[len(page)-1].PlacedAt.Before(since) {
			return list, false, nil
		}
		last := page[len(page)-1]
		before, few = &retail.PurchaseKey{At: last.PlacedAt, Source: retail.SourceShop, Number: last.Number}, maxEarlier
	}
	return list, true, nil
}

// decide ends a review.
func decide(o *retail.Order, to retail.ReviewStatus, by string, now time.Time) {
	o.Review.Status, o.Review.DecidedAt, o.Review.DecidedBy = to, &now, by
}

// releaseReview lets an order go on. What it waited for the review its promises wait, too, so that the shopper is told a time that can
// be kept; a slot stays what was agreed.
func (s *Service) releaseReview(o *retail.Order, by string, now time.Time) {
	decide(o, retail.ReviewReleased, by, now)
	tell(o, now, retail.TimelineReviewReleased, "", "")
	waited := now.Sub(o.Review.Since)
	for _, id := range unprepared(o) {
		f := part(o, id)
		f.AskedAt = &now
		if f.Slot == nil && !f.Promise.IsZero() {
			f.Promise = s.opening(f, f.Promise.Add(waited))
		}
	}
}

// opening is the instant itself or, where shoppers fetch and it is closed then, when the place opens next.
func (s *Service) opening(f *retail.Fulfillment, at time.Time) time.Time {
	place, known := s.deps.Places.ByCode(f.LocationCode)
	if !known || !f.Method.Visits() {
		return at
	}
	if windows := place.Windows(at, 14); len(windows) > 0 && windows[0].Opens.After(at) {
		return windows[0].Opens
	}
	return at
}

func undecidedReview(o *retail.Order, now time.Time) []string {
	return whole(inReview(o) && !now.Before(o.Review.DecideBy))
}

// endReview releases an order that nobody looked at in time.
func (s *Service) endReview(ctx context.Context, o *retail.Order, _ string, _ *run) (*retail.Order, error) {
	return s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		if len(undecidedReview(o, now)) == 0 {
			return retail.ErrUnchanged
		}
		s.releaseReview(o, "", now)
		return nil
	})
}

// InReview lists the orders that wait for an operator to decide, the longest waiting first; first must be 1 to 100.
func (s *Service) InReview(ctx context.Context, actor retail.Actor, first int) ([]*retail.Order, error) {
	if actor.Role != "operator" || !actor.Known() {
		return nil, retail.Errorf(retail.CodeForbidden, "this is for operators")
	}
	if first < 1 || first > maxReviews {
		return nil, retail.BadInput("first must be 1 to %d", maxReviews)
	}
	return s.deps.Ledger.OrdersInReview(ctx, first)
}

const maxReviews = 100

// Decide ends the review of an order: it goes on at once, or it is cancelled, its goods and its money are given back. The same
// decision again changes nothing; another one, and one about an order that is not in review, is refused with WhyOrderClosed.
func (s *Service) Decide(
	ctx context.Context, actor retail.Actor, orderID string, decision retail.ReviewDecision,
) (*retail.Order, error) {
	if actor.Role != "operator" || !actor.Known() {
		return nil, retail.Refuse(retail.WhyNotAllowed, "", "This is for operators.")
	}
	want := map[retail.ReviewDecision]retail.ReviewStatus{
		retail.ReviewRelease: retail.ReviewReleased, retail.ReviewCancel: retail.ReviewCancelled,
	}[decision]
	if want == "" {
		return nil, retail.Refuse(retail.WhyInvalid, "decision", "There is no such decision.")
	}
	if _, err := s.deps.Ledger.Order(ctx, orderID); err != nil {
		if retailCode(err, retail.CodeNotFound) {
			err = retail.Refuse(retail.WhyNotFound, "orderId", "There is no such order.")
		}
		return nil, err
	}
	o, err := s.record(ctx, orderID, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		switch {
		case o.Review == nil:
			return retail.Refuse(retail.WhyOrderClosed, "orderId", "The order is not in review.")
		case o.Review.Status == want:
			return retail.ErrUnchanged
		case !inReview(o):
			return retail.Refuse(retail.WhyOrderClosed, "orderId", "It was decided otherwise before.")
		case want == retail.ReviewReleased:
			s.releaseReview(o, actor.Key(), now)
			return nil
		}
		decide(o, retail.ReviewCancelled, actor.Key(), now)
		stopAll(o, retail.CancelReviewed)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if after, _ := s.drive(ctx, o.ID, &run{}); after != nil {
		o = after
	}
	return o, nil
}
