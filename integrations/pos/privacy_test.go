package pos_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/portico-retail/portico/integrations/demo/faults"
	"github.com/portico-retail/portico/retail"
	"github.com/portico-retail/portico/retail/privacy"
)

func TestAPersonIsToldCorrectedAndForgotten(t *testing.T) {
	tr := openTrade(t)
	ctx, c := t.Context(), tr.client
	const phone = "+8613812340099"
	card, err := c.IssueCard(ctx, "made-1", retail.Profile{Name: "Anne Traces", Phone: phone, PhoneVerified: true, Email: "anne@traces.example"})
	if err != nil {
		t.Fatal(err)
	}
	till, err := c.HandOver(ctx, retail.HandOver{
		Reference: "o1/f1", LocationCode: "S-SH01", CardNumber: card.Number, At: tr.clock.now(),
		Lines: []retail.TaskLine{{SKU: "10000001", Quantity: 1, Picked: 1, Paid: retail.Money{Minor: 1990, CurrencyCode: "CNY"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	task := retail.StoreTask{
		Reference: "o2/f1", OrderNumber: "P2", Method: retail.MethodPickup, LocationCode: "S-SH01", ReadyBy: tr.clock.now(), CardNumber: card.Number,
		Contact: retail.Contact{Name: "Anne Traces", Phone: phone}, Note: "for Anne Traces",
		Lines: []retail.TaskLine{{SKU: "10000001", Quantity: 1, Paid: retail.Money{Minor: 1990, CurrencyCode: "CNY"}}},
	}
	if err := c.SendTask(ctx, task); err != nil {
		t.Fatal(err)
	}
	who := privacy.Inquiry{Keys: []string{card.Number}, Orders: []string{"P2", "P3"}, Language: retail.LanguageEnglish}
	told := who
	told.Reference = "copy"
	held, err := c.ExportPerson(ctx, told)
	if err != nil || held.Records != 3 || held.Reference == "" {
		t.Fatalf("%+v %v", held, err)
	}
	var data map[string][]map[string]any
	if err := json.Unmarshal(held.Data, &data); err != nil || len(data["cards"]) != 1 || data["cards"][0]["Phone"] != phone ||
		len(data["receipts"]) != 1 || data["receipts"][0]["Number"] != till.Number ||
		len(data["tasks"]) != 1 || data["tasks"][0]["Note"] != task.Note || data["tasks"][0]["Phone"] != phone || data["tasks"][0]["Order"] != "P2" {
		t.Errorf("%s %v", held.Data, err)
	}
	name, none := "Anna Traces", ""
	fix := privacy.Inquiry{Reference: "fix", Keys: who.Keys}
	if a, err := c.CorrectPerson(ctx, fix, retail.ProfileCorrection{Name: &name, Email: &none}); err != nil || a.Records != 1 {
		t.Fatalf("%+v %v", a, err)
	}
	if got, err := c.Card(ctx, card.Number); err != nil || got.Profile.Name != name || got.Profile.Email != "" || got.Profile.Phone != phone {
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
	gone.Reference, gone.Created = "gone", []string{"made-1", "made-2"}
	if err := tr.stand.POSFaults.Set(faults.State{LoseReplies: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ErasePerson(ctx, gone); err == nil {
		t.Fatal("a lost reply is an answer")
	}
	if err := tr.stand.POSFaults.Set(faults.State{}); err != nil {
		t.Fatal(err)
	}
	first, err := c.ErasePerson(ctx, gone)
	if err != nil || first.Records != 3 {
		t.Fatalf("%+v %v", first, err)
	}
	if again, err := c.ErasePerson(ctx, gone); err != nil || *again != *first {
		t.Errorf("%+v %v", again, err)
	}
	late := task
	late.Reference, late.OrderNumber = "o3/f1", "P3"
	for _, each := range []retail.StoreTask{task, late} {
		if err := c.SendTask(ctx, each); err != nil {
			t.Error(err)
		}
	}
	if found := tr.stand.POS.Mentions("Traces", phone, card.Number); len(found) > 0 {
		t.Errorf("left: %v", found)
	}
	if got, err := c.Task(ctx, task.Reference); err != nil || len(got.Lines) != 1 || got.Status != retail.TaskOpen {
		t.Errorf("the task stays: %+v %v", got, err)
	}
	if _, err := c.Card(ctx, card.Number); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("the card: %v", err)
	}
	if err := c.UpdateCard(ctx, *card); retail.CodeOf(err) != retail.CodeNotFound {
		t.Errorf("a late update: %v", err)
	}
	if _, err := c.IssueCard(ctx, "made-2", card.Profile); retail.CodeOf(err) != retail.CodeConflict {
		t.Errorf("a late card: %v", err)
	}
	if r, err := c.Receipt(ctx, till.Number); err != nil || r.CardNumber != "" || len(r.Lines) != 1 {
		t.Errorf("the receipt stays, without the card: %+v %v", r, err)
	}
}

func TestRepliesAboutPersonsThatAreNotOfTheWire(t *testing.T) {
	for what, body := range map[string]string{
		"no receipt":         `<PrivacyExportReply records="1" currency="CNY"/>`,
		"no count":           `<PrivacyExportReply receipt="r" currency="CNY"/>`,
		"a negative count":   `<PrivacyExportReply receipt="r" records="-1" currency="CNY"/>`,
		"an unknown element": `<PrivacyExportReply receipt="r" records="1" currency="CNY"><Secret/></PrivacyExportReply>`,
		"an unreadable card": `<PrivacyExportReply receipt="r" records="1" currency="CNY"><Card number="1"/></PrivacyExportReply>`,
		"a card with a birthday that is none": `<PrivacyExportReply receipt="r" records="1" currency="CNY"><Card number="1" issuedAt="2026-01-01T00:00:00Z" birthday="x"/>` +
			`</PrivacyExportReply>`,
		"a task of no order":  `<PrivacyExportReply receipt="r" records="1" currency="CNY"><TaskContact reference="t" location="S-1"/></PrivacyExportReply>`,
		"a task of no place":  `<PrivacyExportReply receipt="r" records="1" currency="CNY"><TaskContact reference="t" order="P1"/></PrivacyExportReply>`,
		"a task with content": `<PrivacyExportReply receipt="r" records="1" currency="CNY"><TaskContact reference="t" order="P1" location="S-1"><x/></TaskContact></PrivacyExportReply>`,
		"another reply":       `<PrivacyEraseReply receipt="r" records="1"/>`,
	} {
		t.Run(what, func(t *testing.T) {
			o, c, _ := newOffice(t)
			o.say("PrivacyExport", body)
			held, err := c.ExportPerson(t.Context(), privacy.Inquiry{Reference: "r", Keys: []string{"k"}})
			if retail.CodeOf(err) != retail.CodeBadUpstream {
				t.Errorf("%+v %v", held, err)
			}
		})
	}
	o, c, _ := newOffice(t)
	o.say("PrivacyErase", `<PrivacyEraseReply receipt="r" records="1"><Card number="1" issuedAt="2026-01-01T00:00:00Z"/></PrivacyEraseReply>`)
	if _, err := c.ErasePerson(t.Context(), privacy.Inquiry{Reference: "r"}); retail.CodeOf(err) != retail.CodeBadUpstream {
		t.Errorf("an erasure that tells: %v", err)
	}
	for what, q := range map[string]privacy.Inquiry{
		"no reference":             {},
		"a reference without end":  {Reference: strings.Repeat("x", 129)},
		"a card without end":       {Reference: "r", Keys: []string{strings.Repeat("1", 65)}},
		"an issue without a name":  {Reference: "r", Created: []string{""}},
		"a card without a number ": {Reference: "r", Keys: []string{""}},
		"an order without end":     {Reference: "r", Orders: []string{strings.Repeat("1", 129)}},
	} {
		if _, err := c.ErasePerson(t.Context(), q); retail.CodeOf(err) != retail.CodeBadInput {
			t.Errorf("%s: %v", what, err)
		}
	}
}
