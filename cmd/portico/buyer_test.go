package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// entry is the way of apps to a gateway that may be busy, slow, broken or just being started again: what was not answered is
// asked again, unchanged.
type entry struct {
	client *http.Client

	mu   sync.Mutex
	url  string
	took map[string][]time.Duration // of what was answered, repetitions included, by what it was
	shed int                        // how often the gateway was too busy
}

func newEntry(t testing.TB, url string, connections int) *entry {
	client := &http.Client{
		Timeout: 20 * time.Second, Transport: &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections},
	}
	t.Cleanup(client.CloseIdleConnections)
	return &entry{client: client, url: url, took: map[string][]time.Duration{}}
}

func (d *entry) where() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.url
}

// errAgain says that a request was not answered, and that it may be repeated.
var errAgain = errors.New("not answered")

// once asks once. errAgain is everything after which an app asks again.
func (d *entry) once(ctx context.Context, token, query string, variables map[string]any) (json.RawMessage, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.where()+"/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := d.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAgain, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 500 {
		d.mu.Lock()
		d.shed++
		d.mu.Unlock()
		return nil, fmt.Errorf("%w: %d %s %w", errAgain, response.StatusCode, text, err)
	}
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("%d %s: %w", response.StatusCode, text, err)
	}
	for _, e := range a.Errors {
		if e.Extensions["retryable"] == true {
			return nil, fmt.Errorf("%w: %v", errAgain, e)
		}
		err = errors.Join(err, fmt.Errorf("%s %v %v", e.Message, e.Path, e.Extensions))
	}
	return a.Data, err
}

// longest is how long an app goes on asking.
const longest = time.Minute

// ask asks until there is an answer.
func (d *entry) ask(ctx context.Context, what, token, query string, variables map[string]any, into any) error {
	begun := time.Now()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		data, err := d.once(ctx, token, query, variables)
		if err == nil {
			d.mu.Lock()
			d.took[what] = append(d.took[what], time.Since(begun))
			d.mu.Unlock()
			return json.Unmarshal(data, into)
		}
		if !errors.Is(err, errAgain) || time.Since(begun) > longest || ctx.Err() != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// quantiles says how long something took.
func (d *entry) quantiles(what string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return percentiles(d.took[what])
}

func percentiles(list []time.Duration) string {
	if len(list) == 0 {
		return "never"
	}
	sorted := slices.Sorted(slices.Values(list))
	at := func(share float64) time.Duration {
		return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))].Round(time.Millisecond / 10)
	}
	return fmt.Sprintf("%d times, p50 %v, p99 %v, longest %v", len(sorted), at(0.5), at(0.99), at(1))
}

// buyer is somebody who buys with an app.
type buyer struct {
	*entry

	token string
	keys  string // of this buyer begin so
	cart  cartAnswer
}

// refused is why something was not done.
type refused []struct {
	Typename string `json:"__typename"`
	Code     string
	Message  string
}

func (r refused) codes() string {
	codes := make([]string, len(r))
	for i := range r {
		codes[i] = r[i].Code
	}
	return strings.Join(slices.Compact(slices.Sorted(slices.Values(codes))), " ")
}

type cartAnswer struct {
	ID      string
	Version int
	Totals  *struct{ Total struct{ Amount string } }
}

type orderAnswer struct {
	ID, Number, Status string
	Fulfillments       []struct {
		ID, Method, Status string
		Location           struct{ Code string }
		PickupCode         *struct{ Code string }
	}
	Payments []struct{ Reference, Status string }
}

type orderPayload struct {
	Order      *orderAnswer
	UserErrors refused
}

type holdAnswer struct {
	ID, State string
	Lines     []struct {
		SKU  string
		Held int
	}
}

