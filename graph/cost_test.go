package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator/rules"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/graph/generated"
)

const costDirectives = `
	directive @cost(weight: String!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
	directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
`

const costSchema = costDirectives + `
	type Query {
		thing(live: Boolean @cost(weight: "7")): Thing
		row: Row
		things(first: Int = 3, ids: [ID!]): [Thing!] @cost(weight: "5") @listSize(slicingArguments: ["ids", "first"])
		grid(a: [ID!]!, b: [ID!], first: Int = 2): Page @listSize(slicingArguments: ["a*b", "a*first"], sizedFields: ["rows"])
		page(first: Int! = 4, input: Input): Page @listSize(slicingArguments: ["first"], sizedFields: ["rows", "things"])
		of(input: Input): [Thing] @listSize(slicingArguments: ["input.lines"])
		any: [Any!] @listSize(assumedSize: 2)
		priced: Int @cost(weight: "0.25")
	}
	type Mutation { plain: Thing dear: Thing @cost(weight: "30") }
	type Thing { name: String things: [Thing!] @listSize(assumedSize: 2) heavy: Thing @cost(weight: "2.5") kind: Kind }
	type Row @cost(weight: "0.1") { name: String }
	type Page @cost(weight: "0") { rows: [Row!] @listSize(assumedSize: 50) things: [Thing!] total: Row }
	enum Kind @cost(weight: "0") { A }
	input Input { lines: [Line!] = [{}] nested: Input extra: Int @cost(weight: "4") }
	input Line { sku: String @cost(weight: "0.5") }
	union Any = Thing | Row
`

