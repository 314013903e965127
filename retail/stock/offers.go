package stock

import (
	"context"

	"github.com/portico-retail/portico/retail"
)

// Offers tells what the named places could give of some SKUs, in the order asked and without repeats, in exact numbers. An
// unknown place is CodeNotFound; a silent backend shows as an offer that is not Known.
func (s *Service) Offers(ctx context.Context, skus, locationCodes []string) ([]retail.Offer, error) {
	if len(locationCodes) == 0 {
		return nil, nil
	}
	skus, err := cleanSKUs(skus, MaxPairs)
	if err != nil {
		return nil, err
	}
	if len(skus)*len(locationCodes) > MaxPairs {
		return nil, retail.Errorf(retail.CodeLimitExceeded,
			"%d SKUs at %d locations are more than %d pairs", len(skus), len(locationCodes), MaxPairs)
	}
	locs, err := s.deps.Directory.Resolve(ctx, locationCodes)
	if err != nil {
		return nil, err
	}
	candidates := make([]retail.Candidate, len(locs))
	for i, l := range locs {
		candidates[i].Location = l
	}
	now := s.deps.Now()
	g := s.read(ctx, skus, candidates, nil, now)
	offers := make([]retail.Offer, len(locs))
	for i, v := range s.view(g, now) {
		o := &offers[i]
		*o = retail.Offer{
			Location: v.location, Known: v.known, Units: map[string]int{}, Ranged: make(map[string]bool, len(skus)),
			ReadyBy: v.readyBy, Queue: s.deps.Queue(v.location.Code),
		}
		for k, sku := range skus {
			c := g.cell(k, i)
			o.Ranged[sku] = c.Ranged()
			if !v.known {
				continue
			}
			o.Units[sku] = 0
			if c.Ranged() {
				b := c.Promise()
				o.Units[sku] = b.AvailableToPromise
			}
		}
	}
	return offers, nil
}
