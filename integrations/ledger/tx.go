package ledger

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/portico-retail/portico/retail"
)

const (
	// changeTries is how often a change runs when the database asks for it again.
	changeTries = 8
	// commitTimeout bounds a commit, which no caller can cancel.
	commitTimeout = 5 * time.Second
)

// change runs do in a transaction, again when the database lost a race. Errors of do are returned as they are.
func (l *Ledger) change(ctx context.Context, do func(t *tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	for try := 1; ; try++ {
		raced, err := l.changeOnce(ctx, do)
		if !raced || try == changeTries || wait(ctx, time.Duration(try*try)*2*time.Millisecond) != nil {
			return err
		}
		l.metrics.retries.Inc()
	}
}

// changeOnce tells with an error whether another try may help.
func (l *Ledger) changeOnce(ctx context.Context, do func(t *tx) error) (raced bool, err error) {
	// The transaction ends with the caller's context until everything has been said; from there on only the commit's own
	// time counts, or a caller that leaves would never learn what became of it.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	keep := context.AfterFunc(ctx, end)
	defer keep()
	sqlTx, err := l.write.BeginTxx(life, l.isolation())
	if err != nil {
		return again(err), fault(ctx, err)
	}
	defer sqlTx.Rollback() //nolint:errcheck // after a commit there is nothing to undo, and a lost connection undoes by itself
	t := &tx{l: l, ctx: ctx, tx: sqlTx}
	if err = do(t); err == nil {
		err = t.failed
	}
	if err != nil {
		return t.raced, err
	}
	if !keep() {
		return false, fault(ctx, ctx.Err())
	}
	timer := time.AfterFunc(commitTimeout, end)
	defer timer.Stop()
	return l.commit(ctx, sqlTx)
}

// isolation is what the row locks count on, whatever the server's default: a statement sees what was committed before it.
func (l *Ledger) isolation() *sql.TxOptions {
	if l.postgres {
		return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
	return nil
}

func (l *Ledger) commit(ctx context.Context, sqlTx *sqlx.Tx) (raced bool, err error) {
	err = sqlTx.Commit()
	switch {
	case err == nil:
		return false, nil
	case !l.postgres:
		// database/sql takes the connection for free, but a commit that failed may have left the transaction open on it. It is
		// the only connection, and what cannot be rolled back was rolled back already.
		_, _ = l.write.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`)
		return again(err), fault(ctx, err)
	case undone(err):
		return again(err), fault(ctx, err)
	}
	l.metrics.unknown.Inc()
	l.log.LogAttrs(ctx, slog.LevelError, "it is not known whether a transaction was committed", slog.Any("err", retail.Redact("commit", err)))
	return false, &retail.Error{
		Code: retail.CodeUpstreamUnavailable, Retryable: true, Err: retail.Redact("commit", err),
		Message: "the ledger did not say whether it stored this: ask again",
	}
}

// tx is a transaction under way.
type tx struct {
	l      *Ledger
	ctx    context.Context //nolint:containedctx // retail.Tx takes none: it lives as long as the call that made it
	tx     *sqlx.Tx
	failed error // of the first statement that failed: no other is tried, and nothing can be committed
	raced  bool  // it failed because of others, so that a new try may succeed
}

func (t *tx) fail(err error) error {
	t.failed, t.raced = fault(t.ctx, err), again(err)
	return t.failed
}

// exec runs a statement and tells how many rows it touched. In all statements a slice fills a list of placeholders.
func (t *tx) exec(query string, args ...any) (rows int64, err error) {
	if t.failed != nil {
		return 0, t.failed
	}
	query, args, err = sqlx.In(query, args...)
	if err != nil {
		return 0, t.fail(err)
	}
	result, err := t.tx.ExecContext(t.ctx, t.tx.Rebind(query), args...)
	if err != nil {
		return 0, t.fail(err)
	}
	rows, err = result.RowsAffected()
	if err != nil {
		return 0, t.fail(err)
	}
	return rows, nil
}

// one reads the first row into dest; found is false when there is none.
func (t *tx) one(dest any, query string, args ...any) (found bool, err error) {
	if t.failed != nil {
		return false, t.failed
	}
	query, args, err = sqlx.In(query, args...)
	if err == nil {
		err = t.tx.GetContext(t.ctx, dest, t.tx.Rebind(query), args...)
	}
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, t.fail(err)
	}
	return true, nil
}

// all reads all rows into dest, a pointer to a slice.
func (t *tx) all(dest any, query string, args ...any) error {
	if t.failed != nil {
		return t.failed
	}
	query, args, err := sqlx.In(query, args...)
	if err == nil {
		err = t.tx.SelectContext(t.ctx, dest, t.tx.Rebind(query), args...)
	}
	if err != nil {
		return t.fail(err)
	}
	return nil
}

// forUpdate ends a query whose rows nobody else may change until the transaction ends. On SQLite every transaction of the
// ledger is alone from its beginning.
func (t *tx) forUpdate() string {
	if t.l.postgres {
		return ` FOR UPDATE`
	}
	return ``
}

// lockOwner makes transactions about the same owner wait for each other.
func (t *tx) lockOwner(owner string) error {
	if !t.l.postgres {
		return nil
	}
	_, err := t.exec(`SELECT pg_advisory_xact_lock(hashtextextended(?, 7))`, owner)
	return err
}

// one reads outside a transaction.
func (l *Ledger) one(ctx context.Context, dest any, query string, args ...any) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	query, args, err = sqlx.In(query, args...)
	if err == nil {
		err = l.read.GetContext(ctx, dest, l.read.Rebind(query), args...)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, fault(ctx, err)
}

// all reads outside a transaction.
func (l *Ledger) all(ctx context.Context, dest any, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	query, args, err := sqlx.In(query, args...)
	if err == nil {
		err = l.read.SelectContext(ctx, dest, l.read.Rebind(query), args...)
	}
	return fault(ctx, err)
}

// wait returns early, with its error, when the context ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
