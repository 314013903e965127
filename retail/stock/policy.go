package stock

import (
	"errors"
	"time"
)

// Policy is what a retailer decides about stock answers.
type Policy struct {
	// LowStock is the highest quantity that reads LOW_STOCK.
	LowStock int
	// QuantityCap is the highest quantity that the public reads exactly.
	QuantityCap int
	// StaleAfter is the age from which an answer is marked stale.
	StaleAfter time.Duration
	// UnknownAfter is the age from which a level reads UNKNOWN.
	UnknownAfter time.Duration
	// Pickers is how many pick tasks a place works on at the same time.
	Pickers int
}

// DefaultPolicy is a cautious retailer's.
func DefaultPolicy() Policy {
	return Policy{LowStock: 3, QuantityCap: 10, StaleAfter: 30 * time.Second, UnknownAfter: 15 * time.Minute, Pickers: 3}
}

// Validate refuses a policy that makes no sense.
func (p Policy) Validate() error {
	switch {
	case p.LowStock < 0:
		return errors.New("stock: low_stock must not be negative")
	case p.QuantityCap < 1:
		return errors.New("stock: quantity_cap must be at least 1")
	case p.StaleAfter <= 0:
		return errors.New("stock: stale_after must be positive")
	case p.UnknownAfter < p.StaleAfter:
		return errors.New("stock: unknown_after must not be shorter than stale_after")
	case p.Pickers < 1:
		return errors.New("stock: pickers must be at least 1")
	}
	return nil
}
