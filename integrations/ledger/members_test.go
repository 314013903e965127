package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/care"
	"github.com/portico-retail/portico/retail/members"
)

func identity(system retail.Source, key string) retail.Identity {
	return retail.Identity{System: system, Key: key, LinkedBy: retail.ProofSignIn, LinkedAt: noon}
}

func TestAMemberIsFoundByEachIdentity(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		m := &retail.Member{
			ID: "m1", Identities: []retail.Identity{identity(retail.SourceShop, "acc1"), identity(retail.SourcePOS, "card1")},
			Profile: retail.Profile{Name: "张三", Phone: "+8613800138000"}, CreatedAt: noon,
		}
		stored := must(l.SaveMember(ctx, m, retail.Job{Kind: retail.JobMember, Key: "m1"}))(t)
		want := *m
		want.Version = 1
		if diff := cmp.Diff(&want, stored); diff != "" || m.Version != 0 {
			t.Errorf("the argument has version %d; %s", m.Version, diff)
		}
		for _, id := range m.Identities {
			if diff := cmp.Diff(&want, must(l.MemberOf(ctx, id.System, id.Key))(t)); diff != "" {
				t.Error(diff)
			}
		}
		if n := waiting(t, l); n != 1 {
			t.Errorf("%d jobs wait", n)
		}
		stored.Identities = stored.Identities[:1]
		must(l.SaveMember(ctx, stored))(t)
		_, err := l.MemberOf(ctx, retail.SourcePOS, "card1")
		wantCode(t, err, retail.CodeNotFound, false)
		_, err = l.Member(ctx, "m2")
		wantCode(t, err, retail.CodeNotFound, false)
	})
}

func TestMembersAreSavedByTheirVersions(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		shared := identity(retail.SourceShop, "acc1")
		saved := 0
		for _, err := range parallel(12, func(i int) error {
			_, err := l.SaveMember(ctx, &retail.Member{ID: fmt.Sprint("m", i), Identities: []retail.Identity{shared}}, retail.Job{Kind: retail.JobMember, Key: "x"})
			return err
		}) {
			if err == nil {
				saved++
				continue
			}
			wantCode(t, err, retail.CodeConflict, true)
		}
		if saved != 1 || l.Int(t, `SELECT COUNT(*) FROM members`) != 1 || waiting(t, l) != 1 {
			t.Errorf("%d members took the same identity", saved)
		}
		m := must(l.MemberOf(ctx, retail.SourceShop, "acc1"))(t)
		changed := 0
		for _, err := range parallel(12, func(int) error {
			_, err := l.SaveMember(ctx, m)
			return err
		}) {
			if err == nil {
				changed++
				continue
			}
			wantCode(t, err, retail.CodeConflict, true)
		}
		if changed != 1 {
			t.Errorf("%d changes of one version", changed)
		}
	})
}

func TestMembersAreListedInPages(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		for i := range 5 {
			must(l.SaveMember(ctx, &retail.Member{ID: fmt.Sprint("m", i)}))(t)
		}
		var got []string
		for _, m := range append(must(l.Members(ctx, "", 3))(t), must(l.Members(ctx, "m2", 3))(t)...) {
			got = append(got, m.ID)
		}
		if diff := cmp.Diff([]string{"m0", "m1", "m2", "m3", "m4"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAMergeMovesWhatOneOwnsAndItsUndoingGivesBackThatOnly(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		card := identity(retail.SourcePOS, "card1")
		kept := must(l.SaveMember(ctx, &retail.Member{ID: "m1", Identities: []retail.Identity{identity(retail.SourceShop, "acc1")}}))(t)
		merged := must(l.SaveMember(ctx, &retail.Member{ID: "m0", Identities: []retail.Identity{card}}))(t)
		for _, m := range []string{"m0", "m1"} {
			owner := "member:" + m
			mustCreate(t, l, &retail.Order{ID: "o-" + m, Number: "N-" + m, Owner: owner, MemberID: m})
			mustHold(t, l, hold("c-"+m, owner, "S001", units("A", 1)))
			must(l.AddFeedback(ctx, &care.Feedback{ID: "f-" + m, Kind: care.KindReview, Owner: owner, SKU: "A", CreatedAt: noon}))(t)
		}
		owners := func() string {
			var s string
			for _, m := range []string{"m0", "m1"} {
				o := must(l.Order(ctx, "o-"+m))(t)
				s += fmt.Sprint(o.Owner, " ", o.MemberID, " ", must(l.Claim(ctx, "c-"+m))(t).Owner, " ", must(l.Feedback(ctx, "f-"+m))(t).Owner, "; ")
			}
			return s
		}
		before := owners()
		record := members.MergeRecord{ID: "merge1", KeptID: "m1", MergedID: "m0", Identities: []retail.Identity{card}, MergedAt: noon}
		kept.Identities, merged.Identities = append(kept.Identities, card), nil
		mustDo(t, l.SaveMerge(ctx, record, kept, merged, "member:m0", "member:m1"))
		wantCode(t, l.SaveMerge(ctx, record, kept, merged, "member:m0", "member:m1"), retail.CodeConflict, true)
		if got, want := owners(), "member:m1 m1 member:m1 member:m1; member:m1 m1 member:m1 member:m1; "; got != want {
			t.Errorf("after the merge: %s", got)
		}
		if m := must(l.MemberOf(ctx, retail.SourcePOS, "card1"))(t); m.ID != "m1" || m.Version != 2 {
			t.Errorf("the card is %+v's", m)
		}
		if diff := cmp.Diff(&record, must(l.Merge(ctx, "merge1"))(t)); diff != "" {
			t.Error(diff)
		}
		// A change after the merge keeps the new owner.
		must(l.UpdateOrder(ctx, "o-m0", func(_ retail.Tx, o *retail.Order) error { o.Note = "n"; return nil }))(t)

		undone := noon.Add(time.Hour)
		record.UndoneAt = &undone
		kept, merged = must(l.Member(ctx, "m1"))(t), must(l.Member(ctx, "m0"))(t)
		kept.Identities, merged.Identities = kept.Identities[:1], []retail.Identity{card}
		mustDo(t, l.SaveMerge(ctx, record, kept, merged, "member:m1", "member:m0"))
		if got := owners(); got != before {
			t.Errorf("after the undoing: %s, before: %s", got, before)
		}
		if m := must(l.MemberOf(ctx, retail.SourcePOS, "card1"))(t); m.ID != "m0" {
			t.Errorf("the card is %+v's", m)
		}
		if got := must(l.Merge(ctx, "merge1"))(t); got.UndoneAt == nil || !got.UndoneAt.Equal(undone) {
			t.Errorf("got %+v", got)
		}
		_, err := l.Merge(ctx, "merge2")
		wantCode(t, err, retail.CodeNotFound, false)
	})
}
