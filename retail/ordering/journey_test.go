package ordering_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/ordering"
)

// journey is what a shopper and the staff do, and how it all ends.
type journey struct {
	name    string
	actor   retail.Actor
	coupons []string
	lines   []string
	prepare func(w *world)
	acts    func(j *trip)
	want    string // see trip.story
	or      string // how it may end as well when a call fails
}

// trip is a journey under way.
type trip struct {
	*world
	journey journey
	id      string // of the order
	said    []string
}

func (j *trip) say(what string, err error) {
	if err == nil {
		return
	}
	list, ok := retail.RefusalsOf(err)
	if !ok {
		j.t.Errorf("%s: %v", what, err)
		return
	}
	j.said = append(j.said, what+" "+string(list[0].Why))
}

func (j *trip) checkout(change ...func(*ordering.CheckoutRequest)) {
	req := ordering.CheckoutRequest{
		Actor: j.journey.actor, Key: "k-1", CartID: "cart", CartVersion: 1, Contact: contact, Channel: retail.ChannelApp,
	}
	for _, c := range change {
		c(&req)
	}
	j.id = ordering.OrderID(req.Actor.Key(), req.Key)
	j.say("checkout", j.request(func(s *ordering.Service) error {
		_, err := s.Checkout(context.Background(), req)
		return err
	}))
}

func (j *trip) pay(method string) {
	j.say("pay", j.request(func(s *ordering.Service) error {
		_, err := s.Pay(context.Background(), ordering.PayRequest{
			Actor: j.journey.actor, Key: "pay " + method, OrderID: j.id, Method: method,
		})
		return err
	}))
}

func (j *trip) cancel() {
	j.say("cancel", j.request(func(s *ordering.Service) error {
		_, err := s.Cancel(context.Background(), j.journey.actor, j.id)
		return err
	}))
}

func (j *trip) answer(part string, choice ordering.Choice, place string) {
	j.say("answer", j.request(func(s *ordering.Service) error {
		_, err := s.Answer(context.Background(), ordering.AnswerRequest{
			Actor: j.journey.actor, Key: "answer", OrderID: j.id, FulfillmentID: part, Choice: choice, LocationRef: place,
		})
		return err
	}))
}

// decide is an operator's look at the order.
func (j *trip) decide(decision retail.ReviewDecision) {
	j.say("decide", j.request(func(s *ordering.Service) error {
		_, err := s.Decide(context.Background(), operator, j.id, decision)
		return err
	}))
}

// collect shows the code at the counter.
func (j *trip) collect(part string) {
	j.say("collect", j.request(func(s *ordering.Service) error {
		if o := j.order(); o.Saga.WakeAt.IsZero() || fulfillment(o, part).Status == retail.FulfillmentCollected {
			return nil // repeated after it took effect
		}
		code, err := s.PickupCode(context.Background(), j.journey.actor, j.id, part)
		if err != nil {
			return err
		}
		_, err = s.HandOver(context.Background(), associate, "hand over "+part, j.id, part, code)
		return err
	}))
}

func fulfillment(o *retail.Order, id string) *retail.Fulfillment {
	return &o.Fulfillments[slices.IndexFunc(o.Fulfillments, func(f retail.Fulfillment) bool { return f.ID == id })]
}

// order reads the stored order, past the fuse.
func (j *trip) order() *retail.Order {
	j.mu.Lock()
	defer j.mu.Unlock()
	o, err := fakeLedger{j.world}.load(j.id)
	if err != nil {
		j.t.Fatalf("%v", err)
	}
	return o
}

// notify is a webhook, told twice.
func (j *trip) notify(event string) {
	for range 2 {
		j.say("notify", j.request(func(s *ordering.Service) error {
			return s.Notified(context.Background(), event, j.order().Number)
		}))
	}
}

// story tells how the journey stands, without anything that depends on when.
func (j *trip) story() string { return strings.Join(append(slices.Clone(j.said), j.ending()), "; ") }

// ending is the story without what was refused on the way.
func (j *trip) ending() string {
	if _, known := j.books.orders[j.id]; !known {
		return "no order"
	}
	o := j.order()
	var story []string
	status := string(o.Status)
	if o.Cancel != nil {
		status += " " + string(o.Cancel.Reason)
	}
	story = append(story, status)
	for _, f := range o.Fulfillments {
		story = append(story, fmt.Sprintf("%s %s %s claim %s", f.ID, f.LocationCode, f.Status, f.Claim.State))
	}
	var paid, back int64
	for _, p := range j.shop.payments {
		paid += int64(p.charges) * p.Amount.Minor
	}
	for _, r := range j.shop.refunds {
		back += r.Amount.Minor
	}
	if paid > 0 {
		story = append(story, fmt.Sprintf("paid %d back %d", paid, back))
	}
	for number, used := range j.erp.coupons {
		story = append(story, fmt.Sprintf("coupon %s used %v", number, used != ""))
	}
	for _, n := range j.erp.points {
		story = append(story, fmt.Sprintf("points %d", n))
	}
	return strings.Join(story, "; ")
}

// start sets the journey's world up.
func (j journey) start(t report) *trip {
	w := newWorld(t)
	w.cart("cart", j.actor, j.coupons, j.lines...)
	if j.prepare != nil {
		j.prepare(w)
	}
	return &trip{world: w, journey: j}
}

// finish runs the journey and checks what must hold however it went.
func (j *trip) finish() {
	j.journey.acts(j)
	j.settle(10 * 24 * time.Hour)
	j.check()
}

