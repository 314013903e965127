package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/portico-retail/portico/graph/generated"
)

// Every mutation of the schema that takes a key is played in testdata/once.txtar, so that a new one without an example fails here.
func TestEveryMutationIsAnsweredOnce(t *testing.T) {
	onEveryStore(t, func(t *testing.T, kind string) {
		j := play(t, kind, "testdata/once.txtar")
		var want []string
		for _, field := range generated.NewExecutableSchema(generated.Config{}).Schema().Mutation.Fields {
			if field.Arguments.ForName("idempotencyKey") != nil {
				want = append(want, field.Name)
			}
		}
		got := slices.Compact(slices.Sorted(slices.Values(j.mutated)))
		if slices.Sort(want); !t.Failed() && !slices.Equal(got, want) {
			t.Errorf("mutations that were played and those that there are (-schema +played)\n%s", gocmp.Diff(want, got))
		}
	})
}

func (j *journey) watch(t *testing.T, words []string, text string) {
	t.Helper()
	j.watched.token, _ = j.asker(t, words)
	j.watched.document = j.document(t, j.filled(t, text))
}

// state is what is watched, as it stands.
func (j *journey) state(t *testing.T) [2]string {
	t.Helper()
	if j.watched.document == "" {
		return [2]string{}
	}
	return said(t, j.post(t, j.watched.token, j.watched.document))
}

// firstText is where the first text of an input begins, and where selects what an input without one is told with.
var (
	firstText = regexp.MustCompile(`input: \{[^"}]*"`)
	selects   = regexp.MustCompile(`\) \{`)
)

// once plays a mutation, again, and with another body under its key.
func (j *journey) once(t *testing.T, words []string, text string) {
	t.Helper()
	j.question(t, words, text)
	document, err := parser.ParseQuery(&ast.Source{Input: j.last.document})
	if err != nil {
		t.Fatal(err)
	}
	name := document.Operations[0].SelectionSet[0].(*ast.Field).Name
	j.mutated = append(j.mutated, name)
	before := j.state(t)
	j.again(t)
	other := firstText.ReplaceAllString(j.last.document, "${0}x")
	if other == j.last.document {
		other = selects.ReplaceAllString(other, "${0} __typename")
	}
	if other == j.last.document {
		t.Fatalf("step %d: there is nothing to change in %s", j.step, other)
	}
	if got := said(t, j.post(t, j.last.token, other)); !strings.Contains(got[1], `"code":"CONFLICT"`) {
		t.Errorf("step %d: %s with another body under the same key: %v", j.step, name, got)
	}
	if diff := gocmp.Diff(before, j.state(t)); diff != "" {
		t.Errorf("step %d: what a repetition of %s changed (-before +after)\n%s", j.step, name, diff)
	}
}

func TestSixtyFourCallsUnderOneKeyHaveOneEffect(t *testing.T) {
	onEveryStore(t, func(t *testing.T, kind string) {
		retailer, options := setting(t, nil)
		j := newJourney(newRigOf(t, kind, retailer, options...))
		j.purchase(t, "ordered", []string{"guest", "S-SH01", "10000018=1"})
		token := j.saved["guest"]
		for name, document := range map[string]string{
			"stockHoldCreate": `mutation { stockHoldCreate(input: {locationId: "S-SH01", items: [{sku: "10000002", quantity: 2}]}, idempotencyKey: "crowd-1") {
				hold { id expiresAt } userErrors { message } } }`,
			"cartCreate": `mutation { cartCreate(input: {lines: [{sku: "10000002", quantity: 3}]}, idempotencyKey: "crowd-2") {
				cart { id version lines { id quantity } } userErrors { message } } }`,
			"orderPay": fmt.Sprintf(`mutation { orderPay(input: {orderId: %q, method: "wallet"}, idempotencyKey: "crowd-3") {
				order { status payments { reference startedAt } } userErrors { message } } }`, j.saved["order"]),
		} {
			answers := make([][2]string, 64)
			var crowd sync.WaitGroup
			for i := range answers {
				crowd.Go(func() { answers[i] = said(t, j.post(t, token, document)) })
			}
			crowd.Wait()
			for _, a := range answers {
				if a != answers[0] || a[1] != "" || !strings.Contains(a[0], `"userErrors":[]`) {
					t.Fatalf("%s: %v and %v", name, answers[0], a)
				}
			}
		}
		after := j.silently(t, token, `query($order: ID!) { cart { lines { quantity } } order(id: $order) { payments { status } } }`,
			map[string]any{"order": j.saved["order"]})
		stock := j.silently(t, j.operator, `{ stockCheck(skus: ["10000002"], locationIds: ["S-SH01"]) { items { breakdown { held } } } }`, nil)
		for path, want := range map[string]string{"cart.lines.0.quantity": "3", "cart.lines.1": "", "order.payments.0.status": "SUCCEEDED", "order.payments.1": ""} {
			if got := valueAt(after, path); got != want {
				t.Errorf("%s is %q, want %q", path, got, want)
			}
		}
		if got := valueAt(stock, "stockCheck.items.0.breakdown.held"); got != "2" {
			t.Errorf("%s units are held, want 2", got)
		}
	})
}
