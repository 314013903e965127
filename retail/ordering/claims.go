package ordering

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

func toClaim(o *retail.Order, _ time.Time) []string { return whole(placing(o) && !o.Saga.Claimed) }

// claimStock claims what every place is to give: all places or none. Claims are idempotent by their ids, and one that is left
// behind by a process that died expires.
func (s *Service) claimStock(ctx context.Context, o *retail.Order, _ string, _ *run) (*retail.Order, error) {
	expires := o.PayBy.Add(s.config.ClaimGrace)
	err := s.adopt(ctx, o, expires)
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		if err == nil && f.ClaimID == claimID(o.ID, f.ID) {
			_, err = s.deps.Claims.Hold(ctx, retail.Claim{
				ID: f.ClaimID, Owner: o.Owner, OrderID: o.ID, LocationCode: f.LocationCode, Lines: claimLines(f, promised),
				State: retail.ClaimHeld, CreatedAt: o.PlacedAt, ExpiresAt: expires,
			})
		}
	}
	if retail.Refused(err, retail.WhyStockUnknown) {
		return nil, retail.Unavailable("", err) // the order was planned on numbers; whoever has gone silent since may be back soon
	}
	if _, refused := retail.RefusalsOf(err); refused {
		reason := retail.CancelNotPlaced
		if retail.Refused(err, retail.WhyInsufficientStock) {
			reason = retail.CancelOutOfStock
		}
		return s.fail(ctx, o, reason, err)
	}
	if err != nil {
		return nil, err
	}
	claims := o.Fulfillments
	return s.record(ctx, o.ID, func(tx retail.Tx, o *retail.Order, _ time.Time) error {
		if o.Saga.Claimed {
			return retail.ErrUnchanged
		}
		for i := range claims {
			f := &o.Fulfillments[i]
			f.ClaimID = claims[i].ClaimID
			f.Claim.State = retail.ClaimHeld
			if placing(o) {
				continue
			}
			if err := closeClaim(tx, f, retail.ClaimReleased); err != nil { // cancelled meanwhile
				return err
			}
		}
		o.Saga.Claimed, o.Saga.HoldIDs = true, nil
		return nil
	})
}

// adopt turns the shopper's holds into claims of the parts that they are for. A hold says only by being adopted what it is for,
// so the parts are tried in turn; parts of the same lines are told apart by the place of the claim that comes back.
func (s *Service) adopt(ctx context.Context, o *retail.Order, expires time.Time) error {
	taken := map[string]bool{}
	for _, id := range o.Saga.HoldIDs {
		var err error
		for i := range o.Fulfillments {
			f := &o.Fulfillments[i]
			if taken[f.ID] {
				continue
			}
			var c retail.Claim
			c, err = s.deps.Claims.Adopt(ctx, id, o.Owner, o.ID, claimLines(f, promised), expires)
			if err == nil {
				err = assign(o, c, taken)
				break
			}
			if !retail.Refused(err, retail.WhyHoldMismatch) {
				break
			}
		}
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(o.Fulfillments, func(f retail.Fulfillment) bool { return f.ClaimID == id }) {
			return retail.Refuse(retail.WhyHoldMismatch, "holdIds", "The hold is for nothing in the order.")
		}
	}
	return nil
}

func assign(o *retail.Order, c retail.Claim, taken map[string]bool) error {
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		if !taken[f.ID] && f.LocationCode == c.LocationCode && sameLines(claimLines(f, promised), c.Lines) {
			f.ClaimID, taken[f.ID] = c.ID, true
			return nil
		}
	}
	return retail.Refuse(retail.WhyHoldMismatch, "holdIds", "The hold is for another place.")
}

func sameLines(a, b []retail.ClaimLine) bool { return slices.Equal(a, bySKU(b)) }

// claimLines sums units of a part by SKU; those with none are left out.
func claimLines(f *retail.Fulfillment, units func(*retail.FulfillmentLine) int) []retail.ClaimLine {
	var lines []retail.ClaimLine
	for i := range f.Lines {
		if n := units(&f.Lines[i]); n > 0 {
			lines = append(lines, retail.ClaimLine{SKU: f.Lines[i].SKU, Quantity: n})
		}
	}
	return bySKU(lines)
}

func bySKU(lines []retail.ClaimLine) (sum []retail.ClaimLine) {
	sorted := slices.SortedFunc(slices.Values(lines), func(a, b retail.ClaimLine) int { return strings.Compare(a.SKU, b.SKU) })
	for _, l := range sorted {
		if n := len(sum); n > 0 && sum[n-1].SKU == l.SKU {
			sum[n-1].Quantity += l.Quantity
		} else {
			sum = append(sum, l)
		}
	}
	return sum
}

// promised is what the part was to give; kept is what it can give still.
func promised(l *retail.FulfillmentLine) int { return l.Quantity }
func kept(l *retail.FulfillmentLine) int     { return l.Quantity - l.Rejected }

// maxAllocations bounds how often an allocation starts again because something left a place meanwhile.
const maxAllocations = 8

