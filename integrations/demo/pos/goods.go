// Goods that leave or come back over the counter for the gateway: each reference books one transaction of the lane.

package pos

import (
	"slices"
)

// booking is what a reference booked, and the answer that every repetition gets.
type booking struct {
	asked    goods
	receipt  string
	seq      uint64
	counters []counter
}

func (b *booking) isFor(req goods) bool {
	a := b.asked
	return a.location == req.location && a.order == req.order && a.card == req.card && slices.Equal(a.lines, req.lines)
}

// bookGoods answers HandOver and GoodsReturn.
func (s *Server) bookGoods(out []byte, req goods) ([]byte, error) {
	key := req.kind + " " + req.reference
	b, known := s.bookings[key]
	if known && !b.isFor(req) {
		return nil, conflict("the reference is that of other goods")
	}
	if !known {
		l, err := s.openLane(req.location, req.currency)
		if err != nil {
			return nil, err
		}
		t, isTask := s.book.tasks[req.reference]
		isTask = isTask && req.kind == "SALE"
		if isTask {
			if err := t.admits(req); err != nil {
				return nil, err
			}
		}
		b = s.bookAt(l, req)
		s.bookings[key] = b
		if isTask {
			t.status, t.receipt = statusHandedOver, b.receipt
			s.keepTask(t)
		}
	}
	return appendBooking(out, b), nil
}

// admits says why the goods cannot be those of the task.
func (t task) admits(req goods) error {
	if t.status == statusCancelled || t.status == statusRejected || t.status == statusHandedOver {
		return conflict("the task is " + t.status)
	}
	if t.location != req.location {
		return badRequest("the task is at another place")
	}
	for _, g := range req.lines {
		i := slices.IndexFunc(t.lines, func(l taskLine) bool { return l.sku == g.sku })
		if i < 0 || g.quantity > t.lines[i].quantity {
			return badRequest("the task has not so many of %.40q", g.sku)
		}
	}
	return nil
}

func (s *Server) bookAt(l *lane, req goods) *booking {
	sign := 1
	if req.kind == "RETURN" {
		sign = -1
	}
	sold := upload{location: req.location, kind: req.kind, at: req.at, card: req.card}
	for _, g := range req.lines {
		total := g.amount.times(sign)
		sold.lines = append(sold.lines, uploadLine{sku: g.sku, quantity: sign * g.quantity, total: &total})
	}
	state, now := s.board.Get(), s.now()
	late := state.DelayMs > 0 && s.board.Share(lateShare)
	l.reported = now
	booked := l.record(sold, now, late)
	b := &booking{asked: req, seq: booked.seq}
	for _, line := range booked.lines {
		b.counters = append(b.counters, counter{sku: line.sku, net: line.net, seq: booked.seq})
	}
	b.receipt = s.keepReceipt(sold, booked, req.reference).number
	return b
}
