package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/retail"
)

// What goes where an id goes, besides global ids by their kind.
const (
	numberOfOrder   = "number of an order"
	numberOfReceipt = "number of a receipt"
	addressOf       = "address of a member"
	couponOf        = "coupon of a member"
	guestToken      = "token of a guest"
	partOf          = "part of an order or a cart" // which is found by it
	everybodys      = "known to everybody"
	guessed         = "counted tries" // guess_test.go is about them
	staffOnly       = "a name that staff with a scope gives"
)

var everyKind = []string{
	retail.KindCart, retail.KindData, retail.KindFeedback, retail.KindHold, retail.KindMember, retail.KindOrder, retail.KindReceipt,
}

// fits is what goes where an argument or input field of this name is. A name that is not here fails the suite.
var fits = map[string][]string{
	"id": everyKind, "ids": everyKind, "cartId": {retail.KindCart}, "orderId": {retail.KindOrder}, "holdId": {retail.KindHold},
	"holdIds": {retail.KindHold}, "feedbackId": {retail.KindFeedback}, "requestId": {retail.KindData},
	"number": {numberOfOrder}, "receiptNumber": {numberOfReceipt}, "addressId": {addressOf}, "coupon": {couponOf}, "guestToken": {guestToken},
	"fulfillmentId": {partOf}, "lineId": {partOf}, "lineIds": {partOf}, "returnId": {partOf}, "mergeId": {partOf}, "after": {partOf},
	"locationId": {everybodys}, "locationIds": {everybodys}, "inStockAt": {everybodys}, "categoryIds": {everybodys}, "countryCode": {everybodys}, "postalCode": {everybodys},
	"code": {guessed}, "cardNumber": {guessed}, "tokenId": {staffOnly}, "subject": {staffOnly},
}

var likeAnID = regexp.MustCompile(`(?i)(ids?|numbers?|codes?|tokens?|coupons?|subject|after|cursor)$`)

// idPlace is where an id goes: the way through arguments and inputs of a field.
type idPlace struct {
	of    *ast.Definition
	field *ast.FieldDefinition
	way   []string
	fits  []string
}

func (p idPlace) String() string {
	return p.of.Name + "." + p.field.Name + "(" + strings.Join(p.way, ".") + ")"
}

// idPlaces lists every place of the schema where an id goes.
func idPlaces(t *testing.T, s *ast.Schema) (list []idPlace) {
	t.Helper()
	var walk func(p idPlace, typ *ast.Type)
	walk = func(p idPlace, typ *ast.Type) {
		def, name := s.Types[typ.Name()], p.way[len(p.way)-1]
		switch {
		case def.Kind == ast.InputObject:
			for _, f := range def.Fields {
				next := p
				next.way = append(slices.Clone(p.way), f.Name)
				walk(next, f.Type)
			}
		case def.Name == "ID" || def.Name == "String" && likeAnID.MatchString(name) && name != "idempotencyKey":
			if p.fits = fits[name]; p.fits == nil {
				t.Errorf("%s: nothing is known that goes there", p)
				return
			}
			list = append(list, p)
		}
	}
	for _, def := range s.Types {
		if def.Kind != ast.Object || strings.HasPrefix(def.Name, "__") {
			continue
		}
		for _, f := range def.Fields {
			for _, a := range f.Arguments {
				if !strings.HasPrefix(f.Name, "__") {
					walk(idPlace{of: def, field: f, way: []string{a.Name}}, a.Type)
				}
			}
		}
	}
	slices.SortFunc(list, func(a, b idPlace) int { return strings.Compare(a.String(), b.String()) })
	return list
}

// possession is something that belongs to somebody, and what looks like it and does not exist.
type possession struct{ what, owner, id, absent string }

// prober asks for everything as everybody.
type prober struct {
	*belongings

	schema *ast.Schema
	things []possession
	who    map[string]string // tokens
	carts  map[string]ownCart
	asked  int
	keys   int
}

// ownCart is a cart of somebody who asks for things of others.
type ownCart struct {
	ID      string
	Version int
}

