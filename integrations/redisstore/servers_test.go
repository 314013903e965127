package redisstore_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/portico-retail/portico/integrations/redisstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a Redis of some kind and a key prefix of its own.
type rig struct {
	client redis.UniversalClient
	prefix string
}

func (r rig) store() *redisstore.Store { return redisstore.New(r.client, r.prefix, nil) }

var rigs atomic.Int64

// onEveryRedis runs the suite on miniredis, and on the real servers that the environment names.
func onEveryRedis(t *testing.T, suite func(t *testing.T, r rig)) {
	for _, kind := range []string{"miniredis", "redis", "cluster"} {
		t.Run(kind, func(t *testing.T) { suite(t, newRig(t, kind)) })
	}
}

func newRig(t testing.TB, kind string) rig {
	t.Helper()
	cfg := redisstore.DefaultConfig()
	switch kind {
	case "miniredis":
		cfg.URLs = []string{miniredis.RunT(t).Addr()}
	case "redis":
		cfg.URLs = []string{address(t, "PORTICO_TEST_REDIS_ADDR")}
	case "cluster":
		cfg.URLs, cfg.Cluster = strings.Split(address(t, "PORTICO_TEST_REDIS_CLUSTER"), ","), true
	}
	client, err := redisstore.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := rig{client: client, prefix: fmt.Sprintf("test-%d-%d:", os.Getpid(), rigs.Add(1))}
	t.Cleanup(func() {
		r.wipe(t)
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func address(t testing.TB, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		t.Skipf("%s is not set (scripts/servers start DIR starts servers and writes it to DIR/env)", variable)
	}
	return value
}

// keys lists what the rig has stored.
func (r rig) keys(t testing.TB) []string {
	t.Helper()
	ctx := context.Background()
	var keys []string
	scan := func(ctx context.Context, c redis.Cmdable) error {
		it := c.Scan(ctx, 0, r.prefix+"*", 1000).Iterator()
		for it.Next(ctx) {
			keys = append(keys, it.Val())
		}
		return it.Err()
	}
	var err error
	if cluster, ok := r.client.(*redis.ClusterClient); ok {
		for _, shard := range shards(t, cluster) {
			if err = scan(ctx, shard); err != nil {
				break
			}
		}
	} else {
		err = scan(ctx, r.client)
	}
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func shards(t testing.TB, cluster *redis.ClusterClient) []*redis.Client {
	t.Helper()
	found := make(chan *redis.Client, 100)
	err := cluster.ForEachMaster(context.Background(), func(_ context.Context, c *redis.Client) error {
		found <- c
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	close(found)
	var list []*redis.Client
	for c := range found {
		list = append(list, c)
	}
	return list
}

// wipe loses everything the rig has stored, as FLUSHALL would, and leaves other tests on the same server alone.
func (r rig) wipe(t testing.TB) { r.lose(t, func(string) bool { return true }) }

// lose deletes the keys that match.
func (r rig) lose(t testing.TB, match func(key string) bool) {
	t.Helper()
	pipe := r.client.Pipeline()
	for _, key := range r.keys(t) {
		if match(key) {
			pipe.Del(context.Background(), key)
		}
	}
	if _, err := pipe.Exec(context.Background()); err != nil {
		t.Fatal(err)
	}
}
