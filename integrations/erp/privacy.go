package erp

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

var _ privacy.Holder = (*Client)(nil)

// ExportPerson tells everything that the ERP holds about the person: customers, points and coupons.
func (c *Client) ExportPerson(ctx context.Context, q privacy.Inquiry) (*privacy.Holding, error) {
	customers, points, coupons := []customerTold{}, []pointTold{}, []couponTold{}
	for _, number := range q.Keys {
		x, err := c.Customer(ctx, number)
		if retail.CodeOf(err) == retail.CodeNotFound && err != nil {
			continue
		}
		if err != nil {
			return nil, err
		}
		entries, err := c.Points(ctx, number)
		if err != nil {
			return nil, err
		}
		wallet, err := c.Coupons(ctx, number)
		if err != nil {
			return nil, err
		}
		customers = append(customers, tellCustomer(x))
		for _, e := range entries {
			points = append(points, pointTold{number, e.Reference, string(e.Source), e.Titles.In(q.Language), e.Points, e.At, e.ExpiresAt})
		}
		for _, w := range wallet {
			coupons = append(coupons, couponTold{
				number, w.Number, string(w.Kind), w.Titles.In(q.Language), string(w.Status), w.UsedFor, w.ValidFrom, w.ValidUntil,
			})
		}
	}
	data, err := json.Marshal(map[string]any{"customers": customers, "points": points, "coupons": coupons})
	if err != nil {
		return nil, fmt.Errorf("erp: %w", err)
	}
	return &privacy.Holding{Answer: privacy.Answer{Records: len(customers) + len(points) + len(coupons)}, Data: data}, nil
}

type customerTold struct {
	Number, Name, Phone, Email, UnionID, Birthday string
	PhoneVerified                                 bool
	Tier, Card, Account, YearSpend, Currency      string
	Points                                        int
}

func tellCustomer(x *retail.Customer) customerTold {
	p := x.Profile
	return customerTold{
		x.Number, p.Name, p.Phone, p.Email, p.UnionID, string(p.Birthday), p.PhoneVerified,
		string(x.Tier), x.CardNumber, x.AccountID, string(x.YearSpend.Amount()), x.YearSpend.CurrencyCode, x.PointsBalance,
	}
}

type pointTold struct {
	Customer, Reference, Source, Title string
	Points                             int
	At                                 time.Time
	ExpiresAt                          *time.Time `json:",omitempty"`
}

type couponTold struct {
	Customer, Number, Kind, Title, Status, UsedFor string
	ValidFrom, ValidUntil                          time.Time
}

// CorrectPerson sets what p says in the person's records; each is one statement, and the ERP notes under the reference that it
// was asked.
func (c *Client) CorrectPerson(ctx context.Context, q privacy.Inquiry, p retail.ProfileCorrection) (*privacy.Answer, error) {
	args := map[string]any{"now": instant(c.now())}
	for name, value := range map[string]*string{"name": p.Name, "email": p.Email, "birthday": (*string)(p.Birthday)} {
		args["set_"+name], args[name] = 0, nil
		if value == nil {
			continue
		}
		if !readableText(*value) || utf8.RuneCountInString(*value) > maxText {
			return nil, retail.BadInput("a text of the profile is longer than %d characters or not readable", maxText)
		}
		args["set_"+name], args[name] = 1, nullable(*value)
	}
	if err := c.note(ctx, "CORRECT", q.Reference, q.Keys); err != nil {
		return nil, err
	}
	answer := &privacy.Answer{Reference: q.Reference}
	for _, number := range q.Keys {
		args["number"] = number
		affected, err := c.change(ctx, "privacy_correct", args)
		if err != nil {
			return nil, err
		}
		answer.Records += int(min(affected, 1))
	}
	return answer, nil
}

// ErasePerson takes the person out of their records. Before, the ERP notes customers and references: nothing is written to these
// records and none is created under these references any more. Points and coupons stay under a number that says nothing.
func (c *Client) ErasePerson(ctx context.Context, q privacy.Inquiry) (*privacy.Answer, error) {
	if err := c.note(ctx, "ERASE", q.Reference, append(slices.Clone(q.Keys), q.Created...)); err != nil {
		return nil, err
	}
	answer := &privacy.Answer{Reference: q.Reference}
	if len(q.Keys)+len(q.Created) == 0 {
		return answer, nil
	}
	affected, err := c.change(ctx, "privacy_erase", map[string]any{
		"numbers": append([]string{""}, q.Keys...), "references": append([]string{""}, q.Created...), "now": instant(c.now()),
	})
	answer.Records = int(affected)
	return answer, err
}

// note lets the ERP remember what was asked about which keys.
func (c *Client) note(ctx context.Context, kind, reference string, keys []string) error {
	if !validKey(reference) {
		return retail.BadInput("a request needs a reference of at most %d characters", maxKey)
	}
	for _, key := range keys {
		if !validKey(key) {
			return retail.BadInput("a customer has at most %d characters", maxKey)
		}
		if _, err := c.change(ctx, "privacy_note", map[string]any{
			"reference": reference, "key": key, "kind": kind, "now": instant(c.now()),
		}); err != nil {
			return err
		}
	}
	return nil
}
