package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/portico-retail/portico/integrations/demo/erp"
)

// Pace is how much happens in one step of the simulated trade.
type Pace struct {
	Sales       int // till transactions
	Orders      int // web orders
	ShipAfter   int // steps from an order to its shipment
	Adjustments int // corrections of the ERP's books
	Picks       int // stores whose pick queue grows or shrinks
	BookEvery   int // steps between the bookings of one store's tills, stores in turn; 0 means never
	PromoEvery  int // steps between promotion changes; 0 means never
	PickAfter   int // steps until staff pick a task of the gateway, and up to as many again; 0 means that nobody does
	RejectEvery int // one task in so many has a unit that staff do not find; 0 means none
	Watch       int // places whose shelves are looked at for what the gateway moved; 0 means none
}

// DefaultPace is a busy hour when a step is a second.
func DefaultPace() Pace {
	return Pace{
		Sales: 12, Orders: 4, ShipAfter: 20, Adjustments: 1, Picks: 6, BookEvery: 5, PromoEvery: 30, PickAfter: 3, RejectEvery: 25, Watch: 2,
	}
}

const (
	restockBelow   = 3      // a store's SKU is replenished when it falls below
	returnShare    = 12     // one till transaction in so many is a return
	cardShare      = 3      // one till transaction in so many shows a card
	openPromotions = 5      // how many of its own promotions run at a time
	longestQueue   = 14     // pick tasks; more than some stores can carry
	maxWaiting     = 10_000 // messages; with more, customers stay away until the backends answer
)

// Level is what truly lies at a place.
type Level struct {
	OnHand   int // physical units
	Promised int // of these, to web orders that have not left
	Aside    int // of these, picked for orders of the gateway that nobody has fetched yet
}

// free is what a customer may take.
func (l Level) free() int { return l.OnHand - l.Promised - l.Aside }

// SimStats counts what happened so far.
type SimStats struct {
	Steps, Sales, Returns, Orders, Shipments, Adjustments, Replenishments, Bookings, Promotions int

	// Picked tasks of the gateway, and units of them that staff could not give.
	Picked, Rejected int
	// Outside is units that moved without the simulation: the gateway's and its couriers'.
	Outside int
	// Undelivered messages wait for a backend that does not answer.
	Undelivered int
}

// Sim keeps a retailer's trade moving through the wires of its backends. It knows the truth: what lies where. A backend
// that does not answer loses nothing; its messages wait and go out later, in order. Steps follow from the seed. A Sim is
// used from one goroutine.
type Sim struct {
	retailer *Retailer
	backends *Backends
	pace     Pace
	rng      *rand.Rand

	truth   map[Pair]Level
	shelves map[string][]Pair // ranged pairs by place
	stores  []string
	places  []string // that ship web orders
	prices  map[string]Cents
	queues  map[string]int // open pick tasks by store
	cards   []string
	told    map[string]time.Time // when the tills of a place reported last
	// What people do beside the trade has chances of its own, so that a gateway does not change the trade.
	hands *rand.Rand
	bench bench

	receipts   []tillTransaction // not yet uploaded
	orders     []webOrder        // not yet placed
	placed     []parcel          // not yet shipped, oldest first
	leaving    []string          // off the books, not yet reported to the shop
	promotions []int64           // price ids, oldest first
	serial     int
	stats      SimStats
}

type parcel struct {
	webOrder
	due int // step
}

// NewSim starts from the opening stock of the retailer that the backends were filled with.
func NewSim(r *Retailer, b *Backends, seed uint64, pace Pace) *Sim {
	s := &Sim{
		retailer: r, backends: b, pace: pace, rng: rand.New(rand.NewPCG(seed, 0x73696d)),
		truth: make(map[Pair]Level, len(r.Stock)), shelves: map[string][]Pair{}, prices: map[string]Cents{}, queues: map[string]int{},
		told: map[string]time.Time{}, hands: rand.New(rand.NewPCG(seed, 0x7374616666)),
		bench: bench{tasks: map[string]benchTask{}, look: map[string]bool{}},
	}
	for _, p := range r.People {
		if p.Card != nil {
			s.cards = append(s.cards, p.Card.Number)
		}
	}
	for _, st := range r.Stock {
		p := Pair{st.Location, st.SKU}
		s.truth[p] = Level{OnHand: st.OnHand}
		if st.Ranged {
			s.shelves[p.Location] = append(s.shelves[p.Location], p)
		}
	}
	for _, l := range r.Locations {
		if len(s.shelves[l.Code]) == 0 {
			continue
		}
		if l.Kind == KindStore {
			s.stores = append(s.stores, l.Code)
		}
		s.places = append(s.places, l.Code)
	}
	for _, p := range r.Products {
		for _, v := range p.Variants {
			s.prices[v.SKU] = v.List
		}
	}
	return s
}

