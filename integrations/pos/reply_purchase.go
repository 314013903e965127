package pos

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Bounds of replies; more is not of the wire.
const (
	maxReplyLines = 2000
	maxReplyItems = 1000
)

var errTooMany = errors.New("pos: the reply has too many elements")

type changedTask struct {
	change uint64
	state  retail.TaskState
}

type tasksReply struct {
	next       uint64 // of changes
	tasks      []changedTask
	unreadable int
}

type bookingReply struct {
	number   string
	counters []counter
}

type receiptsReply struct {
	receipts   []retail.Receipt
	unreadable int
}

type cardsReply struct {
	cards      []retail.Card
	unreadable int
}

type pointsReply struct {
	entries    []retail.PointEntry
	unreadable int
}

// list reads children of one name, limit at most.
func (r *reader) list(name string, limit int, item func() error) error {
	count := 0
	return r.children(func() error {
		if string(r.name) != name {
			return r.unknown()
		}
		if count++; count > limit {
			return errTooMany
		}
		return item()
	})
}

// changes reads a TaskChangesReply.
func (r *reader) changes(out *tasksReply) error {
	var ok bool
	if out.next, ok = r.position("next"); !ok {
		return r.errorf("next is no position")
	}
	return r.tasks(out)
}

func (r *reader) tasks(out *tasksReply) error {
	return r.list("Task", maxReplyItems, func() error {
		t, ok, err := r.task()
		if err != nil {
			return err
		}
		if ok {
			out.tasks = append(out.tasks, t)
		} else {
			out.unreadable++
		}
		return nil
	})
}

func (r *reader) task() (t changedTask, ok bool, err error) {
	t.state.Reference, ok = r.key("reference")
	status, _ := r.attr("status")
	t.state.Status = retail.TaskStatus(status)
	var okAt, okChange bool
	t.state.At, okAt = r.instant("at")
	t.change, okChange = r.position("change")
	t.state.ReceiptNo = r.value("receipt")
	currency := r.value("currency")
	switch t.state.Status {
	case retail.TaskOpen, retail.TaskPicking, retail.TaskPicked, retail.TaskRejected, retail.TaskCancelled:
		ok = ok && okAt && okChange
	case retail.TaskHandedOver:
		ok = ok && okAt && okChange && t.state.ReceiptNo != ""
	default:
		ok = false
	}
	err = r.list("Line", maxReplyLines, func() error {
		l, okLine := r.taskLine(currency)
		t.state.Lines, ok = append(t.state.Lines, l), ok && okLine
		return r.ends(1)
	})
	return t, ok, err
}

func (r *reader) taskLine(currency string) (l retail.TaskLine, ok bool) {
	sku, okSKU := r.sku()
	quantity, okQuantity := r.int32("quantity")
	picked, okPicked := r.int32("picked")
	rejected, okRejected := r.int32("rejected")
	paid, okPaid := r.money("paid", currency)
	l = retail.TaskLine{SKU: sku, Quantity: int(quantity), Picked: int(picked), Rejected: int(rejected), Paid: paid}
	sane := quantity > 0 && picked >= 0 && rejected >= 0 && l.Picked+l.Rejected <= l.Quantity && paid.Minor >= 0
	return l, okSKU && okQuantity && okPicked && okRejected && okPaid && sane
}

// booking reads a HandOverReply or a GoodsReturnReply.
func (r *reader) booking(out *bookingReply) error {
	number, ok := r.key("receipt")
	if !ok {
		return r.errorf("the receipt has no number")
	}
	out.number = number
	return r.list("Counter", maxReplyLines, func() error {
		c, ok := r.counter()
		if !ok {
			return r.errorf("unreadable counter")
		}
		out.counters = append(out.counters, c)
		return r.ends(1)
	})
}

// receipts reads a ReceiptListReply or a ReceiptInquiryReply.
func (r *reader) receipts(out *receiptsReply) error {
	currency := r.value("currency")
	return r.list("Receipt", maxReplyItems, func() error { return r.oneReceipt(currency, out) })
}

