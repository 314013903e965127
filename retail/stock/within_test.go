package stock_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// Whatever is asked within a reach has the answer of a retailer that has no other places and no other SKUs.
func TestPairsBeyondReachAreAsIfTheyDidNotExist(t *testing.T) {
	var world []*retail.Location
	for i := range 8 {
		kind := []string{"store", "store", "warehouse"}[i%3]
		world = append(world, parseLocation(t, []string{fmt.Sprint("L-", i), kind, fmt.Sprintf("31.%d,121.4", 20+i), "pickup", "30"}))
	}
	skus := []string{"A", "B", "C", "D", "E"}
	rapid.Check(t, func(rt *rapid.T) {
		reach := &retail.Reach{Locations: []string{"GONE"}, SKUs: []retail.SKURange{{First: "GONE"}}}
		var within []*retail.Location
		for _, l := range world {
			if rapid.Bool().Draw(rt, "place") {
				within, reach.Locations = append(within, l), append(reach.Locations, l.Code)
			}
		}
		for _, sku := range skus {
			if rapid.Bool().Draw(rt, "SKU") {
				reach.SKUs = append(reach.SKUs, retail.SKURange{First: sku, Last: sku})
			}
		}
		whole, part := newScenario(t, world), newScenario(t, within)
		part.store.layout = whole.store.layout // a place lies where it lies, whoever asks
		down, lost := rapid.Bool().Draw(rt, "a source is down"), rapid.IntRange(0, 9).Draw(rt, "lost") == 0
		for _, s := range []*scenario{whole, part} {
			s.down[retail.SourceShop], s.store.lost = down, lost
			s.live[retail.SourceERP], s.live[retail.SourcePOS] = &stock.Batch{}, &stock.Batch{}
		}
		units := rapid.Int32Range(-2, 15)
		for _, l := range world {
			age := rapid.SampledFrom([]time.Duration{0, 0, time.Minute, time.Hour}).Draw(rt, "age")
			for _, source := range []retail.Source{retail.SourceERP, retail.SourcePOS, retail.SourceShop} {
				for _, s := range []*scenario{whole, part} {
					s.store.mark(l.Code, source, s.now.Add(-age))
				}
			}
			for _, sku := range skus {
				f := stock.Fact{
					Source: retail.SourceERP, Location: l.Code, SKU: sku, Version: uint32(rapid.IntRange(1, 2).Draw(rt, "version")),
					Value: units.Draw(rt, "units"), Ranged: rapid.Bool().Draw(rt, "ranged"),
				}
				now := f
				now.Version, now.Value = uint32(rapid.IntRange(1, 3).Draw(rt, "live version")), units.Draw(rt, "live units")
				whole.store.put(f)
				whole.live[retail.SourceERP].Facts = append(whole.live[retail.SourceERP].Facts, now)
				if reach.Location(l.Code) && reach.SKU(sku) {
					part.store.put(f)
					part.live[retail.SourceERP].Facts = append(part.live[retail.SourceERP].Facts, now)
				}
			}
		}
		code := rapid.SampledFrom([]string{"L-0", "L-1", "L-2", "L-3", "L-4", "L-5", "L-6", "L-7", "L-9"})
		sku := rapid.SampledFrom(append(skus, "Z", "z"))
		asked := rapid.SliceOfN(sku, 1, 4).Draw(rt, "asked")
		q := stock.CheckQuery{
			SKUs: asked, First: rapid.IntRange(1, 10).Draw(rt, "first"), WithinKm: 500, Detail: rapid.Bool().Draw(rt, "exact"),
			LocationRefs: rapid.SliceOfNDistinct(code, 0, 3, rapid.ID[string]).Draw(rt, "at"),
		}
		if rapid.Bool().Draw(rt, "near") {
			q.Near = &retail.GeoPoint{Latitude: 31.23, Longitude: 121.4}
		}
		if rapid.Bool().Draw(rt, "live") {
			age := rapid.SampledFrom([]time.Duration{0, 30 * time.Second}).Draw(rt, "max age")
			q.MaxAge = &age
		}
		preferred := retail.DefaultContext
		if rapid.Bool().Draw(rt, "prefers") {
			preferred.LocationCode = code.Draw(rt, "preferred")
		}
		var basket []stock.BasketItem
		for _, sku := range asked {
			basket = append(basket, stock.BasketItem{SKU: sku, Quantity: rapid.IntRange(1, 12).Draw(rt, "quantity")})
		}
		pickup := stock.PickupQuery{
			Items: basket, LocationRefs: q.LocationRefs, Near: q.Near, WithinKm: 500, First: 10, MaxAge: q.MaxAge, Detail: q.Detail,
			IncludePartial: rapid.Bool().Draw(rt, "partial"),
		}
		ask := func(ctx context.Context, s *stock.Service) []any {
			var log retail.SourceLog
			ctx = retail.WithSourceLog(retail.WithContext(ctx, preferred), &log)
			check, err := s.Check(ctx, q)
			options, perr := s.PickupOptions(ctx, pickup)
			offers, oerr := s.Offers(ctx, asked, q.LocationRefs)
			have, herr := s.InStock(ctx, asked, q.LocationRefs)
			return []any{check, fmt.Sprint(err), options, fmt.Sprint(perr), offers, fmt.Sprint(oerr), have, fmt.Sprint(herr), log.Reports()}
		}
		want := ask(context.Background(), part.service)
		got := ask(retail.WithReach(context.Background(), reach), whole.service)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *retail.Location) bool { return a == b })); diff != "" {
			rt.Fatalf("as if there were no others (-) and within reach (+):\n%s", diff)
		}
	})
}

