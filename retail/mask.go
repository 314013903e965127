package retail

import (
	"strings"
	"unicode"
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

// Address is what the mask leaves of an address: with ADDRESS country, province, city and district, otherwise nothing. People type
// these, so that each is left out that does not read like the name of one.
func (m Mask) Address(a Address) Address {
	if m != MaskAddress {
		return Address{}
	}
	return Address{CountryCode: a.CountryCode, Province: areaName(a.Province), City: areaName(a.City), District: areaName(a.District)}
}

const (
	// The longest names of counties in China have 15 characters, in Latin letters about twice that.
	maxHanName   = 15
	maxLatinName = 32
	// streetEnds end the names of streets, houses and rooms, and of no area down to the district.
	streetEnds = "路街道巷弄里号楼室"
)

// areaName is s if it can be the name of a province, a city or a district: short, of letters, and not of a street. Else it is
// empty.
func areaName(s string) string {
	longest, last := maxLatinName, rune(0)
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !strings.ContainsRune(" '’-.·", r) {
			return ""
		}
		if unicode.Is(unicode.Han, r) {
			longest = maxHanName
		}
		last = r
	}
	if utf8.RuneCountInString(s) > longest || strings.ContainsRune(streetEnds, last) {
		return ""
	}
	return s
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
