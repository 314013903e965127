package stock_test

import (
	"context"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// cell is what the projection holds of A at S-1.
func (w *holdWorld) cell() (c stock.Cell) {
	w.t.Helper()
	place := w.places["S-1"]
	reads := []stock.PartitionRead{{Partition: place.Partition}}
	if err := w.store.Read(context.Background(), reads, []string{"A"}); err != nil {
		w.t.Fatal(err)
	}
	stock.CellAt(reads[0].Rows[0], place.Slot, &c)
	return c
}

func (w *holdWorld) wantCounted(when string, held, ordered uint16) {
	w.t.Helper()
	if c := w.cell(); c.Held != held || c.Ordered != ordered {
		w.t.Errorf("%s: %d held and %d ordered of A, want %d and %d", when, c.Held, c.Ordered, held, ordered)
	}
}

func (w *holdWorld) mustHold(id string, quantity int) retail.Claim {
	w.t.Helper()
	c, err := w.holds.Hold(context.Background(), claimOf(id, quantity, w.now.Add(10*time.Minute)))
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *holdWorld) must(what string, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

// lapse makes the projection give a claim back and forget it, as a fault might.
func (w *holdWorld) lapse(id string) {
	w.t.Helper()
	_, err := w.store.Settle(context.Background(), w.places["S-1"].Partition, id, stock.CountReleased, nil)
	w.must("settle", err)
	w.server.Del("h:" + stock.Tag(w.places["S-1"].Partition) + ":" + id)
}

func TestAClaimGoesFromHoldToDeparture(t *testing.T) {
	w, ctx := newHoldWorld(t), context.Background()
	for range 2 { // every step happens twice
		w.mustHold("c", 4)
	}
	w.wantCounted("held", 4, 0)
	for range 2 {
		w.must("pin", w.holds.Pin(ctx, "c"))
	}
	w.tick(14 * time.Minute)
	w.tend()
	w.wantCounted("pinned past its time", 4, 0)
	supply, err := w.holds.Supply(ctx, "S-1", []string{"A", "GONE"})
	if err != nil || supply["A"] != 10 || supply["GONE"] != 0 {
		t.Errorf("supply %v, %v; want all 10, as if nobody had a claim", supply, err)
	}
	if err := w.holds.Commit(ctx, "c"); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("commit before the ledger allocated: %v, want a conflict", err)
	}
	w.ledger.set("c", retail.ClaimAllocated)
	for range 2 {
		w.must("commit", w.holds.Commit(ctx, "c"))
	}
	w.must("pin of a sold claim", w.holds.Pin(ctx, "c"))
	w.wantCounted("sold", 0, 4)
	departure := retail.Departure{Counts: []retail.TillCount{{LocationCode: "S-1", SKU: "A", Net: 4, Seq: 1}}}
	for range 2 {
		w.must("depart", w.holds.Depart(ctx, "c", departure))
	}
	w.wantCounted("departed", 0, 0)
	w.wantPromise("departed", 6)
	w.must("a late commit", w.holds.Commit(ctx, "c"))
	w.wantCounted("a late commit after the departure", 0, 0)
	w.ledger.set("c", retail.ClaimDone)
	w.must("settle", w.holds.Settle(ctx, "c"))
	w.wantPromise("done", 6)
}

func TestAHoldForAnOrderIsAllOrNothing(t *testing.T) {
	w, ctx := newHoldWorld(t), context.Background()
	_, err := w.holds.Hold(ctx, claimOf("c", 11, w.now.Add(time.Minute)))
	wantWhy(t, "more than there is", err, retail.WhyInsufficientStock)
	_, err = w.holds.Hold(ctx, claimOf("c", 1, w.now))
	wantWhy(t, "no time left", err, retail.WhyHoldExpired)
	w.mustHold("c", 10)
	_, err = w.holds.Hold(ctx, claimOf("c", 9, w.now.Add(time.Minute)))
	if retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("the id with other lines: %v, want a conflict", err)
	}
	for name, lines := range map[string][]retail.ClaimLine{
		"no lines": nil, "a SKU twice": {{SKU: "A", Quantity: 1}, {SKU: "A", Quantity: 1}}, "no units": {{SKU: "A"}},
		"too many units": {{SKU: "A", Quantity: stock.MaxClaimed + 1}}, "a SKU with a space": {{SKU: "A 1", Quantity: 1}},
		"too many lines": make([]retail.ClaimLine, 51),
	} {
		c := claimOf("bad", 1, w.now.Add(time.Minute))
		c.Lines = lines
		if _, err := w.holds.Hold(ctx, c); retail.CodeOf(err) != retail.CodeBadInput {
			t.Errorf("%s: %v, want BAD_INPUT", name, err)
		}
	}
	w.tick(11 * time.Minute)
	w.tend()
	_, err = w.holds.Hold(ctx, claimOf("c", 10, w.now.Add(time.Minute)))
	wantWhy(t, "repeated after its time", err, retail.WhyHoldExpired)
	w.wantPromise("nothing is held", 10)
	warehouse := claimOf("w", 1, w.now.Add(time.Minute))
	warehouse.LocationCode = "W-1"
	if _, err := w.holds.Hold(ctx, warehouse); err != nil {
		t.Errorf("at a warehouse: %v", err)
	}
}

