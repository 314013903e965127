package graph_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/returns"
)

// orders serves the real schema's subscription and what hangs below an order by function fields.
type orders struct {
	generated.ResolverRoot
	generated.OrderResolver

	changed    func(ctx context.Context, id string) (<-chan *retail.Order, error)
	returnable func(ctx context.Context, o *retail.Order) ([]*returns.Returnable, error)
}

func (o orders) Subscription() generated.SubscriptionResolver { return o }
func (o orders) Order() generated.OrderResolver               { return o }

func (o orders) OrderChanged(ctx context.Context, id string) (<-chan *retail.Order, error) {
	return o.changed(ctx, id)
}

func (o orders) Returnable(ctx context.Context, order *retail.Order) ([]*returns.Returnable, error) {
	return o.returnable(ctx, order)
}

type attachedKey struct{}

func newOrdersRig(t *testing.T, o orders, change ...func(*graph.HandlerOptions)) (*socketRig, *atomic.Int64) {
	t.Helper()
	schema := generated.NewExecutableSchema(generated.Config{
		Resolvers: o, Directives: generated.DirectiveRoot{
			HasScope: auth.HasScope[graphql.Resolver], HasRole: auth.HasRole[graphql.Resolver], Personal: auth.Personal[graphql.Resolver],
		},
	})
	attached := new(atomic.Int64)
	limits := graph.DefaultLimits()
	limits.Timeout = 100 * time.Millisecond
	options := graph.HandlerOptions{
		Limits: limits,
		Attach: func(ctx context.Context) context.Context {
			return context.WithValue(ctx, attachedKey{}, attached.Add(1))
		},
	}
	for _, c := range change {
		c(&options)
	}
	h, err := graph.NewHandler(schema, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), options)
	if err != nil {
		t.Fatal(err)
	}
	return newSocketRigOf(t, h, nil), attached
}

func TestEveryEventIsAnsweredOnItsOwn(t *testing.T) {
	defer goleak.VerifyNone(t)
	events := make(chan *retail.Order)
	type answered struct {
		number  string
		loaders int64
	}
	seen := make(chan answered, 1)
	r, attached := newOrdersRig(t, orders{
		changed: func(_ context.Context, id string) (<-chan *retail.Order, error) {
			if id != "the id" {
				return nil, retail.BadInput("no")
			}
			return events, nil
		},
		returnable: func(ctx context.Context, o *retail.Order) ([]*returns.Returnable, error) {
			loaders, _ := ctx.Value(attachedKey{}).(int64)
			seen <- answered{number: o.Number, loaders: loaders}
			switch o.Number {
			case "slow":
				<-ctx.Done()
				return nil, ctx.Err()
			case "broken":
				return nil, retail.Errorf(retail.CodeUpstreamUnavailable, "the shop is away")
			case "panics":
				panic("13800138000")
			}
			return []*returns.Returnable{}, nil
		},
	})
	defer r.shut(t)
	s := r.ready(t, `{"Authorization":"Bearer `+r.token("m")+`"}`)
	s.subscribe("1", `subscription { followed: orderChanged(id: "the id") { number returnable { sku } } }`)
	var loaders int64
	for number, want := range map[string]string{
		"one": `"payload":{"data":{"followed":{"number":"one","returnable":[]}}}`,
		"two": `"payload":{"data":{"followed":{"number":"two","returnable":[]}}}`,
		"broken": `"errors":[{"message":"the shop is away","path":["followed","returnable"],"locations":[{"line":1,"column":62}],` +
			`"extensions":{"code":"UPSTREAM_UNAVAILABLE"}}],"data":{"followed":{"number":"broken","returnable":null}}`,
		"slow":   `"code":"TIMEOUT"`,
		"panics": `"code":"INTERNAL"`,
		"last":   `"payload":{"data":{"followed":{"number":"last","returnable":[]}}}`,
	} {
		events <- &retail.Order{Number: number}
		kind, text := s.frame()
		if kind != opText || !strings.HasPrefix(text, `{"type":"next","id":"1",`) || !strings.Contains(text, want) || strings.Contains(text, "138") {
			t.Errorf("%s: got %s", number, text)
		}
		got := <-seen
		if got.number != number || got.loaders == loaders || got.loaders > attached.Load() {
			t.Errorf("%s: got %+v after loaders %d", number, got, loaders)
		}
		loaders = got.loaders
	}
	events <- nil
	if _, text := s.frame(); !strings.Contains(text, `"payload":{"data":{"followed":null}}`) {
		t.Errorf("null: got %s", text)
	}
	close(events)
	if _, text := s.frame(); text != `{"type":"complete","id":"1"}` {
		t.Errorf("the end: got %s", text)
	}
}

