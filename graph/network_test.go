package graph_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/portico-retail/portico/graph"
)

// newLogged returns a server and what it logs.
func newLogged(t testing.TB) (*graph.Server, *bytes.Buffer) {
	t.Helper()
	s, log := mustServer(t, mustHandler(t, newStub())), new(bytes.Buffer)
	s.Log = slog.New(slog.NewTextHandler(log, nil))
	return s, log
}

// TestNoPageOfAnotherSiteActs sends what a browser sends for a page of another site without asking first (CORS preflight), and what
// it sends after asking in vain: nothing is executed, and the page may not read a word.
func TestNoPageOfAnotherSiteActs(t *testing.T) {
	executed := 0
	h := mustFakeHandler(t, "type Query {a: Int @public} type Mutation {m: Int @public}", func(f *fake, _ *graph.HandlerOptions) {
		f.exec = func(context.Context) *graphql.Response {
			executed++
			return &graphql.Response{Data: []byte(`{"a":1}`)}
		}
	})
	s := mustServer(t, h)
	s.Config.Origins = []string{"https://shop.example"}
	s.Config.Explorer = true
	server := s.Handler()
	mutation := query("mutation{m}")
	const evil = "https://evil.example"
	for name, c := range map[string]struct {
		method, target, kind, body string
		headers                    []string
		status                     int
	}{
		"a form":                                {"POST", "/graphql", "application/x-www-form-urlencoded", "query=mutation%7Bm%7D", nil, 415},
		"a form that spells JSON":               {"POST", "/graphql", "application/x-www-form-urlencoded", mutation, nil, 415},
		"a form with a file":                    {"POST", "/graphql", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n" + mutation + "\r\n--x--", nil, 415},
		"a form of plain text":                  {"POST", "/graphql", "text/plain", mutation, nil, 415},
		"a form of plain text as JSON":          {"POST", "/graphql", "text/plain; application/json", mutation, nil, 415},
		"a beacon":                              {"POST", "/graphql", "text/plain;charset=UTF-8", mutation, []string{"Sec-Fetch-Mode", "no-cors"}, 415},
		"a request without a kind":              {"POST", "/graphql", "", mutation, nil, 415},
		"two kinds":                             {"POST", "/graphql", "application/json, text/plain", mutation, nil, 415},
		"the document as the body":              {"POST", "/graphql", "application/graphql", "mutation{m}", nil, 415},
		"JSON in another character set":         {"POST", "/graphql", "application/json; charset=utf-16", mutation, nil, 415},
		"a picture":                             {"GET", "/graphql?query=%7Ba%7D", "", "", []string{"Sec-Fetch-Dest", "image"}, 403},
		"a script":                              {"GET", "/graphql?query=%7Ba%7D&callback=x", "", "", []string{"Sec-Fetch-Dest", "script"}, 403},
		"a stylesheet":                          {"GET", "/graphql?query=%7Ba%7D", "", "", []string{"Sec-Fetch-Dest", "style"}, 403},
		"a link to a mutation":                  {"GET", "/graphql?query=mutation%7Bm%7D", "", "", []string{"Accept", "text/html,*/*"}, 403},
		"a link that the explorer might take":   {"GET", "/graphql?query=%7Ba%7D", "", "", []string{"Accept", "text/html"}, 406},
		"a method that is overridden":           {"GET", "/graphql?query=mutation%7Bm%7D&_method=POST", "", "", []string{"X-HTTP-Method-Override", "POST", "X-Method-Override", "POST", "X-HTTP-Method", "POST"}, 403},
		"a PUT":                                 {"PUT", "/graphql", "application/json", mutation, nil, 405},
		"a preflight":                           {"OPTIONS", "/graphql", "", "", []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type"}, 204},
		"a preflight for a private network":     {"OPTIONS", "/graphql", "", "", []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Private-Network", "true"}, 204},
		"an OPTIONS that asks for nothing":      {"OPTIONS", "/graphql", "", "", nil, 405},
		"a TRACE":                               {"TRACE", "/graphql", "", "", nil, 405},
		"a HEAD of a query":                     {"HEAD", "/graphql?query=%7Ba%7D", "", "", nil, 405},
		"a form to the hooks that are not":      {"POST", "/hooks/shop", "text/plain", "{}", nil, 404},
		"a path with a dot":                     {"POST", "/graphql/.", "text/plain", mutation, nil, 404},
		"a JSON body by GET":                    {"GET", "/graphql", "application/json", mutation, nil, 403},
		"an empty header against preflights":    {"GET", "/graphql?query=%7Ba%7D", "", "", []string{"GraphQL-Require-Preflight", ""}, 403},
		"a password that the browser remembers": {"POST", "/graphql", "text/plain", mutation, []string{"Authorization", "Basic eDp5", "Cookie", "session=x"}, 415},
	} {
		for _, origin := range []string{evil, "null"} {
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			r.Header.Set("Origin", origin)
			if c.kind != "" {
				r.Header.Set("Content-Type", c.kind)
			}
			for i := 0; i < len(c.headers); i += 2 {
				r.Header.Set(c.headers[i], c.headers[i+1])
			}
			w := httptest.NewRecorder()
			server.ServeHTTP(w, r)
			if executed > 0 {
				t.Fatalf("%s: it was executed", name)
			}
			if w.Code != c.status {
				t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, c.status)
			}
			for header := range w.Header() {
				if strings.HasPrefix(header, "Access-Control-") {
					t.Errorf("%s of %s: %s", name, origin, header)
				}
			}
			if strings.HasPrefix(c.target, "/graphql") && !strings.Contains(c.target, ".") && w.Header().Get("Vary") == "" {
				t.Errorf("%s: a cache may mix origins up", name)
			}
			if w.Header().Get("Set-Cookie") != "" {
				t.Errorf("%s: a cookie is set", name)
			}
		}
	}
}

func TestEveryAnswerHasItsHeaders(t *testing.T) {
	s := mustServer(t, mustHandler(t, newStub()))
	s.Config.Explorer = true
	s.Config.TrustedProxies = []string{"192.0.2.1"}
	h := s.Handler()
	for _, path := range []string{"/", "/graphql", "/healthz", "/readyz", "/nothing", "/graphiql/index.html"} {
		for proto, hsts := range map[string]string{"https": "max-age=31536000", "http": ""} {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("X-Forwarded-Proto", proto)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
				"Permissions-Policy":        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
				"Strict-Transport-Security": hsts,
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s over %s: %s is %q", path, proto, name, got)
				}
			}
			if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || !strings.HasPrefix(policy, "default-src 'none'") {
				t.Errorf("%s: %s", path, policy)
			}
		}
	}
}

