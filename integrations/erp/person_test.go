package erp_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"

	demo "github.com/portico-retail/portico/integrations/demo/erp"
	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/erp"
	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
)

// personnel is the stand-in ERP with some persons, and a client of it.
type personnel struct {
	*demo.ERP
	board  *faults.Board
	client *erp.Client
	db     *sqlx.DB
}

func openPersonnel(t *testing.T, dsn string) *personnel {
	t.Helper()
	board := faults.NewBoard(3)
	server, err := demo.Open(t.Context(), demo.Options{DSN: dsn, Board: board, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	expired := noon.Add(-time.Hour)
	err = server.Seed(t.Context(), demo.Data{
		Currency: "CNY",
		Customers: []demo.Customer{
			{
				Number: "C-1", Name: "李", Phone: "+8613800000001", PhoneVerified: true, UnionID: "u-1", Birthday: "1990-01-31",
				Tier: "GOLD", Card: "8800000001", Account: "a-1", YearSpend: "1234.50",
			},
			{Number: "C-2", Phone: "+8613800000001"},
		},
		Tiers: []demo.Tier{
			{Code: "PLATINUM", Name: "白金", NameEN: "Platinum", YearSpend: "5000"},
			{Code: "SILVER", Name: "银", NameEN: "Silver"},
			{Code: "GOLD", Name: "金", NameEN: "Gold", YearSpend: "1000"},
		},
		Points: []demo.Points{
			{Customer: "C-1", Reference: "a", Source: "ERP", Points: 100, At: noon.Add(-2 * time.Hour), Expires: expired},
			{Customer: "C-1", Reference: "b", Source: "POS", Points: 30, At: noon.Add(-time.Hour), Name: "门店", NameEN: "Store"},
		},
		Coupons: []demo.Coupon{
			{
				Number: "K-1", Customer: "C-1", Kind: demo.CouponAmount, Amount: "5.00", MinSpend: "50", Dept: "TEA", Channels: []string{"APP", "WEB"},
				Stackable: true, From: noon, To: noon.Add(time.Hour), Name: "五元", NameEN: "Five off",
			},
			{Number: "K-2", Customer: "C-1", Kind: demo.CouponPercent, Percent: 10, From: expired, To: noon, Name: "九折"},
			{Number: "K-3", Customer: "C-1", Kind: demo.CouponDelivery, From: noon.Add(time.Hour), To: noon.Add(2 * time.Hour), Name: "包邮"},
			{Number: "K-4", Customer: "C-1", Kind: demo.CouponDelivery, From: expired, To: noon.Add(time.Hour), UsedRef: "o-0", UsedAt: expired, Name: "包邮"},
			{Number: "K-5", Customer: "C-2", Kind: demo.CouponDelivery, From: expired, To: noon.Add(time.Hour), Name: "包邮"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	one := upstream.Config{MaxAttempts: 1, OpenAfter: 1000}
	db := sqlx.NewDb(server.Gateway(), server.Dialect())
	return &personnel{ERP: server, board: board, db: db, client: mustClient(t, db, erp.Config{Live: one, Feed: one, Write: one})}
}

// onEveryERP runs a test on SQLite and, when PORTICO_TEST_POSTGRES_DSN names a server, on PostgreSQL.
func onEveryERP(t *testing.T, test func(t *testing.T, p *personnel)) {
	t.Run("sqlite", func(t *testing.T) { test(t, openPersonnel(t, "")) })
	t.Run("postgres", func(t *testing.T) {
		dsn := os.Getenv("PORTICO_TEST_POSTGRES_DSN")
		if dsn == "" {
			t.Skip("PORTICO_TEST_POSTGRES_DSN is not set")
		}
		schema := fmt.Sprintf("erp_persons_%d", time.Now().UnixNano())
		db, err := sqlx.Open("pgx", dsn)
		if err != nil {
			t.Fatal(err)
		}
		mustExec(t, db, "CREATE SCHEMA "+schema)
		t.Cleanup(func() {
			if _, err := db.ExecContext(context.WithoutCancel(t.Context()), "DROP SCHEMA "+schema+" CASCADE"); err != nil {
				t.Error(err)
			}
			_ = db.Close()
		})
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set("search_path", schema)
		u.RawQuery = q.Encode()
		test(t, openPersonnel(t, u.String()))
	})
}

func (p *personnel) mustSet(t *testing.T, s faults.State) {
	t.Helper()
	if err := p.board.Set(s); err != nil {
		t.Fatal(err)
	}
}

func (p *personnel) mustCount(t *testing.T, query string) (n int) {
	t.Helper()
	if err := p.db.GetContext(t.Context(), &n, query); err != nil {
		t.Fatal(err)
	}
	return n
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustFail(t *testing.T, err error, code retail.Code) {
	t.Helper()
	if retail.CodeOf(err) != code {
		t.Errorf("err = %v, want %s", err, code)
	}
}

func cny(minor int64) retail.Money { return retail.Money{Minor: minor, CurrencyCode: "CNY"} }

func first() retail.Customer {
	return retail.Customer{
		Number: "C-1", Tier: retail.TierGold, CardNumber: "8800000001", AccountID: "a-1", YearSpend: cny(123450), PointsBalance: 30, AsOf: noon,
		Profile: retail.Profile{Name: "李", Phone: "+8613800000001", PhoneVerified: true, UnionID: "u-1", Birthday: "1990-01-31"},
	}
}

func TestCheckAcceptsTheDemoERP(t *testing.T) {
	onEveryERP(t, func(t *testing.T, p *personnel) {
		before := p.mustCount(t, `SELECT COUNT(*) FROM cust_mst`)
		mustDo(t, p.client.Check(t.Context()))
		if after := p.mustCount(t, `SELECT COUNT(*) FROM cust_mst`); after != before {
			t.Errorf("Check wrote: %d customers, then %d", before, after)
		}
	})
}

func TestCheckNamesTheWriteThatDoesNotFit(t *testing.T) {
	onEveryERP(t, func(t *testing.T, p *personnel) {
		dir := t.TempDir()
		for text, want := range map[string]string{
			`UPDATE cpn_mst SET used_by = :reference WHERE cpn_no = :coupon AND cust_no = :customer AND used_at = :at`: "used_by",
			`UPDATE cpn_mst SET used_ref = :reference WHERE cpn_no = :voucher`:                                         "voucher",
		} {
			mustDo(t, os.WriteFile(dir+"/coupon_redeem.sql", []byte(text), 0o600))
			err := mustClient(t, p.db, erp.Config{SQLDir: dir}).Check(t.Context())
			if err == nil || !strings.Contains(err.Error(), "coupon_redeem.sql") || !strings.Contains(err.Error(), want) {
				t.Errorf("err = %v, want one that names coupon_redeem.sql and %s", err, want)
			}
		}
	})
}

func TestCustomersAreFoundByEachKey(t *testing.T) {
	onEveryERP(t, func(t *testing.T, p *personnel) {
		want := first()
		got, err := p.client.Customer(t.Context(), "C-1")
		if diff := cmp.Diff(&want, got); diff != "" || err != nil {
			t.Errorf("%v, customer (-want +got):\n%s", err, diff)
		}
		for name, keys := range map[string][4]string{
			"verified phone": {"+8613800000001", "", "", ""}, "union id": {"", "u-1", "", ""}, "card": {"", "", "8800000001", ""}, "account": {"", "", "", "a-1"},
			"one of several": {"nobody", "u-1", "nobody", "nobody"},
		} {
			list, err := p.client.FindCustomers(t.Context(), keys[0], keys[1], keys[2], keys[3])
			if diff := cmp.Diff([]retail.Customer{want}, list); diff != "" || err != nil {
				t.Errorf("by %s: %v (-want +got):\n%s", name, err, diff)
			}
		}
		for _, keys := range [][4]string{{}, {"' OR 1=1 --", "", "", ""}, {strings.Repeat("x", 500), "", "", ""}, {"\x00", "\xff", "", ""}} {
			if list, err := p.client.FindCustomers(t.Context(), keys[0], keys[1], keys[2], keys[3]); len(list) != 0 || err != nil {
				t.Errorf("%.20q finds %v, %v", keys, list, err)
			}
		}
		for _, number := range []string{"", "C-9", "\x00"} {
			_, err = p.client.Customer(t.Context(), number)
			mustFail(t, err, retail.CodeNotFound)
		}
	})
}

func TestACustomerIsCreatedOnce(t *testing.T) {
	onEveryERP(t, func(t *testing.T, p *personnel) {
		profile := retail.Profile{Name: "Ann 'x' 名", Phone: "+8613800000009", PhoneVerified: true, Email: "a@b.c", Birthday: "2000-02-29"}
		created := make([]*retail.Customer, 8)
		var wg sync.WaitGroup
		for i := range created {
			wg.Go(func() { created[i], _ = p.client.CreateCustomer(t.Context(), "m-1", profile, "8900000001", "a-9") })
		}
		wg.Wait()
		want := &retail.Customer{
			Tier: retail.TierSilver, CardNumber: "8900000001", AccountID: "a-9", YearSpend: cny(0), AsOf: noon, Profile: profile,
		}
		for _, got := range created {
			if got == nil || got.Number == "" {
				t.Fatal("a creation failed")
			}
			want.Number = created[0].Number
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("created (-want +got):\n%s", diff)
			}
		}
		if n := p.mustCount(t, `SELECT COUNT(*) FROM cust_mst`); n != 3 {
			t.Errorf("%d customers, want 3", n)
		}
		other, err := p.client.CreateCustomer(t.Context(), "m-2", retail.Profile{}, "", "")
		if err != nil || other.Number == want.Number || other.CardNumber != "" {
			t.Errorf("another reference: %+v, %v", other, err)
		}
		changed := *want
		changed.Profile, changed.AccountID = retail.Profile{Name: "Anna"}, ""
		for range 2 {
			mustDo(t, p.client.UpdateCustomer(t.Context(), changed))
		}
		got, err := p.client.CreateCustomer(t.Context(), "m-1", profile, "8900000001", "a-9")
		if diff := cmp.Diff(&changed, got); diff != "" || err != nil {
			t.Errorf("%v, created again after a change (-want +got):\n%s", err, diff)
		}
		mustFail(t, p.client.UpdateCustomer(t.Context(), retail.Customer{Number: "C-9"}), retail.CodeNotFound)
		_, err = p.client.CreateCustomer(t.Context(), "", profile, "", "")
		mustFail(t, err, retail.CodeBadInput)
		_, err = p.client.CreateCustomer(t.Context(), "m-3", retail.Profile{Birthday: "1990-02-30"}, "", "")
		mustFail(t, err, retail.CodeBadInput)
		_, err = p.client.CreateCustomer(t.Context(), "m-3", retail.Profile{Name: "a\x00b"}, "", "")
		mustFail(t, err, retail.CodeBadInput)
	})
}

func TestTierRulesComeLowestFirst(t *testing.T) {
	onEveryERP(t, func(t *testing.T, p *personnel) {
		got, err := p.client.TierRules(t.Context())
		want := []retail.TierRule{
			{Tier: retail.TierSilver, Titles: retail.Text{Chinese: "银", English: "Silver"}, YearSpend: cny(0)},
			{Tier: retail.TierGold, Titles: retail.Text{Chinese: "金", English: "Gold"}, YearSpend: cny(100000)},
			{Tier: retail.TierPlatinum, Titles: retail.Text{Chinese: "白金", English: "Platinum"}, YearSpend: cny(500000)},
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestPointsAreBookedOnceWhoeverTellsOfThem(t *testing.T) {
	onEveryERP(t, func(t *testing.T, p *personnel) {
		entry := retail.PointEntry{Reference: "S-1-7:EARN", Source: retail.SourceShop, Points: 12, At: noon, Titles: retail.Text{English: "Order"}}
		for range 3 {
			mustDo(t, p.client.BookPoints(t.Context(), "C-1", entry))
			_, err := p.BookTillPoints(t.Context(), []demo.TillPoints{{Card: "8800000001", Reference: entry.Reference, Points: 12, At: noon}})
			mustDo(t, err)
		}
		got, err := p.client.Points(t.Context(), "C-1")
		gone := noon.Add(-time.Hour)
		want := []retail.PointEntry{
			entry,
			{Reference: "b", Source: retail.SourcePOS, Points: 30, At: noon.Add(-time.Hour), Titles: retail.Text{Chinese: "门店", English: "Store"}},
			{Reference: "a", Source: retail.SourceERP, Points: 100, At: noon.Add(-2 * time.Hour), ExpiresAt: &gone},
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v, points (-want +got):\n%s", err, diff)
		}
		if x, err := p.client.Customer(t.Context(), "C-1"); err != nil || x.PointsBalance != 42 {
			t.Errorf("balance of %+v, %v, want 42: expired points do not count", x, err)
		}
		mustFail(t, p.client.BookPoints(t.Context(), "C-9", entry), retail.CodeNotFound)
		mustFail(t, p.client.BookPoints(t.Context(), "", entry), retail.CodeNotFound)
		for _, bad := range []retail.PointEntry{
			{Source: retail.SourceShop, Points: 1, At: noon},
			{Reference: "r", Points: 1, At: noon},
			{Reference: "r", Source: retail.SourceShop, Points: 1},
			{Reference: "r", Source: retail.SourceShop, Points: 1 << 40, At: noon},
		} {
			mustFail(t, p.client.BookPoints(t.Context(), "C-1", bad), retail.CodeBadInput)
		}
	})
}

func TestCouponsAsTheyStand(t *testing.T) {
	onEveryERP(t, func(t *testing.T, p *personnel) {
		got, err := p.client.Coupons(t.Context(), "C-1")
		expired := noon.Add(-time.Hour)
		want := []retail.Coupon{
			{Number: "K-3", CustomerNo: "C-1", Kind: retail.CouponDelivery, Titles: retail.Text{Chinese: "包邮"}, ValidFrom: noon.Add(time.Hour), ValidUntil: noon.Add(2 * time.Hour), Status: retail.CouponUsable},
			{
				Number: "K-1", CustomerNo: "C-1", Kind: retail.CouponAmountOff, Amount: cny(500), MinSpend: cny(5000), Category: "TEA",
				Channels: []retail.Channel{retail.ChannelApp, retail.ChannelWeb}, Stackable: true, Titles: retail.Text{Chinese: "五元", English: "Five off"},
				ValidFrom: noon, ValidUntil: noon.Add(time.Hour), Status: retail.CouponUsable,
			},
			{Number: "K-4", CustomerNo: "C-1", Kind: retail.CouponDelivery, Titles: retail.Text{Chinese: "包邮"}, ValidFrom: expired, ValidUntil: noon.Add(time.Hour), Status: retail.CouponUsed, UsedFor: "o-0"},
			{Number: "K-2", CustomerNo: "C-1", Kind: retail.CouponPercentOff, Percent: 10, Titles: retail.Text{Chinese: "九折"}, ValidFrom: expired, ValidUntil: noon, Status: retail.CouponExpired},
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v, coupons (-want +got):\n%s", err, diff)
		}
		if none, err := p.client.Coupons(t.Context(), "C-9"); len(none) != 0 || err != nil {
			t.Errorf("coupons of nobody: %v, %v", none, err)
		}
	})
}

func TestACouponIsRedeemedOnce(t *testing.T) {
	onEveryERP(t, func(t *testing.T, p *personnel) {
		ctx := t.Context()
		for range 2 {
			mustDo(t, p.client.Redeem(ctx, "K-1", "C-1", "o-1", noon))
		}
		mustDo(t, p.client.Redeem(ctx, "K-1", "C-1", "o-1", noon.Add(48*time.Hour))) // a repetition after its time is still one
		for name, err := range map[string]error{
			"used by another order": p.client.Redeem(ctx, "K-1", "C-1", "o-2", noon), "expired": p.client.Redeem(ctx, "K-2", "C-1", "o-2", noon),
			"not yet": p.client.Redeem(ctx, "K-3", "C-1", "o-2", noon), "used long ago": p.client.Redeem(ctx, "K-4", "C-1", "o-2", noon),
			"somebody else's": p.client.Redeem(ctx, "K-5", "C-1", "o-2", noon), "unknown": p.client.Redeem(ctx, "K-9", "C-1", "o-2", noon),
			"a guest's": p.client.Redeem(ctx, "K-5", "", "o-2", noon), "no number": p.client.Redeem(ctx, "", "C-1", "o-2", noon),
		} {
			if !retail.Refused(err, retail.WhyCouponRejected) {
				t.Errorf("%s: %v, want a refusal", name, err)
			}
		}
		mustDo(t, p.client.Release(ctx, "K-1", "o-2")) // not what used it
		if err := p.client.Redeem(ctx, "K-1", "C-1", "o-2", noon); !retail.Refused(err, retail.WhyCouponRejected) {
			t.Errorf("another order released it: %v", err)
		}
		for range 2 {
			mustDo(t, p.client.Release(ctx, "K-1", "o-1"))
		}
		mustDo(t, p.client.Redeem(ctx, "K-1", "C-1", "o-2", noon))
		mustDo(t, p.client.Release(ctx, "K-1", "o-1")) // a late repetition
		if err := p.client.Redeem(ctx, "K-1", "C-1", "o-3", noon); !retail.Refused(err, retail.WhyCouponRejected) {
			t.Errorf("a late release freed it: %v", err)
		}
	})
}

func TestOfTwoOrdersOneGetsTheCoupon(t *testing.T) {
	onEveryERP(t, func(t *testing.T, p *personnel) {
		for round := range 10 {
			var won atomic.Int32
			var winner atomic.Value
			var wg sync.WaitGroup
			for i := range 6 {
				wg.Go(func() {
					reference := fmt.Sprintf("o-%d-%d", round, i)
					switch err := p.client.Redeem(t.Context(), "K-1", "C-1", reference, noon); {
					case err == nil:
						won.Add(1)
						winner.Store(reference)
					case !retail.Refused(err, retail.WhyCouponRejected):
						t.Errorf("%s: %v", reference, err)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Fatalf("%d orders got the coupon", won.Load())
			}
			reference, _ := winner.Load().(string)
			mustDo(t, p.client.Release(t.Context(), "K-1", reference))
		}
	})
}

func TestALostReplyDoesNothingTwice(t *testing.T) {
	onEveryERP(t, func(t *testing.T, p *personnel) {
		x := first()
		x.Profile.Name = "王"
		entry := retail.PointEntry{Reference: "o-1:EARN", Source: retail.SourceShop, Points: 12, At: noon}
		for _, w := range []struct {
			name string
			do   func(ctx context.Context) error
		}{
			{"create", func(ctx context.Context) error {
				_, err := p.client.CreateCustomer(ctx, "m-1", retail.Profile{Name: "Ann"}, "", "")
				return err
			}},
			{"update", func(ctx context.Context) error { return p.client.UpdateCustomer(ctx, x) }},
			{"redeem", func(ctx context.Context) error { return p.client.Redeem(ctx, "K-1", "C-1", "o-1", noon) }},
			{"points", func(ctx context.Context) error { return p.client.BookPoints(ctx, "C-1", entry) }},
		} {
			p.mustSet(t, faults.State{LoseReplies: 1})
			mustFail(t, w.do(t.Context()), retail.CodeUpstreamUnavailable)
			p.mustSet(t, faults.State{})
			for range 2 {
				if err := w.do(t.Context()); err != nil {
					t.Errorf("%s again: %v", w.name, err)
				}
			}
		}
		for query, want := range map[string]int{
			`SELECT COUNT(*) FROM cust_mst`:                                      3,
			`SELECT COUNT(*) FROM cust_mst WHERE cust_nm = '王'`:                  1,
			`SELECT COUNT(*) FROM cpn_mst WHERE used_ref = 'o-1'`:                1,
			`SELECT CAST(SUM(pts) AS BIGINT) FROM pts_led WHERE cust_no = 'C-1'`: 142,
		} {
			if got := p.mustCount(t, query); got != want {
				t.Errorf("%s = %d, want %d", query, got, want)
			}
		}
		p.mustSet(t, faults.State{LoseReplies: 1})
		mustFail(t, p.client.Release(t.Context(), "K-1", "o-1"), retail.CodeUpstreamUnavailable)
		p.mustSet(t, faults.State{})
		mustDo(t, p.client.Release(t.Context(), "K-1", "o-1"))
		mustDo(t, p.client.Redeem(t.Context(), "K-1", "C-1", "o-2", noon))
	})
}

func TestAReplicaThatLagsBehindSaysTryAgain(t *testing.T) {
	onEveryERP(t, func(t *testing.T, p *personnel) {
		p.mustSet(t, faults.State{Stale: true})
		_, err := p.client.CreateCustomer(t.Context(), "m-1", retail.Profile{}, "", "")
		mustFail(t, err, retail.CodeUpstreamUnavailable)
		mustDo(t, p.client.Redeem(t.Context(), "K-1", "C-1", "o-1", noon))
		mustFail(t, p.client.Redeem(t.Context(), "K-1", "C-1", "o-2", noon), retail.CodeUpstreamUnavailable)
		p.mustSet(t, faults.State{})
		_, err = p.client.CreateCustomer(t.Context(), "m-1", retail.Profile{}, "", "")
		mustDo(t, err)
	})
}

func TestTroubleWithPersonsIsSaidAsItIs(t *testing.T) {
	p := openPersonnel(t, "")
	entry := retail.PointEntry{Reference: "r", Source: retail.SourceShop, Points: 1, At: noon}
	reads := map[string]func(ctx context.Context) error{
		"Customer":      func(ctx context.Context) error { _, err := p.client.Customer(ctx, "C-1"); return err },
		"FindCustomers": func(ctx context.Context) error { _, err := p.client.FindCustomers(ctx, "", "u-1", "", ""); return err },
		"Points":        func(ctx context.Context) error { _, err := p.client.Points(ctx, "C-1"); return err },
		"Coupons":       func(ctx context.Context) error { _, err := p.client.Coupons(ctx, "C-1"); return err },
		"TierRules":     func(ctx context.Context) error { _, err := p.client.TierRules(ctx); return err },
	}
	writes := map[string]func(ctx context.Context) error{
		"CreateCustomer": func(ctx context.Context) error {
			_, err := p.client.CreateCustomer(ctx, "m", retail.Profile{}, "", "")
			return err
		},
		"UpdateCustomer": func(ctx context.Context) error { return p.client.UpdateCustomer(ctx, first()) },
		"Redeem":         func(ctx context.Context) error { return p.client.Redeem(ctx, "K-1", "C-1", "o", noon) },
		"Release":        func(ctx context.Context) error { return p.client.Release(ctx, "K-1", "o") },
		"BookPoints":     func(ctx context.Context) error { return p.client.BookPoints(ctx, "C-1", entry) },
	}
	for fault, tc := range map[string]struct {
		state       faults.State
		read, write retail.Code
	}{
		"down":     {faults.State{Down: true}, retail.CodeUpstreamUnavailable, retail.CodeUpstreamUnavailable},
		"errors":   {faults.State{ErrorRate: 1}, retail.CodeUpstreamUnavailable, retail.CodeUpstreamUnavailable},
		"truncate": {faults.State{Truncate: true}, retail.CodeUpstreamUnavailable, ""},
		"garbage":  {faults.State{Garbage: true}, retail.CodeBadUpstream, ""},
		"latency":  {faults.State{LatencyMs: 5000}, retail.CodeTimeout, retail.CodeTimeout},
	} {
		p.mustSet(t, tc.state)
		try := func(name string, call func(ctx context.Context) error, want retail.Code) {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			err := call(ctx)
			if want == "" { // what spoils rows leaves a write alone, but not the reading after it
				return
			}
			if err == nil || retail.CodeOf(err) != want {
				t.Errorf("%s while %s: %v, want %s", name, fault, err, want)
			}
		}
		for name, call := range reads {
			try(name, call, tc.read)
		}
		for name, call := range writes {
			try(name, call, tc.write)
		}
	}
}

func TestUnreadablePersonsAreLeftOut(t *testing.T) {
	db := mustSQLite(t)
	row := func(number string, change ...string) {
		values := map[string]string{"tier_cd": "'GOLD'", "year_amt": "10.00", "curr_cd": "'CNY'", "upd_at": "'2026-11-22T12:00:00.000Z'", "birth_dt": "NULL"}
		for i := 0; i+1 < len(change); i += 2 {
			values[change[i]] = change[i+1]
		}
		mustExec(t, db, fmt.Sprintf(`INSERT INTO cust_mst (cust_no, union_id, phone_flg, tier_cd, year_amt, curr_cd, upd_at, birth_dt) VALUES ('%s','u','N',%s,%s,%s,%s,%s)`,
			number, values["tier_cd"], values["year_amt"], values["curr_cd"], values["upd_at"], values["birth_dt"]))
	}
	row("C-1")
	row("C-2", "tier_cd", "'TIN'")
	row("C-3", "year_amt", "'much'")
	row("C-4", "curr_cd", "'USD'")
	row("C-5", "upd_at", "'yesterday'")
	row("C-6", "birth_dt", "'1990-02-31'")
	row("C-7", "tier_cd", "NULL")
	mustExec(t, db, `INSERT INTO pts_led VALUES ('C-0','a','POS',5,'2026-11-22T12:00:00.000Z',NULL,NULL,NULL), ('C-0','b','FAX',5,'2026-11-22T12:00:00.000Z',NULL,NULL,NULL),
		('C-0','c','POS','x','2026-11-22T12:00:00.000Z',NULL,NULL,NULL), ('C-0','d','POS',5,'now',NULL,NULL,NULL), ('C-0','e','POS',5,'2026-11-22T12:00:00.000Z','never',NULL,NULL),
		('C-0','f','POS',5000000000,'2026-11-22T12:00:00.000Z',NULL,NULL,NULL)`)
	coupon := `('%s','C-1','%s',%s,%s,NULL,'%s',NULL,%s,'N','2026-11-22T12:00:00.000Z','2026-11-23T12:00:00.000Z','O',NULL,NULL,'x',NULL)`
	for i, c := range [][5]string{
		{"AMT", "5", "NULL", "CNY", "NULL"},
		{"AMT", "0", "NULL", "CNY", "NULL"},
		{"AMT", "NULL", "NULL", "CNY", "NULL"},
		{"AMT", "5", "NULL", "USD", "NULL"},
		{"PCT", "NULL", "0", "CNY", "NULL"},
		{"PCT", "NULL", "101", "CNY", "NULL"},
		{"PCT", "NULL", "NULL", "CNY", "NULL"},
		{"GIFT", "5", "5", "CNY", "NULL"},
		{"DLV", "NULL", "NULL", "CNY", "'APP,FAX'"},
	} {
		mustExec(t, db, `INSERT INTO cpn_mst VALUES `+fmt.Sprintf(coupon, fmt.Sprint("K-", i), c[0], c[1], c[2], c[3], c[4]))
	}
	c := mustClient(t, db, erp.Config{})
	// With one left out, two candidates would look like one.
	mustExec(t, db, `UPDATE cust_mst SET union_id = NULL WHERE cust_no <> 'C-1'`)
	for i := 2; i <= 7; i++ {
		number := fmt.Sprint("C-", i)
		mustExec(t, db, fmt.Sprintf(`UPDATE cust_mst SET union_id = 'u' WHERE cust_no = '%s'`, number))
		if list, err := c.FindCustomers(t.Context(), "", "u", "", ""); retail.CodeOf(err) != retail.CodeBadUpstream {
			t.Errorf("customers beside %s: %+v, %v, want no answer", number, list, err)
		}
		mustExec(t, db, `UPDATE cust_mst SET union_id = NULL WHERE cust_no <> 'C-1'`)
	}
	if list, err := c.FindCustomers(t.Context(), "", "u", "", ""); len(list) != 1 || list[0].Number != "C-1" || err != nil {
		t.Errorf("customers %+v, %v, want the readable one", list, err)
	}
	if list, err := c.Points(t.Context(), "C-0"); len(list) != 1 || list[0].Reference != "a" || err != nil {
		t.Errorf("points %+v, %v, want the readable entry", list, err)
	}
	if list, err := c.Coupons(t.Context(), "C-1"); len(list) != 1 || list[0].Number != "K-0" || err != nil {
		t.Errorf("coupons %+v, %v, want the readable one", list, err)
	}
	mustExec(t, db, `DELETE FROM cpn_mst WHERE cpn_no = 'K-0'`)
	_, err := c.Coupons(t.Context(), "C-1")
	mustFail(t, err, retail.CodeBadUpstream)
	_, err = c.Customer(t.Context(), "C-2")
	mustFail(t, err, retail.CodeBadUpstream)
}
