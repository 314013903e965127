package graph_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
)

// processor does one piece of work at a time, half a millisecond each, in the order asked: a machine of one core.
type processor struct{ turn chan struct{} }

func newProcessor() *processor { return &processor{turn: make(chan struct{}, 1)} }

func (p *processor) work(ctx context.Context, d time.Duration) {
	const quantum = 500 * time.Microsecond
	for ; d > 0 && ctx.Err() == nil; d -= quantum {
		p.turn <- struct{}{}
		pass(quantum)
		<-p.turn
	}
}

// shopping is a kind of traffic in the simulation.
type shopping struct {
	name string
	who  auth.Principal
	text string
	cpu  time.Duration // of one operation
	wait time.Duration // for backends
	rate float64       // a second
}

// tally is what became of one kind.
type tally struct {
	sent, served, shed int
	took, told         []time.Duration
}

func (t *tally) p99() time.Duration {
	slices.Sort(t.took)
	if len(t.took) == 0 {
		return 0
	}
	return t.took[len(t.took)*99/100]
}

// mall is a gateway in a simulation, in which time passes only while somebody works or waits.
type mall struct {
	kinds []shopping
	h     *graph.Handler
	mu    sync.Mutex
	tally map[string]*tally
}

func newMall(t *testing.T, slots int, kinds []shopping) *mall {
	m, cpu := &mall{kinds: kinds}, newProcessor()
	m.h = mustFakeHandler(t, "type Query {a: Int @public} type Mutation {m: Int @public}", func(f *fake, o *graph.HandlerOptions) {
		o.MaxInFlight, o.Policies, o.Now = slots, policies("partner", func(*graph.Policy) {}), time.Now
		f.exec = func(ctx context.Context) *graphql.Response {
			for _, k := range kinds {
				if k.name == graphql.GetOperationContext(ctx).OperationName {
					cpu.work(ctx, k.cpu/2)
					pass(k.wait)
					cpu.work(ctx, k.cpu/2)
				}
			}
			return empty(ctx)
		}
	})
	m.traffic(1, time.Second) // compiles the documents
	return m
}

// traffic sends each kind at so many times its rate, whatever comes back, and returns what became of it.
func (m *mall) traffic(times float64, d time.Duration) map[string]*tally {
	m.tally = map[string]*tally{}
	var all sync.WaitGroup
	for _, k := range m.kinds {
		m.tally[k.name] = &tally{}
		if k.rate == 0 {
			continue
		}
		all.Go(func() {
			every := time.Duration(float64(time.Second) / (k.rate * times))
			for end := time.Now().Add(d); time.Now().Before(end); pass(every) {
				all.Go(func() { m.visit(k) })
			}
		})
	}
	all.Wait()
	return m.tally
}

func (m *mall) visit(k shopping) {
	started := time.Now()
	w := postAs(m.h, k.who, query(strings.ReplaceAll(k.text, "NAME", k.name)))
	took := time.Since(started)
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tally[k.name]
	t.sent++
	switch {
	case w.Code == 200:
		t.served++
		t.took = append(t.took, took)
	case w.Header().Get("Retry-After") != "":
		t.shed++
		t.told = append(t.told, took)
	}
}

func visitors() []shopping {
	return []shopping{ // together one processor's work
		{name: "Stranger", who: auth.Guest, text: browse, cpu: 5 * time.Millisecond, rate: 140},
		{name: "Member", who: shopper("m"), text: browse, cpu: 5 * time.Millisecond, wait: 10 * time.Millisecond, rate: 40},
		{name: "Order", who: shopper("o"), text: mutate, cpu: 5 * time.Millisecond, wait: 30 * time.Millisecond, rate: 20},
	}
}

// Three times what the machine can carry: it does no less than before, sessions are served, orders first, strangers are told at
// once to come back, and when the crowd is gone everybody is served again.
func TestThreeTimesTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slots, capacity = 16, 200.
		m := newMall(t, slots, visitors())
		normal := m.traffic(.8, 5*time.Second)
		for _, k := range m.kinds {
			if got := normal[k.name]; got.served != got.sent {
				t.Errorf("before: %s: %d of %d served", k.name, got.served, got.sent)
			}
		}
		over := m.traffic(3, 20*time.Second)
		good := 0
		for _, k := range m.kinds {
			got := over[k.name]
			good += got.served
			slices.Sort(got.told)
			t.Logf("%-8s %5d sent, %4d served, %4d shed, p99 %v (normally %v)", k.name, got.sent, got.served, got.shed, got.p99(), normal[k.name].p99())
			if got.served+got.shed != got.sent {
				t.Errorf("%s: %d of %d were neither served nor told when to come back", k.name, got.sent-got.served-got.shed, got.sent)
			}
		}
		if float64(good) < .9*capacity*20 {
			t.Errorf("%d served in 20 s, the machine can %v", good, capacity*20)
		}
		if got := over["Order"]; got.served != got.sent {
			t.Errorf("%d of %d orders were served", got.served, got.sent)
		}
		if got := over["Member"]; float64(got.served) < .99*float64(got.sent) {
			t.Errorf("%d of %d members were served", got.served, got.sent)
		}
		told := over["Stranger"].told
		if late := told[len(told)*99/100]; late > 10*time.Millisecond {
			t.Errorf("strangers wait %v to be refused", late)
		}
		for _, k := range m.kinds {
			if got := over[k.name].p99(); got > 250*time.Millisecond {
				t.Errorf("%s: p99 is %v", k.name, got)
			}
		}
		for name, got := range m.traffic(.8, time.Second) {
			if got.served != got.sent {
				t.Errorf("afterwards: %s: %d of %d served", name, got.served, got.sent)
			}
		}
	})
}

// A partner that asks ten times its quota is refused before it takes a place: others notice no more of it than at its quota.
func TestANoisyPartnerIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kinds := append(visitors(), shopping{
			name: "Partner", who: partnerOf("p", auth.Quota{CostPerMinute: 1200, Burst: 5}), text: browse, cpu: 5 * time.Millisecond, rate: 38,
		})
		m := newMall(t, 16, kinds)
		quiet := m.traffic(.5, 20*time.Second) // the partner 19 times a second: within its quota
		m.kinds[3].rate = 400
		noisy := m.traffic(.5, 20*time.Second)
		p := noisy["Partner"]
		if p.served < 400 || p.served > 410 || p.served+p.shed != p.sent {
			t.Errorf("the partner: %d of %d served, %d told when to come back", p.served, p.sent, p.shed)
		}
		for _, k := range kinds[:3] {
			before, now := quiet[k.name].p99(), noisy[k.name].p99()
			t.Logf("%-8s p99 %v, with the noisy partner %v", k.name, before, now)
			if noisy[k.name].served != noisy[k.name].sent || now > before+before/10 {
				t.Errorf("%s: %d of %d served beside the noisy partner, p99 %v instead of %v", k.name, noisy[k.name].served, noisy[k.name].sent, now, before)
			}
		}
	})
}
