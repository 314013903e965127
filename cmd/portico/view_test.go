package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/portico-retail/portico/auth"
)

// TestPartnersReadTheirPartOfTheSchema asks with tokens of the demo's partners, one of whom may read exact numbers.
func TestPartnersReadTheirPartOfTheSchema(t *testing.T) {
	r := newRig(t, "embedded")
	const shape = `{ __schema { types { name fields { name } } } hidden: __type(name: "Member") { name } }`
	for _, p := range demoPartners(r.retailer) {
		answer := r.ask(t, r.token(t, auth.Principal{Role: auth.RolePartner, Subject: "app", Client: p.ID}), shape, nil)
		var data struct {
			Schema struct {
				Types []struct {
					Name   string
					Fields []struct{ Name string }
				}
			} `json:"__schema"`
			Hidden *struct{ Name string }
		}
		must(t, json.Unmarshal(answer.Data, &data))
		var told strings.Builder
		for _, def := range data.Schema.Types {
			told.WriteString(" " + def.Name + " ")
			for _, f := range def.Fields {
				told.WriteString(" " + def.Name + "." + f.Name + " ")
			}
		}
		exact := len(p.Scopes) > 0
		for name, want := range map[string]bool{
			"StockHold": true, "Query.stockCheck": true, "Mutation.stockHoldCreate": true, "StoreAvailability.breakdown": exact,
			"StockBreakdown": exact, "Member": false, "Order": false, "Cart": false, "Query.me": false, "Scope": false,
		} {
			if got := strings.Contains(told.String(), " "+name+" "); got != want {
				t.Errorf("%s: %s is told: %v", p.ID, name, got)
			}
		}
		if data.Hidden != nil {
			t.Errorf("%s: %+v", p.ID, data.Hidden)
		}
	}
}
