package graph

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Weights are kept in thousandths of a point, so that they may have three decimals.
const (
	point = 1000
	// dearest keeps sums and products from overflowing; it is above every limit.
	dearest = int64(1) << 50

	weightObject   = point       // of a field that gives objects
	weightMutation = 10 * point  // of a field of the mutation's root: it has effects
	weightSchema   = 100 * point // of __schema: its result is large and made by reflection
	weightType     = 10 * point  // of __type
	// assumedSize is for lists that say nothing; the rules of the schema allow none.
	assumedSize = 10
)

// costModel is what a schema's @cost and @listSize say, as the GraphQL cost specification defines them
// (https://ibm.github.io/graphql-specs/cost-spec.html), with two additions: a slicing argument may be a product such as
// `skus*locationIds`, and an argument that is given counts before one that only has a default.
type costModel struct {
	schema *ast.Schema
	fields map[*ast.FieldDefinition]*fieldCost
	// inputs are the weights of input types' fields, by type; types without any are left out.
	inputs map[string]map[string]int64
}

// fieldCost is what one field costs.
type fieldCost struct {
	once  int64 // for resolving it
	each  int64 // for every object that it gives
	list  bool
	size  *sizing          // how many it gives, or its sized fields do; nil when nothing says
	sized *sizedList       // its sized fields; nil when it has none
	args  map[string]int64 // weights of arguments, those of zero left out
	input []string         // arguments whose input types have weights
}

// sizedList names the fields of an object whose length the object's own field tells.
type sizedList struct {
	names []string
	index int // among the different lists of the schema
}

func (l *sizedList) has(name string) bool {
	for _, n := range l.names {
		if n == name {
			return true
		}
	}
	return false
}

