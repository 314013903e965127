package privacy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

func finished(number string) *retail.Order {
	return &retail.Order{
		ID: "o-" + number, Number: number, Owner: subject, MemberID: anne, AccountID: "a-1", CardNumber: "k-1", CustomerNo: "c-1",
		Status: retail.OrderCompleted, Contact: retail.Contact{Name: "Anne", Phone: annePlus}, Note: "ring at Anne's",
		Address: &retail.DeliveryAddress{Recipient: "Anne", Address: retail.Address{Line: "Nanjing Road 1"}},
		Fulfillments: []retail.Fulfillment{{
			ID: "f1", Status: retail.FulfillmentDelivered, CodeSecret: "secret", ArrivedSpot: "Anne, bay 4", Why: []string{"near Nanjing Road 1"},
			Collector: &retail.Contact{Name: "Bob"}, Courier: &retail.CourierState{Name: "Wang", Phone: "+86139"},
		}},
		Payments: []retail.Payment{{Reference: "p", Status: retail.PaymentSucceeded, RedirectURL: "https://pay/anne"}},
		Returns:  []retail.Return{{ID: "r1", Status: retail.ReturnRefunded, Reason: "too small for Anne"}},
		Timeline: []retail.TimelineEntry{{Kind: retail.TimelinePlaced, Note: "Anne"}},
		Lines:    []retail.OrderLine{{ID: "l1", SKU: "10000001", Quantity: 2}},
	}
}

func TestWhoeverIsForgottenIsInNoOrder(t *testing.T) {
	o := finished("P1")
	privacy.Anonymise(o, nobody)
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, trace := range []string{"Anne", annePlus, "Nanjing", "secret", "Wang", "Bob", "a-1", "k-1", "c-1", anne, "pay/"} {
		if strings.Contains(string(text), trace) {
			t.Errorf("%q is left in %s", trace, text)
		}
	}
	if o.Owner != nobody || o.Lines[0].Quantity != 2 || len(o.Payments) != 1 || o.Fulfillments[0].Status != retail.FulfillmentDelivered {
		t.Errorf("what bookkeeping needs is gone: %s", text)
	}
}

func TestAnErasureWaitsForWhatIsOpen(t *testing.T) {
	for name, change := range map[string]func(*retail.Order){
		"an order that is not paid":                     func(o *retail.Order) { o.Status = retail.OrderPendingPayment },
		"an order under way":                            func(o *retail.Order) { o.Status = retail.OrderShipped },
		"a return that was asked for":                   func(o *retail.Order) { o.Status = retail.OrderReturnRequested },
		"a return that is at the counter":               func(o *retail.Order) { o.Returns[0].Status = retail.ReturnReceived },
		"a refund that is not there":                    func(o *retail.Order) { o.Refunds = []retail.Refund{{Status: retail.RefundPending}} },
		"a payment that may still come":                 func(o *retail.Order) { o.Payments[0].Status = retail.PaymentPending },
		"a review":                                      func(o *retail.Order) { o.Review = &retail.Review{Status: retail.ReviewOpen} },
		"a part that is not final in an order that is":  func(o *retail.Order) { o.Fulfillments[0].Status = retail.FulfillmentReady },
		"an order at rest, but for its own bookkeeping": func(o *retail.Order) { o.Saga.WakeAt = time.Unix(1, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			o := finished("P1")
			change(o)
			w.orders = append(w.orders, o)
			r, err := w.svc.Erase(t.Context(), me, "k", true)
			if err != nil || r.Status != retail.DataWaiting || !strings.Contains(r.WaitsFor, "P1") {
				t.Fatalf("%+v %v", r, err)
			}
			w.rest(5)
			if got := w.request(r.ID); got.Status != retail.DataWaiting || w.barred || len(w.jobs) != 1 {
				t.Fatalf("%+v, %d jobs", got, len(w.jobs))
			}
			*o = *finished("P1")
			w.rest(20)
			if got := w.request(r.ID); got.Status != retail.DataDone {
				t.Errorf("%+v", got)
			}
		})
	}
	if why := privacy.OpenBecause(finished("P1")); why != "" {
		t.Errorf("a finished order is open: %s", why)
	}
}