func TestSubscriptionsThatDoNotBegin(t *testing.T) {
	defer goleak.VerifyNone(t)
	left := make(chan struct{}, 10)
	r, _ := newOrdersRig(t, orders{changed: func(ctx context.Context, id string) (<-chan *retail.Order, error) {
		context.AfterFunc(ctx, func() { left <- struct{}{} })
		switch id {
		case "panics":
			panic("13800138000")
		case "slow":
			<-ctx.Done()
			return nil, ctx.Err()
		case "none":
			left <- struct{}{}
			return nil, nil
		}
		return nil, errors.New("13800138000")
	}})
	defer r.shut(t)
	member, nobody := r.ready(t, `{"Authorization":"Bearer `+r.token("m")+`"}`), r.ready(t, "{}")
	for id, code := range map[string]string{"panics": "INTERNAL", "slow": "TIMEOUT", "other": "INTERNAL"} {
		member.subscribe("1", `subscription { orderChanged(id: "`+id+`") { number } }`)
		_, text := member.frame()
		if !strings.HasPrefix(text, `{"type":"error","id":"1","payload":[{"message":`) || !strings.Contains(text, `"code":"`+code+`"`) || strings.Contains(text, "138") {
			t.Errorf("%s: got %s", id, text)
		}
		<-left
	}
	nobody.subscribe("1", `subscription { orderChanged(id: "x") { number } }`)
	if _, text := nobody.frame(); !strings.Contains(text, `{"type":"error","id":"1","payload":[{"message":"this needs a session"`) {
		t.Errorf("nobody: got %s", text)
	}
	member.subscribe("1", `subscription { orderChanged(id: "none") { number } }`) // nothing ever comes
	<-left
	member.text(`{"type":"complete","id":"1"}`)
	<-left
}

func TestEventsArePaidFor(t *testing.T) {
	defer goleak.VerifyNone(t)
	events, left := make(chan *retail.Order), make(chan struct{}, 1)
	l := &ledgerOf{}
	l.answer = func(_ context.Context, _ graph.Rate, points int) (graph.Balance, error) {
		if len(l.asked) > 2 { // the operation with its first event, and a second event
			return graph.Balance{Wait: 2500 * time.Millisecond}, nil
		}
		return graph.Balance{Taken: true, Remaining: points}, nil
	}
	r, _ := newOrdersRig(t, orders{changed: func(ctx context.Context, _ string) (<-chan *retail.Order, error) {
		context.AfterFunc(ctx, func() { left <- struct{}{} })
		return events, nil
	}}, func(o *graph.HandlerOptions) {
		o.Limiter = l
		o.Policies = policies(auth.Class(auth.RoleMember), func(p *graph.Policy) { p.Rate = graph.Rate{PerMinute: 600, Burst: 100} })
	})
	defer r.shut(t)
	s := r.ready(t, `{"Authorization":"Bearer `+r.token("m")+`"}`)
	s.subscribe("1", `subscription { orderChanged(id: "x") { number } }`)
	for _, number := range []string{"one", "two"} {
		events <- &retail.Order{Number: number}
		if _, text := s.frame(); !strings.Contains(text, `"data":{"orderChanged":{"number":"`+number+`"}}`) {
			t.Errorf("got %s", text)
		}
	}
	events <- &retail.Order{Number: "three"}
	_, text := s.frame()
	if !strings.HasPrefix(text, `{"type":"error","id":"1","payload":[{"message":"too much in too little time"`) ||
		!strings.Contains(text, `"code":"RATE_LIMITED"`) || !strings.Contains(text, `"retryAfter":3`) || strings.Contains(text, "three") {
		t.Errorf("who cannot pay is told %s", text)
	}
	<-left
	if l.calls() != 3 || l.points[1] != l.points[0] {
		t.Errorf("%d charges of %v points", l.calls(), l.points)
	}
	s.subscribe("1", `{ __typename }`) // the id is free, and the socket goes on
	if _, text := s.frame(); !strings.HasPrefix(text, `{"type":"error","id":"1"`) || !strings.Contains(text, `"retryAfter":`) {
		t.Errorf("got %s", text)
	}
}
