package location

import (
	"cmp"
	"context"
	"hash/fnv"
	"io"
	"slices"

	"github.com/portico-retail/portico/retail"
)

// MaxRadiusKm bounds a search; half the circumference of the earth is a little more.
const MaxRadiusKm = 20000

// Near lists the locations within withinKm of p and the reach of ctx that keep accepts, nearest first, those at the same
// distance by code; limit at most. A nil keep accepts all; a point off the earth has no neighbours.
func (d *Directory) Near(
	ctx context.Context, p retail.GeoPoint, withinKm float64, limit int, keep func(*retail.Location) bool,
) []retail.Candidate {
	found := d.seen(ctx).near(p, withinKm, keep)
	return candidates(found[:min(max(0, limit), len(found))])
}

// hit is a location and its distance by value, so that sorting moves no pointers to floats.
type hit struct {
	location *retail.Location
	km       float64
}

func (s *snapshot) near(p retail.GeoPoint, withinKm float64, keep func(*retail.Location) bool) []hit {
	if !p.Valid() {
		return nil
	}
	var found []hit
	s.grid.around(p, withinKm, func(l *retail.Location) {
		km := p.DistanceKm(l.Position)
		if km <= withinKm && (keep == nil || keep(l)) {
			found = append(found, hit{l, km})
		}
	})
	slices.SortFunc(found, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.km, b.km), cmp.Compare(a.location.Code, b.location.Code))
	})
	return found
}

func candidates(found []hit) []retail.Candidate {
	list := make([]retail.Candidate, len(found))
	distances := make([]float64, len(found))
	for i, h := range found {
		distances[i] = h.km
		list[i] = retail.Candidate{Location: h.location, DistanceKm: &distances[i]}
	}
	return list
}

// Query asks for a page of locations.
type Query struct {
	Near     *retail.GeoPoint
	WithinKm *float64 // needs Near; unlimited when nil
	Kinds    []retail.LocationKind
	Services []retail.PickupService // all of them
	First    int                    // 1 to 100
	After    string
}

func (q Query) check() error {
	if err := retail.CheckFirst(q.First, retail.MaxPage); err != nil {
		return err
	}
	switch {
	case q.Near != nil && !q.Near.Valid():
		return retail.BadInput("near is no point on the earth")
	case q.WithinKm != nil && q.Near == nil:
		return retail.BadInput("withinKm needs near")
	case q.WithinKm != nil && !(*q.WithinKm > 0 && *q.WithinKm <= MaxRadiusKm):
		return retail.BadInput("withinKm must be more than 0 and at most %d", MaxRadiusKm)
	}
	return nil
}

func (q Query) keeps(l *retail.Location) bool {
	if len(q.Kinds) > 0 && !slices.Contains(q.Kinds, l.Kind) {
		return false
	}
	for _, s := range q.Services {
		if !l.Offers(s) {
			return false
		}
	}
	return true
}

// List returns a page of what is within the reach of ctx: nearest first when a point is given, else by code. A cursor of a former
// snapshot continues at its position, so an entry may be missed or repeated when places came or went in between.
func (d *Directory) List(ctx context.Context, q Query) (*Connection, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	after := -1
	if q.After != "" {
		var err error
		if after, _, err = retail.ParseCursor(q.After); err != nil {
			return nil, err
		}
	}
	s := d.seen(ctx)
	matches := s.matching(q)
	fresh := d.freshness(s)
	record(ctx, fresh)
	return page(matches, after, q.First, s.version, fresh), nil
}

func (s *snapshot) matching(q Query) []retail.Candidate {
	if q.Near != nil {
		within := float64(2 * MaxRadiusKm) // farther than any two points
		if q.WithinKm != nil {
			within = *q.WithinKm
		}
		return candidates(s.near(*q.Near, within, q.keeps))
	}
	var list []retail.Candidate
	for _, l := range s.all {
		if q.keeps(l) {
			list = append(list, retail.Candidate{Location: l})
		}
	}
	return list
}

// versionOf tells lists of different places apart; it is the same in every gateway that knows the same places.
func versionOf(all []*retail.Location) uint64 {
	h := fnv.New64a()
	for _, l := range all {
		_, _ = io.WriteString(h, l.Code+"\n") // a hash never fails to write
	}
	return h.Sum64()
}

// page cuts the page behind the position after, which is -1 for the first.
func page(matches []retail.Candidate, after, first int, version uint64, fresh retail.Freshness) *Connection {
	start := min(after, len(matches)-1) + 1
	end := min(start+first, len(matches))
	c := &Connection{
		Edges:      make([]Edge, 0, end-start),
		TotalCount: retail.Count{Value: len(matches), Precision: retail.Exact},
		PageInfo:   retail.PageInfo{HasPreviousPage: start > 0, HasNextPage: end < len(matches)},
		Freshness:  fresh,
	}
	for i, m := range matches[start:end] {
		c.Edges = append(c.Edges, Edge{
			Cursor: retail.Cursor(start+i, version), Node: m.Location, DistanceKm: m.DistanceKm,
		})
	}
	if n := len(c.Edges); n > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[n-1].Cursor
	}
	return c
}

// record notes the date of the directory in the response's source log.
func record(ctx context.Context, fresh retail.Freshness) {
	report := retail.SourceReport{Source: fresh.Source, Status: retail.StatusOK}
	if fresh.Basis == retail.BasisStale {
		report.Status = retail.StatusStale
	}
	if fresh.AsOf != nil {
		report.AsOf = *fresh.AsOf
	}
	retail.SourceLogOf(ctx).Record(report)
}
