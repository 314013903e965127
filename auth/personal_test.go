package auth_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// of is a chain of objects from the root to the field that is read, as the executor leaves it.
func of(ctx context.Context, root, field string, objects ...any) context.Context {
	enter := func(object, name string, result any) {
		ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{
			Object: object, Field: graphql.CollectedField{Field: &ast.Field{Name: name, Alias: name}}, Result: result,
		})
	}
	for i, o := range objects {
		if name := root; i == 0 {
			enter("Query", name, o)
		} else {
			enter("Order", "part", o)
		}
	}
	enter("Contact", field, nil)
	return ctx
}

func says(value any) graphql.Resolver {
	return func(context.Context) (any, error) { return value, nil }
}

// readers is who asks, and who consents to what.
type readers struct {
	self      string
	consents  map[string]retail.Purpose
	asked     atomic.Int64
	questions error
}

func (w *readers) rules() auth.PersonalRules {
	return auth.PersonalRules{
		Self: func(context.Context) (string, error) { return w.self, nil },
		Consented: func(_ context.Context, subject string, p retail.Purpose) (bool, error) {
			w.asked.Add(1)
			return w.consents[subject] == p, w.questions
		},
	}
}

func staff(ctx context.Context, scopes ...auth.Scope) context.Context {
	return auth.WithPrincipal(ctx, auth.Principal{Role: auth.RoleAssociate, Subject: "a-7", Scopes: scopes})
}

func TestWhoReadsAPersonalFieldAsItIs(t *testing.T) {
	mine, other := &retail.Order{Owner: "member:m-1"}, &retail.Order{Owner: "guest:g-2"}
	for name, c := range map[string]struct {
		objects []any
		scopes  []auth.Scope
		consent retail.Purpose // of guest:g-2
		want    string
		own     bool
	}{
		"the person":                        {objects: []any{mine}, want: "+8613812348000", own: true},
		"the person, in a list of pointers": {objects: []any{&mine, &retail.Contact{}}, want: "+8613812348000", own: true},
		"somebody without the scope":        {objects: []any{other}, consent: retail.PurposeFulfilment, want: "138****8000"},
		"the scope without consent":         {objects: []any{other}, scopes: []auth.Scope{auth.ScopePersonalFulfilment}, want: "138****8000"},
		"the scope of another purpose":      {objects: []any{other}, scopes: []auth.Scope{auth.ScopePersonalService}, consent: retail.PurposeFulfilment, want: "138****8000"},
		"consent to another purpose":        {objects: []any{other}, scopes: []auth.Scope{auth.ScopePersonalFulfilment}, consent: retail.PurposeMarketing, want: "138****8000"},
		"the scope and the consent":         {objects: []any{other}, scopes: []auth.Scope{auth.ScopePersonalFulfilment}, consent: retail.PurposeFulfilment, want: "+8613812348000"},
		"the nearest object decides":        {objects: []any{mine, other}, want: "138****8000"},
		"an object that is nobody's":        {objects: []any{&retail.Location{}}, scopes: auth.Scopes(), consent: retail.PurposeFulfilment, want: "138****8000"},
		"nothing around it":                 {scopes: auth.Scopes(), want: "138****8000"},
		"an owner who has no name":          {objects: []any{&retail.Order{}}, scopes: auth.Scopes(), want: "138****8000"},
	} {
		w := &readers{self: "member:m-1", consents: map[string]retail.Purpose{"guest:g-2": c.consent}}
		reading := auth.NewReading(w.rules())
		ctx := of(auth.WithReading(staff(t.Context(), c.scopes...), reading), "order", "phone", c.objects...)
		got, err := auth.Personal(ctx, &retail.Contact{}, says("+8613812348000"), retail.PurposeFulfilment, retail.MaskPhone)
		if got != c.want || err != nil {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
		if rows := reading.Read(); (len(rows) == 0) != c.own || len(rows) == 1 && (rows[0].Full != (c.want[0] == '+') || rows[0].Fields[0] != "Contact.phone") {
			t.Errorf("%s: recorded %+v", name, rows)
		}
	}
}

func TestNobodyWithoutASessionReadsAsNobody(t *testing.T) {
	reading := auth.NewReading((&readers{self: ""}).rules())
	ctx := of(auth.WithReading(t.Context(), reading), "order", "name", &retail.Order{Owner: ""})
	if got, _ := auth.Personal(ctx, nil, says("张小明"), retail.PurposeService, retail.MaskName); got != "张*" {
		t.Errorf("got %v", got)
	}
}

func TestWhatIsLeftOfEachType(t *testing.T) {
	text, empty, day, point := "secret", "", retail.Date("1990-01-01"), &retail.GeoPoint{Latitude: 1}
	full := retail.Address{CountryCode: "CN", City: "上海", Line: "南京西路 1 号"}
	for name, c := range map[string]struct {
		value any
		mask  retail.Mask
		want  any
	}{
		"a text":                     {"secret", retail.MaskHidden, ""},
		"an optional text":           {&text, retail.MaskHidden, nil},
		"an empty optional text":     {&empty, retail.MaskName, nil},
		"nothing":                    {nil, retail.MaskName, nil},
		"a day":                      {&day, retail.MaskHidden, nil},
		"a point":                    {point, retail.MaskHidden, nil},
		"an address":                 {full, retail.MaskAddress, retail.Address{CountryCode: "CN", City: "上海"}},
		"an address that is hidden":  {full, retail.MaskHidden, retail.Address{}},
		"a type that nobody thought": {42, retail.MaskCode, nil},
	} {
		got, err := auth.Personal(t.Context(), &retail.Order{}, says(c.value), retail.PurposeService, c.mask)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %s, %v", name, diff, err)
		}
	}
	if full.Line == "" {
		t.Error("the address itself was changed")
	}
}

