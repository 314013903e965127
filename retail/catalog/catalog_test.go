package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// shelf is a shop's catalog in memory; its version is what it says.
type shelf struct {
	list *catalog.ProductList
	err  error
}

func (s *shelf) Products(_ context.Context, version string) (*catalog.ProductList, bool, error) {
	switch {
	case s.err != nil:
		return nil, false, s.err
	case s.list != nil && version == s.list.Version && version != "":
		return nil, true, nil
	}
	return s.list, false, nil
}

// stockedFunc answers for the stock service.
type stockedFunc func(skus, refs []string) (map[string]bool, error)

func (f stockedFunc) InStock(_ context.Context, skus, refs []string) (map[string]bool, error) {
	return f(skus, refs)
}

func both(chinese, english string) retail.Text {
	return retail.Text{Chinese: chinese, English: english}
}

// builder puts a small catalog together.
type builder struct{ list catalog.ProductList }

func (b *builder) category(code, parent string, titles retail.Text) *retail.Category {
	c := &retail.Category{Code: code, ParentCode: parent, Titles: titles}
	b.list.Categories = append(b.list.Categories, c)
	return c
}

// product adds a product with one variant a price, in cents; the SKU is the code, with a number from the second on.
func (b *builder) product(code, brand string, titles retail.Text, c *retail.Category, cents ...int64) *retail.Product {
	p := &retail.Product{Code: code, Titles: titles, BrandName: brand}
	if c != nil {
		p.Categories = []*retail.Category{c}
	}
	for i, price := range cents {
		v := &retail.Variant{SKU: code, Product: p, WebPrice: retail.Money{Minor: price, CurrencyCode: "CNY"}}
		if i > 0 {
			v.SKU = fmt.Sprintf("%s-%d", code, i)
		}
		p.Variants = append(p.Variants, v)
	}
	b.list.Products = append(b.list.Products, p)
	return p
}

func (b *builder) build(version string) *catalog.ProductList {
	b.list.Version, b.list.AsOf = version, now
	return &b.list
}

func newService(source catalog.ProductSource, c *clock, change func(*catalog.Deps)) *catalog.Service {
	deps := catalog.Deps{
		Products: source, Log: slog.New(slog.DiscardHandler), Now: c.now, Rand: func() float64 { return 0.5 },
	}
	if change != nil {
		change(&deps)
	}
	return catalog.New(catalog.DefaultConfig(), deps)
}

