package returns

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// step is one durable step of a return: due looks at the record, do has its effect in another system, which bears being
// repeated by its reference, and then records it. A process that dies between the two repeats the effect, and nothing
// happens twice. moved is false when the step must wait for somebody else or be tried again; an error beside moved is a
// refusal, recorded as such.
type step struct {
	name string
	due  func(r *retail.Return, now time.Time) bool
	do   func(s *Service, ctx context.Context, o *retail.Order, r *retail.Return) (moved bool, err error)
}

// steps in the order in which they are looked at; what is due decides, not what was done last.
func steps() []step {
	return []step{
		{"hold the replacements", holdDue, (*Service).hold},
		{"let an exchange run out", expireDue, (*Service).expire},
		{"let go of the replacements", settleDue, (*Service).settle},
		{"announce the parcel", announceDue, (*Service).announce},
		{"show the replacements as sold", commitDue, (*Service).commit},
		{"book what the counter took", takeBackDue, (*Service).takeBack},
		{"look for the parcel", parcelDue, (*Service).parcel},
		{"hand over the replacements", handOverDue, (*Service).handOver},
		{"refund", refundDue, (*Service).refund},
		{"take points back", pointsDue, (*Service).takePoints},
		{"stop waiting for the goods", lapseDue, (*Service).lapse},
	}
}

// RunJob brings the returns of an order as far as they go now (retail.JobReturn). It does what a process left undone that
// died, and bears being run at any time, twice, and by two processes at once.
func (s *Service) RunJob(ctx context.Context, orderID string) error {
	o, err := s.deps.Ledger.Order(ctx, orderID)
	if err != nil {
		return err
	}
	var failed []error
	for _, r := range o.Returns {
		// What was refused is recorded as refused: there is nothing to try again.
		if _, stuck := s.bring(ctx, orderID, r.ID); stuck != nil {
			failed = append(failed, stuck)
		}
	}
	return errors.Join(failed...)
}

// bring does the steps that are due of one return until none is left that can move. A step that fails does not keep the others
// from being done. refused is what another system said no to for good, stuck what must be tried again.
func (s *Service) bring(ctx context.Context, orderID, returnID string) (refused, stuck error) {
	waiting := make(map[string]bool)
	all := steps()
	for range maxMoves {
		o, err := s.deps.Ledger.Order(ctx, orderID)
		if err != nil {
			return refused, errors.Join(stuck, err)
		}
		r := find(o, returnID)
		now := s.deps.Now()
		at := slices.IndexFunc(all, func(st step) bool { return r != nil && !waiting[st.name] && st.due(r, now) })
		if at < 0 {
			return refused, stuck
		}
		moved, err := all[at].do(s, ctx, o, r)
		switch {
		case err == nil:
		case moved:
			refused = errors.Join(refused, err)
		default:
			stuck = errors.Join(stuck, fmt.Errorf("returns: %s, %s: %w", all[at].name, reference(orderID, returnID), err))
		}
		waiting[all[at].name] = !moved || err != nil
	}
	return refused, errors.Join(stuck, retail.Errorf(retail.CodeInternal, "a return does not come to rest"))
}

// maxMoves is far above the number of steps that any return takes.
const maxMoves = 64

func holdDue(r *retail.Return, now time.Time) bool {
	return unclaimed(r) && now.Before(r.Exchange.HeldTo)
}

func (s *Service) hold(ctx context.Context, o *retail.Order, r *retail.Return) (bool, error) {
	err := s.claim(ctx, o.ID, r.ID)
	if _, refused := retail.RefusalsOf(err); refused {
		return true, nil // taken back; who asked has been told, or asks again
	}
	return err == nil, err
}

func expireDue(r *retail.Return, now time.Time) bool {
	return r.Exchange != nil && r.Status == retail.ReturnRequested && r.Exchange.GivenUpAt == nil && !r.Saga.Allocated &&
		!now.Before(r.Exchange.HeldTo)
}

func (s *Service) expire(ctx context.Context, o *retail.Order, r *retail.Return) (bool, error) {
	if !r.Saga.Claimed {
		err := s.drop(ctx, o.ID, r.ID)
		return err == nil, err
	}
	_, err := s.change(ctx, o.ID, r.ID, func(tx retail.Tx, _ *retail.Order, r *retail.Return) error {
		if !expireDue(r, s.deps.Now()) {
			return retail.ErrUnchanged
		}
		return s.giveUp(tx, r, retail.ClaimExpired)
	})
	return err == nil, err
}

func settleDue(r *retail.Return, _ time.Time) bool {
	return r.Exchange != nil && r.Exchange.GivenUpAt != nil && !r.Saga.Settled
}

// settle tells the projection after the ledger has closed the claim.
func (s *Service) settle(ctx context.Context, o *retail.Order, r *retail.Return) (bool, error) {
	if err := s.deps.Claims.Settle(ctx, r.Exchange.ClaimID); err != nil && !unknown(err) {
		return false, err
	}
	_, err := s.change(ctx, o.ID, r.ID, func(_ retail.Tx, _ *retail.Order, r *retail.Return) error {
		if r.Saga.Settled {
			return retail.ErrUnchanged
		}
		r.Saga.Settled = true
		return nil
	})
	return err == nil, err
}

