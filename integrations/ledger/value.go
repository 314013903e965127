package ledger

import (
	"encoding/json"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/portico-retail/portico/retail"
)

const (
	maxKey  = 255  // bytes of an id or another key
	maxList = 1000 // rows of one answer
	chunk   = 500  // values of one list of placeholders
	never   = math.MaxInt64
)

// exact is t as the ledger keeps it: microseconds, UTC.
func exact(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func micros(t time.Time) int64 { return t.UnixMicro() }

// microsOrNil is NULL for the zero time.
func microsOrNil(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := t.UnixMicro()
	return &n
}

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

func fromMicrosOrNil(n *int64) *time.Time {
	if n == nil {
		return nil
	}
	t := fromMicros(*n)
	return &t
}

// checkKeys refuses what cannot be a key: empty, too long, or no text. Pairs of name and value.
func checkKeys(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			return retail.BadInput("%s is missing", pairs[i])
		}
	}
	return checkTexts(pairs...)
}

// checkTexts is checkKeys for values that may be empty.
func checkTexts(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := pairs[i], pairs[i+1]
		switch {
		case len(value) > maxKey:
			return retail.BadInput("%s is longer than %d bytes", name, maxKey)
		case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
			return retail.BadInput("%s is no text", name)
		}
	}
	return nil
}

func checkPlaces(codes []string) error {
	if len(codes) > maxList {
		return retail.BadInput("more than %d places asked for at once", maxList)
	}
	for _, code := range codes {
		if err := checkTexts("location", code); err != nil {
			return err
		}
	}
	return nil
}

// storable tells whether a text can be looked for at all; nothing is stored under one that cannot.
func storable(value string) bool { return value != "" && checkTexts("", value) == nil }

// limited brings a limit within bounds.
func limited(limit int) int { return max(0, min(limit, maxList)) }

func encode(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", &retail.Error{Code: retail.CodeInternal, Message: "the ledger cannot write this", Err: retail.Redact("encode", err)}
	}
	return string(text), nil
}

func decode(text string, v any) error {
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return &retail.Error{Code: retail.CodeInternal, Message: "the ledger cannot read what it stored", Err: retail.Redact("decode", err)}
	}
	return nil
}
