package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
)

// What a shopper is like.
type mood int

const (
	buys mood = iota
	abandons
	cancels
	hoards
)

// hoard is how many units of one article somebody takes who wants very many.
const hoard = 12

// maxFaults is how often in a row a shopper tries what is not answered.
const maxFaults = 10

// visit is one shopper from browsing to bringing back. Each step does one thing and names the next; a step that was not
// answered is done again, under the same key, so that whatever happened unseen does not happen twice.
type visit struct {
	shoppers *Shoppers
	rng      *rand.Rand
	n        int
	member   bool
	channel  string
	wish     string // a fulfillment method, or MIXED
	method   string // of payment
	mood     mood

	next   func(*visit, context.Context) error // nil when the shopper has left
	faults int                                 // in a row

	token    string
	home     storefront
	basket   []basketItem
	place    string // of pickup; empty when none
	address  bool   // something is delivered
	coupon   string
	cart     sentCart
	order    sentOrder
	attempts int // to pay
	waited   int // steps
	hasPaid  bool
	parts    map[string]*partNotes
}

// partNotes is what a shopper remembers of a part of the order.
type partNotes struct {
	accepted, arrived, answered, shown, done bool
	tries                                    int // to collect
}

type basketItem struct {
	sku      string
	quantity int
	method   string
	place    string
}

// move does the next thing. A shopper whom nobody answers leaves in the end.
func (v *visit) move(ctx context.Context) error {
	err := v.next(v, ctx)
	if err == nil {
		v.faults = 0
		return nil
	}
	if v.faults++; v.faults >= maxFaults {
		v.leave()
	}
	return err
}

// leave ends the visit before its purchase did.
func (v *visit) leave() {
	v.next = nil
	v.shoppers.count(func(st *ShopperStats) { st.Left++ })
}

// begin signs in and, while there is more to learn, looks at another page of the catalog.
func (v *visit) begin(ctx context.Context) error {
	agrees := v.n%2 == 0
	if v.member {
		v.token, agrees = v.shoppers.options.Member()
	}
	if v.token == "" {
		v.member = false
		p, refused, err := v.change(ctx, "", "session", askSession, map[string]any{})
		if err != nil {
			return err
		}
		if refused != "" || p.Session == nil {
			v.leave()
			return nil
		}
		v.token = p.Session.Token
	}
	if err := v.shoppers.learn(ctx, v); err != nil {
		return err
	}
	v.next = (*visit).browse
	if agrees {
		v.next = (*visit).agree
	}
	return nil
}

// agree lets stores see whom the order is for. Who is refused shops all the same.
func (v *visit) agree(ctx context.Context) error {
	if _, _, err := v.change(ctx, v.token, "agree", consentGive, map[string]any{}); err != nil {
		return err
	}
	v.next = (*visit).browse
	return nil
}

