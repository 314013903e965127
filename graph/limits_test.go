package graph_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/graph/render"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// bomb is a chain of n fragments that spread the next one twice: 2^n fields in a text of n lines.
func bomb(n int) string {
	var b strings.Builder
	b.WriteString("{...f0}")
	for i := range n {
		fmt.Fprintf(&b, " fragment f%d on Query {...f%d ...f%d}", i, i+1, i+1)
	}
	fmt.Fprintf(&b, " fragment f%d on Query {__typename}", n)
	return b.String()
}

func nest(open, inner, end string, n int) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
}

func repeat(n int, format string) string {
	var b strings.Builder
	for i := range n {
		if strings.Contains(format, "%") {
			fmt.Fprintf(&b, format, i)
		} else {
			b.WriteString(format)
		}
	}
	return b.String()
}

const selection = `stockCheck(skus:["A"]){items{sku}}`

func TestHostileRequestsMeetALimit(t *testing.T) {
	h := mustHandler(t, newStub())
	listVariable := `{"query":"query($a:[String!]!){stockCheck(skus:$a){items{sku}}}","variables":{"a":` + nest("[", `"x"`, "]", 17) + `}}`
	for name, c := range map[string]struct {
		body   string
		status int
		limit  string
	}{
		"1 MB of {a":                        {query(strings.Repeat("{a", 1<<19)), 413, "bodyBytes"},
		"1 MB of [":                         {strings.Repeat("[", 1<<20), 413, "bodyBytes"},
		"120 KB of {a":                      {query(strings.Repeat("{a", 60_000)), 400, "depth"},
		"120 KB of [":                       {strings.Repeat("[", 120<<10), 400, ""},
		"120 KB of [ as a literal":          {query(`{node(id:` + strings.Repeat("[", 120<<10)), 400, "depth"},
		"120 KB of [ as a variable":         {`{"query":"{__typename}","variables":{"a":` + strings.Repeat("[", 120<<10), 400, "valueDepth"},
		"120 KB of { as an extension":       {`{"query":"{__typename}","extensions":` + strings.Repeat(`{"a":`, 20<<10), 400, "valueDepth"},
		"60,000 comments":                   {query(strings.Repeat("#\n", 30_000) + "{__typename}"), 400, "tokens"},
		"390 levels within the token limit": {query(nest("{a", "", "}", 390)), 400, "depth"},
		"13 levels":                         {query(nest("{a", "", "}", 13)), 400, "depth"},
		"13 levels by fragments":            {query("{a{a{a{a{a{a{...F}}}}}}} fragment F on X {a{a{a{a{a{a{a}}}}}}}"), 400, "depth"},
		"31 aliases":                        {query("{" + repeat(31, "a%d:__typename ") + "}"), 400, "aliases"},
		"10,000 aliases":                    {query("{" + repeat(10_000, "a%d:a ") + "}"), 400, "tokens"},
		"21 root fields":                    {query("{" + strings.Repeat("__typename ", 21) + "}"), 400, "rootFields"},
		"21 root fields by fragments":       {query("{...F ...F ...F} fragment F on Query {" + strings.Repeat("__typename ", 7) + "}"), 400, "rootFields"},
		"6 fields of a mutation":            {query("mutation{" + repeat(6, "a%d:guestSessionCreate{session{token}} ") + "}"), 400, "mutationFields"},
		"401 fields":                        {query("{a{" + strings.Repeat("b ", 401) + "}}"), 400, "fields"},
		"102 equal fields":                  {query("{a{" + strings.Repeat("b ", 102) + "}}"), 400, "repeats"},
		"50,000 directives":                 {query("{__typename " + strings.Repeat("@a", 50_000) + "}"), 400, "tokens"},
		"51 directives":                     {query("{__typename " + strings.Repeat("@a ", 51) + "}"), 400, "directives"},
		"51 directives on the operation":    {query("query " + strings.Repeat("@a ", 51) + "{__typename}"), 400, "directives"},
		"200 × 100 inline fragments":        {query("{" + strings.Repeat("...{", 100) + strings.Repeat("__typename ", 200) + strings.Repeat("}", 100) + "}"), 400, "fragments"},
		"41 inline fragments":               {query("{" + strings.Repeat("...{__typename}", 41) + "}"), 400, "fragments"},
		"a literal 17 deep":                 {query("{node(id:" + nest("[", "1", "]", 17) + "){id}}"), 400, "valueDepth"},
		"a literal object 17 deep":          {query("{node(id:" + nest("{a:", "1", "}", 17) + "){id}}"), 400, "valueDepth"},
		"a default 17 deep":                 {query("query($a:ID=" + nest("[", "1", "]", 17) + "){node(id:$a){id}}"), 400, "valueDepth"},
		"201 items of a literal":            {query("{stockCheck(skus:[" + strings.Repeat("1 ", 201) + "]){items{sku}}}"), 400, "listItems"},
		"30,000 items of a variable":        {`{"query":"query($a:[String!]!){stockCheck(skus:$a){items{sku}}}","variables":{"a":[1` + strings.Repeat(",1", 30_000) + `]}}`, 400, "listItems"},
		"a variable 17 deep":                {listVariable, 400, "valueDepth"},
		"introspection in circles":          {query("{__schema{" + nest("types{fields{type{", "name", "}}}", 6) + "}}"), 400, "introspectionDepth"},
	} {
		t.Run(name, func(t *testing.T) {
			w := post(h, c.body)
			r := decode(t, w)
			if w.Code != c.status || len(w.Body.Bytes()) > 1000 || strings.Contains(w.Body.String(), `"data"`) {
				t.Fatalf("got %d, %d bytes: %.300s", w.Code, w.Body.Len(), w.Body)
			}
			if c.limit == "" {
				if r.code() != "BAD_REQUEST" {
					t.Errorf("got %s", w.Body)
				}
				return
			}
			if r.code() != "LIMIT_EXCEEDED" || r.Errors[0].Extensions["limit"] != c.limit {
				t.Errorf("got %s, want the limit %s", w.Body, c.limit)
			}
		})
	}
}

