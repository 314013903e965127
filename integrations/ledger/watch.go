package ledger

import "context"

// LastEvent is the Seq of the latest event of the outbox, 0 when there was none yet.
func (l *Ledger) LastEvent(ctx context.Context) (seq int64, err error) {
	if err := l.sequence(ctx); err != nil {
		return 0, err
	}
	_, err = l.one(ctx, &seq, `SELECT value FROM counters WHERE name = 'events'`)
	return seq, err
}
