package cart

import (
	"slices"

	"github.com/portico-retail/portico/retail"
)

// places finds lines that their place, or nobody who delivers, can serve.
func (t *troubles) places() {
	if t.facts.offers == nil {
		return
	}
	demand := map[string]map[string]int{} // by place, then by SKU over all of its lines
	for _, l := range t.cart.Lines {
		if l.Method.Visits() {
			if demand[l.LocationCode] == nil {
				demand[l.LocationCode] = map[string]int{}
			}
			demand[l.LocationCode][l.SKU] += l.Quantity
		}
	}
	told := map[string]bool{}
	for _, l := range t.cart.Lines {
		if l.Method.Visits() {
			t.visit(l, demand[l.LocationCode][l.SKU], told)
		}
	}
	if t.cart.Address == nil {
		if slices.ContainsFunc(t.cart.Lines, func(l retail.CartLine) bool { return !l.Method.Visits() }) {
			t.add(retail.CartProblem{Kind: retail.ProblemAddressMissing, Blocks: true, Message: "Delivery needs an address."})
		}
		return
	}
	for _, method := range []retail.FulfillmentMethod{retail.MethodInstant, retail.MethodShipping} {
		if lines := t.linesOf(method); len(lines) > 0 {
			t.deliver(method, lines)
		}
	}
}

// visit checks one line at the chosen store; what concerns the store and not the article is told once a method.
func (t *troubles) visit(l retail.CartLine, demand int, told map[string]bool) {
	problem := retail.CartProblem{LineID: l.ID, SKU: l.SKU, LocationCode: l.LocationCode, Blocks: true}
	place, ok := t.service.deps.Places.ByCode(l.LocationCode)
	offer := t.facts.offers[l.LocationCode]
	have := offer.Units[l.SKU] + t.facts.held[l.LocationCode][l.SKU] // the shopper may collect what they hold
	unavailable := ""
	switch {
	case !ok:
		unavailable = "The chosen store does not exist any more."
	case !offers(place, l.Method):
		unavailable = "The chosen store does not offer this way of collecting."
	case offer.Location != nil && offer.ReadyBy == nil:
		unavailable = "The chosen store can prepare no order in the next days."
	}
	switch {
	case unavailable != "":
		once := string(l.Method) + " " + l.LocationCode
		if told[once] {
			return
		}
		told[once] = true
		problem.Kind, problem.LineID, problem.SKU, problem.Message = retail.ProblemPlaceUnavailable, "", "", unavailable
	case !offer.Known, offer.Ranged[l.SKU] && have < demand && t.facts.heldErr != nil:
		problem.Kind, problem.Blocks = retail.ProblemStockUnknown, false
		problem.Message = "Nobody can say now whether the store has it; it is checked when you order."
	case !offer.Ranged[l.SKU]:
		problem.Kind, problem.Message = retail.ProblemNotRanged, "The chosen store does not carry the article."
	case have < demand:
		problem.Kind, problem.Message = retail.ProblemInsufficientStock, "The chosen store has not enough of the article."
		problem.Available = t.service.told(have)
	default:
		return
	}
	t.add(problem)
}

// offers reports whether the store has the service that the method needs; an appointment is had wherever orders are handed
// over inside.
func offers(l *retail.Location, method retail.FulfillmentMethod) bool {
	service := retail.ServicePickup
	if method == retail.MethodCurbside {
		service = retail.ServiceCurbside
	}
	return l.Kind == retail.Store && l.Pickup != nil && l.Offers(service)
}

func (t *troubles) linesOf(method retail.FulfillmentMethod) []retail.CartLine {
	var lines []retail.CartLine
	for _, l := range t.cart.Lines {
		if l.Method == method {
			lines = append(lines, l)
		}
	}
	return lines
}

// deliver checks lines that somebody must bring: parcels may come from several places, instant delivery comes from one.
func (t *troubles) deliver(method retail.FulfillmentMethod, lines []retail.CartLine) {
	among := t.facts.deliverers[method]
	if len(among) == 0 {
		message := "Nobody sends parcels now."
		if method == retail.MethodInstant {
			message = "Nobody near the address delivers instantly."
		}
		t.add(retail.CartProblem{Kind: retail.ProblemPlaceUnavailable, Blocks: true, Message: message})
		return
	}
	demand := map[string]int{}
	for _, l := range lines {
		demand[l.SKU] += l.Quantity
	}
	have, silent := t.together(among)
	if method == retail.MethodInstant {
		have = t.best(among, demand)
	}
	for _, l := range lines {
		if have[l.SKU] >= demand[l.SKU] {
			continue
		}
		problem := retail.CartProblem{LineID: l.ID, SKU: l.SKU}
		if silent {
			problem.Kind = retail.ProblemStockUnknown
			problem.Message = "Nobody can say now whether it can be delivered; it is checked when you order."
		} else {
			problem.Kind, problem.Blocks = retail.ProblemInsufficientStock, true
			problem.Message = "Nobody who could deliver it has enough of the article."
			problem.Available = t.service.told(have[l.SKU])
		}
		t.add(problem)
	}
}

// together is what the places have in sum; silent says that one of them does not tell.
func (t *troubles) together(among []*retail.Location) (have map[string]int, silent bool) {
	have = map[string]int{}
	for _, place := range among {
		offer := t.facts.offers[place.Code]
		silent = silent || !offer.Known
		for sku, units := range offer.Units {
			have[sku] += max(0, units)
		}
	}
	return have, silent
}

// best is what the place has that covers the most SKUs of the demand; of equals, the nearest.
func (t *troubles) best(among []*retail.Location, demand map[string]int) map[string]int {
	most, found := -1, map[string]int(nil)
	for _, place := range among {
		offer, covered := t.facts.offers[place.Code], 0
		for sku, units := range demand {
			if offer.Known && offer.Units[sku] >= units {
				covered++
			}
		}
		if offer.Known && covered > most {
			most, found = covered, offer.Units
		}
	}
	return found
}

// told is a quantity as the public may hear it: nil above the cap.
func (s *Service) told(units int) *int {
	if units > s.config.QuantityCap {
		return nil
	}
	units = max(0, units)
	return &units
}
