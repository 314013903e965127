package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/portico-retail/portico/auth"
)

const (
	ordersOf = `{ me { orders(first: 1) { nodes { order { id } } } } }`
	praise   = `mutation($order: ID!, $sku: String!) { reviewCreate(input: {subject: {orderId: $order}, sku: $sku, score: 5, text: "Soft."}, idempotencyKey: "praise") {
		feedback { id } userErrors { message } } }`
	copyOfAll = `mutation { dataExportRequest(input: {language: EN}, idempotencyKey: "copy") { request { id } userErrors { message } } }`
	whatIs    = `{ me { feedback { totalCount { value } nodes { id text } } } dataRequests { id status receipts { holder status } } }`
)

// The gateway is killed while a review and a request for a copy of everything are under way, a little later in each round, and again
// while the systems are asked for the copy. What was acknowledged stays, and everything happens once.
func TestWordsAndRequestsOutliveTheGateway(t *testing.T) {
	if raceEnabled {
		t.Skip("the gateway is another process; the plain run has the whole of it")
	}
	pauses := []time.Duration{0, 5 * time.Millisecond, 15 * time.Millisecond, 40 * time.Millisecond}
	j := newTrips(t, len(pauses))
	for i, pause := range pauses {
		must(t, j.travel(i))
		token := j.token(auth.Principal{Role: auth.RoleMember, Subject: fmt.Sprintf("a-k%d", i)})
		var bought struct {
			Me struct {
				Orders struct {
					Nodes []struct{ Order struct{ ID string } }
				}
			}
		}
		must(t, j.ask(t.Context(), "orders", token, ordersOf, nil, &bought))
		order := map[string]any{"order": bought.Me.Orders.Nodes[0].Order.ID, "sku": j.collect}
		var first, again [2]json.RawMessage
		say := func(answers *[2]json.RawMessage) {
			var group sync.WaitGroup
			group.Go(func() {
				if err := j.ask(t.Context(), "review", token, praise, order, &answers[0]); err != nil {
					t.Error(err)
				}
			})
			group.Go(func() {
				if err := j.ask(t.Context(), "copy", token, copyOfAll, nil, &answers[1]); err != nil {
					t.Error(err)
				}
			})
			if answers == &first {
				nap(t, pause)
				j.kill()
			}
			group.Wait()
		}
		say(&first)
		say(&again)
		j.kill() // whoever makes the copy
		var said struct {
			ReviewCreate struct{ Feedback struct{ ID string } }
		}
		var asked struct {
			DataExportRequest struct{ Request struct{ ID string } }
		}
		must(t, json.Unmarshal(first[0], &said))
		must(t, json.Unmarshal(first[1], &asked))
		for n := range first {
			if string(first[n]) != string(again[n]) {
				t.Errorf("round %d: answered %s, and again %s", i, first[n], again[n])
			}
		}
		eventually(t, func() error {
			var got struct {
				Me struct {
					Feedback struct {
						TotalCount struct{ Value int }
						Nodes      []struct{ ID, Text string }
					}
				}
				DataRequests []struct {
					ID, Status string
					Receipts   []struct{ Holder, Status string }
				}
			}
			if err := j.ask(t.Context(), "what is", token, whatIs, nil, &got); err != nil {
				return err
			}
			f, r := got.Me.Feedback, got.DataRequests
			if len(f.Nodes) != 1 || f.Nodes[0].ID != said.ReviewCreate.Feedback.ID || f.Nodes[0].Text != "Soft." || f.TotalCount.Value != 1 {
				t.Fatalf("round %d: the feedback is %+v, acknowledged was %s", i, f, first[0])
			}
			if len(r) != 1 || r[0].ID != asked.DataExportRequest.Request.ID || r[0].ID == "" {
				t.Fatalf("round %d: the requests are %+v, acknowledged was %s", i, r, first[1])
			}
			if r[0].Status != "DONE" || len(r[0].Receipts) != 5 {
				return fmt.Errorf("round %d: the copy is %+v", i, r[0])
			}
			return nil
		})
	}
	if kills := j.killed(); kills < 2*len(pauses) {
		t.Errorf("only %d gateways were killed", kills)
	}
}
