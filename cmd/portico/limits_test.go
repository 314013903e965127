package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/integrations/demo"
)

// row returns the figures of one limit, by class, of what `portico limits` prints.
func row(t *testing.T, table, name string) string {
	t.Helper()
	for line := range strings.Lines(table) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			return strings.Join(strings.Fields(rest), " ")
		}
	}
	t.Fatalf("no line %q in\n%s", name, table)
	return ""
}

// What `--limit guest.household` says bounds the sessions of a household, too.
func TestLimitsOfHouseholdsBoundTheirSessions(t *testing.T) {
	for value, want := range map[int]graph.Rate{0: {}, 4: {PerMinute: 32, Burst: 60}, 500: {PerMinute: 4000, Burst: 7500}} {
		var server serverFlags
		server.Limit = []classLimit{{class: "guest", limit: household, value: value}}
		if got := gatewayOf(server, stockFlags{}, "CNY", introspection(graph.IntrospectionOff)).Sessions; got != want {
			t.Errorf("household=%d: %v, want %v", value, got, want)
		}
	}
}

func TestLimitsAreSettings(t *testing.T) {
	config := filepath.Join(t.TempDir(), "portico.yaml")
	must(t, os.WriteFile(config, []byte("limit: [all.depth=9, operator.depth=11]\nlimits-mode: [nobody=measure]\n"), 0o600))
	for name, c := range map[string]struct {
		args, env []string
		row, want string
	}{
		"the defaults":                   {nil, nil, "cost", "1000 2000 5000 5000 10000 50000"},
		"one limit of one class":         {[]string{"--limit", "partner.cost=7"}, nil, "cost", "1000 2000 5000 5000 7 50000"},
		"of all, and later ones win":     {[]string{"--limit", "all.cost=7", "--limit", "guest.cost=8"}, nil, "cost", "7 8 7 7 7 7"},
		"as a variable":                  {nil, []string{"PORTICO_LIMIT=all.cost=7,guest.cost=8"}, "cost", "7 8 7 7 7 7"},
		"in a file":                      {[]string{"--config", config}, nil, "depth", "9 9 9 9 9 11"},
		"the mode in a file":             {[]string{"--config", config}, nil, "mode", "measure enforce enforce enforce enforce enforce"},
		"requests at once":               {[]string{"--limit", "nobody.inFlight=2", "--max-in-flight", "40"}, nil, "inFlight", "2 6 - - 10 -"},
		"a rate":                         {[]string{"--rate", "partner=90/30"}, nil, "rate a minute", "60000 30000 30000 120000 90 -"},
		"no rates":                       {[]string{"--rate", "all=off"}, nil, "rate at once", "- - - - - -"},
		"no rates but one":               {[]string{"--rate", "all=off,nobody=60/6"}, nil, "rate at once", "6 - - - - -"},
		"the time is that of the server": {[]string{"--request-timeout", "3s"}, nil, "timeout", "3s 3s 3s 3s 3s 3s"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			must(t, run(context.Background(), append([]string{"limits"}, c.args...), c.env, &out, io.Discard))
			if diff := gocmp.Diff(c.want, row(t, out.String(), c.row)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	for _, bad := range []string{
		"--limit=partner.cost", "--limit=partner.cost=x", "--limit=cost=7", "--limit=visitor.cost=7", "--limit=all.deep=7", "--limit=all.cost=0",
		"--limit=all.cost=-1", "--limit=all.inFlight=-1", "--limits-mode=partner", "--limits-mode=partner=warn", "--limits-mode=visitor=measure",
		"--rate=partner", "--rate=partner=7", "--rate=partner=0/0", "--rate=partner=7/0", "--rate=partner=x/7", "--rate=visitor=off", "--rate=partner=on",
	} {
		if err := run(context.Background(), []string{"limits", bad}, nil, io.Discard, io.Discard); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// A client's points are one account at all gateways, and the catalog answers without Redis.
func TestRatesOverTheRealWires(t *testing.T) {
	rate := graph.Rate{PerMinute: 6, Burst: 12}
	limits := limitFlags{Rate: []classRate{{class: "nobody", rate: rate}, {class: "guest", rate: rate}}}
	r := newRigOf(t, "embedded", demo.Builtin(1, time.Now()).Corner(4, 4), withLimits(limits))
	const question = `{ products(first: 1) { nodes { code } } }` // 6 points
	ask := func() (status int, retryAfter string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/graphql", strings.NewReader(fmt.Sprintf(`{"query": %q}`, question)))
		must(t, err)
		request.Header.Set("Content-Type", "application/json")
		response, err := r.client.Do(request)
		must(t, err)
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		must(t, err)
		return response.StatusCode, response.Header.Get("Retry-After")
	}
	for range 2 {
		if status, _ := ask(); status != http.StatusOK {
			t.Fatalf("got %d", status)
		}
	}
	if status, retryAfter := ask(); status != http.StatusTooManyRequests || retryAfter == "" {
		t.Errorf("the third got %d, retry after %q", status, retryAfter)
	}
	if keys := r.redis.Keys(t.Context(), r.prefix+"rate:*").Val(); len(keys) != 1 || strings.Contains(keys[0], "127.0.0.1") {
		t.Errorf("Redis has %q", keys)
	}
	member := r.token(t, auth.Principal{Role: auth.RoleMember, Subject: "a-1001"})
	if a := r.ask(t, member, question, nil); a.Status != http.StatusOK {
		t.Errorf("a member got %d", a.Status)
	}
	r.embedded.Close()
	guest := r.token(t, auth.Principal{Role: auth.RoleGuest, Subject: "g-rates"})
	for _, want := range []int{http.StatusOK, http.StatusOK, http.StatusTooManyRequests} {
		if a := r.ask(t, guest, question, nil); a.Status != want || want == http.StatusOK && len(a.Errors) > 0 {
			t.Errorf("without Redis a guest got %d %v, want %d", a.Status, a.Errors, want)
		}
	}
}
