// Package render writes plain Go values as the JSON of a GraphQL selection, in one pass and without a goroutine, closure
// or context per value. The generated executor stays the reference: whatever this package does not understand (fields
// with resolvers or arguments, abstract types, unknown directives, a null where the schema forbids one) it leaves to it,
// and a test demands equal bytes from both.
//
// Fields are bound as gqlgen binds them: a method or struct field of the same name, compared without case.
package render

import (
	"context"
	"reflect"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// Renderer renders the results of resolvers whose Go type is registered.
type Renderer struct {
	schema *ast.Schema
	types  map[reflect.Type]bool
	plans  *planCache
}

var _ graphql.FieldInterceptor = &Renderer{}

// New returns a renderer for results of the types of the given samples.
func New(schema *ast.Schema, samples ...any) *Renderer {
	r := &Renderer{schema: schema, types: map[reflect.Type]bool{}, plans: newPlanCache()}
	for _, s := range samples {
		r.types[reflect.TypeOf(s)] = true
	}
	return r
}

// InterceptField replaces a resolver's result by its finished JSON when it can.
func (r *Renderer) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	fc := graphql.GetFieldContext(ctx)
	if fc == nil || !fc.IsResolver {
		return next(ctx)
	}
	budget := budgetOf(ctx)
	if budget.remaining() < 0 {
		return nil, errTooLarge
	}
	res, err := next(ctx)
	if err != nil || res == nil || !r.types[reflect.TypeOf(res)] {
		return res, err
	}
	p := r.plan(graphql.GetOperationContext(ctx), fc.Field, reflect.TypeOf(res))
	if p == nil {
		return res, nil
	}
	out := newOutput(ctx, budget.remaining())
	complete := p.write(out, reflect.ValueOf(res))
	switch {
	case len(out.buf) > out.most:
		out.free()
		budget.exhaust()
		return nil, errTooLarge
	case !complete:
		out.free()
		return res, nil
	}
	budget.spend(len(out.buf))
	return out.finish(), nil
}
