package members_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/members"
)

func yuan(n int64) retail.Money { return retail.Money{Minor: n * 100, CurrencyCode: "CNY"} }

// whole is a member with a record in every system.
func whole(t *testing.T) (w *world, s *members.Service, m *retail.Member) {
	w = newWorld()
	w.account("a1", verified(annePhone))
	w.card("k1", verified(annePhone))
	w.customer("c1", verified(annePhone), "k1", "a1")
	s = w.service(t)
	m = mustSignIn(t, s, "a1")
	w.runJobs(t, s)
	return w, s, m
}

func TestStanding(t *testing.T) {
	rules := []retail.TierRule{
		{Tier: retail.TierSilver, YearSpend: yuan(1000)},
		{Tier: retail.TierGold, YearSpend: yuan(5000)},
		{Tier: retail.TierPlatinum, YearSpend: yuan(20000)},
	}
	for name, c := range map[string]struct {
		tier    retail.MemberTier
		spend   int64
		next    retail.MemberTier
		missing int64
	}{
		"no tier yet":                         {"", 400, retail.TierSilver, 600},
		"silver":                              {retail.TierSilver, 1200, retail.TierGold, 3800},
		"spent enough, not promoted yet":      {retail.TierSilver, 5001, retail.TierGold, 0},
		"gold from last year":                 {retail.TierGold, 0, retail.TierPlatinum, 20000},
		"at the top":                          {retail.TierPlatinum, 30000, "", 0},
		"a tier that the rules do not name":   {"DIAMOND", 0, retail.TierSilver, 1000},
		"more returned than bought this year": {"", -50, retail.TierSilver, 1050},
	} {
		t.Run(name, func(t *testing.T) {
			w, s, m := whole(t)
			w.rules = rules
			w.customers["c1"].Tier, w.customers["c1"].YearSpend = c.tier, yuan(c.spend)
			p, err := s.Progress(t.Context(), m.ID)
			if err != nil {
				t.Fatal(err)
			}
			var next retail.MemberTier
			if p.Next != nil {
				next = p.Next.Tier
			}
			if p.Tier != c.tier || next != c.next || p.Missing.Minor != c.missing*100 || p.Spend != yuan(c.spend) {
				t.Errorf("got %+v, next %s", p, next)
			}
			if tier, err := s.Standing(t.Context(), m.ID); err != nil || tier != c.tier {
				t.Errorf("standing %s, %v", tier, err)
			}
		})
	}
	t.Run("the ERP is silent", func(t *testing.T) {
		w, s, m := whole(t)
		w.fault = silence(retail.SourceERP)
		if _, err := s.Standing(t.Context(), m.ID); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
			t.Errorf("got %v, want a retryable failure", err)
		}
	})
}

func TestPointsAreListedOnceWhereverTheyAreHeard(t *testing.T) {
	w, s, m := whole(t)
	at := func(minutes int) time.Time { return w.now.Add(time.Duration(minutes) * time.Minute) }
	w.customers["c1"].PointsBalance = 130
	w.erpPoints["c1"] = []retail.PointEntry{
		{Reference: "R-2:EARN", Source: retail.SourcePOS, Points: 30, At: at(-20)},
		{Reference: "O-1:EARN", Source: retail.SourceShop, Points: 100, At: at(-30)},
	}
	w.posPoints["k1"] = []retail.PointEntry{
		{Reference: "R-3:EARN", Points: 7, At: at(-1)}, // not booked by the ERP yet
		{Reference: "R-2:EARN", Source: retail.SourcePOS, Points: 30, At: at(-20)},
	}
	p, err := s.Points(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range p.Entries {
		got = append(got, fmt.Sprint(e.Reference, " ", e.Source, " ", e.Points))
	}
	want := []string{"R-3:EARN POS 7", "R-2:EARN POS 30", "O-1:EARN SHOP 100"}
	if diff := gocmp.Diff(want, got); diff != "" || p.Balance == nil || *p.Balance != 137 || p.Silent != nil {
		t.Errorf("balance %v, silent %v, entries (-want +got):\n%s", p.Balance, p.Silent, diff)
	}

	w.fault = silence(retail.SourcePOS)
	if p, err = s.Points(t.Context(), m.ID); err != nil || len(p.Entries) != 2 || *p.Balance != 130 || p.Silent[0] != retail.SourcePOS {
		t.Errorf("with silent tills: %+v, %v", p, err)
	}
	w.fault = silence(retail.SourceERP)
	if p, err = s.Points(t.Context(), m.ID); err != nil || len(p.Entries) != 2 || p.Balance != nil || p.Silent[0] != retail.SourceERP {
		t.Errorf("with a silent ERP: %+v, %v", p, err)
	}
	w.fault = silence(retail.SourceERP, retail.SourcePOS)
	if _, err = s.Points(t.Context(), m.ID); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Errorf("with both silent: %v", err)
	}
}

