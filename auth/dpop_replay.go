package auth

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Once remembers what was used.
type Once interface {
	// Once reports whether the key is new, and remembers it for ttl. When it fails nobody knows.
	Once(ctx context.Context, key string, ttl time.Duration) (first bool, err error)
}

// ReplayGuard is a memory of used proofs that outlives an outage of the shared one: what this gateway saw it remembers itself
// too. While the shared memory is away, a proof may work once on each gateway. When its own memory is full as well, nothing is
// accepted. It is safe for concurrent use.
type ReplayGuard struct {
	shared Once
	most   int
	now    func() time.Time

	mu   sync.Mutex
	used map[string]time.Time // until when
	next []usedProof          // oldest first, with the dead ones
}

type usedProof struct {
	key   string
	until time.Time
}

var errReplayFull = errors.New("auth: too many proofs to remember")

// NewReplayGuard returns a guard that remembers up to most keys itself; a nil shared memory leaves it alone.
func NewReplayGuard(shared Once, most int, now func() time.Time) *ReplayGuard {
	return &ReplayGuard{shared: shared, most: most, now: now, used: map[string]time.Time{}}
}

// Once reports whether the key is new.
func (g *ReplayGuard) Once(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	first, full := g.own(key, ttl)
	if !first && !full {
		return false, nil
	}
	if g.shared != nil {
		shared, err := g.shared.Once(ctx, key, ttl)
		if err == nil {
			return shared, nil
		}
	}
	if full {
		return false, errReplayFull
	}
	return true, nil
}

func (g *ReplayGuard) own(key string, ttl time.Duration) (first, full bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	g.forget(now)
	if until, known := g.used[key]; known && now.Before(until) {
		return false, false
	}
	if len(g.next) >= g.most {
		return false, true
	}
	until := now.Add(ttl)
	g.used[key] = until
	g.next = append(g.next, usedProof{key, until})
	return true, false
}

// forget drops what is over from the front. One that lives longer keeps those behind it for as long, which is at most the
// difference between two lives of a proof.
func (g *ReplayGuard) forget(now time.Time) {
	n := 0
	for n < len(g.next) && !now.Before(g.next[n].until) {
		if until := g.used[g.next[n].key]; !now.Before(until) {
			delete(g.used, g.next[n].key)
		}
		n++
	}
	if n == len(g.next) {
		g.next = g.next[:0]
		return
	}
	g.next = g.next[n:]
}
