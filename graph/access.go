package graph

import (
	"net/http"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// guard is a selected field that is not open to everybody.
type guard struct {
	path       ast.Path // response keys, without indexes
	need       need
	nonNull    bool
	conditions []ast.DirectiveList // of the field and everything around it that can leave it out
	position   *ast.Position
}

// plan finds the guarded fields of an operation and refuses root fields that declare no access: what nobody thought
// about is closed, not open.
func (c *compiler) plan(doc *ast.QueryDocument, op *ast.OperationDefinition) (*planner, *refusal) {
	p := &planner{schema: c.schema, doc: doc, open: map[string]bool{}}
	p.set(op.SelectionSet, nil, nil, true)
	switch {
	case p.undeclared:
		return nil, undeclared()
	case p.introspects && c.introspection.off():
		return nil, noIntrospection()
	}
	return p, nil
}

// undeclared refuses an operation with a root field that says nothing about access.
func undeclared() *refusal {
	return refuse(http.StatusForbidden, newError(retail.CodeForbidden, "a field of this operation is not open to anybody"))
}

type planner struct {
	schema      *ast.Schema
	doc         *ast.QueryDocument
	open        map[string]bool // fragments known to hold no guarded field; they are not walked again
	guards      []guard
	undeclared  bool
	introspects bool
}

// set walks a selection set with its fragments expanded and reports whether it held guarded fields.
func (p *planner) set(set ast.SelectionSet, path ast.Path, around []ast.DirectiveList, root bool) bool {
	before := len(p.guards)
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			p.field(s, path, within(around, s.Directives), root)
		case *ast.InlineFragment:
			p.set(s.SelectionSet, path, within(around, s.Directives), root)
		case *ast.FragmentSpread:
			if p.open[s.Name] && !root {
				continue
			}
			def := p.doc.Fragments.ForName(s.Name)
			if !p.set(def.SelectionSet, path, within(around, s.Directives), root) {
				p.open[s.Name] = true
			}
		}
	}
	return len(p.guards) > before
}

// within returns around with the directives of one more node.
func within(around []ast.DirectiveList, directives ast.DirectiveList) []ast.DirectiveList {
	if directives.ForName("skip") == nil && directives.ForName("include") == nil {
		return around
	}
	return append(slices.Clip(around), directives)
}

func (p *planner) field(f *ast.Field, path ast.Path, around []ast.DirectiveList, root bool) {
	if f.Name == "__schema" || f.Name == "__type" {
		p.introspects = true
		return
	}
	path = append(slices.Clip(path), ast.PathName(f.Alias))
	for _, def := range p.definitions(f) {
		if root && f.Name != "__typename" && !Declared(def) {
			p.undeclared = true
		}
		if n, guarded := needOf(def); guarded {
			p.guards = append(p.guards, guard{
				path: path, need: n, nonNull: def.Type.NonNull, conditions: around, position: f.Position,
			})
		}
	}
	p.set(f.SelectionSet, path, around, false)
}

// definitions are what a field may turn out to be: its own definition and, on an interface, those of the objects.
func (p *planner) definitions(f *ast.Field) []*ast.FieldDefinition {
	defs := []*ast.FieldDefinition{f.Definition}
	if f.ObjectDefinition == nil || f.ObjectDefinition.Kind != ast.Interface {
		return defs
	}
	for _, t := range p.schema.PossibleTypes[f.ObjectDefinition.Name] {
		if def := t.Fields.ForName(f.Name); def != nil {
			defs = append(defs, def)
		}
	}
	return defs
}

// Declared reports whether a field definition says who may read it.
func Declared(def *ast.FieldDefinition) bool {
	return def.Directives.ForName("public") != nil || def.Directives.ForName("hasScope") != nil ||
		def.Directives.ForName("hasRole") != nil
}

// need is what a principal must have: the scope when there is one, and one of the roles when there are any.
type need struct {
	scope auth.Scope
	roles []auth.Role
}

// needOf returns what a field asks for. A directive that it cannot read asks for what nobody has.
func needOf(def *ast.FieldDefinition) (n need, guarded bool) {
	if d := def.Directives.ForName("hasScope"); d != nil {
		guarded = true
		if arg := d.Arguments.ForName("scope"); arg == nil || n.scope.UnmarshalGQL(arg.Value.Raw) != nil {
			n.scope = "\x00"
		}
	}
	if d := def.Directives.ForName("hasRole"); d != nil {
		guarded = true
		n.roles = []auth.Role{"\x00"}
		if arg := d.Arguments.ForName("any"); arg != nil {
			for _, child := range arg.Value.Children {
				var role auth.Role
				if role.UnmarshalGQL(child.Value.Raw) == nil {
					n.roles = append(n.roles, role)
				}
			}
		}
	}
	return n, guarded
}

// refuses says what p lacks; nil when nothing.
func (n need) refuses(p auth.Principal) *gqlerror.Error {
	switch {
	case n.scope != "" && !p.Has(n.scope):
		return newError(retail.CodeForbidden, "this needs the scope "+string(n.scope))
	case n.roles == nil || slices.Contains(n.roles, p.Role) && p.Known():
		return nil
	case !p.Known():
		return newError(retail.CodeUnauthenticated, "this needs a session")
	}
	return newError(retail.CodeForbidden, "this is not for the role "+string(p.Role))
}

// authorize decides once per operation: fields that read null for want of a right are reported with one error each; an
// operation that selects a non-null one is refused whole.
func (op *operation) authorize(p auth.Principal, variables map[string]any) (gqlerror.List, *refusal) {
	var missing gqlerror.List
	for _, g := range op.guards {
		e := g.need.refuses(p)
		if e == nil || !g.selected(variables) || reported(missing, g.path) {
			continue
		}
		e.Path = g.path
		e.Locations = []gqlerror.Location{{Line: g.position.Line, Column: g.position.Column}}
		if g.nonNull {
			e.Path = nil
			status := http.StatusForbidden
			if e.Extensions["code"] == string(retail.CodeUnauthenticated) {
				status = http.StatusUnauthorized
			}
			return nil, refuse(status, e)
		}
		missing = append(missing, e)
	}
	return missing, nil
}

func reported(errs gqlerror.List, path ast.Path) bool {
	return slices.ContainsFunc(errs, func(e *gqlerror.Error) bool { return slices.Equal(e.Path, path) })
}

// selected reports whether no @skip or @include leaves the field out.
func (g *guard) selected(variables map[string]any) bool {
	for _, directives := range g.conditions {
		if says(directives, "skip", true, variables) || says(directives, "include", false, variables) {
			return false
		}
	}
	return true
}

// says reports whether the named directive is there and its condition has this value.
func says(directives ast.DirectiveList, name string, value bool, variables map[string]any) bool {
	d := directives.ForName(name)
	if d == nil {
		return false
	}
	v, err := d.Arguments.ForName("if").Value.Value(variables)
	return err == nil && v == value
}
