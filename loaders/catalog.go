package loaders

import (
	"context"

	"github.com/portico-retail/portico/retail"
)

// Products finds products; the catalog service does.
type Products interface {
	ProductsByCode(ctx context.Context, codes []string) (map[string]*retail.Product, error)
}

// Prices prices SKUs in one channel; the catalog service does.
type Prices interface {
	Prices(ctx context.Context, skus []string, channel retail.Channel) (map[string]*retail.Price, error)
}

// PriceKey is one SKU in one channel.
type PriceKey struct {
	SKU     string
	Channel retail.Channel
}

// Keys of one batch at most. The tills answer 500 prices a call and the shop 250, so a batch is one call to each.
const (
	productBatch = 100
	priceBatch   = 250
)

func newProductLoader(request context.Context, products Products) *Loader[string, *retail.Product] {
	return newLoader(request, question[struct{}, string, *retail.Product]{
		capacity: productBatch,
		args:     func(string) struct{} { return struct{}{} },
		fetch: func(ctx context.Context, _ struct{}, codes []string) (map[string]*retail.Product, error) {
			return products.ProductsByCode(ctx, codes)
		},
		missing: func(code string) (*retail.Product, error) {
			return nil, retail.Errorf(retail.CodeNotFound, "there is no product %.40q", code)
		},
	})
}

// maxPrices bounds the prices of one response, whatever its lists multiply to.
const maxPrices = 5000

func newPriceLoader(request context.Context, prices Prices) *Loader[PriceKey, *retail.Price] {
	asked := newAllowance("prices", maxPrices)
	return newLoader(request, question[retail.Channel, PriceKey, *retail.Price]{
		capacity: priceBatch,
		args:     func(k PriceKey) retail.Channel { return k.Channel },
		fetch: func(ctx context.Context, channel retail.Channel, keys []PriceKey) (map[PriceKey]*retail.Price, error) {
			if err := asked.take(len(keys)); err != nil {
				return nil, err
			}
			skus := make([]string, len(keys))
			for i, k := range keys {
				skus[i] = k.SKU
			}
			found, err := prices.Prices(ctx, skus, channel)
			byKey := make(map[PriceKey]*retail.Price, len(found))
			for sku, price := range found {
				byKey[PriceKey{sku, channel}] = price
			}
			return byKey, err
		},
		missing: func(PriceKey) (*retail.Price, error) { return nil, nil }, // nobody knows: the field is null
	})
}
