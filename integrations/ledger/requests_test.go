package ledger_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/care"
	"github.com/portico-retail/portico/retail/members"
	"github.com/portico-retail/portico/retail/privacy"
	"github.com/portico-retail/portico/retail/stock"
)

func asked(id, subject string, kind retail.DataRequestKind, status retail.DataRequestStatus, at time.Time) *retail.DataRequest {
	return &retail.DataRequest{ID: id, Subject: subject, Kind: kind, Status: status, RequestedAt: at}
}

func nothingOpen(*retail.Order) string { return "" }

func TestRequestsAreKeptByTheirVersions(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		q := asked("d1", "member:m1", retail.DataExport, retail.DataRunning, noon)
		q.Receipts = []retail.DataReceipt{{Holder: retail.HolderERP, Status: retail.ReceiptPending, At: noon}}
		stored := must(l.AddDataRequest(ctx, q, 3, noon.Add(-time.Hour), retail.Job{Kind: retail.JobData, Key: "d1"}))(t)
		if n := waiting(t, l); stored.Version != 1 || n != 1 {
			t.Errorf("version %d, %d jobs", stored.Version, n)
		}
		again := must(l.AddDataRequest(ctx, q, 3, noon.Add(-time.Hour)))(t)
		twin := must(l.AddDataRequest(ctx, asked("d2", "member:m1", retail.DataExport, retail.DataRunning, noon), 3, noon.Add(-time.Hour)))(t)
		if diff := cmp.Diff(stored, again); diff != "" || twin.ID != "d1" {
			t.Errorf("twin %s; %s", twin.ID, diff)
		}
		next := *stored
		next.Status, next.Document = retail.DataDone, []byte("sealed")
		next.FinishedAt = &[]time.Time{noon}[0]
		saved := must(l.SaveDataRequest(ctx, &next, retail.HolderERP, []byte("section")))(t)
		_, err := l.SaveDataRequest(ctx, stored, "", nil)
		wantCode(t, err, retail.CodeConflict, true)
		if diff := cmp.Diff(saved, must(l.DataRequest(ctx, "d1"))(t)); diff != "" || string(saved.Document) != "sealed" {
			t.Error(diff)
		}
		_, err = l.DataRequest(ctx, "d2")
		wantCode(t, err, retail.CodeNotFound, false)
		for i := range 2 {
			id := fmt.Sprint("more", i)
			must(l.AddDataRequest(ctx, asked(id, "member:m1", retail.DataExport, retail.DataDone, noon), 3, noon.Add(-time.Hour)))(t)
		}
		_, err = l.AddDataRequest(ctx, asked("d9", "member:m1", retail.DataExport, retail.DataRunning, noon), 3, noon.Add(-time.Hour))
		if !retail.Refused(err, retail.WhyLimitReached) {
			t.Errorf("the fourth: %v", err)
		}
		must(l.AddDataRequest(ctx, asked("d9", "member:m1", retail.DataExport, retail.DataRunning, noon.Add(48*time.Hour)), 3, noon.Add(24*time.Hour)))(t)
		if list := must(l.DataRequests(ctx, "member:m1", 2))(t); len(list) != 2 || list[0].ID != "d9" {
			t.Errorf("%v", list)
		}
	})
}

func TestACorrectionTakesUpAnother(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		anna, ann, email := "Anna", "Ann", "ann@example.com"
		first := asked("d1", "member:m1", retail.DataCorrection, retail.DataRunning, noon)
		first.Correction = &retail.ProfileCorrection{Name: &anna}
		first.Receipts = []retail.DataReceipt{{Holder: retail.HolderERP, Status: retail.ReceiptPending}}
		stored := must(l.AddDataRequest(ctx, first, 0, time.Time{}))(t)
		stored.Receipts[0].Status = retail.ReceiptDone
		must(l.SaveDataRequest(ctx, stored, "", nil))(t)
		second := asked("d2", "member:m1", retail.DataCorrection, retail.DataRunning, noon)
		second.Correction, second.Receipts = &retail.ProfileCorrection{Name: &ann, Email: &email}, []retail.DataReceipt{{Holder: retail.HolderERP, Status: retail.ReceiptPending}}
		got := must(l.AddDataRequest(ctx, second, 0, time.Time{}, retail.Job{Kind: retail.JobData, Key: "d2"}))(t)
		if got.ID != "d1" || *got.Correction.Name != "Ann" || *got.Correction.Email != email || got.Receipts[0].Status != retail.ReceiptPending {
			t.Errorf("%+v %+v", got, got.Correction)
		}
		if n := l.Int(t, `SELECT COUNT(*) FROM river_job WHERE kind = 'data'`); n != 1 {
			t.Errorf("%d jobs", n)
		}
		third := asked("d3", "member:m1", retail.DataCorrection, retail.DataRunning, noon)
		third.Correction = second.Correction
		if _, err := l.AddDataRequest(ctx, third, 2, noon.Add(-time.Hour)); !retail.Refused(err, retail.WhyLimitReached) {
			t.Errorf("one that is taken up counts: %v", err)
		}
		if got = must(l.AddDataRequest(ctx, third, 3, noon.Add(-time.Hour)))(t); got.ID != "d1" {
			t.Errorf("%+v", got)
		}
	})
}

