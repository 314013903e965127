package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/graph/render"
	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/integrations/redisstore"
	"github.com/portico-retail/portico/loaders"
	"github.com/portico-retail/portico/resolvers"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
	"github.com/portico-retail/portico/retail/location"
	"github.com/portico-retail/portico/retail/ordering"
	"github.com/portico-retail/portico/retail/privacy"
	"github.com/portico-retail/portico/retail/refresh"
	"github.com/portico-retail/portico/retail/stock"
)

// parts are what a gateway is made of; serve and demo differ in how they come by them.
type parts struct {
	Backends backends
	Redis    redis.UniversalClient
	Prefix   string // of every Redis key
	Ledger   *ledger.Ledger
	Trust    trust
	Partners *watchedPartners // nil knows no partner
	// HookSecret signs what the shop reports; empty receives nothing.
	HookSecret string
	DataKey    []byte // seals copies of personal data; nil gives none
	// Wrap is purchaseParts.Wrap.
	Wrap    func(ordering.Deps) ordering.Deps
	Log     *slog.Logger
	Metrics *prometheus.Registry
	Now     func() time.Time
}

// gatewaySettings are the settings that serve and demo share.
type gatewaySettings struct {
	Policy        stock.Policy
	Terms         terms
	Feed          stock.FeedConfig
	Limits        graph.Limits   // of everybody without Policies
	Policies      graph.Policies // of each class of callers; nil charges nobody
	Sessions      graph.Rate     // of guests that a household opens; the zero Rate bounds nobody
	Server        graph.ServerConfig
	Sockets       graph.SocketConfig // zero means the usual ones; none of them in all serves none
	Introspection graph.Introspection
	MaxInFlight   int           // operations executed at the same time; 0 leaves it to graph
	Refresh       time.Duration // of locations and products
	Documents     graph.DocumentOptions
}

// gateway is everything that runs.
type gateway struct {
	clients   clients
	directory *location.Directory
	catalog   *catalog.Service
	keeper    *stock.Keeper
	identity  identity
	partners  *watchedPartners
	feeds     stock.Feeds
	purchase  *purchase
	handler   *graph.Handler
	server    *graph.Server
	log       *slog.Logger
	// alsoMissing adds to what readiness waits for; may be nil.
	alsoMissing func() map[string]string
}