var mapAtlas = retail.Actor{Role: "partner", Subject: "mapatlas"}

// A hold beyond reach and one of what does not exist have the same answer.
func TestHoldsBeyondReachAreRefusedLikeThoseOfNothing(t *testing.T) {
	reach := &retail.Reach{Locations: []string{"S-1", "S-3"}, SKUs: []retail.SKURange{{First: "A", Last: "A"}, {First: "MANY", Last: "MANY"}}}
	item := func(sku string, n int) stock.BasketItem { return stock.BasketItem{SKU: sku, Quantity: n} }
	for name, c := range map[string]struct {
		place, nowhere string
		items          []stock.BasketItem // B is beyond reach; Z does not exist
		partial        bool
	}{
		"a place":                            {"S-2", "S-9", []stock.BasketItem{item("A", 1)}, false},
		"a place and a SKU":                  {"S-2", "S-9", []stock.BasketItem{item("B", 1)}, false},
		"a SKU":                              {"S-1", "S-1", []stock.BasketItem{item("B", 1)}, false},
		"a SKU typed in small letters":       {"S-1", "S-1", []stock.BasketItem{item("b", 1)}, false},
		"a SKU, or what there is of it":      {"S-1", "S-1", []stock.BasketItem{item("B", 1)}, true},
		"a SKU beside one within reach":      {"S-1", "S-1", []stock.BasketItem{item("A", 1), item("B", 1)}, false},
		"the same, or what there is":         {"S-1", "S-1", []stock.BasketItem{item("B", 1), item("A", 2)}, true},
		"a SKU beside one of which too few":  {"S-1", "S-1", []stock.BasketItem{item("A", 11), item("B", 200)}, false},
		"more of a SKU than may be held":     {"S-1", "S-1", []stock.BasketItem{item("B", 201)}, false},
		"a place that hands nothing out":     {"S-3", "S-3", []stock.BasketItem{item("B", 1)}, false},
		"a SKU twice":                        {"S-1", "S-1", []stock.BasketItem{item("B", 1), item("A", 1), item("B", 2)}, true},
		"no reach is needed for what is his": {"S-1", "S-1", []stock.BasketItem{item("A", 1)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			ask := func(ctx context.Context, place, sku string) string {
				w := newHoldWorld(t)
				items := make([]stock.BasketItem, len(c.items))
				for i, l := range c.items {
					items[i] = l
					items[i].SKU = strings.NewReplacer("B", sku, "b", strings.ToLower(sku)).Replace(l.SKU)
				}
				hold, warnings, err := w.holds.Create(ctx, stock.HoldRequest{
					Actor: mapAtlas, Key: "k", LocationRef: place, Items: items, AllowPartial: c.partial,
				})
				out := fmt.Sprintf("%v %v %d of A are left, %d of B", warnings, err, w.promise("S-1", "A"), w.promise("S-1", "B"))
				if hold != nil {
					out += fmt.Sprintf(" holds %v at %s", hold.Lines, hold.Location.Code)
				}
				if list, ok := retail.RefusalsOf(err); ok {
					text, _ := json.Marshal(list)
					out += string(text)
				}
				again, _, err := w.holds.Create(ctx, stock.HoldRequest{
					Actor: mapAtlas, Key: "k", LocationRef: "S-1", Items: []stock.BasketItem{item("MANY", 1)},
				})
				return out + fmt.Sprint(" and under the same key: ", again != nil, err)
			}
			beyond := ask(retail.WithReach(t.Context(), reach), c.place, "B")
			nothing := strings.NewReplacer("Z", "B", "S-9", "S-2").Replace(ask(t.Context(), c.nowhere, "Z"))
			if diff := cmp.Diff(nothing, beyond); diff != "" {
				t.Errorf("of nothing (-) and beyond reach (+):\n%s", diff)
			}
		})
	}
}

func TestAHoldAtAPlaceThatIsNoMoreWithinReachIsNotThere(t *testing.T) {
	w := newHoldWorld(t)
	hold, _, err := w.holds.Create(t.Context(), stock.HoldRequest{
		Actor: mapAtlas, Key: "k", LocationRef: "S-1", Items: []stock.BasketItem{{SKU: "A", Quantity: 2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := retail.WithReach(t.Context(), &retail.Reach{Locations: []string{"S-2"}})
	_, get := w.holds.Get(ctx, mapAtlas, hold.ID())
	_, extend := w.holds.Extend(ctx, mapAtlas, hold.ID())
	_, release := w.holds.Release(ctx, mapAtlas, hold.ID())
	for what, err := range map[string]error{"get": get, "extend": extend, "release": release} {
		wantWhy(t, what, err, retail.WhyNotFound)
	}
	w.wantPromise("nothing happened to it", 8)
	if _, err := w.holds.Release(retail.WithReach(t.Context(), &retail.Reach{Locations: []string{"S-1"}}), mapAtlas, hold.ID()); err != nil {
		t.Errorf("within reach again: %v", err)
	}
	w.wantPromise("released", 10)
}
