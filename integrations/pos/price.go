package pos

import (
	"context"
	"errors"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
)

// maxPriceItems bounds the items of one PriceInquiry.
const maxPriceItems = 500

// Prices returns the shelf prices programmed in the tills, in one request for every 500 SKUs.
func (c *Client) Prices(ctx context.Context, skus []string, now time.Time) (map[string]catalog.SystemPrice, error) {
	prices := make(map[string]catalog.SystemPrice, len(skus))
	for len(skus) > 0 {
		chunk := skus[:min(len(skus), maxPriceItems)]
		skus = skus[len(chunk):]
		reply, err := exchange(ctx, c, c.live, priceInquiry(chunk), (*reader).pricesReply)
		if err != nil {
			return nil, err
		}
		if reply.currency != c.cfg.Currency {
			return nil, retail.BadUpstream(retail.SourcePOS, errors.New("pos: prices are in another currency"))
		}
		c.addPrices(prices, chunk, &reply, now)
	}
	return prices, nil
}

// addPrices keeps the readable prices that were asked for, the first of each SKU.
func (c *Client) addPrices(prices map[string]catalog.SystemPrice, asked []string, reply *pricesReply, now time.Time) {
	open := make(map[string]bool, len(asked))
	for _, sku := range asked {
		open[sku] = true
	}
	if reply.asOf.After(now) {
		reply.asOf = now
	}
	for _, p := range reply.prices {
		money, err := retail.ParseMoney(p.amount, reply.currency)
		if err != nil || money.Minor < 0 || !open[p.sku] {
			reply.unreadable++
			continue
		}
		delete(open, p.sku)
		prices[p.sku] = catalog.SystemPrice{Base: money, AsOf: reply.asOf}
	}
	c.metrics.Quarantine(retail.SourcePOS, "price", reply.unreadable)
}
