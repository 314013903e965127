package retail

import (
	"context"
	"crypto/sha256"
	"fmt"
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

// SKURange is the SKUs from First to Last, both included, compared byte by byte: only those that are as long as First, so that
// 10000000 to 10000999 holds no code of nine digits. Without a Last it is everything that begins with First. The zero range
// holds nothing.
type SKURange struct{ First, Last string }

// Contains reports whether a normalized SKU is in the range.
func (r SKURange) Contains(sku string) bool {
	switch {
	case r.First == "":
		return false
	case r.Last == "":
		return strings.HasPrefix(sku, r.First)
	}
	return len(sku) == len(r.First) && sku >= r.First && sku <= r.Last
}

// Valid reports whether the range makes sense: a beginning, or two codes of one length in order.
func (r SKURange) Valid() bool {
	return ValidSKU(r.First) && (r.Last == "" || ValidSKU(r.Last) && len(r.First) == len(r.Last) && r.First <= r.Last)
}

// Location reports whether the place is within reach.
func (r *Reach) Location(code string) bool {
	return !r.BoundsLocations() || slices.Contains(r.Locations, code)
}

// SKU reports whether a normalized SKU is within reach.
func (r *Reach) SKU(sku string) bool {
	return !r.BoundsSKUs() || slices.ContainsFunc(r.SKUs, func(in SKURange) bool { return in.Contains(sku) })
}

// Channel reports whether the channel is within reach.
func (r *Reach) Channel(c Channel) bool {
	return r == nil || len(r.Channels) == 0 || slices.Contains(r.Channels, c)
}

// BoundsLocations reports whether there are places beyond the reach.
func (r *Reach) BoundsLocations() bool { return r != nil && len(r.Locations) > 0 }

// BoundsSKUs reports whether there are SKUs beyond the reach.
func (r *Reach) BoundsSKUs() bool { return r != nil && len(r.SKUs) > 0 }

// ReachKey stands for one part of a reach: it is the same for reaches that name the same, in whatever order.
type ReachKey [sha256.Size]byte

// LocationsKey stands for the places within reach.
func (r *Reach) LocationsKey() ReachKey { return keyOf(slices.Clone(r.Locations)) }

// SKUsKey stands for the SKUs within reach.
func (r *Reach) SKUsKey() ReachKey {
	names := make([]string, len(r.SKUs))
	for i, in := range r.SKUs {
		names[i] = in.First + " " + in.Last // no SKU has a space
	}
	return keyOf(names)
}

// keyOf orders the names.
func keyOf(names []string) (key ReachKey) {
	slices.Sort(names)
	h := sha256.New()
	for _, name := range slices.Compact(names) {
		_, _ = fmt.Fprintf(h, "%d %s", len(name), name) // a hash never fails to write
	}
	h.Sum(key[:0])
	return key
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
