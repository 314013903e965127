package resolvers

import (
	"context"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func (r *queryResolver) StockCheck(ctx context.Context, skus []string, locationIds []string, near *retail.GeoPoint, withinKm *float64, first *int, maxAgeSeconds *int) (*stock.Check, error) {
	return r.Stock.Check(ctx, stock.CheckQuery{
		SKUs: skus, LocationRefs: locationIds, Near: near, WithinKm: valueOr(withinKm, 10),
		First: valueOr(first, 20), MaxAge: seconds(maxAgeSeconds),
		Detail: auth.PrincipalOf(ctx).Has(auth.ScopeStockRead),
	})
}

func (r *queryResolver) PickupOptions(ctx context.Context, items []*stock.BasketItem, near *retail.GeoPoint, withinKm *float64, locationIds []string, includePartial *bool, maxAgeSeconds *int, first *int) ([]*stock.PickupOption, error) {
	return r.Stock.PickupOptions(ctx, stock.PickupQuery{
		Items: basket(items), LocationRefs: locationIds, Near: near, WithinKm: valueOr(withinKm, 20),
		IncludePartial: valueOr(includePartial, true), First: valueOr(first, 10), MaxAge: seconds(maxAgeSeconds),
		Detail: auth.PrincipalOf(ctx).Has(auth.ScopeStockRead),
	})
}
