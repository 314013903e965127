package demo

import (
	"context"
	"time"

	"github.com/portico-retail/portico/integrations/demo/erp"
	"github.com/portico-retail/portico/integrations/demo/pos"
)

// How points of cards without a customer are tried again: a customer may be made for the card later.
const (
	retryPoints   = 10     // beats between two tries
	waitingPoints = 10_000 // entries that wait at most; older ones stay with the tills
)

// pointsRun carries the points that tills gave into the ERP.
type pointsRun struct {
	tills    *pos.Server
	books    *erp.ERP
	position int
	waiting  []erp.TillPoints
	beats    int
	tiers    bool // have to be computed again
}

// bookPoints books what the tills gave at each beat until ctx ends.
func (s *Stand) bookPoints(ctx context.Context) {
	ticker := time.NewTicker(s.beat)
	defer ticker.Stop()
	run := pointsRun{tills: s.POS, books: s.ERP}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = run.step(ctx) // what is not booked is booked at the next beat, under the same references
		}
	}
}

// step books what is new, and sometimes what waits. After an error it has not moved on.
func (p *pointsRun) step(ctx context.Context) error {
	list, next := p.tills.PointsSince(p.position)
	retry := p.beats%retryPoints == 0
	p.beats++
	var entries []erp.TillPoints
	if retry {
		entries = append(entries, p.waiting...)
	}
	for _, e := range list {
		entries = append(entries, erp.TillPoints{
			Card: e.Card, Reference: e.Reference, Points: e.Points, At: e.At, Name: e.Title, NameEN: e.TitleEN,
		})
	}
	var unknown []erp.TillPoints
	if len(entries) > 0 {
		var err error
		if unknown, err = p.books.BookTillPoints(ctx, entries); err != nil {
			return err
		}
	}
	p.position = next
	if retry {
		p.waiting = nil
	}
	p.waiting = append(p.waiting, unknown...)
	p.waiting = p.waiting[max(0, len(p.waiting)-waitingPoints):]
	p.tiers = p.tiers || len(unknown) < len(entries)
	if p.tiers {
		if err := p.books.RecomputeTiers(ctx); err != nil {
			return err
		}
		p.tiers = false
	}
	return nil
}
