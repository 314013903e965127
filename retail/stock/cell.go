package stock

import (
	"encoding/binary"
	"math/bits"
)

// Cell is what the projection holds for one SKU at one location: one register per source plus the holds. A register is
// written by its own source only.
type Cell struct {
	OnHand    int32  // ERP: book quantity, may be negative
	Cut       int32  // ERP: POS counter contained in OnHand
	Sold      int32  // POS: cumulative net units sold, may be negative
	Allocated int32  // shop: open allocations
	Held      int32  // holds
	Safety    uint16 // ERP: units never promised
	Flags     uint16 // ERP: FlagRanged
	OnHandVer uint32 // version of the ERP register; 0 = never heard
	SoldVer   uint32 // version of the POS register
	AllocVer  uint32 // version of the shop register
}

// FlagRanged says that the place carries the SKU.
const FlagRanged uint16 = 1

// CellSize is the packed size of a Cell in bytes, little endian, fields in the order of the struct.
const CellSize = 36

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
	c.OnHand, c.Cut, c.Sold = int32(u32(row, at)), int32(u32(row, at+4)), int32(u32(row, at+8))
	c.Allocated, c.Held = int32(u32(row, at+12)), int32(u32(row, at+16))
	c.Safety, c.Flags = u16(row, at+20), u16(row, at+22)
	c.OnHandVer, c.SoldVer, c.AllocVer = u32(row, at+24), u32(row, at+28), u32(row, at+32)
	return true
}

func u32(s string, i int) uint32 {
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
}

func u16(s string, i int) uint16 { return uint16(s[i]) | uint16(s[i+1])<<8 }

// Append packs c at the end of b.
func (c Cell) Append(b []byte) []byte {
	le := binary.LittleEndian
	for _, v := range [...]int32{c.OnHand, c.Cut, c.Sold, c.Allocated, c.Held} {
		b = le.AppendUint32(b, uint32(v))
	}
	b = le.AppendUint16(b, c.Safety)
	b = le.AppendUint16(b, c.Flags)
	for _, v := range [...]uint32{c.OnHandVer, c.SoldVer, c.AllocVer} {
		b = le.AppendUint32(b, v)
	}
	return b
}
