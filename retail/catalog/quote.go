package catalog

import (
	"time"

	"github.com/portico-retail/portico/retail"
)

// Quote is what the ERP's conditions come to in one channel at one instant.
type Quote struct {
	Current   retail.Money
	List      retail.Money
	Promotion *retail.Promotion
	Tiers     []retail.TierPrice
}

// QuoteAt prices the conditions p in a channel at the instant at. It is a pure function:
//
//   - Conditions count when they are for the channel or for all, in force at the instant (the end is exclusive) and in
//     the currency of the list price.
//   - The regular price is the channel's own price, else the price for all channels, else the list price. Of several, the
//     one in force since last; of those, the lower.
//   - The promotion is the lowest one open to everybody, provided that it is below the regular price; of equals, the one
//     in force since first.
//   - A member of a tier pays the lowest of the tier's conditions, and never more than everybody. A tier without a
//     condition of its own is left out.
func QuoteAt(p SystemPrice, channel retail.Channel, at time.Time) Quote {
	q := Quote{Current: p.Base, List: p.Base}
	var regular, promotion *Offer
	for i := range p.Offers {
		o := &p.Offers[i]
		switch {
		case !o.applies(channel, at, p.Base.CurrencyCode) || o.Tier != "":
		case o.Promotion:
			promotion = betterPromotion(promotion, o)
		default:
			regular = closerRegular(regular, o)
		}
	}
	if regular != nil {
		q.Current = regular.Price
	}
	if promotion != nil && promotion.Price.Minor < q.Current.Minor {
		q.Current = promotion.Price
		q.Promotion = &retail.Promotion{
			Titles: promotion.Titles, Price: promotion.Price, StartsAt: promotion.StartsAt, EndsAt: promotion.EndsAt,
		}
	}
	q.Tiers = tierPrices(p, channel, at, q.Current)
	return q
}

func (o *Offer) applies(channel retail.Channel, at time.Time, currency string) bool {
	return (o.Channel == "" || o.Channel == channel) && o.Price.CurrencyCode == currency &&
		!at.Before(o.StartsAt) && (o.EndsAt == nil || at.Before(*o.EndsAt))
}

func betterPromotion(a, b *Offer) *Offer {
	switch {
	case a == nil, b.Price.Minor < a.Price.Minor:
		return b
	case b.Price.Minor == a.Price.Minor && b.StartsAt.Before(a.StartsAt):
		return b
	}
	return a
}

func closerRegular(a, b *Offer) *Offer {
	switch {
	case a == nil:
		return b
	case (a.Channel == "") != (b.Channel == ""):
		if a.Channel == "" {
			return b
		}
	case b.StartsAt.After(a.StartsAt):
		return b
	case b.StartsAt.Equal(a.StartsAt) && b.Price.Minor < a.Price.Minor:
		return b
	}
	return a
}

// tierPrices lists what members pay, lowest tier first.
func tierPrices(p SystemPrice, channel retail.Channel, at time.Time, current retail.Money) []retail.TierPrice {
	var tiers []retail.TierPrice
	for _, tier := range retail.Tiers {
		price, own := current, false
		for i := range p.Offers {
			o := &p.Offers[i]
			if o.Tier == tier && o.applies(channel, at, p.Base.CurrencyCode) {
				price.Minor, own = min(price.Minor, o.Price.Minor), true
			}
		}
		if own {
			tiers = append(tiers, retail.TierPrice{Tier: tier, Price: price})
		}
	}
	return tiers
}
