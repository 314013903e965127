package erp

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// timeFormat is RFC 3339 with milliseconds, always UTC, so that text order is time order.
const timeFormat = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(timeFormat) }

// Seed replaces everything in the database by data, in one transaction. Versions and chg_seq go on from where they
// were, so that a reader that knew the old rows takes the new ones for newer.
func (e *ERP) Seed(ctx context.Context, data Data) error {
	err := e.write(ctx, func(tx *sqlx.Tx) error {
		seq, err := reserve(ctx, tx, len(data.Balances))
		if err != nil {
			return err
		}
		for _, table := range tables {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table); err != nil {
				return err
			}
		}
		if err := seedItems(ctx, tx, data); err != nil {
			return err
		}
		if err := seedLocations(ctx, tx, data, e.now()); err != nil {
			return err
		}
		if err := seedPersons(ctx, tx, data, e.now()); err != nil {
			return err
		}
		return seedBalances(ctx, tx, data.Balances, seq)
	})
	if err != nil {
		return fmt.Errorf("erp: seed: %w", err)
	}
	return nil
}

// tables are those that Seed fills and a snapshot copies.
var tables = []string{
	"item_mst", "price_lst", "loc_mst", "loc_hrs", "loc_hol", "stk_bal", "ifc_stat",
	"cust_mst", "tier_rule", "pts_led", "pts_cnt", "cpn_mst", "prv_req",
}

func seedItems(ctx context.Context, tx *sqlx.Tx, data Data) error {
	const itemColumns = "item_mst (item_cd, gtin_cd, item_nm, item_nm_en, brand_cd, dept_cd, status_cd)"
	err := insert(ctx, tx, itemColumns, 7, len(data.Items), func(i int) []any {
		it := data.Items[i]
		return []any{it.Code, null(it.GTIN), it.Name, it.NameEN, null(it.Brand), null(it.Dept), it.Status}
	})
	if err != nil {
		return err
	}
	return insert(ctx, tx, priceColumns, 11, len(data.Prices), func(i int) []any {
		return priceRow(int64(i+1), data.Prices[i], data.Currency)
	})
}

const priceColumns = "price_lst (price_id, item_cd, price_typ, chan_cd, tier_cd, amt, curr_cd, valid_from, valid_to, promo_nm, promo_nm_en)"

func priceRow(id int64, p Price, currency string) []any {
	var to any
	if !p.To.IsZero() {
		to = stamp(p.To)
	}
	return []any{id, p.Item, p.Kind, orAll(p.Channel), orAll(p.Tier), p.Amount, currency, stamp(p.From), to, null(p.Name), null(p.NameEN)}
}

func seedLocations(ctx context.Context, tx *sqlx.Tx, data Data, now time.Time) error {
	const columns = `loc_mst (loc_cd, loc_typ, loc_nm, loc_nm_en, ctry_cd, prov_nm, city_nm, dist_nm, addr_ln, post_cd, phone_no,
		lat, lon, tz_nm, pickup_flg, curb_flg, instant_flg, pick_min, cutoff_tm, pick_cap, status_cd)`
	err := insert(ctx, tx, columns, 21, len(data.Locations), func(i int) []any {
		l := data.Locations[i]
		return []any{
			l.Code, l.Kind, l.Name, l.NameEN, null(l.Country), null(l.Province), null(l.City), null(l.District), null(l.Line),
			null(l.PostCode), null(l.Phone), l.Lat, l.Lon, l.Zone, flag(l.Pickup), flag(l.Curbside), flag(l.Instant),
			l.PickMinutes, null(l.Cutoff), l.PickCapacity, "A",
		}
	})
	if err != nil {
		return err
	}
	err = insert(ctx, tx, "loc_hrs (loc_cd, dow, open_tm, close_tm)", 4, len(data.Hours), func(i int) []any {
		h := data.Hours[i]
		return []any{h.Location, h.Weekday, h.Opens, h.Closes}
	})
	if err != nil {
		return err
	}
	err = insert(ctx, tx, "loc_hol (loc_cd, hol_dt, open_tm, close_tm, hol_nm)", 5, len(data.Holidays), func(i int) []any {
		h := data.Holidays[i]
		return []any{h.Location, h.Date, null(h.Opens), null(h.Closes), null(h.Name)}
	})
	if err != nil {
		return err
	}
	asOf := stamp(now)
	return insert(ctx, tx, "ifc_stat (loc_cd, as_of)", 2, len(data.Locations), func(i int) []any {
		return []any{data.Locations[i].Code, asOf}
	})
}

func seedBalances(ctx context.Context, tx *sqlx.Tx, balances []Balance, seq int64) error {
	const columns = "stk_bal (loc_cd, item_cd, qty, pos_cut, safety_qty, ranged_flg, ver, chg_seq)"
	ver := seq + 1 // above every version given before, because no row changes without a chg_seq
	return insert(ctx, tx, columns, 8, len(balances), func(i int) []any {
		b := balances[i]
		return []any{b.Location, b.SKU, b.Quantity, b.POSCut, b.Safety, flag(b.Ranged), ver, seq + int64(i) + 1}
	})
}

// insert writes n rows, many per statement: that is what makes seeding fast on both databases.
func insert(ctx context.Context, tx *sqlx.Tx, into string, width, n int, row func(i int) []any) error {
	const maxParams = 4000
	perStatement := maxParams / width
	tuple := "(" + strings.Repeat("?,", width-1) + "?)"
	args := make([]any, 0, maxParams)
	for from := 0; from < n; from += perStatement {
		to := min(n, from+perStatement)
		args = args[:0]
		for i := from; i < to; i++ {
			args = append(args, row(i)...)
		}
		query := "INSERT INTO " + into + " VALUES " + strings.Repeat(tuple+",", to-from-1) + tuple
		if _, err := tx.ExecContext(ctx, tx.Rebind(query), args...); err != nil {
			return fmt.Errorf("insert into %s: %w", strings.SplitN(into, " ", 2)[0], err)
		}
	}
	return nil
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func flag(b bool) string {
	if b {
		return "Y"
	}
	return "N"
}

func orAll(s string) string {
	if s == "" {
		return "*"
	}
	return s
}
