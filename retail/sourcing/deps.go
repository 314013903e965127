// Package sourcing picks the place that serves each line of an order, and says why: the chosen store for what the shopper
// collects, the nearest open store or front warehouse that has everything for delivery within 30 minutes, else the
// cheapest by a cost whose terms are stated. It also offers the methods, prices, promises and slots to choose from.
package sourcing

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Stock knows what places could give; stock.Service implements it.
type Stock interface {
	// Offers tells what the named places could give, in the order asked.
	Offers(ctx context.Context, skus, locationCodes []string) ([]retail.Offer, error)
}

// Places knows locations within the reach of ctx; location.Directory implements it.
type Places interface {
	Find(ctx context.Context, code string) (*retail.Location, bool)
	Resolve(ctx context.Context, refs []string) ([]*retail.Location, error)
	Near(
		ctx context.Context, p retail.GeoPoint, withinKm float64, limit int, keep func(*retail.Location) bool,
	) []retail.Candidate
	Within(ctx context.Context) []*retail.Location
}

// Slots knows how many of a slot's capacity are taken; integrations/ledger implements it.
type Slots interface {
	// SlotLoads counts bookings of a place by the start of their slot, from (inclusive) until (exclusive).
	SlotLoads(ctx context.Context, locationCode string, from, until time.Time) (map[time.Time]int, error)
}
