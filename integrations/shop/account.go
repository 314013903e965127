package shop

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
)

// Bounds of what the shop says of people.
const (
	maxAddresses = 20
	maxFound     = 10
)

type profileMessage struct {
	Name          string `json:"name"`
	Phone         string `json:"phone"`
	PhoneVerified bool   `json:"phoneVerified"`
	Email         string `json:"email"`
	UnionID       string `json:"unionId"`
	Birthday      string `json:"birthday"`
}

type positionMessage struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

type addressMessage struct {
	ID          string           `json:"id"`
	Recipient   string           `json:"recipient"`
	Phone       string           `json:"phone"`
	CountryCode string           `json:"countryCode"`
	Province    string           `json:"province"`
	City        string           `json:"city"`
	District    string           `json:"district"`
	Line        string           `json:"line"`
	PostalCode  string           `json:"postalCode"`
	Position    *positionMessage `json:"position"`
}

type accountMessage struct {
	ID             string           `json:"id"`
	Profile        *profileMessage  `json:"profile"`
	PreferredStore string           `json:"preferredStore"`
	Addresses      []addressMessage `json:"addresses"`
	UpdatedAt      time.Time        `json:"updatedAt"`
}

func profileOf(p retail.Profile) profileMessage {
	return profileMessage{
		Name: p.Name, Phone: p.Phone, PhoneVerified: p.PhoneVerified, Email: p.Email, UnionID: p.UnionID, Birthday: string(p.Birthday),
	}
}

func (m *profileMessage) profile() (retail.Profile, bool) {
	if m.Birthday != "" {
		if _, err := time.Parse(time.DateOnly, m.Birthday); err != nil {
			return retail.Profile{}, false
		}
	}
	return retail.Profile{
		Name: m.Name, Phone: m.Phone, PhoneVerified: m.PhoneVerified && m.Phone != "", Email: m.Email, UnionID: m.UnionID,
		Birthday: retail.Date(m.Birthday),
	}, true
}

func addressOf(a retail.DeliveryAddress) addressMessage {
	m := addressMessage{
		ID: a.ID, Recipient: a.Recipient, Phone: a.Phone, CountryCode: a.Address.CountryCode, Province: a.Address.Province,
		City: a.Address.City, District: a.Address.District, Line: a.Address.Line, PostalCode: a.Address.PostalCode,
	}
	if a.Position != nil {
		position := positionMessage(*a.Position)
		m.Position = &position
	}
	return m
}

// address is the address; ok is false when its position is not on the earth.
func (m *addressMessage) address() (a retail.DeliveryAddress, ok bool) {
	a = retail.DeliveryAddress{ID: m.ID, Recipient: m.Recipient, Phone: m.Phone, Address: retail.Address{
		CountryCode: m.CountryCode, Province: m.Province, City: m.City, District: m.District, Line: m.Line, PostalCode: m.PostalCode,
	}}
	if m.Position == nil {
		return a, true
	}
	position := retail.GeoPoint(*m.Position)
	a.Position = &position
	return a, position.Valid()
}

// account is the account; ok is false when a part that must be there is missing or out of range.
func (m *accountMessage) account() (a retail.Account, ok bool) {
	if !isName(m.ID) || m.Profile == nil || m.UpdatedAt.IsZero() || len(m.Addresses) > maxAddresses ||
		(m.PreferredStore != "" && !retail.ValidLocationCode(m.PreferredStore)) {
		return a, false
	}
	a = retail.Account{ID: m.ID, PreferredStore: m.PreferredStore, UpdatedAt: m.UpdatedAt.UTC()}
	if a.Profile, ok = m.Profile.profile(); !ok {
		return a, false
	}
	for _, each := range m.Addresses {
		address, ok := each.address()
		if !ok || !isName(each.ID) {
			return a, false
		}
		a.Addresses = append(a.Addresses, address)
	}
	return a, true
}

// oneAccount reads the account of this id; an empty id takes any.
func oneAccount(op, id string, m *accountMessage) (*retail.Account, error) {
	a, ok := m.account()
	if !ok || (id != "" && a.ID != id) {
		return nil, broken(op)
	}
	return &a, nil
}

// Account loads by id, CodeNotFound when there is none.
func (c *Client) Account(ctx context.Context, id string) (*retail.Account, error) {
	path, ok := segment(id)
	if !ok {
		return nil, notFound("account")
	}
	m, err := read[accountMessage](ctx, c, "account", "/api/v1/accounts/"+path, nil)
	if err != nil {
		return nil, err
	}
	return oneAccount("account", id, &m)
}

