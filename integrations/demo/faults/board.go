// Package faults is the switchboard of a stand-in backend: the faults and the disorder that an operator or a test can
// switch on, the HTTP middleware that applies those of the transport, and the admin endpoint that shows and sets them.
// A backend reads the switches of its own data (stale, duplicate, reorder, delay) from the Board and asks it for chance,
// so that one seed replays one run.
package faults

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// MaxDelayMs and MaxLatencyMs bound the switches that hold something back.
const (
	MaxDelayMs   = 10 * 60 * 1000
	MaxLatencyMs = 10 * 60 * 1000
)

// State is the position of every switch; the zero value is a healthy backend.
type State struct {
	Down               bool    `json:"down"`               // close the connection unanswered
	LatencyMs          int     `json:"latencyMs"`          // wait before anything else
	ErrorRate          float64 `json:"errorRate"`          // share of requests answered by a fault, 0 to 1
	DripBytesPerSecond int     `json:"dripBytesPerSecond"` // pace of the body; 0 is full speed
	Truncate           bool    `json:"truncate"`           // send half of the body, then close the connection
	Garbage            bool    `json:"garbage"`            // send bytes that are no reply
	Stale              bool    `json:"stale"`              // freeze data and heartbeats at switch-on
	Duplicate          float64 `json:"duplicate"`          // share of feed entries that come twice, 0 to 1
	Reorder            bool    `json:"reorder"`            // shuffle each feed reply
	DelayMs            int     `json:"delayMs"`            // hold feed entries back
	LoseReplies        float64 `json:"loseReplies"`        // share of requests carried out but not answered, 0 to 1
}

// Validate refuses a share outside 0 to 1, a negative number, and a wait beyond MaxLatencyMs or MaxDelayMs.
func (s State) Validate() error {
	switch {
	case !isShare(s.ErrorRate):
		return errors.New("faults: errorRate must be 0 to 1")
	case !isShare(s.Duplicate):
		return errors.New("faults: duplicate must be 0 to 1")
	case !isShare(s.LoseReplies):
		return errors.New("faults: loseReplies must be 0 to 1")
	case s.LatencyMs < 0 || s.LatencyMs > MaxLatencyMs:
		return errors.New("faults: latencyMs must be 0 to 600000")
	case s.DelayMs < 0 || s.DelayMs > MaxDelayMs:
		return errors.New("faults: delayMs must be 0 to 600000")
	case s.DripBytesPerSecond < 0:
		return errors.New("faults: dripBytesPerSecond must not be negative")
	}
	return nil
}

func isShare(p float64) bool { return p >= 0 && p <= 1 } // false for NaN

// Latency is LatencyMs as a duration.
func (s State) Latency() time.Duration { return time.Duration(s.LatencyMs) * time.Millisecond }

// Delay is DelayMs as a duration.
func (s State) Delay() time.Duration { return time.Duration(s.DelayMs) * time.Millisecond }

// Board holds the switches of one backend. It is safe for concurrent use.
type Board struct {
	changing sync.Mutex // held through a change and its hooks, so that hooks see changes in order
	hooks    []func(State)

	mu     sync.Mutex
	state  State
	chance *rand.Rand
}

// NewBoard returns a board with every switch off, whose chance follows from seed.
func NewBoard(seed uint64) *Board {
	return &Board{chance: rand.New(rand.NewPCG(seed, 0x706f727469636f))}
}

// Get returns the present state.
func (b *Board) Get() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// Set replaces the whole state; an invalid one is refused and changes nothing.
func (b *Board) Set(s State) error { return b.Update(func(old *State) { *old = s }) }

// Update changes some switches; a change that makes the state invalid is refused as a whole.
func (b *Board) Update(change func(*State)) error {
	b.changing.Lock()
	defer b.changing.Unlock()
	next := b.Get()
	change(&next)
	if err := next.Validate(); err != nil {
		return err
	}
	b.mu.Lock()
	b.state = next
	b.mu.Unlock()
	for _, hook := range b.hooks {
		hook(next)
	}
	return nil
}

// OnChange calls hook with the present state now, and again after every change before Set or Update returns. The hook
// may read the board but must not change it.
func (b *Board) OnChange(hook func(State)) {
	b.changing.Lock()
	defer b.changing.Unlock()
	b.hooks = append(b.hooks, hook)
	hook(b.Get())
}

// Share is true for the share p of its calls.
func (b *Board) Share(p float64) bool {
	if p <= 0 || p >= 1 {
		return p >= 1
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.chance.Float64() < p
}

// IntN draws a number from 0 to below n, which must be above 0.
func (b *Board) IntN(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.chance.IntN(n)
}

// Shuffle puts n things, exchanged by swap, in a random order.
func (b *Board) Shuffle(n int, swap func(i, j int)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chance.Shuffle(n, swap)
}

// Fails reports whether the present request is to be answered by a fault, as errorRate says.
func (b *Board) Fails() bool { return b.Share(b.Get().ErrorRate) }

// Pause waits for d, or until ctx ends, whose error it then returns.
func Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
