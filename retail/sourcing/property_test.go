package sourcing_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/sourcing"
)

func chance(t *rapid.T, percent int, of string) bool {
	return rapid.IntRange(1, 100).Draw(t, of) > 100-percent
}

// drawWorld is up to seven places around one point, with little stock, some silent and some busy.
func drawWorld(t *rapid.T) (*world, []string) {
	zone := time.FixedZone("Shanghai", 8*3600)
	var list []*retail.Location
	var codes []string
	for i := range rapid.IntRange(1, 7).Draw(t, "places") {
		l := &retail.Location{
			Code: fmt.Sprintf("L-%d", i), Zone: zone,
			Kind: rapid.SampledFrom([]retail.LocationKind{retail.Store, retail.Store, retail.FrontWarehouse, retail.Warehouse}).Draw(t, "kind"),
			Position: retail.GeoPoint{
				Latitude: 31.25 + rapid.Float64Range(-0.02, 0.02).Draw(t, "north"), Longitude: 121.45 + rapid.Float64Range(-0.02, 0.02).Draw(t, "east"),
			},
		}
		if l.Kind == retail.Store || chance(t, 50, "states hours") { // a store without hours is closed
			for day := 1; day <= 7; day++ {
				l.Hours = append(l.Hours, retail.OpeningHours{Weekday: day, Opens: "09:00", Closes: "21:00"})
			}
		}
		if l.Kind == retail.Store && chance(t, 95, "hands out") {
			l.Pickup = &retail.PickupSettings{PickingMinutes: rapid.IntRange(5, 60).Draw(t, "minutes")}
			l.Services = []retail.PickupService{retail.ServicePickup, retail.ServiceInstant}
		}
		if l.Kind == retail.FrontWarehouse {
			l.Services = []retail.PickupService{retail.ServiceInstant}
		}
		list, codes = append(list, l), append(codes, l.Code)
	}
	hub := *list[0] // somebody visits and delivers in any case
	hub.Kind, hub.Pickup = retail.Store, &retail.PickupSettings{PickingMinutes: 10}
	hub.Services = []retail.PickupService{retail.ServicePickup, retail.ServiceInstant}
	hub.Hours = []retail.OpeningHours{{Weekday: 1, Opens: "09:00", Closes: "21:00"}}
	list[0] = &hub
	w := newWorld(t, time.Date(2026, 11, 23, 10, 0, 0, 0, zone), list)
	for _, code := range codes {
		for _, sku := range []string{"A", "B", "C"} {
			if chance(t, 80, "ranged") {
				w.put(code, sku, rapid.SampledFrom([]int{5, 8, 20, 3, 2, 1, 0, -2}).Draw(t, "units"))
			}
		}
		w.silent[code] = chance(t, 10, "silent")
		w.queues[code] = rapid.SampledFrom([]int{0, 0, 0, 1, 5, 12, -1}).Draw(t, "queue")
	}
	return w, codes
}

func drawQuery(t *rapid.T, codes []string) retail.PlanQuery {
	q := retail.PlanQuery{Address: &retail.DeliveryAddress{Position: &retail.GeoPoint{Latitude: 31.25, Longitude: 121.45}}}
	if chance(t, 10, "nowhere") {
		q.Address.Position = nil
	}
	method := rapid.SampledFrom([]retail.FulfillmentMethod{
		retail.MethodPickup, retail.MethodInstant, retail.MethodShipping, retail.MethodShipping,
	})
	for i := range rapid.IntRange(1, 4).Draw(t, "lines") {
		l := retail.PlanLine{
			LineID: fmt.Sprint(i), SKU: rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "sku"),
			Quantity: rapid.IntRange(1, 4).Draw(t, "quantity"),
			Method:   method.Draw(t, "method"),
		}
		if l.Method.Visits() {
			l.LocationCode = rapid.SampledFrom(codes).Draw(t, "store")
		}
		q.Lines = append(q.Lines, l)
	}
	return q
}

