package returns

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

func refundDue(r *retail.Return, _ time.Time) bool {
	return r.Status == retail.ReturnReceived && r.RefundRef != ""
}

// refund gives the money back. A payment service that takes its time is asked again.
func (s *Service) refund(ctx context.Context, o *retail.Order, r *retail.Return) (bool, error) {
	done := make(map[string]retail.Refund)
	slow := false
	for _, row := range o.Refunds {
		if row.ReturnID != r.ID || row.Status == retail.RefundSucceeded {
			continue
		}
		got, err := s.deps.Payments.Refund(ctx, row)
		if err != nil {
			return false, err
		}
		if got.Status != retail.RefundSucceeded {
			slow = true
			continue
		}
		done[row.Reference] = got
	}
	_, err := s.change(ctx, o.ID, r.ID, func(_ retail.Tx, o *retail.Order, r *retail.Return) error {
		if !refundDue(r, s.deps.Now()) {
			return retail.ErrUnchanged
		}
		return recordRefunds(o, r, done, s.deps.Now())
	})
	if err == nil && slow {
		err = s.lookAgain(ctx, o.ID, r.ID, *r.ReceivedAt)
	}
	return err == nil && !slow, err
}

// recordRefunds marks the refunds that succeeded; with the last of them the return is over.
func recordRefunds(o *retail.Order, r *retail.Return, done map[string]retail.Refund, now time.Time) error {
	changed, open := false, false
	for i := range o.Refunds {
		row := &o.Refunds[i]
		if row.ReturnID != r.ID || row.Status == retail.RefundSucceeded {
			continue
		}
		got, ok := done[row.Reference]
		if !ok {
			open = true
			continue
		}
		changed, row.Status, row.SettledAt = true, retail.RefundSucceeded, got.SettledAt
		if row.SettledAt == nil {
			row.SettledAt = &now
		}
	}
	if !open {
		changed, r.Status = true, retail.ReturnRefunded
		note(o, now, retail.TimelineRefunded, "")
	}
	if !changed {
		return retail.ErrUnchanged
	}
	return nil
}

func pointsDue(r *retail.Return, _ time.Time) bool {
	back := r.Status == retail.ReturnReceived || r.Status == retail.ReturnRefunded
	return back && settled(r) && r.Saga.Points > 0 && !r.Saga.PointsBooked
}

// takePoints takes back the points that the goods earned, after the order's own are booked: nobody's balance goes below what it
// was.
func (s *Service) takePoints(ctx context.Context, o *retail.Order, r *retail.Return) (bool, error) {
	if (o.CustomerNo != "" || o.MemberID != "") && !o.Saga.PointsBooked {
		return false, s.lookAgain(ctx, o.ID, r.ID, *r.ReceivedAt)
	}
	if o.CustomerNo != "" {
		err := s.deps.Points.BookPoints(ctx, o.CustomerNo, retail.PointEntry{
			Reference: o.Number + ":" + r.ID + ":RETURN", Source: retail.SourceShop, Points: -r.Saga.Points, At: *r.ReceivedAt,
			Titles: retail.Text{Chinese: "退货扣回积分", English: "Points of returned goods"},
		})
		if err != nil {
			return false, err
		}
	}
	_, err := s.change(ctx, o.ID, r.ID, func(_ retail.Tx, _ *retail.Order, r *retail.Return) error {
		if r.Saga.PointsBooked {
			return retail.ErrUnchanged
		}
		r.Saga.PointsBooked = true
		return nil
	})
	return err == nil, err
}
