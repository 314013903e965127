package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// authority is an issuer with a key of its own.
type authority struct {
	signer  *auth.Issuer
	trusted auth.TrustedIssuer
}

func newAuthority(t *testing.T, name, prefix string, now func() time.Time, roles ...auth.Role) authority {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	config := auth.DefaultTokenConfig()
	config.Issuer = name
	key := mustKey(t, private)
	signer, err := auth.NewIssuer(key, config, now)
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := auth.OwnIssuer(config, roles, key)
	if err != nil {
		t.Fatal(err)
	}
	trusted.SubjectPrefix = prefix
	return authority{signer, trusted}
}

func (p authority) token(t *testing.T, who auth.Principal) string {
	t.Helper()
	token, err := p.signer.Issue(who, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTwoIssuersOfARoleNeedPrefixes(t *testing.T) {
	members := []auth.Role{auth.RoleMember}
	for name, c := range map[string]struct {
		prefixes [3]string
		roles    [3][]auth.Role
		clash    auth.Role // empty when it makes sense
	}{
		"no prefixes":              {[3]string{"", "", "x"}, [3][]auth.Role{members, members, members}, auth.RoleMember},
		"one without":              {[3]string{"", "eu", "us"}, [3][]auth.Role{members, members, members}, ""},
		"the same prefix twice":    {[3]string{"", "eu", "eu"}, [3][]auth.Role{members, members, members}, auth.RoleMember},
		"roles of their own":       {[3]string{}, [3][]auth.Role{members, {auth.RoleAssociate}, {auth.RoleOperator}}, ""},
		"one role in common":       {[3]string{}, [3][]auth.Role{members, {auth.RoleAssociate}, {auth.RoleGuest, auth.RoleAssociate}}, auth.RoleAssociate},
		"partners of two issuers":  {[3]string{}, [3][]auth.Role{members, {auth.RolePartner}, {auth.RolePartner}}, auth.RolePartner},
		"the same, with a prefix":  {[3]string{"", "", "eu"}, [3][]auth.Role{members, {auth.RolePartner}, {auth.RolePartner}}, ""},
		"a prefix for another one": {[3]string{"eu", "eu", ""}, [3][]auth.Role{members, {auth.RolePartner}, {auth.RoleGuest}}, ""},
	} {
		var list []auth.TrustedIssuer
		for i := range 3 {
			list = append(list, newAuthority(t, string(rune('a'+i)), c.prefixes[i], clock, c.roles[i]...).trusted)
		}
		_, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: clock}, list...)
		clash, is := errors.AsType[*auth.SubjectClashError](err)
		if is != (c.clash != "") || !is && err != nil || is && clash.Role != c.clash {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, prefix := range []string{"a:", "a b", strings.Repeat("x", 33), "é", "a~"} {
		if _, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: clock}, newAuthority(t, "a", prefix, clock, members...).trusted); err == nil {
			t.Errorf("the prefix %q is accepted", prefix)
		}
	}
}

func TestOneSubjectOfTwoIssuersIsTwoOwners(t *testing.T) {
	roles := []auth.Role{auth.RoleMember, auth.RoleAssociate, auth.RolePartner}
	one, two := newAuthority(t, "one", "", clock, roles...), newAuthority(t, "two", "eu", clock, roles...)
	registry, err := auth.NewRegistry(partner("maptown"), partner("eu:maptown"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: clock, Partners: registry}, one.trusted, two.trusted)
	if err != nil {
		t.Fatal(err)
	}
	for role, want := range map[auth.Role][2]string{
		auth.RoleMember: {"member:alice", "member:eu:alice"}, auth.RoleAssociate: {"associate:alice", "associate:eu:alice"},
		auth.RolePartner: {"partner:maptown", "partner:eu:maptown"},
	} {
		for i, by := range []authority{one, two} {
			p, err := v.Verify(t.Context(), by.token(t, auth.Principal{Role: role, Subject: "alice", Client: "maptown"}))
			if err != nil || p.ClientKey() != want[i] || p.Actor().Key() != want[i] {
				t.Errorf("%s of %s: got %q, %v; want %q", role, by.trusted.Issuer, p.ClientKey(), err, want[i])
			}
		}
		for name, p := range map[string]auth.Principal{
			"a subject": {Role: role, Subject: "eu:alice", Client: "maptown"}, "a client": {Role: role, Subject: "alice", Client: "eu:maptown"},
		} {
			if _, err := v.Verify(t.Context(), one.token(t, p)); (err == nil) != (role != auth.RolePartner && name == "a client") {
				t.Errorf("%s as %s of the other issuer: %v", role, name, err)
			}
		}
	}
	token, kept := two.token(t, auth.Principal{Role: auth.RoleMember, Subject: "alice"}), one.token(t, auth.Principal{Role: auth.RoleMember, Subject: "alice"})
	for _, subject := range []string{"alice", "eu:alice"} { // as the provider has it, and as the gateway writes it
		list, err := auth.NewRevocationList(&shelf{}, nil, nil, clock)
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: clock, Revoked: list}, one.trusted, two.trusted)
		if err != nil {
			t.Fatal(err)
		}
		issuer := "two"
		revoker := auth.NewRevoker(auth.RevokerDeps{Store: &shelf{}, List: list, Issuer: "one", Now: clock})
		if _, err := revoker.Revoke(t.Context(), auth.RevokeRequest{Issuer: &issuer, Subject: &subject}); err != nil {
			t.Fatal(err)
		}
		_, gone := fresh.Verify(t.Context(), token)
		if _, err := fresh.Verify(t.Context(), kept); gone == nil || err != nil {
			t.Errorf("after %s of two was taken back: %v, and for the one of the other issuer %v", subject, gone, err)
		}
	}
}

