package stock

import (
	"time"

	"github.com/portico-retail/portico/retail"
)

// Level is how much there is, in words.
type Level string

// Levels. A silent source is Unknown, never OutOfStock.
const (
	InStock    Level = "IN_STOCK"
	LowStock   Level = "LOW_STOCK"
	OutOfStock Level = "OUT_OF_STOCK"
	Unknown    Level = "UNKNOWN"
)

// Reason is why something cannot be promised, or only with care.
type Reason string

// Reasons.
const (
	NotRanged         Reason = "NOT_RANGED"
	BelowSafetyStock  Reason = "BELOW_SAFETY_STOCK"
	PickupDisabled    Reason = "PICKUP_DISABLED"
	ClosedBeforeReady Reason = "CLOSED_BEFORE_READY"
	CapacityFull      Reason = "CAPACITY_FULL"
	SourceStale       Reason = "SOURCE_STALE"
	SourceDown        Reason = "SOURCE_DOWN"
)

// Check is the answer to a stock check: SKUs in the order asked, then locations in theirs.
type Check struct {
	Items     []Availability
	Locations []*retail.Location
	Freshness retail.Freshness
}

// Availability is one SKU at one location.
type Availability struct {
	Location   *retail.Location
	SKU        string
	Level      Level
	Available  *bool     // nil when unknown
	Quantity   *Quantity // nil when unknown
	DistanceKm *float64
	ReadyBy    *time.Time // nil when it cannot be collected
	Reasons    []Reason
	Freshness  retail.Freshness
	Breakdown  *Breakdown // nil unless the asker may see it
}

// Quantity is how many can be promised.
type Quantity struct {
	Value     int
	Precision retail.Precision
}

// Breakdown is the number's parts: AvailableToPromise = max(0, OnHand − UnsyncedSales − Allocated − Held − SafetyStock).
type Breakdown struct {
	OnHand             int
	UnsyncedSales      int
	Allocated          int // by the shop and by the gateway
	Held               int
	SafetyStock        int
	AvailableToPromise int
}

// Coverage is how much of a basket a place has.
type Coverage string

// Coverages, best first.
const (
	CoverageFull    Coverage = "FULL"
	CoveragePartial Coverage = "PARTIAL"
	CoverageNone    Coverage = "NONE"
	CoverageUnknown Coverage = "UNKNOWN"
)

// BasketItem is one line of a basket.
type BasketItem struct {
	SKU      string
	Quantity int
}

// PickupOption is a place and what it can give of a basket.
type PickupOption struct {
	Location   *retail.Location
	Coverage   Coverage
	Lines      []PickupLine
	DistanceKm *float64
	ReadyBy    *time.Time
	Reasons    []Reason
	Freshness  retail.Freshness
}

// PickupLine is one SKU of a basket at a place.
type PickupLine struct {
	SKU         string
	Requested   int
	Fulfillable *int // nil when unknown
	Shortfall   *int // nil when unknown
	Level       Level
	Reasons     []Reason
}
