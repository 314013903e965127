package resolvers

import (
	"context"

	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/sourcing"
	"github.com/portico-retail/portico/retail/stock"
)

func (r *deliveryOptionResolver) Fee(ctx context.Context, obj *sourcing.DeliveryOption) (*retail.Money, error) {
	if !obj.Available {
		return nil, nil //nolint:nilnil // null is the answer
	}
	return &obj.Fee, nil
}

func (r *deliveryOptionResolver) Refusals(ctx context.Context, obj *sourcing.DeliveryOption) ([]model.UserError, error) {
	return r.userErrors(ctx, obj.Refusals), nil
}

func (r *deliveryPlaceResolver) Location(ctx context.Context, obj *retail.PlanPart) (*retail.Location, error) {
	l := r.place(ctx, obj.LocationCode)
	if l == nil {
		return nil, retail.Errorf(retail.CodeNotFound, "the place is gone")
	}
	return l, nil
}

func (r *queryResolver) DeliveryOptions(ctx context.Context, items []*stock.BasketItem, near *retail.GeoPoint, locationIds []string) ([]*sourcing.DeliveryOption, error) {
	q := sourcing.OptionsQuery{Items: make([]sourcing.Item, len(items)), Near: near, LocationRefs: locationIds, Held: r.held(ctx)}
	for i, item := range items {
		q.Items[i] = sourcing.Item{SKU: item.SKU, Quantity: item.Quantity}
	}
	options, err := r.Sourcing.DeliveryOptions(ctx, q)
	return pointers(options), err
}

func (r *queryResolver) PickupSlots(ctx context.Context, locationID string, method retail.FulfillmentMethod, from *retail.Date, days int) ([]*sourcing.SlotOption, error) {
	slots, err := r.Sourcing.PickupSlots(ctx, locationID, method, valueOr(from, ""), days)
	if retail.Refused(err, retail.WhyPlaceClosed) {
		return []*sourcing.SlotOption{}, nil
	}
	return pointers(slots), err
}

func (r *Resolver) DeliveryOption() generated.DeliveryOptionResolver {
	return &deliveryOptionResolver{r}
}

func (r *Resolver) DeliveryPlace() generated.DeliveryPlaceResolver { return &deliveryPlaceResolver{r} }

type (
	deliveryOptionResolver struct{ *Resolver }
	deliveryPlaceResolver  struct{ *Resolver }
)
