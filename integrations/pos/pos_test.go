package pos_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/portico-retail/portico/integrations/pos"
	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when every test begins.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// office is a head office that says what a test tells it to, by name of request.
type office struct {
	t       *testing.T
	mu      sync.Mutex
	replies map[string][]string // what comes next; the last one stays
	asked   []string            // requests as they came, without envelope
	handler http.HandlerFunc    // instead of replies
}

var bodyOf = regexp.MustCompile(`<Body>(<(\w+).*)</Body>`)

func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if o.handler != nil {
		o.handler(w, r)
		return
	}
	doc, _ := io.ReadAll(r.Body)
	found := bodyOf.FindSubmatch(doc)
	if found == nil || r.URL.Path != "/pos/service" || r.Header.Get("Content-Type") != "application/xml; charset=utf-8" {
		o.t.Errorf("unexpected request %s %s", r.URL, doc)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, string(found[1]))
	name := string(found[2])
	queue := o.replies[name]
	if len(queue) == 0 {
		o.t.Errorf("nobody expected %s", found[1])
		return
	}
	if len(queue) > 1 {
		o.replies[name] = queue[1:]
	}
	_, _ = io.WriteString(w, envelope(queue[0]))
}

func envelope(body string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<Envelope version="1"><Header><MessageId>x</MessageId>` +
		`<SentAt>2026-11-22T12:00:00Z</SentAt></Header><Body>` + body + `</Body></Envelope>`
}

// say sets the replies to a request; requests asked so far are forgotten.
func (o *office) say(name string, replies ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.replies[name], o.asked = replies, nil
}

func (o *office) requests() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newOffice(t *testing.T) (*office, *pos.Client, *clock) {
	t.Helper()
	o := &office{t: t, replies: map[string][]string{}}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	at := &clock{at: noon}
	client, err := pos.New(pos.Config{
		HTTP: upstream.HTTPConfig{URL: server.URL, MaxBodyBytes: 1 << 20}, LogEntries: 100,
		Live: upstream.Config{MaxAttempts: 1}, Feed: upstream.Config{MaxAttempts: 1},
	}, upstream.NewMetrics(prometheus.NewRegistry()), at.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return o, client, at
}

func beat(location string, lastSeq int) string {
	return fmt.Sprintf(`<Heartbeat location=%q at="2026-11-22T11:59:59Z" lastSeq="%d" pickQueue="2"/>`, location, lastSeq)
}

// sale is a transaction after which the counter of SKU a is as high as its number.
func sale(location string, seqs ...int) string {
	var b strings.Builder
	for _, seq := range seqs {
		fmt.Fprintf(&b, `<Transaction location=%q seq="%d" at="2026-11-22T11:59:58Z" kind="SALE">`+
			`<Line sku="a" quantity="1" net="%d"/></Transaction>`, location, seq, seq)
	}
	return b.String()
}

func logReply(parts ...string) string {
	return `<LogReadReply>` + strings.Join(parts, "") + `</LogReadReply>`
}

func fact(location, sku string, version uint32, net int32) stock.Fact {
	return stock.Fact{Location: location, SKU: sku, Source: retail.SourcePOS, Version: version, Value: net}
}

func mustPoll(t *testing.T, c *pos.Client, cursor string) stock.Batch {
	t.Helper()
	b, err := c.Poll(t.Context(), cursor)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// started is an office with one lane, S-1, whose counters were read at 10.
func started(t *testing.T) (*office, *pos.Client, *clock, string) {
	t.Helper()
	o, c, at := newOffice(t)
	o.say("LaneList", `<LaneListReply>`+beat("S-1", 10)+`</LaneListReply>`)
	o.say("CounterSnapshot", `<CounterSnapshotReply location="S-1" seq="10" asOf="2026-11-22T11:59:59Z">`+
		`<Counter location="S-1" sku="a" net="-3" seq="8"/><Counter location="S-1" sku="b" net="0" seq="9"/></CounterSnapshotReply>`)
	o.say("LogRead", logReply(beat("S-1", 10)))
	b := mustPoll(t, c, "")
	want := stock.Batch{
		Facts:  []stock.Fact{fact("S-1", "a", 8, -3), fact("S-1", "b", 9, 0)},
		Marks:  []stock.Mark{{Location: "S-1", Source: retail.SourcePOS, AsOf: noon.Add(-time.Second)}},
		Queues: []stock.Queue{{Location: "S-1", Open: 2}},
		Cursor: b.Cursor,
	}
	if diff := cmp.Diff(want, b); diff != "" {
		t.Fatalf("start (-want +got):\n%s", diff)
	}
	return o, c, at, b.Cursor
}

func TestCountersThatWereReadCountThoughTheLogFails(t *testing.T) {
	o, c, _ := newOffice(t)
	o.say("LaneList", `<LaneListReply>`+beat("S-1", 10)+`</LaneListReply>`)
	o.say("CounterSnapshot", `<CounterSnapshotReply location="S-1" seq="10" asOf="2026-11-22T11:59:59Z">`+
		`<Counter location="S-1" sku="a" net="-3" seq="8"/></CounterSnapshotReply>`)
	o.say("LogRead", `<Fault code="BUSY" retryable="true">later</Fault>`, logReply(beat("S-1", 10)))
	b := mustPoll(t, c, "")
	if len(b.Facts) != 1 || len(b.Marks) != 0 || !b.More {
		t.Fatalf("%+v, want the counters without a mark and more to tell", b)
	}
	o.say("LogRead", `<Fault code="BUSY" retryable="true">later</Fault>`, logReply(beat("S-1", 10)))
	if _, err := c.Poll(t.Context(), b.Cursor); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
		t.Errorf("with nothing to count a busy log is an error, not %v", err)
	}
	b = mustPoll(t, c, b.Cursor)
	if len(b.Marks) != 1 || len(o.requests()) != 2 {
		t.Errorf("%+v after %v, want a mark and no counters asked again", b, o.requests())
	}
}

func TestPollStartsFromCountersAndGoesOnWithTheLog(t *testing.T) {
	o, c, _, cursor := started(t)
	o.say("LogRead", logReply(sale("S-1", 11, 12), beat("S-1", 12)))
	b := mustPoll(t, c, cursor)
	if diff := cmp.Diff([]string{`<LogRead max="100"><Lane location="S-1" after="10"/></LogRead>`}, o.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]stock.Fact{fact("S-1", "a", 12, 12)}, b.Facts); diff != "" {
		t.Errorf("the log folds to its highest number (-want +got):\n%s", diff)
	}
	if len(b.Marks) != 1 || b.More {
		t.Errorf("marks %v, more %v, want one mark and the end", b.Marks, b.More)
	}
}

func TestDisorderChangesNothing(t *testing.T) {
	o, c, _, cursor := started(t)
	o.say("LogRead", logReply(sale("S-1", 13, 11, 13, 10, 12, 9, 11), beat("S-1", 13), beat("S-1", 99)))
	b := mustPoll(t, c, cursor)
	if diff := cmp.Diff([]stock.Fact{fact("S-1", "a", 13, 13)}, b.Facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if len(b.Marks) != 1 {
		t.Errorf("marks %v, want one", b.Marks)
	}
}

func TestALaneThatIsNotReadToItsEndHasNoMarkAndMoreToTell(t *testing.T) {
	o, c, _, cursor := started(t)
	o.say("LogRead", logReply(sale("S-1", 11, 12), beat("S-1", 500)))
	b := mustPoll(t, c, cursor)
	if len(b.Marks) != 0 || !b.More {
		t.Errorf("marks %v, more %v, want no mark and more", b.Marks, b.More)
	}
}

func TestAHoleIsHealedByTheCountersAfterPatience(t *testing.T) {
	o, c, at, cursor := started(t)
	o.say("LogRead", logReply(sale("S-1", 11, 13, 14), beat("S-1", 14)))
	b := mustPoll(t, c, cursor)
	if diff := cmp.Diff([]stock.Fact{fact("S-1", "a", 14, 14)}, b.Facts); diff != "" || len(b.Marks) != 0 {
		t.Errorf("facts beyond the hole come without a mark: marks %v, facts (-want +got):\n%s", b.Marks, diff)
	}
	for range 3 { // 1.8 s: the position stays before the hole
		at.pass(600 * time.Millisecond)
		o.say("LogRead", logReply(sale("S-1", 13, 14), beat("S-1", 14)))
		b = mustPoll(t, c, b.Cursor)
		want := []string{`<LogRead max="100"><Lane location="S-1" after="11"/></LogRead>`}
		if diff := cmp.Diff(want, o.requests()); diff != "" || len(b.Marks) != 0 || b.More {
			t.Fatalf("marks %v, more %v, requests (-want +got):\n%s", b.Marks, b.More, diff)
		}
	}
	at.pass(600 * time.Millisecond)
	if b = mustPoll(t, c, b.Cursor); !b.More {
		t.Fatal("the hole outlived patience, but the counters are not due")
	}
	o.say("CounterSnapshot", `<CounterSnapshotReply location="S-1" seq="14" asOf="2026-11-22T11:59:59Z">`+
		`<Counter location="S-1" sku="c" net="5" seq="12"/></CounterSnapshotReply>`)
	o.say("LogRead", logReply(beat("S-1", 14)))
	b = mustPoll(t, c, b.Cursor)
	want := []string{`<CounterSnapshot location="S-1"/>`, `<LogRead max="100"><Lane location="S-1" after="14"/></LogRead>`}
	if diff := cmp.Diff(want, o.requests()); diff != "" || len(b.Marks) != 1 {
		t.Errorf("marks %v, requests (-want +got):\n%s", b.Marks, diff)
	}
	if diff := cmp.Diff([]stock.Fact{fact("S-1", "c", 12, 5)}, b.Facts); diff != "" {
		t.Errorf("facts of the hole (-want +got):\n%s", diff)
	}
}

func TestAClockThatIsSetBackStopsNothing(t *testing.T) {
	o, c, at, cursor := started(t)
	o.say("LogRead", logReply(sale("S-1", 12), beat("S-1", 12)))
	b := mustPoll(t, c, cursor) // the hole is known since now
	at.pass(-24 * time.Hour)
	o.say("LaneList", `<LaneListReply>`+beat("S-1", 12)+`</LaneListReply>`)
	b = mustPoll(t, c, b.Cursor)
	if asked := o.requests(); len(asked) != 2 || asked[0] != "<LaneList/>" {
		t.Errorf("asked %v, want the lanes again", asked)
	}
	at.pass(3 * time.Second)
	b = mustPoll(t, c, b.Cursor)
	o.say("CounterSnapshot", `<CounterSnapshotReply location="S-1" seq="12" asOf="2026-11-22T11:59:59Z"/>`)
	o.say("LogRead", logReply(beat("S-1", 12)))
	if b = mustPoll(t, c, b.Cursor); len(b.Marks) != 1 {
		t.Errorf("the hole is not healed: %+v", b)
	}
}

func TestAHoleThatFillsInTimeNeedsNoCounters(t *testing.T) {
	o, c, at, cursor := started(t)
	o.say("LogRead", logReply(sale("S-1", 12), beat("S-1", 12)))
	b := mustPoll(t, c, cursor)
	at.pass(time.Second)
	o.say("LogRead", logReply(sale("S-1", 12, 11), beat("S-1", 12)))
	if b = mustPoll(t, c, b.Cursor); len(b.Marks) != 1 {
		t.Fatalf("marks %v, want one", b.Marks)
	}
	at.pass(5 * time.Second)
	o.say("LogRead", logReply(beat("S-1", 12)))
	b = mustPoll(t, c, b.Cursor)
	if len(o.requests()) != 1 || len(b.Marks) != 1 {
		t.Errorf("requests %v, marks %v", o.requests(), b.Marks)
	}
}

func TestAHoleAtTheEndWithholdsTheMark(t *testing.T) {
	o, c, _, cursor := started(t)
	o.say("LogRead", logReply(sale("S-1", 11), beat("S-1", 12)))
	b := mustPoll(t, c, cursor)
	o.say("LogRead", logReply(beat("S-1", 12)))
	if b = mustPoll(t, c, b.Cursor); len(b.Marks) != 0 || b.More {
		t.Errorf("marks %v, more %v, want neither", b.Marks, b.More)
	}
}

func TestAnUnreadableLineIsAHole(t *testing.T) {
	for name, bad := range map[string]string{
		"net is not a number":   `<Line sku="a" quantity="1" net="NaN"/>`,
		"net is beyond 32 bits": `<Line sku="a" quantity="1" net="3000000000"/>`,
		"net is missing":        `<Line sku="a" quantity="1"/>`,
		"sku is missing":        `<Line quantity="1" net="1"/>`,
		"sku is no code":        `<Line sku="a b" quantity="1" net="1"/>`,
		"quantity is a word":    `<Line sku="a" quantity="one" net="1"/>`,
	} {
		o, c, _, cursor := started(t)
		o.say("LogRead", logReply(`<Transaction location="S-1" seq="11" at="2026-11-22T11:59:58Z" kind="SALE">`+
			`<Line sku="z" quantity="1" net="1"/>`+bad+`</Transaction>`, beat("S-1", 11)))
		b := mustPoll(t, c, cursor)
		if diff := cmp.Diff([]stock.Fact{fact("S-1", "z", 11, 1)}, b.Facts); diff != "" || b.Quarantined != 1 || len(b.Marks) != 0 {
			t.Errorf("%s: quarantined %d, marks %v, facts (-want +got):\n%s", name, b.Quarantined, b.Marks, diff)
		}
	}
}

func TestUnreadableItemsAreLeftOut(t *testing.T) {
	o, c, _, cursor := started(t)
	good := sale("S-1", 11)
	o.say("LogRead", logReply(
		strings.Replace(good, `seq="11"`, `seq="0"`, 1), strings.Replace(good, `seq="11"`, `seq="-1"`, 1),
		strings.Replace(good, `seq="11"`, `seq="99999999999"`, 1), strings.Replace(good, `SALE`, `GIFT`, 1),
		strings.Replace(good, `at="2026-11-22`, `at="yesterday`, 1), strings.Replace(good, `S-1`, `S 1`, 1), sale("S-9", 1),
		good, beat("S-1", 11), strings.Replace(beat("S-1", 12), `"2"`, `"-2"`, 1)))
	b := mustPoll(t, c, cursor)
	if diff := cmp.Diff([]stock.Fact{fact("S-1", "a", 11, 11)}, b.Facts); diff != "" || b.Quarantined != 8 || len(b.Marks) != 1 {
		t.Errorf("quarantined %d, marks %v, facts (-want +got):\n%s", b.Quarantined, b.Marks, diff)
	}
}

func TestAHeadOfficeThatLostDataGetsNoMark(t *testing.T) {
	o, c, _, cursor := started(t)
	o.say("LogRead", logReply(beat("S-1", 3)))
	if b := mustPoll(t, c, cursor); len(b.Marks) != 0 {
		t.Errorf("marks %v, want none", b.Marks)
	}
}

func TestAMarkIsNeverAheadOfOurClock(t *testing.T) {
	o, c, _, cursor := started(t)
	o.say("LogRead", logReply(strings.Replace(beat("S-1", 10), "11:59:59", "23:00:00", 1)))
	if b := mustPoll(t, c, cursor); len(b.Marks) != 1 || !b.Marks[0].AsOf.Equal(noon) {
		t.Errorf("marks %v, want one of noon", b.Marks)
	}
}

func TestPlacesComeAndGo(t *testing.T) {
	o, c, at, cursor := started(t)
	at.pass(2 * time.Minute)
	o.say("LaneList", `<LaneListReply>`+beat("S-2", 0)+`</LaneListReply>`)
	o.say("CounterSnapshot", `<CounterSnapshotReply location="S-2" seq="0" asOf="2026-11-22T11:59:59Z"/>`)
	o.say("LogRead", logReply(beat("S-2", 0)))
	mustPoll(t, c, cursor)
	want := []string{
		`<LaneList/>`, `<CounterSnapshot location="S-2"/>`, `<LogRead max="100"><Lane location="S-2" after="0"/></LogRead>`,
	}
	if diff := cmp.Diff(want, o.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestAPlaceWithoutTillsDoesNotStopTheFeed(t *testing.T) {
	o, c, _, cursor := started(t)
	o.say("LogRead", `<Fault code="UNKNOWN_LOCATION" retryable="false">S-1</Fault>`)
	o.say("LaneList", `<LaneListReply/>`)
	if b := mustPoll(t, c, cursor); !b.More {
		t.Error("the feed does not go on")
	}
}

func TestAnUnreadableCursorStartsOver(t *testing.T) {
	o, c, _, _ := started(t)
	for _, cursor := range []string{"x", "{}", "[1]", `{"l":null}`} {
		o.say("CounterSnapshot", `<CounterSnapshotReply location="S-1" seq="10" asOf="2026-11-22T11:59:59Z"/>`)
		mustPoll(t, c, cursor)
		if len(o.requests()) != 3 {
			t.Errorf("cursor %s: requests %v, want list, counters and log", cursor, o.requests())
		}
	}
}
