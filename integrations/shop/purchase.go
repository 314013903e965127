package shop

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
)

const (
	// maxReference bounds what we call an act, and the names that the shop gives, in bytes.
	maxReference = 128
	// maxPurchaseBytes bounds an answer about a purchase. Three bytes of JSON can ask for a whole cart in memory, and the largest
	// answer, a page of orders, is far below.
	maxPurchaseBytes = 2 << 20
)

// read makes one guarded GET about a purchase.
func read[T any](ctx context.Context, c *Client, op, path string, query url.Values) (T, error) {
	r := upstream.Request{Method: http.MethodGet, Path: path, Query: query, Header: http.Header{}, MaxBodyBytes: maxPurchaseBytes}
	a, err := send[T](ctx, c, c.live, op, r, refusal)
	return a.value, err
}

// write makes one guarded change. It is repeated when it may help: the shop does what has one reference, or says the same,
// once.
func write[T any](ctx context.Context, c *Client, op, method, path string, body any) (T, error) {
	r, err := request(method, path, body)
	if err != nil {
		var none T
		return none, err
	}
	r.MaxBodyBytes = maxPurchaseBytes
	a, err := send[T](ctx, c, c.write, op, r, refusal)
	return a.value, err
}

type errorMessage struct {
	Error struct {
		Code string `json:"code"`
	} `json:"error"`
}

// refusal is what an answer of another status than 200 means to a call about a purchase. A 404 counts as the shop's word
// only in the shop's own form: that of a wrong address or a proxy does not say that something does not exist. A 400 is about
// what one caller sent, so it must not open the breaker for all.
func refusal(op string, res *upstream.Response) error {
	var m errorMessage
	if decode(res.Body, &m) == nil {
		switch {
		case res.Status == http.StatusNotFound && m.Error.Code == "NOT_FOUND":
			return said(retail.CodeNotFound, op, res.Status, "there is no such thing in the shop")
		case res.Status == http.StatusConflict && m.Error.Code == "VERSION":
			return said(retail.CodeConflict, op, res.Status, "it was changed meanwhile")
		case res.Status == http.StatusConflict && m.Error.Code != "":
			return said(retail.CodeConflict, op, res.Status, "the shop knows it otherwise")
		case res.Status == http.StatusBadRequest && m.Error.Code == "BAD_REQUEST":
			return said(retail.CodeBadInput, op, res.Status, "the shop does not accept it")
		}
	}
	return unexpected(op, res)
}

func said(code retail.Code, op string, status int, message string) error {
	return &retail.Error{Code: code, Source: retail.SourceShop, Message: message, Err: statusError{op, status}}
}

// segment is a reference or id as a part of a path; ok is false for what can be none.
func segment(name string) (escaped string, ok bool) { return url.PathEscape(name), isName(name) }

// isName accepts what the wire calls a reference: 1 to 128 printable ASCII characters without space.
func isName(s string) bool {
	return s != "" && len(s) <= maxReference && s != "." && s != ".." &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// checkNames refuses references that the wire does not carry.
func checkNames(names ...string) error {
	for _, name := range names {
		if !isName(name) {
			return retail.BadInput("%.40q is no reference", name)
		}
	}
	return nil
}

// notFound is what a name gets that can belong to nothing.
func notFound(what string) error {
	return &retail.Error{Code: retail.CodeNotFound, Source: retail.SourceShop, Message: "there is no such " + what}
}

// broken says that an answer lacks something or speaks of something else.
func broken(op string) error {
	return retail.BadUpstream(retail.SourceShop, fmt.Errorf("shop: %s: the answer is incomplete or out of range", op))
}

// wire writes an amount as the shop reads it; what has no currency is nothing, in the shop's currency.
func (c *Client) wire(m retail.Money) moneyMessage {
	if m.CurrencyCode == "" {
		m.CurrencyCode = c.cfg.Currency
	}
	return moneyMessage{Amount: string(m.Amount()), Currency: m.CurrencyCode}
}

// instant is a moment that may be missing.
func instant(t *time.Time) *time.Time {
	if t == nil || t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}

type lineMessage struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

// plain is a text that is shown, without control characters and within size runes.
func plain(s string, size int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	if runes := []rune(s); len(runes) > size {
		s = string(runes[:size])
	}
	return s
}
