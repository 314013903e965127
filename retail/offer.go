package retail

import "time"

// Offer is what one place could give of a demand at one instant.
type Offer struct {
	Location   *Location
	DistanceKm *float64
	// Known is false when a silent backend leaves the numbers open; Units are then empty.
	Known bool
	// Units is what can be promised of each SKU asked, exactly.
	Units map[string]int
	// Ranged says which SKUs the place carries.
	Ranged map[string]bool
	// ReadyBy is when an order placed now could be picked; nil when it cannot in the next days.
	ReadyBy *time.Time
	// Queue is the number of open pick tasks.
	Queue int
}
