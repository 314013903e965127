package ordering

import (
	"context"
	"fmt"
	"time"

	"github.com/portico-retail/portico/retail"
)

// toTell reports whether a place or a courier has still to hear of a part, and may.
func toTell(o *retail.Order, f *retail.Fulfillment) bool { return cleared(o) && untold(o, f) }

// untold reports whether a place or a courier has still to hear of a part.
func untold(o *retail.Order, f *retail.Fulfillment) bool {
	return serving(o) && f.Status == retail.FulfillmentPending && f.TaskAt == nil && f.Stop == ""
}

func toSend(o *retail.Order, _ time.Time) []string {
	return each(o, func(f *retail.Fulfillment) bool { return f.Method.Visits() && toTell(o, f) })
}

// sendTask asks the place to prepare the goods.
func (s *Service) sendTask(ctx context.Context, o *retail.Order, id string, _ *run) (*retail.Order, error) {
	f := part(o, id)
	contact := o.Contact
	if f.Collector != nil {
		contact = *f.Collector
	}
	if err := s.deps.Stores.SendTask(ctx, retail.StoreTask{
		Reference: f.Reference(o.ID), OrderNumber: o.Number, Method: f.Method, LocationCode: f.LocationCode,
		Lines: taskLines(o, f, promised), Contact: contact, CardNumber: o.CardNumber, ReadyBy: f.Promise, Slot: f.Slot, Note: o.Note,
	}); err != nil {
		return nil, err
	}
	return s.accepted(ctx, o.ID, id, nil)
}

// accepted records that the place or the courier has heard of a part. One that was stopped meanwhile stays stopped: a task that
// comes after its cancellation is cancelled.
func (s *Service) accepted(ctx context.Context, orderID, id string, courier *retail.CourierState) (*retail.Order, error) {
	return s.record(ctx, orderID, func(tx retail.Tx, o *retail.Order, now time.Time) error {
		f := part(o, id)
		if !toTell(o, f) {
			return retail.ErrUnchanged
		}
		f.TaskAt, f.Status = &now, retail.FulfillmentAccepted
		tell(o, now, retail.TimelineTaskSent, id, "")
		if courier == nil {
			return nil
		}
		return s.applyDelivery(tx, o, f, *courier, now) // the answer to a repetition may be far ahead
	})
}

// taskLines are a part's units by SKU with what was paid for them.
func taskLines(o *retail.Order, f *retail.Fulfillment, units func(*retail.FulfillmentLine) int) []retail.TaskLine {
	var lines []retail.TaskLine
	for _, c := range claimLines(f, units) {
		t := retail.TaskLine{SKU: c.SKU, Quantity: c.Quantity, Paid: retail.Money{CurrencyCode: o.Totals.Total.CurrencyCode}}
		for i := range f.Lines {
			if l := &f.Lines[i]; l.SKU == c.SKU {
				t.Paid.Minor += paidFor(o, l, units(l))
			}
		}
		lines = append(lines, t)
	}
	return lines
}

// paidFor is what the shopper paid for the first units of a part's line. Parts share an order line out one behind the other, so
// that all shares add up to it; whatever is told twice is told the same.
func paidFor(o *retail.Order, l *retail.FulfillmentLine, units int) int64 {
	ol := line(o, l.LineID)
	if ol == nil {
		return 0
	}
	return ol.Price.Share(l.Offset+units, ol.Quantity).Minor - ol.Price.Share(l.Offset, ol.Quantity).Minor
}

func openTasks(o *retail.Order, _ time.Time) []string {
	return each(o, func(f *retail.Fulfillment) bool {
		return f.Method.Visits() && f.TaskAt != nil && !f.Status.Final() && f.Stop == ""
	})
}

// askTask learns how a task stands.
func (s *Service) askTask(ctx context.Context, o *retail.Order, id string, _ *run) (*retail.Order, error) {
	state, err := s.deps.Stores.Task(ctx, part(o, id).Reference(o.ID))
	if err != nil {
		return nil, err
	}
	return s.record(ctx, o.ID, func(tx retail.Tx, o *retail.Order, now time.Time) error {
		f := part(o, id)
		if f.Status.Final() || f.Stop != "" {
			return retail.ErrUnchanged
		}
		return s.applyTask(tx, o, f, state, now)
	})
}

// applyTask records how a task stands. States may be told again and out of order; a part never goes back.
func (s *Service) applyTask(
	tx retail.Tx, o *retail.Order, f *retail.Fulfillment, state retail.TaskState, now time.Time,
) error {
	waiting := f.Status == retail.FulfillmentPending || f.Status == retail.FulfillmentAccepted
	switch state.Status {
	case retail.TaskPicking:
		if !waiting {
			return retail.ErrUnchanged
		}
		f.Status = retail.FulfillmentPreparing
		tell(o, now, retail.TimelinePreparing, f.ID, "")
		return nil
	case retail.TaskPicked:
		return s.picked(tx, o, f, state, now)
	case retail.TaskRejected, retail.TaskCancelled:
		return s.reject(tx, o, f, everything(f), now)
	case retail.TaskHandedOver:
		if err := s.picked(tx, o, f, state, now); err != nil && !unchanged(err) {
			return err
		}
		return collected(tx, o, f, state.ReceiptNo, now)
	}
	return retail.ErrUnchanged
}

