package cart

import (
	"context"
	"fmt"
	"strings"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/pricing"
)

// price puts a cart and the facts about it together.
func (s *Service) price(ctx context.Context, c *retail.Cart, f *facts) *retail.PricedCart {
	p := &retail.PricedCart{Cart: c, Prices: map[string]retail.LinePrice{}, Titles: map[string]retail.Text{}, Tier: f.tier, Held: f.held}
	for sku, v := range f.variants {
		p.Titles[sku] = titles(v)
	}
	result := s.calculate(ctx, c, f)
	for i, price := range result.Lines {
		if price != nil {
			p.Prices[c.Lines[i].ID] = *price
		}
	}
	p.Totals = result.Totals
	t := &troubles{service: s, cart: c, facts: f}
	t.prices(p.Prices)
	t.coupons(result.Rejected)
	t.places()
	p.Problems = t.list
	return p
}

// titles names the variant; one without a name of its own has the product's.
func titles(v *retail.Variant) retail.Text {
	if v.Titles == (retail.Text{}) && v.Product != nil {
		return v.Product.Titles
	}
	return v.Titles
}

// calculate prices lines, coupons and delivery. Coupons that are not in the wallet have no effect.
func (s *Service) calculate(ctx context.Context, c *retail.Cart, f *facts) pricing.Result {
	in := pricing.Input{Tier: f.tier, Channel: f.channel, Currency: s.config.Currency, Now: f.now}
	query := retail.PlanQuery{Address: c.Address}
	for _, l := range c.Lines {
		in.Lines = append(in.Lines, pricing.Line{
			ID: l.ID, SKU: l.SKU, Quantity: l.Quantity, Categories: f.categories[l.SKU], Price: f.prices[l.SKU],
		})
		q := retail.PlanLine{LineID: l.ID, SKU: l.SKU, Quantity: l.Quantity, Method: l.Method, LocationCode: l.LocationCode}
		if unit, ok := f.unit(l.SKU, s.config.Currency); ok && l.Quantity > 0 && l.Quantity <= retail.MaxLineQuantity {
			q.Value = retail.Money{Minor: unit.Unit.Minor * int64(l.Quantity), CurrencyCode: s.config.Currency}
		}
		query.Lines = append(query.Lines, q)
	}
	for _, number := range c.Coupons {
		if coupon, ok := f.wallet[strings.ToUpper(number)]; ok {
			in.Coupons = append(in.Coupons, coupon)
		}
	}
	in.Delivery = s.deps.Delivery.Fee(ctx, query)
	return pricing.Price(in)
}

// troubles collects what is wrong with a cart.
type troubles struct {
	service *Service
	cart    *retail.Cart
	facts   *facts
	list    []retail.CartProblem
}

func (t *troubles) add(p retail.CartProblem) { t.list = append(t.list, p) }

// prices finds lines that nobody sells or prices, and prices that moved.
func (t *troubles) prices(prices map[string]retail.LinePrice) {
	for _, l := range t.cart.Lines {
		problem := retail.CartProblem{LineID: l.ID, SKU: l.SKU, Blocks: true}
		price, priced := prices[l.ID]
		switch {
		case !t.facts.sold(l.SKU):
			problem.Kind, problem.Message = retail.ProblemNotSold, "The article is not sold any more."
		case !priced:
			problem.Kind, problem.Message = retail.ProblemPriceUnknown, "Nobody can say now what the article costs."
		case l.SeenPrice.CurrencyCode != "" && l.SeenPrice != price.Unit && t.facts.tierErr == nil:
			was, now := l.SeenPrice, price.Unit
			problem.Kind, problem.WasPrice, problem.NowPrice, problem.Blocks = retail.ProblemPriceMoved, &was, &now, false
			problem.Message = fmt.Sprintf("The price moved from %s to %s %s.", was.Amount(), now.Amount(), now.CurrencyCode)
		default:
			continue
		}
		t.add(problem)
	}
}

// coupons finds coupons that take nothing off. Those whose conditions are not met are harmless; one that cannot be checked
// blocks, because the shopper would pay more than they should.
func (t *troubles) coupons(rejected []pricing.Rejection) {
	for _, number := range t.cart.Coupons {
		problem := retail.CartProblem{Kind: retail.ProblemCouponNotApplicable, Coupon: number}
		_, owned := t.facts.wallet[strings.ToUpper(number)]
		switch {
		case t.facts.walletErr != nil:
			problem.Blocks, problem.Message = true, "The coupon cannot be checked now."
		case !owned:
			problem.Message = "There is no such coupon."
		default:
			problem.Message = reason(rejected, number)
		}
		if problem.Message != "" {
			t.add(problem)
		}
	}
}

func reason(rejected []pricing.Rejection, number string) string {
	for _, r := range rejected {
		if strings.EqualFold(r.Number, number) {
			return r.Message
		}
	}
	return ""
}