// supplies reads what the claims are to be checked against: the closings first, so that a departure that falls in between
// shows.
func (s *Service) supplies(ctx context.Context, parts []retail.Fulfillment) (map[string]map[string]retail.Supply, error) {
	byClaim := map[string]map[string]retail.Supply{}
	for i := range parts {
		f := &parts[i]
		var skus []string
		for _, l := range claimLines(f, promised) {
			skus = append(skus, l.SKU)
		}
		closings, err := s.deps.Ledger.Closings(ctx, f.LocationCode, skus)
		if err != nil {
			return nil, err
		}
		units, err := s.deps.Claims.Supply(ctx, f.LocationCode, skus)
		if err != nil {
			return nil, err
		}
		supply := map[string]retail.Supply{}
		for _, sku := range skus {
			supply[sku] = retail.Supply{Units: units[sku], Closings: closings[sku]}
		}
		byClaim[f.ClaimID] = supply
	}
	return byClaim, nil
}

// allocate turns the claims of parts into allocations and, in the same transaction, does what they are for.
func (s *Service) allocate(
	ctx context.Context, orderID string, parts []retail.Fulfillment,
	then func(tx retail.Tx, o *retail.Order, now time.Time) error,
) (*retail.Order, error) {
	for range maxAllocations {
		supplies, err := s.supplies(ctx, parts)
		if err != nil {
			return nil, err
		}
		o, err := s.record(ctx, orderID, func(tx retail.Tx, o *retail.Order, now time.Time) error {
			if err := then(tx, o, now); err != nil {
				return err
			}
			for i := range parts {
				if err := allocateOne(tx, o, parts[i].ClaimID, supplies[parts[i].ClaimID]); err != nil {
					return err
				}
			}
			return nil
		})
		if !retailCode(err, retail.CodeConflict) {
			return o, err
		}
	}
	e := retail.Errorf(retail.CodeConflict, "the stock of the place changes too fast")
	e.Retryable = true
	return nil, e
}

func allocateOne(tx retail.Tx, o *retail.Order, id string, supply map[string]retail.Supply) error {
	at := slices.IndexFunc(o.Fulfillments, func(f retail.Fulfillment) bool { return f.ClaimID == id })
	if at < 0 || o.Fulfillments[at].Claim.State != retail.ClaimHeld {
		return nil
	}
	if err := tx.Allocate(id, supply); err != nil {
		return err
	}
	o.Fulfillments[at].Claim.State = retail.ClaimAllocated
	return nil
}

// held lists the parts whose claims are still to be allocated, by place, so that two orders do not wait for each other.
func held(o *retail.Order) (parts []retail.Fulfillment) {
	for i := range o.Fulfillments {
		if o.Fulfillments[i].Claim.State == retail.ClaimHeld {
			parts = append(parts, o.Fulfillments[i])
		}
	}
	slices.SortStableFunc(parts, func(a, b retail.Fulfillment) int { return strings.Compare(a.LocationCode, b.LocationCode) })
	return parts
}

// pin keeps the holds of parts from expiring while their order is paid.
func (s *Service) pin(ctx context.Context, parts []retail.Fulfillment) error {
	var errs []error
	for i := range parts {
		if err := s.deps.Claims.Pin(ctx, parts[i].ClaimID); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func toCommit(o *retail.Order, _ time.Time) []string {
	return each(o, func(f *retail.Fulfillment) bool { return f.Claim.State == retail.ClaimAllocated && !f.Claim.Committed })
}

// commitClaim shows an allocation to readers.
func (s *Service) commitClaim(ctx context.Context, o *retail.Order, id string, _ *run) (*retail.Order, error) {
	if err := s.deps.Claims.Commit(ctx, part(o, id).ClaimID); err != nil {
		return nil, err
	}
	return s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, _ time.Time) error {
		f := part(o, id)
		if f.Claim.Committed {
			return retail.ErrUnchanged
		}
		f.Claim.Committed = true
		if f.Claim.State != retail.ClaimAllocated && f.Claim.State != retail.ClaimDone {
			f.Claim.Changes++ // released meanwhile: the projection must hear of it after this
		}
		return nil
	})
}

func toSettle(o *retail.Order, _ time.Time) []string {
	return each(o, func(f *retail.Fulfillment) bool { return f.Claim.Told < f.Claim.Changes })
}

// settleClaim lets the projection go of what the ledger has released.
func (s *Service) settleClaim(ctx context.Context, o *retail.Order, id string, _ *run) (*retail.Order, error) {
	f := part(o, id)
	changes := f.Claim.Changes
	if err := s.deps.Claims.Settle(ctx, f.ClaimID); err != nil && !retailCode(err, retail.CodeNotFound) &&
		!retail.Refused(err, retail.WhyNotFound) { // it was never held
		return nil, err
	}
	return s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, _ time.Time) error {
		f := part(o, id)
		if f.Claim.Told >= changes {
			return retail.ErrUnchanged
		}
		f.Claim.Told = changes
		return nil
	})
}
