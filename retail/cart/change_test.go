package cart_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/cart"
)

// everyChange lists the changes, applied to a cart with lines A and B, coupon C1 and C2 in the wallet.
func everyChange(sh *shopper, c *retail.PricedCart) map[string]func(key string, version *int) (*retail.PricedCart, []retail.Warning, error) {
	ctx, s, a, id := sh.t.Context(), sh.s, sh.actor, sh.id
	first, three := c.Lines[0].ID, 3
	return map[string]func(key string, version *int) (*retail.PricedCart, []retail.Warning, error){
		"add": func(k string, v *int) (*retail.PricedCart, []retail.Warning, error) {
			return s.AddLines(ctx, a, k, id, v, []cart.LineInput{pickup("A", 1, "S-1"), ship("C", 1)})
		},
		"update": func(k string, v *int) (*retail.PricedCart, []retail.Warning, error) {
			return s.UpdateLines(ctx, a, k, id, v, []cart.LineUpdate{{LineID: first, Quantity: &three}})
		},
		"remove": func(k string, v *int) (*retail.PricedCart, []retail.Warning, error) {
			return s.RemoveLines(ctx, a, k, id, v, []string{first})
		},
		"fulfillment": func(k string, v *int) (*retail.PricedCart, []retail.Warning, error) {
			return s.SetFulfillment(ctx, a, k, id, v, retail.MethodPickup, "S-2")
		},
		"address": func(k string, v *int) (*retail.PricedCart, []retail.Warning, error) {
			return s.SetAddress(ctx, a, k, id, v, cart.AddressInput{Typed: typed(31.2)})
		},
		"coupon": func(k string, v *int) (*retail.PricedCart, []retail.Warning, error) {
			return s.ApplyCoupon(ctx, a, k, id, v, "c2")
		},
		"uncoupon": func(k string, v *int) (*retail.PricedCart, []retail.Warning, error) {
			return s.RemoveCoupon(ctx, a, k, id, v, "C1")
		},
		"note": func(k string, v *int) (*retail.PricedCart, []retail.Warning, error) {
			return s.SetNote(ctx, a, k, id, v, "Bitte klingeln\n谢谢")
		},
	}
}

func filled(t testing.TB) (*world, *shopper, *retail.PricedCart) {
	t.Helper()
	w, s := newWorld(t)
	w.coupon(retail.Coupon{Number: "C1", Amount: yuan(100), Stackable: true})
	w.coupon(retail.Coupon{Number: "C2", Amount: yuan(200), Stackable: true})
	sh := newShopper(t, s, member)
	sh.add(pickup("A", 1, "S-1"), pickup("B", 1, "S-1"))
	c, _ := sh.must(s.ApplyCoupon(t.Context(), member, sh.key(), sh.id, nil, "C1"))
	return w, sh, c
}

func TestConfigurationsThatMakeNoSense(t *testing.T) {
	if err := cart.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range []cart.Config{{}, {Currency: "CNY"}, {Currency: "yuan", QuantityCap: 1}} {
		if c.Validate() == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

func TestARepeatedChangeHasTheSameAnswerAndOneEffect(t *testing.T) {
	_, sh, c := filled(t)
	for name := range everyChange(sh, c) {
		for _, versioned := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w, sh, c := filled(t)
				do := everyChange(sh, c)[name]
				var version *int
				if versioned {
					version = &c.Version
				}
				saves := w.saves
				first, _ := sh.must(do("key", version))
				again, _ := sh.must(do("key", version))
				if diff := cmp.Diff(first.Cart, again.Cart); diff != "" || w.saves != saves+1 {
					t.Fatalf("%d saves; %s", w.saves-saves, diff)
				}
				sh.must(sh.s.SetNote(t.Context(), member, "in between", sh.id, nil, "x"))
				later, _ := sh.must(do("key", version))
				if diff := cmp.Diff(first.Cart, later.Cart); diff != "" || w.saves != saves+2 {
					t.Fatalf("after another change: %d saves; %s", w.saves-saves, diff)
				}
			})
		}
	}
}

