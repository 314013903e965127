package retail

import "time"

// Order is one purchase through the gateway, as the ledger keeps it. It is a document: whoever changes it does so inside
// Ledger.UpdateOrder, on the copy that is stored.
type Order struct {
	ID         string // derived from the actor and the idempotency key, so that a repetition meets the same order
	Number     string // what people read to each other
	Owner      string // Actor.Key of whoever placed it
	MemberID   string // empty for guests
	AccountID  string // the member's account in the shop; empty for guests
	CustomerNo string // the member's number in the ERP; empty when none
	CardNumber string // the member's loyalty card when the order was placed; empty when none
	Channel    Channel
	Status     OrderStatus
	PlacedAt   time.Time
	PayBy      time.Time // unpaid at this instant, the order is cancelled

	CartID       string
	Lines        []OrderLine
	Fulfillments []Fulfillment
	Totals       Totals
	Coupons      []string
	Contact      Contact
	Address      *DeliveryAddress
	Note         string

	Payments []Payment
	Refunds  []Refund
	Returns  []Return
	Timeline []TimelineEntry
	Cancel   *Cancellation
	Review   *Review // nil when nothing about it was unusual

	// Saga is what the steps have done so far; only the saga reads it.
	Saga    Saga
	Version int // of the stored document, set by the ledger
}

// OrderStatus is where an order stands.
type OrderStatus string

// Order statuses. An order goes down this list, or leaves it for CANCELLED; the last three follow a return.
const (
	OrderPlacing         OrderStatus = "PLACING" // claims and shop order under way; not acknowledged yet
	OrderPendingPayment  OrderStatus = "PENDING_PAYMENT"
	OrderPaid            OrderStatus = "PAID"
	OrderPreparing       OrderStatus = "PREPARING"
	OrderReady           OrderStatus = "READY_FOR_PICKUP"
	OrderShipped         OrderStatus = "SHIPPED"
	OrderCompleted       OrderStatus = "COMPLETED"
	OrderCancelled       OrderStatus = "CANCELLED"
	OrderReturnRequested OrderStatus = "RETURN_REQUESTED"
	OrderReturned        OrderStatus = "RETURNED"
	OrderRefunded        OrderStatus = "REFUNDED"
)

// OrderLine is one SKU of an order; title and price are as they were when it was placed.
type OrderLine struct {
	ID       string // unique in the order
	SKU      string
	Titles   Text
	Quantity int
	Price    LinePrice
}

// Contact is whom a store may call.
type Contact struct {
	Name  string
	Phone string // E.164
	Other bool   `json:"-"` // somebody whom the shopper named, not the shopper
}

// Fulfillment is the part of an order that one place serves.
type Fulfillment struct {
	ID           string // unique in the order; OrderID + "/" + ID is its reference in every other system
	Method       FulfillmentMethod
	LocationCode string
	Lines        []FulfillmentLine
	Status       FulfillmentStatus
	ClaimID      string
	Promise      time.Time // ready or delivered by
	Slot         *Slot     // agreed time, nil when as soon as possible
	Why          []string  // how the place was chosen, in plain sentences

	TaskAt     *time.Time // when the place's system accepted the task
	ReadyAt    *time.Time
	CollectBy  *time.Time
	LeftAt     *time.Time // collected or delivered
	Collector  *Contact   // proxy; nil when the shopper comes
	CodeSecret string     // what the pickup code is derived from; never leaves the ledger but for its owner
	ReceiptNo  string     // till receipt of the collection
	Courier    *CourierState
	Decision   *Decision // what the shopper is asked after a rejection; nil when nothing

	AskedAt     *time.Time    // when it became the place's to serve: paid, or moved there
	DepartedAt  *time.Time    // when the courier took the goods
	ArrivedAt   *time.Time    // when the shopper said that they wait at the kerb
	ArrivedSpot string        // where, in their words
	MovedFrom   string        // id of the fulfillment whose rejected units these are; empty otherwise
	HandOverKey string        // of the hand-over that is tried or done, so that another one cannot pass for it
	Stop        CancelReason  // why it is being stopped, until the place or the courier agreed; empty otherwise
	Claim       ClaimProgress // how far ledger and projection are with ClaimID
}