// A page of evil.example whose name was made to resolve to 127.0.0.1 asks the admin listener as a page of the same origin.
func TestTheAdminListenerAnswersToItsOwnNamesOnly(t *testing.T) {
	s := mustServer(t, mustHandler(t, newStub()))
	s.Config.AdminNames = []string{"gateway.internal"}
	h := s.AdminHandler()
	for host, status := range map[string]int{
		"localhost": 200, "LocalHost:9090": 200, "localhost.:9090": 200, "127.0.0.1:9090": 200, "127.0.0.1": 200, "[::1]:9090": 200, "10.1.2.3:9090": 200,
		"gateway.internal:9090": 200, "Gateway.Internal": 200,
		"evil.example": 421, "evil.example:9090": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example:9090": 421, "evil.localhost": 421,
		"0x7f000001": 421, "2130706433": 421, "127.1": 421, "": 421, "localhost:9090:9090": 421, "gateway.internal.": 200, "[evil.example]": 421,
	} {
		for _, path := range []string{"/metrics", "/readyz", "/healthz"} {
			r := httptest.NewRequest("GET", path, nil)
			r.Host = host
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != status {
				t.Errorf("%q asked for %s: got %d, want %d", host, path, w.Code, status)
			}
		}
	}
}

func TestTheAdminListener(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := mustServer(t, mustHandler(t, newStub()))
	s.Ready = func(context.Context) map[string]string { return map[string]string{"erp": "no snapshot yet"} }
	s.Config.Pprof = true
	var err error
	if s.Admin, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	r := mustServe(t, s)
	client := mustClient(t)
	ask := func(path string, headers ...string) (int, string) {
		t.Helper()
		q, _ := http.NewRequest("GET", "http://"+s.Admin.Addr().String()+path, nil)
		for i := 0; i < len(headers); i += 2 {
			q.Header.Set(headers[i], headers[i+1])
		}
		resp, err := client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	for path, want := range map[string]struct {
		status int
		part   string
	}{
		"/healthz": {200, `"ok"`}, "/readyz": {503, `"erp":"no snapshot yet"`}, "/metrics": {200, ""},
		"/debug/pprof/goroutine?debug=1": {200, "goroutine profile"}, "/debug/pprof/heap": {200, ""},
		"/debug/pprof/cmdline": {404, ""}, "/debug/pprof/nothing": {404, ""}, "/graphql": {404, ""}, "/": {404, ""},
	} {
		if status, body := ask(path); status != want.status || !strings.Contains(body, want.part) {
			t.Errorf("%s: got %d %.200s", path, status, body)
		}
	}
	for _, headers := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
		if status, _ := ask("/metrics", headers...); status != 403 {
			t.Errorf("%v: got %d", headers, status)
		}
	}
	s.Config.Pprof = false
	w := httptest.NewRecorder()
	if s.AdminHandler().ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/debug/pprof/heap", nil)); w.Code != 404 {
		t.Errorf("profiles that nobody wants: got %d", w.Code)
	}
	client.CloseIdleConnections()
	r.stop()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

