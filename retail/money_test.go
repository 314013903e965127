package retail_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/portico-retail/portico/retail"
)

func TestAmountsAreWrittenWithAllDigitsOfTheCurrency(t *testing.T) {
	for want, m := range map[retail.Decimal]retail.Money{
		"19.90":                 {Minor: 1990, CurrencyCode: "CNY"},
		"0.05":                  {Minor: 5, CurrencyCode: "CNY"},
		"-0.05":                 {Minor: -5, CurrencyCode: "EUR"},
		"0.00":                  {CurrencyCode: "GBP"},
		"1990":                  {Minor: 1990, CurrencyCode: "JPY"},
		"0.007":                 {Minor: 7, CurrencyCode: "KWD"},
		"-92233720368547758.08": {Minor: math.MinInt64, CurrencyCode: "CNY"},
	} {
		if got := m.Amount(); got != want {
			t.Errorf("%+v: got %s, want %s", m, got, want)
		}
	}
}

func TestParseMoneyRefusesWhatItWouldHaveToGuess(t *testing.T) {
	for name, in := range map[string][2]string{
		"nothing":                         {"", "CNY"},
		"a sign only":                     {"-", "CNY"},
		"no whole part":                   {".50", "CNY"},
		"a point without digits":          {"1.", "CNY"},
		"a digit beyond the currency's":   {"1.234", "CNY"},
		"a fraction of a yen":             {"1.5", "JPY"},
		"a thousands separator":           {"1,000", "CNY"},
		"an exponent":                     {"1e3", "CNY"},
		"a plus sign":                     {"+1", "CNY"},
		"two signs":                       {"--1", "CNY"},
		"a space":                         {" 1", "CNY"},
		"full-width digits":               {"１２", "CNY"},
		"more than any shop ever asked":   {"9999999999999999", "CNY"},
		"a currency that is none":         {"1", "RMB1"},
		"no currency":                     {"1", ""},
		"two points":                      {"1.2.3", "CNY"},
		"infinity as some programs write": {"Inf", "CNY"},
	} {
		if m, err := retail.ParseMoney(in[0], in[1]); err == nil {
			t.Errorf("%s: %q %s was read as %+v", name, in[0], in[1], m)
		}
	}
}

func TestParseMoneyTakesShortAndPaddedFractions(t *testing.T) {
	for in, want := range map[string]int64{"19.9": 1990, "19": 1900, "19.9000": 1990, "-3": -300, "007.00": 700} {
		m, err := retail.ParseMoney(in, "CNY")
		if err != nil || m.Minor != want {
			t.Errorf("%q: got %+v, %v, want %d", in, m, err, want)
		}
	}
}

func TestMoneySurvivesWritingAndReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := retail.Money{
			Minor:        rapid.Int64Range(-99_999_999_999_999, 99_999_999_999_999).Draw(t, "minor"),
			CurrencyCode: rapid.SampledFrom([]string{"CNY", "JPY", "KWD"}).Draw(t, "currency"),
		}
		got, err := retail.ParseMoney(string(m.Amount()), m.CurrencyCode)
		if err != nil || got != m {
			t.Fatalf("%+v became %s and then %+v, %v", m, m.Amount(), got, err)
		}
	})
}
