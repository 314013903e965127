package members_test

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/members"
)

func TestBindingACard(t *testing.T) {
	type world2 struct {
		*world
		s  *members.Service
		me *retail.Member
	}
	setUp := func(t *testing.T) world2 {
		w := newWorld()
		w.account("a1", verified(annePhone))
		s := w.service(t)
		me := mustSignIn(t, s, "a1")
		w.runJobs(t, s)
		w.card("k1", verified(bobPhone))
		return world2{w, s, me}
	}
	t.Run("with its PIN, and the points of its ERP record follow", func(t *testing.T) {
		w := setUp(t)
		w.customer("c9", retail.Profile{}, "k1", "")
		m, err := w.s.BindCard(t.Context(), w.me.ID, "k1", "4711")
		if err != nil {
			t.Fatal(err)
		}
		if m.In(retail.SourcePOS) != "k1" {
			t.Errorf("leading card %q, want the one that the shopper carries", m.In(retail.SourcePOS))
		}
		if _, err := w.s.BindCard(t.Context(), w.me.ID, "k1", ""); err != nil {
			t.Errorf("binding it again: %v", err)
		}
		w.runJobs(t, w.s)
		if m := w.members[w.me.ID]; m.In(retail.SourceERP) != "c9" || w.customers["c9"].AccountID != "a1" {
			t.Errorf("member %v, the ERP's record names account %q", links(m), w.customers["c9"].AccountID)
		}
		if r := mustReport(t, w.s); r.Consistent != r.Checked {
			t.Errorf("not consistent: %+v", r.Entries)
		}
	})
	t.Run("a wrong PIN and an unknown card look the same", func(t *testing.T) {
		w := setUp(t)
		_, wrong := w.s.BindCard(t.Context(), w.me.ID, "k1", "0815")
		_, unknown := w.s.BindCard(t.Context(), w.me.ID, "k404", "0815")
		wantRefusal(t, wrong, retail.WhyProofRejected)
		if wrong == nil || unknown == nil || wrong.Error() != unknown.Error() {
			t.Errorf("%v and %v tell which cards exist", wrong, unknown)
		}
	})
	t.Run("without PIN the phone decides, and another's is none", func(t *testing.T) {
		w := setUp(t)
		_, err := w.s.BindCard(t.Context(), w.me.ID, "k1", "")
		wantRefusal(t, err, retail.WhyProofRejected)
		w.card("k2", unverified(annePhone))
		_, err = w.s.BindCard(t.Context(), w.me.ID, "k2", "")
		wantRefusal(t, err, retail.WhyProofRejected)
	})
	t.Run("a card of another member needs a merge", func(t *testing.T) {
		w := setUp(t)
		w.account("a2", verified(bobPhone))
		mustSignIn(t, w.s, "a2")
		_, err := w.s.BindCard(t.Context(), w.me.ID, "k1", "0815")
		wantRefusal(t, err, retail.WhyProofRejected) // whose it is, only its holder may learn
		_, err = w.s.BindCard(t.Context(), w.me.ID, "k1", "4711")
		wantRefusal(t, err, retail.WhyAlreadyLinked)
	})
	t.Run("PINs cannot be tried for ever, not even the right one", func(t *testing.T) {
		w := setUp(t)
		for range 10 {
			_, _ = w.s.BindCard(t.Context(), w.me.ID, "k1", "0000")
		}
		_, err := w.s.BindCard(t.Context(), w.me.ID, "k1", "4711")
		wantRefusal(t, err, retail.WhyLimitReached)
	})
	t.Run("silent tills bind nothing", func(t *testing.T) {
		w := setUp(t)
		w.fault = silence(retail.SourcePOS)
		if _, err := w.s.BindCard(t.Context(), w.me.ID, "k1", "4711"); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
			t.Errorf("got %v, want a retryable failure", err)
		}
		if m := w.members[w.me.ID]; slices.Contains(links(m), "POS k1 CARD") {
			t.Error("bound without proof")
		}
	})
}

