package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func units(pairs ...any) []retail.ClaimLine {
	var lines []retail.ClaimLine
	for i := 0; i < len(pairs); i += 2 {
		lines = append(lines, retail.ClaimLine{SKU: pairs[i].(string), Quantity: pairs[i+1].(int)})
	}
	return lines
}

// claim takes a step that must succeed.
func (w *claimWorld) must(t testing.TB, s step) string {
	t.Helper()
	got, err := w.do(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return got
}

func (w *claimWorld) cell(t testing.TB, slot uint8, sku string) (c stock.Cell) {
	t.Helper()
	stock.CellAt(mustRead(t, w.store, 0, sku).Rows[0], slot, &c)
	return c
}

func onHand(pairs ...any) map[uint8]map[string]int {
	skus := map[string]int{}
	for _, l := range units(pairs...) {
		skus[l.SKU] = l.Quantity
	}
	return map[uint8]map[string]int{0: skus}
}

func TestAHoldWeighsEveryRegister(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		w := newClaimWorld(t, r, unedited, nil)
		ctx := context.Background()
		cases := map[string]struct {
			facts []stock.Fact
			want  int
		}{
			"on hand": {[]stock.Fact{{Source: retail.SourceERP, Value: 20, Ranged: true}}, 20},
			"less what the tills sold since the books": {[]stock.Fact{
				{Source: retail.SourceERP, Value: 20, Cut: 5, Ranged: true}, {Source: retail.SourcePOS, Value: 9},
			}, 16},
			"more after returns": {[]stock.Fact{
				{Source: retail.SourceERP, Value: 20, Cut: 5, Ranged: true}, {Source: retail.SourcePOS, Value: -2},
			}, 27},
			"a counter that was never stated counts as booked": {[]stock.Fact{{Source: retail.SourceERP, Value: 20, Cut: 5, Ranged: true}}, 20},
			"less allocations of the shop and safety stock": {[]stock.Fact{
				{Source: retail.SourceERP, Value: 20, Safety: 4, Ranged: true}, {Source: retail.SourceShop, Value: 6},
			}, 10},
			"books below zero":                   {[]stock.Fact{{Source: retail.SourceERP, Value: -3, Ranged: true}}, 0},
			"not carried":                        {[]stock.Fact{{Source: retail.SourceERP, Value: 20}}, -1},
			"the ERP has never heard of it":      {[]stock.Fact{{Source: retail.SourcePOS, Value: -20}}, -1},
			"more than the counter of holds has": {[]stock.Fact{{Source: retail.SourceERP, Value: 1 << 30, Ranged: true}}, stock.MaxClaimed},
		}
		n := 0
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				n++
				sku := fmt.Sprintf("SKU-%d", n)
				for i := range c.facts {
					f := c.facts[i]
					f.Version = 7
					if err := w.store.Apply(ctx, 0, []stock.Write{{SKU: sku, Fact: &f}}); err != nil {
						t.Fatal(err)
					}
				}
				hold := func(id string, n int) stock.Admitted {
					got, err := w.store.Hold(ctx, 0, stock.Admission{ID: id + sku, Requested: units(sku, n), Lines: units(sku, n), Life: time.Minute})
					if err != nil {
						t.Fatal(err)
					}
					return got
				}
				want := []stock.Shortfall{{SKU: sku, Available: max(0, c.want), Ranged: c.want >= 0}}
				if got := hold("more", c.want+2); !slices.Equal(got.Short, want) {
					t.Fatalf("short %+v, want %+v", got.Short, want)
				}
				if c.want > 0 {
					if got := hold("all", c.want); got.State != stock.CountActive {
						t.Errorf("all of it is not held: %+v", got)
					}
				}
			})
		}
	})
}

