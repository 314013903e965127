package auth

import (
	"context"
	"log/slog"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Revocations keeps revocations for every gateway; integrations/ledger implements it.
type Revocations interface {
	// RevocationsSince lists revocations after an id, in order; limit at most.
	RevocationsSince(ctx context.Context, after int64, limit int) ([]retail.Revocation, error)
	// AddRevocation stores one and returns its id.
	AddRevocation(ctx context.Context, r retail.Revocation) (id int64, err error)
}

const (
	// RevocationPoll is how often a gateway asks for new revocations.
	RevocationPoll = 2 * time.Second
	// RevocationDelay is how long after a revocation the last gateway refuses the tokens: a poll, the time of its answer, and
	// clocks that differ.
	RevocationDelay = 5 * time.Second
	// revocationLife is beyond the longest life of any token, which counts from an instant that may lie ahead and goes on after it
	// expired, by the clocks that differ most, and of those that a session renews until the last gateway has heard.
	revocationLife = longestLifetime + 2*longestLeeway + RevocationDelay + time.Hour
)

// Revoker takes tokens back.
type Revoker struct {
	store  Revocations
	list   *RevocationList
	issuer string
	knows  func(issuer string) bool
	log    *slog.Logger
	now    func() time.Time
}

// RevokerDeps are what a Revoker needs.
type RevokerDeps struct {
	Store  Revocations
	List   *RevocationList // of this gateway, which need not wait for a poll; may be nil
	Issuer string          // the gateway's own
	// Knows reports whether tokens of an issuer are accepted; nil believes it.
	Knows func(issuer string) bool
	Log   *slog.Logger // nil means nowhere
	Now   func() time.Time
}

// NewRevoker returns a revoker.
func NewRevoker(d RevokerDeps) *Revoker {
	r := &Revoker{store: d.Store, list: d.List, issuer: d.Issuer, knows: d.Knows, log: d.Log, now: d.Now}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	return r
}

// RevokeRequest names what to take back: exactly one of token id and subject.
type RevokeRequest struct {
	Issuer  *string // the gateway's own when nil
	TokenID *string
	Subject *string
	Role    Role      // of the subject; every role when empty
	Until   time.Time // a subject's tokens that are issued later stay; now when zero
}

// Revoke takes back what the request names, a token of a session with the whole session, and returns the instant from which
// every gateway refuses it. Refusals: WhyInvalid, and those of the store.
func (r *Revoker) Revoke(ctx context.Context, q RevokeRequest) (effectiveBy time.Time, err error) {
	now := r.now()
	v := retail.Revocation{Issuer: r.issuer, ExpiresAt: now.Add(revocationLife)}
	if q.Issuer != nil {
		v.Issuer = *q.Issuer
	}
	if v.Issuer == "" || len(v.Issuer) > maxText || r.knows != nil && !r.knows(v.Issuer) {
		return time.Time{}, retail.Refuse(retail.WhyInvalid, "input.issuer", "no token of this issuer is accepted")
	}
	kind := "token"
	switch {
	case (q.TokenID == nil) == (q.Subject == nil):
		return time.Time{}, retail.Refuse(retail.WhyInvalid, "input", "name a token id or a subject, not both")
	case q.TokenID != nil && !validName(*q.TokenID):
		return time.Time{}, retail.Refuse(retail.WhyInvalid, "input.tokenId", "this is no token id")
	case q.Subject != nil && !validName(*q.Subject):
		return time.Time{}, retail.Refuse(retail.WhyInvalid, "input.subject", "this is no subject")
	case q.TokenID != nil:
		v.TokenID = *q.TokenID
	default:
		v.Subject, v.Role, v.Until, kind = *q.Subject, string(q.Role), now, "subject"
		if !q.Until.IsZero() {
			v.Until = q.Until
		}
	}
	if v.ID, err = r.store.AddRevocation(ctx, v); err != nil {
		return time.Time{}, err
	}
	if r.list != nil {
		r.list.add(v)
	}
	r.log.LogAttrs(ctx, slog.LevelInfo, "tokens were taken back",
		slog.String("issuer", v.Issuer), slog.String("by", kind), slog.Int64("id", v.ID))
	return now.Add(RevocationDelay), nil
}
