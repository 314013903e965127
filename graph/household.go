package graph

import (
	"context"
	"net/netip"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// household is what counts as one client: an address, of IPv6 the network that one customer gets as a rule.
func household(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	prefix, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return prefix.Addr()
}

// householdOf names the household that a request comes from, for callers who are told apart by it: strangers, and guests, whose
// sessions are to be had for the asking. It is empty for everybody else, and a hash: it is kept where others can read it.
func householdOf(ctx context.Context, p auth.Principal) string {
	if p.Known() && !isGuest(p) {
		return ""
	}
	return hashed("household:" + household(ClientAddress(ctx)).String())
}

// readerOf names who counts for the bytes that a principal sends: a household, else the client.
func readerOf(ctx context.Context, p auth.Principal) string {
	if home := householdOf(ctx, p); home != "" {
		return home
	}
	return clientOf(ctx, p)
}

// account is somebody who is charged for a request.
type account struct {
	name string
	rate Rate
}

// accountsOf are who pays for what a principal asks: the client, and for a guest the household too. The client comes first:
// one that has used up its own takes nothing from its household.
func (c *classes) accountsOf(ctx context.Context, p auth.Principal) []account {
	r := c.rateOf(p)
	if r.Zero() {
		return nil
	}
	list := []account{{clientOf(ctx, p), r}}
	if n := c.guests(); n > 0 && isGuest(p) {
		list = append(list, account{householdOf(ctx, p), r.times(n)})
	}
	return list
}

// guests is how many guests' worth those of a household get together.
func (c *classes) guests() int { return c.policies.guests() }

func (all Policies) guests() int { return all[auth.Class(auth.RoleGuest)].Household }

// times is what so many clients may ask together when the rate is what one may.
func (r Rate) times(n int) Rate {
	return Rate{PerMinute: min(r.PerMinute*n, mostPoints), Burst: min(r.Burst*n, mostPoints)}
}

// withHousehold tells the services whose guest a caller without an account is.
func (c *classes) withHousehold(ctx context.Context) context.Context {
	home := householdOf(ctx, auth.PrincipalOf(ctx))
	if home == "" {
		return ctx
	}
	return retail.WithHousehold(ctx, retail.Household{Name: home, Guests: c.guests()})
}
