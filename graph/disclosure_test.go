package graph_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/retail"
)

// books keeps disclosures.
type books struct {
	mu   sync.Mutex
	rows []retail.Disclosure
	err  error
}

func (b *books) AppendAudit(_ context.Context, rows []retail.Disclosure) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.rows = append(b.rows, rows...)
	}
	return b.err
}

func (b *books) take() []retail.Disclosure {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows := b.rows
	b.rows = nil
	return rows
}

const personalSchema = accessDirectives + `
	enum Purpose {FULFILMENT}
	directive @personal(purpose: Purpose!) on FIELD_DEFINITION | INPUT_FIELD_DEFINITION | ARGUMENT_DEFINITION
	input Who {name: String! @personal(purpose: FULFILMENT) note: String deep: Who list: [Who!] at: Where @personal(purpose: FULFILMENT)}
	input Where {street: String latitude: Float}
	type Query { read: String @hasRole(any: [ASSOCIATE]) tell(who: Who!, code: String @personal(purpose: FULFILMENT), plain: String): String @hasRole(any: [ASSOCIATE]) }
	type Mutation { verify(code: String!, idempotencyKey: String!): String @hasRole(any: [ASSOCIATE]) }
`

// counterOf serves a counter whose every answer is the name of guest:g-2; during sees its executions.
func counterOf(t *testing.T, b *books, consents map[string]bool, log io.Writer, during func(context.Context)) func(ctx context.Context, body string) string {
	t.Helper()
	m := &memory{entries: map[string]*entry{}}
	f := &fake{schema: gqlparser.MustLoadSchema(&ast.Source{Input: personalSchema})}
	f.exec = func(ctx context.Context) *graphql.Response {
		op := graphql.GetOperationContext(ctx)
		field := op.Operation.SelectionSet[0].(*ast.Field)
		ctx = graphql.WithRootFieldContext(ctx, &graphql.RootFieldContext{Object: field.Name, Field: graphql.CollectedField{Field: field}})
		data := op.RootResolverMiddleware(ctx, func(ctx context.Context) graphql.Marshaler {
			during(ctx)
			ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{
				Object: "Query", Field: graphql.CollectedField{Field: field}, Result: &retail.Order{Owner: "guest:g-2"},
			})
			name, err := auth.Personal(ctx, nil, func(context.Context) (any, error) { return "张小明", nil }, retail.PurposeFulfilment, retail.MaskName)
			if err != nil {
				graphql.AddError(ctx, err)
				return graphql.Null
			}
			return graphql.MarshalString(name.(string))
		})
		var out bytes.Buffer
		fmt.Fprintf(&out, `{%q:`, field.Alias)
		data.MarshalGQL(&out)
		out.WriteByte('}')
		return &graphql.Response{Data: out.Bytes()}
	}
	h, err := graph.NewHandler(f, slog.New(graph.ScrubHandler(slog.NewTextHandler(log, nil))), prometheus.NewRegistry(), graph.HandlerOptions{
		Now: func() time.Time { return testNow }, Answers: m,
		Personal: &graph.Personal{Audit: b, Rules: auth.PersonalRules{
			Self:      func(context.Context) (string, error) { return "associate:a-7", nil },
			Consented: func(_ context.Context, subject string, _ retail.Purpose) (bool, error) { return consents[subject], nil },
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, body string) string {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(auth.WithPrincipal(ctx, auth.Principal{
			Role: auth.RoleAssociate, Subject: "a-7", Client: "till", Scopes: auth.DefaultScopes(auth.RoleAssociate),
		})))
		return w.Body.String()
	}
}

func TestReadingsAreRecordedBeforeTheyAreTold(t *testing.T) {
	b, consents := &books{}, map[string]bool{"guest:g-2": true}
	ask := counterOf(t, b, consents, io.Discard, func(context.Context) {})
	want := retail.Disclosure{
		At: testNow, Role: "associate", Reader: "a-7", Client: "till", Operation: "Phone[personal]", Subject: "guest:g-2",
		Purpose: retail.PurposeFulfilment, Fields: []string{"Query.read"}, Full: true,
	}
	if got := ask(t.Context(), query(`query Phone13812348000 {read}`)); !strings.Contains(got, "张小明") {
		t.Errorf("got %s", got)
	}
	if diff := cmp.Diff([]retail.Disclosure{want}, b.take()); diff != "" {
		t.Error(diff)
	}
	consents["guest:g-2"] = false
	if got := ask(t.Context(), query(`{read}`)); !strings.Contains(got, `"张*"`) {
		t.Errorf("got %s", got)
	}
	want.Full, want.Operation = false, ""
	if diff := cmp.Diff([]retail.Disclosure{want}, b.take()); diff != "" {
		t.Error(diff)
	}
	for _, full := range []bool{true, false} {
		consents["guest:g-2"] = full
		b.err = errors.New("disk full")
		got := ask(t.Context(), query(`{read}`))
		if strings.Contains(got, "张") || !strings.Contains(got, `"UPSTREAM_UNAVAILABLE"`) || !strings.Contains(got, `"retryable":true`) {
			t.Errorf("without a record, full %v: got %s", full, got)
		}
	}
}

func TestAStoredAnswerIsRecordedEachTime(t *testing.T) {
	b, consents, calls := &books{}, map[string]bool{"guest:g-2": true}, 0
	ask := counterOf(t, b, consents, io.Discard, func(context.Context) { calls++ })
	verify := query(`mutation V {verify(code: "1", idempotencyKey: "k")}`)
	first := ask(t.Context(), verify)
	told := b.take()
	if again := ask(t.Context(), verify); again != first || calls != 1 || !strings.Contains(first, "张小明") {
		t.Errorf("got %s after %s, %d calls", again, first, calls)
	}
	if diff := cmp.Diff(told, b.take()); diff != "" || len(told) != 1 || !told[0].Full {
		t.Errorf("recorded %v, then another: %s", told, diff)
	}
	b.err = errors.New("disk full")
	if got := ask(t.Context(), verify); strings.Contains(got, "张") {
		t.Errorf("without a record: got %s", got)
	}
	b.err = nil
	consents["guest:g-2"] = false
	if got := ask(t.Context(), verify); strings.Contains(got, "张") || !strings.Contains(got, `"FORBIDDEN"`) || calls != 1 {
		t.Errorf("after the consent was taken back: got %s, %d calls", got, calls)
	}
	if rows := b.take(); len(rows) != 0 {
		t.Errorf("recorded what was not told: %v", rows)
	}
}

func TestPersonalDataNeedsItsRecord(t *testing.T) {
	for name, p := range map[string]graph.Personal{
		"no rules": {Audit: &books{}},
		"no audit": {Rules: auth.PersonalRules{
			Self:      func(context.Context) (string, error) { return "", nil },
			Consented: func(context.Context, string, retail.Purpose) (bool, error) { return true, nil },
		}},
	} {
		f := &fake{schema: gqlparser.MustLoadSchema(&ast.Source{Input: personalSchema})}
		if _, err := graph.NewHandler(f, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), graph.HandlerOptions{Personal: &p}); err == nil {
			t.Errorf("%s: a handler was made", name)
		}
	}
}

