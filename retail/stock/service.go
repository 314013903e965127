package stock

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Directory finds locations within the reach of ctx; location.Directory implements it.
type Directory interface {
	// Resolve turns global ids and codes into locations, in the order asked and without repeats; an unknown one is an error.
	Resolve(ctx context.Context, refs []string) ([]*retail.Location, error)
	// Near lists the locations within a radius that keep accepts, nearest first; keep may be nil.
	Near(
		ctx context.Context, p retail.GeoPoint, withinKm float64, limit int, keep func(*retail.Location) bool,
	) []retail.Candidate
	// Within lists every location by code; the slice must not be changed.
	Within(ctx context.Context) []*retail.Location
}

// Deps are what the service needs.
type Deps struct {
	Directory  Directory
	Projection interface {
		Read(ctx context.Context, reads []PartitionRead, skus []string) error
	}
	Layout interface{ Layout() Layout }
	// Live asks a system of record directly; a source without an entry is never asked.
	Live map[retail.Source]Live
	// Health is how a source's feed does.
	Health func(retail.Source) retail.Status
	// Queue is the number of open pick tasks at a location code.
	Queue func(code string) int
	// Now is the clock.
	Now func() time.Time
}

// Service answers questions about stock.
type Service struct {
	deps   Deps
	policy Policy
	ready  readyTimes
}

// NewService returns a service; the policy must be valid.
func NewService(policy Policy, deps Deps) *Service { return &Service{deps: deps, policy: policy} }

// CheckQuery asks for SKUs × locations.
type CheckQuery struct {
	SKUs         []string
	LocationRefs []string // global ids or codes
	Near         *retail.GeoPoint
	WithinKm     float64
	First        int
	MaxAge       *time.Duration
	// Detail discloses exact quantities and their breakdown.
	Detail bool
}

// Limits of one question.
const (
	MaxSKUs      = 100
	MaxLocations = 100
	MaxRadiusKm  = 500
	MaxAgeLimit  = 24 * time.Hour
)

// Check answers a stock check of up to MaxSKUs SKUs. It fails on bad input only; silent sources show in the answer.
func (s *Service) Check(ctx context.Context, q CheckQuery) (*Check, error) {
	return s.check(ctx, q, MaxSKUs)
}

// CheckPage is Check for the variants of a page, bounded by the pairs alone.
func (s *Service) CheckPage(ctx context.Context, q CheckQuery) (*Check, error) {
	return s.check(ctx, q, MaxPairs)
}

func (s *Service) check(ctx context.Context, q CheckQuery, maxSKUs int) (*Check, error) {
	skus, err := cleanSKUs(q.SKUs, maxSKUs)
	if err != nil {
		return nil, err
	}
	if err := checkBounds(q.First, MaxLocations, q.Near, q.WithinKm, q.MaxAge); err != nil {
		return nil, err
	}
	locs, err := s.candidates(ctx, q.LocationRefs, q.Near, q.WithinKm, q.First, nil)
	if err != nil {
		return nil, err
	}
	if len(skus)*len(locs) > MaxPairs {
		return nil, retail.Errorf(retail.CodeLimitExceeded,
			"%d SKUs at %d locations are more than %d pairs", len(skus), len(locs), MaxPairs)
	}
	now := s.deps.Now()
	g := s.read(ctx, skus, locs, q.MaxAge, now)
	return s.answer(g, now, q.Detail), nil
}

// answer builds the check in a handful of allocations, however many pairs there are.
func (s *Service) answer(g *grid, now time.Time, detail bool) *Check {
	n := len(g.cells)
	check := &Check{Items: make([]Availability, n), Locations: make([]*retail.Location, len(g.locs))}
	quantities := make([]Quantity, n)
	var breakdowns []Breakdown
	if detail {
		breakdowns = make([]Breakdown, n)
	}
	views := s.view(g, now)
	for i := range views {
		check.Locations[i] = g.locs[i].Location
	}
	check.Freshness = oldestFreshness(views)
	at := 0
	for k, sku := range g.skus {
		for i := range views {
			v := &views[i]
			b := g.cell(k, i).Promise()
			ranged := g.cell(k, i).Ranged()
			if !ranged {
				b.AvailableToPromise = 0
			}
			item := &check.Items[at]
			*item = Availability{
				Location: v.location, SKU: sku, DistanceKm: v.distanceKm, Freshness: v.freshness,
				Level: s.policy.level(ranged, v.known, b.AvailableToPromise),
			}
			mask := v.reasons
			if v.known {
				mask |= pairReasons(ranged, &b)
				item.Available = boolOf(b.AvailableToPromise > 0)
				quantities[at] = s.policy.disclose(b.AvailableToPromise, detail)
				item.Quantity = &quantities[at]
				if b.AvailableToPromise > 0 {
					item.ReadyBy = v.readyBy
				}
			}
			item.Reasons = mask.list()
			if detail && g.cell(k, i).heard() {
				breakdowns[at] = b
				item.Breakdown = &breakdowns[at]
			}
			at++
		}
	}
	return check
}

// pairReasons says why a known pair has nothing to promise.
func pairReasons(ranged bool, b *Breakdown) reasonSet {
	switch {
	case !ranged:
		return reasonBit(NotRanged)
	case b.AvailableToPromise == 0 && b.beforeSafety() > 0:
		return reasonBit(BelowSafetyStock)
	}
	return 0
}

