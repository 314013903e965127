package returns_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/returns"
)

// world is everything around the service, with the promises that the interfaces make: changes of the ledger are one
// transaction on a copy, writes are idempotent by reference, a reference with another body is a conflict. Any call can be made
// to kill the process or to fail, before or after it took effect.
type world struct {
	t   *testing.T
	mu  sync.Mutex
	now time.Time
	svc *returns.Service

	// trouble strikes at the call of this number, 0 never.
	calls   int
	strikes map[int]trouble

	orders  map[string]*retail.Order
	claims  map[string]retail.Claim
	open    map[pair]int
	closing map[pair]int64
	jobs    []retail.Job
	events  []retail.Event

	onHand  map[pair]int // at the start
	net     map[pair]int // the tills' counters: sold less returned
	sold    map[pair]int // of that, to others
	seen    map[pair]int // the counters that the projection knows
	view    map[string]retail.Claim
	pinned  map[string]bool
	till    map[string]booking
	till404 map[string]error // refused by reference prefix

	parcels  map[string]parcel
	refunds  map[string]retail.Refund
	slow     map[string]int // refunds that need so many more questions
	points   map[string]retail.PointEntry
	prices   map[string]int64
	places   []*retail.Location
	conflict int // so many allocations see a closing in between
}

type pair struct{ place, sku string }

type booking struct {
	body    string
	receipt retail.TillReceipt
}

type parcel struct {
	body    string
	arrived time.Time
}

type trouble int

const (
	dieBefore trouble = iota + 1
	dieAfter
	failBefore
	failAfter // the reply is lost
)

var errKilled = errors.New("the process died")

var start = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC) // a Monday

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, now: start, strikes: map[int]trouble{},
		orders: map[string]*retail.Order{}, claims: map[string]retail.Claim{}, open: map[pair]int{}, closing: map[pair]int64{},
		onHand: map[pair]int{}, net: map[pair]int{}, seen: map[pair]int{}, sold: map[pair]int{}, view: map[string]retail.Claim{}, pinned: map[string]bool{},
		till: map[string]booking{}, till404: map[string]error{}, parcels: map[string]parcel{}, refunds: map[string]retail.Refund{},
		slow: map[string]int{}, points: map[string]retail.PointEntry{},
		prices: map[string]int64{"SHIRT": 6000, "CAP": 2000, "SOCKS": 500, "COAT": 30000},
	}
	var week []retail.OpeningHours
	for day := 1; day <= 7; day++ {
		week = append(week, retail.OpeningHours{Weekday: day, Opens: "09:00", Closes: "21:00"})
	}
	for i, code := range []string{"S1", "S2"} {
		w.places = append(w.places, &retail.Location{
			Code: code, Kind: retail.Store, Zone: time.UTC, Hours: week, Position: retail.GeoPoint{Latitude: 31 + float64(i), Longitude: 121},
		})
	}
	for i, code := range []string{"W1", "W2"} {
		w.places = append(w.places, &retail.Location{
			Code: code, Kind: retail.Warehouse, Zone: time.UTC, Position: retail.GeoPoint{Latitude: 20 + 15*float64(i), Longitude: 121},
		})
	}
	for _, l := range w.places {
		for sku := range w.prices {
			w.onHand[pair{l.Code, sku}] = 5
		}
	}
	w.restart()
	return w
}

// restart is a new process on the same systems.
func (w *world) restart() {
	c := returns.DefaultConfig()
	if err := c.Validate(); err != nil {
		w.t.Fatal(err)
	}
	w.svc = returns.New(c, returns.Deps{
		Ledger: w, Claims: w, Tills: w, Parcels: w, Payments: w, Prices: w, Points: w, Places: w,
		Now: func() time.Time { return w.now },
	})
}

