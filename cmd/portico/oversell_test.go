package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/retail"
)

// The goods that everybody wants.
const (
	rushPlace = "S-SH01"
	rushUnits = 100
	crowd     = 64 // that the gateway sees at the same time
)

// stocked is a small retailer whose doors are always open, with so many units of everything at every place.
func stocked(units int) *demo.Retailer {
	r := demo.Builtin(1, time.Now()).Corner(2, 12).AlwaysOpen()
	r.Stock = slices.Clone(r.Stock)
	for i := range r.Stock {
		r.Stock[i].OnHand, r.Stock[i].Safety, r.Stock[i].Ranged = units, 0, true
	}
	return r
}

// onSale is a SKU that the place carries and that has a price everywhere.
func onSale(t testing.TB, r *demo.Retailer, place string, skip int) string {
	t.Helper()
	carried := map[string]bool{}
	for _, s := range r.Stock {
		if s.Location == place {
			carried[s.SKU] = true
		}
	}
	for i := range r.Products {
		for _, v := range r.Products[i].Variants {
			if v.Discontinued || v.Web == 0 || v.Till == 0 || v.List == 0 || !carried[v.SKU] {
				continue
			}
			if skip--; skip < 0 {
				return v.SKU
			}
		}
	}
	t.Fatalf("%s has nothing to sell", place)
	return ""
}

// breakdown is the arithmetic of a pair, as staff see it.
type breakdown struct{ OnHand, UnsyncedSales, Allocated, Held, SafetyStock, AvailableToPromise int }

const breakdownQuery = `query ($sku: String!, $at: ID!) { stockCheck(skus: [$sku], locationIds: [$at]) { items {
	level breakdown { onHand unsyncedSales allocated held safetyStock availableToPromise } } } }`

// books reads the arithmetic of a pair.
func books(d *entry, operator, place, sku string) (breakdown, string, error) {
	var a struct {
		StockCheck struct {
			Items []struct {
				Level     string
				Breakdown *breakdown
			}
		}
	}
	err := d.ask(context.Background(), "books", operator, breakdownQuery, map[string]any{"sku": sku, "at": place}, &a)
	if err != nil {
		return breakdown{}, "", err
	}
	if len(a.StockCheck.Items) != 1 || a.StockCheck.Items[0].Breakdown == nil {
		return breakdown{}, "", fmt.Errorf("no breakdown: %+v", a)
	}
	return *a.StockCheck.Items[0].Breakdown, a.StockCheck.Items[0].Level, nil
}

// everybody lets n buyers act at once, as many as fit through the entry, and returns when all are done.
func everybody(n int, act func(i int)) { some(crowd, n, act) }

// some does the same with so many at once.
func some(atOnce, n int, act func(i int)) {
	var group sync.WaitGroup
	tickets := make(chan int)
	for range min(n, atOnce) {
		group.Go(func() {
			for i := range tickets {
				act(i)
			}
		})
	}
	for i := range n {
		tickets <- i
	}
	close(tickets)
	group.Wait()
}

// sale is a rush for one SKU at one place.
type sale struct {
	*rig
	tap *tap
	sku string
	*entry
	stocked int

	mu      sync.Mutex
	orders  []*orderAnswer
	refusal map[string]int // codes: how often
}

func newSale(t *testing.T, kind string, options ...rigOption) *sale {
	t.Helper()
	s := &sale{refusal: map[string]int{}, stocked: rushUnits}
	retailer := stocked(rushUnits)
	s.sku = onSale(t, retailer, rushPlace, 0)
	options = append(options, patiently, withBackends(func(r *rig, b *backends) {
		s.tap = newTap(t, r.stand.ShopURL)
		b.ShopURL, b.FeedTimeout = s.tap.URL, 5*time.Second
	}))
	s.rig = newRigOf(t, kind, retailer, options...)
	s.entry = newEntry(t, s.rig.url, crowd)
	return s
}

// note remembers how it ended for a buyer.
func (s *sale) note(t *testing.T, o *orderAnswer, codes string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("neither bought nor refused: %v", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o == nil {
		s.refusal[codes]++
		return
	}
	s.orders = append(s.orders, o)
}

func (s *sale) sold() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.orders)
}

// settled makes sure that the books are right: every unit was sold once, and paid once.
func (s *sale) settled(t *testing.T, units int) {
	t.Helper()
	if len(s.orders) != units {
		t.Errorf("%d orders are paid, want %d; refused: %v", len(s.orders), units, s.refusal)
	}
	var accepted []time.Duration
	numbers := map[string]bool{}
	for _, paid := range s.orders {
		numbers[paid.Number] = true
		eventually(t, func() error {
			o, err := s.ledger.OrderByNumber(t.Context(), paid.Number)
			if err != nil {
				return err
			}
			f := &o.Fulfillments[0]
			if o.Saga.PaidBy == "" || f.TaskAt == nil || !f.Claim.Committed || !o.Saga.CartClosed {
				return fmt.Errorf("order %s is %s, task at %v", o.Number, o.Status, f.TaskAt)
			}
			for _, e := range o.Timeline {
				if e.Kind == retail.TimelinePaid {
					accepted = append(accepted, f.TaskAt.Sub(e.At))
				}
			}
			return nil
		})
	}
	if len(numbers) != len(s.orders) {
		t.Errorf("%d orders have %d numbers", len(s.orders), len(numbers))
	}
	eventually(t, func() error {
		if err := s.booked(t, units); err != nil {
			return fmt.Errorf("%w; refused: %v", err, s.refusal)
		}
		return nil
	})
	if got := len(s.tap.succeeded(t, s.stand.ShopURL, s.stand.ShopKey)); got != units {
		t.Errorf("the shop took %d payments, want %d", got, units)
	}
	b := s.stand.Backends(&http.Client{Timeout: time.Minute}, time.Now)
	tasks, err := b.Tasks(t.Context(), rushPlace)
	must(t, err)
	picking := 0
	for i := range tasks {
		for _, l := range tasks[i].Lines {
			picking += l.Quantity
		}
	}
	if len(tasks) != units || picking != units {
		t.Errorf("the store has %d tasks for %d units, want %d", len(tasks), picking, units)
	}
	t.Logf("paid until the store has the task: %s", percentiles(accepted))
}

