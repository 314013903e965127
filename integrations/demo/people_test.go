package demo_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nyaruka/phonenumbers"

	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/demo/erp"
)

// ofTrade is the retailer of a small trade file.
func ofTrade(t *testing.T) *demo.Retailer {
	t.Helper()
	r, _, err := demo.FromTrade(strings.NewReader(`InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,WHITE LANTERN,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPhonesOfPeopleAreMobileNumbersOfTheirCountry(t *testing.T) {
	for country, r := range map[string]*demo.Retailer{"CN": demo.Builtin(1, now), "GB": ofTrade(t)} {
		for _, p := range r.People {
			var profiles []demo.Profile
			if p.Account != nil {
				profiles = append(profiles, p.Account.Profile)
			}
			if p.Card != nil {
				profiles = append(profiles, p.Card.Profile)
			}
			if p.Customer != nil {
				profiles = append(profiles, p.Customer.Profile)
			}
			if len(profiles) == 0 {
				t.Errorf("%s: a person without any record", country)
			}
			for _, each := range profiles {
				if each.Phone == "" {
					if each.PhoneVerified {
						t.Errorf("%s: %s verified no phone", country, each.Name)
					}
					continue
				}
				number, err := phonenumbers.Parse(each.Phone, "")
				if err != nil || !phonenumbers.IsValidNumberForRegion(number, country) || phonenumbers.GetNumberType(number) != phonenumbers.MOBILE ||
					phonenumbers.Format(number, phonenumbers.E164) != each.Phone {
					t.Errorf("%s: %s of %s is no mobile number in E.164", country, each.Phone, each.Name)
				}
			}
		}
	}
}

func TestBuiltinPeopleComeInEveryCombinationOfSystems(t *testing.T) {
	r := demo.Builtin(1, now)
	if len(r.People) != 60 {
		t.Errorf("%d people, want 60", len(r.People))
	}
	combinations, tiers := map[string]int{}, map[string]int{}
	accounts, cards, customers, coupons, numbers := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	unique := func(of map[string]bool, key string) {
		if of[key] || key == "" {
			t.Errorf("%q comes twice or is empty", key)
		}
		of[key] = true
	}
	for _, p := range r.People {
		combination := ""
		if p.Account != nil {
			combination += "A"
			unique(accounts, p.Account.ID)
			for _, o := range p.Account.Orders {
				unique(numbers, o.Number)
			}
		}
		if p.Card != nil {
			combination += "K"
			unique(cards, p.Card.Number)
		}
		if p.Customer != nil {
			combination += "C"
			unique(customers, p.Customer.Number)
			tiers[p.Customer.Tier]++
			for _, c := range p.Customer.Coupons {
				unique(coupons, c.Number)
			}
		}
		combinations[combination]++
	}
	for _, want := range []string{"A", "K", "AK", "KC", "AKC"} {
		if combinations[want] == 0 {
			t.Errorf("nobody has the records %s: %v", want, combinations)
		}
	}
	if combinations["AKC"] < 30 || tiers["SILVER"] == 0 || tiers["GOLD"] == 0 || tiers["PLATINUM"] == 0 {
		t.Errorf("combinations %v, tiers %v", combinations, tiers)
	}
}

// The people that manuals and other tests name.
func TestTheKnownPeopleAreWhatTheManualSays(t *testing.T) {
	for name, r := range map[string]*demo.Retailer{"built-in": demo.Builtin(1, now), "another seed": demo.Builtin(9, now), "of a trade": ofTrade(t)} {
		t.Run(name, func(t *testing.T) {
			byAccount, byCard := map[string]demo.Person{}, map[string]demo.Person{}
			for _, p := range r.People {
				if p.Account != nil {
					byAccount[p.Account.ID] = p
				}
				if p.Card != nil {
					byCard[p.Card.Number] = p
				}
			}
			gold := byAccount["a-1001"]
			if gold.Card == nil || gold.Customer == nil || gold.Customer.Tier != "GOLD" || len(gold.Customer.Coupons) == 0 || len(gold.Customer.Points) == 0 ||
				gold.Customer.Card != gold.Card.Number || len(gold.Account.Addresses) == 0 || len(gold.Account.Orders) == 0 {
				t.Errorf("a-1001: %+v", gold)
			}
			if p := byAccount["a-1002"]; p.Account == nil || p.Card != nil || p.Customer != nil {
				t.Errorf("a-1002: %+v", p)
			}
			if p := byAccount["a-1003"]; p.Account == nil || p.Card == nil || p.Customer != nil || p.Account.Phone != p.Card.Phone || !p.Card.PhoneVerified {
				t.Errorf("a-1003: %+v", p)
			}
			if p := byCard["6900000001"]; p.Card == nil || p.Account != nil || p.Customer != nil || p.Card.PIN != "1234" || p.Card.Phone != "" {
				t.Errorf("6900000001: %+v", p)
			}
			if p := byCard["6900000002"]; p.Card == nil || p.Account != nil || p.Customer == nil || p.Customer.Tier != "SILVER" || p.Customer.YearSpend != 1_990_00 {
				t.Errorf("6900000002: %+v", p)
			}
		})
	}
}

// A corner has to keep a history of the first person, or half of the members' tests would see empty lists.
func TestPastReceiptsAreInTheBooksAndLeaveTheShelvesAsTheyAre(t *testing.T) {
	r := demo.Builtin(1, now).Corner(3, 40)
	h := openHouse(t, r)
	opening := map[demo.Pair]int{}
	for _, s := range r.Stock {
		opening[demo.Pair{Location: s.Location, SKU: s.SKU}] = s.OnHand
	}
	if diff := cmp.Diff(opening, h.stockNow(t)); diff != "" {
		t.Errorf("stock (-opening +now):\n%s", diff)
	}
	if n := h.unsynced(t); n != 0 {
		t.Errorf("%d units of past receipts are not in the books", n)
	}
	told, _ := h.tills.PointsSince(0)
	receipts := 0
	for _, p := range r.People {
		if p.Card != nil {
			receipts += len(p.Card.Receipts)
		}
	}
	if receipts == 0 || len(r.People[0].Card.Receipts) == 0 || len(told) < receipts/2 || len(told) > receipts {
		t.Errorf("%d receipts, %d entries of points", receipts, len(told))
	}
	// What the ERP knows of the tills' points it knows under the tills' references, and as many.
	byReference := map[string]int{}
	for _, e := range told {
		byReference[e.Reference] = e.Points
	}
	common, missing := 0, len(told)
	for _, e := range r.ERPData().Points {
		if e.Source != "POS" {
			continue
		}
		if byReference[e.Reference] != e.Points {
			t.Errorf("%s gave %d points at the till, %d in the ERP", e.Reference, byReference[e.Reference], e.Points)
		}
		common++
		missing--
	}
	if common == 0 || missing == 0 {
		t.Errorf("%d entries are known to both, %d to the tills alone", common, missing)
	}
}

func TestEverySortOfCouponIsSeeded(t *testing.T) {
	kinds := map[string]bool{}
	for _, c := range demo.Builtin(1, now).People[0].Customer.Coupons {
		kinds[c.Kind] = true
		switch {
		case c.UsedFor != "":
			kinds["used"] = true
		case !c.To.After(now):
			kinds["expired"] = true
		case c.From.After(now):
			kinds["upcoming"] = true
		}
		kinds["one shelf"] = kinds["one shelf"] || c.Category != ""
		kinds["some channels"] = kinds["some channels"] || len(c.Channels) > 0
		kinds["alone"] = kinds["alone"] || !c.Stackable
		kinds["with others"] = kinds["with others"] || c.Stackable
	}
	for _, want := range []string{
		erp.CouponAmount, erp.CouponPercent, erp.CouponDelivery, "used", "expired", "upcoming", "one shelf", "some channels", "alone", "with others",
	} {
		if !kinds[want] {
			t.Errorf("no coupon is %q", want)
		}
	}
}

func TestAnAlwaysOpenRetailerIsACopy(t *testing.T) {
	whole := demo.Builtin(1, now)
	before := fingerprint(t, whole)
	open := whole.AlwaysOpen()
	if before != fingerprint(t, whole) {
		t.Error("the original has changed")
	}
	for _, l := range open.Locations {
		ok := len(l.Hours) == 7 && len(l.Holidays) == 0 && l.Pickup.Cutoff == "" && l.Pickup.Capacity == 0
		for _, h := range l.Hours {
			ok = ok && h.Opens == "00:00" && h.Closes == "24:00"
		}
		store := l.Kind == demo.KindStore
		ok = ok && l.Pickup.Inside == store && l.Pickup.Curbside == store && l.Pickup.Instant == (l.Kind != demo.KindWarehouse)
		if !ok {
			t.Errorf("%s: %+v, hours %v, holidays %v", l.Code, l.Pickup, l.Hours, l.Holidays)
		}
	}
}
