package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/integrations/redisstore"
	"github.com/portico-retail/portico/retail"
)

// keyPair is a key of P-256 in files.
type keyPair struct {
	private         *ecdsa.PrivateKey
	secret, public  string // paths
	thumbprint, jwk string
}

func newKeyPair(t *testing.T) keyPair {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	dir := t.TempDir()
	k := keyPair{private: private, secret: filepath.Join(dir, "secret.pem"), public: filepath.Join(dir, "public.pem")}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	must(t, os.WriteFile(k.secret, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	der, err = x509.MarshalPKIXPublicKey(&private.PublicKey)
	must(t, err)
	must(t, os.WriteFile(k.public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
	point, err := private.PublicKey.Bytes()
	must(t, err)
	enc := base64.RawURLEncoding
	k.jwk = `{"crv":"P-256","kty":"EC","x":"` + enc.EncodeToString(point[1:33]) + `","y":"` + enc.EncodeToString(point[33:]) + `"}`
	digest := sha256.Sum256([]byte(k.jwk))
	k.thumbprint = enc.EncodeToString(digest[:])
	return k
}

func (k keyPair) sign(t *testing.T, header, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims(claims))
	for name, value := range header {
		token.Header[name] = value
	}
	text, err := token.SignedString(k.private)
	must(t, err)
	return text
}

// member is a token of a retailer's identity provider.
func (k keyPair) member(t *testing.T, role string, more map[string]any) string {
	claims := map[string]any{
		"iss": "https://id.example", "aud": "portico", "sub": "a-1001", "role": role, "jti": rand.Text(),
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	for name, value := range more {
		claims[name] = value
	}
	return k.sign(t, map[string]any{"typ": "at+jwt", "kid": "k1"}, claims)
}

// TestTrustOfFiles joins a gateway's identity from files, as serve does, with a provider that is not alive when it starts.
func TestTrustOfFiles(t *testing.T) {
	id, guests, device := newKeyPair(t), newKeyPair(t), newKeyPair(t)
	awake := false
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !awake {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(`{"keys":[` + strings.Replace(id.jwk, "{", `{"kid":"k1","use":"sig",`, 1) + `]}`))
	}))
	t.Cleanup(provider.Close)
	file := filepath.Join(t.TempDir(), "trust.yaml")
	must(t, os.WriteFile(file, []byte(`issuers:
  - issuer: https://id.example
    audience: portico
    algorithms: [ES256]
    roles: [member]
    jwks: `+provider.URL+`
    maxLifetime: 10m
    requireTokenId: true
`), 0o600))
	trusted, err := trustFlags{
		Trust: file, GuestKey: guests.secret, TokenIssuer: "portico", TokenAudience: "portico", GuestSession: time.Hour,
		PublicURL: "https://api.example",
	}.trust()
	must(t, err)
	books, err := ledger.Open(t.Context(), ledger.Config{})
	must(t, err)
	t.Cleanup(func() { must(t, books.Close()) })
	embedded, err := redisstore.StartEmbedded()
	must(t, err)
	t.Cleanup(embedded.Close)
	config := redisstore.DefaultConfig()
	config.URLs = []string{embedded.URL()}
	client, err := redisstore.Open(config)
	must(t, err)
	t.Cleanup(func() { must(t, client.Close()) })
	at := time.Now()
	who, err := newIdentity(trusted, identityParts{
		Ledger: books, Redis: client, Log: slog.New(slog.DiscardHandler), Metrics: newRegistry(),
		Random: func() float64 { return 0.5 }, Now: func() time.Time { return at },
	})
	must(t, err)
	must(t, who.begin(t.Context()))
	h := auth.Middleware(who.verifier, graph.RefuseToken)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(auth.PrincipalOf(r.Context()).Role))
	}))
	ask := func(headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	member := id.member(t, "member", nil)
	if w := ask("Authorization", "Bearer "+member); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" ||
		w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("while the provider sleeps a member gets %d %s %v", w.Code, w.Body, w.Header())
	}
	awake, at = true, at.Add(11*time.Second)
	if w := ask("Authorization", "Bearer "+member); w.Code != http.StatusOK || w.Body.String() != "member" {
		t.Errorf("a member gets %d %s", w.Code, w.Body)
	}
	for name, token := range map[string]string{
		"an operator by the issuer of members": id.member(t, "operator", nil),
		"a life that is too long":              id.member(t, "member", map[string]any{"exp": time.Now().Add(time.Hour).Unix()}),
		"the gateway's name by another key":    id.member(t, "guest", map[string]any{"iss": "portico"}),
		"a member of the key for guests":       guests.member(t, "member", map[string]any{"iss": "portico"}),
	} {
		if w := ask("Authorization", "Bearer "+token); w.Code != http.StatusUnauthorized || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
	session, err := who.sessions.Open(t.Context(), auth.Guest)
	must(t, err)
	if w := ask("Authorization", "Bearer "+session.Token); w.Body.String() != "guest" {
		t.Errorf("a guest gets %d %s", w.Code, w.Body)
	}

	bound := id.member(t, "member", map[string]any{"cnf": map[string]any{"jkt": device.thumbprint}})
	digest := sha256.Sum256([]byte(bound))
	proof := func() string {
		return device.sign(t, map[string]any{"typ": "dpop+jwt", "jwk": json.RawMessage(device.jwk)}, map[string]any{
			"jti": rand.Text(), "htm": "POST", "htu": "https://api.example/graphql", "iat": at.Unix(),
			"ath": base64.RawURLEncoding.EncodeToString(digest[:]),
		})
	}
	once := proof()
	if w := ask("Authorization", "DPoP "+bound, "DPoP", once); w.Body.String() != "member" {
		t.Errorf("the holder of a bound token gets %d %s", w.Code, w.Body)
	}
	for name, headers := range map[string][]string{
		"the proof again": {"Authorization", "DPoP " + bound, "DPoP", once},
		"no proof":        {"Authorization", "DPoP " + bound},
		"as bearer":       {"Authorization", "Bearer " + bound, "DPoP", proof()},
	} {
		if w := ask(headers...); w.Code != http.StatusUnauthorized || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "DPoP ") {
			t.Errorf("%s: got %d %v", name, w.Code, w.Header())
		}
	}

	// Whoever stores a revocation elsewhere is heard at the next reading.
	elsewhere := auth.NewRevoker(auth.RevokerDeps{Store: books, Issuer: "portico", Now: func() time.Time { return at }})
	issuer, subject := "https://id.example", "a-1001"
	_, err = elsewhere.Revoke(t.Context(), auth.RevokeRequest{Issuer: &issuer, Subject: &subject})
	must(t, err)
	must(t, who.revoked.Refresh(t.Context()))
	if w := ask("Authorization", "Bearer "+member); w.Code != http.StatusUnauthorized {
		t.Errorf("a member whose tokens were taken back gets %d", w.Code)
	}
}

