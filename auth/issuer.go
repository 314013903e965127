package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

// TrustedIssuer is whose tokens are accepted, and for what. Issuers may not stand in for each other: an issuer of members that
// names an operator is refused.
type TrustedIssuer struct {
	TokenConfig
	// Algorithms are those that its keys may be used with, from Algorithms; a key that fits several takes the first.
	Algorithms []string
	// Roles are those that it may speak for.
	Roles []Role
	// SubjectPrefix, up to 32 letters, digits, dots, hyphens and underscores, is put before its subjects, with a colon between: two
	// issuers of a role may give two people the same subject. One issuer of each role may go without.
	SubjectPrefix string
	// Client is the only client that it may speak for, as the issuer of one partner; empty for any.
	Client string
	// Types are the accepted header typ, of "at+jwt" (RFC 9068) and "jwt".
	Types []string
	// RequireTokenID refuses tokens without a jti, which could not be taken back one by one.
	RequireTokenID bool
	Keys           Keys
}

// Keys are the public keys of one issuer.
type Keys interface {
	// Key returns the key of an id, nil when there is none. An error says that nobody knows at the moment.
	Key(ctx context.Context, id string) (*Key, error)
}

// typeJWT is the header typ of tokens that do not say what they are for.
const typeJWT = "jwt"

// Validate says what is missing.
func (t *TrustedIssuer) Validate() error {
	if err := t.TokenConfig.Validate(); err != nil {
		return err
	}
	outside := func(list, all []string) bool {
		return len(list) == 0 || slices.ContainsFunc(list, func(x string) bool { return !slices.Contains(all, x) })
	}
	switch {
	case t.Keys == nil:
		return fmt.Errorf("auth: the issuer %s has no keys", t.Issuer)
	case outside(t.Algorithms, Algorithms()):
		return fmt.Errorf("auth: the issuer %s needs algorithms of %s", t.Issuer, strings.Join(Algorithms(), ", "))
	case outside(t.Types, []string{tokenType, typeJWT}):
		return fmt.Errorf("auth: the issuer %s needs token types of %s and %s", t.Issuer, tokenType, typeJWT)
	case len(t.Roles) == 0 || slices.ContainsFunc(t.Roles, func(r Role) bool { return !slices.Contains(Roles(), r) }):
		return fmt.Errorf("auth: the issuer %s needs roles of %v", t.Issuer, Roles())
	case !validPrefix(t.SubjectPrefix):
		return fmt.Errorf("auth: the subjectPrefix of %s is not up to %d letters, digits, dots, hyphens and underscores", t.Issuer, maxPrefix)
	}
	return nil
}

// staticKeys are keys by their ids.
type staticKeys map[string]*Key

// Key returns the key of an id.
func (s staticKeys) Key(_ context.Context, id string) (*Key, error) { return s[id], nil }

// StaticKeys are keys that do not change. Each must fit one of the algorithms.
func StaticKeys(algorithms []string, keys ...*Key) (Keys, error) {
	s := make(staticKeys, len(keys))
	for _, k := range keys {
		fixed, ok := k.under(algorithms)
		switch {
		case !ok:
			return nil, fmt.Errorf("auth: the key %s is for %s, which is none of %s", k.ID, k.Algorithm, strings.Join(algorithms, ", "))
		case s[k.ID] != nil:
			return nil, fmt.Errorf("auth: the key %s is given twice", k.ID)
		}
		s[k.ID] = fixed
	}
	if len(s) == 0 {
		return nil, errors.New("auth: a verifier needs a key")
	}
	return s, nil
}

// foreign are header parameters that bring a key along, change what is signed, or mean something to others only.
var foreign = [...]string{"crit", "b64", "zip", "enc", "cty", "jwk", "jku", "x5u", "x5c"}

// checkHeader reads which key a token names. Where the token says to find a key is never looked at: it is refused.
func (t *TrustedIssuer) checkHeader(h object) (kid, algorithm string, err error) {
	if h.has(foreign[:]...) {
		return "", "", errors.New("the header has parameters that are not accepted")
	}
	if typ, _ := h.text("typ"); !slices.Contains(t.Types, strings.TrimPrefix(strings.ToLower(typ), "application/")) {
		return "", "", errors.New("this type of token is not accepted")
	}
	algorithm, _ = h.text("alg")
	if !slices.Contains(t.Algorithms, algorithm) {
		return "", "", errors.New("the algorithm is not accepted")
	}
	kid, ok := h.name("kid")
	if !ok {
		return "", "", errors.New("the token names no key")
	}
	return kid, algorithm, nil
}

