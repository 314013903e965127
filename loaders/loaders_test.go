package loaders_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/portico-retail/portico/loaders"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend is both services: what it answers, and what it was asked.
type backend struct {
	prices func(ctx context.Context, skus []string, c retail.Channel) (map[string]*retail.Price, error)
	check  func(ctx context.Context, q stock.CheckQuery) (*stock.Check, error)

	lock  sync.Mutex
	asked []string
}

func (b *backend) note(format string, args ...any) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.asked = append(b.asked, fmt.Sprintf(format, args...))
}

// heard returns what was asked since the last call, sorted.
func (b *backend) heard() []string {
	b.lock.Lock()
	defer b.lock.Unlock()
	asked := b.asked
	b.asked = nil
	slices.Sort(asked)
	return asked
}

func (b *backend) Prices(ctx context.Context, skus []string, c retail.Channel) (map[string]*retail.Price, error) {
	slices.Sort(skus)
	b.note("prices %s %v", c, skus)
	return b.prices(ctx, skus, c)
}

func (b *backend) CheckPage(ctx context.Context, q stock.CheckQuery) (*stock.Check, error) {
	b.note("check %v of %d SKUs", q.LocationRefs, len(q.SKUs))
	return b.check(ctx, q)
}

func attach(ctx context.Context, b *backend) context.Context {
	return loaders.Attach(ctx, loaders.Services{Prices: b, Stock: b})
}

// everything is a price for every SKU except "none".
func everything(_ context.Context, skus []string, c retail.Channel) (map[string]*retail.Price, error) {
	found := map[string]*retail.Price{}
	for _, sku := range skus {
		if sku != "none" {
			found[sku] = &retail.Price{SKU: sku, Channel: c}
		}
	}
	return found, nil
}

// webKeys are the keys of SKUs in the web shop.
func webKeys(skus ...string) []loaders.PriceKey {
	keys := make([]loaders.PriceKey, len(skus))
	for i, sku := range skus {
		keys[i] = loaders.PriceKey{SKU: sku, Channel: retail.ChannelWeb}
	}
	return keys
}

// loadPrice loads what a SKU costs in the web shop.
func loadPrice(ctx context.Context, sku string) (*retail.Price, error) {
	return loaders.Of(ctx).Price.Load(ctx, webKeys(sku)[0])
}

// together calls all functions at the same time and waits for them.
func together(calls ...func()) {
	var all sync.WaitGroup
	for _, call := range calls {
		all.Go(call)
	}
	all.Wait()
}

func TestKeysOfOneResponseShareABatchAndKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{prices: everything}
		ctx := attach(t.Context(), b)
		start := time.Now()
		values, errs := loaders.Of(ctx).Price.LoadAll(ctx, webKeys("c", "none", "a", "c"))
		if took := time.Since(start); took > time.Millisecond {
			t.Errorf("a batch gathered for %v", took)
		}
		for i, sku := range []string{"c", "", "a", "c"} {
			switch {
			case errs[i] != nil || (values[i] == nil) != (sku == ""):
				t.Errorf("position %d: got %v, %v", i, values[i], errs[i])
			case sku != "" && values[i].SKU != sku:
				t.Errorf("position %d: got the price of %s, want %s", i, values[i].SKU, sku)
			}
		}
		if again, err := loadPrice(ctx, "a"); err != nil || again != values[2] {
			t.Errorf("the same key again: %v, %v", again, err)
		}
		if diff := cmp.Diff([]string{"prices WEB [a c none]"}, b.heard()); diff != "" {
			t.Error(diff)
		}
		// The next response asks again.
		next := attach(t.Context(), b)
		if _, err := loadPrice(next, "a"); err != nil || len(b.heard()) != 1 {
			t.Errorf("the next response: %v", err)
		}
	})
}

func TestPricesAreAskedOnceAChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // whose clock stands still while keys are gathered
		b := &backend{prices: func(_ context.Context, skus []string, c retail.Channel) (map[string]*retail.Price, error) {
			if c == retail.ChannelPOS {
				return nil, errors.New("no such channel today")
			}
			return map[string]*retail.Price{"A": {SKU: "A", Channel: c}}, nil
		}}
		ctx := attach(t.Context(), b)
		web, till := retail.ChannelWeb, retail.ChannelPOS
		prices, errs := loaders.Of(ctx).Price.LoadAll(ctx, []loaders.PriceKey{{"A", web}, {"A", till}, {"B", web}, {"B", till}})
		if errs[0] != nil || prices[0].SKU != "A" || errs[2] != nil || prices[2] != nil {
			t.Errorf("WEB: got %v, %v; a price that nobody knows is null", prices, errs)
		}
		if errs[1] == nil || errs[3] == nil {
			t.Error("the failure of a channel is lost")
		}
		if diff := cmp.Diff([]string{"prices POS [A B]", "prices WEB [A B]"}, b.heard()); diff != "" {
			t.Error(diff)
		}
	})
}

// shops is a check of two items a SKU, or of none without locations.
func shops(_ context.Context, q stock.CheckQuery) (*stock.Check, error) {
	check := &stock.Check{}
	for _, sku := range q.SKUs {
		for _, ref := range q.LocationRefs {
			check.Items = append(check.Items, stock.Availability{SKU: sku, Location: &retail.Location{Code: ref}})
		}
	}
	return check, nil
}

func TestAvailabilityIsOneCheckForEachSetOfArguments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // whose clock stands still while keys are gathered
		b := &backend{check: shops}
		ctx := attach(t.Context(), b)
		age, point := time.Minute, retail.GeoPoint{Latitude: 31, Longitude: 121}
		two := loaders.WhereOf(stock.CheckQuery{LocationRefs: []string{"S-2", "S-1"}, First: 5})
		swapped := loaders.WhereOf(stock.CheckQuery{LocationRefs: []string{"S-1", "S-2"}, First: 5})
		nowhere := loaders.WhereOf(stock.CheckQuery{Near: &point, WithinKm: 1, First: 5, MaxAge: &age})
		keys := []loaders.AvailabilityKey{{"A", two}, {"B", two}, {"A", swapped}, {"A", nowhere}, {"b", two}}
		lists, errs := loaders.Of(ctx).Availability.LoadAll(ctx, keys)
		want := []string{"A S-2 S-1", "B S-2 S-1", "A S-1 S-2", "A", "b S-2 S-1"}
		for i, list := range lists {
			got := keys[i].SKU
			for _, item := range list {
				got += " " + item.Location.Code
			}
			if errs[i] != nil || got != want[i] || list == nil {
				t.Errorf("got %q, %v, want %q", got, errs[i], want[i])
			}
		}
		asked := []string{"check [S-1 S-2] of 1 SKUs", "check [S-2 S-1] of 3 SKUs", "check [] of 1 SKUs"}
		if diff := cmp.Diff(asked, b.heard()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheArgumentsOfACheckArrive(t *testing.T) {
	age, point := time.Minute, retail.GeoPoint{Latitude: 31, Longitude: 121}
	var got stock.CheckQuery
	b := &backend{check: func(ctx context.Context, q stock.CheckQuery) (*stock.Check, error) {
		got = q
		return shops(ctx, q)
	}}
	ctx := attach(t.Context(), b)
	for name, want := range map[string]stock.CheckQuery{
		"all of them": {LocationRefs: []string{"S-1", ""}, Near: &point, WithinKm: 3, First: 7, MaxAge: &age, Detail: true},
		"none":        {},
		"age zero":    {MaxAge: new(time.Duration), First: 1},
	} {
		key := loaders.AvailabilityKey{SKU: "A", Where: loaders.WhereOf(want)}
		if _, err := loaders.Of(ctx).Availability.Load(ctx, key); err != nil {
			t.Fatal(err)
		}
		want.SKUs = []string{"A"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if loaders.WhereOf(stock.CheckQuery{LocationRefs: []string{"a\x00b"}}) == loaders.WhereOf(stock.CheckQuery{LocationRefs: []string{"a", "b"}}) {
		t.Error("one strange ref is two")
	}
}

func TestACheckNeverExceedsItsLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // whose clock stands still while keys are gathered
		b := &backend{check: func(ctx context.Context, q stock.CheckQuery) (*stock.Check, error) {
			if len(q.SKUs)*max(len(q.LocationRefs), q.First) > stock.MaxPairs {
				t.Errorf("%d SKUs at %d places", len(q.SKUs), max(len(q.LocationRefs), q.First))
			}
			return shops(ctx, q)
		}}
		for name, c := range map[string]struct {
			query  stock.CheckQuery
			checks int
		}{
			"few places":         {stock.CheckQuery{First: 5}, 1},
			"fifty by radius":    {stock.CheckQuery{First: 50}, 7},
			"fifty named places": {stock.CheckQuery{LocationRefs: slices.Repeat([]string{"S"}, 50)}, 7},
		} {
			ctx := attach(t.Context(), b)
			var keys []loaders.AvailabilityKey
			for i := range 250 {
				keys = append(keys, loaders.AvailabilityKey{SKU: fmt.Sprint("K", i), Where: loaders.WhereOf(c.query)})
			}
			_, errs := loaders.Of(ctx).Availability.LoadAll(ctx, keys)
			if err := errors.Join(errs...); err != nil {
				t.Error(err)
			}
			if n := len(b.heard()); n != c.checks {
				t.Errorf("%s: %d checks, want %d", name, n, c.checks)
			}
		}
	})
}

