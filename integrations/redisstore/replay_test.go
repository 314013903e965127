package redisstore_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/redisstore"
	"github.com/portico-retail/portico/retail"
)

var _ auth.Once = (*redisstore.Replays)(nil)

func TestOneOfManyGatewaysSeesItFirst(t *testing.T) {
	onEveryRedis(t, func(t *testing.T, r rig) {
		var firsts atomic.Int64
		var gateways sync.WaitGroup
		for range 16 {
			gateways.Go(func() {
				first, err := redisstore.NewReplays(r.client, r.prefix).Once(t.Context(), "proof", time.Minute)
				if err != nil {
					t.Error(err)
				}
				if first {
					firsts.Add(1)
				}
			})
		}
		gateways.Wait()
		if firsts.Load() != 1 {
			t.Errorf("%d of 16 saw it first", firsts.Load())
		}
		if first, err := redisstore.NewReplays(r.client, r.prefix+"other:").Once(t.Context(), "proof", time.Minute); err != nil || !first {
			t.Errorf("with another prefix: %v, %v", first, err)
		}
		for _, key := range r.keys(t) {
			if !strings.HasPrefix(key, r.prefix) {
				t.Errorf("the key %s has another beginning", key)
			}
			if left, err := r.client.PTTL(t.Context(), key).Result(); err != nil || left <= 0 || left > time.Minute {
				t.Errorf("the key %s is kept for %v, %v", key, left, err)
			}
		}
	})
}

func TestASilentRedisIsNoAnswerAboutReplays(t *testing.T) {
	r := newRig(t, "miniredis")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if first, err := redisstore.NewReplays(r.client, r.prefix).Once(gone, "proof", time.Minute); first || retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Errorf("got %v, %v", first, err)
	}
}
