package shop_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/integrations/shop"
	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
)

// Answers that are good as they stand; the tests spoil them one word at a time.
const (
	okAccount = `{"id":"u-1","profile":{"name":"Li","phone":"+8613800000001","phoneVerified":true,"birthday":"1990-05-01"},"preferredStore":"S-1",` +
		`"addresses":[{"id":"d-1","line":"x","position":{"latitude":1,"longitude":2}}],"updatedAt":"` + asOf + `"}`
	okCart = `{"id":"c-1","owner":"guest:a","version":7,"lines":[{"id":"1","sku":"100","quantity":2,"method":"PICKUP","location":"S-1",` +
		`"seenPrice":{"amount":"1.00","currency":"CNY"}}],"coupons":[],"address":null,"note":"","orderId":"","updatedAt":"` + asOf + `"}`
	okOrder   = `{"number":"P1","placedAt":"` + asOf + `","status":"PAID","total":{"amount":"1.00","currency":"CNY"},"lines":[{"sku":"100","quantity":1,"total":{"amount":"1.00","currency":"CNY"}}]}`
	okPayment = `{"reference":"p-1","order":"P1","amount":{"amount":"1.00","currency":"CNY"},"method":"wallet","status":"PENDING",` +
		`"redirectUrl":"https://pay.example/1","reason":"","startedAt":"` + asOf + `","settledAt":null}`
	okRefund   = `{"reference":"r-1","payment":"p-1","amount":{"amount":"1.00","currency":"CNY"},"status":"SUCCEEDED","askedAt":"` + asOf + `"}`
	okDelivery = `{"reference":"d-1","order":"P1","status":"ASSIGNED","courier":{"name":"Wang","phone":"1"},"trackingNo":"T","at":"` + asOf + `","estimateAt":null}`
	okReturn   = `{"reference":"r-1","status":"RECEIVED","receivedAt":"` + asOf + `"}`
)

// calls are one call for each kind of answer.
func calls(t *testing.T, h http.Handler) map[string]func() error {
	c := newShop(t, h)
	ctx := t.Context()
	return map[string]func() error{
		"account":  func() error { return second(c.Account(ctx, "u-1")) },
		"accounts": func() error { return second(c.FindAccounts(ctx, "+8613800000001", "")) },
		"cart":     func() error { return second(c.Cart(ctx, "c-1")) },
		"cart of":  func() error { return second(c.CartOf(ctx, "guest:a")) },
		"save": func() error {
			return second(c.SaveCart(ctx, "s-1", &retail.Cart{ID: "c-1", Version: 6, Owner: "guest:a"}))
		},
		"orders": func() error { return second(c.Orders(ctx, "u-1", nil, 2)) },
		"place":  func() error { return c.PlaceOrder(ctx, &retail.Order{ID: "o-1", Number: "P1"}) },
		"pay": func() error {
			return second(c.Pay(ctx, "P1", retail.Payment{Reference: "p-1", Method: "wallet", Amount: yuan(100)}))
		},
		"payment": func() error { return second(c.Payment(ctx, "p-1")) },
		"refund": func() error {
			return second(c.Refund(ctx, retail.Refund{Reference: "r-1", PaymentReference: "p-1", Amount: yuan(100)}))
		},
		"delivery": func() error { return second(c.Delivery(ctx, "d-1")) },
		"return":   func() error { _, _, err := c.ReturnReceived(ctx, "r-1"); return err },
		"methods":  func() error { return second(c.PaymentMethods(ctx)) },
		"check":    func() error { return second(c.CheckCode(ctx, "c-1", "+8613800000001", "1")) },
		"send":     func() error { return c.SendCode(ctx, "v-1", "+8613800000001") },
	}
}

func TestGoodAnswersAreTaken(t *testing.T) {
	for call, body := range map[string]string{
		"account": okAccount, "accounts": `{"accounts":[` + okAccount + `]}`, "cart": okCart, "cart of": `{"carts":[` + okCart + `]}`, "save": okCart,
		"orders": `{"orders":[` + okOrder + `]}`, "place": okOrder, "pay": okPayment, "payment": okPayment, "refund": okRefund,
		"delivery": okDelivery, "return": okReturn, "methods": `{"methods":[{"code":"w","title":{"en":"W"}}]}`,
		"check": `{"accepted":false}`, "send": `{"expiresAt":"` + asOf + `"}`,
	} {
		if err := calls(t, says(body))[call](); err != nil {
			t.Errorf("%s: %v", call, err)
		}
	}
}

