package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// provider is an identity provider that serves a key set over HTTP.
type provider struct {
	*httptest.Server
	mu      sync.Mutex
	set     string
	handler http.HandlerFunc // instead of the set
	asked   atomic.Int64
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		p.mu.Lock()
		set, handler := p.set, p.handler
		p.mu.Unlock()
		if handler != nil {
			handler(w, r)
			return
		}
		_, _ = w.Write([]byte(set))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) serve(keys ...change) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set, p.handler = asJSON(change{"keys": keys}), nil
}

func (p *provider) answer(h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handler = h
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func jwkOf(t testing.TB, public any, kid string) change {
	t.Helper()
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		size := (len(point) - 1) / 2
		return change{
			"kty": "EC", "crv": public.Params().Name, "kid": kid, "use": "sig", "alg": map[int]string{32: "ES256", 48: "ES384"}[size],
			"x": b64(point[1 : 1+size]), "y": b64(point[1+size:]),
		}
	case *rsa.PublicKey:
		return change{"kty": "RSA", "kid": kid, "use": "sig", "n": b64(public.N.Bytes()), "e": b64(big.NewInt(int64(public.E)).Bytes())}
	case ed25519.PublicKey:
		return change{"kty": "OKP", "crv": "Ed25519", "kid": kid, "key_ops": []string{"verify"}, "x": b64(public)}
	}
	t.Fatalf("no JWK of %T", public)
	return nil
}

func with(of, more change) change {
	all := change{}
	for _, m := range []change{of, more} {
		for k, v := range m {
			if all[k] = v; v == nil {
				delete(all, k)
			}
		}
	}
	return all
}

// timer is a clock that a test moves.
type timer struct{ at atomic.Int64 }

func newTimer() *timer {
	c := &timer{}
	c.at.Store(now.UnixNano())
	return c
}

func (c *timer) Now() time.Time       { return time.Unix(0, c.at.Load()).UTC() }
func (c *timer) pass(d time.Duration) { c.at.Add(int64(d)) }

// claims are those of a member, of now.
func (c *timer) claims(w *world) string {
	at := c.Now().Unix()
	return w.member(change{"jti": rand.Text(), "iat": at, "exp": at + 3600})
}

// gatewayOf trusts the provider's members.
func gatewayOf(t testing.TB, source string, c *timer, reg prometheus.Registerer) (*auth.JWKS, *auth.Verifier) {
	t.Helper()
	algorithms := []string{"ES256", "RS256", "EdDSA"}
	deps := auth.JWKSDeps{Now: c.Now}
	if reg != nil {
		var err error
		if deps.Metrics, err = auth.NewJWKSMetrics(reg); err != nil {
			t.Fatal(err)
		}
	}
	set, err := auth.NewJWKS(auth.JWKSConfig{Issuer: membersName, Source: source, Algorithms: algorithms}, deps)
	if err != nil {
		t.Fatal(err)
	}
	config := auth.DefaultTokenConfig()
	config.Issuer = membersName
	v, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: c.Now}, auth.TrustedIssuer{
		TokenConfig: config, Algorithms: algorithms, Roles: []auth.Role{auth.RoleMember}, Types: []string{"at+jwt"}, Keys: set,
	})
	if err != nil {
		t.Fatal(err)
	}
	return set, v
}

func (w *world) signedBy(t testing.TB, key *ecdsa.PrivateKey, kid, claims string) string {
	return forge(t, w.header(change{"kid": kid}), claims, signer(t, jwt.SigningMethodES256, key))
}

func newECKey() *ecdsa.PrivateKey {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return key
}

