package resolvers

import (
	"context"

	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/location"
)

func (r *locationResolver) OpenNow(ctx context.Context, obj *retail.Location) (bool, error) {
	return r.Locations.OpenNow(obj), nil
}

func (r *queryResolver) Locations(ctx context.Context, near *retail.GeoPoint, withinKm *float64, kinds []retail.LocationKind, services []retail.PickupService, first *int, after *string) (*location.Connection, error) {
	return r.Resolver.Locations.List(ctx, location.Query{
		Near: near, WithinKm: withinKm, Kinds: kinds, Services: services, First: valueOr(first, 20), After: valueOr(after, ""),
	})
}

func (r *Resolver) Location() generated.LocationResolver { return &locationResolver{r} }

type locationResolver struct{ *Resolver }
