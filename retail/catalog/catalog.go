// Package catalog finds products and prices them. Products are held in process memory, read from the shop and refreshed
// as it changes; prices are asked per response, in one call per system.
package catalog

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// ProductSource is the shop's catalog as a list of pages; the shop adapter implements it.
type ProductSource interface {
	// Products returns the whole catalog, or nil with unchanged=true when it is still at version.
	Products(ctx context.Context, version string) (list *ProductList, unchanged bool, err error)
}

// ProductList is the whole catalog at one version. Products point at the categories of the same list and variants at
// their product.
type ProductList struct {
	Products    []*retail.Product
	Categories  []*retail.Category // parents before children
	Version     string             // opaque, for the next call
	AsOf        time.Time
	Quarantined int // unreadable products left out
}

// PriceSource asks one system for its prices; each adapter implements it with one call.
type PriceSource interface {
	// Prices returns what the system asks for these SKUs at the instant now; SKUs that it does not know are left out.
	Prices(ctx context.Context, skus []string, now time.Time) (map[string]SystemPrice, error)
}

// SystemPrice is what one system asks for one SKU.
type SystemPrice struct {
	// Base is the price for everybody; the ERP states it as its list price.
	Base retail.Money
	// Offers are the ERP's price conditions: promotions, channel and tier prices that are in force. Empty elsewhere.
	Offers []Offer
	AsOf   time.Time
}

// Offer is one price condition of the ERP. Channel and Tier are empty for all.
type Offer struct {
	Promotion bool
	Channel   retail.Channel
	Tier      retail.MemberTier
	Price     retail.Money
	Titles    retail.Text
	StartsAt  time.Time
	EndsAt    *time.Time
}

// Query asks for products.
type Query struct {
	Search string
	Filter Filter
	Sort   Sort
	First  int
	After  string
}

// Filter narrows a product list; all conditions must hold.
type Filter struct {
	CategoryIDs []string // global ids
	Brands      []string
	MinPrice    *retail.Decimal
	MaxPrice    *retail.Decimal
	InStockAt   []string // global ids or location codes
}

// Sort is the order of a product list.
type Sort string

// Orders.
const (
	SortRelevance Sort = "RELEVANCE"
	SortPriceAsc  Sort = "PRICE_ASC"
	SortPriceDesc Sort = "PRICE_DESC"
	SortTitle     Sort = "TITLE"
	SortNewest    Sort = "NEWEST"
)

// Connection is a page of products.
type Connection struct {
	Edges      []Edge
	PageInfo   retail.PageInfo
	TotalCount retail.Count
	Facets     []Facet
	Freshness  retail.Freshness
}

// Nodes is the page without cursors.
func (c *Connection) Nodes() []*retail.Product {
	nodes := make([]*retail.Product, len(c.Edges))
	for i, e := range c.Edges {
		nodes[i] = e.Node
	}
	return nodes
}

// Edge is a product and its cursor.
type Edge struct {
	Cursor string
	Node   *retail.Product
}

// FacetKind is what a facet counts.
type FacetKind string

// Kinds of facets.
const (
	FacetBrand    FacetKind = "BRAND"
	FacetCategory FacetKind = "CATEGORY"
	FacetPrice    FacetKind = "PRICE"
)

// Facet is one way in which matches spread.
type Facet struct {
	Kind   FacetKind
	Values []FacetValue
}

// FacetValue is one value of a facet. Labels are in the languages of the catalog.
type FacetValue struct {
	Value  string
	Labels retail.Text
	Count  int
}

// Label is in the language of the context.
func (v FacetValue) Label(ctx context.Context) string {
	return v.Labels.In(retail.ContextOf(ctx).Language)
}
