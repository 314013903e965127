package erp_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"github.com/portico-retail/portico/integrations/erp"
	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/catalog"
	"github.com/portico-retail/portico/retail/stock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when every test happens.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// tables are those of docs/wires.md, loosely typed so that a test can also store rubbish on SQLite.
const tables = `
CREATE TABLE price_lst (price_id INTEGER PRIMARY KEY, item_cd TEXT, price_typ TEXT, chan_cd TEXT, tier_cd TEXT, amt NUMERIC(12,2),
  curr_cd TEXT, valid_from TEXT, valid_to TEXT, promo_nm TEXT, promo_nm_en TEXT);
CREATE TABLE loc_mst (loc_cd TEXT PRIMARY KEY, loc_typ TEXT, loc_nm TEXT, loc_nm_en TEXT, ctry_cd TEXT, prov_nm TEXT, city_nm TEXT,
  dist_nm TEXT, addr_ln TEXT, post_cd TEXT, phone_no TEXT, lat DOUBLE PRECISION, lon DOUBLE PRECISION, tz_nm TEXT, pickup_flg TEXT,
  curb_flg TEXT, instant_flg TEXT, pick_min INTEGER, cutoff_tm TEXT, pick_cap INTEGER, status_cd TEXT);
CREATE TABLE loc_hrs (loc_cd TEXT, dow INTEGER, open_tm TEXT, close_tm TEXT);
CREATE TABLE loc_hol (loc_cd TEXT, hol_dt TEXT, open_tm TEXT, close_tm TEXT, hol_nm TEXT);
CREATE TABLE stk_bal (loc_cd TEXT, item_cd TEXT, qty BIGINT, pos_cut BIGINT, safety_qty BIGINT, ranged_flg TEXT, ver BIGINT,
  chg_seq BIGINT, PRIMARY KEY (loc_cd, item_cd));
CREATE TABLE ifc_stat (loc_cd TEXT PRIMARY KEY, as_of TEXT);
CREATE TABLE cust_mst (cust_no TEXT PRIMARY KEY, ref_no TEXT UNIQUE, cust_nm TEXT, phone_no TEXT, phone_flg TEXT, email TEXT, union_id TEXT,
  birth_dt TEXT, tier_cd TEXT, card_no TEXT, acct_id TEXT, year_amt NUMERIC(14,2), curr_cd TEXT, upd_at TEXT);
CREATE TABLE prv_req (req_no TEXT, key_no TEXT, kind_cd TEXT, at TEXT, PRIMARY KEY (req_no, key_no));
CREATE TABLE tier_rule (tier_cd TEXT PRIMARY KEY, tier_nm TEXT, tier_nm_en TEXT, min_amt NUMERIC(14,2), curr_cd TEXT);
CREATE TABLE pts_led (cust_no TEXT, ref_no TEXT, src_cd TEXT, pts BIGINT, at TEXT, expire_at TEXT, pts_nm TEXT, pts_nm_en TEXT,
  PRIMARY KEY (cust_no, ref_no));
CREATE TABLE cpn_mst (cpn_no TEXT PRIMARY KEY, cust_no TEXT, cpn_typ TEXT, amt NUMERIC(12,2), pct INTEGER, min_amt NUMERIC(12,2), curr_cd TEXT,
  dept_cd TEXT, chan_cds TEXT, stack_flg TEXT, valid_from TEXT, valid_to TEXT, stat_cd TEXT, used_ref TEXT, used_at TEXT, cpn_nm TEXT,
  cpn_nm_en TEXT);`

func mustExec(t *testing.T, db *sqlx.DB, script string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), script, args...); err != nil {
		t.Fatal(err)
	}
}