// person fills every table with somebody who is called Anne, and with Bob, who stays.
func person(t *testing.T, l *ledger.Ledger, c *clock) {
	t.Helper()
	ctx := t.Context()
	anne := retail.Profile{Name: "Anne Traces", Phone: "+8613812345678", Email: "anne@traces.example", Birthday: "1990-01-31"}
	var kept *retail.Member
	for _, m := range []*retail.Member{
		{ID: "m1", Profile: anne, Identities: []retail.Identity{identity(retail.SourceShop, "acc1"), identity(retail.SourcePOS, "card1")}},
		{ID: "m0", Profile: anne, Identities: []retail.Identity{identity(retail.SourceShop, "acc0")}},
		{ID: "m2", Profile: retail.Profile{Name: "Bob"}, Identities: []retail.Identity{identity(retail.SourceShop, "acc2")}},
	} {
		stored := must(l.SaveMember(ctx, m))(t)
		if m.ID == "m1" {
			kept = stored
		}
		if m.ID == "m0" {
			kept.Identities = append(kept.Identities, retail.Identity{System: retail.SourceShop, Key: "acc0", LinkedBy: retail.ProofMerge})
			stored.Identities = nil
			record := members.MergeRecord{ID: "g1", KeptID: "m1", MergedID: "m0", MergedAt: noon}
			if err := l.SaveMerge(ctx, record, kept, stored, "member:m0", "member:m1"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 230 { // more than a transaction takes
		o := &retail.Order{
			ID: fmt.Sprintf("o%03d", i), Number: fmt.Sprintf("N%03d", i), Owner: "member:m1", MemberID: "m1", Status: retail.OrderCompleted,
			PlacedAt: noon, Contact: retail.Contact{Name: anne.Name, Phone: anne.Phone}, Note: "for Anne Traces", CartID: fmt.Sprint("cart-", i),
			Address: &retail.DeliveryAddress{Recipient: anne.Name, Phone: anne.Phone, Address: retail.Address{Line: "Nanjing Road 1"}},
		}
		if i == 229 {
			o.Owner, o.MemberID, o.Contact.Name, o.Contact.Phone, o.Note, o.Address = "member:m2", "m2", "Bob", "", "", nil
		}
		if _, _, err := l.CreateOrder(ctx, o, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, owner := range []string{"member:m1", "member:m1", "member:m2"} {
		must(l.AddFeedback(ctx, &care.Feedback{
			ID: fmt.Sprint("f", i), Kind: []care.FeedbackKind{care.KindReview, care.KindComplaint, care.KindReview}[i], Owner: owner, OrderID: "o000",
			SKU: "10000001", Score: 4, Text: []string{"says Anne Traces", "Anne Traces again", "fine"}[i], Status: care.StatusPublished, CreatedAt: noon,
			Replies: []care.Reply{{ID: "r", Text: []string{"Dear Anne Traces", "", "thanks"}[i]}},
		}))(t)
	}
	must(l.AddClaim(ctx, retail.Claim{
		ID: "h-1", Owner: "member:m1", LocationCode: "S-1", Lines: []retail.ClaimLine{{SKU: "10000001", Quantity: 1}}, ExpiresAt: noon.Add(time.Hour),
	}, stock.HoldCaps{Holds: 3, UnitsPerSKU: 9}, c.now()))(t)
	must(l.GiveConsent(ctx, retail.Consent{Subject: "member:m1", Purpose: retail.PurposeFulfilment, Version: "1", GivenAt: noon}, 100))(t)
	must(l.GiveConsent(ctx, retail.Consent{Subject: "member:m0", Purpose: retail.PurposeService, Version: "1", GivenAt: noon}, 100))(t)
	must(l.GiveConsent(ctx, retail.Consent{Subject: "member:m2", Purpose: retail.PurposeFulfilment, Version: "1", GivenAt: noon}, 100))(t)
	for _, owner := range []string{"member:acc1", "member:acc2"} {
		token, _, err := l.Begin(ctx, owner, "key", []byte("x"), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Finish(ctx, owner, "key", token, []byte(`{"name":"Anne Traces"}`)); err != nil {
			t.Fatal(err)
		}
	}
	fixed := asked("d0", "member:m1", retail.DataCorrection, retail.DataRunning, noon)
	fixed.Correction = &retail.ProfileCorrection{Name: &anne.Name}
	must(l.AddDataRequest(ctx, fixed, 0, time.Time{}))(t)
	must(l.AddDataRequest(ctx, asked("d-0", "member:m0", retail.DataExport, retail.DataRunning, noon), 0, time.Time{}))(t)
}

// traces lists the tables that still have one of the texts, whatever the column.
func traces(t *testing.T, l *ledger.Ledger, texts ...string) (found []string) {
	t.Helper()
	for _, table := range l.Tables(t) {
		for _, row := range l.Rows(t, table) {
			for _, text := range texts {
				if strings.Contains(row, text) {
					found = append(found, fmt.Sprintf("%s has %q: %.300s", table, text, row))
				}
			}
		}
	}
	return found
}

func TestNothingIsLeftOfWhoIsErased(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		person(t, l, r.clock)
		if merged := must(l.MergedInto(ctx, "m1"))(t); !cmp.Equal(merged, []string{"m0"}) {
			t.Fatalf("merged: %v", merged)
		}
		if numbers := must(l.OrderNumbers(ctx, "member:m1"))(t); len(numbers) != 229 {
			t.Fatalf("%d orders", len(numbers))
		}
		if records := must(l.OwnerRecords(ctx, []string{"member:m1", "member:m0"}, 10))(t); len(records.Orders) != 10 || records.OrderCount != 229 || records.SaidCount != 2 ||
			len(records.Consents) != 2 {
			t.Fatalf("%+v", records)
		}
		must(l.AddDataRequest(ctx, asked("d1", "member:m1", retail.DataErasure, retail.DataWaiting, noon), 0, time.Time{}))(t)
		later := retail.Job{Kind: retail.JobData, Key: "d1", At: noon.Add(time.Hour)}
		waits := must(l.BeginErasure(ctx, "d1", func(o *retail.Order) string {
			if o.ID == "o200" {
				return "Order N200 is open."
			}
			return ""
		}, later))(t)
		if waits.Status != retail.DataWaiting || waits.WaitsFor != "Order N200 is open." {
			t.Fatalf("%+v", waits)
		}
		runs := must(l.BeginErasure(ctx, "d1", nothingOpen, later))(t)
		if runs.Status != retail.DataRunning || len(runs.Receipts) != 5 || runs.WaitsFor != "" {
			t.Fatalf("%+v", runs)
		}
		if other := must(l.DataRequest(ctx, "d-0"))(t); other.Status != retail.DataCancelled {
			t.Errorf("the copy of who was merged: %+v", other)
		}
		if other := must(l.DataRequest(ctx, "d0"))(t); other.Status != retail.DataCancelled || other.Correction != nil {
			t.Errorf("the correction: %+v", other)
		}
		refusals(t, l, r.clock)
		done := must(l.EraseOwner(ctx, "d1", []string{"m1", "m0"}, []string{"member:acc1", "member:acc0"}, r.clock.now()))(t)
		if done.Status != retail.DataDone || !strings.HasPrefix(done.Subject, "erased:") || done.Receipts[4].Status != retail.ReceiptDone ||
			done.Receipts[4].Records < 235 {
			t.Errorf("%+v", done)
		}
		if found := traces(t, l, "Anne", "13812345678", "traces.example", "Nanjing", "1990-01-31", "acc1", "card1"); len(found) > 0 {
			t.Errorf("%d traces, like %s", len(found), strings.Join(found[:min(3, len(found))], "\n"))
		}
		for _, row := range traces(t, l, "member:m1", `"m1"`, "member:m0", `"m0"`) {
			if !strings.HasPrefix(row, "erasures has") {
				t.Errorf("an id leads to the person: %s", row)
			}
		}
		o := must(l.Order(ctx, "o000"))(t)
		if o.Owner != done.Subject || o.Number != "N000" || o.Status != retail.OrderCompleted {
			t.Errorf("%+v", o)
		}
		if f := must(l.Feedback(ctx, "f0"))(t); f.Score != 4 || f.Text != "" || f.Status != care.StatusPublished || f.Owner != done.Subject {
			t.Errorf("%+v", f)
		}
		if f := must(l.Feedback(ctx, "f1"))(t); f.Status != care.StatusResolved {
			t.Errorf("%+v", f)
		}
		if live := must(l.LiveConsents(ctx, []string{"member:m1", "member:m2", done.Subject}))(t); len(live) != 1 || len(live["member:m2"]) != 1 {
			t.Errorf("%v", live)
		}
		if kept := must(l.Consents(ctx, done.Subject, 10))(t); len(kept) != 2 || kept[0].WithdrawnAt == nil {
			t.Errorf("%v", kept)
		}
		if bob := must(l.Order(ctx, "o229"))(t); bob.Contact.Name != "Bob" || bob.Owner != "member:m2" {
			t.Errorf("%+v", bob)
		}
		if n := l.Int(t, `SELECT COUNT(*) FROM answers`); n != 1 {
			t.Errorf("%d answers", n)
		}
		must(l.Member(ctx, "m2"))(t)
		if again := must(l.EraseOwner(ctx, "d1", []string{"m1"}, nil, r.clock.now()))(t); again.Version != done.Version {
			t.Error("erased twice")
		}
		refusals(t, l, r.clock)
		r.clock.pass(11 * time.Minute)
		if m := must(l.SaveMember(ctx, &retail.Member{ID: "m1", Identities: []retail.Identity{identity(retail.SourceShop, "acc1")}}))(t); m.Version != 1 {
			t.Errorf("whoever comes back later is somebody new: %+v", m)
		}
	})
}

// refusals tries to record something new of who is being erased.
func refusals(t *testing.T, l *ledger.Ledger, c *clock) {
	t.Helper()
	ctx := t.Context()
	_, _, order := l.CreateOrder(ctx, &retail.Order{ID: "new", Number: "new", Owner: "member:m1", PlacedAt: noon}, nil)
	_, _, left := l.CreateOrder(ctx, &retail.Order{ID: "new", Number: "new", Owner: "member:m0", PlacedAt: noon}, nil)
	_, back := l.UpdateOrder(ctx, "o000", func(_ retail.Tx, o *retail.Order) error {
		o.Returns = append(o.Returns, retail.Return{ID: "r1", Status: retail.ReturnRequested, Reason: "too small for Anne Traces"})
		return nil
	})
	if _, err := l.UpdateOrder(ctx, "o000", func(_ retail.Tx, o *retail.Order) error { return nil }); err != nil {
		t.Errorf("a change that opens nothing: %v", err)
	}
	_, claim := l.AddClaim(ctx, retail.Claim{
		ID: "h-new", Owner: "member:m1", LocationCode: "S-1", Lines: []retail.ClaimLine{{SKU: "1", Quantity: 1}}, ExpiresAt: noon.Add(time.Hour),
	}, stock.HoldCaps{Holds: 9, UnitsPerSKU: 9}, c.now())
	_, said := l.AddFeedback(ctx, &care.Feedback{ID: "new", Kind: care.KindComplaint, Owner: "member:m1", CreatedAt: noon})
	_, member := l.SaveMember(ctx, &retail.Member{ID: "m1", Version: 2})
	_, consent := l.GiveConsent(ctx, retail.Consent{Subject: "member:m1", Purpose: retail.PurposeService, Version: "1", GivenAt: noon}, 100)
	_, request := l.AddDataRequest(ctx, asked("new", "member:m1", retail.DataExport, retail.DataRunning, noon), 0, time.Time{})
	for what, err := range map[string]error{
		"an order": order, "an order of who was merged": left, "a return": back, "a hold": claim, "feedback": said, "a member": member, "a consent": consent, "a request": request,
	} {
		if !retail.Refused(err, retail.WhyNotAllowed) {
			t.Errorf("%s of who is erased: %v", what, err)
		}
	}
}

// TestAnOrderOrTheErasure lets orders be placed while an erasure begins: either the order is there before, and the erasure waits
// for it, or it is refused.
func TestAnOrderOrTheErasure(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		for round := range 8 {
			owner, id := fmt.Sprint("guest:g", round), fmt.Sprint("d", round)
			must(l.AddDataRequest(ctx, asked(id, owner, retail.DataErasure, retail.DataWaiting, noon), 0, time.Time{}))(t)
			var begun *retail.DataRequest
			errs := parallel(8, func(i int) (err error) {
				if i == round {
					begun, err = l.BeginErasure(ctx, id, privacy.OpenBecause, retail.Job{})
					return err
				}
				name := fmt.Sprint(round, "-", i)
				_, _, err = l.CreateOrder(ctx, &retail.Order{ID: name, Number: name, Owner: owner, Status: retail.OrderPlacing, PlacedAt: noon}, nil)
				return err
			})
			placed := l.Int(t, l.Bind(`SELECT COUNT(*) FROM orders WHERE owner = ?`), owner)
			if (begun.Status == retail.DataRunning) != (placed == 0) {
				t.Errorf("%d orders, and the erasure is %s: %v", placed, begun.Status, errs)
			}
		}
	})
}

// TestAReturnOrTheErasure lets a return be asked for while an erasure begins: the erasure waits for it, or it is refused.
func TestAReturnOrTheErasure(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		for round := range 8 {
			owner, id := fmt.Sprint("guest:g", round), fmt.Sprint("d", round)
			if _, _, err := l.CreateOrder(ctx, &retail.Order{ID: id, Number: id, Owner: owner, Status: retail.OrderCompleted, PlacedAt: noon}, nil); err != nil {
				t.Fatal(err)
			}
			must(l.AddDataRequest(ctx, asked(id, owner, retail.DataErasure, retail.DataWaiting, noon), 0, time.Time{}))(t)
			var begun *retail.DataRequest
			errs := parallel(4, func(i int) (err error) {
				if i == round%4 {
					begun, err = l.BeginErasure(ctx, id, privacy.OpenBecause, retail.Job{})
					return err
				}
				_, err = l.UpdateOrder(ctx, id, func(_ retail.Tx, o *retail.Order) error {
					o.Returns = append(o.Returns, retail.Return{ID: fmt.Sprint("r", i), Status: retail.ReturnRequested})
					return nil
				})
				return err
			})
			if n := len(must(l.Order(ctx, id))(t).Returns); (begun.Status == retail.DataRunning) != (n == 0) {
				t.Errorf("%d returns, and the erasure is %s: %v", n, begun.Status, errs)
			}
		}
	})
}

func TestOldDocumentsGo(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		q := must(l.AddDataRequest(ctx, asked("d1", "guest:g", retail.DataExport, retail.DataRunning, noon), 0, time.Time{}))(t)
		must(l.SaveDataRequest(ctx, q, retail.HolderERP, []byte("part")))(t)
		q = must(l.DataRequest(ctx, "d1"))(t)
		if s := must(l.Sections(ctx, "d1"))(t); string(s[retail.HolderERP]) != "part" {
			t.Errorf("%q", s)
		}
		q.Status, q.FinishedAt, q.Document = retail.DataDone, &[]time.Time{noon}[0], []byte("all")
		must(l.SaveDataRequest(ctx, q, "", nil))(t)
		if n := l.Int(t, `SELECT COUNT(*) FROM data_sections`); n != 0 {
			t.Errorf("%d sections of a finished document", n)
		}
		for _, c := range []struct {
			after time.Duration
			want  string
		}{{7 * 24 * time.Hour, "all"}, {25 * time.Hour, ""}} {
			r.clock.pass(c.after)
			if _, err := l.Purge(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := string(must(l.DataRequest(ctx, "d1"))(t).Document); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		}
	})
}
