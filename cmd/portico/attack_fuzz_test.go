package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/portico-retail/portico/auth"
)

// FuzzPartners reads partner files: one that is accepted holds partners that a registry takes, or refuses with a reason.
func FuzzPartners(f *testing.F) {
	f.Add("partners:\n  - id: maptown\n    name: Maptown\n    locations: [S-SH01]\n    skus: [10000018-10000034, \"2*\"]\n    channels: [PARTNER]\n" +
		"    scopes: [stock:read]\n    quota: {costPerMinute: 60000, burst: 6000, inFlight: 16}\n    dpop: true\n")
	f.Add("partners: [{id: a, skus: [\"9-1\"]}]")
	f.Add("partners: &a [*a]")
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
			return
		}
		for _, issuer := range list {
			if (issuer.set == nil) == (issuer.Keys == nil) {
				t.Fatalf("%q makes the issuer %+v", text, issuer)
			}
		}
	})
}
