package stock_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func cellGen() *rapid.Generator[stock.Cell] {
	i32 := rapid.OneOf(rapid.Int32(), rapid.SampledFrom([]int32{0, -1, math.MinInt32, math.MaxInt32}))
	u32 := rapid.OneOf(rapid.Uint32(), rapid.SampledFrom([]uint32{0, 1, 1 << 31, math.MaxUint32}))
	return rapid.Custom(func(t *rapid.T) stock.Cell {
		return stock.Cell{
			OnHand: i32.Draw(t, "onHand"), Cut: i32.Draw(t, "cut"), Safety: rapid.Uint16Range(0, stock.MaxSafety).Draw(t, "safety"),
			Carried: rapid.Bool().Draw(t, "carried"), OnHandVer: u32.Draw(t, "onHandVer"),
			Sold: i32.Draw(t, "sold"), SoldVer: u32.Draw(t, "soldVer"),
			Allocated: i32.Draw(t, "allocated"), AllocVer: u32.Draw(t, "allocVer"),
			Held: rapid.Uint16().Draw(t, "held"), Ordered: rapid.Uint16().Draw(t, "ordered"),
		}
	})
}

func TestCellsComeOutOfARowAsTheyWentIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.MapOf(rapid.Uint8Range(0, stock.SlotsPerPartition-1), cellGen()).Draw(t, "cells")
		cells := map[uint8]*stock.Cell{}
		for slot, c := range slots {
			cells[slot] = &c
		}
		row := packRow(cells)
		if want := stock.RowHeader + stock.CellSize*len(cells); len(cells) > 0 && len(row) != want {
			t.Fatalf("row has %d bytes, want %d", len(row), want)
		}
		for slot := range uint8(255) {
			var got, want stock.Cell
			if c := cells[slot]; c != nil {
				want = *c
			}
			if ok := stock.CellAt(row, slot, &got); ok != (cells[slot] != nil) || got != want {
				t.Fatalf("slot %d is %+v, %v; want %+v", slot, got, ok, want)
			}
		}
	})
}

func TestARegisterIsExactlyWhatItsSourceChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := cellGen().Draw(t, "before")
		before.OnHandVer, before.SoldVer, before.AllocVer = 1, 1, 1
		f := stock.Fact{
			Source:  rapid.SampledFrom([]retail.Source{retail.SourceERP, retail.SourcePOS, retail.SourceShop}).Draw(t, "source"),
			Version: rapid.Uint32Min(2).Draw(t, "version"), Value: rapid.Int32().Draw(t, "value"),
		}
		if f.Source == retail.SourceERP {
			f.Cut, f.Safety, f.Ranged = rapid.Int32().Draw(t, "cut"), rapid.Uint16Range(0, stock.MaxSafety).Draw(t, "safety"), rapid.Bool().Draw(t, "ranged")
		}
		after := before
		after.Put(&f)
		packed := f.AppendRegister(nil)
		offset, size, register := int(packed[0]), int(packed[1]), packed[2:]
		if len(register) != size {
			t.Fatalf("register has %d bytes and says %d", len(register), size)
		}
		spliced := before.Append(nil)
		copy(spliced[offset:], register)
		if diff := cmp.Diff(after.Append(nil), spliced); diff != "" {
			t.Fatalf("splicing the register is not Put (-Put +splice):\n%s", diff)
		}
	})
	if got := (&stock.Fact{Source: "ELSE", Version: 1}).AppendRegister(nil); len(got) != 0 {
		t.Errorf("a fact of no source packs to %v, want nothing", got)
	}
}

func FuzzCellAt(f *testing.F) {
	f.Add("", uint8(0))
	f.Add("\xff\xff\xff\xff", uint8(31))
	f.Add(packRow(map[uint8]*stock.Cell{3: {OnHand: 1}, 31: {Held: 2}}), uint8(31))
	f.Fuzz(func(t *testing.T, row string, slot uint8) {
		untouched := stock.Cell{OnHand: 42}
		c := untouched
		if !stock.CellAt(row, slot, &c) && c != untouched {
			t.Errorf("no cell, but %+v was written", c)
		}
	})
}

func TestWatermarkOfAShortOrEmptyStringWasNeverHeard(t *testing.T) {
	at := time.UnixMilli(1_795_000_000_123).UTC()
	packed := make([]byte, 2*stock.WatermarkSize)
	for i, ms := 0, at.UnixMilli(); i < 8; i++ {
		packed[stock.WatermarkSize+8+i] = byte(ms >> (8 * i))
	}
	cases := map[string]struct {
		packed string
		slot   uint8
		want   time.Time
	}{
		"the one that was heard":    {string(packed), 1, at},
		"another slot":              {string(packed), 0, time.Time{}},
		"a slot beyond the string":  {string(packed), 2, time.Time{}},
		"cut in the middle":         {string(packed[:stock.WatermarkSize+12]), 1, time.Time{}},
		"no string at all":          {"", 0, time.Time{}},
		"the highest slot there is": {string(packed), 255, time.Time{}},
	}
	for name, c := range cases {
		if got := stock.WatermarkAt(c.packed, c.slot, 1); !got.Equal(c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
