package returns

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

// RequestExchange asks to bring goods back to a store and to take others instead.
type RequestExchange struct {
	Actor        retail.Actor
	Key          string
	OrderID      string
	Lines        []Line
	LocationRef  string // the store
	Replacements []Replacement
	Reason       string
}

// Replacement is units of a SKU that the shopper takes instead.
type Replacement struct {
	SKU      string
	Quantity int
}

// Exchange records a return and holds the replacements at the store, at the shopper's present prices. They may not cost more
// than what was paid for the goods that come back; what they cost less is refunded. It refuses as Request and as a hold does.
func (s *Service) Exchange(ctx context.Context, q RequestExchange) (*Result, error) {
	o, err := s.orderToChange(ctx, q.Actor, q.OrderID)
	if err != nil {
		return nil, err
	}
	id := idOf(q.Actor, o.ID, q.Key)
	x, err := wish(id, q)
	if err != nil {
		return nil, err
	}
	store, err := s.store(ctx, q.LocationRef)
	if err != nil {
		return nil, err
	}
	if find(o, id) == nil {
		if err := s.price(ctx, o, x); err != nil {
			return nil, err
		}
		x.HeldTo = s.heldTo(store)
	}
	r := retail.Return{
		ID: id, Way: retail.ReturnInStore, LocationCode: store.Code, Reason: strings.TrimSpace(q.Reason), Exchange: x,
	}
	if err := s.add(ctx, o.ID, r, q.Lines, affordable); err != nil {
		return nil, err
	}
	if err := s.claim(ctx, o.ID, id); err != nil {
		return nil, err
	}
	return s.result(ctx, o.ID, id)
}

// wish checks what was asked and sums the replacements by SKU.
func wish(id string, q RequestExchange) (*retail.Exchange, error) {
	var no refusals
	no.checkKey(q.Key)
	no.checkLines(q.Lines)
	no.checkReason(q.Reason)
	if q.LocationRef == "" {
		no.add(retail.WhyInvalid, "locationId", "An exchange needs a store.")
	}
	if len(q.Replacements) < 1 || len(q.Replacements) > retail.MaxCartLines {
		no.add(retail.WhyInvalid, "replacements", "There must be 1 to "+strconv.Itoa(retail.MaxCartLines)+" replacements.")
		return nil, no.err()
	}
	x := &retail.Exchange{ClaimID: "x" + id}
	for i, want := range q.Replacements {
		field := "replacements." + strconv.Itoa(i)
		sku := retail.NormalizeSKU(want.SKU)
		if !retail.ValidSKU(sku) {
			no.add(retail.WhyInvalid, field+".sku", "This is no SKU.")
		}
		if want.Quantity < 1 || want.Quantity > retail.MaxLineQuantity {
			no.add(retail.WhyInvalid, field+".quantity", "The quantity must be 1 to "+strconv.Itoa(retail.MaxLineQuantity)+".")
		}
		at := slices.IndexFunc(x.Lines, func(l retail.ExchangeLine) bool { return l.SKU == sku })
		if at < 0 {
			x.Lines = append(x.Lines, retail.ExchangeLine{SKU: sku, Quantity: want.Quantity})
			continue
		}
		x.Lines[at].Quantity += want.Quantity
	}
	return x, no.err()
}

// price states the replacements' prices, as the shopper of the order would pay now, whoever asks.
func (s *Service) price(ctx context.Context, o *retail.Order, x *retail.Exchange) error {
	skus := make([]string, len(x.Lines))
	for i, l := range x.Lines {
		skus[i] = l.SKU
	}
	prices, err := s.deps.Prices.UnitPrices(ctx, shopper(o), skus)
	if err != nil {
		return err
	}
	var no refusals
	for i := range x.Lines {
		l := &x.Lines[i]
		p, ok := prices[l.SKU]
		if !ok || p.Unit.Minor < 0 || p.Unit.CurrencyCode != o.Totals.Total.CurrencyCode {
			r := retail.Refuse(retail.WhyInvalid, "replacements", "Nobody says what "+l.SKU+" costs.")
			r.SKU = l.SKU
			no = append(no, r)
			continue
		}
		l.Price = p.Unit
	}
	return no.err()
}

// shopper is the owner of an order as an actor.
func shopper(o *retail.Order) retail.Actor {
	role, subject, _ := strings.Cut(o.Owner, ":")
	a := retail.Actor{Role: role, Subject: subject}
	if role == "member" {
		a.MemberID = subject
	}
	return a
}

func affordable(_ *retail.Order, r *retail.Return) error {
	if worthOf(r.Exchange.Lines) > r.Amount.Minor {
		return retail.Refuse(retail.WhyInvalid, "replacements",
			"The replacements cost more than what comes back. Buy them and return the goods instead.")
	}
	return nil
}

