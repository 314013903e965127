package pos_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/demo/pos"
)

var update = flag.Bool("update", false, "write the replies in testdata/wire")

var betweenTags = regexp.MustCompile(`>\s+<`)

// TestWire plays the requests of testdata/wire in order and compares the replies byte by byte, but for space between tags.
func TestWire(t *testing.T) {
	o := startOffice(t, pos.Data{
		Locations: []string{"S-0102", "S-0101"},
		Prices:    map[string]string{"10000017": "19.90"},
		Currency:  "CNY",
		Cards: []pos.Card{{
			Number: "8800000001", Name: "李", Phone: "+8613800000001", PhoneVerified: true, UnionID: "u-1", PIN: "2468", IssuedAt: noon,
		}},
	})
	if err := o.SetPickQueue("S-0101", 2); err != nil {
		t.Fatal(err)
	}
	requests, err := filepath.Glob("testdata/wire/*.request.xml")
	if err != nil || len(requests) == 0 {
		t.Fatal("no requests in testdata/wire", err)
	}
	for _, file := range requests {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".request.xml"), func(t *testing.T) {
			request, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			status, got, err := o.post(t.Context(), t, request)
			if err != nil || status != http.StatusOK {
				t.Fatalf("status %d, error %v", status, err)
			}
			golden := strings.Replace(file, ".request.", ".reply.", 1)
			if *update {
				pretty := append(bytes.ReplaceAll(got, []byte("><"), []byte(">\n<")), '\n')
				if err := os.WriteFile(golden, pretty, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			normal := func(b []byte) string { return strings.TrimSpace(betweenTags.ReplaceAllString(string(b), "><")) }
			if diff := cmp.Diff(normal(want), normal(got)); diff != "" {
				t.Errorf("reply (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUploadIsIdempotentByReferenceAndPlace(t *testing.T) {
	o := startOffice(t, twoStores())
	for range 3 {
		o.sell(t, "S-1", "r-1", "A", 2)
	}
	o.sell(t, "S-2", "r-1", "A", 5)
	o.sell(t, "S-1", "r-2", "A", 1)
	if diff := cmp.Diff(map[string]int64{"A": 3}, o.Totals("S-1")); diff != "" {
		t.Errorf("S-1 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int64{"A": 5}, o.Totals("S-2")); diff != "" {
		t.Errorf("S-2 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]uint64{1, 2}, o.readLog(t, "S-1", 0).seqs()); diff != "" {
		t.Errorf("lane (-want +got):\n%s", diff)
	}
	if o.Totals("S-9") != nil {
		t.Error("a place without tills has totals")
	}
}

func TestUploadWithOneUnknownPlaceBooksNothing(t *testing.T) {
	o := startOffice(t, twoStores())
	const sale = `<Transaction location="%s" kind="SALE" at="2026-11-22T11:59:59Z" reference="r"><Line sku="A" quantity="1"/></Transaction>`
	reply := o.ask(t, `<TransactionUpload>`+fmt.Sprintf(sale, "S-1")+fmt.Sprintf(sale, "S-9")+`</TransactionUpload>`)
	if reply.Fault == nil || reply.Fault.Code != "UNKNOWN_LOCATION" || reply.Fault.Retryable {
		t.Errorf("fault = %+v", reply.Fault)
	}
	if got := o.Totals("S-1"); len(got) != 0 {
		t.Errorf("S-1 booked %v", got)
	}
}

func TestRequestsAreDecodedStrictly(t *testing.T) {
	o := startOffice(t, twoStores())
	const head = `<Header><MessageId>m</MessageId><SentAt>2026-11-22T05:00:00Z</SentAt></Header>`
	lane := func(body string) string {
		return `<Envelope version="1">` + head + `<Body>` + body + `</Body></Envelope>`
	}
	sale := func(attrs, lines string) string {
		return lane(`<TransactionUpload><Transaction ` + attrs + `>` + lines + `</Transaction></TransactionUpload>`)
	}
	const attrs = `location="S-1" kind="SALE" at="2026-11-22T05:00:00Z" reference="r"`
	for name, request := range map[string]string{
		"nothing":                        ``,
		"no XML":                         `{"hello":1}`,
		"an unclosed element":            `<Envelope version="1">`,
		"another root":                   `<Envelop/>`,
		"another version":                `<Envelope version="2">` + head + `<Body><LaneList/></Body></Envelope>`,
		"no header":                      `<Envelope version="1"><Body><LaneList/></Body></Envelope>`,
		"no body":                        `<Envelope version="1">` + head + `</Envelope>`,
		"an empty body":                  lane(``),
		"two requests":                   lane(`<LaneList/><LaneList/>`),
		"text between elements":          lane(`hello <LaneList/>`),
		"an unknown attribute":           lane(`<LaneList all="true"/>`),
		"an attribute of the body":       `<Envelope version="1">` + head + `<Body x="1"><LaneList/></Body></Envelope>`,
		"a namespace":                    lane(`<p:LaneList xmlns:p="urn:x"/>`),
		"a document type":                `<!DOCTYPE Envelope>` + lane(`<LaneList/>`),
		"an entity of its own":           lane(`<CounterSnapshot location="&secret;"/>`),
		"another encoding":               `<?xml version="1.0" encoding="GBK"?>` + lane(`<LaneList/>`),
		"something after the end":        lane(`<LaneList/>`) + `<more/>`,
		"a child of a leaf":              lane(`<LaneList><Lane/></LaneList>`),
		"a missing attribute":            lane(`<StockInquiry><Pair location="S-1"/></StockInquiry>`),
		"an attribute that comes twice":  lane(`<StockInquiry><Pair location="S-1" location="S-2"/></StockInquiry>`),
		"an endless SKU":                 lane(`<PriceInquiry><Item sku="` + strings.Repeat("1", 65) + `"/></PriceInquiry>`),
		"a thousand and one pairs":       lane(`<StockInquiry>` + strings.Repeat(`<Pair location="S-1" sku="A"/>`, 1001) + `</StockInquiry>`),
		"five hundred and one prices":    lane(`<PriceInquiry>` + strings.Repeat(`<Item sku="A"/>`, 501) + `</PriceInquiry>`),
		"a log of nothing":               lane(`<LogRead max="0"><Lane location="S-1" after="0"/></LogRead>`),
		"a log without max":              lane(`<LogRead><Lane location="S-1" after="0"/></LogRead>`),
		"a negative position":            lane(`<LogRead max="1"><Lane location="S-1" after="-1"/></LogRead>`),
		"a time that is none":            sale(strings.Replace(attrs, "2026-11-22T05:00:00Z", "yesterday", 1), `<Line sku="A" quantity="1"/>`),
		"a kind that is none":            sale(strings.Replace(attrs, "SALE", "GIFT", 1), `<Line sku="A" quantity="1"/>`),
		"a sale without a reference":     sale(strings.Replace(attrs, ` reference="r"`, "", 1), `<Line sku="A" quantity="1"/>`),
		"a sale without lines":           sale(attrs, ``),
		"a line of nothing":              sale(attrs, `<Line sku="A" quantity="0"/>`),
		"a line of half a unit":          sale(attrs, `<Line sku="A" quantity="0.5"/>`),
		"a line of too many":             sale(attrs, `<Line sku="A" quantity="1000001"/>`),
		"a line of too many given back":  sale(attrs, `<Line sku="A" quantity="-9223372036854775808"/>`),
		"a return with positive numbers": sale(strings.Replace(attrs, "SALE", "RETURN", 1), `<Line sku="A" quantity="1"/>`),
	} {
		t.Run(name, func(t *testing.T) {
			status, got, err := o.post(t.Context(), t, []byte(request))
			var reply envelope
			if err != nil || status != http.StatusOK || xml.Unmarshal(got, &reply) != nil {
				t.Fatalf("status %d, error %v, body %s", status, err, got)
			}
			if reply.Body.Fault == nil || reply.Body.Fault.Code != "BAD_REQUEST" || reply.Body.Fault.Retryable {
				t.Errorf("reply = %s", got)
			}
		})
	}
	if len(o.Totals("S-1")) != 0 {
		t.Error("a refused request was booked")
	}
}

func TestTransportRefusals(t *testing.T) {
	o := startOffice(t, twoStores())
	do := func(method, path, contentType string, body []byte) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, o.http.URL+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", contentType)
		res, err := o.http.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	const xmlType = "application/xml; charset=utf-8"
	lanes := wrap(`<LaneList/>`)
	large := wrap(`<LaneList>` + strings.Repeat(" ", 9<<20) + `</LaneList>`)
	for name, got := range map[string][2]int{
		"a request in XML is served":        {do("POST", "/pos/service", xmlType, lanes), 200},
		"JSON is refused":                   {do("POST", "/pos/service", "application/json", lanes), 415},
		"another charset is refused":        {do("POST", "/pos/service", "application/xml; charset=gbk", lanes), 415},
		"a GET is refused":                  {do("GET", "/pos/service", xmlType, nil), 405},
		"more than 8 MiB are refused":       {do("POST", "/pos/service", xmlType, large), 413},
		"health is answered":                {do("GET", "/healthz", "", nil), 200},
		"the switchboard is at its address": {do("GET", "/admin/faults", "", nil), 200},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: status %d, want %d", name, got[0], got[1])
		}
	}
}

func TestLogIsBoundedAndTheHoleIsClosedBySnapshot(t *testing.T) {
	data := twoStores()
	data.Keep = 10
	o := startOffice(t, data)
	for i := range 100 {
		o.sell(t, "S-1", fmt.Sprint("r-", i), "A", 1)
	}
	got := o.readLog(t, "S-1", 5)
	seqs := got.seqs()
	if len(seqs) < 10 || len(seqs) > 13 || seqs[len(seqs)-1] != 100 {
		t.Fatalf("kept %v, want the last 10 or few more", seqs)
	}
	for i, t1 := range got.Transactions {
		if t1.Lines[0].Net != int64(t1.Seq) || t1.Seq != seqs[0]+uint64(i) {
			t.Errorf("transaction %+v is out of line", t1)
		}
	}
	snapshot := o.ask(t, `<CounterSnapshot location="S-1"/>`).Snapshot
	want := &snapshotReply{Location: "S-1", Seq: 100, AsOf: noon, Counters: []counterReply{{"S-1", "A", 100, 100}}}
	if diff := cmp.Diff(want, snapshot); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
}

func TestLogReadIsFairAcrossLanes(t *testing.T) {
	o := startOffice(t, twoStores())
	for i := range 30 {
		o.sell(t, "S-1", fmt.Sprint("r-", i), "A", 1)
	}
	for i := range 3 {
		o.sell(t, "S-2", fmt.Sprint("r-", i), "A", 1)
	}
	count := func(limit int) map[string]int {
		t.Helper()
		reply := o.ask(t, fmt.Sprintf(`<LogRead max="%d"><Lane location="S-1" after="0"/><Lane location="S-2" after="0"/></LogRead>`, limit))
		out := map[string]int{}
		for _, tr := range reply.Log.Transactions {
			out[tr.Location]++
		}
		return out
	}
	for limit, want := range map[int]map[string]int{
		4:  {"S-1": 2, "S-2": 2},
		10: {"S-1": 7, "S-2": 3},
		99: {"S-1": 30, "S-2": 3},
	} {
		if diff := cmp.Diff(want, count(limit)); diff != "" {
			t.Errorf("max %d (-want +got):\n%s", limit, diff)
		}
	}
	served := map[string]int{}
	for range 10 {
		for location, n := range count(1) {
			served[location] += n
		}
	}
	if diff := cmp.Diff(map[string]int{"S-1": 5, "S-2": 5}, served); diff != "" {
		t.Errorf("ten reads of one (-want +got):\n%s", diff)
	}
}

func TestStaleFreezesWhatIsShownAndThawsWhole(t *testing.T) {
	o := startOffice(t, twoStores())
	o.sell(t, "S-1", "r-1", "A", 2)
	ask := func() []any {
		t.Helper()
		stock := o.ask(t, `<StockInquiry><Pair location="S-1" sku="A"/><Pair location="S-1" sku="B"/></StockInquiry>`).Stock
		prices := o.ask(t, `<PriceInquiry><Item sku="A"/></PriceInquiry>`).Prices
		return []any{
			stock, prices, o.ask(t, `<CounterSnapshot location="S-1"/>`).Snapshot,
			o.readLog(t, "S-1", 0), o.ask(t, `<LaneList/>`).Lanes,
		}
	}
	before := ask()
	o.mustSet(t, faults.State{Stale: true})
	o.clock.pass(time.Minute)
	o.Beat()
	o.sell(t, "S-1", "r-2", "A", 3)
	o.sell(t, "S-1", "r-3", "B", 1)
	o.sell(t, "S-1", "r-4", "A", 1)
	o.SetPrice("A", "1.00")
	if err := o.SetPickQueue("S-1", 9); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, ask()); diff != "" {
		t.Errorf("while stale (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int64{"A": 6, "B": 1}, o.Totals("S-1")); diff != "" {
		t.Errorf("totals while stale (-want +got):\n%s", diff)
	}
	o.mustSet(t, faults.State{})
	if diff := cmp.Diff([]uint64{1, 2, 3, 4}, o.readLog(t, "S-1", 0).seqs()); diff != "" {
		t.Errorf("log after the thaw (-want +got):\n%s", diff)
	}
	stock := o.ask(t, `<StockInquiry><Pair location="S-1" sku="A"/></StockInquiry>`).Stock
	want := &stockReply{
		AsOf:       noon.Add(time.Minute),
		Counters:   []counterReply{{"S-1", "A", 6, 4}},
		Heartbeats: []heartbeatReply{{"S-1", noon.Add(time.Minute), 4, 9}},
	}
	if diff := cmp.Diff(want, stock); diff != "" {
		t.Errorf("after the thaw (-want +got):\n%s", diff)
	}
	if got := o.ask(t, `<PriceInquiry><Item sku="A"/></PriceInquiry>`).Prices.Prices[0].Amount; got != "1.00" {
		t.Errorf("price after the thaw = %s", got)
	}
}

func TestASilentStoreFreezesAlone(t *testing.T) {
	o := startOffice(t, twoStores())
	if err := o.SilenceTill("S-1", true); err != nil {
		t.Fatal(err)
	}
	o.clock.pass(time.Minute)
	o.Beat()
	o.sell(t, "S-1", "r-1", "A", 1)
	o.sell(t, "S-2", "r-1", "A", 1)
	later := noon.Add(time.Minute)
	want := []heartbeatReply{{"S-1", noon, 0, 0}, {"S-2", later, 1, 0}}
	if diff := cmp.Diff(want, o.ask(t, `<LaneList/>`).Lanes.Heartbeats); diff != "" {
		t.Errorf("heartbeats (-want +got):\n%s", diff)
	}
	if got := o.readLog(t, "S-1", 0).seqs(); len(got) != 0 {
		t.Errorf("the silent lane shows %v", got)
	}
	o.mustSet(t, faults.State{Stale: true})
	o.mustSet(t, faults.State{})
	if got := o.readLog(t, "S-1", 0).seqs(); len(got) != 0 {
		t.Errorf("the end of a stale head office joined the silent lane: %v", got)
	}
	if err := o.SilenceTill("S-1", false); err != nil {
		t.Fatal(err)
	}
	want[0] = heartbeatReply{"S-1", later, 1, 0}
	if diff := cmp.Diff(want, o.ask(t, `<LaneList/>`).Lanes.Heartbeats); diff != "" {
		t.Errorf("heartbeats after joining (-want +got):\n%s", diff)
	}
	if o.SilenceTill("S-9", true) == nil || o.SetPickQueue("S-9", 1) == nil {
		t.Error("a place without tills was accepted")
	}
}

func TestDelayMakesHolesThatClose(t *testing.T) {
	o := startOffice(t, twoStores())
	o.mustSet(t, faults.State{DelayMs: 2000})
	const sales = 40
	for i := range sales {
		o.sell(t, "S-1", fmt.Sprint("r-", i), "A", 1)
	}
	read := o.readLog(t, "S-1", 0)
	seqs := read.seqs()
	if len(seqs) < sales/5 || len(seqs) > sales*4/5 {
		t.Fatalf("%d of %d are visible at once, want about half", len(seqs), sales)
	}
	if last := read.Heartbeats[0].LastSeq; last != sales {
		t.Errorf("lastSeq = %d, want %d: what is late is announced", last, sales)
	}
	if seqs[len(seqs)-1] == uint64(len(seqs)) {
		t.Error("no transaction overtook a late one")
	}
	o.clock.pass(1999 * time.Millisecond)
	if diff := cmp.Diff(seqs, o.readLog(t, "S-1", 0).seqs()); diff != "" {
		t.Errorf("just before the delay (-want +got):\n%s", diff)
	}
	o.clock.pass(time.Millisecond)
	if got := o.readLog(t, "S-1", 0).seqs(); len(got) != sales {
		t.Errorf("%d of %d are visible after the delay", len(got), sales)
	}
}

func TestDuplicateAndReorder(t *testing.T) {
	o := startOffice(t, twoStores())
	const sales = 50
	for i := range sales {
		o.sell(t, "S-1", fmt.Sprint("r-", i), "A", 1)
	}
	o.mustSet(t, faults.State{Duplicate: 0.5})
	if n := len(o.readLog(t, "S-1", 0).Transactions); n < sales+10 || n > sales+40 {
		t.Errorf("%d entries for %d sales, want about half of them twice", n, sales)
	}
	reply := o.ask(t, fmt.Sprintf(`<LogRead max="%d"><Lane location="S-1" after="0"/></LogRead>`, sales))
	if n := len(reply.Log.Transactions); n != sales {
		t.Errorf("%d entries, want max to hold with duplicates", n)
	}
	o.mustSet(t, faults.State{Reorder: true})
	seen, inOrder := map[uint64]bool{}, true
	for i, seq := range o.readLog(t, "S-1", 0).seqs() {
		seen[seq] = true
		inOrder = inOrder && seq == uint64(i+1)
	}
	if len(seen) != sales || inOrder {
		t.Errorf("%d different entries, in order: %v; want all %d shuffled", len(seen), inOrder, sales)
	}
}

func TestTransportFaultsReachAClient(t *testing.T) {
	o := startOffice(t, twoStores())
	call := func() (*faultReply, error) {
		_, got, err := o.post(t.Context(), t, wrap(`<LaneList/>`))
		if err != nil {
			return nil, err
		}
		var reply envelope
		err = xml.Unmarshal(got, &reply)
		return reply.Body.Fault, err
	}
	for name, state := range map[string]faults.State{
		"down": {Down: true}, "truncate": {Truncate: true}, "garbage": {Garbage: true},
	} {
		o.mustSet(t, state)
		if _, err := call(); err == nil {
			t.Errorf("%s: the reply was readable", name)
		}
	}
	o.mustSet(t, faults.State{ErrorRate: 1})
	fault, err := call()
	if diff := cmp.Diff(&faultReply{"BUSY", true, "try again later"}, fault); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	o.mustSet(t, faults.State{})
	if fault, err := call(); fault != nil || err != nil {
		t.Errorf("after recovery: %+v, %v", fault, err)
	}
}

func TestRunBeatsUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := pos.New(twoStores(), time.Now, faults.NewBoard(1))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { server.Run(ctx, time.Second); close(done) }()
		<-time.After(10500 * time.Millisecond) // of the bubble's clock
		cancel()
		<-done
		want := time.Now().Add(-500 * time.Millisecond).UTC().Format(time.RFC3339Nano)
		if got := lanesOf(t, server); strings.Count(got, want) != 2 {
			t.Errorf("lanes = %s, want both at %s", got, want)
		}
	})
}