func TestKeysOfEveryKindAreReadFromASet(t *testing.T) {
	w, p, c := newWorld(t), newProvider(t), newTimer()
	p.serve(
		jwkOf(t, &w.ec.PublicKey, "ec"), jwkOf(t, &w.rs.PublicKey, "rsa"), jwkOf(t, w.ed.Public(), "ed"),
		with(jwkOf(t, &w.other.PublicKey, "encrypts"), change{"use": "enc"}),
		with(jwkOf(t, &w.other.PublicKey, "signs"), change{"use": nil, "key_ops": []string{"sign"}}),
		with(jwkOf(t, &w.ec384.PublicKey, "not allowed"), nil),
		change{"kty": "AKP", "kid": "of tomorrow", "alg": "ML-DSA-65", "pub": "AAAA"},
		with(jwkOf(t, &w.other.PublicKey, ""), change{"kid": nil}),
		with(jwkOf(t, &w.rs.PublicKey, "for PS256"), change{"alg": "PS256"}),
	)
	_, v := gatewayOf(t, p.URL, c, nil)
	claims := c.claims(w)
	for name, token := range map[string]string{
		"EC":  forge(t, w.header(change{"kid": "ec"}), claims, w.es(t)),
		"RSA": forge(t, w.header(change{"kid": "rsa", "alg": "RS256"}), claims, signer(t, jwt.SigningMethodRS256, w.rs)),
		"Ed":  forge(t, w.header(change{"kid": "ed", "alg": "EdDSA"}), claims, signer(t, jwt.SigningMethodEdDSA, w.ed)),
	} {
		if _, err := v.Verify(t.Context(), token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, token := range map[string]string{
		"a key that encrypts":       w.signedBy(t, w.other, "encrypts", claims),
		"a key that only signs":     w.signedBy(t, w.other, "signs", claims),
		"a key without an id":       w.signedBy(t, w.other, "", claims),
		"a curve of no algorithm":   forge(t, w.header(change{"kid": "not allowed", "alg": "ES384"}), claims, signer(t, jwt.SigningMethodES384, w.ec384)),
		"an algorithm of the key":   forge(t, w.header(change{"kid": "for PS256", "alg": "PS256"}), claims, signer(t, jwt.SigningMethodPS256, w.rs)),
		"another than the key's":    forge(t, w.header(change{"kid": "for PS256", "alg": "RS256"}), claims, signer(t, jwt.SigningMethodRS256, w.rs)),
		"a kind that nobody knows":  w.signedBy(t, w.other, "of tomorrow", claims),
		"the key of another id":     w.signedBy(t, w.ec, "ed", claims),
		"one that is not published": w.signedBy(t, w.other, "ec", claims),
	} {
		if _, err := v.Verify(t.Context(), token); retail.CodeOf(err) != retail.CodeUnauthenticated {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestKeysRotateUnderLoad publishes a key a moment before it signs, again and again, while eight clients ask.
func TestKeysRotateUnderLoad(t *testing.T) {
	w, p, c := newWorld(t), newProvider(t), newTimer()
	type current struct {
		key *ecdsa.PrivateKey
		kid string
	}
	var signs atomic.Pointer[current]
	turn := func(kid string) {
		next := &current{newECKey(), kid}
		p.serve(jwkOf(t, &next.key.PublicKey, next.kid)) // the old key is gone from the set at once
		signs.Store(next)
	}
	turn("k0")
	_, v := gatewayOf(t, p.URL, c, nil)
	done, results := make(chan struct{}), make(chan error)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				k := signs.Load()
				_, err := v.Verify(t.Context(), w.signedBy(t, k.key, k.kid, c.claims(w)))
				select {
				case results <- err:
				case <-done:
					return
				}
			}
		})
	}
	verified, refused := 0, 0
	for i := range 10 {
		for range 60 {
			if err := <-results; err != nil {
				refused++
				t.Error(err)
			}
			verified++
		}
		c.pass(30 * time.Second)
		turn("k" + asJSON(i+1))
	}
	close(done)
	clients.Wait()
	t.Logf("%d tokens of 11 keys verified, %d refused, %d readings", verified, refused, p.asked.Load())
	if p.asked.Load() > 12 {
		t.Errorf("the set was read %d times for 11 keys", p.asked.Load())
	}
}

func TestAProviderThatIsDown(t *testing.T) {
	w, p, c := newWorld(t), newProvider(t), newTimer()
	key := newECKey()
	set, v := gatewayOf(t, p.URL, c, nil)
	fresh := func() error {
		_, err := v.Verify(t.Context(), w.signedBy(t, key, "1", c.claims(w)))
		return err
	}
	p.answer(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) })
	if err := fresh(); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Errorf("before any set was read, a token gets %v, not that it cannot be checked", err)
	}
	p.serve(jwkOf(t, &key.PublicKey, "1"))
	if err := set.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.answer(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) })
	for minute := range 60 {
		c.pass(time.Minute)
		if set.Refresh(t.Context()) == nil {
			t.Fatal("a provider that is down gives a set")
		}
		if err := fresh(); err != nil {
			t.Fatalf("after %d minutes: %v", minute+1, err)
		}
	}
	_, err := v.Verify(t.Context(), w.signedBy(t, newECKey(), "2", c.claims(w)))
	if retail.CodeOf(err) != retail.CodeUnauthenticated {
		t.Errorf("an unknown key in an outage: %v", err)
	}
	c.pass(23*time.Hour - time.Second)
	if err := fresh(); err != nil {
		t.Errorf("within a day: %v", err)
	}
	c.pass(2 * time.Second)
	if err := fresh(); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Errorf("after a day without any answer the key is still used: %v", err)
	}
}

