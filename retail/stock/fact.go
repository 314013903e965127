// Package stock answers where something can be had, how many, and by when. It owns the arithmetic of available to
// promise (atp.go), the packed cell (cell.go), the layout of locations into partitions (layout.go), the feed that keeps
// the projection up to date (feed.go) and the service that answers questions (service.go).
//
// Read atp.go first, then service.go.
package stock

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Fact is what one source states about one SKU at one place. Facts are absolute and versioned: applying one twice, late
// or out of order changes nothing, because a register keeps the highest version it has seen.
type Fact struct {
	Location string
	SKU      string
	Source   retail.Source
	// Version orders the facts of one source about this pair. Zero is below every stated version.
	Version uint32
	// Value is the book quantity (ERP, may be negative), the cumulative net units sold (POS, may be negative) or the
	// open allocations (shop, never negative).
	Value int32
	// Cut (ERP only) is the POS counter that Value already contains.
	Cut int32
	// Safety (ERP only) is the number of units never promised, at most MaxSafety.
	Safety uint16
	// Ranged (ERP only) says that the place carries the SKU.
	Ranged bool
}

// Mark says that every fact of a source about a location up to AsOf is in the batch that carries it or in an earlier one.
type Mark struct {
	Location string
	Source   retail.Source
	AsOf     time.Time
}

// Batch is one step of a source's stream.
type Batch struct {
	Facts  []Fact
	Marks  []Mark
	Queues []Queue
	// Cursor is where the next poll starts.
	Cursor string
	// More says that the source has more to tell at once.
	More bool
	// Quarantined counts items that were unreadable and left out.
	Quarantined int
}

// Queue is the number of pick tasks open at a place.
type Queue struct {
	Location string
	Open     int
}

// Source is one system of record as a stream of facts. Adapters implement it.
type Source interface {
	// Poll returns what happened after cursor. An empty cursor starts from a full snapshot, which may take several polls
	// (Batch.More). A poll that finds nothing returns marks only: that is the heartbeat.
	Poll(ctx context.Context, cursor string) (Batch, error)
}

// Pair is one SKU at one place.
type Pair struct {
	Location string
	SKU      string
}

// Live asks a system of record for the present state of some pairs. Adapters implement it; a call carries at most
// MaxPairs pairs and makes one round trip.
type Live interface {
	Now(ctx context.Context, pairs []Pair) (Batch, error)
}

// MaxPairs bounds the pairs of one question.
const MaxPairs = 2000
