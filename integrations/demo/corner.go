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
	corner.People = make([]Person, len(r.People))
	for i, p := range r.People {
		corner.People[i] = p.within(places, skus)
	}
	return &corner
}

// within is the person without what happened elsewhere or with other goods.
func (p Person) within(places, skus map[string]bool) Person {
	strange := func(lines []PastLine) bool {
		return slices.ContainsFunc(lines, func(l PastLine) bool { return !skus[l.SKU] })
	}
	if p.Account != nil {
		account := *p.Account
		if !places[account.PreferredStore] {
			account.PreferredStore = ""
		}
		account.Orders = slices.DeleteFunc(slices.Clone(account.Orders), func(o PastOrder) bool { return strange(o.Lines) })
		p.Account = &account
	}
	if p.Card != nil {
		card := *p.Card
		card.Receipts = slices.DeleteFunc(slices.Clone(card.Receipts), func(t PastReceipt) bool {
			return !places[t.Location] || strange(t.Lines)
		})
		p.Card = &card
	}
	return p
}

// AlwaysOpen returns a copy whose places are open around the clock every day of the year, without cut-off or a limit of
// tasks; every store hands out orders inside and at the kerb, and stores and front warehouses deliver within 30 minutes. It
// is for tests that run at any hour.
func (r *Retailer) AlwaysOpen() *Retailer {
	open := *r
	open.Locations = slices.Clone(r.Locations)
	for i := range open.Locations {
		l := &open.Locations[i]
		l.Hours, l.Holidays = everyDay("00:00", "24:00"), nil
		l.Pickup.Cutoff, l.Pickup.Capacity = "", 0
		if l.Kind == KindStore {
			l.Pickup.Inside, l.Pickup.Curbside = true, true
		}
		l.Pickup.Instant = l.Kind != KindWarehouse
	}
	return &open
}
