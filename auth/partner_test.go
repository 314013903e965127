package auth_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

func partner(id string, change ...func(*auth.Partner)) *auth.Partner {
	p := &auth.Partner{ID: id, Name: strings.ToUpper(id), Reach: &retail.Reach{Locations: []string{"S-1"}}}
	for _, f := range change {
		f(p)
	}
	return p
}

func TestPartnersThatMakeNoSense(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*auth.Partner)
		want   string // empty when it makes sense
	}{
		"nothing more": {func(*auth.Partner) {}, ""},
		"everything":   {func(p *auth.Partner) { p.Reach = &retail.Reach{} }, ""},
		"keys of its own": {func(p *auth.Partner) {
			p.Keys = &auth.PartnerKeys{Issuer: "https://id.example", JWKS: "https://id.example/jwks"}
		}, ""},
		"no id":                       {func(p *auth.Partner) { p.ID = "" }, "id"},
		"an id with a space":          {func(p *auth.Partner) { p.ID = "map town" }, "id"},
		"an id with a line break":     {func(p *auth.Partner) { p.ID = "map\ntown" }, "id"},
		"a long id":                   {func(p *auth.Partner) { p.ID = strings.Repeat("x", 101) }, "id"},
		"no reach":                    {func(p *auth.Partner) { p.Reach = nil }, "reach"},
		"a scope of staff":            {func(p *auth.Partner) { p.Scopes = []auth.Scope{auth.ScopeOrderServe} }, "scope"},
		"events of all places":        {func(p *auth.Partner) { p.Scopes = []auth.Scope{auth.ScopeEventRead} }, "scope"},
		"a scope that does not exist": {func(p *auth.Partner) { p.Scopes = []auth.Scope{"stock:write"} }, "scope"},
		"a place that cannot be":      {func(p *auth.Partner) { p.Reach.Locations = []string{"S 1"} }, "location"},
		"a place twice":               {func(p *auth.Partner) { p.Reach.Locations = []string{"S-1", "S-1"} }, "twice"},
		"a channel that is none":      {func(p *auth.Partner) { p.Reach.Channels = []retail.Channel{"FAX"} }, "channel"},
		"a range of everything":       {func(p *auth.Partner) { p.Reach.SKUs = []retail.SKURange{{}} }, "range"},
		"a range in small letters":    {func(p *auth.Partner) { p.Reach.SKUs = []retail.SKURange{{First: "ab"}} }, "range"},
		"a quota below zero":          {func(p *auth.Partner) { p.Quota.Burst = -1 }, "quota"},
		"an absurd quota":             {func(p *auth.Partner) { p.Quota.CostPerMinute = 1 << 40 }, "quota"},
		"an app without a name":       {func(p *auth.Partner) { p.Documents = []string{""} }, "documents"},
		"too many places":             {func(p *auth.Partner) { p.Reach.Locations = make([]string, 5001) }, "more than"},
		"keys without an issuer":      {func(p *auth.Partner) { p.Keys = &auth.PartnerKeys{JWKS: "keys.json"} }, "issuer"},
		"keys over plain HTTP":        {func(p *auth.Partner) { p.Keys = &auth.PartnerKeys{Issuer: "x", JWKS: "http://id.example/jwks"} }, "https"},
		"keys with a shared secret": {func(p *auth.Partner) {
			p.Keys = &auth.PartnerKeys{Issuer: "x", JWKS: "keys.json", Algorithms: []string{"HS256"}}
		}, "algorithms"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := auth.NewRegistry(partner("maptown", c.change))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want something about %q", err, c.want)
			}
		})
	}
	if _, err := auth.NewRegistry(partner("a"), partner("a")); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("two of one id: %v", err)
	}
	own := func(p *auth.Partner) { p.Keys = &auth.PartnerKeys{Issuer: "https://id.example", JWKS: "keys.json"} }
	if _, err := auth.NewRegistry(partner("a", own), partner("b", own)); err == nil || !strings.Contains(err.Error(), "same issuer") {
		t.Errorf("two with one issuer: %v", err)
	}
}

