package erp

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/portico-retail/portico/retail"
)

const (
	maxCustomers = 10
	maxKey       = 128 // characters of a number or reference
	maxText      = 200 // characters of a name
)

type customerRow struct {
	Number        string  `db:"number"`
	Name          *string `db:"name"`
	Phone         *string `db:"phone"`
	PhoneVerified int64   `db:"phone_verified"`
	Email         *string `db:"email"`
	UnionID       *string `db:"union_id"`
	Birthday      *string `db:"birthday"`
	Tier          string  `db:"tier"`
	Card          *string `db:"card"`
	Account       *string `db:"account"`
	YearSpend     string  `db:"year_spend"`
	Currency      string  `db:"currency"`
	Points        int64   `db:"points"`
	UpdatedAt     string  `db:"updated_at"`
}

func (c *Client) customer(now time.Time) func(r customerRow) (retail.Customer, bool) {
	return func(r customerRow) (retail.Customer, bool) {
		spend, err := retail.ParseMoney(r.YearSpend, r.Currency)
		tier := retail.MemberTier(r.Tier)
		born, ok := birthday(text(r.Birthday))
		ok = ok && err == nil && r.Currency == c.cfg.Currency && validKey(r.Number) && slices.Contains(retail.Tiers[:], tier) &&
			isInt32(r.Points) && (r.PhoneVerified == 0 || r.PhoneVerified == 1)
		_, err = time.Parse(time.RFC3339, r.UpdatedAt)
		return retail.Customer{
			Number: r.Number, Tier: tier, CardNumber: text(r.Card), AccountID: text(r.Account), YearSpend: spend,
			PointsBalance: int(r.Points), AsOf: now,
			Profile: retail.Profile{
				Name: text(r.Name), Phone: text(r.Phone), PhoneVerified: r.PhoneVerified == 1, Email: text(r.Email),
				UnionID: text(r.UnionID), Birthday: born,
			},
		}, ok && err == nil
	}
}

func birthday(s string) (retail.Date, bool) {
	_, err := time.Parse(time.DateOnly, s)
	return retail.Date(s), s == "" || err == nil
}

// readableText reports whether every database can store s.
func readableText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

func validKey(s string) bool {
	return s != "" && readableText(s) && utf8.RuneCountInString(s) <= maxKey
}

// customerKeys are the ways to look a customer up; empty ones match nothing.
type customerKeys struct{ number, reference, phone, unionID, card, account string }

func (c *Client) customers(ctx context.Context, k customerKeys) (list []retail.Customer, unreadable int, err error) {
	now := c.now()
	for _, key := range []*string{&k.number, &k.reference, &k.phone, &k.unionID, &k.card, &k.account} {
		if !validKey(*key) {
			*key = ""
		}
	}
	if k == (customerKeys{}) {
		return nil, 0, nil
	}
	found, err := lookUp[customerRow](ctx, c, "customers", map[string]any{
		"number": k.number, "reference": k.reference, "phone": k.phone, "union_id": k.unionID, "card": k.card, "account": k.account,
		"now": instant(now),
	}, maxCustomers)
	if err != nil {
		return nil, 0, err
	}
	list, err = readable(c, "customers", found.rows, c.customer(now))
	return list, found.unreadable + len(found.rows) - len(list), err
}

// Customer loads a customer by number, as the ERP has it now.
func (c *Client) Customer(ctx context.Context, number string) (*retail.Customer, error) {
	list, _, err := c.customers(ctx, customerKeys{number: number})
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(list, func(x retail.Customer) bool { return x.Number == number }); i >= 0 {
		return &list[i], nil
	}
	return nil, noCustomer()
}

// FindCustomers lists customers with this verified phone or union id, or linked to this card or account, by number; 10 at
// most. A row that matches in nothing is not believed. They are read whole or not at all: with one left out, two candidates
// would look like one.
func (c *Client) FindCustomers(ctx context.Context, phone, unionID, cardNumber, accountID string) ([]retail.Customer, error) {
	list, unreadable, err := c.customers(ctx, customerKeys{phone: phone, unionID: unionID, card: cardNumber, account: accountID})
	if err == nil && unreadable > 0 {
		err = badAnswer("customers", fmt.Errorf("%d of the candidates are not readable", unreadable))
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(x retail.Customer) bool {
		return (phone == "" || x.Profile.Phone != phone || !x.Profile.PhoneVerified) &&
			(unionID == "" || x.Profile.UnionID != unionID) &&
			(cardNumber == "" || x.CardNumber != cardNumber) &&
			(accountID == "" || x.AccountID != accountID)
	}), nil
}

