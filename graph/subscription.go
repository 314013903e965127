package graph

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// subscription is an operation that is answered again and again: once per event of its only field. Each answer costs as much as
// the operation; that of the first event is paid with it.
type subscription struct {
	handler *Handler
	cost    spending
	paid    bool // for the next event
	exec    graphql.ResponseHandler
	field   graphql.CollectedField
	about   *auth.EventSubject
	hidden  gqlerror.List // fields that the caller may not read, told with every event
}

// subscribe opens the stream of events behind a subscription. Its result has no data, only the events.
func (h *Handler) subscribe(
	ctx context.Context, doc *document, op *operation, variables map[string]any, hidden gqlerror.List,
) (*result, *refusal) {
	for _, e := range hidden {
		if len(e.Path) == 1 {
			return nil, refuse(http.StatusForbidden, e) // nothing would be told
		}
	}
	s := &subscription{handler: h, hidden: hidden, paid: true, cost: spending{
		requested: op.cost.cost(variables).Points, maximum: int64(h.classes.of(auth.PrincipalOf(ctx)).Limits.Cost),
	}}
	x := h.newResponse(ctx)
	ctx, s.about = auth.WithEventSubject(ctx)
	ctx, cancel := context.WithCancel(x.attach(ctx, h.attach))
	ctx = graphql.WithOperationContext(ctx, h.operationContext(doc, op, variables, h.resolveOfEvent))
	ctx = graphql.WithResponseContext(ctx, h.errors.present, h.errors.recovered)
	late := time.AfterFunc(h.classes.limits(ctx).Timeout, cancel)
	s.open(ctx)
	if errs := graphql.GetErrors(ctx); !late.Stop() || len(errs) > 0 || s.exec == nil {
		if cancel(); len(errs) == 0 {
			errs = gqlerror.List{h.errors.present(ctx, context.DeadlineExceeded)}
		}
		return nil, refuse(http.StatusOK, errs...)
	}
	return &result{events: func() *result {
		res := s.next(ctx)
		if res == nil || res.refused != nil {
			cancel()
		}
		return res
	}}, nil
}

// open asks for the events; what goes wrong is in the response context.
func (s *subscription) open(ctx context.Context) {
	defer func() {
		if v := recover(); v != nil {
			graphql.AddError(ctx, s.handler.errors.recovered(ctx, v))
		}
	}()
	oc := graphql.GetOperationContext(ctx)
	fields := graphql.CollectFields(oc, oc.Operation.SelectionSet, []string{"Subscription"})
	if len(fields) != 1 || strings.HasPrefix(fields[0].Name, "__") {
		graphql.AddError(ctx, retail.BadInput("a subscription has one field"))
		return
	}
	s.field = fields[0]
	s.exec = s.handler.schema.Exec(ctx)
}

// next waits for an event and answers it with a deadline, loaders and limits of its own; nil when there will be no more. A client
// that cannot pay for an answer is told when to come back instead, and there will be no more either: its next subscription begins
// with what it missed.
func (s *subscription) next(ctx context.Context) (res *result) {
	h := s.handler
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	x, e := h.newResponse(ctx), &event{of: s, cancel: cancel}
	defer e.end()
	ctx = context.WithValue(x.attach(ctx, h.attach), eventKey{}, e)
	ctx = graphql.WithResponseContext(ctx, h.errors.present, h.errors.recovered)
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Subscription"})
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Subscription", Field: s.field, Result: s.about, IsResolver: true})
	defer func() {
		if v := recover(); v != nil {
			res = &result{errs: gqlerror.List{h.errors.present(ctx, h.errors.recovered(ctx, v))}}
		}
		if res != nil {
			res.sources = x.log.Reports()
		}
	}()
	resp := s.exec(ctx)
	if e.refused != nil {
		return &result{refused: e.refused}
	}
	if resp == nil {
		return nil
	}
	resp.Data = slices.Clone(resp.Data) // the executor writes the next event into the same bytes
	out := h.finish(ctx, x, resp)
	out.errs = h.withHidden(s.hidden, out.errs)
	return &out
}

// event is the answering of one event. It begins when the first field is resolved: until then there was nothing to do but to wait.
type event struct {
	of      *subscription
	cancel  context.CancelFunc
	once    sync.Once
	leave   func()   // gives back the slot; nil without one
	refused *refusal // the client cannot pay for it
	late    *time.Timer
}

type eventKey struct{}

// begin charges the client, takes a slot and starts the clock.
func (e *event) begin(ctx context.Context) {
	e.once.Do(func() {
		h, cost := e.of.handler, e.of.cost
		if !e.of.paid {
			if e.refused = h.charge(ctx, &cost); e.refused != nil {
				e.cancel()
				return
			}
		}
		e.of.paid = false
		e.late = time.AfterFunc(h.classes.limits(ctx).Timeout, e.cancel)
		if s := h.admission.enter(ctx, normal); s != nil {
			e.leave = s.leave
		} else {
			e.cancel() // the client reads that there was no time, and what it has is still true of its moment
		}
	})
}

func (e *event) end() {
	if e.late != nil {
		e.late.Stop()
	}
	if e.leave != nil {
		e.leave()
	}
}

// resolveOfEvent resolves a field within the limits of the event that it belongs to.
func (h *Handler) resolveOfEvent(ctx context.Context, next graphql.Resolver) (any, error) {
	if e, ok := ctx.Value(eventKey{}).(*event); ok {
		e.begin(ctx)
	}
	return exchangeOf(ctx).fields.resolve(ctx, next)
}

// isSubscription reports whether an operation is answered more than once.
func isSubscription(op *ast.OperationDefinition) bool { return op.Operation == ast.Subscription }