func costOf(t testing.TB, schema *ast.Schema, query string, variables map[string]any) graph.Cost {
	t.Helper()
	doc, errs := gqlparser.LoadQueryWithRules(schema, query, rules.NewDefaultRules())
	if len(errs) > 0 {
		t.Fatalf("%s: %v", query, errs)
	}
	c, err := graph.CostOf(schema, doc, doc.Operations[0], variables)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatOperationsCost(t *testing.T) {
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: costSchema})
	for name, c := range map[string]struct {
		query     string
		variables map[string]any
		points    int64
		fields    int64
	}{
		"a leaf is free":                                       {`{__typename}`, nil, 0, 1},
		"a leaf with a weight is rounded up":                   {`{priced}`, nil, 1, 1},
		"an object costs 1":                                    {`{thing{name}}`, nil, 1, 2},
		"an object of a type with a weight costs that":         {`{row{name} b:row{name}}`, nil, 1, 4},
		"a field with a weight costs that":                     {`{thing{heavy{name}}}`, nil, 4, 3},
		"an argument with a weight, given":                     {`{thing(live: false){name}}`, nil, 8, 2},
		"an argument with a weight, null":                      {`{thing(live: null){name}}`, nil, 1, 2},
		"an argument with a weight, a variable that is absent": {`query($l: Boolean){thing(live: $l){name}}`, nil, 1, 2},
		"an argument with a weight, a variable":                {`query($l: Boolean){thing(live: $l){name}}`, map[string]any{"l": true}, 8, 2},
		"a list by its argument's default":                     {`{things{name}}`, nil, 8, 4},
		"a list by its argument":                               {`{things(first: 10){name}}`, nil, 15, 11},
		"a list by a variable":                                 {`query($n: Int){things(first: $n){name}}`, map[string]any{"n": json.Number("10")}, 15, 11},
		"a list by a variable that is absent":                  {`query($n: Int){things(first: $n){name}}`, nil, 8, 4},
		"a list by a variable's own default":                   {`query($n: Int = 6){things(first: $n){name}}`, map[string]any{"n": int64(6)}, 11, 7},
		"what is given counts before a default":                {`{things(ids: [1]){name}}`, nil, 6, 2},
		"of what is given the greatest counts":                 {`{things(ids: [1, 2], first: 4){name}}`, nil, 9, 5},
		"one value stands for a list of one":                   {`{things(ids: 1){name}}`, nil, 6, 2},
		"a list that is given empty bounds nothing":            {`{things(ids: []){name}}`, nil, 8, 4},
		"a negative number bounds nothing":                     {`{things(first: -7){name}}`, nil, 5, 1},
		"a list of a variable":                                 {`query($i: [ID!]){things(ids: $i){name}}`, map[string]any{"i": []any{"a", "b"}}, 7, 3},
		"lists in lists multiply":                              {`{things(first: 10){things{things{name}}}}`, nil, 5 + 10*(1+2*(1+2)), 1 + 10*(1+2*(1+2*1))},
		"the sized fields of a page":                           {`{page(first: 10){rows{name} things{name} total{name}}}`, nil, 1 + 10 + 1, 1 + 3 + 10 + 10 + 1},
		"the sized fields of a page by fragments":              {`{page(first: 10){...F ...{things{name}}}} fragment F on Page{rows{name} ...G} fragment G on Page{total{name}}`, nil, 12, 25},
		"a fragment in two pages":                              {`{page(first: 10){...F} b:page(first: 20){...F} c:grid(a: 1){...F}} fragment F on Page{things{name}}`, nil, 40, 46},
		"a product of lists":                                   {`{grid(a: [1, 2, 3], b: [1, 2]){rows{name}}}`, nil, 1, 8},
		"a product with a default":                             {`{grid(a: [1, 2, 3, 4, 5]){rows{name}}}`, nil, 1, 12},
		"a field that its page does not size":                  {`{grid(a: 1){things{name}}}`, nil, 10, 12},
		"a list within an argument":                            {`{of(input: {lines: [{}, {}, {}]}){name}}`, nil, 3, 4},
		"a list within an argument by its default":             {`{of(input: {}){name}}`, nil, 1, 2},
		"a list within an argument that is a variable":         {`query($i: Input){of(input: $i){name}}`, map[string]any{"i": map[string]any{"lines": []any{map[string]any{}, map[string]any{}}}}, 2, 3},
		"weights within an argument":                           {`{of(input: {lines: [{sku: "a"}, {sku: "b"}], extra: 1}){name}}`, nil, 2 + 1 + 4, 3},
		"weights within a nested argument":                     {`{page(input: {nested: {nested: {extra: 1}}}){total{name}}}`, nil, 5, 3},
		"weights within a variable":                            {`query($i: Input){of(input: $i){name}}`, map[string]any{"i": map[string]any{"lines": []any{map[string]any{"sku": "a"}}, "nested": map[string]any{"extra": json.Number("1")}}}, 1 + 1 + 4, 2},
		"a union costs as its dearest member":                  {`{any{... on Row{name}}}`, nil, 2, 3},
		"a mutation's field costs 10":                          {`mutation{plain{name}}`, nil, 10, 2},
		"a mutation's field with a weight":                     {`mutation{dear{name} b:dear{name}}`, nil, 60, 4},
		"what is skipped":                                      {`{thing @skip(if: true){name} ...F @include(if: false)} fragment F on Query{thing{name}}`, nil, 0, 0},
		"what is skipped by a variable":                        {`query($s: Boolean!){thing @skip(if: $s){name} row @include(if: $s){name}}`, map[string]any{"s": true}, 1, 2},
		"the schema has a price of its own":                    {`{__schema{types{fields{name}}} __type(name: "Row"){name}}`, nil, 110, 2},
		"great numbers":                                        {`{things(first: 2147483647){things{things{name}} a:things{name}} b:things(first: 2147483647){name}}`, nil, 10 + 2147483647*10, 2 + 2147483647*11},
		"greater ones stop at a ceiling":                       {`query($n: Int){things(first: $n){name}}`, map[string]any{"n": json.Number("99999999999999999999")}, (1<<50 + 999) / 1000, 1 << 50},
	} {
		t.Run(name, func(t *testing.T) {
			got := costOf(t, schema, c.query, c.variables)
			if got.Points != c.points || got.Fields != c.fields {
				t.Errorf("got %d points and %d fields, want %d and %d", got.Points, got.Fields, c.points, c.fields)
			}
		})
	}
}