// TestSlowClientsAreCut: whoever drips a header or a body, or says nothing, is cut off, and meanwhile others are served.
func TestSlowClientsAreCut(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := mustServer(t, mustHandler(t, newStub()))
	s.Config.Timeouts = graph.Timeouts{Header: 150 * time.Millisecond, Read: 300 * time.Millisecond, Write: time.Second, Idle: 200 * time.Millisecond}
	r := mustServe(t, s)
	body := query("{__typename}")
	whole := fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	var wg sync.WaitGroup
	for name, c := range map[string]struct {
		at   string // sent at once
		drip string // then, a byte every 10 ms
		want string // what the answer begins with, if any
	}{
		"says nothing":            {"", "", ""},
		"drips a header":          {"POST /graphql HTTP/1.1\r\nHost: x\r\n", "X-A: " + strings.Repeat("a", 1000), ""},
		"drips the first line":    {"", "POST /graphql HTTP/1.1" + strings.Repeat(" ", 1000), ""},
		"drips a body":            {"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n", `{"query":"` + strings.Repeat(" ", 1000), "HTTP/1.1 400 "},
		"drips chunks":            {"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\n \r\n", 500), "HTTP/1.1 400 "},
		"stays when it is served": {whole, "", "HTTP/1.1 200 "},
		"has a huge header":       {"POST /graphql HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 64<<10), "", "HTTP/1.1 431 "},
		"says two lengths":        {"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n{}", "", "HTTP/1.1 400 "},
		"says length and chunked": {"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", "HTTP/1.1 400 "},
		"speaks HTTP/2 unasked":   {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", "HTTP/1.1 405 "},
		"speaks TLS":              {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 200), "", "HTTP/1.1 400 "},
	} {
		wg.Go(func() {
			conn, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			stop := make(chan struct{})
			defer close(stop)
			go func() {
				_, _ = io.WriteString(conn, c.at)
				tick := time.NewTicker(10 * time.Millisecond)
				defer tick.Stop()
				for i := range len(c.drip) {
					select {
					case <-stop:
						return
					case <-tick.C:
					}
					if _, err := conn.Write([]byte{c.drip[i]}); err != nil {
						return
					}
				}
			}()
			answer, err := io.ReadAll(conn)
			if late := net.Error(nil); errors.As(err, &late) && late.Timeout() {
				t.Errorf("who %s is never cut off", name)
			}
			if !strings.HasPrefix(string(answer), c.want) {
				t.Errorf("who %s reads %.60q", name, answer)
			}
		})
	}
	client := mustClient(t)
	for range 20 {
		if status, _, err := send(client, r.url, body); err != nil || status != 200 {
			t.Errorf("another client got %d %v", status, err)
		}
	}
	wg.Wait()
	client.CloseIdleConnections()
	r.stop()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

func TestConnectionsOfOneAddressAreBounded(t *testing.T) {
	defer goleak.VerifyNone(t)
	reg := prometheus.NewRegistry()
	s := mustServer(t, mustHandler(t, newStub()))
	s.Config.ConnectionsPerAddress, s.Registerer, s.Metrics = 3, reg, reg
	r := mustServe(t, s)
	alive := func(conn net.Conn) bool {
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.Body.Close() == nil && resp.StatusCode == 200
	}
	var open []net.Conn
	for range 3 {
		conn, err := net.Dial("tcp", r.addr)
		if err != nil || !alive(conn) {
			t.Fatalf("%v", err)
		}
		open = append(open, conn)
	}
	for range 5 {
		conn, err := net.Dial("tcp", r.addr)
		if err == nil && alive(conn) {
			t.Error("a fourth connection is served")
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	other, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("tcp", r.addr)
	if err != nil || !alive(other) {
		t.Errorf("another address is not served: %v", err)
	}
	w := httptest.NewRecorder()
	s.AdminHandler().ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/metrics", nil))
	if !strings.Contains(w.Body.String(), "portico_connections_refused_total 5") {
		t.Errorf("got %s", w.Body)
	}
	_ = open[0].Close()
	eventually(t, func() bool {
		conn, err := net.Dial("tcp", r.addr)
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close() }()
		return alive(conn)
	})
	for _, conn := range append(open, other) {
		_ = conn.Close()
	}
	r.stop()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}
