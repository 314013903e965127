package catalog

import (
	"cmp"
	"slices"
)

// matches is the working memory of one query: the products still in, by position in the list. It is reused, so that a
// query over a large catalog allocates next to nothing.
type matches struct {
	docs  []int32 // rising until ordered
	score []int32 // of the products in docs; meaningless for others
	any   bool    // nothing was required yet: every product is in and docs is not filled

	best    []int32 // weight of the requirement being marked, zero when unmarked
	touched []int32 // products with a best
	runs    []run
	counts  []int32 // of facet values
}

func newMatches(products, facetValues int) *matches {
	return &matches{
		docs: make([]int32, 0, products), score: make([]int32, products),
		best: make([]int32, products), touched: make([]int32, 0, products),
		counts: make([]int32, facetValues),
	}
}

// reset lets every product in.
func (m *matches) reset() {
	m.docs, m.any = m.docs[:0], true
}

// mark says that products satisfy the present requirement; the heaviest mark of a product counts.
func (m *matches) mark(list []posting, bonus int32) {
	for _, p := range list {
		doc, w := p.doc(), p.weight()+bonus
		if m.best[doc] == 0 {
			m.touched = append(m.touched, doc)
		}
		m.best[doc] = max(m.best[doc], w)
	}
}

// require drops the products that were not marked and begins the next requirement.
func (m *matches) require() {
	if m.any {
		m.any = false
		m.docs = append(m.docs[:0], m.touched...)
		slices.Sort(m.docs)
		for _, doc := range m.docs {
			m.score[doc] = 0
		}
	}
	kept := m.docs[:0]
	for _, doc := range m.docs {
		if m.best[doc] > 0 {
			m.score[doc] += m.best[doc]
			kept = append(kept, doc)
		}
	}
	m.docs = kept
	m.unmark()
}

func (m *matches) unmark() {
	for _, doc := range m.touched {
		m.best[doc] = 0
	}
	m.touched = m.touched[:0]
}

// fill makes docs explicit when nothing was required.
func (m *matches) fill() {
	if !m.any {
		return
	}
	m.any = false
	for doc := range int32(len(m.score)) {
		m.docs = append(m.docs, doc)
		m.score[doc] = 0
	}
}

// promote lets a product in, ahead of all others.
func (m *matches) promote(doc int32) {
	at, found := slices.BinarySearch(m.docs, doc)
	if !found {
		m.docs = slices.Insert(m.docs, at, doc)
	}
	m.score[doc] = 1 << 20
}

// filter drops the products that keep refuses.
func (m *matches) filter(keep func(doc int32) bool) {
	m.docs = slices.DeleteFunc(m.docs, func(doc int32) bool { return !keep(doc) })
}

// byScore orders best first, equals as the shop lists them.
func (m *matches) byScore() {
	slices.SortFunc(m.docs, func(a, b int32) int {
		return cmp.Or(cmp.Compare(m.score[b], m.score[a]), cmp.Compare(a, b))
	})
}

// byOrder orders as the permutation of all products does.
func (m *matches) byOrder(order []int32) {
	for _, doc := range m.docs {
		m.best[doc] = 1
	}
	ordered := m.docs[:0]
	for _, doc := range order {
		if m.best[doc] != 0 {
			m.best[doc] = 0
			ordered = append(ordered, doc)
		}
	}
	m.docs = ordered
}
