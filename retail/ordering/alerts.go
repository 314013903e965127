package ordering

import (
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
)

// troubles lists what staff must look at from its DueAt on, if it is still so then.
func (s *Service) troubles(o *retail.Order) (list []retail.Alert) {
	trouble := func(kind retail.AlertKind, about string, f *retail.Fulfillment, due time.Time) {
		a := retail.Alert{
			ID: o.ID + "/" + about + "/" + string(kind), Kind: kind, OrderID: o.ID, OrderNumber: o.Number, DueAt: due,
		}
		if f != nil {
			a.FulfillmentID, a.LocationCode = f.ID, f.LocationCode
		}
		list = append(list, a)
	}
	if inReview(o) {
		trouble(retail.AlertOrderInReview, "review", nil, o.Review.Since)
	}
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		if f.AskedAt == nil || f.Status.Final() || collectable(f) || !serving(o) || inReview(o) {
			continue
		}
		if untold(o, f) {
			trouble(retail.AlertTaskNotAccepted, f.ID, f, f.AskedAt.Add(s.config.AcceptWithin))
		}
		if !f.Promise.IsZero() {
			trouble(retail.AlertLate, f.ID, f, f.Promise)
		}
	}
	for i := range o.Refunds {
		if r := &o.Refunds[i]; r.Status == retail.RefundPending {
			trouble(retail.AlertRefundStuck, r.Reference, nil, r.AskedAt.Add(s.config.RefundWithin))
		}
	}
	return list
}

// alert raises what has become due and clears what is over, in the transaction of the fact that says so.
func (s *Service) alert(tx retail.Tx, o *retail.Order, now time.Time) error {
	var raised []string
	for _, a := range s.troubles(o) {
		if now.Before(a.DueAt) {
			continue
		}
		raised = append(raised, a.ID)
		if slices.Contains(o.Saga.Alerts, a.ID) {
			continue
		}
		a.RaisedAt = now
		if err := tx.RaiseAlert(a); err != nil {
			return err
		}
	}
	for _, id := range o.Saga.Alerts {
		if slices.Contains(raised, id) {
			continue
		}
		if err := tx.ClearAlert(id, now); err != nil {
			return err
		}
	}
	o.Saga.Alerts = raised
	return nil
}

// overdue reports whether an alert is due or over that nobody has recorded.
func (s *Service) overdue(o *retail.Order, now time.Time) bool {
	var due []string
	for _, a := range s.troubles(o) {
		if !now.Before(a.DueAt) {
			due = append(due, a.ID)
		}
	}
	return !slices.Equal(due, o.Saga.Alerts)
}
