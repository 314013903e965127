package demo

import (
	"math/rand/v2"
	"time"
)

const day = 24 * time.Hour

var promotionNames = []Text{{"会员日", "Members' Day"}, {"周末特惠", "Weekend Deal"}, {"换季清仓", "Season Clearance"}, {"双十二", "Double 12"}, {"新客立减", "New Customer Saver"}}

// builtinConditions gives one SKU in four a promotion (a third of them past, present and future each), and a few SKUs
// channel and tier prices. Conditions never raise the price.
func builtinConditions(rng *rand.Rand, v Variant, today time.Time) []Condition {
	var out []Condition
	if rng.IntN(4) == 0 {
		c := Condition{SKU: v.SKU, Promotion: true, Channel: "*", Tier: "*", Name: promotionNames[rng.IntN(len(promotionNames))]}
		c.Amount = discounted(v.List, 10+5*rng.IntN(7))
		length := time.Duration(3+rng.IntN(12)) * day
		switch rng.IntN(3) {
		case 0: // over
			c.To = today.Add(-time.Duration(1+rng.IntN(20)) * day)
			c.From = c.To.Add(-length)
		case 1: // in force, one in four open-ended
			c.From = today.Add(-time.Duration(1+rng.IntN(5)) * day)
			if rng.IntN(4) != 0 {
				c.To = today.Add(length)
			}
		default: // announced
			c.From = today.Add(time.Duration(2+rng.IntN(20)) * day)
			c.To = c.From.Add(length)
		}
		out = append(out, c)
	}
	since := today.Add(-90 * day)
	if rng.IntN(15) == 0 {
		channel := []string{"APP", "MINI_PROGRAM", "PARTNER"}[rng.IntN(3)]
		out = append(out, Condition{SKU: v.SKU, Channel: channel, Tier: "*", Amount: discounted(v.List, 5), From: since})
	}
	if rng.IntN(8) == 0 {
		out = append(out,
			Condition{SKU: v.SKU, Channel: "*", Tier: "GOLD", Amount: discounted(v.List, 8), From: since},
			Condition{SKU: v.SKU, Channel: "*", Tier: "PLATINUM", Amount: discounted(v.List, 12), From: since})
		if rng.IntN(2) == 0 {
			out = append(out, Condition{SKU: v.SKU, Channel: "*", Tier: "SILVER", Amount: discounted(v.List, 3), From: since})
		}
	}
	return out
}

// discounted takes percent off and ends the price on ten fen, as price labels do.
func discounted(price Cents, percent int) Cents {
	return max(10, price*Cents(100-percent)/1000*10)
}

// inForce is the price that everybody pays at the instant at: the list price or the lowest promotion in force.
func inForce(list Cents, conditions []Condition, at time.Time) Cents {
	price := list
	for _, c := range conditions {
		if c.Promotion && c.Channel == "*" && c.Tier == "*" && !at.Before(c.From) && (c.To.IsZero() || at.Before(c.To)) {
			price = min(price, c.Amount)
		}
	}
	return price
}

// builtinStock ranges 85 to 95 % of the SKUs at stores, fewer at front warehouses and all at warehouses. A quarter of
// what a place does not carry was delisted: the ERP still has the row, without the flag.
func builtinStock(rng *rand.Rand, r *Retailer) []Stock {
	var out []Stock
	for _, l := range r.Locations {
		share := map[string]int{KindStore: 85 + rng.IntN(11), KindFrontWarehouse: 60, KindWarehouse: 100}[l.Kind]
		for _, p := range r.Products {
			for _, v := range p.Variants {
				ranged := rng.IntN(100) < share
				if !ranged && rng.IntN(4) != 0 {
					continue
				}
				s := openingStock(rng, l.Kind)
				s.Location, s.SKU, s.Ranged = l.Code, v.SKU, ranged
				out = append(out, s)
			}
		}
	}
	return out
}

func openingStock(rng *rand.Rand, kind string) Stock {
	switch kind {
	case KindWarehouse:
		return Stock{OnHand: 200 + rng.IntN(1800)}
	case KindFrontWarehouse:
		return Stock{OnHand: rng.IntN(50), Safety: rng.IntN(3)}
	}
	return Stock{OnHand: max(0, rng.IntN(44)-3), Safety: rng.IntN(4)}
}
