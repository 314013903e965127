package members_test

import (
	"cmp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/members"
)

const (
	annePhone = "+8613800000001"
	bobPhone  = "+8613800000002"
)

func verified(phone string) retail.Profile {
	return retail.Profile{Name: "Anne", Phone: phone, PhoneVerified: true}
}

func unverified(phone string) retail.Profile { return retail.Profile{Name: "Anne", Phone: phone} }

func withUnion(p retail.Profile, unionID string) retail.Profile {
	p.UnionID = unionID
	return p
}

func (w *world) account(id string, p retail.Profile) {
	w.accounts[id] = &retail.Account{ID: id, Profile: p, UpdatedAt: w.now}
}

func (w *world) card(number string, p retail.Profile) {
	w.cards[number] = &retail.Card{Number: number, Profile: p}
	w.pins[number] = "4711"
}

func (w *world) customer(number string, p retail.Profile, card, account string) {
	w.customers[number] = &retail.Customer{Number: number, Profile: p, CardNumber: card, AccountID: account, AsOf: w.now}
}

// links says who is who: "SHOP a1 SIGN_IN".
func links(m *retail.Member) []string {
	var list []string
	for _, id := range m.Identities {
		list = append(list, string(id.System)+" "+id.Key+" "+string(id.LinkedBy))
	}
	slices.Sort(list)
	return list
}

func TestSigningInLinksByStrongProofOnly(t *testing.T) {
	const me = "SHOP a1 SIGN_IN"
	for name, c := range map[string]struct {
		given func(w *world)
		want  []string
		weak  []members.WeakMatch
	}{
		"the same phone, verified everywhere": {
			given: func(w *world) {
				w.account("a1", verified(annePhone))
				w.card("k1", verified(annePhone))
				w.customer("c1", verified(annePhone), "", "")
			},
			want: []string{"ERP c1 PHONE", "POS k1 PHONE", me},
		},
		"a phone that the shop has not verified": {
			given: func(w *world) {
				w.account("a1", unverified(annePhone))
				w.card("k1", verified(annePhone))
				w.customer("c1", verified(annePhone), "", "")
			},
			want: []string{me},
			weak: []members.WeakMatch{{retail.SourceERP, "c1", members.WeakUnverified}, {retail.SourcePOS, "k1", members.WeakUnverified}},
		},
		"a phone that the tills have not verified": {
			given: func(w *world) {
				w.account("a1", verified(annePhone))
				w.card("k1", unverified(annePhone))
			},
			want: []string{me},
		},
		"only the name is the same": {
			given: func(w *world) {
				w.account("a1", verified(annePhone))
				w.card("k1", verified(bobPhone))
				w.customer("c1", verified(bobPhone), "", "")
			},
			want: []string{me},
		},
		"nothing is known but the account": {
			given: func(w *world) { w.account("a1", retail.Profile{}) },
			want:  []string{me},
		},
		"the same WeChat union id, and phones that changed": {
			given: func(w *world) {
				w.account("a1", withUnion(verified(annePhone), "u1"))
				w.card("k1", withUnion(verified(bobPhone), "u1"))
				w.customer("c1", withUnion(unverified(""), "u1"), "", "")
			},
			want: []string{"ERP c1 UNION_ID", "POS k1 UNION_ID", me},
		},
		"a phone number that was given to somebody else": {
			given: func(w *world) {
				w.account("a1", withUnion(verified(annePhone), "u1"))
				w.card("k1", withUnion(verified(annePhone), "u2"))
			},
			want: []string{me},
			weak: []members.WeakMatch{{retail.SourcePOS, "k1", members.WeakContradicted}},
		},
		"two cards with the phone": {
			given: func(w *world) {
				w.account("a1", verified(annePhone))
				w.card("k1", verified(annePhone))
				w.card("k2", verified(annePhone))
			},
			want: []string{me},
			weak: []members.WeakMatch{{retail.SourcePOS, "k1", members.WeakSeveral}, {retail.SourcePOS, "k2", members.WeakSeveral}},
		},
		"one card by phone and another by union id": {
			given: func(w *world) {
				w.account("a1", withUnion(verified(annePhone), "u1"))
				w.card("k1", verified(annePhone))
				w.card("k2", withUnion(unverified(""), "u1"))
			},
			want: []string{me},
			weak: []members.WeakMatch{{retail.SourcePOS, "k1", members.WeakSeveral}, {retail.SourcePOS, "k2", members.WeakSeveral}},
		},
		"two accounts with the phone": {
			given: func(w *world) {
				w.account("a1", verified(annePhone))
				w.account("a2", verified(annePhone))
				w.card("k1", verified(annePhone))
			},
			want: []string{me},
			weak: []members.WeakMatch{{retail.SourcePOS, "k1", members.WeakSeveral}},
		},
		"the ERP names the account, and by it the card": {
			given: func(w *world) {
				w.account("a1", unverified(""))
				w.card("k1", unverified(""))
				w.customer("c1", unverified(""), "k1", "a1")
			},
			want: []string{"ERP c1 RECORD", "POS k1 RECORD", me},
		},
		"the ERP names the account, and by it one of two cards": {
			given: func(w *world) {
				w.account("a1", verified(annePhone))
				w.card("k1", verified(annePhone))
				w.card("k2", verified(annePhone))
				w.customer("c1", unverified(""), "k2", "a1")
			},
			want: []string{"ERP c1 RECORD", "POS k2 RECORD", me},
			weak: []members.WeakMatch{{retail.SourcePOS, "k1", members.WeakNotNeeded}},
		},
		"the card by phone, the ERP's record by the card": {
			given: func(w *world) {
				w.account("a1", verified(annePhone))
				w.card("k1", verified(annePhone))
				w.customer("c1", unverified(""), "k1", "")
			},
			want: []string{"ERP c1 RECORD", "POS k1 PHONE", me},
		},
		"the ERP names the account and a card with another person's phone": {
			given: func(w *world) {
				w.account("a1", verified(annePhone))
				w.card("k1", verified(bobPhone))
				w.customer("c1", unverified(""), "k1", "a1")
			},
			want: []string{me},
			weak: []members.WeakMatch{{retail.SourceERP, "c1", members.WeakContradicted}},
		},
		"the ERP names the card and somebody else's account": {
			given: func(w *world) {
				w.account("a1", verified(annePhone))
				w.card("k1", verified(annePhone))
				w.customer("c1", verified(annePhone), "k1", "a9")
			},
			want: []string{"POS k1 PHONE", me},
			weak: []members.WeakMatch{{retail.SourceERP, "c1", members.WeakContradicted}},
		},
		"two records of the ERP name the account": {
			given: func(w *world) {
				w.account("a1", verified(annePhone))
				w.customer("c1", unverified(""), "", "a1")
				w.customer("c2", unverified(""), "", "a1")
			},
			want: []string{me},
			weak: []members.WeakMatch{{retail.SourceERP, "c1", members.WeakSeveral}, {retail.SourceERP, "c2", members.WeakSeveral}},
		},
		"the card with the phone is another member's": {
			given: func(w *world) {
				w.account("a1", verified(annePhone))
				w.card("k1", verified(annePhone))
				w.members["other"] = &retail.Member{ID: "other", Version: 1, Identities: []retail.Identity{
					{System: retail.SourceShop, Key: "a7"}, {System: retail.SourcePOS, Key: "k1"}, {System: retail.SourceERP, Key: "c7"},
				}}
			},
			want: []string{me},
			weak: []members.WeakMatch{{retail.SourcePOS, "k1", members.WeakOwned}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			c.given(w)
			s := w.service(t)
			m, err := s.SignedIn(t.Context(), "a1")
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(c.want, links(m)); diff != "" {
				t.Errorf("identities (-want +got):\n%s", diff)
			}
			if diff := gocmp.Diff(c.weak, weakOf(t, s, m.ID)); diff != "" {
				t.Errorf("weak matches (-want +got):\n%s", diff)
			}
			before := links(m)
			w.runJobs(t, s)
			for _, e := range mustReport(t, s).Entries {
				if e.MemberID == m.ID && !e.Whole() {
					t.Errorf("after its job the member still lacks %v, differs in %v", e.Missing, e.Differences)
				}
			}
			after := links(w.members[m.ID])
			for _, link := range before {
				if !slices.Contains(after, link) {
					t.Errorf("the job took %s away: %v", link, after)
				}
			}
		})
	}
}

