package catalog

import (
	"cmp"
	"hash/fnv"
	"io"
	"slices"
	"sync"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"github.com/portico-retail/portico/retail"
)

// snapshot is the catalog at one version, ready to be asked. It is immutable, except that scratch lends working memory and
// views keeps parts of it.
type snapshot struct {
	products    []*retail.Product // in the shop's order; a product's position is its number everywhere here
	prices      []prices
	hasBrand    labels // positions in brands
	hasCategory labels // positions in categories: its own and all above them
	hasBand     labels // positions in bands
	byCode      map[string]int32
	bySKU       map[string]variantRef
	byGTIN      map[string]variantRef // 14 digits
	categories  []*retail.Category
	byCategory  map[string]int32
	brands      []string // spelled as first seen
	byBrand     map[string]int32
	currency    string // of most variants; bands and price filters know no other
	bands       []int64
	index       index
	orders      map[Sort][]int32
	titleOrders map[retail.Language][]int32
	version     string // the shop's
	number      uint64 // the same, short, for cursors
	quarantined int
	scratch     sync.Pool
	views       *retail.Views[viewKey, *snapshot]
}

// prices are the web prices of a product in the catalog's currency.
type prices struct {
	minor []int64 // rising
	span  *retail.PriceRange
}

// labels gives every product some numbers, all in one piece of memory, because facets walk over them.
type labels struct {
	ends []int32 // of each product's numbers in all
	all  []int32
}

// add labels the next product.
func (l *labels) add(numbers []int32) {
	l.all = append(l.all, numbers...)
	l.ends = append(l.ends, int32(len(l.all)))
}

func (l *labels) of(doc int32) []int32 {
	if doc == 0 {
		return l.all[:l.ends[0]]
	}
	return l.all[l.ends[doc-1]:l.ends[doc]]
}

// variantRef is a variant by its product's position and its own.
type variantRef struct{ doc, variant int32 }

func newSnapshot(list *ProductList) *snapshot {
	s := &snapshot{
		byCode: make(map[string]int32, len(list.Products)), bySKU: make(map[string]variantRef, 2*len(list.Products)),
		byGTIN: make(map[string]variantRef, 2*len(list.Products)), byCategory: map[string]int32{}, byBrand: map[string]int32{},
		version: list.Version, number: numberOf(list.Version), quarantined: list.Quarantined,
		currency: mainCurrency(list.Products),
	}
	s.bands = priceBands(s.currency)
	for _, c := range list.Categories {
		if _, twice := s.byCategory[c.Code]; !twice {
			s.byCategory[c.Code] = int32(len(s.categories))
			s.categories = append(s.categories, c)
		}
	}
	words := indexBuilder{postings: map[string][]posting{}}
	for _, p := range list.Products {
		s.add(p, &words)
	}
	s.index = words.build()
	s.sortAll()
	s.views = retail.NewViews(keyOf, s.part)
	facetValues := max(len(s.brands), len(s.categories), len(s.bands))
	s.scratch.New = func() any { return newMatches(len(s.products), facetValues) }
	return s
}

// add takes a product in. One whose code is taken is left out; a variant whose SKU is taken can be seen but not found.
func (s *snapshot) add(p *retail.Product, words *indexBuilder) {
	if _, twice := s.byCode[p.Code]; twice || p.Code == "" {
		s.quarantined++
		return
	}
	at := int32(len(s.products))
	s.byCode[p.Code] = at
	s.products = append(s.products, p)
	for i, v := range p.Variants {
		ref := variantRef{at, int32(i)}
		if !put(s.bySKU, v.SKU, ref) {
			s.quarantined++
			continue
		}
		put(s.bySKU, retail.NormalizeSKU(v.SKU), ref)
		if gtin, ok := retail.NormalizeGTIN(v.GTINCode); ok {
			put(s.byGTIN, gtin, ref)
		}
	}
	shelves := s.shelvesOf(p)
	s.hasCategory.add(shelves)
	s.hasBrand.add(s.brandOf(p))
	s.addPrices(p)
	above := make([]*retail.Category, len(shelves))
	for i, c := range shelves {
		above[i] = s.categories[c]
	}
	words.addProduct(at, p, above)
}

// put keeps the first entry of a key.
func put(m map[string]variantRef, key string, ref variantRef) bool {
	if _, taken := m[key]; taken || key == "" {
		return false
	}
	m[key] = ref
	return true
}

