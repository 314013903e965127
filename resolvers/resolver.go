// Package resolvers answers the fields of the schema, one file per schema file: validate, one loader or service call,
// return. Rules live in retail, wires in integrations.
package resolvers

import (
	"context"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
	"github.com/portico-retail/portico/retail/location"
	"github.com/portico-retail/portico/retail/stock"
)

// Resolver is the root of all resolvers: the services that answer.
type Resolver struct {
	Catalog   *catalog.Service
	Locations *location.Directory
	Stock     *stock.Service
}

// valueOr is *p, or the default that the schema states when the client sent an explicit null.
func valueOr[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// orNull reads "there is no such thing" as null, which is what a nullable lookup means.
func orNull[T any](found *T, err error) (*T, error) {
	if err != nil && retail.CodeOf(err) == retail.CodeNotFound {
		return nil, nil //nolint:nilnil // null is the answer
	}
	return found, err
}

// seconds turns an optional number of seconds into a duration; the service refuses absurd ones.
func seconds(p *int) *time.Duration {
	if p == nil {
		return nil
	}
	d := time.Duration(*p) * time.Second
	return &d
}

// detail reports whether the asker may see exact quantities and their parts.
func detail(ctx context.Context) bool { return auth.PrincipalOf(ctx).Has(auth.ScopeStockRead) }

func (*Resolver) checkQuery(
	ctx context.Context, refs []string, near *retail.GeoPoint, withinKm float64, first int, maxAge *int,
) stock.CheckQuery {
	return stock.CheckQuery{
		LocationRefs: refs, Near: near, WithinKm: withinKm, First: first, MaxAge: seconds(maxAge), Detail: detail(ctx),
	}
}

func basket(items []*stock.BasketItem) []stock.BasketItem {
	out := make([]stock.BasketItem, len(items))
	for i, item := range items {
		out[i] = *item
	}
	return out
}

// maxNodes bounds the ids of one question.
const maxNodes = 100

// node loads an object by its global id; an id of nothing is null.
func (r *Resolver) node(ctx context.Context, id string) (model.Node, error) {
	kind, key, ok := retail.ParseGlobalID(id)
	if !ok {
		return nil, retail.BadInput("the id is not one of this gateway")
	}
	var found model.Node
	var err error
	switch kind {
	case retail.KindLocation:
		var known bool
		if found, known = r.Locations.ByCode(key); !known {
			return nil, nil //nolint:nilnil // null is the answer
		}
	case retail.KindProduct:
		found, err = r.Catalog.Product(ctx, catalog.Lookup{ID: &id})
	case retail.KindVariant:
		found, err = r.Catalog.Variant(ctx, key)
	case retail.KindCategory:
		found, err = r.Catalog.Category(ctx, key)
	}
	if err != nil {
		if retail.CodeOf(err) == retail.CodeNotFound {
			return nil, nil //nolint:nilnil // null is the answer
		}
		return nil, err
	}
	return found, nil
}

// nodes loads objects in the order asked. One that cannot be loaded is null and has an error of its own beside it.
func (r *Resolver) nodes(ctx context.Context, ids []string) ([]model.Node, error) {
	if len(ids) > maxNodes {
		return nil, retail.Errorf(retail.CodeLimitExceeded, "at most %d ids may be asked", maxNodes)
	}
	out := make([]model.Node, len(ids))
	for i, id := range ids {
		var err error
		if out[i], err = r.node(ctx, id); err != nil {
			graphql.AddError(graphql.WithPathContext(ctx, graphql.NewPathWithIndex(i)), err)
		}
	}
	return out, nil
}
