package stock_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/portico-retail/portico/integrations/redisstore"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// memoryLedger records claims in process memory.
type memoryLedger struct {
	mu     sync.Mutex
	claims map[string]retail.Claim
	// down fails every call; lostReply fails AddClaim after it has worked.
	down, lostReply bool
	// meanwhile runs once before a claim is loaded, as another gateway might act.
	meanwhile func()
}

var errLedger = &retail.Error{Code: retail.CodeUpstreamUnavailable, Retryable: true, Message: "the ledger is down"}

func (l *memoryLedger) enter() (func(), error) {
	l.mu.Lock()
	if l.down {
		l.mu.Unlock()
		return nil, errLedger
	}
	return l.mu.Unlock, nil
}

func (l *memoryLedger) AddClaim(_ context.Context, c retail.Claim, caps stock.HoldCaps, now time.Time) (retail.Claim, error) {
	leave, err := l.enter()
	if err != nil {
		return c, err
	}
	defer leave()
	if stored, known := l.claims[c.ID]; known {
		return stored, nil
	}
	holds, units := 1, map[string]int{}
	for _, other := range l.claims {
		if other.Owner == c.Owner && other.State == retail.ClaimHeld && other.ExpiresAt.After(now) {
			holds++
			for _, line := range other.Lines {
				units[line.SKU] += line.Quantity
			}
		}
	}
	if caps.Holds > 0 && holds > caps.Holds {
		return c, retail.Refuse(retail.WhyLimitReached, "", "too many holds")
	}
	for _, line := range c.Lines {
		if caps.UnitsPerSKU > 0 && units[line.SKU]+line.Quantity > caps.UnitsPerSKU {
			return c, retail.Refuse(retail.WhyLimitReached, "", "too many units")
		}
	}
	l.claims[c.ID] = c
	if l.lostReply {
		return c, errLedger
	}
	return c, nil
}

func (l *memoryLedger) Claim(_ context.Context, id string) (retail.Claim, error) {
	if act := l.meanwhile; act != nil {
		l.meanwhile = nil
		act()
	}
	return l.change(id, func(*retail.Claim) {})
}

func (l *memoryLedger) change(id string, change func(*retail.Claim)) (retail.Claim, error) {
	leave, err := l.enter()
	if err != nil {
		return retail.Claim{}, err
	}
	defer leave()
	c, known := l.claims[id]
	if !known {
		return c, retail.Errorf(retail.CodeNotFound, "there is no claim %q", id)
	}
	change(&c)
	l.claims[id] = c
	return c, nil
}

func (l *memoryLedger) ExtendClaim(_ context.Context, id, orderID string, expiresAt time.Time) (retail.Claim, error) {
	return l.change(id, func(c *retail.Claim) {
		if c.State == retail.ClaimHeld {
			c.ExpiresAt = expiresAt
			if orderID != "" {
				c.OrderID = orderID
			}
		}
	})
}

func (l *memoryLedger) EndClaim(_ context.Context, id string, to retail.ClaimState) (retail.Claim, error) {
	return l.change(id, func(c *retail.Claim) {
		if c.State == retail.ClaimHeld {
			c.State = to
		}
	})
}

// set moves a claim as a transaction of an order would.
func (l *memoryLedger) set(id string, to retail.ClaimState) {
	if _, err := l.change(id, func(c *retail.Claim) { c.State = to }); err != nil {
		panic(err)
	}
}

func (l *memoryLedger) HeldBy(_ context.Context, owner string, now time.Time) (list []retail.Claim, err error) {
	leave, err := l.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	for _, c := range l.claims {
		if c.Owner == owner && c.State == retail.ClaimHeld && c.OrderID == "" && c.ExpiresAt.After(now) {
			list = append(list, c)
		}
	}
	return list, nil
}

func (l *memoryLedger) GiveHolds(_ context.Context, from, to string) error {
	leave, err := l.enter()
	if err != nil {
		return err
	}
	defer leave()
	for id, c := range l.claims {
		if c.Owner == from && c.State == retail.ClaimHeld && c.OrderID == "" {
			c.Owner = to
			l.claims[id] = c
		}
	}
	return nil
}

func (l *memoryLedger) LiveClaims(
	_ context.Context, codes []string, now time.Time, after string, limit int,
) ([]retail.Claim, error) {
	leave, err := l.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	var list []retail.Claim
	for id, c := range l.claims {
		live := c.State == retail.ClaimAllocated || (c.State == retail.ClaimHeld && c.ExpiresAt.After(now))
		if live && id > after && slices.Contains(codes, c.LocationCode) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b retail.Claim) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return list[:min(limit, len(list))], nil
}

// holdWorld is a store S-1, a second S-2 and a warehouse W-1 on a Redis in the process, with a clock that the test sets.
type holdWorld struct {
	t      *testing.T
	now    time.Time
	server *miniredis.Miniredis
	store  *redisstore.Store
	ledger *memoryLedger
	holds  *stock.Holds
	stock  *stock.Service
	places stock.Layout
	erp    func([]stock.Pair) (stock.Batch, error)
	facts  []stock.Fact
}

