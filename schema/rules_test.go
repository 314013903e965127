package schema_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// rule is a convention of the schema; breaches says, a sentence each, where it is broken.
type rule struct {
	name     string
	breaches func(*ast.Schema) []string
}

var rules = []rule{
	{"everything is described", described},
	{"every root field declares its access once", access},
	{"every list is a page or has a stated cap", capped},
	{"every custom scalar says where it is specified", specified},
	{"every page size has a default", pageSizes},
	{"every list of objects tells its cost how long it gets", sized},
	{"what a silent backend leaves open has UNKNOWN", silence},
	{"names are Pascal for types, camel for fields, upper for enum values", names},
	{"connections have the Relay shape and total and are paged", connections},
	{"mutations take an input and a key and answer with userErrors", mutations},
	{"what is not for everybody is personal or known not to be", personal},
	{"commercial numbers need a scope", commercial},
}

func described(s *ast.Schema) (breaches []string) {
	need := func(description, format string, args ...any) {
		if strings.TrimSpace(description) == "" {
			breaches = append(breaches, fmt.Sprintf(format, args...)+" has no description")
		}
	}
	arguments := func(of string, args ast.ArgumentDefinitionList) {
		for _, a := range args {
			need(a.Description, "argument %s(%s:)", of, a.Name)
		}
	}
	for _, def := range own(s) {
		if !slices.Contains(roots(s), def) { // their fields say it all
			need(def.Description, "%s", def.Name)
		}
		for _, f := range fields(def) {
			need(f.Description, "%s.%s", def.Name, f.Name)
			arguments(def.Name+"."+f.Name, f.Arguments)
		}
		for _, v := range def.EnumValues {
			need(v.Description, "%s.%s", def.Name, v.Name)
		}
	}
	for _, d := range s.Directives {
		if !d.Position.Src.BuiltIn {
			need(d.Description, "@%s", d.Name)
			arguments("@"+d.Name, d.Arguments)
		}
	}
	return breaches
}

// roots are the types whose fields an operation starts from.
func roots(s *ast.Schema) []*ast.Definition {
	return slices.DeleteFunc([]*ast.Definition{s.Query, s.Mutation, s.Subscription}, func(d *ast.Definition) bool { return d == nil })
}

func access(s *ast.Schema) (breaches []string) {
	for _, root := range roots(s) {
		for _, f := range fields(root) {
			declared := 0
			for _, name := range []string{"public", "hasScope", "hasRole"} {
				declared += len(f.Directives.ForNames(name))
			}
			if declared != 1 {
				breaches = append(breaches, fmt.Sprintf("%s.%s has %d of @public, @hasScope and @hasRole, want one", root.Name, f.Name, declared))
			}
		}
	}
	return breaches
}

// bound is how a description states a cap: "50 at most", "at most 100", "up to 100", "1 to 50", "one entry a system".
var bound = regexp.MustCompile(`(?i)\d [a-z ]*at most|at most \d|up to \d|\b1 to \d|\bone (entry|line) (a|per) \w|\d a page`)

// capped looks at everything that is a list. A list of enum values is bounded by its enum, and the lists of a connection
// by its page.
func capped(s *ast.Schema) (breaches []string) {
	check := func(what string, t *ast.Type, description string) {
		if t.Elem == nil || s.Types[t.Name()].Kind == ast.Enum || bound.MatchString(description) {
			return
		}
		breaches = append(breaches, what+" is a list without a stated cap")
	}
	for _, def := range own(s) {
		for _, f := range fields(def) {
			what := def.Name + "." + f.Name
			if !isPage(def, f) {
				check(what, f.Type, f.Description)
			}
			for _, a := range f.Arguments {
				check(what+"("+a.Name+":)", a.Type, a.Description)
			}
		}
	}
	return breaches
}

func isPage(def *ast.Definition, f *ast.FieldDefinition) bool {
	return strings.HasSuffix(def.Name, "Connection") && slices.Contains([]string{"edges", "nodes", "facets"}, f.Name)
}

func specified(s *ast.Schema) (breaches []string) {
	for _, def := range own(s) {
		if def.Kind == ast.Scalar && def.Directives.ForName("specifiedBy") == nil {
			breaches = append(breaches, "scalar "+def.Name+" has no @specifiedBy")
		}
	}
	return breaches
}

func pageSizes(s *ast.Schema) (breaches []string) {
	for _, def := range own(s) {
		for _, f := range fields(def) {
			if first := f.Arguments.ForName("first"); first != nil && first.DefaultValue == nil {
				breaches = append(breaches, def.Name+"."+f.Name+"(first:) has no default")
			}
		}
	}
	return breaches
}

// sized looks at all lists of objects: each has a @listSize, unless every field that gives its object sizes it.
func sized(s *ast.Schema) (breaches []string) {
	for _, def := range own(s) {
		if def.Kind != ast.Object && def.Kind != ast.Interface {
			continue
		}
		for _, f := range fields(def) {
			d := f.Directives.ForName("listSize")
			switch {
			case d != nil:
				breaches = append(breaches, alwaysSized(def, f, d)...)
			case f.Type.Elem != nil && s.Types[f.Type.Name()].IsCompositeType() && !sizedAbove(s, def, f):
				breaches = append(breaches, def.Name+"."+f.Name+" is a list of objects and has no @listSize")
			}
		}
	}
	return breaches
}

