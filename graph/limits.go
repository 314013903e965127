package graph

import (
	"errors"
	"fmt"
	"time"
)

// Limits bounds what one request may cost. Every limit is published: a refusal carries its name in `extensions.limit`.
type Limits struct {
	BodyBytes     int // request body
	ResponseBytes int // response data, after execution
	// ResponseFields is the fields resolved for one response; those of a result that is rendered whole are not counted.
	ResponseFields int
	Tokens         int // lexical tokens of the document
	Depth          int // nested fields
	// IntrospectionDepth is Depth below `__schema` and `__type`: the standard introspection query nests 15 fields.
	IntrospectionDepth int
	Aliases            int           // fields with an alias, in the whole document
	RootFields         int           // fields of one operation's root, fragments expanded
	MutationFields     int           // fields of a mutation's root: each has effects of its own
	Fields             int           // fields written in the document
	Repeats            int           // fields that repeat a name of their selection set; validation compares them pairwise
	Fragments          int           // fragment definitions and inline fragments
	Directives         int           // directives written in the document
	Expanded           int           // fields of one operation when every fragment is expanded
	ValueDepth         int           // nested lists and objects, in literals and in variables
	ListItems          int           // entries of one list, in literals and in variables
	RequestErrors      int           // errors of one refusal
	ResponseErrors     int           // errors of one executed operation
	Timeout            time.Duration // to execute one operation
}

// DefaultLimits are the published limits.
func DefaultLimits() Limits {
	return Limits{
		BodyBytes: 128 << 10, ResponseBytes: 2 << 20, ResponseFields: 20_000, Tokens: 2000, Depth: 12, IntrospectionDepth: 16,
		Aliases: 30, RootFields: 20, MutationFields: 5, Fields: 400, Repeats: 100, Fragments: 40, Directives: 50, Expanded: 2000,
		ValueDepth: 16, ListItems: 200,
		RequestErrors: 5, ResponseErrors: 50, Timeout: 5 * time.Second,
	}
}

// maxTimeout leaves room for reading and writing within the server's own timeouts.
const maxTimeout = 20 * time.Second

// Validate reports limits that are absent or beyond what the parser can bear.
func (l Limits) Validate() error {
	var errs []error
	for _, v := range []struct {
		name string
		n    int
		max  int
	}{
		{"BodyBytes", l.BodyBytes, 16 << 20},
		{"ResponseBytes", l.ResponseBytes, 1 << 30},
		{"ResponseFields", l.ResponseFields, 10_000_000},
		{"Tokens", l.Tokens, 20_000},
		{"Depth", l.Depth, 200},
		{"IntrospectionDepth", l.IntrospectionDepth, 200},
		{"Aliases", l.Aliases, 20_000},
		{"RootFields", l.RootFields, 20_000},
		{"MutationFields", l.MutationFields, 20_000},
		{"Fields", l.Fields, 20_000},
		{"Repeats", l.Repeats, 20_000},
		{"Fragments", l.Fragments, 20_000},
		{"Directives", l.Directives, 20_000},
		{"Expanded", l.Expanded, 1_000_000},
		{"ValueDepth", l.ValueDepth, 200},
		{"ListItems", l.ListItems, 1_000_000},
		{"RequestErrors", l.RequestErrors, 100},
		{"ResponseErrors", l.ResponseErrors, 1000},
	} {
		if v.n < 1 || v.n > v.max {
			errs = append(errs, fmt.Errorf("graph: limit %s is %d, not within 1 and %d", v.name, v.n, v.max))
		}
	}
	if l.Timeout <= 0 || l.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("graph: limit Timeout is %v, not above 0 and up to %v", l.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}
