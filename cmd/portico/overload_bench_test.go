package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/graph"
	"github.com/portico-retail/portico/integrations/demo"
)

// asLoad makes the test binary be a generator of load, of the loadSpec that it reads.
const asLoad = "PORTICO_TEST_AS_LOAD"

// loadSpec is what a generator does: its phases one after the other.
type loadSpec struct {
	URL    string
	Kinds  []loadKind
	Phases []loadPhase
}

// loadKind is one kind of client. $KEY in the body is another text each time. Several tokens are several people, each with an
// address of their own, who take turns; without one everybody is a stranger with an address of a thousand.
type loadKind struct {
	Name, Body string
	// Then is asked when the first was served, with its $CART and $VERSION; both count as one.
	Then   string
	Tokens []string
}

// loadPhase sends so many requests a second of each kind, whatever comes back (open loop), at times that are drawn by lot from Seed
// for each kind. With Workers instead, so many clients ask one after the other (closed loop), the kinds in these proportions.
type loadPhase struct {
	Rates   []float64
	Workers int
	Seconds float64
	Seed    uint64
}

// loadResult is what came back in one phase for one kind.
type loadResult struct {
	Sent, Served, Refused, Failed int
	NoRetryAfter                  int    // refusals without it
	Failure                       string // one of them
	P50, P99                      float64
	RefusedP50, RefusedP99        float64   // milliseconds from sending; served ones count from when they were due
	Windows                       []int     // served in each tenth of a second after they were due
	DueIn                         []int     // due in each tenth of a second
	Took, Told                    []float64 // milliseconds of the served and the refused ones, sorted
}

// loadReport is what a generator has to say of a phase.
type loadReport struct {
	Kinds []loadResult
	CPU   float64 // of the generator itself, as a part of one processor
}

// TestLoadProcess is no test: it is the process that the benchmark below starts.
func TestLoadProcess(t *testing.T) {
	if os.Getenv(asLoad) == "" {
		t.Skip("is started by a benchmark")
	}
	var spec loadSpec
	must(t, json.NewDecoder(os.Stdin).Decode(&spec))
	runtime.GOMAXPROCS(1)
	g := generator{spec: spec, visits: make([]int, len(spec.Kinds)), client: &http.Client{
		Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 512, MaxConnsPerHost: 256},
	}}
	results := make([]loadReport, len(spec.Phases))
	for i, p := range spec.Phases {
		before := processCPU()
		results[i].Kinds = g.phase(p)
		results[i].CPU = (processCPU() - before).Seconds() / p.Seconds
	}
	text2, err := json.Marshal(results)
	must(t, err)
	_, _ = fmt.Fprintf(os.Stderr, "\nload: %s\n", text2)
}

