package resolvers

import (
	"context"

	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/ordering"
	"github.com/portico-retail/portico/retail/returns"
)

func (r *fulfillmentResolver) Location(ctx context.Context, obj *retail.FulfillmentOf) (*retail.Location, error) {
	return r.place(ctx, obj.LocationCode), nil
}

func (r *fulfillmentResolver) PickupCode(ctx context.Context, obj *retail.FulfillmentOf) (*model.PickupCode, error) {
	return r.pickupCode(ctx, obj)
}

func (r *mutationResolver) CheckoutComplete(ctx context.Context, input model.CheckoutCompleteInput, idempotencyKey string) (*model.OrderPayload, error) {
	return r.orderChange(ctx, "", func(actor retail.Actor, _ string) (*retail.Order, error) {
		request, err := r.checkout(ctx, actor, input, idempotencyKey)
		if err != nil {
			return nil, err
		}
		return r.Ordering.Checkout(ctx, request)
	})
}

func (r *mutationResolver) OrderPay(ctx context.Context, input model.OrderPayInput, idempotencyKey string) (*model.OrderPayload, error) {
	return r.orderChange(ctx, input.OrderID, func(actor retail.Actor, id string) (*retail.Order, error) {
		return r.Ordering.Pay(ctx, ordering.PayRequest{Actor: actor, Key: idempotencyKey, OrderID: id, Method: input.Method})
	})
}

func (r *mutationResolver) OrderCancel(ctx context.Context, input model.OrderCancelInput, idempotencyKey string) (*model.OrderPayload, error) {
	return r.orderChange(ctx, input.OrderID, func(actor retail.Actor, id string) (*retail.Order, error) {
		return r.Ordering.Cancel(ctx, actor, id)
	})
}

func (r *mutationResolver) OrderRejectionAnswer(ctx context.Context, input model.OrderRejectionAnswerInput, idempotencyKey string) (*model.OrderPayload, error) {
	return r.orderChange(ctx, input.OrderID, func(actor retail.Actor, id string) (*retail.Order, error) {
		return r.Ordering.Answer(ctx, ordering.AnswerRequest{
			Actor: actor, Key: idempotencyKey, OrderID: id, FulfillmentID: input.FulfillmentID,
			Choice: ordering.Choice(input.Choice), LocationRef: valueOr(input.LocationID, ""),
		})
	})
}

func (r *mutationResolver) OrderCollectorSet(ctx context.Context, input model.OrderCollectorSetInput, idempotencyKey string) (*model.OrderPayload, error) {
	return r.orderChange(ctx, input.OrderID, func(actor retail.Actor, id string) (*retail.Order, error) {
		collector, err := r.contact(input.Collector, "collector")
		if err != nil {
			return nil, err
		}
		return r.Ordering.SetCollector(ctx, actor, id, input.FulfillmentID, collector)
	})
}

func (r *mutationResolver) OrderCurbsideArrive(ctx context.Context, input model.OrderCurbsideArriveInput, idempotencyKey string) (*model.OrderPayload, error) {
	return r.orderChange(ctx, input.OrderID, func(actor retail.Actor, id string) (*retail.Order, error) {
		return r.Ordering.CurbsideArrived(ctx, actor, id, input.FulfillmentID, input.Spot)
	})
}

func (r *mutationResolver) PickupVerify(ctx context.Context, input model.PickupVerifyInput, idempotencyKey string) (*model.OrderPayload, error) {
	return r.orderChange(ctx, "", func(actor retail.Actor, _ string) (*retail.Order, error) {
		order, _, err := r.Ordering.VerifyCode(ctx, actor, input.LocationID, input.Code)
		return order, err
	})
}

func (r *mutationResolver) OrderReviewDecide(ctx context.Context, input model.OrderReviewDecideInput, idempotencyKey string) (*model.OrderPayload, error) {
	return r.orderChange(ctx, input.OrderID, func(actor retail.Actor, id string) (*retail.Order, error) {
		return r.Ordering.Decide(ctx, actor, id, input.Decision)
	})
}

func (r *mutationResolver) PickupHandOver(ctx context.Context, input model.PickupHandOverInput, idempotencyKey string) (*model.OrderPayload, error) {
	return r.orderChange(ctx, input.OrderID, func(actor retail.Actor, id string) (*retail.Order, error) {
		return r.Ordering.HandOver(ctx, actor, idempotencyKey, id, input.FulfillmentID, input.Code)
	})
}

func (r *orderResolver) Returnable(ctx context.Context, obj *retail.Order) ([]*returns.Returnable, error) {
	actor, err := r.actor(ctx)
	if err != nil {
		return nil, err
	}
	lines, err := r.Returns.Check(ctx, actor, obj.ID)
	return pointers(lines), err
}

func (r *orderLineResolver) Variant(ctx context.Context, obj *retail.OrderLine) (*retail.Variant, error) {
	return r.variant(ctx, obj.SKU)
}

func (r *queryResolver) Order(ctx context.Context, id *string, number *string) (*retail.Order, error) {
	return r.order(ctx, id, number)
}

func (r *queryResolver) OrdersInReview(ctx context.Context, first *int) ([]*retail.Order, error) {
	actor, err := r.actor(ctx)
	if err != nil {
		return nil, err
	}
	orders, err := r.Ordering.InReview(ctx, actor, valueOr(first, 20))
	for i := range orders {
		orders[i] = orders[i].SeenBy(actor)
	}
	return orders, err
}

func (r *queryResolver) PaymentMethods(ctx context.Context) ([]*retail.PaymentMethod, error) {
	methods, err := r.Payable.PaymentMethods(ctx)
	return pointers(methods), err
}

func (r *queryResolver) StoreOrders(ctx context.Context, locationID string, first *int) ([]*retail.Order, error) {
	actor, err := r.actor(ctx)
	if err != nil {
		return nil, err
	}
	orders, err := r.Purchases.Queue(ctx, actor, locationID, valueOr(first, 20))
	for i := range orders {
		orders[i] = orders[i].SeenBy(actor)
	}
	return orders, err
}

func (r *subscriptionResolver) OrderChanged(ctx context.Context, id string) (<-chan *retail.Order, error) {
	return r.follow(ctx, id)
}

func (r *Resolver) Fulfillment() generated.FulfillmentResolver { return &fulfillmentResolver{r} }

func (r *Resolver) Order() generated.OrderResolver { return &orderResolver{r} }

func (r *Resolver) OrderLine() generated.OrderLineResolver { return &orderLineResolver{r} }

func (r *Resolver) Subscription() generated.SubscriptionResolver { return &subscriptionResolver{r} }

type (
	fulfillmentResolver  struct{ *Resolver }
	orderResolver        struct{ *Resolver }
	orderLineResolver    struct{ *Resolver }
	subscriptionResolver struct{ *Resolver }
)
