package shop

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
)

// maxPriceSKUs bounds the SKUs of one price request.
const maxPriceSKUs = 250

type pricesMessage struct {
	Prices []json.RawMessage `json:"prices"`
	AsOf   time.Time         `json:"asOf"`
}

type priceMessage struct {
	SKU      string `json:"sku"`
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

type moneyMessage struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// money reads an amount; ok is false for a negative one and for another currency than the shop's.
func (c *Client) money(m moneyMessage) (retail.Money, bool) {
	money, err := retail.ParseMoney(m.Amount, m.Currency)
	return money, err == nil && money.Minor >= 0 && m.Currency == c.cfg.Currency
}

// Prices returns the web prices, in one request for every 250 SKUs.
func (c *Client) Prices(ctx context.Context, skus []string, now time.Time) (map[string]catalog.SystemPrice, error) {
	open := make(map[string]bool, len(skus))
	var asked []string
	for _, sku := range skus {
		if retail.ValidSKU(sku) && !open[sku] { // anything else would not survive the comma-separated list
			open[sku] = true
			asked = append(asked, sku)
		}
	}
	prices := make(map[string]catalog.SystemPrice, len(asked))
	for len(asked) > 0 {
		chunk := asked[:min(len(asked), maxPriceSKUs)]
		asked = asked[len(chunk):]
		query := url.Values{"skus": {strings.Join(chunk, ",")}}
		a, err := get[pricesMessage](ctx, c, c.live, "prices", "/api/v1/prices", query, "")
		if err != nil {
			return nil, err
		}
		if err := c.addPrices(prices, open, &a.value, now); err != nil {
			return nil, err
		}
	}
	return prices, nil
}

// addPrices keeps the readable prices of SKUs that are still open, the first of each.
func (c *Client) addPrices(
	prices map[string]catalog.SystemPrice, open map[string]bool, m *pricesMessage, now time.Time,
) error {
	if m.Prices == nil || m.AsOf.IsZero() {
		return retail.BadUpstream(retail.SourceShop, errors.New("shop: prices or asOf is missing"))
	}
	list, bad, err := decodeEach[priceMessage](m.Prices)
	if err != nil {
		return err
	}
	for _, p := range list {
		money, ok := c.money(moneyMessage{Amount: p.Amount, Currency: p.Currency})
		if !ok || !open[p.SKU] {
			bad++
			continue
		}
		delete(open, p.SKU)
		prices[p.SKU] = catalog.SystemPrice{Base: money, AsOf: dated(m.AsOf, now)}
	}
	c.metrics.Quarantine(retail.SourceShop, "price", bad)
	return nil
}
