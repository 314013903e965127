package cart_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/cart"
)

func TestProblemsOfACart(t *testing.T) {
	instant := func(sku string, n int) cart.LineInput {
		return cart.LineInput{SKU: sku, Quantity: n, Method: retail.MethodInstant}
	}
	down := retail.Unavailable(retail.SourceERP, errors.New("down"))
	for name, tt := range map[string]struct {
		lines []cart.LineInput
		at    float64 // latitude of the address; 0 for none
		then  func(w *world)
		want  string
	}{
		"none":                  {lines: []cart.LineInput{pickup("A", 100, "S-1")}, want: "[]"},
		"too many at the store": {lines: []cart.LineInput{pickup("A", 4, "S-1")}, then: func(w *world) { w.put("S-1", "A", 3) }, want: "[INSUFFICIENT_STOCK:A:S-1:3!]"},
		"a large stock is not told": {
			lines: []cart.LineInput{pickup("A", 101, "S-1")}, want: "[INSUFFICIENT_STOCK:A:S-1!]",
		},
		"what the shopper holds is theirs": {
			lines: []cart.LineInput{pickup("A", 4, "S-1")}, want: "[]",
			then: func(w *world) { w.put("S-1", "A", 0); w.held[member.Key()] = retail.Held{"S-1": {"A": 4}} },
		},
		"what the shopper holds may be too little": {
			lines: []cart.LineInput{pickup("A", 4, "S-1")}, want: "[INSUFFICIENT_STOCK:A:S-1:3!]",
			then: func(w *world) { w.put("S-1", "A", 1); w.held[member.Key()] = retail.Held{"S-1": {"A": 2}} },
		},
		"what is held at another store or by others helps nobody": {
			lines: []cart.LineInput{pickup("A", 4, "S-1")}, want: "[INSUFFICIENT_STOCK:A:S-1:0!]",
			then: func(w *world) {
				w.put("S-1", "A", 0)
				w.held[member.Key()], w.held[other.Key()] = retail.Held{"S-2": {"A": 4}}, retail.Held{"S-1": {"A": 4}}
			},
		},
		"nobody can say what the shopper holds": {
			lines: []cart.LineInput{pickup("A", 4, "S-1"), pickup("B", 1, "S-1")}, want: "[STOCK_UNKNOWN:A:S-1]",
			then: func(w *world) { w.put("S-1", "A", 0); w.heldErr = down },
		},
		"lines at one store are counted together": {
			lines: []cart.LineInput{pickup("A", 2, "S-1"), {SKU: "A", Quantity: 2, Method: retail.MethodCurbside, LocationRef: "S-1"}},
			then:  func(w *world) { w.put("S-1", "A", 3) },
			want:  "[INSUFFICIENT_STOCK:A:S-1:3! INSUFFICIENT_STOCK:A:S-1:3!]",
		},
		"lines at two stores are not": {
			lines: []cart.LineInput{pickup("A", 2, "S-1"), pickup("A", 2, "S-2")},
			then:  func(w *world) { w.put("S-1", "A", 3) }, want: "[]",
		},
		"the store does not carry it": {
			lines: []cart.LineInput{pickup("A", 1, "S-1")}, then: func(w *world) { delete(w.units["S-1"], "A") }, want: "[NOT_RANGED:A:S-1!]",
		},
		"a silent store": {
			lines: []cart.LineInput{pickup("A", 1, "S-1")}, then: func(w *world) { w.silent["S-1"] = true }, want: "[STOCK_UNKNOWN:A:S-1]",
		},
		"a silent stock service": {
			lines: []cart.LineInput{pickup("A", 1, "S-1"), ship("B", 1)}, at: 31.2, then: func(w *world) { w.stockErr = down },
			want: "[STOCK_UNKNOWN:A:S-1 STOCK_UNKNOWN:B]",
		},
		"not sold any more": {
			lines: []cart.LineInput{pickup("A", 1, "S-1")}, then: func(w *world) { w.gone["A"] = true }, want: "[NOT_SOLD:A!]",
		},
		"a silent catalog": {
			lines: []cart.LineInput{pickup("A", 1, "S-1")}, then: func(w *world) { w.mute = true }, want: "[]",
		},
		"no price": {
			lines: []cart.LineInput{pickup("A", 1, "S-1"), pickup("B", 1, "S-1")}, then: func(w *world) { w.prices["A"].Current.CurrencyCode = "USD" },
			want: "[PRICE_UNKNOWN:A!]",
		},
		"silent prices": {
			lines: []cart.LineInput{pickup("A", 1, "S-1")}, then: func(w *world) { w.pricesErr = down }, want: "[PRICE_UNKNOWN:A!]",
		},
		"a price that moved": {
			lines: []cart.LineInput{pickup("A", 1, "S-1")}, then: func(w *world) { w.prices["A"].Current = yuan(1100) }, want: "[PRICE_MOVED:A]",
		},
		"a tier that nobody knows moves no price": {
			lines: []cart.LineInput{pickup("A", 1, "S-1")}, then: func(w *world) { w.prices["A"].Current = yuan(1100); w.tierErr = down }, want: "[]",
		},
		"a store that closed for good": {
			lines: []cart.LineInput{pickup("A", 1, "S-1"), pickup("B", 1, "S-1")}, then: func(w *world) { w.rewrite("S-1", "S-9") },
			want: "[PLACE_UNAVAILABLE:S-9!]",
		},
		"a store that hands out no more": {
			lines: []cart.LineInput{pickup("A", 1, "S-1")}, then: func(w *world) { w.rewrite("S-1", "S-3") }, want: "[PLACE_UNAVAILABLE:S-3!]",
		},
		"shipping without an address": {
			lines: []cart.LineInput{ship("A", 1), instant("B", 1)}, want: "[ADDRESS_MISSING!]",
		},
		"shipping": {lines: []cart.LineInput{ship("A", 300)}, at: 31.2, want: "[]"}, // S-1, S-2 and W-1 together
		"nobody who ships has it": {
			lines: []cart.LineInput{ship("A", 301)}, at: 31.2, want: "[INSUFFICIENT_STOCK:A!]",
		},
		"nobody who ships has it, but one is silent": {
			lines: []cart.LineInput{ship("A", 300)}, at: 31.2, then: func(w *world) { w.silent["W-1"] = true }, want: "[STOCK_UNKNOWN:A]",
		},
		"instant delivery": {lines: []cart.LineInput{instant("A", 100), instant("B", 1)}, at: 31.22, want: "[]"},
		"instant delivery comes from one place": {
			lines: []cart.LineInput{instant("A", 101)}, at: 31.22, want: "[INSUFFICIENT_STOCK:A!]",
		},
		"one place has not everything": {
			lines: []cart.LineInput{instant("A", 1), instant("B", 1)}, at: 31.22,
			then: func(w *world) { w.put("F-1", "A", 0); w.put("S-2", "B", 0) }, want: "[INSUFFICIENT_STOCK:A:0!]",
		},
		"nobody near delivers instantly": {
			lines: []cart.LineInput{instant("A", 1)}, at: 35, want: "[PLACE_UNAVAILABLE!]",
		},
		"a quantity that another client stored": {
			lines: []cart.LineInput{pickup("A", 1, "S-1")}, then: func(w *world) { w.requantify(5000) },
			want: "[PRICE_UNKNOWN:A! INSUFFICIENT_STOCK:A:S-1!]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := newWorld(t)
			sh := newShopper(t, s, member)
			sh.add(tt.lines...)
			if tt.at != 0 {
				sh.address(tt.at)
			}
			if tt.then != nil {
				tt.then(w)
			}
			c := sh.get()
			if got := problems(c); got != tt.want {
				t.Fatalf("got  %s\nwant %s", got, tt.want)
			}
			blocked := false
			for _, p := range c.Problems {
				blocked = blocked || p.Blocks
				if p.Message == "" {
					t.Errorf("%s says nothing", p.Kind)
				}
			}
			priced, err := s.Checkout(t.Context(), member, sh.id, c.Version)
			if fault := err != nil && retail.CodeOf(err) == retail.CodeUpstreamUnavailable; fault != (w.pricesErr != nil || w.tierErr != nil) {
				t.Fatalf("checkout: %v", err)
			}
			switch {
			case err == nil && (blocked || priced.Totals.Total != c.Totals.Total):
				t.Errorf("checkout went on: blocked %v, total %v, shown %v", blocked, priced.Totals.Total, c.Totals.Total)
			case err != nil && blocked && w.pricesErr == nil && !retail.Refused(err, retail.WhyCartProblem):
				t.Errorf("checkout: %v", err)
			case err != nil && !blocked && w.tierErr == nil:
				t.Errorf("checkout was refused without a reason: %v", err)
			}
		})
	}
}

