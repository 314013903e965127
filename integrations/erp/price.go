package erp

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
)

const (
	maxPriceSKUs = 500
	maxPriceRows = 50_000 // 100 conditions for each item of a question
)

type priceRow struct {
	SKU      string  `db:"sku"`
	Kind     string  `db:"kind"`
	Channel  string  `db:"channel"`
	Tier     string  `db:"tier"`
	Amount   string  `db:"amount"`
	Currency string  `db:"currency"`
	Starts   string  `db:"starts"`
	Ends     *string `db:"ends"`
	Title    *string `db:"title"`
	TitleEn  *string `db:"title_en"`
}

// Prices returns the list price and the conditions in force at now, in one query for every 500 SKUs.
func (c *Client) Prices(ctx context.Context, skus []string, now time.Time) (map[string]catalog.SystemPrice, error) {
	prices := make(map[string]catalog.SystemPrice, len(skus))
	for len(skus) > 0 {
		chunk := skus[:min(len(skus), maxPriceSKUs)]
		skus = skus[len(chunk):]
		rows, err := upstream.Do(ctx, c.live, "prices", func(ctx context.Context) ([]priceRow, error) {
			rows, unreadable, err := query[priceRow](ctx, c, "prices", map[string]any{"skus": chunk}, maxPriceRows)
			c.metrics.Quarantine(retail.SourceERP, "price", unreadable)
			return rows, err
		})
		if err != nil {
			return nil, err
		}
		if err := c.addPrices(prices, rows, now); err != nil {
			return nil, err
		}
	}
	return prices, nil
}

// addPrices folds rows into prices; an item without a list price in force is left out.
func (c *Client) addPrices(prices map[string]catalog.SystemPrice, rows []priceRow, now time.Time) error {
	type item struct {
		base   *catalog.Offer
		offers []catalog.Offer
	}
	items := map[string]*item{}
	bad := 0
	for _, r := range rows {
		offer, ok := c.offer(r)
		if !ok {
			bad++
			continue
		}
		if now.Before(offer.StartsAt) || (offer.EndsAt != nil && !now.Before(*offer.EndsAt)) {
			continue
		}
		it := items[r.SKU]
		if it == nil {
			it = &item{}
			items[r.SKU] = it
		}
		if offer.Promotion || offer.Channel != "" || offer.Tier != "" {
			it.offers = append(it.offers, offer)
		} else if it.base == nil || !offer.StartsAt.Before(it.base.StartsAt) {
			it.base = &offer
		}
	}
	if bad > 0 && bad == len(rows) {
		return retail.BadUpstream(retail.SourceERP, errors.New("erp: prices: no row is readable"))
	}
	c.metrics.Quarantine(retail.SourceERP, "price", bad)
	for sku, it := range items {
		if it.base != nil {
			prices[sku] = catalog.SystemPrice{Base: it.base.Price, Offers: it.offers, AsOf: now}
		}
	}
	return nil
}

// offer reads one condition; ok is false when it cannot be read.
func (c *Client) offer(r priceRow) (o catalog.Offer, ok bool) {
	money, err := retail.ParseMoney(r.Amount, r.Currency)
	if err != nil || money.Minor < 0 || r.Currency != c.cfg.Currency || (r.Kind != "LIST" && r.Kind != "PROMO") {
		return o, false
	}
	o = catalog.Offer{
		Promotion: r.Kind == "PROMO", Price: money,
		Titles: retail.Text{Chinese: text(r.Title), English: text(r.TitleEn)},
	}
	if o.StartsAt, err = time.Parse(time.RFC3339, r.Starts); err != nil {
		return o, false
	}
	if r.Ends != nil && *r.Ends != "" {
		ends, err := time.Parse(time.RFC3339, *r.Ends)
		if err != nil {
			return o, false
		}
		o.EndsAt = &ends
	}
	if r.Channel != "*" {
		o.Channel = retail.Channel(r.Channel)
	}
	if r.Tier != "*" {
		o.Tier = retail.MemberTier(r.Tier)
	}
	known := (r.Channel == "*" || o.Channel.Valid()) && (r.Tier == "*" || slices.Contains(retail.Tiers[:], o.Tier))
	return o, known
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
