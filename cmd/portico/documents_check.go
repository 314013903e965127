package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/graph/generated"
)

// documentsCmd is about the documents that client apps ask.
type documentsCmd struct {
	Check documentsCheckCmd `cmd:"" help:"Say of each document what it costs, which systems it asks, who may ask it and who may keep the answer."`
}

// documentsCheckCmd reports on the documents of a directory.
type documentsCheckCmd struct {
	Documents string `required:"" placeholder:"DIR" help:"Directory with the documents of each client app: <app>.json."`
	Against   string `placeholder:"FILE" help:"A schema to check against, as portico schema prints it: the one that is to be served next."`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// Run prints the report. It fails when a document cannot be served.
func (c documentsCheckCmd) Run(s streams) error {
	manifests, err := graph.ReadManifests(os.DirFS(c.Documents))
	if err != nil {
		return err
	}
	var next *ast.Schema
	if c.Against != "" {
		text, err := os.ReadFile(c.Against)
		if err != nil {
			return err
		}
		if next, err = gqlparser.LoadSchema(&ast.Source{Name: c.Against, Input: string(text)}); err != nil {
			return fmt.Errorf("%s is no schema: %w", c.Against, err)
		}
	}
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	reports, err := graph.CheckDocuments(schema, graph.DefaultPolicies(1), manifests, next)
	if err != nil {
		return err
	}
	write := printReports
	if c.JSON {
		write = func(w io.Writer, reports []graph.OperationReport) error {
			out := json.NewEncoder(w)
			out.SetIndent("", "  ")
			return out.Encode(reports)
		}
	}
	if err := write(s.out, reports); err != nil {
		return err
	}
	broken := 0
	for i, r := range reports {
		if len(r.Breaks) > 0 && (i == 0 || r.App != reports[i-1].App || r.ID != reports[i-1].ID) {
			broken++
		}
	}
	if broken > 0 {
		return fmt.Errorf("documents: %d of them cannot be served", broken)
	}
	return nil
}

// printReports prints a table, and below it what is deprecated and what breaks.
func printReports(w io.Writer, reports []graph.OperationReport) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { _, _ = fmt.Fprintln(table, strings.Join(cells, "\t")) } // Flush tells
	row("APP", "ID", "OPERATION", "KIND", "COST", "CALLS", "NEEDS", "PERSONAL", "CACHE", "WHY")
	for _, r := range reports {
		if r.Kind == "" {
			row(r.App, shortID(r.ID), "-", "-", "-", "-", "-", "-", "-", "it cannot be served")
			continue
		}
		row(r.App, shortID(r.ID), orDash(r.Operation), r.Kind, strconv.FormatInt(r.Cost, 10), orDash(calls(r)), orDash(needs(r)),
			orDash(strings.Join(r.Personal, " ")), string(r.Caching), r.Why)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for i, r := range reports {
		if i > 0 && r.App == reports[i-1].App && r.ID == reports[i-1].ID {
			continue // another operation of the same document
		}
		for _, what := range r.Deprecated {
			if _, err := fmt.Fprintf(w, "%s %s: deprecated: %s\n", r.App, r.ID, what); err != nil {
				return err
			}
		}
		for _, what := range r.Breaks {
			if _, err := fmt.Fprintf(w, "%s %s: breaks: %s\n", r.App, r.ID, what); err != nil {
				return err
			}
		}
	}
	return nil
}

// shortID is an id as far as a table has room for it.
func shortID(id string) string {
	const most = 20
	if len(id) <= most {
		return id
	}
	return id[:most-1] + "…"
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func calls(r graph.OperationReport) string {
	parts := []string{}
	for _, system := range slices.Sorted(maps.Keys(r.Calls)) {
		parts = append(parts, system+":"+strconv.Itoa(r.Calls[system]))
	}
	return strings.Join(parts, " ")
}

func needs(r graph.OperationReport) string {
	parts := []string{}
	for _, scope := range r.Scopes {
		parts = append(parts, string(scope))
	}
	for _, group := range r.Roles {
		names := make([]string, len(group))
		for i, role := range group {
			names[i] = string(role)
		}
		parts = append(parts, strings.Join(names, "|"))
	}
	return strings.Join(parts, " ")
}
