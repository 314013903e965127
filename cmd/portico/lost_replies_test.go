package main

import (
	"fmt"
	"sync"
	"testing"

	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/retail"
)

// Shop and tills act and then hang up, a third of the time, while people buy and cancel: nothing is made a second time.
func TestLostRepliesHaveOneEffect(t *testing.T) {
	const buyers, sorry = 12, 4
	s := newSale(t, "embedded")
	lose := func(share float64) {
		must(t, s.stand.ShopFaults.Set(faults.State{LoseReplies: share}))
		must(t, s.stand.POSFaults.Set(faults.State{LoseReplies: share}))
	}
	var mu sync.Mutex
	type bought struct {
		by    *buyer
		order *orderAnswer
	}
	var done []bought
	lose(0.3)
	everybody(buyers, func(int) {
		b, err := s.guest(t.Context(), "")
		if err == nil {
			err = b.fill(t.Context(), cartLine{s.sku, rushPlace, 1})
		}
		if err != nil {
			t.Error(err)
			return
		}
		o, codes, err := b.buy(t.Context())
		s.note(t, o, codes, err)
		mu.Lock()
		defer mu.Unlock()
		done = append(done, bought{b, o})
	})
	lose(0)
	s.settled(t, buyers)
	if t.Failed() {
		return
	}
	lose(0.3)
	for _, d := range done[:sorry] {
		if answer, err := d.by.cancel(t.Context(), d.order.ID); err != nil || len(answer.UserErrors) > 0 {
			t.Errorf("not cancelled: %v, %v", answer.UserErrors, err)
		}
	}
	lose(0)
	for _, d := range done[:sorry] {
		eventually(t, func() error {
			o, err := s.ledger.OrderByNumber(t.Context(), d.order.Number)
			if err == nil && (o.Status != retail.OrderCancelled || len(o.Refunds) != 1 || o.Refunds[0].Status != retail.RefundSucceeded) {
				err = fmt.Errorf("order is %s with refunds %+v", o.Status, o.Refunds)
			}
			return err
		})
	}
	eventually(t, func() error { return s.booked(t, buyers-sorry) })
	if refunds := s.tap.names("refunds"); len(refunds) != sorry {
		t.Errorf("the shop was asked for the refunds %v, want %d", refunds, sorry)
	}
	if s.tap.repeated() == 0 {
		t.Error("nothing was asked for twice: no reply was lost")
	}
}
