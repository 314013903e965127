package stock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/retail"
)

// FeedConfig says how feeds poll.
type FeedConfig struct {
	// Interval is the pause between polls while the source has no more to tell; a tenth of it is random.
	Interval time.Duration
	// MaxBackoff bounds the pause after failures, which starts at a tenth of a second and doubles.
	MaxBackoff time.Duration
	// PollTimeout bounds one poll.
	PollTimeout time.Duration
	// MaxWaiting bounds the facts kept in memory for locations without a place and for partitions that fail.
	MaxWaiting int
}

// DefaultFeedConfig polls once a second, and at least every two seconds while the source fails.
func DefaultFeedConfig() FeedConfig {
	return FeedConfig{Interval: time.Second, MaxBackoff: 2 * time.Second, PollTimeout: 30 * time.Second, MaxWaiting: 200_000}
}

// Validate refuses a configuration that makes no sense.
func (c FeedConfig) Validate() error {
	switch {
	case c.Interval <= 0 || c.MaxBackoff <= 0 || c.PollTimeout <= 0:
		return errors.New("stock: interval, max_backoff and poll_timeout must be positive")
	case c.MaxWaiting < 1:
		return errors.New("stock: max_waiting must be at least 1")
	}
	return nil
}

// FeedDeps are what a feed needs. Registerer may be nil.
type FeedDeps struct {
	Source     Source
	Projection FeedProjection
	// Layout is the layout in force; the feed does not change it.
	Layout func() Layout
	Now    func() time.Time
	// Random returns a number of [0, 1), for jitter.
	Random     func() float64
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// FeedProjection is the part of Projection that a feed writes.
type FeedProjection interface {
	Begin(ctx context.Context, source retail.Source, layout Layout) error
	Apply(ctx context.Context, partition uint16, writes []Write) error
	Advance(ctx context.Context, partition uint16, marks []PlaceMark) error
	Cursor(ctx context.Context, source retail.Source) (string, error)
	SaveCursor(ctx context.Context, source retail.Source, cursor string) error
}

// Feed keeps the projection up to date with one source: it polls, folds what it hears to the latest state, writes facts,
// then watermarks, then the cursor, so that a crash repeats work and never skips it. When the projection has lost rows the
// feed starts the source again from its snapshot, while the gateway goes on answering.
type Feed struct {
	name    retail.Source
	cfg     FeedConfig
	deps    FeedDeps
	metrics *feedMetrics
	status  *feedStatus

	// What follows belongs to the goroutine of Run.
	cursor string // where the next poll starts
	saved  string // what the projection has as cursor
	open   bool   // cursor is valid
	lost   bool   // the next start is from the snapshot, whatever cursor is saved
	whole  bool   // everything since the source's snapshot went through this process
	heard  bool   // the snapshot was polled to its end
	wait   *backlog
	rest   map[uint16]rest
}

// rest keeps a partition that failed from being tried at every poll.
type rest struct {
	failures int
	until    time.Time
	err      error
}

// NewFeed returns a feed of the source called name.
func NewFeed(name retail.Source, cfg FeedConfig, deps FeedDeps) *Feed {
	f := &Feed{
		name: name, cfg: cfg, deps: deps,
		status: newFeedStatus(name), wait: newBacklog(cfg.MaxWaiting), rest: map[uint16]rest{},
	}
	f.metrics = newFeedMetrics(name, deps.Registerer, f.Health, deps.Now)
	return f
}

// Run feeds until ctx ends, then returns nil. It is called once.
func (f *Feed) Run(ctx context.Context) error {
	failures := 0
	for ctx.Err() == nil {
		more, err := f.step(ctx)
		if ctx.Err() != nil {
			break
		}
		f.record(ctx, errors.Join(err, f.resting()))
		switch {
		case err != nil:
			failures++
			f.pause(ctx, f.backoff(failures), nil)
		case !more:
			failures = 0
			f.pause(ctx, f.jitter(f.cfg.Interval), f.status.wake)
		default:
			failures = 0
		}
	}
	return nil
}

// record logs when the feed begins or stops to fail.
func (f *Feed) record(ctx context.Context, err error) {
	was := f.status.fail(err)
	switch {
	case err != nil && was == nil:
		f.deps.Log.WarnContext(ctx, "stock feed fails", "source", f.name, "error", err)
	case err == nil && was != nil:
		f.deps.Log.InfoContext(ctx, "stock feed works again", "source", f.name)
	}
}

// resting is why partitions rest; nil when none does.
func (f *Feed) resting() error {
	var all []error
	for _, r := range f.rest {
		all = append(all, r.err)
	}
	return errors.Join(all...)
}

func (f *Feed) pause(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}

// jitter spreads d by a tenth, so that feeds do not poll in step.
func (f *Feed) jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.95 + 0.1*f.deps.Random()))
}

