package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/refresh"
)

// partnerFlags say which partners there are.
type partnerFlags struct {
	Partners string `placeholder:"FILE" help:"YAML file of partner platforms: what each may see and do. It is read again when it changes."`
}

// partnerFile is the form of the file.
type partnerFile struct {
	Partners []partnerEntry `yaml:"partners"`
}

type partnerEntry struct {
	ID        string       `yaml:"id"`
	Name      string       `yaml:"name"`
	Scopes    []string     `yaml:"scopes"`
	Locations []string     `yaml:"locations"` // codes, or "*"
	SKUs      []string     `yaml:"skus"`      // SKUs, "FIRST-LAST", "BEGINNING*", or "*"
	Channels  []string     `yaml:"channels"`  // the first is the default; or "*"
	Quota     partnerQuota `yaml:"quota"`
	Documents []string     `yaml:"documents"`
	DPoP      bool         `yaml:"dpop"`
	Keys      *partnerKeys `yaml:"keys"`
}

type partnerQuota struct {
	CostPerMinute int `yaml:"costPerMinute"`
	Burst         int `yaml:"burst"`
	InFlight      int `yaml:"inFlight"`
}

type partnerKeys struct {
	Issuer     string   `yaml:"issuer"`
	Audience   string   `yaml:"audience"`
	JWKS       string   `yaml:"jwks"`
	Algorithms []string `yaml:"algorithms"`
}

// maxPartnerFile bounds the file in bytes.
const maxPartnerFile = 4 << 20

// readPartners reads and translates the file; what it means is checked by the registry.
func readPartners(path string) (text []byte, list []*auth.Partner, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("partners: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	text, err = io.ReadAll(io.LimitReader(file, maxPartnerFile+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("partners: %w", err)
	case len(text) > maxPartnerFile:
		return nil, nil, fmt.Errorf("partners: %s has more than %d bytes", path, maxPartnerFile)
	}
	list, err = parsePartners(text)
	if err != nil {
		return text, nil, fmt.Errorf("partners: %s: %w", path, err)
	}
	for _, p := range list { // paths begin where the file is
		if k := p.Keys; k != nil && k.JWKS != "" && !strings.Contains(k.JWKS, "://") && !filepath.IsAbs(k.JWKS) {
			k.JWKS = filepath.Join(filepath.Dir(path), k.JWKS)
		}
	}
	return text, list, nil
}

func parsePartners(text []byte) ([]*auth.Partner, error) {
	var file partnerFile
	if err := readYAML(text, &file); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	list := make([]*auth.Partner, len(file.Partners))
	for i := range file.Partners {
		p, err := file.Partners[i].partner()
		if err != nil {
			return nil, fmt.Errorf("partner %.100q: %w", file.Partners[i].ID, err)
		}
		list[i] = p
	}
	return list, nil
}

func (e *partnerEntry) partner() (*auth.Partner, error) {
	p := &auth.Partner{
		ID: e.ID, Name: e.Name, Documents: e.Documents, DPoP: e.DPoP, Reach: &retail.Reach{},
		Quota: auth.Quota{CostPerMinute: e.Quota.CostPerMinute, Burst: e.Quota.Burst, InFlight: e.Quota.InFlight},
	}
	for _, s := range e.Scopes {
		p.Scopes = append(p.Scopes, auth.Scope(s))
	}
	if e.Keys != nil {
		p.Keys = &auth.PartnerKeys{
			Issuer: e.Keys.Issuer, Audience: e.Keys.Audience, JWKS: e.Keys.JWKS, Algorithms: e.Keys.Algorithms,
		}
	}
	var err error
	if p.Reach.Locations, err = named("locations", e.Locations); err != nil {
		return nil, err
	}
	skus, err := named("skus", e.SKUs)
	if err != nil {
		return nil, err
	}
	for _, text := range skus {
		in, err := parseSKURange(text)
		if err != nil {
			return nil, err
		}
		p.Reach.SKUs = append(p.Reach.SKUs, in)
	}
	channels, err := named("channels", e.Channels)
	for _, c := range channels {
		p.Reach.Channels = append(p.Reach.Channels, retail.Channel(c))
	}
	return p, err
}

// named reads a list of which everything is "*". A list that was forgotten bounds nothing to a Reach, so it is refused here.
func named(what string, list []string) ([]string, error) {
	switch {
	case len(list) == 0:
		return nil, fmt.Errorf(`%s: name them, or ["*"] for all`, what)
	case len(list) == 1 && list[0] == "*":
		return nil, nil
	}
	return list, nil
}

