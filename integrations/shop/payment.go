package shop

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

const (
	maxReason   = 200 // runes
	maxRedirect = 2048
)

type paymentRequest struct {
	Reference string       `json:"reference"`
	Order     string       `json:"order"`
	Amount    moneyMessage `json:"amount"`
	Method    string       `json:"method"`
}

type paymentMessage struct {
	Reference   string        `json:"reference"`
	Amount      *moneyMessage `json:"amount"` // null for one that was voided before the shop met it
	Method      string        `json:"method"`
	Status      string        `json:"status"`
	RedirectURL string        `json:"redirectUrl"`
	Reason      string        `json:"reason"`
	StartedAt   time.Time     `json:"startedAt"`
	SettledAt   *time.Time    `json:"settledAt"`
}

// payment reads an answer about the payment of this reference.
func (c *Client) payment(op string, m *paymentMessage, reference string) (retail.Payment, error) {
	p := retail.Payment{
		Reference: m.Reference, Method: m.Method, Status: retail.PaymentStatus(m.Status), RedirectURL: m.RedirectURL,
		Reason: plain(m.Reason, maxReason), StartedAt: m.StartedAt.UTC(), SettledAt: instant(m.SettledAt),
	}
	ok := m.Reference == reference && !m.StartedAt.IsZero() && (m.RedirectURL == "" || isRedirect(m.RedirectURL))
	switch p.Status {
	case retail.PaymentPending, retail.PaymentSucceeded, retail.PaymentFailed:
		ok = ok && m.Amount != nil && isName(m.Method)
	case retail.PaymentVoided:
	default:
		ok = false
	}
	if ok && m.Amount != nil {
		p.Amount, ok = c.money(*m.Amount)
	}
	if !ok {
		return retail.Payment{}, broken(op)
	}
	return p, nil
}

// isRedirect accepts an address that a shopper may be sent to: a web page or an app, nothing that runs in the page.
func isRedirect(address string) bool {
	u, err := url.Parse(address)
	return err == nil && len(address) <= maxRedirect && u.Host != "" &&
		!slices.Contains([]string{"", "javascript", "data", "vbscript", "file", "blob"}, u.Scheme)
}

// Pay starts a payment or reports on the one that was started under the reference. A payment that was declined is
// FAILED with a reason, no error. CodeNotFound says that the shop does not know the order, CodeConflict that the reference
// paid something else.
func (c *Client) Pay(ctx context.Context, orderNumber string, p retail.Payment) (retail.Payment, error) {
	if err := checkNames(p.Reference, orderNumber, p.Method); err != nil {
		return retail.Payment{}, err
	}
	req := paymentRequest{Reference: p.Reference, Order: orderNumber, Amount: c.wire(p.Amount), Method: p.Method}
	m, err := write[paymentMessage](ctx, c, "pay", http.MethodPost, "/api/v1/payments", req)
	if err != nil {
		return retail.Payment{}, err
	}
	got, err := c.payment("pay", &m, p.Reference)
	if err == nil && got.Status != retail.PaymentVoided && got.Amount != p.Amount {
		return retail.Payment{}, broken("pay")
	}
	return got, err
}

// Payment asks how a payment stands; CodeNotFound when the shop never met it.
func (c *Client) Payment(ctx context.Context, reference string) (retail.Payment, error) {
	path, ok := segment(reference)
	if !ok {
		return retail.Payment{}, notFound("payment")
	}
	m, err := read[paymentMessage](ctx, c, "payment", "/api/v1/payments/"+path, nil)
	if err != nil {
		return retail.Payment{}, err
	}
	return c.payment("payment", &m, reference)
}

// VoidPayment makes sure that a pending payment succeeds no more, and returns how it stands. One that the shop never met
// is remembered as void; it then has no amount.
func (c *Client) VoidPayment(ctx context.Context, reference string) (retail.Payment, error) {
	if err := checkNames(reference); err != nil {
		return retail.Payment{}, err
	}
	m, err := write[paymentMessage](
		ctx, c, "void-payment", http.MethodPost, "/api/v1/payments/"+url.PathEscape(reference)+"/void", struct{}{},
	)
	if err != nil {
		return retail.Payment{}, err
	}
	return c.payment("void-payment", &m, reference)
}

type refundRequest struct {
	Reference string       `json:"reference"`
	Payment   string       `json:"payment"`
	Amount    moneyMessage `json:"amount"`
	Reason    string       `json:"reason"`
}

type refundMessage struct {
	Reference string       `json:"reference"`
	Amount    moneyMessage `json:"amount"`
	Status    string       `json:"status"`
	AskedAt   time.Time    `json:"askedAt"`
	SettledAt *time.Time   `json:"settledAt"`
}

// Refund gives money back, or reports on the refund that was asked under the reference. CodeConflict says that the
// payment has not that much left.
func (c *Client) Refund(ctx context.Context, r retail.Refund) (retail.Refund, error) {
	if err := checkNames(r.Reference, r.PaymentReference); err != nil {
		return retail.Refund{}, err
	}
	m, err := write[refundMessage](ctx, c, "refund", http.MethodPost, "/api/v1/refunds", refundRequest{
		Reference: r.Reference, Payment: r.PaymentReference, Amount: c.wire(r.Amount), Reason: plain(r.Reason, maxReason),
	})
	if err != nil {
		return retail.Refund{}, err
	}
	amount, ok := c.money(m.Amount)
	status := retail.RefundStatus(m.Status)
	if !ok || amount != r.Amount || m.Reference != r.Reference || m.AskedAt.IsZero() ||
		(status != retail.RefundPending && status != retail.RefundSucceeded) {
		return retail.Refund{}, broken("refund")
	}
	r.Status, r.AskedAt, r.SettledAt = status, m.AskedAt.UTC(), instant(m.SettledAt)
	return r, nil
}

// PaymentMethods lists how orders can be paid, as the shop orders them.
func (c *Client) PaymentMethods(ctx context.Context) ([]retail.PaymentMethod, error) {
	m, err := read[struct {
		Methods []json.RawMessage `json:"methods"`
	}](ctx, c, "payment-methods", "/api/v1/payment-methods", nil)
	if err != nil {
		return nil, err
	}
	if m.Methods == nil {
		return nil, retail.BadUpstream(retail.SourceShop, errors.New("shop: methods are missing"))
	}
	list, bad, err := decodeEach[struct {
		Code  string      `json:"code"`
		Title textMessage `json:"title"`
	}](m.Methods)
	if err != nil {
		return nil, err
	}
	methods := make([]retail.PaymentMethod, 0, min(len(list), maxMethods))
	for _, each := range list {
		if !isName(each.Code) || len(methods) == maxMethods {
			bad++
			continue
		}
		methods = append(methods, retail.PaymentMethod{Code: each.Code, Titles: each.Title.text()})
	}
	c.metrics.Quarantine(retail.SourceShop, "payment-method", bad)
	return methods, nil
}

// maxMethods bounds the payment methods that are shown.
const maxMethods = 50
