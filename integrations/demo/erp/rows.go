package erp

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/portico-retail/portico/integrations/demo/faults"
)

// ErrBrokenOff ends the rows of a truncated answer.
var ErrBrokenOff = errors.New("erp: connection reset in the middle of the rows")

// unreadable is no number, no time and no UTF-8.
const unreadable = "\xff\xfe?"

// spoil applies the faults of an answer: disorder of the balance feed, garbage, truncate, drip.
func spoil(ctx context.Context, live driver.Rows, query string, board *faults.Board) (driver.Rows, error) {
	state := board.Get()
	disorder := (state.Duplicate > 0 || state.Reorder) && isFeed(query)
	if !disorder && !state.Garbage && !state.Truncate && state.DripBytesPerSecond == 0 {
		return live, nil
	}
	out := &rows{columns: live.Columns(), end: io.EOF, bytesPerSecond: state.DripBytesPerSecond}
	out.pause = func(d time.Duration) error { return faults.Pause(ctx, d) }
	if err := out.drain(live); err != nil {
		return nil, err
	}
	if disorder {
		out.disorder(state, board)
	}
	if state.Garbage {
		out.garble()
	}
	if state.Truncate {
		out.values, out.end = out.values[:len(out.values)/2], ErrBrokenOff
	}
	return out, nil
}

// isFeed tells the balance feed: the query that reads stk_bal in the order of its changes.
func isFeed(query string) bool {
	_, order, ordered := strings.Cut(strings.ToLower(query), "order by")
	return ordered && strings.Contains(strings.ToLower(query), "stk_bal") && strings.Contains(order, "chg_seq")
}

// rows is an answer held in memory.
type rows struct {
	pause          func(time.Duration) error // no longer than the query: driver.Rows.Next has no context
	columns        []string
	values         [][]driver.Value
	end            error
	bytesPerSecond int
}

func (r *rows) drain(live driver.Rows) error {
	for {
		row := make([]driver.Value, len(r.columns))
		err := live.Next(row)
		if errors.Is(err, io.EOF) {
			return live.Close()
		}
		if err != nil {
			return errors.Join(err, live.Close())
		}
		for i, v := range row {
			if b, ok := v.([]byte); ok {
				row[i] = bytes.Clone(b) // the driver may use it again
			}
		}
		r.values = append(r.values, row)
	}
}

func (r *rows) disorder(state faults.State, board *faults.Board) {
	for _, row := range r.values[:len(r.values):len(r.values)] {
		if board.Share(state.Duplicate) {
			r.values = append(r.values, row)
		}
	}
	if state.Reorder {
		board.Shuffle(len(r.values), func(i, j int) { r.values[i], r.values[j] = r.values[j], r.values[i] })
	}
}

func (r *rows) garble() {
	for _, row := range r.values {
		for i := range row {
			row[i] = unreadable
		}
	}
}

// Columns implements driver.Rows.
func (r *rows) Columns() []string { return r.columns }

// Close implements driver.Rows.
func (r *rows) Close() error { return nil }

// Next implements driver.Rows.
func (r *rows) Next(dest []driver.Value) error {
	if len(r.values) == 0 {
		return r.end
	}
	row := r.values[0]
	if r.bytesPerSecond > 0 {
		if err := r.pause(time.Duration(size(row)) * time.Second / time.Duration(r.bytesPerSecond)); err != nil {
			return err
		}
	}
	r.values = r.values[1:]
	copy(dest, row)
	return nil
}

// size is about what a row takes on a wire.
func size(row []driver.Value) int {
	n := 0
	for _, v := range row {
		switch v := v.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		default:
			n += 8
		}
	}
	return n
}