// parseSKURange reads one SKU, "FIRST-LAST", or "BEGINNING*". SKUs may contain hyphens, so a range is cut where both halves are
// of one length; two numbers are always meant as a range.
func parseSKURange(text string) (retail.SKURange, error) {
	in := retail.SKURange{First: text, Last: text}
	if beginning, ok := strings.CutSuffix(text, "*"); ok {
		in = retail.SKURange{First: beginning}
	} else if half := len(text) / 2; len(text)%2 == 1 && text[half] == '-' {
		in = retail.SKURange{First: text[:half], Last: text[half+1:]}
	} else if first, last, ok := strings.Cut(text, "-"); ok && strings.Trim(first+last, "0123456789") == "" {
		in = retail.SKURange{First: first, Last: last}
	}
	if !in.Valid() {
		return in, fmt.Errorf("skus: %.90q is no SKU, no FIRST-LAST of one length in order, and no BEGINNING*", text)
	}
	return in, nil
}

// partnersPoll is the pause between two looks at the file.
const partnersPoll = 2 * time.Second

// watchedPartners keep a registry as a file says.
type watchedPartners struct {
	registry *auth.Registry
	url      string                                 // how clients address the gateway; empty when nobody said
	prepare  func(context.Context, []*retail.Reach) // makes what they see; may be nil
	path     string                                 // empty when the partners are built in
	text     []byte                                 // last read
	failing  bool                                   // it could not be read
	log      *slog.Logger
}

// openPartners reads the file; without one the registry knows the partners that are built in. Proofs of partners name url.
func (f partnerFlags) openPartners(log *slog.Logger, url string, builtin ...*auth.Partner) (*watchedPartners, error) {
	w := &watchedPartners{registry: &auth.Registry{}, url: url, path: f.Partners, log: log}
	list := builtin
	if w.path != "" {
		var err error
		if w.text, list, err = readPartners(w.path); err != nil {
			return nil, err
		}
	}
	if err := w.check(list); err != nil {
		return nil, err
	}
	return w, w.registry.Replace(list)
}

// errNoPublicURL is about settings: a proof names the gateway's address (RFC 9449 section 4.2), which nothing in a request can tell.
var errNoPublicURL = errors.New("its tokens are bound to a key (dpop), which needs --public-url: the address that proofs name")

// check refuses a list of which somebody cannot be served.
func (w *watchedPartners) check(list []*auth.Partner) error {
	for _, p := range list {
		if p.DPoP && w.url == "" {
			return fmt.Errorf("partner %.100q: %w", p.ID, errNoPublicURL)
		}
	}
	return nil
}

// prepareWithin bounds how long partners that changed wait for their views: those who were taken out are let in for as long.
const prepareWithin = 2 * time.Second

// replace takes over a list, when what its partners see is made.
func (w *watchedPartners) replace(ctx context.Context, list []*auth.Partner) error {
	if err := w.check(list); err != nil {
		return err
	}
	return w.registry.ReplaceAfter(list, func(reaches []*retail.Reach) {
		if w.prepare != nil {
			ctx, cancel := context.WithTimeout(ctx, prepareWithin)
			defer cancel()
			w.prepare(ctx, reaches)
		}
	})
}

// run looks at the file now and then until ctx ends.
func (w *watchedPartners) run(ctx context.Context) {
	if w == nil || w.path == "" {
		return
	}
	refresh.Every(ctx, partnersPoll, func() { w.look(ctx) })
}

// look takes over a file that has changed. One that makes no sense is logged once and changes nothing.
func (w *watchedPartners) look(ctx context.Context) {
	text, list, err := readPartners(w.path)
	if text == nil && err != nil {
		if !w.failing {
			w.log.ErrorContext(ctx, "the file of partners cannot be read: those known stay", "error", err)
		}
		w.failing = true
		return
	}
	w.failing = false
	if bytes.Equal(text, w.text) {
		return
	}
	w.text = text
	if err == nil {
		err = w.replace(ctx, list)
	}
	if err != nil {
		w.log.ErrorContext(ctx, "the file of partners makes no sense: those known stay", "error", err)
		return
	}
	w.log.InfoContext(ctx, "partners read again", "count", len(list))
}
