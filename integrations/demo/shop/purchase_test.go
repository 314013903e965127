package shop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/demo/shop"
)

// status is what every answer about money or goods tells.
type status struct {
	Status string `json:"status"`
	Reason string `json:"reason"`
}

const address = `{"id":"","recipient":"","phone":"","countryCode":"","province":"","city":"","district":"","line":"x","postalCode":"","position":null}`

func orderBody(number string) string {
	const amount = `{"amount":"10.00","currency":"CNY"}`
	return `{"orderId":"o-` + number + `","account":"","channel":"WEB","placedAt":"2026-11-22T12:00:00Z","payBy":"2026-11-22T12:15:00Z",` +
		`"status":"PENDING_PAYMENT","allocatedBy":"gateway","lines":[{"sku":"1","title":{},"quantity":1,"unit":` + amount +
		`,"discount":{"amount":"0","currency":"CNY"},"total":` + amount + `}],"subtotal":` + amount + `,"discounts":[],"delivery":{"amount":"0","currency":"CNY"},` +
		`"total":` + amount + `,"coupons":[],"fulfillments":[],"contact":{"name":"","phone":""},"address":null,"note":""}`
}

func paymentBody(reference, method string) string {
	return fmt.Sprintf(`{"reference":%q,"order":"P1","amount":{"amount":"10.00","currency":"CNY"},"method":%q}`, reference, method)
}

func (s *site) placeP1(tb testing.TB) {
	tb.Helper()
	s.mustSend(tb, http.MethodPut, "/api/v1/orders/P1", orderBody("P1"), &struct{}{})
}

func (s *site) requestDelivery(tb testing.TB, reference string) {
	tb.Helper()
	s.mustSend(tb, http.MethodPost, "/api/v1/deliveries", fmt.Sprintf(`{"reference":%q,"order":"P1","method":"SHIPPING","location":"W-1",`+
		`"lines":[{"sku":"1","quantity":1}],"address":%s,"promise":"2026-11-24T12:00:00Z"}`, reference, address), &struct{}{})
}

func (s *site) statusOf(tb testing.TB, path string) string {
	tb.Helper()
	var got status
	s.mustSend(tb, http.MethodGet, "/api/v1/"+path, "", &got)
	return got.Status
}

func TestThirtyTwoPaymentsAtOnceOneSucceeds(t *testing.T) {
	s := startSite(t, shop.Data{})
	s.placeP1(t)
	var paid, declined atomic.Int64
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			var got status
			s.mustSend(t, http.MethodPost, "/api/v1/payments", paymentBody(fmt.Sprint("p-", i), "wallet"), &got)
			switch got {
			case status{"SUCCEEDED", ""}:
				paid.Add(1)
			case status{"FAILED", "the order is paid already"}:
				declined.Add(1)
			}
		})
	}
	group.Wait()
	if paid.Load() != 1 || declined.Load() != 31 {
		t.Errorf("%d succeeded, %d were declined", paid.Load(), declined.Load())
	}
}

func TestThirtyTwoRefundsAtOnceComeToThePayment(t *testing.T) {
	s := startSite(t, shop.Data{})
	s.placeP1(t)
	s.mustSend(t, http.MethodPost, "/api/v1/payments", paymentBody("p-1", "wallet"), &status{})
	var given atomic.Int64
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			body := fmt.Sprintf(`{"reference":"r-%d","payment":"p-1","amount":{"amount":"3.00","currency":"CNY"},"reason":""}`, i)
			got, err := s.send(t, http.MethodPost, "/api/v1/refunds", body)
			switch {
			case err == nil && got.status == http.StatusOK:
				given.Add(300)
			case err != nil || got.status != http.StatusConflict:
				t.Errorf("status %d, %v", got.status, err)
			}
		})
	}
	group.Wait()
	if given.Load() != 900 {
		t.Errorf("%d of 1000 cents were given back in parts of 300", given.Load())
	}
}

func TestSixteenSaversOfACartLoseNothing(t *testing.T) {
	s := startSite(t, shop.Data{})
	s.mustSend(t, http.MethodPost, "/api/v1/carts", `{"reference":"k","owner":"guest:a"}`, &struct{}{})
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			for try := 0; ; try++ {
				var cart struct {
					Version int    `json:"version"`
					Note    string `json:"note"`
				}
				s.mustSend(t, http.MethodGet, "/api/v1/carts/c-1", "", &cart)
				got, err := s.send(t, http.MethodPut, "/api/v1/carts/c-1", fmt.Sprintf(
					`{"reference":"s-%d-%d","version":%d,"owner":"guest:a","note":%q}`, i, try, cart.Version, cart.Note+"x",
				))
				if err != nil || got.status == http.StatusOK {
					return
				}
			}
		})
	}
	group.Wait()
	var cart struct{ Note string }
	s.mustSend(t, http.MethodGet, "/api/v1/carts/c-1", "", &cart)
	if cart.Note != strings.Repeat("x", 16) {
		t.Errorf("note = %q", cart.Note)
	}
}

