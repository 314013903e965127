package members_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/members"
)

func mustSignIn(t testing.TB, s *members.Service, subject string) *retail.Member {
	t.Helper()
	m, err := s.SignedIn(t.Context(), subject)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestManyFirstSignInsMakeOneMember(t *testing.T) {
	w := newWorld()
	w.account("a1", verified(annePhone))
	w.card("k1", verified(annePhone))
	services := []*members.Service{w.service(t), w.service(t)} // two gateways
	ids := make([]string, 32)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			m, err := services[i%2].SignedIn(t.Context(), "a1")
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = m.ID
		})
	}
	wg.Wait()
	if len(w.members) != 1 {
		t.Fatalf("%d members, want 1", len(w.members))
	}
	for _, id := range ids {
		if _, ok := w.members[id]; !ok {
			t.Errorf("somebody signed in as %q", id)
		}
	}
}

func TestTwoNewMembersWhoClaimOneCardAtTheSameTime(t *testing.T) {
	for range 50 {
		w := newWorld()
		// The shop's search shows neither account to the other yet, so both find the card.
		w.account("a1", withUnion(unverified(""), "u1"))
		w.account("a2", verified(annePhone))
		w.card("k1", withUnion(verified(annePhone), "u1"))
		s := w.service(t)
		var wg sync.WaitGroup
		for _, subject := range []string{"a1", "a2"} {
			wg.Go(func() {
				if _, err := s.SignedIn(t.Context(), subject); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		owners := 0
		for _, m := range w.members {
			if m.In(retail.SourcePOS) == "k1" {
				owners++
			}
		}
		if len(w.members) != 2 || owners > 1 {
			t.Fatalf("%d members, %d of them with the card", len(w.members), owners)
		}
	}
}

func TestSigningInWhileSystemsAreSilent(t *testing.T) {
	t.Run("the ledger suffices for a known member", func(t *testing.T) {
		w := newWorld()
		w.account("a1", verified(annePhone))
		known := mustSignIn(t, w.service(t), "a1")
		w.fault = silence(retail.SourceShop, retail.SourcePOS, retail.SourceERP)
		if m := mustSignIn(t, w.service(t), "a1"); m.ID != known.ID {
			t.Errorf("signed in as %s, want %s", m.ID, known.ID)
		}
	})
	t.Run("a new member needs the shop", func(t *testing.T) {
		w := newWorld()
		w.account("a1", verified(annePhone))
		w.fault = silence(retail.SourceShop)
		_, err := w.service(t).SignedIn(t.Context(), "a1")
		if retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
			t.Errorf("got %v, want a retryable failure of the shop", err)
		}
		if len(w.members) != 0 {
			t.Error("a member was made of nothing")
		}
	})
	t.Run("the ledger is down", func(t *testing.T) {
		w := newWorld()
		w.account("a1", verified(annePhone))
		w.fault = silence(ledgerSource)
		if _, err := w.service(t).SignedIn(t.Context(), "a1"); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
			t.Errorf("got %v, want a retryable failure", err)
		}
	})
}

func TestSubjectsThatNoAccountHas(t *testing.T) {
	w := newWorld()
	s := w.service(t)
	for name, subject := range map[string]string{
		"unknown": "a9", "empty": "", "huge": strings.Repeat("a", 10_000), "with a line break": "a\n1", "not UTF-8": "a\xff",
	} {
		if _, err := s.SignedIn(t.Context(), subject); retail.CodeOf(err) != retail.CodeForbidden {
			t.Errorf("%s: got %v, want %s", name, err, retail.CodeForbidden)
		}
	}
	if w.calls["Account"] != 1 {
		t.Errorf("the shop was asked %d times, want once: what can be no account needs no question", w.calls["Account"])
	}
}

func TestASignedInMemberIsRememberedForAWhile(t *testing.T) {
	w := newWorld()
	w.account("a1", verified(annePhone))
	s := w.service(t)
	first := mustSignIn(t, s, "a1")
	first.Identities[0].Key = "somebody else" // what callers do to their copy stays theirs
	asked := w.calls["MemberOf"]
	if again := mustSignIn(t, s, "a1"); again.In(retail.SourceShop) != "a1" {
		t.Error("the remembered member was changed by a caller")
	}
	if w.calls["MemberOf"] != asked {
		t.Error("the ledger was asked again at once")
	}
	w.pass(31 * time.Second)
	mustSignIn(t, s, "a1")
	if w.calls["MemberOf"] == asked {
		t.Error("the ledger was not asked again after the time is over")
	}
	name := "Anne Smith"
	if _, err := s.UpdateProfile(t.Context(), first.ID, members.ProfileChange{Name: &name}); err != nil {
		t.Fatal(err)
	}
	if again := mustSignIn(t, s, "a1"); again.Profile.Name != name {
		t.Errorf("name %q after the member's own change, want %q", again.Profile.Name, name)
	}
}

func TestASessionOfAMergedMemberIsToldToAskAgain(t *testing.T) {
	w := newWorld()
	w.account("a1", verified(annePhone))
	w.account("a2", verified(bobPhone))
	here, elsewhere := w.service(t), w.service(t)
	kept, other := mustSignIn(t, here, "a1"), mustSignIn(t, elsewhere, "a2")
	mustMerge(t, w, here, kept.ID, bobPhone)
	if m := mustSignIn(t, elsewhere, "a2"); m.ID != other.ID {
		t.Fatal("the other gateway is expected to remember for a while")
	}
	_, err := elsewhere.Wallet(t.Context(), other.ID)
	if retail.CodeOf(err) != retail.CodeConflict {
		t.Fatalf("got %v, want a retryable conflict", err)
	}
	if m := mustSignIn(t, elsewhere, "a2"); m.ID != kept.ID {
		t.Errorf("signed in as %s, want the kept member %s", m.ID, kept.ID)
	}
}

func mustMerge(t testing.TB, w *world, s *members.Service, keptID, phone string) *members.MergeRecord {
	t.Helper()
	if err := s.StartVerification(t.Context(), keptID, "v-"+phone, phone); err != nil {
		t.Fatal(err)
	}
	record, err := s.Merge(t.Context(), keptID, members.MergeRequest{Key: "m-" + phone, Phone: phone, Code: w.codes[phone]})
	if err != nil {
		t.Fatal(err)
	}
	return record
}

func TestASlowERPDoesNotHoldUpASignIn(t *testing.T) {
	w := newWorld()
	w.account("a1", verified(annePhone))
	c := members.DefaultConfig()
	c.LinkWithin = time.Nanosecond
	m, err := w.serviceWith(t, c).SignedIn(context.Background(), "a1")
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Identities) != 1 || len(w.jobs) != 1 {
		t.Errorf("%d identities and %d jobs, want the account and a job for the rest", len(m.Identities), len(w.jobs))
	}
}