func TestAnErasureIsCalledOffUntilItBegins(t *testing.T) {
	w := newWorld(t)
	o := finished("P1")
	o.Status = retail.OrderPaid
	w.orders = append(w.orders, o)
	r, err := w.svc.Erase(t.Context(), me, "k", true)
	if err != nil {
		t.Fatal(err)
	}
	other := retail.Actor{Role: "member", Subject: "a-2", MemberID: "m-bob"}
	if _, err := w.svc.Cancel(t.Context(), other, r.ID); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("somebody else: %v", err)
	}
	for range 2 {
		if r, err = w.svc.Cancel(t.Context(), me, r.ID); err != nil || r.Status != retail.DataCancelled {
			t.Fatalf("%+v %v", r, err)
		}
	}
	o.Status = retail.OrderCompleted
	w.rest(10)
	if w.member == nil || w.barred {
		t.Error("a cancelled erasure ran")
	}
	again, err := w.svc.Erase(t.Context(), me, "k2", true)
	if err != nil || again.Status != retail.DataRunning {
		t.Fatalf("%+v %v", again, err)
	}
	if _, err := w.svc.Cancel(t.Context(), me, again.ID); !retail.Refused(err, retail.WhyNotAllowed) {
		t.Errorf("what has begun: %v", err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	w := newWorld(t)
	email := "no address"
	name := "Ann"
	for what, c := range map[string]struct {
		err  error
		want retail.Why
	}{
		"an erasure that is not meant": {second(w.svc.Erase(t.Context(), me, "k", false)), retail.WhyInvalid},
		"a stranger":                   {second(w.svc.Erase(t.Context(), retail.Actor{Role: "guest"}, "k", true)), retail.WhyNotAllowed},
		"staff":                        {second(w.svc.Export(t.Context(), retail.Actor{Role: "associate", Subject: "s"}, "k", "")), retail.WhyNotAllowed},
		"no key":                       {second(w.svc.Export(t.Context(), me, "", "")), retail.WhyInvalid},
		"a correction of nothing":      {second(w.svc.Correct(t.Context(), me, "k", retail.ProfileCorrection{})), retail.WhyInvalid},
		"what can never be":            {second(w.svc.Correct(t.Context(), me, "k", retail.ProfileCorrection{Email: &email})), retail.WhyInvalid},
		"a guest's profile": {
			second(w.svc.Correct(t.Context(), retail.Actor{Role: "guest", Subject: "g"}, "k", retail.ProfileCorrection{Name: &name})), retail.WhyNotAllowed,
		},
	} {
		if !retail.Refused(c.err, c.want) {
			t.Errorf("%s: %v, want %s", what, c.err, c.want)
		}
	}
	if len(w.requests) > 0 {
		t.Error("a refused request is stored")
	}
	sealless := privacy.NewRequests(privacy.DefaultRequestConfig(), privacy.RequestDeps{Ledger: ledger{w}, Members: members{w}})
	if _, err := sealless.Export(t.Context(), me, "k", ""); !retail.Refused(err, retail.WhyNotAllowed) {
		t.Errorf("a copy that cannot be sealed: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestACopyIsForItsOwnerAndForSevenDays(t *testing.T) {
	w := newWorld(t)
	w.orders = append(w.orders, finished("P1"))
	w.silent[retail.HolderPOS] = true
	r, err := w.svc.Export(t.Context(), me, "k", retail.LanguageEnglish)
	if err != nil {
		t.Fatal(err)
	}
	w.rest(3)
	if r, err = w.svc.Get(t.Context(), me, r.ID); err != nil || r.Status != retail.DataRunning || !strings.Contains(r.WaitsFor, "POS") ||
		strings.Contains(r.WaitsFor, "ERP") || r.Document != nil {
		t.Fatalf("%+v %v", r, err)
	}
	if twin, err := w.svc.Export(t.Context(), me, "k2", ""); err != nil || twin.ID != r.ID {
		t.Errorf("a second copy while the first is made: %+v %v", twin, err)
	}
	w.silent[retail.HolderPOS] = false
	w.rest(10)
	if r, err = w.svc.Get(t.Context(), me, r.ID); err != nil || r.Status != retail.DataDone || r.WaitsFor != "" {
		t.Fatalf("%+v %v", r, err)
	}
	var got struct {
		Holders map[retail.DataHolder]struct {
			People []retail.Profile
			Member *retail.Member
			Orders []struct{ Number string }
			Holds  []struct{ ID string }
		}
	}
	if err := json.Unmarshal(r.Document, &got); err != nil {
		t.Fatalf("%s: %v", r.Document, err)
	}
	for _, h := range []retail.DataHolder{retail.HolderShop, retail.HolderPOS, retail.HolderERP} {
		if p := got.Holders[h].People; len(p) != 1 || p[0].Phone != annePlus {
			t.Errorf("%s: %+v", h, p)
		}
	}
	own := got.Holders[retail.HolderLedger]
	if own.Member == nil || len(own.Orders) != 1 || own.Orders[0].Number != "P1" || len(got.Holders[retail.HolderProjection].Holds) != 1 {
		t.Errorf("%s", r.Document)
	}
	if stored := w.request(r.ID).Document; strings.Contains(string(stored), annePlus) {
		t.Error("the stored copy can be read")
	}
	if _, err := w.svc.Get(t.Context(), retail.Actor{Role: "operator", Subject: "o"}, r.ID); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("an operator: %v", err)
	}
	for i := range 2 {
		if _, err := w.svc.Export(t.Context(), me, fmt.Sprint("more", i), ""); err != nil {
			t.Fatal(err)
		}
		w.rest(10)
	}
	if _, err := w.svc.Export(t.Context(), me, "fourth", ""); !retail.Refused(err, retail.WhyLimitReached) {
		t.Errorf("the fourth copy of a day: %v", err)
	}
	w.now = w.now.Add(7*24*time.Hour + time.Second)
	list, err := w.svc.List(t.Context(), me)
	if err != nil || len(list) != 3 || list[2].Document != nil {
		t.Errorf("after a week: %v %v", list, err)
	}
}

// What somebody left behind as another member, who was merged into them, is theirs.
func TestWhoWasMergedIsMeantToo(t *testing.T) {
	w := newWorld(t)
	w.merged["m-ann"] = anne
	left := finished("P2")
	left.Owner = "member:m-ann"
	left.Review = &retail.Review{Status: retail.ReviewReleased, Flags: []retail.RiskFlag{retail.RiskManyUnits}, DecidedBy: "operator:o"}
	w.orders = append(w.orders, finished("P1"), left)
	w.held["h-2"] = retail.Claim{ID: "h-2", Owner: "member:m-ann"}
	r, err := w.svc.Export(t.Context(), me, "k", "")
	if err != nil {
		t.Fatal(err)
	}
	w.rest(20)
	r, err = w.svc.Get(t.Context(), me, r.ID)
	if err != nil || r.Status != retail.DataDone {
		t.Fatalf("%+v %v", r, err)
	}
	for text, want := range map[string]bool{
		`"P1"`: true, `"P2"`: true, `"h-2"`: true, "RELEASED": true, "MANY_UNITS": false, "operator:o": false,
		"Bob": false, "Wang": false, "+86139\"": false, // who collected and who rode are others
	} {
		if strings.Contains(string(r.Document), text) != want {
			t.Errorf("%s in the copy: %v, want %v", text, !want, want)
		}
	}
	if _, err := w.svc.Erase(t.Context(), me, "k", true); err != nil {
		t.Fatal(err)
	}
	w.rest(20)
	if len(w.held) != 0 {
		t.Errorf("held: %v", w.held)
	}
	for holder, orders := range map[retail.DataHolder]int{retail.HolderShop: 2, retail.HolderPOS: 2, retail.HolderERP: 0} {
		asked := w.systems[holder].asked
		if last := asked[len(asked)-1]; len(last.Orders) != orders {
			t.Errorf("%s is asked about %v", holder, last.Orders)
		}
	}
}

// A guest is known to the tills by orders alone, and they are asked about these.
func TestTheTillsAreAskedAboutAGuestsOrders(t *testing.T) {
	w := newWorld(t)
	guest := retail.Actor{Role: "guest", Subject: "g"}
	o := finished("P1")
	o.Owner, o.MemberID = guest.Key(), ""
	w.orders = append(w.orders, o)
	r, err := w.svc.Export(t.Context(), guest, "k", "")
	if err != nil {
		t.Fatal(err)
	}
	w.rest(20)
	if asked := w.systems[retail.HolderPOS].asked; w.request(r.ID).Status != retail.DataDone || len(asked) != 1 ||
		len(asked[0].Orders) != 1 || asked[0].Orders[0] != "P1" {
		t.Errorf("%+v", asked)
	}
}

func TestAMemberWhoWasMergedAsksAgain(t *testing.T) {
	w := newWorld(t)
	r, err := w.svc.Export(t.Context(), me, "k", "")
	if err != nil {
		t.Fatal(err)
	}
	w.merged[anne] = "m-bob"
	w.rest(5)
	if got := w.request(r.ID); got.Status != retail.DataCancelled || got.WaitsFor == "" {
		t.Errorf("%+v", got)
	}
}

func TestNobodyAsksWithoutEnd(t *testing.T) {
	w := newWorld(t)
	o := finished("P1")
	o.Status = retail.OrderPaid // an erasure waits, and can be called off
	w.orders = append(w.orders, o)
	name := "Anna"
	for kind, c := range map[retail.DataRequestKind]struct {
		most int
		ask  func(key string) (*retail.DataRequest, error)
	}{
		retail.DataCorrection: {10, func(key string) (*retail.DataRequest, error) {
			return w.svc.Correct(t.Context(), me, key, retail.ProfileCorrection{Name: &name})
		}},
		retail.DataErasure: {5, func(key string) (*retail.DataRequest, error) { return w.svc.Erase(t.Context(), me, key, true) }},
	} {
		for i := range c.most + 1 {
			r, err := c.ask(fmt.Sprint(kind, i))
			if (err == nil) != (i < c.most) || err != nil && !retail.Refused(err, retail.WhyLimitReached) {
				t.Fatalf("%s %d: %v", kind, i, err)
			}
			if err == nil && r.Status == retail.DataWaiting {
				if _, err := w.svc.Cancel(t.Context(), me, r.ID); err != nil {
					t.Fatal(err)
				}
			}
			w.rest(20)
		}
		w.now = w.now.Add(24 * time.Hour)
		if _, err := c.ask("tomorrow"); err != nil {
			t.Errorf("%s of the next day: %v", kind, err)
		}
	}
}

// A key that is exchanged while a copy is made does not keep it from being made.
func TestACopyOutlivesItsKey(t *testing.T) {
	w := newWorld(t)
	w.silent[retail.HolderPOS] = true
	r, err := w.svc.Export(t.Context(), me, "k", "")
	if err != nil {
		t.Fatal(err)
	}
	w.rest(3)
	w.silent[retail.HolderPOS] = false
	key := make([]byte, privacy.SealKeySize)
	key[0] = 1
	w.serve(key)
	w.rest(20)
	if r, err = w.svc.Get(t.Context(), me, r.ID); err != nil || r.Status != retail.DataDone || !strings.Contains(string(r.Document), annePlus) {
		t.Errorf("%+v %v", r, err)
	}
	if r, err = w.svc.Export(t.Context(), me, "k2", ""); err != nil {
		t.Fatal(err)
	}
	w.serve(nil)
	w.rest(5)
	if got := w.request(r.ID); got.Status != retail.DataCancelled || got.WaitsFor == "" || len(w.jobs) > 0 {
		t.Errorf("without a key: %+v, %d jobs", got, len(w.jobs))
	}
}

// outcome is what people and systems care about in the end.
func (w *world) outcome(ids []string) string {
	w.t.Helper()
	list := []string{fmt.Sprint("holds ", len(w.held), " barred ", w.barred, " ended ", w.ended)}
	for _, id := range ids {
		r := w.request(id)
		line := fmt.Sprint(r.Kind, " ", r.Status, " waits ", r.WaitsFor, " correction ", r.Correction != nil)
		for _, receipt := range r.Receipts {
			line += fmt.Sprint(" ", receipt.Holder, "=", receipt.Status)
		}
		list = append(list, line)
	}
	if w.member != nil {
		list = append(list, fmt.Sprintf("%+v", w.member.Profile))
	}
	for _, h := range []retail.DataHolder{retail.HolderShop, retail.HolderPOS, retail.HolderERP} {
		list = append(list, fmt.Sprintf("%s %+v", h, w.systems[h].records))
	}
	for _, o := range w.orders {
		list = append(list, o.Number+" "+o.Owner+" "+o.Contact.Name)
	}
	return strings.Join(list, "\n")
}

// story lets somebody ask for everything; whoever is told of a fault asks again under the same key.
func story(w *world) []string {
	name := "Anna"
	var ids []string
	for _, ask := range []func() (*retail.DataRequest, error){
		func() (*retail.DataRequest, error) { return w.svc.Export(w.t.Context(), me, "copy", "") },
		func() (*retail.DataRequest, error) {
			return w.svc.Correct(w.t.Context(), me, "fix", retail.ProfileCorrection{Name: &name})
		},
		func() (*retail.DataRequest, error) { return w.svc.Erase(w.t.Context(), me, "forget", true) },
	} {
		r, err := ask()
		for range 3 {
			if err == nil {
				break
			}
			r, err = ask()
		}
		if err != nil {
			w.t.Fatalf("asked again and again: %v", err)
		}
		ids = append(ids, r.ID)
		w.rest(40)
	}
	return ids
}

// TestAnyCallMayFail plays the story once for every call that the service makes, with the call failing before or after it took
// effect. What was begun is finished by jobs alone, and the end is the same.
func TestAnyCallMayFail(t *testing.T) {
	play := func(at int, what trouble) *world {
		w := newWorld(t)
		w.orders = append(w.orders, finished("P1"))
		w.strikes[at] = what
		ids := story(w)
		w.strikes = map[int]trouble{}
		w.rest(40)
		if len(w.jobs) > 0 {
			t.Errorf("jobs are left: %v", w.jobs)
		}
		w.forgot = append(w.forgot, w.outcome(ids))
		return w
	}
	calm := play(0, none)
	want := calm.forgot[len(calm.forgot)-1]
	if !strings.Contains(want, "ERASURE DONE") || !strings.Contains(want, "CORRECTION DONE") || calm.calls < 40 {
		t.Fatalf("%d calls:\n%s", calm.calls, want)
	}
	for _, what := range []trouble{failBefore, failAfter} {
		for at := 1; at <= calm.calls; at++ {
			w := play(at, what)
			if got := w.forgot[len(w.forgot)-1]; got != want {
				t.Fatalf("trouble %d at call %d of %d:\n%s\nwant:\n%s", what, at, calm.calls, got, want)
			}
			for h, s := range w.systems {
				if s.acts > 3 {
					t.Errorf("trouble %d at call %d: %s acted %d times", what, at, h, s.acts)
				}
			}
		}
	}
}

// TestSilentSystemsHoldNobodyUp lets systems fall silent and speak again by lot.
func TestSilentSystemsHoldNobodyUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.orders = append(w.orders, finished("P1"))
		r, err := w.svc.Erase(t.Context(), me, "k", true)
		if err != nil {
			rt.Fatal(err)
		}
		was := map[retail.DataHolder]retail.DataReceiptStatus{}
		for range rapid.IntRange(1, 12).Draw(rt, "rounds") {
			for _, h := range []retail.DataHolder{retail.HolderShop, retail.HolderPOS, retail.HolderERP} {
				w.silent[h] = rapid.Bool().Draw(rt, string(h))
			}
			if rapid.Bool().Draw(rt, "trouble") {
				w.strikes[w.calls+rapid.IntRange(1, 12).Draw(rt, "at")] = trouble(rapid.IntRange(1, 2).Draw(rt, "what"))
			}
			w.rest(1)
			now := w.request(r.ID)
			for _, receipt := range now.Receipts {
				if was[receipt.Holder] == retail.ReceiptDone && receipt.Status != retail.ReceiptDone {
					rt.Fatalf("%s takes its answer back", receipt.Holder)
				}
				was[receipt.Holder] = receipt.Status
				if s := w.systems[receipt.Holder]; s != nil && receipt.Status == retail.ReceiptDone && len(s.records) > 0 {
					rt.Fatalf("%s says that it is done and still has %v", receipt.Holder, s.records)
				}
				if receipt.Status == retail.ReceiptPending && now.Status == retail.DataDone {
					rt.Fatalf("done, and %s has not answered", receipt.Holder)
				}
			}
			if now.Status != retail.DataDone && w.member == nil {
				rt.Fatal("the ledger forgot who is meant before all had answered")
			}
		}
		w.silent, w.strikes = map[retail.DataHolder]bool{}, map[int]trouble{}
		w.rest(20)
		if got := w.request(r.ID); got.Status != retail.DataDone || got.Subject != nobody || w.orders[0].Owner != nobody {
			rt.Fatalf("%+v", got)
		}
	})
}