func TestADepartureAndTheCounterThatShowsItAreOneInstant(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		w, ctx := newClaimWorld(t, r, unedited, onHand("A", 10)), context.Background()
		w.must(t, step{kind: "hold", id: "c", lines: units("A", 3), life: 1000})
		w.must(t, step{kind: "commit", id: "c", lines: units("A", 3)})
		till := stock.Write{SKU: "A", Fact: &stock.Fact{SKU: "A", Source: retail.SourcePOS, Version: 5, Value: 3}}
		for range 2 {
			at, err := w.store.Settle(ctx, 0, "c", stock.CountDeparted, []stock.Write{till})
			if err != nil || at.State != stock.CountDeparted {
				t.Fatalf("settled %+v, %v", at, err)
			}
			c := w.cell(t, 0, "A")
			if c.Ordered != 0 || c.Sold != 3 || c.Promise().AvailableToPromise != 7 {
				t.Fatalf("cell %+v promises %d, want 7", c, c.Promise().AvailableToPromise)
			}
		}
		older := stock.Write{SKU: "A", Fact: &stock.Fact{SKU: "A", Source: retail.SourcePOS, Version: 4, Value: 1}}
		if at, err := w.store.Settle(ctx, 0, "unknown", stock.CountDeparted, []stock.Write{older}); err != nil || at.State != stock.CountNone {
			t.Errorf("an unknown claim settled as %+v, %v", at, err)
		}
		if c := w.cell(t, 0, "A"); c.Sold != 3 {
			t.Errorf("an older counter took the register back to %d", c.Sold)
		}
	})
}

func TestManyExpiredHoldsMakeRoomAtOnce(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		w := newClaimWorld(t, r, unedited, onHand("A", 200))
		for i := range 200 {
			w.must(t, step{kind: "hold", id: fmt.Sprint("c", i), lines: units("A", 1), life: 1000})
		}
		want := "short A=0"
		if got := w.must(t, step{kind: "hold", id: "all", lines: units("A", 200), life: 1000}); got != want {
			t.Fatalf("before expiry: %q, want %q", got, want)
		}
		w.setClock(t, startMs+1000)
		if got := w.must(t, step{kind: "hold", id: "all", lines: units("A", 200), life: 1000}); got[:1] != "A" {
			t.Errorf("at the instant of expiry: %q, want all of it", got)
		}
	})
}

func TestReapSaysWhenTheNextIsDue(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		w, ctx := newClaimWorld(t, r, unedited, onHand("A", 200)), context.Background()
		check := func(when string, want stock.Reaped) {
			t.Helper()
			if got, err := w.store.Reap(ctx, 0); err != nil || got != want {
				t.Errorf("%s: %+v, %v; want %+v", when, got, err, want)
			}
		}
		check("nothing held", stock.Reaped{Next: -time.Millisecond})
		for i := range 70 {
			w.must(t, step{kind: "hold", id: fmt.Sprint("c", i), lines: units("A", 1), life: 1000})
		}
		w.must(t, step{kind: "hold", id: "late", lines: units("A", 1), life: 5000})
		w.must(t, step{kind: "hold", id: "pinned", lines: units("A", 1), life: 10})
		w.must(t, step{kind: "pin", id: "pinned"})
		check("before expiry", stock.Reaped{Live: 72, Next: time.Second})
		w.setClock(t, startMs+1500)
		check("more are due than one call ends", stock.Reaped{Ended: 64, Live: 8})
		check("the rest", stock.Reaped{Ended: 6, Live: 2, Next: 3500 * time.Millisecond})
		w.must(t, step{kind: "settle", id: "late", outcome: stock.CountReleased})
		check("a pinned claim is never due", stock.Reaped{Live: 1, Next: -time.Millisecond})
	})
}

func TestOutcomesAreForgottenAfterAWhileAndLiveClaimsNever(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		w, ctx := newClaimWorld(t, r, unedited, onHand("A", 200)), context.Background()
		key := w.prefix + "h:{p000}:c"
		w.must(t, step{kind: "hold", id: "c", lines: units("A", 1), life: 1000})
		if ttl := w.client.TTL(ctx, key).Val(); ttl >= 0 {
			t.Errorf("a live claim is forgotten after %v", ttl)
		}
		w.must(t, step{kind: "settle", id: "c", outcome: stock.CountReleased})
		if ttl := w.client.TTL(ctx, key).Val(); ttl < 47*time.Hour || ttl > 48*time.Hour {
			t.Errorf("an outcome is forgotten after %v, want 48 hours", ttl)
		}
		w.must(t, step{kind: "hold", id: "c", lines: units("A", 1), life: 1000, again: true})
		if ttl := w.client.TTL(ctx, key).Val(); ttl >= 0 {
			t.Errorf("a claim that lives again is forgotten after %v", ttl)
		}
	})
}

