package location_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/location"
)

// Whatever is asked within a reach has the answer of a directory that knows no other places.
func TestPlacesBeyondReachAreAsIfTheyDidNotExist(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all, within []*retail.Location
		reach := &retail.Reach{Locations: []string{"GONE"}}
		kinds := rapid.SampledFrom([]retail.LocationKind{retail.Store, retail.Warehouse})
		for i, p := range rapid.SliceOfN(point(), 2, 40).Draw(t, "places") {
			l := place(fmt.Sprintf("S-%02d", i), p.Latitude, p.Longitude)
			l.Kind = kinds.Draw(t, "kind")
			all = append(all, l)
			if rapid.Bool().Draw(t, "within") {
				within = append(within, l)
				reach.Locations = append(reach.Locations, l.Code)
			}
		}
		within = append(within, place("KNOWN", 0, 0)) // a directory is never empty
		all, reach.Locations = append(all, within[len(within)-1]), append(reach.Locations, "KNOWN")
		whole, part := newDirectory(&master{list: all}, &clock{noon}), newDirectory(&master{list: within}, &clock{noon})
		for _, d := range []*location.Directory{whole, part} {
			if err := d.Refresh(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		ctx, free := retail.WithReach(context.Background(), reach), context.Background()
		code := rapid.SampledFrom(append(codes(all), "GONE", "NOWHERE", "a b", retail.GlobalID(retail.KindProduct, "p")))
		from, km := point().Draw(t, "from"), rapid.Float64Range(1, 20_000).Draw(t, "km")
		q := location.Query{First: rapid.IntRange(1, 10).Draw(t, "first")}
		if rapid.Bool().Draw(t, "near") {
			q.Near, q.WithinKm = &from, &km
		}
		if rapid.Bool().Draw(t, "stores") {
			q.Kinds = []retail.LocationKind{retail.Store}
		}
		if rapid.Bool().Draw(t, "continues a page of somebody who sees everything") {
			page, err := whole.List(free, location.Query{First: rapid.IntRange(1, 40).Draw(t, "their page")})
			if err != nil {
				t.Fatal(err)
			}
			q.After = *page.PageInfo.EndCursor
		}
		refs := rapid.SliceOfN(code, 0, 4).Draw(t, "refs")
		ask := func(ctx context.Context, d *location.Directory) string {
			page, err := d.List(ctx, q)
			found, refused := d.Resolve(ctx, refs)
			one, ok := d.Find(ctx, refs0(refs))
			near := d.Near(ctx, from, km, 20, func(l *retail.Location) bool { return l.Kind == retail.Store })
			return fmt.Sprint(listed(page, err), codes(found), refused, one != nil, ok, candidateCodes(near), codes(d.Within(ctx)))
		}
		if diff := gocmp.Diff(ask(free, part), ask(ctx, whole)); diff != "" {
			t.Fatal(diff)
		}
		if len(whole.All()) != len(all) {
			t.Fatal("the gateway itself knows all places")
		}
	})
}

func refs0(refs []string) string {
	if len(refs) == 0 {
		return ""
	}
	return refs[0]
}

func listed(c *location.Connection, err error) string {
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, e := range c.Edges {
		km := -1.0
		if e.DistanceKm != nil {
			km = *e.DistanceKm
		}
		out = append(out, fmt.Sprint(e.Cursor, e.Node.Code, km))
	}
	return fmt.Sprint(out, c.TotalCount, c.PageInfo.HasNextPage, c.PageInfo.HasPreviousPage)
}

func candidateCodes(list []retail.Candidate) []string {
	var out []string
	for _, c := range list {
		out = append(out, fmt.Sprint(c.Location.Code, *c.DistanceKm))
	}
	return out
}

func TestAReachKeepsItsViewUntilTheDirectoryChanges(t *testing.T) {
	m := &master{list: []*retail.Location{place("S-1", 31, 121), place("S-2", 31, 121)}}
	d := newDirectory(m, &clock{noon})
	mustRefresh(t, d)
	ctx := retail.WithReach(t.Context(), &retail.Reach{Locations: []string{"S-2", "S-3"}})
	if got := codes(d.Within(ctx)); !slices.Equal(got, []string{"S-2"}) {
		t.Errorf("sees %v", got)
	}
	m.list = append(m.list, place("S-3", 31, 121))
	mustRefresh(t, d)
	if got := codes(d.Within(ctx)); !slices.Equal(got, []string{"S-2", "S-3"}) {
		t.Errorf("after a new place: sees %v", got)
	}
}
