package ledger

import (
	"context"

	"github.com/portico-retail/portico/retail"
)

// maxRevocations bounds those in force, because every gateway holds them in memory.
const maxRevocations = 200_000

type revocationRow struct {
	ID        int64  `db:"id"`
	Issuer    string `db:"issuer"`
	TokenID   string `db:"token_id"`
	Subject   string `db:"subject"`
	Role      string `db:"role"`
	Until     *int64 `db:"until"`
	ExpiresAt int64  `db:"expires_at"`
}

// AddRevocation stores a revocation and returns its id; ids grow in the order in which revocations can be read. Refusals:
// WhyLimitReached.
func (l *Ledger) AddRevocation(ctx context.Context, r retail.Revocation) (id int64, err error) {
	if err := checkKeys("issuer", r.Issuer); err != nil {
		return 0, err
	}
	if err := checkTexts("token id", r.TokenID, "subject", r.Subject, "role", r.Role); err != nil {
		return 0, err
	}
	if (r.TokenID == "") == (r.Subject == "") || (r.Subject == "") != r.Until.IsZero() {
		return 0, retail.BadInput("a revocation names a token, or a subject and an instant")
	}
	err = l.change(ctx, func(t *tx) error {
		// The lock is given back after the row can be seen, so that a reader never passes an id that appears later.
		if err := t.lockOwner("\x01revocations"); err != nil {
			return err
		}
		var count int
		if _, err := t.one(&count, `SELECT count(*) FROM revocations WHERE expires_at >= ?`, micros(l.now())); err != nil {
			return err
		}
		if count >= maxRevocations {
			no := &retail.Refusal{Why: retail.WhyLimitReached, Message: "too many revocations are in force: retire a key instead"}
			limit := maxRevocations
			no.Limit = &limit
			return no
		}
		_, err := t.one(&id, `INSERT INTO revocations (issuer, token_id, subject, role, until, expires_at)
			VALUES (?, ?, ?, ?, ?, ?) RETURNING id`,
			r.Issuer, r.TokenID, r.Subject, r.Role, microsOrNil(r.Until), micros(r.ExpiresAt))
		return err
	})
	return id, err
}

// RevocationsSince lists revocations after an id, in order; limit at most, and 1,000.
func (l *Ledger) RevocationsSince(ctx context.Context, after int64, limit int) ([]retail.Revocation, error) {
	var rows []revocationRow
	err := l.all(ctx, &rows, `SELECT id, issuer, token_id, subject, role, until, expires_at FROM revocations
		WHERE id > ? AND expires_at >= ? ORDER BY id LIMIT ?`, after, micros(l.now()), limited(limit))
	if err != nil {
		return nil, err
	}
	list := make([]retail.Revocation, len(rows))
	for i, r := range rows {
		list[i] = retail.Revocation{
			ID: r.ID, Issuer: r.Issuer, TokenID: r.TokenID, Subject: r.Subject, Role: r.Role, ExpiresAt: fromMicros(r.ExpiresAt),
		}
		if until := fromMicrosOrNil(r.Until); until != nil {
			list[i].Until = *until
		}
	}
	return list, nil
}
