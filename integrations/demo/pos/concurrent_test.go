package pos_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/demo/faults"
)

// follower reads one lane as docs/wires.md allows: any order, repeats and holes, which it closes by asking again.
type follower struct {
	location string
	upTo     uint64 // everything up to here was seen
	early    map[uint64]transactionReply
	net      map[string]int64
}

// read returns whether the follower knows all that the head office knows.
func (f *follower) read(tb testing.TB, o *office) bool {
	tb.Helper()
	reply := o.readLog(tb, f.location, f.upTo)
	for _, t := range reply.Transactions {
		if t.Seq > f.upTo {
			f.early[t.Seq] = t
		}
	}
	for t, ok := f.early[f.upTo+1]; ok; t, ok = f.early[f.upTo+1] {
		for _, l := range t.Lines {
			f.net[l.SKU] += int64(l.Quantity)
			if f.net[l.SKU] != l.Net {
				tb.Fatalf("%s %d: sum of quantities %d, net %d", f.location, t.Seq, f.net[l.SKU], l.Net)
			}
		}
		f.upTo++
		delete(f.early, f.upTo)
	}
	return f.upTo == reply.Heartbeats[0].LastSeq
}

func TestAFollowerEndsWithTheTotalsWhateverTheDisorder(t *testing.T) {
	o := startOffice(t, twoStores())
	o.mustSet(t, faults.State{DelayMs: 300, Duplicate: 0.3, Reorder: true})
	var sellers sync.WaitGroup
	for till := range 4 {
		sellers.Go(func() {
			for i := range 50 {
				location := fmt.Sprint("S-", 1+(till+i)%2)
				o.sell(t, location, fmt.Sprintf("%d-%d", till, i), fmt.Sprint("sku-", i%7), 1+i%3)
				o.clock.pass(10 * time.Millisecond)
				if i%10 == 0 { // a short freeze in the middle of the trade
					_ = o.board.Update(func(s *faults.State) { s.Stale = !s.Stale })
				}
			}
		})
	}
	sold := make(chan struct{})
	go func() { sellers.Wait(); close(sold) }()

	followers := []*follower{}
	for _, location := range []string{"S-1", "S-2"} {
		followers = append(followers, &follower{location: location, early: map[uint64]transactionReply{}, net: map[string]int64{}})
	}
	for trading := true; trading; {
		select {
		case <-sold:
			trading = false
		default:
		}
		for _, f := range followers {
			f.read(t, o)
		}
	}
	o.mustSet(t, faults.State{Duplicate: 0.3, Reorder: true})
	for _, f := range followers {
		if !f.read(t, o) {
			t.Errorf("%s: still a hole after the disorder ended", f.location)
		}
		if diff := cmp.Diff(o.Totals(f.location), f.net); diff != "" {
			t.Errorf("%s (-totals +follower):\n%s", f.location, diff)
		}
	}
}
