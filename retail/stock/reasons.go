package stock

import (
	"cmp"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// reasonSet is a set of reasons as bits, so that a pair's reasons need no allocation.
type reasonSet uint8

var allReasons = [...]Reason{
	NotRanged, BelowSafetyStock, PickupDisabled, ClosedBeforeReady, CapacityFull, SourceStale, SourceDown,
}

// reasonLists holds the list of every set.
var reasonLists = func() (lists [1 << len(allReasons)][]Reason) {
	for set := range lists {
		lists[set] = []Reason{}
		for i, r := range allReasons {
			if set&(1<<i) != 0 {
				lists[set] = append(lists[set], r)
			}
		}
		lists[set] = slices.Clip(lists[set])
	}
	return lists
}()

func reasonBit(r Reason) reasonSet { return 1 << slices.Index(allReasons[:], r) }

// list is shared and must not be changed.
func (s reasonSet) list() []Reason { return reasonLists[s] }

var yes, no = true, false

func boolOf(b bool) *bool {
	if b {
		return &yes
	}
	return &no
}

func compareFloats(a, b float64) int { return cmp.Compare(a, b) }

// heard reports whether any source has stated anything about the pair.
func (c *Cell) heard() bool { return c.OnHandVer > 0 || c.SoldVer > 0 || c.AllocVer > 0 }

// cleanSKUs normalizes SKUs and drops repeats.
func cleanSKUs(in []string, most int) ([]string, error) {
	if len(in) == 0 || len(in) > most {
		return nil, retail.Errorf(retail.CodeLimitExceeded, "skus must name 1 to %d SKUs", most)
	}
	out, seen := make([]string, 0, len(in)), make(map[string]bool, len(in))
	for _, raw := range in {
		sku := retail.NormalizeSKU(raw)
		if !retail.ValidSKU(sku) {
			return nil, retail.BadInput("a SKU has 1 to %d letters, digits, '-', '_', '.' or '/'", retail.MaxSKULength)
		}
		if !seen[sku] {
			seen[sku] = true
			out = append(out, sku)
		}
	}
	return out, nil
}

func checkBounds(first, maxFirst int, near *retail.GeoPoint, withinKm float64, maxAge *time.Duration) error {
	if err := retail.CheckFirst(first, maxFirst); err != nil {
		return err
	}
	switch {
	case near != nil && !near.Valid():
		return retail.BadInput("near must have a latitude of -90 to 90 and a longitude of -180 to 180")
	case near != nil && (withinKm <= 0 || withinKm > MaxRadiusKm):
		return retail.BadInput("withinKm must be above 0 and at most %d", MaxRadiusKm)
	case maxAge != nil && (*maxAge < 0 || *maxAge > MaxAgeLimit):
		return retail.BadInput("maxAgeSeconds must be 0 to %d", int(MaxAgeLimit.Seconds()))
	}
	return nil
}
