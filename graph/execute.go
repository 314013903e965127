package graph

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/render"
	"github.com/portico-retail/portico/retail"
)

// result is the outcome of an executed operation.
type result struct {
	data    []byte // JSON, nil for null
	errs    gqlerror.List
	sources []retail.SourceReport
	spent   *spending // nil when it is not told
	// events gives, for a subscription, the result of the next event as soon as there is one; nil when there will be none.
	events func() *result
	// refused is why there will be no more events, in the place of an answer; nil in every other result.
	refused *refusal
}

var (
	errNoResponse = errors.New("the executor gave no response")
	errTooLarge   = retail.Errorf(retail.CodeLimitExceeded, "the response is too large")
)

// execute runs an operation with everything that belongs to one response: its deadline, its loaders, its source log.
func (h *Handler) execute(ctx context.Context, doc *document, op *operation, variables map[string]any) (res result) {
	ctx, cancel := context.WithTimeout(ctx, h.classes.limits(ctx).Timeout)
	defer cancel()
	x := h.newResponse(ctx)
	ctx = x.attach(ctx, h.attach)
	defer func() {
		if v := recover(); v != nil {
			res = result{errs: gqlerror.List{h.errors.present(ctx, h.errors.recovered(ctx, v))}}
		}
		res.sources = x.log.Reports()
	}()
	ctx = graphql.WithOperationContext(ctx, h.operationContext(doc, op, variables, x.fields.resolve))
	ctx = graphql.WithResponseContext(ctx, h.errors.present, h.errors.recovered)
	schema := h.schema
	if doc.exec != nil {
		schema = doc.exec
	}
	resp := schema.Exec(ctx)(ctx)
	if resp == nil {
		graphql.AddError(ctx, errors.Join(errNoResponse, ctx.Err()))
		resp = &graphql.Response{}
	}
	return h.finish(ctx, x, resp)
}

func (h *Handler) operationContext(
	doc *document, op *operation, variables map[string]any, fields graphql.FieldMiddleware,
) *graphql.OperationContext {
	return &graphql.OperationContext{
		Doc: doc.ast, Operation: op.def, OperationName: op.def.Name, Variables: variables,
		DisableIntrospection: !op.introspects, RecoverFunc: h.errors.recovered,
		ResolverMiddleware:     fields,
		RootResolverMiddleware: h.once,
	}
}

// response is what belongs to one response and nothing else: its source log, its budgets, its errors.
type response struct {
	log     *retail.SourceLog
	fields  *counted
	reading *auth.Reading // of personal data; nil masks it
	most    int           // bytes
}

func (h *Handler) newResponse(ctx context.Context) *response {
	limits := h.classes.limits(ctx)
	return &response{
		log: &retail.SourceLog{}, reading: h.personal.reading(), most: limits.ResponseBytes,
		fields: &counted{next: h.fields, most: int64(limits.ResponseFields)},
	}
}

// attach returns ctx with the response's belongings; loaders adds those of other packages and may be nil.
func (x *response) attach(ctx context.Context, loaders func(context.Context) context.Context) context.Context {
	ctx, x.fields.bytes = render.WithBudget(retail.WithSourceLog(ctx, x.log), x.most)
	ctx = context.WithValue(ctx, exchangeKey{}, &exchange{fields: x.fields})
	if x.reading != nil {
		ctx = auth.WithReading(ctx, x.reading)
	}
	if loaders != nil {
		ctx = loaders(ctx)
	}
	return ctx
}

// finish turns what the executor gave into a result within the limits.
func (h *Handler) finish(ctx context.Context, x *response, resp *graphql.Response) (res result) {
	res.data, res.errs = resp.Data, resp.Errors
	res.errs = append(res.errs, graphql.GetErrors(ctx)...)
	bytes := x.fields.bytes
	switch {
	case bytes.Exceeded() || len(res.data) > x.most:
		res.data, res.errs = nil, gqlerror.List{limitError("responseBytes", x.most)}
	case ctx.Err() != nil && len(res.errs) > 0:
		res.data = nil // the executor leaves lists empty whose rows it did not get to
	case x.fields.exceeded():
		res.data, res.errs = nil, gqlerror.List{limitError("responseFields", int(x.fields.most))}
	}
	h.disclose(ctx, x.reading, &res)
	return res
}

// counted resolves fields up to a number: lists within lists multiply what a short document asks for. When the response
// cannot be given any more, for its size or the time, the rest is not resolved.
type counted struct {
	next  graphql.FieldMiddleware
	most  int64
	count atomic.Int64
	bytes *render.Budget
}

func (c *counted) exceeded() bool { return c.count.Load() > c.most }

func (c *counted) resolve(ctx context.Context, next graphql.Resolver) (any, error) {
	switch {
	case c.count.Add(1) > c.most, c.bytes.Exceeded():
		return nil, errTooLarge
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return c.next(ctx, next)
}
