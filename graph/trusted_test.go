package graph_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/graph/generated"
)

// shelf is a handler with manifests, its log and its metrics.
type shelf struct {
	*graph.Handler
	stub    *stub
	metrics *prometheus.Registry
	log     *bytes.Buffer // read it when nothing runs
	dir     *changingDir
	now     time.Time
}

// changingDir is a directory that a test changes while it is watched.
type changingDir struct {
	mu    sync.Mutex
	files fstest.MapFS
}

func (d *changingDir) Open(name string) (fs.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.files.Open(name)
}

func (d *changingDir) set(at time.Time, files map[string]string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files = fstest.MapFS{}
	for name, text := range files {
		d.files[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644, ModTime: at}
	}
}

func newShelf(t testing.TB, files map[string]string, o graph.DocumentOptions) *shelf {
	t.Helper()
	s := &shelf{stub: newStub(), metrics: prometheus.NewRegistry(), log: &bytes.Buffer{}, dir: &changingDir{}, now: testNow}
	s.dir.set(testNow.Add(-time.Hour), files)
	if files != nil {
		o.Manifests = s.dir
	}
	schema := generated.NewExecutableSchema(generated.Config{
		Resolvers: root{queries: s.stub}, Directives: generated.DirectiveRoot{HasScope: auth.HasScope[graphql.Resolver], HasRole: auth.HasRole[graphql.Resolver]},
	})
	var err error
	s.Handler, err = graph.NewHandler(schema, slog.New(slog.NewTextHandler(s.log, nil)), s.metrics, graph.HandlerOptions{
		Now: func() time.Time { return s.now }, Documents: o,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// as sends a body as somebody.
func (s *shelf) as(p auth.Principal, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/graphql-response+json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r.WithContext(auth.WithPrincipal(r.Context(), p)))
	return w
}

func member(subject string) auth.Principal {
	return auth.Principal{Role: auth.RoleMember, Subject: subject}
}

func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// body makes a body of any keys.
func body(keys map[string]any) string {
	b, _ := json.Marshal(keys)
	return string(b)
}

// persisted is the body of Apollo's clients; the text may be empty.
func persisted(hash, text string) string {
	keys := map[string]any{"extensions": map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": hash}}}
	if text != "" {
		keys["query"] = text
	}
	return body(keys)
}

const (
	levels = `query Levels($skus: [String!]!) { stockCheck(skus: $skus) { items { level } } }`
	codes  = `{ stockCheck(skus: ["A"]) { items { sku } } }`
	opens  = `mutation { guestSessionCreate { session { token } } }`
)

func relay(documents map[string]string) string {
	b, _ := json.Marshal(documents)
	return string(b)
}

func apollo(documents map[string]string) string {
	operations := []map[string]string{}
	for id, text := range documents {
		operations = append(operations, map[string]string{"id": id, "name": "N", "type": "query", "body": text})
	}
	b, _ := json.Marshal(map[string]any{"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations})
	return string(b)
}

func TestManifests(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string // documents found, or part of the error
	}{
		"of Relay":                        {map[string]string{"web.json": relay(map[string]string{"a": codes, "b": levels})}, "web 2"},
		"of Apollo":                       {map[string]string{"web.json": apollo(map[string]string{sha(codes): codes})}, "web 1"},
		"of an app without documents":     {map[string]string{"web.json": `{}`}, "web 0"},
		"of several apps, by name":        {map[string]string{"web.json": relay(map[string]string{"a": codes}), "app.json": relay(map[string]string{"a": codes})}, "app 1 web 1"},
		"a document is called operations": {map[string]string{"web.json": relay(map[string]string{"operations": codes})}, "web 1"},
		"beside other files":              {map[string]string{"web.json": `{}`, "README.md": "x", ".hidden.json": "x"}, "web 0"},

		"none":                             {map[string]string{"README.md": "x"}, "no manifest"},
		"no JSON":                          {map[string]string{"web.json": `{"a"`}, "web.json: the file is no JSON"},
		"a list":                           {map[string]string{"web.json": `[]`}, "web.json: the file is no JSON object"},
		"empty":                            {map[string]string{"web.json": ``}, "web.json: the file is no JSON object"},
		"two objects":                      {map[string]string{"web.json": `{}{}`}, "web.json: the file is not one JSON object"},
		"no UTF-8":                         {map[string]string{"web.json": "{\"\xff\":\"\"}"}, "web.json: the file is not UTF-8"},
		"a number for a text":              {map[string]string{"web.json": `{"a":1}`}, `web.json: id "a": it stands for no text`},
		"an empty text":                    {map[string]string{"web.json": `{"a":""}`}, `web.json: id "a": it stands for no text`},
		"an id twice in a file":            {map[string]string{"web.json": `{"a":"{x}","a":"{y}"}`}, `web.json: id "a" stands for two texts`},
		"an id twice in two files":         {map[string]string{"app.json": `{"a":"{x}"}`, "web.json": `{"a":"{y}"}`}, `web.json: id "a" stands for two texts`},
		"an id with a space":               {map[string]string{"web.json": `{"a b":"{x}"}`}, `web.json: id "a b" is not`},
		"an empty id":                      {map[string]string{"web.json": `{"":"{x}"}`}, `web.json: id "" is not`},
		"a long id":                        {map[string]string{"web.json": `{"` + strings.Repeat("i", 129) + `":"{x}"}`}, "is not 1 to 128"},
		"Apollo's of another version":      {map[string]string{"web.json": `{"format":"apollo-persisted-query-manifest","version":2,"operations":[]}`}, "version is not 1"},
		"Apollo's of another format":       {map[string]string{"web.json": `{"format":"other","version":1,"operations":[]}`}, "format is not"},
		"Apollo's without a body":          {map[string]string{"web.json": apollo(map[string]string{"a": ""})}, `id "a": it has no body`},
		"an app with a strange name":       {map[string]string{"we b.json": `{}`}, "the name of an app"},
		"too many documents":               {map[string]string{"web.json": many(10_001)}, "more than 10000 documents"},
		"too many documents in two files":  {map[string]string{"app.json": many(6000), "web.json": many(6000)}, "web.json: more than 10000 documents"},
		"too large":                        {map[string]string{"web.json": relay(map[string]string{"a": strings.Repeat("#", 16<<20)})}, "bytes of manifests"},
		"nested deeper than anybody reads": {map[string]string{"web.json": `{"a":` + strings.Repeat("[", 1<<16)}, "web.json: the file is no JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := &changingDir{}
			dir.set(testNow, c.files)
			manifests, err := graph.ReadManifests(dir)
			found := []string{}
			for _, m := range manifests {
				found = append(found, fmt.Sprint(m.App, " ", len(m.Documents)))
			}
			if got := strings.Join(found, " "); err == nil && got != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func many(n int) string {
	documents := map[string]string{}
	for i := range n {
		documents[fmt.Sprint("id", i)] = "{__typename}"
	}
	return relay(documents)
}

func TestADocumentIsAskedByItsName(t *testing.T) {
	s := newShelf(t, map[string]string{
		"web.json": relay(map[string]string{"levels-1": levels, "codes": codes, "session": opens}),
	}, graph.DocumentOptions{})
	variables := map[string]any{"skus": []string{"A"}}
	for name, c := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"by id":                            {body(map[string]any{"documentId": "levels-1", "variables": variables}), 200, `"level":"IN_STOCK"`},
		"by its hash with a prefix":        {body(map[string]any{"documentId": "sha256:" + sha(codes)}), 200, `"sku":"A"`},
		"by its hash":                      {body(map[string]any{"documentId": sha(codes)}), 200, `"sku":"A"`},
		"by Apollo's hash":                 {persisted(sha(codes), ""), 200, `"sku":"A"`},
		"by Apollo's hash, which is id":    {persisted("codes", ""), 200, `"sku":"A"`},
		"an absent variable":               {body(map[string]any{"documentId": "levels-1"}), 400, "must be given"},
		"another operation":                {body(map[string]any{"documentId": "codes", "operationName": "Other"}), 400, "no operation of this name"},
		"null is nothing":                  {body(map[string]any{"documentId": nil, "query": codes}), 200, `"sku":"A"`},
		"unknown":                          {body(map[string]any{"documentId": "codes2"}), 404, "DOCUMENT_NOT_FOUND"},
		"unknown to Apollo":                {persisted(sha("x"), ""), 404, "PERSISTED_QUERY_NOT_SUPPORTED"},
		"with a query":                     {body(map[string]any{"documentId": "codes", "query": codes}), 400, "BAD_REQUEST"},
		"with a hash":                      {`{"documentId":"codes",` + persisted(sha(codes), "")[1:], 400, "BAD_REQUEST"},
		"a number":                         {`{"documentId":7}`, 400, "BAD_REQUEST"},
		"twice":                            {`{"documentId":"codes","documentId":"codes"}`, 400, "BAD_REQUEST"},
		"in other letters":                 {`{"documentid":"codes"}`, 400, "BAD_REQUEST"},
		"with a space":                     {body(map[string]any{"documentId": "co des"}), 400, "BAD_REQUEST"},
		"too long":                         {body(map[string]any{"documentId": strings.Repeat("x", 129)}), 400, "BAD_REQUEST"},
		"Apollo's of another version":      {`{"extensions":{"persistedQuery":{"version":2,"sha256Hash":"` + sha(codes) + `"}}}`, 400, "BAD_REQUEST"},
		"Apollo's version as a text":       {`{"extensions":{"persistedQuery":{"version":"1","sha256Hash":"` + sha(codes) + `"}}}`, 400, "BAD_REQUEST"},
		"Apollo's without a hash":          {`{"query":"{__typename}","extensions":{"persistedQuery":{"version":1}}}`, 400, "BAD_REQUEST"},
		"Apollo's that is no object":       {`{"query":"{__typename}","extensions":{"persistedQuery":"x"}}`, 400, "BAD_REQUEST"},
		"Apollo's null":                    {`{"query":"{__typename}","extensions":{"persistedQuery":null}}`, 200, `"__typename"`},
		"other extensions":                 {`{"query":"{__typename}","extensions":{"clientLibrary":{"name":"x"}}}`, 200, `"__typename"`},
		"a hash in capitals with its text": {persisted(strings.ToUpper(sha(codes)), codes), 200, `"sku":"A"`},
		"a hash that is not the text's":    {persisted(sha(levels), codes), 400, "BAD_REQUEST"},
	} {
		w := post(s, c.body)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}

func TestAGETOfATrustedDocumentNeedsNoPreflight(t *testing.T) {
	s := newShelf(t, map[string]string{"web.json": relay(map[string]string{"codes": codes, "session": opens})},
		graph.DocumentOptions{Register: graph.RegisterAll})
	if w := post(s, persisted(sha("{__typename}"), "{__typename}")); w.Code != 200 {
		t.Fatal(w.Body)
	}
	for name, c := range map[string]struct {
		params url.Values
		status int
	}{
		"a trusted document":             {url.Values{"documentId": {"codes"}}, 200},
		"a mutation":                     {url.Values{"documentId": {"session"}}, 405},
		"an unknown document":            {url.Values{"documentId": {"other"}}, 404},
		"a registered document":          {url.Values{"documentId": {"sha256:" + sha("{__typename}")}}, 404},
		"a query":                        {url.Values{"query": {codes}}, 403},
		"a query beside an empty id":     {url.Values{"documentId": {""}, "query": {codes}}, 403},
		"a query beside a document":      {url.Values{"documentId": {"codes"}, "query": {codes}}, 400},
		"the hash of what is registered": {url.Values{"extensions": {`{"persistedQuery":{"version":1,"sha256Hash":"` + sha("{__typename}") + `"}}`}}, 403},
		"two documents":                  {url.Values{"documentId": {"codes", "codes"}}, 400},
	} {
		r := httptest.NewRequest(http.MethodGet, "/graphql?"+c.params.Encode(), nil)
		r.Header.Set("Accept", "application/graphql-response+json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}

func TestWhoMayAskWhichDocument(t *testing.T) {
	files := map[string]string{
		"web.json": relay(map[string]string{"codes": codes}), "partner-a.json": relay(map[string]string{"levels": levels}),
		"both.json": relay(map[string]string{"type": "{__typename}"}), "again.json": relay(map[string]string{"type": "{__typename}"}),
	}
	s := newShelf(t, files, graph.DocumentOptions{Trust: map[auth.Class]graph.Trust{
		auth.ClassNobody: graph.TrustEnforce, auth.Class(auth.RoleMember): graph.TrustLog,
	}})
	limited := func(apps ...string) auth.Principal {
		return auth.Principal{Role: auth.RolePartner, Subject: "p", Client: "p", Partner: &auth.Partner{ID: "p", Documents: apps}}
	}
	free := query(`{ stockCheck(skus: ["B"]) { items { sku } } }`)
	named := func(id string) string { return body(map[string]any{"documentId": id}) }
	const trusted, refused = 200, 403
	for name, c := range map[string]struct {
		who    auth.Principal
		body   string
		status int
	}{
		"a stranger, a trusted document":                 {auth.Guest, named("codes"), trusted},
		"a stranger, the text of a trusted document":     {auth.Guest, query(codes), trusted},
		"a stranger, any text":                           {auth.Guest, free, refused},
		"a stranger, no GraphQL at all":                  {auth.Guest, query("}{"), refused},
		"a stranger, an unknown document":                {auth.Guest, named("other"), refused},
		"a stranger, an unknown hash":                    {auth.Guest, persisted(sha("x"), ""), refused},
		"a member, who is logged, any text":              {member("m"), free, 200},
		"an operator, whom nothing is set for, any text": {auth.Principal{Role: auth.RoleOperator, Subject: "o"}, free, 200},
		"a partner without bounds, any text":             {limited(), free, 200},
		"a partner without bounds, a document":           {limited(), named("codes"), trusted},
		"a partner of one app, its document":             {limited("partner-a"), body(map[string]any{"documentId": "levels", "variables": map[string]any{"skus": []string{"A"}}}), trusted},
		"a partner of one app, that of another":          {limited("partner-a"), named("codes"), refused},
		"a partner of one app, its text":                 {limited("partner-a"), query(codes), refused},
		"a partner of one app, any text":                 {limited("partner-a"), free, refused},
		"a partner of the second app of a document":      {limited("both"), named("type"), trusted},
		"a partner of the first app of a document":       {limited("again"), named("type"), trusted},
		"a partner of an app that there is not":          {limited("none"), named("codes"), refused},
	} {
		w := s.as(c.who, c.body)
		if w.Code != c.status || c.status == refused && decode(t, w).code() != "DOCUMENT_NOT_TRUSTED" {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}

// A tool that reads a schema out of error messages learns nothing where only trusted documents are served: whatever is
// sent, the answer has the same bytes.
func TestAWordListFindsNothing(t *testing.T) {
	s := newShelf(t, map[string]string{"web.json": relay(map[string]string{"codes": codes})},
		graph.DocumentOptions{Trust: map[auth.Class]graph.Trust{auth.ClassNobody: graph.TrustEnforce}})
	var want string
	probe := func(body string) {
		t.Helper()
		w := s.as(auth.Guest, body)
		got := fmt.Sprint(w.Code, w.Header(), w.Body)
		if want == "" {
			want = got
		}
		if got != want {
			t.Fatalf("%s\ngot  %s\nwant %s", body, got, want)
		}
	}
	words := []string{"product", "products", "productz", "stockCheck", "me", "user", "users", "order", "orders", "node", "__schema", "__type", "__typename", "cart", "admin"}
	for _, word := range words {
		for _, text := range []string{
			"{ %s }", "{ %s { id } }", "{ %s(id: 1) { id } }", "query { ... on Query { %s } }", "mutation { %s }", "subscription { %s }",
			"{ stockCheck(%s: 1) { items { sku } } }", "query($v: %s) { __typename }", "fragment f on %s { id } { ...f }", "{ a: %s", "%s",
		} {
			text = fmt.Sprintf(text, word)
			probe(query(text))
			probe(persisted(sha(text), text))
			probe(persisted(sha(text), ""))
		}
		probe(body(map[string]any{"documentId": word}))
		probe(body(map[string]any{"documentId": word, "operationName": word, "variables": map[string]any{word: word}}))
	}
}

func TestFreeTextsAreCountedAndToldOnceAMinute(t *testing.T) {
	s := newShelf(t, map[string]string{"web.json": relay(map[string]string{"codes": codes})},
		graph.DocumentOptions{Trust: map[auth.Class]graph.Trust{auth.Class(auth.RoleMember): graph.TrustLog}})
	lines := func() int { return strings.Count(s.log.String(), "document not trusted") }
	free := `query Secret { stockCheck(skus: ["personal"]) { items { sku } } }`
	for range 5 {
		s.as(member("m"), query(free))
	}
	s.as(member("m"), query(codes))
	s.as(member("m"), body(map[string]any{"documentId": "codes"}))
	s.as(auth.Guest, query(free)) // a class that is not logged
	if n := lines(); n != 1 {
		t.Errorf("%d lines: %s", n, s.log)
	}
	if got := s.log.String(); !strings.Contains(got, "operation=Secret") || !strings.Contains(got, sha(free)) || strings.Contains(got, "personal") {
		t.Error(got)
	}
	s.now = s.now.Add(time.Minute)
	s.as(member("m"), query(free))
	if n := lines(); n != 2 {
		t.Errorf("%d lines after a minute", n)
	}
	for i := range 3000 {
		s.as(member("m"), query(fmt.Sprintf("{ a%d: __typename }", i)))
	}
	if n := lines(); n > 2+1000 {
		t.Errorf("%d lines of one minute", n)
	}
	const want = `
		# HELP portico_graph_documents_untrusted_total Documents of no manifest that were asked where they are logged.
		# TYPE portico_graph_documents_untrusted_total counter
		portico_graph_documents_untrusted_total{class="member"} 3006
	`
	if err := testutil.GatherAndCompare(s.metrics, strings.NewReader(want), "portico_graph_documents_untrusted_total"); err != nil {
		t.Error(err)
	}
}

func TestRegistration(t *testing.T) {
	for name, c := range map[string]struct {
		mode   graph.Registration
		who    auth.Principal
		before string // what an unknown hash is answered
		after  string // what the hash is answered when its text was sent
	}{
		"off":                          {graph.RegisterOff, member("m"), "PERSISTED_QUERY_NOT_SUPPORTED", "PERSISTED_QUERY_NOT_SUPPORTED"},
		"not set":                      {"", member("m"), "PERSISTED_QUERY_NOT_SUPPORTED", "PERSISTED_QUERY_NOT_SUPPORTED"},
		"of those who are known":       {graph.RegisterKnown, member("m"), "PERSISTED_QUERY_NOT_FOUND", ""},
		"a stranger beside the known":  {graph.RegisterKnown, auth.Guest, "PERSISTED_QUERY_NOT_SUPPORTED", "PERSISTED_QUERY_NOT_SUPPORTED"},
		"of all, by a stranger":        {graph.RegisterAll, auth.Guest, "PERSISTED_QUERY_NOT_FOUND", ""},
		"of all, by somebody with one": {graph.RegisterAll, member("m"), "PERSISTED_QUERY_NOT_FOUND", ""},
	} {
		s := newShelf(t, nil, graph.DocumentOptions{Register: c.mode})
		if got := decode(t, s.as(c.who, persisted(sha(codes), ""))); got.code() != c.before {
			t.Errorf("%s: before: %+v", name, got)
		}
		if w := s.as(c.who, persisted(sha(codes), codes)); w.Code != 200 {
			t.Errorf("%s: the text: %d %s", name, w.Code, w.Body)
		}
		if got := decode(t, s.as(c.who, persisted(sha(codes), ""))); got.code() != c.after {
			t.Errorf("%s: after: %+v", name, got)
		}
	}
	s := newShelf(t, nil, graph.DocumentOptions{Register: graph.RegisterAll})
	if got := decode(t, post(s, persisted(sha(codes), ""))); got.Errors[0].Message != "PersistedQueryNotFound" {
		t.Errorf("Apollo's clients wait for another message than %q", got.Errors[0].Message)
	}
}

func TestNothingPoisonedIsRegistered(t *testing.T) {
	s := newShelf(t, nil, graph.DocumentOptions{Register: graph.RegisterAll})
	large := "{ __typename } # " + strings.Repeat("x", 33<<10)
	for name, text := range map[string]string{
		"no GraphQL": "}{", "an unknown field": "{ nothingOfTheKind }", "over a limit": "{" + strings.Repeat(" a: __typename", 500) + "}",
		"introspection": "{ __schema { types { name } } }",
	} {
		if w := post(s, persisted(sha(text), text)); w.Code == 200 {
			t.Errorf("%s was served: %s", name, w.Body)
		}
		if got := decode(t, post(s, persisted(sha(text), ""))); got.code() != "PERSISTED_QUERY_NOT_FOUND" {
			t.Errorf("%s was stored: %+v", name, got)
		}
	}
	if w := post(s, persisted(sha(codes), `{ stockCheck(skus: ["B"]) { items { sku } } }`)); w.Code != 400 {
		t.Errorf("the hash of another text: %d %s", w.Code, w.Body)
	}
	if got := decode(t, post(s, persisted(sha(codes), ""))); got.code() != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("a text was stored under the hash of another: %+v", got)
	}
	if w := post(s, persisted(sha(large), large)); w.Code != 200 {
		t.Errorf("a large text is served: %d %s", w.Code, w.Body)
	}
	if got := decode(t, post(s, persisted(sha(large), ""))); got.code() != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("a large text is not stored: %+v", got)
	}
}

func TestAFloodOfRegistrationsPushesNobodyOut(t *testing.T) {
	s := newShelf(t, nil, graph.DocumentOptions{Register: graph.RegisterAll, RegisterBytes: 1 << 20})
	real := make([]string, 20)
	shopper, flood := member("real"), member("flood")
	for i := range real {
		real[i] = fmt.Sprintf("{ real%d: __typename }", i)
		s.as(shopper, persisted(sha(real[i]), real[i]))
	}
	for i := range 10_000 { // hashes of nothing, then texts
		s.as(flood, persisted(sha(fmt.Sprint("random", i)), ""))
	}
	const texts = 2000
	for i := range texts {
		text := fmt.Sprintf("{ f%d: __typename }", i)
		if w := s.as(flood, persisted(sha(text), text)); w.Code != 200 {
			t.Fatal(w.Body)
		}
	}
	for i := range texts { // strangers have a part of their own
		text := fmt.Sprintf("{ s%d: __typename }", i)
		s.as(auth.Guest, persisted(sha(text), text))
	}
	for _, text := range real {
		if w := s.as(shopper, persisted(sha(text), "")); w.Code != 200 {
			t.Errorf("%s was pushed out: %s", text, w.Body)
		}
	}
	kept := 0
	for i := range texts {
		if w := s.as(flood, persisted(sha(fmt.Sprintf("{ f%d: __typename }", i)), "")); w.Code == 200 {
			kept++
		}
	}
	if kept == 0 || kept > 60 {
		t.Errorf("the flood kept %d texts", kept)
	}
	if w := s.as(flood, persisted(sha(fmt.Sprintf("{ f%d: __typename }", texts-1)), "")); w.Code != 200 {
		t.Errorf("what a client registered last is there: %s", w.Body)
	}
}

func TestManyClientsDoNotPushOutWhatIsAskedOften(t *testing.T) {
	s := newShelf(t, nil, graph.DocumentOptions{Register: graph.RegisterAll, RegisterBytes: 1 << 20})
	real := make([]string, 10)
	for i := range real {
		real[i] = fmt.Sprintf("{ real%d: __typename }", i)
		s.as(member("real"), persisted(sha(real[i]), real[i]))
	}
	missed := 0
	for i := range 4000 {
		text := fmt.Sprintf("{ f%d: __typename }", i)
		s.as(member(fmt.Sprint("flood", i)), persisted(sha(text), text))
		if w := s.as(member("real"), persisted(sha(real[i%len(real)]), "")); w.Code != 200 {
			missed++
			s.as(member("real"), persisted(sha(real[i%len(real)]), real[i%len(real)]))
		}
	}
	if missed > 40 {
		t.Errorf("%d of 4000 questions of a real client missed", missed)
	}
}

func TestABrokenSetAtStartIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		o     graph.DocumentOptions
		want  string
	}{
		"a document that does not fit the schema": {map[string]string{"web.json": relay(map[string]string{"a": "{ gone }"})}, graph.DocumentOptions{}, `web.json: id "a"`},
		"a document that is none":                 {map[string]string{"web.json": relay(map[string]string{"a": "{"})}, graph.DocumentOptions{}, `web.json: id "a"`},
		"introspection":                           {map[string]string{"web.json": relay(map[string]string{"a": "{ __schema { types { name } } }"})}, graph.DocumentOptions{}, "introspection is off"},
		"no manifest":                             {map[string]string{}, graph.DocumentOptions{}, "no manifest"},
		"trust without manifests":                 {nil, graph.DocumentOptions{Trust: map[auth.Class]graph.Trust{auth.ClassNobody: graph.TrustEnforce}}, "there are no manifests"},
		"trust of nobody known":                   {map[string]string{"web.json": "{}"}, graph.DocumentOptions{Trust: map[auth.Class]graph.Trust{"everybody": graph.TrustEnforce}}, "no class"},
		"a trust that is none":                    {map[string]string{"web.json": "{}"}, graph.DocumentOptions{Trust: map[auth.Class]graph.Trust{auth.ClassNobody: "yes"}}, "not off, log or enforce"},
		"a registration that is none":             {map[string]string{"web.json": "{}"}, graph.DocumentOptions{Register: "yes"}, "not off, known or all"},
	} {
		if c.files != nil {
			dir := &changingDir{}
			dir.set(testNow, c.files)
			c.o.Manifests = dir
		}
		_, err := graph.NewHandler(&fake{schema: mustSchema(t)}, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), graph.HandlerOptions{Documents: c.o})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// watch runs a watcher over some ticks and returns when it has looked as often.
func (s *shelf) watch(t testing.TB, ticks int) {
	t.Helper()
	c := make(chan time.Time, ticks)
	for range ticks {
		c <- s.now
	}
	close(c)
	s.WatchDocuments(t.Context(), c)
}

func TestChangedManifestsAreServed(t *testing.T) {
	document := func(id string) map[string]string {
		return map[string]string{"web.json": relay(map[string]string{id: codes})}
	}
	s := newShelf(t, document("one"), graph.DocumentOptions{Trust: map[auth.Class]graph.Trust{auth.ClassNobody: graph.TrustEnforce}})
	served := func(id string) bool { return post(s, body(map[string]any{"documentId": id})).Code == 200 }
	step := func(name string, files map[string]string, ids string, said string) {
		t.Helper()
		s.log.Reset()
		s.now = s.now.Add(time.Minute)
		if files != nil {
			s.dir.set(s.now.Add(-10*time.Second), files)
		}
		s.watch(t, 3)
		got := ""
		for _, id := range []string{"one", "two", "three"} {
			if served(id) {
				got += id + " "
			}
		}
		if got = strings.TrimSpace(got); got != ids {
			t.Errorf("%s: serves %q, want %q", name, got, ids)
		}
		if lines := strings.Count(s.log.String(), "\n"); said == "" && lines != 0 || said != "" && (lines != 1 || !strings.Contains(s.log.String(), said)) {
			t.Errorf("%s: the log has %q, want one line with %q", name, s.log, said)
		}
	}
	step("nothing changed", nil, "one", "")
	step("another document", document("two"), "two", "trusted documents read")
	step("a file touched", document("two"), "two", "")
	step("a text that does not fit", map[string]string{"web.json": relay(map[string]string{"three": "{ gone }"})}, "two", `web.json: id \"three\"`)
	step("still the same", nil, "two", `web.json: id \"three\"`)
	step("half a file", map[string]string{"web.json": `{"thr`}, "two", "web.json: the file is no JSON")
	step("one good file beside a broken one", map[string]string{"web.json": relay(map[string]string{"three": codes}), "z.json": "["}, "two", "z.json")
	step("an empty directory", map[string]string{}, "two", "no manifest")
	step("mended", document("three"), "three", "trusted documents read")
	step("two apps", map[string]string{"web.json": relay(map[string]string{"one": codes}), "app.json": relay(map[string]string{"two": levels})}, "one", "documents=2")
}

// A file that is written twice within the grain of its date is read twice.
func TestAFreshFileIsReadAgain(t *testing.T) {
	s := newShelf(t, map[string]string{"web.json": relay(map[string]string{"one": codes})}, graph.DocumentOptions{})
	for _, id := range []string{"two", "six"} {
		s.dir.set(s.now, map[string]string{"web.json": relay(map[string]string{id: codes})})
		s.watch(t, 1)
		if w := post(s, body(map[string]any{"documentId": id})); w.Code != 200 {
			t.Errorf("%s: %d %s", id, w.Code, w.Body)
		}
	}
}

func TestDocumentsAreSwappedUnderLoad(t *testing.T) {
	set := func(version int) map[string]string { // a document for all versions, one for each
		return map[string]string{"web.json": relay(map[string]string{
			"same": codes, fmt.Sprint("v", version): fmt.Sprintf("{ v%d: __typename }", version), "text": fmt.Sprintf("{ t%d: __typename }", version),
		})}
	}
	s := newShelf(t, set(0), graph.DocumentOptions{Trust: map[auth.Class]graph.Trust{auth.ClassNobody: graph.TrustEnforce}})
	ctx, cancel := context.WithCancel(t.Context())
	ticks := make(chan time.Time)
	var group sync.WaitGroup
	group.Go(func() { s.WatchDocuments(ctx, ticks) })
	var failed sync.Map
	for i := range 4 {
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				id := [...]string{"same", "text"}[(n+i)%2]
				if w := post(s, body(map[string]any{"documentId": id})); w.Code != 200 {
					failed.Store(id, w.Body.String())
				}
			}
		})
	}
	const swaps = 50
	for version := 1; version <= swaps; version++ {
		s.dir.set(s.now.Add(time.Duration(version)*time.Hour), set(version))
		ticks <- s.now
		if version%7 == 0 {
			s.dir.set(s.now.Add(time.Duration(version)*time.Hour+time.Minute), map[string]string{"web.json": "{"})
			ticks <- s.now
		}
	}
	ticks <- s.now // the one before has been worked on
	cancel()
	group.Wait()
	failed.Range(func(id, answer any) bool {
		t.Errorf("%v failed: %v", id, answer)
		return true
	})
	if w := post(s, body(map[string]any{"documentId": fmt.Sprint("v", swaps)})); w.Code != 200 {
		t.Errorf("the last set is served: %d %s", w.Code, w.Body)
	}
	if w := post(s, body(map[string]any{"documentId": "v0"})); w.Code != 403 {
		t.Errorf("the first set is not: %d %s", w.Code, w.Body)
	}
}

// The id of the executed document is in the access log.
func TestTheAccessLogNamesTheDocument(t *testing.T) {
	s := newShelf(t, map[string]string{"web.json": relay(map[string]string{"codes": codes})}, graph.DocumentOptions{})
	var log bytes.Buffer
	server := graph.Server{GraphQL: s, Metrics: s.metrics, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return testNow }}
	post(server.Handler(), body(map[string]any{"documentId": "codes"}))
	if got := log.String(); !strings.Contains(got, "document=codes") {
		t.Error(got)
	}
	log.Reset()
	post(server.Handler(), query("{__typename}"))
	if got := log.String(); strings.Contains(got, "document=") || !strings.Contains(got, "kind=query") {
		t.Error(got)
	}
}
