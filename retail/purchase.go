package retail

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

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

// Cursor is the opaque cursor of the purchase with this key. It names the purchase, not a position, so it stays good while
// new purchases arrive.
func (p PurchaseKey) Cursor() string {
	at := strconv.FormatInt(p.At.Unix(), 36) + ":" + strconv.FormatInt(int64(p.At.Nanosecond()), 36)
	return base64.RawURLEncoding.EncodeToString([]byte("p1:" + at + ":" + string(p.Source) + ":" + p.Number))
}

// ParsePurchaseCursor is the inverse of PurchaseKey.Cursor; the instant is in UTC.
func ParsePurchaseCursor(cursor string) (PurchaseKey, error) {
	bad := BadInput("after is not a cursor of this list")
	if len(cursor) > 300 {
		return PurchaseKey{}, bad
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	parts := strings.SplitN(string(raw), ":", 5)
	if err != nil || len(parts) != 5 || parts[0] != "p1" {
		return PurchaseKey{}, bad
	}
	seconds, serr := strconv.ParseInt(parts[1], 36, 64)
	nanos, nerr := strconv.ParseInt(parts[2], 36, 64)
	if serr != nil || nerr != nil || nanos < 0 || nanos >= int64(time.Second) {
		return PurchaseKey{}, bad
	}
	k := PurchaseKey{At: time.Unix(seconds, nanos).UTC(), Source: Source(parts[3]), Number: parts[4]}
	if (k.Source != SourcePOS && k.Source != SourceShop) || k.Number == "" || k.At.Year() < 1 || k.At.Year() > 9999 || k.Cursor() != cursor {
		return PurchaseKey{}, bad
	}
	return k, nil
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
