package demo

import (
	"fmt"
	"time"

	"github.com/portico-retail/portico/integrations/demo/erp"
)

// tradePeople are a handful of people of a trade file's retailer; the numbers are those of the built-in retailer's.
func tradePeople(r *Retailer) []Person {
	since, until := listSince, time.Date(2100, time.January, 1, 0, 0, 0, 0, time.UTC)
	at := func(n int, name string) Profile {
		return Profile{Name: name, Phone: fmt.Sprintf("+44740012%04d", n), PhoneVerified: true}
	}
	account := func(n int, p Profile) *Account {
		return &Account{ID: accountID(n), Profile: p, Addresses: []Address{{
			Recipient: p.Name, Phone: p.Phone, Country: "GB", City: "London", Line: fmt.Sprintf("%d Baker Street", n-900), Post: "NW1 6XE",
			Lat: 51.5200, Lon: -0.1570,
		}}}
	}
	card := func(n int, p Profile, pin string) *Card {
		return &Card{Number: cardNumber(n), Profile: p, PIN: pin, IssuedAt: since}
	}
	customer := func(n int, p Profile, spend Cents, cardNo string) *Customer {
		return &Customer{
			Number: customerNo(n), Profile: p, Tier: tierOf(r.Tiers, spend), Card: cardNo, YearSpend: spend,
			Points: []PastPoints{{
				Reference: fmt.Sprintf("erp-carried-%d", n), Source: "ERP", Points: int(spend / 200), At: since,
				Name: Text{"结转积分", "Points carried over"},
			}},
			Coupons: []Coupon{{
				Number: fmt.Sprintf("CP-%d-01", n), Kind: erp.CouponAmount, Amount: 20_00, MinSpend: 100_00, Stackable: true, From: since, To: until,
				Name: Text{"满100减20", "20 off 100"},
			}},
		}
	}
	anne, brian, clare, dora := at(1001, "Anne Archer"), at(1002, "Brian Brook"), at(1003, "Clare Cole"), at(2002, "Dora Dean")
	people := []Person{
		{Account: account(1001, anne), Card: card(1001, anne, "1001"), Customer: customer(1001, anne, 2_680_00, cardNumber(1001))},
		{Account: account(1002, brian)},
		{Account: account(1003, clare), Card: card(1003, clare, "")},
		{Card: card(1, Profile{Name: "Edward Ellis"}, "1234")},
		{Card: card(2, dora, "2345"), Customer: customer(2002, dora, 1_990_00, cardNumber(2))},
	}
	for _, p := range r.Products {
		if v := p.Variants[0]; v.Web > 0 {
			people[0].Account.Orders = []PastOrder{{
				Number: "W100001", PlacedAt: p.UpdatedAt, Status: "COMPLETED", Lines: []PastLine{{v.SKU, 1, v.Web}},
			}}
			break
		}
	}
	return people
}