func newProber(t *testing.T) *prober {
	t.Helper()
	p := &prober{belongings: owned(t), schema: generated.NewExecutableSchema(generated.Config{}).Schema(), carts: map[string]ownCart{}}
	p.who = p.strangers(t)
	partners := demoPartners(p.retailer)
	partner := func(i int) string {
		return p.token(t, auth.Principal{Role: auth.RolePartner, Subject: "g-owner", Client: partners[i].ID, Scopes: partners[i].Scopes})
	}
	p.who["a registered partner"], p.who["another registered partner"] = partner(0), partner(1)
	add := func(what, owner, id, absent string) {
		if id == "" {
			t.Fatalf("%s has no %s", owner, what)
		}
		p.things = append(p.things, possession{what, owner, id, absent})
	}
	global := func(owner, id string) {
		kind, key, _ := retail.ParseGlobalID(id)
		add(kind, owner, id, retail.GlobalID(kind, another(key)))
	}
	for _, kind := range slices.Sorted(keys(p.ids)) {
		owner := "the guest"
		if kind == retail.KindMember || kind == retail.KindReceipt {
			owner = "the member"
		}
		global(owner, p.ids[kind])
	}
	var a struct {
		Hold    struct{ Hold struct{ ID string } }
		Request struct{ Request struct{ ID string } }
		Saved   struct {
			Member struct{ Addresses []struct{ ID string } }
		}
		Cart struct{ Cart ownCart }
		Me   struct {
			Coupons []struct{ Number string }
			Orders  struct {
				Nodes []struct{ Receipt *struct{ Number string } }
			}
		}
	}
	for owner, place := range map[string]string{"an associate of another store": "S-SH02", "a registered partner": partners[0].Reach.Locations[0]} {
		p.do(t, p.who[owner], fmt.Sprintf(`mutation { hold: stockHoldCreate(input: {locationId: %q, items: [{sku: %q}], allowPartial: true},
			idempotencyKey: "own") { hold { id } } }`, place, p.stocked(t, p.who[owner], place)), &a)
		global(owner, a.Hold.Hold.ID)
	}
	p.do(t, p.guest, `mutation { request: dataExportRequest(input: {}, idempotencyKey: "export") { request { id } } }`, &a)
	global("the guest", a.Request.Request.ID)
	p.do(t, p.member, `mutation { saved: memberAddressSave(input: {address: {recipient: "Li", phone: "13800101001", line: "Road 1",
		city: "Shanghai", province: "Shanghai"}}, idempotencyKey: "address") { member { addresses { id } } } }`, &a)
	add(addressOf, "the member", a.Saved.Member.Addresses[0].ID, another(a.Saved.Member.Addresses[0].ID))
	p.do(t, p.member, `{ me { coupons { number } orders { nodes { receipt { number } } } } }`, &a)
	add(couponOf, "the member", a.Me.Coupons[0].Number, another(a.Me.Coupons[0].Number))
	for _, n := range a.Me.Orders.Nodes {
		if n.Receipt != nil {
			add(numberOfReceipt, "the member", n.Receipt.Number, another(n.Receipt.Number))
			break
		}
	}
	add(numberOfOrder, "the guest", p.number, another(p.number))
	for _, who := range []string{"another guest", "a member named like the guest"} {
		p.do(t, p.who[who], `mutation { cart: cartCreate(input: {lines: [{sku: "10000018", method: PICKUP, locationId: "S-SH01"}]},
			idempotencyKey: "own") { cart { id version } } }`, &a)
		p.carts[who] = a.Cart.Cart
	}
	return p
}

// another is an id of the same form: digits become other digits, letters other letters.
func another(id string) string {
	b := []byte(id)
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9' && i > 1:
			b[i] = '0' + (c-'0'+7)%10
		case c >= 'a' && c <= 'f' && i > 1:
			b[i] = 'a' + (c-'a'+1)%6
		}
	}
	if string(b) == id {
		return id[:len(id)-1] + "0"
	}
	return string(b)
}

// stocked is a SKU that a caller can hold at a place.
func (p *prober) stocked(t *testing.T, token, place string) string {
	t.Helper()
	var a struct {
		Products struct {
			Nodes []struct {
				Variants []struct {
					SKU               string
					StoreAvailability []struct{ Available *bool }
				}
			}
		}
	}
	p.do(t, token, fmt.Sprintf(`{ products(first: 10) { nodes { variants { sku storeAvailability(locationIds: [%q]) { available } } } } }`, place), &a)
	for _, n := range a.Products.Nodes {
		for _, v := range n.Variants {
			for _, s := range v.StoreAvailability {
				if s.Available != nil && *s.Available {
					return v.SKU
				}
			}
		}
	}
	t.Fatalf("%s has nothing to hold", place)
	return ""
}

// may reports whether somebody may read a thing, or change some of it.
func (p *prober) may(who string, thing possession) bool {
	serves := []string{retail.KindOrder, retail.KindFeedback, numberOfOrder}
	return who == thing.owner || slices.Contains([]string{"an operator", "an associate of the store"}, who) && slices.Contains(serves, thing.what)
}