func TestRequestsAtTheLimitAreServed(t *testing.T) {
	h := mustHandler(t, newStub())
	for name, text := range map[string]string{
		"30 aliases":       "{" + repeat(15, "a%d:__typename ") + "stockCheck(skus:[]){" + repeat(15, "a%d:__typename ") + "}}",
		"20 root fields":   "{" + strings.Repeat("__typename ", 20) + "}",
		"400 fields":       "{stockCheck(skus:[]){__typename items{__typename " + repeat(36, "...F%d ") + "}}}" + repeat(36, "fragment F%d on StoreAvailability{sku level available distanceKm readyBy reasons freshness{asOf ageSeconds source basis}}"),
		"101 equal fields": "{stockCheck(skus:[]){" + strings.Repeat("__typename ", 101) + "}}",
		"40 fragments":     "{" + strings.Repeat("...{__typename}", 19) + "stockCheck(skus:[]){" + strings.Repeat("...{__typename}", 21) + "}}",
		"200 items":        "{stockCheck(skus:[" + strings.Repeat(`"a" `, 200) + "]){__typename}}",
		"introspection":    standardIntrospection,
	} {
		if w := post(h, query(text)); w.Code != http.StatusOK || decode(t, w).code() != "" {
			t.Errorf("%s: got %d %.300s", name, w.Code, w.Body)
		}
	}
}

