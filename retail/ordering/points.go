package ordering

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

// toBook is due once the order was completed, also when everything has come back since: what is taken back must have been given.
func toBook(o *retail.Order, _ time.Time) []string {
	return whole(completed(o) && (o.CustomerNo != "" || o.MemberID != "") && !o.Saga.PointsBooked)
}

// completed reports whether the order was completed; the statuses of returns come after it.
func completed(o *retail.Order) bool {
	switch o.Status {
	case retail.OrderCompleted, retail.OrderReturnRequested, retail.OrderReturned, retail.OrderRefunded:
		return true
	}
	return false
}

// bookPoints books what a completed order earned: a point for each full unit of the currency that was paid for what was kept.
// What comes back later takes its points along.
func (s *Service) bookPoints(ctx context.Context, o *retail.Order, _ string, _ *run) (*retail.Order, error) {
	customer, err := s.customer(ctx, o)
	if err != nil {
		return nil, err
	}
	if points := earned(o); points > 0 {
		if err := s.deps.Points.BookPoints(ctx, customer, retail.PointEntry{
			Reference: o.Number + ":EARN", Source: retail.SourceShop, Points: points, At: *completedAt(o),
			Titles: retail.Text{Chinese: "订单 " + o.Number, English: "Order " + o.Number},
		}); err != nil {
			return nil, err
		}
	}
	return s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, _ time.Time) error {
		o.Saga.PointsBooked, o.CustomerNo = true, customer
		return nil
	})
}

// customer is whose points they are. A member who was new to the ERP when the order was placed has a number by now, or soon.
func (s *Service) customer(ctx context.Context, o *retail.Order) (string, error) {
	if o.CustomerNo != "" {
		return o.CustomerNo, nil
	}
	m, err := s.deps.Members.Member(ctx, o.MemberID)
	if err != nil {
		return "", err
	}
	if number := m.In(retail.SourceERP); number != "" {
		return number, nil
	}
	return "", retail.Unavailable(retail.SourceERP, errors.New("ordering: the member has no customer record yet"))
}

// completedAt is the same however often the points are booked.
func completedAt(o *retail.Order) *time.Time {
	at := &o.PlacedAt
	for i := range o.Fulfillments {
		if left := o.Fulfillments[i].LeftAt; left != nil && left.After(*at) {
			at = left
		}
	}
	return at
}

// earned is the points of what was kept, delivery not counted.
func earned(o *retail.Order) int {
	sum := retail.Money{CurrencyCode: o.Totals.Total.CurrencyCode}
	for i := range o.Lines {
		l := &o.Lines[i]
		sum.Minor += l.Price.Total.Minor - l.Price.Share(givenUp(o, l.ID), l.Quantity).Minor
	}
	full, _, _ := strings.Cut(string(sum.Amount()), ".")
	points, err := strconv.Atoi(full)
	if err != nil || points < 0 {
		return 0
	}
	return points
}