func TestAnswersThatCannotBeAreRefused(t *testing.T) {
	swap := strings.Replace
	for name, tc := range map[string]struct{ call, body string }{
		"an account of somebody else":             {"account", swap(okAccount, "u-1", "u-2", 1)},
		"an account without a profile":            {"account", swap(okAccount, "profile", "profil", 1)},
		"an account without a date":               {"account", swap(okAccount, "updatedAt", "updated", 1)},
		"an account with an address beyond earth": {"account", swap(okAccount, `"latitude":1`, `"latitude":91`, 1)},
		"an account with a nameless address":      {"account", swap(okAccount, "d-1", "", 1)},
		"an account with a birthday in no year":   {"account", swap(okAccount, "1990-05-01", "1990-13-01", 1)},
		"an account with a store of no code":      {"account", swap(okAccount, "S-1", "S 1", 1)},
		"an account with too many addresses":      {"account", swap(okAccount, `"addresses":[`, `"addresses":[`+strings.Repeat(`{"id":"d"},`, 20), 1)},
		"an account with a number for a name":     {"account", swap(okAccount, `"Li"`, `7`, 1)},
		"accounts, one of another phone":          {"accounts", `{"accounts":[` + okAccount + `,` + swap(okAccount, "+8613800000001", "+8613800000002", 1) + `]}`},
		"accounts, one of an unverified phone":    {"accounts", `{"accounts":[` + swap(okAccount, "true", "false", 1) + `]}`},
		"accounts, one unreadable":                {"accounts", `{"accounts":[` + okAccount + `,7]}`},
		"accounts without a list":                 {"accounts", `{}`},
		"more accounts than asked":                {"accounts", `{"accounts":[` + strings.Repeat(okAccount+`,`, 10) + okAccount + `]}`},
		"a cart of another id":                    {"cart", swap(okCart, "c-1", "c-2", 1)},
		"a cart without an owner":                 {"cart", swap(okCart, "guest:a", "", 1)},
		"a cart without a version":                {"cart", swap(okCart, `"version":7`, `"version":0`, 1)},
		"a cart with a line of nothing":           {"cart", swap(okCart, `"quantity":2`, `"quantity":0`, 1)},
		"a cart with a line of too much":          {"cart", swap(okCart, `"quantity":2`, `"quantity":100001`, 1)},
		"a cart with a SKU of no form":            {"cart", swap(okCart, `"sku":"100"`, `"sku":"1 0"`, 1)},
		"a cart with a method nobody knows":       {"cart", swap(okCart, "PICKUP", "PIGEON", 1)},
		"two open carts":                          {"cart of", `{"carts":[` + okCart + `,` + okCart + `]}`},
		"somebody else's cart":                    {"cart of", `{"carts":[` + swap(okCart, "guest:a", "guest:b", 1) + `]}`},
		"a closed cart as the open one":           {"cart of", `{"carts":[` + swap(okCart, `"orderId":""`, `"orderId":"o-1"`, 1) + `]}`},
		"orders without a list":                   {"orders", `{"orders":null}`},
		"more orders than asked":                  {"orders", `{"orders":[` + okOrder + `,` + okOrder + `,` + okOrder + `]}`},
		"not one order readable":                  {"orders", `{"orders":[1,2]}`},
		"another order placed":                    {"place", swap(okOrder, "P1", "P2", 1)},
		"a payment of another reference":          {"payment", swap(okPayment, "p-1", "p-2", 1)},
		"a payment of no known status":            {"payment", swap(okPayment, "PENDING", "MAYBE", 1)},
		"a payment without an amount":             {"payment", swap(okPayment, `{"amount":"1.00","currency":"CNY"}`, "null", 1)},
		"a payment in another currency":           {"payment", swap(okPayment, "CNY", "USD", 1)},
		"a payment of less than nothing":          {"payment", swap(okPayment, "1.00", "-1.00", 1)},
		"a payment without a beginning":           {"payment", swap(okPayment, "startedAt", "started", 1)},
		"a payment of another amount than asked":  {"pay", swap(okPayment, "1.00", "1.01", 1)},
		"a redirect that runs in the page":        {"payment", swap(okPayment, "https://pay.example/1", "javascript://pay.example/%0aalert(1)", 1)},
		"a redirect to nowhere":                   {"payment", swap(okPayment, "https://pay.example/1", "/relative", 1)},
		"a redirect beyond measure":               {"payment", swap(okPayment, "https://pay.example/1", "https://pay.example/"+strings.Repeat("1", 2048), 1)},
		"a refund of another amount":              {"refund", swap(okRefund, "1.00", "0.99", 1)},
		"a refund of another reference":           {"refund", swap(okRefund, "r-1", "r-2", 1)},
		"a refund that failed":                    {"refund", swap(okRefund, "SUCCEEDED", "FAILED", 1)},
		"a delivery of another reference":         {"delivery", swap(okDelivery, "d-1", "d-2", 1)},
		"a delivery of no known status":           {"delivery", swap(okDelivery, "ASSIGNED", "LOST", 1)},
		"a delivery without an instant":           {"delivery", swap(okDelivery, `"at":`, `"on":`, 1)},
		"a parcel received at no time":            {"return", swap(okReturn, "receivedAt", "received", 1)},
		"a parcel of another reference":           {"return", swap(okReturn, "r-1", "r-2", 1)},
		"a parcel of no known status":             {"return", swap(okReturn, "RECEIVED", "EATEN", 1)},
		"methods without a list":                  {"methods", `{}`},
		"a check without an answer":               {"check", `{}`},
		"a code that is sent for ever":            {"send", `{}`},
		"HTML":                                    {"payment", `<html>`},
		"half an answer":                          {"pay", okPayment[:40]},
		"something behind the answer":             {"cart", okCart + okCart},
		"a huge answer":                           {"cart", swap(okCart, `"note":""`, `"note":"`+strings.Repeat("x", 2<<20)+`"`, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			err := calls(t, says(tc.body))[tc.call]()
			var e *retail.Error
			if !errors.As(err, &e) || e.Code != retail.CodeBadUpstream || e.Source != retail.SourceShop {
				t.Errorf("%s: %v, want %s of the shop", tc.call, err, retail.CodeBadUpstream)
			}
		})
	}
}

func TestWhatTheShopRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		code   retail.Code
		retry  bool
	}{
		"there is no such thing":       {404, `{"error":{"code":"NOT_FOUND","message":"secret detail"}}`, retail.CodeNotFound, false},
		"a 404 of a proxy":             {404, `<html>`, retail.CodeBadUpstream, false},
		"a 404 of another word":        {404, `{"error":{"code":"NO_ROUTE"}}`, retail.CodeBadUpstream, false},
		"another version":              {409, `{"error":{"code":"VERSION"}}`, retail.CodeConflict, false},
		"another content":              {409, `{"error":{"code":"CONFLICT"}}`, retail.CodeConflict, false},
		"more than there is":           {409, `{"error":{"code":"EXCEEDS"}}`, retail.CodeConflict, false},
		"a 409 without a word":         {409, `{}`, retail.CodeBadUpstream, false},
		"what it cannot read":          {400, `{"error":{"code":"BAD_REQUEST"}}`, retail.CodeBadInput, false},
		"what no shop says":            {400, `no`, retail.CodeBadUpstream, false},
		"another key":                  {401, `{"error":{"code":"UNAUTHORIZED"}}`, retail.CodeUpstreamUnavailable, false},
		"too many requests":            {429, ``, retail.CodeUpstreamUnavailable, true},
		"everything, being overloaded": {503, ``, retail.CodeUpstreamUnavailable, true},
		"nothing, but answers 204":     {204, ``, retail.CodeBadUpstream, false},
	} {
		t.Run(name, func(t *testing.T) {
			for call, do := range calls(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			})) {
				if call == "methods" && tc.status < 429 {
					continue // a list that is not about anything
				}
				err := do()
				var e *retail.Error
				if !errors.As(err, &e) || e.Code != tc.code || e.Retryable != tc.retry || e.Source != retail.SourceShop ||
					strings.Contains(e.Message, "secret") {
					t.Errorf("%s: %v, want %s of the shop, retryable %v", call, err, tc.code, tc.retry)
				}
			}
		})
	}
}

