package stock_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// TestTwoGatewaysAndARedisThatIsEmptied lets shoppers and orders come to two gateways while the projection is lost again and
// again, then repeats what failed, as durable jobs do: what is counted must be what the ledger says.
func TestTwoGatewaysAndARedisThatIsEmptied(t *testing.T) {
	for seed := range uint64(3) {
		w, ctx := newHoldWorld(t), context.Background()
		other := stock.NewHolds(stock.DefaultHoldPolicy(), stock.HoldDeps{
			Stock: w.stock, Projection: w.store, Ledger: w.ledger, Log: slog.New(slog.DiscardHandler),
		})
		w.facts[0].Value = 60_000
		gateways := []*stock.Holds{w.holds, other}
		var wg sync.WaitGroup
		over, made := make(chan struct{}), make(chan struct{}, 10)
		for client := range 6 {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(seed, uint64(client)))
				for i := 0; !isClosed(over); i++ {
					gateway := gateways[random.IntN(2)]
					actor := retail.Actor{Role: "member", MemberID: fmt.Sprintf("M-%d-%d", client, i), Subject: "s"}
					hold, _, err := gateway.Create(ctx, stock.HoldRequest{
						Actor: actor, Key: "k", LocationRef: "S-1", Items: []stock.BasketItem{{SKU: "A", Quantity: 1 + random.IntN(2)}},
					})
					if err != nil {
						gateway.TendDue(ctx)
						continue
					}
					select {
					case made <- struct{}{}:
					default:
					}
					switch random.IntN(4) {
					case 0:
						_, _ = gateway.Release(ctx, actor, hold.ID()) // a failure is repeated below
					case 1:
						if gateway.Pin(ctx, hold.ClaimID) == nil && random.IntN(3) == 0 {
							w.ledger.set(hold.ClaimID, retail.ClaimAllocated)
							_ = gateway.Commit(ctx, hold.ClaimID) // repeated below
						}
					case 2:
						w.ledger.set(hold.ClaimID, retail.ClaimReleased)
						_ = gateway.Settle(ctx, hold.ClaimID) // repeated below
					}
				}
			})
		}
		for range 6 {
			w.server.FlushAll()
			w.fill()
			for range len(made) + 5 { // some of them are older than the loss
				<-made
			}
		}
		close(over)
		wg.Wait()
		w.server.FlushAll()
		w.fill()
		if _, err := w.create(member, "notices", 1); err == nil {
			t.Error("a hold was made while the claims were unknown")
		}
		w.tend()
		held, ordered := uint16(0), uint16(0)
		for id, c := range w.ledger.claims {
			w.must("settle", w.holds.Settle(ctx, id))
			switch c.State {
			case retail.ClaimHeld:
				held += uint16(c.Lines[0].Quantity)
			case retail.ClaimAllocated:
				ordered += uint16(c.Lines[0].Quantity)
			}
		}
		w.wantCounted(fmt.Sprintf("seed %d", seed), held, ordered)
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestOneKeyAtOnceMakesOneHold(t *testing.T) {
	w := newHoldWorld(t)
	ids := make([]string, 16)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			hold, err := w.create(member, "k", 2)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = hold.ClaimID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("holds %q and %q", id, ids[0])
		}
	}
	w.wantCounted("held once", 2, 0)
}
