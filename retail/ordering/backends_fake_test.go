package ordering_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/portico-retail/portico/retail"
)

// fakeShop acts once per reference, as the wire says.
type fakeShop struct {
	w          *world
	orders     map[string]retail.Money // by number
	statuses   map[string]retail.OrderStatus
	payments   map[string]*fakePayment
	refunds    map[string]*retail.Refund
	deliveries map[string]*retail.CourierState
	slow       bool // refunds take half an hour
}

type fakePayment struct {
	retail.Payment
	order   string
	settles time.Time // of a slow one
	charges int
}

func (s *fakeShop) PlaceOrder(_ context.Context, o *retail.Order) error {
	return act(s.w, "shop.PlaceOrder", func() error {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		if have, ok := s.orders[o.Number]; ok && have != o.Totals.Total {
			return retail.Errorf(retail.CodeConflict, "another order of this number")
		}
		s.orders[o.Number] = o.Totals.Total
		if s.statuses[o.Number] == "" {
			s.statuses[o.Number] = o.Status
		}
		return nil
	})
}

func (s *fakeShop) ReportStatus(_ context.Context, number string, status retail.OrderStatus, _ time.Time) error {
	return act(s.w, "shop.ReportStatus", func() error {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		if _, ok := s.orders[number]; !ok {
			return retail.Errorf(retail.CodeNotFound, "no such order")
		}
		order := []retail.OrderStatus{"PENDING_PAYMENT", "PAID", "PREPARING", "READY_FOR_PICKUP", "SHIPPED", "COMPLETED", "CANCELLED"}
		if slices.Index(order, status) > slices.Index(order, s.statuses[number]) {
			s.statuses[number] = status
		}
		return nil
	})
}

func (s *fakeShop) stand(p *fakePayment) retail.Payment {
	if p.Status == retail.PaymentPending && !p.settles.IsZero() && !time.Now().Before(p.settles) {
		s.succeed(p)
	}
	return p.Payment
}

func (s *fakeShop) succeed(p *fakePayment) {
	p.Status = retail.PaymentSucceeded
	p.charges++
}

func (s *fakeShop) Pay(_ context.Context, number string, p retail.Payment) (retail.Payment, error) {
	return call(s.w, "shop.Pay", func() (retail.Payment, error) {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		if have, ok := s.payments[p.Reference]; ok {
			return s.stand(have), nil
		}
		n := &fakePayment{Payment: p, order: number}
		s.payments[p.Reference] = n
		switch p.Method {
		case "wallet":
			s.succeed(n)
		case "decline":
			n.Status, n.Reason = retail.PaymentFailed, "no money"
		case "slow":
			n.settles = time.Now().Add(30 * time.Second)
		case "redirect":
			n.RedirectURL = "https://wallet.example/" + p.Reference
		case "silent": // acts, and the reply is lost
			s.succeed(n)
			return retail.Payment{}, retail.Unavailable(retail.SourceShop, fmt.Errorf("connection reset"))
		}
		return n.Payment, nil
	})
}

func (s *fakeShop) Payment(_ context.Context, reference string) (retail.Payment, error) {
	return call(s.w, "shop.Payment", func() (retail.Payment, error) {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		if have, ok := s.payments[reference]; ok {
			return s.stand(have), nil
		}
		return retail.Payment{}, retail.Errorf(retail.CodeNotFound, "no such payment")
	})
}

func (s *fakeShop) PaymentMethods(context.Context) ([]retail.PaymentMethod, error) {
	return call(s.w, "shop.PaymentMethods", func() (list []retail.PaymentMethod, err error) {
		for _, code := range []string{"wallet", "decline", "silent", "slow", "redirect"} {
			list = append(list, retail.PaymentMethod{Code: code})
		}
		return list, nil
	})
}

func (s *fakeShop) VoidPayment(_ context.Context, reference string) (retail.Payment, error) {
	return call(s.w, "shop.VoidPayment", func() (retail.Payment, error) {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		have, ok := s.payments[reference]
		if !ok {
			have = &fakePayment{Payment: retail.Payment{Reference: reference, Status: retail.PaymentVoided}}
			s.payments[reference] = have
		}
		if s.stand(have); have.Status == retail.PaymentPending {
			have.Status = retail.PaymentVoided
		}
		return have.Payment, nil
	})
}

