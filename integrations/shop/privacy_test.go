package shop_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/integrations/shop"
	"github.com/portico-retail/portico/integrations/upstream"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

func TestAPersonIsToldCorrectedAndForgotten(t *testing.T) {
	stand, _, _, c := openShop(t)
	ctx := t.Context()
	const phone, owner = "+8613812340099", "member:m-1"
	account, err := c.CreateAccount(ctx, "made-1", retail.Profile{Name: "Anne Traces", Phone: phone, PhoneVerified: true, Email: "anne@traces.example"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SendCode(ctx, "code-1", phone); err != nil {
		t.Fatal(err)
	}
	cart, err := c.CreateCart(ctx, "cart-1", owner)
	if err != nil {
		t.Fatal(err)
	}
	cart.Note = "for Anne Traces"
	if _, err := c.SaveCart(ctx, "save-1", cart); err != nil {
		t.Fatal(err)
	}
	order := anOrder("P1")
	order.AccountID, order.Contact, order.Note = "", retail.Contact{Name: "Anne Traces", Phone: phone}, "for Anne Traces"
	order.Address = &retail.DeliveryAddress{Recipient: "Anne Traces", Phone: phone}
	if err := c.PlaceOrder(ctx, order); err != nil {
		t.Fatal(err)
	}
	who := privacy.Inquiry{Keys: []string{account.ID}, Owners: []string{owner}, Orders: []string{"P1", "P2"}}
	told := who
	told.Reference = "copy"
	held, err := c.ExportPerson(ctx, told)
	if err != nil || held.Records != 4 || held.Reference == "" {
		t.Fatalf("%+v %v", held, err)
	}
	var data map[string][]json.RawMessage
	if err := json.Unmarshal(held.Data, &data); err != nil || len(data["accounts"]) != 1 || len(data["carts"]) != 1 || len(data["messages"]) != 1 ||
		len(data["orders"]) != 1 || strings.Count(string(data["orders"][0]), "Anne Traces") != 3 {
		t.Errorf("%s %v", held.Data, err)
	}
	name, none := "Anna Traces", ""
	fix := privacy.Inquiry{Reference: "fix", Keys: who.Keys}
	change := retail.ProfileCorrection{Name: &name, Email: &none}
	if a, err := c.CorrectPerson(ctx, fix, change); err != nil || a.Records != 1 {
		t.Fatalf("%+v %v", a, err)
	}
	if got, err := c.Account(ctx, account.ID); err != nil || got.Profile.Name != name || got.Profile.Email != "" || got.Profile.Phone != phone {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := c.CorrectPerson(ctx, fix, retail.ProfileCorrection{Email: &name}); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("another correction under the reference: %v", err)
	}
	day := retail.Date("someday")
	if _, err := c.CorrectPerson(ctx, privacy.Inquiry{Reference: "x"}, retail.ProfileCorrection{Birthday: &day}); retail.CodeOf(err) != retail.CodeBadInput {
		t.Errorf("no birthday: %v", err)
	}

	gone := who
	gone.Reference, gone.Created = "gone", []string{"made-2"}
	if err := stand.ShopFaults.Set(faults.State{LoseReplies: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ErasePerson(ctx, gone); err == nil {
		t.Fatal("a lost reply is an answer")
	}
	if err := stand.ShopFaults.Set(faults.State{}); err != nil {
		t.Fatal(err)
	}
	first, err := c.ErasePerson(ctx, gone)
	if err != nil || first.Records != 4 {
		t.Fatalf("%+v %v", first, err)
	}
	if again, err := c.ErasePerson(ctx, gone); err != nil || *again != *first {
		t.Errorf("%+v %v", again, err)
	}
	late := *order
	late.ID, late.Number = "o-late", "P2"
	for _, each := range []*retail.Order{order, &late} {
		if err := c.PlaceOrder(ctx, each); err != nil {
			t.Error(err)
		}
	}
	if found := stand.Shop.Mentions("Traces", phone, "traces.example"); len(found) > 0 {
		t.Errorf("left: %v", found)
	}
	if _, err := c.Account(ctx, account.ID); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("the account: %v", err)
	}
	if _, err := c.UpdateAccount(ctx, *account); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("a late update: %v", err)
	}
	if _, err := c.CreateCart(ctx, "cart-2", owner); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("a late cart: %v", err)
	}
	if _, err := c.CreateAccount(ctx, "made-2", account.Profile); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("a late account: %v", err)
	}
	back, err := c.CreateAccount(ctx, "made-1", retail.Profile{Name: "Somebody new"})
	if err != nil || back.ID == account.ID {
		t.Errorf("whoever comes back is somebody new: %+v %v", back, err)
	}
}

func TestAPhoneThatNobodyProvedTellsNothing(t *testing.T) {
	_, _, _, c := openShop(t)
	ctx := t.Context()
	const phone = "+8613812340088"
	account, err := c.CreateAccount(ctx, "made-1", retail.Profile{Name: "Eve", Phone: phone})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SendCode(ctx, "code-1", phone); err != nil { // to whose phone it is
		t.Fatal(err)
	}
	told, err := c.ExportPerson(ctx, privacy.Inquiry{Reference: "copy", Keys: []string{account.ID}})
	if err != nil || told.Records != 1 || strings.Contains(string(told.Data), "verification code") {
		t.Errorf("%s %v", told.Data, err)
	}
	if gone, err := c.ErasePerson(ctx, privacy.Inquiry{Reference: "gone", Keys: []string{account.ID}}); err != nil || gone.Records != 1 {
		t.Errorf("%+v %v", gone, err)
	}
}

func TestAnswersAboutPersonsThatAreNotOfTheWire(t *testing.T) {
	for what, body := range map[string]string{
		"no JSON":            `<html>`,
		"no receipt":         `{"records":1,"data":{}}`,
		"no count":           `{"receipt":"r","data":{}}`,
		"a negative count":   `{"receipt":"r","records":-1,"data":{}}`,
		"an absurd count":    `{"receipt":"r","records":1000001,"data":{}}`,
		"no data":            `{"receipt":"r","records":1}`,
		"data of no object":  `{"receipt":"r","records":1,"data":[1]}`,
		"data that is null":  `{"receipt":"r","records":1,"data":null}`,
		"a receipt of lines": `{"receipt":"r\n","records":1,"data":{}}`,
		"too much":           `{"receipt":"r","records":1,"data":{"x":"` + strings.Repeat("x", 3<<20) + `"}}`,
	} {
		t.Run(what, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = fmt.Fprint(w, body)
			}))
			defer server.Close()
			c, err := shop.New(shop.Config{
				HTTP: upstream.HTTPConfig{URL: server.URL}, APIKey: "key", Write: upstream.Config{MaxAttempts: 1, Timeout: 5 * time.Second},
			}, func() []string { return nil }, upstream.NewMetrics(prometheus.NewRegistry()), time.Now)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			held, err := c.ExportPerson(t.Context(), privacy.Inquiry{Reference: "r"})
			if retail.CodeOf(err) != retail.CodeBadUpstream {
				t.Errorf("%+v %v", held, err)
			}
		})
	}
}
