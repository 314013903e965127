package resolvers_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/resolvers"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/location"
)

// places is a location master of one store.
type places struct{}

func (places) Locations(context.Context) ([]*retail.Location, int, error) {
	return []*retail.Location{{Code: "S-1", Kind: retail.Store, Zone: time.UTC}}, 0, nil
}

// ask executes a query over a directory of one store and nothing else.
func ask(t *testing.T, query string) string {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	directory := location.New(location.DefaultConfig(), location.Deps{Source: places{}, Log: log})
	if err := directory.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	schema := generated.NewExecutableSchema(generated.Config{Resolvers: &resolvers.Resolver{Locations: directory}})
	h, err := graph.NewHandler(schema, log, prometheus.NewRegistry(), graph.HandlerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Body.String()
}

func TestOneNodeThatCannotBeLoadedDoesNotHideTheOthers(t *testing.T) {
	store, gone := retail.GlobalID(retail.KindLocation, "S-1"), retail.GlobalID(retail.KindLocation, "S-2")
	got := ask(t, `{nodes(ids:["`+store+`","nonsense","`+gone+`"]){id}}`)
	want := `{"errors":[{"message":"the id is not one of this gateway","path":["nodes",1],"extensions":{"code":"BAD_INPUT"}}],` +
		`"data":{"nodes":[{"id":"` + store + `"},null,null]}}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNodesAreBounded(t *testing.T) {
	if got := ask(t, `{nodes(ids:[`+strings.Repeat(`"x" `, 101)+`]){id}}`); !strings.Contains(got, "LIMIT_EXCEEDED") {
		t.Errorf("got %s", got)
	}
}