// mayPrepare makes sure that no place and no courier hears of an order that nobody has assessed or that is in review. The caller
// holds the lock.
func (w *world) mayPrepare(reference string) {
	id, _, _ := strings.Cut(reference, "/")
	if o := w.books.orders[id]; o != nil && (!o.Saga.Assessed || o.Review != nil && o.Review.Status == retail.ReviewOpen) {
		w.t.Errorf("%s is asked for while the order waits: assessed %v, review %+v", reference, o.Saga.Assessed, o.Review)
	}
}

// check is what must hold once everything is at rest.
func (w *world) check() {
	w.t.Helper()
	if len(w.books.jobs) > 0 {
		w.t.Errorf("jobs are left: %v", w.books.jobs)
	}
	expect := map[string]int{}
	slots := 0
	for id := range w.books.orders {
		o, _ := fakeLedger{w}.load(id)
		w.checkOrder(o, expect)
		for i := range o.Fulfillments {
			if _, booked := w.books.slots[o.Fulfillments[i].Reference(o.ID)]; booked {
				slots++
			}
		}
	}
	if slots > 0 || len(w.books.slots) > 0 {
		w.t.Errorf("slots are taken: %v", w.books.slots)
	}
	for p, units := range w.books.open {
		if units != 0 {
			w.t.Errorf("%d units of %s are still allocated", units, p)
		}
	}
	for id, c := range w.books.claims {
		if !c.State.Final() || w.shown[id] != c.State {
			w.t.Errorf("claim %s is %s in the ledger and %s in the projection", id, c.State, w.shown[id])
		}
	}
	for p, units := range w.left {
		if units != expect[p] || units > w.onHand[p] {
			w.t.Errorf("%d units of %s left, %d were given out, %d were there", units, p, expect[p], w.onHand[p])
		}
	}
	rows := 0
	for id := range w.books.orders {
		rows += len(w.books.orders[id].Refunds)
	}
	if rows != len(w.shop.refunds) {
		w.t.Errorf("%d refunds were paid, the orders know of %d", len(w.shop.refunds), rows)
	}
	for id, a := range w.books.alerts {
		if a.ClearedAt == nil {
			w.t.Errorf("alert %s is still there", id)
		}
	}
}

func (w *world) checkOrder(o *retail.Order, given map[string]int) {
	w.t.Helper()
	if o.Status != retail.OrderCompleted && o.Status != retail.OrderCancelled || !o.Saga.WakeAt.IsZero() {
		w.t.Errorf("order is not at rest: %s, wakes %s", o.Status, o.Saga.WakeAt)
	}
	if in, placed := w.shop.orders[o.Number]; placed && (w.shop.statuses[o.Number] != o.Status || in != o.Totals.Total) {
		w.t.Errorf("the shop says %s, the order is %s", w.shop.statuses[o.Number], o.Status)
	}
	keeps := int64(0)
	units := map[string]int{}
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		gone := f.Status == retail.FulfillmentCollected || f.Status == retail.FulfillmentDelivered
		if !f.Status.Final() || f.Decision != nil || f.Stop != "" {
			w.t.Errorf("part %s is not at rest: %+v", f.ID, f)
		}
		for _, l := range f.Lines {
			if n := l.Quantity - l.Refunded - l.Moved; gone {
				given[pair(f.LocationCode, l.SKU)] += n
				units[l.LineID] += n
			} else if n != 0 && o.Saga.PaidBy != "" {
				w.t.Errorf("%d units of %s in %s were neither given nor refunded", n, l.SKU, f.ID)
			}
		}
		if task := w.stores.tasks[f.Reference(o.ID)]; task != nil {
			over := task.Status == retail.TaskHandedOver
			if over != (f.Status == retail.FulfillmentCollected) || !over && task.Status != retail.TaskCancelled && task.Status != retail.TaskRejected {
				w.t.Errorf("part %s is %s, its task is %s", f.ID, f.Status, task.Status)
			}
		}
	}
	for _, l := range o.Lines {
		keeps += l.Price.Total.Minor - l.Price.Share(l.Quantity-units[l.ID], l.Quantity).Minor
	}
	if o.Status == retail.OrderCompleted {
		keeps += o.Totals.Delivery.Minor
	} else {
		keeps = 0
	}
	w.checkMoney(o, keeps)
	for _, number := range o.Coupons {
		if used := w.erp.coupons[number]; o.Status == retail.OrderCancelled && used == o.Number {
			w.t.Errorf("coupon %s of a cancelled order is used", number)
		}
	}
}

// checkMoney makes sure that the shop holds exactly what the kept goods cost.
func (w *world) checkMoney(o *retail.Order, keeps int64) {
	w.t.Helper()
	has := int64(0)
	for _, p := range w.shop.payments {
		if p.order == o.Number {
			has += int64(p.charges) * p.Amount.Minor
		}
		if p.charges > 1 {
			w.t.Errorf("payment %s was charged %d times", p.Reference, p.charges)
		}
	}
	for _, r := range o.Refunds {
		if w.shop.refunds[r.Reference] == nil || r.Status != retail.RefundSucceeded {
			w.t.Errorf("refund %s was not paid", r.Reference)
			continue
		}
		has -= w.shop.refunds[r.Reference].Amount.Minor
	}
	if has != keeps {
		w.t.Errorf("the shop holds %d for goods of %d", has, keeps)
	}
}

func TestJourneys(t *testing.T) {
	for _, j := range journeys() {
		t.Run(j.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				trip := j.start(t)
				trip.finish()
				if got := trip.story(); got != j.want {
					t.Errorf("got  %s\nwant %s", got, j.want)
				}
			})
		})
	}
}
