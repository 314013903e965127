// Package purchases shows a member everything they bought, online and at the tills, in one list.
package purchases

import (
	"context"

	"github.com/portico-retail/portico/retail"
)

// Online lists online orders; integrations/shop implements it.
type Online interface {
	// Orders lists the account's orders that come after before (all when nil), newest first, limit at most.
	Orders(ctx context.Context, accountID string, before *retail.PurchaseKey, limit int) ([]retail.ShopOrder, error)
}

// Receipts lists purchases at the tills; integrations/pos implements it.
type Receipts interface {
	// Receipts lists the card's receipts that come after before (all when nil), newest first, limit at most. Receipts of
	// collected online orders carry their OrderRef.
	Receipts(ctx context.Context, cardNumber string, before *retail.PurchaseKey, limit int) ([]retail.Receipt, error)
	// Receipt loads one by number, CodeNotFound when there is none.
	Receipt(ctx context.Context, number string) (*retail.Receipt, error)
}

// Ledger is the record of orders placed through the gateway; integrations/ledger implements it.
type Ledger interface {
	// OrdersByNumber loads those that the ledger has; the others are missing.
	OrdersByNumber(ctx context.Context, numbers []string) (map[string]*retail.Order, error)
	Order(ctx context.Context, id string) (*retail.Order, error)
	OrderByNumber(ctx context.Context, number string) (*retail.Order, error)
	// OrdersOf lists a guest's or member's orders by owner, newest first, that come after before.
	OrdersOf(ctx context.Context, owner string, before *retail.PurchaseKey, limit int) ([]*retail.Order, error)
	// OrdersAt lists orders with a fulfillment at the place that is not final.
	OrdersAt(ctx context.Context, locationCode string, limit int) ([]*retail.Order, error)
}

// Codes knows what a pickup code is for; ordering.Service implements it.
type Codes interface {
	// VerifyCode finds the order whose goods lie ready at the associate's place under the code, or refuses.
	VerifyCode(ctx context.Context, associate retail.Actor, locationRef, code string) (*retail.Order, *retail.Fulfillment, error)
}

// Places knows locations; location.Directory implements it.
type Places interface {
	Resolve(ctx context.Context, refs []string) ([]*retail.Location, error)
}
