package demo

import "slices"

// Corner keeps the first places of each kind and the first products, with what belongs to them. A whole retailer takes
// seconds to fill three backends with; a corner does for most tests.
func (r *Retailer) Corner(placesPerKind, products int) *Retailer {
	kinds, places, skus := map[string]int{}, map[string]bool{}, map[string]bool{}
	corner := *r
	corner.Locations = slices.DeleteFunc(slices.Clone(r.Locations), func(l Location) bool {
		kinds[l.Kind]++
		places[l.Code] = kinds[l.Kind] <= placesPerKind
		return !places[l.Code]
	})
	corner.Products = r.Products[:min(products, len(r.Products))]
	for _, p := range corner.Products {
		for _, v := range p.Variants {
			skus[v.SKU] = true
		}
	}
	corner.Stock = slices.DeleteFunc(slices.Clone(r.Stock), func(s Stock) bool { return !places[s.Location] || !skus[s.SKU] })
	corner.Conditions = slices.DeleteFunc(slices.Clone(r.Conditions), func(c Condition) bool { return !skus[c.SKU] })
	return &corner
}
