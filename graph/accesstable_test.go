package graph_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
)

var updateAccess = flag.Bool("update-access", false, "write testdata/access.golden")

const accessFile = "testdata/access.golden"

// TestWhoMayAskWhat asks the handler for every guarded field of the product's schema, and every field of Query and Mutation, as
// everybody who could: whoever changes who may do what changes the table, and somebody reads it.
func TestWhoMayAskWhat(t *testing.T) {
	reached := false
	f := &fake{schema: mustSchema(t), exec: func(context.Context) *graphql.Response {
		reached = true
		return &graphql.Response{Data: []byte("{}")}
	}}
	h, err := graph.NewHandler(f, slog.New(slog.NewTextHandler(testLog(t), nil)), prometheus.NewRegistry(), graph.HandlerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	_, _ = fmt.Fprintf(&table, "%-36s", "")
	for _, who := range askers {
		_, _ = fmt.Fprintf(&table, " %-10s", who.name)
	}
	for _, line := range guardedFields(f.schema) {
		_, _ = fmt.Fprintf(&table, "\n%-36s", line.name)
		for _, who := range askers {
			reached = false
			status, codes := askAs(t, h, who.Principal, line.document)
			verdict := "yes"
			switch {
			case !reached:
				verdict = fmt.Sprint(status)
			case len(codes) > 0:
				verdict = "null"
			}
			if reached != (status == http.StatusOK) || !reached && len(codes) != 1 {
				t.Errorf("%s as %s: status %d, codes %v, executed %v", line.name, who.name, status, codes, reached)
			}
			_, _ = fmt.Fprintf(&table, " %-10s", verdict)
		}
	}
	got := trimLines(table.String())
	if *updateAccess {
		if err := os.WriteFile(accessFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(accessFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("who may ask what has changed; if that is meant, go test ./graph -update-access (-table +now):\n%s", diff)
	}
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// askers are everybody who could ask, with the scopes that their tokens have when nobody names any.
var askers = func() (list []struct {
	name string
	auth.Principal
},
) {
	list = append(list, struct {
		name string
		auth.Principal
	}{"nobody", auth.Guest})
	for _, role := range auth.Roles() {
		list = append(list, struct {
			name string
			auth.Principal
		}{string(role), auth.Principal{Role: role, Subject: "x", Scopes: auth.DefaultScopes(role)}})
	}
	return list
}()

func askAs(t *testing.T, h http.Handler, p auth.Principal, document string) (status int, codes []string) {
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
		codes = append(codes, e.Extensions.Code)
	}
	return w.Code, codes
}

// guarded is a field and a document that asks for it.
type guardedField struct{ name, document string }

// guardedFields lists the fields of Query and Mutation, and those below that not everybody may read.
func guardedFields(s *ast.Schema) (list []guardedField) {
	for _, root := range []*ast.Definition{s.Query, s.Mutation} {
		operation := strings.ToLower(root.Name)
		for _, f := range root.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			list = append(list, guardedField{root.Name + "." + f.Name, operation + "{" + call(s, f) + leaf(s, f) + "}"})
		}
	}
	for _, name := range slices.Sorted(keysOf(s.Types)) {
		def := s.Types[name]
		if def.Kind != ast.Object || def == s.Query || def == s.Mutation {
			continue
		}
		for _, f := range def.Fields {
			if f.Directives.ForName("hasScope") == nil && f.Directives.ForName("hasRole") == nil {
				continue
			}
			way := wayTo(s, s.Query, def, nil)
			if way == nil {
				continue
			}
			document := call(s, f) + leaf(s, f)
			for _, step := range slices.Backward(way) {
				document = call(s, step) + "{" + document + "}"
			}
			list = append(list, guardedField{name + "." + f.Name, "{" + document + "}"})
		}
	}
	return list
}

func keysOf(types map[string]*ast.Definition) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range types {
			if !yield(name) {
				return
			}
		}
	}
}

// wayTo finds open fields that lead from one type to another.
func wayTo(s *ast.Schema, from, to *ast.Definition, seen []*ast.Definition) []*ast.FieldDefinition {
	if from == to {
		return []*ast.FieldDefinition{}
	}
	for _, f := range from.Fields {
		next := s.Types[f.Type.Name()]
		if strings.HasPrefix(f.Name, "__") || next.Kind != ast.Object || slices.Contains(seen, next) || len(seen) > 4 ||
			f.Directives.ForName("hasScope") != nil || f.Directives.ForName("hasRole") != nil {
			continue
		}
		if way := wayTo(s, next, to, append(seen, from)); way != nil {
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
