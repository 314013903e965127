package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// takenBack keeps what was taken back.
type takenBack struct{ list []retail.Revocation }

func (b *takenBack) RevocationsSince(context.Context, int64, int) ([]retail.Revocation, error) {
	return b.list, nil
}

func (b *takenBack) AddRevocation(_ context.Context, r retail.Revocation) (int64, error) {
	b.list = append(b.list, r)
	return int64(len(b.list)), nil
}

// Whoever is forgotten loses their own sessions: at the issuers that could have given them, in their role, up to the erasure.
func TestOnlyTheSessionsOfWhoIsForgottenEnd(t *testing.T) {
	at := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	issuer := func(name, prefix string, roles ...auth.Role) issuerTrust {
		i := issuerTrust{TrustedIssuer: auth.TrustedIssuer{Roles: roles, SubjectPrefix: prefix}}
		i.Issuer = name
		return i
	}
	known := trust{issuers: []issuerTrust{
		issuer("portico", "", auth.Roles()...), issuer("portico", "", auth.RoleGuest), issuer("https://shop", "", auth.RoleMember),
		issuer("https://outlet", "outlet", auth.RoleMember), issuer("https://staff", "", auth.RoleAssociate, auth.RoleOperator),
	}}
	for session, want := range map[string][]string{
		"member:a-1": {"https://shop", "portico"}, "member:outlet:a-1": {"https://outlet"}, "member:outlet-a": {"https://shop", "portico"},
		"guest:g": {"portico"},
	} {
		back := &takenBack{}
		list, err := auth.NewRevocationList(back, nil, nil, func() time.Time { return at })
		must(t, err)
		end := newEndSessions(auth.NewRevoker(auth.RevokerDeps{
			Store: back, List: list, Issuer: "portico", Now: func() time.Time { return at.Add(time.Minute) },
		}), known)
		must(t, end(t.Context(), []string{session}, at))
		var got []string
		for _, r := range back.list {
			got = append(got, r.Issuer)
			if r.Role+":"+r.Subject != session || !r.Until.Equal(at) {
				t.Errorf("%s: %+v", session, r)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s ends at %v, want %v", session, got, want)
		}
	}
	back := &takenBack{}
	list, err := auth.NewRevocationList(back, nil, nil, func() time.Time { return at })
	must(t, err)
	revoker := auth.NewRevoker(auth.RevokerDeps{Store: back, List: list, Issuer: "portico", Now: func() time.Time { return at }})
	must(t, newEndSessions(revoker, known)(t.Context(), []string{"member:a-1"}, at))
	for _, c := range []struct {
		who  auth.Principal
		gone bool
	}{
		{auth.Principal{Role: auth.RoleMember, Subject: "a-1", Issuer: "portico", Issued: at}, true},
		{auth.Principal{Role: auth.RoleMember, Subject: "a-1", Issuer: "portico", Issued: at.Add(time.Second)}, false},
		{auth.Principal{Role: auth.RoleMember, Subject: "outlet:a-1", Prefix: "outlet:", Issuer: "https://outlet", Issued: at}, false},
		{auth.Principal{Role: auth.RoleOperator, Subject: "a-1", Issuer: "portico", Issued: at}, false},
		{auth.Principal{Role: auth.RoleAssociate, Subject: "a-1", Issuer: "https://staff", Issued: at}, false},
	} {
		if got := list.Has(&c.who); got != c.gone {
			t.Errorf("%+v: taken back %v, want %v", c.who, got, c.gone)
		}
	}
}
