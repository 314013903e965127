package stock

import "github.com/portico-retail/portico/retail"

// Promise computes what can be promised from a cell:
//
//	ATP = onHand − (sold − cut) − allocated − ordered − held − safety, never below zero
//
// sold is the tills' cumulative counter and cut the part of it that the ERP's book quantity already contains, so their
// difference is what the tills sold since the ERP last booked them. A counter that was never stated counts as booked.
// allocated is the shop's, ordered the gateway's own; together they are Breakdown.Allocated.
func (c *Cell) Promise() Breakdown {
	b := Breakdown{
		OnHand: int(c.OnHand), Allocated: int(c.Allocated) + int(c.Ordered), Held: int(c.Held), SafetyStock: int(c.Safety),
	}
	if c.SoldVer > 0 {
		b.UnsyncedSales = int(c.Sold) - int(c.Cut)
	}
	b.AvailableToPromise = max(0, b.beforeSafety()-b.SafetyStock)
	return b
}

// beforeSafety is what there would be to promise without safety stock; it may be negative.
func (b *Breakdown) beforeSafety() int {
	return b.OnHand - b.UnsyncedSales - b.Allocated - b.Held
}

// supply is what there would be to promise if nobody had a claim; it may be negative.
func (c *Cell) supply() int {
	b := c.Promise()
	return b.beforeSafety() - b.SafetyStock + int(c.Ordered) + int(c.Held)
}

// Ranged reports whether the ERP has stated that the place carries the SKU.
func (c *Cell) Ranged() bool { return c.OnHandVer > 0 && c.Carried }

// version is the version of a source's register.
func (c *Cell) version(source retail.Source) uint32 {
	switch source {
	case retail.SourceERP:
		return c.OnHandVer
	case retail.SourcePOS:
		return c.SoldVer
	case retail.SourceShop:
		return c.AllocVer
	}
	return 0
}

// Put writes f into its source's register if f is newer than what the register holds, and reports whether it did.
func (c *Cell) Put(f *Fact) bool {
	switch f.Source {
	case retail.SourceERP:
		if f.Version <= c.OnHandVer {
			return false
		}
		c.OnHand, c.Cut, c.Safety, c.OnHandVer = f.Value, f.Cut, min(f.Safety, MaxSafety), f.Version
		c.Carried = f.Ranged
	case retail.SourcePOS:
		if f.Version <= c.SoldVer {
			return false
		}
		c.Sold, c.SoldVer = f.Value, f.Version
	case retail.SourceShop:
		if f.Version <= c.AllocVer {
			return false
		}
		c.Allocated, c.AllocVer = f.Value, f.Version
	default:
		return false
	}
	return true
}

// level puts a promise in words. A place that does not carry the SKU has none of it; when a source is silent nobody knows.
func (p Policy) level(ranged, known bool, atp int) Level {
	switch {
	case !known:
		return Unknown
	case !ranged || atp == 0:
		return OutOfStock
	case atp <= p.LowStock:
		return LowStock
	}
	return InStock
}

// disclose rounds a quantity down to what the asker may see.
func (p Policy) disclose(atp int, detail bool) Quantity {
	if !detail && atp > p.QuantityCap {
		return Quantity{Value: p.QuantityCap, Precision: retail.AtLeast}
	}
	return Quantity{Value: atp, Precision: retail.Exact}
}