func TestInputsPassThrough(t *testing.T) {
	got, err := auth.Personal(t.Context(), map[string]any{"phone": "x"}, says("+8613812348000"), retail.PurposeService, retail.MaskPhone)
	if got != "+8613812348000" || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	fails := errors.New("no")
	if _, err := auth.Personal(t.Context(), nil, func(context.Context) (any, error) { return "x", fails }, retail.PurposeService, retail.MaskName); !errors.Is(err, fails) {
		t.Errorf("got %v", err)
	}
}

func TestOneDecisionForAPersonAndPurposeInAResponse(t *testing.T) {
	w := &readers{consents: map[string]retail.Purpose{"guest:g-2": retail.PurposeFulfilment}}
	reading := auth.NewReading(w.rules())
	ctx := auth.WithReading(staff(t.Context(), auth.ScopePersonalFulfilment), reading)
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			name := []string{"name", "phone"}[i%2]
			at := of(ctx, "storeOrders", name, &retail.Order{Owner: "guest:g-2"})
			_, _ = auth.Personal(at, nil, says("x y"), retail.PurposeFulfilment, retail.MaskName)
		})
	}
	group.Wait()
	want := []retail.Disclosure{{
		Subject: "guest:g-2", Purpose: retail.PurposeFulfilment, Fields: []string{"Contact.name", "Contact.phone"}, Full: true,
	}}
	if diff := cmp.Diff(want, reading.Read()); diff != "" || w.asked.Load() != 1 {
		t.Errorf("asked %d times: %s", w.asked.Load(), diff)
	}
	if rows := reading.ReadBelow("another"); len(rows) != 0 {
		t.Errorf("below another field: %v", rows)
	}
}

func TestAQuestionAboutConsentThatFailsTellsNothing(t *testing.T) {
	down := retail.Unavailable("", nil)
	w := &readers{consents: map[string]retail.Purpose{"guest:g-2": retail.PurposeFulfilment}, questions: down}
	reading := auth.NewReading(w.rules())
	ctx := of(auth.WithReading(staff(t.Context(), auth.ScopePersonalFulfilment), reading), "order", "name", &retail.Order{Owner: "guest:g-2"})
	got, err := auth.Personal(ctx, nil, says("张小明"), retail.PurposeFulfilment, retail.MaskName)
	if got != nil || !errors.Is(err, down) || len(reading.Read()) != 0 {
		t.Errorf("got %v, %v, %v", got, err, reading.Read())
	}
}

func TestARepetitionNeedsTheConsentOfNow(t *testing.T) {
	was := []retail.Disclosure{
		{Subject: "guest:g-2", Purpose: retail.PurposeFulfilment, Fields: []string{"Contact.name"}, Full: true},
		{Subject: "guest:g-3", Purpose: retail.PurposeFulfilment, Fields: []string{"Contact.name"}},
	}
	for name, c := range map[string]struct {
		w       *readers
		scopes  []auth.Scope
		allowed bool
		fails   bool
	}{
		"it still holds":         {&readers{consents: map[string]retail.Purpose{"guest:g-2": retail.PurposeFulfilment}}, auth.Scopes(), true, false},
		"it was taken back":      {&readers{}, auth.Scopes(), false, false},
		"the scope is gone":      {&readers{consents: map[string]retail.Purpose{"guest:g-2": retail.PurposeFulfilment}}, nil, false, false},
		"nobody can say":         {&readers{questions: errors.New("down")}, auth.Scopes(), false, true},
		"the person reads it":    {&readers{self: "guest:g-2"}, nil, true, false},
		"another person than it": {&readers{self: "guest:g-9"}, nil, false, false},
	} {
		reading := auth.NewReading(c.w.rules())
		allowed, err := reading.Repeat(staff(t.Context(), c.scopes...), "pickupVerify", was)
		if allowed != c.allowed || (err != nil) != c.fails {
			t.Errorf("%s: got %v, %v", name, allowed, err)
		}
		if allowed {
			if diff := cmp.Diff(was, reading.Read()); diff != "" {
				t.Errorf("%s: recorded %s", name, diff)
			}
		}
	}
}

