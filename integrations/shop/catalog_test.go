package shop_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
)

// shelf serves a catalog of pages by cursor; every change of version changes the entity tag of all of them.
type shelf struct {
	pages      map[string]string
	categories string
	version    int
	onPage     func(cursor string)
	asked      []string
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	cursor := r.URL.Query().Get("cursor")
	body := s.pages[cursor]
	if r.URL.Path == "/api/v1/categories" {
		cursor, body = "categories", s.categories
	} else if s.onPage != nil {
		s.onPage(cursor)
	}
	s.asked = append(s.asked, cursor)
	etag := fmt.Sprintf(`"v%d"`, s.version)
	w.Header().Set("ETag", etag)
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = io.WriteString(w, body)
}

func page(next string, products ...string) string {
	return `{"products":[` + strings.Join(products, ",") + `],"nextCursor":"` + next + `","asOf":"` + asOf + `"}`
}

// product has the given id and one variant of the given SKU.
func product(id, sku string) string {
	return `{"id":"` + id + `","handle":"h","title":{"zh-CN":"茶","en":"Tea"},"description":{"en":"Green"},"brand":"Lu",` +
		`"categoryIds":["c-3","c-9","c-3"],"media":[{"kind":"IMAGE","url":"https://cdn.example/a.jpg","alt":{"en":"A"},"mimeType":"image/jpeg"},` +
		`{"kind":"IMAGE","url":"javascript:alert(1)"},{"kind":"IMAGE","url":"//cdn.example/a.jpg"},{"kind":"SOUND","url":"https://cdn.example/a.mp3"}],` +
		`"attributes":[{"name":{"en":"Origin"},"value":{"en":"Anhui"}}],"variants":[` + variant(sku, "19.90") + `],"updatedAt":"2026-11-01T00:00:00Z"}`
}

func variant(sku, amount string) string {
	return `{"sku":"` + sku + `","gtin":"6901234567892","title":{"en":"100 g"},"options":[{"name":{"en":"Size"},"value":{"en":"100 g"}}],` +
		`"price":{"amount":"` + amount + `","currency":"CNY"}}`
}

const categories = `{"categories":[{"id":"c-3","parentId":"c-1","title":{"en":"Tea"},"position":1},
	{"id":"c-1","parentId":"","title":{"en":"Drinks"},"position":2},{"id":"c-0","parentId":"","title":{"en":"Food"},"position":1},
	{"id":"c-1","parentId":"","title":{"en":"Again"},"position":9},{"id":"c-7","parentId":"c-8","title":{"en":"Loop"},"position":1},
	{"id":"c-8","parentId":"c-7","title":{"en":"Loop"},"position":1},{"id":5}]}`

