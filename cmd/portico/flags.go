package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/integrations/redisstore"
	"github.com/portico-retail/portico/retail/stock"
)

// logFlags say how to log. Logs go to stderr.
type logFlags struct {
	LogLevel  string `enum:"debug,info,warn,error" default:"${logLevel}" help:"Least level that is logged."`
	LogFormat string `enum:"text,json" default:"json" help:"Form of the log."`
}

func (f logFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.LogLevel)) // kong has checked it
	options := &slog.HandlerOptions{Level: level}
	if f.LogFormat == "text" {
		return slog.New(graph.ScrubHandler(slog.NewTextHandler(w, options)))
	}
	return slog.New(graph.ScrubHandler(slog.NewJSONHandler(w, options)))
}

// redisFlags say where Redis is.
type redisFlags struct {
	Redis        []string `placeholder:"URL" help:"Redis: redis:// or rediss:// URLs or host:port; several are the seeds of a cluster."`
	RedisCluster bool     `help:"The single Redis address is a seed of a cluster."`
	RedisPrefix  string   `help:"Start of every key, for several gateways on one Redis."`
}

func (f redisFlags) config() redisstore.Config {
	c := redisstore.DefaultConfig()
	c.URLs, c.Cluster, c.Prefix = f.Redis, f.RedisCluster, f.RedisPrefix
	return c
}

// ledgerFlags say where the gateway's own store is.
type ledgerFlags struct {
	LedgerDSN string `name:"ledger-dsn" placeholder:"DSN" help:"Ledger of orders, holds and members: postgres://… or the path of a SQLite file."`
	AuditKey  string `placeholder:"FILE" help:"File with 64 hexadecimal digits or more, the same for all gateways of a ledger: makes the audit log, so that whoever can write the ledger cannot forge it. A log that was begun with another, or none, needs portico audit rekey first."`
}

// open opens the ledger; dataKey may be nil.
func (f ledgerFlags) open(ctx context.Context, dataKey []byte, log *slog.Logger, reg prometheus.Registerer) (*ledger.Ledger, error) {
	key, err := auditKeyOf(f.AuditKey)
	if err != nil {
		return nil, err
	}
	return ledger.Open(ctx, ledger.Config{DSN: f.LedgerDSN, Now: time.Now, AuditKey: key, DataKey: dataKey, Log: log, Registerer: reg})
}

// stockFlags are the retailer's decisions about stock answers and what is unlike in an order.
type stockFlags struct {
	riskFlags
	StockLow          int           `default:"${lowStock}" help:"Highest quantity that reads LOW_STOCK."`
	StockQuantityCap  int           `default:"${quantityCap}" help:"Highest quantity that the public reads exactly."`
	StockStaleAfter   time.Duration `default:"${staleAfter}" help:"Age from which an answer is marked stale."`
	StockUnknownAfter time.Duration `default:"${unknownAfter}" help:"Age from which a level reads UNKNOWN."`
	StockPickers      int           `default:"${pickers}" help:"Pick tasks that a place works on at the same time."`
	FeedInterval      time.Duration `default:"${feedInterval}" help:"Pause between polls of a backend that has no more to tell."`
	FeedTimeout       time.Duration `default:"5s" help:"Time for one poll of a backend."`
	RefreshInterval   time.Duration `default:"30s" help:"How often locations and products are read again."`
}

// serverFlags say how the gateway meets its clients.
type serverFlags struct {
	Addr           string        `default:"127.0.0.1:8080" help:"Address to listen on."`
	RequestTimeout time.Duration `default:"${requestTimeout}" help:"Time for one request."`
	MaxInFlight    int           `default:"0" help:"Operations executed at the same time, half of them at most for strangers; 0 means 16 per processor."`
	BackendTimeout time.Duration `default:"1s" help:"Time for one call to a backend that a client waits for."`
	Origin         []string      `placeholder:"URL" help:"Web origins whose pages may read responses."`
	DrainDelay     time.Duration `default:"${drainDelay}" help:"Time from turning unready to no longer accepting, for balancers to notice."`
	networkFlags
	documentFlags
	limitFlags
}

// introspection is who may read the schema. "true" and "false" are "all" and "off".
type introspection graph.Introspection

// UnmarshalText reads the setting.
func (i *introspection) UnmarshalText(text []byte) error {
	mode := graph.Introspection(text)
	switch mode {
	case "true":
		mode = graph.IntrospectionAll
	case "false":
		mode = graph.IntrospectionOff
	}
	*i = introspection(mode)
	return mode.Validate()
}

// gatewayOf turns flags into settings of the gateway; with introspection for all it shows GraphiQL.
func gatewayOf(server serverFlags, s stockFlags, currency string, mode introspection) gatewaySettings {
	open := graph.Introspection(mode) == graph.IntrospectionAll
	policy := stock.Policy{
		LowStock: s.StockLow, QuantityCap: s.StockQuantityCap, Pickers: s.StockPickers,
		StaleAfter: s.StockStaleAfter, UnknownAfter: s.StockUnknownAfter,
	}
	g := gatewaySettings{
		Policy: policy, Terms: termsOf(currency, policy), Feed: stock.DefaultFeedConfig(), Limits: graph.DefaultLimits(),
		Server: graph.DefaultServerConfig(), Introspection: graph.Introspection(mode),
		MaxInFlight: server.MaxInFlight, Refresh: s.RefreshInterval, Documents: server.options(),
	}
	s.riskFlags.set(&g.Terms.Ordering)
	g.Feed.Interval = s.FeedInterval
	g.Limits.Timeout = server.RequestTimeout
	g.Policies = server.policies(server.MaxInFlight, server.RequestTimeout)
	g.Sessions = g.Policies.GuestSessions()
	server.set(&g.Server, &g.Sockets)
	g.Server.Explorer, g.Server.Origins, g.Server.DrainDelay = open, server.Origin, server.DrainDelay
	return g
}
