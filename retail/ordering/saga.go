package ordering

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/portico-retail/portico/retail"
)

// step is one durable step of an order. Its effect outside is idempotent by a reference derived from the order, so it comes
// first and the record of it second: a process that dies in between leaves a step that is due still, and the next one
// repeats it. Where a step must not be overtaken (a payment, a stop), the intention is recorded first instead.
type step struct {
	name string
	// due lists what the step is due for in the state recorded: fulfillments, payments, refunds, or "" for the whole order.
	due func(o *retail.Order, now time.Time) []string
	// do takes the step and returns the order as it is recorded then.
	do func(ctx context.Context, o *retail.Order, key string, r *run) (*retail.Order, error)
	// ask marks questions: what they are due for stays due until the answer changes. They are put once per run, and their
	// next time is a matter of patience (see patience).
	ask bool
	// inline tells the questions that are worth the time of a request; nil when none is.
	inline func(r *run, key string) bool
}

// run is one go at an order.
type run struct {
	ask      bool                          // put every question
	pay      string                        // payment to start now
	receipts map[string]retail.TillReceipt // of hand-overs made in this run, by fulfillment
}

// saga is the whole purchase. The order of the table is the order in which steps that are due together are taken: money first,
// then what the shopper waits for, then what only the books wait for.
func (s *Service) saga() []step {
	return []step{
		{name: "give up placing", due: s.placingOverdue, do: s.giveUpPlacing},
		{name: "claim stock", due: toClaim, do: s.claimStock},
		{name: "redeem coupons", due: toRedeem, do: s.redeemCoupons},
		{name: "place in shop", due: toPlace, do: s.placeInShop},
		{name: "give up waiting", due: unpaid, do: s.giveUpWaiting},
		{name: "void payment", due: toVoid, do: s.voidPayment},
		{name: "cancel unpaid", due: toCancel, do: s.cancelUnpaid},
		{name: "sell for nothing", due: free, do: s.sellForNothing},
		{name: "commit claim", due: toCommit, do: s.commitClaim},
		{name: "ask payment", due: askable, do: s.askPayment, ask: true, inline: toStart},
		{name: "assess", due: toAssess, do: s.assess},
		{name: "end review", due: undecidedReview, do: s.endReview},
		{name: "send task", due: toSend, do: s.sendTask},
		{name: "request delivery", due: toRequest, do: s.requestDelivery},
		{name: "ask task", due: openTasks, do: s.askTask, ask: true},
		{name: "ask delivery", due: openDeliveries, do: s.askDelivery, ask: true},
		{name: "give up collection", due: uncollected, do: s.giveUpCollection},
		{name: "stop", due: toStop, do: s.stop},
		{name: "decide for shopper", due: undecided, do: s.decideForShopper},
		{name: "depart", due: toDepart, do: s.depart},
		{name: "refund", due: openRefunds, do: s.refund, ask: true, inline: always},
		{name: "repeat cancellation", due: s.toRepeat, do: s.repeatCancellation},
		{name: "report status", due: toReport, do: s.reportStatus},
		{name: "settle claim", due: toSettle, do: s.settleClaim},
		{name: "release coupons", due: toRelease, do: s.releaseCoupons},
		{name: "close cart", due: toClose, do: s.closeCart},
		{name: "book points", due: toBook, do: s.bookPoints},
	}
}

// Advance does whatever the recorded state of an order says is next, one durable step at a time, until it must wait. It asks
// the shop, the tills and the couriers about everything that is open. A step that fails holds up none that does not need
// it; the failures come back joined.
func (s *Service) Advance(ctx context.Context, orderID string) error {
	o, err := s.drive(ctx, orderID, &run{ask: true})
	if o == nil {
		return err
	}
	return errors.Join(err, s.park(ctx, o, err != nil))
}

// RunJob handles retail.JobOrder. What fails is tried again by a later job of the order's own, so that only a silent ledger is
// an error and jobs of one order do not pile up.
func (s *Service) RunJob(ctx context.Context, orderID string) error {
	o, err := s.drive(ctx, orderID, &run{ask: true})
	switch {
	case retailCode(err, retail.CodeNotFound) && o == nil:
		return nil // a feed may name orders that are not of this ledger
	case o == nil:
		return err
	}
	return s.park(ctx, o, err != nil)
}

// Bounds of one go: how often one step may be taken for one thing, and how many steps in all.
const (
	maxRepeats = 4
	maxSteps   = 500
)

// drive takes steps until none is due that has not failed. The order that it returns is nil when it could not be loaded.
func (s *Service) drive(ctx context.Context, id string, r *run) (*retail.Order, error) {
	o, err := s.deps.Ledger.Order(ctx, id)
	if err != nil {
		return nil, err
	}
	taken, failures := map[string]int{}, []error(nil)
	for range maxSteps {
		st, key := s.next(o, r, taken)
		if st == nil || ctx.Err() != nil {
			break
		}
		name := st.name + "\x00" + key
		taken[name]++
		if st.ask {
			taken[name] = maxRepeats
		}
		after, err := st.do(ctx, o, key, r)
		if err != nil {
			taken[name] = maxRepeats
			failures = append(failures, s.failed(ctx, o, st, err))
		} else {
			s.counts.WithLabelValues(st.name, "done").Inc()
		}
		if after != nil {
			o = after
		}
	}
	return o, errors.Join(append(failures, ctx.Err())...)
}

// failed counts and logs a failure, which no request may be there to hear of.
func (s *Service) failed(ctx context.Context, o *retail.Order, st *step, err error) error {
	s.counts.WithLabelValues(st.name, "failed").Inc()
	level := slog.LevelWarn
	if retail.CodeOf(err) == retail.CodeUpstreamUnavailable && o.Saga.Failures == 0 {
		level = slog.LevelDebug // a system that is a moment behind; the next look finds it
	}
	s.deps.Log.Log(ctx, level, "a step of an order failed", "order", o.ID, "step", st.name, "error", err)
	return fmt.Errorf("ordering: %s: %w", st.name, err)
}

// next is the first step that is due and has not been taken too often in this go.
func (s *Service) next(o *retail.Order, r *run, taken map[string]int) (*step, string) {
	now := s.deps.Now()
	for i := range s.steps {
		st := &s.steps[i]
		asked := !st.ask || r.ask
		for _, key := range st.due(o, now) {
			if !asked && (st.inline == nil || !st.inline(r, key)) {
				continue
			}
			if taken[st.name+"\x00"+key] < maxRepeats {
				return st, key
			}
		}
	}
	return nil, ""
}

// busy reports whether a step is due that is no question.
func (s *Service) busy(o *retail.Order, now time.Time) bool {
	for i := range s.steps {
		if st := &s.steps[i]; !st.ask && len(st.due(o, now)) > 0 {
			return true
		}
	}
	return false
}

func always(*run, string) bool { return true }

func toStart(r *run, reference string) bool { return r.pay == reference }

// due helpers: whole is a step of the order, each one of its fulfillments.
func whole(due bool) []string {
	if due {
		return []string{""}
	}
	return nil
}

func each(o *retail.Order, due func(f *retail.Fulfillment) bool) (ids []string) {
	for i := range o.Fulfillments {
		if due(&o.Fulfillments[i]) {
			ids = append(ids, o.Fulfillments[i].ID)
		}
	}
	return ids
}
