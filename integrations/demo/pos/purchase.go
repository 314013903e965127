// The requests of a purchase as they are read: pick tasks, hand-overs, returns, receipts and cards.

package pos

import (
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of the requests of a purchase.
const (
	maxTaskLines = 50
	maxUnits     = 100_000 // of one line
	maxChanges   = 500
	maxReceipts  = 100
	maxEntryList = 200
	maxFound     = 10
)

type (
	taskCreate struct {
		reference, order, method, location, currency string
		name, phone, card, note                      string
		readyBy, slotStart, slotEnd                  time.Time
		lines                                        []goodsLine
	}
	taskInquiry struct{ reference string }
	taskCancel  struct{ reference string }
	taskChanges struct {
		after uint64
		max   int
	}
	taskUpdate struct {
		reference, step string
		lines           []pickedLine
	}
	pickedLine struct {
		sku              string
		picked, rejected int
	}

	// goods are what a hand-over books as a SALE and a return as a RETURN; lines by SKU, quantities and amounts positive.
	goods struct {
		kind, reference, location, currency, order, card string
		at                                               time.Time
		lines                                            []goodsLine
	}
	goodsLine struct {
		sku      string
		quantity int
		amount   amount
	}

	receiptList struct {
		card, beforeNumber string
		before             time.Time
		limit              int
	}
	receiptInquiry struct{ number string }

	cardInquiry struct{ card string }
	cardSearch  struct{ phone, unionID string }
	cardIssue   struct {
		reference string
		profile   profile
	}
	cardUpdate struct {
		card    string
		profile profile
	}
	cardPin    struct{ card, pin string }
	cardPoints struct {
		card string
		max  int
	}
	profile struct {
		name, phone, email, unionID, birthday string
		verified                              bool
	}
)

// purchase reads a request of a purchase; known is false when it is none.
func (d *decoder) purchase(el xml.StartElement) (req any, known bool, err error) {
	switch el.Name.Local {
	case "PickupTaskCreate":
		req, err = d.taskCreate(el)
	case "PickupTaskInquiry":
		var r taskInquiry
		err = d.readLeaf(el, referenceField(&r.reference))
		req = r
	case "PickupTaskCancel":
		var r taskCancel
		err = d.readLeaf(el, referenceField(&r.reference))
		req = r
	case "TaskChanges":
		req, err = d.taskChanges(el)
	case "TaskUpdate":
		req, err = d.taskUpdate(el)
	case "HandOver":
		req, err = d.goods(el, "SALE", "paid")
	case "GoodsReturn":
		req, err = d.goods(el, "RETURN", "refund")
	case "ReceiptList":
		req, err = d.receiptList(el)
	case "ReceiptInquiry":
		var r receiptInquiry
		err = d.readLeaf(el, field{"number", &r.number, maxReference, false})
		req = r
	default:
		return d.cardRequest(el)
	}
	return req, true, err
}

func (d *decoder) cardRequest(el xml.StartElement) (req any, known bool, err error) {
	switch el.Name.Local {
	case "CardInquiry":
		var r cardInquiry
		err = d.readLeaf(el, must("card", &r.card))
		req = r
	case "CardSearch":
		var r cardSearch
		if err = d.readLeaf(el, may("phone", &r.phone, maxText), may("unionId", &r.unionID, maxReference)); err == nil && r == (cardSearch{}) {
			err = badRequest("a search needs a phone or a union id")
		}
		req = r
	case "CardIssue":
		var r cardIssue
		r.profile, err = d.profile(el, referenceField(&r.reference))
		req = r
	case "CardUpdate":
		var r cardUpdate
		r.profile, err = d.profile(el, must("card", &r.card))
		req = r
	case "CardPinCheck":
		var r cardPin
		err = d.readLeaf(el, must("card", &r.card), must("pin", &r.pin))
		req = r
	case "CardPoints":
		var r cardPoints
		var limit string
		if err = d.readLeaf(el, must("card", &r.card), must("max", &limit)); err == nil {
			r.max, err = parseCount("max", limit, maxEntryList)
		}
		req = r
	default:
		return nil, false, nil
	}
	return req, true, err
}

func (d *decoder) taskCreate(el xml.StartElement) (any, error) {
	var r taskCreate
	var readyBy, slotStart, slotEnd string
	err := read(el, referenceField(&r.reference), field{"order", &r.order, maxReference, false}, must("method", &r.method),
		must("location", &r.location), must("currency", &r.currency), must("readyBy", &readyBy),
		may("slotStart", &slotStart, maxText), may("slotEnd", &slotEnd, maxText),
		may("name", &r.name, maxName), may("phone", &r.phone, maxText), may("card", &r.card, maxText), may("note", &r.note, maxNote))
	if err != nil {
		return nil, err
	}
	switch r.method {
	case "PICKUP", "CURBSIDE", "APPOINTMENT", "INSTANT_DELIVERY", "SHIPPING":
	default:
		return nil, badRequest("the method %.40q is not known", r.method)
	}
	if r.readyBy, err = parseTime(readyBy); err != nil {
		return nil, err
	}
	if r.slotStart, err = optionalTime(slotStart); err != nil {
		return nil, err
	}
	if r.slotEnd, err = optionalTime(slotEnd); err != nil {
		return nil, err
	}
	r.lines, err = d.goodsLines("paid")
	return r, err
}

func (d *decoder) goods(el xml.StartElement, kind, money string) (any, error) {
	r := goods{kind: kind}
	var at string
	fields := []field{
		referenceField(&r.reference), must("location", &r.location), must("at", &at),
		must("currency", &r.currency), may("card", &r.card, maxText),
	}
	if kind == "RETURN" {
		fields = append(fields, field{"order", &r.order, maxReference, false})
	}
	err := read(el, fields...)
	if err != nil {
		return nil, err
	}
	if r.at, err = parseTime(at); err != nil {
		return nil, err
	}
	r.lines, err = d.goodsLines(money)
	return r, err
}

// goodsLines reads lines with an amount each, and sorts them by SKU.
func (d *decoder) goodsLines(money string) ([]goodsLine, error) {
	var lines []goodsLine
	err := d.list("Line", maxTaskLines, func(el xml.StartElement) error {
		v, err := d.leaf(el, "sku", "quantity", money)
		if err != nil {
			return err
		}
		l := goodsLine{sku: v[0]}
		if l.quantity, err = parseCount("quantity", v[1], maxUnits); err != nil {
			return err
		}
		if l.amount, err = parseAmount(v[2]); err == nil && l.amount < 0 {
			err = badRequest("%s must not be negative", money)
		}
		lines = append(lines, l)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(lines, func(a, b goodsLine) int { return strings.Compare(a.sku, b.sku) })
	if len(lines) == 0 || hasTwice(lines, func(l goodsLine) string { return l.sku }) {
		return nil, badRequest("there must be a line, and one only for each SKU")
	}
	return lines, nil
}

// hasTwice reports whether two neighbours of a sorted list have the same key.
func hasTwice[T any](sorted []T, key func(T) string) bool {
	for i := 1; i < len(sorted); i++ {
		if key(sorted[i]) == key(sorted[i-1]) {
			return true
		}
	}
	return false
}

func (d *decoder) taskChanges(el xml.StartElement) (any, error) {
	var r taskChanges
	var after, limit string
	err := d.readLeaf(el, must("after", &after), must("max", &limit))
	if err != nil {
		return nil, err
	}
	if r.after, err = strconv.ParseUint(after, 10, 62); err != nil {
		return nil, badRequest("after must be a change number")
	}
	r.max, err = parseCount("max", limit, maxChanges)
	return r, err
}

func (d *decoder) taskUpdate(el xml.StartElement) (any, error) {
	var r taskUpdate
	if err := read(el, referenceField(&r.reference), must("step", &r.step)); err != nil {
		return nil, err
	}
	err := d.list("Line", maxTaskLines, func(el xml.StartElement) error {
		v, err := d.leaf(el, "sku", "picked", "rejected")
		if err != nil {
			return err
		}
		picked, err := strconv.ParseUint(v[1], 10, 20)
		if err != nil {
			return badRequest("picked must be a number of units")
		}
		rejected, err := strconv.ParseUint(v[2], 10, 20)
		if err != nil {
			return badRequest("rejected must be a number of units")
		}
		r.lines = append(r.lines, pickedLine{v[0], int(picked), int(rejected)})
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case r.step != "START" && r.step != "PICK" && r.step != "DONE":
		return nil, badRequest("step must be START, PICK or DONE")
	case (r.step == "PICK") != (len(r.lines) > 0):
		return nil, badRequest("PICK has lines, START and DONE have none")
	}
	return r, nil
}

func (d *decoder) receiptList(el xml.StartElement) (any, error) {
	var r receiptList
	var limit, before string
	err := d.readLeaf(el, must("card", &r.card), must("limit", &limit),
		may("beforeAt", &before, maxText), may("beforeNumber", &r.beforeNumber, maxReference))
	if err != nil {
		return nil, err
	}
	if r.limit, err = parseCount("limit", limit, maxReceipts); err != nil {
		return nil, err
	}
	if r.before, err = optionalTime(before); err == nil && r.before.IsZero() && r.beforeNumber != "" {
		err = badRequest("beforeNumber needs beforeAt")
	}
	return r, err
}

func (d *decoder) profile(el xml.StartElement, key field) (p profile, err error) {
	var verified string
	err = d.readLeaf(el, key, may("name", &p.name, maxName), may("phone", &p.phone, maxText), may("phoneVerified", &verified, maxText),
		may("email", &p.email, maxReference), may("unionId", &p.unionID, maxReference), may("birthday", &p.birthday, maxText))
	if err != nil {
		return p, err
	}
	p.verified = verified == "true"
	if verified != "" && verified != "true" && verified != "false" {
		return p, badRequest("phoneVerified must be true or false")
	}
	if _, err := time.Parse(time.DateOnly, p.birthday); p.birthday != "" && err != nil {
		return p, badRequest("birthday must be a date")
	}
	return p, nil
}

// parseCount reads a number from 1 to limit.
func parseCount(name, s string, limit int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > limit {
		return 0, badRequest("%s must be a number from 1 to %d", name, limit)
	}
	return n, nil
}