func TestALostReplyIsFoundAgain(t *testing.T) {
	_, sh, c := filled(t)
	for name := range everyChange(sh, c) {
		t.Run(name, func(t *testing.T) {
			w, sh, c := filled(t)
			do := everyChange(sh, c)[name]
			saves, lost := w.saves, 0
			w.fault = func(string) (error, error) {
				if lost++; lost == 1 {
					return nil, retail.Unavailable(retail.SourceShop, errors.New("connection closed"))
				}
				return nil, nil
			}
			if _, _, err := do("key", &c.Version); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
				t.Fatalf("got %v", err)
			}
			sh.must(do("key", &c.Version))
			if w.saves != saves+1 {
				t.Fatalf("%d effects", w.saves-saves)
			}
		})
	}
}

func TestTheVersionThatTheShopperSaw(t *testing.T) {
	_, sh, c := filled(t)
	for name := range everyChange(sh, c) {
		t.Run(name, func(t *testing.T) {
			w, sh, c := filled(t)
			do := everyChange(sh, c)[name]
			sh.must(sh.s.SetNote(t.Context(), member, "other", sh.id, nil, "x"))
			saves := w.saves
			_, _, err := do("key", &c.Version)
			if r := refusal(t, err, retail.WhyVersionConflict, "version"); r.Version == nil || *r.Version != c.Version+1 || w.saves != saves {
				t.Fatalf("got %+v, %d saves", r, w.saves-saves)
			}
		})
	}
}

func TestAChangeThatMeetsAnother(t *testing.T) {
	w, sh, c := filled(t)
	met := false
	w.before = func(mine *retail.Cart) {
		if met || mine.Note != "mine" {
			return
		}
		met = true
		if _, _, err := sh.s.AddLines(t.Context(), member, "theirs", sh.id, nil, []cart.LineInput{ship("C", 1)}); err != nil {
			t.Error(err)
		}
	}
	got, _ := sh.must(sh.s.SetNote(t.Context(), member, "mine", sh.id, nil, "mine"))
	if got.Note != "mine" || len(got.Lines) != 3 {
		t.Fatalf("without a version both count: %q, %s", got.Note, lines(got))
	}
	met = false
	_, _, err := sh.s.SetNote(t.Context(), member, "mine again", sh.id, &c.Version, "mine")
	refused(t, err, retail.WhyVersionConflict, "version")
}

func TestAChangeGivesUpWhenTheCartNeverRests(t *testing.T) {
	w, sh, _ := filled(t)
	tries := 0
	w.before = func(*retail.Cart) {
		tries++
		w.mu.Lock()
		defer w.mu.Unlock()
		c := w.carts[sh.id]
		c.Version++
		w.carts[sh.id] = c
	}
	_, _, err := sh.s.SetNote(t.Context(), member, "k", sh.id, nil, "x")
	refused(t, err, retail.WhyVersionConflict, "version")
	if tries != 5 {
		t.Fatalf("%d tries", tries)
	}
}

func TestSomebodyElsesCartLooksLikeNone(t *testing.T) {
	_, sh, c := filled(t)
	for _, actor := range []retail.Actor{other, guest, {Role: "associate", Subject: "m-1"}, {}} {
		thief := &shopper{t: t, s: sh.s, actor: actor, id: sh.id}
		for name, do := range everyChange(thief, c) {
			_, _, err := do("key", nil)
			if !retail.Refused(err, retail.WhyNotFound) {
				t.Errorf("%s %s: got %v", actor.Key(), name, err)
			}
		}
		_, err := sh.s.Get(t.Context(), actor, sh.id)
		refused(t, err, retail.WhyNotFound, "cartId")
		_, err = sh.s.Checkout(t.Context(), actor, sh.id, c.Version)
		refused(t, err, retail.WhyNotFound, "cartId")
		_, err = sh.s.Current(t.Context(), actor)
		refused(t, err, retail.WhyNotFound, "")
	}
	_, err := sh.s.Get(t.Context(), member, "c-99")
	refused(t, err, retail.WhyNotFound, "cartId")
}

