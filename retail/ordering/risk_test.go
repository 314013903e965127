package ordering

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/retail"
)

// The scenario language, one command a line:
//
//	config NAME VALUE …                    of RiskConfig; amount in major units; before the first case, for all of them
//	case TITLE
//	recent N                               orders that the ledger counts within the window
//	earlier AGE TOTAL [METHOD] [failed METHOD …|cancelled|review STATUS]    an order of the shopper, placed before this one
//	order TOTAL [METHOD] [units SKU N …] [failed METHOD …]                  the order, paid by the method
//	flags none|FLAG …
func TestRisk(t *testing.T) {
	files, err := filepath.Glob("testdata/risk/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, cases, _ := strings.Cut(string(text), "\ncase ")
		for one := range strings.SplitSeq(cases, "\ncase ") {
			title, lines, _ := strings.Cut(one, "\n")
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+title, func(t *testing.T) {
				var r riskScenario
				asked := false
				for line := range strings.Lines(head + "\n" + lines) {
					words := strings.Fields(line)
					if len(words) == 0 || words[0] == "#" {
						continue
					}
					asked = asked || words[0] == "flags"
					if err := r.run(words); err != nil {
						t.Fatalf("%s%v", line, err)
					}
				}
				if !asked {
					t.Error("the case asks nothing")
				}
			})
		}
	}
}

var riskNow = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

type riskScenario struct {
	config RiskConfig
	order  *retail.Order
	known  history
}

func (r *riskScenario) run(words []string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("unreadable: %v", p)
		}
	}()
	switch what, args := words[0], words[1:]; what {
	case "config":
		for pair := range slices.Chunk(args, 2) {
			r.set(pair[0], pair[1])
		}
		return r.config.Validate()
	case "recent":
		r.known.recent = count(args[0])
	case "earlier":
		age, err := time.ParseDuration(args[0])
		if err != nil {
			return err
		}
		o := orderOf(fmt.Sprint("o-", len(r.known.earlier)), riskNow.Add(-age), args[1:])
		r.known.earlier = append(r.known.earlier, o)
	case "order":
		r.order = orderOf("o-this", riskNow, args)
		r.known.earlier = append([]*retail.Order{r.order}, r.known.earlier...) // the ledger lists it, too
	case "flags":
		got := []string{}
		for _, f := range assess(r.config, r.order, r.known) {
			got = append(got, string(f))
		}
		if len(got) == 0 {
			got = []string{"none"}
		}
		if !slices.Equal(got, args) {
			return fmt.Errorf("got %v", got)
		}
	default:
		return fmt.Errorf("no command")
	}
	return nil
}

func (r *riskScenario) set(name, value string) {
	if name == "window" {
		r.config.Window, _ = time.ParseDuration(value)
		return
	}
	if name == "amount" {
		r.config.Amount = minor(value)
		return
	}
	*map[string]*int{
		"orders": &r.config.Orders, "failures": &r.config.Failures, "units": &r.config.Units, "methods": &r.config.Methods,
		"times": &r.config.Times, "earlier": &r.config.Earlier,
	}[name] = count(value)
}

func count(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

func minor(text string) int64 {
	m, err := retail.ParseMoney(text, "CNY")
	if err != nil {
		panic(err)
	}
	return m.Minor
}

// orderOf reads an order from its total on.
func orderOf(id string, placed time.Time, words []string) *retail.Order {
	total := retail.Money{Minor: minor(words[0]), CurrencyCode: "CNY"}
	o := &retail.Order{ID: id, Status: retail.OrderPaid, PlacedAt: placed, Totals: retail.Totals{Total: total}}
	words = words[1:]
	pay := func(method string, status retail.PaymentStatus) {
		o.Payments = append(o.Payments, retail.Payment{
			Reference: fmt.Sprint(id, " p-", len(o.Payments)), Method: method, Status: status, StartedAt: placed.Add(time.Minute),
		})
	}
	if len(words) > 0 && !slices.Contains([]string{"failed", "units", "cancelled", "review"}, words[0]) {
		pay(words[0], retail.PaymentSucceeded)
		o.Saga.PaidBy, words = o.Payments[0].Reference, words[1:]
	}
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		switch word {
		case "cancelled":
			o.Status, o.Cancel = retail.OrderCancelled, &retail.Cancellation{}
		case "review":
			o.Review, words = &retail.Review{Status: retail.ReviewStatus(words[0])}, words[1:]
		case "failed":
			for len(words) > 0 && words[0] != "units" {
				pay(words[0], retail.PaymentFailed)
				words = words[1:]
			}
		case "units":
			for len(words) > 1 && words[0] != "failed" {
				o.Lines = append(o.Lines, retail.OrderLine{SKU: words[0], Quantity: count(words[1])})
				words = words[2:]
			}
		default:
			panic(word)
		}
	}
	return o
}

func TestRiskConfig(t *testing.T) {
	if err := DefaultRiskConfig().Validate(); err != nil {
		t.Error(err)
	}
	if err := (RiskConfig{}).Validate(); err != nil {
		t.Errorf("nothing is looked for: %v", err)
	}
	for name, change := range map[string]func(*RiskConfig){
		"a negative number":                     func(c *RiskConfig) { c.Units = -1 },
		"a negative amount":                     func(c *RiskConfig) { c.Amount = -1 },
		"no window":                             func(c *RiskConfig) { c.Window = 0 },
		"a window longer than phones are known": func(c *RiskConfig) { c.Window = 25 * time.Hour },
		"every order":                           func(c *RiskConfig) { c.Orders = 1 },
		"more orders than are counted":          func(c *RiskConfig) { c.Orders = maxRecent + 1 },
		"every amount":                          func(c *RiskConfig) { c.Times = 1 },
		"an amount compared with nothing":       func(c *RiskConfig) { c.Earlier = 0 },
		"more purchases than are read":          func(c *RiskConfig) { c.Earlier = maxEarlier + 1 },
	} {
		c := DefaultRiskConfig()
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestAmountsAreComparedWithoutOverflow(t *testing.T) {
	for _, c := range []struct {
		amount int64
		times  int
		most   int64
		want   bool
	}{
		{math.MaxInt64, 5, 1, true}, {math.MaxInt64, 2, math.MaxInt64, false}, {1, math.MaxInt, 0, true}, {10, 5, 2, false}, {11, 5, 2, true},
	} {
		if got := above(c.amount, c.times, c.most); got != c.want {
			t.Errorf("%d above %d times %d: %v", c.amount, c.times, c.most, got)
		}
	}
}
