package pos

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/portico-retail/portico/retail/stock"
)

// element is one element of a request: its name and attributes, and the children that follow.
type element struct {
	name     string
	attrs    []string // name, value, name, value, …
	children []element
}

// envelope writes a request.
func envelope(messageID string, sentAt time.Time, body element) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header + `<Envelope version="1"><Header><MessageId>`)
	escape(&b, messageID)
	b.WriteString(`</MessageId><SentAt>` + sentAt.UTC().Format(time.RFC3339Nano) + `</SentAt></Header><Body>`)
	body.write(&b)
	b.WriteString(`</Body></Envelope>`)
	return b.Bytes()
}

func (e element) write(b *bytes.Buffer) {
	b.WriteString("<" + e.name)
	for i := 0; i+1 < len(e.attrs); i += 2 {
		b.WriteString(" " + e.attrs[i] + `="`)
		escape(b, e.attrs[i+1])
		b.WriteByte('"')
	}
	if len(e.children) == 0 {
		b.WriteString("/>")
		return
	}
	b.WriteByte('>')
	for _, child := range e.children {
		child.write(b)
	}
	b.WriteString("</" + e.name + ">")
}

// Characters that the wire takes.
const (
	maxReference = 128
	maxCode      = 64
	maxName      = 100
	maxNote      = 500
)

// validKey reports whether s may be a reference or a number of the wire.
func validKey(s string) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxReference
}

// validCode is validKey for what is shorter on the wire.
func validCode(s string) bool { return validKey(s) && utf8.RuneCountInString(s) <= maxCode }

// note adds a text for people, cut to limit characters; an empty one is left out.
func (e *element) note(name, text string, limit int) {
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit])
	}
	if text != "" {
		e.attrs = append(e.attrs, name, text)
	}
}

// code adds a code; one that is empty or too long to be one is left out.
func (e *element) code(name, code string) {
	if validCode(code) {
		e.attrs = append(e.attrs, name, code)
	}
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func escape(b *bytes.Buffer, s string) {
	_ = xml.EscapeText(b, []byte(s)) // a buffer does not fail
}

func stockInquiry(pairs []stock.Pair) element {
	e := element{name: "StockInquiry"}
	for _, p := range pairs {
		e.children = append(e.children, element{name: "Pair", attrs: []string{"location", p.Location, "sku", p.SKU}})
	}
	return e
}

func counterSnapshot(location string) element {
	return element{name: "CounterSnapshot", attrs: []string{"location", location}}
}

func logRead(limit int, locations []string, lanes map[string]lane) element {
	e := element{name: "LogRead", attrs: []string{"max", strconv.Itoa(limit)}}
	for _, location := range locations {
		after := strconv.FormatUint(uint64(lanes[location].Seq), 10)
		e.children = append(e.children, element{name: "Lane", attrs: []string{"location", location, "after", after}})
	}
	return e
}

func priceInquiry(skus []string) element {
	e := element{name: "PriceInquiry"}
	for _, sku := range skus {
		e.children = append(e.children, element{name: "Item", attrs: []string{"sku", sku}})
	}
	return e
}
