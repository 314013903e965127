package stock_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func TestAHoldIsTakenFromWhatEverybodySees(t *testing.T) {
	w := newHoldWorld(t)
	hold := w.mustCreate(member, "k1", 4)
	w.wantPromise("held", 6)
	want := &stock.Hold{
		ClaimID: hold.ClaimID, Location: hold.Location, State: stock.HoldActive, CreatedAt: w.now, ExpiresAt: w.now.Add(15 * time.Minute),
		Lines: []stock.HoldLine{{SKU: "A", Requested: 4, Held: 4}},
	}
	if diff := cmp.Diff(want, hold, cmp.Comparer(func(a, b *retail.Location) bool { return a == b })); diff != "" {
		t.Errorf("hold differs (-want +got):\n%s", diff)
	}
	if got, err := w.holds.Get(context.Background(), member, hold.ID()); err != nil || got.ExpiresAt != hold.ExpiresAt {
		t.Errorf("read again: %+v, %v", got, err)
	}
}

func TestARepetitionReturnsTheSameHoldAndAnotherRequestConflicts(t *testing.T) {
	w := newHoldWorld(t)
	first := w.mustCreate(member, "k1", 4)
	w.tick(time.Minute)
	again := w.mustCreate(member, "k1", 4)
	if again.ClaimID != first.ClaimID || !again.ExpiresAt.Equal(first.ExpiresAt) {
		t.Errorf("repeated as %+v, want %+v", again, first)
	}
	if _, err := w.create(member, "k1", 3); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("the key with another quantity: %v, want a conflict", err)
	}
	if other := w.mustCreate(guest, "k1", 1); other.ClaimID == first.ClaimID {
		t.Error("two actors with the same key share a hold")
	}
	w.wantPromise("two holds", 5)
	w.tick(time.Hour)
	w.heard()
	if late := w.mustCreate(member, "k1", 4); late.State != stock.HoldExpired {
		t.Errorf("repeated after its time: %+v, want the expired hold", late)
	}
	w.tend()
	w.wantPromise("nothing is held", 10)
	w.server.Del("h:{p000}:" + first.ClaimID)
	if late := w.mustCreate(member, "k1", 4); late.State != stock.HoldExpired {
		t.Errorf("repeated after the projection forgot it: %+v, want the expired hold", late)
	}
	w.wantPromise("nothing is held still", 10)
}