func TestUnitsThatCannotBeCountedAsOrderedStayHeld(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		w := newClaimWorld(t, r, unedited, onHand("A", 100_000))
		for _, id := range []string{"c1", "c2"} {
			w.must(t, step{kind: "hold", id: id, lines: units("A", 40_000), life: 1000})
			w.must(t, step{kind: "commit", id: id, lines: units("A", 40_000)})
		}
		w.must(t, step{kind: "commit", id: "c2", lines: units("A", 40_000)})
		if c := w.cell(t, 0, "A"); c.Held != 40_000 || c.Ordered != 40_000 || c.Promise().AvailableToPromise != 20_000 {
			t.Errorf("cell %+v, want 40,000 held and ordered", c)
		}
		w.must(t, step{kind: "settle", id: "c1", outcome: stock.CountReleased})
		w.must(t, step{kind: "commit", id: "c2", lines: units("A", 40_000)})
		if c := w.cell(t, 0, "A"); c.Held != 0 || c.Ordered != 40_000 {
			t.Errorf("cell %+v, want 40,000 ordered once there is room", c)
		}
	})
}

func TestAPartitionThatLostItsClaimsIsClosedForThem(t *testing.T) {
	ctx := context.Background()
	cases := map[string]func(t *testing.T, w *claimWorld){
		"everything flushed":                    func(t *testing.T, w *claimWorld) { w.wipe(t) },
		"everything flushed, feeds began again": func(t *testing.T, w *claimWorld) { w.wipe(t); w.fill(t) },
		"an older copy in force":                func(_ *testing.T, w *claimWorld) { w.client.HSet(ctx, w.prefix+"n:{p000}", "seq", 1) },
		"a row that is no row":                  func(_ *testing.T, w *claimWorld) { w.client.Set(ctx, w.prefix+"a:{p000}:A", "\x01\x00\x00\x00no", 0) },
		"an older copy, noticed by a feed's mark": func(t *testing.T, w *claimWorld) {
			w.client.HSet(ctx, w.prefix+"n:{p000}", "seq", 1)
			err := w.store.Advance(ctx, 0, []stock.PlaceMark{{Source: retail.SourcePOS, AsOf: time.UnixMilli(9), First: true}})
			if !errors.Is(err, stock.ErrLost) {
				t.Errorf("the mark got %v, want ErrLost", err)
			}
		},
	}
	onEveryRedis(t, func(t *testing.T, r rig) {
		for name, lose := range cases {
			t.Run(name, func(t *testing.T) {
				r.wipe(t)
				w := newClaimWorld(t, r, unedited, onHand("A", 10, "B", 10))
				w.must(t, step{kind: "hold", id: "c1", lines: units("A", 2, "B", 2), life: 1000})
				w.must(t, step{kind: "hold", id: "c2", lines: units("A", 3), life: 1000})
				lose(t, w)
				_, err := w.do(step{kind: "hold", id: "c3", lines: units("A", 1), life: 1000})
				if !errors.Is(err, stock.ErrLost) {
					t.Fatalf("the call that notices got %v, want ErrLost", err)
				}
				for _, kind := range []string{"hold", "extend", "pin", "commit", "settle", "shrink", "reap"} {
					s := step{kind: kind, id: "c1", lines: units("A", 2, "B", 2), life: 1000, outcome: stock.CountReleased}
					if _, err := w.do(s); !errors.Is(err, stock.ErrLost) {
						t.Errorf("%s: got %v, want ErrLost", kind, err)
					}
				}
				if err := w.rebuild([]stock.Counted{{
					ID: "c1", State: stock.CountCommitted, ExpiresAt: time.UnixMilli(startMs), Requested: units("A", 2, "B", 2), Lines: units("A", 2, "B", 2),
				}}); err != nil {
					t.Fatal(err)
				}
				if a, b := w.cell(t, 0, "A"), w.cell(t, 0, "B"); a.Ordered != 2 || b.Ordered != 2 || a.Held != 0 || b.Held != 0 {
					t.Errorf("after the rebuild the cells are %+v and %+v, want 2 ordered", a, b)
				}
			})
		}
	})
}

