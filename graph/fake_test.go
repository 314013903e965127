package graph_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/graph/generated"
)

// fake executes nothing: it answers every operation with exec, for schemas that the product does not have.
type fake struct {
	schema *ast.Schema
	exec   func(ctx context.Context) *graphql.Response
}

func (f *fake) Schema() *ast.Schema { return f.schema }

func (f *fake) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

func (f *fake) Exec(context.Context) graphql.ResponseHandler {
	return func(ctx context.Context) *graphql.Response { return f.exec(ctx) }
}

const accessDirectives = `
	directive @public on FIELD_DEFINITION
	directive @hasScope(scope: Scope!) on FIELD_DEFINITION
	directive @hasRole(any: [Role!]!) on FIELD_DEFINITION
	enum Scope {STOCK_READ}
	enum Role {GUEST MEMBER ASSOCIATE}
`

func mustFakeHandler(t testing.TB, sdl string, change ...func(*fake, *graph.HandlerOptions)) *graph.Handler {
	t.Helper()
	f := &fake{
		schema: gqlparser.MustLoadSchema(&ast.Source{Input: accessDirectives + sdl}),
		exec:   func(context.Context) *graphql.Response { return &graphql.Response{Data: []byte("{}")} },
	}
	o := graph.HandlerOptions{Introspection: graph.IntrospectionAll, Now: func() time.Time { return testNow }}
	for _, c := range change {
		c(f, &o)
	}
	h, err := graph.NewHandler(f, slog.New(slog.NewTextHandler(testLog(t), nil)), prometheus.NewRegistry(), o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// mustSchema returns the product's schema.
func mustSchema(t testing.TB) *ast.Schema {
	t.Helper()
	return generated.NewExecutableSchema(generated.Config{}).Schema()
}
