package demo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/demo"
)

var smallTrade = []string{
	"536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom",
	"536365,71053,LANTERN,2,2010-12-01 08:26:00,3.39,17850.0,United Kingdom",
	"536365,85123A,HEART,1,2010-12-01 08:26:00,2.55,17850.0,United Kingdom",
	"C536379,85123A,HEART,-2,2010-12-01 09:41:00,2.55,17850.0,United Kingdom",
	"536370,22728,CLOCK,24,2010-12-01 08:45:00,3.75,12583.0,France",
	"536370,POST,POSTAGE,3,2010-12-01 08:45:00,18.0,12583.0,France",
	"536544,21773,BASIN,1,2010-12-01 14:32:00,2.51,,United Kingdom",
	"536544,21774,JUG,4,2010-12-01 14:32:00,2.51,,United Kingdom",
	"536545,21773,BASIN,60000,2010-12-01 14:33:00,2.51,,United Kingdom",
	"C536546,21774,JUG,-3,2010-12-01 14:34:00,2.51,,United Kingdom",
	"536589,21773,broken,-10,2010-12-01 16:50:00,0.0,,United Kingdom",
	"536590,22728,broken,-5,2010-12-01 16:50:00,0.0,12583.0,France",
	"536591,22728,CLOCK,0,2010-12-01 16:51:00,0.0,12583.0,France",
	"not a line",
	"C536592,22728,CLOCK,-3000,2010-12-01 16:52:00,3.75,12583.0,Germany",
}

func opener(lines []string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(tradeHeader + strings.Join(lines, "\n"))), nil
	}
}

// mustReplay plays a trade into a fresh house and compares the backends with the books.
func mustReplay(t testing.TB, open func() (io.ReadCloser, error), tune func(*demo.Replay)) (*house, *demo.Report, map[demo.Pair]int) {
	t.Helper()
	r, _, err := demo.FromTrade(mustRead(t, open))
	if err != nil {
		t.Fatal(err)
	}
	books, err := demo.FoldBooks(mustRead(t, open))
	if err != nil {
		t.Fatal(err)
	}
	h := openHouse(t, r)
	replay := &demo.Replay{Backends: h.Backends, Open: open}
	if tune != nil {
		tune(replay)
	}
	report, err := replay.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(books, h.stockNow(t)); diff != "" {
		t.Errorf("stock (-books +backends):\n%.2000s", diff)
	}
	if n, open := h.unsynced(t), len(h.promised(t)); n != 0 || open != 0 {
		t.Errorf("in the end %d units are unsynced and %d pairs promised", n, open)
	}
	return h, report, books
}

