package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/demo/faults"
)

// page is what one screen asks of all three systems at once.
const page = `query Page($skus: [String!]!, $at: [ID!]) {
  products(search: "茶", first: 5) { nodes { title brand variants { sku price { current { amount } } } } }
  locations(first: 5) { nodes { code name services } }
  stockCheck(skus: $skus, locationIds: $at) { items {
    sku location { code } level quantity { value precision } reasons freshness { basis asOf } } }
}`

type pageAnswer struct {
	Products struct {
		Nodes []struct {
			Title    string
			Brand    *string
			Variants []struct {
				SKU   string
				Price *struct {
					Current struct{ Amount string }
				}
			}
		}
	}
	Locations  any
	StockCheck struct {
		Items []stockItem
	}
}

type stockItem struct {
	SKU       string
	Location  struct{ Code string }
	Level     string
	Quantity  *struct{ Value int }
	Reasons   []string
	Freshness struct {
		Basis string
		AsOf  *string
	}
}

// marked reports whether an item says that a source is late or gone.
func (i stockItem) marked() bool {
	return i.Freshness.Basis == "STALE" &&
		(slices.Contains(i.Reasons, "SOURCE_DOWN") || slices.Contains(i.Reasons, "SOURCE_STALE"))
}

func (r *rig) page(t *testing.T) pageAnswer {
	t.Helper()
	a := r.ask(t, "", page, map[string]any{
		"skus": []string{"10000021", "10000022", "10000100"}, "at": []string{"S-SH01", "S-SH02", "W-SH01"},
	})
	if a.Status != 200 || len(a.Errors) > 0 {
		t.Fatalf("status %d, errors %v", a.Status, a.Errors)
	}
	var p pageAnswer
	must(t, json.Unmarshal(a.Data, &p))
	return p
}

// undated is the page without what may differ when a source is late: dates, marks and, where nobody knows, numbers.
func (p pageAnswer) undated() pageAnswer {
	p.StockCheck.Items = slices.Clone(p.StockCheck.Items)
	for i := range p.StockCheck.Items {
		item := &p.StockCheck.Items[i]
		item.Reasons = slices.DeleteFunc(slices.Clone(item.Reasons), func(r string) bool {
			return r == "SOURCE_DOWN" || r == "SOURCE_STALE"
		})
		item.Freshness.AsOf, item.Freshness.Basis = nil, ""
	}
	return p
}

// Each backend is broken in each way while the page is asked: every answer comes whole and equal to the healthy one, the
// numbers that depend on the broken backend get marked, and the marks go when it recovers.
func TestAnyBackendMayBreak(t *testing.T) {
	for _, name := range []string{"erp", "pos", "shop"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "embedded")
			healthy := r.page(t)
			for _, item := range healthy.StockCheck.Items {
				if item.marked() || item.Level == "UNKNOWN" {
					t.Fatalf("not healthy: %+v", item)
				}
			}
			board := map[string]*faults.Board{"erp": r.stand.ERPFaults, "pos": r.stand.POSFaults, "shop": r.stand.ShopFaults}[name]
			for fault, state := range map[string]faults.State{
				"down":      {Down: true},
				"slow":      {LatencyMs: 60_000},
				"failing":   {ErrorRate: 1},
				"dripping":  {DripBytesPerSecond: 20},
				"truncated": {Truncate: true},
				"garbage":   {Garbage: true},
				"stale":     {Stale: true},
			} {
				t.Run(fault, func(t *testing.T) {
					must(t, board.Set(state))
					eventually(t, func() error { return r.pageIsMarked(t, healthy, name == "pos") })
					must(t, board.Set(faults.State{}))
					eventually(t, func() error { return r.pageIsUnmarked(t) })
				})
			}
		})
	}
}

// pageIsMarked asks the page once more. It must equal the healthy one; the error says what is not marked yet.
func (r *rig) pageIsMarked(t *testing.T, healthy pageAnswer, tillsOnly bool) error {
	t.Helper()
	p := r.page(t)
	if diff := cmp.Diff(healthy.undated(), p.undated()); diff != "" {
		t.Fatalf("the broken backend changed the page (-healthy +broken)\n%s", diff)
	}
	for _, item := range p.StockCheck.Items {
		concerned := !tillsOnly || item.Location.Code[0] == 'S'
		if concerned && !item.marked() {
			return fmt.Errorf("not marked: %+v", item)
		}
		if !concerned && item.marked() {
			t.Fatalf("marked without tills: %+v", item)
		}
	}
	return nil
}

func (r *rig) pageIsUnmarked(t *testing.T) error {
	t.Helper()
	for _, item := range r.page(t).StockCheck.Items {
		if item.marked() {
			return fmt.Errorf("still marked: %+v", item)
		}
	}
	return nil
}
