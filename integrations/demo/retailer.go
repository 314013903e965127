// Package demo is a whole retailer to try Portico with: one neutral set of data (Retailer), three stand-in backends that
// serve it over the wires of docs/wires.md (packages erp, pos and shop below), a simulated trade that keeps moving
// (Sim), simulated shoppers who use the gateway as apps do (Shoppers), and the replay of a real trade file with a check of
// every number (Replay).
//
// It shares no code with the gateway, so that a mistake in an adapter cannot hide in its stand-in.
//
// What it does not emulate: transfers between places and price changes at the tills.
package demo

import (
	"fmt"
	"time"
)

// Retailer is the truth that the three backends are filled from.
type Retailer struct {
	Currency   string // ISO 4217, two minor digits
	Locations  []Location
	Categories []Category // parents before children
	Products   []Product
	Conditions []Condition // promotions, channel and tier prices
	Stock      []Stock     // ordered by location, then SKU; a pair without an entry is not ranged
	Tiers      []Tier      // lowest first
	People     []Person
}

// Cents is an amount in hundredths of the retailer's currency.
type Cents int64

// String writes the amount in major units, for example "19.90".
func (c Cents) String() string {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	return fmt.Sprintf("%s%d.%02d", sign, c/100, c%100)
}

// Text is one text in both languages of the catalog.
type Text struct{ Chinese, English string }

// Kinds of locations.
const (
	KindStore          = "S"
	KindFrontWarehouse = "F"
	KindWarehouse      = "W"
)

// Location is a place that holds stock.
type Location struct {
	Code     string
	Kind     string
	Name     Text
	Country  string // ISO 3166-1 alpha-2, empty when unknown
	Province string
	City     string
	District string
	Line     string
	PostCode string
	Phone    string
	Lat, Lon float64 // WGS-84
	Zone     string  // IANA
	Hours    []Hours
	Holidays []Holiday
	Pickup   Pickup
}

// Hours are the opening hours of one weekday, 1 Monday to 7 Sunday; "24:00" is midnight at the end of the day.
type Hours struct {
	Weekday       int
	Opens, Closes string
}

// Holiday is a day with other hours; Opens and Closes are empty when the place is closed.
type Holiday struct {
	Date          string // YYYY-MM-DD
	Name          string
	Opens, Closes string
}

// Pickup says how a place hands out orders.
type Pickup struct {
	Inside, Curbside, Instant bool
	Minutes                   int    // to pick one order
	Cutoff                    string // last order time for collection on the same day, empty when none
	Capacity                  int    // open pick tasks, 0 when unlimited
}

// Category is a shelf; Parent is empty at the top.
type Category struct {
	ID, Parent string
	Title      Text
	Position   int
}

// Product is what the shop shows as one thing.
type Product struct {
	ID, Handle  string
	Title       Text
	Description Text
	Brand       string
	Categories  []string
	Media       []Media
	Attributes  []Attribute
	Variants    []Variant
	UpdatedAt   time.Time
}

// Media kinds.
const (
	MediaImage   = "IMAGE"
	MediaVideo   = "VIDEO"
	MediaModel3D = "MODEL_3D"
)

// Media is a picture, video or 3-D model.
type Media struct {
	Kind, URL, MIME string
	Alt             Text
}

// Attribute is a named fact.
type Attribute struct{ Name, Value Text }

// Variant is the sellable unit. Prices are zero when the SKU has none.
type Variant struct {
	SKU, GTIN    string
	Title        Text
	Options      []Attribute
	List         Cents // the ERP's list price
	Web, Till    Cents // what the shop and the tills ask
	Discontinued bool
}

// Condition is a price of the ERP beside the list price. Channel and Tier are "*" for all.
type Condition struct {
	SKU           string
	Promotion     bool
	Channel, Tier string
	Amount        Cents
	From          time.Time
	To            time.Time // exclusive; zero when open-ended
	Name          Text
}

// Stock is the opening stock of a pair that the ERP knows.
type Stock struct {
	Location, SKU string
	OnHand        int
	Safety        int
	Ranged        bool
}

// Pair is one SKU at one place.
type Pair struct{ Location, SKU string }
