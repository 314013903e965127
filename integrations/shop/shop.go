// Package shop talks to the e-commerce shop over REST: the catalog, web prices, the units allocated to placed orders, and
// everything that the shop does in a purchase: accounts, carts, orders, payments, deliveries and parcels that come back.
// Every call goes through an upstream.Guard. Unknown JSON fields are ignored, because shops add fields without notice;
// whatever is known must have its type. An item of the catalog, the feed or a list of orders that has not is left out and
// counted; what is said of a person, a cart, money or goods is read whole or not at all.
//
// Every write of the wire is idempotent, by the reference, order or instant in it, so writes are repeated like reads. The
// one that has none, an account's replacement, is tried once: a late repetition could undo somebody else's.
package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
	"github.com/portico-retail/portico/retail/stock"
)

var (
	_ catalog.ProductSource = (*Client)(nil)
	_ catalog.PriceSource   = (*Client)(nil)
	_ stock.Source          = (*Client)(nil)
	_ stock.Live            = (*Client)(nil)
)

// Config describes the shop. A zero field means its default.
type Config struct {
	HTTP upstream.HTTPConfig
	// APIKey is sent as X-Api-Key; it is a secret.
	APIKey string
	// Live bounds the reads that a shopper waits for, Feed those of the background feed (Timeout 10 s by default), Write what
	// changes something (Timeout 10 s by default): a slow payment must not shut the door to reads.
	Live, Feed, Write upstream.Config
	// Currency is the only one that prices may have, ISO 4217. Default CNY.
	Currency string
	// PageProducts is how many products a page has, 1 to 1,000. Default 200.
	PageProducts int
	// PageAllocations is how many allocations a poll reads, 1 to 10,000. Default 2,000.
	PageAllocations int
}

func (c Config) withDefaults() Config {
	if c.Feed.Timeout == 0 {
		c.Feed.Timeout = 10 * time.Second
	}
	if c.Write.Timeout == 0 {
		c.Write.Timeout = 10 * time.Second
	}
	if c.Currency == "" {
		c.Currency = "CNY"
	}
	if c.PageProducts == 0 {
		c.PageProducts = 200
	}
	if c.PageAllocations == 0 {
		c.PageAllocations = 2000
	}
	return c
}

// Validate says which field is out of bounds.
func (c Config) Validate() error {
	c = c.withDefaults()
	switch {
	case c.APIKey == "" || strings.ContainsFunc(c.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("shop: APIKey is missing or has characters that do not fit a header")
	case len(c.Currency) != 3:
		return fmt.Errorf("shop: Currency %q is not an ISO 4217 code", c.Currency)
	case c.PageProducts < 1 || c.PageProducts > 1000:
		return fmt.Errorf("shop: PageProducts %d is not within 1 to 1000", c.PageProducts)
	case c.PageAllocations < 1 || c.PageAllocations > 10_000:
		return fmt.Errorf("shop: PageAllocations %d is not within 1 to 10000", c.PageAllocations)
	}
	if err := c.HTTP.Validate(); err != nil {
		return fmt.Errorf("shop: HTTP: %w", err)
	}
	if err := c.Live.Validate(); err != nil {
		return fmt.Errorf("shop: Live: %w", err)
	}
	if err := c.Feed.Validate(); err != nil {
		return fmt.Errorf("shop: Feed: %w", err)
	}
	if err := c.Write.Validate(); err != nil {
		return fmt.Errorf("shop: Write: %w", err)
	}
	return nil
}

// Client talks to one shop. It is safe for concurrent use.
type Client struct {
	cfg     Config
	http    *upstream.Client
	metrics *upstream.Metrics
	places  func() []string
	now     func() time.Time
	live    *upstream.Guard
	feed    *upstream.Guard
	write   *upstream.Guard
}

// New returns a client. It does not connect; an error is about cfg. places lists the codes of all locations: the shop's
// feed has one date for the whole shop, which holds for places without a single allocation too.
func New(cfg Config, places func() []string, m *upstream.Metrics, now func() time.Time) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	live := upstream.New(cfg.Live, retail.SourceShop, "live", m)
	feed := upstream.New(cfg.Feed, retail.SourceShop, "feed", m)
	write := upstream.New(cfg.Write, retail.SourceShop, "write", m)
	return &Client{
		cfg: cfg, metrics: m, places: places, now: now, live: live, feed: feed, write: write,
		http: upstream.NewClient(cfg.HTTP, live.MaxConcurrent()+feed.MaxConcurrent()+write.MaxConcurrent()),
	}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.Close() }

// Status is DOWN while live calls are refused or the feed's are. Writes do not count: what is read may be fresh without them.
func (c *Client) Status() retail.Status {
	if c.live.Status() == retail.StatusDown {
		return retail.StatusDown
	}
	return c.feed.Status()
}

