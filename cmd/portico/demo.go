package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/redisstore"
)

// demoCmd serves the gateway over stand-in backends in this process.
type demoCmd struct {
	serverFlags
	redisFlags
	ledgerFlags
	stockFlags
	partnerFlags
	logFlags
	Trade         string `placeholder:"FILE" help:"Replay this trade file (CSV or .csv.gz, UCI Online Retail columns) instead of the built-in retailer."`
	TradeDisorder bool   `help:"Duplicate, reorder and delay the events of the backends while replaying."`
	Still         bool   `help:"Do not simulate trade, so that answers change only when somebody changes the backends."`
	Seed          uint64 `default:"1" help:"Seed of the built-in retailer, its trade and the faults."`
	Data          string `placeholder:"DIR" help:"Directory of the key that signs the demo's tokens."`
	ERPDSN        string `name:"erp-dsn" placeholder:"DSN" help:"PostgreSQL database for the demo ERP instead of SQLite; its tables are made anew."`
}

// Run serves until ctx ends.
func (c demoCmd) Run(ctx context.Context, s streams) (err error) {
	log := c.logger(s.log)
	retailer, err := c.retailer()
	if err != nil {
		return err
	}
	stand, err := demo.StartStand(ctx, retailer, demo.StandOptions{
		ERPDSN: c.ERPDSN, Seed: c.Seed, Now: time.Now, Pace: demo.DefaultShopPace(),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stand.Close()) }()
	if len(c.Redis) == 0 {
		embedded, err := redisstore.StartEmbedded()
		if err != nil {
			return err
		}
		defer embedded.Close()
		c.Redis = []string{embedded.URL()}
	}
	c.RedisPrefix = c.keyPrefix()
	client, err := redisstore.Open(c.redisFlags.config())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	tokens, err := c.tokens()
	if err != nil {
		return err
	}
	ln, err := c.listenPublic(ctx) // first, because its port may be any, and proofs name it
	if err != nil {
		return err
	}
	defer func() { _ = ln.Close() }() // the server closes it too
	tokens.trusted.url = c.base(ln)
	partners, err := c.openPartners(log, tokens.trusted.url, demoPartners(retailer)...)
	if err != nil {
		return err
	}
	dataKey, err := c.dataKey()
	if err != nil {
		return err
	}
	metrics := newRegistry()
	books, err := c.ledgerFlags.open(ctx, dataKey, log, metrics)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, books.Close()) }()
	secret := randomName() + randomName()
	g, err := newGateway(gatewayOf(c.serverFlags, c.stockFlags, retailer.Currency, introspection(graph.IntrospectionAll)), parts{
		Backends: backends{
			ERP:    sqlx.NewDb(stand.ERP.Gateway(), stand.ERP.Dialect()),
			POSURL: stand.POSURL, ShopURL: stand.ShopURL, ShopKey: stand.ShopKey, Currency: retailer.Currency,
			Timeout: c.BackendTimeout, FeedTimeout: c.FeedTimeout,
		},
		Redis: client, Prefix: c.RedisPrefix, Ledger: books, Trust: tokens.trusted, Partners: partners, HookSecret: secret, DataKey: dataKey,
		Log: log, Metrics: metrics, Now: time.Now,
	})
	if err != nil {
		return err
	}
	defer g.close()
	if err := c.networkFlags.open(ctx, g.server, log, metrics); err != nil {
		return err
	}
	stand.Connect(c.base(ln)+"/hooks/shop", []byte(secret))
	return demoRun{
		command: c, retailer: retailer, stand: stand, tokens: tokens, gateway: g, listener: ln, log: log, out: s.out, notes: s.log,
	}.run(ctx)
}

// keyPrefix is another one each time: the stand-ins start anew, with low versions, so that what an earlier demo stored
// would win over them.
func (c demoCmd) keyPrefix() string { return c.RedisPrefix + "demo-" + randomName() + ":" }