// However far the ERP's booking has come, the balance is the sum of what happened, and each entry is listed once.
func TestTheBalanceDoesNotDependOnHowMuchIsBooked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		w.account("a1", verified(annePhone))
		w.card("k1", verified(annePhone))
		w.customer("c1", verified(annePhone), "k1", "a1")
		s := w.service(t)
		m, err := s.SignedIn(t.Context(), "a1")
		if err != nil {
			t.Fatal(err)
		}
		n, sum := rapid.IntRange(0, 40).Draw(t, "entries"), 0
		for i := range n {
			e := retail.PointEntry{
				Reference: fmt.Sprint("R-", i), Points: rapid.IntRange(-50, 100).Draw(t, "points"),
				At: w.now.Add(-time.Duration(rapid.IntRange(0, 5).Draw(t, "hours")) * time.Hour),
			}
			sum += e.Points
			booked, told := rapid.Bool().Draw(t, "booked"), rapid.IntRange(0, 2).Draw(t, "told")
			if booked {
				w.erpPoints["c1"] = append(w.erpPoints["c1"], e)
				w.customers["c1"].PointsBalance += e.Points
			}
			for range max(told, map[bool]int{false: 1}[booked]) { // the tills may repeat themselves
				w.posPoints["k1"] = append(w.posPoints["k1"], e)
			}
		}
		p, err := s.Points(t.Context(), m.ID)
		if err != nil || *p.Balance != sum || len(p.Entries) != n {
			t.Fatalf("balance %v and %d entries, want %d and %d (%v)", *p.Balance, len(p.Entries), sum, n, err)
		}
	})
}

func TestPointsOlderThanTheERPsListCountAsBooked(t *testing.T) {
	w, s, m := whole(t)
	for i := range 500 {
		w.erpPoints["c1"] = append(w.erpPoints["c1"], retail.PointEntry{
			Reference: fmt.Sprint("R-", i), Points: 1, At: w.now.Add(-time.Duration(i) * time.Hour),
		})
	}
	w.customers["c1"].PointsBalance = 900 // some of them from long ago
	w.posPoints["k1"] = []retail.PointEntry{{Reference: "R-old", Points: 5, At: w.now.Add(-1000 * time.Hour)}}
	p, err := s.Points(t.Context(), m.ID)
	if err != nil || *p.Balance != 900 || len(p.Entries) != members.MaxPointEntries {
		t.Errorf("balance %v and %d entries (%v)", *p.Balance, len(p.Entries), err)
	}
}

