package cart_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/cart"
)

func TestMergingCarts(t *testing.T) {
	for name, tt := range map[string]struct {
		own, theirs []cart.LineInput
		want        string
		warnings    string
	}{
		"nothing":          {want: "[]", warnings: "[]"},
		"the guest's only": {theirs: []cart.LineInput{pickup("A", 2, "S-1"), ship("B", 1)}, want: "[A:2:PICKUP@S-1 B:1:SHIPPING]", warnings: "[]"},
		"the member's only": {
			own: []cart.LineInput{pickup("A", 2, "S-1")}, want: "[A:2:PICKUP@S-1]", warnings: "[]",
		},
		"quantities are added up": {
			own: []cart.LineInput{pickup("A", 2, "S-1")}, theirs: []cart.LineInput{pickup("A", 3, "S-1"), ship("C", 1)},
			want: "[A:5:PICKUP@S-1 C:1:SHIPPING]", warnings: "[LINE_MERGED]",
		},
		"the member's method and place win": {
			own: []cart.LineInput{pickup("A", 2, "S-1")}, theirs: []cart.LineInput{ship("A", 3), pickup("A", 1, "S-2")},
			want: "[A:6:PICKUP@S-1]", warnings: "[LINE_MERGED LINE_MERGED]",
		},
		"the line that is alike comes before the first of the SKU": {
			own: []cart.LineInput{pickup("A", 1, "S-1"), ship("A", 1)}, theirs: []cart.LineInput{ship("A", 3)},
			want: "[A:1:PICKUP@S-1 A:4:SHIPPING]", warnings: "[LINE_MERGED]",
		},
		"the guest's lines of one SKU stay apart": {
			theirs: []cart.LineInput{pickup("A", 1, "S-1"), pickup("A", 2, "S-2")}, want: "[A:1:PICKUP@S-1 A:2:PICKUP@S-2]", warnings: "[]",
		},
		"no more than a line may have": {
			own: []cart.LineInput{ship("A", 900)}, theirs: []cart.LineInput{ship("A", 900)},
			want: "[A:999:SHIPPING]", warnings: "[LINE_MERGED QUANTITY_REDUCED]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, s := newWorld(t)
			var guests *shopper
			if tt.theirs != nil {
				guests = newShopper(t, s, guest)
				guests.add(tt.theirs...)
			}
			if tt.own != nil {
				newShopper(t, s, member).add(tt.own...)
			}
			merged, warnings, err := s.Merge(t.Context(), member, guest, "k")
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(merged); got != tt.want || codes(warnings) != tt.warnings {
				t.Fatalf("got  %s %s\nwant %s %s", got, codes(warnings), tt.want, tt.warnings)
			}
			saves := w.saves
			for _, key := range []string{"k", "another"} {
				again, warnings, err := s.Merge(t.Context(), member, guest, key)
				if err != nil || len(warnings) != 0 || w.saves != saves {
					t.Fatalf("repeating changed something: %v, %v", warnings, err)
				}
				if diff := cmp.Diff(merged.Cart, again.Cart); diff != "" {
					t.Fatal(diff)
				}
			}
			if guests != nil {
				_, err := s.Get(t.Context(), guest, guests.id)
				refused(t, err, retail.WhyNotFound, "cartId")
				if left := w.carts[guests.id]; len(left.Lines) != 0 || left.Owner != "merged:"+guests.id {
					t.Errorf("the guest's cart is %+v", left)
				}
			}
		})
	}
}

func TestWhatElseAGuestBrings(t *testing.T) {
	_, s := newWorld(t)
	guests := newShopper(t, s, guest)
	guests.add(ship("A", 1))
	guests.address(31.2)
	guests.must(s.SetNote(t.Context(), guest, "n", guests.id, nil, "the guest's"))
	own := newShopper(t, s, member)
	own.must(s.SetNote(t.Context(), member, "n", own.id, nil, "the member's"))
	c, _ := own.must(s.Merge(t.Context(), member, guest, "k"))
	if c.Note != "the member's" || c.Address == nil {
		t.Fatalf("note %q, address %v", c.Note, c.Address)
	}
}

