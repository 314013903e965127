package render

import (
	"context"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph/scalar"
)

var (
	contextType = reflect.TypeFor[context.Context]()
	timeType    = reflect.TypeFor[time.Time]()
)

// value writes one value: exactly one of list, object and leaf is set.
type value struct {
	nonNull  bool
	pointers int
	list     *value
	object   *object
	leaf     func(b []byte, v reflect.Value) ([]byte, bool)
}

// object writes the selected fields of a struct.
type object struct {
	members []member
	// memoize says that some member calls a method, so that an object met again is copied instead.
	memoize bool
}

// write appends v; false means that the generated executor has to do it.
func (p *value) write(out *output, v reflect.Value) bool {
	for range p.pointers {
		if v.IsNil() {
			return p.null(out)
		}
		v = v.Elem()
	}
	switch {
	case p.list != nil:
		if v.IsNil() && !p.nonNull {
			return p.null(out)
		}
		return p.writeList(out, v)
	case p.object != nil:
		return p.object.write(out, v)
	}
	var ok bool
	out.buf, ok = p.leaf(out.buf, v)
	return ok
}

func (p *value) null(out *output) bool {
	out.buf = append(out.buf, "null"...)
	return !p.nonNull
}

func (p *value) writeList(out *output, v reflect.Value) bool {
	out.buf = append(out.buf, '[')
	for i := range v.Len() {
		if i > 0 {
			out.buf = append(out.buf, ',')
		}
		if !p.list.write(out, v.Index(i)) || len(out.buf) > out.most {
			return false
		}
	}
	out.buf = append(out.buf, ']')
	return true
}

func (o *object) write(out *output, v reflect.Value) bool {
	if !o.memoize || !v.CanAddr() {
		return o.writeMembers(out, v)
	}
	key := memoKey{plan: o, object: v.Addr().Pointer()}
	if s, ok := out.memo[key]; ok {
		out.buf = append(out.buf, out.buf[s.from:s.to]...)
		return true
	}
	from := len(out.buf)
	if !o.writeMembers(out, v) {
		return false
	}
	out.memo[key] = span{from: from, to: len(out.buf)}
	return true
}

func (o *object) writeMembers(out *output, v reflect.Value) bool {
	for i := range o.members {
		m := &o.members[i]
		out.buf = append(out.buf, m.key...)
		switch {
		case m.constant:
		case m.scope != "" && !auth.PrincipalOf(out.ctx).Has(m.scope):
			out.buf = append(out.buf, "null"...)
		default:
			of, ok := m.of(out, v)
			if !ok || !m.value.write(out, of) {
				return false
			}
		}
	}
	out.buf = append(out.buf, '}')
	return true
}

// of reads the member from a struct; false when a method cannot be called on it.
func (m *member) of(out *output, v reflect.Value) (reflect.Value, bool) {
	if m.method < 0 {
		return v.Field(m.field), true
	}
	if !v.CanAddr() {
		return v, false
	}
	method := v.Addr().Method(m.method)
	if m.withContext {
		return method.Call(out.args)[0], true
	}
	return method.Call(nil)[0], true
}

// leafWriter picks how a scalar or enum of a Go type is written; nil when it is none that this package knows.
func leafWriter(def *ast.Definition, t reflect.Type) func([]byte, reflect.Value) ([]byte, bool) {
	switch {
	case t == timeType && def.Name == "DateTime":
		return func(b []byte, v reflect.Value) ([]byte, bool) {
			if v.CanAddr() { // spares the copy that Interface would put on the heap
				return scalar.AppendDateTime(b, *v.Addr().Interface().(*time.Time)), true
			}
			return scalar.AppendDateTime(b, v.Interface().(time.Time)), true
		}
	case t.Kind() == reflect.String && def.Name != "Int" && def.Name != "Float" && def.Name != "Boolean":
		return func(b []byte, v reflect.Value) ([]byte, bool) { return appendString(b, v.String()), true }
	case t.Kind() == reflect.Int && def.Name == "Int":
		return func(b []byte, v reflect.Value) ([]byte, bool) { return strconv.AppendInt(b, v.Int(), 10), true }
	case t.Kind() == reflect.Bool && def.Name == "Boolean":
		return func(b []byte, v reflect.Value) ([]byte, bool) { return strconv.AppendBool(b, v.Bool()), true }
	case t.Kind() == reflect.Float64 && def.Name == "Float":
		return func(b []byte, v reflect.Value) ([]byte, bool) {
			return strconv.AppendFloat(b, v.Float(), 'g', -1, 64), true
		}
	}
	return nil
}

// appendString appends a JSON string with the escapes that gqlgen uses.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '\\' && c != '"' || c >= utf8.RuneSelf {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '\t':
			b = append(b, `\t`...)
		case '\r':
			b = append(b, `\r`...)
		case '\n':
			b = append(b, `\n`...)
		case '\\', '"':
			b = append(b, '\\', c)
		default:
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&0xf])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
