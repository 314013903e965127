package graph_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// logged serves a stub and keeps its log.
func logged(t testing.TB, s *stub) (*graph.Handler, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	schema := generated.NewExecutableSchema(generated.Config{
		Resolvers: root{queries: s}, Directives: generated.DirectiveRoot{HasScope: auth.HasScope[graphql.Resolver]},
	})
	h, err := graph.NewHandler(schema, slog.New(slog.NewTextHandler(&log, nil)), prometheus.NewRegistry(), graph.HandlerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return h, &log
}

func TestErrorsHaveACodeAndASafeText(t *testing.T) {
	const secret = "dial tcp erp.internal: user=sa phone=13800138000"
	for name, c := range map[string]struct {
		err   error
		want  string // message and extensions
		lines int    // in the log
	}{
		"a typed error":        {retail.BadInput("sku is empty"), `{"message":"sku is empty","path":["product"],"locations":[{"line":1,"column":2}],"extensions":{"code":"BAD_INPUT"}}`, 0},
		"a wrapped one":        {fmt.Errorf("catalog: %w", retail.Errorf(retail.CodeNotFound, "no such product")), `{"message":"no such product","path":["product"],"locations":[{"line":1,"column":2}],"extensions":{"code":"NOT_FOUND"}}`, 0},
		"a dead backend":       {retail.Unavailable(retail.SourceShop, errors.New(secret)), `{"message":"a system of record is not available","path":["product"],"locations":[{"line":1,"column":2}],"extensions":{"code":"UPSTREAM_UNAVAILABLE","retryable":true,"source":"SHOP"}}`, 1},
		"an unreadable one":    {retail.BadUpstream(retail.SourceERP, errors.New(secret)), `{"message":"a system of record gave an unreadable answer","path":["product"],"locations":[{"line":1,"column":2}],"extensions":{"code":"BAD_UPSTREAM","retryable":true,"source":"ERP"}}`, 1},
		"a deadline":           {fmt.Errorf("query: %w", context.DeadlineExceeded), `{"message":"the request's time is used up","path":["product"],"locations":[{"line":1,"column":2}],"extensions":{"code":"TIMEOUT","retryable":true}}`, 0},
		"anything else":        {errors.New(secret), `{"message":"internal error","path":["product"],"locations":[{"line":1,"column":2}],"extensions":{"code":"INTERNAL"}}`, 1},
		"a typed internal one": {&retail.Error{Code: retail.CodeInternal, Message: "internal error", Err: errors.New(secret)}, `{"message":"internal error","path":["product"],"locations":[{"line":1,"column":2}],"extensions":{"code":"INTERNAL"}}`, 1},
	} {
		s := newStub()
		s.product = func(context.Context) (*retail.Product, error) { return nil, c.err }
		h, log := logged(t, s)
		w := post(h, query(`{product(sku:"A"){id}}`))
		if diff := cmp.Diff(`{"errors":[`+c.want+`],"data":{"product":null}}`, w.Body.String()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got := strings.Count(log.String(), "\n"); got != c.lines {
			t.Errorf("%s: %d lines in the log, want %d: %s", name, got, c.lines, log)
		}
	}
}

func TestPanicsAreLoggedOnceAndNotShown(t *testing.T) {
	s := newStub()
	s.product = func(context.Context) (*retail.Product, error) { panic("secret 13800138000") }
	h, log := logged(t, s)
	w := post(h, query(`{product(sku:"A"){id} __typename}`))
	want := `{"errors":[{"message":"internal error","path":["product"],"extensions":{"code":"INTERNAL"}}],"data":{"product":null,"__typename":"Query"}}`
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Error(diff)
	}
	if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "errors_test.go") {
		t.Errorf("the log is not one line with the stack: %s", log)
	}
	if w := post(h, query("{__typename}")); w.Code != 200 {
		t.Errorf("afterwards: %d", w.Code)
	}
}

