package shop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/integrations/demo/faults"
	demoshop "github.com/portico-retail/portico/integrations/demo/shop"
	"github.com/portico-retail/portico/integrations/shop"
	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
)

const hookSecret = "a shared secret"

// site is the stand-in shop behind real HTTP, a client of it, the receiver of its events, and the ERP's books.
type site struct {
	*shop.Client
	server *demoshop.Server
	board  *faults.Board
	url    string
	http   *http.Client

	mu     sync.Mutex
	at     time.Time
	events []shop.Event
	refuse int // events that the gateway cannot store
	left   []string
	back   []string
}

// tea is a phone of a seeded account.
const (
	lisPhone = "+8613800000001"
	wusPhone = "+8613800000002"
)

func openSite(t testing.TB) *site {
	t.Helper()
	s := &site{at: noon, board: faults.NewBoard(7)}
	s.server = demoshop.New(demoshop.Data{
		APIKey: "k",
		Accounts: []demoshop.Account{
			{
				ID: "u-li", Profile: demoshop.Profile{
					Name: "李雷", Phone: lisPhone, PhoneVerified: true, Email: "li@example.com", UnionID: "wx-li", Birthday: "1990-05-01",
				},
				PreferredStore: "S-1", UpdatedAt: noon,
				Addresses: []demoshop.Address{{
					ID: "d-home", Recipient: "李雷", Phone: lisPhone, CountryCode: "CN", Province: "上海市", City: "上海市", District: "黄浦区",
					Line: "南京东路 1 号", PostalCode: "200001", Position: &demoshop.Position{Latitude: 31.2, Longitude: 121.5},
				}},
			},
			{ID: "u-wu", Profile: demoshop.Profile{Name: "吴", Phone: wusPhone}, UpdatedAt: noon}, // not verified
		},
		Orders: pastOrders("u-li", 7),
		Pace:   demoshop.Pace{SlowPayment: 3 * time.Second, CourierStep: 0},
	}, s.now, s.board)
	s.server.OnPickup(s.book(&s.left))
	s.server.OnReturn(s.book(&s.back))
	server := httptest.NewServer(s.server.Handler())
	t.Cleanup(server.Close)
	s.url, s.http = server.URL, server.Client()

	receiver := httptest.NewServer(shop.Webhooks([]byte(hookSecret), s.now, s.notify))
	t.Cleanup(receiver.Close)
	s.server.SetWebhook(receiver.URL, []byte(hookSecret))

	once := upstream.Config{MaxAttempts: 1, OpenAfter: 1000}
	client, err := shop.New(shop.Config{
		HTTP: upstream.HTTPConfig{URL: server.URL, MaxBodyBytes: 1 << 20}, APIKey: "k", Live: once, Feed: once, Write: once,
	}, func() []string { return nil }, upstream.NewMetrics(prometheus.NewRegistry()), s.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s.Client = client
	return s
}

// pastOrders are n orders placed elsewhere, two at an instant.
func pastOrders(account string, n int) []demoshop.PastOrder {
	cny := func(amount string) demoshop.Money { return demoshop.Money{Amount: amount, Currency: "CNY"} }
	list := make([]demoshop.PastOrder, n)
	for i := range list {
		list[i] = demoshop.PastOrder{
			Account: account, Number: fmt.Sprintf("W%03d", i), PlacedAt: noon.AddDate(0, 0, -1-i/2), Status: "交易成功", Total: cny("19.90"),
			Lines: []demoshop.OrderLine{{SKU: "10000017", Quantity: 1, Total: cny("19.90")}},
		}
	}
	return list
}

func (s *site) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *site) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = s.at.Add(d)
}

// notify is the gateway's store of events.
func (s *site) notify(_ context.Context, e shop.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse > 0 {
		s.refuse--
		return errors.New("the ledger is away")
	}
	s.events = append(s.events, e)
	return nil
}

