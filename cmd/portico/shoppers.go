package main

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/demo"
)

// shop lets shoppers buy through the gateway as apps do: guests, members, and the associates who hand over to them.
func (d demoRun) shop(ctx context.Context) error {
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections()
	var members []string
	for _, p := range d.retailer.People {
		if p.Account != nil {
			members = append(members, p.Account.ID)
		}
	}
	var visits atomic.Uint64
	token := func(p auth.Principal) string {
		signed, err := d.tokens.issuer.Issue(p, time.Hour)
		if err != nil {
			return "" // the gateway refuses it, and the shopper counts that
		}
		return signed
	}
	options := demo.ShopperOptions{
		Associate: func(location string) string {
			return token(auth.Principal{Role: auth.RoleAssociate, Subject: "staff-" + location, Locations: []string{location}})
		},
		Operator: func() string { return token(auth.Principal{Role: auth.RoleOperator, Subject: "desk"}) },
		Client:   &http.Client{Timeout: 10 * time.Second, Transport: transport},
		Seed:     d.command.Seed, Now: time.Now,
	}
	if len(members) > 0 {
		options.Member = func() (string, bool) {
			i := visits.Add(1) % uint64(len(members))
			return token(auth.Principal{Role: auth.RoleMember, Subject: members[i]}), i%2 == 0
		}
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	return demo.NewShoppers("http://"+d.listener.Addr().String()+"/graphql", options).Run(ctx, tick.C, d.log)
}
