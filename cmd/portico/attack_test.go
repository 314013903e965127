package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime/metrics"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/demo"
)

// marker is in every attack, in a place where a gateway must not repeat it: a text, a comment, a header.
const marker = "zqx7marker"

// nonce stands for something new in every attempt, so that no cache of documents and no idempotency key answers for the
// gateway.
const nonce = "~NONCE~"

// attack is one way to make a gateway work too much, say too much or fall over, at any size.
type attack struct {
	name string
	from string // where it is known from
	// limit is the size at which the gateway's own bound for it lies; ten times as much has to be refused.
	limit int
	// harmless marks a shape without a bound of its own: whatever fits into a body may be answered.
	harmless bool
	make     func(n int) hostile
}

// hostile is one HTTP request of an attack.
type hostile struct {
	method, path string // POST and /graphql when empty
	header       http.Header
	body         string
}

const (
	bodyRoom = 128 << 10 // what a body may hold: graph.DefaultLimits
	headRoom = 15 << 10  // what a line and headers may hold, less what every client sends
)

// fits reports whether the gateway reads a request at all.
func (h hostile) fits() bool {
	head := len(h.path)
	for name, values := range h.header {
		for _, v := range values {
			head += len(name) + len(v) + 4
		}
	}
	return len(h.body) <= bodyRoom && head <= headRoom
}

// sizes are a small attack, one at the limit, ten times that, and as much as the gateway reads.
func (a attack) sizes() []int {
	beyond := 1
	for beyond < bodyRoom && a.make(beyond).fits() { // a number grows its text hardly
		beyond *= 2
	}
	most := beyond/2 + sort.Search(beyond-beyond/2, func(n int) bool { return !a.make(beyond/2 + n + 1).fits() })
	return []int{min(2, a.limit), a.limit, 10 * a.limit, most}
}

// send makes one attempt and returns the answer.
func (r *target) send(t testing.TB, h hostile, token string) (status int, body []byte) {
	t.Helper()
	fresh := func(text string) string { return strings.ReplaceAll(text, nonce, fmt.Sprintf("%07d", r.attempts)) }
	method, path := h.method, h.path
	if method == "" {
		method = http.MethodPost
	}
	if path == "" {
		path = "/graphql"
	}
	request, err := http.NewRequestWithContext(t.Context(), method, r.url+fresh(path), strings.NewReader(fresh(h.body)))
	must(t, err)
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for name, values := range h.header {
		request.Header.Del(name)
		for _, v := range values {
			request.Header[http.CanonicalHeaderKey(name)] = append(request.Header[http.CanonicalHeaderKey(name)], fresh(v))
		}
	}
	response, err := r.client.Do(request)
	if err != nil {
		return 0, nil // the connection was closed: the gateway had answered before everything was sent, or was not asked
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	if err != nil {
		return 0, nil
	}
	return response.StatusCode, body
}

// spent is what an attempt took of the whole process, client and systems of record together.
type spent struct {
	cpu   time.Duration
	bytes uint64
}

func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

const (
	mostCPU    = 50 * time.Millisecond
	raceFactor = 10 // by which the race detector slows programs down at most, as a rule: go.dev/doc/articles/race_detector
	mostBytes  = 16 << 20
	mostAnswer = 10 << 10 // of a refusal
	attempts   = 15       // in doubt
)

// bounds are what an attempt may take. What is allocated is the same with the race detector.
func bounds() spent {
	if raceEnabled {
		return spent{raceFactor * mostCPU, mostBytes}
	}
	return spent{mostCPU, mostBytes}
}

func (s spent) within(b spent) bool { return s.cpu <= b.cpu && s.bytes <= b.bytes }

// medianOf returns what one attempt took or, when that is beyond the bounds, the median of each figure of many: whatever else the
// process does, such as collecting garbage, counts with some of them only.
func medianOf(b spent, attempt func()) (took spent) {
	for _, n := range []int{1, attempts} {
		cpus, sizes := make([]time.Duration, n), make([]uint64, n)
		for i := range n {
			cpu, heap := processCPU(), allocated()
			attempt()
			cpus[i], sizes[i] = processCPU()-cpu, allocated()-heap
		}
		slices.Sort(cpus)
		slices.Sort(sizes)
		if took = (spent{cpus[n/2], sizes[n/2]}); took.within(b) {
			break
		}
	}
	return took
}

// measure sends an attack and returns what it took and the last answer.
func (r *target) measure(t testing.TB, h hostile, token string) (took spent, status int, body []byte) {
	t.Helper()
	took = medianOf(bounds(), func() {
		r.attempts++
		status, body = r.send(t, h, token)
	})
	return took, status, body
}

// judge says what is wrong with an answer.
func (a attack) judge(h hostile, refused bool, status int, body []byte) (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if status == 0 {
		if h.fits() {
			complain("the connection was closed without an answer")
		}
		return wrong
	}
	if status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable && status != http.StatusNotImplemented {
		complain("status %d", status)
	}
	var said struct {
		Data   json.RawMessage
		Errors []struct {
			Message    string
			Extensions json.RawMessage
		}
	}
	if len(body) > 0 && (h.path == "" || strings.HasPrefix(h.path, "/graphql?")) {
		if err := json.Unmarshal(body, &said); err != nil && status != http.StatusRequestHeaderFieldsTooLarge && status != http.StatusBadRequest {
			complain("no JSON: %v", err)
		}
	}
	repeats := body
	if said.Data != nil { // data may hold what was asked for, and paths the names that the client chose
		repeats = nil
		for _, e := range said.Errors {
			repeats = append(append(repeats, e.Message...), e.Extensions...)
		}
	}
	if bytes.Contains(repeats, []byte(marker)) {
		complain("repeats what was sent")
	}
	executed := said.Data != nil && !bytes.Equal(said.Data, []byte("null"))
	if !executed && len(body) > mostAnswer {
		complain("a refusal of %d bytes", len(body))
	}
	if refused && status < 400 && len(said.Errors) == 0 && !bytes.Contains(said.Data, []byte(`"userErrors":[{`)) {
		complain("answered")
	}
	return wrong
}

// target is a gateway under attack.
type target struct {
	*rig

	attempts int // so far: each is new
}

// attackers are callers of the tightest, an ordinary and the widest class.
func (r *target) attackers(t testing.TB) map[string]string {
	return map[string]string{
		"nobody": "", "a guest": r.token(t, auth.Principal{Role: auth.RoleGuest, Subject: "g-attacks"}), "an operator": r.operator,
	}
}

// newTarget is a gateway with introspection, so that its limits are all that holds, and without rates.
func newTarget(t testing.TB) *target {
	t.Helper()
	return &target{rig: newRigOf(t, "embedded", demo.Builtin(1, time.Now()).Corner(100, 100), calmly, patiently)}
}

func TestNoAttackIsWorthItsBytes(t *testing.T) {
	oneByOne(t)
	r := newTarget(t)
	who := r.attackers(t)
	normal := func() {
		t.Helper()
		if got := r.ask(t, "", `{ product(sku: "10000018") { title } }`, nil); got.Status != 200 || !strings.Contains(string(got.Data), `"title":"`) {
			t.Fatalf("a normal query: %d %s %v", got.Status, got.Data, got.Errors)
		}
	}
	normal()
	var all []figure
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			for size, n := range a.sizes() {
				for _, caller := range []string{"nobody", "a guest", "an operator"} {
					h := a.make(n)
					took, status, body := r.measure(t, h, who[caller])
					all = append(all, figure{fmt.Sprintf("%s × %d by %s", a.name, n, caller), took, status, len(h.body)})
					for _, wrong := range a.judge(h, size >= 2 && n >= 10*a.limit && !a.harmless, status, body) {
						t.Errorf("× %d by %s: %s: %d %.200s", n, caller, wrong, status, body)
					}
					if !took.within(bounds()) {
						t.Errorf("× %d by %s takes %v of CPU and allocates %d KB: %d %.100s", n, caller, took.cpu, took.bytes>>10, status, body)
					}
				}
			}
			normal()
		})
	}
	report(t, all)
}

