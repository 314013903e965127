package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Statuses of pick tasks.
const (
	TaskOpen       = "OPEN"
	TaskPicking    = "PICKING"
	TaskPicked     = "PICKED"
	TaskRejected   = "REJECTED"
	TaskHandedOver = "HANDED_OVER"
	TaskCancelled  = "CANCELLED"
)

// Task is goods that a store prepares for somebody who ordered them.
type Task struct {
	Reference string     `xml:"reference,attr"`
	Location  string     `xml:"location,attr"` // empty when it was cancelled before it came
	Status    string     `xml:"status,attr"`
	Change    uint64     `xml:"change,attr"` // grows with every change of any task
	Receipt   string     `xml:"receipt,attr"`
	Lines     []TaskLine `xml:"Line"`
}

// TaskLine is units of one SKU.
type TaskLine struct {
	SKU      string `xml:"sku,attr"`
	Quantity int    `xml:"quantity,attr"`
	Picked   int    `xml:"picked,attr"`
	Rejected int    `xml:"rejected,attr"`
}

// pending reports whether staff have still to work on it.
func (t *Task) pending() bool { return t.Status == TaskOpen || t.Status == TaskPicking }

// pageTasks is how many changes of tasks one request asks for; the head office gives no more.
const pageTasks = 500

// taskChanges reads one page of changes behind a position; a page that does not move on is the last one.
func (b *Backends) taskChanges(ctx context.Context, after uint64) (list []Task, next uint64, err error) {
	reply, err := b.askPOS(ctx, "changes", func(out []byte) []byte {
		out = appendAttribute(append(out, "<TaskChanges"...), "after", strconv.FormatUint(after, 10))
		return append(appendAttribute(out, "max", strconv.Itoa(pageTasks)), "/>"...)
	})
	if err == nil && reply.Changes == nil {
		err = errors.New("the reply is no list of changes")
	}
	if err != nil {
		return nil, 0, fmt.Errorf("demo: changes of tasks: %w", err)
	}
	return reply.Changes.Tasks, reply.Changes.Next, nil
}

// Tasks lists the tasks that staff of a place have still to pick, oldest change first; an empty location means all places.
func (b *Backends) Tasks(ctx context.Context, location string) ([]Task, error) {
	known := map[string]Task{}
	for after := uint64(0); ; {
		list, next, err := b.taskChanges(ctx, after)
		if err != nil {
			return nil, err
		}
		for _, t := range list {
			if t.Change > known[t.Reference].Change {
				known[t.Reference] = t
			}
		}
		if next <= after {
			break
		}
		after = next
	}
	open := slices.SortedFunc(maps.Values(known), func(a, b Task) int { return cmp.Compare(a.Change, b.Change) })
	return slices.DeleteFunc(open, func(t Task) bool { return !t.pending() || (location != "" && t.Location != location) }), nil
}

// Task asks how a task stands.
func (b *Backends) Task(ctx context.Context, reference string) (Task, error) {
	reply, err := b.askPOS(ctx, "task", func(out []byte) []byte {
		return append(appendReference(append(out, "<PickupTaskInquiry"...), reference), "/>"...)
	})
	if err == nil && reply.Inquiry == nil {
		err = errors.New("the reply is no task")
	}
	if err != nil {
		return Task{}, fmt.Errorf("demo: task %s: %w", reference, err)
	}
	return reply.Inquiry.Task, nil
}

// Pick is staff picking a task from beginning to end: all units but those rejected, by SKU. Picking again changes nothing.
func (b *Backends) Pick(ctx context.Context, reference string, reject map[string]int) error {
	_, err := b.pickTask(ctx, reference, reject)
	return err
}