func TestAnOrderAdoptsAShoppersHold(t *testing.T) {
	w, ctx := newHoldWorld(t), context.Background()
	hold := w.mustCreate(member, "k", 4)
	lines, until := []retail.ClaimLine{{SKU: "A", Quantity: 4}}, w.now.Add(20*time.Minute)
	_, err := w.holds.Adopt(ctx, hold.ID(), guest.Key(), "o-1", lines, until)
	wantWhy(t, "another's", err, retail.WhyNotFound)
	_, err = w.holds.Adopt(ctx, "h-none", member.Key(), "o-1", lines, until)
	wantWhy(t, "none", err, retail.WhyNotFound)
	_, err = w.holds.Adopt(ctx, hold.ID(), member.Key(), "o-1", []retail.ClaimLine{{SKU: "A", Quantity: 3}}, until)
	wantWhy(t, "other lines", err, retail.WhyHoldMismatch)
	for range 2 {
		c, err := w.holds.Adopt(ctx, hold.ID(), member.Key(), "o-1", lines, until)
		if err != nil || c.OrderID != "o-1" || !c.ExpiresAt.Equal(until) {
			t.Fatalf("adopted as %+v, %v", c, err)
		}
	}
	_, err = w.holds.Adopt(ctx, hold.ID(), member.Key(), "o-2", lines, until)
	wantWhy(t, "by another order", err, retail.WhyHoldClosed)
	_, err = w.holds.Release(ctx, member, hold.ID())
	wantWhy(t, "released by the shopper", err, retail.WhyHoldClosed)
	if got, err := w.holds.Get(ctx, member, hold.ID()); err != nil || got.State != stock.HoldOrdered {
		t.Errorf("the shopper reads %+v, %v", got, err)
	}
	w.tick(14 * time.Minute)
	w.tend()
	w.wantCounted("longer than a hold lives", 4, 0)

	late := w.mustCreate(member, "late", 1)
	w.tick(15 * time.Minute)
	_, err = w.holds.Adopt(ctx, late.ID(), member.Key(), "o-3", lines[:1], w.now.Add(time.Minute))
	wantWhy(t, "after its time", err, retail.WhyHoldExpired)
}

func TestPinIsTooLateAfterExpiry(t *testing.T) {
	w, ctx := newHoldWorld(t), context.Background()
	w.mustHold("c", 4)
	w.tick(10 * time.Minute)
	wantWhy(t, "at the instant of expiry", w.holds.Pin(ctx, "c"), retail.WhyHoldExpired)
	w.mustHold("other", 10)
	if err := w.holds.Pin(ctx, "none"); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("a claim that nobody knows: %v", err)
	}
}