func TestAnOrderedCartIsClosed(t *testing.T) {
	_, sh, c := filled(t)
	for range 2 {
		if err := sh.s.Close(t.Context(), sh.id, "o-1"); err != nil {
			t.Fatal(err)
		}
	}
	for name, do := range everyChange(sh, c) {
		if _, _, err := do("key", nil); !retail.Refused(err, retail.WhyNotAllowed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err := sh.s.Checkout(t.Context(), member, sh.id, c.Version)
	refused(t, err, retail.WhyNotAllowed, "cartId")
	if got := sh.get(); got.OrderID != "o-1" || len(got.Problems) != 0 || got.Totals.Total.Minor == 0 {
		t.Errorf("it can still be read: %+v", got)
	}
	_, err = sh.s.Current(t.Context(), member)
	refused(t, err, retail.WhyNotFound, "")
	next, _, err := sh.s.Create(t.Context(), member, "next")
	if err != nil || next.ID == sh.id {
		t.Errorf("the next cart is a new one: %v %v", next, err)
	}
}

func TestKeysThatCannotBe(t *testing.T) {
	_, sh, _ := filled(t)
	_, _, err := sh.s.SetNote(t.Context(), member, "", sh.id, nil, "x")
	refused(t, err, retail.WhyInvalid, "idempotencyKey")
	_, _, err = sh.s.Create(t.Context(), member, "")
	refused(t, err, retail.WhyInvalid, "idempotencyKey")
	_, _, err = sh.s.Create(t.Context(), retail.Actor{}, "k")
	refused(t, err, retail.WhyNotAllowed, "")
}

// TestAnyOrderOfChanges compares with a model: units by SKU, method and place.
func TestAnyOrderOfChanges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, s := newWorld(t)
		sh := newShopper(t, s, member)
		model := map[cart.LineInput]int{}
		flaky := rapid.Bool().Draw(rt, "flaky")
		w.fault = func(string) (error, error) {
			lost := retail.Unavailable(retail.SourceShop, errors.New("lost"))
			switch rapid.IntRange(0, 5).Draw(rt, "fault") {
			case 4:
				if flaky {
					return lost, nil
				}
			case 5:
				if flaky {
					return nil, lost
				}
			}
			return nil, nil
		}
		persist := func(do func() error) {
			for range 50 {
				err := do()
				if err == nil {
					return
				}
				var fault *retail.Error
				if !errors.As(err, &fault) || !fault.Retryable {
					rt.Fatal(err)
				}
			}
			rt.Skip("the shop failed fifty times")
		}
		for range rapid.IntRange(1, 8).Draw(rt, "changes") {
			line := rapid.SampledFrom([]cart.LineInput{pickup("A", 0, "S-1"), pickup("A", 0, "S-2"), ship("A", 0), ship("B", 0)}).Draw(rt, "line")
			units := rapid.IntRange(1, 400).Draw(rt, "units")
			key := sh.key()
			current := sh.get()
			at := -1
			for i, l := range current.Lines {
				if l.SKU == line.SKU && l.Method == line.Method && l.LocationCode == line.LocationRef {
					at = i
				}
			}
			switch rapid.SampledFrom([]string{"add", "set", "remove"}).Draw(rt, "change") {
			case "add":
				in := line
				in.Quantity = units
				persist(func() error {
					_, _, err := s.AddLines(t.Context(), member, key, sh.id, nil, []cart.LineInput{in})
					return err
				})
				model[line] = min(model[line]+units, retail.MaxLineQuantity)
			case "set":
				if at < 0 {
					continue
				}
				persist(func() error {
					_, _, err := s.UpdateLines(t.Context(), member, key, sh.id, &current.Version,
						[]cart.LineUpdate{{LineID: current.Lines[at].ID, Quantity: &units}})
					return err
				})
				model[line] = units
			case "remove":
				if at < 0 {
					continue
				}
				persist(func() error {
					_, _, err := s.RemoveLines(t.Context(), member, key, sh.id, &current.Version, []string{current.Lines[at].ID})
					return err
				})
				delete(model, line)
			}
		}
		got := map[cart.LineInput]int{}
		for _, l := range sh.get().Lines {
			got[cart.LineInput{SKU: l.SKU, Method: l.Method, LocationRef: l.LocationCode}] += l.Quantity
		}
		if diff := cmp.Diff(model, got); diff != "" {
			rt.Fatal(diff)
		}
	})
}
