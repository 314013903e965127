// Package pos talks to the head office of the tills over XML: cumulative counters of units sold, the transaction log of
// every place, shelf prices, and what a purchase asks of a place: pick tasks, goods that pass the counter, receipts and
// loyalty cards. The feed reads the log lane by lane; lane.go says how it gets over the holes that late tills leave.
// Every call goes through an upstream.Guard, and the decoder (scan.go, reply.go, reply_purchase.go) accepts only the
// wire.
package pos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
	"github.com/portico-retail/portico/retail/stock"
)

var (
	_ stock.Source        = (*Client)(nil)
	_ stock.Live          = (*Client)(nil)
	_ catalog.PriceSource = (*Client)(nil)
)

// Config describes the POS. A zero field means its default.
type Config struct {
	HTTP upstream.HTTPConfig
	// Live bounds the calls that a shopper waits for, Feed those of the background feed (Timeout 10 s by default), Write
	// those that book something; they bear being repeated (Timeout 5 s by default).
	Live, Feed, Write upstream.Config
	// Currency is the only one that prices may have, ISO 4217. Default CNY.
	Currency string
	// LogEntries is how many transactions a poll reads, 1 to 10,000. Default 5,000.
	LogEntries int
	// Snapshots is how many places a poll reads from their counters, 1 to 100. Default 8.
	Snapshots int
	// GapPatience is how long a hole in a lane may stay open before the lane's counters are read instead. Default 2 s.
	GapPatience time.Duration
	// ListEvery is how often the places with tills are listed again. Default 1 min.
	ListEvery time.Duration
}

func (c Config) withDefaults() Config {
	if c.Feed.Timeout == 0 {
		c.Feed.Timeout = 10 * time.Second
	}
	if c.Write.Timeout == 0 {
		c.Write.Timeout = 5 * time.Second
	}
	if c.Currency == "" {
		c.Currency = "CNY"
	}
	if c.LogEntries == 0 {
		c.LogEntries = 5000
	}
	if c.Snapshots == 0 {
		c.Snapshots = 8
	}
	if c.GapPatience == 0 {
		c.GapPatience = 2 * time.Second
	}
	if c.ListEvery == 0 {
		c.ListEvery = time.Minute
	}
	return c
}

// Validate says which field is out of bounds.
func (c Config) Validate() error {
	c = c.withDefaults()
	switch {
	case len(c.Currency) != 3:
		return fmt.Errorf("pos: Currency %q is not an ISO 4217 code", c.Currency)
	case c.LogEntries < 1 || c.LogEntries > 10_000:
		return fmt.Errorf("pos: LogEntries %d is not within 1 to 10000", c.LogEntries)
	case c.Snapshots < 1 || c.Snapshots > 100:
		return fmt.Errorf("pos: Snapshots %d is not within 1 to 100", c.Snapshots)
	case c.GapPatience < 0 || c.GapPatience > time.Hour:
		return fmt.Errorf("pos: GapPatience %v is not within 0 to 1h", c.GapPatience)
	case c.ListEvery < time.Second:
		return fmt.Errorf("pos: ListEvery %v is below 1s", c.ListEvery)
	}
	for name, err := range map[string]error{
		"HTTP": c.HTTP.Validate(), "Live": c.Live.Validate(), "Feed": c.Feed.Validate(), "Write": c.Write.Validate(),
	} {
		if err != nil {
			return fmt.Errorf("pos: %s: %w", name, err)
		}
	}
	return nil
}

// Client talks to one head office. It is safe for concurrent use.
type Client struct {
	cfg     Config
	http    *upstream.Client
	metrics *upstream.Metrics
	now     func() time.Time
	live    *upstream.Guard
	feed    *upstream.Guard
	write   *upstream.Guard
	message atomic.Uint64
}

// New returns a client. It does not connect; an error is about cfg.
func New(cfg Config, m *upstream.Metrics, now func() time.Time) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	live := upstream.New(cfg.Live, retail.SourcePOS, "live", m)
	feed := upstream.New(cfg.Feed, retail.SourcePOS, "feed", m)
	write := upstream.New(cfg.Write, retail.SourcePOS, "write", m)
	return &Client{
		cfg: cfg, metrics: m, now: now, live: live, feed: feed, write: write,
		http: upstream.NewClient(cfg.HTTP, live.MaxConcurrent()+feed.MaxConcurrent()+write.MaxConcurrent()),
	}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.Close() }

