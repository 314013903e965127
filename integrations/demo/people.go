package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portico-retail/portico/integrations/demo/erp"
	"github.com/portico-retail/portico/integrations/demo/pos"
	"github.com/portico-retail/portico/integrations/demo/shop"
)

// Person is somebody who buys, with the record that each system has of them, nil where a system has none. The records need
// not agree: that is what a gateway has to live with.
type Person struct {
	Account  *Account
	Card     *Card
	Customer *Customer
}

// Profile is what a record says about a person; empty texts are unknown.
type Profile struct {
	Name          string
	Phone         string // E.164
	PhoneVerified bool
	Email         string
	UnionID       string // WeChat
	Birthday      string // YYYY-MM-DD
}

// Account is a person in the shop.
type Account struct {
	ID string
	Profile
	PreferredStore string // location code
	Addresses      []Address
	Orders         []PastOrder
}

// Address is where and to whom something goes.
type Address struct {
	Recipient, Phone                              string
	Country, Province, City, District, Line, Post string
	Lat, Lon                                      float64 // WGS-84
}

// Card is a person at the tills.
type Card struct {
	Number string
	Profile
	PIN      string // empty while no store has set one
	IssuedAt time.Time
	Receipts []PastReceipt
}

// Customer is a person in the ERP.
type Customer struct {
	Number string
	Profile
	Tier          string
	Account, Card string // of the other systems, as far as the ERP knows them
	YearSpend     Cents
	Points        []PastPoints // beside those of receipts
	Coupons       []Coupon
}

// PastLine is units of one SKU and what they cost together.
type PastLine struct {
	SKU      string
	Quantity int
	Total    Cents
}

// PastOrder is an order of the shop's own from the time before the gateway.
type PastOrder struct {
	Number   string
	PlacedAt time.Time
	Status   string
	Lines    []PastLine
}

// PastReceipt is what a till sold to a card, or took back, from the time before the gateway.
type PastReceipt struct {
	Location string
	At       time.Time
	Return   bool // of all its lines
	Booked   bool // the ERP has its points
	Lines    []PastLine
}

// PastPoints is points that no receipt gave; Source is ERP or SHOP.
type PastPoints struct {
	Reference, Source string
	Points            int
	At, Expires       time.Time // a zero Expires is never
	Name              Text
}

// Coupon is a coupon in a customer's wallet; Kind is one of erp.CouponAmount and so on. It is used when UsedFor says what for.
type Coupon struct {
	Number, Kind string
	Amount       Cents
	Percent      int
	MinSpend     Cents
	Category     string   // empty: all
	Channels     []string // empty: all
	Stackable    bool
	From, To     time.Time
	UsedFor      string
	UsedAt       time.Time
	Name         Text
}

// Tier is what a year's spend earns.
type Tier struct {
	Code string
	Name Text
	From Cents
}

func sum(lines []PastLine) (total Cents) {
	for _, l := range lines {
		total += l.Total
	}
	return total
}

// tillReceipt is a past receipt as the tills number it: in each place by their time.
type tillReceipt struct {
	PastReceipt
	card string
	seq  int
}

// signed is n, negative on a return.
func (t *tillReceipt) signed(n int) int {
	if t.Return {
		return -n
	}
	return n
}

// points is what the receipt gave, and the reference that the tills report it under.
func (t *tillReceipt) points() (n int, reference string) {
	kind := "EARN"
	if t.Return {
		kind = "RETURN"
	}
	return t.signed(int(sum(t.Lines) / 100)), fmt.Sprintf("%s-%d:%s", t.Location, t.seq, kind)
}

// tillReceipts lists the past receipts in the order in which the tills printed them.
func (r *Retailer) tillReceipts() []tillReceipt {
	var out []tillReceipt
	for _, p := range r.People {
		if p.Card == nil {
			continue
		}
		for _, each := range p.Card.Receipts {
			out = append(out, tillReceipt{PastReceipt: each, card: p.Card.Number})
		}
	}
	slices.SortStableFunc(out, func(a, b tillReceipt) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.card, b.card)) })
	last := map[string]int{}
	for i := range out {
		last[out[i].Location]++
		out[i].seq = last[out[i].Location]
	}
	return out
}

// UploadPast lets the tills report the past receipts of the retailer's people. It comes first, before any other sale: the books
// that the ERP is seeded with contain these receipts, and know some of their points by their numbers.
func (b *Backends) UploadPast(ctx context.Context, r *Retailer) error {
	var list []tillTransaction
	for i, past := range r.tillReceipts() {
		t := tillTransaction{
			location: past.Location, kind: kindSale, at: past.At.UTC().Format(time.RFC3339), card: past.card,
			reference: fmt.Sprintf("past-%d", i+1),
		}
		if past.Return {
			t.kind = kindReturn
		}
		for _, l := range past.Lines {
			t.lines = append(t.lines, tradedLine{l.SKU, past.signed(l.Quantity)})
		}
		list = append(list, t)
	}
	return b.upload(ctx, list)
}