func TestWhatTheProjectionForgotIsAskedOfTheLedger(t *testing.T) {
	ctx := context.Background()
	t.Run("a hold is admitted again", func(t *testing.T) {
		w := newHoldWorld(t)
		w.mustHold("c", 4)
		w.lapse("c")
		w.must("pin", w.holds.Pin(ctx, "c"))
		w.wantCounted("pinned again", 4, 0)
	})
	t.Run("a hold whose stock others took is refused before payment", func(t *testing.T) {
		w := newHoldWorld(t)
		w.mustHold("c", 4)
		w.lapse("c")
		w.mustHold("rival", 8)
		wantWhy(t, "pin", w.holds.Pin(ctx, "c"), retail.WhyInsufficientStock)
		w.wantCounted("only the rival's", 8, 0)
	})
	t.Run("an order is counted without a question", func(t *testing.T) {
		w := newHoldWorld(t)
		w.mustHold("c", 4)
		w.lapse("c")
		w.mustHold("rival", 8)
		w.ledger.set("c", retail.ClaimAllocated)
		w.must("commit", w.holds.Commit(ctx, "c"))
		w.wantCounted("both", 8, 4)
		w.wantPromise("nothing, not less", 0)
	})
	t.Run("an order that was not counted departs for good", func(t *testing.T) {
		w := newHoldWorld(t)
		w.mustHold("c", 4)
		w.lapse("c")
		w.ledger.set("c", retail.ClaimAllocated)
		w.must("depart", w.holds.Depart(ctx, "c", retail.Departure{Counts: []retail.TillCount{{LocationCode: "S-1", SKU: "A", Net: 4, Seq: 1}}}))
		w.must("a late commit", w.holds.Commit(ctx, "c"))
		w.wantCounted("gone", 0, 0)
		w.wantPromise("gone", 6)
	})
	t.Run("an order closed meanwhile is not counted", func(t *testing.T) {
		w := newHoldWorld(t)
		w.mustHold("c", 4)
		w.lapse("c")
		w.ledger.set("c", retail.ClaimAllocated)
		// After Commit has read the record, the order is cancelled and settled.
		w.ledger.meanwhile = func() {
			w.ledger.meanwhile = func() {
				w.ledger.set("c", retail.ClaimReleased)
				w.must("settle", w.holds.Settle(ctx, "c"))
			}
		}
		w.must("commit", w.holds.Commit(ctx, "c"))
		w.wantCounted("cancelled", 0, 0)
	})
	t.Run("a hold closed meanwhile is not pinned", func(t *testing.T) {
		w := newHoldWorld(t)
		w.mustHold("c", 4)
		w.lapse("c")
		w.ledger.meanwhile = func() {
			w.ledger.meanwhile = func() { w.ledger.set("c", retail.ClaimReleased) }
		}
		wantWhy(t, "pin", w.holds.Pin(ctx, "c"), retail.WhyHoldClosed)
		w.wantCounted("cancelled", 0, 0)
	})
	t.Run("settling what nobody knows is done", func(t *testing.T) {
		w := newHoldWorld(t)
		w.must("settle", w.holds.Settle(ctx, "none"))
	})
}

func TestSettleFollowsTheLedger(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name    string
		state   retail.ClaimState
		left    int
		held    uint16
		ordered uint16
	}{
		{"released", retail.ClaimReleased, 4, 0, 0},
		{"expired before the projection thinks so", retail.ClaimExpired, 4, 0, 0},
		{"done", retail.ClaimDone, 4, 0, 0},
		{"shrunk while held", retail.ClaimHeld, 1, 1, 0},
		{"shrunk while allocated and not yet committed", retail.ClaimAllocated, 1, 1, 0},
		{"nothing has changed", retail.ClaimHeld, 4, 4, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newHoldWorld(t)
			w.mustHold("c", 4)
			if _, err := w.ledger.change("c", func(stored *retail.Claim) {
				stored.State, stored.Lines = c.state, []retail.ClaimLine{{SKU: "A", Quantity: c.left}}
			}); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				w.must("settle", w.holds.Settle(ctx, "c"))
				w.wantCounted(c.name, c.held, c.ordered)
			}
		})
	}
}

