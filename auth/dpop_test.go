package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// holder is a client whose tokens are bound to its key.
type holder struct {
	key   *ecdsa.PrivateKey
	world *world
	token string
}

const endpoint = "https://api.example/graphql"

// thumbprint is that of RFC 7638, written down a second time.
func thumbprint(t testing.TB, key *ecdsa.PublicKey) string {
	k := jwkOf(t, key, "")
	digest := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + k["x"].(string) + `","y":"` + k["y"].(string) + `"}`))
	return b64(digest[:])
}

func newHolder(t testing.TB, w *world) *holder {
	h := &holder{key: newECKey(), world: w}
	h.token = forge(t, w.header(nil), w.claims(change{"cnf": change{"jkt": thumbprint(t, &h.key.PublicKey)}}), w.es(t))
	return h
}

func (h *holder) header(t testing.TB, with change) string {
	k := jwkOf(t, &h.key.PublicKey, "")
	for _, name := range []string{"kid", "use", "alg"} {
		delete(k, name)
	}
	return changed(change{"typ": "dpop+jwt", "alg": "ES256", "jwk": k}, with)
}

func (h *holder) claims(with change) string {
	digest := sha256.Sum256([]byte(h.token))
	return changed(change{
		"jti": rand.Text(), "htm": "POST", "htu": endpoint, "iat": now.Unix(), "ath": b64(digest[:]),
	}, with)
}

func (h *holder) proof(t testing.TB, header, claims change) string {
	return forge(t, h.header(t, header), h.claims(claims), signer(t, jwt.SigningMethodES256, h.key))
}

// request brings a token and proofs to the gateway at api.example.
func request(scheme, token string, proofs ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
	r.Host, r.TLS = "api.example", &tls.ConnectionState{}
	r.Header["Authorization"] = []string{scheme + " " + token}
	if len(proofs) > 0 {
		r.Header["Dpop"] = proofs
	}
	return r
}

