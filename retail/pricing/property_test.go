package pricing_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/pricing"
)

func yuan(minor int64) retail.Money { return retail.Money{Minor: minor, CurrencyCode: "CNY"} }

func drawInput(t *rapid.T) pricing.Input {
	amount := rapid.OneOf(rapid.Int64Range(0, 5), rapid.Int64Range(0, 100_000), rapid.Int64Range(0, pricing.MaxUnitPrice))
	category := rapid.SampledFrom([]string{"tea", "toys"})
	in := pricing.Input{
		Currency: "CNY", Channel: retail.ChannelApp, Now: clock,
		Tier:     rapid.SampledFrom([]retail.MemberTier{"", retail.TierGold}).Draw(t, "tier"),
		Delivery: yuan(rapid.Int64Range(0, 3000).Draw(t, "delivery")),
	}
	for i := range rapid.IntRange(0, retail.MaxCartLines).Draw(t, "lines") {
		current := amount.Draw(t, "price")
		in.Lines = append(in.Lines, pricing.Line{
			ID: fmt.Sprintf("l%02d", i), SKU: fmt.Sprintf("S%02d", i),
			Quantity:   rapid.IntRange(1, retail.MaxLineQuantity).Draw(t, "quantity"),
			Categories: []string{category.Draw(t, "category")},
			Price: &retail.Price{
				Current: yuan(current), List: yuan(current),
				Tiers: []retail.TierPrice{{Tier: retail.TierGold, Price: yuan(amount.Draw(t, "tier price"))}},
			},
		})
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "coupons") {
		in.Coupons = append(in.Coupons, drawCoupon(t, fmt.Sprintf("C%d", i)))
	}
	return in
}

func drawCoupon(t *rapid.T, number string) retail.Coupon {
	return retail.Coupon{
		Number: number, Status: retail.CouponUsable, ValidUntil: clock.Add(time.Hour),
		Kind: rapid.SampledFrom([]retail.CouponKind{
			retail.CouponAmountOff, retail.CouponPercentOff, retail.CouponDelivery,
		}).Draw(t, "kind"),
		Amount:    yuan(rapid.Int64Range(-1, 1_000_000).Draw(t, "amount")),
		Percent:   rapid.IntRange(0, 101).Draw(t, "percent"),
		MinSpend:  yuan(rapid.Int64Range(0, 50_000).Draw(t, "min")),
		Category:  rapid.SampledFrom([]string{"", "tea", "toys"}).Draw(t, "for"),
		Stackable: rapid.IntRange(1, 10).Draw(t, "stackable") < 9,
	}
}

func TestTheLinesAddUpToTheTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		r := pricing.Price(in)
		if !r.Complete {
			t.Fatalf("not complete: %+v", r)
		}
		var subtotal, discounts, lines, coupons, delivery int64
		for i, l := range r.Lines {
			if l.Total.Minor < 0 || l.Discount.Minor < 0 || l.Total.Minor != l.Unit.Minor*int64(in.Lines[i].Quantity)-l.Discount.Minor {
				t.Fatalf("line %d: %+v", i, l)
			}
			subtotal += l.Unit.Minor * int64(in.Lines[i].Quantity)
			discounts += l.Discount.Minor
			lines += l.Total.Minor
		}
		for _, d := range r.Totals.Discounts {
			if d.Amount.Minor <= 0 {
				t.Fatalf("a coupon that takes nothing off was applied: %+v", d)
			}
			if d.Kind == retail.DiscountDelivery {
				delivery += d.Amount.Minor
			} else {
				coupons += d.Amount.Minor
			}
		}
		if subtotal != r.Totals.Subtotal.Minor || discounts != coupons || delivery > in.Delivery.Minor {
			t.Fatalf("subtotal %d, shares %d, coupons %d, off delivery %d: %+v", subtotal, discounts, coupons, delivery, r.Totals)
		}
		if got := lines + in.Delivery.Minor - delivery; got != r.Totals.Total.Minor || got < 0 {
			t.Fatalf("lines and delivery come to %d, the total is %d", got, r.Totals.Total.Minor)
		}
		if len(r.Applied)+len(r.Rejected) != len(in.Coupons) || len(r.Applied) != len(r.Totals.Discounts) {
			t.Fatalf("%d coupons: applied %v, rejected %v", len(in.Coupons), r.Applied, r.Rejected)
		}
	})
}

func TestAFurtherCouponNeverCostsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		before := pricing.Price(in)
		in.Coupons = append(in.Coupons, drawCoupon(t, "further"))
		after := pricing.Price(in)
		if after.Totals.Total.Minor > before.Totals.Total.Minor {
			t.Fatalf("%d became %d", before.Totals.Total.Minor, after.Totals.Total.Minor)
		}
		if diff := cmp.Diff(before.Applied, after.Applied[:len(before.Applied)]); len(before.Applied) > 0 && diff != "" {
			t.Fatalf("earlier coupons changed: %s", diff)
		}
	})
}

func TestTheOrderOfTheLinesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		shuffled := in
		shuffled.Lines = rapid.Permutation(in.Lines).Draw(t, "order")
		a, b := pricing.Price(in), pricing.Price(shuffled)
		if diff := cmp.Diff(a.Totals, b.Totals); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(byID(in, a), byID(shuffled, b)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func byID(in pricing.Input, r pricing.Result) map[string]retail.LinePrice {
	m := map[string]retail.LinePrice{}
	for i, l := range in.Lines {
		m[l.ID] = *r.Lines[i]
	}
	return m
}

func TestAmountsOffMayBeEnteredInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		for i := range in.Coupons {
			c := &in.Coupons[i]
			c.Kind, c.Stackable, c.Category, c.Amount = retail.CouponAmountOff, true, "", yuan(max(1, c.Amount.Minor))
		}
		permuted := in
		permuted.Coupons = rapid.Permutation(in.Coupons).Draw(t, "order")
		a, b := pricing.Price(in), pricing.Price(permuted)
		if a.Totals.Total != b.Totals.Total {
			t.Fatalf("%d or %d", a.Totals.Total.Minor, b.Totals.Total.Minor)
		}
		if diff := cmp.Diff(b, pricing.Price(permuted)); diff != "" {
			t.Fatalf("the same question, another answer: %s", diff)
		}
	})
}
