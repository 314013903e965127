package shop

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Bounds of lists of orders.
const (
	maxOrderPage   = 100
	maxOrders      = 1000
	maxStatus      = 64 // runes
	maxOrderLines  = 1000
	maxOrderNumber = 64 // bytes
)

type orderLineMessage struct {
	SKU      string       `json:"sku"`
	Title    textMessage  `json:"title"`
	Quantity int          `json:"quantity"`
	Unit     moneyMessage `json:"unit"`
	Discount moneyMessage `json:"discount"`
	Total    moneyMessage `json:"total"`
}

type discountMessage struct {
	Kind   string       `json:"kind"`
	Code   string       `json:"code"`
	Amount moneyMessage `json:"amount"`
}

type fulfillmentMessage struct {
	Reference string        `json:"reference"`
	Method    string        `json:"method"`
	Location  string        `json:"location"`
	Lines     []lineMessage `json:"lines"`
	Promise   time.Time     `json:"promise"`
}

type contactMessage struct {
	Name  string `json:"name"`
	Phone string `json:"phone"`
}

type placedOrderMessage struct {
	OrderID      string               `json:"orderId"`
	Account      string               `json:"account"`
	Channel      string               `json:"channel"`
	PlacedAt     time.Time            `json:"placedAt"`
	PayBy        time.Time            `json:"payBy"`
	Status       string               `json:"status"`
	AllocatedBy  string               `json:"allocatedBy"`
	Lines        []orderLineMessage   `json:"lines"`
	Subtotal     moneyMessage         `json:"subtotal"`
	Discounts    []discountMessage    `json:"discounts"`
	Delivery     moneyMessage         `json:"delivery"`
	Total        moneyMessage         `json:"total"`
	Coupons      []string             `json:"coupons"`
	Fulfillments []fulfillmentMessage `json:"fulfillments"`
	Contact      contactMessage       `json:"contact"`
	Address      *addressMessage      `json:"address"`
	Note         string               `json:"note"`
}

type shopOrderMessage struct {
	Number   string                 `json:"number"`
	PlacedAt time.Time              `json:"placedAt"`
	Status   string                 `json:"status"`
	Total    moneyMessage           `json:"total"`
	Lines    []shopOrderLineMessage `json:"lines"`
}

type shopOrderLineMessage struct {
	SKU      string       `json:"sku"`
	Quantity int          `json:"quantity"`
	Total    moneyMessage `json:"total"`
}

// placed writes an order as the shop takes it.
func (c *Client) placed(o *retail.Order) placedOrderMessage {
	m := placedOrderMessage{
		OrderID: o.ID, Account: o.AccountID, Channel: string(o.Channel), PlacedAt: o.PlacedAt.UTC(), PayBy: o.PayBy.UTC(),
		Status: string(retail.OrderPendingPayment), AllocatedBy: "gateway",
		Subtotal: c.wire(o.Totals.Subtotal), Delivery: c.wire(o.Totals.Delivery), Total: c.wire(o.Totals.Total),
		Coupons: append([]string{}, o.Coupons...), Contact: contactMessage{Name: o.Contact.Name, Phone: o.Contact.Phone}, Note: o.Note,
		Discounts: []discountMessage{}, Fulfillments: []fulfillmentMessage{},
	}
	for _, l := range o.Lines {
		m.Lines = append(m.Lines, orderLineMessage{
			SKU: l.SKU, Title: textMessage(l.Titles), Quantity: l.Quantity,
			Unit: c.wire(l.Price.Unit), Discount: c.wire(l.Price.Discount), Total: c.wire(l.Price.Total),
		})
	}
	for _, d := range o.Totals.Discounts {
		m.Discounts = append(m.Discounts, discountMessage{Kind: string(d.Kind), Code: d.Code, Amount: c.wire(d.Amount)})
	}
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		part := fulfillmentMessage{
			Reference: f.Reference(o.ID), Method: string(f.Method), Location: f.LocationCode, Promise: f.Promise.UTC(),
		}
		for _, l := range f.Lines {
			part.Lines = append(part.Lines, lineMessage{SKU: l.SKU, Quantity: l.Quantity})
		}
		m.Fulfillments = append(m.Fulfillments, part)
	}
	if o.Address != nil {
		address := addressOf(*o.Address)
		m.Address = &address
	}
	return m
}

// orderPath is an order number as a part of a path.
func orderPath(number string) (string, error) {
	path, ok := segment(number)
	if !ok || len(number) > maxOrderNumber {
		return "", retail.BadInput("%.40q is no order number", number)
	}
	return "/api/v1/orders/" + path, nil
}

