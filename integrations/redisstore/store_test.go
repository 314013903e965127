package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

var sources = []retail.Source{retail.SourceERP, retail.SourcePOS, retail.SourceShop}

// layoutOf places one location in each slot of the first partitions.
func layoutOf(partitions, slots int) stock.Layout {
	l := stock.Layout{}
	for p := range partitions {
		for s := range slots {
			l[fmt.Sprintf("S-%d-%d", p, s)] = stock.Place{Partition: uint16(p), Slot: uint8(s)}
		}
	}
	return l
}

func mustBegin(t testing.TB, store stock.Projection, layout stock.Layout, who ...retail.Source) {
	t.Helper()
	for _, source := range who {
		if err := store.Begin(context.Background(), source, layout); err != nil {
			t.Fatal(err)
		}
	}
}

func mustRead(t testing.TB, store stock.Projection, partition uint16, skus ...string) stock.PartitionRead {
	t.Helper()
	reads := []stock.PartitionRead{{Partition: partition}}
	if err := store.Read(context.Background(), reads, skus); err != nil {
		t.Fatal(err)
	}
	return reads[0]
}

func factGen() *rapid.Generator[stock.Fact] {
	value := rapid.OneOf(rapid.Int32(), rapid.SampledFrom([]int32{0, 1, -1, math.MinInt32, math.MaxInt32}))
	version := rapid.OneOf(rapid.Uint32Range(0, 5),
		rapid.SampledFrom([]uint32{255, 256, 65535, 65536, 1<<31 - 1, 1 << 31, math.MaxUint32 - 1, math.MaxUint32}))
	return rapid.Custom(func(t *rapid.T) stock.Fact {
		f := stock.Fact{
			SKU: rapid.SampledFrom([]string{"A", "B", "C-1/2"}).Draw(t, "sku"), Source: rapid.SampledFrom(sources).Draw(t, "source"),
			Version: version.Draw(t, "version"), Value: value.Draw(t, "value"),
		}
		if f.Source == retail.SourceERP {
			f.Cut = value.Draw(t, "cut")
			f.Safety = rapid.Uint16Range(0, stock.MaxSafety).Draw(t, "safety")
			f.Ranged = rapid.Bool().Draw(t, "ranged")
		}
		return f
	})
}

func writeGen() *rapid.Generator[stock.Write] {
	return rapid.Custom(func(t *rapid.T) stock.Write {
		f := factGen().Draw(t, "fact")
		return stock.Write{SKU: f.SKU, Slot: uint8(rapid.IntRange(0, stock.SlotsPerPartition-1).Draw(t, "slot")), Fact: &f}
	})
}

// model is the projection of one partition in plain Go.
type model map[string]map[uint8]*stock.Cell

func (m model) put(w stock.Write) {
	if m[w.SKU] == nil {
		m[w.SKU] = map[uint8]*stock.Cell{}
	}
	cell := m[w.SKU][w.Slot]
	if cell == nil {
		cell = &stock.Cell{}
	}
	if cell.Put(w.Fact) {
		m[w.SKU][w.Slot] = cell
	}
}

// row packs the cells of a SKU.
func (m model) row(sku string) string {
	bitmap, cells := uint32(0), []byte{}
	for slot := range uint8(stock.SlotsPerPartition) {
		if cell := m[sku][slot]; cell != nil {
			bitmap |= 1 << slot
			cells = cell.Append(cells)
		}
	}
	if bitmap == 0 {
		return ""
	}
	return string([]byte{byte(bitmap), byte(bitmap >> 8), byte(bitmap >> 16), byte(bitmap >> 24)}) + string(cells)
}

