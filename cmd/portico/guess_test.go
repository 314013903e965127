package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/retail"
)

// guess is a way to try values of an input. The document has {{n}} where the values are; who is tried under is the n-th of
// them.
type guess struct {
	way      string
	document string
	who      func(g *guessers, n int) string
}

// guessers are a rig where little may be tried.
type guessers struct {
	*rig
	t      *testing.T
	orders []string // ids of orders at S-SH01
	cart   string   // of the member a-1001
}

func (g *guessers) as(role auth.Role, subject string, places ...string) string {
	return g.token(g.t, auth.Principal{Role: role, Subject: subject, Scopes: auth.DefaultScopes(role), Locations: places})
}

func guestNo(name string) func(*guessers, int) string {
	return func(g *guessers, n int) string {
		return g.as(auth.RoleGuest, strings.ReplaceAll(name, "#", fmt.Sprint(n)))
	}
}

// memberNo cycles through accounts of the demo's shop.
func memberNo(subjects ...string) func(*guessers, int) string {
	return func(g *guessers, n int) string { return g.as(auth.RoleMember, subjects[n%len(subjects)]) }
}

func staffNo(name string) func(*guessers, int) string {
	return func(g *guessers, n int) string {
		return g.as(auth.RoleAssociate, strings.ReplaceAll(name, "#", fmt.Sprint(n)), "S-SH01", "S-SH02")
	}
}

// mayTry is how often the rig's terms let each thing be tried.
const mayTry = 3

func littleMayBeTried(t *terms) {
	few := retail.Limit{Most: mayTry, Per: time.Hour}
	t.Members.Codes, t.Members.CodesDay, t.Members.Asks, t.Members.AsksDay = few, few, few, few
	t.Members.Checks, t.Members.Guesses, t.Members.PINs, t.Cart.WrongCoupons = few, few, few, few
	t.Ordering.CodeTries, t.Ordering.PlaceTries, t.Ordering.SameTries = mayTry, mayTry, mayTry
}

