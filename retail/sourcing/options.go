package sourcing

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/portico-retail/portico/retail"
)

// OptionsQuery asks how goods could reach a shopper.
type OptionsQuery struct {
	Items   []Item // 1 to retail.MaxCartLines
	Address *retail.DeliveryAddress
	// Near is where the shopper is; the address's position when nil. Without an address it is where goods would be delivered.
	Near *retail.GeoPoint
	// LocationRefs name stores to visit, MaxOptionPlaces at most; when empty, those near count, else the preferred store of the
	// context.
	LocationRefs []string
	Held         retail.Held // what the shopper holds and may collect
}

// Item is units of one SKU.
type Item struct {
	SKU      string
	Quantity int
	Value    retail.Money // of all units; it decides whether shipping is free
}

// DeliveryOption is one way to get the goods.
type DeliveryOption struct {
	Method    retail.FulfillmentMethod
	Available bool
	Parts     []retail.PlanPart // empty when not available
	Fee       retail.Money
	Promise   *time.Time        // when the last part is ready or delivered; nil when not available
	Slots     []SlotOption      // the next times of the store, MaxOptionSlots at most; of methods that visit
	Why       []string          // plain sentences
	Refusals  []*retail.Refusal // why it is not available
	Location  *retail.Location  // the store, of methods that visit; nil when there is none
}

// Bounds of an answer.
const (
	MaxOptionPlaces = 20
	MaxOptionSlots  = 20
	optionDays      = 3
)

// DeliveryOptions says for each method, always in the same order, whether all items can be had that way, where, when and for
// what fee. A method that visits shows the nearest store that has everything (the first named one when nobody knows where the
// shopper is), or why the first store that offers the method has not. It fails on bad input and when the stock service does;
// when the record of agreed times is silent there are no slots.
func (s *Service) DeliveryOptions(ctx context.Context, q OptionsQuery) ([]DeliveryOption, error) {
	lines, err := q.lines()
	if err != nil {
		return nil, err
	}
	address := q.Address
	if address == nil && q.Near != nil {
		address = &retail.DeliveryAddress{Position: q.Near}
	}
	stores, err := s.stores(ctx, q)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(stores, s.Candidates(ctx, retail.MethodInstant, address), s.Candidates(ctx, retail.MethodShipping, address))
	skus := make([]string, 0, len(lines))
	for _, l := range lines {
		if !slices.Contains(skus, l.SKU) {
			skus = append(skus, l.SKU)
		}
	}
	have, err := s.supply(ctx, skus, all, q.Held)
	if err != nil {
		return nil, err
	}
	var options []DeliveryOption
	for _, method := range []retail.FulfillmentMethod{
		retail.MethodPickup, retail.MethodCurbside, retail.MethodAppointment, retail.MethodInstant, retail.MethodShipping,
	} {
		p := &planner{service: s, now: s.deps.Now(), address: address, have: have.afresh()}
		p.group(of(method, lines))
		o := DeliveryOption{Method: method, Fee: s.Fee(ctx, retail.PlanQuery{Lines: of(method, lines), Address: address})}
		if method.Visits() {
			p.offerVisit(ctx, &o, stores)
		} else {
			p.offerDelivery(ctx, &o)
		}
		options = append(options, o)
	}
	return options, nil
}