func TestApplyDoesWhatTheCellDoesInGo(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		round := 0
		rapid.Check(t, func(rt *rapid.T) {
			round++
			r := rig{client: r.client, prefix: fmt.Sprintf("%s%d:", r.prefix, round)}
			store, want := r.store(), model{}
			mustBegin(t, store, layoutOf(1, 1), sources...)
			seq := 0
			for range rapid.IntRange(1, 4).Draw(rt, "calls") {
				writes := rapid.SliceOfN(writeGen(), 1, 60).Draw(rt, "writes")
				before := map[string]string{"A": want.row("A"), "B": want.row("B"), "C-1/2": want.row("C-1/2")}
				for _, w := range writes {
					want.put(w)
				}
				if err := store.Apply(context.Background(), 0, writes); err != nil {
					rt.Fatal(err)
				}
				for sku, row := range before {
					if row != want.row(sku) {
						seq++
					}
				}
			}
			got := mustRead(t, store, 0, "A", "B", "C-1/2").Rows
			if diff := cmp.Diff([]string{want.row("A"), want.row("B"), want.row("C-1/2")}, got); diff != "" {
				rt.Errorf("rows (-want +got):\n%s", diff)
			}
			stored, err := r.client.HGet(context.Background(), r.prefix+"n:{p000}", "seq").Int()
			if seq > 0 && (err != nil || stored != seq) {
				rt.Errorf("sequence is %d, %v; want %d, the number of changed rows", stored, err, seq)
			}
		})
	})
}

func TestFactsConvergeInAnyOrderAndGrouping(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		round := 0
		rapid.Check(t, func(rt *rapid.T) {
			round++
			r := rig{client: r.client, prefix: fmt.Sprintf("%s%d:", r.prefix, round)}
			store := r.store()
			mustBegin(t, store, layoutOf(2, 1), sources...)
			facts := map[string]stock.Write{} // a source states one value for a version
			for _, w := range rapid.SliceOfN(writeGen(), 1, 80).Draw(rt, "writes") {
				facts[fmt.Sprint(w.SKU, w.Slot, w.Fact.Source, w.Fact.Version)] = w
			}
			var all []stock.Write
			for _, w := range facts {
				all = append(all, w)
			}
			for partition := range uint16(2) {
				order := rapid.Permutation(append(all, all[:len(all)/2]...)).Draw(rt, "order")
				for len(order) > 0 {
					n := rapid.IntRange(1, len(order)).Draw(rt, "batch")
					if err := store.Apply(context.Background(), partition, order[:n]); err != nil {
						rt.Fatal(err)
					}
					order = order[n:]
				}
			}
			a, b := mustRead(t, store, 0, "A", "B", "C-1/2"), mustRead(t, store, 1, "A", "B", "C-1/2")
			if diff := cmp.Diff(a.Rows, b.Rows); diff != "" {
				rt.Errorf("two orders of the same facts differ:\n%s", diff)
			}
		})
	})
}

func TestApplyLeavesTheOtherRegistersAlone(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		store, ctx := r.store(), context.Background()
		mustBegin(t, store, layoutOf(1, 1), sources...)
		before := stock.Cell{
			OnHand: -1, Cut: -2, Safety: 3, Carried: true, OnHandVer: math.MaxUint32, Sold: math.MinInt32, SoldVer: 7,
			Allocated: 8, AllocVer: 1 << 31, Held: math.MaxUint16, Ordered: 1,
		}
		row := before.Append([]byte{1, 0, 0, 0})
		if err := r.client.Set(ctx, r.prefix+"a:{p000}:A", row, 0).Err(); err != nil {
			t.Fatal(err)
		}
		err := store.Apply(ctx, 0, []stock.Write{{SKU: "A", Slot: 0, Fact: &stock.Fact{
			SKU: "A", Source: retail.SourcePOS, Version: 8, Value: math.MaxInt32,
		}}})
		if err != nil {
			t.Fatal(err)
		}
		want := before
		want.Sold, want.SoldVer = math.MaxInt32, 8
		var got stock.Cell
		if !stock.CellAt(mustRead(t, store, 0, "A").Rows[0], 0, &got) || got != want {
			t.Errorf("cell is %+v, want %+v", got, want)
		}
	})
}

func TestManyWritesAreCutIntoCallsAndSurviveAnEmptyScriptCache(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		store, ctx, want := r.store(), context.Background(), model{}
		mustBegin(t, store, layoutOf(1, 1), retail.SourceERP)
		var writes []stock.Write
		for i := range 9000 {
			f := &stock.Fact{SKU: fmt.Sprintf("SKU-%d", i%700), Source: retail.SourceERP, Version: uint32(1 + i%3), Value: int32(i % 3)}
			writes = append(writes, stock.Write{SKU: f.SKU, Slot: uint8(i % 28), Fact: f})
			want.put(writes[i])
		}
		if err := r.client.ScriptFlush(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		if err := store.Apply(ctx, 0, writes); err != nil {
			t.Fatal(err)
		}
		for sku := range want {
			if got := mustRead(t, store, 0, sku).Rows[0]; got != want.row(sku) {
				t.Fatalf("row of %s differs from the model", sku)
			}
		}
	})
}