// ClaimProgress is what the ledger did with a fulfillment's claim and what the projection has heard of it.
type ClaimProgress struct {
	State     ClaimState // in the ledger; empty before it was held
	Committed bool       // the projection shows it as allocated
	Changes   int        // how often the ledger released or shrank it
	Told      int        // how many of the changes the projection has heard of
}

// Reference names the fulfillment in the place's systems.
func (f *Fulfillment) Reference(orderID string) string { return orderID + "/" + f.ID }

// FulfillmentLine is units of one order line.
type FulfillmentLine struct {
	LineID   string
	SKU      string
	Quantity int
	Picked   int
	Rejected int // the place said that it cannot
	Returned int
	Offset   int // units of the order line that other fulfillments give before these, for sharing out what was paid
	Moved    int // of Rejected: another fulfillment serves them
	Refunded int // given up without a return: their money goes back
}

// FulfillmentStatus is where a fulfillment stands.
type FulfillmentStatus string

// Fulfillment statuses.
const (
	FulfillmentPending   FulfillmentStatus = "PENDING"   // not paid yet, or the place has not heard of it
	FulfillmentAccepted  FulfillmentStatus = "ACCEPTED"  // the place has the task
	FulfillmentPreparing FulfillmentStatus = "PREPARING" // being picked
	FulfillmentPartial   FulfillmentStatus = "PARTIALLY_READY"
	FulfillmentReady     FulfillmentStatus = "READY"
	FulfillmentRejected  FulfillmentStatus = "REJECTED_BY_STORE" // nothing of it can be had there
	FulfillmentShipped   FulfillmentStatus = "SHIPPED"
	FulfillmentCollected FulfillmentStatus = "COLLECTED"
	FulfillmentDelivered FulfillmentStatus = "DELIVERED"
	FulfillmentExpired   FulfillmentStatus = "EXPIRED" // not collected in time
	FulfillmentCancelled FulfillmentStatus = "CANCELLED"
)

// Final reports whether nothing more happens to the fulfillment but returns.
func (s FulfillmentStatus) Final() bool {
	switch s {
	case FulfillmentRejected, FulfillmentCollected, FulfillmentDelivered, FulfillmentExpired, FulfillmentCancelled:
		return true
	}
	return false
}

// Slot is an agreed time at a place.
type Slot struct {
	StartsAt time.Time
	EndsAt   time.Time
}

// Decision is a question to the shopper about units that the place cannot give.
type Decision struct {
	Lines    []FulfillmentLine // Rejected says how many
	AskedAt  time.Time
	AnswerBy time.Time // unanswered, the units are refunded
}

// CourierState is how far a delivery has come.
type CourierState struct {
	Status     CourierStatus
	Name       string
	Phone      string
	TrackingNo string
	At         time.Time
	EstimateAt *time.Time
}

// CourierStatus is a delivery's own lifecycle.
type CourierStatus string

// Courier statuses.
const (
	CourierRequested CourierStatus = "REQUESTED"
	CourierAssigned  CourierStatus = "ASSIGNED"
	CourierPickedUp  CourierStatus = "PICKED_UP" // the goods left the place and the ERP has booked it
	CourierDelivered CourierStatus = "DELIVERED"
	CourierFailed    CourierStatus = "FAILED" // came back to the place, or never left it
	CourierCancelled CourierStatus = "CANCELLED"
)

// Payment is one attempt to pay.
type Payment struct {
	Reference   string // ours, unique; the payment service meets it at most once
	Method      string // code of the shop's payment method
	Amount      Money
	Status      PaymentStatus
	RedirectURL string // where the shopper confirms; empty when nowhere
	Reason      string // of a failure, in the service's words
	StartedAt   time.Time
	SettledAt   *time.Time
}

