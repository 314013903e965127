// Package ordering sells: it turns a priced cart into claims, a shop order, a payment and tasks for the places that serve
// it, and takes every step back when a later one fails. Every step is durable before it is acknowledged and bears being
// repeated, so that a process that dies anywhere leaves nothing behind that the next one does not finish.
//
// Read saga.go first, then checkout.go.
package ordering

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Ledger is the record of orders; integrations/ledger implements it. A change is one transaction.
type Ledger interface {
	// CreateOrder stores an order, with what else do does in the same transaction; when the id is known it stores nothing and
	// returns what is there. It refuses with WhyNotAllowed a cart that another order has: every order but one that was given up
	// before it was placed.
	CreateOrder(ctx context.Context, o *retail.Order, do func(tx retail.Tx) error) (stored *retail.Order, created bool, err error)
	// Order loads by id, CodeNotFound when there is none. OrderByNumber is the same by number.
	Order(ctx context.Context, id string) (*retail.Order, error)
	OrderByNumber(ctx context.Context, number string) (*retail.Order, error)
	// UpdateOrder runs change on the stored order while nobody else can change it, and stores what it leaves, with a higher
	// version. change does nothing but compute and call tx, and may run more than once. An error of change undoes
	// everything and is returned as it is; retail.ErrUnchanged stores nothing and is no error.
	UpdateOrder(ctx context.Context, id string, change func(tx retail.Tx, o *retail.Order) error) (*retail.Order, error)
	// Notify stores the id of an outside event and the jobs that it causes; fresh is false, and no job is stored, when the
	// event was known.
	Notify(ctx context.Context, eventID string, jobs ...retail.Job) (fresh bool, err error)
	// Cursor and SaveCursor keep how far a feed was read; SaveCursor stores the jobs that the feed's entries cause with it.
	Cursor(ctx context.Context, feed string) (string, error)
	SaveCursor(ctx context.Context, feed, cursor string, jobs ...retail.Job) error
	// OrdersAt lists orders with a fulfillment at the place that is not final, oldest promise first.
	OrdersAt(ctx context.Context, locationCode string, limit int) ([]*retail.Order, error)
	// Overdue lists ids of orders with a fulfillment that is not final and whose promise lies before now, 1,000 at most.
	Overdue(ctx context.Context, now time.Time) ([]string, error)
	// Stalled lists ids of orders that are not at rest (Order.Saga.WakeAt is set) and should have been looked at before now.
	Stalled(ctx context.Context, now time.Time) ([]string, error)
	// Closings reads the ledger's closings of pairs at a place (retail.Supply).
	Closings(ctx context.Context, locationCode string, skus []string) (map[string]int64, error)
	// Try counts a try under key and reports whether it is within the limit, and how long until tries count anew.
	Try(ctx context.Context, key string, l retail.Limit) (allowed bool, wait time.Duration, err error)
	// OrdersOf lists an owner's orders, newest first, that come after before; limit at most.
	OrdersOf(ctx context.Context, owner string, before *retail.PurchaseKey, limit int) ([]*retail.Order, error)
	// CountOrders counts orders that are not cancelled and were placed since then, by the owner or for the contact's phone,
	// whichever are more; it stops at most.
	CountOrders(ctx context.Context, owner, phone string, since time.Time, most int) (int, error)
	// OrdersInReview lists orders whose review is open, the longest first; limit at most.
	OrdersInReview(ctx context.Context, limit int) ([]*retail.Order, error)
}

// Claims guards stock; retail/stock implements it.
type Claims interface {
	// Hold admits a claim for an order and records it. Idempotent by id. It refuses with WhyInsufficientStock and the like.
	Hold(ctx context.Context, c retail.Claim) (retail.Claim, error)
	// Adopt makes a shopper's hold the order's: same place and lines, until expiresAt. It refuses with WhyHoldExpired,
	// WhyHoldClosed, WhyHoldMismatch or WhyNotFound.
	Adopt(ctx context.Context, id, owner, orderID string, lines []retail.ClaimLine, expiresAt time.Time) (retail.Claim, error)
	// Pin keeps a hold from expiring while its order is being paid. It refuses with WhyHoldExpired when it is too late.
	Pin(ctx context.Context, id string) error
	// Supply reads what the place could promise without the ledger's claims; it refuses with WhyStockUnknown when a silent
	// backend leaves that open.
	Supply(ctx context.Context, locationCode string, skus []string) (map[string]int, error)
	// Commit shows a claim that the ledger has allocated as allocated instead of held.
	Commit(ctx context.Context, id string) error
	// Settle lets go of a claim that the ledger has closed as RELEASED or EXPIRED, or shrunk.
	Settle(ctx context.Context, id string) error
	// Depart lets go of a claim whose units left the place, in the same instant as the counters that show it; the ledger closes
	// it afterwards.
	Depart(ctx context.Context, id string, d retail.Departure) error
}

