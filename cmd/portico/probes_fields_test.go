package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/retail"
)

// step is a selection on the way to a type.
type step struct{ text string }

// wayTo finds the shortest way from a type to another by fields.
func (p *prober) wayTo(from, to *ast.Definition) ([]step, bool) {
	type at struct {
		def *ast.Definition
		way []step
	}
	seen := map[*ast.Definition]bool{from: true}
	for queue := []at{{def: from}}; len(queue) > 0; queue = queue[1:] {
		here := queue[0]
		if here.def == to {
			return here.way, true
		}
		for _, f := range here.def.Fields {
			next := p.schema.Types[f.Type.Name()]
			if strings.HasPrefix(f.Name, "__") || next.Kind != ast.Object || seen[next] {
				continue
			}
			seen[next] = true
			queue = append(queue, at{next, append(slices.Clone(here.way), step{p.call(f)})})
		}
	}
	return nil, false
}

// call writes a field with the arguments that it needs.
func (p *prober) call(f *ast.FieldDefinition) string {
	var arguments []string
	for _, a := range f.Arguments {
		if a.Type.NonNull && a.DefaultValue == nil || f.Name == "product" && a.Name == "sku" {
			value, _ := p.value(p.schema, a.Type, strings.TrimSuffix(a.Name, "s"))
			arguments = append(arguments, a.Name+": "+value)
		}
	}
	if len(arguments) == 0 {
		return f.Name
	}
	return f.Name + "(" + strings.Join(arguments, ", ") + ")"
}

// everyField writes a document that asks for every field of a type, of a thing that somebody has where one leads there; depth is
// how many fields are above those asked.
func (p *prober) everyField(def *ast.Definition) (document string, depth int) {
	var fields []string
	for _, f := range def.Fields {
		if strings.HasPrefix(f.Name, "__") {
			continue
		}
		selection := p.call(f)
		if !p.schema.Types[f.Type.Name()].IsLeafType() {
			selection += " { __typename }"
		}
		fields = append(fields, selection)
	}
	inner := strings.Join(fields, " ")
	wrap := func(way []step, inner string) string {
		for _, s := range slices.Backward(way) {
			inner = s.text + " { " + inner + " }"
		}
		return inner
	}
	best := ""
	for _, thing := range p.things {
		from := p.schema.Types[thing.what]
		if from == nil || thing.owner != "the guest" && thing.owner != "the member" {
			continue
		}
		if way, found := p.wayTo(from, def); found && (best == "" || len(way)+1 < depth) {
			best = fmt.Sprintf(`{ node(id: %q) { ... on %s { %s } } }`, thing.id, thing.what, wrap(way, inner))
			depth = len(way) + 1
		}
	}
	if way, found := p.wayTo(p.schema.Query, def); found && def != p.schema.Query && (best == "" || len(way) < depth) {
		best, depth = "{ "+wrap(way, inner)+" }", len(way)
	}
	return best, depth
}

// texts are the values of a field wherever it is in an answer.
func texts(value any, field string) (list []string) {
	switch value := value.(type) {
	case []any:
		for _, v := range value {
			list = append(list, texts(v, field)...)
		}
	case map[string]any:
		for name, v := range value {
			if text, is := v.(string); is && name == field && text != "" {
				list = append(list, text)
			}
			list = append(list, texts(v, field)...)
		}
	}
	return list
}

// TestEveryFieldOfOthersIsAsTheTableSays asks for every field of every type on what a guest and a member have, as one caller of
// each kind: what is refused is what the access table says, and nobody reads personal data that the owner reads.
func TestEveryFieldOfOthersIsAsTheTableSays(t *testing.T) {
	p := newProber(t)
	callers := map[string]graph.AccessCaller{
		"nobody":                        {Principal: auth.Guest},
		"another guest":                 {Principal: auth.Principal{Role: auth.RoleGuest, Subject: "g-other"}},
		"a member named like the guest": {Principal: auth.Principal{Role: auth.RoleMember, Subject: "a-1002"}},
		"an associate of the store":     {Principal: auth.Principal{Role: auth.RoleAssociate, Subject: "shelf", Scopes: auth.DefaultScopes(auth.RoleAssociate)}},
		"another registered partner":    {Principal: auth.Principal{Role: auth.RolePartner, Subject: "g-owner", Scopes: auth.PartnerScopes()}},
		"an operator":                   {Principal: auth.Principal{Role: auth.RoleOperator, Subject: "test", Scopes: auth.Scopes()}},
	}
	cells, types, personal := 0, 0, 0
	for _, name := range slices.Sorted(keys(p.schema.Types)) {
		def := p.schema.Types[name]
		if def.Kind != ast.Object || strings.HasPrefix(name, "__") || def == p.schema.Query || def == p.schema.Mutation || def == p.schema.Subscription {
			continue
		}
		document, depth := p.everyField(def)
		if document == "" {
			if strings.HasSuffix(name, "Payload") || name == "GuestSession" || name == "Warning" || len(p.schema.GetImplements(def)) > 0 {
				continue // what only mutations answer with, and refusals
			}
			t.Errorf("no way leads to %s", name)
			continue
		}
		types++
		own := map[string][]string{}
		for _, owner := range []string{p.guest, p.member} {
			var data any
			if answer := p.ask(t, owner, document, nil); len(answer.Data) > 0 {
				must(t, json.Unmarshal(answer.Data, &data))
			}
			for _, f := range def.Fields {
				own[f.Name] = append(own[f.Name], texts(data, f.Name)...)
			}
		}
		for who, caller := range callers {
			verdicts := map[string]graph.Verdict{}
			for _, row := range graph.NewAccessTable(p.schema, []graph.AccessCaller{caller}).Rows {
				verdicts[row.Name()] = row.Verdicts[0]
			}
			answer := p.ask(t, p.who[who], document, nil)
			var data any
			if len(answer.Data) > 0 {
				must(t, json.Unmarshal(answer.Data, &data))
			}
			refused := map[string]bool{}
			for _, e := range answer.Errors {
				code := e.Extensions["code"]
				if len(e.Path) == depth+1 && (code == string(retail.CodeForbidden) || code == string(retail.CodeUnauthenticated)) {
					refused[fmt.Sprint(e.Path[depth])] = true
				}
			}
			for _, f := range def.Fields {
				cells++
				want := verdicts[name+"."+f.Name]
				if refused[f.Name] != (want == graph.VerdictNull) {
					t.Errorf("%s asks for %s.%s: refused %v, the table says %q: %s %+v", who, name, f.Name, refused[f.Name], want, document, answer.Errors)
				}
				if !masked(f) {
					continue
				}
				for _, text := range texts(data, f.Name) {
					if personal++; slices.Contains(own[f.Name], text) {
						t.Errorf("%s reads %s.%s of others as %q", who, name, f.Name, text)
					}
				}
			}
		}
	}
	t.Logf("%d types, %d fields asked, %d personal values read masked", types, cells, personal)
	if types < 70 || cells < 2000 || personal == 0 {
		t.Errorf("only %d types, %d fields, %d personal values", types, cells, personal)
	}
}

// masked reports whether others read a field as a mask: what has none is for whoever the table lets read it, and on record.
func masked(f *ast.FieldDefinition) bool {
	personal := f.Directives.ForName("personal")
	if personal == nil {
		return false
	}
	mask := personal.Arguments.ForName("mask")
	return mask == nil || mask.Value.Raw != "NONE"
}
