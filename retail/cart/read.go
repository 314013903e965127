package cart

import (
	"context"
	"errors"
	"slices"

	"github.com/portico-retail/portico/retail"
)

// Get is the actor's cart with prices and problems. It refuses with WhyNotFound; a cart that has become an order is still
// there to be read, without problems.
//
// A silent stock service leaves STOCK_UNKNOWN, silent price sources PRICE_UNKNOWN and no totals; neither makes Get fail.
// Prices that moved are told until the shopper's next change, which takes note of the new ones.
func (s *Service) Get(ctx context.Context, actor retail.Actor, id string) (*retail.PricedCart, error) {
	c, err := s.load(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	return s.priced(ctx, actor, c), nil
}

// Current is the actor's open cart, wherever it was begun. It refuses with WhyNotFound when there is none.
func (s *Service) Current(ctx context.Context, actor retail.Actor) (*retail.PricedCart, error) {
	c, err := s.current(ctx, actor)
	if err != nil {
		return nil, err
	}
	return s.priced(ctx, actor, c), nil
}

func (s *Service) current(ctx context.Context, actor retail.Actor) (*retail.Cart, error) {
	if !actor.Known() {
		return nil, notFound("")
	}
	c, err := s.deps.Store.CartOf(ctx, actor.Key())
	if retail.CodeOf(err) == retail.CodeNotFound && err != nil {
		return nil, notFound("")
	}
	if err != nil {
		return nil, err
	}
	if c.Owner != actor.Key() {
		return nil, notFound("")
	}
	return c, nil
}

// load is the actor's cart; somebody else's looks like none.
func (s *Service) load(ctx context.Context, actor retail.Actor, id string) (*retail.Cart, error) {
	if !actor.Known() || id == "" || len(id) > maxID {
		return nil, notFound("cartId")
	}
	c, err := s.deps.Store.Cart(ctx, id)
	switch {
	case err != nil && retail.CodeOf(err) == retail.CodeNotFound:
		return nil, notFound("cartId")
	case err != nil:
		return nil, err
	case c.Owner != actor.Key():
		return nil, notFound("cartId")
	}
	return c, nil
}

// priced answers from whatever could be heard.
func (s *Service) priced(ctx context.Context, actor retail.Actor, c *retail.Cart) *retail.PricedCart {
	if c.OrderID != "" {
		f := s.gather(ctx, actor, c, without{stock: true})
		p := s.price(ctx, c, f)
		p.Problems = nil
		return p
	}
	return s.price(ctx, c, s.gather(ctx, actor, c, without{}))
}

// Checkout is the actor's cart at the version that the shopper agreed to, ready to be ordered. It refuses with WhyNotFound,
// WhyNotAllowed, WhyVersionConflict, WhyCartEmpty, or WhyCartProblem once for each problem that blocks. It fails when a
// system is silent that decides the price, because nobody may pay more than they should.
func (s *Service) Checkout(ctx context.Context, actor retail.Actor, cartID string, version int) (*retail.PricedCart, error) {
	c, err := s.load(ctx, actor, cartID)
	switch {
	case err != nil:
		return nil, err
	case c.OrderID != "":
		return nil, ordered()
	case c.Version != version:
		return nil, conflict(c.Version)
	case len(c.Lines) == 0:
		return nil, retail.Refuse(retail.WhyCartEmpty, "cartId", "There is nothing in the cart.")
	}
	f := s.gather(ctx, actor, c, without{})
	if err := firstError(f.pricesErr, f.tierErr, f.walletErr); err != nil {
		return nil, err
	}
	p := s.price(ctx, c, f)
	var refusals []error
	for _, problem := range p.Problems {
		if problem.Blocks {
			r := retail.Refuse(retail.WhyCartProblem, "cartId", problem.Message)
			r.SKU, r.LocationCode, r.Available = problem.SKU, problem.LocationCode, problem.Available
			refusals = append(refusals, r)
		}
	}
	if len(refusals) > 0 {
		return nil, errors.Join(refusals...)
	}
	return p, nil
}

func firstError(errs ...error) error {
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}

// Close marks a cart as ordered. Idempotent by order.
func (s *Service) Close(ctx context.Context, cartID, orderID string) error {
	return s.deps.Store.CloseCart(ctx, cartID, orderID)
}

// UnitPrices prices one unit of each SKU as the actor would pay now; those that nobody can price are missing. It fails when a
// system is silent that decides the price.
func (s *Service) UnitPrices(ctx context.Context, actor retail.Actor, skus []string) (map[string]retail.LinePrice, error) {
	if len(skus) > retail.MaxCartLines {
		return nil, retail.Errorf(retail.CodeLimitExceeded, "at most %d SKUs can be priced", retail.MaxCartLines)
	}
	c := &retail.Cart{}
	for _, sku := range skus {
		c.Lines = append(c.Lines, retail.CartLine{SKU: sku, Quantity: 1})
	}
	f := s.gather(ctx, actor, c, without{stock: true, titles: true})
	if err := firstError(f.pricesErr, f.tierErr); err != nil {
		return nil, err
	}
	prices := make(map[string]retail.LinePrice, len(skus))
	for _, sku := range skus {
		if unit, ok := f.unit(sku, s.config.Currency); ok {
			prices[sku] = unit
		}
	}
	return prices, nil
}

func ordered() error {
	return retail.Refuse(retail.WhyNotAllowed, "cartId", "This cart has become an order.")
}

func conflict(present int) error {
	r := retail.Refuse(retail.WhyVersionConflict, "version", "Somebody else changed the cart meanwhile.")
	r.Version = &present
	return r
}
