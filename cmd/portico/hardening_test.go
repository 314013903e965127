package main

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// flagsOf lists the flags of the command of that name and of those below it; of all commands when it has none.
func flagsOf(t *testing.T, name string) map[string]bool {
	t.Helper()
	var c cli
	app, err := kong.New(&c, defaults())
	must(t, err)
	flags := map[string]bool{}
	var walk func(n *kong.Node, within bool)
	walk = func(n *kong.Node, within bool) {
		within = within || n.Name == name || name == ""
		for _, f := range n.Flags {
			flags["--"+f.Name] = flags["--"+f.Name] || within
		}
		for _, child := range n.Children {
			walk(child, within)
		}
	}
	walk(app.Model.Node, false)
	maps.DeleteFunc(flags, func(_ string, within bool) bool { return !within })
	return flags
}

// flagsIn lists the flags that a text names; --risk-… stands for all that begin so.
func flagsIn(text string) []string {
	return slices.Compact(slices.Sorted(slices.Values(regexp.MustCompile("--[a-z][a-z-]*").FindAllString(text, -1))))
}

// TestTheDocumentsNameFlagsThatThereAre: a list that names a flag which is gone is one that nobody can follow.
func TestTheDocumentsNameFlagsThatThereAre(t *testing.T) {
	flags := flagsOf(t, "")
	for file, least := range map[string]int{"docs/hardening.md": 30, "README.md": 30, "SECURITY.md": 0} {
		text, err := os.ReadFile("../../" + file)
		must(t, err)
		named := flagsIn(string(text))
		for _, flag := range named {
			begins := func(known string) bool { return strings.HasSuffix(flag, "-") && strings.HasPrefix(known, flag) }
			if !flags[flag] && !slices.ContainsFunc(slices.Collect(maps.Keys(flags)), begins) {
				t.Errorf("%s: there is no flag %s", file, flag)
			}
		}
		if len(named) < least {
			t.Errorf("%s: only %d flags are named", file, len(named))
		}
	}
}

// plainFlags decide how fresh, how fast and in what words the gateway answers, and nothing about who may do what. --risk-… are named
// together.
var plainFlags = regexp.MustCompile(`^--(help|config|currency|drain-delay|erp-sql-dir|feed-.*|refresh-interval|stock-.*|log-.*|redis-cluster|risk-.*)$`)

// TestTheHardeningListNamesEveryFlagAboutSafety: a new flag of serve is named there, or is one of the plain ones.
func TestTheHardeningListNamesEveryFlagAboutSafety(t *testing.T) {
	text, err := os.ReadFile("../../docs/hardening.md")
	must(t, err)
	named := flagsIn(string(text))
	for _, flag := range slices.Sorted(maps.Keys(flagsOf(t, "serve"))) {
		if !plainFlags.MatchString(flag) && !slices.Contains(named, flag) {
			t.Errorf("docs/hardening.md does not name %s", flag)
		}
	}
	if !slices.Contains(named, "--risk-") {
		t.Error("docs/hardening.md does not name --risk-…")
	}
}

// TestTheDesignSaysWhyOfEveryDirectDependency compares the table with go.mod. Modules that are released together share a line.
func TestTheDesignSaysWhyOfEveryDirectDependency(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	must(t, err)
	design, err := os.ReadFile("../../docs/design.md")
	must(t, err)
	short := func(path string) string {
		path = strings.TrimPrefix(path, "github.com/")
		path = regexp.MustCompile(`/v[0-9]+$`).ReplaceAllString(path, "")
		return regexp.MustCompile(`^riverqueue/river/.*`).ReplaceAllString(path, "riverqueue/river")
	}
	var direct, explained []string
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+\.\S+) v\S+$`).FindAllStringSubmatch(string(mod), -1) {
		direct = append(direct, short(m[1]))
	}
	_, table, ok := strings.Cut(string(design), "### Direct dependencies\n")
	if !ok {
		t.Fatal("the table is gone")
	}
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]*\S) \| [^|]+ \|$`).FindAllStringSubmatch(table, -1) {
		if row[1] != "module" {
			explained = append(explained, strings.Split(row[1], ", ")...)
		}
	}
	direct = slices.Compact(slices.Sorted(slices.Values(direct)))
	slices.Sort(explained)
	if !slices.Equal(direct, explained) || len(direct) < 20 {
		t.Errorf("go.mod has\n%s\nand docs/design.md explains\n%s", strings.Join(direct, "\n"), strings.Join(explained, "\n"))
	}
}
