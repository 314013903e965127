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
	if !r.Zero() && (r.PerMinute < 1 || r.PerMinute > mostPoints || r.Burst < 1 || r.Burst > mostPoints) {
		return fmt.Errorf("graph: a rate of %d points a minute and %d at once is not within 1 and %d", r.PerMinute, r.Burst, mostPoints)
	}
	return nil
}

// Limiter counts the points that clients ask, for all gateways together.
type Limiter interface {
	// Take takes points from what a client has, all or none. Negative points give back what was taken, as far as the client then has
	// what it can have. The key says who it is to nobody. An error is the limiter's own.
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
	// mostPoints bounds a rate.
	mostPoints = 1_000_000_000
	// deafness is the longest time for which one that asks again too soon is refused whatever it asks. Something cheaper than what
	// was refused may be affordable long before.
	deafness = time.Second
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

// denial is a refusal that is still in force.
type denial struct {
	points int // the same client need not ask the shared limiter for as much; 0 when the refusal was not its
	until  time.Time
	deaf   time.Time // until when the client is not listened to, whatever it asks; zero when it is
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

// take charges a client. What costs more than a client can ever have at once is charged as all of it. A client that is refused
// twice before its time is not listened to until then: it does not wait as it was told.
func (m *meter) take(ctx context.Context, client string, r Rate, points int) Balance {
	points = r.charge(points)
	now := m.now()
	last, denied := m.denied.GetIfPresent(client)
	denied = denied && now.Before(last.until)
	if denied && last.points > 0 && points >= last.points {
		m.deny(client, last, now)
		return Balance{Wait: last.until.Sub(now)}
	}
	b, shared := m.ask(ctx, client, r, points, now)
	if b.Taken {
		return b
	}
	d := denial{until: now.Add(b.Wait)}
	if shared {
		d.points = points
	}
	if denied {
		m.deny(client, d, now)
	} else {
		m.denied.Set(client, d)
	}
	return b
}

// deny remembers a refusal of a client that does not wait, or has nothing.
func (m *meter) deny(client string, d denial, now time.Time) {
	d.deaf = now.Add(min(d.until.Sub(now), deafness))
	m.denied.Set(client, d)
}

// deaf reports whether a client is refused whatever it asks, and when it was told to come back.
func (m *meter) deaf(client string) (wait time.Duration, deaf bool) {
	d, ok := m.denied.GetIfPresent(client)
	now := m.now()
	return d.until.Sub(now), ok && now.Before(d.deaf)
}

// charge is what is taken for something of so many points: of what costs more than there can ever be at once, all of that.
func (r Rate) charge(points int) int { return min(max(points, 1), r.Burst) }

// giveBack gives back what take took for as many points, also for a client that has gone away.
func (m *meter) giveBack(ctx context.Context, client string, r Rate, points int) {
	m.ask(context.WithoutCancel(ctx), client, r, -r.charge(points), m.now())
}

// fine charges accounts for a request that was refused, up to the first that cannot pay. A client, the first of them, that cannot
// pay is not listened to until it can; a household is, because the others in it did nothing.
func (m *meter) fine(ctx context.Context, accounts []account, points int) {
	for i, a := range accounts {
		now := m.now()
		b, _ := m.ask(ctx, a.name, a.rate, a.rate.charge(points), now)
		if b.Taken {
			continue
		}
		if i == 0 {
			m.deny(a.name, denial{until: now.Add(b.Wait)}, now)
		}
		return
	}
}

// ask takes points where they are counted: by the shared limiter, or here while that is away.
func (m *meter) ask(ctx context.Context, client string, r Rate, points int, now time.Time) (b Balance, shared bool) {
	if m.shared != nil && m.mayAsk(now) {
		asking, cancel := context.WithTimeout(ctx, limiterPatience)
		b, err := m.shared.Take(asking, client, r, points)
		cancel()
		if err == nil {
			m.away.Store(0)
			return b, true
		}
		if ctx.Err() == nil { // else it is the client that went away
			m.away.Store(m.now().Add(limiterPause).UnixNano())
		}
	}
	return m.takeAlone(client, r, points, now), false
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
	return hashed(name)
}

// hashed is a name that says to nobody whose it is.
func hashed(name string) string {
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

// charge takes an operation's points from what its client has, and a guest's household. A client whose household refuses keeps
// what it has.
func (h *Handler) charge(ctx context.Context, spent *spending) *refusal {
	accounts := h.classes.accountsOf(ctx, auth.PrincipalOf(ctx))
	points := int(min(spent.requested, mostPoints))
	for i, a := range accounts {
		b := h.meter.take(ctx, a.name, a.rate, points)
		if i == 0 || b.Remaining < spent.remaining {
			spent.rate, spent.remaining = a.rate, b.Remaining
		}
		if b.Taken {
			continue
		}
		no := h.exceeded(ctx, "rate", rateLimited(spent, b.Wait))
		if no != nil {
			for _, paid := range accounts[:i] {
				h.meter.giveBack(ctx, paid.name, paid.rate, points)
			}
		}
		return no
	}
	return nil
}

// Points of a request that was refused: those of reading it, and of compiling as much text.
const (
	refusedPoints        = 10
	refusedBytesPerPoint = 128
)

// fine charges whoever sent a request that was refused for what it is. A refusal that only puts off costs nothing: whoever
// waits as told must not wait longer for having asked.
func (h *Handler) fine(ctx context.Context, no *refusal, bytes int) {
	if no.status >= http.StatusInternalServerError || no.status == http.StatusTooManyRequests {
		return
	}
	h.meter.fine(ctx, h.classes.accountsOf(ctx, auth.PrincipalOf(ctx)), refusedPoints+bytes/refusedBytesPerPoint)
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