var (
	moving = regexp.MustCompile(`"asOf":("[^"]*"|null),"ageSeconds":(\d+|null)|"remaining":\d+|"tookMs":\d+`)
	given  = regexp.MustCompile(`"(locations?|Columns?)":\[\{"line":\d+,"column":\d+\}\]`)
)

// raw is what is answered, byte for byte apart from what moves by itself and from the ids that were asked for.
func (p *prober) raw(t *testing.T, token, query string, variables map[string]any, echoes ...string) string {
	t.Helper()
	p.asked++
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	must(t, err)
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, p.url+"/graphql", bytes.NewReader(body))
	must(t, err)
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := p.client.Do(request)
	must(t, err)
	text, err := io.ReadAll(response.Body)
	must(t, err)
	must(t, response.Body.Close())
	out := given.ReplaceAllString(moving.ReplaceAllString(string(text), ""), "")
	if list, rest, found := strings.Cut(strings.TrimPrefix(out, `{"errors":[`), `],"data":`); found && list != "" { // in no order
		errs := strings.SplitAfter(list, `"}}`)
		for i := range errs {
			errs[i] = strings.TrimPrefix(errs[i], ",")
		}
		slices.Sort(errs)
		out = strings.Join(errs, ",") + rest
	}
	for _, e := range echoes {
		out = strings.ReplaceAll(out, e, "(id)")
		out = strings.ReplaceAll(out, e[:min(len(e), 40)], "(id)") // as messages clip it
	}
	return strconv.Itoa(response.StatusCode) + " " + out
}

// takesBack reports whether somebody may take goods of any order back: they can be returned to any store, so whoever stands at a
// counter and is told an order's id finds it. The ids cannot be guessed.
func (p *prober) takesBack(who string, at idPlace) bool {
	return at.field.Name == "returnReceive" && strings.HasPrefix(who, "an associate")
}

// same asks for a thing and for what does not exist, and wants one answer.
func (p *prober) same(t *testing.T, who, way string, thing possession, ask func(id string) (query string, variables map[string]any)) string {
	t.Helper()
	answers := make([]string, 2)
	for i, id := range []string{thing.id, thing.absent} {
		query, variables := ask(id)
		answers[i] = p.raw(t, p.who[who], query, variables, id)
	}
	if answers[0] != answers[1] {
		query, _ := ask(thing.id)
		t.Errorf("%s tells the %s of %s by %s from what does not exist:\n%s\n%s\n%s", who, thing.what, thing.owner, way, query, answers[0], answers[1])
	}
	return answers[0]
}

// TestNobodyTellsWhatExists asks, in every place where an id goes and as everybody, for what belongs to somebody else: the answer
// is that to an id that does not exist.
func TestNobodyTellsWhatExists(t *testing.T) {
	oneByOne(t)
	p := newProber(t)
	all := idPlaces(t, p.schema)
	before, calls := p.snapshot(t), map[string]int{}
	for _, who := range slices.Sorted(keys(p.who)) {
		for _, at := range all {
			for _, thing := range p.things {
				if !slices.Contains(at.fits, thing.what) || p.may(who, thing) || p.takesBack(who, at) {
					continue
				}
				asked := p.asked
				switch at.of {
				case p.schema.Query:
					p.probeQuery(t, who, at, thing)
				case p.schema.Mutation:
					p.probeMutation(t, who, at, thing)
				case p.schema.Subscription:
					p.probeSubscription(t, who, at, thing)
				default:
					t.Errorf("%s: ids of possessions go to root fields only", at)
				}
				calls[at.of.Name] += p.asked - asked
			}
		}
	}
	if now := p.snapshot(t); now != before {
		t.Errorf("somebody changed something:\n%s\n%s", before, now)
	}
	p.nobodyAnyMore(t, all, calls)
	t.Logf("%d places, %d things, %d callers, requests: %v", len(all), len(p.things), len(p.who), calls)
	if len(all) < 60 || p.asked < 3000 {
		t.Errorf("only %d places and %d requests", len(all), p.asked)
	}
}

