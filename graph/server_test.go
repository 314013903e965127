package graph_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
)

func mustServer(t testing.TB, h http.Handler) *graph.Server {
	t.Helper()
	return &graph.Server{
		Config: graph.ServerConfig{DrainTimeout: 10 * time.Second}, GraphQL: h,
		Metrics: prometheus.NewRegistry(), Log: slog.New(slog.NewTextHandler(testLog(t), nil)),
	}
}

// gate is a schema whose field a waits until it is let through.
type gate struct {
	entered chan struct{}
	open    chan struct{}
}

func newGate() gate { return gate{entered: make(chan struct{}, 100), open: make(chan struct{})} }

func (g gate) handler(t testing.TB, change ...func(*graph.HandlerOptions)) *graph.Handler {
	t.Helper()
	return mustFakeHandler(t, "type Query {a: Int @public}", func(f *fake, o *graph.HandlerOptions) {
		for _, c := range change {
			c(o)
		}
		f.exec = func(ctx context.Context) *graphql.Response {
			g.entered <- struct{}{}
			select {
			case <-g.open:
				return &graphql.Response{Data: []byte(`{"a":1}`)}
			case <-ctx.Done():
				return nil
			}
		}
	})
}

func TestReadiness(t *testing.T) {
	s := mustServer(t, mustHandler(t, newStub()))
	missing := map[string]string{"erp": "no snapshot yet"}
	s.Ready = func(context.Context) map[string]string { return missing }
	h := s.Handler()
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	if w := get("/readyz"); w.Code != 503 || strings.TrimSpace(w.Body.String()) != `{"ready":false}` {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	missing = nil
	if w := get("/readyz"); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"ready":true}` {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if w := get("/healthz"); w.Code != 200 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, httptest.NewRequest("HEAD", "/readyz", nil)); w.Code != 200 {
		t.Errorf("HEAD: got %d", w.Code)
	}
	for _, path := range []string{"/", "/graphiql/page.js", "/debug/pprof/", "/metrics", "/nonsense"} {
		if w := get(path); w.Code != 404 {
			t.Errorf("%s: got %d", path, w.Code)
		}
	}
}

func TestOverloadIsShed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		h := g.handler(t, func(o *graph.HandlerOptions) { o.MaxInFlight = 1 })
		codes := make(chan int, 4)
		for range 3 { // one is worked on, two wait
			go func() { codes <- post(h, query("{a}")).Code }()
			synctest.Wait()
		}
		started := time.Now()
		w := post(h, query("{a}"))
		if r := decode(t, w); w.Code != 503 || r.code() != "OVERLOADED" || r.Errors[0].Extensions["retryable"] != true || w.Header().Get("Retry-After") != "1" {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
		if w := post(h, query("{a}"), "Accept", jsonMedia); w.Code != 503 {
			t.Errorf("plain JSON: got %d", w.Code)
		}
		if waited := time.Since(started); waited != 0 {
			t.Errorf("shedding took %v", waited)
		}
		for range 2 {
			if got := <-codes; got != 503 {
				t.Errorf("a request that waited got %d", got)
			}
		}
		if waited := time.Since(started); waited != 100*time.Millisecond {
			t.Errorf("they waited %v", waited)
		}
		go func() { codes <- post(h, query("{a}")).Code }()
		synctest.Wait()
		close(g.open)
		for range 2 {
			if got := <-codes; got != 200 {
				t.Errorf("once there is room: got %d", got)
			}
		}
	})
}

func TestSlowSendersHoldNoSlot(t *testing.T) {
	h := mustHandler(t, newStub(), func(o *graph.HandlerOptions) { o.MaxInFlight = 1 })
	slow, more := io.Pipe()
	done := make(chan int, 1)
	go func() {
		r := httptest.NewRequest("POST", "/graphql", slow)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		done <- w.Code
	}()
	if _, err := more.Write([]byte(`{"query":`)); err != nil { // returns when the handler has read it
		t.Fatal(err)
	}
	if w := post(h, query("{__typename}")); w.Code != 200 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	_, _ = more.Write([]byte(`"{__typename}"}`))
	_ = more.Close()
	if got := <-done; got != 200 {
		t.Errorf("the slow sender got %d", got)
	}
}

func TestTheAccessLogHasNoQueryAndNoVariables(t *testing.T) {
	var log bytes.Buffer
	s := mustServer(t, mustHandler(t, newStub()))
	s.Log = slog.New(slog.NewJSONHandler(&log, nil))
	s.NewID = func() string { return "new-id" }
	h := s.Handler()
	const secret = "13800138000"
	body := query(`query Find($a:ID!){node(id:$a){id} b:node(id:"`+secret+`"){id}}`, map[string]any{"a": secret})
	for given, want := range map[string]string{"abc-1": "abc-1", "": "new-id", "a b": "new-id", strings.Repeat("x", 65): "new-id"} {
		log.Reset()
		w := post(h, body, "X-Request-Id", given)
		var line map[string]any
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, &log)
		}
		delete(line, "time")
		delete(line, "took")
		if diff := cmp.Diff(map[string]any{
			"level": "INFO", "msg": "request", "request": want, "method": "POST", "path": "/graphql", "status": 200.,
			"bytes": float64(w.Body.Len()), "client": "192.0.2.0/24", "kind": "query", "operation": "Find", "role": "guest",
		}, line); diff != "" {
			t.Errorf("%q: %s", given, diff)
		}
		if w.Header().Get("X-Request-Id") != want {
			t.Errorf("%q: got the id %q", given, w.Header().Get("X-Request-Id"))
		}
	}
	log.Reset()
	post(h, query("{nonsense}"), "Accept", jsonMedia)
	if !strings.Contains(log.String(), `"status":200`) || !strings.Contains(log.String(), `"code":"GRAPHQL_VALIDATION_FAILED"`) {
		t.Errorf("an error with status 200 does not show: %s", &log)
	}
	log.Reset()
	post(h, `{"query":"{__typename}","operationName":"`+secret+`\r\nlevel=ERROR"}`)
	post(h, query(`{nonsense(a:"`+secret+`")}`))
	if strings.Contains(log.String(), secret) || strings.Count(log.String(), "\n") != 2 {
		t.Errorf("got %s", &log)
	}
}

func TestTokens(t *testing.T) {
	private, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key, err := auth.NewKey(private)
	if err != nil {
		t.Fatal(err)
	}
	issuer, _ := auth.NewIssuer(key, auth.DefaultTokenConfig(), time.Now)
	token, err := issuer.Issue(auth.Principal{Role: auth.RoleOperator, Subject: "o"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s := mustServer(t, mustFakeHandler(t, accessSchema))
	var log bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	if s.Verifier, err = auth.NewVerifier(auth.DefaultTokenConfig(), time.Now, key); err != nil {
		t.Fatal(err)
	}
	h := s.Handler()
	if w := post(h, query("{vital}")); w.Code != 403 {
		t.Errorf("a guest got %d %s", w.Code, w.Body)
	}
	if w := post(h, query("{vital}"), "Authorization", "Bearer "+token); w.Code != 200 {
		t.Errorf("an operator got %d %s", w.Code, w.Body)
	}
	log.Reset()
	post(h, query("{vital}"), "Authorization", "Bearer "+token[:len(token)-2])
	if line := log.String(); !strings.Contains(line, "code=UNAUTHENTICATED") || !strings.Contains(line, "signature") || strings.Contains(line, token[:40]) {
		t.Errorf("the log does not say why: %s", line)
	}
	for _, bad := range []string{"Bearer " + token[:len(token)-2], "Bearer", "Basic " + token, "Bearer " + strings.Repeat("x", 9<<10)} {
		w := post(h, query("{__typename}"), "Authorization", bad, "Accept", jsonMedia)
		if r := decode(t, w); w.Code != 401 || r.code() != "UNAUTHENTICATED" || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%.20s: got %d %s %v", bad, w.Code, w.Body, w.Header())
		}
	}
}

func TestCORS(t *testing.T) {
	s := mustServer(t, mustHandler(t, newStub()))
	s.Config.Origins = []string{"https://shop.example"}
	h := s.Handler()
	for origin, want := range map[string]string{
		"https://shop.example": "https://shop.example", "https://shop.example.evil": "", "https://evil": "", "null": "", "": "",
	} {
		w := post(h, query("{__typename}"), "Origin", origin)
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != want || w.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%q: got %q", origin, got)
		}
		if got := strings.Join(w.Header().Values("Vary"), ","); got != "Origin,Accept" {
			t.Errorf("%q: varies by %q", origin, got)
		}
		r := httptest.NewRequest("OPTIONS", "/graphql", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		w = httptest.NewRecorder()
		h.ServeHTTP(w, r)
		allowed := w.Code == http.StatusNoContent
		for _, name := range []string{
			"Content-Type", "Authorization", "DPoP", "Accept-Language", "X-Request-Id", "X-Location-Id", "X-Channel",
			"GraphQL-Require-Preflight", "X-Apollo-Operation-Name", "Apollo-Require-Preflight", // each lets a GET through
		} {
			allowed = allowed && slices.Contains(strings.Split(w.Header().Get("Access-Control-Allow-Headers"), ", "), name)
		}
		if allowed != (want != "") {
			t.Errorf("%q: the preflight got %d %v", origin, w.Code, w.Header())
		}
	}
	for _, bad := range []string{"*", "shop.example", "https://shop.example/", "ftp://x", "https://"} {
		c := graph.DefaultServerConfig()
		if c.Origins = []string{bad}; c.Validate() == nil {
			t.Errorf("%q is an origin", bad)
		}
	}
}

func TestTheQueryPageRunsUnderAStrictPolicy(t *testing.T) {
	s := mustServer(t, mustHandler(t, newStub()))
	s.Config.Explorer = true
	h := s.Handler()
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	page := get("/")
	policy := page.Header().Get("Content-Security-Policy")
	if page.Code != 200 || !strings.Contains(policy, "default-src 'none'; script-src 'self';") {
		t.Errorf("got %d, %s", page.Code, policy)
	}
	text := page.Body.String()
	if strings.Contains(text, "<script>") || strings.Contains(text, "://") || strings.Contains(text, " on") && strings.Contains(text, "=\"javascript") {
		t.Errorf("the page has inline scripts or asks other sites: %s", text)
	}
	found := 0
	for part := range strings.SplitSeq(text, `"`) {
		if !strings.HasPrefix(part, "/graphiql/") {
			continue
		}
		found++
		if w := get(part); w.Code != 200 || w.Body.Len() == 0 {
			t.Errorf("%s: got %d", part, w.Code)
		}
	}
	if found != 6 {
		t.Errorf("the page loads %d files", found)
	}
	if w := get("/graphiql/"); w.Code == 200 {
		t.Errorf("the directory is listed: %s", w.Body)
	}
}

