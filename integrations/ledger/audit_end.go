package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

// The end of the audit log is noted in a row of its own, in the transaction that appends. Nothing is appended to an end that is
// not the noted one, or that was made with another key, or none: what is behind it would vouch for it.
var (
	errAuditKey = errors.New("ledger: the audit log is made with a key that is not the one given: `portico audit rekey` begins another")
	errAuditEnd = errors.New("ledger: the audit log does not end where it was noted to end")
)

type auditMark struct {
	Seq   int64  `db:"seq"`
	Hash  []byte `db:"hash"`
	KeyID string `db:"key_id"`
	Sum   []byte `db:"sum"`
}

func (r *auditMark) mark() privacy.AuditMark {
	return privacy.AuditMark{AuditHead: privacy.AuditHead{Seq: r.Seq, Hash: r.Hash}, KeyID: r.KeyID, Sum: r.Sum}
}

// beginTries is how often the rest of a growing log is looked at.
const beginTries = 20

const selectMark = `SELECT seq, hash, key_id, sum FROM audit_mark`

// AuditMark is what is noted of the log's end; of a log without an entry it is the start, without a key.
func (l *Ledger) AuditMark(ctx context.Context) (privacy.AuditMark, error) {
	var row auditMark
	found, err := l.one(ctx, &row, selectMark)
	if err != nil || !found {
		return (*privacy.AuditKey)(nil).Mark(privacy.AuditStart()), err
	}
	return row.mark(), nil
}

// lockAudit lets nobody else append until the transaction ends. On SQLite every transaction is alone.
func (t *tx) lockAudit() error {
	if !t.l.postgres {
		return nil
	}
	_, err := t.exec(`SELECT pg_advisory_xact_lock(?)`, auditLock)
	return err
}

// auditEnd is the entry to append to. It takes the lock.
func (t *tx) auditEnd() (privacy.AuditHead, error) {
	head, keyID, mark, err := t.readAuditEnd()
	switch key := t.l.cfg.AuditKey; {
	case err != nil:
		return head, err
	case head.Seq > 0 && keyID != key.ID(), mark.KeyID != keyID && keyID != "":
		return head, auditFault(errAuditKey)
	case mark.Seq != head.Seq || !bytes.Equal(mark.Hash, head.Hash) || mark.Seq > 0 && !key.Made(mark), head.Seq < t.l.audit.seen():
		return head, auditFault(errAuditEnd)
	}
	return head, nil
}

func (t *tx) readAuditEnd() (head privacy.AuditHead, keyID string, mark privacy.AuditMark, err error) {
	head, mark.AuditHead = privacy.AuditStart(), privacy.AuditStart()
	if err := t.lockAudit(); err != nil {
		return head, "", mark, err
	}
	var last auditRow
	found, err := t.one(&last, `SELECT `+auditColumns+` FROM audit ORDER BY seq DESC LIMIT 1`)
	if err != nil {
		return head, "", mark, err
	}
	if found {
		head, keyID = privacy.AuditHead{Seq: last.Seq, Hash: last.Hash}, last.KeyID
	}
	var row auditMark
	found, err = t.one(&row, selectMark)
	if found {
		mark = row.mark()
	}
	return head, keyID, mark, err
}

func (t *tx) markAudit(head privacy.AuditHead) error {
	m := t.l.cfg.AuditKey.Mark(head)
	_, err := t.exec(`INSERT INTO audit_mark (one, seq, hash, key_id, sum) VALUES (1, ?, ?, ?, ?)
		ON CONFLICT (one) DO UPDATE SET seq = EXCLUDED.seq, hash = EXCLUDED.hash, key_id = EXCLUDED.key_id, sum = EXCLUDED.sum`,
		m.Seq, m.Hash, m.KeyID, m.Sum)
	return err
}

func auditFault(err error) error {
	return &retail.Error{Code: retail.CodeInternal, Message: "the reading cannot be recorded", Err: err}
}

// checkAudit refuses to open a ledger whose audit log this gateway could not go on with.
func (l *Ledger) checkAudit(ctx context.Context) error {
	return l.change(ctx, func(t *tx) error {
		head, err := t.auditEnd()
		t.l.audit.saw(head.Seq)
		return err
	})
}

// BeginAuditKey makes Config.AuditKey the key of the audit log from its next entry on, after it has looked at all before it with
// the keys that they were made with. Gateways with another key record nothing more until they have this one.
func BeginAuditKey(ctx context.Context, cfg Config, before []*privacy.AuditKey) (head privacy.AuditHead, err error) {
	if cfg.AuditKey == nil {
		return head, errors.New("ledger: there is no key to begin")
	}
	l, err := newLedger(cfg)
	if err != nil {
		return head, err
	}
	l.begins = true
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := l.open(ctx); err != nil {
		return head, fmt.Errorf("ledger: open: %w", err)
	}
	mark, err := l.AuditMark(ctx)
	if err != nil {
		return head, err
	}
	check := privacy.NewAuditCheck(before)
	check.Expect(mark)
	// What other gateways append meanwhile is looked at as well, until nothing came.
	for moved, try := true, 1; moved; try++ {
		if try > beginTries {
			return head, errors.New("ledger: the audit log keeps growing: stop the gateways first")
		}
		if err := l.auditAfter(ctx, check.Head().Seq, "", func(e privacy.AuditEntry) error { return check.Next(&e) }); err != nil {
			return head, err
		}
		if err := check.End(); err != nil {
			return head, fmt.Errorf("ledger: the audit log: %w", err)
		}
		err = l.change(ctx, func(t *tx) error {
			end, keyID, mark, err := t.readAuditEnd()
			if moved = end.Seq != check.Head().Seq; err != nil || moved {
				return err
			}
			if end.String() != check.Head().String() || mark.AuditHead.String() != end.String() {
				return auditFault(errAuditEnd)
			}
			if end.Seq > 0 && keyID == cfg.AuditKey.ID() {
				return errors.New("ledger: the audit log has this key already")
			}
			e, err := cfg.AuditKey.Begin(end, keyID, l.now())
			if err != nil {
				return err
			}
			head = privacy.AuditHead{Seq: e.Seq, Hash: e.Hash}
			return errors.Join(t.insertAudit([]privacy.AuditEntry{e}), t.markAudit(head))
		})
		if err != nil {
			return privacy.AuditHead{}, err
		}
	}
	return head, nil
}
