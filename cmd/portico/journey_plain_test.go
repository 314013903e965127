package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/portico-retail/portico/retail"
)

// plain writes an answer so that people can read it and two runs agree: data, and errors if there are any, small things on one
// line, an amount or a place as such. Instants read T, saved values {{NAME}}, global ids KIND:KEY, and what is drawn by lot or derived from it *.
func (j *journey) plain(t *testing.T, answer []byte) string {
	t.Helper()
	var a struct {
		Data   json.RawMessage
		Errors []responseError
	}
	must(t, json.Unmarshal(answer, &a))
	out := a.Data
	if len(a.Errors) > 0 {
		for i := range a.Errors {
			a.Errors[i].Extensions = map[string]any{"code": a.Errors[i].Extensions["code"]}
		}
		var err error
		out, err = json.Marshal(map[string]any{"data": a.Data, "errors": a.Errors})
		must(t, err)
	}
	return j.lines(t, out, "") + "\n"
}

const lineWidth = 130

// passing is an entry of a timeline that is there only when somebody looked while staff were at it.
var passing = regexp.MustCompile(`^\{"kind":"PREPARING"`)

// lines lays JSON out with its members in order.
func (j *journey) lines(t *testing.T, raw json.RawMessage, indent string) string {
	t.Helper()
	names, parts := taken(t, raw)
	if parts == nil {
		return j.leaf(t, raw)
	}
	if len(names) == 1 && (names[0] == "amount" || names[0] == "code") {
		return j.lines(t, parts[0], indent)
	}
	opens, closes := "[", "]"
	if names != nil {
		opens, closes = "{", "}"
	}
	inner := make([]string, len(parts))
	flat := 0
	for i, part := range parts {
		if names == nil && passing.Match(part) {
			continue
		}
		inner[i] = j.lines(t, part, indent+"  ")
		if names != nil {
			inner[i] = names[i] + ": " + inner[i]
		}
		flat += len(inner[i]) + 2
		if strings.Contains(inner[i], "\n") {
			flat += lineWidth
		}
	}
	inner = slices.DeleteFunc(inner, func(s string) bool { return s == "" })
	if len(inner) == 0 || flat+len(indent) < lineWidth {
		return opens + strings.Join(inner, ", ") + closes
	}
	return opens + "\n" + indent + "  " + strings.Join(inner, "\n"+indent+"  ") + "\n" + indent + closes
}

// taken takes an object or a list apart; parts are nil for anything else, and names for a list.
func taken(t *testing.T, raw json.RawMessage) (names []string, parts []json.RawMessage) {
	t.Helper()
	raw = bytes.TrimSpace(raw)
	switch raw[0] {
	case '{':
		names = []string{}
	case '[':
	default:
		return nil, nil
	}
	parts = []json.RawMessage{}
	d := json.NewDecoder(bytes.NewReader(raw))
	_, err := d.Token()
	must(t, err)
	for d.More() {
		if names != nil {
			name, err := d.Token()
			must(t, err)
			names = append(names, fmt.Sprint(name))
		}
		var part json.RawMessage
		must(t, d.Decode(&part))
		parts = append(parts, part)
	}
	return names, parts
}

var (
	moment = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	clock  = regexp.MustCompile(`\b(20\d\d-\d\d-\d\d )?\d\d:\d\d\b`) // late in the evening the day stands before the time
	day    = regexp.MustCompile(`\b20\d\d-\d\d-\d\d\b`)
	host   = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
	lot    = regexp.MustCompile(`\b(P[2-9A-Z]{10}|[a-z]{1,2}-[a-z2-7]{20,26}|[A-Z2-7]{16,26}|l[0-9a-f]{16}|89\d{8}|[0-9a-f]{24,})\b(:[a-z]+-?\d+|/[a-z]+-?\d+)?`)
)

// leaf writes one value.
func (j *journey) leaf(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	if raw[0] != '"' {
		return string(raw)
	}
	var text string
	must(t, json.Unmarshal(raw, &text))
	names := make([]string, 0, len(j.saved))
	for name := range j.saved {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name != "key" && j.saved[name] == text {
			return "{{" + name + "}}"
		}
	}
	switch {
	case strings.HasPrefix(text, "data:image/svg+xml;base64,"):
		return `"data:image/svg+xml…"`
	case strings.HasPrefix(text, "ey") && strings.Count(text, ".") == 2:
		return `"a token"`
	}
	if kind, key, ok := retail.ParseGlobalID(text); ok {
		text = kind + ":" + key
	}
	text = moment.ReplaceAllString(text, "T")
	text = clock.ReplaceAllString(text, "hh:mm")
	text = day.ReplaceAllString(text, "D")
	text = host.ReplaceAllString(text, "http://HOST")
	text = lot.ReplaceAllString(text, "*$2")
	out, err := json.Marshal(text)
	must(t, err)
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(out))
}