// alwaysSized asks a @listSize for a size whatever the arguments, and to say whose.
func alwaysSized(def *ast.Definition, f *ast.FieldDefinition, d *ast.Directive) (breaches []string) {
	what := def.Name + "." + f.Name
	if (f.Type.Elem == nil) == (d.Arguments.ForName("sizedFields") == nil) {
		breaches = append(breaches, what+": sizedFields are for fields that give one object, and lists tell their own size")
	}
	always := d.Arguments.ForName("assumedSize") != nil
	if slicing := d.Arguments.ForName("slicingArguments"); slicing != nil {
		for _, child := range slicing.Value.Children {
			every := true
			for factor := range strings.SplitSeq(child.Value.Raw, "*") {
				name, _, _ := strings.Cut(factor, ".")
				a := f.Arguments.ForName(name)
				every = every && a != nil && (a.DefaultValue != nil || a.Type.NonNull)
			}
			always = always || every
		}
	}
	if !always {
		breaches = append(breaches, what+": no argument of its @listSize is always there")
	}
	return breaches
}

// sizedAbove reports whether each field that gives objects of a type sizes a field of it.
func sizedAbove(s *ast.Schema, of *ast.Definition, field *ast.FieldDefinition) bool {
	found := false
	for _, def := range own(s) {
		for _, f := range fields(def) {
			if def.Kind != ast.Object || f.Type.Name() != of.Name {
				continue
			}
			found = true
			d := f.Directives.ForName("listSize")
			if d == nil || d.Arguments.ForName("sizedFields") == nil {
				return false
			}
			names := d.Arguments.ForName("sizedFields").Value.Children
			if !slices.ContainsFunc(names, func(c *ast.ChildValue) bool { return c.Value.Raw == field.Name }) {
				return false
			}
		}
	}
	return found
}

// tolerant are the enums whose value a backend may leave open.
var tolerant = []string{"StockLevel", "Coverage", "PriceAgreement"}

func silence(s *ast.Schema) (breaches []string) {
	for _, name := range tolerant {
		switch def := s.Types[name]; {
		case def == nil:
			breaches = append(breaches, "enum "+name+" is gone")
		case def.EnumValues.ForName("UNKNOWN") == nil:
			breaches = append(breaches, "enum "+name+" has no UNKNOWN")
		}
	}
	return breaches
}

var (
	pascal = regexp.MustCompile(`^[A-Z][a-zA-Z0-9]*$`)
	camel  = regexp.MustCompile(`^[a-z][a-zA-Z0-9]*$`)
	upper  = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)
	caps   = regexp.MustCompile(`[A-Z]{3}`) // gtinCode, not GTINCode; URL is the one exception
)

func names(s *ast.Schema) (breaches []string) {
	need := func(form *regexp.Regexp, name, where string) {
		if !form.MatchString(name) || form != upper && caps.MatchString(name) && name != "URL" {
			breaches = append(breaches, fmt.Sprintf("%s is not named like the others", where))
		}
	}
	for _, def := range own(s) {
		need(pascal, def.Name, def.Name)
		if def.Kind == ast.InputObject != (strings.HasSuffix(def.Name, "Input") || strings.HasSuffix(def.Name, "Filter")) {
			breaches = append(breaches, def.Name+": inputs, and nothing else, end in Input or Filter")
		}
		for _, f := range fields(def) {
			need(camel, f.Name, def.Name+"."+f.Name)
			for _, a := range f.Arguments {
				need(camel, a.Name, def.Name+"."+f.Name+"("+a.Name+":)")
			}
		}
		for _, v := range def.EnumValues {
			need(upper, v.Name, def.Name+"."+v.Name)
		}
	}
	return breaches
}

func connections(s *ast.Schema) (breaches []string) {
	need := func(def *ast.Definition, name, want string) {
		if f := def.Fields.ForName(name); f == nil || f.Type.String() != want {
			breaches = append(breaches, def.Name+" has no field "+name+": "+want)
		}
	}
	for _, def := range own(s) {
		if node, ok := strings.CutSuffix(def.Name, "Connection"); ok {
			need(def, "edges", "["+node+"Edge!]!")
			need(def, "nodes", "["+node+"!]!")
			need(def, "pageInfo", "PageInfo!")
			need(def, "totalCount", "Count!")
		}
		if node, ok := strings.CutSuffix(def.Name, "Edge"); ok {
			need(def, "cursor", "String!")
			need(def, "node", node+"!")
		}
		for _, f := range fields(def) {
			paged := f.Arguments.ForName("first") != nil && f.Arguments.ForName("after") != nil
			if strings.HasSuffix(f.Type.Name(), "Connection") && !paged {
				breaches = append(breaches, def.Name+"."+f.Name+" gives a connection but takes no first and after")
			}
		}
	}
	return breaches
}