// enter counts a call; leave ends it. trouble strikes in one of them.
func (w *world) enter() (leave func(*error), err error) {
	w.mu.Lock()
	w.calls++
	what := w.strikes[w.calls]
	switch what {
	case dieBefore:
		w.mu.Unlock()
		panic(errKilled)
	case failBefore:
		w.mu.Unlock()
		return nil, retail.Unavailable(retail.SourcePOS, errors.New("no route"))
	}
	return func(err *error) {
		w.mu.Unlock()
		switch what {
		case dieAfter:
			panic(errKilled)
		case failAfter:
			*err = retail.Unavailable(retail.SourcePOS, errors.New("lost reply"))
		}
	}, nil
}

// attempt runs one action and reports whether the process survived it.
func (w *world) attempt(action func() error) (err error, alive bool) {
	defer func() {
		if r := recover(); r != nil {
			if r != any(errKilled) {
				panic(r)
			}
			alive = false
			w.restart()
		}
	}()
	return action(), true
}

// settle runs the jobs that are due until none is left; forward moves the clock first.
func (w *world) settle(forward time.Duration) {
	w.now = w.now.Add(forward)
	for range 2000 {
		at := slices.IndexFunc(w.jobs, func(j retail.Job) bool { return !j.At.After(w.now) })
		if at < 0 {
			return
		}
		job := w.jobs[at]
		w.jobs = slices.Delete(w.jobs, at, at+1)
		if job.Kind != retail.JobReturn {
			continue
		}
		err, alive := w.attempt(func() error { return w.svc.RunJob(context.Background(), job.Key) })
		if err != nil || !alive {
			w.jobs = append(w.jobs, job) // at least once
		}
	}
	w.t.Fatal("the jobs do not come to an end")
}

// rest runs jobs, and the clock to the next one, until there is none.
func (w *world) rest() {
	for range 1000 {
		w.settle(0)
		w.jobs = slices.DeleteFunc(w.jobs, func(j retail.Job) bool { return j.Kind != retail.JobReturn })
		if len(w.jobs) == 0 {
			return
		}
		next := slices.MinFunc(w.jobs, func(a, b retail.Job) int { return a.At.Compare(b.At) })
		w.now = next.At
		w.reap()
	}
	w.t.Fatal("the order does not come to rest")
}

func (w *world) reap() {
	for id, c := range w.view {
		if c.State == retail.ClaimHeld && !w.pinned[id] && !w.now.Before(c.ExpiresAt) {
			delete(w.view, id)
			if held := w.claims[id]; held.State == retail.ClaimHeld {
				held.State = retail.ClaimExpired
				w.claims[id] = held
			}
		}
	}
}

func (w *world) order(id string) *retail.Order {
	w.t.Helper()
	if w.orders[id] == nil {
		w.t.Fatalf("there is no order %s", id)
	}
	return clone(w.orders[id])
}

func (w *world) put(o *retail.Order) { w.orders[o.ID] = clone(o) }

// clone copies what the service may change, as a ledger does that stores documents.
func clone(o *retail.Order) *retail.Order {
	c := *o
	c.Lines, c.Payments, c.Refunds, c.Timeline = slices.Clone(o.Lines), slices.Clone(o.Payments), slices.Clone(o.Refunds), slices.Clone(o.Timeline)
	c.Fulfillments, c.Returns = slices.Clone(o.Fulfillments), slices.Clone(o.Returns)
	for i := range c.Fulfillments {
		c.Fulfillments[i].Lines = slices.Clone(c.Fulfillments[i].Lines)
	}
	for i := range c.Returns {
		r := &c.Returns[i]
		r.Lines = slices.Clone(r.Lines)
		if r.Exchange != nil {
			x := *r.Exchange
			x.Lines = slices.Clone(x.Lines)
			r.Exchange = &x
		}
	}
	return &c
}

// The ledger.

func (w *world) Order(_ context.Context, id string) (o *retail.Order, err error) {
	leave, err := w.enter()
	if err != nil {
		return nil, err
	}
	defer leave(&err)
	if w.orders[id] == nil {
		return nil, retail.Errorf(retail.CodeNotFound, "there is no such order")
	}
	return clone(w.orders[id]), nil
}

