package demo_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portico-retail/portico/integrations/demo"
)

// counter is a gateway as small as it can be: one store, one warehouse, orders that move on when they are looked at, and an
// answer that is given once for each key.
type counter struct {
	mu       sync.Mutex
	t        *testing.T
	refuse   map[string]string // userError by field
	trouble  func(field string) string
	forget   bool              // answers to repetitions are made anew
	requests map[string]string // by key
	answers  map[string]string
	carts    map[string]map[string]any // by token
	orders   map[string]map[string]any
	serial   int
	calls    map[string]int // executed, by field
	served   map[string]int // hand-overs, by order
}

func newCounter(t *testing.T) *counter {
	return &counter{
		t: t, refuse: map[string]string{}, requests: map[string]string{}, answers: map[string]string{},
		carts: map[string]map[string]any{}, orders: map[string]map[string]any{}, calls: map[string]int{}, served: map[string]int{},
	}
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var req struct {
		Query     string
		Variables map[string]any
	}
	raw, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(raw, &req)
	}
	if err != nil || !slices.Contains([]string{"APP", "MINI_PROGRAM", "WEB"}, r.Header.Get("X-Channel")) {
		c.t.Errorf("unreadable request %s: %v", raw, err)
	}
	body := req.Query[strings.Index(req.Query, "{")+1:]
	if strings.HasPrefix(req.Query, "query(") || strings.HasPrefix(req.Query, "mutation(") {
		_, body, _ = strings.Cut(req.Query, ") {")
	}
	field := strings.FieldsFunc(body, func(r rune) bool { return strings.ContainsRune(" \n\t({", r) })[0]
	trouble := ""
	if c.trouble != nil {
		trouble = c.trouble(field)
	}
	if trouble == "before" {
		panic(http.ErrAbortHandler)
	}
	if trouble == "busy" {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `{"errors":[{"message":"busy","extensions":{"code":"UPSTREAM_UNAVAILABLE"}}]}`)
		return
	}
	answer := c.once(field, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), string(raw), req.Variables)
	switch trouble {
	case "lost":
		panic(http.ErrAbortHandler)
	case "garbage":
		answer = "<html>"
	case "half":
		answer = answer[:len(answer)/2]
	}
	fmt.Fprint(w, answer)
}

// once executes a request once for each key.
func (c *counter) once(field, token, request string, variables map[string]any) string {
	key, _ := variables["key"].(string)
	if key != "" && c.requests[key] != "" {
		if c.requests[key] != request {
			c.t.Errorf("key %s comes with another request:\n%s\n%s", key, c.requests[key], request)
		}
		if !c.forget {
			return c.answers[key]
		}
	}
	c.calls[field]++
	value := c.execute(field, token, variables)
	out, err := json.Marshal(map[string]any{"data": map[string]any{field: value}})
	if err != nil {
		c.t.Error(err)
	}
	c.requests[key], c.answers[key] = request, string(out)
	return string(out)
}

