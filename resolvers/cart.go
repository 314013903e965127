package resolvers

import (
	"context"

	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/cart"
)

func (r *cartLineResolver) Variant(ctx context.Context, obj *retail.PricedLine) (*retail.Variant, error) {
	return r.variant(ctx, obj.SKU)
}

func (r *cartLineResolver) Location(ctx context.Context, obj *retail.PricedLine) (*retail.Location, error) {
	return r.place(ctx, obj.LocationCode), nil
}

func (r *cartProblemResolver) Location(ctx context.Context, obj *retail.CartProblem) (*retail.Location, error) {
	return r.place(ctx, obj.LocationCode), nil
}

func (r *mutationResolver) CartCreate(ctx context.Context, input model.CartCreateInput, idempotencyKey string) (*model.CartPayload, error) {
	return r.cartChange(ctx, "", func(actor retail.Actor, _ string) (*retail.PricedCart, []retail.Warning, error) {
		c, warnings, err := r.Carts.Create(ctx, actor, idempotencyKey)
		if err != nil || len(input.Lines) == 0 {
			return c, warnings, err
		}
		return r.Carts.AddLines(ctx, actor, idempotencyKey, c.ID, nil, cartLines(input.Lines))
	})
}

func (r *mutationResolver) CartLinesAdd(ctx context.Context, input model.CartLinesAddInput, idempotencyKey string) (*model.CartPayload, error) {
	return r.cartChange(ctx, input.CartID, func(actor retail.Actor, id string) (*retail.PricedCart, []retail.Warning, error) {
		return r.Carts.AddLines(ctx, actor, idempotencyKey, id, input.ExpectedVersion, cartLines(input.Lines))
	})
}

func (r *mutationResolver) CartLinesUpdate(ctx context.Context, input model.CartLinesUpdateInput, idempotencyKey string) (*model.CartPayload, error) {
	return r.cartChange(ctx, input.CartID, func(actor retail.Actor, id string) (*retail.PricedCart, []retail.Warning, error) {
		updates := make([]cart.LineUpdate, len(input.Lines))
		for i, l := range input.Lines {
			updates[i] = cart.LineUpdate{LineID: l.LineID, Quantity: l.Quantity, Method: l.Method, LocationRef: l.LocationID}
		}
		return r.Carts.UpdateLines(ctx, actor, idempotencyKey, id, input.ExpectedVersion, updates)
	})
}

func (r *mutationResolver) CartLinesRemove(ctx context.Context, input model.CartLinesRemoveInput, idempotencyKey string) (*model.CartPayload, error) {
	return r.cartChange(ctx, input.CartID, func(actor retail.Actor, id string) (*retail.PricedCart, []retail.Warning, error) {
		return r.Carts.RemoveLines(ctx, actor, idempotencyKey, id, input.ExpectedVersion, input.LineIds)
	})
}

func (r *mutationResolver) CartFulfillmentSet(ctx context.Context, input model.CartFulfillmentSetInput, idempotencyKey string) (*model.CartPayload, error) {
	return r.cartChange(ctx, input.CartID, func(actor retail.Actor, id string) (*retail.PricedCart, []retail.Warning, error) {
		return r.Carts.SetFulfillment(
			ctx, actor, idempotencyKey, id, input.ExpectedVersion, input.Method, valueOr(input.LocationID, ""))
	})
}

func (r *mutationResolver) CartAddressSet(ctx context.Context, input model.CartAddressSetInput, idempotencyKey string) (*model.CartPayload, error) {
	return r.cartChange(ctx, input.CartID, func(actor retail.Actor, id string) (*retail.PricedCart, []retail.Warning, error) {
		address := cart.AddressInput{ID: valueOr(input.AddressID, "")}
		if input.Address != nil {
			typed, err := r.address(*input.Address)
			if err != nil {
				return nil, nil, err
			}
			address.Typed = &typed
		}
		return r.Carts.SetAddress(ctx, actor, idempotencyKey, id, input.ExpectedVersion, address)
	})
}

func (r *mutationResolver) CartCouponApply(ctx context.Context, input model.CartCouponApplyInput, idempotencyKey string) (*model.CartPayload, error) {
	return r.cartChange(ctx, input.CartID, func(actor retail.Actor, id string) (*retail.PricedCart, []retail.Warning, error) {
		return r.Carts.ApplyCoupon(ctx, actor, idempotencyKey, id, input.ExpectedVersion, input.Coupon)
	})
}

func (r *mutationResolver) CartCouponRemove(ctx context.Context, input model.CartCouponRemoveInput, idempotencyKey string) (*model.CartPayload, error) {
	return r.cartChange(ctx, input.CartID, func(actor retail.Actor, id string) (*retail.PricedCart, []retail.Warning, error) {
		return r.Carts.RemoveCoupon(ctx, actor, idempotencyKey, id, input.ExpectedVersion, input.Coupon)
	})
}

func (r *mutationResolver) CartNoteSet(ctx context.Context, input model.CartNoteSetInput, idempotencyKey string) (*model.CartPayload, error) {
	return r.cartChange(ctx, input.CartID, func(actor retail.Actor, id string) (*retail.PricedCart, []retail.Warning, error) {
		return r.Carts.SetNote(ctx, actor, idempotencyKey, id, input.ExpectedVersion, input.Note)
	})
}

func (r *mutationResolver) CartMerge(ctx context.Context, input model.CartMergeInput, idempotencyKey string) (*model.CartPayload, error) {
	return r.cartChange(ctx, "", func(member retail.Actor, _ string) (*retail.PricedCart, []retail.Warning, error) {
		guest, err := r.Sessions.Guest(ctx, input.GuestToken)
		if err != nil {
			return nil, nil, err
		}
		before := guest.Actor()
		if err := r.Holds.Give(ctx, before, member); err != nil {
			return nil, nil, err
		}
		return r.Carts.Merge(ctx, member, before, idempotencyKey)
	})
}

func (r *queryResolver) Cart(ctx context.Context, id *string) (*retail.PricedCart, error) {
	actor, err := r.actor(ctx)
	if err != nil {
		return nil, err
	}
	if id == nil {
		return absent(r.Carts.Current(ctx, actor))
	}
	key, err := keyOf(retail.KindCart, *id, "id")
	if err != nil {
		return absent[retail.PricedCart](nil, err)
	}
	return absent(r.Carts.Get(ctx, actor, key))
}

func (r *Resolver) CartLine() generated.CartLineResolver { return &cartLineResolver{r} }

func (r *Resolver) CartProblem() generated.CartProblemResolver { return &cartProblemResolver{r} }

type (
	cartLineResolver    struct{ *Resolver }
	cartProblemResolver struct{ *Resolver }
)
