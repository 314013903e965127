package purchases_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/purchases"
)

// records are three systems that answer as the interfaces promise, or not at all.
type records struct {
	orders   []*retail.Order // the ledger's
	shop     []retail.ShopOrder
	receipts []retail.Receipt
	// fails is the error of a system's calls behind so many good ones.
	fails map[retail.Source]error
	good  map[retail.Source]int
	mu    sync.Mutex
	calls int
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const owner = "member:m1"

func (r *records) service() *purchases.Service {
	return purchases.New(purchases.Deps{
		Online: r, Receipts: r, Ledger: r, Codes: r, Places: r, Now: func() time.Time { return noon },
	})
}

func page[T any](all []T, key func(T) retail.PurchaseKey, before *retail.PurchaseKey, limit int) []T {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b T) int {
		if key(b).Before(key(a)) {
			return -1
		}
		return 1
	})
	all = slices.DeleteFunc(all, func(t T) bool { return before != nil && !key(t).Before(*before) })
	return all[:min(len(all), limit)]
}

func (r *records) answers(s retail.Source) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.fails[s] == nil {
		return nil
	}
	if r.good[s]--; r.good[s] >= 0 {
		return nil
	}
	return r.fails[s]
}

func (r *records) Orders(_ context.Context, account string, before *retail.PurchaseKey, limit int) ([]retail.ShopOrder, error) {
	if account != "A1" {
		return nil, retail.Errorf(retail.CodeNotFound, "no such account")
	}
	return page(r.shop, shopKey, before, limit), r.answers(retail.SourceShop)
}

func (r *records) Receipts(_ context.Context, card string, before *retail.PurchaseKey, limit int) ([]retail.Receipt, error) {
	if card != "L1" {
		return nil, retail.Errorf(retail.CodeNotFound, "no such card")
	}
	return page(r.receipts, receiptKey, before, limit), r.answers(retail.SourcePOS)
}

func (r *records) Receipt(_ context.Context, number string) (*retail.Receipt, error) {
	for i := range r.receipts {
		if r.receipts[i].Number == number {
			return &r.receipts[i], nil
		}
	}
	return nil, retail.Errorf(retail.CodeNotFound, "no such receipt")
}

func (r *records) OrdersByNumber(_ context.Context, numbers []string) (map[string]*retail.Order, error) {
	m := map[string]*retail.Order{}
	for _, o := range r.orders {
		if slices.Contains(numbers, o.Number) {
			m[o.Number] = o
		}
	}
	return m, r.answers("")
}

func (r *records) Order(_ context.Context, id string) (*retail.Order, error) {
	for _, o := range r.orders {
		if o.ID == id {
			return o, r.answers("")
		}
	}
	return nil, retail.Errorf(retail.CodeNotFound, "no such order")
}

func (r *records) OrderByNumber(ctx context.Context, number string) (*retail.Order, error) {
	return r.Order(ctx, "o-"+number)
}

func (r *records) OrdersOf(_ context.Context, who string, before *retail.PurchaseKey, limit int) ([]*retail.Order, error) {
	mine := slices.DeleteFunc(slices.Clone(r.orders), func(o *retail.Order) bool { return o.Owner != who })
	return page(mine, orderKey, before, limit), r.answers("")
}

func (r *records) OrdersAt(_ context.Context, place string, limit int) (list []*retail.Order, err error) {
	for _, o := range r.orders {
		if slices.ContainsFunc(o.Fulfillments, func(f retail.Fulfillment) bool { return f.LocationCode == place }) {
			list = append(list, o)
		}
	}
	return list[:min(limit, len(list))], nil
}

func (r *records) VerifyCode(_ context.Context, a retail.Actor, ref, code string) (*retail.Order, *retail.Fulfillment, error) {
	if !a.WorksAt(ref) || code != "7KX4" {
		return nil, nil, retail.Refuse(retail.WhyCodeRejected, "code", "The code opens nothing here.")
	}
	return r.orders[0], &r.orders[0].Fulfillments[0], nil
}

func (r *records) Resolve(_ context.Context, refs []string) ([]*retail.Location, error) {
	if refs[0] != "S1" && refs[0] != "S2" {
		return nil, retail.Errorf(retail.CodeNotFound, "no such place")
	}
	return []*retail.Location{{Code: refs[0]}}, nil
}