func mustRead(t testing.TB, open func() (io.ReadCloser, error)) io.Reader {
	t.Helper()
	file, err := open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

func TestReplayEndsWithTheBooks(t *testing.T) {
	for _, size := range []int{1, 3, 1000} {
		t.Run(fmt.Sprintf("in batches of %d", size), func(t *testing.T) {
			var seen []int
			_, report, books := mustReplay(t, opener(smallTrade), func(r *demo.Replay) {
				r.BatchLines, r.BookEvery = size, 4
				r.Wait = func(_ context.Context, p demo.Progress) error {
					seen = append(seen, p.Lines)
					return nil
				}
			})
			want := demo.TradeCounts{
				Lines: 15, Sales: 4, WebOrders: 3, Returns: 3, Adjustments: 2, ZeroQuantity: 1, Unreadable: 1,
				NonMerchandise: map[string]int{"POST": 1}, Examples: []string{"line 15: not eight fields of CSV"},
			}
			if diff := cmp.Diff(want, report.Counts); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if last := seen[len(seen)-1]; last != 13 || len(seen) != (13+size-1)/size {
				t.Errorf("progress %v, want batches of %d up to 13", seen, size)
			}
			if got := books[demo.Pair{Location: "UK-DC", SKU: "21773"}]; got >= 0 {
				t.Errorf("books of the oversold basin = %d, want them below zero", got)
			}
		})
	}
}

func TestWaitHoldsTheReplayBack(t *testing.T) {
	refused := errors.New("too far behind")
	r, _, err := demo.FromTrade(mustRead(t, opener(smallTrade)))
	if err != nil {
		t.Fatal(err)
	}
	replay := &demo.Replay{
		Backends: openHouse(t, r).Backends, Open: opener(smallTrade), BatchLines: 2,
		Wait: func(_ context.Context, p demo.Progress) error {
			if p.Lines > 2 {
				t.Errorf("the replay went on to line %d", p.Lines)
			}
			return refused
		},
	}
	if _, err := replay.Run(t.Context()); !errors.Is(err, refused) {
		t.Errorf("error = %v, want that of Wait", err)
	}
}

func TestAReplayIntoADeadBackendFails(t *testing.T) {
	r, _, err := demo.FromTrade(mustRead(t, opener(smallTrade)))
	if err != nil {
		t.Fatal(err)
	}
	h := openHouse(t, r)
	h.Shop = "http://127.0.0.1:1"
	if _, err := (&demo.Replay{Backends: h.Backends, Open: opener(smallTrade)}).Run(t.Context()); err == nil {
		t.Error("the replay went through without a shop")
	}
}

// gateway answers stock checks from numbers of its own.
func gateway(t *testing.T, atp map[demo.Pair]int, spoil func(sku string, item map[string]any)) *demo.Verifier {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct {
			Variables struct{ SKUs, At []string }
		}
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil || r.Header.Get("Authorization") != "Bearer secret" || len(req.Variables.SKUs) > 100 {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		items := []any{}
		for _, sku := range req.Variables.SKUs {
			item := map[string]any{
				"sku": sku, "location": map[string]any{"code": req.Variables.At[0]}, "level": "OUT_OF_STOCK", "reasons": []string{"NOT_RANGED"},
				"quantity": map[string]any{"value": 0, "precision": "EXACT"}, "breakdown": map[string]any{},
			}
			if n, ranged := atp[demo.Pair{Location: req.Variables.At[0], SKU: sku}]; ranged {
				item["reasons"] = []string{}
				item["quantity"] = map[string]any{"value": max(0, n), "precision": "EXACT"}
				item["breakdown"] = map[string]any{"onHand": n + 5, "unsyncedSales": 2, "allocated": 3, "availableToPromise": max(0, n)}
				if n > 0 {
					item["level"] = "IN_STOCK"
				}
			}
			if spoil != nil {
				spoil(sku, item)
			}
			items = append(items, item)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"stockCheck": map[string]any{"items": items}}})
	}))
	t.Cleanup(server.Close)
	return &demo.Verifier{Endpoint: server.URL, Token: "secret", HTTP: server.Client()}
}

func TestVerifyComparesEveryPair(t *testing.T) {
	books := map[demo.Pair]int{}
	for i := range 250 {
		books[demo.Pair{Location: "UK-DC", SKU: fmt.Sprintf("%05d", i)}] = i - 10
	}
	books[demo.Pair{Location: "FRANCE", SKU: "00000"}] = 7
	tests := map[string]struct {
		spoil      func(sku string, item map[string]any)
		mismatches int
		example    string
	}{
		"a gateway that agrees": {nil, 0, ""},
		"a number that is off by one": {func(sku string, item map[string]any) {
			if sku == "00042" {
				item["breakdown"].(map[string]any)["onHand"] = 38
			}
		}, 1, "00042 at UK-DC: 38 on hand − 2 unsynced − 3 allocated, want 32"},
		"a quantity that is a lower bound": {func(sku string, item map[string]any) {
			if sku == "00042" {
				item["quantity"] = map[string]any{"value": 10, "precision": "AT_LEAST"}
			}
		}, 1, "00042 at UK-DC: quantity 10 AT_LEAST, want 32 EXACT"},
		"a level that contradicts": {func(sku string, item map[string]any) {
			if sku == "00042" {
				item["level"] = "UNKNOWN"
			}
		}, 1, "00042 at UK-DC: level UNKNOWN with 32"},
		"a place that claims what it does not carry": {func(sku string, item map[string]any) {
			if item["location"].(map[string]any)["code"] == "FRANCE" {
				item["reasons"] = []string{}
			}
		}, 100, "00001 at FRANCE: not ranged, but level OUT_OF_STOCK, reasons []"},
		"numbers withheld":           {func(_ string, item map[string]any) { item["breakdown"] = nil }, 251, "00000 at FRANCE: level IN_STOCK without numbers, want 7"},
		"answers about other places": {func(_ string, item map[string]any) { item["location"] = map[string]any{"code": "X"} }, 351, "00000 at FRANCE: no answer"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var report demo.Report
			if err := gateway(t, books, tt.spoil).Verify(t.Context(), books, &report); err != nil {
				t.Fatal(err)
			}
			if !report.Verified || report.Pairs != 251 || report.NotRanged != 100 || report.Mismatches != tt.mismatches {
				t.Errorf("%+v; want 251 pairs, 100 not ranged, %d mismatches", report, tt.mismatches)
			}
			if tt.example != "" && (len(report.Examples) == 0 || report.Examples[0] != tt.example) {
				t.Errorf("first example %q, want %q", report.Examples, tt.example)
			}
		})
	}
}

