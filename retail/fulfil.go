package retail

import "time"

// PricedCart is a cart with what it comes to.
type PricedCart struct {
	*Cart
	Prices   map[string]LinePrice // by line id; a line whose price nobody knows has none
	Titles   map[string]Text      // by SKU
	Totals   Totals
	Tier     MemberTier // empty for guests
	Held     Held       // what the shopper holds; nil when nothing, or when nobody can say
	Problems []CartProblem
}

// CartProblem is something wrong with a cart, for as long as it is wrong.
type CartProblem struct {
	Kind         CartProblemKind
	LineID       string // empty when the whole cart is meant
	SKU          string
	LocationCode string
	Available    *int   // of INSUFFICIENT_STOCK: how many could be had, disclosed as the public may see it
	WasPrice     *Money // of PRICE_MOVED
	NowPrice     *Money
	Coupon       string // of COUPON_NOT_APPLICABLE
	Blocks       bool   // checkout is refused as long as it is there
	Message      string
}

// CartProblemKind is what is wrong.
type CartProblemKind string

// Cart problems.
const (
	ProblemInsufficientStock   CartProblemKind = "INSUFFICIENT_STOCK"
	ProblemStockUnknown        CartProblemKind = "STOCK_UNKNOWN"
	ProblemNotRanged           CartProblemKind = "NOT_RANGED"        // the chosen place does not carry it
	ProblemNotSold             CartProblemKind = "NOT_SOLD"          // the catalog does not have it any more
	ProblemPriceMoved          CartProblemKind = "PRICE_MOVED"       // since the shopper last saw it
	ProblemPriceUnknown        CartProblemKind = "PRICE_UNKNOWN"     // nobody says what it costs
	ProblemPlaceUnavailable    CartProblemKind = "PLACE_UNAVAILABLE" // closed, or does not offer the method
	ProblemAddressMissing      CartProblemKind = "ADDRESS_MISSING"
	ProblemCouponNotApplicable CartProblemKind = "COUPON_NOT_APPLICABLE"
)

// PlanQuery asks which places serve which lines.
type PlanQuery struct {
	Lines   []PlanLine
	Address *DeliveryAddress // of lines that are delivered
	Slots   []PlanSlot       // agreed times, by place and method
	Held    Held             // what the shopper holds and may collect
}

// PlanLine is a demand.
type PlanLine struct {
	LineID       string
	SKU          string
	Quantity     int
	Method       FulfillmentMethod
	LocationCode string // of methods that visit
	// Value is what the line comes to before coupons: from some value on shipping is free. Without a currency it counts as
	// nothing.
	Value Money
}

// PlanSlot is the time that the shopper chose.
type PlanSlot struct {
	Method       FulfillmentMethod
	LocationCode string // of methods that visit; empty otherwise
	StartsAt     time.Time
}

// Plan is the parts that the places serve.
type Plan struct {
	Parts    []PlanPart
	Delivery Money // fee for all parts; the same that the cart showed when every line has its Value
}

// PlanPart is what one place serves.
type PlanPart struct {
	Method       FulfillmentMethod
	LocationCode string
	Lines        []FulfillmentLine
	Promise      time.Time
	Slot         *Slot
	SlotCapacity int // of Slot
	Fee          Money
	Why          []string // the terms of the decision in plain sentences
}

// DeliveryRequest asks a courier to bring goods from a place to an address.
type DeliveryRequest struct {
	Reference    string
	OrderNumber  string
	Method       FulfillmentMethod
	LocationCode string
	Lines        []ClaimLine
	Address      DeliveryAddress
	Promise      time.Time
}

// StoreTask asks a place to prepare goods for a shopper.
type StoreTask struct {
	Reference    string
	OrderNumber  string
	Method       FulfillmentMethod
	LocationCode string
	Lines        []TaskLine
	Contact      Contact
	CardNumber   string // loyalty card of the member; empty when none
	ReadyBy      time.Time
	Slot         *Slot
	Note         string
}

// TaskLine is units of one SKU of a task, paid online.
type TaskLine struct {
	SKU      string
	Quantity int
	Picked   int
	Rejected int
	Paid     Money // for all units of the line
}

// TaskState is how a task stands at the place.
type TaskState struct {
	Reference string
	Status    TaskStatus
	Lines     []TaskLine
	At        time.Time // of the last change
	ReceiptNo string    // once handed over
}

// TaskStatus is a task's lifecycle at the place.
type TaskStatus string

// Task statuses.
const (
	TaskOpen       TaskStatus = "OPEN"
	TaskPicking    TaskStatus = "PICKING"
	TaskPicked     TaskStatus = "PICKED"   // every line is picked or rejected
	TaskRejected   TaskStatus = "REJECTED" // every unit is rejected
	TaskHandedOver TaskStatus = "HANDED_OVER"
	TaskCancelled  TaskStatus = "CANCELLED"
)

// HandOver books goods that a shopper takes along, paid for already.
type HandOver struct {
	Reference    string
	LocationCode string
	Lines        []TaskLine // Picked says how many leave
	CardNumber   string
	At           time.Time
}

// TillReceipt is what a till booked.
type TillReceipt struct {
	Number string
	Counts []TillCount // counters of the place that contain it
}

// ReturnGoods books goods that come back over the counter of a place.
type ReturnGoods struct {
	Reference     string
	LocationCode  string
	Lines         []ReceiptLine // positive quantities
	OriginalOrder string        // number of the order that they were bought with
	CardNumber    string
	At            time.Time
}
