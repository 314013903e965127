package ordering_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/ordering"
)

// world is everything around the service: a ledger, a shop, tills, an ERP, and a fuse that kills the process or breaks a call. It
// runs in a synctest bubble, whose clock is everybody's.
type world struct {
	t  report
	mu sync.Mutex

	books  books
	shown  map[string]retail.ClaimState // what the projection shows, with how many units
	units  map[string][]retail.ClaimLine
	onHand map[string]int
	left   map[string]int // units that left, by till or courier

	shop    *fakeShop
	stores  *fakeStores
	erp     *fakeERP
	parcels map[string]retail.DeliveryRequest

	carts  map[string]*retail.PricedCart
	closed map[string]string // cart -> order

	config  ordering.Config
	service *ordering.Service
	random  atomic.Int64

	calls int
	fault func(n int, name string, after bool) error // nil when all is well; may panic with killed
	hook  func(name string)                          // of a journey, before a call acts; nil when none
}

// report is where a world says what is wrong; *testing.T is one.
type report interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// killed is the panic of a process that dies.
type killed struct{ at string }

var errBroken = errors.New("connection reset")

// call passes a call of the service to a system, through the fuse: before it acts, and after it acted.
func call[T any](w *world, name string, do func() (T, error)) (T, error) {
	var none T
	if err := w.pass1(name, false); err != nil {
		return none, err
	}
	v, err := do()
	if broken := w.pass1(name, true); broken != nil {
		return none, broken
	}
	return v, err
}

func act(w *world, name string, do func() error) error {
	_, err := call(w, name, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

func (w *world) pass1(name string, after bool) error {
	w.mu.Lock()
	w.calls++
	n, fault, hook := w.calls, w.fault, w.hook
	w.mu.Unlock()
	if hook != nil && !after {
		hook(name)
	}
	if fault == nil {
		return nil
	}
	return fault(n, name, after)
}

var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

// places: two stores, a front warehouse and a warehouse; stores open 9 to 21.
func places() []*retail.Location {
	var hours []retail.OpeningHours
	for day := 1; day <= 7; day++ {
		hours = append(hours, retail.OpeningHours{Weekday: day, Opens: "09:00", Closes: "21:00"})
	}
	return []*retail.Location{
		{Code: "S-1", Kind: retail.Store, Zone: shanghai, Hours: hours},
		{Code: "S-2", Kind: retail.Store, Zone: shanghai, Hours: hours},
		{Code: "W-1", Kind: retail.Warehouse, Zone: shanghai, Hours: hours},
	}
}

type fakePlaces struct{}

func (fakePlaces) ByCode(code string) (*retail.Location, bool) {
	for _, l := range places() {
		if l.Code == code {
			return l, true
		}
	}
	return nil, false
}

func (p fakePlaces) Resolve(_ context.Context, refs []string) (list []*retail.Location, err error) {
	for _, ref := range refs {
		l, ok := p.ByCode(ref)
		if !ok {
			return nil, retail.Errorf(retail.CodeNotFound, "no such place")
		}
		list = append(list, l)
	}
	return list, nil
}

const cny = "CNY"

func yuan(minor int64) retail.Money { return retail.Money{Minor: minor, CurrencyCode: cny} }

// newWorld has 5 units of A, B and C everywhere.
func newWorld(t report) *world {
	w := &world{
		t: t, books: newBooks(), shown: map[string]retail.ClaimState{}, units: map[string][]retail.ClaimLine{}, onHand: map[string]int{}, left: map[string]int{},
		parcels: map[string]retail.DeliveryRequest{}, carts: map[string]*retail.PricedCart{}, closed: map[string]string{},
		config: ordering.DefaultConfig(),
	}
	w.config.PollMost, w.config.TaskMost = time.Hour, 12*time.Hour // less to read when something fails
	for _, l := range places() {
		for _, sku := range []string{"A", "B", "C"} {
			w.onHand[pair(l.Code, sku)] = 5
		}
	}
	w.shop = &fakeShop{
		w: w, orders: map[string]retail.Money{}, statuses: map[string]retail.OrderStatus{}, payments: map[string]*fakePayment{},
		refunds: map[string]*retail.Refund{}, deliveries: map[string]*retail.CourierState{},
	}
	w.stores = &fakeStores{
		w: w, tasks: map[string]*retail.TaskState{}, places: map[string]string{}, sent: map[string]retail.StoreTask{},
		receipts: map[string]retail.TillReceipt{}, bodies: map[string]retail.HandOver{},
	}
	w.erp = &fakeERP{w: w, coupons: map[string]string{}, points: map[string]int{}}
	w.restart()
	return w
}

// restart begins a new process, which remembers nothing.
func (w *world) restart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.service = ordering.New(w.config, ordering.Deps{
		Ledger: fakeLedger{w}, Claims: fakeClaims{w}, Carts: fakeCarts{w}, Sourcing: fakeSourcing{w}, Shop: w.shop,
		Stores: w.stores, Coupons: w.erp, Points: w.erp, Places: fakePlaces{}, Members: fakeMembers{w}, Now: time.Now,
		Random: func() string { return fmt.Sprintf("secret %d", w.random.Add(1)) },
	})
}

// guard runs one thing that a process does; it reports whether the process survived.
func (w *world) guard(do func()) (survived bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, dead := r.(killed); !dead {
				panic(r)
			}
			w.restart()
		}
	}()
	do()
	return true
}

