package shop_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/demo/shop"
)

func TestEveryRequestNeedsTheKey(t *testing.T) {
	s := startSite(t, shop.Data{})
	for _, path := range []string{"/api/v1/products", "/api/v1/allocations", "/api/v1/nothing"} {
		for name, key := range map[string]string{"none": "", "another": "demo-kez", "a longer one": apiKey + "1"} {
			got, err := s.send(t, http.MethodGet, path, "", "X-Api-Key", key)
			if err != nil || got.status != http.StatusUnauthorized || !strings.Contains(string(got.body), `"UNAUTHORIZED"`) {
				t.Errorf("%s with key %s: %d %s %v", path, name, got.status, got.body, err)
			}
		}
	}
	for _, path := range []string{"/healthz", "/admin/faults"} {
		if got, err := s.send(t, http.MethodGet, path, "", "X-Api-Key", ""); err != nil || got.status != http.StatusOK {
			t.Errorf("%s without key: %d %v", path, got.status, err)
		}
	}
}

func TestPagingListsEveryProductOnce(t *testing.T) {
	s := startSite(t, shop.Data{Products: products(25)})
	var seen []string
	cursor, pages := "", 0
	for {
		var page productPage
		s.mustSend(t, http.MethodGet, "/api/v1/products?limit=10&cursor="+cursor, "", &page)
		for _, p := range page.Products {
			seen = append(seen, p.ID)
		}
		if pages++; pages > 3 || page.NextCursor == "" {
			break
		}
		cursor = page.NextCursor
		if err := s.SetTitle("p-0001", shop.Text{English: fmt.Sprint("Edit ", pages)}); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for _, p := range products(25) {
		want = append(want, p.ID)
	}
	if diff := cmp.Diff(want, seen); diff != "" || pages != 3 {
		t.Errorf("%d pages (-want +got):\n%s", pages, diff)
	}
}

func TestAnEmptyShopListsNothing(t *testing.T) {
	s := startSite(t, shop.Data{})
	for path, want := range map[string]string{"/api/v1/products": `{"products":[],`, "/api/v1/categories": `{"categories":[]}`} {
		got, err := s.send(t, http.MethodGet, path, "")
		if err != nil || !strings.HasPrefix(string(got.body), want) {
			t.Errorf("%s: got %s, %v, want %s", path, got.body, err, want)
		}
	}
}

func TestETagHoldsUntilTheCatalogChanges(t *testing.T) {
	s := startSite(t, shop.Data{Products: products(3)})
	paths := []string{"/api/v1/products?limit=1", "/api/v1/prices?skus=1", "/api/v1/categories"}
	edits := map[string]func() error{
		"a price is edited": func() error { return s.SetPrice("3", "9.99") },
		"a title is edited": func() error { return s.SetTitle("p-0002", shop.Text{English: "Wine"}) },
	}
	for name, edit := range edits {
		for _, path := range paths {
			first, err := s.send(t, http.MethodGet, path, "")
			if err != nil {
				t.Fatal(err)
			}
			tag := first.header.Get("ETag")
			s.clock.pass(time.Second)
			again, err := s.send(t, http.MethodGet, path, "", "If-None-Match", `"other", `+tag)
			if err != nil || again.status != http.StatusNotModified || len(again.body) != 0 || again.header.Get("ETag") != tag {
				t.Errorf("%s before %s: %d %q %v", path, name, again.status, again.body, err)
			}
			if err := edit(); err != nil {
				t.Fatal(err)
			}
			after, err := s.send(t, http.MethodGet, path, "", "If-None-Match", tag)
			if err != nil || after.status != http.StatusOK || after.header.Get("ETag") == tag {
				t.Errorf("%s after %s: %d %v", path, name, after.status, err)
			}
		}
	}
	var page productPage
	s.mustSend(t, http.MethodGet, "/api/v1/products", "", &page)
	if page.Products[1].Title.English != "Wine" || page.Products[2].Variants[0].Price.Amount != "9.99" {
		t.Errorf("the edits are not in %+v", page.Products)
	}
	if s.SetPrice("none", "1") == nil || s.SetTitle("none", shop.Text{}) == nil {
		t.Error("an edit of nothing succeeded")
	}
}

func TestOrdersAndShipmentsAreIdempotent(t *testing.T) {
	s := startSite(t, shop.Data{})
	for range 3 {
		s.order(t, "1", "A", 2)
	}
	s.order(t, "2", "A", 5)
	if diff := cmp.Diff(allocation{"S-1", "A", 7, 2}, s.lookup(t, "S-1", "A")); diff != "" {
		t.Errorf("after orders (-want +got):\n%s", diff)
	}
	for range 3 {
		s.ship(t, "1")
	}
	s.order(t, "1", "A", 2)
	if diff := cmp.Diff(allocation{"S-1", "A", 5, 3}, s.lookup(t, "S-1", "A")); diff != "" {
		t.Errorf("after the shipment (-want +got):\n%s", diff)
	}
}

func TestARefusedRequestBooksNothing(t *testing.T) {
	s := startSite(t, shop.Data{})
	s.order(t, "1", "A", 1)
	before := s.feed(t, 0, 100)
	good := `{"number":"2","location":"S-1","placedAt":"2026-11-22T11:00:00Z","lines":[{"sku":"A","quantity":1}]}`
	orders := func(list string) [2]string { return [2]string{"/api/v1/orders", `{"orders":[` + list + `]}`} }
	changed := func(from, to string) [2]string { return orders(good + "," + strings.Replace(good, from, to, 1)) }
	for name, request := range map[string][2]string{
		"an order of another content":          changed(`"quantity":1`, `"quantity":2`),
		"an order without a number":            changed(`"number":"2"`, `"number":""`),
		"an order without a place":             changed(`"location":"S-1",`, ``),
		"an order without a date":              changed(`"placedAt":"2026-11-22T11:00:00Z",`, ``),
		"an order without lines":               changed(`{"sku":"A","quantity":1}`, ``),
		"a line of nothing":                    changed(`"quantity":1`, `"quantity":0`),
		"a line of half a unit":                changed(`"quantity":1`, `"quantity":0.5`),
		"an unknown field":                     changed(`"number"`, `"colour":"red","number"`),
		"null for an order":                    orders(good + `,null`),
		"more than a thousand orders":          orders(strings.Repeat(good+",", 1000) + good),
		"something that follows":               {"/api/v1/orders", `{"orders":[` + good + `]} {}`},
		"more than 8 MiB":                      {"/api/v1/orders", `{"orders":[` + good + strings.Repeat(" ", 9<<20) + `]}`},
		"a shipment of an unknown order":       {"/api/v1/shipments", `{"numbers":["1","9"]}`},
		"a shipment that is no list":           {"/api/v1/shipments", `{"numbers":"1"}`},
		"a lookup of a thousand and one pairs": {"/api/v1/allocations/lookup", `{"pairs":[` + strings.Repeat(`{"location":"S","sku":"A"},`, 1000) + `{"location":"S","sku":"A"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.send(t, http.MethodPost, request[0], request[1])
			var body struct {
				Error struct{ Code, Message string }
			}
			if err != nil || got.status < 400 || got.status > 499 || json.Unmarshal(got.body, &body) != nil || body.Error.Code == "" {
				t.Errorf("got %d %s %v", got.status, got.body, err)
			}
			if diff := cmp.Diff(before, s.feed(t, 0, 100)); diff != "" {
				t.Errorf("allocations (-before +after):\n%s", diff)
			}
		})
	}
}

func TestBadQueriesAreRefused(t *testing.T) {
	s := startSite(t, shop.Data{Products: products(2)})
	for _, path := range []string{
		"/api/v1/products?limit=0", "/api/v1/products?limit=1001", "/api/v1/products?limit=ten",
		"/api/v1/products?cursor=!!", "/api/v1/products?cursor=cC0wMDAx", "/api/v1/products?color=red",
		"/api/v1/products?limit=1&limit=2", "/api/v1/categories?limit=1",
		"/api/v1/prices?skus=1" + strings.Repeat(",1", 250),
		"/api/v1/allocations?since=-1", "/api/v1/allocations?limit=10001",
		"/api/v1/allocations?since=%zz",
	} {
		got, err := s.send(t, http.MethodGet, path, "")
		if err != nil || got.status != http.StatusBadRequest {
			t.Errorf("%.60s: %d %s %v", path, got.status, got.body, err)
		}
	}
}

func TestFeedPagesAreDatedBeforeWhatTheyLeaveOut(t *testing.T) {
	s := startSite(t, shop.Data{})
	for i := range 5 {
		s.clock.pass(time.Second)
		s.order(t, fmt.Sprint(i), fmt.Sprint("sku-", i), 1)
	}
	s.clock.pass(time.Minute)
	page := s.feed(t, 0, 2)
	if want := noon.Add(3*time.Second - time.Millisecond); !page.More || page.Next != 2 || !page.AsOf.Equal(want) {
		t.Errorf("first page: more %v, next %d, asOf %v, want %v", page.More, page.Next, page.AsOf, want)
	}
	page = s.feed(t, page.Next, 3)
	if page.More || page.Next != 5 || len(page.Allocations) != 3 || !page.AsOf.Equal(s.clock.now()) {
		t.Errorf("last page = %+v", page)
	}
	if page = s.feed(t, 5, 3); page.More || page.Next != 5 || len(page.Allocations) != 0 {
		t.Errorf("heartbeat = %+v", page)
	}
	if page = s.feed(t, 6, 3); page.Next != 5 || len(page.Allocations) != 0 {
		t.Errorf("to a reader that is ahead: %+v, want the end of this run", page)
	}
}

func TestStaleFreezesWhatIsReadAndThawsWhole(t *testing.T) {
	s := startSite(t, shop.Data{Products: products(2)})
	s.order(t, "1", "1", 2)
	read := func() []string {
		t.Helper()
		var out []string
		for _, path := range []string{
			"/api/v1/products", "/api/v1/prices?skus=1,2", "/api/v1/categories", "/api/v1/allocations",
		} {
			got, err := s.send(t, http.MethodGet, path, "")
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, got.header.Get("ETag"), string(got.body))
		}
		got, err := s.send(t, http.MethodPost, "/api/v1/allocations/lookup",
			`{"pairs":[{"location":"S-1","sku":"1"},{"location":"S-1","sku":"2"}]}`)
		if err != nil {
			t.Fatal(err)
		}
		return append(out, string(got.body))
	}
	before := read()
	s.mustSet(t, faults.State{Stale: true})
	s.clock.pass(time.Minute)
	s.order(t, "2", "1", 3)
	s.order(t, "3", "2", 1)
	s.ship(t, "1")
	if err := s.SetPrice("1", "1.00"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, read()); diff != "" {
		t.Errorf("while stale (-before +after):\n%s", diff)
	}
	s.mustSet(t, faults.State{})
	want := feed{Next: 4, AsOf: s.clock.now(), Allocations: []allocation{
		{"S-1", "1", 5, 2}, {"S-1", "2", 1, 1}, {"S-1", "1", 3, 3},
	}}
	if diff := cmp.Diff(want, s.feed(t, 1, 10)); diff != "" {
		t.Errorf("feed after the thaw (-want +got):\n%s", diff)
	}
	var page productPage
	if s.mustSend(t, http.MethodGet, "/api/v1/products", "", &page); page.Products[0].Variants[0].Price.Amount != "1.00" {
		t.Errorf("price after the thaw = %+v", page.Products[0].Variants[0].Price)
	}
}

func TestDelayHoldsTheFeedBackAndDatesIt(t *testing.T) {
	s := startSite(t, shop.Data{})
	s.order(t, "1", "A", 1)
	s.clock.pass(time.Minute)
	s.mustSet(t, faults.State{DelayMs: 5000})
	s.order(t, "2", "A", 1)
	got := s.feed(t, 0, 10)
	want := feed{Allocations: []allocation{{"S-1", "A", 1, 1}}, Next: 1, AsOf: s.clock.now().Add(-time.Millisecond)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("held back (-want +got):\n%s", diff)
	}
	if got := s.lookup(t, "S-1", "A"); got.Open != 2 {
		t.Errorf("a lookup is not the feed, but has %+v", got)
	}
	s.clock.pass(5 * time.Second)
	want = feed{Allocations: []allocation{{"S-1", "A", 2, 2}}, Next: 2, AsOf: s.clock.now()}
	if diff := cmp.Diff(want, s.feed(t, 1, 10)); diff != "" {
		t.Errorf("after the delay (-want +got):\n%s", diff)
	}
}

func TestDuplicateAndReorderLoseNothing(t *testing.T) {
	s := startSite(t, shop.Data{})
	const orders = 60
	for i := range orders {
		s.order(t, fmt.Sprint(i), fmt.Sprint("sku-", i), 1)
	}
	s.mustSet(t, faults.State{Duplicate: 0.5, Reorder: true})
	seen := map[string]int{}
	entries, inOrder := 0, true
	for since, more := 0, true; more; {
		page := s.feed(t, since, 25)
		if len(page.Allocations) > 25 {
			t.Fatalf("%d entries on a page of 25", len(page.Allocations))
		}
		for i, a := range page.Allocations {
			seen[a.SKU]++
			entries++
			inOrder = inOrder && a.SKU == fmt.Sprint("sku-", since+i)
		}
		since, more = page.Next, page.More
	}
	if len(seen) != orders || entries < orders+10 || inOrder {
		t.Errorf("%d of %d pairs in %d entries, in order: %v", len(seen), orders, entries, inOrder)
	}
}

func TestCompactionKeepsTheLastWordOnEveryPair(t *testing.T) {
	s := startSite(t, shop.Data{})
	number := 0
	batch := func(n int) {
		t.Helper()
		list := make([]string, n)
		for i := range list {
			number++
			list[i] = fmt.Sprintf(`{"number":"%d","location":"S-1","placedAt":"2026-11-22T11:00:00Z","lines":[{"sku":"%d","quantity":1}]}`, number, number%7)
		}
		var out struct{ Accepted int }
		s.mustSend(t, http.MethodPost, "/api/v1/orders", `{"orders":[`+strings.Join(list, ",")+`]}`, &out)
	}
	for range 11 {
		batch(1000)
		s.clock.pass(time.Hour)
	}
	last := map[string]allocation{}
	entries := 0
	for since, more := 0, true; more; {
		page := s.feed(t, since, 5000)
		for _, a := range page.Allocations {
			entries++
			if a.Version <= last[a.SKU].Version {
				t.Fatalf("version %d follows %d", a.Version, last[a.SKU].Version)
			}
			last[a.SKU] = a
		}
		since, more = page.Next, page.More
	}
	if entries >= 5000 {
		t.Errorf("%d entries are left of 11,000", entries)
	}
	for sku, got := range last {
		if want := s.lookup(t, "S-1", sku); got != want {
			t.Errorf("feed ends with %+v, lookup says %+v", got, want)
		}
	}
	if len(last) != 7 {
		t.Errorf("%d pairs, want 7", len(last))
	}
}

func TestTransportFaultsReachAClient(t *testing.T) {
	s := startSite(t, shop.Data{Products: products(1)})
	for name, state := range map[string]faults.State{
		"down": {Down: true}, "truncate": {Truncate: true}, "garbage": {Garbage: true},
	} {
		s.mustSet(t, state)
		if got, err := s.send(t, http.MethodPost, "/api/v1/allocations/lookup", `{"pairs":[]}`); err == nil && json.Valid(got.body) {
			t.Errorf("%s: the reply was readable", name)
		}
	}
	s.mustSet(t, faults.State{ErrorRate: 1})
	got, err := s.send(t, http.MethodGet, "/api/v1/products", "")
	const want = `{"error":{"code":"BUSY","message":"try again later"}}`
	if err != nil || got.status != http.StatusServiceUnavailable || string(got.body) != want {
		t.Errorf("error rate: %d %s %v", got.status, got.body, err)
	}
	s.mustSet(t, faults.State{})
	if got, err := s.send(t, http.MethodGet, "/api/v1/products", ""); err != nil || got.status != http.StatusOK {
		t.Errorf("after recovery: %d %v", got.status, err)
	}
}
