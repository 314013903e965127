package catalog_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
)

// system is a price source in memory.
type system struct {
	prices map[string]catalog.SystemPrice
	err    error
	panics bool
	calls  atomic.Int32
}

func (s *system) Prices(_ context.Context, skus []string, _ time.Time) (map[string]catalog.SystemPrice, error) {
	s.calls.Add(1)
	switch {
	case s.panics:
		panic("a bug in an adapter")
	case s.err != nil:
		return nil, s.err
	}
	found := map[string]catalog.SystemPrice{}
	for sku, p := range s.prices {
		if slices.Contains(skus, sku) {
			found[sku] = p
		}
	}
	return found, nil
}

// asks is what a system asks for SKU A.
func asks(cents int64, offers ...catalog.Offer) *system {
	return &system{prices: map[string]catalog.SystemPrice{"A": {
		Base: retail.Money{Minor: cents, CurrencyCode: "CNY"}, Offers: offers, AsOf: now.Add(-time.Second),
	}}}
}

func offer(channel retail.Channel, cents int64) catalog.Offer {
	return catalog.Offer{
		Channel: channel, Price: retail.Money{Minor: cents, CurrencyCode: "CNY"}, StartsAt: now.Add(-time.Hour),
	}
}

type trio struct {
	erp, pos, shop *system
	clock          *clock
	service        *catalog.Service
}

func newTrio(erp, pos, shop *system) *trio {
	t := &trio{erp: erp, pos: pos, shop: shop, clock: &clock{now}}
	t.service = newService(&shelf{}, t.clock, func(d *catalog.Deps) { d.ERP, d.POS, d.Shop = erp, pos, shop })
	return t
}

func (tr *trio) price(t *testing.T, channel retail.Channel) (*retail.Price, []retail.SourceReport) {
	t.Helper()
	var log retail.SourceLog
	prices, err := tr.service.Prices(retail.WithSourceLog(context.Background(), &log), []string{"A", "B"}, channel)
	if err != nil {
		t.Fatal(err)
	}
	if _, known := prices["B"]; known {
		t.Error("SKU B has a price and nobody knows it")
	}
	return prices["A"], log.Reports()
}

var errDown = retail.Unavailable(retail.SourceERP, errors.New("down"))

func down() *system { return &system{err: errDown} }

func TestAgreement(t *testing.T) {
	promotion := offer(retail.ChannelPOS, 80)
	promotion.Promotion = true
	silent := &system{}
	for name, c := range map[string]struct {
		erp, pos, shop *system
		want           retail.PriceAgreement
	}{
		"all ask the list price":                            {asks(100), asks(100), asks(100), retail.PricesAgree},
		"each asks the ERP's price of its own channel":      {asks(100, offer(retail.ChannelWeb, 90), promotion), asks(80), asks(90), retail.PricesAgree},
		"the tills missed a promotion":                      {asks(100, promotion), asks(100), asks(100), retail.PricesDiffer},
		"the shop asks another price":                       {asks(100), asks(100), asks(101), retail.PricesDiffer},
		"two differ while the third is silent":              {asks(100), down(), asks(101), retail.PricesDiffer},
		"two agree while the third is silent":               {asks(100), down(), asks(100), retail.PricesUnknown},
		"the third does not know the item":                  {asks(100), silent, asks(100), retail.PricesUnknown},
		"without the ERP nobody can say which channel pays": {down(), asks(100), asks(101), retail.PricesUnknown},
	} {
		got, _ := newTrio(c.erp, c.pos, c.shop).price(t, retail.ChannelApp)
		if got == nil || got.Agreement != c.want {
			t.Errorf("%s: got %+v, want %s", name, got, c.want)
		}
	}
}