// learn reads the stores once and a page of the catalog each time until all is known.
func (s *Shoppers) learn(ctx context.Context, v *visit) error {
	s.mu.Lock()
	known := s.known
	s.mu.Unlock()
	if len(known.stores) == 0 {
		var reply struct {
			Nodes []struct {
				Code     string
				Services []string
				Address  struct{ City string }
				Position struct{ Latitude, Longitude float64 }
			}
		}
		if err := v.read(ctx, askStores, nil, &reply); err != nil {
			return err
		}
		for _, l := range reply.Nodes {
			known.stores = append(known.stores, storefront{
				l.Code, l.Address.City, l.Position.Latitude, l.Position.Longitude, slices.Contains(l.Services, "CURBSIDE"),
			})
		}
	}
	if known.after != "end" && len(known.skus) < maxSKUs {
		var reply struct {
			Nodes []struct {
				Variants []struct{ SKU string }
			}
			PageInfo struct {
				HasNextPage bool
				EndCursor   string
			}
		}
		variables := map[string]any{}
		if known.after != "" {
			variables["after"] = known.after
		}
		if err := v.read(ctx, askGoods, variables, &reply); err != nil {
			return err
		}
		known.skus = slices.Clone(known.skus)
		for _, p := range reply.Nodes {
			for _, variant := range p.Variants {
				known.skus = append(known.skus, variant.SKU)
			}
		}
		if known.after = reply.PageInfo.EndCursor; !reply.PageInfo.HasNextPage {
			known.after = "end"
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(known.skus) >= len(s.known.skus) {
		s.known = known
	}
	return nil
}

// browse puts a basket together and looks where it can be had.
func (v *visit) browse(ctx context.Context) error {
	v.shoppers.mu.Lock()
	known := v.shoppers.known
	v.shoppers.mu.Unlock()
	if len(known.skus) == 0 || len(known.stores) == 0 {
		return v.nothing()
	}
	v.home = pick(v.rng, known.stores)
	v.basket = nil
	for range 1 + v.rng.IntN(3) {
		sku := pick(v.rng, known.skus)
		if !slices.ContainsFunc(v.basket, func(i basketItem) bool { return i.sku == sku }) {
			v.basket = append(v.basket, basketItem{sku: sku, quantity: 1 + v.rng.IntN(2)})
		}
	}
	if v.mood == hoards {
		v.basket[0].quantity = hoard
	}
	if v.rng.IntN(3) == 0 {
		var seen struct{ Items []struct{ Level string } }
		if err := v.read(ctx, askStock, map[string]any{"skus": v.skus(), "near": v.near()}, &seen); err != nil {
			return err
		}
	}
	if v.wish == "SHIPPING" || v.wish == "INSTANT_DELIVERY" {
		return v.chooseDelivery(ctx)
	}
	return v.choosePlace(ctx)
}

func (v *visit) nothing() error {
	v.next = nil
	v.shoppers.count(func(st *ShopperStats) { st.Nothing++ })
	return nil
}

func (v *visit) skus() []string {
	out := make([]string, len(v.basket))
	for i, item := range v.basket {
		out[i] = item.sku
	}
	return out
}

func (v *visit) near() map[string]any {
	return map[string]any{"latitude": v.home.latitude, "longitude": v.home.longitude}
}

func (v *visit) items() []map[string]any {
	out := make([]map[string]any, len(v.basket))
	for i, item := range v.basket {
		out[i] = map[string]any{"sku": item.sku, "quantity": item.quantity}
	}
	return out
}

// choosePlace picks a store that has the whole basket; of a mixed one the last article is sent.
func (v *visit) choosePlace(ctx context.Context) error {
	var options []pickupOption
	if err := v.read(ctx, askPickup, map[string]any{"items": v.items(), "near": v.near()}, &options); err != nil {
		return err
	}
	options = slices.DeleteFunc(options, func(o pickupOption) bool { return o.Coverage != "FULL" || o.ReadyBy == "" })
	if len(options) == 0 {
		return v.nothing()
	}
	v.place = pick(v.rng, options).Location.Code
	method := v.wish
	if method == "MIXED" || (method == "CURBSIDE" && !v.curbside()) {
		method = "PICKUP"
	}
	for i := range v.basket {
		v.basket[i].method, v.basket[i].place = method, v.place
	}
	if last := len(v.basket) - 1; v.wish == "MIXED" && last > 0 {
		v.basket[last].method, v.basket[last].place = "SHIPPING", ""
		v.address = true
	}
	v.next = (*visit).openCart
	return nil
}

func (v *visit) curbside() bool {
	v.shoppers.mu.Lock()
	defer v.shoppers.mu.Unlock()
	return slices.ContainsFunc(v.shoppers.known.stores, func(s storefront) bool { return s.code == v.place && s.curbside })
}

// chooseDelivery takes the method wished for, or a parcel when it cannot be had.
func (v *visit) chooseDelivery(ctx context.Context) error {
	var options []struct {
		Method    string
		Available bool
	}
	if err := v.read(ctx, askDelivery, map[string]any{"items": v.items(), "near": v.near()}, &options); err != nil {
		return err
	}
	method := ""
	for _, o := range options {
		if o.Available && (o.Method == v.wish || (o.Method == "SHIPPING" && method == "")) {
			method = o.Method
		}
	}
	if method == "" {
		return v.nothing()
	}
	for i := range v.basket {
		v.basket[i].method = method
	}
	v.address = true
	v.next = (*visit).openCart
	return nil
}

// cartChange sends a change of the cart and keeps what became of it; ok is false when it was refused.
func (v *visit) cartChange(ctx context.Context, what, document string, variables map[string]any) (ok bool, err error) {
	variables["id"] = v.cart.ID
	p, refused, err := v.change(ctx, v.token, what, document, variables)
	if err != nil {
		return false, err
	}
	if refused != "" || p.Cart == nil {
		return false, nil
	}
	v.cart = *p.Cart
	return true, nil
}

// openCart opens a cart and empties it: a member's may have been left by another visit.
func (v *visit) openCart(ctx context.Context) error {
	p, refused, err := v.change(ctx, v.token, "cart", cartCreate, map[string]any{})
	if err != nil {
		return err
	}
	if refused != "" || p.Cart == nil {
		v.leave()
		return nil
	}
	v.cart = *p.Cart
	v.shoppers.count(func(st *ShopperStats) { st.Carts++ })
	v.next = (*visit).emptyCart
	return nil
}

func (v *visit) emptyCart(ctx context.Context) error {
	if len(v.cart.Lines) > 0 {
		ids := make([]string, len(v.cart.Lines))
		for i, l := range v.cart.Lines {
			ids[i] = l.ID
		}
		if ok, err := v.cartChange(ctx, "empty", cartEmpty, map[string]any{"lines": ids}); err != nil || !ok {
			return v.orLeave(err)
		}
	}
	v.next = (*visit).fillCart
	return nil
}

// orLeave returns a fault, or leaves because of a refusal.
func (v *visit) orLeave(fault error) error {
	if fault == nil {
		v.leave()
	}
	return fault
}

func (v *visit) fillCart(ctx context.Context) error {
	lines := make([]map[string]any, len(v.basket))
	for i, item := range v.basket {
		lines[i] = map[string]any{"sku": item.sku, "quantity": item.quantity, "method": item.method}
		if item.place != "" {
			lines[i]["locationId"] = item.place
		}
	}
	if ok, err := v.cartChange(ctx, "fill", cartFill, map[string]any{"lines": lines}); err != nil || !ok {
		return v.orLeave(err)
	}
	v.next = (*visit).decorate
	return nil
}

// decorate says where deliveries go and tries a coupon.
func (v *visit) decorate(ctx context.Context) error {
	if v.address {
		address := map[string]any{
			"recipient": "顾客", "phone": "+8613800138000", "city": v.home.city, "line": fmt.Sprintf("人民路%d号", 1+v.n%900), "position": v.near(),
		}
		if ok, err := v.cartChange(ctx, "address", cartAddress, map[string]any{"address": address}); err != nil || !ok {
			return v.orLeave(err)
		}
	}
	v.next = (*visit).reviewCart
	if v.member && v.n%4 == 0 {
		v.next = (*visit).tryCoupon
	}
	return nil
}

// tryCoupon enters the first coupon that can be used; a refusal is no reason to leave.
func (v *visit) tryCoupon(ctx context.Context) error {
	if v.coupon == "" {
		var me struct {
			Coupons []struct{ Number, Status string }
		}
		if err := v.read(ctx, askCoupons, nil, &me); err != nil {
			return err
		}
		for _, c := range me.Coupons {
			if c.Status == "USABLE" && v.coupon == "" {
				v.coupon = c.Number
			}
		}
	}
	if v.coupon != "" {
		if _, err := v.cartChange(ctx, "coupon", cartCoupon, map[string]any{"coupon": v.coupon}); err != nil {
			return err
		}
	}
	v.next = (*visit).reviewCart
	return nil
}

// reviewCart looks at the cart once more and leaves when it cannot be ordered.
func (v *visit) reviewCart(ctx context.Context) error {
	var cart *sentCart
	if err := v.read(ctx, askCart, nil, &cart); err != nil {
		return err
	}
	if cart == nil || cart.ID != v.cart.ID {
		v.leave()
		return nil
	}
	v.cart = *cart
	blocked := cart.Totals == nil
	v.shoppers.count(func(st *ShopperStats) {
		for _, p := range cart.Problems {
			if p.Blocks {
				st.Problems[p.Kind]++
				blocked = true
			}
		}
	})
	if blocked {
		v.leave()
		return nil
	}
	v.next = (*visit).checkout
	return nil
}
