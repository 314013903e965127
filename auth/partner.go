package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/portico-retail/portico/retail"
)

// Partner is a partner platform as the registry knows it. It is immutable: a changed registry makes another one.
type Partner struct {
	ID     string // claim client_id of its tokens
	Name   string
	Scopes []Scope // the most that its tokens may carry, of PartnerScopes
	Reach  *retail.Reach
	Quota  Quota
	// Documents are the apps whose trusted documents it may ask; empty means any document.
	Documents []string
	DPoP      bool // its tokens must be bound to a key of its own (RFC 9449)
	// Keys are those of an issuer of its own, which speaks for this partner and nobody else; nil when its tokens are ours.
	Keys *PartnerKeys
}

// PartnerKeys say where the keys of a partner's own issuer are.
type PartnerKeys struct {
	Issuer     string // claim iss
	Audience   string // claim aud; empty for that of the gateway's own tokens
	JWKS       string // URL, or path of a file
	Algorithms []string
}

// Quota is how much of the gateway one client may use; zero leaves it to the class.
type Quota struct {
	CostPerMinute int // points of cost
	Burst         int // points at once
	InFlight      int // requests at the same time
}

// PartnerScopes lists the scopes that a partner may have: those whose facts its reach bounds. The others open orders, members and
// events of every place.
func PartnerScopes() []Scope { return []Scope{ScopeStockRead, ScopePersonalPartner} }

// Bounds of one partner.
const (
	maxPartnerID   = 100
	maxPartnerName = 100
	maxReachPlaces = 5000
	maxReachRanges = 1000
	maxPartnerApps = 100
	maxQuota       = 1_000_000_000
)

// Validate says what makes no sense.
func (p *Partner) Validate() error {
	if !printable(p.ID, maxPartnerID) {
		return fmt.Errorf("auth: a partner's id has 1 to %d visible ASCII characters", maxPartnerID)
	}
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("auth: partner %s: "+format, append([]any{p.ID}, args...)...)
	}
	for _, s := range p.Scopes {
		if !slices.Contains(PartnerScopes(), s) {
			return wrong("%q is no scope of partners", string(s))
		}
	}
	q := p.Quota
	switch {
	case len(p.Name) > maxPartnerName:
		return wrong("the name has more than %d bytes", maxPartnerName)
	case p.Reach == nil:
		return wrong("it says nothing about its reach")
	case min(q.CostPerMinute, q.Burst, q.InFlight) < 0 || max(q.CostPerMinute, q.Burst, q.InFlight) > maxQuota:
		return wrong("a quota is 0 to %d", maxQuota)
	case len(p.Documents) > maxPartnerApps || slices.ContainsFunc(p.Documents, nameless):
		return wrong("documents are up to %d names of apps", maxPartnerApps)
	}
	if err := p.Keys.check(); err != nil {
		return wrong("%w", err)
	}
	if err := checkReach(p.Reach); err != nil {
		return wrong("%w", err)
	}
	return nil
}

const maxURL = 2000

func (k *PartnerKeys) check() error {
	if k == nil {
		return nil
	}
	if !printable(k.Issuer, maxURL) || len(k.Audience) > maxURL || !printable(k.JWKS, maxURL) {
		return errors.New("keys need an issuer and a jwks")
	}
	if slices.ContainsFunc(k.Algorithms, func(a string) bool { return !slices.Contains(Algorithms(), a) }) {
		return fmt.Errorf("algorithms of keys are of %s", strings.Join(Algorithms(), ", "))
	}
	_, err := newKeySource(k.JWKS)
	return err
}

func checkReach(r *retail.Reach) error {
	switch {
	case len(r.Locations) > maxReachPlaces || len(r.SKUs) > maxReachRanges:
		return fmt.Errorf("it reaches more than %d locations or %d ranges of SKUs", maxReachPlaces, maxReachRanges)
	case repeats(r.Locations) || repeats(r.SKUs) || repeats(r.Channels):
		return errors.New("it names something twice")
	}
	for _, code := range r.Locations {
		if !retail.ValidLocationCode(code) {
			return fmt.Errorf("%.40q is no code of a location", code)
		}
	}
	for _, in := range r.SKUs {
		if !in.Valid() || in.First != retail.NormalizeSKU(in.First) || in.Last != retail.NormalizeSKU(in.Last) {
			return fmt.Errorf("%.40q to %.40q is no range of SKUs", in.First, in.Last)
		}
	}
	for _, c := range r.Channels {
		if !c.Valid() {
			return fmt.Errorf("%.40q is no channel", string(c))
		}
	}
	return nil
}

func repeats[T comparable](list []T) bool {
	seen := make(map[T]bool, len(list))
	for _, x := range list {
		if seen[x] {
			return true
		}
		seen[x] = true
	}
	return false
}

func nameless(app string) bool { return !printable(app, maxPartnerName) }

// printable reports whether s has 1 to most characters, all of them visible ASCII.
func printable(s string, most int) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= most
}