const (
	refusal    = `userErrors { __typename code message }`
	orderShape = `id number status payments { reference status }
		fulfillments { id method status location { code } pickupCode { code } }`
	openSession = `mutation { guestSessionCreate { session { token } } }`
	createCart  = `mutation ($input: CartCreateInput!, $key: String!) { cartCreate(input: $input, idempotencyKey: $key) {
		cart { id version totals { total { amount } } } ` + refusal + ` } }`
	setAddress = `mutation ($input: CartAddressSetInput!, $key: String!) { cartAddressSet(input: $input, idempotencyKey: $key) {
		cart { id version totals { total { amount } } } ` + refusal + ` } }`
	applyCoupon = `mutation ($input: CartCouponApplyInput!, $key: String!) { cartCouponApply(input: $input, idempotencyKey: $key) {
		cart { id version totals { total { amount } } } ` + refusal + ` } }`
	checkOut = `mutation ($input: CheckoutCompleteInput!, $key: String!) { checkoutComplete(input: $input, idempotencyKey: $key) {
		order { ` + orderShape + ` } ` + refusal + ` } }`
	payOrder = `mutation ($input: OrderPayInput!, $key: String!) { orderPay(input: $input, idempotencyKey: $key) {
		order { ` + orderShape + ` } ` + refusal + ` } }`
	cancelOrder = `mutation ($input: OrderCancelInput!, $key: String!) { orderCancel(input: $input, idempotencyKey: $key) {
		order { ` + orderShape + ` } ` + refusal + ` } }`
	readOrder = `query ($id: ID!) { order(id: $id) { ` + orderShape + ` } }`
	handOver  = `mutation ($input: PickupHandOverInput!, $key: String!) { pickupHandOver(input: $input, idempotencyKey: $key) {
		order { ` + orderShape + ` } ` + refusal + ` } }`
	holdShape  = `id state lines { sku held }`
	createHold = `mutation ($input: StockHoldCreateInput!, $key: String!) { stockHoldCreate(input: $input, idempotencyKey: $key) {
		hold { ` + holdShape + ` } ` + refusal + ` } }`
	extendHold = `mutation ($input: StockHoldExtendInput!, $key: String!) { stockHoldExtend(input: $input, idempotencyKey: $key) {
		hold { ` + holdShape + ` } ` + refusal + ` } }`
	releaseHold = `mutation ($input: StockHoldReleaseInput!, $key: String!) { stockHoldRelease(input: $input, idempotencyKey: $key) {
		hold { ` + holdShape + ` } ` + refusal + ` } }`
	readHold = `query ($id: ID!) { stockHold(id: $id) { ` + holdShape + ` } }`
)

// guest opens a session for somebody new.
func (d *entry) guest(ctx context.Context, keys string) (*buyer, error) {
	var a struct {
		GuestSessionCreate struct{ Session *struct{ Token string } }
	}
	if err := d.ask(ctx, "session", "", openSession, nil, &a); err != nil {
		return nil, err
	}
	return &buyer{entry: d, token: a.GuestSessionCreate.Session.Token, keys: keys}, nil
}

// cartLine is a line that a buyer puts into the cart; a place is for pickups.
type cartLine struct {
	sku, place string
	quantity   int
}

func (l cartLine) input() map[string]any {
	if l.place == "" {
		return map[string]any{"sku": l.sku, "quantity": l.quantity}
	}
	return map[string]any{"sku": l.sku, "quantity": l.quantity, "method": "PICKUP", "locationId": l.place}
}

// change changes the cart.
func (b *buyer) change(ctx context.Context, what, query string, input map[string]any) error {
	var a map[string]struct {
		Cart       *cartAnswer
		UserErrors refused
	}
	if b.cart.ID != "" {
		input["cartId"] = b.cart.ID
	}
	if err := b.ask(ctx, what, b.token, query, map[string]any{"input": input, "key": b.keys + what}, &a); err != nil {
		return err
	}
	for _, payload := range a {
		if payload.Cart == nil || len(payload.UserErrors) > 0 {
			return fmt.Errorf("%s: %+v", what, payload.UserErrors)
		}
		b.cart = *payload.Cart
	}
	return nil
}

func (b *buyer) fill(ctx context.Context, lines ...cartLine) error {
	inputs := make([]map[string]any, len(lines))
	for i, l := range lines {
		inputs[i] = l.input()
	}
	return b.change(ctx, "cart", createCart, map[string]any{"lines": inputs})
}

// checkout orders what the cart holds.
func (b *buyer) checkout(ctx context.Context, holds ...string) (orderPayload, error) {
	var a struct{ CheckoutComplete orderPayload }
	input := map[string]any{
		"cartId": b.cart.ID, "cartVersion": b.cart.Version, "holdIds": holds,
		"contact": map[string]any{"name": "王芳", "phone": "13800138000"},
	}
	err := b.ask(ctx, "checkout", b.token, checkOut, map[string]any{"input": input, "key": b.keys + "checkout"}, &a)
	return a.CheckoutComplete, err
}

func (b *buyer) pay(ctx context.Context, order, method string) (orderPayload, error) {
	var a struct{ OrderPay orderPayload }
	input := map[string]any{"orderId": order, "method": method}
	err := b.ask(ctx, "pay", b.token, payOrder, map[string]any{"input": input, "key": b.keys + "pay-" + method}, &a)
	return a.OrderPay, err
}

func (b *buyer) cancel(ctx context.Context, order string) (orderPayload, error) {
	var a struct{ OrderCancel orderPayload }
	input := map[string]any{"orderId": order}
	err := b.ask(ctx, "cancel", b.token, cancelOrder, map[string]any{"input": input, "key": b.keys + "cancel"}, &a)
	return a.OrderCancel, err
}

func (b *buyer) order(ctx context.Context, id string) (*orderAnswer, error) {
	var a struct{ Order *orderAnswer }
	err := b.ask(ctx, "order", b.token, readOrder, map[string]any{"id": id}, &a)
	if err == nil && a.Order == nil {
		err = fmt.Errorf("order %s is gone", id)
	}
	return a.Order, err
}

