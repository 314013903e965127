package purchases_test

import (
	"testing"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/purchases"
)

func associate(store string) retail.Actor {
	return retail.Actor{Role: "associate", Subject: "a-" + store, Locations: []string{store}}
}

var operator = retail.Actor{Role: "operator", Subject: "op"}

func shopOf(returned ...retail.Return) *records {
	return &records{orders: []*retail.Order{
		{
			ID: "o-P1", Number: "P1", Owner: owner, Status: retail.OrderReady, Returns: returned,
			Fulfillments: []retail.Fulfillment{{LocationCode: "S1", Status: retail.FulfillmentReady}},
		},
		{
			ID: "o-P2", Number: "P2", Owner: owner, Status: retail.OrderPendingPayment,
			Fulfillments: []retail.Fulfillment{{LocationCode: "S1", Status: retail.FulfillmentPending}},
		},
		{
			ID: "o-P3", Number: "P3", Owner: owner, Status: retail.OrderPaid,
			Fulfillments: []retail.Fulfillment{{LocationCode: "S1", Status: retail.FulfillmentAccepted}},
		},
	}}
}

func TestAssociatesFindWhatTheirStoreHasToDoWith(t *testing.T) {
	there := retail.Return{ID: "r", Way: retail.ReturnInStore, LocationCode: "S2", Status: retail.ReturnReceived}
	anywhere := retail.Return{ID: "r", Way: retail.ReturnInStore, Status: retail.ReturnRequested}
	done := retail.Return{ID: "r", Way: retail.ReturnInStore, Status: retail.ReturnCancelled}
	for name, c := range map[string]struct {
		actor   retail.Actor
		returns []retail.Return
		may     bool
	}{
		"the store that serves it":                       {associate("S1"), nil, true},
		"another store":                                  {associate("S2"), nil, false},
		"a store that took a return of it":               {associate("S2"), []retail.Return{there}, true},
		"any store, for goods that may come anywhere":    {associate("S2"), []retail.Return{anywhere}, true},
		"any store, when they come no more":              {associate("S2"), []retail.Return{done}, false},
		"an operator":                                    {operator, nil, true},
		"the shopper, who has another door":              {retail.Actor{Role: "member", Subject: "s", MemberID: "m1"}, []retail.Return{anywhere}, false},
		"an associate of nowhere":                        {retail.Actor{Role: "associate", Subject: "x"}, []retail.Return{anywhere}, false},
		"a role without a session, whatever it is named": {retail.Actor{Role: "operator"}, nil, false},
	} {
		for _, q := range []purchases.FindQuery{{ID: "o-P1"}, {Number: "P1"}} {
			o, err := shopOf(c.returns...).service().Find(t.Context(), c.actor, q)
			if c.may && (err != nil || o.ID != "o-P1") {
				t.Errorf("%s: got %v", name, err)
			}
			if !c.may && retail.CodeOf(err) != retail.CodeNotFound {
				t.Errorf("%s: got %v, want %s", name, err, retail.CodeNotFound)
			}
		}
	}
}

func TestAnOrderIsFoundByOneOfItsNames(t *testing.T) {
	svc := shopOf().service()
	for _, q := range []purchases.FindQuery{{}, {ID: "o-P1", Number: "P1"}, {ID: "o-P1", Code: "7KX4"}, {Number: "P1", Code: "7KX4"}} {
		if _, err := svc.Find(t.Context(), associate("S1"), q); retail.CodeOf(err) != retail.CodeBadInput {
			t.Errorf("%+v: got %v", q, err)
		}
	}
	if _, err := svc.Find(t.Context(), associate("S1"), purchases.FindQuery{ID: "o-P9"}); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("no such order: got %v", err)
	}
	o, err := svc.Find(t.Context(), associate("S1"), purchases.FindQuery{Code: "7KX4", LocationRef: "S1"})
	if err != nil || o.ID != "o-P1" {
		t.Errorf("by code: got %v, %v", o, err)
	}
	_, err = svc.Find(t.Context(), associate("S1"), purchases.FindQuery{Code: "0000", LocationRef: "S1"})
	if !retail.Refused(err, retail.WhyCodeRejected) {
		t.Errorf("a wrong code: got %v", err)
	}
}

