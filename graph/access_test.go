package graph_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
)

func TestEveryRootFieldDeclaresItsAccess(t *testing.T) {
	schema := mustSchema(t)
	for _, root := range []*ast.Definition{schema.Query, schema.Mutation, schema.Subscription} {
		if root == nil {
			continue
		}
		for _, f := range root.Fields {
			if !strings.HasPrefix(f.Name, "__") && !graph.Declared(f) {
				t.Errorf("%s.%s has neither @public nor @hasScope", root.Name, f.Name)
			}
		}
	}
}

func TestEveryScopeOfTheSchemaIsAScope(t *testing.T) {
	values := mustSchema(t).Types["Scope"].EnumValues
	if len(values) != len(auth.Scopes()) {
		t.Errorf("the schema has %d scopes, auth %d", len(values), len(auth.Scopes()))
	}
	for _, v := range values {
		var s auth.Scope
		if err := s.UnmarshalGQL(v.Name); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

const accessSchema = `
	type Query {
		open: Thing @public
		closed: Int @hasScope(scope: STOCK_READ)
		vital: Int! @hasScope(scope: STOCK_READ)
		forgotten: Int
		any: Any @public
	}
	interface Any { secret: Int }
	type Thing implements Any { id: ID! secret: Int @hasScope(scope: STOCK_READ) need: Int! @hasScope(scope: STOCK_READ) thing: Thing list: [Thing!] }
`

func TestAccessIsDecidedOncePerOperation(t *testing.T) {
	h := mustFakeHandler(t, accessSchema)
	for name, c := range map[string]struct {
		text      string
		variables map[string]any
		status    int
		paths     []string // of the FORBIDDEN errors; a refused operation has one without a path
	}{
		"nothing guarded":                  {"{open{id}}", nil, 200, nil},
		"a guarded root field":             {"{closed}", nil, 200, []string{"closed"}},
		"by its alias":                     {"{open{x:secret}}", nil, 200, []string{"open x"}},
		"twice under one name":             {"{open{secret secret ...on Thing{secret}}}", nil, 200, []string{"open secret"}},
		"twice under two names":            {"{open{a:secret b:secret}}", nil, 200, []string{"open a", "open b"}},
		"in a list, without indexes":       {"{open{list{thing{secret}}}}", nil, 200, []string{"open list thing secret"}},
		"in a fragment":                    {"{open{...F}} fragment F on Thing{thing{...G}} fragment G on Thing{secret}", nil, 200, []string{"open thing secret"}},
		"in a fragment that is used twice": {"{a:open{...F} b:open{...F}} fragment F on Thing{secret}", nil, 200, []string{"a secret", "b secret"}},
		"through an interface":             {"{any{secret}}", nil, 200, []string{"any secret"}},
		"through an inline fragment":       {"{any{... on Thing{secret}}}", nil, 200, []string{"any secret"}},
		"skipped":                          {"{open{id secret @skip(if:true)}}", nil, 200, nil},
		"not included":                     {"{open{id ...F @include(if:false)}} fragment F on Thing{secret}", nil, 200, nil},
		"skipped with its parent":          {"{open{id} closed:open @skip(if:true){secret}}", nil, 200, nil},
		"included by a variable":           {"query($a:Boolean!){open{id secret @include(if:$a)}}", map[string]any{"a": true}, 200, []string{"open secret"}},
		"not included by a variable":       {"query($a:Boolean!){open{id secret @include(if:$a)}}", map[string]any{"a": false}, 200, nil},
		"not included by a default":        {"query($a:Boolean=false){open{id secret @include(if:$a)}}", nil, 200, nil},
		"a non-null field":                 {"{open{id need}}", nil, 403, []string{""}},
		"a non-null root field":            {"{vital}", nil, 403, []string{""}},
		"a non-null field left out":        {"{open{id need @skip(if:true)}}", nil, 200, nil},
		"a field nobody thought about":     {"{forgotten}", nil, 403, []string{""}},
		"such a field by a fragment":       {"{...F} fragment F on Query{forgotten}", nil, 403, []string{""}},
		"such a field, even left out":      {"{open{id} forgotten @skip(if:true)}", nil, 403, []string{""}},
	} {
		w := post(h, query(c.text, c.variables))
		r := decode(t, w)
		var paths []string
		for _, e := range r.Errors {
			if e.Extensions["code"] != "FORBIDDEN" {
				t.Errorf("%s: got %s", name, w.Body)
			}
			var keys []string
			for _, k := range e.Path {
				keys = append(keys, k.(string))
			}
			paths = append(paths, strings.Join(keys, " "))
		}
		if diff := cmp.Diff(c.paths, paths); diff != "" || w.Code != c.status {
			t.Errorf("%s: got %d %s\n%s", name, w.Code, w.Body, diff)
		}
	}
}

func TestAScopeOpensGuardedFields(t *testing.T) {
	h := mustFakeHandler(t, accessSchema)
	for text, status := range map[string]int{
		"{closed vital open{secret need}}": 200,
		"{forgotten}":                      403, // no scope opens what declares none
	} {
		r := httptest.NewRequest("POST", "/graphql", strings.NewReader(query(text)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", graphqlMedia)
		operator := auth.Principal{Role: auth.RoleOperator, Subject: "o", Scopes: auth.Scopes()}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(auth.WithPrincipal(r.Context(), operator)))
		if w.Code != status || (status == 200 && decode(t, w).code() != "") {
			t.Errorf("%s: got %d %s", text, w.Code, w.Body)
		}
	}
}

func TestARefusedOperationIsNotExecuted(t *testing.T) {
	h := mustFakeHandler(t, accessSchema, func(f *fake, _ *graph.HandlerOptions) {
		f.exec = func(context.Context) *graphql.Response { t.Error("executed"); return nil }
	})
	for _, text := range []string{"{vital}", "{forgotten}", "{open{need}}", "{x}"} {
		post(h, query(text))
	}
}

func TestGuardedFieldsReadNull(t *testing.T) {
	h := mustHandler(t, newStub())
	w := post(h, query(`{stockCheck(skus:["A","B"]){items{sku breakdown{onHand}}}}`))
	want := `{"errors":[{"message":"this needs the scope stock:read","path":["stockCheck","items","breakdown"],` +
		`"locations":[{"line":1,"column":39}],"extensions":{"code":"FORBIDDEN"}}],` +
		`"data":{"stockCheck":{"items":[{"sku":"A","breakdown":null},{"sku":"B","breakdown":null}]}}}`
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Error(diff)
	}
}
