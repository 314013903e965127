package auth

import (
	"errors"
	"fmt"
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

const (
	longestLifetime = 30 * 24 * time.Hour
	longestLeeway   = 5 * time.Minute
)

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
	case len(c.Issuer) > maxText || len(c.Audience) > maxText:
		return fmt.Errorf("auth: issuer and audience are of at most %d bytes", maxText)
	case c.MaxLifetime <= 0 || max(c.MaxLifetime, c.GuestLifetime) > longestLifetime:
		return fmt.Errorf("auth: tokens may live %v and %v, not above 0 and up to 30 days", c.MaxLifetime, c.GuestLifetime)
	case c.Leeway < 0 || c.Leeway > longestLeeway:
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

const (
	// sessionEnd stands in the id of a token between its session and what is the token's own, so that whoever takes back one
	// token of a session takes back the session (claim sid, OpenID Connect Front-Channel Logout 1.0 section 3).
	sessionEnd = "~"
	maxSession = maxText - 40 // beside a UUID
)

// Issue returns a token for the principal that lives for ttl. Without scopes the token gets the role's DefaultScopes.
func (i *Issuer) Issue(p Principal, ttl time.Duration) (string, error) {
	scopes := p.Scopes
	switch {
	case !slices.Contains(Roles(), p.Role):
		return "", retail.BadInput("auth: no token for the role %q", p.Role)
	case !validName(p.Subject) || p.Client != "" && !validName(p.Client) || len(p.Session) > maxSession:
		return "", retail.BadInput("auth: a token needs a subject, and it and the client are of at most %d bytes", maxText)
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
	now, id := i.now(), uuid.NewString()
	if p.Session != "" {
		id = p.Session + sessionEnd + id
	}
	claims := jwt.MapClaims{
		"iss": i.config.Issuer, "aud": i.config.Audience, "sub": p.Subject, "jti": id,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(ttl).Unix(),
		"role": string(p.Role), "scope": joinScopes(scopes),
	}
	if p.Client != "" {
		claims["client_id"] = p.Client
	}
	if p.Session != "" {
		claims["sid"] = p.Session
	}
	if len(p.Locations) > 0 {
		claims["locations"] = strings.Join(p.Locations, " ")
	}
	token := jwt.NewWithClaims(jwt.GetSigningMethod(i.key.Algorithm), claims)
	token.Header["typ"], token.Header["kid"] = tokenType, i.key.ID
	return token.SignedString(i.key.private)
}

// maxLocations bounds the places that a token names.
const maxLocations = 50

func joinScopes(scopes []Scope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}
