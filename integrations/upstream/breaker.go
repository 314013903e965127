package upstream

import (
	"sync"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// verdict is what an attempt says about the health of the backend.
type verdict int

const (
	healthy verdict = iota
	ill
	unclear // the caller gave up before the backend had a fair chance
)

// breaker is a circuit breaker that forgets the outcome of an attempt begun in a former state: a slow failure from
// before an outage ended must not open a breaker that has just closed. It counts failures in a row, not a share, so
// that it opens as soon in idle hours as under load.
type breaker struct {
	mu      sync.Mutex
	circuit circuitbreaker.CircuitBreaker[any]
	era     int // counts state changes; guarded by mu
}

func newBreaker(cfg Config, onState func(circuitbreaker.State)) *breaker {
	b := &breaker{}
	b.circuit = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(uint(cfg.OpenAfter)).
		WithSuccessThreshold(1).
		WithDelay(cfg.OpenFor).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			b.era++ // every call into circuit holds mu
			onState(e.NewState)
		}).
		Build()
	return b
}

// allow asks for leave to make an attempt; each leave must be settled once.
func (b *breaker) allow() (era int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ok = b.circuit.TryAcquirePermit()
	return b.era, ok
}

// settle tells how the attempt went.
func (b *breaker) settle(era int, v verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case era != b.era:
	case v == healthy:
		b.circuit.RecordSuccess()
	case v == ill, b.circuit.IsHalfOpen(): // a probe without a result leaves the doubt standing
		b.circuit.RecordFailure()
	}
}

func (b *breaker) closed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.circuit.IsClosed()
}
