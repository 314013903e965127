package resolvers

import (
	"context"

	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// holdChange runs a change of a hold, named by a global id or not at all, and makes its payload.
func (r *Resolver) holdChange(
	ctx context.Context, id string, change func(actor retail.Actor, id string) (*stock.Hold, []retail.Warning, error),
) (*model.StockHoldPayload, error) {
	payload := &model.StockHoldPayload{Warnings: []*retail.Warning{}}
	actor, err := r.actor(ctx)
	if err == nil && id != "" {
		id, err = keyOf(retail.KindHold, id, "holdId")
	}
	if err == nil {
		var warnings []retail.Warning
		payload.Hold, warnings, err = change(actor, id)
		payload.Warnings = told(warnings)
	}
	payload.UserErrors, err = r.refused(ctx, err)
	return payload, err
}

// held is what the caller holds; nothing while nobody can say: the rest of the answer is good without it.
func (r *Resolver) held(ctx context.Context) retail.Held {
	actor, err := r.actor(ctx)
	if err != nil || !actor.Known() {
		return nil
	}
	held, err := r.Holds.Held(ctx, actor.Key())
	if err != nil {
		return nil
	}
	return held
}
