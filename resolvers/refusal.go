package resolvers

import (
	"context"
	"errors"

	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
)

// refused turns a business "no" into the userErrors of a payload. Any other error is a fault and goes on as such.
func (r *Resolver) refused(ctx context.Context, err error) ([]model.UserError, error) {
	if err == nil {
		return []model.UserError{}, nil
	}
	list, ok := retail.RefusalsOf(err)
	if !ok {
		no := unusable(err)
		if no == nil {
			return nil, err
		}
		list = []*retail.Refusal{no}
	}
	return r.userErrors(ctx, list), nil
}

// unusable reads a failure as the refusal that it is to whoever asked for a change: what they named cannot be or is not
// there. It is nil for any other.
func unusable(err error) *retail.Refusal {
	var e *retail.Error
	switch {
	case !errors.As(err, &e) || e.Retryable || e.Source != "":
		return nil
	case e.Code == retail.CodeBadInput:
		return &retail.Refusal{Why: retail.WhyInvalid, Message: e.Message}
	case e.Code == retail.CodeNotFound:
		return &retail.Refusal{Why: retail.WhyNotFound, Message: e.Message}
	}
	return nil
}

// maxUserErrors bounds the refusals of one answer.
const maxUserErrors = 60

// userErrors gives each refusal the type that carries what its reason needs.
func (r *Resolver) userErrors(ctx context.Context, list []*retail.Refusal) []model.UserError {
	list = list[:min(len(list), maxUserErrors)]
	out := make([]model.UserError, len(list))
	for i, no := range list {
		no := *no
		no.Field = r.argument(ctx, no.Field)
		switch no.Why {
		case retail.WhyInsufficientStock:
			out[i] = &model.InsufficientStock{
				Code: no.Why, Message: no.Message, Field: no.Field, SKU: no.SKU, Location: r.place(ctx, no.LocationCode), AvailableQuantity: no.Available,
			}
		case retail.WhyLimitReached:
			out[i] = &model.LimitReached{Code: no.Why, Message: no.Message, Field: no.Field, Limit: no.Limit}
		case retail.WhyVersionConflict:
			out[i] = &model.VersionConflict{Code: no.Why, Message: no.Message, Field: no.Field, Version: no.Version}
		default:
			out[i] = &model.PlainUserError{Code: no.Why, Message: no.Message, Field: no.Field}
		}
	}
	return out
}

// place is the location of a code; nil when there is none within reach or it is not known any more.
func (r *Resolver) place(ctx context.Context, code string) *retail.Location {
	if code == "" {
		return nil
	}
	loc, _ := r.Locations.Find(ctx, code)
	return loc
}

// keyOf reads the key out of a global id of a kind. Any other id is of nothing that could be found.
func keyOf(kind, id, field string) (string, error) {
	got, key, ok := retail.ParseGlobalID(id)
	if !ok || got != kind {
		return "", retail.Refuse(retail.WhyNotFound, field, "there is no such thing")
	}
	return key, nil
}

// variant is the catalog's; nil when it does not have the SKU any more.
func (r *Resolver) variant(ctx context.Context, sku string) (*retail.Variant, error) {
	return orNull(r.Catalog.Variant(ctx, sku))
}
