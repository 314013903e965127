package retail_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
)

func TestRangesOfSKUs(t *testing.T) {
	for name, c := range map[string]struct {
		in       retail.SKURange
		valid    bool
		holds    []string
		holdsNot []string
	}{
		"one SKU":               {retail.SKURange{First: "10000018", Last: "10000018"}, true, []string{"10000018"}, []string{"1000001", "100000180", "10000018-XL", "10000017", ""}},
		"from a SKU to another": {retail.SKURange{First: "10000000", Last: "10000999"}, true, []string{"10000000", "10000500", "10000999"}, []string{"09999999", "10001000", "100005", "1000050000", "10000999A"}},
		"a beginning":           {retail.SKURange{First: "10"}, true, []string{"10", "10A", "109999"}, []string{"1", "11", "A10", ""}},
		"letters":               {retail.SKURange{First: "AB-1", Last: "AB-9"}, true, []string{"AB-1", "AB-5"}, []string{"AB-A", "AC-1", "AB-10"}},
		"ends of two lengths":   {retail.SKURange{First: "1", Last: "10"}, false, nil, nil},
		"ends in disorder":      {retail.SKURange{First: "2", Last: "1"}, false, nil, []string{"1", "2"}},
		"the zero range":        {retail.SKURange{}, false, nil, []string{"", "1", "A"}},
		"an end without a start": {
			retail.SKURange{Last: "9"}, false, nil, []string{"", "1", "9"},
		},
		"what is no SKU": {retail.SKURange{First: "10 "}, false, nil, []string{"10"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.in.Valid() != c.valid {
				t.Errorf("valid: %v", c.in.Valid())
			}
			for _, sku := range c.holds {
				if !c.in.Contains(sku) {
					t.Errorf("does not hold %q", sku)
				}
			}
			for _, sku := range c.holdsNot {
				if c.in.Contains(sku) {
					t.Errorf("holds %q", sku)
				}
			}
		})
	}
}

func TestAnEmptyPartBoundsNothing(t *testing.T) {
	bounded := &retail.Reach{
		Locations: []string{"S-1"}, SKUs: []retail.SKURange{{First: "1"}}, Channels: []retail.Channel{retail.ChannelPartner},
	}
	for name, c := range map[string]struct {
		reach               *retail.Reach
		place, sku, channel bool // beyond
	}{
		"none":    {nil, false, false, false},
		"empty":   {&retail.Reach{}, false, false, false},
		"bounded": {bounded, true, true, true},
		"places":  {&retail.Reach{Locations: bounded.Locations}, true, false, false},
		"SKUs":    {&retail.Reach{SKUs: bounded.SKUs}, false, true, false},
		"channel": {&retail.Reach{Channels: bounded.Channels}, false, false, true},
	} {
		r := c.reach
		if !r.Location("S-1") || !r.SKU("17") || !r.Channel(retail.ChannelPartner) {
			t.Errorf("%s: does not reach what it names", name)
		}
		if r.Location("S-2") == c.place || r.SKU("27") == c.sku || r.Channel(retail.ChannelWeb) == c.channel {
			t.Errorf("%s: reaches the wrong things", name)
		}
		if got := retail.ReachOf(retail.WithReach(t.Context(), r)); got != r {
			t.Errorf("%s: the context carries %v", name, got)
		}
	}
	if retail.ReachOf(context.Background()) != nil {
		t.Error("a context is bounded by nothing")
	}
}

// viewsOfPlaces are views that count how often one is made.
func viewsOfPlaces(made *atomic.Int32) *retail.Views[retail.ReachKey, string] {
	return retail.NewViews((*retail.Reach).LocationsKey, func(r *retail.Reach) string {
		made.Add(1)
		return strings.Join(slices.Sorted(slices.Values(r.Locations)), " ")
	})
}

func reaches(n int, prefix string) []*retail.Reach {
	list := make([]*retail.Reach, n)
	for i := range list {
		list[i] = &retail.Reach{Locations: []string{fmt.Sprint(prefix, i)}}
	}
	return list
}

