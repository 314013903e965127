package stock

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// grid is the state of some SKUs at some locations, as one question sees it. Cells lie SKU by SKU.
type grid struct {
	skus  []string
	locs  []retail.Candidate
	cells []Cell
	marks []marks // per location
	// beyond tells which SKUs lie beyond the asker's reach; nil when none can. Their cells stay as empty as those of SKUs that do
	// not exist. They are asked about all the same, so that nothing else tells the two apart.
	beyond []bool
}

// marks are one location's watermarks in milliseconds since 1970 by SourceIndex, 0 = never heard, and which of them were
// asked live for this grid.
type marks struct {
	at   [len(sources)]int64
	live [len(sources)]bool
}

func (g *grid) cell(sku, loc int) *Cell { return &g.cells[sku*len(g.locs)+loc] }

// expects reports whether the source has a say at the location: every place is in the ERP and the shop, tills stand in
// stores, and a place that ever had till data has tills.
func (m *marks) expects(loc *retail.Location, source int) bool {
	return sources[source] != retail.SourcePOS || loc.Kind == retail.Store || m.at[source] > 0
}

// oldest is the source furthest behind at a location and its watermark; zero when it was never heard.
func (m *marks) oldest(loc *retail.Location) (source int, at int64) {
	source = -1
	for i := range m.at {
		if m.expects(loc, i) && (source < 0 || m.at[i] < at) {
			source, at = i, m.at[i]
		}
	}
	return source, at
}

// load reads the grid from the projection, in one pipeline. With an error the grid holds what could be read; locations
// that could not have no watermarks.
func (s *Service) load(ctx context.Context, skus []string, locs []retail.Candidate) (*grid, error) {
	g := &grid{skus: skus, locs: locs, cells: make([]Cell, len(skus)*len(locs)), marks: make([]marks, len(locs))}
	if reach := retail.ReachOf(ctx); reach.BoundsSKUs() {
		g.beyond = make([]bool, len(skus))
		for k, sku := range skus {
			g.beyond[k] = !reach.SKU(sku)
		}
	}
	layout := s.deps.Layout.Layout()
	reads := make([]PartitionRead, 0, 4)
	places := make([]placed, len(locs))
	for i, c := range locs {
		place, ok := layout[c.Location.Code]
		if !ok {
			places[i].read = -1
			continue
		}
		read := findRead(reads, place.Partition)
		if read < 0 {
			read = len(reads)
			reads = append(reads, PartitionRead{Partition: place.Partition})
		}
		places[i] = placed{read: read, slot: place.Slot}
	}
	if len(reads) == 0 {
		return g, nil
	}
	err := s.deps.Projection.Read(ctx, reads, skus)
	for i, p := range places {
		if p.read < 0 || len(reads[p.read].Rows) < len(skus) {
			continue
		}
		read := &reads[p.read]
		for source := range sources {
			if t := WatermarkAt(read.Watermarks, p.slot, source); !t.IsZero() {
				g.marks[i].at[source] = t.UnixMilli()
			}
		}
		for k := range skus {
			if g.beyond == nil || !g.beyond[k] {
				CellAt(read.Rows[k], p.slot, g.cell(k, i))
			}
		}
	}
	return g, err
}

// placed is where a location of the grid lies among the reads; read is -1 when it has no place yet.
type placed struct {
	read int
	slot uint8
}

func findRead(reads []PartitionRead, partition uint16) int {
	for i := range reads {
		if reads[i].Partition == partition {
			return i
		}
	}
	return -1
}

// merge folds one source's live answer into the grid. Registers keep the highest version. A source that knows less about a
// pair than it told before has lost data or answers from an old copy, so its date of that place is worth nothing.
func (g *grid) merge(b Batch) {
	skuAt := make(map[string]int, len(g.skus))
	for i, sku := range g.skus {
		skuAt[sku] = i
	}
	locAt := make(map[string]int, len(g.locs))
	for i, c := range g.locs {
		locAt[c.Location.Code] = i
	}
	behind := map[string]bool{}
	for i := range b.Facts {
		f := &b.Facts[i]
		sku, okSKU := skuAt[f.SKU]
		loc, okLoc := locAt[f.Location]
		if !okSKU || !okLoc || g.beyond != nil && g.beyond[sku] {
			continue
		}
		c := g.cell(sku, loc)
		if f.Version < c.version(f.Source) {
			behind[f.Location] = true
		}
		c.Put(f)
	}
	for _, m := range b.Marks {
		loc, ok := locAt[m.Location]
		source := SourceIndex(m.Source)
		if !ok || source < 0 || m.AsOf.UnixMilli() <= 0 || behind[m.Location] {
			continue
		}
		g.marks[loc].at[source], g.marks[loc].live[source] = m.AsOf.UnixMilli(), true
	}
}

// freshness dates a location's cells; care is what its sources ask for.
func (m *marks) freshness(loc *retail.Location, now time.Time, care reasonSet) retail.Freshness {
	source, at := m.oldest(loc)
	basis := retail.BasisProjected
	switch {
	case care != 0:
		basis = retail.BasisStale
	case m.live[source]:
		basis = retail.BasisLive
	}
	var asOf time.Time
	if at > 0 {
		asOf = time.UnixMilli(at).UTC()
	}
	return retail.FreshnessAt(asOf, now, sources[source], basis)
}

// late reports whether a watermark is too old, or so far ahead of our clock that one of the clocks is wrong and nobody can
// tell its age.
func (s *Service) late(at int64, now time.Time) bool {
	age, limit := now.UnixMilli()-at, s.policy.StaleAfter.Milliseconds()
	return age > limit || age < -limit
}
