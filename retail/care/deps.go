// Package care keeps what shoppers say after the sale, reviews of products, answers to "how was it", complaints, and what
// became of it, so that each shopper is answered. It is the closing of the loop, not customer relationship management.
package care

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Store keeps feedback; integrations/ledger implements it.
type Store interface {
	// AddFeedback stores feedback unless its id is known, and returns what is stored. It refuses with WhyLimitReached when the
	// author has one of the kind for the same subject (order or receipt, and SKU); complaints may be many.
	AddFeedback(ctx context.Context, f *Feedback) (*Feedback, error)
	// Feedback loads by id, CodeNotFound when there is none.
	Feedback(ctx context.Context, id string) (*Feedback, error)
	// UpdateFeedback runs change on the stored feedback while nobody else can change it.
	UpdateFeedback(ctx context.Context, id string, change func(*Feedback) error) (*Feedback, error)
	// ListFeedback lists what matches, newest first, behind the cursor.
	ListFeedback(ctx context.Context, q FeedbackQuery) ([]*Feedback, error)
	// Ratings sums the published reviews of SKUs.
	Ratings(ctx context.Context, skus []string) (map[string]Rating, error)
}

// Feedback is one thing that a shopper said.
type Feedback struct {
	ID           string
	Kind         FeedbackKind
	Owner        string // Actor.Key of the author
	OrderID      string // what it is about: an order, or
	ReceiptNo    string // a visit to a store, by its receipt
	LocationCode string // the place concerned; empty when none
	SKU          string // of a REVIEW
	Score        int    // REVIEW and CSAT 1 to 5, NPS 0 to 10, COMPLAINT none
	Title        string
	Text         string
	Status       FeedbackStatus
	CreatedAt    time.Time
	Replies      []Reply
	ResolvedAt   *time.Time
}

// Reply is one answer in the conversation.
type Reply struct {
	ID        string // follows from the idempotency key
	At        time.Time
	ByShopper bool
	Author    string // subject of the associate; not shown to shoppers
	Text      string
}

// FeedbackKind is what was asked.
type FeedbackKind string

// Feedback kinds.
const (
	KindReview    FeedbackKind = "REVIEW"
	KindNPS       FeedbackKind = "NPS"
	KindCSAT      FeedbackKind = "CSAT"
	KindComplaint FeedbackKind = "COMPLAINT"
)

// FeedbackStatus is what became of it.
type FeedbackStatus string

// Feedback statuses.
const (
	StatusReceived   FeedbackStatus = "RECEIVED"
	StatusPublished  FeedbackStatus = "PUBLISHED" // reviews
	StatusInProgress FeedbackStatus = "IN_PROGRESS"
	StatusAnswered   FeedbackStatus = "ANSWERED" // waits for the shopper
	StatusResolved   FeedbackStatus = "RESOLVED"
)

// FeedbackQuery selects feedback; empty fields select all.
type FeedbackQuery struct {
	Kinds         []FeedbackKind
	Statuses      []FeedbackStatus
	Owner         string
	LocationCodes []string // nil means everywhere
	SKU           string
	OrderID       string
	Before        *FeedbackKey
	Limit         int
}

// FeedbackKey is a place in the list, newest first.
type FeedbackKey struct {
	At time.Time
	ID string
}

// Rating sums the published reviews of a SKU.
type Rating struct {
	Count int
	Sum   int // of scores
}

// Purchases tells what the author bought; cmd joins it with the ledger and the tills.
type Purchases interface {
	// Order loads an order, CodeNotFound when there is none.
	Order(ctx context.Context, id string) (*retail.Order, error)
	// Receipt loads a till receipt, CodeNotFound when there is none.
	Receipt(ctx context.Context, number string) (*retail.Receipt, error)
}