// Status is DOWN while live calls are refused or the feed's are.
func (c *Client) Status() retail.Status {
	if c.live.Status() == retail.StatusDown {
		return retail.StatusDown
	}
	return c.feed.Status()
}

// exchange sends one request and reads a reply of the matching name.
func exchange[T any](
	ctx context.Context, c *Client, g *upstream.Guard, request element, read func(*reader, *T) error,
) (T, error) {
	return upstream.Do(ctx, g, request.name, func(ctx context.Context) (T, error) {
		var reply T
		err := failure(c.roundTrip(ctx, request, func(r *reader) error { return read(r, &reply) }))
		if g == c.write {
			err = refused(err)
		}
		return reply, err
	})
}

// refused makes the caller's fault of a BAD_REQUEST: a booking that can never work says nothing about the tills.
func refused(err error) error {
	var f *fault
	if errors.As(err, &f) && f.code == "BAD_REQUEST" {
		return &retail.Error{Code: retail.CodeBadInput, Source: retail.SourcePOS, Message: "the tills refuse the request", Err: err}
	}
	return err
}

func (c *Client) roundTrip(ctx context.Context, request element, read func(*reader) error) error {
	id := "portico-" + strconv.FormatUint(c.message.Add(1), 10)
	res, err := c.http.Send(ctx, upstream.Request{
		Method: http.MethodPost, Path: "/pos/service",
		Header: http.Header{"Content-Type": {"application/xml; charset=utf-8"}},
		Body:   envelope(id, c.now(), request),
	})
	if err != nil {
		return &transportError{err}
	}
	if res.Status != http.StatusOK {
		return statusError(res.Status)
	}
	return decode(res.Body, request.name+"Reply", read)
}

// notFound says that there is no such thing at the tills.
func notFound(what string) error {
	return &retail.Error{Code: retail.CodeNotFound, Source: retail.SourcePOS, Message: "there is no such " + what}
}

// fault is a refusal of the wire. Its text is not read: it may repeat what was asked.
type fault struct {
	code      string // one of faultCodes
	retryable bool
}

func (f *fault) Error() string  { return "pos: fault " + f.code }
func (f *fault) Reason() string { return f.Error() }

// faultCodes are the codes of the wire.
var faultCodes = []string{"BUSY", "BAD_REQUEST", "UNKNOWN_LOCATION", "NOT_FOUND", "CONFLICT", "LOCKED", "INTERNAL"}

// faultCode is a code of the wire, or OTHER.
func faultCode(said []byte) string {
	if slices.Contains(faultCodes, string(said)) {
		return string(said)
	}
	return "OTHER"
}

type statusError int

func (s statusError) Error() string  { return fmt.Sprintf("pos: HTTP status %d", int(s)) }
func (s statusError) Reason() string { return s.Error() }

type transportError struct{ error }

func (t *transportError) Unwrap() error { return t.error }

// failure maps what can go wrong with an exchange to an error of the domain.
func failure(err error) error {
	var f *fault
	var status statusError
	var transport *transportError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f) && f.code == "UNKNOWN_LOCATION":
		return &retail.Error{
			Code: retail.CodeNotFound, Source: retail.SourcePOS, Message: "a location has no tills", Err: err,
		}
	case errors.As(err, &f) && f.code == "NOT_FOUND":
		return &retail.Error{Code: retail.CodeNotFound, Source: retail.SourcePOS, Message: "the tills know no such thing", Err: err}
	case errors.As(err, &f) && f.code == "CONFLICT":
		return &retail.Error{Code: retail.CodeConflict, Source: retail.SourcePOS, Message: "the tills have it otherwise", Err: err}
	case errors.As(err, &f) && f.code == "LOCKED":
		return &retail.Error{Code: retail.CodeLimitExceeded, Source: retail.SourcePOS, Message: "too many tries", Err: err}
	case errors.As(err, &f) && f.code == "BUSY", errors.As(err, &f) && f.retryable:
		return retail.Unavailable(retail.SourcePOS, err)
	case errors.As(err, &status) && (status >= 500 || status == http.StatusTooManyRequests):
		return retail.Unavailable(retail.SourcePOS, err)
	case errors.As(err, &transport) && !errors.Is(err, upstream.ErrBadAnswer):
		return retail.Unavailable(retail.SourcePOS, err)
	}
	bad := retail.BadUpstream(retail.SourcePOS, err)
	bad.Retryable = f == nil // a request that was refused will be refused again
	return bad
}
