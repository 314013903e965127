package retail

import (
	"context"
	"maps"
	"slices"
)

// How carts, orders and members read in the API, where that is not simply a field: ids are global, absent texts read null.

// GlobalID is the cart's.
func (c *PricedCart) GlobalID() string { return GlobalID(KindCart, c.ID) }

// IsNode marks a type of the Node interface.
func (*PricedCart) IsNode() {}

// PricedLine is a line with what it comes to.
type PricedLine struct {
	CartLine
	Price *LinePrice // nil when nobody knows
}

// Rows are the lines with their prices.
func (c *PricedCart) Rows() []PricedLine {
	rows := make([]PricedLine, len(c.Lines))
	for i, l := range c.Lines {
		rows[i].CartLine = l
		if p, known := c.Prices[l.ID]; known {
			rows[i].Price = &p
		}
	}
	return rows
}

// Sum is what the cart comes to; nil while a price is not known.
func (c *PricedCart) Sum() *Totals {
	if len(c.Prices) < len(c.Lines) {
		return nil
	}
	return &c.Totals
}

// Line is the line concerned; nil when the whole cart is.
func (p CartProblem) Line() *string { return optional(p.LineID) }

// Item is the SKU concerned; nil when none is.
func (p CartProblem) Item() *string { return optional(p.SKU) }

// CouponNumber is the coupon concerned; nil when none is.
func (p CartProblem) CouponNumber() *string { return optional(p.Coupon) }

// BookID is the address's id in the address book; nil when it was typed in.
func (a *DeliveryAddress) BookID() *string { return optional(a.ID) }

// Title is in the language of the context.
func (d Discount) Title(ctx context.Context) string { return d.Titles.In(ContextOf(ctx).Language) }

// Number is the coupon's; nil when there is none.
func (d Discount) Number() *string { return optional(d.Code) }

// GlobalID is the order's.
func (o *Order) GlobalID() string { return GlobalID(KindOrder, o.ID) }

// IsNode marks a type of the Node interface.
func (*Order) IsNode() {}

// Caller is whom the store may call; nil when nobody was named.
func (o *Order) Caller() *Contact {
	if o.Contact == (Contact{}) {
		return nil
	}
	return &o.Contact
}

// FulfillmentOf is a fulfillment and the order that it is a part of.
type FulfillmentOf struct {
	*Fulfillment
	Order *Order
}

// Proxy is whom the shopper sends to the counter; nil when they come themselves.
func (f FulfillmentOf) Proxy() *Contact {
	if f.Collector == nil {
		return nil
	}
	c := *f.Collector
	c.Other = true
	return &c
}

// Parts are the fulfillments with their order.
func (o *Order) Parts() []FulfillmentOf {
	parts := make([]FulfillmentOf, len(o.Fulfillments))
	for i := range o.Fulfillments {
		parts[i] = FulfillmentOf{Fulfillment: &o.Fulfillments[i], Order: o}
	}
	return parts
}

// Title is in the language of the context.
func (l OrderLine) Title(ctx context.Context) string { return l.Titles.In(ContextOf(ctx).Language) }

// Redirect is where the shopper confirms; nil when nowhere.
func (p Payment) Redirect() *string { return optional(p.RedirectURL) }

// Failure is why it failed; nil when it did not.
func (p Payment) Failure() *string { return optional(p.Reason) }

// Part is the fulfillment concerned; nil when the whole order is.
func (e TimelineEntry) Part() *string { return optional(e.FulfillmentID) }

// GlobalID is the receipt's.
func (r *Receipt) GlobalID() string { return GlobalID(KindReceipt, r.Number) }

// IsNode marks a type of the Node interface.
func (*Receipt) IsNode() {}

// GlobalID is the member's.
func (m *Member) GlobalID() string { return GlobalID(KindMember, m.ID) }

// IsNode marks a type of the Node interface.
func (*Member) IsNode() {}

// Born is the birthday; nil when unknown.
func (p Profile) Born() *Date {
	if p.Birthday == "" {
		return nil
	}
	return &p.Birthday
}

// Title is in the language of the context.
func (e PointEntry) Title(ctx context.Context) string { return e.Titles.In(ContextOf(ctx).Language) }

// Title is in the language of the context.
func (c Coupon) Title(ctx context.Context) string { return c.Titles.In(ContextOf(ctx).Language) }

// Off is the amount taken off; nil for coupons of another kind.
func (c Coupon) Off() *Money {
	if c.Kind != CouponAmountOff {
		return nil
	}
	return &c.Amount
}

// Share is the percentage taken off; nil for coupons of another kind.
func (c Coupon) Share() *int {
	if c.Kind != CouponPercentOff {
		return nil
	}
	return &c.Percent
}

// Least is the least to spend; nil when there is none.
func (c Coupon) Least() *Money {
	if c.MinSpend.Minor == 0 {
		return nil
	}
	return &c.MinSpend
}

// OrderGlobalID is the order's.
func (a Alert) OrderGlobalID() string { return GlobalID(KindOrder, a.OrderID) }

// Part is the fulfillment concerned; nil when the whole order is.
func (a Alert) Part() *string { return optional(a.FulfillmentID) }

// Number is Seq as the API writes it.
func (e Event) Number() int { return int(e.Seq) }

// About is the global id of the order, or the id of the alert, that the event is about.
func (e Event) About() string {
	if e.Kind == EventOrderStatus {
		return GlobalID(KindOrder, e.Subject)
	}
	return e.Subject
}

// EventDatum is one value of an event.
type EventDatum struct{ Name, Value string }

// Values are the event's data by name; an order is named by its global id.
func (e Event) Values() []EventDatum {
	values := make([]EventDatum, 0, len(e.Data))
	for _, name := range slices.Sorted(maps.Keys(e.Data)) {
		value := e.Data[name]
		if name == "orderId" {
			value = GlobalID(KindOrder, value)
		}
		values = append(values, EventDatum{Name: name, Value: value})
	}
	return values
}

// GlobalID is the request's opaque id.
func (r *DataRequest) GlobalID() string { return GlobalID(KindData, r.ID) }

// Answers are the receipts.
func (r *DataRequest) Answers() []*DataReceipt {
	out := make([]*DataReceipt, len(r.Receipts))
	for i := range r.Receipts {
		out[i] = &r.Receipts[i]
	}
	return out
}

// Copy is the document of an export; nil when there is none.
func (r *DataRequest) Copy() *string {
	if len(r.Document) == 0 {
		return nil
	}
	text := string(r.Document)
	return &text
}

// IsNode marks the request as a Node.
func (*DataRequest) IsNode() {}
