package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// What the people of these stories leave everywhere.
const (
	traceName  = "Xie Traceless"
	tracePhone = "+8613812340077"
	traceEmail = "trace@vanished.example"
	traceLine  = "Vanishing Lane 77"
	traceNote  = "ring at the vanished bell"
	traceSaid  = "my vanished cousin liked it"
	traceBorn  = "1987-06-05"
)

func traced() []string {
	return []string{traceName, tracePhone, strings.TrimPrefix(tracePhone, "+86"), traceEmail, traceLine, traceNote, traceSaid, traceBorn}
}

// stories plays on a gateway whose stores can be looked into.
type stories struct {
	*journey
	file string // of the ledger
	key  int
}

func newStories(t *testing.T) *stories {
	t.Helper()
	retailer, options := setting(t, nil)
	s := &stories{file: filepath.Join(t.TempDir(), "ledger.db")}
	s.journey = newJourney(newRigOf(t, "embedded", retailer, append(options, withLedger(s.file))...))
	s.backends = s.stand.Backends(s.client, s.now)
	return s
}

// do makes a mutation that nobody refuses and returns what is at a path.
func (s *stories) do(t *testing.T, token, mutation, path string) string {
	t.Helper()
	s.key++
	document := strings.Replace(mutation, "KEY", fmt.Sprintf(`idempotencyKey: "story-%d"`, s.key), 1)
	return valueAt(s.silently(t, token, document, nil), path)
}

const address = `{recipient: "` + traceName + `", phone: "` + tracePhone + `", province: "上海市", city: "上海", district: "黄浦区", line: "` + traceLine + `",
	position: {latitude: 31.236, longitude: 121.479}}`

// live leaves traces of a shopper in every store: a delivered order and a collected one, an open cart, a hold, feedback, a consent.
func (s *stories) live(t *testing.T, token string) {
	t.Helper()
	cart := s.do(t, token, `mutation { cartCreate(input: {lines: [{sku: "10000005", method: INSTANT_DELIVERY}]}, KEY) { cart { id } userErrors { message } } }`, "cartCreate.cart.id")
	s.do(t, token, `mutation { cartNoteSet(input: {cartId: "`+cart+`", note: "`+traceNote+`"}, KEY) { userErrors { message } } }`, "")
	version := s.do(t, token, `mutation { cartAddressSet(input: {cartId: "`+cart+`", address: `+address+`}, KEY) { cart { version } userErrors { message } } }`, "cartAddressSet.cart.version")
	order := s.do(t, token, `mutation { checkoutComplete(input: {cartId: "`+cart+`", cartVersion: `+version+`, contact: {name: "`+traceName+`", phone: "`+tracePhone+`"}}, KEY) {
		order { id } userErrors { message } } }`, "checkoutComplete.order.id")
	s.do(t, token, `mutation { orderPay(input: {orderId: "`+order+`", method: "wallet"}, KEY) { userErrors { message } } }`, "")
	status := func(path, want string) {
		t.Helper()
		eventually(t, func() error {
			got := valueAt(s.silently(t, token, `{ order(id: "`+order+`") { status fulfillments { courier { status } } } }`, nil), path)
			if got != want {
				return fmt.Errorf("%s is %q, not yet %s", path, got, want)
			}
			return nil
		})
	}
	for _, step := range []string{"REQUESTED", "ASSIGNED", "PICKED_UP"} {
		status("order.fulfillments.0.courier.status", step)
		must(t, s.backends.AdvanceDelivery(t.Context(), taskOf(order, "f1")))
	}
	status("order.status", "COMPLETED")
	s.collect(t, token)
	s.do(t, token, `mutation { reviewCreate(input: {subject: {orderId: "`+order+`"}, sku: "10000005", score: 5, text: "`+traceSaid+`"}, KEY) { userErrors { message } } }`, "")
	s.do(t, token, `mutation { complaintCreate(input: {subject: {orderId: "`+order+`"}, title: "Late", text: "`+traceSaid+`"}, KEY) { userErrors { message } } }`, "")
	s.do(t, token, `mutation { consentGive(input: {purpose: FULFILMENT, version: "1"}, KEY) { userErrors { message } } }`, "")

	s.do(t, token, `mutation { stockHoldCreate(input: {locationId: "S-SH01", items: [{sku: "10000002", quantity: 1}]}, KEY) { hold { id } userErrors { message } } }`, "")
	cart = s.do(t, token, `mutation { cartCreate(input: {lines: [{sku: "10000020", method: SHIPPING}]}, KEY) { cart { id } userErrors { message } } }`, "cartCreate.cart.id")
	s.do(t, token, `mutation { cartAddressSet(input: {cartId: "`+cart+`", address: `+address+`}, KEY) { userErrors { message } } }`, "")
	s.do(t, token, `mutation { cartNoteSet(input: {cartId: "`+cart+`", note: "`+traceNote+`"}, KEY) { userErrors { message } } }`, "")
}

