package ordering

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/retail"
)

// Deps are what the service needs. Log and Registerer may be nil.
type Deps struct {
	Ledger   Ledger
	Claims   Claims
	Carts    Carts
	Sourcing Sourcing
	Shop     Shop
	Stores   Stores
	Coupons  Coupons
	Points   Points
	Places   Places
	Members  Members
	// Now is the clock; Random returns an unguessable text of 128 bits or more (crypto/rand.Text).
	Now        func() time.Time
	Random     func() string
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Service sells.
type Service struct {
	config Config
	deps   Deps
	steps  []step
	counts *prometheus.CounterVec

	methods atomic.Pointer[methods] // nil before the shop told them
}

// New returns a service; the config must be valid.
func New(config Config, deps Deps) *Service {
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		config: config, deps: deps,
		counts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "portico_order_steps_total", Help: "Steps of orders by outcome.",
		}, []string{"step", "outcome"}),
	}
	s.steps = s.saga()
	if deps.Registerer != nil {
		deps.Registerer.MustRegister(s.counts)
	}
	return s
}

// Get loads an order for its owner, for an associate of a place that serves a part of it, and for operators. To anybody else
// it looks as if there were none: CodeNotFound. It is the order as the actor may see it (Order.SeenBy).
func (s *Service) Get(ctx context.Context, actor retail.Actor, id string) (*retail.Order, error) {
	o, err := s.deps.Ledger.Order(ctx, id)
	if err != nil {
		return nil, err
	}
	if !owns(actor, o) && actor.Role != "operator" && !serves(actor, o) {
		return nil, errNoOrder()
	}
	return o.SeenBy(actor), nil
}

// owned loads an order of the actor's own, or refuses with WhyNotFound.
func (s *Service) owned(ctx context.Context, actor retail.Actor, id string) (*retail.Order, error) {
	o, err := s.deps.Ledger.Order(ctx, id)
	switch {
	case retailCode(err, retail.CodeNotFound), err == nil && !owns(actor, o):
		return nil, retail.Refuse(retail.WhyNotFound, "orderId", "There is no such order.")
	case err != nil:
		return nil, err
	}
	return o, nil
}

func errNoOrder() error { return retail.Errorf(retail.CodeNotFound, "there is no such order") }

func owns(actor retail.Actor, o *retail.Order) bool { return actor.Known() && actor.Key() == o.Owner }

func serves(actor retail.Actor, o *retail.Order) bool {
	for i := range o.Fulfillments {
		if actor.WorksAt(o.Fulfillments[i].LocationCode) {
			return true
		}
	}
	return false
}

// retailCode reports whether err is a failure of this code; a refusal has none.
func retailCode(err error, code retail.Code) bool {
	if _, refused := retail.RefusalsOf(err); refused || err == nil {
		return false
	}
	return retail.CodeOf(err) == code
}

// part finds a fulfillment by id; nil when there is none.
func part(o *retail.Order, id string) *retail.Fulfillment {
	for i := range o.Fulfillments {
		if o.Fulfillments[i].ID == id {
			return &o.Fulfillments[i]
		}
	}
	return nil
}

// line finds an order line by id; nil when there is none.
func line(o *retail.Order, id string) *retail.OrderLine {
	for i := range o.Lines {
		if o.Lines[i].ID == id {
			return &o.Lines[i]
		}
	}
	return nil
}

// maxTimeline bounds the timeline: an order that goes on for so long says no more.
const maxTimeline = 500

func tell(o *retail.Order, at time.Time, kind retail.TimelineKind, fulfillmentID, note string) {
	if len(o.Timeline) < maxTimeline {
		o.Timeline = append(o.Timeline, retail.TimelineEntry{At: at, Kind: kind, FulfillmentID: fulfillmentID, Note: note})
	}
}
