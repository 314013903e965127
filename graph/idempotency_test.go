package graph_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/retail"
)

// memory keeps answers as the contract says.
type memory struct {
	mu      sync.Mutex
	entries map[string]*entry
	tokens  int
	broken  bool
}

type entry struct {
	fingerprint, answer []byte
	token               string
}

func (m *memory) Begin(_ context.Context, owner, key string, fingerprint []byte, _ time.Duration) (string, []byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return "", nil, &retail.Error{Code: retail.CodeUpstreamUnavailable, Message: "the ledger is not available", Retryable: true}
	}
	e := m.entries[owner+"|"+key]
	switch {
	case e == nil:
		m.tokens++
		e = &entry{fingerprint: fingerprint, token: fmt.Sprint("t", m.tokens)}
		m.entries[owner+"|"+key] = e
		return e.token, nil, nil
	case !bytes.Equal(e.fingerprint, fingerprint):
		return "", nil, retail.Errorf(retail.CodeConflict, "the key was used for something else")
	case e.answer == nil:
		return "", nil, &retail.Error{Code: retail.CodeConflict, Message: "still running", Retryable: true}
	}
	return "", e.answer, nil
}

func (m *memory) Finish(_ context.Context, owner, key, token string, answer []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.entries[owner+"|"+key]; e != nil && e.token == token {
		e.answer = answer
	}
	return nil
}

func (m *memory) Abandon(_ context.Context, owner, key, _ string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, owner+"|"+key)
	return nil
}

const onceSchema = `
	type Query { open: Int @public }
	type Mutation {
		buy(amount: Int!, idempotencyKey: String!): Int! @hasRole(any: [MEMBER, ASSOCIATE, PARTNER])
		sell(amount: Int!, idempotencyKey: String!): Int! @hasRole(any: [MEMBER, ASSOCIATE, PARTNER])
		look(amount: Int!): Int! @public
	}
`

// counter executes mutations by counting; fail makes the next one a fault.
type counter struct {
	calls atomic.Int64
	fail  atomic.Bool
	gate  chan struct{} // closed to let calls through; nil lets them all
	// during sees the nth call while it is executed; may be nil.
	during func(ctx context.Context, n int64)
}

func (c *counter) exec(ctx context.Context) *graphql.Response {
	op := graphql.GetOperationContext(ctx)
	var out bytes.Buffer
	out.WriteByte('{')
	null := false
	for i, s := range op.Operation.SelectionSet {
		f := s.(*ast.Field)
		ctx := graphql.WithRootFieldContext(ctx, &graphql.RootFieldContext{Object: f.Name, Field: graphql.CollectedField{Field: f}}) // as gqlgen does
		m := op.RootResolverMiddleware(ctx, func(ctx context.Context) graphql.Marshaler {
			n := c.calls.Add(1)
			if c.gate != nil {
				<-c.gate
			}
			if c.fail.Swap(false) {
				graphql.AddError(ctx, retail.Unavailable(retail.SourceShop, nil))
				return graphql.Null
			}
			if c.during != nil {
				c.during(ctx, n)
			} else if n%2 == 0 {
				graphql.AddError(ctx, retail.BadInput("half of it"))
			}
			return graphql.WriterFunc(func(w io.Writer) { _, _ = fmt.Fprint(w, n) })
		})
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "%q:", f.Alias)
		at := out.Len()
		m.MarshalGQL(&out)
		null = null || out.String()[at:] == "null"
	}
	out.WriteByte('}')
	if null {
		return &graphql.Response{Data: []byte("null")}
	}
	return &graphql.Response{Data: out.Bytes()}
}

func onceHandler(t *testing.T, c *counter, m *memory, change ...func(*graph.HandlerOptions)) func(subject, body string) string {
	h := mustFakeHandler(t, onceSchema, func(f *fake, o *graph.HandlerOptions) {
		f.exec, o.Answers, o.Limits = c.exec, m, graph.DefaultLimits()
		for _, ch := range change {
			ch(o)
		}
	})
	return func(subject, body string) string {
		p := auth.Guest
		if subject != "" {
			p = auth.Principal{Role: auth.RoleMember, Subject: subject}
		}
		return postAs(h, p, body).Body.String()
	}
}

