package pos

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// A trade replay brings a log line every few microseconds, more than encoding/xml can decode. This scanner reads the
// subset of XML 1.0 that the wire uses and refuses the rest: no document type, comment, CDATA, processing instruction
// or namespace, each attribute at most once, one root and nothing after it. Whatever it accepts, encoding/xml reads the
// same way; a fuzz test holds it to that.

type token int

const (
	tokenEOF token = iota
	tokenStart
	tokenEnd
	tokenText
)

const (
	maxDepth      = 16
	maxAttributes = 32
)

type attribute struct{ name, value []byte }

// scanner cuts a document into tokens. name, attrs and text belong to the last token and alias the document.
type scanner struct {
	doc   []byte
	at    int
	open  [][]byte
	done  bool // the root has ended
	empty bool // the element just started ends at once
	name  []byte
	attrs []attribute
	text  []byte
}

// errorf repeats nothing of the document: it may be an echo of what was asked.
func (s *scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("pos: xml at byte %d: %s", s.at, fmt.Sprintf(format, args...))
}

// newScanner checks the characters and the declaration of a document.
func newScanner(doc []byte) (*scanner, error) {
	s := &scanner{doc: doc}
	if !utf8.Valid(doc) || bytes.Contains(doc, []byte("\uFFFE")) || bytes.Contains(doc, []byte("\uFFFF")) {
		return nil, s.errorf("the document is not XML in UTF-8")
	}
	for i, c := range doc {
		if c < ' ' && !isSpace(c) {
			s.at = i
			return nil, s.errorf("control character")
		}
	}
	if !bytes.HasPrefix(doc, []byte("<?xml")) {
		return s, nil
	}
	for _, declaration := range []string{
		`<?xml version="1.0" encoding="UTF-8"?>`, `<?xml version="1.0" encoding="utf-8"?>`, `<?xml version="1.0"?>`,
	} {
		if bytes.HasPrefix(doc, []byte(declaration)) {
			s.at = len(declaration)
			return s, nil
		}
	}
	return nil, s.errorf("the declaration is not that of XML 1.0 in UTF-8")
}

// next moves to the next token; text that is only white space is skipped.
func (s *scanner) next() (token, error) {
	if s.empty {
		s.empty = false
		return s.close(), nil
	}
	length := bytes.IndexByte(s.doc[s.at:], '<')
	if length < 0 {
		length = len(s.doc) - s.at
	}
	raw := s.doc[s.at : s.at+length]
	if !isBlank(raw) {
		return s.chars(raw)
	}
	s.at += length
	switch {
	case s.at == len(s.doc) && s.done:
		return tokenEOF, nil
	case s.at+1 >= len(s.doc):
		return 0, s.errorf("the document is cut off")
	case s.done:
		return 0, s.errorf("something follows the document")
	case s.doc[s.at+1] == '/':
		return s.endTag()
	}
	return s.startTag()
}

func (s *scanner) chars(raw []byte) (token, error) {
	if len(s.open) == 0 {
		return 0, s.errorf("text outside of the document")
	}
	if bytes.Contains(raw, []byte("]]>")) {
		return 0, s.errorf("]]> in text")
	}
	var err error
	if s.text, err = s.unescape(raw); err != nil {
		return 0, err
	}
	s.at += len(raw)
	return tokenText, nil
}

func (s *scanner) startTag() (token, error) {
	s.at++
	name := s.readName()
	if len(name) == 0 {
		return 0, s.errorf("not an element")
	}
	if len(s.open) == maxDepth {
		return 0, s.errorf("more than %d levels", maxDepth)
	}
	s.attrs = s.attrs[:0]
	for {
		spaced := s.skipSpace()
		switch {
		case s.at >= len(s.doc):
			return 0, s.errorf("the document is cut off")
		case s.doc[s.at] == '>':
			s.at++
		case bytes.HasPrefix(s.doc[s.at:], []byte("/>")):
			s.at += 2
			s.empty = true
		case !spaced:
			return 0, s.errorf("malformed tag")
		default:
			if err := s.readAttribute(); err != nil {
				return 0, err
			}
			continue
		}
		s.open = append(s.open, name)
		s.name = name
		return tokenStart, nil
	}
}