func TestALivePriceComesWithWhatEachSystemAsks(t *testing.T) {
	tr := newTrio(asks(100, offer(retail.ChannelApp, 95)), asks(100), &system{})
	got, log := tr.price(t, retail.ChannelApp)
	money := func(cents int64) *retail.Money { return &retail.Money{Minor: cents, CurrencyCode: "CNY"} }
	dated := func(s retail.Source) retail.Freshness {
		return retail.FreshnessAt(now.Add(-time.Second), now, s, retail.BasisLive)
	}
	want := &retail.Price{
		SKU: "A", Channel: retail.ChannelApp, Current: *money(95), List: *money(100), Agreement: retail.PricesUnknown,
		Sources: []retail.SourcePrice{
			{Source: retail.SourceERP, Price: money(95), Freshness: dated(retail.SourceERP)},
			{Source: retail.SourcePOS, Price: money(100), Freshness: dated(retail.SourcePOS)},
			{Source: retail.SourceShop, Freshness: retail.FreshnessAt(now, now, retail.SourceShop, retail.BasisLive)},
		},
		Freshness: dated(retail.SourceERP),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if tr.erp.calls.Load() != 1 || tr.pos.calls.Load() != 1 || tr.shop.calls.Load() != 1 {
		t.Error("a batch is not one call to each system")
	}
	if len(log) != 0 {
		t.Errorf("live calls are logged by their callers, not here: %+v", log)
	}
}

func TestASilentERPIsRememberedAndMarked(t *testing.T) {
	ending := offer(retail.ChannelWeb, 70)
	ending.Promotion = true
	end := now.Add(time.Minute)
	ending.EndsAt = &end
	tr := newTrio(asks(100, ending), asks(100), asks(70))
	if p, _ := tr.price(t, retail.ChannelWeb); p.Current.Minor != 70 || p.Agreement != retail.PricesAgree {
		t.Fatalf("while all live: %+v", p)
	}
	tr.erp.err = errDown
	tr.clock.at = now.Add(2 * time.Minute)
	p, log := tr.price(t, retail.ChannelWeb)
	if p.Current.Minor != 100 || p.Promotion != nil {
		t.Errorf("a promotion outlived its end: %+v", p)
	}
	if p.Freshness.Basis != retail.BasisStale || *p.Freshness.AgeSeconds != 121 || p.Agreement != retail.PricesUnknown {
		t.Errorf("got %+v, %s", p.Freshness, p.Agreement)
	}
	if e := p.Sources[0]; e.Price == nil || e.Price.Minor != 100 || e.Freshness.Basis != retail.BasisStale {
		t.Errorf("the ERP's entry: %+v", e)
	}
	want := []retail.SourceReport{{Source: retail.SourceERP, Status: retail.StatusStale, AsOf: now.Add(-time.Second)}}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Error(diff)
	}
}

func TestWithoutTheERPTheChannelsOwnSystemDecides(t *testing.T) {
	for channel, want := range map[retail.Channel]int64{retail.ChannelWeb: 90, retail.ChannelApp: 90, retail.ChannelPOS: 80} {
		p, log := newTrio(down(), asks(80), asks(90)).price(t, channel)
		if p.Current.Minor != want || p.List.Minor != want || p.Freshness.Basis != retail.BasisStale {
			t.Errorf("%s: got %+v", channel, p)
		}
		if len(log) != 0 {
			t.Errorf("%s: nothing was remembered and yet logged: %+v", channel, log)
		}
	}
	p, _ := newTrio(down(), asks(80), down()).price(t, retail.ChannelWeb)
	if p.Current.Minor != 80 || p.Freshness.Source != retail.SourcePOS {
		t.Errorf("the tills alone: %+v", p)
	}
}

func TestTheCatalogRemembersTheWebPrice(t *testing.T) {
	var b builder
	b.product("A", "", both("雨伞", ""), nil, 77)
	s := newService(&shelf{list: b.build("1")}, &clock{now}, func(d *catalog.Deps) { d.ERP, d.POS, d.Shop = down(), down(), down() })
	if err := s.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	prices, err := s.Prices(context.Background(), []string{"A"}, retail.ChannelWeb)
	if err != nil || prices["A"] == nil || prices["A"].Current.Minor != 77 || prices["A"].Freshness.Basis != retail.BasisStale {
		t.Errorf("got %+v, %v", prices["A"], err)
	}
}

func TestAnItemThatASystemDroppedIsForgotten(t *testing.T) {
	tr := newTrio(asks(100), asks(100), asks(100))
	tr.price(t, retail.ChannelWeb)
	tr.erp.prices = nil
	tr.price(t, retail.ChannelWeb)
	tr.erp.err = errDown
	if p, _ := tr.price(t, retail.ChannelWeb); p.Sources[0].Price != nil {
		t.Errorf("the ERP dropped the item and is still quoted: %+v", p.Sources[0])
	}
}

func TestPricesFailsOnlyWhenNobodyAnswersAndNothingIsKnown(t *testing.T) {
	tr := newTrio(down(), down(), down())
	_, err := tr.service.Prices(context.Background(), []string{"A"}, retail.ChannelWeb)
	if !errors.Is(err, errDown) {
		t.Errorf("got %v", err)
	}
	if _, err := tr.service.Prices(context.Background(), []string{"A"}, "FAX"); retail.CodeOf(err) != retail.CodeBadInput {
		t.Errorf("an unknown channel: %v", err)
	}
}

func TestAPanicOfOneSystemIsItsOwn(t *testing.T) {
	tr := newTrio(asks(100), &system{panics: true}, asks(100))
	p, _ := tr.price(t, retail.ChannelWeb)
	if p == nil || p.Current.Minor != 100 || p.Agreement != retail.PricesUnknown {
		t.Errorf("got %+v", p)
	}
}
