package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/retail"
)

// JWKSConfig says where the key set of an issuer is and how long it is believed. A zero duration means its default.
type JWKSConfig struct {
	Issuer     string
	Source     string   // an https URL, an http URL of this host, or the path of a file
	Algorithms []string // that the keys may be used with
	// Refresh is how often the set is read, give or take a quarter; default 1 minute.
	Refresh time.Duration
	// Again is the least time between two readings for the sake of an unknown key; default 10 s.
	Again time.Duration
	// Overlap is how long a key is accepted after a set lacked it first; default 5 minutes.
	Overlap time.Duration
	// MaxStale is how long keys are accepted without any success in reading the set; default 24 h.
	MaxStale time.Duration
}

func (c JWKSConfig) withDefaults() JWKSConfig {
	for field, otherwise := range map[*time.Duration]time.Duration{
		&c.Refresh: time.Minute, &c.Again: 10 * time.Second, &c.Overlap: 5 * time.Minute, &c.MaxStale: 24 * time.Hour,
	} {
		if *field == 0 {
			*field = otherwise
		}
	}
	return c
}

// JWKSDeps are what key sets are read with. Log, Metrics and Random may be nil.
type JWKSDeps struct {
	Now     func() time.Time
	Random  func() float64 // within [0, 1), for jitter
	Log     *slog.Logger
	Metrics *JWKSMetrics
}

// JWKSMetrics are the figures about key sets, shared by all issuers.
type JWKSMetrics struct {
	fetches *prometheus.CounterVec
	reg     prometheus.Registerer
}

// NewJWKSMetrics registers the metrics with reg.
func NewJWKSMetrics(reg prometheus.Registerer) (*JWKSMetrics, error) {
	m := &JWKSMetrics{reg: reg, fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "portico_auth_jwks_fetches_total", Help: "Readings of key sets.",
	}, []string{"issuer", "outcome"})}
	return m, reg.Register(m.fetches)
}

// JWKS are the keys of an issuer as its key set states them (RFC 7517). It needs no set to start: until one was read, and after
// MaxStale, nobody knows whose a key is. It is safe for concurrent use.
type JWKS struct {
	config JWKSConfig
	deps   JWKSDeps
	read   keySource

	mu      sync.RWMutex
	keys    map[string]setKey
	heard   time.Time // the last success; zero before the first
	asked   time.Time // when the set was last read for an unknown key
	flight  *flight   // the reading that is under way
	failing bool
}

// setKey is a key and since when the set has lacked it; zero while it is there.
type setKey struct {
	key    *Key
	lacked time.Time
}

// flight is a reading that others may wait for.
type flight struct{ done chan struct{} }

// NewJWKS returns the keys of an issuer; nothing is read yet.
func NewJWKS(c JWKSConfig, d JWKSDeps) (*JWKS, error) {
	c = c.withDefaults()
	if min(c.Refresh, c.Again, c.Overlap, c.MaxStale) <= 0 {
		return nil, fmt.Errorf("auth: the durations about the keys of %s must be above 0", c.Issuer)
	}
	read, err := newKeySource(c.Source)
	if err != nil {
		return nil, err
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Random == nil {
		d.Random = func() float64 { return 0.5 }
	}
	j := &JWKS{config: c, deps: d, read: read, keys: map[string]setKey{}}
	if d.Metrics == nil {
		return j, nil
	}
	return j, d.Metrics.reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "portico_auth_jwks_age_seconds", Help: "Time since the key set was last read; -1 before the first time.",
		ConstLabels: prometheus.Labels{"issuer": c.Issuer},
	}, j.age))
}

func (j *JWKS) age() float64 {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.heard.IsZero() {
		return -1
	}
	return j.deps.Now().Sub(j.heard).Seconds()
}

