package ordering_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

// books is what a ledger stores. It is copied at the start of a transaction and put back when that fails.
type books struct {
	orders   map[string]*retail.Order // by id; copied on the way in and out
	numbers  map[string]string
	claims   map[string]retail.Claim
	open     map[string]int // allocated units by place and SKU
	closings map[string]int64
	slots    map[string]string // reference -> place and start
	jobs     []retail.Job
	events   []retail.Event
	alerts   map[string]retail.Alert
	notified map[string]bool
	cursors  map[string]string
	attempts map[string]int
	homes    map[string]string // order -> household of the guest
}

func newBooks() books {
	return books{
		orders: map[string]*retail.Order{}, numbers: map[string]string{}, claims: map[string]retail.Claim{}, open: map[string]int{},
		closings: map[string]int64{}, slots: map[string]string{}, alerts: map[string]retail.Alert{},
		notified: map[string]bool{}, cursors: map[string]string{}, attempts: map[string]int{}, homes: map[string]string{},
	}
}

func (b books) clone() books {
	claims := maps.Clone(b.claims)
	for id, c := range claims {
		c.Lines = slices.Clone(c.Lines)
		claims[id] = c
	}
	return books{
		orders: maps.Clone(b.orders), numbers: maps.Clone(b.numbers), claims: claims, open: maps.Clone(b.open),
		closings: maps.Clone(b.closings), slots: maps.Clone(b.slots), jobs: slices.Clone(b.jobs), events: slices.Clone(b.events),
		alerts: maps.Clone(b.alerts), notified: maps.Clone(b.notified), cursors: maps.Clone(b.cursors),
		attempts: maps.Clone(b.attempts), homes: maps.Clone(b.homes),
	}
}

func pair(place, sku string) string { return place + "|" + sku }

// fakeLedger keeps books as the real one does: transactions, conditional allocation, versions.
type fakeLedger struct{ w *world }

func (l fakeLedger) load(id string) (*retail.Order, error) {
	o, ok := l.w.books.orders[id]
	if !ok {
		return nil, retail.Errorf(retail.CodeNotFound, "there is no such order")
	}
	return deepCopy(o), nil
}

func (l fakeLedger) store(o *retail.Order) { l.w.books.orders[o.ID] = deepCopy(o) }

// deepCopy copies everything that v leads to.
func deepCopy[T any](v T) T { return copyOf(reflect.ValueOf(v)).Interface().(T) }

func copyOf(v reflect.Value) reflect.Value {
	to := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			to.Set(reflect.New(v.Type().Elem()))
			to.Elem().Set(copyOf(v.Elem()))
		}
	case reflect.Slice:
		if !v.IsNil() {
			to.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				to.Index(i).Set(copyOf(v.Index(i)))
			}
		}
	case reflect.Struct:
		to.Set(v)
		if v.Type() != reflect.TypeFor[time.Time]() {
			for i := range v.NumField() {
				to.Field(i).Set(copyOf(v.Field(i)))
			}
		}
	default:
		to.Set(v)
	}
	return to
}

func (l fakeLedger) CreateOrder(
	_ context.Context, o *retail.Order, do func(tx retail.Tx) error,
) (stored *retail.Order, created bool, err error) {
	stored, err = call(l.w, "ledger.CreateOrder", func() (*retail.Order, error) {
		l.w.mu.Lock()
		defer l.w.mu.Unlock()
		if have, err := l.load(o.ID); err == nil {
			return have, nil
		}
		if _, taken := l.w.books.numbers[o.Number]; taken {
			return nil, retail.Errorf(retail.CodeConflict, "the number is taken")
		}
		for _, other := range l.w.books.orders {
			if other.CartID == o.CartID && (other.Status != retail.OrderCancelled || other.Saga.Placed) {
				return nil, retail.Refuse(retail.WhyNotAllowed, "cartId", "ordered")
			}
		}
		created = true
		before := l.w.books.clone()
		l.w.books.numbers[o.Number] = o.ID
		first := *o
		first.Version = 1
		l.store(&first)
		if err := do(fakeTx(l)); err != nil {
			l.w.books = before
			return nil, err
		}
		return l.load(o.ID)
	})
	return stored, created, err
}

