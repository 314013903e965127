package redisstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// Two gateways feed one Redis. Whatever one of them does about a loss, the other one's feeds must learn of it too.
func TestALossIsNoticedByTheFeedsOfEveryGateway(t *testing.T) {
	ctx, layout := context.Background(), layoutOf(2, 1)
	write := func(s stock.Projection, source retail.Source, version uint32) error {
		return s.Apply(ctx, 0, []stock.Write{{SKU: "A", Fact: &stock.Fact{Source: source, Version: version}}})
	}
	mark := func(s stock.Projection, source retail.Source) error {
		return s.Advance(ctx, 0, []stock.PlaceMark{{Source: source, AsOf: time.UnixMilli(9), First: true}})
	}
	losses := map[string]func(t *testing.T, r rig){
		"everything flushed": func(t *testing.T, r rig) { r.wipe(t) },
		"an older copy in force": func(_ *testing.T, r rig) {
			r.client.HSet(ctx, r.prefix+"n:{p000}", "seq", 1)
		},
		"an older copy from before a source began": func(_ *testing.T, r rig) {
			r.client.HSet(ctx, r.prefix+"n:{p000}", "seq", 1)
			r.client.HDel(ctx, r.prefix+"n:{p000}", string(retail.SourceERP))
		},
	}
	onEveryRedis(t, func(t *testing.T, r rig) {
		for name, lose := range losses {
			t.Run(name, func(t *testing.T) {
				r.wipe(t)
				one, other := r.store(), r.store()
				for _, s := range []stock.Projection{one, other} {
					mustBegin(t, s, layout, retail.SourceERP, retail.SourcePOS)
					if err := errors.Join(write(s, retail.SourceERP, 1), write(s, retail.SourcePOS, 1)); err != nil {
						t.Fatal(err)
					}
				}
				lose(t, r)
				if err := write(one, retail.SourceERP, 2); !errors.Is(err, stock.ErrLost) {
					t.Fatalf("the first to write: got %v, want ErrLost", err)
				}
				mustBegin(t, one, layout, retail.SourceERP)
				mustBegin(t, other, layout, retail.SourcePOS)
				for call, err := range map[string]error{
					"write": write(other, retail.SourceERP, 2), "mark": mark(other, retail.SourceERP),
				} {
					if !errors.Is(err, stock.ErrLost) {
						t.Errorf("a %s over the other gateway's unfinished snapshot: got %v, want ErrLost", call, err)
					}
				}
				mustBegin(t, other, layout, retail.SourceERP)
				if err := errors.Join(write(one, retail.SourceERP, 3), write(other, retail.SourceERP, 4),
					write(other, retail.SourcePOS, 4)); err != nil {
					t.Errorf("after all have begun again: %v", err)
				}
				if err := write(one, retail.SourcePOS, 5); !errors.Is(err, stock.ErrLost) {
					t.Errorf("a feed that has not begun again: got %v, want ErrLost", err)
				}
			})
		}
	})
}