// backoff is between half and all of a pause that doubles with every failure in a row.
func (f *Feed) backoff(failures int) time.Duration {
	d := min(f.cfg.MaxBackoff, 100*time.Millisecond<<min(failures-1, 20))
	return time.Duration(float64(d) * (0.5 + 0.5*f.deps.Random()))
}

var errNoPlaces = errors.New("stock: no location has a place yet")

// step polls once and writes what there is. more says that the source has more to tell at once.
func (f *Feed) step(ctx context.Context) (more bool, err error) {
	layout := f.deps.Layout()
	if len(layout) == 0 {
		return false, errNoPlaces
	}
	if !f.open {
		if err := f.start(ctx, layout); err != nil {
			return false, err
		}
	}
	more, pollErr := f.poll(ctx, layout)
	err = f.flush(ctx, layout)
	if errors.Is(err, ErrLost) {
		f.open, f.lost = false, true
		f.metrics.restarts.Inc()
		f.status.restart()
		return false, err
	}
	if err = errors.Join(pollErr, err); err != nil {
		return false, err
	}
	_, blocked := f.wait.blocked(layout)
	if blocked > 0 || !f.heard {
		return more, nil
	}
	if f.status.complete() {
		f.deps.Log.InfoContext(ctx, "stock feed has the whole snapshot", "source", f.name)
	}
	if err := f.save(ctx); err != nil {
		return false, err
	}
	if !more {
		f.status.settle()
	}
	return more, nil
}

// start finds where to continue, or begins from the snapshot. The saved cursor is forgotten before, so that a process that
// ends in the middle of the snapshot begins it again.
func (f *Feed) start(ctx context.Context, layout Layout) error {
	if !f.lost {
		cursor, err := f.deps.Projection.Cursor(ctx, f.name)
		if err != nil {
			return fmt.Errorf("stock: read cursor: %w", err)
		}
		if cursor != "" {
			f.cursor, f.saved, f.open, f.whole, f.heard = cursor, cursor, true, false, true
			return nil
		}
	}
	if err := f.deps.Projection.SaveCursor(ctx, f.name, ""); err != nil {
		return fmt.Errorf("stock: forget cursor: %w", err)
	}
	if err := f.deps.Projection.Begin(ctx, f.name, layout); err != nil {
		return fmt.Errorf("stock: begin: %w", err)
	}
	f.cursor, f.saved, f.open, f.lost, f.whole, f.heard = "", "", true, false, true, false
	f.wait = newBacklog(f.cfg.MaxWaiting)
	clear(f.rest)
	return nil
}

// poll asks the source and keeps what it tells in the backlog. A backlog full of facts that cannot be written makes the
// source wait.
func (f *Feed) poll(ctx context.Context, layout Layout) (more bool, err error) {
	if facts, _ := f.wait.blocked(layout); facts >= f.cfg.MaxWaiting {
		return false, errors.New("stock: too many facts wait for the projection")
	}
	f.status.begin()
	batch, err := f.ask(ctx)
	f.status.polled(f.deps.Now(), err)
	if err != nil {
		f.metrics.polls.WithLabelValues("error").Inc()
		return false, fmt.Errorf("stock: poll: %w", err)
	}
	f.metrics.polls.WithLabelValues("ok").Inc()
	bad := batch.Quarantined + f.wait.add(f.name, batch, layout)
	f.metrics.quarantined.Add(float64(bad))
	f.status.heard(batch.Queues, bad)
	f.cursor = batch.Cursor
	f.heard = f.heard || !batch.More
	return batch.More, nil
}

// ask turns a panic of the adapter into an error, so that one source cannot end the process.
func (f *Feed) ask(ctx context.Context) (b Batch, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.PollTimeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", retail.PanicText(r))
		}
	}()
	return f.deps.Source.Poll(ctx, f.cursor)
}

// save stores the cursor once everything before it is written.
func (f *Feed) save(ctx context.Context) error {
	if f.cursor == f.saved {
		return nil
	}
	if err := f.deps.Projection.SaveCursor(ctx, f.name, f.cursor); err != nil {
		return fmt.Errorf("stock: save cursor: %w", err)
	}
	f.saved = f.cursor
	return nil
}
