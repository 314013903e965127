// Package graph serves the schema over HTTP: one strict transport, limits that are checked before anything is
// validated or executed, one decision about access per operation, one place that gives errors their public form, and
// the server around it. What fields mean is decided in the resolvers and the services behind them.
package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// HandlerOptions configures a Handler.
type HandlerOptions struct {
	Limits Limits // of everybody without Policies; zero means DefaultLimits
	// Policies are what each class of callers may ask; with them every response says what it cost. Nil gives everybody Limits.
	Policies      Policies
	Limiter       Limiter       // counts the rates of Policies for all gateways; nil counts in this one
	Introspection Introspection // who may read the schema
	// View serves a part of the schema, to show everybody what they may use; nil shows the whole to whoever Introspection allows.
	View       func(*ast.Schema) graphql.ExecutableSchema
	CacheBytes uint64 // compiled documents kept, estimated; zero means 16 MiB
	Documents  DocumentOptions
	// MaxInFlight bounds the requests that are worked on at once; twice as many may wait for 100 ms, the rest is shed,
	// strangers first, who never have more than half.
	// More than the processors can carry only makes everybody wait. Zero means 16 for each processor.
	MaxInFlight int

	// Attach returns ctx with whatever lives as long as one response, such as loaders; may be nil.
	Attach func(context.Context) context.Context
	// Answers makes mutations idempotent by their key; nil executes every one.
	Answers Answers
	// Personal says who reads personal data, and where that is recorded; nil masks it for everybody.
	Personal *Personal
	// Fields sees every resolved field and may replace its result; nil leaves them alone.
	Fields graphql.FieldInterceptor
	Now    func() time.Time // nil means time.Now
}

// Handler answers GraphQL requests. It implements http.Handler.
type Handler struct {
	schema    graphql.ExecutableSchema
	limits    Limits // the widest of any class
	classes   *classes
	meter     *meter
	views     *views
	documents *documents
	errors    presenter
	metrics   *metrics
	admission *admission
	reading   *reading
	attach    func(context.Context) context.Context
	answers   Answers
	personal  *Personal
	fields    graphql.FieldMiddleware
	now       func() time.Time
}

// NewHandler returns a handler of schema. It registers its metrics with reg.
func NewHandler(schema graphql.ExecutableSchema, log *slog.Logger, reg prometheus.Registerer, o HandlerOptions) (*Handler, error) {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	reports := o.Policies != nil
	if !reports {
		o.Policies = same(Policy{Limits: o.Limits})
	}
	if err := o.Policies.Validate(); err != nil {
		return nil, err
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 16 << 20
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = DefaultMaxInFlight(runtime.GOMAXPROCS(0))
	}
	if o.MaxInFlight < 0 {
		return nil, fmt.Errorf("graph: MaxInFlight is %d, not above 0", o.MaxInFlight)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := o.Introspection.Validate(); err != nil {
		return nil, err
	}
	if p := o.Personal; p != nil && (p.Audit == nil || p.Rules.Self == nil || p.Rules.Consented == nil) {
		return nil, errors.New("graph: Personal is not complete")
	}
	fields := func(ctx context.Context, next graphql.Resolver) (any, error) { return next(ctx) }
	if o.Fields != nil {
		fields = o.Fields.InterceptField
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, err
	}
	classes := newClasses(o.Policies, reports)
	charged, err := newMeter(o.Limiter, o.Now)
	if err != nil {
		return nil, err
	}
	h := &Handler{
		schema: schema, limits: classes.widest, classes: classes, meter: charged, metrics: m,
		attach: o.Attach, fields: fields, now: o.Now,
		answers:   o.Answers,
		personal:  o.Personal,
		reading:   &reading{clients: map[string]int{}},
		admission: newAdmission(o.MaxInFlight), errors: presenter{log: log, most: classes.widest.ResponseErrors},
	}
	free, err := newFreeTexts(log, reg, o.Now)
	if err != nil {
		return nil, err
	}
	c, err := newCompiler(schema.Schema(), &h.limits, o.Introspection)
	if err != nil {
		return nil, err
	}
	if h.documents, err = newDocuments(c, o.CacheBytes, o.Documents, free, o.Now); err != nil {
		return nil, err
	}
	h.documents.within = classes.limits
	h.views = &views{mode: o.Introspection, schema: c.schema, serve: o.View}
	return h, nil
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := h.now()
	h.metrics.inFlight.Inc()
	out := outcomeRefused
	defer func() {
		h.metrics.inFlight.Dec()
		h.metrics.observe(out, h.now().Sub(started))
	}()
	media, acceptable := negotiate(r.Header)
	var res *result
	var no *refusal
	if acceptable {
		res, no = h.answer(w, r)
	} else {
		media, no = mediaJSON, badRequest(http.StatusNotAcceptable, "responses are "+mediaGraphQL+" or "+mediaJSON)
	}
	if no != nil {
		h.metrics.refuse(no)
		noteErrors(r.Context(), no.errs)
		writeRefusal(w, media, no)
		return
	}
	noteErrors(r.Context(), res.errs)
	out = outcomeOf(r.Context(), res)
	if writeResult(w, media, res, h.now()) != nil {
		out = outcomeCancelled
	}
}

// answer takes a request through every check and executes it.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request) (res *result, no *refusal) {
	defer func() {
		if v := recover(); v != nil { // execution has its own; this is for the checks before it
			e := h.errors.present(r.Context(), h.errors.recovered(r.Context(), v))
			res, no = nil, refuse(http.StatusInternalServerError, e)
		}
	}()
	c := call{header: r.Header, safe: r.Method == http.MethodGet}
	return h.take(r.Context(), c, func() (*request, int, *refusal) { return h.readRequest(w, r) })
}

