package catalog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
)

// TestPriceScenarios answers the questions in testdata/price; regular.txt describes the form.
func TestPriceScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/price/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if n := runScenario(t, string(text)); n == 0 {
				t.Error("the scenario asks nothing")
			}
		})
	}
}

// runScenario returns the number of questions.
func runScenario(t *testing.T, text string) (asked int) {
	t.Helper()
	var conditions catalog.SystemPrice
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") || strings.HasPrefix(line, " ") {
			continue
		}
		switch words[0] {
		case "list":
			conditions.Base = mustMoney(t, words[1], words[2])
		case "price", "promo":
			conditions.Offers = append(conditions.Offers, mustOffer(t, words, conditions.Base.CurrencyCode))
		case "quote":
			asked++
			var want []string
			for _, answer := range lines[i+1:] {
				if !strings.HasPrefix(answer, " ") {
					break
				}
				want = append(want, strings.TrimSpace(answer))
			}
			got := describe(catalog.QuoteAt(conditions, retail.Channel(words[1]), mustDay(t, words[2])))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("line %d: %s: %s", i+1, line, diff)
			}
		default:
			t.Fatalf("line %d: %q is neither a condition nor a question", i+1, line)
		}
	}
	return asked
}

func mustMoney(t testing.TB, amount, currency string) retail.Money {
	t.Helper()
	m, err := retail.ParseMoney(amount, currency)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustDay(t testing.TB, day string) time.Time {
	t.Helper()
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func mustOffer(t testing.TB, words []string, currency string) catalog.Offer {
	t.Helper()
	if slices.Contains(words, "CNY") {
		currency, words = "CNY", slices.Delete(slices.Clone(words), 4, 5)
	}
	star := func(word string) string { return strings.TrimPrefix(word, "*") }
	o := catalog.Offer{
		Promotion: words[0] == "promo",
		Channel:   retail.Channel(star(words[1])), Tier: retail.MemberTier(star(words[2])),
		Price: mustMoney(t, words[3], currency), StartsAt: mustDay(t, words[4]),
		Titles: retail.Text{Chinese: strings.Join(words[6:], " ")},
	}
	if words[5] != "-" {
		end := mustDay(t, words[5])
		o.EndsAt = &end
	}
	return o
}

// describe writes a quote as the scenarios do.
func describe(q catalog.Quote) []string {
	lines := []string{"current " + string(q.Current.Amount()), "list " + string(q.List.Amount())}
	if p := q.Promotion; p != nil {
		until := "-"
		if p.EndsAt != nil {
			until = p.EndsAt.Format(time.DateOnly)
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("promotion %s %s %s %s",
			p.Price.Amount(), p.StartsAt.Format(time.DateOnly), until, p.Titles.Chinese)))
	}
	for _, tier := range q.Tiers {
		lines = append(lines, string(tier.Tier)+" "+string(tier.Price.Amount()))
	}
	return lines
}
