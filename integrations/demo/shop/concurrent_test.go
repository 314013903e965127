package shop_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/demo/faults"
)

// TestAFollowerEndsWithTheTruthWhateverTheDisorder follows the feed by highest version while orders come and go.
func TestAFollowerEndsWithTheTruthWhateverTheDisorder(t *testing.T) {
	s := startSite(t, wireData())
	s.mustSet(t, faults.State{DelayMs: 300, Duplicate: 0.3, Reorder: true})
	var sellers sync.WaitGroup
	for seller := range 4 {
		sellers.Go(func() {
			for i := range 40 {
				number := fmt.Sprintf("%d-%d", seller, i)
				s.order(t, number, fmt.Sprint("sku-", i%5), 1+i%3)
				if i%2 == 0 {
					s.ship(t, number)
				}
				if i%10 == 0 { // a short freeze in the middle of the trade
					_ = s.board.Update(func(state *faults.State) { state.Stale = !state.Stale })
				}
				_ = s.SetPrice("10000017", fmt.Sprint(i, ".00"))
				s.clock.pass(10 * time.Millisecond)
			}
		})
	}
	sold := make(chan struct{})
	go func() { sellers.Wait(); close(sold) }()

	known, next := map[string]allocation{}, 0
	follow := func() (more bool) {
		page := s.feed(t, next, 20)
		for _, a := range page.Allocations {
			if a.Version > known[a.SKU].Version {
				known[a.SKU] = a
			}
		}
		next = page.Next
		return page.More
	}
	for trading := true; trading; {
		select {
		case <-sold:
			trading = false
		default:
		}
		follow()
	}
	s.mustSet(t, faults.State{})
	for follow() {
	}
	if len(known) != 5 {
		t.Errorf("%d SKUs are known, want 5", len(known))
	}
	for sku, got := range known {
		if want := s.lookup(t, "S-1", sku); got != want {
			t.Errorf("the follower has %+v, the shop %+v", got, want)
		}
	}
}