func TestABadOrderIsLeftOutOfTheList(t *testing.T) {
	older := strings.Replace(strings.Replace(okOrder, asOf, "2026-11-20T00:00:00Z", 1), "P1", "P0", 1)
	for name, bad := range map[string]string{
		"no object":            `7`,
		"no number":            strings.Replace(okOrder, "P1", "", 1),
		"a line of nothing":    strings.Replace(okOrder, `"quantity":1`, `"quantity":0`, 1),
		"an amount of no sort": strings.Replace(okOrder, "1.00", "1,00", 1),
		"no status":            strings.Replace(okOrder, "PAID", "", 1),
		"one that comes twice": okOrder,
		"one out of order":     strings.Replace(okOrder, asOf, "2027-01-01T00:00:00Z", 1),
	} {
		c := newShop(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			page := `{"orders":[` + okOrder + `,` + bad + `,` + older + `]}`
			if r.URL.Query().Has("at") {
				page = `{"orders":[]}`
			}
			_, _ = io.WriteString(w, page)
		}))
		list, err := c.Orders(t.Context(), "u-1", nil, 3)
		var got []string
		for _, o := range list {
			got = append(got, o.Number)
		}
		if diff := cmp.Diff([]string{"P1", "P0"}, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestAShopThatGoesRoundEndsTheWalk(t *testing.T) {
	pages := 0
	c := newShop(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		pages++
		_, _ = io.WriteString(w, `{"orders":[`+strings.Repeat(okOrder+`,`, 99)+okOrder+`]}`)
	}))
	list, err := c.Orders(t.Context(), "u-1", nil, 1000)
	if err != nil || len(list) != 1 || pages > 2 {
		t.Errorf("%d orders from %d pages, %v", len(list), pages, err)
	}
}

func TestWritesAreRepeatedWhenTheyCarryAReference(t *testing.T) {
	for call, tc := range map[string]struct {
		body  string
		tries int
	}{"pay": {okPayment, 2}, "save": {okCart, 2}, "place": {okOrder, 2}, "update": {okAccount, 1}} {
		tries := 0
		c := newGuardedShop(t, upstream.Config{}, func(w http.ResponseWriter, _ *http.Request) {
			if tries++; tries == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			_, _ = io.WriteString(w, tc.body)
		})
		var err error
		switch call {
		case "pay":
			_, err = c.Pay(t.Context(), "P1", retail.Payment{Reference: "p-1", Method: "wallet", Amount: yuan(100)})
		case "save":
			_, err = c.SaveCart(t.Context(), "s-1", &retail.Cart{ID: "c-1", Version: 6, Owner: "guest:a"})
		case "place":
			err = c.PlaceOrder(t.Context(), &retail.Order{ID: "o-1", Number: "P1"})
		case "update":
			_, err = c.UpdateAccount(t.Context(), retail.Account{ID: "u-1"})
		}
		if tries != tc.tries || (err == nil) != (tc.tries == 2) {
			t.Errorf("%s: %d tries, %v", call, tries, err)
		}
	}
}

func TestFailingWritesDoNotShutTheDoorToReads(t *testing.T) {
	writes := 0
	c := newGuardedShop(t, upstream.Config{OpenAfter: 3, MaxAttempts: 1, OpenFor: 5 * time.Second}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, okPayment)
			return
		}
		writes++
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	for range 10 {
		if _, err := c.VoidPayment(t.Context(), "p-1"); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
			t.Fatal(err)
		}
	}
	if _, err := c.Payment(t.Context(), "p-1"); err != nil || writes != 3 || c.Status() != retail.StatusOK {
		t.Errorf("after %d writes: %v, %s", writes, err, c.Status())
	}
}

// newGuardedShop is newShop with the guards as they are, but for that of writes.
func newGuardedShop(t *testing.T, write upstream.Config, h http.HandlerFunc) *shop.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := shop.New(shop.Config{HTTP: upstream.HTTPConfig{URL: server.URL}, APIKey: "k", Write: write},
		func() []string { return nil }, upstream.NewMetrics(prometheus.NewRegistry()), func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