func (w *world) OrderByNumber(context.Context, string) (*retail.Order, error) {
	return nil, retail.Errorf(retail.CodeNotFound, "there is no such order")
}

func (w *world) UpdateOrder(
	_ context.Context, id string, change func(retail.Tx, *retail.Order) error,
) (o *retail.Order, err error) {
	leave, err := w.enter()
	if err != nil {
		return nil, err
	}
	defer leave(&err)
	if w.orders[id] == nil {
		return nil, retail.Errorf(retail.CodeNotFound, "there is no such order")
	}
	for run := range 2 { // the first is thrown away, as after a conflict in the database
		claims, open, closing := maps.Clone(w.claims), maps.Clone(w.open), maps.Clone(w.closing)
		jobs, events := slices.Clone(w.jobs), slices.Clone(w.events)
		o = clone(w.orders[id])
		err = change(tx{w}, o)
		if err == nil && run == 1 {
			o.Version++
			w.put(o)
			return o, nil
		}
		w.claims, w.open, w.closing, w.jobs, w.events = claims, open, closing, jobs, events
		if errors.Is(err, retail.ErrUnchanged) {
			return clone(w.orders[id]), nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errors.New("unreachable")
}

func (w *world) Closings(_ context.Context, place string, skus []string) (m map[string]int64, err error) {
	leave, err := w.enter()
	if err != nil {
		return nil, err
	}
	defer leave(&err)
	m = map[string]int64{}
	for _, sku := range skus {
		m[sku] = w.closing[pair{place, sku}]
	}
	if w.conflict > 0 {
		w.conflict--
		for _, sku := range skus {
			w.closing[pair{place, sku}]++
		}
	}
	return m, nil
}

type tx struct{ w *world }

func (t tx) Allocate(id string, supply map[string]retail.Supply) error {
	c, ok := t.w.claims[id]
	switch {
	case !ok:
		return retail.Errorf(retail.CodeNotFound, "there is no such claim")
	case c.State == retail.ClaimAllocated:
		return nil
	case c.State != retail.ClaimHeld:
		return retail.Refuse(retail.WhyHoldExpired, "", "the hold is over")
	}
	for _, l := range c.Lines {
		p := pair{c.LocationCode, l.SKU}
		if t.w.closing[p] != supply[l.SKU].Closings {
			return retail.Errorf(retail.CodeConflict, "the stock has moved meanwhile")
		}
		if t.w.open[p]+l.Quantity > supply[l.SKU].Units {
			return retail.Refuse(retail.WhyInsufficientStock, "", "the place has not enough")
		}
	}
	for _, l := range c.Lines {
		t.w.open[pair{c.LocationCode, l.SKU}] += l.Quantity
	}
	c.State = retail.ClaimAllocated
	t.w.claims[id] = c
	return nil
}

func (t tx) CloseClaim(id string, to retail.ClaimState) error {
	c, ok := t.w.claims[id]
	if !ok {
		return retail.Errorf(retail.CodeNotFound, "there is no such claim")
	}
	if c.State.Final() {
		return nil
	}
	for _, l := range c.Lines {
		if p := (pair{c.LocationCode, l.SKU}); c.State == retail.ClaimAllocated {
			t.w.open[p] -= l.Quantity
			t.w.closing[p]++
		}
	}
	c.State = to
	t.w.claims[id] = c
	return nil
}

func (t tx) ShrinkClaim(string, []retail.ClaimLine) error { return errors.New("not asked for") }

func (t tx) BookSlot(string, string, time.Time, int) error { return errors.New("not asked for") }

func (t tx) LimitUnpaid(*retail.Order, retail.UnpaidLimit) error { return errors.New("not asked for") }

func (t tx) FreeSlot(string) error { return errors.New("not asked for") }

func (t tx) RaiseAlert(retail.Alert) error { return errors.New("not asked for") }

func (t tx) ClearAlert(string, time.Time) error { return errors.New("not asked for") }

func (t tx) Enqueue(jobs ...retail.Job) error {
	t.w.jobs = append(t.w.jobs, jobs...)
	return nil
}

func (t tx) Emit(events ...retail.Event) error {
	t.w.events = append(t.w.events, events...)
	return nil
}

// The guard of stock.

func (w *world) promised(p pair) int {
	sum := 0
	for _, c := range w.view {
		for _, l := range c.Lines {
			if (pair{c.LocationCode, l.SKU}) == p {
				sum += l.Quantity
			}
		}
	}
	return sum
}

func (w *world) Hold(_ context.Context, c retail.Claim) (out retail.Claim, err error) {
	leave, err := w.enter()
	if err != nil {
		return c, err
	}
	defer leave(&err)
	if known, ok := w.claims[c.ID]; ok {
		return known, nil
	}
	for _, l := range c.Lines {
		p := pair{c.LocationCode, l.SKU}
		if w.onHand[p]-w.seen[p]-w.promised(p) < l.Quantity {
			return c, retail.Refuse(retail.WhyInsufficientStock, "", "not enough")
		}
	}
	w.claims[c.ID], w.view[c.ID] = c, c
	return c, nil
}

func (w *world) Pin(_ context.Context, id string) (err error) {
	leave, err := w.enter()
	if err != nil {
		return err
	}
	defer leave(&err)
	if w.claims[id].State != retail.ClaimHeld && w.claims[id].State != retail.ClaimAllocated {
		return retail.Refuse(retail.WhyHoldExpired, "", "too late")
	}
	w.pinned[id] = true
	return nil
}

func (w *world) Supply(_ context.Context, place string, skus []string) (m map[string]int, err error) {
	leave, err := w.enter()
	if err != nil {
		return nil, err
	}
	defer leave(&err)
	m = map[string]int{}
	for _, sku := range skus {
		m[sku] = w.onHand[pair{place, sku}] - w.seen[pair{place, sku}]
	}
	return m, nil
}

func (w *world) Commit(_ context.Context, id string) (err error) {
	leave, err := w.enter()
	if err != nil {
		return err
	}
	defer leave(&err)
	if c := w.claims[id]; c.State == retail.ClaimAllocated {
		w.view[id] = c
	}
	return nil
}

func (w *world) Settle(_ context.Context, id string) (err error) {
	leave, err := w.enter()
	if err != nil {
		return err
	}
	defer leave(&err)
	if c, ok := w.claims[id]; ok && !c.State.Final() {
		w.t.Errorf("%s was let go while the ledger has it %s", id, c.State)
	}
	delete(w.view, id)
	return nil
}

func (w *world) Depart(_ context.Context, id string, d retail.Departure) (err error) {
	leave, err := w.enter()
	if err != nil {
		return err
	}
	defer leave(&err)
	for _, c := range d.Counts {
		p := pair{c.LocationCode, c.SKU}
		w.seen[p] = c.Net
	}
	delete(w.view, id)
	return nil
}

// The tills.

func (w *world) TakeBack(_ context.Context, r retail.ReturnGoods) (out retail.TillReceipt, err error) {
	leave, err := w.enter()
	if err != nil {
		return out, err
	}
	defer leave(&err)
	return w.book(r.Reference, fmt.Sprint(r), func() (counts []retail.TillCount) {
		for _, l := range r.Lines {
			counts = append(counts, w.count(r.LocationCode, l.SKU, -l.Quantity))
		}
		return counts
	})
}

func (w *world) HandOver(_ context.Context, h retail.HandOver) (out retail.TillReceipt, err error) {
	leave, err := w.enter()
	if err != nil {
		return out, err
	}
	defer leave(&err)
	return w.book(h.Reference, fmt.Sprint(h), func() (counts []retail.TillCount) {
		for _, l := range h.Lines {
			counts = append(counts, w.count(h.LocationCode, l.SKU, l.Picked))
		}
		return counts
	})
}

func (w *world) book(reference, body string, do func() []retail.TillCount) (retail.TillReceipt, error) {
	if b, ok := w.till[reference]; ok {
		if b.body != body {
			return retail.TillReceipt{}, retail.Errorf(retail.CodeConflict, "%s was booked otherwise", reference)
		}
		return b.receipt, nil
	}
	for suffix, err := range w.till404 {
		if strings.HasSuffix(reference, suffix) {
			return retail.TillReceipt{}, err
		}
	}
	r := retail.TillReceipt{Number: fmt.Sprintf("T-%d", len(w.till)+1), Counts: do()}
	w.till[reference] = booking{body, r}
	return r, nil
}

func (w *world) count(place, sku string, quantity int) retail.TillCount {
	p := pair{place, sku}
	w.net[p] += quantity
	return retail.TillCount{LocationCode: place, SKU: sku, Net: w.net[p]}
}

// The shop and the ERP.

func (w *world) AnnounceReturn(_ context.Context, number, reference, place string, lines []retail.ReceiptLine) (err error) {
	leave, err := w.enter()
	if err != nil {
		return err
	}
	defer leave(&err)
	body := fmt.Sprint(number, place, lines)
	if have, ok := w.parcels[reference]; ok && have.body != body {
		return retail.Errorf(retail.CodeConflict, "%s was announced otherwise", reference)
	} else if !ok {
		w.parcels[reference] = parcel{body: body}
	}
	return nil
}

func (w *world) ReturnReceived(_ context.Context, reference string) (at time.Time, came bool, err error) {
	leave, err := w.enter()
	if err != nil {
		return at, false, err
	}
	defer leave(&err)
	p, ok := w.parcels[reference]
	if !ok {
		return at, false, retail.Errorf(retail.CodeNotFound, "nobody announced %s", reference)
	}
	return p.arrived, !p.arrived.IsZero(), nil
}

func (w *world) Refund(_ context.Context, r retail.Refund) (out retail.Refund, err error) {
	leave, err := w.enter()
	if err != nil {
		return r, err
	}
	defer leave(&err)
	have, ok := w.refunds[r.Reference]
	if ok && (have.Amount != r.Amount || have.PaymentReference != r.PaymentReference) {
		return r, retail.Errorf(retail.CodeConflict, "%s was asked otherwise", r.Reference)
	}
	if !ok {
		have = r
	}
	if w.slow[r.PaymentReference] > 0 {
		w.slow[r.PaymentReference]--
		w.refunds[r.Reference] = have
		return have, nil
	}
	now := w.now
	have.Status, have.SettledAt = retail.RefundSucceeded, &now
	w.refunds[r.Reference] = have
	return have, nil
}

func (w *world) UnitPrices(_ context.Context, a retail.Actor, skus []string) (map[string]retail.LinePrice, error) {
	if a.Key() != "member:m1" {
		w.t.Errorf("the prices are asked for %s, want the shopper", a.Key())
	}
	m := map[string]retail.LinePrice{}
	for _, sku := range skus {
		if p, ok := w.prices[sku]; ok {
			m[sku] = retail.LinePrice{Unit: money(p)}
		}
	}
	return m, nil
}

func (w *world) BookPoints(_ context.Context, customer string, e retail.PointEntry) (err error) {
	leave, err := w.enter()
	if err != nil {
		return err
	}
	defer leave(&err)
	if customer != "C1" {
		w.t.Errorf("points of %q", customer)
	}
	w.points[e.Reference] = e
	return nil
}

func (w *world) ByCode(code string) (*retail.Location, bool) {
	for _, l := range w.places {
		if l.Code == code {
			return l, true
		}
	}
	return nil, false
}

func (w *world) Resolve(_ context.Context, refs []string) (list []*retail.Location, err error) {
	for _, ref := range refs {
		l, ok := w.ByCode(ref)
		if !ok {
			return nil, retail.Errorf(retail.CodeNotFound, "there is no such place")
		}
		list = append(list, l)
	}
	return list, nil
}

func (w *world) All() []*retail.Location { return w.places }

func money(minor int64) retail.Money { return retail.Money{Minor: minor, CurrencyCode: "CNY"} }
