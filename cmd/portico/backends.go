package main

import (
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/integrations/erp"
	"github.com/portico-retail/portico/integrations/pos"
	"github.com/portico-retail/portico/integrations/shop"
	"github.com/portico-retail/portico/integrations/upstream"
)

// backends are the addresses of the three systems of record.
type backends struct {
	ERP              *sqlx.DB
	SQLDir           string
	POSURL           string
	ShopURL, ShopKey string
	Currency         string
	Timeout          time.Duration // of one call that a client waits for
	FeedTimeout      time.Duration // of one call of the feed
}

// clients are the adapters of the three systems.
type clients struct {
	erp  *erp.Client
	pos  *pos.Client
	shop *shop.Client
}

// connect makes the adapters without reaching out to the systems. places lists the location codes that the shop serves.
func (b backends) connect(reg prometheus.Registerer, places func() []string, now func() time.Time) (c clients, err error) {
	m := upstream.NewMetrics(reg)
	live, feed := upstream.Config{Timeout: b.Timeout}, upstream.Config{Timeout: b.FeedTimeout}
	c.erp, err = erp.New(erp.Config{Live: live, Feed: feed, SQLDir: b.SQLDir, Currency: b.Currency}, b.ERP, m, now)
	if err != nil {
		return c, err
	}
	c.pos, err = pos.New(pos.Config{
		HTTP: upstream.HTTPConfig{URL: b.POSURL}, Live: live, Feed: feed, Currency: b.Currency,
	}, m, now)
	if err != nil {
		return c, err
	}
	c.shop, err = shop.New(shop.Config{
		HTTP: upstream.HTTPConfig{URL: b.ShopURL}, APIKey: b.ShopKey, Live: live, Feed: feed, Currency: b.Currency,
	}, places, m, now)
	return c, err
}

func (c clients) close() {
	c.pos.Close()
	c.shop.Close()
}