func TestOnlyTheOwnerOfARebuildFinishesIt(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		w, ctx := newClaimWorld(t, r, unedited, onHand("A", 10)), context.Background()
		claims := []stock.Counted{{ID: "c", State: stock.CountActive, ExpiresAt: time.UnixMilli(startMs + 9e6), Lines: units("A", 2), Requested: units("A", 2)}}
		reset := func(token string) stock.Reset {
			t.Helper()
			got, err := w.store.Reset(ctx, 0, token, 10*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		restore := func(token string) error { return w.store.Restore(ctx, 0, token, 10*time.Second, claims) }
		if got := reset("one"); !got.Open {
			t.Errorf("reset of an open partition: %+v", got)
		}
		w.client.HDel(ctx, w.prefix+"n:{p000}", "CLAIMS")
		if got := reset("one"); got != (stock.Reset{}) {
			t.Errorf("the first reset: %+v", got)
		}
		w.setClock(t, startMs+4000)
		if got := reset("two"); got.Busy != 6*time.Second {
			t.Errorf("another gateway while the lease runs: %+v", got)
		}
		if err := restore("one"); err != nil {
			t.Fatal(err)
		}
		w.setClock(t, startMs+14_000) // the restore renewed the lease at 4 s
		if got := reset("two"); got != (stock.Reset{}) {
			t.Errorf("another gateway after the lease: %+v", got)
		}
		if c := w.cell(t, 0, "A"); c.Held != 0 {
			t.Errorf("%d held after the new owner gave back what the old one restored", c.Held)
		}
		w.setClock(t, startMs+14_500)
		for _, turn := range [][2]string{{"two", "three"}, {"three", "two"}} {
			if err := w.store.Restore(ctx, 0, turn[0], 0, nil); err != nil {
				t.Fatal(err)
			}
			if got := reset(turn[1]); got != (stock.Reset{}) {
				t.Errorf("reset after %q gave up its lease: %+v", turn[0], got)
			}
		}
		for name, err := range map[string]error{"restore": restore("one"), "reopen": w.store.Reopen(ctx, 0, "one")} {
			if !errors.Is(err, stock.ErrRebuildLost) {
				t.Errorf("late %s of the old owner: got %v, want ErrRebuildLost", name, err)
			}
		}
		if err := errors.Join(restore("two"), w.store.Reopen(ctx, 0, "two")); err != nil {
			t.Fatal(err)
		}
		if err := restore("two"); !errors.Is(err, stock.ErrRebuildLost) {
			t.Errorf("restore after reopening: got %v, want ErrRebuildLost", err)
		}
		if c := w.cell(t, 0, "A"); c.Held != 2 {
			t.Errorf("%d held, want 2", c.Held)
		}
	})
}

func TestFeedsAndClaimsLeaveEachOtherAlone(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		w, ctx := newClaimWorld(t, r, unedited, onHand("A", 10)), context.Background()
		w.must(t, step{kind: "hold", id: "c", lines: units("A", 3), life: 1000})
		if err := w.store.Apply(ctx, 0, []stock.Write{
			{SKU: "A", Fact: &stock.Fact{Source: retail.SourceERP, Version: 2, Value: 8, Ranged: true}},
			{SKU: "A", Slot: 9, Fact: &stock.Fact{Source: retail.SourceERP, Version: 1, Value: 5, Ranged: true}},
		}); err != nil {
			t.Fatal(err)
		}
		w.must(t, step{kind: "hold", id: "d", slot: 9, lines: units("A", 5), life: 1000})
		if c := w.cell(t, 0, "A"); c.Held != 3 || c.OnHand != 8 {
			t.Errorf("cell %+v, want 3 held of 8", c)
		}
		if c := w.cell(t, 9, "A"); c.Held != 5 || c.OnHand != 5 {
			t.Errorf("its neighbour %+v, want 5 held of 5", c)
		}
	})
}
