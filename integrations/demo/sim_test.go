package demo_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/demo/faults"
)

// briskPace makes everything happen within a few steps.
func briskPace() demo.Pace {
	return demo.Pace{Sales: 20, Orders: 8, ShipAfter: 3, Adjustments: 3, BookEvery: 2, PromoEvery: 4}
}

// mustConserve compares the backends with the truth, pair by pair.
func mustConserve(t *testing.T, h *house, sim *demo.Sim) {
	t.Helper()
	onHand, promised := map[demo.Pair]int{}, map[demo.Pair]int{}
	for p, level := range sim.Truth() {
		onHand[p] = level.OnHand
		if level.Promised != 0 {
			promised[p] = level.Promised
		}
	}
	if diff := cmp.Diff(onHand, h.stockNow(t)); diff != "" {
		t.Errorf("on hand (-truth +backends):\n%s", diff)
	}
	if diff := cmp.Diff(promised, h.promised(t)); diff != "" {
		t.Errorf("promised (-truth +shop):\n%s", diff)
	}
}

func mustStep(t *testing.T, sim *demo.Sim, n int) {
	t.Helper()
	for range n {
		if err := sim.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSimulatedTradeConservesStock(t *testing.T) {
	r := corner()
	h := openHouse(t, r)
	sim := demo.NewSim(r, h.Backends, 42, briskPace())
	mustStep(t, sim, 25)
	mustConserve(t, h, sim)
	s := sim.Stats()
	if s.Sales == 0 || s.Returns == 0 || s.Orders == 0 || s.Shipments == 0 || s.Adjustments == 0 || s.Replenishments == 0 || s.Bookings == 0 || s.Promotions == 0 || s.Undelivered != 0 {
		t.Errorf("not everything happened: %+v", s)
	}
	for p, level := range sim.Truth() {
		if level.OnHand < level.Promised || level.Promised < 0 {
			t.Errorf("%v has %+v", p, level)
		}
	}
	if err := sim.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustConserve(t, h, sim)
	if n, open := h.unsynced(t), len(h.promised(t)); n != 0 || open != 0 {
		t.Errorf("after settling, %d units are unsynced and %d pairs promised", n, open)
	}
}

func TestSilentBackendsLoseNoTrade(t *testing.T) {
	r := corner()
	h := openHouse(t, r)
	sim := demo.NewSim(r, h.Backends, 42, briskPace())
	mustStep(t, sim, 3)
	for _, board := range []*faults.Board{h.posFaults, h.shopFaults} {
		for _, state := range []faults.State{{Down: true}, {ErrorRate: 1}, {Truncate: true}} {
			if err := board.Set(state); err != nil {
				t.Fatal(err)
			}
			if err := sim.Step(t.Context()); err == nil {
				t.Errorf("a step with %+v says that all backends answer", state)
			}
			if err := board.Set(faults.State{}); err != nil {
				t.Fatal(err)
			}
			mustStep(t, sim, 1)
		}
	}
	mustStep(t, sim, 5)
	if n := sim.Stats().Undelivered; n != 0 {
		t.Errorf("%d messages still wait", n)
	}
	mustConserve(t, h, sim)
}

func TestTheSameSeedTradesTheSame(t *testing.T) {
	run := func() map[demo.Pair]demo.Level {
		r := corner()
		sim := demo.NewSim(r, openHouse(t, r).Backends, 7, briskPace())
		mustStep(t, sim, 5)
		return sim.Truth()
	}
	if diff := cmp.Diff(run(), run()); diff != "" {
		t.Errorf("two runs differ:\n%s", diff)
	}
}

func TestRunStepsWithTheTicks(t *testing.T) {
	r := corner()
	sim := demo.NewSim(r, openHouse(t, r).Backends, 7, briskPace())
	ctx, cancel := context.WithCancel(t.Context())
	ticks, done := make(chan time.Time), make(chan error)
	go func() { done <- sim.Run(ctx, ticks, slog.New(slog.DiscardHandler)) }()
	ticks <- now
	ticks <- now
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := sim.Stats().Steps; n != 2 {
		t.Errorf("%d steps after two ticks", n)
	}
}

func TestPickQueuesMove(t *testing.T) {
	r := corner()
	house := openHouse(t, r)
	last, moves := map[string]int{}, 0
	house.PickQueue = func(location string, open int) error {
		if open < 0 || open-last[location] > 2 || last[location]-open > 2 {
			t.Errorf("%s jumps from %d to %d", location, last[location], open)
		}
		if open != last[location] {
			moves++
		}
		last[location] = open
		return nil
	}
	pace := briskPace()
	pace.Picks = 6
	mustStep(t, demo.NewSim(r, house.Backends, 7, pace), 10)
	if moves == 0 {
		t.Error("no queue moved in ten steps")
	}
}