func (l fakeLedger) Order(_ context.Context, id string) (*retail.Order, error) {
	return call(l.w, "ledger.Order", func() (*retail.Order, error) {
		l.w.mu.Lock()
		defer l.w.mu.Unlock()
		return l.load(id)
	})
}

func (l fakeLedger) OrderByNumber(_ context.Context, number string) (*retail.Order, error) {
	return call(l.w, "ledger.OrderByNumber", func() (*retail.Order, error) {
		l.w.mu.Lock()
		defer l.w.mu.Unlock()
		return l.load(l.w.books.numbers[number])
	})
}

// UpdateOrder runs every change twice and takes back what the first run did, as a database under load may.
func (l fakeLedger) UpdateOrder(
	_ context.Context, id string, change func(tx retail.Tx, o *retail.Order) error,
) (*retail.Order, error) {
	return call(l.w, "ledger.UpdateOrder", func() (*retail.Order, error) {
		l.w.mu.Lock()
		defer l.w.mu.Unlock()
		before := l.w.books.clone()
		for again := range 2 {
			l.w.books = before.clone()
			o, err := l.load(id)
			if err != nil {
				return nil, err
			}
			if err := change(fakeTx(l), o); err != nil {
				l.w.books = before
				if errors.Is(err, retail.ErrUnchanged) {
					return l.load(id)
				}
				return nil, err
			}
			if again == 0 {
				continue
			}
			o.Version++
			l.store(o)
		}
		return l.load(id)
	})
}

func (l fakeLedger) Notify(_ context.Context, eventID string, jobs ...retail.Job) (bool, error) {
	return call(l.w, "ledger.Notify", func() (bool, error) {
		l.w.mu.Lock()
		defer l.w.mu.Unlock()
		if l.w.books.notified[eventID] {
			return false, nil
		}
		l.w.books.notified[eventID] = true
		l.w.books.jobs = append(l.w.books.jobs, jobs...)
		return true, nil
	})
}

func (l fakeLedger) Cursor(_ context.Context, feed string) (string, error) {
	return call(l.w, "ledger.Cursor", func() (string, error) {
		l.w.mu.Lock()
		defer l.w.mu.Unlock()
		return l.w.books.cursors[feed], nil
	})
}

func (l fakeLedger) SaveCursor(_ context.Context, feed, cursor string, jobs ...retail.Job) error {
	return act(l.w, "ledger.SaveCursor", func() error {
		l.w.mu.Lock()
		defer l.w.mu.Unlock()
		l.w.books.cursors[feed] = cursor
		l.w.books.jobs = append(l.w.books.jobs, jobs...)
		return nil
	})
}

func (l fakeLedger) each(keep func(o *retail.Order) bool) (list []*retail.Order) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(l.w.books.orders)) {
		if o, _ := l.load(id); keep(o) {
			list = append(list, o)
		}
	}
	return list
}

func (l fakeLedger) OrdersAt(_ context.Context, place string, limit int) ([]*retail.Order, error) {
	return call(l.w, "ledger.OrdersAt", func() ([]*retail.Order, error) {
		list := l.each(func(o *retail.Order) bool {
			return slices.ContainsFunc(o.Fulfillments, func(f retail.Fulfillment) bool {
				return f.LocationCode == place && !f.Status.Final()
			})
		})
		return list[:min(len(list), limit)], nil
	})
}

func ids(orders []*retail.Order) (list []string) {
	for _, o := range orders {
		list = append(list, o.ID)
	}
	return list
}

func (l fakeLedger) Overdue(_ context.Context, now time.Time) ([]string, error) {
	return call(l.w, "ledger.Overdue", func() ([]string, error) {
		return ids(l.each(func(o *retail.Order) bool {
			return slices.ContainsFunc(o.Fulfillments, func(f retail.Fulfillment) bool {
				return !f.Status.Final() && f.Promise.Before(now)
			})
		})), nil
	})
}

func (l fakeLedger) Stalled(_ context.Context, now time.Time) ([]string, error) {
	return call(l.w, "ledger.Stalled", func() ([]string, error) {
		return ids(l.each(func(o *retail.Order) bool { return !o.Saga.WakeAt.IsZero() && o.Saga.WakeAt.Before(now) })), nil
	})
}

