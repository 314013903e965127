package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/demo"
)

// asLoad makes the test binary be a generator of load; its value is a loadSpec.
const asLoad = "PORTICO_TEST_AS_LOAD"

// loadSpec is what a generator does: its phases one after the other.
type loadSpec struct {
	URL    string
	Kinds  []loadKind
	Phases []loadPhase
}

// loadKind is one kind of client. $KEY in the body is another text each time.
type loadKind struct{ Name, Token, Body string }

// loadPhase sends so many requests a second of each kind, whatever comes back (open loop). With Workers instead, so many
// clients ask one after the other (closed loop), the kinds in these proportions.
type loadPhase struct {
	Rates   []float64
	Workers int
	Seconds float64
}

// loadResult is what came back in one phase for one kind.
type loadResult struct {
	Sent, Served, Refused, Failed int
	NoRetryAfter                  int    // refusals without it
	Failure                       string // one of them
	P50, P99                      float64
	RefusedP50, RefusedP99        float64 // milliseconds from sending; served ones count from when they were due
	Windows                       []int   // served in each tenth of a second after they were due
	DueIn                         []int   // due in each tenth of a second
}

// TestLoadProcess is no test: it is the process that the benchmark below starts.
func TestLoadProcess(t *testing.T) {
	text := os.Getenv(asLoad)
	if text == "" {
		t.Skip("is started by a benchmark")
	}
	var spec loadSpec
	must(t, json.Unmarshal([]byte(text), &spec))
	runtime.GOMAXPROCS(1)
	g := generator{spec: spec, client: &http.Client{
		Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 512, MaxConnsPerHost: 256},
	}}
	results := make([][]loadResult, len(spec.Phases))
	for i, p := range spec.Phases {
		results[i] = g.phase(p)
	}
	text2, err := json.Marshal(results)
	must(t, err)
	_, _ = fmt.Fprintf(os.Stderr, "\nload: %s\n", text2)
}

type generator struct {
	spec   loadSpec
	client *http.Client
	key    int
}

// sample is one request.
type sample struct {
	kind      int
	due, sent time.Duration
	done      time.Duration
	status    int
	noRetry   bool
	said      string // of a failure
}

const outstanding = 1024

