package resolvers

import (
	"context"
	"fmt"

	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
	"github.com/portico-retail/portico/retail/stock"
)

func (r *productVariantResolver) Price(ctx context.Context, obj *retail.Variant, channel *retail.Channel) (*retail.Price, error) {
	panic(fmt.Errorf("not implemented: Price - price"))
}

func (r *productVariantResolver) StoreAvailability(ctx context.Context, obj *retail.Variant, locationIds []string, near *retail.GeoPoint, withinKm *float64, first *int, maxAgeSeconds *int) ([]*stock.Availability, error) {
	panic(fmt.Errorf("not implemented: StoreAvailability - storeAvailability"))
}

func (r *queryResolver) Product(ctx context.Context, id *string, sku *string, gtin *string, scan *string) (*retail.Product, error) {
	panic(fmt.Errorf("not implemented: Product - product"))
}

func (r *queryResolver) Products(ctx context.Context, search *string, filter *catalog.Filter, sort *catalog.Sort, first *int, after *string) (*catalog.Connection, error) {
	panic(fmt.Errorf("not implemented: Products - products"))
}

func (r *queryResolver) Categories(ctx context.Context) ([]*retail.Category, error) {
	panic(fmt.Errorf("not implemented: Categories - categories"))
}

func (r *Resolver) ProductVariant() generated.ProductVariantResolver {
	return &productVariantResolver{r}
}

type productVariantResolver struct{ *Resolver }
