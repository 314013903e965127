package resolvers

import (
	"context"
	"slices"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// inputName is the one argument beside the key that a mutation has.
const inputName = "input"

// synonyms are the names that services have for what several arguments say, each in its own place.
var synonyms = map[string][]string{
	"id":      {"holdId", "feedbackId", "addressId"},
	"version": {"expectedVersion", "cartVersion"},
	"number":  {"cardNumber"},
	"holdId":  {"holdIds"},
	"lines":   {"items"},
	"address": {"near"},
}

// argument is where the arguments of the root field that is being answered say what a service means by path, which names
// what it was given: the input's own field, one of an input within it, or a synonym. What follows and is no argument is
// left out; nil when they say nothing of the kind.
func (r *Resolver) argument(ctx context.Context, path []string) []string {
	root := rootField(ctx)
	if len(path) == 0 || root == nil || r.Schema == nil {
		return nil
	}
	arguments := map[string]*ast.Type{}
	for _, a := range root.Definition.Arguments {
		arguments[a.Name] = a.Type
	}
	if _, direct := arguments[path[0]]; direct {
		return r.known(arguments, path)
	}
	input := r.fieldsOf(arguments[inputName])
	for _, name := range append([]string{path[0]}, synonyms[path[0]]...) {
		rest := append([]string{name}, path[1:]...)
		switch {
		case input[name] != nil:
			return append([]string{inputName}, r.known(input, rest)...)
		case arguments[name] != nil:
			return r.known(arguments, rest)
		}
		for _, within := range r.namesOf(arguments[inputName]) {
			if t := input[within]; t.Elem == nil && r.fieldsOf(t)[name] != nil {
				return append([]string{inputName, within}, r.known(r.fieldsOf(t), rest)...)
			}
		}
	}
	return nil
}

// rootField is the field of Query or Mutation that is being answered.
func rootField(ctx context.Context) (root *ast.Field) {
	for at := graphql.GetFieldContext(ctx); at != nil; at = at.Parent {
		if at.Field.Field != nil && at.Field.Definition != nil {
			root = at.Field.Field
		}
	}
	return root
}

// known is the part of path that fields have.
func (r *Resolver) known(fields map[string]*ast.Type, path []string) []string {
	t := fields[path[0]]
	if t == nil {
		return nil
	}
	at := 1
	for ; at < len(path) && t.Elem != nil; at++ {
		if _, err := strconv.Atoi(path[at]); err != nil {
			return path[:at]
		}
		t = t.Elem
	}
	if at == len(path) {
		return path
	}
	return append(slices.Clone(path[:at]), r.known(r.fieldsOf(t), path[at:])...)
}

// fieldsOf are the types of an input's fields; nil of anything else.
func (r *Resolver) fieldsOf(t *ast.Type) map[string]*ast.Type {
	if t == nil || t.Elem != nil {
		return nil
	}
	def := r.Schema.Types[t.NamedType]
	if def == nil || def.Kind != ast.InputObject {
		return nil
	}
	fields := make(map[string]*ast.Type, len(def.Fields))
	for _, f := range def.Fields {
		fields[f.Name] = f.Type
	}
	return fields
}

// namesOf are the names of an input's fields as the schema lists them.
func (r *Resolver) namesOf(t *ast.Type) []string {
	if r.fieldsOf(t) == nil {
		return nil
	}
	def := r.Schema.Types[t.NamedType]
	names := make([]string, len(def.Fields))
	for i, f := range def.Fields {
		names[i] = f.Name
	}
	return names
}
