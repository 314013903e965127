package render

import (
	"context"
	"math"
	"sync/atomic"

	"github.com/portico-retail/portico/retail"
)

// Budget bounds the bytes rendered for one response: 20 root fields of 2,000 rows each would fill the memory long before
// anybody could look at the size of the whole. It is safe for concurrent use.
type Budget struct{ left atomic.Int64 }

type budgetKey struct{}

// WithBudget returns ctx whose renderings may take bytes in all, and their budget.
func WithBudget(ctx context.Context, bytes int) (context.Context, *Budget) {
	b := new(Budget)
	b.left.Store(int64(bytes))
	return context.WithValue(ctx, budgetKey{}, b), b
}

// Exceeded reports whether something was not rendered for want of budget.
func (b *Budget) Exceeded() bool { return b.left.Load() < 0 }

func budgetOf(ctx context.Context) *Budget {
	b, _ := ctx.Value(budgetKey{}).(*Budget)
	return b
}

// remaining is without bound when there is no budget.
func (b *Budget) remaining() int {
	if b == nil {
		return math.MaxInt
	}
	return int(b.left.Load())
}

func (b *Budget) spend(bytes int) {
	if b != nil {
		b.left.Add(-int64(bytes))
	}
}

// exhaust leaves nothing to whatever is rendered next.
func (b *Budget) exhaust() { b.left.Store(math.MinInt32) }

var errTooLarge = retail.Errorf(retail.CodeLimitExceeded, "the response is too large")
