package graph_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/retail"
)

func guest(n int) auth.Principal {
	return auth.Principal{Role: auth.RoleGuest, Subject: fmt.Sprintf("g-%d", n)}
}

const fourGuests = 4

// postFrom sends a body as a principal from an address.
func postFrom(h http.Handler, address string, p auth.Principal, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = address
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(auth.WithPrincipal(r.Context(), p)))
	return w
}

// A household has the points of four guests, whoever makes it up; one that drinks fast does not drink all.
func TestGuestsOfAHouseholdShareItsPoints(t *testing.T) {
	s := mustServer(t, ratedHandler(t, nil, policies("guest", func(p *graph.Policy) {
		p.Rate = graph.Rate{PerMinute: 60, Burst: 21} // three times {a}
		p.Household = fourGuests
	}), func() time.Time { return testNow }))
	h := s.Handler()
	served := func(address string, guests, each int) (n int) {
		for g := range guests {
			for range each {
				if postFrom(h, address, guest(g), query("{a}")).Code == 200 {
					n++
				}
			}
		}
		return n
	}
	if n := served("198.51.100.1:1", 1, 10); n != 3 {
		t.Errorf("one guest is served %d times, want 3", n)
	}
	const want = 3*fourGuests - 3
	if n := served("198.51.100.1:2", 100, 10); n != want {
		t.Errorf("a hundred guests of the same household are served %d times, want %d", n, want)
	}
	n := 0
	for g := range 100 {
		address := fmt.Sprintf("[2001:db8::%x]:1", g+1)
		if postFrom(h, address, guest(1000+g), query("{a}")).Code == 200 {
			n++
		}
	}
	if n != 3*fourGuests {
		t.Errorf("a hundred guests of one /64 are served %d times, want %d", n, 3*fourGuests)
	}
}

func TestAHouseholdHasSoManyGuestsRequestsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := g.handler(t, func(o *graph.HandlerOptions) {
			o.MaxInFlight = 64
			o.Policies = policies("guest", func(p *graph.Policy) { p.InFlight, p.Household = 2, fourGuests })
		})
		codes := make(chan int, 100)
		for n := range 20 {
			go func() { codes <- postAs(h, guest(n/2), query("{a}")).Code }()
			synctest.Wait()
		}
		if w := postAs(h, guest(0), query("{a}")); w.Code != 429 {
			t.Errorf("the third of one guest got %d", w.Code)
		}
		refused := len(codes)
		for range refused {
			if code := <-codes; code != 429 {
				t.Errorf("got %d", code)
			}
		}
		if want := 20 - 2*fourGuests; refused != want {
			t.Errorf("%d of 20 are refused, want %d", refused, want)
		}
		close(g.open)
		for range 20 - refused {
			if code := <-codes; code != 200 {
				t.Errorf("got %d", code)
			}
		}
		if w := postAs(h, guest(0), query("{a}")); w.Code != 200 {
			t.Errorf("afterwards: %d", w.Code)
		}
	})
}

// What guests of one household do goes first only as far as a family does it: a crowd of sessions does not push members aside.
func TestACrowdOfSessionsDoesNotComeFirst(t *testing.T) {
	for household, want := range map[int]string{
		fourGuests: "Order Order Order Order Member Order Order",
		2:          "Order Order Member Order Order Order Order",
		5:          "Order Order Order Order Order Member Order",
		0:          "Order Order Order Order Order Order Member",
	} {
		t.Run(fmt.Sprint(household), func(t *testing.T) { testCrowdOfSessions(t, household, want) })
	}
}

func testCrowdOfSessions(t *testing.T, household int, want string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowdOf(t, 4, policies("guest", func(p *graph.Policy) { p.InFlight, p.Household = 6, household }))
		for range 4 {
			c.ask("Filler", shopper("busy"), mutate)
			<-c.began
		}
		for n := range 6 {
			c.ask("Order", guest(n), mutate)
		}
		c.ask("Member", shopper("m"), browse) // younger than the guests that wait, of the same priority as those too many
		var order []string
		for range 7 {
			order = append(order, c.next())
		}
		if got := strings.Join(order, " "); got != want {
			t.Errorf("they begin as %s, want %s", got, want)
		}
		for range 4 {
			c.next()
		}
	})
}

