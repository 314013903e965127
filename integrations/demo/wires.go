package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/portico-retail/portico/integrations/demo/erp"
)

// Backends are the doors of the three systems, for what drives them: the simulated trade and the replay.
type Backends struct {
	POS     string // base address, for example http://127.0.0.1:8091
	Shop    string
	ShopKey string
	ERP     *erp.ERP
	HTTP    *http.Client // should keep connections alive
	// PickQueue tells the head office how many pick tasks are open at a store; tasks come from inside the store, so there
	// is no wire for it. May be nil.
	PickQueue func(location string, open int) error
	Now       func() time.Time
}

// Limits of one request, well inside those of the systems.
const (
	uploadTransactions = 500
	transactionLines   = 200
	requestOrders      = 500
)

// maxReply bounds what is read of a reply, in bytes.
const maxReply = 16 << 20

// tillTransaction is what a till sends; a return has negative quantities.
type tillTransaction struct {
	location, kind, at, reference string
	card                          string // empty when none
	lines                         []tradedLine
}

type tradedLine struct {
	sku      string
	quantity int
}

// Kinds of till transactions.
const (
	kindSale   = "SALE"
	kindReturn = "RETURN"
)

// webOrder is what the shop takes.
type webOrder struct {
	number, location, placedAt string
	lines                      []tradedLine
}

// upload sends transactions to the head office; references make it safe to repeat.
func (b *Backends) upload(ctx context.Context, list []tillTransaction) error {
	for len(list) > 0 {
		n := min(len(list), uploadTransactions)
		if _, err := b.askPOS(ctx, list[0].reference, func(out []byte) []byte { return appendUpload(out, list[:n]) }); err != nil {
			return fmt.Errorf("demo: upload: %w", err)
		}
		list = list[n:]
	}
	return nil
}

func appendUpload(out []byte, list []tillTransaction) []byte {
	out = append(out, "<TransactionUpload>"...)
	for _, t := range list {
		out = appendAttribute(append(out, "<Transaction"...), "location", t.location)
		out = appendAttribute(out, "kind", t.kind)
		out = appendAttribute(out, "at", t.at)
		out = appendAttribute(out, "reference", t.reference)
		if t.card != "" {
			out = appendAttribute(out, "card", t.card)
		}
		out = append(out, '>')
		for _, l := range t.lines {
			out = appendAttribute(append(out, "<Line"...), "sku", l.sku)
			out = append(out, ` quantity="`...)
			out = append(strconv.AppendInt(out, int64(l.quantity), 10), `"/>`...)
		}
		out = append(out, "</Transaction>"...)
	}
	return append(out, "</TransactionUpload>"...)
}

// appendAttribute writes codes, instants and numbers, none of which needs escaping.
func appendAttribute(out []byte, name, value string) []byte {
	out = append(append(out, ' '), name...)
	out = append(append(out, `="`...), value...)
	return append(out, '"')
}

// posFault is what the head office refuses with.
type posFault struct{ code, text string }

func (f *posFault) Error() string { return "fault " + f.code + ": " + f.text }

