package members

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/retail"
)

// MaxCoupons bounds a wallet.
const MaxCoupons = 200

// Wallet lists the member's coupons with their status now, the usable ones first and of these the one that ends first.
func (s *Service) Wallet(ctx context.Context, memberID string) ([]retail.Coupon, error) {
	m, err := s.Member(ctx, memberID)
	if err != nil {
		return nil, err
	}
	var (
		mu   sync.Mutex
		list []retail.Coupon
	)
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, number := range keys(m, retail.SourceERP) {
		group.Go(func() error {
			coupons, err := s.deps.Customers.Coupons(gctx, number)
			if err != nil && !isNotFound(err) {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			list = append(list, coupons...)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	now := s.deps.Now()
	for i := range list {
		list[i].Status = statusAt(&list[i], now)
	}
	slices.SortFunc(list, func(a, b retail.Coupon) int {
		return cmp.Or(cmp.Compare(couponRank(a.Status), couponRank(b.Status)),
			a.ValidUntil.Compare(b.ValidUntil), cmp.Compare(a.Number, b.Number))
	})
	list = slices.CompactFunc(list, func(a, b retail.Coupon) bool { return a.Number == b.Number })
	return list[:min(len(list), MaxCoupons)], nil
}

// statusAt is a coupon's status at an instant: what the ERP called used or expired stays so.
func statusAt(c *retail.Coupon, now time.Time) retail.CouponStatus {
	switch {
	case c.Status == retail.CouponUsed || c.Status == retail.CouponExpired:
		return c.Status
	case !c.ValidUntil.IsZero() && !now.Before(c.ValidUntil):
		return retail.CouponExpired
	case now.Before(c.ValidFrom):
		return retail.CouponUpcoming
	}
	return retail.CouponUsable
}

func couponRank(s retail.CouponStatus) int {
	return slices.Index([]retail.CouponStatus{retail.CouponUsable, retail.CouponUpcoming, retail.CouponUsed, retail.CouponExpired}, s)
}
