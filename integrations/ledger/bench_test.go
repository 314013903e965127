package ledger_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// onEachDatabase measures calls of 16 shoppers at a time.
func onEachDatabase(b *testing.B, call func(b *testing.B, l *ledger.Ledger, n int64) error) {
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			l := newRig(b, kind).open(b)
			for i := range 16 {
				id := fmt.Sprint("o", i)
				if _, _, err := l.CreateOrder(b.Context(), typicalOrder(id), nil); err != nil {
					b.Fatal(err)
				}
			}
			var n atomic.Int64
			b.SetParallelism(8) // times two processors
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := call(b, l, n.Add(1)); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
		})
	}
}

func typicalOrder(id string) *retail.Order {
	o := &retail.Order{ID: id, Number: "N" + id, Owner: "member:" + id, MemberID: id, Status: retail.OrderPaid, PlacedAt: noon}
	for i := range 3 {
		line := retail.OrderLine{ID: fmt.Sprint(i), SKU: fmt.Sprint("SKU", i), Titles: retail.Text{Chinese: "牛奶", English: "Milk"}, Quantity: 2}
		o.Lines = append(o.Lines, line)
		o.Timeline = append(o.Timeline, retail.TimelineEntry{At: noon, Kind: retail.TimelinePaid})
	}
	o.Fulfillments = []retail.Fulfillment{{ID: "1", LocationCode: "S001", Status: retail.FulfillmentAccepted, Promise: noon, Lines: []retail.FulfillmentLine{
		{LineID: "0", SKU: "SKU0", Quantity: 2}, {LineID: "1", SKU: "SKU1", Quantity: 2}, {LineID: "2", SKU: "SKU2", Quantity: 2},
	}}}
	return o
}

func BenchmarkAddClaim(b *testing.B) {
	onEachDatabase(b, func(b *testing.B, l *ledger.Ledger, n int64) error {
		c := hold(fmt.Sprint("c", n), fmt.Sprint("guest:", n), "S001", units("A", 1), units("B", 2))
		_, err := l.AddClaim(b.Context(), c, stock.HoldCaps{Holds: 5, UnitsPerSKU: 10}, noon)
		return err
	})
}

func BenchmarkUpdateOrder(b *testing.B) {
	onEachDatabase(b, func(b *testing.B, l *ledger.Ledger, n int64) error {
		_, err := l.UpdateOrder(b.Context(), fmt.Sprint("o", n%16), func(tx retail.Tx, o *retail.Order) error {
			o.Note = fmt.Sprint(n)
			return tx.Enqueue(retail.Job{Kind: retail.JobOrder, Key: o.ID})
		})
		return err
	})
}

func BenchmarkUpdateOrderWithoutJob(b *testing.B) {
	onEachDatabase(b, func(b *testing.B, l *ledger.Ledger, n int64) error {
		_, err := l.UpdateOrder(b.Context(), fmt.Sprint("o", n%16), func(_ retail.Tx, o *retail.Order) error {
			o.Note = fmt.Sprint(n)
			return nil
		})
		return err
	})
}

// BenchmarkSell is what one sale costs: the claim becomes an allocation, the order moves on, a job and an event are stored.
func BenchmarkSell(b *testing.B) {
	onEachDatabase(b, func(b *testing.B, l *ledger.Ledger, n int64) error {
		id := fmt.Sprint("c", n)
		if _, err := l.AddClaim(b.Context(), hold(id, "guest:a", fmt.Sprint("S", n%50), units("A", 1), units("B", 2)), stock.HoldCaps{}, noon); err != nil {
			return err
		}
		o := typicalOrder("order-" + id)
		_, _, err := l.CreateOrder(b.Context(), o, func(tx retail.Tx) error {
			if err := tx.Allocate(id, map[string]retail.Supply{"A": {Units: 1 << 40}, "B": {Units: 1 << 40}}); err != nil {
				return err
			}
			if err := tx.Emit(retail.Event{Kind: retail.EventOrderStatus, Subject: o.ID, At: noon}); err != nil {
				return err
			}
			return tx.Enqueue(retail.Job{Kind: retail.JobOrder, Key: o.ID})
		})
		return err
	})
}
