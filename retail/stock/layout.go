package stock

import (
	"fmt"
	"sort"

	"github.com/portico-retail/portico/retail"
)

// SlotsPerPartition is how many locations share a partition, and so one Redis hash slot.
const SlotsPerPartition = 32

// fillTo is how many slots a new layout fills, so that later locations find room beside their neighbours.
const fillTo = 28

// Place is where a location's stock lies in the projection.
type Place struct {
	Partition uint16
	Slot      uint8
}

// Layout assigns every location a place. Places are given once and never reused, so a stored row stays valid when
// locations come and go.
type Layout map[string]Place

// Extend returns a layout that keeps every place of l and gives one to each location that has none yet. Locations are
// taken in the order of a space-filling curve, so that neighbours share partitions and a radius touches few of them.
// Extend is a pure function: the same input gives the same layout everywhere.
func (l Layout) Extend(locations []*retail.Location) Layout {
	out := make(Layout, len(l)+len(locations))
	used := map[uint16]int{}
	next := uint16(0)
	for code, p := range l {
		out[code] = p
		used[p.Partition] = max(used[p.Partition], int(p.Slot)+1)
		next = max(next, p.Partition+1)
	}
	missing := make([]*retail.Location, 0, len(locations))
	for _, loc := range locations {
		if _, ok := out[loc.Code]; !ok {
			missing = append(missing, loc)
		}
	}
	sort.Slice(missing, func(i, j int) bool {
		a, b := curve(missing[i].Position), curve(missing[j].Position)
		if a != b {
			return a < b
		}
		return missing[i].Code < missing[j].Code
	})
	known := make(map[string]*retail.Location, len(locations))
	for _, loc := range locations {
		known[loc.Code] = loc
	}
	open, isOpen := uint16(0), false
	for _, loc := range missing {
		p, ok := roomNear(loc, l, known, used)
		if !ok {
			if !isOpen || used[open] >= fillTo {
				open, isOpen = next, true
				next++
			}
			p = open
		}
		out[loc.Code] = Place{Partition: p, Slot: uint8(used[p])}
		used[p]++
	}
	return out
}

// roomNear finds the partition of the nearest location that l already places, if it has a free slot.
func roomNear(loc *retail.Location, l Layout, known map[string]*retail.Location, used map[uint16]int) (uint16, bool) {
	best, found, bestKm := uint16(0), false, 50.0
	for code, p := range l {
		other := known[code]
		if other == nil || used[p.Partition] >= SlotsPerPartition {
			continue
		}
		km := loc.Position.DistanceKm(other.Position)
		if km < bestKm || (km == bestKm && found && p.Partition < best) {
			best, bestKm, found = p.Partition, km, true
		}
	}
	return best, found
}

// curve is the position of a point along a Hilbert curve over a 65,536 × 65,536 grid of the globe.
func curve(p retail.GeoPoint) uint64 {
	const side = 1 << 16
	x := uint32(min(side-1, max(0, (p.Longitude+180)/360*side)))
	y := uint32(min(side-1, max(0, (p.Latitude+90)/180*side)))
	var d uint64
	for s := uint32(side / 2); s > 0; s /= 2 {
		var rx, ry uint32
		if x&s != 0 {
			rx = 1
		}
		if y&s != 0 {
			ry = 1
		}
		d += uint64(s) * uint64(s) * uint64((3*rx)^ry)
		if ry == 0 {
			if rx == 1 {
				x, y = side-1-x, side-1-y
			}
			x, y = y, x
		}
	}
	return d
}

// Tag names a partition in keys; as the cluster hash tag it keeps a partition's keys in one slot.
func Tag(partition uint16) string { return fmt.Sprintf("{p%03d}", partition) }
