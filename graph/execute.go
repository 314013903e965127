package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/portico-retail/portico/retail"
)

// result is the outcome of an executed operation.
type result struct {
	data    []byte // JSON, nil for null
	errs    gqlerror.List
	sources []retail.SourceReport
}

var errNoResponse = errors.New("the executor gave no response")

// execute runs an operation with everything that belongs to one response: its deadline, its loaders, its source log.
func (h *Handler) execute(ctx context.Context, doc *document, op *operation, variables map[string]any) (res result) {
	ctx, cancel := context.WithTimeout(ctx, h.limits.Timeout)
	defer cancel()
	log := &retail.SourceLog{}
	ctx = context.WithValue(retail.WithSourceLog(ctx, log), exchangeKey{}, new(exchange))
	if h.attach != nil {
		ctx = h.attach(ctx)
	}
	defer func() {
		if v := recover(); v != nil {
			res = result{errs: gqlerror.List{h.errors.present(ctx, h.errors.recovered(ctx, v))}}
		}
		res.sources = log.Reports()
	}()
	ctx = graphql.WithOperationContext(ctx, &graphql.OperationContext{
		Doc: doc.ast, Operation: op.def, OperationName: op.def.Name, Variables: variables,
		DisableIntrospection: !h.introspection, RecoverFunc: h.errors.recovered,
		ResolverMiddleware:     h.fields,
		RootResolverMiddleware: func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler { return next(ctx) },
	})
	ctx = graphql.WithResponseContext(ctx, h.errors.present, h.errors.recovered)
	resp := h.schema.Exec(ctx)(ctx)
	if resp == nil {
		graphql.AddError(ctx, errors.Join(errNoResponse, ctx.Err()))
		resp = &graphql.Response{}
	}
	res.data, res.errs = resp.Data, resp.Errors
	res.errs = append(res.errs, graphql.GetErrors(ctx)...)
	if len(res.data) > h.limits.ResponseBytes {
		res.data, res.errs = nil, gqlerror.List{limitError("responseBytes", h.limits.ResponseBytes)}
	}
	return res
}
