package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestTheAccessTableIsPrinted compares what the program prints with the table that was reviewed.
func TestTheAccessTableIsPrinted(t *testing.T) {
	want, err := os.ReadFile("../../graph/testdata/access.golden")
	must(t, err)
	if diff := gocmp.Diff(string(want), printedAccess(t)); diff != "" {
		t.Errorf("(-reviewed +printed):\n%s", diff)
	}
}

func printedAccess(t *testing.T, args ...string) string {
	t.Helper()
	var out, log bytes.Buffer
	if err := run(context.Background(), append([]string{"access"}, args...), nil, &out, &log); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return out.String()
}

func TestOneCallersAccessIsPrinted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "partners.yaml")
	must(t, os.WriteFile(file, []byte(`partners:
  - {id: few, scopes: [], locations: ["S-1"], skus: ["*"], channels: ["*"]}
  - {id: exact, scopes: ["stock:read"], locations: ["S-1"], skus: ["*"], channels: ["*"]}
`), 0o600))
	tests := map[string]struct {
		args []string
		want []string
	}{
		"an associate":              {[]string{"--role", "associate"}, []string{"Query.alerts yes", "Query.events null", "Mutation.tokenRevoke 403"}},
		"one who may take back":     {[]string{"--role", "associate", "--scope", "access:revoke"}, []string{"Query.alerts null", "Mutation.tokenRevoke yes"}},
		"a partner without scopes":  {[]string{"--partner", "few", "--partners", file}, []string{"StoreAvailability.breakdown null", "Query.me null"}},
		"a partner with a scope":    {[]string{"--partner", "exact", "--partners", file}, []string{"StoreAvailability.breakdown yes"}},
		"a token without its scope": {[]string{"--partner", "exact", "--partners", file, "--scope", "personal:partner"}, []string{"StoreAvailability.breakdown null"}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			var lines []string
			for line := range strings.Lines(printedAccess(t, c.args...)) {
				lines = append(lines, strings.Join(strings.Fields(line), " "))
			}
			for _, want := range c.want {
				if !strings.Contains("\n"+strings.Join(lines, "\n")+"\n", "\n"+want+"\n") {
					t.Errorf("there is no line %q in %q", want, lines)
				}
			}
		})
	}
	for _, args := range [][]string{
		{"--role", "king"},
		{"--scope", "stock:read"},
		{"--role", "guest", "--scope", "stock:steal"},
		{"--partner", "few"},
		{"--partners", file},
		{"--partner", "none", "--partners", file},
		{"--partner", "few", "--partners", file, "--role", "member"},
	} {
		var out, log bytes.Buffer
		if err := run(context.Background(), append([]string{"access"}, args...), nil, &out, &log); err == nil || out.Len() > 0 {
			t.Errorf("%v: %v, %s", args, err, out.String())
		}
	}
}