func TestTrustFilesThatMakeNoSense(t *testing.T) {
	key := newKeyPair(t)
	const whole = `issuers:
  - issuer: https://id.example
    audience: portico
    algorithms: [ES256]
    roles: [member]
    jwks: https://id.example/jwks
`
	try := func(text string) error {
		path := filepath.Join(t.TempDir(), "trust.yaml")
		must(t, os.WriteFile(path, []byte(text), 0o600))
		list, err := readTrust(path)
		if err != nil {
			return err
		}
		_, err = newIdentity(trust{issuers: list, config: auth.DefaultTokenConfig(), session: time.Hour}, identityParts{
			Metrics: newRegistry(), Now: time.Now,
		})
		return err
	}
	swap := func(old, replacement string) string { return strings.Replace(whole, old, replacement, 1) }
	second := strings.ReplaceAll(strings.TrimPrefix(whole, "issuers:\n"), "id.example", "id.eu.example")
	for name, text := range map[string]string{
		"two of a role, apart": whole + second + "    subjectPrefix: eu\n",
		"a key set":            whole,
		"a PEM file":           swap("jwks: https://id.example/jwks", "keys: ["+key.public+"]"),
	} {
		if err := try(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                    {"", "issuers"},
		"no YAML":                    {"{", "trust"},
		"no issuers":                 {"issuers: []", "0 issuers"},
		"an unknown name":            {whole + "    skipVerify: true\n", "skipVerify"},
		"a repeated name":            {whole + "    roles: [operator]\n", "roles"},
		"a repeated issuer":          {whole + strings.TrimPrefix(whole, "issuers:\n"), "named twice"},
		"two of a role":              {whole + second, "subjectPrefix"},
		"a prefix with a colon":      {whole + "    subjectPrefix: 'eu:'\n", "subjectPrefix"},
		"no name":                    {swap("issuer: https://id.example\n    ", "")[:9] + "\n  - " + whole[len("issuers:\n  - issuer: https://id.example\n    "):], "issuer"},
		"no audience":                {swap("    audience: portico\n", ""), "audience"},
		"no algorithms":              {swap("    algorithms: [ES256]\n", ""), "algorithms"},
		"a shared secret":            {swap("ES256", "HS256"), "algorithms"},
		"the algorithm none":         {swap("ES256", "none"), "algorithms"},
		"no roles":                   {swap("    roles: [member]\n", ""), "roles"},
		"a role that is none":        {swap("member", "root"), "roles"},
		"another type":               {whole + "    types: [id+jwt]\n", "types"},
		"no keys":                    {swap("    jwks: https://id.example/jwks\n", ""), "jwks or keys"},
		"two kinds of keys":          {whole + "    keys: [" + key.public + "]\n", "jwks or keys"},
		"a key set by http":          {swap("https://id.example/jwks", "http://id.example/jwks"), "https"},
		"a key file that is none":    {swap("jwks: https://id.example/jwks", "keys: [/etc/hostname]"), "PEM"},
		"a key of another algorithm": {strings.Replace(swap("jwks: https://id.example/jwks", "keys: ["+key.public+"]"), "ES256", "RS256", 1), "ES256"},
		"a life of a year":           {whole + "    maxLifetime: 8760h\n", "30 days"},
		"a life that is no time":     {whole + "    maxLifetime: long\n", "duration"},
		"33 issuers":                 {"issuers:\n" + strings.Repeat(strings.TrimPrefix(whole, "issuers:\n"), 33), "33 issuers"},
		"100 KB":                     {whole + strings.Repeat("# x\n", 25<<10), "bytes"},
	} {
		if err := try(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestTheKeyOfGuestsIsNoOtherKey(t *testing.T) {
	key := newKeyPair(t)
	flags := trustFlags{
		TokenKey: []string{key.public}, GuestKey: key.secret, TokenIssuer: "portico", TokenAudience: "portico", GuestSession: time.Hour,
	}
	trusted, err := flags.trust()
	must(t, err)
	_, err = newIdentity(trusted, identityParts{Metrics: newRegistry(), Now: time.Now})
	if err == nil || !strings.Contains(err.Error(), "different roles") {
		t.Errorf("one key for guests and for every role: got %v", err)
	}
	flags.GuestKey = key.public
	if _, err := flags.trust(); err == nil {
		t.Error("guest sessions are signed with a public key")
	}
	flags.GuestKey, flags.GuestSession = "", 31*24*time.Hour
	if _, err := flags.trust(); err == nil {
		t.Error("a guest session lives 31 days")
	}
}

func TestRevokeOnTheCommandLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ledger.db")
	for _, args := range [][]string{{"--token-id", "t-1"}, {"--subject", "m-1", "--issuer", "https://id.example"}} {
		said, err := output(t, nil, append([]string{"revoke", "--ledger-dsn", file}, args...)...)
		must(t, err)
		if !strings.HasPrefix(said, "every gateway refuses it from 20") {
			t.Errorf("%v: %q", args, said)
		}
	}
	for _, args := range [][]string{
		{}, {"--token-id", "t", "--subject", "s"}, {"--token-id", ""}, {"--subject", strings.Repeat("s", 300)}, {"--token-id", "t", "--issuer", ""},
	} {
		if said, err := output(t, nil, append([]string{"revoke", "--ledger-dsn", file}, args...)...); err == nil {
			t.Errorf("%v: %q", args, said)
		}
	}
	if _, err := output(t, nil, "revoke", "--token-id", "t"); err == nil || !strings.Contains(err.Error(), "--ledger-dsn") {
		t.Errorf("without a ledger: %v", err)
	}
	books, err := ledger.Open(context.Background(), ledger.Config{DSN: file})
	must(t, err)
	defer func() { must(t, books.Close()) }()
	list, err := books.RevocationsSince(context.Background(), 0, 10)
	must(t, err)
	if len(list) != 2 || list[0].TokenID != "t-1" || list[0].Issuer != "portico" || list[1].Subject != "m-1" || list[1].Until.IsZero() {
		t.Errorf("stored is %+v", list)
	}
}

// TestAnOperatorTakesTokensBack asks a whole gateway.
func TestAnOperatorTakesTokensBack(t *testing.T) {
	r := newRigOf(t, "embedded", demo.Builtin(1, time.Now()).Corner(4, 14), patiently)
	const who = `{ __typename }`
	member := r.token(t, auth.Principal{Role: auth.RoleMember, Subject: "a-1001"})
	other := r.token(t, auth.Principal{Role: auth.RoleMember, Subject: "a-1002"})
	id := tokenID(t, member)
	revoke := func(token, input, key string) answer {
		return r.ask(t, token, `mutation { tokenRevoke(input: {`+input+`}, idempotencyKey: "`+key+`") {
			effectiveBy userErrors { code field message } } }`, nil)
	}
	type payload struct {
		TokenRevoke struct {
			EffectiveBy *time.Time
			UserErrors  []struct {
				Code  retail.Why
				Field []string
			}
		}
	}
	for name, token := range map[string]string{
		"a member": other, "nobody": "", "an associate": r.token(t, auth.Principal{Role: auth.RoleAssociate, Subject: "s"}),
	} {
		if a := revoke(token, `tokenId: "`+id+`"`, "no"); len(a.Errors) == 0 {
			t.Errorf("%s takes a token back", name)
		}
	}
	if r.ask(t, member, who, nil).Status != http.StatusOK {
		t.Fatal("the member is refused before anything was taken back")
	}
	var p payload
	a := revoke(r.operator, `tokenId: "`+id+`"`, "yes")
	must(t, json.Unmarshal(a.Data, &p))
	if p.TokenRevoke.EffectiveBy == nil || len(p.TokenRevoke.UserErrors) > 0 {
		t.Fatalf("got %s %v", a.Data, a.Errors)
	}
	again := revoke(r.operator, `tokenId: "`+id+`"`, "yes")
	if !bytes.Equal(again.Data, a.Data) {
		t.Errorf("the repetition got %s, first %s", again.Data, a.Data)
	}
	if got := r.ask(t, member, who, nil).Status; got != http.StatusUnauthorized {
		t.Errorf("the token that was taken back gets %d", got)
	}
	if got := r.ask(t, other, who, nil).Status; got != http.StatusOK {
		t.Errorf("another member's token gets %d", got)
	}
	for input, field := range map[string]string{
		``:                           "input",
		`tokenId: "a", subject: "b"`: "input",
		`tokenId: ""`:                "input.tokenId",
		`subject: "s", issuer: "https://nobody/"`:     "input.issuer",
		`subject: "` + strings.Repeat("s", 300) + `"`: "input.subject",
	} {
		p = payload{}
		a := revoke(r.operator, input, "bad-"+rand.Text())
		must(t, json.Unmarshal(a.Data, &p))
		if len(p.TokenRevoke.UserErrors) != 1 || p.TokenRevoke.UserErrors[0].Code != retail.WhyInvalid ||
			strings.Join(p.TokenRevoke.UserErrors[0].Field, ".") != field || p.TokenRevoke.EffectiveBy != nil {
			t.Errorf("{%s}: got %s %v", input, a.Data, a.Errors)
		}
	}
}

func tokenID(t *testing.T, token string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	must(t, err)
	var claims struct {
		ID string `json:"jti"`
	}
	must(t, json.Unmarshal(raw, &claims))
	return claims.ID
}
