package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/auth"
)

// ServerConfig configures a Server.
type ServerConfig struct {
	Explorer     bool          // serve GraphiQL at /
	Origins      []string      // web origins whose pages may read responses, for example https://shop.example
	DrainDelay   time.Duration // from unready to no longer accepting, for balancers to notice
	DrainTimeout time.Duration // for requests in flight to finish
	// TrustedProxies are the networks that may say where a request comes from, for example 10.0.0.0/8.
	TrustedProxies []string
	// ConnectionsPerAddress bounds the connections of one client address; trusted proxies have no bound. Zero bounds none.
	ConnectionsPerAddress int
	Pprof                 bool     // serve the runtime's profiles on the admin listener
	AdminNames            []string // host names, besides localhost, that the admin listener is asked by
	Timeouts              Timeouts // zero means DefaultTimeouts
}

// Timeouts bound how slowly a client may send and read.
type Timeouts struct {
	Header time.Duration // for the header of a request
	Read   time.Duration // for the whole request
	Write  time.Duration // for the response, from the end of the header
	Idle   time.Duration // between requests
}

// DefaultTimeouts leave room for phones on a train.
func DefaultTimeouts() Timeouts {
	return Timeouts{Header: 5 * time.Second, Read: 10 * time.Second, Write: 30 * time.Second, Idle: 90 * time.Second}
}

// DefaultServerConfig drains like a container platform expects: well within its usual 30 seconds.
func DefaultServerConfig() ServerConfig {
	return ServerConfig{
		DrainDelay: 3 * time.Second, DrainTimeout: 15 * time.Second, ConnectionsPerAddress: 512, Timeouts: DefaultTimeouts(),
	}
}

// Validate reports settings that cannot work.
func (c ServerConfig) Validate() error {
	if c.DrainDelay < 0 || c.DrainTimeout <= 0 {
		return errors.New("graph: the drain needs a delay of at least 0 and a timeout above 0")
	}
	if c.ConnectionsPerAddress < 0 {
		return errors.New("graph: the connections of one address cannot be fewer than 0")
	}
	if t := c.Timeouts; t != (Timeouts{}) && min(t.Header, t.Read, t.Write, t.Idle) <= 0 {
		return errors.New("graph: every timeout of the server must be above 0")
	}
	if _, err := ParseProxies(c.TrustedProxies); err != nil {
		return err
	}
	for _, o := range c.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || o != u.Scheme+"://"+u.Host {
			return fmt.Errorf("graph: %q is no web origin such as https://shop.example", o)
		}
	}
	return nil
}

// Server is the gateway's HTTP server: /graphql, /healthz, /readyz, the hooks and, when configured, GraphiQL at /. What only those
// who run it may see is on a listener of its own, see AdminHandler.
type Server struct {
	Config   ServerConfig
	GraphQL  http.Handler
	Verifier *auth.Verifier // nil serves guests only
	// Sockets serves WebSockets at /graphql; nil serves none.
	Sockets *Sockets
	// Ready says what is missing for the gateway to do its work, by name; nothing missing is ready. May be nil.
	Ready func(context.Context) map[string]string
	// Hooks receives what other systems report, below /hooks/; it checks by itself who they are. May be nil.
	Hooks http.Handler
	// Certificate is shown to clients, which then speak HTTP/2 or HTTP/1.1 over TLS; nil serves plain HTTP/1.1.
	Certificate *Certificate
	// Admin is where AdminHandler is served for as long as Serve runs; nil serves it nowhere.
	Admin      net.Listener
	Metrics    prometheus.Gatherer
	Registerer prometheus.Registerer // for the server's own figures; may be nil
	Log        *slog.Logger
	Now        func() time.Time // nil means time.Now
	NewID      func() string    // of a request; nil means a random UUID

	draining atomic.Bool
}

// Handler returns the public routes. The configuration must be valid.
func (s *Server) Handler() http.Handler {
	now, newID := s.Now, s.NewID
	if now == nil {
		now = time.Now
	}
	if newID == nil {
		newID = newRequestID
	}
	proxies, _ := ParseProxies(s.Config.TrustedProxies) // none when they are wrong: then nobody is believed
	r := chi.NewRouter()
	r.Use(middleware.GetHead)
	guard := func(next http.Handler) http.Handler { return next }
	if s.Verifier != nil {
		guard = auth.Middleware(s.Verifier, RefuseToken)
	}
	graphql := guard(s.GraphQL)
	if s.Config.Explorer {
		graphql = withExplorer(graphql)
	}
	if s.Sockets != nil {
		graphql = s.Sockets.accept(s.Config.Origins, guard, graphql)
	}
	r.Handle("/graphql", withCORS(s.Config.Origins, graphql))
	r.Get("/healthz", healthy)
	r.Get("/readyz", func(w http.ResponseWriter, r *http.Request) { s.ready(w, r, false) })
	if s.Hooks != nil {
		r.Mount("/hooks/", http.StripPrefix("/hooks", s.Hooks))
	}
	if s.Config.Explorer {
		mountExplorer(r)
	}
	return withOrigin(proxies, withRequestID(newID, withAccessLog(s.Log, now, s.withHeaders(r))))
}

