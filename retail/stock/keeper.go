package stock

import (
	"context"
	"errors"
	"maps"
	"sync/atomic"

	"github.com/portico-retail/portico/retail"
)

// LayoutStore keeps the layout beside the rows; redisstore implements it.
type LayoutStore interface {
	// SaveLayout stores extended if the stored layout is still base, and returns the layout that is stored afterwards.
	SaveLayout(ctx context.Context, base, extended Layout) (Layout, error)
}

// Keeper holds the layout in force and gives new locations their places. Several gateways that share a store agree on
// one layout, because a place is only taken by compare-and-set.
type Keeper struct {
	store   LayoutStore
	current atomic.Pointer[Layout]
}

// NewKeeper returns a keeper with an empty layout.
func NewKeeper(store LayoutStore) *Keeper {
	k := &Keeper{store: store}
	k.current.Store(&Layout{})
	return k
}

// Layout is the layout in force; it must not be changed.
func (k *Keeper) Layout() Layout { return *k.current.Load() }

// Cover gives every location a place and makes sure that the store holds the layout in force. A store that lost its
// layout gets the one in force back.
func (k *Keeper) Cover(ctx context.Context, locations []*retail.Location) error {
	base := k.Layout()
	for range 8 {
		kept := base
		if len(kept) == 0 {
			kept = k.Layout()
		}
		extended := kept.Extend(locations)
		stored, err := k.store.SaveLayout(ctx, base, extended)
		if err != nil {
			return err
		}
		if maps.Equal(stored, extended) {
			k.current.Store(&stored)
			return nil
		}
		base = stored
	}
	return errors.New("stock: the layout keeps changing under us")
}
