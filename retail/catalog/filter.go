package catalog

import (
	"math"
	"slices"

	"github.com/portico-retail/portico/retail"
)

// filter is a Filter in the numbers of one snapshot, without InStockAt.
type filter struct {
	byCategory, byBrand, byPrice bool
	categories                   []int32
	brands                       []int32
	minPrice, maxPrice           int64
}

func (f *filter) empty() bool { return !f.byCategory && !f.byBrand && !f.byPrice }

// compile translates a filter. A category or brand that the catalog does not know matches nothing.
func (s *snapshot) compile(q Filter) (filter, error) {
	f := filter{
		byCategory: len(q.CategoryIDs) > 0, byBrand: len(q.Brands) > 0, byPrice: q.MinPrice != nil || q.MaxPrice != nil,
		minPrice: math.MinInt64, maxPrice: math.MaxInt64,
	}
	for _, id := range q.CategoryIDs {
		kind, code, ok := retail.ParseGlobalID(id)
		if !ok || kind != retail.KindCategory {
			return filter{}, retail.BadInput("%.40q is no category id", id)
		}
		if at, known := s.byCategory[code]; known {
			f.categories = append(f.categories, at)
		}
	}
	for _, brand := range q.Brands {
		if at, known := s.byBrand[fold(brand)]; known {
			f.brands = append(f.brands, at)
		}
	}
	if err := s.parsePrice("minPrice", q.MinPrice, &f.minPrice); err != nil {
		return filter{}, err
	}
	if err := s.parsePrice("maxPrice", q.MaxPrice, &f.maxPrice); err != nil {
		return filter{}, err
	}
	if f.minPrice > f.maxPrice {
		return filter{}, retail.BadInput("minPrice is above maxPrice")
	}
	return f, nil
}

// parsePrice reads an amount in the currency of the catalog; a nil amount leaves the bound as it is.
func (s *snapshot) parsePrice(name string, amount *retail.Decimal, bound *int64) error {
	if amount == nil || s.currency == "" {
		return nil
	}
	money, err := retail.ParseMoney(string(*amount), s.currency)
	if err != nil {
		return retail.BadInput("%s is no amount of %s", name, s.currency)
	}
	*bound = money.Minor
	return nil
}

// keeps reports whether a product has one of the categories, one of the brands and a variant within the prices.
func (f *filter) keeps(s *snapshot, doc int32) bool {
	return (!f.byBrand || overlap(f.brands, s.hasBrand.of(doc))) &&
		(!f.byCategory || overlap(f.categories, s.hasCategory.of(doc))) &&
		(!f.byPrice || slices.ContainsFunc(s.prices[doc].minor, f.affordable))
}

func (f *filter) affordable(minor int64) bool { return minor >= f.minPrice && minor <= f.maxPrice }

func overlap(asked, have []int32) bool {
	return slices.ContainsFunc(have, func(n int32) bool { return slices.Contains(asked, n) })
}