// rewrite is another client of the shop that stores something else.
func (w *world) rewrite(from, to string) {
	for id, c := range w.carts {
		for i := range c.Lines {
			if c.Lines[i].LocationCode == from {
				c.Lines[i].LocationCode = to
			}
		}
		w.carts[id] = c
	}
}

func (w *world) requantify(n int) {
	for _, c := range w.carts {
		c.Lines[0].Quantity = n
	}
}

func TestTotalsStayOpenWhileAPriceIsUnknown(t *testing.T) {
	w, s := newWorld(t)
	sh := newShopper(t, s, member)
	c, _ := sh.add(pickup("A", 1, "S-1"), pickup("B", 1, "S-1"))
	if c.Totals.Total != yuan(3000) || c.Totals.Delivery != yuan(0) {
		t.Fatalf("got %+v", c.Totals)
	}
	w.prices["A"] = nil
	c = sh.get()
	if c.Totals.Total != (retail.Money{}) || c.Prices[c.Lines[1].ID].Unit != yuan(2000) || len(c.Prices) != 1 {
		t.Fatalf("got %+v, %+v", c.Totals, c.Prices)
	}
}

func TestAPriceThatMovedIsNotedByTheNextChange(t *testing.T) {
	w, s := newWorld(t)
	sh := newShopper(t, s, member)
	sh.add(pickup("A", 1, "S-1"))
	w.prices["A"].Current = yuan(1100)
	for range 2 { // reading changes nothing
		if p := sh.get().Problems[0]; p.Kind != retail.ProblemPriceMoved || *p.WasPrice != yuan(1000) || *p.NowPrice != yuan(1100) {
			t.Fatalf("got %+v", p)
		}
	}
	c, warnings := sh.must(s.SetNote(t.Context(), member, "k", sh.id, nil, "x"))
	if codes(warnings) != "[PRICE_MOVED]" || problems(c) != "[]" || c.Lines[0].SeenPrice != yuan(1100) {
		t.Fatalf("got %s, %s", codes(warnings), problems(c))
	}
	w.pricesErr, w.prices["A"].Current = errors.New("down"), yuan(900)
	c, warnings = sh.must(s.SetNote(t.Context(), member, "k2", sh.id, nil, "y"))
	if codes(warnings) != "[]" || c.Lines[0].SeenPrice != yuan(1100) {
		t.Fatalf("a price that nobody states is not noted: %s, %v", codes(warnings), c.Lines[0].SeenPrice)
	}
}

