// Package returns takes goods back: what may come back, by which way, and how the money returns to the payment that it came
// from. An exchange is a return and a hold on the replacement at the same store.
package returns

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Ledger is the record of orders (see ordering.Ledger).
type Ledger interface {
	Order(ctx context.Context, id string) (*retail.Order, error)
	OrderByNumber(ctx context.Context, number string) (*retail.Order, error)
	UpdateOrder(ctx context.Context, id string, change func(tx retail.Tx, o *retail.Order) error) (*retail.Order, error)
	Closings(ctx context.Context, locationCode string, skus []string) (map[string]int64, error)
}

// Claims guards the stock of replacements; retail/stock implements it (see ordering.Claims).
type Claims interface {
	Hold(ctx context.Context, c retail.Claim) (retail.Claim, error)
	Pin(ctx context.Context, id string) error
	Supply(ctx context.Context, locationCode string, skus []string) (map[string]int, error)
	Commit(ctx context.Context, id string) error
	Settle(ctx context.Context, id string) error
	Depart(ctx context.Context, id string, d retail.Departure) error
}

// Tills books goods at a place; integrations/pos implements it. Idempotent by reference.
type Tills interface {
	// TakeBack books returned goods and returns the receipt with the counters after it.
	TakeBack(ctx context.Context, r retail.ReturnGoods) (retail.TillReceipt, error)
	// HandOver books goods that the shopper takes along (see ordering.Stores).
	HandOver(ctx context.Context, h retail.HandOver) (retail.TillReceipt, error)
}

// Parcels receives what comes back by post; integrations/shop implements it. Idempotent by reference.
type Parcels interface {
	// AnnounceReturn tells the shop that a parcel will come to the place.
	AnnounceReturn(ctx context.Context, orderNumber, reference, locationCode string, lines []retail.ReceiptLine) error
	// ReturnReceived tells whether the parcel has arrived and been booked by the ERP, and when.
	ReturnReceived(ctx context.Context, reference string) (at time.Time, received bool, err error)
}

// Payments gives money back; integrations/shop implements it. Idempotent by reference.
type Payments interface {
	Refund(ctx context.Context, r retail.Refund) (retail.Refund, error)
}

// Prices prices replacements as the shopper would pay now; retail/cart implements it.
type Prices interface {
	UnitPrices(ctx context.Context, actor retail.Actor, skus []string) (map[string]retail.LinePrice, error)
}

// Points books points; integrations/erp implements it. Idempotent by reference.
type Points interface {
	BookPoints(ctx context.Context, customerNo string, e retail.PointEntry) error
}

// Places knows locations; location.Directory implements it.
type Places interface {
	ByCode(code string) (*retail.Location, bool)
	Resolve(ctx context.Context, refs []string) ([]*retail.Location, error)
	All() []*retail.Location
}
