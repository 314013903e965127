package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestTheHardeningListNamesWhatThereIs: a list that names a flag which is gone is one that nobody can follow.
func TestTheHardeningListNamesWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../../docs/hardening.md")
	must(t, err)
	var help strings.Builder
	for _, command := range [][]string{{"serve"}, {"audit", "verify"}, {"audit", "rekey"}, {"partners", "check"}} {
		out, err := output(t, nil, append(command, "--help")...)
		must(t, err)
		help.WriteString(out)
	}
	named := regexp.MustCompile("--[a-z][a-z-]*").FindAllString(string(text), -1)
	for _, flag := range named {
		if !strings.Contains(help.String(), flag) {
			t.Errorf("there is no flag %s", flag)
		}
	}
	if len(named) < 30 {
		t.Errorf("only %d flags are named", len(named))
	}
}
