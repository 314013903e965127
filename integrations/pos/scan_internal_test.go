package pos

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func envelopeOf(body string) []byte {
	return []byte(`<Envelope version="1"><Header><MessageId>m-1</MessageId><SentAt>2026-11-22T05:00:00Z</SentAt></Header><Body>` +
		body + `</Body></Envelope>`)
}

// logDocument is a LogReadReply with n transactions of one line over 20 places.
func logDocument(n int) []byte {
	var b bytes.Buffer
	b.WriteString("<LogReadReply>")
	for i := range n {
		fmt.Fprintf(&b, `<Transaction location="S-%04d" seq="%d" at="2026-11-22T05:00:00Z" kind="SALE">`+
			`<Line sku="%d" quantity="2" net="%d"/></Transaction>`, i%20, i/20+1, 10000000+i%500, i)
	}
	b.WriteString(`<Heartbeat location="S-0001" at="2026-11-22T05:00:00Z" lastSeq="815" pickQueue="2"/></LogReadReply>`)
	return envelopeOf(b.String())
}

func BenchmarkDecodeLog(b *testing.B) {
	const lines = 5000
	doc := logDocument(lines)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		var reply logReply
		if err := decode(doc, "LogReadReply", func(r *reader) error { return r.logReply(&reply) }); err != nil {
			b.Fatal(err)
		}
		if len(reply.lines) != lines {
			b.Fatalf("%d lines", len(reply.lines))
		}
	}
	b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkDecodeLogWithEncodingXML is what the scanner is measured against.
func BenchmarkDecodeLogWithEncodingXML(b *testing.B) {
	const lines = 5000
	doc := logDocument(lines)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		var reply struct {
			Body struct {
				Reply struct {
					Transactions []struct {
						Location string `xml:"location,attr"`
						Seq      uint32 `xml:"seq,attr"`
						Kind     string `xml:"kind,attr"`
						Lines    []struct {
							SKU string `xml:"sku,attr"`
							Net int32  `xml:"net,attr"`
						} `xml:"Line"`
					} `xml:"Transaction"`
				} `xml:"LogReadReply"`
			} `xml:"Body"`
		}
		if err := xml.Unmarshal(doc, &reply); err != nil {
			b.Fatal(err)
		}
		if len(reply.Body.Reply.Transactions) != lines {
			b.Fatalf("%d transactions", len(reply.Body.Reply.Transactions))
		}
	}
	b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
}

// events writes what the scanner reads, one line each.
func events(doc []byte) ([]string, error) {
	s, err := newScanner(doc)
	if err != nil {
		return nil, err
	}
	var out []string
	for {
		kind, err := s.next()
		switch {
		case err != nil:
			return nil, err
		case kind == tokenEOF:
			return out, nil
		case kind == tokenStart:
			line := "<" + string(s.name)
			for _, a := range s.attrs {
				line += fmt.Sprintf(" %s=%q", a.name, a.value)
			}
			out = append(out, line)
		case kind == tokenEnd:
			out = append(out, ">"+string(s.name))
		case kind == tokenText:
			out = append(out, fmt.Sprintf("%q", strings.ReplaceAll(string(s.text), "\r", "\n")))
		}
	}
}

// eventsOfEncodingXML is the same by encoding/xml.
func eventsOfEncodingXML(doc []byte) ([]string, error) {
	d := xml.NewDecoder(bytes.NewReader(doc))
	var out []string
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			line := "<" + tok.Name.Local
			for _, a := range tok.Attr {
				line += fmt.Sprintf(" %s=%q", a.Name.Local, a.Value)
			}
			out = append(out, line)
		case xml.EndElement:
			out = append(out, ">"+tok.Name.Local)
		case xml.CharData:
			// The scanner skips text of white space as it is written, encoding/xml sees it resolved.
			if text := string(tok); !isBlank([]byte(text)) {
				out = append(out, fmt.Sprintf("%q", text))
			}
		}
	}
}

// blankText is the text of character references to white space, which only the scanner reports.
func dropBlank(events []string) []string {
	var out []string
	for _, e := range events {
		if unquoted := strings.Trim(e, `"`); e[0] == '"' && strings.NewReplacer(" ", "", `\n`, "", `\t`, "").Replace(unquoted) == "" {
			continue
		}
		out = append(out, e)
	}
	return out
}