func mustReport(t testing.TB, s *members.Service) *members.Report {
	t.Helper()
	r, err := s.Report(t.Context(), "", members.MaxReport)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func weakOf(t testing.TB, s *members.Service, memberID string) []members.WeakMatch {
	t.Helper()
	for _, e := range mustReport(t, s).Entries {
		if e.MemberID == memberID {
			slices.SortFunc(e.Weak, func(a, b members.WeakMatch) int {
				return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Key, b.Key))
			})
			return e.Weak
		}
	}
	return nil
}

func TestARecordThatAppearsLaterIsLinkedOnlyWhileItIsMissing(t *testing.T) {
	t.Run("the tills were silent at the first sign-in", func(t *testing.T) {
		w := newWorld()
		w.account("a1", verified(annePhone))
		w.card("k1", verified(annePhone))
		w.fault = silence(retail.SourcePOS, retail.SourceERP)
		s := w.service(t)
		m, err := s.SignedIn(t.Context(), "a1")
		if err != nil {
			t.Fatal(err)
		}
		if got := links(m); len(got) != 1 {
			t.Fatalf("linked %v although ERP and tills are silent", got)
		}
		w.fault = nil
		w.runJobs(t, s)
		if got := w.members[m.ID].In(retail.SourcePOS); got != "k1" {
			t.Errorf("card %q, want k1", got)
		}
	})
	t.Run("the member has a card by then", func(t *testing.T) {
		w := newWorld()
		w.account("a1", verified(annePhone))
		s := w.service(t)
		m, err := s.SignedIn(t.Context(), "a1")
		if err != nil {
			t.Fatal(err)
		}
		w.runJobs(t, s)
		w.card("z9", verified(annePhone))
		if err := s.Complete(t.Context(), m.ID); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(links(w.members[m.ID]), "POS z9 PHONE") {
			t.Error("a second card was joined without anybody asking")
		}
		want := []members.WeakMatch{{retail.SourcePOS, "z9", members.WeakNotNeeded}}
		if diff := gocmp.Diff(want, weakOf(t, s, m.ID)); diff != "" {
			t.Errorf("weak matches (-want +got):\n%s", diff)
		}
		// The shopper asks for it: the phone is proof enough, and the real card leads from now on.
		bound, err := s.BindCard(t.Context(), m.ID, "z9", "")
		if err != nil {
			t.Fatal(err)
		}
		if got := bound.In(retail.SourcePOS); got != "z9" {
			t.Errorf("leading card %q, want z9", got)
		}
	})
}
