package ledger

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

// orderRow is a stored order. Its columns win over the document: a merge of members changes the columns only.
type orderRow struct {
	ID       string `db:"id"`
	Number   string `db:"number"`
	Owner    string `db:"owner"`
	MemberID string `db:"member_id"`
	Version  int    `db:"version"`
	Body     string `db:"body"`
}

const orderColumns = `orders.id, orders.number, orders.owner, orders.member_id, orders.version, orders.body`

func (r *orderRow) order() (*retail.Order, error) {
	o := &retail.Order{}
	if err := decode(r.Body, o); err != nil {
		return nil, err
	}
	o.ID, o.Number, o.Owner, o.MemberID, o.Version = r.ID, r.Number, r.Owner, r.MemberID, r.Version
	return o, nil
}

func ordersOf(rows []orderRow) ([]*retail.Order, error) {
	list := make([]*retail.Order, len(rows))
	for i := range rows {
		var err error
		if list[i], err = rows[i].order(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func orderMissing() error { return retail.Errorf(retail.CodeNotFound, "there is no such order") }

// CreateOrder stores an order as version 1, with what else do does in the same transaction; do may be nil and may run more than
// once. When the id is known it stores nothing and returns what is there. A number that another order has fails with a
// retryable CodeConflict; a cart that another order has, and an
// owner who is being erased, are refused with WhyNotAllowed. PlacedAt is kept to the microsecond.
func (l *Ledger) CreateOrder(ctx context.Context, o *retail.Order, do func(tx retail.Tx) error) (*retail.Order, bool, error) {
	if err := checkKeys("id", o.ID, "number", o.Number, "owner", o.Owner); err != nil {
		return nil, false, err
	}
	if err := checkTexts("member", o.MemberID, "cart", o.CartID); err != nil {
		return nil, false, err
	}
	var stored *retail.Order
	var created bool
	err := l.change(ctx, func(t *tx) error {
		if err := t.lockOwner(o.Owner); err != nil { // LimitUnpaid counts the owner's orders
			return err
		}
		if err := t.mustStay(o.Owner); err != nil {
			return err
		}
		fresh := *o
		fresh.Version, fresh.PlacedAt = 1, exact(o.PlacedAt)
		stored, created = &fresh, true
		body, err := encode(&fresh)
		if err != nil {
			return err
		}
		rows, err := t.exec(`INSERT INTO orders (id, number, owner, member_id, status, placed_at, wake_at, review_since, cart_id, version, body)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			o.ID, o.Number, o.Owner, o.MemberID, string(o.Status), micros(fresh.PlacedAt), microsOrNil(o.Saga.WakeAt),
			reviewSince(&fresh), cartOf(&fresh), 1, body)
		if err != nil {
			return err
		}
		if rows == 0 {
			created = false
			stored, err = t.order(o.ID, false)
			if retail.CodeOf(err) != retail.CodeNotFound {
				return err
			}
			if err := t.cartTaken(&fresh); err != nil {
				return err
			}
			return &retail.Error{Code: retail.CodeConflict, Retryable: true, Message: "another order has this number"}
		}
		if err := t.saveContact(&fresh); err != nil {
			return err
		}
		if err := t.savePlaces(o.ID, nil, placesOf(&fresh)); err != nil || do == nil {
			return err
		}
		return do(t)
	})
	if err != nil {
		return nil, false, err
	}
	return stored, created, nil
}

func (t *tx) order(id string, lock bool) (*retail.Order, error) {
	query := `SELECT ` + orderColumns + ` FROM orders WHERE id = ?`
	if lock {
		query += t.forUpdate()
	}
	var row orderRow
	switch found, err := t.one(&row, query, id); {
	case err != nil:
		return nil, err
	case !found:
		return nil, orderMissing()
	}
	return row.order()
}

// UpdateOrder runs change on the stored order while nobody else can change it, and stores what it leaves as the next version.
// change may run more than once, each time on a fresh copy. WhyNotAllowed when it opens an order that was finished (a return) and
// whose owner is being erased. See ordering.Ledger.
func (l *Ledger) UpdateOrder(
	ctx context.Context, id string, change func(tx retail.Tx, o *retail.Order) error,
) (*retail.Order, error) {
	if !storable(id) {
		return nil, orderMissing()
	}
	var stored *retail.Order
	err := l.change(ctx, func(t *tx) error {
		var err error
		if stored, err = t.order(id, true); err != nil {
			return err
		}
		before, version, was := placesOf(stored), stored.Version, privacy.OpenBecause(stored)
		if err := change(t, stored); err != nil {
			return err
		}
		if was == "" && privacy.OpenBecause(stored) != "" {
			if err := t.mayReopen(stored.Owner); err != nil {
				return err
			}
		}
		stored.ID, stored.Version, stored.PlacedAt = id, version+1, exact(stored.PlacedAt)
		return t.saveOrder(stored, before)
	})
	switch {
	case errors.Is(err, retail.ErrUnchanged):
		return l.Order(ctx, id)
	case err != nil:
		return nil, err
	}
	return stored, nil
}

// mayReopen refuses to open an order again, as a return does, whose owner is being erased: the erasure began because none was open.
func (t *tx) mayReopen(owner string) error {
	if err := t.shareOwner(owner); err != nil {
		return err
	}
	return t.mustStay(owner)
}

func (t *tx) saveOrder(o *retail.Order, before map[string]place) error {
	if err := checkKeys("number", o.Number, "owner", o.Owner); err != nil {
		return err
	}
	body, err := encode(o)
	if err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE orders SET number = ?, owner = ?, member_id = ?, status = ?, placed_at = ?, wake_at = ?,
			review_since = ?, cart_id = ?, version = ?, body = ?,
			unpaid_household = CASE WHEN ? IN ('PLACING', 'PENDING_PAYMENT') THEN unpaid_household END WHERE id = ?`,
		o.Number, o.Owner, o.MemberID, string(o.Status), micros(o.PlacedAt), microsOrNil(o.Saga.WakeAt),
		reviewSince(o), cartOf(o), o.Version, body, string(o.Status), o.ID); err != nil {
		return err
	}
	return t.savePlaces(o.ID, before, placesOf(o))
}

// place is where and until when a fulfillment that is not final is to be served.
type place struct {
	location string
	promise  int64
}

func placesOf(o *retail.Order) map[string]place {
	places := make(map[string]place, len(o.Fulfillments))
	for i := range o.Fulfillments {
		f := &o.Fulfillments[i]
		switch {
		case f.Status.Final():
		case f.Promise.IsZero():
			places[f.ID] = place{f.LocationCode, never}
		default:
			places[f.ID] = place{f.LocationCode, micros(f.Promise)}
		}
	}
	return places
}

func (t *tx) savePlaces(orderID string, before, after map[string]place) error {
	if maps.Equal(before, after) {
		return nil
	}
	if len(before) > 0 {
		if _, err := t.exec(`DELETE FROM order_places WHERE order_id = ?`, orderID); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(after)) {
		if err := checkTexts("fulfillment", id, "location", after[id].location); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO order_places (order_id, fulfillment_id, location, promise) VALUES (?, ?, ?, ?)`,
			orderID, id, after[id].location, after[id].promise)
		if err != nil {
			return err
		}
	}
	return nil
}

// Order loads by id, CodeNotFound when there is none.
func (l *Ledger) Order(ctx context.Context, id string) (*retail.Order, error) {
	return l.orderBy(ctx, `id`, id)
}

// OrderByNumber loads by number, CodeNotFound when there is none.
func (l *Ledger) OrderByNumber(ctx context.Context, number string) (*retail.Order, error) {
	return l.orderBy(ctx, `number`, number)
}

func (l *Ledger) orderBy(ctx context.Context, column, key string) (*retail.Order, error) {
	if !storable(key) {
		return nil, orderMissing()
	}
	var row orderRow
	switch found, err := l.one(ctx, &row, `SELECT `+orderColumns+` FROM orders WHERE `+column+` = ?`, key); {
	case err != nil:
		return nil, err
	case !found:
		return nil, orderMissing()
	}
	return row.order()
}

// OrdersByNumber loads those that the ledger has, 1,000 at most; the others are missing.
func (l *Ledger) OrdersByNumber(ctx context.Context, numbers []string) (map[string]*retail.Order, error) {
	wanted := slices.DeleteFunc(slices.Clone(numbers), func(n string) bool { return !storable(n) })
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	if len(wanted) > maxList {
		return nil, retail.BadInput("more than %d orders asked for at once", maxList)
	}
	found := make(map[string]*retail.Order, len(wanted))
	for part := range slices.Chunk(wanted, chunk) {
		var rows []orderRow
		if err := l.all(ctx, &rows, `SELECT `+orderColumns+` FROM orders WHERE number IN (?)`, part); err != nil {
			return nil, err
		}
		for i := range rows {
			o, err := rows[i].order()
			if err != nil {
				return nil, err
			}
			found[o.Number] = o
		}
	}
	return found, nil
}

// OrdersOf lists an owner's orders, newest first, that come after before (all when nil); limit at most, and 1,000.
func (l *Ledger) OrdersOf(ctx context.Context, owner string, before *retail.PurchaseKey, limit int) ([]*retail.Order, error) {
	if !storable(owner) {
		return nil, nil
	}
	query, args := `SELECT `+orderColumns+` FROM orders WHERE owner = ?`, []any{owner}
	if before != nil {
		if err := checkTexts("cursor", before.Number); err != nil {
			return nil, err
		}
		// Among purchases of the same instant the order is by source and number, and an order's source is the shop.
		at := micros(before.At)
		switch {
		case before.Source < retail.SourceShop, !before.At.Equal(exact(before.At)):
			query, args = query+` AND placed_at <= ?`, append(args, at)
		case before.Source > retail.SourceShop:
			query, args = query+` AND placed_at < ?`, append(args, at)
		default:
			query, args = query+` AND (placed_at < ? OR (placed_at = ? AND number > ?))`, append(args, at, at, before.Number)
		}
	}
	var rows []orderRow
	if err := l.all(ctx, &rows, query+` ORDER BY placed_at DESC, number LIMIT ?`, append(args, limited(limit))...); err != nil {
		return nil, err
	}
	return ordersOf(rows)
}

// OrdersAt lists orders with a fulfillment at the place that is not final, oldest promise first; limit at most, and 1,000.
func (l *Ledger) OrdersAt(ctx context.Context, locationCode string, limit int) ([]*retail.Order, error) {
	if !storable(locationCode) {
		return nil, nil
	}
	var rows []orderRow
	err := l.all(ctx, &rows, `SELECT `+orderColumns+` FROM orders JOIN (
			SELECT order_id, MIN(promise) AS due FROM order_places WHERE location = ? GROUP BY order_id ORDER BY due, order_id LIMIT ?
		) AS open ON open.order_id = orders.id ORDER BY open.due, orders.id`, locationCode, limited(limit))
	if err != nil {
		return nil, err
	}
	return ordersOf(rows)
}

// Overdue lists ids of orders with a fulfillment that is not final and whose promise lies before now, oldest first, 1,000 at
// most.
func (l *Ledger) Overdue(ctx context.Context, now time.Time) ([]string, error) {
	var ids []string
	err := l.all(ctx, &ids, `SELECT order_id FROM order_places WHERE promise < ? GROUP BY order_id ORDER BY MIN(promise), order_id LIMIT ?`,
		micros(now), maxList)
	return ids, err
}

// Stalled lists ids of orders whose Saga.WakeAt lies before now, oldest first, 1,000 at most.
func (l *Ledger) Stalled(ctx context.Context, now time.Time) ([]string, error) {
	var ids []string
	err := l.all(ctx, &ids, `SELECT id FROM orders WHERE wake_at < ? ORDER BY wake_at, id LIMIT ?`, micros(now), maxList)
	return ids, err
}
