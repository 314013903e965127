package sourcing

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/portico-retail/portico/retail"
)

// Candidates lists the places that may deliver by the method to the address, nearest first and then by code: for
// INSTANT_DELIVERY the stores and front warehouses near it that offer it, for SHIPPING warehouses and the stores near it.
// Without a known position there is nobody for the one and only warehouses for the other. It says nothing about stock or
// opening hours. Methods that visit have no candidates: the shopper chose.
func (s *Service) Candidates(
	ctx context.Context, method retail.FulfillmentMethod, address *retail.DeliveryAddress,
) []*retail.Location {
	switch method {
	case retail.MethodInstant:
		return s.hubs(ctx, positionOf(address))
	case retail.MethodShipping:
		return s.shippers(ctx, positionOf(address))
	}
	return nil
}

// positionOf is nil when nobody knows where the address lies.
func positionOf(a *retail.DeliveryAddress) *retail.GeoPoint {
	if a == nil || a.Position == nil || !a.Position.Valid() {
		return nil
	}
	return a.Position
}

func (s *Service) hubs(ctx context.Context, at *retail.GeoPoint) []*retail.Location {
	if at == nil {
		return nil
	}
	return places(s.deps.Places.Near(ctx, *at, s.config.InstantKm, s.config.NearbyPlaces, func(l *retail.Location) bool {
		picks := l.Kind == retail.FrontWarehouse || (l.Kind == retail.Store && l.Pickup != nil)
		return picks && l.Offers(retail.ServiceInstant)
	}))
}

func (s *Service) shippers(ctx context.Context, at *retail.GeoPoint) []*retail.Location {
	var list []*retail.Location
	for _, l := range s.deps.Places.Within(ctx) {
		if l.Kind == retail.Warehouse {
			list = append(list, l)
		}
	}
	byDistance(list, at)
	list = list[:min(maxWarehouses, len(list))]
	if at != nil && s.config.ShipFromStores && s.config.ShipKm > 0 {
		near := s.deps.Places.Near(ctx, *at, s.config.ShipKm, s.config.NearbyPlaces, func(l *retail.Location) bool {
			return l.Kind == retail.Store && l.Pickup != nil
		})
		list = append(list, places(near)...)
		byDistance(list, at)
	}
	return list
}

func places(candidates []retail.Candidate) []*retail.Location {
	list := make([]*retail.Location, 0, len(candidates))
	for _, c := range candidates {
		list = append(list, c.Location)
	}
	return list
}

func byDistance(list []*retail.Location, at *retail.GeoPoint) {
	slices.SortFunc(list, func(a, b *retail.Location) int {
		return cmp.Or(cmp.Compare(distance(at, a), distance(at, b)), cmp.Compare(a.Code, b.Code))
	})
}

// distance is 0 when nobody knows where the address lies, so that it decides nothing. It is cut to metres, so that the
// last bit of a float never decides either.
func distance(at *retail.GeoPoint, l *retail.Location) float64 {
	if at == nil {
		return 0
	}
	return math.Round(at.DistanceKm(l.Position)*1000) / 1000
}
