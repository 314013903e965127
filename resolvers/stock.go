package resolvers

import (
	"context"

	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func (r *mutationResolver) StockHoldCreate(ctx context.Context, input model.StockHoldCreateInput, idempotencyKey string) (*model.StockHoldPayload, error) {
	return r.holdChange(ctx, "", func(actor retail.Actor, _ string) (*stock.Hold, []retail.Warning, error) {
		return r.Holds.Create(ctx, stock.HoldRequest{
			Actor: actor, Key: idempotencyKey, LocationRef: input.LocationID, Items: basket(input.Items), AllowPartial: input.AllowPartial,
		})
	})
}

func (r *mutationResolver) StockHoldExtend(ctx context.Context, input model.StockHoldExtendInput, idempotencyKey string) (*model.StockHoldPayload, error) {
	return r.holdChange(ctx, input.HoldID, func(actor retail.Actor, id string) (*stock.Hold, []retail.Warning, error) {
		hold, err := r.Holds.Extend(ctx, actor, id)
		return hold, nil, err
	})
}

func (r *mutationResolver) StockHoldRelease(ctx context.Context, input model.StockHoldReleaseInput, idempotencyKey string) (*model.StockHoldPayload, error) {
	return r.holdChange(ctx, input.HoldID, func(actor retail.Actor, id string) (*stock.Hold, []retail.Warning, error) {
		hold, err := r.Holds.Release(ctx, actor, id)
		return hold, nil, err
	})
}

func (r *queryResolver) StockCheck(ctx context.Context, skus []string, locationIds []string, near *retail.GeoPoint, withinKm *float64, first *int, maxAgeSeconds *int) (*stock.Check, error) {
	q := r.checkQuery(ctx, locationIds, near, valueOr(withinKm, 10), valueOr(first, 20), maxAgeSeconds)
	q.SKUs = skus
	return r.Stock.Check(ctx, q)
}

func (r *queryResolver) PickupOptions(ctx context.Context, items []*stock.BasketItem, near *retail.GeoPoint, withinKm *float64, locationIds []string, includePartial *bool, maxAgeSeconds *int, first *int) ([]*stock.PickupOption, error) {
	return r.Stock.PickupOptions(ctx, stock.PickupQuery{
		Items: basket(items), LocationRefs: locationIds, Near: near, WithinKm: valueOr(withinKm, 20),
		IncludePartial: valueOr(includePartial, true), First: valueOr(first, 10), MaxAge: seconds(maxAgeSeconds),
		Detail: detail(ctx),
	})
}

func (r *queryResolver) StockHold(ctx context.Context, id string) (*stock.Hold, error) {
	actor, err := r.actor(ctx)
	if err != nil {
		return nil, err
	}
	key, err := keyOf(retail.KindHold, id, "id")
	if err != nil {
		return absent[stock.Hold](nil, err)
	}
	return absent(r.Holds.Get(ctx, actor, key))
}
