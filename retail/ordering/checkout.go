package ordering

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/portico-retail/portico/retail"
)

// CheckoutRequest asks to order what a cart holds.
type CheckoutRequest struct {
	Actor       retail.Actor
	Key         string // idempotency key; the same actor and key meet the same order
	CartID      string
	CartVersion int
	HoldIDs     []string          // the shopper's holds that the order takes over, MaxHolds at most
	Slots       []retail.PlanSlot // agreed times, MaxSlots at most
	Contact     retail.Contact    // whom the stores may call; the delivery address's recipient when zero
	Collector   *retail.Contact   // who collects instead; nil when the shopper comes
	Channel     retail.Channel
	// ExpectedTotal is what the shopper agreed to; nil when they take any.
	ExpectedTotal *retail.Money
}

// Bounds of a checkout.
const (
	MaxHolds     = 20
	MaxSlots     = 20
	maxKeyLength = 200
	maxParts     = 50
	maxNumbers   = 4 // numbers tried before giving up
)

// Checkout places an order: stock is claimed, coupons are redeemed, the shop has the order, and it waits for its payment. A
// repetition with the same key returns the same order as it stands. Refused are, among others, WhyPriceChanged,
// WhyAddressMissing, WhyInsufficientStock, WhyHoldExpired, WhySlotUnavailable, WhyCouponRejected, and WhyLimitReached when too
// many orders wait for their payment; nothing is left claimed then. When the shop does not answer in time it fails retryably,
// and the order is placed or given up by itself.
func (s *Service) Checkout(ctx context.Context, req CheckoutRequest) (*retail.Order, error) {
	if err := req.validate(); err != nil {
		return nil, err
	}
	id := OrderID(req.Actor.Key(), req.Key)
	_, err := s.deps.Ledger.Order(ctx, id)
	if retailCode(err, retail.CodeNotFound) {
		err = s.create(ctx, id, req)
	}
	if err != nil {
		return nil, err
	}
	return s.place(ctx, id)
}

// place brings a stored order to where it can be acknowledged. Only a silent system makes it wait.
func (s *Service) place(ctx context.Context, id string) (*retail.Order, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.PlaceInline)
	defer cancel()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		o, err := s.drive(ctx, id, &run{})
		switch {
		case o == nil:
			return nil, err
		case o.Status != retail.OrderPlacing:
			return o, placed(o)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			e := retail.Errorf(retail.CodeUpstreamUnavailable, "the order is not placed yet: repeat with the same key")
			e.Retryable, e.Err = true, err
			return nil, e
		case <-timer.C:
		}
	}
}

// placed is the answer about an order that was never acknowledged: the refusals that ended it.
func placed(o *retail.Order) error {
	if o.Cancel == nil || o.Saga.Placed {
		return nil
	}
	return refused(o)
}

// refused is what ended a cancelled order.
func refused(o *retail.Order) error {
	var list []error
	for i := range o.Cancel.Refusals {
		list = append(list, &o.Cancel.Refusals[i])
	}
	if len(list) == 0 {
		return retail.Refuse(retail.WhyOrderClosed, "", "The order could not be placed in time. Nothing was charged.")
	}
	return errors.Join(list...)
}

// create computes the order and stores it with its slots and its first job.
func (s *Service) create(ctx context.Context, id string, req CheckoutRequest) error {
	cart, err := s.deps.Carts.Checkout(ctx, req.Actor, req.CartID, req.CartVersion)
	if err != nil {
		return err
	}
	plan, err := s.plan(ctx, cart, req.Slots)
	if err != nil {
		return err
	}
	o, err := s.draft(ctx, id, req, cart, plan)
	if err != nil {
		return err
	}
	for try := range maxNumbers {
		o.Number = orderNumber(id, try)
		_, _, err = s.deps.Ledger.CreateOrder(ctx, o, func(tx retail.Tx) error { return s.open(ctx, tx, req.Actor, o, plan) })
		if !retailCode(err, retail.CodeConflict) {
			break // a number that is taken already is the one conflict that a new order can meet
		}
	}
	return err
}

// open is what is stored with a new order.
func (s *Service) open(ctx context.Context, tx retail.Tx, actor retail.Actor, o *retail.Order, plan *retail.Plan) error {
	if err := tx.LimitUnpaid(o, s.unpaid(ctx, actor)); err != nil {
		return err
	}
	for i := range plan.Parts {
		p, f := &plan.Parts[i], &o.Fulfillments[i]
		if p.Slot == nil {
			continue
		}
		if err := tx.BookSlot(f.Reference(o.ID), p.LocationCode, p.Slot.StartsAt, p.SlotCapacity); err != nil {
			return err
		}
	}
	return tx.Enqueue(retail.Job{Kind: retail.JobOrder, Key: o.ID, At: o.Saga.WakeAt})
}

