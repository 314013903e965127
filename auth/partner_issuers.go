package auth

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"
)

// PartnerIssuers are the issuers of those partners that have keys of their own, as the registry knows them. It is safe for
// concurrent use.
type PartnerIssuers struct {
	registry *Registry
	config   TokenConfig // of the gateway's own tokens: lifetimes, and the audience where the registry names none
	deps     JWKSDeps

	mu    sync.RWMutex
	known map[string]*partnerIssuer // by name
}

type partnerIssuer struct {
	client  string
	keys    *PartnerKeys // what it was made of
	trusted TrustedIssuer
	set     *JWKS
}

var _ Issuers = (*PartnerIssuers)(nil)

// NewPartnerIssuers returns the issuers of the registry's partners.
func NewPartnerIssuers(registry *Registry, config TokenConfig, deps JWKSDeps) *PartnerIssuers {
	deps.Metrics = nil // series of issuers that come and go would never end
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	return &PartnerIssuers{registry: registry, config: config, deps: deps}
}

// Issuer returns the issuer of a name. It speaks for its partner and nobody else.
func (s *PartnerIssuers) Issuer(name string) (*TrustedIssuer, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if known := s.known[name]; known != nil && known.set != nil {
		return &known.trusted, true
	}
	return nil, false
}

// Follow takes over what the registry says now. Key sets that were read stay, unless something else is said of them. A partner whose
// keys cannot be used is logged and has no issuer, so that its tokens are refused.
func (s *PartnerIssuers) Follow(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[string]*partnerIssuer{}
	for _, p := range s.registry.Partners() {
		if p.Keys == nil {
			continue
		}
		one := s.known[p.Keys.Issuer]
		if one == nil || one.client != p.ID || !reflect.DeepEqual(one.keys, p.Keys) {
			made, err := s.issuerOf(p)
			if err != nil {
				s.deps.Log.ErrorContext(ctx, "the keys of a partner cannot be used", "partner", p.ID, "error", err)
				made = &partnerIssuer{client: p.ID, keys: p.Keys} // so that it is not tried and logged again
			}
			one = made
		}
		next[p.Keys.Issuer] = one
	}
	s.known = next
}

func (s *PartnerIssuers) issuerOf(p *Partner) (*partnerIssuer, error) {
	algorithms := p.Keys.Algorithms
	if len(algorithms) == 0 {
		algorithms = Algorithms()
	}
	set, err := NewJWKS(JWKSConfig{Issuer: p.Keys.Issuer, Source: p.Keys.JWKS, Algorithms: algorithms}, s.deps)
	if err != nil {
		return nil, err
	}
	config := s.config
	config.Issuer = p.Keys.Issuer
	if p.Keys.Audience != "" {
		config.Audience = p.Keys.Audience
	}
	one := &partnerIssuer{client: p.ID, keys: p.Keys, set: set, trusted: TrustedIssuer{
		TokenConfig: config, Algorithms: algorithms, Roles: []Role{RolePartner}, Types: []string{tokenType}, Client: p.ID, Keys: set,
	}}
	return one, one.trusted.Validate()
}

// Run keeps up with the registry at every tick, and the key sets up to date, until ctx ends.
func (s *PartnerIssuers) Run(ctx context.Context, tick <-chan time.Time) {
	var sets sync.WaitGroup
	defer sets.Wait()
	running := map[*JWKS]context.CancelFunc{}
	for {
		s.Follow(ctx)
		current := s.sets()
		for set, stop := range running {
			if !slices.Contains(current, set) {
				stop()
				delete(running, set)
			}
		}
		for _, set := range current {
			if running[set] == nil {
				own, stop := context.WithCancel(ctx)
				running[set] = stop
				sets.Go(func() { defer stop(); set.Run(own) })
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
	}
}

func (s *PartnerIssuers) sets() []*JWKS {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []*JWKS
	for _, one := range s.known {
		if one.set != nil {
			list = append(list, one.set)
		}
	}
	return list
}
