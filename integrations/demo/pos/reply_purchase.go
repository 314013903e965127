package pos

import (
	"strconv"
	"time"
)

// appendText writes an attribute; appendKnown leaves out one that is empty.
func appendText(b []byte, name, value string) []byte {
	b = append(append(append(b, ' '), name...), `="`...)
	return append(appendEscaped(b, value), '"')
}

func appendKnown(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendText(b, name, value)
}

func appendNumber(b []byte, name string, n uint64) []byte {
	return appendText(b, name, strconv.FormatUint(n, 10))
}

func appendInstant(b []byte, name string, t time.Time) []byte {
	return appendText(b, name, t.UTC().Format(time.RFC3339Nano))
}

func (s *Server) appendTaskReply(b []byte, name string, t task) []byte {
	b = append(append(append(b, '<'), name...), '>')
	b = s.appendTask(b, t)
	return append(append(append(b, "</"...), name...), '>')
}

func (s *Server) appendTask(b []byte, t task) []byte {
	b = appendText(append(b, `<Task`...), "reference", t.reference)
	b = appendText(b, "status", t.status)
	b = appendNumber(appendInstant(b, "at", t.at), "change", t.change)
	if t.location != "" {
		b = appendText(appendText(b, "location", t.location), "currency", s.currency)
	}
	b = append(appendKnown(b, "receipt", t.receipt), '>')
	for _, l := range t.lines {
		b = appendText(append(b, `<Line`...), "sku", l.sku)
		b = appendText(b, "quantity", strconv.Itoa(l.quantity))
		b = appendText(b, "picked", strconv.Itoa(l.picked))
		b = appendText(b, "rejected", strconv.Itoa(l.rejected))
		b = append(appendText(b, "paid", l.paid.String()), "/>"...)
	}
	return append(b, `</Task>`...)
}

func appendBooking(b []byte, booked *booking) []byte {
	name := "HandOverReply"
	if booked.asked.kind == "RETURN" {
		name = "GoodsReturnReply"
	}
	b = appendText(append(append(b, '<'), name...), "receipt", booked.receipt)
	b = append(appendNumber(b, "seq", booked.seq), '>')
	for _, c := range booked.counters {
		b = appendCounter(b, booked.asked.location, c)
	}
	return append(append(append(b, "</"...), name...), '>')
}

func appendReceipt(b []byte, r *receipt) []byte {
	b = appendText(append(b, `<Receipt`...), "number", r.number)
	b = appendText(appendText(b, "location", r.location), "kind", r.kind)
	b = appendText(appendInstant(b, "at", r.at), "total", r.total.String())
	b = append(appendKnown(appendKnown(b, "card", r.card), "reference", r.reference), '>')
	for _, l := range r.lines {
		b = appendText(append(b, `<Line`...), "sku", l.sku)
		b = appendText(b, "quantity", strconv.Itoa(l.quantity))
		b = append(appendText(b, "total", l.total.String()), "/>"...)
	}
	return append(b, `</Receipt>`...)
}

func appendCardReply(b []byte, name string, c *card) []byte {
	b = append(append(append(b, '<'), name...), '>')
	b = appendCard(b, c)
	return append(append(append(b, "</"...), name...), '>')
}

func appendCard(b []byte, c *card) []byte {
	p := c.profile
	b = appendInstant(appendText(append(b, `<Card`...), "number", c.number), "issuedAt", c.issuedAt)
	b = appendKnown(appendKnown(b, "name", p.name), "phone", p.phone)
	if p.verified {
		b = appendText(b, "phoneVerified", "true")
	}
	b = appendKnown(appendKnown(b, "email", p.email), "unionId", p.unionID)
	return append(appendKnown(b, "birthday", p.birthday), "/>"...)
}

func appendTaker(b []byte, reference string, t taker) []byte {
	b = appendText(append(b, `<TaskContact`...), "reference", reference)
	b = appendText(appendText(b, "order", t.order), "location", t.location)
	b = appendKnown(appendKnown(b, "name", t.name), "phone", t.phone)
	return append(appendKnown(appendKnown(b, "card", t.card), "note", t.note), "/>"...)
}

func appendEntry(b []byte, p cardPoint) []byte {
	b = appendText(append(b, `<Entry`...), "reference", p.Reference)
	b = appendInstant(appendText(b, "points", strconv.Itoa(p.Points)), "at", p.At)
	return append(appendKnown(appendKnown(b, "title", p.Title), "titleEn", p.TitleEN), "/>"...)
}