// collect orders for pickup, with a note for the store, and has it handed over.
func (s *stories) collect(t *testing.T, token string) (order string) {
	t.Helper()
	cart := s.do(t, token, `mutation { cartCreate(input: {lines: [{sku: "10000002", method: PICKUP, locationId: "S-SH01"}]}, KEY) { cart { id } userErrors { message } } }`, "cartCreate.cart.id")
	version := s.do(t, token, `mutation { cartNoteSet(input: {cartId: "`+cart+`", note: "`+traceNote+`"}, KEY) { cart { version } userErrors { message } } }`, "cartNoteSet.cart.version")
	order = s.do(t, token, `mutation { checkoutComplete(input: {cartId: "`+cart+`", cartVersion: `+version+`, contact: {name: "`+traceName+`", phone: "`+tracePhone+`"}}, KEY) {
		order { id } userErrors { message } } }`, "checkoutComplete.order.id")
	s.do(t, token, `mutation { orderPay(input: {orderId: "`+order+`", method: "wallet"}, KEY) { userErrors { message } } }`, "")
	must(t, s.pick(t, "S-SH01", nil))
	var code string
	eventually(t, func() error {
		ready := s.silently(t, token, silentCode, map[string]any{"order": order})
		if code = valueAt(ready, "order.fulfillments.0.pickupCode.code"); code == "" {
			return fmt.Errorf("the order is %s", valueAt(ready, "order.status"))
		}
		return nil
	})
	staff := s.token(t, auth.Principal{
		Role: auth.RoleAssociate, Subject: "staff-S-SH01", Locations: []string{"S-SH01"}, Scopes: auth.DefaultScopes(auth.RoleAssociate),
	})
	s.silently(t, staff, silentHandOver, map[string]any{"order": order, "part": "f1", "code": code, "key": "hand-over"})
	return order
}

// finished waits until a request has ended, whoever may see it by then.
func (s *stories) finished(t *testing.T, id string) *retail.DataRequest {
	t.Helper()
	_, key, _ := retail.ParseGlobalID(id)
	var r *retail.DataRequest
	eventually(t, func() (err error) {
		if r, err = s.ledger.DataRequest(context.Background(), key); err == nil && r.Status != retail.DataDone {
			err = fmt.Errorf("the request is %s and waits: %s", r.Status, r.WaitsFor)
		}
		return err
	})
	return r
}

func (s *stories) erase(t *testing.T, token string) *retail.DataRequest {
	t.Helper()
	id := s.do(t, token, `mutation { dataErasureRequest(input: {confirm: true}, KEY) { request { id } userErrors { message } } }`, "dataErasureRequest.request.id")
	return s.finished(t, id)
}

