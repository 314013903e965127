package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

// GuestSession lets a shopper without an account own a cart, holds and orders.
type GuestSession struct {
	Token     string
	ExpiresAt time.Time
}

// Sessions opens guest sessions and reads back their tokens.
type Sessions struct {
	issuer   *Issuer
	verifier *Verifier
	ttl      time.Duration
	pace     func(context.Context) error
	now      func() time.Time
}

// NewSessions returns sessions that live for ttl. The verifier must accept what the issuer signs. A nil issuer opens none:
// then guests bring tokens of the retailer's own identity provider. pace refuses a new session too many to whoever asks in a
// context; nil refuses none.
func NewSessions(issuer *Issuer, verifier *Verifier, ttl time.Duration, pace func(context.Context) error, now func() time.Time) *Sessions {
	return &Sessions{issuer: issuer, verifier: verifier, ttl: ttl, pace: pace, now: now}
}

// Open starts a session of a new guest, whom nobody can guess; a guest who has one keeps who they are and which session it is, so
// that what takes back one of its tokens takes back those that came of it. Refusals: WhyNotAllowed, WhyLimitReached.
func (s *Sessions) Open(ctx context.Context, caller Principal) (*GuestSession, error) {
	if s.issuer == nil {
		return nil, retail.Refuse(retail.WhyNotAllowed, "", "this gateway opens no guest sessions")
	}
	guest := Principal{Role: RoleGuest, Subject: "g-" + rand.Text(), Session: rand.Text()}
	if caller.Known() && caller.Role == RoleGuest {
		if caller.Issuer != s.issuer.config.Issuer {
			return nil, retail.Refuse(retail.WhyNotAllowed, "", "this session is renewed where it was opened")
		}
		was, _, _ := strings.Cut(caller.TokenID, sessionEnd)
		guest.Subject, guest.Session = caller.Subject, cmp.Or(caller.Session, was, guest.Session)
	} else if s.pace != nil {
		if err := s.pace(ctx); err != nil {
			return nil, err
		}
	}
	token, err := s.issuer.Issue(guest, s.ttl)
	if err != nil {
		return nil, err
	}
	return &GuestSession{Token: token, ExpiresAt: s.now().Add(s.ttl)}, nil
}

// Guest reads a guest's token; any other is refused as a proof.
func (s *Sessions) Guest(ctx context.Context, token string) (Principal, error) {
	refused := retail.Refuse(retail.WhyProofRejected, "input.guestToken", "this is no token of a guest session")
	if s.verifier == nil {
		return Guest, refused
	}
	p, err := s.verifier.Verify(ctx, token)
	switch {
	case err != nil && retail.CodeOf(err) != retail.CodeUnauthenticated: // nobody knows
		return Guest, err
	case err != nil || p.Role != RoleGuest:
		return Guest, refused
	}
	return p, nil
}
