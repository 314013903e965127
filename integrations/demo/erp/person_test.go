package erp_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portico-retail/portico/integrations/demo/erp"
	"github.com/portico-retail/portico/integrations/demo/faults"
)

// openPersons is an ERP with two customers, three tiers, one entry of points and one coupon.
func openPersons(t *testing.T, dsn string) (*erp.ERP, *faults.Board) {
	t.Helper()
	board := faults.NewBoard(7)
	e := mustOpen(t, erp.Options{DSN: dsn, Board: board, Now: (&clock{at: opening}).now})
	check(t, e.Seed(t.Context(), erp.Data{
		Currency: "CNY",
		Customers: []erp.Customer{
			{Number: "C-1", Name: "李", Phone: "+8613800000001", PhoneVerified: true, Card: "8800000001", YearSpend: "990.50"},
			{Number: "C-2", Tier: "GOLD"},
		},
		Tiers: []erp.Tier{
			{Code: "SILVER", Name: "银", NameEN: "Silver"},
			{Code: "GOLD", Name: "金", NameEN: "Gold", YearSpend: "1000"},
			{Code: "PLATINUM", Name: "白金", NameEN: "Platinum", YearSpend: "5000.00"},
		},
		Points:  []erp.Points{{Customer: "C-1", Reference: "old", Source: "ERP", Points: 700, At: opening}},
		Coupons: []erp.Coupon{{Number: "K-1", Customer: "C-1", Kind: erp.CouponAmount, Amount: "5.00", From: opening, To: opening.Add(time.Hour), Name: "券"}},
	}))
	return e, board
}

// standing is tier and spend of a customer, past the faults.
func standing(t *testing.T, e *erp.ERP, number string) (out string) {
	t.Helper()
	check(t, e.Gateway().QueryRowContext(t.Context(),
		`SELECT tier_cd || ' ' || CAST(CAST(year_amt * 100 AS INTEGER) AS VARCHAR(20)) FROM cust_mst WHERE cust_no = '`+number+`'`).Scan(&out))
	return out
}

func count(t *testing.T, e *erp.ERP, query string) (n int) {
	t.Helper()
	check(t, e.Gateway().QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

func TestTillPointsCountOnceAndLiftTheTier(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, dsn string) {
		e, _ := openPersons(t, dsn)
		entries := []erp.TillPoints{
			{Card: "8800000001", Reference: "S-1-7:EARN", Points: 9, At: opening, Name: "门店"},
			{Card: "nobody", Reference: "S-1-8:EARN", Points: 5, At: opening},
		}
		for range 2 {
			unknown, err := e.BookTillPoints(t.Context(), entries)
			if diff := cmp.Diff(entries[1:], unknown); diff != "" || err != nil {
				t.Fatalf("%v, unknown cards (-want +got):\n%s", err, diff)
			}
			check(t, e.RecomputeTiers(t.Context()))
			if got := standing(t, e, "C-1"); got != "SILVER 99950" {
				t.Errorf("C-1 stands at %s, want 999.50 and no credit for old points", got)
			}
		}
		if got := standing(t, e, "C-2"); got != "SILVER 0" {
			t.Errorf("C-2, who spent nothing, stands at %s", got)
		}
		for i, step := range []struct {
			points int
			want   string
		}{{1, "GOLD 100050"}, {5000, "PLATINUM 600050"}, {-7000, "SILVER 0"}} {
			_, err := e.BookTillPoints(t.Context(), []erp.TillPoints{{Card: "8800000001", Reference: fmt.Sprint("r-", i), Points: step.points, At: opening}})
			check(t, err)
			check(t, e.RecomputeTiers(t.Context()))
			if got := standing(t, e, "C-1"); got != step.want {
				t.Errorf("after %d points C-1 stands at %s, want %s", step.points, got, step.want)
			}
		}
	})
}

// SQLite keeps decimals as binary fractions: 1109.82 and 44 make 1153.8199999999999 unless somebody rounds.
func TestSpendHasNoMoreDigitsThanMoney(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, dsn string) {
		e, _ := openPersons(t, dsn)
		_, err := e.Gateway().ExecContext(t.Context(), `UPDATE cust_mst SET year_amt = 1109.82 WHERE cust_no = 'C-1'`)
		check(t, err)
		for i := range 60 {
			_, err := e.BookTillPoints(t.Context(), []erp.TillPoints{{Card: "8800000001", Reference: fmt.Sprint("c-", i), Points: 11 + 7*i, At: opening}})
			check(t, err)
			check(t, e.RecomputeTiers(t.Context()))
			var spend string
			check(t, e.Gateway().QueryRowContext(t.Context(), `SELECT CAST(year_amt AS VARCHAR(40)) FROM cust_mst WHERE cust_no = 'C-1'`).Scan(&spend))
			if _, digits, _ := strings.Cut(spend, "."); len(digits) > 2 {
				t.Fatalf("after %d bookings the spend reads %s", i+1, spend)
			}
		}
	})
}

