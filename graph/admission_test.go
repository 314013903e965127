package graph_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
)

type request = http.Request

func empty(context.Context) *graphql.Response { return &graphql.Response{Data: []byte("{}")} }

// crowd is a handler whose operations last until they are let go one by one, and tells in which order they began.
type crowd struct {
	*graph.Handler

	began  chan string
	letOne chan struct{}
	codes  chan string
}

func newCrowd(t *testing.T, slots int) *crowd { return newCrowdOf(t, slots, nil) }

func newCrowdOf(t *testing.T, slots int, all graph.Policies) *crowd {
	c := &crowd{began: make(chan string, 100), letOne: make(chan struct{}), codes: make(chan string, 100)}
	c.Handler = mustFakeHandler(t, "type Query {a: Int @public} type Mutation {m: Int @public}", func(f *fake, o *graph.HandlerOptions) {
		o.MaxInFlight, o.Policies = slots, all
		f.exec = func(ctx context.Context) *graphql.Response {
			c.began <- graphql.GetOperationContext(ctx).OperationName
			<-c.letOne
			return empty(ctx)
		}
	})
	// All documents are known: those that are not compiled yet come last.
	for _, text := range []string{mutate, browse} {
		for _, name := range []string{"Stranger", "Young", "Partner", "Member", "Order", "Till", "Filler"} {
			go postAs(c, auth.Principal{Role: auth.RoleAssociate, Subject: "warm"}, query(strings.ReplaceAll(text, "NAME", name)))
			synctest.Wait()
			<-c.began
			c.letOne <- struct{}{}
			synctest.Wait()
		}
	}
	return c
}

const (
	browse = "query NAME {a}"
	mutate = "mutation NAME {m}"
)

// ask sends an operation under a name and waits until it is worked on, waits or was shed.
func (c *crowd) ask(name string, p auth.Principal, text string) {
	go func() {
		w := postAs(c, p, query(strings.ReplaceAll(text, "NAME", name)))
		verdict := "served"
		if w.Code != 200 {
			verdict = "shed"
			if w.Code != 503 || w.Header().Get("Retry-After") == "" {
				verdict = w.Body.String()
			}
		}
		c.codes <- name + " " + verdict
	}()
	synctest.Wait()
}

// next lets one operation end and returns the one that begins in its place.
func (c *crowd) next() string {
	c.letOne <- struct{}{}
	synctest.Wait()
	select {
	case name := <-c.began:
		return name
	default:
		return ""
	}
}

func TestWhatWasBegunGoesBeforeBrowsing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1)
		c.ask("Filler", shopper("f"), mutate)
		<-c.began
		c.ask("Stranger", auth.Guest, browse)
		c.ask("Young", auth.Guest, browse)
		c.ask("Partner", partnerOf("p", auth.Quota{}), browse)
		c.ask("Member", shopper("m"), browse)
		c.ask("Order", shopper("m"), mutate)
		c.ask("Till", auth.Principal{Role: auth.RoleAssociate, Subject: "s"}, browse)
		var order []string
		for range 4 {
			order = append(order, c.next())
		}
		// The queue of the low ones holds two; of those who wait the youngest goes first.
		if got := strings.Join(order, " "); got != "Till Order Member Young" {
			t.Errorf("served in the order %s", got)
		}
		if got := c.next(); got != "Stranger" {
			t.Errorf("then %q", got)
		}
		c.letOne <- struct{}{}
		synctest.Wait()
		shed := 0
		for range 7 {
			if verdict := <-c.codes; verdict == "Partner shed" {
				shed++
			} else if !strings.HasSuffix(verdict, " served") {
				t.Error(verdict)
			}
		}
		if shed != 1 {
			t.Errorf("%d were shed", shed)
		}
	})
}

func TestSlotsAreKeptFromThoseWhoBrowse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 8)
		began := func(want int) {
			t.Helper()
			if got := len(c.began); got != want {
				t.Errorf("%d are worked on, want %d", got, want)
			}
		}
		for range 8 {
			c.ask("Stranger", auth.Guest, browse)
		}
		began(4)
		for range 4 {
			c.ask("Member", shopper("m"), browse)
		}
		began(7)
		for range 2 {
			c.ask("Order", shopper("m"), mutate)
		}
		began(8)
		pass(100 * time.Millisecond)
		synctest.Wait()
		if got := len(c.codes); got != 5 {
			t.Errorf("%d gave up after 100 ms, want four strangers and a member", got)
		}
		c.letOne <- struct{}{}
		synctest.Wait()
		began(9) // the second order
		close(c.letOne)
		synctest.Wait()
	})
}

// Waiting in a queue that has stood for 100 ms is of no use: who comes then waits 5 ms.
func TestInAQueueThatStandsNobodyWaitsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 2)
		for range 2 {
			c.ask("Filler", shopper("f"), mutate)
		}
		for range 3 {
			c.ask("Stranger", auth.Guest, browse)
			pass(45 * time.Millisecond)
		}
		pass(time.Millisecond) // 136 ms since the first one came, who left after 100
		synctest.Wait()
		if got := len(c.codes); got != 1 {
			t.Fatalf("%d gave up", got)
		}
		<-c.codes
		started := time.Now()
		c.ask("Young", auth.Guest, browse)
		if got := <-c.codes; got != "Young shed" || time.Since(started) != 5*time.Millisecond {
			t.Errorf("%s after %v", got, time.Since(started))
		}
		close(c.letOne)
		synctest.Wait()
	})
}

type unread struct{ io.Reader }

func (unread) Read([]byte) (int, error) { panic("it was read") }

func TestAFullGatewayDoesNotReadStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1)
		c.ask("Filler", shopper("f"), mutate)
		for range 2 {
			c.ask("Stranger", auth.Guest, browse)
		}
		r := httptest.NewRequest(http.MethodPost, "/graphql", unread{})
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		if w.Code != 503 || w.Header().Get("Retry-After") != "1" || decode(t, w).code() != "OVERLOADED" {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
		close(c.letOne)
		synctest.Wait()
	})
}

// A document that nobody has compiled yet is work, and what for is not known.
func TestUnknownDocumentsComeLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 4) // two slots are kept from the low ones
		for range 3 {
			c.ask("Filler", shopper("f"), mutate)
		}
		c.ask("Never", shopper("m"), mutate)
		if got := len(c.began); got != 3 {
			t.Errorf("%d are worked on: the unknown one took the last slot", got)
		}
		c.ask("Order", shopper("m"), mutate)
		if got := len(c.began); got != 4 {
			t.Errorf("%d are worked on, want the known one too", got)
		}
		close(c.letOne)
		synctest.Wait()
	})
}

// pass lets time go by in a bubble of synctest.
func pass(d time.Duration) { <-time.After(d) }
