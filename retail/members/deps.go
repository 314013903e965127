// Package members makes one person out of what three systems know: the shop's account, the tills' loyalty card and the ERP's
// customer record. Records are joined by proof only, never by resemblance, and every join can be undone.
package members

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Accounts is the shop's side; integrations/shop implements it.
type Accounts interface {
	// Account loads by id, CodeNotFound when there is none.
	Account(ctx context.Context, id string) (*retail.Account, error)
	// FindAccounts lists accounts with this verified phone or union id; an empty argument matches nothing. 10 at most.
	FindAccounts(ctx context.Context, phone, unionID string) ([]retail.Account, error)
	// CreateAccount opens an account under a reference; the same reference returns the same account.
	CreateAccount(ctx context.Context, reference string, p retail.Profile) (*retail.Account, error)
	// UpdateAccount replaces profile, preferred store and addresses; addresses keep the ids that they come with. Repeating it
	// changes nothing more. A shop that can tell fails with CodeConflict when the account was changed after a.UpdatedAt.
	UpdateAccount(ctx context.Context, a retail.Account) (*retail.Account, error)
	// SendCode lets the shop send a verification code to the phone. Idempotent by reference.
	SendCode(ctx context.Context, reference, phone string) error
	// CheckCode reports whether the code is the phone's current one. A code is good once: repeating under one reference gives
	// the same answer, any other use is refused.
	CheckCode(ctx context.Context, reference, phone, code string) (bool, error)
}

// Cards is the tills' side; integrations/pos implements it.
type Cards interface {
	// Card loads by number, CodeNotFound when there is none.
	Card(ctx context.Context, number string) (*retail.Card, error)
	// FindCards lists cards with this verified phone or union id. 10 at most.
	FindCards(ctx context.Context, phone, unionID string) ([]retail.Card, error)
	// CheckPIN reports whether the PIN is the card's.
	CheckPIN(ctx context.Context, number, pin string) (bool, error)
	// IssueCard issues a card under a reference; the same reference returns the same card.
	IssueCard(ctx context.Context, reference string, p retail.Profile) (*retail.Card, error)
	// UpdateCard replaces the profile of a card.
	UpdateCard(ctx context.Context, c retail.Card) error
	// CardPoints lists the card's latest movements of points known to the tills, newest first, 200 at most.
	CardPoints(ctx context.Context, number string) ([]retail.PointEntry, error)
}

// Customers is the ERP's side; integrations/erp implements it.
type Customers interface {
	// Customer loads by number, CodeNotFound when there is none.
	Customer(ctx context.Context, number string) (*retail.Customer, error)
	// FindCustomers lists customers with this verified phone or union id, or linked to this card or account. 10 at most.
	FindCustomers(ctx context.Context, phone, unionID, cardNumber, accountID string) ([]retail.Customer, error)
	// CreateCustomer opens a record under a reference; the same reference returns the same customer.
	CreateCustomer(ctx context.Context, reference string, p retail.Profile, cardNumber, accountID string) (*retail.Customer, error)
	// UpdateCustomer replaces profile, card and account of a customer.
	UpdateCustomer(ctx context.Context, c retail.Customer) error
	// Points lists the customer's movements of points, newest first, 500 at most.
	Points(ctx context.Context, number string) ([]retail.PointEntry, error)
	// Coupons lists the customer's coupons, 200 at most.
	Coupons(ctx context.Context, number string) ([]retail.Coupon, error)
	// TierRules lists what each tier asks for, lowest first.
	TierRules(ctx context.Context) ([]retail.TierRule, error)
}

// Ledger records members; integrations/ledger implements it.
type Ledger interface {
	// Member loads by id, CodeNotFound when there is none. MemberOf loads by one of its identities.
	Member(ctx context.Context, id string) (*retail.Member, error)
	MemberOf(ctx context.Context, system retail.Source, key string) (*retail.Member, error)
	// SaveMember stores a member if the stored version is m.Version (0 for a new one), with jobs in the same transaction. It
	// fails with CodeConflict when the version is another or an identity belongs to somebody else.
	SaveMember(ctx context.Context, m *retail.Member, jobs ...retail.Job) (*retail.Member, error)
	// SaveMerge stores both members after a merge or its undoing with the record of it, all or nothing, by their versions. What
	// the one owns (orders, claims, feedback) goes to the other: from and to are owners (Actor.Key), empty to leave it. A record
	// that is known by its id is replaced, and what from has got since goes to to as well; but when record.UndoneAt is set only
	// what the merge of this id had moved goes back.
	SaveMerge(ctx context.Context, record MergeRecord, kept, merged *retail.Member, from, to string) error
	// Merge loads a merge record, CodeNotFound when there is none.
	Merge(ctx context.Context, id string) (*MergeRecord, error)
	// Members lists members by id, after the one given, for the consistency report; limit at most.
	Members(ctx context.Context, after string, limit int) ([]*retail.Member, error)
	// Try counts a try under key and reports whether it is within the limit, and how long until tries count anew.
	Try(ctx context.Context, key string, l retail.Limit) (allowed bool, wait time.Duration, err error)
	// Forgive takes back one try.
	Forgive(ctx context.Context, key string) error
	// Enqueue stores jobs.
	Enqueue(ctx context.Context, jobs ...retail.Job) error
}

// MergeRecord is what a merge did, so that it can be undone.
type MergeRecord struct {
	ID       string
	KeptID   string
	MergedID string
	// Identities are those that moved from the merged member to the kept one.
	Identities []retail.Identity
	MergedAt   time.Time
	UndoneAt   *time.Time
}