// picked records what the place found and what it did not.
func (s *Service) picked(
	tx retail.Tx, o *retail.Order, f *retail.Fulfillment, state retail.TaskState, now time.Time,
) error {
	missing := newlyMissing(f, state.Lines)
	if collectable(f) && len(missing) == 0 {
		return retail.ErrUnchanged
	}
	if len(missing) > 0 {
		if err := s.reject(tx, o, f, missing, now); err != nil || f.Status == retail.FulfillmentRejected {
			return err
		}
	}
	for i := range f.Lines {
		f.Lines[i].Picked = kept(&f.Lines[i])
	}
	if f.Decision != nil {
		f.Status = retail.FulfillmentPartial
		tell(o, now, retail.TimelinePartiallyReady, f.ID, "")
	} else {
		f.Status = retail.FulfillmentReady
		tell(o, now, retail.TimelineReady, f.ID, "")
	}
	if f.ReadyAt == nil {
		by := s.collectBy(f, now)
		f.ReadyAt, f.CollectBy = &now, &by
	}
	return nil
}

// newlyMissing shares what the place rejected of each SKU out among the part's lines and takes off what is known already.
func newlyMissing(f *retail.Fulfillment, lines []retail.TaskLine) map[int]int {
	missing := map[int]int{}
	for _, t := range lines {
		left := t.Rejected
		for i := range f.Lines {
			l := &f.Lines[i]
			if l.SKU != t.SKU {
				continue
			}
			of := min(max(left, 0), l.Quantity)
			left -= of
			if more := of - l.Rejected; more > 0 {
				missing[i] = more
			}
		}
	}
	return missing
}

// everything is all that a part could still give.
func everything(f *retail.Fulfillment) map[int]int {
	missing := map[int]int{}
	for i := range f.Lines {
		if n := kept(&f.Lines[i]); n > 0 {
			missing[i] = n
		}
	}
	return missing
}

// reject records units that the place cannot give, by index of the part's lines, and asks the shopper what to do about them.
// Nothing is sent from elsewhere in silence.
func (s *Service) reject(tx retail.Tx, o *retail.Order, f *retail.Fulfillment, missing map[int]int, now time.Time) error {
	if f.Decision == nil {
		f.Decision = &retail.Decision{AskedAt: now, AnswerBy: now.Add(s.config.AnswerWithin)}
	}
	units, left := 0, 0
	var shrink []retail.ClaimLine
	for i := range f.Lines {
		l := &f.Lines[i]
		if n := missing[i]; n > 0 {
			l.Rejected += n
			l.Picked = min(l.Picked, kept(l))
			units += n
			shrink = append(shrink, retail.ClaimLine{SKU: l.SKU, Quantity: n})
			ask(f.Decision, l, n)
		}
		left += kept(l)
	}
	tell(o, now, retail.TimelineStoreRejected, f.ID, fmt.Sprintf("%d", units))
	if left == 0 {
		f.Status = retail.FulfillmentRejected
		return release(tx, o, f)
	}
	if f.Claim.State != retail.ClaimAllocated {
		return nil
	}
	f.Claim.Changes++
	return tx.ShrinkClaim(f.ClaimID, bySKU(shrink))
}

// ask adds units to the question to the shopper.
func ask(d *retail.Decision, l *retail.FulfillmentLine, units int) {
	for i := range d.Lines {
		if d.Lines[i].LineID == l.LineID {
			d.Lines[i].Rejected += units
			return
		}
	}
	d.Lines = append(d.Lines, retail.FulfillmentLine{LineID: l.LineID, SKU: l.SKU, Quantity: l.Quantity, Rejected: units})
}

// collectBy is the end of the day on which a ready part must be fetched: the place's first closing time after the days it waits.
func (s *Service) collectBy(f *retail.Fulfillment, ready time.Time) time.Time {
	by := ready.Add(s.config.CollectWithin)
	if f.Slot != nil && f.Slot.EndsAt.After(ready) {
		by = f.Slot.EndsAt.Add(s.config.CollectWithin)
	}
	if place, ok := s.deps.Places.ByCode(f.LocationCode); ok {
		if windows := place.Windows(by, 14); len(windows) > 0 {
			by = windows[0].Closes
		}
	}
	return by
}

// collectable reports whether goods of the part lie ready for the shopper.
func collectable(f *retail.Fulfillment) bool {
	return f.Method.Visits() && (f.Status == retail.FulfillmentReady || f.Status == retail.FulfillmentPartial)
}