// probeQuery asks by a literal, a variable, two aliases and fragments on the interface.
func (p *prober) probeQuery(t *testing.T, who string, at idPlace, thing possession) {
	t.Helper()
	f, arg := at.field, at.field.Arguments.ForName(at.way[0])
	if len(at.way) > 1 {
		t.Errorf("%s: no way to ask", at)
		return
	}
	list := arg.Type.Elem != nil
	value := func(text string) string {
		if list {
			return "[" + text + "]"
		}
		return text
	}
	selection := "{ __typename ...N }"
	if p.schema.Types[f.Type.Name()].Name != "Node" {
		selection = "{ __typename id }"
	}
	const fragment = ` fragment N on Node { __typename id ... on Order { number status payments { redirectUrl } } ... on Cart { note }
		... on Member { profile { name } } ... on Receipt { number } ... on Feedback { text } }`
	more := ""
	if strings.Contains(selection, "...N") {
		more = fragment
	}
	call := func(value string) string { return fmt.Sprintf("%s(%s: %s) %s", f.Name, arg.Name, value, selection) }
	ways := map[string]func(id string) (string, map[string]any){
		"literal": func(id string) (string, map[string]any) {
			return "{ " + call(value(strconv.Quote(id))) + " }" + more, nil
		},
		"variable": func(id string) (string, map[string]any) {
			var v any = id
			if list {
				v = []string{id}
			}
			return fmt.Sprintf("query($v: %s) { %s }%s", arg.Type, call("$v"), more), map[string]any{"v": v}
		},
		"default of a variable": func(id string) (string, map[string]any) {
			return fmt.Sprintf("query($v: %s = %s) { %s }%s", arg.Type, value(strconv.Quote(id)), call("$v"), more), nil
		},
		"fragments": func(id string) (string, map[string]any) {
			return "{ ...Q } fragment Q on Query { ... on Query { " + call(value(strconv.Quote(id))) + " } }" + more, nil
		},
		"aliases": func(id string) (string, map[string]any) {
			return "{ a: " + call(value(strconv.Quote(id))) + " b: " + call(value(strconv.Quote(id))) + " }" + more, nil
		},
	}
	for _, way := range slices.Sorted(keys(ways)) {
		got := p.same(t, who, at.String()+" as "+way, thing, ways[way])
		if strings.Contains(got, `"__typename":"`+thing.what+`"`) {
			t.Errorf("%s reads the %s of %s by %s: %s", who, thing.what, thing.owner, at, got)
		}
	}
	both := fmt.Sprintf("{ a: %s b: %s }%s", call(value(strconv.Quote(thing.id))), call(value(strconv.Quote(thing.absent))), more)
	var data map[string]json.RawMessage
	p.asked++
	answer := p.ask(t, p.who[who], both, nil)
	if len(answer.Data) > 0 {
		must(t, json.Unmarshal(answer.Data, &data))
	}
	if !bytes.Equal(data["a"], data["b"]) {
		t.Errorf("%s tells the %s of %s by two aliases of %s: %s", who, thing.what, thing.owner, at, answer.Data)
	}
}

// probeMutation names a thing in an input, beside others of its owner and, where that makes sense, beside the caller's own cart.
func (p *prober) probeMutation(t *testing.T, who string, at idPlace, thing possession) {
	t.Helper()
	f := at.field
	selection := "userErrors { code message field }"
	for _, has := range p.schema.Types[f.Type.Name()].Fields {
		if p.schema.Types[has.Type.Name()].Kind == ast.Object && has.Name != "warnings" {
			selection += " " + has.Name + " { __typename }"
		}
	}
	carts := []ownCart{{ID: p.ids[retail.KindCart], Version: 1}}
	if own, has := p.carts[who]; has && thing.what != retail.KindCart {
		carts = append(carts, own)
	}
	for i, cart := range carts {
		got := p.same(t, who, fmt.Sprintf("%s with cart %d", at, i), thing, func(id string) (string, map[string]any) {
			p.keys++
			in := filling{prober: p, way: at.way, id: id, cart: cart}
			return fmt.Sprintf(`mutation { %s(input: %s, idempotencyKey: "probe-%d") { %s } }`,
				f.Name, in.value(f.Arguments.ForName("input").Type, []string{"input"}), p.keys, selection), nil
		})
		if !strings.Contains(got, `"code"`) {
			t.Errorf("%s names the %s of %s by %s and is not refused: %s", who, thing.what, thing.owner, at, got)
		}
	}
}

// filling writes an input with an id at the end of a way.
type filling struct {
	*prober

	way  []string
	id   string
	cart ownCart
}

func (in filling) on(way []string) bool {
	return len(way) <= len(in.way) && slices.Equal(way, in.way[:len(way)])
}

