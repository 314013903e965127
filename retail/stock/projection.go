package stock

import (
	"context"
	"errors"
	"time"

	"github.com/portico-retail/portico/retail"
)

// ErrLost says that the projection no longer holds what a source wrote before: it was flushed, restored from an older
// copy, or is new. The source must start again from its snapshot (Projection.Begin).
var ErrLost = errors.New("stock: the projection has lost rows")

// Projection is the store that holds the packed rows; redisstore implements it. A source first begins, from its snapshot;
// from then on the store notices when rows of it get lost and answers ErrLost, so that no change is ever laid over a hole.
type Projection interface {
	// Read fills the rows and watermarks of every partition in reads, in one pipeline with one command per partition. On
	// error the partitions that could be read are filled, and the others have empty rows and watermarks.
	Read(ctx context.Context, reads []PartitionRead, skus []string) error
	// Begin opens every partition of layout for a source that starts from its snapshot. It fails with a conflict when the
	// stored layout has another place for a location; a store without a layout takes this one.
	Begin(ctx context.Context, source retail.Source, layout Layout) error
	// Apply writes facts to one partition; each changes only its own source's register, and only when its version is
	// higher. It is idempotent and may be retried. ErrLost says that the partition is not open for the writes' source.
	Apply(ctx context.Context, partition uint16, writes []Write) error
	// Advance raises watermarks of one partition; a lower one than stored changes nothing. ErrLost says that the partition
	// is not open for the source, or that the place has no watermark yet and the mark is not First.
	Advance(ctx context.Context, partition uint16, marks []PlaceMark) error
	// Cursor returns where the feed of a source continues; empty means from its snapshot. Cursors lie beside the rows, so
	// that a lost store also forgets them.
	Cursor(ctx context.Context, source retail.Source) (string, error)
	// SaveCursor stores where the feed of a source continues; empty forgets it.
	SaveCursor(ctx context.Context, source retail.Source, cursor string) error
	// SaveLayout stores extended if the stored layout is still base or there is none, and returns the layout that is stored
	// afterwards.
	SaveLayout(ctx context.Context, base, extended Layout) (Layout, error)
}

// PartitionRead is one partition's share of a read.
type PartitionRead struct {
	Partition uint16
	// Rows receives one packed row per SKU, empty when there is none.
	Rows []string
	// Watermarks receives the packed watermarks (WatermarkAt).
	Watermarks string
}

// Write is one register write.
type Write struct {
	SKU  string
	Slot uint8
	Fact *Fact
}

// PlaceMark is one watermark.
type PlaceMark struct {
	Slot   uint8
	Source retail.Source
	AsOf   time.Time
	// First says that the source told everything about the place from its snapshot on, so that this may be the place's
	// first watermark.
	First bool
}

// sources is the order of registers and watermarks.
var sources = [...]retail.Source{retail.SourceERP, retail.SourcePOS, retail.SourceShop}

// WatermarkSize is the packed size of one location's watermarks: three 64-bit little-endian milliseconds since 1970,
// ERP, POS, shop; zero means never heard.
const WatermarkSize = 8 * len(sources)

// SourceIndex is the position of a source's register and watermark.
func SourceIndex(s retail.Source) int {
	for i, known := range sources {
		if known == s {
			return i
		}
	}
	return -1
}

// WatermarkAt unpacks one watermark; zero when never heard.
func WatermarkAt(packed string, slot uint8, source int) time.Time {
	at := int(slot)*WatermarkSize + 8*source
	if len(packed) < at+8 {
		return time.Time{}
	}
	ms := int64(u32(packed, at)) | int64(u32(packed, at+4))<<32
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