// newCostModel reads the schema. A mistake in it is an error: nothing is served at a cost that nobody meant.
func newCostModel(schema *ast.Schema) (*costModel, error) {
	m := &costModel{schema: schema, fields: map[*ast.FieldDefinition]*fieldCost{}, inputs: map[string]map[string]int64{}}
	var errs []error
	for _, def := range schema.Types {
		if def.Kind == ast.InputObject {
			errs = append(errs, m.readInput(def))
		}
	}
	m.spreadInputs()
	lists := map[string]*sizedList{}
	for _, def := range schema.Types {
		if def.Kind != ast.Object && def.Kind != ast.Interface {
			continue
		}
		for _, f := range def.Fields {
			c, err := m.readField(def, f, lists)
			if err != nil {
				errs = append(errs, fmt.Errorf("graph: cost of %s.%s: %w", def.Name, f.Name, err))
				continue
			}
			m.fields[f] = c
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	m.raiseInterfaces()
	return m, nil
}

// weightOf reads a @cost; given is false without one.
func weightOf(list ast.DirectiveList) (weight int64, given bool, err error) {
	d := list.ForName("cost")
	if d == nil {
		return 0, false, nil
	}
	arg := d.Arguments.ForName("weight")
	if arg == nil || arg.Value == nil {
		return 0, false, errors.New("@cost has no weight")
	}
	f, err := strconv.ParseFloat(arg.Value.Raw, 64)
	if err != nil || !(f >= 0 && f <= 1e6) {
		return 0, false, fmt.Errorf("the weight %q is no number within 0 and 1000000", arg.Value.Raw)
	}
	return int64(f*point + 0.5), true, nil
}

func (m *costModel) readInput(def *ast.Definition) error {
	for _, f := range def.Fields {
		weight, _, err := weightOf(f.Directives)
		if err != nil {
			return fmt.Errorf("graph: cost of %s.%s: %w", def.Name, f.Name, err)
		}
		if weight > 0 {
			m.inputOf(def.Name)[f.Name] = weight
		}
	}
	return nil
}

func (m *costModel) inputOf(name string) map[string]int64 {
	if m.inputs[name] == nil {
		m.inputs[name] = map[string]int64{}
	}
	return m.inputs[name]
}

// spreadInputs adds the types that hold types with weights, until nothing is added.
func (m *costModel) spreadInputs() {
	for grown := true; grown; {
		grown = false
		for _, def := range m.schema.Types {
			if def.Kind != ast.InputObject || m.inputs[def.Name] != nil {
				continue
			}
			for _, f := range def.Fields {
				if m.inputs[f.Type.Name()] != nil {
					m.inputOf(def.Name)
					grown = true
				}
			}
		}
	}
}

func (m *costModel) readField(def *ast.Definition, f *ast.FieldDefinition, lists map[string]*sizedList) (*fieldCost, error) {
	once, given, err := weightOf(f.Directives)
	if err != nil {
		return nil, err
	}
	c := &fieldCost{once: once, list: f.Type.Elem != nil}
	each, err := m.typeWeight(m.schema.Types[f.Type.Name()])
	if err != nil {
		return nil, err
	}
	switch {
	case !given && def == m.schema.Mutation:
		c.once = weightMutation
	case !given || c.list:
		c.each = each
	}
	if err := m.readArguments(c, f); err != nil {
		return nil, err
	}
	return c, m.readSize(c, f, lists)
}

// typeWeight is that of one value of a type: 1 for objects and 0 for leaves, unless the type says otherwise. An interface or
// union weighs what its heaviest member does.
func (m *costModel) typeWeight(def *ast.Definition) (weight int64, err error) {
	if def == nil {
		return 0, errors.New("its type is unknown")
	}
	weight, given, err := weightOf(def.Directives)
	if given || err != nil {
		return weight, err
	}
	switch def.Kind {
	case ast.Object:
		return weightObject, nil
	case ast.Interface, ast.Union:
		for _, t := range m.schema.PossibleTypes[def.Name] {
			if t.Kind != ast.Object {
				continue
			}
			w, err := m.typeWeight(t)
			if err != nil {
				return 0, err
			}
			weight = max(weight, w)
		}
	}
	return weight, nil
}

func (m *costModel) readArguments(c *fieldCost, f *ast.FieldDefinition) error {
	for _, a := range f.Arguments {
		weight, _, err := weightOf(a.Directives)
		if err != nil {
			return err
		}
		if weight > 0 {
			if c.args == nil {
				c.args = map[string]int64{}
			}
			c.args[a.Name] = weight
		}
		if m.inputs[a.Type.Name()] != nil {
			c.input = append(c.input, a.Name)
		}
	}
	return nil
}

func (m *costModel) readSize(c *fieldCost, f *ast.FieldDefinition, lists map[string]*sizedList) error {
	d := f.Directives.ForName("listSize")
	if d == nil {
		return nil
	}
	z := &sizing{model: m, assumed: assumedSize}
	for _, a := range d.Arguments {
		switch a.Name {
		case "assumedSize":
			n, err := strconv.ParseInt(a.Value.Raw, 10, 32)
			if err != nil || n < 0 {
				return fmt.Errorf("assumedSize %q is no size", a.Value.Raw)
			}
			z.assumed = n
		case "slicingArguments":
			for _, child := range a.Value.Children {
				product, err := m.productOf(f, child.Value.Raw)
				if err != nil {
					return err
				}
				z.products = append(z.products, product)
			}
		case "sizedFields":
			c.sized = sizedListOf(lists, a.Value)
		}
	}
	if c.sized != nil {
		result := m.schema.Types[f.Type.Name()]
		for _, name := range c.sized.names {
			if of := result.Fields.ForName(name); of == nil || of.Type.Elem == nil {
				return fmt.Errorf("sizedFields: %s.%s is no list", result.Name, name)
			}
		}
	}
	c.size = z
	return nil
}

func sizedListOf(lists map[string]*sizedList, v *ast.Value) *sizedList {
	var names []string
	for _, child := range v.Children {
		names = append(names, child.Value.Raw)
	}
	key := strings.Join(names, ",")
	if lists[key] == nil {
		lists[key] = &sizedList{names: names, index: len(lists)}
	}
	return lists[key]
}

// productOf reads one slicing argument such as `first`, `input.lines` or `skus*locationIds`.
func (m *costModel) productOf(f *ast.FieldDefinition, text string) (product []argumentPath, err error) {
	for factor := range strings.SplitSeq(text, "*") {
		steps := strings.Split(factor, ".")
		def := f.Arguments.ForName(steps[0])
		if def == nil {
			return nil, fmt.Errorf("slicingArguments: there is no argument %s", steps[0])
		}
		p := argumentPath{name: steps[0], steps: steps[1:]}
		t := def.Type
		for _, step := range p.steps {
			of := m.schema.Types[t.Name()]
			if t.Elem != nil || of == nil || of.Kind != ast.InputObject || of.Fields.ForName(step) == nil {
				return nil, fmt.Errorf("slicingArguments: %s leads nowhere", factor)
			}
			t = of.Fields.ForName(step).Type
		}
		if t.Elem == nil && t.NamedType != "Int" {
			return nil, fmt.Errorf("slicingArguments: %s is neither a list nor a number", factor)
		}
		product = append(product, p)
	}
	return product, nil
}

// raiseInterfaces makes a field of an interface cost what it does on the object where it is dearest.
func (m *costModel) raiseInterfaces() {
	for _, def := range m.schema.Types {
		if def.Kind != ast.Interface {
			continue
		}
		for _, f := range def.Fields {
			c := m.fields[f]
			for _, t := range m.schema.PossibleTypes[def.Name] {
				if on := m.fields[t.Fields.ForName(f.Name)]; t.Kind == ast.Object && on != nil {
					c.once, c.each = max(c.once, on.once), max(c.each, on.each)
				}
			}
		}
	}
}
