package pos

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

var _ privacy.Holder = (*Client)(nil)

// Bounds of a reply about a person; more is not of the wire.
const (
	maxPersonRecords = 1_000_000
	maxPersonItems   = 100_000
)

// personReply is what the tills did or hold.
type personReply struct {
	answer   privacy.Answer
	cards    cardsReply
	receipts receiptsReply
	points   pointsReply
	tasks    []taskTold
}

// ExportPerson tells everything that the tills hold about the person: cards, receipts, points and for whom tasks are. What cannot
// be read is an error: a copy with something left out would pass for the whole.
func (c *Client) ExportPerson(ctx context.Context, q privacy.Inquiry) (*privacy.Holding, error) {
	e, err := inquiry("PrivacyExport", q)
	if err == nil {
		err = e.orders(q.Orders)
	}
	if err != nil {
		return nil, err
	}
	reply, err := exchange(ctx, c, c.write, e, (*reader).person)
	if err != nil {
		return nil, err
	}
	if bad := reply.cards.unreadable + reply.receipts.unreadable + reply.points.unreadable; bad > 0 {
		return nil, retail.BadUpstream(retail.SourcePOS, fmt.Errorf("pos: %d of the person's records are unreadable", bad))
	}
	data, err := json.Marshal(map[string]any{
		"cards": cardsTold(reply.cards.cards), "receipts": receiptsTold(reply.receipts.receipts),
		"points": pointsTold(reply.points.entries, q.Language), "tasks": append([]taskTold{}, reply.tasks...),
	})
	if err != nil {
		return nil, fmt.Errorf("pos: %w", err)
	}
	return &privacy.Holding{Answer: reply.answer, Data: data}, nil
}

// CorrectPerson sets what p says on the person's cards.
func (c *Client) CorrectPerson(ctx context.Context, q privacy.Inquiry, p retail.ProfileCorrection) (*privacy.Answer, error) {
	e, err := inquiry("PrivacyCorrect", q)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name  string
		value *string
		limit int
	}{{"name", p.Name, maxName}, {"email", p.Email, maxReference}, {"birthday", (*string)(p.Birthday), maxCode}} {
		if part.value == nil {
			continue
		}
		value := []rune(*part.value)
		e.attrs = append(e.attrs, part.name, string(value[:min(len(value), part.limit)]))
	}
	return c.personAct(ctx, e)
}

// ErasePerson takes the person's cards away, and the person out of the tasks of the orders. Receipts and tasks stay without the
// person, and no card is issued under the references any more.
func (c *Client) ErasePerson(ctx context.Context, q privacy.Inquiry) (*privacy.Answer, error) {
	e, err := inquiry("PrivacyErase", q)
	if err != nil {
		return nil, err
	}
	for _, reference := range q.Created {
		if !validKey(reference) {
			return nil, retail.BadInput("a reference has at most %d characters", maxReference)
		}
		e.children = append(e.children, element{name: "Issue", attrs: []string{"reference", reference}})
	}
	if err := e.orders(q.Orders); err != nil {
		return nil, err
	}
	return c.personAct(ctx, e)
}

func (c *Client) personAct(ctx context.Context, e element) (*privacy.Answer, error) {
	reply, err := exchange(ctx, c, c.write, e, (*reader).person)
	if err != nil {
		return nil, err
	}
	return &reply.answer, nil
}

func inquiry(name string, q privacy.Inquiry) (element, error) {
	e := element{name: name, attrs: []string{"reference", q.Reference}}
	if !validKey(q.Reference) {
		return e, retail.BadInput("a request needs a reference of at most %d characters", maxReference)
	}
	for _, number := range q.Keys {
		if !validCode(number) {
			return e, retail.BadInput("a card has at most %d characters", maxCode)
		}
		e.children = append(e.children, element{name: "Card", attrs: []string{"number", number}})
	}
	return e, nil
}

// orders adds the orders whose tasks are meant.
func (e *element) orders(numbers []string) error {
	for _, number := range numbers {
		if !validKey(number) {
			return retail.BadInput("an order has at most %d characters", maxReference)
		}
		e.children = append(e.children, element{name: "Order", attrs: []string{"number", number}})
	}
	return nil
}

// person reads a reply about somebody's own data.
func (r *reader) person(out *personReply) error {
	receipt, ok := r.key("receipt")
	records, okRecords := r.int32("records")
	if !ok || !okRecords || records < 0 || records > maxPersonRecords {
		return r.errorf("the receipt or the number of records is unreadable")
	}
	out.answer = privacy.Answer{Reference: receipt, Records: int(records)}
	currency := r.value("currency")
	copied := string(r.name) == "PrivacyExportReply"
	items := 0
	return r.children(func() error {
		if items++; items > maxPersonItems {
			return errTooMany
		}
		switch {
		case !copied:
			return r.unknown()
		case string(r.name) == "Card":
			return r.card(&out.cards)
		case string(r.name) == "Receipt":
			return r.oneReceipt(currency, &out.receipts)
		case string(r.name) == "Entry":
			return r.entry(&out.points)
		case string(r.name) == "TaskContact":
			return r.taskContact(&out.tasks)
		}
		return r.unknown()
	})
}

// taskTold is for whom a task is.
type taskTold struct{ Reference, Order, Location, Name, Phone, Card, Note string }

func (r *reader) taskContact(out *[]taskTold) error {
	t := taskTold{Name: r.value("name"), Phone: r.value("phone"), Card: r.value("card"), Note: r.value("note")}
	var okReference, okOrder, okLocation bool
	t.Reference, okReference = r.key("reference")
	t.Order, okOrder = r.key("order")
	t.Location, okLocation = r.location()
	if !okReference || !okOrder || !okLocation {
		return r.errorf("a task's contact is unreadable")
	}
	*out = append(*out, t)
	return r.ends(1)
}

type cardTold struct {
	Number, Name, Phone, Email, UnionID, Birthday string
	PhoneVerified                                 bool
	IssuedAt                                      time.Time
}

func cardsTold(cards []retail.Card) []cardTold {
	out := make([]cardTold, len(cards))
	for i, c := range cards {
		p := c.Profile
		out[i] = cardTold{c.Number, p.Name, p.Phone, p.Email, p.UnionID, string(p.Birthday), p.PhoneVerified, c.IssuedAt}
	}
	return out
}

type receiptTold struct {
	Number, Location, Card, Reference, Total, Currency string
	At                                                 time.Time
	Lines                                              []receiptLineTold
}

type receiptLineTold struct {
	SKU      string
	Quantity int
	Total    string
}

func receiptsTold(receipts []retail.Receipt) []receiptTold {
	out := make([]receiptTold, len(receipts))
	for i, r := range receipts {
		out[i] = receiptTold{
			Number: r.Number, Location: r.LocationCode, Card: r.CardNumber, Reference: r.OrderRef, Total: string(r.Total.Amount()),
			Currency: r.Total.CurrencyCode, At: r.At,
		}
		for _, l := range r.Lines {
			out[i].Lines = append(out[i].Lines, receiptLineTold{l.SKU, l.Quantity, string(l.Total.Amount())})
		}
	}
	return out
}

type pointTold struct {
	Reference, Title string
	Points           int
	At               time.Time
}

func pointsTold(entries []retail.PointEntry, lang retail.Language) []pointTold {
	out := make([]pointTold, len(entries))
	for i, e := range entries {
		out[i] = pointTold{e.Reference, e.Titles.In(lang), e.Points, e.At}
	}
	return out
}
