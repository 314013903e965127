package redisstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func onEveryRedisB(b *testing.B, bench func(b *testing.B, r rig)) {
	for _, kind := range []string{"miniredis", "redis", "cluster"} {
		b.Run(kind, func(b *testing.B) { bench(b, newRig(b, kind)) })
	}
}

// info reads a number of INFO from a standalone Redis.
func (r rig) info(b *testing.B, section, field string) float64 {
	text := r.client.Info(context.Background(), section).Val()
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), field+":"); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatalf("INFO %s has no %s", section, field)
	return 0
}

func (r rig) cpu(b *testing.B) float64 {
	return r.info(b, "cpu", "used_cpu_user") + r.info(b, "cpu", "used_cpu_sys")
}

const (
	benchSKUs      = 1200
	benchLocations = 60
)

// benchWorld places the locations as a new layout does: 28 in a partition.
func benchWorld() (stock.Layout, []string) {
	layout, codes := stock.Layout{}, make([]string, benchLocations)
	for i := range codes {
		codes[i] = fmt.Sprintf("S-%04d", i)
		layout[codes[i]] = stock.Place{Partition: uint16(i / 28), Slot: uint8(i % 28)}
	}
	return layout, codes
}

func benchSKU(i int) string { return strconv.Itoa(10_000_000 + i) }

// fill writes all three registers of every pair that carried accepts and returns the number of pairs.
func (r rig) fill(b *testing.B, carried func(sku, location int) bool) int {
	store, ctx := r.store(), context.Background()
	layout, codes := benchWorld()
	mustBegin(b, store, layout, sources...)
	writes := map[uint16][]stock.Write{}
	pairs := 0
	for sku := range benchSKUs {
		for l, code := range codes {
			if !carried(sku, l) {
				continue
			}
			pairs++
			place := layout[code]
			for _, source := range sources {
				writes[place.Partition] = append(writes[place.Partition], stock.Write{SKU: benchSKU(sku), Slot: place.Slot, Fact: &stock.Fact{
					SKU: benchSKU(sku), Location: code, Source: source, Version: 1, Value: int32(sku + l), Ranged: true,
				}})
			}
		}
	}
	for partition, w := range writes {
		if err := store.Apply(ctx, partition, w); err != nil {
			b.Fatal(err)
		}
	}
	return pairs
}

// BenchmarkMemory measures bytes of Redis per (SKU, location) pair: run with -benchtime 1x.
func BenchmarkMemory(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 1))
	for name, carried := range map[string]func(sku, location int) bool{
		"every place carries every SKU": func(int, int) bool { return true },
		// Few SKUs are everywhere, most in some places: the n-th best seller is carried by 40/n of the places, 5 % at least.
		"long tail": func(sku, _ int) bool { return random.Float64() < max(0.05, min(1, 40/float64(sku+1))) },
	} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				r := newRig(b, "redis")
				before, pairs := r.info(b, "memory", "used_memory"), r.fill(b, carried)
				after := r.info(b, "memory", "used_memory")
				sum := int64(0)
				keys := r.keys(b)
				for _, key := range keys {
					sum += r.client.MemoryUsage(context.Background(), key).Val()
				}
				b.ReportMetric((after-before)/float64(pairs), "used_memory-B/pair")
				b.ReportMetric(float64(sum)/float64(pairs), "MEMORY_USAGE-B/pair")
				b.ReportMetric(float64(pairs)/float64(len(keys)), "pairs/row")
				b.ReportMetric(0, "ns/op")
				r.wipe(b)
			}
		})
	}
}

// BenchmarkApply writes trade: single facts about random pairs, each newer than the last, 500 in a call.
func BenchmarkApply(b *testing.B) {
	onEveryRedisB(b, func(b *testing.B, r rig) {
		r.fill(b, func(int, int) bool { return true })
		store, random, version := r.store(), rand.New(rand.NewPCG(1, 1)), uint32(1)
		writes := make([]stock.Write, 500)
		standalone := strings.HasSuffix(b.Name(), "/redis")
		cpu := 0.0
		if standalone {
			cpu = r.cpu(b)
		}
		b.ResetTimer()
		for range b.N {
			for i := range writes {
				version++
				writes[i] = stock.Write{SKU: benchSKU(random.IntN(benchSKUs)), Slot: uint8(random.IntN(28)), Fact: &stock.Fact{
					Source: sources[random.IntN(3)], Version: version, Value: int32(version),
				}}
			}
			if err := store.Apply(context.Background(), 0, writes); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(writes)*b.N)/b.Elapsed().Seconds(), "writes/s")
		if standalone {
			b.ReportMetric((r.cpu(b)-cpu)*1e9/float64(b.N*len(writes)), "redis-ns/write")
		}
	})
}

