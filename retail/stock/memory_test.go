package stock_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// memoryProjection keeps packed rows in process memory, for tests of what is built upon them.
type memoryProjection struct {
	layout stock.Layout
	cells  map[string]map[uint8]*stock.Cell // by partition tag and SKU
	marks  map[uint16][]byte
	lost   bool
}

func newMemoryProjection(world []*retail.Location) *memoryProjection {
	return &memoryProjection{
		layout: stock.Layout{}.Extend(world), cells: map[string]map[uint8]*stock.Cell{}, marks: map[uint16][]byte{},
	}
}

func (m *memoryProjection) Layout() stock.Layout { return m.layout }

func (m *memoryProjection) put(f stock.Fact) { m.cell(f.Location, f.SKU).Put(&f) }

func (m *memoryProjection) claim(location, sku string, held, ordered uint16) {
	c := m.cell(location, sku)
	c.Held, c.Ordered = held, ordered
}

func (m *memoryProjection) cell(location, sku string) *stock.Cell {
	place := m.layout[location]
	key := stock.Tag(place.Partition) + sku
	if m.cells[key] == nil {
		m.cells[key] = map[uint8]*stock.Cell{}
	}
	if m.cells[key][place.Slot] == nil {
		m.cells[key][place.Slot] = &stock.Cell{}
	}
	return m.cells[key][place.Slot]
}

func (m *memoryProjection) mark(location string, source retail.Source, at time.Time) {
	place := m.layout[location]
	if m.marks[place.Partition] == nil {
		m.marks[place.Partition] = make([]byte, stock.SlotsPerPartition*stock.WatermarkSize)
	}
	offset := int(place.Slot)*stock.WatermarkSize + 8*stock.SourceIndex(source)
	binary.LittleEndian.PutUint64(m.marks[place.Partition][offset:], uint64(at.UnixMilli()))
}

func (m *memoryProjection) Read(_ context.Context, reads []stock.PartitionRead, skus []string) error {
	if m.lost {
		return errors.New("the projection is lost")
	}
	for i := range reads {
		r := &reads[i]
		r.Watermarks = string(m.marks[r.Partition])
		r.Rows = make([]string, len(skus))
		for k, sku := range skus {
			r.Rows[k] = packRow(m.cells[stock.Tag(r.Partition)+sku])
		}
	}
	return nil
}

func packRow(cells map[uint8]*stock.Cell) string {
	if len(cells) == 0 {
		return ""
	}
	var bitmap uint32
	row := make([]byte, stock.RowHeader)
	for slot := range uint8(stock.SlotsPerPartition) {
		if c := cells[slot]; c != nil {
			bitmap |= 1 << slot
			row = c.Append(row)
		}
	}
	binary.LittleEndian.PutUint32(row, bitmap)
	return string(row)
}

// memoryDirectory is a list of locations searched one by one.
type memoryDirectory []*retail.Location

func (d memoryDirectory) Within(ctx context.Context) []*retail.Location {
	all := d.within(ctx)
	slices.SortFunc(all, func(a, b *retail.Location) int { return cmp.Compare(a.Code, b.Code) })
	return all
}

func (d memoryDirectory) within(ctx context.Context) memoryDirectory {
	return slices.DeleteFunc(slices.Clone(d), func(l *retail.Location) bool { return !retail.ReachOf(ctx).Location(l.Code) })
}

func (d memoryDirectory) Resolve(ctx context.Context, refs []string) ([]*retail.Location, error) {
	d = d.within(ctx)
	var out []*retail.Location
	for _, ref := range refs {
		i := slices.IndexFunc(d, func(l *retail.Location) bool { return l.Code == ref || l.ID() == ref })
		if i < 0 {
			return nil, retail.Errorf(retail.CodeNotFound, "there is no location %q", ref)
		}
		out = append(out, d[i])
	}
	return out, nil
}

func (d memoryDirectory) Near(
	ctx context.Context, p retail.GeoPoint, withinKm float64, limit int, keep func(*retail.Location) bool,
) []retail.Candidate {
	var out []retail.Candidate
	for _, l := range d.within(ctx) {
		if km := p.DistanceKm(l.Position); km <= withinKm && (keep == nil || keep(l)) {
			out = append(out, retail.Candidate{Location: l, DistanceKm: &km})
		}
	}
	slices.SortFunc(out, func(a, b retail.Candidate) int { return cmp.Compare(*a.DistanceKm, *b.DistanceKm) })
	return out[:min(limit, len(out))]
}
