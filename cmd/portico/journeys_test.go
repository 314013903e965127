package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/portico-retail/portico/auth"
	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/demo/shop"
)

// Each file of testdata/journeys is a story, told in its comment and played over the real wires. Its parts are steps in order:
//
//	-- terms --                   lines of what is other than usual: "holdFor 1s", "slow 1s", "refund 1s", "closed S-SH02",
//	                              "hours S-SH01 10:00 12:30", "capacity S-SH01 1", "unlike 4", "reviewFor 1s"; first, when there is one
//	-- ask WHO [until PATH=VALUE]… [NAME=PATH]… --   a GraphQL document; {{NAME}} is a value saved before and {{key}} a key of this
//	                              step's own. Fragments of fragments.graphql are added when they are used. "until" repeats a
//	                              question until the values and the golden answer are there: systems book one after the other.
//	                              PATH is dotted, below data, with indexes of lists.
//	-- answer --                  the golden answer to it, see plain
//	-- again --                   the same request once more has the same bytes of data and errors
//	-- watch WHO --               a question that every "once" asks before and after
//	-- once WHO [NAME=PATH]… --   a mutation: again under its key it has the same answer and changes nothing of what is watched, and
//	                              another body under the key is a CONFLICT, which changes nothing either
//	-- ordered WHO PLACE SKU=QUANTITY… --   WHO orders for pickup, silently; {{order}} and {{number}} are saved
//	-- paid WHO PLACE SKU=QUANTITY… --      and pays
//	-- collected WHO PLACE SKU=QUANTITY… -- and collects
//	-- do --                      lines of what people and systems outside the gateway do, see deeds
//
// {{tomorrow}} is a day. WHO is nobody, guest (the story's own), operator, "member a-1001", "associate S-SH01", or the name of a saved token.
func TestJourneys(t *testing.T) {
	files, err := filepath.Glob("testdata/journeys/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no journeys: %v", err)
	}
	onEveryStore(t, func(t *testing.T, kind string) {
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				if kind == "embedded" {
					t.Parallel()
				}
				play(t, kind, file)
			})
		}
	})
}

// journey is a story while it is played.
type journey struct {
	*rig
	file     string
	archive  *txtar.Archive
	step     int // of the archive's parts
	backends demo.Backends
	saved    map[string]string
	sessions map[string]session
	last     request // the last question, for "again"
	watched  request
	mutated  []string // the mutations that "once" played
	changed  bool     // golden answers were rewritten
}

// session is how somebody of a story is signed in.
type session struct {
	token string
	since time.Time
}

// request is a question and what was answered.
type request struct {
	token, document string
	answer          []byte
}

func newJourney(r *rig) *journey {
	return &journey{
		rig: r, backends: r.stand.Backends(r.client, time.Now), saved: map[string]string{}, sessions: map[string]session{},
	}
}

func play(t *testing.T, kind, file string) *journey {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	must(t, err)
	retailer, options := setting(t, archive)
	j := newJourney(newRigOf(t, kind, retailer, options...))
	j.file, j.archive = file, archive
	j.saved["tomorrow"] = time.Now().Add(24 * time.Hour).Format(time.DateOnly)
	defer j.keep(t)
	for ; j.step < len(j.archive.Files); j.step++ {
		part := j.archive.Files[j.step]
		verb, rest, _ := strings.Cut(part.Name, " ")
		switch verb {
		case "terms":
		case "ask":
			j.question(t, strings.Fields(rest), string(part.Data))
		case "watch":
			j.watch(t, strings.Fields(rest), string(part.Data))
		case "once":
			j.once(t, strings.Fields(rest), string(part.Data))
		case "again":
			j.again(t)
		case "ordered", "paid", "collected":
			j.purchase(t, verb, strings.Fields(rest))
		case "do":
			j.deeds(t, string(part.Data))
		default:
			t.Fatalf("%s has a part %q out of place", file, part.Name)
		}
		if t.Failed() {
			break // what follows would only repeat it
		}
	}
	return j
}

// keep writes rewritten answers back, also those of a story that broke off.
func (j *journey) keep(t *testing.T) {
	t.Helper()
	if j.changed {
		must(t, os.WriteFile(j.file, txtar.Format(j.archive), 0o600))
	}
}

