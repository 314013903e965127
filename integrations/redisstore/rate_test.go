package redisstore_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/integrations/redisstore"
)

// trips counts what is sent to Redis.
type trips struct{ n atomic.Int64 }

func (*trips) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if strings.HasPrefix(cmd.Name(), "eval") {
			c.n.Add(1)
		}
		return next(ctx, cmd)
	}
}

func (*trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func TestRates(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		ctx := context.Background()
		count := &trips{}
		r.client.AddHook(count)
		one, other := redisstore.NewRates(r.client, r.prefix), redisstore.NewRates(r.client, r.prefix) // two gateways
		take := func(rates *redisstore.Rates, client string, points int) (bool, int, time.Duration) {
			t.Helper()
			taken, remaining, wait, err := rates.Take(ctx, client, 60, 100, points)
			if err != nil {
				t.Fatal(err)
			}
			return taken, remaining, wait
		}
		if taken, remaining, _ := take(one, "a", 40); !taken || remaining < 59 || remaining > 60 {
			t.Errorf("the first: %v, %d remain", taken, remaining)
		}
		sent := count.n.Load()
		if taken, remaining, wait := take(other, "a", 40); !taken || remaining < 19 || remaining > 40 || wait != 0 {
			t.Errorf("the second, at another gateway: %v, %d remain, wait %v", taken, remaining, wait)
		}
		if n := count.n.Load() - sent; n != 1 {
			t.Errorf("%d round trips", n)
		}
		if taken, _, wait := take(one, "a", 100); taken || wait <= 0 || wait > 81*time.Second {
			t.Errorf("too much: %v, wait %v", taken, wait)
		}
		if taken, _, _ := take(one, "a", 1); !taken {
			t.Error("something cheaper was refused: what is refused is not charged")
		}
		if taken, _, _ := take(one, "b", 100); !taken {
			t.Error("another client was refused")
		}
		for _, client := range []string{"c", "nobody"} { // the one has given back all that it took, the other took nothing
			if client == "c" {
				if taken, _, _ := take(one, client, 60); !taken {
					t.Error("a third client was refused")
				}
				take(other, client, -20)
				if taken, remaining, _ := take(one, client, 1); !taken || remaining < 59 || remaining > 70 {
					t.Errorf("20 of 60 were given back: %v, %d remain", taken, remaining)
				}
				take(one, client, -41)
			} else {
				take(one, client, -100)
				if n := len(r.keys(t)); n != 3 {
					t.Errorf("giving back to nobody leaves %d keys", n)
				}
			}
			if taken, _, _ := take(other, client, 100); !taken {
				t.Errorf("%s has not everything", client)
			}
			if taken, _, wait := take(other, client, 50); taken || wait <= 0 {
				t.Errorf("%s has more than everything", client)
			}
		}
		if got := len(r.keys(t)); got != 4 {
			t.Errorf("%d keys below the prefix, want one a client", got)
		}
		for _, key := range r.keys(t) {
			if ttl := r.client.TTL(ctx, key).Val(); ttl <= 0 || ttl > 101*time.Second {
				t.Errorf("%s stays for %v", key, ttl)
			}
		}
	})
}

func TestRatesWithoutRedis(t *testing.T) {
	config := redisstore.DefaultConfig()
	config.URLs = []string{"redis://127.0.0.1:1"}
	client, err := redisstore.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if taken, _, _, err := redisstore.NewRates(client, "").Take(context.Background(), "a", 60, 100, 1); err == nil || taken {
		t.Errorf("got %v %v", taken, err)
	}
}
