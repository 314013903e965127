package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/portico-retail/portico/retail"
)

// TokenConfig says which tokens are ours. Issuer and verifier share it.
type TokenConfig struct {
	Issuer      string        // claim iss, exact
	Audience    string        // one of the claim aud
	MaxLifetime time.Duration // from iat to exp
	// GuestLifetime is MaxLifetime of guests when it is longer: their token is all that leads back to what they ordered.
	GuestLifetime time.Duration
	Leeway        time.Duration // between the clocks of issuer and verifier
}

// DefaultTokenConfig is the configuration of a gateway that issues its own tokens.
func DefaultTokenConfig() TokenConfig {
	return TokenConfig{
		Issuer: "portico", Audience: "portico", MaxLifetime: 24 * time.Hour, GuestLifetime: 30 * 24 * time.Hour, Leeway: 30 * time.Second,
	}
}

// Validate reports what is missing.
func (c TokenConfig) Validate() error {
	switch {
	case c.Issuer == "" || c.Audience == "":
		return errors.New("auth: tokens need an issuer and an audience")
	case c.MaxLifetime <= 0 || max(c.MaxLifetime, c.GuestLifetime) > 30*24*time.Hour:
		return fmt.Errorf("auth: tokens may live %v and %v, not above 0 and up to 30 days", c.MaxLifetime, c.GuestLifetime)
	case c.Leeway < 0 || c.Leeway > 5*time.Minute:
		return fmt.Errorf("auth: leeway is %v, not within 0 and 5 minutes", c.Leeway)
	}
	return nil
}

// Lifetime is how long a token for the role may live.
func (c TokenConfig) Lifetime(role Role) time.Duration {
	if role == RoleGuest {
		return max(c.MaxLifetime, c.GuestLifetime)
	}
	return c.MaxLifetime
}

// maxTokenBytes bounds a token before anything of it is read.
const maxTokenBytes = 8 << 10

// tokenType is the header typ of the tokens issued here (RFC 9068).
const tokenType = "at+jwt"

// Issuer issues tokens.
type Issuer struct {
	key    *Key
	config TokenConfig
	now    func() time.Time
}

// NewIssuer returns an issuer that signs with key, which must be able to.
func NewIssuer(key *Key, config TokenConfig, now func() time.Time) (*Issuer, error) {
	if key.private == nil {
		return nil, errors.New("auth: the key cannot sign")
	}
	return &Issuer{key: key, config: config, now: now}, config.Validate()
}