func TestWatermarksNeverGoBack(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		round := 0
		rapid.Check(t, func(rt *rapid.T) {
			round++
			store := rig{client: r.client, prefix: fmt.Sprintf("%s%d:", r.prefix, round)}.store()
			mustBegin(t, store, layoutOf(1, 1), sources...)
			type at struct {
				slot   uint8
				source int
			}
			want := map[at]int64{}
			for range rapid.IntRange(1, 5).Draw(rt, "calls") {
				var marks []stock.PlaceMark
				for range rapid.IntRange(1, 40).Draw(rt, "marks") {
					where := at{uint8(rapid.IntRange(0, 31).Draw(rt, "slot")), rapid.IntRange(0, 2).Draw(rt, "source")}
					ms := rapid.SampledFrom([]int64{-5, 0, 1, 255, 256, 1 << 32, 1<<32 + 1, 1<<53 - 1}).Draw(rt, "ms")
					marks = append(marks, stock.PlaceMark{
						Slot: where.slot, Source: sources[where.source], AsOf: time.UnixMilli(ms), First: true,
					})
					want[where] = max(want[where], ms)
				}
				if err := store.Advance(context.Background(), 0, marks); err != nil {
					rt.Fatal(err)
				}
			}
			packed := mustRead(t, store, 0, "A").Watermarks
			for slot := range uint8(32) {
				for source := range 3 {
					got, ms := stock.WatermarkAt(packed, slot, source), want[at{slot, source}]
					if (ms == 0 && !got.IsZero()) || (ms > 0 && got.UnixMilli() != ms) {
						rt.Errorf("slot %d source %d is %v, want %d ms", slot, source, got, ms)
					}
				}
			}
		})
	})
}

func TestLossIsNoticed(t *testing.T) {
	ctx, fact := context.Background(), &stock.Fact{SKU: "A", Source: retail.SourceERP, Version: 1, Value: 5}
	newer := &stock.Fact{SKU: "A", Source: retail.SourceERP, Version: 2, Value: 5}
	apply := func(s stock.Projection, f *stock.Fact) error {
		return s.Apply(ctx, 0, []stock.Write{{SKU: f.SKU, Fact: f}})
	}
	mark := func(s stock.Projection, slot uint8) error {
		return s.Advance(ctx, 0, []stock.PlaceMark{{Slot: slot, Source: retail.SourceERP, AsOf: time.UnixMilli(9)}})
	}
	cases := map[string]struct {
		lose func(t *testing.T, r rig)
		then func(s stock.Projection) error
	}{
		"everything flushed, seen by a write": {
			func(t *testing.T, r rig) { r.wipe(t) }, func(s stock.Projection) error { return apply(s, newer) },
		},
		"everything flushed, seen by a mark": {
			func(t *testing.T, r rig) { r.wipe(t) }, func(s stock.Projection) error { return mark(s, 0) },
		},
		"one partition lost while the cursor survives": {
			func(t *testing.T, r rig) { r.lose(t, func(key string) bool { return strings.Contains(key, "{p000}") }) },
			func(s stock.Projection) error { return apply(s, newer) },
		},
		"an older copy of the partition in force, seen by a write": {
			func(t *testing.T, r rig) { r.client.HSet(ctx, r.prefix+"n:{p000}", "seq", 0) },
			func(s stock.Projection) error { return apply(s, newer) },
		},
		"an older copy of the partition in force, seen by another source's mark": {
			func(t *testing.T, r rig) { r.client.HSet(ctx, r.prefix+"n:{p000}", "seq", 0) },
			func(s stock.Projection) error {
				_ = s.Advance(ctx, 0, []stock.PlaceMark{{Source: retail.SourcePOS, AsOf: time.UnixMilli(9)}})
				return apply(s, newer)
			},
		},
		"a row that is no row": {
			func(t *testing.T, r rig) { r.client.Set(ctx, r.prefix+"a:{p000}:A", "\x01\x00\x00\x00short", 0) },
			func(s stock.Projection) error { return apply(s, newer) },
		},
		"a place that has no watermark": {
			func(*testing.T, rig) {}, func(s stock.Projection) error { return mark(s, 1) },
		},
		"a source that never began": {
			func(*testing.T, rig) {}, func(s stock.Projection) error {
				return apply(s, &stock.Fact{SKU: "A", Source: retail.SourceShop, Version: 1})
			},
		},
		"a partition that was not in the layout": {
			func(*testing.T, rig) {}, func(s stock.Projection) error {
				return s.Apply(ctx, 1, []stock.Write{{SKU: "A", Fact: newer}})
			},
		},
	}
	onEveryRedis(t, func(t *testing.T, r rig) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				r.wipe(t)
				store := r.store()
				mustBegin(t, store, layoutOf(1, 2), retail.SourceERP, retail.SourcePOS)
				if err := errors.Join(apply(store, fact), store.Advance(ctx, 0, []stock.PlaceMark{
					{Source: retail.SourceERP, AsOf: time.UnixMilli(8), First: true},
				})); err != nil {
					t.Fatal(err)
				}
				c.lose(t, r)
				if err := c.then(store); !errors.Is(err, stock.ErrLost) {
					t.Fatalf("got %v, want ErrLost", err)
				}
				if _, err := store.SaveLayout(ctx, layoutOf(1, 2), layoutOf(2, 2)); err != nil {
					t.Fatal(err)
				}
				mustBegin(t, store, layoutOf(2, 2), retail.SourceERP)
				if err := apply(store, newer); err != nil {
					t.Errorf("after beginning again: %v", err)
				}
				var cell stock.Cell
				if !stock.CellAt(mustRead(t, store, 0, "A").Rows[0], 0, &cell) || cell.OnHandVer != 2 {
					t.Errorf("after beginning again the cell is %+v", cell)
				}
			})
		}
	})
}

