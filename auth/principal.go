// Package auth knows who asks and what they may: principals, tokens, scopes and the directives that guard fields.
package auth

import (
	"context"
	"slices"
)

// Role is a kind of principal.
type Role string

// Roles.
const (
	RoleGuest     Role = "guest"
	RoleMember    Role = "member"
	RoleAssociate Role = "associate"
	RolePartner   Role = "partner"
	RoleOperator  Role = "operator"
)

// Scope is a right that a token carries, for example "stock:read". In the schema it is an enum value in upper case with
// an underscore.
type Scope string

// ScopeStockRead allows exact quantities and their breakdown.
const ScopeStockRead Scope = "stock:read"

// Principal is who asks.
type Principal struct {
	Role    Role
	Subject string
	Scopes  []Scope
}

// Guest is a principal without a token.
var Guest = Principal{Role: RoleGuest}

// Has reports whether the principal holds the scope.
func (p Principal) Has(s Scope) bool { return slices.Contains(p.Scopes, s) }

type principalKey struct{}

// WithPrincipal returns ctx carrying p.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalOf returns the principal carried by ctx, or Guest.
func PrincipalOf(ctx context.Context) Principal {
	if p, ok := ctx.Value(principalKey{}).(Principal); ok {
		return p
	}
	return Guest
}
