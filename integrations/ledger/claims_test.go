package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func hold(id, owner, location string, lines ...retail.ClaimLine) retail.Claim {
	return retail.Claim{ID: id, Owner: owner, LocationCode: location, Lines: lines, CreatedAt: noon, ExpiresAt: noon.Add(10 * time.Minute)}
}

func units(sku string, n int) retail.ClaimLine { return retail.ClaimLine{SKU: sku, Quantity: n} }

// mustHold stores a claim without caps.
func mustHold(t testing.TB, l *ledger.Ledger, c retail.Claim) retail.Claim {
	t.Helper()
	return must(l.AddClaim(t.Context(), c, stock.HoldCaps{}, noon))(t)
}

func TestAClaimIsStoredOnce(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		first := hold("c1", "guest:a", "S001", units("B", 2), units("A", 1))
		first.CreatedAt = noon.Add(1234567 * time.Nanosecond)
		stored := mustHold(t, l, first)
		want := hold("c1", "guest:a", "S001", units("A", 1), units("B", 2))
		want.State, want.CreatedAt = retail.ClaimHeld, noon.Add(1234*time.Microsecond)
		if diff := cmp.Diff(want, stored); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(want, must(l.Claim(t.Context(), "c1"))(t)); diff != "" {
			t.Error(diff)
		}
		again := mustHold(t, l, hold("c1", "guest:b", "S002", units("C", 9)))
		if diff := cmp.Diff(want, again); diff != "" {
			t.Errorf("the repetition differs: %s", diff)
		}
		_, err := l.Claim(t.Context(), "c2")
		wantCode(t, err, retail.CodeNotFound, false)
	})
}

func TestAClaimOfLessThanWasAskedForRemembersWhatWasAsked(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		partial := hold("c1", "guest:a", "S001", units("A", 1))
		partial.Requested = []retail.ClaimLine{units("B", 4), units("A", 3)}
		want := partial
		want.State, want.Requested = retail.ClaimHeld, []retail.ClaimLine{units("A", 3), units("B", 4)}
		if diff := cmp.Diff(want, mustHold(t, l, partial)); diff != "" {
			t.Error(diff)
		}
		for name, got := range map[string]retail.Claim{
			"loaded":          must(l.Claim(ctx, "c1"))(t),
			"asked for again": mustHold(t, l, hold("c1", "guest:a", "S001", units("C", 1))),
			"extended":        must(l.ExtendClaim(ctx, "c1", "", want.ExpiresAt))(t),
			"listed":          must(l.LiveClaims(ctx, []string{"S001"}, noon, "", 10))(t)[0],
		} {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		partial.ID, partial.Requested = "c2", []retail.ClaimLine{units("A", 0)}
		_, err := l.AddClaim(ctx, partial, stock.HoldCaps{}, noon)
		wantCode(t, err, retail.CodeBadInput, false)
	})
}

func TestClaimsThatCannotBeAreRefused(t *testing.T) {
	l := newRig(t, "sqlite").open(t)
	many := make([]retail.ClaimLine, 201)
	for i := range many {
		many[i] = units(fmt.Sprint("SKU", i), 1)
	}
	for name, c := range map[string]retail.Claim{
		"without an id":           hold("", "guest:a", "S001", units("A", 1)),
		"without an owner":        hold("c", "", "S001", units("A", 1)),
		"without lines":           hold("c", "guest:a", "S001"),
		"of nothing":              hold("c", "guest:a", "S001", units("A", 0)),
		"of less than nothing":    hold("c", "guest:a", "S001", units("A", -1)),
		"with a SKU twice":        hold("c", "guest:a", "S001", units("A", 1), units("A", 1)),
		"with too many lines":     hold("c", "guest:a", "S001", many...),
		"with an id with a zero":  hold("c\x00", "guest:a", "S001", units("A", 1)),
		"with an id that is long": hold(string(make([]byte, 256)), "guest:a", "S001", units("A", 1)),
		"at a place of no text":   hold("c", "guest:a", "S\xff", units("A", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := l.AddClaim(t.Context(), c, stock.HoldCaps{}, noon)
			wantCode(t, err, retail.CodeBadInput, false)
		})
	}
}

func TestCapsHoldHoweverManyAskAtOnce(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l := r.open(t)
		for round := range 8 {
			owner, admitted := fmt.Sprint("guest:", round), 0
			for _, err := range parallel(16, func(i int) error {
				_, err := l.AddClaim(t.Context(), hold(fmt.Sprint(owner, "/", i), owner, "S001", units("A", 1)), stock.HoldCaps{Holds: 5}, noon)
				return err
			}) {
				if err == nil {
					admitted++
					continue
				}
				if r := wantRefusal(t, err, retail.WhyLimitReached); r.Limit == nil || *r.Limit != 5 {
					t.Errorf("the refusal names the limit %v", r.Limit)
				}
			}
			if live := l.Int(t, `SELECT COUNT(*) FROM claims WHERE owner = ?`, owner); admitted != 5 || live != 5 {
				t.Errorf("admitted %d and stored %d holds, want 5", admitted, live)
			}
		}
	})
}

