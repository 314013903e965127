package pos_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/demo/pos"
)

// serve plays one request against the handler without a network.
func serve(handler http.Handler, request []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/pos/service", bytes.NewReader(request))
	r.Header.Set("Content-Type", "application/xml")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func lanesOf(tb testing.TB, server *pos.Server) string {
	tb.Helper()
	return serve(server.Handler(), wrap(`<LaneList/>`)).Body.String()
}

// FuzzRequest sends anything and expects a readable envelope with exactly one reply or a refusal, never a defect.
func FuzzRequest(f *testing.F) {
	for _, body := range []string{
		`<LaneList/>`, `<CounterSnapshot location="S-1"/>`,
		`<StockInquiry><Pair location="S-1" sku="A"/></StockInquiry>`,
		`<LogRead max="5"><Lane location="S-1" after="0"/></LogRead>`,
		`<PriceInquiry><Item sku="&lt;&#x4e2d;"/></PriceInquiry>`,
		`<TransactionUpload><Transaction location="S-1" kind="SALE" at="2026-11-22T05:00:00Z" reference="r">` +
			`<Line sku="A" quantity="2"/></Transaction></TransactionUpload>`,
	} {
		f.Add(wrap(body))
	}
	for _, request := range []string{
		sent(unit("A", 2)), handOver(unit("A", 2)), stepOf("PICK", picked("A", 1, 1)), inquiry, `<TaskChanges after="0" max="5"/>`,
		`<PickupTaskCancel reference="o"/>`, `<ReceiptList card="c" limit="5" beforeAt="2026-11-22T05:00:00Z" beforeNumber="n"/>`,
		`<CardIssue reference="m" name="Ann" birthday="1990-01-31"/>`, `<CardPinCheck card="c" pin="1"/>`, `<CardSearch phone="+1"/>`,
	} {
		f.Add(wrap(request))
	}
	f.Add([]byte(`<Envelope version="1"><Header><MessageId>&#xFFFD;"'</MessageId>`))
	f.Fuzz(func(t *testing.T, request []byte) {
		server := pos.New(twoStores(), func() time.Time { return noon }, faults.NewBoard(1))
		w := serve(server.Handler(), request)
		if w.Code == http.StatusRequestEntityTooLarge {
			return
		}
		var reply envelope
		if err := xml.Unmarshal(w.Body.Bytes(), &reply); err != nil || w.Code != http.StatusOK {
			t.Fatalf("status %d, %v in %s", w.Code, err, w.Body)
		}
		b := reply.Body
		replies := 0
		for _, present := range []bool{
			b.Fault != nil, b.Stock != nil, b.Snapshot != nil, b.Log != nil, b.Lanes != nil, b.Prices != nil, b.Upload != nil,
			b.Create != nil, b.Inquiry != nil, b.Cancel != nil, b.Update != nil, b.Changes != nil, b.HandOver != nil, b.Return != nil,
			b.Receipts != nil, b.Receipt != nil, b.Card != nil, b.Found != nil, b.Issued != nil, b.Updated != nil, b.PIN != nil,
			b.Points != nil,
		} {
			if present {
				replies++
			}
		}
		refusals := []string{"BAD_REQUEST", "UNKNOWN_LOCATION", "NOT_FOUND"}
		if replies != 1 || (b.Fault != nil && !slices.Contains(refusals, b.Fault.Code)) {
			t.Fatalf("reply = %s", w.Body)
		}
	})
}

// BenchmarkUploadAndRead uploads a thousand lines in sales of two, over twenty places, and reads them back.
func BenchmarkUploadAndRead(b *testing.B) {
	const places, sales = 20, 500
	data := pos.Data{Currency: "CNY"}
	for i := range places {
		data.Locations = append(data.Locations, fmt.Sprintf("S-%04d", i))
	}
	server := pos.New(data, time.Now, faults.NewBoard(1))
	handler := server.Handler()
	after := make([]int, places)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if w := serve(handler, uploadOf(n, data.Locations, sales)); !strings.Contains(w.Body.String(), `accepted="500"`) {
			b.Fatal(w.Body)
		}
		read := `<LogRead max="5000">`
		for i, location := range data.Locations {
			read += fmt.Sprintf(`<Lane location=%q after="%d"/>`, location, after[i])
			after[i] += sales / places
		}
		if got := serve(handler, wrap(read+`</LogRead>`)).Body.String(); strings.Count(got, "<Line ") != 2*sales {
			b.Fatalf("read %d lines", strings.Count(got, "<Line "))
		}
	}
	b.ReportMetric(float64(b.N)*2*sales/b.Elapsed().Seconds(), "lines/s")
}

func uploadOf(n int, locations []string, sales int) []byte {
	var out strings.Builder
	for i := range sales {
		fmt.Fprintf(&out, `<Transaction location=%q kind="SALE" at="2026-11-22T05:00:00Z" reference="r-%d-%d">`+
			`<Line sku="1%07d" quantity="2"/><Line sku="2%07d" quantity="1"/></Transaction>`,
			locations[i%len(locations)], n, i, (n*31+i)%5000, (n*17+i)%5000)
	}
	return wrap(`<TransactionUpload>` + out.String() + `</TransactionUpload>`)
}