func (l fakeLedger) Closings(_ context.Context, place string, skus []string) (map[string]int64, error) {
	return call(l.w, "ledger.Closings", func() (map[string]int64, error) {
		l.w.mu.Lock()
		defer l.w.mu.Unlock()
		m := map[string]int64{}
		for _, sku := range skus {
			m[sku] = l.w.books.closings[pair(place, sku)]
		}
		return m, nil
	})
}

func (l fakeLedger) Try(_ context.Context, key string, limit retail.Limit) (bool, time.Duration, error) {
	allowed, err := call(l.w, "ledger.Try", func() (bool, error) {
		l.w.mu.Lock()
		defer l.w.mu.Unlock()
		l.w.books.attempts[key]++
		return l.w.books.attempts[key] <= limit.Most, nil
	})
	return allowed, limit.Per, err
}

func (l fakeLedger) OrdersOf(_ context.Context, owner string, before *retail.PurchaseKey, limit int) ([]*retail.Order, error) {
	return call(l.w, "ledger.OrdersOf", func() ([]*retail.Order, error) {
		list := l.each(func(o *retail.Order) bool {
			return o.Owner == owner && (before == nil || o.PlacedAt.Before(before.At) || o.PlacedAt.Equal(before.At) && o.Number > before.Number)
		})
		slices.SortStableFunc(list, func(a, b *retail.Order) int {
			return cmp.Or(b.PlacedAt.Compare(a.PlacedAt), strings.Compare(a.Number, b.Number))
		})
		return list[:min(len(list), limit)], nil
	})
}

func (l fakeLedger) CountOrders(_ context.Context, owner, phone string, since time.Time, most int) (int, error) {
	return call(l.w, "ledger.CountOrders", func() (int, error) {
		count := func(of func(o *retail.Order) bool) int {
			return len(l.each(func(o *retail.Order) bool {
				return of(o) && o.Status != retail.OrderCancelled && !o.PlacedAt.Before(since)
			}))
		}
		n := max(count(func(o *retail.Order) bool { return o.Owner == owner }),
			count(func(o *retail.Order) bool { return o.Contact.Phone == phone }))
		return min(n, most), nil
	})
}

func (l fakeLedger) OrdersInReview(_ context.Context, limit int) ([]*retail.Order, error) {
	return call(l.w, "ledger.OrdersInReview", func() ([]*retail.Order, error) {
		list := l.each(func(o *retail.Order) bool { return o.Review != nil && o.Review.Status == retail.ReviewOpen })
		slices.SortStableFunc(list, func(a, b *retail.Order) int { return a.Review.Since.Compare(b.Review.Since) })
		return list[:min(len(list), limit)], nil
	})
}

// fakeTx works on the books, whose lock the transaction holds.
type fakeTx struct{ w *world }

func (t fakeTx) claim(id string) (retail.Claim, error) {
	c, ok := t.w.books.claims[id]
	if !ok {
		return c, retail.Errorf(retail.CodeNotFound, "there is no claim %s", id)
	}
	return c, nil
}

func (t fakeTx) Allocate(id string, supply map[string]retail.Supply) error {
	c, err := t.claim(id)
	if err != nil || c.State == retail.ClaimAllocated {
		return err
	}
	if c.State != retail.ClaimHeld {
		return retail.Errorf(retail.CodeInternal, "allocation of a claim that is %s", c.State)
	}
	for _, l := range c.Lines {
		p, s := pair(c.LocationCode, l.SKU), supply[l.SKU]
		if t.w.books.closings[p] != s.Closings {
			return retail.Errorf(retail.CodeConflict, "a claim was closed meanwhile")
		}
		if t.w.books.open[p]+l.Quantity > s.Units {
			r := retail.Refuse(retail.WhyInsufficientStock, "", "not enough")
			r.SKU, r.LocationCode = l.SKU, c.LocationCode
			return r
		}
		t.w.books.open[p] += l.Quantity
	}
	c.State = retail.ClaimAllocated
	t.w.books.claims[id] = c
	return nil
}

