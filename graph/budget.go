package graph

import (
	"github.com/vektah/gqlparser/v2/ast"
)

// shape is what a document holds, in the units of Limits. It is counted once, when the document is compiled, and compared
// with the limits of everyone who asks it.
type shape struct {
	tokens, fragments, fields, repeats, aliases, directives, listItems, valueDepth int

	// The worst of its operations, fragments expanded.
	depth, introspectionDepth, rootFields, mutationFields, expanded int
}

// shapeOf counts what a document holds. It runs before validation, whose rules compare fields pairwise, and visits every
// node of the document once: what a fragment amounts to is remembered, so a chain of fragments that doubles at every link is
// summed, not walked.
func shapeOf(doc *ast.QueryDocument) (*shape, *refusal) {
	b := budget{doc: doc, spans: make(map[string]span, len(doc.Fragments)), names: map[string]bool{}}
	var worst span
	effects := 0
	for _, op := range doc.Operations {
		for _, v := range op.VariableDefinitions {
			b.values(v.DefaultValue, 1)
			b.directed(v.Directives)
		}
		b.directed(op.Directives)
		c := b.set(op.SelectionSet)
		if op.Operation == ast.Mutation {
			effects = max(effects, c.width)
		}
		worst.widen(c)
	}
	for _, f := range doc.Fragments {
		b.fragment(f.Name)
	}
	if b.cyclic {
		return nil, refuse(statusInvalid, newError(CodeValidationFailed, "a fragment spreads itself"))
	}
	if worst.schemas > 1 { // tools ask once; every further time is made by reflection anew
		return nil, refuse(statusInvalid, newError(CodeValidationFailed, "an operation may ask __schema once"))
	}
	s := b.shape
	s.depth, s.introspectionDepth, s.expanded = worst.depth, worst.introspection, worst.expanded
	s.rootFields, s.mutationFields = worst.width, effects
	return &s, nil
}

// beyond lists what exceeds the limits.
func (s *shape) beyond(l *Limits, each func(limit string, maximum int)) {
	for _, c := range [...]struct {
		limit        string
		got, maximum int
	}{
		{"tokens", s.tokens, l.Tokens},
		{"fragments", s.fragments, l.Fragments},
		{"fields", s.fields, l.Fields},
		{"repeats", s.repeats, l.Repeats},
		{"aliases", s.aliases, l.Aliases},
		{"directives", s.directives, l.Directives},
		{"listItems", s.listItems, l.ListItems},
		{"valueDepth", s.valueDepth, l.ValueDepth},
		{"depth", s.depth, l.Depth},
		{"introspectionDepth", s.introspectionDepth, l.IntrospectionDepth},
		{"rootFields", s.rootFields, l.RootFields},
		{"mutationFields", s.mutationFields, l.MutationFields},
		{"expanded", s.expanded, l.Expanded},
	} {
		if c.got > c.maximum {
			each(c.limit, c.maximum)
		}
	}
}

// check refuses what exceeds the limits.
func (s *shape) check(l *Limits) (no *refusal) {
	s.beyond(l, func(limit string, maximum int) {
		if no == nil {
			no = overLimit(limit, maximum)
		}
	})
	return no
}

// span is what a selection set amounts to with its fragments expanded.
type span struct {
	width         int // fields at its top
	expanded      int // fields in all
	depth         int // nested fields, outside of introspection
	introspection int // nested fields down to the deepest one of introspection
	schemas       int // `__schema` fields
}

// ceiling keeps sums from overflowing; it is above every limit.
const ceiling = 1 << 30

// add joins two selections of one set.
func (c *span) add(o span) {
	c.width = min(c.width+o.width, ceiling)
	c.expanded = min(c.expanded+o.expanded, ceiling)
	c.depth = max(c.depth, o.depth)
	c.introspection = max(c.introspection, o.introspection)
	c.schemas = min(c.schemas+o.schemas, ceiling)
}

// widen keeps the worst of two operations.
func (c *span) widen(o span) {
	c.width, c.expanded = max(c.width, o.width), max(c.expanded, o.expanded)
	c.depth, c.introspection = max(c.depth, o.depth), max(c.introspection, o.introspection)
	c.schemas = max(c.schemas, o.schemas)
}

// budget counts what a document holds.
type budget struct {
	shape

	doc   *ast.QueryDocument
	spans map[string]span // of fragments, by name; zero while the fragment is being walked
	names map[string]bool // of the selection set being counted

	cyclic  bool
	walking []string
}

func (b *budget) set(set ast.SelectionSet) (total span) {
	b.countRepeats(set)
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			total.add(b.field(s))
		case *ast.InlineFragment:
			b.shape.fragments++
			b.directed(s.Directives)
			total.add(b.set(s.SelectionSet))
		case *ast.FragmentSpread:
			b.directed(s.Directives)
			total.add(b.fragment(s.Name))
		}
	}
	return total
}

func (b *budget) countRepeats(set ast.SelectionSet) {
	clear(b.names)
	for _, s := range set {
		f, ok := s.(*ast.Field)
		if !ok {
			continue
		}
		if b.names[f.Alias] {
			b.repeats++
		}
		b.names[f.Alias] = true
	}
}

func (b *budget) field(f *ast.Field) span {
	b.shape.fields++
	if f.Alias != f.Name {
		b.aliases++
	}
	b.arguments(f.Arguments)
	b.directed(f.Directives)
	below := b.set(f.SelectionSet)
	c := span{width: 1, expanded: min(below.expanded+1, ceiling), depth: min(below.depth+1, ceiling)}
	switch {
	case f.Name == "__schema" || f.Name == "__type":
		c.depth, c.introspection = 1, min(max(below.depth, below.introspection)+1, ceiling)
		if f.Name == "__schema" {
			c.schemas = 1
		}
	case below.introspection > 0:
		c.introspection = min(below.introspection+1, ceiling)
	}
	return c
}

// fragment returns the span of the named fragment; validation reports unknown names.
func (b *budget) fragment(name string) span {
	if c, known := b.spans[name]; known {
		for _, w := range b.walking {
			b.cyclic = b.cyclic || w == name
		}
		return c
	}
	def := b.doc.Fragments.ForName(name)
	if def == nil {
		return span{}
	}
	b.spans[name] = span{}
	b.walking = append(b.walking, name)
	b.shape.fragments++
	b.directed(def.Directives)
	c := b.set(def.SelectionSet)
	b.walking = b.walking[:len(b.walking)-1]
	b.spans[name] = c
	return c
}

func (b *budget) directed(list ast.DirectiveList) {
	b.shape.directives += len(list)
	for _, d := range list {
		b.arguments(d.Arguments)
	}
}

func (b *budget) arguments(list ast.ArgumentList) {
	for _, a := range list {
		b.values(a.Value, 1)
	}
}

func (b *budget) values(v *ast.Value, depth int) {
	if v == nil || v.Kind != ast.ListValue && v.Kind != ast.ObjectValue {
		return
	}
	b.valueDepth = max(b.valueDepth, depth)
	if v.Kind == ast.ListValue {
		b.listItems = max(b.listItems, len(v.Children))
	}
	for _, child := range v.Children {
		b.values(child.Value, depth+1)
	}
}
