package loaders

import (
	"context"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// Stock checks SKUs × locations; the stock service does.
type Stock interface {
	CheckPage(ctx context.Context, q stock.CheckQuery) (*stock.Check, error)
}

// AvailabilityKey is one SKU and where it is looked for. SKUs of the same Where share one check.
type AvailabilityKey struct {
	SKU   string
	Where Where
}

// Where is the arguments of a check without its SKUs, in a form that can be compared.
type Where struct {
	refs                       string
	near                       retail.GeoPoint
	withinKm                   float64
	first                      int
	maxAge                     time.Duration
	hasNear, hasMaxAge, detail bool
}

// refEnd separates locations in Where; no id or code contains it.
const refEnd = "\x00"

// WhereOf takes the arguments of q; its SKUs do not matter.
func WhereOf(q stock.CheckQuery) Where {
	w := Where{withinKm: q.WithinKm, first: q.First, detail: q.Detail}
	var refs strings.Builder
	for _, ref := range q.LocationRefs {
		refs.WriteString(strings.ReplaceAll(ref, refEnd, "�"))
		refs.WriteString(refEnd)
	}
	w.refs = refs.String()
	if q.Near != nil {
		w.near, w.hasNear = *q.Near, true
	}
	if q.MaxAge != nil {
		w.maxAge, w.hasMaxAge = *q.MaxAge, true
	}
	return w
}

// query is the inverse of WhereOf.
func (w Where) query() stock.CheckQuery {
	q := stock.CheckQuery{WithinKm: w.withinKm, First: w.first, Detail: w.detail}
	if w.refs != "" {
		q.LocationRefs = strings.Split(strings.TrimSuffix(w.refs, refEnd), refEnd)
	}
	if w.hasNear {
		q.Near = &w.near
	}
	if w.hasMaxAge {
		q.MaxAge = &w.maxAge
	}
	return q
}

// availabilityBatch bounds the keys of one batch; what one check cannot carry is split below.
const availabilityBatch = 1000

// maxPairs bounds the pairs of one response, whatever its lists multiply to: ten full checks.
const maxPairs = 10 * stock.MaxPairs

func newAvailabilityLoader(request context.Context, service Stock) *Loader[AvailabilityKey, []*stock.Availability] {
	pairs := newAllowance("pairs of SKU and location", maxPairs)
	return newLoader(request, question[Where, AvailabilityKey, []*stock.Availability]{
		capacity: availabilityBatch,
		args:     func(k AvailabilityKey) Where { return k.Where },
		fetch: func(ctx context.Context, where Where, keys []AvailabilityKey) (map[AvailabilityKey][]*stock.Availability, error) {
			query := where.query()
			if err := pairs.take(len(keys) * places(query)); err != nil {
				return nil, err
			}
			return fetchAvailability(ctx, service, query, keys)
		},
		missing: func(AvailabilityKey) ([]*stock.Availability, error) { return []*stock.Availability{}, nil }, // no place
	})
}

// fetchAvailability makes one check, or as few as the limits of a check allow.
func fetchAvailability(
	ctx context.Context, service Stock, query stock.CheckQuery, keys []AvailabilityKey,
) (map[AvailabilityKey][]*stock.Availability, error) {
	size := stock.MaxPairs / places(query)
	all := make(map[AvailabilityKey][]*stock.Availability, len(keys))
	for from := 0; from < len(keys); from += size {
		chunk := keys[from:min(from+size, len(keys))]
		query.SKUs = make([]string, len(chunk))
		for i, k := range chunk {
			query.SKUs[i] = k.SKU
		}
		check, err := service.CheckPage(ctx, query)
		if err != nil {
			return nil, err
		}
		bySKU := cut(check)
		for _, k := range chunk {
			if items, ok := bySKU[retail.NormalizeSKU(k.SKU)]; ok {
				all[k] = items
			}
		}
	}
	return all, nil
}

// places is how many locations a check may answer for; the service refuses more.
func places(q stock.CheckQuery) int {
	n := q.First
	if len(q.LocationRefs) > 0 {
		n = len(q.LocationRefs)
	}
	return min(max(1, n), stock.MaxLocations)
}

// cut splits a check, whose items come SKU by SKU, into the items of each.
func cut(check *stock.Check) map[string][]*stock.Availability {
	items := make([]*stock.Availability, len(check.Items))
	bySKU := map[string][]*stock.Availability{}
	from := 0
	for i := range check.Items {
		items[i] = &check.Items[i]
		if sku := check.Items[i].SKU; i+1 == len(check.Items) || check.Items[i+1].SKU != sku {
			bySKU[sku] = items[from : i+1 : i+1]
			from = i + 1
		}
	}
	return bySKU
}