func newHoldWorld(t *testing.T) *holdWorld {
	t.Helper()
	w := &holdWorld{
		t: t, now: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC), server: miniredis.RunT(t),
		ledger: &memoryLedger{claims: map[string]retail.Claim{}},
	}
	client := redis.NewClient(&redis.Options{Addr: w.server.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	world := memoryDirectory{
		parseLocation(t, []string{"S-1", "store", "31.23,121.47", "pickup", "30"}),
		parseLocation(t, []string{"S-2", "store", "31.24,121.48", "pickup", "30"}),
		parseLocation(t, []string{"S-3", "store", "31.25,121.48"}),
		parseLocation(t, []string{"W-1", "warehouse", "31.3,121.5"}),
	}
	w.store = redisstore.New(client, "", nil)
	w.places = stock.Layout{}.Extend(world)
	w.erp = func([]stock.Pair) (stock.Batch, error) { return stock.Batch{}, errors.New("not asked") }
	w.stock = stock.NewService(stock.DefaultPolicy(), stock.Deps{
		Directory: world, Projection: w.store, Layout: fixedLayout(w.places),
		Live: map[retail.Source]stock.Live{
			retail.SourceERP: liveFunc(func(p []stock.Pair) (stock.Batch, error) { return w.erp(p) }),
		},
		Health: func(retail.Source) retail.Status { return retail.StatusOK },
		Queue:  func(string) int { return 0 }, Now: func() time.Time { return w.now },
	})
	w.holds = stock.NewHolds(stock.DefaultHoldPolicy(), stock.HoldDeps{
		Stock: w.stock, Projection: w.store, Ledger: w.ledger, Log: slog.New(slog.DiscardHandler),
	})
	w.facts = []stock.Fact{
		{Location: "S-1", SKU: "A", Value: 10, Ranged: true},
		{Location: "S-1", SKU: "B", Value: 3, Ranged: true},
		{Location: "S-1", SKU: "MANY", Value: 500, Ranged: true},
		{Location: "S-1", SKU: "GONE", Value: 5},
		{Location: "S-2", SKU: "A", Value: 4, Ranged: true},
		{Location: "W-1", SKU: "A", Value: 50, Ranged: true},
	}
	w.fill()
	w.tick(0)
	w.tend()
	return w
}

type fixedLayout stock.Layout

func (l fixedLayout) Layout() stock.Layout { return stock.Layout(l) }

// fill states the facts, as the feeds do from their snapshots: they begin again when somebody else notices a loss.
func (w *holdWorld) fill() {
	w.t.Helper()
	err := w.tryFill()
	for try := 0; errors.Is(err, stock.ErrLost) && try < 100; try++ {
		err = w.tryFill()
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *holdWorld) tryFill() error {
	ctx := context.Background()
	for _, source := range []retail.Source{retail.SourceERP, retail.SourcePOS, retail.SourceShop} {
		if err := w.store.Begin(ctx, source, w.places); err != nil {
			return err
		}
	}
	for i := range w.facts {
		f := &w.facts[i]
		place := w.places[f.Location]
		f.Source, f.Version = retail.SourceERP, 1
		if err := w.store.Apply(ctx, place.Partition, []stock.Write{{SKU: f.SKU, Slot: place.Slot, Fact: f}}); err != nil {
			return err
		}
	}
	return w.hear()
}

// heard dates everything now.
func (w *holdWorld) heard() {
	w.t.Helper()
	if err := w.hear(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *holdWorld) hear() error {
	for _, place := range w.places {
		for _, source := range []retail.Source{retail.SourceERP, retail.SourcePOS, retail.SourceShop} {
			err := w.store.Advance(context.Background(), place.Partition, []stock.PlaceMark{
				{Slot: place.Slot, Source: source, AsOf: w.now, First: true},
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// tick moves every clock.
func (w *holdWorld) tick(d time.Duration) {
	w.now = w.now.Add(d)
	w.server.SetTime(w.now)
}

func (w *holdWorld) tend() { w.holds.TendDue(context.Background()) }

// promise is what a place shows as available.
func (w *holdWorld) promise(location, sku string) int {
	w.t.Helper()
	offers, err := w.stock.Offers(context.Background(), []string{sku}, []string{location})
	if err != nil || !offers[0].Known {
		w.t.Fatalf("offers %+v, %v", offers, err)
	}
	return offers[0].Units[sku]
}

func (w *holdWorld) wantPromise(when string, want int) {
	w.t.Helper()
	if got := w.promise("S-1", "A"); got != want {
		w.t.Errorf("%s: %d of A can be promised at S-1, want %d", when, got, want)
	}
}

var (
	guest  = retail.Actor{Role: "guest", Subject: "g1"}
	member = retail.Actor{Role: "member", Subject: "s1", MemberID: "M-1"}
)

// create asks for a hold of A at S-1.
func (w *holdWorld) create(actor retail.Actor, key string, quantity int) (*stock.Hold, error) {
	hold, _, err := w.holds.Create(context.Background(), stock.HoldRequest{
		Actor: actor, Key: key, LocationRef: "S-1", Items: []stock.BasketItem{{SKU: "A", Quantity: quantity}},
	})
	return hold, err
}

func (w *holdWorld) mustCreate(actor retail.Actor, key string, quantity int) *stock.Hold {
	w.t.Helper()
	hold, err := w.create(actor, key, quantity)
	if err != nil {
		w.t.Fatal(err)
	}
	return hold
}

func wantWhy(t *testing.T, what string, err error, why retail.Why) {
	t.Helper()
	if !retail.Refused(err, why) {
		t.Errorf("%s: got %v, want a refusal for %s", what, err, why)
	}
}

func wantRetryable(t *testing.T, what string, err error) {
	t.Helper()
	var e *retail.Error
	if !errors.As(err, &e) || e.Code != retail.CodeUpstreamUnavailable || !e.Retryable {
		t.Errorf("%s: got %v, want a retryable UPSTREAM_UNAVAILABLE", what, err)
	}
}

func claimOf(id string, quantity int, expiresAt time.Time) retail.Claim {
	return retail.Claim{
		ID: id, Owner: member.Key(), OrderID: "o-" + id, LocationCode: "S-1", ExpiresAt: expiresAt,
		Lines: []retail.ClaimLine{{SKU: "A", Quantity: quantity}},
	}
}
