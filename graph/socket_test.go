package graph_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/retail"
)

const socketSchema = `
	type Query {a: Int @public b: Int @public vital: Int! @hasScope(scope: STOCK_READ)}
	type Mutation {m: Int @public}
	type Subscription {tick: Int @public mine: Int @hasRole(any: [MEMBER]) half: Pair @public}
	type Pair {open: Int hidden: Int @hasScope(scope: STOCK_READ)}
`

// socketRig is a server with sockets, on a listener of its own.
type socketRig struct {
	running

	sockets *graph.Sockets
	events  chan string         // data of the next event, of whoever waits
	ahead   atomic.Int64        // nanoseconds that the sockets' clock is ahead
	unsure  atomic.Bool         // whether no principal can be checked from now on
	revoked atomic.Bool         // whether every principal is refused from now on
	token   func(string) string // of a member
	partner func(string) string // of the partner maptown, for one of its subjects
	log     safeBuffer
}

// newSocketRig starts a server of socketSchema whose sockets are as change leaves their usual settings.
func newSocketRig(t testing.TB, change func(*graph.SocketConfig)) *socketRig {
	t.Helper()
	events := make(chan string)
	h := mustFakeHandler(t, socketSchema, func(f *fake, _ *graph.HandlerOptions) {
		f.exec = func(ctx context.Context) *graphql.Response {
			if graphql.GetOperationContext(ctx).Operation.Operation != "subscription" {
				return &graphql.Response{Data: []byte(`{"a":1}`)}
			}
			select {
			case data, ok := <-events:
				if !ok {
					return nil
				}
				return &graphql.Response{Data: []byte(data)}
			case <-ctx.Done():
				return nil
			}
		}
	})
	r := newSocketRigOf(t, h, change)
	r.events = events
	return r
}

