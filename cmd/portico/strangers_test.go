package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/retail"
)

// belongings are what a member and a guest have: everything that somebody else could name.
type belongings struct {
	*rig

	member, guest string // tokens
	ids           map[string]string
	number        string // of the guest's order
}

// owned makes one of everything. The guest has cart, hold, order and complaint, the member a receipt.
func owned(t *testing.T) *belongings {
	t.Helper()
	b := &belongings{
		rig: newRigOf(t, "embedded", demo.Builtin(1, time.Now()).Corner(4, 14).AlwaysOpen(), patiently), ids: map[string]string{},
	}
	b.member = b.token(t, auth.Principal{Role: auth.RoleMember, Subject: "a-1001"})
	b.guest = b.token(t, auth.Principal{Role: auth.RoleGuest, Subject: "g-owner"})
	var a struct {
		Hold      struct{ Hold struct{ ID string } }
		First     struct{ Cart struct{ ID string } }
		Placed    struct{ Order struct{ ID, Number string } }
		Complaint struct{ Feedback struct{ ID string } }
		Me        struct {
			ID     string
			Orders struct {
				Nodes []struct{ Receipt *struct{ ID string } }
			}
		}
	}
	const lines = `lines: [{sku: "10000018", quantity: 1, method: PICKUP, locationId: "S-SH01"}]`
	b.do(t, b.guest, `mutation { first: cartCreate(input: {`+lines+`}, idempotencyKey: "1") { cart { id } } }`, &a)
	b.do(t, b.guest, fmt.Sprintf(`mutation { placed: checkoutComplete(input: {cartId: %q, cartVersion: 2,
		contact: {name: "Zhou Min", phone: "13800101002"}}, idempotencyKey: "2") { order { id number } } }`, a.First.Cart.ID), &a)
	b.ids[retail.KindOrder], b.number = a.Placed.Order.ID, a.Placed.Order.Number
	b.do(t, b.guest, fmt.Sprintf(`mutation { orderPay(input: {orderId: %q, method: "redirect"}, idempotencyKey: "pay") {
		order { payments { redirectUrl } } } }`, b.ids[retail.KindOrder]), &a)
	b.do(t, b.guest, fmt.Sprintf(`mutation { complaint: complaintCreate(input: {subject: {orderId: %q}, text: "Late."},
		idempotencyKey: "3") { feedback { id } } }`, b.ids[retail.KindOrder]), &a)
	b.ids[retail.KindFeedback] = a.Complaint.Feedback.ID
	b.do(t, b.guest, `mutation { first: cartCreate(input: {`+lines+`}, idempotencyKey: "4") { cart { id } }
		hold: stockHoldCreate(input: {locationId: "S-SH01", items: [{sku: "10000018"}]}, idempotencyKey: "5") { hold { id } } }`, &a)
	b.ids[retail.KindCart], b.ids[retail.KindHold] = a.First.Cart.ID, a.Hold.Hold.ID
	b.do(t, b.member, `{ me { id orders { nodes { receipt { id } } } } }`, &a)
	b.ids[retail.KindMember] = a.Me.ID
	for _, p := range a.Me.Orders.Nodes {
		if p.Receipt != nil {
			b.ids[retail.KindReceipt] = p.Receipt.ID
		}
	}
	for kind, id := range b.ids {
		if got, _, _ := retail.ParseGlobalID(id); got != kind {
			t.Fatalf("%s has the id %q", kind, id)
		}
	}
	return b
}

func (b *belongings) do(t *testing.T, token, query string, into any) {
	t.Helper()
	answer := b.ask(t, token, query, nil)
	if len(answer.Errors) > 0 {
		t.Fatalf("%s: %+v", query, answer.Errors)
	}
	must(t, json.Unmarshal(answer.Data, into))
}

