package pos

import (
	"strconv"
	"strings"
)

// amount is money in hundredths, positive or negative.
type amount int64

// maxWhole bounds the digits before the point, so that sums of a receipt stay far from the end of amount.
const maxWhole = 10

// parseAmount reads a number with at most two decimals, for example "19.90" or "-3".
func parseAmount(s string) (amount, error) {
	body, negative := strings.CutPrefix(s, "-")
	whole, decimals, _ := strings.Cut(body, ".")
	if whole == "" || len(whole) > maxWhole || len(decimals) > 2 || strings.HasSuffix(s, ".") || !digits(whole+decimals) {
		return 0, badRequest("%.40q is no amount with at most two decimals", s)
	}
	n, err := strconv.ParseInt(whole+decimals+"00"[len(decimals):], 10, 64)
	if err != nil {
		return 0, badRequest("%.40q is no amount", s)
	}
	if negative {
		n = -n
	}
	return amount(n), nil
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// String writes the amount with both decimals.
func (a amount) String() string {
	sign, n := "", int64(a)
	if n < 0 {
		sign, n = "-", -n
	}
	hundredths := strconv.FormatInt(n%100, 10)
	return sign + strconv.FormatInt(n/100, 10) + "." + "0"[:2-len(hundredths)] + hundredths
}

// times is the price of so many units.
func (a amount) times(units int) amount { return a * amount(units) }