// Whatever is logged about a request, the personal values that its client sent are not among it, in no spelling.
func TestALogLineDoesNotRepeatWhatTheRequestSays(t *testing.T) {
	var log bytes.Buffer
	secrets := []string{"张小明", `Müller "x"`, "Bay 4", "南京西路 1 号", "31.2304", "secret-code", "in a list", "deep down"}
	ask := counterOf(t, &books{}, nil, &log, func(ctx context.Context) {
		graphql.AddError(ctx, fmt.Errorf("cannot say %s or %q or 张小明 to 13812348000", strings.Join(secrets, " or "), secrets))
		panic("whoever wrote this put 李四 into it")
	})
	ask(t.Context(), `{"query":"query Q($who: Who!, $code: String) {tell(who: $who, code: $code, plain: \"not secret\")}", "variables":{
		"code": "secret-code",
		"who": {"name": "张小明", "note": "plain note", "deep": {"name": "deep down"}, "list": [{"name": "in a list"}, {"name": "Müller \"x\""}, {"name": "Bay 4"}],
			"at": {"street": "南京西路 1 号", "latitude": 31.2304}}}}`)
	ask(t.Context(), query(`{tell(who: {name: "张小明", list: [{name: "Bay 4"}, {name: "in a list"}, {name: "Müller \"x\""}, {name: "deep down"}], at: {street: "南京西路 1 号", latitude: 31.2304}}, code: "secret-code")}`))
	text := log.String()
	for _, s := range append(secrets, "13812348000", "Müller", "李四") {
		if strings.Contains(text, s) {
			t.Errorf("%q is in the log: %s", s, text[:min(len(text), 900)])
		}
	}
	if strings.Count(text, "level=ERROR") != 4 || !strings.Contains(text, "cannot say") || !strings.Contains(text, "graph.(*Handler)") {
		t.Errorf("the log says %s", text)
	}
}