// BenchmarkRead asks for 5 SKUs at 10 places, as packed rows and as one hash per pair.
func BenchmarkRead(b *testing.B) {
	ctx := context.Background()
	skus := []string{benchSKU(1), benchSKU(10), benchSKU(100), benchSKU(500), benchSKU(1000)}
	measure := func(b *testing.B, r rig, ask func() error) {
		if err := ask(); err != nil {
			b.Fatal(err)
		}
		cpu := r.cpu(b)
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			if err := ask(); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		b.ReportMetric((r.cpu(b)-cpu)*1e9/float64(b.N), "redis-ns/op")
	}
	b.Run("packed rows", func(b *testing.B) {
		r := newRig(b, "redis")
		r.fill(b, func(int, int) bool { return true })
		store := r.store()
		for _, partitions := range []int{1, 2} {
			b.Run(fmt.Sprintf("%d partitions", partitions), func(b *testing.B) {
				reads := make([]stock.PartitionRead, partitions)
				for i := range reads {
					reads[i].Partition = uint16(i)
				}
				measure(b, r, func() error { return store.Read(ctx, reads, skus) })
			})
		}
	})
	b.Run("a hash per pair", func(b *testing.B) {
		r := newRig(b, "redis")
		var keys []string
		for _, sku := range skus {
			for location := range 10 {
				key := fmt.Sprintf("%s%s:%d", r.prefix, sku, location)
				r.client.HSet(ctx, key, "on_hand", 12, "cut", 3, "sold", 5, "allocated", 1, "held", 0, "safety", 2)
				keys = append(keys, key)
			}
		}
		measure(b, r, func() error {
			pipe := r.client.Pipeline()
			for _, key := range keys {
				pipe.HGetAll(ctx, key)
			}
			_, err := pipe.Exec(ctx)
			return err
		})
	})
}

// trade is a source that always has 5,000 facts more to tell, until it has told n.
type trade struct {
	random  *rand.Rand
	codes   []string
	told, n int
	now     func() time.Time
}

func (s *trade) Poll(context.Context, string) (stock.Batch, error) {
	var batch stock.Batch
	for len(batch.Facts) < 5000 && s.told < s.n {
		s.told++
		batch.Facts = append(batch.Facts, stock.Fact{
			Location: s.codes[s.random.IntN(len(s.codes))], SKU: benchSKU(s.random.IntN(benchSKUs)),
			Source: retail.SourcePOS, Version: uint32(s.told), Value: int32(s.told),
		})
	}
	for _, code := range s.codes {
		batch.Marks = append(batch.Marks, stock.Mark{Location: code, Source: retail.SourcePOS, AsOf: s.now()})
	}
	batch.Cursor, batch.More = strconv.Itoa(s.told), s.told < s.n
	return batch, nil
}

// BenchmarkFeed runs a feed from its source into the projection; one operation is one fact.
func BenchmarkFeed(b *testing.B) {
	onEveryRedisB(b, func(b *testing.B, r rig) {
		layout, codes := benchWorld()
		source := &trade{random: rand.New(rand.NewPCG(1, 1)), codes: codes, n: b.N, now: time.Now}
		feed := stock.NewFeed(retail.SourcePOS, stock.DefaultFeedConfig(), stock.FeedDeps{
			Source: source, Projection: r.store(), Layout: func() stock.Layout { return layout },
			Now: time.Now, Random: rand.Float64, Log: slog.New(slog.DiscardHandler),
		})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		b.ResetTimer()
		go func() {
			defer close(done)
			_ = feed.Run(ctx) // returns nil when ctx ends
		}()
		if err := feed.CaughtUp(ctx); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "facts/s")
		cancel()
		<-done
	})
}
