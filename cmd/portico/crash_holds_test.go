package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// holder is somebody who makes, extends and releases holds, one act after the other, and remembers what was answered.
type holder struct {
	*buyer

	owner  string
	random *rand.Rand
	lasts  bool // holds live on to the end unless they are released; others run out all the time

	mu   sync.Mutex // held through an act
	made int
	has  map[string]int // units by hold
}

// act does one thing, as often as it takes to be answered.
func (h *holder) act(t *testing.T, skus []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	ctx := t.Context()
	choice := h.random.IntN(10)
	if !h.lasts {
		choice = 9 // makes, and forgets
	} else if len(h.has) > 25 {
		choice = 0
	}
	if choice < 5 {
		for id := range h.has { // any
			if choice == 4 {
				got, refusals, err := h.hold(ctx, "extend", extendHold, fmt.Sprint("extend-", h.random.Uint64()), map[string]any{"holdId": id})
				if err != nil || len(refusals) > 0 || got.State != "ACTIVE" {
					return fmt.Errorf("not extended: %v %+v %w", refusals, got, err)
				}
				return nil
			}
			got, refusals, err := h.hold(ctx, "release", releaseHold, "release-"+id[len(id)-20:], map[string]any{"holdId": id})
			if err != nil || len(refusals) > 0 || got.State != "RELEASED" {
				return fmt.Errorf("not released: %v %+v %w", refusals, got, err)
			}
			delete(h.has, id)
			return nil
		}
	}
	quantity := 1 + h.random.IntN(3)
	h.made++
	got, refusals, err := h.take(ctx, fmt.Sprint("hold-", h.made), rushPlace, skus[h.random.IntN(len(skus))], quantity)
	switch {
	case err != nil:
		return err
	case refusals.codes() == "LIMIT_REACHED" && !h.lasts:
		nap(t, 50*time.Millisecond)
		return nil
	case len(refusals) > 0 || got.Lines[0].Held != quantity:
		return fmt.Errorf("not held: %v %+v", refusals, got)
	}
	if _, twice := h.has[got.ID]; twice {
		return fmt.Errorf("two keys made one hold %s", got.ID)
	}
	if h.lasts {
		h.has[got.ID] = quantity
	}
	return nil
}

