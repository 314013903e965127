package shop

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

var _ privacy.Holder = (*Client)(nil)

// maxPersonRecords bounds how many records an answer may speak of; more is not of the wire.
const maxPersonRecords = 1_000_000

type personMessage struct {
	Reference  string             `json:"reference"`
	Accounts   []string           `json:"accounts"`
	References []string           `json:"references"`
	Owners     []string           `json:"owners"`
	Orders     []string           `json:"orders"`
	Profile    *correctionMessage `json:"profile,omitempty"`
}

// correctionMessage is what to correct; null stays.
type correctionMessage struct {
	Name     *string `json:"name"`
	Email    *string `json:"email"`
	Birthday *string `json:"birthday"`
}

type personAnswerMessage struct {
	Receipt string          `json:"receipt"`
	Records *int            `json:"records"`
	Data    json.RawMessage `json:"data"`
}

// ExportPerson tells everything that the shop holds about the person: accounts, orders, carts, deliveries and messages.
func (c *Client) ExportPerson(ctx context.Context, q privacy.Inquiry) (*privacy.Holding, error) {
	return c.person(ctx, "privacy-export", "/api/v1/privacy/export", q, nil)
}

// CorrectPerson sets what p says in the person's accounts.
func (c *Client) CorrectPerson(ctx context.Context, q privacy.Inquiry, p retail.ProfileCorrection) (*privacy.Answer, error) {
	message := &correctionMessage{Name: p.Name, Email: p.Email, Birthday: (*string)(p.Birthday)}
	h, err := c.person(ctx, "privacy-correct", "/api/v1/privacy/correct", q, message)
	if err != nil {
		return nil, err
	}
	return &h.Answer, nil
}

// ErasePerson closes the person's accounts, forgets their carts, messages and addresses, and opens nothing for them any more.
// Orders stay without account, contact, address and note.
func (c *Client) ErasePerson(ctx context.Context, q privacy.Inquiry) (*privacy.Answer, error) {
	h, err := c.person(ctx, "privacy-erase", "/api/v1/privacy/erase", q, nil)
	if err != nil {
		return nil, err
	}
	return &h.Answer, nil
}

func (c *Client) person(
	ctx context.Context, op, path string, q privacy.Inquiry, p *correctionMessage,
) (*privacy.Holding, error) {
	if err := checkNames(append([]string{q.Reference}, q.Created...)...); err != nil {
		return nil, err
	}
	m, err := write[personAnswerMessage](ctx, c, op, http.MethodPost, path, personMessage{
		Reference: q.Reference, Accounts: texts(q.Keys), References: texts(q.Created), Owners: texts(q.Owners), Orders: texts(q.Orders),
		Profile: p,
	})
	if err != nil {
		return nil, err
	}
	if !isName(m.Receipt) || m.Records == nil || *m.Records < 0 || *m.Records > maxPersonRecords {
		return nil, broken(op)
	}
	if op == "privacy-export" {
		var ok bool
		if m.Data, ok = withoutCouriers(m.Data); !ok {
			return nil, broken(op)
		}
	}
	return &privacy.Holding{Answer: privacy.Answer{Reference: m.Receipt, Records: *m.Records}, Data: m.Data}, nil
}

// withoutCouriers leaves out who rode to the person: that is somebody else. It is not ok when the copy is no object, or its
// deliveries are not what the wire says.
func withoutCouriers(copied json.RawMessage) (json.RawMessage, bool) {
	var data map[string]json.RawMessage
	if json.Unmarshal(copied, &data) != nil || data == nil {
		return nil, false
	}
	if data["deliveries"] == nil {
		return copied, true
	}
	var deliveries []map[string]json.RawMessage
	if json.Unmarshal(data["deliveries"], &deliveries) != nil {
		return nil, false
	}
	for _, d := range deliveries {
		var ride map[string]json.RawMessage
		if json.Unmarshal(d["delivery"], &ride) != nil || ride == nil {
			return nil, false
		}
		delete(ride, "courier")
		d["delivery"], _ = json.Marshal(ride) // what was read can be written
	}
	data["deliveries"], _ = json.Marshal(deliveries)
	text, err := json.Marshal(data)
	return text, err == nil
}

// texts is the list, never null.
func texts(list []string) []string { return append([]string{}, list...) }
