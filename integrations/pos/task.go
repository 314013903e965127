package pos

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/portico-retail/portico/retail"
)

// maxChanges bounds the changes of one reply.
const maxChanges = 500

// SendTask asks a place to prepare goods. Lines of one SKU are sent as one.
func (c *Client) SendTask(ctx context.Context, t retail.StoreTask) error {
	lines, err := goodsLines(c, t.Lines, func(l retail.TaskLine) goodsLine { return goodsLine{l.SKU, l.Quantity, l.Paid} })
	switch {
	case err != nil:
		return err
	case !validKey(t.Reference) || !validKey(t.OrderNumber):
		return retail.BadInput("a task needs a reference and an order of at most %d characters", maxReference)
	case !t.Method.Valid():
		return retail.BadInput("%q is no method", t.Method)
	case !retail.ValidLocationCode(t.LocationCode) || t.ReadyBy.IsZero():
		return retail.BadInput("a task needs a location and a time to be ready by")
	}
	e := element{name: "PickupTaskCreate", attrs: []string{
		"reference", t.Reference, "order", t.OrderNumber, "method", string(t.Method), "location", t.LocationCode,
		"currency", c.cfg.Currency, "readyBy", instant(t.ReadyBy),
	}}
	if t.Slot != nil {
		e.attrs = append(e.attrs, "slotStart", instant(t.Slot.StartsAt), "slotEnd", instant(t.Slot.EndsAt))
	}
	e.note("name", t.Contact.Name, maxName)
	e.code("phone", t.Contact.Phone)
	e.code("card", t.CardNumber)
	e.note("note", t.Note, maxNote)
	for _, l := range lines {
		e.children = append(e.children, l.element("paid"))
	}
	_, err = c.task(ctx, e, t.Reference)
	return err
}

// Task asks how a task stands.
func (c *Client) Task(ctx context.Context, reference string) (retail.TaskState, error) {
	if !validKey(reference) {
		return retail.TaskState{}, notFound("task")
	}
	return c.task(ctx, element{name: "PickupTaskInquiry", attrs: []string{"reference", reference}}, reference)
}

// CancelTask stops a task that was not handed over and returns how it stands. The head office remembers the cancellation of
// a task that it never got, which has no lines then.
func (c *Client) CancelTask(ctx context.Context, reference string) (retail.TaskState, error) {
	if !validKey(reference) {
		return retail.TaskState{}, retail.BadInput("a task needs a reference of at most %d characters", maxReference)
	}
	return c.task(ctx, element{name: "PickupTaskCancel", attrs: []string{"reference", reference}}, reference)
}

// task makes an exchange whose reply is one task.
func (c *Client) task(ctx context.Context, request element, reference string) (retail.TaskState, error) {
	guard := c.write
	if request.name == "PickupTaskInquiry" {
		guard = c.live
	}
	return exchange(ctx, c, guard, request, func(r *reader, out *retail.TaskState) error {
		var list tasksReply
		if err := r.tasks(&list); err != nil {
			return err
		}
		if len(list.tasks) != 1 || list.unreadable > 0 || list.tasks[0].state.Reference != reference {
			return errors.New("pos: the reply is not the task that was asked for")
		}
		*out = list.tasks[0].state
		return nil
	})
}

// TaskChanges lists how tasks stood after each change behind a cursor, 500 at most. A cursor that cannot be read, or that
// is ahead of the head office, which was installed anew, starts with all.
func (c *Client) TaskChanges(ctx context.Context, cursor string) (changes []retail.TaskState, next string, err error) {
	after, err := strconv.ParseUint(cursor, 10, 62)
	if err != nil {
		after = 0
	}
	request := element{name: "TaskChanges", attrs: []string{
		"after", strconv.FormatUint(after, 10), "max", strconv.Itoa(maxChanges),
	}}
	reply, err := exchange(ctx, c, c.feed, request, (*reader).changes)
	if err != nil {
		return nil, cursor, err
	}
	c.metrics.Quarantine(retail.SourcePOS, "task", reply.unreadable)
	if reply.next < after {
		return nil, "0", nil
	}
	slices.SortStableFunc(reply.tasks, func(a, b changedTask) int { return cmp.Compare(a.change, b.change) })
	for _, t := range reply.tasks {
		changes = append(changes, t.state)
	}
	return changes, strconv.FormatUint(reply.next, 10), nil
}
