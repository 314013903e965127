package auth_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

var partnersNow = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

// provide makes somebody who signs tokens of an issuer and states the key in a file.
func provide(t *testing.T, issuer string, seed byte) (*auth.Issuer, string) {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	key, err := auth.NewKey(private)
	if err != nil {
		t.Fatal(err)
	}
	config := auth.DefaultTokenConfig()
	config.Issuer = issuer
	signer, err := auth.NewIssuer(key, config, func() time.Time { return partnersNow })
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "keys.json")
	set := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":%q,"alg":"EdDSA","use":"sig","x":%q}]}`,
		key.ID, base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey)))
	if err := os.WriteFile(path, []byte(set), 0o600); err != nil {
		t.Fatal(err)
	}
	return signer, path
}

func TestAPartnersOwnIssuerSpeaksForThatPartnerAlone(t *testing.T) {
	gateway, _ := provide(t, "portico", 1)
	maptown, maptownKeys := provide(t, "https://id.maptown.example", 2)
	stranger, _ := provide(t, "https://id.stranger.example", 3)
	own := func(p *auth.Partner) {
		p.Scopes = []auth.Scope{auth.ScopeStockRead}
		p.Keys = &auth.PartnerKeys{Issuer: "https://id.maptown.example", JWKS: maptownKeys, Algorithms: []string{"EdDSA"}}
	}
	registry, err := auth.NewRegistry(partner("maptown", own), partner("mallpad"))
	if err != nil {
		t.Fatal(err)
	}
	deps := auth.JWKSDeps{Now: func() time.Time { return partnersNow }}
	issuers := auth.NewPartnerIssuers(registry, auth.DefaultTokenConfig(), deps)
	issuers.Follow(t.Context())
	key, err := auth.NewKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	fixed, err := auth.OwnIssuer(auth.DefaultTokenConfig(), auth.Roles(), key)
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.NewTrustVerifier(auth.VerifierOptions{Partners: registry, Issuers: issuers, Now: deps.Now}, fixed)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(by *auth.Issuer, role auth.Role, subject, client string) (auth.Principal, error) {
		token, err := by.Issue(auth.Principal{
			Role: role, Subject: subject, Client: client, Scopes: []auth.Scope{auth.ScopeStockRead, auth.ScopeOpsRead},
		}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return v.Verify(t.Context(), token)
	}
	for name, c := range map[string]struct {
		by     *auth.Issuer
		role   auth.Role
		client string
		ok     bool
	}{
		"its own issuer":                           {maptown, auth.RolePartner, "maptown", true},
		"its own issuer for another partner":       {maptown, auth.RolePartner, "mallpad", false},
		"its own issuer for no client":             {maptown, auth.RolePartner, "", false},
		"its own issuer for an operator":           {maptown, auth.RoleOperator, "maptown", false},
		"its own issuer for a member":              {maptown, auth.RoleMember, "maptown", false},
		"the gateway's issuer for it":              {gateway, auth.RolePartner, "maptown", false},
		"the gateway's issuer for another partner": {gateway, auth.RolePartner, "mallpad", true},
		"an issuer that nobody knows":              {stranger, auth.RolePartner, "maptown", false},
		"the gateway's issuer for a stranger":      {gateway, auth.RolePartner, "nobody", false},
	} {
		p, err := verify(c.by, c.role, "alice", c.client)
		switch {
		case !c.ok && retail.CodeOf(err) != retail.CodeUnauthenticated:
			t.Errorf("%s: got %+v, %v", name, p, err)
		case c.ok && (err != nil || p.Partner == nil || p.Partner.ID != c.client || p.Has(auth.ScopeOpsRead) || p.ClientKey() != "partner:"+c.client):
			t.Errorf("%s: got %+v, %v", name, p, err)
		}
	}
	if !v.Knows("https://id.maptown.example") || v.Knows("https://id.stranger.example") {
		t.Error("which issuers are known is wrong")
	}
	if err := registry.Replace([]*auth.Partner{partner("mallpad")}); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(maptown, auth.RolePartner, "alice", "maptown"); retail.CodeOf(err) != retail.CodeUnauthenticated {
		t.Errorf("a partner that was taken out: %v", err)
	}
	issuers.Follow(t.Context())
	if v.Knows("https://id.maptown.example") {
		t.Error("the issuer of a partner that was taken out is known")
	}
}

func TestIssuersOfPartnersComeAndGoWithTheRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		registry := &auth.Registry{}
		issuers := auth.NewPartnerIssuers(registry, auth.DefaultTokenConfig(), auth.JWKSDeps{
			Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		keys := func(issuer string) func(*auth.Partner) {
			return func(p *auth.Partner) {
				p.Keys = &auth.PartnerKeys{Issuer: issuer, JWKS: filepath.Join(t.TempDir(), "none.json")}
			}
		}
		replace := func(list ...*auth.Partner) {
			if err := registry.Replace(list); err != nil {
				t.Fatal(err)
			}
		}
		tick := make(chan time.Time)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { issuers.Run(ctx, tick); close(ended) }()
		known := func() (list []string) {
			synctest.Wait()
			for _, name := range []string{"one", "two"} {
				if _, ok := issuers.Issuer(name); ok {
					list = append(list, name)
				}
			}
			return list
		}
		for _, step := range []struct {
			list []*auth.Partner
			want string
		}{
			{nil, "[]"},
			{[]*auth.Partner{partner("a", keys("one")), partner("b")}, "[one]"},
			{[]*auth.Partner{partner("a", keys("one")), partner("b", keys("two"))}, "[one two]"},
			{[]*auth.Partner{partner("b", keys("two"))}, "[two]"},
			{nil, "[]"},
		} {
			replace(step.list...)
			tick <- time.Now()
			if got := fmt.Sprint(known()); got != step.want {
				t.Errorf("knows %s, want %s", got, step.want)
			}
		}
		cancel()
		<-ended
	})
}

