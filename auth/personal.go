package auth

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"

	"github.com/portico-retail/portico/retail"
)

// PersonalRules is what a decision about personal data rests on.
type PersonalRules struct {
	// Self is the caller as Actor.Key; empty for somebody without a session.
	Self func(ctx context.Context) (string, error)
	// Consented reports whether the subject consents to the purpose now.
	Consented func(ctx context.Context, subject string, purpose retail.Purpose) (bool, error)
}

// Reading is what one response reads of other people's personal data. It decides once for each person and purpose, and
// remembers what was read for the audit log. It is safe for concurrent use.
type Reading struct {
	rules PersonalRules
	self  func(ctx context.Context) (string, error) // of rules, asked once

	mu        sync.Mutex
	decisions map[about]*decision
	read      map[part]*retail.Disclosure
}

// about is whose data is read, and for which purpose; open says that nobody's consent is needed, other that nobody's would do.
type about struct {
	subject string
	purpose retail.Purpose
	open    bool
	other   bool // retail.DataOfOther: subject is for whom somebody unknown acts
}

// part is about and the root field below which it is read.
type part struct {
	root string
	about
}

// decision is how one person's data is read.
type decision struct {
	once      sync.Once
	own, full bool
	err       error
}

// NewReading returns the reading of one response.
func NewReading(rules PersonalRules) *Reading {
	r := &Reading{rules: rules, decisions: map[about]*decision{}, read: map[part]*retail.Disclosure{}}
	var once sync.Once
	var self string
	var failed error
	r.self = func(ctx context.Context) (string, error) {
		once.Do(func() { self, failed = rules.Self(ctx) })
		return self, failed
	}
	return r
}

type readingKey struct{}

// WithReading returns ctx whose personal fields are read by r. Without one they read masked.
func WithReading(ctx context.Context, r *Reading) context.Context {
	return context.WithValue(ctx, readingKey{}, r)
}

// ReadingOf returns the reading of ctx; nil when there is none.
func ReadingOf(ctx context.Context) *Reading {
	r, _ := ctx.Value(readingKey{}).(*Reading)
	return r
}

// personalScopes are the scopes to read data as it is, by purpose.
var personalScopes = map[retail.Purpose]Scope{
	retail.PurposeFulfilment: ScopePersonalFulfilment,
	retail.PurposeService:    ScopePersonalService,
	retail.PurposeMarketing:  ScopePersonalMarketing,
	retail.PurposePartner:    ScopePersonalPartner,
}

// PersonalScope is the scope to read other people's data as it is for a purpose.
func PersonalScope(p retail.Purpose) (scope Scope, known bool) {
	scope, known = personalScopes[p]
	return scope, known
}

// Personal guards personal data. On inputs it does nothing. A field reads as it is for the person whom it is about, and for
// whoever holds the scope of the purpose when the person consents to it; for all others it reads what the mask leaves. The
// person is that of the nearest object around the field that knows (retail.DataSubject); where none does, nobody is. A
// question about consent that fails fails the field. What was said to others (retail.MaskNone) they read as it is: that is
// recorded, unless it was said to everybody.
func Personal[R ~func(context.Context) (any, error)](
	ctx context.Context, obj any, next R, purpose retail.Purpose, mask retail.Mask,
) (any, error) {
	value, err := next(ctx)
	if _, input := obj.(map[string]any); input || err != nil || empty(value) {
		return value, err
	}
	reading, field := ReadingOf(ctx), graphql.GetFieldContext(ctx)
	subject, other, public := subjectOf(obj, field)
	open := mask == retail.MaskNone
	switch {
	case open && public:
		return value, nil
	case reading == nil:
		return masked(mask, value), nil
	}
	a := about{subject, purpose, open, other}
	d := reading.decide(ctx, a)
	switch {
	case d.err != nil:
		return nil, d.err
	case d.own:
		return value, nil
	}
	reading.note(field, a, d.full)
	if d.full {
		return value, nil
	}
	return masked(mask, value), nil
}

// decide decides, or waits for whoever decides the same.
func (r *Reading) decide(ctx context.Context, a about) *decision {
	r.mu.Lock()
	d := r.decisions[a]
	if d == nil {
		d = &decision{}
		r.decisions[a] = d
	}
	r.mu.Unlock()
	d.once.Do(func() { d.own, d.full, d.err = r.judge(ctx, a) })
	return d
}

func (r *Reading) judge(ctx context.Context, a about) (own, full bool, err error) {
	if a.subject == "" {
		return false, a.open, nil
	}
	if self, err := r.self(ctx); err != nil || self != "" && self == a.subject {
		return err == nil, false, err
	}
	if a.open || a.other {
		return false, a.open, nil
	}
	if scope, known := PersonalScope(a.purpose); !known || !PrincipalOf(ctx).Has(scope) {
		return false, false, nil
	}
	full, err = r.rules.Consented(ctx, a.subject, a.purpose)
	return false, full && err == nil, err
}