func mustSQLite(t *testing.T) *sqlx.DB {
	t.Helper()
	db, err := sqlx.Open("sqlite", filepath.Join(t.TempDir(), "erp.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	mustExec(t, db, tables)
	return db
}

// mustPostgres makes the tables in a schema of the test's own.
func mustPostgres(t *testing.T) *sqlx.DB {
	t.Helper()
	dsn := os.Getenv("PORTICO_TEST_POSTGRES_DSN")
	if dsn == "" {
		t.Skip("PORTICO_TEST_POSTGRES_DSN is not set")
	}
	db, err := sqlx.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1) // the search path belongs to the connection
	schema := fmt.Sprintf("erp_test_%d", time.Now().UnixNano())
	mustExec(t, db, "CREATE SCHEMA "+schema)
	t.Cleanup(func() {
		_, err := db.ExecContext(context.WithoutCancel(t.Context()), "DROP SCHEMA "+schema+" CASCADE")
		if err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	mustExec(t, db, "SET search_path TO "+schema)
	mustExec(t, db, tables)
	return db
}

func onEveryDatabase(t *testing.T, test func(t *testing.T, db *sqlx.DB)) {
	t.Run("sqlite", func(t *testing.T) { test(t, mustSQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, mustPostgres(t)) })
}

func mustClient(t *testing.T, db *sqlx.DB, cfg erp.Config) *erp.Client {
	t.Helper()
	c, err := erp.New(cfg, db, upstream.NewMetrics(prometheus.NewRegistry()), func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const marks = `INSERT INTO ifc_stat VALUES ('S-1', '2026-11-22T11:59:59Z'), ('S-2', '2026-11-22T13:00:00+08:00'), ('S-3', '2027-01-01T00:00:00Z');`

func markOf(location string, asOf time.Time) stock.Mark {
	return stock.Mark{Location: location, Source: retail.SourceERP, AsOf: asOf}
}

var wantMarks = []stock.Mark{
	markOf("S-1", noon.Add(-time.Second)), markOf("S-2", noon.Add(-7*time.Hour)), markOf("S-3", noon),
}

func balance(location, sku string, version uint32, qty int32) stock.Fact {
	return stock.Fact{
		Location: location, SKU: sku, Source: retail.SourceERP, Version: version, Value: qty, Cut: 2, Safety: 1, Ranged: true,
	}
}

func TestPollReadsChangesPageByPage(t *testing.T) { onEveryDatabase(t, testPoll) }

func testPoll(t *testing.T, db *sqlx.DB) {
	mustExec(t, db, marks)
	mustExec(t, db, `INSERT INTO stk_bal VALUES ('S-1','a',10,2,1,'Y',1,5), ('S-1','b',-3,2,1,'Y',7,3), ('S-2','a',4,2,1,'Y',2,9)`)
	c := mustClient(t, db, erp.Config{PageRows: 2})
	for _, step := range []struct {
		cursor string
		want   stock.Batch
	}{
		{"", stock.Batch{Facts: []stock.Fact{balance("S-1", "b", 7, -3), balance("S-1", "a", 1, 10)}, Cursor: "5", More: true}},
		{"5", stock.Batch{Facts: []stock.Fact{balance("S-2", "a", 2, 4)}, Marks: wantMarks, Cursor: "9"}},
		{"9", stock.Batch{Facts: []stock.Fact{}, Marks: wantMarks, Cursor: "9"}},
		{"10", stock.Batch{Cursor: "10"}}, // an ERP restored from a backup dates nothing
		{"rubbish", stock.Batch{Facts: []stock.Fact{balance("S-1", "b", 7, -3), balance("S-1", "a", 1, 10)}, Cursor: "5", More: true}},
	} {
		got, err := c.Poll(t.Context(), step.cursor)
		if diff := cmp.Diff(step.want, got); diff != "" || err != nil {
			t.Errorf("from %q: err %v, (-want +got):\n%s", step.cursor, err, diff)
		}
	}
}

func TestNowAsksForPairs(t *testing.T) { onEveryDatabase(t, testNow) }

func testNow(t *testing.T, db *sqlx.DB) {
	mustExec(t, db, marks)
	mustExec(t, db, `INSERT INTO stk_bal VALUES ('S-1','a',10,2,1,'Y',1,1), ('S-1','b',1,2,1,'Y',1,2), ('S-2','a',5000000000,2,1,'Y',1,3)`)
	c := mustClient(t, db, erp.Config{})
	got, err := c.Now(t.Context(), []stock.Pair{{Location: "S-1", SKU: "a"}, {Location: "S-2", SKU: "a"}, {Location: "S-2", SKU: "b"}})
	want := stock.Batch{Facts: []stock.Fact{balance("S-1", "a", 1, 10)}, Marks: wantMarks[:1], Quarantined: 1}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("err %v, (-want +got):\n%s", err, diff)
	}
	if got, err := c.Now(t.Context(), nil); len(got.Facts) != 0 || err != nil {
		t.Errorf("no pairs: %+v, %v", got, err)
	}
	if _, err := c.Now(t.Context(), make([]stock.Pair, stock.MaxPairs+1)); retail.CodeOf(err) != retail.CodeLimitExceeded {
		t.Errorf("too many pairs: %v", err)
	}
}

func TestUnreadableBalancesAreLeftOut(t *testing.T) {
	db := mustSQLite(t)
	mustExec(t, db, marks)
	mustExec(t, db, `INSERT INTO ifc_stat VALUES ('S-4', 'yesterday'), ('S 5', '2026-11-22T11:59:59Z')`)
	mustExec(t, db, `INSERT INTO stk_bal VALUES
		('S-1','good',10,2,1,'Y',1,1),
		('S-1','text','ten',2,1,'Y',1,2), ('S-1','null',NULL,2,1,'Y',1,3), ('S-1','wide',2147483648,2,1,'Y',1,4),
		('S-1','cut',1,-2147483649,1,'Y',1,5), ('S-1','safe',1,2,-1,'Y',1,6), ('S-1','safer',1,2,65536,'Y',1,7),
		('S-1','ver',1,2,1,'Y',0,8), ('S-1','vers',1,2,1,'Y',4294967296,9), ('S-1','b c',1,2,1,'Y',1,10), ('S 1','a',1,2,1,'Y',1,11),
		('S-1','half',1.5,2,1,'Y',1,12), (NULL,'a',1,2,1,'Y',1,13)`)
	got, err := mustClient(t, db, erp.Config{}).Poll(t.Context(), "")
	want := stock.Batch{Facts: []stock.Fact{balance("S-1", "good", 1, 10)}, Marks: wantMarks, Cursor: "11", Quarantined: 14}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("err %v, (-want +got):\n%s", err, diff)
	}
}

func TestAnAnswerWithoutAReadableRowIsRefused(t *testing.T) {
	db := mustSQLite(t)
	mustExec(t, db, `INSERT INTO stk_bal VALUES ('S-1','a','?',2,1,'Y',1,1), ('S-1','b','?',2,1,'Y',1,2)`)
	if _, err := mustClient(t, db, erp.Config{}).Poll(t.Context(), ""); retail.CodeOf(err) != retail.CodeBadUpstream {
		t.Errorf("err = %v, want BAD_UPSTREAM", err)
	}
}

func TestPrices(t *testing.T) { onEveryDatabase(t, testPrices) }

func testPrices(t *testing.T, db *sqlx.DB) {
	mustExec(t, db, `INSERT INTO price_lst VALUES
		(1,'a','LIST','*','*',20.00,'CNY','2020-01-01T00:00:00Z',NULL,NULL,NULL),
		(2,'a','LIST','*','*',1234567.90,'CNY','2026-01-01T00:00:00Z',NULL,NULL,NULL),
		(3,'a','LIST','*','*',99.00,'CNY','2027-01-01T00:00:00Z',NULL,NULL,NULL),
		(4,'a','PROMO','APP','*',18.50,'CNY','2026-11-22T12:00:00Z','2026-11-23T00:00:00Z','节','Fest'),
		(5,'a','PROMO','*','*',1.00,'CNY','2026-11-01T00:00:00Z','2026-11-22T12:00:00Z','过','Over'),
		(6,'a','LIST','*','GOLD',17.00,'CNY','2026-01-01T00:00:00Z',NULL,NULL,NULL),
		(7,'a','LIST','FAX','*',17.00,'CNY','2026-01-01T00:00:00Z',NULL,NULL,NULL),
		(8,'a','LIST','*','TIN',17.00,'CNY','2026-01-01T00:00:00Z',NULL,NULL,NULL),
		(9,'a','LIST','*','*',17.00,'USD','2026-01-01T00:00:00Z',NULL,NULL,NULL),
		(10,'a','GIFT','*','*',17.00,'CNY','2026-01-01T00:00:00Z',NULL,NULL,NULL),
		(11,'a','LIST','*','*',-1.00,'CNY','2026-01-01T00:00:00Z',NULL,NULL,NULL),
		(12,'a','LIST','*','*',1.00,'CNY','whenever',NULL,NULL,NULL),
		(13,'b','PROMO','*','*',1.00,'CNY','2026-01-01T00:00:00Z',NULL,NULL,NULL),
		(14,'z','LIST','*','*',1.00,'CNY','2026-01-01T00:00:00Z',NULL,NULL,NULL)`)
	got, err := mustClient(t, db, erp.Config{}).Prices(t.Context(), []string{"a", "b", "c"}, noon)
	ends := noon.Add(12 * time.Hour)
	want := map[string]catalog.SystemPrice{"a": {
		Base: retail.Money{Minor: 123456790, CurrencyCode: "CNY"},
		Offers: []catalog.Offer{
			{
				Promotion: true, Channel: retail.ChannelApp, Price: retail.Money{Minor: 1850, CurrencyCode: "CNY"},
				Titles: retail.Text{Chinese: "节", English: "Fest"}, StartsAt: noon, EndsAt: &ends,
			},
			{
				Tier: retail.TierGold, Price: retail.Money{Minor: 1700, CurrencyCode: "CNY"},
				StartsAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
			},
		},
		AsOf: noon,
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("err %v, (-want +got):\n%s", err, diff)
	}
}

func TestAnERPThatIsDown(t *testing.T) {
	db := mustSQLite(t)
	c := mustClient(t, db, erp.Config{Live: upstream.Config{MaxAttempts: 1}, Feed: upstream.Config{MaxAttempts: 1}})
	_ = db.Close()
	for name, call := range map[string]func() error{
		"poll":      func() error { _, err := c.Poll(t.Context(), ""); return err },
		"now":       func() error { _, err := c.Now(t.Context(), []stock.Pair{{Location: "S-1", SKU: "a"}}); return err },
		"prices":    func() error { _, err := c.Prices(t.Context(), []string{"a"}, noon); return err },
		"locations": func() error { _, _, err := c.Locations(t.Context()); return err },
	} {
		if err := call(); retail.CodeOf(err) != retail.CodeUpstreamUnavailable {
			t.Errorf("%s: err = %v, want UPSTREAM_UNAVAILABLE", name, err)
		}
	}
	for range 5 {
		_, _ = c.Now(t.Context(), []stock.Pair{{Location: "S-1", SKU: "a"}})
	}
	if c.Status() != retail.StatusDown {
		t.Error("the client does not know that the ERP is down")
	}
}

func TestCheckNamesTheQueryThatDoesNotFit(t *testing.T) { onEveryDatabase(t, testCheck) }

func testCheck(t *testing.T, db *sqlx.DB) {
	if err := mustClient(t, db, erp.Config{}).Check(t.Context()); err != nil {
		t.Fatalf("the built-in queries: %v", err)
	}
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"columns are missing": {"SELECT loc_cd AS location FROM ifc_stat", []string{"stock_marks.sql", "lacks the column as_of"}},
		"a table is missing":  {"SELECT a AS location, b AS as_of FROM nowhere", []string{"stock_marks.sql", "nowhere"}},
		"an unknown parameter": {
			"SELECT loc_cd AS location, as_of FROM ifc_stat WHERE loc_cd = :place", []string{"stock_marks.sql", "place"},
		},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "stock_marks.sql"), []byte("-- what? :none\n"+tc.text+";\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := mustClient(t, db, erp.Config{SQLDir: dir, Feed: upstream.Config{MaxAttempts: 1}}).Check(t.Context())
		for _, word := range tc.want {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: err = %v, want it to say %q", name, err, word)
			}
		}
	}
}

func TestAQueryCanBeReplaced(t *testing.T) {
	db, dir := mustSQLite(t), t.TempDir()
	text := "-- another ERP: what a place has\nSELECT 'S-7' AS location, '2026-11-22T11::00::00Z' AS as_of, 1 AS extra;\n"
	if err := os.WriteFile(filepath.Join(dir, "stock_marks.sql"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := mustClient(t, db, erp.Config{SQLDir: dir}).Poll(t.Context(), "")
	if diff := cmp.Diff([]stock.Mark{markOf("S-7", noon.Add(-time.Hour))}, got.Marks); diff != "" || err != nil {
		t.Errorf("err %v, (-want +got):\n%s", err, diff)
	}
}

func TestConfig(t *testing.T) {
	misspelt := t.TempDir()
	if err := os.WriteFile(filepath.Join(misspelt, "stock_mark.sql"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db := mustSQLite(t)
	for name, tc := range map[string]struct {
		cfg erp.Config
		ok  bool
	}{
		"zero is the default": {erp.Config{}, true},
		"no currency code":    {erp.Config{Currency: "yuan"}, false},
		"huge pages":          {erp.Config{PageRows: 50_001}, false},
		"no such directory":   {erp.Config{SQLDir: filepath.Join(misspelt, "none")}, false},
		"a misspelt query":    {erp.Config{SQLDir: misspelt}, false},
		"a bad guard":         {erp.Config{Feed: upstream.Config{MaxAttempts: 9}}, false},
	} {
		_, err := erp.New(tc.cfg, db, upstream.NewMetrics(prometheus.NewRegistry()), time.Now)
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
