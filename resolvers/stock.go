package resolvers

import (
	"context"
	"fmt"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func (r *queryResolver) StockCheck(ctx context.Context, skus []string, locationIds []string, near *retail.GeoPoint, withinKm *float64, first *int, maxAgeSeconds *int) (*stock.Check, error) {
	panic(fmt.Errorf("not implemented: StockCheck - stockCheck"))
}

func (r *queryResolver) PickupOptions(ctx context.Context, items []*stock.BasketItem, near *retail.GeoPoint, withinKm *float64, locationIds []string, includePartial *bool, maxAgeSeconds *int, first *int) ([]*stock.PickupOption, error) {
	panic(fmt.Errorf("not implemented: PickupOptions - pickupOptions"))
}
