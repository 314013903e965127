package ledger

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/portico-retail/portico/retail"
)

// Notify stores the id of an outside event and the jobs that it causes. fresh is false, and no job is stored, when the event was
// known; ids are kept for Config.KeepEvents.
func (l *Ledger) Notify(ctx context.Context, eventID string, jobs ...retail.Job) (fresh bool, err error) {
	if err := checkKeys("event", eventID); err != nil {
		return false, err
	}
	err = l.change(ctx, func(t *tx) error {
		rows, err := t.exec(`INSERT INTO notices (event_id, at) VALUES (?, ?) ON CONFLICT DO NOTHING`, eventID, micros(l.now()))
		fresh = rows == 1
		if err != nil || !fresh {
			return err
		}
		return t.Enqueue(jobs...)
	})
	return fresh && err == nil, err
}

// Cursor tells how far a feed was read; empty at the beginning.
func (l *Ledger) Cursor(ctx context.Context, feed string) (cursor string, err error) {
	if !storable(feed) {
		return "", nil
	}
	_, err = l.one(ctx, &cursor, `SELECT position FROM feeds WHERE feed = ?`, feed)
	return cursor, err
}

// SaveCursor stores how far a feed was read, with the jobs that its entries cause.
func (l *Ledger) SaveCursor(ctx context.Context, feed, cursor string, jobs ...retail.Job) error {
	if err := checkKeys("feed", feed); err != nil {
		return err
	}
	if len(cursor) > 16*maxKey {
		return retail.BadInput("a cursor is longer than %d bytes", 16*maxKey)
	}
	return l.change(ctx, func(t *tx) error {
		if _, err := t.exec(`INSERT INTO feeds (feed, position) VALUES (?, ?)
			ON CONFLICT (feed) DO UPDATE SET position = excluded.position`, feed, cursor); err != nil {
			return err
		}
		return t.Enqueue(jobs...)
	})
}

// Try counts a try under key and reports whether it is within the limit, and how long until tries count anew. Only a digest of
// the key is stored, because keys name people.
func (l *Ledger) Try(ctx context.Context, key string, limit retail.Limit) (allowed bool, wait time.Duration, err error) {
	var row struct {
		Tries  int   `db:"tries"`
		EndsAt int64 `db:"ends_at"`
	}
	now := l.now()
	err = l.change(ctx, func(t *tx) (err error) {
		_, err = t.one(&row, `INSERT INTO attempts (key, tries, ends_at) VALUES (?, 1, ?)
			ON CONFLICT (key) DO UPDATE SET
				tries = CASE WHEN attempts.ends_at <= ? THEN 1 ELSE attempts.tries + 1 END,
				ends_at = CASE WHEN attempts.ends_at <= ? THEN excluded.ends_at ELSE attempts.ends_at END
			RETURNING tries, ends_at`,
			l.digest(key), micros(now.Add(limit.Per)), micros(now), micros(now))
		return err
	})
	if err != nil {
		return false, 0, err
	}
	return row.Tries <= limit.Most, fromMicros(row.EndsAt).Sub(now), nil
}

// Forgive takes back one try under key that turned out to be no guess.
func (l *Ledger) Forgive(ctx context.Context, key string) error {
	return l.change(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE attempts SET tries = tries - 1 WHERE key = ? AND tries > 0 AND ends_at > ?`, l.digest(key), micros(l.now()))
		return err
	})
}

// digest is what is stored instead of a text that may name somebody: HMAC-SHA-256 (RFC 2104) under the data key. Under another key
// everything counts anew.
func (l *Ledger) digest(text string) string {
	mac := hmac.New(sha256.New, l.cfg.DataKey)
	mac.Write([]byte("portico digest\x00" + text))
	return hex.EncodeToString(mac.Sum(nil))
}