func (s *fakeShop) Refund(_ context.Context, r retail.Refund) (retail.Refund, error) {
	return call(s.w, "shop.Refund", func() (retail.Refund, error) {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		have, ok := s.refunds[r.Reference]
		if !ok {
			p := s.payments[r.PaymentReference]
			sum := r.Amount.Minor
			for _, other := range s.refunds {
				if other.PaymentReference == r.PaymentReference {
					sum += other.Amount.Minor
				}
			}
			if p == nil || p.Status != retail.PaymentSucceeded || sum > p.Amount.Minor {
				s.w.t.Errorf("refund %s of %d is more than was paid", r.Reference, r.Amount.Minor)
				return r, retail.Errorf(retail.CodeConflict, "too much")
			}
			now := time.Now()
			have = &r
			have.SettledAt = &now
			s.refunds[r.Reference] = have
		} else if have.Amount != r.Amount {
			s.w.t.Errorf("refund %s comes again with another amount", r.Reference)
		}
		answer := *have
		answer.Status = retail.RefundSucceeded
		if s.slow && time.Since(*have.SettledAt) < 90*time.Minute {
			answer.Status = retail.RefundPending
		}
		return answer, nil
	})
}

func (s *fakeShop) RequestDelivery(_ context.Context, d retail.DeliveryRequest) (retail.CourierState, error) {
	return call(s.w, "shop.RequestDelivery", func() (retail.CourierState, error) {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		s.w.mayPrepare(d.Reference)
		if _, ok := s.deliveries[d.Reference]; !ok {
			s.deliveries[d.Reference] = &retail.CourierState{Status: retail.CourierRequested, At: time.Now()}
			s.w.parcels[d.Reference] = d
		}
		return *s.deliveries[d.Reference], nil
	})
}

func (s *fakeShop) Delivery(_ context.Context, reference string) (retail.CourierState, error) {
	return call(s.w, "shop.Delivery", func() (retail.CourierState, error) {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		if have, ok := s.deliveries[reference]; ok {
			return *have, nil
		}
		return retail.CourierState{}, retail.Errorf(retail.CodeNotFound, "no such delivery")
	})
}

func (s *fakeShop) CancelDelivery(_ context.Context, reference string) (retail.CourierState, error) {
	return call(s.w, "shop.CancelDelivery", func() (retail.CourierState, error) {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		have, ok := s.deliveries[reference]
		if !ok {
			have = &retail.CourierState{Status: retail.CourierRequested}
			s.deliveries[reference] = have
		}
		if have.Status == retail.CourierRequested || have.Status == retail.CourierAssigned {
			have.Status, have.At = retail.CourierCancelled, time.Now()
		}
		return *have, nil
	})
}

// courier brings a delivery on; the ERP books the goods before the courier says that they left.
func (w *world) courier(reference string, to retail.CourierStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.shop.deliveries[reference]
	if d == nil {
		if !w.disturbed() {
			w.t.Fatalf("there is no delivery %s", reference)
		}
		return
	}
	if d.Status == retail.CourierCancelled {
		return
	}
	left := d.Status == retail.CourierPickedUp || d.Status == retail.CourierDelivered
	for _, l := range w.parcels[reference].Lines {
		p := pair(w.parcels[reference].LocationCode, l.SKU)
		switch {
		case to == retail.CourierPickedUp && !left:
			w.left[p] += l.Quantity
		case to == retail.CourierFailed && left:
			w.left[p] -= l.Quantity
		}
	}
	d.Status, d.At = to, time.Now()
}

// fakeStores are the tills.
type fakeStores struct {
	w        *world
	tasks    map[string]*retail.TaskState
	places   map[string]string
	sent     map[string]retail.StoreTask
	feed     []string
	receipts map[string]retail.TillReceipt
	bodies   map[string]retail.HandOver
}

func (s *fakeStores) changed(reference string) { s.feed = append(s.feed, reference) }

func (s *fakeStores) SendTask(_ context.Context, t retail.StoreTask) error {
	return act(s.w, "stores.SendTask", func() error {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		s.w.mayPrepare(t.Reference)
		if sent, ok := s.sent[t.Reference]; ok && !reflect.DeepEqual(sent.Lines, t.Lines) {
			return retail.Errorf(retail.CodeConflict, "another task under this reference")
		}
		s.sent[t.Reference] = t
		if s.tasks[t.Reference] == nil {
			s.tasks[t.Reference] = &retail.TaskState{Reference: t.Reference, Status: retail.TaskOpen, Lines: t.Lines, At: time.Now()}
			s.places[t.Reference] = t.LocationCode
			s.changed(t.Reference)
		}
		return nil
	})
}

func (s *fakeStores) Task(_ context.Context, reference string) (retail.TaskState, error) {
	return call(s.w, "stores.Task", func() (retail.TaskState, error) {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		if t := s.tasks[reference]; t != nil {
			return *t, nil
		}
		return retail.TaskState{}, retail.Errorf(retail.CodeNotFound, "no such task")
	})
}

