package retail

import "time"

// PurchaseKey orders purchases, newest first; equal instants by source and number. Its text is the cursor's.
type PurchaseKey struct {
	At     time.Time
	Source Source // POS for receipts, SHOP for online orders
	Number string
}

// Before reports whether p comes after q in a list that is newest first.
func (p PurchaseKey) Before(q PurchaseKey) bool {
	switch {
	case !p.At.Equal(q.At):
		return p.At.Before(q.At)
	case p.Source != q.Source:
		return p.Source > q.Source
	}
	return p.Number > q.Number
}

// ShopOrder is an online order as the shop lists it, through the gateway or not.
type ShopOrder struct {
	Number   string
	PlacedAt time.Time
	Status   string // in the shop's words
	Total    Money
	Lines    []ReceiptLine
}

// Receipt is a purchase or return at a till.
type Receipt struct {
	Number       string
	LocationCode string
	At           time.Time
	CardNumber   string
	Lines        []ReceiptLine
	Total        Money  // negative for a return
	OrderRef     string // reference of the fulfillment that was collected; empty for a purchase at the till
}

// ReceiptLine is one line of a receipt; a return's quantity is negative.
type ReceiptLine struct {
	SKU      string
	Quantity int
	Total    Money
}
