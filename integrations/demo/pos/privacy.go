// What people ask about their own data: a copy, a correction, to be forgotten.

package pos

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Bounds of the cards, and the issues, of one request, of its orders, and of each card's receipts and points in a copy.
const (
	maxInquiry       = 50
	maxInquiryOrders = 500
	maxCopied        = 200
)

// inquiry is whom a request is about.
type inquiry struct {
	kind, reference string
	cards           []string
	issued          []string // references under which a card may have been asked for
	orders          []string // whose tasks are meant
	change          correction
}

// correction is what to correct; nil stays, an empty text is removed.
type correction struct{ name, email, birthday *string }

// act is what was done under a reference.
type act struct {
	asked   string
	receipt string
	records int
}

// privacyRequest reads a request; known is false when it is none of these.
func (d *decoder) privacyRequest(el xml.StartElement) (req any, known bool, err error) {
	kind, ok := strings.CutPrefix(el.Name.Local, "Privacy")
	if !ok || !slices.Contains([]string{"Export", "Correct", "Erase"}, kind) {
		return nil, false, nil
	}
	q := inquiry{kind: kind}
	if kind == "Correct" {
		if el, q.change, err = takeCorrection(el); err != nil {
			return nil, true, err
		}
	}
	if err := read(el, referenceField(&q.reference)); err != nil {
		return nil, true, err
	}
	err = d.children(func(el xml.StartElement) error {
		switch {
		case el.Name.Local == "Card" && len(q.cards) < maxInquiry:
			number := ""
			err := d.readLeaf(el, must("number", &number))
			q.cards = append(q.cards, number)
			return err
		case el.Name.Local == "Issue" && kind == "Erase" && len(q.issued) < maxInquiry:
			reference := ""
			err := d.readLeaf(el, referenceField(&reference))
			q.issued = append(q.issued, reference)
			return err
		case el.Name.Local == "Order" && kind != "Correct" && len(q.orders) < maxInquiryOrders:
			number := ""
			err := d.readLeaf(el, field{"number", &number, maxReference, false})
			q.orders = append(q.orders, number)
			return err
		}
		return badRequest("unexpected element %.40q, or too many", el.Name.Local)
	})
	return q, true, err
}

// takeCorrection takes the attributes that say what to correct: one that is there and empty removes.
func takeCorrection(el xml.StartElement) (rest xml.StartElement, c correction, err error) {
	rest = xml.StartElement{Name: el.Name}
	for _, a := range el.Attr {
		into, limit := map[string]**string{"name": &c.name, "email": &c.email, "birthday": &c.birthday}[a.Name.Local], maxName
		if into == nil || a.Name.Space != "" {
			rest.Attr = append(rest.Attr, a)
			continue
		}
		if a.Name.Local == "email" {
			limit = maxReference
		}
		if *into != nil || len([]rune(a.Value)) > limit {
			return rest, c, badRequest("%s comes twice or is longer than %d characters", a.Name.Local, limit)
		}
		*into = &a.Value
	}
	if c.birthday != nil && *c.birthday != "" {
		if _, err := time.Parse(time.DateOnly, *c.birthday); err != nil {
			return rest, c, badRequest("birthday must be a date")
		}
	}
	return rest, c, nil
}

// answerInquiry does what is asked once and gives a receipt. A copy is made anew each time.
func (s *Server) answerInquiry(out []byte, q inquiry) ([]byte, error) {
	done, known := s.acts[q.reference]
	switch {
	case known && done.asked != q.text():
		return nil, conflict("the reference asks for something else")
	case !known:
		done = act{asked: q.text(), receipt: fmt.Sprintf("HO-%06d", len(s.acts)+1)}
		switch q.kind {
		case "Correct":
			done.records = s.correctCards(q)
		case "Erase":
			done.records = s.eraseCards(q) + s.eraseTakers(q.orders)
		}
		s.acts[q.reference] = done
	}
	name := "Privacy" + q.kind + "Reply"
	out = appendText(append(append(out, '<'), name...), "receipt", done.receipt)
	if q.kind != "Export" {
		return append(appendNumber(out, "records", uint64(done.records)), "/>"...), nil
	}
	held, records := s.holdings(q)
	out = appendText(appendNumber(out, "records", uint64(records)), "currency", s.currency)
	return append(append(append(append(out, '>'), held...), "</"+name...), '>'), nil
}