func (c *counter) execute(field, token string, v map[string]any) any {
	c.serial++
	payload := func(name string, value any) any {
		if code := c.refuse[field]; code != "" {
			return map[string]any{name: nil, "userErrors": []any{map[string]any{"code": code}}}
		}
		return map[string]any{name: value, "userErrors": []any{}}
	}
	switch field {
	case "guestSessionCreate":
		return payload("session", map[string]any{"token": fmt.Sprintf("guest-%d", c.serial)})
	case "products":
		return map[string]any{
			"nodes":    []any{map[string]any{"variants": []any{map[string]any{"sku": fmt.Sprintf("sku-%v", v["after"])}}}},
			"pageInfo": map[string]any{"hasNextPage": v["after"] == nil, "endCursor": "two"},
		}
	case "locations":
		return map[string]any{"nodes": []any{map[string]any{
			"code": "S-1", "services": []string{"PICKUP", "CURBSIDE"}, "address": map[string]any{"city": "上海"},
			"position": map[string]any{"latitude": 31.2, "longitude": 121.5},
		}}}
	case "stockCheck":
		return map[string]any{"items": []any{}}
	case "pickupOptions":
		return []any{map[string]any{"coverage": "FULL", "readyBy": "2026-11-22T06:00:00Z", "location": map[string]any{"code": "S-1"}}}
	case "deliveryOptions":
		return []any{map[string]any{"method": "SHIPPING", "available": true}}
	case "me":
		return map[string]any{"coupons": []any{map[string]any{"number": "CP-1", "status": "USABLE"}}}
	case "cartCreate", "cartLinesAdd", "cartLinesRemove", "cartAddressSet", "cartCouponApply", "cart":
		cart := c.cart(token)
		if field == "cart" {
			return cart
		}
		cart["version"] = cart["version"].(int) + 1
		switch field {
		case "cartLinesAdd":
			cart["lines"] = append(cart["lines"].([]any), map[string]any{"id": fmt.Sprint(c.serial), "method": v["lines"].([]any)[0].(map[string]any)["method"]})
		case "cartLinesRemove":
			cart["lines"] = []any{}
		}
		return payload("cart", maps.Clone(cart))
	case "consentGive":
		return payload("consent", map[string]any{"version": "demo-1"})
	case "checkoutComplete":
		return payload("order", c.place(token, v))
	case "pickupVerify", "returnReceive":
		if token != "clerk of S-1" {
			c.t.Errorf("%s by %q", field, token)
		}
		return payload("order", nil)
	case "reviewCreate":
		return payload("feedback", nil)
	}
	o := c.orders[v["id"].(string)]
	if o == nil {
		c.t.Errorf("%s of no order: %v", field, v)
		return nil
	}
	c.act(field, token, o, v)
	if field == "order" {
		return o
	}
	return payload("order", o)
}

func (c *counter) cart(token string) map[string]any {
	if c.carts[token] == nil {
		c.carts[token] = map[string]any{
			"id": "cart of " + token, "version": 1, "lines": []any{}, "problems": []any{}, "totals": map[string]any{"total": map[string]any{"amount": "10.00"}},
		}
	}
	return c.carts[token]
}

func (c *counter) place(token string, v map[string]any) any {
	cart := c.cart(token)
	lines := cart["lines"].([]any)
	if len(lines) == 0 || v["version"] != float64(cart["version"].(int)) || v["total"] != "10.00" {
		if !c.forget {
			c.t.Errorf("checkout of %v with %v", cart, v)
		}
		return nil
	}
	id := fmt.Sprintf("o-%d", c.serial)
	c.orders[id] = map[string]any{
		"id": id, "status": "PENDING_PAYMENT", "lines": []any{map[string]any{"id": "l-1", "sku": "sku-two", "quantity": 1}},
		"payments": []any{}, "timeline": []any{}, "fulfillments": []any{map[string]any{
			"id": "f-1", "method": lines[0].(map[string]any)["method"], "status": "PENDING", "location": map[string]any{"code": "S-1"},
		}},
	}
	delete(c.carts, token)
	return c.orders[id]
}

// act does what the shopper asks for; an order that is looked at moves on.
func (c *counter) act(field, token string, o, v map[string]any) {
	part := o["fulfillments"].([]any)[0].(map[string]any)
	switch field {
	case "orderPay":
		payment := map[string]any{"status": "SUCCEEDED"}
		if v["method"] == "decline" {
			payment["status"] = "FAILED"
			o["payments"] = []any{payment}
			return
		}
		o["status"], o["payments"] = "PAID", []any{payment}
		o["timeline"] = []any{map[string]any{"kind": "PLACED", "at": now}, map[string]any{"kind": "PAID", "at": now}}
	case "orderCancel":
		o["status"] = "CANCELLED"
	case "orderRejectionAnswer":
		delete(part, "decision")
	case "order":
		switch {
		case part["status"] == "PENDING" && o["status"] == "PAID":
			part["status"], part["acceptedAt"] = "ACCEPTED", now.Add(2*time.Second)
			part["decision"] = map[string]any{"askedAt": now}
		case part["status"] == "ACCEPTED" && part["method"] == "SHIPPING":
			part["status"], o["status"] = "DELIVERED", "COMPLETED"
		case part["status"] == "ACCEPTED":
			part["status"], part["pickupCode"] = "READY", map[string]any{"code": "1234"}
		}
	case "pickupHandOver":
		if token != "clerk of S-1" || v["code"] != "1234" {
			c.t.Errorf("hand-over by %q with %v", token, v)
		}
		if c.refuse[field] != "" {
			return
		}
		c.served[o["id"].(string)]++
		part["status"], o["status"] = "COLLECTED", "COMPLETED"
		delete(part, "pickupCode")
	}
}