// pairOf is a world with two members, each whole in every system.
func pairOf(t *testing.T) (w *world, s *members.Service, anne, bob *retail.Member) {
	w = newWorld()
	w.account("a1", retail.Profile{Name: "Anne", Phone: annePhone, PhoneVerified: true})
	w.account("a2", retail.Profile{Name: "Annie", Phone: bobPhone, PhoneVerified: true, Email: "annie@example.com"})
	w.card("k2", verified(bobPhone))
	s = w.service(t)
	anne, bob = mustSignIn(t, s, "a1"), mustSignIn(t, s, "a2")
	w.runJobs(t, s)
	w.things["order of anne"], w.things["order of annie"] = "member:"+anne.ID, "member:"+bob.ID
	return w, s, w.members[anne.ID], w.members[bob.ID]
}

func TestMergingAndUndoingRestoresBothExactly(t *testing.T) {
	w, s, anne, bob := pairOf(t)
	accounts, cards, customers := snapshot(w.accounts), snapshot(w.cards), snapshot(w.customers)
	record := mustMerge(t, w, s, anne.ID, bobPhone)
	w.runJobs(t, s)

	if again := mustSignIn(t, s, "a2"); again.ID != anne.ID {
		t.Errorf("the other account signs in as %s, want %s", again.ID, anne.ID)
	}
	if got := w.things["order of annie"]; got != "member:"+anne.ID {
		t.Errorf("the other's order belongs to %s", got)
	}
	if kept := w.members[anne.ID]; len(kept.Identities) != 6 || kept.In(retail.SourceShop) != "a1" {
		t.Errorf("kept member: %v", links(kept))
	}
	if r := mustReport(t, s); r.Checked != 1 || r.Consistent != 1 {
		t.Errorf("merged members are not consistent: %+v", r)
	}
	repeated, err := s.Merge(t.Context(), anne.ID, members.MergeRequest{Key: "m-" + bobPhone, Phone: bobPhone, Code: "used up"})
	if err != nil || repeated.ID != record.ID {
		t.Errorf("the same key again: %v, %v", repeated, err)
	}
	w.things["order since"] = "member:" + anne.ID

	w.pass(29 * 24 * time.Hour)
	for range 2 { // undoing again changes nothing
		if _, err := s.UndoMerge(t.Context(), anne.ID, record.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.runJobs(t, s)
	for _, before := range []*retail.Member{anne, bob} {
		after := copyMember(w.members[before.ID])
		after.Version = before.Version
		if diff := gocmp.Diff(before, after); diff != "" {
			t.Errorf("member after undoing (-before +after):\n%s", diff)
		}
	}
	if diff := gocmp.Diff([]any{accounts, cards, customers}, []any{snapshot(w.accounts), snapshot(w.cards), snapshot(w.customers)}); diff != "" {
		t.Errorf("the systems after undoing (-before +after):\n%s", diff)
	}
	want := map[string]string{
		"order of anne": "member:" + anne.ID, "order of annie": "member:" + bob.ID, "order since": "member:" + anne.ID,
	}
	if diff := gocmp.Diff(want, w.things); diff != "" {
		t.Errorf("owners after undoing (-want +got):\n%s", diff)
	}
	if again := mustSignIn(t, s, "a2"); again.ID != bob.ID {
		t.Errorf("the other account signs in as %s, want %s", again.ID, bob.ID)
	}
}

func snapshot[V any](m map[string]*V) map[string]V {
	c := make(map[string]V, len(m))
	for k, v := range m {
		c[k] = *v
	}
	return c
}

func TestRefusedMerges(t *testing.T) {
	w, s, anne, bob := pairOf(t)
	w.card("free", retail.Profile{})
	w.account("a5", verified("+8613800000005"))
	w.account("a6", verified("+8613800000005"))
	for name, c := range map[string]struct {
		request members.MergeRequest
		why     retail.Why
	}{
		"no proof at all":        {members.MergeRequest{}, retail.WhyInvalid},
		"two proofs":             {members.MergeRequest{Phone: bobPhone, CardNumber: "k2"}, retail.WhyInvalid},
		"a wrong code":           {members.MergeRequest{Phone: bobPhone, Code: "123456"}, retail.WhyCodeRejected},
		"a wrong PIN":            {members.MergeRequest{CardNumber: "k2", PIN: "0815"}, retail.WhyProofRejected},
		"no PIN":                 {members.MergeRequest{CardNumber: "k2"}, retail.WhyProofRejected},
		"a card that nobody has": {members.MergeRequest{CardNumber: "free", PIN: "4711"}, retail.WhyNotFound},
		"an unknown card":        {members.MergeRequest{CardNumber: "k404", PIN: "4711"}, retail.WhyProofRejected},
		"the member's own card":  {members.MergeRequest{CardNumber: anne.In(retail.SourcePOS), PIN: "0000"}, retail.WhyInvalid},
		"the member's own phone": {members.MergeRequest{Phone: annePhone, Code: w.codeFor(t, s, annePhone)}, retail.WhyInvalid},
		"a phone that no account has": {
			members.MergeRequest{Phone: "+8613800000009", Code: w.codeFor(t, s, "+8613800000009")}, retail.WhyProofRejected,
		},
		"a phone of several accounts": {
			members.MergeRequest{Phone: "+8613800000005", Code: w.codeFor(t, s, "+8613800000005")}, retail.WhyProofRejected,
		},
	} {
		c.request.Key = "k"
		if _, err := s.Merge(t.Context(), anne.ID, c.request); !retail.Refused(err, c.why) {
			t.Errorf("%s: got %v, want a refusal %s", name, err, c.why)
		}
	}
	if len(w.merges) != 0 || len(w.members[bob.ID].Identities) != 3 {
		t.Error("a refused merge changed something")
	}
}

func TestRefusedUndoing(t *testing.T) {
	w, s, anne, bob := pairOf(t)
	record := mustMerge(t, w, s, anne.ID, bobPhone)
	_, err := s.UndoMerge(t.Context(), bob.ID, record.ID)
	wantRefusal(t, err, retail.WhyNotFound)
	_, err = s.UndoMerge(t.Context(), anne.ID, "no such merge")
	wantRefusal(t, err, retail.WhyNotFound)

	w.account("a3", verified("+8613800000003"))
	carl := mustSignIn(t, s, "a3")
	later := mustMerge(t, w, s, carl.ID, annePhone)
	_, err = s.UndoMerge(t.Context(), anne.ID, record.ID)
	wantRefusal(t, err, retail.WhyNotAllowed)
	if _, err := s.UndoMerge(t.Context(), carl.ID, later.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.UndoMerge(t.Context(), anne.ID, record.ID); err != nil {
		t.Errorf("after the later one: %v", err)
	}

	again := mustMergeByCard(t, s, anne.ID, "k2")
	w.pass(30*24*time.Hour + time.Second)
	_, err = s.UndoMerge(t.Context(), anne.ID, again.ID)
	wantRefusal(t, err, retail.WhyNotAllowed)
}

func mustMergeByCard(t *testing.T, s *members.Service, keptID, number string) *members.MergeRecord {
	t.Helper()
	record, err := s.Merge(t.Context(), keptID, members.MergeRequest{Key: "by-card", CardNumber: number, PIN: "4711"})
	if err != nil {
		t.Fatal(err)
	}
	return record
}

func TestWhatAnOldSessionBuysAfterAMergeIsNotLost(t *testing.T) {
	w, s, anne, bob := pairOf(t)
	mustMerge(t, w, s, anne.ID, bobPhone)
	w.things["late order"] = "member:" + bob.ID // by a gateway that remembered the session
	w.pass(5 * time.Minute)
	w.runJobs(t, s)
	if got := w.things["late order"]; got != "member:"+anne.ID {
		t.Errorf("the late order belongs to %s, want the kept member", got)
	}
}

func TestMergesUndosAndJobsAtTheSameTime(t *testing.T) {
	w, s, anne, bob := pairOf(t)
	record := mustMerge(t, w, s, anne.ID, bobPhone)
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			switch i % 4 {
			case 0:
				_, _ = s.UndoMerge(t.Context(), anne.ID, record.ID)
			case 1:
				_, _ = s.Merge(t.Context(), anne.ID, members.MergeRequest{Key: "again", CardNumber: "k2", PIN: "4711"})
			case 2:
				_ = s.Complete(t.Context(), anne.ID)
			case 3:
				_ = s.Complete(t.Context(), bob.ID)
			}
		})
	}
	wg.Wait()
	w.pass(time.Hour)
	w.runJobs(t, s)
	seen := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(w.members)) {
		for _, identity := range w.members[id].Identities {
			if seen[identity.Key] {
				t.Errorf("%s has two members", identity.Key)
			}
			seen[identity.Key] = true
		}
	}
	if r := mustReport(t, s); r.Checked == 0 || r.Consistent != r.Checked {
		t.Errorf("not consistent: %+v", r)
	}
}
