package demo_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/demo/shop"
)

// staffedPace is briskPace with staff who find everything and a look at every place in each step.
func staffedPace() demo.Pace {
	pace := briskPace()
	pace.PickAfter, pace.Watch = 1, 100
	return pace
}

// house is the stand as the tests of the trade know it.
func (s *stand) house() *house {
	return &house{Backends: &s.Backends, tills: s.Stand.POS}
}

func TestWithoutAGatewayNothingMovesFromOutside(t *testing.T) {
	s := openStand(t, shop.Pace{})
	sim := demo.NewSim(s.retailer, &s.Backends, 42, staffedPace())
	mustStep(t, sim, 25)
	mustConserve(t, s.house(), sim)
	if got := sim.Stats(); got.Outside != 0 || got.Picked != 0 || got.Sales == 0 || got.Shipments == 0 || got.Bookings == 0 {
		t.Errorf("stats %+v", got)
	}
}

func TestAHeadOfficeThatShowsOldCountersMovesNothing(t *testing.T) {
	s := openStand(t, shop.Pace{})
	sim := demo.NewSim(s.retailer, &s.Backends, 42, staffedPace())
	for _, stale := range []bool{false, true, false} {
		if err := s.POSFaults.Set(faults.State{Stale: stale}); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			s.passed.Add(int64(time.Second))
			mustStep(t, sim, 1)
		}
		if got := sim.Stats(); got.Outside != 0 || got.Sales == 0 {
			t.Errorf("stale %v: stats %+v", stale, got)
		}
	}
	mustConserve(t, s.house(), sim)
}

func TestLostAnswersOfTheTillsMoveNothing(t *testing.T) {
	s := openStand(t, shop.Pace{})
	sim := demo.NewSim(s.retailer, &s.Backends, 42, staffedPace())
	mustStep(t, sim, 5)
	if err := s.POSFaults.Set(faults.State{LoseReplies: 0.5}); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for range 10 {
		if sim.Step(t.Context()) != nil {
			failed++
		}
	}
	if err := s.POSFaults.Set(faults.State{}); err != nil {
		t.Fatal(err)
	}
	mustStep(t, sim, 3)
	mustConserve(t, s.house(), sim)
	if got := sim.Stats(); got.Outside != 0 || failed == 0 {
		t.Errorf("%d units moved from outside, %d steps failed", got.Outside, failed)
	}
}

func TestStaffServeTheGatewaysOrders(t *testing.T) {
	s := openStand(t, shop.Pace{})
	at := s.shelf(t, demo.KindStore, 5)
	depot := s.shelf(t, demo.KindWarehouse, 10)
	s.createTask(t, "o-1/f-1", at, 2)
	s.createTask(t, "o-2/f-1", at, 1)
	still := demo.Pace{PickAfter: 1, Watch: 100}
	sim := demo.NewSim(s.retailer, &s.Backends, 42, still)
	truth := func() demo.Level { return sim.Truth()[demo.Pair{Location: at.Location, SKU: at.SKU}] }
	status := func(reference string) demo.Task {
		task, err := s.Task(t.Context(), reference)
		if err != nil {
			t.Fatal(err)
		}
		return task
	}
	mustStep(t, sim, 4)
	s.createTask(t, "o-3/f-1", at, at.OnHand+4) // more than there is
	mustStep(t, sim, 4)
	for _, reference := range []string{"o-1/f-1", "o-2/f-1", "o-3/f-1"} {
		if got := status(reference); got.Status != demo.TaskPicked {
			t.Errorf("%s is %+v after some steps", reference, got)
		}
	}
	if big := status("o-3/f-1").Lines[0]; big.Picked+big.Rejected != big.Quantity || big.Rejected < 4 {
		t.Errorf("of more than there is, staff picked %+v", big)
	}
	if got := truth(); got.OnHand != at.OnHand || got.Aside != at.OnHand {
		t.Errorf("the shelf holds %+v, want all %d aside", got, at.OnHand)
	}

	s.handOver(t, "o-1/f-1", at, 2)
	s.ask(t, `<PickupTaskCancel reference="o-2/f-1"/>`)
	s.ask(t, `<PickupTaskCancel reference="o-3/f-1"/>`)
	s.placeOrder(t, "P1", depot)
	s.requestDelivery(t, "o-4/f-1", "P1", depot, 3)
	for range 2 {
		if err := s.AdvanceDelivery(t.Context(), "o-4/f-1"); err != nil {
			t.Fatal(err)
		}
	}
	mustStep(t, sim, 3)
	if got := truth(); got != (demo.Level{OnHand: at.OnHand - 2}) {
		t.Errorf("after a hand-over of 2 and two cancellations the shelf holds %+v of %d", got, at.OnHand)
	}
	if got := sim.Truth()[demo.Pair{Location: depot.Location, SKU: depot.SKU}]; got.OnHand != depot.OnHand-3 {
		t.Errorf("after a courier fetched 3, the warehouse holds %+v of %d", got, depot.OnHand)
	}
	s.ask(t, fmt.Sprintf(`<GoodsReturn reference="o-1/r-1" location="%s" at="2026-11-22T06:30:00Z" currency="CNY" order="P1">`+
		`<Line sku="%s" quantity="1" refund="5.00"/></GoodsReturn>`, at.Location, at.SKU))
	mustStep(t, sim, 1)
	if got := truth(); got != (demo.Level{OnHand: at.OnHand - 1}) {
		t.Errorf("after one came back the shelf holds %+v of %d", got, at.OnHand)
	}
	stats := sim.Stats()
	if stats.Outside != 2+3+1 || stats.Picked != 3 {
		t.Errorf("stats %+v, want 6 units from outside and 3 tasks picked", stats)
	}
}