func mutations(s *ast.Schema) (breaches []string) {
	if s.Mutation == nil {
		return nil
	}
	for _, f := range fields(s.Mutation) {
		// A public mutation has no session to which a key could belong.
		if f.Directives.ForName("public") == nil && shapeOf(f) != "input!, idempotencyKey: String!" {
			breaches = append(breaches, "Mutation."+f.Name+" does not take exactly (input: …!, idempotencyKey: String!)")
		}
		if errs := s.Types[f.Type.Name()].Fields.ForName("userErrors"); errs == nil || errs.Type.String() != "[UserError!]!" {
			breaches = append(breaches, "Mutation."+f.Name+" does not answer with userErrors: [UserError!]!")
		}
	}
	return breaches
}

// shapeOf writes the arguments of a mutation the way the rule does.
func shapeOf(f *ast.FieldDefinition) string {
	if len(f.Arguments) != 2 || f.Arguments[0].Name != "input" || !f.Arguments[0].Type.NonNull {
		return ""
	}
	return "input!, " + f.Arguments[1].Name + ": " + f.Arguments[1].Type.String()
}

// impersonalFile says of what could hold personal data by its type why it does not, or why no mask would do: a line "Type.field:
// why" or "Type.field(argument:): why" each, "*" for any type. Whoever adds such a field marks it @personal or says why not here,
// and somebody reads it.
const impersonalFile = "testdata/impersonal.txt"

// impersonal reads the file: why, by name.
func impersonal() (map[string]string, error) {
	text, err := os.ReadFile(impersonalFile)
	if err != nil {
		return nil, err
	}
	list := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, why, said := strings.Cut(line, ": ")
		if _, twice := list[name]; twice || !said || strings.TrimSpace(why) == "" {
			return nil, fmt.Errorf("%q says nothing, or again", line)
		}
		list[name] = why
	}
	return list, nil
}

// telling are the types whose values could be about a person.
var telling = []string{"String", "ID", "URL", "Date"}

// personal looks at what could be about a person: the leaves that not everybody reads, and all that clients write.
func personal(s *ast.Schema) (breaches []string) {
	listed, err := impersonal()
	if err != nil {
		return []string{err.Error()}
	}
	for _, name := range couldBePersonal(s) {
		field := name[strings.LastIndexAny(name, ".("):]
		if listed[name] == "" && listed["*"+field] == "" {
			breaches = append(breaches, name+" is neither @personal nor in "+impersonalFile)
		}
	}
	return breaches
}

// couldBePersonal lists, by name, what has no @personal and could be about a person by its type.
func couldBePersonal(s *ast.Schema) (list []string) {
	public := reachable(s, guarded, false)
	tells := func(t *ast.Type, directives ast.DirectiveList) bool {
		return slices.Contains(telling, t.Name()) && directives.ForName("personal") == nil
	}
	for _, def := range own(s) {
		for _, f := range fields(def) {
			name := def.Name + "." + f.Name
			for _, a := range f.Arguments {
				if tells(a.Type, a.Directives) {
					list = append(list, name+"("+a.Name+":)")
				}
			}
			if tells(f.Type, f.Directives) && (def.Kind == ast.InputObject || !public[def.Name] || guarded(f)) {
				list = append(list, name)
			}
		}
	}
	return list
}

func guarded(f *ast.FieldDefinition) bool {
	return f.Directives.ForName("hasScope") != nil || f.Directives.ForName("hasRole") != nil
}

func scoped(f *ast.FieldDefinition) bool { return f.Directives.ForName("hasScope") != nil }

// reachable are the types that one comes to from the roots by fields that are not closed. Objects that are found by an id of
// theirs only, through node, count when they are wanted.
func reachable(s *ast.Schema, closed func(*ast.FieldDefinition) bool, byID bool) map[string]bool {
	seen := map[string]bool{}
	var visit func(def *ast.Definition)
	visit = func(def *ast.Definition) {
		if seen[def.Name] || !def.IsCompositeType() {
			return
		}
		seen[def.Name] = true
		for _, f := range fields(def) {
			if !closed(f) {
				visit(s.Types[f.Type.Name()])
			}
		}
		if def.IsAbstractType() && (byID || def.Name != "Node") {
			for _, t := range s.PossibleTypes[def.Name] {
				visit(t)
			}
		}
	}
	for _, root := range roots(s) {
		visit(root)
	}
	return seen
}

// commercially is how numbers are named that are the retailer's own business.
var commercially = regexp.MustCompile(`(?i)^(onHand|unsyncedSales|allocated|safetyStock|.*(costPrice|margin|supplier|turnover|revenue|purchasePrice).*)$`)

// commercial looks at numbers that are the retailer's own business: they, or whatever leads to them, need a scope.
func commercial(s *ast.Schema) (breaches []string) {
	open := reachable(s, scoped, true)
	for _, def := range own(s) {
		if def.Kind == ast.InputObject {
			continue
		}
		for _, f := range fields(def) {
			if commercially.MatchString(f.Name) && open[def.Name] && !scoped(f) {
				breaches = append(breaches, def.Name+"."+f.Name+" is commercial and needs no scope")
			}
		}
	}
	return breaches
}
