package graph

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// withCORS lets pages of the listed origins read responses. Tokens travel in a header, never in a cookie, so
// credentials are not allowed across sites. A page of another origin learns nothing, not even that it is refused.
func withCORS(origins []string, next http.Handler) http.Handler {
	allowed := strings.Join(append([]string{
		"Content-Type", "Authorization", "DPoP", "Accept-Language", "X-Request-Id", headerLocation, headerChannel,
	}, preflightHeaders[:]...), ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		given := r.Header.Values("Origin")
		preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
		if len(given) != 1 || !slices.Contains(origins, given[0]) {
			if preflight && len(given) > 0 {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", given[0])
		if !preflight {
			h.Set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After, WWW-Authenticate")
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", allowed)
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	})
}

// mayConnect reports whether a WebSocket may be opened: browsers ask nobody before they open one across sites. Programs send no
// Origin; a page is of a listed origin or of this very host.
func mayConnect(origins []string, r *http.Request) bool {
	given := r.Header.Values("Origin")
	switch {
	case len(given) == 0:
		return true
	case len(given) > 1:
		return false
	case slices.Contains(origins, given[0]):
		return true
	}
	u, err := url.Parse(given[0])
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && !secured(r.Context())) &&
		strings.EqualFold(u.Host, r.Host)
}
