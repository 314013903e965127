package graph

import (
	"embed"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

//go:embed graphiql
var explorerFiles embed.FS

// explorerPolicy lets the query page load its own files and ask this gateway, nothing else. GraphiQL sets styles and
// fonts inline; scripts are files only.
const explorerPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// mountExplorer serves GraphiQL from files inside the binary.
func mountExplorer(r chi.Router) {
	page := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", explorerPolicy)
		http.ServeFileFS(w, r, explorerFiles, "graphiql/index.html")
	}
	r.Get("/", page)
	files := http.FileServerFS(explorerFiles)
	r.Get("/graphiql/{file}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
		files.ServeHTTP(w, r)
	})
}

// withExplorer sends a browser that opens the GraphQL address to the query page. Programs do not accept HTML.
func withExplorer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.RawQuery == "" && strings.Contains(r.Header.Get("Accept"), "text/html") {
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		next.ServeHTTP(w, r)
	})
}
