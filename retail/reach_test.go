package retail_test

import (
	"context"
	"fmt"
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

func TestAViewIsMadeOnceForAllWhoAskAtTheSameTime(t *testing.T) {
	var views retail.Views[int]
	var made atomic.Int32
	reach := &retail.Reach{}
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if got := views.Of(reach, func(*retail.Reach) int { made.Add(1); return 7 }); got != 7 {
				t.Errorf("got %d", got)
			}
		})
	}
	group.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times", made.Load())
	}
}

func TestAViewThatWasOnlyPreparedIsNotCarriedOn(t *testing.T) {
	var views retail.Views[int]
	prepared, asked := &retail.Reach{}, &retail.Reach{Locations: []string{"S-1"}}
	views.Prepare(prepared, func(*retail.Reach) int { return 1 })
	views.Prepare(asked, func(*retail.Reach) int { return 2 })
	if got := views.Of(asked, func(*retail.Reach) int { return 3 }); got != 2 {
		t.Errorf("made again: %d", got)
	}
	if kept := views.Kept(); len(kept) != 1 || kept[0] != asked {
		t.Errorf("carries on %v", kept)
	}
}

func TestViewsAreBoundedAndKeepThoseInUse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var views retail.Views[string]
		reaches := make([]*retail.Reach, 2*retail.MaxViews)
		for i := range reaches {
			reaches[i] = &retail.Reach{Locations: []string{fmt.Sprint(i)}}
		}
		look := func(r *retail.Reach) string { return r.Locations[0] }
		for range rapid.IntRange(1, 300).Draw(t, "asked") {
			views.Of(reaches[0], look)
			r := rapid.SampledFrom(reaches).Draw(t, "who")
			if got := views.Of(r, look); got != r.Locations[0] {
				t.Fatalf("%s got the view of %s", r.Locations[0], got)
			}
			kept := views.Kept()
			if len(kept) > retail.MaxViews || kept[len(kept)-1] != r {
				t.Fatalf("%d views are kept, last that of %s", len(kept), kept[len(kept)-1].Locations[0])
			}
		}
		made := false
		views.Of(reaches[0], func(r *retail.Reach) string { made = true; return look(r) })
		if made {
			t.Fatal("a view in use was given up")
		}
	})
}
