package erp

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

const maxCoupons = 200

type couponRow struct {
	Number    string  `db:"number"`
	Customer  string  `db:"customer"`
	Kind      string  `db:"kind"`
	Amount    *string `db:"amount"`
	Percent   *int64  `db:"percent"`
	MinSpend  *string `db:"min_spend"`
	Currency  string  `db:"currency"`
	Category  *string `db:"category"`
	Channels  *string `db:"channels"`
	Stackable int64   `db:"stackable"`
	Starts    string  `db:"starts"`
	Ends      string  `db:"ends"`
	Used      int64   `db:"used"`
	UsedFor   *string `db:"used_for"`
	Title     string  `db:"title"`
	TitleEn   *string `db:"title_en"`
}

// coupon reads a row as it stands at an instant; ok is false when a coupon of that form could be misread.
func (c *Client) coupon(now time.Time) func(r couponRow) (retail.Coupon, bool) {
	return func(r couponRow) (out retail.Coupon, ok bool) {
		starts, startsErr := time.Parse(time.RFC3339, r.Starts)
		ends, endsErr := time.Parse(time.RFC3339, r.Ends)
		out = retail.Coupon{
			Number: r.Number, CustomerNo: r.Customer, Titles: retail.Text{Chinese: r.Title, English: text(r.TitleEn)},
			Kind: retail.CouponKind(r.Kind), Category: text(r.Category), Stackable: r.Stackable == 1,
			ValidFrom: starts.UTC(), ValidUntil: ends.UTC(), UsedFor: text(r.UsedFor),
		}
		switch {
		case r.Used == 1:
			out.Status = retail.CouponUsed
		case !now.Before(ends):
			out.Status = retail.CouponExpired
		default:
			out.Status = retail.CouponUsable
		}
		var okChannels bool
		okMin := true
		if text(r.MinSpend) != "" {
			out.MinSpend, okMin = c.price(*r.MinSpend, r.Currency)
		}
		out.Channels, okChannels = channels(text(r.Channels))
		ok = validKey(r.Number) && validKey(r.Customer) && startsErr == nil && endsErr == nil && okMin && okChannels &&
			(r.Used == 0 || r.Used == 1) && (r.Stackable == 0 || r.Stackable == 1)
		return out, c.value(&out, r) && ok
	}
}

// value reads what the coupon takes off.
func (c *Client) value(out *retail.Coupon, r couponRow) (ok bool) {
	switch out.Kind {
	case retail.CouponAmountOff:
		out.Amount, ok = c.price(text(r.Amount), r.Currency)
		return ok && out.Amount.Minor > 0
	case retail.CouponPercentOff:
		if r.Percent == nil || *r.Percent < 1 || *r.Percent > 100 {
			return false
		}
		out.Percent = int(*r.Percent)
		return true
	}
	return out.Kind == retail.CouponDelivery
}

// price reads an amount that is not negative and in the ERP's currency.
func (c *Client) price(amount, currency string) (retail.Money, bool) {
	m, err := retail.ParseMoney(amount, currency)
	return m, err == nil && m.Minor >= 0 && currency == c.cfg.Currency
}

func channels(list string) (out []retail.Channel, ok bool) {
	if list == "" {
		return nil, true
	}
	for name := range strings.SplitSeq(list, ",") {
		ch := retail.Channel(strings.TrimSpace(name))
		if !ch.Valid() {
			return nil, false
		}
		out = append(out, ch)
	}
	return out, true
}

// Coupons lists the customer's coupons, those that end last first, 200 at most.
func (c *Client) Coupons(ctx context.Context, number string) ([]retail.Coupon, error) {
	if !validKey(number) {
		return nil, nil
	}
	return c.coupons(ctx, number, "")
}

func (c *Client) coupons(ctx context.Context, customer, coupon string) ([]retail.Coupon, error) {
	found, err := lookUp[couponRow](ctx, c, "coupons", map[string]any{
		"customer": customer, "coupon": coupon, "limit": maxCoupons,
	}, maxCoupons)
	if err != nil {
		return nil, err
	}
	return readable(c, "coupons", found.rows, c.coupon(c.now()))
}

// Redeem uses a coupon for a reference at an instant. It refuses with WhyCouponRejected when the coupon is used for
// something else, out of its time, somebody else's or unknown; the last two read the same.
func (c *Client) Redeem(ctx context.Context, couponNumber, customerNo, reference string, at time.Time) error {
	if !validKey(reference) || at.IsZero() {
		return retail.BadInput("a coupon is used for a reference at an instant")
	}
	if !validKey(couponNumber) || !validKey(customerNo) {
		return couponRefused("there is no such coupon")
	}
	affected, err := c.change(ctx, "coupon_redeem", map[string]any{
		"coupon": couponNumber, "customer": customerNo, "reference": reference, "at": instant(at),
	})
	if err != nil || affected > 0 {
		return err
	}
	list, err := c.coupons(ctx, "", couponNumber)
	if err != nil {
		return err
	}
	return whyNot(list, couponNumber, customerNo, reference, at)
}

// whyNot says why a coupon was not used.
func whyNot(list []retail.Coupon, number, customerNo, reference string, at time.Time) error {
	for _, x := range list {
		switch {
		case x.Number != number || x.CustomerNo != customerNo:
			continue
		case x.Status == retail.CouponUsed && x.UsedFor != reference:
			return couponRefused("the coupon is used")
		case at.Before(x.ValidFrom):
			return couponRefused("the coupon cannot be used yet")
		case !at.Before(x.ValidUntil):
			return couponRefused("the coupon has expired")
		}
		// It could be used, yet was not: a replica that lags behind, or another order gave it back this moment.
		return retail.Unavailable(retail.SourceERP, errors.New("erp: coupon_redeem: the coupon is not as it was"))
	}
	return couponRefused("there is no such coupon")
}

func couponRefused(message string) error { return retail.Refuse(retail.WhyCouponRejected, "", message) }

// Release makes a coupon usable again that was used for the reference; any other stays as it is.
func (c *Client) Release(ctx context.Context, couponNumber, reference string) error {
	if !validKey(couponNumber) || !validKey(reference) {
		return nil
	}
	_, err := c.change(ctx, "coupon_release", map[string]any{"coupon": couponNumber, "reference": reference})
	return err
}
