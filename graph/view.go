package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
)

// Introspection says who may read the schema. Everybody reads the part that they may use.
type Introspection string

// Introspections. The zero value means IntrospectionOff.
const (
	IntrospectionOff      Introspection = "off"
	IntrospectionStaff    Introspection = "staff"    // associates and operators
	IntrospectionPartners Introspection = "partners" // staff and partners
	IntrospectionAll      Introspection = "all"
)

// Validate reports what is none of them.
func (i Introspection) Validate() error {
	switch i {
	case "", IntrospectionOff, IntrospectionStaff, IntrospectionPartners, IntrospectionAll:
		return nil
	}
	return fmt.Errorf("graph: introspection is %q, not off, staff, partners or all", string(i))
}

// off reports whether nobody may.
func (i Introspection) off() bool { return i == "" || i == IntrospectionOff }

// allows reports whether p may read its part of the schema.
func (i Introspection) allows(p auth.Principal) bool {
	staff := p.Known() && (p.Role == auth.RoleAssociate || p.Role == auth.RoleOperator)
	switch i {
	case IntrospectionAll:
		return true
	case IntrospectionPartners:
		return staff || p.Known() && p.Role == auth.RolePartner
	case IntrospectionStaff:
		return staff
	}
	return false
}

// ViewOf returns the part of a schema that p may use: without fields that p may never read, without what only they lead to, and
// without the directives that say so. An object with an id counts as reachable when something besides Query.node leads to it.
func ViewOf(schema *ast.Schema, p auth.Principal) *ast.Schema {
	v := viewer{schema: schema, principal: p, kept: map[string]bool{}, open: map[*ast.Definition]ast.FieldList{}}
	v.judge()
	for _, root := range []*ast.Definition{schema.Query, schema.Mutation, schema.Subscription} {
		if root != nil && len(v.open[root]) > 0 {
			v.reach(root.Name)
		}
	}
	for name, def := range schema.Types {
		if strings.HasPrefix(name, "__") {
			v.reach(def.Name)
		}
	}
	for _, name := range []string{"String", "Boolean"} { // every client and the introspection itself need them
		v.reach(name)
	}
	directives := map[string]*ast.DirectiveDefinition{}
	for name, d := range schema.Directives {
		if keptDirective(d) {
			for _, a := range d.Arguments {
				v.reach(a.Type.Name())
			}
			copied := *d
			copied.Arguments = bareArguments(d.Arguments)
			directives[name] = &copied
		}
	}
	return v.build(directives)
}

// keptDirective reports whether a client can write the directive, or GraphQL itself defines it. The others are about fields, and
// say who may read them.
func keptDirective(d *ast.DirectiveDefinition) bool {
	executable := []ast.DirectiveLocation{
		ast.LocationQuery, ast.LocationMutation, ast.LocationSubscription, ast.LocationField, ast.LocationFragmentDefinition,
		ast.LocationFragmentSpread, ast.LocationInlineFragment, ast.LocationVariableDefinition,
	}
	return d.Position != nil && d.Position.Src != nil && d.Position.Src.BuiltIn ||
		slices.ContainsFunc(d.Locations, func(l ast.DirectiveLocation) bool { return slices.Contains(executable, l) })
}

type viewer struct {
	schema    *ast.Schema
	principal auth.Principal
	open      map[*ast.Definition]ast.FieldList // of objects and interfaces, what may be read
	kept      map[string]bool
}