func TestASealOpensWhatItClosedAsTheSameThing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "key")
		text := rapid.SliceOf(rapid.Byte()).Draw(rt, "text")
		seal, err := privacy.NewSeal(key)
		if err != nil {
			rt.Fatal(err)
		}
		sealed, err := seal.Close("a", text)
		if err != nil {
			rt.Fatal(err)
		}
		if got, err := seal.Open("a", sealed); err != nil || string(got) != string(text) {
			rt.Fatalf("%q %v", got, err)
		}
		if _, err := seal.Open("b", sealed); err == nil {
			rt.Fatal("it opens as something else")
		}
		at := rapid.IntRange(0, len(sealed)-1).Draw(rt, "at")
		sealed[at] ^= byte(rapid.IntRange(1, 255).Draw(rt, "flip"))
		if _, err := seal.Open("a", sealed); err == nil {
			rt.Fatal("it opens although somebody changed it")
		}
	})
	key, err := privacy.ParseSealKey(privacy.NewSealKey())
	if err != nil || len(key) != privacy.SealKeySize {
		t.Errorf("%d bytes, %v", len(key), err)
	}
	for _, bad := range []string{"", "00", strings.Repeat("0", 63), strings.Repeat("0", 65), strings.Repeat("x", 64)} {
		if _, err := privacy.ParseSealKey([]byte(bad)); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}
