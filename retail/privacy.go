package retail

import "time"

// Purpose is what personal data is used for.
type Purpose string

// Purposes.
const (
	PurposeFulfilment Purpose = "FULFILMENT" // to prepare, hand over and deliver what was ordered
	PurposeService    Purpose = "SERVICE"    // to serve a member
	PurposeMarketing  Purpose = "MARKETING"  // to tell of offers
	PurposePartner    Purpose = "PARTNER"    // to pass on to partner platforms
)

// Mask is what is left of personal data for those who may not read it.
type Mask string

// Masks.
const (
	MaskHidden  Mask = "HIDDEN"  // nothing
	MaskName    Mask = "NAME"    // 张*
	MaskPhone   Mask = "PHONE"   // 138****8000
	MaskEmail   Mask = "EMAIL"   // a***@example.com
	MaskCode    Mask = "CODE"    // the last four characters
	MaskAddress Mask = "ADDRESS" // down to the district
	MaskNone    Mask = "NONE"    // all: it was said to whoever may read it, which is recorded
)

// DataSubject is implemented by objects that hold personal data: whom it is about, as Actor.Key. What an object contains is
// about the same person.
type DataSubject interface{ Subject() string }

// DataPublic is implemented by data subjects that may have told everybody: what MaskNone leaves of these is not recorded.
type DataPublic interface{ Public() bool }

// DataOfOther is implemented by objects that may be about somebody else than the objects around them, and who is not known: whom
// somebody sends to the counter, who rides with the goods. The person around, for whom they do that, reads it as it is; that
// person's consent opens it to nobody, and it is on record as nobody's.
type DataOfOther interface{ OfOther() bool }

// Consent is a use of personal data that somebody agreed to. Records are never changed but for WithdrawnAt.
type Consent struct {
	Subject     string // Actor.Key
	Purpose     Purpose
	Version     string // of the notice that was shown
	GivenAt     time.Time
	WithdrawnAt *time.Time
}

// Disclosure is one reading of somebody's personal data by somebody else, as the audit log keeps it. It never holds the data.
type Disclosure struct {
	At        time.Time
	Request   string   // id of the request
	Role      string   // of the reader
	Reader    string   // subject of the reader's token
	Client    string   // the reader's client, empty when unknown
	Operation string   // name of the operation, empty when it has none
	Subject   string   // whose data, as Actor.Key
	Purpose   Purpose  // what for
	Fields    []string // Type.field, sorted
	Full      bool     // as it is; else masked
	Open      bool     // MaskNone: Full without a consent; not on record
}

// DataRequest is what a person asked about their own data.
type DataRequest struct {
	ID          string // derived from the subject and the idempotency key
	Subject     string // Actor.Key
	Kind        DataRequestKind
	Status      DataRequestStatus
	RequestedAt time.Time
	FinishedAt  *time.Time
	WaitsFor    string // a sentence, safe to show
	Language    Language
	Correction  *ProfileCorrection // of a CORRECTION, until it is done
	TakenUp     int                // of a CORRECTION: how many others it took up
	Receipts    []DataReceipt
	Document    []byte // of a finished EXPORT, until it is too old
	Version     int    // of the stored record
}

// ProfileCorrection is what to correct; what is nil stays.
type ProfileCorrection struct {
	Name     *string
	Email    *string
	Birthday *Date
}

// DataReceipt is what one holder of data answered.
type DataReceipt struct {
	Holder    DataHolder
	Status    DataReceiptStatus
	Reference string // the holder's own, empty when none
	Records   int
	At        time.Time
}

// DataHolder is who holds personal data.
type DataHolder string

// Holders.
const (
	HolderERP        DataHolder = "ERP"
	HolderPOS        DataHolder = "POS"
	HolderShop       DataHolder = "SHOP"
	HolderLedger     DataHolder = "LEDGER"
	HolderProjection DataHolder = "PROJECTION"
)

// DataRequestKind is what was asked.
type DataRequestKind string

// Kinds.
const (
	DataExport     DataRequestKind = "EXPORT"
	DataCorrection DataRequestKind = "CORRECTION"
	DataErasure    DataRequestKind = "ERASURE"
)

// DataRequestStatus is where a request stands.
type DataRequestStatus string

// Statuses.
const (
	DataWaiting   DataRequestStatus = "WAITING"
	DataRunning   DataRequestStatus = "RUNNING"
	DataDone      DataRequestStatus = "DONE"
	DataCancelled DataRequestStatus = "CANCELLED"
)

// DataReceiptStatus is where one holder stands.
type DataReceiptStatus string

// Statuses.
const (
	ReceiptPending DataReceiptStatus = "PENDING"
	ReceiptDone    DataReceiptStatus = "DONE"
	ReceiptNothing DataReceiptStatus = "NOTHING" // it has nothing about the person
)

// Review is a look at an order that is unlike others, before it is prepared.
type Review struct {
	Status    ReviewStatus
	Since     time.Time
	DecideBy  time.Time
	Flags     []RiskFlag
	DecidedAt *time.Time
	DecidedBy string // Actor.Key of the operator; empty when time decided, or the shopper by cancelling
}

// ReviewStatus is how a review stands.
type ReviewStatus string

// Statuses.
const (
	ReviewOpen      ReviewStatus = "OPEN"
	ReviewReleased  ReviewStatus = "RELEASED"
	ReviewCancelled ReviewStatus = "CANCELLED"
)

// RiskFlag is what is unusual about an order.
type RiskFlag string

// Flags.
const (
	RiskManyOrders     RiskFlag = "MANY_ORDERS"
	RiskFailedPayments RiskFlag = "FAILED_PAYMENTS"
	RiskUnlikePayment  RiskFlag = "UNLIKE_PAYMENT"
	RiskUnlikeAmount   RiskFlag = "UNLIKE_AMOUNT"
	RiskManyUnits      RiskFlag = "MANY_UNITS"
)

// ReviewDecision is what to do with an order in review.
type ReviewDecision string

// Decisions.
const (
	ReviewRelease ReviewDecision = "RELEASE"
	ReviewCancel  ReviewDecision = "CANCEL"
)
