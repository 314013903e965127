package pos_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/pos"
	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
	"github.com/portico-retail/portico/retail/stock"
)

func TestNow(t *testing.T) {
	o, c, _ := newOffice(t)
	pairs := []stock.Pair{{Location: "S-1", SKU: "a"}, {Location: "S-1", SKU: "b"}, {Location: "S-2", SKU: "a"}}
	o.say("StockInquiry", `<StockInquiryReply asOf="2026-11-22T12:00:00Z"><Counter location="S-1" sku="a" net="-3" seq="812"/>`+
		`<Counter location="S-1" sku="b" net="0" seq="0"/><Counter location="S-2" sku="a" net="many" seq="1"/>`+
		`<Counter location="S-2" sku="zz" net="1" seq="1"/>`+beat("S-1", 812)+beat("S-2", 1)+beat("S-3", 1)+`</StockInquiryReply>`)
	b, err := c.Now(t.Context(), pairs)
	want := stock.Batch{
		Facts:       []stock.Fact{fact("S-1", "a", 812, -3), fact("S-1", "b", 0, 0)},
		Marks:       []stock.Mark{{Location: "S-1", Source: retail.SourcePOS, AsOf: noon.Add(-time.Second)}},
		Queues:      []stock.Queue{{Location: "S-1", Open: 2}, {Location: "S-2", Open: 2}},
		Quarantined: 2,
	}
	if diff := cmp.Diff(want, b); diff != "" || err != nil {
		t.Errorf("err %v, (-want +got):\n%s", err, diff)
	}
	if _, err := c.Now(t.Context(), make([]stock.Pair, stock.MaxPairs+1)); retail.CodeOf(err) != retail.CodeLimitExceeded {
		t.Errorf("too many pairs: %v", err)
	}
}

func TestNowLeavesOutPlacesWithoutTills(t *testing.T) {
	o, c, _ := newOffice(t)
	o.say("StockInquiry", `<Fault code="UNKNOWN_LOCATION" retryable="false">W-1</Fault>`,
		`<StockInquiryReply asOf="2026-11-22T12:00:00Z"><Counter location="S-1" sku="a" net="1" seq="1"/>`+beat("S-1", 1)+`</StockInquiryReply>`)
	o.say("LaneList", `<LaneListReply>`+beat("S-1", 1)+`</LaneListReply>`)
	b, err := c.Now(t.Context(), []stock.Pair{{Location: "W-1", SKU: "a"}, {Location: "S-1", SKU: "a"}})
	if len(b.Facts) != 1 || len(b.Marks) != 1 || err != nil {
		t.Errorf("Now = %+v, %v, want what S-1 has", b, err)
	}
}

func TestPrices(t *testing.T) {
	o, c, _ := newOffice(t)
	o.say("PriceInquiry", `<PriceInquiryReply asOf="2026-11-22T11:00:00Z" currency="CNY"><Price sku="a" amount="19.90"/>`+
		`<Price sku="a" amount="18.90"/><Price sku="b" amount="-1"/><Price sku="c" amount="1.999"/><Price sku="z" amount="1"/></PriceInquiryReply>`)
	got, err := c.Prices(t.Context(), []string{"a", "b", "c", "d"}, noon)
	want := map[string]catalog.SystemPrice{
		"a": {Base: retail.Money{Minor: 1990, CurrencyCode: "CNY"}, AsOf: noon.Add(-time.Hour)},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("err %v, (-want +got):\n%s", err, diff)
	}
	o.say("PriceInquiry", `<PriceInquiryReply asOf="2026-11-22T11:00:00Z" currency="USD"/>`)
	if _, err := c.Prices(t.Context(), []string{"a"}, noon); retail.CodeOf(err) != retail.CodeBadUpstream {
		t.Errorf("another currency: %v", err)
	}
}

func TestFaultsOfTheWire(t *testing.T) {
	answer := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
	}
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		code    retail.Code
		retry   bool
	}{
		"busy":          {answer(envelope(`<Fault code="BUSY" retryable="true">later</Fault>`)), retail.CodeUpstreamUnavailable, true},
		"bad request":   {answer(envelope(`<Fault code="BAD_REQUEST" retryable="false">no</Fault>`)), retail.CodeBadUpstream, false},
		"HTML":          {answer(`<html><body>Bad gateway</body></html>`), retail.CodeBadUpstream, true},
		"nothing":       {answer(``), retail.CodeBadUpstream, true},
		"half":          {answer(envelope(`<PriceInquiryReply/>`)[:90]), retail.CodeBadUpstream, true},
		"a huge body":   {answer(envelope(strings.Repeat(`<Price sku="a" amount="1"/>`, 50_000))), retail.CodeBadUpstream, true},
		"status 500":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, retail.CodeUpstreamUnavailable, true},
		"status 404":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, retail.CodeBadUpstream, true},
		"a redirect":    {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }, retail.CodeBadUpstream, true},
		"a hung-up":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, retail.CodeUpstreamUnavailable, true},
		"another reply": {answer(envelope(`<LogReadReply/>`)), retail.CodeBadUpstream, true},
	} {
		t.Run(name, func(t *testing.T) {
			o, c, _ := newOffice(t)
			o.handler = tc.handler
			_, err := c.Prices(t.Context(), []string{"a"}, noon)
			var e *retail.Error
			if !errors.As(err, &e) || e.Code != tc.code || e.Retryable != tc.retry || e.Source != retail.SourcePOS {
				t.Errorf("err = %v, want %s of the POS, retryable %v", err, tc.code, tc.retry)
			}
			if _, err := c.Poll(t.Context(), ""); err == nil {
				t.Error("a poll went well")
			}
		})
	}
}

func TestConfig(t *testing.T) {
	url := upstream.HTTPConfig{URL: "http://pos"}
	for name, tc := range map[string]struct {
		cfg pos.Config
		ok  bool
	}{
		"an address is enough": {pos.Config{HTTP: url}, true},
		"no address":           {pos.Config{}, false},
		"no currency code":     {pos.Config{HTTP: url, Currency: "yuan"}, false},
		"too many log entries": {pos.Config{HTTP: url, LogEntries: 10_001}, false},
		"no counters":          {pos.Config{HTTP: url, Snapshots: -1}, false},
		"endless patience":     {pos.Config{HTTP: url, GapPatience: 2 * time.Hour}, false},
		"lists all the time":   {pos.Config{HTTP: url, ListEvery: time.Millisecond}, false},
		"a bad guard":          {pos.Config{HTTP: url, Live: upstream.Config{MaxAttempts: 9}}, false},
	} {
		if err := tc.cfg.Validate(); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