func healthy(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready answers what a balancer asks before it sends traffic. What is missing is for those who run the gateway.
func (s *Server) ready(w http.ResponseWriter, r *http.Request, detail bool) {
	missing := map[string]string{}
	if s.Ready != nil {
		missing = s.Ready(r.Context())
	}
	if s.draining.Load() {
		missing = map[string]string{"server": "draining"}
	}
	status, ready := http.StatusOK, len(missing) == 0
	if !ready {
		status = http.StatusServiceUnavailable
	}
	if !detail {
		missing = nil
	}
	writeJSON(w, status, struct {
		Ready   bool              `json:"ready"`
		Missing map[string]string `json:"missing,omitempty"`
	}{ready, missing})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}

// withHeaders sets what every response carries. While draining, each response also ends its connection, so that clients
// move on before the connections are closed under them.
func (s *Server) withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin") // pages of Config.Origins ask with CORS, which this does not touch
		if secured(r.Context()) {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if s.draining.Load() {
			h.Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// Serve answers requests on ln until ctx ends, then drains: it turns unready, waits for balancers to notice, stops
// accepting and lets the requests in flight finish. Serve closes ln; it may be called once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	if err := s.Config.Validate(); err != nil {
		return errors.Join(err, ln.Close())
	}
	requests, abort := context.WithCancel(context.WithoutCancel(ctx)) // requests outlive ctx by the drain
	defer abort()
	ln, err := s.bounded(ln)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	server := s.httpServer(requests, s.Handler())
	failed := make(chan error, 1)
	go func() {
		if s.Certificate != nil {
			server.TLSConfig = s.Certificate.Config()
			failed <- server.ServeTLS(ln, "", "")
			return
		}
		failed <- server.Serve(ln)
	}()
	stopAdmin := s.serveAdmin(requests)
	defer stopAdmin()
	select {
	case err := <-failed:
		return fmt.Errorf("graph: serve: %w", err)
	case <-ctx.Done():
	}
	return s.drain(requests, server, abort, failed)
}

// bounded applies the bound of connections to a listener.
func (s *Server) bounded(ln net.Listener) (net.Listener, error) {
	proxies, err := ParseProxies(s.Config.TrustedProxies)
	if err != nil || s.Config.ConnectionsPerAddress == 0 {
		return ln, err
	}
	refused := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "portico_connections_refused_total", Help: "Connections closed at once because their address had too many.",
	})
	if s.Registerer != nil {
		if err := s.Registerer.Register(refused); err != nil {
			return ln, err
		}
	}
	return boundConnections(ln, s.Config.ConnectionsPerAddress, proxies, refused), nil
}

// httpServer returns a server whose clients can be slow only so far.
func (s *Server) httpServer(requests context.Context, h http.Handler) *http.Server {
	t := s.Config.Timeouts
	if t == (Timeouts{}) {
		t = DefaultTimeouts()
	}
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: t.Header,
		ReadTimeout:       t.Read,
		WriteTimeout:      t.Write,
		IdleTimeout:       t.Idle,
		MaxHeaderBytes:    16 << 10,
		// What a connection sends before it is read lies in the server, too: a body of the usual limit, twice.
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 100, MaxReceiveBufferPerConnection: 256 << 10, MaxReceiveBufferPerStream: 128 << 10,
		},
		ErrorLog:    slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn), // panics of handlers, failures to accept
		BaseContext: func(net.Listener) context.Context { return requests },
	}
}

// serveAdmin serves the admin routes until stop, which waits for the end.
func (s *Server) serveAdmin(requests context.Context) (stop func()) {
	if s.Admin == nil {
		return func() {}
	}
	server := s.httpServer(requests, s.AdminHandler())
	server.WriteTimeout = (maxRecording + 30) * time.Second
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(s.Admin); !errors.Is(err, http.ErrServerClosed) {
			s.Log.ErrorContext(requests, "the admin listener failed", slog.Any("error", err))
		}
	}()
	return func() {
		_ = server.Close() // nobody's work is lost
		<-done
	}
}

// drain ends server; requests is the context of the requests in flight and abort its end.
func (s *Server) drain(requests context.Context, server *http.Server, abort context.CancelFunc, failed <-chan error) error {
	s.draining.Store(true)
	delay := time.NewTimer(s.Config.DrainDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case err := <-failed:
		return fmt.Errorf("graph: serve: %w", err)
	}
	ctx, cancel := context.WithTimeout(requests, s.Config.DrainTimeout)
	defer cancel()
	sockets := make(chan struct{})
	go func() {
		defer close(sockets)
		if s.Sockets != nil {
			s.Sockets.drain()
		}
	}()
	err := server.Shutdown(ctx)
	select {
	case <-sockets:
	case <-ctx.Done():
		err = errors.Join(err, ctx.Err())
	}
	if err != nil {
		abort()
		err = errors.Join(fmt.Errorf("graph: requests were cut off: %w", err), server.Close())
	}
	<-sockets
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