func shopKey(o retail.ShopOrder) retail.PurchaseKey {
	return retail.PurchaseKey{At: o.PlacedAt, Source: retail.SourceShop, Number: o.Number}
}

func receiptKey(r retail.Receipt) retail.PurchaseKey {
	return retail.PurchaseKey{At: r.At, Source: retail.SourcePOS, Number: r.Number}
}

func orderKey(o *retail.Order) retail.PurchaseKey {
	return retail.PurchaseKey{At: o.PlacedAt, Source: retail.SourceShop, Number: o.Number}
}

// buy adds one purchase of a kind and reports under which key the list shall show it, if at all.
func (r *records) buy(kind int, n int, at time.Time) *retail.PurchaseKey {
	number := fmt.Sprintf("%03d", n)
	order := func(who string) *retail.Order {
		return &retail.Order{ID: "o-" + number, Number: number, Owner: who, PlacedAt: at, Status: retail.OrderCompleted}
	}
	online := retail.ShopOrder{Number: number, PlacedAt: at, Status: "done"}
	receipt := retail.Receipt{Number: number, At: at, CardNumber: "L1"}
	key := retail.PurchaseKey{At: at, Source: retail.SourceShop, Number: number}
	switch kind {
	case 0: // through the gateway, known to the shop, collected with the card
		r.orders, r.shop = append(r.orders, order(owner)), append(r.shop, online)
		receipt.At, receipt.OrderRef = at.Add(30*time.Second), "o-"+number+"/f1"
		r.receipts = append(r.receipts, receipt)
	case 1: // through the gateway before there was an account
		r.orders = append(r.orders, order(owner))
	case 2: // in the shop, elsewhere
		r.shop = append(r.shop, online)
	case 3: // through the gateway; the shop has another instant
		online.PlacedAt = at.Add(-time.Second)
		r.orders, r.shop = append(r.orders, order(owner)), append(r.shop, online)
	case 4: // at a till
		key.Source = retail.SourcePOS
		r.receipts = append(r.receipts, receipt)
	case 5: // the collection of somebody else's order with this card
		key.Source, receipt.OrderRef = retail.SourcePOS, "o-"+number+"/f1"
		r.orders, r.receipts = append(r.orders, order("guest:g")), append(r.receipts, receipt)
	case 7: // of the same account, through the gateway under another name
		r.orders, r.shop = append(r.orders, order("guest:g")), append(r.shop, online)
	case 6: // never acknowledged
		o := order(owner)
		o.Status, o.Cancel = retail.OrderCancelled, &retail.Cancellation{Reason: retail.CancelNotPlaced}
		r.orders, r.shop = append(r.orders, o), append(r.shop, online)
		return nil
	}
	return &key
}

// TestPagingShowsEveryPurchaseOnce pages with any page size while new purchases arrive at the top, many of them at equal
// instants.
func TestPagingShowsEveryPurchaseOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &records{}
		var want []retail.PurchaseKey
		n := 0
		for range rapid.IntRange(0, 60).Draw(t, "purchases") {
			at := noon.Add(-time.Duration(rapid.IntRange(0, 8).Draw(t, "minutes ago")) * time.Minute)
			if key := r.buy(rapid.IntRange(0, 7).Draw(t, "kind"), n, at); key != nil {
				want = append(want, *key)
			}
			n++
		}
		slices.SortFunc(want, func(a, b retail.PurchaseKey) int {
			if b.Before(a) {
				return -1
			}
			return 1
		})
		svc, after := r.service(), ""
		var got []retail.PurchaseKey
		for range 1000 {
			q := purchases.ListQuery{Owner: owner, AccountID: "A1", CardNumber: "L1", After: after}
			q.First = rapid.IntRange(1, 12).Draw(t, "first")
			c, err := svc.List(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Edges) > q.First {
				t.Fatalf("a page of %d has %d", q.First, len(c.Edges))
			}
			for _, e := range c.Edges {
				got = append(got, e.Node.Key())
			}
			if c.PageInfo.HasPreviousPage != (after != "") {
				t.Fatal("a page does not know where it lies")
			}
			if !c.PageInfo.HasNextPage {
				break
			}
			after = *c.PageInfo.EndCursor
			if rapid.Bool().Draw(t, "somebody buys") {
				r.buy(rapid.IntRange(0, 7).Draw(t, "kind"), n, noon.Add(time.Duration(n)*time.Minute))
				n++
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("want - got:\n%s", diff)
		}
	})
}