// Truth returns what lies at every place that the ERP knows a SKU at.
func (s *Sim) Truth() map[Pair]Level { return s.truth }

// Stats returns the counts so far.
func (s *Sim) Stats() SimStats {
	stats := s.stats
	stats.Undelivered = len(s.receipts) + len(s.orders) + len(s.leaving)
	return stats
}

// Run takes a step at every tick until ctx ends, then returns nil. It logs when backends stop answering and when they
// answer again.
func (s *Sim) Run(ctx context.Context, ticks <-chan time.Time, log *slog.Logger) error {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
		err := s.Step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if (err != nil) != failing {
			failing = err != nil
			log.InfoContext(ctx, "simulated trade", "backendsAnswer", !failing, "error", err)
		}
	}
}

// Step lets a moment of trade happen and tells the backends. The error says which did not answer; what they must know
// waits for the next step.
func (s *Sim) Step(ctx context.Context) error {
	s.stats.Steps++
	if s.Stats().Undelivered < maxWaiting {
		s.trade()
	}
	return errors.Join(s.Deliver(ctx), s.pick(), s.adjust(ctx), s.book(ctx), s.promote(ctx), s.staff(ctx), s.watch(ctx))
}

func (s *Sim) trade() {
	if len(s.stores) > 0 {
		for range s.pace.Sales {
			s.sell()
		}
	}
	if len(s.places) > 0 {
		for range s.pace.Orders {
			s.order()
		}
	}
}

// pick lets tasks arrive at and leave the picking benches of some stores.
func (s *Sim) pick() error {
	if s.backends.PickQueue == nil || len(s.stores) == 0 {
		return nil
	}
	for range s.pace.Picks {
		store := s.stores[s.rng.IntN(len(s.stores))]
		s.queues[store] = min(longestQueue, max(0, s.queues[store]+s.rng.IntN(5)-2))
		if err := s.backends.PickQueue(store, s.queues[store]); err != nil {
			return err
		}
	}
	return nil
}

// Deliver sends what waits: receipts, orders, and shipments that are due.
func (s *Sim) Deliver(ctx context.Context) error {
	return errors.Join(s.deliverReceipts(ctx), s.deliverOrders(ctx), s.deliverShipments(ctx))
}

