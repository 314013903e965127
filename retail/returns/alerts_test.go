package returns_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/returns"
)

// The order raises the alert of a refund that takes too long, so it must hear of refunds also when its status stays the same.
func TestTheOrderHearsOfRefunds(t *testing.T) {
	p := newPlayer(t)
	for _, line := range []string{"line 1 SHIRT 2 20000 at S1", "slow 1", "ask a IN_STORE 1 1"} {
		if err := p.run(line); err != nil {
			t.Fatal(err)
		}
	}
	heard := func() (n int) {
		p.w.jobs = slices.DeleteFunc(p.w.jobs, func(j retail.Job) bool {
			if j.Kind == retail.JobOrder {
				n++
			}
			return j.Kind == retail.JobOrder
		})
		return n
	}
	if n := heard(); n != 0 {
		t.Errorf("a request gave the order %d jobs", n)
	}
	_, err := p.w.svc.ReceiveInStore(context.Background(), returns.ReceiveGoods{
		Actor: retail.Actor{Role: "associate", Subject: "e-1", Locations: []string{"S1"}}, OrderID: orderID, ReturnID: p.ids["a"],
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := heard(); n != 1 || p.w.order(orderID).Refunds[0].Status != retail.RefundPending {
		t.Errorf("a refund that was asked for gave the order %d jobs, want 1", n)
	}
	p.w.now = p.w.now.Add(time.Hour)
	if err := p.w.svc.RunJob(context.Background(), orderID); err != nil {
		t.Fatal(err)
	}
	if n := heard(); n != 1 || p.w.order(orderID).Refunds[0].Status != retail.RefundSucceeded {
		t.Errorf("a refund that was paid gave the order %d jobs, want 1", n)
	}
	if o := p.w.order(orderID); o.Status != retail.OrderCompleted {
		t.Errorf("the order is %s", o.Status)
	}
}