// guarded lists every input that somebody could guess at, with the ways to do so, all of which must come to an end; or why there is nothing
// to be had by guessing.
func guarded() map[string]any {
	register := `memberRegister(input: {phone: "1390019%s", code: "%s", name: "X"}, idempotencyKey: "{{n}}") { userErrors { code message ... on LimitReached { limit } } }`
	send := `memberVerificationSend(input: {phone: "1390013%s"}, idempotencyKey: "{{n}}") { userErrors { code message ... on LimitReached { limit } } }`
	bind := `memberCardBind(input: {%s}, idempotencyKey: "{{n}}") { userErrors { code message ... on LimitReached { limit } } }`
	merge := `memberMerge(input: {%s}, idempotencyKey: "{{n}}") { userErrors { code message ... on LimitReached { limit } } }`
	verify := `pickupVerify(input: {locationId: "%s", code: "%s"}, idempotencyKey: "{{n}}") { userErrors { code message ... on LimitReached { limit } } }`
	handOver := `pickupHandOver(input: {orderId: "%s", fulfillmentId: "f1", code: "%s"}, idempotencyKey: "{{n}}") { userErrors { code message ... on LimitReached { limit } } }`
	contact := "whom to call; nobody is looked up by it"
	return map[string]any{
		"MemberVerificationSendInput.phone": []guess{
			{"one caller, many phones", fmt.Sprintf(send, "{{n}}"), guestNo("asks")},
			{"many callers, one phone", fmt.Sprintf(send, "0999"), guestNo("asks-#")},
		},
		"MemberRegisterInput.phone": []guess{
			{"one caller, many phones", fmt.Sprintf(register, "{{n}}", "000000"), guestNo("registers")},
		},
		"MemberRegisterInput.code": []guess{
			{"one caller, many codes", fmt.Sprintf(register, "0998", "00{{n}}"), guestNo("guesses")},
			{"many callers, one phone", fmt.Sprintf(register, "0997", "00{{n}}"), guestNo("guesses-#")},
		},
		"MemberCardBindInput.cardNumber": []guess{
			{"one member, many cards", fmt.Sprintf(bind, `cardNumber: "691000{{n}}"`), memberNo("a-1001")},
			{"many members, one card", fmt.Sprintf(bind, `cardNumber: "6900009999"`), memberNo("a-1003", "a-1004", "a-1005", "a-1006", "a-1007", "a-1008")},
		},
		"MemberCardBindInput.pin": []guess{
			{"many members, one card", fmt.Sprintf(bind, `cardNumber: "6900000001", pin: "{{n}}"`), memberNo("a-1003", "a-1004", "a-1005", "a-1006")},
		},
		"MemberMergeInput.phone": []guess{
			{"one member, many phones", fmt.Sprintf(merge, `phone: "1390014{{n}}", code: "000000"`), memberNo("a-1002")},
		},
		"MemberMergeInput.code": []guess{
			{"many members, one phone", fmt.Sprintf(merge, `phone: "13900140999", code: "00{{n}}"`), memberNo("a-1003", "a-1004", "a-1005", "a-1006")},
		},
		"MemberMergeInput.cardNumber": []guess{
			{"one member, many cards", fmt.Sprintf(merge, `cardNumber: "690000{{n}}", pin: "0000"`), memberNo("a-1002")},
		},
		"MemberMergeInput.pin": []guess{
			{"many members, one card", fmt.Sprintf(merge, `cardNumber: "6900000002", pin: "{{n}}"`), memberNo("a-1005", "a-1006", "a-1007", "a-1008")},
		},
		"CartCouponApplyInput.coupon": []guess{
			{"one member", `cartCouponApply(input: {cartId: "{{cart}}", coupon: "C{{n}}"}, idempotencyKey: "{{n}}") { userErrors { code message ... on LimitReached { limit } } }`, memberNo("a-1001")},
		},
		"PickupVerifyInput.code": []guess{
			{"one associate", fmt.Sprintf(verify, "S-SH01", "AAAA{{n}}"), staffNo("till")},
			{"many associates, one place", fmt.Sprintf(verify, "S-SH02", "BBBB{{n}}"), staffNo("till-#")},
			{"one code", fmt.Sprintf(verify, "S-SH02", "CCCCCCCC"), staffNo("other-#")},
		},
		"PickupHandOverInput.code": []guess{
			{"one associate, one order", fmt.Sprintf(handOver, "{{order}}", "AAAA{{n}}"), staffNo("counter")},
			{"many associates, one place", fmt.Sprintf(handOver, "{{order}}", "BBBB{{n}}"), staffNo("counter-#")},
		},
		"CartCouponRemoveInput.coupon":       "only what is in the caller's own cart is found",
		"CartMergeInput.guestToken":          "a signature over 128 bits drawn by lot",
		"FeedbackSubjectInput.receiptNumber": "only receipts of the caller's own cards are found",
		"Query.order(number)":                "only orders of the caller's own are found, and of places that staff work at",
		"ContactInput.phone":                 contact,
		"DeliveryAddressInput.phone":         contact,
		"DeliveryAddressInput.countryCode":   "no secret",
		"DeliveryAddressInput.postalCode":    "no secret",
	}
}

// guessable are names of values that are short, or known to others, and open something.
var guessable = regexp.MustCompile(`(?i)(code|pin|number|coupon|token|phone|secret|password|email)$`)

// TestEverythingThatCanBeGuessedHasACap finds such inputs in the schema, so that a new one needs a cap or a reason. Global ids are not
// among them: they are digests of 130 bits, and what they name is asked for by its owner (TestNobodyReadsWhatIsNotTheirs).
func TestEverythingThatCanBeGuessedHasACap(t *testing.T) {
	table := guarded()
	var found []string
	for _, d := range generated.NewExecutableSchema(generated.Config{}).Schema().Types {
		for _, f := range d.Fields {
			if d.Kind == ast.InputObject && guessable.MatchString(f.Name) {
				found = append(found, d.Name+"."+f.Name)
			}
			for _, a := range f.Arguments {
				if guessable.MatchString(a.Name) {
					found = append(found, d.Name+"."+f.Name+"("+a.Name+")")
				}
			}
		}
	}
	public := []string{"MemberRegisterInput.email", "MemberProfileUpdateInput.email", "DataCorrectionRequestInput.email"} // stored, never looked up
	for _, name := range found {
		if _, known := table[name]; !known && !slices.Contains(public, name) {
			t.Errorf("%s can be guessed at, and nothing says how often", name)
		}
	}
	for name := range table {
		if !slices.Contains(found, name) {
			t.Errorf("there is no %s", name)
		}
	}
}

