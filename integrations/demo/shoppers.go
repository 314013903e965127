package demo

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// ShopperPace is how many shoppers there are.
type ShopperPace struct {
	Arrivals int // in one step
	Present  int // at a time; with more, arrivals stay away
	AtOnce   int // who move at the same time within a step
	Patience int // steps that a shopper waits for goods
}

// DefaultShopperPace is a busy app when a step is half a second.
func DefaultShopperPace() ShopperPace {
	return ShopperPace{Arrivals: 1, Present: 60, AtOnce: 4, Patience: 1200}
}

// ShopperOptions say who shops.
type ShopperOptions struct {
	// Member returns the token of some member, and whether they let stores see whom an order is for; nil means that all are
	// guests, of whom every second does.
	Member func() (token string, agrees bool)
	// Associate returns the token of somebody who works at a place; nil means that nobody hands anything over.
	Associate func(location string) string
	// Operator returns the token of an operator who looks at unlike orders; nil means that nobody does.
	Operator func() string
	Client   *http.Client // should keep connections alive and have a timeout
	Seed     uint64
	Now      func() time.Time
	Pace     ShopperPace // the zero value means DefaultShopperPace
}

// ShopperStats counts what shoppers did so far.
type ShopperStats struct {
	Steps, Visits, Present                    int
	Carts, Orders, Paid, Completed, Cancelled int // orders by what they came to
	Declined                                  int // payments
	Abandoned                                 int // orders that nobody wanted to pay after all
	HandedOver, Delivered, Returned, Reviewed int
	Decided                                   int            // orders in review that the operator decided about
	Decisions                                 int            // answers to what a store could not give
	Nothing                                   int            // visits that found no goods or no place
	Left                                      int            // visits that ended before their purchase did: refused, failed or out of patience
	Repeated                                  int            // requests sent twice under one key
	Contradicted                              int            // of these, answered in two ways; must stay 0
	Faults                                    map[string]int // requests without an answer, by error code or status
	Refusals                                  map[string]int // business refusals, by act and code, for example "checkout PRICE_CHANGED"
	Problems                                  map[string]int // carts that could not be ordered, by kind of problem
	// Accepted is the time from payment to the task at the store or with the courier, as the order's timeline tells it.
	Accepted Latencies
}

// Shoppers are people with an app who buy through the gateway's GraphQL endpoint as apps do: by HTTP and JSON. They browse,
// fill carts, order, pay in all the ways that the demo shop knows, change their minds, fetch their goods with the pickup code,
// bring some back and say how it was. Whatever is refused or fails is counted, and the next one shops on. A Shoppers is used
// from one goroutine; Stats may be called from any.
type Shoppers struct {
	url     string
	options ShopperOptions
	rng     *rand.Rand
	run     string // tells the keys of this run from those of another one
	present []*visit

	mu    sync.Mutex // guards what follows
	stats ShopperStats
	known market
}

// market is what shoppers have seen so far.
type market struct {
	skus   []string
	after  string // cursor of the last product page that was seen
	stores []storefront
}

// storefront is a store that hands out orders.
type storefront struct {
	code, city          string
	latitude, longitude float64
	curbside            bool
}

// maxSKUs bounds what shoppers remember of the catalog.
const maxSKUs = 2000

// NewShoppers returns shoppers for a GraphQL endpoint.
func NewShoppers(url string, o ShopperOptions) *Shoppers {
	if o.Pace == (ShopperPace{}) {
		o.Pace = DefaultShopperPace()
	}
	return &Shoppers{
		url: url, options: o, rng: rand.New(rand.NewPCG(o.Seed, 0x73686f70)), run: strconv.FormatInt(o.Now().UnixNano(), 36),
		stats: ShopperStats{Faults: map[string]int{}, Refusals: map[string]int{}, Problems: map[string]int{}},
	}
}

// Stats returns the counts so far.
func (s *Shoppers) Stats() ShopperStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Faults, stats.Refusals, stats.Problems = maps.Clone(stats.Faults), maps.Clone(stats.Refusals), maps.Clone(stats.Problems)
	stats.Accepted = s.stats.Accepted.clone()
	return stats
}

// count changes the counts.
func (s *Shoppers) count(do func(*ShopperStats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do(&s.stats)
}

// Run takes a step at every tick until ctx ends, then returns nil. It logs when the gateway stops answering and when it answers
// again.
func (s *Shoppers) Run(ctx context.Context, ticks <-chan time.Time, log *slog.Logger) error {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
		}
		err := s.Step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if (err != nil) != failing {
			failing = err != nil
			log.InfoContext(ctx, "simulated shoppers", "gatewayAnswers", !failing, "error", err)
		}
	}
}

// Step lets shoppers arrive and everybody do the next thing. The error says what was not answered; who was affected tries
// again in the next step, with the same key.
func (s *Shoppers) Step(ctx context.Context) error {
	s.count(func(st *ShopperStats) { st.Steps++ })
	for range s.options.Pace.Arrivals {
		if len(s.present) < s.options.Pace.Present {
			s.arrive()
		}
	}
	faults := make([]error, len(s.present))
	var moving errgroup.Group
	moving.SetLimit(max(1, s.options.Pace.AtOnce))
	for i, v := range s.present {
		moving.Go(func() error { faults[i] = v.move(ctx); return nil })
	}
	_ = moving.Wait()
	faults = append(faults, s.review(ctx))
	var here []*visit
	for _, v := range s.present {
		if v.next != nil {
			here = append(here, v)
		}
	}
	s.present = here
	s.count(func(st *ShopperStats) { st.Present = len(here) })
	return errors.Join(faults...)
}

// arrive draws what a shopper is going to do.
func (s *Shoppers) arrive() {
	s.count(func(st *ShopperStats) { st.Visits++ })
	n := s.Stats().Visits
	rng := rand.New(rand.NewPCG(s.options.Seed, uint64(n)))
	v := &visit{shoppers: s, rng: rng, n: n, member: s.options.Member != nil && rng.IntN(2) == 0}
	v.channel = pick(rng, []string{"APP", "MINI_PROGRAM", "WEB"})
	v.wish = pick(rng, []string{"PICKUP", "PICKUP", "PICKUP", "PICKUP", "CURBSIDE", "SHIPPING", "INSTANT_DELIVERY", "MIXED"})
	v.method = pick(rng, []string{
		"wallet", "wallet", "wallet", "wallet", "wallet", "wallet", "wallet", "slow", "twice", "silent", "redirect", "decline",
	})
	switch draw := rng.IntN(100); {
	case draw < 8:
		v.mood = abandons
	case draw < 14:
		v.mood = cancels
	case draw < 18:
		v.mood = hoards
	}
	v.next = (*visit).begin
	s.present = append(s.present, v)
}
