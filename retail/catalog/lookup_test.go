package catalog_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
)

// looked says which product was found, or the code of the failure.
func looked(s *catalog.Service, by catalog.Lookup) string {
	p, err := s.Product(context.Background(), by)
	if err != nil {
		return string(retail.CodeOf(err))
	}
	return p.Code
}

func TestLookups(t *testing.T) {
	var b builder
	p := b.product("p-1", "", both("台灯", "Lamp"), nil, 100, 200)
	p.Variants[0].SKU, p.Variants[0].GTINCode = "10000017", "9506000134352"
	p.Variants[1].SKU, p.Variants[1].GTINCode = "aB-1", "4006381333931"
	// The SKU of this one reads like the GTIN of the first.
	b.product("p-2", "", both("雨伞", "Umbrella"), nil, 300).Variants[0].SKU = "4006381333931"
	s := mustServe(t, b.build("1"))
	const none, bad = string(retail.CodeNotFound), string(retail.CodeBadInput)
	ref := func(text string) *string { return &text }
	for name, c := range map[string]struct {
		by   catalog.Lookup
		want string
	}{
		"by product id":                {catalog.Lookup{ID: ref(retail.GlobalID(retail.KindProduct, "p-1"))}, "p-1"},
		"by variant id":                {catalog.Lookup{ID: ref(retail.GlobalID(retail.KindVariant, "aB-1"))}, "p-1"},
		"by an id that is gone":        {catalog.Lookup{ID: ref(retail.GlobalID(retail.KindProduct, "p-9"))}, none},
		"by the id of a category":      {catalog.Lookup{ID: ref(retail.GlobalID(retail.KindCategory, "p-1"))}, bad},
		"by SKU":                       {catalog.Lookup{SKU: ref("10000017")}, "p-1"},
		"by SKU as a person types it":  {catalog.Lookup{SKU: ref(" ab-1 ")}, "p-1"},
		"by a SKU that is none":        {catalog.Lookup{SKU: ref("雨伞")}, bad},
		"by an unknown SKU":            {catalog.Lookup{SKU: ref("X")}, none},
		"by GTIN-13":                   {catalog.Lookup{GTIN: ref("9506000134352")}, "p-1"},
		"by GTIN-14":                   {catalog.Lookup{GTIN: ref("09506000134352")}, "p-1"},
		"by a GTIN that is also a SKU": {catalog.Lookup{GTIN: ref("4006381333931")}, "p-1"},
		"by a GTIN with a wrong digit": {catalog.Lookup{GTIN: ref("9506000134353")}, bad},
		"by scan, a SKU before a GTIN": {catalog.Lookup{Scan: ref("4006381333931")}, "p-2"},
		"by scan of a Digital Link":    {catalog.Lookup{Scan: ref("https://a.example/01/04006381333931/21/7")}, "p-1"},
		"by scan of nothing":           {catalog.Lookup{Scan: ref("")}, bad},
		"by nothing":                   {catalog.Lookup{}, bad},
		"by two names":                 {catalog.Lookup{SKU: ref("10000017"), GTIN: ref("9506000134352")}, bad},
	} {
		if got := looked(s, c.by); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	ctx := context.Background()
	if v, err := s.Variant(ctx, "aB-1"); err != nil || v.SKU != "aB-1" || v.Product.Code != "p-1" {
		t.Errorf("variant: got %+v, %v", v, err)
	}
	if _, err := s.Variant(ctx, "X"); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("an unknown variant: %v", err)
	}
}

func TestCategories(t *testing.T) {
	s, ctx := mustServe(t, boutique()), context.Background()
	list, err := s.Categories(ctx)
	if err != nil || len(list) != 3 {
		t.Errorf("got %v, %v", list, err)
	}
	if c, err := s.Category(ctx, "c-2"); err != nil || c.ParentCode != "c-1" {
		t.Errorf("got %v, %v", c, err)
	}
	if _, err := s.Category(ctx, "c-9"); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("an unknown category: %v", err)
	}
	var b builder
	for i := range 600 {
		b.category(fmt.Sprint(i), "", both("货架", ""))
	}
	b.product("p", "", both("雨伞", ""), nil)
	if list, err := mustServe(t, b.build("1")).Categories(ctx); err != nil || len(list) != 500 {
		t.Errorf("got %d of 600 categories, %v", len(list), err)
	}
}

func TestParentsInACircleDoNotHang(t *testing.T) {
	var b builder
	a := b.category("a", "b", both("甲", ""))
	b.category("b", "a", both("乙", ""))
	b.product("p", "", both("雨伞", ""), a, 100)
	s := mustServe(t, b.build("1"))
	filter := catalog.Filter{CategoryIDs: []string{retail.GlobalID(retail.KindCategory, "b")}}
	if got := find(t, s, catalog.Query{Filter: filter}).TotalCount.Value; got != 1 {
		t.Errorf("found %d", got)
	}
}

func TestRepeatedCodesAreCountedAndNeverShadow(t *testing.T) {
	var b builder
	b.product("p-1", "", both("台灯", ""), nil, 100)
	b.product("p-1", "", both("雨伞", ""), nil, 200)
	b.product("p-2", "", both("围巾", ""), nil, 300).Variants[0].SKU = "p-1"
	s := mustServe(t, b.build("1"))
	sku := "p-1"
	p, err := s.Product(context.Background(), catalog.Lookup{SKU: &sku})
	if err != nil || p.Titles.Chinese != "台灯" || s.Quarantined() != 2 {
		t.Errorf("got %v, %v, %d left out", p, err, s.Quarantined())
	}
}

func TestProductsKeepTheLimitsOfTheSchema(t *testing.T) {
	var b builder
	p := b.product("p-1", "", both("台灯", ""), nil, make([]int64, 150)...)
	p.Media, p.Attributes = make([]retail.Media, 30), make([]retail.Attribute, 60)
	for i := range 30 {
		p.Categories = append(p.Categories, b.category(fmt.Sprint(i), "", both("货架", "")))
	}
	p.Variants[0].Options = make([]retail.Attribute, 20)
	s := mustServe(t, b.build("1"))
	got := find(t, s, catalog.Query{}).Edges[0].Node
	sizes := []int{len(got.Variants), len(got.Categories), len(got.Media), len(got.Attributes), len(got.Variants[0].Options)}
	if diff := cmp.Diff([]int{100, 20, 20, 50, 10}, sizes); diff != "" {
		t.Error(diff)
	}
	if len(p.Variants) != 150 || len(p.Variants[0].Options) != 20 || p.PriceRange != nil {
		t.Error("the snapshot's own product was changed")
	}
	if _, err := s.Variant(context.Background(), p.Variants[149].SKU); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("a variant beyond the limit: %v", err)
	}
}

func TestPriceRanges(t *testing.T) {
	products := find(t, mustServe(t, boutique()), catalog.Query{Search: "dress red"}).Nodes()
	want := &retail.PriceRange{
		Min: retail.Money{Minor: 19900, CurrencyCode: "CNY"}, Max: retail.Money{Minor: 24900, CurrencyCode: "CNY"},
	}
	if diff := cmp.Diff(want, products[0].PriceRange); diff != "" {
		t.Error(diff)
	}
	if p := find(t, mustServe(t, boutique()), catalog.Query{Search: "umbrella"}).Nodes()[0]; p.PriceRange != nil {
		t.Errorf("a product without variants costs %v", p.PriceRange)
	}
}
