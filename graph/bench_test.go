package graph_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/graph"
)

// discard is a response writer that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkTransport measures what the transport adds to one request of the hot path: a known document with variables.
// Execution is a fixed answer of 20 KB.
func BenchmarkTransport(b *testing.B) {
	answer := bytes.Repeat([]byte("x"), 20<<10)
	f := &fake{schema: mustSchema(b), exec: func(context.Context) *graphql.Response { return &graphql.Response{Data: answer} }}
	h, err := graph.NewHandler(f, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), graph.HandlerOptions{})
	if err != nil {
		b.Fatal(err)
	}
	text := `query Check($skus: [String!]!, $near: GeoPointInput, $first: Int) {
		stockCheck(skus: $skus, near: $near, first: $first) {
			items { location { id name } sku level available quantity { value precision } distanceKm readyBy reasons
				freshness { asOf ageSeconds source basis } } } }`
	body := []byte(query(text, map[string]any{
		"skus": []string{"10000017", "10000025", "10000033", "10000041", "10000058"},
		"near": map[string]any{"latitude": 31.2304, "longitude": 121.4737}, "first": 10,
	}))
	reader := bytes.NewReader(body)
	r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", graphqlMedia)
	r.ContentLength = int64(len(body))
	r.Body = io.NopCloser(reader)
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		h.ServeHTTP(w, r)
	}
}

// BenchmarkCompile measures a document that is not known yet.
func BenchmarkCompile(b *testing.B) {
	h := mustFakeHandler(b, "type Query {a: Query @public b: Int}")
	w := &discard{header: http.Header{}}
	body := []byte(query("{a{" + string(bytes.Repeat([]byte("b "), 50)) + "} nonsense}")) // refused documents are not kept
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/graphql", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		h.ServeHTTP(w, r)
	}
}