func TestAKeyThatIsWithdrawnEndsAfterTheOverlap(t *testing.T) {
	w, p, c := newWorld(t), newProvider(t), newTimer()
	old, next := newECKey(), newECKey()
	set, v := gatewayOf(t, p.URL, c, nil)
	works := func(key *ecdsa.PrivateKey, kid string) bool {
		_, err := v.Verify(t.Context(), w.signedBy(t, key, kid, c.claims(w)))
		return err == nil
	}
	read := func() {
		if err := set.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p.serve(jwkOf(t, &old.PublicKey, "old"))
	read()
	p.serve(jwkOf(t, &next.PublicKey, "next"))
	read()
	for range 4 {
		c.pass(time.Minute)
		read()
		if !works(old, "old") || !works(next, "next") {
			t.Fatal("a key is refused within the overlap")
		}
	}
	c.pass(time.Minute)
	if works(old, "old") || !works(next, "next") {
		t.Error("the withdrawn key is accepted after the overlap, or the new one is not")
	}
	p.serve(jwkOf(t, &old.PublicKey, "old")) // back again
	read()
	if !works(old, "old") {
		t.Error("a key that was published again is refused")
	}
}

func TestUnknownKeysAreAskedForSeldom(t *testing.T) {
	w, p, c := newWorld(t), newProvider(t), newTimer()
	key := newECKey()
	p.serve(jwkOf(t, &key.PublicKey, "1"))
	reg := prometheus.NewRegistry()
	_, v := gatewayOf(t, p.URL, c, reg)
	if _, err := v.Verify(t.Context(), w.signedBy(t, key, "1", c.claims(w))); err != nil {
		t.Fatal(err)
	}
	_, claims, _ := strings.Cut(w.signedBy(t, key, "1", c.claims(w)), ".")
	var clients sync.WaitGroup
	const each = 1250
	for range 8 {
		clients.Go(func() {
			for range each {
				token := b64([]byte(w.header(change{"kid": rand.Text()}))) + "." + claims
				if _, err := v.Verify(t.Context(), token); retail.CodeOf(err) != retail.CodeUnauthenticated {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	clients.Wait()
	if n := p.asked.Load(); n > 1 {
		t.Errorf("10,000 unknown keys within ten seconds made the set be read %d times", n)
	}
	for range 6 { // a minute of them
		c.pass(10 * time.Second)
		for range 100 {
			_, _ = v.Verify(t.Context(), b64([]byte(w.header(change{"kid": rand.Text()})))+"."+claims)
		}
	}
	if n := p.asked.Load(); n != 7 {
		t.Errorf("a minute of unknown keys made the set be read %d times, want 7", n)
	}
	if _, err := v.Verify(t.Context(), w.signedBy(t, key, "1", c.claims(w))); err != nil {
		t.Errorf("the known key: %v", err)
	}
	want := strings.NewReader(`
# HELP portico_auth_jwks_fetches_total Readings of key sets.
# TYPE portico_auth_jwks_fetches_total counter
portico_auth_jwks_fetches_total{issuer="https://members.example",outcome="ok"} 7
# HELP portico_auth_jwks_age_seconds Time since the key set was last read; -1 before the first time.
# TYPE portico_auth_jwks_age_seconds gauge
portico_auth_jwks_age_seconds{issuer="https://members.example"} 0
`)
	if err := testutil.GatherAndCompare(reg, want); err != nil {
		t.Error(err)
	}
}

func TestPoisonedSetsLeaveTheKnownKeys(t *testing.T) {
	w, c := newWorld(t), newTimer()
	p, key := newProvider(t), newECKey()
	sound := jwkOf(t, &key.PublicKey, "1")
	evil := jwkOf(t, &newECKey().PublicKey, "evil")
	reg := prometheus.NewRegistry()
	set, v := gatewayOf(t, p.URL, c, reg)
	p.serve(sound)
	if err := set.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	elsewhere := newProvider(t)
	elsewhere.serve(evil)
	of := func(keys ...change) http.HandlerFunc { return text(asJSON(change{"keys": keys})) }
	many := make([]change, 65)
	for i := range many {
		many[i] = with(evil, change{"kid": asJSON(i)})
	}
	dripped := make(chan struct{})
	for name, poison := range map[string]http.HandlerFunc{
		"10 MB": func(rw http.ResponseWriter, _ *http.Request) {
			for range 10 << 10 {
				if _, err := rw.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		},
		"a sound set with 300 KB behind": text(asJSON(change{"keys": []change{evil}}) + strings.Repeat(" ", 300<<10)),
		"a redirect": func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, elsewhere.URL, http.StatusFound)
		},
		"a redirect with a set of its own": func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Location", elsewhere.URL)
			rw.WriteHeader(http.StatusTemporaryRedirect)
			_, _ = rw.Write([]byte(asJSON(change{"keys": []change{evil}})))
		},
		"an error with a set in it": func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusForbidden)
			_, _ = rw.Write([]byte(asJSON(change{"keys": []change{evil}})))
		},
		"a connection that is cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"half a set": func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Length", "1000")
			_, _ = rw.Write([]byte(`{"keys":[`))
		},
		"a slow drip": func(rw http.ResponseWriter, r *http.Request) {
			for _, b := range []byte(asJSON(change{"keys": []change{evil}})) {
				_, _ = rw.Write([]byte{b})
				_ = http.NewResponseController(rw).Flush()
				select {
				case <-r.Context().Done():
					close(dripped)
					return
				case <-time.After(200 * time.Millisecond):
				}
			}
		},
		"nothing":                        text(""),
		"a page":                         text("<html>sign in</html>"),
		"null":                           text("null"),
		"a list":                         text(asJSON([]change{evil})),
		"no list of keys":                text(`{"keys":{}}`),
		"keys that are null":             text(`{"keys":[null]}`),
		"no key at all":                  of(),
		"two lists of keys":              text(`{"keys":[],` + asJSON(change{"keys": []change{evil}})[1:]),
		"a set with a tail":              text(asJSON(change{"keys": []change{evil}}) + "x"),
		"65 keys":                        of(many...),
		"a private EC key":               of(evil, with(sound, change{"kid": "2", "d": b64(make([]byte, 32))})),
		"a private RSA key":              of(evil, with(jwkOf(t, &w.rs.PublicKey, "2"), change{"p": "AQAB", "q": "AQAB"})),
		"a shared secret":                of(evil, change{"kty": "oct", "k": "AAAA", "kid": "2"}),
		"a shared secret without k":      of(evil, change{"kty": "oct", "kid": "2"}),
		"the same id twice":              of(evil, with(sound, change{"kid": "evil"})),
		"only keys that encrypt":         of(with(evil, change{"use": "enc"})),
		"only keys that only sign":       of(with(evil, change{"key_ops": []string{"sign"}})),
		"uses that are a list":           of(with(evil, change{"use": []string{"sig"}})),
		"only keys without an id":        of(with(evil, change{"kid": nil})),
		"only keys of other algorithms":  of(with(evil, change{"alg": "ES384"})),
		"only a key for HS256":           of(with(evil, change{"alg": "HS256"})),
		"a key without a kind":           of(with(evil, change{"kty": nil})),
		"a point that is off the curve":  of(with(evil, change{"x": b64(append(make([]byte, 31), 1))})),
		"the point at infinity":          of(with(evil, change{"x": b64(make([]byte, 32)), "y": b64(make([]byte, 32))})),
		"a point that is too long":       of(with(evil, change{"x": b64(make([]byte, 33))})),
		"a point with padding":           of(with(evil, change{"x": evil["x"].(string) + "="})),
		"an RSA key of 1024 bits":        of(change{"kty": "RSA", "kid": "evil", "n": b64(new(big.Int).SetBit(big.NewInt(1), 1023, 1).Bytes()), "e": "AQAB"}),
		"an RSA key with the exponent 1": of(with(jwkOf(t, &w.rs.PublicKey, "evil"), change{"e": "AQ"})),
		"an RSA key with the exponent 3": of(with(jwkOf(t, &w.rs.PublicKey, "evil"), change{"e": "Aw"})),
		"an RSA key of 16384 bits":       of(change{"kty": "RSA", "kid": "evil", "n": b64(new(big.Int).SetBit(big.NewInt(1), 16383, 1).Bytes()), "e": "AQAB"}),
		"an Ed25519 key that is short":   of(change{"kty": "OKP", "crv": "Ed25519", "kid": "evil", "x": b64(make([]byte, 31))}),
	} {
		p.answer(poison)
		if set.Refresh(t.Context()) == nil {
			t.Errorf("%s: the set is taken", name)
		}
		if _, err := v.Verify(t.Context(), w.signedBy(t, key, "1", c.claims(w))); err != nil {
			t.Errorf("%s: the known key is lost: %v", name, err)
		}
	}
	<-dripped // the reading ended, and with it the connection
	if n := elsewhere.asked.Load(); n > 0 {
		t.Errorf("redirects were followed %d times", n)
	}
	p.serve(sound, evil)
	if err := set.Refresh(t.Context()); err != nil {
		t.Errorf("the provider is well again: %v", err)
	}
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(s)) }
}