func mustServe(t testing.TB, list *catalog.ProductList) *catalog.Service {
	t.Helper()
	s := newService(&shelf{list: list}, &clock{now}, nil)
	if err := s.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

func productCodes(products []*retail.Product) []string {
	out := []string{}
	for _, p := range products {
		out = append(out, p.Code)
	}
	return out
}

// assortment makes n products of the kind that a general store sells, the same for the same seed.
func assortment(n int, seed uint64) *catalog.ProductList {
	random := rand.New(rand.NewPCG(seed, seed))
	pick := func(words []retail.Text) retail.Text { return words[random.IntN(len(words))] }
	colours := []retail.Text{both("红色", "Red"), both("蓝色", "Blue"), both("黑色", "Black"), both("米白", "Off-white")}
	stuffs := []retail.Text{both("纯棉", "Cotton"), both("羊毛", "Wool"), both("真皮", "Leather"), both("亚麻", "Linen")}
	things := []retail.Text{
		both("连衣裙", "Dress"), both("衬衫", "Shirt"), both("雨伞", "Umbrella"), both("运动鞋", "Running shoes"),
		both("保温杯", "Vacuum flask"), both("双肩包", "Backpack"), both("围巾", "Scarf"), both("台灯", "Desk lamp"),
	}
	var b builder
	var leaves []*retail.Category
	for i := range 6 {
		root := b.category(fmt.Sprintf("c-%d", i), "", both(fmt.Sprintf("部门%d", i), fmt.Sprintf("Department %d", i)))
		for j := range 8 {
			code := fmt.Sprintf("c-%d-%d", i, j)
			leaves = append(leaves, b.category(code, root.Code, both(fmt.Sprintf("货架%d-%d", i, j), "Shelf "+code)))
		}
	}
	for i := range n {
		colour, stuff, thing := pick(colours), pick(stuffs), pick(things)
		titles := both(
			colour.Chinese+stuff.Chinese+thing.Chinese+fmt.Sprint(i), colour.English+" "+stuff.English+" "+thing.English+fmt.Sprintf(" No. %d", i))
		prices := make([]int64, 1+random.IntN(3))
		for k := range prices {
			prices[k] = 100 + random.Int64N(200_000)
		}
		p := b.product(fmt.Sprintf("P%06d", i), fmt.Sprintf("Brand %d", random.IntN(70)), titles, leaves[random.IntN(len(leaves))], prices...)
		p.Attributes = []retail.Attribute{{Names: both("材质", "Material"), Values: stuff}, {Names: both("颜色", "Colour"), Values: colour}}
		updated := now.Add(-time.Duration(random.IntN(1e6)) * time.Second)
		p.UpdatedAt = &updated
	}
	return b.build(fmt.Sprintf("v%d", seed))
}

func TestConfigurations(t *testing.T) {
	if err := catalog.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []catalog.Config{
		{}, {Refresh: time.Hour, MaxAge: time.Minute, RememberedPrices: 1}, {Refresh: 1, MaxAge: 1},
	} {
		if bad.Validate() == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

func TestTheCatalogIsUnavailableUntilItsFirstGoodLoad(t *testing.T) {
	source := &shelf{err: errors.New("down")}
	s := newService(source, &clock{now}, nil)
	ctx := context.Background()
	if err := s.Refresh(ctx); err == nil || s.Ready() {
		t.Errorf("after a failure: %v, ready %v", err, s.Ready())
	}
	source.err = nil
	if err := s.Refresh(ctx); retail.CodeOf(err) != retail.CodeBadUpstream || s.Ready() {
		t.Errorf("after nothing: %v, ready %v", err, s.Ready())
	}
	source.list = &catalog.ProductList{Version: "1"}
	if err := s.Refresh(ctx); retail.CodeOf(err) != retail.CodeBadUpstream || s.Ready() {
		t.Errorf("after an empty list: %v, ready %v", err, s.Ready())
	}
	sku := "A"
	_, err1 := s.Product(ctx, catalog.Lookup{SKU: &sku})
	_, err2 := s.Products(ctx, catalog.Query{First: 1})
	_, err3 := s.Categories(ctx)
	_, err4 := s.Variant(ctx, sku)
	for i, err := range []error{err1, err2, err3, err4} {
		if retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
			t.Errorf("question %d: got %v", i, err)
		}
	}
}

func TestAnUnchangedCatalogOnlyMovesItsDate(t *testing.T) {
	var b builder
	b.product("A", "", both("雨伞", ""), nil, 1990)
	source, c := &shelf{list: b.build("1")}, &clock{now}
	s, ctx := newService(source, c, nil), context.Background()
	for _, after := range []time.Duration{0, time.Hour} {
		c.at = now.Add(after)
		if err := s.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		if f := s.Freshness(); !f.AsOf.Equal(c.at) || f.Basis != retail.BasisProjected {
			t.Errorf("after %v: %+v", after, f)
		}
	}
	source.err = errors.New("down")
	c.at = now.Add(time.Hour + catalog.DefaultConfig().MaxAge + time.Second)
	if err := s.Refresh(ctx); err == nil {
		t.Error("the shop failed and Refresh did not")
	}
	var log retail.SourceLog
	found, err := s.Products(retail.WithSourceLog(ctx, &log), catalog.Query{First: 1})
	if err != nil || len(found.Edges) != 1 {
		t.Fatalf("got %v, %v", found, err)
	}
	p := found.Edges[0].Node
	if p.Freshness.Basis != retail.BasisStale || !p.Freshness.AsOf.Equal(now.Add(time.Hour)) || p.Variants[0].Product != p {
		t.Errorf("got %+v", p.Freshness)
	}
	if r := log.Reports(); len(r) != 1 || r[0].Source != retail.SourceShop || r[0].Status != retail.StatusStale {
		t.Errorf("logged %+v", r)
	}
}

func TestAShopWhoseClockIsAheadIsNotBelieved(t *testing.T) {
	var b builder
	b.product("A", "", both("雨伞", ""), nil, 1990)
	list := b.build("1")
	list.AsOf = now.Add(time.Hour)
	if f := mustServe(t, list).Freshness(); !f.AsOf.Equal(now) {
		t.Errorf("dated %v", f.AsOf)
	}
}