func TestCreateRefuses(t *testing.T) {
	items := func(pairs ...any) (list []stock.BasketItem) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, stock.BasketItem{SKU: pairs[i].(string), Quantity: pairs[i+1].(int)})
		}
		return list
	}
	three := 3
	ten := 10
	five := 5
	cases := map[string]struct {
		request stock.HoldRequest
		why     retail.Why
		field   string
		sku     string
		number  *int
	}{
		"nobody":                 {stock.HoldRequest{Actor: retail.Actor{Role: "guest"}, Key: "k", LocationRef: "S-1", Items: items("A", 1)}, retail.WhyNotAllowed, "", "", nil},
		"no key":                 {stock.HoldRequest{LocationRef: "S-1", Items: items("A", 1)}, retail.WhyInvalid, "idempotencyKey", "", nil},
		"a huge key":             {stock.HoldRequest{Key: strings.Repeat("k", 256), LocationRef: "S-1", Items: items("A", 1)}, retail.WhyInvalid, "idempotencyKey", "", nil},
		"nothing":                {stock.HoldRequest{Key: "k", LocationRef: "S-1"}, retail.WhyInvalid, "items", "", nil},
		"too many lines":         {stock.HoldRequest{Key: "k", LocationRef: "S-1", Items: make([]stock.BasketItem, 51)}, retail.WhyInvalid, "items", "", nil},
		"no SKU":                 {stock.HoldRequest{Key: "k", LocationRef: "S-1", Items: items("A", 1, "{p001}", 1)}, retail.WhyInvalid, "items.1.sku", "", nil},
		"no units":               {stock.HoldRequest{Key: "k", LocationRef: "S-1", Items: items("A", 1, "B", 0)}, retail.WhyInvalid, "items.1.quantity", "", nil},
		"units below zero":       {stock.HoldRequest{Key: "k", LocationRef: "S-1", Items: items("A", -1)}, retail.WhyInvalid, "items.0.quantity", "", nil},
		"too many units":         {stock.HoldRequest{Key: "k", LocationRef: "S-1", Items: items("A", 10_000)}, retail.WhyInvalid, "items.0.quantity", "", nil},
		"more than the cap":      {stock.HoldRequest{Actor: guest, Key: "k", LocationRef: "S-1", Items: items("MANY", 3, " many ", 3)}, retail.WhyLimitReached, "items.1.quantity", "MANY", &five},
		"an unknown place":       {stock.HoldRequest{Key: "k", LocationRef: "S-9", Items: items("A", 1)}, retail.WhyNotFound, "locationId", "", nil},
		"a warehouse":            {stock.HoldRequest{Key: "k", LocationRef: "W-1", Items: items("A", 1)}, retail.WhyPlaceClosed, "locationId", "", nil},
		"a place without pickup": {stock.HoldRequest{Key: "k", LocationRef: "S-3", Items: items("A", 1)}, retail.WhyPlaceClosed, "locationId", "", nil},
		"more than there is":     {stock.HoldRequest{Key: "k", LocationRef: "S-1", Items: items("A", 1, "B", 4)}, retail.WhyInsufficientStock, "items.1.quantity", "B", &three},
		"not carried":            {stock.HoldRequest{Key: "k", LocationRef: "S-1", Items: items("GONE", 1)}, retail.WhyNotRanged, "items.0.quantity", "GONE", nil},
		"nothing of anything":    {stock.HoldRequest{Key: "k", LocationRef: "S-1", Items: items("GONE", 1, "ELSE", 1), AllowPartial: true}, retail.WhyNotRanged, "items.0.quantity", "GONE", nil},
		"a large stock reads as the public cap": {stock.HoldRequest{
			Actor: retail.Actor{Role: "partner", Subject: "p"}, Key: "k", LocationRef: "S-1", Items: items("A", 11),
		}, retail.WhyInsufficientStock, "items.0.quantity", "A", &ten},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newHoldWorld(t)
			if c.request.Actor.Role == "" {
				c.request.Actor = member
			}
			_, _, err := w.holds.Create(context.Background(), c.request)
			list, _ := retail.RefusalsOf(err)
			if len(list) == 0 {
				t.Fatalf("got %v, want a refusal", err)
			}
			r := list[0]
			number := r.Available
			if r.Limit != nil {
				number = r.Limit
			}
			if r.Why != c.why || strings.Join(r.Field, ".") != c.field || r.SKU != c.sku || cmp.Diff(c.number, number) != "" {
				t.Errorf("refused %+v with number %v, want %s at %q for %q with %v", r, number, c.why, c.field, c.sku, c.number)
			}
			if len(w.ledger.claims) != 0 {
				t.Errorf("the ledger has %v", w.ledger.claims)
			}
			w.wantPromise("after a refusal", 10)
		})
	}
}