func TestCapsCountWhatIsHeldNow(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		caps := stock.HoldCaps{Holds: 10, UnitsPerSKU: 5}
		add := func(id string, line retail.ClaimLine, now time.Time) error {
			_, err := l.AddClaim(ctx, hold(id, "guest:a", "S001", line), caps, now)
			return err
		}
		mustDo(t, add("c1", units("A", 3), noon))
		refusal := wantRefusal(t, add("c2", units("A", 3), noon), retail.WhyLimitReached)
		if refusal.SKU != "A" || *refusal.Limit != 5 {
			t.Errorf("got %+v", refusal)
		}
		mustDo(t, add("c3", units("B", 5), noon))
		mustDo(t, add("c1", units("A", 3), noon)) // known: counts once
		mustDo(t, add("c2", units("A", 3), noon.Add(10*time.Minute)))
		if _, err := l.EndClaim(ctx, "c3", retail.ClaimReleased); err != nil {
			t.Fatal(err)
		}
		mustDo(t, add("c4", units("B", 5), noon))
	})
}

func TestHeldClaimsMoveAndOthersStay(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		mustHold(t, l, hold("c1", "guest:a", "S001", units("A", 1)))
		later := noon.Add(time.Hour)
		c := must(l.ExtendClaim(ctx, "c1", "", later))(t)
		if !c.ExpiresAt.Equal(later) || c.OrderID != "" {
			t.Errorf("extended: %+v", c)
		}
		c = must(l.ExtendClaim(ctx, "c1", "o1", later))(t)
		c = must(l.ExtendClaim(ctx, "c1", "", later.Add(time.Hour)))(t)
		if c.OrderID != "o1" {
			t.Errorf("an extension without an order forgot the order: %+v", c)
		}
		if c = must(l.EndClaim(ctx, "c1", retail.ClaimExpired))(t); c.State != retail.ClaimExpired {
			t.Errorf("ended: %+v", c)
		}
		if c = must(l.EndClaim(ctx, "c1", retail.ClaimReleased))(t); c.State != retail.ClaimExpired {
			t.Errorf("a final claim became %s", c.State)
		}
		if c = must(l.ExtendClaim(ctx, "c1", "o2", noon))(t); c.OrderID != "o1" || !c.ExpiresAt.Equal(later.Add(time.Hour)) {
			t.Errorf("a final claim was extended: %+v", c)
		}
		_, err := l.EndClaim(ctx, "nobody", retail.ClaimReleased)
		wantCode(t, err, retail.CodeNotFound, false)
		_, err = l.EndClaim(ctx, "c1", retail.ClaimDone)
		wantCode(t, err, retail.CodeInternal, false)
	})
}

func TestLiveClaimsAreListedInPages(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		for i := range 25 {
			mustHold(t, l, hold(fmt.Sprintf("c%02d", i), fmt.Sprint("guest:", i), []string{"S001", "S002", "S003"}[i%3], units("A", 1)))
		}
		must(l.EndClaim(ctx, "c00", retail.ClaimReleased))(t)
		must(l.ExtendClaim(ctx, "c01", "", noon))(t) // expires now: not live
		mustAllocate(t, l, "c03", map[string]retail.Supply{"A": {Units: 5}})
		var got []string
		after := ""
		for {
			page := must(l.LiveClaims(ctx, []string{"S001", "S002"}, noon, after, 4))(t)
			for _, c := range page {
				got = append(got, c.ID+" "+string(c.State))
			}
			if len(page) < 4 {
				break
			}
			after = page[len(page)-1].ID
		}
		var want []string
		for i := range 25 {
			switch {
			case i%3 == 2 || i == 0 || i == 1:
			case i == 3:
				want = append(want, "c03 ALLOCATED")
			default:
				want = append(want, fmt.Sprintf("c%02d HELD", i))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if list := must(l.LiveClaims(ctx, nil, noon, "", 10))(t); len(list) != 0 {
			t.Errorf("nowhere holds %d claims", len(list))
		}
	})
}

func TestWhatAnOwnerHoldsIsListed(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		for _, id := range []string{"b", "a", "released", "ordered", "expired"} {
			c := hold(id, "guest:a", "S001", units("A", 1))
			switch id {
			case "ordered":
				c.OrderID = "o1"
			case "expired":
				c.ExpiresAt = noon
			}
			mustHold(t, l, c)
		}
		must(l.EndClaim(ctx, "released", retail.ClaimReleased))(t)
		mustHold(t, l, hold("c", "guest:b", "S001", units("A", 1)))
		list := must(l.HeldBy(ctx, "guest:a", noon))(t)
		if len(list) != 2 || list[0].ID != "a" || list[1].ID != "b" || list[0].Lines[0] != units("A", 1) {
			t.Errorf("got %+v", list)
		}
		if list := must(l.HeldBy(ctx, "", noon))(t); len(list) != 0 {
			t.Errorf("nobody holds %+v", list)
		}
		for range 2 {
			if err := l.GiveHolds(ctx, "guest:a", "member:m"); err != nil {
				t.Fatal(err)
			}
		}
		if list := must(l.HeldBy(ctx, "member:m", noon))(t); len(list) != 2 {
			t.Errorf("the member got %+v", list)
		}
		if c := must(l.Claim(ctx, "ordered"))(t); c.Owner != "guest:a" {
			t.Errorf("an order's claim went to %s", c.Owner)
		}
	})
}
