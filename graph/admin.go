package graph

import (
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// AdminHandler returns the routes for those who run the gateway, on a listener of their own: /metrics, /healthz, /readyz with what
// is missing and, when configured, /debug/pprof/. They say much about the inside and must not be reachable from outside.
func (s *Server) AdminHandler() http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.GetHead, s.ownName, withoutPages)
	r.Get("/healthz", healthy)
	r.Get("/readyz", func(w http.ResponseWriter, r *http.Request) { s.ready(w, r, true) })
	r.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{}))
	if s.Config.Pprof {
		r.Get("/debug/pprof/profile", record(pprof.StartCPUProfile, pprof.StopCPUProfile))
		r.Get("/debug/pprof/trace", record(trace.Start, trace.Stop))
		r.Get("/debug/pprof/{name}", profile)
	}
	return r
}

// ownName refuses hosts that are not this one's (RFC 9110 section 15.5.20). A page whose name was made to resolve to the listener's
// address counts as of the same site; it cannot make its browser say an address or another name.
func (s *Server) ownName(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := url.URL{Host: r.Host}
		name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
		if _, err := netip.ParseAddr(name); err != nil && name != "localhost" && !slices.Contains(s.Config.AdminNames, name) {
			http.Error(w, "this is another host", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// withoutPages refuses what a browser sends for a page of another site: whoever runs a gateway also visits pages.
func withoutPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		site := r.Header.Get("Sec-Fetch-Site")
		if r.Header.Get("Origin") != "" || site != "" && site != "none" && site != "same-origin" {
			http.Error(w, "not for pages of other sites", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// profile writes one of the runtime's profiles, as go tool pprof reads it or, with ?debug=1, as text.
func profile(w http.ResponseWriter, r *http.Request) {
	p := pprof.Lookup(chi.URLParam(r, "name"))
	if p == nil {
		http.NotFound(w, r)
		return
	}
	debug, _ := strconv.Atoi(r.URL.Query().Get("debug"))
	if debug > 0 {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	} else {
		w.Header().Set("Content-Type", "application/octet-stream")
	}
	_ = p.WriteTo(w, min(max(debug, 0), 2)) // the client is gone
}

// maxRecording bounds a recording in seconds; the server's write timeout is longer.
const maxRecording = 60

// record writes what the runtime records for ?seconds=, one recording at a time.
func record(start func(io.Writer) error, stop func()) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		seconds, err := strconv.Atoi(r.URL.Query().Get("seconds"))
		if err != nil || seconds < 1 {
			seconds = 30
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		if err := start(w); err != nil {
			http.Error(w, "a recording is under way", http.StatusConflict)
			return
		}
		defer stop()
		over := time.NewTimer(time.Duration(min(seconds, maxRecording)) * time.Second)
		defer over.Stop()
		select {
		case <-over.C:
		case <-r.Context().Done():
		}
	}
}