// take reads a request and runs it, unless whoever asks is refused unread. What is refused for what it is costs the client a
// little: to read and compile it was work.
func (h *Handler) take(ctx context.Context, c call, read func() (req *request, bytes int, no *refusal)) (res *result, no *refusal) {
	if no := h.shed(ctx); no != nil {
		return nil, no
	}
	req, bytes, no := read()
	if no == nil {
		res, no = h.run(ctx, req, c)
	}
	if no != nil {
		h.fine(ctx, no, bytes)
	}
	return res, no
}

// call is how an operation came, whichever transport took it.
type call struct {
	header  http.Header // of the request or, on a socket, of its upgrade
	safe    bool        // it may only query: the request is a GET
	streams bool        // it may subscribe: the transport can carry more than one result
}

// run takes a request that was read through every check and executes it. It is the same path for every transport.
func (h *Handler) run(ctx context.Context, req *request, c call) (*result, *refusal) {
	asked, no := h.documents.lookup(ctx, req)
	if no != nil {
		return nil, no
	}
	turn, no := h.begin(ctx)
	if no != nil {
		return nil, no
	}
	defer turn.end()
	// A slot is taken only now, so that clients that send slowly hold none; and now only for a document that has to be
	// compiled, because what it is for decides who goes first.
	if asked.doc == nil {
		if no := turn.take(ctx, priorityUnread(auth.PrincipalOf(ctx))); no != nil {
			return nil, no
		}
	}
	doc, cached, no := h.documents.load(ctx, asked)
	h.metrics.document(cached)
	if no != nil {
		h.noteExcess(ctx, no)
		return nil, no
	}
	op, no := doc.pick(req.operation)
	if no != nil {
		return nil, no
	}
	noteDocument(ctx, asked.id)
	if asked.free {
		h.documents.free.notice(ctx, asked.text, op.def.Name)
	}
	switch {
	case isSubscription(op.def) && !c.streams:
		return nil, badRequest(http.StatusBadRequest, "subscriptions are told over a WebSocket")
	case op.def.Operation != ast.Query && c.safe:
		no := badRequest(http.StatusMethodNotAllowed, "a GET may only query")
		no.allow = "POST"
		return nil, no
	}
	if no := h.checkShape(ctx, doc); no != nil {
		return nil, no
	}
	doc, op, no = h.seen(ctx, asked.text, doc, op)
	if no != nil {
		return nil, no
	}
	return h.perform(ctx, doc, op, req, c, turn)
}

// perform executes one operation of a sound document.
func (h *Handler) perform(
	ctx context.Context, doc *document, op *operation, req *request, c call, turn *turn,
) (*result, *refusal) {
	variables, no := coerceVariables(h.documents.schema, op.def, req.variables)
	if no != nil {
		return nil, no
	}
	ctx = withSpoken(ctx, h.documents.schema, doc.ast, op.def, variables)
	shopping, no := shoppingContext(ctx, op.def, variables, c.header)
	if no != nil {
		return nil, no
	}
	hidden, no := op.authorize(auth.PrincipalOf(ctx), variables)
	if no != nil {
		return nil, no
	}
	noteOperation(ctx, op.def)
	spent, no := h.spend(ctx, op, variables)
	if no != nil {
		return nil, no
	}
	if no := turn.take(ctx, turn.priority(ctx, op.def)); no != nil {
		return nil, no
	}
	ctx = h.classes.withHousehold(withSlot(retail.WithContext(ctx, shopping), turn.slot))
	if isSubscription(op.def) {
		return h.subscribe(ctx, doc, op, variables, hidden)
	}
	res := h.execute(ctx, doc, op, variables)
	res.errs, res.spent = h.withHidden(hidden, res.errs), spent
	return &res, nil
}

// withHidden puts the errors of fields that the caller may not read before those of execution.
func (h *Handler) withHidden(hidden, errs gqlerror.List) gqlerror.List {
	errs = append(slices.Clip(hidden), errs...)
	return errs[:min(len(errs), h.limits.ResponseErrors)]
}

// RefuseToken answers a request whose token was not accepted; err says why, to the log.
func RefuseToken(w http.ResponseWriter, r *http.Request, err error) {
	media, _ := negotiate(r.Header)
	if media == "" {
		media = mediaJSON
	}
	noteToken(r.Context(), err)
	no := &refusal{status: http.StatusUnauthorized, errs: gqlerror.List{newError(retail.CodeUnauthenticated, "the token is not accepted")}}
	if retail.CodeOf(err) == retail.CodeUnauthenticated {
		for _, challenge := range auth.Challenges(err) {
			w.Header().Add("WWW-Authenticate", challenge)
		}
	} else {
		no = unverified()
	}
	noteErrors(r.Context(), no.errs)
	writeRefusal(w, media, no)
}