// crowdOf are holders of both sorts.
func crowdOf(t *testing.T, w *world, n int, seed uint64) []*holder {
	t.Helper()
	list := make([]*holder, n)
	for i := range list {
		h := &holder{random: rand.New(rand.NewPCG(seed, uint64(i))), lasts: i%4 > 0, has: map[string]int{}}
		var err error
		if h.lasts {
			h.owner = fmt.Sprintf("associate:e-%d", i)
			h.buyer = &buyer{entry: w.entry, token: w.token(auth.Principal{
				Role: auth.RoleAssociate, Subject: fmt.Sprintf("e-%d", i), Locations: []string{rushPlace},
			})}
		} else if h.buyer, err = w.guest(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		list[i] = h
	}
	return list
}

// Shoppers hold units while the gateway is killed again and again. A hold that was acknowledged is there afterwards, none is
// there twice, the projection counts what the ledger says, and in the end no unit is missing.
func TestHoldsOutliveGatewaysThatAreKilled(t *testing.T) {
	needsPatience(t, "kills gateways during ten thousand holds")
	if raceEnabled {
		t.Skip("the gateway is another process; the plain run has the whole of it")
	}
	for _, kind := range []string{"embedded", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			const kills = 22
			holds := int64(many(10_000))
			retailer := stocked(20_000)
			w := newWorld(t, kind, retailer, func(s *gatewaySpec) { s.HoldTTL = 3 * time.Second })
			w.hear("ready")
			skus := []string{onSale(t, retailer, rushPlace, 0), onSale(t, retailer, rushPlace, 1), onSale(t, retailer, rushPlace, 2)}
			people := crowdOf(t, w, 32, 7)
			begun := time.Now()
			var made atomic.Int64
			var group sync.WaitGroup
			for _, h := range people {
				group.Go(func() {
					for made.Load() < holds && !t.Failed() && t.Context().Err() == nil {
						before := h.made
						if err := h.act(t, skus); err != nil {
							t.Errorf("%s: %v", h.owner, err)
						}
						made.Add(int64(h.made - before))
					}
				})
			}
			random := rand.New(rand.NewPCG(1, 2))
			for k := range int64(kills) {
				for made.Load() < (k+1)*holds/(kills+1) && !t.Failed() {
					nap(t, 5*time.Millisecond)
				}
				nap(t, time.Duration(random.IntN(40_000))*time.Microsecond)
				w.kill()
				w.hear("ready")
				w.checkHolds(t, people, skus)
			}
			group.Wait()
			w.checkHolds(t, people, skus)
			if n := w.killed(); n < kills {
				t.Errorf("only %d gateways were killed", n)
			}
			t.Logf("%d holds, %d kills in %v: hold %s; release %s; extend %s", made.Load(), w.killed(), time.Since(begun).Round(time.Second),
				w.quantiles("hold"), w.quantiles("release"), w.quantiles("extend"))
			for _, h := range people {
				for id := range h.has {
					if _, refusals, err := h.hold(t.Context(), "release", releaseHold, "last-"+id[len(id)-20:], map[string]any{"holdId": id}); err != nil ||
						len(refusals) > 0 {
						t.Errorf("not released: %v %v", refusals, err)
					}
				}
				clear(h.has)
			}
			eventually(t, func() error {
				for _, sku := range skus {
					got, _, err := books(w.entry, w.operator, rushPlace, sku)
					if want := (breakdown{OnHand: 20_000, AvailableToPromise: 20_000}); err != nil || got != want {
						return fmt.Errorf("%s: %+v, want %+v %w", sku, got, want, err)
					}
				}
				return nil
			})
		})
	}
}

// checkHolds lets everybody wait and compares what they were told with the gateway, the ledger and the projection.
func (w *world) checkHolds(t *testing.T, people []*holder, skus []string) {
	t.Helper()
	for _, h := range people {
		h.mu.Lock()
		defer h.mu.Unlock()
	}
	want := map[string]int{} // claims by owner
	for i, h := range people {
		if !h.lasts {
			continue
		}
		want[h.owner] = len(h.has)
		looked := 0
		for id, units := range h.has {
			if looked++; looked > 3 && i > 4 { // the rest is counted
				break
			}
			var a struct{ StockHold *holdAnswer }
			err := w.ask(t.Context(), "read hold", h.token, readHold, map[string]any{"id": id}, &a)
			if err != nil || a.StockHold == nil || a.StockHold.State != "ACTIVE" || a.StockHold.Lines[0].Held != units {
				t.Errorf("hold %s of %d units is %+v %v", id, units, a.StockHold, err)
			}
		}
	}
	eventually(t, func() error {
		held, got := map[string]int{}, map[string]int{}
		for after := ""; ; {
			page, err := w.ledger.LiveClaims(t.Context(), []string{rushPlace}, time.Now(), after, 500)
			if err != nil {
				return err
			}
			for _, c := range page {
				got[c.Owner]++
				for _, l := range c.Lines {
					held[l.SKU] += l.Quantity
				}
				if c.State != retail.ClaimHeld || c.OrderID != "" {
					return fmt.Errorf("claim %+v", c)
				}
			}
			if len(page) == 0 {
				break
			}
			after = page[len(page)-1].ID
		}
		for owner, n := range want {
			if got[owner] != n {
				return fmt.Errorf("%s has %d holds in the ledger, was told of %d", owner, got[owner], n)
			}
		}
		for _, sku := range skus {
			b, _, err := books(w.entry, w.operator, rushPlace, sku)
			if err != nil || b.Held != held[sku] || b.AvailableToPromise != 20_000-held[sku] {
				return fmt.Errorf("the projection counts %+v of %s, the ledger %d held %w", b, sku, held[sku], err)
			}
		}
		return nil
	})
}