// heldTo is when the store closes on the next day that it opens.
func (s *Service) heldTo(store *retail.Location) time.Time {
	now := s.deps.Now()
	last := now.Add(s.config.ExchangeHold)
	zone := store.Zone
	if zone == nil {
		zone = time.UTC
	}
	today := retail.DateOf(now.In(zone))
	var closes time.Time
	var day retail.Date
	for _, w := range store.Windows(now, int(s.config.ExchangeHold/(24*time.Hour))+2) {
		if w.Day > today && (day == "" || w.Day == day) {
			day, closes = w.Day, w.Closes
		}
	}
	if closes.IsZero() || closes.After(last) {
		return last
	}
	return closes
}

// claim holds the replacements of an exchange. A refusal takes the request back, as if it had never been made: nobody was told
// of it. An exchange that was given up meanwhile lets go of what this call may have held.
func (s *Service) claim(ctx context.Context, orderID, returnID string) error {
	o, err := s.deps.Ledger.Order(ctx, orderID)
	if err != nil {
		return err
	}
	r := find(o, returnID)
	if r == nil || !unclaimed(r) {
		return nil
	}
	lines := make([]retail.ClaimLine, len(r.Exchange.Lines))
	for i, l := range r.Exchange.Lines {
		lines[i] = retail.ClaimLine{SKU: l.SKU, Quantity: l.Quantity}
	}
	slices.SortFunc(lines, func(a, b retail.ClaimLine) int { return strings.Compare(a.SKU, b.SKU) })
	now := s.deps.Now()
	_, err = s.deps.Claims.Hold(ctx, retail.Claim{
		ID: r.Exchange.ClaimID, Owner: o.Owner, OrderID: o.ID, LocationCode: r.LocationCode, Lines: lines,
		State: retail.ClaimHeld, CreatedAt: now, ExpiresAt: r.Exchange.HeldTo,
	})
	if _, refused := retail.RefusalsOf(err); refused {
		if derr := s.drop(ctx, orderID, returnID); derr != nil {
			return derr
		}
		return err
	}
	if err != nil {
		return err
	}
	_, err = s.change(ctx, orderID, returnID, func(tx retail.Tx, o *retail.Order, r *retail.Return) error {
		switch {
		case r.Saga.Claimed:
			return retail.ErrUnchanged
		case r.Exchange.GivenUpAt != nil:
			r.Saga.Claimed, r.Saga.Settled = true, false
			return closeClaim(tx, r, retail.ClaimReleased)
		}
		r.Saga.Claimed = true
		note(o, s.deps.Now(), retail.TimelineReturnRequested, r.Reason)
		return nil
	})
	return err
}

func unclaimed(r *retail.Return) bool {
	return r.Exchange != nil && r.Status == retail.ReturnRequested && !r.Saga.Claimed && r.Exchange.GivenUpAt == nil
}

// drop forgets a request that was never acknowledged.
func (s *Service) drop(ctx context.Context, orderID, returnID string) error {
	_, err := s.change(ctx, orderID, returnID, func(tx retail.Tx, o *retail.Order, r *retail.Return) error {
		if !unclaimed(r) {
			return retail.ErrUnchanged
		}
		if err := closeClaim(tx, r, retail.ClaimReleased); err != nil {
			return err
		}
		o.Returns = slices.DeleteFunc(o.Returns, func(r retail.Return) bool { return r.ID == returnID })
		return nil
	})
	return err
}

// CompleteExchange hands over the replacements for the goods that an associate of the store has in hand. When the hold has run
// out, or the place has nothing left to promise, it refuses with WhyHoldExpired or WhyInsufficientStock and the return
// goes on as a plain one.
func (s *Service) CompleteExchange(ctx context.Context, actor retail.Actor, orderID, returnID string) (*Result, error) {
	o, err := s.orderToChange(ctx, actor, orderID)
	if err != nil {
		return nil, err
	}
	r := find(o, returnID)
	switch {
	case r == nil && !concerns(o, actor):
		return nil, errNoOrder()
	case r == nil:
		return nil, errNoReturn()
	case !actor.WorksAt(r.LocationCode):
		return nil, retail.Refuse(retail.WhyNotAllowed, "returnId", "Only associates of the store exchange there.")
	case r.Exchange == nil:
		return nil, retail.Refuse(retail.WhyInvalid, "returnId", "The return is no exchange.")
	case !r.Saga.Allocated, r.Exchange.GivenUpAt != nil:
		if err := s.agree(ctx, orderID, returnID); err != nil {
			return nil, err
		}
	}
	return s.result(ctx, orderID, returnID)
}

// concerns reports whether somebody works at a place that serves the order or takes something of it back.
func concerns(o *retail.Order, actor retail.Actor) bool {
	return slices.ContainsFunc(o.Fulfillments, func(f retail.Fulfillment) bool { return actor.WorksAt(f.LocationCode) }) ||
		slices.ContainsFunc(o.Returns, func(r retail.Return) bool { return actor.WorksAt(r.LocationCode) })
}

