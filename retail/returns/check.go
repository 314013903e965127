package returns

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Returnable is what may come back of one order line.
type Returnable struct {
	LineID   string
	SKU      string
	Quantity int
	// Until is when the first of the units may come back no more; nil when none may.
	Until *time.Time
	Ways  []retail.ReturnWay
	// Amount is what all of them are worth, PerUnit what the next one is.
	Amount  retail.Money
	PerUnit retail.Money
	// WhyNot tells why other units of the line may not come back.
	WhyNot []Obstacle
}

// Why is WhyNot in plain sentences.
func (r Returnable) Why() []string {
	list := make([]string, len(r.WhyNot))
	for i, o := range r.WhyNot {
		list[i] = o.Sentence()
	}
	return list
}

// Obstacle is why units may not come back.
type Obstacle string

// Obstacles.
const (
	ObstacleNotReceived Obstacle = "NOT_RECEIVED" // not collected or delivered yet
	ObstacleTooLate     Obstacle = "TOO_LATE"     // the time is over
	ObstacleRequested   Obstacle = "REQUESTED"    // asked for already
	ObstacleReturned    Obstacle = "RETURNED"     // back already
)

// Sentence says it to a shopper.
func (o Obstacle) Sentence() string {
	switch o {
	case ObstacleNotReceived:
		return "Some have not been collected or delivered yet."
	case ObstacleTooLate:
		return "For some it is too late."
	case ObstacleRequested:
		return "Some are on their way back."
	case ObstacleReturned:
		return "Some are back already."
	}
	return string(o)
}

// Check tells what may come back of an order, line by line as the actor sees them. CodeNotFound for those who may not know it.
func (s *Service) Check(ctx context.Context, actor retail.Actor, orderID string) ([]Returnable, error) {
	o, err := s.order(ctx, actor, orderID)
	if err != nil {
		return nil, err
	}
	seen := o.SeenBy(actor)
	list := make([]Returnable, len(seen.Lines))
	for i := range seen.Lines {
		list[i] = s.returnable(o, &seen.Lines[i])
	}
	return list, nil
}

func (s *Service) returnable(o *retail.Order, line *retail.OrderLine) Returnable {
	now := s.deps.Now()
	r := Returnable{LineID: line.ID, SKU: line.SKU}
	came, late := 0, false
	for _, b := range batches(o, line.ID) {
		came += b.units
		free := b.units - b.back
		until := b.left.Add(s.config.Within)
		switch {
		case free < 1:
		case !now.Before(until):
			late = true
		default:
			if r.Until == nil {
				r.Until = &until
			}
			r.Quantity += free
		}
	}
	r.Amount = appraise(o, []retail.ReturnLine{{LineID: line.ID, Quantity: r.Quantity}})
	r.PerUnit = appraise(o, []retail.ReturnLine{{LineID: line.ID, Quantity: min(1, r.Quantity)}})
	if r.Quantity > 0 {
		r.Ways = s.ways()
	}
	requested, returned := stages(o, line.ID)
	for _, w := range []struct {
		what Obstacle
		is   bool
	}{
		{ObstacleNotReceived, came+lost(o, line.ID) < line.Quantity},
		{ObstacleTooLate, late},
		{ObstacleRequested, requested},
		{ObstacleReturned, returned},
	} {
		if w.is {
			r.WhyNot = append(r.WhyNot, w.what)
		}
	}
	return r
}

// stages tells whether units of a line are asked for, and whether some are back.
func stages(o *retail.Order, lineID string) (requested, returned bool) {
	for _, r := range o.Returns {
		for _, l := range r.Lines {
			if l.LineID != lineID {
				continue
			}
			requested = requested || r.Status == retail.ReturnRequested
			returned = returned || r.ReceivedAt != nil
		}
	}
	return requested, returned
}

// ways lists how goods may come back: by post always, because the place that sent them receives them if no warehouse does.
func (s *Service) ways() []retail.ReturnWay {
	for _, l := range s.deps.Places.All() {
		if l.Kind == retail.Store {
			return []retail.ReturnWay{retail.ReturnInStore, retail.ReturnByPost}
		}
	}
	return []retail.ReturnWay{retail.ReturnByPost}
}

// take picks the units that a return asks for, nearest deadline first, or refuses line by line.
func (s *Service) take(o *retail.Order, lines []Line) (taken []retail.ReturnLine, err error) {
	now := s.deps.Now()
	var no refusals
	for i, want := range lines {
		line := lineOf(o, want.LineID)
		if line == nil {
			no.add(retail.WhyNotFound, lineField(i, "lineId"), "The order has no such line.")
			continue
		}
		if free := s.returnable(o, line).Quantity; free < want.Quantity {
			r := retail.Refuse(retail.WhyNotReturnable, lineField(i, "quantity"), "That many may not come back.")
			r.SKU, r.Available = line.SKU, &free
			no = append(no, r)
			continue
		}
		rest := want.Quantity
		for _, b := range batches(o, line.ID) {
			n := min(rest, b.units-b.back)
			if n < 1 || !now.Before(b.left.Add(s.config.Within)) {
				continue
			}
			rest -= n
			taken = append(taken, retail.ReturnLine{LineID: line.ID, FulfillmentID: b.fulfillment, SKU: line.SKU, Quantity: n})
		}
	}
	return taken, no.err()
}