// TestKeysOfIssuersDoNotMix: two providers use the same id for different keys.
func TestKeysOfIssuersDoNotMix(t *testing.T) {
	w, c := newWorld(t), newTimer()
	mine, theirs := newECKey(), newECKey()
	mineAt, theirsAt := newProvider(t), newProvider(t)
	mineAt.serve(jwkOf(t, &mine.PublicKey, "1"))
	theirsAt.serve(jwkOf(t, &theirs.PublicKey, "1"))
	var issuers []auth.TrustedIssuer
	for name, at := range map[string]*provider{membersName: mineAt, mixedName: theirsAt} {
		config := auth.DefaultTokenConfig()
		config.Issuer = name
		set, err := auth.NewJWKS(auth.JWKSConfig{Issuer: name, Source: at.URL, Algorithms: []string{"ES256"}}, auth.JWKSDeps{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		issuers = append(issuers, auth.TrustedIssuer{
			TokenConfig: config, Algorithms: []string{"ES256"}, Roles: []auth.Role{auth.RoleMember}, Types: []string{"at+jwt"}, Keys: set,
			SubjectPrefix: strings.TrimPrefix(name, "https://"),
		})
	}
	v, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: c.Now}, issuers...)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]*ecdsa.PrivateKey{membersName: mine, mixedName: theirs} {
		for other, wrong := range map[bool]*ecdsa.PrivateKey{true: mine, false: theirs} {
			token := w.signedBy(t, wrong, "1", w.member(change{"iss": name}))
			if _, err := v.Verify(t.Context(), token); (err == nil) != (wrong == key) {
				t.Errorf("%s, own key %v: %v", name, other, err)
			}
		}
	}
}

