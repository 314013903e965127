package privacy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// MaxDocument bounds a copy, in bytes.
const MaxDocument = 1 << 20

// budgets share MaxDocument out, less what holds the sections together.
var budgets = map[retail.DataHolder]int{
	retail.HolderShop: 300 << 10, retail.HolderPOS: 200 << 10, retail.HolderERP: 150 << 10,
	retail.HolderProjection: 16 << 10, retail.HolderLedger: 300 << 10,
}

// mostOrders bounds the orders and feedback that are read for a copy; how many there are is said beside them.
const mostOrders = 500

// object reads a JSON object; numbers stay as they are written.
func object(data []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var o map[string]any
	err := d.Decode(&o)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) || o == nil {
			err = errors.New("not one object")
		}
	}
	if err != nil {
		return nil, &retail.Error{Code: retail.CodeBadUpstream, Message: "what a system holds is unreadable", Err: err}
	}
	return o, nil
}

// join joins two objects: lists of one name follow one another, of anything else the later wins.
func join(a, b json.RawMessage) (json.RawMessage, error) {
	if len(a) == 0 || len(b) == 0 {
		return append(bytes.Clone(a), b...), nil
	}
	into, err := object(a)
	if err != nil {
		return nil, err
	}
	more, err := object(b)
	if err != nil {
		return nil, err
	}
	for name, value := range more {
		list, isList := value.([]any)
		before, wasList := into[name].([]any)
		if isList && wasList {
			value = append(before, list...)
		}
		into[name] = value
	}
	return json.Marshal(into)
}

// leftOut is the name under which an object says how many entries of its lists were left out.
const leftOut = "leftOut"

// fit brings an object within size bytes: of the largest list the oldest half goes, again and again, and the object then says how
// many are left out of which. An object that is too large without its lists keeps these counts only.
func fit(data []byte, size int) ([]byte, error) {
	o, err := object(data)
	if err != nil {
		return nil, err
	}
	gone := map[string]int{}
	for {
		text, err := json.Marshal(o)
		if err != nil || len(text) <= size {
			return text, err
		}
		name := largestList(o)
		if name == "" {
			return json.Marshal(map[string]any{leftOut: gone})
		}
		list := o[name].([]any)
		kept := list[:len(list)/2]
		gone[name] += len(list) - len(kept)
		o[name], o[leftOut] = kept, gone
	}
}

// largestList is the name of the list that takes the most room; empty when no list has an entry.
func largestList(o map[string]any) (name string) {
	most := 0
	for _, each := range slices.Sorted(maps.Keys(o)) {
		list, ok := o[each].([]any)
		if !ok || len(list) == 0 {
			continue
		}
		text, err := json.Marshal(list)
		if err == nil && len(text) > most {
			name, most = each, len(text)
		}
	}
	return name
}

// copied is the whole copy.
type copied struct {
	RequestedAt time.Time                             `json:"requestedAt"`
	MadeAt      time.Time                             `json:"madeAt"`
	Language    retail.Language                       `json:"language"`
	Receipts    []retail.DataReceipt                  `json:"receipts"` // with how many records there are, listed or not
	Holders     map[retail.DataHolder]json.RawMessage `json:"holders"`
}

// document puts the sections together, sealed.
func (u *run) document(ctx context.Context) ([]byte, error) {
	sealed, err := u.deps.Ledger.Sections(ctx, u.r.ID)
	if err != nil {
		return nil, err
	}
	c := copied{
		RequestedAt: u.r.RequestedAt, MadeAt: u.now(), Language: u.r.Language, Receipts: u.r.Receipts,
		Holders: map[retail.DataHolder]json.RawMessage{},
	}
	for i, receipt := range u.r.Receipts {
		c.Holders[receipt.Holder] = json.RawMessage(`{}`)
		if section := sealed[receipt.Holder]; section != nil {
			if c.Holders[receipt.Holder], err = u.deps.Seal.Open(sectionOf(u.r.ID, receipt.Holder), section); err != nil {
				return nil, errors.Join(err, u.askAgain(ctx, i))
			}
		}
	}
	text, err := json.Marshal(c)
	if err != nil || len(text) > MaxDocument {
		return nil, &retail.Error{Code: retail.CodeInternal, Message: "the copy cannot be written", Err: err}
	}
	return u.deps.Seal.Close(documentOf(u.r.ID), text)
}

