package main

import (
	"errors"

	"github.com/goccy/go-yaml"
)

// readYAML reads a document in which names that are unknown or given twice are errors. So is a text that the parser panics at: a file
// that is read again while the gateway runs must not end it.
func readYAML(text []byte, v any) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("this YAML cannot be read")
		}
	}()
	return yaml.UnmarshalWithOptions(text, v, yaml.Strict())
}
