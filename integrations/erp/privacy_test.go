package erp_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/portico-retail/portico/integrations/demo"
	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/erp"
	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

func TestAPersonIsToldCorrectedAndForgotten(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			dsn := ""
			if kind == "postgres" {
				if dsn = os.Getenv("PORTICO_TEST_POSTGRES_DSN"); dsn == "" {
					t.Skip("PORTICO_TEST_POSTGRES_DSN is not set")
				}
			}
			now := func() time.Time { return noon }
			stand, err := demo.StartStand(t.Context(), demo.Builtin(1, noon).Corner(4, 25), demo.StandOptions{ERPDSN: dsn, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := stand.Close(); err != nil {
					t.Error(err)
				}
			})
			one := upstream.Config{MaxAttempts: 1, OpenFor: time.Nanosecond}
			db := sqlx.NewDb(stand.ERP.Gateway(), stand.ERP.Dialect())
			c := mustClient(t, db, erp.Config{Live: one, Feed: one, Write: upstream.Config{MaxAttempts: 2, OpenFor: time.Nanosecond}})
			forget(t, stand, c)
		})
	}
}

func forget(t *testing.T, stand *demo.Stand, c *erp.Client) {
	t.Helper()
	ctx := t.Context()
	const phone = "+8613812340099"
	x, err := c.CreateCustomer(ctx, "made-1", retail.Profile{
		Name: "Anne Traces", Phone: phone, PhoneVerified: true, Email: "anne@traces.example", Birthday: "1990-01-31",
	}, "card-9", "acct-9")
	if err != nil {
		t.Fatal(err)
	}
	earned := retail.PointEntry{Reference: "P1:EARN", Source: retail.SourceShop, Points: 20, At: noon, Titles: retail.Text{Chinese: "购物", English: "Purchase"}}
	if err := c.BookPoints(ctx, x.Number, earned); err != nil {
		t.Fatal(err)
	}
	other, err := c.CreateCustomer(ctx, "made-3", x.Profile, "", "") // another one, whom nobody has linked yet
	if err != nil {
		t.Fatal(err)
	}
	who := privacy.Inquiry{Reference: "copy", Keys: []string{x.Number, "nobody"}, Language: retail.LanguageEnglish}
	held, err := c.ExportPerson(ctx, who)
	if err != nil || held.Records != 2 {
		t.Fatalf("%+v %v", held, err)
	}
	var data map[string][]map[string]any
	if err := json.Unmarshal(held.Data, &data); err != nil || data["customers"][0]["Phone"] != phone || data["points"][0]["Title"] != "Purchase" {
		t.Errorf("%s %v", held.Data, err)
	}
	name, none := "Anna Traces", ""
	fix := privacy.Inquiry{Reference: "fix", Keys: who.Keys}
	for range 2 {
		if a, err := c.CorrectPerson(ctx, fix, retail.ProfileCorrection{Name: &name, Email: &none}); err != nil || a.Records != 1 || a.Reference != "fix" {
			t.Fatalf("%+v %v", a, err)
		}
	}
	got, err := c.Customer(ctx, x.Number)
	if err != nil || got.Profile.Name != name || got.Profile.Email != "" || got.Profile.Phone != phone || got.Profile.Birthday != "1990-01-31" {
		t.Errorf("%+v %v", got, err)
	}

	gone := privacy.Inquiry{Reference: "gone", Keys: who.Keys, Created: []string{"made-2", "made-3"}}
	if err := stand.ERPFaults.Set(faults.State{LoseReplies: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ErasePerson(ctx, gone); err == nil {
		t.Fatal("a lost reply is an answer")
	}
	if err := stand.ERPFaults.Set(faults.State{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if a, err := c.ErasePerson(ctx, gone); err != nil || a.Records != 2 || a.Reference != "gone" {
			t.Fatalf("%+v %v", a, err)
		}
	}
	if found, err := stand.ERP.Mentions(ctx, name, "Anne Traces", phone, "anne@traces.example", "1990-01-31"); len(found) > 0 || err != nil {
		t.Errorf("left: %v %v", found, err)
	}
	if err := c.UpdateCustomer(ctx, *x); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("a late update: %v", err)
	}
	if err := c.UpdateCustomer(ctx, *other); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("a late update of another: %v", err)
	}
	if a, err := c.CorrectPerson(ctx, privacy.Inquiry{Reference: "late", Keys: who.Keys}, retail.ProfileCorrection{Name: &name}); err != nil || a.Records != 0 {
		t.Errorf("a late correction: %+v %v", a, err)
	}
	if made, err := c.CreateCustomer(ctx, "made-2", x.Profile, "", ""); err == nil {
		t.Errorf("a late customer: %+v", made)
	}
	points, err := c.Points(ctx, x.Number)
	if err != nil || len(points) != 1 || points[0].Points != 20 {
		t.Errorf("the points stay: %v %v", points, err)
	}
	// Some ERPs write what is missing as an empty text.
	db := sqlx.NewDb(stand.ERP.Gateway(), stand.ERP.Dialect())
	for number, reference := range map[string]string{"": "made-9", "C-bystander": ""} {
		_, err := db.ExecContext(ctx, db.Rebind(`INSERT INTO cust_mst (cust_no, ref_no, cust_nm, phone_flg, tier_cd, year_amt, curr_cd, upd_at)
			VALUES (?, ?, 'Bystander', 'N', 'SILVER', 0, 'CNY', '2026-11-22T05:00:00.000Z')`), number, reference)
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []privacy.Inquiry{{Reference: "keys", Keys: []string{x.Number}}, {Reference: "made", Created: []string{"made-2"}}} {
		if _, err := c.ErasePerson(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := stand.ERP.Mentions(ctx, "Bystander"); len(found) != 2 || err != nil {
		t.Errorf("what nobody named is erased: %v %v", found, err)
	}
	if a, err := c.ErasePerson(ctx, privacy.Inquiry{Reference: "nobody"}); err != nil || a.Records != 0 {
		t.Errorf("nobody: %+v %v", a, err)
	}
	if _, err := c.ErasePerson(ctx, privacy.Inquiry{Reference: "r", Keys: []string{""}}); retail.CodeOf(err) != retail.CodeBadInput {
		t.Errorf("no number: %v", err)
	}
}
