package purchases

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/retail"
)

// item is one entry of a system's list; purchase is nil when another system tells of it.
type item struct {
	key      retail.PurchaseKey
	purchase *Purchase
}

// fetch reads what comes after before in one system's list.
type fetch func(ctx context.Context, before *retail.PurchaseKey, limit int) ([]item, error)

// silence marks a failure of a system that a page can do without.
type silence struct{ error }

// Unwrap returns the failure.
func (s silence) Unwrap() error { return s.error }

// stream is one system's list from the cursor on, a batch at a time.
type stream struct {
	source retail.Source // empty for the ledger
	fetch  fetch
	after  *retail.PurchaseKey
	limit  int

	batch   []item
	batches int
	end     bool
	silent  bool
}

// maxBatches bounds how often one page asks one system: entries that are left out may fill many batches.
const maxBatches = 6

// errCut says that a page ends early; what follows is asked for with its cursor.
var errCut = errors.New("purchases: the page ends here")

// fill reads the next batch when the last is used up. A system that fails at the start is left out of the page; later on the
// page ends instead, because what follows would have a hole.
func (s *stream) fill(ctx context.Context) error {
	for len(s.batch) == 0 && !s.end {
		if s.batches == maxBatches {
			return errCut
		}
		s.batches++
		got, err := s.fetch(ctx, s.after, s.limit)
		var silent silence
		switch {
		case err == nil:
		case errors.As(err, &silent) && retail.CodeOf(err) == retail.CodeNotFound: // it never heard of the shopper
			s.end = true
			return nil
		case !errors.As(err, &silent), ctx.Err() != nil:
			return err
		case s.batches > 1:
			return errCut
		default:
			s.end, s.silent = true, true
			return nil
		}
		s.take(got)
	}
	return nil
}

// take keeps what comes after the cursor, in order, whatever the system makes of both.
func (s *stream) take(got []item) {
	full := len(got) >= s.limit
	got = slices.DeleteFunc(got, func(i item) bool { return s.after != nil && !i.key.Before(*s.after) })
	slices.SortStableFunc(got, func(a, b item) int { return order(a.key, b.key) })
	got = slices.CompactFunc(got, func(a, b item) bool { return order(a.key, b.key) == 0 })
	s.batch, s.end = got, !full || len(got) == 0
	if len(got) > 0 {
		last := got[len(got)-1].key
		s.after = &last
	}
}

// order puts newer purchases first.
func order(a, b retail.PurchaseKey) int {
	switch {
	case b.Before(a):
		return -1
	case a.Before(b):
		return 1
	}
	return 0
}

// merge is one page in the making.
type merge struct {
	now     time.Time
	streams []*stream
	page    []*Purchase
	more    bool
	// resume is where the next page begins when this one ended before it was full.
	resume *retail.PurchaseKey
}

// run collects first purchases and finds out whether there is another one.
func (m *merge) run(ctx context.Context, first int) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	var last *retail.PurchaseKey
	for {
		next, err := m.next(ctx)
		switch {
		case errors.Is(err, errCut):
			m.more = true
			if len(m.page) < first {
				m.resume = last
			}
			return nil
		case err != nil || next == nil:
			return err
		case next.purchase != nil && len(m.page) == first:
			m.more = true
			return nil
		case next.purchase != nil:
			m.page = append(m.page, next.purchase)
		}
		last = &next.key
	}
}

// begin asks all systems at once.
func (m *merge) begin(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, s := range m.streams {
		g.Go(func() error {
			err := s.fill(gctx)
			if errors.Is(err, errCut) {
				return nil
			}
			return err
		})
	}
	return g.Wait()
}

// next takes the newest entry of all systems; nil when none is left.
func (m *merge) next(ctx context.Context) (*item, error) {
	var best *stream
	for _, s := range m.streams {
		if err := s.fill(ctx); err != nil {
			return nil, err
		}
		if len(s.batch) > 0 && (best == nil || order(s.batch[0].key, best.batch[0].key) < 0) {
			best = s
		}
	}
	if best == nil {
		return nil, nil
	}
	it := best.batch[0]
	best.batch = best.batch[1:]
	return &it, nil
}

func (m *merge) connection(q ListQuery) *Connection {
	c := &Connection{PageInfo: retail.PageInfo{HasNextPage: m.more, HasPreviousPage: q.After != ""}}
	for _, p := range m.page {
		c.Edges = append(c.Edges, Edge{Cursor: p.Key().Cursor(), Node: p})
	}
	if len(c.Edges) > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[len(c.Edges)-1].Cursor
	}
	if m.resume != nil {
		end := m.resume.Cursor()
		c.PageInfo.EndCursor = &end
	}
	c.TotalCount = retail.Count{Value: len(c.Edges), Precision: retail.Exact}
	if m.more || q.After != "" {
		c.TotalCount.Precision = retail.AtLeast
	}
	c.Freshness = retail.FreshnessAt(m.now, m.now, retail.SourceShop, retail.BasisLive)
	for _, s := range m.streams {
		if s.silent {
			c.Silent = append(c.Silent, s.source)
		}
	}
	if len(c.Silent) > 0 {
		c.TotalCount.Precision = retail.AtLeast
		c.Freshness = retail.FreshnessAt(time.Time{}, m.now, c.Silent[0], retail.BasisStale)
	}
	return c
}
