package pricing_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/pricing"
)

// The scenario language, one command a line:
//
//	case TITLE
//	tier TIER | delivery AMOUNT
//	line ID SKU QUANTITY at AMOUNT [list AMOUNT] [promo AMOUNT [ended]] [tier TIER AMOUNT] … [in CATEGORY]
//	line ID SKU QUANTITY unknown
//	coupon NUMBER off AMOUNT | percent N | delivery [min AMOUNT] [for CATEGORY] [channel C] [from T] [until T] [used] [stackable]
//	total AMOUNT | subtotal AMOUNT | open
//	discounts ID AMOUNT …              each line's share of the coupons
//	discount KIND NUMBER AMOUNT        an entry of the totals
//	unit ID AMOUNT REASON list AMOUNT
//	applied NUMBER … | rejected NUMBER REASON …
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScenarios(t, file) })
	}
}

func runScenarios(t *testing.T, file string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var titles []string
	var blocks [][]string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case word == "case":
			titles, blocks = append(titles, rest), append(blocks, nil)
		default:
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], line)
		}
	}
	for i, title := range titles {
		t.Run(title, func(t *testing.T) {
			s := &scenario{in: pricing.Input{Currency: "CNY", Channel: retail.ChannelApp, Now: clock}}
			for _, line := range blocks[i] {
				if err := s.run(strings.Fields(line)); err != nil {
					t.Fatalf("%s\n  %v", line, err)
				}
			}
			if s.asserted == 0 {
				t.Fatal("nothing was asserted")
			}
		})
	}
}

var clock = time.Date(2026, 11, 23, 10, 0, 0, 0, time.FixedZone("Shanghai", 8*3600))

type scenario struct {
	in       pricing.Input
	asserted int
}

func (s *scenario) run(w []string) error {
	switch w[0] {
	case "tier":
		s.in.Tier = retail.MemberTier(w[1])
	case "delivery":
		s.in.Delivery = money(w[1])
	case "line":
		s.in.Lines = append(s.in.Lines, parseLine(w[1:]))
	case "coupon":
		s.in.Coupons = append(s.in.Coupons, parseCoupon(w[1:]))
	default:
		s.asserted++
		return s.check(w)
	}
	return nil
}

func (s *scenario) check(w []string) error {
	r := pricing.Price(s.in)
	line := func(id string) *retail.LinePrice {
		return r.Lines[slices.IndexFunc(s.in.Lines, func(l pricing.Line) bool { return l.ID == id })]
	}
	var got, want string
	switch w[0] {
	case "open":
		got, want = fmt.Sprint(r.Complete, r.Totals, r.Applied, r.Rejected), fmt.Sprint(false, retail.Totals{}, []string{}, []string{})
	case "total":
		got, want = string(r.Totals.Total.Amount()), w[1]
	case "subtotal":
		got, want = string(r.Totals.Subtotal.Amount()), w[1]
	case "discounts":
		want = strings.Join(w[1:], " ")
		var parts []string
		for i := 1; i < len(w); i += 2 {
			parts = append(parts, w[i], string(line(w[i]).Discount.Amount()))
		}
		got = strings.Join(parts, " ")
	case "discount":
		want = strings.Join(w[1:], " ")
		for _, d := range r.Totals.Discounts {
			got += fmt.Sprint(d.Kind, " ", d.Code, " ", d.Amount.Amount())
		}
	case "unit":
		l := line(w[1])
		want, got = strings.Join(w[2:], " "), fmt.Sprint(l.Unit.Amount(), " ", l.Reason, " list ", l.List.Amount())
	case "applied":
		got, want = strings.Join(r.Applied, " "), strings.Join(w[1:], " ")
	case "rejected":
		var parts []string
		for _, x := range r.Rejected {
			parts = append(parts, x.Number, string(x.Reason))
		}
		got, want = strings.Join(parts, " "), strings.Join(w[1:], " ")
	default:
		return fmt.Errorf("no such command")
	}
	if got != want {
		return fmt.Errorf("got  %s\n  want %s", got, want)
	}
	return nil
}

// money reads yuan, or another currency named behind the amount.
func money(s string) retail.Money {
	amount := strings.TrimRight(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	currency := s[len(amount):]
	if currency == "" {
		currency = "CNY"
	}
	m, err := retail.ParseMoney(amount, currency)
	if err != nil {
		panic(err)
	}
	return m
}

func parseLine(w []string) pricing.Line {
	quantity, err := strconv.Atoi(w[2])
	if err != nil {
		panic(err)
	}
	l := pricing.Line{ID: w[0], SKU: w[1], Quantity: quantity}
	if w[3] == "unknown" {
		return l
	}
	l.Price = &retail.Price{SKU: w[1], Current: money(w[4]), List: money(w[4])}
	for i := 5; i < len(w); i++ {
		switch w[i] {
		case "list":
			l.Price.List = money(w[i+1])
			i++
		case "promo":
			l.Price.Promotion = &retail.Promotion{Price: money(w[i+1]), StartsAt: clock.Add(-time.Hour)}
			i++
		case "ended":
			l.Price.Promotion.EndsAt = &clock
		case "tier":
			l.Price.Tiers = append(l.Price.Tiers, retail.TierPrice{Tier: retail.MemberTier(w[i+1]), Price: money(w[i+2])})
			i += 2
		case "in":
			l.Categories = append(l.Categories, w[i+1])
			i++
		default:
			panic("line has no " + w[i])
		}
	}
	return l
}

func parseCoupon(w []string) retail.Coupon {
	c := retail.Coupon{Number: w[0], Status: retail.CouponUsable}
	for i := 1; i < len(w); i++ {
		arg := ""
		if i+1 < len(w) {
			arg = w[i+1]
		}
		switch w[i] {
		case "delivery":
			c.Kind = retail.CouponDelivery
			continue
		case "used":
			c.Status = retail.CouponUsed
			continue
		case "stackable":
			c.Stackable = true
			continue
		case "off":
			c.Kind, c.Amount = retail.CouponAmountOff, money(arg)
		case "percent":
			c.Kind = retail.CouponPercentOff
			c.Percent, _ = strconv.Atoi(arg)
		case "min":
			c.MinSpend = money(arg)
		case "for":
			c.Category = arg
		case "channel":
			c.Channels = append(c.Channels, retail.Channel(arg))
		case "from":
			c.ValidFrom = instant(arg)
		case "until":
			c.ValidUntil = instant(arg)
		default:
			panic("coupon has no " + w[i])
		}
		i++
	}
	return c
}

func instant(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02T15:04", s, clock.Location())
	if err != nil {
		panic(err)
	}
	return t
}