func shoppersAt(t *testing.T, c *counter, pace demo.ShopperPace) *demo.Shoppers {
	t.Helper()
	server := httptest.NewUnstartedServer(c)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	client := server.Client()
	var n atomic.Int64
	return demo.NewShoppers(server.URL, demo.ShopperOptions{
		Member: func() (string, bool) {
			i := n.Add(1)
			return fmt.Sprintf("member-%d", i), i%2 == 0
		},
		Associate: func(place string) string { return "clerk of " + place },
		Client:    client, Seed: 5, Now: func() time.Time { return now }, Pace: pace,
	})
}

func mustShop(t *testing.T, s *demo.Shoppers, steps int) {
	t.Helper()
	for range steps {
		if err := s.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestShoppersBuyAsAppsDo(t *testing.T) {
	c := newCounter(t)
	s := shoppersAt(t, c, demo.ShopperPace{Arrivals: 2, Present: 30, AtOnce: 1, Patience: 100})
	mustShop(t, s, 150)
	got := s.Stats()
	for what, n := range map[string]int{
		"carts": got.Carts, "orders": got.Orders, "paid": got.Paid, "completed": got.Completed, "cancelled": got.Cancelled,
		"declined": got.Declined, "abandoned": got.Abandoned, "handed over": got.HandedOver, "delivered": got.Delivered,
		"returned": got.Returned, "reviewed": got.Reviewed, "decisions": got.Decisions, "repeated": got.Repeated,
		"coupons": c.calls["cartCouponApply"], "cars": c.calls["orderCurbsideArrive"], "addresses": c.calls["cartAddressSet"],
	} {
		if n == 0 {
			t.Errorf("no %s in 150 steps", what)
		}
	}
	if got.Contradicted != 0 || got.Left != 0 || len(got.Faults) != 0 || len(got.Refusals) != 0 || got.Present > 30 {
		t.Errorf("stats %+v", got)
	}
	if c.calls["products"] != 2 || c.calls["locations"] != 1 {
		t.Errorf("%d pages of products and %d of locations were read, want 2 and 1", c.calls["products"], c.calls["locations"])
	}
	if got.Accepted.Count() < got.Completed || got.Accepted.Max() != 2*time.Second || got.Accepted.Quantile(0.5) != 2*time.Second {
		t.Errorf("accepted after %s, want 2s for each", got.Accepted.String())
	}
	if got.Accepted.Quantile(0.99) != 2*time.Second || (&demo.Latencies{}).Quantile(0.5) != 0 {
		t.Errorf("tail %v", got.Accepted.Quantile(0.99))
	}
}

func TestShoppersSurviveEveryTrouble(t *testing.T) {
	c := newCounter(t)
	s := shoppersAt(t, c, demo.ShopperPace{Arrivals: 2, Present: 30, AtOnce: 4, Patience: 200})
	n, kinds := 0, []string{"before", "busy", "lost", "garbage", "half"}
	c.trouble = func(string) string {
		n++
		if n%3 == 0 {
			return kinds[n/3%len(kinds)]
		}
		return ""
	}
	failed := 0
	for range 150 {
		if s.Step(t.Context()) != nil {
			failed++
		}
	}
	c.mu.Lock()
	c.trouble = nil
	c.mu.Unlock()
	mustShop(t, s, 100)
	got := s.Stats()
	if failed < 100 || len(got.Faults) < 3 || got.Completed == 0 || got.Contradicted != 0 {
		t.Errorf("%d steps failed, stats %+v", failed, got)
	}
	for order, n := range c.served {
		if n != 1 {
			t.Errorf("order %s was handed over %d times", order, n)
		}
	}
}

func TestAShopperWhomNobodyAnswersLeaves(t *testing.T) {
	c := newCounter(t)
	s := shoppersAt(t, c, demo.ShopperPace{Arrivals: 1, Present: 1, AtOnce: 1, Patience: 10})
	c.trouble = func(string) string { return "before" }
	for range 10 {
		if s.Step(t.Context()) == nil {
			t.Error("a step without any answer says that all is well")
		}
	}
	if got := s.Stats(); got.Left != 1 || got.Present != 0 || got.Faults["NO_ANSWER"] < 10 {
		t.Errorf("stats %+v", got)
	}
}

func TestRefusalsAreCountedAndEndTheVisit(t *testing.T) {
	for field, code := range map[string]string{
		"guestSessionCreate": "NOT_ALLOWED", "cartCreate": "LIMIT_REACHED", "cartLinesAdd": "INSUFFICIENT_STOCK", "cartLinesRemove": "VERSION_CONFLICT",
		"cartAddressSet": "INVALID", "checkoutComplete": "PRICE_CHANGED", "orderPay": "PAYMENT_PENDING", "orderCancel": "ORDER_CLOSED",
		"pickupVerify": "CODE_REJECTED", "pickupHandOver": "CODE_REJECTED", "reviewCreate": "NOT_ALLOWED", "returnReceive": "NOT_RETURNABLE",
		"cartCouponApply": "COUPON_REJECTED", "orderRejectionAnswer": "ORDER_CLOSED", "orderCurbsideArrive": "ORDER_CLOSED",
	} {
		t.Run(field, func(t *testing.T) {
			c := newCounter(t)
			s := shoppersAt(t, c, demo.ShopperPace{Arrivals: 2, Present: 30, AtOnce: 1, Patience: 20})
			c.refuse[field] = code
			if field == "cartLinesRemove" {
				c.carts["member-1"] = map[string]any{
					"id": "c-1", "version": 1, "lines": []any{map[string]any{"id": "old"}}, "problems": []any{},
					"totals": map[string]any{"total": map[string]any{"amount": "10.00"}},
				}
			}
			mustShop(t, s, 80)
			refused := 0
			for what, n := range s.Stats().Refusals {
				if strings.HasSuffix(what, " "+code) {
					refused += n
				}
			}
			if refused == 0 || refused < c.calls[field] {
				t.Errorf("%d refusals of %d are counted: %v", refused, c.calls[field], s.Stats().Refusals)
			}
		})
	}
}

func TestAnAnswerThatChangesIsAContradiction(t *testing.T) {
	c := newCounter(t)
	s := shoppersAt(t, c, demo.ShopperPace{Arrivals: 2, Present: 30, AtOnce: 1, Patience: 50})
	c.forget = true
	for range 60 {
		_ = s.Step(t.Context())
	}
	if s.Stats().Contradicted == 0 {
		t.Error("a gateway that does everything twice was not noticed")
	}
}

func TestShoppersRunWithTheTicks(t *testing.T) {
	s := shoppersAt(t, newCounter(t), demo.ShopperPace{})
	ctx, cancel := context.WithCancel(t.Context())
	ticks, done := make(chan time.Time), make(chan error)
	go func() { done <- s.Run(ctx, ticks, slog.New(slog.DiscardHandler)) }()
	ticks <- now
	ticks <- now
	cancel()
	if err := <-done; err != nil || s.Stats().Steps != 2 {
		t.Errorf("%d steps after two ticks, %v", s.Stats().Steps, err)
	}
}

func TestQuantilesAreTheNearestRankAtMostFivePercentTooLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Int64Range(-5, int64(7*24*time.Hour)), 1, 50).Draw(t, "durations")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		var l demo.Latencies
		for _, d := range list {
			l.Add(time.Duration(d))
		}
		slices.Sort(list)
		rank := max(1, int(q*float64(len(list))+0.999999999))
		want := max(0, time.Duration(list[min(rank, len(list))-1]))
		got := l.Quantile(q)
		if got < want-time.Microsecond || float64(got) > max(1.0501*float64(want), float64(time.Millisecond)) || l.Count() != len(list) {
			t.Errorf("quantile %v of %v is %v, want %v", q, list, got, want)
		}
	})
}