// strangers are everybody else, by what they are.
func (b *belongings) strangers(t *testing.T) map[string]string {
	t.Helper()
	associate := func(subject string, scopes []auth.Scope, places ...string) string {
		return b.token(t, auth.Principal{Role: auth.RoleAssociate, Subject: subject, Scopes: scopes, Locations: places})
	}
	return map[string]string{
		"nobody":                         "",
		"another guest":                  b.token(t, auth.Principal{Role: auth.RoleGuest, Subject: "g-other"}),
		"a member named like the guest":  b.token(t, auth.Principal{Role: auth.RoleMember, Subject: "a-1002"}),
		"a guest named like the member":  b.token(t, auth.Principal{Role: auth.RoleGuest, Subject: "a-1001"}),
		"a partner":                      b.token(t, auth.Principal{Role: auth.RolePartner, Subject: "g-owner", Scopes: auth.Scopes()}),
		"an associate of another store":  associate("g-owner", nil, "S-SH02"),
		"an associate of no store":       associate("nowhere", nil),
		"an associate without a scope":   associate("till", []auth.Scope{auth.ScopeStockRead}, "S-SH01"),
		"an associate of the store":      associate("shelf", nil, "S-SH01"),
		"an operator":                    b.operator,
		"an operator without any scope":  b.token(t, auth.Principal{Role: auth.RoleOperator, Subject: "o", Scopes: []auth.Scope{}}),
		"the guest":                      b.guest,
		"the member":                     b.member,
		"a forged guest that nobody is":  b.token(t, auth.Principal{Role: auth.RoleGuest, Subject: "member:" + b.ids[retail.KindMember]}),
		"an associate named as a member": associate("a-1001", nil, "S-SH02"),
	}
}

// TestNobodyReadsWhatIsNotTheirs asks for everything as everybody, in every way that takes an id.
func TestNobodyReadsWhatIsNotTheirs(t *testing.T) {
	b := owned(t)
	guests := []string{retail.KindCart, retail.KindFeedback, retail.KindOrder, retail.KindHold}
	staff := []string{retail.KindFeedback, retail.KindOrder}
	may := map[string][]string{
		"the guest": guests, "the member": {retail.KindMember, retail.KindReceipt},
		"an associate of the store": staff, "an operator": staff,
	}
	const shape = `{ __typename ... on Order { fulfillments { pickupCode { code } } payments { redirectUrl } } }`
	for who, token := range b.strangers(t) {
		got := map[string][]string{}
		for _, kind := range slices.Sorted(keys(b.ids)) {
			id := b.ids[kind]
			ways := map[string]string{"node": `node(id: "` + id + `") ` + shape, "nodes": `nodes(ids: ["` + id + `"]) ` + shape}
			switch kind {
			case retail.KindCart:
				ways["cart"] = `cart(id: "` + id + `") { __typename }`
			case retail.KindHold:
				ways["hold"] = `stockHold(id: "` + id + `") { __typename }`
			case retail.KindOrder:
				ways["order"] = `order(id: "` + id + `") ` + shape
				ways["number"] = `order(number: "` + b.number + `") ` + shape
			}
			for way, query := range ways {
				answer := b.ask(t, token, "{ "+query+" }", nil)
				if strings.Contains(string(answer.Data), `"__typename":"`+kind+`"`) {
					got[way] = append(got[way], kind)
				}
				if kind == retail.KindOrder && strings.Contains(string(answer.Data), `"redirectUrl":"http`) != (who == "the guest") {
					t.Errorf("%s asks how to pay the order by %s: %s", who, way, answer.Data)
				}
				for _, e := range answer.Errors {
					if code := e.Extensions["code"]; code != "FORBIDDEN" && code != "UNAUTHENTICATED" {
						t.Errorf("%s asks for %s by %s: %s %v", who, kind, way, code, e.Message)
					}
				}
			}
		}
		want := map[string][]string{}
		for _, kind := range may[who] {
			for _, way := range map[string][]string{
				retail.KindCart: {"cart"}, retail.KindHold: {"hold"}, retail.KindOrder: {"order", "number"},
			}[kind] {
				want[way] = append(want[way], kind)
			}
			want["node"], want["nodes"] = append(want["node"], kind), append(want["nodes"], kind)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s reads (-want +got):\n%s", who, diff)
		}
	}
}

// TestNobodyChangesWhatIsNotTheirs calls every mutation that takes an id with those of others, as everybody.
func TestNobodyChangesWhatIsNotTheirs(t *testing.T) {
	b := owned(t)
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	before := b.snapshot(t)
	serves := []string{"an associate of the store", "an operator"} // they may change some of it
	asked := 0
	for who, token := range b.strangers(t) {
		if who == "the guest" || slices.Contains(serves, who) {
			continue
		}
		for _, f := range schema.Mutation.Fields {
			input := f.Arguments.ForName("input")
			if input == nil {
				continue
			}
			value, names := b.value(schema, input.Type, "input")
			if !names {
				continue
			}
			asked++
			b.refused(t, schema, f, who, token, value)
		}
	}
	if asked < 200 {
		t.Errorf("only %d calls", asked)
	}
	if diff := gocmp.Diff(before, b.snapshot(t)); diff != "" {
		t.Errorf("somebody changed (-before +after):\n%s", diff)
	}
}

