package graph

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"github.com/maypok86/otter/v2"

	"github.com/portico-retail/portico/auth"
)

// registered keeps the texts that clients registered by their hash. It is bounded by bytes. Each class of callers has a part
// of its own, within which one client has a share: who registers too much pushes out what they registered themselves.
// Against many clients at once, the part of a class keeps what is asked often in favour of what came last.
type registered struct {
	share   int // bytes of one client
	largest int // bytes of a text
	parts   map[auth.Class]*otter.Cache[string, *registration]

	registering sync.Mutex // held while something is registered; taken before mu
	mu          sync.Mutex // guards holdings; never held while a cache is called, which calls forget
	holdings    map[owner]*holding
}

// owner is a client as far as registrations go.
type owner struct {
	class auth.Class
	name  string
}

// holding is what one client has registered, oldest first.
type holding struct {
	bytes   int
	entries []*registration
}

type registration struct {
	owner      owner
	hash, text string
}

// weight estimates the bytes that an entry holds.
func (r *registration) weight() int { return len(r.text) + 512 }

const (
	defaultRegisterBytes = 16 << 20
	registeredShares     = 8 // of a class; no client has more than one
)

func newRegistered(bytes uint64, largest int) (*registered, error) {
	classes := auth.Classes()
	part := bytes / uint64(len(classes))
	r := &registered{
		share: int(part / registeredShares), largest: largest,
		parts: map[auth.Class]*otter.Cache[string, *registration]{}, holdings: map[owner]*holding{},
	}
	for _, class := range classes {
		cache, err := otter.New(&otter.Options[string, *registration]{
			MaximumWeight: part,
			Weigher:       func(_ string, e *registration) uint32 { return uint32(e.weight()) },
			Executor:      func(run func()) { run() },
			Logger:        &otter.NoopLogger{},
			OnDeletion:    func(e otter.DeletionEvent[string, *registration]) { r.forget(e.Value) },
		})
		if err != nil {
			return nil, err
		}
		r.parts[class] = cache
	}
	return r, nil
}

// get returns the text of a hash, whoever registered it: the hash says that it is the right one.
func (r *registered) get(hash string) (string, bool) {
	for _, part := range r.parts {
		if e, ok := part.GetIfPresent(hash); ok {
			return e.text, true
		}
	}
	return "", false
}

// put registers a text that is known to be sound.
func (r *registered) put(by owner, hash, text string) {
	e := &registration{owner: by, hash: hash, text: text}
	part := r.parts[by.class]
	if part == nil || len(text) > r.largest || e.weight() > r.share {
		return
	}
	r.registering.Lock()
	defer r.registering.Unlock()
	if _, known := r.get(hash); known {
		return
	}
	for _, old := range r.enter(e) {
		part.Invalidate(old.hash)
	}
	part.SetIfAbsent(hash, e)
}

// enter notes what a client holds more and returns what it loses for it.
func (r *registered) enter(e *registration) (gone []*registration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.holdings[e.owner]
	if h == nil {
		h = &holding{}
		r.holdings[e.owner] = h
	}
	for h.bytes+e.weight() > r.share {
		old := h.entries[0]
		h.entries, h.bytes = h.entries[1:], h.bytes-old.weight()
		gone = append(gone, old)
	}
	h.entries, h.bytes = append(h.entries, e), h.bytes+e.weight()
	return gone
}

// forget notes that an entry is gone.
func (r *registered) forget(e *registration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.holdings[e.owner]
	if h == nil {
		return
	}
	i := slices.Index(h.entries, e)
	if i < 0 {
		return
	}
	h.entries, h.bytes = slices.Delete(h.entries, i, i+1), h.bytes-e.weight()
	if len(h.entries) == 0 {
		delete(r.holdings, e.owner)
	}
}

// registers reports whether p may register documents.
func (d *documents) registers(p auth.Principal) bool {
	return d.register == RegisterAll || d.register == RegisterKnown && p.Known()
}

// ownerOf is the client that a registration counts for.
func ownerOf(ctx context.Context) owner {
	p := auth.PrincipalOf(ctx)
	return owner{class: p.Class(), name: clientOf(ctx, p)}
}

// notRegistered answers a hash that stands for nothing, in the words that Apollo's clients wait for.
func notRegistered(registers bool) *refusal {
	if registers {
		return refuse(http.StatusNotFound, newError(CodePersistedQueryNotFound, "PersistedQueryNotFound"))
	}
	return refuse(http.StatusNotFound, newError(CodePersistedQueryNotSupported, "PersistedQueryNotSupported"))
}
