package shop_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/shop"
	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// openShop is the stand-in shop, a simulated trade, and a client of the shop.
func openShop(t *testing.T) (*demo.Stand, *demo.Retailer, *demo.Sim, *shop.Client) {
	t.Helper()
	now := func() time.Time { return noon }
	r := demo.Builtin(1, noon).Corner(4, 25)
	stand, err := demo.StartStand(t.Context(), r, demo.StandOptions{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	customers := &http.Client{Transport: &http.Transport{}}
	backends := stand.Backends(customers, now)
	places := make([]string, len(r.Locations))
	for i, l := range r.Locations {
		places[i] = l.Code
	}
	one := upstream.Config{MaxAttempts: 1, OpenFor: time.Nanosecond}
	client, err := shop.New(shop.Config{
		HTTP: upstream.HTTPConfig{URL: stand.ShopURL}, APIKey: stand.ShopKey, PageProducts: 10, PageAllocations: 20,
		Live: one, Feed: one,
	}, func() []string { return places }, upstream.NewMetrics(prometheus.NewRegistry()), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		customers.CloseIdleConnections()
		if err := stand.Close(); err != nil {
			t.Error(err)
		}
	})
	return stand, r, demo.NewSim(r, &backends, 1, demo.Pace{Orders: 30, ShipAfter: 2}), client
}

func TestTheDemoCatalogIsReadInFull(t *testing.T) {
	_, r, _, c := openShop(t)
	list, _, err := c.Products(t.Context(), "")
	if err != nil || list.Quarantined != 0 || len(list.Categories) != len(r.Categories) {
		t.Fatalf("%+v, %v", list, err)
	}
	want, got := map[string]int64{}, map[string]int64{}
	var skus []string
	for _, p := range r.Products {
		for _, v := range p.Variants {
			if !v.Discontinued && v.Web > 0 {
				want[v.SKU], skus = int64(v.Web), append(skus, v.SKU)
			}
		}
	}
	for _, p := range list.Products {
		for _, v := range p.Variants {
			got[v.SKU] = v.WebPrice.Minor
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("catalog prices (-shop +read):\n%s", diff)
	}
	prices, err := c.Prices(t.Context(), skus, noon)
	if err != nil {
		t.Fatal(err)
	}
	for sku, p := range prices {
		got[sku] = p.Base.Minor
	}
	if diff := cmp.Diff(want, got); diff != "" || len(prices) != len(want) {
		t.Errorf("prices (-shop +read):\n%s", diff)
	}
	if _, unchanged, err := c.Products(t.Context(), list.Version); !unchanged || err != nil {
		t.Errorf("a catalog at rest: unchanged %v, %v", unchanged, err)
	}
}

func TestTheDemoAllocationsAreReadInFull(t *testing.T) {
	stand, r, sim, c := openShop(t)
	open := map[stock.Pair]stock.Fact{}
	cursor := ""
	for _, state := range []faults.State{{}, {Duplicate: 0.5}, {Duplicate: 0.3, Reorder: true}} {
		if err := stand.ShopFaults.Set(state); err != nil {
			t.Fatal(err)
		}
		if err := sim.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		marks := 0
		for more := true; more; {
			b, err := c.Poll(t.Context(), cursor)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range b.Facts {
				if pair := (stock.Pair{Location: f.Location, SKU: f.SKU}); f.Version > open[pair].Version {
					open[pair] = f
				}
			}
			cursor, more, marks = b.Cursor, b.More, len(b.Marks)
		}
		want, got := map[stock.Pair]int{}, map[stock.Pair]int{}
		var pairs []stock.Pair
		for p, level := range sim.Truth() {
			pair := stock.Pair(p)
			if level.Promised > 0 {
				pairs, want[pair] = append(pairs, pair), level.Promised
			}
			if f := open[pair]; f.Value > 0 {
				got[pair] = int(f.Value)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 || marks != len(r.Locations) {
			t.Errorf("%+v: %d marks for %d places, feed (-truth +read):\n%s", state, marks, len(r.Locations), diff)
		}
		live, err := c.Now(t.Context(), pairs)
		if err != nil {
			t.Fatal(err)
		}
		clear(got)
		for _, f := range live.Facts {
			got[stock.Pair{Location: f.Location, SKU: f.SKU}] = int(f.Value)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%+v: live (-truth +read):\n%s", state, diff)
		}
	}
}

func TestFaultsOfTheDemoShop(t *testing.T) {
	stand, _, _, c := openShop(t)
	for name, tc := range map[string]struct {
		state faults.State
		code  retail.Code
	}{
		"down":     {faults.State{Down: true}, retail.CodeUpstreamUnavailable},
		"errors":   {faults.State{ErrorRate: 1}, retail.CodeUpstreamUnavailable},
		"garbage":  {faults.State{Garbage: true}, retail.CodeBadUpstream},
		"truncate": {faults.State{Truncate: true}, retail.CodeUpstreamUnavailable},
	} {
		if err := stand.ShopFaults.Set(tc.state); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Products(t.Context(), ""); retail.CodeOf(err) != tc.code {
			t.Errorf("%s: catalog: %v, want %s", name, err, tc.code)
		}
		if _, err := c.Poll(t.Context(), ""); retail.CodeOf(err) != tc.code {
			t.Errorf("%s: poll: %v, want %s", name, err, tc.code)
		}
	}
}
