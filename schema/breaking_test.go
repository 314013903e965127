package schema_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
)

// breaking says what a client of the old schema could miss in the new one. What carried @deprecated may go.
func breaking(before, after *ast.Schema) (breaches []string) {
	for _, old := range own(before) {
		now := after.Types[old.Name]
		switch {
		case now == nil:
			if inUse(before, old) {
				breaches = append(breaches, old.Name+" is gone")
			}
		case now.Kind != old.Kind:
			breaches = append(breaches, fmt.Sprintf("%s was %s and is %s", old.Name, old.Kind, now.Kind))
		case old.Kind == ast.InputObject:
			breaches = append(breaches, brokenInputs(old.Name+".", inputFields(old), inputFields(now))...)
		default:
			breaches = append(breaches, brokenOutput(old, now)...)
		}
	}
	slices.Sort(breaches)
	return breaches
}

// inUse reports whether a field that is not deprecated gives or takes the type, or an operation starts from it.
func inUse(s *ast.Schema, t *ast.Definition) bool {
	if slices.Contains(roots(s), t) {
		return true
	}
	for _, def := range own(s) {
		for _, f := range fields(def) {
			if deprecated(f.Directives) {
				continue
			}
			if f.Type.Name() == t.Name || slices.ContainsFunc(f.Arguments, func(a *ast.ArgumentDefinition) bool {
				return a.Type.Name() == t.Name
			}) {
				return true
			}
		}
	}
	return false
}

func brokenOutput(old, now *ast.Definition) (breaches []string) {
	for _, f := range fields(old) {
		what := old.Name + "." + f.Name
		g := now.Fields.ForName(f.Name)
		switch {
		case g == nil:
			if !deprecated(f.Directives) {
				breaches = append(breaches, what+" is gone and was not deprecated")
			}
			continue
		case !narrows(g.Type, f.Type):
			breaches = append(breaches, fmt.Sprintf("%s was %s and is %s", what, f.Type, g.Type))
		}
		breaches = append(breaches, brokenInputs(what+"(:)", arguments(f), arguments(g))...)
	}
	for _, v := range old.EnumValues {
		if now.EnumValues.ForName(v.Name) == nil && !deprecated(v.Directives) {
			breaches = append(breaches, old.Name+"."+v.Name+" is gone and was not deprecated")
		}
	}
	for _, member := range slices.Concat(old.Interfaces, old.Types) {
		if !slices.Contains(slices.Concat(now.Interfaces, now.Types), member) {
			breaches = append(breaches, old.Name+" and "+member+" have parted")
		}
	}
	return breaches
}

// input is an argument or a field of an input object.
type input struct {
	name       string
	typ        *ast.Type
	optional   bool
	deprecated bool
}

func arguments(f *ast.FieldDefinition) (list []input) {
	for _, a := range f.Arguments {
		list = append(list, input{a.Name, a.Type, !a.Type.NonNull || a.DefaultValue != nil, deprecated(a.Directives)})
	}
	return list
}

func inputFields(def *ast.Definition) (list []input) {
	for _, f := range def.Fields {
		list = append(list, input{f.Name, f.Type, !f.Type.NonNull || f.DefaultValue != nil, deprecated(f.Directives)})
	}
	return list
}

// brokenInputs compares what a client may send; what it sent before must still be taken, and nothing more be required.
func brokenInputs(where string, before, after []input) (breaches []string) {
	find := func(list []input, name string) *input {
		if i := slices.IndexFunc(list, func(in input) bool { return in.name == name }); i >= 0 {
			return &list[i]
		}
		return nil
	}
	for _, old := range before {
		switch now := find(after, old.name); {
		case now == nil:
			if !old.deprecated {
				breaches = append(breaches, where+old.name+" is gone and was not deprecated")
			}
		case !narrows(old.typ, now.typ):
			breaches = append(breaches, fmt.Sprintf("%s%s took %s and takes %s", where, old.name, old.typ, now.typ))
		case old.optional && !now.optional:
			breaches = append(breaches, fmt.Sprintf("%s%s took %s and takes %s without a default", where, old.name, old.typ, now.typ))
		}
	}
	for _, now := range after {
		if !now.optional && find(before, now.name) == nil {
			breaches = append(breaches, where+now.name+" is new and required")
		}
	}
	return breaches
}

// narrows reports whether every value of t is a value of wide: the same type, or one that is null less often.
func narrows(t, wide *ast.Type) bool {
	switch {
	case wide.NonNull && !t.NonNull:
		return false
	case t.Elem != nil && wide.Elem != nil:
		return narrows(t.Elem, wide.Elem)
	}
	return t.Elem == nil && wide.Elem == nil && t.NamedType == wide.NamedType
}

