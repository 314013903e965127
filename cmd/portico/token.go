package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/portico-retail/portico/auth"
)

// tokenCmd prints a token signed with the demo's key.
type tokenCmd struct {
	Role     string        `required:"" enum:"operator,associate,member,partner,guest" help:"Role of the holder."`
	Scope    []string      `help:"Scopes, separated by commas; an operator has all, an associate those of a store and a partner those of partners when none is named."`
	Subject  string        `default:"demo" help:"Who holds it; of a member the account in the shop, in the demo a-1001 and on."`
	Location []string      `help:"Codes of the places that an associate works at, separated by commas."`
	Client   string        `help:"Client that it was issued to, of a partner the id in the registry; a partner's subject when absent."`
	TTL      time.Duration `name:"ttl" default:"12h" help:"How long it is accepted."`
	Data     string        `help:"The demo's data directory." placeholder:"DIR"`
}

// Run prints the token.
func (c tokenCmd) Run(s streams) error {
	scopes := make([]auth.Scope, len(c.Scope))
	for i, name := range c.Scope {
		scopes[i] = auth.Scope(strings.TrimSpace(name))
		if !slices.Contains(auth.Scopes(), scopes[i]) {
			return fmt.Errorf("token: there is no scope %q", name)
		}
	}
	if len(c.Scope) == 0 {
		scopes = auth.DefaultScopes(auth.Role(c.Role))
	}
	if c.Client == "" && auth.Role(c.Role) == auth.RolePartner {
		c.Client = c.Subject
	}
	dir, err := dataDir(c.Data)
	if err != nil {
		return err
	}
	key, err := auth.LoadOrCreateKey(dir)
	if err != nil {
		return err
	}
	issuer, err := auth.NewIssuer(key, auth.DefaultTokenConfig(), time.Now)
	if err != nil {
		return err
	}
	token, err := issuer.Issue(auth.Principal{
		Role: auth.Role(c.Role), Subject: c.Subject, Scopes: scopes, Locations: c.Location, Client: c.Client,
	}, c.TTL)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, token)
	return err
}

// dataDir is where the demo keeps its signing key: the directory given, else one of the user's own.
func dataDir(given string) (string, error) {
	if given != "" {
		return given, os.MkdirAll(given, 0o700)
	}
	base, err := os.UserConfigDir()
	if err != nil { // no home, as in a container
		base = os.TempDir()
	}
	dir := filepath.Join(base, "portico-demo")
	return dir, os.MkdirAll(dir, 0o700)
}
