package erp

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// Customer is a row of cust_mst; empty texts are unknown. Reference is what it was created under.
type Customer struct {
	Number, Reference, Name, Phone string
	PhoneVerified                  bool
	Email, UnionID, Birthday       string
	Tier, Card, Account            string
	YearSpend                      string // major units; empty is zero
}

// Tier is a row of tier_rule.
type Tier struct {
	Code, Name, NameEN string
	YearSpend          string // major units, from which on the tier is given
}

// Points is a row of pts_led; a zero Expires means never. Spend that seeded points stand for is in Customer.YearSpend.
type Points struct {
	Customer, Reference, Source string
	Points                      int
	At, Expires                 time.Time
	Name, NameEN                string
}

// Kinds of coupons.
const (
	CouponAmount   = "AMT"
	CouponPercent  = "PCT"
	CouponDelivery = "DLV"
)

// Coupon is a row of cpn_mst. Empty Dept and Channels mean all; one with UsedRef is used.
type Coupon struct {
	Number, Customer, Kind string
	Amount                 string // major units, of CouponAmount
	Percent                int    // of CouponPercent
	MinSpend               string // major units; empty means none
	Dept                   string
	Channels               []string
	Stackable              bool
	From, To               time.Time
	UsedRef                string
	UsedAt                 time.Time
	Name, NameEN           string
}

// TillPoints is points that a till gave to a card.
type TillPoints struct {
	Card, Reference string
	Points          int
	At              time.Time
	Name, NameEN    string
}

// lowestTier is what a customer without a reached tier has.
const lowestTier = "SILVER"

