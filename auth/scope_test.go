package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

func TestScopesAreValuesOfTheSchemasEnum(t *testing.T) {
	for _, want := range auth.Scopes() {
		var b strings.Builder
		want.MarshalGQL(&b)
		var got auth.Scope
		if err := got.UnmarshalGQL(strings.Trim(b.String(), `"`)); err != nil || got != want {
			t.Errorf("%s: got %s from %s, %v", want, got, b.String(), err)
		}
	}
	for _, v := range []any{"stock:read", "stock_read", "STOCK_WRITE", "", nil, 1} {
		var got auth.Scope
		if err := got.UnmarshalGQL(v); err == nil {
			t.Errorf("%v: got the scope %s", v, got)
		}
	}
}

func TestGuardedFieldsReadNullWithoutTheScope(t *testing.T) {
	asked := 0
	next := func(context.Context) (any, error) { asked++; return "secret", nil }
	if got, err := auth.HasScope(t.Context(), nil, next, auth.ScopeStockRead); got != nil || err != nil || asked != 0 {
		t.Errorf("a guest got %v, %v after %d calls", got, err, asked)
	}
	ctx := auth.WithPrincipal(t.Context(), auth.Principal{Role: auth.RoleOperator, Scopes: auth.Scopes()})
	if got, err := auth.HasScope(ctx, nil, next, auth.ScopeStockRead); got != "secret" || err != nil {
		t.Errorf("an operator got %v, %v", got, err)
	}
}

func TestRolesAreValuesOfTheSchemasEnum(t *testing.T) {
	for _, want := range auth.Roles() {
		var b strings.Builder
		want.MarshalGQL(&b)
		var got auth.Role
		if err := got.UnmarshalGQL(strings.Trim(b.String(), `"`)); err != nil || got != want {
			t.Errorf("%s: got %s from %s, %v", want, got, b.String(), err)
		}
	}
	for _, v := range []any{"guest", "ROOT", "", nil, 1} {
		var got auth.Role
		if err := got.UnmarshalGQL(v); err == nil {
			t.Errorf("%v: got the role %s", v, got)
		}
	}
}

func TestFieldsOfARoleReadNullForEverybodyElse(t *testing.T) {
	next := func(context.Context) (any, error) { return "secret", nil }
	for name, c := range map[string]struct {
		p    auth.Principal
		want any
	}{
		"nobody":                        {auth.Guest, nil},
		"a guest without a session":     {auth.Principal{Role: auth.RoleMember}, nil},
		"a session of another role":     {auth.Principal{Role: auth.RoleGuest, Subject: "g-1"}, nil},
		"a session of one of the roles": {auth.Principal{Role: auth.RoleMember, Subject: "m-1"}, "secret"},
	} {
		ctx := auth.WithPrincipal(t.Context(), c.p)
		got, err := auth.HasRole(ctx, nil, next, []auth.Role{auth.RoleMember, auth.RoleAssociate})
		if got != c.want || err != nil {
			t.Errorf("%s got %v, %v", name, got, err)
		}
	}
}

func TestAGuestSessionProvesItself(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := mustKey(t, ec)
	sessions := auth.NewSessions(mustIssuer(t, key), mustVerifier(t, key), time.Hour, nil, clock)
	first, err := sessions.Open(t.Context(), auth.Guest)
	if err != nil {
		t.Fatal(err)
	}
	second, err := sessions.Open(t.Context(), auth.Guest)
	if err != nil {
		t.Fatal(err)
	}
	a, errA := sessions.Guest(t.Context(), first.Token)
	b, errB := sessions.Guest(t.Context(), second.Token)
	if errA != nil || errB != nil || a.Subject == b.Subject || !a.Known() {
		t.Errorf("got %v, %v, %v, %v", a, b, errA, errB)
	}
	renewed, err := sessions.Open(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := sessions.Guest(t.Context(), renewed.Token); err != nil || same.Subject != a.Subject || same.Session != a.Session || same.TokenID == a.TokenID {
		t.Errorf("a renewed session is %v's, want %v's: %v", same, a, err)
	}
	other, err := sessions.Open(t.Context(), auth.Principal{Role: auth.RoleMember, Subject: a.Subject})
	if err != nil {
		t.Fatal(err)
	}
	if g, err := sessions.Guest(t.Context(), other.Token); err != nil || g.Subject == a.Subject {
		t.Errorf("a member got the session of %v, %v", g, err)
	}
	member, _ := mustIssuer(t, key).Issue(auth.Principal{Role: auth.RoleMember, Subject: "m"}, time.Hour)
	for name, token := range map[string]string{"nothing": "", "a member's": member, "a torn one": first.Token[1:]} {
		if _, err := sessions.Guest(t.Context(), token); !retail.Refused(err, retail.WhyProofRejected) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := auth.NewSessions(nil, nil, time.Hour, nil, clock).Open(t.Context(), auth.Guest); !retail.Refused(err, retail.WhyNotAllowed) {
		t.Errorf("without a key: got %v", err)
	}
}

func TestOnlyGuestsMayKeepATokenForWeeks(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := mustKey(t, ec)
	const weeks = 3 * 7 * 24 * time.Hour
	longer := auth.DefaultTokenConfig()
	longer.MaxLifetime = longer.GuestLifetime
	careless, err := auth.NewIssuer(key, longer, clock)
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range auth.Roles() {
		p := auth.Principal{Role: role, Subject: "x"}
		token, err := mustIssuer(t, key).Issue(p, weeks)
		if (err == nil) != (role == auth.RoleGuest) {
			t.Errorf("%s: issued %v", role, err)
		}
		if err != nil {
			if token, err = careless.Issue(p, weeks); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := mustVerifier(t, key).Verify(t.Context(), token); (err == nil) != (role == auth.RoleGuest) {
			t.Errorf("%s: verified %v", role, err)
		}
	}
}
