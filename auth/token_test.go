package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"testing"
	"time"

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
	ec384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	var keys []*auth.Key
	for _, private := range []crypto.Signer{ec, ed, rs, ec384} {
		keys = append(keys, mustKey(t, private))
	}
	own, err := auth.OwnIssuer(auth.DefaultTokenConfig(), auth.Roles(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	places := []string{"S-1", "S-2"}
	known := &auth.Partner{ID: "someone", Reach: &retail.Reach{Locations: places}}
	registry, err := auth.NewRegistry(known)
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: clock, Partners: registry}, own)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		for role, want := range map[auth.Role][]auth.Scope{
			auth.RoleOperator: auth.Scopes(), auth.RoleAssociate: auth.DefaultScopes(auth.RoleAssociate),
			auth.RoleMember: nil, auth.RolePartner: nil, auth.RoleGuest: nil,
		} {
			token, err := mustIssuer(t, key).Issue(auth.Principal{Role: role, Subject: "someone", Locations: places, Client: "someone"}, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Verify(t.Context(), token)
			if err != nil {
				t.Fatalf("%s %s: %v", key.Algorithm, role, err)
			}
			wanted := auth.Principal{
				Role: role, Subject: "someone", Scopes: want, Locations: places, Client: "someone",
				Issuer: "portico", KeyID: key.ID, TokenID: got.TokenID, Issued: now, Expires: now.Add(time.Hour),
			}
			if role == auth.RolePartner {
				wanted.Partner = known
			}
			if got.TokenID == "" {
				t.Errorf("%s %s: the token has no id", key.Algorithm, role)
			}
			if diff := cmp.Diff(wanted, got); diff != "" {
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
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	t.Setenv("GODEBUG", "rsa1024min=0")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, material := range map[string]any{
		"ECDSA on P-521": p521, "ECDSA on P-224": p224, "RSA of 1024 bits": weak, "a shared secret": []byte("secret"),
		"RSA with the exponent 1": &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 2047, 1), E: 1},
		"RSA with the exponent 3": &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 2047, 1), E: 3},
		"RSA that is even":        &rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int), 2047, 1), E: 65537},
		"RSA of 16384 bits":       &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 16383, 1), E: 65537},
	} {
		if _, err := auth.NewKey(material); err == nil {
			t.Errorf("%s makes a key", name)
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
		if _, err := v.Verify(t.Context(), s); (err == nil) != (s == token) || err != nil && retail.CodeOf(err) != retail.CodeUnauthenticated {
			t.Fatalf("%q: %v", s, err)
		}
	})
}
