package privacy

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/portico-retail/portico/retail"
)

const (
	// MaxConsents bounds the consents that one person has given in all, withdrawn ones included: they are proofs and stay.
	MaxConsents = 100
	// maxVersion bounds the version of a notice, characters.
	maxVersion = 50
)

// Purposes lists every purpose there is.
func Purposes() []retail.Purpose {
	return []retail.Purpose{retail.PurposeFulfilment, retail.PurposeService, retail.PurposeMarketing, retail.PurposePartner}
}

// Consents takes and ends consents. It is safe for concurrent use.
type Consents struct {
	ledger ConsentLedger
	now    func() time.Time
}

// NewConsents returns the service; now is time.Now when nil.
func NewConsents(ledger ConsentLedger, now func() time.Time) *Consents {
	if now == nil {
		now = time.Now
	}
	return &Consents{ledger: ledger, now: now}
}

// Give records that the actor consents to a use of their data, as the notice of this version says, 1 to 50 characters. Repeating
// it changes nothing; another version takes the place of the one before. It belongs to the session that gave it: what a guest
// consented to is not the member's who the guest becomes.
func (s *Consents) Give(ctx context.Context, actor retail.Actor, purpose retail.Purpose, version string) (*retail.Consent, error) {
	if err := check(actor, purpose); err != nil {
		return nil, err
	}
	version = strings.TrimSpace(version)
	switch {
	case version == "" || !utf8.ValidString(version) || strings.ContainsFunc(version, unicode.IsControl):
		return nil, retail.Refuse(retail.WhyInvalid, "version", "this is no version")
	case utf8.RuneCountInString(version) > maxVersion:
		r := retail.Refuse(retail.WhyInvalid, "version", "the version is too long")
		most := maxVersion
		r.Limit = &most
		return nil, r
	}
	c, err := s.ledger.GiveConsent(ctx, retail.Consent{
		Subject: actor.Key(), Purpose: purpose, Version: version, GivenAt: s.now().UTC().Truncate(time.Microsecond),
	}, MaxConsents)
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// Withdraw ends the actor's consent for a purpose. It holds from the next request on. Repeating it changes nothing.
func (s *Consents) Withdraw(ctx context.Context, actor retail.Actor, purpose retail.Purpose) (*retail.Consent, error) {
	if err := check(actor, purpose); err != nil {
		return nil, err
	}
	c, err := s.ledger.WithdrawConsent(ctx, actor.Key(), purpose, s.now().UTC().Truncate(time.Microsecond))
	switch {
	case retail.CodeOf(err) == retail.CodeNotFound && err != nil:
		return nil, retail.Refuse(retail.WhyNotFound, "purpose", "there is no such consent")
	case err != nil:
		return nil, err
	}
	return &c, nil
}

// List lists the actor's consents, newest first, 100 at most.
func (s *Consents) List(ctx context.Context, actor retail.Actor) ([]retail.Consent, error) {
	if !shopper(actor) {
		return nil, retail.Errorf(retail.CodeForbidden, "consents are for shoppers")
	}
	return s.ledger.Consents(ctx, actor.Key(), MaxConsents)
}

// Live are the purposes that each of the subjects consents to now; who consents to none is left out.
func (s *Consents) Live(ctx context.Context, subjects []string) (map[string][]retail.Purpose, error) {
	return s.ledger.LiveConsents(ctx, subjects)
}

func check(actor retail.Actor, purpose retail.Purpose) error {
	switch {
	case !shopper(actor):
		return retail.Refuse(retail.WhyNotAllowed, "", "consents are for shoppers")
	case !slices.Contains(Purposes(), purpose):
		return retail.Refuse(retail.WhyInvalid, "purpose", "there is no such purpose")
	}
	return nil
}

// shopper reports whether the actor acts for themselves: a guest, or the member behind a token.
func shopper(a retail.Actor) bool {
	return a.Known() && (a.Role == "guest" || a.Role == "member" && a.MemberID != "")
}
