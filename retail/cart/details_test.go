package cart_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/cart"
)

func TestAddresses(t *testing.T) {
	w, s := newWorld(t)
	w.addresses["m-1 a-1"] = &retail.DeliveryAddress{ID: "a-1", Recipient: "韩梅梅", Phone: "+8613900139000"}
	w.addresses["m-2 a-2"] = &retail.DeliveryAddress{ID: "a-2"}
	sh := newShopper(t, s, member)
	spoiled := func(spoil func(a *retail.DeliveryAddress)) cart.AddressInput {
		a := typed(31.2)
		spoil(a)
		return cart.AddressInput{Typed: a}
	}
	for name, tt := range map[string]struct {
		in    cart.AddressInput
		why   retail.Why
		field string
	}{
		"neither":                {cart.AddressInput{}, retail.WhyInvalid, "address"},
		"both":                   {cart.AddressInput{ID: "a-1", Typed: typed(31.2)}, retail.WhyInvalid, "address"},
		"another member's":       {cart.AddressInput{ID: "a-2"}, retail.WhyNotFound, "addressId"},
		"no recipient":           {spoiled(func(a *retail.DeliveryAddress) { a.Recipient = "  " }), retail.WhyInvalid, "address.recipient"},
		"a recipient on lines":   {spoiled(func(a *retail.DeliveryAddress) { a.Recipient = "a\nb" }), retail.WhyInvalid, "address.recipient"},
		"a reversed recipient":   {spoiled(func(a *retail.DeliveryAddress) { a.Recipient = "a\u202eb" }), retail.WhyInvalid, "address.recipient"},
		"no UTF-8":               {spoiled(func(a *retail.DeliveryAddress) { a.Address.City = "\xff" }), retail.WhyInvalid, "address.city"},
		"no line":                {spoiled(func(a *retail.DeliveryAddress) { a.Address.Line = "" }), retail.WhyInvalid, "address.line"},
		"a huge line":            {spoiled(func(a *retail.DeliveryAddress) { a.Address.Line = strings.Repeat("路", 201) }), retail.WhyInvalid, "address.line"},
		"a country in words":     {spoiled(func(a *retail.DeliveryAddress) { a.Address.CountryCode = "China" }), retail.WhyInvalid, "address.countryCode"},
		"a national number":      {spoiled(func(a *retail.DeliveryAddress) { a.Phone = "13800138000" }), retail.WhyInvalid, "address.phone"},
		"a number with a letter": {spoiled(func(a *retail.DeliveryAddress) { a.Phone = "+86138001380x0" }), retail.WhyInvalid, "address.phone"},
		"a point off the earth":  {spoiled(func(a *retail.DeliveryAddress) { a.Position.Latitude = 91 }), retail.WhyInvalid, "address.position"},
		"no point at all":        {spoiled(func(a *retail.DeliveryAddress) { a.Position.Latitude = math.NaN() }), retail.WhyInvalid, "address.position"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := s.SetAddress(t.Context(), member, "k-"+name, sh.id, nil, tt.in)
			refused(t, err, tt.why, tt.field)
		})
	}
	c, _ := sh.must(s.SetAddress(t.Context(), member, sh.key(), sh.id, nil, cart.AddressInput{ID: "a-1"}))
	if c.Address == nil || c.Address.Recipient != "韩梅梅" {
		t.Errorf("got %+v", c.Address)
	}
	forged := typed(31.2)
	forged.ID = "a-2"
	c, _ = sh.must(s.SetAddress(t.Context(), member, sh.key(), sh.id, nil, cart.AddressInput{Typed: forged}))
	if c.Address.ID != "" || c.Address.Recipient != "李雷" || forged.ID != "a-2" {
		t.Errorf("got %+v", c.Address)
	}
	visitor := newShopper(t, s, guest)
	_, _, err := s.SetAddress(t.Context(), guest, "k", visitor.id, nil, cart.AddressInput{ID: "a-1"})
	refused(t, err, retail.WhyNotFound, "addressId")
}

func TestNotes(t *testing.T) {
	_, s := newWorld(t)
	sh := newShopper(t, s, member)
	for _, note := range []string{strings.Repeat("好", 501), "a\x00b", "a\x1b[31m", "\xff", "a\u202eb"} {
		_, _, err := s.SetNote(t.Context(), member, sh.key(), sh.id, nil, note)
		refused(t, err, retail.WhyInvalid, "note")
	}
	for _, note := range []string{strings.Repeat("好", 500), "two\nlines", "👩‍👧", ""} {
		if c, _ := sh.must(s.SetNote(t.Context(), member, sh.key(), sh.id, nil, note)); c.Note != note {
			t.Errorf("got %q", c.Note)
		}
	}
}