// agree makes the replacements the shopper's: the ledger decides, in the transaction that records that the goods are taken.
func (s *Service) agree(ctx context.Context, orderID, returnID string) error {
	o, err := s.deps.Ledger.Order(ctx, orderID)
	if err != nil {
		return err
	}
	r := find(o, returnID)
	if r == nil {
		return errNoReturn()
	}
	if err := s.exchangeable(r); err != nil {
		return s.lose(ctx, orderID, returnID, err)
	}
	if err := s.deps.Claims.Pin(ctx, r.Exchange.ClaimID); err != nil {
		return s.lose(ctx, orderID, returnID, err)
	}
	for range maxReads {
		if err = s.allocate(ctx, orderID, r); retail.CodeOf(err) != retail.CodeConflict || err == nil {
			break
		}
	}
	return s.lose(ctx, orderID, returnID, err)
}

// exchangeable refuses an exchange that cannot be completed.
func (s *Service) exchangeable(r *retail.Return) error {
	switch {
	case r.Status == retail.ReturnCancelled:
		return retail.Refuse(retail.WhyNotReturnable, "returnId", "The return was cancelled.")
	case r.Exchange.GivenUpAt != nil, r.AcceptedAt != nil, !s.deps.Now().Before(r.Exchange.HeldTo):
		return retail.Refuse(retail.WhyHoldExpired, "returnId", "The replacements are no longer held.")
	case !r.Saga.Claimed:
		return retail.Refuse(retail.WhyNotFound, "returnId", "The exchange has not been confirmed.")
	}
	return nil
}

// allocate tries once. Closings are read before the supply (see retail.Supply).
func (s *Service) allocate(ctx context.Context, orderID string, r *retail.Return) error {
	skus := make([]string, len(r.Exchange.Lines))
	for i, l := range r.Exchange.Lines {
		skus[i] = l.SKU
	}
	closings, err := s.deps.Ledger.Closings(ctx, r.LocationCode, skus)
	if err != nil {
		return err
	}
	units, err := s.deps.Claims.Supply(ctx, r.LocationCode, skus)
	if err != nil {
		return err
	}
	supply := make(map[string]retail.Supply, len(skus))
	for _, sku := range skus {
		supply[sku] = retail.Supply{Units: units[sku], Closings: closings[sku]}
	}
	_, err = s.change(ctx, orderID, r.ID, func(tx retail.Tx, o *retail.Order, r *retail.Return) error {
		if r.Saga.Allocated && r.Exchange.GivenUpAt == nil {
			return retail.ErrUnchanged
		}
		if err := s.exchangeable(r); err != nil {
			return err
		}
		if err := tx.Allocate(r.Exchange.ClaimID, supply); err != nil {
			return err
		}
		now := s.deps.Now()
		r.Saga.Allocated, r.AcceptedAt = true, &now
		return tx.Enqueue(s.job(o.ID, now.Add(s.config.Behind)))
	})
	return err
}

// lose gives the replacements up when err says that they cannot be had, and returns err.
func (s *Service) lose(ctx context.Context, orderID, returnID string, err error) error {
	var to retail.ClaimState
	switch {
	case retail.Refused(err, retail.WhyHoldExpired), retail.Refused(err, retail.WhyHoldClosed):
		to = retail.ClaimExpired
	case retail.Refused(err, retail.WhyInsufficientStock):
		to = retail.ClaimReleased
	default:
		return err
	}
	agreed := false // by somebody else meanwhile
	_, cerr := s.change(ctx, orderID, returnID, func(tx retail.Tx, o *retail.Order, r *retail.Return) error {
		agreed = r.Saga.Allocated && r.Exchange.GivenUpAt == nil
		if agreed || r.Exchange.GivenUpAt != nil {
			return retail.ErrUnchanged
		}
		if err := s.giveUp(tx, r, to); err != nil {
			return err
		}
		return tx.Enqueue(s.job(o.ID, s.deps.Now().Add(s.config.Behind)))
	})
	if cerr != nil || agreed {
		return cerr
	}
	// What can be done at once is; the job does the rest. The refusal is the answer either way.
	_, _ = s.bring(ctx, orderID, returnID)
	return err
}

// giveUp ends the exchange of a return that goes on without it.
func (s *Service) giveUp(tx retail.Tx, r *retail.Return, to retail.ClaimState) error {
	now := s.deps.Now()
	r.Exchange.GivenUpAt = &now
	return closeClaim(tx, r, to)
}

// closeClaim ends the claim on the replacements; one that was never recorded has nothing to end.
func closeClaim(tx retail.Tx, r *retail.Return, to retail.ClaimState) error {
	err := tx.CloseClaim(r.Exchange.ClaimID, to)
	if err != nil && retail.CodeOf(err) == retail.CodeNotFound {
		return nil
	}
	return err
}

// maxReads bounds how often an allocation starts again because something left the place meanwhile.
const maxReads = 8
