package ledger

import (
	"context"
	"strings"
	"time"

	"github.com/portico-retail/portico/retail"
)

type alertRow struct {
	ID            string `db:"id"`
	Kind          string `db:"kind"`
	OrderID       string `db:"order_id"`
	OrderNumber   string `db:"order_number"`
	FulfillmentID string `db:"fulfillment_id"`
	Location      string `db:"location"`
	DueAt         *int64 `db:"due_at"`
	RaisedAt      int64  `db:"raised_at"`
	ClearedAt     *int64 `db:"cleared_at"`
}

const alertColumns = `id, kind, order_id, order_number, fulfillment_id, location, due_at, raised_at, cleared_at`

func (r *alertRow) alert() retail.Alert {
	a := retail.Alert{
		ID: r.ID, Kind: retail.AlertKind(r.Kind), OrderID: r.OrderID, OrderNumber: r.OrderNumber,
		FulfillmentID: r.FulfillmentID, LocationCode: r.Location,
		RaisedAt: fromMicros(r.RaisedAt), ClearedAt: fromMicrosOrNil(r.ClearedAt),
	}
	if due := fromMicrosOrNil(r.DueAt); due != nil {
		a.DueAt = *due
	}
	return a
}

// event tells of an alert: its subject is the alert's id.
func (r *alertRow) event(kind retail.EventKind, at time.Time) retail.Event {
	return retail.Event{Kind: kind, Subject: r.ID, At: at, Data: map[string]string{
		"kind": r.Kind, "orderId": r.OrderID, "orderNumber": r.OrderNumber, "fulfillmentId": r.FulfillmentID, "locationCode": r.Location,
	}}
}

// RaiseAlert stores an alert and its event unless one of this id was ever raised.
func (t *tx) RaiseAlert(a retail.Alert) error {
	if err := checkKeys("alert", a.ID, "kind", string(a.Kind)); err != nil {
		return err
	}
	row := alertRow{
		ID: a.ID, Kind: string(a.Kind), OrderID: a.OrderID, OrderNumber: a.OrderNumber, FulfillmentID: a.FulfillmentID,
		Location: a.LocationCode, DueAt: microsOrNil(a.DueAt), RaisedAt: micros(a.RaisedAt),
	}
	rows, err := t.exec(`INSERT INTO alerts (`+alertColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT DO NOTHING`,
		row.ID, row.Kind, row.OrderID, row.OrderNumber, row.FulfillmentID, row.Location, row.DueAt, row.RaisedAt)
	if err != nil || rows == 0 {
		return err
	}
	return t.Emit(row.event(retail.EventAlertRaised, a.RaisedAt))
}

// ClearAlert ends an alert and stores the event of it. One that was never raised, or has ended, stays as it is.
func (t *tx) ClearAlert(id string, at time.Time) error {
	if !storable(id) {
		return nil
	}
	var row alertRow
	found, err := t.one(&row, `UPDATE alerts SET cleared_at = ? WHERE id = ? AND cleared_at IS NULL RETURNING `+alertColumns, micros(at), id)
	if err != nil || !found {
		return err
	}
	return t.Emit(row.event(retail.EventAlertCleared, at))
}

// Alerts lists alerts, newest first; q.Limit at most, and 1,000.
func (l *Ledger) Alerts(ctx context.Context, q retail.AlertQuery) ([]retail.Alert, error) {
	where, args := []string{`1 = 1`}, []any{}
	if q.LocationCodes != nil {
		if len(q.LocationCodes) == 0 {
			return nil, nil
		}
		if err := checkPlaces(q.LocationCodes); err != nil {
			return nil, err
		}
		where, args = append(where, `location IN (?)`), append(args, q.LocationCodes)
	}
	if q.Open != nil {
		where = append(where, map[bool]string{true: `cleared_at IS NULL`, false: `cleared_at IS NOT NULL`}[*q.Open])
	}
	if q.Before != nil {
		if err := checkTexts("cursor", q.Before.ID); err != nil {
			return nil, err
		}
		at := micros(q.Before.At)
		where, args = append(where, `(raised_at < ? OR (raised_at = ? AND id < ?))`), append(args, at, at, q.Before.ID)
	}
	var rows []alertRow
	err := l.all(ctx, &rows, `SELECT `+alertColumns+` FROM alerts WHERE `+strings.Join(where, ` AND `)+
		` ORDER BY raised_at DESC, id DESC LIMIT ?`, append(args, limited(q.Limit))...)
	if err != nil {
		return nil, err
	}
	list := make([]retail.Alert, len(rows))
	for i := range rows {
		list[i] = rows[i].alert()
	}
	return list, nil
}
