package stock

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/retail"
)

// Bounds of the work that Run does.
const (
	watchIdle    = 10 * time.Second // how often a partition is looked at when nothing is due: more often than a hold lives
	watchBackoff = time.Second
	watchAtOnce  = 8
	rebuildLease = 10 * time.Second
	rebuildPage  = 500
	rebuildCalls = 10_000
)

// Run ends claims when they are due and counts claims anew where the projection has lost them, until ctx ends.
//
// Every partition is looked at when its next claim is due, so that expired units can be sold at once, and every few seconds
// to learn of claims that other gateways made. Several gateways may do so at the same time: a claim ends once.
//
// A partition is closed for claims when its state has no opening for them: it is new, was flushed, or an older copy came into
// force. Then nothing is admitted, pinned or settled there. One gateway at a time owns the rebuild by a lease; it gives back
// what an older copy counts, counts every live claim of the ledger, and reopens. A claim that is closed in the ledger while
// this goes on may have been read before: its closer fails at the closed partition and comes again after it is open. A hold
// that was admitted before the loss and recorded after the ledger was read is not counted; it is admitted anew before its
// order is paid, or refused then.
func (h *Holds) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.watch.wake:
		case <-timer.C:
		}
		h.tendDue(ctx)
		timer.Reset(h.watch.wait(h.now()))
	}
}

// Ready reports whether every partition of the layout is open for claims.
func (h *Holds) Ready() bool {
	layout := h.deps.Stock.deps.Layout.Layout()
	return len(layout) > 0 && h.watch.allOpen(partitionsOf(layout))
}

// partitionsOf lists the locations of every partition.
func partitionsOf(layout Layout) map[uint16][]string {
	partitions := make(map[uint16][]string)
	for code, place := range layout {
		partitions[place.Partition] = append(partitions[place.Partition], code)
	}
	return partitions
}

func (h *Holds) tendDue(ctx context.Context) {
	var group errgroup.Group
	group.SetLimit(watchAtOnce)
	for _, partition := range h.watch.due(partitionsOf(h.deps.Stock.deps.Layout.Layout()), h.now()) {
		group.Go(func() error {
			h.tend(ctx, partition)
			return nil
		})
	}
	_ = group.Wait() // no function fails
}

// tend ends due claims of a partition, or rebuilds it.
func (h *Holds) tend(ctx context.Context, partition uint16) {
	asked := h.now()
	reaped, err := h.deps.Projection.Reap(ctx, partition)
	switch {
	case errors.Is(err, ErrLost):
		h.watch.closed(partition)
		err = h.rebuild(ctx, partition)
		h.metrics.rebuilt(err)
		if err == nil {
			h.watch.reopened(partition, h.now())
			return
		}
	case err == nil:
		h.metrics.lapsed.Add(float64(reaped.Ended))
		h.watch.reaped(partition, reaped, asked)
		return
	}
	h.watch.at(partition, h.now().Add(watchBackoff))
	if ctx.Err() == nil && !errors.Is(err, ErrRebuildLost) {
		h.deps.Log.WarnContext(ctx, "claims of a partition cannot be counted", "partition", Tag(partition), "error", err)
	}
}

// rebuild counts the claims of a partition anew from the ledger.
func (h *Holds) rebuild(ctx context.Context, partition uint16) error {
	token := rand.Text()
	for range rebuildCalls {
		reset, err := h.deps.Projection.Reset(ctx, partition, token, rebuildLease)
		switch {
		case err != nil:
			return err
		case reset.Open:
			return nil
		case reset.Busy > 0:
			return ErrRebuildLost
		case reset.Left > 0:
			continue
		}
		err = h.restore(ctx, partition, token)
		if err == nil {
			return h.deps.Projection.Reopen(ctx, partition, token)
		}
		// A lease that ends now lets whoever comes next begin; the next try of this process has another token, so that late
		// calls of this one find that they do not own it.
		return errors.Join(err, h.deps.Projection.Restore(context.WithoutCancel(ctx), partition, token, 0, nil))
	}
	return errors.New("stock: the partition has too many claims to give back")
}

func (h *Holds) restore(ctx context.Context, partition uint16, token string) error {
	layout := h.deps.Stock.deps.Layout.Layout()
	codes := partitionsOf(layout)[partition]
	after := ""
	for range rebuildCalls {
		claims, err := h.deps.Ledger.LiveClaims(ctx, codes, h.now(), after, rebuildPage)
		if err != nil {
			return err
		}
		if len(claims) == 0 {
			return nil
		}
		list := make([]Counted, 0, len(claims))
		for _, c := range claims {
			place, ok := layout[c.LocationCode]
			if ok && place.Partition == partition && checkClaim(c) == nil {
				list = append(list, counted(c, place))
			}
		}
		if err := h.deps.Projection.Restore(ctx, partition, token, rebuildLease, list); err != nil {
			return err
		}
		after = claims[len(claims)-1].ID
	}
	return retail.Errorf(retail.CodeInternal, "the ledger never ends listing claims")
}
