package shop

import (
	"slices"
	"testing"
	"time"
)

func TestMemoryForgetsTheOldest(t *testing.T) {
	m := newMemory[int](2)
	for i, reference := range []string{"a", "b", "a", "c"} {
		m.keep(reference, i)
	}
	if _, known := m.known["a"]; known || m.known["b"] != 1 || m.known["c"] != 3 || !slices.Equal(m.order, []string{"b", "c"}) {
		t.Errorf("memory = %+v", m)
	}
}

func TestTheOldestCartIsForgottenWhole(t *testing.T) {
	c := newCarts(2)
	for _, owner := range []string{"a", "b", "c"} {
		c.add(owner, time.Time{})
	}
	if len(c.known.known) != 2 || len(c.changes) != 2 || len(c.open) != 2 || c.open["a"] != "" || c.known.known[c.open["c"]].Owner != "c" {
		t.Errorf("carts = %+v", c)
	}
	// The next one to go has been closed, and its owner has another one.
	delete(c.open, "b")
	second := c.add("b", time.Time{})
	if c.add("d", time.Time{}); c.open["b"] != second {
		t.Errorf("the open cart of b is %q, want %q", c.open["b"], second)
	}
}

func TestTheOldestOrderLeavesItsList(t *testing.T) {
	s := newSales(nil, 2)
	for _, number := range []string{"1", "2", "3"} {
		s.add(&sale{order: Order{Number: number}, account: "u"})
	}
	if len(s.known.known) != 2 || len(s.ofAccount["u"]) != 2 || s.ofAccount["u"][0].order.Number != "2" {
		t.Errorf("sales = %+v", s)
	}
}

func TestTheOldestPaymentIsForgottenWhole(t *testing.T) {
	m := newMoney()
	m.payments = newMemory[*payment](1)
	for _, reference := range []string{"1", "2"} {
		p := &payment{Reference: reference, Order: "P" + reference}
		m.keep(p)
		m.ofOrder[p.Order], m.given[reference] = []*payment{p}, 5
	}
	if len(m.payments.known) != 1 || len(m.ofOrder) != 1 || len(m.given) != 1 || m.given["2"] != 5 {
		t.Errorf("money = %+v", m)
	}
}

func TestTheOldestEventGivesWay(t *testing.T) {
	e := newEvents(time.UnixMilli(36))
	e.emit(kindOrder, "P1", "o-1", time.Time{}, 1)
	if len(e.waiting) != 0 {
		t.Error("an event waits for nobody")
	}
	e.url = "http://127.0.0.1:1"
	for range maxEvents + 1 {
		e.emit(kindOrder, "P1", "o-1", time.Time{}, 1)
	}
	if len(e.waiting) != maxEvents || e.waiting[0].ID != "e-10-2" {
		t.Errorf("%d events wait, the first is %+v", len(e.waiting), e.waiting[0])
	}
}

func TestAmounts(t *testing.T) {
	for amount, want := range map[string]int64{
		"0": 0, "0.00": 0, "19.9": 19900, "19.90": 19900, "1.234": 1234, "999999999999.999": 999_999_999_999_999,
	} {
		if got, ok := (Money{amount, "CNY"}).thousandths(); !ok || got != want {
			t.Errorf("%s = %d, %v, want %d", amount, got, ok, want)
		}
	}
	for _, amount := range []string{"", "-1", "+1", ".5", "1.", "1.2345", "1,5", "1e3", " 1", "NaN", "1000000000000", "1.2.3", "１"} {
		if got, ok := (Money{amount, "CNY"}).thousandths(); ok {
			t.Errorf("%q was read as %d", amount, got)
		}
	}
	if !(Money{"1.50", "CNY"}).equals(Money{"1.5", "CNY"}) || (Money{"1.5", "CNY"}).equals(Money{"1.5", "USD"}) || (Money{"x", "CNY"}).equals(Money{"x", "CNY"}) {
		t.Error("equal amounts differ, or different ones are equal")
	}
}
