package ordering

import (
	"context"
	"crypto/subtle"
	"time"

	"github.com/portico-retail/portico/retail"
)

// PickupCode is what the shopper shows to collect a part of an order: eight readable characters; a QR image says CodePrefix and
// the code. It exists while goods lie ready (WhyOrderClosed otherwise), for the owner alone.
func (s *Service) PickupCode(ctx context.Context, actor retail.Actor, orderID, fulfillmentID string) (string, error) {
	o, f, err := s.ownedPart(ctx, actor, orderID, fulfillmentID)
	if err != nil {
		return "", err
	}
	if !collectable(f) || f.CodeSecret == "" {
		return "", retail.Refuse(retail.WhyOrderClosed, "fulfillmentId", "There is nothing to collect now.")
	}
	return pickupCode(f.CodeSecret, f.Reference(o.ID)), nil
}

// ownedPart loads a part of an order of the actor's own, or refuses with WhyNotFound.
func (s *Service) ownedPart(
	ctx context.Context, actor retail.Actor, orderID, fulfillmentID string,
) (*retail.Order, *retail.Fulfillment, error) {
	o, err := s.owned(ctx, actor, orderID)
	if err != nil {
		return nil, nil, err
	}
	f := part(o, fulfillmentID)
	if f == nil {
		return nil, nil, errNoPart()
	}
	return o, f, nil
}

func errNoPart() error {
	return retail.Refuse(retail.WhyNotFound, "fulfillmentId", "There is no such part of the order.")
}

// maxOpenOrders is how many open orders of a place a code is looked for in.
const maxOpenOrders = 2000

// VerifyCode finds what a code is for among the goods that lie ready at an associate's place. A wrong code is refused with
// WhyCodeRejected, too many tries with WhyLimitReached.
func (s *Service) VerifyCode(
	ctx context.Context, associate retail.Actor, locationRef, code string,
) (*retail.Order, *retail.Fulfillment, error) {
	places, err := s.deps.Places.Resolve(ctx, []string{locationRef})
	if err != nil || len(places) == 0 {
		return nil, nil, retail.Refuse(retail.WhyNotFound, "locationId", "There is no such place.")
	}
	place := places[0].Code
	clean, ok, err := s.attempt(ctx, associate, place, code)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		return nil, nil, errWrongCode()
	}
	orders, err := s.deps.Ledger.OrdersAt(ctx, place, maxOpenOrders)
	if err != nil {
		return nil, nil, err
	}
	var order *retail.Order
	var found *retail.Fulfillment
	for _, o := range orders { // all of them, so that the time tells nothing
		for i := range o.Fulfillments {
			if f := &o.Fulfillments[i]; f.LocationCode == place && collectable(f) && f.Stop == "" && opens(o, f, clean) {
				order, found = o, f
			}
		}
	}
	if found == nil {
		return nil, nil, errWrongCode()
	}
	return order, found, nil
}

// attempt admits a try of a code by an associate of the place, and cleans the code; ok is false for what can be none. Tries are
// counted by who tries, by the place whose goods are at stake, and by the code, which may be tried all over the chain.
func (s *Service) attempt(ctx context.Context, associate retail.Actor, place, code string) (clean string, ok bool, err error) {
	if !associate.WorksAt(place) {
		return "", false, retail.Refuse(retail.WhyNotAllowed, "", "This is for associates of the place.")
	}
	clean, ok = cleanCode(code)
	counts := []struct {
		key  string
		most int
	}{
		{"pickup code\x00" + associate.Key() + "\x00" + place, s.config.CodeTries},
		{"pickup codes at\x00" + place, s.config.PlaceTries},
		{"one pickup code\x00" + clean, s.config.SameTries},
	}
	if !ok {
		counts = counts[:2]
	}
	for _, c := range counts {
		limit := retail.Limit{Most: c.most, Per: s.config.CodeWindow}
		switch allowed, wait, err := s.deps.Ledger.Try(ctx, c.key, limit); {
		case err != nil:
			return "", false, err
		case !allowed:
			return "", false, limit.Refuse("code", wait)
		}
	}
	return clean, ok, nil
}

// opens compares a clean code in constant time.
func opens(o *retail.Order, f *retail.Fulfillment, code string) bool {
	return f.CodeSecret != "" && subtle.ConstantTimeCompare([]byte(pickupCode(f.CodeSecret, f.Reference(o.ID))), []byte(code)) == 1
}

func errWrongCode() error {
	return retail.Refuse(retail.WhyCodeRejected, "code", "The code opens nothing here.")
}

// HandOver gives the goods that lie ready to whoever shows the code: a till of the place books the sale, once. A repetition with
// the same key returns the order; with another one, the goods are gone (WhyOrderClosed).
func (s *Service) HandOver(
	ctx context.Context, associate retail.Actor, key, orderID, fulfillmentID, code string,
) (*retail.Order, error) {
	if key == "" || len(key) > maxKeyLength {
		return nil, retail.Refuse(retail.WhyInvalid, "idempotencyKey", "The key must have 1 to 200 characters.")
	}
	o, err := s.deps.Ledger.Order(ctx, orderID)
	if err != nil && !retailCode(err, retail.CodeNotFound) {
		return nil, err
	}
	if err != nil || !serves(associate, o) {
		return nil, retail.Refuse(retail.WhyNotFound, "orderId", "There is no such order.")
	}
	f := part(o, fulfillmentID)
	if f == nil {
		return nil, errNoPart()
	}
	clean, ok, err := s.attempt(ctx, associate, f.LocationCode, code)
	if err != nil {
		return nil, err
	}
	if !ok || !opens(o, f, clean) {
		return nil, errWrongCode()
	}
	mark := digest("hand over", associate.Key(), key)
	if o, err = s.intend(ctx, o.ID, f.ID, mark); err != nil {
		return nil, err
	}
	if f = part(o, f.ID); f.Status == retail.FulfillmentCollected {
		return o, nil
	}
	return s.book(ctx, o, f)
}

