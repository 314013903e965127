package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxTokenBytes bounds a token before anything of it is read.
	maxTokenBytes = 8 << 10
	// maxMembers bounds the names of an object together with those of the objects around it, maxEscaped those of all objects
	// that are written with escapes, maxDepth how deep they lie.
	maxMembers = 64
	maxEscaped = 16
	maxDepth   = 8
	// maxText bounds names that a token carries: subject, key id, token id, client id.
	maxText = 200
)

var (
	errMalformed = errors.New("the token is malformed")
	errRepeated  = errors.New("the token repeats a name")
	errTooLong   = errors.New("the token is too long")
)

// signed is a compact JWS (RFC 7515 section 7.1) taken apart; nothing of it is verified.
type signed struct {
	header, claims object
	text           string // what is signed
	signature      []byte
}

// readSigned takes a token apart. What it allocates does not grow with what it refuses.
func readSigned(token string) (s signed, err error) {
	if len(token) > maxTokenBytes {
		return s, errTooLong
	}
	header, rest, _ := strings.Cut(token, ".")
	claims, signature, ok := strings.Cut(rest, ".")
	if !ok || header == "" || claims == "" || signature == "" || strings.Contains(signature, ".") {
		return s, errMalformed
	}
	if s.header, err = readSegment(header); err != nil {
		return s, err
	}
	if s.claims, err = readSegment(claims); err != nil {
		return s, err
	}
	s.text = token[:len(header)+1+len(claims)]
	s.signature, err = decodeSegment(signature)
	return s, err
}

func readSegment(text string) (object, error) {
	raw, err := decodeSegment(text)
	if err != nil {
		return nil, err
	}
	return readObject(raw)
}

// decodeSegment reads base64url in its one form: without padding, line breaks or stray bits.
func decodeSegment(text string) ([]byte, error) {
	for i := range len(text) {
		if c := text[i]; c == '\n' || c == '\r' { // which the decoder would skip
			return nil, errMalformed
		}
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errMalformed
	}
	return raw, nil
}

// object is a JSON object whose names are unique, also in whatever it contains: readers disagree about which one of two counts.
// Names are compared exactly, with their case.
type object []member

// member has its name and its value as JSON.
type member struct{ name, value []byte }

// readObject reads one JSON object.
func readObject(raw []byte) (object, error) {
	if !utf8.Valid(raw) || !shallow(raw) || !json.Valid(raw) {
		return nil, errMalformed
	}
	w := walker{raw: raw, names: make([][]byte, 0, maxMembers)}
	w.space()
	if w.raw[w.at] != '{' {
		return nil, errMalformed
	}
	o := make(object, 0, maxMembers)
	err := w.object(&o)
	return o, err
}

// shallow reports whether nothing lies deeper than maxDepth, before anybody keeps a stack for it.
func shallow(raw []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}

func (o object) get(name string) (value []byte, present bool) {
	for _, m := range o {
		if string(m.name) == name {
			return m.value, true
		}
	}
	return nil, false
}

// has reports whether one of the names is there.
func (o object) has(names ...string) bool {
	for _, name := range names {
		if _, present := o.get(name); present {
			return true
		}
	}
	return false
}

// text is a member that is a string; ok is false when it is missing or something else.
func (o object) text(name string) (text string, ok bool) {
	value, present := o.get(name)
	if !present {
		return "", false
	}
	return textOf(value)
}

// name is text of 1 to 200 bytes without control characters.
func (o object) name(name string) (text string, ok bool) {
	text, ok = o.text(name)
	return text, ok && validName(text)
}

func validName(text string) bool {
	return text != "" && len(text) <= maxText && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// instant is a NumericDate in whole seconds since 1970. Fractions, exponents and signs are refused: no issuer needs them.
func (o object) instant(name string) (seconds int64, ok bool) {
	value, _ := o.get(name)
	if len(value) == 0 || len(value) > 11 {
		return 0, false
	}
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		seconds = 10*seconds + int64(c-'0')
	}
	return seconds, true
}

// object is a member that is an object.
func (o object) object(name string) (object, bool) {
	value, _ := o.get(name)
	if len(value) == 0 || value[0] != '{' {
		return nil, false
	}
	inner, err := readObject(value)
	return inner, err == nil
}

func textOf(value []byte) (text string, ok bool) {
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	return text, json.Unmarshal(value, &text) == nil
}

// maxTexts bounds a list of texts.
const maxTexts = 64

// textsOf reads a list of texts.
func textsOf(value []byte) (list []string, ok bool) {
	if len(value) == 0 || value[0] != '[' || bytes.Count(value, []byte{','}) >= maxTexts {
		return nil, false
	}
	var raw []json.RawMessage // a list of texts would take null for an empty one
	if json.Unmarshal(value, &raw) != nil {
		return nil, false
	}
	for _, one := range raw {
		text, ok := textOf(one)
		if !ok {
			return nil, false
		}
		list = append(list, text)
	}
	return list, true
}

// walker goes through JSON that is known to be valid and shallow.
type walker struct {
	raw     []byte
	at      int
	names   [][]byte // of the objects that are open, the innermost last
	escaped int      // names that were written with escapes
}

func (w *walker) space() {
	for w.at < len(w.raw) {
		switch w.raw[w.at] {
		case ' ', '\t', '\n', '\r':
			w.at++
		default:
			return
		}
	}
}

// object goes past an object and keeps its members when keep is not nil.
func (w *walker) object(keep *object) error {
	open := len(w.names)
	w.at++
	for w.space(); w.raw[w.at] != '}'; w.space() {
		if w.raw[w.at] == ',' {
			w.at++
			w.space()
		}
		name, err := w.name(open)
		if err != nil {
			return err
		}
		w.space()
		w.at++ // the colon
		value, err := w.value()
		if err != nil {
			return err
		}
		if keep != nil {
			*keep = append(*keep, member{name, value})
		}
	}
	w.at++
	w.names = w.names[:open]
	return nil
}

// name goes past a name that is new in the object whose names begin at open.
func (w *walker) name(open int) ([]byte, error) {
	quoted := w.text()
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		text, ok := textOf(quoted)
		if w.escaped++; !ok || w.escaped > maxEscaped {
			return nil, errMalformed
		}
		name = []byte(text)
	}
	if len(w.names) == maxMembers {
		return nil, errMalformed
	}
	for _, other := range w.names[open:] {
		if bytes.Equal(name, other) {
			return nil, errRepeated
		}
	}
	w.names = append(w.names, name)
	return name, nil
}

func (w *walker) value() ([]byte, error) {
	w.space()
	start := w.at
	var err error
	switch w.raw[w.at] {
	case '{':
		err = w.object(nil)
	case '[':
		err = w.array()
	case '"':
		w.text()
	default:
		for w.at < len(w.raw) && bytes.IndexByte([]byte(",]} \t\r\n"), w.raw[w.at]) < 0 {
			w.at++
		}
	}
	return w.raw[start:w.at], err
}

func (w *walker) array() error {
	w.at++
	for w.space(); w.raw[w.at] != ']'; w.space() {
		if w.raw[w.at] == ',' {
			w.at++
		}
		if _, err := w.value(); err != nil {
			return err
		}
	}
	w.at++
	return nil
}

// text goes past a string and returns it with its quotes.
func (w *walker) text() []byte {
	start := w.at
	for w.at++; w.raw[w.at] != '"'; w.at++ {
		if w.raw[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
	return w.raw[start:w.at]
}
