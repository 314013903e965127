package ledger

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/portico-retail/portico/retail"
)

const (
	// sameTime is how far apart two jobs may be due to be the same one.
	sameTime = time.Second
	// soon is what River's scheduler, which looks every 5 seconds, would be late for: such a job waits where workers look.
	soon    = 6 * time.Second
	maxJobs = 1000
	// riverTries is above jobTries, so that River never discards a job by itself.
	riverTries = 10 * jobTries
)

// inserter stores jobs in a transaction of the ledger.
type inserter interface {
	InsertManyTx(ctx context.Context, tx *sql.Tx, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error)
}

func newInserter(driver riverdriver.Driver[*sql.Tx]) (inserter, error) {
	return river.NewClient(driver, &river.Config{Logger: slog.New(slog.DiscardHandler)})
}

// jobArgs is a job as River stores it.
type jobArgs struct {
	kind retail.JobKind
	Key  string `json:"key"`
}

// Kind is River's name for the kind of job.
func (a jobArgs) Kind() string { return string(a.kind) }

// jobKey is the SQL for the key of a job; the index river_job_waiting is on it.
func (l *Ledger) jobKey() string {
	if l.postgres {
		return `args->>'key'`
	}
	return `json_extract(CAST(args AS TEXT), '$.key')`
}

// Enqueue stores jobs. One that waits already and is due at about the same time takes the place of another.
func (t *tx) Enqueue(jobs ...retail.Job) error {
	if len(jobs) > maxJobs {
		return retail.Errorf(retail.CodeInternal, "more than %d jobs at once", maxJobs)
	}
	now := time.Now()
	var params []river.InsertManyParams
	seen := map[retail.Job]bool{}
	for _, j := range jobs {
		if err := checkKeys("job kind", string(j.Kind), "job key", j.Key); err != nil {
			return err
		}
		due := t.l.due(j.At, now)
		once := retail.Job{Kind: j.Kind, Key: j.Key, At: due}
		if seen[once] {
			continue
		}
		seen[once] = true
		waits, err := t.waits(j.Kind, j.Key, due, now)
		if err != nil {
			return err
		}
		if !waits {
			params = append(params, river.InsertManyParams{
				Args:       jobArgs{kind: j.Kind, Key: j.Key},
				InsertOpts: &river.InsertOpts{ScheduledAt: due, MaxAttempts: riverTries},
			})
		}
	}
	return t.insertJobs(params, now)
}

// due is when a job may run, zero for at once. River runs jobs by the system's clock, whatever clock the ledger has, and on
// SQLite to the millisecond.
func (l *Ledger) due(at, now time.Time) time.Time {
	if l.cfg.Now != nil && !at.IsZero() {
		at = now.Add(at.Sub(l.now()))
	}
	if !at.After(now) {
		return time.Time{}
	}
	return at.Add(time.Millisecond - time.Nanosecond).Truncate(time.Millisecond)
}

// waits reports whether such a job waits already and is due when this one is, or at once when due is zero. A job that somebody
// has begun to run does not count, because it may have looked before this transaction: on PostgreSQL the waiting job stays locked,
// so that nobody runs it before the transaction ends.
func (t *tx) waits(kind retail.JobKind, key string, due, now time.Time) (bool, error) {
	query := `SELECT id FROM river_job WHERE kind = ? AND ` + t.l.jobKey() + ` = ? AND state IN ('available', 'scheduled', 'retryable')
		AND scheduled_at <= ?`
	args := []any{string(kind), key}
	if due.IsZero() {
		args = append(args, t.riverTime(now.Add(sameTime)))
	} else {
		query, args = query+` AND scheduled_at >= ?`, append(args, t.riverTime(due.Add(sameTime)), t.riverTime(due))
	}
	query += ` LIMIT 1`
	if t.l.postgres {
		query += ` FOR UPDATE SKIP LOCKED`
	}
	var id int64
	return t.one(&id, query, args...)
}

// riverTime is an instant as River's driver writes it.
func (t *tx) riverTime(at time.Time) any {
	if t.l.postgres {
		return at.UTC()
	}
	return at.UTC().Round(time.Millisecond).Format("2006-01-02 15:04:05.999")
}

func (t *tx) insertJobs(params []river.InsertManyParams, now time.Time) error {
	if len(params) == 0 {
		return nil
	}
	results, err := t.l.jobs.InsertManyTx(t.ctx, t.tx.Tx, params)
	if err != nil {
		return t.fail(err)
	}
	var near []int64
	for _, r := range results {
		if r.Job.State == rivertype.JobStateScheduled && r.Job.ScheduledAt.Before(now.Add(soon)) {
			near = append(near, r.Job.ID)
		}
	}
	if len(near) == 0 {
		return nil
	}
	_, err = t.exec(`UPDATE river_job SET state = 'available' WHERE id IN (?) AND state = 'scheduled'`, near)
	return err
}
