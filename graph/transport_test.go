package graph_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/graph"
)

const (
	jsonMedia    = "application/json"
	graphqlMedia = "application/graphql-response+json"
)

func TestPost(t *testing.T) {
	h := mustHandler(t, newStub())
	typename := `{"query":"{__typename}"}`
	for name, c := range map[string]struct {
		body    string
		headers []string
		status  int
		code    string
	}{
		"a query":                     {typename, nil, 200, ""},
		"a query with all keys":       {`{"query":"query Q {__typename}","operationName":"Q","variables":{},"extensions":{"x":1}}`, nil, 200, ""},
		"null where there is nothing": {`{"query":"{__typename}","operationName":null,"variables":null,"extensions":null}`, nil, 200, ""},
		"white space around":          {" \r\n\t" + typename + " \n", nil, 200, ""},
		"utf-8 by name":               {typename, []string{"Content-Type", "application/json;charset=UTF-8"}, 200, ""},
		"escapes":                     {`{"query":"{\u005f\u005ftypename #\ud83d\ude00\n}"}`, nil, 200, ""},

		"no content type":           {typename, []string{"Content-Type", ""}, 415, "BAD_REQUEST"},
		"a form":                    {"query=%7B__typename%7D", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "BAD_REQUEST"},
		"multipart":                 {typename, []string{"Content-Type", "multipart/form-data; boundary=x"}, 415, "BAD_REQUEST"},
		"plain text":                {typename, []string{"Content-Type", "text/plain"}, 415, "BAD_REQUEST"},
		"a bare document":           {"{__typename}", []string{"Content-Type", "application/graphql"}, 415, "BAD_REQUEST"},
		"utf-16 by name":            {typename, []string{"Content-Type", "application/json; charset=utf-16"}, 415, "BAD_REQUEST"},
		"gzip":                      {zipped(typename), []string{"Content-Encoding", "gzip"}, 415, "BAD_REQUEST"},
		"gzip without saying so":    {zipped(typename), nil, 400, "BAD_REQUEST"},
		"utf-16 without saying so":  {wide(typename), nil, 400, "BAD_REQUEST"},
		"an empty body":             {"", nil, 400, "BAD_REQUEST"},
		"white space only":          {"  ", nil, 400, "BAD_REQUEST"},
		"null":                      {"null", nil, 400, "BAD_REQUEST"},
		"a number":                  {"1", nil, 400, "BAD_REQUEST"},
		"a string":                  {`"{__typename}"`, nil, 400, "BAD_REQUEST"},
		"a batch":                   {"[" + typename + "," + typename + "]", nil, 400, "BAD_REQUEST"},
		"an empty batch":            {"[]", nil, 400, "BAD_REQUEST"},
		"two values":                {typename + typename, nil, 400, "BAD_REQUEST"},
		"trailing bytes":            {typename + "x", nil, 400, "BAD_REQUEST"},
		"a trailing comma":          {`{"query":"{__typename}",}`, nil, 400, "BAD_REQUEST"},
		"a cut body":                {`{"query":"{__typename}"`, nil, 400, "BAD_REQUEST"},
		"a cut string":              {`{"query":"{__typ`, nil, 400, "BAD_REQUEST"},
		"a repeated key":            {`{"query":"{__typename}","query":"{a}"}`, nil, 400, "BAD_REQUEST"},
		"a repeated, escaped key":   {`{"query":"{__typename}","qu\u0065ry":"{a}"}`, nil, 400, "BAD_REQUEST"},
		"a key of other case":       {`{"QUERY":"{__typename}"}`, nil, 400, "BAD_REQUEST"},
		"an additional key":         {`{"query":"{__typename}","Query":"{a}"}`, nil, 400, "BAD_REQUEST"},
		"a repeated variable":       {`{"query":"{__typename}","variables":{"a":1,"a":2}}`, nil, 400, "BAD_REQUEST"},
		"a repeated nested key":     {`{"query":"{__typename}","variables":{"a":[{"b":1,"b":1}]}}`, nil, 400, "BAD_REQUEST"},
		"a repeated extension":      {`{"query":"{__typename}","extensions":{"a":1,"a":2}}`, nil, 400, "BAD_REQUEST"},
		"a query of a wrong type":   {`{"query":{}}`, nil, 400, "BAD_REQUEST"},
		"variables of a wrong type": {`{"query":"{__typename}","variables":[]}`, nil, 400, "BAD_REQUEST"},
		"a name of a wrong type":    {`{"query":"{__typename}","operationName":1}`, nil, 400, "BAD_REQUEST"},
		"no query":                  {`{"variables":{}}`, nil, 400, "BAD_REQUEST"},
		"an empty query":            {`{"query":""}`, nil, 400, "BAD_REQUEST"},
		"a null query":              {`{"query":null}`, nil, 400, "BAD_REQUEST"},
		"a control character":       {"{\"query\":\"{__typename}\x01\"}", nil, 400, "BAD_REQUEST"},
		"broken utf-8":              {"{\"query\":\"{__typename} #\xff\"}", nil, 400, "BAD_REQUEST"},
		"half a surrogate pair":     {`{"query":"{__typename} #\ud83d"}`, nil, 400, "BAD_REQUEST"},
		"a number like 01":          {`{"query":"{__typename}","variables":{"a":01}}`, nil, 400, "BAD_REQUEST"},
		"not a number":              {`{"query":"{__typename}","variables":{"a":NaN}}`, nil, 400, "BAD_REQUEST"},
		"a byte order mark":         {"\ufeff" + typename, nil, 400, "BAD_REQUEST"},
		"nothing acceptable":        {typename, []string{"Accept", "text/html"}, 406, "BAD_REQUEST"},

		"a control character in the name": {`{"query":"query Q{__typename}","operationName":"Q\r\nX: y"}`, nil, 400, "GRAPHQL_VALIDATION_FAILED"},
		"no such operation":               {`{"query":"query Q{__typename}","operationName":"P"}`, nil, 400, "GRAPHQL_VALIDATION_FAILED"},
		"two operations and no name":      {`{"query":"query Q{__typename} query P{__typename}"}`, nil, 400, "GRAPHQL_VALIDATION_FAILED"},
		"two operations and a name":       {`{"query":"query Q{__typename} query P{__typename}","operationName":"P"}`, nil, 200, ""},
		"no GraphQL":                      {query("SELECT 1"), nil, 400, "GRAPHQL_PARSE_FAILED"},
		"only a comment":                  {query("#"), nil, 400, "GRAPHQL_PARSE_FAILED"},
		"only a fragment":                 {query("fragment F on Query {__typename}"), nil, 400, "GRAPHQL_PARSE_FAILED"},
		"a subscription, there are none":  {query("subscription {__typename}"), nil, 400, "GRAPHQL_VALIDATION_FAILED"},
		"@defer":                          {query("{... @defer {__typename}}"), nil, 400, "GRAPHQL_VALIDATION_FAILED"},
	} {
		w := post(h, c.body, c.headers...)
		got := decode(t, w)
		if w.Code != c.status || got.code() != c.code {
			t.Errorf("%s: got %d %s; want %d %s", name, w.Code, w.Body, c.status, c.code)
		}
		if c.status != 200 && strings.Contains(w.Body.String(), `"data"`) {
			t.Errorf("%s: the refusal has data: %s", name, w.Body)
		}
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: got headers %v", name, w.Header())
		}
	}
}

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