func TestPanicsOutsideOfFieldsAreCaught(t *testing.T) {
	for name, change := range map[string]func(*fake, *graph.HandlerOptions){
		"in the executor": func(f *fake, _ *graph.HandlerOptions) {
			f.exec = func(context.Context) *graphql.Response { panic("boom") }
		},
	} {
		h := mustFakeHandler(t, "type Query {a: Int @public}", change)
		w := post(h, query("{a}"))
		if r := decode(t, w); r.code() != "INTERNAL" || strings.Contains(w.Body.String(), "boom") {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
	attached := mustHandler(t, newStub(), func(o *graph.HandlerOptions) {
		o.Attach = func(context.Context) context.Context { panic("boom") }
	})
	func() {
		defer func() {
			if v := recover(); v != nil {
				t.Errorf("the panic of Attach gets out: %v", v)
			}
		}()
		if r := decode(t, post(attached, query("{__typename}"))); r.code() != "INTERNAL" {
			t.Errorf("Attach: got %v", r)
		}
	}()
}

func TestAResponseHasAtMostFiftyErrors(t *testing.T) {
	s := newStub()
	s.stockCheck = func(context.Context, []string) (*stock.Check, error) {
		check := &stock.Check{Items: make([]stock.Availability, 2000)}
		for i := range check.Items {
			check.Items[i].Location = nil // a non-null field reads null: one error each
		}
		return check, nil
	}
	h, log := logged(t, s)
	w := post(h, query(`{stockCheck(skus:["A"]){items{location{code}}}}`))
	r := decode(t, w)
	if len(r.Errors) != 50 || r.code() != "INTERNAL" {
		t.Errorf("got %d errors, %s first", len(r.Errors), r.code())
	}
	if got := strings.Count(log.String(), "\n"); got != 3 {
		t.Errorf("got %d lines in the log", got)
	}
}

func TestArgumentsThatCannotBeReadAreTheCallersFault(t *testing.T) {
	h, log := logged(t, newStub())
	w := post(h, query(`{products(filter:{minPrice:[1]}){nodes{id}}}`))
	if r := decode(t, w); r.code() != "BAD_INPUT" || log.Len() != 0 {
		t.Errorf("got %s; log %s", w.Body, log)
	}
}

func TestSourcesAreReported(t *testing.T) {
	s := newStub()
	s.product = func(ctx context.Context) (*retail.Product, error) {
		log := retail.SourceLogOf(ctx)
		log.Record(retail.SourceReport{Source: retail.SourceShop, Status: retail.StatusDown, Calls: 2, Took: 1500 * time.Microsecond, Code: retail.CodeUpstreamUnavailable})
		log.Record(retail.SourceReport{Source: retail.SourceERP, Status: retail.StatusOK, AsOf: testNow.Add(-1500 * time.Millisecond)})
		return nil, nil
	}
	h := mustHandler(t, s)
	w := post(h, query(`{product(sku:"A"){id}}`))
	want := `{"data":{"product":null},"extensions":{"sources":[` +
		`{"source":"ERP","status":"OK","asOf":"2026-11-22T04:59:58.500Z","ageSeconds":2,"calls":0,"tookMs":0,"code":null},` +
		`{"source":"SHOP","status":"DOWN","asOf":null,"ageSeconds":null,"calls":2,"tookMs":1,"code":"UPSTREAM_UNAVAILABLE"}]}}`
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Error(diff)
	}
	if w := post(h, query("{__typename}")); strings.Contains(w.Body.String(), "extensions") {
		t.Errorf("no source was asked: %s", w.Body)
	}
}

func TestEveryResponseHasItsOwnAttachments(t *testing.T) {
	type key struct{}
	attached := 0
	s := newStub()
	var seen []any
	s.node = func(ctx context.Context, _ string) (model.Node, error) {
		seen = append(seen, ctx.Value(key{}))
		return nil, nil
	}
	h := mustHandler(t, s, func(o *graph.HandlerOptions) {
		o.Attach = func(ctx context.Context) context.Context {
			attached++
			return context.WithValue(ctx, key{}, attached)
		}
	})
	for range 2 {
		post(h, query(`{node(id:"x"){id}}`))
	}
	post(h, query("{nonsense}"))
	if diff := cmp.Diff([]any{1, 2}, seen); diff != "" || attached != 2 {
		t.Errorf("attached %d times: %s", attached, diff)
	}
}