// A document of 40 links doubles 40 times; its cost is summed, not walked, and stops at the ceiling.
func TestTheCostOfAFragmentBombIsLinear(t *testing.T) {
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: costSchema})
	const links = 40
	var b strings.Builder
	b.WriteString("{things(first: 100){...f0}}")
	for i := range links {
		fmt.Fprintf(&b, " fragment f%d on Thing {things{...f%d} a%d:things{...f%d}}", i, i+1, i, i+1)
	}
	fmt.Fprintf(&b, " fragment f%d on Thing {name}", links)
	doc, err := parser.ParseQuery(&ast.Source{Input: b.String()})
	if err != nil {
		t.Fatal(err)
	}
	resolve(schema, doc)
	c, err := graph.CostOf(schema, doc, doc.Operations[0], nil)
	if err != nil || c.Points != (1<<50+999)/1000 || c.Fields != 1<<50 {
		t.Errorf("got %+v %v", c, err)
	}
}

// resolve does what validation does for fields of Query and Thing, without the rules that would walk a bomb.
func resolve(schema *ast.Schema, doc *ast.QueryDocument) {
	var set func(def *ast.Definition, set ast.SelectionSet)
	set = func(def *ast.Definition, selections ast.SelectionSet) {
		for _, s := range selections {
			if f, ok := s.(*ast.Field); ok {
				f.Definition = def.Fields.ForName(f.Name)
				set(schema.Types[f.Definition.Type.Name()], f.SelectionSet)
			}
		}
	}
	for _, op := range doc.Operations {
		set(schema.Query, op.SelectionSet)
	}
	for _, f := range doc.Fragments {
		set(schema.Types[f.TypeCondition], f.SelectionSet)
	}
}

