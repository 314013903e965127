package retail

import "time"

// Claim is units of some SKUs at one place that somebody else must not be promised. It starts as a short hold and may
// become an order's allocation. The ledger records claims; the projection counts them so that every reader sees them.
type Claim struct {
	ID           string
	Owner        string // Actor.Key of whoever asked
	OrderID      string // the order that it serves; empty for a shopper's own hold
	LocationCode string
	Lines        []ClaimLine // by SKU, no SKU twice
	Requested    []ClaimLine // what was asked for when that was more than Lines; nil otherwise
	State        ClaimState
	CreatedAt    time.Time
	ExpiresAt    time.Time // while HELD; afterwards when it would have
}

// ClaimLine is units of one SKU.
type ClaimLine struct {
	SKU      string
	Quantity int
}

// Held is units that a shopper holds already, by place and SKU. What places offer leaves them out, also to the shopper.
type Held map[string]map[string]int

// ClaimState is how far a claim has come.
type ClaimState string

// Claim states. HELD may become any other, ALLOCATED becomes RELEASED or DONE, and the rest are final.
const (
	ClaimHeld      ClaimState = "HELD"      // until ExpiresAt
	ClaimAllocated ClaimState = "ALLOCATED" // sold: promised until it leaves the place or the order is cancelled
	ClaimReleased  ClaimState = "RELEASED"  // given back
	ClaimExpired   ClaimState = "EXPIRED"   // its time ran out
	ClaimDone      ClaimState = "DONE"      // left the place
)

// Final reports whether the claim counts no more.
func (s ClaimState) Final() bool { return s != ClaimHeld && s != ClaimAllocated }

// Departure is the evidence that a claim's units left the place: without it they would look free for as long as the
// books of the place have not heard of it.
type Departure struct {
	// Counts are the tills' counters that contain the sale; empty when the goods did not pass a till.
	Counts []TillCount
	// BookedBy is when the ERP had booked the departure, for goods that did not pass a till.
	BookedBy time.Time
}

// TillCount is the tills' cumulative counter of one SKU at one place.
type TillCount struct {
	LocationCode string
	SKU          string
	Net          int
	Seq          uint32
}

// Supply is what a place could promise if nobody had a claim through the ledger: on hand less unsynced sales, the shop's own
// allocations and safety stock; it may be negative.
type Supply struct {
	Units int
	// Closings is the ledger's count of claims closed for the pair, read before Units: an allocation that sees another count
	// starts again, because a departure may be in one number and not in the other.
	Closings int64
}
