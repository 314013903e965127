package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/portico-retail/portico/auth"
)

const (
	silentCart = `mutation($lines: [CartLineInput!]!, $key: String!) {
		cartCreate(input: {lines: $lines}, idempotencyKey: $key) { cart { id version } userErrors { message } } }`
	silentCheckout = `mutation($cart: ID!, $version: Int!, $key: String!) {
		checkoutComplete(input: {cartId: $cart, cartVersion: $version, contact: {name: "Lin", phone: "+8613800207001"}}, idempotencyKey: $key) {
			order { id number } userErrors { message } } }`
	silentPay = `mutation($order: ID!, $key: String!) {
		orderPay(input: {orderId: $order, method: "wallet"}, idempotencyKey: $key) { order { status } userErrors { message } } }`
	silentCode     = `query($order: ID!) { order(id: $order) { status fulfillments { id pickupCode { code } } } }`
	silentHandOver = `mutation($order: ID!, $part: ID!, $code: String!, $key: String!) {
		pickupHandOver(input: {orderId: $order, fulfillmentId: $part, code: $code}, idempotencyKey: $key) { order { status } userErrors { message } } }`
)

// purchase orders for pickup at one place, pays and collects, as far as the verb says.
func (j *journey) purchase(t *testing.T, verb string, words []string) {
	t.Helper()
	token, words := j.asker(t, words)
	place, lines := words[0], []map[string]any{}
	for _, word := range words[1:] {
		sku, n, _ := strings.Cut(word, "=")
		quantity, err := strconv.Atoi(n)
		must(t, err)
		lines = append(lines, map[string]any{"sku": sku, "quantity": quantity, "method": "PICKUP", "locationId": place})
	}
	key := func(name string) string { return fmt.Sprintf("step-%d-%s", j.step, name) }
	cart := j.silently(t, token, silentCart, map[string]any{"lines": lines, "key": key("cart")})
	version, err := strconv.Atoi(valueAt(cart, "cartCreate.cart.version"))
	must(t, err)
	placed := j.silently(t, token, silentCheckout, map[string]any{
		"cart": valueAt(cart, "cartCreate.cart.id"), "version": version, "key": key("checkout"),
	})
	order := valueAt(placed, "checkoutComplete.order.id")
	j.saved["order"], j.saved["number"] = order, valueAt(placed, "checkoutComplete.order.number")
	if verb == "ordered" {
		return
	}
	j.silently(t, token, silentPay, map[string]any{"order": order, "key": key("pay")})
	if verb == "paid" {
		return
	}
	must(t, j.pick(t, place, nil))
	var part, code string
	eventually(t, func() error {
		ready := j.silently(t, token, silentCode, map[string]any{"order": order})
		part, code = valueAt(ready, "order.fulfillments.0.id"), valueAt(ready, "order.fulfillments.0.pickupCode.code")
		if code == "" {
			return fmt.Errorf("the order is %s", valueAt(ready, "order.status"))
		}
		return nil
	})
	staff := j.token(t, auth.Principal{
		Role: auth.RoleAssociate, Subject: "staff-" + place, Locations: []string{place}, Scopes: auth.DefaultScopes(auth.RoleAssociate),
	})
	done := j.silently(t, staff, silentHandOver, map[string]any{"order": order, "part": part, "code": code, "key": key("hand-over")})
	if got := valueAt(done, "pickupHandOver.order.status"); got != "COMPLETED" {
		t.Fatalf("step %d: handed over, and the order is %q: %v", j.step, got, done)
	}
}

// silently asks what nobody compares; an error ends the story.
func (j *journey) silently(t *testing.T, token, query string, variables map[string]any) any {
	t.Helper()
	a := j.ask(t, token, query, variables)
	var tree map[string]any
	must(t, json.Unmarshal(a.Data, &tree))
	for name, field := range tree {
		if payload, ok := field.(map[string]any); len(a.Errors) > 0 || ok && valueAt(payload, "userErrors.0.message") != "" {
			t.Fatalf("step %d: %s: %s %v", j.step, name, a.Data, a.Errors)
		}
	}
	return any(tree)
}