func TestAKeySetInAFileIsReadAgain(t *testing.T) {
	w, c := newWorld(t), newTimer()
	path := filepath.Join(t.TempDir(), "keys.json")
	write := func(keys ...change) {
		if err := os.WriteFile(path, []byte(asJSON(change{"keys": keys})), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	one, two := newECKey(), newECKey()
	write(jwkOf(t, &one.PublicKey, "one"))
	_, v := gatewayOf(t, path, c, nil)
	if _, err := v.Verify(t.Context(), w.signedBy(t, one, "one", c.claims(w))); err != nil {
		t.Fatal(err)
	}
	write(jwkOf(t, &two.PublicKey, "two"))
	c.pass(10 * time.Second)
	if _, err := v.Verify(t.Context(), w.signedBy(t, two, "two", c.claims(w))); err != nil {
		t.Errorf("a key that was added: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c.pass(10 * time.Second)
	if _, err := v.Verify(t.Context(), w.signedBy(t, two, "two", c.claims(w))); err != nil {
		t.Errorf("without the file: %v", err)
	}
}

func TestSourcesOfKeySets(t *testing.T) {
	for source, sound := range map[string]bool{
		"https://id.example/jwks.json":     true,
		"http://127.0.0.1:9000/jwks":       true,
		"http://[::1]:9000/jwks":           true,
		"http://localhost/jwks":            true,
		"keys.json":                        true,
		"http://id.example/jwks":           false,
		"http://127.0.0.1.evil.example/":   false,
		"http://localhost.evil.example/":   false,
		"http://10.0.0.1/jwks":             false,
		"https://user:secret@id.example/":  false,
		"https://id.example/#fragment":     false,
		"ftp://id.example/jwks":            false,
		"file:///etc/passwd":               false,
		"https://":                         false,
		"":                                 false,
		"gopher://127.0.0.1:6379/_SET%20x": false,
	} {
		_, err := auth.NewJWKS(auth.JWKSConfig{Issuer: "x", Source: source, Algorithms: []string{"ES256"}}, auth.JWKSDeps{Now: clock})
		if (err == nil) != sound {
			t.Errorf("%q: got %v", source, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows a password: %v", err)
		}
	}
}

// TestACallerThatLeavesDoesNotSpoilTheReading: its reading goes on for those who wait with it, and whoever leaves is let go.
func TestACallerThatLeavesDoesNotSpoilTheReading(t *testing.T) {
	w, p, c := newWorld(t), newProvider(t), newTimer()
	key := newECKey()
	asked, answer := make(chan struct{}), make(chan struct{})
	p.answer(func(rw http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		text(asJSON(change{"keys": []change{jwkOf(t, &key.PublicKey, "1")}}))(rw, nil)
	})
	_, v := gatewayOf(t, p.URL, c, nil)
	token := w.signedBy(t, key, "1", c.claims(w))
	first, leave := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	verify := func(ctx context.Context, want error) {
		if _, err := v.Verify(ctx, token); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	callers.Go(func() { verify(first, nil) })
	<-asked
	gone, goAway := context.WithCancel(t.Context())
	goAway()
	verify(gone, context.Canceled)
	callers.Go(func() { verify(t.Context(), nil) })
	leave()
	close(answer)
	callers.Wait()
	if n := p.asked.Load(); n != 1 {
		t.Errorf("the set was read %d times", n)
	}
}

func FuzzKeySet(f *testing.F) {
	key := newECKey()
	f.Add(asJSON(change{"keys": []change{jwkOf(f, &key.PublicKey, "1")}}))
	f.Add(`{"keys":[{"kty":"RSA","kid":"1","n":"AQAB","e":"AQAB"}]}`)
	f.Add(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"` + b64(make([]byte, 32)) + `"},{"kty":"oct","k":"AA"}]}`)
	f.Add(`{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"AA","y":"AA","key_ops":["verify"],"use":7}],"keys":[]}`)
	path := filepath.Join(f.TempDir(), "keys.json")
	f.Fuzz(func(t *testing.T, set string) {
		if err := os.WriteFile(path, []byte(set), 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := auth.NewJWKS(auth.JWKSConfig{Issuer: "x", Source: path, Algorithms: auth.Algorithms()}, auth.JWKSDeps{Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		k, err := j.Key(t.Context(), "1")
		if k != nil && (err != nil || k.ID != "1" || k.Algorithm == "" || k.Public == nil) || err != nil && retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
			t.Fatalf("got the key %+v, %v", k, err)
		}
	})
}