// Carts reads carts ready for checkout; retail/cart implements it.
type Carts interface {
	// Checkout returns the actor's cart with prices, or refuses: WhyNotFound, WhyVersionConflict, WhyCartEmpty, WhyCartProblem.
	Checkout(ctx context.Context, actor retail.Actor, cartID string, version int) (*retail.PricedCart, error)
	// Close marks a cart as ordered. Idempotent.
	Close(ctx context.Context, cartID, orderID string) error
}

// Sourcing picks places; retail/sourcing implements it.
type Sourcing interface {
	// Plan says which place serves which line, with a promise and the reasons, or refuses.
	Plan(ctx context.Context, q retail.PlanQuery) (*retail.Plan, error)
}

// Shop is the shop's side of an order; integrations/shop implements it. Every call is idempotent by the reference or number
// in it, and may be repeated after a lost reply.
type Shop interface {
	// PlaceOrder makes the order known to the shop, unpaid. The shop allocates no stock for it: the ledger does.
	PlaceOrder(ctx context.Context, o *retail.Order) error
	// ReportStatus tells the shop where the order stands; an older status than it knows changes nothing.
	ReportStatus(ctx context.Context, number string, status retail.OrderStatus, at time.Time) error
	// Pay starts a payment or reports on the one that was started under the reference.
	Pay(ctx context.Context, orderNumber string, p retail.Payment) (retail.Payment, error)
	// Payment asks how a payment stands; CodeNotFound when the service never met it.
	Payment(ctx context.Context, reference string) (retail.Payment, error)
	// PaymentMethods lists how orders can be paid.
	PaymentMethods(ctx context.Context) ([]retail.PaymentMethod, error)
	// VoidPayment makes sure that a pending payment succeeds no more, and returns how it stands: it may have succeeded already.
	// A payment that the service never met is remembered as void.
	VoidPayment(ctx context.Context, reference string) (retail.Payment, error)
	// Refund gives money back.
	Refund(ctx context.Context, r retail.Refund) (retail.Refund, error)
	// RequestDelivery asks a courier to fetch the goods at the place and bring them to the address.
	RequestDelivery(ctx context.Context, d retail.DeliveryRequest) (retail.CourierState, error)
	// Delivery asks how a delivery stands.
	Delivery(ctx context.Context, reference string) (retail.CourierState, error)
	// CancelDelivery stops a delivery whose goods have not left, and returns how it stands. One that the shop never met is
	// remembered as cancelled, so that a request under way comes too late.
	CancelDelivery(ctx context.Context, reference string) (retail.CourierState, error)
}

// Stores is the tills' side of a pickup; integrations/pos implements it. Every call is idempotent by the task's reference.
type Stores interface {
	SendTask(ctx context.Context, t retail.StoreTask) error
	// Task asks how a task stands; CodeNotFound when the place never got it.
	Task(ctx context.Context, reference string) (retail.TaskState, error)
	// TaskChanges lists tasks that changed behind a cursor, oldest first; an empty cursor starts with all.
	TaskChanges(ctx context.Context, cursor string) (changes []retail.TaskState, next string, err error)
	// CancelTask stops a task that was not handed over, and returns how it stands. One that the place never got is remembered as
	// cancelled, so that a task under way comes too late.
	CancelTask(ctx context.Context, reference string) (retail.TaskState, error)
	// HandOver books the collected lines at a till of the place and returns the receipt with the counters after it.
	HandOver(ctx context.Context, h retail.HandOver) (retail.TillReceipt, error)
}

// Coupons redeems coupons; integrations/erp implements it. Idempotent by coupon and reference.
type Coupons interface {
	// Redeem refuses with WhyCouponRejected when the coupon is used for something else, expired or unknown.
	Redeem(ctx context.Context, couponNumber, customerNo, reference string, at time.Time) error
	// Release makes a coupon usable again that was redeemed for the reference.
	Release(ctx context.Context, couponNumber, reference string) error
}

// Points books points; integrations/erp implements it. Idempotent by reference.
type Points interface {
	BookPoints(ctx context.Context, customerNo string, e retail.PointEntry) error
}

// Places knows locations; location.Directory implements it.
type Places interface {
	ByCode(code string) (*retail.Location, bool)
	Resolve(ctx context.Context, refs []string) ([]*retail.Location, error)
}

// Members knows members; integrations/ledger implements it.
type Members interface {
	// Member loads by id, CodeNotFound when there is none.
	Member(ctx context.Context, id string) (*retail.Member, error)
}