func TestFragmentBombsAreSummedNotWalked(t *testing.T) {
	h := mustHandler(t, newStub())
	allocations := map[int]uint64{}
	for _, n := range []int{15, 30, 39} {
		body := query(bomb(n))
		if r := decode(t, post(h, body)); r.code() != "LIMIT_EXCEEDED" || r.Errors[0].Extensions["limit"] != "rootFields" {
			t.Fatalf("2^%d: got %v", n, r)
		}
		allocations[n] = allocated(func() { post(h, body) })
	}
	if allocations[39] > 4*allocations[15] {
		t.Errorf("2^15 allocates %d bytes, 2^39 %d", allocations[15], allocations[39])
	}
	for n, limit := range map[int]string{40: "fragments", 150: "fragments", 1000: "tokens"} {
		if r := decode(t, post(h, query(bomb(n)))); r.code() != "LIMIT_EXCEEDED" || r.Errors[0].Extensions["limit"] != limit {
			t.Errorf("2^%d: got %v, want the limit %s", n, r, limit)
		}
	}
	// The same below a root field, where it is the sum of all fields that counts.
	deep := strings.NewReplacer("on Query", "on StockCheck", "{...f0}", "{stockCheck(skus:[]){...f0}}").Replace(bomb(39))
	if r := decode(t, post(h, query(deep))); r.code() != "LIMIT_EXCEEDED" || r.Errors[0].Extensions["limit"] != "expanded" {
		t.Errorf("below a root field: got %v", r)
	}
}

func TestFragmentCyclesAreRefused(t *testing.T) {
	h := mustHandler(t, newStub())
	for _, text := range []string{
		"{...F} fragment F on Query {...F}",
		"{...F} fragment F on Query {...G} fragment G on Query {...F}",
		"{__typename} fragment F on Query {...G} fragment G on Query {__typename ...F}",
		"{...F} fragment F on Query {stockCheck(skus:[]){items{...F}}}",
	} {
		w := post(h, query(text))
		if r := decode(t, w); w.Code != 400 || r.code() != "GRAPHQL_VALIDATION_FAILED" {
			t.Errorf("%s: got %s", text, w.Body)
		}
	}
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestHostileRequestsAreCheap(t *testing.T) {
	h := mustHandler(t, newStub())
	for name, body := range map[string]string{
		"1 MB of nesting":     query(strings.Repeat("{a", 1<<19)),
		"120 KB of nesting":   query(strings.Repeat("{a", 60_000)),
		"10,000 aliases":      query("{" + repeat(10_000, "a%d:a ") + "}"),
		"50,000 directives":   query("{__typename " + strings.Repeat("@a", 50_000) + "}"),
		"2^39":                query(bomb(39)),
		"400 unknown fields":  query("{node(id:1){" + repeat(370, "x%d ") + "}}"),
		"400 equal fields":    query("{stockCheck(skus:[]){" + strings.Repeat("items{sku} ", 190) + "}}"),
		"100 KB of one name":  query("{" + strings.Repeat("a", 100<<10) + "}"),
		"100 KB of one value": query(`{node(id:"` + strings.Repeat("a", 100<<10) + `",x:1){id}}`),
	} {
		var size int
		if got := allocated(func() { size = post(h, body).Body.Len() }); got > 16<<20 {
			t.Errorf("%s: allocates %d bytes", name, got)
		}
		if size > 10<<10 {
			t.Errorf("%s: the response has %d bytes", name, size)
		}
	}
}

func TestRepeatedDocumentsAreCompiledOnce(t *testing.T) {
	h := mustFakeHandler(t, "type Query {a: Query @public b: Int}")
	body := query("{a{" + strings.Repeat("b ", 100) + "}}")
	first := allocated(func() { post(h, body) })
	second := allocated(func() { post(h, body) })
	if second*5 > first {
		t.Errorf("the first request allocates %d bytes, the second %d", first, second)
	}
}

func TestLimitsValidate(t *testing.T) {
	if err := graph.DefaultLimits().Validate(); err != nil {
		t.Error(err)
	}
	bad := graph.DefaultLimits()
	bad.Depth, bad.Tokens, bad.Timeout = 0, 1<<30, 0
	err := bad.Validate()
	for _, name := range []string{"depth", "tokens", "Timeout"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want a word on %s", err, name)
		}
	}
}

