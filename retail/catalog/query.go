package catalog

import (
	"context"
	"unicode/utf8"

	"github.com/portico-retail/portico/retail"
)

// Limits of one query.
const (
	MaxSearch     = 200    // characters
	MaxFilter     = 50     // categories, and brands
	MaxInStockAt  = 10     // locations
	MaxCandidates = 20_000 // SKUs asked about for InStockAt
)

// Products returns a page of the products that match, its facets counted over all matches. A cursor of a former version of
// the catalog continues at its position, so a product may be missed or repeated when the catalog changed in between.
//
// It fails with CodeBadInput or CodeLimitExceeded on a query that can never work, with CodeUpstreamUnavailable before the
// catalog was ever loaded, and with the error of Stocked when InStockAt is asked and cannot be answered.
func (s *Service) Products(ctx context.Context, q Query) (*Connection, error) {
	after, err := q.check()
	if err != nil {
		return nil, err
	}
	c, fresh, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	f, err := c.compile(q.Filter)
	if err != nil {
		return nil, err
	}
	m := c.scratch.Get().(*matches)
	defer c.scratch.Put(m)
	c.match(q.Search, f, m)
	if len(q.Filter.InStockAt) > 0 {
		if err := s.keepStocked(ctx, c.snapshot, q.Filter.InStockAt, m); err != nil {
			return nil, err
		}
	}
	facets := c.facets(m)
	c.sort(ctx, q, m)
	return c.page(m.docs, after, q.First, facets, fresh), nil
}

// check returns the position of the cursor, -1 without one.
func (q Query) check() (after int, err error) {
	if err := retail.CheckFirst(q.First, retail.MaxPage); err != nil {
		return 0, err
	}
	switch {
	case utf8.RuneCountInString(q.Search) > MaxSearch:
		return 0, retail.Errorf(retail.CodeLimitExceeded, "search has at most %d characters", MaxSearch)
	case len(q.Filter.CategoryIDs) > MaxFilter || len(q.Filter.Brands) > MaxFilter:
		return 0, retail.Errorf(retail.CodeLimitExceeded, "at most %d categories and %d brands may be named", MaxFilter, MaxFilter)
	case len(q.Filter.InStockAt) > MaxInStockAt:
		return 0, retail.Errorf(retail.CodeLimitExceeded, "inStockAt names at most %d locations", MaxInStockAt)
	case !q.Sort.valid():
		return 0, retail.BadInput("%.40q is no order of products", string(q.Sort))
	case q.After == "":
		return -1, nil
	}
	after, _, err = retail.ParseCursor(q.After)
	return after, err
}

// valid takes the empty order for SortRelevance.
func (s Sort) valid() bool {
	switch s {
	case "", SortRelevance, SortPriceAsc, SortPriceDesc, SortTitle, SortNewest:
		return true
	}
	return false
}

// match fills m with the products that the search and the filter let through. A search that is a SKU or GTIN as a whole
// puts its product first, whatever else it finds.
func (s *snapshot) match(search string, f filter, m *matches) {
	m.reset()
	if folded := fold(search); search != "" {
		s.index.search(folded, m)
		if ref, ok := s.scan(search); ok {
			m.promote(ref.doc)
		}
	}
	m.fill()
	if !f.empty() {
		m.filter(func(doc int32) bool { return f.keeps(s, doc) })
	}
}

// sort orders the matches; without a search, relevance is the shop's order, which they have already.
func (s *snapshot) sort(ctx context.Context, q Query, m *matches) {
	switch q.Sort {
	case "", SortRelevance:
		if q.Search != "" {
			m.byScore()
		}
	case SortTitle:
		m.byOrder(s.titleOrders[retail.ContextOf(ctx).Language])
	default:
		m.byOrder(s.orders[q.Sort])
	}
}

// page cuts the page behind the position after, which is -1 for the first.
func (s *snapshot) page(docs []int32, after, first int, facets []Facet, fresh retail.Freshness) *Connection {
	start := min(after, len(docs)-1) + 1
	end := min(start+first, len(docs))
	c := &Connection{
		Edges:      make([]Edge, 0, end-start),
		TotalCount: retail.Count{Value: len(docs), Precision: retail.Exact},
		PageInfo:   retail.PageInfo{HasPreviousPage: start > 0, HasNextPage: end < len(docs)},
		Facets:     facets,
		Freshness:  fresh,
	}
	for i, doc := range docs[start:end] {
		c.Edges = append(c.Edges, Edge{Cursor: retail.Cursor(start+i, s.number), Node: s.product(doc, fresh)})
	}
	if n := len(c.Edges); n > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[n-1].Cursor
	}
	return c
}

// keepStocked drops the products without a variant in stock.
func (s *Service) keepStocked(ctx context.Context, c *snapshot, at []string, m *matches) error {
	skus := make([]string, 0, 2*len(m.docs))
	for _, doc := range m.docs {
		for _, v := range c.products[doc].Variants {
			skus = append(skus, v.SKU)
		}
	}
	if len(skus) > MaxCandidates {
		return retail.Errorf(retail.CodeLimitExceeded,
			"inStockAt looks at %d SKUs at most and %d match the rest of the query: narrow it", MaxCandidates, len(skus))
	}
	stocked, err := s.inStock(ctx, skus, at)
	if err != nil {
		return err
	}
	m.filter(func(doc int32) bool {
		for _, v := range c.products[doc].Variants {
			if stocked[v.SKU] {
				return true
			}
		}
		return false
	})
	return nil
}

// stockChunk bounds the SKUs of one question to the stock service.
const stockChunk = 2000

// inStock asks once, or in chunks when there are more SKUs than one question carries.
func (s *Service) inStock(ctx context.Context, skus, at []string) (map[string]bool, error) {
	if len(skus) <= stockChunk {
		return s.deps.Stocked.InStock(ctx, skus, at)
	}
	all := make(map[string]bool, len(skus))
	for from := 0; from < len(skus); from += stockChunk {
		some, err := s.deps.Stocked.InStock(ctx, skus[from:min(from+stockChunk, len(skus))], at)
		if err != nil {
			return nil, err
		}
		for sku, have := range some {
			all[sku] = have
		}
	}
	return all, nil
}