// pastSales is what the past receipts sold of each pair.
func (r *Retailer) pastSales() map[Pair]int {
	sold := map[Pair]int{}
	for _, t := range r.tillReceipts() {
		for _, l := range t.Lines {
			sold[Pair{t.Location, l.SKU}] += t.signed(l.Quantity)
		}
	}
	return sold
}

func (r *Retailer) addPeopleToERP(data *erp.Data) {
	for _, t := range r.Tiers {
		data.Tiers = append(data.Tiers, erp.Tier{Code: t.Code, Name: t.Name.Chinese, NameEN: t.Name.English, YearSpend: t.From.String()})
	}
	holders := map[string]string{} // customer by card
	for _, p := range r.People {
		c := p.Customer
		if c == nil {
			continue
		}
		data.Customers = append(data.Customers, erp.Customer{
			Number: c.Number, Name: c.Name, Phone: c.Phone, PhoneVerified: c.PhoneVerified, Email: c.Email, UnionID: c.UnionID,
			Birthday: c.Birthday, Tier: c.Tier, Card: c.Card, Account: c.Account, YearSpend: c.YearSpend.String(),
		})
		for _, e := range c.Points {
			data.Points = append(data.Points, erp.Points{
				Customer: c.Number, Reference: e.Reference, Source: e.Source, Points: e.Points, At: e.At, Expires: e.Expires,
				Name: e.Name.Chinese, NameEN: e.Name.English,
			})
		}
		for _, coupon := range c.Coupons {
			data.Coupons = append(data.Coupons, coupon.erpCoupon(c.Number))
		}
		if c.Card != "" {
			holders[c.Card] = c.Number
		}
	}
	for _, t := range r.tillReceipts() {
		points, reference := t.points()
		if customer := holders[t.card]; customer != "" && t.Booked && points != 0 {
			data.Points = append(data.Points, erp.Points{
				Customer: customer, Reference: reference, Source: "POS", Points: points, At: t.At, Name: "门店消费", NameEN: "Purchase in store",
			})
		}
	}
}

func (c Coupon) erpCoupon(customer string) erp.Coupon {
	out := erp.Coupon{
		Number: c.Number, Customer: customer, Kind: c.Kind, Percent: c.Percent, Dept: c.Category, Channels: c.Channels,
		Stackable: c.Stackable, From: c.From, To: c.To, UsedRef: c.UsedFor, UsedAt: c.UsedAt, Name: c.Name.Chinese, NameEN: c.Name.English,
	}
	if c.Amount > 0 {
		out.Amount = c.Amount.String()
	}
	if c.MinSpend > 0 {
		out.MinSpend = c.MinSpend.String()
	}
	return out
}

func (r *Retailer) posCards() []pos.Card {
	var out []pos.Card
	for _, p := range r.People {
		if c := p.Card; c != nil {
			out = append(out, pos.Card{
				Number: c.Number, Name: c.Name, Phone: c.Phone, PhoneVerified: c.PhoneVerified, Email: c.Email, UnionID: c.UnionID,
				Birthday: c.Birthday, PIN: c.PIN, IssuedAt: c.IssuedAt,
			})
		}
	}
	return out
}

func (r *Retailer) addPeopleToShop(data *shop.Data) {
	money := func(c Cents) shop.Money { return shop.Money{Amount: c.String(), Currency: r.Currency} }
	for _, p := range r.People {
		a := p.Account
		if a == nil {
			continue
		}
		data.Accounts = append(data.Accounts, a.shopAccount())
		for _, o := range a.Orders {
			past := shop.PastOrder{Account: a.ID, Number: o.Number, PlacedAt: o.PlacedAt, Status: o.Status, Total: money(sum(o.Lines))}
			for _, l := range o.Lines {
				past.Lines = append(past.Lines, shop.OrderLine{SKU: l.SKU, Quantity: l.Quantity, Total: money(l.Total)})
			}
			data.Orders = append(data.Orders, past)
		}
	}
}

func (a *Account) shopAccount() shop.Account {
	out := shop.Account{ID: a.ID, Profile: shop.Profile(a.Profile), PreferredStore: a.PreferredStore, UpdatedAt: listSince}
	for i, d := range a.Addresses {
		out.Addresses = append(out.Addresses, shop.Address{
			ID: fmt.Sprintf("%s-%d", a.ID, i+1), Recipient: d.Recipient, Phone: d.Phone, CountryCode: d.Country, Province: d.Province,
			City: d.City, District: d.District, Line: d.Line, PostalCode: d.Post,
			Position: &shop.Position{Latitude: d.Lat, Longitude: d.Lon},
		})
	}
	return out
}
