package shop

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Bounds of a cart as the shop may keep it; those of the gateway are narrower.
const (
	maxCartLines    = 100
	maxCartCoupons  = 20
	maxCartQuantity = 100_000
)

type cartLineMessage struct {
	ID        string        `json:"id"`
	SKU       string        `json:"sku"`
	Quantity  int           `json:"quantity"`
	Method    string        `json:"method"`
	Location  string        `json:"location"`
	SeenPrice *moneyMessage `json:"seenPrice"`
}

type cartMessage struct {
	ID        string            `json:"id"`
	Owner     string            `json:"owner"`
	Version   int               `json:"version"`
	Lines     []cartLineMessage `json:"lines"`
	Coupons   []string          `json:"coupons"`
	Address   *addressMessage   `json:"address"`
	Note      string            `json:"note"`
	OrderID   string            `json:"orderId"`
	UpdatedAt time.Time         `json:"updatedAt"`
}

type cartChangeMessage struct {
	Reference string            `json:"reference"`
	Version   int               `json:"version"`
	Owner     string            `json:"owner"`
	Lines     []cartLineMessage `json:"lines"`
	Coupons   []string          `json:"coupons"`
	Address   *addressMessage   `json:"address"`
	Note      string            `json:"note"`
}

// line is the line; a price of another currency counts as never seen.
func (c *Client) line(m *cartLineMessage) (l retail.CartLine, ok bool) {
	l = retail.CartLine{
		ID: m.ID, SKU: m.SKU, Quantity: m.Quantity, Method: retail.FulfillmentMethod(m.Method), LocationCode: m.Location,
	}
	if m.SeenPrice != nil {
		l.SeenPrice, ok = c.money(*m.SeenPrice)
		if !ok {
			l.SeenPrice = retail.Money{}
		}
	}
	return l, isName(m.ID) && retail.ValidSKU(m.SKU) && m.Quantity > 0 && m.Quantity <= maxCartQuantity && l.Method.Valid() &&
		(m.Location == "" || retail.ValidLocationCode(m.Location))
}

// cart reads the cart of this id; an empty id takes any.
func (c *Client) cart(op, id string, m *cartMessage) (*retail.Cart, error) {
	if !isName(m.ID) || (id != "" && m.ID != id) || m.Owner == "" || m.Version < 1 || m.UpdatedAt.IsZero() ||
		len(m.Lines) > maxCartLines || len(m.Coupons) > maxCartCoupons {
		return nil, broken(op)
	}
	cart := &retail.Cart{
		ID: m.ID, Owner: m.Owner, Version: m.Version, Coupons: m.Coupons, Note: m.Note, OrderID: m.OrderID, UpdatedAt: m.UpdatedAt.UTC(),
	}
	for i := range m.Lines {
		l, ok := c.line(&m.Lines[i])
		if !ok {
			return nil, broken(op)
		}
		cart.Lines = append(cart.Lines, l)
	}
	if m.Address != nil {
		address, ok := m.Address.address()
		if !ok {
			return nil, broken(op)
		}
		cart.Address = &address
	}
	return cart, nil
}

type newCartMessage struct {
	Reference string `json:"reference"`
	Owner     string `json:"owner"`
}

// CreateCart makes a cart under a reference, or returns the owner's open one; the same reference returns the same cart.
func (c *Client) CreateCart(ctx context.Context, reference, owner string) (*retail.Cart, error) {
	if err := checkNames(reference); err != nil {
		return nil, err
	}
	m, err := write[cartMessage](ctx, c, "create-cart", http.MethodPost, "/api/v1/carts", newCartMessage{reference, owner})
	if err != nil {
		return nil, err
	}
	return c.cart("create-cart", "", &m)
}

// Cart loads a cart, CodeNotFound when there is none.
func (c *Client) Cart(ctx context.Context, id string) (*retail.Cart, error) {
	path, ok := segment(id)
	if !ok {
		return nil, notFound("cart")
	}
	m, err := read[cartMessage](ctx, c, "cart", "/api/v1/carts/"+path, nil)
	if err != nil {
		return nil, err
	}
	return c.cart("cart", id, &m)
}

// CartOf loads the owner's open cart, CodeNotFound when there is none.
func (c *Client) CartOf(ctx context.Context, owner string) (*retail.Cart, error) {
	m, err := read[struct {
		Carts []cartMessage `json:"carts"`
	}](ctx, c, "cart-of", "/api/v1/carts", url.Values{"owner": {owner}})
	switch {
	case err != nil:
		return nil, err
	case m.Carts == nil, len(m.Carts) > 1:
		return nil, broken("cart-of")
	case len(m.Carts) == 0:
		return nil, notFound("cart")
	}
	cart, err := c.cart("cart-of", "", &m.Carts[0])
	if err == nil && (cart.Owner != owner || cart.OrderID != "") {
		return nil, broken("cart-of")
	}
	return cart, err
}

// SaveCart replaces lines, coupons, address, note and owner if the stored version is k.Version, and returns what is stored
// then. It fails with CodeConflict when the version is another, the cart is closed, or the new owner has another open one.
// A repetition under one reference returns what the first one stored, whose version may be lower than k.Version.
func (c *Client) SaveCart(ctx context.Context, reference string, k *retail.Cart) (*retail.Cart, error) {
	if err := checkNames(reference); err != nil {
		return nil, err
	}
	path, ok := segment(k.ID)
	if !ok {
		return nil, notFound("cart")
	}
	change := cartChangeMessage{
		Reference: reference, Version: k.Version, Owner: k.Owner, Coupons: append([]string{}, k.Coupons...), Note: k.Note,
		Lines: make([]cartLineMessage, 0, len(k.Lines)),
	}
	for _, l := range k.Lines {
		m := cartLineMessage{ID: l.ID, SKU: l.SKU, Quantity: l.Quantity, Method: string(l.Method), Location: l.LocationCode}
		if l.SeenPrice.CurrencyCode != "" {
			seen := c.wire(l.SeenPrice)
			m.SeenPrice = &seen
		}
		change.Lines = append(change.Lines, m)
	}
	if k.Address != nil {
		address := addressOf(*k.Address)
		change.Address = &address
	}
	m, err := write[cartMessage](ctx, c, "save-cart", http.MethodPut, "/api/v1/carts/"+path, change)
	if err != nil {
		return nil, err
	}
	return c.cart("save-cart", k.ID, &m)
}

// CloseCart marks a cart as ordered. Idempotent by order.
func (c *Client) CloseCart(ctx context.Context, id, orderID string) error {
	path, ok := segment(id)
	if !ok {
		return notFound("cart")
	}
	if err := checkNames(orderID); err != nil {
		return err
	}
	m, err := write[cartMessage](ctx, c, "close-cart", http.MethodPost, "/api/v1/carts/"+path+"/close", struct {
		OrderID string `json:"orderId"`
	}{orderID})
	if err == nil && (m.ID != id || m.OrderID != orderID) {
		return broken("close-cart")
	}
	return err
}
