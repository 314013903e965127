package pricing

import (
	"fmt"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Reason is why a coupon takes nothing off.
type Reason string

// Reasons.
const (
	Unusable     Reason = "UNUSABLE"      // used already, expired by its status, or unreadable
	NotInForce   Reason = "NOT_IN_FORCE"  // too early or too late
	OtherChannel Reason = "OTHER_CHANNEL" // not good in this channel
	Repeated     Reason = "REPEATED"      // entered before
	NotStackable Reason = "NOT_STACKABLE" // it, or the one before it, stands alone
	NoLines      Reason = "NO_LINES"      // nothing in its category
	BelowMinimum Reason = "BELOW_MINIMUM" // its lines come to less than it asks for
	NoEffect     Reason = "NO_EFFECT"     // there is nothing left to take off
)

// Usable says why the coupon cannot be used at now in the channel, whatever the lines are; nil when it can.
func Usable(c *retail.Coupon, channel retail.Channel, now time.Time) *Rejection {
	switch {
	case c.Status == retail.CouponUsed:
		return reject(c, Unusable, "The coupon was used already.")
	case c.Status == retail.CouponExpired, !c.ValidUntil.IsZero() && !now.Before(c.ValidUntil):
		return reject(c, NotInForce, "The coupon has expired.")
	case c.Status != retail.CouponUsable:
		return reject(c, Unusable, "The coupon cannot be used.")
	case now.Before(c.ValidFrom):
		return reject(c, NotInForce, "The coupon is not valid yet.")
	case len(c.Channels) > 0 && !slices.Contains(c.Channels, channel):
		return reject(c, OtherChannel, "The coupon is not valid in this channel.")
	}
	return nil
}

func reject(c *retail.Coupon, reason Reason, message string) *Rejection {
	return &Rejection{Number: c.Number, Reason: reason, Message: message}
}

// coupon applies one coupon or rejects it.
func (p *pricing) coupon(c *retail.Coupon) {
	discount, lines, rejected := p.weigh(c)
	if rejected != nil {
		p.result.Rejected = append(p.result.Rejected, *rejected)
		return
	}
	kind := retail.DiscountCoupon
	if c.Kind == retail.CouponDelivery {
		kind = retail.DiscountDelivery
		p.fee -= discount
	} else {
		p.share(discount, lines)
	}
	p.alone = !c.Stackable
	p.result.Applied = append(p.result.Applied, c.Number)
	p.result.Totals.Discounts = append(p.result.Totals.Discounts, retail.Discount{
		Kind: kind, Code: c.Number, Titles: c.Titles, Amount: p.money(discount),
	})
}

// weigh computes what the coupon takes off, and off which lines.
func (p *pricing) weigh(c *retail.Coupon) (discount int64, lines []int, rejected *Rejection) {
	if rejected := Usable(c, p.in.Channel, p.in.Now); rejected != nil {
		return 0, nil, rejected
	}
	if slices.Contains(p.result.Applied, c.Number) {
		return 0, nil, reject(c, Repeated, "The coupon was entered before.")
	}
	if p.alone || (!c.Stackable && len(p.result.Applied) > 0) {
		return 0, nil, reject(c, NotStackable, "The coupon cannot be combined with the one before it.")
	}
	var spend, left int64
	for i, line := range p.in.Lines {
		if c.Category == "" || slices.Contains(line.Categories, c.Category) {
			lines = append(lines, i)
			spend += p.result.Lines[i].Unit.Minor * int64(line.Quantity)
			left += p.left[i]
		}
	}
	if len(lines) == 0 {
		return 0, nil, reject(c, NoLines, "The coupon is for nothing in the cart.")
	}
	if c.MinSpend.Minor > 0 {
		if c.MinSpend.CurrencyCode != p.in.Currency {
			return 0, nil, reject(c, Unusable, "The coupon is for another currency.")
		}
		if spend < c.MinSpend.Minor {
			return 0, nil, reject(c, BelowMinimum,
				fmt.Sprintf("The coupon asks for %s %s or more.", c.MinSpend.Amount(), c.MinSpend.CurrencyCode))
		}
	}
	switch {
	case c.Kind == retail.CouponAmountOff && c.Amount.CurrencyCode == p.in.Currency:
		discount = min(c.Amount.Minor, left)
	case c.Kind == retail.CouponPercentOff && c.Percent >= 1 && c.Percent <= 100:
		// left is at most 50 × 999 × MaxUnitPrice, a hundredfold of which fits.
		discount = (left*int64(c.Percent) + 50) / 100
	case c.Kind == retail.CouponDelivery:
		discount = p.fee
	default:
		return 0, nil, reject(c, Unusable, "The coupon cannot be used here.")
	}
	if discount <= 0 {
		return 0, nil, reject(c, NoEffect, "There is nothing left that the coupon could take off.")
	}
	return discount, lines, nil
}
