package retail

import (
	"errors"
	"strings"
)

// Why is the kind of a refusal, the closed list of `UserError.code`.
type Why string

// Whys.
const (
	WhyInvalid             Why = "INVALID"              // a value that can never work
	WhyNotFound            Why = "NOT_FOUND"            // no such thing, or not the caller's: the two look the same
	WhyNotAllowed          Why = "NOT_ALLOWED"          // the caller may not do this here
	WhyLimitReached        Why = "LIMIT_REACHED"        // a cap against hoarding or guessing
	WhyVersionConflict     Why = "VERSION_CONFLICT"     // somebody else changed it meanwhile
	WhyInsufficientStock   Why = "INSUFFICIENT_STOCK"   // the place has not enough to promise
	WhyNotRanged           Why = "NOT_RANGED"           // the place does not carry the SKU
	WhyStockUnknown        Why = "STOCK_UNKNOWN"        // a silent backend: nobody knows
	WhyHoldExpired         Why = "HOLD_EXPIRED"         // the hold's time is over
	WhyHoldClosed          Why = "HOLD_CLOSED"          // the hold was released or has become an order
	WhyHoldMismatch        Why = "HOLD_MISMATCH"        // the hold is for other lines or another place
	WhyCartEmpty           Why = "CART_EMPTY"           // nothing to order
	WhyCartProblem         Why = "CART_PROBLEM"         // the cart has a problem that blocks checkout
	WhyPriceChanged        Why = "PRICE_CHANGED"        // the total is not the one that the shopper agreed to
	WhyCouponRejected      Why = "COUPON_REJECTED"      // unknown, used, expired, or its condition is not met
	WhyPlaceClosed         Why = "PLACE_CLOSED"         // the place is closed or does not offer the method
	WhySlotUnavailable     Why = "SLOT_UNAVAILABLE"     // past, outside hours or full
	WhyDeliveryUnavailable Why = "DELIVERY_UNAVAILABLE" // no place can serve the address in time
	WhyAddressMissing      Why = "ADDRESS_MISSING"      // delivery needs an address
	WhyPaymentDeclined     Why = "PAYMENT_DECLINED"     // the payment service said no
	WhyPaymentPending      Why = "PAYMENT_PENDING"      // an earlier payment is still open
	WhyOrderClosed         Why = "ORDER_CLOSED"         // the order's status does not allow it
	WhyCodeRejected        Why = "CODE_REJECTED"        // pickup or verification code is wrong or used up
	WhyNotReturnable       Why = "NOT_RETURNABLE"       // not sold, returned already, or too late
	WhyProofRejected       Why = "PROOF_REJECTED"       // the proof of identity is not accepted
	WhyAlreadyLinked       Why = "ALREADY_LINKED"       // the identity belongs to another member
)

// Refusal is a business "no": the request was understood, and nothing changed. It reaches the client as an entry of
// `userErrors`, never as a top-level error. Message is safe to show.
type Refusal struct {
	Why     Why
	Message string
	Field   []string // path in the input; empty when the whole request is meant

	SKU          string // the line concerned, empty when none
	LocationCode string // the place concerned, empty when none
	// Available is how many could be had instead, where stock falls short and the number is the caller's to know.
	Available *int
	// Limit is the cap that WhyLimitReached names.
	Limit *int
	// Version is the present version of what WhyVersionConflict names.
	Version *int
}

// Error says why.
func (r *Refusal) Error() string { return string(r.Why) + ": " + r.Message }

// Refuse returns a refusal; field is the path in the input, dot-separated, empty for the whole.
func Refuse(why Why, field, message string) *Refusal {
	r := &Refusal{Why: why, Message: message}
	if field != "" {
		r.Field = strings.Split(field, ".")
	}
	return r
}

// RefusalsOf returns the refusals that err is made of (also several joined by errors.Join); ok is false when err is nil
// or has any other part.
func RefusalsOf(err error) (list []*Refusal, ok bool) {
	var joined interface{ Unwrap() []error }
	var r *Refusal
	switch {
	case err == nil:
		return nil, false
	case errors.As(err, &joined):
		for _, part := range joined.Unwrap() {
			more, ok := RefusalsOf(part)
			if !ok {
				return nil, false
			}
			list = append(list, more...)
		}
		return list, len(list) > 0
	case errors.As(err, &r):
		return []*Refusal{r}, true
	}
	return nil, false
}

// Refused reports whether err is refusals only, one of them for this reason.
func Refused(err error, why Why) bool {
	list, _ := RefusalsOf(err)
	for _, r := range list {
		if r.Why == why {
			return true
		}
	}
	return false
}

// Warning tells of something that changed without being refused.
type Warning struct {
	Code    WarningCode
	Message string
	Target  string // id of what is concerned, or a SKU
}

// WarningCode is the kind of a warning.
type WarningCode string

// Warning codes.
const (
	WarnPriceMoved      WarningCode = "PRICE_MOVED"
	WarnStockShort      WarningCode = "STOCK_SHORT"
	WarnNotRanged       WarningCode = "NOT_RANGED"
	WarnStockUnknown    WarningCode = "STOCK_UNKNOWN"
	WarnPartial         WarningCode = "PARTIAL"          // fewer than asked, as allowed
	WarnCouponDropped   WarningCode = "COUPON_DROPPED"   // its condition is no longer met
	WarnLineMerged      WarningCode = "LINE_MERGED"      // joined with a line that was there
	WarnQuantityReduced WarningCode = "QUANTITY_REDUCED" // to the most that one line may have
	WarnPending         WarningCode = "PENDING"          // done as far as possible; the rest follows by itself
)
