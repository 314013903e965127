package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

var now = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func mustKey(t testing.TB, material any) *auth.Key {
	t.Helper()
	k, err := auth.NewKey(material)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func mustVerifier(t testing.TB, keys ...*auth.Key) *auth.Verifier {
	t.Helper()
	v, err := auth.NewVerifier(auth.DefaultTokenConfig(), clock, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustIssuer(t testing.TB, key *auth.Key) *auth.Issuer {
	t.Helper()
	i, err := auth.NewIssuer(key, auth.DefaultTokenConfig(), clock)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// forge signs any header and claims, given as JSON text, so that a test can write what no library would.
func forge(t testing.TB, header, claims string, sign func(text string) []byte) string {
	t.Helper()
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(claims))
	return text + "." + enc.EncodeToString(sign(text))
}

func asJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func TestTokensRoundTrip(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	rs, _ := rsa.GenerateKey(rand.Reader, 2048)
	var keys []*auth.Key
	for _, private := range []crypto.Signer{ec, ed, rs} {
		keys = append(keys, mustKey(t, private))
	}
	v := mustVerifier(t, keys...)
	for _, key := range keys {
		for role, want := range map[auth.Role][]auth.Scope{
			auth.RoleOperator: auth.Scopes(), auth.RoleAssociate: auth.DefaultScopes(auth.RoleAssociate),
			auth.RoleMember: nil, auth.RolePartner: nil, auth.RoleGuest: nil,
		} {
			places := []string{"S-1", "S-2"}
			token, err := mustIssuer(t, key).Issue(auth.Principal{Role: role, Subject: "someone", Locations: places}, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Verify(t.Context(), token)
			if err != nil {
				t.Fatalf("%s %s: %v", key.Algorithm, role, err)
			}
			if diff := cmp.Diff(auth.Principal{Role: role, Subject: "someone", Scopes: want, Locations: places}, got); diff != "" {
				t.Errorf("%s %s: %s", key.Algorithm, role, diff)
			}
		}
	}
	token, err := mustIssuer(t, keys[0]).Issue(auth.Principal{Role: auth.RoleOperator, Subject: "someone", Scopes: []auth.Scope{}}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := v.Verify(t.Context(), token); p.Has(auth.ScopeStockRead) {
		t.Error("an operator without scopes holds one")
	}
}

func TestIssuerRefuses(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := mustKey(t, ec)
	i := mustIssuer(t, key)
	for name, issue := range map[string]func() (string, error){
		"a place that is none": func() (string, error) {
			return i.Issue(auth.Principal{Role: auth.RoleAssociate, Subject: "x", Locations: []string{"S 1"}}, time.Hour)
		},
		"an unknown role": func() (string, error) { return i.Issue(auth.Principal{Role: "root", Subject: "x"}, time.Hour) },
		"no subject":      func() (string, error) { return i.Issue(auth.Principal{Role: auth.RoleMember, Subject: ""}, time.Hour) },
		"a life beyond the most": func() (string, error) {
			return i.Issue(auth.Principal{Role: auth.RoleMember, Subject: "x"}, 25*time.Hour)
		},
		"no life": func() (string, error) { return i.Issue(auth.Principal{Role: auth.RoleMember, Subject: "x"}, 0) },
		"an unknown scope": func() (string, error) {
			return i.Issue(auth.Principal{Role: auth.RoleMember, Subject: "x", Scopes: []auth.Scope{"all"}}, time.Hour)
		},
	} {
		if token, err := issue(); err == nil {
			t.Errorf("%s: got the token %s", name, token)
		}
	}
	public := mustKey(t, &ec.PublicKey)
	if _, err := auth.NewIssuer(public, auth.DefaultTokenConfig(), clock); err == nil {
		t.Error("a public key signs")
	}
}

func TestWeakKeysAreRefused(t *testing.T) {
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	t.Setenv("GODEBUG", "rsa1024min=0")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, material := range map[string]any{
		"ECDSA on P-384": p384, "RSA of 1024 bits": weak, "a shared secret": []byte("secret"),
	} {
		if _, err := auth.NewKey(material); err == nil {
			t.Errorf("%s makes a key", name)
		}
	}
}

func TestVerifierRefuses(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rs, _ := rsa.GenerateKey(rand.Reader, 2048)
	key, rsKey := mustKey(t, ec), mustKey(t, &rs.PublicKey)
	v := mustVerifier(t, key, rsKey)
	der, _ := x509.MarshalPKIXPublicKey(&ec.PublicKey)

	by := func(m jwt.SigningMethod, k any) func(string) []byte {
		return func(text string) []byte {
			sig, err := m.Sign(text, k)
			if err != nil {
				t.Fatal(err)
			}
			return sig
		}
	}
	es := by(jwt.SigningMethodES256, ec)
	hs := by(jwt.SigningMethodHS256, der)
	none := func(string) []byte { return nil }
	header := func(change map[string]any) string {
		h := map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": key.ID}
		for k, x := range change {
			if h[k] = x; x == nil {
				delete(h, k)
			}
		}
		return asJSON(h)
	}
	claims := func(change map[string]any) string {
		c := map[string]any{
			"iss": "portico", "aud": "portico", "sub": "s", "role": "operator", "scope": "stock:read",
			"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		}
		for k, x := range change {
			if c[k] = x; x == nil {
				delete(c, k)
			}
		}
		return asJSON(c)
	}
	type change = map[string]any
	sound := forge(t, header(nil), claims(nil), es)
	if p, err := v.Verify(t.Context(), sound); err != nil || !p.Has(auth.ScopeStockRead) {
		t.Fatalf("the sound token is refused: %v", err)
	}
	for _, accepted := range []string{
		forge(t, header(change{"typ": "JWT"}), claims(nil), es),
		forge(t, header(nil), claims(change{"aud": []string{"other", "portico"}}), es),
		forge(t, header(nil), claims(change{"exp": now.Add(-10 * time.Second).Unix()}), es), // within the leeway
		forge(t, header(nil), claims(change{"scope": nil}), es),
		forge(t, header(nil), claims(change{"scope": "openid stock:read"}), es),
	} {
		if _, err := v.Verify(t.Context(), accepted); err != nil {
			t.Errorf("refused: %v", err)
		}
	}
	dup := strings.Replace(claims(nil), `"sub":"s"`, `"sub":"s","sub":"admin"`, 1)
	for name, token := range map[string]string{
		"empty":                          "",
		"garbage":                        "garbage",
		"dots":                           strings.Repeat(".", 4000),
		"a fourth segment":               sound + ".x",
		"no signature":                   sound[:strings.LastIndexByte(sound, '.')+1],
		"a cut signature":                sound[:len(sound)-4],
		"padding":                        sound + "=",
		"9 KiB":                          forge(t, header(nil), claims(change{"pad": strings.Repeat("x", 9<<10)}), es),
		"alg none":                       forge(t, header(change{"alg": "none"}), claims(nil), none),
		"alg None":                       forge(t, header(change{"alg": "None"}), claims(nil), none),
		"no alg":                         forge(t, header(change{"alg": nil}), claims(nil), none),
		"alg of a wrong type":            forge(t, header(change{"alg": 1}), claims(nil), es),
		"HS256 with the public key":      forge(t, header(change{"alg": "HS256"}), claims(nil), hs),
		"the algorithm of another key":   forge(t, header(change{"alg": "RS256"}), claims(nil), by(jwt.SigningMethodRS256, rs)),
		"the key of another algorithm":   forge(t, header(change{"kid": rsKey.ID}), claims(nil), es),
		"PS256 for an RS256 key":         forge(t, header(change{"alg": "PS256", "kid": rsKey.ID}), claims(nil), by(jwt.SigningMethodPS256, rs)),
		"somebody else's key":            forge(t, header(nil), claims(nil), by(jwt.SigningMethodES256, other)),
		"an all-zero signature":          forge(t, header(nil), claims(nil), func(string) []byte { return make([]byte, 64) }),
		"a signature of another text":    forge(t, header(nil), claims(change{"sub": "admin"}), func(string) []byte { return es("a.b") }),
		"an unknown kid":                 forge(t, header(change{"kid": "x"}), claims(nil), es),
		"no kid":                         forge(t, header(change{"kid": nil}), claims(nil), es),
		"a kid that is a path":           forge(t, header(change{"kid": "../../dev/null"}), claims(nil), es),
		"a kid of a wrong type":          forge(t, header(change{"kid": []string{key.ID}}), claims(nil), es),
		"its own key in the header":      forge(t, header(change{"kid": "mine", "jwk": map[string]string{"kty": "EC"}}), claims(nil), by(jwt.SigningMethodES256, other)),
		"crit":                           forge(t, header(change{"crit": []string{"exp"}}), claims(nil), es),
		"an empty crit":                  forge(t, header(change{"crit": []string{}}), claims(nil), es),
		"another typ":                    forge(t, header(change{"typ": "dpop+jwt"}), claims(nil), es),
		"no typ":                         forge(t, header(change{"typ": nil}), claims(nil), es),
		"expired":                        forge(t, header(nil), claims(change{"exp": now.Add(-time.Minute).Unix()}), es),
		"no exp":                         forge(t, header(nil), claims(change{"exp": nil}), es),
		"exp as text":                    forge(t, header(nil), claims(change{"exp": "4102444800"}), es),
		"a far exp":                      forge(t, header(nil), claims(change{"exp": now.Add(25 * time.Hour).Unix()}), es),
		"an endless exp":                 forge(t, header(nil), strings.Replace(claims(nil), `"exp":`+asJSON(now.Add(time.Hour).Unix()), `"exp":1e300`, 1), es),
		"not yet":                        forge(t, header(nil), claims(change{"nbf": now.Add(time.Minute).Unix()}), es),
		"nbf as text":                    forge(t, header(nil), claims(change{"nbf": "soon"}), es),
		"issued in the future":           forge(t, header(nil), claims(change{"iat": now.Add(time.Minute).Unix()}), es),
		"no iat":                         forge(t, header(nil), claims(change{"iat": nil}), es),
		"another issuer":                 forge(t, header(nil), claims(change{"iss": "portico.example"}), es),
		"no issuer":                      forge(t, header(nil), claims(change{"iss": nil}), es),
		"another audience":               forge(t, header(nil), claims(change{"aud": "shop"}), es),
		"no audience":                    forge(t, header(nil), claims(change{"aud": nil}), es),
		"no subject":                     forge(t, header(nil), claims(change{"sub": nil}), es),
		"an empty subject":               forge(t, header(nil), claims(change{"sub": ""}), es),
		"a subject of a wrong type":      forge(t, header(nil), claims(change{"sub": 7}), es),
		"no role":                        forge(t, header(nil), claims(change{"role": nil}), es),
		"places that are no text":        forge(t, header(nil), claims(change{"locations": []string{"S-1"}}), es),
		"an unknown role":                forge(t, header(nil), claims(change{"role": "root"}), es),
		"scopes of a wrong type":         forge(t, header(nil), claims(change{"scope": []string{"stock:read"}}), es),
		"a repeated claim":               forge(t, header(nil), dup, es),
		"a repeated header parameter":    forge(t, strings.Replace(header(nil), `"alg"`, `"alg":"none","alg"`, 1), claims(nil), es),
		"a claim of other case only":     forge(t, header(nil), strings.Replace(claims(nil), `"exp"`, `"EXP"`, 1), es),
		"claims that are a list":         forge(t, header(nil), "[]", es),
		"claims with trailing bytes":     forge(t, header(nil), claims(nil)+"{}", es),
		"claims that are no JSON":        forge(t, header(nil), "{", es),
		"a header that is null":          forge(t, "null", claims(nil), es),
		"standard instead of URL base64": strings.Replace(sound, ".", "+/.", 1),
		"a line break":                   "\n" + sound,
	} {
		p, err := v.Verify(t.Context(), token)
		if err == nil || retail.CodeOf(err) != retail.CodeUnauthenticated {
			t.Errorf("%s: got %v", name, err)
		}
		if p.Role != auth.RoleGuest || p.Scopes != nil {
			t.Errorf("%s: got the principal %v", name, p)
		}
	}
}

func TestVerifyingLongGarbageAllocatesLittle(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	v := mustVerifier(t, mustKey(t, ec))
	short, long := strings.Repeat(".", 100), strings.Repeat(".", 8000)
	few := testing.AllocsPerRun(20, func() { _, _ = v.Verify(t.Context(), short) })
	many := testing.AllocsPerRun(20, func() { _, _ = v.Verify(t.Context(), long) })
	if many > few {
		t.Errorf("8,000 dots allocate %v times, 100 dots %v times", many, few)
	}
}

func TestMiddleware(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := mustKey(t, ec)
	token, _ := mustIssuer(t, key).Issue(auth.Principal{Role: auth.RoleAssociate, Subject: "a-7"}, time.Hour)
	var seen *auth.Principal
	h := auth.Middleware(mustVerifier(t, key), func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, string(retail.CodeOf(err)), http.StatusUnauthorized)
	})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p := auth.PrincipalOf(r.Context())
		seen = &p
	}))
	for name, c := range map[string]struct {
		authorization []string
		want          *auth.Principal
	}{
		"no token is a guest":          {nil, &auth.Guest},
		"a token names its principal":  {[]string{"Bearer " + token}, &auth.Principal{Role: auth.RoleAssociate, Subject: "a-7", Scopes: auth.DefaultScopes(auth.RoleAssociate)}},
		"the scheme is of either case": {[]string{"bearer " + token}, &auth.Principal{Role: auth.RoleAssociate, Subject: "a-7", Scopes: auth.DefaultScopes(auth.RoleAssociate)}},
		"a bad token is refused":       {[]string{"Bearer x"}, nil},
		"an empty token is refused":    {[]string{"Bearer "}, nil},
		"an empty header is refused":   {[]string{""}, nil},
		"another scheme is refused":    {[]string{"Basic YTpi"}, nil},
		"two tokens are refused":       {[]string{"Bearer " + token, "Bearer " + token}, nil},
	} {
		seen = nil
		r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
		r.Header["Authorization"] = c.authorization
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if diff := cmp.Diff(c.want, seen); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if c.want == nil && (w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "UNAUTHENTICATED")) {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}

func FuzzVerify(f *testing.F) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := mustKey(f, ec)
	v := mustVerifier(f, key)
	token, _ := mustIssuer(f, key).Issue(auth.Principal{Role: auth.RoleMember, Subject: "m"}, time.Hour)
	f.Add(token)
	f.Add("a.b.c")
	f.Add("....")
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := v.Verify(t.Context(), s); err == nil && s != token {
			t.Fatalf("accepted %q", s)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := mustKey(b, ec)
	v := mustVerifier(b, key)
	token, _ := mustIssuer(b, key).Issue(auth.Principal{Role: auth.RoleMember, Subject: "m"}, time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