func TestAnOlderCopyIsNoticedByEverySource(t *testing.T) {
	ctx := context.Background()
	write := func(s stock.Projection, source retail.Source, version uint32) error {
		return s.Apply(ctx, 0, []stock.Write{{SKU: "A", Fact: &stock.Fact{Source: source, Version: version}}})
	}
	mark := func(s stock.Projection, source retail.Source, version uint32) error {
		return s.Advance(ctx, 0, []stock.PlaceMark{{Source: source, AsOf: time.UnixMilli(int64(version)), First: true}})
	}
	onEveryRedis(t, func(t *testing.T, r rig) {
		for name, notice := range map[string]func(stock.Projection, retail.Source, uint32) error{"a write": write, "a mark": mark} {
			r.wipe(t)
			store := r.store()
			mustBegin(t, store, layoutOf(1, 1), retail.SourceERP, retail.SourcePOS)
			if err := errors.Join(write(store, retail.SourceERP, 1), write(store, retail.SourcePOS, 1)); err != nil {
				t.Fatal(err)
			}
			r.client.HSet(ctx, r.prefix+"n:{p000}", "seq", 1)
			if err := notice(store, retail.SourceERP, 2); !errors.Is(err, stock.ErrLost) {
				t.Errorf("%s of the first source: got %v, want ErrLost", name, err)
			}
			mustBegin(t, store, layoutOf(1, 1), retail.SourceERP)
			if err := errors.Join(write(store, retail.SourceERP, 2), write(store, retail.SourceERP, 3)); err != nil {
				t.Errorf("%s: the source that began again: %v", name, err)
			}
			if err := write(store, retail.SourcePOS, 2); !errors.Is(err, stock.ErrLost) {
				t.Errorf("after %s: a write of the other source got %v, want ErrLost", name, err)
			}
		}
	})
}

func TestCursorIsKeptUntilItIsForgotten(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		store, ctx := r.store(), context.Background()
		for _, want := range []string{"", "42", "43", ""} {
			if err := store.SaveCursor(ctx, retail.SourcePOS, want); err != nil {
				t.Fatal(err)
			}
			if got, err := store.Cursor(ctx, retail.SourcePOS); got != want || err != nil {
				t.Errorf("cursor is %q, %v; want %q", got, err, want)
			}
		}
		if got, err := store.Cursor(ctx, retail.SourceERP); got != "" || err != nil {
			t.Errorf("another source's cursor is %q, %v; want none", got, err)
		}
	})
}
