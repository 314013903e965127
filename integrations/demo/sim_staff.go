package demo

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// Bounds of what staff do in one step.
const (
	picksAStep = 20
	pagesAStep = 10
)

// bench is what staff know: the tasks of the gateway that are not over, and how far they have read.
type bench struct {
	tasks  map[string]benchTask
	queue  []string // to be picked, in the order in which staff heard of them
	cursor uint64
	look   map[string]bool // places where something was handed over
	turn   int             // of the places looked at
}

type benchTask struct {
	Task
	due int // step in which it is picked
}

// staff pick the tasks that the gateway gave the stores, some steps after they heard of them. What is not on the shelf they
// cannot give, and sometimes they do not find what is.
func (s *Sim) staff(ctx context.Context) error {
	if s.pace.PickAfter <= 0 {
		return nil
	}
	if err := s.readTasks(ctx); err != nil {
		return err
	}
	var waiting []string
	var errs []error
	picked := 0
	for _, reference := range s.bench.queue {
		t := s.bench.tasks[reference]
		if !t.pending() {
			continue
		}
		if t.due > s.stats.Steps || picked == picksAStep {
			waiting = append(waiting, reference)
			continue
		}
		picked++
		reject := s.missing(t.Task)
		after, err := s.backends.pickTask(ctx, reference, reject)
		switch fault := (*posFault)(nil); {
		case err == nil:
			s.stats.Picked++
			for _, n := range reject {
				s.stats.Rejected += n
			}
			s.see(after)
		case errors.As(err, &fault) && fault.code == "CONFLICT": // cancelled meanwhile: the feed will tell
		default:
			waiting = append(waiting, reference)
			errs = append(errs, err)
		}
	}
	s.bench.queue = waiting
	return errors.Join(errs...)
}

// readTasks hears of what changed, and forgets tasks that are over once nothing older about them can come.
func (s *Sim) readTasks(ctx context.Context) error {
	for range pagesAStep {
		list, next, err := s.backends.taskChanges(ctx, s.bench.cursor)
		if err != nil {
			return err
		}
		for _, t := range list {
			s.see(t)
		}
		if next <= s.bench.cursor {
			break
		}
		s.bench.cursor = next
	}
	maps.DeleteFunc(s.bench.tasks, func(_ string, t benchTask) bool {
		return !t.pending() && t.Status != TaskPicked && t.Change <= s.bench.cursor
	})
	return nil
}

// see takes note of a task; news may come twice and in any order.
func (s *Sim) see(t Task) {
	old, known := s.bench.tasks[t.Reference]
	if known && t.Change <= old.Change {
		return
	}
	s.putAside(old.Task, -1)
	s.putAside(t, 1)
	next := benchTask{Task: t, due: old.due}
	if !known && t.pending() {
		next.due = s.stats.Steps + s.pace.PickAfter + s.hands.IntN(s.pace.PickAfter+1)
		s.bench.queue = append(s.bench.queue, t.Reference)
	}
	if t.Status == TaskHandedOver {
		s.bench.look[t.Location] = true
	}
	s.bench.tasks[t.Reference] = next
}

// putAside moves what was picked from the shelf to the counter, where nobody else buys it, or back.
func (s *Sim) putAside(t Task, sign int) {
	if t.Status != TaskPicked {
		return
	}
	for _, l := range t.Lines {
		p := Pair{t.Location, l.SKU}
		level := s.truth[p]
		level.Aside += sign * l.Picked
		s.truth[p] = level
	}
}

// missing is what staff cannot give of a task, by SKU.
func (s *Sim) missing(t Task) map[string]int {
	reject := map[string]int{}
	unlucky := -1
	if s.pace.RejectEvery > 0 && s.hands.IntN(s.pace.RejectEvery) == 0 && len(t.Lines) > 0 {
		unlucky = s.hands.IntN(len(t.Lines))
	}
	for i, l := range t.Lines {
		n := max(0, l.Quantity-max(0, s.truth[Pair{t.Location, l.SKU}].free()))
		if i == unlucky {
			n = max(n, 1)
		}
		if n > 0 {
			reject[l.SKU] = n
		}
	}
	return reject
}

// watch looks at the shelves of a few places, in turn, and of those where something was handed over.
//
// Goods also move without the simulated trade: the gateway hands over and takes back at tills, couriers fetch, parcels return.
// Nobody tells the simulation, so it looks: at a place, its own account of a shelf and what the systems state together may differ
// by just that. The difference is taken over into the truth and counted in SimStats.Outside. The account remains a check of
// the systems, because without a gateway the difference must be zero, and with one it must be what the gateway moved.
func (s *Sim) watch(ctx context.Context) error {
	if s.pace.Watch <= 0 || len(s.places) == 0 {
		return nil
	}
	list := slices.Sorted(maps.Keys(s.bench.look))
	list = list[:min(len(list), s.pace.Watch)]
	for range min(s.pace.Watch, len(s.places)) {
		list = append(list, s.places[s.bench.turn%len(s.places)])
		s.bench.turn++
	}
	for _, place := range list {
		if err := s.observe(ctx, place); err != nil {
			return err
		}
		delete(s.bench.look, place)
	}
	return nil
}

// observe takes over what moved at a place without the simulation. It does not look while its own news are under way, or while
// the head office shows an older state than it was told: that would look as if somebody had moved them.
func (s *Sim) observe(ctx context.Context, place string) error {
	if slices.ContainsFunc(s.receipts, func(t tillTransaction) bool { return t.location == place }) {
		return nil
	}
	sold := map[string]int{}
	if slices.Contains(s.stores, place) {
		counters, asOf, err := s.backends.counters(ctx, place)
		if err != nil {
			return err
		}
		if asOf.Before(s.told[place]) {
			return nil
		}
		for _, c := range counters {
			sold[c.SKU] = c.Net
		}
	}
	books, err := s.backends.ERP.Balances(ctx, place)
	if err != nil {
		return err
	}
	for _, b := range books {
		p := Pair{b.Location, b.SKU}
		level := s.truth[p]
		if moved := b.Quantity + b.POSCut - sold[b.SKU] - level.OnHand; moved != 0 {
			s.move(p, moved, 0)
			s.stats.Outside += max(moved, -moved)
		}
	}
	return nil
}

// tellAt notes when the tills of some places report.
func (s *Sim) tellAt(list []tillTransaction, at time.Time) {
	for _, t := range list {
		s.told[t.location] = at
	}
}
