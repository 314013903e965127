package sourcing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Plan says which place serves which line, with a promise and the reasons.
//
//   - Lines of methods that visit are served by the store that the shopper chose, and by no other. They are ready by the
//     store's hours, picking time and queue, or at the agreed time. What the shopper holds there is theirs to collect.
//   - INSTANT_DELIVERY is served by one place that has all of its lines: the nearest within Config.InstantKm that is open and
//     can pick and ride within Config.InstantWithin.
//   - SHIPPING is served by the place with everything that costs least (see Cost), or when no place has everything by the two
//     or three that cost least together.
//
// What several parts draw from one place is counted together. The same question has the same answer. When a line cannot be
// served Plan refuses, with one refusal for each reason; a line's refusal has the field lines.N. It fails when the stock
// service or the record of slots does.
func (s *Service) Plan(ctx context.Context, q retail.PlanQuery) (*retail.Plan, error) {
	if err := check(q); err != nil {
		return nil, err
	}
	p := &planner{service: s, now: s.deps.Now(), address: q.Address, slots: q.Slots, held: q.Held}
	p.group(q.Lines)
	if err := p.find(ctx); err != nil {
		return nil, err
	}
	plan := &retail.Plan{Delivery: s.Fee(ctx, q)}
	instant, shipping := s.config.money(s.instantFee(ctx, q.Lines, q.Address)), s.config.money(s.shippingFee(q.Lines))
	for _, g := range p.groups {
		parts, err := p.serve(ctx, g)
		if err != nil {
			if err := p.refuse(err); err != nil {
				return nil, err
			}
			continue
		}
		for i := range parts {
			parts[i].Fee = s.config.money(0)
		}
		switch g.method {
		case retail.MethodInstant:
			parts[0].Fee = instant
		case retail.MethodShipping:
			parts[0].Fee = shipping
		}
		plan.Parts = append(plan.Parts, parts...)
	}
	if len(p.refusals) > 0 {
		return nil, errors.Join(p.refusals...)
	}
	return plan, nil
}

// check refuses what no place could serve.
func check(q retail.PlanQuery) error {
	if len(q.Lines) == 0 {
		return retail.Refuse(retail.WhyCartEmpty, "lines", "There is nothing to serve.")
	}
	if len(q.Lines) > retail.MaxCartLines || len(q.Slots) > retail.MaxCartLines {
		limit := retail.MaxCartLines
		r := retail.Refuse(retail.WhyLimitReached, "lines", fmt.Sprintf("At most %d lines and times can be served.", limit))
		r.Limit = &limit
		return r
	}
	ids := map[string]bool{}
	for i, l := range q.Lines {
		field := fmt.Sprintf("lines.%d", i)
		switch {
		case ids[l.LineID]:
			return retail.Refuse(retail.WhyInvalid, field, "A line is named twice.")
		case !retail.ValidSKU(l.SKU):
			return retail.Refuse(retail.WhyInvalid, field, "This is no SKU.")
		case l.Quantity < 1 || l.Quantity > retail.MaxLineQuantity:
			return retail.Refuse(retail.WhyInvalid, field, fmt.Sprintf("The quantity must be 1 to %d.", retail.MaxLineQuantity))
		case !l.Method.Valid():
			return retail.Refuse(retail.WhyInvalid, field, "There is no such fulfillment method.")
		case !l.Method.Visits() && q.Address == nil:
			return retail.Refuse(retail.WhyAddressMissing, "address", "Delivery needs an address.")
		}
		ids[l.LineID] = true
	}
	for i, slot := range q.Slots {
		if !used(slot, q.Lines) {
			return retail.Refuse(retail.WhySlotUnavailable, fmt.Sprintf("slots.%d", i), "No line is served at this time and place.")
		}
		for _, other := range q.Slots[:i] {
			if other.Method == slot.Method && other.LocationCode == slot.LocationCode {
				return retail.Refuse(retail.WhyInvalid, fmt.Sprintf("slots.%d", i), "There are two times for one place.")
			}
		}
	}
	return nil
}

// used reports whether some line is served at the slot's place by its method; only methods that visit take agreed times.
func used(slot retail.PlanSlot, lines []retail.PlanLine) bool {
	for _, l := range lines {
		if slot.Method.Visits() && l.Method == slot.Method && l.LocationCode == slot.LocationCode {
			return true
		}
	}
	return false
}

// planner makes one plan.
type planner struct {
	service  *Service
	now      time.Time
	address  *retail.DeliveryAddress
	slots    []retail.PlanSlot
	held     retail.Held
	groups   []*group // those that visit, in the order of their first lines, then instant delivery, then shipping
	have     *supply
	refusals []error
}

