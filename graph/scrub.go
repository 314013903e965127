package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"unicode/utf8"
)

// scrubbed stands for a personal value in a log.
const scrubbed = "[personal]"

// shapes are texts that are somebody's wherever they come from: the number of a Chinese identity card (GB 11643), a Chinese
// mobile phone, an e-mail address, a JSON web token or another bearer token.
var shapes = []struct {
	find *regexp.Regexp
	// whole takes only what no other letter or digit continues.
	whole bool
}{
	{find: regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,4}`)},
	{find: regexp.MustCompile(`(?i)\b(?:bearer|dpop)[ +]+[A-Za-z0-9._~+/-]{8,}=*`)},
	{find: regexp.MustCompile(`[\p{L}\p{N}._%+'-]+(?:@|%40)[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,}`)},
	{whole: true, find: regexp.MustCompile(`[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]`)},
	{whole: true, find: regexp.MustCompile(`(?:\+|%2B)?(?:86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}`)},
}

// Scrub takes out of a text whatever is shaped like somebody's: card and phone numbers, e-mail addresses, tokens.
func Scrub(text string) string {
	if !strings.ContainsAny(text, "@%1eBbDd") { // each shape has one of these
		return text
	}
	for _, s := range shapes {
		if s.whole {
			text = scrubWhole(text, s.find)
		} else {
			text = s.find.ReplaceAllLiteralString(text, scrubbed)
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
		out.WriteString(scrubbed)
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

// ScrubHandler returns a handler that takes personal data out of what it passes on to next: the personal values of the request
// that a line belongs to, and whatever Scrub finds. Keys stay as they are: the program writes them.
func ScrubHandler(next slog.Handler) slog.Handler { return &scrubHandler{next} }

type scrubHandler struct{ next slog.Handler }

func (s *scrubHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return s.next.Enabled(ctx, level)
}

func (s *scrubHandler) Handle(ctx context.Context, r slog.Record) error {
	clean := scrubberOf(ctx)
	out := slog.NewRecord(r.Time, r.Level, clean(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(scrubAttr(clean, a, 0))
		return true
	})
	return s.next.Handle(ctx, out)
}

func (s *scrubHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = scrubAttr(Scrub, a, 0)
	}
	return &scrubHandler{s.next.WithAttrs(clean)}
}

func (s *scrubHandler) WithGroup(name string) slog.Handler {
	return &scrubHandler{s.next.WithGroup(name)}
}

// maxGroups bounds groups within groups.
const maxGroups = 8

func scrubAttr(clean func(string) string, a slog.Attr, depth int) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindBool, slog.KindDuration, slog.KindTime, slog.KindFloat64:
	case slog.KindInt64, slog.KindUint64:
		if text := v.String(); clean(text) != text {
			v = slog.StringValue(scrubbed)
		}
	case slog.KindGroup:
		if depth >= maxGroups {
			return slog.String(a.Key, scrubbed)
		}
		group := v.Group()
		list := make([]slog.Attr, len(group))
		for i, inner := range group {
			list[i] = scrubAttr(clean, inner, depth+1)
		}
		v = slog.GroupValue(list...)
	case slog.KindString:
		v = slog.StringValue(clean(v.String()))
	default:
		v = slog.StringValue(clean(logText(v.Any())))
	}
	return slog.Attr{Key: a.Key, Value: v}
}

// logText writes a value as the handlers of log/slog would. A value that cannot be written says so and no more.
func logText(v any) (text string) {
	defer func() {
		if recover() != nil {
			text = "(a value that cannot be written)"
		}
	}()
	switch v := v.(type) {
	case nil:
		return "null"
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	case []byte:
		return string(v)
	}
	if encoded, err := json.Marshal(v); err == nil {
		return string(encoded)
	}
	return fmt.Sprintf("%+v", v)
}
