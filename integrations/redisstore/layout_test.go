package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/redisstore"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func TestGatewaysThatExtendTheLayoutAtOnceAgree(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		const gateways, stores = 8, 40
		keepers := make([]*stock.Keeper, gateways)
		var wg sync.WaitGroup
		for g := range keepers {
			keepers[g] = stock.NewKeeper(r.store())
			wg.Go(func() {
				for n := 5; n <= stores; n += 5 {
					var known []*retail.Location
					for i := range n { // every gateway hears of the stores in an order of its own
						known = append(known, &retail.Location{Code: fmt.Sprintf("S-%d", (i*7+g*11)%stores)})
					}
					err := errors.New("not tried")
					for try := 0; err != nil && try < 50; try++ { // it gives up for now when others are always faster
						err = keepers[g].Cover(context.Background(), known)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		stored, err := r.store().SaveLayout(context.Background(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		taken := map[stock.Place]string{}
		for code, place := range stored {
			if other, twice := taken[place]; twice {
				t.Errorf("%s and %s share place %v", code, other, place)
			}
			taken[place] = code
		}
		if len(stored) != stores {
			t.Errorf("%d locations have a place, want %d", len(stored), stores)
		}
		for g, k := range keepers {
			for code, place := range k.Layout() {
				if stored[code] != place {
					t.Errorf("gateway %d has %s at %v, the store at %v", g, code, place, stored[code])
				}
			}
		}
	})
}

func TestSaveLayout(t *testing.T) {
	a := stock.Layout{"A": {Partition: 0, Slot: 0}}
	ab := stock.Layout{"A": {Partition: 0, Slot: 0}, "B": {Partition: 0, Slot: 1}}
	ac := stock.Layout{"A": {Partition: 0, Slot: 0}, "C": {Partition: 0, Slot: 1}}
	cases := map[string]struct{ stored, base, extended, want stock.Layout }{
		"the first layout is stored":                          {nil, nil, a, a},
		"an extension of the stored one is stored":            {a, a, ab, ab},
		"an extension of an older one is not":                 {ab, a, ac, ab},
		"a store that lost its layout takes the one in force": {nil, a, ab, ab},
	}
	onEveryRedis(t, func(t *testing.T, r rig) {
		for name, c := range cases {
			r.wipe(t)
			store, ctx := r.store(), context.Background()
			if c.stored != nil {
				if _, err := store.SaveLayout(ctx, nil, c.stored); err != nil {
					t.Fatal(err)
				}
			}
			got, err := store.SaveLayout(ctx, c.base, c.extended)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestBeginRefusesALayoutThatDisagrees(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		store, ctx := r.store(), context.Background()
		mustBegin(t, store, layoutOf(1, 2), retail.SourceERP)
		swapped := layoutOf(1, 2)
		swapped["S-0-0"], swapped["S-0-1"] = swapped["S-0-1"], swapped["S-0-0"]
		if err := store.Begin(ctx, retail.SourceERP, swapped); retail.CodeOf(err) != retail.CodeConflict {
			t.Errorf("got %v, want a conflict", err)
		}
	})
}

func FuzzLayoutText(f *testing.F) {
	f.Add("")
	f.Add("S-1 0 0\nS-2 65535 31\n")
	f.Add("S-1 0 0\nS-2 0 0\n")
	f.Add("S-1 0 0\nS-1 0 1\n")
	f.Add("S-1 0 32\n")
	f.Add("S-1 -1 0")
	f.Fuzz(func(t *testing.T, text string) {
		layout, err := redisstore.DecodeLayout(text)
		if err != nil {
			return
		}
		again, err := redisstore.DecodeLayout(redisstore.EncodeLayout(layout))
		if err != nil || !maps.Equal(layout, again) {
			t.Errorf("%q decodes to %v and then to %v, %v", text, layout, again, err)
		}
	})
}