// intend records who is about to hand over, so that the outcome is theirs and nobody else's. A hand-over that did not come
// about may be tried again under another key.
func (s *Service) intend(ctx context.Context, orderID, id, mark string) (*retail.Order, error) {
	return s.record(ctx, orderID, func(_ retail.Tx, o *retail.Order, _ time.Time) error {
		f := part(o, id)
		switch {
		case f.HandOverKey == mark && (f.Status == retail.FulfillmentCollected || collectable(f) && f.Stop == ""):
			return retail.ErrUnchanged
		case f.Status == retail.FulfillmentCollected:
			return retail.Refuse(retail.WhyOrderClosed, "fulfillmentId", "The goods were handed over already.")
		case !collectable(f) || f.Stop != "":
			return retail.Refuse(retail.WhyOrderClosed, "fulfillmentId", "There is nothing to hand over now.")
		}
		f.HandOverKey = mark
		return nil
	})
}

// book lets a till book the goods, and then everybody else.
func (s *Service) book(ctx context.Context, o *retail.Order, f *retail.Fulfillment) (*retail.Order, error) {
	id := f.ID
	receipt, err := s.deps.Stores.HandOver(ctx, s.handOver(o, f))
	if retailCode(err, retail.CodeConflict) {
		return nil, retail.Refuse(retail.WhyOrderClosed, "fulfillmentId", "The place has closed the task.")
	}
	if err != nil {
		return nil, err
	}
	o, err = s.record(ctx, o.ID, func(tx retail.Tx, o *retail.Order, now time.Time) error {
		return collected(tx, o, part(o, id), receipt.Number, now)
	})
	if err != nil {
		return nil, err
	}
	if after, _ := s.drive(ctx, o.ID, &run{receipts: map[string]retail.TillReceipt{id: receipt}}); after != nil {
		o = after
	}
	return o, nil
}

// collected records that goods left with the shopper. The claim goes once the counters show it (see depart).
func collected(tx retail.Tx, o *retail.Order, f *retail.Fulfillment, receiptNo string, now time.Time) error {
	if f.Status.Final() {
		return retail.ErrUnchanged
	}
	f.Status, f.LeftAt, f.ReceiptNo, f.Stop = retail.FulfillmentCollected, &now, receiptNo, ""
	tell(o, now, retail.TimelineCollected, f.ID, "")
	if f.Slot == nil {
		return nil
	}
	return tx.FreeSlot(f.Reference(o.ID))
}

// handOver is what the till books: but for the instant always the same for a part, because everything that it cannot give was
// rejected before.
func (s *Service) handOver(o *retail.Order, f *retail.Fulfillment) retail.HandOver {
	h := retail.HandOver{
		Reference: f.Reference(o.ID), LocationCode: f.LocationCode, Lines: taskLines(o, f, kept), CardNumber: o.CardNumber,
		At: s.deps.Now(),
	}
	for i := range h.Lines {
		h.Lines[i].Picked = h.Lines[i].Quantity
	}
	return h
}

// SetCollector names who collects instead of the shopper; nil when the shopper comes.
func (s *Service) SetCollector(
	ctx context.Context, actor retail.Actor, orderID, fulfillmentID string, who *retail.Contact,
) (*retail.Order, error) {
	if who != nil {
		if err := validContact(*who, "collector"); err != nil {
			return nil, err
		}
	}
	return s.edit(ctx, actor, orderID, fulfillmentID, func(_ *retail.Order, f *retail.Fulfillment, _ time.Time) error {
		if f.Status.Final() || !f.Method.Visits() {
			return retail.Refuse(retail.WhyOrderClosed, "fulfillmentId", "There is nothing to collect any more.")
		}
		f.Collector = who
		return nil
	})
}

// maxSpot bounds what a shopper says about where they wait, in characters.
const maxSpot = 100

// CurbsideArrived says that the shopper waits at the kerb, and where.
func (s *Service) CurbsideArrived(
	ctx context.Context, actor retail.Actor, orderID, fulfillmentID, spot string,
) (*retail.Order, error) {
	if !plain(spot, maxSpot) {
		return nil, retail.Refuse(retail.WhyInvalid, "spot", "The spot must have at most 100 characters.")
	}
	return s.edit(ctx, actor, orderID, fulfillmentID, func(o *retail.Order, f *retail.Fulfillment, now time.Time) error {
		if f.Method != retail.MethodCurbside || !collectable(f) {
			return retail.Refuse(retail.WhyOrderClosed, "fulfillmentId", "There is nothing to be brought out now.")
		}
		if f.ArrivedAt != nil && f.ArrivedSpot == spot {
			return retail.ErrUnchanged
		}
		f.ArrivedAt, f.ArrivedSpot = &now, spot
		tell(o, now, retail.TimelineArrived, f.ID, spot)
		return nil
	})
}

// edit changes a part of an order of the actor's own.
func (s *Service) edit(
	ctx context.Context, actor retail.Actor, orderID, fulfillmentID string,
	change func(o *retail.Order, f *retail.Fulfillment, now time.Time) error,
) (*retail.Order, error) {
	if _, _, err := s.ownedPart(ctx, actor, orderID, fulfillmentID); err != nil {
		return nil, err
	}
	return s.record(ctx, orderID, func(_ retail.Tx, o *retail.Order, now time.Time) error {
		return change(o, part(o, fulfillmentID), now)
	})
}