// newRegistry returns a registry with the figures of the process.
func newRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// newGateway joins the parts. Nothing runs yet and no backend needs to be alive.
func newGateway(s gatewaySettings, p parts) (*gateway, error) {
	if err := errors.Join(s.Policy.Validate(), s.Terms.validate(), s.Feed.Validate(), s.Limits.Validate(), s.Server.Validate()); err != nil {
		return nil, err
	}
	store := redisstore.New(p.Redis, p.Prefix, p.Metrics)
	g := &gateway{log: p.Log, keeper: stock.NewKeeper(store)}
	c, err := p.Backends.connect(p.Metrics, g.places, p.Now)
	if err != nil {
		return nil, err
	}
	g.clients, g.partners = c, p.Partners
	if p.Partners != nil {
		p.Trust.partners, p.Partners.prepare = p.Partners.registry, g.hold
	}
	limiter := rates{redisstore.NewRates(p.Redis, p.Prefix)}
	sessions, err := graph.NewPace(limiter, s.Sessions, p.Now)
	if err != nil {
		return nil, err
	}
	g.identity, err = newIdentity(p.Trust, identityParts{
		Pace:   sessions.Allow,
		Ledger: p.Ledger, Redis: p.Redis, Prefix: p.Prefix, Log: p.Log, Metrics: p.Metrics, Random: rand.Float64, Now: p.Now,
	})
	if err != nil {
		return nil, err
	}
	g.directory = location.New(
		location.Config{Refresh: s.Refresh, MaxAge: 10 * s.Refresh},
		location.Deps{Source: c.erp, Log: p.Log, Now: p.Now},
	)
	for _, f := range []struct {
		name   retail.Source
		source stock.Source
	}{{retail.SourceERP, c.erp}, {retail.SourcePOS, c.pos}, {retail.SourceShop, c.shop}} {
		g.feeds = append(g.feeds, stock.NewFeed(f.name, s.Feed, stock.FeedDeps{
			Source: f.source, Projection: store, Layout: g.keeper.Layout,
			Now: p.Now, Random: rand.Float64, Log: p.Log, Registerer: p.Metrics,
		}))
	}
	stocks := stock.NewService(s.Policy, stock.Deps{
		Directory: g.directory, Projection: store, Layout: g.keeper, Health: g.feeds.Status, Queue: g.feeds.Queue, Now: p.Now,
		Live: map[retail.Source]stock.Live{retail.SourceERP: c.erp, retail.SourcePOS: c.pos, retail.SourceShop: c.shop},
	})
	g.catalog = catalog.New(
		catalog.Config{
			Refresh: s.Refresh, MaxAge: 10 * s.Refresh, RememberedPrices: catalog.DefaultConfig().RememberedPrices,
		},
		catalog.Deps{Products: c.shop, ERP: c.erp, POS: c.pos, Shop: c.shop, Stocked: stocks, Log: p.Log, Now: p.Now},
	)
	sells := purchaseParts{
		Clients: c, Ledger: p.Ledger, Store: store, Directory: g.directory, Catalog: g.catalog, Stock: stocks,
		Wrap: p.Wrap, Now: p.Now, Log: p.Log, Reg: p.Metrics,
	}
	g.purchase = newPurchase(s.Terms, sells)
	requests, err := newRequests(s.Terms.Requests, g.purchase, sells, p.DataKey, newEndSessions(g.identity.revoker, p.Trust))
	if err != nil {
		return nil, err
	}
	served := graph.WithoutDefer(generated.NewExecutableSchema(generated.Config{}).Schema())
	consents := privacy.NewConsents(p.Ledger, p.Now)
	answers := &resolvers.Resolver{
		Catalog: g.catalog, Locations: g.directory, Stock: stocks, Holds: g.purchase.holds, Carts: g.purchase.carts,
		Sourcing: g.purchase.sourcing, Ordering: g.purchase.ordering, Returns: g.purchase.returns, Purchases: g.purchase.purchases,
		Watch:   g.purchase.watch,
		Members: g.purchase.members, Care: g.purchase.care, Requests: requests, Payable: c.shop, Operations: p.Ledger,
		Sessions: g.identity.sessions, Revoker: g.identity.revoker,
		Phone: e164, Currency: p.Backends.Currency, Schema: served,
		Consents: consents,
	}
	config := generated.Config{
		Schema:    served,
		Resolvers: answers,
		Directives: generated.DirectiveRoot{
			HasScope: auth.HasScope[graphql.Resolver], HasRole: auth.HasRole[graphql.Resolver], Personal: auth.Personal[graphql.Resolver],
		},
	}
	schema := generated.NewExecutableSchema(config)
	services := loaders.Services{Prices: g.catalog, Stock: stocks, Ratings: g.purchase.care, Consents: consents}
	handler, err := graph.NewHandler(schema, p.Log, p.Metrics, graph.HandlerOptions{
		Limits: s.Limits, Policies: s.Policies, Limiter: limiter,
		Introspection: s.Introspection, MaxInFlight: s.MaxInFlight, Now: p.Now, Answers: p.Ledger, Personal: personalOf(answers, p.Ledger),
		View: func(part *ast.Schema) graphql.ExecutableSchema {
			seen := config
			seen.Schema = part
			return generated.NewExecutableSchema(seen)
		},
		Documents: s.Documents,
		Attach:    func(ctx context.Context) context.Context { return loaders.Attach(ctx, services) },
		Fields:    render.New(schema.Schema(), (*stock.Check)(nil), []*stock.PickupOption(nil), []*stock.Availability(nil)),
	})
	if err != nil {
		return nil, err
	}
	g.handler = handler
	sockets, err := g.sockets(s.Sockets, p)
	if err != nil {
		return nil, err
	}
	g.server = &graph.Server{
		Config: s.Server, GraphQL: handler, Hooks: g.purchase.hooks(p.HookSecret, p.Now), Verifier: g.identity.verifier, Ready: g.unready,
		Sockets: sockets, Metrics: p.Metrics, Registerer: p.Metrics, Log: p.Log, Now: p.Now,
	}
	return g, nil
}

// unready says what keeps the gateway from being ready, by name.
func (g *gateway) unready(context.Context) map[string]string {
	missing := g.missing()
	if g.alsoMissing != nil {
		maps.Copy(missing, g.alsoMissing())
	}
	return missing
}

