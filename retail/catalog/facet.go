package catalog

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/portico-retail/portico/retail"
)

// maxFacetValues bounds the values of one facet.
const maxFacetValues = 50

// facets count the matches. Filtering by a value yields as many products as its count says: a product counts in each of
// its categories and all above them, and in each price band that one of its variants lies in.
func (s *snapshot) facets(m *matches) []Facet {
	brands := m.count(len(s.brands), func(doc int32, counts []int32) {
		if b := s.docs[doc].brand; b >= 0 {
			counts[b]++
		}
	}, func(i int) FacetValue {
		name := s.brands[i]
		return FacetValue{Value: name, Labels: retail.Text{Chinese: name, English: name}}
	})
	categories := m.count(len(s.categories), func(doc int32, counts []int32) {
		for _, c := range s.docs[doc].categories {
			counts[c]++
		}
	}, func(i int) FacetValue {
		return FacetValue{Value: s.categories[i].ID(), Labels: s.categories[i].Titles}
	})
	prices := m.count(len(s.bands), func(doc int32, counts []int32) {
		last := -1
		for _, p := range s.docs[doc].prices {
			if band := s.bandOf(p); band != last {
				counts[band]++
				last = band
			}
		}
	}, s.bandValue)
	return []Facet{{FacetBrand, brands}, {FacetCategory, categories}, {FacetPrice, prices}}
}

// count tallies the matches over n values and describes the most frequent ones.
func (m *matches) count(n int, tally func(doc int32, counts []int32), describe func(i int) FacetValue) []FacetValue {
	counts := m.counts[:n]
	clear(counts)
	for _, doc := range m.docs {
		tally(doc, counts)
	}
	used := make([]int, 0, n)
	for i, c := range counts {
		if c > 0 {
			used = append(used, i)
		}
	}
	slices.SortFunc(used, func(a, b int) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	used = used[:min(len(used), maxFacetValues)]
	values := make([]FacetValue, len(used))
	for k, i := range used {
		values[k] = describe(i)
		values[k].Count = int(counts[i])
	}
	return values
}

// priceBands are the lower bounds of the bands in minor units: 0, then 10, 20, 50, 100, 200, 500 … major units.
func priceBands(currency string) []int64 {
	bands := []int64{0}
	for power := int64(10); power <= 1_000_000_000; power *= 10 {
		for _, step := range []int64{1, 2, 5} {
			m, err := retail.ParseMoney(strconv.FormatInt(step*power, 10), currency)
			if err != nil { // no price in the catalog
				return nil
			}
			bands = append(bands, m.Minor)
		}
	}
	return bands
}

// bandOf is the band of a price; what is below zero falls into the first.
func (s *snapshot) bandOf(minor int64) int {
	at, exact := slices.BinarySearch(s.bands, minor)
	if exact {
		return at
	}
	return max(0, at-1)
}

// bandValue describes a band by its lowest and highest amount, both inclusive as in the filter; the last has no highest.
func (s *snapshot) bandValue(i int) FacetValue {
	low, high := string(s.money(s.bands[i]).Amount()), ""
	if i+1 < len(s.bands) {
		high = string(s.money(s.bands[i+1] - 1).Amount())
	}
	label := s.currency + " " + low + "–" + high
	return FacetValue{Value: low + ".." + high, Labels: retail.Text{Chinese: label, English: label}}
}
