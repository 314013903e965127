package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/ordering"
)

// wrap puts the fuse before and behind every call that an order's steps make.
func (f *fuse) wrap(d ordering.Deps) ordering.Deps {
	d.Ledger, d.Claims, d.Carts = fusedLedger{d.Ledger, f}, fusedClaims{d.Claims, f}, fusedCarts{d.Carts, f}
	d.Sourcing, d.Shop, d.Stores = fusedSourcing{d.Sourcing, f}, fusedShop{d.Shop, f}, fusedStores{d.Stores, f}
	d.Coupons, d.Points = fusedCoupons{d.Coupons, f}, fusedPoints{d.Points, f}
	return d
}

// fused is a call with the fuse around it.
func fused[T any](f *fuse, name string, call func() (T, error)) (T, error) {
	f.pass(name, false)
	v, err := call()
	f.pass(name, true)
	return v, err
}

func fusedAct(f *fuse, name string, call func() error) error {
	_, err := fused(f, name, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// saw remembers how an order stands, without what changes by being looked at.
func (f *fuse) saw(o *retail.Order) {
	if o == nil {
		return
	}
	c := *o
	c.Version, c.Saga.WakeAt, c.Saga.Failures = 0, time.Time{}, 0
	text, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = string(text)
}

type fusedLedger struct {
	ordering.Ledger
	f *fuse
}

func (l fusedLedger) CreateOrder(
	ctx context.Context, o *retail.Order, do func(tx retail.Tx) error,
) (stored *retail.Order, created bool, err error) {
	l.f.pass("Ledger.CreateOrder", false)
	stored, created, err = l.Ledger.CreateOrder(ctx, o, do)
	l.f.saw(stored)
	l.f.pass("Ledger.CreateOrder", true)
	return stored, created, err
}

func (l fusedLedger) Order(ctx context.Context, id string) (*retail.Order, error) {
	return fused(l.f, "Ledger.Order", func() (*retail.Order, error) {
		o, err := l.Ledger.Order(ctx, id)
		l.f.saw(o)
		return o, err
	})
}

func (l fusedLedger) OrderByNumber(ctx context.Context, number string) (*retail.Order, error) {
	return fused(l.f, "Ledger.OrderByNumber", func() (*retail.Order, error) {
		o, err := l.Ledger.OrderByNumber(ctx, number)
		l.f.saw(o)
		return o, err
	})
}

func (l fusedLedger) UpdateOrder(ctx context.Context, id string, change func(tx retail.Tx, o *retail.Order) error) (*retail.Order, error) {
	return fused(l.f, "Ledger.UpdateOrder", func() (*retail.Order, error) {
		o, err := l.Ledger.UpdateOrder(ctx, id, change)
		l.f.saw(o)
		return o, err
	})
}

func (l fusedLedger) Notify(ctx context.Context, eventID string, jobs ...retail.Job) (bool, error) {
	return fused(l.f, "Ledger.Notify", func() (bool, error) { return l.Ledger.Notify(ctx, eventID, jobs...) })
}

func (l fusedLedger) Cursor(ctx context.Context, feed string) (string, error) {
	return fused(l.f, "Ledger.Cursor", func() (string, error) { return l.Ledger.Cursor(ctx, feed) })
}

func (l fusedLedger) SaveCursor(ctx context.Context, feed, cursor string, jobs ...retail.Job) error {
	return fusedAct(l.f, "Ledger.SaveCursor", func() error { return l.Ledger.SaveCursor(ctx, feed, cursor, jobs...) })
}

func (l fusedLedger) OrdersAt(ctx context.Context, locationCode string, limit int) ([]*retail.Order, error) {
	return fused(l.f, "Ledger.OrdersAt", func() ([]*retail.Order, error) { return l.Ledger.OrdersAt(ctx, locationCode, limit) })
}

func (l fusedLedger) Overdue(ctx context.Context, now time.Time) ([]string, error) {
	return fused(l.f, "Ledger.Overdue", func() ([]string, error) { return l.Ledger.Overdue(ctx, now) })
}

func (l fusedLedger) Stalled(ctx context.Context, now time.Time) ([]string, error) {
	return fused(l.f, "Ledger.Stalled", func() ([]string, error) { return l.Ledger.Stalled(ctx, now) })
}

func (l fusedLedger) Closings(ctx context.Context, locationCode string, skus []string) (map[string]int64, error) {
	return fused(l.f, "Ledger.Closings", func() (map[string]int64, error) { return l.Ledger.Closings(ctx, locationCode, skus) })
}

func (l fusedLedger) Try(ctx context.Context, key string, limit retail.Limit) (allowed bool, wait time.Duration, err error) {
	allowed, err = fused(l.f, "Ledger.Try", func() (bool, error) {
		allowed, wait, err = l.Ledger.Try(ctx, key, limit)
		return allowed, err
	})
	return allowed, wait, err
}

func (l fusedLedger) CountOrders(ctx context.Context, owner, phone string, since time.Time, most int) (int, error) {
	return fused(l.f, "Ledger.CountOrders", func() (int, error) { return l.Ledger.CountOrders(ctx, owner, phone, since, most) })
}

func (l fusedLedger) OrdersOf(ctx context.Context, owner string, before *retail.PurchaseKey, limit int) ([]*retail.Order, error) {
	return fused(l.f, "Ledger.OrdersOf", func() ([]*retail.Order, error) { return l.Ledger.OrdersOf(ctx, owner, before, limit) })
}

func (l fusedLedger) OrdersInReview(ctx context.Context, limit int) ([]*retail.Order, error) {
	return fused(l.f, "Ledger.OrdersInReview", func() ([]*retail.Order, error) { return l.Ledger.OrdersInReview(ctx, limit) })
}

type fusedClaims struct {
	ordering.Claims
	f *fuse
}

func (g fusedClaims) Hold(ctx context.Context, c retail.Claim) (retail.Claim, error) {
	return fused(g.f, "Claims.Hold", func() (retail.Claim, error) { return g.Claims.Hold(ctx, c) })
}

func (g fusedClaims) Adopt(ctx context.Context, id, owner, orderID string, lines []retail.ClaimLine, expiresAt time.Time) (retail.Claim, error) {
	return fused(g.f, "Claims.Adopt", func() (retail.Claim, error) { return g.Claims.Adopt(ctx, id, owner, orderID, lines, expiresAt) })
}

func (g fusedClaims) Pin(ctx context.Context, id string) error {
	return fusedAct(g.f, "Claims.Pin", func() error { return g.Claims.Pin(ctx, id) })
}

func (g fusedClaims) Supply(ctx context.Context, locationCode string, skus []string) (map[string]int, error) {
	return fused(g.f, "Claims.Supply", func() (map[string]int, error) { return g.Claims.Supply(ctx, locationCode, skus) })
}

func (g fusedClaims) Commit(ctx context.Context, id string) error {
	return fusedAct(g.f, "Claims.Commit", func() error { return g.Claims.Commit(ctx, id) })
}

func (g fusedClaims) Settle(ctx context.Context, id string) error {
	return fusedAct(g.f, "Claims.Settle", func() error { return g.Claims.Settle(ctx, id) })
}

func (g fusedClaims) Depart(ctx context.Context, id string, d retail.Departure) error {
	return fusedAct(g.f, "Claims.Depart", func() error { return g.Claims.Depart(ctx, id, d) })
}

type fusedCarts struct {
	ordering.Carts
	f *fuse
}

func (c fusedCarts) Checkout(ctx context.Context, actor retail.Actor, cartID string, version int) (*retail.PricedCart, error) {
	return fused(c.f, "Carts.Checkout", func() (*retail.PricedCart, error) { return c.Carts.Checkout(ctx, actor, cartID, version) })
}

func (c fusedCarts) Close(ctx context.Context, cartID, orderID string) error {
	return fusedAct(c.f, "Carts.Close", func() error { return c.Carts.Close(ctx, cartID, orderID) })
}

type fusedSourcing struct {
	ordering.Sourcing
	f *fuse
}

func (s fusedSourcing) Plan(ctx context.Context, q retail.PlanQuery) (*retail.Plan, error) {
	return fused(s.f, "Sourcing.Plan", func() (*retail.Plan, error) { return s.Sourcing.Plan(ctx, q) })
}

type fusedShop struct {
	ordering.Shop
	f *fuse
}

func (s fusedShop) PlaceOrder(ctx context.Context, o *retail.Order) error {
	return fusedAct(s.f, "Shop.PlaceOrder", func() error { return s.Shop.PlaceOrder(ctx, o) })
}

func (s fusedShop) ReportStatus(ctx context.Context, number string, status retail.OrderStatus, at time.Time) error {
	return fusedAct(s.f, "Shop.ReportStatus", func() error { return s.Shop.ReportStatus(ctx, number, status, at) })
}

func (s fusedShop) Pay(ctx context.Context, orderNumber string, p retail.Payment) (retail.Payment, error) {
	return fused(s.f, "Shop.Pay", func() (retail.Payment, error) { return s.Shop.Pay(ctx, orderNumber, p) })
}

func (s fusedShop) Payment(ctx context.Context, reference string) (retail.Payment, error) {
	return fused(s.f, "Shop.Payment", func() (retail.Payment, error) { return s.Shop.Payment(ctx, reference) })
}

func (s fusedShop) PaymentMethods(ctx context.Context) ([]retail.PaymentMethod, error) {
	return fused(s.f, "Shop.PaymentMethods", func() ([]retail.PaymentMethod, error) { return s.Shop.PaymentMethods(ctx) })
}

func (s fusedShop) VoidPayment(ctx context.Context, reference string) (retail.Payment, error) {
	return fused(s.f, "Shop.VoidPayment", func() (retail.Payment, error) { return s.Shop.VoidPayment(ctx, reference) })
}

func (s fusedShop) Refund(ctx context.Context, r retail.Refund) (retail.Refund, error) {
	return fused(s.f, "Shop.Refund", func() (retail.Refund, error) { return s.Shop.Refund(ctx, r) })
}

func (s fusedShop) RequestDelivery(ctx context.Context, d retail.DeliveryRequest) (retail.CourierState, error) {
	return fused(s.f, "Shop.RequestDelivery", func() (retail.CourierState, error) { return s.Shop.RequestDelivery(ctx, d) })
}

func (s fusedShop) Delivery(ctx context.Context, reference string) (retail.CourierState, error) {
	return fused(s.f, "Shop.Delivery", func() (retail.CourierState, error) { return s.Shop.Delivery(ctx, reference) })
}

func (s fusedShop) CancelDelivery(ctx context.Context, reference string) (retail.CourierState, error) {
	return fused(s.f, "Shop.CancelDelivery", func() (retail.CourierState, error) { return s.Shop.CancelDelivery(ctx, reference) })
}

type fusedStores struct {
	ordering.Stores
	f *fuse
}

func (s fusedStores) SendTask(ctx context.Context, t retail.StoreTask) error {
	return fusedAct(s.f, "Stores.SendTask", func() error { return s.Stores.SendTask(ctx, t) })
}

func (s fusedStores) Task(ctx context.Context, reference string) (retail.TaskState, error) {
	return fused(s.f, "Stores.Task", func() (retail.TaskState, error) { return s.Stores.Task(ctx, reference) })
}

func (s fusedStores) TaskChanges(ctx context.Context, cursor string) (changes []retail.TaskState, next string, err error) {
	s.f.pass("Stores.TaskChanges", false)
	changes, next, err = s.Stores.TaskChanges(ctx, cursor)
	s.f.pass("Stores.TaskChanges", true)
	return changes, next, err
}

func (s fusedStores) CancelTask(ctx context.Context, reference string) (retail.TaskState, error) {
	return fused(s.f, "Stores.CancelTask", func() (retail.TaskState, error) { return s.Stores.CancelTask(ctx, reference) })
}

func (s fusedStores) HandOver(ctx context.Context, h retail.HandOver) (retail.TillReceipt, error) {
	return fused(s.f, "Stores.HandOver", func() (retail.TillReceipt, error) { return s.Stores.HandOver(ctx, h) })
}

type fusedCoupons struct {
	ordering.Coupons
	f *fuse
}

func (c fusedCoupons) Redeem(ctx context.Context, couponNumber, customerNo, reference string, at time.Time) error {
	return fusedAct(c.f, "Coupons.Redeem", func() error { return c.Coupons.Redeem(ctx, couponNumber, customerNo, reference, at) })
}

func (c fusedCoupons) Release(ctx context.Context, couponNumber, reference string) error {
	return fusedAct(c.f, "Coupons.Release", func() error { return c.Coupons.Release(ctx, couponNumber, reference) })
}

type fusedPoints struct {
	ordering.Points
	f *fuse
}

func (p fusedPoints) BookPoints(ctx context.Context, customerNo string, e retail.PointEntry) error {
	return fusedAct(p.f, "Points.BookPoints", func() error { return p.Points.BookPoints(ctx, customerNo, e) })
}