// figure is what one attack of one size took.
type figure struct {
	what   string
	took   spent
	status int
	sent   int
}

// report logs the worst.
func report(t *testing.T, all []figure) {
	const most = 10
	slices.SortFunc(all, func(a, b figure) int { return int(b.took.cpu - a.took.cpu) })
	for _, f := range all[:min(most, len(all))] {
		t.Logf("CPU %8v  %6d KB  status %d  %6d bytes sent  %s", f.took.cpu.Round(10*time.Microsecond), f.took.bytes>>10, f.status, f.sent, f.what)
	}
	slices.SortFunc(all, func(a, b figure) int { return int(b.took.bytes>>10) - int(a.took.bytes>>10) })
	for _, f := range all[:min(most, len(all))] {
		t.Logf("heap %6d KB  %8v  status %d  %6d bytes sent  %s", f.took.bytes>>10, f.took.cpu.Round(10*time.Microsecond), f.status, f.sent, f.what)
	}
}

func TestAttacksHaveNamesSourcesAndSizes(t *testing.T) {
	oneByOne(t)
	seen := map[string]bool{}
	list := attacks()
	for _, a := range list {
		if a.name == "" || a.from == "" || a.limit < 1 || seen[a.name] {
			t.Errorf("%q is not described, or twice", a.name)
		}
		seen[a.name] = true
		sizes := a.sizes()
		if !slices.IsSorted(sizes[:3]) || !a.make(sizes[3]).fits() {
			t.Errorf("%s: sizes %v", a.name, sizes)
		}
		whole := fmt.Sprint(a.make(sizes[1]))
		if !strings.Contains(whole, marker) || !strings.Contains(whole, nonce) {
			t.Errorf("%s: no marker or nothing new in each attempt", a.name)
		}
	}
	if len(list) < 60 {
		t.Errorf("only %d attacks", len(list))
	}
}
