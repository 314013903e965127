package redisstore_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/integrations/redisstore"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// traffic counts what goes over the wire.
type traffic struct{ trips, commands atomic.Int64 }

func (*traffic) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *traffic) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.trips.Add(1)
		c.commands.Add(1)
		return next(ctx, cmd)
	}
}

func (c *traffic) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.trips.Add(1)
		c.commands.Add(int64(len(cmds)))
		return next(ctx, cmds)
	}
}

// watch counts at the connections' side: for a cluster, at each node.
func (c *traffic) watch(t testing.TB, client redis.UniversalClient) {
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		client.AddHook(c)
		return
	}
	for _, shard := range shards(t, cluster) {
		shard.AddHook(c)
	}
}

func TestReadMakesNoMoreRoundTripsThanPartitions(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		store, ctx := r.store(), context.Background()
		var skus []string
		for i := range 100 {
			skus = append(skus, string(rune('A'+i%26))+string(rune('A'+i/26)))
		}
		const most = 5
		for partition := range uint16(most) { // opens the connections
			mustRead(t, store, partition, skus...)
		}
		var wire traffic
		wire.watch(t, r.client)
		for partitions := 1; partitions <= most; partitions++ {
			wire.trips.Store(0)
			wire.commands.Store(0)
			reads := make([]stock.PartitionRead, partitions)
			for i := range reads {
				reads[i].Partition = uint16(i)
			}
			if err := store.Read(ctx, reads, skus); err != nil {
				t.Fatal(err)
			}
			if trips, commands := wire.trips.Load(), wire.commands.Load(); trips > int64(partitions) || commands != int64(partitions) {
				t.Errorf("%d partitions, %d SKUs: %d round trips with %d commands", partitions, len(skus), trips, commands)
			}
			_, cluster := r.client.(*redis.ClusterClient)
			if trips := wire.trips.Load(); !cluster && trips != 1 {
				t.Errorf("%d partitions of one server: %d round trips, want 1", partitions, trips)
			}
		}
	})
}

func TestReadReturnsRowsInTheOrderOfTheQuestion(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		store, ctx := r.store(), context.Background()
		mustBegin(t, store, layoutOf(2, 1), retail.SourceERP)
		for partition, sku := range []string{"A", "B"} {
			err := store.Apply(ctx, uint16(partition), []stock.Write{{SKU: sku, Fact: &stock.Fact{
				Source: retail.SourceERP, Version: 1, Value: int32(10 + partition),
			}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		reads := []stock.PartitionRead{{Partition: 1}, {Partition: 0}}
		if err := store.Read(ctx, reads, []string{"B", "unknown", "A", "B"}); err != nil {
			t.Fatal(err)
		}
		var got [][]int32
		for _, read := range reads {
			var row []int32
			for _, packed := range read.Rows {
				var c stock.Cell
				stock.CellAt(packed, 0, &c)
				row = append(row, c.OnHand)
			}
			got = append(got, row)
		}
		if diff := cmp.Diff([][]int32{{11, 0, 0, 11}, {0, 0, 10, 0}}, got); diff != "" {
			t.Errorf("on hand by partition and SKU (-want +got):\n%s", diff)
		}
	})
}

func TestReadOfADeadServerFailsInTimeAndLeavesEmptyRows(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone := miniredis.RunT(t)
	addr := gone.Addr()
	gone.Close()
	for name, url := range map[string]string{"silent": silent.Addr().String(), "gone": addr} {
		cfg := redisstore.DefaultConfig()
		cfg.URLs = []string{url}
		client, err := redisstore.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		reg := prometheus.NewRegistry()
		store := redisstore.New(client, "", reg)
		reads := []stock.PartitionRead{{Partition: 1, Rows: []string{"old"}, Watermarks: "old"}}
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		err = store.Read(ctx, reads, []string{"A", "B"})
		cancel()
		var typed *retail.Error
		if !errors.As(err, &typed) || typed.Code != retail.CodeUpstreamUnavailable || !typed.Retryable {
			t.Errorf("%s: got %v, want a retryable %s", name, err, retail.CodeUpstreamUnavailable)
		}
		if diff := cmp.Diff([]stock.PartitionRead{{Partition: 1, Rows: []string{"", ""}}}, reads); diff != "" {
			t.Errorf("%s: reads (-want +got):\n%s", name, diff)
		}
		if n := testutil.CollectAndCount(reg, "portico_projection_seconds"); n != 1 {
			t.Errorf("%s: %d series of the histogram, want 1", name, n)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
}
