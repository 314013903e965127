package cart

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/pricing"
)

// facts are what the systems said about the SKUs of one cart and its shopper, all asked at the same time.
type facts struct {
	now     time.Time
	channel retail.Channel

	variants    map[string]*retail.Variant // by SKU; nil for one that the catalog does not have
	categories  map[string][]string        // by SKU, ancestors too
	prices      map[string]*retail.Price
	pricesErr   error
	tier        retail.MemberTier
	tierErr     error
	wallet      map[string]retail.Coupon // by number
	walletErr   error
	offers      map[string]retail.Offer // by place; a place that is missing is silent
	held        retail.Held             // the shopper's holds
	heldErr     error
	deliverers  map[retail.FulfillmentMethod][]*retail.Location
	catalogMute bool // a SKU that the catalog does not have may still exist
}

// without says what need not be asked.
type without struct{ stock, titles bool }

// gather asks everybody. What fails is noted in the facts.
func (s *Service) gather(ctx context.Context, actor retail.Actor, c *retail.Cart, w without) *facts {
	f := &facts{
		now: s.deps.Now(), channel: retail.ContextOf(ctx).Channel,
		variants: map[string]*retail.Variant{}, categories: map[string][]string{},
	}
	skus := skusOf(c)
	if !w.titles {
		s.describe(ctx, f, skus) // in memory
	}
	var group errgroup.Group
	ask := func(failure *error, question func() error) {
		group.Go(func() error {
			*failure = contained(question)
			return nil // one silent system must not stop the others
		})
	}
	var stockErr error // shows as places that are silent
	if len(skus) > 0 {
		ask(&f.pricesErr, func() (err error) {
			f.prices, err = s.deps.Catalog.Prices(ctx, skus, f.channel)
			return err
		})
	}
	if actor.MemberID != "" && s.deps.Members != nil {
		ask(&f.tierErr, func() (err error) {
			f.tier, err = s.deps.Members.Standing(ctx, actor.MemberID)
			return err
		})
		if len(c.Coupons) > 0 {
			ask(&f.walletErr, func() (err error) {
				f.wallet, err = s.wallet(ctx, actor)
				return err
			})
		}
	}
	if len(skus) > 0 && !w.stock {
		f.offers, f.deliverers = map[string]retail.Offer{}, map[retail.FulfillmentMethod][]*retail.Location{}
		ask(&stockErr, func() error { return s.look(ctx, f, c, skus) })
		if s.deps.Holds != nil {
			ask(&f.heldErr, func() (err error) {
				f.held, err = s.deps.Holds.Held(ctx, actor.Key())
				return err
			})
		}
	}
	_ = group.Wait()
	return f
}

// contained turns a panic into an error: it happens on a goroutine of its own, where it would end the process.
func contained(question func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &retail.Error{
				Code: retail.CodeInternal, Message: "the gateway failed", Err: fmt.Errorf("panic: %v\n%s", retail.PanicText(r), debug.Stack()),
			}
		}
	}()
	return question()
}

// skusOf lists the SKUs of the cart, each once, in the order of their first lines.
func skusOf(c *retail.Cart) []string {
	var skus []string
	seen := map[string]bool{}
	for _, l := range c.Lines {
		if !seen[l.SKU] {
			seen[l.SKU] = true
			skus = append(skus, l.SKU)
		}
	}
	return skus
}

// describe looks up titles and categories.
func (s *Service) describe(ctx context.Context, f *facts, skus []string) {
	for _, sku := range skus {
		v, err := s.deps.Catalog.Variant(ctx, sku)
		if err != nil {
			f.catalogMute = f.catalogMute || retail.CodeOf(err) != retail.CodeNotFound
			continue
		}
		f.variants[sku] = v
		if v.Product == nil {
			continue
		}
		for _, category := range v.Product.Categories {
			f.categories[sku] = append(f.categories[sku], s.line(ctx, category)...)
		}
	}
}

// maxDepth bounds the walk up the tree of categories, which may have a cycle.
const maxDepth = 8

// line lists the codes from the category up to the top.
func (s *Service) line(ctx context.Context, category *retail.Category) []string {
	var codes []string
	for range maxDepth {
		codes = append(codes, category.Code)
		if category.ParentCode == "" {
			break
		}
		parent, err := s.deps.Catalog.Category(ctx, category.ParentCode)
		if err != nil {
			return append(codes, category.ParentCode)
		}
		category = parent
	}
	return codes
}

// wallet is the member's coupons by number.
func (s *Service) wallet(ctx context.Context, actor retail.Actor) (map[string]retail.Coupon, error) {
	list, err := s.deps.Members.Wallet(ctx, actor.MemberID)
	if err != nil {
		return nil, err
	}
	wallet := make(map[string]retail.Coupon, len(list))
	for _, c := range list {
		wallet[strings.ToUpper(c.Number)] = c
	}
	return wallet, nil
}

// maxPairs bounds one question to the stock service.
const maxPairs = 2000

// look asks what the places could give that the shopper chose or that may deliver. Places that cannot be asked are silent.
func (s *Service) look(ctx context.Context, f *facts, c *retail.Cart, skus []string) error {
	var codes []string
	seen := map[string]bool{}
	add := func(code string) {
		if !seen[code] {
			seen[code] = true
			codes = append(codes, code)
		}
	}
	for _, l := range c.Lines {
		if l.Method.Visits() {
			if _, ok := s.deps.Places.ByCode(l.LocationCode); ok {
				add(l.LocationCode)
			}
			continue
		}
		if _, known := f.deliverers[l.Method]; !known && c.Address != nil {
			f.deliverers[l.Method] = s.deps.Delivery.Candidates(ctx, l.Method, c.Address)
			for _, place := range f.deliverers[l.Method] {
				add(place.Code)
			}
		}
	}
	step := max(1, min(100, maxPairs/len(skus)))
	for len(codes) > 0 {
		n := min(step, len(codes))
		offers, err := s.deps.Stock.Offers(ctx, skus, codes[:n])
		if err != nil {
			return err
		}
		for _, o := range offers {
			if o.Location != nil {
				f.offers[o.Location.Code] = o
			}
		}
		codes = codes[n:]
	}
	return nil
}

// unit prices one unit before coupons.
func (f *facts) unit(sku, currency string) (retail.LinePrice, bool) {
	return pricing.Unit(f.prices[sku], f.tier, currency, f.now)
}

// sold reports whether the catalog has the SKU, or could not be asked.
func (f *facts) sold(sku string) bool { return f.variants[sku] != nil || f.catalogMute }