// unknown reports that a claim never came to be.
func unknown(err error) bool {
	return retail.CodeOf(err) == retail.CodeNotFound || retail.Refused(err, retail.WhyNotFound)
}

func announceDue(r *retail.Return, _ time.Time) bool {
	return r.Way == retail.ReturnByPost && r.Status == retail.ReturnRequested && !r.Saga.Announced
}

func (s *Service) announce(ctx context.Context, o *retail.Order, r *retail.Return) (bool, error) {
	err := s.deps.Parcels.AnnounceReturn(ctx, o.Number, reference(o.ID, r.ID), r.LocationCode, receiptLines(r))
	if err != nil {
		return false, err
	}
	_, err = s.change(ctx, o.ID, r.ID, func(_ retail.Tx, _ *retail.Order, r *retail.Return) error {
		if r.Saga.Announced {
			return retail.ErrUnchanged
		}
		r.Saga.Announced = true
		return nil
	})
	return err == nil, err
}

// receiptLines sums the lines of a return by SKU, as a receipt names them.
func receiptLines(r *retail.Return) []retail.ReceiptLine {
	var list []retail.ReceiptLine
	for _, l := range r.Lines {
		at := slices.IndexFunc(list, func(have retail.ReceiptLine) bool { return have.SKU == l.SKU })
		if at < 0 {
			list = append(list, retail.ReceiptLine{SKU: l.SKU, Quantity: l.Quantity, Total: l.Amount})
			continue
		}
		list[at].Quantity += l.Quantity
		list[at].Total.Minor += l.Amount.Minor
	}
	return list
}

func commitDue(r *retail.Return, _ time.Time) bool {
	return r.Saga.Allocated && !r.Saga.Committed && !settled(r)
}

func (s *Service) commit(ctx context.Context, o *retail.Order, r *retail.Return) (bool, error) {
	if err := s.deps.Claims.Commit(ctx, r.Exchange.ClaimID); err != nil {
		return false, err
	}
	_, err := s.change(ctx, o.ID, r.ID, func(_ retail.Tx, _ *retail.Order, r *retail.Return) error {
		if r.Saga.Committed {
			return retail.ErrUnchanged
		}
		r.Saga.Committed = true
		return nil
	})
	return err == nil, err
}

func takeBackDue(r *retail.Return, _ time.Time) bool {
	return r.Status == retail.ReturnRequested && r.AcceptedAt != nil
}

// takeBack books the goods at a till of the store. The receipt names no card: the ERP hears of the points from takePoints, and
// a till that took them back as well would take them twice. A till that refuses leaves the goods with the shopper.
func (s *Service) takeBack(ctx context.Context, o *retail.Order, r *retail.Return) (bool, error) {
	receipt, err := s.deps.Tills.TakeBack(ctx, retail.ReturnGoods{
		Reference: reference(o.ID, r.ID), LocationCode: r.LocationCode, Lines: receiptLines(r), OriginalOrder: o.Number,
		At: *r.AcceptedAt,
	})
	if final(err) {
		_, cerr := s.change(ctx, o.ID, r.ID, func(tx retail.Tx, _ *retail.Order, r *retail.Return) error {
			if !takeBackDue(r, s.deps.Now()) {
				return retail.ErrUnchanged
			}
			r.AcceptedAt = nil
			if !settled(r) {
				return s.giveUp(tx, r, retail.ClaimReleased)
			}
			return nil
		})
		if cerr != nil {
			return false, cerr
		}
		return true, err
	}
	if err != nil {
		return false, err
	}
	_, err = s.change(ctx, o.ID, r.ID, func(_ retail.Tx, o *retail.Order, r *retail.Return) error {
		if !takeBackDue(r, s.deps.Now()) {
			return retail.ErrUnchanged
		}
		r.ReceiptNo = receipt.Number
		s.received(o, r, s.deps.Now())
		return nil
	})
	return err == nil, err
}

func parcelDue(r *retail.Return, _ time.Time) bool {
	return r.Way == retail.ReturnByPost && r.Saga.Announced && r.ReceivedAt == nil
}

// parcel asks whether the parcel has come. One that comes after the request was withdrawn or has lapsed counts all the same,
// unless the units came back by another way.
func (s *Service) parcel(ctx context.Context, o *retail.Order, r *retail.Return) (bool, error) {
	at, came, err := s.deps.Parcels.ReturnReceived(ctx, reference(o.ID, r.ID))
	if err != nil {
		return false, err
	}
	if !came {
		if r.Status != retail.ReturnRequested {
			return false, nil
		}
		return false, s.lookAgain(ctx, o.ID, r.ID, r.RequestedAt)
	}
	moved := false
	_, err = s.change(ctx, o.ID, r.ID, func(_ retail.Tx, o *retail.Order, r *retail.Return) error {
		moved = parcelDue(r, s.deps.Now()) && (r.Status == retail.ReturnRequested || stillOut(o, r))
		if !moved {
			return retail.ErrUnchanged
		}
		s.received(o, r, at)
		return nil
	})
	return moved && err == nil, err
}