// note remembers that a field was read.
func (r *Reading) note(field *graphql.FieldContext, a about, full bool) {
	root, name := "", ""
	if field != nil {
		name = field.Object + "." + field.Field.Name
		for f := field; f != nil; f = f.Parent {
			if f.Field.Field != nil {
				root = f.Field.Alias
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(part{root, a}, full, name)
}

// add needs the lock.
func (r *Reading) add(p part, full bool, fields ...string) {
	d := r.read[p]
	if d == nil {
		d = &retail.Disclosure{Subject: p.subject, Purpose: p.purpose, Full: full, Open: p.open}
		if p.other {
			d.Subject = ""
		}
		r.read[p] = d
	}
	for _, f := range fields {
		if at, found := slices.BinarySearch(d.Fields, f); !found {
			d.Fields = slices.Insert(d.Fields, at, f)
		}
	}
}

// Read lists what was read until now, one entry for each person and purpose: subject, purpose, fields and whether in full.
func (r *Reading) Read() []retail.Disclosure {
	return r.list(func(string) bool { return true })
}

// ReadBelow lists what was read below one root field, by its response key.
func (r *Reading) ReadBelow(root string) []retail.Disclosure {
	return r.list(func(of string) bool { return of == root })
}

func (r *Reading) list(of func(root string) bool) []retail.Disclosure {
	r.mu.Lock()
	defer r.mu.Unlock()
	joined := map[about]*retail.Disclosure{}
	for p, d := range r.read {
		if !of(p.root) {
			continue
		}
		sum := joined[p.about]
		if sum == nil {
			sum = &retail.Disclosure{Subject: d.Subject, Purpose: d.Purpose, Full: d.Full, Open: d.Open}
			joined[p.about] = sum
		}
		sum.Fields = append(sum.Fields, d.Fields...)
	}
	list := make([]retail.Disclosure, 0, len(joined))
	for _, d := range joined {
		slices.Sort(d.Fields)
		d.Fields = slices.Compact(d.Fields)
		list = append(list, *d)
	}
	slices.SortFunc(list, func(a, b retail.Disclosure) int {
		return cmp.Or(strings.Compare(a.Subject, b.Subject), strings.Compare(string(a.Purpose), string(b.Purpose)),
			slices.Compare(a.Fields, b.Fields))
	})
	return list
}

// Repeat remembers what a stored answer discloses again, below the root field with this response key. It reports whether all
// of that may be read still: what was read in full needs the right and the consent of now.
func (r *Reading) Repeat(ctx context.Context, root string, disclosed []retail.Disclosure) (allowed bool, err error) {
	for _, was := range disclosed {
		a := about{subject: was.Subject, purpose: was.Purpose, open: was.Open}
		if was.Full {
			if d := r.decide(ctx, a); d.err != nil || !d.full && !d.own {
				return false, d.err
			}
		}
		r.mu.Lock()
		r.add(part{root, a}, was.Full, was.Fields...)
		r.mu.Unlock()
	}
	return true, nil
}

// subjectOf is the person whom the nearest object is about that knows; empty when none does. Other says that an object on the way
// is about somebody else, public that the object that knows is everybody's to read.
func subjectOf(obj any, field *graphql.FieldContext) (person string, other, public bool) {
	s, other := subject(obj)
	for ; s == nil && field != nil; field = field.Parent {
		var of bool
		s, of = subject(field.Result)
		other = other || of
	}
	if s == nil {
		return "", other, false
	}
	p, may := s.(retail.DataPublic)
	return s.Subject(), other, may && p.Public()
}

// subject looks through the pointers that the executor puts around elements of lists; nil when v does not know.
func subject(v any) (s retail.DataSubject, other bool) {
	for range 3 {
		at := reflect.ValueOf(v)
		if at.Kind() == reflect.Pointer && at.IsNil() {
			return nil, false
		}
		s, knows := v.(retail.DataSubject)
		o, may := v.(retail.DataOfOther)
		if knows || may {
			return s, may && o.OfOther()
		}
		if at.Kind() != reflect.Pointer {
			return nil, false
		}
		v = at.Elem().Interface()
	}
	return nil, false
}

// empty reports whether there is nothing to read.
func empty(value any) bool {
	if value == nil {
		return true
	}
	at := reflect.ValueOf(value)
	return at.IsZero()
}

// masked is what a mask leaves of a value. Of a type that it does not know it leaves null.
func masked(mask retail.Mask, value any) any {
	switch v := value.(type) {
	case string:
		return mask.Text(v)
	case *string:
		if s := mask.Text(*v); s != "" {
			return &s
		}
	case retail.Address:
		return mask.Address(v)
	case *retail.Address:
		if mask == retail.MaskAddress {
			a := mask.Address(*v)
			return &a
		}
	}
	return nil
}
