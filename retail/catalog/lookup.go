package catalog

import (
	"context"

	"github.com/portico-retail/portico/retail"
)

// Lookup names one product in exactly one way.
type Lookup struct {
	ID   *string // global id of a product or a variant
	SKU  *string
	GTIN *string // GTIN-8, -12, -13 or -14
	Scan *string // SKU, GTIN or GS1 Digital Link
}

// Product finds one product. It fails with CodeBadInput unless exactly one name of a possible form is given, and with
// CodeNotFound when the catalog does not know it.
func (s *Service) Product(ctx context.Context, by Lookup) (*retail.Product, error) {
	find, err := by.finder()
	if err != nil {
		return nil, err
	}
	c, fresh, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	doc, ok := find(c.snapshot)
	if !ok {
		return nil, retail.Errorf(retail.CodeNotFound, "there is no such product")
	}
	return c.product(doc, fresh), nil
}

type finder func(*snapshot) (doc int32, ok bool)

// finder checks the lookup before the catalog is asked.
func (by Lookup) finder() (finder, error) {
	given := 0
	for _, name := range []*string{by.ID, by.SKU, by.GTIN, by.Scan} {
		if name != nil {
			given++
		}
	}
	if given != 1 {
		return nil, retail.BadInput("give exactly one of id, sku, gtin and scan")
	}
	switch {
	case by.ID != nil:
		return byID(*by.ID)
	case by.SKU != nil:
		if !retail.ValidSKU(retail.NormalizeSKU(*by.SKU)) {
			return nil, retail.BadInput("%.40q is no SKU", *by.SKU)
		}
		return func(s *snapshot) (int32, bool) { ref, ok := s.variantBySKU(*by.SKU); return ref.doc, ok }, nil
	case by.GTIN != nil:
		gtin, ok := retail.NormalizeGTIN(*by.GTIN)
		if !ok {
			return nil, retail.BadInput("%.40q is no GTIN, or its check digit is wrong", *by.GTIN)
		}
		return func(s *snapshot) (int32, bool) { ref, ok := s.byGTIN[gtin]; return ref.doc, ok }, nil
	default:
		if _, err := retail.ParseScan(*by.Scan); err != nil {
			return nil, err
		}
		return func(s *snapshot) (int32, bool) { ref, ok := s.scan(*by.Scan); return ref.doc, ok }, nil
	}
}

func byID(id string) (finder, error) {
	kind, key, ok := retail.ParseGlobalID(id)
	switch {
	case ok && kind == retail.KindProduct:
		return func(s *snapshot) (int32, bool) { doc, ok := s.byCode[key]; return doc, ok }, nil
	case ok && kind == retail.KindVariant:
		return func(s *snapshot) (int32, bool) { ref, ok := s.bySKU[key]; return ref.doc, ok }, nil
	}
	return nil, retail.BadInput("%.40q is no product or variant id", id)
}

// variantBySKU takes a SKU as the systems spell it, or as a person may have typed it.
func (s *snapshot) variantBySKU(sku string) (variantRef, bool) {
	if ref, ok := s.bySKU[sku]; ok {
		return ref, true
	}
	ref, ok := s.bySKU[retail.NormalizeSKU(sku)]
	return ref, ok
}

// scan finds the variant that a scanned code means: a SKU that exists wins over a GTIN of the same digits.
func (s *snapshot) scan(code string) (variantRef, bool) {
	scanned, err := retail.ParseScan(code)
	if err != nil {
		return variantRef{}, false
	}
	if ref, ok := s.bySKU[scanned.SKU]; ok {
		return ref, true
	}
	ref, ok := s.byGTIN[scanned.GTIN]
	return ref, ok
}

// Variant finds one variant by its SKU; an unknown one is CodeNotFound.
func (s *Service) Variant(ctx context.Context, sku string) (*retail.Variant, error) {
	c, fresh, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	ref, ok := c.variantBySKU(sku)
	if !ok || int(ref.variant) >= maxVariants {
		return nil, retail.Errorf(retail.CodeNotFound, "there is no SKU %.40q", sku)
	}
	return c.product(ref.doc, fresh).Variants[ref.variant], nil
}

// maxCategories bounds the list of all categories.
const maxCategories = 500

// Categories lists all categories, parents before children, 500 at most.
func (s *Service) Categories(ctx context.Context) ([]*retail.Category, error) {
	c, _, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	return c.categories[:min(len(c.categories), maxCategories)], nil
}

// Category finds one category by its code; an unknown one is CodeNotFound.
func (s *Service) Category(ctx context.Context, code string) (*retail.Category, error) {
	c, _, err := s.catalog(ctx)
	if err != nil {
		return nil, err
	}
	at, ok := c.byCategory[code]
	if !ok {
		return nil, retail.Errorf(retail.CodeNotFound, "there is no category %.40q", code)
	}
	return c.categories[at], nil
}

// Limits of one product, as the schema states them.
const (
	maxVariants     = 100
	maxOfCategories = 20
	maxMedia        = 20
	maxAttributes   = 50
	maxOptions      = 10
)

// product copies a product for one answer and dates it, because the one in the snapshot must not change. Its variants
// point at the copy, so that they tell the same date.
func (s *snapshot) product(doc int32, fresh retail.Freshness) *retail.Product {
	p := *s.products[doc]
	p.Freshness, p.PriceRange = fresh, s.prices[doc].span
	p.Categories = p.Categories[:min(len(p.Categories), maxOfCategories)]
	p.Media = p.Media[:min(len(p.Media), maxMedia)]
	p.Attributes = p.Attributes[:min(len(p.Attributes), maxAttributes)]
	originals := p.Variants[:min(len(p.Variants), maxVariants)]
	copies := make([]retail.Variant, len(originals))
	p.Variants = make([]*retail.Variant, len(originals))
	for i, v := range originals {
		copies[i] = *v
		copies[i].Product = &p
		copies[i].Options = v.Options[:min(len(v.Options), maxOptions)]
		p.Variants[i] = &copies[i]
	}
	return &p
}
