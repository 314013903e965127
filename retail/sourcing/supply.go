package sourcing

import (
	"context"
	"maps"
	"time"

	"github.com/portico-retail/portico/retail"
)

// supply is what places could still give while a plan is made: several parts may draw on one place.
type supply struct {
	offers map[string]retail.Offer   // by code
	taken  map[string]map[string]int // by code and SKU
	own    retail.Held               // of what the shopper holds, what has not been drawn yet
}

// maxPairs bounds one question to the stock service.
const maxPairs = 2000

// supply asks what the places could give beside what the shopper holds. A place that does not answer is as good as silent.
func (s *Service) supply(ctx context.Context, skus []string, at []*retail.Location, held retail.Held) (*supply, error) {
	have := &supply{offers: map[string]retail.Offer{}, taken: map[string]map[string]int{}, own: copied(held)}
	codes := make([]string, 0, len(at))
	seen := map[string]bool{}
	for _, l := range at {
		if !seen[l.Code] {
			seen[l.Code] = true
			codes = append(codes, l.Code)
		}
	}
	step := max(1, min(100, maxPairs/max(1, len(skus))))
	for len(codes) > 0 {
		n := min(step, len(codes))
		offers, err := s.deps.Stock.Offers(ctx, skus, codes[:n])
		if err != nil {
			return nil, err
		}
		for _, o := range offers {
			if o.Location != nil {
				have.offers[o.Location.Code] = o
			}
		}
		codes = codes[n:]
	}
	return have, nil
}

// left is how many units nobody has drawn yet; 0 where nobody knows.
func (h *supply) left(code, sku string) int {
	return max(0, h.offers[code].Units[sku]-h.taken[code][sku])
}

func (h *supply) take(code, sku string, units int) {
	if h.taken[code] == nil {
		h.taken[code] = map[string]int{}
	}
	h.taken[code][sku] += units
}

// collectable is how many units the shopper could collect: what they hold there, and what is left beside it.
func (h *supply) collectable(code, sku string) int { return h.own[code][sku] + h.left(code, sku) }

// collect draws units that the shopper collects, what they hold first.
func (h *supply) collect(code, sku string, units int) {
	if n := min(units, h.own[code][sku]); n > 0 {
		h.own[code][sku] -= n
		units -= n
	}
	h.take(code, sku, units)
}

func copied(held retail.Held) retail.Held {
	own := make(retail.Held, len(held))
	for code, units := range held {
		own[code] = maps.Clone(units)
	}
	return own
}

// known reports whether the place's numbers are.
func (h *supply) known(code string) bool { return h.offers[code].Known }

// ready is when an order placed now has been picked at the place; ok is false when it cannot be in the next days. Places for
// which the ERP states no picking time take what the configuration says, in their opening hours.
func (s *Service) ready(h *supply, l *retail.Location, now time.Time) (at time.Time, ok bool) {
	o := h.offers[l.Code]
	switch {
	case l.Pickup != nil && o.ReadyBy != nil:
		return *o.ReadyBy, true
	case l.Pickup != nil:
		return time.Time{}, false
	case l.Kind == retail.FrontWarehouse:
		rounds := 1 + max(0, o.Queue)/s.config.Pickers
		return worked(l, now, s.config.HubPicking*time.Duration(min(rounds, 1000)))
	case l.Kind == retail.Warehouse:
		return worked(l, now, s.config.Handling)
	}
	return time.Time{}, false
}

// workHorizon is how many days ahead opening hours are searched.
const workHorizon = 7

// worked is when so much work is done in opening hours; a place that states no hours works round the clock.
func worked(l *retail.Location, now time.Time, left time.Duration) (at time.Time, ok bool) {
	if up := now.Truncate(time.Minute); up.Before(now) {
		now = up.Add(time.Minute)
	}
	if len(l.Hours) == 0 && len(l.Holidays) == 0 {
		return now.Add(left), true
	}
	for _, w := range l.Windows(now, workHorizon) {
		start := w.Opens
		if start.Before(now) {
			start = now
		}
		if room := w.Closes.Sub(start); left > room {
			left -= room
			continue
		}
		return start.Add(left), true
	}
	return time.Time{}, false
}

// told is a quantity as the public may hear it: nil above the cap.
func (s *Service) told(units int) *int {
	if units > s.config.QuantityCap {
		return nil
	}
	units = max(0, units)
	return &units
}

// afresh is the same supply with nothing drawn.
func (h *supply) afresh() *supply {
	return &supply{offers: h.offers, taken: map[string]map[string]int{}, own: copied(h.own)}
}
