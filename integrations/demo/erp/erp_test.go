package erp_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"

	"github.com/portico-retail/portico/integrations/demo/erp"
	"github.com/portico-retail/portico/integrations/demo/faults"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var opening = time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)

// onEveryDatabase runs a test on SQLite and, when PORTICO_TEST_POSTGRES_DSN names a server, on PostgreSQL.
func onEveryDatabase(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "") })
	t.Run("postgres", func(t *testing.T) {
		dsn := os.Getenv("PORTICO_TEST_POSTGRES_DSN")
		if dsn == "" {
			t.Skip("PORTICO_TEST_POSTGRES_DSN is not set")
		}
		test(t, privateSchema(t, dsn))
	})
}

// privateSchema makes an empty schema that goes with the test, and returns a DSN that lies in it.
func privateSchema(t *testing.T, dsn string) string {
	t.Helper()
	schema := "erp_test_" + strings.ToLower(rand.Text()[:10])
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE SCHEMA " + schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec("DROP SCHEMA " + schema + " CASCADE"); err != nil {
			t.Error(err)
		}
		db.Close()
	})
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

var _ = stdlib.GetDefaultDriver // registers "pgx" for privateSchema

// clock is a hand-moved clock.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func mustOpen(t *testing.T, opts erp.Options) *erp.ERP {
	t.Helper()
	e, err := erp.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func mustSeed(t *testing.T, e *erp.ERP) {
	t.Helper()
	err := e.Seed(t.Context(), erp.Data{
		Currency:  "CNY",
		Items:     []erp.Item{{Code: "A1", Name: "杯", NameEN: "Cup", Status: "A"}},
		Prices:    []erp.Price{{Item: "A1", Kind: erp.PriceList, Amount: "19.90", From: opening}},
		Locations: []erp.Location{{Code: "S-1", Kind: "S", Name: "店", NameEN: "Store", Zone: "Asia/Shanghai"}, {Code: "W-1", Kind: "W", Name: "仓", NameEN: "DC", Zone: "Asia/Shanghai"}},
		Hours:     []erp.Hours{{Location: "S-1", Weekday: 1, Opens: "09:00", Closes: "24:00"}},
		Holidays:  []erp.Holiday{{Location: "S-1", Date: "2027-01-01", Name: "元旦"}},
		Balances: []erp.Balance{
			{Location: "S-1", SKU: "A1", Quantity: 10, Safety: 2, Ranged: true},
			{Location: "S-1", SKU: "B2", Quantity: 5, Ranged: true},
			{Location: "W-1", SKU: "A1", Quantity: 100, Ranged: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func mustBalances(t *testing.T, e *erp.ERP) []erp.Balance {
	t.Helper()
	list, err := e.Balances(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestJobs(t *testing.T) { onEveryDatabase(t, testJobs) }

func testJobs(t *testing.T, dsn string) {
	e := mustOpen(t, erp.Options{DSN: dsn, Now: (&clock{opening}).now})
	mustSeed(t, e)
	ctx := t.Context()
	check(t, e.Adjust(ctx, erp.Move{"S-1", "B2", -7}, erp.Move{"S-1", "B2", 1}))
	check(t, e.BookPOS(ctx, "S-1", []erp.Counter{{"A1", 4}, {"B2", 2}, {"Z9", 1}}))
	check(t, e.BookPOS(ctx, "S-1", []erp.Counter{{"A1", 4}, {"B2", 2}, {"Z9", 1}}))
	check(t, e.BookPOS(ctx, "S-1", []erp.Counter{{"A1", 3}, {"Z9", 1}})) // what was sold of B2 came back
	check(t, e.BookShipment(ctx, "W-1", []erp.Line{{"A1", 8}}))

	want := []erp.Balance{
		{Location: "S-1", SKU: "A1", Quantity: 7, POSCut: 3, Safety: 2, Ranged: true, Version: 3},
		{Location: "S-1", SKU: "B2", Quantity: -1, Ranged: true, Version: 4},
		{Location: "S-1", SKU: "Z9", Quantity: -1, POSCut: 1, Version: 7},
		{Location: "W-1", SKU: "A1", Quantity: 92, Ranged: true, Version: 2},
	}
	if diff := cmp.Diff(want, mustBalances(t, e), cmpopts.IgnoreFields(erp.Balance{}, "ChangeSeq")); diff != "" {
		t.Errorf("balances differ (-want +got):\n%s", diff)
	}
}

func TestChangesAreNumberedInCommitOrder(t *testing.T) { onEveryDatabase(t, testChangeSeq) }

func testChangeSeq(t *testing.T, dsn string) {
	e := mustOpen(t, erp.Options{DSN: dsn})
	mustSeed(t, e)
	latest := func() (seq int64) {
		for _, b := range mustBalances(t, e) {
			seq = max(seq, b.ChangeSeq)
		}
		return seq
	}
	before := latest()
	for range 3 {
		check(t, e.Adjust(t.Context(), erp.Move{"S-1", "A1", 1}, erp.Move{"W-1", "A1", 1}))
		now := latest()
		if now <= before {
			t.Fatalf("latest chg_seq = %d after %d, want a higher one", now, before)
		}
		before = now
	}
	version := mustBalances(t, e)[0].Version
	mustSeed(t, e)
	if b := mustBalances(t, e)[0]; b.Version <= version || b.ChangeSeq <= before {
		t.Errorf("seeding again gave version %d, chg_seq %d; want above %d, %d", b.Version, b.ChangeSeq, version, before)
	}
}

func TestAFailedBookingBooksNothing(t *testing.T) { onEveryDatabase(t, testFailedBooking) }

func testFailedBooking(t *testing.T, dsn string) {
	e := mustOpen(t, erp.Options{DSN: dsn})
	mustSeed(t, e)
	before := mustBalances(t, e)
	err := e.Adjust(t.Context(), erp.Move{"S-1", "A1", -1}, erp.Move{"S-1", "NOPE", -1})
	if err == nil || !strings.Contains(err.Error(), "no balance of NOPE at S-1") {
		t.Errorf("error = %v, want one that names the pair", err)
	}
	if diff := cmp.Diff(before, mustBalances(t, e)); diff != "" {
		t.Errorf("balances changed (-before +after):\n%s", diff)
	}
}

func TestHeartbeatFollowsTheTicks(t *testing.T) { onEveryDatabase(t, testHeartbeat) }

func testHeartbeat(t *testing.T, dsn string) {
	c := &clock{opening}
	e := mustOpen(t, erp.Options{DSN: dsn, Now: c.now})
	mustSeed(t, e)
	asOf := func() string {
		var s string
		check(t, e.Gateway().QueryRowContext(t.Context(), `SELECT MIN(as_of) FROM ifc_stat`).Scan(&s))
		return s
	}
	if got := asOf(); got != "2026-11-22T05:00:00.000Z" {
		t.Errorf("as_of = %s at the opening", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ticks, done := make(chan time.Time), make(chan struct{})
	c.at = opening.Add(90 * time.Second)
	go func() { defer close(done); e.Run(ctx, ticks) }()
	ticks <- c.at
	ticks <- c.at // received once the beat of the first tick is done
	cancel()
	<-done
	if got := asOf(); got != "2026-11-22T05:01:30.000Z" {
		t.Errorf("as_of = %s after the tick", got)
	}
}

// A database that is away for a while must not end what lives beside it.
func TestAFailedBeatIsMadeUpByTheNext(t *testing.T) {
	c := &clock{opening}
	path := filepath.Join(t.TempDir(), "erp.db")
	e := mustOpen(t, erp.Options{DSN: path, Now: c.now})
	mustSeed(t, e)
	other, err := sql.Open("sqlite", path)
	check(t, err)
	defer other.Close()
	rename := func(from, to string) {
		t.Helper()
		_, err := other.ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to)
		check(t, err)
	}
	rename("ifc_stat", "away")
	ctx, cancel := context.WithCancel(t.Context())
	ticks, done := make(chan time.Time), make(chan struct{})
	c.at = opening.Add(time.Minute)
	go func() { defer close(done); e.Run(ctx, ticks) }()
	ticks <- c.at
	ticks <- c.at // received once the first beat has failed
	cancel()
	<-done
	rename("away", "ifc_stat")

	check(t, e.Heartbeat(t.Context()))
	var got string
	check(t, e.Gateway().QueryRowContext(t.Context(), `SELECT MIN(as_of) FROM ifc_stat`).Scan(&got))
	if got != "2026-11-22T05:01:00.000Z" {
		t.Errorf("as_of = %s after the next beat", got)
	}
}

func TestPriceConditions(t *testing.T) { onEveryDatabase(t, testPrices) }

func testPrices(t *testing.T, dsn string) {
	e := mustOpen(t, erp.Options{DSN: dsn})
	mustSeed(t, e)
	id, err := e.AddPrice(t.Context(), erp.Price{Item: "A1", Kind: erp.PricePromo, Amount: "9.90", From: opening, Name: "特惠"}, "CNY")
	check(t, err)
	check(t, e.EndPrice(t.Context(), id, opening.Add(time.Hour)))
	var got string
	check(t, e.Gateway().QueryRowContext(t.Context(), `SELECT price_typ || ' ' || chan_cd || ' ' || CAST(amt AS VARCHAR(40)) || ' ' || valid_to FROM price_lst WHERE promo_nm = '特惠'`).Scan(&got))
	if got != "PROMO * 9.9 2026-11-22T06:00:00.000Z" && got != "PROMO * 9.90 2026-11-22T06:00:00.000Z" {
		t.Errorf("price row = %q", got)
	}
}

func TestTheGatewayCannotWriteOnSQLite(t *testing.T) {
	e := mustOpen(t, erp.Options{})
	mustSeed(t, e)
	if _, err := e.Gateway().ExecContext(t.Context(), `UPDATE stk_bal SET qty = 0`); err == nil {
		t.Error("a write through the gateway's handle went through")
	}
}

func TestAFileKeepsItsData(t *testing.T) {
	path := t.TempDir() + "/erp with space?.db"
	first, err := erp.Open(t.Context(), erp.Options{DSN: path})
	check(t, err)
	mustSeed(t, first)
	check(t, first.Close())
	if got := len(mustBalances(t, mustOpen(t, erp.Options{DSN: path}))); got != 3 {
		t.Errorf("%d balances after reopening, want 3", got)
	}
}

func TestADatabaseOfSomebodyElseIsRefused(t *testing.T) { onEveryDatabase(t, testForeign) }

func testForeign(t *testing.T, dsn string) {
	driver := "pgx"
	if dsn == "" {
		driver, dsn = "sqlite", filepath.Join(t.TempDir(), "erp.db")
	}
	db, err := sql.Open(driver, dsn)
	check(t, err)
	defer db.Close()
	for _, table := range []string{"customers", "item_mst"} {
		_, err = db.ExecContext(t.Context(), "CREATE TABLE "+table+" (item_cd TEXT)")
		check(t, err)
		_, err = db.ExecContext(t.Context(), "INSERT INTO "+table+" VALUES ('A1')")
		check(t, err)
		e, err := erp.Open(t.Context(), erp.Options{DSN: dsn})
		if err == nil {
			t.Errorf("a database with a table %s was taken", table)
			check(t, e.Close())
		}
		var rows int
		check(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&rows))
		if rows != 1 {
			t.Errorf("%s has %d rows afterwards", table, rows)
		}
		_, err = db.ExecContext(t.Context(), "DROP TABLE "+table)
		check(t, err)
	}
}

func BenchmarkSeed(b *testing.B) {
	data := erp.Data{Currency: "CNY"}
	for l := range 60 {
		for s := range 1200 {
			data.Balances = append(data.Balances, erp.Balance{Location: fmt.Sprintf("S-%02d", l), SKU: fmt.Sprintf("%d", 10_000_000+s), Quantity: s, Ranged: true})
		}
	}
	for b.Loop() {
		e, err := erp.Open(b.Context(), erp.Options{Board: faults.NewBoard(1)})
		if err == nil {
			err = e.Seed(b.Context(), data)
		}
		if err == nil {
			err = e.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
