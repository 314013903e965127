package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
)

var _ auth.Revocations = (*ledger.Ledger)(nil)

func TestRevocationsAreReadInTheOrderOfTheirIDs(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		here, there, ctx := r.open(t), r.open(t), t.Context()
		now := r.clock.now()
		one := retail.Revocation{Issuer: "portico", TokenID: "t-1", ExpiresAt: now.Add(time.Hour)}
		all := retail.Revocation{Issuer: "https://id.example", Subject: "m-1", Role: "member", Until: now, ExpiresAt: now.Add(2 * time.Hour)}
		for _, v := range []*retail.Revocation{&one, &all} {
			var err error
			v.ID, err = here.AddRevocation(ctx, *v)
			mustDo(t, err)
		}
		list, err := there.RevocationsSince(ctx, 0, 10)
		mustDo(t, err)
		if diff := cmp.Diff([]retail.Revocation{one, all}, list); diff != "" {
			t.Error(diff)
		}
		if list, err = there.RevocationsSince(ctx, one.ID, 10); err != nil || len(list) != 1 || list[0].ID != all.ID {
			t.Errorf("after the first: %v, %v", list, err)
		}
		if list, err = there.RevocationsSince(ctx, 0, 1); err != nil || len(list) != 1 || list[0].ID != one.ID {
			t.Errorf("one of them: %v, %v", list, err)
		}

		// What takes nothing back any more goes, and its id is not given again.
		r.clock.pass(time.Hour + time.Second)
		if list, err = there.RevocationsSince(ctx, 0, 10); err != nil || len(list) != 1 {
			t.Errorf("after the first is over: %v, %v", list, err)
		}
		r.clock.pass(time.Hour)
		rows, err := here.Purge(ctx)
		if err != nil || rows < 2 {
			t.Errorf("%d rows went, %v", rows, err)
		}
		later := retail.Revocation{Issuer: "portico", TokenID: "t-2", ExpiresAt: r.clock.now().Add(time.Hour)}
		if later.ID, err = here.AddRevocation(ctx, later); err != nil || later.ID <= all.ID {
			t.Errorf("the next has the id %d, %v", later.ID, err)
		}
	})
}

// TestNoReaderPassesARevocationThatAppearsLater: readers go on from the highest id that they saw, while others are stored.
func TestNoReaderPassesARevocationThatAppearsLater(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		const writers, each = 8, 25
		stored := make(chan error, 1)
		go func() {
			var failed error
			for _, err := range parallel(writers, func(i int) error {
				for n := range each {
					v := retail.Revocation{Issuer: "portico", TokenID: fmt.Sprintf("%d-%d", i, n), ExpiresAt: r.clock.now().Add(time.Hour)}
					if _, err := l.AddRevocation(ctx, v); err != nil {
						return err
					}
				}
				return nil
			}) {
				if err != nil {
					failed = err
				}
			}
			stored <- failed
		}()
		seen, after, over := map[string]bool{}, int64(0), false
		for {
			list, err := l.RevocationsSince(ctx, after, 7)
			mustDo(t, err)
			for _, v := range list {
				if v.ID <= after || seen[v.TokenID] {
					t.Fatalf("%+v came after %d", v, after)
				}
				seen[v.TokenID], after = true, v.ID
			}
			if len(list) == 0 && over {
				break
			}
			select {
			case err := <-stored:
				mustDo(t, err)
				over = true
			default:
			}
		}
		if len(seen) != writers*each {
			t.Errorf("%d of %d revocations were seen", len(seen), writers*each)
		}
	})
}

func TestRevocationsNameOneThing(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, later := r.open(t), r.clock.now().Add(time.Hour)
		for name, v := range map[string]retail.Revocation{
			"nobody":                       {Issuer: "portico", ExpiresAt: later},
			"a token and a subject":        {Issuer: "portico", TokenID: "t", Subject: "s", Until: later, ExpiresAt: later},
			"a subject without an instant": {Issuer: "portico", Subject: "s", ExpiresAt: later},
			"a token with an instant":      {Issuer: "portico", TokenID: "t", Until: later, ExpiresAt: later},
			"no issuer":                    {TokenID: "t", ExpiresAt: later},
			"a null byte":                  {Issuer: "portico", TokenID: "t\x00", ExpiresAt: later},
		} {
			if _, err := l.AddRevocation(t.Context(), v); retail.CodeOf(err) != retail.CodeBadInput {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})
}