func (in filling) value(typ *ast.Type, way []string) string {
	if typ.Elem != nil {
		return "[" + in.value(typ.Elem, way) + "]"
	}
	name := way[len(way)-1]
	def := in.schema.Types[typ.NamedType]
	switch {
	case slices.Equal(way, in.way):
		return strconv.Quote(in.id)
	case def.Kind == ast.InputObject:
		var fields []string
		for _, f := range def.Fields {
			next := append(slices.Clone(way), f.Name)
			needed := f.Type.NonNull && f.DefaultValue == nil || in.on(next) || f.Name == "lines" && !in.on([]string{"input", "returnId"})
			if def.Name == "FeedbackSubjectInput" && f.Name == "orderId" && !in.on(way) {
				needed = true
			}
			if needed {
				fields = append(fields, f.Name+": "+in.value(f.Type, next))
			}
		}
		return "{" + strings.Join(fields, ", ") + "}"
	case name == "cartId":
		return strconv.Quote(in.cart.ID)
	case name == "cartVersion":
		return strconv.Itoa(in.cart.Version)
	}
	text, _ := in.belongings.value(in.schema, &ast.Type{NamedType: typ.NamedType, NonNull: true}, strings.TrimSuffix(name, "s"))
	return text
}

// probeSubscription asks over a socket.
func (p *prober) probeSubscription(t *testing.T, who string, at idPlace, thing possession) {
	t.Helper()
	var heard [2]string
	for i, id := range []string{thing.id, thing.absent} {
		p.asked++
		heard[i] = p.heard(t, p.who[who], fmt.Sprintf("subscription { %s(%s: %q) { __typename id number } }", at.field.Name, at.way[0], id), id)
	}
	if heard[0] != heard[1] || strings.Contains(heard[0], `"__typename":"Order"`) {
		t.Errorf("%s hears of the %s of %s by %s:\n%s\n%s", who, thing.what, thing.owner, at, heard[0], heard[1])
	}
}

// heard is the first message of a subscription, or why there is none.
func (p *prober) heard(t *testing.T, token, query, echo string) string {
	t.Helper()
	w := p.dial(t, nil)
	defer func() { _ = w.CloseNow() }()
	payload := map[string]string{}
	if token != "" {
		payload["Authorization"] = "Bearer " + token
	}
	w.say(t, map[string]any{"type": "connection_init", "payload": payload})
	if _, err := w.next(t); err != nil {
		return err.Error()
	}
	w.subscribe(t, "1", query, nil)
	got, err := w.next(t)
	if err != nil {
		return err.Error()
	}
	text := given.ReplaceAllString(moving.ReplaceAllString(string(got.Payload), ""), "")
	return got.Type + " " + strings.ReplaceAll(text, echo, "(id)")
}

// nobodyAnyMore takes back the guest's token, then lets the tokens of everybody expire: whoever owns something is a stranger now.
func (p *prober) nobodyAnyMore(t *testing.T, all []idPlace, calls map[string]int) {
	t.Helper()
	refused := func(state, who string) {
		asked := p.asked
		for _, at := range all {
			for _, thing := range p.things {
				if !slices.Contains(at.fits, thing.what) {
					continue
				}
				query := ""
				switch {
				case at.of == p.schema.Query && at.field.Arguments.ForName(at.way[0]).Type.Elem == nil:
					query = fmt.Sprintf("{ %s(%s: %q) { __typename } }", at.field.Name, at.way[0], thing.id)
				case at.of == p.schema.Mutation:
					in := filling{prober: p, way: at.way, id: thing.id, cart: ownCart{ID: p.ids[retail.KindCart], Version: 1}}
					query = fmt.Sprintf(`mutation { %s(input: %s, idempotencyKey: "late") { __typename } }`,
						at.field.Name, in.value(at.field.Arguments.ForName("input").Type, []string{"input"}))
				default:
					continue
				}
				if got := p.raw(t, p.who[who], query, nil); !strings.HasPrefix(got, "401 ") || !strings.Contains(got, "the token is not accepted") {
					t.Errorf("%s, whose token %s, asks %s: %s", who, state, query, got)
				}
			}
		}
		calls[state] += p.asked - asked
	}
	p.do(t, p.operator, `mutation { tokenRevoke(input: {subject: "g-owner"}, idempotencyKey: "back") { effectiveBy userErrors { code } } }`, &struct{}{})
	eventually(t, func() error {
		if got := p.raw(t, p.guest, "{ __typename }", nil); !strings.HasPrefix(got, "401 ") {
			return fmt.Errorf("still accepted: %s", got)
		}
		return nil
	})
	refused("is revoked", "the guest")
	p.ahead.Store(int64(2 * time.Hour))
	for _, who := range []string{"the member", "an operator", "an associate of the store"} {
		refused("has expired", who)
	}
}
