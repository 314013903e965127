package graph

import (
	"encoding/json"

	"github.com/vektah/gqlparser/v2/ast"
)

// sizing tells how long a list gets.
type sizing struct {
	model    *costModel
	products [][]argumentPath
	assumed  int64
}

// argumentPath leads to an argument or to a field of it.
type argumentPath struct {
	name  string
	steps []string
}

// of returns the length with a request's variables: the greatest that the arguments given tell, else the greatest of their
// defaults, else what is assumed. A list that is given empty bounds nothing.
func (z *sizing) of(f *ast.Field, variables map[string]any) int64 {
	given, fallback := int64(0), int64(0)
	said := false
	for _, product := range z.products {
		n, explicit, ok := z.product(f, product, variables)
		switch {
		case !ok:
		case explicit:
			given, said = max(given, n), true
		default:
			fallback, said = max(fallback, n), true
		}
	}
	switch {
	case given > 0:
		return given
	case said:
		return fallback
	}
	return z.assumed
}

// product multiplies; it is explicit when every factor was given, and not ok when one has no value at all.
func (z *sizing) product(f *ast.Field, product []argumentPath, variables map[string]any) (n int64, explicit, ok bool) {
	n, explicit = 1, true
	for _, path := range product {
		v, given := z.lookup(f, path, variables)
		size, ok := v.size()
		if !ok {
			return 0, false, false
		}
		n, explicit = times(n, max(size, 0)), explicit && given
	}
	return n, explicit, true
}

// lookup finds what a path leads to; given is false for a default.
func (z *sizing) lookup(f *ast.Field, path argumentPath, variables map[string]any) (v input, given bool) {
	def := f.Definition.Arguments.ForName(path.name)
	if def == nil {
		return input{}, false
	}
	given = true
	arg := f.Arguments.ForName(path.name)
	if arg != nil {
		v = literal(def.Type, arg.Value, variables)
	}
	if !v.present() {
		v, given = literal(def.Type, def.DefaultValue, nil), false
	}
	for _, step := range path.steps {
		of := z.model.schema.Types[v.kind.Name()].Fields.ForName(step)
		if v = v.child(of, variables); !v.present() {
			v, given = literal(of.Type, of.DefaultValue, nil), false
		}
	}
	return v, given
}

// input is a value of an argument: as the document writes it, or as a variable holds it.
type input struct {
	kind    *ast.Type
	written *ast.Value
	held    any
}

// literal resolves a variable; null is as absent as nothing.
func literal(kind *ast.Type, v *ast.Value, variables map[string]any) input {
	switch {
	case v == nil || v.Kind == ast.NullValue:
		return input{kind: kind}
	case v.Kind == ast.Variable:
		return input{kind: kind, held: variables[v.Raw]}
	}
	return input{kind: kind, written: v}
}

func (v input) present() bool { return v.written != nil || v.held != nil }

// child is a field of an input object.
func (v input) child(of *ast.FieldDefinition, variables map[string]any) input {
	if v.written != nil {
		return literal(of.Type, v.written.Children.ForName(of.Name), variables)
	}
	m, _ := v.held.(map[string]any)
	return input{kind: of.Type, held: m[of.Name]}
}

// size is the length of a list or the value of a number.
func (v input) size() (n int64, ok bool) {
	if !v.present() {
		return 0, false
	}
	if v.kind.Elem != nil {
		return int64(v.length()), true
	}
	held := v.held
	if v.written != nil {
		held = json.Number(v.written.Raw)
	}
	switch held := held.(type) {
	case json.Number:
		if n, err := held.Int64(); err == nil {
			return n, true
		}
		return dearest, true // no number that can be served
	case int64:
		return held, true
	case int:
		return int64(held), true
	}
	return 0, false
}

// length of a list; a single value stands for a list of one.
func (v input) length() int {
	if v.written != nil {
		if v.written.Kind == ast.ListValue {
			return len(v.written.Children)
		}
		return 1
	}
	if list, is := v.held.([]any); is {
		return len(list)
	}
	return 1
}

// arguments is what the arguments of a field weigh: those that are given, and the weighted fields of input objects in them.
func (r *reckoning) arguments(f *costField) (weight int64) {
	if f.args == nil && f.input == nil {
		return 0
	}
	for _, def := range f.field.Definition.Arguments {
		arg := f.field.Arguments.ForName(def.Name)
		if arg == nil {
			continue
		}
		v := literal(def.Type, arg.Value, r.variables)
		if v.present() {
			weight = plus(weight, f.args[def.Name])
		}
	}
	for _, name := range f.input {
		if arg := f.field.Arguments.ForName(name); arg != nil {
			weight = plus(weight, r.input(literal(f.field.Definition.Arguments.ForName(name).Type, arg.Value, r.variables)))
		}
	}
	return weight
}

// input sums the weights of the fields of an input object, or of a list of them. The depth of values is limited before.
func (r *reckoning) input(v input) (weight int64) {
	switch {
	case !v.present():
		return 0
	case v.kind.Elem != nil:
		for _, item := range v.items(r.variables) {
			weight = plus(weight, r.input(item))
		}
		return weight
	}
	weights := r.plans.model.inputs[v.kind.NamedType]
	if weights == nil {
		return 0
	}
	for _, of := range r.plans.model.schema.Types[v.kind.NamedType].Fields {
		if weights[of.Name] == 0 && r.plans.model.inputs[of.Type.Name()] == nil {
			continue
		}
		if c := v.child(of, r.variables); c.present() {
			weight = plus(plus(weight, weights[of.Name]), r.input(c))
		}
	}
	return weight
}

// items are the entries of a list; a single value stands for a list of one.
func (v input) items(variables map[string]any) (items []input) {
	one := v
	one.kind = v.kind.Elem
	if v.written != nil {
		if v.written.Kind != ast.ListValue {
			return []input{one}
		}
		for _, child := range v.written.Children {
			items = append(items, literal(one.kind, child.Value, variables))
		}
		return items
	}
	list, is := v.held.([]any)
	if !is {
		return []input{one}
	}
	for _, item := range list {
		items = append(items, input{kind: one.kind, held: item})
	}
	return items
}