// process is the service that runs now.
func (w *world) process() *ordering.Service {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.service
}

// request does what a client does: when the gateway died, or asks for it, it repeats the request with the same key.
func (w *world) request(do func(s *ordering.Service) error) (err error) {
	for try := range 30 {
		if w.guard(func() { err = do(w.process()) }) {
			var e *retail.Error
			if !errors.As(err, &e) || !e.Retryable {
				return err
			}
			if try > 20 {
				return err
			}
			<-time.After(time.Second)
		}
	}
	w.t.Fatalf("a request is not answered after many tries: %v", err)
	return err
}

// settle lets time pass while jobs run, feeds are read and holds expire.
func (w *world) settle(d time.Duration) {
	until := time.Now().Add(d)
	for range 20_000 {
		w.work()
		next := until
		w.mu.Lock()
		for _, j := range w.books.jobs {
			if j.At.Before(next) {
				next = j.At
			}
		}
		w.mu.Unlock()
		if wait := time.Until(next); wait > 0 {
			<-time.After(wait)
		}
		if !time.Now().Before(until) {
			w.work()
			w.guard(func() { _ = w.process().Sweep(context.Background()) })
			if w.fault == nil {
				w.mirror()
			}
			return
		}
	}
	w.t.Fatalf("the jobs do not come to rest")
}

// disturbed reports whether something goes wrong on purpose, so that an act may come to nothing.
func (w *world) disturbed() bool { return w.fault != nil }

// mirror makes sure that the projection shows what the ledger says, once nothing is in the way.
func (w *world) mirror() {
	for id, c := range w.books.claims {
		o := w.books.orders[c.OrderID]
		if o != nil && !slices.ContainsFunc(o.Fulfillments, func(f retail.Fulfillment) bool { return f.ClaimID == id }) {
			continue // a move that failed leaves its hold to expire
		}
		same := w.shown[id] == c.State && (c.State.Final() || reflect.DeepEqual(w.units[id], c.Lines))
		if !same || c.State == retail.ClaimHeld && o != nil && o.Status != retail.OrderPendingPayment {
			w.t.Errorf("claim %s is %s %v in the ledger and %s %v in the projection", id, c.State, c.Lines, w.shown[id], w.units[id])
		}
	}
}

// work runs what is due now. A job goes away once its handler is done.
func (w *world) work() {
	w.expire()
	w.guard(func() { _ = w.process().ReadTasks(context.Background()) })
	for range 1000 {
		job, ok := w.due()
		if !ok {
			return
		}
		var err error
		if !w.guard(func() { err = w.process().RunJob(context.Background(), job.Key) }) || err != nil {
			job.At = time.Now().Add(time.Second)
			w.mu.Lock()
			w.books.jobs = append(w.books.jobs, job)
			w.mu.Unlock()
		}
	}
	w.t.Fatalf("jobs beget jobs")
}

// due takes a job that is due.
func (w *world) due() (retail.Job, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, j := range w.books.jobs {
		if !j.At.After(time.Now()) {
			w.books.jobs = slices.Delete(w.books.jobs, i, i+1)
			return j, true
		}
	}
	return retail.Job{}, false
}

type fakeMembers struct{ w *world }

func (m fakeMembers) Member(_ context.Context, id string) (*retail.Member, error) {
	return call(m.w, "members.Member", func() (*retail.Member, error) {
		return &retail.Member{ID: id, Identities: []retail.Identity{
			{System: retail.SourceShop, Key: "a-1"}, {System: retail.SourcePOS, Key: "card-1"}, {System: retail.SourceERP, Key: "c-1"},
		}}, nil
	})
}

type fakeCarts struct{ w *world }