func TestMembersPayTheirTiersPrice(t *testing.T) {
	w, s := newWorld(t)
	w.tier = retail.TierGold
	w.prices["A"].Tiers = []retail.TierPrice{{Tier: retail.TierGold, Price: yuan(900)}}
	c, _ := newShopper(t, s, member).add(pickup("A", 2, "S-1"))
	if c.Totals.Total != yuan(1800) || c.Tier != retail.TierGold {
		t.Errorf("member: %+v", c.Totals)
	}
	c, _ = newShopper(t, s, guest).add(pickup("A", 2, "S-1"))
	if c.Totals.Total != yuan(2000) || c.Tier != "" {
		t.Errorf("guest: %+v", c.Totals)
	}
	prices, err := s.UnitPrices(t.Context(), member, []string{"A", "B", "X"})
	if err != nil || len(prices) != 2 || prices["A"].Unit != yuan(900) || prices["A"].Reason != retail.PriceTier {
		t.Errorf("unit prices: %v %v", prices, err)
	}
	w.tierErr = retail.Unavailable(retail.SourceERP, errors.New("down"))
	if _, err := s.UnitPrices(t.Context(), member, []string{"A"}); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Errorf("nobody may pay more than they should: %v", err)
	}
	if _, err := s.UnitPrices(t.Context(), member, make([]string, 51)); retail.CodeOf(err) != retail.CodeLimitExceeded {
		t.Errorf("got %v", err)
	}
}

func TestCheckout(t *testing.T) {
	w, s := newWorld(t)
	sh := newShopper(t, s, member)
	_, err := s.Checkout(t.Context(), member, sh.id, 1)
	refused(t, err, retail.WhyCartEmpty, "cartId")
	c, _ := sh.add(pickup("A", 1, "S-1"), pickup("B", 9, "S-1"))
	_, err = s.Checkout(t.Context(), member, sh.id, 1)
	if r := refusal(t, err, retail.WhyVersionConflict, "version"); *r.Version != c.Version {
		t.Errorf("version %d", *r.Version)
	}
	w.put("S-1", "B", 2)
	_, err = s.Checkout(t.Context(), member, sh.id, c.Version)
	if r := refusal(t, err, retail.WhyCartProblem, "cartId"); r.SKU != "B" || r.LocationCode != "S-1" || *r.Available != 2 {
		t.Errorf("got %+v", r)
	}
	w.put("S-1", "B", 9)
	for range 2 {
		if got, err := s.Checkout(t.Context(), member, sh.id, c.Version); err != nil || got.Totals.Total != yuan(19000) {
			t.Fatalf("got %v, %v", got, err)
		}
	}
}

func TestAPanicOfABackendIsItsFailure(t *testing.T) {
	w, s := newWorld(t)
	sh := newShopper(t, s, member)
	sh.add(pickup("A", 1, "S-1"))
	w.prices = nil
	s = cart.New(cart.DefaultConfig(), cart.Deps{
		Store: w.memoryShop, Catalog: w, Stock: nil, Places: w.places, Members: w, Now: func() time.Time { return w.now }, Delivery: noDelivery{},
	})
	c, err := s.Get(t.Context(), member, sh.id)
	if err != nil || problems(c) != "[NOT_SOLD:A! STOCK_UNKNOWN:A:S-1]" {
		t.Fatalf("got %v, %v", c, err)
	}
}

type noDelivery struct{}

func (noDelivery) Candidates(context.Context, retail.FulfillmentMethod, *retail.DeliveryAddress) []*retail.Location {
	return nil
}
func (noDelivery) Fee(context.Context, retail.PlanQuery) retail.Money { return yuan(0) }
