package stock

import (
	"context"
	"errors"
	"time"

	"github.com/portico-retail/portico/retail"
)

// HoldPolicy is what a retailer decides about holds.
type HoldPolicy struct {
	// GuestTTL and MemberTTL are how long a hold of a guest, and of everybody else, lives after it was made or extended.
	GuestTTL, MemberTTL time.Duration
	// MaxLifetime is the longest that a hold lives however often it is extended.
	MaxLifetime time.Duration
	// Guests, Members, Associates and Partners bound what one of them holds at the same time, and how fast they make holds.
	// Operators count as associates.
	Guests, Members, Associates, Partners HoldCaps
}

// DefaultHoldPolicy lets shoppers finish a checkout and keeps them from hoarding.
func DefaultHoldPolicy() HoldPolicy {
	return HoldPolicy{
		GuestTTL: 5 * time.Minute, MemberTTL: 15 * time.Minute, MaxLifetime: 30 * time.Minute,
		Guests:     HoldCaps{Holds: 3, UnitsPerSKU: 5, PerMinute: 10},
		Members:    HoldCaps{Holds: 5, UnitsPerSKU: 20, PerMinute: 20},
		Associates: HoldCaps{Holds: 50, UnitsPerSKU: 100, PerMinute: 120},
		Partners:   HoldCaps{Holds: 500, UnitsPerSKU: 200, PerMinute: 3000},
	}
}

// Validate refuses a policy that makes no sense.
func (p HoldPolicy) Validate() error {
	if p.GuestTTL < time.Second || p.MemberTTL < time.Second {
		return errors.New("stock: the life of a hold must be at least a second")
	}
	if p.MaxLifetime < p.GuestTTL || p.MaxLifetime < p.MemberTTL {
		return errors.New("stock: the longest life of a hold must not be shorter than its first")
	}
	for _, c := range []HoldCaps{p.Guests, p.Members, p.Associates, p.Partners} {
		if c.Holds < 1 || c.UnitsPerSKU < 1 || c.UnitsPerSKU > MaxBasketQuantity || c.PerMinute < 0 {
			return errors.New("stock: caps of holds must be at least 1, units at most 9999, and those of a minute not below 0")
		}
	}
	return nil
}

func (p HoldPolicy) life(actor retail.Actor) time.Duration {
	if actor.Role == "guest" {
		return p.GuestTTL
	}
	return p.MemberTTL
}

// caps of a role that nobody knows are a guest's.
func (p HoldPolicy) caps(ctx context.Context, actor retail.Actor) HoldCaps {
	switch actor.Role {
	case "member":
		return p.Members
	case "associate", "operator":
		return p.Associates
	case "partner":
		return p.Partners
	}
	caps := p.Guests
	caps.Household = retail.HouseholdOf(ctx)
	return caps
}
