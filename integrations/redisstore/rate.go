package redisstore

import (
	"context"
	"strconv"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
)

// Rates counts what clients use, for all gateways together, by the generic cell rate algorithm (GCRA): a key a client,
// which is gone as soon as the client has all its points again.
type Rates struct {
	client   prefixed
	limiter  *redis_rate.Limiter
	giveBack *redis.Script
}

// NewRates keeps its keys below prefix.
func NewRates(client redis.UniversalClient, prefix string) *Rates {
	below := prefixed{UniversalClient: client, prefix: prefix}
	return &Rates{client: below, limiter: redis_rate.NewLimiter(below), giveBack: redis.NewScript(giveBackLua)}
}

// giveBackLua brings forward when a client has all its points again: a time in seconds is what redis_rate keeps, and one in the past
// counts as now. A client without a key has all of them.
const giveBackLua = `
if redis.call("EXISTS", KEYS[1]) == 1 then
  redis.call("INCRBYFLOAT", KEYS[1], ARGV[1])
end
return 0`

// Take takes points, all or none, from a client that gets perMinute back in a minute and has burst at once. It returns how
// many could be taken now or, when refused, how long until these could. Negative points are given back. It is one round trip.
func (r *Rates) Take(
	ctx context.Context, client string, perMinute, burst, points int,
) (taken bool, remaining int, wait time.Duration, err error) {
	if points < 0 {
		seconds := strconv.FormatFloat(float64(points)*60/float64(perMinute), 'f', -1, 64)
		err = r.giveBack.Run(ctx, r.client, []string{"rate:" + client}, seconds).Err() // the key is redis_rate's
		return err == nil, 0, 0, err
	}
	limit := redis_rate.Limit{Rate: perMinute, Burst: burst, Period: time.Minute}
	result, err := r.limiter.AllowN(ctx, client, limit, points)
	if err != nil {
		return false, 0, 0, err
	}
	return result.Allowed > 0, result.Remaining, max(0, result.RetryAfter), nil
}

// prefixed puts a prefix before the keys of scripts, because redis_rate has one of its own only.
type prefixed struct {
	redis.UniversalClient

	prefix string
}

func (p prefixed) keys(keys []string) []string {
	out := make([]string, len(keys))
	for i, key := range keys {
		out[i] = p.prefix + key
	}
	return out
}

// Eval is called when the server does not know the script yet.
func (p prefixed) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return p.UniversalClient.Eval(ctx, script, p.keys(keys), args...)
}

// EvalSha is called first.
func (p prefixed) EvalSha(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd {
	return p.UniversalClient.EvalSha(ctx, sha1, p.keys(keys), args...)
}