// traces lists where one of the texts is left: every table of the ledger, every key of Redis, every system of record.
func (s *stories) traces(t *testing.T, texts ...string) (found []string) {
	t.Helper()
	look := func(where, what string) {
		for _, text := range texts {
			if strings.Contains(what, text) {
				found = append(found, fmt.Sprintf("%s: %q", where, text))
			}
		}
	}
	for table, rows := range s.tables(t) {
		for _, row := range rows {
			look("ledger "+table, row)
		}
	}
	ctx := t.Context()
	keys, err := s.redis.Keys(ctx, "*").Result()
	must(t, err)
	for _, key := range keys {
		look("redis key", key)
		var value any
		switch kind := s.redis.Type(ctx, key).Val(); kind {
		case "string":
			value = s.redis.Get(ctx, key).Val()
		case "hash":
			value = s.redis.HGetAll(ctx, key).Val()
		case "zset":
			value = s.redis.ZRange(ctx, key, 0, -1).Val()
		case "set":
			value = s.redis.SMembers(ctx, key).Val()
		case "list":
			value = s.redis.LRange(ctx, key, 0, -1).Val()
		default:
			t.Fatalf("nobody looks into a %s", kind)
		}
		look("redis "+key, fmt.Sprint(value))
	}
	for _, where := range s.stand.Shop.Mentions(texts...) {
		found = append(found, "shop "+where)
	}
	for _, where := range s.stand.POS.Mentions(texts...) {
		found = append(found, "tills "+where)
	}
	customers, err := s.stand.ERP.Mentions(ctx, texts...)
	must(t, err)
	for _, number := range customers {
		found = append(found, "ERP "+number)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// tables reads every row of the ledger's file as text.
func (s *stories) tables(t *testing.T) map[string][]string {
	t.Helper()
	db, err := sqlx.Open("sqlite", "file:"+s.file+"?mode=ro&_pragma=busy_timeout(5000)")
	must(t, err)
	defer db.Close()
	var names []string
	must(t, db.SelectContext(t.Context(), &names, `SELECT name FROM sqlite_schema WHERE type = 'table'`))
	tables := map[string][]string{}
	for _, name := range names {
		tables[name] = rowsOf(t, db, name)
	}
	return tables
}

// rowsOf reads every row of a table as text.
func rowsOf(t *testing.T, db *sqlx.DB, table string) (texts []string) {
	t.Helper()
	rows, err := db.QueryxContext(t.Context(), `SELECT * FROM `+table)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		values, err := rows.SliceScan()
		must(t, err)
		text := ""
		for _, v := range values {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			text += fmt.Sprint(v) + "\n"
		}
		texts = append(texts, text)
	}
	must(t, rows.Err())
	return texts
}

// everywhere are the stores that must know somebody before forgetting means anything.
func everywhere(t *testing.T, found []string, stores ...string) {
	t.Helper()
	for _, store := range stores {
		if !slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, store) }) {
			t.Errorf("%s never knew the person; these did:\n%s", store, strings.Join(found, "\n"))
		}
	}
}

// copied asks for a copy, which must have texts in the parts of holders.
func (s *stories) copied(t *testing.T, token string, want map[retail.DataHolder]map[string]string) {
	t.Helper()
	id := s.do(t, token, `mutation { dataExportRequest(input: {language: EN}, KEY) { request { id } userErrors { message } } }`, "dataExportRequest.request.id")
	s.finished(t, id)
	document := valueAt(s.silently(t, token, `query { node(id: "`+id+`") { ... on DataRequest { document } } }`, nil), "node.document")
	var copied struct {
		Holders map[retail.DataHolder]map[string]json.RawMessage
	}
	must(t, json.Unmarshal([]byte(document), &copied))
	for holder, parts := range want {
		for part, trace := range parts {
			if !strings.Contains(string(copied.Holders[holder][part]), trace) {
				t.Errorf("the copy of %s lacks %q in %s: %s", holder, trace, part, copied.Holders[holder][part])
			}
		}
	}
}

