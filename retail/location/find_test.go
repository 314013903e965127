package location_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/location"
)

// point draws where mistakes live: near the poles, the antimeridian, cell borders and one crowded city.
func point() *rapid.Generator[retail.GeoPoint] {
	return rapid.Custom(func(t *rapid.T) retail.GeoPoint {
		lat := rapid.OneOf(rapid.Float64Range(-90, 90), rapid.Float64Range(88, 90), rapid.Float64Range(-90, -89),
			rapid.Float64Range(31, 31.6), rapid.SampledFrom([]float64{-90, 0, 31.25, 90})).Draw(t, "lat")
		lon := rapid.OneOf(rapid.Float64Range(-180, 180), rapid.Float64Range(179, 180), rapid.Float64Range(-180, -179),
			rapid.Float64Range(121, 122), rapid.SampledFrom([]float64{-180, 0, 121.25, 180})).Draw(t, "lon")
		return retail.GeoPoint{Latitude: lat, Longitude: lon}
	})
}

// scan is Near done the slow way.
func scan(all []*retail.Location, p retail.GeoPoint, km float64, limit int, keep func(*retail.Location) bool) []string {
	var near []*retail.Location
	for _, l := range all {
		if p.DistanceKm(l.Position) <= km && keep(l) {
			near = append(near, l)
		}
	}
	slices.SortFunc(near, func(a, b *retail.Location) int {
		return cmp.Or(cmp.Compare(p.DistanceKm(a.Position), p.DistanceKm(b.Position)), cmp.Compare(a.Code, b.Code))
	})
	return codes(near[:min(limit, len(near))])
}