// Settle ships every open order, books all tills and delivers everything: afterwards the ERP's books are the truth.
func (s *Sim) Settle(ctx context.Context) error {
	for i := range s.placed {
		s.placed[i].due = 0
	}
	if err := s.Deliver(ctx); err != nil {
		return err
	}
	for _, store := range s.stores {
		if err := s.backends.bookTills(ctx, store); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sim) deliverReceipts(ctx context.Context) error {
	if len(s.receipts) == 0 {
		return nil
	}
	at := s.backends.Now()
	if err := s.backends.upload(ctx, s.receipts); err != nil {
		return err
	}
	s.tellAt(s.receipts, at)
	s.receipts = nil
	return nil
}

func (s *Sim) deliverOrders(ctx context.Context) error {
	if len(s.orders) == 0 {
		return nil
	}
	if err := s.backends.place(ctx, s.orders); err != nil {
		return err
	}
	for _, o := range s.orders {
		s.placed = append(s.placed, parcel{o, s.stats.Steps + s.pace.ShipAfter})
	}
	s.orders = nil
	return nil
}

// deliverShipments takes due parcels off the ERP's books first and then tells the shop, so that nothing looks free in
// between.
func (s *Sim) deliverShipments(ctx context.Context) error {
	for len(s.placed) > 0 && s.placed[0].due <= s.stats.Steps {
		o := s.placed[0]
		lines := make([]erp.Line, len(o.lines))
		for i, l := range o.lines {
			lines[i] = erp.Line{SKU: l.sku, Quantity: l.quantity}
		}
		if err := s.backends.ERP.BookShipment(ctx, o.location, lines); err != nil {
			return err
		}
		for _, l := range o.lines {
			s.move(Pair{o.location, l.sku}, -l.quantity, -l.quantity)
		}
		s.stats.Shipments++
		s.placed, s.leaving = s.placed[1:], append(s.leaving, o.number)
	}
	if len(s.leaving) == 0 {
		return nil
	}
	if err := s.backends.ship(ctx, s.leaving); err != nil {
		return err
	}
	s.leaving = nil
	return nil
}

func (s *Sim) move(p Pair, onHand, promised int) {
	level := s.truth[p]
	level.OnHand += onHand
	level.Promised += promised
	s.truth[p] = level
}

// sell is one customer at a till: up to three articles that lie there, or something brought back.
func (s *Sim) sell() {
	store := pick(s.rng, s.stores)
	t := tillTransaction{location: store, kind: kindSale, at: s.stamp(), reference: s.number("till")}
	if len(s.cards) > 0 && s.hands.IntN(cardShare) == 0 {
		t.card = pick(s.hands, s.cards)
	}
	sign := 1
	if s.rng.IntN(returnShare) == 0 {
		t.kind, sign = kindReturn, -1
	}
	for range 1 + s.rng.IntN(3) {
		p := pick(s.rng, s.shelves[store])
		quantity := 1 + s.rng.IntN(2)
		if level := s.truth[p]; sign > 0 && level.free() < quantity {
			continue
		}
		s.move(p, -sign*quantity, 0)
		t.lines = append(t.lines, tradedLine{p.SKU, sign * quantity})
	}
	if len(t.lines) == 0 {
		return
	}
	if sign > 0 {
		s.stats.Sales++
	} else {
		s.stats.Returns++
	}
	s.receipts = append(s.receipts, t)
}

// order is one web customer: up to three articles that are free at one place.
func (s *Sim) order() {
	place := pick(s.rng, s.places)
	o := webOrder{number: s.number("web"), location: place, placedAt: s.stamp()}
	for range 1 + s.rng.IntN(3) {
		p := pick(s.rng, s.shelves[place])
		level := s.truth[p]
		if level.free() < 1 {
			continue
		}
		s.move(p, 0, 1)
		o.lines = append(o.lines, tradedLine{p.SKU, 1})
	}
	if len(o.lines) > 0 {
		s.stats.Orders++
		s.orders = append(s.orders, o)
	}
}

// adjust corrects a few books, and replenishes what runs short among some shelves of one place.
func (s *Sim) adjust(ctx context.Context) error {
	if len(s.places) == 0 {
		return nil
	}
	var moves []erp.Move
	for range s.pace.Adjustments {
		p := pick(s.rng, s.shelves[pick(s.rng, s.places)])
		delta := s.rng.IntN(5) - 2
		if level := s.truth[p]; delta != 0 && level.free()+delta >= 0 {
			moves = append(moves, erp.Move{Location: p.Location, SKU: p.SKU, Delta: delta})
		}
	}
	adjusted := len(moves)
	shelf := s.shelves[pick(s.rng, s.places)]
	for range 20 {
		p := pick(s.rng, shelf)
		if level := s.truth[p]; level.free() < restockBelow {
			moves = append(moves, erp.Move{Location: p.Location, SKU: p.SKU, Delta: 12 + s.rng.IntN(24)})
		}
	}
	if len(moves) == 0 {
		return nil
	}
	if err := s.backends.ERP.Adjust(ctx, moves...); err != nil {
		return err
	}
	for _, m := range moves {
		s.move(Pair{m.Location, m.SKU}, m.Delta, 0)
	}
	s.stats.Adjustments += adjusted
	s.stats.Replenishments += len(moves) - adjusted
	return nil
}

// book lets the ERP book the tills of one store, stores in turn.
func (s *Sim) book(ctx context.Context) error {
	if s.pace.BookEvery <= 0 || s.stats.Steps%s.pace.BookEvery != 0 || len(s.stores) == 0 {
		return nil
	}
	store := s.stores[s.stats.Steps/s.pace.BookEvery%len(s.stores)]
	if err := s.backends.bookTills(ctx, store); err != nil {
		return err
	}
	s.stats.Bookings++
	return nil
}

// promote starts a promotion in the ERP and ends the oldest of its own when too many run. Tills and shop keep their
// prices, so that the gateway has a disagreement to show.
func (s *Sim) promote(ctx context.Context) error {
	if s.pace.PromoEvery <= 0 || s.stats.Steps%s.pace.PromoEvery != 0 || len(s.places) == 0 {
		return nil
	}
	sku := pick(s.rng, s.shelves[pick(s.rng, s.places)]).SKU
	list := s.prices[sku]
	if list <= 0 {
		return nil
	}
	id, err := s.backends.ERP.AddPrice(ctx, erp.Price{
		Item: sku, Kind: erp.PricePromo, Amount: discounted(list, 10+5*s.rng.IntN(5)).String(),
		From: s.backends.Now(), Name: "限时抢购", NameEN: "Flash Sale",
	}, s.retailer.Currency)
	if err != nil {
		return err
	}
	s.stats.Promotions++
	s.promotions = append(s.promotions, id)
	if len(s.promotions) <= openPromotions {
		return nil
	}
	if err := s.backends.ERP.EndPrice(ctx, s.promotions[0], s.backends.Now()); err != nil {
		return err
	}
	s.promotions = s.promotions[1:]
	return nil
}

func (s *Sim) stamp() string { return s.backends.Now().UTC().Format(time.RFC3339) }

func (s *Sim) number(kind string) string {
	s.serial++
	return fmt.Sprintf("sim-%s-%d", kind, s.serial)
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }
