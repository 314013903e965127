package retail

import (
	"errors"
	"time"
)

// ErrUnchanged is what a change returns to leave the stored order as it is. It undoes what the transaction did.
var ErrUnchanged = errors.New("retail: unchanged")

// Tx is what a change of an order may do beside changing it, in the same transaction of the ledger: all of it happens, or
// nothing. Its methods fail as the transaction does; refusals leave the decision to the caller, which returns them to
// undo everything.
type Tx interface {
	// Allocate turns a HELD claim, expired or not, into an ALLOCATED one if for every line the ledger's open allocations of the
	// pair and the line fit into the supply. It refuses with WhyInsufficientStock when they do not, and fails with
	// CodeConflict when a closing happened since the supply was read. A claim that is ALLOCATED already stays so.
	Allocate(claimID string, supply map[string]Supply) error
	// CloseClaim ends a HELD or ALLOCATED claim as RELEASED, EXPIRED or DONE; an allocation no longer counts and the pair's
	// closings grow. A claim that is final stays what it is.
	CloseClaim(claimID string, to ClaimState) error
	// ShrinkClaim takes units off an open claim, for lines that a place rejected or that were collected in part.
	ShrinkClaim(claimID string, lines []ClaimLine) error
	// BookSlot takes one of the capacity of a slot for the order's fulfillment, or refuses with WhySlotUnavailable. Booking
	// twice under one reference takes one.
	BookSlot(reference, locationCode string, startsAt time.Time, capacity int) error
	// FreeSlot gives back what BookSlot took under the reference.
	FreeSlot(reference string) error
	// LimitUnpaid counts, for an order that the transaction creates, the orders of its owner and of the household that nobody has
	// paid or cancelled yet, this one among them, and refuses with WhyLimitReached when they are more than the limit. It counts
	// exactly: transactions about one owner or one household wait for each other.
	LimitUnpaid(o *Order, limit UnpaidLimit) error
	// Enqueue stores jobs.
	Enqueue(jobs ...Job) error
	// Emit appends to the outbox.
	Emit(events ...Event) error
	// RaiseAlert stores an alert and its event unless it was raised before; ClearAlert ends it.
	RaiseAlert(a Alert) error
	ClearAlert(id string, at time.Time) error
}

// UnpaidLimit is how many orders may be unpaid at the same time.
type UnpaidLimit struct {
	Orders    int       // of one owner; 0 limits nobody
	Household Household // a guest's: its Guests times as many, of all its guests; the zero Household is not limited
}