func TestNearFindsWhatALinearScanFinds(t *testing.T) {
	// A crowd spreads over enough cells that small circles use the grid and do not fall back to looking at all.
	random := rand.New(rand.NewPCG(1, 2))
	var crowd []*retail.Location
	for i := range 4000 {
		crowd = append(crowd, place(fmt.Sprintf("C-%d", i), random.Float64()*180-90, random.Float64()*360-180))
	}
	rapid.Check(t, func(t *rapid.T) {
		all := slices.Clone(crowd)
		for i, p := range rapid.SliceOfN(point(), 1, 60).Draw(t, "places") {
			all = append(all, place(fmt.Sprintf("S-%02d", i), p.Latitude, p.Longitude))
		}
		d := newDirectory(&master{list: all}, &clock{noon})
		if err := d.Refresh(context.Background()); err != nil {
			t.Fatal(err)
		}
		p := point().Draw(t, "from")
		km := rapid.OneOf(rapid.Float64Range(0, 60), rapid.Float64Range(0, 1500), rapid.Float64Range(0, 21_000)).Draw(t, "km")
		limit := rapid.IntRange(0, 50).Draw(t, "limit")
		keep := func(l *retail.Location) bool { return l.Code[len(l.Code)-1] != '7' }
		got := []string{}
		for _, c := range d.Near(context.Background(), p, km, limit, keep) {
			got = append(got, c.Location.Code)
			if *c.DistanceKm != p.DistanceKm(c.Location.Position) {
				t.Fatalf("%s is at %v km, not %v", c.Location.Code, p.DistanceKm(c.Location.Position), *c.DistanceKm)
			}
		}
		if diff := gocmp.Diff(scan(all, p, km, limit, keep), got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestNearOfNoPointIsNothing(t *testing.T) {
	d := newDirectory(&master{list: []*retail.Location{place("S-1", 0, 0)}}, &clock{noon})
	mustRefresh(t, d)
	nan := math.NaN()
	for _, p := range []retail.GeoPoint{{Latitude: nan}, {Latitude: 91}, {Longitude: math.Inf(1)}} {
		if got := d.Near(context.Background(), p, 100, 10, nil); len(got) != 0 {
			t.Errorf("%v: got %v", p, got)
		}
	}
	if got := d.Near(context.Background(), retail.GeoPoint{}, nan, 10, nil); len(got) != 0 {
		t.Errorf("within NaN km: got %v", got)
	}
	if got := d.Near(context.Background(), retail.GeoPoint{}, 1, -1, nil); len(got) != 0 {
		t.Errorf("limit -1: got %v", got)
	}
}

func town(t testing.TB) *location.Directory {
	t.Helper()
	var list []*retail.Location
	for i := range 25 {
		l := place(fmt.Sprintf("S-%02d", i), 31, 121+float64(i)/100)
		if i%5 == 0 {
			l.Kind = retail.FrontWarehouse
		}
		if i%2 == 0 {
			l.Services = []retail.PickupService{retail.ServicePickup}
		}
		if i%4 == 0 {
			l.Services = append(l.Services, retail.ServiceCurbside)
		}
		list = append(list, l)
	}
	slices.Reverse(list)
	d := newDirectory(&master{list: list}, &clock{noon})
	mustRefresh(t, d)
	return d
}

func TestPagesCoverTheListExactlyOnce(t *testing.T) {
	d, east := town(t), retail.GeoPoint{Latitude: 31, Longitude: 121.24}
	within := 1000.0
	for name, q := range map[string]location.Query{
		"by code":         {},
		"nearest first":   {Near: &east},
		"within a radius": {Near: &east, WithinKm: &within},
	} {
		for first := 1; first <= 26; first += 5 {
			q.First, q.After = first, ""
			got := []string{}
			for {
				c, err := d.List(context.Background(), q)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, codes(c.Nodes())...)
				if c.TotalCount.Value != 25 || c.PageInfo.HasPreviousPage != (q.After != "") {
					t.Errorf("%s: count %d, %+v", name, c.TotalCount.Value, c.PageInfo)
				}
				if !c.PageInfo.HasNextPage {
					break
				}
				q.After = *c.PageInfo.EndCursor
			}
			want := codes(d.All())
			if q.Near != nil {
				slices.Reverse(want)
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %d a page: %s", name, first, diff)
			}
		}
	}
}

func TestListFilters(t *testing.T) {
	d, west := town(t), retail.GeoPoint{Latitude: 31, Longitude: 121}
	five := 5.0
	for name, c := range map[string]struct {
		query location.Query
		want  []string
	}{
		"one kind":          {location.Query{Kinds: []retail.LocationKind{retail.FrontWarehouse}}, []string{"S-00", "S-05", "S-10", "S-15", "S-20"}},
		"all services":      {location.Query{Services: []retail.PickupService{retail.ServicePickup, retail.ServiceCurbside}}, []string{"S-00", "S-04", "S-08", "S-12", "S-16", "S-20", "S-24"}},
		"a radius":          {location.Query{Near: &west, WithinKm: &five}, []string{"S-00", "S-01", "S-02", "S-03", "S-04", "S-05"}},
		"a radius and kind": {location.Query{Near: &west, WithinKm: &five, Kinds: []retail.LocationKind{retail.FrontWarehouse}}, []string{"S-00", "S-05"}},
		"a kind nobody has": {location.Query{Kinds: []retail.LocationKind{retail.Warehouse}}, []string{}},
		"after the end":     {location.Query{After: retail.Cursor(math.MaxInt, 0)}, []string{}},
	} {
		c.query.First = 100
		got, err := d.List(context.Background(), c.query)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := gocmp.Diff(c.want, codes(got.Nodes())); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestListRefuses(t *testing.T) {
	d, nan, zero, far := town(t), math.NaN(), 0.0, 20001.0
	for name, q := range map[string]location.Query{
		"no page size":               {First: 0},
		"too large a page":           {First: 101},
		"a radius around nothing":    {First: 1, WithinKm: &far},
		"a point off the earth":      {First: 1, Near: &retail.GeoPoint{Latitude: 91}},
		"an empty circle":            {First: 1, Near: &retail.GeoPoint{}, WithinKm: &zero},
		"a circle beyond the earth":  {First: 1, Near: &retail.GeoPoint{}, WithinKm: &far},
		"a radius that is no number": {First: 1, Near: &retail.GeoPoint{}, WithinKm: &nan},
		"a foreign cursor":           {First: 1, After: "S-01"},
	} {
		if _, err := d.List(context.Background(), q); retail.CodeOf(err) != retail.CodeBadInput {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func BenchmarkNear(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	var list []*retail.Location
	for i := range 10_000 {
		list = append(list, place(fmt.Sprintf("S-%05d", i), 20+random.Float64()*25, 100+random.Float64()*25))
	}
	d := newDirectory(&master{list: list}, &clock{noon})
	mustRefresh(b, d)
	p := retail.GeoPoint{Latitude: 31.2304, Longitude: 121.4737}
	b.ReportAllocs()
	for b.Loop() {
		d.Near(context.Background(), p, 50, 20, nil)
	}
}