func (b *Backends) pickTask(ctx context.Context, reference string, reject map[string]int) (Task, error) {
	t, err := b.updateTask(ctx, reference, "START", nil)
	if err != nil {
		return t, err
	}
	for sku := range reject {
		if !slices.ContainsFunc(t.Lines, func(l TaskLine) bool { return l.SKU == sku }) {
			return t, fmt.Errorf("demo: task %s has no %s to reject", reference, sku)
		}
	}
	for i := range t.Lines {
		l := &t.Lines[i]
		if l.Rejected = reject[l.SKU]; l.Rejected < 0 || l.Rejected > l.Quantity {
			return t, fmt.Errorf("demo: task %s has %d of %s, %d cannot be rejected", reference, l.Quantity, l.SKU, l.Rejected)
		}
		l.Picked = l.Quantity - l.Rejected
	}
	if _, err := b.updateTask(ctx, reference, "PICK", t.Lines); err != nil {
		return t, err
	}
	return b.updateTask(ctx, reference, "DONE", nil)
}

func (b *Backends) updateTask(ctx context.Context, reference, step string, lines []TaskLine) (Task, error) {
	reply, err := b.askPOS(ctx, "staff", func(out []byte) []byte {
		out = appendReference(append(out, "<TaskUpdate"...), reference)
		out = append(appendAttribute(out, "step", step), '>')
		for _, l := range lines {
			out = appendAttribute(append(out, "<Line"...), "sku", l.SKU)
			out = appendAttribute(out, "picked", strconv.Itoa(l.Picked))
			out = append(appendAttribute(out, "rejected", strconv.Itoa(l.Rejected)), "/>"...)
		}
		return append(out, "</TaskUpdate>"...)
	})
	if err == nil && reply.Update == nil {
		err = errors.New("the reply is no task")
	}
	if err != nil {
		return Task{}, fmt.Errorf("demo: %s task %s: %w", strings.ToLower(step), reference, err)
	}
	return reply.Update.Task, nil
}

// xmlText escapes what a caller names.
var xmlText = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;")

func appendReference(out []byte, reference string) []byte {
	return appendAttribute(out, "reference", xmlText.Replace(reference))
}

// AdvanceDelivery lets the courier of a delivery take the next step.
func (b *Backends) AdvanceDelivery(ctx context.Context, reference string) error {
	return b.desk(ctx, http.MethodPost, "/admin/deliveries/"+url.PathEscape(reference)+"/advance", nil)
}

// FailDelivery lets the courier give up: goods that left come back to the place.
func (b *Backends) FailDelivery(ctx context.Context, reference string) error {
	return b.desk(ctx, http.MethodPost, "/admin/deliveries/"+url.PathEscape(reference)+"/fail", nil)
}

// ConfirmPayment is the shopper confirming a pending payment in the wallet app.
func (b *Backends) ConfirmPayment(ctx context.Context, reference string) error {
	return b.desk(ctx, http.MethodPost, "/admin/payments/"+url.PathEscape(reference)+"/confirm", nil)
}

// DeclinePayment is the shopper declining a pending payment.
func (b *Backends) DeclinePayment(ctx context.Context, reference string) error {
	return b.desk(ctx, http.MethodPost, "/admin/payments/"+url.PathEscape(reference)+"/decline", nil)
}

// ReceiveParcel is the clerk of a place who has a returned parcel in hand.
func (b *Backends) ReceiveParcel(ctx context.Context, reference string) error {
	return b.desk(ctx, http.MethodPost, "/admin/returns/"+url.PathEscape(reference)+"/receive", nil)
}

// Messages reads the telephone: the code in the latest text message to it, empty when there is none.
func (b *Backends) Messages(ctx context.Context, phone string) (code string, err error) {
	var reply struct {
		Messages []struct {
			Code string `json:"code"`
		} `json:"messages"`
	}
	if err := b.desk(ctx, http.MethodGet, "/admin/messages?phone="+url.QueryEscape(phone), &reply); err != nil {
		return "", err
	}
	if len(reply.Messages) == 0 {
		return "", nil
	}
	return reply.Messages[0].Code, nil
}

// desk does what people do at the shop's admin side, which needs no key and knows no faults.
func (b *Backends) desk(ctx context.Context, method, path string, into any) error {
	raw, err := b.send(ctx, method, b.Shop+path, "application/json", nil)
	if err == nil && into != nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		return fmt.Errorf("demo: desk: %w", err)
	}
	return nil
}
