package stock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

// ClaimProjection counts claims in the cells, so that every reader sees them; redisstore implements it. A claim lies at one
// place and so in one partition, where every call is one atomic step. Every call bears being repeated, also when its reply
// was lost. ErrLost says that the partition is not open for claims: they must be counted anew from the ledger first
// (Reset, Restore, Reopen).
type ClaimProjection interface {
	// Hold admits a claim if the pairs have enough to promise, every line or nothing. Idempotent by id; it fails with
	// ErrOtherRequest when the id was used for another place or other lines.
	Hold(ctx context.Context, partition uint16, a Admission) (Admitted, error)
	// Extend lets an active claim live for some time from now on; it never shortens its life.
	Extend(ctx context.Context, partition uint16, id string, life time.Duration) (Standing, error)
	// Pin keeps an active claim from expiring.
	Pin(ctx context.Context, partition uint16, id string) (Standing, error)
	// Commit counts a claim as ordered, also one that is unknown, released or expired.
	Commit(ctx context.Context, partition uint16, c Counted) (Standing, error)
	// Settle gives a live claim its one outcome and writes facts in the same instant; the facts are written in any case.
	// CountExpired changes nothing before the claim is due.
	Settle(ctx context.Context, partition uint16, id string, outcome Count, facts []Write) (Standing, error)
	// Shrink leaves a live claim no more of each SKU than lines say.
	Shrink(ctx context.Context, partition uint16, id string, lines []retail.ClaimLine) (Standing, error)
	// Reap ends due claims of a partition, a bounded number of them.
	Reap(ctx context.Context, partition uint16) (Reaped, error)
	// Reset gives back a bounded number of live claims of a partition that is closed for claims, and makes token the owner of
	// the rebuild for the time of the lease.
	Reset(ctx context.Context, partition uint16, token string, lease time.Duration) (Reset, error)
	// Restore counts claims in a partition that token rebuilds, and renews the lease; a lease of 0 ends it. ErrRebuildLost
	// says that another owns it.
	Restore(ctx context.Context, partition uint16, token string, lease time.Duration, claims []Counted) error
	// Reopen ends a rebuild: the partition is open for claims.
	Reopen(ctx context.Context, partition uint16, token string) error
}

// Errors of a ClaimProjection.
var (
	ErrOtherRequest = errors.New("stock: the claim's id was used for another request")
	ErrRebuildLost  = errors.New("stock: another gateway counts the claims of the partition anew")
)

// Count is what the projection makes of a claim.
type Count string

// Counts. The last three are outcomes: a claim that has one keeps it.
const (
	CountNone      Count = ""  // unknown
	CountActive    Count = "A" // held, until its expiry
	CountPinned    Count = "P" // held, without expiry
	CountCommitted Count = "C" // ordered
	CountReleased  Count = "R"
	CountExpired   Count = "E"
	CountDeparted  Count = "D"
)

// Live reports whether the claim's units are counted.
func (c Count) Live() bool { return c == CountActive || c == CountPinned || c == CountCommitted }

// Admission asks for a claim.
type Admission struct {
	ID   string
	Slot uint8
	// Requested is what a repetition is compared by, Lines what is admitted.
	Requested, Lines []retail.ClaimLine
	// Life is how long the claim lives unless it is pinned or committed.
	Life time.Duration
	// Partial admits what there is, if that is anything.
	Partial bool
	// Again admits a claim that was released or has expired.
	Again bool
}

// Admitted is the answer to an Admission.
type Admitted struct {
	Standing
	// Short lists the lines that fell short; a claim whose state is CountNone was not admitted because of them.
	Short []Shortfall
}

// Shortfall is a SKU of which there is less than was asked for.
type Shortfall struct {
	SKU       string
	Available int
	Ranged    bool // the place carries the SKU
}

// Standing is how a claim stands.
type Standing struct {
	State     Count
	ExpiresAt time.Time
	Lines     []retail.ClaimLine
	// Fresh says that this call began to count it.
	Fresh bool
}

// Counted is a claim as the ledger has it.
type Counted struct {
	ID               string
	Slot             uint8
	State            Count // CountActive or CountCommitted
	ExpiresAt        time.Time
	Requested, Lines []retail.ClaimLine
}

// Reaped is the answer to Reap.
type Reaped struct {
	Ended int // claims that were due
	Live  int
	// Next is how long until the next claim is due; negative when none will be.
	Next time.Duration
}

// Reset is the answer to ClaimProjection.Reset.
type Reset struct {
	Open bool          // the partition is open
	Busy time.Duration // how long another gateway owns the rebuild; 0 when the caller does
	Left int           // live claims not given back yet
}

// FormatLines writes lines as text, one "SKU quantity" and a line break for each, by SKU, so that equal lines have equal
// text. ParseLines is the inverse.
func FormatLines(lines []retail.ClaimLine) string {
	sorted := slices.SortedFunc(slices.Values(lines), func(a, b retail.ClaimLine) int { return strings.Compare(a.SKU, b.SKU) })
	var b strings.Builder
	for _, l := range sorted {
		b.WriteString(l.SKU)
		b.WriteByte(' ')
		b.WriteString(strconv.Itoa(l.Quantity))
		b.WriteByte('\n')
	}
	return b.String()
}

// ParseLines reads what FormatLines wrote, and nothing else.
func ParseLines(text string) ([]retail.ClaimLine, error) {
	var lines []retail.ClaimLine
	for line := range strings.Lines(text) {
		sku, number, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		quantity, err := strconv.Atoi(number)
		if err != nil || quantity < 1 || quantity > MaxClaimed || !retail.ValidSKU(sku) ||
			len(lines) > 0 && lines[len(lines)-1].SKU >= sku {
			return nil, fmt.Errorf("stock: %.60q is no line of a claim", line)
		}
		lines = append(lines, retail.ClaimLine{SKU: sku, Quantity: quantity})
	}
	if FormatLines(lines) != text {
		return nil, fmt.Errorf("stock: %.60q are no lines of a claim", text)
	}
	return lines, nil
}
