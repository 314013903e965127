package returns_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
)

// invariants hold when everything is at rest, whatever happened on the way.
func (p *player) invariants() {
	p.t.Helper()
	o := p.w.order(orderID)
	paid, back := map[string]int64{}, int64(0)
	for _, pay := range o.Payments {
		paid[pay.Reference] = pay.Amount.Minor
	}
	if len(o.Refunds) != len(p.w.refunds) {
		p.t.Errorf("the order has %d refunds, the payment service %d", len(o.Refunds), len(p.w.refunds))
	}
	for _, r := range o.Refunds {
		paid[r.PaymentReference] -= r.Amount.Minor
		back += r.Amount.Minor
		if got := p.w.refunds[r.Reference]; r.Status != retail.RefundSucceeded || got.Status != r.Status || got.Amount != r.Amount {
			p.t.Errorf("refund %s is %s here and %s there", r.Reference, r.Status, got.Status)
		}
	}
	for ref, left := range paid {
		if left < 0 {
			p.t.Errorf("%d more than was paid went back to %s", -left, ref)
		}
	}
	owed, points, goods := p.books(o)
	if owed != back {
		p.t.Errorf("refunded %d, want %d", back, owed)
	}
	if points != -p.points() {
		p.t.Errorf("took back %d points, want %d", -p.points(), points)
	}
	for at, net := range p.w.net {
		if net != goods[at] {
			p.t.Errorf("the tills at %v count %d, want %d", at, net, goods[at])
		}
	}
	for id, c := range p.w.claims {
		if !c.State.Final() {
			p.t.Errorf("claim %s is %s", id, c.State)
		}
	}
	if len(p.w.view) > 0 {
		p.t.Errorf("the projection still counts %v", p.w.view)
	}
	for at, n := range p.w.open {
		if n != 0 {
			p.t.Errorf("%d units at %v are promised to nobody", n, at)
		}
	}
}

// books says what the order's returns must have moved: money, points, and the tills' counters.
func (p *player) books(o *retail.Order) (money int64, points int, goods map[pair]int) {
	goods = map[pair]int{}
	for at, n := range p.w.sold {
		goods[at] = n
	}
	back := map[string]int{}
	for _, r := range o.Returns {
		switch {
		case r.Status == retail.ReturnCancelled:
			continue
		case r.Status != retail.ReturnRefunded:
			p.t.Errorf("return %s stays %s", r.ID, r.Status)
		}
		money += r.Amount.Minor
		points += r.Saga.Points
		for _, l := range r.Lines {
			back[l.LineID+l.FulfillmentID] += l.Quantity
			if r.Way == retail.ReturnInStore {
				goods[pair{r.LocationCode, l.SKU}] -= l.Quantity
			}
		}
		if r.Exchange != nil && r.Exchange.TakenAt != nil {
			for _, l := range r.Exchange.Lines {
				money -= l.Price.Minor * int64(l.Quantity)
				goods[pair{r.LocationCode, l.SKU}] += l.Quantity
			}
		}
	}
	for _, f := range o.Fulfillments {
		for _, l := range f.Lines {
			if l.Returned != back[l.LineID+f.ID] || l.Returned > l.Quantity-l.Rejected {
				p.t.Errorf("line %s: %d units are returned, want %d", l.LineID, l.Returned, back[l.LineID+f.ID])
			}
		}
	}
	return money, points, goods
}

// outcome is what shopper and retailer care about in the end.
func (p *player) outcome() string {
	o := p.w.order(orderID)
	list := []string{string(o.Status), "refunded " + p.refunded(), fmt.Sprint("points ", p.points())}
	for _, r := range o.Returns {
		list = append(list, fmt.Sprint(r.Status, " ", r.Lines, r.Amount))
	}
	for at, net := range p.w.net {
		list = append(list, fmt.Sprint(at, net))
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// play runs a journey's actions with one trouble at one call and lets everything come to rest.
func play(t *testing.T, j journey, at int, what trouble, retry bool) *player {
	p := newPlayer(t)
	p.blind, p.retry = true, retry
	p.w.strikes[at] = what
	for _, line := range j.lines {
		if err := p.run(line); err != nil {
			t.Fatalf("%s\n  %v", line, err)
		}
	}
	p.w.settle(10 * time.Second)
	p.prompt()
	p.w.rest()
	return p
}

// prompt holds a moment after the last action: what a counter has in hand is not left for later.
func (p *player) prompt() {
	p.t.Helper()
	for _, r := range p.w.order(orderID).Returns {
		if r.AcceptedAt != nil && r.ReceivedAt == nil {
			p.t.Errorf("return %s is at a counter, and the till has not booked it", r.ID)
		}
		if r.Exchange != nil && r.Exchange.GivenUpAt != nil && !r.Saga.Settled {
			p.t.Errorf("the replacements of %s are given up, and the projection still counts them", r.ID)
		}
	}
}

// TestAProcessMayDieAnywhere plays every journey once for every call that the service makes, with the process killed before and
// after the call took effect. What was begun is finished by jobs alone, whether the client asks again or not.
func TestAProcessMayDieAnywhere(t *testing.T) { enumerate(t, dieBefore, dieAfter) }

// TestAnyCallMayFail is the same with a system that is silent and with a reply that is lost.
func TestAnyCallMayFail(t *testing.T) { enumerate(t, failBefore, failAfter) }

func enumerate(t *testing.T, troubles ...trouble) {
	for _, j := range journeys(t) {
		j.lines = slices.DeleteFunc(j.lines, func(line string) bool {
			return strings.HasPrefix(line, "fail ") || strings.HasPrefix(line, "lose ")
		})
		t.Run(j.name, func(t *testing.T) {
			calm := play(t, j, 0, 0, true)
			want, calls := calm.outcome(), calm.w.calls
			for _, what := range troubles {
				for at := 1; at <= calls; at++ {
					for _, retry := range []bool{true, false} {
						p := play(t, j, at, what, retry)
						p.invariants()
						if got := p.outcome(); retry && got != want {
							t.Errorf("outcome:\n%s\nwant:\n%s", got, want)
						}
						if t.Failed() {
							t.Fatalf("trouble %d at call %d of %d, the client asks again: %v", what, at, calls, retry)
						}
					}
				}
			}
		})
	}
}
