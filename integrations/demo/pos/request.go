// Requests are decoded strictly: an element, an attribute or text that docs/wires.md does not name is a BAD_REQUEST,
// and so is a value out of its bounds.

package pos

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Limits of one request.
const (
	maxPairs        = 1000
	maxLanes        = 5000
	maxEntries      = 10_000 // a LogRead may ask for more and gets at most these
	maxPriceItems   = 500
	maxTransactions = 20_000
	maxLines        = 2000
	maxQuantity     = 1_000_000
	maxText         = 64 // characters of a code, a reference or a message id
)

type request struct {
	messageID string
	body      any
}

type (
	pair              struct{ location, sku string }
	stockInquiry      struct{ pairs []pair }
	counterSnapshot   struct{ location string }
	laneList          struct{}
	priceInquiry      struct{ skus []string }
	transactionUpload struct{ transactions []upload }

	position struct {
		location string
		after    uint64
	}
	logRead struct {
		max   int
		lanes []position
	}

	// upload has one line per SKU.
	upload struct {
		location, kind, reference, card string
		at                              time.Time
		lines                           []uploadLine
	}
	uploadLine struct {
		sku      string
		quantity int
		total    *amount // nil: quantity × shelf price
	}
)

func badRequest(format string, args ...any) error {
	return &fault{code: "BAD_REQUEST", text: fmt.Sprintf(format, args...)}
}

// decode reads one request. The message id is returned with an error too, once it is known.
func decode(body io.Reader) (request, error) {
	var req request
	d := &decoder{xml.NewDecoder(body)}
	err := d.document("Envelope", func(el xml.StartElement) error {
		if v, err := attributes(el, "version"); err != nil || v[0] != "1" {
			return badRequest("the envelope's version must be 1")
		}
		return d.sequence(
			element{"Header", func() error { return d.header(&req) }},
			element{"Body", func() (err error) { req.body, err = d.body(); return err }},
		)
	})
	var f *fault
	var tooLarge *http.MaxBytesError
	if err != nil && !errors.As(err, &f) && !errors.As(err, &tooLarge) {
		err = badRequest("unreadable XML: %v", err)
	}
	return req, err
}

func (d *decoder) header(req *request) error {
	return d.sequence(
		element{"MessageId", func() (err error) { req.messageID, err = d.text(); return err }},
		element{"SentAt", func() error {
			text, err := d.text()
			if err == nil {
				_, err = parseTime(text)
			}
			return err
		}},
	)
}

func (d *decoder) body() (any, error) {
	var out any
	err := d.children(func(el xml.StartElement) (err error) {
		if out != nil {
			return badRequest("a body holds one request")
		}
		out, err = d.request(el)
		return err
	})
	if err == nil && out == nil {
		err = badRequest("the body is empty")
	}
	return out, err
}

func (d *decoder) request(el xml.StartElement) (any, error) {
	switch el.Name.Local {
	case "StockInquiry":
		return d.stockInquiry(el)
	case "CounterSnapshot":
		v, err := d.leaf(el, "location")
		return counterSnapshot{v[0]}, err
	case "LogRead":
		return d.logRead(el)
	case "LaneList":
		_, err := d.leaf(el)
		return laneList{}, err
	case "PriceInquiry":
		return d.priceInquiry(el)
	case "TransactionUpload":
		return d.transactionUpload(el)
	}
	if req, known, err := d.purchase(el); known {
		return req, err
	}
	if req, known, err := d.privacyRequest(el); known {
		return req, err
	}
	return nil, badRequest("unknown request %.40q", el.Name.Local)
}

func (d *decoder) stockInquiry(el xml.StartElement) (any, error) {
	if _, err := attributes(el); err != nil {
		return nil, err
	}
	var req stockInquiry
	err := d.list("Pair", maxPairs, func(el xml.StartElement) error {
		v, err := d.leaf(el, "location", "sku")
		req.pairs = append(req.pairs, pair{v[0], v[1]})
		return err
	})
	return req, err
}

