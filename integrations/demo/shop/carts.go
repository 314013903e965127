// Carts change by compare-and-set. A stored cart is never changed, only replaced.

package shop

import (
	"fmt"
	"net/http"
	"time"
)

// Limits of carts.
const (
	maxCartLines   = 100
	maxCartCoupons = 20
	maxCartChanges = 20 // remembered of each cart
)

type cart struct {
	ID        string     `json:"id"`
	Owner     string     `json:"owner"`
	Version   int        `json:"version"`
	Lines     []cartLine `json:"lines"`
	Coupons   []string   `json:"coupons"`
	Address   *Address   `json:"address"`
	Note      string     `json:"note"`
	OrderID   string     `json:"orderId"`
	UpdatedAt time.Time  `json:"updatedAt"`
}

type cartLine struct {
	ID        string `json:"id"`
	SKU       string `json:"sku"`
	Quantity  int    `json:"quantity"`
	Method    string `json:"method"`
	Location  string `json:"location"`
	SeenPrice *Money `json:"seenPrice"`
}

type carts struct {
	known   *memory[*cart]
	made    *memory[madeCart]         // by the reference that asked
	open    map[string]string         // ids, by owner
	changes map[string]*memory[*cart] // by id, then by reference
	seq     int
}

// madeCart is the answer to a request for a cart.
type madeCart struct{ id, owner string }

func newCarts(size int) carts {
	return carts{
		known: newMemory[*cart](size), made: newMemory[madeCart](size),
		open: map[string]string{}, changes: map[string]*memory[*cart]{},
	}
}

// add opens a cart of the owner. The oldest one makes room, whether it is open or not.
func (c *carts) add(owner string, now time.Time) string {
	c.seq++
	id := fmt.Sprintf("c-%d", c.seq)
	made := &cart{ID: id, Owner: owner, Version: 1, Lines: []cartLine{}, Coupons: []string{}, UpdatedAt: now.UTC()}
	if old, full := c.known.keep(id, made); full {
		delete(c.changes, old.ID)
		if c.open[old.Owner] == old.ID {
			delete(c.open, old.Owner)
		}
	}
	c.open[owner], c.changes[id] = id, newMemory[*cart](maxCartChanges)
	return id
}

func (s *Server) postCart(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Reference string `json:"reference"`
		Owner     string `json:"owner"`
	}
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if !isReference(req.Reference) || req.Owner == "" || !isText(req.Owner, maxName) {
		return badRequest("a cart needs a reference and an owner")
	}
	return s.answer(w, func() (any, error) {
		c := &s.carts
		made := c.made.known[req.Reference]
		switch {
		case s.privacy.isErased("owner", req.Owner):
			return nil, conflict("the owner is forgotten")
		case c.known.known[made.id] == nil:
			made = madeCart{c.open[req.Owner], req.Owner}
			if made.id == "" {
				made.id = c.add(req.Owner, s.now())
			}
			c.made.keep(req.Reference, made)
		case made.owner != req.Owner:
			return nil, conflict("the reference has made somebody else's cart")
		}
		return c.known.known[made.id], nil
	})
}

func (s *Server) getCart(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	found := s.carts.known.known[r.PathValue("id")]
	s.mu.Unlock()
	if found == nil {
		return missing("cart", r.PathValue("id"))
	}
	return writeRead(w, r, found)
}

func (s *Server) findCart(w http.ResponseWriter, r *http.Request) error {
	query, err := parseQuery(r, "owner")
	if err != nil {
		return err
	}
	found := []*cart{}
	s.mu.Lock()
	if id := s.carts.open[query.Get("owner")]; id != "" {
		found = append(found, s.carts.known.known[id])
	}
	s.mu.Unlock()
	return writeRead(w, r, map[string]any{"carts": found})
}

