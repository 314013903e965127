package shop_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/demo/shop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const apiKey = "demo-key"

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

// site is a shop with a client.
type site struct {
	*shop.Server
	board *faults.Board
	clock *clock
	http  *httptest.Server
}

func startSite(tb testing.TB, data shop.Data) *site {
	tb.Helper()
	s := &site{board: faults.NewBoard(42), clock: &clock{at: noon}}
	data.APIKey = apiKey
	s.Server = shop.New(data, s.clock.now, s.board)
	s.http = httptest.NewServer(s.Handler())
	tb.Cleanup(s.http.Close)
	return s
}

func (s *site) mustSet(tb testing.TB, state faults.State) {
	tb.Helper()
	if err := s.board.Set(state); err != nil {
		tb.Fatal(err)
	}
}

// answer is one HTTP reply.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send makes one request; header is a list of names and values.
func (s *site) send(tb testing.TB, method, path, body string, header ...string) (answer, error) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, s.http.URL+path, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("X-Api-Key", apiKey)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := s.http.Client().Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, got}, err
}

// mustSend also decodes a 200 into reply.
func (s *site) mustSend(tb testing.TB, method, path, body string, reply any) http.Header {
	tb.Helper()
	got, err := s.send(tb, method, path, body)
	if err != nil || got.status != http.StatusOK {
		tb.Fatalf("%s %s: status %d, error %v, body %s", method, path, got.status, err, got.body)
	}
	if err := json.Unmarshal(got.body, reply); err != nil {
		tb.Fatal(err)
	}
	return got.header
}

// The messages as a reader outside the package sees them.
type (
	allocation struct {
		Location string `json:"location"`
		SKU      string `json:"sku"`
		Open     int    `json:"open"`
		Version  int    `json:"version"`
	}
	feed struct {
		Allocations []allocation `json:"allocations"`
		Next        int          `json:"next"`
		AsOf        time.Time    `json:"asOf"`
		More        bool         `json:"more"`
	}
	productPage struct {
		Products   []shop.Product `json:"products"`
		NextCursor string         `json:"nextCursor"`
		AsOf       time.Time      `json:"asOf"`
	}
)

func (s *site) feed(tb testing.TB, since, limit int) feed {
	tb.Helper()
	var out feed
	s.mustSend(tb, http.MethodGet, fmt.Sprintf("/api/v1/allocations?since=%d&limit=%d", since, limit), "", &out)
	return out
}

func (s *site) lookup(tb testing.TB, location, sku string) allocation {
	tb.Helper()
	var out feed
	s.mustSend(tb, http.MethodPost, "/api/v1/allocations/lookup", fmt.Sprintf(`{"pairs":[{"location":%q,"sku":%q}]}`, location, sku), &out)
	if len(out.Allocations) != 1 {
		tb.Fatalf("lookup of one pair gave %+v", out)
	}
	return out.Allocations[0]
}

func (s *site) order(tb testing.TB, number, sku string, quantity int) {
	tb.Helper()
	var out struct{ Accepted int }
	s.mustSend(tb, http.MethodPost, "/api/v1/orders", fmt.Sprintf(`{"orders":[{"number":%q,"location":"S-1",`+
		`"placedAt":"2026-11-22T11:00:00Z","lines":[{"sku":%q,"quantity":%d}]}]}`, number, sku, quantity), &out)
	if out.Accepted != 1 {
		tb.Fatalf("accepted %d orders", out.Accepted)
	}
}

func (s *site) ship(tb testing.TB, number string) {
	tb.Helper()
	var out struct{ Shipped int }
	s.mustSend(tb, http.MethodPost, "/api/v1/shipments", fmt.Sprintf(`{"numbers":[%q]}`, number), &out)
	if out.Shipped != 1 {
		tb.Fatalf("shipped %d orders", out.Shipped)
	}
}

// products makes a catalog of n products p-0001 … with one variant each, SKU 1 …
func products(n int) []shop.Product {
	out := make([]shop.Product, n)
	for i := range out {
		out[i] = shop.Product{
			ID: fmt.Sprintf("p-%04d", i+1), Title: shop.Text{Chinese: "水", English: "Water"}, UpdatedAt: noon,
			Variants: []shop.Variant{{SKU: fmt.Sprint(i + 1), Price: &shop.Money{Amount: "2.00", Currency: "CNY"}}},
		}
	}
	return out
}
