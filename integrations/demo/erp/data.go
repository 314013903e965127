package erp

import "time"

// Data is what an ERP starts with.
type Data struct {
	Currency  string // of every price, ISO 4217
	Items     []Item
	Prices    []Price
	Locations []Location
	Hours     []Hours
	Holidays  []Holiday
	Balances  []Balance

	Customers []Customer
	Tiers     []Tier
	Points    []Points
	Coupons   []Coupon
}

// Item is a row of item_mst; Status is A (active) or D (discontinued).
type Item struct{ Code, GTIN, Name, NameEN, Brand, Dept, Status string }

// Kinds of prices.
const (
	PriceList  = "LIST"
	PricePromo = "PROMO"
)

// Price is a row of price_lst. Empty Channel and Tier mean all; a zero To means open-ended.
type Price struct {
	Item, Kind, Channel, Tier string
	Amount                    string // major units, for example "19.90"
	From, To                  time.Time
	Name, NameEN              string
}

// Location is a row of loc_mst; an empty Cutoff means none.
type Location struct {
	Code, Kind, Name, NameEN                          string
	Country, Province, City, District, Line, PostCode string
	Phone                                             string
	Lat, Lon                                          float64
	Zone                                              string
	Pickup, Curbside, Instant                         bool
	PickMinutes                                       int
	Cutoff                                            string
	PickCapacity                                      int
}

// Hours is a row of loc_hrs.
type Hours struct {
	Location      string
	Weekday       int
	Opens, Closes string
}

// Holiday is a row of loc_hol; empty times mean closed.
type Holiday struct{ Location, Date, Opens, Closes, Name string }

// Balance is a row of stk_bal.
type Balance struct {
	Location, SKU string
	Quantity      int
	POSCut        int
	Safety        int
	Ranged        bool
	Version       int64 // given by the ERP; ignored by Seed
	ChangeSeq     int64 // given by the ERP; ignored by Seed
}
