// Receipts: what a till printed, by number and by card.

package pos

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// keepReceipts is how many receipts of a card are kept.
const keepReceipts = 1000

type receipt struct {
	number, location, kind, card, reference string
	seq                                     uint64
	at                                      time.Time
	total                                   amount
	lines                                   []receiptLine
}

type receiptLine struct {
	sku      string
	quantity int
	total    amount
}

// order sorts receipts newest first, those of one instant by number.
func (r *receipt) order(at time.Time, number string) int {
	if c := at.Compare(r.at); c != 0 {
		return c
	}
	return strings.Compare(r.number, number)
}

// keepReceipt writes the receipt of a transaction; the head office keeps it when it has a known card or a reference.
func (s *Server) keepReceipt(t upload, booked transaction, reference string) *receipt {
	r := &receipt{
		number: fmt.Sprintf("%s-%d", t.location, booked.seq), location: t.location, kind: t.kind, reference: reference,
		seq: booked.seq, at: t.at,
	}
	for _, l := range t.lines {
		line := receiptLine{sku: l.sku, quantity: l.quantity}
		if l.total != nil {
			line.total = *l.total
		} else {
			line.total = s.price(l.sku).times(l.quantity)
		}
		r.lines = append(r.lines, line)
		r.total += line.total
	}
	owner, known := s.cards[t.card]
	if known {
		r.card = t.card
		i, _ := slices.BinarySearchFunc(owner.receipts, r, func(have, r *receipt) int { return have.order(r.at, r.number) })
		owner.receipts = slices.Insert(owner.receipts, i, r)
		if len(owner.receipts) > keepReceipts {
			oldest := owner.receipts[keepReceipts]
			owner.receipts = owner.receipts[:keepReceipts]
			if oldest.reference == "" {
				delete(s.receipts, oldest.number)
			}
		}
	}
	if known || reference != "" {
		s.receipts[r.number] = r
	}
	return r
}

// price is the shelf price, zero when there is none or it is no amount.
func (s *Server) price(sku string) amount {
	a, err := parseAmount(s.prices[sku])
	if err != nil {
		return 0
	}
	return a
}

// shown reports whether the head office knows of a lane number.
func (s *Server) shown(location string, seq uint64) bool {
	return seq <= s.lanes[location].heartbeat().seq
}

func (s *Server) listReceipts(out []byte, req receiptList) ([]byte, error) {
	out = appendText(append(out, `<ReceiptListReply`...), "currency", s.currency)
	out = append(out, '>')
	count := 0
	if owner, ok := s.cards[req.card]; ok {
		for _, r := range owner.receipts {
			if count == req.limit {
				break
			}
			if req.passes(r) && s.shown(r.location, r.seq) {
				out = appendReceipt(out, r)
				count++
			}
		}
	}
	return append(out, `</ReceiptListReply>`...), nil
}

// passes reports whether the receipt comes after the position asked from.
func (req receiptList) passes(r *receipt) bool {
	switch {
	case req.before.IsZero(), r.at.Before(req.before):
		return true
	case req.beforeNumber == "":
		return false
	}
	return r.order(req.before, req.beforeNumber) > 0
}

func (s *Server) inquireReceipt(out []byte, req receiptInquiry) ([]byte, error) {
	r, ok := s.receipts[req.number]
	if !ok || !s.shown(r.location, r.seq) {
		return nil, &fault{code: "NOT_FOUND", text: "no such receipt"}
	}
	out = appendText(append(out, `<ReceiptInquiryReply`...), "currency", s.currency)
	out = appendReceipt(append(out, '>'), r)
	return append(out, `</ReceiptInquiryReply>`...), nil
}
