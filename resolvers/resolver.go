// Package resolvers answers the fields of the schema, one file per schema file: validate, one loader or service call,
// return. Rules live in retail, wires in integrations.
package resolvers

import (
	"context"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/care"
	"github.com/portico-retail/portico/retail/cart"
	"github.com/portico-retail/portico/retail/catalog"
	"github.com/portico-retail/portico/retail/location"
	"github.com/portico-retail/portico/retail/members"
	"github.com/portico-retail/portico/retail/ordering"
	"github.com/portico-retail/portico/retail/privacy"
	"github.com/portico-retail/portico/retail/purchases"
	"github.com/portico-retail/portico/retail/returns"
	"github.com/portico-retail/portico/retail/sourcing"
	"github.com/portico-retail/portico/retail/stock"
)

// Resolver is the root of all resolvers: the services that answer.
type Resolver struct {
	Catalog   *catalog.Service
	Locations *location.Directory
	Stock     *stock.Service
	Holds     *stock.Holds
	Carts     *cart.Service
	Sourcing  *sourcing.Service
	Ordering  *ordering.Service
	Returns   *returns.Service
	Purchases *purchases.Service
	Watch     *purchases.Watch
	Members   *members.Service
	Care      *care.Service
	Requests  *privacy.Requests // about people's own data
	Consents  *privacy.Consents // to its use
	// Sessions opens guest sessions, Payable lists how orders can be paid, Operations tells what happened, and Phone reads a
	// phone number into E.164.
	Sessions   *auth.Sessions
	Revoker    *auth.Revoker // takes tokens back
	Payable    Payable
	Operations Operations
	Phone      func(raw, country string) (e164 string, ok bool)
	Currency   string // of all prices, ISO 4217
	// Schema is the one that is served: refusals name its arguments.
	Schema *ast.Schema
}

// Payable lists how orders can be paid; integrations/shop implements it.
type Payable interface {
	PaymentMethods(ctx context.Context) ([]retail.PaymentMethod, error)
}

// Operations tells what happened; integrations/ledger implements it.
type Operations interface {
	Alerts(ctx context.Context, q retail.AlertQuery) ([]retail.Alert, error)
	Events(ctx context.Context, after int64, limit int) ([]retail.Event, error)
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
		if found, known = r.Locations.Find(ctx, key); !known {
			return nil, nil //nolint:nilnil // null is the answer
		}
	case retail.KindProduct:
		found, err = r.Catalog.Product(ctx, catalog.Lookup{ID: &id})
	case retail.KindVariant:
		found, err = r.Catalog.Variant(ctx, key)
	case retail.KindCategory:
		found, err = r.Catalog.Category(ctx, key)
	default:
		found, err = r.owned(ctx, kind, key)
	}
	if err != nil {
		if retail.CodeOf(err) == retail.CodeNotFound || retail.Refused(err, retail.WhyNotFound) {
			return nil, nil //nolint:nilnil // null is the answer
		}
		return nil, err
	}
	return found, nil
}

// owned loads what belongs to somebody; to others it is not there.
func (r *Resolver) owned(ctx context.Context, kind, key string) (model.Node, error) {
	actor, err := r.actor(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case kind == retail.KindCart:
		return r.Carts.Get(ctx, actor, key)
	case kind == retail.KindHold:
		return r.Holds.Get(ctx, actor, key)
	case kind == retail.KindOrder:
		return r.find(ctx, actor, purchases.FindQuery{ID: key})
	case kind == retail.KindReceipt:
		return r.receipt(ctx, actor, key)
	case kind == retail.KindFeedback:
		if lacks(ctx, auth.ScopeCareAnswer) {
			actor = retail.Actor{}
		}
		return r.Care.Get(ctx, actor, key)
	case kind == retail.KindData:
		return r.Requests.Get(ctx, actor, key)
	case kind == retail.KindMember && key == actor.MemberID && key != "":
		view, err := r.Members.Profile(ctx, key)
		if err != nil {
			return nil, err
		}
		return view.Member, nil
	}
	return nil, retail.Errorf(retail.CodeNotFound, "there is no such thing")
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

// actor is who asks, as far as carts, holds and orders care. A member's token names an identity; the actor is the member.
func (r *Resolver) actor(ctx context.Context) (retail.Actor, error) {
	p := auth.PrincipalOf(ctx)
	a := p.Actor()
	if p.Role != auth.RoleMember {
		return a, nil
	}
	m, err := r.Members.SignedIn(ctx, p.Subject)
	if err != nil {
		return a, err
	}
	a.MemberID = m.ID
	return a, nil
}

// isStaff reports whether the principal works for the retailer, and so may see what belongs to others.
func isStaff(p auth.Principal) bool {
	return p.Role == auth.RoleAssociate || p.Role == auth.RoleOperator
}

// lacks reports whether staff asks without the scope that lets them see what belongs to others.
func lacks(ctx context.Context, scope auth.Scope) bool {
	p := auth.PrincipalOf(ctx)
	return isStaff(p) && !p.Has(scope)
}

// maxWarnings bounds the warnings of one answer.
const maxWarnings = 60

func told(warnings []retail.Warning) []*retail.Warning {
	return pointers(warnings[:min(len(warnings), maxWarnings)])
}

func pointers[T any](list []T) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}
