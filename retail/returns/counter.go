package returns

import (
	"context"

	"github.com/portico-retail/portico/retail"
)

// ReceiveGoods takes goods over the counter of a store.
type ReceiveGoods struct {
	Actor   retail.Actor // an associate of the store
	Key     string       // of lines that nobody asked for before
	OrderID string
	// ReturnID names the return that was asked for. Empty, Lines say what comes back.
	ReturnID string
	Lines    []Line
	// LocationRef is the store; empty for the only one that the associate works at.
	LocationRef string
	Reason      string
}

// ReceiveInStore takes goods back at any store, asked for before or not, and refunds them. A return that waited for a parcel may
// be brought instead; an exchange becomes a plain return.
func (s *Service) ReceiveInStore(ctx context.Context, q ReceiveGoods) (*Result, error) {
	store, err := s.counter(ctx, q.Actor, q.LocationRef)
	if err != nil {
		return nil, err
	}
	o, err := s.orderToChange(ctx, q.Actor, q.OrderID)
	if err != nil {
		return nil, err
	}
	if q.ReturnID == "" {
		return s.receiveLines(ctx, o.ID, store.Code, q)
	}
	if len(q.Lines) > 0 {
		return nil, retail.Refuse(retail.WhyInvalid, "lines", "Name a return or lines, not both.")
	}
	if find(o, q.ReturnID) == nil {
		return nil, errNoReturn()
	}
	_, err = s.change(ctx, o.ID, q.ReturnID, func(tx retail.Tx, o *retail.Order, r *retail.Return) error {
		return s.accept(tx, o, r, store.Code)
	})
	if err != nil {
		return nil, err
	}
	return s.result(ctx, o.ID, q.ReturnID)
}

func (s *Service) receiveLines(ctx context.Context, orderID, storeCode string, q ReceiveGoods) (*Result, error) {
	var no refusals
	no.checkKey(q.Key)
	no.checkLines(q.Lines)
	no.checkReason(q.Reason)
	if err := no.err(); err != nil {
		return nil, err
	}
	r := retail.Return{ID: idOf(q.Actor, orderID, q.Key), Way: retail.ReturnInStore, LocationCode: storeCode, Reason: q.Reason}
	err := s.add(ctx, orderID, r, q.Lines, func(_ *retail.Order, r *retail.Return) error {
		now := s.deps.Now()
		r.AcceptedAt = &now
		return nil
	})
	if err != nil {
		return nil, err
	}
	// A repetition after the till refused accepts it again.
	_, err = s.change(ctx, orderID, r.ID, func(tx retail.Tx, o *retail.Order, r *retail.Return) error {
		return s.accept(tx, o, r, storeCode)
	})
	if err != nil {
		return nil, err
	}
	return s.result(ctx, orderID, r.ID)
}

// accept records that a counter has the goods; the till's booking follows. The instant is recorded first, because the till
// must hear the same words again after a lost reply.
func (s *Service) accept(tx retail.Tx, o *retail.Order, r *retail.Return, storeCode string) error {
	now := s.deps.Now()
	switch {
	case r.ReceivedAt != nil, r.AcceptedAt != nil && r.LocationCode == storeCode:
		return retail.ErrUnchanged
	case r.AcceptedAt != nil:
		return retail.Refuse(retail.WhyNotReturnable, "returnId", "Another store is taking it.")
	case r.Status != retail.ReturnRequested:
		return retail.Refuse(retail.WhyNotReturnable, "returnId", "The return was cancelled.")
	}
	if r.Exchange != nil && r.Exchange.GivenUpAt == nil {
		if err := s.giveUp(tx, r, retail.ClaimReleased); err != nil {
			return err
		}
	}
	r.Way, r.LocationCode, r.AcceptedAt = retail.ReturnInStore, storeCode, &now
	return tx.Enqueue(s.job(o.ID, now.Add(s.config.Behind)))
}

// counter is the store at which the associate stands.
func (s *Service) counter(ctx context.Context, actor retail.Actor, ref string) (*retail.Location, error) {
	if ref == "" {
		if actor.Role != "associate" || len(actor.Locations) != 1 {
			return nil, retail.Refuse(retail.WhyInvalid, "locationId", "Say which store takes the goods.")
		}
		ref = actor.Locations[0]
	}
	store, err := s.store(ctx, ref)
	if err != nil {
		return nil, err
	}
	if !actor.WorksAt(store.Code) {
		return nil, retail.Refuse(retail.WhyNotAllowed, "locationId", "Only associates of the store take goods there.")
	}
	return store, nil
}
