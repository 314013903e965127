// Web orders open allocations and shipments close them. Both are idempotent by order number, for as long as the shop runs.

package shop

import (
	"net/http"
	"slices"
	"time"
)

// Limits of one request.
const (
	maxOrders   = 1000
	maxLines    = 200
	maxQuantity = 100_000
	maxText     = 64 // bytes of a code or number
)

type order struct {
	Number   string    `json:"number"`
	Location string    `json:"location"`
	PlacedAt time.Time `json:"placedAt"`
	Lines    []Line    `json:"lines"`

	shipped bool
}

// Line is units of one SKU.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

func (o *order) validate() error {
	switch {
	case !isCode(o.Number), !isCode(o.Location):
		return badRequest("an order needs a number and a location of at most %d bytes", maxText)
	case o.PlacedAt.IsZero():
		return badRequest("order %s needs placedAt", o.Number)
	case len(o.Lines) == 0 || len(o.Lines) > maxLines:
		return badRequest("order %s needs 1 to %d lines", o.Number, maxLines)
	}
	for _, l := range o.Lines {
		if !isCode(l.SKU) || l.Quantity < 1 || l.Quantity > maxQuantity {
			return badRequest("order %s: a line needs a sku and a quantity of 1 to %d", o.Number, maxQuantity)
		}
	}
	return nil
}

func isCode(s string) bool { return s != "" && len(s) <= maxText }

// promises is an order of the same number and content.
func (o *order) promises(other *order) bool {
	return o.Location == other.Location && slices.Equal(o.Lines, other.Lines)
}

// units is how many of each SKU are promised, in the order of the lines.
func (o *order) units() []Line {
	var out []Line
	for _, l := range o.Lines {
		at := slices.IndexFunc(out, func(u Line) bool { return u.SKU == l.SKU })
		if at < 0 {
			out = append(out, l)
		} else {
			out[at].Quantity += l.Quantity
		}
	}
	return out
}

// postOrders books all orders or none. An order that is known already counts as accepted; one that is known with
// another content is a conflict.
func (s *Server) postOrders(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Orders []*order `json:"orders"`
	}
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if len(req.Orders) > maxOrders {
		return badRequest("at most %d orders", maxOrders)
	}
	for _, o := range req.Orders {
		if o == nil {
			return badRequest("an order must be an object")
		}
		if err := o.validate(); err != nil {
			return err
		}
	}
	if err := s.place(req.Orders); err != nil {
		return err
	}
	return writeJSON(w, map[string]int{"accepted": len(req.Orders)})
}

func (s *Server) place(orders []*order) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	placed := map[string]*order{}
	for _, o := range orders {
		known := s.orders.known[o.Number]
		if known == nil {
			known = placed[o.Number]
		}
		if known == nil {
			placed[o.Number] = o
		} else if !known.promises(o) {
			return conflict("order %s was placed with another content", o.Number)
		}
	}
	now := s.now()
	for _, o := range orders {
		if s.orders.known[o.Number] == nil {
			s.orders.keep(o.Number, o)
			s.allocate(o, 1, now)
		}
	}
	return nil
}

// allocate opens the units of an order (sign 1) or closes them (sign -1).
func (s *Server) allocate(o *order, sign int64, now time.Time) {
	for _, u := range o.units() {
		s.allocations.add(pair{o.Location, u.SKU}, sign*u.Quantity, now)
	}
}

// postShipments ships all orders or, when one is unknown, none. An order that left already counts as shipped.
func (s *Server) postShipments(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Numbers []string `json:"numbers"`
	}
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if len(req.Numbers) > maxOrders {
		return badRequest("at most %d numbers", maxOrders)
	}
	if err := s.ship(req.Numbers); err != nil {
		return err
	}
	return writeJSON(w, map[string]int{"shipped": len(req.Numbers)})
}

func (s *Server) ship(numbers []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, number := range numbers {
		if s.orders.known[number] == nil {
			return &apiError{http.StatusNotFound, "NOT_FOUND", "there is no order " + number}
		}
	}
	now := s.now()
	for _, number := range numbers {
		if o := s.orders.known[number]; !o.shipped {
			o.shipped = true
			s.allocate(o, -1, now)
		}
	}
	return nil
}
