package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the PostgreSQL driver "pgx"
	"github.com/jmoiron/sqlx"
	_ "modernc.org/sqlite" // the SQLite driver "sqlite"

	"github.com/portico-retail/portico/integrations/redisstore"
)

// serveCmd serves the gateway over a retailer's systems.
type serveCmd struct {
	Config string `placeholder:"FILE" help:"YAML file of settings: the names of these flags without the dashes in front."`
	serverFlags
	redisFlags
	ledgerFlags
	stockFlags
	trustFlags
	partnerFlags
	dataFlags
	logFlags
	ERPDSN            string `name:"erp-dsn" required:"" placeholder:"DSN" help:"ERP database: postgres://… or the path of a SQLite file."`
	ERPSQLDir         string `name:"erp-sql-dir" placeholder:"DIR" help:"Directory whose .sql files replace the built-in ones."`
	POSURL            string `name:"pos-url" required:"" placeholder:"URL" help:"POS head office, for example http://pos:8091."`
	ShopURL           string `name:"shop-url" required:"" placeholder:"URL" help:"E-commerce shop, for example http://shop:8092."`
	ShopAPIKey        string `name:"shop-api-key" placeholder:"KEY" help:"Key for the shop; better given as PORTICO_SHOP_API_KEY."`
	Currency          string `default:"CNY" help:"Currency of all prices, ISO 4217."`
	ShopWebhookSecret string `placeholder:"SECRET" help:"Signs what the shop reports to /hooks/shop; better given as PORTICO_SHOP_WEBHOOK_SECRET. Without it payments and deliveries are polled."`

	Introspection introspection `default:"off" placeholder:"WHO" help:"Who may read the part of the schema that they may use: off, staff, partners (and staff), or all, which serves GraphiQL too."`
}

// Run serves until ctx ends.
func (c serveCmd) Run(ctx context.Context, s streams) (err error) {
	if len(c.Redis) == 0 {
		return errors.New("serve: --redis is required")
	}
	if c.LedgerDSN == "" {
		return errors.New("serve: --ledger-dsn is required")
	}
	log, metrics := c.logger(s.log), newRegistry()
	trusted, err := c.trust()
	if err != nil {
		return err
	}
	partners, err := c.openPartners(log, trusted.url)
	if err != nil {
		return err
	}
	dataKey, err := c.key()
	if err != nil {
		return err
	}
	db, err := openERP(c.ERPDSN)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	client, err := redisstore.Open(c.redisFlags.config())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	books, err := c.ledgerFlags.open(ctx, dataKey, log, metrics)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, books.Close()) }()
	g, err := newGateway(gatewayOf(c.serverFlags, c.stockFlags, c.Currency, c.Introspection), parts{
		Backends: backends{
			ERP: db, SQLDir: c.ERPSQLDir, POSURL: c.POSURL, ShopURL: c.ShopURL, ShopKey: c.ShopAPIKey, Currency: c.Currency,
			Timeout: c.BackendTimeout, FeedTimeout: c.FeedTimeout,
		},
		Redis: client, Prefix: c.RedisPrefix, Ledger: books, Trust: trusted, Partners: partners,
		HookSecret: c.ShopWebhookSecret, DataKey: dataKey,
		Log: log, Metrics: metrics, Now: time.Now,
	})
	if err != nil {
		return err
	}
	defer g.close()
	ln, err := c.listen(ctx, g.server, log, metrics)
	if err != nil {
		return err
	}
	return g.run(ctx, ln, func() {
		_, _ = fmt.Fprintf(s.out, "ready %s/graphql\n", c.base(ln))
	})
}

// openERP opens the ERP's database without connecting. A SQLite file must be there.
func openERP(dsn string) (*sqlx.DB, error) {
	driver := "sqlite"
	switch {
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		driver = "pgx"
	case !strings.HasPrefix(dsn, "file:"):
		dsn = "file:" + dsn + "?mode=rw&_pragma=busy_timeout(2000)"
	}
	db, err := sqlx.Open(driver, dsn)
	if err != nil {
		return nil, fmt.Errorf("erp: %w", err)
	}
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(8)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db, nil
}
