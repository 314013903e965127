// Orders of the gateway, and those that an account placed elsewhere. They open no allocations here: the gateway does.

package shop

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	defaultList = 20
	maxList     = 100
)

// Order is an order as the account's list shows it.
type Order struct {
	Number   string      `json:"number"`
	PlacedAt time.Time   `json:"placedAt"`
	Status   string      `json:"status"`
	Total    Money       `json:"total"`
	Lines    []OrderLine `json:"lines"`
}

// OrderLine is units of one SKU and what they cost.
type OrderLine struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Total    Money  `json:"total"`
}

// placedOrder is what the gateway says of its order.
type placedOrder struct {
	OrderID      string        `json:"orderId"`
	Account      string        `json:"account"` // empty for a guest
	Channel      string        `json:"channel"`
	PlacedAt     time.Time     `json:"placedAt"`
	PayBy        time.Time     `json:"payBy"`
	Status       string        `json:"status"`
	AllocatedBy  string        `json:"allocatedBy"`
	Lines        []placedLine  `json:"lines"`
	Subtotal     Money         `json:"subtotal"`
	Discounts    []discount    `json:"discounts"`
	Delivery     Money         `json:"delivery"`
	Total        Money         `json:"total"`
	Coupons      []string      `json:"coupons"`
	Fulfillments []fulfillment `json:"fulfillments"`
	Contact      contact       `json:"contact"`
	Address      *Address      `json:"address"`
	Note         string        `json:"note"`
}

type placedLine struct {
	SKU      string `json:"sku"`
	Title    Text   `json:"title"`
	Quantity int    `json:"quantity"`
	Unit     Money  `json:"unit"`
	Discount Money  `json:"discount"`
	Total    Money  `json:"total"`
}

type discount struct {
	Kind   string `json:"kind"`
	Code   string `json:"code"`
	Amount Money  `json:"amount"`
}

type fulfillment struct {
	Reference string    `json:"reference"`
	Method    string    `json:"method"`
	Location  string    `json:"location"`
	Lines     []Line    `json:"lines"`
	Promise   time.Time `json:"promise"`
}

type contact struct {
	Name  string `json:"name"`
	Phone string `json:"phone"`
}

// statuses of the gateway's orders, later words behind earlier ones. Those from lasting on may follow one another.
var statuses = []string{
	"PENDING_PAYMENT", "PAID", "PREPARING", "READY_FOR_PICKUP", "SHIPPED",
	"COMPLETED", "CANCELLED", "RETURN_REQUESTED", "RETURNED", "REFUNDED",
}

const (
	lasting   = 5
	cancelled = "CANCELLED"
)

// sale is an order with what its list does not show.
type sale struct {
	order    Order
	account  string
	buyer    *buyer // nil when nobody is known
	statusAt time.Time
}

// buyer is for whom an order is.
type buyer struct {
	Contact contact  `json:"contact"`
	Address *Address `json:"address"`
	Note    string   `json:"note"`
}

// moves reports whether a status at an instant is news.
func (o *sale) moves(status string, at time.Time) bool {
	old, next := slices.Index(statuses, o.order.Status), slices.Index(statuses, status)
	switch {
	case next < lasting || old < lasting:
		return next > old
	case at.Equal(o.statusAt):
		return next > old
	}
	return at.After(o.statusAt)
}

type sales struct {
	known     *memory[*sale]
	ofAccount map[string][]*sale // newest first
}

func newSales(past []PastOrder, size int) sales {
	s := sales{known: newMemory[*sale](size), ofAccount: map[string][]*sale{}}
	for _, o := range past {
		lines := o.Lines
		if lines == nil {
			lines = []OrderLine{}
		}
		s.add(&sale{
			order:   Order{Number: o.Number, PlacedAt: o.PlacedAt.UTC(), Status: o.Status, Total: o.Total, Lines: lines},
			account: o.Account, statusAt: o.PlacedAt,
		})
	}
	return s
}

func (s *sales) add(o *sale) {
	if old, full := s.known.keep(o.order.Number, o); full && old.account != "" {
		s.ofAccount[old.account] = slices.DeleteFunc(slices.Clone(s.ofAccount[old.account]), func(x *sale) bool { return x == old })
	}
	if o.account == "" {
		return
	}
	list := s.ofAccount[o.account]
	at, _ := slices.BinarySearchFunc(list, o, newestFirst)
	s.ofAccount[o.account] = slices.Insert(slices.Clone(list), at, o)
}

func newestFirst(a, b *sale) int {
	return cmp.Or(b.order.PlacedAt.Compare(a.order.PlacedAt), strings.Compare(a.order.Number, b.order.Number))
}