func TestACancellationWaitsForTheBookingOfAPickup(t *testing.T) {
	s := startSite(t, shop.Data{})
	s.placeP1(t)
	s.requestDelivery(t, "d-1")
	entered, release := make(chan struct{}, 10), make(chan struct{})
	s.OnPickup(func(context.Context, string, []shop.Line) error {
		entered <- struct{}{}
		<-release
		return nil
	})
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if _, err := s.send(t, http.MethodPost, "/admin/deliveries/d-1/advance", ""); err != nil {
				t.Error(err)
			}
		})
	}
	<-entered // by the second step; the first one assigned the courier
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.http.URL+"/api/v1/deliveries/d-1/cancel", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Api-Key", apiKey)
	if res, err := s.http.Client().Do(req); err == nil {
		res.Body.Close()
		t.Errorf("a cancellation was answered with %s while the goods were leaving", res.Status)
	}
	close(release)
	group.Wait()
	if got := s.statusOf(t, "deliveries/d-1"); got != "PICKED_UP" || len(entered) != 0 {
		t.Errorf("the delivery is %s, and was booked %d times more", got, len(entered))
	}
}

func TestAPickupIsBookedOnceWhoeverMovesTheDelivery(t *testing.T) {
	s := startSite(t, shop.Data{})
	s.placeP1(t)
	var booked atomic.Int64
	s.OnPickup(func(context.Context, string, []shop.Line) error { booked.Add(1); return nil })
	for i := range 20 {
		reference := fmt.Sprint("d-", i)
		s.requestDelivery(t, reference)
		before := booked.Load()
		var group sync.WaitGroup
		for range 6 {
			group.Go(func() {
				if _, err := s.send(t, http.MethodPost, "/admin/deliveries/"+reference+"/advance", ""); err != nil {
					t.Error(err)
				}
			})
		}
		group.Go(func() {
			if _, err := s.send(t, http.MethodPost, "/api/v1/deliveries/"+reference+"/cancel", "{}"); err != nil {
				t.Error(err)
			}
		})
		group.Wait()
		got := s.statusOf(t, "deliveries/"+reference)
		if times := booked.Load() - before; (got == "DELIVERED") != (times == 1) || (got == "CANCELLED") != (times == 0) {
			t.Errorf("%s is %s and was booked %d times", reference, got, times)
		}
	}
}

func TestWhileTheBooksAreAwayNothingLeavesOrArrives(t *testing.T) {
	s := startSite(t, shop.Data{Pace: shop.Pace{CourierStep: time.Minute, ReturnArrives: time.Minute}})
	s.placeP1(t)
	var away atomic.Bool
	var left, back atomic.Int64
	book := func(counter *atomic.Int64) shop.Booking {
		return func(context.Context, string, []shop.Line) error {
			if away.Load() {
				return errors.New("away")
			}
			counter.Add(1)
			return nil
		}
	}
	s.OnPickup(book(&left))
	s.OnReturn(book(&back))
	away.Store(true)
	s.requestDelivery(t, "d-1")
	s.mustSend(t, http.MethodPost, "/api/v1/returns", `{"reference":"r-1","order":"P1","location":"W-1","lines":[{"sku":"1","quantity":1}]}`, &struct{}{})
	expect := func(delivery, parcel string) {
		t.Helper()
		s.clock.pass(time.Minute)
		s.Work(t.Context())
		if d, p := s.statusOf(t, "deliveries/d-1"), s.statusOf(t, "returns/r-1"); d != delivery || p != parcel {
			t.Errorf("delivery %s, parcel %s, want %s and %s", d, p, delivery, parcel)
		}
	}
	expect("ASSIGNED", "ANNOUNCED")
	expect("ASSIGNED", "ANNOUNCED")
	if got, err := s.send(t, http.MethodPost, "/admin/deliveries/d-1/advance", ""); err != nil || got.status != http.StatusServiceUnavailable {
		t.Errorf("by hand: %d, %v", got.status, err)
	}
	away.Store(false)
	expect("PICKED_UP", "RECEIVED")
	expect("DELIVERED", "RECEIVED")
	expect("DELIVERED", "RECEIVED")
	if left.Load() != 1 || back.Load() != 1 {
		t.Errorf("booked %d out and %d in", left.Load(), back.Load())
	}
}

