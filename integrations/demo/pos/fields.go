package pos

import (
	"encoding/xml"
	"slices"
	"time"
	"unicode/utf8"
)

// Characters of what the requests of a purchase carry.
const (
	maxReference = 128
	maxName      = 100
	maxNote      = 500
)

// field is one attribute: where its value goes and how long it may be.
type field struct {
	name     string
	to       *string
	limit    int
	optional bool
}

func must(name string, to *string) field { return field{name, to, maxText, false} }

func may(name string, to *string, limit int) field { return field{name, to, limit, true} }

func referenceField(to *string) field { return field{"reference", to, maxReference, false} }

// read takes the attributes of an element; one that is not among the fields, or comes twice, is refused.
func read(el xml.StartElement, fields ...field) error {
	seen := make([]bool, len(fields))
	for _, a := range el.Attr {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == a.Name.Local && a.Name.Space == "" })
		if i < 0 || seen[i] {
			return badRequest("%s has attributes that are not known", el.Name.Local)
		}
		if utf8.RuneCountInString(a.Value) > fields[i].limit {
			return badRequest("%s of %s is longer than %d characters", a.Name.Local, el.Name.Local, fields[i].limit)
		}
		seen[i], *fields[i].to = true, a.Value
	}
	for _, f := range fields {
		if *f.to == "" && !f.optional {
			return badRequest("%s needs %s", el.Name.Local, f.name)
		}
	}
	return nil
}

// readLeaf is read for an element that has attributes only.
func (d *decoder) readLeaf(el xml.StartElement, fields ...field) error {
	if err := read(el, fields...); err != nil {
		return err
	}
	_, err := d.leaf(xml.StartElement{Name: el.Name})
	return err
}

// take removes an attribute that may be missing from an element and returns its value.
func take(el *xml.StartElement, name string) (string, error) {
	i := slices.IndexFunc(el.Attr, func(a xml.Attr) bool { return a.Name.Local == name && a.Name.Space == "" })
	if i < 0 {
		return "", nil
	}
	value := el.Attr[i].Value
	el.Attr = slices.Delete(el.Attr, i, i+1)
	if utf8.RuneCountInString(value) > maxText {
		return "", badRequest("%s of %s is longer than %d characters", name, el.Name.Local, maxText)
	}
	return value, nil
}

func takeAmount(el *xml.StartElement, name string) (*amount, error) {
	text, err := take(el, name)
	if err != nil || text == "" {
		return nil, err
	}
	a, err := parseAmount(text)
	return &a, err
}

// optionalTime reads an instant that may be empty.
func optionalTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return parseTime(s)
}
