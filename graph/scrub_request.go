package graph

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/retail"
)

// spoken is what a client says in one request. What of it is personal is looked for when something is logged, which for most
// requests is never.
type spoken struct {
	schema    *ast.Schema
	doc       *ast.QueryDocument
	op        *ast.OperationDefinition
	variables map[string]any
	find      sync.Once
	replace   *strings.Replacer // nil when nothing is personal
}

type spokenKey struct{}

// withSpoken returns ctx whose log lines do not repeat the personal values of the request.
func withSpoken(
	ctx context.Context, schema *ast.Schema, doc *ast.QueryDocument, op *ast.OperationDefinition, vars map[string]any,
) context.Context {
	return context.WithValue(ctx, spokenKey{}, &spoken{schema: schema, doc: doc, op: op, variables: vars})
}

// scrubberOf cleans texts about the request of ctx.
func scrubberOf(ctx context.Context) func(string) string {
	s, _ := ctx.Value(spokenKey{}).(*spoken)
	if s == nil {
		return retail.Scrub
	}
	s.find.Do(func() { s.replace = s.replacer() })
	if s.replace == nil {
		return retail.Scrub
	}
	return func(text string) string { return retail.Scrub(s.replace.Replace(text)) }
}

const (
	maxPersonal     = 200 // values of one request
	maxPersonalText = 4 << 10
	maxPersonalWalk = 2000 // nodes looked at
)

// replacer replaces the personal values in all the ways in which they are written, the longest first.
func (s *spoken) replacer() *strings.Replacer {
	c := collector{spoken: s, left: maxPersonalWalk, fragments: map[string]bool{}}
	c.set(s.op.SelectionSet)
	if len(c.found) == 0 {
		return nil
	}
	slices.SortFunc(c.found, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(c.found))
	for _, text := range slices.Compact(c.found) {
		pairs = append(pairs, text, retail.Scrubbed)
	}
	return strings.NewReplacer(pairs...)
}

// collector gathers the values of arguments and input fields with @personal.
type collector struct {
	*spoken
	found     []string
	left      int
	fragments map[string]bool
}

func (c *collector) spent() bool {
	c.left--
	return c.left < 0 || len(c.found) >= maxPersonal
}

func (c *collector) set(set ast.SelectionSet) {
	for _, sel := range set {
		if c.spent() {
			return
		}
		switch sel := sel.(type) {
		case *ast.Field:
			c.field(sel)
		case *ast.InlineFragment:
			c.set(sel.SelectionSet)
		case *ast.FragmentSpread:
			if f := c.doc.Fragments.ForName(sel.Name); f != nil && !c.fragments[sel.Name] {
				c.fragments[sel.Name] = true
				c.set(f.SelectionSet)
			}
		}
	}
}

func (c *collector) field(f *ast.Field) {
	for _, a := range f.Arguments {
		if f.Definition == nil {
			break
		}
		def := f.Definition.Arguments.ForName(a.Name)
		v, err := a.Value.Value(c.variables)
		if def != nil && err == nil {
			c.value(def.Type, v, def.Directives.ForName("personal") != nil)
		}
	}
	c.set(f.SelectionSet)
}

// value looks at a value of a type; personal says that all of it is.
func (c *collector) value(t *ast.Type, v any, personal bool) {
	if c.spent() {
		return
	}
	switch v := v.(type) {
	case []any:
		elem := t
		if t != nil && t.Elem != nil {
			elem = t.Elem
		}
		for _, item := range v {
			c.value(elem, item, personal)
		}
	case map[string]any:
		var def *ast.Definition
		if t != nil {
			def = c.schema.Types[t.Name()]
		}
		for name, item := range v {
			var inner *ast.Type
			its := personal
			if def != nil {
				if field := def.Fields.ForName(name); field != nil {
					inner, its = field.Type, personal || field.Directives.ForName("personal") != nil
				}
			}
			c.value(inner, item, its)
		}
	case string:
		if personal {
			c.take(v)
		}
	case json.Number:
		if personal {
			c.take(v.String())
		}
	case float64:
		if personal {
			c.take(strconv.FormatFloat(v, 'f', -1, 64))
		}
	}
}

// take remembers a value and its other spellings. One of a single character would take all texts apart, and tells nothing.
func (c *collector) take(text string) {
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) < 2 || len(text) < 3 || len(text) > maxPersonalText {
		return
	}
	quoted := strconv.Quote(text)
	encoded, _ := json.Marshal(text)
	c.found = append(c.found, text, url.QueryEscape(text), url.PathEscape(text), quoted[1:len(quoted)-1])
	if len(encoded) > 2 {
		c.found = append(c.found, string(encoded[1:len(encoded)-1]))
	}
}
