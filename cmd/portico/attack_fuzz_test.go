package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/portico-retail/portico/auth"
)

// FuzzPartners reads partner files: one that is accepted holds partners that a registry takes, or refuses with a reason.
func FuzzPartners(f *testing.F) {
	f.Add("partners:\n  - id: maptown\n    name: Maptown\n    locations: [S-SH01]\n    skus: [10000018-10000034, \"2*\"]\n    channels: [PARTNER]\n" +
		"    scopes: [stock:read]\n    quota: {costPerMinute: 60000, burst: 6000, inFlight: 16}\n    dpop: true\n")
	f.Add("partners: [{id: a, skus: [\"9-1\"]}]")
	f.Add("partners: &a [*a]")
	f.Add("partners:\n  - #0000\n    locations: !00\n00000000000000") // the parser panics
	f.Add("partners:\n- &x {id: a}\n- *x\n")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parsePartners([]byte(text))
		if err != nil {
			return
		}
		registry, err := auth.NewRegistry(list...)
		if err != nil {
			return
		}
		for _, p := range registry.Partners() {
			if p.ID == "" || p.Reach == nil {
				t.Fatalf("%q makes the partner %+v", text, p)
			}
		}
	})
}

// FuzzTrust reads trust files: an issuer that is accepted has one source of keys.
func FuzzTrust(f *testing.F) {
	f.Add("issuers:\n  - issuer: https://id.example\n    audience: portico\n    algorithms: [ES256]\n    roles: [member]\n    jwks: https://id.example/jwks\n" +
		"    maxLifetime: 1h\n    requireTokenId: true\n")
	f.Add("issuers: [{issuer: a, keys: [/dev/null]}]")
	f.Add("issuers: [{issuer: a, jwks: ../../etc/passwd}, {issuer: a}]")
	f.Add("issuers: {}")
	path := filepath.Join(f.TempDir(), "trust.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		must(t, os.WriteFile(path, []byte(text), 0o600))
		list, err := readTrust(path)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "trust: ") {
				t.Fatalf("%q: %v does not say which file", text, err)
			}
			return
		}
		for _, issuer := range list {
			if (issuer.set == nil) == (issuer.Keys == nil) {
				t.Fatalf("%q makes the issuer %+v", text, issuer)
			}
		}
	})
}

// FuzzConfig reads config files: what is refused is refused with a reason that names the file.
func FuzzConfig(f *testing.F) {
	f.Add("addr: 127.0.0.1:0\nredis: [redis://127.0.0.1:6379]\nrate: guest=10\n")
	f.Add("addr: {host: a}")
	f.Add("a: &a [*a]\nb: *a\n")
	f.Add("addr: !!binary AA==\naddr: 2026-01-01\n")
	path := filepath.Join(f.TempDir(), "portico.yaml")
	var c cli
	app, err := kong.New(&c, defaults())
	must(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		must(t, os.WriteFile(path, []byte(text), 0o600))
		s, err := readSettings([]string{"--config", path}, nil)
		if err == nil {
			err = s.Validate(app.Model)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "config: ") {
			t.Fatalf("%q: %v does not say which file", text, err)
		}
	})
}