func TestWalletTellsEachCouponsStatusNow(t *testing.T) {
	w, s, m := whole(t)
	day := 24 * time.Hour
	coupon := func(number string, from, until time.Duration, status retail.CouponStatus) retail.Coupon {
		return retail.Coupon{Number: number, ValidFrom: w.now.Add(from), ValidUntil: w.now.Add(until), Status: status}
	}
	w.coupons["c1"] = []retail.Coupon{
		coupon("used", -day, day, retail.CouponUsed),
		coupon("over", -day, 0, retail.CouponUsable), // the end is exclusive
		coupon("later", 1, day, retail.CouponUsable),
		coupon("long", 0, 9*day, retail.CouponUsable),
		coupon("short", -day, 1, retail.CouponUsable),
		coupon("withdrawn", -day, day, retail.CouponExpired),
		coupon("short", -day, 1, retail.CouponUsable), // told twice
	}
	list, err := s.Wallet(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range list {
		got = append(got, c.Number+" "+string(c.Status))
	}
	want := []string{"short USABLE", "long USABLE", "later UPCOMING", "used USED", "over EXPIRED", "withdrawn EXPIRED"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("wallet (-want +got):\n%s", diff)
	}
}

func anAddress() retail.DeliveryAddress {
	return retail.DeliveryAddress{
		Recipient: "Anne", Phone: "+86 138 0000 0001", Address: retail.Address{CountryCode: "CN", City: "上海", Line: "南京路 1"},
		Position: &retail.GeoPoint{Latitude: 31.2, Longitude: 121.5},
	}
}

func TestAddressBook(t *testing.T) {
	w, s, m := whole(t)
	first, err := s.AddAddress(t.Context(), m.ID, "1", anAddress())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.AddAddress(t.Context(), m.ID, "1", anAddress()); err != nil || again != first {
		t.Errorf("the same key again: %s, %v", again, err)
	}
	for i := 2; i <= members.MaxAddresses; i++ {
		if _, err := s.AddAddress(t.Context(), m.ID, fmt.Sprint(i), anAddress()); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.AddAddress(t.Context(), m.ID, "21", anAddress())
	wantRefusal(t, err, retail.WhyLimitReached)

	moved := anAddress()
	moved.ID, moved.Address.Line = first, "淮海路 2"
	if err := s.UpdateAddress(t.Context(), m.ID, moved); err != nil {
		t.Fatal(err)
	}
	w.fault = silence(retail.SourceShop)
	got, err := s.Address(t.Context(), m.ID, first)
	if err != nil || got.Address.Line != "淮海路 2" || got.Phone != annePhone {
		t.Errorf("while the shop is silent: %+v, %v", got, err)
	}
	if err := s.RemoveAddress(t.Context(), m.ID, first); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Errorf("removing while the shop is silent: %v", err)
	}
	w.fault = nil
	for range 2 { // removing it again is harmless
		if err := s.RemoveAddress(t.Context(), m.ID, first); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Address(t.Context(), m.ID, first); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("a removed address: %v", err)
	}
	wantRefusal(t, s.UpdateAddress(t.Context(), m.ID, moved), retail.WhyNotFound)
	if n := len(w.accounts["a1"].Addresses); n != members.MaxAddresses-1 {
		t.Errorf("the shop has %d addresses, want %d", n, members.MaxAddresses-1)
	}
}

func TestAddressesAddedAtTheSameTimeAreAllKept(t *testing.T) {
	w, s, m := whole(t)
	second := w.service(t) // another gateway
	done := make(chan error)
	for i := range 16 {
		go func() {
			_, err := []*members.Service{s, second}[i%2].AddAddress(t.Context(), m.ID, fmt.Sprint(i), anAddress())
			done <- err
		}()
	}
	added := 0
	for range 16 {
		if err := <-done; err == nil {
			added++
		} else if retail.CodeOf(err) != retail.CodeConflict {
			t.Error(err)
		}
	}
	if n := len(w.accounts["a1"].Addresses); n < added || added == 0 {
		t.Errorf("%d were acknowledged and %d kept", added, n)
	}
}

func TestRefusedAddresses(t *testing.T) {
	_, s, m := whole(t)
	for name, spoil := range map[string]func(a *retail.DeliveryAddress){
		"no recipient":          func(a *retail.DeliveryAddress) { a.Recipient = "" },
		"no phone":              func(a *retail.DeliveryAddress) { a.Phone = "" },
		"no country":            func(a *retail.DeliveryAddress) { a.Address.CountryCode = "" },
		"a country in words":    func(a *retail.DeliveryAddress) { a.Address.CountryCode = "cn" },
		"no line":               func(a *retail.DeliveryAddress) { a.Address.Line = " " },
		"a huge line":           func(a *retail.DeliveryAddress) { a.Address.Line = strings.Repeat("x", 201) },
		"a line of two lines":   func(a *retail.DeliveryAddress) { a.Address.Line = "x\ny" },
		"a long city":           func(a *retail.DeliveryAddress) { a.Address.City = strings.Repeat("市", 101) },
		"a huge postal code":    func(a *retail.DeliveryAddress) { a.Address.PostalCode = strings.Repeat("1", 21) },
		"a place not on earth":  func(a *retail.DeliveryAddress) { a.Position = &retail.GeoPoint{Latitude: 91} },
		"a line of broken text": func(a *retail.DeliveryAddress) { a.Address.Line = "\xff" },
	} {
		a := anAddress()
		spoil(&a)
		if _, err := s.AddAddress(t.Context(), m.ID, "k", a); !retail.Refused(err, retail.WhyInvalid) {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
}

func TestProfile(t *testing.T) {
	w, s, m := whole(t)
	name, email, none := "Anne Smith", "anne@example.com", ""
	if _, err := s.UpdateProfile(t.Context(), m.ID, members.ProfileChange{Name: &name, Email: &email}); err != nil {
		t.Fatal(err)
	}
	w.runJobs(t, s)
	if w.cards["k1"].Profile.Name != name || w.customers["c1"].Profile.Email != email {
		t.Errorf("the tills say %+v, the ERP %+v", w.cards["k1"].Profile, w.customers["c1"].Profile)
	}
	if _, err := s.UpdateProfile(t.Context(), m.ID, members.ProfileChange{Email: &none}); err != nil {
		t.Fatal(err)
	}
	w.runJobs(t, s)
	if w.accounts["a1"].Profile.Email+w.cards["k1"].Profile.Email+w.customers["c1"].Profile.Email != "" {
		t.Error("a removed e-mail address stayed somewhere")
	}
	if _, err := s.SetPreferredStore(t.Context(), m.ID, "S-1"); err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"W-1", "S-404"} {
		_, err := s.SetPreferredStore(t.Context(), m.ID, code)
		wantRefusal(t, err, retail.WhyInvalid)
	}
	w.fault = silence(retail.SourceShop)
	v, err := s.Profile(t.Context(), m.ID)
	if err != nil || !v.Stale || v.PreferredStore != "S-1" || v.Profile.Name != name {
		t.Errorf("while the shop is silent: %+v, %v", v, err)
	}
	if _, err := s.UpdateProfile(t.Context(), m.ID, members.ProfileChange{Name: &email}); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Errorf("a change while the shop is silent: %v", err)
	}
	w.fault = nil
	w.accounts["a1"].PreferredStore = "S-2" // in the shop's own app
	if v, err = s.Profile(t.Context(), m.ID); err != nil || v.Stale || v.PreferredStore != "S-2" {
		t.Errorf("the shop decides: %+v, %v", v, err)
	}
}

func TestAPhoneChangesByProofOnly(t *testing.T) {
	w, s, m := whole(t)
	_, err := s.ChangePhone(t.Context(), m.ID, "p", bobPhone, "123456")
	wantRefusal(t, err, retail.WhyCodeRejected)
	w.account("a2", verified(bobPhone))
	_, err = s.ChangePhone(t.Context(), m.ID, "p", bobPhone, w.codeFor(t, s, bobPhone))
	wantRefusal(t, err, retail.WhyAlreadyLinked)
	const other = "+8613800000008"
	code := w.codeFor(t, s, other)
	for range 2 { // the reply was lost
		if _, err = s.ChangePhone(t.Context(), m.ID, "p", other, code); err != nil {
			t.Fatal(err)
		}
	}
	w.runJobs(t, s)
	if p := w.customers["c1"].Profile; p.Phone != other || !p.PhoneVerified {
		t.Errorf("the ERP has %+v", p)
	}
}

func TestReportNamesWhatIsMissingSilentAndDifferent(t *testing.T) {
	w, s, m := whole(t)
	w.customers["c1"].Profile.Name, w.customers["c1"].CardNumber = "Ann", "k9"
	r := mustReport(t, s)
	want := []members.Consistency{{MemberID: m.ID, Differences: []members.Difference{
		{Field: "name", Values: map[retail.Source]string{retail.SourceShop: "Anne", retail.SourceERP: "Ann"}},
		{Field: "card", Values: map[retail.Source]string{retail.SourcePOS: "k1", retail.SourceERP: "k9"}},
	}}}
	if diff := gocmp.Diff(want, r.Entries); diff != "" || r.Checked != 1 || r.Consistent != 0 {
		t.Errorf("checked %d, consistent %d, entries (-want +got):\n%s", r.Checked, r.Consistent, diff)
	}

	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("difference", "difference", r.Entries[0].Differences[0])
	if strings.Contains(log.String(), "Ann") {
		t.Errorf("a personal value is in the log: %s", &log)
	}

	delete(w.cards, "k1")
	w.fault = silence(retail.SourceERP)
	if e := mustReport(t, s).Entries[0]; len(e.Missing) != 1 || e.Missing[0] != retail.SourcePOS ||
		len(e.Unknown) != 1 || e.Unknown[0] != retail.SourceERP {
		t.Errorf("with a lost card and a silent ERP: %+v", e)
	}
}

func TestReportGoesPageByPage(t *testing.T) {
	w := newWorld()
	s := w.service(t)
	for i := range 7 {
		id := fmt.Sprint("a", i)
		w.account(id, retail.Profile{Name: id})
		mustSignIn(t, s, id)
	}
	seen, pages := map[string]bool{}, 0
	for after := ""; ; pages++ {
		r, err := s.Report(t.Context(), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range r.Entries {
			seen[e.MemberID] = true
			if err := s.RequestCompletion(t.Context(), e.MemberID); err != nil {
				t.Fatal(err)
			}
		}
		if after = r.Next; after == "" {
			break
		}
	}
	if len(seen) != 7 || pages != 2 {
		t.Errorf("%d members on %d pages", len(seen), pages+1)
	}
	w.runJobs(t, s)
	if r := mustReport(t, s); r.Consistent != 7 || len(r.Entries) != 0 {
		t.Errorf("after completion: %+v", r)
	}
	for _, limit := range []int{0, -1, members.MaxReport + 1} {
		if _, err := s.Report(t.Context(), "", limit); retail.CodeOf(err) != retail.CodeBadInput {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

func TestAMemberWhoseAccountIsClosedIsLeftToTheReport(t *testing.T) {
	w, s, m := whole(t)
	delete(w.accounts, "a1")
	if err := s.Complete(t.Context(), m.ID); err != nil {
		t.Errorf("a job that can never succeed asks for another try: %v", err)
	}
	if e := mustReport(t, s).Entries; len(e) != 1 || e[0].Missing[0] != retail.SourceShop || len(w.accounts) != 0 {
		t.Errorf("report %+v, %d accounts", e, len(w.accounts))
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, spoil := range map[string]func(c *members.Config){
		"no limit of PINs":  func(c *members.Config) { c.PINs = members.Limit{} },
		"nothing is kept":   func(c *members.Config) { c.Remembered = 0 },
		"no time to link":   func(c *members.Config) { c.LinkWithin = 0 },
		"no time to undo":   func(c *members.Config) { c.UndoWithin = -1 },
		"negative memory":   func(c *members.Config) { c.RememberFor = -1 },
		"codes in no time":  func(c *members.Config) { c.Codes.Per = 0 },
		"checks in no time": func(c *members.Config) { c.Checks.Per = 0 },
	} {
		c := members.DefaultConfig()
		spoil(&c)
		if c.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
