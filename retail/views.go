package retail

import (
	"context"
	"sync"
)

// Views keeps what each reach sees of one thing that does not change, for example a version of the catalog. Reaches that see the
// same share one view. It is safe for concurrent use.
type Views[K comparable, T any] struct {
	key  func(*Reach) K
	look func(*Reach) T

	mu     sync.Mutex
	kept   map[*Reach]*keptView[K, T]
	shared map[K]*sharedView[T]
	clock  uint64
	holds  uint64 // calls of Hold that have ended
}

// keptView is the view of one reach.
type keptView[K comparable, T any] struct {
	key  K
	view *sharedView[T]
	used uint64
	hold uint64 // the last call of Hold that named it
}

type sharedView[T any] struct {
	value func() T
	users int
}

// SpareViews is how many views are kept besides those that are held; then the one that nobody asked for longest goes. They are of
// requests that began before the partners changed.
const SpareViews = 64

// NewViews returns views that look makes; it must depend on nothing else that changes. Reaches of the same key see the same.
func NewViews[K comparable, T any](key func(*Reach) K, look func(*Reach) T) *Views[K, T] {
	return &Views[K, T]{key: key, look: look, kept: map[*Reach]*keptView[K, T]{}, shared: map[K]*sharedView[T]{}}
}

// Of returns what r sees, made once for all who ask at the same time unless it is held.
func (v *Views[K, T]) Of(r *Reach) T { return v.of(r, 0)() }

// Hold makes what the reaches see, so that nobody who asks waits, and keeps it until the next call. What is not made by the end of
// ctx is made when it is asked for. One call at a time.
func (v *Views[K, T]) Hold(ctx context.Context, reaches []*Reach) {
	hold := v.holds + 1
	for _, r := range reaches {
		if value := v.of(r, hold); ctx.Err() == nil {
			value()
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.holds = hold
	for v.drop() {
	}
}

func (v *Views[K, T]) of(r *Reach, hold uint64) func() T {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := v.kept[r]
	if one == nil {
		one = v.add(r)
		defer v.drop()
	}
	v.clock++
	one.used, one.hold = v.clock, max(one.hold, hold)
	return one.view.value
}

func (v *Views[K, T]) add(r *Reach) *keptView[K, T] {
	key := v.key(r)
	view := v.shared[key]
	if view == nil {
		view = &sharedView[T]{value: sync.OnceValue(func() T { return v.look(r) })}
		v.shared[key] = view
	}
	view.users++
	one := &keptView[K, T]{key: key, view: view}
	v.kept[r] = one
	return one
}

// drop gives up the spare view that nobody asked for longest, if there are more than may be. The lock is held.
func (v *Views[K, T]) drop() bool {
	var oldest *Reach
	spare := 0
	for r, one := range v.kept {
		if one.hold > 0 && one.hold >= v.holds {
			continue
		}
		if spare++; oldest == nil || one.used < v.kept[oldest].used {
			oldest = r
		}
	}
	if spare <= SpareViews {
		return false
	}
	gone := v.kept[oldest]
	delete(v.kept, oldest)
	if gone.view.users--; gone.view.users == 0 {
		delete(v.shared, gone.key)
	}
	return true
}
