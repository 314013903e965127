package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// maxLookup bounds the pairs of one lookup.
const maxLookup = 1000

type allocationsMessage struct {
	Allocations []json.RawMessage `json:"allocations"`
	Next        int64             `json:"next"`
	AsOf        time.Time         `json:"asOf"`
	More        bool              `json:"more"`
}

type allocationMessage struct {
	Location string `json:"location"`
	SKU      string `json:"sku"`
	Open     *int64 `json:"open"`
	Version  *int64 `json:"version"`
}

type lookupMessage struct {
	Pairs []pairMessage `json:"pairs"`
}

type pairMessage struct {
	Location string `json:"location"`
	SKU      string `json:"sku"`
}

// fact is the allocation as a fact; ok is false when a value is missing or out of its range.
func (a allocationMessage) fact() (f stock.Fact, ok bool) {
	ok = retail.ValidLocationCode(a.Location) && retail.ValidSKU(a.SKU) && a.Open != nil && a.Version != nil &&
		*a.Open >= 0 && *a.Open <= math.MaxInt32 && *a.Version >= 0 && *a.Version <= math.MaxUint32 &&
		(*a.Version > 0 || *a.Open == 0)
	if !ok {
		return stock.Fact{}, false
	}
	return stock.Fact{
		Location: a.Location, SKU: a.SKU, Source: retail.SourceShop,
		Version: uint32(*a.Version), Value: int32(*a.Open),
	}, true
}

// facts reads the allocations of a message and counts the unreadable ones.
func (m *allocationsMessage) facts() (facts []stock.Fact, bad int, err error) {
	if m.Allocations == nil || m.AsOf.IsZero() {
		return nil, 0, retail.BadUpstream(retail.SourceShop, errors.New("shop: allocations or asOf is missing"))
	}
	list, bad, err := decodeEach[allocationMessage](m.Allocations)
	for _, a := range list {
		f, ok := a.fact()
		if !ok {
			bad++
			continue
		}
		facts = append(facts, f)
	}
	return facts, bad, err
}

// Poll reads the next allocations that changed. The cursor is the shop's position. Marks, one for every place, come
// with the page that reaches the end.
func (c *Client) Poll(ctx context.Context, cursor string) (stock.Batch, error) {
	since, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || since < 0 {
		since = 0 // the start is always safe
	}
	start := c.now()
	query := url.Values{
		"since": {strconv.FormatInt(since, 10)}, "limit": {strconv.Itoa(c.cfg.PageAllocations)},
	}
	a, err := get[allocationsMessage](ctx, c, c.feed, "allocations", "/api/v1/allocations", query, "")
	if err != nil {
		return stock.Batch{}, err
	}
	page := &a.value
	b := stock.Batch{More: page.More}
	if b.Facts, b.Quarantined, err = page.facts(); err != nil {
		return stock.Batch{}, err
	}
	c.metrics.Quarantine(retail.SourceShop, "allocation", b.Quarantined)
	switch {
	case page.Next < since: // a shop that knows less than we have read has lost data: its date is worth nothing
		b.Cursor, b.More = strconv.FormatInt(since, 10), false
		return b, nil
	case page.More && page.Next == since:
		return stock.Batch{}, retail.BadUpstream(retail.SourceShop, fmt.Errorf("shop: allocations stand still at %d", since))
	}
	b.Cursor = strconv.FormatInt(page.Next, 10)
	if !b.More {
		for _, place := range c.places() {
			b.Marks = append(b.Marks, mark(place, dated(page.AsOf, start)))
		}
	}
	return b, nil
}

func mark(place string, asOf time.Time) stock.Mark {
	return stock.Mark{Location: place, Source: retail.SourceShop, AsOf: asOf}
}

// Now reads the present allocations of the pairs, 1,000 in a request. A place of which a pair was not answered gets no
// mark.
func (c *Client) Now(ctx context.Context, pairs []stock.Pair) (stock.Batch, error) {
	if len(pairs) > stock.MaxPairs {
		return stock.Batch{}, retail.Errorf(retail.CodeLimitExceeded, "at most %d pairs in a question", stock.MaxPairs)
	}
	var b stock.Batch
	missing := make(map[stock.Pair]bool, len(pairs))
	for _, p := range pairs {
		missing[p] = true
	}
	asOf := c.now()
	for rest := pairs; len(rest) > 0; {
		chunk := rest[:min(len(rest), maxLookup)]
		rest = rest[len(chunk):]
		at, err := c.lookup(ctx, chunk, missing, &b)
		if err != nil {
			return stock.Batch{}, err
		}
		asOf = dated(at, asOf)
	}
	b.Marks = marksOf(pairs, missing, asOf)
	c.metrics.Quarantine(retail.SourceShop, "allocation", b.Quarantined)
	return b, nil
}

// lookup adds the answers for one chunk to b and takes them out of missing.
func (c *Client) lookup(
	ctx context.Context, chunk []stock.Pair, missing map[stock.Pair]bool, b *stock.Batch,
) (asOf time.Time, err error) {
	var question lookupMessage
	for _, p := range chunk {
		question.Pairs = append(question.Pairs, pairMessage(p))
	}
	a, err := post[allocationsMessage](ctx, c, c.live, "lookup", "/api/v1/allocations/lookup", question)
	if err != nil {
		return asOf, err
	}
	facts, bad, err := a.value.facts()
	if err != nil {
		return asOf, err
	}
	b.Quarantined += bad
	for _, f := range facts {
		pair := stock.Pair{Location: f.Location, SKU: f.SKU}
		if !missing[pair] {
			b.Quarantined++
			continue
		}
		delete(missing, pair)
		b.Facts = append(b.Facts, f)
	}
	return a.value.AsOf, nil
}

// marksOf dates each place asked once, leaving out those with a missing pair.
func marksOf(pairs []stock.Pair, missing map[stock.Pair]bool, asOf time.Time) []stock.Mark {
	skip := make(map[string]bool, len(pairs))
	for p := range missing {
		skip[p.Location] = true
	}
	var marks []stock.Mark
	for _, p := range pairs {
		if !skip[p.Location] {
			skip[p.Location] = true
			marks = append(marks, mark(p.Location, asOf))
		}
	}
	return marks
}
