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
		buy(amount: Int!, idempotencyKey: String!): Int! @hasRole(any: [MEMBER])
		look(amount: Int!): Int! @public
	}
`

// counter executes mutations by counting; fail makes the next one a fault.
type counter struct {
	calls atomic.Int64
	fail  atomic.Bool
	gate  chan struct{} // closed to let calls through; nil lets them all
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
			if n%2 == 0 {
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

func onceHandler(t *testing.T, c *counter, m *memory) func(subject, body string) string {
	h := mustFakeHandler(t, onceSchema, func(f *fake, o *graph.HandlerOptions) { f.exec, o.Answers = c.exec, m })
	return func(subject, body string) string {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		p := auth.Guest
		if subject != "" {
			p = auth.Principal{Role: auth.RoleMember, Subject: subject}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(auth.WithPrincipal(r.Context(), p)))
		return w.Body.String()
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
