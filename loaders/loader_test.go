package loaders_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-retail/portico/loaders"
	"github.com/portico-retail/portico/retail"
)

func TestAKeyWithoutAnAnswerMayBeAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // whose clock stands still while keys are gathered
		calls := 0
		loader := loaders.NewLoader(t.Context(),
			func(_ context.Context, keys []string) (map[string]int, error) {
				calls++
				return map[string]int{"a": 0, "unasked": 7}, nil // a zero that is there is not missing
			},
			func(key string) (int, error) { return 0, retail.Errorf(retail.CodeNotFound, "there is no %s", key) })
		for range 2 { // that there is none is an answer, and remembered
			_, errs := loader.LoadAll(t.Context(), []string{"x", "a", "y"})
			for i, want := range []string{"there is no x", "", "there is no y"} {
				switch {
				case want == "" && errs[i] != nil:
					t.Errorf("a failed: %v", errs[i])
				case want != "" && (retail.CodeOf(errs[i]) != retail.CodeNotFound || !strings.Contains(errs[i].Error(), want)):
					t.Errorf("got %v, want %s", errs[i], want)
				}
			}
		}
		if calls != 1 {
			t.Errorf("%d calls, want 1", calls)
		}
	})
}

func TestARequestThatIsCancelledEndsItsBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		request, cancel := context.WithCancelCause(t.Context())
		hungUp, ended := errors.New("the client hung up"), make(chan error, 1)
		loader := loaders.NewLoader(request,
			func(ctx context.Context, _ []string) (map[string]int, error) {
				<-ctx.Done()
				ended <- context.Cause(ctx)
				return nil, ctx.Err()
			},
			func(string) (int, error) { return 0, nil })
		wait := loader.Start(request, "a")
		<-time.After(time.Second) // the batch is under way
		cancel(hungUp)
		if _, err := wait(); err == nil {
			t.Error("the caller heard of no failure")
		}
		if cause := <-ended; !errors.Is(cause, hungUp) {
			t.Errorf("the batch ended because of %v", cause)
		}
	})
}
