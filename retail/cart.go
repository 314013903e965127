package retail

import "time"

// FulfillmentMethod is how goods reach the shopper.
type FulfillmentMethod string

// Fulfillment methods.
const (
	MethodPickup      FulfillmentMethod = "PICKUP"           // collected inside a store
	MethodCurbside    FulfillmentMethod = "CURBSIDE"         // brought to the kerb
	MethodAppointment FulfillmentMethod = "APPOINTMENT"      // handed over by an associate at an agreed time
	MethodInstant     FulfillmentMethod = "INSTANT_DELIVERY" // within 30 minutes, from a store or front warehouse
	MethodShipping    FulfillmentMethod = "SHIPPING"         // by parcel
)

// Visits reports whether the shopper comes to the place.
func (m FulfillmentMethod) Visits() bool {
	return m == MethodPickup || m == MethodCurbside || m == MethodAppointment
}

// Valid reports whether m is one of the methods.
func (m FulfillmentMethod) Valid() bool {
	return m.Visits() || m == MethodInstant || m == MethodShipping
}

// Cart is a shopper's cart as the shop keeps it; prices and problems are computed when it is read.
type Cart struct {
	ID        string // of the shop, opaque
	Owner     string // Actor.Key
	Version   int    // grows with every change
	Lines     []CartLine
	Coupons   []string // coupon numbers, in the order entered
	Address   *DeliveryAddress
	Note      string
	OrderID   string // the order that it became; empty while open
	UpdatedAt time.Time
}

// CartLine is one line of a cart.
type CartLine struct {
	ID           string
	SKU          string
	Quantity     int
	Method       FulfillmentMethod
	LocationCode string // of methods that visit; empty otherwise
	SeenPrice    Money  // unit price when the shopper last saw it; zero currency when never
}

// DeliveryAddress is where and to whom something goes.
type DeliveryAddress struct {
	ID        string // in the shop's address book; empty for one typed in
	Recipient string
	Phone     string // E.164
	Address   Address
	Position  *GeoPoint // nil when unknown
}

// Bounds of a cart.
const (
	MaxCartLines    = 50
	MaxLineQuantity = 999
	MaxCartCoupons  = 5
	MaxNoteLength   = 500
)