func TestASlowRefundTakesItsTime(t *testing.T) {
	s := startSite(t, shop.Data{Pace: shop.Pace{Refund: time.Minute}})
	s.placeP1(t)
	s.mustSend(t, http.MethodPost, "/api/v1/payments", paymentBody("p-1", "wallet"), &status{})
	give := func() string {
		var got status
		s.mustSend(t, http.MethodPost, "/api/v1/refunds", `{"reference":"r-1","payment":"p-1","amount":{"amount":"10","currency":"CNY"},"reason":""}`, &got)
		return got.Status
	}
	if got := give(); got != "PENDING" {
		t.Errorf("at once: %s", got)
	}
	s.clock.pass(time.Minute)
	s.Work(t.Context())
	if got := give(); got != "SUCCEEDED" {
		t.Errorf("a minute later: %s", got)
	}
}

func TestTheShopperDeclinesInTheApp(t *testing.T) {
	s := startSite(t, shop.Data{})
	s.placeP1(t)
	s.mustSend(t, http.MethodPost, "/api/v1/payments", paymentBody("p-1", "redirect"), &status{})
	var got status
	s.mustSend(t, http.MethodPost, "/admin/payments/p-1/decline", "", &got)
	if got.Status != "FAILED" {
		t.Errorf("%+v", got)
	}
	if again, err := s.send(t, http.MethodPost, "/admin/payments/p-1/confirm", ""); err != nil || again.status != http.StatusConflict {
		t.Errorf("confirmed afterwards: %d, %v", again.status, err)
	}
}

func TestHostileRequestsAreRefused(t *testing.T) {
	s := startSite(t, shop.Data{})
	s.placeP1(t)
	long := strings.Repeat("x", 5000)
	for name, tc := range map[string]struct {
		method, path, body string
		status             int
	}{
		"a payment of nothing":           {"POST", "payments", strings.Replace(paymentBody("p", "wallet"), "10.00", "0.00", 1), 400},
		"a payment of less than nothing": {"POST", "payments", strings.Replace(paymentBody("p", "wallet"), "10.00", "-1", 1), 400},
		"a payment without a reference":  {"POST", "payments", paymentBody("", "wallet"), 400},
		"a payment of no order":          {"POST", "payments", strings.Replace(paymentBody("p", "wallet"), "P1", "P2", 1), 404},
		"a payment with more to say":     {"POST", "payments", `{"more":1}`, 400},
		"a void of two dots":             {"POST", "payments/%2E%2E/void", `{}`, 400},
		"a void of a space":              {"POST", "payments/%20/void", `{}`, 400},
		"a cart of nobody":               {"POST", "carts", `{"reference":"k","owner":""}`, 400},
		"a cart of a control character":  {"POST", "carts", `{"reference":"k","owner":"\u0007"}`, 400},
		"a change of no cart":            {"PUT", "carts/c-9", `{"reference":"k","owner":"a","version":1}`, 404},
		"a cart with a huge note":        {"PUT", "carts/c-9", `{"reference":"k","owner":"a","version":1,"note":"` + long + `"}`, 400},
		"a cart line of minus one":       {"PUT", "carts/c-9", `{"reference":"k","owner":"a","lines":[{"sku":"1","quantity":-1}]}`, 400},
		"a hundred and one lines":        {"PUT", "carts/c-9", `{"reference":"k","owner":"a","lines":[` + strings.Repeat(`{"sku":"1","quantity":1},`, 100) + `{"sku":"1","quantity":1}]}`, 400},
		"an account with a bad phone":    {"POST", "accounts", `{"reference":"a","profile":{"phone":"1380"}}`, 400},
		"an account verified by nothing": {"POST", "accounts", `{"reference":"a","profile":{"phoneVerified":true}}`, 400},
		"an account born on no day":      {"POST", "accounts", `{"reference":"a","profile":{"birthday":"1990-02-30"}}`, 400},
		"a change of no account":         {"PUT", "accounts/u-9", `{}`, 404},
		"an order allocated by the shop": {"PUT", "orders/P2", strings.Replace(orderBody("P2"), "gateway", "shop", 1), 400},
		"an order paid already":          {"PUT", "orders/P2", strings.Replace(orderBody("P2"), "PENDING_PAYMENT", "PAID", 1), 400},
		"an order in two currencies":     {"PUT", "orders/P2", strings.Replace(orderBody("P2"), "CNY", "USD", 1), 400},
		"an order of an unknown account": {"PUT", "orders/P2", strings.Replace(orderBody("P2"), `"account":""`, `"account":"u-9"`, 1), 404},
		"an order with a long number":    {"PUT", "orders/" + strings.Repeat("9", 65), orderBody("P2"), 400},
		"a status that is none":          {"POST", "orders/P1/status", `{"status":"LOST","at":"2026-11-22T12:00:00Z"}`, 400},
		"a status at no time":            {"POST", "orders/P1/status", `{"status":"PAID"}`, 400},
		"a delivery to nowhere":          {"POST", "deliveries", `{"reference":"d","order":"P1","method":"SHIPPING","location":"W-1","lines":[{"sku":"1","quantity":1}]}`, 400},
		"a delivery of nothing":          {"POST", "deliveries", `{"reference":"d","order":"P1","method":"SHIPPING","location":"W-1","address":` + address + `}`, 400},
		"a return of nothing":            {"POST", "returns", `{"reference":"r","order":"P1","location":"W-1"}`, 400},
		"a return of no order":           {"POST", "returns", `{"reference":"r","order":"P2","location":"W-1","lines":[{"sku":"1","quantity":1}]}`, 404},
		"a refund of nothing":            {"POST", "refunds", `{"reference":"r","payment":"p","amount":{"amount":"0","currency":"CNY"}}`, 400},
		"a refund of no payment":         {"POST", "refunds", `{"reference":"r","payment":"p","amount":{"amount":"1","currency":"CNY"}}`, 404},
		"a code for no phone":            {"POST", "verifications", `{"reference":"v","phone":"112"}`, 400},
		"a list beyond the limit":        {"GET", "accounts/u-1/orders?limit=101", ``, 400},
		"a list from no instant":         {"GET", "accounts/u-1/orders?at=yesterday", ``, 400},
		"a list of no account":           {"GET", "accounts/u-1/orders", ``, 404},
	} {
		got, err := s.send(t, tc.method, "/api/v1/"+tc.path, tc.body)
		var refusal struct {
			Error struct{ Code, Message string }
		}
		if err != nil || got.status != tc.status || json.Unmarshal(got.body, &refusal) != nil || refusal.Error.Code == "" {
			t.Errorf("%s: %d %s, %v, want %d", name, got.status, got.body, err, tc.status)
		}
	}
}

