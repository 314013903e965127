package graph

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/retail"
)

// Verdict is what becomes of a field that somebody asks for.
type Verdict string

// Verdicts. Besides them there are the HTTP statuses 401 and 403: the operation is refused whole.
const (
	VerdictYes     Verdict = "yes"
	VerdictNull    Verdict = "null"    // it reads null, with an error
	VerdictMasked  Verdict = "mask"    // of others it reads what the mask leaves
	VerdictConsent Verdict = "consent" // of others it reads as it is if they consented, else what the mask leaves
)

// AccessCaller is a column of an access table.
type AccessCaller struct {
	Name string
	auth.Principal
}

// AccessCallers are one caller of every class, each with the scopes that its tokens have when nobody names any.
func AccessCallers() []AccessCaller {
	var list []AccessCaller
	for _, class := range auth.Classes() {
		c := AccessCaller{Name: string(class), Principal: auth.Guest}
		if class != auth.ClassNobody {
			role := auth.Role(class)
			c.Principal = auth.Principal{Role: role, Subject: string(class), Scopes: auth.DefaultScopes(role)}
		}
		list = append(list, c)
	}
	return list
}

// AccessTable says who may ask what. It is made by what decides about requests.
type AccessTable struct {
	Callers []AccessCaller
	Rows    []AccessRow
}

// AccessRow is one field; its verdicts are in the order of the callers.
type AccessRow struct {
	Type     string
	Field    string
	Verdicts []Verdict
}

// Name is the field as Type.field.
func (r AccessRow) Name() string { return r.Type + "." + r.Field }

// NewAccessTable returns the table of a schema: every field of the roots, then every other one that not everybody reads as it
// is, in the order of names.
func NewAccessTable(schema *ast.Schema, callers []AccessCaller) AccessTable {
	t := AccessTable{Callers: callers}
	roots := []*ast.Definition{schema.Query, schema.Mutation, schema.Subscription}
	for _, def := range roots {
		if def != nil {
			t.add(schema, def, true)
		}
	}
	for _, name := range typeNames(schema) {
		def := schema.Types[name]
		if (def.Kind == ast.Object || def.Kind == ast.Interface) && !slices.Contains(roots, def) {
			t.add(schema, def, false)
		}
	}
	return t
}

func typeNames(schema *ast.Schema) []string {
	names := make([]string, 0, len(schema.Types))
	for name := range schema.Types {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (t *AccessTable) add(schema *ast.Schema, def *ast.Definition, root bool) {
	for _, f := range def.Fields {
		if strings.HasPrefix(f.Name, "__") {
			continue
		}
		plan := planField(schema, def, f, root)
		if !root && len(plan.guards) == 0 && f.Directives.ForName("personal") == nil {
			continue
		}
		row := AccessRow{Type: def.Name, Field: f.Name}
		for _, c := range t.Callers {
			row.Verdicts = append(row.Verdicts, plan.verdict(f, c.Principal))
		}
		t.Rows = append(t.Rows, row)
	}
}

// planField plans an operation of this one field.
func planField(schema *ast.Schema, of *ast.Definition, f *ast.FieldDefinition, root bool) *planner {
	plan := &planner{schema: schema}
	plan.field(&ast.Field{
		Alias: f.Name, Name: f.Name, Definition: f, ObjectDefinition: of, Position: &ast.Position{},
	}, nil, nil, root)
	return plan
}

// verdict authorizes what was planned for a field.
func (plan *planner) verdict(f *ast.FieldDefinition, p auth.Principal) Verdict {
	missing, no := (&operation{guards: plan.guards}).authorize(p, nil)
	switch {
	case plan.undeclared:
		no = undeclared()
		fallthrough
	case no != nil:
		return Verdict(strconv.Itoa(no.status))
	case len(missing) > 0:
		return VerdictNull
	}
	d := f.Directives.ForName("personal")
	if d == nil {
		return VerdictYes
	}
	if arg := d.Arguments.ForName("mask"); arg != nil && retail.Mask(arg.Value.Raw) == retail.MaskNone {
		return VerdictYes
	}
	var purpose retail.Purpose
	if arg := d.Arguments.ForName("purpose"); arg != nil {
		purpose = retail.Purpose(arg.Value.Raw)
	}
	if scope, known := auth.PersonalScope(purpose); known && p.Has(scope) {
		return VerdictConsent
	}
	return VerdictMasked
}

// WriteTo writes the table as text: a line of callers, then a line a field.
func (t AccessTable) WriteTo(w io.Writer) (int64, error) {
	const width = 10
	first := 0
	for _, r := range t.Rows {
		first = max(first, len(r.Name()))
	}
	var b strings.Builder
	line := func(name string, cells []string) {
		text := name + strings.Repeat(" ", max(0, first-len(name)))
		for _, c := range cells {
			text += " " + c + strings.Repeat(" ", max(0, width-len(c)))
		}
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	cells := make([]string, len(t.Callers))
	for i, c := range t.Callers {
		cells[i] = c.Name
	}
	line("", cells)
	for _, r := range t.Rows {
		for i, v := range r.Verdicts {
			cells[i] = string(v)
		}
		line(r.Name(), cells)
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}
