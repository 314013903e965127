package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/demo"
)

// wire is a client of graphql-transport-ws.
type wire struct {
	*websocket.Conn
}

// told is a message of the gateway.
type told struct {
	ID, Type string
	Payload  json.RawMessage
}

// connect opens a socket with a token in connection_init; empty is nobody.
func (r *rig) connect(t *testing.T, token string) wire {
	t.Helper()
	w := r.dial(t, nil)
	payload := map[string]string{}
	if token != "" {
		payload["Authorization"] = "Bearer " + token
	}
	w.say(t, map[string]any{"type": "connection_init", "payload": payload})
	if got := w.hear(t); got.Type != "connection_ack" {
		t.Fatalf("got %s", got.Type)
	}
	return w
}

func (r *rig) dial(t *testing.T, header http.Header) wire {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(r.url, "http")+"/graphql", &websocket.DialOptions{
		Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: header, HTTPClient: r.client,
	})
	must(t, err)
	if response.Body != nil {
		_ = response.Body.Close()
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return wire{conn}
}

func (w wire) say(t *testing.T, message any) {
	t.Helper()
	text, err := json.Marshal(message)
	must(t, err)
	must(t, w.Write(t.Context(), websocket.MessageText, text))
}

func (w wire) subscribe(t *testing.T, id, query string, variables map[string]any) {
	t.Helper()
	w.say(t, map[string]any{"id": id, "type": "subscribe", "payload": map[string]any{"query": query, "variables": variables}})
}

// hear waits for the next message, half a minute at most.
func (w wire) hear(t *testing.T) told {
	t.Helper()
	m, err := w.next(t)
	must(t, err)
	return m
}

func (w wire) next(t *testing.T) (m told, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, text, err := w.Read(ctx)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}

const followed = `subscription($id: ID!) { orderChanged(id: $id) { status fulfillments { status pickupCode { code } location { code } } } }`

