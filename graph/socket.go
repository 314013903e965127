package graph

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"golang.org/x/time/rate"

	"github.com/portico-retail/portico/auth"
)

// subprotocol is GraphQL over WebSocket as every current client speaks it:
// https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.
const subprotocol = "graphql-transport-ws"

// Close codes of the subprotocol, beside those of RFC 6455.
const (
	closeBadMessage  websocket.StatusCode = 4400
	closeNotYet      websocket.StatusCode = 4401 // an operation before connection_init
	closeForbidden   websocket.StatusCode = 4403 // the token is not accepted, or no longer
	closeSubprotocol websocket.StatusCode = 4406
	closeInitLate    websocket.StatusCode = 4408
	closeTwiceID     websocket.StatusCode = 4409
	closeTwiceInit   websocket.StatusCode = 4429
)

// SocketConfig bounds what WebSockets may take.
type SocketConfig struct {
	Init    time.Duration // until connection_init
	Ping    time.Duration // between pings
	Pong    time.Duration // for the answer to a ping
	Write   time.Duration // to send one message; a client that reads more slowly is cut off
	Idle    time.Duration // without any operation
	Recheck time.Duration // between looks whether the token still counts
	Close   time.Duration // for the client to close, too

	Operations   int // of one socket at the same time
	Working      int // of these executed at the same time; those that wait for events are not counted
	PerPrincipal int // sockets of one principal
	PerAddress   int // sockets of one client address, principals and strangers together
	Total        int // sockets in all
	// Messages is how many messages of a client are read a second, in the long run; the rest waits.
	Messages int
}

// DefaultSocketConfig suits phones that follow an order.
func DefaultSocketConfig() SocketConfig {
	return SocketConfig{
		Init: 5 * time.Second, Ping: 25 * time.Second, Pong: 10 * time.Second, Write: 10 * time.Second, Idle: 5 * time.Minute,
		Recheck: time.Second, Close: 2 * time.Second,
		Operations: 50, Working: 8, PerPrincipal: 20, PerAddress: 200, Total: 10_000, Messages: 50,
	}
}

// Validate reports settings that cannot work.
func (c SocketConfig) Validate() error {
	for _, d := range [...]time.Duration{c.Init, c.Ping, c.Pong, c.Write, c.Idle, c.Recheck, c.Close} {
		if d <= 0 {
			return errors.New("graph: every time of sockets must be above 0")
		}
	}
	for _, n := range [...]int{c.Operations, c.Working, c.PerPrincipal, c.PerAddress, c.Total, c.Messages} {
		if n < 1 {
			return errors.New("graph: every number of sockets must be above 0")
		}
	}
	return nil
}

// SocketOptions configures Sockets.
type SocketOptions struct {
	Config SocketConfig // zero means DefaultSocketConfig
	// Recheck is asked again and again whether a principal that was accepted is accepted still; an error ends its socket. May be nil.
	Recheck func(context.Context, auth.Principal) error
	Now     func() time.Time // nil means time.Now
}

// Sockets serves GraphQL over WebSockets, with the checks and limits of a Handler.
type Sockets struct {
	handler *Handler
	config  SocketConfig
	recheck func(context.Context, auth.Principal) error
	now     func() time.Time
	log     *slog.Logger
	metrics socketMetrics

	draining chan struct{}
	running  sync.WaitGroup

	mu       sync.Mutex
	stopped  bool // no socket is opened any more
	total    int
	address  map[netip.Addr]int
	subjects map[string]int // by auth.Principal.ClientKey; strangers together
}

type socketMetrics struct {
	open   prometheus.Gauge
	closed *prometheus.CounterVec
	events prometheus.Counter
}

// NewSockets returns sockets whose operations h executes. It registers its metrics with reg.
func NewSockets(h *Handler, log *slog.Logger, reg prometheus.Registerer, o SocketOptions) (*Sockets, error) {
	if o.Config == (SocketConfig{}) {
		o.Config = DefaultSocketConfig()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Sockets{
		handler: h, config: o.Config, recheck: o.Recheck, now: o.Now, log: log, draining: make(chan struct{}),
		address: map[netip.Addr]int{}, subjects: map[string]int{},
		metrics: socketMetrics{
			open: prometheus.NewGauge(prometheus.GaugeOpts{Name: "portico_sockets_open", Help: "Open WebSockets."}),
			closed: prometheus.NewCounterVec(prometheus.CounterOpts{
				Name: "portico_sockets_closed_total", Help: "WebSockets that ended, by close code; 1006 without one.",
			}, []string{"code"}),
			events: prometheus.NewCounter(prometheus.CounterOpts{
				Name: "portico_subscription_events_total", Help: "Events that were answered to subscribers.",
			}),
		},
	}
	return s, errors.Join(s.config.Validate(), register(reg, s.metrics.open, s.metrics.closed, s.metrics.events))
}

// accept serves upgrades itself and leaves everything else to next. guard finds out who asks and refuses tokens.
func (s *Sockets) accept(origins []string, guard func(http.Handler) http.Handler, next http.Handler) http.Handler {
	upgrade := guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, guard) }))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet || !headerHas(r.Header, "Upgrade", "websocket") || !headerHas(r.Header, "Connection", "upgrade"):
			next.ServeHTTP(w, r)
		case !mayConnect(origins, r):
			refuseUpgrade(w, r, badRequest(http.StatusForbidden, "pages of this origin may not open a WebSocket"))
		default:
			upgrade.ServeHTTP(w, r)
		}
	})
}

