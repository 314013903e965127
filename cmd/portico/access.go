package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/graph/generated"
)

// accessCmd prints who may ask what.
type accessCmd struct {
	Role    string   `placeholder:"ROLE" help:"Only a caller of this role: guest, member, associate, partner, operator."`
	Scope   []string `placeholder:"SCOPE" help:"Scopes of that caller, separated by commas; those of the role when none is named."`
	Partner string   `placeholder:"ID" help:"Only this partner, with the scopes that the file gives it."`
	partnerFlags
}

// Run prints the table: yes; null, with an error; 401 or 403, when the operation is refused whole; for personal data of others
// mask, or consent when it reads as it is of those who consented.
func (c accessCmd) Run(s streams) error {
	callers, err := c.callers()
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	_, err = graph.NewAccessTable(schema, callers).WriteTo(s.out)
	return err
}

func (c accessCmd) callers() ([]graph.AccessCaller, error) {
	var scopes []auth.Scope
	for _, name := range c.Scope {
		scope := auth.Scope(strings.TrimSpace(name))
		if !slices.Contains(auth.Scopes(), scope) {
			return nil, fmt.Errorf("there is no scope %q", name)
		}
		scopes = append(scopes, scope)
	}
	role := auth.Role(c.Role)
	switch {
	case c.Partner != "":
		return c.partner(scopes)
	case c.Partners != "":
		return nil, errors.New("--partners needs --partner")
	case c.Role == "" && scopes != nil:
		return nil, errors.New("--scope needs --role")
	case c.Role == "":
		return graph.AccessCallers(), nil
	case !slices.Contains(auth.Roles(), role):
		return nil, fmt.Errorf("there is no role %q", c.Role)
	case scopes == nil:
		scopes = auth.DefaultScopes(role)
	}
	return []graph.AccessCaller{{Name: c.Role, Principal: auth.Principal{Role: role, Subject: c.Role, Scopes: scopes}}}, nil
}

// partner is one of the file. Its tokens carry the scopes that are named and that it has.
func (c accessCmd) partner(scopes []auth.Scope) ([]graph.AccessCaller, error) {
	if c.Partners == "" || c.Role != "" && c.Role != string(auth.RolePartner) {
		return nil, errors.New("--partner needs --partners, and no other role")
	}
	_, list, err := readPartners(c.Partners)
	if err != nil {
		return nil, err
	}
	registry, err := auth.NewRegistry(list...)
	if err != nil {
		return nil, err
	}
	for _, p := range registry.Partners() {
		if p.ID != c.Partner {
			continue
		}
		has := slices.Clone(p.Scopes)
		if scopes != nil {
			has = slices.DeleteFunc(has, func(s auth.Scope) bool { return !slices.Contains(scopes, s) })
		}
		return []graph.AccessCaller{{
			Name: p.ID, Principal: auth.Principal{Role: auth.RolePartner, Subject: p.ID, Client: p.ID, Scopes: has, Partner: p},
		}}, nil
	}
	return nil, fmt.Errorf("%s has no partner %q", c.Partners, c.Partner)
}
