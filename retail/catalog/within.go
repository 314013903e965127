package catalog

import (
	"context"
	"slices"

	"github.com/portico-retail/portico/retail"
)

// bounds reports whether a part of the catalog lies beyond the reach: SKUs, or the web's prices.
func bounds(r *retail.Reach) bool { return r.BoundsSKUs() || !r.Channel(retail.ChannelWeb) }

// viewKey is all that the catalog within a reach depends on.
type viewKey struct {
	skus     retail.ReachKey
	unpriced bool
}

func keyOf(r *retail.Reach) viewKey { return viewKey{r.SKUsKey(), !r.Channel(retail.ChannelWeb)} }

// Hold makes what the reaches see of the catalog, of this version and of those to come, so that no request waits for it. It replaces
// those that were named before.
func (s *Service) Hold(ctx context.Context, reaches []*retail.Reach) {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	s.held = slices.DeleteFunc(slices.Clone(reaches), func(r *retail.Reach) bool { return !bounds(r) })
	s.current.Load().views.Hold(ctx, s.held)
}

// publish puts a version into force with all that is held of it. Only what was named since it was made is made under the lock, so
// that a change of partners does not wait for a large catalog.
func (s *Service) publish(ctx context.Context, next *dated) {
	s.publishing.Lock()
	held := s.held
	s.publishing.Unlock()
	next.views.Hold(ctx, held)
	s.publishing.Lock()
	defer s.publishing.Unlock()
	next.views.Hold(ctx, s.held)
	s.current.Store(next)
}

// within is the catalog as if the shop sold nothing beyond the reach: variants, the products that have no other, the categories
// without any product, and web prices when the web is no channel of the reach. It is a snapshot of its own, so that words,
// facets, counts, orders and prices come from what can be seen and from nothing else.
func (s *snapshot) within(r *retail.Reach) *snapshot {
	if !bounds(r) {
		return s
	}
	return s.views.Of(r)
}

func (s *snapshot) part(r *retail.Reach) *snapshot {
	list := &ProductList{Version: s.version}
	for _, p := range s.products {
		if part := productWithin(p, r); part != nil {
			list.Products = append(list.Products, part)
		}
	}
	list.Categories = s.shelvesWith(list.Products)
	return newSnapshot(list)
}

// productWithin is what can be seen of a product: itself when that is all of it, nil when it is nothing.
func productWithin(p *retail.Product, r *retail.Reach) *retail.Product {
	unpriced := !r.Channel(retail.ChannelWeb)
	beyond := func(v *retail.Variant) bool { return !r.SKU(retail.NormalizeSKU(v.SKU)) }
	if r.BoundsSKUs() && !slices.ContainsFunc(p.Variants, func(v *retail.Variant) bool { return !beyond(v) }) {
		return nil
	}
	if !unpriced && !slices.ContainsFunc(p.Variants, beyond) {
		return p
	}
	part := *p
	part.PriceRange, part.Variants = nil, nil // the range is computed of the variants
	for _, v := range p.Variants {
		if beyond(v) {
			continue
		}
		seen := *v
		seen.Product = &part
		if unpriced {
			seen.WebPrice = retail.Money{}
		}
		part.Variants = append(part.Variants, &seen)
	}
	return &part
}

// shelvesWith lists the categories of the products and all above them, as the catalog lists them.
func (s *snapshot) shelvesWith(products []*retail.Product) []*retail.Category {
	used := make([]bool, len(s.categories))
	for _, p := range products {
		for _, shelf := range s.shelvesOf(p) {
			used[shelf] = true
		}
	}
	var list []*retail.Category
	for i, c := range s.categories {
		if used[i] {
			list = append(list, c)
		}
	}
	return list
}
