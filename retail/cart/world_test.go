package cart_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/cart"
	"github.com/portico-retail/portico/retail/location"
	"github.com/portico-retail/portico/retail/sourcing"
	"github.com/portico-retail/portico/retail/stock"
)

// memoryShop keeps carts as the contract of cart.Store says: compare-and-set by version, idempotent by reference, one open cart of
// an owner. Like the adapter it takes an answer with a version that is not higher for unreadable.
type memoryShop struct {
	mu      sync.Mutex
	carts   map[string]retail.Cart
	made    map[string]string
	changes map[string]retail.Cart
	saves   int
	// before runs ahead of every save, without the lock.
	before func(c *retail.Cart)
	// fault decides about each call that writes: an error before it, or after it took effect.
	fault func(call string) (before, after error)
}

func newShop() *memoryShop {
	return &memoryShop{carts: map[string]retail.Cart{}, made: map[string]string{}, changes: map[string]retail.Cart{}}
}

func (s *memoryShop) faults(call string) (before, after error) {
	if s.fault == nil {
		return nil, nil
	}
	return s.fault(call)
}

func copied(c retail.Cart) *retail.Cart {
	c.Lines, c.Coupons = slices.Clone(c.Lines), slices.Clone(c.Coupons)
	return &c
}

func (s *memoryShop) CreateCart(_ context.Context, reference, owner string) (*retail.Cart, error) {
	before, after := s.faults("create")
	if before != nil {
		return nil, before
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.made[reference]
	if !ok {
		if id = s.openOf(owner); id == "" {
			id = fmt.Sprintf("c-%d", len(s.carts)+1)
			s.carts[id] = retail.Cart{ID: id, Owner: owner, Version: 1}
		}
		s.made[reference] = id
	}
	return copied(s.carts[id]), after
}

func (s *memoryShop) openOf(owner string) string {
	for id, c := range s.carts {
		if c.Owner == owner && c.OrderID == "" {
			return id
		}
	}
	return ""
}

func (s *memoryShop) Cart(_ context.Context, id string) (*retail.Cart, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.carts[id]
	if !ok {
		return nil, retail.Errorf(retail.CodeNotFound, "there is no cart %q", id)
	}
	return copied(c), nil
}

func (s *memoryShop) CartOf(ctx context.Context, owner string) (*retail.Cart, error) {
	s.mu.Lock()
	id := s.openOf(owner)
	s.mu.Unlock()
	return s.Cart(ctx, id)
}

func (s *memoryShop) SaveCart(_ context.Context, reference string, c *retail.Cart) (*retail.Cart, error) {
	before, after := s.faults("save")
	if before != nil {
		return nil, before
	}
	if s.before != nil {
		s.before(c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, known := s.changes[reference]
	if !known {
		old, ok := s.carts[c.ID]
		other := s.openOf(c.Owner)
		switch {
		case !ok:
			return nil, retail.Errorf(retail.CodeNotFound, "there is no cart %q", c.ID)
		case old.Version != c.Version || old.OrderID != "" || (other != "" && other != c.ID):
			return nil, retail.Errorf(retail.CodeConflict, "the cart has version %d", old.Version)
		}
		stored = *copied(*c)
		stored.Version++
		s.carts[c.ID], s.changes[reference] = stored, stored
		s.saves++
	}
	if after != nil {
		return nil, after
	}
	if stored.Version <= c.Version {
		return nil, retail.BadUpstream(retail.SourceShop, errors.New("an old version"))
	}
	return copied(stored), nil
}

func (s *memoryShop) CloseCart(_ context.Context, id, orderID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.carts[id]
	c.OrderID = orderID
	c.Version++
	s.carts[id] = c
	return nil
}

// world is everything that a cart depends on.
type world struct {
	*memoryShop
	now      time.Time
	places   *location.Directory
	units    map[string]map[string]int
	silent   map[string]bool
	stockErr error

	prices    map[string]*retail.Price
	pricesErr error
	gone      map[string]bool // articles that the catalog no longer has
	mute      bool            // the catalog was never loaded

	held       map[string]retail.Held // by owner
	heldErr    error
	tier       retail.MemberTier
	tierErr    error
	wallets    map[string][]retail.Coupon
	walletErr  error
	tries      cart.Tries
	addresses  map[string]*retail.DeliveryAddress
	categories map[string]string // of SKUs
}

var (
	member = retail.Actor{Role: "member", Subject: "acc-1", MemberID: "m-1"}
	other  = retail.Actor{Role: "member", Subject: "acc-2", MemberID: "m-2"}
	guest  = retail.Actor{Role: "guest", Subject: "g-1"}
)

type placeList []*retail.Location

func (l placeList) Locations(context.Context) ([]*retail.Location, int, error) { return l, 0, nil }

func yuan(minor int64) retail.Money { return retail.Money{Minor: minor, CurrencyCode: "CNY"} }

// newWorld has two stores, a front warehouse and a warehouse, and articles A, B, C at 10.00, 20.00 and 50.00.
func newWorld(t testing.TB) (*world, *cart.Service) {
	t.Helper()
	zone := time.FixedZone("Shanghai", 8*3600)
	var hours []retail.OpeningHours
	for day := 1; day <= 7; day++ {
		hours = append(hours, retail.OpeningHours{Weekday: day, Opens: "09:00", Closes: "21:00"})
	}
	place := func(code string, kind retail.LocationKind, lat float64, services ...retail.PickupService) *retail.Location {
		l := &retail.Location{
			Code: code, Kind: kind, Zone: zone, Hours: hours, Services: services,
			Position: retail.GeoPoint{Latitude: lat, Longitude: 121.47},
		}
		if kind == retail.Store && len(services) > 0 {
			l.Pickup = &retail.PickupSettings{PickingMinutes: 15}
		}
		return l
	}
	w := &world{
		memoryShop: newShop(), now: time.Date(2026, 11, 23, 10, 0, 0, 0, zone),
		units: map[string]map[string]int{}, silent: map[string]bool{}, prices: map[string]*retail.Price{}, gone: map[string]bool{},
		wallets: map[string][]retail.Coupon{}, addresses: map[string]*retail.DeliveryAddress{}, categories: map[string]string{},
		held: map[string]retail.Held{},
	}
	w.places = location.New(location.DefaultConfig(), location.Deps{
		Source: placeList{
			place("S-1", retail.Store, 31.23, retail.ServicePickup, retail.ServiceCurbside),
			place("S-2", retail.Store, 31.24, retail.ServicePickup, retail.ServiceInstant),
			place("S-3", retail.Store, 31.25),
			place("F-1", retail.FrontWarehouse, 31.22, retail.ServiceInstant),
			place("W-1", retail.Warehouse, 31.10),
		},
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
	})
	if err := w.places.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	for sku, price := range map[string]int64{"A": 1000, "B": 2000, "C": 5000} {
		w.prices[sku] = &retail.Price{SKU: sku, Current: yuan(price), List: yuan(price)}
		for _, code := range []string{"S-1", "S-2", "F-1", "W-1"} {
			w.put(code, sku, 100)
		}
	}
	return w, w.service(w.memoryShop)
}

// service is a cart service of this world with carts in the store.
func (w *world) service(store cart.Store) *cart.Service {
	now := func() time.Time { return w.now }
	return cart.New(cart.DefaultConfig(), cart.Deps{
		Store: store, Catalog: w, Stock: w, Holds: w, Places: w.places, Members: w, Now: now, Tries: w.tries,
		Delivery: sourcing.New(sourcing.DefaultConfig(), sourcing.Deps{Stock: w, Places: w.places, Now: now}),
	})
}

func (w *world) put(code, sku string, units int) {
	if w.units[code] == nil {
		w.units[code] = map[string]int{}
	}
	w.units[code][sku] = units
}

func (w *world) Variant(_ context.Context, sku string) (*retail.Variant, error) {
	sku = retail.NormalizeSKU(sku)
	switch {
	case w.mute:
		return nil, retail.Unavailable(retail.SourceShop, errors.New("never loaded"))
	case w.prices[sku] == nil || w.gone[sku]:
		return nil, retail.Errorf(retail.CodeNotFound, "there is no SKU %q", sku)
	}
	v := &retail.Variant{SKU: sku, Product: &retail.Product{Titles: retail.Text{English: "Article " + sku}}}
	if code := w.categories[sku]; code != "" {
		v.Product.Categories = []*retail.Category{{Code: code, ParentCode: code + "-parent"}}
	}
	return v, nil
}

// Category knows a tree with a cycle.
func (w *world) Category(_ context.Context, code string) (*retail.Category, error) {
	return &retail.Category{Code: code, ParentCode: code}, nil
}

func (w *world) Prices(_ context.Context, skus []string, _ retail.Channel) (map[string]*retail.Price, error) {
	prices := map[string]*retail.Price{}
	for _, sku := range skus {
		if p := w.prices[sku]; p != nil && w.pricesErr == nil {
			prices[sku] = p
		}
	}
	return prices, w.pricesErr
}

func (w *world) Offers(_ context.Context, skus, codes []string) ([]retail.Offer, error) {
	if w.stockErr != nil {
		return nil, w.stockErr
	}
	if len(skus)*len(codes) > stock.MaxPairs {
		return nil, errors.New("too many pairs in one question")
	}
	var offers []retail.Offer
	for _, code := range codes {
		l, ok := w.places.ByCode(code)
		if !ok {
			return nil, retail.Errorf(retail.CodeNotFound, "there is no location %q", code)
		}
		o := retail.Offer{Location: l, Known: !w.silent[code], Units: map[string]int{}, Ranged: map[string]bool{}}
		if at, reason := stock.DefaultPolicy().ReadyBy(l, w.now, 0); reason == "" {
			o.ReadyBy = &at
		}
		for _, sku := range skus {
			units, ranged := w.units[code][sku]
			o.Ranged[sku] = ranged
			if o.Known {
				o.Units[sku] = units
			}
		}
		offers = append(offers, o)
	}
	return offers, nil
}

func (w *world) Held(_ context.Context, owner string) (retail.Held, error) {
	return w.held[owner], w.heldErr
}

func (w *world) Standing(context.Context, string) (retail.MemberTier, error) {
	return w.tier, w.tierErr
}

func (w *world) Wallet(_ context.Context, memberID string) ([]retail.Coupon, error) {
	return w.wallets[memberID], w.walletErr
}

func (w *world) Address(_ context.Context, memberID, id string) (*retail.DeliveryAddress, error) {
	if a := w.addresses[memberID+" "+id]; a != nil {
		return a, nil
	}
	return nil, retail.Errorf(retail.CodeNotFound, "there is no address")
}

// coupon is a usable one of the member's.
func (w *world) coupon(c retail.Coupon) {
	c.Status, c.ValidUntil = retail.CouponUsable, w.now.Add(time.Hour)
	if c.Kind == "" {
		c.Kind = retail.CouponAmountOff
	}
	w.wallets["m-1"] = append(w.wallets["m-1"], c)
}

// shopper drives the service as one client does, with a new key for every change.
type shopper struct {
	t     testing.TB
	s     *cart.Service
	actor retail.Actor
	id    string
	keys  int
}

func newShopper(t testing.TB, s *cart.Service, actor retail.Actor) *shopper {
	t.Helper()
	c, _, err := s.Create(t.Context(), actor, "create")
	if err != nil {
		t.Fatal(err)
	}
	return &shopper{t: t, s: s, actor: actor, id: c.ID}
}

func (sh *shopper) key() string {
	sh.keys++
	return fmt.Sprintf("%s-%d", sh.actor.Key(), sh.keys)
}

func (sh *shopper) must(c *retail.PricedCart, warnings []retail.Warning, err error) (*retail.PricedCart, []retail.Warning) {
	sh.t.Helper()
	if err != nil {
		sh.t.Fatal(err)
	}
	return c, warnings
}

func (sh *shopper) add(lines ...cart.LineInput) (*retail.PricedCart, []retail.Warning) {
	sh.t.Helper()
	return sh.must(sh.s.AddLines(sh.t.Context(), sh.actor, sh.key(), sh.id, nil, lines))
}

func (sh *shopper) get() *retail.PricedCart {
	sh.t.Helper()
	c, err := sh.s.Get(sh.t.Context(), sh.actor, sh.id)
	if err != nil {
		sh.t.Fatal(err)
	}
	return c
}

func (sh *shopper) address(lat float64) {
	sh.t.Helper()
	sh.must(sh.s.SetAddress(sh.t.Context(), sh.actor, sh.key(), sh.id, nil, cart.AddressInput{Typed: typed(lat)}))
}

func typed(lat float64) *retail.DeliveryAddress {
	return &retail.DeliveryAddress{
		Recipient: "李雷", Phone: "+8613800138000", Address: retail.Address{CountryCode: "CN", City: "上海", Line: "南京西路1号"},
		Position: &retail.GeoPoint{Latitude: lat, Longitude: 121.47},
	}
}

func pickup(sku string, n int, code string) cart.LineInput {
	return cart.LineInput{SKU: sku, Quantity: n, Method: retail.MethodPickup, LocationRef: code}
}

func ship(sku string, n int) cart.LineInput {
	return cart.LineInput{SKU: sku, Quantity: n, Method: retail.MethodShipping}
}

// lines writes the lines in one word each.
func lines(c *retail.PricedCart) string {
	var words []string
	for _, l := range c.Lines {
		word := fmt.Sprintf("%s:%d:%s", l.SKU, l.Quantity, l.Method)
		if l.LocationCode != "" {
			word += "@" + l.LocationCode
		}
		words = append(words, word)
	}
	return fmt.Sprint(words)
}

// problems writes the problems in one word each; those that block end in "!".
func problems(c *retail.PricedCart) string {
	var words []string
	for _, p := range c.Problems {
		word := string(p.Kind)
		for _, part := range []string{p.SKU, p.LocationCode, p.Coupon} {
			if part != "" {
				word += ":" + part
			}
		}
		if p.Available != nil {
			word += fmt.Sprintf(":%d", *p.Available)
		}
		if p.Blocks {
			word += "!"
		}
		words = append(words, word)
	}
	return fmt.Sprint(words)
}

func codes(warnings []retail.Warning) string {
	var words []string
	for _, w := range warnings {
		words = append(words, string(w.Code))
	}
	return fmt.Sprint(words)
}

// refused checks the reason and the field of the first refusal.
func refused(t testing.TB, err error, why retail.Why, field string) {
	t.Helper()
	_ = refusal(t, err, why, field)
}

// refusal is the first one, checked.
func refusal(t testing.TB, err error, why retail.Why, field string) retail.Refusal {
	t.Helper()
	list, ok := retail.RefusalsOf(err)
	if !ok {
		t.Fatalf("got %v, want a refusal %s", err, why)
	}
	got := ""
	for i, part := range list[0].Field {
		if i > 0 {
			got += "."
		}
		got += part
	}
	if list[0].Why != why || got != field {
		t.Fatalf("got %s at %q (%s), want %s at %q", list[0].Why, got, list[0].Message, why, field)
	}
	return *list[0]
}