func TestAMistakeInACostIsNoSchema(t *testing.T) {
	for name, sdl := range map[string]string{
		"a weight that is no number":           `type Query {a: Int @cost(weight: "much")}`,
		"a negative weight":                    `type Query {a: Int @cost(weight: "-1")}`,
		"a weight that is not a number at all": `type Query {a: Int @cost(weight: "NaN")}`,
		"an unknown argument":                  `type Query {a(n: Int): [Int] @listSize(slicingArguments: ["m"])}`,
		"a path that leads nowhere":            `type Query {a(n: I): [Int] @listSize(slicingArguments: ["n.x"])} input I {y: [Int]}`,
		"an argument that is no size":          `type Query {a(n: String): [Int] @listSize(slicingArguments: ["n"])}`,
		"a sized field that is no list":        `type Query {a(n: Int): P @listSize(slicingArguments: ["n"], sizedFields: ["x"])} type P {x: Int}`,
		"a weight of an input":                 `type Query {a(n: I): Int} input I {y: Int @cost(weight: "")}`,
	} {
		schema := gqlparser.MustLoadSchema(&ast.Source{Input: costDirectives + sdl})
		if _, err := graph.CostOf(schema, &ast.QueryDocument{}, &ast.OperationDefinition{}, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// selectionOf draws a selection of a type, nested to a depth. A field's alias tells how often it was drawn.
func selectionOf(t *rapid.T, schema *ast.Schema, def *ast.Definition, depth int, drawn *int) string {
	var b strings.Builder
	b.WriteString("{__typename")
	for _, f := range def.Fields {
		if strings.HasPrefix(f.Name, "__") || !rapid.Bool().Draw(t, "select "+f.Name) {
			continue
		}
		of := schema.Types[f.Type.Name()]
		arguments, ok := argumentsOf(t, f)
		if !ok || depth == 0 && of.IsCompositeType() {
			continue
		}
		*drawn++
		fmt.Fprintf(&b, " a%d:%s%s", *drawn, f.Name, arguments)
		if of.IsCompositeType() {
			b.WriteString(selectionOf(t, schema, of, depth-1, drawn))
		}
	}
	return b.String() + "}"
}

// argumentsOf draws the numbers and the lists of ids or strings of a field; not ok when something else is required.
func argumentsOf(t *rapid.T, f *ast.FieldDefinition) (string, bool) {
	var list []string
	for _, a := range f.Arguments {
		switch {
		case a.Type.Elem == nil && a.Type.NamedType == "Int" && a.Name == "first":
			list = append(list, fmt.Sprintf("first: %d", rapid.IntRange(1, 100).Draw(t, "first")))
		case a.Type.Elem != nil && (a.Type.Name() == "ID" || a.Type.Name() == "String"):
			n := rapid.IntRange(1, 20).Draw(t, a.Name)
			list = append(list, a.Name+": ["+strings.TrimSpace(strings.Repeat(`"x" `, n))+"]")
		case a.Type.NonNull && a.DefaultValue == nil:
			return "", false
		}
	}
	if len(list) == 0 {
		return "", true
	}
	return "(" + strings.Join(list, ", ") + ")", true
}

func served() *ast.Schema { return generated.NewExecutableSchema(generated.Config{}).Schema() }

// More fields and longer pages never cost less.
func TestAskingMoreNeverCostsLess(t *testing.T) {
	schema := served()
	rapid.Check(t, func(rt *rapid.T) {
		drawn := 0
		one := selectionOf(rt, schema, schema.Query, 3, &drawn)
		other := selectionOf(rt, schema, schema.Query, 2, &drawn)
		cost := func(query string) graph.Cost {
			doc, errs := gqlparser.LoadQueryWithRules(schema, query, rules.NewDefaultRules())
			if len(errs) > 0 {
				rt.Fatalf("%s: %v", query, errs)
			}
			c, err := graph.CostOf(schema, doc, doc.Operations[0], nil)
			if err != nil {
				rt.Fatal(err)
			}
			return c
		}
		less := cost(one)
		more := cost("{..." + one + " ..." + other + "}")
		if more.Points < less.Points || more.Fields < less.Fields {
			rt.Fatalf("%+v with more fields, %+v without", more, less)
		}
		if spread := cost("{...A ...B} fragment A on Query" + one + " fragment B on Query" + other); spread != more {
			rt.Fatalf("%+v in fragments, %+v inline", spread, more)
		}
		page := rapid.IntRange(1, 99).Draw(rt, "page")
		short := cost(strings.ReplaceAll(one, "first: ", fmt.Sprintf("first: %d", page)))
		long := cost(strings.ReplaceAll(one, "first: ", fmt.Sprintf("first: %d", page+1)))
		if long.Points < short.Points || long.Fields < short.Fields {
			rt.Fatalf("%+v with longer pages, %+v with shorter ones", long, short)
		}
	})
}

// The fields that are really resolved are never more than the cost said, whatever is selected.
func TestNoMoreFieldsAreResolvedThanTheCostSays(t *testing.T) {
	schema := served()
	var resolved atomic.Int64
	h := mustHandler(t, newStub(), func(o *graph.HandlerOptions) {
		o.Fields = counting(func() { resolved.Add(1) })
		o.Limits = graph.DefaultLimits()
		o.Limits.Repeats, o.Limits.Aliases, o.Limits.Fields, o.Limits.Depth = 10_000, 10_000, 10_000, 50
	})
	check := schema.Types["StockCheck"]
	rapid.Check(t, func(rt *rapid.T) {
		drawn := 0
		skus := strings.TrimSpace(strings.Repeat(`"x" `, rapid.IntRange(1, 20).Draw(rt, "skus")))
		text := "{stockCheck(skus: [" + skus + `], locationIds: ["a"])` + selectionOf(rt, schema, check, 4, &drawn) + "}"
		bound := costOf(t, schema, text, nil)
		resolved.Store(0)
		if w := post(h, query(text)); w.Code != http.StatusOK {
			rt.Fatalf("%s: %d %s", text, w.Code, w.Body)
		}
		if got := resolved.Load(); got > bound.Fields {
			rt.Fatalf("%s: %d fields resolved, the cost says %d", text, got, bound.Fields)
		}
	})
	if resolved.Load() == 0 {
		t.Error("no field was counted")
	}
}

// counting sees every field that is resolved.
type counting func()

func (c counting) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	c()
	return next(ctx)
}
