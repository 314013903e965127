package retail_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
)

// split is an order that two stores serve, whose goods come back in three ways.
func split() *retail.Order {
	line := func(id string) retail.FulfillmentLine {
		return retail.FulfillmentLine{LineID: id, SKU: "SKU-" + id, Quantity: 1}
	}
	back := func(line, part string) retail.ReturnLine {
		return retail.ReturnLine{LineID: line, FulfillmentID: part, SKU: "SKU-" + line, Quantity: 1, Amount: retail.Money{Minor: 100, CurrencyCode: "CNY"}}
	}
	return &retail.Order{
		ID: "o-1", Owner: "guest:anne", Address: &retail.DeliveryAddress{Recipient: "Anne"},
		Lines: []retail.OrderLine{{ID: "1"}, {ID: "2"}, {ID: "3"}},
		Fulfillments: []retail.Fulfillment{
			{ID: "f1", LocationCode: "S-1", Method: retail.MethodPickup, Lines: []retail.FulfillmentLine{line("1"), line("2")}},
			{ID: "f2", LocationCode: "S-2", Method: retail.MethodShipping, Lines: []retail.FulfillmentLine{line("2"), line("3")}},
		},
		Returns: []retail.Return{
			{ID: "r1", LocationCode: "S-1", Status: retail.ReturnReceived, Lines: []retail.ReturnLine{back("1", "f1")}},
			{
				ID: "r2", LocationCode: "S-3", Status: retail.ReturnReceived, Amount: retail.Money{Minor: 200, CurrencyCode: "CNY"},
				Lines: []retail.ReturnLine{back("2", "f1"), back("3", "f2")}, Exchange: &retail.Exchange{ClaimID: "c"},
			},
		},
		Refunds:  []retail.Refund{{Reference: "1", ReturnID: "r1"}, {Reference: "2", ReturnID: "r2"}, {Reference: "3"}},
		Payments: []retail.Payment{{Reference: "p", RedirectURL: "https://pay.example"}},
		Timeline: []retail.TimelineEntry{
			{Kind: retail.TimelinePlaced},
			{Kind: retail.TimelineReady, FulfillmentID: "f1"},
			{Kind: retail.TimelineShipped, FulfillmentID: "f2"},
			{Kind: retail.TimelineReturnRequested, Note: "too big"},
		},
	}
}

func TestAnAssociateSeesThePartOfTheirPlaces(t *testing.T) {
	at := func(codes ...string) retail.Actor {
		return retail.Actor{Role: "associate", Subject: "zhou", Locations: codes}
	}
	for name, tt := range map[string]struct {
		actor    retail.Actor
		concerns bool
		want     string
	}{
		"of the store that hands out":        {at("S-1"), true, "parts [f1] lines [1 2] returns [r1 r2] refunds [1 2] told [PLACED READY RETURN_REQUESTED] address false pay false"},
		"of the store that sends":            {at("S-2"), true, "parts [f2] lines [2 3] returns [r2] refunds [2] told [PLACED SHIPPED] address true pay false"},
		"of the store that took goods back":  {at("S-3"), true, "parts [] lines [2 3] returns [r2] refunds [2] told [PLACED] address false pay false"},
		"of both stores that serve":          {at("S-1", "S-2"), true, "parts [f1 f2] lines [1 2 3] returns [r1 r2] refunds [1 2 3] told [PLACED READY SHIPPED RETURN_REQUESTED] address true pay false"},
		"of another store":                   {at("S-9"), false, "parts [] lines [] returns [] refunds [] told [PLACED] address false pay false"},
		"of no store":                        {at(), false, "parts [] lines [] returns [] refunds [] told [PLACED] address false pay false"},
		"an operator":                        {retail.Actor{Role: "operator", Subject: "ops"}, true, "parts [f1 f2] lines [1 2 3] returns [r1 r2] refunds [1 2 3] told [PLACED READY SHIPPED RETURN_REQUESTED] address true pay false"},
		"an operator whom nobody knows":      {retail.Actor{Role: "operator"}, false, "parts [] lines [] returns [] refunds [] told [PLACED] address false pay false"},
		"the shopper":                        {retail.Actor{Role: "guest", Subject: "anne"}, false, "parts [f1 f2] lines [1 2 3] returns [r1 r2] refunds [1 2 3] told [PLACED READY SHIPPED RETURN_REQUESTED] address true pay true"},
		"another shopper":                    {retail.Actor{Role: "guest", Subject: "bob"}, false, "parts [] lines [] returns [] refunds [] told [PLACED] address false pay false"},
		"a partner with a reach of S-1":      {retail.Actor{Role: "partner", Subject: "maptown", Locations: []string{"S-1"}}, false, "parts [] lines [] returns [] refunds [] told [PLACED] address false pay false"},
		"a guest whose token names places":   {retail.Actor{Role: "guest", Subject: "bob", Locations: []string{"S-1"}}, false, "parts [] lines [] returns [] refunds [] told [PLACED] address false pay false"},
		"somebody without any session at S1": {retail.Actor{Locations: []string{"S-1"}}, false, "parts [] lines [] returns [] refunds [] told [PLACED] address false pay false"},
	} {
		t.Run(name, func(t *testing.T) {
			o := split()
			if got := told(o.SeenBy(tt.actor)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if got := o.Concerns(tt.actor); got != tt.concerns {
				t.Errorf("concerns: %v", got)
			}
			if diff := cmp.Diff(split(), o); diff != "" {
				t.Errorf("the order itself changed: %s", diff)
			}
		})
	}
}

func told(o *retail.Order) string {
	ids := func(n int, id func(i int) string) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = id(i)
		}
		return list
	}
	return fmt.Sprintf("parts %v lines %v returns %v refunds %v told %v address %v pay %v",
		ids(len(o.Fulfillments), func(i int) string { return o.Fulfillments[i].ID }),
		ids(len(o.Lines), func(i int) string { return o.Lines[i].ID }),
		ids(len(o.Returns), func(i int) string { return o.Returns[i].ID }),
		ids(len(o.Refunds), func(i int) string { return o.Refunds[i].Reference }),
		ids(len(o.Timeline), func(i int) string { return string(o.Timeline[i].Kind) }),
		o.Address != nil, o.Payments[0].RedirectURL != "")
}

