package redisstore

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/retail"
)

// Replays remembers, for every gateway, what was used once. It is an auth.Once.
type Replays struct {
	client redis.UniversalClient
	prefix string
}

// NewReplays returns a memory on client; every key starts with prefix. The client stays the caller's to close.
func NewReplays(client redis.UniversalClient, prefix string) *Replays {
	return &Replays{client: client, prefix: prefix + "once:"}
}

// replayTimeout bounds the question: a request waits for it, and the gateway's own memory answers instead.
const replayTimeout = 250 * time.Millisecond

// Once reports whether the key is new, and remembers it for ttl, at least a millisecond.
func (r *Replays) Once(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	first, err := r.client.SetNX(ctx, r.prefix+key, 1, max(ttl, time.Millisecond)).Result()
	if err != nil {
		return false, &retail.Error{
			Code: retail.CodeUpstreamUnavailable, Retryable: true, Err: err, Message: "the memory of used proofs is not available",
		}
	}
	return first, nil
}
