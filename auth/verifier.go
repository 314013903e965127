package auth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Partners finds registered partners.
type Partners interface {
	// Partner returns the partner of a client id; ok is false when there is none.
	Partner(clientID string) (p *Partner, ok bool)
}

// Issuers finds issuers by name.
type Issuers interface {
	// Issuer returns the issuer of a name; ok is false when there is none.
	Issuer(name string) (t *TrustedIssuer, ok bool)
}

// VerifierOptions are what a Verifier asks besides keys.
type VerifierOptions struct {
	// Partners is the registry; nil knows nobody, and tokens of partners are refused.
	Partners Partners
	// Issuers finds issuers that come and go, beside the fixed ones, which win; nil has none.
	Issuers Issuers
	// Proofs checks that the bearer of a bound token holds its key; nil refuses bound tokens.
	Proofs *Proofs
	// Revoked are the tokens that were taken back; nil knows none.
	Revoked *RevocationList
	// CacheEntries bounds the verified tokens that are remembered; 0 means 10,000.
	CacheEntries int
	Now          func() time.Time // nil means time.Now
}

// Verifier tells who a token speaks for. It is safe for concurrent use.
type Verifier struct {
	options VerifierOptions
	now     func() time.Time
	issuers map[string][]*TrustedIssuer
	// prefixes are the issuers of each role by their prefixes.
	prefixes map[Role]map[string]string
	cache    *claimCache
}

// NewVerifier returns a verifier of one issuer that speaks for every role, with keys that do not change.
func NewVerifier(config TokenConfig, now func() time.Time, keys ...*Key) (*Verifier, error) {
	own, err := OwnIssuer(config, Roles(), keys...)
	if err != nil {
		return nil, err
	}
	return NewTrustVerifier(VerifierOptions{Now: now}, own)
}

// OwnIssuer is the simple form of a TrustedIssuer: fixed keys, the algorithm of each key, either type of token.
func OwnIssuer(config TokenConfig, roles []Role, keys ...*Key) (TrustedIssuer, error) {
	t := TrustedIssuer{TokenConfig: config, Roles: roles, Types: []string{tokenType, typeJWT}}
	for _, k := range keys {
		if !slices.Contains(t.Algorithms, k.Algorithm) {
			t.Algorithms = append(t.Algorithms, k.Algorithm)
		}
	}
	var err error
	t.Keys, err = StaticKeys(t.Algorithms, keys...)
	return t, err
}

// NewTrustVerifier returns a verifier of the issuers. Several entries may share a name, for keys that speak for different
// roles; then all their keys must be fixed and different, and their prefix the same. SubjectClashError when two issuers of a role
// could give two people one name.
func NewTrustVerifier(o VerifierOptions, issuers ...TrustedIssuer) (*Verifier, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CacheEntries == 0 {
		o.CacheEntries = 10_000
	}
	if len(issuers) == 0 && o.Issuers == nil {
		return nil, errors.New("auth: a verifier needs an issuer")
	}
	v := &Verifier{
		options: o, now: o.Now, issuers: make(map[string][]*TrustedIssuer, len(issuers)), prefixes: map[Role]map[string]string{},
	}
	for i := range issuers {
		if err := v.trust(&issuers[i]); err != nil {
			return nil, err
		}
	}
	var err error
	v.cache, err = newClaimCache(o.CacheEntries)
	return v, err
}

func (v *Verifier) trust(t *TrustedIssuer) error {
	if err := t.Validate(); err != nil {
		return err
	}
	own, fixed := t.Keys.(staticKeys)
	for _, other := range v.issuers[t.Issuer] {
		theirs, also := other.Keys.(staticKeys)
		if other.SubjectPrefix != t.SubjectPrefix {
			return errors.New("auth: the issuer " + t.Issuer + " has two prefixes")
		}
		if !fixed || !also {
			return errors.New("auth: the issuer " + t.Issuer + " is named twice")
		}
		for id := range own {
			if theirs[id] != nil {
				return errors.New("auth: the key " + id + " of " + t.Issuer + " is given twice, for different roles")
			}
		}
	}
	if err := v.checkSubjects(t); err != nil {
		return err
	}
	v.issuers[t.Issuer] = append(v.issuers[t.Issuer], t)
	return nil
}

// Knows reports whether tokens of the issuer are accepted.
func (v *Verifier) Knows(issuer string) bool { return len(v.named(issuer)) > 0 }

// named lists what is trusted under the name of an issuer.
func (v *Verifier) named(issuer string) []*TrustedIssuer {
	if list := v.issuers[issuer]; len(list) > 0 || v.options.Issuers == nil {
		return list
	}
	if t, ok := v.options.Issuers.Issuer(issuer); ok {
		return []*TrustedIssuer{t}
	}
	return nil
}

// Verify returns the principal of a bearer token. What is wrong with a token is CodeUnauthenticated, always with the same
// message; the cause is for the log. CodeUpstreamUnavailable says that nobody can tell at the moment.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	c, err := v.verify(ctx, token)
	if err == nil && c.thumbprint != "" {
		err = proofError{errors.New("a token that is bound to a key came as a bearer token")}
	}
	return v.admit(c, err)
}

