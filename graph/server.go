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
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/portico-retail/portico/auth"
)

// ServerConfig configures a Server.
type ServerConfig struct {
	Explorer     bool          // serve GraphiQL at /
	Origins      []string      // web origins whose pages may read responses, for example https://shop.example
	DrainDelay   time.Duration // from unready to no longer accepting, for balancers to notice
	DrainTimeout time.Duration // for requests in flight to finish
}

// DefaultServerConfig drains like a container platform expects: well within its usual 30 seconds.
func DefaultServerConfig() ServerConfig {
	return ServerConfig{DrainDelay: 3 * time.Second, DrainTimeout: 15 * time.Second}
}

// Validate reports settings that cannot work.
func (c ServerConfig) Validate() error {
	if c.DrainDelay < 0 || c.DrainTimeout <= 0 {
		return errors.New("graph: the drain needs a delay of at least 0 and a timeout above 0")
	}
	for _, o := range c.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || o != u.Scheme+"://"+u.Host {
			return fmt.Errorf("graph: %q is no web origin such as https://shop.example", o)
		}
	}
	return nil
}

// Server is the gateway's HTTP server: /graphql, /healthz, /readyz, /metrics, the hooks and, when configured,
// GraphiQL at /.
type Server struct {
	Config   ServerConfig
	GraphQL  http.Handler
	Verifier *auth.Verifier // nil serves guests only
	// Ready says what is missing for the gateway to do its work, by name; nothing missing is ready. May be nil.
	Ready func(context.Context) map[string]string
	// Hooks receives what other systems report, below /hooks/; it checks by itself who they are. May be nil.
	Hooks   http.Handler
	Metrics prometheus.Gatherer
	Log     *slog.Logger
	Now     func() time.Time // nil means time.Now
	NewID   func() string    // of a request; nil means a random UUID

	draining atomic.Bool
}

// Handler returns the server's routes.
func (s *Server) Handler() http.Handler {
	now, newID := s.Now, s.NewID
	if now == nil {
		now = time.Now
	}
	if newID == nil {
		newID = newRequestID
	}
	r := chi.NewRouter()
	r.Use(middleware.GetHead)
	graphql := s.GraphQL
	if s.Verifier != nil {
		graphql = auth.Middleware(s.Verifier, RefuseToken)(graphql)
	}
	if s.Config.Explorer {
		graphql = withExplorer(graphql)
	}
	r.Handle("/graphql", withCORS(s.Config.Origins, graphql))
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	r.Get("/readyz", s.ready)
	r.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{}))
	if s.Hooks != nil {
		r.Mount("/hooks/", http.StripPrefix("/hooks", s.Hooks))
	}
	if s.Config.Explorer {
		mountExplorer(r)
	}
	return withRequestID(newID, withAccessLog(s.Log, now, s.withHeaders(r)))
}

// ready answers what a balancer asks before it sends traffic.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	missing := map[string]string{}
	if s.Ready != nil {
		missing = s.Ready(r.Context())
	}
	if s.draining.Load() {
		missing = map[string]string{"server": "draining"}
	}
	status := http.StatusOK
	if len(missing) > 0 {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, struct {
		Ready   bool              `json:"ready"`
		Missing map[string]string `json:"missing,omitempty"`
	}{len(missing) == 0, missing})
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
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       90 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn), // panics of handlers, failures to accept
		BaseContext:       func(net.Listener) context.Context { return requests },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("graph: serve: %w", err)
	case <-ctx.Done():
	}
	return s.drain(requests, server, abort, failed)
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
	err := server.Shutdown(ctx)
	if err != nil {
		abort()
		err = errors.Join(fmt.Errorf("graph: requests were cut off: %w", err), server.Close())
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
