package graph_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
)

// drip is a body that sends so many bytes and then waits.
type drip struct {
	bytes int
	rest  chan struct{}
}

func (d *drip) Read(p []byte) (int, error) {
	if d.bytes == 0 {
		<-d.rest
		return 0, io.ErrUnexpectedEOF
	}
	n := min(len(p), d.bytes)
	for i := range n {
		p[i] = ' '
	}
	d.bytes -= n
	return n, nil
}

// Bodies that are being read take a stated number of bytes: of one household, of strangers and guests, of all.
func TestBytesThatAreBeingReadAreBounded(t *testing.T) {
	for name, caller := range map[string]func(n int) auth.Principal{
		"strangers": func(int) auth.Principal { return auth.Guest },
		"guests":    guest, // a session is to be had for the asking
	} {
		t.Run(name, func(t *testing.T) { testBytesBeingRead(t, caller) })
	}
}

func testBytesBeingRead(t *testing.T, caller func(n int) auth.Principal) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		const body, ofHousehold, ofStrangers = 128 << 10, 8 << 20, 32 << 20
		h := mustServer(t, mustFakeHandler(t, "type Query {a: Int @public}", func(*fake, *graph.HandlerOptions) {})).Handler()
		rest, codes := make(chan struct{}), make(chan int, 1000)
		post := func(address string, p auth.Principal, from io.Reader) *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodPost, "/graphql", from)
			r.Header.Set("Content-Type", "application/json")
			r.RemoteAddr = address
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r.WithContext(auth.WithPrincipal(r.Context(), p)))
			return w
		}
		send := func(address string, n int) {
			for i := range n {
				go func() { codes <- post(address, caller(i), &drip{bytes: body, rest: rest}).Code }()
			}
			synctest.Wait()
		}
		small := func(address string, p auth.Principal) int {
			return post(address, p, strings.NewReader(query("{a}"))).Code
		}

		send("198.51.100.1:1", ofHousehold/body)
		if len(codes) > 0 {
			t.Fatalf("%d are refused already", len(codes))
		}
		w := post("198.51.100.1:2", auth.Guest, strings.NewReader(query("{a}")))
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || decode(t, w).code() != "OVERLOADED" {
			t.Errorf("one more of the household: %d %s", w.Code, w.Body)
		}
		if code := small("198.51.100.1:3", guest(1)); code != 503 {
			t.Errorf("a session in the household got %d", code)
		}
		if code := small("198.51.100.2:1", auth.Guest); code != 200 {
			t.Errorf("next door: %d", code)
		}
		for n := 2; n <= ofStrangers/ofHousehold; n++ {
			send(fmt.Sprintf("198.51.100.%d:1", n), ofHousehold/body)
		}
		for _, one := range []auth.Principal{auth.Guest, guest(1000)} {
			if code := small("198.51.100.99:1", one); len(codes) != 0 || code != 503 {
				t.Errorf("they read all there is for them, and %q more got %d; %d were refused", one.Subject, code, len(codes))
			}
		}
		if code := small("198.51.100.1:1", shopper("m")); code != 200 {
			t.Errorf("a member got %d", code)
		}
		close(rest)
		for range ofStrangers / body {
			if code := <-codes; code != 400 {
				t.Errorf("a body that ended too soon got %d", code)
			}
		}
		if code := small("198.51.100.1:1", auth.Guest); code != 200 {
			t.Errorf("afterwards: %d", code)
		}
	})
}
