package stock

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/portico-retail/portico/retail"
)

// read loads a grid and, where the projection is older than maxAge or cannot be read at all, asks the systems of record
// for the pairs concerned. It does not fail: what nobody could answer has no watermark.
func (s *Service) read(
	ctx context.Context, skus []string, locs []retail.Candidate, maxAge *time.Duration, now time.Time,
) *grid {
	g, err := s.load(ctx, skus, locs)
	switch {
	case maxAge != nil:
		oldest, newest := now.Add(-*maxAge).UnixMilli(), now.Add(s.policy.StaleAfter).UnixMilli()
		s.askLive(ctx, g, func(at int64) bool { return at < oldest || at > newest })
	case err != nil:
		s.askLive(ctx, g, func(at int64) bool { return at == 0 })
	}
	s.report(ctx, g, now)
	return g
}

// askLive asks every source that is too old somewhere, all sources at the same time and each in one call.
func (s *Service) askLive(ctx context.Context, g *grid, tooOld func(at int64) bool) {
	if len(g.cells) > MaxPairs {
		return
	}
	answers := make([]Batch, len(sources))
	var wg sync.WaitGroup
	for i, source := range sources {
		live := s.deps.Live[source]
		pairs := g.pairsWhere(func(loc int) bool {
			m := &g.marks[loc]
			return m.expects(g.locs[loc].Location, i) && tooOld(m.at[i])
		})
		if live == nil || len(pairs) == 0 {
			continue
		}
		wg.Go(func() { answers[i], _ = callLive(ctx, live, pairs) })
	}
	wg.Wait()
	for _, b := range answers {
		g.merge(b)
	}
}

// callLive turns a panic into an error: it runs on a goroutine of its own, where a panic would end the process. Its error
// shows in the answer as a missing date, and the guard of the call reports and counts it.
func callLive(ctx context.Context, live Live, pairs []Pair) (b Batch, err error) {
	defer func() {
		if r := recover(); r != nil {
			b, err = Batch{}, fmt.Errorf("stock: live call panicked: %v", retail.PanicText(r))
		}
	}()
	return live.Now(ctx, pairs)
}

// pairsWhere lists all SKUs at the locations that want holds for.
func (g *grid) pairsWhere(want func(loc int) bool) []Pair {
	var pairs []Pair
	for i, c := range g.locs {
		if !want(i) {
			continue
		}
		for _, sku := range g.skus {
			pairs = append(pairs, Pair{Location: c.Location.Code, SKU: sku})
		}
	}
	return pairs
}

// report tells the response's source log how each source did.
func (s *Service) report(ctx context.Context, g *grid, now time.Time) {
	log := retail.SourceLogOf(ctx)
	if log == nil {
		return
	}
	for i, source := range sources {
		r := retail.SourceReport{Source: source, Status: retail.StatusOK}
		oldest, expected, live, late := int64(0), false, true, false
		for loc, c := range g.locs {
			m := &g.marks[loc]
			if !m.expects(c.Location, i) {
				continue
			}
			if !expected || m.at[i] < oldest {
				oldest = m.at[i]
			}
			expected, live, late = true, live && m.live[i], late || s.late(m.at[i], now)
		}
		if !expected {
			continue
		}
		switch {
		case !live && s.deps.Health(source) == retail.StatusDown:
			r.Status = retail.StatusDown
		case late:
			r.Status = retail.StatusStale
		}
		if oldest > 0 {
			r.AsOf = time.UnixMilli(oldest).UTC()
		}
		log.Record(r)
	}
}
