package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/portico-retail/portico/auth"
)

const (
	maxTrustBytes   = 64 << 10
	maxTrustIssuers = 32
)

// trustFile is the form of --trust.
type trustFile struct {
	Issuers []trustEntry `yaml:"issuers"`
}

type trustEntry struct {
	Issuer     string   `yaml:"issuer"`
	Audience   string   `yaml:"audience"`
	Algorithms []string `yaml:"algorithms"`
	Roles      []string `yaml:"roles"`
	// SubjectPrefix keeps its subjects apart from those of another issuer of the same role.
	SubjectPrefix string   `yaml:"subjectPrefix"`
	Types         []string `yaml:"types"`
	// JWKS is the URL or the path of a key set, Keys the paths of PEM files; one of the two is given. Paths begin where the file is.
	JWKS           string        `yaml:"jwks"`
	Keys           []string      `yaml:"keys"`
	MaxLifetime    time.Duration `yaml:"maxLifetime"`
	GuestLifetime  time.Duration `yaml:"guestLifetime"`
	MaxStale       time.Duration `yaml:"maxStale"`
	RequireTokenID bool          `yaml:"requireTokenId"`
}

// readTrust reads the issuers of a trust file. Unknown names in it are refused.
func readTrust(path string) ([]issuerTrust, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxTrustBytes+1))
	if err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	var f trustFile
	if len(text) > maxTrustBytes {
		err = fmt.Errorf("more than %d bytes", maxTrustBytes)
	} else {
		err = readYAML(text, &f)
	}
	if err == nil && (len(f.Issuers) == 0 || len(f.Issuers) > maxTrustIssuers) {
		err = fmt.Errorf("%d issuers, not 1 to %d", len(f.Issuers), maxTrustIssuers)
	}
	if err != nil {
		return nil, fmt.Errorf("trust: %s: %w", path, err)
	}
	list := make([]issuerTrust, len(f.Issuers))
	for i, e := range f.Issuers {
		if slices.ContainsFunc(f.Issuers[:i], func(other trustEntry) bool { return other.Issuer == e.Issuer }) {
			return nil, fmt.Errorf("trust: %s: issuer %q is named twice", path, e.Issuer)
		}
		if list[i], err = e.issuer(filepath.Dir(path)); err != nil {
			return nil, fmt.Errorf("trust: %s: issuer %q: %w", path, e.Issuer, err)
		}
	}
	return list, nil
}

// issuer turns an entry into what it says; dir is where its paths begin.
func (e trustEntry) issuer(dir string) (issuerTrust, error) {
	config := auth.DefaultTokenConfig()
	config.Issuer, config.Audience, config.GuestLifetime = e.Issuer, e.Audience, e.GuestLifetime
	if e.MaxLifetime != 0 {
		config.MaxLifetime = e.MaxLifetime
	}
	t := issuerTrust{TrustedIssuer: auth.TrustedIssuer{
		TokenConfig: config, Algorithms: e.Algorithms, Types: e.Types, RequireTokenID: e.RequireTokenID, SubjectPrefix: e.SubjectPrefix,
	}}
	for _, role := range e.Roles {
		t.Roles = append(t.Roles, auth.Role(role))
	}
	if len(e.Types) == 0 {
		t.Types = []string{"at+jwt"}
	}
	if (e.JWKS == "") == (len(e.Keys) == 0) {
		return t, errors.New("give either jwks or keys")
	}
	within := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(dir, path)
	}
	if e.JWKS != "" {
		source := e.JWKS
		if !strings.Contains(source, "://") {
			source = within(source)
		}
		t.set = &auth.JWKSConfig{Issuer: e.Issuer, Source: source, Algorithms: e.Algorithms, MaxStale: e.MaxStale}
		return t, nil
	}
	paths := make([]string, len(e.Keys))
	for i, path := range e.Keys {
		paths[i] = within(path)
	}
	keys, err := readKeys(paths)
	if err != nil {
		return t, err
	}
	t.Keys, err = auth.StaticKeys(e.Algorithms, keys...)
	return t, err
}