// booked compares ledger and projection.
func (s *sale) booked(t *testing.T, units int) error {
	t.Helper()
	claims, err := s.ledger.LiveClaims(t.Context(), []string{rushPlace}, time.Now(), "", 10_000)
	if err != nil {
		return err
	}
	count := map[retail.ClaimState]int{}
	for _, c := range claims {
		for _, l := range c.Lines {
			count[c.State] += l.Quantity
		}
	}
	if want := map[retail.ClaimState]int{retail.ClaimAllocated: units}; !maps.Equal(count, want) {
		return fmt.Errorf("the ledger has claims %v, want %v", count, want)
	}
	got, level, err := books(s.entry, s.operator, rushPlace, s.sku)
	if err != nil {
		return err
	}
	want := breakdown{OnHand: s.stocked, Allocated: units, AvailableToPromise: s.stocked - units}
	if got != want || level != "OUT_OF_STOCK" && s.stocked == units {
		return fmt.Errorf("the projection shows %+v %s, want %+v", got, level, want)
	}
	return nil
}

// many is how many buyers there are; the race detector makes everything slower, and the plain run has them all.
func many(n int) int {
	if raceEnabled || testing.Short() {
		return n / 4
	}
	return n
}

// Many buyers with full carts rush for the same hundred units. A hundred are served, everybody else is told why not, and all
// books agree.
func TestARushSellsEveryUnitOnce(t *testing.T) {
	onEveryStore(t, func(t *testing.T, kind string) {
		s := newSale(t, kind)
		buyers := make([]*buyer, many(1000))
		everybody(len(buyers), func(i int) {
			b, err := s.guest(t.Context(), "rush-")
			if err == nil {
				err = b.fill(t.Context(), cartLine{s.sku, rushPlace, 1})
			}
			if err != nil {
				t.Error(err)
				return
			}
			buyers[i] = b
		})
		if t.Failed() {
			return
		}
		begun := time.Now()
		everybody(len(buyers), func(i int) {
			o, codes, err := buyers[i].buy(t.Context())
			s.note(t, o, codes, err)
		})
		took := time.Since(begun)
		s.settled(t, rushUnits)
		if n := len(s.tap.names("orders")); n != rushUnits {
			t.Errorf("the shop has %d orders, want %d", n, rushUnits)
		}
		t.Logf("%d buyers in %v: %.0f orders/s, %.0f checkouts/s, %d times too busy; checkout %s; pay %s; refused %v", len(buyers),
			took.Round(time.Millisecond), rushUnits/took.Seconds(), float64(len(buyers))/took.Seconds(), s.shed,
			s.quantiles("checkout"), s.quantiles("pay"), s.refusal)
	})
}

// Buyers hold first. A third of those who hold walk away: their units come back when the holds expire, and are sold to others.
func TestHeldUnitsThatNobodyBuysAreSoldToOthers(t *testing.T) {
	onEveryStore(t, func(t *testing.T, kind string) {
		s := newSale(t, kind, withTerms(func(terms *terms) { terms.Holds.GuestTTL = 8 * time.Second }))
		var mu sync.Mutex
		walked := 0
		everybody(many(600), func(i int) {
			b, err := s.guest(t.Context(), "")
			if err != nil {
				t.Error(err)
				return
			}
			for try := 0; ; try++ {
				hold, refusals, err := b.take(t.Context(), fmt.Sprint("hold-", try), rushPlace, s.sku, 1)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				leaves := hold != nil && walked < rushUnits/3 && i%2 == 0
				if leaves {
					walked++
				}
				mu.Unlock()
				over := s.sold() >= rushUnits
				switch {
				case leaves:
					return
				case hold != nil:
					if err = b.fill(t.Context(), cartLine{s.sku, rushPlace, 1}); err != nil {
						t.Error(err)
						return
					}
					o, codes, err := b.buy(t.Context(), hold.ID)
					s.note(t, o, codes, err)
					return
				case refusals.codes() != "INSUFFICIENT_STOCK":
					t.Errorf("refused: %v", refusals)
					return
				case over || try > 200:
					s.note(t, nil, refusals.codes(), nil)
					return
				}
				nap(t, 250*time.Millisecond)
			}
		})
		if walked != rushUnits/3 {
			t.Errorf("%d walked away", walked)
		}
		s.settled(t, rushUnits)
		t.Logf("hold %s; checkout %s; refused %v", s.quantiles("hold"), s.quantiles("checkout"), s.refusal)
	})
}

// nap waits a moment, as people do.
func nap(t testing.TB, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}
