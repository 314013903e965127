package demo_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/demo/shop"
)

// stand is a running stand of a small retailer and its doors.
type stand struct {
	*demo.Stand
	demo.Backends
	retailer *demo.Retailer
	passed   *atomic.Int64 // nanoseconds since now
}

func openStand(t *testing.T, pace shop.Pace) *stand {
	t.Helper()
	var passed atomic.Int64
	clock := func() time.Time { return now.Add(time.Duration(passed.Load())) }
	r := demo.Builtin(1, now).Corner(3, 40)
	s, err := demo.StartStand(t.Context(), r, demo.StandOptions{Seed: 1, Now: clock, Pace: pace, Beat: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &stand{s, s.Backends(client, clock), r, &passed}
}

// ask sends a request of the gateway to the head office and returns the reply.
func (s *stand) ask(t *testing.T, request string) string {
	t.Helper()
	body := `<Envelope version="1"><Header><MessageId>m</MessageId><SentAt>2026-11-22T05:00:00Z</SentAt></Header><Body>` + request + `</Body></Envelope>`
	return s.post(t, s.POSURL+"/pos/service", "application/xml", body)
}

func (s *stand) post(t *testing.T, url, contentType, body string) string {
	t.Helper()
	return s.send(t, http.MethodPost, url, contentType, body)
}

func (s *stand) send(t *testing.T, method, url, contentType, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Api-Key", s.Stand.ShopKey)
	resp, err := s.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || strings.Contains(string(out), "<Fault") {
		t.Fatalf("%s answers %s: %s, %v", url, resp.Status, out, err)
	}
	return string(out)
}

func (s *stand) decode(t *testing.T, reply string, into any) {
	t.Helper()
	if err := xml.Unmarshal([]byte(reply), into); err != nil {
		t.Fatal(err)
	}
}

// shelf is some pair of a store with at least n units.
func (s *stand) shelf(t *testing.T, kind string, n int) demo.Stock {
	t.Helper()
	for _, st := range s.retailer.Stock {
		if strings.HasPrefix(st.Location, kind+"-") && st.Ranged && st.OnHand >= n {
			return st
		}
	}
	t.Fatalf("no %s has %d units of anything", kind, n)
	return demo.Stock{}
}

func (s *stand) booked(t *testing.T, at demo.Stock) int {
	t.Helper()
	list, err := s.Stand.ERP.Balances(t.Context(), at.Location)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range list {
		if b.SKU == at.SKU {
			return b.Quantity
		}
	}
	t.Fatalf("no balance of %+v", at)
	return 0
}

func (s *stand) createTask(t *testing.T, reference string, at demo.Stock, quantity int) {
	t.Helper()
	s.ask(t, fmt.Sprintf(`<PickupTaskCreate reference="%s" order="P1" method="PICKUP" location="%s" currency="CNY" readyBy="2026-11-22T06:00:00Z">`+
		`<Line sku="%s" quantity="%d" paid="10.00"/></PickupTaskCreate>`, reference, at.Location, at.SKU, quantity))
}

func (s *stand) handOver(t *testing.T, reference string, at demo.Stock, quantity int) {
	t.Helper()
	s.ask(t, fmt.Sprintf(`<HandOver reference="%s" location="%s" at="2026-11-22T06:00:00Z" currency="CNY"><Line sku="%s" quantity="%d" paid="10.00"/></HandOver>`,
		reference, at.Location, at.SKU, quantity))
}

func (s *stand) placeOrder(t *testing.T, number string, at demo.Stock) {
	t.Helper()
	money := map[string]string{"amount": "10.00", "currency": "CNY"}
	none := map[string]string{"amount": "0.00", "currency": "CNY"}
	body, err := json.Marshal(map[string]any{
		"orderId": "o-" + number, "account": "", "channel": "APP", "placedAt": now, "payBy": now.Add(time.Hour), "status": "PENDING_PAYMENT",
		"allocatedBy": "gateway", "subtotal": money, "delivery": none, "total": money, "discounts": []any{}, "coupons": []string{}, "note": "",
		"lines":        []any{map[string]any{"sku": at.SKU, "title": map[string]string{"zh-CN": "", "en": ""}, "quantity": 1, "unit": money, "discount": none, "total": money}},
		"fulfillments": []any{}, "contact": map[string]string{"name": "", "phone": ""}, "address": nil,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.send(t, http.MethodPut, s.ShopURL+"/api/v1/orders/"+number, "application/json", string(body))
}

func (s *stand) requestDelivery(t *testing.T, reference, number string, at demo.Stock, quantity int) {
	t.Helper()
	s.post(t, s.ShopURL+"/api/v1/deliveries", "application/json", fmt.Sprintf(
		`{"reference":%q,"order":%q,"method":"SHIPPING","location":%q,"lines":[{"sku":%q,"quantity":%d}],"address":{"line":"1 Road"},"promise":"2026-11-22T06:00:00Z"}`,
		reference, number, at.Location, at.SKU, quantity))
}

func TestWhatLeavesWithACourierLeavesTheBooks(t *testing.T) {
	s := openStand(t, shop.Pace{})
	at := s.shelf(t, demo.KindWarehouse, 10)
	s.placeOrder(t, "P1", at)
	s.requestDelivery(t, "o-1/f-1", "P1", at, 3)
	for step, want := range []int{at.OnHand, at.OnHand - 3, at.OnHand - 3} { // assigned, picked up, delivered
		if err := s.AdvanceDelivery(t.Context(), "o-1/f-1"); err != nil {
			t.Fatal(err)
		}
		if got := s.booked(t, at); got != want {
			t.Errorf("after step %d the books say %d, want %d", step+1, got, want)
		}
	}
	if err := s.AdvanceDelivery(t.Context(), "o-1/f-1"); err == nil {
		t.Error("a delivery that is over takes another step")
	}
	s.requestDelivery(t, "o-1/f-2", "P1", at, 2)
	for range 2 {
		if err := s.AdvanceDelivery(t.Context(), "o-1/f-2"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.FailDelivery(t.Context(), "o-1/f-2"); err != nil {
		t.Fatal(err)
	}
	if got := s.booked(t, at); got != at.OnHand-3 {
		t.Errorf("after a failed delivery the books say %d, want %d", got, at.OnHand-3)
	}
	s.post(t, s.ShopURL+"/api/v1/returns", "application/json", fmt.Sprintf(
		`{"reference":"r-1","order":"P1","location":%q,"lines":[{"sku":%q,"quantity":1}]}`, at.Location, at.SKU))
	for range 2 { // receiving twice books once
		if err := s.ReceiveParcel(t.Context(), "r-1"); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.booked(t, at); got != at.OnHand-2 {
		t.Errorf("after the return the books say %d, want %d", got, at.OnHand-2)
	}
}

func TestStaffPickWhatIsThere(t *testing.T) {
	s := openStand(t, shop.Pace{})
	at := s.shelf(t, demo.KindStore, 3)
	s.createTask(t, "o-1/f-1", at, 3)
	s.createTask(t, "o-2/f-1", at, 1)
	open, err := s.Tasks(t.Context(), at.Location)
	if err != nil || len(open) != 2 || open[0].Reference != "o-1/f-1" || open[0].Lines[0].Quantity != 3 {
		t.Fatalf("open tasks %+v, %v", open, err)
	}
	if elsewhere, err := s.Tasks(t.Context(), "S-none"); err != nil || len(elsewhere) != 0 {
		t.Errorf("tasks of another place: %+v, %v", elsewhere, err)
	}
	for _, reject := range []map[string]int{{at.SKU: 4}, {"strange": 1}, {at.SKU: -1}} {
		if err := s.Pick(t.Context(), "o-1/f-1", reject); err == nil {
			t.Errorf("rejecting %v works", reject)
		}
	}
	for range 2 { // a repetition changes nothing
		if err := s.Pick(t.Context(), "o-1/f-1", map[string]int{at.SKU: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Pick(t.Context(), "o-2/f-1", map[string]int{at.SKU: 1}); err != nil {
		t.Fatal(err)
	}
	picked, err := s.Task(t.Context(), "o-1/f-1")
	if err != nil || picked.Status != demo.TaskPicked || picked.Lines[0].Picked != 2 || picked.Lines[0].Rejected != 1 {
		t.Errorf("picked task %+v, %v", picked, err)
	}
	if rejected, err := s.Task(t.Context(), "o-2/f-1"); err != nil || rejected.Status != demo.TaskRejected {
		t.Errorf("rejected task %+v, %v", rejected, err)
	}
	if open, err := s.Tasks(t.Context(), ""); err != nil || len(open) != 0 {
		t.Errorf("tasks left %+v, %v", open, err)
	}
	if err := s.Pick(t.Context(), `no&<"body">`, nil); err == nil || !strings.Contains(err.Error(), "NOT_FOUND") {
		t.Errorf("picking a task that does not exist: %v", err)
	}
}

func TestTheTelephoneShowsTheLatestCode(t *testing.T) {
	s := openStand(t, shop.Pace{})
	const phone = "+8613800100001"
	if code, err := s.Messages(t.Context(), phone); err != nil || code != "" {
		t.Errorf("code %q before any message, %v", code, err)
	}
	s.post(t, s.ShopURL+"/api/v1/verifications", "application/json", `{"reference":"v-1","phone":"`+phone+`"}`)
	code, err := s.Messages(t.Context(), phone)
	if err != nil || len(code) != 6 {
		t.Fatalf("code %q, %v", code, err)
	}
	reply := s.post(t, s.ShopURL+"/api/v1/verifications/check", "application/json", `{"reference":"c-1","phone":"`+phone+`","code":"`+code+`"}`)
	if !strings.Contains(reply, `"accepted":true`) {
		t.Errorf("the code is refused: %s", reply)
	}
}

func TestAPaymentIsConfirmedByHand(t *testing.T) {
	s := openStand(t, shop.Pace{})
	s.placeOrder(t, "P1", s.shelf(t, demo.KindWarehouse, 1))
	pay := func(reference string) {
		s.post(t, s.ShopURL+"/api/v1/payments", "application/json",
			`{"reference":"`+reference+`","order":"P1","amount":{"amount":"10.00","currency":"CNY"},"method":"redirect"}`)
	}
	status := func(reference string) string {
		return s.send(t, http.MethodGet, s.ShopURL+"/api/v1/payments/"+strings.ReplaceAll(reference, "/", "%2F"), "application/json", "")
	}
	pay("o-1/p-1")
	if err := s.DeclinePayment(t.Context(), "o-1/p-1"); err != nil {
		t.Fatal(err)
	}
	pay("o-1/p-2")
	if err := s.ConfirmPayment(t.Context(), "o-1/p-2"); err != nil {
		t.Fatal(err)
	}
	if first, second := status("o-1/p-1"), status("o-1/p-2"); !strings.Contains(first, `"FAILED"`) || !strings.Contains(second, `"SUCCEEDED"`) {
		t.Errorf("payments %s and %s", first, second)
	}
}

// The points of tills reach the ERP by themselves, once, also those of a card whose customer is made later.
func TestPointsOfTheTillsReachTheERP(t *testing.T) {
	s := openStand(t, shop.Pace{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	told, _ := s.Stand.POS.PointsSince(0)
	known := map[string]bool{}
	for _, p := range s.retailer.People {
		if p.Customer != nil && p.Customer.Card != "" {
			known[p.Customer.Card] = true
		}
	}
	want := 0
	for _, e := range told {
		if known[e.Card] {
			want++
		}
	}
	for got := -1; got != want; {
		if err := s.Stand.ERP.Gateway().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pts_led WHERE src_cd = 'POS'`).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got > want {
			t.Fatalf("%d entries of tills in the ERP, want %d", got, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
