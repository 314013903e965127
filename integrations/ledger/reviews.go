package ledger

import (
	"context"
	"time"

	"github.com/portico-retail/portico/retail"
)

// keepContacts is how long it is known for which phone an order was placed.
const keepContacts = 24 * time.Hour

// cartOf is the cart that nobody else may order while this order stands; nil when there is none.
func cartOf(o *retail.Order) *string {
	if o.CartID == "" || o.Status == retail.OrderCancelled && !o.Saga.Placed {
		return nil
	}
	return &o.CartID
}

// reviewSince is when the open review of an order began; nil when there is none.
func reviewSince(o *retail.Order) *int64 {
	if o.Review == nil || o.Review.Status != retail.ReviewOpen {
		return nil
	}
	return microsOrNil(o.Review.Since)
}

// cartTaken refuses a new order whose cart another one has.
func (t *tx) cartTaken(o *retail.Order) error {
	cart := cartOf(o)
	if cart == nil {
		return nil
	}
	var id string
	found, err := t.one(&id, `SELECT id FROM orders WHERE cart_id = ?`, *cart)
	if err != nil || !found {
		return err
	}
	return retail.Refuse(retail.WhyNotAllowed, "cartId", "This cart has become an order.")
}

// saveContact notes for which phone a new order is.
func (t *tx) saveContact(o *retail.Order) error {
	if o.Contact.Phone == "" {
		return nil
	}
	_, err := t.exec(`INSERT INTO recent_contacts (order_id, digest, placed_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		o.ID, t.l.contactDigest(o.Contact.Phone), micros(o.PlacedAt))
	return err
}

func (l *Ledger) contactDigest(phone string) string { return l.digest("contact\x00" + phone) }

// CountOrders counts orders that are not cancelled and were placed since then, by the owner or, in the last day, for the
// contact's phone, whichever are more; it stops at most.
func (l *Ledger) CountOrders(ctx context.Context, owner, phone string, since time.Time, most int) (int, error) {
	if !storable(owner) {
		return 0, nil
	}
	var counts []int
	err := l.all(ctx, &counts, `SELECT COUNT(*) FROM (
			SELECT 1 FROM orders WHERE owner = ? AND placed_at >= ? AND status <> 'CANCELLED' LIMIT ?
		) AS of_owner UNION ALL SELECT COUNT(*) FROM (
			SELECT 1 FROM recent_contacts JOIN orders ON orders.id = recent_contacts.order_id
			WHERE recent_contacts.digest = ? AND recent_contacts.placed_at >= ? AND orders.status <> 'CANCELLED' LIMIT ?
		) AS of_phone`,
		owner, micros(since), limited(most), l.contactDigest(phone), micros(since), limited(most))
	count := 0
	for _, n := range counts {
		count = max(count, n)
	}
	return count, err
}

// OrdersInReview lists orders whose review is open, the longest first; limit at most, and 1,000.
func (l *Ledger) OrdersInReview(ctx context.Context, limit int) ([]*retail.Order, error) {
	var rows []orderRow
	err := l.all(ctx, &rows, `SELECT `+orderColumns+` FROM orders WHERE review_since IS NOT NULL ORDER BY review_since, id LIMIT ?`,
		limited(limit))
	if err != nil {
		return nil, err
	}
	return ordersOf(rows)
}