// lines checks the question.
func (q OptionsQuery) lines() ([]retail.PlanLine, error) {
	if len(q.Items) == 0 || len(q.Items) > retail.MaxCartLines {
		return nil, retail.Errorf(retail.CodeLimitExceeded, "items must have 1 to %d lines", retail.MaxCartLines)
	}
	if len(q.LocationRefs) > MaxOptionPlaces {
		return nil, retail.Errorf(retail.CodeLimitExceeded, "at most %d locations may be named", MaxOptionPlaces)
	}
	if q.Near != nil && !q.Near.Valid() {
		return nil, retail.BadInput("near is no point on the earth")
	}
	lines := make([]retail.PlanLine, 0, len(q.Items))
	for i, item := range q.Items {
		l := retail.PlanLine{
			LineID: strconv.Itoa(i), SKU: retail.NormalizeSKU(item.SKU), Quantity: item.Quantity, Value: item.Value,
		}
		if !retail.ValidSKU(l.SKU) {
			return nil, retail.BadInput("a SKU has 1 to %d letters, digits, '-', '_', '.' or '/'", retail.MaxSKULength)
		}
		if item.Quantity < 1 || item.Quantity > retail.MaxLineQuantity {
			return nil, retail.BadInput("quantity must be 1 to %d", retail.MaxLineQuantity)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// of gives every line the method.
func of(method retail.FulfillmentMethod, lines []retail.PlanLine) []retail.PlanLine {
	lines = slices.Clone(lines)
	for i := range lines {
		lines[i].Method = method
	}
	return lines
}

// stores lists the places that the shopper could visit, nearest first where that is known.
func (s *Service) stores(ctx context.Context, q OptionsQuery) ([]*retail.Location, error) {
	near := q.Near
	if near == nil {
		near = positionOf(q.Address)
	}
	refs := q.LocationRefs
	if preferred := retail.ContextOf(ctx).LocationCode; len(refs) == 0 && near == nil && preferred != "" {
		refs = []string{preferred}
	}
	switch {
	case len(refs) > 0:
		found, err := s.deps.Places.Resolve(ctx, refs)
		if err != nil {
			return nil, err
		}
		list := slices.Clone(found)
		if near != nil {
			byDistance(list, near)
		}
		return list, nil
	case near != nil:
		return places(s.deps.Places.Near(ctx, *near, s.config.VisitKm, s.config.NearbyPlaces, func(l *retail.Location) bool {
			return l.Kind == retail.Store && l.Pickup != nil
		})), nil
	}
	return nil, nil
}

// offerVisit fills the option of a method that visits.
func (p *planner) offerVisit(ctx context.Context, o *DeliveryOption, stores []*retail.Location) {
	g := p.groups[0]
	for _, l := range stores {
		if visits(l, o.Method) != "" {
			continue
		}
		g.place, g.code = l, l.Code
		part, err := p.atStore(g)
		if err != nil {
			if o.Location == nil {
				o.Location = l
				o.Refusals, _ = retail.RefusalsOf(err)
			}
			continue
		}
		o.Location, o.Refusals = l, nil
		p.offerStore(ctx, o, part)
		return
	}
	if o.Location == nil {
		o.Refusals = []*retail.Refusal{retail.Refuse(retail.WhyPlaceClosed, "", "No store near offers "+name(o.Method)+".")}
	}
}

// offerStore shows what the store can do, with its next times.
func (p *planner) offerStore(ctx context.Context, o *DeliveryOption, part retail.PlanPart) {
	part.Why[0] = "This is the nearest store that has everything."
	part.Fee = p.service.config.money(0)
	day := retail.DateOf(part.Promise.In(zone(o.Location)))
	slots, err := p.service.slotsFrom(ctx, o.Location, o.Method, day, optionDays, part.Promise)
	o.Slots = slots[:min(len(slots), MaxOptionSlots)]
	if err != nil {
		part.Why = append(part.Why, "Times to agree on cannot be read now.")
	}
	if o.Method == retail.MethodAppointment {
		first := slices.IndexFunc(slots, func(s SlotOption) bool { return s.Available })
		if first < 0 {
			o.Refusals = []*retail.Refusal{retail.Refuse(retail.WhySlotUnavailable, "", "There is no free time in the next days.")}
			return
		}
		part.Promise = slots[first].StartsAt
	}
	o.Available, o.Parts, o.Promise, o.Why = true, []retail.PlanPart{part}, &part.Promise, part.Why
}

// offerDelivery fills the option of a method that delivers.
func (p *planner) offerDelivery(ctx context.Context, o *DeliveryOption) {
	if p.address == nil {
		o.Refusals = []*retail.Refusal{retail.Refuse(retail.WhyAddressMissing, "address", "Delivery needs an address.")}
		return
	}
	g := p.groups[0]
	g.among = p.service.Candidates(ctx, o.Method, p.address)
	parts, err := p.serve(ctx, g)
	if err != nil {
		o.Refusals, _ = retail.RefusalsOf(err)
		return
	}
	o.Available, o.Parts = true, parts
	for i := range parts {
		parts[i].Fee = p.service.config.money(0)
		o.Why = append(o.Why, parts[i].Why...)
		if o.Promise == nil || parts[i].Promise.After(*o.Promise) {
			o.Promise = &parts[i].Promise
		}
	}
	parts[0].Fee = o.Fee
}
