package shop

import (
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
)

// FuzzPurchaseAnswers reads bytes as each answer about a purchase; what is accepted must be possible.
func FuzzPurchaseAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"id":"c-1","owner":"guest:a","version":7,"lines":[{"id":"1","sku":"100","quantity":2,"method":"PICKUP","location":"S-1",` +
			`"seenPrice":{"amount":"1.00","currency":"CNY"}}],"coupons":["K"],"address":{"position":{"latitude":1,"longitude":2}},"updatedAt":"2026-11-22T05:00:00Z"}`,
		`{"id":"u-1","profile":{"phone":"+861","phoneVerified":true,"birthday":"1990-05-01"},"addresses":[{"id":"d-1"}],"updatedAt":"2026-11-22T05:00:00Z"}`,
		`{"number":"P1","placedAt":"2026-11-22T05:00:00Z","status":"PAID","total":{"amount":"1.00","currency":"CNY"},"lines":[{"sku":"100","quantity":1,` +
			`"total":{"amount":"1.00","currency":"CNY"}}]}`,
		`{"reference":"r","amount":{"amount":"1.00","currency":"CNY"},"method":"wallet","status":"SUCCEEDED","redirectUrl":"https://pay.example/1",` +
			`"startedAt":"2026-11-22T05:00:00Z","settledAt":null}`,
		`{"reference":"r","status":"RECEIVED","receivedAt":"2026-11-22T05:00:00Z","at":"2026-11-22T05:00:00Z"}`,
	} {
		f.Add([]byte(seed))
	}
	c := &Client{cfg: Config{}.withDefaults()}
	f.Fuzz(func(t *testing.T, doc []byte) {
		fuzzCart(t, c, doc)
		fuzzPeople(t, doc)
		fuzzMoney(t, c, doc)
		fuzzGoods(t, doc)
	})
}

func fuzzCart(t *testing.T, c *Client, doc []byte) {
	t.Helper()
	var m cartMessage
	if decode(doc, &m) != nil {
		return
	}
	cart, err := c.cart("fuzz", "", &m)
	if err != nil {
		return
	}
	for _, l := range cart.Lines {
		if l.Quantity < 1 || l.Quantity > maxCartQuantity || !retail.ValidSKU(l.SKU) || !l.Method.Valid() || l.SeenPrice.Minor < 0 {
			t.Fatalf("impossible line %+v", l)
		}
	}
	if cart.ID == "" || cart.Owner == "" || cart.Version < 1 || len(cart.Lines) > maxCartLines {
		t.Fatalf("impossible cart %+v", cart)
	}
}

func fuzzPeople(t *testing.T, doc []byte) {
	t.Helper()
	var m accountMessage
	if decode(doc, &m) != nil {
		return
	}
	if a, ok := m.account(); ok && (a.ID == "" || a.UpdatedAt.IsZero() || (a.Profile.PhoneVerified && a.Profile.Phone == "")) {
		t.Fatalf("impossible account %+v", a)
	}
}

func fuzzMoney(t *testing.T, c *Client, doc []byte) {
	t.Helper()
	var payment paymentMessage
	if decode(doc, &payment) == nil {
		p, err := c.payment("fuzz", &payment, payment.Reference)
		if err == nil && (p.Amount.Minor < 0 || (p.Status != retail.PaymentVoided && p.Amount.CurrencyCode != c.cfg.Currency)) {
			t.Fatalf("impossible payment %+v", p)
		}
	}
	var order shopOrderMessage
	if decode(doc, &order) != nil {
		return
	}
	o, ok := order.order()
	if !ok {
		return
	}
	if o.Number == "" || o.Total.Minor < 0 || o.PlacedAt.IsZero() {
		t.Fatalf("impossible order %+v", o)
	}
	for _, l := range o.Lines {
		if l.Quantity < 1 || l.Total.Minor < 0 {
			t.Fatalf("impossible line %+v", l)
		}
	}
}

func fuzzGoods(t *testing.T, doc []byte) {
	t.Helper()
	var delivery deliveryMessage
	if decode(doc, &delivery) == nil {
		if s, err := delivery.state("fuzz", delivery.Reference); err == nil && (s.Status == "" || s.At.IsZero()) {
			t.Fatalf("impossible delivery %+v", s)
		}
	}
	var parcel returnMessage
	if decode(doc, &parcel) == nil {
		if at, received, err := parcel.received("fuzz", parcel.Reference); err == nil && received != (at != time.Time{}) {
			t.Fatalf("impossible parcel: %v, %v", at, received)
		}
	}
}
