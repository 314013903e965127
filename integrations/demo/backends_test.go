package demo_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/demo/erp"
	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/demo/pos"
	"github.com/portico-retail/portico/integrations/demo/shop"
)

const shopKey = "test-key"

// house is a retailer with all three backends running.
type house struct {
	*demo.Backends
	tills                            *pos.Server
	erpFaults, posFaults, shopFaults *faults.Board
}

func openHouse(t testing.TB, r *demo.Retailer) *house {
	t.Helper()
	clock := func() time.Time { return now }
	h := &house{erpFaults: faults.NewBoard(1), posFaults: faults.NewBoard(2), shopFaults: faults.NewBoard(3)}
	db, err := erp.Open(t.Context(), erp.Options{Board: h.erpFaults, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := r.SeedERP(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	h.tills = pos.New(r.POSData(), clock, h.posFaults)
	tills := httptest.NewServer(h.tills.Handler())
	t.Cleanup(tills.Close)
	web := httptest.NewServer(shop.New(r.ShopData(shopKey), clock, h.shopFaults).Handler())
	t.Cleanup(web.Close)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	t.Cleanup(client.CloseIdleConnections)
	h.Backends = &demo.Backends{POS: tills.URL, Shop: web.URL, ShopKey: shopKey, ERP: db, HTTP: client, Now: clock}
	if err := h.UploadPast(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return h
}

// corner is a small part of the built-in retailer: some places of Shanghai, of all kinds, and every eighth SKU.
func corner() *demo.Retailer {
	r := demo.Builtin(1, now)
	r.People = nil
	keep := map[string]bool{"S-SH01": true, "S-SH02": true, "S-SH03": true, "F-SH01": true, "W-SH01": true}
	r.Locations = slices.DeleteFunc(r.Locations, func(l demo.Location) bool { return !keep[l.Code] })
	r.Stock = slices.DeleteFunc(r.Stock, func(s demo.Stock) bool {
		return !keep[s.Location] || (s.SKU[len(s.SKU)-1]-'0')%8 != 0
	})
	return r
}

// stockNow is the physical stock as the backends state it together: the books less what the tills sold since.
func (h *house) stockNow(t testing.TB) map[demo.Pair]int {
	t.Helper()
	list, err := h.ERP.Balances(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[demo.Pair]int, len(list))
	location, totals := "", map[string]int64(nil)
	for _, b := range list {
		if b.Location != location {
			location, totals = b.Location, h.tills.Totals(b.Location)
		}
		out[demo.Pair{Location: b.Location, SKU: b.SKU}] = b.Quantity - (int(totals[b.SKU]) - b.POSCut)
	}
	return out
}

// unsynced is the units that the tills sold and the ERP has not booked.
func (h *house) unsynced(t testing.TB) int {
	t.Helper()
	list, err := h.ERP.Balances(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, b := range list {
		open := int(h.tills.Totals(b.Location)[b.SKU]) - b.POSCut
		n += max(open, -open)
	}
	return n
}

// promised is what the shop states as open, without pairs that have nothing open.
func (h *house) promised(t testing.TB) map[demo.Pair]int {
	t.Helper()
	out := map[demo.Pair]int{}
	for since, more := 0, true; more; {
		var reply struct {
			Allocations []struct {
				Location, SKU string
				Open          int
			}
			Next int
			More bool
		}
		h.get(t, "/api/v1/allocations?since="+strconv.Itoa(since), &reply)
		for _, a := range reply.Allocations {
			p := demo.Pair{Location: a.Location, SKU: a.SKU}
			if out[p] = a.Open; a.Open == 0 {
				delete(out, p)
			}
		}
		since, more = reply.Next, reply.More
	}
	return out
}

func (h *house) get(t testing.TB, path string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, h.Shop+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", h.ShopKey)
	resp, err := h.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatalf("%s: %v: %.200s", path, err, raw)
	}
}