// TestAShopperFollowsAnOrder plays a purchase and hears of it over a socket, as an app does.
func TestAShopperFollowsAnOrder(t *testing.T) {
	j := newJourney(newRigOf(t, "embedded", demo.Builtin(1, time.Now()).Corner(4, 14).AlwaysOpen(), patiently))
	shopper := auth.Principal{Role: auth.RoleGuest, Subject: "g-follower"}
	j.saved["shopper"] = j.token(t, shopper)
	j.purchase(t, "ordered", []string{"shopper", "S-SH01", "10000018=1"})
	order := map[string]any{"id": j.saved["order"]}

	app, other := j.connect(t, j.saved["shopper"]), j.connect(t, j.saved["shopper"])
	app.subscribe(t, "1", followed, order)
	type seen struct {
		OrderChanged *struct {
			Status       string
			Fulfillments []struct {
				Status     string
				PickupCode *struct{ Code string }
				Location   struct{ Code string }
			}
		}
	}
	hear := func() seen {
		t.Helper()
		m := app.hear(t)
		var payload struct {
			Data   seen
			Errors []responseError
		}
		must(t, json.Unmarshal(m.Payload, &payload))
		if m.Type != "next" || m.ID != "1" || len(payload.Errors) > 0 || payload.Data.OrderChanged == nil {
			t.Fatalf("got %s %s", m.Type, m.Payload)
		}
		return payload.Data
	}
	if got := hear().OrderChanged; got.Status != "PENDING_PAYMENT" || got.Fulfillments[0].PickupCode != nil {
		t.Fatalf("at first: %+v", got)
	}
	other.subscribe(t, "pay", silentPay, map[string]any{"order": j.saved["order"], "key": "pay"}) // a mutation over a socket
	if m := other.hear(t); m.Type != "next" || !strings.Contains(string(m.Payload), `"PAID"`) {
		t.Fatalf("paying: got %s %s", m.Type, m.Payload)
	}
	if m := other.hear(t); m.Type != "complete" || m.ID != "pay" {
		t.Fatalf("paying: got %s", m.Type)
	}
	statuses := []string{hear().OrderChanged.Status}
	for statuses[len(statuses)-1] == "PENDING_PAYMENT" && len(statuses) < 5 { // the payment began
		statuses = append(statuses, hear().OrderChanged.Status)
	}
	must(t, j.pick(t, "S-SH01", nil))
	for ready := false; !ready; {
		got := hear().OrderChanged
		statuses = append(statuses, got.Status)
		ready = got.Status == "READY_FOR_PICKUP" && got.Fulfillments[0].PickupCode != nil
		if len(statuses) > 20 {
			t.Fatalf("never ready: %v", statuses)
		}
	}
	if !slices.Contains(statuses, "PAID") || !slices.IsSortedFunc(statuses, func(a, b string) int { return rankOf(a) - rankOf(b) }) {
		t.Errorf("heard %v", statuses)
	}

	for who, token := range map[string]string{
		"another guest":                j.token(t, auth.Principal{Role: auth.RoleGuest, Subject: "g-else"}),
		"an associate of other places": j.token(t, auth.Principal{Role: auth.RoleAssociate, Subject: "x", Locations: []string{"S-SH02"}}),
	} {
		w := j.connect(t, token)
		w.subscribe(t, "1", followed, order)
		if m := w.hear(t); m.Type != "next" || !strings.HasPrefix(string(m.Payload), `{"data":{"orderChanged":null}`) {
			t.Errorf("%s hears %s %s", who, m.Type, m.Payload)
		}
		if m := w.hear(t); m.Type != "complete" {
			t.Errorf("%s hears %s", who, m.Type)
		}
	}
	nobody := j.connect(t, "")
	nobody.subscribe(t, "1", followed, order)
	if m := nobody.hear(t); m.Type != "error" || !strings.Contains(string(m.Payload), "UNAUTHENTICATED") {
		t.Errorf("nobody hears %s %s", m.Type, m.Payload)
	}

	a := j.ask(t, j.operator, fmt.Sprintf(`mutation { tokenRevoke(input: {subject: %q}, idempotencyKey: "r") {
		effectiveBy userErrors { message } } }`, shopper.Subject), nil)
	if len(a.Errors) > 0 || !strings.Contains(string(a.Data), `"userErrors":[]`) {
		t.Fatalf("%s %v", a.Data, a.Errors)
	}
	for _, w := range []wire{app, other} {
		_, err := w.next(t)
		for heard := 0; err == nil && heard < 20; heard++ { // what was still on its way
			_, err = w.next(t)
		}
		if websocket.CloseStatus(err) != 4403 {
			t.Errorf("whose tokens were taken back: %v", err)
		}
	}
}

func rankOf(status string) int {
	return slices.Index([]string{"PENDING_PAYMENT", "PAID", "PREPARING", "READY_FOR_PICKUP"}, status)
}

// TestASocketEndsWithWhatItsPartnerMayDo changes the registry under open sockets.
func TestASocketEndsWithWhatItsPartnerMayDo(t *testing.T) {
	r := newRigOf(t, "embedded", demo.Builtin(1, time.Now()).Corner(4, 14), patiently)
	var sockets []wire
	for range 3 {
		sockets = append(sockets, r.connect(t, r.token(t, auth.Principal{Role: auth.RolePartner, Subject: "alice", Client: "mallpad"})))
	}
	other := r.connect(t, r.token(t, auth.Principal{Role: auth.RolePartner, Subject: "alice", Client: "maptown"}))
	registry := r.gateway.partners.registry
	list := registry.Partners()
	at := slices.IndexFunc(list, func(p *auth.Partner) bool { return p.ID == "mallpad" })
	narrow := *list[at]
	narrow.Scopes = nil
	list[at] = &narrow
	must(t, registry.Replace(list))
	for _, w := range sockets {
		if _, err := w.next(t); websocket.CloseStatus(err) != 4403 {
			t.Errorf("a scope less: %v", err)
		}
	}
	w := r.connect(t, r.token(t, auth.Principal{Role: auth.RolePartner, Subject: "alice", Client: "mallpad"}))
	must(t, registry.Replace(slices.Delete(slices.Clone(list), at, at+1)))
	if _, err := w.next(t); websocket.CloseStatus(err) != 4403 {
		t.Errorf("the partner was taken out: %v", err)
	}
	other.subscribe(t, "1", "{ __typename }", nil)
	if m := other.hear(t); m.Type != "next" {
		t.Errorf("another partner hears %s", m.Type)
	}
}
