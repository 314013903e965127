package retail

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Decimal is a decimal number in plain notation, for example "19.90".
type Decimal string

// Money is an amount in minor units (for example cents) of a currency.
type Money struct {
	Minor        int64
	CurrencyCode string // ISO 4217
}

// exponent is the number of minor-unit digits of a currency (ISO 4217).
func exponent(currency string) int {
	switch currency {
	case "JPY", "KRW", "VND", "CLP", "ISK":
		return 0
	case "KWD", "BHD", "OMR", "JOD", "TND":
		return 3
	}
	return 2
}

// Amount writes the amount in major units with all digits of the currency.
func (m Money) Amount() Decimal {
	e := exponent(m.CurrencyCode)
	neg := m.Minor < 0
	digits := strconv.FormatUint(magnitude(m.Minor), 10)
	if len(digits) <= e {
		digits = strings.Repeat("0", e-len(digits)+1) + digits
	}
	if e > 0 {
		digits = digits[:len(digits)-e] + "." + digits[len(digits)-e:]
	}
	if neg {
		digits = "-" + digits
	}
	return Decimal(digits)
}

// Whole is the amount in whole major units, rounded toward zero.
func (m Money) Whole() int64 {
	n := m.Minor
	for range exponent(m.CurrencyCode) {
		n /= 10
	}
	return n
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return uint64(-(n + 1)) + 1
	}
	return uint64(n)
}

// ParseMoney reads an amount in major units, for example "19.9" or "-3". Digits beyond the currency's are refused
// unless they are zeros, so that nothing is rounded in silence.
func ParseMoney(amount, currency string) (Money, error) {
	if len(currency) != 3 {
		return Money{}, fmt.Errorf("retail: %q is no ISO 4217 currency code", currency)
	}
	body, neg := strings.CutPrefix(amount, "-")
	whole, frac, _ := strings.Cut(body, ".")
	e := exponent(currency)
	for len(frac) > e && frac[len(frac)-1] == '0' {
		frac = frac[:len(frac)-1]
	}
	if whole == "" || len(whole) > 15 || len(frac) > e || !allDigits(whole) || !allDigits(frac) || strings.HasSuffix(amount, ".") {
		return Money{}, fmt.Errorf("retail: %.40q is no amount of %s", amount, currency)
	}
	minor, err := strconv.ParseInt(whole+frac+strings.Repeat("0", e-len(frac)), 10, 64)
	if err != nil || minor == math.MinInt64 {
		return Money{}, fmt.Errorf("retail: %.40q is no amount of %s", amount, currency)
	}
	if neg {
		minor = -minor
	}
	return Money{Minor: minor, CurrencyCode: currency}, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