func TestWhatOneResponseAsksIsBounded(t *testing.T) {
	nothing := func(context.Context, []string, retail.Channel) (map[string]*retail.Price, error) { return nil, nil }
	b := &backend{check: shops, prices: nothing}
	ctx := attach(t.Context(), b)
	set := loaders.Of(ctx)
	page := []*retail.Product{{}}
	for i := range 300 {
		page[0].Variants = append(page[0].Variants, &retail.Variant{SKU: fmt.Sprint("K", i)})
	}
	set.Page(page)
	refused := 0
	for first := 51; first < 55; first++ { // 300 × 51 pairs fit, 300 × (51 + 52) do not
		if _, err := set.AvailabilityOf(ctx, "K0", stock.CheckQuery{First: first}); retail.CodeOf(err) == retail.CodeLimitExceeded {
			refused++
		}
	}
	if refused != 3 {
		t.Errorf("%d of 4 lists of pairs were refused, want 3", refused)
	}
	refused = 0
	for n := range 20 { // 300 prices each
		_, err := set.PriceOf(ctx, "K0", retail.Channel(fmt.Sprint(n)))
		if retail.CodeOf(err) == retail.CodeLimitExceeded {
			refused++
		}
	}
	if refused != 4 {
		t.Errorf("%d of 20 lists of prices were refused, want 4", refused)
	}
	if _, err := loaders.Of(attach(t.Context(), b)).PriceOf(ctx, "K0", retail.ChannelWeb); err != nil {
		t.Errorf("the next response: %v", err)
	}
}

