package cart

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/portico-retail/portico/retail"
)

// change is one change of one cart.
type change struct {
	actor   retail.Actor
	key     string
	id      string
	version *int
	kind    string // of the change, part of its reference
	input   any    // what was asked, part of its reference
	// apply changes the cart, which is a copy, and may run more than once. It refuses or fails without having changed anything
	// that counts.
	apply func(e *edit) error
}

// edit is one try of a change.
type edit struct {
	*retail.Cart
	reference string
	touched   map[string]bool // ids of lines whose stock the shopper wants to hear about
	warnings  []retail.Warning
	made      int // lines
}

// change loads, applies, prices and stores. A refusal or another version may mean that the change was stored before: the
// store, which knows its references, is asked before anything is refused.
func (s *Service) change(ctx context.Context, ch change) (*retail.PricedCart, []retail.Warning, error) {
	if ch.key == "" || len(ch.key) > maxID {
		return nil, nil, retail.Refuse(retail.WhyInvalid, "idempotencyKey",
			fmt.Sprintf("The idempotency key must have 1 to %d characters.", maxID))
	}
	reference := referenceOf(ch.actor.Key(), ch.id, ch.kind, ch.key, ch.input)
	for range attempts {
		loaded, err := s.load(ctx, ch.actor, ch.id)
		if err != nil {
			return nil, nil, err
		}
		e := &edit{Cart: clone(loaded), reference: reference, touched: map[string]bool{}}
		switch {
		case loaded.OrderID != "":
			err = ordered()
		case ch.version != nil && *ch.version != loaded.Version:
			err = conflict(loaded.Version)
		default:
			err = ch.apply(e)
		}
		if err != nil {
			return s.replay(ctx, ch.actor, reference, loaded, err)
		}
		f := s.gather(ctx, ch.actor, e.Cart, without{})
		s.see(e, f)
		stored, err := s.save(ctx, reference, e.Cart)
		switch {
		case err != nil && retail.CodeOf(err) == retail.CodeConflict:
			continue
		case err != nil:
			return nil, nil, err
		case stored.Version <= loaded.Version: // a repetition: the facts are about another cart
			return s.priced(ctx, ch.actor, stored), nil, nil
		}
		p := s.price(ctx, stored, f)
		return p, append(e.warnings, warningsOf(p, e.touched)...), nil
	}
	latest, err := s.load(ctx, ch.actor, ch.id)
	if err != nil {
		return nil, nil, err
	}
	return nil, nil, conflict(latest.Version)
}

// replay returns what the reference stored before, or refused when it stored nothing. It fails when the store cannot say,
// because a refusal would tell the shopper that nothing changed.
func (s *Service) replay(
	ctx context.Context, actor retail.Actor, reference string, present *retail.Cart, refused error,
) (*retail.PricedCart, []retail.Warning, error) {
	stored, err := s.recall(ctx, reference, present)
	var fault *retail.Error
	switch {
	case err != nil && retail.CodeOf(err) != retail.CodeConflict && (!errors.As(err, &fault) || fault.Retryable):
		return nil, nil, err
	case err != nil, stored.Owner != actor.Key():
		return nil, nil, refused
	}
	return s.priced(ctx, actor, stored), nil, nil
}

// save stores a cart. An answer that cannot be read may hide that it was stored, now or before: the store is asked again.
func (s *Service) save(ctx context.Context, reference string, c *retail.Cart) (*retail.Cart, error) {
	stored, err := s.deps.Store.SaveCart(ctx, reference, c)
	if err != nil && retail.CodeOf(err) == retail.CodeBadUpstream {
		if earlier, again := s.recall(ctx, reference, c); again == nil {
			return earlier, nil
		}
	}
	return stored, err
}

// recall is what the store keeps under a reference. Versions begin with 1, so that the question changes nothing.
func (s *Service) recall(ctx context.Context, reference string, c *retail.Cart) (*retail.Cart, error) {
	probe := clone(c)
	probe.Version = 0
	return s.deps.Store.SaveCart(ctx, reference, probe)
}

// referenceOf names a change so that only its repetition has the same name: the same key with another input is another
// change.
func referenceOf(owner, cart, kind, key string, input any) string {
	body, err := json.Marshal([]any{owner, cart, kind, key, input})
	if err != nil { // an input is plain data
		body = fmt.Appendf(nil, "%q %q %q %q %+v", owner, cart, kind, key, input)
	}
	sum := sha256.Sum256(body)
	return "cart-" + kind + "-" + hex.EncodeToString(sum[:16])
}

// clone copies what a change may write to.
func clone(c *retail.Cart) *retail.Cart {
	d := *c
	d.Lines = append([]retail.CartLine(nil), c.Lines...)
	d.Coupons = append([]string(nil), c.Coupons...)
	return &d
}

// see takes note of the prices that the shopper is shown with the answer, and warns of those that moved. Prices that nobody
// can vouch for are not noted.
func (s *Service) see(e *edit, f *facts) {
	if f.pricesErr != nil || f.tierErr != nil {
		return
	}
	for i := range e.Lines {
		l := &e.Lines[i]
		unit, ok := f.unit(l.SKU, s.config.Currency)
		if !ok {
			continue
		}
		if l.SeenPrice.CurrencyCode != "" && l.SeenPrice != unit.Unit {
			e.warn(retail.WarnPriceMoved, l.ID, fmt.Sprintf("The price of %s moved from %s to %s %s.",
				l.SKU, l.SeenPrice.Amount(), unit.Unit.Amount(), unit.Unit.CurrencyCode))
		}
		l.SeenPrice = unit.Unit
	}
}

// warningsOf tells what is wrong with the lines that the change touched, and which coupons have no effect after it.
func warningsOf(p *retail.PricedCart, touched map[string]bool) []retail.Warning {
	var list []retail.Warning
	for _, problem := range p.Problems {
		w := retail.Warning{Message: problem.Message, Target: problem.LineID}
		switch problem.Kind {
		case retail.ProblemInsufficientStock:
			w.Code = retail.WarnStockShort
		case retail.ProblemNotRanged:
			w.Code = retail.WarnNotRanged
		case retail.ProblemStockUnknown:
			w.Code = retail.WarnStockUnknown
		case retail.ProblemCouponNotApplicable:
			w.Code, w.Target = retail.WarnCouponDropped, problem.Coupon
		default:
			continue
		}
		if problem.Coupon != "" || touched[problem.LineID] {
			list = append(list, w)
		}
	}
	return list
}

func (e *edit) warn(code retail.WarningCode, target, message string) {
	e.warnings = append(e.warnings, retail.Warning{Code: code, Target: target, Message: message})
}

// newID names a line. Applied again, the change gives the same names.
func (e *edit) newID() string {
	for {
		e.made++
		sum := sha256.Sum256([]byte(e.reference + "#" + strconv.Itoa(e.made)))
		id := "l" + hex.EncodeToString(sum[:8])
		if e.index(id) < 0 {
			return id
		}
	}
}

// index is the position of the line; -1 when there is none.
func (e *edit) index(id string) int {
	for i := range e.Lines {
		if e.Lines[i].ID == id {
			return i
		}
	}
	return -1
}
