package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// ignoreToken leaves out what a principal says about its token.
var ignoreToken = cmpopts.IgnoreFields(auth.Principal{}, "Issuer", "KeyID", "TokenID", "Issued", "Expires")

// seeing serves the principal that it sees.
func seeing(v *auth.Verifier) (h http.Handler, seen **auth.Principal, reach **retail.Reach) {
	seen, reach = new(*auth.Principal), new(*retail.Reach)
	return auth.Middleware(v, func(w http.ResponseWriter, _ *http.Request, err error) {
		for _, c := range auth.Challenges(err) {
			w.Header().Add("WWW-Authenticate", c)
		}
		http.Error(w, string(retail.CodeOf(err)), http.StatusUnauthorized)
	})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p := auth.PrincipalOf(r.Context())
		*seen, *reach = &p, retail.ReachOf(r.Context())
	})), seen, reach
}

func TestMiddleware(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := mustKey(t, ec)
	token, _ := mustIssuer(t, key).Issue(auth.Principal{Role: auth.RoleAssociate, Subject: "a-7"}, time.Hour)
	associate := &auth.Principal{Role: auth.RoleAssociate, Subject: "a-7", Scopes: auth.DefaultScopes(auth.RoleAssociate)}
	h, seen, _ := seeing(mustVerifier(t, key))
	for name, c := range map[string]struct {
		authorization []string
		want          *auth.Principal
	}{
		"no token is a guest":                    {nil, &auth.Guest},
		"a token names its principal":            {[]string{"Bearer " + token}, associate},
		"the scheme is of either case":           {[]string{"bearer " + token}, associate},
		"a bad token is refused":                 {[]string{"Bearer x"}, nil},
		"an empty token is refused":              {[]string{"Bearer "}, nil},
		"an empty header is refused":             {[]string{""}, nil},
		"another scheme is refused":              {[]string{"Basic YTpi"}, nil},
		"two tokens are refused":                 {[]string{"Bearer " + token, "Bearer " + token}, nil},
		"two tokens in one header are refused":   {[]string{"Bearer " + token + ", Bearer " + token}, nil},
		"a token after two spaces is refused":    {[]string{"Bearer  " + token}, nil},
		"a token of no scheme is refused":        {[]string{token}, nil},
		"the scheme DPoP is for bound tokens":    {[]string{"DPoP " + token}, nil},
		"a token with a space behind is refused": {[]string{"Bearer " + token + " "}, nil},
	} {
		*seen = nil
		r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
		r.Header["Authorization"] = c.authorization
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if diff := cmp.Diff(c.want, *seen, ignoreToken); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if c.want == nil && (w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "UNAUTHENTICATED")) {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}

func TestPartnersAreBoundedByTheRegistry(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := mustKey(t, ec)
	reach := &retail.Reach{Locations: []string{"S-9"}}
	registry, err := auth.NewRegistry(
		&auth.Partner{ID: "map", Scopes: []auth.Scope{auth.ScopeStockRead}, Reach: reach},
		&auth.Partner{ID: "bound", Reach: reach, DPoP: true},
	)
	if err != nil {
		t.Fatal(err)
	}
	own, err := auth.OwnIssuer(auth.DefaultTokenConfig(), auth.Roles(), key)
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: clock, Partners: registry}, own)
	if err != nil {
		t.Fatal(err)
	}
	h, seen, bounds := seeing(v)
	ask := func(client string) int {
		token, err := mustIssuer(t, key).Issue(auth.Principal{
			Role: auth.RolePartner, Subject: "p", Client: client, Locations: []string{"S-1"},
			Scopes: []auth.Scope{auth.ScopeOrderServe, auth.ScopeStockRead},
		}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		*seen, *bounds = nil, nil
		r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	if code := ask("map"); code != http.StatusOK || *bounds != reach {
		t.Fatalf("a registered partner got %d and the reach %v", code, *bounds)
	}
	want := auth.Principal{
		Role: auth.RolePartner, Subject: "p", Client: "map", Locations: []string{"S-9"}, Scopes: []auth.Scope{auth.ScopeStockRead},
		Partner: (*seen).Partner,
	}
	if diff := cmp.Diff(want, **seen, ignoreToken); diff != "" {
		t.Error(diff)
	}
	for _, client := range []string{"", "Map", "mapp", "bound"} {
		if code := ask(client); code != http.StatusUnauthorized || *seen != nil {
			t.Errorf("the client %q got %d", client, code)
		}
	}
	// What the registry says counts at once, also for a token that was verified just before.
	if err := registry.Replace(nil); err != nil {
		t.Fatal(err)
	}
	if code := ask("map"); code != http.StatusUnauthorized {
		t.Errorf("a partner that was taken off the registry got %d", code)
	}
}