func wide(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

func TestPlainJSONClientsReadUnderstoodRefusalsWith200(t *testing.T) {
	h := mustHandler(t, newStub())
	for body, status := range map[string]int{
		query("{"):          200,
		query("{nonsense}"): 200,
		query("query($a: ID!){node(id:$a){id}}", map[string]any{"a": nil}): 200,
		"{":  400,
		`[]`: 400,
		`{"query":"{__typename}","variables":` + strings.Repeat("[", 40) + "}": 400,
	} {
		w := post(h, body, "Accept", jsonMedia)
		if w.Code != status || strings.Contains(w.Body.String(), `"data"`) || decode(t, w).code() == "" {
			t.Errorf("%s: got %d %s; want %d", body, w.Code, w.Body, status)
		}
		if got := w.Header().Get("Content-Type"); got != jsonMedia+"; charset=utf-8" {
			t.Errorf("%s: got the type %s", body, got)
		}
	}
}

func TestGet(t *testing.T) {
	h := mustHandler(t, newStub())
	for name, c := range map[string]struct {
		params    string
		preflight string
		status    int
	}{
		"a query":                    {"query={__typename}", "GraphQL-Require-Preflight", 200},
		"another header":             {"query={__typename}", "X-Apollo-Operation-Name", 200},
		"variables":                  {`query=query($a:ID!){node(id:$a){id}}&variables={"a":"x"}`, "GraphQL-Require-Preflight", 200},
		"a name":                     {"query=query A{__typename} query B{__typename}&operationName=A", "GraphQL-Require-Preflight", 200},
		"without the header":         {"query={__typename}", "", 403},
		"with a simple header":       {"query={__typename}", "Accept-Language", 403},
		"a mutation":                 {"query=mutation{__typename}", "GraphQL-Require-Preflight", 405},
		"no query":                   {"", "GraphQL-Require-Preflight", 400},
		"two queries":                {"query={__typename}&query={a}", "GraphQL-Require-Preflight", 400},
		"another parameter":          {"query={__typename}&callback=x", "GraphQL-Require-Preflight", 400},
		"variables that are no JSON": {"query={__typename}&variables={", "GraphQL-Require-Preflight", 400},
		"variables that are a list":  {"query={__typename}&variables=[]", "GraphQL-Require-Preflight", 400},
		"trailing bytes":             {"query={__typename}&variables={}{}", "GraphQL-Require-Preflight", 400},
		"deep variables":             {"query={__typename}&variables={\"a\":" + strings.Repeat("[", 99) + "}", "GraphQL-Require-Preflight", 400},
		"broken utf-8":               {"query={__typename}%ff", "GraphQL-Require-Preflight", 400},
	} {
		params := strings.NewReplacer("{", "%7B", "}", "%7D", " ", "%20", `"`, "%22", "$", "%24", ":", "%3A", "(", "%28", ")", "%29").Replace(c.params)
		r := httptest.NewRequest(http.MethodGet, "/graphql?"+params, nil)
		r.Header.Set("Accept", graphqlMedia)
		if c.preflight != "" {
			r.Header.Set(c.preflight, "1")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: got %d %s; want %d", name, w.Code, w.Body, c.status)
		}
	}
}

func TestMutationsAreNotServedByGet(t *testing.T) {
	h := mustFakeHandler(t, "type Query {a: Int @public} type Mutation {b: Int @public}")
	r := httptest.NewRequest(http.MethodGet, "/graphql?query="+url.QueryEscape("mutation {b}"), nil)
	r.Header.Set("GraphQL-Require-Preflight", "1")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
		t.Errorf("got %d, Allow %q: %s", w.Code, w.Header().Get("Allow"), w.Body)
	}
	if w := post(h, query("mutation {b}")); w.Code != http.StatusOK {
		t.Errorf("by POST: got %d %s", w.Code, w.Body)
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	h := mustHandler(t, newStub())
	for _, method := range []string{"PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/graphql", nil))
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, POST" {
			t.Errorf("%s: got %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestNegotiation(t *testing.T) {
	for accept, want := range map[string]string{
		"":                       jsonMedia,
		"*/*":                    jsonMedia,
		"application/*":          jsonMedia,
		jsonMedia:                jsonMedia,
		graphqlMedia:             graphqlMedia,
		"APPLICATION/JSON":       jsonMedia,
		"text/html, */*;q=0.1":   jsonMedia,
		"text/html":              "",
		"text/html;q=broken, */": "",
		graphqlMedia + ", " + jsonMedia + ";q=0.9":                   graphqlMedia,
		jsonMedia + ", " + graphqlMedia:                              graphqlMedia,
		jsonMedia + ", " + graphqlMedia + ";q=0.5":                   jsonMedia,
		graphqlMedia + ";q=0":                                        "",
		graphqlMedia + ";q=0, */*":                                   jsonMedia,
		jsonMedia + ";q=0, */*":                                      graphqlMedia,
		jsonMedia + ";q=0, " + graphqlMedia + ";q=0, */*":            "",
		jsonMedia + "; charset=utf-8":                                jsonMedia,
		jsonMedia + "; charset=utf-16":                               "",
		"*/*;q=0.5, application/*;q=0.1, " + graphqlMedia + ";q=0.2": graphqlMedia,
		graphqlMedia + ";q=2":                                        "",
		graphqlMedia + ";q=NaN, " + jsonMedia:                        jsonMedia,
		",,,":                                                        "",
	} {
		h := http.Header{}
		if accept != "" {
			h.Set("Accept", accept)
		}
		if got, _ := graph.Negotiate(h); got != want {
			t.Errorf("%q: got %q, want %q", accept, got, want)
		}
	}
	several := http.Header{"Accept": {"text/html", graphqlMedia}}
	if got, ok := graph.Negotiate(several); !ok || got != graphqlMedia {
		t.Errorf("two headers: got %q", got)
	}
}

func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		`{"query":"{a}","variables":{"a":[1,-2.5e3,null,true,"\u00e9\n"]},"operationName":"x","extensions":{}}`,
		`{"query":"","query":""}`, `[]`, `null`, `{"query":"\ud83d\ude00"}`, `{`, `{"variables":{"a":{"a":{"a":[]}}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		text, operation, variables, ok := graph.DecodeRequest(body)
		if !ok {
			return
		}
		// What is accepted must be JSON to the standard library too, with the same meaning.
		var want struct {
			Query         string
			OperationName string
			Variables     map[string]any
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("accepted %q: %v", body, err)
		}
		if text != want.Query || operation != want.OperationName || !cmp.Equal(variables, want.Variables) {
			t.Fatalf("%q: got %q %q %v, want %v", body, text, operation, variables, want)
		}
	})
}