func (o *placedOrder) check() error {
	switch {
	case !isReference(o.OrderID), len(o.Account) > maxReference, o.PlacedAt.IsZero():
		return badRequest("an order needs orderId and placedAt")
	case o.Status != statuses[0], o.AllocatedBy != "gateway":
		return badRequest("an order is put as PENDING_PAYMENT and allocated by the gateway")
	case len(o.Lines) == 0, len(o.Lines) > maxLines, len(o.Fulfillments) > maxLines, len(o.Discounts) > maxLines:
		return badRequest("1 to %d lines", maxLines)
	case len(o.Coupons) > maxCartCoupons, !isText(o.Note, maxNote), !isText(o.Contact.Name, maxName):
		return badRequest("a text or list is too long")
	case o.Contact.Phone != "" && !isPhone(o.Contact.Phone):
		return badRequest("the phone number is not in E.164")
	}
	amounts := []Money{o.Subtotal, o.Delivery, o.Total}
	for _, l := range o.Lines {
		if !isCode(l.SKU) || l.Quantity < 1 || l.Quantity > maxQuantity {
			return badRequest("a line needs a sku and a quantity of 1 to %d", maxQuantity)
		}
		amounts = append(amounts, l.Unit, l.Discount, l.Total)
	}
	for _, d := range o.Discounts {
		amounts = append(amounts, d.Amount)
	}
	for _, m := range amounts {
		if _, ok := m.thousandths(); !ok || m.Currency != o.Total.Currency {
			return badRequest("%.40q is no amount, or of another currency than the total", m.Amount)
		}
	}
	for _, f := range o.Fulfillments {
		if !isReference(f.Reference) || !isCode(f.Location) {
			return badRequest("a fulfillment needs a reference and a location")
		}
		if err := checkLines(f.Lines); err != nil {
			return err
		}
	}
	if o.Address != nil {
		return o.Address.check()
	}
	return nil
}

// order is what the list shows.
func (o *placedOrder) order(number string) Order {
	out := Order{Number: number, PlacedAt: o.PlacedAt.UTC(), Status: o.Status, Total: o.Total}
	for _, l := range o.Lines {
		out.Lines = append(out.Lines, OrderLine{l.SKU, l.Quantity, l.Total})
	}
	return out
}

func (s *Server) putSale(w http.ResponseWriter, r *http.Request) error {
	var req placedOrder
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	number := r.PathValue("number")
	if !isReference(number) || len(number) > maxText {
		return badRequest("an order number has 1 to %d printable characters", maxText)
	}
	if err := req.check(); err != nil {
		return err
	}
	return s.answer(w, func() (any, error) {
		if req.Account != "" && s.accounts.known[req.Account] == nil {
			return nil, missing("account", req.Account)
		}
		known := s.sales.known.known[number]
		switch {
		case s.orders.known[number] != nil, known != nil && !known.promises(&req):
			return nil, conflict("order %s was placed with another content", number)
		case known == nil:
			known = &sale{order: req.order(number), account: req.Account, statusAt: req.PlacedAt}
			if !s.privacy.isErased("order", number) {
				known.buyer = &buyer{req.Contact, req.Address, req.Note}
			}
			s.sales.add(known)
			s.events.emit(kindOrder, number, req.OrderID, s.now(), 1)
		}
		return known.order, nil
	})
}

// promises is an order of the same account and content.
func (o *sale) promises(req *placedOrder) bool {
	return o.account == req.Account && o.order.Total.equals(req.Total) &&
		slices.EqualFunc(o.order.Lines, req.Lines, func(a OrderLine, b placedLine) bool {
			return a.SKU == b.SKU && a.Quantity == b.Quantity && a.Total.equals(b.Total)
		})
}

func (s *Server) postStatus(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		Status string    `json:"status"`
		At     time.Time `json:"at"`
	}
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if !slices.Contains(statuses, req.Status) || req.At.IsZero() {
		return badRequest("a report needs one of the statuses and at")
	}
	number := r.PathValue("number")
	return s.answer(w, func() (any, error) {
		known := s.sales.known.known[number]
		if known == nil {
			return nil, missing("order", number)
		}
		if known.moves(req.Status, req.At) {
			known.order.Status, known.statusAt = req.Status, req.At
		}
		return known.order, nil
	})
}

func (s *Server) listOrders(w http.ResponseWriter, r *http.Request) error {
	query, err := parseQuery(r, "limit", "at", "number")
	if err != nil {
		return err
	}
	limit, err := number(query, "limit", defaultList, 1, maxList)
	if err != nil {
		return err
	}
	var at time.Time
	if text := query.Get("at"); text != "" {
		if at, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return badRequest("at is no instant")
		}
	}
	id := r.PathValue("id")
	found := []Order{}
	return s.answerRead(w, r, func() (any, error) {
		if s.accounts.known[id] == nil {
			return nil, missing("account", id)
		}
		for _, o := range s.sales.ofAccount[id] {
			if len(found) == int(limit) {
				break
			}
			if at.IsZero() || o.comesAfter(at, query.Get("number")) {
				found = append(found, o.order)
			}
		}
		return map[string]any{"orders": found}, nil
	})
}

func (o *sale) comesAfter(at time.Time, number string) bool {
	return o.order.PlacedAt.Before(at) || (o.order.PlacedAt.Equal(at) && o.order.Number > number)
}