func TestLargeResponsesAreRefused(t *testing.T) {
	h := mustFakeHandler(t, "type Query {a: String @public}", func(f *fake, o *graph.HandlerOptions) {
		o.Limits = graph.DefaultLimits()
		o.Limits.ResponseBytes = 100
		f.exec = func(context.Context) *graphql.Response {
			return &graphql.Response{Data: []byte(`{"a":"` + strings.Repeat("x", 100) + `"}`)}
		}
	})
	w := post(h, query("{a}"))
	r := decode(t, w)
	if r.code() != "LIMIT_EXCEEDED" || r.Errors[0].Extensions["limit"] != "responseBytes" || r.Data != nil {
		t.Errorf("got %s", w.Body)
	}
}

// fat is a check of 2,000 rows at a location that has much to say.
func fat(context.Context, []string) (*stock.Check, error) {
	location := &retail.Location{Code: "S-1", Zone: time.UTC, Kind: retail.Store}
	for range 60 {
		location.Holidays = append(location.Holidays, retail.HolidayHours{Date: "2026-12-25", Title: "Christmas"})
	}
	check := &stock.Check{Items: make([]stock.Availability, 2000)}
	for i := range check.Items {
		check.Items[i] = stock.Availability{SKU: "A", Location: location, Level: stock.InStock}
	}
	return check, nil
}

func TestListsWithinListsAreBounded(t *testing.T) {
	s := newStub()
	s.stockCheck = fat
	rendered := mustHandler(t, s, func(o *graph.HandlerOptions) { o.Fields = render.New(mustSchema(t), (*stock.Check)(nil)) })
	body := query("{" + repeat(20, "a%d:"+`stockCheck(skus:["A"]){items{location{holidays{date name}}}}`+" ") + "}")
	for limit, h := range map[string]http.Handler{"responseBytes": rendered, "responseFields": mustHandler(t, s)} {
		var w *httptest.ResponseRecorder
		size := allocated(func() { w = post(h, body) })
		if r := decode(t, w); r.code() != "LIMIT_EXCEEDED" || r.Errors[0].Extensions["limit"] != limit || r.Data != nil {
			t.Errorf("%s: got %.300s", limit, w.Body)
		}
		if size > 300<<20 {
			t.Errorf("%s: allocates %d MB", limit, size>>20)
		}
	}
}

func TestOperationsHaveADeadline(t *testing.T) {
	h := mustFakeHandler(t, "type Query {a: String @public}", func(f *fake, o *graph.HandlerOptions) {
		o.Limits = graph.DefaultLimits()
		o.Limits.Timeout = time.Millisecond
		f.exec = func(ctx context.Context) *graphql.Response {
			<-ctx.Done()
			graphql.AddError(ctx, ctx.Err())
			return &graphql.Response{Data: []byte("null")}
		}
	})
	w := post(h, query("{a}"))
	if r := decode(t, w); w.Code != 200 || r.code() != "TIMEOUT" || r.Errors[0].Extensions["retryable"] != true {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestListsCutShortByTheDeadlineDoNotReadEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		s.stockCheck = func(ctx context.Context, _ []string) (*stock.Check, error) {
			<-ctx.Done()
			return fat(ctx, nil)
		}
		w := post(mustHandler(t, s), query(`{stockCheck(skus:["A"]){items{sku}}}`))
		if r := decode(t, w); r.code() != "TIMEOUT" || r.Data != nil {
			t.Errorf("got %.300s", w.Body)
		}
	})
}

// standardIntrospection is what GraphiQL 3 sends.
const standardIntrospection = `query IntrospectionQuery { __schema {
  queryType { name kind } mutationType { name kind } subscriptionType { name kind }
  types { ...FullType } directives { name description locations args { ...InputValue } } } }
fragment FullType on __Type { kind name description
  fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
  inputFields { ...InputValue } interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
  ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }`
