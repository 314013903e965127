package ordering

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Choice is what a shopper wants done about units that a place cannot give.
type Choice string

// Choices.
const (
	ChoiceRefund Choice = "REFUND"
	ChoiceMove   Choice = "MOVE" // to another store, where they are collected
)

// AnswerRequest answers the question that a rejection raised.
type AnswerRequest struct {
	Actor         retail.Actor
	Key           string // idempotency key
	OrderID       string
	FulfillmentID string
	Choice        Choice
	LocationRef   string // of MOVE: the store
}

// Answer does what the shopper chose. A move claims the units at the chosen store as an order does and adds a part to the order,
// or is refused and leaves the question open. The same answer again changes nothing; another one, once answered, is refused
// with WhyOrderClosed.
func (s *Service) Answer(ctx context.Context, req AnswerRequest) (*retail.Order, error) {
	if req.Key == "" || len(req.Key) > maxKeyLength {
		return nil, retail.Refuse(retail.WhyInvalid, "idempotencyKey", "The key must have 1 to 200 characters.")
	}
	o, f, err := s.ownedPart(ctx, req.Actor, req.OrderID, req.FulfillmentID)
	if err != nil {
		return nil, err
	}
	switch req.Choice {
	case ChoiceRefund:
		o, err = s.answerRefund(ctx, o.ID, f.ID)
	case ChoiceMove:
		o, err = s.answerMove(ctx, o, f, req)
	default:
		return nil, retail.Refuse(retail.WhyInvalid, "choice", "There is no such choice.")
	}
	if err != nil {
		return nil, err
	}
	if after, _ := s.drive(ctx, o.ID, &run{}); after != nil {
		o = after
	}
	return o, nil
}

func errAnswered() error {
	return retail.Refuse(retail.WhyOrderClosed, "fulfillmentId", "There is nothing to decide.")
}

func (s *Service) answerRefund(ctx context.Context, orderID, id string) (*retail.Order, error) {
	return s.record(ctx, orderID, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		f := part(o, id)
		if f.Decision == nil {
			for i := range f.Lines {
				if f.Lines[i].Refunded > 0 {
					return retail.ErrUnchanged // answered so before
				}
			}
			return errAnswered()
		}
		giveUp(f)
		tell(o, now, retail.TimelineAnswered, id, string(ChoiceRefund))
		return nil
	})
}

// giveUp answers a part's question with a refund.
func giveUp(f *retail.Fulfillment) {
	settleDecision(f, func(l *retail.FulfillmentLine, n int) { l.Refunded += n })
}

// settleDecision closes a part's question: units of it are given up, or moved.
func settleDecision(f *retail.Fulfillment, to func(l *retail.FulfillmentLine, units int)) {
	for _, d := range f.Decision.Lines {
		for i := range f.Lines {
			if f.Lines[i].LineID == d.LineID {
				to(&f.Lines[i], d.Rejected)
			}
		}
	}
	f.Decision = nil
	if f.Status == retail.FulfillmentPartial {
		f.Status = retail.FulfillmentReady
	}
}

func undecided(o *retail.Order, now time.Time) []string {
	return each(o, func(f *retail.Fulfillment) bool { return f.Decision != nil && !now.Before(f.Decision.AnswerBy) })
}

// decideForShopper refunds what nobody answered about.
func (s *Service) decideForShopper(ctx context.Context, o *retail.Order, id string, _ *run) (*retail.Order, error) {
	return s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		f := part(o, id)
		if f.Decision == nil || now.Before(f.Decision.AnswerBy) {
			return retail.ErrUnchanged
		}
		giveUp(f)
		return nil
	})
}

// answerMove moves the rejected units to the store that the shopper chose.
func (s *Service) answerMove(
	ctx context.Context, o *retail.Order, f *retail.Fulfillment, req AnswerRequest,
) (*retail.Order, error) {
	places, err := s.deps.Places.Resolve(ctx, []string{req.LocationRef})
	if err != nil || len(places) == 0 {
		return nil, retail.Refuse(retail.WhyNotFound, "locationId", "There is no such place.")
	}
	to := places[0].Code
	switch {
	case f.Decision == nil && movedTo(o, f.ID, to):
		return o, nil
	case f.Decision == nil:
		return nil, errAnswered()
	case to == f.LocationCode:
		return nil, retail.Refuse(retail.WhyInvalid, "locationId", "The units are not to be had at this place.")
	}
	moved, err := s.planMove(ctx, o, f, to)
	if err != nil {
		return nil, err
	}
	moved.ClaimID = "c-" + digest("move", o.ID, f.ID, req.Actor.Key(), req.Key)
	now := s.deps.Now()
	if _, err := s.deps.Claims.Hold(ctx, retail.Claim{
		ID: moved.ClaimID, Owner: o.Owner, OrderID: o.ID, LocationCode: to, Lines: claimLines(moved, promised),
		State: retail.ClaimHeld, CreatedAt: now, ExpiresAt: now.Add(s.config.PayWithin),
	}); err != nil {
		if retail.Refused(err, retail.WhyHoldClosed) {
			err = errNotThere() // the first time the ledger did not grant it, and the hold was given back
		}
		return nil, err
	}
	after, err := s.addMoved(ctx, o, f, moved)
	if _, refused := retail.RefusalsOf(err); refused {
		s.unhold(ctx, o.ID, moved)
	}
	return after, err // after a failure the hold stays for a repetition, or expires
}