// PlaceOrder makes the order known to the shop, unpaid. Idempotent by number; CodeConflict when the shop knows another order
// by it.
func (c *Client) PlaceOrder(ctx context.Context, o *retail.Order) error {
	path, err := orderPath(o.Number)
	if err != nil {
		return err
	}
	m, err := write[shopOrderMessage](ctx, c, "place-order", http.MethodPut, path, c.placed(o))
	if err == nil && m.Number != o.Number {
		return broken("place-order")
	}
	return err
}

// ReportStatus tells the shop where the order stands; an older status than it knows changes nothing.
func (c *Client) ReportStatus(ctx context.Context, number string, status retail.OrderStatus, at time.Time) error {
	path, err := orderPath(number)
	if err != nil {
		return err
	}
	m, err := write[shopOrderMessage](ctx, c, "report-status", http.MethodPost, path+"/status", struct {
		Status string    `json:"status"`
		At     time.Time `json:"at"`
	}{string(status), at.UTC()})
	if err == nil && m.Number != number {
		return broken("report-status")
	}
	return err
}

// order is the order; ok is false when a part is missing or out of range. An order that did not come through the gateway
// may be in any currency.
func (m *shopOrderMessage) order() (o retail.ShopOrder, ok bool) {
	total, err := retail.ParseMoney(m.Total.Amount, m.Total.Currency)
	if err != nil || total.Minor < 0 || !isName(m.Number) || m.PlacedAt.IsZero() || m.Status == "" || len(m.Lines) > maxOrderLines {
		return o, false
	}
	o = retail.ShopOrder{Number: m.Number, PlacedAt: m.PlacedAt.UTC(), Status: plain(m.Status, maxStatus), Total: total}
	for _, l := range m.Lines {
		money, err := retail.ParseMoney(l.Total.Amount, l.Total.Currency)
		if err != nil || money.Minor < 0 || !retail.ValidSKU(l.SKU) || l.Quantity < 1 {
			return o, false
		}
		o.Lines = append(o.Lines, retail.ReceiptLine{SKU: l.SKU, Quantity: l.Quantity, Total: money})
	}
	return o, true
}

// Orders lists the account's orders that come after before (all when nil), newest first, limit at most, up to 1,000.
func (c *Client) Orders(ctx context.Context, accountID string, before *retail.PurchaseKey, limit int) ([]retail.ShopOrder, error) {
	path, ok := segment(accountID)
	switch {
	case !ok:
		return nil, notFound("account")
	case limit < 1 || limit > maxOrders:
		return nil, retail.Errorf(retail.CodeLimitExceeded, "1 to %d orders", maxOrders)
	}
	var out []retail.ShopOrder
	for {
		asked := min(limit-len(out), maxOrderPage)
		page, full, err := c.orderPage(ctx, "/api/v1/accounts/"+path+"/orders", before, asked)
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
		if !full || len(page) == 0 || len(out) >= limit {
			return out, nil
		}
		last := keyOf(&page[len(page)-1])
		before = &last
	}
}

func keyOf(o *retail.ShopOrder) retail.PurchaseKey {
	return retail.PurchaseKey{At: o.PlacedAt, Source: retail.SourceShop, Number: o.Number}
}

// orderPage reads one page; full says that there may be another. What does not come after what is before it is left out,
// so that a walk always ends.
func (c *Client) orderPage(
	ctx context.Context, path string, before *retail.PurchaseKey, limit int,
) (page []retail.ShopOrder, full bool, err error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if before != nil {
		query.Set("at", before.At.UTC().Format(time.RFC3339Nano))
		if before.Source == retail.SourceShop { // behind another system's purchase, all of the instant are still to come
			query.Set("number", before.Number)
		}
	}
	m, err := read[struct {
		Orders []json.RawMessage `json:"orders"`
	}](ctx, c, "orders", path, query)
	if err != nil {
		return nil, false, err
	}
	if m.Orders == nil || len(m.Orders) > limit {
		return nil, false, retail.BadUpstream(retail.SourceShop, errors.New("shop: orders are missing, or more than asked"))
	}
	list, bad, err := decodeEach[shopOrderMessage](m.Orders)
	if err != nil {
		return nil, false, err
	}
	for i := range list {
		o, ok := list[i].order()
		if !ok || (before != nil && !keyOf(&o).Before(*before)) {
			bad++
			continue
		}
		key := keyOf(&o)
		page, before = append(page, o), &key
	}
	c.metrics.Quarantine(retail.SourceShop, "order", bad)
	return page, len(m.Orders) == limit, nil
}
