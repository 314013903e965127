package catalog

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// fold makes texts comparable: full-width forms become half-width, capitals small, Latin letters lose their accents, and
// apostrophes go, so that "women's" and "womens" are one word.
func fold(s string) string {
	if isPlain(s) {
		return s
	}
	decomposed := norm.NFKD.String(s)
	out := make([]byte, 0, len(decomposed))
	for _, r := range decomposed {
		if (r >= 0x0300 && r <= 0x036F) || r == '\'' || r == '‘' || r == '’' {
			continue
		}
		out = utf8.AppendRune(out, unicode.ToLower(r))
	}
	return norm.NFC.String(string(out))
}

// isPlain reports whether folding would change nothing: small ASCII without apostrophes only.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c == '\'' || (c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

// run is a piece of folded text: a word of letters and digits, or characters of Han script, which knows no spaces.
type run struct {
	text string
	han  bool
}

// appendRuns splits folded text at everything that is no letter or digit, and between Han and other scripts.
func appendRuns(to []run, folded string) []run {
	start, inHan := -1, false
	for i, r := range folded {
		word := unicode.IsLetter(r) || unicode.IsDigit(r)
		han := word && unicode.Is(unicode.Han, r)
		if start >= 0 && (!word || han != inHan) {
			to = append(to, run{folded[start:i], inHan})
			start = -1
		}
		if word && start < 0 {
			start, inHan = i, han
		}
	}
	if start >= 0 {
		to = append(to, run{folded[start:], inHan})
	}
	return to
}

// hanTerms visits the terms of a run of Han characters: each character and each pair of neighbours.
func hanTerms(text string, visit func(term string)) {
	previous := -1
	for i, r := range text {
		end := i + utf8.RuneLen(r)
		visit(text[i:end])
		if previous >= 0 {
			visit(text[previous:end])
		}
		previous = i
	}
}
