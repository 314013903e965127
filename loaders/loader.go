// Package loaders batches what the resolvers of one response ask, so that a page of products costs one question to each
// service and not one a product. Loaders live as long as one response: Attach makes them, Of finds them.
//
// loader.go is the one generic batch adapter; the other files say what is loaded.
package loaders

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/graph-gophers/dataloader/v7"
	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/retail"
)

// wait is how long a batch gathers keys. The library's default of 16 ms would be paid once a level of the query.
const wait = time.Millisecond

// question says how a loader's keys are answered. Keys of the same arguments share one call; what goes wrong with it is
// theirs alone.
type question[A, K comparable, V any] struct {
	// capacity bounds the keys of one batch.
	capacity int
	// args are the arguments of a key.
	args func(K) A
	// fetch answers distinct keys of the same arguments; keys without an answer are left out.
	fetch func(ctx context.Context, args A, keys []K) (map[K]V, error)
	// missing is the answer to a key that was left out.
	missing func(K) (V, error)
}

// groupsAtOnce bounds the calls of one batch that run at the same time.
const groupsAtOnce = 4

// Loader loads values by key, each key once a response: a dead backend is not asked again for every row. It is safe for
// concurrent use.
type Loader[K comparable, V any] struct {
	inner   *dataloader.Loader[K, V] // gathers keys; remembers nothing
	batch   dataloader.BatchFunc[K, V]
	lock    sync.Mutex
	answers map[K]*answer[V]
}

// answer is the value or error of one key once done is closed.
type answer[V any] struct {
	done  chan struct{}
	value V
	err   error
}

// newLoader returns a loader for one response, whose context is request.
func newLoader[A, K comparable, V any](request context.Context, q question[A, K, V]) *Loader[K, V] {
	batch := func(first context.Context, keys []K) []*dataloader.Result[V] {
		ctx, cancel := batchContext(request, first)
		defer cancel()
		results := make([]*dataloader.Result[V], len(keys))
		groups := map[A][]int{} // positions in keys
		for i, key := range keys {
			args := q.args(key)
			groups[args] = append(groups[args], i)
		}
		var work errgroup.Group
		work.SetLimit(groupsAtOnce)
		for args, at := range groups {
			work.Go(func() error {
				q.answer(ctx, args, keys, at, results)
				return nil // one group's failure must not stop the others
			})
		}
		_ = work.Wait()
		return results
	}
	inner := dataloader.NewBatchedLoader(batch,
		dataloader.WithWait[K, V](wait), dataloader.WithBatchCapacity[K, V](q.capacity),
		dataloader.WithInputCapacity[K, V](q.capacity), dataloader.WithCache(&dataloader.NoCache[K, V]{}))
	return &Loader[K, V]{inner: inner, batch: batch, answers: map[K]*answer[V]{}}
}

// answer fills the results of one group.
func (q *question[A, K, V]) answer(ctx context.Context, args A, keys []K, at []int, results []*dataloader.Result[V]) {
	group := make([]K, len(at))
	for n, i := range at {
		group[n] = keys[i]
	}
	found, err := q.contained(ctx, args, group)
	for _, i := range at {
		r := &dataloader.Result[V]{Error: err}
		if err == nil {
			var ok bool
			if r.Data, ok = found[keys[i]]; !ok {
				r.Data, r.Error = q.missing(keys[i])
			}
		}
		results[i] = r
	}
}

// contained makes a panic of fetch an error of its group.
func (q *question[A, K, V]) contained(ctx context.Context, args A, keys []K) (found map[K]V, err error) {
	defer func() {
		if r := recover(); r != nil {
			found, err = nil, &retail.Error{
				Code: retail.CodeInternal, Message: "the gateway failed", Err: fmt.Errorf("panic: %v\n%s", retail.PanicText(r), debug.Stack()),
			}
		}
	}()
	return q.fetch(ctx, args, keys)
}

// batchContext carries the values of the first caller, but lives as long as the request: a caller that gives up must not
// fail the others that wait for the same batch.
func batchContext(request, first context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(first))
	stop := context.AfterFunc(request, func() { cancel(context.Cause(request)) })
	release := func() { stop(); cancel(nil) }
	deadline, ok := request.Deadline()
	if !ok {
		return ctx, release
	}
	ctx, expire := context.WithDeadline(ctx, deadline) // backends take their time-outs from it
	return ctx, func() { expire(); release() }
}

// Load returns the value of one key. It returns CodeTimeout as soon as ctx ends, even while the batch goes on.
func (l *Loader[K, V]) Load(ctx context.Context, key K) (V, error) { return l.Start(ctx, key)() }

// Start asks for the value of one key and returns the function that waits for it, so that one caller can start several.
func (l *Loader[K, V]) Start(ctx context.Context, key K) func() (V, error) {
	if err := ctx.Err(); err != nil {
		return func() (none V, _ error) { return none, gaveUp(err) }
	}
	a := l.answer(ctx, key)
	return func() (none V, _ error) {
		select {
		case <-a.done:
			return a.value, a.err
		case <-ctx.Done():
			return none, gaveUp(ctx.Err())
		}
	}
}

// answer returns the answer that is there or on its way, else it asks.
func (l *Loader[K, V]) answer(ctx context.Context, key K) *answer[V] {
	l.lock.Lock()
	defer l.lock.Unlock()
	if a, ok := l.answers[key]; ok {
		return a
	}
	a := &answer[V]{done: make(chan struct{})}
	l.answers[key] = a
	thunk := l.inner.Load(ctx, key)
	go func() { // the library's wait cannot be given up; it ends with the batch
		a.value, a.err = thunk()
		close(a.done)
	}()
	return a
}

func gaveUp(err error) error {
	return &retail.Error{
		Code: retail.CodeTimeout, Message: "the request's time is used up", Retryable: true, Err: err,
	}
}

// LoadAll returns the values and errors of keys in their order.
func (l *Loader[K, V]) LoadAll(ctx context.Context, keys []K) ([]V, []error) {
	waits := make([]func() (V, error), len(keys))
	for i, key := range keys {
		waits[i] = l.Start(ctx, key)
	}
	values, errs := make([]V, len(keys)), make([]error, len(keys))
	for i, wait := range waits {
		values[i], errs[i] = wait()
	}
	return values, errs
}
