package main

import (
	"github.com/vektah/gqlparser/v2/formatter"

	"github.com/portico-retail/portico/graph/generated"
)

// schemaCmd prints the public contract.
type schemaCmd struct{}

// Run prints the schema as SDL.
func (schemaCmd) Run(s streams) error {
	es := generated.NewExecutableSchema(generated.Config{})
	formatter.NewFormatter(s.out, formatter.WithIndent("  ")).FormatSchema(es.Schema())
	return nil
}