// askAgain forgets that a holder has answered, because its section was sealed with a key that was exchanged since.
func (u *run) askAgain(ctx context.Context, i int) error {
	next := *u.r
	next.Receipts = slices.Clone(u.r.Receipts)
	next.Receipts[i].Status = retail.ReceiptPending
	return u.save(ctx, &next, "", nil)
}

// ledgerSection is what the gateway's own record holds.
func (u *run) ledgerSection(ctx context.Context) (*Holding, error) {
	records, err := u.deps.Ledger.OwnerRecords(ctx, u.p.owners, mostOrders)
	if err != nil {
		return nil, err
	}
	var asked []*retail.DataRequest
	for _, owner := range u.p.owners {
		list, err := u.deps.Ledger.DataRequests(ctx, owner, MaxRequests)
		if err != nil {
			return nil, err
		}
		asked = append(asked, list...)
	}
	section := map[string]any{
		"orders": toldOrders(records.Orders, u.r.Language), "feedback": records.Said, "consents": toldConsents(records.Consents),
		"readings": toldReadings(records.Disclosures), "requests": toldRequests(asked),
	}
	count := records.OrderCount + records.SaidCount + len(records.Consents) + len(records.Disclosures) + len(asked)
	gone := map[string]int{}
	for name, missing := range map[string]int{
		"orders": records.OrderCount - len(records.Orders), "feedback": records.SaidCount - len(records.Said),
	} {
		if missing > 0 {
			gone[name] = missing
		}
	}
	if len(gone) > 0 {
		section["notRead"] = gone
	}
	if m := u.p.member; m != nil {
		section["member"], count = m, count+1
	}
	data, err := json.Marshal(section)
	if err != nil {
		return nil, fmt.Errorf("privacy: %w", err)
	}
	return &Holding{Answer: Answer{Records: count}, Data: data}, nil
}

// toldOrder is an order as its shopper may keep it: without what only the gateway's steps need.
type toldOrder struct {
	Number       string
	Status       retail.OrderStatus
	PlacedAt     time.Time
	Channel      retail.Channel
	Lines        []toldLine
	Total        string
	Currency     string
	Contact      retail.Contact
	Address      *retail.DeliveryAddress `json:",omitempty"`
	Note         string                  `json:",omitempty"`
	Coupons      []string                `json:",omitempty"`
	Fulfillments []toldPart
	Payments     []toldMoney            `json:",omitempty"`
	Refunds      []toldMoney            `json:",omitempty"`
	Returns      []toldReturn           `json:",omitempty"`
	Timeline     []retail.TimelineEntry `json:",omitempty"`
	Review       *toldReview            `json:",omitempty"`
}

type toldLine struct {
	SKU, Title string
	Quantity   int
	Total      string
}

type toldPart struct {
	Method   retail.FulfillmentMethod
	Location string
	Status   retail.FulfillmentStatus
	Promise  time.Time
	Spot     string               `json:",omitempty"`
	Courier  *retail.CourierState `json:",omitempty"`
	Receipt  string               `json:",omitempty"`
}

type toldMoney struct {
	Reference, Method, Amount, Status string
	At                                time.Time
}

type toldReturn struct {
	Way         retail.ReturnWay
	Status      retail.ReturnStatus
	Reason      string
	RequestedAt time.Time
}