// checkTimes reads iat and exp, and refuses what is not yet, not any more, or for too long.
func (t *TrustedIssuer) checkTimes(c object, role Role, now time.Time) (issued, expires time.Time, err error) {
	iat, ok := c.instant("iat")
	if !ok {
		return issued, expires, errors.New("the token does not say when it was issued")
	}
	exp, ok := c.instant("exp")
	if !ok {
		return issued, expires, errors.New("the token does not say when it expires")
	}
	issued, expires = time.Unix(iat, 0).UTC(), time.Unix(exp, 0).UTC()
	switch {
	case issued.After(now.Add(t.Leeway)):
		return issued, expires, errors.New("the token is issued in the future")
	case !expires.After(issued):
		return issued, expires, errors.New("the token expires before it is issued")
	case expires.Sub(issued) > t.Lifetime(role):
		return issued, expires, errors.New("the token lives too long")
	case !expires.After(now.Add(-t.Leeway)):
		return issued, expires, errors.New("the token is expired")
	}
	if c.has("nbf") {
		nbf, ok := c.instant("nbf")
		if !ok || time.Unix(nbf, 0).After(now.Add(t.Leeway)) || nbf >= exp {
			return issued, expires, errors.New("the token is not valid yet")
		}
	}
	return issued, expires, nil
}

// read turns claims whose signature is verified into a principal.
func (t *TrustedIssuer) read(header, c object, now time.Time) (Principal, error) {
	if !t.addressed(c) {
		return Guest, errors.New("the token is for somebody else")
	}
	typ, _ := header.text("typ")
	if strings.EqualFold(typ, typeJWT) && c.has("nonce", "at_hash", "c_hash") {
		return Guest, errors.New("this is an ID token")
	}
	p, err := principalOf(c)
	if err != nil {
		return Guest, err
	}
	if !slices.Contains(t.Roles, p.Role) {
		return Guest, errors.New("the issuer may not speak for this role")
	}
	if t.Client != "" && p.Client != t.Client {
		return Guest, errors.New("the issuer may not speak for this client")
	}
	if t.RequireTokenID && p.TokenID == "" {
		return Guest, errors.New("the token has no id")
	}
	p.Issuer = t.Issuer
	p.Issued, p.Expires, err = t.checkTimes(c, p.Role, now)
	return p, err
}

// addressed reports whether the audience, a text or a list of texts, contains ours.
func (t *TrustedIssuer) addressed(c object) bool {
	value, _ := c.get("aud")
	if one, ok := textOf(value); ok {
		return one == t.Audience
	}
	list, ok := textsOf(value)
	return ok && slices.Contains(list, t.Audience)
}

func principalOf(c object) (p Principal, err error) {
	subject, ok := c.name("sub")
	if !ok {
		return Guest, errors.New("the token has no subject")
	}
	role, _ := c.text("role")
	if !slices.Contains(Roles(), Role(role)) {
		return Guest, errors.New("the token has no role")
	}
	p = Principal{Role: Role(role), Subject: subject}
	if p.TokenID, ok = c.name("jti"); !ok && c.has("jti") {
		return Guest, errors.New("the id of the token is no name")
	}
	if session, ok := c.name("sid"); ok { // of another form it is not ours to judge
		p.Session = session
	}
	if p.Client, ok = c.name("client_id"); !ok && c.has("client_id") {
		return Guest, errors.New("the client is no name")
	}
	scopes, ok := c.text("scope")
	if !ok && c.has("scope") {
		return Guest, errors.New("the scopes are no text")
	}
	for word := range strings.FieldsSeq(scopes) { // scopes of other services are not ours to judge
		if s := Scope(word); slices.Contains(Scopes(), s) && !p.Has(s) {
			p.Scopes = append(p.Scopes, s)
		}
	}
	places, ok := c.text("locations")
	if !ok && c.has("locations") {
		return Guest, errors.New("the locations are no text")
	}
	for code := range strings.FieldsSeq(places) {
		if len(p.Locations) == maxLocations || !retail.ValidLocationCode(code) {
			return Guest, fmt.Errorf("the token names more than %d locations, or one that is none", maxLocations)
		}
		p.Locations = append(p.Locations, code)
	}
	return p, nil
}
