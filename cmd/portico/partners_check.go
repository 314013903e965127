package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// partnersCmd is about files of partners.
type partnersCmd struct {
	Check partnersCheckCmd `cmd:"" help:"Read a file of partners and say what each of them may do."`
}

type partnersCheckCmd struct {
	File string `arg:"" placeholder:"FILE" help:"The file."`
}

// Run prints what each partner may do.
func (c partnersCheckCmd) Run(s streams) error {
	_, list, err := readPartners(c.File)
	if err != nil {
		return err
	}
	registry, err := auth.NewRegistry(list...)
	if err != nil {
		return err
	}
	for _, p := range registry.Partners() {
		if err := describePartner(s.out, p); err != nil {
			return err
		}
	}
	return nil
}

func describePartner(out io.Writer, p *auth.Partner) error {
	ranges := make([]string, len(p.Reach.SKUs))
	for i, in := range p.Reach.SKUs {
		switch in.Last {
		case "":
			ranges[i] = in.First + "*"
		case in.First:
			ranges[i] = in.First
		default:
			ranges[i] = in.First + "-" + in.Last
		}
	}
	channels := make([]string, len(p.Reach.Channels))
	for i, c := range p.Reach.Channels {
		channels[i] = string(c)
	}
	scopes := make([]string, len(p.Scopes))
	for i, s := range p.Scopes {
		scopes[i] = string(s)
	}
	or := func(otherwise string, list []string) string {
		if len(list) == 0 {
			return otherwise
		}
		return strings.Join(list, " ")
	}
	limit := func(n int) string {
		if n == 0 {
			return "as its class"
		}
		return fmt.Sprint(n)
	}
	issuer := "of the gateway's issuers"
	if p.Keys != nil {
		issuer = "of " + p.Keys.Issuer
	}
	if p.DPoP {
		issuer += ", bound to a key"
	}
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%s (%s)\n", p.ID, p.Name)
	for _, line := range [][2]string{
		{"places", or("all", p.Reach.Locations)},
		{"SKUs", or("all", ranges)},
		{"channels", or(fmt.Sprintf("all, %s by default", retail.DefaultContext.Channel), channels)},
		{"scopes", or("none", scopes)},
		{"cost a minute", limit(p.Quota.CostPerMinute)},
		{"burst", limit(p.Quota.Burst)},
		{"in flight", limit(p.Quota.InFlight)},
		{"documents", or("any", p.Documents)},
		{"tokens", issuer},
	} {
		_, _ = fmt.Fprintf(&b, "  %-14s %s\n", line[0], line[1])
	}
	_, err := io.WriteString(out, b.String())
	return err
}
