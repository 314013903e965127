package returns

import (
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// batch is the units of one order line that one fulfillment brought to the shopper.
type batch struct {
	fulfillment string
	left        time.Time
	units       int
	back        int // of them, those that came back or are asked for
}

// batches lists what reached the shopper of a line, oldest first, so that the units with the nearest deadline go back first.
func batches(o *retail.Order, lineID string) []batch {
	var list []batch
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		if !arrived(f) {
			continue
		}
		for _, l := range f.Lines {
			if l.LineID == lineID && l.Quantity > l.Rejected {
				list = append(list, batch{fulfillment: f.ID, left: *f.LeftAt, units: l.Quantity - l.Rejected})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b batch) int { return a.left.Compare(b.left) })
	for i := range list {
		for _, r := range o.Returns {
			list[i].back += unitsOf(&r, lineID, list[i].fulfillment)
		}
	}
	return list
}

func arrived(f *retail.Fulfillment) bool {
	return (f.Status == retail.FulfillmentCollected || f.Status == retail.FulfillmentDelivered) && f.LeftAt != nil
}

// unitsOf counts the units of a line that a return takes out of a fulfillment.
func unitsOf(r *retail.Return, lineID, fulfillmentID string) int {
	n := 0
	if r.Status == retail.ReturnCancelled {
		return n
	}
	for _, l := range r.Lines {
		if l.LineID == lineID && l.FulfillmentID == fulfillmentID {
			n += l.Quantity
		}
	}
	return n
}

// lost counts the units of a line that were given up before they reached the shopper. Their money went back when that was
// known.
func lost(o *retail.Order, lineID string) int {
	n := 0
	for i := range o.Fulfillments {
		for _, l := range o.Fulfillments[i].Lines {
			if l.LineID == lineID {
				n += l.Refunded
			}
		}
	}
	return n
}

// given is the units of a line that need no refund any more, or have one coming, and the money that goes with them.
func given(o *retail.Order, line *retail.OrderLine) (units int, minor int64) {
	units = lost(o, line.ID)
	minor = line.Price.Share(units, line.Quantity).Minor
	for _, r := range o.Returns {
		if r.Status == retail.ReturnCancelled {
			continue
		}
		for _, l := range r.Lines {
			if l.LineID == line.ID {
				units += l.Quantity
				minor += l.Amount.Minor
			}
		}
	}
	return units, minor
}

// appraise sets what each line of a return that is not part of the order yet is worth, and returns the sum. A line's worth
// completes the share of all units given so far, so that returning one by one, with requests withdrawn in between,
// adds up to what was paid.
func appraise(o *retail.Order, lines []retail.ReturnLine) retail.Money {
	sum := retail.Money{CurrencyCode: o.Totals.Total.CurrencyCode}
	for i := range lines {
		l := &lines[i]
		line := lineOf(o, l.LineID)
		if line == nil || l.Quantity < 1 {
			continue
		}
		units, minor := given(o, line)
		for _, before := range lines[:i] {
			if before.LineID == l.LineID {
				units += before.Quantity
				minor += before.Amount.Minor
			}
		}
		l.Amount = line.Price.Share(units+l.Quantity, line.Quantity)
		l.Amount.Minor = max(0, l.Amount.Minor-minor)
		sum.Minor += l.Amount.Minor
	}
	return sum
}
