package graph

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/maypok86/otter/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

const statusInvalid = http.StatusBadRequest

// document is a parsed, bounded and validated document. It is immutable and shared by requests.
type document struct {
	ast        *ast.QueryDocument
	shape      *shape
	exec       graphql.ExecutableSchema // of a view; nil for the whole schema
	operations []*operation
}

// operation is one operation of a document and what is known about it before any request.
type operation struct {
	def         *ast.OperationDefinition
	guards      []guard
	cost        *costPlan
	introspects bool
}

// pick returns the operation to execute: the named one, or the only one.
func (d *document) pick(name string) (*operation, *refusal) {
	if name == "" && len(d.operations) == 1 {
		return d.operations[0], nil
	}
	for _, op := range d.operations {
		if name != "" && op.def.Name == name {
			return op, nil
		}
	}
	message := "the document has no operation of this name"
	if name == "" {
		message = "the document has several operations: say which one with operationName"
	}
	return nil, refuse(statusInvalid, newError(CodeValidationFailed, message))
}

// compiler turns query texts into documents.
type compiler struct {
	schema        *ast.Schema
	limits        *Limits // the widest that anybody has
	costs         *costModel
	rules         *rules.Rules
	introspection Introspection
}

func newCompiler(schema *ast.Schema, limits *Limits, introspection Introspection) (*compiler, error) {
	served := WithoutDefer(schema)
	costs, err := newCostModel(served)
	return &compiler{schema: served, limits: limits, costs: costs, introspection: introspection, rules: quietRules()}, err
}

// WithoutDefer returns the schema without the @defer directive, which the parser's prelude declares and this transport,
// one response per request, does not serve. Everything else is shared with schema.
func WithoutDefer(schema *ast.Schema) *ast.Schema {
	served := *schema
	served.Directives = maps.Clone(schema.Directives)
	delete(served.Directives, "defer")
	return &served
}

// quietRules are the validation rules without suggestions, which would tell strangers the schema, and with the range of
// Int, which the specification limits to 32 bits.
func quietRules() *rules.Rules {
	all := rules.NewDefaultRules()
	for name, quiet := range map[string]core.Rule{
		rules.FieldsOnCorrectTypeRule.Name: rules.FieldsOnCorrectTypeRuleWithoutSuggestions,
		rules.KnownArgumentNamesRule.Name:  rules.KnownArgumentNamesRuleWithoutSuggestions,
		rules.KnownTypeNamesRule.Name:      rules.KnownTypeNamesRuleWithoutSuggestions,
		rules.ScalarLeafsRule.Name:         rules.ScalarLeafsRuleWithoutSuggestions,
		rules.ValuesOfCorrectTypeRule.Name: rules.ValuesOfCorrectTypeRuleWithoutSuggestions,
	} {
		all.ReplaceRule(name, quiet.RuleFunc)
	}
	all.AddRule("IntRange", func(on *core.Events, addError core.AddErrFunc) {
		on.OnValue(func(_ *core.Walker, v *ast.Value) {
			if v.Kind != ast.IntValue || v.Definition == nil || v.Definition.Name != "Int" {
				return
			}
			if _, err := strconv.ParseInt(v.Raw, 10, 32); err != nil {
				addError(core.Message("Int must have 32 bits."), core.At(v.Position))
			}
		})
	})
	return all
}

// compile parses, bounds, validates and plans a document for those who may ask most.
func (c *compiler) compile(query string) (*document, *refusal) {
	return c.compileWithin(query, c.limits)
}

// compileWithin is compile for somebody with narrower limits, who is refused before the expensive part.
func (c *compiler) compileWithin(query string, limits *Limits) (*document, *refusal) {
	parsed, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, limits.Tokens)
	if err != nil {
		return nil, c.parseRefusal(err, limits)
	}
	if len(parsed.Operations) == 0 {
		return nil, refuse(statusInvalid, newError(CodeParseFailed, "the document has no operation"))
	}
	shape, no := shapeOf(parsed)
	if no == nil {
		shape.tokens = countTokens(query)
		no = shape.check(limits)
	}
	if no != nil {
		return nil, no
	}
	if errs := validator.ValidateWithRules(c.schema, parsed, c.rules); len(errs) > 0 {
		return nil, c.invalid(errs, query)
	}
	doc, costs := &document{ast: parsed, shape: shape}, c.costs.compile(parsed)
	for _, def := range parsed.Operations {
		plan, no := c.plan(parsed, def)
		if no != nil {
			return nil, no
		}
		doc.operations = append(doc.operations, &operation{def: def, guards: plan.guards, cost: costs.of(def), introspects: plan.introspects})
	}
	return doc, nil
}

// parseRefusal tells where the document ends to be GraphQL, without repeating it.
func (c *compiler) parseRefusal(err error, limits *Limits) *refusal {
	var parse *gqlerror.Error
	if !errors.As(err, &parse) {
		return refuse(statusInvalid, newError(CodeParseFailed, "the document is no GraphQL"))
	}
	switch {
	case strings.HasPrefix(parse.Message, "exceeded token limit"):
		return overLimit("tokens", limits.Tokens)
	case strings.HasPrefix(parse.Message, "exceeded maximum nesting depth"):
		return overLimit("depth", limits.Depth)
	}
	message := parse.Message
	for _, before := range [...]string{"found ", "Unexpected "} {
		if i := strings.Index(message, before); i >= 0 {
			token, _, _ := strings.Cut(message[i:], ` "`)
			message = message[:i] + token
			break
		}
	}
	out := newError(CodeParseFailed, clip(message))
	out.Locations = parse.Locations
	return refuse(statusInvalid, out)
}

