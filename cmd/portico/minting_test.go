package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/retail"
)

const fourGuests = 4

// withHousehold bounds the guests of one address by what four may do.
func withHousehold(rates ...classRate) rigOption {
	return withLimits(limitFlags{Limit: []classLimit{{class: "guest", limit: household, value: fourGuests}}, Rate: rates})
}

// mint opens sessions from the test's one address until no more are to be had.
func (r *rig) mint(t *testing.T) (tokens []string) {
	t.Helper()
	for range 1000 {
		var a struct {
			GuestSessionCreate struct {
				Session    *struct{ Token string }
				UserErrors []struct{ Code string }
			}
		}
		answer := r.ask(t, "", `mutation { guestSessionCreate { session { token } userErrors { code } } }`, nil)
		if len(answer.Errors) > 0 {
			t.Fatalf("%+v", answer.Errors)
		}
		must(t, json.Unmarshal(answer.Data, &a))
		if a.GuestSessionCreate.Session == nil {
			if errs := a.GuestSessionCreate.UserErrors; len(errs) != 1 || errs[0].Code != string(retail.WhyLimitReached) {
				t.Errorf("refused with %v", errs)
			}
			return tokens
		}
		tokens = append(tokens, a.GuestSessionCreate.Session.Token)
	}
	t.Fatal("sessions have no end")
	return nil
}

// Whoever opens sessions in a loop from one address has, with all of them, what four guests have.
func TestOpeningSessionsInALoopGainsNothing(t *testing.T) {
	const opened = 30
	r := newRigOf(t, "embedded", demo.Builtin(1, time.Now()).Corner(100, 100).AlwaysOpen(), patiently,
		withSessions(graph.Rate{PerMinute: 1, Burst: opened}), withHousehold(),
		withTerms(func(terms *terms) {
			littleMayBeTried(terms)
			terms.Holds.Guests.Holds, terms.Ordering.GuestUnpaid = 1, 1
		}))
	tokens := r.mint(t)
	if len(tokens) != opened {
		t.Fatalf("%d sessions were opened, want %d", len(tokens), opened)
	}
	carts := make([]string, len(tokens))
	for n, token := range tokens {
		var a struct {
			CartCreate struct{ Cart struct{ ID string } }
		}
		answer := r.ask(t, token, `mutation { cartCreate(input: {lines: [{sku: "10000002", quantity: 1, method: PICKUP, locationId: "S-SH01"}]},
			idempotencyKey: "k") { cart { id } } }`, nil)
		must(t, json.Unmarshal(answer.Data, &a))
		carts[n] = a.CartCreate.Cart.ID
	}
	for _, c := range []struct {
		name     string
		document func(n int, cart string) string
		want     int // that are not refused for having been too many
	}{
		{"holds of one product", func(int, string) string {
			return `done: stockHoldCreate(input: {locationId: "S-SH01", items: [{sku: "10000018", quantity: 5}]}, idempotencyKey: "h") { userErrors { code } }`
		}, fourGuests},
		{"phones that are sent a code", func(n int, _ string) string {
			return fmt.Sprintf(`done: memberVerificationSend(input: {phone: "139001%05d"}, idempotencyKey: "s") { userErrors { code } }`, n)
		}, fourGuests * mayTry},
		{"codes of phones", func(n int, _ string) string {
			return fmt.Sprintf(`done: memberRegister(input: {phone: "139002%05d", code: "000000", name: "X"}, idempotencyKey: "r") { userErrors { code } }`, n)
		}, fourGuests * mayTry},
		{"numbers of coupons", func(n int, cart string) string {
			return fmt.Sprintf(`done: cartCouponApply(input: {cartId: %q, coupon: "C%d"}, idempotencyKey: "c") { userErrors { code } }`, cart, n)
		}, fourGuests * mayTry},
		// The last: it uses the carts up.
		{"orders that nobody pays", func(_ int, cart string) string {
			return fmt.Sprintf(`done: checkoutComplete(input: {cartId: %q, cartVersion: 2, contact: {name: "Lin", phone: "+8613800207001"}},
				idempotencyKey: "o") { userErrors { code } }`, cart)
		}, fourGuests},
	} {
		t.Run(c.name, func(t *testing.T) {
			passed, limited := 0, 0
			for n, token := range tokens {
				answer := r.ask(t, token, "mutation { "+c.document(n, carts[n])+" }", nil)
				var a struct {
					Done struct{ UserErrors []struct{ Code string } }
				}
				if len(answer.Errors) > 0 {
					t.Fatalf("%+v", answer.Errors)
				}
				must(t, json.Unmarshal(answer.Data, &a))
				if errs := a.Done.UserErrors; len(errs) == 1 && errs[0].Code == string(retail.WhyLimitReached) {
					limited++
				} else {
					passed++
				}
			}
			if passed != c.want || limited != opened-c.want {
				t.Errorf("%d were not refused, want %d", passed, c.want)
			}
		})
	}
}

// All sessions of one address ask no more than four guests may.
func TestOpeningSessionsInALoopBuysNoPoints(t *testing.T) {
	const opened = 20
	r := newRigOf(t, "embedded", demo.Builtin(1, time.Now()).Corner(4, 4), patiently,
		withHousehold(classRate{class: "guest", rate: graph.Rate{PerMinute: 1, Burst: 12}}), withSessions(graph.Rate{PerMinute: 1, Burst: opened}))
	served := 0
	for _, token := range r.mint(t) {
		for range 3 {
			if a := r.ask(t, token, `{ products(first: 1) { nodes { code } } }`, nil); a.Status == http.StatusOK { // 6 points
				served++
			}
		}
	}
	if want := 12 * fourGuests / 6; served != want {
		t.Errorf("%d sessions were served %d times, want %d", opened, served, want)
	}
}