func (s *fakeStores) TaskChanges(_ context.Context, cursor string) ([]retail.TaskState, string, error) {
	next := cursor
	list, err := call(s.w, "stores.TaskChanges", func() (list []retail.TaskState, err error) {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		from, _ := strconv.Atoi(cursor)
		for _, reference := range s.feed[from:] {
			list = append(list, *s.tasks[reference])
		}
		next = strconv.Itoa(len(s.feed))
		return list, nil
	})
	return list, next, err
}

func (s *fakeStores) CancelTask(_ context.Context, reference string) (retail.TaskState, error) {
	return call(s.w, "stores.CancelTask", func() (retail.TaskState, error) {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		t := s.tasks[reference]
		if t == nil {
			t = &retail.TaskState{Reference: reference}
			s.tasks[reference] = t
		}
		switch t.Status {
		case retail.TaskHandedOver, retail.TaskRejected, retail.TaskCancelled:
		default:
			t.Status = retail.TaskCancelled
			s.changed(reference)
		}
		return *t, nil
	})
}

func (s *fakeStores) HandOver(_ context.Context, h retail.HandOver) (retail.TillReceipt, error) {
	return call(s.w, "stores.HandOver", func() (retail.TillReceipt, error) {
		s.w.mu.Lock()
		defer s.w.mu.Unlock()
		h.At = time.Time{}
		if r, ok := s.receipts[h.Reference]; ok {
			if !reflect.DeepEqual(s.bodies[h.Reference], h) {
				s.w.t.Errorf("hand-over %s comes again with another body:\n%+v\n%+v", h.Reference, s.bodies[h.Reference], h)
			}
			return r, nil
		}
		t := s.tasks[h.Reference]
		if t == nil || t.Status == retail.TaskCancelled || t.Status == retail.TaskRejected {
			return retail.TillReceipt{}, retail.Errorf(retail.CodeConflict, "the task is over")
		}
		r := retail.TillReceipt{Number: "R-" + h.Reference}
		for _, l := range h.Lines {
			p := pair(h.LocationCode, l.SKU)
			s.w.left[p] += l.Picked
			r.Counts = append(r.Counts, retail.TillCount{LocationCode: h.LocationCode, SKU: l.SKU, Net: s.w.left[p]})
		}
		t.Status, t.ReceiptNo = retail.TaskHandedOver, r.Number
		s.receipts[h.Reference], s.bodies[h.Reference] = r, h
		s.changed(h.Reference)
		return r, nil
	})
}

// pick does what a store's staff does: start, then say what was found; rejected by SKU.
func (w *world) pick(reference string, rejected map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.stores.tasks[reference]
	if t == nil {
		if !w.disturbed() {
			w.t.Fatalf("there is no task %s", reference)
		}
		return
	}
	if t.Status != retail.TaskOpen && t.Status != retail.TaskPicking {
		return
	}
	lines, picked := slices.Clone(t.Lines), 0
	for i := range lines {
		lines[i].Rejected = min(rejected[lines[i].SKU], lines[i].Quantity)
		lines[i].Picked = lines[i].Quantity - lines[i].Rejected
		picked += lines[i].Picked
	}
	t.Lines, t.Status, t.At = lines, retail.TaskPicked, time.Now()
	if picked == 0 {
		t.Status = retail.TaskRejected
	}
	w.stores.changed(reference)
}

// fakeERP redeems coupons and books points.
type fakeERP struct {
	w       *world
	coupons map[string]string // number -> what it is used for; "-" when expired
	points  map[string]int
}

func (e *fakeERP) Redeem(_ context.Context, number, _, reference string, _ time.Time) error {
	return act(e.w, "erp.Redeem", func() error {
		e.w.mu.Lock()
		defer e.w.mu.Unlock()
		if used := e.coupons[number]; used != "" && used != reference {
			return retail.Refuse(retail.WhyCouponRejected, "coupon", "The coupon is used.")
		}
		e.coupons[number] = reference
		return nil
	})
}

func (e *fakeERP) Release(_ context.Context, number, reference string) error {
	return act(e.w, "erp.Release", func() error {
		e.w.mu.Lock()
		defer e.w.mu.Unlock()
		if e.coupons[number] == reference {
			e.coupons[number] = ""
		}
		return nil
	})
}

func (e *fakeERP) BookPoints(_ context.Context, _ string, p retail.PointEntry) error {
	return act(e.w, "erp.BookPoints", func() error {
		e.w.mu.Lock()
		defer e.w.mu.Unlock()
		if have, ok := e.points[p.Reference]; ok && have != p.Points {
			e.w.t.Errorf("points %s come again as %d instead of %d", p.Reference, p.Points, have)
		}
		e.points[p.Reference] = p.Points
		return nil
	})
}