func TestAnAnswerIsNotRepeatedToOtherRights(t *testing.T) {
	associate := func(scopes []auth.Scope, places ...string) auth.Principal {
		return auth.Principal{Role: auth.RoleAssociate, Subject: "s-1", Scopes: scopes, Locations: places}
	}
	platform := func(r retail.Reach) auth.Principal {
		return auth.Principal{Role: auth.RolePartner, Subject: "p", Client: "p", Locations: r.Locations, Partner: &auth.Partner{ID: "p", Reach: &r}}
	}
	both := []auth.Scope{auth.ScopeOrderServe, auth.ScopeStockRead}
	reach := retail.Reach{Locations: []string{"S-1", "S-2"}, SKUs: []retail.SKURange{{First: "1"}}, Channels: []retail.Channel{retail.ChannelPartner}}
	first := map[string]auth.Principal{"an associate": associate(both, "S-1", "S-2"), "a partner": platform(reach)}
	for name, c := range map[string]struct {
		who   string
		again auth.Principal
		same  bool
	}{
		"the same":                   {"an associate", associate(both, "S-1", "S-2"), true},
		"the same in another order":  {"an associate", associate([]auth.Scope{auth.ScopeStockRead, auth.ScopeOrderServe}, "S-2", "S-1"), true},
		"a scope less":               {"an associate", associate(both[:1], "S-1", "S-2"), false},
		"a store less":               {"an associate", associate(both, "S-1"), false},
		"another store":              {"an associate", associate(both, "S-1", "S-3"), false},
		"the same partner":           {"a partner", platform(reach), true},
		"a partner of fewer places":  {"a partner", platform(retail.Reach{Locations: []string{"S-1"}, SKUs: reach.SKUs, Channels: reach.Channels}), false},
		"a partner of other SKUs":    {"a partner", platform(retail.Reach{Locations: reach.Locations, SKUs: []retail.SKURange{{First: "2"}}, Channels: reach.Channels}), false},
		"a partner of more channels": {"a partner", platform(retail.Reach{Locations: reach.Locations, SKUs: reach.SKUs, Channels: []retail.Channel{retail.ChannelPartner, retail.ChannelWeb}}), false},
	} {
		n, m := &counter{}, &memory{entries: map[string]*entry{}}
		h := mustFakeHandler(t, onceSchema, func(f *fake, o *graph.HandlerOptions) {
			f.exec, o.Answers, o.Limits = n.exec, m, graph.DefaultLimits()
		})
		want := postAs(h, first[c.who], buy(1, "k1")).Body.String()
		got := postAs(h, c.again, buy(1, "k1")).Body.String()
		if c.same != (got == want) || c.same == strings.Contains(got, `"FORBIDDEN"`) || !c.same && strings.Contains(got, `"buy":1`) || n.calls.Load() != 1 {
			t.Errorf("%s: got %s after %s, %d calls", name, got, want, n.calls.Load())
		}
	}
}

func buy(amount int, key string) string {
	return query(fmt.Sprintf(`mutation{buy(amount:%d,idempotencyKey:%q)}`, amount, key))
}

func TestAMutationIsExecutedOnceByItsKey(t *testing.T) {
	c, m := &counter{}, &memory{entries: map[string]*entry{}}
	ask := onceHandler(t, c, m)
	first := ask("m-1", buy(1, "k1"))
	if again := ask("m-1", buy(1, "k1")); again != first || c.calls.Load() != 1 {
		t.Errorf("got %s after %s, %d calls", again, first, c.calls.Load())
	}
	if other := ask("m-1", buy(2, "k1")); !strings.Contains(other, `"CONFLICT"`) || c.calls.Load() != 1 {
		t.Errorf("another amount under the key: %s, %d calls", other, c.calls.Load())
	}
	withError := ask("m-2", buy(1, "k1"))
	if again := ask("m-2", buy(1, "k1")); again != withError || !strings.Contains(again, "half of it") || c.calls.Load() != 2 {
		t.Errorf("somebody else's key and an answer with an error: %s then %s, %d calls", withError, again, c.calls.Load())
	}
	for range 2 {
		ask("m-1", query(`mutation{look(amount:1)}`))
	}
	if c.calls.Load() != 4 {
		t.Errorf("a mutation without a key is executed each time: %d calls", c.calls.Load())
	}
}