func (g *generator) phase(p loadPhase) []loadResult {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	started := time.Now()
	end := time.Duration(p.Seconds * float64(time.Second))
	var mu sync.Mutex
	var samples []sample
	var all sync.WaitGroup
	room := make(chan struct{}, outstanding)
	send := func(kind int, body string, due time.Duration) {
		s := g.ask(ctx, kind, body, started)
		s.due = due
		mu.Lock()
		samples = append(samples, s)
		mu.Unlock()
	}
	if p.Workers > 0 {
		for w := range p.Workers {
			all.Go(func() {
				for i := 0; time.Since(started) < end; i++ {
					kind := pick(p.Rates, (float64(i)*0.618033988749895+float64(w)*0.37)-float64(int(float64(i)*0.618033988749895+float64(w)*0.37)))
					send(kind, g.body(kind, w*1_000_000+i, started), time.Since(started))
				}
			})
		}
	} else {
		g.open(p, started, end, func(kind int, due time.Duration) {
			g.key++
			body := g.body(kind, g.key, started)
			select {
			case room <- struct{}{}:
				all.Go(func() {
					send(kind, body, due)
					<-room
				})
			default: // the generator itself is full: the request was never answered
				mu.Lock()
				samples = append(samples, sample{kind: kind, due: due, done: due})
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return summarize(samples, len(g.spec.Kinds))
}

// open calls arrive for each request when it is due.
func (g *generator) open(p loadPhase, started time.Time, end time.Duration, arrive func(kind int, due time.Duration)) {
	next := make([]time.Duration, len(p.Rates))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for now := time.Duration(0); now < end; now = time.Since(started) {
		for kind, rate := range p.Rates {
			for rate > 0 && next[kind] <= now {
				arrive(kind, next[kind])
				next[kind] += time.Duration(float64(time.Second) / rate)
			}
		}
		<-tick.C
	}
}

func pick(loadShares []float64, at float64) int {
	sum := 0.0
	for _, s := range loadShares {
		sum += s
	}
	for kind, s := range loadShares {
		if at -= s / sum; at < 0 {
			return kind
		}
	}
	return 0
}

func (g *generator) body(kind, n int, started time.Time) string {
	return strings.ReplaceAll(g.spec.Kinds[kind].Body, "$KEY", fmt.Sprintf("%d-%d", started.UnixNano(), n))
}

func (g *generator) ask(ctx context.Context, kind int, body string, started time.Time) sample {
	s := sample{kind: kind, sent: time.Since(started)}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { s.sent = time.Since(started) }})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.spec.URL+"/graphql", strings.NewReader(body))
	if err != nil {
		return s
	}
	request.Header.Set("Content-Type", "application/json")
	if token := g.spec.Kinds[kind].Token; token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := g.client.Do(request)
	if err == nil {
		var text []byte
		text, err = io.ReadAll(response.Body)
		response.Body.Close()
		s.status = response.StatusCode
		s.noRetry = response.Header.Get("Retry-After") == ""
		if err != nil || s.status == http.StatusOK && strings.Contains(string(text), `"errors"`) {
			s.status, s.said = 0, string(text)
		}
	}
	s.done = time.Since(started)
	return s
}

func summarize(samples []sample, kinds int) []loadResult {
	out := make([]loadResult, kinds)
	for kind := range out {
		r := &out[kind]
		var served, refused []float64
		for _, s := range samples {
			if s.kind != kind {
				continue
			}
			r.Sent++
			window := int(s.due / (100 * time.Millisecond))
			for len(r.DueIn) <= window {
				r.DueIn, r.Windows = append(r.DueIn, 0), append(r.Windows, 0)
			}
			r.DueIn[window]++
			switch s.status {
			case http.StatusOK:
				r.Served++
				r.Windows[window]++
				served = append(served, (s.done-s.due).Seconds()*1000)
			case http.StatusServiceUnavailable, http.StatusTooManyRequests:
				r.Refused++
				if s.noRetry {
					r.NoRetryAfter++
				}
				refused = append(refused, (s.done-s.sent).Seconds()*1000)
			default:
				r.Failed++
				r.Failure = s.said
			}
		}
		r.P50, r.P99 = middleAndTail(served)
		r.RefusedP50, r.RefusedP99 = middleAndTail(refused)
	}
	return out
}

func middleAndTail(of []float64) (p50, p99 float64) {
	if len(of) == 0 {
		return 0, 0
	}
	slices.Sort(of)
	return of[len(of)/2], of[len(of)*99/100]
}

// generate runs a generator in a process of its own.
func generate(b *testing.B, spec loadSpec) [][]loadResult {
	b.Helper()
	text, err := json.Marshal(spec)
	must(b, err)
	program, err := os.Executable()
	must(b, err)
	child := exec.CommandContext(b.Context(), program, "-test.run=^TestLoadProcess$", "-test.count=1")
	child.Env = append(os.Environ(), asLoad+"="+string(text))
	var said strings.Builder
	child.Stderr = &said
	if err := child.Run(); err != nil {
		b.Fatalf("%v\n%s", err, said.String())
	}
	_, result, found := strings.Cut(said.String(), "load: ")
	if !found {
		b.Fatal(said.String())
	}
	var results [][]loadResult
	must(b, json.Unmarshal([]byte(result), &results))
	return results
}

// Kinds of clients, and how much of the load they are.
const (
	ofStrangers = iota
	ofMembers
	ofOrders
	ofPartner
)

var loadShares = []float64{ofStrangers: .80, ofMembers: .15, ofOrders: .05, ofPartner: 0}

func scaled(rates []float64, by float64) []float64 {
	out := make([]float64, len(rates))
	for i, r := range rates {
		out[i] = r * by
	}
	return out
}

// BenchmarkOverload gives the gateway one processor and its clients, a process of their own, another: what it serves at most,
// what becomes of three times as much, who is served then, how soon the rest is told, and how soon all is well again; and
// what others notice of a partner that asks ten times its quota instead of its quota. It measures and judges nothing.
func BenchmarkOverload(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	kind := "embedded"
	if os.Getenv("PORTICO_TEST_REDIS_ADDR") != "" {
		kind = "redis"
	}
	const quota = 6000 // points a minute
	limits := limitFlags{Rate: []classRate{{class: "partner"}}}
	limits.Rate[0].rate.PerMinute, limits.Rate[0].rate.Burst = quota, 5*partnerCost
	r := newRigOf(b, kind, demo.Builtin(1, time.Now()), withLimits(limits), calmly,
		// The backends share the processor, which is not to be measured.
		withBackends(func(_ *rig, b *backends) { b.Timeout = 1500 * time.Millisecond }))
	spec := loadSpec{URL: r.url, Kinds: r.loadKinds(b)}
	for b.Loop() {
		spec.Phases = []loadPhase{{Rates: loadShares, Workers: 32, Seconds: 2}, {Rates: loadShares, Workers: 32, Seconds: 5}}
		peak := 0.0
		for _, k := range generate(b, spec)[1] {
			peak += float64(k.Served) / 5
		}
		b.ReportMetric(peak, "peak/s")
		spec.Phases = []loadPhase{
			{Rates: scaled(loadShares, peak/2), Seconds: 5},
			{Rates: scaled(loadShares, peak*3), Seconds: 10},
			{Rates: scaled(loadShares, peak/2), Seconds: 8},
		}
		reportOverload(b, generate(b, spec), peak)
		quiet := scaled(loadShares, peak*.4)
		quiet[ofPartner] = quota / 60. / partnerCost * .95
		noisy := slices.Clone(quiet)
		noisy[ofPartner] *= 10 / .95
		spec.Phases = []loadPhase{{Rates: quiet, Seconds: 8}, {Rates: noisy, Seconds: 8}, {Rates: quiet, Seconds: 8}, {Rates: noisy, Seconds: 8}}
		reportNoise(b, generate(b, spec))
	}
}

// partnerCost is what the partner's question costs.
const partnerCost = 15

// loadKinds are the clients: strangers ask for a wide page, members search, guests begin a cart, a partner lists products.
func (r *rig) loadKinds(b *testing.B) []loadKind {
	b.Helper()
	body := func(query string, variables map[string]any) string {
		text, err := json.Marshal(map[string]any{"query": query, "variables": variables})
		must(b, err)
		return string(text)
	}
	browse := body(fmt.Sprintf(wide, ""), nil) // a page of 20 products with prices and five stores each
	return []loadKind{
		ofStrangers: {Name: "strangers", Body: browse},
		ofMembers: {
			Name: "members", Token: r.token(b, auth.Principal{Role: auth.RoleMember, Subject: "a-1001"}),
			Body: body(`query Product { products(first: 10, search: "cotton") { nodes { id title variants { sku } } } }`, nil),
		},
		ofOrders: {
			Name: "orders", Token: r.token(b, auth.Principal{Role: auth.RoleGuest, Subject: "g-load"}),
			Body: body(`mutation Start($key: String!) { cartCreate(input: {}, idempotencyKey: $key) { cart { id version } userErrors { code } } }`,
				map[string]any{"key": "$KEY"}),
		},
		ofPartner: {Name: "partner", Token: r.token(b, auth.Principal{Role: auth.RolePartner, Subject: "maptown", Client: "maptown"}), Body: body(`query Goods { products(first: 10) { nodes { id title } } }`, nil)},
	}
}

func percent(part, of int) float64 { return 100 * float64(part) / float64(max(1, of)) }

func reportOverload(b *testing.B, phases [][]loadResult, peak float64) {
	b.Helper()
	before, over, after := phases[0], phases[1], phases[2]
	for i, name := range []string{"before", "over", "after"} {
		for kind, k := range phases[i] {
			b.Logf("%s, %d: sent %d, served %d, refused %d, failed %d, p50 %.1f, p99 %.1f ms %.300s", name, kind,
				k.Sent, k.Served, k.Refused, k.Failed, k.P50, k.P99, k.Failure)
		}
	}
	good, sent, refused, bare, failed := 0, 0, 0, 0, 0
	normal, admitted, told, toldTypical := 0.0, 0.0, 0.0, 0.0
	for i, k := range over {
		good, sent, refused, bare, failed = good+k.Served, sent+k.Sent, refused+k.Refused, bare+k.NoRetryAfter, failed+k.Failed
		normal, admitted = max(normal, before[i].P99), max(admitted, k.P99)
		told, toldTypical = max(told, k.RefusedP99), max(toldTypical, k.RefusedP50)
	}
	b.ReportMetric(float64(sent)/10/peak, "offered/peak")
	b.ReportMetric(float64(good)/10/peak, "goodput/peak")
	b.ReportMetric(percent(over[ofOrders].Served, over[ofOrders].Sent), "%orders")
	b.ReportMetric(percent(over[ofMembers].Served, over[ofMembers].Sent), "%members")
	b.ReportMetric(percent(over[ofStrangers].Served, over[ofStrangers].Sent), "%strangers")
	b.ReportMetric(percent(failed, sent), "%failed")
	b.ReportMetric(normal, "normal-p99-ms")
	b.ReportMetric(admitted, "admitted-p99-ms")
	b.ReportMetric(over[ofOrders].P99, "orders-p99-ms")
	b.ReportMetric(toldTypical, "refusal-p50-ms")
	b.ReportMetric(told, "refusal-p99-ms")
	b.ReportMetric(percent(refused-bare, refused), "%refusals-with-retry-after")
	b.ReportMetric(recovered(after), "recovery-s")
}

// recovered is from when on 99 % of what is due in a tenth of a second is served, in seconds.
func recovered(after []loadResult) float64 {
	last := 0
	for w := range after[ofStrangers].DueIn {
		due, served := 0, 0
		for _, k := range after {
			if w < len(k.DueIn) {
				due, served = due+k.DueIn[w], served+k.Windows[w]
			}
		}
		if float64(served) < .99*float64(due) {
			last = w + 1
		}
	}
	return float64(last) / 10
}

func reportNoise(b *testing.B, phases [][]loadResult) {
	b.Helper()
	p99 := func(phases ...[]loadResult) float64 {
		sum := 0.0
		for _, p := range phases {
			sum += p[ofStrangers].P99
		}
		return sum / float64(len(phases))
	}
	b.ReportMetric(p99(phases[0], phases[2]), "others-p99-ms-quiet")
	b.ReportMetric(p99(phases[1], phases[3]), "others-p99-ms-noisy")
	b.ReportMetric(p99(phases[1], phases[3])/p99(phases[0], phases[2]), "others-p99-noisy/quiet")
	b.ReportMetric(percent(phases[1][ofPartner].Served, phases[1][ofPartner].Sent), "%partner-served")
	b.ReportMetric(phases[1][ofPartner].RefusedP50, "partner-refusal-p50-ms")
}
