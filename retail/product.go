package retail

import (
	"context"
	"time"
)

// Product is something a retailer sells, as the shop describes it. Products are immutable once published.
type Product struct {
	Code         string
	Titles       Text
	Descriptions Text
	BrandName    string
	Categories   []*Category
	Media        []Media
	Attributes   []Attribute
	Variants     []*Variant
	PriceRange   *PriceRange // nil when no variant has a web price
	UpdatedAt    *time.Time
	Freshness    Freshness
}

// ID is the global id.
func (p *Product) ID() string { return GlobalID(KindProduct, p.Code) }

// Title is in the language of the context.
func (p *Product) Title(ctx context.Context) string { return p.Titles.In(ContextOf(ctx).Language) }

// Description is in the language of the context; nil when there is none.
func (p *Product) Description(ctx context.Context) *string {
	return optional(p.Descriptions.In(ContextOf(ctx).Language))
}

// Brand is nil when unknown.
func (p *Product) Brand() *string { return optional(p.BrandName) }

// IsNode marks a type of the Node interface.
func (*Product) IsNode() {}

// Variant is the sellable unit: what a barcode names and a till sells.
type Variant struct {
	SKU      string
	GTINCode string
	Titles   Text
	Options  []Attribute
	Product  *Product
	WebPrice Money // zero, without a currency, while it is not sold online
}

// ID is the global id.
func (v *Variant) ID() string { return GlobalID(KindVariant, v.SKU) }

// GTIN is nil when unknown.
func (v *Variant) GTIN() *string { return optional(v.GTINCode) }

// Title is in the language of the context.
func (v *Variant) Title(ctx context.Context) string { return v.Titles.In(ContextOf(ctx).Language) }

// IsNode marks a type of the Node interface.
func (*Variant) IsNode() {}

// Category is a shelf of the catalog.
type Category struct {
	Code       string
	Titles     Text
	ParentCode string // empty at the top
	Position   int
}

// ID is the global id.
func (c *Category) ID() string { return GlobalID(KindCategory, c.Code) }

// Title is in the language of the context.
func (c *Category) Title(ctx context.Context) string { return c.Titles.In(ContextOf(ctx).Language) }

// ParentID is the parent's global id; nil at the top.
func (c *Category) ParentID() *string {
	if c.ParentCode == "" {
		return nil
	}
	id := GlobalID(KindCategory, c.ParentCode)
	return &id
}

// IsNode marks a type of the Node interface.
func (*Category) IsNode() {}

// MediaKind is what a medium is.
type MediaKind string

// Kinds of media.
const (
	MediaImage   MediaKind = "IMAGE"
	MediaVideo   MediaKind = "VIDEO"
	MediaModel3D MediaKind = "MODEL_3D"
)

// Media is a picture, video or 3-D model.
type Media struct {
	Kind MediaKind
	URL  string
	Alts Text
	Type string // MIME type, empty when unknown
}

// Alt says what it shows, in the language of the context.
func (m Media) Alt(ctx context.Context) *string { return optional(m.Alts.In(ContextOf(ctx).Language)) }

// MimeType is nil when unknown.
func (m Media) MimeType() *string { return optional(m.Type) }

// Attribute is a named fact, or the option value that tells a variant from its siblings.
type Attribute struct {
	Names  Text
	Values Text
}

// Name is in the language of the context.
func (a Attribute) Name(ctx context.Context) string { return a.Names.In(ContextOf(ctx).Language) }

// Value is in the language of the context.
func (a Attribute) Value(ctx context.Context) string { return a.Values.In(ContextOf(ctx).Language) }

// PriceRange is the lowest and highest price over some variants.
type PriceRange struct {
	Min, Max Money
}