// missing says what the gateway still has to load, by name.
func (g *gateway) missing() map[string]string {
	missing := map[string]string{}
	if !g.directory.Ready() {
		missing["locations"] = "never loaded from the ERP"
	}
	if !g.catalog.Ready() {
		missing["catalog"] = "never loaded from the shop"
	}
	if len(g.keeper.Layout()) == 0 {
		missing["layout"] = "not stored in Redis yet"
	}
	if len(g.keeper.Layout()) > 0 && !g.purchase.holds.Ready() {
		missing["holds"] = "not counted in Redis yet"
	}
	for _, f := range g.feeds {
		if !f.Ready() {
			missing["stock of "+string(f.Health().Source)] = "snapshot not complete"
		}
	}
	return missing
}

// documentsPoll is the pause between two looks at the documents of client apps.
const documentsPoll = 2 * time.Second

// run serves on ln and keeps everything up to date until ctx ends. It calls ready once, when nothing is missing.
func (g *gateway) run(ctx context.Context, ln net.Listener, ready func()) error {
	if err := g.identity.begin(ctx); err != nil {
		return errors.Join(err, ln.Close())
	}
	if g.partners != nil {
		g.hold(ctx, g.partners.registry.Reaches())
	}
	heads := &auditHeads{ledger: g.purchase.ledger, log: g.log}
	defer heads.tell(ctx) // when the last request has been answered
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { g.identity.run(ctx); return nil })
	group.Go(func() error { g.partners.run(ctx); return nil })
	group.Go(func() error { g.directory.Run(ctx); return nil })
	group.Go(func() error { g.catalog.Run(ctx); return nil })
	group.Go(func() error { g.keepLayout(ctx); return nil })
	group.Go(func() error { g.checkERP(ctx); return nil })
	group.Go(func() error {
		// A fact of a location without a place has nowhere to go.
		if g.await(ctx, func() bool { return len(g.keeper.Layout()) > 0 }) {
			return g.feeds.Run(ctx)
		}
		return nil
	})
	group.Go(func() error { return g.purchase.run(ctx) })
	group.Go(func() error {
		tick := time.NewTicker(headEvery)
		defer tick.Stop()
		heads.run(ctx, tick.C)
		return nil
	})
	group.Go(func() error {
		tick := time.NewTicker(documentsPoll)
		defer tick.Stop()
		g.handler.WatchDocuments(ctx, tick.C)
		return nil
	})
	group.Go(func() error { return g.server.Serve(ctx, ln) })
	if g.server.Certificate != nil {
		group.Go(func() error { g.server.Certificate.Run(ctx, graph.CertificateEvery); return nil })
	}
	group.Go(func() error {
		if g.await(ctx, func() bool { return len(g.missing()) == 0 }) {
			ready()
		}
		return nil
	})
	return group.Wait()
}

// hold makes what partners see before they ask.
func (g *gateway) hold(ctx context.Context, reaches []*retail.Reach) {
	g.directory.Hold(ctx, reaches)
	g.catalog.Hold(ctx, reaches)
}

// checkERP says in a sentence which SQL file does not fit the ERP, once the ERP answers at all.
func (g *gateway) checkERP(ctx context.Context) {
	if !g.await(ctx, g.directory.Ready) {
		return
	}
	if err := g.clients.erp.Check(ctx); err != nil && ctx.Err() == nil {
		g.log.ErrorContext(ctx, "the ERP does not fit its SQL files", "error", err)
	}
}

// keepLayout gives new locations their places, and a store that lost the layout its layout back.
func (g *gateway) keepLayout(ctx context.Context) {
	loop := refresh.Loop{
		Every: 2 * time.Second, Timeout: 5 * time.Second,
		RetryMin: 50 * time.Millisecond, RetryMax: 2 * time.Second, Rand: rand.Float64,
	}
	loop.Run(ctx, func(ctx context.Context) error {
		if !g.directory.Ready() {
			return errors.New("no locations yet")
		}
		return g.keeper.Cover(ctx, g.directory.All())
	}, func(err error, _ time.Duration) { g.log.DebugContext(ctx, "layout not stored", "error", err) })
}

// await waits until done; false when ctx ends before.
func (g *gateway) await(ctx context.Context, done func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// places lists the codes of all locations.
func (g *gateway) places() []string {
	all := g.directory.All()
	codes := make([]string, len(all))
	for i, l := range all {
		codes[i] = l.Code
	}
	return codes
}

func (g *gateway) close() { g.clients.close() }