func deprecated(list ast.DirectiveList) bool { return list.ForName("deprecated") != nil }

func TestBreakingChanges(t *testing.T) {
	const before = `
type Query { node(id: ID!, first: Int = 1, old: Int @deprecated): Node list: [Int!] gone: Int @deprecated one: Only @deprecated }
interface Node { id: ID! } type Shop implements Node { id: ID! level: Level! }
enum Level { IN OUT OLD @deprecated }
type Only { a: Int }
input Basket { sku: String! many: Int! = 1 }
type Spare { a: Int }
union Any = Shop | Spare
type Mutation { put(input: Basket!): Int }`
	for name, c := range map[string]struct {
		edits []string // old, new, old, new, …
		want  []string
	}{
		"nothing changes":                   {nil, nil},
		"a field comes":                     {[]string{`id: ID! level`, `id: ID! code: String level`}, nil},
		"an optional argument comes":        {[]string{`first: Int = 1`, `first: Int = 1, after: String`}, nil},
		"a field is null less often":        {[]string{`list: [Int!]`, `list: [Int!]!`}, nil},
		"an input may be left out":          {[]string{`sku: String!`, `sku: String`}, nil},
		"a deprecated field goes":           {[]string{`gone: Int @deprecated`, ``}, nil},
		"a type goes with its last field":   {[]string{`one: Only @deprecated`, ``, `type Only { a: Int }`, ``}, nil},
		"a deprecated argument goes":        {[]string{`, old: Int @deprecated`, ``}, nil},
		"a deprecated value goes":           {[]string{` OLD @deprecated`, ``}, nil},
		"a deprecated field changes":        {[]string{`one: Only`, `one: Level`}, []string{"Query.one was Only and is Level"}},
		"a field goes":                      {[]string{` level: Level!`, ``}, []string{"Shop.level is gone and was not deprecated"}},
		"an operation goes":                 {[]string{`type Mutation { put(input: Basket!): Int }`, ``}, []string{"Mutation is gone"}},
		"a value goes":                      {[]string{`IN OUT`, `IN`}, []string{"Level.OUT is gone and was not deprecated"}},
		"an argument goes":                  {[]string{`, first: Int = 1`, ``}, []string{"Query.node(:)first is gone and was not deprecated"}},
		"a field is null more often":        {[]string{`level: Level!`, `level: Level`}, []string{"Shop.level was Level! and is Level"}},
		"a list's entries are null":         {[]string{`[Int!]`, `[Int]`}, []string{"Query.list was [Int!] and is [Int]"}},
		"a list becomes a value":            {[]string{`[Int!]`, `Int`}, []string{"Query.list was [Int!] and is Int"}},
		"an argument becomes required":      {[]string{`first: Int = 1`, `first: Int!`}, []string{"Query.node(:)first took Int and takes Int!"}},
		"a required input has no default":   {[]string{`many: Int! = 1`, `many: Int!`}, []string{"Basket.many took Int! and takes Int! without a default"}},
		"a required argument comes":         {[]string{`(id: ID!`, `(id: ID!, kind: Int!`}, []string{"Query.node(:)kind is new and required"}},
		"a required input comes":            {[]string{`sku: String!`, `sku: String! at: ID!`}, []string{"Basket.at is new and required"}},
		"an object leaves its interface":    {[]string{` implements Node`, ``}, []string{"Shop and Node have parted"}},
		"an input becomes something else":   {[]string{`sku: String!`, `sku: Int!`}, []string{"Basket.sku took String! and takes Int!"}},
		"an object becomes an enumeration":  {[]string{`type Only { a: Int }`, `enum Only { A }`}, []string{"Only was OBJECT and is ENUM"}},
		"a type in use gets another name":   {[]string{`Level!`, `Height!`, `enum Level`, `enum Height`}, []string{"Level is gone", "Shop.level was Level! and is Height!"}},
		"a union loses one of its members":  {[]string{`= Shop | Spare`, `= Shop`}, []string{"Any and Spare have parted"}},
		"an interface's field is not there": {[]string{`interface Node { id: ID! }`, `interface Node { key: ID! }`, `Node { id: ID! level`, `Node { id: ID! key: ID! level`}, []string{"Node.id is gone and was not deprecated"}},
	} {
		t.Run(name, func(t *testing.T) {
			for i := 0; i < len(c.edits); i += 2 {
				if !strings.Contains(before, c.edits[i]) {
					t.Fatalf("%q does not occur", c.edits[i])
				}
			}
			after := strings.NewReplacer(c.edits...).Replace(before)
			got := breaking(mustLoad(t, &ast.Source{Input: before}), mustLoad(t, &ast.Source{Input: after}))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("breaches (-want +got):\n%s", diff)
			}
		})
	}
}