// setting reads the terms of a story. Unless it says otherwise, places never close and nobody is in a hurry.
func setting(t *testing.T, archive *txtar.Archive) (*demo.Retailer, []rigOption) {
	t.Helper()
	retailer := demo.Builtin(1, time.Now()).Corner(4, 14).AlwaysOpen()
	pace := shop.Pace{SlowPayment: 500 * time.Millisecond}
	changes := []func(*terms){func(t *terms) {
		t.Ordering.TakeOver, t.Ordering.SweepEvery, t.Ordering.PayAgainAfter = 2*time.Second, 200*time.Millisecond, 300*time.Millisecond
		t.Ordering.PollMost, t.Ordering.TaskMost = 500*time.Millisecond, 500*time.Millisecond
		t.Members.LinkWithin = 10 * time.Second
		t.Returns.LookFirst, t.Returns.LookMost = 200*time.Millisecond, time.Second
	}}
	if archive != nil && len(archive.Files) > 0 && archive.Files[0].Name == "terms" {
		for line := range strings.Lines(string(archive.Files[0].Data)) {
			words := strings.Fields(line)
			if len(words) < 2 {
				t.Fatalf("no term: %q", line)
			}
			d, _ := time.ParseDuration(words[1])
			switch words[0] {
			case "holdFor":
				changes = append(changes, func(t *terms) { t.Holds.GuestTTL, t.Holds.MemberTTL = d, d })
			case "slow":
				pace.SlowPayment = d
			case "refund":
				pace.Refund = d
			case "closed":
				place(t, retailer, words[1]).Pickup = demo.Pickup{Minutes: 30}
			case "hours":
				l := place(t, retailer, words[1])
				for i := range l.Hours {
					l.Hours[i].Opens, l.Hours[i].Closes = words[2], words[3]
				}
			case "unlike":
				n, err := strconv.Atoi(words[1])
				must(t, err)
				changes = append(changes, func(t *terms) { t.Ordering.Risk.Units = n })
			case "reviewFor":
				changes = append(changes, func(t *terms) { t.Ordering.ReviewWithin = d })
			case "capacity":
				n, err := strconv.Atoi(words[2])
				must(t, err)
				place(t, retailer, words[1]).Pickup.Capacity = n
			default:
				t.Fatalf("no term: %q", line)
			}
		}
	}
	return retailer, []rigOption{patiently, withPace(pace), withTerms(func(t *terms) {
		for _, change := range changes {
			change(t)
		}
	})}
}

func place(t *testing.T, r *demo.Retailer, code string) *demo.Location {
	t.Helper()
	i := slices.IndexFunc(r.Locations, func(l demo.Location) bool { return l.Code == code })
	if i < 0 {
		t.Fatalf("there is no place %s", code)
	}
	return &r.Locations[i]
}

// question asks and compares with the answer that follows.
func (j *journey) question(t *testing.T, words []string, text string) {
	t.Helper()
	who, words := j.asker(t, words)
	until := map[string]string{}
	saves := map[string]string{}
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if word == "until" && len(words) > 0 {
			path, want, _ := strings.Cut(words[0], "=")
			until[path], words = want, words[1:]
			continue
		}
		name, path, ok := strings.Cut(word, "=")
		if !ok {
			t.Fatalf("step %d: %q is neither until nor NAME=PATH", j.step, word)
		}
		saves[name] = path
	}
	j.saved["key"] = fmt.Sprintf("step-%d", j.step)
	j.last = request{token: who, document: j.document(t, j.filled(t, text))}
	ask := func() any {
		j.last.answer = j.post(t, j.last.token, j.last.document)
		var tree any
		must(t, json.Unmarshal(j.last.answer, &tree))
		return tree
	}
	tree := ask()
	there := func() bool {
		for path, want := range until {
			if valueAt(tree, "data."+path) != want {
				return false
			}
		}
		for name, path := range saves {
			j.saved[name] = valueAt(tree, "data."+path)
		}
		return len(until) == 0 || *update || j.golden() == j.plain(t, j.last.answer)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !there(); tree = ask() {
		if <-tick.C; time.Now().After(end) {
			t.Errorf("step %d: never came: %v", j.step, until)
			break
		}
	}
	for name, path := range saves {
		if j.saved[name] == "" {
			t.Errorf("step %d: nothing at %s", j.step, path)
		}
	}
	j.compare(t, j.plain(t, j.last.answer))
}

// golden is the answer that the story tells next; empty when there is none yet.
func (j *journey) golden() string {
	if next := j.step + 1; next < len(j.archive.Files) && j.archive.Files[next].Name == "answer" {
		return string(j.archive.Files[next].Data)
	}
	return ""
}

// compare checks the golden answer, or rewrites it.
func (j *journey) compare(t *testing.T, got string) {
	t.Helper()
	next := j.step + 1
	if next == len(j.archive.Files) || j.archive.Files[next].Name != "answer" {
		if !*update {
			t.Fatalf("step %d has no answer", j.step)
		}
		j.archive.Files = slices.Insert(j.archive.Files, next, txtar.File{Name: "answer"})
	}
	answer := &j.archive.Files[next]
	switch diff := gocmp.Diff(string(answer.Data), got); {
	case diff != "" && *update:
		answer.Data, j.changed = []byte(got), true
	case diff != "":
		t.Errorf("step %d, %s (-want +got)\n%s", j.step, j.archive.Files[j.step].Name, diff)
	}
	j.step = next
}

// again posts the last request once more.
func (j *journey) again(t *testing.T) {
	t.Helper()
	if diff := gocmp.Diff(said(t, j.last.answer), said(t, j.post(t, j.last.token, j.last.document))); diff != "" {
		t.Errorf("step %d: again (-first +second)\n%s", j.step, diff)
	}
}

