package retail

import (
	"context"
	"slices"
	"strings"
)

// Reach bounds what a caller may know of: a partner sees the places, SKUs and channels that were agreed, and nothing says
// that there are others. An empty part bounds nothing; a nil *Reach reaches everything. A Reach is not changed once it is in use.
type Reach struct {
	Locations []string // codes
	SKUs      []SKURange
	Channels  []Channel // the first is the default
}

// SKURange is the SKUs from First to Last, both included, compared byte by byte. A Last that is a prefix of a SKU includes it:
// "10" to "10" is everything that begins with 10.
type SKURange struct{ First, Last string }

// Contains reports whether a normalized SKU is in the range.
func (r SKURange) Contains(sku string) bool {
	return sku >= r.First && (sku <= r.Last || strings.HasPrefix(sku, r.Last))
}

// Location reports whether the place is within reach.
func (r *Reach) Location(code string) bool {
	return r == nil || len(r.Locations) == 0 || slices.Contains(r.Locations, code)
}

// SKU reports whether a normalized SKU is within reach.
func (r *Reach) SKU(sku string) bool {
	return r == nil || len(r.SKUs) == 0 || slices.ContainsFunc(r.SKUs, func(in SKURange) bool { return in.Contains(sku) })
}

// Channel reports whether the channel is within reach.
func (r *Reach) Channel(c Channel) bool {
	return r == nil || len(r.Channels) == 0 || slices.Contains(r.Channels, c)
}

type reachKey struct{}

// WithReach returns ctx bounded by r.
func WithReach(ctx context.Context, r *Reach) context.Context {
	return context.WithValue(ctx, reachKey{}, r)
}

// ReachOf returns the bounds of ctx; nil when there are none.
func ReachOf(ctx context.Context) *Reach {
	r, _ := ctx.Value(reachKey{}).(*Reach)
	return r
}
