package retail

import (
	"context"
	"time"
)

// Price is what a variant costs in one channel.
type Price struct {
	SKU       string
	Channel   Channel
	Current   Money
	List      Money
	Promotion *Promotion
	Tiers     []TierPrice
	Agreement PriceAgreement
	Sources   []SourcePrice
	Freshness Freshness
}

// Promotion is a price for a time.
type Promotion struct {
	Titles   Text
	Price    Money
	StartsAt time.Time
	EndsAt   *time.Time // exclusive; nil when open-ended
}

// Title is in the language of the context; nil when there is none.
func (p *Promotion) Title(ctx context.Context) *string {
	return optional(p.Titles.In(ContextOf(ctx).Language))
}

// TierPrice is what members of a tier pay.
type TierPrice struct {
	Tier  MemberTier
	Price Money
}

// PriceAgreement tells whether shop, POS and ERP ask the same.
type PriceAgreement string

// Agreements.
const (
	PricesAgree   PriceAgreement = "AGREE"
	PricesDiffer  PriceAgreement = "DIFFER"
	PricesUnknown PriceAgreement = "UNKNOWN"
)

// SourcePrice is what one system asks; Price is nil when it is silent or does not know the item.
type SourcePrice struct {
	Source    Source
	Price     *Money
	Freshness Freshness
}