// unpaid is how many orders of the actor may wait for their payment: until then they hold goods and cost nothing. Staff and
// partners are known by name, and a role that nobody knows is a guest's.
func (s *Service) unpaid(ctx context.Context, actor retail.Actor) retail.UnpaidLimit {
	switch actor.Role {
	case "member":
		return retail.UnpaidLimit{Orders: s.config.MemberUnpaid}
	case "associate", "operator", "partner":
		return retail.UnpaidLimit{}
	}
	return retail.UnpaidLimit{Orders: s.config.GuestUnpaid, Household: retail.HouseholdOf(ctx)}
}

// plan asks which places serve the cart.
func (s *Service) plan(ctx context.Context, cart *retail.PricedCart, slots []retail.PlanSlot) (*retail.Plan, error) {
	q := retail.PlanQuery{Address: cart.Address, Slots: slots, Held: cart.Held}
	for _, l := range cart.Lines {
		if !l.Method.Visits() && cart.Address == nil {
			return nil, retail.Refuse(retail.WhyAddressMissing, "", "Delivery needs an address.")
		}
		price, known := cart.Prices[l.ID]
		if !known {
			r := retail.Refuse(retail.WhyCartProblem, "", "The price of a line is not known.")
			r.SKU = l.SKU
			return nil, r
		}
		q.Lines = append(q.Lines, retail.PlanLine{
			LineID: l.ID, SKU: l.SKU, Quantity: l.Quantity, Method: l.Method, LocationCode: l.LocationCode,
			Value: retail.Money{Minor: price.Unit.Minor * int64(l.Quantity), CurrencyCode: price.Unit.CurrencyCode},
		})
	}
	if len(q.Lines) == 0 {
		return nil, retail.Refuse(retail.WhyCartEmpty, "", "The cart is empty.")
	}
	plan, err := s.deps.Sourcing.Plan(ctx, q)
	if err != nil {
		return nil, err
	}
	return plan, covers(plan, q.Lines)
}

// covers makes sure that a plan serves exactly what was asked: what it forgot would be paid and never come.
func covers(plan *retail.Plan, lines []retail.PlanLine) error {
	left := map[string]int{}
	for _, l := range lines {
		left[l.LineID] += l.Quantity
	}
	for _, p := range plan.Parts {
		for _, l := range p.Lines {
			left[l.LineID] -= l.Quantity
			if l.Quantity < 1 {
				left[l.LineID] = -1
			}
		}
	}
	for id, n := range left {
		if n != 0 || len(plan.Parts) > maxParts {
			return retail.Errorf(retail.CodeInternal, "the plan does not serve line %q exactly", id)
		}
	}
	return nil
}

// draft writes the order down as it will be stored.
func (s *Service) draft(
	ctx context.Context, id string, req CheckoutRequest, cart *retail.PricedCart, plan *retail.Plan,
) (*retail.Order, error) {
	now := s.deps.Now()
	o := &retail.Order{
		ID: id, Owner: req.Actor.Key(), MemberID: req.Actor.MemberID, Channel: req.Channel, Status: retail.OrderPlacing,
		PlacedAt: now, PayBy: now.Add(s.config.PayWithin), CartID: cart.ID, Totals: totals(cart, plan.Delivery),
		Coupons: cart.Coupons, Contact: req.Contact, Address: cart.Address, Note: cart.Note,
		Saga: retail.Saga{HoldIDs: req.HoldIDs, WakeAt: now.Add(s.config.TakeOver)},
	}
	if want := req.ExpectedTotal; want != nil && *want != o.Totals.Total {
		return nil, retail.Refuse(retail.WhyPriceChanged, "expectedTotal",
			fmt.Sprintf("The total is %s %s now.", o.Totals.Total.Amount(), o.Totals.Total.CurrencyCode))
	}
	if o.Contact == (retail.Contact{}) {
		if cart.Address == nil {
			return nil, retail.Refuse(retail.WhyInvalid, "contact", "Say whom the store may call.")
		}
		o.Contact = retail.Contact{Name: cart.Address.Recipient, Phone: cart.Address.Phone}
	}
	if err := s.knowMember(ctx, o); err != nil {
		return nil, err
	}
	for _, l := range cart.Lines {
		o.Lines = append(o.Lines, retail.OrderLine{
			ID: l.ID, SKU: l.SKU, Titles: cart.Titles[l.SKU], Quantity: l.Quantity, Price: cart.Prices[l.ID],
		})
	}
	given := map[string]int{}
	for i, p := range plan.Parts {
		f := retail.Fulfillment{
			ID: fmt.Sprintf("f%d", i+1), Method: p.Method, LocationCode: p.LocationCode,
			Status: retail.FulfillmentPending, Promise: p.Promise, Slot: p.Slot, Why: p.Why,
		}
		for _, l := range p.Lines {
			f.Lines = append(f.Lines, retail.FulfillmentLine{
				LineID: l.LineID, SKU: l.SKU, Quantity: l.Quantity, Offset: given[l.LineID],
			})
			given[l.LineID] += l.Quantity
		}
		f.ClaimID = claimID(id, f.ID)
		if p.Method.Visits() {
			f.Collector = req.Collector
		}
		o.Fulfillments = append(o.Fulfillments, f)
	}
	return o, nil
}