// PaymentStatus is how a payment stands.
type PaymentStatus string

// Payment statuses.
const (
	PaymentPending   PaymentStatus = "PENDING" // also when the reply was lost
	PaymentSucceeded PaymentStatus = "SUCCEEDED"
	PaymentFailed    PaymentStatus = "FAILED"
	PaymentVoided    PaymentStatus = "VOIDED" // can succeed no more
)

// Refund is money given back to the payment that it came from.
type Refund struct {
	Reference        string // ours, unique
	PaymentReference string
	ReturnID         string // the return that it is for; empty when it has another reason
	Amount           Money
	Reason           string
	Status           RefundStatus
	AskedAt          time.Time
	SettledAt        *time.Time
}

// RefundStatus is how a refund stands.
type RefundStatus string

// Refund statuses.
const (
	RefundPending   RefundStatus = "PENDING"
	RefundSucceeded RefundStatus = "SUCCEEDED"
)

// Cancellation says why an order ended without being fulfilled.
type Cancellation struct {
	Reason CancelReason
	At     time.Time
	// Refusals say why an order that was never acknowledged could not be placed; a repeated checkout answers them again.
	Refusals []Refusal
}

// CancelReason is why an order was cancelled.
type CancelReason string

// Cancel reasons.
const (
	CancelByShopper    CancelReason = "BY_SHOPPER"
	CancelUnpaid       CancelReason = "UNPAID"
	CancelOutOfStock   CancelReason = "OUT_OF_STOCK" // found before payment was taken
	CancelRejected     CancelReason = "REJECTED_BY_STORE"
	CancelNotCollected CancelReason = "NOT_COLLECTED"
	CancelReviewed     CancelReason = "REVIEWED"   // unlike others, and whoever looked at it decided against it
	CancelNotPlaced    CancelReason = "NOT_PLACED" // never acknowledged: a coupon or hold was refused, or the shop was silent for too long
)

// TimelineEntry is one thing that happened to an order, oldest first.
type TimelineEntry struct {
	At            time.Time
	Kind          TimelineKind
	FulfillmentID string // empty when the whole order is meant
	Note          string
}

// TimelineKind is what happened.
type TimelineKind string

// Timeline kinds.
const (
	TimelinePlaced          TimelineKind = "PLACED"
	TimelinePaymentStarted  TimelineKind = "PAYMENT_STARTED"
	TimelinePaymentFailed   TimelineKind = "PAYMENT_FAILED"
	TimelinePaid            TimelineKind = "PAID"
	TimelineReviewStarted   TimelineKind = "REVIEW_STARTED"
	TimelineReviewReleased  TimelineKind = "REVIEW_RELEASED"
	TimelineTaskSent        TimelineKind = "TASK_SENT"
	TimelinePreparing       TimelineKind = "PREPARING"
	TimelinePartiallyReady  TimelineKind = "PARTIALLY_READY"
	TimelineReady           TimelineKind = "READY"
	TimelineStoreRejected   TimelineKind = "STORE_REJECTED"
	TimelineAnswered        TimelineKind = "SHOPPER_ANSWERED"
	TimelineArrived         TimelineKind = "SHOPPER_ARRIVED" // at the kerb
	TimelineShipped         TimelineKind = "SHIPPED"
	TimelineCollected       TimelineKind = "COLLECTED"
	TimelineDelivered       TimelineKind = "DELIVERED"
	TimelineNotCollected    TimelineKind = "NOT_COLLECTED"
	TimelineCompleted       TimelineKind = "COMPLETED"
	TimelineCancelled       TimelineKind = "CANCELLED"
	TimelineReturnRequested TimelineKind = "RETURN_REQUESTED"
	TimelineReturnCancelled TimelineKind = "RETURN_CANCELLED"
	TimelineReturned        TimelineKind = "RETURNED"
	TimelineExchanged       TimelineKind = "EXCHANGED"
	TimelineRefundStarted   TimelineKind = "REFUND_STARTED"
	TimelineRefunded        TimelineKind = "REFUNDED"
)