// refused calls a mutation and wants nothing but a refusal.
func (b *belongings) refused(t *testing.T, schema *ast.Schema, f *ast.FieldDefinition, who, token, value string) {
	t.Helper()
	selection := "userErrors { code }"
	for _, part := range schema.Types[f.Type.Name()].Fields {
		if schema.Types[part.Type.Name()].Kind == ast.Object && part.Name != "warnings" {
			selection += " " + part.Name + " { __typename }"
		}
	}
	query := fmt.Sprintf(`mutation { %[1]s(input: %[2]s, idempotencyKey: "%[1]s") { %[3]s } }`, f.Name, value, selection)
	answer := b.ask(t, token, query, nil)
	for _, e := range answer.Errors {
		if code := e.Extensions["code"]; code != "FORBIDDEN" && code != "UNAUTHENTICATED" {
			t.Errorf("%s: %s: %s %s", who, query, code, e.Message)
		}
	}
	if len(answer.Errors) > 0 {
		return
	}
	var data map[string]map[string]any
	must(t, json.Unmarshal(answer.Data, &data))
	payload := data[f.Name]
	no, _ := payload["userErrors"].([]any)
	delete(payload, "userErrors")
	for name, part := range payload {
		if part != nil {
			t.Errorf("%s reads %s: %s", who, name, query)
		}
	}
	for _, e := range no {
		if code := e.(map[string]any)["code"]; code != "NOT_FOUND" && code != "NOT_ALLOWED" {
			t.Errorf("%s: %s: %v", who, query, code)
		}
	}
	if len(no) == 0 {
		t.Errorf("%s: %s was not refused", who, query)
	}
}

// snapshot is everything as its owners see it.
func (b *belongings) snapshot(t *testing.T) string {
	t.Helper()
	var guests, members json.RawMessage
	b.do(t, b.guest, fmt.Sprintf(`{
		order(id: %q) { status contact { name phone } fulfillments { status collector { name } } payments { status } returns { status }
			timeline { kind note } }
		cart(id: %q) { version lines { sku quantity } coupons note }
		stockHold(id: %q) { state expiresAt lines { held } }
		node(id: %q) { ... on Feedback { status replies { text } } } }`,
		b.ids[retail.KindOrder], b.ids[retail.KindCart], b.ids[retail.KindHold], b.ids[retail.KindFeedback]), &guests)
	b.do(t, b.member, `{ me { profile { name phone } addresses { line: recipient } identities { key } preferredStore { code } } }`, &members)
	return string(guests) + string(members)
}

// value writes an input that fits, with the ids of what belongs to others where one is asked for.
func (b *belongings) value(s *ast.Schema, t *ast.Type, name string) (text string, names bool) {
	if t.Elem != nil {
		text, names = b.value(s, t.Elem, strings.TrimSuffix(name, "s"))
		return "[" + text + "]", names
	}
	def := s.Types[t.NamedType]
	if def.Kind == ast.InputObject {
		var fields []string
		for _, f := range def.Fields {
			if f.Name == "returnId" && !f.Type.NonNull || f.Name == "receiptNumber" || f.Name == "collector" || f.Name == "addressId" ||
				f.Name == "expectedVersion" {
				continue
			}
			value, id := b.value(s, f.Type, f.Name)
			fields, names = append(fields, f.Name+": "+value), names || id
		}
		return "{" + strings.Join(fields, ", ") + "}", names
	}
	if kind, ok := map[string]string{
		"cartId": retail.KindCart, "orderId": retail.KindOrder, "holdId": retail.KindHold, "feedbackId": retail.KindFeedback,
	}[name]; ok {
		return `"` + b.ids[kind] + `"`, true
	}
	switch def.Name {
	case "Int", "Float":
		return "1", false
	case "Boolean":
		return "true", false
	case "Decimal":
		return `"1.00"`, false
	case "DateTime":
		return `"2026-11-22T10:00:00Z"`, false
	case "FulfillmentMethod":
		return "PICKUP", false
	case "FeedbackKind":
		return "NPS", false
	}
	if def.Kind == ast.Enum {
		return def.EnumValues[len(def.EnumValues)-1].Name, false
	}
	plain := map[string]string{
		"locationId": "S-SH01", "fulfillmentId": "f1", "lineId": "1", "returnId": "r1", "sku": "10000018", "phone": "13800101002",
		"countryCode": "CN", "method": "wallet", "code": "AAAA2222",
	}
	if known, ok := plain[name]; ok {
		return `"` + known + `"`, false
	}
	return `"x"`, false
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
