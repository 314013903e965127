package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
)

// sparse is the list as a shop would state it that sells nothing beyond the reach; prices is whether it states web prices.
func sparse(list *catalog.ProductList, reach *retail.Reach) *catalog.ProductList {
	part := &catalog.ProductList{Version: list.Version, AsOf: list.AsOf}
	used := map[string]bool{}
	for _, p := range list.Products {
		own := *p
		own.Variants = nil
		for _, v := range p.Variants {
			if !reach.SKU(v.SKU) {
				continue
			}
			seen := *v
			seen.Product = &own
			if !reach.Channel(retail.ChannelWeb) {
				seen.WebPrice = retail.Money{}
			}
			own.Variants = append(own.Variants, &seen)
		}
		if len(own.Variants) == 0 {
			continue
		}
		if len(own.Variants) < len(p.Variants) || !reach.Channel(retail.ChannelWeb) {
			own.PriceRange = nil // what a shop states of others
		}
		part.Products = append(part.Products, &own)
		for _, c := range p.Categories {
			for c != nil && !used[c.Code] {
				used[c.Code] = true
				parent := c.ParentCode
				c = nil
				for _, other := range list.Categories {
					if other.Code == parent {
						c = other
					}
				}
			}
		}
	}
	for _, c := range list.Categories {
		if used[c.Code] {
			part.Categories = append(part.Categories, c)
		}
	}
	return part
}

