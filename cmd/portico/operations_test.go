package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden responses")

// Each file of testdata/operations is an operation, its variables, who asks (operator, or guest when absent) and the
// response. Instants read T and ages 0, because the clock runs; trade stands still.
func TestOperations(t *testing.T) {
	files, err := filepath.Glob("testdata/operations/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no operations: %v", err)
	}
	onEveryStore(t, func(t *testing.T, kind string) {
		r := newRig(t, kind)
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { r.golden(t, file) })
		}
	})
}

func (r *rig) golden(t *testing.T, file string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	must(t, err)
	var query, token string
	var variables map[string]any
	var want []byte
	response := -1
	for i, part := range archive.Files {
		switch part.Name {
		case "query.graphql":
			query = string(part.Data)
		case "variables.json":
			must(t, json.Unmarshal(part.Data, &variables))
		case "as":
			if strings.TrimSpace(string(part.Data)) == "operator" {
				token = r.operator
			}
		case "response.json":
			response, want = i, part.Data
		default:
			t.Fatalf("%s has no part %q", file, part.Name)
		}
	}
	a := r.ask(t, token, query, variables)
	got := undated(t, a)
	if *update {
		if response < 0 {
			archive.Files = append(archive.Files, txtar.File{Name: "response.json"})
			response = len(archive.Files) - 1
		}
		archive.Files[response].Data = got
		must(t, os.WriteFile(file, txtar.Format(archive), 0o600))
		return
	}
	if diff := gocmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

var (
	instant = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"`)
	age     = regexp.MustCompile(`"ageSeconds": \d+`)
	opaque  = regexp.MustCompile(`"(cursor|endCursor|startCursor)": "[^"]+"`)
)

// undated formats data and errors without what the clock or a version changes.
func undated(t testing.TB, a answer) []byte {
	t.Helper()
	slices.SortStableFunc(a.Errors, func(x, y responseError) int { return cmp.Compare(fmt.Sprint(x.Path), fmt.Sprint(y.Path)) })
	text, err := json.Marshal(map[string]any{"data": a.Data, "errors": a.Errors, "status": a.Status})
	must(t, err)
	var b bytes.Buffer
	must(t, json.Indent(&b, text, "", "  "))
	out := instant.ReplaceAll(b.Bytes(), []byte(`"T"`))
	out = opaque.ReplaceAll(out, []byte(`"$1": "C"`))
	return append(age.ReplaceAll(out, []byte(`"ageSeconds": 0`)), '\n')
}