func toldOrders(list []*retail.Order, lang retail.Language) []toldOrder {
	out := make([]toldOrder, len(list))
	for i, o := range list {
		t := toldOrder{
			Number: o.Number, Status: o.Status, PlacedAt: o.PlacedAt, Channel: o.Channel, Contact: o.Contact, Address: o.Address,
			Note: o.Note, Coupons: o.Coupons, Timeline: o.Timeline, Review: reviewed(o.Review),
			Total: string(o.Totals.Total.Amount()), Currency: o.Totals.Total.CurrencyCode,
		}
		for _, l := range o.Lines {
			t.Lines = append(t.Lines, toldLine{l.SKU, l.Titles.In(lang), l.Quantity, string(l.Price.Total.Amount())})
		}
		for _, f := range o.Fulfillments {
			t.Fulfillments = append(t.Fulfillments, toldPart{
				f.Method, f.LocationCode, f.Status, f.Promise, f.ArrivedSpot, unnamed(f.Courier), f.ReceiptNo,
			})
		}
		for _, p := range o.Payments {
			t.Payments = append(t.Payments, toldMoney{p.Reference, p.Method, string(p.Amount.Amount()), string(p.Status), p.StartedAt})
		}
		for _, r := range o.Refunds {
			t.Refunds = append(t.Refunds, toldMoney{r.Reference, "", string(r.Amount.Amount()), string(r.Status), r.AskedAt})
		}
		for _, r := range o.Returns {
			t.Returns = append(t.Returns, toldReturn{r.Way, r.Status, r.Reason, r.RequestedAt})
		}
		out[i] = t
	}
	return out
}

// unnamed leaves out who rode: that is somebody else, as whoever was sent to the counter is.
func unnamed(c *retail.CourierState) *retail.CourierState {
	if c == nil {
		return nil
	}
	ride := *c
	ride.Name, ride.Phone = "", ""
	return &ride
}

// toldReview says that somebody looked at an order. Who did is somebody else, and what was unusual is not said: whoever knows what
// is noticed can avoid it.
type toldReview struct {
	Status    retail.ReviewStatus
	Since     time.Time
	DecidedAt *time.Time `json:",omitempty"`
}

func reviewed(r *retail.Review) *toldReview {
	if r == nil {
		return nil
	}
	return &toldReview{r.Status, r.Since, r.DecidedAt}
}

type toldRequest struct {
	Kind        retail.DataRequestKind
	Status      retail.DataRequestStatus
	RequestedAt time.Time
	FinishedAt  *time.Time `json:",omitempty"`
}

func toldRequests(list []*retail.DataRequest) []toldRequest {
	out := make([]toldRequest, len(list))
	for i, r := range list {
		out[i] = toldRequest{r.Kind, r.Status, r.RequestedAt, r.FinishedAt}
	}
	return out
}

type toldConsent struct {
	Purpose     retail.Purpose
	Version     string
	GivenAt     time.Time
	WithdrawnAt *time.Time `json:",omitempty"`
}

func toldConsents(list []retail.Consent) []toldConsent {
	out := make([]toldConsent, len(list))
	for i, c := range list {
		out[i] = toldConsent{c.Purpose, c.Version, c.GivenAt, c.WithdrawnAt}
	}
	return out
}

// toldReading says that somebody read and in which role. Who it was is that person's own data.
type toldReading struct {
	At      time.Time
	Role    string
	Client  string `json:",omitempty"`
	Purpose retail.Purpose
	Fields  []string
	Full    bool
}

func toldReadings(list []retail.Disclosure) []toldReading {
	out := make([]toldReading, len(list))
	for i, d := range list {
		out[i] = toldReading{d.At, d.Role, d.Client, d.Purpose, d.Fields, d.Full}
	}
	return out
}

type toldHold struct {
	ID, Location string
	Lines        []retail.ClaimLine
	ExpiresAt    time.Time
}

// holdsSection is what the projection counts for the person.
func holdsSection(held []retail.Claim) (json.RawMessage, error) {
	list := make([]toldHold, len(held))
	for i, c := range held {
		list[i] = toldHold{c.ID, c.LocationCode, c.Lines, c.ExpiresAt}
	}
	return json.Marshal(map[string]any{"holds": list})
}