// group is the lines that are served together.
type group struct {
	method retail.FulfillmentMethod
	code   string // of methods that visit
	place  *retail.Location
	among  []*retail.Location // of methods that deliver
	lines  []demandLine
}

// demandLine is a line and its position in the question.
type demandLine struct {
	retail.PlanLine
	field string
}

func (p *planner) group(lines []retail.PlanLine) {
	var instant, shipping *group
	for i, l := range lines {
		var g *group
		switch l.Method {
		case retail.MethodInstant:
			if instant == nil {
				instant = &group{method: l.Method}
			}
			g = instant
		case retail.MethodShipping:
			if shipping == nil {
				shipping = &group{method: l.Method}
			}
			g = shipping
		default:
			g = p.visit(l.Method, l.LocationCode)
		}
		g.lines = append(g.lines, demandLine{l, fmt.Sprintf("lines.%d", i)})
	}
	for _, g := range []*group{instant, shipping} {
		if g != nil {
			p.groups = append(p.groups, g)
		}
	}
}

// visit is the group of the method at the place.
func (p *planner) visit(method retail.FulfillmentMethod, code string) *group {
	for _, g := range p.groups {
		if g.method == method && g.code == code {
			return g
		}
	}
	g := &group{method: method, code: code}
	p.groups = append(p.groups, g)
	return g
}

// find looks up the places of every group and asks once what they could give.
func (p *planner) find(ctx context.Context) error {
	var all []*retail.Location
	var skus []string
	asked := map[string]bool{}
	for _, g := range p.groups {
		if g.method.Visits() {
			if l, ok := p.service.deps.Places.Find(ctx, g.code); ok {
				g.place = l
				all = append(all, l)
			}
		} else {
			g.among = p.service.Candidates(ctx, g.method, p.address)
			all = append(all, g.among...)
		}
		for _, l := range g.lines {
			if !asked[l.SKU] {
				asked[l.SKU] = true
				skus = append(skus, l.SKU)
			}
		}
	}
	var err error
	p.have, err = p.service.supply(ctx, skus, all, p.held)
	return err
}

func (p *planner) serve(ctx context.Context, g *group) ([]retail.PlanPart, error) {
	switch g.method {
	case retail.MethodInstant:
		return p.instant(g)
	case retail.MethodShipping:
		return p.ship(g)
	}
	return p.handOut(ctx, g)
}

// refuse keeps refusals and returns faults.
func (p *planner) refuse(err error) error {
	list, ok := retail.RefusalsOf(err)
	if !ok {
		return err
	}
	for _, r := range list {
		p.refusals = append(p.refusals, r)
	}
	return nil
}

// demand sums the units of each SKU, in the order of the SKUs' first lines.
func (g *group) demand() []demand {
	var sums []demand
	at := map[string]int{}
	for _, l := range g.lines {
		i, ok := at[l.SKU]
		if !ok {
			i = len(sums)
			at[l.SKU] = i
			sums = append(sums, demand{sku: l.SKU, field: l.field})
		}
		sums[i].units += l.Quantity
	}
	return sums
}

// demand is units of one SKU; field is the first line's.
type demand struct {
	sku   string
	units int
	field string
}

func (d demand) refuse(why retail.Why, code, message string) *retail.Refusal {
	r := retail.Refuse(why, d.field, message)
	r.SKU, r.LocationCode = d.sku, code
	return r
}

// whole is a part that serves every line of the group from one place.
func (p *planner) whole(g *group, code string) retail.PlanPart {
	part := retail.PlanPart{Method: g.method, LocationCode: code}
	for _, l := range g.lines {
		part.Lines = append(part.Lines, retail.FulfillmentLine{LineID: l.LineID, SKU: l.SKU, Quantity: l.Quantity})
		if g.method.Visits() {
			p.have.collect(code, l.SKU, l.Quantity)
		} else {
			p.have.take(code, l.SKU, l.Quantity)
		}
	}
	return part
}

// has reports whether the place's numbers are known and cover the group.
func (p *planner) has(g *group, code string) bool {
	if !p.have.known(code) {
		return false
	}
	for _, d := range g.demand() {
		if p.have.left(code, d.sku) < d.units {
			return false
		}
	}
	return true
}

// clock is an instant as the place's clocks show it.
func clock(l *retail.Location, t, now time.Time) string {
	zone := l.Zone
	if zone == nil {
		zone = time.UTC
	}
	t, now = t.In(zone), now.In(zone)
	if retail.DateOf(t) == retail.DateOf(now) {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}
