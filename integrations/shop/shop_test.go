package shop_test

import (
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
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/portico-retail/portico/integrations/shop"
	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
	"github.com/portico-retail/portico/retail/stock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when every test happens.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const asOf = "2026-11-22T11:59:59Z"

func newShop(t testing.TB, h http.Handler) *shop.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	once := upstream.Config{MaxAttempts: 1, OpenAfter: 1000} // so that bad answers in a row are all read
	c, err := shop.New(shop.Config{
		HTTP: upstream.HTTPConfig{URL: server.URL, MaxBodyBytes: 1 << 20}, APIKey: "secret", Live: once, Feed: once, Write: once,
	}, func() []string { return []string{"S-1", "S-2"} },
		upstream.NewMetrics(prometheus.NewRegistry()), func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// says answers every request with one body.
func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("ETag", `"1"`)
		_, _ = io.WriteString(w, body)
	}
}

func TestPollReadsAllocations(t *testing.T) {
	const page = `{"allocations":[{"location":"S-1","sku":"a","open":4,"version":7,"note":"new field"},
		{"location":"S-1","sku":"b","open":-1,"version":1},{"location":"S-1","sku":"b","open":"4","version":1},
		{"location":"S-1","sku":"b","version":1},{"location":"S-1","sku":"b","open":1},{"location":"","sku":"b","open":1,"version":1},
		{"location":"S-1","sku":"b","open":3000000000,"version":1},{"location":"S-1","sku":"b","open":1.5,"version":1}, 7, null],
		"next":123,"asOf":"` + asOf + `","more":%v}`
	facts := []stock.Fact{{Location: "S-1", SKU: "a", Source: retail.SourceShop, Version: 7, Value: 4}}
	marks := []stock.Mark{
		{Location: "S-1", Source: retail.SourceShop, AsOf: noon.Add(-time.Second)},
		{Location: "S-2", Source: retail.SourceShop, AsOf: noon.Add(-time.Second)},
	}
	for name, tc := range map[string]struct {
		cursor string
		body   string
		want   stock.Batch
	}{
		"the last page dates every place": {
			"", fmt.Sprintf(page, false), stock.Batch{Facts: facts, Marks: marks, Cursor: "123", Quarantined: 9},
		},
		"a page before it dates none": {
			"x", fmt.Sprintf(page, true), stock.Batch{Facts: facts, More: true, Cursor: "123", Quarantined: 9},
		},
		"nothing new is a heartbeat": {
			"123", `{"allocations":[],"next":123,"asOf":"` + asOf + `","more":false}`,
			stock.Batch{Marks: marks, Cursor: "123"},
		},
		"a shop that lost data dates nothing": {
			"500", `{"allocations":[],"next":123,"asOf":"` + asOf + `","more":false}`, stock.Batch{Cursor: "500"},
		},
	} {
		got, err := newShop(t, says(tc.body)).Poll(t.Context(), tc.cursor)
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: err %v, (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestPollAsksFromItsCursor(t *testing.T) {
	var asked []string
	c := newShop(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
		_, _ = io.WriteString(w, `{"allocations":[],"next":9,"asOf":"2027-01-01T00:00:00Z","more":false}`)
	}))
	first, err := c.Poll(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if !first.Marks[0].AsOf.Equal(noon) {
		t.Errorf("a mark of %v is ahead of our clock", first.Marks[0].AsOf)
	}
	if _, err = c.Poll(t.Context(), first.Cursor); err != nil {
		t.Fatal(err)
	}
	want := []string{"/api/v1/allocations?limit=2000&since=0", "/api/v1/allocations?limit=2000&since=9"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestNow(t *testing.T) {
	c := newShop(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Pairs []struct{ Location, SKU string }
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.URL.Path != "/api/v1/allocations/lookup" || len(q.Pairs) > 1000 {
			t.Errorf("unexpected request %s: %v, %d pairs", r.URL, err, len(q.Pairs))
		}
		_, _ = io.WriteString(w, `{"allocations":[{"location":"S-1","sku":"a","open":4,"version":7},
			{"location":"S-1","sku":"b","open":0,"version":0},{"location":"S-9","sku":"b","open":0,"version":0}],
			"asOf":"`+asOf+`","more":false}`)
	}))
	pairs := []stock.Pair{{Location: "S-1", SKU: "a"}, {Location: "S-1", SKU: "b"}, {Location: "S-2", SKU: "a"}}
	got, err := c.Now(t.Context(), pairs)
	want := stock.Batch{
		Facts: []stock.Fact{
			{Location: "S-1", SKU: "a", Source: retail.SourceShop, Version: 7, Value: 4},
			{Location: "S-1", SKU: "b", Source: retail.SourceShop},
		},
		Marks:       []stock.Mark{{Location: "S-1", Source: retail.SourceShop, AsOf: noon.Add(-time.Second)}},
		Quarantined: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("err %v, (-want +got):\n%s", err, diff)
	}
	if _, err := c.Now(t.Context(), make([]stock.Pair, stock.MaxPairs+1)); retail.CodeOf(err) != retail.CodeLimitExceeded {
		t.Errorf("too many pairs: %v", err)
	}
}

func TestPrices(t *testing.T) {
	var sizes []int
	c := newShop(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sizes = append(sizes, len(strings.Split(r.URL.Query().Get("skus"), ",")))
		_, _ = io.WriteString(w, `{"prices":[{"sku":"a","amount":"19.90","currency":"CNY"},{"sku":"a","amount":"1","currency":"CNY"},
			{"sku":"b","amount":"19.90","currency":"USD"},{"sku":"b","amount":19.9,"currency":"CNY"},
			{"sku":"b","amount":"NaN","currency":"CNY"},{"sku":"b","amount":"-1","currency":"CNY"}],"asOf":"`+asOf+`"}`)
	}))
	skus := []string{"a", "a", "b", "not a sku", "x,y"}
	for i := range 300 {
		skus = append(skus, fmt.Sprint(i))
	}
	got, err := c.Prices(t.Context(), skus, noon)
	want := map[string]catalog.SystemPrice{
		"a": {Base: retail.Money{Minor: 1990, CurrencyCode: "CNY"}, AsOf: noon.Add(-time.Second)},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("err %v, (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff([]int{250, 52}, sizes); diff != "" {
		t.Errorf("sizes of the requests (-want +got):\n%s", diff)
	}
}

func TestFaultsOfTheWire(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, `{"error":{"code":"X","message":"no"}}`)
		}
	}
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		code    retail.Code
		retry   bool
	}{
		"status 500":      {status(500), retail.CodeUpstreamUnavailable, true},
		"status 429":      {status(429), retail.CodeUpstreamUnavailable, true},
		"status 401":      {status(401), retail.CodeUpstreamUnavailable, false},
		"status 400":      {status(400), retail.CodeBadUpstream, false},
		"304 unasked":     {status(304), retail.CodeBadUpstream, false},
		"a redirect":      {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }, retail.CodeBadUpstream, false},
		"a hung-up":       {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, retail.CodeUpstreamUnavailable, true},
		"HTML":            {says(`<html><body>Bad gateway</body></html>`), retail.CodeBadUpstream, true},
		"nothing":         {says(``), retail.CodeBadUpstream, true},
		"half":            {says(`{"prices":[{"sku":"a","am`), retail.CodeBadUpstream, true},
		"something after": {says(`{"prices":[],"asOf":"` + asOf + `"} {}`), retail.CodeBadUpstream, true},
		"no prices":       {says(`{"asOf":"` + asOf + `"}`), retail.CodeBadUpstream, true},
		"no date":         {says(`{"prices":[]}`), retail.CodeBadUpstream, true},
		"another type":    {says(`{"prices":{},"asOf":"` + asOf + `"}`), retail.CodeBadUpstream, true},
		"only bad items":  {says(`{"prices":[1,2],"asOf":"` + asOf + `"}`), retail.CodeBadUpstream, true},
		"a huge body":     {says(`{"prices":[` + strings.Repeat(`{},`, 1_000_000) + `{}],"asOf":"` + asOf + `"}`), retail.CodeBadUpstream, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newShop(t, tc.handler)
			_, err := c.Prices(t.Context(), []string{"a"}, noon)
			var e *retail.Error
			if !errors.As(err, &e) || e.Code != tc.code || e.Retryable != tc.retry || e.Source != retail.SourceShop {
				t.Errorf("err = %v, want %s of the shop, retryable %v", err, tc.code, tc.retry)
			}
			if _, err := c.Poll(t.Context(), "5"); err == nil {
				t.Error("a poll went well")
			}
			if _, _, err := c.Products(t.Context(), ""); err == nil {
				t.Error("a catalog was read")
			}
			if _, err := c.Now(t.Context(), []stock.Pair{{Location: "S-1", SKU: "a"}}); err == nil {
				t.Error("a lookup went well")
			}
		})
	}
}

func TestConfig(t *testing.T) {
	url := upstream.HTTPConfig{URL: "http://shop"}
	for name, tc := range map[string]struct {
		cfg shop.Config
		ok  bool
	}{
		"address and key are enough":   {shop.Config{HTTP: url, APIKey: "k"}, true},
		"no key":                       {shop.Config{HTTP: url}, false},
		"a key that breaks the header": {shop.Config{HTTP: url, APIKey: "k\r\nX: y"}, false},
		"no address":                   {shop.Config{APIKey: "k"}, false},
		"no currency code":             {shop.Config{HTTP: url, APIKey: "k", Currency: "yuan"}, false},
		"huge pages":                   {shop.Config{HTTP: url, APIKey: "k", PageProducts: 1001}, false},
		"huge polls":                   {shop.Config{HTTP: url, APIKey: "k", PageAllocations: 10_001}, false},
		"a bad guard":                  {shop.Config{HTTP: url, APIKey: "k", Feed: upstream.Config{MaxAttempts: 9}}, false},
		"a bad guard of writes":        {shop.Config{HTTP: url, APIKey: "k", Write: upstream.Config{MaxAttempts: 9}}, false},
	} {
		if err := tc.cfg.Validate(); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
