package retail

import (
	"slices"
	"sync"
)

// Views keeps what each reach sees of one thing that does not change, for example a version of the catalog. What a reach sees is
// made when it is asked for, once for all who ask at the same time. The zero value is ready; it is safe for concurrent use.
type Views[T any] struct {
	mu    sync.Mutex
	kept  map[*Reach]*view[T]
	clock uint64
}

type view[T any] struct {
	value func() T
	used  uint64
	asked bool // and not only prepared
}

// MaxViews is how many reaches are kept; then the one that nobody has asked for longest is made anew when it comes back.
const MaxViews = 64

// Of returns what r sees; look makes it and must depend on nothing else that changes.
func (v *Views[T]) Of(r *Reach, look func(*Reach) T) T { return v.of(r, look, true)() }

// Prepare makes what r sees before anybody asks.
func (v *Views[T]) Prepare(r *Reach, look func(*Reach) T) { v.of(r, look, false)() }

func (v *Views[T]) of(r *Reach, look func(*Reach) T, asked bool) func() T {
	v.mu.Lock()
	defer v.mu.Unlock()
	known := v.kept[r]
	if known == nil {
		known = &view[T]{value: sync.OnceValue(func() T { return look(r) })}
		v.keep(r, known)
	}
	v.clock++
	known.used, known.asked = v.clock, known.asked || asked
	return known.value
}

func (v *Views[T]) keep(r *Reach, one *view[T]) {
	if v.kept == nil {
		v.kept = map[*Reach]*view[T]{}
	}
	if len(v.kept) == MaxViews {
		delete(v.kept, v.byUse()[0])
	}
	v.kept[r] = one
}

// byUse lists the reaches that are kept, the one that was asked for last at the end. The lock is held.
func (v *Views[T]) byUse() []*Reach {
	list := make([]*Reach, 0, len(v.kept))
	for r := range v.kept {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *Reach) int {
		if v.kept[a].used < v.kept[b].used {
			return -1
		}
		return 1
	})
	return list
}

// Kept lists the reaches that were asked for, the last one at the end.
func (v *Views[T]) Kept() []*Reach {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.DeleteFunc(v.byUse(), func(r *Reach) bool { return !v.kept[r].asked })
}
