package ordering_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/ordering"
)

// What comes back takes its points along, so they must have been given, however early it comes back.
func TestPointsAreBookedOfOrdersThatCameBackMeanwhile(t *testing.T) {
	for status, want := range map[retail.OrderStatus]map[string]int{
		retail.OrderCompleted:       {"N-1:EARN": 20},
		retail.OrderReturnRequested: {"N-1:EARN": 20},
		retail.OrderReturned:        {"N-1:EARN": 20},
		retail.OrderRefunded:        {"N-1:EARN": 20},
		retail.OrderCancelled:       {},
	} {
		t.Run(string(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				left := time.Now()
				w.books.orders["o-1"] = &retail.Order{
					ID: "o-1", Number: "N-1", Owner: member.Key(), CustomerNo: "C-1", Status: status, PlacedAt: left.Add(-time.Hour),
					Lines: []retail.OrderLine{{ID: "1", SKU: "A", Quantity: 2, Price: retail.LinePrice{Total: yuan(2099)}}},
					Fulfillments: []retail.Fulfillment{{
						ID: "f1", Method: retail.MethodPickup, LocationCode: "S-1", Status: retail.FulfillmentCollected, LeftAt: &left,
						Lines: []retail.FulfillmentLine{{LineID: "1", SKU: "A", Quantity: 2, Picked: 2}},
					}},
					Totals: retail.Totals{Total: yuan(2099)},
				}
				for range 2 {
					if err := w.request(func(s *ordering.Service) error { return s.Advance(context.Background(), "o-1") }); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(want, w.erp.points); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestAMemberWhoIsNewToTheERPGetsThePointsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		left := time.Now()
		w.books.orders["o-1"] = &retail.Order{
			ID: "o-1", Number: "N-1", Owner: member.Key(), MemberID: member.MemberID, Status: retail.OrderCompleted, PlacedAt: left,
			Lines: []retail.OrderLine{{ID: "1", SKU: "A", Quantity: 1, Price: retail.LinePrice{Total: yuan(1000)}}},
			Fulfillments: []retail.Fulfillment{{
				ID: "f1", Method: retail.MethodPickup, LocationCode: "S-1", Status: retail.FulfillmentCollected, LeftAt: &left,
				Lines: []retail.FulfillmentLine{{LineID: "1", SKU: "A", Quantity: 1, Picked: 1}},
			}},
			Totals: retail.Totals{Total: yuan(1000)},
		}
		if err := w.request(func(s *ordering.Service) error { return s.Advance(context.Background(), "o-1") }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"N-1:EARN": 10}, w.erp.points); diff != "" {
			t.Error(diff)
		}
	})
}