func FuzzScannerReadsLikeEncodingXML(f *testing.F) {
	for _, doc := range wellFormed {
		f.Add([]byte(doc))
	}
	for _, doc := range malformed {
		f.Add([]byte(doc))
	}
	f.Add(logDocument(3))
	f.Fuzz(func(t *testing.T, doc []byte) {
		got, err := events(doc)
		if err != nil {
			return
		}
		want, err := eventsOfEncodingXML(doc)
		if err != nil {
			t.Fatalf("the scanner accepts what encoding/xml refuses: %v\n%q", err, doc)
		}
		if bytes.Contains(doc, []byte("\r\n")) {
			return // encoding/xml folds these, the scanner leaves them
		}
		if diff := cmp.Diff(dropBlank(want), dropBlank(got)); diff != "" {
			t.Fatalf("read differently (-encoding/xml +scanner):\n%s\n%q", diff, doc)
		}
	})
}

func FuzzReplies(f *testing.F) {
	f.Add(logDocument(3))
	f.Add(envelopeOf(`<StockInquiryReply asOf="2026-11-22T05:00:00Z"><Counter location="S-1" sku="1" net="-3" seq="812"/></StockInquiryReply>`))
	f.Add(envelopeOf(`<Fault code="BUSY" retryable="true">later</Fault>`))
	f.Add(envelopeOf(`<TaskChangesReply next="2"><Task reference="o" status="PICKED" at="2026-11-22T05:00:00Z" change="2" currency="CNY">` +
		`<Line sku="A" quantity="2" picked="1" rejected="1" paid="3.00"/></Task></TaskChangesReply>`))
	f.Add(envelopeOf(`<HandOverReply receipt="n" seq="1"><Counter location="S-1" sku="1" net="-3" seq="812"/></HandOverReply>`))
	f.Add(envelopeOf(`<ReceiptListReply currency="CNY"><Receipt number="n" location="S-1" kind="SALE" at="2026-11-22T05:00:00Z" total="1.00">` +
		`<Line sku="A" quantity="1" total="1.00"/></Receipt></ReceiptListReply>`))
	f.Add(envelopeOf(`<CardSearchReply><Card number="1" issuedAt="2026-11-22T05:00:00Z" birthday="1990-01-31"/></CardSearchReply>`))
	f.Add(envelopeOf(`<CardPointsReply><Entry reference="n" points="3" at="2026-11-22T05:00:00Z"/></CardPointsReply>`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var log logReply
		if decode(doc, "LogReadReply", func(r *reader) error { return r.logReply(&log) }) == nil {
			for _, tr := range log.transactions {
				if tr.seq == 0 || tr.from > tr.to || tr.to > len(log.lines) {
					t.Fatalf("impossible transaction %+v", tr)
				}
			}
		}
		for _, name := range []string{"StockInquiryReply", "CounterSnapshotReply"} {
			var counters countersReply
			if decode(doc, name, func(r *reader) error { return r.countersReply(&counters) }) == nil {
				for _, c := range counters.counters {
					if c.pair.Location == "" || c.pair.SKU == "" || (c.seq == 0 && c.net != 0) {
						t.Fatalf("impossible counter %+v", c)
					}
				}
			}
		}
		checkPurchase(t, doc)
	})
}

// checkPurchase reads a document as each reply of a purchase; what is accepted must be possible.
func checkPurchase(t *testing.T, doc []byte) {
	t.Helper()
	var tasks tasksReply
	if decode(doc, "TaskChangesReply", func(r *reader) error { return r.changes(&tasks) }) == nil {
		for _, task := range tasks.tasks {
			for _, l := range task.state.Lines {
				if l.SKU == "" || l.Quantity < 1 || l.Picked < 0 || l.Rejected < 0 || l.Picked+l.Rejected > l.Quantity || l.Paid.Minor < 0 {
					t.Fatalf("impossible line %+v", l)
				}
			}
			if task.state.Reference == "" || task.state.Status == "" {
				t.Fatalf("impossible task %+v", task)
			}
		}
	}
	var booked bookingReply
	if decode(doc, "HandOverReply", func(r *reader) error { return r.booking(&booked) }) == nil && booked.number == "" {
		t.Fatal("a receipt without number")
	}
	var receipts receiptsReply
	if decode(doc, "ReceiptListReply", func(r *reader) error { return r.receipts(&receipts) }) == nil {
		for _, r := range receipts.receipts {
			if r.Number == "" || r.LocationCode == "" || r.Total.CurrencyCode == "" {
				t.Fatalf("impossible receipt %+v", r)
			}
		}
	}
	var cards cardsReply
	if decode(doc, "CardSearchReply", func(r *reader) error { return r.cards(&cards) }) == nil {
		for _, c := range cards.cards {
			if c.Number == "" {
				t.Fatalf("impossible card %+v", c)
			}
		}
	}
	var points pointsReply
	if decode(doc, "CardPointsReply", func(r *reader) error { return r.points(&points) }) == nil {
		for _, e := range points.entries {
			if e.Reference == "" {
				t.Fatalf("impossible entry %+v", e)
			}
		}
	}
}