func (t fakeTx) CloseClaim(id string, to retail.ClaimState) error {
	c, err := t.claim(id)
	if err != nil || c.State.Final() {
		return err
	}
	for _, l := range c.Lines {
		p := pair(c.LocationCode, l.SKU)
		if c.State == retail.ClaimAllocated {
			t.w.books.open[p] -= l.Quantity
		}
		t.w.books.closings[p]++
	}
	c.State = to
	t.w.books.claims[id] = c
	return nil
}

func (t fakeTx) ShrinkClaim(id string, lines []retail.ClaimLine) error {
	c, err := t.claim(id)
	if err != nil || c.State.Final() {
		return err
	}
	for _, less := range lines {
		at := slices.IndexFunc(c.Lines, func(l retail.ClaimLine) bool { return l.SKU == less.SKU })
		if at < 0 || c.Lines[at].Quantity < less.Quantity {
			return retail.Errorf(retail.CodeInternal, "a claim cannot shrink below nothing")
		}
		c.Lines[at].Quantity -= less.Quantity
		p := pair(c.LocationCode, less.SKU)
		if c.State == retail.ClaimAllocated {
			t.w.books.open[p] -= less.Quantity
		}
		t.w.books.closings[p]++
	}
	t.w.books.claims[id] = c
	return nil
}

func (t fakeTx) BookSlot(reference, place string, at time.Time, capacity int) error {
	key, taken := place+"|"+at.UTC().Format(time.RFC3339), 0
	for ref, slot := range t.w.books.slots {
		if slot == key && ref != reference {
			taken++
		}
	}
	if taken >= capacity {
		return retail.Refuse(retail.WhySlotUnavailable, "slots", "The slot is full.")
	}
	t.w.books.slots[reference] = key
	return nil
}

func (t fakeTx) LimitUnpaid(o *retail.Order, limit retail.UnpaidLimit) error {
	t.w.books.homes[o.ID] = limit.Household.Name
	own, shared := 0, 0
	for id, other := range t.w.books.orders {
		if other.Status != retail.OrderPlacing && other.Status != retail.OrderPendingPayment {
			continue
		}
		if other.Owner == o.Owner {
			own++
		}
		if limit.Household.Bounds() && t.w.books.homes[id] == limit.Household.Name {
			shared++
		}
	}
	if limit.Orders > 0 && (own > limit.Orders || shared > limit.Household.Guests*limit.Orders) {
		return retail.Refuse(retail.WhyLimitReached, "", "too many are unpaid")
	}
	return nil
}

func (t fakeTx) FreeSlot(reference string) error {
	delete(t.w.books.slots, reference)
	return nil
}

func (t fakeTx) Enqueue(jobs ...retail.Job) error {
	t.w.books.jobs = append(t.w.books.jobs, jobs...)
	return nil
}

func (t fakeTx) Emit(events ...retail.Event) error {
	t.w.books.events = append(t.w.books.events, events...)
	return nil
}

func (t fakeTx) RaiseAlert(a retail.Alert) error {
	if _, known := t.w.books.alerts[a.ID]; !known {
		t.w.books.alerts[a.ID] = a
	}
	return nil
}

func (t fakeTx) ClearAlert(id string, at time.Time) error {
	a := t.w.books.alerts[id]
	a.ClearedAt = &at
	t.w.books.alerts[id] = a
	return nil
}

// fakeClaims guards stock with the ledger's claims and a projection of its own, which only learns what it is told.
type fakeClaims struct{ w *world }

// supply is what a place could promise without claims, as readers see it.
func (c fakeClaims) supply(place, sku string) int {
	return c.w.onHand[pair(place, sku)] - c.w.left[pair(place, sku)]
}

func (c fakeClaims) claimed(place, sku string) (units int) {
	for id, p := range c.w.shown {
		if !p.Final() && c.w.books.claims[id].LocationCode == place {
			for _, l := range c.w.units[id] {
				if l.SKU == sku {
					units += l.Quantity
				}
			}
		}
	}
	return units
}

