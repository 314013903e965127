package retail

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"
)

// Scrubbed stands for a personal value in a log.
const Scrubbed = "[personal]"

// shapes are texts that are somebody's wherever they come from: the number of a Chinese identity card (GB 11643), a Chinese
// mobile phone, a phone of any country (E.164) or a Chinese one with an area code, an e-mail address, a JSON web token or another
// bearer token.
var shapes = []struct {
	find *regexp.Regexp
	// signs are texts one of which is in every match; none means any text.
	signs []string
	// digits is how many are in every match.
	digits int
	// whole takes only what no other letter or digit continues.
	whole bool
}{
	{signs: []string{"eyJ"}, find: regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,4}`)},
	{
		signs: []string{"earer", "EARER", "DPoP", "dpop", "DPOP"},
		find:  regexp.MustCompile(`\b(?:[Bb]earer|BEARER|DPoP|dpop|DPOP)[ +]+[A-Za-z0-9._~+/-]{8,}=*`),
	},
	{
		signs: []string{"@", "%40"},
		find:  regexp.MustCompile(`[\p{L}\p{N}._%+'-]+(?:@|%40)[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,}`),
	},
	{
		whole: true, digits: 17,
		find: regexp.MustCompile(`[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]`),
	},
	{whole: true, digits: 11, find: regexp.MustCompile(`(?:\+|%2B)?(?:86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}`)},
	{
		whole: true, digits: 7, signs: []string{"+", "%2B"},
		find: regexp.MustCompile(`(?:\+|%2B)[1-9](?:[ .()-]{0,2}[0-9]){6,14}`),
	},
	{
		whole: true, digits: 10, signs: []string{"0"},
		find: regexp.MustCompile(`\(?0[1-9][0-9]{1,2}(?:-|\)[ -]?|[ ])[1-9][0-9]{3}[ -]?[0-9]{3,4}`),
	},
}

// Scrub takes out of a text whatever is shaped like somebody's: card and phone numbers, e-mail addresses, tokens.
func Scrub(text string) string {
	digits := 0
	for i := range len(text) {
		if digit(text[i]) {
			digits++
		}
	}
	for _, s := range shapes {
		switch {
		case digits < s.digits:
		case len(s.signs) > 0 && !slices.ContainsFunc(s.signs, func(sign string) bool { return strings.Contains(text, sign) }):
		case s.whole:
			text = scrubWhole(text, s.find)
		default:
			text = s.find.ReplaceAllLiteralString(text, Scrubbed)
		}
	}
	return text
}

// scrubWhole takes out matches that are not a part of a longer number, or of an identifier in hexadecimal digits.
func scrubWhole(text string, find *regexp.Regexp) string {
	var out strings.Builder
	from := 0
	for _, m := range find.FindAllStringIndex(text, -1) {
		if partOfNumber(text, m[0], m[1]) || partOfHex(text, m[0], m[1]) {
			continue
		}
		out.WriteString(text[from:m[0]])
		out.WriteString(Scrubbed)
		from = m[1]
	}
	if from == 0 {
		return text
	}
	out.WriteString(text[from:])
	return out.String()
}

func partOfNumber(text string, from, to int) bool {
	return from > 0 && digit(text[from-1]) || to < len(text) && digit(text[to])
}

// partOfHex reports whether the match lies in a run of lower-case hexadecimal digits that nothing but punctuation bounds, and
// that has letters: a UUID or a digest.
func partOfHex(text string, from, to int) bool {
	start, end := from, to
	for start > 0 && hexDigit(text[start-1]) {
		start--
	}
	for end < len(text) && hexDigit(text[end]) {
		end++
	}
	letters := start < from || end > to
	return letters && (start == 0 || !alphanumeric(text[start-1])) && (end == len(text) || !alphanumeric(text[end]))
}

func digit(c byte) bool    { return c >= '0' && c <= '9' }
func hexDigit(c byte) bool { return digit(c) || c >= 'a' && c <= 'f' }
func alphanumeric(c byte) bool {
	return digit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}

// PanicText says what panicked without saying what a program may have put into it: the text of an error of the runtime, which
// holds no data, and the type of anything else. The stack tells the rest.
func PanicText(v any) string {
	if e, ok := v.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("a value of type %T", v)
}
