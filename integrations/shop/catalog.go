package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
)

const (
	// maxPages bounds a walk; a shop that goes on is refused.
	maxPages = 2000
	// maxWalks is how often a walk is begun when the catalog changes under it.
	maxWalks = 3
)

type pageMessage struct {
	Products   []json.RawMessage `json:"products"`
	NextCursor string            `json:"nextCursor"`
	AsOf       time.Time         `json:"asOf"`
}

type categoriesMessage struct {
	Categories []json.RawMessage `json:"categories"`
}

// errMoved says that the catalog changed during a walk.
var errMoved = errors.New("shop: the catalog keeps changing")

// Products walks all pages of the catalog. The version is made of the entity tags of products and categories. A catalog
// that changes during the walk is walked again, twice at most.
func (c *Client) Products(ctx context.Context, version string) (*catalog.ProductList, bool, error) {
	if version != "" {
		same, err := c.unchanged(ctx, version)
		if err != nil || same {
			return nil, same, err
		}
	}
	for range maxWalks {
		list, err := c.walk(ctx)
		if !errors.Is(err, errMoved) {
			return list, false, err
		}
	}
	return nil, false, retail.Unavailable(retail.SourceShop, errMoved)
}

// versionOf joins two entity tags; an entity tag has no line break.
func versionOf(products, categories string) string { return products + "\n" + categories }

func (c *Client) unchanged(ctx context.Context, version string) (bool, error) {
	products, categories, _ := strings.Cut(version, "\n")
	a, err := c.page(ctx, "", products)
	if err != nil || !a.same {
		return false, err
	}
	b, err := c.categories(ctx, categories)
	return b.same, err
}

func (c *Client) page(ctx context.Context, cursor, etag string) (answer[pageMessage], error) {
	query := url.Values{"limit": {strconv.Itoa(c.cfg.PageProducts)}, "cursor": {cursor}}
	return get[pageMessage](ctx, c, c.feed, "products", "/api/v1/products", query, etag)
}

func (c *Client) categories(ctx context.Context, etag string) (answer[categoriesMessage], error) {
	return get[categoriesMessage](ctx, c, c.feed, "categories", "/api/v1/categories", nil, etag)
}

// walk reads the whole catalog once; errMoved when it changed meanwhile.
func (c *Client) walk(ctx context.Context) (*catalog.ProductList, error) {
	start := c.now()
	shelves, err := c.categories(ctx, "")
	if err != nil {
		return nil, err
	}
	list := &catalog.ProductList{AsOf: start}
	b := newBuilder(c, list)
	if err := b.addCategories(shelves.value.Categories); err != nil {
		return nil, err
	}
	cursor, etag := "", ""
	for range maxPages {
		page, err := c.page(ctx, cursor, "")
		switch {
		case err != nil:
			return nil, err
		case page.etag == "" || page.value.Products == nil || page.value.AsOf.IsZero():
			return nil, badCatalog("a page lacks its ETag, products or asOf")
		case etag != "" && page.etag != etag:
			return nil, errMoved
		}
		etag = page.etag
		list.AsOf = dated(page.value.AsOf, list.AsOf)
		if err := b.addProducts(page.value.Products); err != nil {
			return nil, err
		}
		if page.value.NextCursor == "" {
			list.Version = versionOf(etag, shelves.etag)
			b.finish(start)
			return list, nil
		}
		if page.value.NextCursor == cursor {
			return nil, badCatalog("the pages stand still")
		}
		cursor = page.value.NextCursor
	}
	return nil, badCatalog("more than %d pages", maxPages)
}

func badCatalog(format string, args ...any) error {
	return retail.BadUpstream(retail.SourceShop, fmt.Errorf("shop: catalog: "+format, args...))
}