func TestEveryShortLineIsRefusedOrWarnedOf(t *testing.T) {
	w := newHoldWorld(t)
	request := stock.HoldRequest{
		Actor: member, Key: "k", LocationRef: "S-1", Items: []stock.BasketItem{
			{SKU: "A", Quantity: 12}, {SKU: "B", Quantity: 2}, {SKU: "B", Quantity: 2}, {SKU: "GONE", Quantity: 1}, {SKU: "MANY", Quantity: 1},
		},
	}
	_, _, err := w.holds.Create(context.Background(), request)
	list, ok := retail.RefusalsOf(err)
	if !ok || len(list) != 3 {
		t.Fatalf("refused %v, want three lines", err)
	}
	request.AllowPartial = true
	hold, warnings, err := w.holds.Create(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	want := []stock.HoldLine{{"A", 12, 10}, {"B", 4, 3}, {"GONE", 1, 0}, {"MANY", 1, 1}}
	if diff := cmp.Diff(want, hold.Lines); diff != "" {
		t.Errorf("lines differ (-want +got):\n%s", diff)
	}
	if len(warnings) != 3 || warnings[0].Code != retail.WarnPartial || warnings[0].Target != "A" {
		t.Errorf("warnings %+v, want three", warnings)
	}
	again, err := w.holds.Get(context.Background(), member, hold.ID())
	if err != nil || cmp.Diff(want, again.Lines) != "" {
		t.Errorf("read again: %+v, %v", again, err)
	}
	repeated, _, err := w.holds.Create(context.Background(), request)
	if err != nil || cmp.Diff(want, repeated.Lines) != "" {
		t.Errorf("repeated: %+v, %v", repeated, err)
	}
}

func TestHoldsOfAnOwnerAreSummedWhileTheyAreActive(t *testing.T) {
	w, ctx := newHoldWorld(t), context.Background()
	hold := func(actor retail.Actor, key string, items ...stock.BasketItem) *stock.Hold {
		made, _, err := w.holds.Create(ctx, stock.HoldRequest{Actor: actor, Key: key, LocationRef: "S-1", Items: items})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	held := func(want retail.Held) {
		t.Helper()
		got, err := w.holds.Held(ctx, member.Key())
		if err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("held %v, %v; want %v", got, err, want)
		}
	}
	held(retail.Held{})
	hold(member, "1", stock.BasketItem{SKU: "A", Quantity: 1}, stock.BasketItem{SKU: "B", Quantity: 1})
	second := hold(member, "2", stock.BasketItem{SKU: "A", Quantity: 2})
	third := hold(member, "3", stock.BasketItem{SKU: "A", Quantity: 3})
	hold(guest, "1", stock.BasketItem{SKU: "A", Quantity: 1})
	held(retail.Held{"S-1": {"A": 6, "B": 1}})
	if _, err := w.holds.Release(ctx, member, second.ID()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.holds.Adopt(ctx, third.ID(), member.Key(), "o-1", []retail.ClaimLine{{SKU: "A", Quantity: 3}}, w.now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	held(retail.Held{"S-1": {"A": 1, "B": 1}})
	w.tick(time.Hour)
	held(retail.Held{})
	w.ledger.down = true
	if _, err := w.holds.Held(ctx, member.Key()); err == nil {
		t.Error("a silent ledger says what is held")
	}
}

func TestSilentStockIsNotHeld(t *testing.T) {
	w := newHoldWorld(t)
	w.tick(16 * time.Minute)
	_, err := w.create(member, "k", 1)
	wantWhy(t, "no word for 16 minutes", err, retail.WhyStockUnknown)
	_, err = w.holds.Hold(context.Background(), claimOf("c", 1, w.now.Add(time.Minute)))
	wantWhy(t, "for an order", err, retail.WhyStockUnknown)
	_, err = w.holds.Supply(context.Background(), "S-1", []string{"A"})
	wantWhy(t, "supply", err, retail.WhyStockUnknown)
}

func TestCapsKeepOneOwnerFromHoarding(t *testing.T) {
	w := newHoldWorld(t)
	for _, key := range []string{"k1", "k2", "k3"} {
		w.mustCreate(guest, key, 1)
	}
	_, err := w.create(guest, "k4", 1)
	wantWhy(t, "a fourth hold of a guest", err, retail.WhyLimitReached)
	w.wantPromise("the fourth is given back", 7)
	w.tick(5 * time.Minute)
	if hold := w.mustCreate(guest, "k4", 1); hold.State != stock.HoldActive {
		t.Errorf("after the others expired: %+v", hold)
	}
	w.wantPromise("only the fourth is held", 6)
}

func TestALedgerThatDoesNotAnswerLeavesNothingHeld(t *testing.T) {
	w := newHoldWorld(t)
	w.ledger.down = true
	_, err := w.create(member, "k", 2)
	wantRetryable(t, "the ledger is down", err)
	w.ledger.down = false
	w.wantPromise("given back", 10)
	if hold := w.mustCreate(member, "k", 2); hold.State != stock.HoldActive {
		t.Errorf("the next try: %+v", hold)
	}
	w.wantPromise("held", 8)

	w.ledger.lostReply = true
	_, err = w.create(member, "k2", 3)
	wantRetryable(t, "the ledger's reply got lost", err)
	w.wantPromise("given back", 8)
	w.ledger.lostReply = false
	if hold := w.mustCreate(member, "k2", 3); hold.State != stock.HoldActive {
		t.Errorf("the next try: %+v", hold)
	}
	w.wantPromise("held once", 5)
}

func TestAnExpiredHoldCanBeSoldAtOnce(t *testing.T) {
	w := newHoldWorld(t)
	hold := w.mustCreate(guest, "k", 4)
	w.mustCreate(member, "all", 6)
	w.tick(5 * time.Minute)
	if got := w.mustCreate(member, "next", 4); got.State != stock.HoldActive {
		t.Errorf("without any sweep: %+v", got)
	}
	for name, act := range map[string]func(context.Context, retail.Actor, string) (*stock.Hold, error){
		"extend": w.holds.Extend, "release": w.holds.Release,
	} {
		_, err := act(context.Background(), guest, hold.ID())
		wantWhy(t, name, err, retail.WhyHoldExpired)
	}
	if got, err := w.holds.Get(context.Background(), guest, hold.ID()); err != nil || got.State != stock.HoldExpired {
		t.Errorf("read: %+v, %v", got, err)
	}
}

func TestReadersSeeAnExpiredHoldOnceItIsReaped(t *testing.T) {
	w := newHoldWorld(t)
	w.mustCreate(guest, "k", 4)
	w.tick(5*time.Minute - time.Millisecond)
	w.tend()
	w.wantPromise("a moment before", 6)
	w.tick(2 * time.Millisecond)
	w.tend()
	w.wantPromise("a moment after", 10)
}

func TestExtendStaysWithinTheLongestLife(t *testing.T) {
	w, ctx := newHoldWorld(t), context.Background()
	hold, made := w.mustCreate(member, "k", 1), w.now
	for _, c := range []struct{ after, want time.Duration }{{10 * time.Minute, 25 * time.Minute}, {0, 25 * time.Minute}, {10 * time.Minute, 30 * time.Minute}} {
		w.tick(c.after)
		got, err := w.holds.Extend(ctx, member, hold.ID())
		if err != nil || !got.ExpiresAt.Equal(made.Add(c.want)) {
			t.Fatalf("extended to %+v, %v; want %v after it was made", got, err, c.want)
		}
	}
	_, err := w.holds.Extend(ctx, member, hold.ID())
	wantWhy(t, "at the longest life", err, retail.WhyLimitReached)
	w.tick(9 * time.Minute)
	w.tend()
	w.heard()
	w.wantPromise("in the last minute", 9)
	w.tick(time.Minute)
	w.tend()
	w.wantPromise("after it", 10)
}

func TestHoldsOfOthersLookLikeNone(t *testing.T) {
	w, ctx := newHoldWorld(t), context.Background()
	hold := w.mustCreate(member, "k", 1)
	if _, err := w.holds.Hold(ctx, claimOf("order-claim", 1, w.now.Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]string{
		"another's": hold.ID(), "one that is none": retail.GlobalID(retail.KindHold, "h-none"), "a cart": retail.GlobalID(retail.KindCart, hold.ClaimID),
		"nothing": "", "an order's claim": "order-claim", "huge": strings.Repeat("h-", 1000),
	} {
		actor := guest
		if name == "an order's claim" {
			actor = member
		}
		for act, err := range map[string]error{
			"get":     second(w.holds.Get(ctx, actor, id)),
			"extend":  second(w.holds.Extend(ctx, actor, id)),
			"release": second(w.holds.Release(ctx, actor, id)),
		} {
			wantWhy(t, act+" "+name, err, retail.WhyNotFound)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestReleaseGivesBackOnce(t *testing.T) {
	w, ctx := newHoldWorld(t), context.Background()
	hold := w.mustCreate(member, "k", 4)
	for range 2 {
		got, err := w.holds.Release(ctx, member, hold.ID())
		if err != nil || got.State != stock.HoldReleased {
			t.Fatalf("released as %+v, %v", got, err)
		}
		w.wantPromise("released", 10)
	}
	_, err := w.holds.Extend(ctx, member, hold.ID())
	wantWhy(t, "extending it", err, retail.WhyHoldClosed)
	wantWhy(t, "pinning it", w.holds.Pin(ctx, hold.ClaimID), retail.WhyHoldClosed)
	if again := w.mustCreate(member, "k", 4); again.State != stock.HoldReleased {
		t.Errorf("repeated: %+v, want the released hold", again)
	}
	w.wantPromise("still released", 10)
}

func TestOffersCountExactly(t *testing.T) {
	w, ctx := newHoldWorld(t), context.Background()
	w.mustCreate(member, "k", 4)
	offers, err := w.stock.Offers(ctx, []string{"MANY", "A", "GONE"}, []string{"W-1", "S-1"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]map[string]int{offers[0].Location.Code: offers[0].Units, offers[1].Location.Code: offers[1].Units}
	want := map[string]map[string]int{"W-1": {"MANY": 0, "A": 50, "GONE": 0}, "S-1": {"MANY": 500, "A": 6, "GONE": 0}}
	if diff := cmp.Diff(want, got); diff != "" || offers[0].Location.Code != "W-1" {
		t.Errorf("units differ (-want +got):\n%s", diff)
	}
	if !offers[1].Ranged["A"] || offers[1].Ranged["GONE"] || offers[1].ReadyBy == nil || offers[0].ReadyBy != nil {
		t.Errorf("offers %+v", offers)
	}
	if _, err := w.stock.Offers(ctx, []string{"A"}, []string{"S-9"}); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("an unknown place: %v", err)
	}
	if offers, err := w.stock.Offers(ctx, []string{"A"}, nil); err != nil || len(offers) != 0 {
		t.Errorf("no place: %v, %v", offers, err)
	}
	w.tick(16 * time.Minute)
	offers, err = w.stock.Offers(ctx, []string{"A"}, []string{"S-1"})
	if err != nil || offers[0].Known || len(offers[0].Units) != 0 {
		t.Errorf("after 16 minutes of silence: %+v, %v", offers, err)
	}
}

func TestHoldPolicyRefusesNonsense(t *testing.T) {
	if err := stock.DefaultHoldPolicy().Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
	for name, spoil := range map[string]func(*stock.HoldPolicy){
		"no life":                 func(p *stock.HoldPolicy) { p.GuestTTL = 0 },
		"longest life too short":  func(p *stock.HoldPolicy) { p.MaxLifetime = time.Minute },
		"guests without a bound":  func(p *stock.HoldPolicy) { p.Guests.Holds = 0 },
		"partners with too large": func(p *stock.HoldPolicy) { p.Partners.UnitsPerSKU = 10_000 },
	} {
		p := stock.DefaultHoldPolicy()
		spoil(&p)
		if p.Validate() == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func FuzzParseLines(f *testing.F) {
	f.Add("")
	f.Add("A 1\nB 65535\n")
	f.Add("B 1\nA 1\n")
	f.Add("A 01\n")
	f.Add("A 1")
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := stock.ParseLines(text)
		if err == nil && stock.FormatLines(lines) != text {
			t.Errorf("%q reads as %v, which writes as %q", text, lines, stock.FormatLines(lines))
		}
		for _, l := range lines {
			if !retail.ValidSKU(l.SKU) || l.Quantity < 1 || l.Quantity > stock.MaxClaimed {
				t.Errorf("%q has line %+v", text, l)
			}
		}
	})
}

func TestAGuestsHoldsAreTheMembersWhoSignsIn(t *testing.T) {
	w, ctx := newHoldWorld(t), context.Background()
	hold := w.mustCreate(guest, "k1", 2)
	for range 2 {
		if err := w.holds.Give(ctx, guest, member); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.holds.Get(ctx, member, hold.ID()); err != nil || got.State != stock.HoldActive {
		t.Errorf("the member reads %+v, %v", got, err)
	}
	if _, err := w.holds.Get(ctx, guest, hold.ID()); !retail.Refused(err, retail.WhyNotFound) {
		t.Errorf("the guest reads %v", err)
	}
	w.wantPromise("still held once", 8)
	if err := w.holds.Give(ctx, member, guest); !retail.Refused(err, retail.WhyNotAllowed) {
		t.Errorf("the other way: %v", err)
	}
}
