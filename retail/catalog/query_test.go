package catalog_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
)

// boutique is small enough to know by heart.
func boutique() *catalog.ProductList {
	var b builder
	clothes := b.category("c-1", "", both("服装", "Clothing"))
	dresses := b.category("c-2", "c-1", both("裙装", "Dresses"))
	home := b.category("c-3", "", both("家居", "Home"))
	b.product("S1", "Dress Co", both("条纹衬衫", "Striped shirt"), clothes, 15900)
	b.product("D1", "Lumen", both("红色 纯棉连衣裙", "Red cotton dress"), dresses, 19900, 24900)
	b.product("D2", "Café Noir", both("黑色连衣裙", "Black dress, women's"), dresses, 9900)
	lamp := b.product("L1", "Lumen", both("台灯", "Desk lamp LED500"), home, 29900)
	lamp.Attributes = []retail.Attribute{{Names: both("颜色", "Colour"), Values: both("红色", "Red")}}
	lamp.Variants[0].GTINCode = "9506000134352"
	b.product("U1", "", both("雨伞", "Umbrella"), nil)
	return b.build("1")
}

func find(t testing.TB, s *catalog.Service, q catalog.Query) *catalog.Connection {
	t.Helper()
	if q.First == 0 {
		q.First = retail.MaxPage
	}
	c, err := s.Products(context.Background(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return c
}

func TestSearch(t *testing.T) {
	s := mustServe(t, boutique())
	for name, c := range map[string]struct {
		search string
		want   []string
	}{
		"nothing asked is everything, as the shop lists it": {"", []string{"S1", "D1", "D2", "L1", "U1"}},
		"a title weighs more than a brand":                  {"dress", []string{"D1", "D2", "S1"}},
		"every word must be there":                          {"red dress", []string{"D1"}},
		"wherever it is":                                    {"lamp red", []string{"L1"}},
		"capitals do not matter":                            {"RED DRESS", []string{"D1"}},
		"nor does the width of letters":                     {"ＲＥＤ　ｄｒｅｓｓ", []string{"D1"}},
		"nor do accents":                                    {"cafe", []string{"D2"}},
		"nor apostrophes":                                   {"womens dress", []string{"D2"}},
		"the last word may be half typed":                   {"striped sh", []string{"S1"}},
		"the other words may not":                           {"stri shirt", []string{}},
		"Chinese words":                                     {"连衣裙", []string{"D1", "D2"}},
		"Chinese words without the space between":           {"红色连衣裙", []string{"D1"}},
		"no pair of characters may be missing":              {"蓝色连衣裙", []string{}},
		"characters by chance elsewhere are no match":       {"灯红", []string{}},
		"one Chinese character":                             {"伞", []string{"U1"}},
		"both scripts without a space":                      {"台灯led500", []string{"L1"}},
		"a category's title":                                {"服装", []string{"S1", "D1", "D2"}},
		"a category above, in English":                      {"clothing black", []string{"D2"}},
		"a brand":                                           {"lumen", []string{"D1", "L1"}},
		"an attribute":                                      {"红色", []string{"D1", "L1"}},
		"a SKU":                                             {"d1-1", []string{"D1"}},
		"a GTIN":                                            {"9506000134352", []string{"L1"}},
		"a GTIN of 14 digits":                               {"09506000134352", []string{"L1"}},
		"a Digital Link":                                    {"https://a.example/01/09506000134352", []string{"L1"}},
		"punctuation only":                                  {"?!", []string{}},
		"a word nobody knows":                               {"zeppelin", []string{}},
	} {
		if diff := cmp.Diff(c.want, productCodes(find(t, s, catalog.Query{Search: c.search}).Nodes())); diff != "" {
			t.Errorf("%s: %q: %s", name, c.search, diff)
		}
	}
}

func TestAnExactSKUComesFirst(t *testing.T) {
	var b builder
	b.product("A1", "", both("", "Spare part for B2"), nil, 100)
	b.product("B2", "", both("", "Machine"), nil, 100)
	got := productCodes(find(t, mustServe(t, b.build("1")), catalog.Query{Search: "b2"}).Nodes())
	if diff := cmp.Diff([]string{"B2", "A1"}, got); diff != "" {
		t.Error(diff)
	}
}

func decimal(d retail.Decimal) *retail.Decimal { return &d }

func TestFilters(t *testing.T) {
	s := mustServe(t, boutique())
	category := func(code string) string { return retail.GlobalID(retail.KindCategory, code) }
	for name, c := range map[string]struct {
		filter catalog.Filter
		want   []string
	}{
		"a category and those below it":           {catalog.Filter{CategoryIDs: []string{category("c-1")}}, []string{"S1", "D1", "D2"}},
		"any of several categories":               {catalog.Filter{CategoryIDs: []string{category("c-2"), category("c-3")}}, []string{"D1", "D2", "L1"}},
		"a category that is gone":                 {catalog.Filter{CategoryIDs: []string{category("c-9")}}, []string{}},
		"a brand as a person writes it":           {catalog.Filter{Brands: []string{"LUMEN"}}, []string{"D1", "L1"}},
		"a brand that nobody has":                 {catalog.Filter{Brands: []string{"Nobody"}}, []string{}},
		"at least, inclusive":                     {catalog.Filter{MinPrice: decimal("249.00")}, []string{"D1", "L1"}},
		"at most, inclusive":                      {catalog.Filter{MaxPrice: decimal("159")}, []string{"S1", "D2"}},
		"a price between a product's two is none": {catalog.Filter{MinPrice: decimal("200"), MaxPrice: decimal("240")}, []string{}},
		"all conditions together":                 {catalog.Filter{Brands: []string{"Lumen"}, CategoryIDs: []string{category("c-1")}}, []string{"D1"}},
	} {
		if diff := cmp.Diff(c.want, productCodes(find(t, s, catalog.Query{Filter: c.filter}).Nodes())); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestSorts(t *testing.T) {
	list := boutique()
	for i, ago := range []int{2, 3, 1} { // S1, D1, D2
		at := now.AddDate(0, 0, -ago)
		list.Products[i].UpdatedAt = &at
	}
	s := mustServe(t, list)
	for name, c := range map[string]struct {
		sort catalog.Sort
		lang retail.Language
		want []string
	}{
		"cheapest first, without a price last": {catalog.SortPriceAsc, "", []string{"D2", "S1", "D1", "L1", "U1"}},
		"dearest first, without a price last":  {catalog.SortPriceDesc, "", []string{"L1", "D1", "S1", "D2", "U1"}},
		"latest first, without a date last":    {catalog.SortNewest, "", []string{"D2", "S1", "D1", "L1", "U1"}},
		"by title in English":                  {catalog.SortTitle, retail.LanguageEnglish, []string{"D2", "L1", "D1", "S1", "U1"}},
		"by title in Chinese, by pinyin":       {catalog.SortTitle, retail.LanguageChinese, []string{"D2", "D1", "L1", "S1", "U1"}}, // hei hong tai tiao yu
	} {
		ctx := retail.WithContext(context.Background(), retail.Context{Language: c.lang})
		got, err := s.Products(ctx, catalog.Query{Sort: c.sort, First: 10})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, productCodes(got.Nodes())); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestProductsRefuses(t *testing.T) {
	s := mustServe(t, boutique())
	many := slices.Repeat([]string{"x"}, 51)
	for name, c := range map[string]struct {
		query catalog.Query
		want  retail.Code
	}{
		"no page size":               {catalog.Query{}, retail.CodeBadInput},
		"too large a page":           {catalog.Query{First: 101}, retail.CodeBadInput},
		"a long search":              {catalog.Query{First: 1, Search: strings.Repeat("裙", 201)}, retail.CodeLimitExceeded},
		"too many brands":            {catalog.Query{First: 1, Filter: catalog.Filter{Brands: many}}, retail.CodeLimitExceeded},
		"too many categories":        {catalog.Query{First: 1, Filter: catalog.Filter{CategoryIDs: many}}, retail.CodeLimitExceeded},
		"too many locations":         {catalog.Query{First: 1, Filter: catalog.Filter{InStockAt: many[:11]}}, retail.CodeLimitExceeded},
		"a category by its code":     {catalog.Query{First: 1, Filter: catalog.Filter{CategoryIDs: []string{"c-1"}}}, retail.CodeBadInput},
		"a price that is none":       {catalog.Query{First: 1, Filter: catalog.Filter{MinPrice: decimal("cheap")}}, retail.CodeBadInput},
		"prices the wrong way round": {catalog.Query{First: 1, Filter: catalog.Filter{MinPrice: decimal("2"), MaxPrice: decimal("1")}}, retail.CodeBadInput},
		"an order nobody knows":      {catalog.Query{First: 1, Sort: "RANDOM"}, retail.CodeBadInput},
		"a foreign cursor":           {catalog.Query{First: 1, After: "abc"}, retail.CodeBadInput},
	} {
		if _, err := s.Products(context.Background(), c.query); retail.CodeOf(err) != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	longest := catalog.Query{First: 1, Search: strings.Repeat("裙", catalog.MaxSearch)}
	if _, err := s.Products(context.Background(), longest); err != nil {
		t.Errorf("the longest search: %v", err)
	}
}

func TestPagesCoverTheMatchesExactlyOnce(t *testing.T) {
	s := mustServe(t, assortment(300, 1))
	rapid.Check(t, func(t *rapid.T) {
		q := catalog.Query{
			Search: rapid.SampledFrom([]string{"", "红色", "cotton", "wool sc", "连衣裙"}).Draw(t, "search"),
			Sort: rapid.SampledFrom([]catalog.Sort{
				"", catalog.SortRelevance, catalog.SortPriceAsc, catalog.SortPriceDesc, catalog.SortTitle, catalog.SortNewest,
			}).Draw(t, "sort"),
			First: rapid.IntRange(1, 100).Draw(t, "first"),
		}
		seen := map[string]bool{}
		for {
			c, err := s.Products(context.Background(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.Nodes() {
				if seen[p.Code] {
					t.Fatalf("%s came twice", p.Code)
				}
				seen[p.Code] = true
			}
			if !c.PageInfo.HasNextPage {
				if len(seen) != c.TotalCount.Value {
					t.Fatalf("%d of %d products came", len(seen), c.TotalCount.Value)
				}
				return
			}
			q.After = *c.PageInfo.EndCursor
		}
	})
}

func TestACursorOfAFormerCatalogContinuesAtItsPosition(t *testing.T) {
	source := &shelf{list: assortment(30, 1)}
	s := newService(source, &clock{now}, nil)
	ctx := context.Background()
	if err := s.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	cursor := find(t, s, catalog.Query{First: 10}).PageInfo.EndCursor
	source.list = assortment(12, 2)
	if err := s.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	got := productCodes(find(t, s, catalog.Query{First: 10, After: *cursor}).Nodes())
	if diff := cmp.Diff([]string{"P000010", "P000011"}, got); diff != "" {
		t.Error(diff)
	}
	past := find(t, s, catalog.Query{First: 10, After: retail.Cursor(math.MaxInt, 0)})
	if len(past.Edges) != 0 || past.PageInfo.HasNextPage || !past.PageInfo.HasPreviousPage {
		t.Errorf("after the end: %+v", past.PageInfo)
	}
}

// Whatever a facet counts is what filtering by its value finds.
func TestFacetsTellWhatFiltersFind(t *testing.T) {
	s := mustServe(t, assortment(200, 3))
	for _, search := range []string{"", "红色", "leather"} {
		all := find(t, s, catalog.Query{Search: search, First: 1})
		for _, f := range all.Facets {
			if len(f.Values) == 0 || len(f.Values) > 50 {
				t.Errorf("%s has %d values", f.Kind, len(f.Values))
			}
			if !slices.IsSortedFunc(f.Values, func(a, b catalog.FacetValue) int { return b.Count - a.Count }) {
				t.Errorf("%s does not begin with the most frequent", f.Kind)
			}
			for _, v := range f.Values {
				var filter catalog.Filter
				switch f.Kind {
				case catalog.FacetBrand:
					filter.Brands = []string{v.Value}
				case catalog.FacetCategory:
					filter.CategoryIDs = []string{v.Value}
				case catalog.FacetPrice:
					low, high, _ := strings.Cut(v.Value, "..")
					filter.MinPrice, filter.MaxPrice = decimal(retail.Decimal(low)), decimal(retail.Decimal(high))
				}
				if got := find(t, s, catalog.Query{Search: search, Filter: filter, First: 1}).TotalCount.Value; got != v.Count {
					t.Errorf("%q: %s %s counts %d, the filter finds %d", search, f.Kind, v.Value, v.Count, got)
				}
			}
		}
	}
}

func TestFacetsOfOneProduct(t *testing.T) {
	s := mustServe(t, boutique())
	got := find(t, s, catalog.Query{Search: "red cotton"}).Facets
	want := []catalog.Facet{
		{Kind: catalog.FacetBrand, Values: []catalog.FacetValue{{Value: "Lumen", Labels: both("Lumen", "Lumen"), Count: 1}}},
		{Kind: catalog.FacetCategory, Values: []catalog.FacetValue{
			{Value: retail.GlobalID(retail.KindCategory, "c-1"), Labels: both("服装", "Clothing"), Count: 1},
			{Value: retail.GlobalID(retail.KindCategory, "c-2"), Labels: both("裙装", "Dresses"), Count: 1},
		}},
		{Kind: catalog.FacetPrice, Values: []catalog.FacetValue{
			{Value: "100.00..199.99", Labels: both("CNY 100.00–199.99", "CNY 100.00–199.99"), Count: 1},
			{Value: "200.00..499.99", Labels: both("CNY 200.00–499.99", "CNY 200.00–499.99"), Count: 1},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Searching for more words never finds more, and a product is found by any words of its own title.
func TestSearchNarrows(t *testing.T) {
	list := assortment(400, 9)
	s := mustServe(t, list)
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(list.Products).Draw(t, "product")
		words := strings.Fields(p.Titles.English)
		words = append(words, p.BrandName, p.Titles.Chinese)
		asked := rapid.SliceOfNDistinct(rapid.SampledFrom(words), 1, 4, rapid.ID).Draw(t, "words")
		before := len(list.Products)
		for n := range asked {
			c, err := s.Products(context.Background(), catalog.Query{Search: strings.Join(asked[:n+1], " "), First: 100})
			if err != nil {
				t.Fatal(err)
			}
			if c.TotalCount.Value > before {
				t.Fatalf("%q finds %d, with a word less %d", asked[:n+1], c.TotalCount.Value, before)
			}
			before = c.TotalCount.Value
			if before <= 100 && !slices.Contains(productCodes(c.Nodes()), p.Code) {
				t.Fatalf("%q does not find %s", asked[:n+1], p.Code)
			}
		}
	})
}

func FuzzSearch(f *testing.F) {
	s := mustServe(f, boutique())
	for _, seed := range []string{"red dress", "红色连衣裙", "Ｌ1", "́", "\xff\xfe", "https://a/01/1", "가나다"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, search string) {
		c, err := s.Products(context.Background(), catalog.Query{Search: search, First: 5})
		if err != nil {
			if retail.CodeOf(err) != retail.CodeLimitExceeded {
				t.Errorf("%q: %v", search, err)
			}
			return
		}
		codes := productCodes(c.Nodes())
		slices.Sort(codes)
		if c.TotalCount.Value != len(slices.Compact(codes)) {
			t.Errorf("%q: %d matches, %v on the page", search, c.TotalCount.Value, codes)
		}
	})
}
