package graph_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
)

// postAs sends a body as a principal.
func postAs(h http.Handler, p auth.Principal, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(auth.WithPrincipal(r.Context(), p)))
	return w
}

func shopper(subject string) auth.Principal {
	return auth.Principal{Role: auth.RoleMember, Subject: subject}
}

func partnerOf(id string, q auth.Quota) auth.Principal {
	return auth.Principal{Role: auth.RolePartner, Subject: id, Client: id, Partner: &auth.Partner{ID: id, Quota: q}}
}

// policies are the defaults with a change of one class.
func policies(class auth.Class, change func(*graph.Policy)) graph.Policies {
	all := graph.DefaultPolicies(16)
	for name, p := range all {
		p.Rate = graph.Rate{}
		if name == class {
			change(&p)
		}
		all[name] = p
	}
	return all
}

// ledgerOf is a limiter that a test looks into.
type ledgerOf struct {
	mu     sync.Mutex
	asked  []string
	points []int
	answer func(ctx context.Context, r graph.Rate, points int) (graph.Balance, error)
}

func (l *ledgerOf) Take(ctx context.Context, client string, r graph.Rate, points int) (graph.Balance, error) {
	l.mu.Lock()
	l.asked, l.points = append(l.asked, client), append(l.points, points)
	l.mu.Unlock()
	return l.answer(ctx, r, points)
}

func (l *ledgerOf) calls() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.asked)
}

const priced = costDirectives + `type Query {a: Int @public @cost(weight: "7") b: Int @public @cost(weight: "9")} type Mutation {m: Int @public}`

func ratedHandler(t testing.TB, l graph.Limiter, all graph.Policies, now func() time.Time) *graph.Handler {
	t.Helper()
	return mustFakeHandler(t, priced, func(_ *fake, o *graph.HandlerOptions) {
		o.Policies, o.Limiter, o.Now = all, l, now
	})
}

func TestAClientIsChargedWhatItsOperationCosts(t *testing.T) {
	l := &ledgerOf{answer: func(context.Context, graph.Rate, int) (graph.Balance, error) {
		return graph.Balance{Taken: true, Remaining: 33}, nil
	}}
	h := ratedHandler(t, l, policies("member", func(p *graph.Policy) { p.Rate = graph.Rate{PerMinute: 90, Burst: 50} }), time.Now)
	w := postAs(h, shopper("a"), query("{a}"))
	if want := `{"data":{},"extensions":{"cost":{"requested":7,"maximum":5000,"remaining":33,"restoreRate":1.5}}}`; w.Code != 200 || w.Body.String() != want {
		t.Errorf("got %d %s, want %s", w.Code, w.Body, want)
	}
	postAs(h, shopper("a"), query("{a b}"))
	postAs(h, shopper("b"), query("{a b c:a d:a e:a f:a g:a}")) // 58 points; more than one can have at once is charged as all of it
	if got := fmt.Sprint(l.points); got != "[7 16 50]" {
		t.Errorf("charged %s", got)
	}
	if l.asked[0] != l.asked[1] || l.asked[1] == l.asked[2] {
		t.Errorf("the clients are %q", l.asked)
	}
	for _, client := range l.asked {
		if len(client) != 24 {
			t.Errorf("%q is no hash", client)
		}
	}
	w = postAs(h, auth.Principal{Role: auth.RoleOperator, Subject: "o"}, query("{a}"))
	if want := `{"data":{},"extensions":{"cost":{"requested":7,"maximum":50000}}}`; l.calls() != 3 || w.Body.String() != want {
		t.Errorf("%d calls; a class without a rate reads %s", l.calls(), w.Body)
	}
}

