package ledger

import (
	"context"
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

// Attempt counts a try under key and reports whether it is within most tries per window. A window begins with the first try after
// the last one ended. Only a digest of the key is stored, because keys name people.
func (l *Ledger) Attempt(ctx context.Context, key string, most int, window time.Duration) (allowed bool, err error) {
	digest := sha256.Sum256([]byte(key))
	var tries int
	err = l.change(ctx, func(t *tx) error {
		now := l.now()
		_, err := t.one(&tries, `INSERT INTO attempts (key, tries, ends_at) VALUES (?, 1, ?)
			ON CONFLICT (key) DO UPDATE SET
				tries = CASE WHEN attempts.ends_at <= ? THEN 1 ELSE attempts.tries + 1 END,
				ends_at = CASE WHEN attempts.ends_at <= ? THEN excluded.ends_at ELSE attempts.ends_at END
			RETURNING tries`,
			hex.EncodeToString(digest[:]), micros(now.Add(window)), micros(now), micros(now))
		return err
	})
	return err == nil && tries <= most, err
}
