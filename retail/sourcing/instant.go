package sourcing

import (
	"fmt"
	"math"
	"time"

	"github.com/portico-retail/portico/retail"
)

// instant serves lines from the nearest place that has all of them and is quick enough.
func (p *planner) instant(g *group) ([]retail.PlanPart, error) {
	at, config := positionOf(p.address), p.service.config
	if at == nil {
		return nil, p.undeliverable("Nobody knows where the address lies.")
	}
	if len(g.among) == 0 {
		return nil, p.undeliverable(fmt.Sprintf("No place within %.3g km delivers to this address.", config.InstantKm))
	}
	minutes := int(config.InstantWithin.Minutes())
	var passed []string
	var best time.Time
	var bestPlace *retail.Location
	silent := false
	for _, l := range g.among {
		km := distance(at, l)
		ready, ok := p.service.ready(p.have, l, p.now)
		switch {
		case !p.have.known(l.Code):
			silent = true
			passed = append(passed, fmt.Sprintf("%s is nearer, but nobody can say what it has.", l.Code))
			continue
		case !p.has(g, l.Code):
			passed = append(passed, fmt.Sprintf("%s is nearer, but has not everything.", l.Code))
			continue
		case !ok:
			passed = append(passed, fmt.Sprintf("%s is nearer, but can prepare no order.", l.Code))
			continue
		}
		arrival := ready.Add(p.service.ride(km))
		if bestPlace == nil || arrival.Before(best) {
			best, bestPlace = arrival, l
		}
		switch {
		case !l.OpenAt(p.now):
			passed = append(passed, fmt.Sprintf("%s is nearer, but closed.", l.Code))
			continue
		case arrival.After(p.now.Add(config.InstantWithin)):
			passed = append(passed, fmt.Sprintf("%s is nearer, but could deliver by %s only.", l.Code, clock(l, arrival, p.now)))
			continue
		}
		part := p.whole(g, l.Code)
		part.Promise = arrival
		part.Why = append(passed, fmt.Sprintf("%s is the nearest place that is open, has everything and delivers within %d minutes.",
			l.Code, minutes), p.readiness(l, ready), fmt.Sprintf("The ride of %.1f km takes %d minutes.", km, int(p.service.ride(km).Minutes())))
		return []retail.PlanPart{part}, nil
	}
	switch {
	case bestPlace != nil:
		return nil, p.undeliverable(fmt.Sprintf("Nobody can deliver within %d minutes; the earliest would be %s.",
			minutes, clock(bestPlace, best, p.now)))
	case silent:
		return nil, g.demand()[0].refuse(retail.WhyStockUnknown, "", "Nobody can say now what the places near the address have.")
	}
	return nil, p.undeliverable("No place near the address has everything.")
}

func (p *planner) undeliverable(message string) *retail.Refusal {
	return retail.Refuse(retail.WhyDeliveryUnavailable, "", message)
}

// ride is how long a rider takes, in minutes begun.
func (s *Service) ride(km float64) time.Duration {
	return time.Duration(math.Ceil(km/s.config.RideKmh*60)) * time.Minute
}
