package ledger

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

// auditGuard refuses every change of the audit table but appending.
func (l *Ledger) auditGuard() string {
	if l.postgres {
		return `CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN RAISE EXCEPTION 'the audit log is only appended to'; END $$;
		CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse();
		CREATE TRIGGER audit_whole BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();`
	}
	// INSERT OR REPLACE deletes without asking a trigger for deletions.
	return `CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
		CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
		CREATE TRIGGER audit_new BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)
			BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;`
}

const (
	auditLock    = 0x6175646974 // "audit"
	auditBatch   = 2000         // entries of one transaction
	auditRows    = 100          // entries of one statement
	auditWaiting = 10 * auditBatch
)

// auditQueue gathers what several responses disclose into one transaction: entries are numbered one after another, so that
// each would wait for all before it.
type auditQueue struct {
	mu      sync.Mutex
	waiting []*auditCall
	entries int // in waiting
	busy    bool
	end     int64 // the last entry that this gateway saw stored
}

type auditCall struct {
	rows []retail.Disclosure
	done chan error
}

// AppendAudit stores disclosures, all or none, behind everything that is there. It returns when they are stored, or when ctx
// ends; then nobody knows whether they are. When too many wait it refuses with CodeUpstreamUnavailable, and when the log does
// not end where it was noted to end, with CodeInternal.
func (l *Ledger) AppendAudit(ctx context.Context, rows []retail.Disclosure) error {
	if len(rows) == 0 {
		return nil
	}
	for _, d := range rows {
		if err := checkTexts("subject", d.Subject, "request", d.Request, "reader", d.Reader, "client", d.Client,
			"operation", d.Operation); err != nil {
			return err
		}
	}
	call := &auditCall{rows: rows, done: make(chan error, 1)}
	q := &l.audit
	q.mu.Lock()
	if len(q.waiting) > 0 && q.entries+len(rows) > auditWaiting {
		q.mu.Unlock()
		return &retail.Error{Code: retail.CodeUpstreamUnavailable, Retryable: true, Message: "too much waits to be recorded"}
	}
	q.waiting, q.entries = append(q.waiting, call), q.entries+len(rows)
	idle := !q.busy
	q.busy = true
	q.mu.Unlock()
	if idle {
		go l.appendWaiting(context.WithoutCancel(ctx))
	}
	select {
	case err := <-call.done:
		return err
	case <-ctx.Done():
		return fault(ctx, ctx.Err())
	}
}

// appendWaiting stores what waits until nothing does.
func (l *Ledger) appendWaiting(ctx context.Context) {
	for batch := l.audit.take(); len(batch) > 0; batch = l.audit.take() {
		err := l.appendBatch(ctx, batch)
		for _, c := range batch {
			c.done <- err
		}
	}
}

// take returns the calls of the next transaction; none when the queue is empty, which it then is no more anybody's.
func (q *auditQueue) take() []*auditCall {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.waiting) && (n == 0 || size+len(q.waiting[n].rows) <= auditBatch) {
		size += len(q.waiting[n].rows)
		n++
	}
	batch := q.waiting[:n:n]
	q.waiting, q.entries = q.waiting[n:], q.entries-size
	if n == 0 {
		q.waiting, q.busy = nil, false
	}
	return batch
}

func (l *Ledger) appendBatch(ctx context.Context, batch []*auditCall) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("ledger: the audit log: panic: %s", retail.PanicText(r))
		}
	}()
	var rows []retail.Disclosure
	for _, c := range batch {
		rows = append(rows, c.rows...)
	}
	var end int64
	err = l.change(ctx, func(t *tx) error {
		head, err := t.auditEnd()
		if err == nil {
			end, err = t.appendAudit(head, rows)
		}
		return err
	})
	if err == nil {
		l.audit.saw(end)
	}
	return err
}

// saw remembers how far the log went.
func (q *auditQueue) saw(end int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.end = max(q.end, end)
}

func (q *auditQueue) seen() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.end
}

func (t *tx) appendAudit(head privacy.AuditHead, rows []retail.Disclosure) (end int64, err error) {
	for len(rows) > 0 {
		n := min(len(rows), auditRows)
		entries := make([]privacy.AuditEntry, n)
		for i, d := range rows[:n] {
			if entries[i], err = t.l.cfg.AuditKey.Next(head, d); err != nil {
				return 0, err
			}
			head = privacy.AuditHead{Seq: entries[i].Seq, Hash: entries[i].Hash}
		}
		if err := t.insertAudit(entries); err != nil {
			return 0, err
		}
		rows = rows[n:]
	}
	return head.Seq, t.markAudit(head)
}

func (t *tx) insertAudit(entries []privacy.AuditEntry) error {
	args := make([]any, 0, 7*len(entries))
	for _, e := range entries {
		args = append(args, e.Seq, e.At, e.Subject, e.KeyID, string(e.Body), e.Prev, e.Hash)
	}
	_, err := t.exec(`INSERT INTO audit (seq, at, subject, key_id, body, prev, hash) VALUES `+
		strings.TrimSuffix(strings.Repeat(`(?, ?, ?, ?, ?, ?, ?),`, len(entries)), `,`), args...)
	return err
}

type auditRow struct {
	Seq     int64  `db:"seq"`
	At      int64  `db:"at"`
	Subject string `db:"subject"`
	KeyID   string `db:"key_id"`
	Body    string `db:"body"`
	Prev    []byte `db:"prev"`
	Hash    []byte `db:"hash"`
}

const auditColumns = `seq, at, subject, key_id, body, prev, hash`

func (r *auditRow) entry() privacy.AuditEntry {
	return privacy.AuditEntry{
		Seq: r.Seq, At: r.At, Subject: r.Subject, KeyID: r.KeyID, Body: []byte(r.Body), Prev: r.Prev, Hash: r.Hash,
	}
}

// AuditHead is the last entry of the log, by the log itself.
func (l *Ledger) AuditHead(ctx context.Context) (privacy.AuditHead, error) {
	var row auditRow
	found, err := l.one(ctx, &row, `SELECT `+auditColumns+` FROM audit ORDER BY seq DESC LIMIT 1`)
	if err != nil || !found {
		return privacy.AuditStart(), err
	}
	return privacy.AuditHead{Seq: row.Seq, Hash: row.Hash}, nil
}

// Audit gives the entries of the log in their order, those about one subject when it is not empty, until each fails.
func (l *Ledger) Audit(ctx context.Context, subject string, each func(privacy.AuditEntry) error) error {
	return l.auditAfter(ctx, -1<<62, subject, each)
}

func (l *Ledger) auditAfter(ctx context.Context, after int64, subject string, each func(privacy.AuditEntry) error) error {
	for {
		query, args := `SELECT `+auditColumns+` FROM audit WHERE seq > ?`, []any{after}
		if subject != "" {
			query, args = query+` AND subject = ?`, append(args, subject)
		}
		var rows []auditRow
		if err := l.all(ctx, &rows, query+` ORDER BY seq LIMIT ?`, append(args, maxList)...); err != nil {
			return err
		}
		for i := range rows {
			if err := each(rows[i].entry()); err != nil {
				return err
			}
		}
		if len(rows) < maxList {
			return nil
		}
		after = rows[len(rows)-1].Seq
	}
}
