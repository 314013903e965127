package resolvers

import (
	"context"
	"fmt"

	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/location"
)

func (r *locationResolver) OpenNow(ctx context.Context, obj *retail.Location) (bool, error) {
	panic(fmt.Errorf("not implemented: OpenNow - openNow"))
}

func (r *queryResolver) Locations(ctx context.Context, near *retail.GeoPoint, withinKm *float64, kinds []retail.LocationKind, services []retail.PickupService, first *int, after *string) (*location.Connection, error) {
	panic(fmt.Errorf("not implemented: Locations - locations"))
}

func (r *Resolver) Location() generated.LocationResolver { return &locationResolver{r} }

type locationResolver struct{ *Resolver }
