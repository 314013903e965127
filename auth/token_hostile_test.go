package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// change replaces members of a header or of claims; nil removes one.
type change = map[string]any

func changed(of, with change) string {
	all := maps.Clone(of)
	for name, value := range with {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return asJSON(all)
}

func signer(t testing.TB, m jwt.SigningMethod, key any) func(text string) []byte {
	return func(text string) []byte {
		sig, err := m.Sign(text, key)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
}

// world is a gateway that trusts four issuers: its own for every role, one of members, one of staff whose key has the same id,
// and one that signs with RSA by PS256 and with Ed25519.
type world struct {
	ec, members, other *ecdsa.PrivateKey
	ec384              *ecdsa.PrivateKey
	rs, rsStaff        *rsa.PrivateKey
	ed                 ed25519.PrivateKey
	own, rsOwn         *auth.Key
	verifier           *auth.Verifier
}

const (
	membersName = "https://members.example"
	staffName   = "https://staff.example"
	mixedName   = "https://mixed.example"
)

func named(t testing.TB, material any, id string) *auth.Key {
	t.Helper()
	key := mustKey(t, material)
	key.ID = id
	return key
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{}
	for _, key := range []**ecdsa.PrivateKey{&w.ec, &w.members, &w.other} {
		*key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	w.ec384, _ = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	w.rs, _ = rsa.GenerateKey(rand.Reader, 2048)
	w.rsStaff, _ = rsa.GenerateKey(rand.Reader, 2048)
	_, w.ed, _ = ed25519.GenerateKey(rand.Reader)
	w.own, w.rsOwn = mustKey(t, w.ec), mustKey(t, &w.rs.PublicKey)
	own, err := auth.OwnIssuer(auth.DefaultTokenConfig(), auth.Roles(), w.own, w.rsOwn)
	if err != nil {
		t.Fatal(err)
	}
	trusted := func(name string, roles []auth.Role, algorithms []string, keys ...*auth.Key) auth.TrustedIssuer {
		config := auth.DefaultTokenConfig()
		config.Issuer = name
		fixed, err := auth.StaticKeys(algorithms, keys...)
		if err != nil {
			t.Fatal(err)
		}
		return auth.TrustedIssuer{
			TokenConfig: config, Algorithms: algorithms, Roles: roles, Types: []string{"at+jwt"}, RequireTokenID: true, Keys: fixed,
			SubjectPrefix: name[len("https://"):strings.IndexByte(name, '.')],
		}
	}
	w.verifier, err = auth.NewTrustVerifier(auth.VerifierOptions{Now: clock}, own,
		trusted(membersName, []auth.Role{auth.RoleMember}, []string{"ES256"}, named(t, &w.members.PublicKey, "1")),
		trusted(staffName, []auth.Role{auth.RoleAssociate, auth.RoleOperator}, []string{"RS256"}, named(t, &w.rsStaff.PublicKey, "1")),
		trusted(mixedName, []auth.Role{auth.RoleMember}, []string{"PS256", "RS256", "EdDSA", "ES384"},
			named(t, &w.rs.PublicKey, "rsa"), named(t, w.ed.Public(), "ed"), named(t, &w.ec384.PublicKey, "p384")),
	)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) header(with change) string {
	return changed(change{"alg": "ES256", "typ": "at+jwt", "kid": w.own.ID}, with)
}

func (*world) claims(with change) string {
	return changed(change{
		"iss": "portico", "aud": "portico", "sub": "s", "role": "operator", "scope": "stock:read", "jti": "t-1",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}, with)
}

// member are claims of the issuer of members.
func (w *world) member(with change) string {
	all := change{"iss": membersName, "role": "member", "scope": nil}
	maps.Copy(all, with)
	return w.claims(all)
}

func (w *world) es(t testing.TB) func(string) []byte { return signer(t, jwt.SigningMethodES256, w.ec) }

func TestVerifierAccepts(t *testing.T) {
	w := newWorld(t)
	es := w.es(t)
	kid := func(id, algorithm string) string { return w.header(change{"kid": id, "alg": algorithm}) }
	mixed := w.member(change{"iss": mixedName})
	for name, token := range map[string]string{
		"ES256":                         forge(t, w.header(nil), w.claims(nil), es),
		"RS256":                         forge(t, kid(w.rsOwn.ID, "RS256"), w.claims(nil), signer(t, jwt.SigningMethodRS256, w.rs)),
		"PS256":                         forge(t, kid("rsa", "PS256"), mixed, signer(t, jwt.SigningMethodPS256, w.rs)),
		"EdDSA":                         forge(t, kid("ed", "EdDSA"), mixed, signer(t, jwt.SigningMethodEdDSA, w.ed)),
		"ES384":                         forge(t, kid("p384", "ES384"), mixed, signer(t, jwt.SigningMethodES384, w.ec384)),
		"the type JWT":                  forge(t, w.header(change{"typ": "JWT"}), w.claims(nil), es),
		"the type in full":              forge(t, w.header(change{"typ": "application/AT+JWT"}), w.claims(nil), es),
		"a list of audiences":           forge(t, w.header(nil), w.claims(change{"aud": []string{"other", "portico"}}), es),
		"expired within the leeway":     forge(t, w.header(nil), w.claims(change{"iat": now.Unix() - 60, "exp": now.Unix() - 10}), es),
		"issued ahead, within leeway":   forge(t, w.header(nil), w.claims(change{"iat": now.Unix() + 20}), es),
		"a start within the leeway":     forge(t, w.header(nil), w.claims(change{"nbf": now.Unix() + 20}), es),
		"no scopes":                     forge(t, w.header(nil), w.claims(change{"scope": nil}), es),
		"scopes of others":              forge(t, w.header(nil), w.claims(change{"scope": "openid stock:read"}), es),
		"no id, where none is asked":    forge(t, w.header(nil), w.claims(change{"jti": nil}), es),
		"claims that are not known":     forge(t, w.header(nil), w.claims(change{"realm_access": change{"roles": []string{"a", "b"}}, "azp": "app"}), es),
		"a claim's name with an escape": forge(t, w.header(nil), strings.Replace(w.claims(change{"https://x/y": 1}), "https://x/y", `https:\/\/x\/y`, 1), es),
		"a member of members":           forge(t, kid("1", "ES256"), w.member(nil), signer(t, jwt.SigningMethodES256, w.members)),
		"an operator of staff":          forge(t, kid("1", "RS256"), w.claims(change{"iss": staffName}), signer(t, jwt.SigningMethodRS256, w.rsStaff)),
		"a client":                      forge(t, w.header(nil), w.claims(change{"client_id": "app"}), es),
		"spaces between":                forge(t, w.header(nil), strings.ReplaceAll(w.claims(nil), ",", " ,\n\t"), es),
		"a certificate's digest":        forge(t, w.header(change{"x5t#S256": "abc"}), w.claims(nil), es),
	} {
		if _, err := w.verifier.Verify(t.Context(), token); err != nil {
			t.Errorf("%s: refused: %v", name, err)
		}
	}
}

// half is half of an ES256 signature.
const half = 32

// hostile are tokens that nobody may be let in with, by what is wrong with them.
func (w *world) hostile(t testing.TB) map[string]string {
	es := w.es(t)
	der, _ := x509.MarshalPKIXPublicKey(&w.ec.PublicKey)
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	rsDER, _ := x509.MarshalPKIXPublicKey(&w.rs.PublicKey)
	rsPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: rsDER})
	hs := func(secret []byte) func(string) []byte { return signer(t, jwt.SigningMethodHS256, secret) }
	none := func(string) []byte { return []byte{} }
	other := signer(t, jwt.SigningMethodES256, w.other)
	members := signer(t, jwt.SigningMethodES256, w.members)
	staff := signer(t, jwt.SigningMethodRS256, w.rsStaff)
	header := func(with change) string { return forge(t, w.header(with), w.claims(nil), es) }
	claims := func(with change) string { return forge(t, w.header(nil), w.claims(with), es) }
	raw := func(old, replacement string) string {
		return forge(t, w.header(nil), strings.Replace(w.claims(nil), old, replacement, 1), es)
	}
	sound := forge(t, w.header(nil), w.claims(nil), es)
	body, signature := sound[:strings.LastIndexByte(sound, '.')+1], es(sound[:strings.LastIndexByte(sound, '.')])
	enc := base64.RawURLEncoding.EncodeToString
	signed := func(change func(sig []byte) []byte) string { return body + enc(change(slices.Clone(signature))) }
	exp, iat := `"exp":`+asJSON(now.Add(time.Hour).Unix()), `"iat":`+asJSON(now.Unix())
	n := elliptic.P256().Params().N
	parts := strings.Split(sound, ".")
	jwkOther := jwkOf(t, &w.other.PublicKey, "mine")
	h1 := func(with change) string {
		all := change{"kid": "1"}
		maps.Copy(all, with)
		return w.header(all)
	}
	return map[string]string{
		// What is no token.
		"empty":                              "",
		"garbage":                            "garbage",
		"dots":                               strings.Repeat(".", 4000),
		"three empty parts":                  "..",
		"a fourth segment":                   sound + ".x",
		"a fourth segment that is empty":     sound + ".",
		"five segments, as if encrypted":     sound + ".x.y",
		"no signature":                       body,
		"no claims":                          parts[0] + ".." + parts[2],
		"no header":                          "." + parts[1] + "." + parts[2],
		"padding":                            sound + "=",
		"padding within":                     parts[0] + "=." + parts[1] + "." + parts[2],
		"standard instead of URL base64":     strings.Replace(sound, ".", "+/.", 1),
		"a line break in front":              "\n" + sound,
		"a line break behind":                sound + "\n",
		"a line break within the signature":  sound[:len(sound)-5] + "\r\n" + sound[len(sound)-5:],
		"a null byte behind":                 sound + "\x00",
		"stray bits at the end":              sound[:len(sound)-1] + string(rune(sound[len(sound)-1]+1)),
		"JSON serialisation":                 asJSON(change{"protected": parts[0], "payload": parts[1], "signature": parts[2]}),
		"general JSON serialisation":         asJSON(change{"payload": parts[1], "signatures": []change{{"protected": parts[0], "signature": parts[2]}}}),
		"9 KiB":                              claims(change{"pad": strings.Repeat("x", 9<<10)}),
		"a scheme before the token":          "Bearer " + sound,
		"a header that is null":              forge(t, "null", w.claims(nil), es),
		"a header that is a list":            forge(t, "["+w.header(nil)+"]", w.claims(nil), es),
		"claims that are a list":             forge(t, w.header(nil), "[]", es),
		"claims that are a text":             forge(t, w.header(nil), `"`+sound[:40]+`"`, es),
		"claims with trailing bytes":         forge(t, w.header(nil), w.claims(nil)+"{}", es),
		"claims that are no JSON":            forge(t, w.header(nil), "{", es),
		"claims with a comment":              raw("{", "{/*x*/"),
		"claims with a trailing comma":       raw("}", ",}"),
		"claims that are no UTF-8":           raw(`"s"`, "\"s\xff\""),
		"claims with a byte order mark":      forge(t, w.header(nil), "\ufeff"+w.claims(nil), es),
		"claims that are deep":               raw("{", `{"a":`+strings.Repeat("[", 2000)+strings.Repeat("]", 2000)+","),
		"claims of a thousand names":         raw("{", "{"+manyNames(1000)),
		"a token inside a token":             forge(t, w.header(change{"cty": "JWT"}), w.claims(nil), es),
		"a token as the claims":              parts[0] + "." + enc([]byte(sound)) + "." + parts[2],
		"claims of another token":            strings.Join([]string{parts[0], strings.Split(claims(change{"sub": "admin"}), ".")[1], parts[2]}, "."),
		"the header of another token":        strings.Join([]string{strings.Split(header(change{"x": 1}), ".")[0], parts[1], parts[2]}, "."),
		"an unencoded payload":               forge(t, w.header(change{"b64": false, "crit": []string{"b64"}}), w.claims(nil), es),
		"b64 without crit":                   header(change{"b64": true}),
		"crit":                               header(change{"crit": []string{"exp"}}),
		"an empty crit":                      header(change{"crit": []string{}}),
		"crit that is null":                  forge(t, strings.Replace(w.header(nil), "{", `{"crit":null,`, 1), w.claims(nil), es),
		"compressed":                         header(change{"zip": "DEF"}),
		"encrypted":                          header(change{"alg": "RSA-OAEP", "enc": "A256GCM"}),
		"a repeated claim":                   raw(`"sub":"s"`, `"sub":"s","sub":"admin"`),
		"a claim repeated with an escape":    raw(`"sub":"s"`, `"sub":"s","s\u0075b":"admin"`),
		"a repeated header parameter":        forge(t, strings.Replace(w.header(nil), `"alg"`, `"alg":"none","alg"`, 1), w.claims(nil), es),
		"a name repeated in cnf":             raw("{", `{"cnf":{"jkt":"a","jkt":"b"},`),
		"a name repeated deep within":        raw("{", `{"a":[{"b":1,"b":2}],`),
		"a claim of other case only":         raw(`"exp"`, `"EXP"`),
		"a parameter of other case only":     forge(t, strings.Replace(w.header(nil), `"alg"`, `"Alg"`, 1), w.claims(nil), es),
		"a claim written with another s":     raw(`"sub"`, "\"\u017fub\""),
		"bound to a key, brought as bearer":  claims(change{"cnf": change{"jkt": enc(make([]byte, 32))}}),
		"bound to a certificate":             claims(change{"cnf": change{"x5t#S256": enc(make([]byte, 32))}}),
		"bound to two things":                claims(change{"cnf": change{"jkt": enc(make([]byte, 32)), "x5t#S256": "x"}}),
		"bound to nothing":                   claims(change{"cnf": change{}}),
		"bound by a text":                    claims(change{"cnf": "jkt"}),
		"bound to a thumbprint that is none": claims(change{"cnf": change{"jkt": "short"}}),

		// Algorithms.
		"alg none":                     forge(t, w.header(change{"alg": "none"}), w.claims(nil), none),
		"alg None":                     forge(t, w.header(change{"alg": "None"}), w.claims(nil), none),
		"alg NONE":                     forge(t, w.header(change{"alg": "NONE"}), w.claims(nil), none),
		"alg nOnE":                     forge(t, w.header(change{"alg": "nOnE"}), w.claims(nil), none),
		"alg none with a signature":    forge(t, w.header(change{"alg": "none"}), w.claims(nil), es),
		"alg none without a key":       forge(t, w.header(change{"alg": "none", "kid": nil}), w.claims(nil), none),
		"an empty alg":                 header(change{"alg": ""}),
		"no alg":                       header(change{"alg": nil}),
		"alg of a wrong type":          header(change{"alg": 1}),
		"a list of algs":               header(change{"alg": []string{"ES256"}}),
		"alg in other case":            header(change{"alg": "es256"}),
		"alg with a null byte":         header(change{"alg": "ES256\x00"}),
		"ES512 for a P-256 key":        header(change{"alg": "ES512"}),
		"ES256K":                       header(change{"alg": "ES256K"}),
		"HS256 with the public key":    forge(t, w.header(change{"alg": "HS256"}), w.claims(nil), hs(der)),
		"HS256 with the public PEM":    forge(t, w.header(change{"alg": "HS256"}), w.claims(nil), hs(text)),
		"HS256 with the RSA PEM":       forge(t, w.header(change{"alg": "HS256", "kid": w.rsOwn.ID}), w.claims(nil), hs(rsPEM)),
		"HS256 with the modulus":       forge(t, w.header(change{"alg": "HS256", "kid": w.rsOwn.ID}), w.claims(nil), hs(w.rs.N.Bytes())),
		"HS256 with no secret":         forge(t, w.header(change{"alg": "HS256"}), w.claims(nil), hs([]byte{})),
		"HS384 with the key's id":      forge(t, w.header(change{"alg": "HS384"}), w.claims(nil), signer(t, jwt.SigningMethodHS384, []byte(w.own.ID))),
		"the algorithm of another key": forge(t, w.header(change{"alg": "RS256"}), w.claims(nil), signer(t, jwt.SigningMethodRS256, w.rs)),
		"the key of another algorithm": header(change{"kid": w.rsOwn.ID}),
		"PS256 for an RS256 key":       forge(t, w.header(change{"alg": "PS256", "kid": w.rsOwn.ID}), w.claims(nil), signer(t, jwt.SigningMethodPS256, w.rs)),
		"RS256 for a PS256 key":        forge(t, w.header(change{"alg": "RS256", "kid": "rsa"}), w.member(change{"iss": mixedName}), signer(t, jwt.SigningMethodRS256, w.rs)),
		"RS256 as PS256":               forge(t, w.header(change{"alg": "PS256", "kid": "rsa"}), w.member(change{"iss": mixedName}), signer(t, jwt.SigningMethodRS256, w.rs)),
		"PS256 as RS256":               forge(t, w.header(change{"alg": "RS256", "kid": "rsa"}), w.member(change{"iss": mixedName}), signer(t, jwt.SigningMethodPS256, w.rs)),
		"RS512":                        forge(t, w.header(change{"alg": "RS512", "kid": w.rsOwn.ID}), w.claims(nil), signer(t, jwt.SigningMethodRS512, w.rs)),
		"ES256 by the issuer of RS256": forge(t, h1(nil), w.claims(change{"iss": staffName}), members),

		// Keys.
		"somebody else's key":                forge(t, w.header(nil), w.claims(nil), other),
		"an unknown kid":                     header(change{"kid": "x"}),
		"no kid":                             header(change{"kid": nil}),
		"an empty kid":                       header(change{"kid": ""}),
		"a kid that is a path":               header(change{"kid": "../../dev/null"}),
		"a kid that is SQL":                  header(change{"kid": w.own.ID + "' OR '1'='1"}),
		"a kid that is a command":            header(change{"kid": w.own.ID + "|id"}),
		"a kid that is a URL":                header(change{"kid": "https://evil.example/key"}),
		"a kid of a wrong type":              header(change{"kid": []string{w.own.ID}}),
		"a kid of 1 KiB":                     header(change{"kid": strings.Repeat("k", 1<<10)}),
		"a kid with a space":                 header(change{"kid": w.own.ID + " "}),
		"its own key in the header":          forge(t, w.header(change{"kid": "mine", "jwk": jwkOther}), w.claims(nil), other),
		"its own key under a known kid":      forge(t, w.header(change{"jwk": jwkOther}), w.claims(nil), other),
		"its own key beside a sound one":     header(change{"jwk": jwkOther}),
		"a URL of keys":                      forge(t, w.header(change{"kid": "mine", "jku": "https://evil.example/jwks"}), w.claims(nil), other),
		"a URL of keys beside a sound one":   header(change{"jku": "http://127.0.0.1/"}),
		"a URL of certificates":              header(change{"x5u": "https://evil.example/x"}),
		"its own certificate":                forge(t, w.header(change{"x5c": []string{base64.StdEncoding.EncodeToString(der)}}), w.claims(nil), other),
		"the subject of another issuer":      claims(change{"role": "member", "sub": "members:s"}),
		"a subject too long for its prefix":  forge(t, h1(nil), w.member(change{"sub": strings.Repeat("s", 195)}), members),
		"a key of another issuer, same kid":  forge(t, h1(nil), w.claims(change{"iss": staffName, "role": "operator"}), members),
		"the own key for another issuer":     forge(t, w.header(nil), w.member(nil), es),
		"another issuer's key for the own":   forge(t, h1(nil), w.claims(nil), members),
		"staff's key for members, same kid":  forge(t, h1(change{"alg": "RS256"}), w.member(nil), staff),
		"no issuer, so that any key may fit": forge(t, h1(nil), w.member(change{"iss": nil}), members),

		// Signatures.
		"a cut signature":                sound[:len(sound)-4],
		"a signature of another text":    forge(t, w.header(nil), w.claims(change{"sub": "admin"}), func(string) []byte { return es("a.b") }),
		"an all-zero signature":          signed(func([]byte) []byte { return make([]byte, 2*half) }),
		"r is zero":                      signed(func(s []byte) []byte { clear(s[:half]); return s }),
		"s is zero":                      signed(func(s []byte) []byte { clear(s[half:]); return s }),
		"r and s are one":                signed(func(s []byte) []byte { clear(s); s[half-1], s[2*half-1] = 1, 1; return s }),
		"r is the order":                 signed(func(s []byte) []byte { n.FillBytes(s[:half]); return s }),
		"s is the order":                 signed(func(s []byte) []byte { n.FillBytes(s[half:]); return s }),
		"r and s are the order":          signed(func(s []byte) []byte { n.FillBytes(s[:half]); n.FillBytes(s[half:]); return s }),
		"r is the order and one":         signed(func(s []byte) []byte { new(big.Int).Add(n, big.NewInt(1)).FillBytes(s[:half]); return s }),
		"r and s changed places":         signed(func(s []byte) []byte { return slices.Concat(s[half:], s[:half]) }),
		"a byte too many":                signed(func(s []byte) []byte { return append(s, 0) }),
		"a leading zero too many":        signed(func(s []byte) []byte { return append([]byte{0}, s...) }),
		"a byte too few":                 signed(func(s []byte) []byte { return s[1:] }),
		"half a signature":               signed(func(s []byte) []byte { return s[:half] }),
		"the signature in DER":           signed(inDER),
		"one bit flipped":                signed(func(s []byte) []byte { s[5] ^= 1; return s }),
		"an RSA signature that is empty": forge(t, w.header(change{"alg": "RS256", "kid": w.rsOwn.ID}), w.claims(nil), none),
		"an RSA signature of one":        forge(t, w.header(change{"alg": "RS256", "kid": w.rsOwn.ID}), w.claims(nil), func(string) []byte { return append(make([]byte, 255), 1) }),
		"an RSA signature with a zero":   forge(t, w.header(change{"alg": "RS256", "kid": w.rsOwn.ID}), w.claims(nil), func(x string) []byte { return append([]byte{0}, signer(t, jwt.SigningMethodRS256, w.rs)(x)...) }),
		"an RSA text that nobody signed": forge(t, w.header(change{"alg": "RS256", "kid": w.rsOwn.ID}), w.claims(nil), func(x string) []byte { return padded(x) }),
		"an EdDSA signature of zeros":    forge(t, w.header(change{"alg": "EdDSA", "kid": "ed"}), w.member(change{"iss": mixedName}), func(string) []byte { return make([]byte, 64) }),
		"an EdDSA signature, s too high": forge(t, w.header(change{"alg": "EdDSA", "kid": "ed"}), w.member(change{"iss": mixedName}), func(x string) []byte { return beyond(ed25519.Sign(w.ed, []byte(x))) }),

		// Types.
		"another typ":                  header(change{"typ": "dpop+jwt"}),
		"a logout token":               header(change{"typ": "logout+jwt"}),
		"no typ":                       header(change{"typ": nil}),
		"typ of a wrong type":          header(change{"typ": []string{"at+jwt"}}),
		"an ID token":                  forge(t, w.header(change{"typ": "JWT"}), w.claims(change{"nonce": "n"}), es),
		"an ID token with at_hash":     forge(t, w.header(change{"typ": "JWT"}), w.claims(change{"at_hash": "h"}), es),
		"JWT where at+jwt is asked":    forge(t, h1(change{"typ": "JWT"}), w.member(nil), members),
		"no id where one is asked":     forge(t, h1(nil), w.member(change{"jti": nil}), members),
		"an id of a wrong type":        claims(change{"jti": 7}),
		"an empty id":                  claims(change{"jti": ""}),
		"a client of a wrong type":     claims(change{"client_id": []string{"app"}}),
		"a client of 1 KiB":            claims(change{"client_id": strings.Repeat("c", 1<<10)}),
		"scopes of a wrong type":       claims(change{"scope": []string{"stock:read"}}),
		"scopes that are null":         raw(`"scope":"stock:read"`, `"scope":null`),
		"places that are no text":      claims(change{"locations": []string{"S-1"}}),
		"a place that is none":         claims(change{"locations": "S-1 *"}),
		"51 places":                    claims(change{"locations": strings.Repeat("S-1 ", 51)}),
		"no role":                      claims(change{"role": nil}),
		"an unknown role":              claims(change{"role": "root"}),
		"a role in other case":         claims(change{"role": "Operator"}),
		"two roles":                    claims(change{"role": []string{"member", "operator"}}),
		"an operator by members":       forge(t, h1(nil), w.member(change{"role": "operator"}), members),
		"an associate by members":      forge(t, h1(nil), w.member(change{"role": "associate"}), members),
		"a guest by members":           forge(t, h1(nil), w.member(change{"role": "guest"}), members),
		"a member by staff":            forge(t, h1(change{"alg": "RS256"}), w.claims(change{"iss": staffName, "role": "member"}), staff),
		"a partner that nobody knows":  claims(change{"role": "partner", "client_id": "app"}),
		"a partner without its client": claims(change{"role": "partner"}),

		// Times.
		"expired":                      claims(change{"iat": now.Unix() - 3600, "exp": now.Add(-time.Minute).Unix()}),
		"expired at the leeway":        claims(change{"iat": now.Unix() - 3600, "exp": now.Unix() - 30}),
		"no exp":                       claims(change{"exp": nil}),
		"exp that is null":             raw(exp, `"exp":null`),
		"exp as text":                  claims(change{"exp": "4102444800"}),
		"exp as a list":                claims(change{"exp": []int64{now.Unix() + 60}}),
		"exp with a fraction":          raw(exp, exp+".5"),
		"exp with an exponent":         raw(exp, `"exp":1.8e9`),
		"an endless exp":               raw(exp, `"exp":1e300`),
		"exp that overflows":           raw(exp, `"exp":9223372036854775808`),
		"exp that wraps around":        raw(exp, `"exp":18446744073709551615`),
		"exp that is NaN":              raw(exp, `"exp":NaN`),
		"exp that is infinite":         raw(exp, `"exp":Infinity`),
		"a negative exp":               claims(change{"exp": -1}),
		"exp that is true":             claims(change{"exp": true}),
		"exp in hexadecimal":           raw(exp, `"exp":0x7fffffff`),
		"exp in milliseconds":          claims(change{"exp": now.Add(time.Hour).UnixMilli()}),
		"a far exp":                    claims(change{"exp": now.Add(25 * time.Hour).Unix()}),
		"a far exp, issued ahead":      claims(change{"iat": now.Unix() + 29, "exp": now.Add(24*time.Hour).Unix() + 30}),
		"exp before iat":               claims(change{"iat": now.Unix() + 20, "exp": now.Unix() + 10}),
		"not yet":                      claims(change{"nbf": now.Add(time.Minute).Unix()}),
		"nbf as text":                  claims(change{"nbf": "soon"}),
		"nbf with a fraction":          claims(change{"nbf": 1.5}),
		"nbf that is null":             raw(iat, iat+`,"nbf":null`),
		"nbf after exp":                claims(change{"iat": now.Unix() - 100, "exp": now.Unix() - 10, "nbf": now.Unix()}),
		"issued in the future":         claims(change{"iat": now.Add(time.Minute).Unix()}),
		"issued at the beginning":      claims(change{"iat": 0}),
		"issued before the beginning":  claims(change{"iat": -5}),
		"no iat":                       claims(change{"iat": nil}),
		"iat as text":                  claims(change{"iat": asJSON(now.Unix())}),
		"iat with a fraction":          raw(iat, iat+".0"),
		"a guest's life of a member's": claims(change{"role": "member", "exp": now.Add(30 * 24 * time.Hour).Unix()}),

		// Issuer, audience, subject.
		"another issuer":                   claims(change{"iss": "portico.example"}),
		"the issuer with a slash":          forge(t, h1(nil), w.member(change{"iss": membersName + "/"}), members),
		"the issuer with something behind": forge(t, h1(nil), w.member(change{"iss": membersName + ".evil.example"}), members),
		"the issuer with something before": forge(t, h1(nil), w.member(change{"iss": "https://evil.example/" + membersName}), members),
		"the start of the issuer":          forge(t, h1(nil), w.member(change{"iss": membersName[:15]}), members),
		"the issuer in other case":         claims(change{"iss": "Portico"}),
		"the issuer with a space":          claims(change{"iss": "portico "}),
		"the issuer in other letters":      claims(change{"iss": "p\u043ertico"}), // a Cyrillic o
		"the issuer with a null byte":      claims(change{"iss": "portico\x00"}),
		"the issuer over http":             forge(t, h1(nil), w.member(change{"iss": "http://members.example"}), members),
		"a list of issuers":                claims(change{"iss": []string{"portico"}}),
		"no issuer":                        claims(change{"iss": nil}),
		"an empty issuer":                  claims(change{"iss": ""}),
		"another audience":                 claims(change{"aud": "shop"}),
		"no audience":                      claims(change{"aud": nil}),
		"an empty list of audiences":       claims(change{"aud": []string{}}),
		"audiences in one text":            claims(change{"aud": "other portico"}),
		"audiences with a number":          claims(change{"aud": []any{1, "portico"}}),
		"audiences with null":              claims(change{"aud": []any{nil, "portico"}}),
		"audiences in a list of lists":     claims(change{"aud": []any{[]string{"portico"}}}),
		"audiences as an object":           claims(change{"aud": change{"portico": true}}),
		"a hundred audiences":              claims(change{"aud": append(slices.Repeat([]string{"x"}, 100), "portico")}),
		"the audience in other case":       claims(change{"aud": "PORTICO"}),
		"the audience with a wildcard":     claims(change{"aud": "*"}),
		"no subject":                       claims(change{"sub": nil}),
		"an empty subject":                 claims(change{"sub": ""}),
		"a subject of a wrong type":        claims(change{"sub": 7}),
		"a subject with a null byte":       claims(change{"sub": "s\x00admin"}),
		"a subject with a line break":      claims(change{"sub": "s\nadmin"}),
		"a subject of 1 KiB":               claims(change{"sub": strings.Repeat("s", 1<<10)}),
	}
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"n` + asJSON(i) + `":0,`)
	}
	return b.String()
}

func inDER(sig []byte) []byte {
	der, _ := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])})
	return der
}

// padded is what a signature of RSA with the exponent 1 would be: the padded digest itself (RFC 8017 section 9.2).
func padded(text string) []byte {
	digest := crypto.SHA256.New()
	digest.Write([]byte(text))
	der, _ := asn1.Marshal(struct {
		Algorithm struct {
			ID   asn1.ObjectIdentifier
			Null asn1.RawValue
		}
		Digest []byte
	}{struct {
		ID   asn1.ObjectIdentifier
		Null asn1.RawValue
	}{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, asn1.NullRawValue}, digest.Sum(nil)})
	block := slices.Concat([]byte{0, 1}, slices.Repeat([]byte{0xff}, 256-3-len(der)), []byte{0}, der)
	return block
}

// beyond adds the group's order to s, which a verifier that does not check its range would take for the same signature.
func beyond(sig []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(sig[32:])
	slices.Reverse(s)
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return append(slices.Clone(sig[:32]), sum...)
}

func TestVerifierRefuses(t *testing.T) {
	w := newWorld(t)
	tokens := w.hostile(t)
	if len(tokens) < 75 {
		t.Fatalf("only %d tokens are tried", len(tokens))
	}
	for name, token := range tokens {
		for range 2 { // nothing that was refused is remembered as accepted
			p, err := w.verifier.Verify(t.Context(), token)
			if err == nil || retail.CodeOf(err) != retail.CodeUnauthenticated {
				t.Errorf("%s: got %v", name, err)
			}
			if p.Role != auth.RoleGuest || p.Known() || p.Scopes != nil {
				t.Errorf("%s: got the principal %v", name, p)
			}
		}
	}
	t.Logf("%d hostile tokens", len(tokens))
}

// TestTwinsOfASignatureAreOneToken: whoever has a token can write its ECDSA signature in a second way (s or its complement), which
// RFC 7518 allows. It speaks for nobody else and is taken back with the first.
func TestTwinsOfASignatureAreOneToken(t *testing.T) {
	w := newWorld(t)
	revoked, err := auth.NewRevocationList(&shelf{}, nil, nil, clock)
	if err != nil {
		t.Fatal(err)
	}
	own, err := auth.OwnIssuer(auth.DefaultTokenConfig(), auth.Roles(), w.own)
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: clock, Revoked: revoked}, own)
	if err != nil {
		t.Fatal(err)
	}
	token := forge(t, w.header(nil), w.claims(nil), w.es(t))
	cut := strings.LastIndexByte(token, '.') + 1
	sig, err := base64.RawURLEncoding.DecodeString(token[cut:])
	if err != nil {
		t.Fatal(err)
	}
	new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(sig[half:])).FillBytes(sig[half:])
	twin := token[:cut] + base64.RawURLEncoding.EncodeToString(sig)
	for _, one := range []string{token, twin} {
		if _, err := v.Verify(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	id := "t-1"
	revoker := auth.NewRevoker(auth.RevokerDeps{Store: &shelf{}, List: revoked, Issuer: "portico", Now: clock})
	if _, err := revoker.Revoke(t.Context(), auth.RevokeRequest{TokenID: &id}); err != nil {
		t.Fatal(err)
	}
	for _, one := range []string{token, twin} {
		if _, err := v.Verify(t.Context(), one); err == nil {
			t.Error("a token that was taken back is accepted")
		}
	}
}

// TestRefusingAllocatesTheSameAtAnyLength tries garbage of every kind in growing sizes.
func TestRefusingAllocatesTheSameAtAnyLength(t *testing.T) {
	w := newWorld(t)
	es := w.es(t)
	of := func(claims string) string { return forge(t, w.header(nil), claims, es) }
	filled := func(size int, open, unit, end string) string {
		return open + strings.Repeat(unit, max(0, (size-len(open)-len(end))/len(unit))) + end
	}
	const slack = 4 // encoding/json takes its scanner from a pool, which may be empty
	for name, garbage := range map[string]func(size int) string{
		"dots":           func(size int) string { return strings.Repeat(".", size) },
		"letters":        func(size int) string { return strings.Repeat("x", size) },
		"brackets":       func(size int) string { return of(strings.Repeat("[", size)) },
		"empty objects":  func(size int) string { return of(filled(size, `{"iss":"x","a":[{}`, ",{}", "]}")) },
		"named objects":  func(size int) string { return of(filled(size, `{"iss":"x","a":[{}`, `,{"b":{"c":1}}`, "]}")) },
		"escaped names":  func(size int) string { return of(filled(size, `{"iss":"x","a":[{}`, `,{"\u0062":1}`, "]}")) },
		"repeated names": func(size int) string { return of(filled(size, `{"iss":"x"`, `,"b":1`, "}")) },
		"a long issuer":  func(size int) string { return of(filled(size, `{"iss":"`, "x", `"}`)) },
	} {
		allocations := func(size int) float64 {
			token := garbage(size)
			return testing.AllocsPerRun(50, func() {
				if _, err := w.verifier.Verify(t.Context(), token); err == nil {
					t.Fatalf("%s of %d bytes are accepted", name, size)
				}
			})
		}
		few := allocations(400) // where every kind is refused for the reason that it is meant to be
		for _, size := range []int{100, 1000, 2000, 4000, 6000, 8 << 10, 64 << 10} {
			if many := allocations(size); many > few+slack {
				t.Errorf("%s: %d bytes allocate %v times, 400 bytes %v times", name, size, many, few)
			}
		}
	}
}

func TestIssuersMustMakeSense(t *testing.T) {
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := mustKey(t, ec)
	sound := func() auth.TrustedIssuer {
		i, err := auth.OwnIssuer(auth.DefaultTokenConfig(), auth.Roles(), key)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	for name, spoil := range map[string]func(i *auth.TrustedIssuer) []auth.TrustedIssuer{
		"no keys":             func(i *auth.TrustedIssuer) []auth.TrustedIssuer { i.Keys = nil; return nil },
		"no roles":            func(i *auth.TrustedIssuer) []auth.TrustedIssuer { i.Roles = nil; return nil },
		"an unknown role":     func(i *auth.TrustedIssuer) []auth.TrustedIssuer { i.Roles = []auth.Role{"root"}; return nil },
		"no algorithm":        func(i *auth.TrustedIssuer) []auth.TrustedIssuer { i.Algorithms = nil; return nil },
		"a shared secret":     func(i *auth.TrustedIssuer) []auth.TrustedIssuer { i.Algorithms = []string{"HS256"}; return nil },
		"the algorithm none":  func(i *auth.TrustedIssuer) []auth.TrustedIssuer { i.Algorithms = []string{"ES256", "none"}; return nil },
		"no type":             func(i *auth.TrustedIssuer) []auth.TrustedIssuer { i.Types = nil; return nil },
		"another type":        func(i *auth.TrustedIssuer) []auth.TrustedIssuer { i.Types = []string{"id+jwt"}; return nil },
		"no name":             func(i *auth.TrustedIssuer) []auth.TrustedIssuer { i.Issuer = ""; return nil },
		"no audience":         func(i *auth.TrustedIssuer) []auth.TrustedIssuer { i.Audience = ""; return nil },
		"a life of a year":    func(i *auth.TrustedIssuer) []auth.TrustedIssuer { i.MaxLifetime = 365 * 24 * time.Hour; return nil },
		"the same key, twice": func(i *auth.TrustedIssuer) []auth.TrustedIssuer { return []auth.TrustedIssuer{*i} },
	} {
		one := sound()
		if _, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: clock}, append(spoil(&one), one)...); err == nil {
			t.Errorf("%s: it is accepted", name)
		}
	}
	if _, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: clock}); err == nil {
		t.Error("a verifier without an issuer is made")
	}
	if _, err := auth.StaticKeys([]string{"RS256"}, key); err == nil {
		t.Error("a key that fits no algorithm is accepted")
	}
}

// TestTheKeyOfGuestsSpeaksForGuestsOnly: two entries share a name, each with keys and roles of its own.
func TestTheKeyOfGuestsSpeaksForGuestsOnly(t *testing.T) {
	staffKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	guestKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	staff, guests := mustKey(t, staffKey), mustKey(t, guestKey)
	all, err := auth.OwnIssuer(auth.DefaultTokenConfig(), auth.Roles(), staff)
	if err != nil {
		t.Fatal(err)
	}
	only, err := auth.OwnIssuer(auth.DefaultTokenConfig(), []auth.Role{auth.RoleGuest}, guests)
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.NewTrustVerifier(auth.VerifierOptions{Now: clock}, all, only)
	if err != nil {
		t.Fatal(err)
	}
	for key, roles := range map[*auth.Key][]auth.Role{
		staff:  {auth.RoleGuest, auth.RoleMember, auth.RoleAssociate, auth.RoleOperator},
		guests: {auth.RoleGuest},
	} {
		for _, role := range []auth.Role{auth.RoleGuest, auth.RoleMember, auth.RoleAssociate, auth.RoleOperator} {
			token, err := mustIssuer(t, key).Issue(auth.Principal{Role: role, Subject: "x"}, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Verify(t.Context(), token); (err == nil) != slices.Contains(roles, role) {
				t.Errorf("the key for %v as %s: %v", roles, role, err)
			}
		}
	}
}
