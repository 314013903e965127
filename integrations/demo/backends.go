package demo

import (
	"context"
	"time"

	"github.com/portico-retail/portico/integrations/demo/erp"
	"github.com/portico-retail/portico/integrations/demo/pos"
	"github.com/portico-retail/portico/integrations/demo/shop"
)

// listSince is from when list prices are in force.
var listSince = time.Date(2010, time.January, 1, 0, 0, 0, 0, time.UTC)

// SeedERP replaces what the ERP holds by the retailer's data.
func (r *Retailer) SeedERP(ctx context.Context, db *erp.ERP) error {
	return db.Seed(ctx, r.ERPData())
}

// ERPData is what the ERP knows of the retailer.
func (r *Retailer) ERPData() erp.Data {
	data := erp.Data{Currency: r.Currency}
	for _, p := range r.Products {
		for _, v := range p.Variants {
			item := erp.Item{Code: v.SKU, GTIN: v.GTIN, Name: v.Title.Chinese, NameEN: v.Title.English, Brand: p.Brand, Status: "A"}
			if len(p.Categories) > 0 {
				item.Dept = p.Categories[0]
			}
			if v.Discontinued {
				item.Status = "D"
			}
			data.Items = append(data.Items, item)
			if v.List > 0 {
				data.Prices = append(data.Prices, erp.Price{Item: v.SKU, Kind: erp.PriceList, Amount: v.List.String(), From: listSince})
			}
		}
	}
	for _, c := range r.Conditions {
		data.Prices = append(data.Prices, c.erpPrice())
	}
	for _, l := range r.Locations {
		data.Locations = append(data.Locations, l.erpLocation())
		for _, h := range l.Hours {
			data.Hours = append(data.Hours, erp.Hours{Location: l.Code, Weekday: h.Weekday, Opens: h.Opens, Closes: h.Closes})
		}
		for _, h := range l.Holidays {
			data.Holidays = append(data.Holidays, erp.Holiday{Location: l.Code, Date: h.Date, Opens: h.Opens, Closes: h.Closes, Name: h.Name})
		}
	}
	data.Balances = make([]erp.Balance, len(r.Stock))
	sold := r.pastSales()
	for i, s := range r.Stock {
		data.Balances[i] = erp.Balance{
			Location: s.Location, SKU: s.SKU, Quantity: s.OnHand, POSCut: sold[Pair{s.Location, s.SKU}], Safety: s.Safety, Ranged: s.Ranged,
		}
	}
	r.addPeopleToERP(&data)
	return data
}

// erpPrice writes a channel or tier price as a LIST row of that channel or tier.
func (c Condition) erpPrice() erp.Price {
	kind := erp.PriceList
	if c.Promotion {
		kind = erp.PricePromo
	}
	return erp.Price{
		Item: c.SKU, Kind: kind, Channel: c.Channel, Tier: c.Tier, Amount: c.Amount.String(),
		From: c.From, To: c.To, Name: c.Name.Chinese, NameEN: c.Name.English,
	}
}

func (l Location) erpLocation() erp.Location {
	return erp.Location{
		Code: l.Code, Kind: l.Kind, Name: l.Name.Chinese, NameEN: l.Name.English,
		Country: l.Country, Province: l.Province, City: l.City, District: l.District, Line: l.Line, PostCode: l.PostCode,
		Phone: l.Phone, Lat: l.Lat, Lon: l.Lon, Zone: l.Zone,
		Pickup: l.Pickup.Inside, Curbside: l.Pickup.Curbside, Instant: l.Pickup.Instant,
		PickMinutes: l.Pickup.Minutes, Cutoff: l.Pickup.Cutoff, PickCapacity: l.Pickup.Capacity,
	}
}

// POSData is what the tills' head office knows of the retailer: tills stand in stores only. Past receipts are not in it:
// Backends.UploadPast brings them.
func (r *Retailer) POSData() pos.Data {
	data := pos.Data{Prices: map[string]string{}, Currency: r.Currency, Cards: r.posCards()}
	for _, l := range r.Locations {
		if l.Kind == KindStore {
			data.Locations = append(data.Locations, l.Code)
		}
	}
	for _, p := range r.Products {
		for _, v := range p.Variants {
			if v.Till > 0 {
				data.Prices[v.SKU] = v.Till.String()
			}
		}
	}
	return data
}

// ShopData is what the shop knows of the retailer; requests must carry apiKey. The shop does not know discontinued SKUs;
// it shows those without a price, but does not sell them.
func (r *Retailer) ShopData(apiKey string) shop.Data {
	data := shop.Data{APIKey: apiKey}
	for _, c := range r.Categories {
		data.Categories = append(data.Categories, shop.Category{ID: c.ID, ParentID: c.Parent, Title: shop.Text(c.Title), Position: c.Position})
	}
	for _, p := range r.Products {
		if out := r.shopProduct(p); len(out.Variants) > 0 {
			data.Products = append(data.Products, out)
		}
	}
	r.addPeopleToShop(&data)
	return data
}

func (r *Retailer) shopProduct(p Product) shop.Product {
	out := shop.Product{
		ID: p.ID, Handle: p.Handle, Title: shop.Text(p.Title), Description: shop.Text(p.Description), Brand: p.Brand,
		CategoryIDs: p.Categories, Attributes: shopAttributes(p.Attributes), UpdatedAt: p.UpdatedAt,
		Media: []shop.Media{}, Variants: []shop.Variant{},
	}
	for _, m := range p.Media {
		out.Media = append(out.Media, shop.Media{Kind: m.Kind, URL: m.URL, Alt: shop.Text(m.Alt), MimeType: m.MIME})
	}
	for _, v := range p.Variants {
		if v.Discontinued {
			continue
		}
		variant := shop.Variant{SKU: v.SKU, GTIN: v.GTIN, Title: shop.Text(v.Title), Options: shopAttributes(v.Options)}
		if v.Web > 0 {
			variant.Price = &shop.Money{Amount: v.Web.String(), Currency: r.Currency}
		}
		out.Variants = append(out.Variants, variant)
	}
	return out
}

func shopAttributes(list []Attribute) []shop.Attribute {
	out := make([]shop.Attribute, len(list))
	for i, a := range list {
		out[i] = shop.Attribute{Name: shop.Text(a.Name), Value: shop.Text(a.Value)}
	}
	return out
}
