package members_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/members"
)

func wantRefusal(t testing.TB, err error, why retail.Why) {
	t.Helper()
	if !retail.Refused(err, why) {
		t.Errorf("got %v, want a refusal %s", err, why)
	}
}

func (w *world) codeFor(t testing.TB, s *members.Service, phone string) string {
	t.Helper()
	if err := s.StartVerification(t.Context(), "app", fmt.Sprintf("code-%d", len(w.sent)), phone); err != nil {
		t.Fatal(err)
	}
	return w.codes[phone]
}

func TestRegisteringMakesOneMemberInEverySystem(t *testing.T) {
	w := newWorld()
	s := w.service(t)
	r := members.RegisterRequest{
		Key: "r1", Caller: "app", Name: "Anne", Phone: "+86 138-0000-0001", Email: "anne@example.com", Birthday: "1990-02-28",
	}
	r.Code = w.codeFor(t, s, annePhone)
	first, err := s.Register(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if first.Existing || first.Member.Profile.Phone != annePhone || !first.Member.Profile.PhoneVerified {
		t.Errorf("existing %v, profile %+v", first.Existing, first.Member.Profile)
	}
	again, err := s.Register(t.Context(), r) // the reply was lost, and the code is used up
	if err != nil {
		t.Fatal(err)
	}
	if again.Member.ID != first.Member.ID || len(w.accounts) != 1 {
		t.Errorf("the same key made another member or account (%d accounts)", len(w.accounts))
	}
	w.runJobs(t, s)
	if len(w.cards) != 1 || len(w.customers) != 1 {
		t.Fatalf("%d cards and %d customers, want one each", len(w.cards), len(w.customers))
	}
	m := w.members[first.Member.ID]
	c := w.customers[m.In(retail.SourceERP)]
	if c.CardNumber != m.In(retail.SourcePOS) || c.AccountID != m.In(retail.SourceShop) {
		t.Errorf("the ERP names card %q and account %q of %v", c.CardNumber, c.AccountID, links(m))
	}
	if r := mustReport(t, s); r.Consistent != 1 {
		t.Errorf("not consistent: %+v", r.Entries)
	}
}

func TestRegisteringWithAPhoneThatIsKnown(t *testing.T) {
	t.Run("finds the account after the proof", func(t *testing.T) {
		w := newWorld()
		w.account("a1", verified(annePhone))
		s := w.service(t)
		r := members.RegisterRequest{Key: "r1", Caller: "app", Name: "Anybody", Phone: annePhone, Code: "123456"}
		if _, err := s.Register(t.Context(), r); !retail.Refused(err, retail.WhyCodeRejected) {
			t.Fatalf("got %v without the code", err)
		}
		r.Code = w.codeFor(t, s, annePhone)
		got, err := s.Register(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Existing || got.Member.In(retail.SourceShop) != "a1" || w.accounts["a1"].Profile.Name != "Anne" {
			t.Errorf("existing %v, member %v, name %q", got.Existing, links(got.Member), w.accounts["a1"].Profile.Name)
		}
	})
	t.Run("an account that only typed the phone is not found", func(t *testing.T) {
		w := newWorld()
		w.account("a1", unverified(annePhone))
		s := w.service(t)
		got, err := s.Register(t.Context(), members.RegisterRequest{
			Key: "r1", Caller: "app", Name: "Anne", Phone: annePhone, Code: w.codeFor(t, s, annePhone),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.Existing || got.Member.In(retail.SourceShop) == "a1" {
			t.Error("whoever types a phone would get the account of whoever owns it")
		}
	})
	t.Run("several accounts have it", func(t *testing.T) {
		w := newWorld()
		w.account("a1", verified(annePhone))
		w.account("a2", verified(annePhone))
		s := w.service(t)
		_, err := s.Register(t.Context(), members.RegisterRequest{
			Key: "r1", Caller: "app", Name: "Anne", Phone: annePhone, Code: w.codeFor(t, s, annePhone),
		})
		wantRefusal(t, err, retail.WhyProofRejected)
	})
	t.Run("the number was registered by somebody who has another one now", func(t *testing.T) {
		w := newWorld()
		s := w.service(t)
		first, err := s.Register(t.Context(), members.RegisterRequest{
			Key: "r1", Caller: "app", Name: "Anne", Phone: annePhone, Code: w.codeFor(t, s, annePhone),
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.ChangePhone(t.Context(), first.Member.ID, "p1", bobPhone, w.codeFor(t, s, bobPhone)); err != nil {
			t.Fatal(err)
		}
		second, err := s.Register(t.Context(), members.RegisterRequest{
			Key: "r1", Caller: "web", Name: "Bea", Phone: annePhone, Code: w.codeFor(t, s, annePhone),
		})
		if err != nil {
			t.Fatal(err)
		}
		if second.Member.ID == first.Member.ID {
			t.Error("a reused number opened its former owner's account")
		}
	})
}

func TestRegisteringOnePhoneTwiceAtTheSameTime(t *testing.T) {
	w := newWorld()
	s := w.service(t)
	if err := s.StartVerification(t.Context(), "app", "v", annePhone); err != nil {
		t.Fatal(err)
	}
	code := w.codes[annePhone]
	var wg sync.WaitGroup
	for range 8 { // one key: a client that repeats itself
		wg.Go(func() {
			if _, err := s.Register(t.Context(), members.RegisterRequest{
				Key: "r1", Caller: "app", Name: "Anne", Phone: annePhone, Code: code,
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(w.accounts) != 1 || len(w.members) != 1 {
		t.Errorf("%d accounts and %d members, want one each", len(w.accounts), len(w.members))
	}
}

func TestRefusedRegistrations(t *testing.T) {
	w := newWorld()
	s := w.service(t)
	good := members.RegisterRequest{Key: "r1", Caller: "app", Name: "Anne", Phone: annePhone, Code: "123456"}
	for name, c := range map[string]struct {
		spoil func(r *members.RegisterRequest)
		why   retail.Why
	}{
		"no key":                   {func(r *members.RegisterRequest) { r.Key = "" }, retail.WhyInvalid},
		"no name":                  {func(r *members.RegisterRequest) { r.Name = " " }, retail.WhyInvalid},
		"a name with line breaks":  {func(r *members.RegisterRequest) { r.Name = "a\nb" }, retail.WhyInvalid},
		"a huge name":              {func(r *members.RegisterRequest) { r.Name = strings.Repeat("安", 101) }, retail.WhyInvalid},
		"no phone":                 {func(r *members.RegisterRequest) { r.Phone = "none" }, retail.WhyInvalid},
		"a huge phone":             {func(r *members.RegisterRequest) { r.Phone = strings.Repeat("1", 100) }, retail.WhyInvalid},
		"no e-mail address":        {func(r *members.RegisterRequest) { r.Email = "Anne <a@b.c>" }, retail.WhyInvalid},
		"an impossible birthday":   {func(r *members.RegisterRequest) { r.Birthday = "1990-02-30" }, retail.WhyInvalid},
		"a birthday to come":       {func(r *members.RegisterRequest) { r.Birthday = "2027-01-01" }, retail.WhyInvalid},
		"no code":                  {func(r *members.RegisterRequest) { r.Code = "" }, retail.WhyCodeRejected},
		"a code with white space":  {func(r *members.RegisterRequest) { r.Code = "1 2" }, retail.WhyCodeRejected},
		"a code that nobody sent":  {func(*members.RegisterRequest) {}, retail.WhyCodeRejected},
		"a code like a long novel": {func(r *members.RegisterRequest) { r.Code = strings.Repeat("1", 1000) }, retail.WhyCodeRejected},
	} {
		r := good
		c.spoil(&r)
		_, err := s.Register(t.Context(), r)
		if !retail.Refused(err, c.why) {
			t.Errorf("%s: got %v, want a refusal %s", name, err, c.why)
		}
	}
	if len(w.accounts)+len(w.members) != 0 {
		t.Error("a refused registration left something behind")
	}
}

func TestCodesAreSentAndTriedSoManyTimes(t *testing.T) {
	w := newWorld()
	s := w.service(t)
	for i := range 5 {
		if err := s.StartVerification(t.Context(), fmt.Sprint("caller", i), "v", annePhone); err != nil {
			t.Fatal(err)
		}
	}
	wantRefusal(t, s.StartVerification(t.Context(), "another", "v", annePhone), retail.WhyLimitReached)
	for i := range 20 {
		_ = s.StartVerification(t.Context(), "spammer", "v", fmt.Sprintf("+86139%08d", i))
	}
	wantRefusal(t, s.StartVerification(t.Context(), "spammer", "v", bobPhone), retail.WhyLimitReached)
	if err := s.StartVerification(t.Context(), "somebody", "v", bobPhone); err != nil {
		t.Errorf("another caller is refused: %v", err)
	}

	r := members.RegisterRequest{Key: "r1", Caller: "app", Name: "Bob", Phone: bobPhone}
	var err error
	for i := range 11 {
		r.Code = fmt.Sprintf("%06d", i)
		_, err = s.Register(t.Context(), r)
	}
	wantRefusal(t, err, retail.WhyLimitReached)
	r.Code = w.codes[bobPhone]
	_, err = s.Register(t.Context(), r)
	wantRefusal(t, err, retail.WhyLimitReached) // the right code comes too late
	w.pass(time.Hour)
	if _, err = s.Register(t.Context(), r); err != nil {
		t.Errorf("after a while: %v", err)
	}
}

func TestADayHasLimitsOfItsOwn(t *testing.T) {
	w := newWorld()
	s := w.service(t)
	sent := 0
	for hour := range 8 {
		for i := range 5 {
			err := s.StartVerification(t.Context(), fmt.Sprintf("caller-%d-%d", hour, i), "v", annePhone)
			if err == nil {
				sent++
				continue
			}
			wantRefusal(t, err, retail.WhyLimitReached)
		}
		w.pass(time.Hour)
	}
	if sent != 10 {
		t.Errorf("one phone was sent %d codes within a day, want 10", sent)
	}
	w = newWorld()
	s = w.service(t)
	asked := 0
	for hour := range 8 {
		for i := range 20 {
			if s.StartVerification(t.Context(), "spammer", "v", fmt.Sprintf("+86139%04d%04d", hour, i)) == nil {
				asked++
			}
		}
		w.pass(time.Hour)
	}
	if asked != 50 {
		t.Errorf("one caller asked for %d codes within a day, want 50", asked)
	}
}

func TestOneCallerTriesFewPhones(t *testing.T) {
	w := newWorld()
	s := w.service(t)
	try := func(caller string, n int) error {
		_, err := s.Register(t.Context(), members.RegisterRequest{
			Key: fmt.Sprint(n), Caller: caller, Name: "X", Phone: fmt.Sprintf("+86139%08d", n), Code: "000000",
		})
		return err
	}
	for n := range 20 {
		wantRefusal(t, try("thief", n), retail.WhyCodeRejected)
	}
	wantRefusal(t, try("thief", 20), retail.WhyLimitReached)
	wantRefusal(t, try("somebody", 20), retail.WhyCodeRejected)
}

// Whose household tried too much keeps the tries.
func TestAHouseholdsTriesTakeNothingFromItsGuests(t *testing.T) {
	w := newWorld()
	s := w.service(t)
	crowded := retail.WithHousehold(t.Context(), retail.Household{Name: "crowded", Guests: 1})
	try := func(ctx context.Context, caller string, n int) error {
		_, err := s.Register(ctx, members.RegisterRequest{
			Key: fmt.Sprint(n), Caller: caller, Name: "X", Phone: fmt.Sprintf("+86139%08d", n), Code: "000000",
		})
		return err
	}
	for n := range 20 {
		wantRefusal(t, try(crowded, "first", n), retail.WhyCodeRejected)
	}
	for n := range 20 {
		wantRefusal(t, try(crowded, "second", 100+n), retail.WhyLimitReached)
	}
	for n := range 20 {
		wantRefusal(t, try(t.Context(), "second", 200+n), retail.WhyCodeRejected)
	}
	wantRefusal(t, try(t.Context(), "second", 300), retail.WhyLimitReached)
}

func TestAnswersDoNotTellWhoIsThere(t *testing.T) {
	w, s, m := whole(t)
	asked := func(do func()) string {
		before := map[string]int{}
		for method, n := range w.calls {
			before[method] = n
		}
		do()
		var made []string
		for method, n := range w.calls {
			if n > before[method] {
				made = append(made, fmt.Sprint(method, "×", n-before[method]))
			}
		}
		slices.Sort(made)
		return strings.Join(made, " ")
	}
	same := func(what string, try func(known bool) error) {
		t.Helper()
		var said, work [2]string
		for i, known := range []bool{true, false} {
			work[i] = asked(func() { said[i] = fmt.Sprint(try(known)) })
		}
		if said[0] != said[1] || work[0] != work[1] {
			t.Errorf("%s: what is there: %s by %s; what is not: %s by %s", what, said[0], work[0], said[1], work[1])
		}
	}
	pick := func(known bool, a, b string) string {
		if known {
			return a
		}
		return b
	}
	w.cards["k-other"] = &retail.Card{Number: "k-other", Profile: retail.Profile{Phone: bobPhone, PhoneVerified: true}}
	same("a phone is sent a code", func(known bool) error {
		return s.StartVerification(t.Context(), "app", "v", pick(known, annePhone, bobPhone))
	})
	same("a wrong code for a phone", func(known bool) error {
		_, err := s.Register(t.Context(), members.RegisterRequest{
			Key: "r", Caller: "app", Name: "X", Phone: pick(known, annePhone, "+8613900139000"), Code: "999999",
		})
		return err
	})
	same("a card without a PIN", func(known bool) error {
		_, err := s.BindCard(t.Context(), m.ID, pick(known, "k-other", "k-none"), "")
		return err
	})
	same("a card with a wrong PIN", func(known bool) error {
		_, err := s.BindCard(t.Context(), m.ID, pick(known, "k-other", "k-none"), "0000")
		return err
	})
	same("a card to merge with a wrong PIN", func(known bool) error {
		_, err := s.Merge(t.Context(), m.ID, members.MergeRequest{Key: "m" + pick(known, "1", "2"), CardNumber: pick(known, "k-other", "k-none"), PIN: "0000"})
		return err
	})
}

func TestOneCardIsTriedFewTimesByWhomever(t *testing.T) {
	w, s, m := whole(t)
	w.cards["k-other"] = &retail.Card{Number: "k-other", Profile: retail.Profile{Phone: bobPhone, PhoneVerified: true}}
	for n := range 10 { // with a PIN or without, it is the card that is guessed at
		_, err := s.BindCard(t.Context(), m.ID, "k-other", []string{"", "0000"}[n%2])
		wantRefusal(t, err, retail.WhyProofRejected)
	}
	w.pass(time.Minute)
	_, err := s.BindCard(t.Context(), m.ID, "k-other", "")
	wantRefusal(t, err, retail.WhyLimitReached)
}

func TestOneKeyDoesNotCarryAProofFromOnePhoneToAnother(t *testing.T) {
	w := newWorld()
	w.account("a1", verified(annePhone))
	w.account("a2", verified(bobPhone))
	s := w.service(t)
	m := mustSignIn(t, s, "a1")
	_, err := s.Merge(t.Context(), m.ID, members.MergeRequest{Key: "m1", Phone: annePhone, Code: w.codeFor(t, s, annePhone)})
	wantRefusal(t, err, retail.WhyInvalid) // proved, but her own
	_, err = s.Merge(t.Context(), m.ID, members.MergeRequest{Key: "m1", Phone: bobPhone, Code: "123456"})
	wantRefusal(t, err, retail.WhyCodeRejected)
}
