package ordering

import (
	"errors"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// RiskConfig says what makes an order unlike others. A sign whose number is 0 is not looked for.
type RiskConfig struct {
	Window   time.Duration // what counts as within minutes
	Orders   int           // orders of one shopper, or for one phone, within Window, this one counted
	Failures int           // payments of the shopper that failed within Window
	Units    int           // of one SKU in the order
	Methods  int           // payment methods that the shopper tried within Window
	Times    int           // the order comes to more than so many times the most that was bought before
	Amount   int64         // in minor units; an order of less is unlike others by neither payment nor amount
	Earlier  int           // purchases after which it is known what is usual for a shopper
}

// DefaultRiskConfig stops few shoppers who buy for themselves.
func DefaultRiskConfig() RiskConfig {
	return RiskConfig{
		Window: 10 * time.Minute, Orders: 5, Failures: 4, Units: 50, Methods: 3, Times: 5, Amount: 200_000, Earlier: 3,
	}
}

// Bounds of what is read about a shopper.
const (
	maxEarlier = 20    // orders
	maxLately  = 5     // orders, beside one that is too small for anything but its payments to matter
	maxWithin  = 200   // orders that may have a payment within the window
	maxRecent  = 1_000 // orders that are counted
)

// Validate says what is wrong.
func (c RiskConfig) Validate() error {
	switch {
	case min(c.Orders, c.Failures, c.Units, c.Methods, c.Times, c.Earlier) < 0 || c.Amount < 0:
		return errors.New("ordering: a number of the risk settings is negative")
	case (c.Window <= 0 || c.Window > 24*time.Hour) && max(c.Orders, c.Failures, c.Methods) > 0:
		return errors.New("ordering: Risk.Window must be positive and at most a day")
	case c.Orders == 1 || c.Orders > maxRecent:
		return errors.New("ordering: Risk.Orders must be 0 or 2 to 1000")
	case c.Times == 1:
		return errors.New("ordering: Risk.Times must be 0 or above 1")
	case c.Earlier > maxEarlier || c.Times > 0 && c.Earlier < 1:
		return errors.New("ordering: Risk.Earlier must be 1 to 20 where amounts are compared")
	}
	return nil
}

// history is what the ledger knows about the shopper of an order.
type history struct {
	recent  int             // orders within the window, of the shopper or for the phone, the order itself counted
	earlier []*retail.Order // the shopper's latest, newest first; may hold the order itself
	endless bool            // there are more with payments within the window
}

// assess lists what is unusual about an order, each thing once. It depends on its arguments alone.
func assess(c RiskConfig, o *retail.Order, h history) (flags []retail.RiskFlag) {
	flag := func(f retail.RiskFlag, on bool) {
		if on {
			flags = append(flags, f)
		}
	}
	failed, tried := tries(o, h, o.PlacedAt.Add(-c.Window))
	usual := habitsOf(o, h)
	high := o.Totals.Total.Minor > 0 && o.Totals.Total.Minor >= c.Amount
	flag(retail.RiskManyOrders, c.Orders > 0 && h.recent >= c.Orders)
	flag(retail.RiskFailedPayments, c.Failures > 0 && (failed >= c.Failures || h.endless))
	paidBy := payment(o, o.Saga.PaidBy)
	unused := c.Earlier > 0 && usual.purchases >= c.Earlier && paidBy != nil && !slices.Contains(usual.methods, paidBy.Method)
	flag(retail.RiskUnlikePayment, high && (unused || c.Methods > 0 && tried >= c.Methods))
	flag(retail.RiskUnlikeAmount, high && c.Times > 0 && usual.purchases >= c.Earlier && above(o.Totals.Total.Minor, c.Times, usual.most))
	flag(retail.RiskManyUnits, c.Units > 0 && mostUnits(o) >= c.Units)
	return flags
}

// above reports whether amount is more than times the most, without overflow.
func above(amount int64, times int, most int64) bool { return (amount-1)/int64(times) >= most }

// tries counts the failed payments and the methods of payments that were started since then, in the order and in the others.
func tries(o *retail.Order, h history, since time.Time) (failed, methods int) {
	var used []string
	count := func(o *retail.Order) {
		for i := range o.Payments {
			p := &o.Payments[i]
			if p.StartedAt.Before(since) {
				continue
			}
			if p.Status == retail.PaymentFailed {
				failed++
			}
			if !slices.Contains(used, p.Method) {
				used = append(used, p.Method)
			}
		}
	}
	count(o)
	for _, other := range h.earlier {
		if other.ID != o.ID {
			count(other)
		}
	}
	return failed, len(used)
}

// habits are what is usual for a shopper.
type habits struct {
	purchases int
	most      int64 // minor units
	methods   []string
}

// habitsOf looks at what the shopper bought before and kept. What is itself in review, or ended there, says nothing.
func habitsOf(o *retail.Order, h history) (usual habits) {
	for _, other := range h.earlier {
		paidBy := payment(other, other.Saga.PaidBy)
		suspect := other.Review != nil && other.Review.Status != retail.ReviewReleased
		if other.ID == o.ID || paidBy == nil || other.Cancel != nil || suspect ||
			other.Totals.Total.CurrencyCode != o.Totals.Total.CurrencyCode {
			continue
		}
		usual.purchases++
		usual.most = max(usual.most, other.Totals.Total.Minor)
		if !slices.Contains(usual.methods, paidBy.Method) {
			usual.methods = append(usual.methods, paidBy.Method)
		}
	}
	return usual
}

// mostUnits is how many units of one SKU the order has at most.
func mostUnits(o *retail.Order) (most int) {
	units := map[string]int{}
	for i := range o.Lines {
		l := &o.Lines[i]
		units[l.SKU] += l.Quantity
		most = max(most, units[l.SKU])
	}
	return most
}
