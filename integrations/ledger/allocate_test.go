package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// inTx runs do in a transaction, which is that of an order of its own.
func inTx(ctx context.Context, l *ledger.Ledger, do func(tx retail.Tx) error) error {
	const id = "order-of-inTx"
	_, _, err := l.CreateOrder(ctx, &retail.Order{ID: id, Number: id, Owner: "guest:tx"}, nil)
	if err != nil {
		return err
	}
	_, err = l.UpdateOrder(ctx, id, func(tx retail.Tx, _ *retail.Order) error { return do(tx) })
	return err
}

func allocate(ctx context.Context, l *ledger.Ledger, orderID, claimID string, supply map[string]retail.Supply) error {
	_, _, err := l.CreateOrder(ctx, &retail.Order{ID: orderID, Number: orderID, Owner: "guest:a"}, func(tx retail.Tx) error {
		return tx.Allocate(claimID, supply)
	})
	return err
}

func mustAllocate(t testing.TB, l *ledger.Ledger, claimID string, supply map[string]retail.Supply) {
	t.Helper()
	mustDo(t, inTx(t.Context(), l, func(tx retail.Tx) error { return tx.Allocate(claimID, supply) }))
}

func TestTheLastUnitsAreSoldOnce(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		const shoppers, supply = 64, 23
		for i := range shoppers {
			mustHold(t, l, hold(fmt.Sprint("c", i), fmt.Sprint("guest:", i), "S001", units("A", 1), units("B", 1)))
		}
		errs := parallel(shoppers, func(i int) error {
			return allocate(t.Context(), l, fmt.Sprint("o", i), fmt.Sprint("c", i),
				map[string]retail.Supply{"A": {Units: supply}, "B": {Units: supply + 5}})
		})
		sold := 0
		for _, err := range errs {
			if err == nil {
				sold++
				continue
			}
			if r := wantRefusal(t, err, retail.WhyInsufficientStock); r.SKU != "A" || r.LocationCode != "S001" {
				t.Errorf("got %+v", r)
			}
		}
		if sold != supply {
			t.Errorf("sold %d of %d", sold, supply)
		}
		for _, sku := range []string{"A", "B"} {
			if open := l.Int(t, `SELECT open FROM allocations WHERE sku = ?`, sku); open != supply {
				t.Errorf("%d units of %s are open, want %d", open, sku, supply)
			}
		}
		if orders := l.Int(t, `SELECT COUNT(*) FROM orders`); orders != supply {
			t.Errorf("%d orders are stored, want %d: a refusal undoes its order", orders, supply)
		}
	})
}

func TestBasketsThatShareProductsDoNotBlockEachOther(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		skus := []string{"A", "B", "C", "D", "E"}
		const shoppers = 40
		for i := range shoppers {
			var lines []retail.ClaimLine
			for j := range 3 {
				lines = append(lines, units(skus[(i+j*2)%5], 1))
			}
			mustHold(t, l, hold(fmt.Sprint("c", i), fmt.Sprint("guest:", i), "S001", lines...))
		}
		for i, err := range parallel(shoppers, func(i int) error {
			supply := map[string]retail.Supply{}
			for _, sku := range skus {
				supply[sku] = retail.Supply{Units: 1000}
			}
			return allocate(t.Context(), l, fmt.Sprint("o", i), fmt.Sprint("c", i), supply)
		}) {
			if err != nil {
				t.Errorf("shopper %d: %v", i, err)
			}
		}
		if open := l.Int(t, `SELECT CAST(SUM(open) AS BIGINT) FROM allocations`); open != 3*shoppers {
			t.Errorf("%d units are open, want %d", open, 3*shoppers)
		}
	})
}

func TestASupplyReadBeforeAClosingIsNotUsed(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		for i := range 4 {
			mustHold(t, l, hold(fmt.Sprint("c", i), "guest:a", "S001", units("A", 2)))
		}
		supply := map[string]retail.Supply{"A": {Units: 5}}
		mustAllocate(t, l, "c0", supply)
		mustAllocate(t, l, "c1", supply)
		mustDo(t, inTx(ctx, l, func(tx retail.Tx) error { return tx.CloseClaim("c0", retail.ClaimDone) }))
		err := inTx(ctx, l, func(tx retail.Tx) error { return tx.Allocate("c2", supply) })
		wantCode(t, err, retail.CodeConflict, true)
		if c := must(l.Claim(ctx, "c2"))(t); c.State != retail.ClaimHeld {
			t.Errorf("after the conflict the claim is %s", c.State)
		}
		closings := must(l.Closings(ctx, "S001", []string{"A", "Z"}))(t)
		if diff := cmp.Diff(map[string]int64{"A": 1, "Z": 0}, closings); diff != "" {
			t.Error(diff)
		}
		mustAllocate(t, l, "c2", map[string]retail.Supply{"A": {Units: 5, Closings: closings["A"]}})
		// A hold that leaves the place without ever being allocated counts as well.
		mustDo(t, inTx(ctx, l, func(tx retail.Tx) error { return tx.CloseClaim("c3", retail.ClaimDone) }))
		if n := must(l.Closings(ctx, "S001", []string{"A"}))(t)["A"]; n != 2 {
			t.Errorf("got %d closings, want 2", n)
		}
	})
}

