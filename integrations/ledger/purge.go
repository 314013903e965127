package ledger

import (
	"context"
	"log/slog"

	"github.com/portico-retail/portico/retail/refresh"
)

const (
	purgeBatch   = 500 // rows of one transaction
	purgeBatches = 20  // of one table in one pass
)

// Purge removes what is older than the configuration asks for, in small transactions and a bounded number of them, and returns
// how many rows went. Run calls it every minute. Orders, members, feedback and alerts stay, and so do claims of orders.
func (l *Ledger) Purge(ctx context.Context) (int64, error) {
	if err := l.sequence(ctx); err != nil { // an event that nobody ever read goes as well
		return 0, err
	}
	now := l.now()
	oldAnswers := micros(now.Add(-l.cfg.KeepAnswers))
	old := micros(now.Add(-l.cfg.KeepEvents))
	var total int64
	for _, p := range []struct {
		query  string
		before int64
	}{
		{`DELETE FROM answers WHERE (owner, key) IN (SELECT owner, key FROM answers WHERE created_at < ? LIMIT ?)`, oldAnswers},
		{`DELETE FROM attempts WHERE key IN (SELECT key FROM attempts WHERE ends_at < ? LIMIT ?)`, micros(now)},
		{`DELETE FROM revocations WHERE id IN (SELECT id FROM revocations WHERE expires_at < ? LIMIT ?)`, micros(now)},
		{`DELETE FROM notices WHERE event_id IN (SELECT event_id FROM notices WHERE at < ? LIMIT ?)`, old},
		{`DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ? AND seq IS NOT NULL LIMIT ?)`, old},
		{`DELETE FROM slot_bookings WHERE reference IN (SELECT reference FROM slot_bookings WHERE starts_at < ? LIMIT ?)`, old},
		{`DELETE FROM slots WHERE (location, starts_at) IN (SELECT location, starts_at FROM slots WHERE starts_at < ? LIMIT ?)`, old},
		{
			`DELETE FROM recent_contacts WHERE order_id IN (SELECT order_id FROM recent_contacts WHERE placed_at < ? LIMIT ?)`,
			micros(now.Add(-keepContacts)),
		},
		{`UPDATE data_requests SET document = NULL WHERE id IN (
			SELECT id FROM data_requests WHERE finished_at < ? AND document IS NOT NULL LIMIT ?)`, micros(now.Add(-keepDocuments))},
		{`DELETE FROM erasures WHERE owner IN (SELECT owner FROM erasures WHERE until_at < ? LIMIT ?)`, micros(now)},
		// A hold whose time ran out stays HELD: nobody comes to say that it has ended.
		{`DELETE FROM claims WHERE id IN (SELECT id FROM claims
			WHERE expires_at < ? AND order_id = '' AND state <> 'ALLOCATED' LIMIT ?)`, old},
	} {
		n, err := l.purgeBy(ctx, p.query, p.before)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (l *Ledger) purgeBy(ctx context.Context, query string, before int64) (total int64, err error) {
	for range purgeBatches {
		var rows int64
		err := l.change(ctx, func(t *tx) (err error) {
			rows, err = t.exec(query, before, purgeBatch)
			return err
		})
		if err != nil {
			return total, err
		}
		total += rows
		l.metrics.purged.Add(float64(rows))
		if rows < purgeBatch {
			break
		}
	}
	return total, nil
}

func (l *Ledger) keepPurging(ctx context.Context) {
	refresh.Every(ctx, purgeEvery, func() {
		if _, err := l.Purge(ctx); err != nil && ctx.Err() == nil {
			l.log.LogAttrs(ctx, slog.LevelWarn, "old rows could not be removed", slog.Any("err", err))
		}
	})
}
