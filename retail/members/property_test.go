package members_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/members"
)

// town is a world whose people we know better than the systems do.
type town struct {
	*world
	s       *members.Service
	person  map[string]string // by account id, card and customer number
	phones  map[string]string // by person
	merges  []string
	created int
}

func newTown(t fataler) *town {
	w := newWorld()
	// Anne has two accounts with a phone each; she had her first number before Bob did.
	w.account("a1", withUnion(verified(annePhone), "uA"))
	w.account("a2", verified("+8613800000003"))
	w.account("a3", unverified(annePhone)) // Bob typed his old number
	w.account("a4", verified("+8613800000004"))
	w.card("k1", withUnion(verified(annePhone), "uA"))
	w.card("k2", withUnion(verified(annePhone), "uB")) // nobody told the tills that Bob's number is Anne's now
	w.card("k3", unverified("+8613800000004"))
	w.card("k4", verified("+8613800000003"))
	w.customer("c1", retail.Profile{}, "k1", "")
	w.customer("c2", retail.Profile{Name: "Bob"}, "k2", "a3")
	w.customer("c3", verified("+8613800000004"), "", "")
	w.customer("c4", retail.Profile{}, "k4", "")
	return &town{
		world: w, s: w.service(t),
		person: map[string]string{
			"a1": "anne", "a2": "anne", "a3": "bob", "a4": "carl", "k1": "anne", "k2": "bob", "k3": "carl", "k4": "anne",
			"c1": "anne", "c2": "bob", "c3": "carl", "c4": "anne",
		},
		phones: map[string]string{"anne": annePhone, "bob": bobPhone, "carl": "+8613800000004", "dora": "+8613800000005"},
	}
}

func (w *town) personOf(m *retail.Member) string {
	for _, id := range m.Identities {
		if p, ok := w.person[id.Key]; ok {
			return p
		}
	}
	return ""
}

// check holds at every instant: no record has two members, and no member is two people.
func (w *town) check(t *rapid.T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	owner := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(w.members)) {
		m := w.members[id]
		who := w.personOf(m)
		for _, identity := range m.Identities {
			if other, taken := owner[identity.Key]; taken {
				t.Fatalf("%s belongs to %s and %s", identity.Key, other, id)
			}
			owner[identity.Key] = id
			if p, known := w.person[identity.Key]; known && p != who {
				t.Fatalf("%s of %s became part of %s: %v", identity.Key, p, who, links(m))
			}
		}
	}
}

func (w *town) step(t *rapid.T) {
	ctx := context.Background()
	accounts := slices.Sorted(maps.Keys(w.accounts))
	cards := []string{"k1", "k2", "k3", "k4"}
	n := rapid.IntRange(0, 9).Draw(t, "step")
	switch n {
	case 0, 1, 2, 3, 4:
		m, err := w.s.SignedIn(ctx, rapid.SampledFrom(accounts).Draw(t, "account"))
		if err != nil {
			return
		}
		w.buy(m.ID)
		w.act(ctx, t, n, m, cards)
	case 5:
		who := rapid.SampledFrom(slices.Sorted(maps.Keys(w.phones))).Draw(t, "who")
		key := rapid.SampledFrom([]string{"r1", "r2"}).Draw(t, "key")
		_ = w.s.StartVerification(ctx, who, key, w.phones[who])
		r, err := w.s.Register(ctx, members.RegisterRequest{
			Key: key, Caller: who, Name: who, Phone: w.phones[who], Code: w.code(w.phones[who]),
		})
		if err == nil {
			w.person[r.Member.In(retail.SourceShop)] = who
		}
	case 6:
		if len(w.merges) > 0 {
			w.undo(ctx, rapid.SampledFrom(w.merges).Draw(t, "merge"))
		}
	case 7, 8:
		w.mu.Lock()
		due := slices.Clone(w.jobs)
		w.mu.Unlock()
		if len(due) > 0 {
			_ = w.s.RunJob(ctx, rapid.SampledFrom(due).Draw(t, "job").Key) // again and out of turn, as a queue may
		}
	case 9:
		w.pass(time.Minute)
	}
}