// headerHas reports whether a comma-separated header has a token.
func headerHas(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

func refuseUpgrade(w http.ResponseWriter, r *http.Request, no *refusal) {
	noteErrors(r.Context(), no.errs)
	writeRefusal(w, mediaJSON, no)
}

// serve opens a socket and serves it until it ends.
func (s *Sockets) serve(w http.ResponseWriter, r *http.Request, guard func(http.Handler) http.Handler) {
	leave, no := s.enter(household(ClientAddress(r.Context())))
	if no != nil {
		refuseUpgrade(w, r, no)
		return
	}
	defer leave()
	limiter := rate.NewLimiter(rate.Limit(s.config.Messages), 4*s.config.Messages)
	raw := &hijacker{ResponseWriter: w}
	conn, err := websocket.Accept(raw, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol},
		InsecureSkipVerify: true, // mayConnect has verified the origin
		// A flood of pings is read but not answered.
		OnPingReceived: func(context.Context, []byte) bool { return limiter.Allow() },
	})
	if err != nil {
		return // it has answered
	}
	conn.SetReadLimit(int64(s.handler.limits.BodyBytes))
	x := &socket{
		Sockets: s, conn: conn, raw: raw.conn, request: r, guard: guard, limiter: limiter,
		operations: map[string]*running{}, working: make(chan struct{}, s.config.Working),
		ending: make(chan struct{}), changed: make(chan struct{}, 1), idleSince: s.now(),
	}
	s.metrics.open.Inc()
	x.run(r.Context())
	s.metrics.open.Dec()
	s.metrics.closed.WithLabelValues(strconv.Itoa(int(x.code))).Inc()
	noteReason(r.Context(), fmt.Sprintf("%d %s", x.code, x.reason))
}

// hijacker remembers the connection, to be able to cut it.
type hijacker struct {
	http.ResponseWriter

	conn net.Conn
}

// Hijack takes the connection over.
func (h *hijacker) Hijack() (conn net.Conn, rw *bufio.ReadWriter, err error) {
	conn, rw, err = http.NewResponseController(h.ResponseWriter).Hijack()
	h.conn = conn
	return conn, rw, err
}

// enter counts a socket of an address until leave.
func (s *Sockets) enter(address netip.Addr) (leave func(), no *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped, s.total >= s.config.Total:
		return nil, overloaded()
	case s.address[address] >= s.config.PerAddress:
		return nil, tooManySockets(s.config.PerAddress)
	}
	s.total++
	s.address[address]++
	s.running.Add(1)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.total--
		if s.address[address]--; s.address[address] == 0 {
			delete(s.address, address)
		}
		s.running.Done()
	}, nil
}

func tooManySockets(most int) *refusal {
	e := limitError("sockets", most)
	e.Extensions["retryable"] = true
	return &refusal{status: http.StatusTooManyRequests, retryAfter: "10", errs: gqlerror.List{e}}
}

// enterAs counts a socket of a principal until leave; false when there are too many.
func (s *Sockets) enterAs(p auth.Principal) (leave func(), ok bool) {
	who, most := p.ClientKey(), s.config.PerPrincipal
	if who == "" {
		most = max(1, s.config.Total/2) // strangers are counted by address, and leave room for those who are known
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subjects[who] >= most {
		return nil, false
	}
	s.subjects[who]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.subjects[who]--; s.subjects[who] == 0 {
			delete(s.subjects, who)
		}
	}, true
}

// drain lets the operations in flight finish, ends subscriptions and closes every socket. It returns when all are closed; the
// requests' own contexts cut off those that take too long.
func (s *Sockets) drain() {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.draining)
	}
	s.mu.Unlock()
	s.running.Wait()
}