func TestAPlanCoversTheDemandAndNoMoreThanThereIs(t *testing.T) {
	plans := 0
	rapid.Check(t, func(t *rapid.T) {
		w, codes := drawWorld(t)
		q := drawQuery(t, codes)
		config := sourcing.DefaultConfig()
		s := w.service(config)
		plan, err := s.Plan(context.Background(), q)
		if err != nil {
			if _, ok := retail.RefusalsOf(err); !ok {
				t.Fatalf("a fault: %v", err)
			}
			return
		}
		plans++
		served, drawn := map[string]int{}, map[string]int{}
		byID := map[string]retail.PlanLine{}
		for _, l := range q.Lines {
			byID[l.LineID] = l
		}
		shipped, fees := 0, int64(0)
		for _, part := range plan.Parts {
			if len(part.Lines) == 0 || len(part.Why) == 0 || part.Promise.Before(w.now) {
				t.Fatalf("an empty part, or one without reason or promise: %+v", part)
			}
			if part.Method == retail.MethodShipping {
				shipped++
			}
			fees += part.Fee.Minor
			for _, l := range part.Lines {
				asked := byID[l.LineID]
				if l.Quantity < 1 || l.SKU != asked.SKU || part.Method != asked.Method {
					t.Fatalf("%+v serves %+v", part, asked)
				}
				if asked.Method.Visits() && part.LocationCode != asked.LocationCode {
					t.Fatalf("a line of %s is served at %s", asked.LocationCode, part.LocationCode)
				}
				served[l.LineID] += l.Quantity
				drawn[part.LocationCode+" "+l.SKU] += l.Quantity
				if w.silent[part.LocationCode] || drawn[part.LocationCode+" "+l.SKU] > w.units[part.LocationCode][l.SKU] {
					t.Fatalf("%s gives more of %s than it has", part.LocationCode, l.SKU)
				}
			}
		}
		for id, l := range byID {
			if served[id] != l.Quantity {
				t.Fatalf("line %s: %d of %d", id, served[id], l.Quantity)
			}
		}
		if shipped > config.MaxParcels || fees != plan.Delivery.Minor || plan.Delivery != s.Fee(context.Background(), q) {
			t.Fatalf("%d parcels, fees of %d, delivery %d", shipped, fees, plan.Delivery.Minor)
		}
		again, err := s.Plan(context.Background(), q)
		if diff := cmp.Diff(plan, again); err != nil || diff != "" {
			t.Fatalf("the same question, another answer: %v %s", err, diff)
		}
	})
	if t.Logf("%d plans", plans); plans == 0 {
		t.Fatal("every plan was refused")
	}
}

// TestShippingIsRefusedOnlyWhenItMust compares with brute force: if some set of places within the bound has everything, there
// is a plan.
func TestShippingIsRefusedOnlyWhenItMust(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, codes := drawWorld(t)
		q := drawQuery(t, codes)
		demand := map[string]int{}
		for i := range q.Lines {
			q.Lines[i].Method, q.Lines[i].LocationCode = retail.MethodShipping, ""
			demand[q.Lines[i].SKU] += q.Lines[i].Quantity
		}
		s := w.service(sourcing.DefaultConfig())
		senders := s.Candidates(context.Background(), retail.MethodShipping, q.Address)
		possible := false
		for set := 1; set < 1<<len(senders); set++ {
			size, have := 0, map[string]int{}
			for i, l := range senders {
				if set>>i&1 == 0 {
					continue
				}
				size++
				for sku := range demand {
					if !w.silent[l.Code] {
						have[sku] += max(0, w.units[l.Code][sku])
					}
				}
			}
			enough := size <= 3
			for sku, units := range demand {
				enough = enough && have[sku] >= units
			}
			possible = possible || enough
		}
		_, err := s.Plan(context.Background(), q)
		if (err == nil) != possible {
			t.Fatalf("possible: %v, answer: %v", possible, err)
		}
	})
}
