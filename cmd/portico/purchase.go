package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/nyaruka/phonenumbers"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/integrations/ledger"
	"github.com/portico-retail/portico/integrations/redisstore"
	"github.com/portico-retail/portico/integrations/shop"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/care"
	"github.com/portico-retail/portico/retail/cart"
	"github.com/portico-retail/portico/retail/catalog"
	"github.com/portico-retail/portico/retail/location"
	"github.com/portico-retail/portico/retail/members"
	"github.com/portico-retail/portico/retail/ordering"
	"github.com/portico-retail/portico/retail/privacy"
	"github.com/portico-retail/portico/retail/purchases"
	"github.com/portico-retail/portico/retail/returns"
	"github.com/portico-retail/portico/retail/sourcing"
	"github.com/portico-retail/portico/retail/stock"
)

// terms are the retailer's decisions about purchases.
type terms struct {
	Holds    stock.HoldPolicy
	Cart     cart.Config
	Sourcing sourcing.Config
	Ordering ordering.Config
	Returns  returns.Config
	Members  members.Config
	Requests privacy.RequestConfig
}

// termsOf are the usual terms in a currency. The public reads quantities as exactly everywhere.
func termsOf(currency string, policy stock.Policy) terms {
	t := terms{
		Holds: stock.DefaultHoldPolicy(), Cart: cart.DefaultConfig(), Sourcing: sourcing.DefaultConfig(),
		Ordering: ordering.DefaultConfig(), Returns: returns.DefaultConfig(), Members: members.DefaultConfig(),
		Requests: privacy.DefaultRequestConfig(),
	}
	t.Cart.Currency, t.Sourcing.Currency = currency, currency
	t.Cart.QuantityCap, t.Sourcing.QuantityCap = policy.QuantityCap, policy.QuantityCap
	t.Sourcing.Pickers = policy.Pickers
	return t
}

func (t terms) validate() error {
	return errors.Join(t.Holds.Validate(), t.Cart.Validate(), t.Sourcing.Validate(), t.Ordering.Validate(), t.Returns.Validate(),
		t.Members.Validate(), t.Requests.Validate())
}

// purchase is everything that sells.
type purchase struct {
	ledger    *ledger.Ledger
	holds     *stock.Holds
	members   *members.Service
	carts     *cart.Service
	sourcing  *sourcing.Service
	ordering  *ordering.Service
	returns   *returns.Service
	purchases *purchases.Service
	watch     *purchases.Watch
	care      *care.Service
}

// purchaseParts are what the purchase is made of.
type purchaseParts struct {
	Clients   clients
	Ledger    *ledger.Ledger
	Store     *redisstore.Store
	Directory *location.Directory
	Catalog   *catalog.Service
	Stock     *stock.Service
	// Wrap replaces what an order's steps work with, for tests that break it; nil leaves it.
	Wrap func(ordering.Deps) ordering.Deps
	Now  func() time.Time
	Log  *slog.Logger
	Reg  prometheus.Registerer
}

func newPurchase(t terms, p purchaseParts) *purchase {
	s := &purchase{ledger: p.Ledger}
	s.holds = stock.NewHolds(t.Holds, stock.HoldDeps{
		Stock: p.Stock, Projection: p.Store, Ledger: p.Ledger, Log: p.Log, Registerer: p.Reg,
	})
	s.members = members.New(t.Members, members.Deps{
		Accounts: p.Clients.shop, Cards: p.Clients.pos, Customers: p.Clients.erp, Ledger: p.Ledger, Places: p.Directory,
		Phones: func(raw string) (string, bool) { return e164(raw, defaultCountry) }, Now: p.Now, Log: p.Log, Registerer: p.Reg,
	})
	s.sourcing = sourcing.New(t.Sourcing, sourcing.Deps{Stock: p.Stock, Places: p.Directory, Slots: p.Ledger, Now: p.Now})
	s.carts = cart.New(t.Cart, cart.Deps{
		Store: p.Clients.shop, Catalog: p.Catalog, Stock: p.Stock, Holds: s.holds, Places: p.Directory, Members: s.members, Delivery: s.sourcing,
		Tries: p.Ledger, Now: p.Now,
	})
	orders := ordering.Deps{
		Ledger: p.Ledger, Claims: s.holds, Carts: s.carts, Sourcing: s.sourcing, Shop: p.Clients.shop, Stores: p.Clients.pos,
		Coupons: p.Clients.erp, Points: p.Clients.erp, Places: p.Directory, Members: p.Ledger,
		Now: p.Now, Random: rand.Text, Log: p.Log, Registerer: p.Reg,
	}
	if p.Wrap != nil {
		orders = p.Wrap(orders)
	}
	s.ordering = ordering.New(t.Ordering, orders)
	s.returns = returns.New(t.Returns, returns.Deps{
		Ledger: p.Ledger, Claims: s.holds, Tills: p.Clients.pos, Parcels: p.Clients.shop, Payments: p.Clients.shop, Prices: s.carts,
		Points: p.Clients.erp, Places: p.Directory, Now: p.Now,
	})
	s.purchases = purchases.New(purchases.Deps{
		Online: p.Clients.shop, Receipts: p.Clients.pos, Ledger: p.Ledger, Codes: s.ordering, Places: p.Directory, Now: p.Now,
	})
	s.watch = purchases.NewWatch(purchases.DefaultWatchConfig(), p.Ledger, p.Log)
	s.care = care.New(care.DefaultConfig(), care.Deps{Store: p.Ledger, Purchases: bought{p.Ledger, p.Clients.pos}, Now: p.Now})
	s.ledger.Handle(retail.JobOrder, s.ordering.RunJob)
	s.ledger.Handle(retail.JobReturn, s.returns.RunJob)
	s.ledger.Handle(retail.JobMember, s.members.RunJob)
	return s
}

// bought joins what shoppers bought online and at the tills.
type bought struct {
	ordering.Ledger
	purchases.Receipts
}

// run does what sells on its own until ctx ends.
func (s *purchase) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.ledger.Run(ctx) })
	group.Go(func() error { return s.holds.Run(ctx) })
	group.Go(func() error { return s.ordering.Run(ctx) })
	group.Go(func() error { s.watch.Run(ctx); return nil })
	return group.Wait()
}

// hooks receives what the shop reports; nil without a secret.
func (s *purchase) hooks(secret string, now func() time.Time) http.Handler {
	if secret == "" {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("/shop", shop.Webhooks([]byte(secret), now, func(ctx context.Context, e shop.Event) error {
		return s.ordering.Notified(ctx, e.ID, e.OrderNumber)
	}))
	return mux
}

// defaultCountry is where a phone number without a country code is from.
const defaultCountry = "CN"

// e164 reads a phone number as people write it; a national one is the country's.
func e164(raw, country string) (string, bool) {
	if len(raw) > 40 {
		return "", false
	}
	number, err := phonenumbers.Parse(raw, country)
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return "", false
	}
	return phonenumbers.Format(number, phonenumbers.E164), true
}