// Issue returns a token for the principal that lives for ttl. Without scopes the token gets the role's DefaultScopes.
func (i *Issuer) Issue(p Principal, ttl time.Duration) (string, error) {
	scopes := p.Scopes
	switch {
	case !slices.Contains(Roles(), p.Role):
		return "", retail.BadInput("auth: no token for the role %q", p.Role)
	case p.Subject == "" || len(p.Subject) > maxSubject:
		return "", retail.BadInput("auth: a token needs a subject of at most %d bytes", maxSubject)
	case len(p.Locations) > maxLocations || slices.ContainsFunc(p.Locations, func(c string) bool { return !retail.ValidLocationCode(c) }):
		return "", retail.BadInput("auth: a token names up to %d codes of locations", maxLocations)
	case ttl <= 0 || ttl > i.config.Lifetime(p.Role):
		return "", retail.BadInput("auth: a token may live up to %v", i.config.Lifetime(p.Role))
	}
	if scopes == nil {
		scopes = DefaultScopes(p.Role)
	}
	for _, s := range scopes {
		if !slices.Contains(Scopes(), s) {
			return "", retail.BadInput("auth: there is no scope %q", s)
		}
	}
	now := i.now()
	claims := jwt.MapClaims{
		"iss": i.config.Issuer, "aud": i.config.Audience, "sub": p.Subject, "jti": uuid.NewString(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(ttl).Unix(),
		"role": string(p.Role), "scope": joinScopes(scopes),
	}
	if len(p.Locations) > 0 {
		claims["locations"] = strings.Join(p.Locations, " ")
	}
	token := jwt.NewWithClaims(jwt.GetSigningMethod(i.key.Algorithm), claims)
	token.Header["typ"], token.Header["kid"] = tokenType, i.key.ID
	return token.SignedString(i.key.private)
}

const (
	maxSubject   = 200
	maxLocations = 50
)

func joinScopes(scopes []Scope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}

// Verifier tells who a token speaks for.
type Verifier struct {
	keys   map[string]*Key
	config TokenConfig
	parser *jwt.Parser
}

// NewVerifier returns a verifier that accepts tokens signed with one of keys.
func NewVerifier(config TokenConfig, now func() time.Time, keys ...*Key) (*Verifier, error) {
	v := &Verifier{keys: make(map[string]*Key, len(keys)), config: config}
	var algorithms []string
	for _, k := range keys {
		v.keys[k.ID] = k
		algorithms = append(algorithms, k.Algorithm)
	}
	if len(keys) == 0 {
		return nil, errors.New("auth: a verifier needs a key")
	}
	v.parser = jwt.NewParser(
		jwt.WithValidMethods(algorithms), jwt.WithStrictDecoding(), jwt.WithTimeFunc(now), jwt.WithLeeway(config.Leeway),
		jwt.WithIssuer(config.Issuer), jwt.WithAudience(config.Audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
	)
	return v, config.Validate()
}

// Verify returns the principal of a token. Every failure is CodeUnauthenticated with the same message; what was wrong
// is in its cause, for the log.
func (v *Verifier) Verify(token string) (Principal, error) {
	p, err := v.verify(token)
	if err != nil {
		return Guest, &retail.Error{Code: retail.CodeUnauthenticated, Message: "the token is not accepted", Err: err}
	}
	return p, nil
}

func (v *Verifier) verify(token string) (Principal, error) {
	if len(token) > maxTokenBytes {
		return Guest, errors.New("the token is too long")
	}
	if err := exactSegments(token); err != nil {
		return Guest, err
	}
	claims := jwt.MapClaims{} // a map: struct fields would match claims of other case
	if _, err := v.parser.ParseWithClaims(token, claims, v.keyOf); err != nil {
		return Guest, err
	}
	issued, err := claims.GetIssuedAt()
	if err != nil || issued == nil {
		return Guest, errors.New("the token does not say when it was issued")
	}
	p, err := principalOf(claims)
	if err != nil {
		return Guest, err
	}
	expires, err := claims.GetExpirationTime()
	if err != nil || expires.Sub(issued.Time) > v.config.Lifetime(p.Role) {
		return Guest, errors.New("the token lives too long")
	}
	return p, nil
}

// keyOf picks the key by its id alone and insists on the key's own algorithm; keys in the header are not looked at.
func (v *Verifier) keyOf(t *jwt.Token) (any, error) {
	if _, critical := t.Header["crit"]; critical {
		return nil, errors.New("critical header parameters are not understood")
	}
	typ, _ := t.Header["typ"].(string)
	switch strings.ToLower(typ) {
	case tokenType, "application/" + tokenType, "jwt":
	default:
		return nil, errors.New("this type of token is not accepted")
	}
	id, _ := t.Header["kid"].(string)
	key, known := v.keys[id]
	if !known {
		return nil, errors.New("the key is unknown")
	}
	if t.Method.Alg() != key.Algorithm {
		return nil, errors.New("the algorithm is not the key's")
	}
	return key.Public, nil
}

func principalOf(claims jwt.MapClaims) (Principal, error) {
	subject, _ := claims["sub"].(string)
	if subject == "" || len(subject) > maxSubject {
		return Guest, errors.New("the token has no subject")
	}
	role, _ := claims["role"].(string)
	if !slices.Contains(Roles(), Role(role)) {
		return Guest, errors.New("the token has no role")
	}
	p := Principal{Role: Role(role), Subject: subject}
	text, ok := claims["scope"].(string)
	if claims["scope"] != nil && !ok {
		return Guest, errors.New("the scopes are no text")
	}
	for word := range strings.FieldsSeq(text) {
		if slices.Contains(Scopes(), Scope(word)) { // scopes of other services are not ours to judge
			p.Scopes = append(p.Scopes, Scope(word))
		}
	}
	places, ok := claims["locations"].(string)
	if claims["locations"] != nil && !ok {
		return Guest, errors.New("the locations are no text")
	}
	for code := range strings.FieldsSeq(places) {
		p.Locations = append(p.Locations, code)
	}
	if len(p.Locations) > maxLocations {
		return Guest, errors.New("the token names too many locations")
	}
	return p, nil
}

// exactSegments refuses a token whose header or claims repeat a name: readers disagree about which one counts.
func exactSegments(token string) error {
	header, rest, _ := strings.Cut(token, ".")
	claims, _, _ := strings.Cut(rest, ".")
	for _, segment := range [...]string{header, claims} {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(segment)
		if err != nil {
			return errors.New("the token is malformed")
		}
		if err := exactObject(raw); err != nil {
			return err
		}
	}
	return nil
}

// exactObject checks that raw is one JSON object without repeated names at its top.
func exactObject(raw []byte) error {
	malformed := errors.New("the token is malformed")
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return malformed
	}
	names := make(map[string]bool, 8)
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return malformed
		}
		if names[name] {
			return errors.New("the token repeats a name")
		}
		names[name] = true
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return malformed
		}
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return malformed
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return malformed
	}
	return nil
}