// answer is a decoded answer; same says that it was 304, and value is then zero.
type answer[T any] struct {
	value T
	etag  string
	same  bool
}

// get makes one guarded GET. A non-empty etag asks whether the answer is still the one of that tag.
func get[T any](
	ctx context.Context, c *Client, g *upstream.Guard, op, path string, query url.Values, etag string,
) (answer[T], error) {
	r := upstream.Request{Method: http.MethodGet, Path: path, Query: query, Header: http.Header{}}
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	return send[T](ctx, c, g, op, r, unexpected)
}

// post makes one guarded POST that only reads.
func post[T any](ctx context.Context, c *Client, g *upstream.Guard, op, path string, body any) (answer[T], error) {
	r, err := request(http.MethodPost, path, body)
	if err != nil {
		return answer[T]{}, err
	}
	return send[T](ctx, c, g, op, r, unexpected)
}

func request(method, path string, body any) (upstream.Request, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return upstream.Request{}, retail.Redact("shop: request", err)
	}
	r := upstream.Request{Method: method, Path: path, Header: http.Header{}, Body: text}
	r.Header.Set("Content-Type", "application/json")
	return r, nil
}

// unexpected is what an answer of another status than 200 means to a call that expects nothing else.
func unexpected(op string, res *upstream.Response) error {
	return failure(res.Status, statusError{op, res.Status})
}

func send[T any](
	ctx context.Context, c *Client, g *upstream.Guard, op string, r upstream.Request,
	refused func(op string, res *upstream.Response) error,
) (answer[T], error) {
	return upstream.Do(ctx, g, op, exchange[T](c, op, r, refused))
}

// exchange is one attempt at a call.
func exchange[T any](
	c *Client, op string, r upstream.Request, refused func(op string, res *upstream.Response) error,
) func(context.Context) (answer[T], error) {
	r.Header.Set("X-Api-Key", c.cfg.APIKey)
	r.Header.Set("Accept", "application/json")
	return func(ctx context.Context) (answer[T], error) {
		res, err := c.http.Send(ctx, r)
		if err != nil {
			return answer[T]{}, failure(0, err)
		}
		a := answer[T]{etag: res.Header.Get("ETag")}
		switch {
		case res.Status == http.StatusNotModified && r.Header.Get("If-None-Match") != "":
			a.same = true
			return a, nil
		case res.Status != http.StatusOK:
			return a, refused(op, res)
		}
		if err := decode(res.Body, &a.value); err != nil {
			return answer[T]{}, failure(0, unreadable{retail.Redact("shop: "+op, err)})
		}
		return a, nil
	}
}

// statusError is an answer of a status that a call does not expect. What it says besides may repeat what was asked, and is
// not kept.
type statusError struct {
	op     string
	status int
}

func (s statusError) Error() string  { return fmt.Sprintf("shop: %s: HTTP status %d", s.op, s.status) }
func (s statusError) Reason() string { return s.Error() }

// unreadable is an answer that is not what the wire says.
type unreadable struct{ error }

func (u unreadable) Unwrap() error { return u.error }

// decode reads one JSON value and nothing after it.
func decode(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// decodeEach reads each item by itself and counts those that have not their type. When none has, it is the shop that
// is ill, not the item.
func decodeEach[T any](raw []json.RawMessage) (list []T, bad int, err error) {
	list = make([]T, 0, len(raw))
	for _, item := range raw {
		var value T
		if err := decode(item, &value); err != nil {
			bad++
			continue
		}
		list = append(list, value)
	}
	if bad > 0 && len(list) == 0 {
		return nil, bad, retail.BadUpstream(retail.SourceShop, errors.New("shop: not one item is readable"))
	}
	return list, bad, nil
}

// failure maps what can go wrong with a call to an error of the domain; status is 0 when there was no usable answer.
func failure(status int, err error) error {
	var broken unreadable
	switch {
	case errors.As(err, &broken), errors.Is(err, upstream.ErrBadAnswer):
		return retail.BadUpstream(retail.SourceShop, err)
	case status == 0, status >= 500, status == http.StatusTooManyRequests:
		return retail.Unavailable(retail.SourceShop, err)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		refused := retail.Unavailable(retail.SourceShop, err)
		refused.Retryable = false // the key is wrong until somebody changes it
		return refused
	}
	bad := retail.BadUpstream(retail.SourceShop, err)
	bad.Retryable = false
	return bad
}

// dated is an instant of the shop, never ahead of our own clock.
func dated(asOf time.Time, start time.Time) time.Time {
	if asOf.After(start) {
		asOf = start
	}
	return asOf.UTC()
}