// A provider that is away keeps nobody out because somebody edits the file of partners.
func TestKeysThatWereReadOutliveAnEditOfThePartner(t *testing.T) {
	maptown, path := provide(t, "https://id.maptown.example", 2)
	keys := auth.PartnerKeys{Issuer: "https://id.maptown.example", JWKS: path, Algorithms: []string{"EdDSA"}}
	own := func(change func(*auth.Partner)) *auth.Partner {
		return partner("maptown", func(p *auth.Partner) {
			copied := keys
			p.Keys = &copied
			change(p)
		})
	}
	registry, err := auth.NewRegistry(own(func(*auth.Partner) {}))
	if err != nil {
		t.Fatal(err)
	}
	deps := auth.JWKSDeps{Now: func() time.Time { return partnersNow }}
	issuers := auth.NewPartnerIssuers(registry, auth.DefaultTokenConfig(), deps)
	issuers.Follow(t.Context())
	v, err := auth.NewTrustVerifier(auth.VerifierOptions{Partners: registry, Issuers: issuers, Now: deps.Now})
	if err != nil {
		t.Fatal(err)
	}
	verify := func() error {
		token, err := maptown.Issue(auth.Principal{Role: auth.RolePartner, Subject: "alice", Client: "maptown"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(t.Context(), token)
		return err
	}
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*auth.Partner){
		"another quota": func(p *auth.Partner) { p.Quota.Burst = 7 },
		"another reach": func(p *auth.Partner) { p.Reach = &retail.Reach{Locations: []string{"S-9"}} },
	} {
		if err := registry.Replace([]*auth.Partner{own(change)}); err != nil {
			t.Fatal(err)
		}
		issuers.Follow(t.Context())
		if err := verify(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*auth.Partner){
		"another source":    func(p *auth.Partner) { p.Keys.JWKS += ".new" },
		"another algorithm": func(p *auth.Partner) { p.Keys.Algorithms = []string{"ES256"} },
	} {
		if err := registry.Replace([]*auth.Partner{own(change)}); err != nil {
			t.Fatal(err)
		}
		issuers.Follow(t.Context())
		if err := verify(); err == nil {
			t.Errorf("%s: the keys of before are believed", name)
		}
	}
}
