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
	Cost               int           // points of one operation; see @cost in the schema
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
		Aliases: 30, RootFields: 20, MutationFields: 5, Fields: 400, Repeats: 100, Fragments: 40, Directives: 50, Expanded: 2000, Cost: 5000,
		ValueDepth: 16, ListItems: 200,
		RequestErrors: 5, ResponseErrors: 50, Timeout: 5 * time.Second,
	}
}

// maxTimeout leaves room for reading and writing within the server's own timeouts.
const maxTimeout = 20 * time.Second

// namedLimit is one of Limits by its published name, with the most that the parser and the executor can bear.
type namedLimit struct {
	name string
	of   func(*Limits) *int
	most int
}

// namedLimits lists all that are numbers.
func namedLimits() []namedLimit {
	return []namedLimit{
		{"bodyBytes", func(l *Limits) *int { return &l.BodyBytes }, 16 << 20},
		{"responseBytes", func(l *Limits) *int { return &l.ResponseBytes }, 1 << 30},
		{"responseFields", func(l *Limits) *int { return &l.ResponseFields }, 10_000_000},
		{"tokens", func(l *Limits) *int { return &l.Tokens }, 20_000},
		{"depth", func(l *Limits) *int { return &l.Depth }, 200},
		{"introspectionDepth", func(l *Limits) *int { return &l.IntrospectionDepth }, 200},
		{"aliases", func(l *Limits) *int { return &l.Aliases }, 20_000},
		{"rootFields", func(l *Limits) *int { return &l.RootFields }, 20_000},
		{"mutationFields", func(l *Limits) *int { return &l.MutationFields }, 20_000},
		{"fields", func(l *Limits) *int { return &l.Fields }, 20_000},
		{"repeats", func(l *Limits) *int { return &l.Repeats }, 20_000},
		{"fragments", func(l *Limits) *int { return &l.Fragments }, 20_000},
		{"directives", func(l *Limits) *int { return &l.Directives }, 20_000},
		{"expanded", func(l *Limits) *int { return &l.Expanded }, 1_000_000},
		{"cost", func(l *Limits) *int { return &l.Cost }, 1_000_000_000},
		{"valueDepth", func(l *Limits) *int { return &l.ValueDepth }, 200},
		{"listItems", func(l *Limits) *int { return &l.ListItems }, 1_000_000},
		{"requestErrors", func(l *Limits) *int { return &l.RequestErrors }, 100},
		{"responseErrors", func(l *Limits) *int { return &l.ResponseErrors }, 1000},
	}
}

// LimitNames lists the published names of the limits that are numbers.
func LimitNames() []string {
	var names []string
	for _, one := range namedLimits() {
		names = append(names, one.name)
	}
	return names
}

// Get returns a limit by its published name.
func (l Limits) Get(name string) (int, bool) {
	for _, one := range namedLimits() {
		if one.name == name {
			return *one.of(&l), true
		}
	}
	return 0, false
}

// Set changes a limit by its published name; Validate tells whether the value can work.
func (l *Limits) Set(name string, value int) error {
	for _, one := range namedLimits() {
		if one.name == name {
			*one.of(l) = value
			return nil
		}
	}
	return fmt.Errorf("graph: there is no limit %q", name)
}

// Widen raises every limit to that of another.
func (l *Limits) Widen(other Limits) {
	for _, one := range namedLimits() {
		*one.of(l) = max(*one.of(l), *one.of(&other))
	}
	l.Timeout = max(l.Timeout, other.Timeout)
}

// Validate reports limits that are absent or beyond what the parser can bear.
func (l Limits) Validate() error {
	var errs []error
	for _, one := range namedLimits() {
		if n := *one.of(&l); n < 1 || n > one.most {
			errs = append(errs, fmt.Errorf("graph: limit %s is %d, not within 1 and %d", one.name, n, one.most))
		}
	}
	if l.Timeout <= 0 || l.Timeout > maxTimeout {
		errs = append(errs, fmt.Errorf("graph: limit Timeout is %v, not above 0 and up to %v", l.Timeout, maxTimeout))
	}
	return errors.Join(errs...)
}