// CreateCustomer opens a record under a reference; the same reference returns the same customer, as it is now.
func (c *Client) CreateCustomer(
	ctx context.Context, reference string, p retail.Profile, cardNumber, accountID string,
) (*retail.Customer, error) {
	if !validKey(reference) {
		return nil, retail.BadInput("a customer needs a reference of at most %d characters", maxKey)
	}
	args, err := c.customerArgs(retail.Customer{Number: numberFor(reference), Profile: p, CardNumber: cardNumber, AccountID: accountID})
	if err != nil {
		return nil, err
	}
	args["reference"], args["currency"] = reference, c.cfg.Currency
	if _, err := c.change(ctx, "customer_create", args); err != nil {
		return nil, err
	}
	list, _, err := c.customers(ctx, customerKeys{reference: reference})
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		// The record is there or will be: a replica may lag behind. Asking again finds it.
		return nil, retail.Unavailable(retail.SourceERP, errors.New("erp: customer_create: the record does not show yet"))
	}
	return &list[0], nil
}

// numberFor proposes a number: the same for the same reference, so that a repetition cannot open a second record.
func numberFor(reference string) string {
	sum := sha256.Sum256([]byte(reference))
	return "P" + base32.StdEncoding.EncodeToString(sum[:])[:15]
}

// UpdateCustomer replaces profile, card and account of a customer.
func (c *Client) UpdateCustomer(ctx context.Context, x retail.Customer) error {
	if !validKey(x.Number) {
		return noCustomer()
	}
	args, err := c.customerArgs(x)
	if err != nil {
		return err
	}
	affected, err := c.change(ctx, "customer_update", args)
	if err == nil && affected == 0 {
		err = noCustomer()
	}
	return err
}

func (c *Client) customerArgs(x retail.Customer) (map[string]any, error) {
	p := x.Profile
	for _, s := range []string{p.Name, p.Phone, p.Email, p.UnionID, x.CardNumber, x.AccountID} {
		if !readableText(s) || utf8.RuneCountInString(s) > maxText {
			return nil, retail.BadInput("a text of the profile is longer than %d characters or not readable", maxText)
		}
	}
	if _, ok := birthday(string(p.Birthday)); !ok {
		return nil, retail.BadInput("the birthday is no date")
	}
	verified := 0
	if p.PhoneVerified {
		verified = 1
	}
	return map[string]any{
		"number": x.Number, "name": nullable(p.Name), "phone": nullable(p.Phone), "phone_verified": verified, "email": nullable(p.Email),
		"union_id": nullable(p.UnionID), "birthday": nullable(string(p.Birthday)), "card": nullable(x.CardNumber),
		"account": nullable(x.AccountID), "now": instant(c.now()),
	}, nil
}

type tierRow struct {
	Tier      string `db:"tier"`
	Title     string `db:"title"`
	TitleEn   string `db:"title_en"`
	YearSpend string `db:"year_spend"`
	Currency  string `db:"currency"`
}

// TierRules lists what each tier asks for, lowest first.
func (c *Client) TierRules(ctx context.Context) ([]retail.TierRule, error) {
	found, err := lookUp[tierRow](ctx, c, "tier_rules", nil, 4*len(retail.Tiers))
	if err != nil {
		return nil, err
	}
	list, err := readable(c, "tier_rules", found.rows, func(r tierRow) (retail.TierRule, bool) {
		spend, err := retail.ParseMoney(r.YearSpend, r.Currency)
		tier := retail.MemberTier(r.Tier)
		return retail.TierRule{Tier: tier, Titles: retail.Text{Chinese: r.Title, English: r.TitleEn}, YearSpend: spend},
			err == nil && r.Currency == c.cfg.Currency && spend.Minor >= 0 && slices.Contains(retail.Tiers[:], tier)
	})
	rank := func(t retail.TierRule) int { return slices.Index(retail.Tiers[:], t.Tier) }
	slices.SortStableFunc(list, func(a, b retail.TierRule) int { return rank(a) - rank(b) })
	return slices.CompactFunc(list, func(a, b retail.TierRule) bool { return a.Tier == b.Tier }), err
}
