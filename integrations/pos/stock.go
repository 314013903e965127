package pos

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/stock"
)

// maxInquiry bounds the pairs of one StockInquiry.
const maxInquiry = 1000

// Poll reads the counters of a few places that are due, and the log of all others.
func (c *Client) Poll(ctx context.Context, text string) (stock.Batch, error) {
	cur := parseCursor(text)
	var b stock.Batch
	if age := c.now().UnixMilli() - cur.Listed; age < 0 || age >= c.cfg.ListEvery.Milliseconds() {
		if err := c.list(ctx, &cur, &b); err != nil {
			return stock.Batch{}, err
		}
	}
	jumped, snapshotErr := c.readCounters(ctx, &cur, &b)
	b.More = jumped && len(cur.Due) > 0
	asked := cur.readable()
	if len(asked) == 0 && snapshotErr != nil {
		return stock.Batch{}, snapshotErr
	}
	if len(asked) > 0 {
		more, err := c.readLog(ctx, &cur, asked, &b)
		if err != nil && !jumped {
			return stock.Batch{}, err
		}
		// Counters that were read are kept: a slow head office must not begin with the same ones at every poll.
		more = more || err != nil
		b.More = b.More || more
	}
	c.metrics.Quarantine(retail.SourcePOS, "stock", b.Quarantined)
	b.Cursor = cur.String()
	return b, nil
}

func (c *Client) list(ctx context.Context, cur *cursor, b *stock.Batch) error {
	reply, err := exchange(ctx, c, c.feed, element{name: "LaneList"}, (*reader).lanesReply)
	if err != nil {
		return err
	}
	b.Quarantined += reply.unreadable
	cur.list(reply.heartbeats, c.now())
	return nil
}

// readCounters reads the first places that are due. One that fails goes to the end of the line, so that it does not
// hold up the others; jumped says that at least one went well.
func (c *Client) readCounters(ctx context.Context, cur *cursor, b *stock.Batch) (jumped bool, err error) {
	for _, location := range slices.Clone(cur.Due[:min(len(cur.Due), c.cfg.Snapshots)]) {
		reply, failed := exchange(ctx, c, c.feed, counterSnapshot(location), (*reader).countersReply)
		if failed == nil && reply.location != location {
			failed = retail.BadUpstream(retail.SourcePOS, fmt.Errorf("pos: counters of another place than %s", location))
		}
		if failed != nil {
			if retail.CodeOf(failed) == retail.CodeNotFound {
				cur.Listed = 0 // the place lost its tills
			}
			err = failed
			cur.Due = append(cur.Due[1:], location)
			continue
		}
		jumped = true
		b.Quarantined += reply.unreadable
		for _, counted := range reply.counters {
			if counted.pair.Location != location {
				b.Quarantined++
				continue
			}
			b.Facts = append(b.Facts, fact(counted.pair, counted.seq, counted.net))
		}
		cur.jump(location, reply.seq)
	}
	return jumped, err
}

func (c *Client) readLog(ctx context.Context, cur *cursor, asked []string, b *stock.Batch) (more bool, err error) {
	start := c.now()
	request := logRead(c.cfg.LogEntries, asked, cur.Lanes)
	reply, err := exchange(ctx, c, c.feed, request, (*reader).logReply)
	if retail.CodeOf(err) == retail.CodeNotFound {
		// One of them lost its tills; list them again and go on without it.
		return true, c.list(ctx, cur, b)
	}
	if err != nil {
		return false, err
	}
	cur.fold(asked, &reply, b)
	at := readAt{start: start, now: c.now(), patience: c.cfg.GapPatience}
	more = cur.advance(asked, &reply, at, b)
	b.Quarantined += reply.unreadable
	return more, nil
}

// Now reads the present counters of the pairs, 1,000 in a request. A place of which a pair was not answered gets no mark.
func (c *Client) Now(ctx context.Context, pairs []stock.Pair) (stock.Batch, error) {
	if len(pairs) > stock.MaxPairs {
		return stock.Batch{}, retail.Errorf(retail.CodeLimitExceeded, "at most %d pairs in a question", stock.MaxPairs)
	}
	b, err := c.inquire(ctx, pairs)
	if retail.CodeOf(err) != retail.CodeNotFound {
		return b, err
	}
	known, err := c.withTills(ctx, pairs)
	if err != nil {
		return stock.Batch{}, err
	}
	return c.inquire(ctx, known)
}

// withTills keeps the pairs of places that have tills.
func (c *Client) withTills(ctx context.Context, pairs []stock.Pair) ([]stock.Pair, error) {
	reply, err := exchange(ctx, c, c.live, element{name: "LaneList"}, (*reader).lanesReply)
	if err != nil {
		return nil, err
	}
	tills := make(map[string]bool, len(reply.heartbeats))
	for _, beat := range reply.heartbeats {
		tills[beat.location] = true
	}
	var kept []stock.Pair
	for _, p := range pairs {
		if tills[p.Location] {
			kept = append(kept, p)
		}
	}
	return kept, nil
}

func (c *Client) inquire(ctx context.Context, pairs []stock.Pair) (stock.Batch, error) {
	var b stock.Batch
	missing, places := make(map[stock.Pair]bool, len(pairs)), map[string]bool{}
	for _, p := range pairs {
		missing[p], places[p.Location] = true, true
	}
	var beats []heartbeat
	start := c.now()
	for len(pairs) > 0 {
		chunk := pairs[:min(len(pairs), maxInquiry)]
		pairs = pairs[len(chunk):]
		reply, err := exchange(ctx, c, c.live, stockInquiry(chunk), (*reader).countersReply)
		if err != nil {
			return stock.Batch{}, err
		}
		b.Quarantined += reply.unreadable
		beats = append(beats, reply.heartbeats...)
		for _, counted := range reply.counters {
			if !missing[counted.pair] {
				b.Quarantined++
				continue
			}
			delete(missing, counted.pair)
			b.Facts = append(b.Facts, fact(counted.pair, counted.seq, counted.net))
		}
	}
	dateInquiry(&b, beats, places, missing, start)
	c.metrics.Quarantine(retail.SourcePOS, "stock", b.Quarantined)
	return b, nil
}

// dateInquiry adds marks and queues of the places asked, the first of each; those with a missing pair get no mark.
func dateInquiry(b *stock.Batch, beats []heartbeat, places map[string]bool, missing map[stock.Pair]bool, start time.Time) {
	silent := make(map[string]bool, len(missing))
	for p := range missing {
		silent[p.Location] = true
	}
	for _, beat := range beats {
		if !places[beat.location] {
			continue
		}
		delete(places, beat.location)
		b.Queues = append(b.Queues, stock.Queue{Location: beat.location, Open: beat.pickQueue})
		if !silent[beat.location] {
			b.Marks = append(b.Marks, mark(beat.location, start, beat.at))
		}
	}
}
