package erp_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/demo/erp"
	"github.com/portico-retail/portico/integrations/demo/faults"
)

const feed = `SELECT loc_cd, item_cd, qty FROM stk_bal WHERE chg_seq > 0 ORDER BY chg_seq`

type row struct {
	Location, SKU string
	Quantity      int
}

func readFeed(ctx context.Context, db *sql.DB) ([]row, error) {
	rows, err := db.QueryContext(ctx, feed)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []row
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.Location, &r.SKU, &r.Quantity); err != nil {
			return out, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

func mustFeed(t *testing.T, e *erp.ERP) []row {
	t.Helper()
	list, err := readFeed(t.Context(), e.Gateway())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func openFaulted(t *testing.T, dsn string) (*erp.ERP, *faults.Board) {
	board := faults.NewBoard(7)
	e := mustOpen(t, erp.Options{DSN: dsn, Board: board})
	mustSeed(t, e)
	return e, board
}

var healthy = []row{{"S-1", "A1", 10}, {"S-1", "B2", 5}, {"W-1", "A1", 100}}

func TestFaultsFailQueries(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, dsn string) {
		e, board := openFaulted(t, dsn)
		tests := map[string]struct {
			state faults.State
			want  error
		}{
			"a database that is down refuses":                {faults.State{Down: true}, erp.ErrDown},
			"an error rate of one fails every query":         {faults.State{ErrorRate: 1}, erp.ErrFault},
			"truncate breaks off in the middle":              {faults.State{Truncate: true}, erp.ErrBrokenOff},
			"latency beyond the deadline is a timeout":       {faults.State{LatencyMs: 60_000}, context.DeadlineExceeded},
			"a drip slower than the deadline is a timeout":   {faults.State{DripBytesPerSecond: 1}, context.DeadlineExceeded},
			"a healthy database answers after all that went": {faults.State{}, nil},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				check(t, board.Set(tt.state))
				defer func() { check(t, board.Set(faults.State{})) }()
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				if tt.want == nil {
					ctx = t.Context()
				}
				if _, err := readFeed(ctx, e.Gateway()); !errors.Is(err, tt.want) {
					t.Errorf("error = %v, want %v", err, tt.want)
				}
			})
		}
		check(t, board.Set(faults.State{Down: true}))
		if err := e.Gateway().PingContext(t.Context()); !errors.Is(err, erp.ErrDown) {
			t.Errorf("ping while down = %v", err)
		}
		check(t, board.Set(faults.State{}))
		if diff := cmp.Diff(healthy, mustFeed(t, e)); diff != "" {
			t.Errorf("after the faults (-want +got):\n%s", diff)
		}
	})
}

func TestTruncateGivesHalfTheRows(t *testing.T) {
	e, board := openFaulted(t, "")
	check(t, board.Set(faults.State{Truncate: true}))
	got, err := readFeed(t.Context(), e.Gateway())
	if diff := cmp.Diff(healthy[:1], got); diff != "" || !errors.Is(err, erp.ErrBrokenOff) {
		t.Errorf("error = %v, rows (-want +got):\n%s", err, diff)
	}
}

func TestGarbageCannotBeScanned(t *testing.T) {
	e, board := openFaulted(t, "")
	check(t, board.Set(faults.State{Garbage: true}))
	var n int
	if err := e.Gateway().QueryRowContext(t.Context(), `SELECT qty FROM stk_bal`).Scan(&n); err == nil {
		t.Errorf("garbage scanned as %d", n)
	}
}

func TestStaleAnswersFromTheMomentOfTheSwitch(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, dsn string) {
		e, board := openFaulted(t, dsn)
		statement, err := e.Gateway().PrepareContext(t.Context(), `SELECT SUM(qty) FROM stk_bal`)
		check(t, err)
		defer statement.Close()
		sum := func() (n int) {
			check(t, statement.QueryRowContext(t.Context()).Scan(&n))
			return n
		}
		for range 2 { // a second switch-on takes a new copy
			before := mustFeed(t, e)
			total := sum()
			check(t, board.Set(faults.State{Stale: true}))
			check(t, e.Adjust(t.Context(), erp.Move{"S-1", "A1", -3}))
			if diff := cmp.Diff(before, mustFeed(t, e)); diff != "" {
				t.Errorf("while stale (-want +got):\n%s", diff)
			}
			if got := sum(); got != total {
				t.Errorf("a prepared statement saw %d while stale, want %d", got, total)
			}
			check(t, board.Set(faults.State{}))
			if got := sum(); got != total-3 {
				t.Errorf("sum = %d after stale, want %d", got, total-3)
			}
		}
	})
}

func TestFeedDisorderLosesNothing(t *testing.T) {
	e, board := openFaulted(t, "")
	check(t, board.Set(faults.State{Duplicate: 1, Reorder: true}))
	got := mustFeed(t, e)
	if len(got) != 2*len(healthy) {
		t.Errorf("%d rows, want each of %d twice", len(got), len(healthy))
	}
	shuffled := false
	for range 10 {
		shuffled = shuffled || !slices.Equal(mustFeed(t, e), append(slices.Clone(healthy), healthy...))
	}
	if !shuffled {
		t.Error("the rows were never out of order")
	}
	seen := map[row]int{}
	for _, r := range got {
		seen[r]++
	}
	if diff := cmp.Diff(map[row]int{healthy[0]: 2, healthy[1]: 2, healthy[2]: 2}, seen); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	var n int
	check(t, e.Gateway().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM (SELECT qty FROM stk_bal) q`).Scan(&n))
	if n != len(healthy) {
		t.Errorf("a query that is not the feed counts %d", n)
	}
}
