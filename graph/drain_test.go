package graph_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/portico-retail/portico/graph"
)

// running is a server on a port of its own.
type running struct {
	url  string
	addr string
	stop context.CancelFunc
	done chan error // the result of Serve
}

func mustServe(t testing.TB, s *graph.Server) running {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r := running{url: "http://" + ln.Addr().String(), addr: ln.Addr().String(), stop: stop, done: make(chan error, 1)}
	go func() { r.done <- s.Serve(ctx, ln) }()
	return r
}

// mustClient returns a client whose connections end with the test.
func mustClient(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func send(c *http.Client, url, body string) (status int, reply string, err error) {
	resp, err := c.Post(url+"/graphql", "application/json", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func ready(c *http.Client, url string) bool {
	resp, err := c.Get(url + "/readyz")
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}

func TestRequestsInFlightSurviveTheDrain(t *testing.T) {
	defer goleak.VerifyNone(t)
	g := newGate()
	const n = 20
	s := mustServer(t, g.handler(t, func(o *graph.HandlerOptions) { o.MaxInFlight = 2 * n })) // strangers have half
	r := mustServe(t, s)
	client := mustClient(t)
	defer client.CloseIdleConnections()

	answers := make(chan string, n)
	for range n {
		go func() {
			status, body, err := send(client, r.url, query("{a}"))
			answers <- fmt.Sprint(status, body, err)
		}()
	}
	for range n {
		<-g.entered
	}
	r.stop()
	for { // Serve closes the listener once it drains
		conn, err := net.Dial("tcp", r.addr)
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	close(g.open)
	for range n {
		if got := <-answers; got != `200{"data":{"a":1}}<nil>` {
			t.Errorf("got %s", got)
		}
	}
	if err := <-r.done; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestTheDrainUnderLoadLosesNothing(t *testing.T) {
	defer goleak.VerifyNone(t)
	s := mustServer(t, mustHandler(t, newStub()))
	s.Log = slog.New(slog.DiscardHandler)
	s.Config.DrainDelay = 300 * time.Millisecond
	r := mustServe(t, s)

	var served atomic.Int64
	warm := make(chan struct{})
	var once sync.Once
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			client := mustClient(t)
			defer client.CloseIdleConnections()
			for ready(client, r.url) { // as a balancer would
				status, body, err := send(client, r.url, query("{"+selection+"}"))
				if err != nil || status != 200 {
					t.Errorf("got %d %s %v", status, body, err)
					return
				}
				if served.Add(1) == 200 {
					once.Do(func() { close(warm) })
				}
			}
		})
	}
	<-warm
	r.stop()
	wg.Wait()
	if err := <-r.done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.Dial("tcp", r.addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the drain: %v", err)
	}
}

func TestRequestsBeyondTheDrainAreCutOff(t *testing.T) {
	defer goleak.VerifyNone(t)
	g := newGate()
	s := mustServer(t, g.handler(t))
	s.Config.DrainTimeout = time.Millisecond
	r := mustServe(t, s)
	client := mustClient(t)
	defer client.CloseIdleConnections()
	answer := make(chan string, 1)
	go func() {
		_, body, err := send(client, r.url, query("{a}"))
		answer <- fmt.Sprint(body, err)
	}()
	<-g.entered
	r.stop()
	if err := <-r.done; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Serve: %v", err)
	}
	// Its context ends and its connection is closed; whichever the client sees first, it is no success.
	if got := <-answer; !strings.Contains(got, "TIMEOUT") && strings.HasSuffix(got, "<nil>") {
		t.Errorf("got %s", got)
	}
}
