package loaders

import "context"

// NewLoader makes a loader whose keys all share one call.
func NewLoader[K comparable, V any](
	request context.Context, fetch func(context.Context, []K) (map[K]V, error), missing func(K) (V, error),
) *Loader[K, V] {
	return newLoader(request, question[struct{}, K, V]{
		capacity: 10,
		args:     func(K) struct{} { return struct{}{} },
		fetch:    func(ctx context.Context, _ struct{}, keys []K) (map[K]V, error) { return fetch(ctx, keys) },
		missing:  missing,
	})
}
