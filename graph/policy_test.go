package graph_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
)

func deep(n int) string { return query(nest("{n", "{v}", "}", n-1)) }

const nested = costDirectives + `type Query {n: N @public} type N @cost(weight: "3") {n: N v: Int}`

func TestEveryClassHasItsOwnLimits(t *testing.T) {
	all := policies("partner", func(p *graph.Policy) { p.Limits.Depth, p.Limits.Cost = 6, 10 })
	h := mustFakeHandler(t, nested, func(_ *fake, o *graph.HandlerOptions) { o.Policies = all })
	operator := auth.Principal{Role: auth.RoleOperator, Subject: "o"}
	p := partnerOf("p", auth.Quota{})
	for _, c := range []struct {
		name  string
		who   auth.Principal
		body  string
		limit string
	}{
		{"a partner within", p, deep(4), ""},
		{"a partner beyond its depth", p, deep(7), "depth"},
		{"a stranger may ask the same", auth.Guest, deep(7), ""},
		{"a partner still not, although it is compiled now", p, deep(7), "depth"},
		{"a partner within its depth beyond its cost", p, deep(5), "cost"},
		{"a stranger beyond its depth", auth.Guest, deep(11), "depth"},
		{"a member may ask that", shopper("m"), deep(11), ""},
		{"a stranger not, although it is compiled now", auth.Guest, deep(11), "depth"},
		{"an operator may ask more", operator, deep(14), ""},
		{"a member not", shopper("m"), deep(14), "depth"},
		{"nobody more than the widest", operator, deep(16), "depth"},
		{"a stranger beyond its tokens", auth.Guest, query("{n{" + strings.Repeat("v ", 1000) + "}}"), "tokens"},
		{"a member beyond its fields", shopper("m"), query("{n{" + strings.Repeat("v ", 500) + "}}"), "fields"},
	} {
		w := postAs(h, c.who, c.body, func(r *request) { r.Header.Set("Accept", "application/graphql-response+json") })
		r := decode(t, w)
		switch {
		case c.limit == "" && (w.Code != 200 || r.code() != ""):
			t.Errorf("%s: got %d %s", c.name, w.Code, w.Body)
		case c.limit != "" && (w.Code != 400 || r.code() != "LIMIT_EXCEEDED" || r.Errors[0].Extensions["limit"] != c.limit):
			t.Errorf("%s: got %d %s, want the limit %s", c.name, w.Code, w.Body, c.limit)
		}
	}
}

func TestAnOperationTooDearIsToldItsCost(t *testing.T) {
	h := mustFakeHandler(t, nested, func(_ *fake, o *graph.HandlerOptions) {
		o.Policies = policies("nobody", func(p *graph.Policy) { p.Limits.Cost = 8 })
	})
	w := postAs(h, auth.Guest, query("{n{n{n{v}}}}"))
	const want = `{"errors":[{"message":"a limit is exceeded: cost","extensions":{"code":"LIMIT_EXCEEDED",` +
		`"cost":{"requested":9,"maximum":8},"limit":"cost","maximum":8}}]}`
	if w.Body.String() != want {
		t.Errorf("got %s", w.Body)
	}
}

func TestAMeasuredClassIsServedAndCounted(t *testing.T) {
	var log bytes.Buffer
	reg, now := prometheus.NewRegistry(), testNow
	f := &fake{schema: gqlparser.MustLoadSchema(&ast.Source{Input: accessDirectives + nested}), exec: empty}
	all := policies("nobody", func(p *graph.Policy) {
		p.Mode, p.Limits.Cost, p.Limits.Depth, p.Rate = graph.ModeMeasure, 8, 2, graph.Rate{PerMinute: 1, Burst: 1}
	})
	h, err := graph.NewHandler(f, slog.New(slog.NewTextHandler(&log, nil)), reg, graph.HandlerOptions{
		Policies: all, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if w := postAs(h, auth.Guest, query("{n{n{n{v}}}}")); w.Code != 200 || decode(t, w).code() != "" {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
	}
	if got := strings.Count(log.String(), "only measured"); got != 3 { // cost, depth and rate
		t.Errorf("%d lines within a minute:\n%s", got, &log)
	}
	now = now.Add(time.Minute)
	postAs(h, auth.Guest, query("{n{n{n{v}}}}"))
	if got := strings.Count(log.String(), "limit=depth"); got != 2 {
		t.Errorf("%d lines about the depth after a minute:\n%s", got, &log)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "portico_graph_over_limit_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			counted[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetCounter().GetValue()
		}
	}
	if counted["nobody cost"] != 4 || counted["nobody depth"] != 4 || counted["nobody rate"] != 2 {
		t.Errorf("counted %v", counted)
	}
}

func TestPoliciesThatCannotWork(t *testing.T) {
	for name, change := range map[string]func(graph.Policies){
		"a class is missing":     func(all graph.Policies) { delete(all, "guest") },
		"a class that is none":   func(all graph.Policies) { all["visitor"] = all["guest"] },
		"a limit of zero":        func(all graph.Policies) { all["guest"] = graph.Policy{} },
		"a mode that is none":    func(all graph.Policies) { p := all["guest"]; p.Mode = "warn"; all["guest"] = p },
		"a rate without a burst": func(all graph.Policies) { p := all["guest"]; p.Rate = graph.Rate{PerMinute: 1}; all["guest"] = p },
		"fewer than no requests": func(all graph.Policies) { p := all["guest"]; p.InFlight = -1; all["guest"] = p },
	} {
		all := graph.DefaultPolicies(16)
		if err := all.Validate(); err != nil {
			t.Fatal(err)
		}
		if change(all); all.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
