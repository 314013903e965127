package ledger

import (
	"context"

	"github.com/portico-retail/portico/retail"
)

// sequenceBatch is how many events get their number in one transaction.
const sequenceBatch = 1000

// Emit appends to the outbox.
func (t *tx) Emit(events ...retail.Event) error {
	for _, e := range events {
		if err := checkTexts("kind", string(e.Kind), "subject", e.Subject); err != nil {
			return err
		}
		data, err := encode(e.Data)
		if err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO events (kind, subject, at, data) VALUES (?, ?, ?, ?)`,
			string(e.Kind), e.Subject, micros(e.At), data); err != nil {
			return err
		}
	}
	return nil
}

// Events lists the outbox behind afterSeq (0 from the beginning), oldest first; limit at most, and 1,000. Seq grows in the order
// in which events became visible, so that a reader who goes on behind the last one that it saw misses none. Events older than
// Config.KeepEvents are gone.
func (l *Ledger) Events(ctx context.Context, afterSeq int64, limit int) ([]retail.Event, error) {
	if err := l.sequence(ctx); err != nil {
		return nil, err
	}
	var rows []struct {
		Seq     int64  `db:"seq"`
		Kind    string `db:"kind"`
		Subject string `db:"subject"`
		At      int64  `db:"at"`
		Data    string `db:"data"`
	}
	err := l.all(ctx, &rows, `SELECT seq, kind, subject, at, data FROM events WHERE seq > ? ORDER BY seq LIMIT ?`,
		afterSeq, limited(limit))
	if err != nil {
		return nil, err
	}
	list := make([]retail.Event, len(rows))
	for i, row := range rows {
		list[i] = retail.Event{Seq: row.Seq, Kind: retail.EventKind(row.Kind), Subject: row.Subject, At: fromMicros(row.At)}
		if err := decode(row.Data, &list[i].Data); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// sequence numbers the events of transactions that have ended since. Transactions number nothing themselves: on PostgreSQL they
// would have to wait for each other, or a reader could see a higher number before a lower one.
func (l *Ledger) sequence(ctx context.Context) error {
	for {
		var one int
		if fresh, err := l.one(ctx, &one, `SELECT 1 FROM events WHERE seq IS NULL LIMIT 1`); err != nil || !fresh {
			return err
		}
		var rows int64
		err := l.change(ctx, func(t *tx) error {
			var last int64
			if _, err := t.one(&last, `SELECT value FROM counters WHERE name = 'events'`+t.forUpdate()); err != nil {
				return err
			}
			var err error
			rows, err = t.exec(`UPDATE events SET seq = ? + fresh.place FROM (
					SELECT id, row_number() OVER (ORDER BY id) AS place FROM events WHERE seq IS NULL ORDER BY id LIMIT ?
				) AS fresh WHERE events.id = fresh.id`, last, sequenceBatch)
			if err != nil {
				return err
			}
			_, err = t.exec(`UPDATE counters SET value = ? WHERE name = 'events'`, last+rows)
			return err
		})
		if err != nil || rows < sequenceBatch {
			return err
		}
	}
}
