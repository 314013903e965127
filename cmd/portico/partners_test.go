package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/retail"
)

const wholePartner = `
partners:
  - id: maptown
    name: Maptown
    scopes: [stock:read]
    locations: [S-SH01, S-SH02]
    skus: [10000018, 10000000-10000009, "2*", AB-1-AB-9]
    channels: [PARTNER, WEB]
    quota: {costPerMinute: 60000, burst: 6000, inFlight: 16}
    documents: [maptown-app]
    dpop: true
    keys: {issuer: "https://id.maptown.example", audience: api, jwks: keys.json, algorithms: [ES256]}
  - id: everywhere
    locations: ["*"]
    skus: ["*"]
    channels: ["*"]
`

func partnersFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "partners.yaml")
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestAFileOfPartnersIsRead(t *testing.T) {
	path := partnersFile(t, wholePartner)
	_, list, err := readPartners(path)
	must(t, err)
	_, err = auth.NewRegistry(list...)
	must(t, err)
	want := []*auth.Partner{
		{
			ID: "maptown", Name: "Maptown", Scopes: []auth.Scope{auth.ScopeStockRead}, Documents: []string{"maptown-app"}, DPoP: true,
			Reach: &retail.Reach{
				Locations: []string{"S-SH01", "S-SH02"}, Channels: []retail.Channel{retail.ChannelPartner, retail.ChannelWeb},
				SKUs: []retail.SKURange{
					{First: "10000018", Last: "10000018"}, {First: "10000000", Last: "10000009"}, {First: "2"}, {First: "AB-1", Last: "AB-9"},
				},
			},
			Quota: auth.Quota{CostPerMinute: 60000, Burst: 6000, InFlight: 16},
			Keys: &auth.PartnerKeys{
				Issuer: "https://id.maptown.example", Audience: "api", Algorithms: []string{"ES256"},
				JWKS: filepath.Join(filepath.Dir(path), "keys.json"),
			},
		},
		{ID: "everywhere", Reach: &retail.Reach{}},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
}

func TestFilesOfPartnersThatMakeNoSense(t *testing.T) {
	const one = "partners:\n  - id: maptown\n    locations: [S-1]\n    skus: ['1*']\n    channels: [PARTNER]\n"
	for name, c := range map[string]struct{ text, want string }{
		"no YAML":                        {"partners: [", "partners"},
		"YAML that the parser panics at": {"partners:\n  - #\n    locations: !0\n0", "cannot be read"},
		"an unknown key":                 {one + "    colour: red\n", "colour"},
		"an unknown key at the top":      {one + "owners: []\n", "owners"},
		"a key twice":                    {one + "    skus: ['2*']\n", "skus"},
		"no list of locations":           {strings.Replace(one, "    locations: [S-1]\n", "", 1), "locations"},
		"an empty list of locations":     {strings.Replace(one, "[S-1]", "[]", 1), "locations"},
		"no list of SKUs":                {strings.Replace(one, "    skus: ['1*']\n", "", 1), "skus"},
		"no list of channels":            {strings.Replace(one, "    channels: [PARTNER]\n", "", 1), "channels"},
		"all and one":                    {strings.Replace(one, "[S-1]", `[S-1, "*"]`, 1), `"*" is no code`},
		"a range of two lengths":         {strings.Replace(one, "'1*'", "1-10", 1), "no SKU"},
		"a range in disorder":            {strings.Replace(one, "'1*'", "20-10", 1), "no SKU"},
		"a star within":                  {strings.Replace(one, "'1*'", "'1*2'", 1), "no SKU"},
		"a channel that does not exist":  {strings.Replace(one, "PARTNER", "FAX", 1), "no channel"},
		"a partner twice":                {one + strings.TrimPrefix(one, "partners:\n"), "twice"},
		"a scope of staff":               {one + "    scopes: [order:serve]\n", "no scope of partners"},
		"a quota that is no number":      {one + "    quota: {burst: many}\n", "burst"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := output(t, nil, "partners", "check", partnersFile(t, c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want something about %q", err, c.want)
			}
		})
	}
	if _, err := output(t, nil, "partners", "check", "/no/such/file"); err == nil {
		t.Error("a file that is missing was accepted")
	}
	if _, err := output(t, nil, "partners", "check", partnersFile(t, strings.Repeat("#", maxPartnerFile+1))); err == nil {
		t.Error("a file of any size was accepted")
	}
	if out, err := output(t, nil, "partners", "check", partnersFile(t, "")); err != nil || out != "" {
		t.Errorf("an empty file: %q, %v", out, err)
	}
}

func TestPartnersCheckSaysWhatEachMayDo(t *testing.T) {
	got, err := output(t, nil, "partners", "check", partnersFile(t, wholePartner))
	must(t, err)
	want := `everywhere ()
  places         all
  SKUs           all
  channels       all, WEB by default
  scopes         none
  cost a minute  as its class
  burst          as its class
  in flight      as its class
  documents      any
  tokens         of the gateway's issuers
maptown (Maptown)
  places         S-SH01 S-SH02
  SKUs           10000018 10000000-10000009 2* AB-1-AB-9
  channels       PARTNER WEB
  scopes         stock:read
  cost a minute  60000
  burst          6000
  in flight      16
  documents      maptown-app
  tokens         of https://id.maptown.example, bound to a key
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAFileOfPartnersIsReadAgainWhenItChanges(t *testing.T) {
	var log bytes.Buffer
	path := partnersFile(t, wholePartner)
	w, err := partnerFlags{Partners: path}.openPartners(slog.New(slog.NewTextHandler(&log, nil)), "https://api.example")
	must(t, err)
	known := func() (ids []string) {
		for _, p := range w.registry.Partners() {
			ids = append(ids, p.ID)
		}
		return ids
	}
	write := func(text string) { must(t, os.WriteFile(path, []byte(text), 0o600)) }
	for _, step := range []struct {
		what    string
		do      func()
		looks   int
		want    []string
		logged  string
		logsOne int
	}{
		{"nothing happens", func() {}, 3, []string{"everywhere", "maptown"}, "", 0},
		{"a key that nobody knows", func() { write(wholePartner + "    colour: red\n") }, 3, []string{"everywhere", "maptown"}, "colour", 1},
		{"a scope of staff", func() { write(strings.Replace(wholePartner, "stock:read", "ops:read", 1)) }, 3, []string{"everywhere", "maptown"}, "ops:read", 1},
		{"another partner", func() { write(strings.Replace(wholePartner, "id: everywhere", "id: anywhere", 1)) }, 3, []string{"anywhere", "maptown"}, "partners read again", 1},
		{"the file is gone", func() { must(t, os.Remove(path)) }, 3, []string{"anywhere", "maptown"}, "cannot be read", 1},
		{"it is back as it was", func() { write(strings.Replace(wholePartner, "id: everywhere", "id: anywhere", 1)) }, 3, []string{"anywhere", "maptown"}, "", 0},
		{"nobody is left", func() { write("partners: []\n") }, 1, nil, "partners read again", 1},
	} {
		log.Reset()
		step.do()
		for range step.looks {
			w.look(t.Context())
		}
		if diff := cmp.Diff(step.want, known()); diff != "" {
			t.Errorf("%s: %s", step.what, diff)
		}
		if lines := strings.Count(log.String(), "\n"); lines != step.logsOne || !strings.Contains(log.String(), step.logged) {
			t.Errorf("%s: logged %s", step.what, log.String())
		}
	}
}

func TestPartnersWhoseTokensAreBoundNeedAnAddressThatProofsName(t *testing.T) {
	serve := []string{
		"serve", "--redis", "redis://127.0.0.1:1", "--ledger-dsn", filepath.Join(t.TempDir(), "ledger.db"), "--erp-dsn", "erp.db",
		"--pos-url", "http://127.0.0.1:1", "--shop-url", "http://127.0.0.1:1", "--partners", partnersFile(t, wholePartner),
	}
	if _, err := output(t, nil, serve...); !errors.Is(err, errNoPublicURL) || !strings.Contains(err.Error(), "maptown") {
		t.Errorf("without --public-url it starts: %v", err)
	}
	var log bytes.Buffer
	unbound := strings.Replace(wholePartner, "dpop: true", "dpop: false", 1)
	path := partnersFile(t, unbound)
	w, err := partnerFlags{Partners: path}.openPartners(slog.New(slog.NewTextHandler(&log, nil)), "")
	must(t, err)
	must(t, os.WriteFile(path, []byte(wholePartner), 0o600))
	w.look(t.Context())
	if p, ok := w.registry.Partner("maptown"); !ok || p.DPoP || !strings.Contains(log.String(), "--public-url") {
		t.Errorf("a file that cannot be served is taken over: %s", log.String())
	}
}

func TestTheDemosPartnersMakeSense(t *testing.T) {
	retailer := demo.Builtin(1, time.Now())
	registry, err := auth.NewRegistry(demoPartners(retailer)...)
	must(t, err)
	reached := map[string]int{}
	for _, p := range registry.Partners() {
		for _, product := range retailer.Products {
			for _, v := range product.Variants {
				if p.Reach.SKU(v.SKU) {
					reached[v.SKU]++
				}
			}
		}
		if len(p.Reach.Locations) != 8 {
			t.Errorf("%s reaches %v", p.ID, p.Reach.Locations)
		}
	}
	for sku, n := range reached {
		if n > 1 {
			t.Errorf("both reach %s", sku)
		}
	}
	if len(reached) < 100 || len(reached) > 900 {
		t.Errorf("%d of 1200 SKUs are reached", len(reached))
	}
	// A retailer without these cities and goods gives them nothing, not everything.
	strange, err := auth.NewRegistry(demoPartners(&demo.Retailer{})...)
	must(t, err)
	for _, p := range strange.Partners() {
		if !p.Reach.BoundsLocations() || !p.Reach.BoundsSKUs() {
			t.Errorf("%s reaches everything", p.ID)
		}
	}
}
