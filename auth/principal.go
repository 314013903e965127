// Package auth knows who asks and what they may: principals, tokens, scopes and the directives that guard fields.
package auth

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
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

// Roles lists every role there is.
func Roles() []Role { return []Role{RoleGuest, RoleMember, RoleAssociate, RolePartner, RoleOperator} }

var errRole = errors.New("must be a role")

// MarshalGQL writes the role as its value of the schema's enum, in upper case.
func (r Role) MarshalGQL(w io.Writer) {
	_, _ = io.WriteString(w, strconv.Quote(strings.ToUpper(string(r))))
}

// UnmarshalGQL reads a value of the schema's enum.
func (r *Role) UnmarshalGQL(v any) error {
	name, ok := v.(string)
	role := Role(strings.ToLower(name))
	if !ok || name != strings.ToUpper(name) || !slices.Contains(Roles(), role) {
		return errRole
	}
	*r = role
	return nil
}

// Scope is a right that a token carries, for example "stock:read". In the schema it is an enum value in upper case with
// an underscore.
type Scope string

// Scopes.
const (
	ScopeStockRead  Scope = "stock:read"  // exact quantities and their breakdown
	ScopeOrderServe Scope = "order:serve" // orders of the places that an associate works at: find, hand over, take back
	ScopeMemberRead Scope = "member:read" // which members differ between the systems
	ScopeOpsRead    Scope = "ops:read"    // alerts
	ScopeEventRead  Scope = "event:read"  // what happens at all places
	ScopeCareAnswer Scope = "care:answer" // what shoppers say after the sale, and answers to it

	ScopeOrderReview  Scope = "order:review"  // decide about orders that are held for review
	ScopeAccessRevoke Scope = "access:revoke" // take back tokens

	// Scopes to read other people's data as it is, of those who consented to the purpose.
	ScopePersonalFulfilment Scope = "personal:fulfilment"
	ScopePersonalService    Scope = "personal:service"
	ScopePersonalMarketing  Scope = "personal:marketing"
	ScopePersonalPartner    Scope = "personal:partner"
)

// Principal is who asks.
type Principal struct {
	Role Role
	// Subject is unique in its role: the claim sub, behind its issuer's Prefix.
	Subject string
	Scopes  []Scope
	// Locations are the codes of the places that an associate works at.
	Locations []string

	Issuer  string    // of the token
	Prefix  string    // what the issuer's subjects begin with here, and a partner's Client; mostly empty
	KeyID   string    // header kid
	Bound   bool      // to a key of the bearer (RFC 9449)
	TokenID string    // claim jti, empty when the token has none
	Session string    // claim sid: of all tokens of one sign-in; empty when the token has none
	Client  string    // claim client_id, empty when the token has none
	Issued  time.Time // claim iat
	Expires time.Time // claim exp; zero without a token
	// Partner is the registered partner that the token was issued to; nil for everybody else.
	Partner *Partner
}

// Guest is a principal without a token. It has no subject, and so nothing can be its own; a guest's session has one.
var Guest = Principal{Role: RoleGuest}

// Class is a kind of caller for which limits are set: a role, or ClassNobody.
type Class string

// ClassNobody is callers without a session; every other class is named like its role.
const ClassNobody Class = "nobody"

// Classes lists every class there is.
func Classes() []Class {
	list := []Class{ClassNobody}
	for _, r := range Roles() {
		list = append(list, Class(r))
	}
	return list
}

// Class is the principal's.
func (p Principal) Class() Class {
	if !p.Known() {
		return ClassNobody
	}
	return Class(p.Role)
}

// Known reports whether the principal has a session.
func (p Principal) Known() bool { return p.Subject != "" }

// Actor is the principal, as far as carts, holds and orders care; whoever knows the member behind a member's subject adds it. A
// partner acts as a whole: partners choose the subjects of their tokens, so those of two may be the same, and one may have many.
func (p Principal) Actor() retail.Actor {
	a := retail.Actor{Role: string(p.Role), Subject: p.Subject, Locations: p.Locations}
	if p.Partner != nil {
		a.Subject = p.Partner.ID
	}
	return a
}

// ClientKey names who asks wherever something is counted or kept: the key of its Actor. It is empty for strangers, who are told
// apart by address alone.
func (p Principal) ClientKey() string {
	if !p.Known() {
		return ""
	}
	return p.Actor().Key()
}

// Has reports whether the principal holds the scope.
func (p Principal) Has(s Scope) bool { return slices.Contains(p.Scopes, s) }

type principalKey struct{}

// WithPrincipal returns ctx carrying p and, when p is a partner, bounded by the partner's reach.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	if p.Partner != nil {
		ctx = retail.WithReach(ctx, p.Partner.Reach)
	}
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalOf returns the principal carried by ctx, or Guest.
func PrincipalOf(ctx context.Context) Principal {
	if p, ok := ctx.Value(principalKey{}).(Principal); ok {
		return p
	}
	return Guest
}