func errNotThere() error {
	return retail.Refuse(retail.WhyInsufficientStock, "locationId", "The store cannot give all of the units.")
}

func movedTo(o *retail.Order, from, to string) bool {
	for i := range o.Fulfillments {
		if g := &o.Fulfillments[i]; g.MovedFrom == from && g.LocationCode == to {
			return true
		}
	}
	return false
}

// planMove plans the rejected units at one store.
func (s *Service) planMove(
	ctx context.Context, o *retail.Order, f *retail.Fulfillment, to string,
) (*retail.Fulfillment, error) {
	method := f.Method
	if method != retail.MethodCurbside {
		method = retail.MethodPickup
	}
	var lines []retail.PlanLine
	for _, d := range f.Decision.Lines {
		lines = append(lines, retail.PlanLine{
			LineID: d.LineID, SKU: d.SKU, Quantity: d.Rejected, Method: method, LocationCode: to,
		})
	}
	plan, err := s.deps.Sourcing.Plan(ctx, retail.PlanQuery{Lines: lines})
	if err != nil {
		return nil, err
	}
	if err := covers(plan, lines); err != nil {
		return nil, err
	}
	if len(plan.Parts) != 1 || plan.Parts[0].LocationCode != to || len(o.Fulfillments) >= maxParts {
		return nil, errNotThere()
	}
	p := plan.Parts[0]
	moving := map[string]int{}
	for i := range p.Lines { // of what the old place was to give, the last that it still has to answer for
		l := &p.Lines[i]
		at := slices.IndexFunc(f.Lines, func(of retail.FulfillmentLine) bool { return of.LineID == l.LineID })
		moving[l.LineID] += l.Quantity
		p.Lines[i] = retail.FulfillmentLine{
			LineID: l.LineID, SKU: l.SKU, Quantity: l.Quantity,
			Offset: f.Lines[at].Offset + f.Lines[at].Quantity - f.Lines[at].Moved - f.Lines[at].Refunded - moving[l.LineID],
		}
	}
	return &retail.Fulfillment{
		Method: p.Method, LocationCode: p.LocationCode, Lines: p.Lines, Status: retail.FulfillmentPending,
		Promise: p.Promise, Why: p.Why, Collector: f.Collector, MovedFrom: f.ID,
		Claim: retail.ClaimProgress{State: retail.ClaimHeld},
	}, nil
}

// addMoved allocates the units at the new place and moves them, in one transaction.
func (s *Service) addMoved(ctx context.Context, o *retail.Order, f, moved *retail.Fulfillment) (*retail.Order, error) {
	secret := s.deps.Random()
	asked := f.Decision
	return s.allocate(ctx, o.ID, []retail.Fulfillment{*moved}, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		from := part(o, f.ID)
		if from.Decision == nil || !sameQuestion(from.Decision, asked) || !serving(o) {
			return errAnswered()
		}
		settleDecision(from, func(l *retail.FulfillmentLine, n int) { l.Moved += n })
		next := *moved
		next.ID, next.AskedAt = fmt.Sprintf("f%d", len(o.Fulfillments)+1), &now
		next.CodeSecret = digest("code secret", secret, next.ID)
		o.Fulfillments = append(o.Fulfillments, next)
		tell(o, now, retail.TimelineAnswered, from.ID, string(ChoiceMove))
		return nil
	})
}

func sameQuestion(a, b *retail.Decision) bool {
	return a.AskedAt.Equal(b.AskedAt) && units(a) == units(b)
}

func units(d *retail.Decision) (n int) {
	for _, l := range d.Lines {
		n += l.Rejected
	}
	return n
}

// unhold gives back the hold of a move that did not come about. Should it fail, the hold expires.
func (s *Service) unhold(ctx context.Context, orderID string, moved *retail.Fulfillment) {
	took := false
	_, err := s.record(ctx, orderID, func(tx retail.Tx, o *retail.Order, _ time.Time) error {
		for i := range o.Fulfillments {
			if took = o.Fulfillments[i].ClaimID == moved.ClaimID; took {
				return retail.ErrUnchanged // a repetition was quicker
			}
		}
		return tx.CloseClaim(moved.ClaimID, retail.ClaimReleased)
	})
	if err == nil && !took {
		err = s.deps.Claims.Settle(ctx, moved.ClaimID)
	}
	if err != nil {
		s.deps.Log.WarnContext(ctx, "a hold was left to expire", "order", orderID, "claim", moved.ClaimID, "error", err)
	}
}
