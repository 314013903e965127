package main

import (
	"encoding/json"
	"fmt"
	"runtime/metrics"
	"strings"
	"testing"
)

// calls counts what was asked of the backends on behalf of clients, by source and operation, and the reads of the
// projection.
func (r *rig) calls(t testing.TB) map[string]int {
	t.Helper()
	families, err := r.metrics.Gather()
	must(t, err)
	counts := map[string]int{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			label := map[string]string{}
			for _, l := range m.GetLabel() {
				label[l.GetName()] = l.GetValue()
			}
			switch {
			case family.GetName() == "portico_upstream_calls_total" && label["guard"] == "live":
				counts[label["source"]+" "+label["operation"]] += int(m.GetCounter().GetValue())
			case family.GetName() == "portico_projection_seconds" && label["call"] == "read":
				counts["projection read"] += int(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return counts
}

const wide = `{ products(first: 20) { nodes { title variants { sku
  price { current { amount } sources { source price { amount } } }
  storeAvailability(near: {latitude: 31.23, longitude: 121.47}, withinKm: 50, first: 5 %s) { level quantity { value } location { code } }
} } } }`

// A page of 20 products with prices and 5 stores each makes at most one call per backend and level, however many
// variants there are.
func TestAPageMakesOneCallPerBackendAndLevel(t *testing.T) {
	onEveryStore(t, func(t *testing.T, kind string) {
		r := newRig(t, kind)
		for name, c := range map[string]struct {
			maxAge string
			most   map[string]int
		}{
			"from the projection": {"", map[string]int{
				"ERP prices": 1, "POS PriceInquiry": 1, "SHOP prices": 1, "projection read": 1,
			}},
			"asked live": {", maxAgeSeconds: 0", map[string]int{
				"ERP prices": 1, "POS PriceInquiry": 1, "SHOP prices": 1, "projection read": 1,
				"ERP stock_now": 1, "POS StockInquiry": 1, "SHOP lookup": 1,
			}},
		} {
			t.Run(name, func(t *testing.T) {
				before := r.calls(t)
				a := r.ask(t, "", fmt.Sprintf(wide, c.maxAge), nil)
				if len(a.Errors) > 0 {
					t.Fatal(a.Errors)
				}
				var data struct {
					Products struct {
						Nodes []struct {
							Variants []struct {
								Price             *struct{ Sources []any }
								StoreAvailability []any
							}
						}
					}
				}
				must(t, json.Unmarshal(a.Data, &data))
				if n := len(data.Products.Nodes); n != 20 {
					t.Fatalf("%d products", n)
				}
				for _, p := range data.Products.Nodes {
					for _, v := range p.Variants {
						if v.Price == nil || len(v.StoreAvailability) != 5 {
							t.Fatalf("%+v", v)
						}
					}
				}
				asked := 0
				for call, n := range r.calls(t) {
					n -= before[call]
					if n > c.most[call] {
						t.Errorf("%s: %d calls, want at most %d", call, n, c.most[call])
					}
					asked += n
				}
				if asked < 4 {
					t.Errorf("only %d calls counted: the names of metrics have changed", asked)
				}
			})
		}
	})
}

// A stock check reads the projection once, in one pipeline with one command per partition.
func TestAStockCheckReadsTheProjectionOnce(t *testing.T) {
	onEveryStore(t, func(t *testing.T, kind string) {
		r := newRig(t, kind)
		before := r.calls(t)
		a := r.ask(t, "", `{ stockCheck(skus: ["10000021", "10000022", "10000023", "10000100", "10000101"], first: 10,
			near: {latitude: 31.23, longitude: 121.47}, withinKm: 500) { items { level } } }`, nil)
		if len(a.Errors) > 0 || strings.Count(string(a.Data), "level") != 50 {
			t.Fatalf("%s %v", a.Data, a.Errors)
		}
		for call, n := range r.calls(t) {
			n -= before[call]
			if call == "projection read" && n != 1 || call != "projection read" && n != 0 {
				t.Errorf("%s: %d calls", call, n)
			}
		}
	})
}

// Ten times the pairs start not one goroutine more: the hot path has none per pair.
func TestAStockCheckStartsNoGoroutinePerPair(t *testing.T) {
	r := newRig(t, "embedded")
	skus := make([]string, 50)
	for i := range skus {
		skus[i] = fmt.Sprint(10000000 + i)
	}
	const query = `query($skus: [String!]!) { stockCheck(skus: $skus, first: 10, near: {latitude: 31.23, longitude: 121.47}, withinKm: 500) {
		items { sku location { code name } level quantity { value } reasons freshness { asOf } } } }`
	started := func(skus []string) uint64 {
		sample := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
		metrics.Read(sample)
		before := sample[0].Value.Uint64()
		for range 10 {
			a := r.ask(t, "", query, map[string]any{"skus": skus})
			if n := strings.Count(string(a.Data), `"level"`); n != 10*len(skus) {
				t.Fatalf("%d pairs answered, %v", n, a.Errors)
			}
		}
		metrics.Read(sample)
		return (sample[0].Value.Uint64() - before) / 10
	}
	few, many := started(skus[:5]), started(skus)
	t.Logf("goroutines started a request: %d for 50 pairs, %d for 500", few, many)
	if many > few+50 { // the feeds start some of their own meanwhile; a goroutine per pair would be 450 more
		t.Errorf("500 pairs start %d goroutines, 50 pairs %d", many, few)
	}
}
