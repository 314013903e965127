// What a request may say, and amounts as numbers.

package shop

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of texts, in bytes.
const (
	maxReference = 128
	maxName      = 1000
	maxNote      = 4000
)

// isReference accepts 1 to 128 printable ASCII characters without space.
func isReference(s string) bool {
	if s == "" || len(s) > maxReference || s == "." || s == ".." {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// isText accepts up to size bytes without control characters but line breaks.
func isText(s string, size int) bool {
	return len(s) <= size && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' })
}

// isPhone accepts an E.164 number.
func isPhone(s string) bool {
	digits, plus := strings.CutPrefix(s, "+")
	return plus && len(digits) >= 8 && len(digits) <= 15 && digits[0] != '0' && isDigits(digits)
}

func isDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// thousandths reads an amount that is not negative; ok is false for anything else.
func (m Money) thousandths() (n int64, ok bool) {
	whole, fraction, dotted := strings.Cut(m.Amount, ".")
	if len(m.Currency) != 3 || whole == "" || len(whole) > 12 || len(fraction) > 3 || (dotted && fraction == "") ||
		!isDigits(whole) || !isDigits(fraction) {
		return 0, false
	}
	for _, digit := range whole + fraction + "000"[len(fraction):] {
		n = n*10 + int64(digit-'0')
	}
	return n, true
}

// equals reports whether both are the same amount of the same currency.
func (m Money) equals(other Money) bool {
	a, ok := m.thousandths()
	b, too := other.thousandths()
	return ok && too && a == b && m.Currency == other.Currency
}

func checkLines(lines []Line) error {
	if len(lines) == 0 || len(lines) > maxLines {
		return badRequest("1 to %d lines", maxLines)
	}
	for _, l := range lines {
		if !isCode(l.SKU) || l.Quantity < 1 || l.Quantity > maxQuantity {
			return badRequest("a line needs a sku and a quantity of 1 to %d", maxQuantity)
		}
	}
	return nil
}

// remembered is how many carts, orders, payments and so on the shop knows, of each: one that runs for weeks must not fill the
// machine. Accounts stay.
const remembered = 50_000

// memory keeps the latest of what was answered to a reference; the oldest is forgotten first.
type memory[V any] struct {
	size  int
	order []string
	known map[string]V
}

func newMemory[V any](size int) *memory[V] {
	return &memory[V]{size: size, known: map[string]V{}}
}

// keep tells what it forgot to make room.
func (m *memory[V]) keep(reference string, value V) (forgotten V, full bool) {
	if _, known := m.known[reference]; !known {
		if full = len(m.order) == m.size; full {
			forgotten = m.known[m.order[0]]
			delete(m.known, m.order[0])
			m.order = m.order[1:]
		}
		m.order = append(m.order, reference)
	}
	m.known[reference] = value
	return forgotten, full
}
