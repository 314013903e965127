package shop

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
)

// maxID bounds a product or category id, in bytes.
const maxID = 100

type textMessage struct {
	Chinese string `json:"zh-CN"`
	English string `json:"en"`
}

func (t textMessage) text() retail.Text { return retail.Text(t) }

func (t textMessage) empty() bool { return t.Chinese == "" && t.English == "" }

type productMessage struct {
	ID          string             `json:"id"`
	Title       textMessage        `json:"title"`
	Description textMessage        `json:"description"`
	Brand       string             `json:"brand"`
	CategoryIDs []string           `json:"categoryIds"`
	Media       []mediaMessage     `json:"media"`
	Attributes  []attributeMessage `json:"attributes"`
	Variants    []json.RawMessage  `json:"variants"`
	UpdatedAt   *time.Time         `json:"updatedAt"`
}

type mediaMessage struct {
	Kind     string      `json:"kind"`
	URL      string      `json:"url"`
	Alt      textMessage `json:"alt"`
	MimeType string      `json:"mimeType"`
}

type attributeMessage struct {
	Name  textMessage `json:"name"`
	Value textMessage `json:"value"`
}

type variantMessage struct {
	SKU     string             `json:"sku"`
	GTIN    string             `json:"gtin"`
	Title   textMessage        `json:"title"`
	Options []attributeMessage `json:"options"`
	Price   *moneyMessage      `json:"price"` // null while it is not sold online
}

type categoryMessage struct {
	ID       string      `json:"id"`
	ParentID string      `json:"parentId"`
	Title    textMessage `json:"title"`
	Position int         `json:"position"`
}

// builder makes a product list of messages. Of things with the same id or SKU the first wins.
type builder struct {
	client     *Client
	list       *catalog.ProductList
	categories map[string]*retail.Category
	products   map[string]bool
	skus       map[string]bool
	left       map[string]int // things left out, by kind
}

func newBuilder(c *Client, list *catalog.ProductList) *builder {
	return &builder{
		client: c, list: list, categories: map[string]*retail.Category{},
		products: map[string]bool{}, skus: map[string]bool{}, left: map[string]int{},
	}
}

// addCategories puts parents before children, siblings by position. What hangs on nothing or on itself is left out.
func (b *builder) addCategories(raw []json.RawMessage) error {
	messages, bad, err := decodeEach[categoryMessage](raw)
	if err != nil {
		return err
	}
	slices.SortStableFunc(messages, func(x, y categoryMessage) int { return cmp.Compare(x.Position, y.Position) })
	children := map[string][]categoryMessage{}
	for _, m := range messages {
		children[m.ParentID] = append(children[m.ParentID], m)
	}
	for level := children[""]; len(level) > 0; {
		var below []categoryMessage
		for _, m := range level {
			if m.ID == "" || len(m.ID) > maxID || m.Title.empty() || b.categories[m.ID] != nil {
				continue
			}
			shelf := &retail.Category{Code: m.ID, Titles: m.Title.text(), ParentCode: m.ParentID, Position: m.Position}
			b.categories[m.ID] = shelf
			b.list.Categories = append(b.list.Categories, shelf)
			below = append(below, children[m.ID]...)
		}
		level = below
	}
	b.left["category"] += bad + len(messages) - len(b.list.Categories)
	return nil
}

func (b *builder) addProducts(raw []json.RawMessage) error {
	messages, bad, err := decodeEach[productMessage](raw)
	if err != nil {
		return err
	}
	for _, m := range messages {
		p := b.product(m)
		if p == nil {
			bad++
			continue
		}
		b.list.Products = append(b.list.Products, p)
	}
	b.left["product"] += bad
	b.list.Quarantined += bad
	return nil
}

