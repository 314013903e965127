package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/integrations/redisstore"
)

// trustFlags say whose tokens are accepted.
type trustFlags struct {
	Trust         string        `placeholder:"FILE" help:"YAML file of the issuers whose tokens are accepted, with their key sets."`
	TokenKey      []string      `placeholder:"FILE" help:"PEM files with public keys whose tokens are accepted for every role; without these and --trust, guests only."`
	TokenIssuer   string        `default:"portico" help:"Issuer of the tokens of --token-key and of guest sessions."`
	TokenAudience string        `default:"portico" help:"Audience of the tokens of --token-key and of guest sessions."`
	GuestKey      string        `placeholder:"FILE" help:"PEM file with the private key that signs guest sessions, and nothing else; without one guests need tokens of their own."`
	GuestSession  time.Duration `default:"720h" help:"How long a guest session is accepted, 30 days at most."`
	PublicURL     string        `name:"public-url" placeholder:"URL" help:"How clients address the gateway, for example https://api.example: proofs of bound tokens name it. Without it bound tokens are refused."`
}

// trust is whose tokens are accepted, and what else deciding that takes.
type trust struct {
	issuers  []issuerTrust
	config   auth.TokenConfig // of the gateway's own tokens
	own      *auth.Issuer     // opens guest sessions; nil opens none
	session  time.Duration    // of a guest
	url      string           // how clients address the gateway; empty refuses bound tokens
	partners *auth.Registry   // nil knows no partner
}

// issuerTrust is an issuer whose keys are given, or read from a key set.
type issuerTrust struct {
	auth.TrustedIssuer
	set *auth.JWKSConfig
}

// trust reads the files that the flags name.
func (f trustFlags) trust() (trust, error) {
	config := auth.DefaultTokenConfig()
	config.Issuer, config.Audience = f.TokenIssuer, f.TokenAudience
	t := trust{config: config, session: f.GuestSession, url: f.PublicURL}
	if f.GuestSession <= 0 || f.GuestSession > config.GuestLifetime {
		return t, fmt.Errorf("serve: --guest-session is %v, not above 0 and up to %v", f.GuestSession, config.GuestLifetime)
	}
	if f.Trust != "" {
		var err error
		if t.issuers, err = readTrust(f.Trust); err != nil {
			return t, err
		}
	}
	keys, err := readKeys(f.TokenKey)
	if err != nil {
		return t, err
	}
	if err := t.add(auth.Roles(), keys...); err != nil || f.GuestKey == "" {
		return t, err
	}
	if keys, err = readKeys([]string{f.GuestKey}); err != nil {
		return t, err
	}
	if err := t.add([]auth.Role{auth.RoleGuest}, keys...); err != nil {
		return t, err
	}
	t.own, err = auth.NewIssuer(keys[0], config, time.Now)
	return t, err
}

// add accepts tokens of the gateway's own name that are signed with the keys.
func (t *trust) add(roles []auth.Role, keys ...*auth.Key) error {
	if len(keys) == 0 {
		return nil
	}
	own, err := auth.OwnIssuer(t.config, roles, keys...)
	t.issuers = append(t.issuers, issuerTrust{TrustedIssuer: own})
	return err
}

func readKeys(paths []string) ([]*auth.Key, error) {
	keys := make([]*auth.Key, len(paths))
	for i, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("token key: %w", err)
		}
		if keys[i], err = auth.ParseKey(text); err != nil {
			return nil, fmt.Errorf("token key %s: %w", path, err)
		}
	}
	return keys, nil
}

// identityParts are what an identity is made of, besides trust.
type identityParts struct {
	Ledger  *ledger.Ledger
	Redis   redis.UniversalClient
	Prefix  string // of every Redis key
	Log     *slog.Logger
	Metrics prometheus.Registerer
	// Pace bounds how many guests' sessions a household opens; nil bounds nobody.
	Pace   func(context.Context) error
	Random func() float64
	Now    func() time.Time
}

// identity tells who asks.
type identity struct {
	verifier *auth.Verifier // nil serves nobody by name
	sessions *auth.Sessions
	revoked  *auth.RevocationList
	revoker  *auth.Revoker
	sets     []*auth.JWKS
	partners *auth.PartnerIssuers // nil when there are no partners
}

// maxReplays bounds the proofs that a gateway remembers itself.
const maxReplays = 100_000

// newIdentity joins the parts. Nothing is read yet: no provider needs to be alive.
func newIdentity(t trust, p identityParts) (identity, error) {
	i := identity{}
	var err error
	if i.revoked, err = auth.NewRevocationList(p.Ledger, p.Log, p.Metrics, p.Now); err != nil {
		return i, err
	}
	options := auth.VerifierOptions{Revoked: i.revoked, Now: p.Now}
	if t.url != "" {
		options.Proofs, err = auth.NewProofs(auth.ProofOptions{
			PublicURL: t.url, Now: p.Now,
			Replays: auth.NewReplayGuard(redisstore.NewReplays(p.Redis, p.Prefix), maxReplays, p.Now),
		})
		if err != nil {
			return i, err
		}
	}
	if t.partners != nil {
		i.partners = auth.NewPartnerIssuers(t.partners, t.config, auth.JWKSDeps{Now: p.Now, Random: p.Random, Log: p.Log})
		options.Partners, options.Issuers = t.partners, i.partners
	}
	issuers, err := i.issuers(t, p)
	if err != nil {
		return i, err
	}
	if len(issuers) > 0 || i.partners != nil {
		if i.verifier, err = auth.NewTrustVerifier(options, issuers...); err != nil {
			return i, err
		}
	}
	i.sessions = auth.NewSessions(t.own, i.verifier, t.session, p.Pace, p.Now)
	deps := auth.RevokerDeps{Store: p.Ledger, List: i.revoked, Issuer: t.config.Issuer, Log: p.Log, Now: p.Now}
	if i.verifier != nil {
		deps.Knows = i.verifier.Knows
	}
	i.revoker = auth.NewRevoker(deps)
	return i, nil
}

// issuers gives those that have a key set their keys.
func (i *identity) issuers(t trust, p identityParts) ([]auth.TrustedIssuer, error) {
	metrics, err := auth.NewJWKSMetrics(p.Metrics)
	if err != nil {
		return nil, err
	}
	list := make([]auth.TrustedIssuer, len(t.issuers))
	for n, known := range t.issuers {
		list[n] = known.TrustedIssuer
		if known.set == nil {
			continue
		}
		set, err := auth.NewJWKS(*known.set, auth.JWKSDeps{Now: p.Now, Random: p.Random, Log: p.Log, Metrics: metrics})
		if err != nil {
			return nil, err
		}
		list[n].Keys = set
		i.sets = append(i.sets, set)
	}
	return list, nil
}

// begin reads what was taken back so far: nobody is served before, or a token that was taken back would be accepted again
// whenever a gateway starts.
func (i *identity) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := i.revoked.Refresh(ctx); err != nil {
		return errors.Join(errors.New("it is not known which tokens were taken back"), err)
	}
	if i.partners != nil {
		i.partners.Follow(ctx)
	}
	return nil
}

// run keeps keys and revocations up to date until ctx ends.
func (i *identity) run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { i.revoked.Run(ctx, auth.RevocationPoll) })
	for _, set := range i.sets {
		running.Go(func() { set.Run(ctx) })
	}
	if i.partners != nil {
		running.Go(func() {
			tick := time.NewTicker(partnersPoll)
			defer tick.Stop()
			i.partners.Run(ctx, tick.C)
		})
	}
	running.Wait()
}