func TestAViewIsMadeOnceForAllWhoAskAtTheSameTime(t *testing.T) {
	var made atomic.Int32
	views := viewsOfPlaces(&made)
	reach := &retail.Reach{Locations: []string{"S-1"}}
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if got := views.Of(reach); got != "S-1" {
				t.Errorf("got %q", got)
			}
		})
	}
	group.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times", made.Load())
	}
}

func TestReachesOfTheSamePlacesShareAView(t *testing.T) {
	var made atomic.Int32
	views := viewsOfPlaces(&made)
	one := &retail.Reach{Locations: []string{"S-1", "S-2"}, SKUs: []retail.SKURange{{First: "1"}}}
	same := &retail.Reach{Locations: []string{"S-2", "S-1"}, Channels: []retail.Channel{retail.ChannelPartner}}
	other := &retail.Reach{Locations: []string{"S-1S-2"}}
	views.Hold(t.Context(), []*retail.Reach{one, same, other})
	if views.Of(one) != "S-1 S-2" || views.Of(same) != "S-1 S-2" || views.Of(other) != "S-1S-2" || made.Load() != 2 {
		t.Errorf("made %d views", made.Load())
	}
	for a, b := range map[*retail.Reach]*retail.Reach{
		{SKUs: []retail.SKURange{{First: "1"}}}:               {SKUs: []retail.SKURange{{First: "1", Last: "1"}}},
		{SKUs: []retail.SKURange{{First: "1"}, {First: "2"}}}: {SKUs: []retail.SKURange{{First: "1", Last: "2"}}},
		{SKUs: []retail.SKURange{{First: "12"}}}:              {SKUs: []retail.SKURange{{First: "1"}, {First: "2"}}},
	} {
		if a.SKUsKey() == b.SKUsKey() {
			t.Errorf("%v and %v are taken for the same", a.SKUs, b.SKUs)
		}
	}
}

func TestEveryPartnersViewIsHeldWhoeverElseAsks(t *testing.T) {
	var made atomic.Int32
	views := viewsOfPlaces(&made)
	held, gone := reaches(1000, "S-"), reaches(300, "G-")
	views.Hold(t.Context(), held)
	for _, r := range gone {
		views.Of(r)
	}
	for range 2 {
		for _, r := range held {
			if got := views.Of(r); got != r.Locations[0] {
				t.Fatalf("%s sees %s", r.Locations[0], got)
			}
		}
	}
	if made.Load() != 1300 {
		t.Errorf("%d views were made", made.Load())
	}
	views.Hold(t.Context(), append(reaches(1, "N-"), held[1:]...))
	if made.Load() != 1301 {
		t.Errorf("a change of one makes %d views", made.Load()-1300)
	}
}

func TestAViewThatIsNotMadeInTimeIsMadeWhenAskedFor(t *testing.T) {
	var made atomic.Int32
	views := viewsOfPlaces(&made)
	over, end := context.WithCancel(t.Context())
	end()
	held := reaches(3, "S-")
	if views.Hold(over, held); made.Load() != 0 {
		t.Errorf("%d views are made after the end", made.Load())
	}
	if views.Of(held[2]) != "S-2" || made.Load() != 1 {
		t.Error("it is not made when it is asked for")
	}
}

func TestViewsThatNobodyHoldsAreBoundedAndThoseInUseStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var made atomic.Int32
		views := viewsOfPlaces(&made)
		all := reaches(2*retail.SpareViews, "S-")
		last := map[*retail.Reach]int{}
		var use, want int
		for range rapid.IntRange(1, 300).Draw(t, "asked") {
			r := rapid.SampledFrom(all).Draw(t, "who")
			later := 0
			for _, at := range last {
				if at > last[r] {
					later++
				}
			}
			if last[r] == 0 || later >= retail.SpareViews {
				want++
			}
			use++
			last[r] = use
			if got := views.Of(r); got != r.Locations[0] {
				t.Fatalf("%s got the view of %s", r.Locations[0], got)
			}
		}
		if int(made.Load()) != want {
			t.Fatalf("made %d views, want %d: the one that nobody asked for longest goes", made.Load(), want)
		}
	})
}
