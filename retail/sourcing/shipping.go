package sourcing

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// shipper is a place that could send a parcel, with what that costs.
type shipper struct {
	place   *retail.Location
	km      float64
	queue   int
	promise time.Time
	hours   int64 // until the promise
	cost    int64 // of the terms together
	units   []int // of each SKU of the demand
}

// ship serves lines by parcel: from one place if one has everything, else from as few points of cost as possible.
func (p *planner) ship(g *group) ([]retail.PlanPart, error) {
	needs := g.demand()
	list, able, silent := p.shippers(g, needs)
	if !able {
		return nil, p.undeliverable("No place can send parcels in the next days.")
	}
	chosen, rival := p.cheapest(list, needs)
	if chosen == nil {
		return nil, p.cannotShip(list, needs, silent)
	}
	parts := p.share(g, chosen)
	for i, c := range chosen {
		parts[i].Promise = c.promise
		parts[i].Why = p.reasons(chosen, i, rival)
	}
	return parts, nil
}

// shippers weighs the candidates that have something to send, cheapest first and then by code. able says that one of them at
// least could send parcels if it had something, silent that one does not tell what it has.
func (p *planner) shippers(g *group, needs []demand) (list []*shipper, able, silent bool) {
	config, at := p.service.config, positionOf(p.address)
	for _, l := range g.among {
		ready, ok := p.service.ready(p.have, l, p.now)
		if !ok {
			continue
		}
		able = true
		if !p.have.known(l.Code) {
			silent = true
			continue
		}
		c := &shipper{place: l, km: distance(at, l), queue: min(max(0, p.have.offers[l.Code].Queue), 100_000)}
		days := max(1, math.Ceil(c.km/config.ParcelKmPerDay))
		c.promise = ready.Add(time.Duration(days) * 24 * time.Hour)
		c.hours = int64(math.Ceil(c.promise.Sub(p.now).Hours()))
		c.cost = p.service.kmCost(c.km) + int64(c.queue)*config.Cost.PerTask + c.hours*config.Cost.PerHour
		some := false
		for _, d := range needs {
			units := min(d.units, p.have.left(l.Code, d.sku))
			some = some || units > 0
			c.units = append(c.units, units)
		}
		if some {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *shipper) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.place.Code, b.place.Code))
	})
	return list, able, silent
}

func (s *Service) kmCost(km float64) int64 { return int64(math.Round(km)) * s.config.Cost.PerKm }

// cheapest is the place that has everything and costs least, or the places that have everything together and cost least, and
// the next best place in the first case. With at most 30 candidates and 3 parcels every set can be tried.
func (p *planner) cheapest(list []*shipper, needs []demand) (chosen []*shipper, rival *shipper) {
	for _, c := range list {
		switch {
		case !covers(needs, c):
		case chosen == nil:
			chosen = []*shipper{c}
		case rival == nil:
			rival = c
		}
	}
	if chosen != nil || p.service.config.MaxParcels < 2 {
		return chosen, rival
	}
	least := int64(math.MaxInt64)
	try := func(set ...*shipper) {
		if cost := p.service.costOf(set); cost < least && covers(needs, set...) {
			chosen, least = slices.Clone(set), cost
		}
	}
	for i, a := range list {
		for _, b := range list[i+1:] {
			try(a, b)
		}
	}
	if p.service.config.MaxParcels < 3 {
		return chosen, nil
	}
	for i, a := range list {
		for j, b := range list[i+1:] {
			for _, c := range list[i+j+2:] {
				try(a, b, c)
			}
		}
	}
	return chosen, nil
}

// costOf is what the places cost together.
func (s *Service) costOf(set []*shipper) int64 {
	cost := int64(len(set)-1) * s.config.Cost.PerSite
	for _, c := range set {
		cost += c.cost
	}
	return cost
}

func covers(needs []demand, set ...*shipper) bool {
	for i, d := range needs {
		units := 0
		for _, c := range set {
			units += c.units[i]
		}
		if units < d.units {
			return false
		}
	}
	return true
}

// share gives the lines to the places, as much as possible to the cheapest. Each of them gets something, because fewer
// places would have cost less.
func (p *planner) share(g *group, chosen []*shipper) []retail.PlanPart {
	parts := make([]retail.PlanPart, len(chosen))
	for i, c := range chosen {
		parts[i] = retail.PlanPart{Method: g.method, LocationCode: c.place.Code}
	}
	for _, l := range g.lines {
		open := l.Quantity
		for i, c := range chosen {
			n := min(open, p.have.left(c.place.Code, l.SKU))
			if n == 0 {
				continue
			}
			parts[i].Lines = append(parts[i].Lines, retail.FulfillmentLine{LineID: l.LineID, SKU: l.SKU, Quantity: n})
			p.have.take(c.place.Code, l.SKU, n)
			open -= n
		}
	}
	return parts
}

// reasons explains a parcel by the terms of its cost.
func (p *planner) reasons(chosen []*shipper, i int, rival *shipper) []string {
	c := chosen[i]
	config := p.service.config
	var why []string
	if len(chosen) == 1 {
		why = append(why, fmt.Sprintf("%s has everything and costs least.", c.place.Code))
	} else {
		why = append(why, fmt.Sprintf("No place has everything; these %d have it together and cost least: %d points, %d of them for the split.",
			len(chosen), p.service.costOf(chosen), int64(len(chosen)-1)*config.Cost.PerSite))
	}
	why = append(why, fmt.Sprintf("%s: %.1f km = %d, %d waiting pick tasks = %d, %d hours until it arrives = %d, together %d points.",
		c.place.Code, c.km, p.service.kmCost(c.km), c.queue, int64(c.queue)*config.Cost.PerTask,
		c.hours, c.hours*config.Cost.PerHour, c.cost))
	if positionOf(p.address) == nil {
		why = append(why, "Nobody knows where the address lies, so distance decides nothing.")
	}
	if rival != nil {
		why = append(why, fmt.Sprintf("The next best was %s with %d points.", rival.place.Code, rival.cost))
	}
	return why
}

// cannotShip says what is missing: each SKU that all places together are short of, or that too many parcels were needed.
func (p *planner) cannotShip(list []*shipper, needs []demand, silent bool) error {
	var refusals []error
	for i, d := range needs {
		units := 0
		for _, c := range list {
			units += c.units[i]
		}
		switch {
		case units >= d.units:
		case silent:
			refusals = append(refusals, d.refuse(retail.WhyStockUnknown, "", "Nobody can say now whether there is enough of the article."))
		default:
			r := d.refuse(retail.WhyInsufficientStock, "", "There is not enough of the article.")
			r.Available = p.service.told(units)
			refusals = append(refusals, r)
		}
	}
	if len(refusals) == 0 {
		return p.undeliverable(fmt.Sprintf("It would take more than %d parcels.", p.service.config.MaxParcels))
	}
	return errors.Join(refusals...)
}