func TestWhoAsksTooMuchIsToldWhenToComeBack(t *testing.T) {
	now := testNow
	wait := 1500 * time.Millisecond
	l := &ledgerOf{answer: func(_ context.Context, _ graph.Rate, points int) (graph.Balance, error) {
		if points > 8 {
			return graph.Balance{Wait: wait}, nil
		}
		return graph.Balance{Taken: true}, nil
	}}
	executed := 0
	h := mustFakeHandler(t, priced, func(f *fake, o *graph.HandlerOptions) {
		o.Policies = policies("member", func(p *graph.Policy) { p.Rate = graph.Rate{PerMinute: 60, Burst: 20} })
		o.Limiter, o.Now = l, func() time.Time { return now }
		f.exec = func(context.Context) *graphql.Response { executed++; return &graphql.Response{Data: []byte("{}")} }
	})
	refused := func(text string, retryAfter string, calls int) {
		t.Helper()
		for _, accept := range []string{"application/json", "application/graphql-response+json"} {
			w := postAs(h, shopper("a"), text, func(r *http.Request) { r.Header.Set("Accept", accept) })
			r := decode(t, w)
			if w.Code != 429 || w.Header().Get("Retry-After") != retryAfter || r.code() != "RATE_LIMITED" || r.Errors[0].Extensions["retryable"] != true {
				t.Errorf("%s: got %d %v %s", accept, w.Code, w.Header(), w.Body)
			}
		}
		if executed > 1 || l.calls() != calls {
			t.Errorf("%d executed, %d calls, want %d", executed, l.calls(), calls)
		}
	}
	if w := postAs(h, shopper("a"), query("{b}")); w.Code != 429 || l.calls() != 1 {
		t.Errorf("got %d, %d calls", w.Code, l.calls())
	}
	if w := postAs(h, shopper("a"), query("{a}")); w.Code != 200 || l.calls() != 2 {
		t.Errorf("something cheaper: got %d, %d calls", w.Code, l.calls())
	}
	refused(query("{b}"), "2", 2) // nobody is asked about it again before its time
	for _, any := range []string{query("{a}"), query("{nonsense}"), "no JSON"} {
		refused(any, "2", 2) // whoever does not wait is not listened to
	}
	if w := postAs(h, shopper("other"), query("{a}")); w.Code != 200 {
		t.Errorf("somebody else: got %d", w.Code)
	}
	executed = 1
	now = now.Add(time.Second)
	if w := postAs(h, shopper("a"), query("{a}")); w.Code != 200 || l.calls() != 4 {
		t.Errorf("something cheaper after a second: got %d, %d calls", w.Code, l.calls())
	}
	now = now.Add(wait)
	if w := postAs(h, shopper("a"), query("{b}")); w.Code != 429 || l.calls() != 5 {
		t.Errorf("when the time is over: got %d, %d calls", w.Code, l.calls())
	}
}

func TestAPartnersQuotaTakesThePlaceOfItsClass(t *testing.T) {
	var rates []graph.Rate
	l := &ledgerOf{answer: func(_ context.Context, r graph.Rate, _ int) (graph.Balance, error) {
		rates = append(rates, r)
		return graph.Balance{Taken: true}, nil
	}}
	h := ratedHandler(t, l, policies("partner", func(p *graph.Policy) { p.Rate = graph.Rate{PerMinute: 60, Burst: 20} }), time.Now)
	postAs(h, partnerOf("p", auth.Quota{CostPerMinute: 600, Burst: 30}), query("{a}"))
	postAs(h, partnerOf("p", auth.Quota{CostPerMinute: 600}), query("{a}"))
	postAs(h, partnerOf("p", auth.Quota{}), query("{a}"))
	if got := fmt.Sprint(rates); got != "[{600 30} {600 100} {60 20}]" {
		t.Errorf("got %s", got)
	}
}