// Run reads the set now and then until ctx ends.
func (j *JWKS) Run(ctx context.Context) {
	for ctx.Err() == nil {
		_ = j.Refresh(ctx) // it was logged and counted
		pause := time.Duration((0.75 + 0.5*j.deps.Random()) * float64(j.config.Refresh))
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Key returns the key of an id. An id that is not known makes the set be read again, once for everybody who waits and not more
// often than the configuration says; beyond, it is unknown at once.
func (j *JWKS) Key(ctx context.Context, id string) (*Key, error) {
	for {
		key, wait, lead := j.look(id)
		switch {
		case key != nil:
			return key, nil
		case wait == nil:
			return nil, j.unknown()
		case lead:
			// The others wait for it too: it does not end with this caller.
			_ = j.fly(context.WithoutCancel(ctx), wait)
		default:
			select {
			case <-wait.done:
			case <-ctx.Done():
				return nil, j.unchecked(ctx.Err())
			}
		}
	}
}

// unchecked says that nobody knows whose a key is.
func (j *JWKS) unchecked(cause error) error {
	return &retail.Error{
		Code: retail.CodeUpstreamUnavailable, Retryable: true, Message: "the token cannot be checked at the moment",
		Err: fmt.Errorf("no key set of %s: %w", j.config.Issuer, cause),
	}
}

// look finds a key, or the reading to wait for, which the caller does itself when it leads.
func (j *JWKS) look(id string) (key *Key, wait *flight, lead bool) {
	now := j.deps.Now()
	j.mu.RLock()
	key, wait = j.valid(id, now), j.flight
	spent := j.spent(now)
	j.mu.RUnlock()
	if key != nil || wait != nil || spent {
		return key, wait, false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if key = j.valid(id, now); key != nil || j.flight != nil {
		return key, j.flight, false
	}
	if j.spent(now) {
		return nil, nil, false
	}
	j.asked = now
	j.flight = &flight{done: make(chan struct{})}
	return nil, j.flight, true
}

// spent reports whether the set was read for an unknown key only just now. A clock that was set back does not wait for ever.
func (j *JWKS) spent(now time.Time) bool {
	since := now.Sub(j.asked)
	return since >= 0 && since < j.config.Again
}

func (j *JWKS) valid(id string, now time.Time) *Key {
	k, ok := j.keys[id]
	if !ok || now.Sub(j.heard) > j.config.MaxStale {
		return nil
	}
	if !k.lacked.IsZero() && now.Sub(k.lacked) >= j.config.Overlap {
		return nil
	}
	return k.key
}

// unknown is nil when the set says that there is no such key, and an error when nobody can ask.
func (j *JWKS) unknown() error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.heard.IsZero() || j.deps.Now().Sub(j.heard) > j.config.MaxStale {
		return j.unchecked(errors.New("none was read in time"))
	}
	return nil
}

// Refresh reads the set, or waits for the reading that is under way.
func (j *JWKS) Refresh(ctx context.Context) error {
	j.mu.Lock()
	running := j.flight
	if running == nil {
		j.flight = &flight{done: make(chan struct{})}
		mine := j.flight
		j.mu.Unlock()
		return j.fly(ctx, mine)
	}
	j.mu.Unlock()
	select {
	case <-running.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fly does a reading; it ends within the time of a reading.
func (j *JWKS) fly(ctx context.Context, f *flight) error {
	defer func() {
		j.mu.Lock()
		j.flight = nil
		j.mu.Unlock()
		close(f.done)
	}()
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	keys, err := j.fetch(ctx)
	j.note(ctx, err)
	if err == nil {
		j.take(keys)
	}
	return err
}

func (j *JWKS) fetch(ctx context.Context) (map[string]*Key, error) {
	raw, err := j.read(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := readKeySet(raw, j.config.Algorithms)
	if err != nil {
		return nil, fetchError{outcomeInvalid, err}
	}
	return keys, nil
}

// take puts the keys of a set into force. Keys that it lacks stay for the overlap.
func (j *JWKS) take(keys map[string]*Key) {
	now := j.deps.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.heard = now
	next := make(map[string]setKey, len(keys))
	for id, k := range keys {
		next[id] = setKey{key: k}
	}
	for id, k := range j.keys {
		if _, there := next[id]; there {
			continue
		}
		if k.lacked.IsZero() {
			k.lacked = now
		}
		if now.Sub(k.lacked) < j.config.Overlap && len(next) < 2*maxSetKeys {
			next[id] = k
		}
	}
	j.keys = next
}

// note counts a reading, and says once that they fail and once that they do not any more.
func (j *JWKS) note(ctx context.Context, err error) {
	outcome := outcomeOK
	var failed fetchError
	if errors.As(err, &failed) {
		outcome = failed.outcome
	} else if err != nil {
		outcome = outcomeUnreachable
	}
	if j.deps.Metrics != nil {
		j.deps.Metrics.fetches.WithLabelValues(j.config.Issuer, outcome).Inc()
	}
	j.mu.Lock()
	was := j.failing
	j.failing = err != nil
	j.mu.Unlock()
	switch {
	case err != nil && !was:
		j.deps.Log.LogAttrs(ctx, slog.LevelWarn, "a key set cannot be read: the known keys stay in force",
			slog.String("issuer", j.config.Issuer), slog.String("outcome", outcome), slog.Any("err", err))
	case err == nil && was:
		j.deps.Log.LogAttrs(ctx, slog.LevelInfo, "a key set is read again", slog.String("issuer", j.config.Issuer))
	}
}
