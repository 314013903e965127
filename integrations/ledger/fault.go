package ledger

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/portico-retail/portico/retail"
)

// fault turns an error of the database into one that a caller may see. Of its text, which may repeat what was to be stored,
// nothing is kept but a code.
func fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	wrong := defect(err)
	err = retail.Redact("ledger", err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return &retail.Error{Code: retail.CodeTimeout, Retryable: true, Message: "the caller left before the ledger answered", Err: err}
	case ctx.Err() != nil:
		return &retail.Error{Code: retail.CodeTimeout, Retryable: true, Message: "the ledger did not answer in time", Err: err}
	case wrong:
		return &retail.Error{Code: retail.CodeInternal, Message: "the ledger could not do this", Err: err}
	}
	return &retail.Error{Code: retail.CodeUpstreamUnavailable, Retryable: true, Message: "the ledger is not available", Err: err}
}

// defect reports whether the database understood the statement and refused it for what it says: repeating it will not help.
func defect(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// Data, constraints, syntax.
		return strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23") || strings.HasPrefix(pg.Code, "42")
	}
	switch sqliteCode(err) {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE:
		return true
	}
	return false
}

// again reports whether the database undid the transaction because of others, so that a new try may succeed.
func again(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "40001" || pg.Code == "40P01"
	}
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

// undone reports whether PostgreSQL said that a failed commit changed nothing. When the connection broke, or the server ended
// it, nobody knows.
func undone(err error) bool {
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return true
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && !strings.HasPrefix(pg.Code, "57") && !strings.HasPrefix(pg.Code, "08")
}

// sqliteCode is the primary result code, 0 when err is none of SQLite.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}