// cartChange is what replaces a cart's content.
type cartChange struct {
	Reference string     `json:"reference"`
	Version   int        `json:"version"`
	Owner     string     `json:"owner"`
	Lines     []cartLine `json:"lines"`
	Coupons   []string   `json:"coupons"`
	Address   *Address   `json:"address"`
	Note      string     `json:"note"`
}

func (c *cartChange) check() error {
	switch {
	case !isReference(c.Reference), c.Owner == "", !isText(c.Owner, maxName):
		return badRequest("a change needs a reference and an owner")
	case len(c.Lines) > maxCartLines, len(c.Coupons) > maxCartCoupons, !isText(c.Note, maxNote):
		return badRequest("at most %d lines, %d coupons and a note of %d bytes", maxCartLines, maxCartCoupons, maxNote)
	}
	for _, l := range c.Lines {
		switch {
		case !isCode(l.SKU), l.Quantity < 1, l.Quantity > maxQuantity:
			return badRequest("a line needs a sku and a quantity of 1 to %d", maxQuantity)
		case !isText(l.ID, maxText), !isText(l.Method, maxText), !isText(l.Location, maxText):
			return badRequest("a text of a line is longer than %d bytes", maxText)
		}
		if l.SeenPrice != nil {
			if _, ok := l.SeenPrice.thousandths(); !ok {
				return badRequest("seenPrice is no amount")
			}
		}
	}
	for _, number := range c.Coupons {
		if !isCode(number) {
			return badRequest("a coupon has 1 to %d bytes", maxText)
		}
	}
	if c.Address != nil {
		return c.Address.check()
	}
	return nil
}

func (s *Server) putCart(w http.ResponseWriter, r *http.Request) error {
	var req cartChange
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if err := req.check(); err != nil {
		return err
	}
	stored, err := s.changeCart(r.PathValue("id"), &req)
	if err != nil {
		return err
	}
	return writeJSON(w, stored)
}

func (s *Server) changeCart(id string, req *cartChange) (*cart, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.carts
	old := c.known.known[id]
	if old == nil {
		return nil, missing("cart", id)
	}
	if before, known := c.changes[id].known[req.Reference]; known {
		return before, nil
	}
	other := c.open[req.Owner]
	switch {
	case s.privacy.isErased("owner", req.Owner):
		return nil, conflict("the owner is forgotten")
	case old.OrderID != "":
		return nil, conflict("the cart is closed")
	case old.Version != req.Version:
		return nil, &apiError{http.StatusConflict, "VERSION", fmt.Sprintf("the cart has version %d", old.Version)}
	case other != "" && other != id:
		return nil, conflict("the owner has another open cart")
	}
	next := &cart{
		ID: id, Owner: req.Owner, Version: old.Version + 1, Lines: req.Lines, Coupons: req.Coupons,
		Address: req.Address, Note: req.Note, UpdatedAt: s.now().UTC(),
	}
	if next.Lines == nil {
		next.Lines = []cartLine{}
	}
	if next.Coupons == nil {
		next.Coupons = []string{}
	}
	delete(c.open, old.Owner)
	c.open[next.Owner] = id
	c.known.keep(id, next)
	c.changes[id].keep(req.Reference, next)
	return next, nil
}

func (s *Server) closeCart(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		OrderID string `json:"orderId"`
	}
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if !isReference(req.OrderID) {
		return badRequest("orderId is missing")
	}
	id := r.PathValue("id")
	return s.answer(w, func() (any, error) {
		c := &s.carts
		old := c.known.known[id]
		switch {
		case old == nil:
			return nil, missing("cart", id)
		case old.OrderID == "":
			closed := *old
			closed.OrderID, closed.Version, closed.UpdatedAt = req.OrderID, old.Version+1, s.now().UTC()
			c.known.keep(id, &closed)
			delete(c.open, old.Owner)
		case old.OrderID != req.OrderID:
			return nil, conflict("the cart is closed for another order")
		}
		return c.known.known[id], nil
	})
}
