package graph

import (
	"github.com/vektah/gqlparser/v2/ast"
)

// checkBudget refuses a document that would cost more than the limits allow. It runs before validation, whose rules
// compare fields pairwise, and visits every node of the document once: a fragment's cost is remembered, so a chain of
// fragments that doubles at every link is summed, not walked.
func checkBudget(doc *ast.QueryDocument, l *Limits) *refusal {
	b := budget{doc: doc, limits: l, costs: make(map[string]cost, len(doc.Fragments)), names: map[string]bool{}}
	var worst cost
	effects := 0
	for _, op := range doc.Operations {
		for _, v := range op.VariableDefinitions {
			b.values(v.DefaultValue, 1)
			b.directives(v.Directives)
		}
		b.directives(op.Directives)
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
		return refuse(statusInvalid, newError(CodeValidationFailed, "a fragment spreads itself"))
	}
	for _, c := range [...]struct {
		limit        string
		got, maximum int
	}{
		{"fragments", b.fragments, l.Fragments},
		{"fields", b.fields, l.Fields},
		{"repeats", b.repeats, l.Repeats},
		{"aliases", b.aliases, l.Aliases},
		{"directives", b.directiveCount, l.Directives},
		{"listItems", b.listItems, l.ListItems},
		{"valueDepth", b.valueDepth, l.ValueDepth},
		{"depth", worst.depth, l.Depth},
		{"introspectionDepth", worst.introspection, l.IntrospectionDepth},
		{"rootFields", worst.width, l.RootFields},
		{"mutationFields", effects, l.MutationFields},
		{"expanded", worst.expanded, l.Expanded},
	} {
		if c.got > c.maximum {
			return overLimit(c.limit, c.maximum)
		}
	}
	return nil
}

// cost is what a selection set amounts to with its fragments expanded.
type cost struct {
	width         int // fields at its top
	expanded      int // fields in all
	depth         int // nested fields, outside of introspection
	introspection int // nested fields down to the deepest one of introspection
}

// ceiling keeps sums from overflowing; it is above every limit.
const ceiling = 1 << 30

// add joins two selections of one set.
func (c *cost) add(o cost) {
	c.width = min(c.width+o.width, ceiling)
	c.expanded = min(c.expanded+o.expanded, ceiling)
	c.depth = max(c.depth, o.depth)
	c.introspection = max(c.introspection, o.introspection)
}

// widen keeps the worst of two operations.
func (c *cost) widen(o cost) {
	c.width, c.expanded = max(c.width, o.width), max(c.expanded, o.expanded)
	c.depth, c.introspection = max(c.depth, o.depth), max(c.introspection, o.introspection)
}

// budget counts what a document holds.
type budget struct {
	doc    *ast.QueryDocument
	limits *Limits
	costs  map[string]cost // of fragments, by name; zero while the fragment is being walked

	fields, repeats, aliases, directiveCount, fragments, valueDepth, listItems int

	names map[string]bool // of the selection set being counted

	cyclic  bool
	walking []string
}

func (b *budget) set(set ast.SelectionSet) (sum cost) {
	b.countRepeats(set)
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			sum.add(b.field(s))
		case *ast.InlineFragment:
			b.fragments++
			b.directives(s.Directives)
			sum.add(b.set(s.SelectionSet))
		case *ast.FragmentSpread:
			b.directives(s.Directives)
			sum.add(b.fragment(s.Name))
		}
	}
	return sum
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

func (b *budget) field(f *ast.Field) cost {
	b.fields++
	if f.Alias != f.Name {
		b.aliases++
	}
	b.arguments(f.Arguments)
	b.directives(f.Directives)
	below := b.set(f.SelectionSet)
	c := cost{width: 1, expanded: min(below.expanded+1, ceiling), depth: min(below.depth+1, ceiling)}
	switch {
	case f.Name == "__schema" || f.Name == "__type":
		c.depth, c.introspection = 1, min(max(below.depth, below.introspection)+1, ceiling)
	case below.introspection > 0:
		c.introspection = min(below.introspection+1, ceiling)
	}
	return c
}

// fragment returns the cost of the named fragment; validation reports unknown names.
func (b *budget) fragment(name string) cost {
	if c, known := b.costs[name]; known {
		for _, w := range b.walking {
			b.cyclic = b.cyclic || w == name
		}
		return c
	}
	def := b.doc.Fragments.ForName(name)
	if def == nil {
		return cost{}
	}
	b.costs[name] = cost{}
	b.walking = append(b.walking, name)
	b.fragments++
	b.directives(def.Directives)
	c := b.set(def.SelectionSet)
	b.walking = b.walking[:len(b.walking)-1]
	b.costs[name] = c
	return c
}

func (b *budget) directives(list ast.DirectiveList) {
	b.directiveCount += len(list)
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
