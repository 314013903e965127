package stock

import (
	"encoding/binary"
	"math/bits"
)

// Cell is what the projection holds for one SKU at one location: one register per source plus what the claims
// count. A register is written by its own source only, and the claims' counters by the scripts of claims only.
type Cell struct {
	OnHand    int32  // ERP: book quantity, may be negative
	Cut       int32  // ERP: POS counter contained in OnHand
	Safety    uint16 // ERP: units never promised, at most MaxSafety
	Carried   bool   // ERP: the place carries the SKU
	OnHandVer uint32 // version of the ERP register; 0 = never heard
	Sold      int32  // POS: cumulative net units sold, may be negative
	SoldVer   uint32 // version of the POS register
	Allocated int32  // shop: open allocations; orders of the gateway are not among them
	AllocVer  uint32 // version of the shop register
	Held      uint16 // claims that may still end without a sale
	Ordered   uint16 // claims that the ledger has allocated
}

// MaxClaimed bounds each counter of claims; a claim that would exceed it is refused.
const MaxClaimed = 1<<16 - 1

// MaxSafety bounds safety stock: its sixteenth bit says whether the place carries the SKU.
const MaxSafety = 1<<15 - 1

const carriedBit uint16 = 1 << 15

// CellSize is the packed size of a Cell in bytes, little endian, fields in the order of the struct, Carried as the highest
// bit of Safety. A source's register is therefore one run of bytes that ends with its version, so that a writer replaces
// it without knowing its fields.
const CellSize = 34

// registers say where in a packed cell each source's register lies, by SourceIndex.
var registers = [...]struct{ offset, size int }{{0, 14}, {14, 8}, {22, 8}}

// RowHeader is the size of the bitmap that starts a row.
const RowHeader = 4

// A row holds the cells of one SKU in one partition: a 32-bit little-endian bitmap of the slots present, then their
// cells in slot order. A place that never had a fact about the SKU takes no space.

// CellAt unpacks the cell of slot from row into c; it reports false when the row has none or is malformed.
func CellAt(row string, slot uint8, c *Cell) bool {
	if len(row) < RowHeader || slot >= SlotsPerPartition {
		return false
	}
	present := u32(row, 0)
	bit := uint32(1) << slot
	if present&bit == 0 {
		return false
	}
	at := RowHeader + CellSize*bits.OnesCount32(present&(bit-1))
	if len(row) < at+CellSize {
		return false
	}
	c.OnHand, c.Cut = int32(u32(row, at)), int32(u32(row, at+4))
	safety := u16(row, at+8)
	c.Safety, c.Carried, c.OnHandVer = safety&^carriedBit, safety&carriedBit != 0, u32(row, at+10)
	c.Sold, c.SoldVer = int32(u32(row, at+14)), u32(row, at+18)
	c.Allocated, c.AllocVer = int32(u32(row, at+22)), u32(row, at+26)
	c.Held, c.Ordered = u16(row, at+30), u16(row, at+32)
	return true
}

func u32(s string, i int) uint32 {
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
}

func u16(s string, i int) uint16 { return uint16(s[i]) | uint16(s[i+1])<<8 }

// Append packs c at the end of b.
func (c Cell) Append(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(c.OnHand))
	b = le.AppendUint32(b, uint32(c.Cut))
	safety := c.Safety &^ carriedBit
	if c.Carried {
		safety |= carriedBit
	}
	b = le.AppendUint16(b, safety)
	b = le.AppendUint32(b, c.OnHandVer)
	b = le.AppendUint32(b, uint32(c.Sold))
	b = le.AppendUint32(b, c.SoldVer)
	b = le.AppendUint32(b, uint32(c.Allocated))
	b = le.AppendUint32(b, c.AllocVer)
	b = le.AppendUint16(b, c.Held)
	return le.AppendUint16(b, c.Ordered)
}

// AppendRegister packs what f writes at the end of b: one byte for the offset of its source's register in a cell, one for
// the register's size, then the register. A fact of an unknown source packs to nothing.
func (f *Fact) AppendRegister(b []byte) []byte {
	source := SourceIndex(f.Source)
	if source < 0 {
		return b
	}
	var c Cell
	c.Put(f)
	var packed [CellSize]byte
	c.Append(packed[:0])
	r := registers[source]
	b = append(b, byte(r.offset), byte(r.size))
	return append(b, packed[r.offset:r.offset+r.size]...)
}
