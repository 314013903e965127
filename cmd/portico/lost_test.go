package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The projection loses everything while it serves. Answers stay true meanwhile, because the systems are asked, and the
// feeds fill it again.
func TestALostProjectionFillsItselfWhileServing(t *testing.T) {
	onEveryStore(t, func(t *testing.T, kind string) {
		r := newRig(t, kind)
		before := r.page(t).undated()
		for range 3 {
			wipe(t, r.redis, r.prefix)
			eventually(t, func() error {
				p := r.page(t)
				if diff := cmp.Diff(before, p.undated()); diff != "" {
					return fmt.Errorf("(-before +after the loss)\n%s", diff)
				}
				return r.pageIsUnmarked(t)
			})
		}
		must(t, r.gateway.everythingUpTo(t.Context(), time.Now()))
		if diff := cmp.Diff(before, r.page(t).undated()); diff != "" {
			t.Errorf("(-before +after)\n%s", diff)
		}
	})
}

// Redis goes away altogether: the catalog stands, and stock is asked live.
func TestRedisMayGoAway(t *testing.T) {
	r := newRig(t, "embedded")
	before := r.page(t).undated()
	r.embedded.Close()
	p := r.page(t)
	if diff := cmp.Diff(before, p.undated()); diff != "" {
		t.Errorf("(-with +without Redis)\n%s", diff)
	}
	for _, item := range p.StockCheck.Items {
		if item.Freshness.Basis != "LIVE" {
			t.Errorf("%+v", item)
		}
	}
}

// One store's tills fall silent: only that store is marked, and it is UNKNOWN rather than out of stock in the end.
func TestOneStoreFallsSilentAlone(t *testing.T) {
	r := newRig(t, "embedded")
	must(t, r.stand.POS.SilenceTill("S-SH01", true))
	eventually(t, func() error {
		for _, item := range r.page(t).StockCheck.Items {
			if item.marked() != (item.Location.Code == "S-SH01") {
				return fmt.Errorf("%+v", item)
			}
		}
		return nil
	})
	must(t, r.stand.POS.SilenceTill("S-SH01", false))
	eventually(t, func() error { return r.pageIsUnmarked(t) })
}

// What the tills sell shows in the next answers.
func TestASaleShows(t *testing.T) {
	onEveryStore(t, func(t *testing.T, kind string) {
		r := newRig(t, kind)
		const query = `{ stockCheck(skus: ["10000022"], locationIds: ["S-SH01"]) { items { breakdown { onHand unsyncedSales availableToPromise } } } }`
		type parts struct{ OnHand, UnsyncedSales, AvailableToPromise int }
		ask := func() parts {
			var data struct {
				StockCheck struct{ Items []struct{ Breakdown parts } }
			}
			must(t, json.Unmarshal(r.ask(t, r.operator, query, nil).Data, &data))
			return data.StockCheck.Items[0].Breakdown
		}
		before := ask()
		must(t, r.sell(t, "S-SH01", "10000022", 2))
		eventually(t, func() error {
			want := parts{before.OnHand, before.UnsyncedSales + 2, before.AvailableToPromise - 2}
			if got := ask(); got != want {
				return fmt.Errorf("got %+v, want %+v", got, want)
			}
			return nil
		})
	})
}