// counted counts tries as a ledger does, in one endless window.
type counted struct{ tries map[string]int }

func (c counted) Try(_ context.Context, key string, l retail.Limit) (bool, time.Duration, error) {
	c.tries[key]++
	return c.tries[key] <= l.Most, l.Per, nil
}

func (c counted) Forgive(_ context.Context, key string) error {
	c.tries[key]--
	return nil
}

func TestWrongCouponsAreCountedAndOnlyThey(t *testing.T) {
	w, _ := newWorld(t)
	w.coupon(retail.Coupon{Number: "TEN", Amount: yuan(100), Stackable: true})
	w.coupon(retail.Coupon{Number: "FAR", Amount: yuan(100), MinSpend: yuan(100_000), Stackable: true})
	w.tries = counted{map[string]int{}}
	s := w.service(w.memoryShop)
	sh := newShopper(t, s, member)
	sh.add(pickup("A", 1, "S-1"))
	enter := func(number string) error {
		_, _, err := s.ApplyCoupon(t.Context(), member, sh.key(), sh.id, nil, number)
		return err
	}
	for range 30 { // what is in the wallet is no guess
		refused(t, enter("FAR"), retail.WhyCouponRejected, "coupon")
	}
	for n := range 20 {
		w.walletErr = retail.Unavailable(retail.SourceERP, errors.New("down"))
		if err := enter("GUESS"); retail.CodeOf(err) != retail.CodeUpstreamUnavailable { // nobody said that it is wrong
			t.Errorf("got %v", err)
		}
		w.walletErr = nil
		refused(t, enter(fmt.Sprint("GUESS", n)), retail.WhyCouponRejected, "coupon")
	}
	for _, number := range []string{"GUESS", "TEN"} { // the right one comes too late
		err := enter(number)
		refused(t, err, retail.WhyLimitReached, "coupon")
		if list, _ := retail.RefusalsOf(err); *list[0].Limit != 20 || list[0].Message != "Too many tries: try again in 60 minutes." {
			t.Errorf("got %+v", list[0])
		}
	}
	visitor := newShopper(t, s, guest)
	_, _, err := s.ApplyCoupon(t.Context(), guest, "k", visitor.id, nil, "TEN")
	refused(t, err, retail.WhyCouponRejected, "coupon")
}

// Whose household tried too much keeps the tries.
func TestAHouseholdsTriesTakeNothingFromItsGuests(t *testing.T) {
	w, _ := newWorld(t)
	w.tries = counted{map[string]int{}}
	s := w.service(w.memoryShop)
	crowded := retail.WithHousehold(t.Context(), retail.Household{Name: "crowded", Guests: 1}) // 20 tries
	enter := func(ctx context.Context, subject string, times int, why retail.Why) {
		t.Helper()
		actor := guest
		actor.Subject = subject
		sh := newShopper(t, s, actor)
		for n := range times {
			_, _, err := s.ApplyCoupon(ctx, actor, sh.key(), sh.id, nil, fmt.Sprint("GUESS", n))
			refused(t, err, why, "coupon")
		}
	}
	enter(crowded, "g-1", 20, retail.WhyCouponRejected)
	enter(crowded, "g-2", 20, retail.WhyLimitReached)
	enter(t.Context(), "g-2", 20, retail.WhyCouponRejected)
	enter(t.Context(), "g-2", 1, retail.WhyLimitReached)
}