func TestTradeAndGatewayShareTheShelves(t *testing.T) {
	s := openStand(t, shop.Pace{})
	pace := staffedPace()
	pace.RejectEvery = 2
	sim := demo.NewSim(s.retailer, &s.Backends, 7, pace)
	if err := s.POSFaults.Set(faults.State{Duplicate: 0.5, Reorder: true}); err != nil {
		t.Fatal(err)
	}
	n, handed := 0, 0
	for round := range 15 {
		for _, st := range s.retailer.Stock {
			if n++; st.Location[0] == 'S' && st.Ranged && n%29 == round {
				s.createTask(t, fmt.Sprintf("o-%d/f-1", n), st, 2)
			}
		}
		mustStep(t, sim, 1)
		for reference, at := range s.ready(t) {
			task, err := s.Task(t.Context(), reference)
			if err != nil {
				t.Fatal(err)
			}
			s.handOver(t, reference, at, task.Lines[0].Picked)
			handed += task.Lines[0].Picked
		}
	}
	mustStep(t, sim, 3)
	for reference, at := range s.ready(t) {
		task, _ := s.Task(t.Context(), reference)
		s.handOver(t, reference, at, task.Lines[0].Picked)
		handed += task.Lines[0].Picked
	}
	mustStep(t, sim, 2)
	mustConserve(t, s.house(), sim)
	got := sim.Stats()
	if handed == 0 || got.Outside != handed || got.Rejected == 0 || got.Picked == 0 {
		t.Errorf("%d units handed over, stats %+v", handed, got)
	}
	for p, level := range sim.Truth() {
		if level.Aside < 0 || level.OnHand < 0 {
			t.Errorf("%v has %+v", p, level)
		}
	}
}

// ready lists the picked tasks with their only line.
func (s *stand) ready(t *testing.T) map[string]demo.Stock {
	t.Helper()
	out := map[string]demo.Stock{}
	for _, task := range s.tasks(t) {
		if task.Status == demo.TaskPicked {
			out[task.Reference] = demo.Stock{Location: task.Location, SKU: task.Lines[0].SKU}
		}
	}
	return out
}

// tasks reads the whole feed of tasks.
func (s *stand) tasks(t *testing.T) map[string]demo.Task {
	t.Helper()
	var reply struct {
		Tasks []demo.Task `xml:"Body>TaskChangesReply>Task"`
	}
	s.decode(t, s.ask(t, `<TaskChanges after="0" max="500"/>`), &reply)
	out := map[string]demo.Task{}
	for _, each := range reply.Tasks {
		if each.Change >= out[each.Reference].Change {
			out[each.Reference] = each
		}
	}
	return out
}
