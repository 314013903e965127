package resolvers

import (
	"context"

	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/loaders"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
	"github.com/portico-retail/portico/retail/stock"
)

func (r *productVariantResolver) Price(ctx context.Context, obj *retail.Variant, channel *retail.Channel) (*retail.Price, error) {
	return loaders.Of(ctx).PriceOf(ctx, obj.SKU, valueOr(channel, retail.ContextOf(ctx).Channel))
}

func (r *productVariantResolver) StoreAvailability(ctx context.Context, obj *retail.Variant, locationIds []string, near *retail.GeoPoint, withinKm *float64, first *int, maxAgeSeconds *int) ([]*stock.Availability, error) {
	q := r.checkQuery(ctx, locationIds, near, valueOr(withinKm, 10), valueOr(first, 5), maxAgeSeconds)
	return loaders.Of(ctx).AvailabilityOf(ctx, obj.SKU, q)
}

func (r *queryResolver) Product(ctx context.Context, id *string, sku *string, gtin *string, scan *string) (*retail.Product, error) {
	p, err := orNull(r.Catalog.Product(ctx, catalog.Lookup{ID: id, SKU: sku, GTIN: gtin, Scan: scan}))
	if p != nil {
		loaders.Of(ctx).Page([]*retail.Product{p})
	}
	return p, err
}

func (r *queryResolver) Products(ctx context.Context, search *string, filter *catalog.Filter, sort *catalog.Sort, first *int, after *string) (*catalog.Connection, error) {
	page, err := r.Catalog.Products(ctx, catalog.Query{
		Search: valueOr(search, ""), Filter: valueOr(filter, catalog.Filter{}), Sort: valueOr(sort, catalog.SortRelevance),
		First: valueOr(first, 20), After: valueOr(after, ""),
	})
	if err == nil {
		loaders.Of(ctx).Page(page.Nodes())
	}
	return page, err
}

func (r *queryResolver) Categories(ctx context.Context) ([]*retail.Category, error) {
	return r.Catalog.Categories(ctx)
}

func (r *Resolver) ProductVariant() generated.ProductVariantResolver {
	return &productVariantResolver{r}
}

type productVariantResolver struct{ *Resolver }