// Whatever is asked within a reach has the answer of a shop that sells nothing else.
func TestSKUsBeyondReachAreAsIfNobodySoldThem(t *testing.T) {
	list := assortment(60, 3)
	for i, c := range []string{"c-1", "c-2"} { // a shelf above others, and one that may be empty
		list.Categories = append(list.Categories, &retail.Category{Code: fmt.Sprintf("x-%d", i), ParentCode: c, Titles: both("货", "Shelf")})
	}
	var skus, words []string
	for i, p := range list.Products {
		words = append(words, p.Titles.English, p.BrandName)
		if i%2 == 0 {
			p.PriceRange = &retail.PriceRange{Min: retail.Money{Minor: 1, CurrencyCode: "CNY"}, Max: retail.Money{Minor: 999_999, CurrencyCode: "CNY"}}
		}
		if i%3 == 0 {
			p.Categories = append(slices.Clone(p.Categories), list.Categories[len(list.Categories)-1])
		}
		for k, v := range p.Variants {
			v.GTINCode = gtin(i*20 + k)
			v.Titles = both("变体"+v.SKU, "variant "+v.SKU)
			skus = append(skus, v.SKU)
		}
	}
	whole := stockedService(t, list)
	rapid.Check(t, func(t *rapid.T) {
		reach := &retail.Reach{}
		for _, sku := range rapid.SliceOfN(rapid.SampledFrom(skus), 1, 30).Draw(t, "SKUs") {
			reach.SKUs = append(reach.SKUs, retail.SKURange{First: sku, Last: sku})
		}
		if rapid.Bool().Draw(t, "a partner's channel only") {
			reach.Channels = []retail.Channel{retail.ChannelPartner}
		}
		part := stockedService(t, sparse(list, reach))
		ctx, free := retail.WithReach(context.Background(), reach), context.Background()
		q := catalog.Query{
			First: rapid.IntRange(1, 100).Draw(t, "first"),
			Sort: rapid.SampledFrom([]catalog.Sort{
				catalog.SortRelevance, catalog.SortPriceAsc, catalog.SortPriceDesc, catalog.SortTitle, catalog.SortNewest,
			}).Draw(t, "sort"),
		}
		if rapid.Bool().Draw(t, "searches") {
			q.Search = rapid.SampledFrom(slices.Concat(words, skus, []string{"red", "variant", "变体", "d", gtin(7), "Shelf"})).Draw(t, "search")
		}
		if rapid.Bool().Draw(t, "filters") {
			shelf := rapid.SampledFrom(list.Categories).Draw(t, "shelf")
			q.Filter.CategoryIDs = []string{shelf.ID()}
		}
		if rapid.Bool().Draw(t, "by price") {
			q.Filter.MaxPrice = decimal("300")
		}
		if rapid.Bool().Draw(t, "in stock") {
			q.Filter.InStockAt = []string{"S-1"}
		}
		if rapid.Bool().Draw(t, "continues a page of somebody who sees everything") {
			page, err := whole.Products(free, catalog.Query{First: rapid.IntRange(1, 50).Draw(t, "their page")})
			if err != nil {
				t.Fatal(err)
			}
			q.After = *page.PageInfo.EndCursor
		}
		at := rapid.IntRange(0, len(list.Products)-1).Draw(t, "product")
		p := list.Products[at]
		v := rapid.SampledFrom(p.Variants).Draw(t, "variant")
		c := rapid.SampledFrom(list.Categories).Draw(t, "category")
		ask := func(ctx context.Context, s *catalog.Service) string {
			out := []string{connection(s.Products(ctx, q))}
			for _, by := range []catalog.Lookup{
				{ID: ref(p.ID())}, {ID: ref(v.ID())}, {SKU: &v.SKU}, {GTIN: &v.GTINCode}, {Scan: &v.SKU}, {Scan: &v.GTINCode},
			} {
				found, err := s.Product(ctx, by)
				out = append(out, product(found), fmt.Sprint(err))
			}
			one, err := s.Variant(ctx, v.SKU)
			out = append(out, fmt.Sprint(one != nil, err))
			category, err := s.Category(ctx, c.Code)
			out = append(out, fmt.Sprint(category, err))
			all, err := s.Categories(ctx)
			for _, c := range all {
				out = append(out, c.Code)
			}
			return fmt.Sprint(out, err)
		}
		if diff := cmp.Diff(ask(free, part), ask(ctx, whole)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func ref(s string) *string { return &s }

// gtin is a GTIN-13 of the number, with its check digit.
func gtin(n int) string {
	code := fmt.Sprintf("690%09d", n)
	sum := 0
	for i, c := range code {
		sum += int(c-'0') * (1 + 2*(i%2))
	}
	return code + fmt.Sprint((10-sum%10)%10)
}

// stockedService serves a list; every second SKU by its last digit is in stock.
func stockedService(t interface {
	Helper()
	Fatal(...any)
}, list *catalog.ProductList,
) *catalog.Service {
	t.Helper()
	s := newService(&shelf{list: list}, &clock{now}, func(d *catalog.Deps) {
		d.Stocked = stockedFunc(func(skus, _ []string) (map[string]bool, error) {
			have := map[string]bool{}
			for _, sku := range skus {
				have[sku] = sku[len(sku)-1]%2 == 0
			}
			return have, nil
		})
	})
	if err := s.Refresh(context.Background()); err != nil && len(list.Products) > 0 {
		t.Fatal(err)
	}
	return s
}

func connection(c *catalog.Connection, err error) string {
	if err != nil {
		return err.Error()
	}
	out := []string{fmt.Sprint(c.TotalCount, c.PageInfo.HasNextPage, c.PageInfo.HasPreviousPage, c.Facets)}
	for _, e := range c.Edges {
		out = append(out, e.Cursor, product(e.Node))
	}
	return fmt.Sprint(out)
}

func product(p *retail.Product) string {
	if p == nil {
		return "-"
	}
	out := fmt.Sprint(p.Code, p.PriceRange != nil)
	if p.PriceRange != nil {
		out += fmt.Sprint(*p.PriceRange)
	}
	for _, v := range p.Variants {
		out += fmt.Sprint(" ", v.SKU, v.WebPrice, v.Product == p)
	}
	return out
}

func TestANewCatalogIsReadyForThoseWhoAsked(t *testing.T) {
	source := &shelf{list: boutique()}
	s := newService(source, &clock{now}, nil)
	ctx := retail.WithReach(t.Context(), &retail.Reach{SKUs: []retail.SKURange{{First: "D"}}})
	count := func() int {
		page, err := s.Products(ctx, catalog.Query{First: 10})
		if err != nil {
			t.Fatal(err)
		}
		return page.TotalCount.Value
	}
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := count(); got != 2 {
		t.Fatalf("sees %d products", got)
	}
	var b builder
	b.product("D9", "", both("新裙", "New dress"), nil, 100)
	b.product("X9", "", both("新帽", "New hat"), nil, 100)
	source.list = b.build("2")
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := count(); got != 1 {
		t.Errorf("sees %d products of the new catalog", got)
	}
}

func TestAReachOfNothingSeesAnEmptyCatalog(t *testing.T) {
	s := mustServe(t, boutique())
	ctx := retail.WithReach(t.Context(), &retail.Reach{SKUs: []retail.SKURange{{First: "NOTHING", Last: "NOTHING"}}})
	page, err := s.Products(ctx, catalog.Query{Search: "dress", First: 10, Sort: catalog.SortTitle})
	if err != nil || page.TotalCount.Value != 0 || len(page.Facets[0].Values) != 0 {
		t.Errorf("got %+v, %v", page, err)
	}
	if list, err := s.Categories(ctx); err != nil || len(list) != 0 {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestPricesWithinReach(t *testing.T) {
	tr := newTrio(asks(1000, offer(retail.ChannelPartner, 900)), asks(1000), asks(1000))
	partner := retail.WithReach(t.Context(), &retail.Reach{
		SKUs: []retail.SKURange{{First: "A", Last: "A"}}, Channels: []retail.Channel{retail.ChannelPartner},
	})
	got, err := tr.service.Prices(partner, []string{"A", "B"}, retail.ChannelPartner)
	if err != nil || len(got) != 1 || got["A"].Current.Minor != 900 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if p := got["A"]; len(p.Sources) != 1 || p.Sources[0].Source != retail.SourceERP || p.Agreement != retail.PricesUnknown {
		t.Errorf("what others ask in their channels is told: %+v", p)
	}
	_, unknown := tr.service.Prices(partner, []string{"A"}, "FAX")
	_, beyond := tr.service.Prices(partner, []string{"A"}, retail.ChannelWeb)
	if retail.CodeOf(beyond) != retail.CodeBadInput || strings.Replace(unknown.Error(), "FAX", "WEB", 1) != beyond.Error() {
		t.Errorf("a channel beyond reach: %v; one that does not exist: %v", beyond, unknown)
	}
	other := retail.WithReach(t.Context(), &retail.Reach{SKUs: []retail.SKURange{{First: "B"}}})
	if got, err := tr.service.Prices(other, []string{"A"}, retail.ChannelWeb); err != nil || len(got) != 0 {
		t.Errorf("a SKU beyond reach: %+v, %v", got, err)
	}
	// What is remembered is remembered for everybody, and told to those within reach only.
	down := errors.New("down")
	tr.erp.err, tr.pos.err, tr.shop.err = down, down, down
	if got, err := tr.service.Prices(t.Context(), []string{"A"}, retail.ChannelPartner); err != nil || got["A"].Current.Minor != 900 {
		t.Errorf("while all are silent: %+v, %v", got, err)
	}
	if got, err := tr.service.Prices(other, []string{"A"}, retail.ChannelWeb); len(got) != 0 || !errors.Is(err, down) {
		t.Errorf("beyond reach, while all are silent: %+v, %v", got, err)
	}
}

func BenchmarkWithin(b *testing.B) {
	s := mustServe(b, assortment(50_000, 7))
	reach := &retail.Reach{SKUs: []retail.SKURange{{First: "P00"}}}
	ctx := retail.WithReach(context.Background(), reach)
	b.Run("a page", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Products(ctx, catalog.Query{First: 20}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("the first page", func(b *testing.B) {
		for b.Loop() {
			own := *reach
			if _, err := s.Products(retail.WithReach(context.Background(), &own), catalog.Query{First: 20}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Making a view of the catalog takes hundreds of allocations; a request that finds its own takes a few.
func TestNoRequestOfAPartnerMakesItsView(t *testing.T) {
	const partners = 1000
	list := assortment(60, 5)
	source := &shelf{list: list}
	s := newService(source, &clock{now}, nil)
	var reaches []*retail.Reach
	for i := 0; len(reaches) < partners; i++ { // each from another product to another
		reaches = append(reaches, &retail.Reach{
			SKUs:     []retail.SKURange{{First: fmt.Sprintf("P%06d", i%30), Last: fmt.Sprintf("P%06d", i%30+i/30)}},
			Channels: []retail.Channel{retail.ChannelPartner},
		})
	}
	ask := func(when string) {
		t.Helper()
		next := 0
		allocations := testing.AllocsPerRun(partners-1, func() { // one more to warm up
			sku := reaches[next].SKUs[0].First
			p, err := s.Product(retail.WithReach(t.Context(), reaches[next]), catalog.Lookup{SKU: &sku})
			if err != nil || len(p.Variants) != 1 {
				t.Errorf("%s: got %v, %v", when, p, err)
			}
			next++
		})
		if next != partners || allocations > 100 {
			t.Errorf("%s: %v allocations in a request of %d partners", when, allocations, next)
		}
	}
	s.Hold(t.Context(), reaches[:partners/2])
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Hold(t.Context(), reaches)
	ask("after partners were added")
	again := *list
	again.Version = "another"
	source.list = &again
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask("after a refresh")
}
