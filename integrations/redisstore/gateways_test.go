package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

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

// Two gateways run on one Redis that is emptied again and again while the systems go on. Whenever somebody reads, a
// watermark must not promise a fact that the rows beside it lack.
func TestNoWatermarkPromisesMoreThanTheRowsHold(t *testing.T) {
	for _, kind := range []string{"miniredis", "redis"} {
		t.Run(kind, func(t *testing.T) {
			r, layout := newRig(t, kind), layoutOf(2, 3)
			books := make([]*book, len(sources))
			for i, source := range sources {
				books[i] = &book{source: source, page: 7} // a snapshot takes a while
			}
			one, other := feedsOf(books, r.store(), layout), feedsOf(books, r.store(), layout)
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			var group errgroup.Group
			group.Go(func() error { return one.Run(ctx) })
			group.Go(func() error { return other.Run(ctx) })
			defer func() {
				cancel()
				if err := group.Wait(); err != nil {
					t.Error(err)
				}
			}()
			reader := r.store()
			for round := range int32(6) {
				for code := range layout {
					for _, b := range books {
						for sku := range 5 {
							b.say(code, fmt.Sprintf("SKU-%d", sku), round)
						}
					}
				}
				if err := errors.Join(one.CaughtUp(ctx), other.CaughtUp(ctx)); err != nil {
					t.Fatal(err)
				}
				if err := r.client.Del(ctx, r.keys(t)...).Err(); err != nil { // all at once
					t.Fatal(err)
				}
				for range 50 {
					checkPromises(t, reader, layout, books)
				}
			}
		})
	}
}

func feedsOf(books []*book, store stock.Projection, layout stock.Layout) stock.Feeds {
	cfg := stock.DefaultFeedConfig()
	cfg.Interval, cfg.MaxBackoff = 5*time.Millisecond, 5*time.Millisecond
	var feeds stock.Feeds
	for _, b := range books {
		feeds = append(feeds, stock.NewFeed(b.source, cfg, stock.FeedDeps{
			Source: b, Projection: store, Layout: func() stock.Layout { return layout },
			Now: time.Now, Random: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler),
		}))
	}
	return feeds
}

// checkPromises reads what there is and compares it with what the books said up to each watermark.
func checkPromises(t *testing.T, store stock.Projection, layout stock.Layout, books []*book) {
	t.Helper()
	skus := []string{"SKU-0", "SKU-1", "SKU-2", "SKU-3", "SKU-4"}
	for code, place := range layout {
		read := mustRead(t, store, place.Partition, skus...)
		for source, b := range books {
			asOf := stock.WatermarkAt(read.Watermarks, place.Slot, source)
			if asOf.IsZero() {
				continue
			}
			for k, sku := range skus {
				var c stock.Cell
				stock.CellAt(read.Rows[k], place.Slot, &c)
				have := []uint32{c.OnHandVer, c.SoldVer, c.AllocVer}[source]
				if want := b.version(code, sku, int(asOf.UnixMilli())); have < want {
					t.Fatalf("%s at %s: the watermark promises version %d of the %s, the row has %d", sku, code, want, b.source, have)
				}
			}
		}
	}
}
