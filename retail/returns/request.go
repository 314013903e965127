package returns

import (
	"context"
	"maps"
	"math"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

// RequestReturn asks to bring or send goods back.
type RequestReturn struct {
	Actor   retail.Actor
	Key     string // a repetition under one key asks once
	OrderID string
	Lines   []Line
	Way     retail.ReturnWay
	// LocationRef is the store that the shopper chose, of IN_STORE; empty for any. The goods are taken at every store anyway.
	LocationRef string
	Reason      string
}

// Request records that goods will come back. It refuses with WhyNotReturnable for each line that asks for more than may come
// back.
func (s *Service) Request(ctx context.Context, q RequestReturn) (*Result, error) {
	o, err := s.orderToChange(ctx, q.Actor, q.OrderID)
	if err != nil {
		return nil, err
	}
	var no refusals
	no.checkKey(q.Key)
	no.checkLines(q.Lines)
	no.checkReason(q.Reason)
	r := retail.Return{ID: idOf(q.Actor, o.ID, q.Key), Way: q.Way, Reason: strings.TrimSpace(q.Reason)}
	switch {
	case q.Way == retail.ReturnByPost && q.LocationRef == "":
		r.LocationCode = s.receiver(o, q.Lines)
	case q.Way == retail.ReturnByPost:
		no.add(retail.WhyInvalid, "locationId", "The place that receives a parcel cannot be chosen.")
	case q.Way != retail.ReturnInStore:
		no.add(retail.WhyInvalid, "way", "The way must be IN_STORE or BY_POST.")
	case q.LocationRef != "":
		store, err := s.store(ctx, q.LocationRef)
		if err != nil {
			return nil, err
		}
		r.LocationCode = store.Code
	}
	if err := no.err(); err != nil {
		return nil, err
	}
	if err := s.add(ctx, o.ID, r, q.Lines, nil); err != nil {
		return nil, err
	}
	return s.result(ctx, o.ID, r.ID)
}

// add stores a return unless its id is known, with the jobs that bring it on. what looks at it in the same transaction.
func (s *Service) add(
	ctx context.Context, orderID string, r retail.Return, lines []Line, what func(o *retail.Order, r *retail.Return) error,
) error {
	_, err := s.deps.Ledger.UpdateOrder(ctx, orderID, func(tx retail.Tx, o *retail.Order) error {
		if known := find(o, r.ID); known != nil {
			if !same(known, &r, lines) {
				return retail.Errorf(retail.CodeConflict, "the idempotency key was used for another return")
			}
			return retail.ErrUnchanged
		}
		if len(o.Returns) >= MaxReturns {
			limit := MaxReturns
			no := retail.Refuse(retail.WhyLimitReached, "", "The order has too many returns.")
			no.Limit = &limit
			return no
		}
		now, add := s.deps.Now(), r
		if r.Exchange != nil { // a transaction that runs again begins with what was asked
			x := *r.Exchange
			add.Exchange = &x
		}
		var err error
		if add.Lines, err = s.take(o, lines); err != nil {
			return err
		}
		add.Amount = appraise(o, add.Lines)
		add.Status, add.RequestedAt = retail.ReturnRequested, now
		if what != nil {
			if err := what(o, &add); err != nil {
				return err
			}
		}
		o.Returns = append(o.Returns, add)
		if !unacknowledged(&add) {
			note(o, now, retail.TimelineReturnRequested, add.Reason)
		}
		jobs := []retail.Job{s.job(orderID, now.Add(s.config.Behind)), s.job(orderID, now.Add(s.config.LapseAfter))}
		if add.Exchange != nil {
			jobs = append(jobs, s.job(orderID, add.Exchange.HeldTo))
		}
		if err := tx.Enqueue(jobs...); err != nil {
			return err
		}
		return restate(tx, o, now)
	})
	return err
}

func (s *Service) job(orderID string, at time.Time) retail.Job {
	return retail.Job{Kind: retail.JobReturn, Key: orderID, At: at}
}

// same reports whether a stored return is what is asked for again.
func same(known, asked *retail.Return, lines []Line) bool {
	want, have := make(map[string]int, len(lines)), make(map[string]int, len(lines))
	for _, l := range lines {
		want[l.LineID] += l.Quantity
	}
	for _, l := range known.Lines {
		have[l.LineID] += l.Quantity
	}
	if !maps.Equal(want, have) || (known.Exchange == nil) != (asked.Exchange == nil) {
		return false
	}
	if known.Exchange == nil {
		return true
	}
	return maps.Equal(replacements(known.Exchange.Lines), replacements(asked.Exchange.Lines))
}

func replacements(lines []retail.ExchangeLine) map[string]int {
	m := make(map[string]int, len(lines))
	for _, l := range lines {
		m[l.SKU] += l.Quantity
	}
	return m
}

// Cancel withdraws a return whose goods nobody has taken yet; replacements are given back. Cancelling twice changes nothing more.
func (s *Service) Cancel(ctx context.Context, actor retail.Actor, orderID, returnID string) (*Result, error) {
	o, err := s.orderToChange(ctx, actor, orderID)
	if err != nil {
		return nil, err
	}
	if find(o, returnID) == nil {
		return nil, errNoReturn()
	}
	_, err = s.change(ctx, orderID, returnID, func(tx retail.Tx, o *retail.Order, r *retail.Return) error {
		switch {
		case r.Status == retail.ReturnCancelled:
			return retail.ErrUnchanged
		case r.Status != retail.ReturnRequested || r.AcceptedAt != nil:
			return retail.Refuse(retail.WhyOrderClosed, "", "The goods are back already.")
		}
		return s.withdraw(tx, o, r, retail.ClaimReleased, "")
	})
	if err != nil {
		return nil, err
	}
	return s.result(ctx, orderID, returnID)
}

// withdraw ends a return that is only a request.
func (s *Service) withdraw(tx retail.Tx, o *retail.Order, r *retail.Return, claim retail.ClaimState, why string) error {
	now := s.deps.Now()
	r.Status = retail.ReturnCancelled
	note(o, now, retail.TimelineReturnCancelled, why)
	if r.Exchange != nil && r.Exchange.GivenUpAt == nil {
		if err := s.giveUp(tx, r, claim); err != nil {
			return err
		}
	}
	return tx.Enqueue(s.job(o.ID, now.Add(s.config.Behind)))
}

// store finds a store that receives returns.
func (s *Service) store(ctx context.Context, ref string) (*retail.Location, error) {
	list, err := s.deps.Places.Resolve(ctx, []string{ref})
	switch {
	case retail.CodeOf(err) == retail.CodeUpstreamUnavailable && err != nil:
		return nil, err
	case err != nil || len(list) != 1:
		return nil, retail.Refuse(retail.WhyNotFound, "locationId", "There is no such place.")
	case list[0].Kind != retail.Store:
		no := retail.Refuse(retail.WhyPlaceClosed, "locationId", "The place takes no returns over the counter.")
		no.LocationCode = list[0].Code
		return nil, no
	}
	return list[0], nil
}

// receiver is where a parcel goes: the warehouse nearest the shopper, or the place that the goods came from.
func (s *Service) receiver(o *retail.Order, lines []Line) string {
	origin := ""
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		for _, l := range f.Lines {
			if origin == "" && arrived(f) && len(lines) > 0 && l.LineID == lines[0].LineID {
				origin = f.LocationCode
			}
		}
	}
	var from *retail.GeoPoint
	if o.Address != nil && o.Address.Position != nil {
		from = o.Address.Position
	} else if place, ok := s.deps.Places.ByCode(origin); ok {
		from = &place.Position
	}
	best, km := origin, math.Inf(1)
	for _, l := range s.deps.Places.All() {
		if l.Kind != retail.Warehouse {
			continue
		}
		d := math.MaxFloat64
		if from != nil {
			d = from.DistanceKm(l.Position)
		}
		if d < km || (d == km && l.Code < best) {
			best, km = l.Code, d
		}
	}
	return best
}