func TestPaceIsLinesOverTheWholeTime(t *testing.T) {
	report := demo.Report{Took: 2 * time.Second, Progress: demo.Progress{Lines: 30}}
	if got := report.LinesPerSecond(); got != 15 {
		t.Errorf("%v lines/s, want 15", got)
	}
	report.Took = 0
	if got := report.LinesPerSecond(); got != 0 {
		t.Errorf("%v lines/s in no time", got)
	}
}

func TestVerifyFailsWhenTheGatewayRefuses(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"errors":[{"message":"too busy"}],"data":null}`)
	}))
	defer server.Close()
	v := &demo.Verifier{Endpoint: server.URL, HTTP: server.Client()}
	var report demo.Report
	err := v.Verify(t.Context(), map[demo.Pair]int{{Location: "FRANCE", SKU: "22326"}: 1}, &report)
	if err == nil || !strings.Contains(err.Error(), "too busy") || report.Verified {
		t.Errorf("error = %v, verified %v", err, report.Verified)
	}
}

func TestReportIsReadable(t *testing.T) {
	_, report, _ := mustReplay(t, opener(smallTrade), nil)
	report.Verified, report.Pairs, report.Mismatches, report.Examples = true, 6, 1, []string{"22728 at FRANCE: no answer"}
	for _, want := range []string{"sales                 4", `"POST" 1`, "replayed               13 lines", "6 pairs", "mismatches            1", "22728 at FRANCE"} {
		if !strings.Contains(report.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, report)
		}
	}
}

// realOpener opens the real trade, its first lines only when limit is positive.
func realOpener(t testing.TB, limit int) func() (io.ReadCloser, error) {
	path := tradeFile(t)
	return func() (io.ReadCloser, error) {
		file, err := demo.OpenTrade(path)
		if err != nil || limit <= 0 {
			return file, err
		}
		defer file.Close()
		raw, err := io.ReadAll(file)
		if err != nil {
			return nil, err
		}
		lines := strings.SplitAfterN(string(raw), "\n", limit+2)
		return io.NopCloser(strings.NewReader(strings.Join(lines[:min(len(lines), limit+1)], ""))), nil
	}
}

func TestTheRealTradeEndsWithTheBooks(t *testing.T) {
	t.Parallel()
	_, report, books := mustReplay(t, realOpener(t, 1500), func(r *demo.Replay) { r.BatchLines, r.BookEvery = 500, 1200 })
	if report.Counts.Lines != 1500 || len(books) < 700 {
		t.Errorf("%d lines, %d pairs", report.Counts.Lines, len(books))
	}
}

// BenchmarkReplay plays the whole real trade into the three backends, without a gateway behind them. The pace includes
// filling the backends and comparing them with the books.
func BenchmarkReplay(b *testing.B) {
	open, lines := realOpener(b, 0), 0
	for b.Loop() {
		_, report, _ := mustReplay(b, open, nil)
		lines += report.Progress.Lines
	}
	b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
}