func TestStrangersAreOneClientForEachAddressOrNetwork(t *testing.T) {
	l := &ledgerOf{answer: func(context.Context, graph.Rate, int) (graph.Balance, error) { return graph.Balance{Taken: true}, nil }}
	s := mustServer(t, ratedHandler(t, l, policies("nobody", func(p *graph.Policy) { p.Rate = graph.Rate{PerMinute: 60, Burst: 20} }), time.Now))
	h := s.Handler()
	for _, from := range []string{"198.51.100.1:1", "198.51.100.1:2", "198.51.100.2:1", "[2001:db8::1]:1", "[2001:db8::ffff:2]:1", "[2001:db8:0:1::1]:1"} {
		post := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(query("{a}")))
		post.Header.Set("Content-Type", "application/json")
		post.RemoteAddr = from
		h.ServeHTTP(httptest.NewRecorder(), post)
	}
	if l.calls() != 6 {
		t.Fatalf("%d calls", l.calls())
	}
	for i, same := range []bool{true, false, false, true, false} {
		if (l.asked[i] == l.asked[i+1]) != same {
			t.Errorf("clients %d and %d: same is %v, want %v", i, i+1, !same, same)
		}
	}
}

// Nobody is refused because the limiter is away, nobody is unlimited either, and it is left alone for a while.
func TestWithoutTheLimiterAGatewayCountsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away error
		slow := false
		l := &ledgerOf{answer: func(ctx context.Context, _ graph.Rate, _ int) (graph.Balance, error) {
			if slow {
				<-ctx.Done()
				return graph.Balance{}, ctx.Err()
			}
			return graph.Balance{Taken: away == nil}, away
		}}
		h := ratedHandler(t, l, policies("nobody", func(p *graph.Policy) { p.Rate = graph.Rate{PerMinute: 60, Burst: 14} }), time.Now)
		status := func(want int, retryAfter string, calls int) {
			t.Helper()
			w := postAs(h, auth.Guest, query("{a}"))
			if w.Code != want || w.Header().Get("Retry-After") != retryAfter || l.calls() != calls {
				t.Errorf("got %d, retry after %q, %d calls; want %d, %q, %d", w.Code, w.Header().Get("Retry-After"), l.calls(), want, retryAfter, calls)
			}
		}
		away = errors.New("connection refused")
		status(200, "", 1)
		status(200, "", 1)
		status(429, "7", 1)
		pass(time.Second)
		away, slow = nil, true
		started := time.Now()
		status(429, "6", 2)
		if took := time.Since(started); took != 50*time.Millisecond {
			t.Errorf("a slow limiter was waited for %v", took)
		}
		status(429, "6", 2)
		pass(10 * time.Second)
		slow = false
		status(200, "", 3)
		status(200, "", 4)
	})
}

func TestAPartnerHasSoManyRequestsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := g.handler(t, func(o *graph.HandlerOptions) {
			o.MaxInFlight = 8
			o.Policies = policies("partner", func(p *graph.Policy) { p.InFlight = 2 })
		})
		codes := make(chan int, 16)
		ask := func(p auth.Principal) {
			go func() { codes <- postAs(h, p, query("{a}")).Code }()
			synctest.Wait()
		}
		ask(partnerOf("p", auth.Quota{}))
		ask(partnerOf("p", auth.Quota{}))
		w := postAs(h, partnerOf("p", auth.Quota{}), query("{a}"))
		if w.Code != 429 || w.Header().Get("Retry-After") != "1" || decode(t, w).code() != "RATE_LIMITED" {
			t.Errorf("the third of one partner got %d %s", w.Code, w.Body)
		}
		ask(partnerOf("q", auth.Quota{InFlight: 1}))
		if w := postAs(h, partnerOf("q", auth.Quota{InFlight: 1}), query("{a}")); w.Code != 429 {
			t.Errorf("the second of one with a quota of one got %d", w.Code)
		}
		ask(shopper("m"))
		close(g.open)
		for range 4 {
			if code := <-codes; code != 200 {
				t.Errorf("got %d", code)
			}
		}
		for range 2 {
			if w := postAs(h, partnerOf("q", auth.Quota{InFlight: 1}), query("{a}")); w.Code != 200 {
				t.Errorf("afterwards: got %d", w.Code)
			}
		}
	})
}
