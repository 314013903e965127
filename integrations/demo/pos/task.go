// Pick tasks: what a place is asked to prepare for a shopper, and the feed of their changes.

package pos

import (
	"cmp"
	"slices"
	"time"
)

// Task statuses.
const (
	statusOpen       = "OPEN"
	statusPicking    = "PICKING"
	statusPicked     = "PICKED"
	statusRejected   = "REJECTED"
	statusHandedOver = "HANDED_OVER"
	statusCancelled  = "CANCELLED"
)

// task is how a task stood after a change. It is never changed in place, so that the feed may share it.
type task struct {
	reference, order, method, location string // all but the reference are empty when the task was cancelled before it came
	status, receipt                    string
	at                                 time.Time
	change                             uint64
	lines                              []taskLine // by SKU
}

type taskLine struct {
	sku                        string
	quantity, picked, rejected int
	paid                       amount
}

func (t *task) pending() bool { return t.status == statusOpen || t.status == statusPicking }

// asks reports whether the request is the one that made the task.
func (t *task) asks(req taskCreate) bool {
	same := func(l taskLine, g goodsLine) bool {
		return l.sku == g.sku && l.quantity == g.quantity && l.paid == g.amount
	}
	return t.order == req.order && t.method == req.method && t.location == req.location && slices.EqualFunc(t.lines, req.lines, same)
}

// taker is for whom a task is, until the person is to be forgotten.
type taker struct{ order, location, name, phone, card, note string }

// taskBook is every task and every change that the feed still tells.
type taskBook struct {
	tasks   map[string]task
	takers  map[string]taker // by task
	barred  map[string]bool  // orders of which nobody is known any more
	changes []task           // oldest first
	last    uint64
}

// slackChanges is how many changes beyond two a task the feed keeps.
const slackChanges = 1000

// keepTask stores a task after a change.
func (s *Server) keepTask(t task) task {
	b := &s.book
	b.last++
	t.change, t.at = b.last, s.now()
	if l, ok := s.lanes[t.location]; ok {
		before := b.tasks[t.reference]
		if before.reference != "" && before.pending() {
			l.openTasks--
		}
		if t.pending() {
			l.openTasks++
		}
	}
	b.tasks[t.reference] = t
	b.changes = append(b.changes, t)
	if len(b.changes) > 2*len(b.tasks)+slackChanges && s.frozen == nil {
		b.changes = slices.DeleteFunc(slices.Clone(b.changes), func(c task) bool { return c.change != b.tasks[c.reference].change })
	}
	return t
}

// shownTask is a task as the head office shows it.
func (s *Server) shownTask(reference string) (task, error) {
	t, ok := s.book.tasks[reference]
	if ok && s.frozen != nil && t.change > s.frozen.change {
		ok = false
		for _, c := range s.book.changes {
			if c.reference == reference && c.change <= s.frozen.change {
				t, ok = c, true
			}
		}
	}
	if !ok {
		return task{}, &fault{code: "NOT_FOUND", text: "no such task"}
	}
	return t, nil
}

// openLane is a place that can be reached; every write at a place goes through it.
func (s *Server) openLane(location, currency string) (*lane, error) {
	l, ok := s.lanes[location]
	switch {
	case !ok:
		return nil, badRequest("no tills at %.40q", location)
	case currency != s.currency:
		return nil, badRequest("amounts must be in %s", s.currency)
	case l.silenced:
		return nil, &fault{code: "BUSY", text: "the tills of " + location + " cannot be reached", retryable: true}
	}
	return l, nil
}

func conflict(text string) error { return &fault{code: "CONFLICT", text: text} }

func (s *Server) createTask(out []byte, req taskCreate) ([]byte, error) {
	t, known := s.book.tasks[req.reference]
	switch {
	case known && t.location == "": // cancelled before it came
	case known && !t.asks(req):
		return nil, conflict("the reference is that of another task")
	case !known:
		if _, err := s.openLane(req.location, req.currency); err != nil {
			return nil, err
		}
		t = task{reference: req.reference, order: req.order, method: req.method, location: req.location, status: statusOpen}
		for _, l := range req.lines {
			t.lines = append(t.lines, taskLine{sku: l.sku, quantity: l.quantity, paid: l.amount})
		}
		t = s.keepTask(t)
		if !s.book.barred[req.order] {
			s.book.takers[req.reference] = taker{req.order, req.location, req.name, req.phone, req.card, req.note}
		}
	}
	return s.appendTaskReply(out, "PickupTaskCreateReply", t), nil
}

