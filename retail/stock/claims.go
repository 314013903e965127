package stock

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// ClaimLedger records claims; integrations/ledger implements it. The record decides what was sold; the projection only
// makes it visible and keeps the rush away from it.
type ClaimLedger interface {
	// AddClaim stores a claim unless its id is known, and returns what is stored. When caps are exceeded by the owner's claims
	// that are HELD at now, or by those made in the minute before, this one counted, or those of the owner's household by as many
	// times the caps, it stores nothing and refuses with WhyLimitReached.
	AddClaim(ctx context.Context, c retail.Claim, caps HoldCaps, now time.Time) (retail.Claim, error)
	// Claim loads by id, CodeNotFound when there is none.
	Claim(ctx context.Context, id string) (retail.Claim, error)
	// ExtendClaim sets the expiry, and the order that it serves when orderID is not empty, of a claim that is HELD; one that is
	// not stays what it is. What serves an order counts for no household any more. It returns what is stored.
	ExtendClaim(ctx context.Context, id, orderID string, expiresAt time.Time) (retail.Claim, error)
	// EndClaim moves a HELD claim to RELEASED or EXPIRED; one that is not HELD stays what it is. It returns what is stored.
	EndClaim(ctx context.Context, id string, to retail.ClaimState) (retail.Claim, error)
	// HeldBy lists the claims of an owner that are HELD, not expired at now and serve no order; 1,000 at most.
	HeldBy(ctx context.Context, owner string, now time.Time) ([]retail.Claim, error)
	// GiveHolds makes another owner's what an owner holds and no order serves. Idempotent.
	GiveHolds(ctx context.Context, from, to string) error
	// LiveClaims lists the claims at the places that are ALLOCATED, or HELD and not expired at now, by id behind after; limit at
	// most.
	LiveClaims(ctx context.Context, locationCodes []string, now time.Time, after string, limit int) ([]retail.Claim, error)
}

// HoldCaps are bounds against hoarding. Zero means no bound.
type HoldCaps struct {
	Holds       int // of one owner at the same time, what unpaid orders hold included
	UnitsPerSKU int // of one SKU in all holds of one owner
	PerMinute   int // holds that one owner makes within a minute, given back or not
	// Household is the owner's: what its guests hold for no order, whoever has signed in since, is bounded by its Guests times
	// these caps. The zero Household is not bounded.
	Household retail.Household
}
