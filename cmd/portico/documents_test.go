package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"golang.org/x/tools/txtar"

	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/graph/generated"
)

const exampleDocuments = "../../docs/documents"

// Each file of testdata/documents holds manifests, and in its comment the lines to take out of the next schema and put
// into it ("- TEXT", "+ TEXT" right after); the last part, report, is what the command prints.
func TestDocumentsCheckReports(t *testing.T) {
	files, err := filepath.Glob("testdata/documents/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no reports: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			must(t, err)
			dir := t.TempDir()
			var want []byte
			for _, part := range archive.Files {
				if part.Name == "report" {
					want = part.Data
					continue
				}
				must(t, os.WriteFile(filepath.Join(dir, part.Name), part.Data, 0o600))
			}
			args := []string{"documents", "check", "--documents", dir}
			if next := nextSchema(t, string(archive.Comment)); next != "" {
				path := filepath.Join(t.TempDir(), "next.graphql")
				must(t, os.WriteFile(path, []byte(next), 0o600))
				args = append(args, "--against", path)
			}
			got, err := output(t, nil, args...)
			if err != nil {
				got += "error: " + err.Error() + "\n"
			}
			if *update {
				for i := range archive.Files {
					if archive.Files[i].Name == "report" {
						archive.Files[i].Data = []byte(got)
					}
				}
				must(t, os.WriteFile(file, txtar.Format(archive), 0o600))
				return
			}
			if diff := gocmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// nextSchema is the present schema with some lines changed; empty when none are.
func nextSchema(t *testing.T, changes string) string {
	t.Helper()
	var b bytes.Buffer
	formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchema(generated.NewExecutableSchema(generated.Config{}).Schema())
	next, old := b.String(), ""
	changed := false
	for line := range strings.Lines(changes) {
		switch line = strings.TrimRight(line, "\n"); {
		case strings.HasPrefix(line, "- "):
			old = line[2:]
		case strings.HasPrefix(line, "+ "):
			if !strings.Contains(next, old) {
				t.Fatalf("the schema has no %q", old)
			}
			next, changed = strings.ReplaceAll(next, old, line[2:]), true
		}
	}
	if !changed {
		return ""
	}
	return next
}

// The examples are served as they are, and every question of the README is among them.
func TestTheExampleDocumentsAreSound(t *testing.T) {
	got, err := output(t, nil, "documents", "check", "--documents", exampleDocuments, "--json")
	must(t, err)
	var reports []graph.OperationReport
	must(t, json.Unmarshal([]byte(got), &reports))
	seen := map[string]string{}
	for _, r := range reports {
		if r.Operation == "" || len(r.Breaks)+len(r.Deprecated) > 0 || seen[r.ID] != "" {
			t.Errorf("%+v", r)
		}
		seen[r.ID] = r.Operation
		if r.Cost < 1 || r.Caching == "" || r.Kind == "mutation" && r.Caching != graph.CacheNever {
			t.Errorf("%+v", r)
		}
	}
	if len(reports) < 10 {
		t.Errorf("%d operations", len(reports))
	}
}

func TestBadDocumentSettingsAreRefused(t *testing.T) {
	broken := t.TempDir()
	must(t, os.WriteFile(filepath.Join(broken, "web.json"), []byte(`{"a": "{ gone }"}`), 0o600))
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a class that is none":      {[]string{"demo", "--documents", exampleDocuments, "--trusted-documents", "everybody=enforce"}, "everybody"},
		"a mode that is none":       {[]string{"demo", "--documents", exampleDocuments, "--trusted-documents", "nobody=yes"}, "no mode"},
		"a class without a mode":    {[]string{"demo", "--documents", exampleDocuments, "--trusted-documents", "nobody"}, "no mode"},
		"a registration of nobody":  {[]string{"demo", "--apq", "some"}, "apq"},
		"no directory":              {[]string{"documents", "check", "--documents", "/no/such"}, "no such file"},
		"a schema that is none":     {[]string{"documents", "check", "--documents", exampleDocuments, "--against", "/etc/hostname"}, "no schema"},
		"a document that is broken": {[]string{"documents", "check", "--documents", broken}, "1 of them"},
		"trust in nothing":          {[]string{"demo", "--still", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--trusted-documents", "all=enforce"}, "no manifests"},
		"broken ones served":        {[]string{"demo", "--still", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--documents", broken}, `web.json: id "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := output(t, nil, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// The demo serves the examples by their id, and nothing else to strangers when it is told so; a changed file counts within
// seconds.
func TestTheDemoServesTrustedDocuments(t *testing.T) {
	dir := t.TempDir()
	write := func(id string) {
		text, err := json.Marshal(map[string]string{id: `{ stockCheck(skus: ["10000022"], locationIds: ["S-SH01"]) { items { level } } }`})
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, "web.json"), text, 0o600))
	}
	write("levels")
	env := []string{"PORTICO_TRUSTED_DOCUMENTS=nobody=enforce,member=log"}
	p := launch(t, env, "demo", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--still", "--documents", dir)
	p.await(t)
	if got := p.ask(t, "", `{ stockCheck(skus: ["1"]) { items { level } } }`); !strings.Contains(got, "DOCUMENT_NOT_TRUSTED") {
		t.Error(got)
	}
	if got := string(send(t, p.url, "", []byte(`{"documentId": "levels"}`))); !strings.Contains(got, `"level":"IN_STOCK"`) {
		t.Error(got)
	}
	write("levels-2")
	eventually(t, func() error {
		if got := string(send(t, p.url, "", []byte(`{"documentId": "levels-2"}`))); !strings.Contains(got, `"level":"IN_STOCK"`) {
			return errors.New(got)
		}
		return nil
	})
	if got := string(send(t, p.url, "", []byte(`{"documentId": "levels"}`))); !strings.Contains(got, "DOCUMENT_NOT_TRUSTED") {
		t.Error(got)
	}
}

// send posts a body as it is.
func send(t testing.TB, url, token string, body []byte) []byte {
	t.Helper()
	q, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(body))
	must(t, err)
	q.Header.Set("Content-Type", "application/json")
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(q)
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	return text
}

// staticCalls is how often a document may ask each system, as documents check says.
func staticCalls(t testing.TB, document string) map[string]int {
	t.Helper()
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	reports, err := graph.CheckDocuments(schema, graph.DefaultPolicies(1), []graph.Manifest{
		{App: "test", Documents: []graph.ManifestDocument{{ID: "test", Text: document}}},
	}, (*ast.Schema)(nil))
	must(t, err)
	if len(reports) != 1 || reports[0].Kind == "" {
		return nil // refused
	}
	return reports[0].Calls
}

// withinStaticCalls compares the calls that an answer tells of with the most that its document says. A system that failed
// was asked again; a member's first question signs them in.
func withinStaticCalls(t testing.TB, token, document string, answer []byte) {
	t.Helper()
	var a struct {
		Extensions struct {
			Sources []struct {
				Source, Status, Code string
				Calls                int
			}
		}
	}
	must(t, json.Unmarshal(answer, &a))
	most, signingIn := staticCalls(t, document), 0
	if _, claims, ok := strings.Cut(token, "."); ok {
		claims, _, _ = strings.Cut(claims, ".")
		if text, err := base64.RawURLEncoding.DecodeString(claims); err == nil && bytes.Contains(text, []byte(`"member"`)) {
			signingIn = 4
		}
	}
	for _, s := range a.Extensions.Sources {
		if s.Calls > most[s.Source]+signingIn && most != nil && s.Code == "" {
			t.Errorf("%s was asked %d times, at most %d were announced, by\n%s", s.Source, s.Calls, most[s.Source], document)
		}
	}
}

// What an operation really asks is within what is said of it beforehand.
func TestMeasuredCallsAreWithinTheStaticFigure(t *testing.T) {
	files, err := filepath.Glob("testdata/operations/*.txtar")
	must(t, err)
	r := newRig(t, "embedded")
	asked := 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		must(t, err)
		var query, token string
		variables := json.RawMessage("null")
		for _, part := range archive.Files {
			switch part.Name {
			case "query.graphql":
				query = string(part.Data)
			case "variables.json":
				variables = part.Data
			case "as":
				token = r.operator
			}
		}
		body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
		must(t, err)
		text := send(t, r.url+"/graphql", token, body)
		asked += bytes.Count(text, []byte(`"calls":1`))
		withinStaticCalls(t, token, query, text)
	}
	if asked < 3 {
		t.Errorf("only %d calls were seen: the answers tell of them in another way", asked)
	}
}
