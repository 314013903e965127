package resolvers

import (
	"context"

	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
)

func (r *alertResolver) Location(ctx context.Context, obj *retail.Alert) (*retail.Location, error) {
	return r.place(ctx, obj.LocationCode), nil
}

func (r *queryResolver) Alerts(ctx context.Context, open *bool, first *int, after *string) (*model.AlertConnection, error) {
	return r.alerts(ctx, open, valueOr(first, 50), after)
}

func (r *queryResolver) Events(ctx context.Context, after int, first *int) ([]*retail.Event, error) {
	if err := retail.CheckFirst(valueOr(first, 100), 500); err != nil {
		return nil, err
	}
	events, err := r.Operations.Events(ctx, int64(after), valueOr(first, 100))
	return pointers(events), err
}

func (r *Resolver) Alert() generated.AlertResolver { return &alertResolver{r} }

type alertResolver struct{ *Resolver }
