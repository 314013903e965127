package graph_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
)

// secret is what no answer may repeat; it is no name, which messages may repeat to whoever wrote it.
const secret = "13800138000"

var repeated = regexp.MustCompile(`(^|[^A-Za-z0-9_])` + secret)

// fuzzed is the whole public server over the product's schema: proxies, request ids, the log, headers, tokens, CORS, the
// transports and every check of a document and its variables. What passes them all is answered with {}.
func fuzzed(f *testing.F, change ...func(*graph.Server, *graph.Handler)) http.Handler {
	unread := &fake{
		schema: mustSchema(f), exec: func(context.Context) *graphql.Response { return &graphql.Response{Data: []byte("{}")} },
	}
	h, err := graph.NewHandler(unread, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), graph.HandlerOptions{})
	if err != nil {
		f.Fatal(err)
	}
	s := mustServer(f, h)
	s.Log = slog.New(slog.DiscardHandler)
	s.Config.Origins = []string{"https://shop.example"}
	s.Config.TrustedProxies = []string{"192.0.2.0/24"} // httptest's clients
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	key, err := auth.NewKey(private)
	if err != nil {
		f.Fatal(err)
	}
	if s.Verifier, err = auth.NewVerifier(auth.DefaultTokenConfig(), time.Now, key); err != nil {
		f.Fatal(err)
	}
	for _, c := range change {
		c(s, h)
	}
	return s.Handler()
}

