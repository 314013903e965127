package graph

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/portico-retail/portico/auth"
)

// Caching says who may be given one answer.
type Caching string

// Cachings.
const (
	CachePublic  Caching = "PUBLIC"  // everybody who asks in the same context
	CachePrivate Caching = "PRIVATE" // the caller
	CacheNever   Caching = "NEVER"   // nobody
)

// OperationReport is what can be said about one operation of a trusted document before anybody asks it.
type OperationReport struct {
	App       string `json:"app"`
	ID        string `json:"id"`
	Operation string `json:"operation"` // name; empty when it has none
	Kind      string `json:"kind"`      // query, mutation or subscription
	Cost      int64  `json:"cost"`      // points, with the default of every variable
	// Calls is the most that each system of record is asked for one answer, as @asks says.
	Calls map[string]int `json:"calls"`
	// Scopes and Roles are what a caller needs to read everything: every scope, and one role of each group.
	Scopes   []auth.Scope  `json:"scopes"`
	Roles    [][]auth.Role `json:"roles"`
	Personal []string      `json:"personal"` // personal fields, as Type.field
	Caching  Caching       `json:"caching"`
	Why      string        `json:"why"` // of Caching, in a sentence
	// Breaks is why the document cannot be served, by this schema or by the one it is checked against.
	Breaks     []string `json:"breaks"`
	Deprecated []string `json:"deprecated"` // deprecated fields, arguments and enum values in use
}

// CheckDocuments reports on every operation of the manifests, in their order. A document that cannot be served has one report
// without an operation. Policies bound what may be served. Next is a schema to check against, whose deprecations are
// reported then; it may be nil.
func CheckDocuments(schema *ast.Schema, policies Policies, manifests []Manifest, next *ast.Schema) ([]OperationReport, error) {
	limits := policies.widest()
	c, err := newCompiler(schema, &limits, IntrospectionOff)
	if err != nil {
		return nil, err
	}
	if next != nil {
		next = WithoutDefer(next)
	}
	reports := []OperationReport{}
	for _, m := range manifests {
		for _, d := range m.Documents {
			for _, r := range c.report(d.Text, next) {
				r.App, r.ID = m.App, d.ID
				reports = append(reports, r)
			}
		}
	}
	return reports, nil
}

func (c *compiler) report(text string, next *ast.Schema) []OperationReport {
	doc, no := c.compile(text)
	if no != nil {
		breaks := c.brokenBy(text, c.schema)
		if len(breaks) == 0 {
			breaks = []string{no.detail()}
		}
		return []OperationReport{{Breaks: breaks, Calls: map[string]int{}}}
	}
	parsed, breaks := doc.ast, []string(nil)
	if next != nil {
		breaks = c.brokenBy(text, next)
		parsed, _ = parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, c.limits.Tokens) // it was parsed before
		_ = validator.ValidateWithRules(next, parsed, rules.NewDefaultRules())                 // to bind the fields
	}
	deprecated := deprecations(parsed)
	reports := make([]OperationReport, len(doc.operations))
	for i, op := range doc.operations {
		r := c.reportOn(doc, op)
		r.Breaks, r.Deprecated = breaks, deprecated
		reports[i] = r
	}
	return reports
}

// brokenBy is what a schema's validation says about a text, in full.
func (c *compiler) brokenBy(text string, schema *ast.Schema) (breaks []string) {
	parsed, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, c.limits.Tokens)
	if err != nil {
		return nil
	}
	for _, e := range validator.ValidateWithRules(schema, parsed, rules.NewDefaultRules()) {
		message := e.Message
		for _, at := range e.Locations {
			message += fmt.Sprintf(" (line %d, column %d)", at.Line, at.Column)
		}
		breaks = append(breaks, message)
	}
	return breaks
}