// text is what is asked, for comparing; it is not kept in words, because it says who somebody is.
func (q inquiry) text() string {
	say := func(s *string) string {
		if s == nil {
			return "-"
		}
		return "+" + *s
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{
		q.kind, strings.Join(q.cards, "\n"), strings.Join(q.issued, "\n"), strings.Join(q.orders, "\n"),
		say(q.change.name), say(q.change.email), say(q.change.birthday),
	}, "\x00")))
	return hex.EncodeToString(sum[:])
}

// holdings are the cards, their receipts and points, the newest first, for whom the orders' tasks are, and how many records that
// is. It says what is true now, whatever the inquiries show.
func (s *Server) holdings(q inquiry) (out []byte, records int) {
	for _, number := range q.cards {
		c := s.cards[number]
		if c == nil {
			continue
		}
		out = appendCard(out, c)
		for _, r := range c.receipts[:min(len(c.receipts), maxCopied)] {
			out = appendReceipt(out, r)
		}
		for _, p := range slices.Backward(c.points[max(0, len(c.points)-maxCopied):]) {
			out = appendEntry(out, p)
		}
		records += 1 + len(c.receipts) + len(c.points)
	}
	for _, reference := range s.takersOf(q.orders) {
		out = appendTaker(out, reference, s.book.takers[reference])
		records++
	}
	return out, records
}

// takersOf are the tasks of some orders whose person is known, by reference.
func (s *Server) takersOf(orders []string) (references []string) {
	for reference, t := range s.book.takers {
		if slices.Contains(orders, t.order) {
			references = append(references, reference)
		}
	}
	slices.Sort(references)
	return references
}

// eraseTakers forgets for whom the tasks of some orders are. The tasks stay.
func (s *Server) eraseTakers(orders []string) (records int) {
	for _, reference := range s.takersOf(orders) {
		delete(s.book.takers, reference)
		records++
	}
	for _, order := range orders {
		s.book.barred[order] = true
	}
	return records
}

func (s *Server) correctCards(q inquiry) (records int) {
	for _, number := range q.cards {
		c := s.cards[number]
		if c == nil {
			continue
		}
		for _, part := range []struct{ from, to *string }{
			{q.change.name, &c.profile.name}, {q.change.email, &c.profile.email}, {q.change.birthday, &c.profile.birthday},
		} {
			if part.from != nil {
				*part.to = *part.from
			}
		}
		records++
	}
	return records
}

// eraseCards takes cards away. Their receipts stay without the card, and none is issued under these references any more.
func (s *Server) eraseCards(q inquiry) (records int) {
	numbers := slices.Clone(q.cards)
	for _, reference := range q.issued {
		if c := s.issued[reference]; c != nil {
			numbers = append(numbers, c.number)
		}
		s.barred[reference] = true
	}
	for _, number := range numbers {
		c := s.cards[number]
		if c == nil {
			continue
		}
		for _, r := range s.receipts {
			if r.card == number {
				r.card = ""
			}
		}
		for _, b := range s.bookings {
			if b.asked.card == number {
				b.asked.card = ""
			}
		}
		records += 1 + len(c.receipts) + len(c.points)
		delete(s.cards, number)
		maps.DeleteFunc(s.issued, func(_ string, each *card) bool { return each == c })
	}
	return records
}

// Mentions lists the cards, tasks and bookings with one of these texts, for tests: what is forgotten is nowhere.
func (s *Server) Mentions(texts ...string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []string
	look := func(where string, what any) {
		said := fmt.Sprintf("%+v", what)
		if slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(said, t) }) {
			found = append(found, where)
		}
	}
	for number, c := range s.cards {
		look("card "+number, c.profile)
	}
	for reference, t := range s.book.tasks {
		look("task "+reference, t)
	}
	for reference, t := range s.book.takers {
		look("task "+reference, t)
	}
	for reference, b := range s.bookings {
		look("booking "+reference, b.asked)
	}
	for number, r := range s.receipts {
		look("receipt "+number, *r)
	}
	slices.Sort(found)
	return found
}