func (w *town) act(ctx context.Context, t *rapid.T, n int, m *retail.Member, cards []string) {
	who := w.personOf(m)
	right := rapid.Bool().Draw(t, "right")
	switch n {
	case 1: // people bind their own cards, or try others' without knowing the PIN
		number, pin := rapid.SampledFrom(cards).Draw(t, "card"), "1234"
		if w.person[number] == who && right {
			pin = "4711"
		}
		_, _ = w.s.BindCard(ctx, m.ID, number, pin)
	case 2:
		number, pin := rapid.SampledFrom(cards).Draw(t, "card"), "1234"
		if w.person[number] == who && right {
			pin = "4711"
		}
		w.merge(ctx, m.ID, members.MergeRequest{Key: rapid.SampledFrom([]string{"m1", "m2", "m3"}).Draw(t, "key"), CardNumber: number, PIN: pin})
	case 3:
		phone := rapid.SampledFrom([]string{annePhone, bobPhone, "+8613800000003", "+8613800000004"}).Draw(t, "phone")
		code := "1234"
		if right && (w.phones[who] == phone || who == "anne" && phone == "+8613800000003") {
			_ = w.s.StartVerification(ctx, who, fmt.Sprint("v", w.created), phone)
			w.created++
			code = w.code(phone)
		}
		w.merge(ctx, m.ID, members.MergeRequest{Key: rapid.SampledFrom([]string{"m1", "m2", "m3"}).Draw(t, "key"), Phone: phone, Code: code})
	case 4:
		name := rapid.SampledFrom([]string{"A. Smith", "B. Jones"}).Draw(t, "name")
		_, _ = w.s.UpdateProfile(ctx, m.ID, members.ProfileChange{Name: &name})
	}
}

func (w *town) code(phone string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.codes[phone]
}

func (w *town) buy(memberID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.things[fmt.Sprint("order ", len(w.things))] = "member:" + memberID
}

func (w *town) merge(ctx context.Context, memberID string, r members.MergeRequest) {
	if record, err := w.s.Merge(ctx, memberID, r); err == nil {
		w.merges = append(w.merges, record.ID)
	}
}

func (w *town) undo(ctx context.Context, id string) {
	w.mu.Lock()
	kept := w.world.merges[id].KeptID
	w.mu.Unlock()
	_, _ = w.s.UndoMerge(ctx, kept, id)
}

func TestWhateverFailsMembersEndUpWholeAndNobodyIsTwoPeople(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newTown(t)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "faults"), 1))
		rate := rapid.SampledFrom([]float64{0, 0.1, 0.3}).Draw(t, "rate")
		w.fault = func(retail.Source, string) fault {
			switch p := rng.Float64(); {
			case p < rate/2:
				return down
			case p < rate:
				return replyLost
			}
			return fine
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			w.step(t)
			w.check(t)
		}
		w.mu.Lock()
		w.fault = nil
		w.mu.Unlock()
		w.pass(time.Hour)
		w.runJobs(t, w.s)
		for id, m := range maps.Clone(w.members) {
			if len(m.Identities) > 0 {
				if err := w.s.RequestCompletion(t.Context(), id); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.runJobs(t, w.s)
		w.check(t)
		w.checkSettled(t)
	})
}

// checkSettled holds once nothing fails any more.
func (w *town) checkSettled(t *rapid.T) {
	r, err := w.s.Report(t.Context(), "", members.MaxReport)
	if err != nil {
		t.Fatal(err)
	}
	if r.Consistent != r.Checked {
		t.Fatalf("%d of %d members are consistent: %+v", r.Consistent, r.Checked, r.Entries)
	}
	for thing, owner := range w.things {
		if m := w.members[owner[len("member:"):]]; m == nil || len(m.Identities) == 0 {
			t.Fatalf("%s is owned by %s, who is merged into another", thing, owner)
		}
	}
	for _, m := range w.members {
		if want := m.In(retail.SourceShop); want != "" {
			if again, err := w.s.SignedIn(t.Context(), want); err != nil || again.ID != m.ID {
				t.Fatalf("account %s signs in as %v (%v), want %s", want, again, err, m.ID)
			}
		}
	}
}
