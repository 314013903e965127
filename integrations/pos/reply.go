package pos

import (
	"math"
	"strconv"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// A reply that breaks the form of the wire is an error as a whole. An item whose values cannot be read is counted in
// unreadable and left out.

type counter struct {
	pair stock.Pair
	net  int32
	seq  uint32
}

type heartbeat struct {
	location  string
	at        time.Time
	lastSeq   uint32
	pickQueue int
}

// transaction is a log entry; its lines are lines[from:to] of the reply. An entry with an unreadable line is not whole.
type transaction struct {
	location string
	seq      uint32
	from, to int
	whole    bool
}

type line struct {
	sku string
	net int32
}

type logReply struct {
	transactions []transaction
	lines        []line
	heartbeats   []heartbeat
	unreadable   int
}

type countersReply struct {
	location   string // of a snapshot
	seq        uint32 // of a snapshot
	asOf       time.Time
	counters   []counter
	heartbeats []heartbeat
	unreadable int
}

type pricesReply struct {
	asOf       time.Time
	currency   string
	prices     []price
	unreadable int
}

type price struct{ sku, amount string }

// reader decodes replies. Codes repeat thousands of times in a reply and are kept once.
type reader struct {
	*scanner
	codes map[string]string
}

// decode reads an envelope whose body is either an element of the given name, which read takes to its end, or a Fault.
func decode(doc []byte, name string, read func(*reader) error) error {
	s, err := newScanner(doc)
	if err != nil {
		return err
	}
	r := &reader{scanner: s, codes: map[string]string{}}
	if err := r.expect("Envelope"); err != nil {
		return err
	}
	if version, _ := r.attr("version"); string(version) != "1" {
		return r.errorf("the version of the envelope is not 1")
	}
	if err := r.header(); err != nil {
		return err
	}
	if err := r.expect("Body"); err != nil {
		return err
	}
	kind, err := r.next()
	switch {
	case err != nil:
		return err
	case kind == tokenStart && string(r.name) == name:
		err = read(r)
	case kind == tokenStart && string(r.name) == "Fault":
		return r.fault()
	default:
		return r.errorf("the body is not a %s", name)
	}
	if err != nil {
		return err
	}
	return r.ends(2)
}

func (r *reader) header() error {
	if err := r.expect("Header"); err != nil {
		return err
	}
	if err := r.expect("MessageId"); err != nil {
		return err
	}
	if _, err := r.chardata(); err != nil {
		return err
	}
	if err := r.expect("SentAt"); err != nil {
		return err
	}
	sent, err := r.chardata()
	if err != nil {
		return err
	}
	if _, err := time.Parse(time.RFC3339, sent); err != nil {
		return r.errorf("SentAt is not an instant")
	}
	return r.ends(1)
}

// expect moves to the start of an element of this name.
func (r *reader) expect(name string) error {
	kind, err := r.next()
	if err == nil && (kind != tokenStart || string(r.name) != name) {
		err = r.errorf("%s is missing", name)
	}
	return err
}

// ends moves past the ends of n elements, which have no more content; the document is over when none is left open.
func (r *reader) ends(n int) error {
	for range n {
		kind, err := r.next()
		if err != nil {
			return err
		}
		if kind != tokenEnd {
			return r.errorf("unexpected content")
		}
	}
	if len(r.open) > 0 {
		return nil
	}
	_, err := r.next()
	return err
}

// children calls visit at the start of every child of the open element; visit takes the child to its end.
func (r *reader) children(visit func() error) error {
	for {
		kind, err := r.next()
		switch {
		case err != nil:
			return err
		case kind == tokenEnd:
			return nil
		case kind != tokenStart:
			return r.errorf("unexpected text")
		}
		if err := visit(); err != nil {
			return err
		}
	}
}

func (r *reader) unknown() error { return r.errorf("unknown element") }

// chardata is the text of the open element, which must have no children.
func (r *reader) chardata() (string, error) {
	text := ""
	for {
		kind, err := r.next()
		switch {
		case err != nil:
			return "", err
		case kind == tokenEnd:
			return text, nil
		case kind != tokenText:
			return "", r.unknown()
		}
		text += string(r.text)
	}
}

func (r *reader) fault() error {
	code, _ := r.attr("code")
	retryable, _ := r.attr("retryable")
	f := &fault{code: faultCode(code), retryable: string(retryable) == "true"}
	if _, err := r.chardata(); err != nil {
		return err
	}
	if err := r.ends(2); err != nil {
		return err
	}
	return f
}

func (r *reader) logReply(out *logReply) error {
	var t transaction
	readLine := func() error {
		if string(r.name) != "Line" {
			return r.unknown()
		}
		l, ok := r.line()
		if ok {
			out.lines = append(out.lines, l)
		} else {
			out.unreadable++
			t.whole = false
		}
		return r.ends(1)
	}
	return r.children(func() error {
		switch string(r.name) {
		case "Transaction":
			var ok bool
			t, ok = r.transaction(len(out.lines))
			if err := r.children(readLine); err != nil {
				return err
			}
			if !ok {
				out.unreadable++
				out.lines = out.lines[:t.from]
				return nil
			}
			t.to = len(out.lines)
			out.transactions = append(out.transactions, t)
			return nil
		case "Heartbeat":
			return r.heartbeat(&out.heartbeats, &out.unreadable)
		}
		return r.unknown()
	})
}

func (r *reader) transaction(firstLine int) (t transaction, ok bool) {
	location, okLocation := r.location()
	seq, okSeq := r.seq("seq", 1)
	_, okAt := r.instant("at")
	kind, _ := r.attr("kind")
	okKind := string(kind) == "SALE" || string(kind) == "RETURN" || string(kind) == "VOID"
	t = transaction{location: location, seq: seq, from: firstLine, whole: true}
	return t, okLocation && okSeq && okAt && okKind
}

func (r *reader) line() (l line, ok bool) {
	sku, okSKU := r.sku()
	net, okNet := r.int32("net")
	_, okQuantity := r.int32("quantity")
	return line{sku: sku, net: net}, okSKU && okNet && okQuantity
}

func (r *reader) heartbeat(list *[]heartbeat, unreadable *int) error {
	location, okLocation := r.location()
	at, okAt := r.instant("at")
	seq, okSeq := r.seq("lastSeq", 0)
	queue, okQueue := r.int32("pickQueue")
	if okLocation && okAt && okSeq && okQueue && queue >= 0 {
		*list = append(*list, heartbeat{location: location, at: at, lastSeq: seq, pickQueue: int(queue)})
	} else {
		*unreadable++
	}
	return r.ends(1)
}

// countersReply reads a StockInquiryReply, or a CounterSnapshotReply, which alone has a position.
func (r *reader) countersReply(out *countersReply) error {
	var ok bool
	if out.asOf, ok = r.instant("asOf"); !ok {
		return r.errorf("asOf is not an instant")
	}
	snapshot := string(r.name) == "CounterSnapshotReply"
	if snapshot {
		location, okLocation := r.location()
		seq, okSeq := r.seq("seq", 0)
		if !okLocation || !okSeq {
			return r.errorf("the place or position of the snapshot is unreadable")
		}
		out.location, out.seq = location, seq
	}
	return r.children(func() error {
		switch {
		case string(r.name) == "Counter":
			if c, ok := r.counter(); ok {
				out.counters = append(out.counters, c)
			} else {
				out.unreadable++
			}
			return r.ends(1)
		case string(r.name) == "Heartbeat" && !snapshot:
			return r.heartbeat(&out.heartbeats, &out.unreadable)
		}
		return r.unknown()
	})
}

// counter reads a counter; one that was never moved is zero.
func (r *reader) counter() (c counter, ok bool) {
	location, okLocation := r.location()
	sku, okSKU := r.sku()
	net, okNet := r.int32("net")
	seq, okSeq := r.seq("seq", 0)
	c = counter{pair: stock.Pair{Location: location, SKU: sku}, net: net, seq: seq}
	return c, okLocation && okSKU && okNet && okSeq && (seq > 0 || net == 0)
}

func (r *reader) lanesReply(out *countersReply) error {
	return r.children(func() error {
		if string(r.name) != "Heartbeat" {
			return r.unknown()
		}
		return r.heartbeat(&out.heartbeats, &out.unreadable)
	})
}

func (r *reader) pricesReply(out *pricesReply) error {
	var ok bool
	if out.asOf, ok = r.instant("asOf"); !ok {
		return r.errorf("asOf is not an instant")
	}
	currency, _ := r.attr("currency")
	out.currency = string(currency)
	return r.children(func() error {
		if string(r.name) != "Price" {
			return r.unknown()
		}
		sku, okSKU := r.sku()
		amount, okAmount := r.attr("amount")
		if okSKU && okAmount {
			out.prices = append(out.prices, price{sku: sku, amount: string(amount)})
		} else {
			out.unreadable++
		}
		return r.ends(1)
	})
}

// code is an attribute as a string that is kept once a reply.
func (r *reader) code(name string, valid func(string) bool) (string, bool) {
	raw, ok := r.attr(name)
	if !ok {
		return "", false
	}
	if known, ok := r.codes[string(raw)]; ok {
		return known, valid(known)
	}
	fresh := string(raw)
	r.codes[fresh] = fresh
	return fresh, valid(fresh)
}

func (r *reader) location() (string, bool) { return r.code("location", retail.ValidLocationCode) }

func (r *reader) sku() (string, bool) { return r.code("sku", retail.ValidSKU) }

func (r *reader) int32(name string) (int32, bool) {
	raw, ok := r.attr(name)
	n, err := strconv.ParseInt(string(raw), 10, 32)
	return int32(n), ok && err == nil
}

// seq is a lane number, which becomes the version of facts and is therefore at most 32 bits wide.
func (r *reader) seq(name string, least uint64) (uint32, bool) {
	raw, ok := r.attr(name)
	n, err := strconv.ParseUint(string(raw), 10, 32)
	return uint32(n & math.MaxUint32), ok && err == nil && n >= least
}

func (r *reader) instant(name string) (time.Time, bool) {
	raw, ok := r.attr(name)
	t, err := time.Parse(time.RFC3339, string(raw))
	return t.UTC(), ok && err == nil
}
