package ledger

import (
	"context"
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