func (s *scanner) endTag() (token, error) {
	s.at += 2
	name := s.readName()
	s.skipSpace()
	if s.at >= len(s.doc) || s.doc[s.at] != '>' {
		return 0, s.errorf("malformed end tag")
	}
	if len(s.open) == 0 || !bytes.Equal(s.open[len(s.open)-1], name) {
		return 0, s.errorf("an end tag closes nothing")
	}
	s.at++
	return s.close(), nil
}

func (s *scanner) close() token {
	s.name = s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
	s.done = len(s.open) == 0
	return tokenEnd
}

func (s *scanner) readAttribute() error {
	name := s.readName()
	s.skipSpace()
	if len(name) == 0 || s.at >= len(s.doc) || s.doc[s.at] != '=' {
		return s.errorf("malformed attribute")
	}
	s.at++
	s.skipSpace()
	if s.at >= len(s.doc) || (s.doc[s.at] != '"' && s.doc[s.at] != '\'') {
		return s.errorf("an attribute is not quoted")
	}
	quote := s.doc[s.at]
	s.at++
	length := bytes.IndexByte(s.doc[s.at:], quote)
	if length < 0 {
		return s.errorf("the document is cut off")
	}
	value, err := s.unescape(s.doc[s.at : s.at+length])
	if err != nil {
		return err
	}
	for _, c := range s.doc[s.at : s.at+length] {
		if c == '<' || c < ' ' {
			return s.errorf("an attribute has a character that must be escaped")
		}
	}
	if _, twice := s.attr(string(name)); twice || len(s.attrs) == maxAttributes {
		return s.errorf("an attribute is there twice, or too many are")
	}
	s.at += length + 1
	s.attrs = append(s.attrs, attribute{name, value})
	return nil
}

// attr is the value of an attribute of the last start tag.
func (s *scanner) attr(name string) ([]byte, bool) {
	for i := range s.attrs {
		if string(s.attrs[i].name) == name {
			return s.attrs[i].value, true
		}
	}
	return nil, false
}

func (s *scanner) readName() []byte {
	from := s.at
	for s.at < len(s.doc) && isNameByte(s.doc[s.at], s.at == from) {
		s.at++
	}
	return s.doc[from:s.at]
}

func (s *scanner) skipSpace() (skipped bool) {
	from := s.at
	for s.at < len(s.doc) && isSpace(s.doc[s.at]) {
		s.at++
	}
	return s.at > from
}

// unescape resolves the five named entities and character references; without any it returns raw itself.
func (s *scanner) unescape(raw []byte) ([]byte, error) {
	if bytes.IndexByte(raw, '&') < 0 {
		return raw, nil
	}
	var out []byte
	for {
		before, rest, found := bytes.Cut(raw, []byte("&"))
		out = append(out, before...)
		if !found {
			return out, nil
		}
		name, after, ended := bytes.Cut(rest, []byte(";"))
		r, ok := entity(string(name))
		if !ended || !ok {
			return nil, s.errorf("unknown entity")
		}
		out = utf8.AppendRune(out, r)
		raw = after
	}
}

func entity(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "apos":
		return '\'', true
	case "quot":
		return '"', true
	}
	var n uint64
	var err error
	switch {
	case len(name) > 2 && name[:2] == "#x":
		n, err = strconv.ParseUint(name[2:], 16, 32)
	case len(name) > 1 && name[0] == '#':
		n, err = strconv.ParseUint(name[1:], 10, 32)
	default:
		return 0, false
	}
	valid := n == 0x09 || n == 0x0A || n == 0x0D || (n >= 0x20 && n < 0xD800) || (n >= 0xE000 && n < 0xFFFE) ||
		(n >= 0x10000 && n <= utf8.MaxRune)
	return rune(n), err == nil && valid
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func isBlank(b []byte) bool {
	for _, c := range b {
		if !isSpace(c) {
			return false
		}
	}
	return true
}

func isNameByte(c byte, first bool) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
		return true
	case c >= '0' && c <= '9', c == '-', c == '.':
		return !first
	}
	return false
}
