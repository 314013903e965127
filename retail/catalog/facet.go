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
	return []Facet{
		{FacetBrand, m.count(&s.hasBrand, len(s.brands), s.brandValue)},
		{FacetCategory, m.count(&s.hasCategory, len(s.categories), s.categoryValue)},
		{FacetPrice, m.count(&s.hasBand, len(s.bands), s.bandValue)},
	}
}

// count tallies the labels of the matches, which are below n, and describes the most frequent ones.
func (m *matches) count(has *labels, n int, describe func(i int) FacetValue) []FacetValue {
	counts := m.counts[:n]
	clear(counts)
	for _, doc := range m.docs {
		for _, value := range has.of(doc) {
			counts[value]++
		}
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

func (s *snapshot) brandValue(i int) FacetValue {
	return FacetValue{Value: s.brands[i], Labels: retail.Text{Chinese: s.brands[i], English: s.brands[i]}}
}

func (s *snapshot) categoryValue(i int) FacetValue {
	return FacetValue{Value: s.categories[i].ID(), Labels: s.categories[i].Titles}
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
func (s *snapshot) bandOf(minor int64) int32 {
	at, exact := slices.BinarySearch(s.bands, minor)
	if !exact {
		at = max(0, at-1)
	}
	return int32(at)
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