// buy orders what the cart holds and pays; nil with the codes of the refusal when it was refused. While nobody knows what the
// place has, the shopper tries again.
func (b *buyer) buy(ctx context.Context, holds ...string) (*orderAnswer, string, error) {
	placed, err := b.patiently(ctx, func() (orderPayload, error) { return b.checkout(ctx, holds...) })
	if err != nil || len(placed.UserErrors) > 0 {
		return nil, placed.UserErrors.codes(), err
	}
	paid, err := b.patiently(ctx, func() (orderPayload, error) { return b.pay(ctx, placed.Order.ID, "wallet") })
	if err != nil || len(paid.UserErrors) > 0 {
		return nil, paid.UserErrors.codes(), err
	}
	return paid.Order, "", nil
}

// patiently tries under new keys as long as nobody knows what there is, a few hundred times at most.
func (b *buyer) patiently(ctx context.Context, do func() (orderPayload, error)) (p orderPayload, err error) {
	for try := range 300 {
		p, err = do()
		if err != nil || p.UserErrors.codes() != "STOCK_UNKNOWN" {
			return p, err
		}
		timer := time.NewTimer(50 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return p, ctx.Err()
		case <-timer.C:
		}
		b.keys = fmt.Sprint("again-", try, "-")
	}
	return p, err
}

// hold changes a hold, or makes one when input has no holdId.
func (b *buyer) hold(ctx context.Context, what, query, key string, input map[string]any) (*holdAnswer, refused, error) {
	var a map[string]struct {
		Hold       *holdAnswer
		UserErrors refused
	}
	if err := b.ask(ctx, what, b.token, query, map[string]any{"input": input, "key": b.keys + key}, &a); err != nil {
		return nil, nil, err
	}
	for _, payload := range a {
		return payload.Hold, payload.UserErrors, nil
	}
	return nil, nil, fmt.Errorf("%s: no answer", what)
}

func (b *buyer) take(ctx context.Context, key, place, sku string, quantity int) (*holdAnswer, refused, error) {
	return b.hold(ctx, "hold", createHold, key, map[string]any{
		"locationId": place, "items": []map[string]any{{"sku": sku, "quantity": quantity}},
	})
}

// tap listens on the wire to the shop: what the gateway asked for, under which names.
type tap struct {
	*httptest.Server

	mu   sync.Mutex
	seen map[string]map[string]int // kind, reference: how often
}

func newTap(t testing.TB, shopURL string) *tap {
	target, err := url.Parse(shopURL)
	must(t, err)
	p := &tap{seen: map[string]map[string]int{}}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {
			panic(http.ErrAbortHandler) // what the shop does not answer is not answered here
		},
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.note(r)
		proxy.ServeHTTP(w, r)
	}))
	p.Config.ErrorLog = nil
	t.Cleanup(func() { p.Close(); transport.CloseIdleConnections() })
	return p
}

// note remembers what is to be made under which name.
func (p *tap) note(r *http.Request) {
	kind, name := "", ""
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/api/v1/")
	switch what, rest, _ := strings.Cut(path, "/"); {
	case r.Method == http.MethodPut && what == "orders":
		kind, name = what, rest
	case r.Method == http.MethodPost && slices.Contains([]string{"payments", "refunds", "deliveries"}, path):
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		var act struct{ Reference string }
		if err != nil || json.Unmarshal(body, &act) != nil {
			return
		}
		kind, name = path, act.Reference
	default:
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[kind] == nil {
		p.seen[kind] = map[string]int{}
	}
	p.seen[kind][name]++
}

// names lists the names that a kind of thing was asked for under.
func (p *tap) names(kind string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for name := range p.seen[kind] {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// repeated is how often something was asked for again.
func (p *tap) repeated() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kind := range p.seen {
		for _, times := range kind {
			n += times - 1
		}
	}
	return n
}

// shopThing reads a thing of the shop by its reference.
func shopThing(t testing.TB, base, key, kind, reference string, into any) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet,
		base+"/api/v1/"+kind+"/"+url.PathEscape(reference), http.NoBody)
	must(t, err)
	request.Header.Set("X-Api-Key", key)
	response, err := http.DefaultClient.Do(request) //nolint:forbidigo // the test's own question
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s", kind, reference, response.StatusCode, text)
	}
	must(t, json.Unmarshal(text, into))
}

// succeeded lists the payments that the shop has taken.
func (p *tap) succeeded(t testing.TB, base, key string) (references []string) {
	t.Helper()
	for _, reference := range p.names("payments") {
		var payment struct{ Status string }
		shopThing(t, base, key, "payments", reference, &payment)
		if payment.Status == "SUCCEEDED" {
			references = append(references, reference)
		}
	}
	return references
}
