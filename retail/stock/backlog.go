package stock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/retail"
)

// backlog is what a source told and the projection does not have yet, folded to the latest fact per pair and the latest
// mark per location. Most of it is written a moment later. What stays belongs to locations that have no place yet or to
// partitions that fail.
type backlog struct {
	limit     int
	facts     int
	locations map[string]*waiting
}

// waiting is one location's share.
type waiting struct {
	facts map[string]*Fact // by SKU
	asOf  time.Time
	// cut says that facts of a location without a place were dropped for room: only a snapshot can bring them back.
	cut bool
}

func newBacklog(limit int) *backlog {
	return &backlog{limit: limit, locations: map[string]*waiting{}}
}

// add takes in a batch of source and returns how many facts and marks of it make no sense.
func (b *backlog) add(source retail.Source, batch Batch, layout Layout) (bad int) {
	for i := range batch.Facts {
		f := &batch.Facts[i]
		switch {
		case f.Source != source || !retail.ValidSKU(f.SKU) || !retail.ValidLocationCode(f.Location):
			bad++
		case f.Version > 0: // version zero says nothing
			_, placed := layout[f.Location]
			b.addFact(f, placed)
		}
	}
	for _, m := range batch.Marks {
		if m.Source != source || !retail.ValidLocationCode(m.Location) {
			bad++
			continue
		}
		w := b.at(m.Location)
		if m.AsOf.After(w.asOf) {
			w.asOf = m.AsOf
		}
	}
	return bad
}

func (b *backlog) addFact(f *Fact, placed bool) {
	w := b.at(f.Location)
	if w.cut {
		return
	}
	old := w.facts[f.SKU]
	if old != nil && old.Version >= f.Version {
		return
	}
	if old == nil {
		if !placed && b.facts >= b.limit {
			b.facts -= len(w.facts)
			w.facts, w.cut = nil, true
			return
		}
		b.facts++
	}
	if !placed { // it may stay for long and must not keep its whole batch in memory
		own := *f
		f = &own
	}
	if w.facts == nil {
		w.facts = map[string]*Fact{}
	}
	w.facts[f.SKU] = f
}

func (b *backlog) at(location string) *waiting {
	w := b.locations[location]
	if w == nil {
		w = &waiting{}
		b.locations[location] = w
	}
	return w
}

func (b *backlog) remove(location string) {
	if w := b.locations[location]; w != nil {
		b.facts -= len(w.facts)
		delete(b.locations, location)
	}
}

// blocked counts the facts and the locations that have a place and still wait.
func (b *backlog) blocked(layout Layout) (facts, locations int) {
	for code, w := range b.locations {
		if _, placed := layout[code]; placed {
			facts += len(w.facts)
			locations++
		}
	}
	return facts, locations
}

// share is what the backlog has for one partition.
type share struct {
	partition uint16
	locations []string
	writes    []Write
	marks     []PlaceMark
	err       error
}

// shares cuts the part of the backlog that has a place by partition, lowest first. ErrLost says that facts of a location
// that got its place now were dropped.
func (b *backlog) shares(source retail.Source, layout Layout, whole bool) ([]*share, error) {
	byPartition := map[uint16]*share{}
	for code, w := range b.locations {
		place, placed := layout[code]
		if !placed {
			continue
		}
		if w.cut {
			return nil, ErrLost
		}
		s := byPartition[place.Partition]
		if s == nil {
			s = &share{partition: place.Partition}
			byPartition[place.Partition] = s
		}
		s.locations = append(s.locations, code)
		for sku, f := range w.facts {
			s.writes = append(s.writes, Write{SKU: sku, Slot: place.Slot, Fact: f})
		}
		if !w.asOf.IsZero() {
			s.marks = append(s.marks, PlaceMark{Slot: place.Slot, Source: source, AsOf: w.asOf, First: whole})
		}
	}
	list := make([]*share, 0, len(byPartition))
	for _, s := range byPartition {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *share) int { return cmp.Compare(a.partition, b.partition) })
	return list, nil
}

// partitionsAtOnce bounds how many partitions a feed writes at the same time.
const partitionsAtOnce = 4

// flush writes the backlog, partition by partition, so that one that fails keeps no other from being written. It fails
// when rows were lost, or when nothing could be written at all.
func (f *Feed) flush(ctx context.Context, layout Layout) error {
	shares, err := f.wait.shares(f.name, layout, f.whole)
	if err != nil {
		return err
	}
	shares = slices.DeleteFunc(shares, func(s *share) bool { return f.deps.Now().Before(f.rest[s.partition].until) })
	var group errgroup.Group
	group.SetLimit(partitionsAtOnce)
	for _, s := range shares {
		group.Go(func() error {
			s.err = f.write(ctx, s)
			return nil
		})
	}
	_ = group.Wait() // each share has its own error
	return f.finish(shares)
}

// write brings one share into the projection: facts first, so that a watermark never promises more than there is.
func (f *Feed) write(ctx context.Context, s *share) error {
	if err := f.deps.Projection.Apply(ctx, s.partition, s.writes); err != nil {
		return fmt.Errorf("stock: apply to partition %d: %w", s.partition, err)
	}
	if err := f.deps.Projection.Advance(ctx, s.partition, s.marks); err != nil {
		return fmt.Errorf("stock: advance partition %d: %w", s.partition, err)
	}
	return nil
}

// finish takes what was written out of the backlog and lets partitions that failed rest.
func (f *Feed) finish(shares []*share) error {
	var failed []error
	for _, s := range shares {
		if s.err != nil {
			failed = append(failed, s.err)
			n := f.rest[s.partition].failures + 1
			f.rest[s.partition] = rest{failures: n, until: f.deps.Now().Add(f.backoff(n)), err: s.err}
			continue
		}
		delete(f.rest, s.partition)
		for _, code := range s.locations {
			f.status.advanced(code, f.wait.locations[code].asOf)
			f.wait.remove(code)
		}
		f.metrics.facts.Add(float64(len(s.writes)))
		f.status.applied(len(s.writes))
	}
	f.status.waits(f.wait.facts)
	err := errors.Join(failed...)
	if len(failed) == len(shares) || errors.Is(err, ErrLost) {
		return err
	}
	return nil
}
