package cart

import (
	"errors"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Config is what a retailer decides about carts.
type Config struct {
	Currency    string // ISO 4217, of all prices and fees
	QuantityCap int    // highest quantity that a problem tells
	// WrongCoupons is how many numbers that are no coupon of theirs one shopper may enter.
	WrongCoupons retail.Limit
}

// DefaultConfig fits stock.DefaultPolicy and sourcing.DefaultConfig.
func DefaultConfig() Config {
	return Config{Currency: "CNY", QuantityCap: 10, WrongCoupons: retail.Limit{Most: 20, Per: time.Hour}}
}

// Validate refuses a configuration that makes no sense.
func (c Config) Validate() error {
	switch {
	case len(c.Currency) != 3:
		return errors.New("cart: currency must be an ISO 4217 code")
	case c.QuantityCap < 1:
		return errors.New("cart: quantity_cap must be at least 1")
	case !c.WrongCoupons.Valid():
		return errors.New("cart: wrong coupons need a number and a time")
	}
	return nil
}

// Deps are what the service needs.
type Deps struct {
	Store    Store
	Catalog  Catalog
	Stock    Stock
	Holds    Holds // nil when nobody can hold anything
	Places   Places
	Members  Members
	Delivery Delivery
	Tries    Tries            // nil when nobody counts
	Now      func() time.Time // time.Now when nil
}

// Service answers questions about carts and changes them. It is safe for concurrent use.
//
// Every change takes an idempotency key and, when it is given, the version that the shopper saw. A repetition under the
// same key with the same input returns what the first one stored. Without a version a change that meets another one is
// applied again to what is there then; with one it is refused with WhyVersionConflict.
//
// A change answers with the priced cart and warnings about what it did. It refuses with WhyNotFound when the cart is not
// there or not the actor's, WhyNotAllowed when it has become an order and WhyInvalid for values that can never work; a
// refusal changes nothing.
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

// attempts bounds how often a change is applied again because somebody else was quicker.
const attempts = 5

// maxID bounds the ids and keys that are passed on.
const maxID = 200

func notFound(field string) error {
	return retail.Refuse(retail.WhyNotFound, field, "There is no such cart.")
}