// counters asks the head office for every counter of a place, and when its tills reported last.
func (b *Backends) counters(ctx context.Context, location string) (list []erp.Counter, asOf time.Time, err error) {
	reply, err := b.askPOS(ctx, "counters", func(out []byte) []byte {
		return append(appendAttribute(append(out, "<CounterSnapshot"...), "location", location), "/>"...)
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("demo: counters of %s: %w", location, err)
	}
	if reply.Snapshot == nil {
		return nil, time.Time{}, fmt.Errorf("demo: counters of %s: the reply is no snapshot", location)
	}
	out := make([]erp.Counter, len(reply.Snapshot.Counters))
	for i, c := range reply.Snapshot.Counters {
		out[i] = erp.Counter{SKU: c.SKU, Net: c.Net}
	}
	return out, reply.Snapshot.AsOf, nil
}

// posReply is the part of a reply's body that is read here.
type posReply struct {
	Fault *struct {
		Code string `xml:"code,attr"`
		Text string `xml:",chardata"`
	} `xml:"Body>Fault"`
	Accepted *struct{} `xml:"Body>TransactionUploadReply"`
	Snapshot *struct {
		AsOf     time.Time `xml:"asOf,attr"`
		Counters []struct {
			SKU string `xml:"sku,attr"`
			Net int    `xml:"net,attr"`
		} `xml:"Counter"`
	} `xml:"Body>CounterSnapshotReply"`
	Inquiry *taskReply `xml:"Body>PickupTaskInquiryReply"`
	Update  *taskReply `xml:"Body>TaskUpdateReply"`
	Changes *struct {
		Next  uint64 `xml:"next,attr"`
		Tasks []Task `xml:"Task"`
	} `xml:"Body>TaskChangesReply"`
}

type taskReply struct {
	Task Task `xml:"Task"`
}

func (b *Backends) askPOS(ctx context.Context, messageID string, body func([]byte) []byte) (*posReply, error) {
	out := append([]byte(nil), `<Envelope version="1"><Header><MessageId>`...)
	out = append(append(out, messageID...), "</MessageId><SentAt>"...)
	out = append(b.Now().UTC().AppendFormat(out, time.RFC3339), "</SentAt></Header><Body>"...)
	out = append(body(out), "</Body></Envelope>"...)
	raw, err := b.send(ctx, http.MethodPost, b.POS+"/pos/service", "application/xml; charset=utf-8", out)
	if err != nil {
		return nil, err
	}
	var reply posReply
	if err := xml.Unmarshal(raw, &reply); err != nil {
		return nil, fmt.Errorf("unreadable reply: %w", err)
	}
	switch {
	case reply.Fault != nil:
		return nil, &posFault{code: reply.Fault.Code, text: reply.Fault.Text}
	case reply.Accepted == nil && reply.Snapshot == nil && reply.Inquiry == nil && reply.Update == nil && reply.Changes == nil:
		return nil, fmt.Errorf("the reply holds nothing")
	}
	return &reply, nil
}

// place sends orders to the shop; numbers make it safe to repeat.
func (b *Backends) place(ctx context.Context, list []webOrder) error {
	for len(list) > 0 {
		n := min(len(list), requestOrders)
		if err := b.postShop(ctx, "/api/v1/orders", appendOrders(nil, list[:n]), "accepted", n); err != nil {
			return fmt.Errorf("demo: place orders: %w", err)
		}
		list = list[n:]
	}
	return nil
}

// appendOrders writes codes and numbers only, none of which needs escaping.
func appendOrders(out []byte, list []webOrder) []byte {
	out = append(out, `{"orders":[`...)
	for i, o := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, `{"number":"%s","location":"%s","placedAt":"%s","lines":[`, o.number, o.location, o.placedAt)
		for j, l := range o.lines {
			if j > 0 {
				out = append(out, ',')
			}
			out = append(append(append(out, `{"sku":"`...), l.sku...), `","quantity":`...)
			out = append(strconv.AppendInt(out, int64(l.quantity), 10), '}')
		}
		out = append(out, `]}`...)
	}
	return append(out, `]}`...)
}

// ship tells the shop that orders have left; it is safe to repeat.
func (b *Backends) ship(ctx context.Context, numbers []string) error {
	for len(numbers) > 0 {
		n := min(len(numbers), requestOrders)
		body, err := json.Marshal(map[string][]string{"numbers": numbers[:n]})
		if err != nil {
			return fmt.Errorf("demo: ship: %w", err)
		}
		if err := b.postShop(ctx, "/api/v1/shipments", body, "shipped", n); err != nil {
			return fmt.Errorf("demo: ship: %w", err)
		}
		numbers = numbers[n:]
	}
	return nil
}

// postShop expects a reply that counts n under key.
func (b *Backends) postShop(ctx context.Context, path string, body []byte, key string, n int) error {
	raw, err := b.send(ctx, http.MethodPost, b.Shop+path, "application/json", body)
	if err != nil {
		return err
	}
	var reply map[string]int
	if err := json.Unmarshal(raw, &reply); err != nil {
		return fmt.Errorf("unreadable reply: %w", err)
	}
	if reply[key] != n {
		return fmt.Errorf("%s %d, want %d", key, reply[key], n)
	}
	return nil
}

func (b *Backends) send(ctx context.Context, method, url, contentType string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Api-Key", b.ShopKey)
	return do(b.HTTP, req)
}

// do returns the body of a reply with status 200.
func do(client *http.Client, req *http.Request) ([]byte, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	switch {
	case err != nil:
		return nil, err
	case len(raw) > maxReply:
		return nil, fmt.Errorf("reply of %s is longer than %d bytes", req.URL.Path, maxReply)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers %s: %.200q", req.URL.Path, resp.Status, raw)
	}
	return raw, nil
}