func TestLinesThatDoNotFitAreLeftOut(t *testing.T) {
	w, s := newWorld(t)
	fill := func(sh *shopper, prefix string, n int) {
		var in []cart.LineInput
		for i := range n {
			sku := fmt.Sprintf("%s%d", prefix, i)
			w.prices[sku] = &retail.Price{SKU: sku, Current: yuan(1), List: yuan(1)}
			in = append(in, ship(sku, 1))
		}
		sh.add(in...)
	}
	fill(newShopper(t, s, guest), "G", 3)
	fill(newShopper(t, s, member), "M", 49)
	c, warnings, err := s.Merge(t.Context(), member, guest, "k")
	if err != nil || len(c.Lines) != retail.MaxCartLines || codes(warnings) != "[PARTIAL PARTIAL]" {
		t.Fatalf("got %d lines, %s, %v", len(c.Lines), codes(warnings), err)
	}
}

func TestWhoMayMerge(t *testing.T) {
	_, s := newWorld(t)
	for name, pair := range map[string][2]retail.Actor{
		"into a guest": {guest, {Role: "guest", Subject: "g-2"}}, "from a member": {member, other}, "with oneself": {guest, guest},
		"from nobody": {member, {Role: "guest"}}, "into nobody": {{}, guest},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := s.Merge(t.Context(), pair[0], pair[1], "k")
			refused(t, err, retail.WhyNotAllowed, "")
		})
	}
}

// TestAMergeThatDiesAnywhereIsFinishedByTheNext kills the k-th write of a merge before it or after it took effect, lets both
// shoppers go on, and merges again: no unit may be lost or doubled.
func TestAMergeThatDiesAnywhereIsFinishedByTheNext(t *testing.T) {
	for _, after := range []bool{false, true} {
		for k := 1; ; k++ {
			w, s := newWorld(t)
			guests, own := newShopper(t, s, guest), newShopper(t, s, member)
			guests.add(ship("A", 2), ship("B", 1))
			own.add(ship("A", 3))
			writes, lost := 0, retail.Unavailable(retail.SourceShop, errors.New("lost"))
			w.fault = func(string) (error, error) {
				if writes++; writes != k {
					return nil, nil
				}
				if after {
					return nil, lost
				}
				return lost, nil
			}
			_, _, err := s.Merge(t.Context(), member, guest, "k")
			w.fault = nil
			died := err != nil
			own.add(ship("C", 1)) // both go on shopping
			late := newShopper(t, s, guest)
			late.add(ship("B", 4))
			c, _, err := s.Merge(t.Context(), member, guest, "k2")
			if err != nil {
				t.Fatal(err)
			}
			units := map[string]int{}
			for _, l := range c.Lines {
				units[l.SKU] += l.Quantity
			}
			if diff := cmp.Diff(map[string]int{"A": 5, "B": 5, "C": 1}, units); diff != "" {
				t.Fatalf("write %d, after %v: %s", k, after, diff)
			}
			if !died {
				if k < 4 {
					t.Fatalf("a merge has three writes at least, this one %d", k-1)
				}
				break
			}
		}
	}
}

func TestACartMadeUnderAKeyThatWasUsedUp(t *testing.T) {
	_, s := newWorld(t)
	own := newShopper(t, s, member)
	own.add(ship("A", 1))
	if err := s.Close(t.Context(), own.id, "o-1"); err != nil {
		t.Fatal(err)
	}
	if c, _, err := s.Create(t.Context(), member, "create"); err != nil || c.ID != own.id || c.OrderID != "o-1" {
		t.Errorf("the same key gives the same cart: %v %v", c, err)
	}
	newShopper(t, s, guest).add(ship("A", 1))
	c, _, err := s.Merge(t.Context(), member, guest, "create")
	if err != nil || c.ID == own.id || lines(c) != "[A:1:SHIPPING]" {
		t.Errorf("what is merged goes into an open cart: %v %v", c, err)
	}
	if c, _, err := s.Create(t.Context(), guest, "create"); err != nil || c.Owner != guest.Key() || len(c.Lines) != 0 {
		t.Errorf("a cart that was merged away is not the guest's any more: %v %v", c, err)
	}
}

func TestTwoMergesAtTheSameTime(t *testing.T) {
	w, s := newWorld(t)
	newShopper(t, s, guest).add(ship("A", 2))
	newShopper(t, s, member).add(ship("A", 3))
	met := false
	w.before = func(*retail.Cart) {
		if !met {
			met = true
			if _, _, err := s.Merge(t.Context(), member, guest, "twin"); err != nil {
				t.Error(err)
			}
		}
	}
	c, _, err := s.Merge(t.Context(), member, guest, "k")
	if err != nil || lines(c) != "[A:5:SHIPPING]" {
		t.Fatalf("got %v, %v", c, err)
	}
}
