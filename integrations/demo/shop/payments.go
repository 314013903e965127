// Payments. The method decides what happens: see "The demo shop's desk" in docs/wires.md.

package shop

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Payment methods.
const (
	methodWallet   = "wallet"
	methodDecline  = "decline"
	methodSlow     = "slow"
	methodSilent   = "silent"
	methodTwice    = "twice"
	methodRedirect = "redirect"
)

type paymentMethod struct {
	Code  string `json:"code"`
	Title Text   `json:"title"`
}

func paymentMethods() []paymentMethod {
	return []paymentMethod{
		{methodWallet, Text{"钱包", "Wallet"}},
		{methodRedirect, Text{"跳转支付", "Pay in the wallet app"}},
		{methodSlow, Text{"慢速支付", "Settles later"}},
		{methodSilent, Text{"无应答支付", "Never answers"}},
		{methodTwice, Text{"重复通知支付", "Tells twice"}},
		{methodDecline, Text{"拒付", "Always declines"}},
	}
}

// Statuses of payments and refunds.
const (
	pending   = "PENDING"
	succeeded = "SUCCEEDED"
	failed    = "FAILED"
	voided    = "VOIDED"
)

// payment is one attempt to pay. One that was voided before the shop met it has no order and no amount.
type payment struct {
	Reference   string     `json:"reference"`
	Order       string     `json:"order"`
	Amount      *Money     `json:"amount"`
	Method      string     `json:"method"`
	Status      string     `json:"status"`
	RedirectURL string     `json:"redirectUrl"`
	Reason      string     `json:"reason"`
	StartedAt   time.Time  `json:"startedAt"`
	SettledAt   *time.Time `json:"settledAt"`
}

type money struct {
	payments *memory[*payment]
	ofOrder  map[string][]*payment
	refunds  *memory[*refund]
	given    map[string]int64 // refunded or to be, in thousandths, by payment
}

func newMoney() money {
	return money{
		payments: newMemory[*payment](remembered), ofOrder: map[string][]*payment{},
		refunds: newMemory[*refund](remembered), given: map[string]int64{},
	}
}

func (m *money) keep(p *payment) {
	if old, full := m.payments.keep(p.Reference, p); full {
		delete(m.ofOrder, old.Order)
		delete(m.given, old.Reference)
	}
}

func (s *Server) listPaymentMethods(w http.ResponseWriter, r *http.Request) error {
	return writeRead(w, r, map[string]any{"methods": paymentMethods()})
}

type paymentRequest struct {
	Reference string `json:"reference"`
	Order     string `json:"order"`
	Amount    Money  `json:"amount"`
	Method    string `json:"method"`
}

func (s *Server) postPayment(w http.ResponseWriter, r *http.Request) error {
	var req paymentRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if n, ok := req.Amount.thousandths(); !isReference(req.Reference) || !isCode(req.Method) || !ok || n == 0 {
		return badRequest("a payment needs a reference, a method and an amount above 0")
	}
	made, err := s.pay(&req, r.Host)
	switch {
	case err != nil:
		return err
	case made.Method == methodSilent:
		panic(http.ErrAbortHandler) // the answer is lost, each time
	}
	return writeJSON(w, made)
}

// pay starts a payment, or returns the one that was started under the reference.
func (s *Server) pay(req *paymentRequest, host string) (payment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.money.payments.known[req.Reference]; known != nil {
		if known.Amount != nil && (known.Order != req.Order || known.Method != req.Method || !known.Amount.equals(req.Amount)) {
			return payment{}, conflict("the reference has paid something else")
		}
		return *known, nil
	}
	bought := s.sales.known.known[req.Order]
	if bought == nil {
		return payment{}, missing("order", req.Order)
	}
	p := &payment{
		Reference: req.Reference, Order: req.Order, Amount: &req.Amount, Method: req.Method,
		Status: pending, StartedAt: s.now().UTC(),
	}
	s.money.keep(p)
	s.money.ofOrder[p.Order] = append(s.money.ofOrder[p.Order], p)
	switch {
	case bought.order.Status == cancelled:
		s.settle(p, failed, "the order is closed")
	case !bought.order.Total.equals(req.Amount):
		s.settle(p, failed, "the order comes to another amount")
	default:
		s.begin(p, host)
	}
	return *p, nil
}

// begin does what the method does.
func (s *Server) begin(p *payment, host string) {
	switch p.Method {
	case methodWallet, methodSilent, methodTwice:
		s.settle(p, succeeded, "")
	case methodDecline:
		s.settle(p, failed, "insufficient funds")
	case methodSlow:
		s.agenda.plan(s.now().Add(s.pace.SlowPayment), func(context.Context) time.Duration {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.settle(p, succeeded, "")
			return 0
		})
	case methodRedirect:
		base := s.publicURL
		if base == "" {
			base = "http://" + host
		}
		p.RedirectURL = base + "/admin/payments/" + url.PathEscape(p.Reference) + "/confirm"
		if s.paid(p.Order) {
			s.settle(p, failed, "the order is paid already")
		}
	default:
		s.settle(p, failed, "there is no such payment method")
	}
}

// settle ends a pending payment; an order is paid once.
func (s *Server) settle(p *payment, status, reason string) {
	if p.Status != pending {
		return
	}
	if status == succeeded && s.paid(p.Order) {
		status, reason = failed, "the order is paid already"
	}
	now := s.now().UTC()
	p.Status, p.Reason, p.SettledAt = status, reason, &now
	copies := 1
	if p.Method == methodTwice {
		copies = 2
	}
	s.events.emit(kindPayment, p.Order, p.Reference, now, copies)
}

func (s *Server) paid(order string) bool {
	for _, p := range s.money.ofOrder[order] {
		if p.Status == succeeded {
			return true
		}
	}
	return false
}

func (s *Server) getPayment(w http.ResponseWriter, r *http.Request) error {
	reference := r.PathValue("reference")
	return s.answerRead(w, r, func() (any, error) {
		p := s.money.payments.known[reference]
		if p == nil {
			return nil, missing("payment", reference)
		}
		return p, nil
	})
}

func (s *Server) voidPayment(w http.ResponseWriter, r *http.Request) error {
	reference := r.PathValue("reference")
	if !isReference(reference) {
		return badRequest("a payment has a reference")
	}
	return s.answer(w, func() (any, error) {
		p := s.money.payments.known[reference]
		if p == nil {
			now := s.now().UTC()
			p = &payment{Reference: reference, Status: voided, StartedAt: now, SettledAt: &now}
			s.money.keep(p)
		}
		s.settle(p, voided, "")
		return p, nil
	})
}

func (s *Server) confirmPayment(w http.ResponseWriter, r *http.Request) error {
	return s.answerPayment(w, r, succeeded, "")
}

func (s *Server) declinePayment(w http.ResponseWriter, r *http.Request) error {
	return s.answerPayment(w, r, failed, "the shopper declined")
}

// answerPayment is the shopper in the wallet app.
func (s *Server) answerPayment(w http.ResponseWriter, r *http.Request, status, reason string) error {
	reference := r.PathValue("reference")
	return s.answer(w, func() (any, error) {
		p := s.money.payments.known[reference]
		switch {
		case p == nil:
			return nil, missing("payment", reference)
		case p.Status != pending:
			return nil, conflict("the payment is %s", p.Status)
		}
		s.settle(p, status, reason)
		return p, nil
	})
}