func TestAHouseholdOpensSoManySessions(t *testing.T) {
	now := testNow
	p, err := graph.NewPace(nil, graph.Rate{PerMinute: 2, Burst: 3}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	home := retail.WithHousehold(context.Background(), retail.Household{Name: "home"})
	for n := range 3 {
		if err := p.Allow(home); err != nil {
			t.Errorf("session %d: %v", n, err)
		}
	}
	if err := p.Allow(home); !retail.Refused(err, retail.WhyLimitReached) || !strings.Contains(err.Error(), "30 seconds") {
		t.Errorf("the fourth: %v", err)
	}
	if err := p.Allow(retail.WithHousehold(context.Background(), retail.Household{Name: "next door"})); err != nil {
		t.Errorf("next door: %v", err)
	}
	now = now.Add(30 * time.Second)
	if err := p.Allow(home); err != nil {
		t.Errorf("after half a minute: %v", err)
	}
	if _, err := graph.NewPace(nil, graph.Rate{PerMinute: -1, Burst: 1}, nil); err == nil {
		t.Error("a rate that cannot work is accepted")
	}
}

// Who has an account is paced alone, whoever else has one.
func TestCallersWithAnAccountAreEachPacedAlone(t *testing.T) {
	p, err := graph.NewPace(nil, graph.Rate{PerMinute: 2, Burst: 3}, func() time.Time { return testNow })
	if err != nil {
		t.Fatal(err)
	}
	as := func(p auth.Principal) context.Context { return auth.WithPrincipal(context.Background(), p) }
	for n := range 4 {
		if err := p.Allow(as(shopper("a"))); retail.Refused(err, retail.WhyLimitReached) != (n == 3) {
			t.Errorf("session %d: %v", n, err)
		}
	}
	for _, other := range []auth.Principal{shopper("b"), partnerOf("a", auth.Quota{})} {
		if err := p.Allow(as(other)); err != nil {
			t.Errorf("%s %s: %v", other.Role, other.Subject, err)
		}
	}
}

func TestSessionsAreAsManyAsTheHouseholdIsWorth(t *testing.T) {
	for household, want := range map[int]graph.Rate{
		0: {}, 1: {PerMinute: 8, Burst: 15}, fourGuests: {PerMinute: 32, Burst: 60}, 1000: {PerMinute: 8000, Burst: 15_000},
	} {
		all := policies("guest", func(p *graph.Policy) { p.Household = household })
		if got := all.GuestSessions(); got != want {
			t.Errorf("a household of %d may open %v, want %v", household, got, want)
		}
	}
}

// Whose household has nothing left keeps what is its own.
func TestAGuestPaysNothingWhenTheHouseholdRefuses(t *testing.T) {
	household := policies("guest", func(p *graph.Policy) { p.Rate, p.Household = graph.Rate{PerMinute: 60, Burst: 21}, 2 }) // six times {a}
	now := func() time.Time { return testNow }
	h := mustServer(t, ratedHandler(t, nil, household, now)).Handler()
	served := func(address string, g int) (n int) {
		for range 4 {
			if postFrom(h, address, guest(g), query("{a}")).Code == 200 {
				n++
			}
		}
		return n
	}
	const crowded, quiet = "198.51.100.1:1", "198.51.100.2:1"
	for g, want := range []int{3, 3, 0} {
		if n := served(crowded, g); n != want {
			t.Errorf("guest %d of the household is served %d times, want %d", g, n, want)
		}
	}
	if n := served(quiet, 2); n != 3 {
		t.Errorf("elsewhere, who was refused is served %d times, want 3", n)
	}

	l := &ledgerOf{answer: func(_ context.Context, r graph.Rate, _ int) (graph.Balance, error) {
		return graph.Balance{Taken: r.Burst == 21, Wait: time.Second}, nil
	}}
	if w := postAs(ratedHandler(t, l, household, now), guest(1), query("{a}")); w.Code != 429 {
		t.Errorf("got %d", w.Code)
	}
	if got := fmt.Sprint(l.points); got != "[7 7 -7]" || l.asked[0] != l.asked[2] || l.asked[0] == l.asked[1] {
		t.Errorf("took %s of %q", got, l.asked)
	}
}

// Who cannot pay a fine is not listened to; nobody else of the household is deafened by it.
func TestAFineDeafensNoHousehold(t *testing.T) {
	household := policies("guest", func(p *graph.Policy) { p.Rate, p.Household = graph.Rate{PerMinute: 60, Burst: 21}, fourGuests })
	for name, c := range map[string]struct {
		poor        int // the burst of who cannot pay
		asked       int
		same, other int // statuses of something sound afterwards
	}{
		"the guest has nothing":     {21, 1, 429, 200},
		"the household has nothing": {21 * fourGuests, 2, 200, 200},
	} {
		t.Run(name, func(t *testing.T) {
			l := &ledgerOf{answer: func(_ context.Context, r graph.Rate, points int) (graph.Balance, error) {
				return graph.Balance{Taken: r.Burst != c.poor || points < 10, Wait: time.Second}, nil
			}}
			h := ratedHandler(t, l, household, func() time.Time { return testNow })
			postAs(h, guest(1), query("{nonsense}"))
			if l.calls() != c.asked {
				t.Errorf("%d accounts were asked, want %d", l.calls(), c.asked)
			}
			if w := postAs(h, guest(1), query("{a}")); w.Code != c.same {
				t.Errorf("the guest got %d, want %d", w.Code, c.same)
			}
			if w := postAs(h, guest(2), query("{a}")); w.Code != c.other {
				t.Errorf("another of the household got %d, want %d", w.Code, c.other)
			}
		})
	}
}

// A request that is refused for what it is costs points, the more the longer it is; one that is put off costs none.
func TestRefusedRequestsCostPoints(t *testing.T) {
	l := &ledgerOf{answer: func(context.Context, graph.Rate, int) (graph.Balance, error) { return graph.Balance{Taken: true}, nil }}
	h := ratedHandler(t, l, policies("member", func(p *graph.Policy) { p.Rate = graph.Rate{PerMinute: 6000, Burst: 2000} }), time.Now)
	long := strings.Repeat(" ", 12_800)
	for name, c := range map[string]struct {
		body string
		want string
	}{
		"not valid":        {query("{nonsense}"), "[10]"},
		"long":             {query("{nonsense" + long + "}"), "[110]"},
		"no GraphQL":       {query("{"), "[10]"},
		"no JSON":          {"{", "[10]"},
		"unknown document": {`{"documentId":"none"}`, "[10]"},
		"over a limit":     {query("{" + strings.Repeat("a:a ", 200) + "}"), "[16]"},
		"too large":        {query(strings.Repeat(" ", 200_000)), "[10]"}, // it said so, and was not read
		"served":           {query("{a}"), "[7]"},
	} {
		l.points = nil
		postAs(h, shopper("a"), c.body)
		if got := fmt.Sprint(l.points); got != c.want {
			t.Errorf("%s: charged %s, want %s", name, got, c.want)
		}
	}
}

// Who has used up everything with requests that are refused is not read any more, until the next can be paid.
func TestWhoOnlySendsNonsenseIsNotReadForLong(t *testing.T) {
	now := testNow
	h := ratedHandler(t, nil, policies("member", func(p *graph.Policy) { p.Rate = graph.Rate{PerMinute: 600, Burst: 25} }), func() time.Time { return now })
	var codes []int
	for range 5 {
		codes = append(codes, postAs(h, shopper("a"), query("{nonsense}")).Code)
	}
	if got := fmt.Sprint(codes); got != "[200 200 200 429 429]" { // refusals to a client that accepts application/json only
		t.Errorf("got %s", got)
	}
	if w := postAs(h, shopper("a"), query("{a}")); w.Code != 429 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("something sound, then: got %d, retry after %q", w.Code, w.Header().Get("Retry-After"))
	}
	now = now.Add(500 * time.Millisecond) // five points more: what one refusal costs
	if w := postAs(h, shopper("a"), query("{a}")); w.Code != 200 {
		t.Errorf("half a second later: got %d", w.Code)
	}
}
