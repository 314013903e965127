// Package erp uses the retailer's ERP through SQL: it reads places, balances, price conditions, customers, points and
// coupons, and writes customers, points and the use of coupons. The statements lie in sql/*.sql and are all that an
// integrator replaces for another ERP; README.md says how. Every call goes through an upstream.Guard,
// and a row that cannot be read is left out and counted, never guessed.
//
// Read query.go first, then stock.go; exec.go is the same for writes.
package erp

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
	"github.com/portico-retail/portico/retail/location"
	"github.com/portico-retail/portico/retail/stock"
)

var (
	_ location.Source     = (*Client)(nil)
	_ stock.Source        = (*Client)(nil)
	_ stock.Live          = (*Client)(nil)
	_ catalog.PriceSource = (*Client)(nil)
)

// Config describes the ERP. A zero field means its default.
type Config struct {
	// Live bounds the calls that a shopper waits for, Feed those of the background feed (Timeout 10 s by default), Write
	// those that change something; they bear being repeated (Timeout 5 s by default).
	Live, Feed, Write upstream.Config
	// SQLDir is a directory whose files replace those of sql/; a file that it lacks stays as it is. Default none.
	SQLDir string
	// Currency is the only one that prices may have, ISO 4217. Default CNY.
	Currency string
	// PageRows is how many balances a poll reads, 1 to 50,000. Default 5,000.
	PageRows int
}

func (c Config) withDefaults() Config {
	if c.Feed.Timeout == 0 {
		c.Feed.Timeout = 10 * time.Second
	}
	if c.Write.Timeout == 0 {
		c.Write.Timeout = 5 * time.Second
	}
	if c.Currency == "" {
		c.Currency = "CNY"
	}
	if c.PageRows == 0 {
		c.PageRows = 5000
	}
	return c
}

// Validate says which field is out of bounds.
func (c Config) Validate() error {
	c = c.withDefaults()
	if len(c.Currency) != 3 {
		return fmt.Errorf("erp: Currency %q is not an ISO 4217 code", c.Currency)
	}
	if c.PageRows < 1 || c.PageRows > 50_000 {
		return fmt.Errorf("erp: PageRows %d is not within 1 to 50000", c.PageRows)
	}
	if err := c.Live.Validate(); err != nil {
		return fmt.Errorf("erp: Live: %w", err)
	}
	if err := c.Feed.Validate(); err != nil {
		return fmt.Errorf("erp: Feed: %w", err)
	}
	if err := c.Write.Validate(); err != nil {
		return fmt.Errorf("erp: Write: %w", err)
	}
	return nil
}

// Client uses one ERP. It is safe for concurrent use.
type Client struct {
	cfg     Config
	db      *sqlx.DB
	queries map[string]string
	metrics *upstream.Metrics
	now     func() time.Time
	live    *upstream.Guard
	feed    *upstream.Guard
	write   *upstream.Guard
}

// New returns a client of the ERP behind db, which the caller closes. It does not connect; an error is about cfg.
func New(cfg Config, db *sqlx.DB, m *upstream.Metrics, now func() time.Time) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	queries, err := loadQueries(cfg.SQLDir)
	if err != nil {
		return nil, err
	}
	return &Client{
		// Unsafe lets an integrator's query return columns that nobody asked for; missing ones are refused in query.
		cfg: cfg, db: db.Unsafe(), queries: queries, metrics: m, now: now,
		live:  upstream.New(cfg.Live, retail.SourceERP, "live", m),
		feed:  upstream.New(cfg.Feed, retail.SourceERP, "feed", m),
		write: upstream.New(cfg.Write, retail.SourceERP, "write", m),
	}, nil
}

// Status is DOWN while live calls are refused or the feed's are.
func (c *Client) Status() retail.Status {
	if c.live.Status() == retail.StatusDown {
		return retail.StatusDown
	}
	return c.feed.Status()
}

// Check runs every query once for next to no rows, lets the database read every other statement without running it, and
// says in a sentence which one fails or lacks a column.
func (c *Client) Check(ctx context.Context) error {
	none := []string{""}
	checks := []struct {
		file string
		row  reflect.Type
		args map[string]any
	}{
		{"locations", reflect.TypeFor[locationRow](), nil},
		{"hours", reflect.TypeFor[hoursRow](), nil},
		{"holidays", reflect.TypeFor[holidayRow](), map[string]any{"from": "9999-12-31"}},
		{"stock_feed", reflect.TypeFor[balanceRow](), map[string]any{"after": 0, "limit": 1}},
		{"stock_now", reflect.TypeFor[balanceRow](), map[string]any{"locations": none, "skus": none}},
		{"stock_marks", reflect.TypeFor[markRow](), nil},
		{"prices", reflect.TypeFor[priceRow](), map[string]any{"skus": none}},
		{"customers", reflect.TypeFor[customerRow](), map[string]any{
			"number": "", "reference": "", "phone": "", "union_id": "", "card": "", "account": "", "now": instant(c.now()),
		}},
		{"tier_rules", reflect.TypeFor[tierRow](), nil},
		{"points", reflect.TypeFor[pointsRow](), map[string]any{"number": "", "limit": 1}},
		{"coupons", reflect.TypeFor[couponRow](), map[string]any{"customer": "", "coupon": "", "limit": 1}},
	}
	for _, check := range checks {
		err := c.prepare(ctx, check.file, check.args)
		if err == nil {
			_, err = upstream.Do(ctx, c.feed, "check", func(ctx context.Context) (struct{}, error) {
				return struct{}{}, c.run(ctx, check.file, check.row, check.args, func(*sqlx.Rows) error { return nil })
			})
		}
		if err != nil {
			return fmt.Errorf("erp: the query %s.sql cannot be used: %w", check.file, err)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(writes)) {
		if err := c.checkWrite(ctx, file); err != nil {
			return fmt.Errorf("erp: the statement %s.sql cannot be used: %w", file, err)
		}
	}
	return nil
}