func (s *site) book(books *[]string) demoshop.Booking {
	return func(_ context.Context, location string, lines []demoshop.Line) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, l := range lines {
			*books = append(*books, fmt.Sprintf("%s %s %d", location, l.SKU, l.Quantity))
		}
		return nil
	}
}

// heard lets the shop work and returns the events since the last call, as "KIND reference".
func (s *site) heard(t testing.TB) []string {
	t.Helper()
	s.server.Work(t.Context())
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []string{}
	for _, e := range s.events {
		out = append(out, fmt.Sprintf("%s %s", e.Kind, e.Reference))
	}
	s.events = nil
	return out
}

// admin is a person at the shop's desk.
func (s *site) admin(t testing.TB, method, path string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s, %v, %s", method, path, res.Status, err, body)
	}
	return body
}

// codes are the verification codes on the phone, newest first.
func (s *site) codes(t testing.TB, phone string) []string {
	t.Helper()
	var m struct{ Messages []struct{ Code string } }
	if err := json.Unmarshal(s.admin(t, http.MethodGet, "/admin/messages?phone="+url.QueryEscape(phone)), &m); err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, each := range m.Messages {
		out = append(out, each.Code)
	}
	return out
}

func (s *site) courier(t testing.TB, reference, step string) {
	t.Helper()
	s.admin(t, http.MethodPost, "/admin/deliveries/"+url.PathEscape(reference)+"/"+step)
}

func (s *site) faulty(t testing.TB, state faults.State) {
	t.Helper()
	if err := s.board.Set(state); err != nil {
		t.Fatal(err)
	}
}

func yuan(minor int64) retail.Money { return retail.Money{Minor: minor, CurrencyCode: "CNY"} }

// anOrder is an order of Li for two things, 39.80 in all.
func anOrder(number string) *retail.Order {
	home := retail.DeliveryAddress{Recipient: "李雷", Phone: lisPhone, Address: retail.Address{CountryCode: "CN", Line: "南京东路 1 号"}}
	return &retail.Order{
		ID: "o-" + strings.ToLower(number), Number: number, AccountID: "u-li", Channel: retail.ChannelApp,
		PlacedAt: noon, PayBy: noon.Add(15 * time.Minute), Status: retail.OrderPlacing,
		Lines: []retail.OrderLine{{
			ID: "1", SKU: "10000017", Titles: retail.Text{Chinese: "水", English: "Water"}, Quantity: 2,
			Price: retail.LinePrice{Unit: yuan(1990), Discount: yuan(0), Total: yuan(3980)},
		}},
		Fulfillments: []retail.Fulfillment{{
			ID: "1", Method: retail.MethodShipping, LocationCode: "W-1", Promise: noon.Add(48 * time.Hour),
			Lines: []retail.FulfillmentLine{{LineID: "1", SKU: "10000017", Quantity: 2}},
		}},
		Totals:  retail.Totals{Subtotal: yuan(3980), Delivery: yuan(0), Total: yuan(3980)},
		Contact: retail.Contact{Name: "李雷", Phone: lisPhone}, Address: &home, Note: "请轻放\n谢谢",
	}
}

func (s *site) mustPlace(t testing.TB, number string) *retail.Order {
	t.Helper()
	o := anOrder(number)
	if err := s.PlaceOrder(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return o
}

// mustPay pays the order under a reference.
func (s *site) mustPay(t testing.TB, o *retail.Order, reference, method string) retail.Payment {
	t.Helper()
	p, err := s.Pay(t.Context(), o.Number, retail.Payment{Reference: reference, Method: method, Amount: o.Totals.Total})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func deliveryOf(o *retail.Order) retail.DeliveryRequest {
	f := &o.Fulfillments[0]
	return retail.DeliveryRequest{
		Reference: f.Reference(o.ID), OrderNumber: o.Number, Method: f.Method, LocationCode: f.LocationCode,
		Lines: []retail.ClaimLine{{SKU: "10000017", Quantity: 2}}, Address: *o.Address, Promise: f.Promise,
	}
}