func TestARefusedAllocationLeavesTheDecisionToTheCaller(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		mustHold(t, l, hold("big", "guest:a", "S001", units("A", 1), units("B", 9), units("C", 9)))
		mustHold(t, l, hold("small", "guest:a", "S001", units("A", 1)))
		supply := map[string]retail.Supply{"A": {Units: 1}, "B": {Units: 1}, "C": {Units: 1}}
		mustDo(t, inTx(ctx, l, func(tx retail.Tx) error {
			err := tx.Allocate("big", supply)
			list, ok := retail.RefusalsOf(err)
			if !ok || len(list) != 2 || list[0].SKU != "B" || list[1].SKU != "C" {
				t.Errorf("got %v, want refusals for B and C", err)
			}
			return tx.Allocate("small", supply) // one unit of A is enough only if the refusal took none
		}))
		if open := l.Int(t, `SELECT CAST(SUM(open) AS BIGINT) FROM allocations`); open != 1 {
			t.Errorf("%d units are open, want 1", open)
		}
	})
}

func TestClaimsAreAllocatedFromHeldOnly(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		supply := map[string]retail.Supply{"A": {Units: 3}}
		for state, want := range map[retail.ClaimState]retail.Why{
			retail.ClaimReleased: retail.WhyHoldClosed, retail.ClaimDone: retail.WhyHoldClosed, retail.ClaimExpired: retail.WhyHoldExpired,
		} {
			id := string(state)
			mustHold(t, l, hold(id, "guest:a", "S002", units("A", 1)))
			mustDo(t, inTx(ctx, l, func(tx retail.Tx) error { return tx.CloseClaim(id, state) }))
			wantRefusal(t, inTx(ctx, l, func(tx retail.Tx) error { return tx.Allocate(id, supply) }), want)
		}
		mustHold(t, l, hold("c1", "guest:a", "S001", units("A", 2)))
		mustAllocate(t, l, "c1", supply)
		mustAllocate(t, l, "c1", supply) // again: nothing more
		if open := l.Int(t, `SELECT open FROM allocations WHERE location = 'S001'`); open != 2 {
			t.Errorf("%d units are open, want 2", open)
		}
		err := inTx(ctx, l, func(tx retail.Tx) error { return tx.Allocate("nobody", supply) })
		wantCode(t, err, retail.CodeNotFound, false)
		mustHold(t, l, hold("c2", "guest:a", "S001", units("B", 2)))
		err = inTx(ctx, l, func(tx retail.Tx) error { return tx.Allocate("c2", supply) })
		wantCode(t, err, retail.CodeInternal, false)
	})
}

// pairState is what the model knows of one SKU.
type pairState struct {
	Open     int
	Closings int64
}