// product is nil for a product without id, title or a single readable variant.
func (b *builder) product(m productMessage) *retail.Product {
	if m.ID == "" || len(m.ID) > maxID || b.products[m.ID] || m.Title.empty() {
		return nil
	}
	p := &retail.Product{
		Code: m.ID, Titles: m.Title.text(), Descriptions: m.Description.text(), BrandName: m.Brand,
		Attributes: attributes(m.Attributes), UpdatedAt: m.UpdatedAt,
	}
	b.addVariants(p, m.Variants)
	if len(p.Variants) == 0 {
		return nil
	}
	b.products[m.ID] = true
	for _, id := range m.CategoryIDs {
		if shelf := b.categories[id]; shelf != nil && !slices.Contains(p.Categories, shelf) {
			p.Categories = append(p.Categories, shelf)
		}
	}
	for _, medium := range m.Media {
		if good, ok := medium.media(); ok {
			p.Media = append(p.Media, good)
		} else {
			b.left["media"]++
		}
	}
	p.PriceRange = priceRange(p.Variants)
	return p
}

func (b *builder) addVariants(p *retail.Product, raw []json.RawMessage) {
	for _, item := range raw {
		var m variantMessage
		err := decode(item, &m)
		var price retail.Money
		ok := true
		if m.Price != nil {
			price, ok = b.client.money(*m.Price)
		}
		if err != nil || !ok || !retail.ValidSKU(m.SKU) || b.skus[m.SKU] {
			b.left["variant"]++
			continue
		}
		b.skus[m.SKU] = true
		if !isGTIN(m.GTIN) {
			if m.GTIN != "" {
				b.left["gtin"]++
			}
			m.GTIN = ""
		}
		p.Variants = append(p.Variants, &retail.Variant{
			SKU: m.SKU, GTINCode: m.GTIN, Titles: m.Title.text(), Options: attributes(m.Options),
			Product: p, WebPrice: price,
		})
	}
}

// finish dates the products and counts what was left out.
func (b *builder) finish(now time.Time) {
	freshness := retail.FreshnessAt(b.list.AsOf, now, retail.SourceShop, retail.BasisProjected)
	for _, p := range b.list.Products {
		p.Freshness = freshness
	}
	for kind, n := range b.left {
		b.client.metrics.Quarantine(retail.SourceShop, kind, n)
	}
}

func attributes(messages []attributeMessage) []retail.Attribute {
	list := make([]retail.Attribute, 0, len(messages))
	for _, m := range messages {
		if !m.Name.empty() && !m.Value.empty() {
			list = append(list, retail.Attribute{Names: m.Name.text(), Values: m.Value.text()})
		}
	}
	return list
}

// media accepts absolute http and https addresses only; Portico never fetches them.
func (m mediaMessage) media() (retail.Media, bool) {
	kind := retail.MediaKind(m.Kind)
	known := kind == retail.MediaImage || kind == retail.MediaVideo || kind == retail.MediaModel3D
	u, err := url.Parse(m.URL)
	ok := known && err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") && u.User == nil
	return retail.Media{Kind: kind, URL: m.URL, Alts: m.Alt.text(), Type: m.MimeType}, ok
}

// priceRange is over the variants that have a price; nil when none has.
func priceRange(variants []*retail.Variant) (r *retail.PriceRange) {
	for _, v := range variants {
		switch {
		case v.WebPrice.CurrencyCode == "":
		case r == nil:
			r = &retail.PriceRange{Min: v.WebPrice, Max: v.WebPrice}
		case v.WebPrice.Minor < r.Min.Minor:
			r.Min = v.WebPrice
		case v.WebPrice.Minor > r.Max.Minor:
			r.Max = v.WebPrice
		}
	}
	return r
}

// isGTIN reports whether code has the form of a GTIN-8, -12, -13 or -14. The check digit is not held against it: codes
// that a retailer prints itself often lack one, and scanners read them all the same.
func isGTIN(code string) bool {
	if strings.Trim(code, "0123456789") != "" {
		return false
	}
	return slices.Contains([]int{8, 12, 13, 14}, len(code))
}
