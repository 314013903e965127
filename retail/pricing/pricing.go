// Package pricing says what lines come to for one shopper. Cart and order are priced by the same function, so that the total
// a shopper agrees to is the total that is paid. It asks nobody and has no clock.
package pricing

import (
	"time"

	"github.com/portico-retail/portico/retail"
)

// MaxUnitPrice is the highest unit price in minor units that is believed: with it no sum of a cart overflows. A price
// above it counts as unknown.
const MaxUnitPrice = 1_000_000_000_000

// Line is units of one SKU.
type Line struct {
	ID         string // breaks ties, so that the order of the lines does not matter
	SKU        string
	Quantity   int           // 1 to retail.MaxLineQuantity
	Categories []string      // codes of every category that the product is in, ancestors too
	Price      *retail.Price // nil when nobody knows it
}

// Input is everything that a price depends on.
type Input struct {
	Lines    []Line // retail.MaxCartLines at most: those behind have no price
	Tier     retail.MemberTier
	Channel  retail.Channel
	Coupons  []retail.Coupon // in the order entered
	Delivery retail.Money    // fee before coupons; one that is negative or in another currency counts as none
	Currency string          // ISO 4217, of everything
	Now      time.Time
}

// Result is what the lines come to.
type Result struct {
	Lines  []*retail.LinePrice // in the order of the input; nil for a line without a price
	Totals retail.Totals
	// Complete is false when a line has no price. Nobody knows then what the whole comes to: the totals are zero, and coupons
	// are neither applied nor rejected.
	Complete bool
	Applied  []string // coupon numbers
	Rejected []Rejection
}

// Rejection says why a coupon takes nothing off.
type Rejection struct {
	Number  string
	Reason  Reason
	Message string // safe to show
}

// Price prices lines. The rules:
//
//   - A unit costs the lowest of the regular price, the promotion in force and the price of the shopper's own tier. A price
//     in another currency, below zero or above MaxUnitPrice is unknown.
//   - Coupons apply in the order entered, each to what its lines still cost after those before it. A coupon for a category
//     is for the lines of that category, any other for all lines.
//   - A coupon that cannot be stacked stands alone: it is rejected behind another one and rejects all behind it.
//   - The minimum spend is compared with units × unit prices of the lines that the coupon is for, before all coupons.
//   - A percentage is rounded half up to the minor unit. An amount is at most what its lines still cost. A coupon that
//     would take nothing off is rejected, so that it is not used up for nothing.
//   - Each coupon is shared out among its lines in proportion to what they still cost, by the largest remainder and then by
//     line id, so that the shares add up exactly and no line falls below zero.
//   - Free delivery takes off the delivery fee, once.
//   - Total = subtotal − discounts + delivery, which is never negative.
//
// A further coupon behind the others never makes the total higher, and the order of the lines changes nothing.
func Price(in Input) Result {
	p := pricing{in: in, left: make([]int64, len(in.Lines))}
	p.lines()
	if p.result.Complete {
		for i := range in.Coupons {
			p.coupon(&in.Coupons[i])
		}
		p.total()
	}
	return p.result
}

// pricing is one calculation.
type pricing struct {
	in     Input
	left   []int64 // what each line still costs
	alone  bool    // a coupon that cannot be stacked was applied
	fee    int64   // what delivery still costs
	result Result
}

// lines prices the lines before coupons.
func (p *pricing) lines() {
	p.result.Lines = make([]*retail.LinePrice, len(p.in.Lines))
	p.result.Complete = true
	var subtotal int64
	for i, line := range p.in.Lines {
		price, ok := Unit(line.Price, p.in.Tier, p.in.Currency, p.in.Now)
		if !ok || i >= retail.MaxCartLines || line.Quantity < 1 || line.Quantity > retail.MaxLineQuantity {
			p.result.Complete = false
			continue
		}
		p.left[i] = price.Unit.Minor * int64(line.Quantity)
		price.Total = p.money(p.left[i])
		p.result.Lines[i] = &price
		subtotal += p.left[i]
	}
	if !p.result.Complete {
		return
	}
	if p.in.Delivery.CurrencyCode == p.in.Currency {
		p.fee = min(max(0, p.in.Delivery.Minor), MaxUnitPrice)
	}
	p.result.Totals = retail.Totals{Subtotal: p.money(subtotal), Delivery: p.money(p.fee)}
}

// Unit prices one unit before coupons (see Price); ok is false when nobody knows a price in the currency. Its Total is the
// unit's.
func Unit(price *retail.Price, tier retail.MemberTier, currency string, now time.Time) (unit retail.LinePrice, ok bool) {
	if price == nil || !believable(price.Current, currency) {
		return retail.LinePrice{}, false
	}
	unit = retail.LinePrice{
		List: price.List, Unit: price.Current, Reason: retail.PriceRegular, Discount: retail.Money{CurrencyCode: currency},
	}
	if pr := price.Promotion; pr != nil && believable(pr.Price, currency) && inForce(pr, now) && pr.Price.Minor <= unit.Unit.Minor {
		unit.Unit, unit.Reason = pr.Price, retail.PricePromotion
	}
	for _, t := range price.Tiers {
		if tier != "" && t.Tier == tier && believable(t.Price, currency) && t.Price.Minor < unit.Unit.Minor {
			unit.Unit, unit.Reason = t.Price, retail.PriceTier
		}
	}
	if !believable(unit.List, currency) || unit.List.Minor < unit.Unit.Minor {
		unit.List = unit.Unit // a channel may ask more than the list says
	}
	unit.Total = unit.Unit
	return unit, true
}

func believable(m retail.Money, currency string) bool {
	return m.CurrencyCode == currency && m.Minor >= 0 && m.Minor <= MaxUnitPrice
}

func inForce(p *retail.Promotion, now time.Time) bool {
	return !now.Before(p.StartsAt) && (p.EndsAt == nil || now.Before(*p.EndsAt))
}

// total adds up.
func (p *pricing) total() {
	total := p.fee
	for i, price := range p.result.Lines {
		price.Total = p.money(p.left[i])
		price.Discount = p.money(price.Unit.Minor*int64(p.in.Lines[i].Quantity) - p.left[i])
		total += p.left[i]
	}
	p.result.Totals.Total = p.money(total)
}

func (p *pricing) money(minor int64) retail.Money {
	return retail.Money{Minor: minor, CurrencyCode: p.in.Currency}
}