func TestProductsWalksAllPages(t *testing.T) {
	s := &shelf{version: 1, categories: categories, pages: map[string]string{
		"": page("2", product("p-1", "a")), "2": page("3", product("p-2", "b")), "3": page("", product("p-3", "c")),
	}}
	c := newShop(t, s)
	list, unchanged, err := c.Products(t.Context(), "")
	if err != nil || unchanged {
		t.Fatal(unchanged, err)
	}
	var codes, shelves []string
	for _, p := range list.Products {
		codes = append(codes, p.Code+" "+p.Variants[0].SKU)
	}
	for _, k := range list.Categories {
		shelves = append(shelves, k.ParentCode+">"+k.Code)
	}
	if diff := cmp.Diff([]string{"p-1 a", "p-2 b", "p-3 c"}, codes); diff != "" {
		t.Errorf("products (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{">c-0", ">c-1", "c-1>c-3"}, shelves); diff != "" {
		t.Errorf("categories, parents first (-want +got):\n%s", diff)
	}
	p := list.Products[0]
	if len(p.Categories) != 1 || p.Categories[0] != list.Categories[2] || p.Variants[0].Product != p {
		t.Errorf("the list is not of one piece: %+v", p)
	}
	if len(p.Media) != 1 || p.Media[0].URL != "https://cdn.example/a.jpg" || p.PriceRange.Min.Minor != 1990 {
		t.Errorf("media %+v, price range %+v", p.Media, p.PriceRange)
	}
	if *p.Freshness.AgeSeconds != 1 || p.Freshness.Source != retail.SourceShop {
		t.Errorf("freshness %+v", p.Freshness)
	}

	s.asked = nil
	if _, unchanged, err = c.Products(t.Context(), list.Version); !unchanged || err != nil || len(s.asked) != 2 {
		t.Errorf("an unchanged catalog: unchanged %v, err %v, requests %v", unchanged, err, s.asked)
	}
	s.version = 2
	if list, unchanged, err = c.Products(t.Context(), list.Version); unchanged || err != nil || len(list.Products) != 3 {
		t.Errorf("a changed catalog: unchanged %v, err %v", unchanged, err)
	}
}

func TestBadProductsAreLeftOut(t *testing.T) {
	good := product("p-1", "a")
	for name, tc := range map[string]struct {
		products []string
		want     []string
		bad      int
	}{
		"an id twice":            {[]string{good, product("p-1", "b")}, []string{"p-1"}, 1},
		"a SKU twice":            {[]string{good, product("p-2", "a")}, []string{"p-1"}, 1},
		"no id":                  {[]string{product("", "b"), good}, []string{"p-1"}, 1},
		"an id that is a number": {[]string{`{"id":7}`, good}, []string{"p-1"}, 1},
		"not an object":          {[]string{`7`, `null`, good}, []string{"p-1"}, 2},
		"no title":               {[]string{strings.Replace(good, `{"zh-CN":"茶","en":"Tea"}`, `{}`, 1), product("p-2", "b")}, []string{"p-2"}, 1},
		"another currency":       {[]string{good, strings.Replace(product("p-2", "b"), `"CNY"`, `"USD"`, 1)}, []string{"p-1"}, 1},
		"a price as a number":    {[]string{good, strings.Replace(product("p-2", "b"), `"19.90"`, `19.90`, 1)}, []string{"p-1"}, 1},
		"a negative price":       {[]string{good, strings.Replace(product("p-2", "b"), `"19.90"`, `"-1"`, 1)}, []string{"p-1"}, 1},
		"no variants":            {[]string{good, strings.Replace(product("p-2", "b"), `"variants"`, `"wariants"`, 1)}, []string{"p-1"}, 1},
	} {
		s := &shelf{version: 1, categories: categories, pages: map[string]string{"": page("", tc.products...)}}
		list, _, err := newShop(t, s).Products(t.Context(), "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var codes []string
		for _, p := range list.Products {
			codes = append(codes, p.Code)
		}
		if diff := cmp.Diff(tc.want, codes); diff != "" || list.Quarantined != tc.bad {
			t.Errorf("%s: quarantined %d, (-want +got):\n%s", name, list.Quarantined, diff)
		}
	}
}

func TestABadVariantDoesNotTakeItsSiblingsAlong(t *testing.T) {
	p := strings.Replace(product("p-1", "a"), variant("a", "19.90"),
		variant("a b", "1")+`,7,`+variant("a", "30")+`,`+variant("a", "1")+`,`+strings.Replace(variant("b", "9.5"), "6901234567892", "12ab", 1), 1)
	s := &shelf{version: 1, categories: categories, pages: map[string]string{"": page("", p)}}
	list, _, err := newShop(t, s).Products(t.Context(), "")
	if err != nil || len(list.Products) != 1 || len(list.Products[0].Variants) != 2 {
		t.Fatalf("list %+v, err %v", list, err)
	}
	got := list.Products[0]
	if got.PriceRange.Min.Minor != 950 || got.PriceRange.Max.Minor != 3000 || got.Variants[1].GTIN() != nil {
		t.Errorf("price range %+v, GTIN of b %v", got.PriceRange, got.Variants[1].GTIN())
	}
}

func TestAVariantMayHaveNoPrice(t *testing.T) {
	without := func(sku string) string {
		return strings.Replace(variant(sku, "1"), `{"amount":"1","currency":"CNY"}`, "null", 1)
	}
	s := &shelf{version: 1, categories: categories, pages: map[string]string{"": page("",
		strings.Replace(product("p-1", "a"), variant("a", "19.90"), without("a")+","+variant("b", "9.50"), 1),
		strings.Replace(product("p-2", "c"), variant("c", "19.90"), without("c"), 1),
	)}}
	list, _, err := newShop(t, s).Products(t.Context(), "")
	if err != nil || len(list.Products) != 2 || list.Quarantined != 0 {
		t.Fatalf("list %+v, err %v", list, err)
	}
	both, none := list.Products[0], list.Products[1]
	if len(both.Variants) != 2 || both.PriceRange.Min.Minor != 950 || both.PriceRange.Max.Minor != 950 {
		t.Errorf("one of two is priced: %d variants, range %+v", len(both.Variants), both.PriceRange)
	}
	if none.PriceRange != nil || none.Variants[0].WebPrice != (retail.Money{}) {
		t.Errorf("nothing is priced: %+v, %+v", none.PriceRange, none.Variants[0].WebPrice)
	}
}

func TestACatalogThatChangesIsWalkedAgainTwiceAtMost(t *testing.T) {
	for _, tc := range []struct {
		changes int
		ok      bool
	}{{1, true}, {2, true}, {3, false}} {
		s := &shelf{version: 1, categories: categories, pages: map[string]string{
			"": page("2", product("p-1", "a")), "2": page("", product("p-2", "b")),
		}}
		left := tc.changes
		s.onPage = func(cursor string) {
			if cursor == "2" && left > 0 {
				left--
				s.version++
			}
		}
		list, _, err := newShop(t, s).Products(t.Context(), "")
		if (err == nil) != tc.ok || (tc.ok && len(list.Products) != 2) {
			t.Errorf("%d changes: %v", tc.changes, err)
		}
	}
}

func TestPagesThatStandStillAreRefused(t *testing.T) {
	s := &shelf{version: 1, categories: categories, pages: map[string]string{
		"": page("2", product("p-1", "a")), "2": page("2", product("p-2", "b")),
	}}
	if _, _, err := newShop(t, s).Products(t.Context(), ""); retail.CodeOf(err) != retail.CodeBadUpstream {
		t.Errorf("err = %v, want BAD_UPSTREAM", err)
	}
}

func FuzzProducts(f *testing.F) {
	f.Add(page("", product("p-1", "a")), categories)
	f.Add(`{"products":[null],"asOf":"`+asOf+`"}`, `{}`)
	s := &shelf{version: 1, pages: map[string]string{}}
	c := newShop(f, s)
	f.Fuzz(func(t *testing.T, body, cats string) {
		s.pages[""], s.categories = body, cats
		list, _, err := c.Products(t.Context(), "")
		if err != nil {
			return
		}
		for _, p := range list.Products {
			if p.Code == "" || len(p.Variants) == 0 {
				t.Fatalf("impossible product %+v", p)
			}
			for _, v := range p.Variants {
				if !retail.ValidSKU(v.SKU) || v.WebPrice.Minor < 0 || v.Product != p {
					t.Fatalf("impossible variant %+v", v)
				}
			}
		}
	})
}