func TestAFailureIsNotKept(t *testing.T) {
	c, m := &counter{}, &memory{entries: map[string]*entry{}}
	ask := onceHandler(t, c, m)
	c.fail.Store(true)
	if got := ask("m-1", buy(1, "k1")); !strings.Contains(got, "UPSTREAM_UNAVAILABLE") {
		t.Errorf("got %s", got)
	}
	if got := ask("m-1", buy(1, "k1")); !strings.Contains(got, `"buy":2`) {
		t.Errorf("the repetition got %s", got)
	}
}

func TestSixtyFourCallsUnderOneKeyExecuteOnce(t *testing.T) {
	c, m := &counter{gate: make(chan struct{})}, &memory{entries: map[string]*entry{}}
	ask := onceHandler(t, c, m)
	var group sync.WaitGroup
	answers := make([]string, 64)
	for i := range answers {
		group.Go(func() { answers[i] = ask("m-1", buy(1, "k1")) })
	}
	close(c.gate)
	group.Wait()
	for _, a := range answers {
		if a != answers[0] || !strings.Contains(a, `"buy":1`) {
			t.Fatalf("got %s and %s", answers[0], a)
		}
	}
	if c.calls.Load() != 1 {
		t.Errorf("%d calls", c.calls.Load())
	}
}

func TestKeysAreChecked(t *testing.T) {
	c, m := &counter{}, &memory{entries: map[string]*entry{}}
	ask := onceHandler(t, c, m)
	for _, key := range []string{"", " ", "a b", "ü", strings.Repeat("x", 129)} {
		if got := ask("m-1", buy(1, key)); !strings.Contains(got, "BAD_INPUT") {
			t.Errorf("%q: got %s", key, got)
		}
	}
	if got := ask("", buy(1, "k")); !strings.Contains(got, "UNAUTHENTICATED") {
		t.Errorf("nobody got %s", got)
	}
	m.broken = true
	if got := ask("m-1", buy(1, "k")); !strings.Contains(got, "UPSTREAM_UNAVAILABLE") || c.calls.Load() != 0 {
		t.Errorf("without a ledger: got %s, %d calls", got, c.calls.Load())
	}
}

func TestAnotherRequestUnderAKeyIsAConflict(t *testing.T) {
	const first = `mutation A($n:Int!,$all:Boolean=true){buy(amount:$n,idempotencyKey:"k1")@include(if:$all)}
		mutation B($n:Int!){buy(amount:$n,idempotencyKey:"k1")}`
	c, m := &counter{}, &memory{entries: map[string]*entry{}}
	h := onceHandler(t, c, m)
	ask := func(operation, document, variables string) string {
		return h("m-1", fmt.Sprintf(`{"query":%q,"operationName":%q,"variables":%s}`, document, operation, variables))
	}
	want := ask("A", first, `{"n":1}`)
	for name, same := range map[string]string{
		"the very same":                      ask("A", first, `{"n":1}`),
		"a default that is written out":      ask("A", first, `{"n":1,"all":true}`),
		"a variable that nobody has defined": ask("A", first, `{"n":1,"unused":2}`),
	} {
		if same != want {
			t.Errorf("%s: got %s, want %s", name, same, want)
		}
	}
	for name, other := range map[string]string{
		"another operation of the document":   ask("B", first, `{"n":1}`),
		"another value":                       ask("A", first, `{"n":2}`),
		"another alias":                       h("m-1", query(`mutation{again:buy(amount:1,idempotencyKey:"k1")}`)),
		"another mutation":                    h("m-1", query(`mutation{sell(amount:1,idempotencyKey:"k1")}`)),
		"the same field without its document": h("m-1", buy(1, "k1")),
	} {
		if !strings.Contains(other, `"CONFLICT"`) {
			t.Errorf("%s: got %s", name, other)
		}
	}
	if c.calls.Load() != 1 {
		t.Errorf("%d calls", c.calls.Load())
	}
}

func TestTwoMutationsOfOneOperationHaveAnAnswerEach(t *testing.T) {
	c, m := &counter{}, &memory{entries: map[string]*entry{}}
	ask := onceHandler(t, c, m)
	both := query(`mutation{one:buy(amount:1,idempotencyKey:"k1") two:buy(amount:1,idempotencyKey:"k2")}`)
	first := ask("m-1", both)
	if again := ask("m-1", both); again != first || c.calls.Load() != 2 || !strings.Contains(first, `"one":1,"two":2`) {
		t.Errorf("got %s after %s, %d calls", again, first, c.calls.Load())
	}
	shared := ask("m-1", query(`mutation{one:buy(amount:1,idempotencyKey:"k3") two:buy(amount:1,idempotencyKey:"k3")}`))
	if !strings.Contains(shared, `"CONFLICT"`) || c.calls.Load() != 3 {
		t.Errorf("one key for both: got %s, %d calls", shared, c.calls.Load())
	}
}