// judge finds the fields that may be read, by what decides about requests. A field of an object of which nothing may be read is
// none.
func (v *viewer) judge() {
	for _, def := range v.schema.Types {
		if def.Kind != ast.Object && def.Kind != ast.Interface {
			continue
		}
		root := def == v.schema.Query || def == v.schema.Mutation || def == v.schema.Subscription
		for _, f := range def.Fields {
			if strings.HasPrefix(def.Name, "__") || strings.HasPrefix(f.Name, "__") || v.readable(def, f, root) {
				v.open[def] = append(v.open[def], f)
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for def, fields := range v.open {
			left := slices.DeleteFunc(slices.Clone(fields), func(f *ast.FieldDefinition) bool { return v.empty(f.Type.Name()) })
			if len(left) < len(fields) {
				v.open[def], changed = left, true
			}
		}
	}
}

func (v *viewer) readable(def *ast.Definition, f *ast.FieldDefinition, root bool) bool {
	switch planField(v.schema, def, f, root).verdict(f, v.principal) {
	case VerdictYes, VerdictMasked, VerdictConsent:
		return true
	}
	return false
}

func (v *viewer) empty(name string) bool {
	def := v.schema.Types[name]
	return def.IsCompositeType() && def.Kind != ast.Union && len(v.open[def]) == 0
}

// nodeInterface is what Query.node returns. It does not lead to its objects: what it loads is found somewhere else first.
const nodeInterface = "Node"

func (v *viewer) reach(name string) {
	def := v.schema.Types[name]
	if def == nil || v.kept[name] {
		return
	}
	v.kept[name] = true
	fields := def.Fields // of inputs
	if def.Kind != ast.InputObject {
		fields = v.open[def]
	}
	for _, f := range fields {
		v.reach(f.Type.Name())
		for _, a := range f.Arguments {
			v.reach(a.Type.Name())
		}
	}
	for _, i := range def.Interfaces {
		if !v.empty(i) {
			v.reach(i)
		}
	}
	if def.IsAbstractType() && name != nodeInterface {
		for _, t := range v.schema.PossibleTypes[name] {
			if !v.empty(t.Name) {
				v.reach(t.Name)
			}
		}
	}
}

func (v *viewer) build(directives map[string]*ast.DirectiveDefinition) *ast.Schema {
	view := &ast.Schema{
		Description: v.schema.Description, Directives: directives, Types: map[string]*ast.Definition{},
		PossibleTypes: map[string][]*ast.Definition{}, Implements: map[string][]*ast.Definition{},
	}
	gone := func(name string) bool { return !v.kept[name] }
	for name := range v.kept {
		def := *v.schema.Types[name]
		def.Directives = bareDirectives(def.Directives)
		def.Interfaces = slices.DeleteFunc(slices.Clone(def.Interfaces), gone)
		def.Types = slices.DeleteFunc(slices.Clone(def.Types), gone)
		fields := def.Fields
		if def.Kind == ast.Object || def.Kind == ast.Interface {
			fields = v.open[v.schema.Types[name]]
		}
		def.Fields = make(ast.FieldList, len(fields))
		for i, f := range fields {
			copied := *f
			copied.Arguments, copied.Directives = bareArguments(f.Arguments), bareDirectives(f.Directives)
			def.Fields[i] = &copied
		}
		view.Types[name] = &def
	}
	for list, of := range map[*map[string][]*ast.Definition]map[string][]*ast.Definition{
		&view.PossibleTypes: v.schema.PossibleTypes, &view.Implements: v.schema.Implements,
	} {
		for name, defs := range of {
			if !v.kept[name] {
				continue
			}
			for _, d := range defs {
				if kept := view.Types[d.Name]; kept != nil {
					(*list)[name] = append((*list)[name], kept)
				}
			}
		}
	}
	root := func(def *ast.Definition) *ast.Definition {
		if def == nil {
			return nil
		}
		return view.Types[def.Name]
	}
	view.Query, view.Mutation, view.Subscription = root(v.schema.Query), root(v.schema.Mutation), root(v.schema.Subscription)
	return view
}

// bareDirectives leaves what GraphQL itself defines.
func bareDirectives(list ast.DirectiveList) (left ast.DirectiveList) {
	for _, d := range list {
		switch d.Name {
		case "deprecated", "specifiedBy", "oneOf":
			left = append(left, d)
		}
	}
	return left
}

func bareArguments(list ast.ArgumentDefinitionList) ast.ArgumentDefinitionList {
	left := make(ast.ArgumentDefinitionList, len(list))
	for i, a := range list {
		copied := *a
		copied.Directives = bareDirectives(a.Directives)
		left[i] = &copied
	}
	return left
}
