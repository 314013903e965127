package retail

import (
	"encoding/base64"
	"strings"
)

// Kinds of objects that have a global id; the GraphQL type names.
const (
	KindProduct  = "Product"
	KindVariant  = "ProductVariant"
	KindCategory = "Category"
	KindLocation = "Location"
	KindCart     = "Cart"
	KindHold     = "StockHold"
	KindOrder    = "Order"
	KindReceipt  = "Receipt"
	KindMember   = "Member"
	KindFeedback = "Feedback"
	KindData     = "DataRequest"
)

// GlobalID makes the opaque id of the object of this kind with this key.
func GlobalID(kind, key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(kind + ":" + key))
}

// ParseGlobalID is the inverse of GlobalID; ok is false for anything that GlobalID did not make.
func ParseGlobalID(id string) (kind, key string, ok bool) {
	if len(id) > 200 {
		return "", "", false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil {
		return "", "", false
	}
	kind, key, ok = strings.Cut(string(raw), ":")
	if !ok || key == "" || GlobalID(kind, key) != id { // the decoder skips line breaks
		return "", "", false
	}
	switch kind {
	case KindProduct, KindVariant, KindCategory, KindLocation, KindCart, KindHold, KindOrder, KindReceipt, KindMember,
		KindFeedback, KindData:
		return kind, key, true
	}
	return "", "", false
}