// FindAccounts lists accounts with this verified phone or union id; an empty argument matches nothing. 10 at most. They are
// read whole or not at all: with one left out, two candidates would look like one.
func (c *Client) FindAccounts(ctx context.Context, phone, unionID string) ([]retail.Account, error) {
	if phone == "" && unionID == "" {
		return nil, nil
	}
	m, err := read[struct {
		Accounts []accountMessage `json:"accounts"`
	}](ctx, c, "find-accounts", "/api/v1/accounts", url.Values{"phone": {phone}, "unionId": {unionID}})
	if err != nil {
		return nil, err
	}
	if m.Accounts == nil || len(m.Accounts) > maxFound {
		return nil, broken("find-accounts")
	}
	var found []retail.Account
	for _, each := range m.Accounts {
		a, ok := each.account()
		p := a.Profile
		if !ok || !((phone != "" && p.Phone == phone && p.PhoneVerified) || (unionID != "" && p.UnionID == unionID)) {
			return nil, broken("find-accounts")
		}
		found = append(found, a)
	}
	return found, nil
}

type newAccountMessage struct {
	Reference string         `json:"reference"`
	Profile   profileMessage `json:"profile"`
}

// CreateAccount opens an account under a reference; the same reference returns the same account.
func (c *Client) CreateAccount(ctx context.Context, reference string, p retail.Profile) (*retail.Account, error) {
	if err := checkNames(reference); err != nil {
		return nil, err
	}
	m, err := write[accountMessage](
		ctx, c, "create-account", http.MethodPost, "/api/v1/accounts", newAccountMessage{reference, profileOf(p)},
	)
	if err != nil {
		return nil, err
	}
	return oneAccount("create-account", "", &m)
}

type accountChangeMessage struct {
	Profile        profileMessage   `json:"profile"`
	PreferredStore string           `json:"preferredStore"`
	Addresses      []addressMessage `json:"addresses"`
}

// UpdateAccount replaces profile, preferred store and addresses, 20 at most. Repeating it changes nothing more; it is not
// repeated by itself, because somebody else's change may have come in between.
func (c *Client) UpdateAccount(ctx context.Context, a retail.Account) (*retail.Account, error) {
	path, ok := segment(a.ID)
	switch {
	case !ok:
		return nil, notFound("account")
	case len(a.Addresses) > maxAddresses:
		return nil, retail.Errorf(retail.CodeLimitExceeded, "an account has at most %d addresses", maxAddresses)
	}
	change := accountChangeMessage{
		Profile: profileOf(a.Profile), PreferredStore: a.PreferredStore, Addresses: make([]addressMessage, 0, len(a.Addresses)),
	}
	for _, each := range a.Addresses {
		change.Addresses = append(change.Addresses, addressOf(each))
	}
	r, err := request(http.MethodPut, "/api/v1/accounts/"+path, change)
	if err != nil {
		return nil, err
	}
	r.MaxBodyBytes = maxPurchaseBytes
	const op = "update-account"
	m, err := upstream.Once(ctx, c.write, op, exchange[accountMessage](c, op, r, refusal))
	if err != nil {
		return nil, err
	}
	return oneAccount(op, a.ID, &m.value)
}

type verificationMessage struct {
	Reference string `json:"reference"`
	Phone     string `json:"phone"`
	Code      string `json:"code,omitempty"`
}

// SendCode lets the shop send a verification code to the phone. Idempotent by reference.
func (c *Client) SendCode(ctx context.Context, reference, phone string) error {
	if err := checkNames(reference); err != nil {
		return err
	}
	m, err := write[struct {
		ExpiresAt time.Time `json:"expiresAt"`
	}](ctx, c, "send-code", http.MethodPost, "/api/v1/verifications", verificationMessage{Reference: reference, Phone: phone})
	if err == nil && m.ExpiresAt.IsZero() {
		return broken("send-code")
	}
	return err
}

// CheckCode reports whether the code is the phone's current one. A code is good once; repeating under one reference gives
// the same answer.
func (c *Client) CheckCode(ctx context.Context, reference, phone, code string) (bool, error) {
	if err := checkNames(reference); err != nil {
		return false, err
	}
	if !isName(code) || len(code) > maxCode {
		return false, nil
	}
	m, err := write[struct {
		Accepted *bool `json:"accepted"`
	}](ctx, c, "check-code", http.MethodPost, "/api/v1/verifications/check", verificationMessage{reference, phone, code})
	switch {
	case err != nil:
		return false, err
	case m.Accepted == nil:
		return false, broken("check-code")
	}
	return *m.Accepted, nil
}

// maxCode bounds a verification code; what is longer is wrong without asking.
const maxCode = 16