func boundVerifier(t testing.TB, w *world, o auth.ProofOptions) *auth.Verifier {
	t.Helper()
	if o.PublicURL == "" {
		o.PublicURL = "https://api.example"
	}
	if o.Replays == nil {
		o.Replays = auth.NewReplayGuard(nil, 1000, clock)
	}
	o.Now = clock
	proofs, err := auth.NewProofs(o)
	if err != nil {
		t.Fatal(err)
	}
	own, err := auth.OwnIssuer(auth.DefaultTokenConfig(), auth.Roles(), w.own)
	if err != nil {
		t.Fatal(err)
	}
	registry, err := auth.NewRegistry(&auth.Partner{ID: "map", Reach: &retail.Reach{}, DPoP: true})
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: clock, Proofs: proofs, Partners: registry}, own)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTheHolderOfTheKeyIsLetIn(t *testing.T) {
	w := newWorld(t)
	h := newHolder(t, w)
	v := boundVerifier(t, w, auth.ProofOptions{})
	for name, r := range map[string]*http.Request{
		"a proof":                         request("DPoP", h.token, h.proof(t, nil, nil)),
		"another proof of the same token": request("DPoP", h.token, h.proof(t, nil, nil)),
		"the scheme in other case":        request("dpop", h.token, h.proof(t, nil, nil)),
		"a proof of 50 s ago":             request("DPoP", h.token, h.proof(t, nil, change{"iat": now.Unix() - 50})),
		"a clock 20 s ahead":              request("DPoP", h.token, h.proof(t, nil, change{"iat": now.Unix() + 20})),
		"the host in other case":          request("DPoP", h.token, h.proof(t, nil, change{"htu": "HTTPS://API.example/graphql"})),
		"the default port":                request("DPoP", h.token, h.proof(t, nil, change{"htu": "https://api.example:443/graphql"})),
		"a key that names its algorithm":  request("DPoP", h.token, h.proof(t, change{"jwk": with(jwkOf(t, &h.key.PublicKey, "x"), nil)}, nil)),
	} {
		if _, err := v.Authenticate(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	partner := newHolder(t, w)
	partner.token = forge(t, w.header(nil), w.claims(change{
		"role": "partner", "client_id": "map", "cnf": change{"jkt": thumbprint(t, &partner.key.PublicKey)},
	}), w.es(t))
	if p, err := v.Authenticate(request("DPoP", partner.token, partner.proof(t, nil, nil))); err != nil || p.Partner == nil {
		t.Errorf("a partner that must bind its tokens: %v", err)
	}
	at := request("DPoP", h.token, h.proof(t, nil, change{"htu": "https://shop.example/api/graphql"}))
	if _, err := boundVerifier(t, w, auth.ProofOptions{PublicURL: "https://shop.example/api/"}).Authenticate(at); err != nil {
		t.Errorf("behind a proxy: %v", err)
	}
	at = request("DPoP", h.token, h.proof(t, nil, nil))
	at.TLS, at.Host = nil, "10.0.0.7:8080"
	if _, err := v.Authenticate(at); err != nil {
		t.Errorf("behind a proxy that names itself: %v", err)
	}
	at = request("DPoP", h.token, h.proof(t, nil, change{"htu": "https://evil.example/graphql"}))
	at.Host, at.URL.Scheme, at.URL.Host = "evil.example", "https", "evil.example"
	if _, err := v.Authenticate(at); err == nil {
		t.Error("a proof for another gateway is accepted because the request says that this one is it")
	}
}

func TestOthersThanTheHolderAreRefused(t *testing.T) {
	w := newWorld(t)
	h, thief := newHolder(t, w), newHolder(t, w)
	v := boundVerifier(t, w, auth.ProofOptions{})
	used := h.proof(t, nil, nil)
	if _, err := v.Authenticate(request("DPoP", h.token, used)); err != nil {
		t.Fatal(err)
	}
	header := func(c change) *http.Request { return request("DPoP", h.token, h.proof(t, c, nil)) }
	claims := func(c change) *http.Request { return request("DPoP", h.token, h.proof(t, nil, c)) }
	method := func(r *http.Request, method string) *http.Request { r.Method = method; return r }
	own := jwkOf(t, &h.key.PublicKey, "")
	rs, _ := rsa.GenerateKey(rand.Reader, 2048)
	unbound := forge(t, w.header(nil), w.claims(nil), w.es(t))
	hs := func(secret []byte) string {
		return forge(t, h.header(t, change{"alg": "HS256"}), h.claims(nil), signer(t, jwt.SigningMethodHS256, secret))
	}
	sameID := rand.Text()
	if _, err := v.Authenticate(claims(change{"jti": sameID})); err != nil {
		t.Fatal(err)
	}
	hostile := map[string]*http.Request{
		"a bound token as bearer":               request("Bearer", h.token),
		"a bound token as bearer with a proof":  request("Bearer", h.token, h.proof(t, nil, nil)),
		"no proof":                              request("DPoP", h.token),
		"an empty proof":                        request("DPoP", h.token, ""),
		"two proofs":                            request("DPoP", h.token, h.proof(t, nil, nil), h.proof(t, nil, nil)),
		"two proofs in one header":              request("DPoP", h.token, h.proof(t, nil, nil)+", "+h.proof(t, nil, nil)),
		"garbage":                               request("DPoP", h.token, "garbage"),
		"the token as the proof":                request("DPoP", h.token, h.token),
		"a proof of 9 KiB":                      claims(change{"pad": strings.Repeat("x", 9<<10)}),
		"the same proof again":                  request("DPoP", h.token, used),
		"another proof with the same id":        claims(change{"jti": sameID}),
		"a thief's proof":                       request("DPoP", h.token, thief.proof(t, nil, nil)),
		"a thief's proof of this token":         request("DPoP", h.token, forge(t, thief.header(t, nil), h.claims(nil), signer(t, jwt.SigningMethodES256, thief.key))),
		"the holder's key, a thief's hand":      request("DPoP", h.token, forge(t, h.header(t, nil), h.claims(nil), signer(t, jwt.SigningMethodES256, thief.key))),
		"a proof for another token":             request("DPoP", h.token, (&holder{h.key, w, thief.token}).proof(t, nil, nil)),
		"an unbound token with a proof":         request("DPoP", unbound, (&holder{h.key, w, unbound}).proof(t, nil, nil)),
		"an unbound token of a partner":         request("Bearer", forge(t, w.header(nil), w.claims(change{"role": "partner", "client_id": "map"}), w.es(t))),
		"a changed proof":                       request("DPoP", h.token, used[:len(used)-6]+"AAAAAA"),
		"no typ":                                header(change{"typ": nil}),
		"typ JWT":                               header(change{"typ": "JWT"}),
		"typ of an access token":                header(change{"typ": "at+jwt"}),
		"typ in other case":                     header(change{"typ": "DPoP+JWT"}),
		"alg none":                              request("DPoP", h.token, forge(t, h.header(t, change{"alg": "none"}), h.claims(nil), func(string) []byte { return []byte{0} })),
		"HS256 with the token":                  request("DPoP", h.token, hs([]byte(h.token))),
		"HS256 with the thumbprint":             request("DPoP", h.token, hs([]byte(thumbprint(t, &h.key.PublicKey)))),
		"HS256 with a secret in the header":     request("DPoP", h.token, forge(t, h.header(t, change{"alg": "HS256", "jwk": change{"kty": "oct", "k": b64([]byte("secret"))}}), h.claims(nil), signer(t, jwt.SigningMethodHS256, []byte("secret")))),
		"the algorithm of another kind":         header(change{"alg": "RS256"}),
		"a key that names another algorithm":    header(change{"jwk": with(own, change{"alg": "ES384"})}),
		"a private key in the header":           header(change{"jwk": with(own, change{"d": b64(make([]byte, 32))})}),
		"no key in the header":                  header(change{"jwk": nil}),
		"a key that is a text":                  header(change{"jwk": asJSON(own)}),
		"a list of keys":                        header(change{"jwk": []change{own}}),
		"a key without a kind":                  header(change{"jwk": with(own, change{"kty": nil})}),
		"a key with padding":                    header(change{"jwk": with(own, change{"x": own["x"].(string) + "="})}),
		"a key with a zero in front":            header(change{"jwk": with(own, change{"x": b64(append([]byte{0}, make([]byte, 32)...))})}),
		"an RSA key of somebody":                request("DPoP", h.token, forge(t, h.header(t, change{"alg": "RS256", "jwk": jwkOf(t, &rs.PublicKey, "")}), h.claims(nil), signer(t, jwt.SigningMethodRS256, rs))),
		"a URL of keys":                         header(change{"jku": "https://evil.example/"}),
		"crit":                                  header(change{"crit": []string{"x"}}),
		"another method":                        claims(change{"htm": "GET"}),
		"the method in other case":              claims(change{"htm": "post"}),
		"a GET with a proof for POST":           method(claims(nil), http.MethodGet),
		"no method":                             claims(change{"htm": nil}),
		"a list of methods":                     claims(change{"htm": []string{"POST"}}),
		"another host":                          claims(change{"htu": "https://evil.example/graphql"}),
		"a host that begins alike":              claims(change{"htu": "https://api.example.evil.example/graphql"}),
		"another port":                          claims(change{"htu": "https://api.example:8443/graphql"}),
		"another scheme":                        claims(change{"htu": "http://api.example/graphql"}),
		"another path":                          claims(change{"htu": "https://api.example/graphql/"}),
		"a path in other case":                  claims(change{"htu": "https://api.example/GraphQL"}),
		"a path with dots":                      claims(change{"htu": "https://api.example/x/../graphql"}),
		"an escaped path":                       claims(change{"htu": "https://api.example/%67raphql"}),
		"a query":                               claims(change{"htu": endpoint + "?a=b"}),
		"an empty query":                        claims(change{"htu": endpoint + "?"}),
		"a fragment":                            claims(change{"htu": endpoint + "#a"}),
		"a user":                                claims(change{"htu": "https://api.example@evil.example/graphql"}),
		"a user before the host":                claims(change{"htu": "https://x@api.example/graphql"}),
		"a path alone":                          claims(change{"htu": "/graphql"}),
		"no URL":                                claims(change{"htu": nil}),
		"a proof of two minutes ago":            claims(change{"iat": now.Unix() - 120}),
		"a proof of 61 s ago":                   claims(change{"iat": now.Unix() - 61}),
		"a proof of tomorrow":                   claims(change{"iat": now.Add(24 * time.Hour).Unix()}),
		"a proof of no time":                    claims(change{"iat": nil}),
		"a time as text":                        claims(change{"iat": asJSON(now.Unix())}),
		"a time with a fraction":                claims(change{"iat": float64(now.Unix()) + 0.5}),
		"no id":                                 claims(change{"jti": nil}),
		"an empty id":                           claims(change{"jti": ""}),
		"an id of 129 characters":               claims(change{"jti": strings.Repeat("j", 129)}),
		"an id that is a number":                claims(change{"jti": 1}),
		"no digest of the token":                claims(change{"ath": nil}),
		"an empty digest":                       claims(change{"ath": ""}),
		"the digest of the digest":              claims(change{"ath": b64([]byte(h.token)[:32])}),
		"a token that is not accepted, a proof": request("DPoP", h.token[:len(h.token)-3], h.proof(t, nil, nil)),
		"a repeated claim": request("DPoP", h.token, forge(t, h.header(t, nil),
			strings.Replace(h.claims(nil), `"htm"`, `"htm":"GET","htm"`, 1), signer(t, jwt.SigningMethodES256, h.key))),
	}
	if len(hostile) < 20 {
		t.Fatalf("only %d requests are tried", len(hostile))
	}
	for name, r := range hostile {
		p, err := v.Authenticate(r)
		if err == nil || retail.CodeOf(err) != retail.CodeUnauthenticated || p.Known() {
			t.Errorf("%s: got %v, %v", name, p, err)
		}
	}
	t.Logf("%d hostile requests", len(hostile))
	_, err := v.Authenticate(hostile["no proof"])
	if c := auth.Challenges(err); len(c) != 1 || !strings.HasPrefix(c[0], "DPoP ") || !strings.Contains(c[0], `algs="ES256 ES384 EdDSA PS256 RS256"`) {
		t.Errorf("the challenge is %q", c)
	}
	_, err = v.Authenticate(request("Bearer", "x"))
	if c := auth.Challenges(err); len(c) != 1 || !strings.HasPrefix(c[0], "Bearer ") {
		t.Errorf("the challenge for a bearer token is %q", c)
	}
	if _, err := w.verifier.Authenticate(request("DPoP", h.token, h.proof(t, nil, nil))); err == nil {
		t.Error("a verifier that cannot check proofs accepts a bound token")
	}
}

// TestProofsOfEveryAlgorithm uses the key kinds that a client may choose.
func TestProofsOfEveryAlgorithm(t *testing.T) {
	w := newWorld(t)
	v := boundVerifier(t, w, auth.ProofOptions{})
	members := func(k change, names ...string) string {
		text := "{"
		for i, name := range names {
			if i > 0 {
				text += ","
			}
			text += `"` + name + `":"` + k[name].(string) + `"`
		}
		digest := sha256.Sum256([]byte(text + "}"))
		return b64(digest[:])
	}
	for algorithm, c := range map[string]struct {
		public any
		sign   func(string) []byte
		names  []string
	}{
		"ES384": {&w.ec384.PublicKey, signer(t, jwt.SigningMethodES384, w.ec384), []string{"crv", "kty", "x", "y"}},
		"EdDSA": {w.ed.Public(), signer(t, jwt.SigningMethodEdDSA, w.ed), []string{"crv", "kty", "x"}},
		"RS256": {&w.rs.PublicKey, signer(t, jwt.SigningMethodRS256, w.rs), []string{"e", "kty", "n"}},
		"PS256": {&w.rs.PublicKey, signer(t, jwt.SigningMethodPS256, w.rs), []string{"e", "kty", "n"}},
	} {
		k := jwkOf(t, c.public, "x")
		h := &holder{world: w}
		h.token = forge(t, w.header(nil), w.claims(change{"cnf": change{"jkt": members(k, c.names...)}}), w.es(t))
		proof := forge(t, asJSON(change{"typ": "dpop+jwt", "alg": algorithm, "jwk": k}), h.claims(nil), c.sign)
		if _, err := v.Authenticate(request("DPoP", h.token, proof)); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

// memory is a shared memory of proofs that can be away.
type memory struct {
	used map[string]bool
	away bool
}

func (m *memory) Once(_ context.Context, key string, ttl time.Duration) (bool, error) {
	if m.away {
		return false, errors.New("away")
	}
	if ttl <= 0 || ttl > 100*time.Second {
		return false, errors.New("a proof is remembered for as long as it could be used")
	}
	first := !m.used[key]
	m.used[key] = true
	return first, nil
}

func TestProofsWorkOnceWhateverIsAway(t *testing.T) {
	w := newWorld(t)
	h := newHolder(t, w)
	shared := &memory{used: map[string]bool{}}
	gateway := func() *auth.Verifier {
		return boundVerifier(t, w, auth.ProofOptions{Replays: auth.NewReplayGuard(shared, 2, clock)})
	}
	here, there := gateway(), gateway()
	ask := func(v *auth.Verifier, proof string) error {
		_, err := v.Authenticate(request("DPoP", h.token, proof))
		return err
	}
	one := h.proof(t, nil, nil)
	if err := ask(here, one); err != nil {
		t.Fatal(err)
	}
	if ask(there, one) == nil {
		t.Error("another gateway takes the same proof")
	}
	shared.away = true
	if ask(here, one) == nil {
		t.Error("while the shared memory is away, the gateway forgets what it saw itself")
	}
	two, three := h.proof(t, nil, nil), h.proof(t, nil, nil)
	if err := ask(here, two); err != nil {
		t.Errorf("while the shared memory is away, a new proof: %v", err)
	}
	if err := ask(here, three); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Errorf("with both memories full or away, a proof gets %v", err)
	}
	shared.away = false
	if err := ask(here, three); err != nil {
		t.Errorf("the shared memory is back: %v", err)
	}
	if ask(here, three) == nil {
		t.Error("the proof works twice")
	}
}

// TestReplayGuardForgetsNothingEarly compares the guard with a memory that forgets nothing at all.
func TestReplayGuardForgetsNothingEarly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := now
		g := auth.NewReplayGuard(nil, 20, func() time.Time { return at })
		used := map[string]time.Time{}
		for range rapid.IntRange(1, 200).Draw(t, "uses") {
			at = at.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "seconds")) * time.Second)
			key := rapid.StringMatching(`[a-f]{1,2}`).Draw(t, "key")
			ttl := time.Duration(rapid.IntRange(1, 91).Draw(t, "ttl")) * time.Second
			first, err := g.Once(context.Background(), key, ttl)
			until, known := used[key]
			fresh := !known || !at.Before(until)
			switch {
			case err != nil && first:
				t.Fatal("nobody knows, and yet it is let in")
			case err == nil && first != fresh:
				t.Fatalf("%s at %v, used until %v: first is %v", key, at, until, first)
			case err == nil && first:
				used[key] = at.Add(ttl)
			}
			maps.DeleteFunc(used, func(_ string, until time.Time) bool { return !at.Before(until) })
			if err != nil && len(used) == 0 {
				t.Fatal("the guard is full of nothing")
			}
		}
	})
}

