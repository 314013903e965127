package retail

import (
	"context"
	"math"
	"time"
)

// LocationKind is what a place is.
type LocationKind string

// Kinds of locations.
const (
	Store          LocationKind = "STORE"
	FrontWarehouse LocationKind = "FRONT_WAREHOUSE"
	Warehouse      LocationKind = "WAREHOUSE"
)

// PickupService is a way to get an order from a place.
type PickupService string

// Services.
const (
	ServicePickup   PickupService = "PICKUP"
	ServiceCurbside PickupService = "CURBSIDE"
	ServiceInstant  PickupService = "INSTANT_DELIVERY"
)

// Location is a place that holds stock. Locations are immutable once published.
type Location struct {
	Code     string
	Names    Text
	Kind     LocationKind
	Address  Address
	Position GeoPoint
	Zone     *time.Location
	Hours    []OpeningHours // Monday first
	Holidays []HolidayHours // by date
	Services []PickupService
	Pickup   *PickupSettings // nil when the place hands out no pickup orders
}

// ID is the global id.
func (l *Location) ID() string { return GlobalID(KindLocation, l.Code) }

// Name is in the language of the context.
func (l *Location) Name(ctx context.Context) string { return l.Names.In(ContextOf(ctx).Language) }

// TimeZone is the IANA name.
func (l *Location) TimeZone() string { return l.Zone.String() }

// Offers reports whether the place has the service.
func (l *Location) Offers(s PickupService) bool {
	for _, have := range l.Services {
		if have == s {
			return true
		}
	}
	return false
}

// IsNode marks a type of the Node interface.
func (*Location) IsNode() {}

// Address is a postal address; empty parts are unknown.
type Address struct {
	CountryCode string // ISO 3166-1 alpha-2
	Province    string
	City        string
	District    string
	Line        string
	PostalCode  string
}

// GeoPoint is a point on the earth, WGS-84 degrees.
type GeoPoint struct {
	Latitude  float64
	Longitude float64
}

// Valid reports whether the point lies on the earth.
func (p GeoPoint) Valid() bool {
	return p.Latitude >= -90 && p.Latitude <= 90 && p.Longitude >= -180 && p.Longitude <= 180
}

// DistanceKm is the great-circle distance by the haversine formula on a sphere of the mean earth radius, 6371.0088 km.
func (p GeoPoint) DistanceKm(q GeoPoint) float64 {
	const rad, earthKm = math.Pi / 180, 6371.0088
	dLat, dLon := (q.Latitude-p.Latitude)*rad/2, (q.Longitude-p.Longitude)*rad/2
	a := math.Sin(dLat)*math.Sin(dLat) + math.Cos(p.Latitude*rad)*math.Cos(q.Latitude*rad)*math.Sin(dLon)*math.Sin(dLon)
	return 2 * earthKm * math.Asin(math.Sqrt(min(1, a)))
}

// LocalTime is a wall-clock time "HH:MM"; "24:00" is midnight at the end of the day.
type LocalTime string

// Date is a calendar day "YYYY-MM-DD".
type Date string

// OpeningHours are the hours of one weekday.
type OpeningHours struct {
	Weekday int // 1 Monday to 7 Sunday (ISO 8601)
	Opens   LocalTime
	Closes  LocalTime
}

// HolidayHours are the hours of one day; Opens and Closes are nil when it is closed.
type HolidayHours struct {
	Date   Date
	Title  string
	Opens  *LocalTime
	Closes *LocalTime
}

// Name is what the day is called; nil when unknown.
func (h HolidayHours) Name() *string { return optional(h.Title) }

// PickupSettings say how a place prepares pickup orders.
type PickupSettings struct {
	PickingMinutes int
	Cutoff         *LocalTime // last order time for collection on the same day
	Capacity       *int       // open pick tasks it can carry; nil when unlimited
}

// Candidate is a location and, when a point was given, its distance.
type Candidate struct {
	Location   *Location
	DistanceKm *float64
}
