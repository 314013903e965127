package graph_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/portico-retail/portico/graph"
)

// rawPost is an HTTP request with a body, as bytes on the wire.
func rawPost(body string, headers ...string) string {
	var b strings.Builder
	b.WriteString("POST /graphql HTTP/1.1\r\nHost: portico\r\nContent-Type: application/json\r\n")
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

// rawGet is a GET that a browser's page of another site could not send.
func rawGet(target string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: portico\r\nGraphQL-Require-Preflight: 1\r\n\r\n"
}

func rawChunked(chunks string) string {
	return "POST /graphql HTTP/1.1\r\nHost: portico\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
}

// hostileBodies are GraphQL requests that are broken, forged or too expensive. None may be answered with data.
var hostileBodies = map[string]string{
	"1 MB of nesting":            query(strings.Repeat("{a", 1<<19)),
	"120 KB of nesting":          query(strings.Repeat("{a", 60_000)),
	"120 KB of JSON nesting":     `{"query":"{__typename}","variables":{"a":` + strings.Repeat("[", 120<<10),
	"a fragment bomb":            query(bomb(39)),
	"a larger fragment bomb":     query(bomb(1000)),
	"fragments in a circle":      query("{...F} fragment F on Query {...F}"),
	"10,000 aliases":             query("{" + repeat(10_000, "a%d:__typename ") + "}"),
	"10,000 root fields":         query("{" + strings.Repeat("__typename ", 10_000) + "}"),
	"50,000 directives":          query("{__typename " + strings.Repeat("@a", 50_000) + "}"),
	"400 equal fields":           query("{stockCheck(skus:[]){" + strings.Repeat("items{sku} ", 190) + "}}"),
	"370 unknown fields":         query("{node(id:1){" + repeat(370, "x%d ") + "}}"),
	"100 KB of one name":         query("{" + strings.Repeat("a", 100<<10) + "}"),
	"100 KB of one text":         query(`{node(id:"` + strings.Repeat("a", 100<<10) + `"){id x}}`),
	"100 KB of block text":       query(`{node(id:"""` + strings.Repeat(" \n", 50<<10) + `"""){id x}}`),
	"an open block text":         query(`{node(id:"""` + strings.Repeat(`\"""`, 20<<10)),
	"30,000 items":               `{"query":"query($a:[ID!]!){nodes(ids:$a){id}}","variables":{"a":[1` + strings.Repeat(",1", 30_000) + `]}}`,
	"30,000 variables":           `{"query":"{a}","variables":{"a":1` + repeat(30_000, `,"%d":1`) + `}}`,
	"a repeated key":             `{"query":"{__typename}","query":"{a}"}`,
	"a repeated variable":        `{"query":"query($a:ID!){node(id:$a){id}}","variables":{"a":"x","a":"y"}}`,
	"trailing bytes":             `{"query":"{__typename}"}x`,
	"a batch":                    `[{"query":"{__typename}"}]`,
	"a query of another type":    `{"query":{"a":1}}`,
	"variables of another type":  `{"query":"{__typename}","variables":[1]}`,
	"a number of 100,000 digits": `{"query":"query($a:Int){stockCheck(skus:[],first:$a){__typename}}","variables":{"a":1` + strings.Repeat("0", 100_000) + `}}`,
	"a number beyond all":        `{"query":"query($a:Float){stockCheck(skus:[],withinKm:$a){__typename}}","variables":{"a":1e999999999}}`,
	"half a surrogate":           `{"query":"{__typename #\ud800\n}"}`,
	"a byte order mark":          "\ufeff" + `{"query":"{__typename}"}`,
	"broken UTF-8":               "{\"query\":\"{__typename #\xff\\n}\"}",
	"a mutation":                 query("mutation{a}"),
	"a subscription":             query("subscription{a}"),
	"two operations, no name":    query("query A{__typename} query B{__typename}"),
	"no operation":               query("fragment F on Query {__typename}"),
	"nothing":                    "",
}

// hostileBytes are what no HTTP client sends.
var hostileBytes = map[string]string{
	"a TLS hello":                   "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	"an HTTP/2 preface":             "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"no HTTP":                       "{\"query\":\"{__typename}\"}\r\n\r\n",
	"64 KB of one header":           "GET /graphql HTTP/1.1\r\nHost: portico\r\nA: " + strings.Repeat("a", 64<<10) + "\r\n\r\n",
	"5,000 headers":                 "GET /graphql HTTP/1.1\r\nHost: portico\r\n" + repeat(5000, "A%d: b\r\n") + "\r\n",
	"64 KB of URL":                  rawGet("/graphql?query=" + strings.Repeat("%7B", 21<<10)),
	"parameters that repeat":        rawGet("/graphql?query=%7B__typename%7D&query=%7Ba%7D"),
	"broken escapes":                rawGet("/graphql?query=%7B__typename%7D&variables=%ZZ"),
	"a semicolon":                   rawGet("/graphql?query=%7B__typename%7D;a=b"),
	"no host":                       "GET /graphql HTTP/1.1\r\n\r\n",
	"another method":                "TRACE /graphql HTTP/1.1\r\nHost: portico\r\n\r\n",
	"a tunnel":                      "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n",
	"a path upwards":                rawGet("/graphiql/../../etc/passwd"),
	"a negative length":             "POST /graphql HTTP/1.1\r\nHost: portico\r\nContent-Length: -1\r\n\r\n",
	"two lengths":                   "POST /graphql HTTP/1.1\r\nHost: portico\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
	"a length that lies":            rawPost(strings.Repeat(" ", 200), "Content-Length: 9999999999"),
	"a chunk that is no chunk":      rawChunked("zz\r\n{}\r\n0\r\n\r\n"),
	"a chunk larger than memory":    rawChunked("ffffffffffffffff\r\n{}"),
	"1 MB in chunks of one byte":    rawChunked(strings.Repeat("1\r\n{\r\n", 1<<20/6) + "0\r\n\r\n"),
	"a length and chunks":           rawPost("0\r\n\r\n", "Transfer-Encoding: chunked"),
	"an unknown transfer encoding":  rawPost("{}", "Transfer-Encoding: gzip, chunked"),
	"half a request":                rawPost(query("{__typename}"))[:100],
	"half a header":                 rawPost(query("{__typename}"))[:60],
	"an expectation nobody can met": rawPost(query("{a}"), "Expect: a miracle"),
}

// exchangeRaw writes bytes to a new connection, ends the sending side and returns the first response.
func exchangeRaw(t *testing.T, addr, raw string) (status int, body string, err error) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	go func() {
		_, _ = io.WriteString(conn, raw) // the server may have answered and closed before the end
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// heap returns the bytes in use after a collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools give up what the first one saw
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestHostileClientsGetAnAnswerAndLeaveNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := mustServer(t, mustHandler(t, newStub(), func(o *graph.HandlerOptions) { o.Introspection = graph.IntrospectionOff }))
	s.Log = slog.New(slog.DiscardHandler)
	r := mustServe(t, s)
	attack := func() {
		for name, body := range hostileBodies {
			status, reply, err := exchangeRaw(t, r.addr, rawPost(body, "Accept: "+graphqlMedia))
			if err != nil || status < 400 || status > 499 || !strings.Contains(reply, `"code"`) || len(reply) > 4<<10 {
				t.Errorf("%s: got %d %.300s, %v", name, status, reply, err)
			}
		}
		for name, raw := range hostileBytes {
			status, reply, err := exchangeRaw(t, r.addr, raw)
			if err == nil && (status < 400 || status > 501 || status == 500) || len(reply) > 4<<10 {
				t.Errorf("%s: got %d %.300s", name, status, reply)
			}
		}
	}
	attack()
	before := heap()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(attack)
	}
	wg.Wait()
	if status, reply, err := exchangeRaw(t, r.addr, rawPost(query("{__typename}"))); status != 200 || reply != `{"data":{"__typename":"Query"}}` {
		t.Errorf("afterwards: %d %s %v", status, reply, err)
	}
	if after := heap(); after > before+8<<20 {
		t.Errorf("the heap grew from %d to %d KB", before>>10, after>>10)
	}
	r.stop()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := mustServe(t, mustServer(t, mustHandler(t, newStub())))
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for i := range 50 {
		all.WriteString(rawPost(query(fmt.Sprintf("{a%d:__typename}", i))))
	}
	go func() { _, _ = io.WriteString(conn, all.String()) }()
	answers := bufio.NewReader(conn)
	for i := range 50 {
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if want := fmt.Sprintf(`{"data":{"a%d":"Query"}}`, i); string(body) != want {
			t.Errorf("got %s, want %s", body, want)
		}
	}
	_ = conn.Close()
	r.stop()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

// pipes is a listener of connections within the process, whose deadlines follow the clock of a test's bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

func TestSlowClientsAreCutOff(t *testing.T) {
	whole := rawPost(query("{__typename}"))
	head, body, _ := strings.Cut(whole, "\r\n\r\n")
	for name, c := range map[string]struct {
		start string // sent at once
		drip  string // sent a byte a second
		most  time.Duration
	}{
		"nothing at all":               {"", "", 5 * time.Second},
		"a header, byte by byte":       {"", whole, 5 * time.Second},
		"headers without end":          {"GET / HTTP/1.1\r\nHost: portico\r\n", strings.Repeat("A: b\r\n", 100), 5 * time.Second},
		"a body, byte by byte":         {head + "\r\n\r\n", body, 10 * time.Second},
		"a body that never comes":      {head + "\r\n\r\n", "", 10 * time.Second},
		"idle after a whole request":   {whole, "", 90 * time.Second},
		"chunks, byte by byte":         {rawChunked("1\r\n{\r\n"), strings.Repeat("1\r\n \r\n", 100), 10 * time.Second},
		"a second request in dribbles": {whole, whole, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := mustServer(t, mustHandler(t, newStub()))
			s.Log = slog.New(slog.DiscardHandler)
			ln, done := newPipes(), make(chan error, 1)
			ctx, stop := context.WithCancel(t.Context())
			go func() { done <- s.Serve(ctx, ln) }()
			conn, started := ln.dial(), time.Now()
			var sender sync.WaitGroup
			sender.Go(func() {
				_, _ = io.WriteString(conn, c.start)
				for i := range len(c.drip) {
					<-time.After(time.Second)
					if _, err := io.WriteString(conn, c.drip[i:i+1]); err != nil {
						return
					}
				}
			})
			_, _ = io.Copy(io.Discard, conn) // until the server closes
			if took := time.Since(started); took > c.most+2*time.Second {
				t.Errorf("%s: cut off after %v", name, took)
			}
			_ = conn.Close()
			sender.Wait()
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}
