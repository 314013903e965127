package catalog

import (
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/portico-retail/portico/retail"
)

// field is where a word stands in a product; earlier fields weigh more.
type field uint32

const (
	fieldTitle field = iota
	fieldBrand
	fieldCategory
	fieldAttribute // also option values, SKU and GTIN
)

// weights of the fields. A product's score is the sum over the words asked; a whole word counts one more than a prefix.
var weights = [...]int32{fieldTitle: 16, fieldBrand: 8, fieldCategory: 4, fieldAttribute: 2}

// posting is one occurrence: the product's position in the list and the best field it occurs in, packed.
type posting uint32

func newPosting(doc int32, f field) posting { return posting(uint32(doc)<<2 | uint32(f)) }
func (p posting) doc() int32                { return int32(p >> 2) }
func (p posting) weight() int32             { return weights[p&3] }

// index is an inverted index: sorted terms, so that a prefix is a range, and the products of each.
type index struct {
	terms    []string
	postings [][]posting // by product
}

// indexBuilder collects the index of a snapshot.
type indexBuilder struct {
	postings map[string][]posting
	runs     []run
}

// add indexes text of product doc. Products come in rising order, the fields of one with the heaviest first, so only a
// term's last posting can be of this product.
func (b *indexBuilder) add(doc int32, f field, text string) {
	put := func(term string) {
		list := b.postings[term]
		if n := len(list); n > 0 && list[n-1].doc() == doc {
			return
		}
		if list == nil {
			term = strings.Clone(term) // do not keep the whole folded text alive
		}
		b.postings[term] = append(list, newPosting(doc, f))
	}
	b.runs = appendRuns(b.runs[:0], fold(text))
	for _, r := range b.runs {
		if r.han {
			hanTerms(r.text, put)
		} else {
			put(r.text)
		}
	}
}

func (b *indexBuilder) addText(doc int32, f field, t retail.Text) {
	b.add(doc, f, t.Chinese)
	if t.English != t.Chinese {
		b.add(doc, f, t.English)
	}
}

func (b *indexBuilder) build() index {
	x := index{terms: make([]string, 0, len(b.postings)), postings: make([][]posting, len(b.postings))}
	for term := range b.postings {
		x.terms = append(x.terms, term)
	}
	slices.Sort(x.terms)
	for i, term := range x.terms {
		x.postings[i] = slices.Clip(b.postings[term])
	}
	return x
}

// addProduct indexes everything that a shopper may type.
func (b *indexBuilder) addProduct(doc int32, p *retail.Product, categories []*retail.Category) {
	b.addText(doc, fieldTitle, p.Titles)
	for _, v := range p.Variants {
		b.addText(doc, fieldTitle, v.Titles)
	}
	b.add(doc, fieldBrand, p.BrandName)
	for _, c := range categories {
		b.addText(doc, fieldCategory, c.Titles)
	}
	for _, a := range p.Attributes {
		b.addText(doc, fieldAttribute, a.Values)
	}
	for _, v := range p.Variants {
		for _, o := range v.Options {
			b.addText(doc, fieldAttribute, o.Values)
		}
		b.add(doc, fieldAttribute, v.SKU)
		b.add(doc, fieldAttribute, v.GTINCode)
	}
}

// exact returns the postings of a term.
func (x *index) exact(term string) []posting {
	if i, ok := slices.BinarySearch(x.terms, term); ok {
		return x.postings[i]
	}
	return nil
}

// prefixed returns the postings of the terms that begin with prefix.
func (x *index) prefixed(prefix string) [][]posting {
	from := sort.SearchStrings(x.terms, prefix)
	till := from
	for till < len(x.terms) && strings.HasPrefix(x.terms[till], prefix) {
		till++
	}
	return x.postings[from:till]
}

// search narrows m to the products that contain every word of the folded text. The last word matches as a prefix, since
// it may still be being typed. Text without any word matches nothing.
func (x *index) search(folded string, m *matches) {
	m.runs = appendRuns(m.runs[:0], folded)
	if len(m.runs) == 0 {
		m.require()
	}
	for i, r := range m.runs {
		switch {
		case r.han:
			x.searchHan(r.text, m)
			continue
		case i == len(m.runs)-1:
			for _, list := range x.prefixed(r.text) {
				m.mark(list, 0)
			}
		}
		m.mark(x.exact(r.text), 1)
		m.require()
	}
}

// searchHan asks for every character of the run within one of its pairs, so that words may stand apart in the product
// ("red dress" typed without a space) but no character may be missing or stand alone by chance.
func (x *index) searchHan(text string, m *matches) {
	if utf8.RuneCountInString(text) == 1 {
		m.mark(x.exact(text), 1)
		m.require()
		return
	}
	var before []posting
	for at := 0; at < len(text); {
		_, n := utf8.DecodeRuneInString(text[at:])
		var after []posting
		if at+n < len(text) {
			_, next := utf8.DecodeRuneInString(text[at+n:])
			after = x.exact(text[at : at+n+next])
		}
		m.mark(before, 1)
		m.mark(after, 1)
		m.require()
		before = after
		at += n
	}
}
