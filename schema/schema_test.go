// Package schema_test keeps the public contract: conventions that every type follows (rules_test.go), each shown to bite
// (broken_test.go), and the printed schema against which nothing may disappear unannounced (printed_test.go).
package schema_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

func TestTheSchemaKeepsEveryRule(t *testing.T) {
	schema := published(t)
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, breach := range r.breaches(schema) {
				t.Error(breach)
			}
		})
	}
}

// TestImpersonalNamesAreOfTheSchema keeps the list from growing old: it names only what would be a breach without it.
func TestImpersonalNamesAreOfTheSchema(t *testing.T) {
	listed, err := impersonal()
	if err != nil {
		t.Fatal(err)
	}
	needed := map[string]bool{}
	for _, name := range couldBePersonal(published(t)) {
		field := name[strings.LastIndexAny(name, ".("):]
		if needed[name] = true; listed[name] == "" {
			needed["*"+field] = true
		}
	}
	for name := range listed {
		if !needed[name] {
			t.Errorf("%s is listed and need not be", name)
		}
	}
}

// published loads the SDL files that the gateway serves.
func published(t *testing.T) *ast.Schema {
	t.Helper()
	files, err := filepath.Glob("*.graphql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no SDL here: %v", err)
	}
	sources := make([]*ast.Source, len(files))
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources[i] = &ast.Source{Name: file, Input: string(text)}
	}
	return mustLoad(t, sources...)
}

func mustLoad(t *testing.T, sources ...*ast.Source) *ast.Schema {
	t.Helper()
	schema, err := gqlparser.LoadSchema(sources...)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// own lists the types that the SDL defines, without those of GraphQL itself.
func own(schema *ast.Schema) []*ast.Definition {
	var defs []*ast.Definition
	for _, def := range schema.Types {
		if !def.BuiltIn && !strings.HasPrefix(def.Name, "__") {
			defs = append(defs, def)
		}
	}
	return defs
}

// fields lists a type's fields, without `__schema` and `__type` that the parser adds to the query root.
func fields(def *ast.Definition) []*ast.FieldDefinition {
	var list []*ast.FieldDefinition
	for _, f := range def.Fields {
		if !strings.HasPrefix(f.Name, "__") {
			list = append(list, f)
		}
	}
	return list
}
