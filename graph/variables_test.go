package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/graph"
)

const variablesSchema = `
	type Query { a(i: Int, f: Float, s: String, b: Boolean, id: ID, e: Color, l: [Int!], ll: [[Int]], o: In, d: Decimal): Int @public }
	enum Color {RED}
	scalar Decimal
	input In { i: Int! = 3, s: String!, in: In, list: [In!] }
`

func TestVariables(t *testing.T) {
	var seen map[string]any
	h := mustFakeHandler(t, variablesSchema, func(f *fake, _ *graph.HandlerOptions) {
		f.exec = func(ctx context.Context) *graphql.Response {
			seen = graphql.GetOperationContext(ctx).Variables
			return &graphql.Response{Data: []byte("{}")}
		}
	})
	for name, c := range map[string]struct {
		kind, value string // value "" is absent
		want        any    // what the resolver reads
		message     string
	}{
		"an integer":                    {"Int", "5", json.Number("5"), ""},
		"null":                          {"Int", "null", nil, ""},
		"a default":                     {"Int = 7", "", int64(7), ""},
		"a value instead of a default":  {"Int = 7", "8", json.Number("8"), ""},
		"a list":                        {"[Int!]", "[1,2]", []any{json.Number("1"), json.Number("2")}, ""},
		"one value for a list":          {"[Int!]", "1", []any{json.Number("1")}, ""},
		"one value for a list of lists": {"[[Int]]", "1", []any{[]any{json.Number("1")}}, ""},
		"an object":                     {"In", `{"s":"x"}`, map[string]any{"s": "x"}, ""},
		"an enum":                       {"Color", `"RED"`, "RED", ""},
		"an id of digits":               {"ID", "7", json.Number("7"), ""},
		"an exact large number":         {"Decimal", "12345678901234567890.10", json.Number("12345678901234567890.10"), ""},

		"an integer of 33 bits":      {"Int", "4294967296", nil, "variable $v must be an integer of 32 bits"},
		"a huge integer":             {"Int", "1" + fmt.Sprintf("%0400d", 0), nil, "variable $v must be an integer of 32 bits"},
		"a fraction":                 {"Int", "1.5", nil, "variable $v must be an integer of 32 bits"},
		"an integer as text":         {"Int", `"1"`, nil, "variable $v must be an integer of 32 bits"},
		"a boolean for an integer":   {"Int", "true", nil, "variable $v must be an integer of 32 bits"},
		"beyond a float":             {"Float", "1e400", nil, "variable $v must be a finite number"},
		"a number for a text":        {"String", "1", nil, "variable $v must be a string"},
		"a number for a boolean":     {"Boolean", "1", nil, "variable $v must be true or false"},
		"a fraction for an id":       {"ID", "1.5", nil, "variable $v must be an id"},
		"a long id":                  {"ID", `"` + strings.Repeat("x", 201) + `"`, nil, "variable $v must be an id"},
		"an enum of other case":      {"Color", `"red"`, nil, "variable $v must be a value of its enum"},
		"a number for an enum":       {"Color", "0", nil, "variable $v must be a value of its enum"},
		"absent though needed":       {"Int!", "", nil, "variable $v must be given"},
		"null though needed":         {"Int!", "null", nil, "variable $v must not be null"},
		"null in a list":             {"[Int!]", "[1,null]", nil, "variable $v[1] must not be null"},
		"a list for a scalar":        {"Decimal", "[1]", nil, "variable $v must be a single value"},
		"a list for an object":       {"In", `["x"]`, nil, "variable $v must be an object"},
		"a missing field":            {"In", `{"i":1}`, nil, "variable $v.s must be given"},
		"an unknown field":           {"In", `{"s":"x","z":1}`, nil, "variable $v has a field that its type does not define"},
		"a nested unknown field":     {"In", `{"s":"x","in":{"s":"y","S":1}}`, nil, "variable $v.in has a field that its type does not define"},
		"a wrong field far down":     {"In", `{"s":"x","list":[{"s":"y"},{"s":"y","in":{"s":1}}]}`, nil, "variable $v.list[1].in.s must be a string"},
		"null for a condition":       {"Boolean = true", "null", nil, "variable $v must not be null"},
		"null for a field not null":  {"In", `{"s":"x","i":null}`, nil, "variable $v.i must not be null"},
		"an object for a list of it": {"[Int!]", `{"a":1}`, nil, "variable $v[0] must be an integer of 32 bits"},
	} {
		argument := map[string]string{
			"Int": "i", "Int!": "i", "Int = 7": "i", "Float": "f", "String": "s", "Boolean": "b", "Boolean = true": "b",
			"ID": "id", "Color": "e", "[Int!]": "l", "[[Int]]": "ll", "In": "o", "Decimal": "d",
		}[c.kind]
		variables := map[string]any{}
		if c.value != "" {
			variables["v"] = json.RawMessage(c.value)
		}
		seen = nil
		w := post(h, query("query($v:"+c.kind+"){a("+argument+":$v)}", variables))
		r := decode(t, w)
		if c.message != "" {
			if w.Code != 400 || r.code() != "BAD_INPUT" || r.Errors[0].Message != c.message || seen != nil {
				t.Errorf("%s: got %d %s, want %q", name, w.Code, w.Body, c.message)
			}
			continue
		}
		if w.Code != 200 {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
		if diff := cmp.Diff(map[string]any{"v": c.want}, seen); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestArgumentsOutOfRange(t *testing.T) {
	h := mustHandler(t, newStub())
	for name, body := range map[string]string{
		"a literal beyond 32 bits":  query(`{stockCheck(skus:["A"],first:3000000000){items{sku}}}`),
		"a literal beyond 64 bits":  query(`{stockCheck(skus:["A"],first:99999999999999999999999){items{sku}}}`),
		"a negative one":            query(`{stockCheck(skus:["A"],first:-3000000000){items{sku}}}`),
		"in a default":              query(`query($a:Int=3000000000){stockCheck(skus:["A"],first:$a){items{sku}}}`),
		"in an input object":        query(`{pickupOptions(items:[{sku:"A",quantity:3000000000}]){coverage}}`),
		"a variable beyond 32 bits": query(`query($a:Int){stockCheck(skus:["A"],first:$a){items{sku}}}`, map[string]any{"a": 3000000000}),
	} {
		w := post(h, body)
		if code := decode(t, w).code(); w.Code != 400 || (code != "GRAPHQL_VALIDATION_FAILED" && code != "BAD_INPUT") {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}
