package ledger

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jmoiron/sqlx"

	"github.com/portico-retail/portico/retail/refresh"
)

// adoptEvery is how often a gateway on PostgreSQL looks for jobs of one that died.
const adoptEvery = 5 * time.Second

// Every connection to PostgreSQL holds a lock of its session in the name of its gateway. The server lets go of it when the
// process dies, so whoever can take it knows that nobody of that name is there. A gateway that lost all its connections looks dead
// as well: its jobs then run twice, which they bear. When a whole host vanishes the server may keep the session for long, and
// River frees the jobs after jobRescue.
const aliveLock = `hashtextextended(?, 8)`

// live says that this gateway is alive for as long as the connection is open.
func (l *Ledger) live(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, sqlx.Rebind(sqlx.DOLLAR, `SELECT pg_advisory_lock_shared(`+aliveLock+`)`), l.id)
	return err
}

// adopt frees the jobs that were running when their process died, and its office as the one that wakes scheduled jobs. On SQLite
// that is every process before this one. It is called while this gateway runs no job.
func (l *Ledger) adopt(ctx context.Context) error {
	if l.postgres {
		return l.adoptFrom(ctx, true)
	}
	return l.change(ctx, func(t *tx) error {
		if _, err := t.exec(`DELETE FROM river_leader`); err != nil {
			return err
		}
		_, err := t.exec(`UPDATE river_job SET state = 'available' WHERE state = 'running'`)
		return err
	})
}

// adoptFrom frees what gateways left behind that are gone, and what this one left behind if it is idle.
func (l *Ledger) adoptFrom(ctx context.Context, idle bool) error {
	var names []string
	if err := l.all(ctx, &names, `SELECT DISTINCT attempted_by[cardinality(attempted_by)] FROM river_job
		WHERE state = 'running' AND cardinality(attempted_by) > 0 UNION SELECT leader_id FROM river_leader`); err != nil {
		return err
	}
	for _, name := range names {
		if name == l.id && !idle {
			continue
		}
		if err := l.change(ctx, func(t *tx) error { return t.adoptFrom(name) }); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) adoptFrom(name string) error {
	if name != t.l.id {
		var gone bool
		if _, err := t.one(&gone, `SELECT pg_try_advisory_xact_lock(`+aliveLock+`)`, name); err != nil || !gone {
			return err
		}
	}
	if _, err := t.exec(`DELETE FROM river_leader WHERE leader_id = ?`, name); err != nil {
		return err
	}
	rows, err := t.exec(`UPDATE river_job SET state = 'available' WHERE state = 'running'
		AND attempted_by[cardinality(attempted_by)] = ?`, name)
	if rows > 0 {
		t.l.log.LogAttrs(t.ctx, slog.LevelWarn, "jobs of a gateway that is gone run again",
			slog.String("gateway", name), slog.Int64("jobs", rows))
	}
	return err
}

func (l *Ledger) keepAdopting(ctx context.Context) {
	refresh.Every(ctx, adoptEvery, func() {
		if err := l.adoptFrom(ctx, false); err != nil && ctx.Err() == nil {
			l.log.LogAttrs(ctx, slog.LevelWarn, "jobs of dead gateways could not be looked for", slog.Any("err", err))
		}
	})
}
