// The catalog is an immutable value that every edit replaces, so that a reader, and a frozen shop, keeps the one it has.

package shop

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	defaultPage = 200
	maxPage     = 1000
	maxPrices   = 250
)

type catalog struct {
	started    time.Time // tells this run's versions from those of an earlier one
	version    int
	products   []Product // by id
	categories []Category
	variants   map[string]variantPlace
}

// variantPlace is where a SKU is found.
type variantPlace struct{ product, variant int }

func newCatalog(data Data, now time.Time) *catalog {
	c := &catalog{
		started: now, version: 1,
		products:   append([]Product{}, data.Products...), // an empty list is written as [], nil as null
		categories: append([]Category{}, data.Categories...),
		variants:   map[string]variantPlace{},
	}
	slices.SortFunc(c.products, func(a, b Product) int { return cmp.Compare(a.ID, b.ID) })
	for i := range c.products {
		c.products[i] = withLists(c.products[i])
		for j, v := range c.products[i].Variants {
			c.variants[v.SKU] = variantPlace{i, j}
		}
	}
	return c
}

// withLists makes missing lists empty, so that they are written as [] and not as null.
func withLists(p Product) Product {
	p.CategoryIDs = append([]string{}, p.CategoryIDs...)
	p.Media = append([]Media{}, p.Media...)
	p.Attributes = append([]Attribute{}, p.Attributes...)
	p.Variants = append([]Variant{}, p.Variants...)
	for i := range p.Variants {
		p.Variants[i].Options = append([]Attribute{}, p.Variants[i].Options...)
	}
	return p
}

// etag is weak, because two replies of one version differ in their asOf.
func (c *catalog) etag() string {
	return fmt.Sprintf(`W/"c-%x-%d"`, c.started.UnixNano(), c.version)
}

// with returns a copy in which one product is changed.
func (c *catalog) with(index int, now time.Time, change func(*Product)) *catalog {
	next := *c
	next.version++
	next.products = slices.Clone(c.products)
	p := &next.products[index]
	p.Variants = slices.Clone(p.Variants)
	p.UpdatedAt = now
	change(p)
	return &next
}

// SetPrice changes the web price of a SKU, in major units. An unknown SKU is an error.
func (s *Server) SetPrice(sku, amount string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.catalog.variants[sku]
	if !ok {
		return fmt.Errorf("shop: no variant %q", sku)
	}
	old := s.catalog.products[at.product].Variants[at.variant].Price
	if old == nil {
		return fmt.Errorf("shop: %q is not sold online", sku)
	}
	s.catalog = s.catalog.with(at.product, s.now(), func(p *Product) { p.Variants[at.variant].Price = &Money{amount, old.Currency} })
	return nil
}

// SetTitle changes the title of a product. An unknown product is an error.
func (s *Server) SetTitle(productID string, title Text) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	index, ok := s.catalog.find(productID)
	if !ok {
		return fmt.Errorf("shop: no product %q", productID)
	}
	s.catalog = s.catalog.with(index, s.now(), func(p *Product) { p.Title = title })
	return nil
}

// find returns the place of a product, or where it would be.
func (c *catalog) find(id string) (int, bool) {
	return slices.BinarySearchFunc(c.products, id, func(p Product, id string) int { return cmp.Compare(p.ID, id) })
}

// listProducts pages by the last id seen, so that an edit between two pages neither skips nor repeats a product.
func (s *Server) listProducts(w http.ResponseWriter, r *http.Request) error {
	query, err := parseQuery(r, "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := number(query, "limit", defaultPage, 1, maxPage)
	if err != nil {
		return err
	}
	after, err := parseCursor(query.Get("cursor"))
	if err != nil {
		return err
	}
	c, asOf := s.read()
	if unchanged(w, r, c.etag()) {
		return nil
	}
	page, next := c.page(after, int(limit))
	return writeJSON(w, struct {
		Products   []Product `json:"products"`
		NextCursor string    `json:"nextCursor"`
		AsOf       time.Time `json:"asOf"`
	}{page, next, asOf.UTC()})
}

func (c *catalog) page(after string, limit int) (page []Product, next string) {
	from, found := c.find(after)
	if found {
		from++
	}
	page = c.products[from:min(from+limit, len(c.products))]
	if from+len(page) < len(c.products) {
		next = cursorAfter(page[len(page)-1].ID)
	}
	return page, next
}

const cursorPrefix = "after:"

func cursorAfter(id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorPrefix + id))
}

func parseCursor(cursor string) (id string, err error) {
	if cursor == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	id, ok := strings.CutPrefix(string(raw), cursorPrefix)
	if err != nil || !ok {
		return "", badRequest("cursor is none of this list")
	}
	return id, nil
}

func (s *Server) listCategories(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r); err != nil {
		return err
	}
	c, _ := s.read()
	if unchanged(w, r, c.etag()) {
		return nil
	}
	return writeJSON(w, map[string][]Category{"categories": c.categories})
}

// listPrices leaves out SKUs that the shop does not sell.
func (s *Server) listPrices(w http.ResponseWriter, r *http.Request) error {
	query, err := parseQuery(r, "skus")
	if err != nil {
		return err
	}
	skus := strings.Split(query.Get("skus"), ",")
	if len(skus) > maxPrices {
		return badRequest("at most %d skus", maxPrices)
	}
	c, asOf := s.read()
	if unchanged(w, r, c.etag()) {
		return nil
	}
	type price struct {
		SKU string `json:"sku"`
		Money
	}
	prices := []price{}
	for _, sku := range skus {
		if at, ok := c.variants[sku]; ok {
			if asked := c.products[at.product].Variants[at.variant].Price; asked != nil {
				prices = append(prices, price{sku, *asked})
			}
		}
	}
	return writeJSON(w, struct {
		Prices []price   `json:"prices"`
		AsOf   time.Time `json:"asOf"`
	}{prices, asOf.UTC()})
}

// parseQuery refuses a parameter that is not known or comes twice.
func parseQuery(r *http.Request, known ...string) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("unreadable query")
	}
	for name, values := range query {
		if !slices.Contains(known, name) || len(values) > 1 {
			return nil, badRequest("parameter %.40q is not known or comes twice", name)
		}
	}
	return query, nil
}

func number(query url.Values, name string, fallback, low, high uint64) (uint64, error) {
	text := query.Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n < low || n > high {
		return 0, badRequest("%s must be %d to %d", name, low, high)
	}
	return n, nil
}
