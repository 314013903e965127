package render

import (
	"reflect"
	"runtime"
	"strings"
	"sync"
	"weak"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
)

// plan is a selection compiled for a Go type.
type plan struct{ value }

// planCache keeps plans as long as their document lives. A document leaves memory when the document cache drops it; the
// weak key then takes the plan along, so that plans need no bound of their own.
type planCache struct {
	mu    sync.RWMutex
	plans map[weak.Pointer[ast.Field]]*plan
}

func newPlanCache() *planCache {
	return &planCache{plans: map[weak.Pointer[ast.Field]]*plan{}}
}

func (c *planCache) get(f *ast.Field) (*plan, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	p, ok := c.plans[weak.Make(f)]
	return p, ok
}

func (c *planCache) put(f *ast.Field, p *plan) {
	key := weak.Make(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.plans[key]; !ok {
		runtime.AddCleanup(f, c.drop, key)
	}
	c.plans[key] = p
}

func (c *planCache) drop(key weak.Pointer[ast.Field]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.plans, key)
}

// plan returns the compiled selection of field, nil when it cannot be rendered here.
func (r *Renderer) plan(op *graphql.OperationContext, field graphql.CollectedField, t reflect.Type) *plan {
	// A field that is written several times has the selections of all; variables may leave some of them out.
	once := len(field.Selections) == len(field.SelectionSet)
	if once {
		if p, ok := r.plans.get(field.Field); ok {
			return p
		}
	}
	c := compiler{schema: r.schema, op: op, constant: once}
	var p *plan
	if v, ok := c.value(field.Definition.Type, field.Selections, t); ok {
		p = &plan{value: v}
	}
	if c.constant {
		r.plans.put(field.Field, p)
	}
	return p
}

// compiler compiles one selection. constant turns false when the result depends on variables or on more than the field
// itself, so that it must not be cached.
type compiler struct {
	schema   *ast.Schema
	op       *graphql.OperationContext
	constant bool
}

// value compiles what stands behind one field.
func (c *compiler) value(t *ast.Type, selections ast.SelectionSet, goType reflect.Type) (value, bool) {
	v := value{nonNull: t.NonNull}
	for goType.Kind() == reflect.Pointer {
		v.pointers++
		goType = goType.Elem()
	}
	if t.Elem != nil {
		if goType.Kind() != reflect.Slice || v.pointers > 0 {
			return v, false
		}
		elem, ok := c.value(t.Elem, selections, goType.Elem())
		v.list = &elem
		return v, ok
	}
	def := c.schema.Types[t.NamedType]
	switch {
	case def == nil:
		return v, false
	case def.Kind == ast.Object && goType.Kind() == reflect.Struct:
		o, ok := c.object(def, selections, goType)
		v.object = o
		return v, ok
	case def.IsLeafType():
		v.leaf = leafWriter(def, goType)
		return v, v.leaf != nil
	}
	return v, false
}

// object compiles the fields selected of an object type.
func (c *compiler) object(def *ast.Definition, selections ast.SelectionSet, goType reflect.Type) (*object, bool) {
	if c.constant {
		c.constant = isConstant(selections)
	}
	o := &object{}
	open := `{"`
	for _, f := range graphql.CollectFields(c.op, selections, append([]string{def.Name}, def.Interfaces...)) {
		if len(f.Deferrables) > 0 && !f.IsNonDeferrable {
			return nil, false
		}
		key := []byte(open + f.Alias + `":`)
		open = `,"`
		if f.Name == "__typename" {
			o.members = append(o.members, member{key: append(key, `"`+def.Name+`"`...), constant: true})
			continue
		}
		m, ok := c.member(f, goType)
		if !ok {
			return nil, false
		}
		m.key = key
		o.members = append(o.members, m)
		o.memoize = o.memoize || m.method >= 0 && !m.constant
	}
	return o, len(o.members) > 0
}

// member compiles one selected field.
func (c *compiler) member(f graphql.CollectedField, goType reflect.Type) (member, bool) {
	m := member{method: -1}
	if f.Definition == nil || len(f.Definition.Arguments) > 0 {
		return m, false
	}
	for _, d := range f.Definition.Directives {
		switch d.Name {
		case "public", "deprecated", "cost", "listSize", "asks":
		case "hasScope":
			arg := d.Arguments.ForName("scope")
			if arg == nil || m.scope.UnmarshalGQL(arg.Value.Raw) != nil || f.Definition.Type.NonNull {
				return m, false
			}
		default:
			return m, false
		}
	}
	t, ok := m.bind(f.Name, goType)
	if !ok {
		return m, false
	}
	m.value, ok = c.value(f.Definition.Type, f.Selections, t)
	return m, ok
}

// bind finds the method or struct field behind a GraphQL field and returns its type.
func (m *member) bind(name string, goType reflect.Type) (reflect.Type, bool) {
	ptr := reflect.PointerTo(goType)
	for i := range ptr.NumMethod() {
		method := ptr.Method(i)
		if !strings.EqualFold(method.Name, name) {
			continue
		}
		m.method = i
		m.withContext = method.Type.NumIn() == 2 && method.Type.In(1) == contextType
		plain := method.Type.NumOut() == 1 && (method.Type.NumIn() == 1 || m.withContext)
		return method.Type.Out(0), plain
	}
	for i := range goType.NumField() {
		if field := goType.Field(i); field.IsExported() && strings.EqualFold(field.Name, name) {
			m.field = i
			return field.Type, true
		}
	}
	return nil, false
}

// isConstant reports whether a selection is the same whatever the variables, that is, carries no directives.
func isConstant(selections ast.SelectionSet) bool {
	for _, s := range selections {
		switch s := s.(type) {
		case *ast.Field:
			if len(s.Directives) > 0 {
				return false
			}
		case *ast.InlineFragment:
			if len(s.Directives) > 0 || !isConstant(s.SelectionSet) {
				return false
			}
		case *ast.FragmentSpread:
			if len(s.Directives) > 0 || s.Definition == nil || !isConstant(s.Definition.SelectionSet) {
				return false
			}
		}
	}
	return true
}

// member is one selected field of an object: a constant, a method call or a struct field.
type member struct {
	key         []byte // with the separator and the colon
	constant    bool   // key holds the value too
	scope       auth.Scope
	method      int // -1: a struct field
	withContext bool
	field       int
	value       value
}