// TestGuessingComesToAnEnd tries every one of them in every way, without ever being right.
func TestGuessingComesToAnEnd(t *testing.T) {
	oneByOne(t)
	for name, guard := range guarded() {
		ways, capped := guard.([]guess)
		for i, w := range ways {
			t.Run(name+", "+w.way, func(t *testing.T) { // one gateway each, so that no way is closed by another
				g := &guessers{t: t, rig: newRigOf(t, "embedded", demo.Builtin(1, time.Now()).Corner(4, 14).AlwaysOpen(), patiently, withTerms(littleMayBeTried))}
				g.prepare()
				tries := 0
				for ; tries < 4*mayTry; tries++ {
					if limit, refused := g.try(w, 1000*(i+1)+tries); refused {
						if limit != mayTry {
							t.Errorf("the refusal names the limit %d", limit)
						}
						break
					}
				}
				if tries != mayTry {
					t.Errorf("%d could be tried, want %d", tries, mayTry)
				}
			})
		}
		if !capped && guard.(string) == "" {
			t.Errorf("%s: no reason", name)
		}
	}
}

// prepare places an order to be collected and opens a member's cart.
func (g *guessers) prepare() {
	var a struct {
		Cart   struct{ Cart struct{ ID string } }
		Placed struct{ Order struct{ ID string } }
	}
	const lines = `lines: [{sku: "10000018", quantity: 1, method: PICKUP, locationId: "S-SH01"}]`
	do := func(token, query string) {
		answer := g.ask(g.t, token, query, nil)
		if len(answer.Errors) > 0 {
			g.t.Fatalf("%s: %+v", query, answer.Errors)
		}
		must(g.t, json.Unmarshal(answer.Data, &a))
	}
	owner := g.as(auth.RoleGuest, "g-owner")
	do(owner, `mutation { cart: cartCreate(input: {`+lines+`}, idempotencyKey: "1") { cart { id } } }`)
	do(owner, fmt.Sprintf(`mutation { placed: checkoutComplete(input: {cartId: %q, cartVersion: 2,
		contact: {name: "Zhou Min", phone: "13800101002"}}, idempotencyKey: "2") { order { id } } }`, a.Cart.Cart.ID))
	g.orders = append(g.orders, a.Placed.Order.ID)
	do(g.as(auth.RoleMember, "a-1001"), `mutation { cart: cartCreate(input: {`+lines+`}, idempotencyKey: "1") { cart { id } } }`)
	g.cart = a.Cart.Cart.ID
}

// try takes the n-th guess; refused says that no more may be tried, limit how many could.
func (g *guessers) try(w guess, n int) (limit int, refused bool) {
	g.t.Helper()
	document := strings.NewReplacer("{{n}}", fmt.Sprintf("%04d", n), "{{order}}", g.orders[0], "{{cart}}", g.cart).Replace(w.document)
	answer := g.ask(g.t, w.who(g, n), "mutation { done: "+document+" }", nil)
	var a struct {
		Done struct {
			UserErrors []struct {
				Code, Message string
				Limit         int
			}
		}
	}
	if len(answer.Errors) > 0 {
		g.t.Fatalf("%s: %+v", document, answer.Errors)
	}
	must(g.t, json.Unmarshal(answer.Data, &a))
	for _, e := range a.Done.UserErrors {
		if e.Code == string(retail.WhyLimitReached) {
			if !strings.Contains(e.Message, "try again in ") {
				g.t.Errorf("the refusal does not say when to come back: %q", e.Message)
			}
			return e.Limit, true
		}
	}
	return 0, false
}
