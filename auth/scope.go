package auth

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Scopes lists every scope there is.
func Scopes() []Scope {
	return []Scope{
		ScopeStockRead, ScopeOrderServe, ScopeMemberRead, ScopeOpsRead, ScopeEventRead, ScopeCareAnswer, ScopeOrderReview, ScopeAccessRevoke,
		ScopePersonalFulfilment, ScopePersonalService, ScopePersonalMarketing, ScopePersonalPartner,
	}
}

// DefaultScopes are the scopes of a token issued for role without naming any.
func DefaultScopes(role Role) []Scope {
	switch role {
	case RoleOperator:
		return Scopes()
	case RolePartner:
		return PartnerScopes()
	case RoleAssociate:
		return []Scope{ScopeStockRead, ScopeOrderServe, ScopeOpsRead, ScopeCareAnswer, ScopePersonalFulfilment}
	}
	return nil
}

var errScope = errors.New("must be a scope")

// MarshalGQL writes the scope as its value of the schema's enum: "stock:read" is STOCK_READ.
func (s Scope) MarshalGQL(w io.Writer) {
	_, _ = io.WriteString(w, strconv.Quote(strings.ToUpper(strings.ReplaceAll(string(s), ":", "_"))))
}

// UnmarshalGQL reads a value of the schema's enum.
func (s *Scope) UnmarshalGQL(v any) error {
	name, ok := v.(string)
	if !ok || name != strings.ToUpper(name) {
		return errScope
	}
	scope := Scope(strings.Replace(strings.ToLower(name), "_", ":", 1))
	if !slices.Contains(Scopes(), scope) {
		return errScope
	}
	*s = scope
	return nil
}

// HasScope guards a field: without the scope it reads null and nothing behind it is asked. The error that tells so is
// added once per operation by the handler, not here once per object of a list. R is gqlgen's resolver type.
func HasScope[R ~func(context.Context) (any, error)](ctx context.Context, _ any, next R, scope Scope) (any, error) {
	if !PrincipalOf(ctx).Has(scope) {
		return nil, nil //nolint:nilnil // null is the answer
	}
	return next(ctx)
}

// HasRole guards a field as HasScope does: it is for sessions of these roles only.
func HasRole[R ~func(context.Context) (any, error)](ctx context.Context, _ any, next R, roles []Role) (any, error) {
	if p := PrincipalOf(ctx); !p.Known() || !slices.Contains(roles, p.Role) {
		return nil, nil //nolint:nilnil // null is the answer
	}
	return next(ctx)
}
