package main

import (
	"slices"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/retail"
)

// demoPartners are two platforms that sell for the built-in retailer: a map that shows what stores in Shanghai have of beauty and
// food, and the web shop of a mall in Beijing that sells shoes and electronics and may read exact numbers.
func demoPartners(r *demo.Retailer) []*auth.Partner {
	return []*auth.Partner{
		{
			ID: "maptown", Name: "Maptown", Reach: &retail.Reach{
				Locations: demoStores(r, "SH", 8), SKUs: demoRanges(r, "Beauty", "Food"), Channels: []retail.Channel{retail.ChannelPartner},
			},
			Quota: auth.Quota{CostPerMinute: 60_000, Burst: 6_000, InFlight: 16},
		},
		{
			ID: "mallpad", Name: "Mallpad", Scopes: auth.PartnerScopes(), Reach: &retail.Reach{
				Locations: demoStores(r, "BJ", 8), SKUs: demoRanges(r, "Footwear", "Electronics"),
				Channels: []retail.Channel{retail.ChannelPartner, retail.ChannelWeb},
			},
			Quota: auth.Quota{CostPerMinute: 240_000, Burst: 24_000, InFlight: 32},
		},
	}
}

// nowhere and nothing name what does not exist, because an empty part of a reach bounds nothing.
const nowhere, nothing = "NOWHERE", "NOTHING"

// demoStores are the codes of the first stores of a city.
func demoStores(r *demo.Retailer, city string, most int) []string {
	var codes []string
	for _, l := range r.Locations {
		if len(codes) < most && len(l.Code) > 4 && l.Code[:4] == "S-"+city {
			codes = append(codes, l.Code)
		}
	}
	if len(codes) == 0 {
		return []string{nowhere}
	}
	return codes
}

// demoRanges are the SKUs of the top categories with these English titles.
func demoRanges(r *demo.Retailer, titles ...string) []retail.SKURange {
	shelves := map[string]bool{}
	for _, c := range r.Categories {
		if c.Parent == "" && slices.Contains(titles, c.Title.English) {
			shelves[c.ID] = true
		}
	}
	var ranges []retail.SKURange
	for _, p := range r.Products {
		if len(p.Variants) > 0 && slices.ContainsFunc(p.Categories, func(id string) bool { return shelves[id] }) {
			ranges = append(ranges, retail.SKURange{First: p.Variants[0].SKU, Last: p.Variants[len(p.Variants)-1].SKU})
		}
	}
	if len(ranges) == 0 {
		return []retail.SKURange{{First: nothing, Last: nothing}}
	}
	return ranges
}
