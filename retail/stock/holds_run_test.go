package stock_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// dueDates is a projection that knows only when the claims of a partition are due.
type dueDates struct {
	stock.ClaimProjection
	mu    sync.Mutex
	due   map[uint16][]time.Time
	lost  bool
	late  time.Duration // the longest that a due claim waited
	reaps int
	ended int
}

func (d *dueDates) Reap(_ context.Context, partition uint16) (stock.Reaped, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reaps++
	if d.lost {
		return stock.Reaped{}, stock.ErrLost
	}
	now, r := time.Now(), stock.Reaped{Next: -1}
	var left []time.Time
	for _, at := range d.due[partition] {
		if at.After(now) {
			left = append(left, at)
			if wait := at.Sub(now); r.Next < 0 || wait < r.Next {
				r.Next = wait
			}
			continue
		}
		r.Ended++
		d.ended++
		d.late = max(d.late, now.Sub(at))
	}
	d.due[partition], r.Live = left, len(left)
	return r, nil
}

func (d *dueDates) Reset(context.Context, uint16, string, time.Duration) (stock.Reset, error) {
	return stock.Reset{}, nil
}

func (d *dueDates) Restore(context.Context, uint16, string, time.Duration, []stock.Counted) error {
	return nil
}

func (d *dueDates) Reopen(context.Context, uint16, string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lost = false
	return nil
}

func (d *dueDates) add(partition uint16, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.due[partition] = append(d.due[partition], at)
}

func runHolds(t *testing.T, d *dueDates, ledger *memoryLedger, reg prometheus.Registerer) *stock.Holds {
	service := stock.NewService(stock.DefaultPolicy(), stock.Deps{
		Layout: fixedLayout{"S-1": {}, "S-2": {Partition: 1}}, Now: time.Now,
	})
	holds := stock.NewHolds(stock.DefaultHoldPolicy(), stock.HoldDeps{
		Stock: service, Projection: d, Ledger: ledger, Log: slog.New(slog.DiscardHandler), Registerer: reg,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- holds.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return holds
}

func TestClaimsEndWithinATenthOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &dueDates{due: map[uint16][]time.Time{}}
		runHolds(t, d, &memoryLedger{}, nil)
		start := time.Now()
		// Claims of other gateways, which this one hears of when it looks: each is due a hold's shortest life after it was made.
		for i := range 40 {
			made := start.Add(time.Duration(i) * 7777 * time.Millisecond)
			time.Sleep(time.Until(made)) //nolint:forbidigo // the clock is synctest's
			d.add(uint16(i%2), made.Add(time.Minute+time.Duration(i)*311*time.Millisecond))
		}
		time.Sleep(2 * time.Minute) //nolint:forbidigo // the clock is synctest's
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.ended != 40 || d.late > 100*time.Millisecond {
			t.Errorf("%d claims ended, the latest %v after it was due; want 40 within 100 ms", d.ended, d.late)
		}
		if minutes := time.Since(start).Minutes(); float64(d.reaps) > 2*(minutes*8+40) {
			t.Errorf("%d looks in %.0f minutes", d.reaps, minutes)
		}
	})
}

func TestALossIsRepairedWhenTheLedgerAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, ledger := &dueDates{due: map[uint16][]time.Time{}}, &memoryLedger{}
		registry := prometheus.NewRegistry()
		holds := runHolds(t, d, ledger, registry)
		synctest.Wait()
		if !holds.Ready() {
			t.Fatal("not ready")
		}
		d.mu.Lock()
		d.lost = true
		d.mu.Unlock()
		ledger.mu.Lock()
		ledger.down = true
		ledger.mu.Unlock()
		time.Sleep(time.Minute) //nolint:forbidigo // the clock is synctest's
		if holds.Ready() {
			t.Error("ready while the claims are unknown")
		}
		ledger.mu.Lock()
		ledger.down = false
		ledger.mu.Unlock()
		time.Sleep(3 * time.Second) //nolint:forbidigo // the clock is synctest's
		if !holds.Ready() {
			t.Error("not ready 3 s after the ledger answers again")
		}
		if families, err := registry.Gather(); err != nil || len(families) < 3 {
			t.Errorf("%d families of metrics, %v", len(families), err)
		}
	})
}

// A job of an order may hold stock in a gateway that has only just started: the gateway must still look at the partition, or it
// would not be ready before that claim is due.
func TestAGatewayThatHoldsBeforeItsFirstLookBecomesReady(t *testing.T) {
	w := newHoldWorld(t)
	fresh := stock.NewHolds(stock.DefaultHoldPolicy(), stock.HoldDeps{
		Stock: w.stock, Projection: w.store, Ledger: w.ledger, Log: slog.New(slog.DiscardHandler),
	})
	if _, err := fresh.Hold(t.Context(), retail.Claim{
		ID: "c-1", Owner: "guest:g", OrderID: "o-1", LocationCode: "S-1", Lines: []retail.ClaimLine{{SKU: "A", Quantity: 1}},
		ExpiresAt: w.now.Add(17 * time.Minute),
	}); err != nil {
		t.Fatal(err)
	}
	fresh.TendDue(t.Context())
	if !fresh.Ready() {
		t.Error("not ready after a look at everything that is due")
	}
}