// view is what all pairs of one location share.
type view struct {
	location   *retail.Location
	distanceKm *float64
	freshness  retail.Freshness
	known      bool
	readyBy    *time.Time
	reasons    reasonSet
}

func (s *Service) view(g *grid, now time.Time) []view {
	down := s.down()
	views := make([]view, len(g.locs))
	for i, c := range g.locs {
		m := &g.marks[i]
		v := &views[i]
		v.location, v.distanceKm = c.Location, c.DistanceKm
		v.reasons = s.sourceReasons(m, c.Location, now, &down)
		v.freshness = m.freshness(c.Location, now, v.reasons)
		_, at := m.oldest(c.Location)
		v.known = at > 0 && now.UnixMilli()-at <= s.policy.UnknownAfter.Milliseconds()
		ready := s.ready.by(s.policy, c.Location, now, s.deps.Queue(c.Location.Code))
		if ready.reason != "" {
			v.reasons |= reasonBit(ready.reason)
		} else {
			v.readyBy = &ready.at
		}
	}
	return views
}

// down tells which sources cannot be reached.
func (s *Service) down() (down [len(sources)]bool) {
	for i, source := range sources {
		down[i] = s.deps.Health(source) == retail.StatusDown
	}
	return down
}

// sourceReasons says which care the location's sources ask for: DOWN when one cannot be reached, STALE when one is late.
func (s *Service) sourceReasons(m *marks, loc *retail.Location, now time.Time, down *[len(sources)]bool) reasonSet {
	var set reasonSet
	for i := range sources {
		if !m.expects(loc, i) {
			continue
		}
		switch {
		case !m.live[i] && down[i]:
			set |= reasonBit(SourceDown)
		case s.late(m.at[i], now):
			set |= reasonBit(SourceStale)
		}
	}
	return set
}

func oldestFreshness(views []view) retail.Freshness {
	if len(views) == 0 {
		return retail.Freshness{Source: retail.SourceERP, Basis: retail.BasisProjected}
	}
	old := views[0].freshness
	for _, v := range views[1:] {
		old = older(old, v.freshness)
	}
	return old
}

// older returns the freshness that is further behind; one that was never heard is furthest.
func older(a, b retail.Freshness) retail.Freshness {
	switch {
	case a.AsOf == nil:
		return a
	case b.AsOf == nil || b.AsOf.Before(*a.AsOf):
		return b
	}
	return a
}

// InStock tells which SKUs can be promised at one of the locations at least. A place whose levels nobody knows counts as
// having none; it fails with CodeUpstreamUnavailable when that is so everywhere.
func (s *Service) InStock(ctx context.Context, skus []string, locationRefs []string) (map[string]bool, error) {
	locs, err := s.candidates(ctx, locationRefs, nil, 0, MaxLocations, nil)
	if err != nil {
		return nil, err
	}
	now := s.deps.Now()
	g := s.read(ctx, skus, locs, nil, now)
	have := make(map[string]bool, len(skus))
	views := s.view(g, now)
	if len(views) > 0 && !slices.ContainsFunc(views, func(v view) bool { return v.known }) {
		return nil, retail.Unavailable(oldestFreshness(views).Source, errors.New("stock: no location has a date young enough"))
	}
	for k, sku := range skus {
		for i := range views {
			c := g.cell(k, i)
			b := c.Promise()
			if views[i].known && c.Ranged() && b.AvailableToPromise > 0 {
				have[sku] = true
				break
			}
		}
	}
	return have, nil
}

// candidates lists the locations of a question, nearest first when a point is given. Without names or a point it is the
// preferred store of the context, else the first locations by code.
func (s *Service) candidates(
	ctx context.Context, refs []string, near *retail.GeoPoint, withinKm float64, first int, keep func(*retail.Location) bool,
) ([]retail.Candidate, error) {
	if len(refs) > MaxLocations {
		return nil, retail.Errorf(retail.CodeLimitExceeded, "at most %d locations may be named", MaxLocations)
	}
	if len(refs) == 0 && near != nil {
		return s.deps.Directory.Near(ctx, *near, withinKm, first, keep), nil
	}
	if preferred := retail.ContextOf(ctx).LocationCode; len(refs) == 0 && preferred != "" {
		refs = []string{preferred}
	}
	locs := s.deps.Directory.Within(ctx)
	if len(refs) > 0 {
		var err error
		if locs, err = s.deps.Directory.Resolve(ctx, refs); err != nil {
			return nil, err
		}
	} else {
		locs = slices.DeleteFunc(slices.Clone(locs), func(l *retail.Location) bool { return keep != nil && !keep(l) })
		locs = locs[:min(first, len(locs))]
	}
	out := make([]retail.Candidate, len(locs))
	for i, l := range locs {
		out[i].Location = l
		if near != nil {
			km := near.DistanceKm(l.Position)
			out[i].DistanceKm = &km
		}
	}
	if near != nil {
		slices.SortStableFunc(out, func(a, b retail.Candidate) int { return compareFloats(*a.DistanceKm, *b.DistanceKm) })
	}
	return out, nil
}
