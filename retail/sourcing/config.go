package sourcing

import (
	"errors"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Config is what a retailer decides about delivery and agreed times. Fees are in minor units of Currency.
type Config struct {
	Currency string // ISO 4217, of all fees

	// Shipping costs ShippingFee once an order, however many parcels it takes; nothing when the shipped lines come to
	// ShippingFreeFrom or more before coupons (0: never free).
	ShippingFee, ShippingFreeFrom int64
	// Delivery within InstantWithin costs InstantFee and InstantFeePerKm for each kilometre begun to the nearest place that
	// offers it, whichever place has the goods.
	InstantFee, InstantFeePerKm int64

	InstantKm     float64       // how far from the address a place may be
	InstantWithin time.Duration // from the order to the door, picking and the queue included
	RideKmh       float64       // how fast a rider is

	// ShipFromStores lets stores within ShipKm of the address send parcels, the NearbyPlaces nearest of them.
	ShipFromStores bool
	ShipKm         float64
	ParcelKmPerDay float64 // how far a parcel gets in a day; it takes a day at least
	MaxParcels     int     // 1 to 3
	Cost           Cost

	VisitKm      float64 // how far a store may be that a shopper is offered
	NearbyPlaces int     // how many stores and hubs near a point are looked at
	// HubPicking is how long an order takes in a front warehouse and Handling in a warehouse, where the ERP states no picking
	// time; Pickers is how many orders a front warehouse picks at the same time.
	HubPicking, Handling time.Duration
	Pickers              int

	SlotMinutes        int // length of an agreed time for pickup
	AppointmentMinutes int
	SlotCapacity       int // of places that state none
	QuantityCap        int // highest quantity that a refusal tells
}

// Cost weighs places that could send a parcel, in points. Only their ratio matters.
type Cost struct {
	PerKm   int64 // of distance
	PerTask int64 // of pick tasks that wait there
	PerHour int64 // until the parcel arrives
	PerSite int64 // for each place after the first
}

// DefaultConfig is a retailer with stores and warehouses in one country.
func DefaultConfig() Config {
	return Config{
		Currency: "CNY", ShippingFee: 1000, ShippingFreeFrom: 9900, InstantFee: 600, InstantFeePerKm: 100,
		InstantKm: 5, InstantWithin: 30 * time.Minute, RideKmh: 20,
		ShipFromStores: true, ShipKm: 50, ParcelKmPerDay: 500, MaxParcels: 3,
		Cost:    Cost{PerKm: 1, PerTask: 5, PerHour: 2, PerSite: 100},
		VisitKm: 20, NearbyPlaces: 8, HubPicking: 10 * time.Minute, Handling: 4 * time.Hour, Pickers: 3,
		SlotMinutes: 30, AppointmentMinutes: 60, SlotCapacity: 10, QuantityCap: 10,
	}
}

// Validate refuses a configuration that makes no sense.
func (c Config) Validate() error {
	cost := c.Cost
	switch {
	case len(c.Currency) != 3:
		return errors.New("sourcing: currency must be an ISO 4217 code")
	case min(c.ShippingFee, c.ShippingFreeFrom, c.InstantFee, c.InstantFeePerKm) < 0,
		max(c.ShippingFee, c.InstantFee, c.InstantFeePerKm) > maxFee:
		return errors.New("sourcing: fees must be 0 to 1,000,000 minor units")
	case !(c.InstantKm > 0 && c.InstantKm <= maxKm) || !(c.ShipKm >= 0 && c.ShipKm <= maxKm) || !(c.VisitKm > 0 && c.VisitKm <= maxKm):
		return errors.New("sourcing: distances must be at most 20,000 km")
	case !(c.RideKmh > 0) || !(c.ParcelKmPerDay >= 1):
		return errors.New("sourcing: speeds must be positive, a parcel's at least a kilometre a day")
	case c.InstantWithin <= 0 || c.HubPicking < 0 || c.Handling < 0 || max(c.HubPicking, c.Handling) > 7*24*time.Hour:
		return errors.New("sourcing: times must be positive and at most a week")
	case c.MaxParcels < 1 || c.MaxParcels > 3:
		return errors.New("sourcing: max_parcels must be 1 to 3")
	case min(cost.PerKm, cost.PerTask, cost.PerHour) < 0 || cost.PerSite < 1 ||
		max(cost.PerKm, cost.PerTask, cost.PerHour, cost.PerSite) > maxWeight:
		return errors.New("sourcing: costs must be 0 to 1,000,000 points, per_site at least 1")
	case c.NearbyPlaces < 1 || c.NearbyPlaces > 20:
		return errors.New("sourcing: nearby_places must be 1 to 20")
	case c.Pickers < 1 || c.SlotCapacity < 1 || c.QuantityCap < 1:
		return errors.New("sourcing: pickers, slot_capacity and quantity_cap must be at least 1")
	case min(c.SlotMinutes, c.AppointmentMinutes) < 5 || max(c.SlotMinutes, c.AppointmentMinutes) > 24*60:
		return errors.New("sourcing: an agreed time must last 5 minutes to a day")
	}
	return nil
}

const (
	maxFee    = 1_000_000
	maxWeight = 1_000_000
	maxKm     = 20_000
)

// maxWarehouses bounds the warehouses that are looked at: the nearest.
const maxWarehouses = 10

func (c Config) money(minor int64) retail.Money {
	return retail.Money{Minor: minor, CurrencyCode: c.Currency}
}
