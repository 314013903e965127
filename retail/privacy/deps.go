// Package privacy keeps what people decided about their personal data, what they asked about it, and who read it: consents,
// requests about one's own data, and the audit log.
package privacy

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// ConsentLedger keeps consents; integrations/ledger implements it.
type ConsentLedger interface {
	// GiveConsent stores a consent unless the very same holds already, and returns the one that holds. One of another version
	// that holds for the purpose ends at GivenAt. It refuses with WhyLimitReached when the subject has most records.
	GiveConsent(ctx context.Context, c retail.Consent, most int) (retail.Consent, error)
	// WithdrawConsent ends the one that holds for the purpose, and returns it; when none does, the latest that did. It fails with
	// CodeNotFound when there never was one.
	WithdrawConsent(ctx context.Context, subject string, purpose retail.Purpose, at time.Time) (retail.Consent, error)
	// Consents lists a subject's, newest first.
	Consents(ctx context.Context, subject string, limit int) ([]retail.Consent, error)
	// LiveConsents are the purposes that each of the subjects consents to now; who consents to none is left out.
	LiveConsents(ctx context.Context, subjects []string) (map[string][]retail.Purpose, error)
}
