package resolvers

import (
	"context"

	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/cart"
)

// cartChange runs a change of the caller's cart, named by a global id or not at all, and makes its payload.
func (r *Resolver) cartChange(
	ctx context.Context, id string, change func(actor retail.Actor, id string) (*retail.PricedCart, []retail.Warning, error),
) (*model.CartPayload, error) {
	payload := &model.CartPayload{Warnings: []*retail.Warning{}}
	actor, err := r.actor(ctx)
	if err == nil && id != "" {
		id, err = keyOf(retail.KindCart, id, "cartId")
	}
	if err == nil {
		var warnings []retail.Warning
		payload.Cart, warnings, err = change(actor, id)
		payload.Warnings = told(warnings)
		if _, refused := retail.RefusalsOf(err); refused && id != "" {
			payload.Cart, _ = r.Carts.Get(ctx, actor, id) // as well as can be: the refusal is the answer
		}
	}
	payload.UserErrors, err = r.refused(ctx, err)
	return payload, err
}

func cartLines(inputs []*model.CartLineInput) []cart.LineInput {
	lines := make([]cart.LineInput, len(inputs))
	for i, l := range inputs {
		lines[i] = cart.LineInput{SKU: l.SKU, Quantity: l.Quantity, Method: l.Method, LocationRef: valueOr(l.LocationID, "")}
	}
	return lines
}

// address reads an address that was typed in.
func (r *Resolver) address(in model.DeliveryAddressInput) (retail.DeliveryAddress, error) {
	phone, ok := r.Phone(in.Phone, in.CountryCode)
	if !ok {
		return retail.DeliveryAddress{}, retail.Refuse(retail.WhyInvalid, "address.phone", "this is no phone number")
	}
	return retail.DeliveryAddress{
		Recipient: in.Recipient, Phone: phone, Position: in.Position,
		Address: retail.Address{
			CountryCode: in.CountryCode, Province: in.Province, City: in.City, District: in.District, Line: in.Line, PostalCode: in.PostalCode,
		},
	}, nil
}

// contact reads a person to call; nil stays nil.
func (r *Resolver) contact(in *model.ContactInput, field string) (*retail.Contact, error) {
	if in == nil {
		return nil, nil //nolint:nilnil // nobody was named
	}
	phone, ok := r.Phone(in.Phone, "CN")
	if !ok {
		return nil, retail.Refuse(retail.WhyInvalid, field+".phone", "this is no phone number")
	}
	return &retail.Contact{Name: in.Name, Phone: phone}, nil
}

// absent reads what is not there, or not the caller's, as null.
func absent[T any](found *T, err error) (*T, error) {
	if retail.Refused(err, retail.WhyNotFound) {
		return nil, nil //nolint:nilnil // null is the answer
	}
	return orNull(found, err)
}