func (s *Server) inquireTask(out []byte, req taskInquiry) ([]byte, error) {
	t, err := s.shownTask(req.reference)
	if err != nil {
		return nil, err
	}
	return s.appendTaskReply(out, "PickupTaskInquiryReply", t), nil
}

// cancelTask stops a task that was not handed over.
func (s *Server) cancelTask(out []byte, req taskCancel) ([]byte, error) {
	t, known := s.book.tasks[req.reference]
	if !known {
		t = task{reference: req.reference}
	} else if l := s.lanes[t.location]; l != nil && l.silenced {
		return nil, &fault{code: "BUSY", text: "the tills of " + t.location + " cannot be reached", retryable: true}
	}
	if t.status != statusHandedOver && t.status != statusCancelled {
		t.status = statusCancelled
		t = s.keepTask(t)
	}
	return s.appendTaskReply(out, "PickupTaskCancelReply", t), nil
}

// updateTask is what the store's own tools say.
func (s *Server) updateTask(out []byte, req taskUpdate) ([]byte, error) {
	t, known := s.book.tasks[req.reference]
	if !known || t.location == "" {
		return nil, &fault{code: "NOT_FOUND", text: "no such task"}
	}
	if _, err := s.openLane(t.location, s.currency); err != nil {
		return nil, err
	}
	next, err := t.after(req)
	if err != nil {
		return nil, err
	}
	if next.status != t.status || !slices.Equal(next.lines, t.lines) {
		next = s.keepTask(next)
	}
	return s.appendTaskReply(out, "TaskUpdateReply", next), nil
}

// after is the task after a step. A step that was taken changes nothing; one that cannot be taken any more is a conflict.
func (t task) after(req taskUpdate) (task, error) {
	over := !t.pending()
	switch req.step {
	case "START":
		if t.status == statusOpen {
			t.status = statusPicking
		}
		return t, nil
	case "PICK":
		lines, err := t.picked(req.lines)
		if err != nil {
			return t, err
		}
		if over && !slices.Equal(lines, t.lines) {
			return t, conflict("the task is over")
		}
		if !over {
			t.status, t.lines = statusPicking, lines
		}
		return t, nil
	}
	if t.status == statusCancelled {
		return t, conflict("the task is cancelled")
	}
	if over {
		return t, nil
	}
	t.status, t.lines = statusRejected, slices.Clone(t.lines)
	for i := range t.lines {
		l := &t.lines[i]
		if l.picked = l.quantity - l.rejected; l.picked > 0 {
			t.status = statusPicked
		}
	}
	return t, nil
}

// picked is the lines with what the request states of some.
func (t task) picked(stated []pickedLine) ([]taskLine, error) {
	lines := slices.Clone(t.lines)
	for _, p := range stated {
		i := slices.IndexFunc(lines, func(l taskLine) bool { return l.sku == p.sku })
		if i < 0 || p.picked+p.rejected > lines[i].quantity {
			return nil, badRequest("the task has not so many of %.40q", p.sku)
		}
		lines[i].picked, lines[i].rejected = p.picked, p.rejected
	}
	return lines, nil
}

// listChanges answers the changes behind a number, with the disorder of the switchboard. An entry that is held back
// holds back those behind it: a position has no holes.
func (s *Server) listChanges(out []byte, req taskChanges) ([]byte, error) {
	state := s.board.Get()
	end, now := s.book.last, s.now()
	if s.frozen != nil {
		end = s.frozen.change
	}
	next := min(req.after, end)
	var entries []task
	from, _ := slices.BinarySearchFunc(s.book.changes, req.after+1, func(t task, change uint64) int { return cmp.Compare(t.change, change) })
	for _, t := range s.book.changes[from:] {
		if t.change > end || len(entries) == req.max || now.Sub(t.at) < state.Delay() {
			break
		}
		entries, next = append(entries, t), t.change
	}
	for _, t := range entries[:len(entries):len(entries)] {
		if len(entries) < req.max && s.board.Share(state.Duplicate) {
			entries = append(entries, t)
		}
	}
	if state.Reorder {
		s.board.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	}
	out = appendNumber(append(out, `<TaskChangesReply`...), "next", next)
	out = append(out, '>')
	for _, t := range entries {
		out = s.appendTask(out, t)
	}
	return append(out, `</TaskChangesReply>`...), nil
}
