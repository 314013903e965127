package retail

import (
	"strings"
	"unicode/utf8"
)

// hidden stands for what a mask leaves out, however long it was.
const hidden = "****"

// Text is what the mask leaves of a text. Nothing is left of an empty one, and the length of what is left out never shows:
//
//	NAME     张小明        张*               the first character, which is the family name of a Chinese name; of "张" it is "*"
//	PHONE    +8613812348000  138****8000     the first three and the last four digits, without the Chinese country code
//	EMAIL    anna@a.example  a***@a.example  the first character and the domain
//	CODE     9900000012      ****0012        the last four characters
//
// A value too short for its mask to hide at least four characters (of a name or an e-mail address one) is left out whole.
// HIDDEN and ADDRESS leave nothing of a text, and so does a mask that nobody knows.
func (m Mask) Text(s string) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, ""))
	if s == "" {
		return ""
	}
	switch m {
	case MaskName:
		return first(s) + "*"
	case MaskPhone:
		return maskPhone(s)
	case MaskEmail:
		return maskEmail(s)
	case MaskCode:
		return lastFour(s)
	}
	return ""
}

// Address is what the mask leaves of an address: with ADDRESS country, province, city and district, otherwise nothing.
func (m Mask) Address(a Address) Address {
	if m != MaskAddress {
		return Address{}
	}
	a.Line, a.PostalCode = "", ""
	return a
}

// first is the first character of a text that has more than one, else empty.
func first(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	if size == len(s) {
		return ""
	}
	return s[:size]
}

func lastFour(s string) string {
	runes := []rune(s)
	if len(runes) < 8 {
		return hidden
	}
	return hidden + string(runes[len(runes)-4:])
}

func maskPhone(s string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
	if strings.HasPrefix(s, "+86") {
		digits = digits[2:]
	}
	switch n := len(digits); {
	case n >= 11:
		return digits[:3] + hidden + digits[n-4:]
	case n >= 8:
		return hidden + digits[n-4:]
	}
	return hidden
}

func maskEmail(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || at == len(s)-1 {
		return "***"
	}
	return first(s[:at]) + "***" + s[at:]
}