// newSocketRigOf starts a server of a handler.
func newSocketRigOf(t testing.TB, h *graph.Handler, change func(*graph.SocketConfig)) *socketRig {
	t.Helper()
	r := &socketRig{}
	config := graph.DefaultSocketConfig()
	config.Close = 200 * time.Millisecond
	config.Recheck = 10 * time.Millisecond
	if change != nil {
		change(&config)
	}
	log := slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	r.sockets, err = graph.NewSockets(h, log, prometheus.NewRegistry(), graph.SocketOptions{
		Config: config, Now: func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) },
		Recheck: func(context.Context, auth.Principal) error {
			switch {
			case r.unsure.Load():
				return retail.Errorf(retail.CodeUpstreamUnavailable, "the key set is too old")
			case r.revoked.Load():
				return errors.New("taken back")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := mustServer(t, h)
	s.Log, s.Sockets = log, r.sockets
	s.Config.Origins = []string{"https://shop.example"}
	private, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key, err := auth.NewKey(private)
	if err != nil {
		t.Fatal(err)
	}
	own, err := auth.OwnIssuer(auth.DefaultTokenConfig(), auth.Roles(), key)
	if err != nil {
		t.Fatal(err)
	}
	partners, err := auth.NewRegistry(&auth.Partner{ID: "maptown", Reach: &retail.Reach{}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Verifier, err = auth.NewTrustVerifier(auth.VerifierOptions{Partners: partners}, own); err != nil {
		t.Fatal(err)
	}
	issuer, err := auth.NewIssuer(key, auth.DefaultTokenConfig(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	issue := func(p auth.Principal) string {
		token, err := issuer.Issue(p, time.Hour)
		if err != nil {
			t.Error(err)
		}
		return token
	}
	r.token = func(subject string) string { return issue(auth.Principal{Role: auth.RoleMember, Subject: subject}) }
	r.partner = func(subject string) string {
		return issue(auth.Principal{Role: auth.RolePartner, Subject: subject, Client: "maptown"})
	}
	r.running = mustServe(t, s)
	return r
}

// shut stops the server and waits for its end.
func (r *socketRig) shut(t testing.TB) {
	t.Helper()
	r.stop()
	if err := <-r.done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// rawSocket speaks WebSocket frame by frame, as rudely as a test wants.
type rawSocket struct {
	net.Conn

	r *bufio.Reader
}

// upgrade sends a request for a WebSocket, with headers that replace or add to the usual ones ("" removes one), and reads the
// answer. With 101 the socket may be used.
func (r *socketRig) upgrade(t testing.TB, method string, headers ...string) (*rawSocket, upgraded) {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	names := []string{"Host", "Connection", "Upgrade", "Sec-WebSocket-Version", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol"}
	values := []string{r.addr, "Upgrade", "websocket", "13", "AAAAAAAAAAAAAAAAAAAAAA==", "graphql-transport-ws"}
	for i := 0; i < len(headers); i += 2 {
		replaced := false
		for j := range names {
			if names[j] == headers[i] {
				values[j], replaced = headers[i+1], true
			}
		}
		if !replaced {
			names, values = append(names, headers[i]), append(values, headers[i+1])
		}
	}
	var request strings.Builder
	_, _ = fmt.Fprintf(&request, "%s /graphql HTTP/1.1\r\n", method)
	for i := range names {
		if values[i] != "" {
			_, _ = fmt.Fprintf(&request, "%s: %s\r\n", strings.TrimSuffix(names[i], "+"), values[i])
		}
	}
	request.WriteString("\r\n")
	if _, err := io.WriteString(conn, request.String()); err != nil {
		t.Fatal(err)
	}
	s := &rawSocket{Conn: conn, r: bufio.NewReader(conn)}
	resp, err := http.ReadResponse(s.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	a := upgraded{status: resp.StatusCode, header: resp.Header}
	if a.status != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 2000))
		a.body = string(body)
	}
	return s, a
}

// upgraded is the answer to a request for a WebSocket.
type upgraded struct {
	status int
	header http.Header
	body   string
}

// open upgrades, with 101.
func (r *socketRig) open(t testing.TB, headers ...string) *rawSocket {
	t.Helper()
	s, a := r.upgrade(t, "GET", headers...)
	if a.status != http.StatusSwitchingProtocols {
		t.Fatalf("got %d", a.status)
	}
	return s
}

// ready upgrades and goes through connection_init with a payload.
func (r *socketRig) ready(t testing.TB, payload string, headers ...string) *rawSocket {
	t.Helper()
	s := r.open(t, headers...)
	s.text(`{"type":"connection_init","payload":` + payload + `}`)
	if kind, text := s.frame(); kind != opText || text != `{"type":"connection_ack"}` {
		t.Fatalf("got %d %q", kind, text)
	}
	return s
}

const (
	opContinue = 0
	opText     = 1
	opBinary   = 2
	opClose    = 8
	opPing     = 9
	opPong     = 10
	gone       = -1 // the connection ended without a word
)

// raw sends a frame whose first two bytes are given; the mask is four zeros.
func (s *rawSocket) raw(first byte, masked bool, payload string) {
	b := []byte{first}
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, mask|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(n))
	}
	if masked {
		b = append(b, 0, 0, 0, 0)
	}
	_, _ = s.Conn.Write(append(b, payload...)) // the other end may have closed: frame tells
}

func (s *rawSocket) text(payload string) { s.raw(0x80|opText, true, payload) }

func (s *rawSocket) subscribe(id, query string) {
	payload, _ := json.Marshal(map[string]string{"query": query})
	s.text(fmt.Sprintf(`{"id":%q,"type":"subscribe","payload":%s}`, id, payload))
}

// frame reads the next frame that is no ping. A close gives its code and reason.
func (s *rawSocket) frame() (kind int, text string) {
	for {
		var head [2]byte
		if _, err := io.ReadFull(s.r, head[:]); err != nil {
			return gone, err.Error()
		}
		n := uint64(head[1] & 0x7f)
		switch n {
		case 126:
			var more [2]byte
			_, _ = io.ReadFull(s.r, more[:])
			n = uint64(binary.BigEndian.Uint16(more[:]))
		case 127:
			var more [8]byte
			_, _ = io.ReadFull(s.r, more[:])
			n = binary.BigEndian.Uint64(more[:])
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(s.r, payload); err != nil {
			return gone, err.Error()
		}
		switch kind = int(head[0] & 0x0f); {
		case kind == opPing:
			continue
		case kind == opClose && n >= 2:
			return int(binary.BigEndian.Uint16(payload)), string(payload[2:])
		}
		return kind, string(payload)
	}
}

// ends reads until the connection is closed and returns the close code.
func (s *rawSocket) ends() int {
	for {
		if kind, _ := s.frame(); kind == gone || kind >= 1000 {
			return kind
		}
	}
}

func TestWhoMayOpenASocket(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := newSocketRig(t, nil)
	defer r.shut(t)
	for name, c := range map[string]struct {
		method  string
		headers []string
		status  int
	}{
		"a program":                         {"GET", nil, 101},
		"a page of a listed origin":         {"GET", []string{"Origin", "https://shop.example"}, 101},
		"a page of this host":               {"GET", []string{"Origin", "http://" + r.addr}, 101},
		"a page of another site":            {"GET", []string{"Origin", "https://evil.example"}, 403},
		"a page that looks like a listed":   {"GET", []string{"Origin", "https://shop.example.evil"}, 403},
		"a page below a listed origin":      {"GET", []string{"Origin", "https://shop.example/"}, 403},
		"a listed origin without TLS":       {"GET", []string{"Origin", "http://shop.example"}, 403},
		"a sandboxed page":                  {"GET", []string{"Origin", "null"}, 403},
		"an origin in upper case":           {"GET", []string{"Origin", "HTTPS://SHOP.EXAMPLE"}, 403},
		"two origins, one of them listed":   {"GET", []string{"Origin", "https://shop.example", "Origin+", "https://evil.example"}, 403},
		"a file":                            {"GET", []string{"Origin", "file://"}, 403},
		"a POST that asks for an upgrade":   {"POST", []string{"Content-Length", "0"}, 415},
		"an upgrade to something else":      {"GET", []string{"Upgrade", "h2c"}, 403},
		"no Connection header":              {"GET", []string{"Connection", "keep-alive"}, 403},
		"an old version":                    {"GET", []string{"Sec-WebSocket-Version", "8"}, 400},
		"no key":                            {"GET", []string{"Sec-WebSocket-Key", ""}, 400},
		"a key that is none":                {"GET", []string{"Sec-WebSocket-Key", "x"}, 400},
		"a token that is none":              {"GET", []string{"Authorization", "Bearer x"}, 401},
		"a password":                        {"GET", []string{"Authorization", "Basic eDp5"}, 401},
		"a token in the protocol's place":   {"GET", []string{"Sec-WebSocket-Protocol", "graphql-transport-ws, " + strings.Repeat("x", 21<<10)}, 431},
		"a token that is accepted":          {"GET", []string{"Authorization", "Bearer " + r.token("m")}, 101},
		"a method that is overridden":       {"GET", []string{"X-HTTP-Method-Override", "POST"}, 101},
		"a scheme of a proxy that is none":  {"GET", []string{"X-Forwarded-Proto", "https", "Origin", "http://" + r.addr}, 101},
		"a host that the origin is told of": {"GET", []string{"Host", "evil.example", "Origin", "https://shop.example.evil"}, 403},
	} {
		s, a := r.upgrade(t, c.method, c.headers...)
		if a.status != c.status {
			t.Errorf("%s: got %d, want %d", name, a.status, c.status)
		}
		if strings.Contains(a.body, "evil") || a.status == 403 && a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %s %v", name, a.body, a.header)
		}
		_ = s.Close()
	}
}

func TestHostileSockets(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := newSocketRig(t, func(c *graph.SocketConfig) {
		c.Init, c.Ping, c.Pong = 300*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond
	})
	defer r.shut(t)
	const hello = `{"type":"connection_init"}`
	for name, c := range map[string]struct {
		code    int
		headers []string
		act     func(s *rawSocket)
	}{
		"no subprotocol":               {4406, []string{"Sec-WebSocket-Protocol", ""}, func(*rawSocket) {}},
		"a subprotocol of old":         {4406, []string{"Sec-WebSocket-Protocol", "graphql-ws"}, func(*rawSocket) {}},
		"silence":                      {4408, nil, func(*rawSocket) {}},
		"an operation before the init": {4401, nil, func(s *rawSocket) { s.subscribe("1", "{a}") }},
		"an init twice":                {4429, nil, func(s *rawSocket) { s.text(hello); s.text(hello) }},
		"an unknown message":           {4400, nil, func(s *rawSocket) { s.text(`{"type":"start"}`) }},
		"a message of the server":      {4400, nil, func(s *rawSocket) { s.text(hello); s.text(`{"type":"next","id":"1","payload":{}}`) }},
		"no type":                      {4400, nil, func(s *rawSocket) { s.text(`{}`) }},
		"a type that is a number":      {4400, nil, func(s *rawSocket) { s.text(`{"type":1}`) }},
		"no JSON":                      {4400, nil, func(s *rawSocket) { s.text(`{`) }},
		"nothing":                      {4400, nil, func(s *rawSocket) { s.text(``) }},
		"JSON after the message":       {4400, nil, func(s *rawSocket) { s.text(hello + hello) }},
		"a list of messages":           {4400, nil, func(s *rawSocket) { s.text(`[` + hello + `]`) }},
		"a key twice":                  {4400, nil, func(s *rawSocket) { s.text(`{"type":"ping","type":"connection_init"}`) }},
		"a key of other case":          {4400, nil, func(s *rawSocket) { s.text(`{"Type":"connection_init"}`) }},
		"a key that nobody knows":      {4400, nil, func(s *rawSocket) { s.text(`{"type":"connection_init","x":1}`) }},
		"brackets that do not fit":     {4400, nil, func(s *rawSocket) { s.text(`{"type":"connection_init","payload":[}`) }},
		"brackets without end":         {4400, nil, func(s *rawSocket) { s.text(`{"type":"connection_init","payload":` + strings.Repeat("[", 100_000)) }},
		"text that is not UTF-8":       {4400, nil, func(s *rawSocket) { s.text("{\"type\":\"connection_init\xff\"}") }},
		"a binary message":             {1003, nil, func(s *rawSocket) { s.raw(0x80|opBinary, true, hello) }},
		"a message beyond the cap":     {1009, nil, func(s *rawSocket) { s.text(`{"type":"ping","payload":"` + strings.Repeat("x", 128<<10) + `"}`) }},
		"fragments beyond the cap": {1009, nil, func(s *rawSocket) {
			s.raw(opText, true, "{")
			for range 130 {
				s.raw(opContinue, true, strings.Repeat(" ", 1024))
			}
		}},
		"a list as payload of the init": {4400, nil, func(s *rawSocket) { s.text(`{"type":"connection_init","payload":["Bearer x"]}`) }},
		"a number as token":             {4400, nil, func(s *rawSocket) { s.text(`{"type":"connection_init","payload":{"Authorization":1}}`) }},
		"two tokens in the init": {4400, nil, func(s *rawSocket) {
			s.text(`{"type":"connection_init","payload":{"Authorization":"Bearer x","authorization":"Bearer y"}}`)
		}},
		"a token that is none":              {4403, nil, func(s *rawSocket) { s.text(`{"type":"connection_init","payload":{"Authorization":"Bearer x"}}`) }},
		"an empty token":                    {4403, nil, func(s *rawSocket) { s.text(`{"type":"connection_init","payload":{"Authorization":""}}`) }},
		"a token with the upgrade and here": {4400, []string{"Authorization", "Bearer " + r.token("m")}, func(s *rawSocket) { s.text(`{"type":"connection_init","payload":{"Authorization":"Bearer x"}}`) }},
		"an operation without id":           {4400, nil, func(s *rawSocket) { s.text(hello); s.text(`{"type":"subscribe","payload":{"query":"{a}"}}`) }},
		"an operation without payload":      {4400, nil, func(s *rawSocket) { s.text(hello); s.text(`{"type":"subscribe","id":"1"}`) }},
		"an id without end":                 {4400, nil, func(s *rawSocket) { s.text(hello); s.subscribe(strings.Repeat("x", 129), "{a}") }},
		"an id twice": {4409, nil, func(s *rawSocket) {
			s.text(hello)
			s.subscribe("1", "subscription{tick}")
			s.subscribe("1", "subscription{tick}")
		}},
		"a frame without mask":      {gone, nil, func(s *rawSocket) { s.raw(0x80|opText, false, hello) }},
		"reserved bits":             {1002, nil, func(s *rawSocket) { s.raw(0x80|0x40|opText, true, hello) }},
		"an opcode of nothing":      {1002, nil, func(s *rawSocket) { s.raw(0x80|3, true, "") }},
		"a continuation of nothing": {1002, nil, func(s *rawSocket) { s.raw(0x80|opContinue, true, "x") }},
		"a ping in fragments":       {1002, nil, func(s *rawSocket) { s.raw(opPing, true, "x") }},
		"a ping that is too long":   {1002, nil, func(s *rawSocket) { s.raw(0x80|opPing, true, strings.Repeat("x", 126)) }},
		"a close code of nobody":    {1002, nil, func(s *rawSocket) { s.raw(0x80|opClose, true, "\x00\x01") }},
		"no answer to pings":        {gone, nil, func(s *rawSocket) { s.text(hello) }},
		"a message that never ends": {gone, nil, func(s *rawSocket) { s.text(hello); s.raw(opText, true, `{"type":"pi`) }},
		"half a frame":              {gone, nil, func(s *rawSocket) { s.text(hello); _, _ = s.Write([]byte{0x81, 0xfe, 0x10}) }},
		"a goodbye":                 {1000, nil, func(s *rawSocket) { s.text(hello); s.raw(0x80|opClose, true, "\x03\xe8") }},
	} {
		s := r.open(t, c.headers...)
		c.act(s)
		if got := s.ends(); got != c.code {
			t.Errorf("%s: ended with %d, want %d", name, got, c.code)
		}
		_ = s.Close()
	}
}

func TestOperationsOverASocket(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := newSocketRig(t, func(c *graph.SocketConfig) { c.Operations = 3 })
	defer r.shut(t)
	s := r.ready(t, "null")
	expect := func(want ...string) {
		t.Helper()
		for _, w := range want {
			if kind, text := s.frame(); kind != opText || !strings.HasPrefix(text, w) {
				t.Fatalf("got %d %s, want %s", kind, text, w)
			}
		}
	}
	s.text(`{"type":"ping","payload":{"x":1}}`)
	expect(`{"type":"pong"}`)
	s.text(`{"type":"pong"}`)
	s.text(`{"type":"complete","id":"nothing"}`)
	s.subscribe("q", "{a}")
	expect(`{"type":"next","id":"q","payload":{"data":{"a":1}}}`, `{"type":"complete","id":"q"}`)
	s.subscribe("q", "mutation{m}") // the id is free again
	expect(`{"type":"next","id":"q","payload":{"data":{"a":1}}}`, `{"type":"complete","id":"q"}`)

	for query, code := range map[string]string{
		"{":                                     "GRAPHQL_PARSE_FAILED",
		"{nonsense}":                            "GRAPHQL_VALIDATION_FAILED",
		"{vital}":                               "FORBIDDEN",
		"":                                      "BAD_REQUEST",
		"{a} query b{b}":                        "GRAPHQL_VALIDATION_FAILED",
		"{" + repeat(31, "a%d:a ") + "}":        "LIMIT_EXCEEDED",
		"subscription{mine}":                    "UNAUTHENTICATED",
		"subscription{__typename}":              "GRAPHQL_VALIDATION_FAILED",
		"subscription{tick half{open}}":         "GRAPHQL_VALIDATION_FAILED",
		"mutation{" + repeat(6, "m%d:m ") + "}": "LIMIT_EXCEEDED",
	} {
		s.subscribe("e", query)
		kind, text := s.frame()
		var m struct {
			ID, Type string
			Payload  []struct {
				Message    string
				Extensions map[string]any
			}
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil || kind != opText || m.Type != "error" || m.ID != "e" || m.Payload[0].Extensions["code"] != code {
			t.Errorf("%.40q: got %s", query, text)
		}
	}
	s.text(`{"id":"e","type":"subscribe","payload":{"query":"{a}","Query":"{b}"}}`)
	expect(`{"type":"error","id":"e","payload":[{"message":"the body is not one GraphQL request`)
	s.text(`{"id":"\"\\\u0000","type":"subscribe","payload":{"query":"{"}}`)
	expect(`{"type":"error","id":"\"\\\u0000",`)

	for _, id := range []string{"1", "2", "3"} {
		eventually(t, func() bool { // what has been answered counts until its goroutine has ended
			s.subscribe(id, "subscription{tick}")
			s.text(`{"type":"ping"}`)
			_, text := s.frame()
			if strings.Contains(text, "error") {
				expect(`{"type":"pong"}`)
			}
			return !strings.Contains(text, "error")
		})
	}
	s.subscribe("4", "{a}")
	expect(`{"type":"error","id":"4","payload":[{"message":"a limit is exceeded: socketOperations"`)
	r.events <- `{"tick":7}`
	_, text := s.frame()
	if !strings.HasSuffix(text, `"payload":{"data":{"tick":7}}}`) {
		t.Fatalf("got %s", text)
	}
	s.text(`{"type":"complete","id":"1"}`)
	s.text(`{"type":"complete","id":"2"}`)
	eventually(t, func() bool { // their goroutines end
		s.subscribe("4", "{a}")
		_, text := s.frame()
		if strings.Contains(text, "error") {
			return false
		}
		expect(`{"type":"complete","id":"4"}`)
		return true
	})
	close(r.events)
	expect(`{"type":"complete","id":"3"}`)

	s.subscribe("half", "subscription{half{open hidden}}")
	expect(`{"type":"complete","id":"half"}`)
	if log := r.log.String(); !strings.Contains(log, "kind=subscription") || !strings.Contains(log, "kind=mutation") || strings.Contains(log, "tick") {
		t.Errorf("the log: %s", log)
	}
}

// eventually asks again and again until done, with a pause that grows with what is done meanwhile.
func eventually(t testing.TB, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 10_000 {
		if done() {
			return
		}
		<-tick.C
	}
	t.Fatal("never")
}

func TestHiddenFieldsOfEvents(t *testing.T) {
	r := newSocketRig(t, nil)
	defer r.shut(t)
	s := r.ready(t, "{}")
	s.subscribe("1", "subscription{half{open hidden}}")
	for range 2 {
		r.events <- `{"half":{"open":1,"hidden":null}}`
		if _, text := s.frame(); !strings.Contains(text, `"payload":{"errors":[{"message":"this needs the scope stock:read","path":["half","hidden"]`) {
			t.Errorf("got %s", text)
		}
	}
}

func TestSocketsEndWithTheirToken(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := newSocketRig(t, func(c *graph.SocketConfig) { c.Idle = 24 * time.Hour })
	defer r.shut(t)
	inPayload := func(subject string) string { return `{"Authorization":"Bearer ` + r.token(subject) + `","other":[1]}` }

	s := r.ready(t, inPayload("m"))
	s.subscribe("1", "subscription{mine}")
	r.events <- `{"mine":1}`
	if _, text := s.frame(); !strings.Contains(text, `"mine":1`) {
		t.Fatalf("got %s", text)
	}
	byHeader := r.ready(t, "{}", "Authorization", "Bearer "+r.token("m"))
	stranger := r.ready(t, "{}")
	r.ahead.Store(int64(61 * time.Minute))
	for name, s := range map[string]*rawSocket{"payload": s, "header": byHeader} {
		if got := s.ends(); got != 4403 {
			t.Errorf("%s: when the token expires the socket ends with %d", name, got)
		}
	}
	stranger.subscribe("1", "{a}")
	if _, text := stranger.frame(); !strings.Contains(text, `"next"`) {
		t.Errorf("a stranger has nothing that expires: %s", text)
	}
	r.ahead.Store(0)

	s = r.ready(t, inPayload("m"))
	r.unsure.Store(true)
	if got := s.ends(); got != 1013 {
		t.Errorf("when nobody can check the token the socket ends with %d, want one that signs nobody out", got)
	}
	r.unsure.Store(false)

	s = r.ready(t, inPayload("m"))
	s.subscribe("1", "subscription{mine}")
	r.revoked.Store(true)
	if got := s.ends(); got != 4403 {
		t.Errorf("when the token is taken back the socket ends with %d", got)
	}
	late := r.open(t)
	late.text(`{"type":"connection_init","payload":` + inPayload("m") + `}`)
	if got := late.ends(); got != 4403 {
		t.Errorf("with a token that was taken back: %d", got)
	}
	eventually(t, func() bool { return strings.Contains(r.log.String(), `reason="4403 the token has expired"`) })
	if log := r.log.String(); strings.Contains(log, "eyJ") {
		t.Errorf("the log: %s", log)
	}
}

func TestSocketsAreBounded(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := newSocketRig(t, func(c *graph.SocketConfig) { c.PerAddress, c.PerPrincipal = 3, 1 })
	defer r.shut(t)
	payload := `{"Authorization":"Bearer ` + r.token("m") + `"}`
	first := r.ready(t, payload)
	again := r.open(t)
	again.text(`{"type":"connection_init","payload":` + payload + `}`)
	if got := again.ends(); got != 1013 {
		t.Errorf("a second socket of a member ends with %d", got)
	}
	for range 2 {
		eventually(t, func() bool { // the one that was refused counts until it is closed
			_, a := r.upgrade(t, "GET")
			return a.status == 101
		})
	}
	if _, a := r.upgrade(t, "GET"); a.status != 429 || a.header.Get("Retry-After") == "" {
		t.Errorf("a fourth socket of an address got %d %v", a.status, a.header)
	}
	_ = first.Close()
	eventually(t, func() bool { _, a := r.upgrade(t, "GET"); return a.status == 101 })
}

func TestThePeopleOfAPartnerShareItsSockets(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := newSocketRig(t, func(c *graph.SocketConfig) { c.PerPrincipal = 1 })
	defer r.shut(t)
	r.ready(t, `{"Authorization":"Bearer `+r.partner("alice")+`"}`)
	bob := r.open(t)
	bob.text(`{"type":"connection_init","payload":{"Authorization":"Bearer ` + r.partner("bob") + `"}}`)
	if got := bob.ends(); got != 1013 {
		t.Errorf("a second socket of a partner ends with %d", got)
	}
}

func TestStrangersLeaveRoomForMembers(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := newSocketRig(t, func(c *graph.SocketConfig) { c.Total = 4 })
	defer r.shut(t)
	r.ready(t, "{}")
	r.ready(t, "{}")
	third := r.open(t)
	third.text(`{"type":"connection_init"}`)
	if got := third.ends(); got != 1013 {
		t.Errorf("a third stranger ends with %d", got)
	}
	_ = third.Close()
	for _, subject := range []string{"a", "b"} {
		eventually(t, func() bool {
			s, a := r.upgrade(t, "GET", "Authorization", "Bearer "+r.token(subject))
			if a.status != 101 {
				return false // the third stranger is not quite gone
			}
			s.text(`{"type":"connection_init"}`)
			if _, text := s.frame(); !strings.Contains(text, "ack") {
				t.Errorf("%s: got %s", subject, text)
			}
			return true
		})
	}
	if _, a := r.upgrade(t, "GET"); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("a full gateway answers %d %v", a.status, a.header)
	}
}

// TestASubscriptionKeepsNothingOfItsMessage opens subscriptions whose messages are as long as may be.
func TestASubscriptionKeepsNothingOfItsMessage(t *testing.T) {
	r := newSocketRig(t, nil)
	defer r.shut(t)
	const subscriptions = 40
	size := graph.DefaultLimits().BodyBytes - 1000
	s := r.ready(t, "{}")
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what pools keep is let go with the second
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range subscriptions {
		s.text(`{"type":"subscribe","id":"` + fmt.Sprint(i) + `","payload":{"query":"subscription{tick}"` + strings.Repeat(" ", size) + `}}`)
		r.events <- `{"tick":1}` // whichever of them takes it, as many are at work
		if _, text := s.frame(); !strings.Contains(text, `"tick":1`) {
			t.Fatalf("got %s", text)
		}
	}
	if grown, all := heap()-before, int64(subscriptions*size); grown > all/2 {
		t.Errorf("%d subscriptions keep %d bytes, their messages were %d", subscriptions, grown, all)
	}
}

func TestIdleAndSlowClientsAreCut(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := newSocketRig(t, func(c *graph.SocketConfig) { c.Idle, c.Write = time.Minute, 100*time.Millisecond })
	defer r.shut(t)
	idle, busy := r.ready(t, "{}"), r.ready(t, "{}")
	busy.subscribe("1", "subscription{tick}")
	r.events <- `{"tick":1}`
	if _, text := busy.frame(); !strings.Contains(text, `"tick":1`) {
		t.Fatalf("got %s", text)
	}
	r.ahead.Store(int64(2 * time.Minute))
	if got := idle.ends(); got != 1000 {
		t.Errorf("an idle socket ended with %d", got)
	}
	// The other one follows something, so it is not idle; but it does not read what it hears.
	full, cut := `{"tick":"`+strings.Repeat("x", 1<<20)+`"}`, make(chan struct{})
	go func() {
		for {
			select {
			case r.events <- full:
			case <-cut:
				return
			}
		}
	}()
	eventually(t, func() bool { return strings.Contains(r.log.String(), "reason=\"1006 ") })
	close(cut)
	if got := busy.ends(); got != gone {
		t.Errorf("a client that does not read is told %d", got)
	}
}

func TestTheDrainClosesSockets(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := newSocketRig(t, nil)
	idle, following := r.ready(t, "{}"), r.ready(t, "{}")
	following.subscribe("1", "subscription{tick}")
	r.events <- `{"tick":1}`
	if _, text := following.frame(); !strings.Contains(text, `"tick":1`) {
		t.Fatalf("got %s", text)
	}
	r.stop()
	for name, s := range map[string]*rawSocket{"idle": idle, "following": following} {
		if got := s.ends(); got != 1001 {
			t.Errorf("%s: ended with %d", name, got)
		}
		_ = s.Close()
	}
	if err := <-r.done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// TestAbortedSocketsLeaveNothing opens a thousand sockets and drops them wherever they are.
func TestAbortedSocketsLeaveNothing(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := newSocketRig(t, func(c *graph.SocketConfig) { c.PerAddress = 1000 })
	var wg sync.WaitGroup
	for worker := range 20 {
		wg.Go(func() {
			for n := range 50 {
				s := r.open(t)
				switch (worker + n) % 6 {
				case 1:
					s.text(`{"type":"connection_init"}`)
				case 2:
					s.text(`{"type":"connection_init"}`)
					s.subscribe("1", "subscription{tick}")
				case 3:
					s.text(`{"type":"connection_init"}`)
					for i := range 10 {
						s.subscribe(fmt.Sprint(i), "{a}")
					}
				case 4:
					s.raw(opText, true, `{"type":"conn`)
				case 5:
					_, _ = s.Write([]byte{0x81})
				}
				if tcp, ok := s.Conn.(*net.TCPConn); ok && n%2 == 0 {
					_ = tcp.SetLinger(0) // a reset instead of a goodbye
				}
				_ = s.Close()
			}
		})
	}
	wg.Wait()
	s := r.ready(t, "{}")
	s.subscribe("1", "{a}")
	if _, text := s.frame(); !strings.Contains(text, `"next"`) {
		t.Errorf("got %s", text)
	}
	_ = s.Close()
	r.shut(t)
}
