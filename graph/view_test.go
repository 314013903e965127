package graph_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"pgregory.net/rapid"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/graph/generated"
)

const viewFile = "testdata/view_partner.graphql"

func printedView(t testing.TB, view *ast.Schema) string {
	t.Helper()
	var b bytes.Buffer
	formatter.NewFormatter(&b, formatter.WithIndent("  ")).FormatSchema(view)
	if _, err := gqlparser.LoadSchema(&ast.Source{Name: "view", Input: b.String()}); err != nil {
		t.Fatalf("the view is no schema: %v", err)
	}
	return b.String()
}

// TestWhatAPartnerSeesOfTheSchema keeps the print of one view, for somebody to read when it changes.
func TestWhatAPartnerSeesOfTheSchema(t *testing.T) {
	got := printedView(t, graph.ViewOf(mustSchema(t), auth.Principal{Role: auth.RolePartner, Subject: "p"}))
	if *updateAccess {
		if err := os.WriteFile(viewFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(viewFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("what a partner sees has changed; if that is meant, go test ./graph -update-access (-printed +now):\n%s", diff)
	}
}

func TestAViewHoldsWhatItsCallerMayUse(t *testing.T) {
	schema := mustSchema(t)
	operator := auth.Principal{Role: auth.RoleOperator, Subject: "o", Scopes: auth.Scopes()}
	tests := map[string]struct {
		auth.Principal
		has, lacks []string
	}{
		"nobody": {
			auth.Guest,
			[]string{"Query.node", "Product", "StoreAvailability.quantity", "InsufficientStock", "Mutation.guestSessionCreate"},
			[]string{"Query.me", "Member", "Cart", "Order", "Alert", "StoreAvailability.breakdown", "StockBreakdown", "Scope", "Subscription", "CartCreateInput"},
		},
		"a member": {
			auth.Principal{Role: auth.RoleMember, Subject: "m"},
			[]string{"Query.me", "Member", "Cart", "Order", "CartCreateInput", "Receipt", "DataRequest", "Subscription.orderChanged"},
			[]string{"Alert", "StockBreakdown", "Query.ordersInReview", "OrderReview.flags", "RiskFlag", "TokenRevokeInput", "Scope"},
		},
		"a partner with a scope": {
			auth.Principal{Role: auth.RolePartner, Subject: "p", Scopes: []auth.Scope{auth.ScopeStockRead}},
			[]string{"StoreAvailability.breakdown", "StockBreakdown", "StockHold"},
			[]string{"Order", "Member", "Cart", "Query.events", "Event"},
		},
		"an operator": {
			operator,
			[]string{"Query.events", "Event", "OrderReview.flags", "TokenRevokeInput", "MemberConsistency", "Order"},
			[]string{"Query.me", "Member", "Cart", "Scope", "Role"},
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			view := graph.ViewOf(schema, c.Principal)
			printedView(t, view)
			has := func(name string) bool {
				of, field, _ := strings.Cut(name, ".")
				def := view.Types[of]
				return def != nil && (field == "" || def.Fields.ForName(field) != nil)
			}
			for _, name := range c.has {
				if !has(name) {
					t.Errorf("it lacks %s", name)
				}
			}
			for _, name := range c.lacks {
				if has(name) {
					t.Errorf("it has %s", name)
				}
			}
		})
	}
}

// TestEveryViewIsASchemaOfItsCaller makes views for any rights: each is sound by itself, and says of every field what the access
// table says.
func TestEveryViewIsASchemaOfItsCaller(t *testing.T) {
	schema := mustSchema(t)
	rapid.Check(t, func(r *rapid.T) {
		p := auth.Principal{
			Role: rapid.SampledFrom(auth.Roles()).Draw(r, "role"), Subject: rapid.SampledFrom([]string{"", "x"}).Draw(r, "subject"),
			Scopes: rapid.SliceOfDistinct(rapid.SampledFrom(auth.Scopes()), rapid.ID[auth.Scope]).Draw(r, "scopes"),
		}
		view := graph.ViewOf(schema, p)
		printedView(t, view)
		table := graph.NewAccessTable(schema, []graph.AccessCaller{{Principal: p}})
		for _, row := range table.Rows {
			def := view.Types[row.Type]
			shown := def != nil && def.Fields.ForName(row.Field) != nil
			open := slices.Contains([]graph.Verdict{graph.VerdictYes, graph.VerdictMasked, graph.VerdictConsent}, row.Verdicts[0])
			root := schema.Types[row.Type] == schema.Query || schema.Types[row.Type] == schema.Mutation
			if shown && !open || root && open && !shown {
				r.Fatalf("%s as %+v: shown %v, the table says %s", row.Name(), p, shown, row.Verdicts[0])
			}
		}
	})
}

func viewing(mode graph.Introspection) func(*graph.HandlerOptions) {
	return func(o *graph.HandlerOptions) {
		o.Introspection = mode
		o.View = func(part *ast.Schema) graphql.ExecutableSchema {
			return generated.NewExecutableSchema(generated.Config{
				Schema: part, Resolvers: root{queries: newStub()},
				Directives: generated.DirectiveRoot{HasScope: auth.HasScope[graphql.Resolver], HasRole: auth.HasRole[graphql.Resolver]},
			})
		}
	}
}

func queryAs(h http.Handler, p auth.Principal, text string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(query(text)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/graphql-response+json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(auth.WithPrincipal(r.Context(), p)))
	return w
}

func TestWhoMayReadTheSchema(t *testing.T) {
	may := map[graph.Introspection]string{
		graph.IntrospectionOff: "", graph.IntrospectionStaff: "associate operator", graph.IntrospectionPartners: "associate partner operator",
		graph.IntrospectionAll: "nobody guest member associate partner operator",
	}
	for mode, who := range may {
		h := mustHandler(t, newStub(), viewing(mode))
		for _, c := range graph.AccessCallers() {
			w := queryAs(h, c.Principal, standardIntrospection)
			allowed := slices.Contains(strings.Fields(who), c.Name)
			if (w.Code == http.StatusOK) != allowed || strings.Contains(w.Body.String(), "Product") != allowed {
				t.Errorf("%s, %s: %d %.100s", mode, c.Name, w.Code, w.Body)
			}
		}
	}
	if err := graph.Introspection("some").Validate(); err == nil {
		t.Error("there is no such mode")
	}
}

// TestEverybodyReadsTheirPart asks one handler the same as everybody, twice, so that nobody is answered what was kept for others.
func TestEverybodyReadsTheirPart(t *testing.T) {
	h := mustHandler(t, newStub(), viewing(graph.IntrospectionAll))
	for range 2 {
		for _, c := range graph.AccessCallers() {
			var answer struct {
				Data struct {
					Schema struct {
						Types      []struct{ Name string }
						Directives []struct{ Name string }
					} `json:"__schema"`
				}
			}
			w := queryAs(h, c.Principal, standardIntrospection)
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, x := range answer.Data.Schema.Types {
				got = append(got, x.Name)
			}
			for name := range graph.ViewOf(graph.WithoutDefer(mustSchema(t)), c.Principal).Types {
				want = append(want, name)
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-view +told):\n%s", c.Name, diff)
			}
			for _, d := range answer.Data.Schema.Directives {
				if strings.HasPrefix(d.Name, "has") || d.Name == "personal" {
					t.Errorf("%s is told of @%s", c.Name, d.Name)
				}
			}
		}
	}
}