type generator struct {
	spec   loadSpec
	client *http.Client
	key    int

	mu     sync.Mutex
	visits []int // of each kind
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
		s := g.visit(ctx, kind, body, started)
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

// open calls arrive for each request when it is due. Arrivals know nothing of each other: the pauses between them are exponential.
func (g *generator) open(p loadPhase, started time.Time, end time.Duration, arrive func(kind int, due time.Duration)) {
	next, lots := make([]time.Duration, len(p.Rates)), make([]*rand.Rand, len(p.Rates))
	pause := func(kind int) time.Duration {
		return time.Duration(lots[kind].ExpFloat64() * float64(time.Second) / p.Rates[kind])
	}
	for kind, rate := range p.Rates {
		if lots[kind] = rand.New(rand.NewPCG(p.Seed, uint64(kind))); rate > 0 {
			next[kind] = pause(kind)
		}
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for now := time.Duration(0); now < end; now = time.Since(started) {
		for kind, rate := range p.Rates {
			for rate > 0 && next[kind] <= now {
				arrive(kind, next[kind])
				next[kind] += pause(kind)
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

// visit asks what one of a kind asks; a visit of two questions takes until the second is answered.
func (g *generator) visit(ctx context.Context, kind int, body string, started time.Time) sample {
	k := g.spec.Kinds[kind]
	g.mu.Lock()
	g.visits[kind]++
	n := g.visits[kind]
	g.mu.Unlock()
	token := ""
	if len(k.Tokens) > 0 {
		n %= len(k.Tokens)
		token = k.Tokens[n]
	}
	address := fmt.Sprintf("10.%d.%d.%d", kind, n/250%4, n%250)
	s, text := g.ask(ctx, token, address, body, started)
	s.kind = kind
	if k.Then == "" || s.status != http.StatusOK {
		return s
	}
	cart := cartForm.FindSubmatch(text)
	if cart == nil {
		s.status, s.said = 0, string(text)
		return s
	}
	key := string(cart[1])
	then := strings.NewReplacer("$CART", string(cart[1]), `"$VERSION"`, string(cart[2]), "$KEY", key).Replace(k.Then)
	second, _ := g.ask(ctx, token, address, then, started)
	second.kind, second.sent = kind, s.sent
	return second
}

var cartForm = regexp.MustCompile(`"cart":\{"id":"([^"]+)","version":([0-9]+)`)

func (g *generator) ask(ctx context.Context, token, address, body string, started time.Time) (s sample, text []byte) {
	s.sent = time.Since(started)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { s.sent = time.Since(started) }})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.spec.URL+"/graphql", strings.NewReader(body))
	if err != nil {
		return s, nil
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Forwarded-For", address)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := g.client.Do(request)
	if err == nil {
		text, err = io.ReadAll(response.Body)
		response.Body.Close()
		s.status = response.StatusCode
		s.noRetry = response.Header.Get("Retry-After") == ""
		if err != nil || s.status == http.StatusOK && (bytes.Contains(text, []byte(`"errors"`)) || bytes.Contains(text, []byte(`"userErrors":[{`))) {
			s.status, s.said = 0, string(text)
		}
	}
	s.done = time.Since(started)
	return s, text
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
		r.Took, r.Told = served, refused
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
func generate(b *testing.B, spec loadSpec) []loadReport {
	b.Helper()
	text, err := json.Marshal(spec)
	must(b, err)
	program, err := os.Executable()
	must(b, err)
	child := exec.CommandContext(b.Context(), program, "-test.run=^TestLoadProcess$", "-test.count=1")
	child.Stdin = bytes.NewReader(text)
	child.Env = append(os.Environ(), asLoad+"=1")
	var said strings.Builder
	child.Stderr = &said
	if err := child.Run(); err != nil {
		b.Fatalf("%v\n%s", err, said.String())
	}
	_, result, found := strings.Cut(said.String(), "load: ")
	if !found {
		b.Fatal(said.String())
	}
	var results []loadReport
	must(b, json.Unmarshal([]byte(result), &results))
	return results
}

// Kinds of clients, and how much of the load they are.
const (
	ofStrangers = iota
	ofMembers
	ofHolds
	ofPurchases
	ofPartner
)

var (
	loadNames  = []string{ofStrangers: "strangers", ofMembers: "members", ofHolds: "holds", ofPurchases: "purchases", ofPartner: "partner"}
	loadShares = []float64{ofStrangers: .80, ofMembers: .15, ofHolds: .04, ofPurchases: .01, ofPartner: 0}
)

func scaled(rates []float64, by float64) []float64 {
	out := make([]float64, len(rates))
	for i, r := range rates {
		out[i] = r * by
	}
	return out
}

const (
	loadQuota   = 6000 // points a minute
	partnerCost = 15   // of the partner's question
	loadSKU     = "10000018"
	loadPlace   = "S-SH01"
)

// newLoad gives the gateway, its limits and the stand-ins of its backends one processor; clients, a process of their own, have another.
func newLoad(b *testing.B) (*rig, loadSpec) {
	b.Helper()
	before := runtime.GOMAXPROCS(1)
	b.Cleanup(func() { runtime.GOMAXPROCS(before) })
	kind := "embedded"
	if os.Getenv("PORTICO_TEST_REDIS_ADDR") != "" {
		kind = "redis"
	}
	limits := limitFlags{
		Rate:  []classRate{{class: "partner", rate: graph.Rate{PerMinute: loadQuota, Burst: 5 * partnerCost}}},
		Limit: []classLimit{{class: "guest", limit: inFlight, value: 6}},
	}
	retailer := demo.Builtin(1, time.Now()).AlwaysOpen()
	retailer.Stock = slices.Clone(retailer.Stock)
	for i, s := range retailer.Stock {
		if s.Location == loadPlace && s.SKU == loadSKU {
			retailer.Stock[i].OnHand, retailer.Stock[i].Ranged = 60_000, true
		}
	}
	r := newRigOf(b, kind, retailer, withLimits(limits), calmly,
		withServer(func(c *graph.ServerConfig) { c.TrustedProxies = []string{"127.0.0.1"} }), // guests have households of their own
		withTerms(func(t *terms) { t.Holds.GuestTTL = 2 * time.Second }),                     // they come again
		// The backends share the processor, which is not to be measured.
		withBackends(func(_ *rig, b *backends) { b.Timeout = 1500 * time.Millisecond }))
	return r, loadSpec{URL: r.url, Kinds: r.loadKinds(b)}
}

// loadKinds are the clients: strangers ask for a wide page, members search, guests hold a product, others begin a cart and order, a
// partner lists products.
func (r *rig) loadKinds(b *testing.B) []loadKind {
	b.Helper()
	body := func(query string, variables map[string]any) string {
		text, err := json.Marshal(map[string]any{"query": query, "variables": variables})
		must(b, err)
		return string(text)
	}
	guests := func(name string) []string {
		list := make([]string, 300)
		for i := range list {
			list[i] = r.token(b, auth.Principal{Role: auth.RoleGuest, Subject: fmt.Sprintf("g-%s-%d", name, i)})
		}
		return list
	}
	return []loadKind{
		ofStrangers: {Body: body(fmt.Sprintf(wide, ""), nil)}, // a page of 20 products with prices and five stores each
		ofMembers: {
			Tokens: []string{r.token(b, auth.Principal{Role: auth.RoleMember, Subject: "a-1001"})},
			Body:   body(`query Product { products(first: 10, search: "cotton") { nodes { id title variants { sku } } } }`, nil),
		},
		ofHolds: {Tokens: guests("holds"), Body: body(createHold, map[string]any{"key": "$KEY", "input": map[string]any{
			"locationId": loadPlace, "items": []any{map[string]any{"sku": loadSKU, "quantity": 1}},
		}})},
		ofPurchases: {
			Tokens: guests("buys"), // unpaid orders count among the holds of who placed them
			Body: body(`mutation Start($input: CartCreateInput!, $key: String!) { cartCreate(input: $input, idempotencyKey: $key) {
				cart { id version } userErrors { code } } }`, map[string]any{
				"key": "$KEY", "input": map[string]any{"lines": []any{cartLine{sku: loadSKU, place: loadPlace, quantity: 1}.input()}},
			}),
			Then: body(checkOut, map[string]any{"key": "$KEY", "input": map[string]any{
				"cartId": "$CART", "cartVersion": "$VERSION", "contact": map[string]any{"name": "王芳", "phone": "13800138000"},
			}}),
		},
		ofPartner: {
			Tokens: []string{r.token(b, auth.Principal{Role: auth.RolePartner, Subject: "maptown", Client: "maptown"})},
			Body:   body(`query Goods { products(first: 10) { nodes { id title } } }`, nil),
		},
	}
}

// peakOf is what the gateway serves a second at most of so much of each kind, to clients that ask one after the other: as few as keep it
// busy, because of more some are refused and ask again at once, which is no peak but too much already.
func peakOf(b *testing.B, spec loadSpec, shares []float64) float64 {
	b.Helper()
	const seconds = 3
	spec.Phases = []loadPhase{{Rates: shares, Workers: 4, Seconds: 2}} // warms up
	for _, workers := range []int{2, 4, 8} {
		spec.Phases = append(spec.Phases, loadPhase{Rates: shares, Workers: workers, Seconds: seconds})
	}
	most := 0.
	for i, phase := range generate(b, spec)[1:] {
		served, refused := 0, 0
		for kind, k := range phase.Kinds {
			served, refused = served+k.Served, refused+k.Refused
			if k.Failed > 0 {
				b.Logf("looking for the peak, %d of %s failed: %.300s", k.Failed, loadNames[kind], k.Failure)
			}
		}
		b.Logf("%d clients at once: served %d a second, refused %d", spec.Phases[i+1].Workers, served/seconds, refused/seconds)
		most = max(most, float64(served)/seconds)
	}
	return most
}

// rounds of everything: what is reported is the middle one of each figure, so that one disturbance of the machine is none of the result.
const rounds = 3

// BenchmarkOverload measures what the gateway serves at most, what becomes of three times as much, who is served then, how soon the rest is
// told, and how soon all is well again. It measures and judges nothing. Who goes first asks other things than most, so what is served of
// too much is compared with the peak of that mix as well.
func BenchmarkOverload(b *testing.B) {
	_, spec := newLoad(b)
	for b.Loop() {
		figures := map[string][]float64{}
		for round := range rounds {
			most := peakOf(b, spec, loadShares)
			seed := uint64(round)
			spec.Phases = []loadPhase{
				{Rates: scaled(loadShares, most/2), Seconds: 5, Seed: seed},
				{Rates: scaled(loadShares, most*3), Seconds: 8, Seed: seed},
				{Rates: scaled(loadShares, most/2), Seconds: 6, Seed: seed},
			}
			phases := generate(b, spec)
			found := overloadFigures(b, phases, most, 8)
			served, good := make([]float64, len(loadShares)), 0.
			for kind, k := range phases[1].Kinds {
				served[kind] = float64(k.Served)
				good += served[kind]
			}
			found["goodput/peak-of-its-mix"] = good / 8 / peakOf(b, spec, scaled(served, 1/good))
			for name, value := range found {
				figures[name] = append(figures[name], value)
			}
		}
		for name, values := range figures {
			b.ReportMetric(median(values), name)
		}
	}
}

func percent(part, of int) float64 { return 100 * float64(part) / float64(max(1, of)) }

// overloadFigures are those of one round.
func overloadFigures(b *testing.B, phases []loadReport, most, seconds float64) map[string]float64 {
	b.Helper()
	for i, name := range []string{"before", "over", "after"} {
		for kind, k := range phases[i].Kinds {
			b.Logf("%s, %s: sent %d, served %d, refused %d, failed %d, p50 %.1f, p99 %.1f ms %.300s", name, loadNames[kind],
				k.Sent, k.Served, k.Refused, k.Failed, k.P50, k.P99, k.Failure)
		}
	}
	before, over, after := phases[0].Kinds, phases[1].Kinds, phases[2].Kinds
	f := map[string]float64{
		"peak/s": most, "%generator": 100 * phases[1].CPU, "recovery-s": recovered(after),
		"%strangers": percent(over[ofStrangers].Served, over[ofStrangers].Sent),
		"%members":   percent(over[ofMembers].Served, over[ofMembers].Sent),
		"%holds":     percent(over[ofHolds].Served, over[ofHolds].Sent),
		"%purchases": percent(over[ofPurchases].Served, over[ofPurchases].Sent),
	}
	good, sent, refused, bare, failed := 0, 0, 0, 0, 0
	for _, k := range over {
		good, sent, refused, bare, failed = good+k.Served, sent+k.Sent, refused+k.Refused, bare+k.NoRetryAfter, failed+k.Failed
	}
	f["offered/peak"], f["goodput/peak"] = float64(sent)/seconds/most, float64(good)/seconds/most
	f["%failed"], f["%refusals-with-retry-after"] = percent(failed, sent), percent(refused-bare, refused)
	f["deeds-p99-ms-normal"], f["deeds-p99-ms-over"] = tail(before, ofHolds, ofPurchases), tail(over, ofHolds, ofPurchases)
	f["reads-p99-ms-normal"], f["reads-p99-ms-over"] = tail(before, ofStrangers, ofMembers), tail(over, ofStrangers, ofMembers)
	f["refusal-p50-ms"], f["refusal-p99-ms"] = over[ofStrangers].RefusedP50, over[ofStrangers].RefusedP99
	return f
}

// tail is the 99th percentile of several kinds together.
func tail(of []loadResult, kinds ...int) float64 {
	var took []float64
	for _, kind := range kinds {
		took = append(took, of[kind].Took...)
	}
	_, p99 := middleAndTail(took)
	return p99
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

// BenchmarkNoisyPartner measures what others notice of a partner that asks ten times its quota instead of its quota. Both take turns of a
// few seconds, the others doing the same at the same moments, and each side's tail is that of all its turns together. It
// measures and judges nothing.
func BenchmarkNoisyPartner(b *testing.B) {
	_, spec := newLoad(b)
	for b.Loop() {
		most := peakOf(b, spec, loadShares)
		quiet := scaled(loadShares, most*.4)
		quiet[ofPartner] = loadQuota / 60. / partnerCost
		noisy := slices.Clone(quiet)
		noisy[ofPartner] *= 10
		const turns = 12
		spec.Phases = []loadPhase{{Rates: quiet, Seconds: 2}}
		for turn := range uint64(turns) {
			pair := []loadPhase{{Rates: quiet, Seconds: 3, Seed: turn}, {Rates: noisy, Seconds: 3, Seed: turn}}
			if turn%2 == 1 {
				slices.Reverse(pair)
			}
			spec.Phases = append(spec.Phases, pair...)
		}
		reportNoise(b, generate(b, spec)[1:], most)
	}
}

func reportNoise(b *testing.B, turns []loadReport, most float64) {
	b.Helper()
	took, ratios := [2][]float64{}, []float64{}
	var partner loadResult
	for i := 0; i < len(turns); i += 2 {
		pair := [2]loadReport{turns[i], turns[i+1]}
		if i/2%2 == 1 {
			pair[0], pair[1] = pair[1], pair[0]
		}
		for side, turn := range pair {
			for _, kind := range []int{ofStrangers, ofMembers, ofHolds, ofPurchases} {
				took[side] = append(took[side], turn.Kinds[kind].Took...)
			}
		}
		everybody := []int{ofStrangers, ofMembers, ofHolds, ofPurchases}
		ratios = append(ratios, tail(pair[1].Kinds, everybody...)/tail(pair[0].Kinds, everybody...))
		p := pair[1].Kinds[ofPartner]
		partner.Sent, partner.Served, partner.Told = partner.Sent+p.Sent, partner.Served+p.Served, append(partner.Told, p.Told...)
	}
	quiet50, quiet99 := middleAndTail(took[0])
	noisy50, noisy99 := middleAndTail(took[1])
	told50, told99 := middleAndTail(partner.Told)
	for name, value := range map[string]float64{
		"peak/s": most, "samples": float64(len(took[0])),
		"others-p50-noisy/quiet": noisy50 / quiet50, "others-p99-ms-quiet": quiet99, "others-p99-ms-noisy": noisy99,
		"others-p99-noisy/quiet": noisy99 / quiet99, "others-p99-median-ratio": median(ratios),
		"%partner-served": percent(partner.Served, partner.Sent), "partner-refusal-p50-ms": told50, "partner-refusal-p99-ms": told99,
	} {
		b.ReportMetric(value, name)
	}
}

// BenchmarkRefusedPartner is what a refusal costs: of a partner that does not wait as it was told, and of one that is told for
// the first time; with what the same question costs when it is served.
func BenchmarkRefusedPartner(b *testing.B) {
	for name, quota := range map[string]graph.Rate{
		"served":  {},
		"refused": {PerMinute: 1, Burst: 1},
	} {
		b.Run(name, func(b *testing.B) {
			limits := limitFlags{Rate: []classRate{{class: "partner", rate: quota}}}
			r := newRigOf(b, "embedded", demo.Builtin(1, time.Now()).Corner(4, 20), withLimits(limits), calmly)
			kind := r.loadKinds(b)[ofPartner]
			h := r.gateway.server.Handler()
			ask := func() int {
				request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/graphql", strings.NewReader(kind.Body))
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("Authorization", "Bearer "+kind.Tokens[0])
				w := httptest.NewRecorder()
				h.ServeHTTP(w, request)
				return w.Code
			}
			for range 3 {
				ask()
			}
			b.ReportAllocs()
			for b.Loop() {
				if code := ask(); (code == http.StatusOK) != quota.Zero() {
					b.Fatal(code)
				}
			}
		})
	}
}
