package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the PostgreSQL driver "pgx"
	"github.com/jmoiron/sqlx"
	_ "modernc.org/sqlite" // the SQLite driver "sqlite"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/redisstore"
)

// serveCmd serves the gateway over a retailer's systems.
type serveCmd struct {
	Config string `placeholder:"FILE" help:"YAML file of settings: the names of these flags without the dashes in front."`
	serverFlags
	redisFlags
	stockFlags
	logFlags
	ERPDSN        string   `name:"erp-dsn" required:"" placeholder:"DSN" help:"ERP database: postgres://… or the path of a SQLite file."`
	ERPSQLDir     string   `name:"erp-sql-dir" placeholder:"DIR" help:"Directory whose .sql files replace the built-in ones."`
	POSURL        string   `name:"pos-url" required:"" placeholder:"URL" help:"POS head office, for example http://pos:8091."`
	ShopURL       string   `name:"shop-url" required:"" placeholder:"URL" help:"E-commerce shop, for example http://shop:8092."`
	ShopAPIKey    string   `name:"shop-api-key" placeholder:"KEY" help:"Key for the shop; better given as PORTICO_SHOP_API_KEY."`
	Currency      string   `default:"CNY" help:"Currency of all prices, ISO 4217."`
	TokenKey      []string `placeholder:"FILE" help:"PEM files with the public keys whose tokens are accepted; none serves guests only."`
	TokenIssuer   string   `default:"portico" help:"Issuer of the tokens."`
	TokenAudience string   `default:"portico" help:"Audience of the tokens."`
	Introspection bool     `help:"Serve introspection and GraphiQL."`
}

// Run serves until ctx ends.
func (c serveCmd) Run(ctx context.Context, s streams) (err error) {
	if len(c.Redis) == 0 {
		return errors.New("serve: --redis is required")
	}
	log := c.logger(s.log)
	verifier, err := c.verifier()
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
	g, err := newGateway(gatewayOf(c.serverFlags, c.stockFlags, c.Introspection), parts{
		Backends: backends{
			ERP: db, SQLDir: c.ERPSQLDir, POSURL: c.POSURL, ShopURL: c.ShopURL, ShopKey: c.ShopAPIKey, Currency: c.Currency,
			Timeout: c.BackendTimeout, FeedTimeout: c.FeedTimeout,
		},
		Redis: client, Prefix: c.RedisPrefix, Verifier: verifier, Log: log, Metrics: newRegistry(), Now: time.Now,
	})
	if err != nil {
		return err
	}
	defer g.close()
	ln, err := c.listen(ctx)
	if err != nil {
		return err
	}
	return g.run(ctx, ln, func() {
		_, _ = fmt.Fprintf(s.out, "ready http://%s/graphql\n", ln.Addr())
	})
}

// verifier accepts tokens signed by the given keys; nil without keys.
func (c serveCmd) verifier() (*auth.Verifier, error) {
	if len(c.TokenKey) == 0 {
		return nil, nil //nolint:nilnil // a server without a verifier serves guests only
	}
	keys := make([]*auth.Key, len(c.TokenKey))
	for i, path := range c.TokenKey {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("token key: %w", err)
		}
		if keys[i], err = auth.ParseKey(text); err != nil {
			return nil, fmt.Errorf("token key %s: %w", path, err)
		}
	}
	config := auth.DefaultTokenConfig()
	config.Issuer, config.Audience = c.TokenIssuer, c.TokenAudience
	return auth.NewVerifier(config, time.Now, keys...)
}

// openERP opens the ERP's database without connecting. SQLite files are opened for reading only.
func openERP(dsn string) (*sqlx.DB, error) {
	driver := "sqlite"
	switch {
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		driver = "pgx"
	case !strings.HasPrefix(dsn, "file:"):
		dsn = "file:" + dsn + "?mode=ro&_pragma=busy_timeout(2000)"
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
