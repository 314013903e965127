package graph_test

import (
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
)

var updateAccess = flag.Bool("update-access", false, "write testdata/access.golden")

const accessFile = "testdata/access.golden"

// TestWhoMayAskWhat keeps the table of the product's schema: whoever changes who may do what changes it, and somebody reads it.
func TestWhoMayAskWhat(t *testing.T) {
	var table strings.Builder
	if _, err := graph.NewAccessTable(mustSchema(t), graph.AccessCallers()).WriteTo(&table); err != nil {
		t.Fatal(err)
	}
	if *updateAccess {
		if err := os.WriteFile(accessFile, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(accessFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), table.String()); diff != "" {
		t.Errorf("who may ask what has changed; if that is meant, go test ./graph -update-access (-table +now):\n%s", diff)
	}
}

// TestTheHandlerDoesWhatTheTableSays asks the handler for every field of the table but those of subscriptions, which HTTP does
// not carry, as everybody who could.
func TestTheHandlerDoesWhatTheTableSays(t *testing.T) {
	reached := false
	f := &fake{schema: mustSchema(t), exec: func(context.Context) *graphql.Response {
		reached = true
		return &graphql.Response{Data: []byte("{}")}
	}}
	h, err := graph.NewHandler(f, slog.New(slog.NewTextHandler(testLog(t), nil)), prometheus.NewRegistry(), graph.HandlerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	table := graph.NewAccessTable(f.schema, graph.AccessCallers())
	asked := 0
	for _, row := range table.Rows {
		def := f.schema.Types[row.Type]
		if def == f.schema.Subscription {
			continue
		}
		document := documentOf(f.schema, def, def.Fields.ForName(row.Field))
		if document == "" {
			t.Errorf("no way leads to %s", row.Name())
			continue
		}
		for i, who := range table.Callers {
			reached = false
			status, codes := askAs(t, h, who.Principal, document, row.Field)
			got := graph.VerdictYes
			switch {
			case !reached:
				got = graph.Verdict(strconv.Itoa(status))
			case len(codes) > 0:
				got = graph.VerdictNull
			}
			want := row.Verdicts[i]
			if want == graph.VerdictMasked || want == graph.VerdictConsent { // which the executor decides
				want = graph.VerdictYes
			}
			if got != want || reached != (status == http.StatusOK) || !reached && len(codes) != 1 {
				t.Errorf("%s as %s: %s, want %s: status %d, codes %v, executed %v", row.Name(), who.Name, got, want, status, codes, reached)
			}
			asked++
		}
	}
	if asked < 400 {
		t.Errorf("only %d requests", asked)
	}
}

// TestTheTableTellsOfWhatNobodyThoughtAbout reads the tables of schemas that say nothing or nonsense about access.
func TestTheTableTellsOfWhatNobodyThoughtAbout(t *testing.T) {
	const directives = `directive @public on FIELD_DEFINITION directive @hasScope(scope: String!) on FIELD_DEFINITION
		directive @hasRole(any: [String!]!) on FIELD_DEFINITION directive @personal(purpose: String!, mask: String) on FIELD_DEFINITION `
	tests := map[string]struct{ sdl, want string }{
		"a root field without a rule is closed": {`type Query { a: Int }`, "Query.a 403 403 403 403 403 403"},
		"a scope that there is not is nobody's": {`type Query { a: Int @hasScope(scope: "NONE") }`, "Query.a null null null null null null"},
		"one that must be there refuses":        {`type Query { a: Int! @hasScope(scope: "NONE") }`, "Query.a 403 403 403 403 403 403"},
		"a role that there is not is nobody's":  {`type Query { a: Int! @hasRole(any: ["KING"]) }`, "Query.a 401 403 403 403 403 403"},
		"a purpose that there is not is masked": {
			`type Query { a: Int @public @personal(purpose: "FUN") }`, "Query.a mask mask mask mask mask mask",
		},
		"a scope and a role are both needed": {
			`type Query { a: Int @hasScope(scope: "STOCK_READ") @hasRole(any: ["PARTNER"]) }`, "Query.a null null null null yes null",
		},
		"an interface is as open as the least of its objects": {
			`type Query { a: I @public } interface I { x: Int } type O implements I { x: Int @hasRole(any: ["MEMBER"]) }`,
			"Query.a yes yes yes yes yes yes|I.x null null yes null null null|O.x null null yes null null null",
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			schema, err := gqlparser.LoadSchema(&ast.Source{Input: directives + c.sdl})
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, row := range graph.NewAccessTable(schema, graph.AccessCallers()).Rows {
				line := row.Name()
				for _, v := range row.Verdicts {
					line += " " + string(v)
				}
				lines = append(lines, line)
			}
			if got := strings.Join(lines, "|"); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// askAs returns the codes of errors about the field, or about the whole operation.
func askAs(t *testing.T, h http.Handler, p auth.Principal, document, field string) (status int, codes []string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": document})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/graphql-response+json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(auth.WithPrincipal(r.Context(), p)))
	var answer struct {
		Errors []struct {
			Message    string
			Path       []any
			Extensions struct{ Code string }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	for _, e := range answer.Errors {
		if e.Extensions.Code != "FORBIDDEN" && e.Extensions.Code != "UNAUTHENTICATED" {
			t.Fatalf("%s: %s", document, w.Body)
		}
		if len(e.Path) == 0 || e.Path[len(e.Path)-1] == field {
			codes = append(codes, e.Extensions.Code)
		}
	}
	return w.Code, codes
}

// documentOf writes a document that asks for a field; empty when no fields lead there.
func documentOf(s *ast.Schema, def *ast.Definition, f *ast.FieldDefinition) string {
	document := call(s, f) + leaf(s, f)
	switch def {
	case s.Query:
		return "{" + document + "}"
	case s.Mutation:
		return "mutation{" + document + "}"
	}
	starts := []string{"Query"}
	for _, name := range slices.Sorted(maps.Keys(s.Types)) {
		if slices.Contains(s.Types[name].Interfaces, "Node") {
			starts = append(starts, name)
		}
	}
	for _, open := range []bool{true, false} {
		for _, start := range starts {
			way := wayTo(s, s.Types[start], def, open, nil)
			if way == nil {
				continue
			}
			for _, step := range slices.Backward(way) {
				document = call(s, step) + "{" + document + "}"
			}
			if start != "Query" {
				document = `node(id:"x"){...on ` + start + "{" + document + "}}"
			}
			return "{" + document + "}"
		}
	}
	return ""
}

// wayTo finds fields, open ones if wanted, that lead from one type to another.
func wayTo(s *ast.Schema, from, to *ast.Definition, open bool, seen []*ast.Definition) []*ast.FieldDefinition {
	if from == to {
		return []*ast.FieldDefinition{}
	}
	for _, f := range from.Fields {
		next := s.Types[f.Type.Name()]
		if strings.HasPrefix(f.Name, "__") || next.Kind != ast.Object || slices.Contains(seen, next) || len(seen) > 4 ||
			open && (f.Directives.ForName("hasScope") != nil || f.Directives.ForName("hasRole") != nil) {
			continue
		}
		if way := wayTo(s, next, to, open, append(slices.Clip(seen), from)); way != nil {
			return append([]*ast.FieldDefinition{f}, way...)
		}
	}
	return nil
}

// call writes a field with its required arguments.
func call(s *ast.Schema, f *ast.FieldDefinition) string {
	var arguments []string
	for _, a := range f.Arguments {
		if a.Type.NonNull && a.DefaultValue == nil {
			arguments = append(arguments, a.Name+":"+literal(s, a.Type))
		}
	}
	if len(arguments) == 0 {
		return f.Name
	}
	return f.Name + "(" + strings.Join(arguments, ",") + ")"
}

// leaf selects __typename of an object and nothing of a scalar.
func leaf(s *ast.Schema, f *ast.FieldDefinition) string {
	if s.Types[f.Type.Name()].IsLeafType() {
		return ""
	}
	return "{__typename}"
}

// literal writes a value of a type, with nothing that could be left out.
func literal(s *ast.Schema, t *ast.Type) string {
	if t.Elem != nil {
		return "[" + literal(s, t.Elem) + "]"
	}
	def := s.Types[t.NamedType]
	switch {
	case def.Kind == ast.Enum:
		return def.EnumValues[0].Name
	case def.Kind == ast.InputObject:
		var fields []string
		for _, f := range def.Fields {
			if f.Type.NonNull && f.DefaultValue == nil {
				fields = append(fields, f.Name+":"+literal(s, f.Type))
			}
		}
		return "{" + strings.Join(fields, ",") + "}"
	case def.Name == "Int" || def.Name == "Float":
		return "1"
	case def.Name == "Boolean":
		return "true"
	}
	return `"x"`
}