// TestAViewInUseStaysWhateverRightsOthersHave: scopes of staff combine freely, and each combination has a view.
func TestAViewInUseStaysWhateverRightsOthersHave(t *testing.T) {
	made := 0
	h := mustHandler(t, newStub(), viewing(graph.IntrospectionAll), func(o *graph.HandlerOptions) {
		view := o.View
		o.View = func(part *ast.Schema) graphql.ExecutableSchema { made++; return view(part) }
	})
	ask := func(scopes ...auth.Scope) {
		t.Helper()
		p := auth.Principal{Role: auth.RoleOperator, Subject: "o", Scopes: scopes}
		if w := queryAs(h, p, "{__typename __schema{queryType{name}}}"); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	const others = 100
	for i := range others {
		var scopes []auth.Scope
		for bit, s := range auth.Scopes()[1:8] {
			if (i+1)>>bit&1 == 1 {
				scopes = append(scopes, s)
			}
		}
		ask(auth.Scopes()[0])
		ask(scopes...)
	}
	if made != others+1 {
		t.Errorf("%d views were made for %d combinations", made, others+1)
	}
}

func TestWhatIsHiddenIsNotThere(t *testing.T) {
	h := mustHandler(t, newStub(), viewing(graph.IntrospectionAll))
	partner := auth.Principal{Role: auth.RolePartner, Subject: "p"}
	for _, name := range []string{"Alert", "StockBreakdown", "Order", "Scope", "NeverHeardOf"} {
		if got := queryAs(h, partner, `{__type(name:"`+name+`"){name}}`).Body.String(); !strings.Contains(got, `"__type":null`) {
			t.Errorf("%s: %s", name, got)
		}
	}
	possible := queryAs(h, partner, `{__type(name:"Node"){possibleTypes{name}}}`).Body.String()
	if !strings.Contains(possible, "StockHold") || strings.Contains(possible, "Cart") || strings.Contains(possible, "Member") {
		t.Errorf("objects with an id: %s", possible)
	}
	hidden := queryAs(h, partner, `{__typename __schema{queryType{name}} events{seq}}`)
	unknown := queryAs(h, partner, `{__typename __schema{queryType{name}} evenst{seq}}`)
	if hidden.Code != http.StatusBadRequest || strings.ReplaceAll(hidden.Body.String(), "events", "evenst") != unknown.Body.String() {
		t.Errorf("beside introspection, hidden %s, unknown %s", hidden.Body, unknown.Body)
	}
	both := queryAs(h, partner, `{__schema{queryType{name}} stockCheck(skus:["1"]){items{sku}}}`).Body.String()
	if !strings.Contains(both, `"queryType"`) || !strings.Contains(both, `"items"`) {
		t.Errorf("schema and data at once: %s", both)
	}
}

// TestMessagesDoNotNameTypesThatWereNotWritten sends documents that are wrong in every way about types.
func TestMessagesDoNotNameTypesThatWereNotWritten(t *testing.T) {
	h := mustHandler(t, newStub(), viewing(graph.IntrospectionPartners))
	schema := mustSchema(t)
	for _, text := range []string{
		"{stockCheck(skus:[]){x}}", "{stockCheck(skus:[])}", "{events}", "{events{x}}", "{feedback(filter:{x:1}){x}}", "{feedback(filter:1){nodes{id}}}",
		"query($v:Int){order(id:$v){id}}", "{events{seq{x}}}", "{order(id:1){... on Product{id}}}", "{a:events{seq} a:me{id}}",
		"{storeOrders(locationId:\"x\"){a:status a:placedAt}}", "query($v:Boolean){feedback(filter:$v){nodes{id}}}",
		"mutation{tokenRevoke(input:{x:1},idempotencyKey:\"x\"){x}}", "{feedback(filter:{kinds:[X]}){nodes{id}}}", "{alerts{nodes{location}}}",
	} {
		w := queryAs(h, auth.Guest, text)
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", text, w.Code, w.Body)
		}
		for _, e := range decode(t, w).Errors {
			for _, name := range names.FindAllString(e.Message, -1) {
				if def := schema.Types[name]; def != nil && !def.BuiltIn && !strings.Contains(text, name) {
					t.Errorf("%s: %q names %s", text, e.Message, name)
				}
			}
		}
	}
}
