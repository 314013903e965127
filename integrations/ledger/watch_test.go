package ledger_test

import (
	"fmt"
	"testing"
)

func TestTheLastEventIsWhereAReaderGoesOn(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, r rig) {
		l, ctx := r.open(t), t.Context()
		if last, err := l.LastEvent(ctx); last != 0 || err != nil {
			t.Errorf("of an empty outbox: %d, %v", last, err)
		}
		for i := range 3 {
			if err := emit(ctx, l, fmt.Sprint("order-", i), func() {}); err != nil {
				t.Fatal(err)
			}
		}
		last, err := l.LastEvent(ctx)
		if last != 3 || err != nil { // nobody has read the events yet
			t.Errorf("got %d, %v", last, err)
		}
		if err := emit(ctx, l, "order-later", func() {}); err != nil {
			t.Fatal(err)
		}
		events, err := l.Events(ctx, last, 10)
		if err != nil || len(events) != 1 || events[0].Subject != "order-later" {
			t.Errorf("behind it: %v, %v", events, err)
		}
	})
}
