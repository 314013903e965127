package ordering_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-retail/portico/retail"
)

// The refund of a return is asked for by the returns, which tell the order by a job when it is asked for and when it is paid.
func TestStaffHearOfARefundOfAReturnThatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		now := time.Now()
		w.books.orders["o-1"] = &retail.Order{
			ID: "o-1", Number: "N-1", Owner: guest.Key(), Status: retail.OrderCompleted, PlacedAt: now.Add(-time.Hour),
			Lines:    []retail.OrderLine{{ID: "1", SKU: "A", Quantity: 2, Price: retail.LinePrice{Total: yuan(2000)}}},
			Totals:   retail.Totals{Total: yuan(2000)},
			Payments: []retail.Payment{{Reference: "p-1", Amount: yuan(2000), Status: retail.PaymentSucceeded}},
			Refunds: []retail.Refund{{
				Reference: "o-1/r-1:REFUND:1", PaymentReference: "p-1", ReturnID: "r-1", Amount: yuan(1000), Status: retail.RefundPending, AskedAt: now,
			}},
			Saga: retail.Saga{PaidBy: "p-1"},
		}
		job := retail.Job{Kind: retail.JobOrder, Key: "o-1"}
		const alert = "o-1/o-1/r-1:REFUND:1/REFUND_STUCK"
		open := func() (open bool) {
			a, raised := w.books.alerts[alert]
			return raised && a.ClearedAt == nil
		}
		w.books.jobs = append(w.books.jobs, job)
		w.settle(w.config.RefundWithin - time.Minute)
		if open() {
			t.Error("an alert was raised too early")
		}
		w.settle(2 * time.Minute)
		if !open() {
			t.Fatalf("no alert was raised: %v", w.books.alerts)
		}
		_, err := fakeLedger{w}.UpdateOrder(context.Background(), "o-1", func(tx retail.Tx, o *retail.Order) error {
			o.Refunds[0].Status = retail.RefundSucceeded
			return tx.Enqueue(job)
		})
		if err != nil {
			t.Fatal(err)
		}
		w.settle(time.Second)
		if open() {
			t.Error("the alert of a refund that was paid stays open")
		}
	})
}
