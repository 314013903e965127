// Refunds never come to more than their payment.

package shop

import (
	"context"
	"net/http"
	"time"
)

type refund struct {
	Reference string     `json:"reference"`
	Payment   string     `json:"payment"`
	Amount    Money      `json:"amount"`
	Reason    string     `json:"reason"`
	Status    string     `json:"status"`
	AskedAt   time.Time  `json:"askedAt"`
	SettledAt *time.Time `json:"settledAt"`
}

type refundRequest struct {
	Reference string `json:"reference"`
	Payment   string `json:"payment"`
	Amount    Money  `json:"amount"`
	Reason    string `json:"reason"`
}

func (s *Server) postRefund(w http.ResponseWriter, r *http.Request) error {
	var req refundRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	amount, ok := req.Amount.thousandths()
	if !isReference(req.Reference) || !ok || amount == 0 || !isText(req.Reason, maxName) {
		return badRequest("a refund needs a reference and an amount above 0")
	}
	return s.answer(w, func() (any, error) {
		known := s.money.refunds.known[req.Reference]
		if known == nil {
			var err error
			if known, err = s.giveBack(&req, amount); err != nil {
				return nil, err
			}
		} else if known.Payment != req.Payment || !known.Amount.equals(req.Amount) {
			return nil, conflict("the reference has refunded something else")
		}
		return known, nil
	})
}

func (s *Server) giveBack(req *refundRequest, amount int64) (*refund, error) {
	p := s.money.payments.known[req.Payment]
	if p == nil {
		return nil, missing("payment", req.Payment)
	}
	exceeds := func(message string) error { return &apiError{http.StatusConflict, "EXCEEDS", message} }
	if p.Status != succeeded || p.Amount.Currency != req.Amount.Currency {
		return nil, exceeds("the payment did not succeed, or in another currency")
	}
	if paid, _ := p.Amount.thousandths(); s.money.given[p.Reference]+amount > paid {
		return nil, exceeds("the refunds come to more than the payment")
	}
	made := &refund{
		Reference: req.Reference, Payment: req.Payment, Amount: req.Amount, Reason: req.Reason,
		Status: pending, AskedAt: s.now().UTC(),
	}
	s.money.refunds.keep(req.Reference, made)
	s.money.given[p.Reference] += amount
	if s.pace.Refund <= 0 {
		s.refunded(made, p.Order)
		return made, nil
	}
	s.agenda.plan(s.now().Add(s.pace.Refund), func(context.Context) time.Duration {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.refunded(made, p.Order)
		return 0
	})
	return made, nil
}

func (s *Server) refunded(r *refund, order string) {
	now := s.now().UTC()
	r.Status, r.SettledAt = succeeded, &now
	s.events.emit(kindPayment, order, r.Reference, now, 1)
}
