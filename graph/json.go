package graph

import (
	"encoding/json"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// Failures of the JSON reader. None repeats the input.
var (
	errJSON      = errors.New("the JSON is malformed")
	errJSONKey   = errors.New("the JSON repeats a key")
	errJSONDepth = errors.New("the JSON nests too deep")
	errJSONItems = errors.New("the JSON has a list that is too long")
	errJSONType  = errors.New("the JSON has a value of the wrong type")
)

// jsonReader reads exact JSON: no repeated key, no lone surrogate, bounded nesting and lists. encoding/json takes the last of
// repeated keys, matches keys of other case and replaces broken text, all of which hide from whatever inspects requests
// on the way what is executed here. Numbers stay json.Number, so that integers are exact.
type jsonReader struct {
	data     []byte
	pos      int
	depth    int
	maxDepth int
	maxItems int // of one list
}

// peek skips white space and returns the next byte, 0 at the end.
func (r *jsonReader) peek() byte {
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// end reports whether nothing but white space is left.
func (r *jsonReader) end() bool { r.peek(); return r.pos == len(r.data) }

// value reads any value.
func (r *jsonReader) value() (any, error) {
	switch c := r.peek(); {
	case c == '{':
		return r.mapping()
	case c == '[':
		return r.list()
	case c == '"':
		return r.text()
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	case r.literal("null"):
		return nil, nil
	case r.literal("true"):
		return true, nil
	case r.literal("false"):
		return false, nil
	}
	return nil, errJSON
}

// literal consumes word when it comes next.
func (r *jsonReader) literal(word string) bool {
	if r.pos+len(word) > len(r.data) || string(r.data[r.pos:r.pos+len(word)]) != word {
		return false
	}
	r.pos += len(word)
	return true
}

// null consumes null when it comes next.
func (r *jsonReader) null() bool { return r.peek() == 'n' && r.literal("null") }

func (r *jsonReader) mapping() (map[string]any, error) {
	m := map[string]any{}
	err := r.object(func(key string) error {
		if _, seen := m[key]; seen {
			return errJSONKey
		}
		v, err := r.value()
		m[key] = v
		return err
	})
	return m, err
}

// object reads an object and calls field at the value of each key.
func (r *jsonReader) object(field func(key string) error) error {
	if r.peek() != '{' {
		return errJSONType
	}
	return r.nested('}', func() error {
		if r.peek() != '"' {
			return errJSON
		}
		key, err := r.text()
		if err != nil {
			return err
		}
		if r.peek() != ':' {
			return errJSON
		}
		r.pos++
		return field(key)
	})
}

func (r *jsonReader) list() ([]any, error) {
	items := []any{}
	err := r.nested(']', func() error {
		if len(items) == r.maxItems {
			return errJSONItems
		}
		v, err := r.value()
		items = append(items, v)
		return err
	})
	return items, err
}

// nested reads comma-separated items between the current byte and end.
func (r *jsonReader) nested(end byte, item func() error) error {
	if r.depth++; r.depth > r.maxDepth {
		return errJSONDepth
	}
	r.pos++
	for first := true; ; first = false {
		switch c := r.peek(); {
		case c == end:
			r.pos++
			r.depth--
			return nil
		case !first && c == ',':
			r.pos++
		case !first:
			return errJSON
		}
		if err := item(); err != nil {
			return err
		}
	}
}

// text reads a string.
func (r *jsonReader) text() (string, error) {
	start := r.pos + 1
	for i := start; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			r.pos = i + 1
			return string(r.data[start:i]), nil
		case c == '\\':
			return r.escaped(start, i)
		case c < ' ':
			return "", errJSON
		}
	}
	return "", errJSON
}

// escaped reads the rest of a string whose first escape is at i.
func (r *jsonReader) escaped(start, i int) (string, error) {
	out := append(make([]byte, 0, i-start+64), r.data[start:i]...)
	for i < len(r.data) {
		c := r.data[i]
		switch {
		case c == '"':
			r.pos = i + 1
			return string(out), nil
		case c < ' ':
			return "", errJSON
		case c != '\\':
			out = append(out, c)
			i++
		default:
			ch, size := unescape(r.data[i:])
			if size == 0 {
				return "", errJSON
			}
			out = utf8.AppendRune(out, ch)
			i += size
		}
	}
	return "", errJSON
}

// unescape decodes the escape sequence at the start of b; size 0 means that it is none.
func unescape(b []byte) (ch rune, size int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	ch = hexEscape(b)
	switch {
	case ch < 0:
		return 0, 0
	case !utf16.IsSurrogate(ch):
		return ch, 6
	}
	ch = utf16.DecodeRune(ch, hexEscape(b[6:]))
	if ch == utf8.RuneError {
		return 0, 0
	}
	return ch, 12
}

// hexEscape decodes \uXXXX; it returns -1 for anything else.
func hexEscape(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var ch rune
	for _, c := range b[2:6] {
		ch <<= 4
		switch {
		case c >= '0' && c <= '9':
			ch |= rune(c - '0')
		case c >= 'a' && c <= 'f':
			ch |= rune(c-'a') + 10
		case c >= 'A' && c <= 'F':
			ch |= rune(c-'A') + 10
		default:
			return -1
		}
	}
	return ch
}

// number reads a number as it is written.
func (r *jsonReader) number() (json.Number, error) {
	start := r.pos
	if r.data[r.pos] == '-' {
		r.pos++
	}
	whole := r.pos
	if n := r.digits(); n == 0 || n > 1 && r.data[whole] == '0' {
		return "", errJSON
	}
	if r.at('.') && r.digits() == 0 {
		return "", errJSON
	}
	if r.at('e') || r.at('E') {
		if !r.at('+') {
			r.at('-')
		}
		if r.digits() == 0 {
			return "", errJSON
		}
	}
	return json.Number(r.data[start:r.pos]), nil
}

func (r *jsonReader) digits() int {
	start := r.pos
	for r.pos < len(r.data) && r.data[r.pos] >= '0' && r.data[r.pos] <= '9' {
		r.pos++
	}
	return r.pos - start
}

// at consumes c when it comes next.
func (r *jsonReader) at(c byte) bool {
	if r.pos < len(r.data) && r.data[r.pos] == c {
		r.pos++
		return true
	}
	return false
}
