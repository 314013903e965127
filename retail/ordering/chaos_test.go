package ordering_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/ordering"
)

// verdict collects what a world complains about.
type verdict struct {
	mu   sync.Mutex
	list []string
}

func (v *verdict) Helper() {}

func (v *verdict) Errorf(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.list = append(v.list, fmt.Sprintf(format, args...))
}

func (v *verdict) Fatalf(format string, args ...any) {
	v.Errorf(format, args...)
	panic(v)
}

// chaos is random shopping by several people for the same scarce goods, while calls fail before and after they act, processes die
// in the middle, requests and jobs run at the same time, and events come twice.
type chaos struct {
	*world
	mu     sync.Mutex
	random *rand.Rand
	trips  []*trip
	faults int // still to come
}

func (c *chaos) n(below int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.IntN(below)
}

// trouble breaks some calls, and lets every call take a little time, so that concurrent ones interleave.
func (c *chaos) trouble(_ int, name string, _ bool) error {
	<-time.After(time.Duration(c.n(40)) * time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults == 0 || c.random.IntN(12) > 0 {
		return nil
	}
	c.faults--
	if c.random.IntN(4) == 0 {
		panic(killed{name})
	}
	return retail.Unavailable(retail.SourceShop, errBroken)
}

// act is one thing that somebody does. The code is a draw of rapid's.
func (c *chaos) act(code int) {
	t := c.trips[code%len(c.trips)]
	part := fmt.Sprintf("f%d", 1+code/7%3)
	code /= 21
	var o *retail.Order
	if known := c.books.orders[t.id]; known != nil {
		o = t.order()
	}
	if o != nil && !slices.ContainsFunc(o.Fulfillments, func(f retail.Fulfillment) bool { return f.ID == part }) {
		part = "f1"
	}
	ctx := context.Background()
	do := func(request func(s *ordering.Service) error) {
		var wait sync.WaitGroup
		for range 1 + code%2 { // the client may send it twice, and a job may run meanwhile
			wait.Go(func() { c.guard(func() { _ = request(c.process()) }) })
		}
		if code%3 == 0 {
			wait.Go(func() { c.guard(func() { _ = c.process().RunJob(ctx, t.id) }) })
		}
		wait.Wait()
	}
	kind := code % 12
	if code/12%4 > 0 {
		kind = natural(o, part, code)
	}
	code /= 48
	switch kind {
	case 0, 1, 2:
		do(func(s *ordering.Service) error {
			_, err := s.Checkout(ctx, ordering.CheckoutRequest{
				Actor: t.journey.actor, Key: t.journey.name, CartID: t.journey.name, Contact: contact, Channel: retail.ChannelWeb,
			})
			return err
		})
	case 3, 4, 5:
		method := []string{"wallet", "decline", "slow", "redirect", "silent"}[code%5]
		do(func(s *ordering.Service) error {
			_, err := s.Pay(ctx, ordering.PayRequest{Actor: t.journey.actor, Key: fmt.Sprint(code % 4), OrderID: t.id, Method: method})
			return err
		})
	case 6:
		do(func(s *ordering.Service) error { _, err := s.Cancel(ctx, t.journey.actor, t.id); return err })
	case 7:
		if c.stores.tasks[t.ref(part)] != nil {
			c.pick(t.ref(part), map[string]int{"A": code % 3 % 2, "B": code % 5 % 3})
		}
	case 8:
		if c.shop.deliveries[t.ref(part)] != nil {
			to := []retail.CourierStatus{retail.CourierAssigned, retail.CourierPickedUp, retail.CourierFailed}[code%3]
			if now := c.shop.deliveries[t.ref(part)].Status; now == retail.CourierRequested || now == retail.CourierAssigned ||
				now == retail.CourierPickedUp && to == retail.CourierFailed {
				c.courier(t.ref(part), to)
			}
		}
	case 9:
		do(func(s *ordering.Service) error {
			code, err := s.PickupCode(ctx, t.journey.actor, t.id, part)
			if err != nil {
				return err
			}
			_, err = s.HandOver(ctx, associate, "key", t.id, part, code)
			return err
		})
	case 10:
		choice := []ordering.Choice{ordering.ChoiceRefund, ordering.ChoiceMove}[code%2]
		do(func(s *ordering.Service) error {
			_, err := s.Answer(ctx, ordering.AnswerRequest{
				Actor: t.journey.actor, Key: fmt.Sprint(code), OrderID: t.id, FulfillmentID: part, Choice: choice, LocationRef: "S-2",
			})
			return err
		})
	case 11:
		for reference, p := range c.shop.payments {
			if o != nil && p.order == o.Number && p.Method == "redirect" && p.charges == 0 {
				c.shop.succeed(c.shop.payments[reference]) // even if it was void
			}
		}
		if o != nil {
			do(func(s *ordering.Service) error { return s.Notified(ctx, fmt.Sprint("event ", code%5), o.Number) })
		}
	}
}

// natural is what somebody would do next about an order, mostly.
func natural(o *retail.Order, part string, code int) int {
	if o == nil {
		return 0
	}
	f := fulfillment(o, part)
	switch {
	case o.Status == retail.OrderPendingPayment:
		return 3
	case f.Decision != nil:
		return 10
	case f.Status == retail.FulfillmentReady || f.Status == retail.FulfillmentPartial:
		return 9
	case code/48%9 == 0:
		return 6
	case f.Method.Visits():
		return 7
	}
	return 8
}

// end lets everybody finish: couriers deliver, stores pick, nobody collects any more.
func (c *chaos) end() {
	c.fault = nil
	c.settle(time.Hour)
	for range 3 {
		for reference, d := range c.shop.deliveries {
			if d.Status != retail.CourierFailed && d.Status != retail.CourierDelivered {
				c.courier(reference, retail.CourierPickedUp)
				c.courier(reference, retail.CourierDelivered)
			}
		}
		for reference := range c.stores.tasks {
			c.pick(reference, nil)
		}
		c.settle(2 * time.Hour)
	}
	for _, t := range c.trips { // events of everything that may have been told before it was so
		if o := c.books.orders[t.id]; o != nil {
			_ = c.process().Notified(context.Background(), "last "+t.id, o.Number)
		}
	}
	c.settle(12 * 24 * time.Hour)
	c.check()
}

func (c *chaos) run(acts []int, seed uint64) {
	defer func() {
		if r := recover(); r != nil && r != any(c.world.t) {
			panic(r)
		}
	}()
	c.random = rand.New(rand.NewPCG(seed, 1))
	for i, lines := range [][]string{{"A×3@S-1", "B×2@S-1", "A×1"}, {"A×3@S-1", "B×3@S-2"}, {"A×4", "B×1@S-2"}, {"C×1@S-1"}} {
		actor, coupons := guest, []string(nil)
		if i%2 == 1 {
			actor, coupons = member, []string{"K1"} // of several orders
		}
		id := fmt.Sprint("cart ", i)
		c.cart(id, actor, coupons, lines...)
		c.trips = append(c.trips, &trip{
			world: c.world, journey: journey{name: id, actor: actor}, id: ordering.OrderID(actor.Key(), id),
		})
	}
	c.fault = c.trouble
	for _, code := range acts {
		c.act(code)
		c.settle([]time.Duration{0, 0, time.Second, 2 * time.Second, 20 * time.Second, 20 * time.Second, 4 * time.Minute, 26 * time.Hour}[code%53%8])
	}
	c.end()
}

func TestNothingIsLostOrDoneTwiceWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		acts := rapid.SliceOfN(rapid.IntRange(0, 10_000_000), 5, 60).Draw(rt, "acts")
		seed := rapid.Uint64().Draw(rt, "seed")
		faults := rapid.IntRange(0, 40).Draw(rt, "faults")
		v := new(verdict)
		synctest.Test(t, func(*testing.T) {
			c := &chaos{world: newWorld(v), faults: faults}
			c.run(acts, seed)
		})
		if len(v.list) > 0 {
			rt.Fatalf("%d complaints, the first: %s", len(v.list), v.list[0])
		}
	})
}
