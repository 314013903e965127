package ordering

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/retail"
)

// Notified takes note of an event that the shop tells of: a payment, refund, delivery or parcel of an order came to stand otherwise.
// Jobs ask how, for the order and for its returns; the same event again causes none. Numbers of other people's orders are
// ignored. An error means that nothing was stored and the shop must repeat.
func (s *Service) Notified(ctx context.Context, eventID, orderNumber string) error {
	o, err := s.deps.Ledger.OrderByNumber(ctx, orderNumber)
	if retailCode(err, retail.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	now := s.deps.Now()
	_, err = s.deps.Ledger.Notify(ctx, eventID,
		retail.Job{Kind: retail.JobOrder, Key: o.ID, At: now}, retail.Job{Kind: retail.JobReturn, Key: o.ID, At: now})
	return err
}

// Run reads the feed of tasks and looks after overdue and forgotten orders until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.every(ctx, s.config.TaskPoll, "task feed", s.readTasks) })
	g.Go(func() error { return s.every(ctx, s.config.SweepEvery, "sweep", s.sweep) })
	return g.Wait()
}

// maxPause bounds how long a loop rests after failures.
const maxPause = 30 * time.Second

// every does work again and again, less often while it fails.
func (s *Service) every(ctx context.Context, pause time.Duration, name string, work func(context.Context) error) error {
	rest := pause
	timer := time.NewTimer(rest)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		err := work(ctx)
		switch {
		case err == nil:
			rest = pause
		case ctx.Err() == nil:
			rest = max(pause, min(2*rest, maxPause))
			s.counts.WithLabelValues(name, "failed").Inc()
			s.deps.Log.WarnContext(ctx, "a loop of orders failed", "loop", name, "error", err)
		}
		timer.Reset(rest)
	}
}

// taskFeed names the cursor of the tills' feed in the ledger.
const (
	taskFeed = "pos tasks"
	maxPages = 20 // of one poll
)

// readTasks turns changes of tasks into jobs. The cursor moves in the transaction of the jobs, so that none is lost; a second
// gateway that reads the same changes causes jobs that find nothing to do.
func (s *Service) readTasks(ctx context.Context) error {
	cursor, err := s.deps.Ledger.Cursor(ctx, taskFeed)
	if err != nil {
		return err
	}
	for range maxPages {
		changes, next, err := s.deps.Stores.TaskChanges(ctx, cursor)
		if err != nil || next == cursor {
			return err
		}
		var ids []string
		for _, c := range changes {
			if id, _, ok := strings.Cut(c.Reference, "/"); ok && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		jobs := make([]retail.Job, len(ids))
		for i, id := range ids {
			jobs[i] = retail.Job{Kind: retail.JobOrder, Key: id, At: s.deps.Now()}
		}
		if err := s.deps.Ledger.SaveCursor(ctx, taskFeed, next, jobs...); err != nil {
			return err
		}
		cursor = next
		if len(changes) == 0 {
			return nil
		}
	}
	return nil
}

// sweep is the safety net: it raises alerts that no job raised, and gives forgotten orders a job. Normally it finds nothing.
func (s *Service) sweep(ctx context.Context) error {
	now := s.deps.Now()
	overdue, err := s.deps.Ledger.Overdue(ctx, now)
	stalled, err2 := s.deps.Ledger.Stalled(ctx, now.Add(-s.config.StallAfter))
	errs := []error{err, err2}
	for _, id := range overdue {
		errs = append(errs, s.touch(ctx, id, func(o *retail.Order, now time.Time) bool { return s.overdue(o, now) }))
	}
	for _, id := range stalled {
		errs = append(errs, s.touch(ctx, id, func(o *retail.Order, now time.Time) bool {
			return !o.Saga.WakeAt.IsZero() && o.Saga.WakeAt.Before(now.Add(-s.config.StallAfter))
		}))
	}
	return errors.Join(errs...)
}

// touch lets everything follow from an order again, when it is due still.
func (s *Service) touch(ctx context.Context, id string, due func(o *retail.Order, now time.Time) bool) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, err := s.record(ctx, id, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		if !due(o, now) {
			return retail.ErrUnchanged
		}
		return nil
	})
	return err
}