// stillOut reports whether the units of a withdrawn return are still counted as the shopper's, and takes their present worth.
func stillOut(o *retail.Order, r *retail.Return) bool {
	for _, l := range r.Lines {
		for _, b := range batches(o, l.LineID) {
			if b.fulfillment == l.FulfillmentID && b.units-b.back < l.Quantity {
				return false
			}
		}
	}
	r.Amount = appraise(o, r.Lines)
	return true
}

// received records that the goods are back.
func (s *Service) received(o *retail.Order, r *retail.Return, at time.Time) {
	if at.IsZero() {
		at = s.deps.Now()
	}
	r.Status, r.ReceivedAt = retail.ReturnReceived, &at
	for _, l := range r.Lines {
		giveBack(o, l)
	}
	note(o, s.deps.Now(), retail.TimelineReturned, "")
	owe(o, r, s.deps.Now())
}

func giveBack(o *retail.Order, l retail.ReturnLine) {
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		for j := range f.Lines {
			if f.ID == l.FulfillmentID && f.Lines[j].LineID == l.LineID {
				f.Lines[j].Returned += l.Quantity
			}
		}
	}
}

func handOverDue(r *retail.Return, _ time.Time) bool {
	return r.Status == retail.ReturnReceived && r.Saga.Allocated && !settled(r)
}

// handOver books the replacements at the till, then shows in one instant that they left and are claimed no more, then closes the
// claim. A till that refuses leaves the return a plain one.
func (s *Service) handOver(ctx context.Context, o *retail.Order, r *retail.Return) (bool, error) {
	lines := make([]retail.TaskLine, len(r.Exchange.Lines))
	for i, l := range r.Exchange.Lines {
		paid := retail.Money{Minor: l.Price.Minor * int64(l.Quantity), CurrencyCode: l.Price.CurrencyCode}
		lines[i] = retail.TaskLine{SKU: l.SKU, Quantity: l.Quantity, Picked: l.Quantity, Paid: paid}
	}
	receipt, err := s.deps.Tills.HandOver(ctx, retail.HandOver{
		Reference: reference(o.ID, r.ID) + "/exchange", LocationCode: r.LocationCode, Lines: lines, At: *r.AcceptedAt,
	})
	if final(err) {
		_, cerr := s.change(ctx, o.ID, r.ID, func(tx retail.Tx, o *retail.Order, r *retail.Return) error {
			if !handOverDue(r, s.deps.Now()) {
				return retail.ErrUnchanged
			}
			if err := s.giveUp(tx, r, retail.ClaimReleased); err != nil {
				return err
			}
			owe(o, r, s.deps.Now())
			return nil
		})
		if cerr != nil {
			return false, cerr
		}
		return true, err
	}
	if err != nil {
		return false, err
	}
	if err := s.deps.Claims.Depart(ctx, r.Exchange.ClaimID, retail.Departure{Counts: receipt.Counts}); err != nil {
		return false, err
	}
	_, err = s.change(ctx, o.ID, r.ID, func(tx retail.Tx, o *retail.Order, r *retail.Return) error {
		if !handOverDue(r, s.deps.Now()) {
			return retail.ErrUnchanged
		}
		now := s.deps.Now()
		r.Exchange.TakenAt, r.Exchange.ReceiptNo = &now, receipt.Number
		note(o, now, retail.TimelineExchanged, "")
		owe(o, r, now)
		return tx.CloseClaim(r.Exchange.ClaimID, retail.ClaimDone)
	})
	return err == nil, err
}

func lapseDue(r *retail.Return, _ time.Time) bool {
	return r.Status == retail.ReturnRequested && r.AcceptedAt == nil
}

// lapse withdraws a request whose goods never came.
func (s *Service) lapse(ctx context.Context, o *retail.Order, r *retail.Return) (bool, error) {
	over := func(r *retail.Return) bool {
		now := s.deps.Now()
		return lapseDue(r, now) && !now.Before(r.RequestedAt.Add(s.config.LapseAfter))
	}
	if !over(r) {
		return false, nil
	}
	_, err := s.change(ctx, o.ID, r.ID, func(tx retail.Tx, o *retail.Order, r *retail.Return) error {
		if !over(r) {
			return retail.ErrUnchanged
		}
		return s.withdraw(tx, o, r, retail.ClaimExpired, "the goods never came")
	})
	return err == nil, err
}

// lookAgain schedules the next look unless one is scheduled already, less often the longer it takes. Several events about one
// return so keep one chain of jobs.
func (s *Service) lookAgain(ctx context.Context, orderID, returnID string, since time.Time) error {
	_, err := s.change(ctx, orderID, returnID, func(tx retail.Tx, o *retail.Order, r *retail.Return) error {
		now := s.deps.Now()
		if r.Saga.WakeAt.After(now.Add(s.config.LookFirst / 2)) {
			return retail.ErrUnchanged
		}
		r.Saga.WakeAt = now.Add(min(max(now.Sub(since)/4, s.config.LookFirst), s.config.LookMost))
		return tx.Enqueue(s.job(o.ID, r.Saga.WakeAt))
	})
	return err
}