func (c *compiler) reportOn(doc *document, op *operation) OperationReport {
	r := OperationReport{
		Operation: op.def.Name, Kind: string(op.def.Operation), Cost: op.cost.cost(defaults(op.def)).Points, Calls: map[string]int{},
		Scopes: []auth.Scope{}, Roles: [][]auth.Role{},
	}
	for _, g := range op.guards {
		if g.need.scope != "" && !slices.Contains(r.Scopes, g.need.scope) {
			r.Scopes = append(r.Scopes, g.need.scope)
		}
		roles := slices.DeleteFunc(slices.Clone(g.need.roles), func(role auth.Role) bool { return !slices.Contains(auth.Roles(), role) })
		if g.need.roles != nil && !slices.ContainsFunc(r.Roles, func(have []auth.Role) bool { return slices.Equal(have, roles) }) {
			r.Roles = append(r.Roles, roles)
		}
	}
	slices.Sort(r.Scopes)
	s := surveyor{schema: c.schema, doc: doc.ast, fragments: map[string]*survey{}}
	found := s.set(op.def.SelectionSet)
	for system, n := range found.calls {
		r.Calls[system] = n
	}
	for name := range found.personal {
		r.Personal = append(r.Personal, name)
	}
	slices.Sort(r.Personal)
	r.Caching, r.Why = caching(op, found)
	return r
}

// defaults are the variables of a request that gives none.
func defaults(op *ast.OperationDefinition) map[string]any {
	values := map[string]any{}
	for _, v := range op.VariableDefinitions {
		if v.DefaultValue == nil {
			continue
		}
		if value, err := v.DefaultValue.Value(nil); err == nil {
			values[v.Variable] = value
		}
	}
	return values
}

// caching tells who may be given one answer, and why.
func caching(op *operation, found *survey) (Caching, string) {
	switch {
	case op.def.Operation != ast.Query:
		return CacheNever, "a " + string(op.def.Operation)
	case len(op.guards) > 0:
		return CachePrivate, "guarded: " + op.guards[0].path.String()
	case len(found.personal) > 0:
		return CachePrivate, "personal fields"
	case found.abstract != "":
		return CachePrivate, found.abstract + " may load what is the caller's own"
	}
	varies := []string{}
	d := op.def.Directives.ForName("inContext")
	for _, by := range [...]struct{ argument, header string }{
		{"locationId", headerLocation}, {"channel", headerChannel}, {"language", "Accept-Language"},
	} {
		if d == nil || d.Arguments.ForName(by.argument) == nil {
			varies = append(varies, by.header)
		}
	}
	why := "the same for all without scopes and reach"
	if len(varies) > 0 {
		why += "; varies by " + strings.Join(varies, ", ")
	}
	return CachePublic, why
}

// survey is what a selection set holds, with its fragments expanded.
type survey struct {
	calls    map[string]int // by system
	personal map[string]bool
	abstract string // a root field that may load objects of any kind
}

// add counts what o holds once more.
func (s *survey) add(o *survey) {
	for system, n := range o.calls {
		s.calls[system] = min(s.calls[system]+n, ceiling)
	}
	for name := range o.personal {
		s.personal[name] = true
	}
	s.abstract = cmp.Or(s.abstract, o.abstract)
}

// surveyor walks the selections of a document, each fragment once.
type surveyor struct {
	schema    *ast.Schema
	doc       *ast.QueryDocument
	fragments map[string]*survey
}

func (s *surveyor) set(set ast.SelectionSet) *survey {
	sum := &survey{calls: map[string]int{}, personal: map[string]bool{}}
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			s.field(selection, sum)
			sum.add(s.set(selection.SelectionSet))
		case *ast.InlineFragment:
			sum.add(s.set(selection.SelectionSet))
		case *ast.FragmentSpread:
			sum.add(s.fragment(selection.Name))
		}
	}
	return sum
}

func (s *surveyor) fragment(name string) *survey {
	if known := s.fragments[name]; known != nil {
		return known
	}
	found := s.set(s.doc.Fragments.ForName(name).SelectionSet)
	s.fragments[name] = found
	return found
}