func (c fakeCarts) Checkout(_ context.Context, actor retail.Actor, id string, _ int) (*retail.PricedCart, error) {
	return call(c.w, "carts.Checkout", func() (*retail.PricedCart, error) {
		cart := c.w.carts[id]
		switch {
		case cart == nil || cart.Owner != actor.Key():
			return nil, retail.Refuse(retail.WhyNotFound, "cartId", "no such cart")
		case c.w.closed[id] != "":
			return nil, retail.Refuse(retail.WhyCartEmpty, "cartId", "ordered")
		}
		return cart, nil
	})
}

func (c fakeCarts) Close(_ context.Context, id, orderID string) error {
	return act(c.w, "carts.Close", func() error {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		if have := c.w.closed[id]; have != "" && have != orderID {
			return retail.Errorf(retail.CodeConflict, "closed for another order")
		}
		c.w.closed[id] = orderID
		return nil
	})
}

// fakeSourcing serves visits where the shopper wants and everything else from W-1, for a fee.
type fakeSourcing struct{ w *world }

func (s fakeSourcing) Plan(_ context.Context, q retail.PlanQuery) (*retail.Plan, error) {
	return call(s.w, "sourcing.Plan", func() (*retail.Plan, error) {
		plan := &retail.Plan{Delivery: yuan(0)}
		for _, l := range q.Lines {
			place := l.LocationCode
			if !l.Method.Visits() {
				place, plan.Delivery = "W-1", yuan(1000)
			}
			at := slices.IndexFunc(plan.Parts, func(p retail.PlanPart) bool { return p.LocationCode == place && p.Method == l.Method })
			if at < 0 {
				at = len(plan.Parts)
				plan.Parts = append(plan.Parts, retail.PlanPart{
					Method: l.Method, LocationCode: place, Promise: time.Now().Add(2 * time.Hour), Why: []string{"It is near."},
				})
				for _, slot := range q.Slots {
					if slot.LocationCode == place && slot.Method == l.Method {
						plan.Parts[at].Slot = &retail.Slot{StartsAt: slot.StartsAt, EndsAt: slot.StartsAt.Add(time.Hour)}
						plan.Parts[at].SlotCapacity = 1
					}
				}
			}
			plan.Parts[at].Lines = append(plan.Parts[at].Lines, retail.FulfillmentLine{
				LineID: l.LineID, SKU: l.SKU, Quantity: l.Quantity,
			})
		}
		return plan, nil
	})
}

var (
	guest     = retail.Actor{Role: "guest", Subject: "g-1"}
	member    = retail.Actor{Role: "member", Subject: "sub-1", MemberID: "m-1"}
	associate = retail.Actor{Role: "associate", Subject: "e-1", Locations: []string{"S-1", "S-2"}}
	operator  = retail.Actor{Role: "operator", Subject: "op"}
	contact   = retail.Contact{Name: "王芳", Phone: "+8613800000001"}
)

// cart fills a cart from lines "SKU×n@place" (pickup) or "SKU×n" (shipping); a unit of A is 10.01, of B 20.00, of C nothing.
func (w *world) cart(id string, owner retail.Actor, coupons []string, lines ...string) {
	prices := map[string]int64{"A": 1001, "B": 2000, "C": 0}
	c := &retail.PricedCart{
		Cart:   &retail.Cart{ID: id, Owner: owner.Key(), Version: 1, Coupons: coupons},
		Prices: map[string]retail.LinePrice{}, Titles: map[string]retail.Text{}, Totals: retail.Totals{Total: yuan(0), Subtotal: yuan(0)},
	}
	c.Address = &retail.DeliveryAddress{Recipient: "王芳", Phone: contact.Phone}
	for i, text := range lines {
		what, place, visits := strings.Cut(text, "@")
		sku, count, _ := strings.Cut(what, "×")
		var n int
		if _, err := fmt.Sscan(count, &n); err != nil {
			w.t.Fatalf("%s: %v", text, err)
		}
		l := retail.CartLine{ID: fmt.Sprintf("l%d", i+1), SKU: sku, Quantity: n, Method: retail.MethodShipping}
		if visits {
			l.Method, l.LocationCode = retail.MethodPickup, place
		}
		total := prices[sku] * int64(n)
		c.Lines = append(c.Lines, l)
		c.Prices[l.ID] = retail.LinePrice{
			List: yuan(prices[sku]), Unit: yuan(prices[sku]), Discount: yuan(0), Total: yuan(total), Reason: retail.PriceRegular,
		}
		c.Totals.Subtotal.Minor += total
		c.Totals.Total.Minor += total
	}
	w.carts[id] = c
}