func TestAnAnswerThatIsCutShortIsNotKept(t *testing.T) {
	c, m := &counter{}, &memory{entries: map[string]*entry{}}
	c.during = func(ctx context.Context, n int64) {
		if n == 1 { // the deed is done, but there is no time left to read it
			<-ctx.Done()
			graphql.AddError(ctx, ctx.Err())
		}
	}
	ask := onceHandler(t, c, m, func(o *graph.HandlerOptions) { o.Limits.Timeout = 5 * time.Millisecond })
	if got := ask("m-1", buy(1, "k1")); !strings.Contains(got, `"TIMEOUT"`) {
		t.Errorf("got %s", got)
	}
	if len(m.entries) != 0 {
		t.Errorf("kept %s", m.entries["member:m-1|k1"].answer)
	}
}

func TestAPanicIsNotKept(t *testing.T) {
	c, m := &counter{}, &memory{entries: map[string]*entry{}}
	c.during = func(_ context.Context, n int64) {
		if n == 1 {
			panic("a defect")
		}
	}
	ask := onceHandler(t, c, m)
	if got := ask("m-1", buy(1, "k1")); !strings.Contains(got, `"INTERNAL"`) || strings.Contains(got, "defect") {
		t.Errorf("got %s", got)
	}
	if got := ask("m-1", buy(1, "k1")); !strings.Contains(got, `"buy":2`) {
		t.Errorf("the repetition got %s", got)
	}
}

func TestMoreErrorsThanAResponseHoldsAreKeptAsTheyWereTold(t *testing.T) {
	c, m := &counter{}, &memory{entries: map[string]*entry{}}
	c.during = func(ctx context.Context, _ int64) {
		for range 60 {
			graphql.AddError(ctx, retail.BadInput("a part of it"))
		}
	}
	ask := onceHandler(t, c, m)
	first := ask("m-1", buy(1, "k1"))
	if again := ask("m-1", buy(1, "k1")); again != first || strings.Count(first, "a part of it") != 50 {
		t.Errorf("got %s after %s", again, first)
	}
}

func TestAClientThatHangsUpFindsWhatItsCallDid(t *testing.T) {
	c, m := &counter{}, &memory{entries: map[string]*entry{}}
	h := mustFakeHandler(t, onceSchema, func(f *fake, o *graph.HandlerOptions) { f.exec, o.Answers = c.exec, m })
	call := func(ctx context.Context) string {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(buy(1, "k1")))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(auth.WithPrincipal(ctx, auth.Principal{Role: auth.RoleMember, Subject: "m-1"})))
		return w.Body.String()
	}
	ctx, hangUp := context.WithCancel(t.Context())
	c.during = func(context.Context, int64) { hangUp() }
	call(ctx)
	if got := call(t.Context()); !strings.Contains(got, `"buy":1`) || c.calls.Load() != 1 {
		t.Errorf("got %s, %d calls", got, c.calls.Load())
	}
}

// A call that waits for its twin holds no slot: others work meanwhile.
func TestAWaitingTwinHoldsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := &counter{}, &memory{entries: map[string]*entry{}}
		ask := onceHandler(t, c, m, func(o *graph.HandlerOptions) { o.MaxInFlight = 2 })
		ask("b", query(`mutation { look(amount: 1) }`)) // is compiled now
		c.gate = make(chan struct{})
		answers := make(chan string, 2)
		for range 2 {
			go func() { answers <- ask("a", buy(1, "k")) }()
			synctest.Wait()
		}
		looked := make(chan string)
		go func() { looked <- ask("b", query(`mutation { look(amount: 1) }`)) }()
		synctest.Wait()
		if got := c.calls.Load(); got != 3 {
			t.Errorf("%d calls were executed: the twin that waits keeps another from its slot", got)
		}
		close(c.gate)
		if first, second := <-answers, <-answers; first != second {
			t.Errorf("the twins got %s and %s", first, second)
		}
		<-looked
	})
}
