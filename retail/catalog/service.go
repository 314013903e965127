package catalog

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/refresh"
)

// Config says how the catalog is kept and how much is remembered.
type Config struct {
	Refresh          time.Duration // how often the shop is asked
	MaxAge           time.Duration // an older catalog is STALE
	RememberedPrices int           // how many last known prices are remembered, over all systems
}

// DefaultConfig asks every half minute, calls ten minutes stale and remembers prices of about 60,000 SKUs.
func DefaultConfig() Config {
	return Config{Refresh: 30 * time.Second, MaxAge: 10 * time.Minute, RememberedPrices: 200_000}
}

// Validate checks the configuration.
func (c Config) Validate() error {
	switch {
	case c.Refresh <= 0 || c.MaxAge < c.Refresh:
		return errors.New("catalog: refresh must be positive and at most the maximum age")
	case c.RememberedPrices < 1:
		return errors.New("catalog: at least one price must be remembered")
	}
	return nil
}

// Stocked tells which SKUs can be promised at one of the locations at least; the stock service does.
type Stocked interface {
	InStock(ctx context.Context, skus []string, locationRefs []string) (map[string]bool, error)
}

// Deps are what the service needs.
type Deps struct {
	Products ProductSource
	ERP      PriceSource
	POS      PriceSource
	Shop     PriceSource
	Stocked  Stocked
	Log      *slog.Logger
	Now      func() time.Time // time.Now when nil
	Rand     func() float64   // uniform in [0, 1), for jitter; a seeded generator when nil
}

// Service answers questions about products and prices. It is safe for concurrent use.
type Service struct {
	config     Config
	deps       Deps
	refreshes  sync.Mutex // one at a time
	publishing sync.Mutex // of current with what is held
	held       []*retail.Reach
	current    atomic.Pointer[dated]
	known      *otter.Cache[priceKey, SystemPrice]
}

// dated is a snapshot and its date, which moves on while the shop says that nothing changed.
type dated struct {
	*snapshot
	asOf time.Time
}

// New returns a service with an empty catalog; Run or Refresh fills it. The configuration must be valid.
func New(config Config, deps Deps) *Service {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Rand == nil {
		deps.Rand = rand.Float64
	}
	s := &Service{config: config, deps: deps, known: otter.Must(&otter.Options[priceKey, SystemPrice]{
		MaximumSize: config.RememberedPrices,
		Executor:    func(task func()) { task() }, // no goroutine without an owner
	})}
	s.current.Store(&dated{snapshot: newSnapshot(&ProductList{})})
	return s
}

// Run keeps the catalog up to date until ctx ends. While the shop fails the last catalog stays in force.
func (s *Service) Run(ctx context.Context) {
	refresh.Default(s.config.Refresh, s.deps.Rand).Run(ctx, s.Refresh, func(err error, pause time.Duration) {
		s.deps.Log.LogAttrs(ctx, slog.LevelWarn, "catalog not refreshed",
			slog.String("error", err.Error()), slog.Duration("retry", pause), slog.Time("asOf", s.current.Load().asOf))
	})
}

// Refresh loads the catalog once; a catalog that has not changed only moves its date. It fails, and changes nothing, when
// the shop fails or has no product at all.
func (s *Service) Refresh(ctx context.Context) error {
	s.refreshes.Lock()
	defer s.refreshes.Unlock()
	asked, old := s.deps.Now(), s.current.Load()
	list, unchanged, err := s.deps.Products.Products(ctx, old.version)
	switch {
	case err != nil:
		return err
	case unchanged && old.version != "":
		s.current.Store(&dated{snapshot: old.snapshot, asOf: asked}) // with its views
		return nil
	case unchanged || list == nil || len(list.Products) == 0:
		return retail.BadUpstream(retail.SourceShop, errors.New("the catalog is empty"))
	}
	asOf := list.AsOf
	if asOf.IsZero() || asOf.After(asked) { // the shop's clock may be ahead
		asOf = asked
	}
	next := newSnapshot(list)
	s.publish(ctx, &dated{snapshot: next, asOf: asOf})
	if next.quarantined != old.quarantined {
		s.deps.Log.LogAttrs(ctx, slog.LevelWarn, "unreadable products left out", slog.Int("count", next.quarantined))
	}
	return nil
}

// Ready reports whether the catalog was loaded once.
func (s *Service) Ready() bool { return !s.current.Load().asOf.IsZero() }

// Quarantined is the number of products and variants that the last load left out.
func (s *Service) Quarantined() int { return s.current.Load().quarantined }

// Freshness dates the catalog: PROJECTED within the agreed age, else STALE.
func (s *Service) Freshness() retail.Freshness { return s.freshness(s.current.Load()) }

func (s *Service) freshness(c *dated) retail.Freshness {
	now := s.deps.Now()
	basis := retail.BasisProjected
	if c.asOf.IsZero() || now.Sub(c.asOf) > s.config.MaxAge {
		basis = retail.BasisStale
	}
	return retail.FreshnessAt(c.asOf, now, retail.SourceShop, basis)
}

// catalog returns the catalog in force within the reach of ctx and its date, and notes the date in the response's source log.
// Before the first load it fails, because "not found" would be a lie. Whatever a caller asks, it is asked of this one.
func (s *Service) catalog(ctx context.Context) (*dated, retail.Freshness, error) {
	c := s.current.Load()
	if c.asOf.IsZero() {
		return nil, retail.Freshness{}, retail.Unavailable(retail.SourceShop, errors.New("the catalog was never loaded"))
	}
	fresh := s.freshness(c)
	report := retail.SourceReport{Source: retail.SourceShop, Status: retail.StatusOK, AsOf: c.asOf}
	if fresh.Basis == retail.BasisStale {
		report.Status = retail.StatusStale
	}
	retail.SourceLogOf(ctx).Record(report)
	if reach := retail.ReachOf(ctx); bounds(reach) {
		c = &dated{snapshot: c.within(reach), asOf: c.asOf}
	}
	return c, fresh, nil
}
