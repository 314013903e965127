package graph

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/graph/scalar"
	"github.com/portico-retail/portico/retail"
)

// coerceVariables checks the variables of an operation against their types, exactly: enum values by case, integers of
// 32 bits, no unknown field. A refusal names the place and never repeats the value.
func coerceVariables(schema *ast.Schema, op *ast.OperationDefinition, given map[string]any) (map[string]any, *refusal) {
	if len(op.VariableDefinitions) == 0 {
		return nil, nil
	}
	values := make(map[string]any, len(op.VariableDefinitions))
	for _, def := range op.VariableDefinitions {
		v, present := given[def.Variable]
		err := error(nil)
		switch {
		case present:
			v, err = coerce(schema, def.Type, v)
			// The specification lets null into `Boolean = true`, where @skip and @include cannot use it.
			if err == nil && v == nil && def.DefaultValue != nil && def.Type.NamedType == "Boolean" {
				err = errNull
			}
		case def.DefaultValue != nil:
			v, err = def.DefaultValue.Value(nil)
		case def.Type.NonNull:
			err = errMissing
		default:
			continue
		}
		if err != nil {
			message := "variable $" + place(def.Variable, err)
			return nil, refuse(http.StatusBadRequest, newError(retail.CodeBadInput, clip(message)))
		}
		values[def.Variable] = v
	}
	return values, nil
}

var (
	errNull    = errors.New("must not be null")
	errMissing = errors.New("must be given")
	errEnum    = errors.New("must be a value of its enum")
	errObject  = errors.New("must be an object")
	errLeaf    = errors.New("must be a single value")
	errUnknown = errors.New("has a field that its type does not define")
)

// placedError is an error at a place inside a variable.
type placedError struct {
	at  string
	err error
}

func (e *placedError) Error() string { return e.at + " " + e.err.Error() }

// place puts one more step before the place of err.
func place(step string, err error) string {
	var inner *placedError
	if errors.As(err, &inner) {
		return step + inner.at + " " + inner.err.Error()
	}
	return step + " " + err.Error()
}

func at(step string, err error) error {
	var inner *placedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &inner):
		return &placedError{at: step + inner.at, err: inner.err}
	}
	return &placedError{at: step, err: err}
}

// coerce checks one value and returns it in the shape that the generated code reads.
func coerce(schema *ast.Schema, t *ast.Type, v any) (any, error) {
	if v == nil {
		if t.NonNull {
			return nil, errNull
		}
		return nil, nil
	}
	if t.Elem != nil {
		return coerceList(schema, t.Elem, v)
	}
	def := schema.Types[t.NamedType]
	switch def.Kind {
	case ast.Enum:
		if s, ok := v.(string); ok && def.EnumValues.ForName(s) != nil {
			return v, nil
		}
		return nil, errEnum
	case ast.InputObject:
		m, ok := v.(map[string]any)
		if !ok {
			return nil, errObject
		}
		return m, coerceObject(schema, def, m)
	}
	return v, checkScalar(t.NamedType, v)
}

func coerceList(schema *ast.Schema, elem *ast.Type, v any) (any, error) {
	items, ok := v.([]any)
	if !ok {
		items = []any{v} // a single value stands for a list of one
	}
	for i, item := range items {
		c, err := coerce(schema, elem, item)
		if err != nil {
			return nil, at("["+strconv.Itoa(i)+"]", err)
		}
		items[i] = c
	}
	return items, nil
}

// coerceObject checks the fields of m in place; the generated code fills in defaults.
func coerceObject(schema *ast.Schema, def *ast.Definition, m map[string]any) error {
	known := 0
	for _, f := range def.Fields {
		v, present := m[f.Name]
		if !present {
			if f.Type.NonNull && f.DefaultValue == nil {
				return at("."+f.Name, errMissing)
			}
			continue
		}
		known++
		c, err := coerce(schema, f.Type, v)
		if err != nil {
			return at("."+f.Name, err)
		}
		m[f.Name] = c
	}
	if known != len(m) {
		return errUnknown
	}
	return nil
}

func checkScalar(name string, v any) (err error) {
	switch name {
	case "Int":
		_, err = scalar.UnmarshalInt(v)
	case "Float":
		_, err = scalar.UnmarshalFloat(v)
	case "String":
		_, err = scalar.UnmarshalString(v)
	case "Boolean":
		_, err = scalar.UnmarshalBoolean(v)
	case "ID":
		_, err = scalar.UnmarshalID(v)
	default: // scalars of the schema check themselves where they are read
		switch v.(type) {
		case map[string]any, []any:
			err = errLeaf
		}
	}
	return err
}
