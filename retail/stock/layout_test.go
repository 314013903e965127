package stock_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func locationsGen() *rapid.Generator[[]*retail.Location] {
	one := rapid.Custom(func(t *rapid.T) *retail.Location {
		return &retail.Location{
			Code: fmt.Sprintf("S-%d", rapid.IntRange(0, 400).Draw(t, "code")),
			Position: retail.GeoPoint{
				Latitude: rapid.Float64Range(-90, 90).Draw(t, "latitude"), Longitude: rapid.Float64Range(-180, 180).Draw(t, "longitude"),
			},
		}
	})
	return rapid.SliceOfNDistinct(one, 0, 120, func(l *retail.Location) string { return l.Code })
}

func TestExtendKeepsEveryPlaceAndGivesEachLocationItsOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layout := stock.Layout{}
		for range rapid.IntRange(1, 4).Draw(t, "steps") {
			locations := locationsGen().Draw(t, "locations")
			before := layout
			layout = before.Extend(locations)
			for code, place := range before {
				if layout[code] != place {
					t.Fatalf("%s moved from %v to %v", code, place, layout[code])
				}
			}
			shuffled := slices.Clone(locations)
			rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) {
				shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
			})
			if diff := cmp.Diff(layout, before.Extend(shuffled)); diff != "" {
				t.Fatalf("the order of the list changes the layout:\n%s", diff)
			}
			for _, l := range locations {
				if _, placed := layout[l.Code]; !placed {
					t.Fatalf("%s has no place", l.Code)
				}
			}
			taken := map[stock.Place]string{}
			for code, place := range layout {
				if other, twice := taken[place]; twice || place.Slot >= stock.SlotsPerPartition {
					t.Fatalf("%s has place %v, %q has it too", code, place, other)
				}
				taken[place] = code
			}
		}
	})
}

func TestNeighboursShareAPartition(t *testing.T) {
	cities := []retail.GeoPoint{
		{Latitude: 31.2304, Longitude: 121.4737}, {Latitude: 39.9042, Longitude: 116.4074}, {Latitude: 23.1291, Longitude: 113.2644},
	}
	var all []*retail.Location
	for i := range 84 {
		city := cities[i%3]
		city.Latitude += float64(i/3%5) * 0.02
		city.Longitude += float64(i/15) * 0.02
		all = append(all, &retail.Location{Code: fmt.Sprintf("S-%03d", i), Position: city})
	}
	layout := stock.Layout{}.Extend(all)
	partitions := make([]map[uint16]bool, 3)
	for i, l := range all {
		if partitions[i%3] == nil {
			partitions[i%3] = map[uint16]bool{}
		}
		partitions[i%3][layout[l.Code].Partition] = true
	}
	for i, p := range partitions {
		if len(p) > 2 {
			t.Errorf("the 28 stores of city %d lie in %d partitions, want 2 at most", i, len(p))
		}
	}
	opened := &retail.Location{Code: "NEW", Position: cities[1]}
	place := layout.Extend(append(all, opened))["NEW"]
	if !partitions[1][place.Partition] {
		t.Errorf("a store opened in a known city lies in partition %d, its neighbours in %v", place.Partition, partitions[1])
	}
}

func TestTagNamesAPartition(t *testing.T) {
	for partition, want := range map[uint16]string{0: "{p000}", 17: "{p017}", 65535: "{p65535}"} {
		if got := stock.Tag(partition); got != want {
			t.Errorf("Tag(%d) is %s, want %s", partition, got, want)
		}
	}
}
