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

func TestTheOldestEventGivesWay(t *testing.T) {
	e := newEvents()
	e.emit(kindOrder, "P1", "o-1", time.Time{}, 1)
	if len(e.waiting) != 0 {
		t.Error("an event waits for nobody")
	}
	e.url = "http://127.0.0.1:1"
	for range maxEvents + 1 {
		e.emit(kindOrder, "P1", "o-1", time.Time{}, 1)
	}
	if len(e.waiting) != maxEvents || e.waiting[0].ID != "e-2" {
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