// addPrices takes the prices of the next product in, and the bands they lie in.
func (s *snapshot) addPrices(p *retail.Product) {
	own := prices{span: p.PriceRange}
	for _, v := range p.Variants {
		if v.WebPrice.CurrencyCode == s.currency && s.currency != "" {
			own.minor = append(own.minor, v.WebPrice.Minor)
		}
	}
	slices.Sort(own.minor)
	if n := len(own.minor); n > 0 && own.span == nil {
		own.span = &retail.PriceRange{Min: s.money(own.minor[0]), Max: s.money(own.minor[n-1])}
	}
	s.prices = append(s.prices, own)
	bands := make([]int32, len(own.minor))
	for i, price := range own.minor {
		bands[i] = s.bandOf(price)
	}
	s.hasBand.add(slices.Compact(bands))
}

func (s *snapshot) money(minor int64) retail.Money {
	return retail.Money{Minor: minor, CurrencyCode: s.currency}
}

// brandOf returns the product's brand, as the list that labels take.
func (s *snapshot) brandOf(p *retail.Product) []int32 {
	key := fold(p.BrandName)
	if key == "" {
		return nil
	}
	at, ok := s.byBrand[key]
	if !ok {
		at = int32(len(s.brands))
		s.byBrand[key] = at
		s.brands = append(s.brands, p.BrandName)
	}
	return []int32{at}
}

// shelvesOf returns the product's categories and all above them. One that is there already ends the climb, and with it a
// cycle of parents.
func (s *snapshot) shelvesOf(p *retail.Product) []int32 {
	var shelves []int32
	for _, c := range p.Categories {
		at, known := s.byCategory[c.Code]
		for known && !slices.Contains(shelves, at) {
			shelves = append(shelves, at)
			at, known = s.byCategory[s.categories[at].ParentCode]
		}
	}
	return shelves
}

// mainCurrency is the currency of most variants; of equals the first by code.
func mainCurrency(products []*retail.Product) string {
	votes := map[string]int{}
	for _, p := range products {
		for _, v := range p.Variants {
			if v.WebPrice.CurrencyCode != "" {
				votes[v.WebPrice.CurrencyCode]++
			}
		}
	}
	main := ""
	for code, n := range votes {
		if n > votes[main] || (n == votes[main] && code < main) {
			main = code
		}
	}
	return main
}

// numberOf makes a cursor's number of the shop's version, the same in every gateway.
func numberOf(version string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, version) // a hash never fails to write
	return h.Sum64()
}

// sortAll prepares every order, so that a query never compares texts.
func (s *snapshot) sortAll() {
	s.orders = map[Sort][]int32{
		SortPriceAsc:  s.order(func(a, b int32) int { return s.compareUnpriced(a, b, s.cheapest(a), s.cheapest(b)) }),
		SortPriceDesc: s.order(func(a, b int32) int { return s.compareUnpriced(a, b, -s.dearest(a), -s.dearest(b)) }),
		SortNewest:    s.order(s.compareNewest),
	}
	s.titleOrders = map[retail.Language][]int32{
		retail.LanguageChinese: s.titleOrder(language.SimplifiedChinese, retail.LanguageChinese),
		retail.LanguageEnglish: s.titleOrder(language.English, retail.LanguageEnglish),
	}
}

// order sorts all products; equals stay as the shop lists them.
func (s *snapshot) order(compare func(a, b int32) int) []int32 {
	order := make([]int32, len(s.products))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, compare)
	return order
}

func (s *snapshot) cheapest(doc int32) int64 {
	if minor := s.prices[doc].minor; len(minor) > 0 {
		return minor[0]
	}
	return 0
}

func (s *snapshot) dearest(doc int32) int64 {
	if minor := s.prices[doc].minor; len(minor) > 0 {
		return minor[len(minor)-1]
	}
	return 0
}

// compareUnpriced puts products without a price last in either direction.
func (s *snapshot) compareUnpriced(a, b int32, keyA, keyB int64) int {
	unpriced := func(doc int32) int { return 1 - min(1, len(s.prices[doc].minor)) }
	return cmp.Or(cmp.Compare(unpriced(a), unpriced(b)), cmp.Compare(keyA, keyB))
}

// compareNewest puts products without a date last.
func (s *snapshot) compareNewest(a, b int32) int {
	x, y := s.products[a].UpdatedAt, s.products[b].UpdatedAt
	switch {
	case x == nil || y == nil:
		return cmp.Compare(boolRank(x == nil), boolRank(y == nil))
	default:
		return y.Compare(*x)
	}
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// titleOrder sorts by title as a reader of the language expects: Chinese by pinyin.
func (s *snapshot) titleOrder(tag language.Tag, lang retail.Language) []int32 {
	collator, buf := collate.New(tag, collate.IgnoreCase), collate.Buffer{}
	keys := make([]string, len(s.products))
	for i, p := range s.products {
		keys[i] = string(collator.KeyFromString(&buf, p.Titles.In(lang)))
		buf.Reset()
	}
	return s.order(func(a, b int32) int { return cmp.Compare(keys[a], keys[b]) })
}
