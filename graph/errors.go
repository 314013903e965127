package graph

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/portico-retail/portico/retail"
)

// exchange is what the error presenter knows of one response.
type exchange struct {
	presented atomic.Int32
	logged    atomic.Int32
	fields    *counted // may be nil
}

// cutShort reports whether fields were not resolved because the response had reached its limits.
func (x *exchange) cutShort() bool {
	return x.fields != nil && (x.fields.exceeded() || x.fields.bytes.Exceeded())
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return new(exchange)
}

// errPanicked marks a failure whose panic is logged already.
var errPanicked = errors.New("panicked")

// presenter is the one place where an error of execution gets its public form: the code, a text that is safe to show,
// and one line in the log when somebody has to look.
type presenter struct {
	log  *slog.Logger
	most int // errors of one response
}

// present is gqlgen's error presenter. It drops errors beyond the limit; a response with fifty says enough.
func (p presenter) present(ctx context.Context, err error) *gqlerror.Error {
	x := exchangeOf(ctx)
	if x.presented.Add(1) > int32(p.most) {
		return nil
	}
	if again := (*replayed)(nil); errors.As(err, &again) {
		return again.public
	}
	known := p.classify(ctx, err)
	p.report(ctx, x, known)
	out := newError(known.Code, known.Message)
	if known.Source != "" {
		out.Extensions["source"] = string(known.Source)
	}
	if known.Retryable {
		out.Extensions["retryable"] = true
	}
	if at := (*gqlerror.Error)(nil); errors.As(err, &at) {
		out.Path, out.Locations = at.Path, at.Locations
	} else {
		out.Path = graphql.GetPath(ctx)
	}
	return out
}

// classify finds the kind of an error.
func (p presenter) classify(ctx context.Context, err error) *retail.Error {
	var known *retail.Error
	refusals, refused := retail.RefusalsOf(err)
	switch {
	case errors.As(err, &known):
		return known
	case refused: // a question that cannot be answered; mutations give refusals in their payload
		return &retail.Error{Code: retail.CodeBadInput, Message: refusals[0].Message, Err: err}
	case retail.CodeOf(err) == retail.CodeTimeout, ctx.Err() != nil:
		return &retail.Error{Code: retail.CodeTimeout, Message: "the request's time is used up", Retryable: true, Err: err}
	case isArgument(ctx, err):
		return &retail.Error{Code: retail.CodeBadInput, Message: "this argument cannot be read", Err: err}
	}
	return &retail.Error{Code: retail.CodeInternal, Message: "internal error", Err: err}
}

// isArgument reports whether err comes from reading an argument: its path then goes on below the field.
func isArgument(ctx context.Context, err error) bool {
	var at *gqlerror.Error
	field := graphql.GetFieldContext(ctx)
	return errors.As(err, &at) && at.Err != nil && field != nil && len(at.Path) > len(field.Path())
}

// report logs what an operator has to see: defects as errors, the first unreachable backend as a warning.
func (p presenter) report(ctx context.Context, x *exchange, e *retail.Error) {
	const most = 3 // lines per response; the others have the same reason as a rule
	if errors.Is(e, errPanicked) || x.logged.Load() >= most {
		return
	}
	level := slog.LevelError
	switch e.Code {
	case retail.CodeInternal:
	case retail.CodeUpstreamUnavailable, retail.CodeBadUpstream:
		level = slog.LevelWarn
	default:
		return
	}
	x.logged.Add(1)
	p.log.LogAttrs(ctx, level, "graphql error", slog.String("request", RequestID(ctx)), slog.Any("error", e))
}

// recovered is gqlgen's recover function: the panic is logged here, once, with its stack, and read by the client as an
// internal error.
func (p presenter) recovered(ctx context.Context, v any) error {
	p.log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("request", RequestID(ctx)),
		slog.String("panic", retail.PanicText(v)), slog.String("stack", string(debug.Stack())))
	return &retail.Error{Code: retail.CodeInternal, Message: "internal error", Err: errPanicked}
}
