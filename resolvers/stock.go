package resolvers

import (
	"context"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func (r *queryResolver) StockCheck(ctx context.Context, skus []string, locationIds []string, near *retail.GeoPoint, withinKm *float64, first *int, maxAgeSeconds *int) (*stock.Check, error) {
	q := r.checkQuery(ctx, locationIds, near, valueOr(withinKm, 10), valueOr(first, 20), maxAgeSeconds)
	q.SKUs = skus
	return r.Stock.Check(ctx, q)
}

func (r *queryResolver) PickupOptions(ctx context.Context, items []*stock.BasketItem, near *retail.GeoPoint, withinKm *float64, locationIds []string, includePartial *bool, maxAgeSeconds *int, first *int) ([]*stock.PickupOption, error) {
	return r.Stock.PickupOptions(ctx, stock.PickupQuery{
		Items: basket(items), LocationRefs: locationIds, Near: near, WithinKm: valueOr(withinKm, 20),
		IncludePartial: valueOr(includePartial, true), First: valueOr(first, 10), MaxAge: seconds(maxAgeSeconds),
		Detail: detail(ctx),
	})
}
