// Package cart answers what a shopper's cart comes to and what is wrong with it. The shop keeps the cart, so that app,
// mini-program and web see the same one; prices, totals and problems are computed when it is read.
package cart

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Store keeps carts; integrations/shop implements it.
type Store interface {
	// CreateCart makes a cart under a reference; the same reference returns the same cart.
	CreateCart(ctx context.Context, reference, owner string) (*retail.Cart, error)
	// Cart loads a cart, CodeNotFound when there is none.
	Cart(ctx context.Context, id string) (*retail.Cart, error)
	// CartOf loads the owner's open cart, CodeNotFound when there is none.
	CartOf(ctx context.Context, owner string) (*retail.Cart, error)
	// SaveCart replaces lines, coupons, address, note and owner if the stored version is c.Version, and returns what is stored
	// then, with a higher version. Versions begin with 1. It fails with CodeConflict when the version is another. A repetition
	// under one reference returns what the first one stored.
	SaveCart(ctx context.Context, reference string, c *retail.Cart) (*retail.Cart, error)
	// CloseCart marks a cart as ordered. Idempotent by order.
	CloseCart(ctx context.Context, id, orderID string) error
}

// Catalog knows SKUs and what they cost; catalog.Service implements it.
type Catalog interface {
	Variant(ctx context.Context, sku string) (*retail.Variant, error)
	Prices(ctx context.Context, skus []string, channel retail.Channel) (map[string]*retail.Price, error)
	// Category loads by code, CodeNotFound when there is none.
	Category(ctx context.Context, code string) (*retail.Category, error)
}

// Stock knows what places could give; stock.Service implements it.
type Stock interface {
	// Offers tells what the named places could give, in the order asked.
	Offers(ctx context.Context, skus, locationCodes []string) ([]retail.Offer, error)
}

// Holds knows what shoppers hold; stock.Holds implements it.
type Holds interface {
	// Held sums the holds of an owner (Actor.Key) that are active and serve no order.
	Held(ctx context.Context, owner string) (retail.Held, error)
}

// Places knows locations; location.Directory implements it.
type Places interface {
	ByCode(code string) (*retail.Location, bool)
	Resolve(ctx context.Context, refs []string) ([]*retail.Location, error)
}

// Members knows what a member may claim; members.Service implements it. Guests are not asked about.
type Members interface {
	// Standing is the member's tier.
	Standing(ctx context.Context, memberID string) (retail.MemberTier, error)
	// Wallet lists the member's coupons.
	Wallet(ctx context.Context, memberID string) ([]retail.Coupon, error)
	// Address loads an address of the member's address book, CodeNotFound when there is none.
	Address(ctx context.Context, memberID, addressID string) (*retail.DeliveryAddress, error)
}

// Tries counts what can be guessed; integrations/ledger implements it.
type Tries interface {
	// Try counts a try under key and reports whether it is within the limit, and how long until tries count anew.
	Try(ctx context.Context, key string, l retail.Limit) (allowed bool, wait time.Duration, err error)
	// Forgive takes back one try.
	Forgive(ctx context.Context, key string) error
}

// Delivery knows who delivers and for what fee; sourcing.Service implements it.
type Delivery interface {
	// Candidates lists the places that may deliver by the method to the address, which may be nil.
	Candidates(ctx context.Context, method retail.FulfillmentMethod, address *retail.DeliveryAddress) []*retail.Location
	// Fee is what delivering the lines costs the shopper. It does not depend on stock.
	Fee(ctx context.Context, q retail.PlanQuery) retail.Money
}
