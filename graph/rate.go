package graph

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"golang.org/x/time/rate"

	"github.com/portico-retail/portico/auth"
)

// Rate is how many points of cost one client may ask. The zero Rate bounds nothing.
type Rate struct {
	PerMinute int // points that come back in a minute
	Burst     int // points at once, after a silence
}

// Zero reports whether the rate bounds nothing.
func (r Rate) Zero() bool { return r == Rate{} }

// Validate reports a rate that cannot work.
func (r Rate) Validate() error {
	const most = 1_000_000_000
	if !r.Zero() && (r.PerMinute < 1 || r.PerMinute > most || r.Burst < 1 || r.Burst > most) {
		return fmt.Errorf("graph: a rate of %d points a minute and %d at once is not within 1 and %d", r.PerMinute, r.Burst, most)
	}
	return nil
}

// Limiter counts the points that clients ask, for all gateways together.
type Limiter interface {
	// Take takes points from what a client has, all or none. The key says who it is to nobody. An error is the limiter's own.
	Take(ctx context.Context, client string, r Rate, points int) (Balance, error)
}

// Balance is what a client has.
type Balance struct {
	Taken     bool
	Remaining int           // points that could be taken now
	Wait      time.Duration // until what was refused could be taken
}

const (
	// limiterPatience is short: counting must not take longer than answering.
	limiterPatience = 50 * time.Millisecond
	// limiterPause is how long a limiter that failed is left alone; this process counts alone meanwhile.
	limiterPause = time.Second
	// metered bounds the clients that this process remembers; the silent ones are forgotten first.
	metered = 20_000
)

// meter charges clients. It asks the limiter that all gateways share; while that is away it counts by itself, so that
// nobody is refused for want of a limiter and nobody is unlimited either.
type meter struct {
	shared Limiter // nil counts here only
	now    func() time.Time
	away   atomic.Int64 // until when the shared limiter is left alone, Unix nanoseconds

	alone  *otter.Cache[string, *bucket]
	denied *otter.Cache[string, denial]
}

// bucket counts one client here; another rate makes another bucket.
type bucket struct {
	rate    Rate
	limiter *rate.Limiter
}

// denial is a refusal of the shared limiter that is still in force: the same client need not ask again for as much.
type denial struct {
	points int
	until  time.Time
}

func newMeter(shared Limiter, now func() time.Time) (*meter, error) {
	m := &meter{shared: shared, now: now}
	var err, also error
	m.alone, err = otter.New(&otter.Options[string, *bucket]{
		MaximumSize: metered, Executor: func(run func()) { run() }, Logger: &otter.NoopLogger{},
	})
	m.denied, also = otter.New(&otter.Options[string, denial]{
		MaximumSize: metered, Executor: func(run func()) { run() }, Logger: &otter.NoopLogger{},
	})
	return m, errors.Join(err, also)
}

// take charges a client. What costs more than a client can ever have at once is charged as all of it.
func (m *meter) take(ctx context.Context, client string, r Rate, points int) Balance {
	points = min(max(points, 1), r.Burst)
	now := m.now()
	if d, ok := m.denied.GetIfPresent(client); ok && points >= d.points && now.Before(d.until) {
		return Balance{Wait: d.until.Sub(now)}
	}
	if m.shared != nil && m.mayAsk(now) {
		asking, cancel := context.WithTimeout(ctx, limiterPatience)
		b, err := m.shared.Take(asking, client, r, points)
		cancel()
		if err == nil {
			m.away.Store(0)
			if !b.Taken {
				m.denied.Set(client, denial{points: points, until: now.Add(b.Wait)})
			}
			return b
		}
		if ctx.Err() == nil { // else it is the client that went away
			m.away.Store(m.now().Add(limiterPause).UnixNano())
		}
	}
	return m.takeAlone(client, r, points, now)
}

// mayAsk reports whether the shared limiter is to be asked. After a failure one request at a time tries it again.
func (m *meter) mayAsk(now time.Time) bool {
	until := m.away.Load()
	return until == 0 || now.UnixNano() >= until && m.away.CompareAndSwap(until, now.Add(limiterPause).UnixNano())
}

func (m *meter) takeAlone(client string, r Rate, points int, now time.Time) Balance {
	b, ok := m.alone.GetIfPresent(client)
	if !ok || b.rate != r {
		b = &bucket{rate: r, limiter: rate.NewLimiter(rate.Limit(float64(r.PerMinute)/60), r.Burst)}
		if stored, fresh := m.alone.SetIfAbsent(client, b); !fresh && stored.rate == r {
			b = stored
		} else if !fresh {
			m.alone.Set(client, b)
		}
	}
	if b.limiter.AllowN(now, points) {
		return Balance{Taken: true, Remaining: max(0, int(b.limiter.TokensAt(now)))}
	}
	short := float64(points) - b.limiter.TokensAt(now)
	return Balance{Wait: time.Duration(short * float64(time.Minute) / float64(r.PerMinute))}
}

// clientOf names the client that a request counts for, a stranger by the address, of which IPv6 has a whole network for
// everybody. The name is a hash: it is kept where others can read it.
func clientOf(ctx context.Context, p auth.Principal) string {
	name := p.ClientKey()
	if name == "" {
		name = string(auth.ClassNobody) + ":" + household(ClientAddress(ctx)).String()
	}
	sum := sha256.Sum256([]byte(name))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// rateOf is what a client may ask: a partner's own quota, else what its class may.
func (c *classes) rateOf(p auth.Principal) Rate {
	if p.Partner == nil || p.Partner.Quota.CostPerMinute <= 0 {
		return c.of(p).Rate
	}
	q := Rate{PerMinute: p.Partner.Quota.CostPerMinute, Burst: p.Partner.Quota.Burst}
	if q.Burst <= 0 {
		q.Burst = max(1, q.PerMinute/6)
	}
	return q
}

// charge takes an operation's points from what its client has.
func (h *Handler) charge(ctx context.Context, spent *spending) *refusal {
	p := auth.PrincipalOf(ctx)
	r := h.classes.rateOf(p)
	if r.Zero() {
		return nil
	}
	b := h.meter.take(ctx, clientOf(ctx, p), r, int(min(spent.requested, int64(r.Burst))))
	spent.rate, spent.remaining = r, b.Remaining
	if b.Taken {
		return nil
	}
	return h.exceeded(ctx, "rate", rateLimited(spent, b.Wait))
}

// rateLimited refuses a request that its client may make later.
func rateLimited(spent *spending, wait time.Duration) *refusal {
	e := newError(CodeRateLimited, "too much in too little time")
	e.Extensions["retryable"] = true
	if spent != nil {
		e.Extensions["cost"] = spent.report()
	}
	seconds := max(1, int64((wait+time.Second-1)/time.Second))
	return &refusal{status: http.StatusTooManyRequests, retryAfter: strconv.FormatInt(seconds, 10), errs: gqlerror.List{e}}
}