func (c demoCmd) retailer() (*demo.Retailer, error) {
	if c.Trade == "" {
		return demo.Builtin(c.Seed, time.Now()), nil
	}
	file, err := demo.OpenTrade(c.Trade)
	if err != nil {
		return nil, err
	}
	retailer, _, err := demo.FromTrade(file)
	return retailer, errors.Join(err, file.Close())
}

// tokens accept what `portico token` prints.
func (c demoCmd) tokens() (tokens, error) {
	dir, err := dataDir(c.Data)
	if err != nil {
		return tokens{}, err
	}
	key, err := auth.LoadOrCreateKey(dir)
	if err != nil {
		return tokens{}, err
	}
	return newTokens(key)
}

// tokens are signed and accepted with one key, for every role.
type tokens struct {
	issuer  *auth.Issuer
	trusted trust
}

func newTokens(key *auth.Key) (t tokens, err error) {
	config := auth.DefaultTokenConfig()
	if t.issuer, err = auth.NewIssuer(key, config, time.Now); err != nil {
		return t, err
	}
	t.trusted = trust{config: config, own: t.issuer, session: config.GuestLifetime}
	return t, t.trusted.add(auth.Roles(), key)
}

// demoRun is a demo with everything started.
type demoRun struct {
	command  demoCmd
	retailer *demo.Retailer
	stand    *demo.Stand
	tokens   tokens
	gateway  *gateway
	listener net.Listener
	log      *slog.Logger
	out      io.Writer // for programs: the line "ready URL" and the report of a replay
	notes    io.Writer // for people
}

func (d demoRun) endpoint() string { return d.command.base(d.listener) + "/graphql" }

// run keeps the backends alive, plays their trade and serves until ctx ends.
func (d demoRun) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	snapshot := make(chan struct{})
	var traded atomic.Bool
	d.gateway.alsoMissing = func() map[string]string {
		if d.command.Trade == "" || traded.Load() {
			return nil
		}
		return map[string]string{"trade": "still replaying"}
	}
	group.Go(func() error { return d.stand.Run(ctx) })
	group.Go(func() error { return d.gateway.run(ctx, d.listener, func() { close(snapshot) }) })
	group.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-snapshot:
		}
		if d.command.Trade != "" {
			if err := d.replay(ctx); err != nil {
				return err
			}
			traded.Store(true)
		}
		_, _ = fmt.Fprintf(d.out, "ready %s\n", d.endpoint())
		d.announce()
		if d.command.Trade != "" || d.command.Still {
			return nil
		}
		group.Go(func() error { return d.shop(ctx) })
		return d.simulate(ctx)
	})
	return group.Wait()
}

// admin is where the admin routes are served.
func (d demoRun) admin() string {
	if d.gateway.server.Admin == nil {
		return "nowhere"
	}
	return d.gateway.server.Admin.Addr().String()
}

// announce tells a person where everything is, apart from the one line that a program waits for.
func (d demoRun) announce() {
	_, _ = fmt.Fprintf(d.notes, `
  query page   %s/
  figures      http://%s/metrics
  break one    curl -X PUT ADDRESS -d '{"down": true}'
    ERP        %s/admin/faults
    POS        %s/admin/faults
    shop       %s/admin/faults
  see more     portico token --role associate --location S-SH01
  see less     portico token --role partner --subject maptown, or mallpad

`, d.command.base(d.listener), d.admin(), d.stand.ERPAdmin, d.stand.POSURL, d.stand.ShopURL)
}

// simulate keeps the built-in retailer's trade moving.
func (d demoRun) simulate(ctx context.Context) error {
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	backends := d.stand.Backends(client, time.Now)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	return demo.NewSim(d.retailer, &backends, d.command.Seed, demo.DefaultPace()).Run(ctx, tick.C, d.log)
}

// randomName tells one run from another.
func randomName() string {
	var b [3]byte          // short, because it is part of every key in Redis
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
