package ledger

import (
	"context"
	"fmt"
	"testing"
)

// Int reads one number straight from the tables.
func (l *Ledger) Int(t testing.TB, query string, args ...any) int {
	t.Helper()
	var n int
	if _, err := l.one(context.Background(), &n, query, args...); err != nil {
		t.Fatal(err)
	}
	return n
}

// Exec changes the tables behind the ledger's back.
func (l *Ledger) Exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := l.write.ExecContext(context.Background(), l.write.Rebind(query), args...); err != nil {
		t.Fatal(err)
	}
}

// Postgres reports the dialect.
func (l *Ledger) Postgres() bool { return l.postgres }

// Backoff is how long a job waits after its try number try.
var Backoff = backoff

// JobTries is how often a job fails before a fresh one takes its place.
const JobTries = jobTries

// ID is the gateway's name among those of the ledger.
func (l *Ledger) ID() string { return l.id }

// Adopt frees what dead gateways left behind, as a gateway that begins does; AdoptOthers as one at work does.
func (l *Ledger) Adopt(ctx context.Context) error { return l.adopt(ctx) }

// AdoptOthers is Adopt of a gateway at work.
func (l *Ledger) AdoptOthers(ctx context.Context) error { return l.adoptFrom(ctx, false) }

// Bind writes placeholders as the dialect has them.
func (l *Ledger) Bind(query string) string { return l.read.Rebind(query) }

// Tables lists every table.
func (l *Ledger) Tables(t testing.TB) []string {
	t.Helper()
	query := `SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`
	if l.postgres {
		query = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name`
	}
	var names []string
	if err := l.all(context.Background(), &names, query); err != nil {
		t.Fatal(err)
	}
	return names
}

// Rows writes every row of a table as text.
func (l *Ledger) Rows(t testing.TB, table string) []string {
	t.Helper()
	rows, err := l.read.QueryxContext(context.Background(), `SELECT * FROM `+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		values, err := rows.SliceScan()
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, v := range values {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			text += fmt.Sprint(v) + "\n"
		}
		list = append(list, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// OpenAnswer is an answer as it was stored before answers were sealed.
type OpenAnswer struct {
	Owner, Key string
	Answer     []byte // nil while nobody has answered
}

// SealBefore stores answers as they were before answers were sealed, and seals them as the migration does.
func (l *Ledger) SealBefore(ctx context.Context, answers []OpenAnswer) error {
	tx, err := l.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to undo
	for _, a := range answers {
		var answer any
		if a.Answer != nil {
			answer = a.Answer
		}
		if _, err := tx.ExecContext(ctx, l.write.Rebind(`INSERT INTO answers (owner, key, fingerprint, token, leased_to, answer, created_at)
			VALUES (?, ?, ?, '', ?, ?, ?)`), a.Owner, a.Key, []byte("f"), int64(never), answer, micros(l.now())); err != nil {
			return err
		}
	}
	if err := l.sealAnswers(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// HoldAudit stores nothing of the audit log until store is called.
func (l *Ledger) HoldAudit() (store func()) {
	l.audit.mu.Lock()
	defer l.audit.mu.Unlock()
	l.audit.busy = true
	return func() { l.appendWaiting(context.Background()) }
}
