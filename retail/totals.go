package retail

// Totals is what a cart or an order comes to.
type Totals struct {
	Subtotal  Money // units × unit prices
	Discounts []Discount
	Delivery  Money
	Total     Money
}

// Discount is money taken off.
type Discount struct {
	Kind   DiscountKind
	Code   string // coupon number; empty otherwise
	Titles Text
	Amount Money // positive
}

// DiscountKind is where a discount comes from.
type DiscountKind string

// Discount kinds.
const (
	DiscountCoupon   DiscountKind = "COUPON"
	DiscountDelivery DiscountKind = "DELIVERY"
)

// LinePrice is what one line comes to.
type LinePrice struct {
	List     Money // per unit, before promotion and tier
	Unit     Money // per unit, what this shopper pays before coupons
	Discount Money // the line's share of coupons; the shares of all lines add up to the coupons
	Total    Money // quantity × Unit − Discount
	Reason   PriceReason
}

// PriceReason is why a unit costs what it costs.
type PriceReason string

// Price reasons.
const (
	PriceRegular   PriceReason = "REGULAR"
	PricePromotion PriceReason = "PROMOTION"
	PriceTier      PriceReason = "TIER"
)

// Share is what the first units of a line of the quantity come to, rounded down: taking unit after unit adds up to Total.
func (p LinePrice) Share(units, quantity int) Money {
	m := p.Total
	if quantity > 0 && units < quantity {
		m.Minor = m.Minor/int64(quantity)*int64(units) + m.Minor%int64(quantity)*int64(units)/int64(quantity)
	}
	return m
}