func (r *records) list(t *testing.T, first int, after string) *purchases.Connection {
	t.Helper()
	c, err := r.service().List(t.Context(), purchases.ListQuery{
		Owner: owner, AccountID: "A1", CardNumber: "L1", First: first, After: after,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func numbers(c *purchases.Connection) (list []string) {
	for _, p := range c.Nodes() {
		list = append(list, string(p.Source)+p.Number)
	}
	return list
}

func TestASilentSystemLeavesTheOthersOnThePage(t *testing.T) {
	r := &records{}
	r.buy(4, 1, noon.Add(-time.Minute))
	r.buy(0, 2, noon.Add(-2*time.Minute))
	r.buy(2, 3, noon.Add(-3*time.Minute))
	r.buy(4, 4, noon.Add(-4*time.Minute))
	down := retail.Unavailable(retail.SourceShop, errors.New("no route"))
	for name, c := range map[string]struct {
		fails  map[retail.Source]error
		silent []retail.Source
		want   []string
	}{
		"all speak":          {nil, nil, []string{"POS001", "SHOP002", "SHOP003", "POS004"}},
		"the shop is silent": {map[retail.Source]error{retail.SourceShop: down}, []retail.Source{retail.SourceShop}, []string{"POS001", "SHOP002", "POS004"}},
		"the tills are silent": {
			map[retail.Source]error{retail.SourcePOS: down}, []retail.Source{retail.SourcePOS}, []string{"SHOP002", "SHOP003"},
		},
		"both are silent": {
			map[retail.Source]error{retail.SourcePOS: down, retail.SourceShop: retail.BadUpstream(retail.SourceShop, nil)},
			[]retail.Source{retail.SourceShop, retail.SourcePOS},
			[]string{"SHOP002"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r.fails, r.good = c.fails, map[retail.Source]int{}
			page := r.list(t, 10, "")
			if diff := cmp.Diff(c.want, numbers(page)); diff != "" {
				t.Errorf("want - got:\n%s", diff)
			}
			if diff := cmp.Diff(c.silent, page.Silent); diff != "" {
				t.Errorf("silent, want - got:\n%s", diff)
			}
			stale := page.Freshness.Basis == retail.BasisStale && page.TotalCount.Precision == retail.AtLeast
			if stale != (len(c.silent) > 0) {
				t.Errorf("dated %v, counted %v", page.Freshness, page.TotalCount)
			}
			r.fails = nil
			rest := r.list(t, 10, page.Edges[0].Cursor)
			if got := numbers(rest); got[len(got)-1] != "POS004" || len(rest.Silent) > 0 {
				t.Errorf("the cursor of a partial page leads to %v, silent %v", got, rest.Silent)
			}
		})
	}
}

func TestASystemThatFallsSilentInTheMiddleEndsThePage(t *testing.T) {
	r := &records{fails: map[retail.Source]error{retail.SourcePOS: retail.Unavailable(retail.SourcePOS, nil)}}
	for n := range 8 { // collections fill the tills' first batch, so a second one is needed
		r.buy(0, n, noon.Add(-time.Duration(n)*time.Minute))
	}
	r.buy(4, 20, noon.Add(-20*time.Minute))
	r.good = map[retail.Source]int{retail.SourcePOS: 1}
	page := r.list(t, 5, "")
	if !page.PageInfo.HasNextPage || len(page.Silent) > 0 {
		t.Errorf("next page %v, silent %v", page.PageInfo.HasNextPage, page.Silent)
	}
	r.fails = nil
	got := numbers(page)
	for page.PageInfo.HasNextPage {
		page = r.list(t, 5, *page.PageInfo.EndCursor)
		got = append(got, numbers(page)...)
	}
	want := []string{"SHOP000", "SHOP001", "SHOP002", "SHOP003", "SHOP004", "SHOP005", "SHOP006", "SHOP007", "POS020"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got:\n%s", diff)
	}
}

func TestManyCollectionsInARowDoNotMakeAPageExpensive(t *testing.T) {
	r := &records{}
	for n := range 300 { // placed long ago, collected lately
		r.buy(0, n, noon.Add(-24*time.Hour))
		r.receipts[n].At = noon.Add(-time.Duration(n) * time.Second)
	}
	seen, after := map[string]bool{}, ""
	for pages := 1; ; pages++ {
		r.calls = 0
		page := r.list(t, 1, after)
		if r.calls > 40 {
			t.Fatalf("page %d needed %d calls", pages, r.calls)
		}
		for _, n := range numbers(page) {
			if seen[n] {
				t.Fatalf("%s is listed twice", n)
			}
			seen[n] = true
		}
		if !page.PageInfo.HasNextPage {
			break
		}
		if pages > 1000 {
			t.Fatal("the list does not end")
		}
		after = *page.PageInfo.EndCursor
	}
	if len(seen) != 300 {
		t.Errorf("listed %d of 300", len(seen))
	}
}

func TestASystemThatRepeatsItselfEndsThePage(t *testing.T) {
	r := &records{}
	r.buy(4, 1, noon)
	stuck := purchases.New(purchases.Deps{
		Online: r, Ledger: r, Codes: r, Places: r, Now: func() time.Time { return noon }, Receipts: repeats{r},
	})
	q := purchases.ListQuery{CardNumber: "L1", First: 1}
	first, err := stuck.List(t.Context(), q)
	if err != nil || len(first.Edges) != 1 {
		t.Fatalf("got %v, %v", first, err)
	}
	q.After = first.Edges[0].Cursor
	second, err := stuck.List(t.Context(), q)
	if err != nil || len(second.Edges) != 0 || second.PageInfo.HasNextPage {
		t.Errorf("got %v, %v", second, err)
	}
}

// repeats is a till system that does not understand cursors.
type repeats struct{ *records }

func (r repeats) Receipts(_ context.Context, _ string, _ *retail.PurchaseKey, limit int) ([]retail.Receipt, error) {
	return slices.Repeat(r.receipts, limit), nil
}

func TestAGuestHasWhatTheLedgerHas(t *testing.T) {
	r := &records{}
	r.buy(5, 1, noon)
	r.buy(2, 2, noon)
	c, err := r.service().List(t.Context(), purchases.ListQuery{Owner: "guest:g", First: 5})
	if err != nil || len(c.Edges) != 1 || c.Edges[0].Node.Order == nil {
		t.Errorf("got %v, %v", c, err)
	}
	nobody, err := r.service().List(t.Context(), purchases.ListQuery{First: 5})
	if err != nil || len(nobody.Edges) != 0 || nobody.PageInfo.HasNextPage {
		t.Errorf("nobody: got %v, %v", nobody, err)
	}
	unknown, err := r.service().List(t.Context(), purchases.ListQuery{Owner: owner, AccountID: "A9", CardNumber: "L9", First: 5})
	if err != nil || len(unknown.Edges) != 0 || len(unknown.Silent) != 0 {
		t.Errorf("accounts that nobody heard of: got %v, %v", unknown, err)
	}
}

func TestTheListNeedsTheLedger(t *testing.T) {
	r := &records{fails: map[retail.Source]error{"": retail.Unavailable("", nil)}, good: map[retail.Source]int{}}
	r.buy(0, 1, noon)
	_, err := r.service().List(t.Context(), purchases.ListQuery{Owner: owner, AccountID: "A1", First: 5})
	if retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Errorf("got %v", err)
	}
}

func TestQueriesThatCanNeverWork(t *testing.T) {
	r := &records{}
	for name, q := range map[string]purchases.ListQuery{
		"no page":                {Owner: owner},
		"a page too large":       {Owner: owner, First: purchases.MaxFirst + 1},
		"a cursor of other kind": {Owner: owner, First: 1, After: retail.Cursor(1, 1)},
	} {
		if _, err := r.service().List(t.Context(), q); retail.CodeOf(err) != retail.CodeBadInput {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
