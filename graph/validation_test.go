package graph_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/portico-retail/portico/graph"
)

func TestNoMessageSuggestsAnything(t *testing.T) {
	h := mustHandler(t, newStub())
	// One document for every validation rule that suggests, each a slip away from something that exists.
	for name, text := range map[string]string{
		"a field":                     "{stockChec(skus:[]){items{sku}}}",
		"a field of an object":        "{stockCheck(skus:[]){item{sku}}}",
		"a type for an inline field":  `{node(id:"x"){title}}`,
		"a leaf without fields":       "{stockCheck(skus:[])}",
		"fields below a leaf":         "{stockCheck(skus:[]){items{sku{x}}}}",
		"an argument":                 "{stockCheck(skuz:[],skus:[]){items{sku}}}",
		"an argument of a directive":  "{__typename @include(iff:true,if:true)}",
		"a directive":                 "{__typename @includ(if:true)}",
		"a type of a fragment":        "{...F} fragment F on Quer {__typename}",
		"a type of an inline one":     "{... on Quer {__typename}}",
		"a type of a variable":        "query($a:Strin){__typename}",
		"a fragment":                  "{...F} fragment G on Query {__typename}",
		"an enum value":               "{products(sort:NEWES){nodes{id}}}",
		"an enum value as text":       `{products(sort:"NEWES"){nodes{id}}}`,
		"an enum value for a text":    "{products(search:NEWEST){nodes{id}}}",
		"an input field":              `{pickupOptions(items:[{skuu:"A",sku:"A"}]){coverage}}`,
		"a variable":                  "query($skus:[String!]!){stockCheck(skus:$sku){items{sku}}}",
		"an argument of @inContext":   "query @inContext(locationid:1){__typename}",
		"a value of another type":     `{stockCheck(skus:["A"],first:"13800138000"){items{sku}}}`,
		"a number for a text":         `{products(search:13800138000){nodes{id}}}`,
		"a type that cannot be":       `{node(id:"x"){... on Money{amount}}}`,
		"two fields under one name":   `{a:stockCheck(skus:["A"]){items{sku}} a:stockCheck(skus:["B"]){items{sku}}}`,
		"a variable of a wrong place": "query($a:Int){stockCheck(skus:[$a]){items{sku}}}",
	} {
		w := post(h, query(text))
		r := decode(t, w)
		if w.Code != 400 || r.code() != "GRAPHQL_VALIDATION_FAILED" {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
		for _, e := range r.Errors {
			if strings.Contains(e.Message, "Did you mean") || strings.Contains(e.Message, "13800138000") {
				t.Errorf("%s: %s", name, e.Message)
			}
		}
	}
}

// names finds what a message quotes.
var names = regexp.MustCompile(`[A-Za-z_][A-Za-z_0-9]{2,}`)

func TestMessagesDoNotNameFieldsThatWereNotAsked(t *testing.T) {
	h := mustHandler(t, newStub(), func(o *graph.HandlerOptions) { o.Introspection = graph.IntrospectionOff })
	schemaFields := map[string]bool{}
	for _, def := range mustSchema(t).Types {
		if def.BuiltIn {
			continue
		}
		for _, f := range def.Fields {
			schemaFields[f.Name] = true
			for _, a := range f.Arguments {
				schemaFields[a.Name] = true
			}
		}
	}
	for _, word := range []string{"stock", "prod", "node", "price", "sku", "id", "location", "name", "item", "avail", "pickup", "qty", "first"} {
		for _, text := range []string{
			"{" + word + "}", "{" + word + "s{" + word + "}}", "{node(" + word + ":1){" + word + "}}",
			"{stockCheck{" + word + "}}", "{stockCheck(skus:[]){" + word + "}}", "{product(" + word + ":1){" + word + "}}",
			"{pickupOptions(items:[{" + word + ":1}]){" + word + "}}", "{products(filter:{" + word + ":1}){" + word + "}}",
			"{... on " + word + "{" + word + "}}", "query($" + word + ":" + word + "){" + word + "}",
		} {
			for _, e := range decode(t, post(h, query(text))).Errors {
				for _, name := range names.FindAllString(e.Message, -1) {
					if schemaFields[name] && !strings.Contains(text, name) && !plainWords[name] {
						t.Errorf("%s: %q names %s", text, e.Message, name)
					}
				}
			}
		}
	}
}

// plainWords are English words of the messages that happen to be fields as well.
var plainWords = map[string]bool{
	"value": true, "name": true, "type": true, "items": true, "fields": true, "location": true, "kind": true, "code": true, "field": true, "missing": true,
}

func TestIntrospectionCanBeOff(t *testing.T) {
	h := mustHandler(t, newStub(), func(o *graph.HandlerOptions) { o.Introspection = graph.IntrospectionOff })
	for _, text := range []string{
		standardIntrospection, "{__schema{types{name}}}", "{__schema\n{types{name}}}", `{a:__type(name:"Query"){name}}`,
		"{...F} fragment F on Query {__schema{types{name}}}", "{__schema @skip(if:true){types{name}}}",
	} {
		w := post(h, query(text))
		if w.Code != 400 || strings.Contains(w.Body.String(), "StockCheck") {
			t.Errorf("%s: got %d %.200s", text, w.Code, w.Body)
		}
	}
	if w := post(h, query("{__typename}")); w.Code != 200 {
		t.Errorf("__typename: got %d", w.Code)
	}
}

func TestTheSchemaIsAskedOnceInAnOperation(t *testing.T) {
	h := mustHandler(t, newStub())
	for _, text := range []string{
		"{a:__schema{types{name}} b:__schema{types{name}}}",
		"{__schema{types{name}} ...F} fragment F on Query{b:__schema{types{name}}}",
		"{...F ...on Query{...F}} fragment F on Query{__schema{types{name}}}",
	} {
		if w := post(h, query(text)); w.Code != 400 || decode(t, w).code() != "GRAPHQL_VALIDATION_FAILED" {
			t.Errorf("%s: got %d %.200s", text, w.Code, w.Body)
		}
	}
	both := `{"query":"query A{__schema{queryType{name}}} query B{__schema{queryType{name}}}","operationName":"A"}`
	if w := post(h, both); w.Code != 200 {
		t.Errorf("once in each of two operations: got %d %s", w.Code, w.Body)
	}
}

func TestNothingOfTheRequestIsEchoed(t *testing.T) {
	h := mustHandler(t, newStub())
	const secret = "13800138000"
	for name, body := range map[string]string{
		"broken JSON":            `{"query":"` + secret,
		"an unknown key":         `{"` + secret + `":1}`,
		"a wrong type":           `{"query":["` + secret + `"]}`,
		"no GraphQL":             query(`"` + secret + `"`),
		"a literal out of place": query(`{"` + secret + `"}`),
		"an argument":            query(`{stockCheck(skus:{a:"` + secret + `"}){items{sku}}}`),
		"an enum":                query(`{products(sort:"` + secret + `"){nodes{id}}}`),
		"an Int":                 query("{products(first:1" + secret + "){nodes{id}}}"),
		"an Int as text":         query(`{products(first:"` + secret + `"){nodes{id}}}`),
		"a Boolean":              query(`{pickupOptions(items:[],includePartial:"` + secret + `"){coverage}}`),
		"a Float":                query(`{stockCheck(skus:[],withinKm:"` + secret + `"){items{sku}}}`),
		"a variable":             query("query($a:Int){products(first:$a){nodes{id}}}", map[string]any{"a": secret}),
		"an enum variable":       query("query($a:ProductSort){products(sort:$a){nodes{id}}}", map[string]any{"a": secret}),
		"an input field":         query("query($a:ProductFilter){products(filter:$a){nodes{id}}}", map[string]any{"a": map[string]any{secret: 1}}),
		"an operation's name":    `{"query":"{__typename}","operationName":"` + secret + `"}`,
		"a decimal":              query(`{products(filter:{minPrice:{a:"` + secret + `"}}){nodes{id}}}`),
		"a location":             query(`query @inContext(locationId:"` + secret + ` "){__typename}`),
	} {
		w := post(h, body)
		if r := decode(t, w); r.code() == "" || strings.Contains(w.Body.String(), secret) {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}

func TestAtMostFiveErrorsAreReported(t *testing.T) {
	h := mustHandler(t, newStub())
	w := post(h, query("{"+repeat(20, "x%d ")+"}"))
	if n := len(decode(t, w).Errors); n != 5 {
		t.Errorf("got %d errors: %s", n, w.Body)
	}
}
