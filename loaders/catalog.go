package loaders

import (
	"context"

	"github.com/portico-retail/portico/retail"
)

// Prices prices SKUs in one channel; the catalog service does.
type Prices interface {
	Prices(ctx context.Context, skus []string, channel retail.Channel) (map[string]*retail.Price, error)
}

// PriceKey is one SKU in one channel.
type PriceKey struct {
	SKU     string
	Channel retail.Channel
}

// priceBatch bounds the keys of one batch. The tills answer 500 prices a call and the shop 250, so a batch is one call to
// each.
const priceBatch = 250

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