func (c fakeClaims) Hold(_ context.Context, claim retail.Claim) (retail.Claim, error) {
	return call(c.w, "claims.Hold", func() (retail.Claim, error) {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		if have, ok := c.w.books.claims[claim.ID]; ok {
			if have.State.Final() {
				return have, retail.Refuse(retail.WhyHoldClosed, "", "The hold is closed.")
			}
			return have, nil
		}
		for _, l := range claim.Lines {
			if free := c.supply(claim.LocationCode, l.SKU) - c.claimed(claim.LocationCode, l.SKU); free < l.Quantity {
				r := retail.Refuse(retail.WhyInsufficientStock, "", "not enough")
				r.SKU, r.LocationCode, r.Available = l.SKU, claim.LocationCode, &free
				return claim, r
			}
		}
		c.w.books.claims[claim.ID], c.w.shown[claim.ID] = claim, retail.ClaimHeld
		c.w.units[claim.ID] = slices.Clone(claim.Lines)
		return claim, nil
	})
}

func (c fakeClaims) Adopt(
	_ context.Context, id, owner, orderID string, lines []retail.ClaimLine, expiresAt time.Time,
) (retail.Claim, error) {
	return call(c.w, "claims.Adopt", func() (retail.Claim, error) {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		have, ok := c.w.books.claims[id]
		switch {
		case !ok || have.Owner != owner:
			return have, retail.Refuse(retail.WhyNotFound, "", "no such hold")
		case have.State != retail.ClaimHeld || (have.OrderID != "" && have.OrderID != orderID):
			return have, retail.Refuse(retail.WhyHoldClosed, "", "closed")
		case !slices.Equal(have.Lines, lines):
			return have, retail.Refuse(retail.WhyHoldMismatch, "", "other lines")
		}
		have.OrderID, have.ExpiresAt = orderID, expiresAt
		c.w.books.claims[id] = have
		return have, nil
	})
}

func (c fakeClaims) known(id string) (retail.Claim, error) { return fakeTx(c).claim(id) }

func (c fakeClaims) Pin(_ context.Context, id string) error {
	return act(c.w, "claims.Pin", func() error {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		have, err := c.known(id)
		if err == nil && have.State == retail.ClaimHeld && !time.Now().Before(have.ExpiresAt) {
			return retail.Refuse(retail.WhyHoldExpired, "", "expired")
		}
		return err
	})
}

func (c fakeClaims) Supply(_ context.Context, place string, skus []string) (map[string]int, error) {
	return call(c.w, "claims.Supply", func() (map[string]int, error) {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		m := map[string]int{}
		for _, sku := range skus {
			m[sku] = c.supply(place, sku)
		}
		return m, nil
	})
}

func (c fakeClaims) Commit(_ context.Context, id string) error {
	return act(c.w, "claims.Commit", func() error {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		if _, err := c.known(id); err != nil {
			return err
		}
		if !c.w.shown[id].Final() {
			c.w.shown[id] = retail.ClaimAllocated
		}
		return nil
	})
}

func (c fakeClaims) Settle(_ context.Context, id string) error {
	return act(c.w, "claims.Settle", func() error {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		have, err := c.known(id)
		if err == nil && have.State.Final() {
			c.w.shown[id] = have.State
		}
		c.w.units[id] = slices.Clone(have.Lines)
		return err
	})
}

// Depart asks for the evidence: counters of the place that are as high as what left, or a time of booking.
func (c fakeClaims) Depart(_ context.Context, id string, d retail.Departure) error {
	return act(c.w, "claims.Depart", func() error {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		have, err := c.known(id)
		if err != nil {
			return err
		}
		for _, l := range have.Lines {
			ok := !d.BookedBy.IsZero()
			for _, n := range d.Counts {
				ok = ok || (n.SKU == l.SKU && n.LocationCode == have.LocationCode && n.Net <= c.w.left[pair(have.LocationCode, l.SKU)])
			}
			if !ok && l.Quantity > 0 {
				c.w.t.Errorf("claim %s of %s departs without evidence", id, l.SKU)
			}
		}
		c.w.shown[id] = retail.ClaimDone
		c.w.units[id] = nil
		return nil
	})
}

// expire does what the projection's reaper does.
func (w *world) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, c := range w.books.claims {
		if w.shown[id] != retail.ClaimHeld || time.Now().Before(c.ExpiresAt) {
			continue
		}
		if c.State == retail.ClaimHeld {
			c.State = retail.ClaimExpired
			w.books.claims[id] = c
		}
		if c.State.Final() {
			w.shown[id] = c.State
		}
	}
}