// checked serves a request and judges the answer.
func checked(t *testing.T, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code >= http.StatusInternalServerError {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if strings.Contains(w.Header().Get("Content-Type"), "json") && !json.Valid(w.Body.Bytes()) {
		t.Fatalf("no JSON: %q", w.Body)
	}
	if repeated.Match(w.Body.Bytes()) {
		t.Fatalf("repeats what was sent: %s", w.Body)
	}
	for name, values := range w.Header() {
		for _, v := range values {
			if strings.ContainsAny(v, "\r\n\x00") {
				t.Fatalf("%s is %q", name, v)
			}
		}
	}
	return w
}

// FuzzPost sends bodies of any type to the whole server.
func FuzzPost(f *testing.F) {
	for name, body := range hostileBodies {
		if len(body) < 4<<10 {
			f.Add("application/json", body)
			f.Add("application/json; charset="+name, body)
		}
	}
	for _, text := range []string{
		"{__typename}", `{stockCheck(skus:["` + secret + `"]){items{sku level}}}`, `{node(id:"` + secret + `"){id ...on Product{title}}}`,
		"query($a:[String!]!=[" + secret + `]){stockCheck(skus:$a){items{sku}}}`, "{...F} fragment F on Query{...{__typename @include(if:true)}}",
		`query @inContext(locationId:"` + secret + `",language:EN){__typename}`, "mutation{guestSessionCreate{session{token}}}",
		`{products(filter:{brands:["` + secret + `"]}){nodes{id}}}`, "subscription{orderChanged(id:1){id}}", `{a:__type(name:"` + secret + `"){name}}`,
	} {
		f.Add("application/json", query(text))
	}
	f.Add("application/json", `{"query":"query($a:Int){__typename}","variables":{"a":"`+secret+`"},"operationName":null,"extensions":{}}`)
	f.Add("text/plain", secret)
	f.Add("multipart/form-data; boundary=x", "--x--")
	h := fuzzed(f)
	f.Fuzz(func(t *testing.T, kind, body string) {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
		r.Header["Content-Type"] = []string{kind}
		checked(t, h, r)
	})
}

// FuzzGet sends queries of URLs.
func FuzzGet(f *testing.F) {
	for _, raw := range []string{
		"query=%7B__typename%7D", "query={__typename}&variables={%22a%22:[1,2]}&operationName=A&extensions={}", "documentId=" + secret,
		"query=%7B&query=%7D", "a;b=c", "%zz", "variables=[[[[", "extensions=%7B%22persistedQuery%22:%7B%22version%22:1,%22sha256Hash%22:%22" + secret + "%22%7D%7D",
		"query=mutation%7BguestSessionCreate%7Bsession%7Btoken%7D%7D%7D",
	} {
		f.Add(raw)
	}
	h := fuzzed(f)
	f.Fuzz(func(t *testing.T, raw string) {
		r := httptest.NewRequest(http.MethodGet, "/graphql", nil)
		r.URL = &url.URL{Path: "/graphql", RawQuery: raw}
		r.Header.Set("GraphQL-Require-Preflight", "1")
		checked(t, h, r)
	})
}

// FuzzHeaders puts any two headers on a request that is answered without them.
func FuzzHeaders(f *testing.F) {
	for _, h := range [][4]string{
		{"Accept", graphqlMedia + ";q=0.5, */*;q=" + secret, "Accept-Language", "zh-Hans-CN, en;q=0.1"},
		{"Authorization", "Bearer a.b.c", "Dpop", "a.b.c"},
		{"Authorization", "DPoP " + secret, "Dpop", ""},
		{"Origin", "https://shop.example", "Access-Control-Request-Method", "POST"},
		{"Origin", "null", "Cookie", secret},
		{"X-Location-Id", secret, "X-Channel", secret},
		{"X-Request-Id", secret + "/", "Content-Encoding", "gzip"},
		{"Upgrade", "websocket", "Connection", "keep-alive, Upgrade"},
		{"Sec-Websocket-Key", "AAAA", "Sec-Websocket-Version", "13"},
		{"X-Forwarded-For", secret, "X-Forwarded-Proto", "https"},
		{"Forwarded", `for="[::1]:80";proto=https`, "Content-Type", "application/json;charset=\"utf-8\""},
	} {
		f.Add(h[0], h[1], h[2], h[3])
	}
	h := fuzzed(f)
	body := query("{__typename}")
	f.Fuzz(func(t *testing.T, name, value, other, also string) {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Add(name, value)
		r.Header.Add(other, also)
		w := checked(t, h, r)
		if body := w.Body.String(); w.Code == http.StatusOK && body != `{"data":{}}` && !strings.HasPrefix(body, `{"errors":[`) {
			t.Fatalf("answered %s", body)
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" && got != "https://shop.example" {
			t.Fatalf("allows the origin %q", got)
		}
	})
}

// FuzzManifests reads manifests of documents: what is read keeps its bounds, and a document written anew reads the same.
func FuzzManifests(f *testing.F) {
	f.Add([]byte(relay(map[string]string{"a": "{__typename}", "b": "{a}"})))
	f.Add([]byte(apollo(map[string]string{"a": "{__typename}"})))
	f.Add([]byte(`{"a":"x","a":"y"}`))
	f.Add([]byte(`{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":1}]}`))
	f.Add([]byte(`{"operations":"{a}"}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		read := func(data []byte) ([]graph.Manifest, error) {
			return graph.ReadManifests(fstest.MapFS{"app.json": {Data: data}})
		}
		got, err := read(file)
		if err != nil {
			return
		}
		again := map[string]string{}
		for _, d := range got[0].Documents {
			if d.ID == "" || len(d.ID) > 128 || d.Text == "" {
				t.Fatalf("read the document %q %q", d.ID, d.Text)
			}
			again[d.ID] = d.Text
		}
		if _, ambiguous := again["operations"]; ambiguous || len(again) == 0 {
			return
		}
		copied, err := read([]byte(relay(again)))
		if err != nil {
			t.Fatal(err)
		}
		third := map[string]string{}
		for _, d := range copied[0].Documents {
			third[d.ID] = d.Text
		}
		if !reflect.DeepEqual(again, third) {
			t.Fatalf("%v reads as %v", again, third)
		}
	})
}

// frame is a client's frame with the mask 0.
func frame(head byte, payload []byte) []byte {
	b := []byte{head}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

const upgrade = "GET /graphql HTTP/1.1\r\nHost: portico\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"

// FuzzSocket sends scripts over WebSockets: texts, one a line, then raw bytes. The server ends each socket by itself or when
// the client goes, and answers the next.
func FuzzSocket(f *testing.F) {
	const start = `{"type":"connection_init"}` + "\n"
	f.Add(start+`{"type":"subscribe","id":"1","payload":{"query":"{__typename}"}}`+"\n"+`{"type":"complete","id":"1"}`, []byte{0x88, 0x80, 0, 0, 0, 0})
	f.Add(start+start, []byte{})
	f.Add(`{"type":"subscribe","id":"1","payload":{"query":"{a}"}}`, []byte{0x89, 0xff})
	f.Add(start+`{"type":"ping","payload":[[[[`, []byte{0x01, 0x81, 0, 0, 0, 0, 'a', 0x80, 0x80, 0, 0, 0, 0})
	f.Add(start+`{"type":"subscribe","id":"","payload":{"query":null,"variables":[]}}`, []byte{0x82, 0x80, 0, 0, 0, 0})
	f.Add(`{"type":"connection_init","payload":{"Authorization":"Bearer `+secret+`"}}`, []byte{0xf1, 0x00})
	f.Add(start, []byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	log := &safeBuffer{}
	var server *graph.Server
	fuzzed(f, func(s *graph.Server, h *graph.Handler) {
		s.Log, s.Metrics = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn})), prometheus.NewRegistry()
		sockets, err := graph.NewSockets(h, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), graph.SocketOptions{})
		if err != nil {
			f.Fatal(err)
		}
		s.Sockets, server = sockets, s
	})
	ln, done := newPipes(), make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() { done <- server.Serve(ctx, ln) }()
	f.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, script string, tail []byte) {
		conn := ln.dial()
		defer func() { _ = conn.Close() }()
		var b []byte
		const most = 50 // lines: more of them are read slowly
		for _, line := range strings.SplitN(script, "\n", most) {
			b = append(b, frame(0x81, []byte(line))...)
		}
		b = append(b, tail...)
		answers := bufio.NewReader(conn)
		written := make(chan struct{})
		go func() {
			defer close(written)
			_, _ = conn.Write(append([]byte(upgrade), append(b, 0x88, 0x80, 0, 0, 0, 0)...)) // until the server has read it, or goes
		}()
		resp, err := http.ReadResponse(answers, nil)
		if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("the upgrade: %v %v", resp, err)
		}
		_ = resp.Body.Close()
		go func() { _, _ = io.Copy(io.Discard, answers) }()
		<-written
		_ = conn.Close()
		if said := log.String(); strings.Contains(said, "panic") {
			t.Fatal(said)
		}
	})
}