func TestTheGatewayWritesWhereItMayOnly(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, dsn string) {
		e, _ := openPersons(t, dsn)
		for _, statement := range []string{
			`UPDATE stk_bal SET qty = 0`, `DELETE FROM cust_mst`, `INSERT INTO tier_rule VALUES ('A','a','a',0,'CNY')`, `UPDATE pts_led SET pts = 9`,
			`INSERT INTO cpn_mst (cpn_no) VALUES ('K-2')`, `DROP TABLE cust_mst`, `/* x */ UPDATE item_mst SET item_nm = ''`, `WITH x AS (SELECT 1) UPDATE stk_bal SET qty = 0`,
			`UPDATE cpn_mst_old SET x = 0`,
		} {
			if _, err := e.Gateway().ExecContext(t.Context(), statement); !errors.Is(err, erp.ErrForbidden) {
				t.Errorf("%s: %v, want ErrForbidden", statement, err)
			}
		}
		for _, statement := range []string{
			`UPDATE cust_mst SET cust_nm = 'x'`, "\n insert into pts_led (cust_no, ref_no, src_cd, pts, at) VALUES ('C-1','r','POS',1,'x')", `UPDATE cpn_mst SET used_ref = 'x'`,
		} {
			if _, err := e.Gateway().ExecContext(t.Context(), statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
		if got := count(t, e, `SELECT COUNT(*) FROM cust_mst WHERE cust_nm = 'x'`); got != 2 {
			t.Errorf("%d customers renamed, want 2", got)
		}
	})
}

func TestALostReplyWasCarriedOut(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, dsn string) {
		e, board := openPersons(t, dsn)
		check(t, board.Set(faults.State{LoseReplies: 1}))
		const statement = `UPDATE cpn_mst SET used_ref = COALESCE(used_ref, '') || 'x'`
		if _, err := e.Gateway().ExecContext(t.Context(), statement); !errors.Is(err, erp.ErrLost) {
			t.Fatalf("err = %v, want ErrLost", err)
		}
		if _, err := readFeed(t.Context(), e.Gateway()); !errors.Is(err, erp.ErrLost) {
			t.Errorf("a query: %v, want ErrLost", err)
		}
		check(t, board.Set(faults.State{}))
		if got := count(t, e, `SELECT LENGTH(used_ref) FROM cpn_mst`); got != 1 {
			t.Errorf("the statement ran %d times", got)
		}
	})
}

func TestWritesFailWhileTheDatabaseDoes(t *testing.T) {
	e, board := openPersons(t, "")
	for want, state := range map[error]faults.State{
		erp.ErrDown: {Down: true}, erp.ErrFault: {ErrorRate: 1}, context.DeadlineExceeded: {LatencyMs: 60_000},
	} {
		check(t, board.Set(state))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if _, err := e.Gateway().ExecContext(ctx, `UPDATE cust_mst SET cust_nm = 'x'`); !errors.Is(err, want) {
			t.Errorf("err = %v, want %v", err, want)
		}
		cancel()
	}
	check(t, board.Set(faults.State{}))
	if got := count(t, e, `SELECT COUNT(*) FROM cust_mst WHERE cust_nm = 'x'`); got != 0 {
		t.Errorf("%d customers renamed by writes that failed", got)
	}
}

func TestAStaleDatabaseWritesAndShowsItLater(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, dsn string) {
		e, board := openPersons(t, dsn)
		check(t, board.Set(faults.State{Stale: true}))
		_, err := e.Gateway().ExecContext(t.Context(), `UPDATE cust_mst SET cust_nm = 'x'`)
		check(t, err)
		const renamed = `SELECT COUNT(*) FROM cust_mst WHERE cust_nm = 'x'`
		if got := count(t, e, renamed); got != 0 {
			t.Errorf("%d renamed while stale", got)
		}
		check(t, board.Set(faults.State{}))
		if got := count(t, e, renamed); got != 2 {
			t.Errorf("%d renamed afterwards, want 2", got)
		}
	})
}

func TestPreparingReadsTheStatement(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, dsn string) {
		e, _ := openPersons(t, dsn)
		prepare := func(query string) error {
			statement, err := e.Gateway().PrepareContext(t.Context(), query)
			if err != nil {
				return err
			}
			defer statement.Close()
			return nil
		}
		check(t, prepare(`UPDATE cust_mst SET cust_nm = 'x'`))
		if prepare(`UPDATE cust_mst SET shoe_size = 42`) == nil || prepare(`SELECT shoe_size FROM cust_mst`) == nil {
			t.Error("a statement with an unknown column was prepared")
		}
		if got := count(t, e, `SELECT COUNT(*) FROM cust_mst WHERE cust_nm = 'x'`); got != 0 {
			t.Error("preparing ran the statement")
		}
	})
}

func TestGatewayAndERPWriteAtOnce(t *testing.T) {
	e, _ := openPersons(t, "")
	db := e.Gateway()
	var wg sync.WaitGroup
	errs := make(chan error, 200)
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				errs <- book(t.Context(), db, fmt.Sprint(i, "-", j))
				errs <- e.RecomputeTiers(t.Context())
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		check(t, err)
	}
	check(t, e.RecomputeTiers(t.Context()))
	if got := standing(t, e, "C-1"); got != "GOLD 107050" {
		t.Errorf("C-1 stands at %s, want every entry counted once", got)
	}
}

func book(ctx context.Context, db *sql.DB, reference string) error {
	_, err := db.ExecContext(ctx, `INSERT INTO pts_led (cust_no, ref_no, src_cd, pts, at) VALUES ('C-1', ?, 'SHOP', 1, 'x')`, reference)
	return err
}
