package ledger

import (
	"bytes"
	"context"
	"crypto/rand"
	"time"

	"github.com/portico-retail/portico/retail"
)

const (
	// maxAnswer bounds a stored answer.
	maxAnswer      = 4 << 20
	maxFingerprint = 64
)

type answerRow struct {
	Fingerprint []byte `db:"fingerprint"`
	Token       string `db:"token"`
	LeasedTo    int64  `db:"leased_to"`
	Answered    bool   `db:"answered"`
	Answer      []byte `db:"answer"`
}

// Begin claims the right to run a mutation under the owner's key. A new key, or one whose lease ran out without an answer
// because its process died, returns a token. A finished one returns the stored answer byte for byte, and no token. Another
// fingerprint than the first fails with CodeConflict, a run still under way with a retryable CodeConflict. The fingerprint is a
// digest of the request, 64 bytes at most. Neither key nor answer can be read in the table: see seal.
func (l *Ledger) Begin(
	ctx context.Context, owner, key string, fingerprint []byte, lease time.Duration,
) (token string, answer []byte, err error) {
	if err := checkKeys("owner", owner, "idempotency key", key); err != nil {
		return "", nil, err
	}
	if len(fingerprint) > maxFingerprint {
		return "", nil, retail.Errorf(retail.CodeInternal, "a fingerprint is longer than %d bytes", maxFingerprint)
	}
	if fingerprint == nil {
		fingerprint = []byte{}
	}
	seal, err := newSeal(owner, key)
	if err != nil {
		return "", nil, err
	}
	key = seal.id
	fresh := rand.Text()
	err = l.change(ctx, func(t *tx) error {
		now := l.now()
		token, answer = "", nil
		rows, err := t.exec(`INSERT INTO answers (owner, key, fingerprint, token, leased_to, created_at) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`, owner, key, fingerprint, fresh, micros(now.Add(lease)), micros(now))
		if err != nil {
			return err
		}
		if rows == 1 {
			token = fresh
			return nil
		}
		token, answer, err = t.beginAgain(owner, key, fingerprint, fresh, now, lease)
		return err
	})
	if err == nil && token == "" {
		answer, err = seal.open(answer)
	}
	if err != nil {
		return "", nil, err
	}
	return token, answer, nil
}

func (t *tx) beginAgain(
	owner, key string, fingerprint []byte, fresh string, now time.Time, lease time.Duration,
) (token string, answer []byte, err error) {
	busy := &retail.Error{Code: retail.CodeConflict, Retryable: true, Message: "the same request is still under way"}
	var row answerRow
	found, err := t.one(&row, `SELECT fingerprint, token, leased_to, answer IS NOT NULL AS answered, answer FROM answers
		WHERE owner = ? AND key = ?`+t.forUpdate(), owner, key)
	switch {
	case err != nil:
		return "", nil, err
	case !found: // abandoned between the two statements
		return "", nil, busy
	case !bytes.Equal(row.Fingerprint, fingerprint):
		return "", nil, retail.Errorf(retail.CodeConflict, "the idempotency key was used for another request")
	case row.Answered:
		return "", append([]byte{}, row.Answer...), nil
	case row.LeasedTo > micros(now):
		return "", nil, busy
	}
	_, err = t.exec(`UPDATE answers SET token = ?, leased_to = ? WHERE owner = ? AND key = ?`, fresh, micros(now.Add(lease)), owner, key)
	return fresh, nil, err
}

// forgetCalls forgets the runs of a gateway that died: a SQLite file has one gateway, so nobody will answer them, and whoever
// repeats one need not wait for its lease. On PostgreSQL other gateways may be at them.
func (l *Ledger) forgetCalls(ctx context.Context) error {
	if l.postgres {
		return nil
	}
	return l.change(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM answers WHERE answer IS NULL`)
		return err
	})
}

// Finish stores the answer of the run that token began, even when the caller's context has ended. It fails with CodeConflict
// when somebody took the run over; repeating it with the same answer changes nothing.
func (l *Ledger) Finish(ctx context.Context, owner, key, token string, answer []byte) error {
	if len(answer) > maxAnswer {
		return retail.Errorf(retail.CodeLimitExceeded, "the answer is longer than %d bytes", maxAnswer)
	}
	seal, err := newSeal(owner, key)
	if err != nil {
		return err
	}
	key, answer = seal.id, seal.close(answer)
	return l.changeAnswer(ctx, func(t *tx) error {
		rows, err := t.exec(`UPDATE answers SET answer = ? WHERE owner = ? AND key = ? AND token = ? AND (answer IS NULL OR answer = ?)`,
			answer, owner, key, token, answer)
		if err == nil && rows == 0 {
			err = retail.Errorf(retail.CodeConflict, "somebody else answers this request")
		}
		return err
	})
}

// Abandon forgets a run that token began and that has no answer, so that a repetition may run.
func (l *Ledger) Abandon(ctx context.Context, owner, key, token string) error {
	seal, err := newSeal(owner, key)
	if err != nil {
		return err
	}
	return l.changeAnswer(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM answers WHERE owner = ? AND key = ? AND token = ? AND answer IS NULL`, owner, seal.id, token)
		return err
	})
}

// changeAnswer outlives the caller: what was done is done, and whoever asks again must hear of it.
func (l *Ledger) changeAnswer(ctx context.Context, do func(t *tx) error) error {
	return l.change(context.WithoutCancel(ctx), do)
}
