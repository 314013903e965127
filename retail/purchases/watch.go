package purchases

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Feed tells what happened to orders; integrations/ledger implements it.
type Feed interface {
	// Events lists what happened behind afterSeq, oldest first, limit at most.
	Events(ctx context.Context, afterSeq int64, limit int) ([]retail.Event, error)
	// LastEvent is the Seq of the latest event; 0 when there was none.
	LastEvent(ctx context.Context) (int64, error)
}

// WatchConfig bounds what following orders may cost.
type WatchConfig struct {
	Every     time.Duration // between looks at the feed, while anybody follows an order
	Most      int           // followers at the same time
	PerClient int           // of these, those of one client
	Timeout   time.Duration // for one look
}

// DefaultWatchConfig tells of a change within half a second. A client's share suits a desk that follows a store's orders.
func DefaultWatchConfig() WatchConfig {
	return WatchConfig{Every: 300 * time.Millisecond, Most: 20_000, PerClient: 200, Timeout: 5 * time.Second}
}

// Validate reports settings that cannot work.
func (c WatchConfig) Validate() error {
	if c.Every <= 0 || c.Most <= 0 || c.PerClient <= 0 || c.Timeout <= 0 {
		return errors.New("purchases: every setting of the watch must be above 0")
	}
	return nil
}

// Watch tells followers of orders that something happened. One reader serves all followers of a gateway, and rests while there are
// none. It is safe for concurrent use.
type Watch struct {
	config WatchConfig
	feed   Feed
	log    *slog.Logger
	wake   chan struct{} // there is a follower

	mu        sync.Mutex
	followers map[string]map[*follower]struct{} // by order
	clients   map[string]int                    // how many followers each has
	count     int
}

type follower struct{ hint chan struct{} }

// NewWatch returns a watch; Run makes it tell.
func NewWatch(config WatchConfig, feed Feed, log *slog.Logger) *Watch {
	return &Watch{
		config: config, feed: feed, log: log, wake: make(chan struct{}, 1), followers: map[string]map[*follower]struct{}{},
		clients: map[string]int{},
	}
}

// Follow returns hints that the order may have changed since the last one was taken, until ctx ends; then they stop. Hints are
// merged: a slow follower looks less often, and never at an older state than the last hint told of. A hint may be for nothing.
// CodeLimitExceeded when there are too many followers, or too many of the client.
func (w *Watch) Follow(ctx context.Context, client, orderID string) (<-chan struct{}, error) {
	f := &follower{hint: make(chan struct{}, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count >= w.config.Most || w.clients[client] >= w.config.PerClient {
		return nil, &retail.Error{Code: retail.CodeLimitExceeded, Message: "too many orders are followed", Retryable: true}
	}
	if w.followers[orderID] == nil {
		w.followers[orderID] = map[*follower]struct{}{}
	}
	w.followers[orderID][f] = struct{}{}
	w.clients[client]++
	w.count++
	context.AfterFunc(ctx, func() { w.leave(client, orderID, f) })
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return f.hint, nil
}

// Recovered logs the panic of a follower, which ends that follower and nobody else.
func (w *Watch) Recovered(ctx context.Context, v any) {
	w.log.ErrorContext(ctx, "panic", "panic", retail.PanicText(v), "stack", string(debug.Stack()))
}

func (w *Watch) leave(client, orderID string, f *follower) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.followers[orderID], f)
	if len(w.followers[orderID]) == 0 {
		delete(w.followers, orderID)
	}
	if w.clients[client]--; w.clients[client] == 0 {
		delete(w.clients, client)
	}
	w.count--
}

// Run reads the feed until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	tick := time.NewTicker(w.config.Every)
	defer tick.Stop()
	r := reader{Watch: w}
	for {
		if w.followed() == 0 {
			r.placed = false
			select {
			case <-ctx.Done():
				return
			case <-w.wake:
			}
		}
		if err := r.look(ctx); err != nil && ctx.Err() == nil && !r.failing {
			r.failing = true
			w.log.WarnContext(ctx, "the feed of orders is silent: followers learn of nothing", "error", err)
		} else if err == nil {
			r.failing = false
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (w *Watch) followed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// reader is how far the feed was read.
type reader struct {
	*Watch

	placed  bool // after is somewhere
	after   int64
	failing bool // and that was logged
}

const (
	watchPage = 1000
	// watchPages is how many pages one look reads. What is behind them is not read event by event: everybody looks.
	watchPages = 20
)

// look reads what happened since the last look and gives hints.
func (r *reader) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.config.Timeout)
	defer cancel()
	if !r.placed {
		return r.place(ctx)
	}
	for range watchPages {
		events, err := r.feed.Events(ctx, r.after, watchPage)
		if err != nil {
			return err
		}
		r.tell(events)
		if len(events) < watchPage {
			return nil
		}
	}
	return r.place(ctx)
}

// place goes to the end of the feed. What happened until then is not known, so everybody looks.
func (r *reader) place(ctx context.Context) error {
	last, err := r.feed.LastEvent(ctx)
	if err != nil {
		return err
	}
	r.after, r.placed = last, true
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range r.followers {
		hint(of)
	}
	return nil
}

func (r *reader) tell(events []retail.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range events {
		r.after = max(r.after, e.Seq)
		hint(r.followers[e.Subject])
	}
}

func hint(followers map[*follower]struct{}) {
	for f := range followers {
		select {
		case f.hint <- struct{}{}:
		default: // one is waiting, and covers this
		}
	}
}