var wellFormed = []string{
	`<a/>`, ` <a></a> `, `<a b="c" d='e'/>`, `<a b = "c"  ></a >`, `<a>text</a>`, `<a><b/><c>x</c></a>`,
	`<a b="&lt;&gt;&amp;&quot;&apos;&#65;&#x4e2d;">&#10;中</a>`, `<?xml version="1.0" encoding="UTF-8"?>` + "\n<a/>",
}

func TestWellFormedDocuments(t *testing.T) {
	for _, doc := range wellFormed {
		got, err := events([]byte(doc))
		want, wantErr := eventsOfEncodingXML([]byte(doc))
		if diff := cmp.Diff(dropBlank(want), dropBlank(got)); err != nil || wantErr != nil || diff != "" {
			t.Errorf("%s: %v, %v, (-encoding/xml +scanner):\n%s", doc, err, wantErr, diff)
		}
	}
}

var malformed = []string{
	``, ` `, `a`, `<`, `<a`, `<a>`, `<a b`, `<a b=`, `<a b="`, `<a b="c`, `<a b=c/>`, `<a/`, `</a>`, `<a></b>`, `<a><b></a></b>`,
	`<a/><a/>`, `<a/>x`, `x<a/>`, `<a b="1" b="2"/>`, `<a b="1"c="2"/>`, `<a b="<"/>`, "<a b=\"\n\"/>", `<a>&unknown;</a>`,
	`<a>&#0;</a>`, `<a>&#xFFFE;</a>`, `<a>&#x110000;</a>`, `<a>&lt</a>`, `<a>]]></a>`, "<a>\x00</a>", "<a>\xff</a>", "<a>\uFFFF</a>",
	`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`, `<!-- c --><a/>`, `<a><!-- c --></a>`, `<a><![CDATA[x]]></a>`,
	`<a><?pi?></a>`, `<x:a/>`, `<a x:b="c"/>`, `<1/>`, `< a/>`, `<?xml version="1.1"?><a/>`,
	`<?xml version="1.0" encoding="GBK"?><a/>`, strings.Repeat("<a>", 17) + strings.Repeat("</a>", 17),
}

func TestMalformedDocumentsAreRefused(t *testing.T) {
	for _, doc := range malformed {
		if got, err := events([]byte(doc)); err == nil {
			t.Errorf("%q was read as %q", doc, got)
		}
	}
}

func TestEnvelopesOfAnotherFormAreRefused(t *testing.T) {
	const beat = `<Heartbeat location="S-1" at="2026-11-22T05:00:00Z" lastSeq="1" pickQueue="0"/>`
	good := string(envelopeOf(`<LaneListReply>` + beat + `</LaneListReply>`))
	read := func(r *reader) error { return r.lanesReply(&countersReply{}) }
	if err := decode([]byte(good), "LaneListReply", read); err != nil {
		t.Fatalf("the good envelope: %v", err)
	}
	for name, change := range map[string][2]string{
		"another version":        {`version="1"`, `version="2"`},
		"no version":             {` version="1"`, ``},
		"no header":              {`<Header><MessageId>m-1</MessageId><SentAt>2026-11-22T05:00:00Z</SentAt></Header>`, ``},
		"no message id":          {`<MessageId>m-1</MessageId>`, ``},
		"two message ids":        {`<MessageId>m-1</MessageId>`, `<MessageId>m-1</MessageId><MessageId>m-1</MessageId>`},
		"an unreadable date":     {`2026-11-22T05:00:00Z</SentAt>`, `today</SentAt>`},
		"an unknown header":      {`</Header>`, `<Hop/></Header>`},
		"an empty body":          {`<LaneListReply>` + beat + `</LaneListReply>`, ``},
		"another reply":          {`LaneListReply`, `LogReadReply`},
		"two replies":            {`</Body>`, `<LaneListReply/></Body>`},
		"something after a body": {`</Body>`, `</Body><Body/>`},
		"an unknown element":     {beat, `<Beat/>`},
		"text among elements":    {beat, beat + `x`},
		"a child of a leaf":      {beat, strings.TrimSuffix(beat, "/>") + `><x/></Heartbeat>`},
		"HTML":                   {good, `<html><body>Bad gateway</body></html>`},
		"half":                   {good, good[:len(good)/2]},
	} {
		doc := strings.ReplaceAll(good, change[0], change[1])
		if doc == good {
			t.Fatalf("%s: nothing changed", name)
		}
		if err := decode([]byte(doc), "LaneListReply", read); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
