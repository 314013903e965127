package graph

import (
	"github.com/vektah/gqlparser/v2/ast"
)

// Cost is what an operation asks for at most, if lists are as long as the schema assumes.
type Cost struct {
	Points int64 // weighted, rounded up
	Fields int64 // fields resolved, counted like Limits.ResponseFields
}

// CostOf returns the cost of one operation of a document that was validated against schema. Without variables lists are as
// long as the arguments' defaults and the schema's assumptions say.
func CostOf(schema *ast.Schema, doc *ast.QueryDocument, op *ast.OperationDefinition, variables map[string]any) (Cost, error) {
	m, err := newCostModel(schema)
	if err != nil {
		return Cost{}, err
	}
	plans := m.compile(doc)
	return plans.of(op).cost(variables), nil
}

// costPlans are the cost trees of a document. They are immutable and shared by requests: what depends on a request is read
// from its variables.
type costPlans struct {
	model     *costModel
	doc       *ast.QueryDocument
	fragments map[string]int // index by name
	sets      []*costSet     // of the fragments
	lists     int            // most that a sizedList's index in this document is below
}

// costPlan is the cost tree of one operation.
type costPlan struct {
	of  *costPlans
	set *costSet
}

// costSet is a selection set.
type costSet struct {
	fields  []costField
	spreads []costSpread
}

type costField struct {
	*fieldCost

	field      *ast.Field
	set        *costSet // nil for leaves
	conditions ast.DirectiveList
}

// costSpread is an inline fragment's set, or the fragment of a document.
type costSpread struct {
	set        *costSet
	fragment   int
	conditions ast.DirectiveList
}

func (m *costModel) compile(doc *ast.QueryDocument) *costPlans {
	p := &costPlans{model: m, doc: doc, fragments: make(map[string]int, len(doc.Fragments)), sets: make([]*costSet, len(doc.Fragments))}
	for i, f := range doc.Fragments {
		p.fragments[f.Name] = i
	}
	for i, f := range doc.Fragments {
		p.sets[i] = p.compileSet(f.SelectionSet)
	}
	return p
}

func (p *costPlans) of(op *ast.OperationDefinition) *costPlan {
	return &costPlan{of: p, set: p.compileSet(op.SelectionSet)}
}

func (p *costPlans) compileSet(set ast.SelectionSet) *costSet {
	if len(set) == 0 {
		return nil
	}
	s := &costSet{}
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			s.fields = append(s.fields, p.compileField(selection))
		case *ast.InlineFragment:
			s.spreads = append(s.spreads, costSpread{
				set: p.compileSet(selection.SelectionSet), conditions: conditional(selection.Directives),
			})
		case *ast.FragmentSpread:
			if i, known := p.fragments[selection.Name]; known {
				s.spreads = append(s.spreads, costSpread{fragment: i, conditions: conditional(selection.Directives)})
			}
		}
	}
	return s
}

var (
	leafCost   = &fieldCost{}
	schemaCost = &fieldCost{once: weightSchema}
	typeCost   = &fieldCost{once: weightType}
)

func (p *costPlans) compileField(f *ast.Field) costField {
	c := costField{field: f, conditions: conditional(f.Directives)}
	switch f.Name {
	case "__schema":
		c.fieldCost = schemaCost
		return c
	case "__type":
		c.fieldCost = typeCost
		return c
	}
	if c.fieldCost = p.model.fields[f.Definition]; c.fieldCost == nil {
		c.fieldCost = leafCost
	}
	if c.sized != nil {
		p.lists = max(p.lists, c.sized.index+1)
	}
	c.set = p.compileSet(f.SelectionSet)
	return c
}

// conditional returns directives that can leave a selection out, else nil.
func conditional(list ast.DirectiveList) ast.DirectiveList {
	if list.ForName("skip") == nil && list.ForName("include") == nil {
		return nil
	}
	return list
}

// amount is a sum of costs that stops at a ceiling instead of overflowing.
type amount struct{ weight, fields int64 }

func plus(a, b int64) int64 { return min(a+b, dearest) }

func times(n, a int64) int64 {
	if a > 0 && n > dearest/a {
		return dearest
	}
	return n * a
}

func (a *amount) add(b amount) {
	a.weight, a.fields = plus(a.weight, b.weight), plus(a.fields, b.fields)
}

func (a amount) times(n int64) amount { return amount{times(n, a.weight), times(n, a.fields)} }

// sum is the cost of a selection set: once, and for each entry of the lists that the field around it tells the size of.
type sum struct{ once, each amount }

// reckoning is the cost of one operation with one request's variables. A fragment is reckoned once for every list of sized
// fields that it stands in, of which a schema has a few: the time is linear in the document.
type reckoning struct {
	plans     *costPlans
	variables map[string]any
	known     []bool
	sums      []sum
}

// cost returns the cost with coerced variables.
func (p *costPlan) cost(variables map[string]any) Cost {
	r := reckoning{plans: p.of, variables: variables}
	if n := len(p.of.sets) * (p.of.lists + 1); n > 0 {
		r.known, r.sums = make([]bool, n), make([]sum, n)
	}
	total := r.set(p.set, nil).once
	return Cost{Points: (total.weight + point - 1) / point, Fields: total.fields}
}

func (r *reckoning) set(s *costSet, sized *sizedList) (total sum) {
	if s == nil {
		return total
	}
	for i := range s.fields {
		f := &s.fields[i]
		if r.leftOut(f.conditions) {
			continue
		}
		once, each := r.field(f)
		total.once.add(once)
		switch {
		case !f.list:
			total.once.add(each)
		case sized != nil && sized.has(f.field.Name):
			total.each.add(each)
		default:
			total.once.add(each.times(f.length(f.field, r.variables)))
		}
	}
	for _, spread := range s.spreads {
		if r.leftOut(spread.conditions) {
			continue
		}
		inner := r.spread(spread, sized)
		total.once.add(inner.once)
		total.each.add(inner.each)
	}
	return total
}

func (r *reckoning) spread(s costSpread, sized *sizedList) sum {
	if s.set != nil {
		return r.set(s.set, sized)
	}
	at := s.fragment * (r.plans.lists + 1)
	if sized != nil {
		at += 1 + sized.index
	}
	if !r.known[at] {
		r.known[at], r.sums[at] = true, r.set(r.plans.sets[s.fragment], sized)
	}
	return r.sums[at]
}

// field returns what resolving a field costs and what every object that it gives does.
func (r *reckoning) field(f *costField) (once, each amount) {
	once = amount{weight: plus(f.once, r.arguments(f)), fields: 1}
	each.weight = f.each
	if f.set == nil {
		return once, each
	}
	below := r.set(f.set, f.sized)
	each.add(below.once)
	if f.sized != nil {
		each.add(below.each.times(f.length(f.field, r.variables)))
	}
	return once, each
}

// length is how long the list is that the field gives, or those of its sized fields.
func (c *fieldCost) length(f *ast.Field, variables map[string]any) int64 {
	if c.size == nil || c.list && c.sized != nil {
		return assumedSize
	}
	return c.size.of(f, variables)
}

func (r *reckoning) leftOut(conditions ast.DirectiveList) bool {
	return conditions != nil && (says(conditions, "skip", true, r.variables) || says(conditions, "include", false, r.variables))
}