func TestANegativeMaxInFlightIsAMistake(t *testing.T) {
	o := graph.HandlerOptions{MaxInFlight: -1}
	if _, err := graph.NewHandler(&fake{schema: mustSchema(t)}, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), o); err == nil {
		t.Error("it was accepted")
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	f := &fake{schema: mustSchema(t), exec: func(context.Context) *graphql.Response { return &graphql.Response{Data: []byte("{}")} }}
	gql, err := graph.NewHandler(f, slog.New(slog.DiscardHandler), reg, graph.HandlerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := mustServer(t, gql)
	s.Metrics = reg
	h := s.Handler()
	admin := s.AdminHandler()
	for _, body := range []string{query("{__typename}"), query("{__typename}"), query("{nonsense}"), query("{nonsense}"), query("{" + repeat(31, "a%d:__typename ") + "}"), "["} {
		post(h, body)
	}
	w := httptest.NewRecorder()
	admin.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/metrics", nil))
	for _, line := range []string{
		`portico_graphql_requests_total{outcome="ok"} 2`,
		`portico_graphql_requests_total{outcome="refused"} 4`,
		`portico_graphql_documents_total{cache="hit"} 1`,
		`portico_graphql_documents_total{cache="miss"} 4`, // refused documents are not kept
		`portico_graphql_refusals_total{code="GRAPHQL_VALIDATION_FAILED",limit=""} 2`,
		`portico_graphql_refusals_total{code="LIMIT_EXCEEDED",limit="aliases"} 1`,
		`portico_graphql_refusals_total{code="BAD_REQUEST",limit=""} 1`,
		`portico_graphql_in_flight 0`,
		`portico_graphql_request_seconds_count{outcome="ok"} 2`,
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	if _, err := graph.NewHandler(f, slog.New(slog.DiscardHandler), reg, graph.HandlerOptions{}); err == nil {
		t.Error("two handlers share a registry")
	}
}