// TestOpenUnitsAreThoseOfAllocatedClaims drives claims through everything that can happen to them beside a model.
func TestOpenUnitsAreThoseOfAllocatedClaims(t *testing.T) {
	l := must(ledger.Open(t.Context(), ledger.Config{}))(t) // private, because it forces nothing to the disk
	defer l.Close()
	ctx, world := t.Context(), 0
	skus := []string{"A", "B", "C"}
	rapid.Check(t, func(rt *rapid.T) {
		world++
		place := fmt.Sprint("S", world)
		claims := map[string]retail.Claim{}
		pairs := map[string]pairState{}
		pick := func(rt *rapid.T) retail.Claim {
			if len(claims) == 0 {
				rt.Skip("no claim yet")
			}
			return claims[rapid.SampledFrom(slices.Sorted(maps.Keys(claims))).Draw(rt, "claim")]
		}
		close := func(lines []retail.ClaimLine, sign int) {
			for _, line := range lines {
				p := pairs[line.SKU]
				pairs[line.SKU] = pairState{p.Open + sign*line.Quantity, p.Closings + 1}
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"add": func(rt *rapid.T) {
				var lines []retail.ClaimLine
				for _, sku := range skus {
					if n := rapid.IntRange(0, 3).Draw(rt, sku); n > 0 {
						lines = append(lines, units(sku, n))
					}
				}
				if lines == nil {
					rt.Skip("nothing")
				}
				c, err := l.AddClaim(ctx, hold(fmt.Sprintf("%s/%d", place, len(claims)), "guest:a", place, lines...), stock.HoldCaps{}, noon)
				if err != nil {
					rt.Fatal(err)
				}
				claims[c.ID] = c
			},
			"allocate": func(rt *rapid.T) {
				c := pick(rt)
				supply, stale, fits := map[string]retail.Supply{}, false, true
				for _, line := range c.Lines {
					s := retail.Supply{Units: rapid.IntRange(-1, 12).Draw(rt, "units"), Closings: pairs[line.SKU].Closings}
					if rapid.IntRange(0, 9).Draw(rt, "stale") == 0 {
						s.Closings--
						stale = true
					}
					supply[line.SKU] = s
					fits = fits && pairs[line.SKU].Open+line.Quantity <= s.Units
				}
				err := inTx(ctx, l, func(tx retail.Tx) error { return tx.Allocate(c.ID, supply) })
				switch {
				case c.State == retail.ClaimAllocated && err == nil:
				case c.State == retail.ClaimHeld && err == nil && fits && !stale:
					c.State = retail.ClaimAllocated
					claims[c.ID] = c
					for _, line := range c.Lines {
						p := pairs[line.SKU]
						pairs[line.SKU] = pairState{p.Open + line.Quantity, p.Closings}
					}
				case c.State == retail.ClaimHeld && stale && retail.CodeOf(err) == retail.CodeConflict:
				case c.State == retail.ClaimHeld && !fits && retail.Refused(err, retail.WhyInsufficientStock):
				case c.State.Final() && (retail.Refused(err, retail.WhyHoldClosed) || retail.Refused(err, retail.WhyHoldExpired)):
				default:
					rt.Fatalf("claim %+v, supply %v, pairs %v: got %v", c, supply, pairs, err)
				}
			},
			"close": func(rt *rapid.T) {
				c := pick(rt)
				to := rapid.SampledFrom([]retail.ClaimState{retail.ClaimReleased, retail.ClaimExpired, retail.ClaimDone}).Draw(rt, "to")
				if err := inTx(ctx, l, func(tx retail.Tx) error { return tx.CloseClaim(c.ID, to) }); err != nil {
					rt.Fatal(err)
				}
				switch {
				case c.State == retail.ClaimAllocated:
					close(c.Lines, -1)
					c.State = to
				case c.State == retail.ClaimHeld && to == retail.ClaimDone:
					close(c.Lines, 0)
					c.State = to
				case c.State == retail.ClaimHeld:
					c.State = to
				}
				claims[c.ID] = c
			},
			"shrink": func(rt *rapid.T) {
				c := pick(rt)
				sku, n := rapid.SampledFrom(skus).Draw(rt, "sku"), rapid.IntRange(0, 4).Draw(rt, "n")
				if err := inTx(ctx, l, func(tx retail.Tx) error { return tx.ShrinkClaim(c.ID, []retail.ClaimLine{units(sku, n)}) }); err != nil {
					rt.Fatal(err)
				}
				if c.State.Final() {
					return
				}
				var left []retail.ClaimLine
				for _, line := range c.Lines {
					if line.SKU == sku && min(n, line.Quantity) > 0 {
						if c.State == retail.ClaimAllocated {
							close([]retail.ClaimLine{units(sku, min(n, line.Quantity))}, -1)
						}
						line.Quantity -= min(n, line.Quantity)
					}
					if line.Quantity > 0 {
						left = append(left, line)
					}
				}
				c.Lines = left
				claims[c.ID] = c
			},
			"undo": func(rt *rapid.T) {
				c, undone := pick(rt), errors.New("undone")
				err := inTx(ctx, l, func(tx retail.Tx) error {
					return errors.Join(tx.CloseClaim(c.ID, retail.ClaimReleased), tx.ShrinkClaim(c.ID, c.Lines), undone)
				})
				if !errors.Is(err, undone) {
					rt.Fatal(err)
				}
			},
			"": func(rt *rapid.T) {
				for id, want := range claims {
					got, err := l.Claim(ctx, id)
					if err != nil {
						rt.Fatal(err)
					}
					if diff := cmp.Diff(want, got); diff != "" {
						rt.Fatal(diff)
					}
				}
				for _, sku := range skus {
					open := l.Int(t, `SELECT COALESCE(SUM(open), 0) FROM allocations WHERE location = ? AND sku = ?`, place, sku)
					closings, err := l.Closings(ctx, place, []string{sku})
					if err != nil {
						rt.Fatal(err)
					}
					if got := (pairState{open, closings[sku]}); got != pairs[sku] {
						rt.Fatalf("%s: got %+v, want %+v", sku, got, pairs[sku])
					}
				}
			},
		})
	})
}
