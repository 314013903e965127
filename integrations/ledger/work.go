package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/portico-retail/portico/retail"
)

const (
	// jobTries is how often a job fails before a fresh one takes its place and it stays behind, cancelled, with its errors.
	jobTries = 50
	// jobTimeout bounds one run of a job; one that a process left behind unnoticed (see alive.go) is freed after jobRescue.
	jobTimeout = time.Minute
	jobRescue  = 2 * time.Minute
	// postpone is how long a job waits for one of the same kind and key that is running.
	postpone     = 200 * time.Millisecond
	firstBackoff = 500 * time.Millisecond
	mostBackoff  = 30 * time.Second
	// stopTimeout is how long Run waits for running jobs, once kindly and once after cancelling them.
	stopTimeout = 10 * time.Second
	purgeEvery  = time.Minute
	keepJobs    = time.Hour          // that are done
	keepAside   = 7 * 24 * time.Hour // that were laid aside
)

// Handler does a job of one kind. It may be called again for the same key at any time, also while another process runs it.
// When it fails the job comes back, after half a second at first and 30 at most.
type Handler func(ctx context.Context, key string) error

// Handle sets the handler of a kind of jobs. Call it before Run.
func (l *Ledger) Handle(kind retail.JobKind, do Handler) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handlers[kind] = do
}

type runner interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// Run runs jobs and removes what is old until the context ends; running jobs may then finish. It returns nil when they did. While
// the database is away it keeps trying. Any number of gateways may run it on one PostgreSQL; a SQLite file has one.
func (l *Ledger) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { l.keepPurging(ctx) })
	client, err := l.startRunner(ctx)
	if err != nil || client == nil {
		return err
	}
	if l.postgres {
		wg.Go(func() { l.keepAdopting(ctx) })
	}
	<-ctx.Done()
	return stopRunner(context.WithoutCancel(ctx), client)
}

// startRunner tries until it succeeds; without a client and an error the context has ended before.
func (l *Ledger) startRunner(ctx context.Context) (runner, error) {
	for try := 1; ; try++ {
		client, err := l.newRunner()
		if err != nil {
			return nil, fmt.Errorf("ledger: jobs: %w", err)
		}
		if err = l.adopt(ctx); err == nil {
			// The context must not end running jobs: stopRunner does, when their time is over.
			err = client.Start(context.WithoutCancel(ctx))
		}
		if err == nil {
			return client, nil
		}
		if ctx.Err() == nil {
			l.log.LogAttrs(ctx, slog.LevelError, "jobs cannot start yet", slog.Any("err", err))
		}
		if wait(ctx, backoff(try, 0)) != nil {
			return nil, nil //nolint:nilnil // the documented end
		}
	}
}

func stopRunner(ctx context.Context, client runner) error {
	kindly, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if client.Stop(kindly) == nil {
		return nil
	}
	firmly, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := client.StopAndCancel(firmly); err != nil {
		return fmt.Errorf("ledger: jobs still run after they were cancelled: %w", err)
	}
	return nil
}

func (l *Ledger) newRunner() (runner, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.handlers) == 0 {
		return nil, errors.New("there is no handler")
	}
	workers := river.NewWorkers()
	for kind := range l.handlers {
		river.AddWorkerArgs(workers, jobArgs{kind: kind}, river.Worker[jobArgs](&worker{l: l}))
	}
	config := &river.Config{
		Workers: workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: l.cfg.Workers}},
		FetchCooldown: 20 * time.Millisecond, FetchPollInterval: 100 * time.Millisecond,
		ID: l.id, JobTimeout: jobTimeout, RescueStuckJobsAfter: jobRescue,
		CompletedJobRetentionPeriod: keepJobs, CancelledJobRetentionPeriod: keepAside, DiscardedJobRetentionPeriod: keepAside,
		Logger: l.log,
	}
	if l.pool != nil {
		// Transactions notify as well; polling is for jobs that become due.
		config.FetchPollInterval = 250 * time.Millisecond
		return river.NewClient(riverpgxv5.New(l.pool), config)
	}
	return river.NewClient(riversqlite.New(l.write.DB), config)
}

// worker runs the jobs of all kinds.
type worker struct {
	river.WorkerDefaults[jobArgs]

	l *Ledger
}

// NextRetry says when a job that failed runs again.
func (w *worker) NextRetry(job *river.Job[jobArgs]) time.Time {
	return time.Now().Add(backoff(job.Attempt, job.ID))
}

// backoff doubles with every try. Jobs that failed together come back apart: salt takes off up to a quarter.
func backoff(try int, salt int64) time.Duration {
	d := mostBackoff
	if try < 8 {
		d = min(d, firstBackoff<<max(0, try-1))
	}
	return d - d/4*time.Duration(uint32(salt)*2654435761>>24)/256
}

// Work runs one job.
func (w *worker) Work(ctx context.Context, job *river.Job[jobArgs]) error {
	l, kind := w.l, retail.JobKind(job.Kind)
	id := retail.Job{Kind: kind, Key: job.Args.Key}
	if !l.enter(id) {
		l.metrics.jobs.WithLabelValues(job.Kind, "postponed").Inc()
		return river.JobSnooze(postpone)
	}
	defer l.leave(id)
	began := time.Now()
	l.metrics.late.WithLabelValues(job.Kind).Observe(max(0, began.Sub(job.ScheduledAt).Seconds()))
	outcome, err := l.handle(ctx, id)
	l.metrics.seconds.WithLabelValues(job.Kind).Observe(time.Since(began).Seconds())
	l.metrics.jobs.WithLabelValues(job.Kind, outcome).Inc()
	if err == nil || job.Attempt < jobTries {
		return err
	}
	return l.layAside(ctx, id, job.Attempt, err)
}

func (l *Ledger) handle(ctx context.Context, id retail.Job) (outcome string, err error) {
	l.mu.Lock()
	do := l.handlers[id.Kind]
	l.mu.Unlock()
	defer func() {
		if r := recover(); r != nil {
			l.log.LogAttrs(ctx, slog.LevelError, "a job panicked", slog.String("kind", string(id.Kind)), slog.String("key", id.Key),
				slog.String("panic", retail.PanicText(r)), slog.String("stack", string(debug.Stack())))
			outcome, err = "panicked", fmt.Errorf("panic: %v", retail.PanicText(r))
		}
	}()
	if err := do(ctx, id.Key); err != nil {
		return "failed", told{err}
	}
	return "ok", nil
}

// told is the failure of a job, whose text River logs and keeps in its table for days: it has codes, and no words that may be
// somebody's.
type told struct{ error }

func (t told) Error() string { return retail.Reason(t.error) }

func (t told) Unwrap() error { return t.error }

// layAside lets a fresh job go on with what one has failed at for too long. The old one stays behind, cancelled, with its errors.
func (l *Ledger) layAside(ctx context.Context, id retail.Job, tries int, cause error) error {
	l.metrics.aside.WithLabelValues(string(id.Kind)).Inc()
	l.log.LogAttrs(ctx, slog.LevelError, "a job fails again and again", slog.String("kind", string(id.Kind)), slog.String("key", id.Key),
		slog.Int("tries", tries), slog.Any("err", cause))
	next := id
	next.At = l.now().Add(mostBackoff)
	if err := l.Enqueue(context.WithoutCancel(ctx), next); err != nil {
		return errors.Join(cause, err)
	}
	return river.JobCancel(cause)
}

// enter marks a job as running here, unless it is.
func (l *Ledger) enter(id retail.Job) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[id] {
		return false
	}
	l.busy[id] = true
	return true
}

func (l *Ledger) leave(id retail.Job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, id)
}
