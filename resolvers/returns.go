package resolvers

import (
	"context"

	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/returns"
)

func (r *mutationResolver) ReturnRequest(ctx context.Context, input model.ReturnRequestInput, idempotencyKey string) (*model.ReturnPayload, error) {
	return r.returnChange(ctx, input.OrderID, func(actor retail.Actor, orderID string) (*returns.Result, error) {
		return r.Returns.Request(ctx, returns.RequestReturn{
			Actor: actor, Key: idempotencyKey, OrderID: orderID, Lines: returnLines(input.Lines), Way: input.Way,
			LocationRef: valueOr(input.LocationID, ""), Reason: input.Reason,
		})
	})
}

func (r *mutationResolver) ExchangeRequest(ctx context.Context, input model.ExchangeRequestInput, idempotencyKey string) (*model.ReturnPayload, error) {
	return r.returnChange(ctx, input.OrderID, func(actor retail.Actor, orderID string) (*returns.Result, error) {
		replacements := make([]returns.Replacement, len(input.Replacements))
		for i, item := range input.Replacements {
			replacements[i] = returns.Replacement{SKU: item.SKU, Quantity: item.Quantity}
		}
		return r.Returns.Exchange(ctx, returns.RequestExchange{
			Actor: actor, Key: idempotencyKey, OrderID: orderID, Lines: returnLines(input.Lines), LocationRef: input.LocationID,
			Replacements: replacements, Reason: input.Reason,
		})
	})
}

func (r *mutationResolver) ReturnCancel(ctx context.Context, input model.ReturnCancelInput, idempotencyKey string) (*model.ReturnPayload, error) {
	return r.returnChange(ctx, input.OrderID, func(actor retail.Actor, orderID string) (*returns.Result, error) {
		return r.Returns.Cancel(ctx, actor, orderID, input.ReturnID)
	})
}

func (r *mutationResolver) ReturnReceive(ctx context.Context, input model.ReturnReceiveInput, idempotencyKey string) (*model.ReturnPayload, error) {
	return r.returnChange(ctx, input.OrderID, func(actor retail.Actor, orderID string) (*returns.Result, error) {
		return r.Returns.ReceiveInStore(ctx, returns.ReceiveGoods{
			Actor: actor, Key: idempotencyKey, OrderID: orderID, ReturnID: valueOr(input.ReturnID, ""), Lines: returnLines(input.Lines),
			LocationRef: input.LocationID,
		})
	})
}

func (r *mutationResolver) ExchangeComplete(ctx context.Context, input model.ExchangeCompleteInput, idempotencyKey string) (*model.ReturnPayload, error) {
	return r.returnChange(ctx, input.OrderID, func(actor retail.Actor, orderID string) (*returns.Result, error) {
		return r.Returns.CompleteExchange(ctx, actor, orderID, input.ReturnID)
	})
}

func (r *returnResolver) Location(ctx context.Context, obj *retail.Return) (*retail.Location, error) {
	return r.place(ctx, obj.LocationCode), nil
}

func (r *Resolver) Return() generated.ReturnResolver { return &returnResolver{r} }

type returnResolver struct{ *Resolver }