// said is data and errors of an answer, byte for byte; extensions tell how this one came about.
func said(t testing.TB, answer []byte) [2]string {
	t.Helper()
	var a struct{ Data, Errors json.RawMessage }
	must(t, json.Unmarshal(answer, &a))
	return [2]string{string(a.Data), string(a.Errors)}
}

// asker reads who asks off the words.
func (j *journey) asker(t *testing.T, words []string) (token string, rest []string) {
	t.Helper()
	if len(words) == 0 {
		t.Fatalf("step %d: who asks?", j.step)
	}
	who, rest := words[0], words[1:]
	switch who {
	case "nobody":
		return "", rest
	case "operator":
		return j.signedIn(t, auth.Principal{Role: auth.RoleOperator, Subject: "test"}), rest
	case "guest":
		if j.saved["guest"] == "" {
			a := j.ask(t, "", `mutation { guestSessionCreate { session { token } } }`, nil)
			var tree any
			must(t, json.Unmarshal(a.Data, &tree))
			j.saved["guest"] = valueAt(tree, "guestSessionCreate.session.token")
		}
		return j.saved["guest"], rest
	case "member", "associate":
		if len(rest) == 0 {
			t.Fatalf("step %d: which %s?", j.step, who)
		}
		p := auth.Principal{Role: auth.Role(who), Subject: j.filled(t, rest[0]), Scopes: auth.DefaultScopes(auth.Role(who))}
		if p.Role == auth.RoleAssociate {
			p.Subject, p.Locations = "staff-"+rest[0], []string{rest[0]}
		}
		return j.signedIn(t, p), rest[1:]
	}
	token, ok := j.saved[who]
	if !ok {
		t.Fatalf("step %d: nobody is called %s", j.step, who)
	}
	return token, rest
}

// signedIn is the token that somebody has for half an hour: what ends their sessions ends this one.
func (j *journey) signedIn(t *testing.T, p auth.Principal) string {
	t.Helper()
	who := string(p.Role) + " " + p.Subject
	s := j.sessions[who]
	if j.now().Sub(s.since).Abs() > 30*time.Minute {
		s = session{token: j.token(t, p), since: j.now()}
		j.sessions[who] = s
	}
	return s.token
}

var (
	blank    = regexp.MustCompile(`\{\{([A-Za-z0-9]+)(\+\d+[smhd])?\}\}`)
	fragment = regexp.MustCompile(`(?m)^fragment (\w+) on `)
	spreads  = regexp.MustCompile(`\.\.\.(\w+)`)
)

// filled puts saved values in. {{now+1h}} is an instant so far from now.
func (j *journey) filled(t *testing.T, text string) string {
	t.Helper()
	return blank.ReplaceAllStringFunc(text, func(match string) string {
		name := blank.FindStringSubmatch(match)
		if name[1] == "now" {
			d, err := time.ParseDuration(strings.TrimPrefix(name[2], "+"))
			must(t, err)
			return time.Now().UTC().Truncate(time.Hour).Add(d).Format(time.RFC3339)
		}
		value, ok := j.saved[name[1]]
		if !ok {
			t.Fatalf("step %d: nothing is called %s", j.step, name[1])
		}
		return value
	})
}

// document adds the shared fragments that a text spreads.
func (*journey) document(t *testing.T, text string) string {
	t.Helper()
	shared, err := os.ReadFile("testdata/journeys/fragments.graphql")
	must(t, err)
	bodies := map[string]string{}
	starts := fragment.FindAllSubmatchIndex(shared, -1)
	for i, at := range starts {
		end := len(shared)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		bodies[string(shared[at[2]:at[3]])] = string(shared[at[0]:end])
	}
	for used := map[string]bool{}; ; {
		before := len(used)
		for _, match := range spreads.FindAllStringSubmatch(text, -1) {
			if name := match[1]; bodies[name] != "" && !used[name] {
				used[name] = true
				text += "\n" + bodies[name]
			}
		}
		if len(used) == before {
			return text
		}
	}
}

// post sends a document and returns the bytes of the answer. No answer may have asked more of the systems than its document
// announces.
func (r *rig) post(t testing.TB, token, document string) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": document})
	must(t, err)
	q, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+"/graphql", bytes.NewReader(body))
	must(t, err)
	q.Header.Set("Content-Type", "application/json")
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := r.client.Do(q)
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	withinStaticCalls(t, token, document, text)
	return text
}

// valueAt walks a decoded answer; empty when there is nothing.
func valueAt(tree any, path string) string {
	for name := range strings.SplitSeq(path, ".") {
		switch at := tree.(type) {
		case map[string]any:
			tree = at[name]
		case []any:
			i, err := strconv.Atoi(name)
			if i < 0 {
				i += len(at)
			}
			if err != nil || i < 0 || i >= len(at) {
				return ""
			}
			tree = at[i]
		default:
			return ""
		}
	}
	if tree == nil {
		return ""
	}
	return fmt.Sprint(tree)
}