func seedPersons(ctx context.Context, tx *sqlx.Tx, data Data, now time.Time) error {
	const customers = `cust_mst (cust_no, ref_no, cust_nm, phone_no, phone_flg, email, union_id, birth_dt, tier_cd, card_no, acct_id,
		year_amt, curr_cd, upd_at)`
	err := insert(ctx, tx, customers, 14, len(data.Customers), func(i int) []any {
		c := data.Customers[i]
		tier := c.Tier
		if tier == "" {
			tier = lowestTier
		}
		return []any{
			c.Number, null(c.Reference), null(c.Name), null(c.Phone), flag(c.PhoneVerified), null(c.Email), null(c.UnionID),
			null(c.Birthday), tier, null(c.Card), null(c.Account), orZero(c.YearSpend), data.Currency, stamp(now),
		}
	})
	if err != nil {
		return err
	}
	const tiers = "tier_rule (tier_cd, tier_nm, tier_nm_en, min_amt, curr_cd)"
	err = insert(ctx, tx, tiers, 5, len(data.Tiers), func(i int) []any {
		t := data.Tiers[i]
		return []any{t.Code, t.Name, t.NameEN, orZero(t.YearSpend), data.Currency}
	})
	if err != nil {
		return err
	}
	err = insert(ctx, tx, "pts_led (cust_no, ref_no, src_cd, pts, at, expire_at, pts_nm, pts_nm_en)", 8, len(data.Points), func(i int) []any {
		p := data.Points[i]
		return []any{p.Customer, p.Reference, p.Source, p.Points, stamp(p.At), orNull(p.Expires), null(p.Name), null(p.NameEN)}
	})
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO pts_cnt (cust_no, ref_no) SELECT cust_no, ref_no FROM pts_led`); err != nil {
		return err
	}
	return seedCoupons(ctx, tx, data)
}

func seedCoupons(ctx context.Context, tx *sqlx.Tx, data Data) error {
	const coupons = `cpn_mst (cpn_no, cust_no, cpn_typ, amt, pct, min_amt, curr_cd, dept_cd, chan_cds, stack_flg, valid_from, valid_to,
		stat_cd, used_ref, used_at, cpn_nm, cpn_nm_en)`
	return insert(ctx, tx, coupons, 17, len(data.Coupons), func(i int) []any {
		c := data.Coupons[i]
		status, percent := "O", any(nil)
		if c.UsedRef != "" {
			status = "U"
		}
		if c.Kind == CouponPercent {
			percent = c.Percent
		}
		return []any{
			c.Number, c.Customer, c.Kind, null(c.Amount), percent, null(c.MinSpend), data.Currency, null(c.Dept),
			null(strings.Join(c.Channels, ",")), flag(c.Stackable), stamp(c.From), stamp(c.To),
			status, null(c.UsedRef), orNull(c.UsedAt), c.Name, null(c.NameEN),
		}
	})
}

func orZero(amount string) string {
	if amount == "" {
		return "0"
	}
	return amount
}

func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stamp(t)
}

// BookTillPoints books what the tills gave, under the references that the tills report. Booking one again changes nothing.
// It returns the entries of cards that no customer has: nothing of them is booked, and they may be tried again later.
func (e *ERP) BookTillPoints(ctx context.Context, entries []TillPoints) (unknown []TillPoints, err error) {
	err = e.write(ctx, func(tx *sqlx.Tx) error {
		book, err := tx.PrepareContext(ctx, tx.Rebind(`INSERT INTO pts_led (cust_no, ref_no, src_cd, pts, at, pts_nm, pts_nm_en)
			VALUES (?, ?, 'POS', ?, ?, ?, ?) ON CONFLICT (cust_no, ref_no) DO NOTHING`))
		if err != nil {
			return err
		}
		defer book.Close()
		for _, p := range entries {
			var holders []string
			err := tx.SelectContext(ctx, &holders, tx.Rebind(`SELECT cust_no FROM cust_mst WHERE card_no = ? ORDER BY cust_no LIMIT 1`), p.Card)
			if err != nil {
				return err
			}
			if len(holders) == 0 {
				unknown = append(unknown, p)
				continue
			}
			if _, err := book.ExecContext(ctx, holders[0], p.Reference, p.Points, stamp(p.At), null(p.Name), null(p.NameEN)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("erp: book points of the tills: %w", err)
	}
	return unknown, nil
}

// RecomputeTiers is the nightly run over points: every entry booked since the last one adds a unit of currency a point to
// year_amt (points taken back subtract, never below zero), and every customer gets the highest tier reached.
func (e *ERP) RecomputeTiers(ctx context.Context) error {
	err := e.write(ctx, func(tx *sqlx.Tx) error {
		for _, statement := range []string{
			`UPDATE cust_mst SET upd_at = ?, year_amt = (SELECT CASE WHEN cust_mst.year_amt + SUM(p.pts) > 0
				THEN ROUND(cust_mst.year_amt + SUM(p.pts), 2)
				ELSE 0 END FROM pts_led p WHERE p.cust_no = cust_mst.cust_no
				AND NOT EXISTS (SELECT 1 FROM pts_cnt n WHERE n.cust_no = p.cust_no AND n.ref_no = p.ref_no))
			WHERE EXISTS (SELECT 1 FROM pts_led p WHERE p.cust_no = cust_mst.cust_no
				AND NOT EXISTS (SELECT 1 FROM pts_cnt n WHERE n.cust_no = p.cust_no AND n.ref_no = p.ref_no))`,
			`UPDATE cust_mst SET upd_at = ?, tier_cd = (SELECT tier_cd FROM tier_rule WHERE min_amt <= cust_mst.year_amt
				ORDER BY min_amt DESC LIMIT 1)
			WHERE EXISTS (SELECT 1 FROM tier_rule WHERE min_amt <= cust_mst.year_amt) AND tier_cd <> (SELECT tier_cd FROM tier_rule
				WHERE min_amt <= cust_mst.year_amt ORDER BY min_amt DESC LIMIT 1)`,
		} {
			if _, err := tx.ExecContext(ctx, tx.Rebind(statement), stamp(e.now())); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO pts_cnt (cust_no, ref_no) SELECT cust_no, ref_no FROM pts_led WHERE true
			ON CONFLICT (cust_no, ref_no) DO NOTHING`)
		return err
	})
	if err != nil {
		return fmt.Errorf("erp: recompute tiers: %w", err)
	}
	return nil
}

// Mentions lists the customers with one of these texts, for tests: what is forgotten is nowhere.
func (e *ERP) Mentions(ctx context.Context, texts ...string) ([]string, error) {
	var found []string
	for _, text := range texts {
		var numbers []string
		err := e.writer.SelectContext(ctx, &numbers, e.writer.Rebind(`SELECT cust_no FROM cust_mst
			WHERE cust_nm = ? OR phone_no = ? OR email = ? OR union_id = ? OR birth_dt = ? ORDER BY cust_no`), text, text, text, text, text)
		if err != nil {
			return nil, fmt.Errorf("erp: mentions: %w", err)
		}
		found = append(found, numbers...)
	}
	return found, nil
}
