package graph

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
)

// priority is who is served first when there is not room for everybody.
type priority int

const (
	low      priority = iota // strangers and partners that browse
	normal                   // sessions that browse
	critical                 // what sessions do, and all work of staff in stores
	priorities
)

// priorityOf decides by who asks and whether it has effects, whatever the schema.
func priorityOf(p auth.Principal, op *ast.OperationDefinition) priority {
	switch {
	case !p.Known():
		return low
	case op.Operation == ast.Mutation, p.Role == auth.RoleAssociate:
		return critical
	case p.Role == auth.RolePartner:
		return low
	}
	return normal
}

// priorityUnread is that of a document that nobody has compiled yet: it is work, and what for is not known.
func priorityUnread(p auth.Principal) priority {
	if p.Role == auth.RoleAssociate {
		return normal
	}
	return low
}

// admission bounds the requests that are worked on at once. A few more may wait a moment, which smooths bursts; the rest
// is shed at once, while shedding is still cheap.
//
// Of those that wait the dearer priority goes first, and within one the youngest: whoever has waited longest is the likeliest
// to have given up. A queue of the lowest that stands for a while is no burst, and waiting in it gets short (B. Maurer, "Fail at Scale",
// ACM Queue 13-8, adaptive LIFO and controlled delay). Some slots are kept from the lower priorities, so that the higher ones
// find one at once.
type admission struct {
	slots   int
	kept    [priorities]int // slots that a priority may not take
	longest [priorities]int // of a queue
	now     func() time.Time

	mu      sync.Mutex
	busy    int
	queues  [priorities][]*waiter // oldest first
	since   [priorities]time.Time // when the queue began to stand; zero when it is empty
	clients map[string]int        // requests at once, of clients with a bound
}

type waiter struct {
	granted chan struct{} // closed when the slot is its own
}

const (
	// patience is how long a request waits in a burst, short against the time that a client waits for an answer anyway.
	patience = 100 * time.Millisecond
	// patienceCritical is longer: what was begun is worth finishing.
	patienceCritical = time.Second
	// patienceStanding is how long the lowest waits in a queue that has stood for longer than patience.
	patienceStanding = 5 * time.Millisecond
)

func newAdmission(slots int) *admission {
	a := &admission{slots: slots, now: time.Now, clients: map[string]int{}}
	a.kept = [priorities]int{low: slots / 2, normal: slots / 8}
	a.longest = [priorities]int{low: 2 * slots, normal: 2 * slots, critical: 4 * slots}
	return a
}

// slot is the right to be worked on.
type slot struct {
	of       *admission
	priority priority
	held     bool
}

// enter takes a slot, which the caller gives back with leave; nil when there is none.
func (a *admission) enter(ctx context.Context, p priority) *slot {
	s := &slot{of: a, priority: p}
	if !s.enter(ctx) {
		return nil
	}
	return s
}

func (s *slot) enter(ctx context.Context) bool {
	a := s.of
	a.mu.Lock()
	if a.open(s.priority) && len(a.queues[s.priority]) == 0 {
		a.busy++
		a.mu.Unlock()
		s.held = true
		return true
	}
	if len(a.queues[s.priority]) >= a.longest[s.priority] {
		a.mu.Unlock()
		return false
	}
	w := &waiter{granted: make(chan struct{})}
	wait := a.queue(s.priority, w)
	a.mu.Unlock()
	over := time.NewTimer(wait)
	defer over.Stop()
	select {
	case <-w.granted:
		s.held = true
	case <-over.C:
		s.held = !a.withdraw(s.priority, w)
	case <-ctx.Done():
		s.held = !a.withdraw(s.priority, w)
	}
	return s.held
}

// open reports whether a request of a priority may take a slot. The caller holds mu.
func (a *admission) open(p priority) bool { return a.busy < a.slots-a.kept[p] }

// queue puts a waiter into its queue and returns how long it may wait. The caller holds mu.
func (a *admission) queue(p priority, w *waiter) time.Duration {
	now := a.now()
	if len(a.queues[p]) == 0 {
		a.since[p] = now
	}
	a.queues[p] = append(a.queues[p], w)
	switch {
	case p == critical:
		return patienceCritical
	case p == low && now.Sub(a.since[p]) > patience:
		return patienceStanding
	}
	return patience
}

// withdraw takes a waiter out of its queue; false when it has been given a slot meanwhile.
func (a *admission) withdraw(p priority, w *waiter) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.Index(a.queues[p], w)
	if i < 0 {
		return false
	}
	a.queues[p] = slices.Delete(a.queues[p], i, i+1)
	a.settle(p)
	return true
}

// settle notes when a queue is empty. The caller holds mu.
func (a *admission) settle(p priority) {
	if len(a.queues[p]) == 0 {
		a.since[p] = time.Time{}
	}
}

// leave gives the slot back, to the youngest waiter of the highest priority if there is one. It may be called twice.
func (s *slot) leave() {
	if s == nil || !s.held {
		return
	}
	s.held = false
	a := s.of
	a.mu.Lock()
	defer a.mu.Unlock()
	a.busy--
	for p := priorities - 1; p >= 0; p-- {
		for len(a.queues[p]) > 0 && a.open(p) {
			last := len(a.queues[p]) - 1
			w := a.queues[p][last]
			a.queues[p][last] = nil
			a.queues[p] = a.queues[p][:last]
			a.settle(p)
			a.busy++
			close(w.granted)
		}
	}
}

// full reports whether a request of this priority would be shed: it needs no reading then.
func (a *admission) full(p priority) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.queues[p]) >= a.longest[p]
}

// begin counts a request of a client that may have so many at once; false when it has them already. The caller ends it.
func (a *admission) begin(client string, most int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.clients[client] >= most {
		return false
	}
	a.clients[client]++
	return true
}

func (a *admission) end(client string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.clients[client]--; a.clients[client] <= 0 {
		delete(a.clients, client)
	}
}

type slotKey struct{}

// withSlot returns ctx of a request that holds a slot.
func withSlot(ctx context.Context, s *slot) context.Context {
	return context.WithValue(ctx, slotKey{}, s)
}

// aside lets others work while a request waits for something that is not the gateway's work. It reports false when there was
// no room to go on afterwards.
func aside(ctx context.Context, wait func()) bool {
	s, _ := ctx.Value(slotKey{}).(*slot)
	if s == nil {
		wait()
		return true
	}
	s.leave()
	wait()
	return s.enter(ctx)
}
