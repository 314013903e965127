package pos_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/demo/pos"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that tests move by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// office is a head office with a client.
type office struct {
	*pos.Server
	board *faults.Board
	clock *clock
	http  *httptest.Server
}

func startOffice(tb testing.TB, data pos.Data) *office {
	tb.Helper()
	o := &office{board: faults.NewBoard(42), clock: &clock{at: noon}}
	o.Server = pos.New(data, o.clock.now, o.board)
	o.http = httptest.NewServer(o.Handler())
	tb.Cleanup(o.http.Close)
	return o
}

func twoStores() pos.Data {
	return pos.Data{
		Locations: []string{"S-1", "S-2"},
		Prices:    map[string]string{"A": "19.90", "B": "5.00"},
		Currency:  "CNY",
	}
}

func (o *office) mustSet(tb testing.TB, s faults.State) {
	tb.Helper()
	if err := o.board.Set(s); err != nil {
		tb.Fatal(err)
	}
}

// The messages as a reader outside the package sees them.
type (
	envelope struct {
		Version   string `xml:"version,attr"`
		MessageID string `xml:"Header>MessageId"`
		Body      body   `xml:"Body"`
	}
	body struct {
		Fault    *faultReply    `xml:"Fault"`
		Stock    *stockReply    `xml:"StockInquiryReply"`
		Snapshot *snapshotReply `xml:"CounterSnapshotReply"`
		Log      *logReply      `xml:"LogReadReply"`
		Lanes    *laneReply     `xml:"LaneListReply"`
		Prices   *priceReply    `xml:"PriceInquiryReply"`
		Upload   *uploadReply   `xml:"TransactionUploadReply"`
		purchaseBody
	}
	faultReply struct {
		Code      string `xml:"code,attr"`
		Retryable bool   `xml:"retryable,attr"`
		Text      string `xml:",chardata"`
	}
	counterReply struct {
		Location string `xml:"location,attr"`
		SKU      string `xml:"sku,attr"`
		Net      int64  `xml:"net,attr"`
		Seq      uint64 `xml:"seq,attr"`
	}
	heartbeatReply struct {
		Location  string    `xml:"location,attr"`
		At        time.Time `xml:"at,attr"`
		LastSeq   uint64    `xml:"lastSeq,attr"`
		PickQueue int       `xml:"pickQueue,attr"`
	}
	stockReply struct {
		AsOf       time.Time        `xml:"asOf,attr"`
		Counters   []counterReply   `xml:"Counter"`
		Heartbeats []heartbeatReply `xml:"Heartbeat"`
	}
	snapshotReply struct {
		Location string         `xml:"location,attr"`
		Seq      uint64         `xml:"seq,attr"`
		AsOf     time.Time      `xml:"asOf,attr"`
		Counters []counterReply `xml:"Counter"`
	}
	lineReply struct {
		SKU      string `xml:"sku,attr"`
		Quantity int    `xml:"quantity,attr"`
		Net      int64  `xml:"net,attr"`
	}
	transactionReply struct {
		Location string      `xml:"location,attr"`
		Seq      uint64      `xml:"seq,attr"`
		At       time.Time   `xml:"at,attr"`
		Kind     string      `xml:"kind,attr"`
		Lines    []lineReply `xml:"Line"`
	}
	logReply struct {
		Transactions []transactionReply `xml:"Transaction"`
		Heartbeats   []heartbeatReply   `xml:"Heartbeat"`
	}
	laneReply struct {
		Heartbeats []heartbeatReply `xml:"Heartbeat"`
	}
	priceReply struct {
		AsOf     time.Time `xml:"asOf,attr"`
		Currency string    `xml:"currency,attr"`
		Prices   []struct {
			SKU    string `xml:"sku,attr"`
			Amount string `xml:"amount,attr"`
		} `xml:"Price"`
	}
	uploadReply struct {
		Accepted int `xml:"accepted,attr"`
	}
)

// post sends raw bytes and returns what comes back.
func (o *office) post(ctx context.Context, tb testing.TB, request []byte) (int, []byte, error) {
	tb.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.http.URL+"/pos/service", bytes.NewReader(request))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/xml; charset=utf-8")
	res, err := o.http.Client().Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return res.StatusCode, got, err
}

func wrap(request string) []byte {
	return []byte(`<Envelope version="1"><Header><MessageId>m-1</MessageId><SentAt>2026-11-22T05:00:00Z</SentAt></Header><Body>` +
		request + `</Body></Envelope>`)
}

// ask sends one request and decodes the reply.
func (o *office) ask(tb testing.TB, request string) body {
	tb.Helper()
	status, got, err := o.post(context.Background(), tb, wrap(request))
	if err != nil || status != http.StatusOK {
		tb.Fatalf("status %d, error %v", status, err)
	}
	var reply envelope
	if err := xml.Unmarshal(got, &reply); err != nil {
		tb.Fatalf("%v in %s", err, got)
	}
	return reply.Body
}

// sell uploads one sale of one SKU and fails the test when it is not accepted.
func (o *office) sell(tb testing.TB, location, reference, sku string, quantity int) {
	tb.Helper()
	reply := o.ask(tb, fmt.Sprintf(`<TransactionUpload><Transaction location=%q kind="SALE" at="2026-11-22T11:59:59Z" reference=%q>`+
		`<Line sku=%q quantity="%d"/></Transaction></TransactionUpload>`, location, reference, sku, quantity))
	if reply.Upload == nil || reply.Upload.Accepted != 1 {
		tb.Fatalf("the sale was not accepted: %+v", reply.Fault)
	}
}

func (o *office) readLog(tb testing.TB, location string, after uint64) *logReply {
	tb.Helper()
	reply := o.ask(tb, fmt.Sprintf(`<LogRead max="5000"><Lane location=%q after="%d"/></LogRead>`, location, after))
	if reply.Log == nil {
		tb.Fatalf("no log: %+v", reply.Fault)
	}
	return reply.Log
}

func (l *logReply) seqs() []uint64 {
	out := []uint64{}
	for _, t := range l.Transactions {
		out = append(out, t.Seq)
	}
	return out
}
