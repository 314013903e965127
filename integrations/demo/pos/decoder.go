// A strict reader on top of encoding/xml: the caller names every element and attribute that may come.

package pos

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"unicode/utf8"
)

type decoder struct{ xml *xml.Decoder }

// element is one step of a sequence. read must read up to the element's end.
type element struct {
	name string
	read func() error
}

// next returns the next start or end tag, or io.EOF; nothing but space may come before it.
func (d *decoder) next() (xml.Token, error) {
	for {
		token, err := d.xml.Token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if t.Name.Space != "" {
				return nil, badRequest("namespaces are not in use")
			}
			return t, nil
		case xml.EndElement:
			return t, nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, badRequest("unexpected text")
			}
		case xml.Directive:
			return nil, badRequest("a document type is not allowed")
		}
	}
}

// document reads the root element and makes sure that nothing follows it.
func (d *decoder) document(root string, read func(xml.StartElement) error) error {
	token, err := d.next()
	if err != nil {
		return err
	}
	if el, ok := token.(xml.StartElement); !ok || el.Name.Local != root {
		return badRequest("the root must be %s", root)
	} else if err := read(el); err != nil {
		return err
	}
	if _, err := d.next(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = badRequest("something follows the root")
		}
		return err
	}
	return nil
}

// children hands every child of the open element to read, up to the element's end.
func (d *decoder) children(read func(xml.StartElement) error) error {
	for {
		token, err := d.next()
		if err != nil {
			return err
		}
		el, ok := token.(xml.StartElement)
		if !ok {
			return nil
		}
		if err := read(el); err != nil {
			return err
		}
	}
}

// sequence reads exactly these children, in this order and without attributes.
func (d *decoder) sequence(steps ...element) error {
	at := 0
	err := d.children(func(el xml.StartElement) error {
		if at == len(steps) || el.Name.Local != steps[at].name {
			return badRequest("unexpected element %.40q", el.Name.Local)
		}
		if _, err := attributes(el); err != nil {
			return err
		}
		at++
		return steps[at-1].read()
	})
	if err == nil && at < len(steps) {
		err = badRequest("element %s is missing", steps[at].name)
	}
	return err
}

// list reads up to limit children, all of one name.
func (d *decoder) list(name string, limit int, read func(xml.StartElement) error) error {
	count := 0
	return d.children(func(el xml.StartElement) error {
		if el.Name.Local != name {
			return badRequest("unexpected element %.40q", el.Name.Local)
		}
		if count++; count > limit {
			return badRequest("more than %d elements %s", limit, name)
		}
		return read(el)
	})
}

// leaf reads an element that has attributes only.
func (d *decoder) leaf(el xml.StartElement, names ...string) (values [4]string, err error) {
	if values, err = attributes(el, names...); err != nil {
		return values, err
	}
	return values, d.children(func(el xml.StartElement) error {
		return badRequest("unexpected element %.40q", el.Name.Local)
	})
}

// text reads an element that holds a short text and no elements.
func (d *decoder) text() (string, error) {
	var out []byte
	for {
		token, err := d.xml.Token()
		if err != nil {
			return "", err
		}
		switch t := token.(type) {
		case xml.EndElement:
			return string(out), nil
		case xml.CharData:
			if out = append(out, t...); len(out) > maxText {
				return "", badRequest("a text is longer than %d bytes", maxText)
			}
		case xml.StartElement:
			return "", badRequest("unexpected element %.40q", t.Name.Local)
		}
	}
}

// attributes returns the values of exactly these attributes, which must be neither empty nor longer than maxText.
func attributes(el xml.StartElement, names ...string) (values [4]string, err error) {
	if len(el.Attr) > len(names) {
		return values, badRequest("%s has attributes that are not known", el.Name.Local)
	}
	for i, name := range names {
		for _, a := range el.Attr {
			if a.Name.Local == name && a.Name.Space == "" {
				values[i] = a.Value
			}
		}
		if values[i] == "" || utf8.RuneCountInString(values[i]) > maxText {
			return values, badRequest("%s needs %s, of at most %d characters", el.Name.Local, name, maxText)
		}
	}
	return values, nil
}
