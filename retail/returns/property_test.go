package returns_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/returns"
)

// TestWhateverHappensTheBooksAgree plays random actions in random order with random deaths, faults and lost replies.
func TestWhateverHappensTheBooksAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPlayer(t)
		p.blind, p.retry = true, rapid.Bool().Draw(rt, "the client asks again")
		do := func(format string, args ...any) {
			line := fmt.Sprintf(format, args...)
			rt.Log(line)
			if err := p.run(line); err != nil {
				rt.Fatal(err)
			}
		}
		do("line a SHIRT %d %d.%02d at S1", rapid.IntRange(1, 7).Draw(rt, "shirts"), rapid.IntRange(0, 300).Draw(rt, "yuan"),
			rapid.IntRange(0, 99).Draw(rt, "fen"))
		do("line b CAP 2 0.01 at S2 f2 DELIVERED")
		total := p.o.Totals.Total.Minor
		first := rapid.Int64Range(0, total).Draw(rt, "first payment")
		do("paid %s %s", money(first).Amount(), money(total-first).Amount())
		p.begin()
		draw := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, name) }
		for range rapid.IntRange(1, 12).Draw(rt, "actions") {
			if rapid.IntRange(0, 2).Draw(rt, "trouble") == 0 {
				p.w.strikes[p.w.calls+rapid.IntRange(1, 20).Draw(rt, "at")] = trouble(rapid.IntRange(1, 4).Draw(rt, "kind"))
			}
			key, store := draw("key", "q", "r", "s"), draw("store", "S1", "S2")
			line, n := draw("line", "a", "b"), rapid.IntRange(1, 3).Draw(rt, "units")
			switch rapid.IntRange(0, 8).Draw(rt, "action") {
			case 0:
				do("ask %s IN_STORE %s %d", key, line, n)
			case 1:
				do("ask %s BY_POST %s %d", key, line, n)
			case 2:
				do("exchange %s %s %s %d for SOCKS %d", key, store, line, n, n)
			case 3:
				do("receive %s %s", store, key)
			case 4:
				do("walkin %s %s %s %d", store, key+"-"+store, line, n)
			case 5:
				do("complete %s %s", store, key)
			case 6:
				do("cancel %s", key)
			case 7:
				if _, known := p.w.parcels[orderID+"/"+p.ids[key]]; known {
					do("parcel %s", key)
				}
			case 8:
				do("clock %dh", rapid.IntRange(1, 60).Draw(rt, "hours"))
			}
		}
		p.w.rest()
		p.invariants()
		if t.Failed() {
			rt.Fatal("the books do not agree")
		}
	})
}

// TestSeveralProcessesMayWorkOnOneReturn lets requests, repeated requests and jobs race.
func TestSeveralProcessesMayWorkOnOneReturn(t *testing.T) {
	for _, exchange := range []bool{false, true} {
		p := newPlayer(t)
		must(t, p.run("line a SHIRT 2 120.00 at S1"))
		if exchange {
			must(t, p.run("exchange r S1 a 1 for CAP 1"))
		} else {
			must(t, p.run("ask r IN_STORE a 1"))
		}
		ctx := context.Background()
		var all sync.WaitGroup
		for i := range 12 {
			all.Go(func() {
				var err error
				switch {
				case i%3 == 0:
					err = p.w.svc.RunJob(ctx, orderID)
				case exchange:
					_, err = p.w.svc.CompleteExchange(ctx, clerk("S1"), orderID, p.ids["r"])
				default:
					_, err = p.w.svc.ReceiveInStore(ctx, returns.ReceiveGoods{Actor: clerk("S1"), OrderID: orderID, ReturnID: p.ids["r"]})
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		p.w.rest()
		p.invariants()
		if got := p.refunded(); (got != "60.00") != exchange || (got != "40.00") == exchange {
			t.Errorf("exchange %v: refunded %s", exchange, got)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestOrdersAreShownToThoseWhoMayReturnThem is about Check; the journeys are about the rest.
func TestOrdersAreShownToThoseWhoMayReturnThem(t *testing.T) {
	p := newPlayer(t)
	must(t, p.run("line a SHIRT 1 10.00 at S1"))
	p.begin()
	for name, c := range map[string]struct {
		actor retail.Actor
		may   bool
	}{
		"the shopper":                     {shopper, true},
		"the shopper by another identity": {retail.Actor{Role: "member", Subject: "phone-1", MemberID: "m1"}, true},
		"an associate of another store":   {clerk("S2"), true},
		"an operator":                     {retail.Actor{Role: "operator", Subject: "op"}, true},
		"an associate of no store":        {retail.Actor{Role: "associate", Subject: "x"}, false},
		"another member":                  {retail.Actor{Role: "member", Subject: "y", MemberID: "m2"}, false},
		"a guest with the member's id":    {retail.Actor{Role: "guest", Subject: "m1"}, false},
		"somebody without a session":      {retail.Actor{Role: "operator"}, false},
		"a partner":                       {retail.Actor{Role: "partner", Subject: "p"}, false},
	} {
		_, err := p.w.svc.Check(context.Background(), c.actor, orderID)
		if (err == nil) != c.may || (!c.may && retail.CodeOf(err) != retail.CodeNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestOnlyTheStoresOwnPeopleTakeGoods(t *testing.T) {
	p := newPlayer(t)
	must(t, p.run("line a SHIRT 1 10.00 at S1"))
	p.begin()
	for name, c := range map[string]struct {
		actor retail.Actor
		ref   string
		want  retail.Why
	}{
		"the shopper":                     {shopper, "S1", retail.WhyNotAllowed},
		"an associate of another store":   {clerk("S2"), "S1", retail.WhyNotAllowed},
		"an associate who names no store": {retail.Actor{Role: "associate", Subject: "x", Locations: []string{"S1", "S2"}}, "", retail.WhyInvalid},
		"a warehouse":                     {clerk("W1"), "", retail.WhyPlaceClosed},
		"a place that is not":             {clerk("S9"), "", retail.WhyNotFound},
	} {
		_, err := p.w.svc.ReceiveInStore(context.Background(), returns.ReceiveGoods{
			Actor: c.actor, Key: "k", OrderID: orderID, LocationRef: c.ref, Lines: []returns.Line{{LineID: "a", Quantity: 1}},
		})
		if !retail.Refused(err, c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestAnOrderHasABoundedNumberOfReturns(t *testing.T) {
	p := newPlayer(t)
	must(t, p.run("line a SHIRT 1 10.00 at S1"))
	for i := range returns.MaxReturns {
		must(t, p.run(fmt.Sprintf("ask k%d IN_STORE a 1", i)))
		must(t, p.run(fmt.Sprintf("cancel k%d", i)))
	}
	must(t, p.run("ask more IN_STORE a 1 -> LIMIT_REACHED"))
}

func TestAConfigurationThatMakesNoSense(t *testing.T) {
	for name, spoil := range map[string]func(*returns.Config){
		"no time to return":            func(c *returns.Config) { c.Within = 0 },
		"no patience":                  func(c *returns.Config) { c.LapseAfter = 0 },
		"a hold without end":           func(c *returns.Config) { c.ExchangeHold = c.LapseAfter + 1 },
		"looks that get more frequent": func(c *returns.Config) { c.LookMost = c.LookFirst - 1 },
		"jobs before their request":    func(c *returns.Config) { c.Behind = -1 },
	} {
		c := returns.DefaultConfig()
		spoil(&c)
		if c.Validate() == nil {
			t.Errorf("%s: is accepted", name)
		}
	}
}