func TestFieldsBelowAnEventKnowWhomItIsAbout(t *testing.T) {
	ctx, about := auth.WithEventSubject(t.Context())
	if about.Subject() != "" {
		t.Error("it is about somebody before anybody was told")
	}
	auth.TellEventSubject(ctx, "guest:g-2")
	auth.TellEventSubject(t.Context(), "guest:g-3") // outside a subscription it is nobody's business
	reading := auth.NewReading((&readers{self: "guest:g-2"}).rules())
	at := of(auth.WithReading(ctx, reading), "orderChanged", "name", about, &retail.Contact{})
	if got, _ := auth.Personal(at, nil, says("张小明"), retail.PurposeFulfilment, retail.MaskName); got != "张小明" {
		t.Errorf("the person reads %v", got)
	}
}

// Whoever collects or rides for the shopper is somebody else: what the shopper consents to is not theirs.
func TestNobodyConsentsForWhoeverActsForThem(t *testing.T) {
	order := &retail.Order{Owner: "guest:g-2"}
	for name, c := range map[string]struct {
		object any
		self   string
		want   string
		of     string // whose reading is recorded; "-" for none
	}{
		"the shopper":               {&retail.Contact{}, "", "+8613812348000", "guest:g-2"},
		"whom the shopper sends":    {&retail.Contact{Other: true}, "", "138****8000", ""},
		"a courier":                 {&retail.CourierState{}, "", "138****8000", ""},
		"a courier, to the shopper": {&retail.CourierState{}, "guest:g-2", "+8613812348000", "-"},
	} {
		w := &readers{self: c.self, consents: map[string]retail.Purpose{"guest:g-2": retail.PurposeFulfilment}}
		reading := auth.NewReading(w.rules())
		ctx := of(auth.WithReading(staff(t.Context(), auth.ScopePersonalFulfilment), reading), "order", "phone", order, c.object)
		got, err := auth.Personal(ctx, c.object, says("+8613812348000"), retail.PurposeFulfilment, retail.MaskPhone)
		if got != c.want || err != nil {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
		if rows := reading.Read(); (len(rows) == 0) != (c.of == "-") || len(rows) == 1 && rows[0].Subject != c.of {
			t.Errorf("%s: recorded %+v", name, rows)
		}
	}
}

// said is what somebody said to others.
type said struct {
	by     string
	public bool
}

func (s *said) Subject() string { return s.by }
func (s *said) Public() bool    { return s.public }

func TestWhatWasSaidToOthersIsReadAndRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		about    any
		recorded bool
	}{
		"by somebody":              {&said{"guest:g-2", false}, true},
		"by somebody to everybody": {&said{"guest:g-2", true}, false},
		"by the reader":            {&said{"member:m-1", false}, false},
		"by nobody that is known":  {&said{}, true},
	} {
		w := &readers{self: "member:m-1"}
		reading := auth.NewReading(w.rules())
		ctx := of(auth.WithReading(staff(t.Context()), reading), "feedback", "text", c.about)
		got, err := auth.Personal(ctx, c.about, says("my cousin"), retail.PurposeService, retail.MaskNone)
		if got != "my cousin" || err != nil || w.asked.Load() > 0 {
			t.Errorf("%s: got %v, %v, %d questions", name, got, err, w.asked.Load())
		}
		rows := reading.Read()
		if (len(rows) == 1) != c.recorded || c.recorded && (!rows[0].Full || !rows[0].Open) {
			t.Errorf("%s: recorded %+v", name, rows)
		}
		again := auth.NewReading(w.rules())
		if allowed, err := again.Repeat(ctx, "feedback", rows); !allowed || err != nil || len(again.Read()) != len(rows) {
			t.Errorf("%s, repeated: %v, %v, recorded %+v", name, allowed, err, again.Read())
		}
	}
	// Of one person in one response, what was said and what is masked are two readings.
	reading := auth.NewReading((&readers{self: "member:m-1"}).rules())
	ctx := of(auth.WithReading(staff(t.Context()), reading), "feedback", "text", &said{"guest:g-2", false})
	_, _ = auth.Personal(ctx, &said{"guest:g-2", false}, says("my cousin"), retail.PurposeService, retail.MaskNone)
	_, _ = auth.Personal(ctx, &said{"guest:g-2", false}, says("13812348000"), retail.PurposeService, retail.MaskPhone)
	if rows := reading.Read(); len(rows) != 2 || rows[0].Full == rows[1].Full {
		t.Errorf("recorded %+v", rows)
	}
	if got, _ := auth.Personal(t.Context(), &said{}, says("my cousin"), retail.PurposeService, retail.MaskNone); got != "" {
		t.Errorf("where nothing is recorded, %v is told", got)
	}
}