func TestTheAdminSideNeedsNoKeyAndKnowsNoFaults(t *testing.T) {
	s := startSite(t, shop.Data{})
	s.mustSet(t, faults.State{Down: true})
	if got, err := s.send(t, http.MethodGet, "/admin/messages?phone=%2B8613800000001", "", "X-Api-Key", ""); err != nil || got.status != http.StatusOK {
		t.Errorf("messages: %d, %v", got.status, err)
	}
	if got, err := s.send(t, http.MethodPost, "/admin/payments/p/confirm", "", "X-Api-Key", ""); err != nil || got.status != http.StatusNotFound {
		t.Errorf("confirm: %d, %v", got.status, err)
	}
}

func TestRunSettlesWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := shop.New(shop.Data{Pace: shop.Pace{SlowPayment: 3 * time.Second}}, time.Now, faults.NewBoard(1))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- server.Run(ctx) }()
		handler := server.Handler()
		ask := func(method, path, body string) string {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(method, "/api/v1/"+path, strings.NewReader(body)))
			var got status
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
			return got.Status
		}
		ask(http.MethodPut, "orders/P1", orderBody("P1"))
		ask(http.MethodPost, "payments", paymentBody("p-1", "slow"))
		for _, step := range []struct {
			wait time.Duration
			want string
		}{{2999 * time.Millisecond, "PENDING"}, {2 * time.Millisecond, "SUCCEEDED"}} {
			if err := faults.Pause(t.Context(), step.wait); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := ask(http.MethodGet, "payments/p-1", ""); got != step.want {
				t.Errorf("after another %v: %s, want %s", step.wait, got, step.want)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestRunSendsEventsToWhoeverListens(t *testing.T) {
	heard := make(chan string, 10)
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		heard <- r.Method + " " + r.Header.Get("Content-Type")
	}))
	t.Cleanup(listener.Close)
	s := startSite(t, shop.Data{})
	s.placeP1(t) // nobody listens yet
	s.SetWebhook(listener.URL, []byte("secret"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	s.mustSend(t, http.MethodPost, "/api/v1/payments", paymentBody("p-1", "twice"), &status{})
	for range 2 {
		if got := <-heard; got != "POST application/json" {
			t.Errorf("heard %q", got)
		}
	}
	cancel()
	if err := <-done; err != nil || len(heard) != 0 {
		t.Errorf("Run = %v, %d events more", err, len(heard))
	}
}
