package returns

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Deps is what the service works with; all of it is required.
type Deps struct {
	Ledger   Ledger
	Claims   Claims
	Tills    Tills
	Parcels  Parcels
	Payments Payments
	Prices   Prices
	Points   Points
	Places   Places
	Now      func() time.Time
}

// Service takes goods back. It is safe for concurrent use, also by several processes at once.
type Service struct {
	config Config
	deps   Deps
}

// New returns a service; the configuration must be valid.
func New(c Config, d Deps) *Service { return &Service{config: c, deps: d} }

// Line asks for units of one order line.
type Line struct {
	LineID   string
	Quantity int
}

// Result is a return and the order that it belongs to, as they are stored.
type Result struct {
	Order  *retail.Order
	Return *retail.Return
	// Warnings has WarnPending when a system of record was silent and the rest follows by itself.
	Warnings []retail.Warning
}

// MaxReturns bounds the returns of one order, cancelled ones counted.
const MaxReturns = 100

// order loads an order that the actor may return goods of: the owner, an associate of whatever store, an operator. To anybody
// else it does not exist.
func (s *Service) order(ctx context.Context, actor retail.Actor, id string) (*retail.Order, error) {
	o, err := s.deps.Ledger.Order(ctx, id)
	if err != nil {
		return nil, err
	}
	if !mayReturn(actor, o) {
		return nil, retail.Errorf(retail.CodeNotFound, "there is no such order")
	}
	return o, nil
}

func mayReturn(actor retail.Actor, o *retail.Order) bool {
	switch {
	case !actor.Known():
		return false
	case actor.Role == "associate":
		return len(actor.Locations) > 0
	case actor.Role == "operator":
		return true
	}
	return actor.Key() == o.Owner
}

// orderToChange is order for a mutation, where a missing order is a refusal.
func (s *Service) orderToChange(ctx context.Context, actor retail.Actor, id string) (*retail.Order, error) {
	o, err := s.order(ctx, actor, id)
	if retail.CodeOf(err) == retail.CodeNotFound && err != nil {
		return nil, errNoOrder()
	}
	return o, err
}

func errNoOrder() error {
	return retail.Refuse(retail.WhyNotFound, "orderId", "There is no such order.")
}

func errNoReturn() error {
	return retail.Refuse(retail.WhyNotFound, "returnId", "The order has no such return.")
}

// idOf derives a return's id, so that a repetition meets the same return.
func idOf(actor retail.Actor, orderID, key string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{actor.Key(), orderID, key}, "\x00")))
	return "r-" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))[:20]
}

// reference names the return in every other system.
func reference(orderID, returnID string) string { return orderID + "/" + returnID }

func find(o *retail.Order, returnID string) *retail.Return {
	for i := range o.Returns {
		if o.Returns[i].ID == returnID {
			return &o.Returns[i]
		}
	}
	return nil
}

func lineOf(o *retail.Order, id string) *retail.OrderLine {
	for i := range o.Lines {
		if o.Lines[i].ID == id {
			return &o.Lines[i]
		}
	}
	return nil
}

// change runs fn on a stored return and states where the order stands then. A return that is not there is left alone. When
// refunds were asked for or paid, the order looks at itself: it tells staff of those that take too long.
func (s *Service) change(
	ctx context.Context, orderID, returnID string, fn func(tx retail.Tx, o *retail.Order, r *retail.Return) error,
) (*retail.Order, error) {
	return s.deps.Ledger.UpdateOrder(ctx, orderID, func(tx retail.Tx, o *retail.Order) error {
		r := find(o, returnID)
		if r == nil {
			return retail.ErrUnchanged
		}
		was := openRefunds(o)
		if err := fn(tx, o, r); err != nil {
			return err
		}
		if openRefunds(o) != was {
			if err := tx.Enqueue(retail.Job{Kind: retail.JobOrder, Key: o.ID}); err != nil {
				return err
			}
		}
		return restate(tx, o, s.deps.Now())
	})
}

// result brings a return as far as it goes now and reads what became of it. A fault on the way is a warning, because what is
// recorded is finished by a job; a refusal is the caller's.
func (s *Service) result(ctx context.Context, orderID, returnID string) (*Result, error) {
	refused, stuck := s.bring(ctx, orderID, returnID)
	if refused != nil {
		return nil, refused
	}
	o, err := s.deps.Ledger.Order(ctx, orderID)
	if err != nil {
		return nil, err
	}
	r := find(o, returnID)
	if r == nil {
		return nil, errNoReturn()
	}
	res := &Result{Order: o, Return: r}
	if stuck != nil {
		res.Warnings = []retail.Warning{{
			Code: retail.WarnPending, Target: returnID,
			Message: "A system of record is not available. The rest follows by itself.",
		}}
	}
	return res, nil
}

// final reports whether repeating the call that failed so can never work.
func final(err error) bool {
	if err == nil {
		return false
	}
	var refusal *retail.Refusal
	return errors.As(err, &refusal) || retail.CodeOf(err) == retail.CodeBadInput
}

// note appends to the order's timeline.
func note(o *retail.Order, at time.Time, kind retail.TimelineKind, text string) {
	o.Timeline = append(o.Timeline, retail.TimelineEntry{At: at, Kind: kind, Note: text})
}
