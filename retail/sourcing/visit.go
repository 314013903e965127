package sourcing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/portico-retail/portico/retail"
)

// handOut serves lines at the store that the shopper chose.
func (p *planner) handOut(ctx context.Context, g *group) ([]retail.PlanPart, error) {
	part, err := p.atStore(g)
	if err != nil {
		return nil, err
	}
	slot, capacity, err := p.agreed(ctx, g, part.Promise)
	if err != nil {
		return nil, err
	}
	if slot != nil {
		part.Promise, part.Slot, part.SlotCapacity = slot.StartsAt, slot, capacity
		part.Why = append(part.Why, fmt.Sprintf("The agreed time is %s to %s.",
			clock(g.place, slot.StartsAt, p.now), clock(g.place, slot.EndsAt, slot.StartsAt)))
	}
	return []retail.PlanPart{part}, nil
}

// atStore is the part that the store serves, ready as soon as possible.
func (p *planner) atStore(g *group) (retail.PlanPart, error) {
	first := g.demand()[0]
	first.sku = ""
	if g.place == nil {
		return retail.PlanPart{}, first.refuse(retail.WhyPlaceClosed, g.code, "There is no such store.")
	}
	if why := visits(g.place, g.method); why != "" {
		return retail.PlanPart{}, first.refuse(retail.WhyPlaceClosed, g.code, why)
	}
	ready, ok := p.service.ready(p.have, g.place, p.now)
	if !ok {
		return retail.PlanPart{}, first.refuse(retail.WhyPlaceClosed, g.code, "This store can prepare no order in the next days.")
	}
	if err := p.short(g); err != nil {
		return retail.PlanPart{}, err
	}
	part := p.whole(g, g.code)
	part.Promise = ready
	part.Why = []string{"The shopper chose this store.", p.readiness(g.place, ready)}
	return part, nil
}

// readiness explains a ready time.
func (p *planner) readiness(l *retail.Location, ready time.Time) string {
	return fmt.Sprintf("An order placed now is ready by %s; %s there.", clock(l, ready, p.now), tasks(p.have.offers[l.Code].Queue))
}

func tasks(n int) string {
	switch {
	case n <= 0:
		return "no pick task waits"
	case n == 1:
		return "1 pick task waits"
	}
	return fmt.Sprintf("%d pick tasks wait", n)
}

// short refuses what the chosen store has not.
func (p *planner) short(g *group) error {
	var refusals []error
	for _, d := range g.demand() {
		offer := p.have.offers[g.code]
		left := p.have.collectable(g.code, d.sku)
		switch {
		case !offer.Known:
			refusals = append(refusals, d.refuse(retail.WhyStockUnknown, g.code, "Nobody can say now what this store has."))
		case !offer.Ranged[d.sku]:
			refusals = append(refusals, d.refuse(retail.WhyNotRanged, g.code, "This store does not carry the article."))
		case left < d.units:
			r := d.refuse(retail.WhyInsufficientStock, g.code, "This store has not enough of the article.")
			r.Available = p.service.told(left)
			refusals = append(refusals, r)
		}
	}
	return errors.Join(refusals...)
}

// agreed is the time that the shopper chose and how many orders it takes; nil when none was chosen.
func (p *planner) agreed(ctx context.Context, g *group, ready time.Time) (*retail.Slot, int, error) {
	for i, chosen := range p.slots {
		if chosen.Method != g.method || chosen.LocationCode != g.code {
			continue
		}
		refuse := func(message string) (*retail.Slot, int, error) {
			r := retail.Refuse(retail.WhySlotUnavailable, fmt.Sprintf("slots.%d", i), message)
			r.LocationCode = g.code
			return nil, 0, r
		}
		switch {
		case chosen.StartsAt.Before(ready):
			return refuse(fmt.Sprintf("The order cannot be ready before %s.", clock(g.place, ready, p.now)))
		case chosen.StartsAt.After(p.now.Add((MaxSlotDays + 1) * 24 * time.Hour)):
			return refuse(fmt.Sprintf("A time can be agreed at most %d days ahead.", MaxSlotDays))
		}
		options, err := p.service.slotsOn(ctx, g.place, g.method, retail.DateOf(chosen.StartsAt.In(zone(g.place))), 1)
		if err != nil {
			return nil, 0, err
		}
		for _, o := range options {
			if !o.StartsAt.Equal(chosen.StartsAt) {
				continue
			}
			if o.Left == 0 {
				return refuse("This time is taken.")
			}
			return &retail.Slot{StartsAt: o.StartsAt, EndsAt: o.EndsAt}, o.Capacity, nil
		}
		return refuse("The store offers no such time.")
	}
	if g.method == retail.MethodAppointment {
		r := retail.Refuse(retail.WhySlotUnavailable, "slots", "An appointment needs an agreed time.")
		r.LocationCode = g.code
		return nil, 0, r
	}
	return nil, 0, nil
}