// changingKeys are keys that a provider takes away.
type changingKeys struct {
	auth.Keys

	gone bool
}

func (k *changingKeys) Key(ctx context.Context, id string) (*auth.Key, error) {
	if k.gone {
		return nil, nil //nolint:nilnil // there is none
	}
	return k.Keys.Key(ctx, id)
}

func TestStandingEndsWithWhatItRestsOn(t *testing.T) {
	for name, change := range map[string]func(r *auth.Registry, l *auth.Revoker, k *changingKeys) error{
		"nothing": nil,
		"the same registration again": func(r *auth.Registry, _ *auth.Revoker, _ *changingKeys) error {
			return r.Replace([]*auth.Partner{partner("maptown")})
		},
		"the partner left": func(r *auth.Registry, _ *auth.Revoker, _ *changingKeys) error { return r.Replace(nil) },
		"a scope less or more": func(r *auth.Registry, _ *auth.Revoker, _ *changingKeys) error {
			return r.Replace([]*auth.Partner{partner("maptown", func(p *auth.Partner) { p.Scopes = []auth.Scope{auth.ScopeStockRead} })})
		},
		"another reach": func(r *auth.Registry, _ *auth.Revoker, _ *changingKeys) error {
			return r.Replace([]*auth.Partner{partner("maptown", func(p *auth.Partner) { p.Reach = &retail.Reach{Locations: []string{"S-2"}} })})
		},
		"an issuer of its own": func(r *auth.Registry, _ *auth.Revoker, _ *changingKeys) error {
			return r.Replace([]*auth.Partner{partner("maptown", func(p *auth.Partner) {
				p.Keys = &auth.PartnerKeys{Issuer: "https://id.maptown.example", JWKS: "https://id.maptown.example/jwks"}
			})})
		},
		"a revocation": func(_ *auth.Registry, l *auth.Revoker, _ *changingKeys) error {
			subject := "alice"
			_, err := l.Revoke(t.Context(), auth.RevokeRequest{Subject: &subject})
			return err
		},
		"the key": func(_ *auth.Registry, _ *auth.Revoker, k *changingKeys) error { k.gone = true; return nil },
	} {
		registry, err := auth.NewRegistry(partner("maptown"))
		if err != nil {
			t.Fatal(err)
		}
		list, err := auth.NewRevocationList(&shelf{}, nil, nil, clock)
		if err != nil {
			t.Fatal(err)
		}
		own := newAuthority(t, "portico", "", clock, auth.RolePartner)
		keys := &changingKeys{Keys: own.trusted.Keys}
		own.trusted.Keys = keys
		v, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: clock, Partners: registry, Revoked: list}, own.trusted)
		if err != nil {
			t.Fatal(err)
		}
		p, err := v.Verify(t.Context(), own.token(t, auth.Principal{Role: auth.RolePartner, Subject: "alice", Client: "maptown"}))
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			if err := change(registry, auth.NewRevoker(auth.RevokerDeps{Store: &shelf{}, List: list, Issuer: "portico", Now: clock}), keys); err != nil {
				t.Fatal(err)
			}
		}
		stands := name == "nothing" || name == "the same registration again"
		if err := v.Standing(t.Context(), p); (err == nil) != stands {
			t.Errorf("after %s: %v", name, err)
		}
		if err := v.Standing(t.Context(), auth.Guest); err != nil {
			t.Errorf("nobody: %v", err)
		}
	}
}