func TestCoupons(t *testing.T) {
	w, s := newWorld(t)
	w.coupon(retail.Coupon{Number: "TEN", Amount: yuan(1000), Stackable: true})
	w.coupon(retail.Coupon{Number: "ALONE", Amount: yuan(100)})
	w.coupon(retail.Coupon{Number: "FAR", Amount: yuan(1000), MinSpend: yuan(100_000), Stackable: true})
	w.coupon(retail.Coupon{Number: "TEA", Kind: retail.CouponPercentOff, Percent: 50, Category: "tea", Stackable: true})
	w.coupon(retail.Coupon{Number: "TOP", Kind: retail.CouponPercentOff, Percent: 50, Category: "tea-parent", Stackable: true})
	w.coupon(retail.Coupon{Number: "WEB", Amount: yuan(1), Channels: []retail.Channel{retail.ChannelPOS}, Stackable: true})
	old := w.wallets["m-1"][0]
	old.Number, old.ValidUntil = "OLD", w.now.Add(-time.Hour)
	used := w.wallets["m-1"][0]
	used.Number, used.Status = "USED", retail.CouponUsed
	w.wallets["m-1"] = append(w.wallets["m-1"], old, used)
	w.wallets["m-2"] = []retail.Coupon{{Number: "THEIRS", Status: retail.CouponUsable, Kind: retail.CouponAmountOff, Amount: yuan(1)}}
	sh := newShopper(t, s, member)
	sh.add(pickup("A", 1, "S-1"), pickup("B", 1, "S-1"))

	c, _ := sh.must(s.ApplyCoupon(t.Context(), member, sh.key(), sh.id, nil, " ten "))
	if c.Totals.Total != yuan(2000) || len(c.Coupons) != 1 || c.Coupons[0] != "TEN" {
		t.Fatalf("got %+v with %v", c.Totals, c.Coupons)
	}
	for name, number := range map[string]string{
		"entered before": "Ten", "unknown": "NOPE", "another member's": "THEIRS", "expired": "OLD", "used": "USED",
		"below its minimum": "FAR", "nothing in its category": "TEA", "in another channel": "WEB", "standing alone": "ALONE",
		"nothing": "  ", "huge": strings.Repeat("X", 1<<16),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := s.ApplyCoupon(t.Context(), member, "k-"+name, sh.id, nil, number)
			refused(t, err, retail.WhyCouponRejected, "coupon")
		})
	}
	w.categories["B"] = "tea"
	c, _ = sh.must(s.ApplyCoupon(t.Context(), member, sh.key(), sh.id, nil, "TOP"))
	if got := c.Totals.Total; got != yuan(2000-667) { // half of what B still costs: 20.00 less its share of TEN, 6.67
		t.Errorf("a coupon for a category above: %v", got)
	}
	w.categories["B"] = ""
	c, warnings := sh.must(s.SetNote(t.Context(), member, sh.key(), sh.id, nil, "x"))
	if problems(c) != "[COUPON_NOT_APPLICABLE:TOP]" || codes(warnings) != "[COUPON_DROPPED]" || c.Totals.Total != yuan(2000) {
		t.Errorf("got %s, %s, %v", problems(c), codes(warnings), c.Totals.Total)
	}
	if _, err := s.Checkout(t.Context(), member, sh.id, c.Version); err != nil {
		t.Errorf("a coupon without effect blocks nothing: %v", err)
	}
	w.walletErr = retail.Unavailable(retail.SourceERP, errors.New("down"))
	if c := sh.get(); problems(c) != "[COUPON_NOT_APPLICABLE:TEN! COUPON_NOT_APPLICABLE:TOP!]" {
		t.Errorf("got %s", problems(c))
	}
	if _, err := s.Checkout(t.Context(), member, sh.id, c.Version); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Errorf("got %v", err)
	}
	if _, _, err := s.ApplyCoupon(t.Context(), member, "down", sh.id, nil, "FAR"); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Errorf("got %v", err)
	}
	c, _ = sh.must(s.RemoveCoupon(t.Context(), member, sh.key(), sh.id, nil, "top"))
	if len(c.Coupons) != 1 {
		t.Errorf("got %v", c.Coupons)
	}
	_, _, err := s.RemoveCoupon(t.Context(), member, sh.key(), sh.id, nil, "top")
	refused(t, err, retail.WhyNotFound, "coupon")
	visitor := newShopper(t, s, guest)
	_, _, err = s.ApplyCoupon(t.Context(), guest, "k", visitor.id, nil, "TEN")
	refused(t, err, retail.WhyCouponRejected, "coupon")
}

func TestACartHasFiveCouponsAtMost(t *testing.T) {
	w, s := newWorld(t)
	sh := newShopper(t, s, member)
	sh.add(pickup("A", 1, "S-1"))
	for _, number := range []string{"1", "2", "3", "4", "5", "6"} {
		w.coupon(retail.Coupon{Number: number, Amount: yuan(1), Stackable: true})
	}
	for _, number := range []string{"1", "2", "3", "4", "5"} {
		sh.must(s.ApplyCoupon(t.Context(), member, sh.key(), sh.id, nil, number))
	}
	_, _, err := s.ApplyCoupon(t.Context(), member, sh.key(), sh.id, nil, "6")
	if r := refusal(t, err, retail.WhyLimitReached, "coupon"); *r.Limit != retail.MaxCartCoupons {
		t.Errorf("limit %d", *r.Limit)
	}
}

func TestTheFeeOfACartIsThePlans(t *testing.T) {
	_, s := newWorld(t)
	sh := newShopper(t, s, member)
	c, _ := sh.add(ship("A", 9))
	if c.Totals.Delivery != yuan(1000) {
		t.Errorf("90.00 are shipped for %v", c.Totals.Delivery)
	}
	c, _ = sh.add(ship("B", 1))
	if c.Totals.Delivery != yuan(0) {
		t.Errorf("110.00 are shipped for %v", c.Totals.Delivery)
	}
}