// knowMember looks up whom the other systems know the shopper as.
func (s *Service) knowMember(ctx context.Context, o *retail.Order) error {
	if o.MemberID != "" {
		m, err := s.deps.Members.Member(ctx, o.MemberID)
		if err != nil {
			return err
		}
		o.AccountID, o.CardNumber, o.CustomerNo = m.In(retail.SourceShop), m.In(retail.SourcePOS), m.In(retail.SourceERP)
	}
	if len(o.Coupons) > 0 && o.CustomerNo == "" {
		return retail.Refuse(retail.WhyCouponRejected, "", "Coupons are for members.")
	}
	return nil
}

// totals are the cart's with the fee of the plan, which knows the places. A coupon for free delivery covers whatever the fee is.
func totals(cart *retail.PricedCart, fee retail.Money) retail.Totals {
	t := cart.Totals
	t.Delivery = retail.Money{Minor: fee.Minor, CurrencyCode: t.Total.CurrencyCode}
	t.Total.Minor = 0
	for _, l := range cart.Lines {
		t.Total.Minor += cart.Prices[l.ID].Total.Minor
	}
	left := fee.Minor
	t.Discounts = nil
	for _, d := range cart.Totals.Discounts {
		if d.Kind == retail.DiscountDelivery {
			d.Amount.Minor, left = left, 0
		}
		t.Discounts = append(t.Discounts, d)
	}
	t.Total.Minor += left
	return t
}

func claimID(orderID, fulfillmentID string) string {
	return "c-" + digest("claim", orderID, fulfillmentID)
}

var phone = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// validate refuses what can never work.
func (r *CheckoutRequest) validate() error {
	switch {
	case !r.Actor.Known():
		return retail.Refuse(retail.WhyNotAllowed, "", "Ordering needs a session.")
	case r.Key == "" || len(r.Key) > maxKeyLength:
		return retail.Refuse(retail.WhyInvalid, "idempotencyKey", "The key must have 1 to 200 characters.")
	case !r.Channel.Valid():
		return retail.Refuse(retail.WhyInvalid, "channel", "There is no such channel.")
	case len(r.HoldIDs) > MaxHolds:
		return tooMany("holdIds", MaxHolds)
	case len(r.Slots) > MaxSlots:
		return tooMany("slots", MaxSlots)
	}
	if r.Contact != (retail.Contact{}) {
		if err := validContact(r.Contact, "contact"); err != nil {
			return err
		}
	}
	if r.Collector != nil {
		return validContact(*r.Collector, "collector")
	}
	return nil
}

func tooMany(field string, limit int) error {
	r := retail.Refuse(retail.WhyLimitReached, field, fmt.Sprintf("At most %d are allowed.", limit))
	r.Limit = &limit
	return r
}

const maxName = 100 // characters

func validContact(c retail.Contact, field string) error {
	if !plain(c.Name, maxName) || strings.TrimSpace(c.Name) == "" {
		return retail.Refuse(retail.WhyInvalid, field+".name", "The name must have 1 to 100 characters.")
	}
	if !phone.MatchString(c.Phone) {
		return retail.Refuse(retail.WhyInvalid, field+".phone", "The phone number must be international, like +8613800000001.")
	}
	return nil
}

// plain reports whether a text is short, well-formed and without control characters.
func plain(text string, limit int) bool {
	if len(text) > 4*limit || !utf8.ValidString(text) || utf8.RuneCountInString(text) > limit {
		return false
	}
	return strings.IndexFunc(text, unicode.IsControl) < 0
}