func TestPublicURLs(t *testing.T) {
	for url, sound := range map[string]bool{
		"": false, "https://api.example": true, "https://api.example/retail": true, "http://127.0.0.1:8080": true,
		"api.example": false, "ftp://api.example": false, "https://": false, "https://a@api.example": false,
		"https://api.example?x": false, "https://api.example#x": false,
	} {
		_, err := auth.NewProofs(auth.ProofOptions{PublicURL: url, Replays: auth.NewReplayGuard(nil, 1, clock)})
		if (err == nil) != sound {
			t.Errorf("%q: got %v", url, err)
		}
	}
	if _, err := auth.NewProofs(auth.ProofOptions{}); err == nil {
		t.Error("proofs are checked without remembering them")
	}
}

// FuzzProof brings a bound token with proofs of any kind: only the holder's own is accepted, and once.
func FuzzProof(f *testing.F) {
	w := newWorld(f)
	h := newHolder(f, w)
	good := h.proof(f, nil, nil)
	f.Add(good)
	f.Add(h.proof(f, change{"alg": "none"}, nil))
	f.Add(h.proof(f, change{"jwk": change{"kty": "oct", "k": "AAAA"}}, nil))
	f.Add(h.proof(f, nil, change{"iat": 1e300, "jti": strings.Repeat("a", 500), "htu": "https://[::1%25]:99999/"}))
	f.Add("....")
	v := boundVerifier(f, w, auth.ProofOptions{Replays: firstTime{}})
	f.Fuzz(func(t *testing.T, proof string) {
		if _, err := v.Authenticate(request("DPoP", h.token, proof)); (err == nil) != (proof == good) || err != nil && retail.CodeOf(err) != retail.CodeUnauthenticated {
			t.Fatalf("%q: %v", proof, err)
		}
	})
}

// firstTime forgets what was used.
type firstTime struct{}

func (firstTime) Once(context.Context, string, time.Duration) (bool, error) { return true, nil }
