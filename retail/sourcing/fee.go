package sourcing

import (
	"context"
	"math"

	"github.com/portico-retail/portico/retail"
)

// Fee is what delivery costs the shopper (see Config): once for all shipped lines and once for all that are delivered
// instantly. It depends on the lines and the address only, never on stock, so that the cart's total and the order's are the
// same and a place that is out of stock costs the shopper nothing.
func (s *Service) Fee(ctx context.Context, q retail.PlanQuery) retail.Money {
	return s.config.money(s.shippingFee(q.Lines) + s.instantFee(ctx, q.Lines, q.Address))
}

func (s *Service) shippingFee(lines []retail.PlanLine) int64 {
	shipped, value := false, int64(0)
	for _, l := range lines {
		if l.Method != retail.MethodShipping {
			continue
		}
		shipped = true
		if l.Value.CurrencyCode == s.config.Currency && l.Value.Minor > 0 {
			value = min(value, s.config.ShippingFreeFrom) + min(l.Value.Minor, s.config.ShippingFreeFrom) // cannot overflow
		}
	}
	if !shipped || (s.config.ShippingFreeFrom > 0 && value >= s.config.ShippingFreeFrom) {
		return 0
	}
	return s.config.ShippingFee
}

func (s *Service) instantFee(ctx context.Context, lines []retail.PlanLine, address *retail.DeliveryAddress) int64 {
	for _, l := range lines {
		if l.Method != retail.MethodInstant {
			continue
		}
		fee, at := s.config.InstantFee, positionOf(address)
		if hubs := s.hubs(ctx, at); len(hubs) > 0 {
			fee += s.config.InstantFeePerKm * int64(math.Ceil(distance(at, hubs[0])))
		}
		return fee
	}
	return 0
}