// invalid reports the first few validation errors. Literal values are cut off, they may be personal; so are, when the
// schema is not public, names that the client did not write.
func (c *compiler) invalid(errs gqlerror.List, query string) *refusal {
	no := refuse(statusInvalid)
	var written map[string]bool
	if c.introspection != IntrospectionAll {
		written = namesIn(query)
	}
	for _, e := range errs[:min(len(errs), c.limits.RequestErrors)] {
		message := e.Message
		if i := strings.Index(message, " Did you mean"); i >= 0 {
			message = message[:i]
		}
		switch {
		case strings.HasPrefix(message, `Value "`):
			message = "Value" + message[max(strings.LastIndex(message, `" does not exist in`)+1, len("Value")):]
		case strings.HasPrefix(e.Rule, "ValuesOfCorrectType"):
			message, _, _ = strings.Cut(message, " value: ")
			message, _, _ = strings.Cut(message, ", found ")
		}
		if written != nil && (e.Rule == rules.ProvidedRequiredArgumentsRule.Name || strings.Contains(message, "of required type")) {
			message = "Something required is missing here."
		}
		if written != nil {
			message = c.withoutNames(message, written)
		}
		out := newError(CodeValidationFailed, clip(message))
		out.Locations = e.Locations
		no.errs = append(no.errs, out)
	}
	return no
}

var nameForm = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// namesIn is every name of a document, and what looks like one.
func namesIn(query string) map[string]bool {
	names := map[string]bool{}
	for _, name := range nameForm.FindAllString(query, -1) {
		names[name] = true
	}
	return names
}

// withoutNames leaves out of a message the types that the client did not write, so that what is hidden reads like what is unknown.
func (c *compiler) withoutNames(message string, written map[string]bool) string {
	return nameForm.ReplaceAllStringFunc(message, func(name string) string {
		if def := c.schema.Types[name]; def == nil || def.BuiltIn || written[name] {
			return name
		}
		return "…"
	})
}

// clip bounds a message that repeats names of the document.
func clip(message string) string {
	const most = 240
	if len(message) <= most {
		return message
	}
	return strings.ToValidUTF8(message[:most], "") + "…"
}

// countTokens counts the lexical tokens of a sound document.
func countTokens(query string) int {
	lex := lexer.New(&ast.Source{Input: query})
	for n := 0; ; n++ {
		if token, err := lex.ReadToken(); err != nil || token.Kind == lexer.EOF {
			return n
		}
	}
}

// Error lets the cache carry a refusal.
func (r *refusal) Error() string {
	if len(r.errs) == 0 {
		return http.StatusText(r.status)
	}
	return r.errs[0].Message
}

// documents finds and compiles the documents that are asked: those of the manifests, which are always there, and a cache of
// all others, bounded by bytes. Refused documents are not kept: a stranger must not be able to push out those of real
// clients.
type documents struct {
	*compiler
	cache   *otter.Cache[string, *document]
	largest int // bytes of the largest query text that is kept
	// within returns the limits within which documents are compiled for the caller of a context.
	within func(context.Context) *Limits

	library    library
	trust      map[auth.Class]Trust
	register   Registration
	registered *registered
	free       *freeTexts
	now        func() time.Time
}

// documentWeight estimates the bytes that a cached document holds: measured, the parsed tree takes 24 to 43 times the
// bytes of its text, the more the denser it is written.
const documentWeight = 44

// largestKept is the bytes of the largest text that is kept; what honest clients ask is a tenth of it.
const largestKept = 32 << 10

func newDocuments(c *compiler, bytes uint64, o DocumentOptions, free *freeTexts, now func() time.Time) (*documents, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.RegisterBytes == 0 {
		o.RegisterBytes = defaultRegisterBytes
	}
	cache, err := otter.New(&otter.Options[string, *document]{
		MaximumWeight: bytes,
		Weigher:       func(query string, _ *document) uint32 { return uint32(documentWeight*len(query) + 1024) },
		Executor:      func(run func()) { run() },
		Logger:        &otter.NoopLogger{},
	})
	if err != nil {
		return nil, err
	}
	texts, err := newRegistered(o.RegisterBytes, largestKept)
	if err != nil {
		return nil, err
	}
	d := &documents{
		compiler: c, cache: cache, largest: largestKept, trust: o.Trust, register: o.Register, registered: texts, free: free, now: now,
		library: library{dir: o.Manifests},
	}
	_, err = d.readTrusted(context.Background())
	return d, err
}

// get returns the document of a query text and whether it was cached. Requests that ask for the same new document at
// once share one compilation. The limits of the caller of ctx bound what is compiled; whether they allow a document that
// was compiled for somebody else is seen from its shape.
func (d *documents) get(ctx context.Context, query string) (doc *document, cached bool, no *refusal) {
	if doc, ok := d.cache.GetIfPresent(query); ok {
		return doc, true, nil
	}
	limits := d.within(ctx)
	if len(query) > d.largest {
		doc, no = d.compileWithin(query, limits)
		return doc, false, no
	}
	// Compiling takes milliseconds: a client that gives up meanwhile is no reason to fail.
	doc, err := d.cache.Get(context.WithoutCancel(ctx), query, otter.LoaderFunc[string, *document](
		func(_ context.Context, query string) (*document, error) {
			doc, no := d.compileWithin(query, limits)
			if no != nil {
				no.limits = limits
				return nil, no
			}
			return doc, nil
		}))
	switch {
	case err == nil:
		return doc, false, nil
	case errors.As(err, &no) && no.limits != limits: // those of somebody else who asked first
		doc, no = d.compileWithin(query, limits)
		return doc, false, no
	case no != nil:
		return nil, false, no
	}
	return nil, false, refuse(http.StatusInternalServerError, newError(retail.CodeInternal, "the document could not be read"))
}
