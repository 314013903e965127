package returns

import (
	"time"

	"github.com/portico-retail/portico/retail"
)

// restate states where the order stands after a change of its returns:
//
//	COMPLETED         something that reached the shopper stays there
//	RETURN_REQUESTED  everything is asked back or back, and something is still to come
//	RETURNED          everything is back, and money is still owed
//	REFUNDED          everything is back, and nothing is owed any more
//
// A return of a part leaves the order COMPLETED; the entries of Order.Returns tell the rest. An order that is not completed yet
// keeps its status.
func restate(tx retail.Tx, o *retail.Order, now time.Time) error {
	switch o.Status {
	case retail.OrderCompleted, retail.OrderReturnRequested, retail.OrderReturned, retail.OrderRefunded:
	default:
		return nil
	}
	status := statusOf(o)
	if status == o.Status {
		return nil
	}
	was := o.Status
	o.Status = status
	err := tx.Emit(retail.Event{
		Kind: retail.EventOrderStatus, Subject: o.ID, At: now,
		Data: map[string]string{"number": o.Number, "status": string(status), "was": string(was)},
	})
	if err != nil {
		return err
	}
	return tx.Enqueue(retail.Job{Kind: retail.JobOrder, Key: o.ID}) // it tells the shop
}

func statusOf(o *retail.Order) retail.OrderStatus {
	kept := 0
	for i := range o.Fulfillments {
		if f := &o.Fulfillments[i]; arrived(f) {
			for _, l := range f.Lines {
				kept += l.Quantity - l.Rejected
			}
		}
	}
	status := retail.OrderRefunded
	for i := range o.Returns {
		r := &o.Returns[i]
		if r.Status == retail.ReturnCancelled || unacknowledged(r) {
			continue
		}
		for _, l := range r.Lines {
			kept -= l.Quantity
		}
		switch {
		case r.Status == retail.ReturnRequested:
			status = retail.OrderReturnRequested
		case r.Status == retail.ReturnReceived && status == retail.OrderRefunded:
			status = retail.OrderReturned
		}
	}
	if kept > 0 {
		return retail.OrderCompleted
	}
	return status
}

// unacknowledged reports whether the return is an exchange whose replacements nobody has confirmed yet. Nobody was told of it.
func unacknowledged(r *retail.Return) bool {
	return r.Exchange != nil && !r.Saga.Claimed && r.Exchange.GivenUpAt == nil
}
