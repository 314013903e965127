package main

import (
	"bytes"
	"context"
	"encoding/json"
	"runtime/debug"
	"testing"
)

// A test binary names its own modules: the list must hold each of them, with its digest, and come out the same twice.
func TestTheBillOfMaterialsNamesEveryModule(t *testing.T) {
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := run(context.Background(), []string{"sbom"}, nil, out, out); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("two lists of one program differ")
	}
	var bill struct {
		SpecVersion string
		Components  []struct {
			Name, Version, PURL string
			Properties          []struct{ Name, Value string }
		}
	}
	if err := json.Unmarshal(first.Bytes(), &bill); err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, c := range bill.Components {
		for _, p := range c.Properties {
			listed[c.Name+"@"+c.Version] = p.Value
		}
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || len(info.Deps) == 0 {
		t.Fatal("the test binary has no build information")
	}
	for _, m := range info.Deps {
		if got, ok := listed[m.Path+"@"+m.Version]; !ok || got != m.Sum {
			t.Errorf("%s %s has the digest %q, want %q", m.Path, m.Version, got, m.Sum)
		}
	}
	if bill.SpecVersion != "1.6" || len(bill.Components) != len(info.Deps) {
		t.Errorf("version %s with %d components for %d modules", bill.SpecVersion, len(bill.Components), len(info.Deps))
	}
}