// Saga is what the steps of a purchase have done.
type Saga struct {
	// Placed: the shop has the order. Coupons: they are redeemed. Reported: the last status that the shop has heard.
	Placed, CouponsRedeemed, CouponsReleased, CartClosed, PointsBooked bool
	Reported                                                           OrderStatus
	// CancelRepeated: ERP and shop were told once more of a cancellation that came before the shop had the order.
	CancelRepeated bool
	// WakeAt is when the latest scheduled job looks at the order again; zero when the order is at rest.
	WakeAt time.Time
	// HoldIDs are the shopper's holds that are still to be adopted. Claimed: every fulfillment has its claim.
	HoldIDs []string
	Claimed bool
	// Cancelling is why the order is being cancelled while a payment may still succeed; empty otherwise.
	Cancelling CancelReason
	// PaidBy is the payment that paid the order; any other one that succeeds is given back.
	PaidBy string
	// Failures counts looks in a row that could not finish; the next one waits longer.
	Failures int
	// Alerts are the alerts that are raised and not cleared, by id.
	Alerts []string
	// Assessed: somebody looked whether the order is unlike others; nothing is prepared before.
	Assessed bool
}

// Return is goods on their way back, or back.
type Return struct {
	ID           string // unique in the order
	Way          ReturnWay
	LocationCode string // the store chosen, or the place that receives the parcel
	Lines        []ReturnLine
	Reason       string
	Status       ReturnStatus
	Amount       Money // what was paid for the lines; an exchange takes its replacements off before it is refunded
	Exchange     *Exchange
	RequestedAt  time.Time
	AcceptedAt   *time.Time // when a counter took the goods; the till books them next
	ReceivedAt   *time.Time
	ReceiptNo    string
	RefundRef    string // of the first refund; empty when there is none

	// Saga is what the steps have done so far; only the saga reads it.
	Saga ReturnSaga
}

// ReturnSaga is what the steps of a return have done.
type ReturnSaga struct {
	// Announced: the shop expects the parcel. Claimed: the replacements are held, Allocated: they are the shopper's, Committed:
	// the projection shows it, Settled: the projection has let go of a claim that came to nothing.
	Announced, Claimed, Allocated, Committed, Settled bool
	// Points are those to be taken back, PointsBooked when they are.
	Points       int
	PointsBooked bool
	// WakeAt is when the latest scheduled job looks at the return again.
	WakeAt time.Time
}

// ReturnLine is units of one order line that come back, out of one fulfillment.
type ReturnLine struct {
	LineID        string
	FulfillmentID string
	SKU           string
	Quantity      int
	Amount        Money
}

// ReturnWay is how goods come back.
type ReturnWay string

// Return ways.
const (
	ReturnInStore ReturnWay = "IN_STORE"
	ReturnByPost  ReturnWay = "BY_POST"
)

// ReturnStatus is where a return stands.
type ReturnStatus string

// Return statuses.
const (
	ReturnRequested ReturnStatus = "REQUESTED"
	ReturnReceived  ReturnStatus = "RECEIVED"
	ReturnRefunded  ReturnStatus = "REFUNDED"
	ReturnCancelled ReturnStatus = "CANCELLED"
)

// Exchange is what the shopper takes instead, at the store that receives the return.
type Exchange struct {
	ClaimID string
	Lines   []ExchangeLine
	HeldTo  time.Time
	// TakenAt is when it was handed over; GivenUpAt when it came to nothing and the return went on as a plain one.
	TakenAt   *time.Time
	GivenUpAt *time.Time
	ReceiptNo string
}

// ExchangeLine is units of a replacement.
type ExchangeLine struct {
	SKU      string
	Quantity int
	Price    Money // per unit
}
