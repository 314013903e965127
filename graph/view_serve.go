package graph

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/maypok86/otter/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"

	"github.com/portico-retail/portico/auth"
)

// maxViews bounds the views that are kept, one for each combination of a role and scopes; then the one that was not used for longest
// goes. Partners have four: what their reach bounds is data and not schema.
const maxViews = 64

// views are the parts of the schema that callers with different rights may use. They are made when first asked for.
type views struct {
	mode   Introspection
	schema *ast.Schema // without what is not served
	serve  func(*ast.Schema) graphql.ExecutableSchema

	mu   sync.Mutex
	kept []*view // the one that was used last at the end
}

// view is the schema as some callers see it.
type view struct {
	rights string
	schema *ast.Schema
	exec   graphql.ExecutableSchema
}

// of returns the view of a caller.
func (v *views) of(p auth.Principal) *view {
	rights := rightsOf(p)
	v.mu.Lock()
	defer v.mu.Unlock()
	var used *view
	if i := slices.IndexFunc(v.kept, func(known *view) bool { return known.rights == rights }); i >= 0 {
		used = v.kept[i]
		v.kept = slices.Delete(v.kept, i, i+1)
	} else {
		part := ViewOf(v.schema, p)
		used = &view{rights: rights, schema: part, exec: v.serve(part)}
		v.kept = slices.Delete(v.kept, 0, max(0, len(v.kept)-maxViews+1))
	}
	v.kept = append(v.kept, used)
	return used
}

// rightsOf names all that access depends on: the role and the scopes there are.
func rightsOf(p auth.Principal) string {
	name := string(p.Class())
	for _, s := range auth.Scopes() {
		if p.Has(s) {
			name += " " + string(s)
		}
	}
	return name
}

// seen returns an operation that reads the schema as its caller sees it: validated against the caller's view and executed with it.
// What it costs and who may read its fields stays as it is in the whole schema.
func (h *Handler) seen(ctx context.Context, text string, doc *document, op *operation) (*document, *operation, *refusal) {
	if !op.introspects {
		return doc, op, nil
	}
	p := auth.PrincipalOf(ctx)
	if !h.views.mode.allows(p) {
		return nil, nil, noIntrospection()
	}
	if h.views.serve == nil {
		return doc, op, nil
	}
	v := h.views.of(p)
	read, no := h.documents.read(ctx, text, v)
	if no != nil {
		return nil, nil, no
	}
	i := slices.Index(doc.operations, op)
	shown := *op
	shown.def = read.ast.Operations[i]
	return &document{ast: read.ast, shape: doc.shape, exec: v.exec}, &shown, nil
}

func noIntrospection() *refusal {
	return refuse(statusInvalid, newError(CodeValidationFailed, "introspection is off"))
}

// read parses a document that is sound in the whole schema and validates it against a view. It keeps what is sound beside the other
// documents, under a name that no document has.
func (d *documents) read(ctx context.Context, text string, v *view) (doc *document, no *refusal) {
	parse := func() (*document, *refusal) {
		parsed, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, d.limits.Tokens)
		if err != nil {
			return nil, d.parseRefusal(err, d.limits)
		}
		if errs := validator.ValidateWithRules(v.schema, parsed, d.rules); len(errs) > 0 {
			return nil, d.invalid(errs, text)
		}
		return &document{ast: parsed}, nil
	}
	if len(text) > d.largest {
		return parse()
	}
	doc, err := d.cache.Get(context.WithoutCancel(ctx), strings.Join([]string{"", v.rights, text}, "\x00"),
		otter.LoaderFunc[string, *document](func(context.Context, string) (*document, error) {
			doc, no := parse()
			if no != nil {
				return nil, no
			}
			return doc, nil
		}))
	if err != nil && !errors.As(err, &no) {
		no = d.parseRefusal(err, d.limits)
	}
	return doc, no
}
