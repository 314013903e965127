package erp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// Move changes the books of one SKU at one place by Delta units.
type Move struct {
	Location, SKU string
	Delta         int
}

// Line is units of one SKU that left a place.
type Line struct {
	SKU      string
	Quantity int
}

// Counter is the cumulative net units of one SKU that the tills of a place sold.
type Counter struct {
	SKU string
	Net int
}

// Adjust books moves in one transaction: counts, write-offs, receipts. A pair without a row is an error and books nothing.
func (e *ERP) Adjust(ctx context.Context, moves ...Move) error {
	sums := map[[2]string]int{}
	for _, m := range moves {
		sums[[2]string{m.Location, m.SKU}] += m.Delta
	}
	keys := slices.SortedFunc(maps.Keys(sums), func(a, b [2]string) int {
		if c := strings.Compare(a[0], b[0]); c != 0 {
			return c
		}
		return strings.Compare(a[1], b[1])
	})
	err := e.write(ctx, func(tx *sqlx.Tx) error {
		seq, err := reserve(ctx, tx, len(keys))
		if err != nil {
			return err
		}
		update, err := tx.PrepareContext(ctx, tx.Rebind(
			`UPDATE stk_bal SET qty = qty + ?, ver = ver + 1, chg_seq = ? WHERE loc_cd = ? AND item_cd = ?`))
		if err != nil {
			return err
		}
		defer update.Close()
		for i, key := range keys {
			result, err := update.ExecContext(ctx, sums[key], seq+int64(i)+1, key[0], key[1])
			if err != nil {
				return err
			}
			if n, err := result.RowsAffected(); err != nil || n != 1 {
				return errors.Join(err, fmt.Errorf("no balance of %s at %s", key[1], key[0]))
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("erp: adjust: %w", err)
	}
	return nil
}

// BookShipment takes what left a place for web orders off its books.
func (e *ERP) BookShipment(ctx context.Context, location string, lines []Line) error {
	moves := make([]Move, len(lines))
	for i, l := range lines {
		moves[i] = Move{Location: location, SKU: l.SKU, Delta: -l.Quantity}
	}
	return e.Adjust(ctx, moves...)
}

// BookPOS is the nightly run for one place: in one transaction it moves what the tills sold since the last run into the
// books. A counter that was booked and is missing counts as zero. One that is booked already changes nothing; an item
// that the books do not carry opens a row, not ranged.
func (e *ERP) BookPOS(ctx context.Context, location string, counters []Counter) error {
	err := e.write(ctx, func(tx *sqlx.Tx) error {
		all, err := withZeroes(ctx, tx, location, counters)
		if err != nil {
			return err
		}
		seq, err := reserve(ctx, tx, len(all))
		if err != nil {
			return err
		}
		return bookCounters(ctx, tx, location, all, seq)
	})
	if err != nil {
		return fmt.Errorf("erp: book the tills of %s: %w", location, err)
	}
	return nil
}

// withZeroes appends the counters that were booked once and are zero now.
func withZeroes(ctx context.Context, tx *sqlx.Tx, location string, counters []Counter) ([]Counter, error) {
	var booked []string
	err := tx.SelectContext(ctx, &booked, tx.Rebind(
		`SELECT item_cd FROM stk_bal WHERE loc_cd = ? AND pos_cut <> 0 ORDER BY item_cd`), location)
	if err != nil {
		return nil, err
	}
	stated := make(map[string]bool, len(counters))
	for _, c := range counters {
		stated[c.SKU] = true
	}
	all := slices.Clone(counters)
	for _, sku := range booked {
		if !stated[sku] {
			all = append(all, Counter{SKU: sku})
		}
	}
	return all, nil
}

func bookCounters(ctx context.Context, tx *sqlx.Tx, location string, counters []Counter, seq int64) error {
	book, err := tx.PrepareContext(ctx, tx.Rebind(`INSERT INTO stk_bal (loc_cd, item_cd, qty, pos_cut, safety_qty, ranged_flg, ver, chg_seq)
		VALUES (?, ?, ?, ?, 0, 'N', ?, ?)
		ON CONFLICT (loc_cd, item_cd) DO UPDATE SET qty = stk_bal.qty - (excluded.pos_cut - stk_bal.pos_cut), pos_cut = excluded.pos_cut,
		ver = stk_bal.ver + 1, chg_seq = excluded.chg_seq WHERE stk_bal.pos_cut <> excluded.pos_cut`))
	if err != nil {
		return err
	}
	defer book.Close()
	for i, c := range counters {
		number := seq + int64(i) + 1 // also the first version of a new row: above all that were given before
		if _, err := book.ExecContext(ctx, location, c.SKU, -c.Net, c.Net, number, number); err != nil {
			return err
		}
	}
	return nil
}

// AddPrice appends a price condition and returns its id.
func (e *ERP) AddPrice(ctx context.Context, p Price, currency string) (id int64, err error) {
	err = e.write(ctx, func(tx *sqlx.Tx) error {
		if err := tx.GetContext(ctx, &id, `SELECT COALESCE(MAX(price_id), 0) + 1 FROM price_lst`); err != nil {
			return err
		}
		return insert(ctx, tx, priceColumns, 11, 1, func(int) []any { return priceRow(id, p, currency) })
	})
	if err != nil {
		return 0, fmt.Errorf("erp: add a price of %s: %w", p.Item, err)
	}
	return id, nil
}

// EndPrice ends a price condition at the instant at.
func (e *ERP) EndPrice(ctx context.Context, id int64, at time.Time) error {
	err := e.write(ctx, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE price_lst SET valid_to = ? WHERE price_id = ?`), stamp(at), id)
		return err
	})
	if err != nil {
		return fmt.Errorf("erp: end price %d: %w", id, err)
	}
	return nil
}

// Heartbeat states that everything is booked up to now: no write is under way while it takes the time.
func (e *ERP) Heartbeat(ctx context.Context) error {
	err := e.write(ctx, func(tx *sqlx.Tx) error {
		if _, err := reserve(ctx, tx, 0); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE ifc_stat SET as_of = ?`), stamp(e.now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("erp: heartbeat: %w", err)
	}
	return nil
}

// Run beats at every tick until ctx ends. A beat that fails is made up by the next: until then ifc_stat stands still,
// and its reader sees how old it is.
func (e *ERP) Run(ctx context.Context, ticks <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
			_ = e.Heartbeat(ctx)
		}
	}
}

// Balances returns the books as they are, past the fault switches, ordered by place and SKU; an empty location means all.
func (e *ERP) Balances(ctx context.Context, location string) ([]Balance, error) {
	var rows []struct {
		Location  string `db:"loc_cd"`
		SKU       string `db:"item_cd"`
		Quantity  int    `db:"qty"`
		POSCut    int    `db:"pos_cut"`
		Safety    int    `db:"safety_qty"`
		Ranged    string `db:"ranged_flg"`
		Version   int64  `db:"ver"`
		ChangeSeq int64  `db:"chg_seq"`
	}
	err := e.writer.SelectContext(ctx, &rows, e.writer.Rebind(`SELECT loc_cd, item_cd, qty, pos_cut, safety_qty, ranged_flg, ver, chg_seq
		FROM stk_bal WHERE loc_cd = ? OR ? = '' ORDER BY loc_cd, item_cd`), location, location)
	if err != nil {
		return nil, fmt.Errorf("erp: balances: %w", err)
	}
	out := make([]Balance, len(rows))
	for i, r := range rows {
		out[i] = Balance{r.Location, r.SKU, r.Quantity, r.POSCut, r.Safety, r.Ranged == "Y", r.Version, r.ChangeSeq}
	}
	return out, nil
}

// write runs do in the one write transaction that is open at a time.
func (e *ERP) write(ctx context.Context, do func(tx *sqlx.Tx) error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	tx, err := e.writer.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	if err = do(tx); err == nil {
		return tx.Commit()
	}
	if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
		err = errors.Join(err, rollback)
	}
	return err
}

// reserve gives the transaction the change numbers seq+1 to seq+n. Until it ends no other process that shares the
// database has any, so that numbers become visible in their order; with n = 0 it says that nobody has.
func reserve(ctx context.Context, tx *sqlx.Tx, n int) (seq int64, err error) {
	err = tx.GetContext(ctx, &seq, tx.Rebind(`UPDATE chg_ctl SET last_seq = last_seq + ? WHERE id = 1 RETURNING last_seq`), n)
	return seq - int64(n), err
}