func TestARegistryChangesAsAWholeOrNotAtAll(t *testing.T) {
	r, err := auth.NewRegistry(partner("a"), partner("b"))
	if err != nil {
		t.Fatal(err)
	}
	before, _ := r.Partner("a")
	if err := r.Replace([]*auth.Partner{partner("c"), {ID: "broken"}}); err == nil {
		t.Fatal("a broken list was accepted")
	}
	if _, ok := r.Partner("c"); ok || len(r.Partners()) != 2 {
		t.Error("a part of a broken list counts")
	}
	if err := r.Replace([]*auth.Partner{partner("a"), partner("c")}); err != nil {
		t.Fatal(err)
	}
	after, _ := r.Partner("a")
	if before != after {
		t.Error("a partner that is as before became another object, and what was made for its reach is lost")
	}
	if _, ok := r.Partner("b"); ok {
		t.Error("a partner that was taken out is still there")
	}
	if err := r.Replace([]*auth.Partner{partner("a", func(p *auth.Partner) { p.Reach.Locations = []string{"S-2"} })}); err != nil {
		t.Fatal(err)
	}
	if changed, _ := r.Partner("a"); changed == after || changed.Reach.Locations[0] != "S-2" {
		t.Errorf("a changed partner is %+v", changed)
	}
}

func TestWhatPartnersSeeIsMadeBeforeTheyAreKnown(t *testing.T) {
	r, err := auth.NewRegistry(partner("a"))
	if err != nil {
		t.Fatal(err)
	}
	known, _ := r.Partner("a")
	prepared := 0
	prepare := func(reaches []*retail.Reach) {
		prepared++
		if _, early := r.Partner("b"); early || len(reaches) != 2 || reaches[0] != known.Reach {
			t.Errorf("known early %v, prepared %v", early, reaches)
		}
	}
	if err := r.ReplaceAfter([]*auth.Partner{partner("a"), partner("b")}, prepare); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Partner("b"); !ok || prepared != 1 || len(r.Reaches()) != 2 {
		t.Errorf("known %v, prepared %d times", ok, prepared)
	}
	if err := r.ReplaceAfter([]*auth.Partner{{ID: "broken"}}, prepare); err == nil || prepared != 1 {
		t.Errorf("something is made for partners that make no sense: %v", err)
	}
}

func TestARegistryIsReadWhileItChanges(t *testing.T) {
	r := &auth.Registry{}
	if _, ok := r.Partner("a"); ok || len(r.Partners()) != 0 {
		t.Error("an empty registry knows somebody")
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 1000 {
				if list := r.Partners(); len(list) != 0 && len(list) != 10 {
					t.Errorf("sees %d of 10 partners", len(list))
				}
			}
		})
	}
	for range 200 {
		list := make([]*auth.Partner, 10)
		for i := range list {
			list[i] = partner(fmt.Sprint("p", i))
		}
		if err := r.Replace(list); err != nil {
			t.Fatal(err)
		}
	}
	group.Wait()
}

func TestAPrincipalOfAPartnerIsBoundedAndOwnsAsOne(t *testing.T) {
	p := partner("maptown")
	ctx := auth.WithPrincipal(t.Context(), auth.Principal{Role: auth.RolePartner, Subject: "alice", Client: "maptown", Partner: p})
	if retail.ReachOf(ctx) != p.Reach {
		t.Error("a partner's request is not bounded")
	}
	if got := auth.PrincipalOf(ctx); got.Actor().Subject != "maptown" || got.ClientKey() != "partner:maptown" {
		t.Errorf("what alice makes belongs to %+v, and she counts as %q", got.Actor(), got.ClientKey())
	}
	if retail.ReachOf(auth.WithPrincipal(t.Context(), auth.Principal{Role: auth.RoleMember, Subject: "m"})) != nil {
		t.Error("a member's request is bounded")
	}
}

func TestWhoCountsAsOneClient(t *testing.T) {
	mallpad := partner("mallpad")
	for name, c := range map[string]struct {
		p    auth.Principal
		want string
	}{
		"nobody":            {auth.Guest, ""},
		"a guest's session": {auth.Principal{Role: auth.RoleGuest, Subject: "g-1"}, "guest:g-1"},
		"a member":          {auth.Principal{Role: auth.RoleMember, Subject: "m", Issuer: "one"}, "member:m"},
		"a partner":         {auth.Principal{Role: auth.RolePartner, Subject: "m", Client: "mallpad", Partner: mallpad}, "partner:mallpad"},
		"the same partner":  {auth.Principal{Role: auth.RolePartner, Subject: "n", Client: "mallpad", Partner: mallpad}, "partner:mallpad"},
	} {
		if got := c.p.ClientKey(); got != c.want || got != "" && got != c.p.Actor().Key() {
			t.Errorf("%s: got %q, as an owner %q, want %q", name, got, c.p.Actor().Key(), c.want)
		}
	}
}
