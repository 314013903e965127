package purchases

import (
	"context"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Deps is what the service works with; all of it is required.
type Deps struct {
	Online   Online
	Receipts Receipts
	Ledger   Ledger
	Codes    Codes
	Places   Places
	Now      func() time.Time
}

// Service tells what was bought. It is safe for concurrent use.
type Service struct{ deps Deps }

// New returns a service.
func New(d Deps) *Service { return &Service{deps: d} }

// FindQuery names one order by its id, its number, or the pickup code shown at a place; exactly one of them.
type FindQuery struct {
	ID     string
	Number string
	Code   string
	// LocationRef is where the code is shown.
	LocationRef string
}

// Find loads an order for an associate of a place that serves a part of it or receives a return of it, and for operators. To
// anybody else it looks as if there were none: CodeNotFound. Of an order that several places serve an associate sees the part of
// theirs (Order.SeenBy). A wrong code is refused as ordering.VerifyCode does.
func (s *Service) Find(ctx context.Context, actor retail.Actor, q FindQuery) (*retail.Order, error) {
	var o *retail.Order
	var err error
	switch {
	case q.ID != "" && q.Number == "" && q.Code == "":
		o, err = s.deps.Ledger.Order(ctx, q.ID)
	case q.Number != "" && q.ID == "" && q.Code == "":
		o, err = s.deps.Ledger.OrderByNumber(ctx, q.Number)
	case q.Code != "" && q.ID == "" && q.Number == "":
		o, _, err = s.deps.Codes.VerifyCode(ctx, actor, q.LocationRef, q.Code)
	default:
		return nil, retail.BadInput("give one of id, number and code")
	}
	if err != nil {
		return nil, err
	}
	if !o.Concerns(actor) {
		return nil, retail.Errorf(retail.CodeNotFound, "there is no such order")
	}
	return o.SeenBy(actor), nil
}

// MaxQueue bounds the orders that one answer lists of a place.
const MaxQueue = 100

// Queue lists orders with something to do at an associate's place as the associate sees them, oldest promise first; none that is
// not paid, or that is in review. CodeForbidden for those of other places.
func (s *Service) Queue(ctx context.Context, actor retail.Actor, locationRef string, first int) ([]*retail.Order, error) {
	if err := retail.CheckFirst(first, MaxQueue); err != nil {
		return nil, err
	}
	places, err := s.deps.Places.Resolve(ctx, []string{locationRef})
	if err != nil {
		return nil, err
	}
	if len(places) != 1 {
		return nil, retail.Errorf(retail.CodeNotFound, "there is no such place")
	}
	if !actor.WorksAt(places[0].Code) && (actor.Role != "operator" || !actor.Known()) {
		return nil, retail.Errorf(retail.CodeForbidden, "this is for associates of the place")
	}
	orders, err := s.deps.Ledger.OrdersAt(ctx, places[0].Code, maxOpen)
	if err != nil {
		return nil, err
	}
	list := make([]*retail.Order, 0, min(first, len(orders)))
	for _, o := range orders {
		if len(list) < first && toPrepare(o) {
			list = append(list, o.SeenBy(actor))
		}
	}
	return list, nil
}

// maxOpen is how many open orders of a place are looked at: those that nobody has paid yet, and those that somebody has to look
// at first, are none of its business.
const maxOpen = 1000

func toPrepare(o *retail.Order) bool {
	switch o.Status {
	case retail.OrderPlacing, retail.OrderPendingPayment, retail.OrderCancelled:
		return false
	}
	if o.Review != nil && o.Review.Status == retail.ReviewOpen {
		return false
	}
	begun := func(f retail.Fulfillment) bool { return f.Status != retail.FulfillmentPending }
	return o.Saga.Assessed || slices.ContainsFunc(o.Fulfillments, begun)
}

// Receipt loads a receipt of the loyalty card, CodeNotFound for any other.
func (s *Service) Receipt(ctx context.Context, cardNumber, number string) (*retail.Receipt, error) {
	r, err := s.deps.Receipts.Receipt(ctx, number)
	if err != nil {
		return nil, err
	}
	if cardNumber == "" || r.CardNumber != cardNumber {
		return nil, retail.Errorf(retail.CodeNotFound, "there is no such receipt")
	}
	return r, nil
}