func (r *reader) oneReceipt(currency string, out *receiptsReply) error {
	receipt, ok, err := r.receipt(currency)
	if err != nil {
		return err
	}
	if ok {
		out.receipts = append(out.receipts, receipt)
	} else {
		out.unreadable++
	}
	return nil
}

func (r *reader) receipt(currency string) (out retail.Receipt, ok bool, err error) {
	var okNumber, okLocation, okAt, okTotal bool
	out.Number, okNumber = r.key("number")
	out.LocationCode, okLocation = r.location()
	out.At, okAt = r.instant("at")
	out.Total, okTotal = r.money("total", currency)
	out.CardNumber, out.OrderRef = r.value("card"), r.value("reference")
	kind, _ := r.attr("kind")
	ok = okNumber && okLocation && okAt && okTotal && slices.Contains([]string{"SALE", "RETURN", "VOID"}, string(kind))
	err = r.list("Line", maxReplyLines, func() error {
		sku, okSKU := r.sku()
		quantity, okQuantity := r.int32("quantity")
		total, okLine := r.money("total", currency)
		out.Lines = append(out.Lines, retail.ReceiptLine{SKU: sku, Quantity: int(quantity), Total: total})
		ok = ok && okSKU && okQuantity && okLine
		return r.ends(1)
	})
	return out, ok, err
}

func (r *reader) cards(out *cardsReply) error {
	return r.list("Card", maxReplyItems, func() error { return r.card(out) })
}

func (r *reader) card(out *cardsReply) error {
	number, okNumber := r.key("number")
	issued, okIssued := r.instant("issuedAt")
	c := retail.Card{Number: number, IssuedAt: issued, Profile: retail.Profile{
		Name: r.value("name"), Phone: r.value("phone"), PhoneVerified: r.value("phoneVerified") == "true",
		Email: r.value("email"), UnionID: r.value("unionId"), Birthday: retail.Date(r.value("birthday")),
	}}
	_, err := time.Parse(time.DateOnly, string(c.Profile.Birthday))
	if okNumber && okIssued && (c.Profile.Birthday == "" || err == nil) {
		out.cards = append(out.cards, c)
	} else {
		out.unreadable++
	}
	return r.ends(1)
}

func (r *reader) validity(out *bool) error {
	switch r.value("valid") {
	case "true":
		*out = true
	case "false":
	default:
		return r.errorf("valid is neither true nor false")
	}
	return r.ends(1)
}

func (r *reader) points(out *pointsReply) error {
	return r.list("Entry", maxReplyItems, func() error { return r.entry(out) })
}

func (r *reader) entry(out *pointsReply) error {
	reference, okReference := r.key("reference")
	points, okPoints := r.int32("points")
	at, okAt := r.instant("at")
	e := retail.PointEntry{
		Reference: reference, Source: retail.SourcePOS, Points: int(points), At: at,
		Titles: retail.Text{Chinese: r.value("title"), English: r.value("titleEn")},
	}
	okExpires := true
	if r.value("expires") != "" {
		var expires time.Time
		expires, okExpires = r.instant("expires")
		e.ExpiresAt = &expires
	}
	if okReference && okPoints && okAt && okExpires {
		out.entries = append(out.entries, e)
	} else {
		out.unreadable++
	}
	return r.ends(1)
}

// key is an attribute that identifies something.
func (r *reader) key(name string) (string, bool) {
	s := r.value(name)
	return s, validKey(s)
}

// value is an attribute that may be missing.
func (r *reader) value(name string) string {
	raw, _ := r.attr(name)
	return string(raw)
}

func (r *reader) position(name string) (uint64, bool) {
	raw, ok := r.attr(name)
	n, err := strconv.ParseUint(string(raw), 10, 62)
	return n, ok && err == nil
}

func (r *reader) money(name, currency string) (retail.Money, bool) {
	raw, ok := r.attr(name)
	m, err := retail.ParseMoney(string(raw), currency)
	return m, ok && err == nil
}