func TestTheQueueOfAPlaceIsItsPaidOrders(t *testing.T) {
	svc := shopOf().service()
	for first, want := range map[int]string{1: "P1", 5: "P1P3"} {
		list, err := svc.Queue(t.Context(), associate("S1"), "S1", first)
		got := ""
		for _, o := range list {
			got += o.Number
		}
		if err != nil || got != want {
			t.Errorf("first %d: got %s, %v", first, got, err)
		}
	}
	for name, c := range map[string]struct {
		actor retail.Actor
		ref   string
		first int
		want  retail.Code
	}{
		"another store":   {associate("S2"), "S1", 5, retail.CodeForbidden},
		"no such place":   {associate("S1"), "S9", 5, retail.CodeNotFound},
		"a page too long": {associate("S1"), "S1", purchases.MaxQueue + 1, retail.CodeBadInput},
	} {
		if _, err := svc.Queue(t.Context(), c.actor, c.ref, c.first); retail.CodeOf(err) != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	if _, err := svc.Queue(t.Context(), operator, "S2", 5); err != nil {
		t.Errorf("an operator: %v", err)
	}
}

func TestWhatNobodyMayPrepareYetIsInNoQueue(t *testing.T) {
	for name, c := range map[string]struct {
		review   *retail.Review
		assessed bool
		part     retail.FulfillmentStatus
		queued   bool
	}{
		"like others":          {nil, true, retail.FulfillmentPending, true},
		"not looked at":        {nil, false, retail.FulfillmentPending, false},
		"begun before reviews": {nil, false, retail.FulfillmentAccepted, true},
		"in review":            {&retail.Review{Status: retail.ReviewOpen}, true, retail.FulfillmentPending, false},
		"released":             {&retail.Review{Status: retail.ReviewReleased}, true, retail.FulfillmentPending, true},
	} {
		o := &retail.Order{
			ID: "o", Number: "P", Status: retail.OrderPaid, Review: c.review,
			Fulfillments: []retail.Fulfillment{{LocationCode: "S1", Status: c.part}},
		}
		o.Saga.Assessed = c.assessed
		list, err := (&records{orders: []*retail.Order{o}}).service().Queue(t.Context(), associate("S1"), "S1", 5)
		if err != nil || (len(list) == 1) != c.queued {
			t.Errorf("%s: %d in the queue, %v", name, len(list), err)
		}
	}
}

func TestAReceiptIsShownToItsCardOnly(t *testing.T) {
	r := &records{receipts: []retail.Receipt{{Number: "T1", CardNumber: "L1"}, {Number: "T2"}}}
	if got, err := r.service().Receipt(t.Context(), "L1", "T1"); err != nil || got.Number != "T1" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, c := range [][2]string{{"L2", "T1"}, {"", "T2"}, {"L1", "T9"}} {
		if _, err := r.service().Receipt(t.Context(), c[0], c[1]); retail.CodeOf(err) != retail.CodeNotFound {
			t.Errorf("card %q, receipt %s: got %v", c[0], c[1], err)
		}
	}
}

func TestAnAssociateFindsThePartOfTheirStore(t *testing.T) {
	shop := shopOf()
	shop.orders = append(shop.orders, &retail.Order{
		ID: "o-P4", Number: "P4", Owner: owner, Status: retail.OrderPaid,
		Lines: []retail.OrderLine{{ID: "1", SKU: "A"}, {ID: "2", SKU: "B"}},
		Fulfillments: []retail.Fulfillment{
			{ID: "f1", LocationCode: "S1", Status: retail.FulfillmentAccepted, Lines: []retail.FulfillmentLine{{LineID: "1", SKU: "A"}}},
			{ID: "f2", LocationCode: "S2", Status: retail.FulfillmentAccepted, Lines: []retail.FulfillmentLine{{LineID: "2", SKU: "B"}}},
		},
	})
	svc := shop.service()
	for name, c := range map[string]struct {
		actor retail.Actor
		parts string
		lines string
	}{
		"of one store":     {associate("S1"), "f1", "1"},
		"of the other":     {associate("S2"), "f2", "2"},
		"of both":          {retail.Actor{Role: "associate", Subject: "a", Locations: []string{"S1", "S2"}}, "f1f2", "12"},
		"whoever operates": {operator, "f1f2", "12"},
	} {
		seen := map[string]*retail.Order{}
		for what, q := range map[string]purchases.FindQuery{"by id": {ID: "o-P4"}, "by number": {Number: "P4"}} {
			o, err := svc.Find(t.Context(), c.actor, q)
			if err != nil {
				t.Fatalf("%s %s: %v", name, what, err)
			}
			seen[what] = o
		}
		for _, store := range []string{"S1", "S2"} {
			queue, err := svc.Queue(t.Context(), c.actor, store, 10)
			if retail.CodeOf(err) == retail.CodeForbidden {
				continue
			}
			for _, o := range queue {
				if o.ID == "o-P4" {
					seen["in the queue of "+store] = o
				}
			}
		}
		if len(seen) < 3 {
			t.Errorf("%s: not in the queue", name)
		}
		for what, o := range seen {
			parts, lines := "", ""
			for _, f := range o.Fulfillments {
				parts += f.ID
			}
			for _, l := range o.Lines {
				lines += l.ID
			}
			if parts != c.parts || lines != c.lines {
				t.Errorf("%s %s: parts %s, lines %s", name, what, parts, lines)
			}
		}
	}
	if o := shop.orders[3]; len(o.Fulfillments) != 2 || len(o.Lines) != 2 {
		t.Error("the record itself lost a part")
	}
}