// Authenticate returns the principal of a request: that of its one Authorization header, or Guest when it has none. Errors are
// those of Verify.
func (v *Verifier) Authenticate(r *http.Request) (Principal, error) {
	given := r.Header.Values("Authorization")
	if len(given) == 0 {
		return Guest, nil
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	switch {
	case len(given) > 1:
		return v.admit(claims{}, errors.New("several authorizations"))
	case strings.EqualFold(scheme, "Bearer"):
		return v.Verify(r.Context(), token)
	case !strings.EqualFold(scheme, "DPoP"):
		return v.admit(claims{}, errors.New("the scheme of the authorization is not accepted"))
	}
	c, err := v.verify(r.Context(), token)
	switch {
	case err != nil:
	case c.thumbprint == "":
		err = proofError{errors.New("a token that is bound to no key came with the scheme DPoP")}
	case v.options.Proofs == nil:
		err = proofError{errors.New("bound tokens are not served")}
	default:
		err = v.options.Proofs.check(r, token, c.thumbprint)
	}
	return v.admit(c, err)
}

// claims are what a verified token says.
type claims struct {
	principal  Principal
	thumbprint string // of the key that it is bound to (RFC 9449), empty when to none
}

// verify reads and verifies a token, or remembers that it did. Whether it was taken back is left to admit.
func (v *Verifier) verify(ctx context.Context, token string) (claims, error) {
	if len(token) > maxTokenBytes {
		return claims{}, errTooLong
	}
	now := v.now()
	key := cacheKey(token)
	if c, ok := v.cache.get(key, now); ok {
		return c, nil
	}
	c, err := v.read(ctx, token, now)
	if err == nil {
		v.cache.put(key, c, now)
	}
	return c, err
}

// read verifies a token: its issuer decides which keys are looked at.
func (v *Verifier) read(ctx context.Context, token string, now time.Time) (c claims, err error) {
	s, err := readSigned(token)
	if err != nil {
		return c, err
	}
	issuer, _ := s.claims.text("iss")
	t, key, err := v.keyOf(ctx, issuer, s.header)
	if err != nil {
		return c, err
	}
	if !key.verify(s.text, s.signature) {
		return c, errors.New("the signature is not the key's")
	}
	if c.principal, err = t.read(s.header, s.claims, now); err != nil {
		return c, err
	}
	if err = v.namespace(t, &c.principal); err != nil {
		return c, err
	}
	c.thumbprint, err = boundTo(s.claims)
	c.principal.KeyID, _ = s.header.name("kid")
	c.principal.Bound = c.thumbprint != ""
	return c, err
}

// keyOf finds the key that a token names among those of its issuer.
func (v *Verifier) keyOf(ctx context.Context, issuer string, header object) (*TrustedIssuer, *Key, error) {
	err := errors.New("the issuer is not accepted")
	for _, t := range v.named(issuer) {
		var kid, algorithm string
		if kid, algorithm, err = t.checkHeader(header); err != nil {
			continue
		}
		var key *Key
		switch key, err = t.Keys.Key(ctx, kid); {
		case err != nil:
		case key == nil:
			err = errors.New("the key is unknown")
		case key.Algorithm != algorithm:
			return nil, nil, errors.New("the algorithm is not the key's")
		default:
			return t, key, nil
		}
	}
	return nil, nil, err
}

// admit looks at what may change while a token lives, and gives errors their form.
func (v *Verifier) admit(c claims, err error) (Principal, error) {
	p := c.principal
	if err == nil {
		err = v.standing(&p)
	}
	var known *retail.Error
	switch {
	case err == nil:
		return p, nil
	case errors.As(err, &known):
		return Guest, err
	}
	return Guest, &retail.Error{Code: retail.CodeUnauthenticated, Message: "the token is not accepted", Err: err}
}

// standing refuses what was taken back, and bounds a partner by what is registered.
func (v *Verifier) standing(p *Principal) error {
	if v.options.Revoked.Has(p) {
		return errors.New("the token was taken back")
	}
	if p.Role != RolePartner {
		return nil
	}
	if v.options.Partners == nil || p.Client == "" {
		return errors.New("the partner is not registered")
	}
	registered, ok := v.options.Partners.Partner(p.Client)
	switch {
	case !ok || registered == nil:
		return errors.New("the partner is not registered")
	case registered.Keys != nil && p.Issuer != registered.Keys.Issuer:
		return errors.New("the partner's tokens are those of its own issuer")
	case registered.Keys == nil && v.issuers[p.Issuer] == nil:
		return errors.New("the partner has no issuer of its own any more")
	case registered.DPoP && !p.Bound:
		return proofError{errors.New("the partner's tokens must be bound to a key")}
	}
	p.Partner, p.Locations = registered, nil
	if registered.Reach != nil {
		p.Locations = registered.Reach.Locations
	}
	var scopes []Scope
	for _, s := range p.Scopes {
		if slices.Contains(registered.Scopes, s) {
			scopes = append(scopes, s)
		}
	}
	p.Scopes = scopes
	return nil
}

// Standing fails when a principal that was admitted would not be any more, or not as it was: its token was taken back, its issuer
// or key is not accepted or cannot be checked any more, or its partner's registration is another one.
func (v *Verifier) Standing(ctx context.Context, p Principal) error {
	if !p.Known() {
		return nil
	}
	again := p
	if err := v.standing(&again); err != nil {
		return err
	}
	if again.Partner != p.Partner {
		return errors.New("the partner's registration has changed")
	}
	err := errors.New("the issuer is not accepted any more")
	for _, t := range v.named(p.Issuer) {
		if !slices.Contains(t.Roles, p.Role) || t.Client != "" && t.Client != p.Client {
			continue
		}
		var key *Key
		if key, err = t.Keys.Key(ctx, p.KeyID); key != nil {
			return nil
		}
		if err == nil {
			err = errors.New("the key is not accepted any more")
		}
	}
	return err
}