func TestADepartureWithoutATillWaitsForTheBooks(t *testing.T) {
	w, ctx := newHoldWorld(t), context.Background()
	w.mustHold("c", 4)
	w.ledger.set("c", retail.ClaimAllocated)
	w.must("commit", w.holds.Commit(ctx, "c"))
	left := w.now.Add(time.Minute)
	departure := retail.Departure{BookedBy: left}
	wantRetryable(t, "the ERP is down", toUnavailable(w.holds.Depart(ctx, "c", departure)))
	asOf := left.Add(-time.Second)
	w.erp = func(pairs []stock.Pair) (stock.Batch, error) {
		return stock.Batch{
			Facts: []stock.Fact{{Location: "S-1", SKU: pairs[0].SKU, Source: retail.SourceERP, Version: 2, Value: 6, Ranged: true}},
			Marks: []stock.Mark{{Location: "S-1", Source: retail.SourceERP, AsOf: asOf}},
		}, nil
	}
	wantRetryable(t, "the books are older than the departure", w.holds.Depart(ctx, "c", departure))
	w.wantCounted("not yet", 0, 4)
	asOf = left
	w.must("depart", w.holds.Depart(ctx, "c", departure))
	w.wantCounted("departed", 0, 0)
	w.wantPromise("as booked", 6)
	if err := w.holds.Depart(ctx, "c", retail.Departure{}); retail.CodeOf(err) != retail.CodeBadInput {
		t.Errorf("no evidence: %v, want BAD_INPUT", err)
	}
}

// toUnavailable gives the stand-in's plain error the kind that an adapter gives it.
func toUnavailable(err error) error {
	if err == nil {
		return nil
	}
	return retail.Unavailable(retail.SourceERP, err)
}

func TestClaimsAreCountedAnewAfterALoss(t *testing.T) {
	w, ctx := newHoldWorld(t), context.Background()
	hold := w.mustCreate(member, "k", 1)
	w.mustHold("held", 2)
	w.mustHold("released", 1)
	w.ledger.set("released", retail.ClaimReleased)
	w.mustHold("sold", 3)
	w.ledger.set("sold", retail.ClaimAllocated)
	w.must("commit", w.holds.Commit(ctx, "sold"))
	w.mustCreate(guest, "short", 1)
	w.tick(6 * time.Minute) // the guest's is over

	w.server.FlushAll()
	w.fill()
	_, err := w.create(member, "k2", 1)
	wantRetryable(t, "create while claims are unknown", err)
	wantRetryable(t, "pin", w.holds.Pin(ctx, "held"))
	wantRetryable(t, "commit", w.holds.Commit(ctx, "sold"))
	wantRetryable(t, "settle", w.holds.Settle(ctx, "released"))
	if w.holds.Ready() {
		t.Error("ready while a partition is closed")
	}
	w.ledger.down = true
	w.tend()
	_, err = w.create(member, "k2", 1)
	wantRetryable(t, "create while the ledger is down", err)
	w.ledger.down = false
	w.tick(time.Second)
	w.tend()
	if !w.holds.Ready() {
		t.Error("not ready after the rebuild")
	}
	w.wantCounted("after the rebuild", 3, 3)
	w.must("pin", w.holds.Pin(ctx, "held"))
	w.must("settle", w.holds.Settle(ctx, "released"))
	if _, err := w.holds.Release(ctx, member, hold.ID()); err != nil {
		t.Error(err)
	}
	w.wantCounted("the hold released", 2, 3)
}

func TestAnEmptyLedgerOpensEveryPartition(t *testing.T) {
	w := newHoldWorld(t)
	if !w.holds.Ready() {
		t.Error("not ready after the first round")
	}
}