func (s *surveyor) field(f *ast.Field, sum *survey) {
	p := planner{schema: s.schema}
	most := map[string]int{}
	for _, def := range p.definitions(f) {
		for system, n := range asksOf(def) {
			most[system] = max(most[system], n)
		}
		if def.Directives.ForName("personal") != nil {
			sum.personal[f.ObjectDefinition.Name+"."+f.Name] = true
		}
	}
	for system, n := range most {
		sum.calls[system] = min(sum.calls[system]+n, ceiling)
	}
	returned := s.schema.Types[f.Definition.Type.Name()]
	if f.ObjectDefinition == s.schema.Query && returned != nil && returned.IsAbstractType() {
		sum.abstract = cmp.Or(sum.abstract, f.Name)
	}
}

// asksOf is how often a field asks each system.
func asksOf(def *ast.FieldDefinition) map[string]int {
	d := def.Directives.ForName("asks")
	if d == nil {
		return nil
	}
	calls, times := map[string]int{}, 1
	if arg := d.Arguments.ForName("times"); arg != nil {
		if n, err := arg.Value.Value(nil); err == nil {
			if n, ok := n.(int64); ok {
				times = int(min(max(n, 0), ceiling))
			}
		}
	}
	if arg := d.Arguments.ForName("systems"); arg != nil {
		for _, child := range arg.Value.Children {
			calls[child.Value.Raw] = times
		}
	}
	return calls
}

// deprecations lists what a bound document uses that its schema deprecates.
func deprecations(doc *ast.QueryDocument) []string {
	found := map[string]bool{}
	note := func(name string, d *ast.Directive) {
		if d == nil {
			return
		}
		if reason := d.Arguments.ForName("reason"); reason != nil {
			name += ": " + reason.Value.Raw
		}
		found[name] = true
	}
	var values func(v *ast.Value)
	values = func(v *ast.Value) {
		if v == nil {
			return
		}
		if def := v.Definition; def != nil && v.Kind == ast.EnumValue {
			if value := def.EnumValues.ForName(v.Raw); value != nil {
				note(def.Name+"."+v.Raw, value.Directives.ForName("deprecated"))
			}
		}
		for _, child := range v.Children {
			if v.Definition != nil && v.Kind == ast.ObjectValue {
				if field := v.Definition.Fields.ForName(child.Name); field != nil {
					note(v.Definition.Name+"."+child.Name, field.Directives.ForName("deprecated"))
				}
			}
			values(child.Value)
		}
	}
	directives := func(list ast.DirectiveList) {
		for _, d := range list {
			for _, arg := range d.Arguments {
				values(arg.Value)
			}
		}
	}
	var walk func(set ast.SelectionSet)
	walk = func(set ast.SelectionSet) {
		for _, s := range set {
			switch s := s.(type) {
			case *ast.Field:
				directives(s.Directives)
				if s.Definition != nil && s.ObjectDefinition != nil {
					name := s.ObjectDefinition.Name + "." + s.Name
					note(name, s.Definition.Directives.ForName("deprecated"))
					for _, arg := range s.Arguments {
						if def := s.Definition.Arguments.ForName(arg.Name); def != nil {
							note(name+"("+arg.Name+":)", def.Directives.ForName("deprecated"))
						}
						values(arg.Value)
					}
				}
				walk(s.SelectionSet)
			case *ast.InlineFragment:
				walk(s.SelectionSet)
			}
		}
	}
	for _, op := range doc.Operations {
		for _, v := range op.VariableDefinitions {
			values(v.DefaultValue)
		}
		directives(op.Directives)
		walk(op.SelectionSet)
	}
	for _, f := range doc.Fragments {
		walk(f.SelectionSet)
	}
	list := make([]string, 0, len(found))
	for name := range found {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}
