package sourcing

import (
	"time"

	"github.com/portico-retail/portico/retail"
)

// Deps are what the service needs.
type Deps struct {
	Stock  Stock
	Places Places
	Slots  Slots
	Now    func() time.Time // time.Now when nil
}

// Service picks places. It is safe for concurrent use.
type Service struct {
	config Config
	deps   Deps
}

// New returns a service; the configuration must be valid.
func New(config Config, deps Deps) *Service {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	return &Service{config: config, deps: deps}
}

// visits says why the method cannot be had at the place; empty when it can. An appointment is had wherever orders are handed
// over inside.
func visits(l *retail.Location, method retail.FulfillmentMethod) (why string) {
	service := retail.ServicePickup
	if method == retail.MethodCurbside {
		service = retail.ServiceCurbside
	}
	switch {
	case l.Kind != retail.Store:
		return "Customers cannot visit this place."
	case l.Pickup == nil || !l.Offers(service):
		return "This store does not offer " + name(method) + "."
	}
	return ""
}

// Visits reports whether the place offers a method that visits, at some time.
func Visits(l *retail.Location, method retail.FulfillmentMethod) bool {
	return method.Visits() && visits(l, method) == ""
}

// name is the method in a sentence.
func name(m retail.FulfillmentMethod) string {
	switch m {
	case retail.MethodPickup:
		return "pickup"
	case retail.MethodCurbside:
		return "curbside pickup"
	case retail.MethodAppointment:
		return "appointments"
	case retail.MethodInstant:
		return "instant delivery"
	case retail.MethodShipping:
		return "shipping"
	}
	return "this method"
}