// TestWhoAsksToBeForgottenIsNowhere lets a member leave traces everywhere, asks for a copy, which has all of them, and to be
// forgotten: then there is none, and the account is over.
func TestWhoAsksToBeForgottenIsNowhere(t *testing.T) {
	s := newStories(t)
	token := s.token(t, auth.Principal{Role: auth.RoleMember, Subject: "a-1002", Scopes: auth.DefaultScopes(auth.RoleMember)})
	s.do(t, token, `mutation { memberProfileUpdate(input: {name: "`+traceName+`", email: "`+traceEmail+`", birthday: "`+traceBorn+`"}, KEY) { userErrors { message } } }`, "")
	s.do(t, token, `mutation { memberAddressSave(input: {address: `+address+`}, KEY) { userErrors { message } } }`, "")
	s.live(t, token)
	namesake := s.token(t, auth.Principal{Role: auth.RoleOperator, Subject: "a-1002", Scopes: auth.DefaultScopes(auth.RoleOperator)})
	eventually(t, func() error { // a job carries the name from the shop to the others
		found := strings.Join(s.traces(t, traceName), "\n")
		for _, store := range []string{"shop account", "tills card", "ERP ", "ledger members"} {
			if !strings.Contains(found, store) {
				return fmt.Errorf("%s does not know the name yet", store)
			}
		}
		return nil
	})
	everywhere(t, s.traces(t, traced()...), "shop account", "shop cart", "shop delivery", "shop order", "tills card", "tills task",
		"ERP ", "ledger orders", "ledger members", "ledger feedback")

	s.copied(t, token, map[retail.DataHolder]map[string]string{
		retail.HolderShop:       {"accounts": traceName, "orders": traceLine, "carts": traceNote, "deliveries": traceLine},
		retail.HolderPOS:        {"cards": traceEmail, "tasks": traceNote},
		retail.HolderERP:        {"customers": traceBorn},
		retail.HolderLedger:     {"member": traceEmail, "orders": traceNote, "feedback": traceSaid, "consents": "FULFILMENT", "requests": "EXPORT"},
		retail.HolderProjection: {"holds": "10000002"},
	})

	done := s.erase(t, token)
	for _, receipt := range done.Receipts {
		if receipt.Status != retail.ReceiptDone || receipt.Records == 0 || receipt.Reference == "" && receipt.Holder != retail.HolderLedger && receipt.Holder != retail.HolderProjection {
			t.Errorf("%+v", receipt)
		}
	}
	phone := s.phoneOf(t, "a-1002")
	if found := s.traces(t, append(traced(), phone)...); len(found) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(found, "\n"))
	}
	if a := s.ask(t, token, `{ me { profile { name } } }`, nil); len(a.Errors) == 0 || a.Errors[0].Extensions["code"] != "UNAUTHENTICATED" {
		t.Errorf("the old session: %s %v", a.Data, a.Errors)
	}
	if a := s.ask(t, namesake, `{ alerts(first: 1) { nodes { id } } }`, nil); len(a.Errors) > 0 {
		t.Errorf("an operator of the same name: %s %v", a.Data, a.Errors)
	}
	s.ahead.Store(int64(2 * 1e9)) // a token of later than the erasure
	later := s.token(t, auth.Principal{Role: auth.RoleMember, Subject: "a-1002", Scopes: auth.DefaultScopes(auth.RoleMember)})
	if a := s.ask(t, later, `{ me { profile { name } } dataRequests { kind } }`, nil); len(a.Errors) == 0 {
		t.Errorf("the account still answers: %s", a.Data)
	}
}

// phoneOf is what the retailer had for an account at first.
func (s *stories) phoneOf(t *testing.T, account string) string {
	t.Helper()
	for _, p := range s.retailer.People {
		if p.Account != nil && p.Account.ID == account {
			return p.Account.Profile.Phone
		}
	}
	t.Fatalf("there is no account %s", account)
	return ""
}

// TestAGuestIsForgottenBySession does the same for somebody without an account, while every system loses replies.
func TestAGuestIsForgottenBySession(t *testing.T) {
	s := newStories(t)
	token, _ := s.asker(t, []string{"guest"})
	s.live(t, token)
	everywhere(t, s.traces(t, traced()...), "shop cart", "shop delivery", "shop order", "tills task", "ledger orders", "ledger feedback")
	s.copied(t, token, map[retail.DataHolder]map[string]string{
		retail.HolderShop:   {"orders": traceLine, "carts": traceNote, "deliveries": traceLine},
		retail.HolderPOS:    {"tasks": traceNote},
		retail.HolderLedger: {"orders": traceNote, "feedback": traceSaid},
	})
	for _, system := range []string{"SHOP", "ERP", "POS"} {
		must(t, s.fault(system, "lose"))
	}
	id := s.do(t, token, `mutation { dataErasureRequest(input: {confirm: true}, KEY) { request { id } userErrors { message } } }`, "dataErasureRequest.request.id")
	for _, system := range []string{"SHOP", "ERP", "POS"} {
		must(t, s.fault(system, "off"))
	}
	for _, receipt := range s.finished(t, id).Receipts {
		if want := map[retail.DataHolder]int{retail.HolderPOS: 1, retail.HolderShop: 5}[receipt.Holder]; receipt.Records < want {
			t.Errorf("%+v, want %d records", receipt, want)
		}
	}
	if found := s.traces(t, traced()...); len(found) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(found, "\n"))
	}
}