func TestTheFirstOfAPageAsksForTheWholePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{check: shops, prices: everything}
		ctx := attach(t.Context(), b)
		set := loaders.Of(ctx)
		set.Page([]*retail.Product{{Variants: []*retail.Variant{{SKU: "A"}, {SKU: "B"}}}, {Variants: []*retail.Variant{{SKU: "C"}}}})
		q := stock.CheckQuery{LocationRefs: []string{"S-1"}, First: 5}
		for _, sku := range []string{"B", "A", "C", "D"} { // one after the other: no timer could gather them
			price, err := set.PriceOf(ctx, sku, retail.ChannelApp)
			if err != nil || price.SKU != sku {
				t.Errorf("%s: %+v, %v", sku, price, err)
			}
			items, err := set.AvailabilityOf(ctx, sku, q)
			if err != nil || len(items) != 1 || items[0].SKU != sku {
				t.Errorf("%s: %+v, %v", sku, items, err)
			}
		}
		want := []string{"check [S-1] of 1 SKUs", "check [S-1] of 3 SKUs", "prices APP [A B C]", "prices APP [D]"}
		if diff := cmp.Diff(want, b.heard()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAPageThatFailsIsNotAskedAgain(t *testing.T) {
	calls := 0
	b := &backend{prices: func(context.Context, []string, retail.Channel) (map[string]*retail.Price, error) {
		calls++
		return nil, errors.New("down")
	}}
	ctx := attach(t.Context(), b)
	page := []*retail.Product{{}}
	for i := range 100 {
		page[0].Variants = append(page[0].Variants, &retail.Variant{SKU: fmt.Sprint("K", i)})
	}
	loaders.Of(ctx).Page(page)
	for _, v := range page[0].Variants {
		if _, err := loaders.Of(ctx).PriceOf(ctx, v.SKU, retail.ChannelApp); err == nil {
			t.Error("a failure was hidden")
		}
	}
	if calls != 1 {
		t.Errorf("a dead backend was asked %d times for one page", calls)
	}
}

func TestAPanicIsAnErrorOfItsBatch(t *testing.T) {
	calls := 0
	b := &backend{prices: func(ctx context.Context, skus []string, c retail.Channel) (map[string]*retail.Price, error) {
		if calls++; calls == 1 {
			panic("a bug")
		}
		return everything(ctx, skus, c)
	}}
	ctx := attach(t.Context(), b)
	for range 2 {
		if _, err := loadPrice(ctx, "a"); retail.CodeOf(err) != retail.CodeInternal {
			t.Errorf("got %v", err)
		}
	}
	for range 2 { // that there is none is an answer, and remembered
		if price, err := loadPrice(ctx, "none"); price != nil || err != nil {
			t.Errorf("got %v, %v", price, err)
		}
	}
	if calls != 2 {
		t.Errorf("%d calls, want 2", calls)
	}
}

func TestACallerThatGivesUpReturnsAtOnceAndHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{prices: func(ctx context.Context, skus []string, c retail.Channel) (map[string]*retail.Price, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Second):
				return everything(ctx, skus, c)
			}
		}}
		ctx := attach(t.Context(), b)
		start := time.Now()
		together(
			func() { // the first caller of the batch
				hasty, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
				defer cancel()
				_, err := loadPrice(hasty, "a")
				if took := time.Since(start); retail.CodeOf(err) != retail.CodeTimeout || took != 10*time.Millisecond {
					t.Errorf("hasty: %v after %v", err, took)
				}
			},
			func() {
				<-time.After(100 * time.Microsecond)
				p, err := loadPrice(ctx, "b")
				if err != nil || p.SKU != "b" {
					t.Errorf("patient: %v, %v", p, err)
				}
			},
			func() {
				<-time.After(200 * time.Microsecond)
				p, err := loadPrice(ctx, "a")
				if err != nil || p.SKU != "a" {
					t.Errorf("patient, the same key: %v, %v", p, err)
				}
			},
		)
		if diff := cmp.Diff([]string{"prices WEB [a b]"}, b.heard()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheEndOfTheRequestEndsItsBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var deadline time.Time
		var seen retail.Context
		ended := make(chan error, 1)
		b := &backend{prices: func(ctx context.Context, _ []string, _ retail.Channel) (map[string]*retail.Price, error) {
			deadline, _ = ctx.Deadline()
			seen = retail.ContextOf(ctx)
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, ctx.Err()
		}}
		want := time.Now().Add(3 * time.Second)
		request, cancel := context.WithDeadline(t.Context(), want)
		defer cancel()
		ctx := attach(request, b)
		shopping := retail.Context{Channel: retail.ChannelPOS}
		_, err := loadPrice(retail.WithContext(ctx, shopping), "a")
		if retail.CodeOf(err) != retail.CodeTimeout || !time.Now().Equal(want) {
			t.Errorf("got %v at %v", err, time.Now())
		}
		if err := <-ended; err == nil || !deadline.Equal(want) || seen != shopping {
			t.Errorf("the batch ended with %v, had the deadline %v and the context %+v", err, deadline, seen)
		}
		<-request.Done()
		if _, err := loadPrice(ctx, "b"); retail.CodeOf(err) != retail.CodeTimeout {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestOfWithoutAttachIsAMistakeInTheWiring(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	loaders.Of(context.Background())
}

func BenchmarkLoad(b *testing.B) {
	back := &backend{prices: everything}
	var skus []string
	for i := range 250 { // a full batch does not wait for more keys
		skus = append(skus, fmt.Sprint(i))
	}
	keys := webKeys(skus...)
	b.ReportAllocs()
	for b.Loop() {
		ctx := attach(context.Background(), back)
		if _, errs := loaders.Of(ctx).Price.LoadAll(ctx, keys); errors.Join(errs...) != nil {
			b.Fatal("a load failed")
		}
		back.heard()
	}
}
