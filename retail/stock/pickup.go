package stock

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// PickupQuery asks which places can give a whole basket.
type PickupQuery struct {
	Items          []BasketItem
	LocationRefs   []string
	Near           *retail.GeoPoint
	WithinKm       float64
	IncludePartial bool
	First          int
	MaxAge         *time.Duration
	// Detail discloses exact quantities.
	Detail bool
}

// Limits of a basket.
const (
	MaxBasketLines    = 50
	MaxBasketQuantity = 9999
	MaxPickupOptions  = 50
)

// PickupOptions finds the places that can give a basket, best first: all of it before a part of it, collectable before
// not, then nearest, then soonest. Places that were not named must be stores and have at least a part.
func (s *Service) PickupOptions(ctx context.Context, q PickupQuery) ([]*PickupOption, error) {
	demand, err := sumDemand(q.Items)
	if err != nil {
		return nil, err
	}
	if err := checkBounds(q.First, MaxPickupOptions, q.Near, q.WithinKm, q.MaxAge); err != nil {
		return nil, err
	}
	limit := min(MaxLocations, MaxPairs/len(demand))
	visitable := func(l *retail.Location) bool { return l.Kind == retail.Store && l.Pickup != nil }
	locs, err := s.candidates(ctx, q.LocationRefs, q.Near, q.WithinKm, limit, visitable)
	if err != nil {
		return nil, err
	}
	if len(locs) > limit {
		return nil, retail.Errorf(retail.CodeLimitExceeded,
			"%d SKUs at %d locations are more than %d pairs", len(demand), len(locs), MaxPairs)
	}
	skus := make([]string, len(demand))
	for i, d := range demand {
		skus[i] = d.SKU
	}
	now := s.deps.Now()
	g := s.read(ctx, skus, locs, q.MaxAge, now)
	named := len(q.LocationRefs) > 0
	options := make([]*PickupOption, 0, len(locs))
	for i, v := range s.view(g, now) {
		o := s.option(g, i, v, demand, q.Detail)
		if o.Coverage == CoverageFull || (q.IncludePartial && (named || o.Coverage != CoverageNone)) {
			options = append(options, o)
		}
	}
	slices.SortStableFunc(options, compareOptions)
	return options[:min(q.First, len(options))], nil
}

// option weighs one place against the demand.
func (s *Service) option(g *grid, loc int, v view, demand []BasketItem, detail bool) *PickupOption {
	o := &PickupOption{
		Location: v.location, DistanceKm: v.distanceKm, Freshness: v.freshness,
		Lines: make([]PickupLine, len(demand)), Coverage: CoverageUnknown,
	}
	mask, got, short := v.reasons, 0, 0
	for k, d := range demand {
		c := g.cell(k, loc)
		b := c.Promise()
		if !c.Ranged() {
			b.AvailableToPromise = 0
		}
		line := &o.Lines[k]
		*line = PickupLine{
			SKU: d.SKU, Requested: d.Quantity, Reasons: reasonSet(0).list(),
			Level: s.policy.level(c.Ranged(), v.known, b.AvailableToPromise),
		}
		if !v.known {
			continue
		}
		have := min(d.Quantity, b.AvailableToPromise)
		missing := d.Quantity - have
		line.Fulfillable, line.Shortfall = s.policy.discloseLine(have, missing, detail)
		line.Reasons = pairReasons(c.Ranged(), &b).list()
		mask |= pairReasons(c.Ranged(), &b)
		got, short = got+have, short+missing
	}
	if v.known {
		switch {
		case short == 0:
			o.Coverage = CoverageFull
		case got > 0:
			o.Coverage = CoveragePartial
		default:
			o.Coverage = CoverageNone
		}
	}
	if got > 0 {
		o.ReadyBy = v.readyBy
	}
	o.Reasons = mask.list()
	return o
}

// discloseLine hides from the public how far a large stock falls short: a place that cannot cover a line beyond the
// public cap reads as having the cap, and its shortfall is not told.
func (p Policy) discloseLine(have, missing int, detail bool) (fulfillable, shortfall *int) {
	if !detail && missing > 0 && have > p.QuantityCap {
		return &p.QuantityCap, nil
	}
	return &have, &missing
}

// sumDemand adds up the lines of each SKU, in the order of their first line.
func sumDemand(items []BasketItem) ([]BasketItem, error) {
	if len(items) == 0 || len(items) > MaxBasketLines {
		return nil, retail.Errorf(retail.CodeLimitExceeded, "items must have 1 to %d lines", MaxBasketLines)
	}
	demand := make([]BasketItem, 0, len(items))
	for _, item := range items {
		item.SKU = retail.NormalizeSKU(item.SKU)
		if !retail.ValidSKU(item.SKU) {
			return nil, retail.BadInput("a SKU has 1 to %d letters, digits, '-', '_', '.' or '/'", retail.MaxSKULength)
		}
		if item.Quantity < 1 || item.Quantity > MaxBasketQuantity {
			return nil, retail.BadInput("quantity must be 1 to %d", MaxBasketQuantity)
		}
		if i := slices.IndexFunc(demand, func(d BasketItem) bool { return d.SKU == item.SKU }); i >= 0 {
			demand[i].Quantity += item.Quantity
			continue
		}
		demand = append(demand, item)
	}
	return demand, nil
}

func compareOptions(a, b *PickupOption) int {
	rank := func(o *PickupOption) int {
		return slices.Index([]Coverage{CoverageFull, CoveragePartial, CoverageUnknown, CoverageNone}, o.Coverage)
	}
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	if (a.ReadyBy == nil) != (b.ReadyBy == nil) {
		if a.ReadyBy != nil {
			return -1
		}
		return 1
	}
	if a.DistanceKm != nil && b.DistanceKm != nil && *a.DistanceKm != *b.DistanceKm {
		return cmp.Compare(*a.DistanceKm, *b.DistanceKm)
	}
	if a.ReadyBy != nil {
		if c := a.ReadyBy.Compare(*b.ReadyBy); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.Location.Code, b.Location.Code)
}
