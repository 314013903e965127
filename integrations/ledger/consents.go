package ledger

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

var _ privacy.ConsentLedger = (*Ledger)(nil)

type consentRow struct {
	ID          int64  `db:"id"`
	Subject     string `db:"subject"`
	Purpose     string `db:"purpose"`
	Version     string `db:"version"`
	GivenAt     int64  `db:"given_at"`
	WithdrawnAt *int64 `db:"withdrawn_at"`
}

const consentColumns = `id, subject, purpose, version, given_at, withdrawn_at`

func (r *consentRow) consent() retail.Consent {
	return retail.Consent{
		Subject: r.Subject, Purpose: retail.Purpose(r.Purpose), Version: r.Version, GivenAt: fromMicros(r.GivenAt),
		WithdrawnAt: fromMicrosOrNil(r.WithdrawnAt),
	}
}

// GiveConsent stores a consent unless the very same holds already, and returns the one that holds, to the microsecond. One of
// another version that holds for the purpose ends. It refuses with WhyLimitReached when the subject has most records.
func (l *Ledger) GiveConsent(ctx context.Context, c retail.Consent, most int) (retail.Consent, error) {
	if err := checkKeys("subject", c.Subject, "purpose", string(c.Purpose), "version", c.Version); err != nil {
		return retail.Consent{}, err
	}
	c.GivenAt, c.WithdrawnAt = exact(c.GivenAt), nil
	var given retail.Consent
	err := l.change(ctx, func(t *tx) error {
		if err := t.lockOwner(c.Subject); err != nil {
			return err
		}
		if err := t.mustStay(c.Subject); err != nil {
			return err
		}
		given = c
		live, found, err := t.consent(c.Subject, c.Purpose, `withdrawn_at IS NULL`)
		switch {
		case err != nil:
			return err
		case found && live.Version == c.Version:
			given = live.consent()
			return nil
		}
		var records int
		if _, err := t.one(&records, `SELECT COUNT(*) FROM consents WHERE subject = ?`, c.Subject); err != nil {
			return err
		}
		if records >= most {
			r := retail.Refuse(retail.WhyLimitReached, "", "this was agreed to and taken back too often")
			r.Limit = &most
			return r
		}
		if found {
			if err := t.endConsent(live, micros(c.GivenAt)); err != nil {
				return err
			}
		}
		_, err = t.exec(`INSERT INTO consents (subject, purpose, version, given_at) VALUES (?, ?, ?, ?)`,
			c.Subject, string(c.Purpose), c.Version, micros(c.GivenAt))
		return err
	})
	return given, err
}

// consent loads the latest of a subject for a purpose that fulfils a condition.
func (t *tx) consent(subject string, purpose retail.Purpose, condition string) (row consentRow, found bool, err error) {
	found, err = t.one(&row, `SELECT `+consentColumns+` FROM consents WHERE subject = ? AND purpose = ? AND `+condition+`
		ORDER BY id DESC LIMIT 1`, subject, string(purpose))
	return row, found, err
}

// endConsent ends it, not before it began.
func (t *tx) endConsent(row consentRow, at int64) error {
	_, err := t.exec(`UPDATE consents SET withdrawn_at = ? WHERE id = ? AND withdrawn_at IS NULL`, max(at, row.GivenAt), row.ID)
	return err
}

// WithdrawConsent ends the consent that holds for the purpose, and returns it; when none does, the latest that did. It fails
// with CodeNotFound when there never was one.
func (l *Ledger) WithdrawConsent(ctx context.Context, subject string, purpose retail.Purpose, at time.Time) (retail.Consent, error) {
	if err := checkKeys("subject", subject, "purpose", string(purpose)); err != nil {
		return retail.Consent{}, err
	}
	var ended retail.Consent
	err := l.change(ctx, func(t *tx) error {
		if err := t.lockOwner(subject); err != nil {
			return err
		}
		row, found, err := t.consent(subject, purpose, `1 = 1`)
		switch {
		case err != nil:
			return err
		case !found:
			return retail.Errorf(retail.CodeNotFound, "there is no such consent")
		case row.WithdrawnAt == nil:
			if err := t.endConsent(row, micros(at)); err != nil {
				return err
			}
			end := max(micros(at), row.GivenAt)
			row.WithdrawnAt = &end
		}
		ended = row.consent()
		return nil
	})
	return ended, err
}

// Consents lists a subject's, newest first; limit at most, and 1,000.
func (l *Ledger) Consents(ctx context.Context, subject string, limit int) ([]retail.Consent, error) {
	if !storable(subject) {
		return nil, nil
	}
	var rows []consentRow
	err := l.all(ctx, &rows, `SELECT `+consentColumns+` FROM consents WHERE subject = ? ORDER BY id DESC LIMIT ?`, subject, limited(limit))
	list := make([]retail.Consent, len(rows))
	for i := range rows {
		list[i] = rows[i].consent()
	}
	return list, err
}

// LiveConsents are the purposes that each of the subjects consents to now; who consents to none is left out.
func (l *Ledger) LiveConsents(ctx context.Context, subjects []string) (map[string][]retail.Purpose, error) {
	live := map[string][]retail.Purpose{}
	for from := 0; from < len(subjects); from += chunk {
		var names []string
		for _, s := range subjects[from:min(from+chunk, len(subjects))] {
			if storable(s) {
				names = append(names, s)
			}
		}
		if len(names) == 0 {
			continue
		}
		var rows []consentRow
		if err := l.all(ctx, &rows, `SELECT `+consentColumns+` FROM consents WHERE subject IN (?) AND withdrawn_at IS NULL`,
			names); err != nil {
			return nil, err
		}
		for _, r := range rows {
			live[r.Subject] = append(live[r.Subject], retail.Purpose(r.Purpose))
		}
	}
	return live, nil
}