func (d *decoder) priceInquiry(el xml.StartElement) (any, error) {
	if _, err := attributes(el); err != nil {
		return nil, err
	}
	var req priceInquiry
	err := d.list("Item", maxPriceItems, func(el xml.StartElement) error {
		v, err := d.leaf(el, "sku")
		req.skus = append(req.skus, v[0])
		return err
	})
	return req, err
}

func (d *decoder) logRead(el xml.StartElement) (any, error) {
	v, err := attributes(el, "max")
	if err != nil {
		return nil, err
	}
	limit, err := strconv.Atoi(v[0])
	if err != nil || limit < 1 {
		return nil, badRequest("max must be a positive number")
	}
	req := logRead{max: min(limit, maxEntries)}
	err = d.list("Lane", maxLanes, func(el xml.StartElement) error {
		v, err := d.leaf(el, "location", "after")
		if err != nil {
			return err
		}
		after, err := strconv.ParseUint(v[1], 10, 62)
		if err != nil {
			return badRequest("after must be a lane number")
		}
		req.lanes = append(req.lanes, position{v[0], after})
		return nil
	})
	return req, err
}

func (d *decoder) transactionUpload(el xml.StartElement) (any, error) {
	if _, err := attributes(el); err != nil {
		return nil, err
	}
	var req transactionUpload
	err := d.list("Transaction", maxTransactions, func(el xml.StartElement) error {
		t, err := d.transaction(el)
		req.transactions = append(req.transactions, t)
		return err
	})
	return req, err
}

func (d *decoder) transaction(el xml.StartElement) (t upload, err error) {
	if t.card, err = take(&el, "card"); err != nil {
		return t, err
	}
	v, err := attributes(el, "location", "kind", "at", "reference")
	if err != nil {
		return t, err
	}
	t.location, t.reference = v[0], v[3]
	if t.kind, err = parseKind(v[1]); err != nil {
		return t, err
	}
	if t.at, err = parseTime(v[2]); err != nil {
		return t, err
	}
	err = d.list("Line", maxLines, func(el xml.StartElement) error {
		total, err := takeAmount(&el, "total")
		if err != nil {
			return err
		}
		v, err := d.leaf(el, "sku", "quantity")
		if err != nil {
			return err
		}
		quantity, err := strconv.Atoi(v[1])
		if err != nil || quantity == 0 || quantity < -maxQuantity || quantity > maxQuantity {
			return badRequest("a quantity must be a number other than 0, at most %d", maxQuantity)
		}
		if t.kind == "RETURN" && quantity > 0 {
			return badRequest("a RETURN has negative quantities")
		}
		if total != nil && *total != 0 && (*total < 0) != (quantity < 0) {
			return badRequest("the total of a line has the sign of its quantity")
		}
		t.add(uploadLine{v[0], quantity, total})
		return nil
	})
	if err == nil && len(t.lines) == 0 {
		err = badRequest("a transaction needs a line")
	}
	return t, err
}

// add joins lines of one SKU; their total is known when it is of every one.
func (t *upload) add(more uploadLine) {
	for i := range t.lines {
		l := &t.lines[i]
		if l.sku != more.sku {
			continue
		}
		l.quantity += more.quantity
		if l.total != nil && more.total != nil {
			sum := *l.total + *more.total
			l.total = &sum
		} else {
			l.total = nil
		}
		return
	}
	t.lines = append(t.lines, more)
}

// parseKind returns a constant, so that the log does not keep the request alive.
func parseKind(s string) (string, error) {
	for _, kind := range [...]string{"SALE", "RETURN", "VOID"} {
		if s == kind {
			return kind, nil
		}
	}
	return "", badRequest("kind must be SALE, RETURN or VOID")
}

func parseTime(s string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil || at.Year() < 1970 || at.Year() > 9999 {
		return time.Time{}, badRequest("%.40q is no RFC 3339 instant", s)
	}
	return at.UTC(), nil
}