func TestAReturnToAnotherStoreTellsOnlyTheLinesOfTheOwnPart(t *testing.T) {
	seen := split().SeenBy(retail.Actor{Role: "associate", Subject: "zhou", Locations: []string{"S-1"}})
	r := seen.Returns[1]
	if len(r.Lines) != 1 || r.Lines[0].LineID != "2" || r.Amount.Minor != 100 || r.Exchange != nil {
		t.Errorf("got %+v", r)
	}
}

func TestAReturnThatAnyStoreTakesIsEveryStores(t *testing.T) {
	o := split()
	o.Returns[0].LocationCode, o.Returns[0].Status = "", retail.ReturnRequested
	clerk := retail.Actor{Role: "associate", Subject: "li", Locations: []string{"S-9"}}
	if seen := o.SeenBy(clerk); !o.Concerns(clerk) || len(seen.Returns) != 1 || len(seen.Fulfillments) != 0 || len(seen.Lines) != 1 {
		t.Errorf("got %s", told(seen))
	}
	o.Returns[0].Status = retail.ReturnReceived
	if o.Concerns(clerk) {
		t.Error("a return that came back is no more everybody's")
	}
}

func TestNobodySeesPartsOfPlacesThatTheyDoNotWorkAt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		place := rapid.SampledFrom([]string{"S-1", "S-2", "S-3", ""})
		o := &retail.Order{ID: "o", Owner: "guest:anne"}
		for i := range rapid.IntRange(0, 5).Draw(t, "parts") {
			f := retail.Fulfillment{ID: fmt.Sprint("f", i), LocationCode: place.Draw(t, "place")}
			o.Lines = append(o.Lines, retail.OrderLine{ID: fmt.Sprint(i)})
			f.Lines = []retail.FulfillmentLine{{LineID: fmt.Sprint(i)}}
			o.Fulfillments = append(o.Fulfillments, f)
			o.Timeline = append(o.Timeline, retail.TimelineEntry{FulfillmentID: f.ID})
		}
		works := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"S-1", "S-2", "S-3"}), rapid.ID[string]).Draw(t, "works at")
		seen := o.SeenBy(retail.Actor{Role: "associate", Subject: "zhou", Locations: works})
		want := 0
		for _, f := range o.Fulfillments {
			if slices.Contains(works, f.LocationCode) {
				want++
			}
		}
		if len(seen.Fulfillments) != want || len(seen.Lines) != want || len(seen.Timeline) != want {
			t.Fatalf("%d parts, %d lines and %d entries, want %d", len(seen.Fulfillments), len(seen.Lines), len(seen.Timeline), want)
		}
		for _, f := range seen.Fulfillments {
			if !slices.Contains(works, f.LocationCode) {
				t.Fatalf("sees %s", f.LocationCode)
			}
		}
	})
}
