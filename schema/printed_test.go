package schema_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
)

var update = flag.Bool("update", false, "write testdata/printed.graphql; a breaking change is refused all the same")

const printedFile = "testdata/printed.graphql"

// The committed print is what clients were last told. To break a promise on purpose, delete the file first.
func TestPrintedSchema(t *testing.T) {
	schema := published(t)
	told, err := os.ReadFile(printedFile)
	switch {
	case err == nil:
		for _, b := range breaking(mustLoad(t, &ast.Source{Name: printedFile, Input: string(told)}), schema) {
			t.Error(b)
		}
	case !*update || !os.IsNotExist(err):
		t.Fatal(err)
	}
	if t.Failed() {
		return
	}
	now := printed(schema)
	if *update {
		if err := os.WriteFile(printedFile, now, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(told), string(now)); diff != "" {
		t.Errorf("the schema is not as printed; if that is meant, run make generate and commit (-printed +now):\n%s", diff)
	}
}

// printed is the whole schema as one file, in the order of names; `portico schema` prints the same.
func printed(s *ast.Schema) []byte {
	var b bytes.Buffer
	formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchema(s)
	return b.Bytes()
}
