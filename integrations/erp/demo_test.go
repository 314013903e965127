package erp_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"

	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/erp"
	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// openERP is the stand-in ERP with some trade in its books, and a client of it.
func openERP(t *testing.T) (*demo.Stand, *demo.Retailer, *erp.Client) {
	t.Helper()
	now := func() time.Time { return noon }
	r := demo.Builtin(1, noon).Corner(4, 25)
	stand, err := demo.StartStand(t.Context(), r, demo.StandOptions{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := stand.Close(); err != nil {
			t.Error(err)
		}
	})
	backends := stand.Backends(client, now)
	sim := demo.NewSim(r, &backends, 1, demo.Pace{Sales: 30, Orders: 5, ShipAfter: 1, Adjustments: 20, BookEvery: 1})
	for range 5 {
		if err := sim.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := stand.ERP.Heartbeat(t.Context()); err != nil {
		t.Fatal(err)
	}
	one := upstream.Config{MaxAttempts: 1, OpenFor: time.Nanosecond}
	db := sqlx.NewDb(stand.ERP.Gateway(), stand.ERP.Dialect())
	return stand, r, mustClient(t, db, erp.Config{Live: one, Feed: one, PageRows: 100})
}

// books are the registers that all batches of the feed lead to.
func books(t *testing.T, c *erp.Client) (registers map[stock.Pair]stock.Fact, marks []stock.Mark) {
	t.Helper()
	registers = map[stock.Pair]stock.Fact{}
	for cursor, more := "", true; more; {
		b, err := c.Poll(t.Context(), cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range b.Facts {
			if pair := (stock.Pair{Location: f.Location, SKU: f.SKU}); f.Version > registers[pair].Version {
				registers[pair] = f
			}
		}
		cursor, more, marks = b.Cursor, b.More, b.Marks
	}
	return registers, marks
}

func TestTheDemoERPIsReadInFull(t *testing.T) {
	stand, r, c := openERP(t)
	if err := c.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	balances, err := stand.ERP.Balances(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[stock.Pair]stock.Fact{}
	for _, b := range balances {
		want[stock.Pair{Location: b.Location, SKU: b.SKU}] = stock.Fact{
			Location: b.Location, SKU: b.SKU, Source: retail.SourceERP, Version: uint32(b.Version),
			Value: int32(b.Quantity), Cut: int32(b.POSCut), Safety: uint16(b.Safety), Ranged: b.Ranged,
		}
	}
	for name, state := range map[string]faults.State{
		"in order": {}, "repeated": {Duplicate: 0.5}, "shuffled": {Duplicate: 0.2, Reorder: true},
	} {
		if err := stand.ERPFaults.Set(state); err != nil {
			t.Fatal(err)
		}
		got, marks := books(t, c)
		if diff := cmp.Diff(want, got); diff != "" || len(marks) != len(r.Locations) {
			t.Errorf("%s: %d marks for %d places, (-want +got):\n%s", name, len(marks), len(r.Locations), diff)
		}
	}
	places, quarantined, err := c.Locations(t.Context())
	if len(places) != len(r.Locations) || quarantined != 0 || err != nil {
		t.Errorf("%d of %d places, %d quarantined, %v", len(places), len(r.Locations), quarantined, err)
	}
	wantPrices, gotPrices := map[string]int64{}, map[string]int64{}
	var skus []string
	for _, p := range r.Products {
		for _, v := range p.Variants {
			wantPrices[v.SKU], skus = int64(v.List), append(skus, v.SKU)
		}
	}
	prices, err := c.Prices(t.Context(), skus, noon)
	for sku, p := range prices {
		gotPrices[sku] = p.Base.Minor
	}
	if diff := cmp.Diff(wantPrices, gotPrices); diff != "" || err != nil {
		t.Errorf("list prices: %v, (-want +got):\n%s", err, diff)
	}
}

func skuOf(r *demo.Retailer) string { return r.Products[0].Variants[0].SKU }

func TestFaultsOfTheDemoERP(t *testing.T) {
	stand, r, c := openERP(t)
	for name, tc := range map[string]struct {
		state faults.State
		code  retail.Code
	}{
		"down":     {faults.State{Down: true}, retail.CodeUpstreamUnavailable},
		"errors":   {faults.State{ErrorRate: 1}, retail.CodeUpstreamUnavailable},
		"truncate": {faults.State{Truncate: true}, retail.CodeUpstreamUnavailable},
		"garbage":  {faults.State{Garbage: true}, retail.CodeBadUpstream},
		"latency":  {faults.State{LatencyMs: 5000}, retail.CodeTimeout},
	} {
		if err := stand.ERPFaults.Set(tc.state); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := c.Poll(ctx, ""); retail.CodeOf(err) != tc.code {
			t.Errorf("%s: poll: %v, want %s", name, err, tc.code)
		}
		if _, err := c.Prices(ctx, []string{skuOf(r)}, noon); retail.CodeOf(err) != tc.code {
			t.Errorf("%s: prices: %v, want %s", name, err, tc.code)
		}
		cancel()
	}
	if err := stand.ERPFaults.Set(faults.State{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Poll(t.Context(), ""); err != nil {
		t.Errorf("after the faults: %v", err)
	}
}
