package ordering

import (
	"context"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// record changes the stored order and, in the same transaction, everything that follows from the change: the order's status,
// refunds, alerts, events and the job that looks next. change checks again that it is still due, because two processes may
// have come to it at once; it returns retail.ErrUnchanged, before touching anything, when it is not.
func (s *Service) record(
	ctx context.Context, id string, change func(tx retail.Tx, o *retail.Order, now time.Time) error,
) (*retail.Order, error) {
	return s.deps.Ledger.UpdateOrder(ctx, id, func(tx retail.Tx, o *retail.Order) error {
		now, was := s.deps.Now(), standing(o)
		if err := change(tx, o, now); err != nil {
			return err
		}
		return s.follow(tx, o, was, now)
	})
}

// follow derives what the changed order entails.
func (s *Service) follow(tx retail.Tx, o *retail.Order, was map[string]string, now time.Time) error {
	s.progress(o, now)
	oweRefunds(o, now)
	if err := s.alert(tx, o, now); err != nil {
		return err
	}
	if events := news(o, was, now); len(events) > 0 {
		if err := tx.Emit(events...); err != nil {
			return err
		}
	}
	return s.schedule(tx, o, now)
}

// schedule sees to it that every stored state has a job no later than its next time. An earlier job that is still to come
// will look and schedule again, so it is left alone: there is about one job per order at any time.
func (s *Service) schedule(tx retail.Tx, o *retail.Order, now time.Time) error {
	want := s.wake(o, now)
	if want.IsZero() {
		o.Saga.WakeAt = time.Time{}
		return nil
	}
	if o.Saga.WakeAt.After(now) && !o.Saga.WakeAt.After(want) {
		return nil
	}
	o.Saga.WakeAt = want
	return tx.Enqueue(retail.Job{Kind: retail.JobOrder, Key: o.ID, At: want})
}

// wake is when somebody must look at the order again; zero when it is at rest.
func (s *Service) wake(o *retail.Order, now time.Time) time.Time {
	var next time.Time
	busy := s.busy(o, now)
	if busy {
		next = now.Add(s.config.TakeOver)
		if o.Saga.Failures > 0 {
			next = now.Add(min(s.config.PollLeast<<o.Saga.Failures, s.config.PollMost))
		}
	}
	for _, at := range slices.Concat(s.deadlines(o, now), s.patience(o, now)) {
		if busy && !at.After(now) {
			continue // what is due since then is what the order is busy with
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// deadlines are instants at which a step or an alert becomes due by itself.
func (s *Service) deadlines(o *retail.Order, now time.Time) (list []time.Time) {
	if o.Status == retail.OrderPendingPayment {
		list = append(list, o.PayBy)
	}
	if inReview(o) {
		list = append(list, o.Review.DecideBy)
	}
	if repeatable(o) {
		list = append(list, s.repeatAt(o))
	}
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		if f.Decision != nil {
			list = append(list, f.Decision.AnswerBy)
		}
		if collectable(f) && f.CollectBy != nil {
			list = append(list, *f.CollectBy)
		}
	}
	for _, a := range s.troubles(o) {
		if a.DueAt.After(now) {
			list = append(list, a.DueAt)
		}
	}
	return list
}

// patience is when to ask again about what is open: often while it is young, less as it grows old.
func (s *Service) patience(o *retail.Order, now time.Time) (list []time.Time) {
	again := func(since time.Time, most time.Duration) {
		list = append(list, now.Add(min(max(now.Sub(since)/4, s.config.PollLeast), most)))
	}
	for i := range o.Payments {
		if p := &o.Payments[i]; p.Status == retail.PaymentPending {
			again(p.StartedAt, s.config.PollMost)
		}
	}
	for _, id := range openTasks(o, now) {
		again(*part(o, id).TaskAt, s.config.TaskMost)
	}
	for _, id := range openDeliveries(o, now) {
		again(*part(o, id).TaskAt, s.config.PollMost)
	}
	for i := range o.Refunds {
		if r := &o.Refunds[i]; ours(o, r) && r.Status == retail.RefundPending {
			again(r.AskedAt, s.config.PollMost)
		}
	}
	return list
}

// park makes sure that somebody looks at the order again after a go that has nothing left to do, or could not do it.
func (s *Service) park(ctx context.Context, o *retail.Order, failed bool) error {
	now := s.deps.Now()
	soon := now.Add(maxSkew)
	if want := s.wake(o, now); !failed && o.Saga.Failures == 0 && want.IsZero() == o.Saga.WakeAt.IsZero() &&
		(want.IsZero() || o.Saga.WakeAt.After(soon)) && !s.overdue(o, now) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), parkTimeout)
	defer cancel()
	_, err := s.record(ctx, o.ID, func(_ retail.Tx, o *retail.Order, _ time.Time) error {
		if !o.Saga.WakeAt.After(soon) {
			o.Saga.WakeAt = time.Time{} // the job of then is most likely the one that is running
		}
		if failed {
			o.Saga.Failures = min(o.Saga.Failures+1, maxFailures)
		} else {
			o.Saga.Failures = 0
		}
		return nil
	})
	return err
}

// The time to say when to look again, which a request that was cancelled does not have any more; and the failures after which
// the wait grows no longer.
const (
	parkTimeout = 5 * time.Second
	maxSkew     = 250 * time.Millisecond // of the clock that starts jobs, behind or ahead of ours
	maxFailures = 16
)

// standing is how an order and its parts stand, by fulfillment id, "" for the order.
func standing(o *retail.Order) map[string]string {
	m := map[string]string{"": string(o.Status)}
	for i := range o.Fulfillments {
		m[o.Fulfillments[i].ID] = string(o.Fulfillments[i].Status)
	}
	return m
}

// news are the events of a change: one for the order, one for each part that stands otherwise.
func news(o *retail.Order, was map[string]string, now time.Time) (events []retail.Event) {
	event := func(data map[string]string) {
		data["number"], data["status"] = o.Number, string(o.Status)
		events = append(events, retail.Event{Kind: retail.EventOrderStatus, Subject: o.ID, At: now, Data: data})
	}
	if was[""] != string(o.Status) {
		event(map[string]string{"was": was[""]})
	}
	for i := range o.Fulfillments {
		if f := &o.Fulfillments[i]; was[f.ID] != string(f.Status) {
			event(map[string]string{"fulfillmentId": f.ID, "fulfillmentStatus": string(f.Status), "locationCode": f.LocationCode})
		}
	}
	return events
}
