package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/graph/generated"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/ordering"
)

// canaries are values of nobody that must not fly out: what clients send where the schema says @personal, by the name of the
// input. The text of each is the value.
var canaries = map[string]any{
	"name": "Kanarie Vogel", "recipient": "金丝雀先生", "phone": "+8613955557777", "line": "Kanarienstraße 17", "postalCode": "K4N4R1",
	"province": "Kanarienprovinz 9", "city": "Kanarienstadt 8", "district": "Kanarienviertel 7",
	"position": map[string]any{"latitude": 31.234567, "longitude": 121.456789}, "email": "kanari@vogel.example", "birthday": "1971-03-09",
	"cardNumber": "KANARI9988776655", "pin": "KANARI739154", "code": "KANARICODE",
	"guestToken": "eyJLQU5BUkkxMjM0NTY.eyJLQU5BUkkyMjM0NTY.S0FOQVJJMzIzNDU2", "note": "Kanarinotiz 310101197103091234",
	"spot": "Kanaribucht 5", "reason": "Kanarigrund", "title": "Kanarititel", "text": "Kanaritext",
}

// cages are the texts to look for: the canaries and parts of them that tell as much.
func cages() []string {
	texts := []string{"13955557777", "310101197103091234", "31.234567", "121.456789"}
	for _, v := range canaries {
		if s, ok := v.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

// chatter is a log that can be read while it is written.
type chatter struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (c *chatter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *chatter) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// frail is a ledger that, while it is told to, panics with all that it knows of an order.
type frail struct {
	ordering.Ledger
	told *atomic.Bool
}

func (f frail) Order(ctx context.Context, id string) (*retail.Order, error) {
	o, err := f.Ledger.Order(ctx, id)
	if o != nil && f.told.Load() {
		text, _ := json.Marshal(o)
		panic(string(text))
	}
	return o, err
}

// sent are the operations that put a canary into every personal input of the schema.
type sent struct {
	schema *ast.Schema
	ids    map[string]any // by the name of the input
	covers map[string]bool
}

// operations writes one for each root field with a personal input.
func (s *sent) operations(t testing.TB) (list []string, variables []map[string]any) {
	t.Helper()
	for _, root := range []*ast.Definition{s.schema.Query, s.schema.Mutation, s.schema.Subscription} {
		for _, f := range root.Fields {
			if !slices.ContainsFunc(f.Arguments, func(a *ast.ArgumentDefinition) bool { return personal(a.Directives) || s.holds(a.Type, nil) }) {
				continue
			}
			var defined, passed []string
			values := map[string]any{}
			for _, a := range f.Arguments {
				defined, passed = append(defined, "$"+a.Name+": "+a.Type.String()), append(passed, a.Name+": $"+a.Name)
				values[a.Name] = s.value(t, f.Name, a.Name, a.Type, personal(a.Directives))
			}
			selection := "{ __typename }"
			if result := s.schema.Types[f.Type.Name()]; result.Fields.ForName("userErrors") != nil {
				selection = "{ userErrors { code message field } }"
			}
			list = append(list, fmt.Sprintf("%s(%s) { %s(%s) %s }",
				strings.ToLower(root.Name), strings.Join(defined, ", "), f.Name, strings.Join(passed, ", "), selection))
			variables = append(variables, values)
		}
	}
	return list, variables
}

// holds reports whether a type has a personal field somewhere.
func (s *sent) holds(t *ast.Type, around []string) bool {
	def := s.schema.Types[t.Name()]
	if def.Kind != ast.InputObject || slices.Contains(around, def.Name) {
		return false
	}
	return slices.ContainsFunc(def.Fields, func(f *ast.FieldDefinition) bool {
		return personal(f.Directives) || s.holds(f.Type, append(around, def.Name))
	})
}

func (s *sent) value(t testing.TB, object, name string, typ *ast.Type, isPersonal bool) any {
	t.Helper()
	if isPersonal {
		v, known := canaries[name]
		if !known {
			t.Errorf("there is no canary for %s.%s: add one", object, name)
		}
		s.covers[object+"."+name] = true
		return v
	}
	if typ.Elem != nil {
		return []any{s.value(t, object, name, typ.Elem, false)}
	}
	if id, known := s.ids[name]; known {
		return id
	}
	switch def := s.schema.Types[typ.NamedType]; {
	case def.Kind == ast.Enum:
		return def.EnumValues[0].Name
	case def.Kind == ast.InputObject:
		m := map[string]any{}
		for _, f := range def.Fields {
			if personal(f.Directives) || f.Type.NonNull && f.DefaultValue == nil || s.holds(f.Type, nil) || s.ids[f.Name] != nil {
				m[f.Name] = s.value(t, def.Name, f.Name, f.Type, personal(f.Directives))
			}
		}
		return m
	case typ.NamedType == "Int":
		return 1
	case typ.NamedType == "Boolean":
		return true
	case typ.NamedType == "DateTime":
		return "2026-03-02T04:00:00Z"
	case typ.NamedType == "Decimal":
		return "1.00"
	}
	return "x"
}

// systemsOfRecord are the places of personal data. Requests about one's own data hold a correction until it is made.
var systemsOfRecord = []string{"ledger orders: ", "ledger members: ", "ledger feedback: ", "ledger data_requests: ", "shop ", "tills ", "ERP "}

func TestNoCanaryEscapes(t *testing.T) {
	retailer, options := setting(t, nil)
	log, trembles := &chatter{}, &atomic.Bool{}
	tills, web, office := &parrot{}, &parrot{}, &parrot{}
	parrots := func(told bool) {
		for _, p := range []*parrot{tills, web, office} {
			p.told.Store(told)
		}
	}
	s := &stories{file: filepath.Join(t.TempDir(), "ledger.db")}
	s.journey = newJourney(newRigOf(t, "embedded", retailer, append(options,
		withLedger(s.file), withLog(logFlags{LogLevel: "debug", LogFormat: "json"}.logger(log)),
		withBackends(func(_ *rig, b *backends) {
			b.POSURL, b.ShopURL = tills.before(t, b.POSURL, tillTongues()), web.before(t, b.ShopURL, shopTongues())
			b.ERP = office.database(t, b.ERP)
		}),
		withWrap(func(d ordering.Deps) ordering.Deps {
			d.Ledger = frail{d.Ledger, trembles}
			return d
		}))...))
	s.rig.gateway.log = logFlags{LogLevel: "debug", LogFormat: "json"}.logger(log)
	s.journey.backends = s.stand.Backends(s.client, s.now)
	who := map[string]string{}
	for _, words := range [][]string{{"guest"}, {"member", "a-1002"}, {"associate", "S-SH01"}, {"operator"}} {
		who[words[0]], _ = s.asker(t, words)
	}
	var strangers bytes.Buffer // what everybody but the shopper was answered
	ask := func(role, document string, variables map[string]any) {
		a := s.ask(t, who[role], document, variables)
		text, err := json.Marshal(a)
		must(t, err)
		if role != "guest" && role != "member" {
			strangers.Write(text)
			strangers.WriteByte('\n')
		} else if a.Errors != nil { // errors tell nobody anything, the shopper included
			text, err = json.Marshal(a.Errors)
			must(t, err)
			strangers.Write(text)
		}
	}

	// A guest orders with canaries.
	lines := `[{sku: "10000002", method: PICKUP, locationId: "S-SH01"}]`
	place := func() (cart, order string) {
		cart = s.do(t, who["guest"], `mutation { cartCreate(input: {lines: `+lines+`}, KEY) { cart { id } userErrors { message } } }`, "cartCreate.cart.id")
		s.do(t, who["guest"], fmt.Sprintf(`mutation { cartAddressSet(input: {cartId: %q, address: {recipient: %q, phone: %q, province: %q, city: %q,
			district: %q, line: %q, postalCode: %q, position: {latitude: 31.234567, longitude: 121.456789}}}, KEY) { userErrors { message } } }`,
			cart, canaries["recipient"], canaries["phone"], canaries["province"], canaries["city"], canaries["district"], canaries["line"],
			canaries["postalCode"]), "")
		version := s.do(t, who["guest"], fmt.Sprintf(`mutation { cartNoteSet(input: {cartId: %q, note: %q}, KEY) { cart { version } userErrors { message } } }`,
			cart, canaries["note"]), "cartNoteSet.cart.version")
		return cart, s.do(t, who["guest"], fmt.Sprintf(`mutation { checkoutComplete(input: {cartId: %q, cartVersion: %s, contact: {name: %q, phone: %q},
			collector: {name: %q, phone: %q}}, KEY) { order { id note contact { name phone } address { recipient phone address { line } } } userErrors { message } } }`,
			cart, version, canaries["name"], canaries["phone"], canaries["name"], canaries["phone"]), "checkoutComplete.order.id")
	}
	pay := func(order string) {
		s.do(t, who["guest"], fmt.Sprintf(`mutation { orderPay(input: {orderId: %q, method: "wallet"}, KEY) { userErrors { message } } }`, order), "")
	}
	_, second := place()
	cart, order := place()
	pay(order)
	must(t, s.pick(t, "S-SH01", nil))
	everything := `{ id number note contact { name phone }
		address { recipient phone address { province city district line postalCode } position { latitude longitude } }
		fulfillments { why collector { name phone } courier { name phone } } payments { reason } refunds { reason } returns { reason } timeline { note } }`
	// What shoppers say after the sale is said to whoever answers it, and a review to everybody: that is not among these.
	staff := []string{
		`{ storeOrders(locationId: "S-SH01", first: 100) ` + everything + ` }`, fmt.Sprintf(`{ order(id: %q) %s }`, order, everything),
		fmt.Sprintf(`{ node(id: %q) { id ... on Order %s } }`, order, everything),
		`{ alerts { nodes { id orderNumber } } }`, `{ events { subject data { name value } } }`,
		`{ memberConsistency { differences { memberId fields weakMatches { key why } } } }`, `{ ordersInReview ` + everything + ` }`,
		fmt.Sprintf(`mutation { pickupVerify(input: {locationId: "S-SH01", code: "%s"}, idempotencyKey: "v-1") { order %s userErrors { message } } }`, canaries["code"], everything),
	}
	look := func() {
		for _, document := range staff {
			for _, role := range []string{"associate", "operator"} {
				ask(role, document, nil)
			}
		}
	}
	look()

	// Everybody sends a canary wherever one can be sent, while all is well, while systems repeat what they hear, and while
	// orders fall apart.
	all := &sent{schema: generated.NewExecutableSchema(generated.Config{}).Schema(), covers: map[string]bool{}, ids: map[string]any{
		"orderId": order, "cartId": cart, "fulfillmentId": "f1", "locationId": "S-SH01", "sku": "10000002", "lineId": "l1",
	}}
	for round, trouble := range []func(bool){func(bool) {}, parrots, trembles.Store} {
		trouble(true)
		list, variables := all.operations(t)
		for i, document := range list {
			for role := range maps.Keys(who) {
				variables[i]["idempotencyKey"] = fmt.Sprintf("c-%d-%d-%s", round, i, role)
				if !strings.Contains(document, "$idempotencyKey") {
					delete(variables[i], "idempotencyKey")
				}
				if strings.HasPrefix(document, "subscription") {
					t.Fatal("subscriptions go over another wire")
				}
				ask(role, document, variables[i])
			}
		}
		look()
		ask("guest", fmt.Sprintf(`{ order(id: %q) %s }`, order, everything), nil)
		// What cannot be read is not repeated either.
		ask("guest", `mutation($p: Int!) { memberVerificationSend(input: {phone: $p}, idempotencyKey: "x") { sent } }`, map[string]any{"p": canaries["phone"]})
		ask("guest", fmt.Sprintf(`mutation { memberVerificationSend(input: {phone: %q, nobody: 1}, idempotencyKey: "x") { sent } }`, canaries["phone"]), nil)
		ask("guest", fmt.Sprintf(`{ order(number: %q) { id } } # %s`, canaries["name"], canaries["email"]), nil)
		trouble(false)
	}
	// Systems repeat what jobs tell them: of an order that is prepared, and of what a member wants about their own data.
	tills.told.Store(true)
	pay(second)
	tills.sings(t, "the tills")
	tills.told.Store(false)
	office.told.Store(true)
	s.do(t, who["member"], fmt.Sprintf(`mutation { dataCorrectionRequest(input: {name: %q, email: %q, birthday: %q}, KEY) { request { id } userErrors { message } } }`,
		canaries["name"], canaries["email"], canaries["birthday"]), "dataCorrectionRequest.request.id")
	office.sings(t, "the ERP")
	tills.told.Store(true)
	s.do(t, who["member"], `mutation { dataErasureRequest(input: {confirm: true}, KEY) { request { id } userErrors { message } } }`, "dataErasureRequest.request.id")
	s.jobFails(t, retail.JobData)
	parrots(false)
	if len(all.covers) < 30 {
		t.Errorf("canaries were sent in %d inputs only: %v", len(all.covers), slices.Sorted(maps.Keys(all.covers)))
	}

	// Nobody but the systems of record has one.
	find := func(sink, text string) {
		for _, c := range cages() {
			if at := strings.Index(text, c); at >= 0 {
				t.Errorf("%s has %q: %.300s", sink, c, text[max(0, at-150):])
			}
		}
	}
	if text := log.String(); !strings.Contains(text, `"panic"`) || !strings.Contains(text, "UPSTREAM") {
		t.Error("nothing went wrong")
	} else {
		find("the log", text)
	}
	find("an answer to somebody else", strangers.String())
	metrics, err := s.client.Get(s.url + "/metrics")
	must(t, err)
	text, err := io.ReadAll(metrics.Body)
	must(t, err)
	must(t, metrics.Body.Close())
	find("a metric", string(text))
	for _, found := range s.traces(t, cages()...) {
		if !slices.ContainsFunc(systemsOfRecord, func(of string) bool { return strings.HasPrefix(found, of) }) {
			t.Errorf("a store has a canary: %s", found)
		}
	}
	if !slices.ContainsFunc(s.traces(t, canaries["name"].(string)), func(found string) bool { return strings.HasPrefix(found, "ledger orders: ") }) {
		t.Error("the canary is not even where it belongs")
	}
	head, err := s.ledger.AuditHead(t.Context())
	if must(t, err); head.Seq < 10 {
		t.Errorf("%d readings are on record", head.Seq)
	}
}

// A gateway that dies with requests in its hands leaves its stacks on the standard error stream, and no values.
func TestADyingGatewayDoesNotSing(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	retailer, _ := setting(t, nil)
	w := newWorld(t, "embedded", retailer, nil)
	var session struct {
		GuestSessionCreate struct{ Session struct{ Token string } }
	}
	data, err := w.once(t.Context(), "", `mutation { guestSessionCreate { session { token } } }`, nil)
	must(t, err)
	must(t, json.Unmarshal(data, &session))
	token := session.GuestSessionCreate.Session.Token
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	var singing sync.WaitGroup
	var heard atomic.Int64
	for i := range 8 {
		singing.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				_, err := w.once(ctx, token, `mutation($n: String!, $p: String!, $k: String!) {
					memberRegister(input: {phone: $p, code: "KANARICODE", name: $n}, idempotencyKey: $k) { userErrors { code } } }`,
					map[string]any{"n": canaries["name"], "p": canaries["phone"], "k": fmt.Sprintf("k-%d-%d", i, n)})
				if err == nil {
					heard.Add(1)
				}
			}
		})
	}
	eventually(t, func() error {
		if heard.Load() < 8 {
			return errors.New("it has heard too little")
		}
		return nil
	})
	func() { // the others are still at it
		w.mu.Lock()
		defer w.mu.Unlock()
		w.closing = true // it is not to be started again
		_ = w.process.Process.Signal(syscall.SIGQUIT)
	}()
	eventually(t, func() error {
		if w.killed() == 0 {
			return fmt.Errorf("it lives")
		}
		return nil
	})
	hangUp()
	singing.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.complain.String()
	if !strings.Contains(text, "SIGQUIT") || !strings.Contains(text, "goroutine") {
		t.Fatalf("it left %.300s", text)
	}
	for _, c := range cages() {
		if strings.Contains(text, c) {
			t.Errorf("it sang %q", c)
		}
	}
}
