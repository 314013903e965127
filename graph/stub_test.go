package graph_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/graph/model"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// stub serves the real schema with function fields behind the root fields that the tests use; the others panic, which
// the tests of panics rely on.
type stub struct {
	generated.QueryResolver

	node       func(ctx context.Context, id string) (model.Node, error)
	product    func(ctx context.Context) (*retail.Product, error)
	stockCheck func(ctx context.Context, skus []string) (*stock.Check, error)
}

// root serves queries by a stub and nothing else.
type root struct {
	generated.ResolverRoot
	queries *stub
}

func (r root) Query() generated.QueryResolver { return r.queries }

func (s *stub) Node(ctx context.Context, id string) (model.Node, error) { return s.node(ctx, id) }

func (s *stub) Product(ctx context.Context, _, _, _, _ *string) (*retail.Product, error) {
	return s.product(ctx)
}

func (s *stub) StockCheck(ctx context.Context, skus []string, _ []string, _ *retail.GeoPoint, _ *float64, _, _ *int) (*stock.Check, error) {
	return s.stockCheck(ctx, skus)
}

var testNow = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

// oneCheck answers with one availability per SKU.
func oneCheck(_ context.Context, skus []string) (*stock.Check, error) {
	check := &stock.Check{Freshness: retail.FreshnessAt(testNow, testNow, retail.SourceERP, retail.BasisProjected)}
	for _, sku := range skus {
		check.Items = append(check.Items, stock.Availability{
			Location: testLocation, SKU: sku, Level: stock.InStock,
			Freshness: check.Freshness, Breakdown: &stock.Breakdown{OnHand: 7},
		})
	}
	check.Locations = []*retail.Location{testLocation}
	return check, nil
}

var testLocation = &retail.Location{Code: "S-0101", Zone: time.UTC, Kind: retail.Store}

func newStub() *stub {
	return &stub{
		node:       func(context.Context, string) (model.Node, error) { return nil, nil },
		product:    func(context.Context) (*retail.Product, error) { return nil, nil },
		stockCheck: oneCheck,
	}
}

func mustHandler(t testing.TB, s *stub, change ...func(*graph.HandlerOptions)) *graph.Handler {
	t.Helper()
	o := graph.HandlerOptions{Introspection: graph.IntrospectionAll, Now: func() time.Time { return testNow }}
	for _, f := range change {
		f(&o)
	}
	schema := generated.NewExecutableSchema(generated.Config{
		Resolvers: root{queries: s}, Directives: generated.DirectiveRoot{HasScope: auth.HasScope[graphql.Resolver], HasRole: auth.HasRole[graphql.Resolver]},
	})
	h, err := graph.NewHandler(schema, slog.New(slog.NewTextHandler(testLog(t), nil)), prometheus.NewRegistry(), o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func testLog(t testing.TB) io.Writer { return t.Output() }

// post sends a JSON body and returns the recorded response.
func post(h http.Handler, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/graphql-response+json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// query makes the body of a request.
func query(text string, variables ...any) string {
	body := map[string]any{"query": text}
	if len(variables) > 0 {
		body["variables"] = variables[0]
	}
	b, _ := json.Marshal(body)
	return string(b)
}

// reply is a decoded response.
type reply struct {
	Data   map[string]any
	Errors []struct {
		Message    string
		Path       []any
		Extensions map[string]any
	}
	Extensions map[string]any
}

func decode(t testing.TB, w *httptest.ResponseRecorder) (r reply) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatalf("the response is no JSON: %v\n%s", err, w.Body)
	}
	return r
}

// code returns the code of the first error.
func (r reply) code() string {
	if len(r.Errors) == 0 {
		return ""
	}
	s, _ := r.Errors[0].Extensions["code"].(string)
	return s
}
